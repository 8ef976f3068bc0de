"""The map page as a planner uses it, in a browser without a network."""

import runpy
from pathlib import Path

import pytest

from carecircle.report import map_html

pytestmark = pytest.mark.browser
made = runpy.run_path(str(Path(__file__).with_name("town.py")))
town, NASTY = made["town"], made["NASTY"]


@pytest.fixture(scope="module")
def page():
    return map_html(town())


def type_into(browser, words):
    box = browser.find_element("id", "cc-query")
    box.clear()
    box.send_keys(words)
    return box


def popups(browser, wanted):
    """Return whether a window with these words opens; one that is fading away may still be there."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    def shown(driver):
        return any(wanted in node.text for node in driver.find_elements("class name", "cc-popup"))

    return WebDriverWait(browser, 10).until(shown)


def painted(browser):
    """Number of pixels that the canvas of areas and points has painted."""
    return browser.execute_script("""
        var canvas = carecircle_map.cc.canvas._container, pixels;
        carecircle_map.cc.canvas._redraw();
        pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.filter(function (value, i) { return i % 4 === 3 && value > 0; }).length;""")


def test_opens_whole(opened, page):
    browser = opened(page)
    assert browser.title == "示例县一刻钟养老服务圈"
    for name in ("cc-title", "cc-legend", "cc-foot", "cc-north"):
        assert browser.find_element("id", name).is_displayed()
    assert browser.find_element("class name", "leaflet-control-scale").text.endswith(("米", "公里"))
    assert len(browser.find_elements("class name", "cc-mark")) == 26
    assert painted(browser) > 10_000
    assert browser.execute_script("return document.documentElement.lang") == "zh-CN"


def test_panels_do_not_cover_each_other(opened, page):
    browser = opened(page)
    for theme in range(4):
        browser.find_elements("css selector", ".leaflet-control-layers-base input")[theme].click()
        boxes = browser.execute_script("""
            return ['#cc-title', '#cc-foot', '#cc-legend', '.leaflet-control-layers'].map(function (name) {
              var box = document.querySelector(name).getBoundingClientRect();
              return [box.left, box.top, box.right, box.bottom]; });""")
        assert all(
            0 <= left < right <= 1366 and 0 <= top < bottom <= 768 for left, top, right, bottom in boxes
        )
        apart = [
            one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            for place, one in enumerate(boxes)
            for two in boxes[:place]
        ]
        assert all(apart)


def test_a_layer_goes_and_comes(opened, page):
    browser = opened(page)
    tick = browser.find_elements("css selector", ".leaflet-control-layers-overlays input")[0]
    tick.click()
    fewer = len(browser.find_elements("class name", "cc-mark"))
    tick.click()
    assert fewer < len(browser.find_elements("class name", "cc-mark")) == 26


def test_a_theme_brings_its_legend(opened, page):
    browser = opened(page)
    rings = painted(browser)
    browser.find_elements("css selector", ".leaflet-control-layers-base input")[3].click()
    shown = [
        block.get_attribute("data-theme")
        for block in browser.find_elements("css selector", "[data-theme]")
        if block.is_displayed()
    ]
    assert shown == ["theme_community"]
    assert painted(browser) > rings
    assert browser.execute_script("""
        var first = carecircle_map.cc.canvas._drawFirst, last = carecircle_map.cc.canvas._drawLast;
        return theme_community.hasLayer(first.layer) && uncovered.hasLayer(last.layer);""")


def test_a_facility_tells_about_itself(opened, page):
    browser = opened(page)
    browser.execute_script("kind_1.getLayers()[2].getElement().click()")
    assert popups(browser, "床位")
    assert browser.execute_script("return carecircle_map.cc.own.getLayers().length") == 3
    browser.execute_script("carecircle_map.closePopup()")
    assert browser.execute_script("return carecircle_map.cc.own.getLayers().length") == 0


def test_a_canvas_point_can_be_clicked(opened, page):
    from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415

    browser = opened(page)
    browser.find_elements("css selector", ".leaflet-control-layers-base input")[3].click()
    at = browser.execute_script("""
        var point = uncovered.getLayers()[0], at;
        carecircle_map.setView(point.getLatLng(), 17, {animate: false});
        at = carecircle_map.latLngToContainerPoint(point.getLatLng());
        return [at.x, at.y];""")
    ActionChains(browser).move_by_offset(*map(int, at)).click().perform()
    ActionChains(browser).move_by_offset(*(-int(value) for value in at)).perform()
    assert popups(browser, "到达时间")


def test_search_by_keyboard(opened, page):
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415

    browser = opened(page)
    box = type_into(browser, "西山")
    box.send_keys(Keys.ENTER)
    assert popups(browser, "西山乡")
    box = type_into(browser, "翠湖")
    found = browser.find_elements("css selector", "#cc-found [role=option]")
    assert len(found) > 1
    wanted = found[1].find_element("tag name", "span").text
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert popups(browser, wanted)
    type_into(browser, "nowhere")
    assert browser.find_element("css selector", "#cc-found .cc-none").text == "没有找到"
    box.send_keys(Keys.ESCAPE)
    assert not browser.find_element("id", "cc-found").is_displayed()


def test_search_shows_a_hidden_kind(opened, page):
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415

    browser = opened(page)
    for tick in browser.find_elements("css selector", ".leaflet-control-layers-overlays input")[:5]:
        tick.click()
    assert browser.find_elements("class name", "cc-mark") == []
    type_into(browser, "01").send_keys(Keys.ENTER)
    assert popups(browser, "床位")


def test_hostile_names_do_nothing(opened):
    browser = opened(map_html(town(nasty=True)))
    assert browser.find_elements("tag name", "img") == []
    for name in NASTY:
        type_into(browser, name.strip("\u2028"))
        shown = [
            node.text for node in browser.find_elements("css selector", "#cc-found [role=option] span")
        ]
        assert any(name.strip("\u2028").split()[0] in words for words in shown)
    browser.execute_script("""
        carecircle_map.eachLayer(function (layer) {
          if (layer.getTooltip && layer.getTooltip()) { layer.openTooltip(); layer.openPopup(); } });""")
    labels = browser.find_element("class name", "leaflet-control-layers").get_attribute("textContent")
    assert "<img src=x onerror=alert(1)>" in labels
    assert "{{ 7 * 7 }}" in labels
    assert browser.find_elements("tag name", "img") == []
    assert browser.find_elements("css selector", "[onmouseover], [onerror]") == []


def test_many_facilities_gather(opened):
    browser = opened(map_html(town(facilities=450), language="en"))
    browser.execute_script("carecircle_map.setView(carecircle_map.getCenter(), 12, {animate: false})")
    gathered = browser.find_elements("class name", "cc-cluster")
    assert gathered
    assert browser.execute_script("return document.documentElement.lang") == "en"
    type_into(browser, "翠湖").send_keys("\ue007")
    assert popups(browser, "Beds")
