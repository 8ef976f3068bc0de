"""Judgements for publication: small counts of people, and what they could be found out from, are withheld."""

import json
import re
import runpy
from dataclasses import replace
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
from carecircle.report.tables import attainment, by_county
from carecircle.report.verdicts import verdicts

place = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "judged_place.py"))
study, outcome, lines, YUXI = place["study"], place["outcome"], place["lines"], place["YUXI"]


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
