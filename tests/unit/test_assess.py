"""Packs judged for the demo city and for made-up ones: every target has an outcome, readings side by side, years."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import carecircle as cc
from carecircle.china.units import units
from carecircle.policy import built_in, load_pack
from carecircle.policy.assessment import assess, growth
from carecircle.policy.evidence import Evidence, place_of
from carecircle.policy.judge import Tally

DAY = date(2026, 6, 30)
MIDDLE = shapely.Point(102.5, 24.3)
YUXI, LINCANG = load_pack("yuxi"), load_pack("lincang")


@pytest.fixture(scope="module")
def evidence():
    """The demo city."""
    areas = cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])
    return Evidence(
        cc.read_facilities(cc.demo_file("facilities"), datum="gcj02", areas=areas),
        areas,
        cc.read_population(cc.demo_file("people")),
        DAY,
        cc.read_network(cc.demo_file("roads")),
    )


@pytest.fixture(scope="module")
def yuxi(evidence):
    return assess(YUXI, evidence)


def changed(evidence, **given):
    return Evidence(**{**{name: getattr(evidence, name) for name in Evidence.__dataclass_fields__}, **given})


@pytest.mark.parametrize("pack", built_in(), ids=lambda pack: pack.id)
def test_every_target_has_an_outcome(pack, evidence):
    judgement = assess(pack, changed(evidence, network=None))
    assert [one.target.id for one in judgement.outcomes] == [target.id for target in pack.targets]
    for one in judgement.outcomes:
        assert one.verdict.word != "no_data" or one.reasons, one.target.id
        assert one.verdict.word != "met" or one.tally is not None
    frame = judgement.to_frame()
    assert set(frame["target_id"]) == {target.id for target in pack.targets}


def test_the_demo_city_under_yuxis_pack(yuxi):
    """Units counted by hand in test_policy_units; needed are 6 of 8 towns (65 % of 8 = 5.2) and 34 of 37 (33.3)."""
    found = {one.target.id: (one.verdict.word, one.tally, one.verdict.shortfall) for one in yuxi.outcomes}
    assert found["YX-04"] == ("in_progress", Tally(3, 5), 2)
    assert found["YX-05"] == ("in_progress", Tally(21, 37), 13)
    assert found["YX-24"] == ("missed", Tally(4, 5), 1)
    assert found["YX-23"][0] == "met"
    assert found["YX-06"][:2] == ("monitored", Tally(17, 46))
    assert "YX-24" in {one.target.id for one in yuxi.missed()}
    assert any("5304" in note for note in yuxi.notes)


def test_stable_asks_for_every_year(yuxi):
    """All six centres but one opened before 2024 ended; 5 of 8 are 62.5 %, below 65 in each year."""
    one = yuxi.outcome("YX-03")
    assert [line.period for line in one.by_period()] == ["2024", "2025", "2026"]
    assert [line.verdict.word for line in one.by_period()] == ["missed", "missed", "in_progress"]
    assert one.verdict.word == "missed"
    assert any("2024" in reason for reason in one.reasons)


def test_a_year_that_is_declared_goes_before_what_dates_tell(evidence):
    ratios = pd.DataFrame(
        {
            "target": "YX-03",
            "county": None,
            "period": ["2024", "2025"],
            "numerator": [6.0, 7.0],
            "denominator": [8.0, 8.0],
            "row": [2, 3],
        }
    )
    one = assess(YUXI, changed(evidence, network=None, inputs={"ratios": ratios})).outcome("YX-03")
    assert [line.tally.numerator for line in one.by_period()] == [6, 7, 5]
    assert one.verdict.word == "in_progress"
    assert one.verdict.year == 2026


def test_the_readings_of_coverage_side_by_side(yuxi, evidence):
    one = yuxi.outcome("YX-05")
    others = {line.reading: line for line in one.by_reading()}
    assert others["coverage=served"].verdict.word == "no_data"
    assert others["urban_community=in_street"].tally == Tally(17, 27)
    assert others["operating=all"].tally == Tally(22, 37), "one that is being built is not there yet"
    people = others["coverage=people"].tally
    assert 0 < people.numerator < people.denominator
    units_of = evidence.areas[(evidence.areas["level"] == "community") & evidence.areas["level_name"].eq("社区")]
    inside = cc.assign_areas(evidence.demand, units_of, "area_id").notna()
    assert people.denominator == evidence.demand.loc[inside, "people_60"].sum()
    by_people = assess(YUXI, changed(evidence, readings={"YX-05.coverage": "people"}))
    assert by_people.outcome("YX-05").tally == people
    assert by_people.outcome("YX-04").tally == Tally(3, 5)


def test_the_column_of_areas_served(evidence):
    """A centre that names a neighbour serves it: 5 of 8 towns have one, 7 are served by name or by code."""
    centres = evidence.facilities["kind"].eq("农村区域养老服务中心") & evidence.facilities["status"].eq("open")
    has = set(evidence.facilities.loc[centres, "area_code"].str[:9])
    towns = evidence.areas[(evidence.areas["level"] == "township") & evidence.areas["level_name"].isin(["镇", "乡"])]
    without = towns[~towns["area_id"].isin(has)]
    assert len(without) == 3
    serves = pd.Series(None, index=evidence.facilities.index, dtype=object)
    serves[centres[centres].index[0]] = f"{without['name'].iloc[0]}、{without['area_id'].iloc[1]}"
    facilities = evidence.facilities.assign(serves=serves)
    given = changed(evidence, network=None, facilities=facilities, readings={"coverage": "served"})
    assert assess(YUXI, given).outcome("YX-03").tally == Tally(7, 8, 1), "the others do not say whom they serve"
    facilities["serves"] = serves.where(serves.notna() | ~centres, "不存在的镇")
    found = assess(YUXI, replace(given, facilities=facilities))
    assert found.outcome("YX-03").tally == Tally(7, 8)
    assert any("不存在的镇" in reason for reason in found.outcome("YX-03").reasons)
    assert {line.reading: line.tally for line in found.outcome("YX-03").by_reading()}["coverage=has_one"] == Tally(5, 8)


def test_each_county_by_itself(evidence, yuxi):
    assert sum((line.tally for line in yuxi.outcome("YX-05").by_area()), Tally(0, 0)) == Tally(21, 37)
    each = assess(YUXI, changed(evidence, network=None, readings={"overall": "county"})).outcome("YX-03")
    words = {line.area_name: line.verdict.word for line in each.by_area()}
    assert set(words) == {"澄溪区", "岚岭县"}


def test_a_county_without_streets_is_not_applicable(evidence):
    one = assess(LINCANG, changed(evidence, network=None)).outcome("LC-22")
    assert {line.area_name: line.verdict.word for line in one.by_area()}["岚岭县"] == "not_applicable"


def test_a_facility_of_a_higher_level_is_not_one_of_a_lower_level(evidence):
    """Street centres stand in communities, too; a facility registered as both counts for the street alone."""
    facilities = evidence.facilities.copy()
    street = facilities["kind"].eq("街道综合养老服务中心")
    facilities.loc[street, "kind"] = "街道综合养老服务中心、社区日间照料中心"
    alone = assess(YUXI, changed(evidence, network=None, facilities=facilities)).outcome("YX-05")
    assert alone.tally == Tally(21, 37)
    both = assess(YUXI, changed(evidence, network=None, facilities=facilities, readings={"nested": "yes"}))
    assert both.outcome("YX-05").tally.numerator > 21


def test_the_circle_has_values_and_no_verdict(yuxi, evidence):
    one = yuxi.outcome("YX-20")
    assert one.verdict.word == "monitored"
    table = one.circle
    assert set(table["minutes"]) == {5.0, 10.0, 15.0}
    assert set(table["measure"]) == {"people_60", "people_80", "people", "points", "land_m2"}
    assert set(table["speed_mps"]) == {0.7, 0.8, 1.0, 1.11}
    whole, parts = table[table["area_id"] == ""], table[table["area_id"] != ""]
    key = ["speed_mps", "minutes", "measure"]
    assert np.allclose(
        whole.set_index(key)[["covered", "total"]].sort_index(), parts.groupby(key)[["covered", "total"]].sum()
    )
    for _, rows in whole.groupby(["minutes", "measure"]):
        assert rows.sort_values("speed_mps")["covered"].is_monotonic_increasing
    kinds = ("日间照料", "嵌入式", "街道综合养老服务中心", "助餐点")
    counts = evidence.facilities["kind"].str.contains("|".join(kinds)) & evidence.facilities["status"].eq("open")
    times = cc.nearest(evidence.demand, evidence.facilities[counts], evidence.network, minutes=15)
    expected = evidence.demand.loc[times["minutes"].notna(), "people_60"].sum()
    assert one.tally == Tally(Fraction(expected), Fraction(evidence.demand["people_60"].sum()))


def test_the_circles_land_is_that_of_its_polygon(yuxi, evidence):
    counts = evidence.facilities["kind"].str.contains("日间照料|嵌入式|街道综合养老服务中心|助餐点")
    counts &= evidence.facilities["status"].eq("open")
    rings = cc.isochrones(evidence.facilities[counts], evidence.network, minutes=15, union=True)
    shape = rings[rings["facility_id"] == "all"].to_crs(evidence.network.crs)
    city = evidence.areas[evidence.areas["level"] == "county"].to_crs(evidence.network.crs).union_all()
    table = yuxi.outcome("YX-20").circle.query("measure == 'land_m2' and minutes == 15 and speed_mps == 0.8")
    covered = table.loc[table["area_id"] == "", "covered"].item()
    assert covered == pytest.approx(shape.intersection(city).area.sum(), rel=1e-3)


def test_a_line_and_a_centre_of_ones_own(evidence):
    centre = evidence.areas.loc[evidence.areas["name"] == "云济街道", "area_id"].item()
    given = changed(evidence, lines={"YX-20": Decimal(95)}, centre=(centre,))
    one = assess(YUXI, given).outcome("YX-20")
    inside = cc.assign_areas(evidence.demand, evidence.areas[evidence.areas["area_id"] == centre]).notna()
    assert one.tally.denominator == evidence.demand.loc[inside, "people_60"].sum()
    assert one.verdict.word in {"met", "missed"}
    assert (one.verdict.word == "met") == (one.tally.numerator * 100 >= 95 * one.tally.denominator)
    assert one.target.force == "principle"


def test_without_roads_a_circle_is_no_data(evidence):
    one = assess(YUXI, changed(evidence, network=None)).outcome("YX-20")
    assert one.verdict.word == "no_data"
    assert one.reasons


@pytest.mark.parametrize(
    ("now", "before", "word"),
    [
        (Tally(4, 7), Tally(3, 7), "met"),
        (Tally(3, 7), Tally(3, 7), "missed"),
        (Tally(4, 7), Tally(3, 7, 1), "to_be_verified"),
        (Tally(5, 7), Tally(3, 7, 1), "met"),
        (Tally(0, 0), Tally(0, 0), "not_applicable"),
        (Tally(None, 7), Tally(3, 7), "no_data"),
    ],
)
def test_growth(now, before, word):
    assert growth(now, before).word == word


# What is not known


def city(facilities, *, units=(), at=MIDDLE, people=None, **given):
    """红塔区 with units of one's own (code, name) and facilities as dictionaries; only the county has a border."""
    rows = [("530402", "红塔区", "county", None), *((c, n, "township", "530402") for c, n in units)]
    frame = pd.DataFrame(rows, columns=["area_id", "name", "level", "parent_id"])
    shapes = [shapely.box(102.0, 24.0, 103.0, 25.0), *[None] * len(units)]
    found = pd.DataFrame(facilities)
    found["facility_id"] = [f"F{number}" for number in range(len(found))]
    points = gpd.GeoDataFrame(found, geometry=[at] * len(found), crs="EPSG:4326")
    demand = gpd.GeoDataFrame({"demand_id": ["P"], "area_id": ["530402"]}, geometry=[MIDDLE], crs="EPSG:4326")
    areas = gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:4326")
    return Evidence(points, areas, demand if people is None else people, DAY, **given)


