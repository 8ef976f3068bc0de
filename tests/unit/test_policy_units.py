"""Targets that count units: kinds and functions out of registries, denominators by reading, the demo city judged."""

from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import carecircle as cc
from carecircle.errors import UsageError
from carecircle.policy import load_pack, vocabulary
from carecircle.policy.judge import needed
from carecircle.policy.registry import names_in
from carecircle.policy.units import counted_facilities, counted_units, judge_count, judge_units, tally_units
from carecircle.policy.vocabulary import Kind

DAY = date(2026, 6, 30)
TITLE = {"zh": "某处", "en": "a place"}
YUXI, ZHUZHOU, LINCANG, YIYANG = (load_pack(name) for name in ("yuxi", "zhuzhou", "lincang", "yiyang"))


@pytest.fixture(scope="module")
def registry():
    return cc.read_facilities(cc.demo_file("facilities"), datum="gcj02")


@pytest.fixture(scope="module")
def areas():
    return cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])


@pytest.mark.parametrize(
    ("cell", "kinds"),
    [
        ("农村区域养老服务中心", {"regional_centre"}),
        ("街道综合养老服务中心", {"street_centre"}),
        ("某某镇中心敬老院", {"rural_home"}),
        ("日间照料中心/老年助餐点", {"day_care", "meal_site"}),
        ("失能特困人员供养服务机构", {"disabled_poverty_home"}),
        ("茶馆", set()),
        (" ", None),
        (None, None),
    ],
)
def test_what_a_registry_calls_a_kind(cell, kinds):
    (found,) = names_in(pd.Series([cell], dtype=object), vocabulary().kinds)
    assert found == kinds


@pytest.mark.parametrize(
    "cell",
    [
        "无全托", "非全托", "不全托", "没有全托", "未开展全托", "未能提供全日托养", "不具备全托", "没有设全托",
        "暂未开展全托", "不提供全日托养服务", "暂无全托", "尚未设置全托", "无法提供全托", "助餐、无全托",
        "不再开展全托",
    ],
)  # fmt: skip
def test_what_a_registry_denies(cell):
    (found,) = names_in(pd.Series([cell], dtype=object), vocabulary().functions)
    assert found == ({"meals"} if "助餐" in cell else set())


@pytest.mark.parametrize(
    ("cell", "kinds"),
    [
        ("非养老机构", set()),
        ("未设日间照料中心", set()),
        ("无社区居家养老服务中心", set()),  # nor any of the words within
        ("非营利性养老院", {"care_home"}),
        ("非盈利 养老机构", {"institution"}),
        ("民办非企业养老院", {"care_home"}),
        ("无障碍敬老院", {"rural_home"}),
        ("不锈钢厂养老院", {"care_home"}),
        ("未来养老院", {"care_home"}),
        ("不老泉日间照料中心", {"day_care"}),
        ("没六鱼养老院", {"care_home"}),
        ("非公办养老院", {"care_home"}),
        ("非养老服务中心的敬老院", {"rural_home"}),
    ],
)
def test_words_that_only_look_like_a_denial(cell, kinds):
    (found,) = names_in(pd.Series([cell], dtype=object), vocabulary().kinds)
    assert found == kinds


def test_a_word_of_ones_own_with_a_denial_in_it():
    words = {
        "home": Kind(title=TITLE, words=["养老院"]),
        "other": Kind(title=TITLE, words=["非住宿型养老院", "非养老院"]),
    }
    found = names_in(pd.Series(["非住宿型养老院", "非养老院", "养老院"], dtype=object), words)
    assert found.tolist() == [{"other"}, {"other"}, {"home"}]


def test_a_multi_purpose_institution_says_so():
    homes = pd.DataFrame({"kind": "敬老院", "functions": ["全托", "全托、日托", None, "无日托"], "status": "open"})
    homes = gpd.GeoDataFrame(homes, geometry=[shapely.Point(102.5, 24.3)] * 4, crs=4326)
    assert counted_facilities(LINCANG.target("LC-27"), LINCANG, homes, DAY).tolist() == [False, True, None, False]


def test_a_centre_of_a_town_is_no_site_of_a_village():
    sites = pd.DataFrame({"kind": ["乡镇综合养老服务中心", "农村养老服务站"], "status": "open"})
    sites = gpd.GeoDataFrame(sites, geometry=[shapely.Point(113, 27)] * 2, crs=4326)
    village, town = ZHUZHOU.target("ZZ-07"), ZHUZHOU.target("ZZ-06")
    assert counted_facilities(village, ZHUZHOU, sites, DAY).tolist() == [False, True]
    assert counted_facilities(village, ZHUZHOU, sites, DAY, {"nested": "yes"}).tolist() == [True, True]
    assert counted_facilities(town, ZHUZHOU, sites, DAY).tolist() == [True, True]


def test_every_word_of_the_vocabulary_is_understood():
    for words in (vocabulary().kinds, vocabulary().functions):
        for name, kind in words.items():
            found = names_in(pd.Series([word for word in kind.words if word.isalpha()], dtype=object), words)
            assert all(name in one for one in found), name


def by_hand(registry, areas, kinds, level, endings, functions=()):
    """Count the units with a facility that counts, one by one."""
    units = areas[(areas["level"] == level) & areas["level_name"].isin(endings)]
    having = 0
    for shape in units.geometry:
        for row in registry.itertuples():
            open_now = row.status == "open" and not (pd.notna(row.opened) and row.opened.date() > DAY)
            offers = all(word in str(row.functions) for word in functions)
            if row.kind in kinds and open_now and offers and shape.intersects(row.geometry):
                having += 1
                break
    return having, len(units)


