"""Bounded searches from facilities: all at once, or in blocks of neighbours on the part of the network they can reach.

The search itself is `scipy.sparse.csgraph.dijkstra`; facilities are nodes of their own, joined to the ends of their
edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import Direction, ends_of
from carecircle.lengths import tree_metres
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.snap import Places

BLOCK_BYTES = 48 * 2**20
"""Memory of the times of one block of facilities."""

BLOCK_ROWS = 32
"""Most facilities in a block: few enough that neighbours share a small part of the network."""

WINDOW_SHARE = 0.3
"""A block that can reach a greater share of the nodes than this is searched on the whole network."""


@dataclass(frozen=True)
class Block:
    """One search: facilities `rows`, and the times between them and the nodes around them.

    Parameters
    ----------
    rows
        (b,) positions of the facilities.
    nodes
        (k,) nodes of the network that were searched.
    local
        (n + 1,) position of each node of the network among `nodes`; k = not searched. The last entry is k.
    seconds
        (b, k + 1) time, the facility's access leg included; inf beyond the limit, and in the last column.
    metres
        (b, k + 1) length of the way, likewise; None where it follows from the seconds (see `RoadNetwork.uniform`).
    """

    rows: Ints
    nodes: Ints
    local: Ints
    seconds: Floats
    metres: Floats | None


def facility_seconds(facilities: gpd.GeoDataFrame, network: RoadNetwork, to: Places) -> Floats:
    """Return what each facility adds to a way: its access leg and its ``added_minutes``, in seconds."""
    if "added_minutes" not in facilities:
        return np.asarray(to.metres / network.profile.access_mps)
    own = facilities["added_minutes"].fillna(0).to_numpy(float) * 60
    if (own < 0).any():
        raise UsageError(text("usage.added_minutes"))
    return np.asarray(to.metres / network.profile.access_mps + own)


def search_from_all(
    network: RoadNetwork,
    to: Places,
    added: Floats,
    limit: float,
    direction: Direction,
) -> tuple[Floats, Ints, Ints]:
    """Search from all facilities at once: (seconds, predecessor, source) of every node and then of every facility."""
    n = network.n_nodes
    if len(to) == 0:
        return np.full(n, np.inf), np.full(n, -9999), np.full(n, -9999)
    arcs = network.arcs_to if direction == "to" else network.arcs_from
    in_u, in_v = ends_of(network, to, leaving=direction == "from")
    graph = _with_sources(arcs, (network.edge_u[to.edge], network.edge_v[to.edge]), (in_u + added, in_v + added))
    seconds, before, source = dijkstra(
        graph, indices=np.arange(n, n + len(to)), limit=limit, min_only=True, return_predecessors=True
    )
    return seconds, before, source


def search_blocks(
    network: RoadNetwork, to: Places, added: Floats, limit: float, direction: Direction, block_rows: int = BLOCK_ROWS
) -> Iterator[Block]:
    """Search from neighbouring facilities together, each block on the part of the network it can reach.

    No way within the limit leaves the rectangle around a block's places widened by limit x the network's greatest speed
    over the ground of the map, so leaving out the rest of the network changes nothing.
    """
    usable = np.flatnonzero(to.on_network & (added <= limit))
    if len(usable) == 0:
        return
    xy = place_xy(network, to)
    order = usable[_along_curve(xy[usable])]
    wide = max(1, int(BLOCK_BYTES // (8 * (network.n_nodes + 1))))
    size = min(block_rows, wide) if np.isfinite(limit) else min(len(order), wide)
    arcs = network.arcs_to if direction == "to" else network.arcs_from
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        yield _search(network, arcs, to.take(rows), rows, added[rows], limit, direction, xy[rows])


def _search(
    network: RoadNetwork,
    arcs: csr_array,
    to: Places,
    rows: Ints,
    added: Floats,
    limit: float,
    direction: Direction,
    xy: Floats,
) -> Block:
    nodes, graph = _window(network, arcs, xy, limit)
    local = np.full(network.n_nodes + 1, len(nodes))
    local[nodes] = np.arange(len(nodes))
    in_u, in_v = ends_of(network, to, leaving=direction == "from")
    ends = local[network.edge_u[to.edge]], local[network.edge_v[to.edge]]
    graph = _with_sources(graph, ends, (in_u + added, in_v + added))
    k = len(nodes)
    sources = np.arange(k, k + len(rows))
    if network.uniform:
        seconds, metres = dijkstra(graph, indices=sources, limit=limit)[:, : k + 1], None
    else:
        seconds, before = dijkstra(graph, indices=sources, limit=limit, return_predecessors=True)
        metres = tree_metres(network, seconds, before, nodes, direction, to)[:, : k + 1]
        seconds = seconds[:, : k + 1]
    seconds[:, k] = np.inf
    return Block(rows, nodes, local, seconds, metres)


def _window(network: RoadNetwork, arcs: csr_array, xy: Floats, limit: float) -> tuple[Ints, csr_array]:
    """Return the nodes that ways of the limit can touch, and the graph of them."""
    reach = limit * network.fastest
    (west, south), (east, north) = xy.min(axis=0) - reach, xy.max(axis=0) + reach
    x, y = network.node_xy.T
    nodes = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
    if len(nodes) > WINDOW_SHARE * network.n_nodes:
        return np.arange(network.n_nodes), arcs
    return nodes, arcs[nodes][:, nodes]


def _with_sources(graph: csr_array, nodes_at: tuple[Ints, Ints], legs: tuple[Floats, Floats]) -> csr_array:
    """Return the graph with one more node a facility, from which arcs lead to the ends of its edge."""
    n, rows = graph.shape[0], len(legs[0])
    head, weight = np.stack(nodes_at, axis=1), np.stack(legs, axis=1)
    loop = head[:, 0] == head[:, 1]
    weight[loop] = weight[loop].min(axis=1, keepdims=True)
    use = np.isfinite(weight) & (head < n)
    use[loop, 1] = False
    indptr = np.concatenate([graph.indptr, graph.indptr[-1] + np.cumsum(use.sum(axis=1))])
    return csr_array(
        (
            np.concatenate([graph.data, weight[use]]),
            np.concatenate([graph.indices, head[use].astype(graph.indices.dtype)]),
            indptr.astype(graph.indptr.dtype),
        ),
        shape=(n + rows, n + rows),
    )


def place_xy(network: RoadNetwork, places: Places) -> Floats:
    """Return (n, 2) a point near each place, metres: one end of its edge moved along the chord."""
    edge = np.maximum(places.edge, 0)
    u, v = network.node_xy[network.edge_u[edge]], network.node_xy[network.edge_v[edge]]
    return np.asarray(u + places.fraction[:, None] * (v - u))


def _along_curve(xy: Floats) -> Ints:
    """Return an order in which neighbours in the plane are neighbours in the list (Hilbert curve)."""
    return np.argsort(gpd.GeoSeries.from_xy(xy[:, 0], xy[:, 1]).hilbert_distance().to_numpy(), kind="stable")
