"""The network of a profile: where streets are split, what they cost, and which parts hang together."""

import dataclasses

import networkx as nx
import numpy as np
import pytest
from pyproj import Geod

from carecircle.crs import unproject
from carecircle.model import profile
from carecircle.network import RoadNetwork, build_network, island_note, read_network
from carecircle.sources.roads.reading import read_streets

ROAD = {"highway": "residential"}
LINE = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (300, 0)}


def edges_of(network):
    """The edges as {(id of u, id of v): (forward is allowed, backward is allowed)}."""
    u, v = network.node_id[network.edge_u], network.node_id[network.edge_v]
    ahead, back = np.isfinite(network.forward_seconds), np.isfinite(network.backward_seconds)
    return {(a, b): (c, d) for a, b, c, d in zip(u.tolist(), v.tolist(), ahead.tolist(), back.tolist(), strict=True)}


def test_streets_split_where_they_meet_and_nowhere_else(osm):
    nodes = {**LINE, 5: (200, 100)}
    network = read_network(osm(nodes, [([1, 2, 3, 4], ROAD), ([3, 5], ROAD)]))
    assert set(edges_of(network)) == {(1, 3), (3, 4), (3, 5)}
    np.testing.assert_allclose(sorted(network.metres), [100, 100, 200], atol=0.03)
    np.testing.assert_allclose(network.forward_seconds, network.metres / 0.8)
    assert np.diff(network.edge_offsets).tolist() == [3, 2, 2]
    assert network.symmetric
    assert network.uniform


def test_one_way_streets_by_mode(osm):
    path = osm(
        LINE,
        [
            ([1, 2], {**ROAD, "oneway": "yes"}),
            ([2, 3], {**ROAD, "oneway": "-1"}),
            ([3, 4], {**ROAD, "oneway": "yes", "oneway:bicycle": "no"}),
        ],
    )
    drive, bike, walk = (edges_of(read_network(path, profile=name)) for name in ("drive", "bike", "walk"))
    assert drive == {(1, 2): (True, False), (2, 3): (False, True), (3, 4): (True, False)}
    assert bike == {(1, 2): (True, False), (2, 3): (False, True), (3, 4): (True, True)}
    assert set(walk.values()) == {(True, True)}


def test_a_roundabout_goes_round(osm):
    nodes = {1: (0, 0), 2: (20, 20), 3: (40, 0), 4: (20, -20), 5: (-100, 0), 6: (140, 0)}
    path = osm(nodes, [([1, 2, 3, 4, 1], {**ROAD, "junction": "roundabout"}), ([5, 1], ROAD), ([3, 6], ROAD)])
    network = read_network(path, profile="drive")
    assert edges_of(network) == {
        (1, 3): (True, False),
        (3, 1): (True, False),
        (5, 1): (True, True),
        (3, 6): (True, True),
    }
    assert network.part.max() == 0


def test_classes_close_by_mode(osm):
    path = osm(LINE, [([1, 2], {"highway": "motorway"}), ([2, 3], ROAD), ([3, 4], {"highway": "steps"})])
    wanted = {"walk": {(2, 3), (3, 4)}, "wheelchair": {(2, 3)}, "drive": {(1, 2), (2, 3)}, "bike": {(2, 3)}}
    assert {name: set(edges_of(read_network(path, profile=name))) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("gate", "mode", "parts"),
    [
        ({"barrier": "gate", "locked": "yes"}, "walk", 2),
        ({"barrier": "gate"}, "walk", 1),
        ({"barrier": "bollard"}, "walk", 1),
        ({"barrier": "bollard"}, "drive", 2),
        ({"barrier": "stile"}, "wheelchair", 2),
    ],
)
def test_a_closed_gate_cuts_its_street(osm, gate, mode, parts):
    path = osm(LINE, [([1, 2, 3, 4], ROAD)], {2: gate})
    network = read_network(path, profile=mode)
    assert network.part.max() + 1 == parts
    assert network.metres.sum() == pytest.approx(300, abs=0.05)
    if parts == 2:
        assert sorted(network.node_id.tolist()) == [-1, -1, 1, 4]
        copies = network.node_xy[network.node_id == -1]
        np.testing.assert_array_equal(copies[0], copies[1])


def test_a_closed_gate_at_a_junction_parts_all_its_streets(osm):
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (100, 100), 5: (100, -100)}
    network = read_network(
        osm(
            nodes,
            [([1, 2, 3], ROAD), ([4, 2], ROAD), ([2, 5], ROAD)],
            {2: {"barrier": "gate", "access": "no"}},
        )
    )
    assert network.part.max() + 1 == 4
    assert (network.node_id == -1).sum() == 4


def test_loops_and_repeated_vertices_survive(streets):
    nodes = {1: (0, 0), 2: (100, 0), 3: (150, 50), 4: (150, -50)}
    plan = streets(nodes, [([1, 2], ROAD), ([2, 3, 4, 2], ROAD), ([1, 1], ROAD)])
    network = build_network(plan, profile("elder"))
    loops = network.edge_u == network.edge_v
    assert sorted(network.metres[loops].round(3)) == [0, pytest.approx(100 + 100 * np.sqrt(2), abs=1e-3)]
    assert network.arcs_from.nnz == 2  # a loop leads nowhere