CENTRE = {
    "kind": "农村区域养老服务中心",
    "functions": "失能照护、医疗护理、康复服务、全托、日托、上门服务、对下指导",
    "status": "open",
    "opened": pd.Timestamp(2020, 1, 1),
}
TOWNS = (("530402101", "甲镇"), ("530402102", "乙镇"))


def of_towns(evidence, name="YX-03"):
    one = assess(YUXI, evidence).outcome(name)
    return one.verdict.word, one.tally, one.reasons


def test_facilities_that_nobody_can_place_are_no_zero():
    """Two centres with coordinates and no codes, towns without borders: they may be anywhere in the county."""
    word, tally, reasons = of_towns(city([CENTRE, CENTRE], units=TOWNS))
    assert (word, tally) == ("no_data", Tally(None, 2))
    assert any("2 家设施不知道在哪个" in reason for reason in reasons)
    word, tally, _ = of_towns(
        city([{**CENTRE, "area_code": "530402101"}, {**CENTRE, "area_code": "530402"}], units=TOWNS)
    )
    assert (word, tally) == ("to_be_verified", Tally(1, 2, 1))


def test_towns_of_a_county_that_nobody_listed_are_no_data():
    """A pack of a city of which there is no list: a table without towns does not say that there are none."""
    new = YUXI.model_copy(update={"area_codes": ("5399",)})
    evidence = city([CENTRE])
    evidence.areas["area_id"] = evidence.areas["area_id"].str.replace("5304", "5399")
    one = assess(new, evidence).outcome("YX-03")
    assert one.verdict.word == "no_data"
    assert "红塔区" in " ".join(one.reasons)
    assert of_towns(city([CENTRE], units=(("T1", "甲"),)))[0] == "no_data", "neither code nor name says what T1 is"
    assert of_towns(city([{**CENTRE, "area_code": "T1"}], units=(("T1", "甲镇"),)))[1] == Tally(1, 1)


