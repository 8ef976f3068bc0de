"""Laws of judging: counties add up to the whole, one more facility never lowers a share, unions of counties."""

from dataclasses import replace
from datetime import date

import geopandas as gpd
import pandas as pd
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.china.units import units
from carecircle.policy import load_pack
from carecircle.policy.assessment import assess
from carecircle.policy.evidence import Evidence
from carecircle.policy.judge import total

YUXI = load_pack("yuxi")
LISTED = units(["5304"])
COUNTIES = sorted(LISTED.loc[LISTED["level"] == "county", "area_id"])
SMALL = LISTED[LISTED["area_id"].str[:6].isin(COUNTIES[-2:])]  # two counties are enough, and quick
CODES = SMALL.loc[SMALL["level"] != "county", "area_id"].tolist()
KINDS = ("农村区域养老服务中心", "街道综合养老服务中心", "社区日间照料中心", "老年助餐点", "失能特困人员供养服务机构")
ALL_FUNCTIONS = "失能照护、医疗护理、康复服务、全托、日托、上门服务、对下指导"
HERE = shapely.Point(102.5, 24.3)

facility = st.fixed_dictionaries(
    {
        "area_code": st.sampled_from(CODES),
        "kind": st.sampled_from(KINDS),
        "functions": st.sampled_from([ALL_FUNCTIONS, "助餐", None]),
        "status": st.sampled_from(["open", "停业", None]),
        "opened": st.sampled_from([pd.Timestamp(2020, 1, 1), pd.Timestamp(2025, 6, 1), pd.NaT]),
    }
)


def judged(rows, codes=tuple(COUNTIES[-2:])):
    listed = SMALL[SMALL["area_id"].str[:6].isin(codes)].reset_index(drop=True)
    areas = gpd.GeoDataFrame(listed, geometry=[None] * len(listed), crs="EPSG:4326")
    frame = pd.DataFrame(rows, columns=["area_code", "kind", "functions", "status", "opened"])
    frame["opened"] = pd.to_datetime(frame["opened"])
    frame = frame.assign(facility_id=[f"F{number}" for number in range(len(frame))], name="院")
    facilities = gpd.GeoDataFrame(frame, geometry=[HERE] * len(frame), crs="EPSG:4326")
    people = gpd.GeoDataFrame({"demand_id": ["P"], "area_id": [codes[0]]}, geometry=[HERE], crs="EPSG:4326")
    judgement = assess(YUXI, Evidence(facilities, areas, people, date(2026, 6, 30)))
    return {one.target.id: today(one) for one in judgement.outcomes if one.target.check == "units"}


def today(one):
    """The outcome with today's tally, where an earlier year decides."""
    years = one.by_period()
    return replace(one, tally=years[-1].tally, verdict=years[-1].verdict) if years else one


def known(*tallies):
    """Whether all are known: of an empty registry, or one whose facilities nobody can place, nothing is."""
    return all(tally is not None and tally.numerator is not None for tally in tallies)


@settings(max_examples=6, deadline=None)
@given(st.lists(facility, max_size=8))
def test_counties_add_up_to_the_whole(rows):
    for name, one in judged(rows).items():
        parts = [line.tally for line in one.by_area()]
        assert len(parts) == 2
        if not known(*parts):
            continue
        summed = total(parts)
        assert (summed.numerator, summed.denominator) == (one.tally.numerator, one.tally.denominator), name


@settings(max_examples=4, deadline=None)
@given(st.lists(facility, max_size=8))
def test_merging_counties_adds_tallies(rows):
    """What two counties come to when each is judged by itself is what they come to together."""
    both = judged(rows)
    alone = [judged(rows, (code,)) for code in COUNTIES[-2:]]
    for name, one in both.items():
        parts = [part[name].tally for part in alone]
        if not known(*parts):
            continue
        summed = total(parts)
        assert (summed.numerator, summed.denominator) == (one.tally.numerator, one.tally.denominator), name


@settings(max_examples=4, deadline=None)
@given(st.lists(facility, max_size=6), facility)
def test_one_more_facility_never_lowers_a_share(rows, another):
    before, after = judged(rows), judged([*rows, another])
    for name, one in before.items():
        if not known(one.tally, after[name].tally):
            continue
        assert after[name].tally.numerator >= one.tally.numerator, name
        assert after[name].tally.denominator == one.tally.denominator
        if one.verdict.word == "met":
            assert after[name].verdict.word == "met"
