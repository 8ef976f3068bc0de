"""Figures: what is on them is right on the ground and in colour, and what cannot be drawn is said."""

import runpy
import warnings
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyproj import Geod

from carecircle.config import load_plan
from carecircle.crs import project, unproject
from carecircle.datasets import demo_file
from carecircle.gaps import KINDS
from carecircle.pipeline import make_study
from carecircle.report import figures, fonts
from carecircle.report.figures import maps, plate, write_figures
from carecircle.report.suppression import published

town = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))["town"]
needs_font = pytest.mark.skipif(fonts.chinese_family() is None, reason="no font for Chinese (fonts-noto-cjk)")


@pytest.fixture(scope="module")
def judged():
    """The demo city, judged by the pack of Yuxi."""
    plan = load_plan(demo_file("plan"))
    policy = plan.policy.model_copy(update={"packs": ["yuxi"], "inputs": None})
    return make_study(plan.model_copy(update={"policy": policy}))


@pytest.fixture(scope="module")
def drawn(judged, tmp_path_factory):
    return write_figures(judged, tmp_path_factory.mktemp("figures"), language="zh")


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


def of_colour(path, colour):
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return int((np.abs(pixels(path).astype(int) - wanted).max(axis=1) <= 2).sum())


@needs_font
def test_every_figure_is_drawn_and_numbered(drawn):
    assert tuple(drawn.paths) == figures.FIGURES
    assert [title.split("\u3000")[0] for title in drawn.titles.values()] == [f"图{n}" for n in range(1, 10)]
    assert drawn.titles["circles"] == "图5\u30005、10、15 分钟步行圈"
    assert drawn.titles["circles_centre"].endswith("（澄溪区）")
    assert drawn.notes == ()


@needs_font
def test_files_are_png_of_300_dots_an_inch(drawn):
    for path in drawn.paths.values():
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.size == (2480, 1748)
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert "Software" not in image.info


@needs_font
def test_the_same_study_gives_the_same_bytes(judged, drawn, tmp_path):
    sheet = plate.make_plate(judged, "zh")
    maps.draw_people(sheet, drawn.titles["people"], tmp_path / "people.png")
    maps.draw_units(sheet, drawn.titles["townships"], tmp_path / "townships.png", judged.judgements[0], "township")
    for name in ("people", "townships"):
        assert (tmp_path / f"{name}.png").read_bytes() == drawn.paths[name].read_bytes()


@needs_font
def test_colours_of_units_follow_the_verdicts(judged, tmp_path):
    """When no township has a facility any more, the colour of those that have one is gone but for the legend."""
    sheet = plate.make_plate(judged, "zh")
    judgement = judged.judgements[0]
    maps.draw_units(sheet, "t", tmp_path / "a.png", judgement, "township")
    bare = [
        one
        if one.units is None or "found" not in one.units
        else replace(one, units=one.units.assign(found=0, served=False))
        for one in judgement.outcomes
    ]
    maps.draw_units(sheet, "t", tmp_path / "b.png", replace(judgement, outcomes=tuple(bare)), "township")
    has, none = (maps.UNIT_STATES[word][0] for word in ("has", "none"))
    assert of_colour(tmp_path / "a.png", has) > 20 * of_colour(tmp_path / "b.png", has)
    assert of_colour(tmp_path / "b.png", none) > 1.5 * of_colour(tmp_path / "a.png", none)


def test_units_of_a_level_come_from_the_first_target_that_counts_them(judged):
    states, used = maps.judged_units(judged.judgements[0], judged.areas, "township")
    assert [one.target.id for one in used] == ["YX-03", "YX-04"]
    assert len(states) == 13
    assert states.index.is_unique
    towns = judged.judgements[0].outcome("YX-03").units
    assert (states[towns.index] == "has").tolist() == towns["found"].gt(0).tolist()


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ((2, 0, True), "has"),
        ((0, 1, True), "served"),
        ((0, 1, False), "unverified"),
        ((0, 1, None), "unverified"),
        ((0, 0, None), "none"),
        ((None, 0, None), "no_data"),
    ],
)
def test_state_of_a_unit(row, word):
    table = pd.DataFrame([row], columns=["found", "unverified", "served"], dtype=object)
    assert maps.unit_states(table).tolist() == [word]


def test_no_font_means_no_figures_and_says_so(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "FAMILIES", ())
    fonts.chinese_family.cache_clear()
    try:
        found = write_figures(judged, tmp_path, language="zh")
    finally:
        fonts.chinese_family.cache_clear()
    assert found.paths == {}
    assert "没有可以显示中文的字体" in found.notes[0]
    assert list(tmp_path.iterdir()) == []


@needs_font
def test_figures_without_data_are_left_out_and_named(tmp_path):
    found = write_figures(replace(town(), judgements=(), gaps=None), tmp_path, language="zh")
    assert "townships" not in found.paths
    assert "gaps" not in found.paths
    assert [title[:2] for title in found.titles.values()] == [f"图{n}" for n in range(1, 1 + len(found.paths))]
    assert sum("未绘制" in note for note in found.notes) == 3


