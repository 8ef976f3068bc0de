"""Isochrones on streets small enough to know the answers; against travel times see tests/oracle."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.errors import UsageError
from carecircle.isochrones import ALL, IsochroneOptions, isochrones, reached_streets
from carecircle.language import use_language
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.outputs import write_layer

ROAD = {"highway": "residential"}
COLUMNS = ["facility_id", "minutes", "reached_km", "area_km2", "shed_ratio", "note", "geometry"]


@pytest.fixture(scope="module")
def grid(streets):
    """A mesh of 21 x 21 streets, 100 m apart, and an island of 60 m 5 km away."""
    nodes = {100 * i + j + 1: (100 * i, 100 * j) for i in range(21) for j in range(21)}
    ways = [([100 * i + j + 1 for j in range(21)], ROAD) for i in range(21)]
    ways += [([100 * i + j + 1 for i in range(21)], ROAD) for j in range(21)]
    nodes |= {9001: (7000, 1000), 9002: (7060, 1000)}
    return build_network(streets(nodes, [*ways, ([9001, 9002], ROAD)]), profile("elder"))


@pytest.fixture(scope="module")
def line(streets):
    """One street of 2 km."""
    return build_network(streets({1: (0, 0), 2: (2000, 0)}, [([1, 2], ROAD)]), profile("elder"))


def plan(frame, network):
    return frame.to_crs(network.crs).geometry.to_numpy()


def test_one_row_a_facility_and_limit_in_the_order_given(grid, at):
    facilities = at((1000, 1000), (300, 300), (1700, 500)).assign(facility_id=["z", "a", "m"])
    areas = isochrones(facilities, grid, minutes=(15, 5, 10, 5))
    assert list(areas.columns) == COLUMNS
    assert areas.crs == "EPSG:4326"
    assert areas["facility_id"].tolist() == ["z"] * 3 + ["a"] * 3 + ["m"] * 3
    assert areas["minutes"].tolist() == [5, 10, 15] * 3
    assert (areas["note"] == "").all()
    assert areas.geometry.is_valid.all()


def test_a_street_is_reached_720_metres_both_ways(line, at):
    areas = isochrones(at((1000, 0)), line, minutes=(5, 15))
    assert areas["reached_km"].tolist() == pytest.approx([0.48, 1.44])
    streets = reached_streets(at((1000, 0)), line, minutes=(5, 15))
    assert streets["metres"].tolist() == pytest.approx([480, 1440])
    assert streets["highway"].tolist() == ["residential"] * 2
    (west, south, east, north) = plan(areas, line)[1].bounds
    assert 1440 + 2 * 10 < east - west < 1440 + 2 * 25
    assert 2 * 10 < north - south < 2 * 25


def test_a_mesh_is_a_diamond(grid, at):
    """In a rectangular mesh what is reached is half of the circle's circumscribed square: 2 / pi of the circle."""
    areas = isochrones(at((1000, 1000)), grid, minutes=(5, 10, 15), options=IsochroneOptions(min_hole_m2=np.inf))
    radius = np.array([240.0, 480, 720])
    assert areas["area_km2"].to_numpy()[1:] * 1e6 == pytest.approx(2 * radius[1:] ** 2, rel=0.25)
    assert areas["shed_ratio"].to_numpy()[1:] == pytest.approx(2 / np.pi, rel=0.25)
    assert areas["shed_ratio"].between(0.4, 0.75).all()
    assert areas["shed_ratio"].to_numpy() == pytest.approx(areas["area_km2"].to_numpy() * 1e6 / (np.pi * radius**2))


def test_limits_are_nested_and_rings_are_apart(grid, at):
    facilities = at((1000, 1000), (730, 460), (9000, 9000))
    discs, rings = (
        plan(isochrones(facilities, grid, minutes=(5, 10, 15), options=IsochroneOptions(rings=rings)), grid).reshape(
            3, 3
        )
        for rings in (False, True)
    )
    there = ~shapely.is_empty(discs[:, 0])
    assert shapely.covers(discs[there, 1:], discs[there, :-1]).all()
    for row in (0, 1):
        assert sum(shapely.area(rings[row])) == pytest.approx(shapely.union_all(rings[row]).area)
        assert shapely.symmetric_difference(shapely.union_all(rings[row]), discs[row, 2]).area < 1e-2
        assert rings[row, 0].equals(discs[row, 0])
        assert shapely.intersection(rings[row, 1], rings[row, 0]).area < 1e-3
    assert shapely.is_empty(rings[2]).all()


