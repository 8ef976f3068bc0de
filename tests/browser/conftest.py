"""Headless Chromium with no network, for pages opened from a file."""

import json
import shutil

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1366,768",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A driver whose browser cannot reach anything but files."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("no chromium: apt-get install chromium chromium-driver")
    from selenium import webdriver  # noqa: PLC0415  only where there is a browser

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.setBlockedURLs", {"urls": ["http://*", "https://*", "ws://*", "wss://*"]}
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1366, "height": 768, "deviceScaleFactor": 1, "mobile": False},
    )
    yield browser
    browser.quit()


@pytest.fixture
def opened(chromium, tmp_path):
    """Open HTML as a file; afterwards: no error in the console, and nothing was asked of a network."""

    def show(page):
        path = tmp_path / "map.html"
        path.write_text(page, "utf-8", newline="")
        chromium.get(path.as_uri())
        return chromium

    chromium.get_log("browser")
    chromium.get_log("performance")
    yield show
    assert [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
