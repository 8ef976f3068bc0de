"""Travel times against networkx: every place becomes a node that splits its edge; parallel edges stay."""

import math
from collections import defaultdict
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from carecircle.reach import nearest, travel_times
from carecircle.snap import snap

MODES = ["elder", "wheelchair", "bike", "e-bike", "drive"]
CITIES = ["helsinki", pytest.param("panzhihua", marks=pytest.mark.real)]
MINUTES = {"elder": 12, "wheelchair": 15, "bike": 4, "e-bike": 3, "drive": 2}


def split_graph(network, places):
    """Return the network as a MultiDiGraph in which each place is a node ``(name, position)``."""
    graph = nx.MultiDiGraph()
    on_edge = defaultdict(list)
    for name, at in places.items():
        for position, (edge, fraction) in enumerate(zip(at.edge.tolist(), at.fraction.tolist(), strict=True)):
            graph.add_node((name, position))
            if edge >= 0:
                on_edge[edge].append((fraction, (name, position)))
    columns = (
        network.edge_u,
        network.edge_v,
        network.metres,
        network.forward_seconds,
        network.backward_seconds,
    )
    for edge, (u, v, metres, *seconds) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        for (start, tail), (end, head) in pairwise([(0.0, u), *sorted(on_edge[edge]), (1.0, v)]):
            add_arcs(graph, (tail, head), end - start, metres, seconds)
    return graph


def add_arcs(graph, ends, share, metres, seconds):
    """Add a share of an edge in the directions that are allowed."""
    for (tail, head), whole in zip((ends, ends[::-1]), seconds, strict=True):
        if share == 0:  # one place: a one-way street does not part it
            graph.add_edge(tail, head, seconds=0.0, metres=0.0)
        elif math.isfinite(whole):
            graph.add_edge(tail, head, seconds=share * whole, metres=share * metres)


def lengths_of_quickest_ways(graph, seconds, source):
    """Return the least and the greatest length of all quickest ways to each node (ties differ in length)."""
    low, high = defaultdict(lambda: math.inf), defaultdict(lambda: -math.inf)
    low[source] = high[source] = 0.0
    for _ in range(2):  # the second round serves nodes at equal times (edges of length zero)
        for node in seconds:
            for _, head, arc in graph.out_edges(node, data=True):
                if abs(seconds[node] + arc["seconds"] - seconds[head]) < 1e-7:
                    low[head] = min(low[head], low[node] + arc["metres"])
                    high[head] = max(high[head], high[node] + arc["metres"])
    return low, high


def oracle(network, points, facilities, direction):
    """Return {(point, facility): (seconds, least metres, greatest metres)}, one search a facility."""
    at, to = snap(points, network), snap(facilities, network)
    graph = split_graph(network, {"p": at, "f": to})
    graph = graph.reverse() if direction == "to" else graph
    found = {}
    for facility in np.flatnonzero(to.on_network).tolist():
        seconds = nx.single_source_dijkstra_path_length(graph, ("f", facility), weight="seconds")
        low, high = lengths_of_quickest_ways(graph, seconds, ("f", facility))
        for point in np.flatnonzero(at.on_network).tolist():
            node = ("p", point)
            if node in seconds:
                legs = at.metres[point] + to.metres[facility]
                found[point, facility] = (
                    seconds[node] + legs / network.profile.access_mps,
                    low[node] + legs,
                    high[node] + legs,
                )
    return found


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("direction", ["to", "from"])
@pytest.mark.parametrize("mode", MODES)
def test_times_and_metres_equal_networkx(network_of, scattered, mode, direction, city):
    network = network_of(mode, city)
    points, facilities = scattered(network, 120, 1, "point_id"), scattered(network, 6, 2)
    facilities.loc[5, "geometry"] = points.geometry[3]  # one place twice
    wanted = oracle(network, points, facilities, direction)
    assert len(wanted) > 300
    _check_pairs(
        travel_times(points, facilities, network, minutes=MINUTES[mode], direction=direction),
        wanted,
        MINUTES[mode] * 60,
    )
    _check_pairs(
        travel_times(points, facilities, network, minutes=1e6, direction=direction), wanted, math.inf
    )
    _check_nearest(nearest(points, facilities, network, direction=direction), wanted, math.inf)
    _check_nearest(
        nearest(points, facilities, network, minutes=MINUTES[mode], direction=direction),
        wanted,
        MINUTES[mode] * 60,
    )


def _check_pairs(table, wanted, limit):
    reached = table.dropna(subset="facility_id")
    got = {
        (int(p[1:]), int(f[1:])): (minutes * 60, metres)
        for p, f, minutes, metres in zip(
            reached.point_id, reached.facility_id, reached.minutes, reached.metres, strict=True
        )
    }
    within = {pair for pair, (seconds, _, _) in wanted.items() if seconds <= limit}
    assert set(got) == within
    assert within
    assert set(table.point_id[table.facility_id.isna()]) == {f"p{n}" for n in range(120)} - set(
        reached.point_id
    )
    for pair, (seconds, metres) in got.items():
        right, low, high = wanted[pair]
        assert seconds == pytest.approx(right, abs=1e-6)
        assert low - 1e-6 <= metres <= high + 1e-6


def _check_nearest(table, wanted, limit):
    for point in range(len(table)):
        row = table.loc[point]
        right = min((way[0] for (p, _), way in wanted.items() if p == point), default=math.inf)
        if right > limit or not math.isfinite(right):
            assert np.isnan(row.minutes)
            assert np.isnan(row.metres)
            assert pd.isna(row.facility_id)
            continue
        seconds, low, high = wanted[point, int(row.facility_id[1:])]
        assert row.minutes * 60 == pytest.approx(right, abs=1e-6)
        assert seconds == pytest.approx(right, abs=1e-6)
        assert low - 1e-6 <= row.metres <= high + 1e-6


def test_quickest_ways_of_one_length_are_the_rule(network_of, scattered):
    """The room left for ties must be small, or the comparison of metres above proves nothing."""
    network = network_of("drive")
    wanted = oracle(network, scattered(network, 120, 1, "point_id"), scattered(network, 6, 2), "to")
    assert sum(high - low > 1e-6 for _, low, high in wanted.values()) < 0.02 * len(wanted)
