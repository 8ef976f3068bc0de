"""What is lacking: five communities along one street, every kind of gap and measure, worked out by hand."""

import io
from datetime import date
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import carecircle as cc
from carecircle.cover import assign_areas, coverage
from carecircle.errors import UsageError
from carecircle.gaps import KINDS, MEASURES, find_gaps, ranked
from carecircle.language import catalogue, use_language
from carecircle.network import read_network
from carecircle.policy import load_pack
from carecircle.policy.assessment import assess
from carecircle.policy.evidence import Evidence
from carecircle.policy.judge import Verdict
from carecircle.policy.results import Judgement, Outcome
from carecircle.report.facts import WITHHELD
from carecircle.report.gapwords import gap_lines, unit_places, without_nearest
from carecircle.report.suppression import tabled, withhold, withhold_gaps
from carecircle.schema import GAPS, check

DAY = date(2026, 6, 30)
YUXI, LINCANG = load_pack("yuxi"), load_pack("lincang")
STREET = "539902001"
SIDE = 1000.0
"""Metres of a community along the street: an older person walks 720 in a quarter of an hour."""


def code(k):
    return f"{STREET}{k + 1:03d}"


@pytest.fixture
def network(osm):
    nodes = {k: (250.0 * k, 0.0) for k in range(21)}
    return read_network(osm(nodes, [(list(nodes), {"highway": "residential"})]), profile="elder")


@pytest.fixture(scope="module")
def areas(plan_crs):
    crs, (east, north) = plan_crs
    boxes = [shapely.box(east + SIDE * k, north - 300, east + SIDE * (k + 1), north + 300) for k in range(5)]
    whole = shapely.union_all(boxes)
    rows = [("539902", "甲区", "county", "5399"), (STREET, "东街道", "township", "539902")]
    rows += [(code(k), f"{'一二三四五'[k]}社区", "community", STREET) for k in range(5)]
    table = pd.DataFrame(rows, columns=["area_id", "name", "level", "parent_id"]).assign(urban_class=None)
    return gpd.GeoDataFrame(table, geometry=[whole, whole, *boxes], crs=crs).to_crs(4326)


@pytest.fixture(scope="module")
def demand(at):
    """Two points in each community: 10 + k people at 400 m from its western border, 30 at 600 m."""
    places = [(SIDE * k + off, 5.0) for k in range(5) for off in (400, 600)]
    people = np.array([value for k in range(5) for value in (10.0 + k, 30.0)])
    return at(*places, key="demand_id", people=people * 5, people_60=people, people_80=people / 10)


@pytest.fixture(scope="module")
def facilities(at):
    """Day care at the eastern end of the first community; closed, planned and idle ones further on."""
    return at(
        (950, 0),
        (2500, 0),
        (3500, 0),
        (4500, 0),
        name=["甲", "乙", "丙", "丁"],
        kind=["日间照料中心", "日间照料中心", "社区嵌入式养老服务机构", "老年助餐点"],
        status=["open", "停业", "拟建", "停用"],
        functions=None,
        floor_m2=[250.0, 400.0, np.nan, 80.0],
        opened=pd.NaT,
    )


@pytest.fixture
def gaps_of(network, areas, demand, facilities):
    """A function from a pack (and other inputs) to its gaps, of targets named."""

    def found(*targets, pack=YUXI, readings=None, network_=network, **changed):
        tables = {"facilities": facilities, "areas": areas, "demand": demand}
        tables |= {name: changed.pop(name) for name in tables if name in changed}
        chosen = tuple(target for target in pack.targets if not targets or target.id in targets)
        evidence = Evidence(*tables.values(), DAY, network_, readings=readings or {})
        judged = assess(pack.model_copy(update={"targets": chosen, "schedule": None}), evidence)
        return find_gaps([judged], *tables.values(), network_, **changed)

    return found


