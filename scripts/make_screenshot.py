"""Make docs/images/demo-map.png, or demo-dashboard.png: the demo city's pages in headless Chromium.

Needs chromium and chromedriver (apt-get install chromium chromium-driver fonts-noto-cjk) and the test extra.

    python scripts/make_screenshot.py --out docs/images/demo-map.png
    python scripts/make_screenshot.py --dashboard results/demo/dashboard.html --out docs/images/demo-dashboard.png
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from selenium import webdriver

import carecircle

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--host-resolver-rules=MAP * ~NOTFOUND")

WAIT = "setTimeout(arguments[0], 2000)"


def screenshot(page: Path, out: Path, size: tuple[int, int], view: tuple[float, float, float] | None) -> None:
    """Open a page from a file, with no network, look at (lon, lat, zoom) of a map, and write what it shows."""
    width, height = size
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("no chromium")
    for flag in (*FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver") or sys.exit("no chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(page.resolve().as_uri())
        browser.execute_async_script(WAIT)  # the page first fits the whole area into the window
        if view is not None:
            lon, lat, zoom = view
            move = "carecircle_map.setView([arguments[0], arguments[1]], arguments[2], {animate: false})"
            browser.execute_script(move, lat, lon, zoom)
        browser.execute_async_script(WAIT)
        out.parent.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(out))
    finally:
        browser.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo-map.png"))
    parser.add_argument("--map", type=Path, help="a map.html to show; default: that of a new run of the demo city")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--view", type=float, nargs=3, default=(101.634, 24.6325, 14), metavar=("LON", "LAT", "ZOOM"))
    parser.add_argument("--dashboard", type=Path, help="a dashboard.html to show instead")
    given = parser.parse_args()
    if given.dashboard is not None:
        screenshot(given.dashboard, given.out, tuple(given.size), None)
        print(given.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        page = given.map
        if page is None:
            carecircle.run(carecircle.demo_file("plan"), out=Path(folder) / "demo")
            page = Path(folder) / "demo" / "map.html"
        screenshot(page, given.out, tuple(given.size), tuple(given.view))
    print(given.out)


if __name__ == "__main__":
    main()
