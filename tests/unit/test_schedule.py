"""Schedules on a day: what is due, the pace, whose row a facility belongs to."""

from datetime import date
from fractions import Fraction

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from carecircle.china.units import units
from carecircle.policy import load_pack
from carecircle.policy.evidence import Evidence, place_of
from carecircle.policy.schedule import plan_on, schedule_state

YIYANG = load_pack("yiyang")
SCHEDULE = YIYANG.schedule
CLASSES = {one.key: one for one in SCHEDULE.classes}
KINDS = {
    "ST": "标准化街道综合养老服务中心",
    "XZ": "标准化乡镇综合养老服务中心",
    "SQ": "标准化社区居家养老服务中心",
    "CZ": "标准化农村养老服务站点",
}
SIX = "全托、助餐、助浴、助洁、助医、助行、助急"


def asked(day):
    return {key: plan_on(SCHEDULE, CLASSES[key], SCHEDULE.total, day) for key in KINDS}


def test_expected_cumulative_at_the_end_of_2026():
    """By hand from the annex: streets 2 + 3, towns 3 + 7, communities 11 + 18, stations 16 + 22."""
    assert [plan.year_end for plan in asked(date(2026, 12, 31)).values()] == [5, 10, 29, 38]
    assert [plan.due for plan in asked(date(2026, 12, 31)).values()] == [5, 10, 29, 38]
    assert [plan.total for plan in asked(date(2026, 12, 31)).values()] == [6, 16, 46, 57]


@pytest.mark.parametrize(
    ("day", "due", "year_end"),
    [
        (date(2024, 12, 20), [0, 0, 0, 0], [0, 0, 0, 0]),
        (date(2025, 12, 30), [0, 0, 0, 0], [2, 3, 11, 16]),
        (date(2025, 12, 31), [2, 3, 11, 16], [2, 3, 11, 16]),
        (date(2026, 1, 1), [2, 3, 11, 16], [5, 10, 29, 38]),
        (date(2027, 12, 30), [5, 10, 29, 38], [6, 16, 46, 57]),
        (date(2028, 6, 30), [6, 16, 46, 57], [6, 16, 46, 57]),
    ],
)
def test_a_year_is_due_on_its_last_day(day, due, year_end):
    plans = asked(day).values()
    assert [plan.due for plan in plans] == due
    assert [plan.year_end for plan in plans] == year_end


def test_the_pace_grows_by_the_day_and_is_cut():
    """181 of 365 days of 2026 are over at the end of 30 June: 18 x 181 / 365 = 8.9, so 11 + 8."""
    assert Fraction(18 * 181, 365) == pytest.approx(8.926, abs=0.001)
    assert [plan.pace for plan in asked(date(2026, 6, 30)).values()] == [2 + 1, 3 + 3, 11 + 8, 16 + 10]
    assert [plan.pace for plan in asked(date(2026, 12, 31)).values()] == [5, 10, 29, 38]


def test_four_star_institutions_have_a_total_and_no_pace():
    stars = CLASSES["S4"]
    assert plan_on(SCHEDULE, stars, SCHEDULE.total, date(2027, 12, 30)).due == 0
    assert plan_on(SCHEDULE, stars, SCHEDULE.total, date(2027, 12, 31)).due == 8


def facility(code, kind, **given):
    return {
        "area_code": code,
        "kind": kind,
        "functions": SIX,
        "status": "open",
        "opened": pd.Timestamp(2025, 6, 1),
        **given,
    }


