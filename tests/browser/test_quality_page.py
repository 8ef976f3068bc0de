"""The quality report as a planner uses it: choosing, searching and printing, in a browser without a network."""

import time

import pandas as pd
import pytest

from carecircle.report import quality_html

pytestmark = pytest.mark.browser

ROWS = [
    ("read", "台账.xlsx", "在营", None, None, 312, "读入 312 行。"),
    ("mended", "台账.xlsx", "在营", 3, "床位数", 45, "全角数字已改为半角。"),
    ("dropped", "台账.xlsx", "在营", 57, "经度", 1, "整行略去：“没有”不是数字。"),
    ("far", "台账.xlsx", "在营", 70, None, 1, "“翠湖中心”距最近道路 120 米。"),
    ("far", "人口.csv", None, 71, None, 1, "“Cuihu”距最近道路 300 米。"),
    ("mapped", "人口.csv", None, None, "60岁以上", 1, "作为“people_60”读取。"),
]


def found(rows):
    names = ["action", "file", "sheet", "row", "column", "count", "message"]
    return pd.DataFrame(rows, columns=names).astype({"row": "Int64", "count": "Int64"})


@pytest.fixture(scope="module")
def page():
    return quality_html(
        found(ROWS), title="示例县", basis=[("坐标系", "WGS 84")], files={"人口.csv": {"sha256": "ab" * 32}}
    )


def shown(browser):
    rows = browser.find_elements("css selector", "#rows tr")
    return [row.find_elements("tag name", "td")[-1].text for row in rows if row.is_displayed()]


def choose(browser, name, value):
    browser.find_element("css selector", f"#{name} option[value='{value}']").click()


def said(browser):
    return browser.find_element("id", "said").text


def test_opens_whole(opened, page):
    browser = opened(page)
    assert browser.title == "数据质量报告 · 示例县"
    assert browser.find_element("css selector", ".lead").text.startswith("有 3 处需要核改")
    assert browser.find_element("id", "tools").is_displayed()
    assert len(shown(browser)) == 6
    assert said(browser) == "显示 6 / 6 条"
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_rows_by_kind_and_file(opened, page):
    browser = opened(page)
    choose(browser, "which", "group need")
    assert said(browser) == "显示 3 / 6 条"
    choose(browser, "which", "action far")
    assert shown(browser) == ["“Cuihu”距最近道路 300 米。", "“翠湖中心”距最近道路 120 米。"]
    choose(browser, "file", "1")
    assert shown(browser) == ["“翠湖中心”距最近道路 120 米。"]
    choose(browser, "which", "group done")
    assert shown(browser) == ["全角数字已改为半角。"]
    choose(browser, "which", "")
    choose(browser, "file", "")
    assert len(shown(browser)) == 6


def test_rows_by_words(opened, page):
    browser = opened(page)
    box = browser.find_element("id", "words")
    box.send_keys(" CUIHU ")
    assert shown(browser) == ["“Cuihu”距最近道路 300 米。"]
    box.send_keys("\ue00c")
    assert len(shown(browser)) == 6
    box.send_keys("57")
    assert shown(browser) == ["整行略去：“没有”不是数字。"]
    box.send_keys("没有这样的\ue007")
    assert shown(browser) == []
    assert said(browser) == "显示 0 / 6 条"
    assert browser.find_element("id", "words").get_attribute("value"), "Enter does not load the page anew"


def test_a_clean_report_is_green(opened):
    browser = opened(quality_html(found(ROWS[:1]), title="示例县"))
    assert browser.find_element("css selector", ".lead.good").is_displayed()
    assert browser.find_elements("css selector", ".hints") == []


def test_an_empty_report_opens(opened):
    browser = opened(quality_html(found([]), title="示例县", language="en"))
    assert browser.find_element("css selector", ".lead").text == "There is nothing to report."


def test_a_full_page_is_quick(opened):
    rows = [
        ("far", f"{at % 7}.csv", None, at, None, 1, f"“第{at}养老服务中心”距最近道路 {at} 米。") for at in range(2500)
    ]
    browser = opened(quality_html(found(rows), title="示例县"))
    begun = time.perf_counter()
    browser.find_element("id", "words").send_keys("第1")
    assert time.perf_counter() - begun < 5
    assert int(said(browser).split()[1]) > 100


def test_what_is_printed(opened, page):
    browser = opened(page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.find_element("id", "tools").is_displayed()
        assert len(shown(browser)) == 6
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_colours_can_be_read(opened, page):
    """WCAG 2.1, success criterion 1.4.3: 4.5 to 1 for every piece of text."""
    worst = opened(page).execute_script("""
        function light(colour) {
          var parts = colour.match(/[\\d.]+/g).slice(0, 3).map(function (part) {
            var value = part / 255;
            return value <= 0.03928 ? value / 12.92 : Math.pow((value + 0.055) / 1.055, 2.4); });
          return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        }
        function ground(node) {
          for (; node; node = node.parentElement) {
            var colour = getComputedStyle(node).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)' && colour !== 'transparent') { return colour; }
          }
          return 'rgb(255, 255, 255)';
        }
        return Array.prototype.map.call(document.querySelectorAll('body *'), function (node) {
          var own = Array.prototype.some.call(node.childNodes, function (child) {
            return child.nodeType === 3 && child.data.trim() && child.data.trim() !== '–'; });
          if (!own || !node.offsetParent || node.tagName === 'SCRIPT') { return 99; }
          var pair = [light(getComputedStyle(node).color), light(ground(node))].sort(function (a, b) { return b - a; });
          return (pair[0] + 0.05) / (pair[1] + 0.05);
        }).reduce(function (a, b) { return Math.min(a, b); });""")
    assert worst >= 4.5