def test_the_union_holds_every_single_area(grid, at):
    facilities = at((1000, 1000), (730, 460), (1700, 300), (9000, 9000))
    areas = isochrones(facilities, grid, minutes=(5, 10), union=True)
    assert areas["facility_id"].tolist() == np.repeat([*facilities["facility_id"], ALL], 2).tolist()
    assert areas["reached_km"].isna().tolist() == [False] * 8 + [True] * 2
    together = areas[areas["facility_id"] == ALL]
    for limit, whole in zip(together["minutes"], together.geometry, strict=True):
        single = areas.geometry[(areas["minutes"] == limit) & (areas["facility_id"] != ALL)].to_numpy()
        # Where outlines cross, the union has one more vertex; in degrees it is a hair off the straight line.
        assert shapely.covers(shapely.buffer(whole, 1e-9), single[~shapely.is_empty(single)]).all()
        assert shapely.area(shapely.difference(single, whole)).max() < 1e-12, "square degrees"
    merged = isochrones(facilities, grid, minutes=(5, 10), options=IsochroneOptions(overlap="merge"))
    assert merged["facility_id"].tolist() == [ALL, ALL]
    assert merged.geometry.geom_equals(together.geometry.reset_index(drop=True)).all()
    assert merged.geometry.iloc[1].covers(merged.geometry.iloc[0])


def test_shares_meet_half_way(line, at):
    areas = isochrones(at((600, 0), (1000, 0)), line, minutes=[15], options=IsochroneOptions(overlap="split"))
    first, second = plan(areas, line)
    assert areas["reached_km"].tolist() == pytest.approx([0.8, 0.92])
    middle = (first.bounds[2] + second.bounds[0]) / 2
    assert middle - first.bounds[0] == pytest.approx(800 + 15, abs=15)
    assert first.intersection(second).area < 10
    quick = isochrones(
        at((600, 0), (1000, 0), added_minutes=[0.0, 5.0]), line, minutes=[15], options=IsochroneOptions(overlap="split")
    )
    assert quick["reached_km"].tolist() == pytest.approx([0.6 + 0.2 + 0.12, 0.08 + 0.48])


def test_facilities_that_reach_nothing_keep_their_row_with_a_reason(grid, at):
    facilities = at((1000, 1000), (50_000, 0), (7020, 1000), (1000, 1000), (1000, 3000))
    facilities = facilities.assign(added_minutes=[0, 0, 0, 60.0, 0])
    for options in (IsochroneOptions(), IsochroneOptions(overlap="split"), IsochroneOptions(rings=True)):
        areas = isochrones(facilities, grid, minutes=(5, 10), options=options)
        assert areas["facility_id"].tolist() == np.repeat(facilities["facility_id"], 2).tolist()
        assert areas["note"].tolist()[::2] == [
            "",
            "设施远离道路（超过2公里），无法计算",
            "设施位于与主路网不连通的孤立路段",
            "在时限内走不到任何道路",
            "在时限内走不到任何道路",
        ]
        assert areas.geometry.is_empty.tolist() == [False, False, True, True, False, False, True, True, True, True]
        assert areas["area_km2"].tolist()[4] > 0.0001, "an island is drawn"
        assert areas["reached_km"].tolist()[4] == pytest.approx(0.06)
        assert not areas.geometry.isna().any()
    with use_language("en"):
        assert "2 km" in isochrones(facilities, grid, minutes=[5])["note"].iloc[1]


def test_nothing_at_all_reached(grid, at):
    facilities = at((50_000, 0), (60_000, 0))
    for overlap in ("overlap", "split"):
        options = IsochroneOptions(overlap=overlap)
        areas = isochrones(facilities, grid, minutes=[5], union=True, options=options)
        assert len(areas) == 3
        assert areas.geometry.is_empty.all()
        streets = reached_streets(facilities, grid, minutes=[5], options=options)
        assert list(streets.columns) == ["facility_id", "minutes", "highway", "metres", "geometry"]
        assert len(streets) == 0