def judged(rows, day=date(2026, 6, 30), **choices):
    """The schedule's state with the counties of the Bureau's list, which have no polygons, and some facilities."""
    listed = units(["4309"])
    areas = gpd.GeoDataFrame(listed, geometry=[None] * len(listed), crs="EPSG:4326")
    frame = pd.DataFrame(rows)
    frame["facility_id"] = [f"F{number}" for number in range(len(frame))]
    frame["name"] = frame["kind"]
    facilities = gpd.GeoDataFrame(frame, geometry=[shapely.Point(112.3, 28.5)] * len(frame), crs="EPSG:4326")
    people = gpd.GeoDataFrame({"demand_id": ["P"]}, geometry=[shapely.Point(112.3, 28.5)], crs="EPSG:4326")
    evidence = Evidence(facilities, areas, people.assign(area_id="430903001001"), day, readings=choices)
    return schedule_state(YIYANG, place_of(YIYANG, evidence))


def test_built_and_behind_by_unit():
    """赫山区 had to have 1 street centre and 3 communities by the end of 2025; 安化县 has none of its 1 community."""
    rows = [facility("430903001", KINDS["ST"]), *(facility(f"43090300100{n}", KINDS["SQ"]) for n in (1, 2))]
    state = judged(rows)
    streets, communities = state.of("430903", "ST"), state.of("430903", "SQ")
    assert (streets.built, streets.due, streets.verdict.word, streets.on_pace) == (1, 1, "in_progress", True)
    assert (communities.built, communities.due, communities.verdict.word) == (2, 3, "missed")
    assert communities.verdict.shortfall == 1
    assert state.of("430923", "SQ").verdict.word == "missed"
    assert state.of("430923", "ST").verdict.word == "not_applicable"
    assert state.of("4309", "SQ").built == 2
    assert state.of("4309", "SQ").verdict.shortfall == 9


def test_a_facility_that_opens_later_or_lacks_functions_or_the_label_is_not_built():
    rows = [
        facility("430903100", KINDS["XZ"], opened=pd.Timestamp(2026, 9, 1)),
        facility("430903100", KINDS["XZ"], functions="助餐"),
        facility("430903100", "乡镇综合养老服务中心"),
        facility("430903100", KINDS["XZ"], functions=None),
        facility("430903100", KINDS["XZ"]),
    ]
    towns = judged(rows).of("430903", "XZ")
    assert (towns.built, towns.unverified) == (1, 1)


def test_zones_that_are_statistical_only_and_the_citys_own():
    """大通湖 430971 has a row, the high-tech zone 430972 counts with 赫山区 unless it is kept apart."""
    rows = [facility("430971100", KINDS["CZ"]), facility("430972001", KINDS["CZ"])]
    merged, separate = judged(rows), judged(rows, hightech_zone="separate")
    assert merged.of("430971", "CZ").built == 1
    assert merged.of("430903", "CZ").built == 1
    assert separate.of("430903", "CZ").built == 0
    assert separate.of("4309", "CZ").built == 2
    city = merged.of("430900", "S4")
    assert city.built is None
    assert city.verdict.word == "no_data"
    own = judged([facility("430900", "养老院", stars="四星级")])
    assert (own.of("430900", "S4").built, own.of("4309", "S4").built) == (1, 1)


def test_new_counts_only_what_the_plans_years_added():
    old = facility("430903001", KINDS["ST"], opened=pd.Timestamp(2021, 6, 1))
    undated = facility("430903001", KINDS["ST"], opened=pd.NaT)
    assert judged([old, undated]).of("4309", "ST").built == 2
    new = judged([old, undated], built="new").of("4309", "ST")
    assert (new.built, new.unverified) == (0, 1)


def test_units_that_add_up_to_the_total():
    """For every class and day, rows of units add up to the row of sums, as in the annex."""
    for day in (date(2025, 5, 5), date(2026, 6, 30), date(2028, 1, 1)):
        for one in SCHEDULE.classes:
            parts = [plan_on(SCHEDULE, one, row, day) for row in SCHEDULE.rows]
            whole = plan_on(SCHEDULE, one, SCHEDULE.total, day)
            assert (sum(part.total for part in parts), sum(part.due for part in parts)) == (whole.total, whole.due)
            assert sum(part.year_end for part in parts) == whole.year_end