def test_every_community_by_hand(gaps_of, facilities):
    gaps = gaps_of("YX-05").set_index("area_id").sort_index()
    assert gaps.index.tolist() == [code(k) for k in (1, 2, 3, 4)]
    assert gaps["gap"].tolist() == ["none", "closed", "closed", "none"]
    assert gaps["measure"].tolist() == ["neighbour", "reopen", "build", "reuse"]
    assert gaps["people_60"].tolist() == [41, 42, 43, 44]
    assert gaps["people_80"].tolist() == pytest.approx([4.1, 4.2, 4.3, 4.4])
    assert (gaps["nearest_facility"] == facilities["facility_id"][0]).all()
    assert (gaps["nearest_name"] == "甲").all()
    # From the point at 600 m (5 m off the street), which is nearer to the mean place, to 950 m of the first community.
    assert gaps["metres"].tolist() == pytest.approx([655, 1655, 2655, 3655], abs=1)
    assert gaps["minutes"].tolist() == pytest.approx([m / 48 for m in (655, 1655, 2655, 3655)], abs=0.05)
    assert gaps["community"].tolist() == ["二社区", "三社区", "四社区", "五社区"]
    assert set(gaps["township"]) == {"东街道"}
    assert set(gaps["county"]) == {"甲区"}
    assert gaps["year"].unique().tolist() == [2026]
    assert gaps["people_60_out"].isna().all()
    assert gaps["gap_id"].tolist() == [f"YX-05-{code(k)}" for k in (1, 2, 3, 4)]


def test_the_point_is_the_demand_nearest_to_the_mean_place(gaps_of, demand):
    gaps = gaps_of("YX-05").set_index("area_id")
    assert gaps.loc[code(1)].geometry.equals(demand.to_crs(4326).geometry[3])
    reversed_ = demand.assign(people_60=[30.0, 10.0] * 5)
    assert (
        gaps_of("YX-05", demand=reversed_)
        .set_index("area_id")
        .loc[code(1)]
        .geometry.equals(demand.to_crs(4326).geometry[2])
    )
    unknown = demand.assign(people_60=np.nan, people_80=np.nan)
    by_people = gaps_of("YX-05", demand=unknown).set_index("area_id")
    assert by_people.loc[code(1)].geometry.equals(demand.to_crs(4326).geometry[3])
    assert by_people["people_60"].isna().all()


def test_a_circle_leaves_out_whom_it_does_not_reach(gaps_of):
    gaps = gaps_of("YX-20").set_index("area_id").sort_index()
    assert gaps.index.tolist() == [code(k) for k in (2, 3, 4)]
    assert set(gaps["gap"]) == {"beyond"}
    assert gaps["people_60_out"].tolist() == [42, 43, 44]
    assert gaps["measure"].tolist() == ["reopen", "build", "reopen"]


def test_a_share_of_a_circle_may_be_set(gaps_of, at):
    """From 150 m before the street's end, 400 m on it is within 720 m and 600 m is not: a quarter of 40 people."""
    outside = at((-150, 0), name=["甲"], kind=["日间照料中心"])
    half = gaps_of("YX-20", facilities=outside).set_index("area_id")
    assert half.loc[code(0), "people_60_out"] == 30
    assert code(0) not in set(gaps_of("YX-20", facilities=outside, served_share=0.25)["area_id"])


def test_a_unit_whose_middle_is_reached_but_not_its_people_needs_more_than_a_neighbour(gaps_of, at, demand):
    outside = at((-150, 0), name=["甲"], kind=["日间照料中心"])
    most_at_400 = demand.assign(people_60=[30.0, 10.0] * 5)
    first = gaps_of("YX-20", facilities=outside, demand=most_at_400, served_share=0.9).set_index("area_id").loc[code(0)]
    assert first["minutes"] < 15
    assert (first["gap"], first["measure"], first["people_60_out"]) == ("beyond", "build", 10)


def test_a_circle_takes_the_narrowest_units_that_people_are_known_to_live_in(gaps_of, areas):
    """Communities of a bare list, without borders, hold no points: the street with a border does."""
    bare = areas.assign(geometry=areas.geometry.where(areas["level"] != "community", None))
    found = gaps_of("YX-20", areas=bare)
    assert found[["area_id", "people_60", "people_60_out"]].to_numpy().tolist() == [[STREET, 210, 129]]


def test_a_circle_is_about_the_centre(gaps_of):
    assert gaps_of("YX-20", centre=[code(3)])["area_id"].tolist() == [code(3)]


def test_functions_that_are_missing_or_not_said(gaps_of, at):
    centre = at((500, 0), name=["中心"], kind=["街道综合养老服务中心"], functions=["全托、日托"])
    lacking = gaps_of("YX-04", facilities=centre)
    assert lacking[["area_id", "gap", "measure"]].to_numpy().tolist() == [[STREET, "functions", "extend"]]
    assert lacking["nearest_facility"].isna().all()
    assert lacking["minutes"].isna().all()
    silent = gaps_of("YX-04", facilities=centre.assign(functions=None))
    assert silent["gap"].tolist() == ["functions"]
    whole = centre.assign(functions="全托、日托、上门服务、对下指导")
    assert gaps_of("YX-04", facilities=whole).empty