def test_a_county_without_a_table_takes_the_list_though_another_has_its_own():
    evidence = city([{**CENTRE, "area_code": "530402101"}], units=TOWNS[:1])
    other = pd.DataFrame([{"area_id": "530403000000", "name": "江川区", "level": "county", "parent_id": None}])
    shape = gpd.GeoDataFrame(other, geometry=[shapely.box(103.0, 24.0, 104.0, 25.0)], crs="EPSG:4326")
    areas = gpd.GeoDataFrame(pd.concat([evidence.areas, shape], ignore_index=True), crs="EPSG:4326")
    one = assess(YUXI, replace(evidence, areas=areas)).outcome("YX-03")
    listed = units(["530403"])
    towns = listed[listed["kind"].isin(["镇", "乡"])]
    assert one.tally == Tally(1, 1 + len(towns))
    assert sum((line.tally for line in one.by_area()), Tally(0, 0)) == one.tally


def test_a_table_of_townships_alone_empties_nothing():
    evidence = city([{**CENTRE, "area_code": "530402101"}], units=TOWNS)
    areas = evidence.areas[evidence.areas["level"] == "township"]
    found = place_of(YUXI, replace(evidence, areas=areas))
    assert found.within.tolist() == [True]
    assert of_towns(replace(evidence, areas=areas))[1] == Tally(1, 2)