def test_added_minutes_shorten(line, at):
    slow = at((1000, 0), (1000, 0), added_minutes=[0.0, 10.0])
    assert isochrones(slow, line, minutes=[15])["reached_km"].tolist() == pytest.approx([1.44, 0.48])


def test_direction_matters_on_one_way_streets(streets, at):
    network = build_network(streets({1: (0, 0), 2: (3000, 0)}, [([1, 2], {**ROAD, "oneway": "yes"})]), profile("drive"))
    shapes = {}
    for direction in ("to", "from"):
        areas = isochrones(at((1500, 0)), network, minutes=[2], options=IsochroneOptions(direction=direction))
        shapes[direction] = plan(areas, network)[0].bounds
        assert areas["reached_km"].iloc[0] == pytest.approx(25 / 30, rel=1e-6)
    assert shapes["to"][2] < shapes["from"][0] + 60


def test_barriers_shorten(line, at, plan_crs):
    crs, (east, north) = plan_crs
    barrier = gpd.GeoDataFrame(geometry=[shapely.Point(east + 1100, north)], crs=crs)
    far = gpd.GeoDataFrame(geometry=[shapely.Point(east + 1100, north + 500)], crs=crs).to_crs(4326)
    plain = isochrones(at((1000, 0)), line, minutes=[15])
    closed = isochrones(at((1000, 0)), line, minutes=[15], barriers=barrier)
    assert closed["reached_km"].iloc[0] == pytest.approx(0.82)
    assert reached_streets(at((1000, 0)), line, minutes=[15], barriers=barrier)["metres"].sum() == pytest.approx(820)
    pd.testing.assert_frame_equal(isochrones(at((1000, 0)), line, minutes=[15], barriers=far), plain)
    inside = gpd.GeoDataFrame(geometry=[shapely.box(east + 900, north - 50, east + 1200, north + 50)], crs=crs)
    around = isochrones(at((1000, 0)), line, minutes=[15], barriers=inside)
    assert plan(around, line)[0].bounds[2] < east + 900 + 25, "what is behind the closed part is not reached"


@pytest.mark.parametrize(("min_hole", "holes"), [(0, True), (2_500, True), (30_000, False), (np.inf, False)])
def test_holes(grid, at, min_hole, holes):
    """Between streets 100 m apart about 70 m x 70 m lie beyond the reach of 25 m."""
    area = plan(isochrones(at((1000, 1000)), grid, minutes=[15], options=IsochroneOptions(min_hole_m2=min_hole)), grid)[
        0
    ]
    count = sum(len(part.interiors) for part in area.geoms)
    assert (count > 20) is holes


def test_a_finer_grid_follows_the_reach_more_closely(line, at):
    widths = []
    for parts in (3, 5, 7):
        options = IsochroneOptions(reach_metres=30, cell_metres=30 / parts)
        (_, south, _, north) = plan(isochrones(at((1000, 0)), line, minutes=[15], options=options), line)[0].bounds
        widths.append(north - south)
    assert widths == sorted(widths)
    assert widths[-1] < 60


@pytest.mark.parametrize("minutes", [(), (0,), (-5, 10), (float("nan"),), (float("inf"),)])
def test_limits_must_be_minutes(line, at, minutes):
    with pytest.raises(UsageError, match="时间上限"):
        isochrones(at((0, 0)), line, minutes=minutes)


@pytest.mark.parametrize(
    "options",
    [
        {"reach_metres": 0},
        {"reach_metres": -5},
        {"reach_metres": 25, "cell_metres": 20},
        {"reach_metres": 25, "cell_metres": 1},
        {"cell_metres": -1},
    ],
)
def test_the_grid_must_fit_the_reach(options):
    with pytest.raises(UsageError):
        IsochroneOptions(**options)


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet", ".fgb"])
def test_the_same_bytes_again(network_of, scattered, tmp_path, ending):
    network = network_of("elder")
    for name in ("a", "b"):
        areas = isochrones(scattered(network, 6, 1), network, minutes=(5, 10), union=True)
        write_layer(areas, tmp_path / name / f"areas{ending}")
    assert (tmp_path / "a" / f"areas{ending}").read_bytes() == (tmp_path / "b" / f"areas{ending}").read_bytes()
    if ending != ".parquet":
        back = gpd.read_file(tmp_path / "a" / f"areas{ending}")
        assert len(back) == 14
