"""Places on the network: the nearest place on an edge, islands, and points off the network."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from carecircle.model import profile
from carecircle.network import build_network, read_network
from carecircle.reach import nearest
from carecircle.snap import snap, snap_xy

ROAD = {"highway": "residential"}


@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_the_place_is_the_nearest_of_all(network_of, mode):
    """Against shapely's distance to every edge."""
    network = network_of(mode)
    west, south, east, north = network.bounds
    rng = np.random.default_rng(5)
    xy = np.concatenate(
        [
            rng.uniform([west - 500, south - 500], [east + 500, north + 500], (300, 2)),
            network.node_xy[::40],
            network.node_xy[0] + rng.uniform(-1e4, 1e4, (5, 2)),
        ]
    )
    places = snap_xy(xy, network, max_metres=np.inf, main_within=-1)
    away = shapely.distance(network.lines(), shapely.points(xy)[:, None])
    np.testing.assert_allclose(places.metres, away.min(axis=1), atol=1e-6)
    on_edge = shapely.line_interpolate_point(network.lines()[places.edge], places.fraction, normalized=True)
    np.testing.assert_allclose(shapely.distance(on_edge, shapely.points(xy)), places.metres, atol=1e-6)
    assert not places.moved.any()


def test_moved_places_are_the_nearest_of_the_main_network(network_of):
    network = network_of("drive")
    rng = np.random.default_rng(6)
    (west, south, east, north), lines = network.bounds, network.lines()
    xy = rng.uniform([west, south], [east, north], (300, 2))
    places = snap_xy(xy, network)
    assert 5 < places.moved.sum() < 150
    away = shapely.distance(lines, shapely.points(xy)[:, None])
    main = network.on_main
    to_island = ~main[away.argmin(axis=1)]
    np.testing.assert_array_equal(places.moved, to_island & (away[:, main].min(axis=1) <= 300))
    np.testing.assert_allclose(
        places.metres[places.moved], away[:, main].min(axis=1)[places.moved], atol=1e-6
    )
    assert main[places.edge[places.moved]].all()


def test_nodes_are_found_exactly(network_of):
    """The end of an edge is fraction 0 or 1 to the last bit: on a one-way street all else is a detour."""
    network = network_of("drive")
    places = snap_xy(network.node_xy, network, main_within=-1)
    assert places.metres.max() < 1e-6
    node = np.where(places.fraction == 0, network.edge_u[places.edge], network.edge_v[places.edge])
    at_end = (places.fraction == 0) | (places.fraction == 1)
    assert at_end.all()
    np.testing.assert_allclose(network.node_xy[node], network.node_xy, atol=1e-6)


def test_a_place_at_the_end_of_a_one_way_street_is_the_junction(streets, at):
    """Forty bent one-way streets, each with a street back beside it and one of 50 m behind it.

    The bends make the sum of the lengths differ from the length in the last digit.
    """
    rng, nodes, ways = np.random.default_rng(3), {}, []
    for n in range(40):
        bends = np.cumsum(rng.uniform(3, 30, (5, 2)), axis=0) + np.array([0, 400 * n])
        places = np.vstack([bends, bends[-1:] + np.array([50, 0])])
        a, *_, b, c = names = range(10 * n, 10 * n + 6)
        nodes |= dict(zip(names, places.tolist(), strict=True))
        ways += [(list(names[:5]), {**ROAD, "oneway": "yes"}), ([a, b], ROAD), ([b, c], ROAD)]
    network = build_network(streets(nodes, ways), profile("drive"))
    junctions, far_ends = ([nodes[10 * n + k] for n in range(40)] for k in (4, 5))
    table = nearest(at(*junctions, key="point_id"), at(*far_ends), network, direction="from")
    np.testing.assert_allclose(table["metres"], 50, atol=1e-4)


def test_islands_near_and_far(osm, at):
    nodes = {1: (0, 0), 2: (1000, 0), 3: (400, 50), 4: (410, 50), 5: (400, 900), 6: (410, 900)}
    network = read_network(osm(nodes, [([1, 2], ROAD), ([3, 4], ROAD), ([5, 6], ROAD)]))
    places = snap(at((405, 51), (405, 901), (700, 3), (405, 26)), network)
    assert places.moved.tolist() == [True, False, False, True]
    assert places.edge.tolist() == [0, 2, 0, 0]
    np.testing.assert_allclose(places.metres, [51, 1, 3, 26], atol=0.02)
    np.testing.assert_allclose(places.fraction, [0.405, 0.5, 0.7, 0.405], atol=2e-3)
    strict = snap(at((405, 51)), network, main_within=50)
    assert (strict.moved[0], strict.edge[0]) == (False, 1)


def test_off_the_network(streets, at, plan_crs):
    network = build_network(streets({1: (0, 0), 2: (1000, 0)}, [([1, 2], ROAD)]), profile("elder"))
    places = snap(at((500, 1999.9), (500, 2000.1)), network)
    assert places.on_network.tolist() == [True, False]
    np.testing.assert_allclose(places.metres, [1999.9, 2000.1], atol=1e-6)
    here = shapely.Point(*(plan_crs[1] + np.array([500, 1])))
    empty = gpd.GeoDataFrame(geometry=[shapely.Point(), None, here], crs=plan_crs[0])
    places = snap(empty, network)
    assert places.on_network.tolist() == [False, False, True]
    assert np.isnan(places.metres[:2]).all()


def test_no_points(network_of, at):
    assert len(snap(at(), network_of("elder"))) == 0


def test_any_reference_system(network_of, scattered):
    network = network_of("elder")
    points = scattered(network, 50, 3)
    here, degrees = snap(points, network), points.to_crs(4326)
    there = snap(degrees, network)
    np.testing.assert_allclose(here.metres, there.metres, atol=1e-6)


def test_neighbours_do_not_change_a_place(network_of, scattered):
    network = network_of("elder")
    points = scattered(network, 80, 4)
    together, turned = snap(points, network), snap(points.iloc[::-1], network)
    alone = [snap(points.iloc[[row]], network) for row in range(0, 80, 7)]
    np.testing.assert_array_equal(together.edge, turned.edge[::-1])
    np.testing.assert_array_equal(together.edge[::7], [place.edge[0] for place in alone])
    np.testing.assert_array_equal(together.fraction[::7], [place.fraction[0] for place in alone])


def test_edges_of_length_zero_do_no_harm(streets, at):
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, 0), 4: (200, 0)}
    network = build_network(
        streets(nodes, [([2, 3], ROAD), ([1, 2], ROAD), ([3, 4], ROAD)]), profile("elder")
    )
    places = snap(at((100, 5), (50, 5)), network)
    assert np.isfinite(places.fraction).all()
    np.testing.assert_allclose(places.metres, [5, 5], atol=1e-6)