def test_each_county_for_itself_goes_by_its_years():
    """The whole is met with 2 of 3, one county has none of its one town."""
    towns = (("530402101", "甲镇"), ("530402102", "乙镇"))
    evidence = city([{**CENTRE, "area_code": code} for code, _ in towns], units=towns)
    more = pd.DataFrame(
        [("530403", "江川区", "county", None), ("530403101", "丙镇", "township", "530403")],
        columns=["area_id", "name", "level", "parent_id"],
    )
    shapes = [shapely.box(103.0, 24.0, 104.0, 25.0), None]
    both = pd.concat([evidence.areas, gpd.GeoDataFrame(more, geometry=shapes, crs="EPSG:4326")], ignore_index=True)
    given = replace(evidence, areas=gpd.GeoDataFrame(both, crs="EPSG:4326"))
    assert of_towns(given)[:2] == ("met", Tally(2, 3))
    each = assess(YUXI, replace(given, readings={"overall": "county"})).outcome("YX-03")
    assert (each.verdict.word, each.verdict.shortfall) == ("missed", 1)


@pytest.mark.parametrize("reading", ["has_one", "served"])
def test_what_a_facility_does_not_say_is_unverified_by_every_reading(reading):
    silent = {**CENTRE, "functions": None, "area_code": "530402101", "serves": "乙镇"}
    word, tally, _ = of_towns(city([silent], units=TOWNS, readings={"coverage": reading}))
    assert (word, tally.numerator, tally.unverified) == (
        "to_be_verified" if reading == "served" else "missed",
        0,
        {"has_one": 1, "served": 2}[reading],
    )