def test_an_open_one_that_lacks_goes_before_a_closed_one(gaps_of, at):
    both = at((400, 0), (500, 0), name=["甲", "乙"], kind="街道综合养老服务中心", status=["停业", "open"],
              functions=["全托、日托、上门服务、对下指导", "日托"])  # fmt: skip
    assert gaps_of("YX-04", facilities=both)["gap"].tolist() == ["functions"]


def test_what_is_too_small_is_a_gap_though_the_target_counts_it(gaps_of, facilities):
    assert code(0) not in set(gaps_of("YX-05", min_floor_m2={"day_care": 250})["area_id"])
    small = gaps_of("YX-05", min_floor_m2={"community_facility": 300}).set_index("area_id")
    assert small.loc[code(0), ["gap", "measure"]].tolist() == ["too_small", "extend"]
    assert small["nearest_facility"].isna().all()  # the only one that counts is too small
    own = gaps_of("YX-05", min_floor_m2={"community_facility": 300, "day_care": 200})
    assert code(0) not in set(own["area_id"])
    second = facilities.head(1).assign(facility_id="large", floor_m2=300.0)
    large = gpd.GeoDataFrame(pd.concat([facilities, second], ignore_index=True))
    assert code(0) not in set(gaps_of("YX-05", facilities=large, min_floor_m2={"day_care": 300})["area_id"])
    unknown = facilities.assign(floor_m2=np.nan)
    assert code(0) not in set(gaps_of("YX-05", facilities=unknown, min_floor_m2={"day_care": 9e9})["area_id"])


def test_fewer_than_asked(network, areas, demand, facilities):
    two = YUXI.target("YX-05").model_copy(update={"metric": "facilities_per_unit", "threshold": 2})
    pack = YUXI.model_copy(update={"targets": (two,)})
    gaps = find_gaps(
        [assess(pack, Evidence(facilities, areas, demand, DAY, network))], facilities, areas, demand, network
    )
    first = gaps.set_index("area_id").loc[code(0)]
    assert (first["gap"], first["measure"]) == ("few", "build")
    assert first["minutes"] < 15  # its own facility is no neighbour's


def test_people_reached_as_the_judged_reading(gaps_of):
    gaps = gaps_of("YX-05", readings={"coverage": "people"}).set_index("area_id")
    assert sorted(gaps.index) == [code(k) for k in (2, 3, 4)]
    assert set(gaps["gap"]) == {"beyond"}
    assert gaps["people_60_out"].to_dict() == {code(2): 42, code(3): 43, code(4): 44}


def test_ranks_follow_people_then_the_longer_way(gaps_of, demand):
    gaps = gaps_of()
    assert gaps["rank"].tolist() == list(range(1, len(gaps) + 1))
    assert gaps["people_60"].is_monotonic_decreasing
    assert gaps["level"].iloc[0] == "county"
    alike = gaps_of("YX-05", demand=demand.assign(people_60=7.0))
    assert alike["minutes"].is_monotonic_decreasing
    last = ranked(gaps.assign(people_60=gaps["people_60"].where(gaps["area_id"] != code(4))))
    unknown = last["people_60"].isna()
    assert unknown.sum() == 2
    assert unknown.iloc[-2:].all()


def test_no_data_has_no_gaps(gaps_of):
    """A list of care homes says nothing of schools: nobody knows that a township has none."""
    assert gaps_of("LC-08", "LC-14", pack=LINCANG).empty


def test_a_unit_of_which_nothing_is_known_is_no_gap_and_one_to_be_looked_at_is(network, areas, demand, facilities):
    table = pd.DataFrame({"found": [pd.NA, 0], "unverified": [0, 1], "passes": pd.Series([None, None], dtype=object)})
    table.index = pd.Index([code(1), code(2)], name="area_id")
    outcome = Outcome(YUXI.target("YX-05"), Verdict("to_be_verified"), units=table)
    gaps = find_gaps([Judgement(YUXI, DAY, (outcome,), areas.iloc[:0])], facilities, areas, demand, network)
    assert gaps[["area_id", "gap", "measure"]].to_numpy().tolist() == [[code(2), "functions", "extend"]]


def test_targets_that_say_the_same_give_one_row(gaps_of, facilities):
    school = facilities.assign(kind="老年学校", status="停业")
    gaps = gaps_of("LC-08", "LC-14", pack=LINCANG, facilities=school)
    assert gaps[["target_id", "also", "gap"]].to_numpy().tolist() == [["LC-08", "LC-14", "closed"]]


