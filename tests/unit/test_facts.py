"""What is shown never makes a miss look like a pass, and absence is never a number."""

import math
import runpy
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecircle.model import profile
from carecircle.report import facts

town = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))["town"]
NAN = float("nan")


@pytest.fixture(scope="module")
def study():
    return town()


@pytest.mark.parametrize(
    ("covered", "total", "shown"),
    [
        (8996, 10000, "89.9%"),
        (9000, 10000, "90.0%"),
        (899999999, 1000000000, "89.9%"),
        (0.7, 1, "70.0%"),
        (9999, 10000, "99.9%"),
        (10, 10, "100.0%"),
        (0, 10, "0.0%"),
        (1, 100000, "<0.1%"),
        (0, 0, "不适用"),
        (NAN, 10, "无数据"),
        (NAN, NAN, "无数据"),
        (NAN, 0, "不适用"),
    ],
)
def test_shares_are_cut(covered, total, shown):
    assert facts.percent(covered, total, "zh") == shown


@given(st.integers(1, 10**9), st.integers(0, 1000), st.data())
def test_no_count_below_a_line_is_shown_at_it(total, line, data):
    covered = data.draw(st.integers(0, total))
    assert (facts.thousandths(covered, total) >= line) == (covered * 1000 >= line * total)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_parts_add_up(one, two):
    inside, whole, rest = facts.whole_covered(min(one, two), max(one, two))
    assert inside + rest == whole
    assert 0 <= inside <= whole


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (15.04, "15.1 分钟"),
        (15.0, "15.0 分钟"),
        (14.96, "15.0 分钟"),
        (0.1 + 0.2, "0.3 分钟"),
        (1234.5, "1,234.5 分钟"),
        (NAN, "未到达"),
        (math.inf, "未到达"),
    ],
)
def test_times_are_rounded_up(value, shown):
    assert facts.minutes(value, "zh") == shown


def test_other_words():
    assert facts.metres(1200.2, "zh") == "1,201 米"
    assert facts.count(1234567.5) == "1,234,568"
    assert facts.count(NAN, "en") == "no data"
    assert facts.limits((5.0, 7.5, 15.0)) == "5、7.5、15"
    assert facts.day(date(2024, 6, 3), "zh") == "2024 年 6 月 3 日"
    assert facts.day(date(2024, 6, 3), "en") == "2024-06-03"
    assert facts.day(None, "en") == "date not given"
    assert facts.speed(profile("elder"), "zh") == "0.80 米/秒（2.88 公里/小时）"
    assert facts.label("fact.profile_", "e-bike", "zh") == "电动自行车"
    assert facts.label("kind.", NAN, "en") == "unspecified"


def test_tables_keep_the_tallies_and_the_states(study):
    numbers = facts.coverage_numbers(study, "community")
    assert list(numbers.index) == list(study.areas.loc[study.areas["level"] == "community", "area_id"])
    shown = facts.coverage_table(study, "community", "zh")
    assert list(shown.columns)[:4] == [
        "名称",
        "60 岁及以上人口",
        "5 分钟内（60 岁及以上人口）",
        "5 分钟覆盖率",
    ]
    assert (shown["15 分钟覆盖率"] == "无数据").sum() == 1
    assert (shown.loc[numbers["total"] == 0, "15 分钟覆盖率"] == "不适用").all()
    assert (numbers["total"] == 0).any()


def test_units_have_their_columns(study):
    numbers = facts.coverage_numbers(study, "township")
    assert {"presence_community", "presence_community_total", "served_community"} <= set(numbers)
    assert numbers["parent"].eq("示例县").all()


def test_the_headline_is_the_widest_level(study):
    known = study.demand["people_60"].notna()
    inside = study.demand["minutes"] <= 15
    assert facts.headline(study) == (
        study.demand.loc[known & inside, "people_60"].sum(),
        study.demand.loc[known, "people_60"].sum(),
    )


def test_people_are_told_to_their_nearest_facility(study):
    served = facts.served_people(study)
    inside = study.demand[study.demand["minutes"] <= 15]
    assert served.sum() == inside["people_60"].sum()
    assert served[~served.index.isin(inside["facility_id"])].eq(0).all()


def test_uncovered_are_the_rest_largest_first(study):
    outside = facts.uncovered(study)
    assert len(outside) == (study.demand["minutes"] > 15).sum()
    people = outside["people_60"].dropna().to_numpy()
    assert (np.diff(people) <= 0).all()
    assert outside["people_60"].isna().iloc[-1]