def test_areas_served_are_looked_for_in_the_facilitys_county_and_apart():
    both = {**CENTRE, "area_code": "530402101", "serves": "甲镇和乙镇"}
    assert of_towns(city([both], units=TOWNS, readings={"coverage": "served"}))[1] == Tally(2, 2)
    far = {**both, "area_code": "410101", "serves": "乙镇"}
    outside = city([far], units=TOWNS, at=shapely.Point(113.6, 34.7), readings={"coverage": "served"})
    assert of_towns(outside)[1].numerator in {0, None}


def test_a_registry_without_kinds_says_nothing():
    word, _, reasons = of_towns(city([{**CENTRE, "kind": None, "area_code": "530402101"}], units=TOWNS))
    assert word == "no_data"
    assert any("类别" in reason for reason in reasons)


def test_a_label_in_the_kind_is_enough():
    pack = load_pack("yiyang")
    rows = {"kind": "标准化街道综合养老服务中心", "name": None, "area_code": "430902001"}
    evidence = city([rows])
    evidence.areas["area_id"] = "430902"
    assert assess(pack, evidence).outcome("YY-03").tally == Tally(1, None, 0)


def test_a_year_that_decides_gives_its_own_numbers():
    """The second centre opened in 2026: 1 of 2 at the end of 2025 decides."""
    rows = [
        {**CENTRE, "area_code": "530402101"},
        {**CENTRE, "area_code": "530402102", "opened": pd.Timestamp(2026, 3, 1)},
    ]
    one = assess(YUXI, city(rows, units=TOWNS)).outcome("YX-03")
    assert (one.verdict.word, one.verdict.year, one.verdict.shortfall) == ("missed", 2025, 1)
    assert (one.tally, one.verdict.value) == (Tally(1, 2), 50)
    assert one.by_period()[-1].tally == Tally(2, 2)


def test_times_at_every_speed_are_their_own(yuxi, evidence):
    """People within 15 minutes at each speed, by a search of its own: networks at other speeds are not mixed up."""
    kinds = ("日间照料", "嵌入式", "街道综合养老服务中心", "助餐点")
    counts = evidence.facilities["kind"].str.contains("|".join(kinds)) & evidence.facilities["status"].eq("open")
    table = yuxi.outcome("YX-20").circle.query("area_id == '' and measure == 'people_60' and minutes == 15")
    for name in ("oldest", "elder", "young-old", "adult"):
        network = cc.read_network(cc.demo_file("roads"), profile=name)
        times = cc.nearest(evidence.demand, evidence.facilities[counts], network, minutes=15)
        expected = evidence.demand.loc[times["minutes"].notna(), "people_60"].sum()
        assert table.loc[table["speed_mps"] == network.profile.speed_mps, "covered"].item() == expected, name


