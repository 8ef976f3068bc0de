"""The page of a siting plan in a browser without a network: map, layers, windows, tables; hostile names stay text."""

import runpy
from pathlib import Path

import pytest

from carecircle.report.siting import Surroundings, sites_html

pytestmark = pytest.mark.browser
made = runpy.run_path(str(Path(__file__).with_name("sited_town.py")))
NASTY = made["NASTY"]


def page_of(*, language="zh", phased=False, nasty=False):
    study, plan = made["sited"](nasty=nasty, phased=phased)
    after = made["rings_after"](study)
    years = {2025: after, 2026: after} if phased else {}
    around = Surroundings(rings_after=after, rings_by_year=years, candidates=made["candidates"](nasty=nasty))
    return sites_html(plan, study, around, language=language)


@pytest.fixture(scope="module")
def page():
    return page_of()


def wait(browser, ready):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    return WebDriverWait(browser, 10).until(ready)


def pins(browser):
    return browser.find_elements("class name", "cc-site")


def layer(browser, words):
    """Return the switch of a layer."""
    labels = browser.find_elements("css selector", ".leaflet-control-layers label")
    return next(one for one in labels if one.text.strip() == words).find_element("tag name", "input")


def window(browser):
    """Return the words of the window that is open; one that is fading away may still be there."""
    found = "return [...document.querySelectorAll('.cc-popup')].map(function (one) { return one.innerText; }).pop()"
    return wait(browser, lambda driver: driver.execute_script(found))


def test_opens_whole(opened, page):
    browser = opened(page)
    assert browser.find_element("id", "standing").text.endswith("可行，距上界不超过 1.2%")
    cards = [one.text for one in browser.find_elements("css selector", ".card .big")]
    assert cards == ["3 处", "2,001", "57.1% → 66.6%", "1.2%"]
    assert [pin.text for pin in sorted(pins(browser), key=lambda one: one.text)] == ["1", "2", "3"]
    rows = browser.find_elements("css selector", "#table-4 tbody tr")
    assert len(rows) == 4
    assert "文林街道原第三小学" in rows[0].text
    assert len(browser.find_elements("css selector", "#curve polyline")) == 2
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_a_site_tells_why(opened, page):
    browser = opened(page)
    browser.find_elements("css selector", "[data-site]")[1].click()
    words = window(browser)
    assert "北营镇原粮管所" in words
    assert made["TEXTS"]["reason"][1] in words
    assert "第 2 位 · 闲置资产清单" in words
    assert words.index("为什么选这里") < words.index("新增覆盖60+人口")


def test_layers_go_and_come(opened, page):
    browser = opened(page)
    layer(browser, "建议新建").click()
    assert pins(browser) == []
    legend = "return [...document.querySelectorAll('[data-theme]')].filter(p => !p.hidden).map(p => p.innerText.trim())"
    assert browser.execute_script(legend) == ["建设前已覆盖\n建设后新增"]
    layer(browser, "建设后服务圈").click()
    (shown,) = browser.execute_script(legend)
    assert shown.split("\n") == ["5 分钟以内", "10 分钟以内", "15 分钟以内"]
    browser.find_elements("css selector", "[data-site]")[0].click()
    assert "文林街道原第三小学" in window(browser)
    assert len(pins(browser)) == 3


def test_before_and_after_are_not_the_same(opened, page):
    browser = opened(page)
    count = "return JSON.parse(document.getElementById('cc-data').textContent).uncovered[arguments[0]].people.length"
    before, after = (browser.execute_script(count, key) for key in ("before", "after"))
    assert before - after == len(made["plan"](made["town"]()).assignment)
    assert not layer(browser, "建设前未覆盖").is_selected()
    assert layer(browser, "建设后仍未覆盖").is_selected()


def test_years_are_switched_one_by_one(opened):
    browser = opened(page_of(phased=True))
    assert len(pins(browser)) == 3
    layer(browser, "2027 年建议新建").click()
    assert sorted(pin.text for pin in pins(browser)) == ["1", "2"]
    layer(browser, "2025 年底服务圈").click()
    assert layer(browser, "2025 年底服务圈").is_selected()
    assert "2027" in browser.find_element("id", "table-4").text


def test_hostile_names_stay_text(opened):
    browser = opened(page_of(nasty=True))
    browser.find_elements("css selector", "[data-site]")[0].click()
    assert NASTY[0] in window(browser)
    assert NASTY[1] in browser.find_element("id", "table-4").text
    assert browser.find_elements("css selector", "main img[src=x]") == []


def test_in_english(opened):
    browser = opened(page_of(language="en"))
    assert browser.find_element("id", "standing").text.endswith("feasible, within 1.2% of the upper bound")
    assert layer(browser, "Still not reached").is_selected()
    assert browser.execute_script("return document.documentElement.lang") == "en"
