"""The dashboard as a planner uses it: packs, choosing, sorting, opening rows, in a browser without a network."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from carecircle.policy.judge import Tally, Verdict
from carecircle.report.dashboard import dashboard_html

pytestmark = pytest.mark.browser

place = runpy.run_path(str(Path(__file__).with_name("judged_place.py")))
study, outcome, YUXI = place["study"], place["outcome"], place["YUXI"]
ORDER = ["YX-01", "YX-03", "YX-04", "YX-05", "YX-13", "YX-19", "YX-20", "YX-24", "YX-27"]


@pytest.fixture(scope="module")
def page():
    return dashboard_html(study(), language="zh")


def rows(browser, pack="yuxi"):
    found = browser.find_elements("css selector", f"#pack-{pack} .target")
    return [row.get_attribute("id") for row in found if row.is_displayed()]


def choose(browser, name, value):
    browser.find_element("css selector", f"#pack-yuxi [name={name}] option[value='{value}']").click()


def text_of(browser, selector):
    return browser.find_element("css selector", selector).text


def test_opens_whole_and_folded(opened, page):
    browser = opened(page)
    assert browser.title == "养老服务政策达标看板 · 两县<b>研究</b>"
    assert rows(browser) == ORDER
    assert rows(browser, "yiyang") == []
    assert text_of(browser, "#pack-yuxi output") == "显示 9 / 9 条"
    assert not [one for one in browser.find_elements("css selector", ".detail") if one.is_displayed()]
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_packs_by_tab(opened, page):
    browser = opened(page)
    browser.find_elements("css selector", "#tabs button")[1].click()
    assert rows(browser) == []
    assert rows(browser, "yiyang") == ["YY-01"]
    assert browser.find_element("css selector", "#pack-yiyang .schedule").is_displayed()


def test_one_pack_needs_no_tabs(opened):
    browser = opened(dashboard_html(study(place["yuxi"]())))
    assert not browser.find_element("id", "tabs").is_displayed()
    assert rows(browser) == ORDER


def test_rows_by_verdict_force_and_words(opened, page):
    browser = opened(page)
    choose(browser, "verdict", "in_progress")
    assert rows(browser) == ["YX-03", "YX-13"]
    choose(browser, "verdict", "")
    choose(browser, "force", "principle")
    assert rows(browser) == ["YX-20"]
    choose(browser, "force", "")
    box = browser.find_element("css selector", "#pack-yuxi [name=words]")
    box.send_keys("护理型床位")
    assert rows(browser) == ["YX-01"]
    assert text_of(browser, "#pack-yuxi output") == "显示 1 / 9 条"
    box.send_keys("\ue00c")
    assert rows(browser) == ORDER


def test_a_county_shows_its_own_numbers(opened, page):
    browser = opened(page)
    choose(browser, "county", "530102")
    assert rows(browser) == ["YX-01", "YX-03", "YX-04", "YX-05"]
    assert "65.3%" in text_of(browser, "#YX-03 .head")
    assert "64.7%" not in text_of(browser, "#YX-03 .head")
    assert "不适用" in text_of(browser, "#YX-04 .head")
    assert browser.find_element("css selector", "#pack-yuxi .county-note").is_displayed()
    choose(browser, "verdict", "not_applicable")
    assert rows(browser) == ["YX-04"]
    choose(browser, "verdict", "")
    choose(browser, "county", "")
    assert rows(browser) == ORDER
    assert "64.7%" in text_of(browser, "#YX-03 .head")


def test_rows_in_order(opened, page):
    browser = opened(page)
    choose(browser, "sort", "gravity")
    found = rows(browser)
    assert found[:3] == ["YX-24", "YX-05", "YX-27"]
    assert found[-2:] == ["YX-19", "YX-20"]
    choose(browser, "sort", "short")
    assert rows(browser)[:3] == ["YX-05", "YX-03", "YX-24"]
    choose(browser, "sort", "day")
    assert rows(browser)[0] == "YX-24"
    assert rows(browser)[-1] == "YX-20"
    choose(browser, "sort", "place")
    assert rows(browser) == ORDER


def test_a_row_opens_to_quote_readings_and_counties(opened, page):
    browser = opened(page)
    button = browser.find_element("css selector", "#YX-03 .more")
    button.click()
    words = text_of(browser, "#YX-03 .detail")
    for said in (
        "总体稳定在65%以上",
        "服务覆盖率 66.6% 34 / 51",
        "东县 50.0% 1 / 2",
        "2024年（推算）",
        "有一家机构缺功能。",
    ):
        assert said in words
    assert button.get_attribute("aria-expanded") == "true"
    link = browser.find_element("css selector", "#YX-03 .go a").get_attribute("href")
    assert link.endswith("map.html#target=YX-03")
    button.click()
    assert not browser.find_element("css selector", "#YX-03 .detail").is_displayed()


def test_all_rows_open_and_fold(opened, page):
    browser = opened(page)
    button = browser.find_element("css selector", "#pack-yuxi .open")
    button.click()
    shown = [one.is_displayed() for one in browser.find_elements("css selector", "#pack-yuxi .detail")]
    assert all(shown)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    button.click()
    assert not any(one.is_displayed() for one in browser.find_elements("css selector", "#pack-yuxi .detail"))


def test_an_address_of_a_target_opens_its_pack_and_row(opened, page):
    browser = opened(page)
    browser.execute_script("window.location.hash = 'YY-01'")
    browser.execute_async_script("window.setTimeout(arguments[0], 100)")
    assert rows(browser, "yiyang") == ["YY-01"]
    assert browser.find_element("css selector", "#YY-01 .detail").is_displayed()


def test_names_that_try_to_break_out_stay_text(opened):
    nasty = place["NASTY"]
    bad = outcome(YUXI, "YX-11", Tally(0, 1), verdict=Verdict("missed", None, 1), reasons=(nasty,))
    browser = opened(dashboard_html(study(replace(place["yuxi"](), outcomes=(bad,)), title=nasty), language="zh"))
    assert browser.title == f"养老服务政策达标看板 · {nasty}"
    assert nasty in text_of(browser, "h1")
    browser.find_element("css selector", "#YX-11 .more").click()
    assert nasty in text_of(browser, "#YX-11 .reasons")


def test_all_is_open_in_print_where_it_was_opened_and_tools_are_gone(opened, page):
    browser = opened(page)
    browser.find_element("css selector", "#YX-03 .more").click()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.find_element("css selector", "#pack-yuxi .tools").is_displayed()
        assert browser.find_element("css selector", "#YX-03 .detail").is_displayed()
        assert not browser.find_element("id", "tabs").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_an_empty_study_has_nothing_to_choose(opened):
    browser = opened(dashboard_html(replace(study(), judgements=()), language="zh"))
    assert "没有按政策文件判定" in text_of(browser, "main")