# Places


def listed_city(code, townships):
    """Facilities of a city of which only the Bureau's list is known: a regional centre in each of some towns."""
    frame = pd.DataFrame({"area_code": townships, "kind": "农村区域养老服务中心", "status": "open"})
    frame["functions"] = "失能照护、医疗护理、康复服务、全托、日托、上门服务、对下指导"
    frame["facility_id"] = [f"F{number}" for number in range(len(frame))]
    here = [MIDDLE] * len(frame)
    people = gpd.GeoDataFrame({"demand_id": ["P"], "area_id": [code]}, geometry=[MIDDLE], crs="EPSG:4326")
    county = shapely.box(102.0, 24.0, 103.0, 25.0)
    areas = gpd.GeoDataFrame(
        {"area_id": [code], "name": ["红塔区"], "level": ["county"]}, geometry=[county], crs="EPSG:4326"
    )
    return Evidence(gpd.GeoDataFrame(frame, geometry=here, crs="EPSG:4326"), areas, people, DAY)


def test_units_come_from_the_bureaus_list_where_there_is_no_table_of_them():
    """红塔区 530402 has 9 streets and 2 townships in the list of 2023; one of them with a centre is 1 of 2."""
    towns = units(["530402"])
    towns = towns[(towns["level"] == "township") & towns["kind"].isin(["镇", "乡"])]["area_id"].tolist()
    found = assess(YUXI, listed_city("530402", towns[:1]))
    now = found.outcome("YX-03").by_period()[-1]
    assert now.tally == Tally(1, len(towns))
    assert any("2023" in note for note in found.notes)


def test_a_place_is_cut_to_what_the_pack_binds():
    """Areas of another city beside it are not judged, and their facilities do not count."""
    mine, other = listed_city("530402", []), listed_city("530902", ["530902100"])
    there = other.facilities.set_geometry([shapely.Point(100.5, 23.5)] * len(other.facilities))
    both = Evidence(
        gpd.GeoDataFrame(pd.concat([mine.facilities, there], ignore_index=True), crs="EPSG:4326"),
        gpd.GeoDataFrame(
            pd.concat([mine.areas, other.areas.set_geometry([shapely.box(100, 23, 101, 24)])], ignore_index=True),
            crs="EPSG:4326",
        ),
        mine.demand,
        DAY,
    )
    place = place_of(YUXI, both)
    assert place.bound
    assert place.counties["area_id"].tolist() == ["530402"]
    assert assess(YUXI, both).outcome("YX-03").tally.numerator == 0


def test_counties_of_the_city_that_the_areas_lack_are_named(evidence):
    """The Bureau lists nine counties of Yuxi; whoever has the polygons of two is told which seven are not counted."""
    listed = units(["5304"])
    counties = listed[listed["level"] == "county"]
    two = gpd.GeoDataFrame(counties.head(2), geometry=[MIDDLE.buffer(0.1), MIDDLE.buffer(0.2)], crs="EPSG:4326")
    notes = " ".join(place_of(YUXI, changed(evidence, areas=two)).notes)
    assert all(name in notes for name in counties["name"].iloc[2:])
    assert not any(name in notes for name in counties["name"].iloc[:2])
    whole = gpd.GeoDataFrame(counties, geometry=[MIDDLE.buffer(0.1)] * 9, crs="EPSG:4326")
    assert "不在区域表里" not in " ".join(place_of(YUXI, changed(evidence, areas=whole)).notes)
