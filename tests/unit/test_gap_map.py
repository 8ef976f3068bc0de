"""The gap layer's data: what the page holds, in words, and what it must not hold."""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from carecircle.gaps import KINDS
from carecircle.report import map_html
from carecircle.report.mapdata import gap_icon
from carecircle.report.suppression import published

made = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "gap_town.py"))
gap_town, town = made["gap_town"], made["town"]


@pytest.fixture(scope="module")
def study():
    return gap_town()


def gaps_in(page):
    found = re.search(r'<script type="application/json" id="cc-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])["gaps"]


def shown_in(page, words):
    """Return whether the page has words, as they are or as scripts hold them."""
    return words in page or json.dumps(words)[1:-1] in page


def test_units_and_gaps_are_those_of_the_study(study):
    held = gaps_in(map_html(study))
    assert [gap["id"] for gap in held["gaps"]] == study.gaps["gap_id"].tolist()
    assert len(held["units"]) == study.gaps["area_id"].nunique() == len(held["at"]["d"]) // 2
    names = [held["units"][gap["unit"]]["name"] for gap in held["gaps"]]
    assert names == study.gaps["name"].tolist()
    assert set(held["icons"]) == set(study.gaps["gap"])
    assert list(held["icons"]) == [kind for kind in KINDS if kind in held["icons"]]


def test_the_page_is_the_same_again_and_in_english(study):
    assert map_html(study) == map_html(gap_town())
    english = gaps_in(map_html(study, language="en"))
    assert english["only"] == "Only gaps of {target}"
    assert english["gaps"][0]["title"] == "Urban communities with a care facility"
    assert ["Kind of gap", "no facility"] in english["gaps"][0]["rows"]


def test_without_gaps_the_page_is_as_before(study):
    for nothing in (replace(study, gaps=None), replace(study, gaps=study.gaps.iloc[:0])):
        page = map_html(nothing)
        assert gaps_in(page)["gaps"] == []
        assert "cc-gap-legend" not in page
    assert map_html(replace(study, gaps=None)) == map_html(town())


def test_a_gap_without_a_place_is_in_no_layer(study):
    lost = study.gaps.set_geometry(study.gaps.geometry.where(study.gaps["rank"] > 1, None))
    held = gaps_in(map_html(replace(study, gaps=lost)))
    assert len(held["gaps"]) == len(study.gaps) - 1
    layer = f"缺口 {len(study.gaps) - 1}（另有 1 处没有位置）"
    assert shown_in(map_html(replace(study, gaps=lost)), layer)
    assert not shown_in(map_html(study), "处没有位置")


def test_a_pack_that_is_not_there_leaves_the_title_empty(study):
    assert {gap["title"] for gap in gaps_in(map_html(replace(study, judgements=())))["gaps"]} == {""}


def test_published_maps_withhold_people(study):
    page = map_html(published(study, 5))
    held = gaps_in(page)
    assert "Infinity" not in page
    assert all(row[1] in {"不公布", "无数据"} for unit in held["units"] for row in unit["rows"])
    out = [row[1] for gap in held["gaps"] for row in gap["rows"] if row[0].startswith("其中超出")]
    assert out == ["不公布"] * 3
    assert sorted(gap["id"] for gap in held["gaps"]) == sorted(study.gaps["gap_id"])


def test_every_kind_has_a_sign_of_its_own():
    assert len({re.sub(r"#[0-9a-f]{6}", "", gap_icon(kind)) for kind in KINDS}) == len(KINDS)
    assert len({gap_icon(kind) for kind in KINDS}) == len(KINDS)
