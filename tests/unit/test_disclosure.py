"""Judgements for publication: small counts of people, and what they could be found out from, are withheld."""

import json
import re
import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.results import Line
from carecircle.report.dashboard import dashboard_html
from carecircle.report.disclosure import counts_people, is_small, published_judgement
from carecircle.report.judged import WITHHELD
from carecircle.report.suppression import published
from carecircle.report.tables import attainment, by_county, estates
from carecircle.report.verdicts import verdicts

place = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "judged_place.py"))
study, outcome, lines, YUXI = place["study"], place["outcome"], place["lines"], place["YUXI"]
LINCANG, ZHUZHOU = place["LINCANG"], place["ZHUZHOU"]


def public(*outcomes, below=5, cover=None, **more):
    judgement = replace(place["yuxi"](), outcomes=outcomes, **more)
    return published_judgement(judgement, place["cover"]() if cover is None else cover, below)


def test_small_numbers_filled_in_are_withheld_and_the_verdict_stays():
    (found,) = public(outcome(YUXI, "YX-10", Tally(3, 4))).outcomes
    assert found.verdict == Verdict("missed")
    assert found.tally == Tally(WITHHELD, WITHHELD)


def test_a_small_rest_is_withheld_too():
    (found,) = public(outcome(YUXI, "YX-10", Tally(198, 200))).outcomes
    assert found.tally.numerator == WITHHELD


def test_counties_are_withheld_together():
    parts = lines(YUXI, "YX-10", Tally(100, 200), Tally(2, 100))
    (found,) = public(outcome(YUXI, "YX-10", Tally(102, 300), lines=parts)).outcomes
    assert found.tally == Tally(102, 300)
    assert all(one.tally.numerator == WITHHELD for one in found.by_area())


def of_period(counts, period, **more):
    """Return lines of the two counties for a period."""
    verdict = Verdict("missed", Fraction(50), 9)
    areas = zip(place["COUNTIES"].items(), counts, strict=True)
    return tuple(Line(Tally(*one), verdict, code, name, period=period, **more) for (code, name), one in areas)


def test_counties_are_withheld_in_all_periods():
    """What stands for a county repeats one of its months: that of B and the whole's June would tell A's 4 of 4."""
    june, may = of_period(((4, 4), (150, 200)), "2026-06"), of_period(((90, 100), (60, 60)), "2026-05")
    now = of_period(((90, 100), (150, 200)), "")
    whole = tuple(Line(Tally(*one), Verdict("missed"), period=name) for one, name in (((154, 204), "2026-06"),))
    (found,) = public(outcome(YUXI, "YX-08", Tally(154, 204), lines=(*now, *june, *may, *whole))).outcomes
    assert found.tally == Tally(154, 204)
    assert [one.tally for one in found.lines if one.period and not one.area_id] == [Tally(154, 204)]
    assert all(one.tally.numerator == WITHHELD for one in found.lines if one.area_id)


def test_what_the_counties_leave_of_the_whole_is_not_told():
    parts = lines(YUXI, "YX-10", Tally(100, 200), Tally(100, 200))
    (found,) = public(outcome(YUXI, "YX-10", Tally(203, 403), lines=parts)).outcomes
    assert found.tally == Tally(203, 403)
    assert all(one.tally.numerator == WITHHELD for one in found.by_area())


def test_households_count_as_people():
    parts = tuple(Line(Tally(n), Verdict("monitored"), str(n), "县") for n in (3, 250))
    (found,) = public(outcome(LINCANG, "LC-06", Tally(253), lines=parts)).outcomes
    assert found.tally == Tally(253)
    assert all(one.tally.numerator == WITHHELD for one in found.by_area())


def test_units_are_shown_beside_people_who_are_not():
    has, served = (Line(Tally(*pair), Verdict("met"), reading=f"coverage={name}") for pair, name in (
        ((8, 10), "has_one"), ((9, 10), "served"),
    ))  # fmt: skip
    county = Line(Tally(1500, 4000), Verdict("met"), "530101", "东县")
    chosen = outcome(YUXI, "YX-05", Tally(3000, 9000), lines=(has, served, county))
    (found,) = public(replace(chosen, readings={"coverage": "people"})).outcomes
    assert found.tally.numerator == WITHHELD
    assert [one.tally for one in found.by_reading()] == [Tally(8, 10), Tally(9, 10)]
    assert found.by_area()[0].tally.numerator == WITHHELD


def test_small_estates_are_withheld_in_their_table_and_their_verdicts_stay():
    columns = ["name", "county", "built", "households", "people", "premises_m2"]
    rows = [("小", "东县", "新建", 2.0, 3.0, 10.0), ("大", "东县", "新建", 1000.0, 3000.0, 10.0)]
    sheets = {"estates": pd.DataFrame(rows, columns=columns)}
    judgement = replace(
        place["yuxi"](), pack=ZHUZHOU, outcomes=(outcome(ZHUZHOU, "ZZ-09", Tally(1, 2)),), inputs=sheets
    )
    found = published_judgement(judgement, place["cover"](), 5)
    small, big = estates(study(), found, "zh").rows
    assert small[5:11] == ("不公布", "不公布", "不公布", 10.0, "无数据", "不公布")
    assert big[5:8] == (1000.0, 3000.0, 750.0)
    assert (small[-1], big[-1]) == ("达标", "未达标")


def test_rows_that_pass_are_nobodys_and_their_own_numbers_are():
    items = tuple(Line(Tally(*pair), Verdict("met"), item=str(pair)) for pair in ((10, 3), (900, 3000)))
    (found,) = public(outcome(ZHUZHOU, "ZZ-09", Tally(1, 2), lines=items)).outcomes
    assert found.tally == Tally(1, 2)
    assert all(one.tally.numerator == WITHHELD for one in found.by_item())


