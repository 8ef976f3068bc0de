"""Candidates found on hand-made places with known answers, and what screening leaves of them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.datasets import demo_path
from carecircle.errors import InputError, UsageError
from carecircle.language import use_language
from carecircle.model import profile
from carecircle.network import build_network, read_network
from carecircle.schema import CANDIDATES, check
from carecircle.siting.candidates import PROPOSED, clusters, propose_candidates
from carecircle.siting.screening import (
    Exclusion,
    precedence,
    read_exclusions,
    screen_candidates,
    spacing_conflicts,
)
from carecircle.sources.areas import read_areas
from carecircle.sources.candidates import read_candidates
from carecircle.sources.population import read_population

ROAD = {"highway": "residential"}


@pytest.fixture
def corner(plan_crs):
    """A corner of the grid of 1000 m (and of 500 m and 100 m) near the origin of the plan, in metres from it."""
    origin = plan_crs[1]
    return np.ceil(origin / 1000) * 1000 - origin


@pytest.fixture
def network(streets, corner):
    """A street of 4 km along the lower side of the grid, nodes every 250 m; a motorway, and an island of 60 m."""
    x, y = corner
    nodes = {k: (x + 250 * k, y + 20) for k in range(17)}
    nodes |= {20: (x + 740, y + 740), 21: (x + 4000, y + 20), 30: (x + 2200, y + 750), 31: (x + 2260, y + 750)}
    ways = [(list(range(16)), ROAD), ([20, 15], {"highway": "motorway"}), ([30, 31], ROAD)]
    return build_network(streets(nodes, ways), profile("drive"))


@pytest.fixture
def homes(at, corner):
    """Demand points in metres from the corner: ``homes((x, y, people), ...)``."""

    def make(*rows, **columns):
        table = np.asarray(rows, float)
        found = at(*(table[:, :2] + corner), key="demand_id", people_60=table[:, 2], **columns)
        return found.to_crs(4326)

    return make


@pytest.fixture
def local(plan_crs, corner):
    """Metres from the corner of a table in degrees, rounded to a metre."""

    def make(frame):
        at = frame.to_crs(plan_crs[0]).geometry
        return (np.column_stack([at.x, at.y]) - plan_crs[1] - corner).round().astype(int).tolist()

    return make


@pytest.fixture
def area(plan_crs, corner):
    """Areas from boxes in metres from the corner: ``area([(id, name, level, west, south, east, north)])``."""

    def make(*rows):
        shift = np.tile(plan_crs[1] + corner, 2)
        boxes = [shapely.box(*(np.array(row[3:]) + shift)) for row in rows]
        table = pd.DataFrame([row[:3] for row in rows], columns=["area_id", "name", "level"])
        return gpd.GeoDataFrame(table, geometry=boxes, crs=plan_crs[0]).to_crs(4326)

    return make


@pytest.fixture
def idle(at):
    """Idle property: ``idle((x, y, floor), ...)``, metres on the plan."""

    def make(*rows, **columns):
        table = np.asarray(rows, float)
        found = at(*table[:, :2], key="candidate_id", floor_m2=table[:, 2], **columns)
        return found.assign(name=[f"n{k}" for k in range(len(found))], source=columns.get("source", "idle")).to_crs(
            4326
        )

    return make


# Groups


def test_a_village_stays_whole_on_a_line_of_the_grid_and_a_town_is_cut():
    village = np.array([[950.0, 0], [1050, 0], [1130, 0]])
    assert len(set(clusters(village, 1000))) == 1
    town = np.column_stack([np.arange(50, 3000, 100.0), np.zeros(30)])
    assert np.bincount(clusters(town, 1000)).tolist() == [10, 10, 10]
    assert len(set(clusters(town, 3000))) == 1


def test_settlements_touch_at_corners_and_end_where_a_cell_is_empty():
    assert len(set(clusters(np.array([[50.0, 50], [150, 150], [250, 50]]), 1000))) == 1
    assert len(set(clusters(np.array([[50.0, 50], [250, 50]]), 1000))) == 2
    assert clusters(np.empty((0, 2)), 1000).tolist() == []


def test_groups_do_not_depend_on_the_order_of_points():
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 4000, (400, 2))
    order = rng.permutation(400)
    first, second = clusters(xy, 800), clusters(xy[order], 800)
    assert np.array_equal(first[order][:, None] == first[order], second[:, None] == second)


# Sources


def test_a_settlement_is_represented_by_the_home_nearest_to_the_middle_of_its_people(homes, network, local):
    demand = homes((100, 100, 10), (180, 100, 70), (260, 100, 20), (5000, 5000, 4))
    found = propose_candidates(demand, network, sources=["settlement"])
    assert local(found) == [[180, 100], [5000, 5000]]  # middle of the first: (188, 100)
    assert found["candidate_id"].tolist() == ["settlement-001", "settlement-002"]


def test_seats_bear_the_names_of_their_areas(homes, network, area, local):
    units = area(
        ("530402001", "甲街道", "township", 0, 0, 3000, 1000),
        ("530402001001", "东社区", "community", 0, 0, 1500, 1000),
        ("530402001002", "西社区", "community", 1500, 0, 3000, 1000),
    )
    demand = homes((100, 100, 50), (1000, 100, 10), (2000, 100, 20))
    found = propose_candidates(demand, network, units, sources=["settlement"])
    # The middle of the township is at x = 687.5; its home is also a settlement of its own, listed once, as the seat.
    assert dict(zip(found["name"], [x for x, _ in local(found)], strict=True)) == {
        "甲街道中心": 1000, "东社区中心": 100, "西社区中心": 2000,
    }  # fmt: skip
    assert found.set_index("name")["area_code"].to_dict() == {
        "甲街道中心": "530402001001", "东社区中心": "530402001001", "西社区中心": "530402001002",
    }  # fmt: skip
    assert found["township"].eq("甲街道").all()


def test_of_each_cell_the_home_with_most_older_people_is_taken(homes, network, local):
    demand = homes((10, 10, 5), (490, 490, 6), (510, 10, 8), (520, 20, 8), (1200, 10, 0))
    found = propose_candidates(demand, network, sources=["residential"], grid_metres=500)
    assert local(found) == [[510, 10], [490, 490]]  # of equals the smaller key; where nobody lives there is none
    assert found["note"].str.contains("500").all()


def test_what_is_known_of_people_weighs(homes, network, local):
    demand = homes((10, 10, np.nan), (20, 10, np.nan), people=[3.0, 9.0])
    assert local(propose_candidates(demand, network, sources=["residential"])) == [[20, 10]]
    unknown = demand.drop(columns=["people", "people_60"])
    assert local(propose_candidates(unknown, network, sources=["residential"])) == [[10, 10]]


def test_people_out_of_reach_are_given_a_place_on_the_street(homes, network, local):
    demand = homes((100, 200, 30), (180, 200, 10), (300, 200, 99), (1000, 900, 7))
    reached = [False, False, True, False]
    found = propose_candidates(demand, network, sources=["uncovered"], reached=reached)
    assert local(found)[0] == [120, 20]
    assert len(found) == 2
    on_series = pd.Series(reached, index=demand.index).sample(frac=1, random_state=2)
    again = propose_candidates(demand, network, sources=["uncovered"], reached=on_series)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(again))
    assert len(propose_candidates(demand, network, sources=["uncovered"], reached=np.ones(4, bool))) == 0


def test_people_far_from_every_street_of_the_area_are_given_one_of_their_homes(homes, network, area, local):
    demand = homes((100, 200, 30), (180, 200, 10))
    streetless = area(("530402", "县", "county", -100, 100, 5000, 5000))  # the street runs outside
    found = propose_candidates(demand, network, streetless, sources=["uncovered"])
    assert local(found) == [[100, 200]]
    found = propose_candidates(homes((100, 9000, 30), (130, 9000, 20)), network, sources=["uncovered"])
    assert local(found) == [[100, 9000]]
    assert "居民点" in found["note"].item()
    assert screen_candidates(found, network=network).dropped["reason"].tolist() == ["off_network"]


def test_places_on_roads_are_junctions_else_what_is_nearest_to_the_middle_of_the_cell(homes, network, area, local):
    demand = homes((100, 100, 1))
    everywhere = propose_candidates(demand, network, sources=["road"], grid_metres=1000)
    # The street has two ends and no junction; in the two cells between them the vertex next to the middle is taken.
    # The cells hold the middle of the motorway's end (740, 740) and of an island (2200, 750) too: neither counts.
    assert local(everywhere) == [[0, 20], [1500, 20], [2500, 20], [3750, 20]]
    county = area(("530402", "县", "county", -100, -100, 1000, 1000))
    inside = propose_candidates(demand, network, county, sources=["road"], grid_metres=1000)
    assert local(inside) == [[0, 20]]
    assert inside["name"].tolist() == ["邻近县"]


def test_the_nearest_of_several_junctions_in_a_cell_wins(streets, corner, homes, local):
    x, y = corner
    nodes = {1: (x + 100, y + 100), 2: (x + 450, y + 560), 3: (x + 900, y + 900), 4: (x + 1100, y + 900)}
    ways = [([1, 2], ROAD), ([2, 3], ROAD), ([3, 4], ROAD), ([2, 4], ROAD)]
    net = build_network(streets(nodes, ways), profile("elder"))
    found = propose_candidates(homes((1, 1, 1)), net, sources=["road"], grid_metres=1000)
    assert local(found) == [[1100, 900], [450, 560]]  # north to south


def test_a_place_that_two_sources_propose_is_listed_once(homes, network):
    found = propose_candidates(homes((100, 100, 3)), network, sources=["residential", "settlement"])
    assert found["source"].tolist() == ["settlement"]


def test_every_source_keeps_the_contract_and_joins_a_list_of_property(homes, network, idle):
    demand = homes((450, 100, 3), (550, 100, 1), (1500, 300, 8), (3000, 900, 5))
    found = propose_candidates(demand, network)
    assert set(found["source"]) == set(PROPOSED)
    assert found["name"].notna().all()
    assert found["note"].notna().all()
    check(found, CANDIDATES)
    together = pd.concat([idle((0, 0, 300)), found], ignore_index=True)
    assert len(screen_candidates(together).kept) == len(together)


@pytest.mark.parametrize("seed", range(5))
def test_candidates_do_not_depend_on_the_order_of_the_tables(homes, network, area, seed):
    rng = np.random.default_rng(seed)
    demand = homes(*np.column_stack([rng.uniform(0, 4000, (60, 2)), rng.integers(0, 9, 60)]))
    units = area(
        ("530402001", "甲", "township", 0, 0, 2000, 4000), ("530402002", "乙", "township", 2000, 0, 4000, 4000)
    )
    found = propose_candidates(demand, network, units)
    shuffled = propose_candidates(demand.sample(frac=1, random_state=seed), network, units.iloc[::-1])
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(shuffled))


@pytest.mark.parametrize(
    "options",
    [{"sources": ["idle"]}, {"grid_metres": 0}, {"uncovered_metres": np.nan}, {"reached": [True]},
     {"reached": pd.Series([True], index=[77])}],
)  # fmt: skip
def test_wrong_arguments_are_refused(homes, network, options):
    with pytest.raises(UsageError):
        propose_candidates(homes((0, 0, 1), (9, 9, 1)), network, **options)


# Screening


def zone(plan_crs, name, *box):
    shape = shapely.box(*(np.array(box) + np.tile(plan_crs[1], 2)))
    return gpd.GeoDataFrame({"name": [name]}, geometry=[shape], crs=plan_crs[0])


def test_hard_exclusions_drop_and_soft_ones_are_put_down(idle, plan_crs):
    sites = idle((0, 0, 300), (100, 0, 300), (300, 0, 300), conflicts=["产权不清", None, None])
    hard = Exclusion("滑坡区", zone(plan_crs, "后山", 90, -10, 110, 10))
    soft = Exclusion("淹没区", zone(plan_crs, None, -50, -50, 50, 50), hard=False)
    found = screen_candidates(sites, exclusions=[hard, soft])
    assert found.dropped.to_numpy().tolist() == [["c1", "n1", "idle", "excluded", "位于滑坡区“后山”内"]]
    assert found.kept["conflicts"].tolist() == ["产权不清；位于淹没区内", None]
    again = screen_candidates(found.kept, exclusions=[soft])
    assert again.kept["conflicts"].tolist() == ["产权不清；位于淹没区内", None]
    with use_language("en"):
        assert screen_candidates(sites, exclusions=[hard]).dropped["why"].tolist() == ["inside 滑坡区 '后山'"]


def test_the_border_of_an_exclusion_is_inside(idle):
    sites = idle((0, 0, 300))
    point = sites.geometry.iloc[0]
    shape = shapely.Polygon([(point.x, point.y), (point.x + 1, point.y), (point.x, point.y + 1)])
    beside = Exclusion("区", gpd.GeoDataFrame(geometry=[shape], crs=4326))
    assert len(screen_candidates(sites, exclusions=[beside]).kept) == 0


def test_an_unknown_floor_area_is_not_too_small(idle):
    sites = idle((0, 0, 299.9), (100, 0, 300), (200, 0, np.nan), note=["", None, "空置"])
    found = screen_candidates(sites, min_floor_m2=300)
    assert found.dropped["candidate_id"].tolist() == ["c0"]
    assert found.kept["note"].tolist() == [None, "空置；建筑面积未知，请核实"]


def test_spacing_keeps_the_better_and_exactly_the_distance_is_enough(idle):
    sites = idle((0, 0, 100), (500, 0, 200), (990, 0, 150), (1000, 0, 50))
    found = screen_candidates(sites, spacing_metres=500)
    assert found.kept["candidate_id"].tolist() == ["c0", "c1", "c3"]
    assert found.dropped["why"].tolist() == ["距更优的候选点“n1”490 米，小于间距 500 米"]
    ranked = screen_candidates(sites.assign(source=["road", "settlement", "idle", "idle"]), spacing_metres=500)
    assert ranked.kept["candidate_id"].tolist() == ["c0", "c2"]


def test_a_candidate_that_is_left_out_takes_no_room(idle, plan_crs):
    sites = idle((0, 0, 900), (300, 0, 100))
    land = Exclusion("红线", zone(plan_crs, None, -10, -10, 10, 10))
    found = screen_candidates(sites, exclusions=[land], spacing_metres=500)
    assert found.kept["candidate_id"].tolist() == ["c1"]


def test_the_same_place_is_kept_once(idle):
    found = screen_candidates(idle((0, 0, 100), (0.9, 0, 200), (5, 0, 10)))
    assert found.kept["candidate_id"].tolist() == ["c1", "c2"]
    assert found.dropped["reason"].tolist() == ["same_place"]


def test_distance_to_facilities_that_exist(idle, at):
    there = at((0, 0), (np.nan, np.nan), name=["旧所", "无坐标"])
    found = screen_candidates(idle((0, 400, 1), (0, 500, 1)), facilities=there, spacing_metres=500)
    assert found.kept["candidate_id"].tolist() == ["c1"]
    assert found.dropped["why"].tolist() == ["距现有设施“旧所”400 米，小于间距 500 米"]
    assert len(screen_candidates(idle((0, 400, 1)), facilities=there).kept) == 1


def test_every_reason_is_told(idle, plan_crs, network, at):
    sites = idle((0, 9000, 10))
    land = [Exclusion(name, zone(plan_crs, None, -10, 8990, 10, 9010)) for name in ("甲", "乙")]
    found = screen_candidates(
        sites, exclusions=land, min_floor_m2=300, spacing_metres=300, facilities=at((0, 9100)), network=network
    )
    assert found.dropped["reason"].tolist() == ["excluded"]
    assert found.dropped["why"].item().count("；") == 4
    assert list(found.dropped.columns) == ["candidate_id", "name", "source", "reason", "why"]


def test_nothing_in_gives_nothing_out(idle):
    found = screen_candidates(idle((0, 0, 1)).iloc[:0], min_floor_m2=1, spacing_metres=100)
    assert (len(found.kept), len(found.dropped)) == (0, 0)


def test_broken_tables_and_arguments_are_refused(idle):
    sites = idle((0, 0, 1), (9, 9, 1))
    with pytest.raises(InputError):
        screen_candidates(sites.assign(candidate_id="same"))
    with pytest.raises(UsageError):
        screen_candidates(sites, spacing_metres=-1)


@pytest.mark.parametrize("seed", range(4))
def test_spacing_against_brute_force(idle, seed):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 3000, (80, 2))
    sites = idle(*np.column_stack([xy, rng.integers(1, 5, 80) * 100]))
    away = np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1))
    pairs = [(i, j) for i in range(80) for j in range(i + 1, 80) if away[i, j] < 400]
    assert spacing_conflicts(sites, 400).tolist() == [list(pair) for pair in pairs]
    stands = []
    for row in precedence(sites):
        if all(away[row, other] >= 400 for other in stands):
            stands.append(row)
    kept = screen_candidates(sites, spacing_metres=400).kept
    assert kept["candidate_id"].tolist() == [f"c{row}" for row in sorted(stands)]
    assert spacing_conflicts(kept, 400).tolist() == []
    mixed = screen_candidates(sites.sample(frac=1, random_state=seed), spacing_metres=400).kept
    assert set(mixed["candidate_id"]) == set(kept["candidate_id"])


def test_too_many_pairs_are_refused(idle, monkeypatch):
    monkeypatch.setattr("carecircle.siting.screening.MOST_PAIRS", 2)
    sites = idle((0, 0, 1), (10, 0, 1), (20, 0, 1))
    assert len(spacing_conflicts(sites, 15)) == 2
    with pytest.raises(UsageError):
        spacing_conflicts(sites, 30)


# Files


def test_exclusions_are_told_apart_by_their_type(tmp_path, plan_crs):
    shapes = pd.concat([zone(plan_crs, name, k, 0, k + 1, 1) for k, name in enumerate(["甲", "乙", None])])
    table = shapes.rename(columns={"name": "名称"}).assign(类型=["滑坡", "淹没", None]).to_crs(4490)
    file = tmp_path / "禁建.geojson"
    table.to_file(file)
    found = read_exclusions(file, soft=["淹没"])
    assert [(one.name, one.hard, len(one.polygons)) for one in found] == [
        ("淹没", False, 1), ("滑坡", True, 1), ("禁建", True, 1),
    ]  # fmt: skip
    assert [one.name for one in read_exclusions(file, name="限制")] == ["限制"]
    with pytest.raises(UsageError, match="滑坡"):
        read_exclusions(file, soft=["洪水"])


def test_points_are_no_exclusions(tmp_path, idle):
    idle((0, 0, 1)).to_file(tmp_path / "points.geojson")
    with pytest.raises(InputError) as error:
        read_exclusions(tmp_path / "points.geojson")
    assert [found.key for found in error.value.problems] == ["wrong_geometry"]


def test_the_demo_city():
    """Three properties stand on forbidden land, two are too small, two are only in a flood zone."""
    sites = read_candidates(demo_path() / "facilities" / "idle.xlsx", datum="gcj02")
    land = read_exclusions(demo_path() / "boundaries" / "exclusions.gpkg", soft=["洪水淹没区"])
    found = screen_candidates(sites, exclusions=land, min_floor_m2=200)
    assert found.dropped.set_index("name")["reason"].to_dict() == {
        "黑泥村原小学": "excluded", "麂子塘村原教学点": "floor", "大坪子村原小学": "excluded",
        "清水沟村原林管站": "excluded", "柳营社区物管用房": "floor",
    }  # fmt: skip
    flooded = found.kept[found.kept["conflicts"].notna()]
    assert flooded["name"].tolist() == ["河滨社区原供销社", "红砖厂社区厂区招待所"]
    assert flooded["conflicts"].str.contains("淹没").all()


def test_the_demo_citys_people_and_borders():
    folder = demo_path()
    areas = read_areas([folder / "boundaries" / f"{level}.shp" for level in ("townships", "communities")])
    people = read_population(folder / "population" / "buildings.csv", areas=areas)
    found = propose_candidates(people, read_network(folder / "roads" / "roads.osm.pbf"), areas)
    towns, communities = (areas[areas["level"] == level] for level in ("township", "community"))
    seats = found[found["note"].str.startswith(("乡镇", "社区"))]
    assert set(towns["name"] + "中心") <= set(seats["name"])
    assert set(seats["area_code"]) == set(communities["area_id"])
    assert found["area_code"].notna().all()


def test_a_real_city(network_of):
    net = network_of("elder", "panzhihua")
    west, south, east, north = net.bounds
    xy = np.random.default_rng(1).uniform([west, south], [east, north], (3000, 2))
    keys = [f"d{k}" for k in range(3000)]
    demand = gpd.GeoDataFrame({"demand_id": keys}, geometry=gpd.points_from_xy(*xy.T), crs=net.crs).to_crs(4326)
    found = propose_candidates(demand, net, sources=["road", "uncovered"])
    on_street = found[found["note"].str.contains("移至|节点")].to_crs(net.crs)
    roads = shapely.union_all(net.lines())
    assert shapely.distance(on_street.geometry.to_numpy(), roads).max() < 1e-3
    assert found["source"].value_counts().min() >= 20