@needs_font
def test_names_are_names(tmp_path):
    """Signs that mean something to matplotlib, to XML, or nothing at all are drawn as they are."""
    study = town()
    names = ["$x^2$", "_hidden", "a\nb", "\x00\x07", "100% $"] * len(study.facilities)
    study.facilities["name"] = names[: len(study.facilities)]
    study.facilities["kind"] = names[: len(study.facilities)]
    study.areas["name"] = [f"{name}$" for name in names[: len(study.areas)]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = write_figures(replace(study, title="$\\frac{1}{$"), tmp_path, note="$_$", language="zh")
    assert "facilities" in found.paths


@needs_font
def test_published_figures_do_not_tell_how_many(judged):
    sheet = plate.open_sheet(plate.make_plate(published(judged, 5), "zh"), "t")
    entries = maps._draw_uncovered(sheet)
    assert [entry.get_label() for entry in entries] == ["未覆盖的居民点"]
    assert maps._foot_people(sheet.plate, "community").endswith("大小不表示人数")
    full = plate.open_sheet(plate.make_plate(judged, "zh"), "t")
    assert len(maps._draw_uncovered(full)) > 1
    assert maps._foot_people(full.plate, "community").endswith("面积示人数")


def test_every_kind_of_gap_has_a_mark_of_its_own():
    assert set(maps.GAP_MARKS) == set(KINDS)
    assert len({colour for colour, _ in maps.GAP_MARKS.values()}) == len(KINDS)
    assert len({marker for _, marker in maps.GAP_MARKS.values()}) == len(KINDS)


def test_the_scale_is_right_on_the_ground(judged):
    """A bar of 1 km, laid at the middle of the sheet, is 1 km on the ellipsoid."""
    sheet = plate.make_plate(judged, "zh")
    middle = np.array([(sheet.view[0] + sheet.view[2]) / 2, (sheet.view[1] + sheet.view[3]) / 2])
    scale, _ = plate.scale_and_turn(sheet)
    half = np.array([500 * scale, 0.0])
    ends = unproject(np.array([middle - half, middle + half]), sheet.crs)
    _, _, metres = Geod(ellps="GRS80").inv(*ends[0], *ends[1])
    assert metres == pytest.approx(1000, abs=0.01)


def test_north_is_true_north(judged):
    sheet = plate.make_plate(judged, "zh")
    _, turn = plate.scale_and_turn(sheet)
    middle = np.array([(sheet.view[0] + sheet.view[2]) / 2, (sheet.view[1] + sheet.view[3]) / 2])
    lon, lat = unproject(middle[None], sheet.crs)[0]
    east, north = np.diff(project(np.array([[lon, lat], [lon, lat + 0.01]]), sheet.crs), axis=0)[0]
    assert np.degrees(np.arctan2(east, north)) == pytest.approx(-turn, abs=1e-3)


def test_the_view_has_the_shape_of_the_map():
    west, south, east, north = plate._view(0, 0, 1000, 3000)
    shape = plate._MAP_BOX[2] * plate._WIDTH_MM / (plate._MAP_BOX[3] * plate._HEIGHT_MM)
    assert (east - west) / (north - south) == pytest.approx(shape)
    assert west < 0
    assert east > 1000
    assert south < 0
    assert north > 3000


def test_of_many_streets_only_main_ones_are_drawn(judged):
    many = gpd.GeoDataFrame(pd.concat([judged.streets] * 5, ignore_index=True), crs=judged.streets.crs)
    sheet = plate.make_plate(judged, "zh")
    few = plate._streets(judged.streets, sheet.crs, 40_000.0)
    main = plate._streets(many, sheet.crs, 40_000.0)
    assert len(few) == len(judged.streets)
    assert set(few["rank"]) == {0, 1, 2}
    assert set(main["rank"]) == {0, 1}
    assert main["highway"].str.removesuffix("_link").isin([*plate._MAIN, *plate._MIDDLE]).all()


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(1, 30)), min_size=1, max_size=40),
    st.floats(1, 20),
)
def test_labels_do_not_lie_on_each_other(boxes, height):
    table = np.array(boxes)
    kept = plate.apart(table[:, :2], table[:, 2], height)
    assert kept[0]
    shown = table[kept]
    shapes = [shapely.box(x - w / 2, y - height / 2, x + w / 2, y + height / 2) for x, y, w in shown]
    overlaps = [a.intersection(b).area for place, a in enumerate(shapes) for b in shapes[:place]]
    assert max(overlaps, default=0.0) <= 1e-6


@given(st.text("养老服务设施 abc", max_size=60), st.integers(4, 20))
def test_folded_lines_are_no_wider_than_asked(words, width):
    lines = plate.folded(words, width).split("\n")
    assert max(fonts.wide(line) for line in lines) <= width + 1e-6
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


@given(st.lists(st.floats(0, 1e5), max_size=50))
def test_breaks_of_density_rise_and_are_few(values):
    breaks = maps.density_breaks(np.array(values))
    assert len(breaks) <= 4
    assert (np.diff(breaks) > 0).all()