def test_numbers_of_units_are_nobodys():
    before = outcome(YUXI, "YX-03", Tally(3, 4), lines=lines(YUXI, "YX-03", Tally(1, 2), Tally(2, 2)))
    (found,) = public(before).outcomes
    assert found.tally == Tally(3, 4)
    assert found.lines == before.lines


def test_people_reached_are_withheld_as_a_reading():
    other = Line(Tally(3000, 9000), Verdict("missed", None, 2850), reading="coverage=people")
    (found,) = public(outcome(YUXI, "YX-05", Tally(8, 10), lines=(other,))).outcomes
    assert found.tally == Tally(8, 10)
    assert found.lines[0].tally.numerator == WITHHELD
    assert found.lines[0].verdict == Verdict("missed")


def test_the_judged_reading_may_be_people():
    chosen = replace(outcome(YUXI, "YX-05", Tally(3000, 9000)), readings={"coverage": "people"})
    assert public(chosen).outcomes[0].tally.numerator == WITHHELD


def test_units_hold_no_people():
    units = pd.DataFrame({"found": [1], "people": [3.0], "reached": [2.0], "passes": [True]}, index=["a"])
    (found,) = public(outcome(YUXI, "YX-05", Tally(1, 1), units=units)).outcomes
    assert np.isinf(found.units[["people", "reached"]].to_numpy()).all()
    assert found.units["found"].tolist() == [1]


def test_sheets_about_people_are_left_out():
    sheets = {"visits": pd.DataFrame({"due": [3.0]}), "institutions": pd.DataFrame({"beds": [3.0]})}
    assert set(public(inputs=sheets).inputs) == {"institutions"}


def test_which_targets_count_people():
    named = {one.id for one in YUXI.targets if counts_people(one)}
    assert {"YX-08", "YX-10", "YX-27"} <= named
    assert not named & {"YX-01", "YX-03", "YX-16", "YX-29"}


def circle(*covered, total=1000.0, measure="people_60", area=""):
    rows = [("elder", 0.8, float(n), measure, area, one, total) for n, one in enumerate(covered)]
    columns = ["profile", "speed_mps", "minutes", "measure", "area_id", "covered", "total"]
    return outcome(YUXI, "YX-20", Tally(int(covered[-1]), int(total)), circle=pd.DataFrame(rows, columns=columns))


def shown(found):
    return found.circle.loc[np.isfinite(found.circle["covered"]), "covered"].tolist()


def far_cover():
    return place["cover"](((0.0, 0.0), (0.0, 0.0)))


def test_circles_that_differ_by_few_people_are_not_shown_together():
    (found,) = public(circle(100.0, 103.0, 120.0, 3.0, 998.0, 0.0, 1000.0), cover=far_cover()).outcomes
    assert shown(found) == [100.0, 120.0, 0.0, 1000.0]


def test_a_circle_near_a_number_of_the_tallies_is_withheld():
    cover = place["cover"](((300.0, 400.0), (200.0, 600.0)))
    (found,) = public(circle(501.0, 600.0), cover=cover).outcomes
    assert shown(found) == [600.0]


def test_where_the_tallies_withhold_a_circle_does_too():
    cover = place["cover"]()
    cover.loc[0, "covered"] = np.inf
    (found,) = public(circle(100.0, 500.0), cover=cover).outcomes
    assert shown(found) == []
    assert found.tally.numerator == WITHHELD


def test_other_ages_and_counties_are_withheld_and_land_is_not():
    (found,) = public(replace(circle(800.0), circle=place["circle"]()), cover=far_cover()).outcomes
    left = found.circle[np.isfinite(found.circle["covered"])]
    assert set(left.loc[left["area_id"] == "", "measure"]) == {"people_60", "land_m2"}
    assert set(left.loc[left["area_id"] != "", "measure"]) == {"land_m2"}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.integers(0, 30),
    st.integers(2, 12),
)
def test_no_two_numbers_shown_tell_of_few_people(covered, more, below):
    total = float(max(covered) + more)
    (found,) = public(circle(*map(float, covered), total=total), below=below, cover=far_cover()).outcomes
    left = [*shown(found), *([0.0, total] if shown(found) else [])]
    assert all(abs(one - other) >= below for one in left for other in left if one != other)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(2, 10))
def test_what_is_not_small_has_no_small_part(one, other, below):
    tally = Tally(min(one, other), max(one, other))
    parts = (tally.numerator, tally.denominator, tally.denominator - tally.numerator)
    assert is_small(tally, below) == any(0 < part < below for part in parts)


@pytest.fixture(scope="module")
def city():
    parts = lines(YUXI, "YX-10", Tally(7130, 7141), Tally(7877, 7899))
    small = outcome(YUXI, "YX-10", Tally(8641, 8644), lines=parts, sources=("inputs",))
    return published(study(place["yuxi"](**{"YX-10": small})), 5)


def test_reports_of_a_published_study_say_withheld(city):
    row = next(row for row in attainment(city, city.judgements[0], "zh").rows if "YX-10" in row[1])
    assert row[4:7] == ("不公布",) * 3
    assert row[9] == "—"
    assert row[10] == "未达标"
    assert by_county(city, "zh") is not None


def test_no_small_number_is_in_the_page_or_the_file(city):
    words = dashboard_html(city, language="zh") + json.dumps(verdicts(city), allow_nan=False)
    assert not re.findall(r"8,?64[14]\b", words)
    hidden = next(one for one in verdicts(city)["packs"][0]["targets"] if one["id"] == "YX-10")
    assert (hidden["numerator"], hidden["value"], hidden["value_exact"], hidden["shortfall"]) == (
        "withheld",
        None,
        None,
        None,
    )