@pytest.mark.parametrize(
    ("name", "kinds", "level", "endings", "functions"),
    [
        (
            "YX-03",
            ["农村区域养老服务中心"],
            "township",
            ["镇", "乡"],
            ["医疗护理", "康复服务", "全托", "上门服务", "对下指导"],
        ),
        ("YX-04", ["街道综合养老服务中心"], "township", ["街道"], ["全托", "日托", "上门服务", "对下指导"]),
        ("YX-05", ["社区日间照料中心", "社区嵌入式养老服务机构"], "community", ["社区"], []),
        ("YX-24", ["老年助餐点"], "township", ["街道"], []),
    ],
)
def test_the_demo_city_counted_by_hand(registry, areas, name, kinds, level, endings, functions):
    target = YUXI.target(name)
    having, units = by_hand(registry, areas, kinds, level, endings, functions)
    table = tally_units(target, YUXI, registry, areas, DAY)
    assert (int(table["found"].gt(0).sum()), len(table)) == (having, units)
    verdict = judge_units(target, table, DAY)
    assert verdict.shortfall == max(0, needed(target.threshold, units) - having)
    late = target.deadline < DAY
    assert verdict.word == ("met" if not verdict.shortfall else "missed" if late else "in_progress")


def test_denominators_by_reading(areas):
    communities = LINCANG.target("LC-03")
    urban = YUXI.target("YX-05")
    counts = {
        choice: len(counted_units(urban, areas, {"urban_community": choice})) for choice in ("committee", "in_street")
    }
    assert counts == {"committee": 37, "in_street": 27}
    by_class = counted_units(urban, areas, {"urban_community": "urban_class"})
    assert set(by_class["urban_class"]) == {"111", "112"}
    assert len(counted_units(communities, areas)) == 37
    assert len(counted_units(ZHUZHOU.target("ZZ-07"), areas)) == 46
    assert len(counted_units(ZHUZHOU.target("ZZ-07"), areas, {"rural_community": "with_town_communities"})) == 56
    with pytest.raises(UsageError, match="in_street"):
        counted_units(urban, areas, {"urban_community": "all"})


def test_a_county_without_streets_has_nothing_to_reach(registry, areas):
    mountains = areas[areas["area_id"].str.startswith("539921")]
    streets = LINCANG.target("LC-22")
    table = tally_units(streets, LINCANG, registry, mountains, DAY)
    assert table.empty
    assert judge_units(streets, table, DAY).word == "not_applicable"


def test_a_registry_of_care_homes_says_nothing_of_schools(registry, areas):
    schools = LINCANG.target("LC-14")
    assert judge_units(schools, tally_units(schools, LINCANG, registry, areas, DAY), DAY).word == "no_data"
    one = registry.head(1).assign(kind="老年学校")
    known = tally_units(schools, LINCANG, gpd.GeoDataFrame(pd.concat([registry, one])), areas, DAY)
    assert judge_units(schools, known, DAY).word == "missed"


def test_functions_that_nobody_wrote_down_are_to_be_verified(registry, areas):
    silent = registry.drop(columns="functions")
    target = YUXI.target("YX-04")
    table = tally_units(target, YUXI, silent, areas, DAY)
    assert table["found"].sum() == 0
    assert table["unverified"].sum() > 0
    verdict = judge_units(target, table, DAY)
    assert verdict.word == "in_progress"  # even if all of them had the functions, a street would be left
    assert judge_units(target, table.assign(unverified=1), DAY).word == "to_be_verified"


def test_closed_planned_and_later_ones(registry):
    target = YUXI.target("YX-13")
    counts = counted_facilities(target, YUXI, registry, DAY)
    named = registry["kind"].eq("失能特困人员供养服务机构")
    assert counts[named].tolist() == [True, False]  # the second is planned
    every = {"operating": "all"}
    assert counted_facilities(target, YUXI, registry, DAY, every)[named].tolist() == [True, False]
    resting = registry.assign(status=registry["status"].mask(named, "暂停"))
    assert counted_facilities(target, YUXI, resting, DAY)[named].tolist() == [False, False]
    assert counted_facilities(target, YUXI, resting, DAY, every)[named].tolist() == [True, True]
    opened = registry.assign(opened=pd.Timestamp("2026-07-01"))
    assert counted_facilities(target, YUXI, opened, DAY).eq(True).sum() == 0


def test_numbers_of_facilities(registry):
    target = YIYANG.target("YY-03")
    assert judge_count(target, YIYANG, registry, DAY).word in {"in_progress", "missed", "met", "to_be_verified"}
    place = registry.geometry.iloc[0]
    named = {"kind": "标准化街道综合养老服务中心", "name": "甲中心", "status": "open", "functions": None}
    six = gpd.GeoDataFrame([{**named, "facility_id": str(n)} for n in range(6)], geometry=[place] * 6, crs=4326)
    assert judge_count(target, YIYANG, six, date(2027, 12, 31)).word == "met"
    lacking = judge_count(target, YIYANG, six.head(5), date(2028, 1, 1))
    assert (lacking.word, lacking.shortfall) == ("missed", 1)


@settings(max_examples=25, deadline=None)
@given(
    where=st.lists(st.tuples(st.floats(101.38, 101.67), st.floats(24.54, 24.72)), max_size=30), extra=st.integers(0, 30)
)
def test_more_facilities_never_cover_less(areas, where, extra):
    target = YUXI.target("YX-05")
    cells = {"facility_id": [str(n) for n in range(len(where))], "kind": "日间照料中心", "name": "x"}
    some = gpd.GeoDataFrame(cells, geometry=[shapely.Point(*xy) for xy in where], crs=4326)
    fewer = some.iloc[:extra]
    shares = [tally_units(target, YUXI, found, areas, DAY)["found"].gt(0).sum() for found in (fewer, some)]
    assert shares[0] <= shares[1]