def test_years_behind_and_ahead(network, areas, demand, facilities):
    assert YUXI.target("YX-05").deadline.year == 2026
    late = YUXI.target("YX-05").model_copy(update={"deadline": date(2024, 12, 31)})
    ahead = late.model_copy(update={"deadline": date(2029, 12, 31)})
    for target, year in ((late, 2026), (ahead, 2029), (late.model_copy(update={"deadline": None}), 2026)):
        judged = assess(
            YUXI.model_copy(update={"targets": (target,)}), Evidence(facilities, areas, demand, DAY, network)
        )
        found = find_gaps([judged], facilities, areas, demand, network)
        assert set(found["year"]) == {year}


def test_without_a_network_nothing_is_near(gaps_of):
    gaps = gaps_of(network_=None)
    assert "beyond" not in set(gaps["gap"])
    assert "neighbour" not in set(gaps["measure"])
    assert gaps["minutes"].isna().all()
    assert set(gaps_of("YX-05")["area_id"]) == set(gaps.loc[gaps["target_id"] == "YX-05", "area_id"])


def test_units_without_a_border_or_people(gaps_of, areas, demand, facilities):
    bare = areas.assign(geometry=areas.geometry.where(areas["level"] != "community", None))
    coded = demand.assign(area_id=[code(k // 2) for k in range(10)])
    known = facilities.assign(area_code=assign_areas(facilities, areas[areas["level"] == "community"]))
    gaps = gaps_of("YX-05", areas=bare, demand=coded, facilities=known).set_index("area_id")
    assert gaps.loc[code(1), "people_60"] == 41
    one = gaps_of("YX-05", areas=bare, demand=coded.iloc[:2], facilities=known).set_index("area_id")
    assert one.loc[code(1), "people_60"] == 0
    nobody = gaps_of("YX-05", areas=bare, demand=demand.iloc[:2], facilities=known).set_index("area_id")
    assert np.isnan(nobody.loc[code(1), "people_60"])
    assert gaps_of("YX-05", areas=bare, demand=coded).empty, "nobody knows where the facilities stand"
    assert nobody.loc[code(1)].geometry is None
    assert np.isnan(nobody.loc[code(1), "minutes"])
    empty = gaps_of("YX-05", demand=demand.iloc[:2]).set_index("area_id")
    assert empty.loc[code(1)].geometry.within(areas.set_index("area_id").geometry[code(1)])


def test_units_of_the_official_list_are_named(facilities, demand, network):
    """A county without a table of communities is judged by the Bureau's list, whose units have no border."""
    target = YUXI.target("YX-05")
    table = pd.DataFrame({"name": "荷花社区", "found": 0, "unverified": 0, "passes": pd.Series([False], dtype=object)})
    table.index = pd.Index(["530402001001"], name="area_id")
    outcome = Outcome(target, Verdict("missed"), readings={"coverage": "has_one"}, units=table)
    county = cc.read_areas(pd.DataFrame({"代码": ["530402"], "名称": ["红塔区"]}))
    judged = Judgement(YUXI, DAY, (outcome,), county[["area_id", "name"]])
    gaps = find_gaps([judged], facilities, county, demand, network)
    row = gaps.iloc[0]
    assert (row["county"], row["township"], row["level"]) == ("红塔区", "玉兴街道", "community")
    assert row["name"].startswith("荷花社区")


def test_the_table_keeps_its_contract(gaps_of):
    gaps = gaps_of()
    assert check(gaps, GAPS) is gaps
    assert list(gaps.columns) == [*(column.name for column in GAPS.columns), "geometry"]
    assert gaps.crs == "EPSG:4326"
    assert set(gaps["gap"]) <= set(KINDS)
    assert set(gaps["measure"]) <= set(MEASURES)
    none = find_gaps(
        [], *(gpd.GeoDataFrame({"area_id": [], "level": [], "name": []}, geometry=[], crs=4326),) * 3, None
    )
    assert list(none.columns) == list(gaps.columns)
    assert dict(none.dtypes) == dict(gaps.dtypes)


def test_every_kind_and_measure_has_words():
    for name in (*(f"gap.kind_{kind}" for kind in KINDS), *(f"gap.measure_{measure}" for measure in MEASURES)):
        assert name in catalogue()


def test_lines_for_people(gaps_of, network, areas, demand, facilities):
    gaps = gaps_of("YX-05")
    judged = [assess(YUXI, Evidence(facilities, areas, demand, DAY, network))]
    lines = gap_lines(gaps, judged, most=2)
    assert len(lines) == 3
    assert "共 4 处缺口" in lines[0]
    assert "甲区 东街道 五社区" in lines[1]
    assert "盘活闲置" in lines[1]
    assert gap_lines(gaps.iloc[:0], judged) == ["没有缺口。"]
    with use_language("en"):
        assert "use idle premises" in gap_lines(gaps, judged)[1]
    nowhere = gaps.assign(nearest_facility=None, nearest_name=None, minutes=np.nan, metres=np.nan, people_60=np.nan)
    assert "未到达" in gap_lines(nowhere, judged)[1]
    assert "无数据" in gap_lines(nowhere, judged)[1]
    assert unit_places(gaps.assign(county=None, township=None)).iloc[0] == "五社区"


def test_published_gaps_tell_no_small_number(gaps_of, network, areas, demand, facilities):
    few = demand.assign(people_60=[30.0, 20.0, 2.0, 1.0, 40.0, 41.0, 50.0, 51.0, 60.0, 61.0])
    few = few.assign(people=few["people_60"] * 5, people_80=few["people_60"])
    gaps = gaps_of(demand=few)
    cover = withhold(coverage(few, cc.open_facilities(facilities), areas, network), areas, 5)
    public = withhold_gaps(gaps, cover)
    totals = cover[cover["measure"].eq("people_60") & cover["unit"].eq("")].drop_duplicates("area_id")
    totals = totals.set_index("area_id")["total"]
    assert np.isinf(public.loc[public["area_id"] == code(1), ["people_60", "people_80"]].to_numpy()).all()
    assert public["people_60"].tolist() == totals.reindex(public["area_id"]).tolist()
    assert np.isfinite(public["people_60"]).any()
    assert np.isinf(public["people_60_out"].dropna()).all()
    assert public["people_60_out"].notna().any()
    hidden = np.isinf(public["people_60"]).to_numpy()
    assert hidden[np.argmax(hidden) :].all()  # they come last, whatever they are
    assert public["rank"].tolist() == list(range(1, len(gaps) + 1))
    written = io.StringIO(tabled(pd.DataFrame(public.drop(columns="geometry"))).to_csv(index=False))
    assert "inf" not in written.getvalue().replace("facility", "")


def test_what_is_withheld_is_ranked_last_however_large(gaps_of, network, areas, demand, facilities):
    gaps = gaps_of("YX-05")
    assert gaps["area_id"].iloc[0] == code(4)
    cover = coverage(demand, cc.open_facilities(facilities), areas, network)
    hidden = cover.assign(total=cover["total"].mask(cover["area_id"] == code(4), WITHHELD))
    assert withhold_gaps(gaps, hidden)["area_id"].tolist() == [code(k) for k in (3, 2, 1, 4)]
    assert withhold_gaps(gaps, cover)["area_id"].tolist() == gaps["area_id"].tolist()


def test_ranks_of_what_is_withheld_tell_nothing(gaps_of):
    gaps = gaps_of("YX-05").assign(people_60=WITHHELD)
    assert ranked(gaps)["minutes"].is_monotonic_decreasing


def test_choices_that_do_not_exist_are_refused(network, areas, demand, facilities):
    outcome = Outcome(YUXI.target("YX-05"), Verdict("missed"), readings={"operating": "perhaps"},
                      units=pd.DataFrame({"found": [0], "unverified": 0, "passes": False},
                                         index=pd.Index([code(0)], name="area_id")))  # fmt: skip
    with pytest.raises(UsageError, match="perhaps"):
        find_gaps([Judgement(YUXI, DAY, (outcome,), areas.iloc[:0])], facilities, areas, demand, network)


def test_without_a_nearest_facility_it_is_said_why(gaps_of, network, areas, demand, facilities):
    gaps = gaps_of("YX-05")
    placeless = gaps.set_geometry(gaps.geometry.where(gaps["rank"] > 1, None))
    judged = (assess(YUXI, Evidence(facilities, areas, demand, DAY, network)),)
    study = SimpleNamespace(judgements=judged, facilities=facilities)
    assert list(without_nearest(study, placeless, "zh")) == ["无数据（没有位置）", *["未到达"] * (len(gaps) - 1)]
    closed = SimpleNamespace(judgements=judged, facilities=facilities.assign(kind="公园"))
    assert set(without_nearest(closed, placeless, "zh")) == {"没有这类设施"}
