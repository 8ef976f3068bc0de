"""Text that is meant to do harm, in every field of every input: what becomes of it in a browser.

A dialog would end a test here by itself (the driver refuses to go on), and `opened` fails on errors in the console and
on requests to a network.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from carecircle.findings import ACTIONS
from carecircle.report import map_html, quality_html

pytestmark = pytest.mark.browser
city = runpy.run_path(str(Path(__file__).with_name("hostile_city.py")))
PAYLOADS, TITLE = city["PAYLOADS"], city["TITLE"]
SEARCHED = tuple(
    words for words in city["PRINTABLE"] if words.strip(" \u200b\ufeff") == words and "\u202e" not in words
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return city["study"](tmp_path_factory.mktemp("hostile"))


def clean(browser):
    """Return whether no payload has become an element, an attribute, an address or a running script."""
    return browser.execute_script("""
        var wrong = ['#pwned', 'img[src=x]', 'iframe', 'object', 'embed', 'base', 'form[action]', 'a[href^="java"]',
          'meta[http-equiv=refresh]', '[onerror]', '[onload]', '[onclick]', '[onmouseover]', '[srcdoc]'];
        return window.__pwned === undefined && location.protocol === 'file:'
          && wrong.every(function (one) { return document.querySelectorAll(one).length === 0; })
          && Object.prototype.polluted === undefined;""")


def content(browser, place):
    """Return the text of an element, blanks run together."""
    return " ".join(browser.find_element("css selector", place).get_attribute("textContent").split())


def test_the_map_of_a_run(opened, made):
    _, folder = made
    browser = opened((folder / "map.html").read_text("utf-8"))
    assert clean(browser)
    for place in ("title", "#cc-title h1", ".cc-note"):
        assert content(browser, place) == " ".join(TITLE.split())
    assert browser.execute_script("return document.documentElement.outerHTML.indexOf('>49<')") == -1


def test_every_window_of_the_map(opened, made):
    """Kinds are layers: here every payload is one; windows and labels open by a click on each mark."""
    study, _ = made
    facilities = study.facilities.assign(kind=[PAYLOADS[at % len(PAYLOADS)] for at in range(len(study.facilities))])
    browser = opened(map_html(replace(study, facilities=facilities)))
    found = browser.execute_script("""
        var said = [];
        carecircle_map.setView(carecircle_map.getCenter(), 16, {animate: false});
        carecircle_map.options.fadeAnimation = false;
        carecircle_map.eachLayer(function (layer) {
          var mark = layer.getElement && layer.getElement();
          if (!layer.getPopup || !layer.getPopup()) { return; }
          if (mark && mark.click) { mark.click(); } else { layer.openPopup(); }
          layer.openTooltip();
          said.push(layer.getPopup().getElement().textContent + (layer.getTooltip()
            ? layer.getTooltip().getElement().textContent : ''));
          carecircle_map.closePopup();
        });
        return said;""")
    assert len(found) > 100
    assert clean(browser)
    together = "".join(found)
    assert [words for words in city["PRINTABLE"] if words.strip(" \u200b\ufeff") not in together] == []
    layers = browser.find_element("class name", "leaflet-control-layers").get_attribute("textContent")
    assert [words for words in SEARCHED if words not in layers] == []


def test_every_name_can_be_searched(opened, made):
    browser = opened((made[1] / "map.html").read_text("utf-8"))
    missing = browser.execute_script(
        """
        var box = document.getElementById('cc-query');
        return arguments[0].filter(function (words) {
          box.value = words;
          box.dispatchEvent(new Event('input'));
          var found = document.querySelectorAll('#cc-found [role=option] span');
          box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}));
          return !Array.prototype.some.call(found, function (one) { return one.textContent.indexOf(words) >= 0; });
        });""",
        list(SEARCHED),
    )
    assert missing == []
    assert clean(browser)


def findings(payloads):
    """Every payload in every column of the report."""
    rows = [
        {"action": ACTIONS[at % len(ACTIONS)], "file": words, "sheet": words, "row": at, "column": words, "count": 1,
         "message": words} for at, words in enumerate(payloads)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_quality_report(opened):
    found = findings(PAYLOADS)
    files = {words: {"sha256": words} for words in PAYLOADS}
    browser = opened(quality_html(found, title=TITLE, basis=[(words, words) for words in PAYLOADS], files=files))
    assert clean(browser)
    assert content(browser, "h1") == " ".join(TITLE.split())
    rows = browser.execute_script("""
        return Array.prototype.map.call(document.querySelectorAll('#rows tr'), function (row) {
          return Array.prototype.map.call(row.cells, function (cell) { return cell.textContent; }); });""")
    assert len(rows) == len(PAYLOADS)
    assert set(city["PRINTABLE"]) <= {row[6] for row in rows}
    assert all(row[1] == row[2] == row[4] == row[6] for row in rows)
    missing = browser.execute_script(
        """
        var box = document.getElementById('words'), file = document.getElementById('file'), i;
        for (i = 0; i < file.options.length; i += 1) {
          file.selectedIndex = i;
          file.dispatchEvent(new Event('change'));
        }
        file.selectedIndex = 0;
        return arguments[0].filter(function (words) {
          box.value = words;
          box.dispatchEvent(new Event('input'));
          return !Array.prototype.some.call(document.querySelectorAll('#rows tr'), function (row) {
            return !row.hidden && row.textContent.indexOf(words) >= 0; });
        });""",
        list(SEARCHED),
    )
    assert missing == []
    assert clean(browser)
