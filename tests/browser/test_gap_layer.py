"""The gaps on the map: marks, windows, and the links that other pages make to them."""

import runpy
from pathlib import Path

import pytest

from carecircle.report import map_html

pytestmark = pytest.mark.browser
made = runpy.run_path(str(Path(__file__).with_name("gap_town.py")))
gap_town, town, NASTY = made["gap_town"], made["town"], made["NASTY"]


@pytest.fixture(scope="module")
def study():
    return gap_town()


@pytest.fixture(scope="module")
def page(study):
    return map_html(study)


def wait(browser, ready):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    return WebDriverWait(browser, 10).until(ready)


def marks(browser):
    return browser.find_elements("class name", "cc-gap")


def go(browser, words):
    browser.execute_script("window.location.hash = arguments[0]", words)


def window(browser):
    """The words of the window that is open; one that is fading away may still be there."""
    found = "return [...document.querySelectorAll('.cc-popup')].map(function (one) { return one.innerText; }).pop()"
    return wait(browser, lambda driver: driver.execute_script(found))


def test_each_unit_has_a_mark_and_the_list_counts_gaps(opened, page):
    browser = opened(page)
    assert len(marks(browser)) == 12
    entry = browser.find_elements("css selector", ".leaflet-control-layers-overlays label")[0]
    assert entry.text.split() == ["缺口", "15"]
    assert sum(mark.text == "2" for mark in marks(browser)) == 3
    browser.find_elements("css selector", ".leaflet-control-layers-overlays input")[0].click()
    assert marks(browser) == []
    legend = browser.find_element("id", "cc-gap-legend").text
    assert all(words in legend for words in ("无设施", "超出时限", "停业或未投用", "面积不足"))


def test_a_study_without_gaps_has_no_layer(opened):
    browser = opened(map_html(town()))
    assert marks(browser) == []
    assert browser.find_elements("id", "cc-gap-legend") == []
    assert "缺口" not in browser.find_element("class name", "leaflet-control-layers").text


def test_a_window_tells_everything(opened, page, study):
    browser = opened(page)
    gap = study.gaps[study.gaps["target_id"] == "YX-20"].iloc[0]
    go(browser, f"gap={gap['gap_id']}")
    said = window(browser)
    titles = "城市社区养老服务设施覆盖率", "一刻钟居家养老服务圈", gap["name"], study.facilities["name"][0]
    people = "60 岁及以上人口", "500", "80 岁及以上人口", "60", "77"
    for words in (*titles, *people, "示例县 城关镇", "超出时限", "901 米", "18.8 分钟", "新建"):
        assert words in said, words
    assert said.index("YX-20") < said.index("YX-05")  # the one that was asked for comes first
    assert browser.execute_script("return carecircle_map.getZoom()") >= 15
    centre = browser.execute_script("var c = carecircle_map.getCenter(); return [c.lng, c.lat]")
    assert abs(centre[0] - gap.geometry.x) < 0.02
    assert abs(centre[1] - gap.geometry.y) < 0.02


def test_unknown_numbers_have_words(opened, page, study):
    browser = opened(page)
    by_people = study.gaps.sort_values("people_60", ascending=False).drop_duplicates("area_id")
    go(browser, f"gap={by_people['gap_id'].iloc[1]}")
    assert "无数据" in window(browser)
    browser.execute_script("carecircle_map.closePopup()")
    wait(browser, lambda driver: not driver.find_elements("class name", "cc-popup"))
    go(browser, f"gap={by_people['gap_id'].iloc[2]}")
    assert "未到达" in window(browser)


def test_a_link_from_another_page_opens_at_once(opened, page, study, tmp_path):
    browser = opened(page)
    gap = study.gaps.iloc[5]
    browser.get("about:blank")
    browser.get((tmp_path / "map.html").as_uri() + f"#gap={gap['gap_id']}")
    assert gap["name"] in window(browser)
    assert browser.execute_script("return carecircle_map.getZoom()") >= 15


def test_one_target_only_and_back(opened, page):
    browser = opened(page)
    notice = browser.find_element("id", "cc-only")
    assert not notice.is_displayed()
    browser.find_elements("css selector", ".leaflet-control-layers-overlays input")[0].click()
    go(browser, "target=YX-20")
    wait(browser, lambda driver: len(marks(driver)) == 3)
    assert "YX-20 一刻钟居家养老服务圈" in notice.text
    assert all(mark.text == "" for mark in marks(browser))
    marks(browser)[0].click()
    assert "YX-05" not in window(browser)
    notice.find_element("tag name", "button").click()
    wait(browser, lambda driver: len(marks(driver)) > 3 or driver.execute_script("carecircle_map.setZoom(12)"))
    assert not notice.is_displayed()


@pytest.mark.parametrize("words", ["gap=nothing", "target=XX-99", "gap=%E0%A4%A", "target=<img src=x>", "", "=", "gap"])
def test_links_that_lead_nowhere_show_everything(opened, page, words):
    browser = opened(page)
    go(browser, words)
    assert len(marks(browser)) == 12
    assert not browser.find_element("id", "cc-only").is_displayed()


def test_panels_do_not_cover_each_other(opened, page):
    browser = opened(page)
    go(browser, "target=YX-20")
    wait(browser, lambda driver: len(marks(driver)) == 3)
    boxes = browser.execute_script("""
        return ['#cc-title', '#cc-foot', '#cc-legend', '.leaflet-control-layers'].map(function (name) {
          var box = document.querySelector(name).getBoundingClientRect();
          return [box.left, box.top, box.right, box.bottom]; });""")
    assert all(0 <= left < right <= 1366 and 0 <= top < bottom <= 768 for left, top, right, bottom in boxes)
    pairs = [(one, two) for place, one in enumerate(boxes) for two in boxes[:place]]
    assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for a, b in pairs)


def test_hostile_names_stay_text(opened):
    study = gap_town(nasty=True)
    browser = opened(map_html(study))
    for key in study.gaps["gap_id"].iloc[:4]:
        go(browser, f"gap={key}")
        assert window(browser)
    assert browser.find_elements("tag name", "img") == []
    assert browser.find_elements("css selector", "[onmouseover], [onerror]") == []
    assert NASTY[0] in window(browser)


def test_many_units_gather(opened):
    study = gap_town(units=450)
    browser = opened(map_html(study, language="en"))
    browser.execute_script("carecircle_map.setView(carecircle_map.getCenter(), 11, {animate: false})")
    wait(browser, lambda driver: 0 < len(marks(driver)) < 100)  # marks that gather move there first
    go(browser, f"gap={study.gaps['gap_id'].iloc[7]}")
    assert "What could be done" in window(browser)