def test_edges_of_length_zero_connect(streets):
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, 0), 4: (200, 0)}
    network = build_network(streets(nodes, [([1, 2], ROAD), ([2, 3], ROAD), ([3, 4], ROAD)]), profile("elder"))
    assert network.metres.round(6).tolist() == [100, 0, 100]
    assert network.part.max() == 0
    assert network.arcs_from[1, 2] == 0
    assert network.arcs_from.nnz == 6


def test_of_parallel_streets_the_quickest_counts(streets):
    nodes = {1: (0, 0), 2: (100, 0), 3: (50, 80)}
    ways = [([1, 3, 2], ROAD), ([1, 2], ROAD), ([1, 2], {"highway": "motorway"})]
    walk = build_network(streets(nodes, ways), profile("elder"))
    assert walk.n_edges == 2
    assert walk.arcs_from[0, 1] == walk.arcs_from[1, 0] == pytest.approx(125)
    drive = build_network(streets(nodes, ways), profile("drive"))
    assert drive.arcs_from[0, 1] == pytest.approx(100 / (90 / 3.6))
    assert drive.arcs_from[1, 0] == pytest.approx(100 / (25 / 3.6))
    assert drive.arcs_to[0, 1] == drive.arcs_from[1, 0]


def test_islands(osm):
    nodes = {**LINE, 5: (1000, 0), 6: (1010, 0), 7: (0, 500), 8: (290, 500)}
    network = read_network(osm(nodes, [([1, 2, 3, 4], ROAD), ([5, 6], ROAD), ([7, 8], ROAD)]))
    assert network.on_main.tolist() == [True, False, True]  # 10 m is an island beside 300 m, 290 m is not
    assert network.summary()["parts"] == 3
    assert network.summary()["island_km"] == pytest.approx(0.01, abs=1e-3)
    assert "1" in island_note(network)
    assert island_note(read_network(osm(LINE, [([1, 2], ROAD)]))) is None


def test_a_street_that_only_leads_away_is_not_main(osm):
    nodes = {**LINE, 5: (0, 100), 6: (300, 100)}
    path = osm(nodes, [([1, 2, 3, 4], ROAD), ([1, 5], {**ROAD, "oneway": "yes"})])
    assert read_network(path, profile="drive").on_main.tolist() == [True, False]
    assert read_network(path, profile="walk").on_main.tolist() == [True, True]


@pytest.mark.parametrize("city", ["helsinki", pytest.param("panzhihua", marks=pytest.mark.real)])
def test_metres_are_metres_on_the_ground(network_of, city):
    """To two millionths of the geodesic on WGS 84, although the projection's scale is not 1."""
    network = network_of("elder", city)
    lonlat = unproject(network.edge_xy, network.crs)
    steps = np.append(Geod(ellps="WGS84").inv(*lonlat[:-1].T, *lonlat[1:].T)[2], 0)
    steps[network.edge_offsets[1:] - 1] = 0
    geodesic = np.add.reduceat(steps, network.edge_offsets[:-1])
    np.testing.assert_allclose(network.metres, geodesic, rtol=2e-6, atol=1e-5)


def test_helsinki_as_networkx_sees_it(network_of):
    network = network_of("drive")
    graph = network.to_networkx()
    assert graph.number_of_nodes() == network.n_nodes
    assert (
        graph.number_of_edges()
        == np.isfinite(network.forward_seconds).sum() + np.isfinite(network.backward_seconds).sum()
    )
    parts = list(nx.strongly_connected_components(graph))
    assert len(parts) == network.part.max() + 1
    assert all(len(set(network.part[list(part)])) == 1 for part in parts)
    frame = network.to_frame()
    assert frame["island"].tolist() == (~network.on_main).tolist()
    np.testing.assert_array_equal(network.node_xy[network.edge_u], network.edge_xy[network.edge_offsets[:-1]])
    np.testing.assert_array_equal(network.node_xy[network.edge_v], network.edge_xy[network.edge_offsets[1:] - 1])


def test_incident_lists_every_end(network_of):
    network = network_of("drive")
    indptr, edges = network.incident
    assert len(edges) == 2 * network.n_edges
    for node in range(0, network.n_nodes, 50):
        at = edges[indptr[node] : indptr[node + 1]]
        assert sorted(at) == sorted([*np.flatnonzero(network.edge_u == node), *np.flatnonzero(network.edge_v == node)])


def test_speeds_are_laid_over_the_table(osm):
    path = osm(LINE, [([1, 2], {"highway": "steps"}), ([2, 3], ROAD)])
    network = read_network(path, speeds={"steps": 1.44})
    assert (network.metres / network.forward_seconds).round(6).tolist() == [0.4, 0.8]
    assert not network.uniform
    assert read_network(path, speeds={"steps": 0}).n_edges == 1


def test_the_same_streets_give_the_same_network(helsinki, network_of):
    again = read_network(read_streets(helsinki, cache=False), profile="bike")
    for found in dataclasses.fields(RoadNetwork):
        one, other = getattr(again, found.name), getattr(network_of("bike"), found.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        else:
            assert list(one) == list(other) if found.name == "edge_class" else one == other
