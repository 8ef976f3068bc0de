"""Networks with streets cut or closed: barriers of every kind, and places made into nodes."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.edit import split_at, with_barriers
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.reach import nearest, travel_times
from carecircle.snap import snap

ROAD = {"highway": "residential"}
ONE_WAY = {**ROAD, "oneway": "yes"}


@pytest.fixture(scope="module")
def ladder(streets):
    """Two streets of 1 km, 200 m apart, joined at both ends."""
    nodes = {1: (0, 0), 2: (1000, 0), 3: (0, 200), 4: (1000, 200)}
    ways = [([1, 2], ROAD), ([3, 4], ROAD), ([1, 3], ROAD), ([2, 4], ROAD)]
    return build_network(streets(nodes, ways), profile("elder"))


@pytest.fixture(scope="module")
def drawn(plan_crs):
    """A table of shapes in metres on the plan."""
    crs, (east, north) = plan_crs
    return lambda *shapes: gpd.GeoDataFrame(
        geometry=[shapely.transform(shape, lambda xy: np.add(xy, (east, north))) for shape in shapes], crs=crs
    )


def metres(network, at, point, facility):
    table = nearest(at(point, key="point_id"), at(facility), network)
    return round(table["metres"].iloc[0], 3)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in (
            "node_xy",
            "edge_u",
            "edge_v",
            "metres",
            "forward_seconds",
            "backward_seconds",
            "edge_xy",
            "way_id",
        )
    )


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Point(5000, 5000),
        shapely.Point(500, 40),
        shapely.LineString([(300, 50), (600, 50)]),
        shapely.box(200, 50, 300, 150),
        shapely.Polygon(),
        None,
    ],
)
def test_barriers_that_meet_no_street_change_nothing(ladder, drawn, shape):
    barriers = gpd.GeoDataFrame(geometry=[shape], crs=ladder.crs) if shape is None else drawn(shape)
    assert same(with_barriers(ladder, barriers), ladder)


def test_the_network_itself_is_never_changed(ladder, drawn):
    before = ladder.edge_u.copy(), ladder.metres.copy(), ladder.n_nodes
    with_barriers(ladder, drawn(shapely.Point(500, 0), shapely.box(400, 150, 600, 250)))
    assert np.array_equal(ladder.edge_u, before[0])
    assert np.array_equal(ladder.metres, before[1])
    assert ladder.n_nodes == before[2]


def test_a_point_closes_the_street_there(ladder, drawn, at):
    assert metres(ladder, at, (400, 0), (600, 0)) == 200
    for shape in (shapely.Point(500, 0), shapely.Point(500, 29)):
        closed = with_barriers(ladder, drawn(shape))
        assert metres(closed, at, (400, 0), (600, 0)) == 400 + 200 + 1000 + 200 + 400
        assert closed.metres.sum() == pytest.approx(ladder.metres.sum())
    both = with_barriers(ladder, drawn(shapely.MultiPoint([(500, 3), (500, 200)])))
    assert np.isnan(metres(both, at, (400, 0), (600, 0)))


def test_a_point_near_a_junction_closes_one_street_not_the_junction(ladder, drawn, at):
    closed = with_barriers(ladder, drawn(shapely.Point(1000, 0.5)))
    ways = {name: metres(closed, at, point, (900, 0)) for name, point in (("along", (800, 0)), ("up", (1000, 100)))}
    assert ways["along"] == 100
    assert ways["up"] in (200, 100 + 1000 + 200 + 900)


def test_a_line_cuts_what_it_crosses(ladder, drawn, at):
    one = with_barriers(ladder, drawn(shapely.LineString([(500, -50), (500, 50)])))
    assert metres(one, at, (400, 0), (600, 0)) == 400 + 200 + 1000 + 200 + 400
    both = with_barriers(ladder, drawn(shapely.LineString([(500, -50), (500, 250)])))
    assert np.isnan(metres(both, at, (400, 0), (600, 0)))
    assert metres(both, at, (400, 0), (400, 200)) == 1000
    assert both.n_edges == ladder.n_edges + 2


def test_a_polygon_closes_what_is_inside(ladder, drawn, at):
    closed = with_barriers(ladder, drawn(shapely.box(450, -50, 550, 50)))
    assert closed.metres.sum() == pytest.approx(ladder.metres.sum() - 100)
    assert metres(closed, at, (400, 0), (600, 0)) == 400 + 200 + 1000 + 200 + 400
    assert metres(closed, at, (400, 200), (600, 200)) == 200
    inside = snap(at((490, 0)), closed)
    assert inside.metres[0] == pytest.approx(40)
    assert with_barriers(ladder, drawn(shapely.box(-50, 100, 1050, 300))).metres.sum() == pytest.approx(1200)


def test_a_polygon_across_a_ring_street_leaves_the_rest_of_the_ring(streets, drawn, at):
    """The ring begins and ends at one junction; its far side is closed."""
    nodes = {1: (0, 0), 2: (0, 100), 3: (100, 100), 4: (100, 0), 5: (-200, 0)}
    ring = build_network(streets(nodes, [([1, 2, 3, 4, 1], ROAD), ([1, 5], ROAD)]), profile("elder"))
    closed = with_barriers(ring, drawn(shapely.box(40, 90, 60, 110)))
    assert closed.metres.sum() == pytest.approx(580)
    assert metres(closed, at, (0, 50), (-100, 0)) == 150
    assert metres(closed, at, (100, 50), (-100, 0)) == 250
    assert metres(closed, at, (80, 100), (-100, 0)) == 320


def test_a_polygon_may_meet_a_street_many_times(streets, drawn):
    network = build_network(streets({1: (0, 0), 2: (1000, 0)}, [([1, 2], ROAD)]), profile("elder"))
    teeth = shapely.union_all([shapely.box(x, -20, x + 50, 20) for x in range(100, 1000, 200)])
    closed = with_barriers(network, drawn(teeth))
    assert closed.metres.sum() == pytest.approx(1000 - 5 * 50)
    assert closed.n_edges == 6
    assert len(set(closed.part.tolist())) >= 6


def test_barriers_in_any_system_and_of_several_kinds(ladder, drawn, at):
    mixed = drawn(shapely.Point(500, 0), shapely.LineString([(300, 150), (300, 250)]), shapely.box(990, 90, 1010, 110))
    for barriers in (mixed, mixed.to_crs(4326), mixed.geometry):
        closed = with_barriers(ladder, barriers)
        assert closed.metres.sum() == pytest.approx(ladder.metres.sum() - 20, abs=1e-3)
        assert np.isnan(metres(closed, at, (400, 0), (600, 0)))
        assert metres(closed, at, (100, 200), (100, 0)) == 400


def test_one_way_streets_stay_one_way(streets, at):
    nodes = {1: (0, 0), 2: (1000, 0), 3: (0, 200), 4: (1000, 200)}
    ways = [([1, 2], ONE_WAY), ([2, 4], ROAD), ([4, 3], ROAD), ([3, 1], ROAD)]
    network = build_network(streets(nodes, ways), profile("drive"))
    split, nodes = split_at(network, snap(at((300, 0), (600, 0), (300, 0)), network))
    assert nodes[0] == nodes[2] != nodes[1]
    for facilities, points in (
        (at((600, 0)), at((300, 0), key="point_id")),
        (at((300, 0)), at((600, 0), key="point_id")),
    ):
        first, second = (travel_times(points, facilities, n, minutes=60)["metres"].tolist() for n in (network, split))
        assert first == pytest.approx(second)


def test_places_become_nodes(ladder, at, network_of, scattered):
    split, nodes = split_at(ladder, snap(at((0, 0), (250, 10), (250, -10), (700, 200), (9999, 9999)), ladder))
    assert nodes[0] < ladder.n_nodes
    assert nodes[1] == nodes[2] == ladder.n_nodes
    assert nodes[4] == -1
    assert split.n_nodes == ladder.n_nodes + 2
    assert split.metres.sum() == pytest.approx(ladder.metres.sum())
    np.testing.assert_allclose(split.node_xy[nodes[3]], snap_xy_of(ladder, at((700, 200))), atol=1e-6)
    network = network_of("drive")
    facilities, points = scattered(network, 20, 1), scattered(network, 60, 2, "point_id")
    split, _ = split_at(network, snap(facilities, network))
    columns = ["facility_id", "minutes"]
    pd.testing.assert_frame_equal(
        nearest(points, facilities, split)[columns], nearest(points, facilities, network)[columns], rtol=1e-9
    )


def test_places_that_are_nodes_already_need_no_cut(ladder, at):
    split, nodes = split_at(ladder, snap(at((0, 0), (1000, 200)), ladder))
    assert same(split, ladder)
    assert (nodes >= 0).all()


def snap_xy_of(network, places):
    return np.array([[p.x, p.y] for p in places.to_crs(network.crs).geometry])[0]
