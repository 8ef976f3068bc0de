"""Bounded travel times along the roads, from every point *to* the facilities (or from them).

A travel time has three parts: the access leg from the point to the nearest place on a street, the way along the
streets, and the access leg at the facility (with the facility's own ``added_minutes``, when it has any). Limits are
inclusive. The search is `scipy.sparse.csgraph.dijkstra`; what is here puts points in the middle of edges, works in
blocks of neighbouring facilities on the part of the network they can reach, and keeps only pairs within the limit,
so that memory grows with the answer and never with facilities x nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import Direction, direct_seconds, ends_of, same_edge
from carecircle.lengths import tree_metres
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.snap import Places, snap

TOLERANCE_SECONDS = 1e-6
"""A time this little over the limit is at the limit: 720 m at 0.8 m/s is 15 minutes, whatever the last digit says."""

BLOCK_BYTES = 48 * 2**20
"""Memory of the times of one block of facilities."""

BLOCK_ROWS = 32
"""Most facilities in a block: few enough that neighbours share a small part of the network."""


WINDOW_SHARE = 0.3
"""A block that can reach a greater share of the nodes than this is searched on the whole network."""


@dataclass(frozen=True)
class Pairs:
    """Travel times within the limit, one row a pair, sorted by point and then by seconds.

    Parameters
    ----------
    point, facility
        Positions in the two inputs.
    seconds, metres
        Time and length of the whole way, both access legs included.
    """

    point: Ints
    facility: Ints
    seconds: Floats
    metres: Floats


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


@dataclass(frozen=True)
class _PairSearch:
    """What all blocks of one many-to-many search share."""

    network: RoadNetwork
    at: Places
    to: Places
    added: Floats
    limit: float
    direction: Direction
    legs: tuple[Floats, Floats]
    access: Floats


def nearest(
    points: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float | None = None,
    direction: Direction = "to",
) -> pd.DataFrame:
    """Find the nearest facility of every point in one search from all facilities at once.

    Parameters
    ----------
    points, facilities
        Points; `facilities` has ``facility_id`` and may have ``added_minutes``.
    network
        The network to travel on.
    minutes
        Limit, inclusive; None = no limit.
    direction
        ``"to"`` the facility or ``"from"`` it; it matters where streets are one-way.

    Returns
    -------
    DataFrame
        On the index of `points`: ``facility_id``, ``minutes``, ``metres`` (whole way, access legs included) and
        ``snap_metres`` (access leg of the point). Not reached: no facility, NaN minutes and metres.
    """
    at, to = snap(points, network), snap(facilities, network)
    added = facility_seconds(facilities, network, to)
    limit = _limit_seconds(minutes)
    rows = np.flatnonzero(to.on_network & (added <= limit))
    seconds, metres, which = _search_nearest(network, to.take(rows), added[rows], limit, direction, at)
    found = which >= 0
    names = _names(facilities["facility_id"]).take(rows)
    return pd.DataFrame(
        {
            "facility_id": names.take(np.where(found, which, -1), allow_fill=True),
            "minutes": np.where(found, seconds / 60, np.nan),
            "metres": np.where(found, metres, np.nan),
            "snap_metres": at.metres,
        },
        index=points.index,
    )


def nearest_to_nodes(
    facilities: gpd.GeoDataFrame, network: RoadNetwork, *, minutes: float | None = None, direction: Direction = "to"
) -> pd.DataFrame:
    """Find the nearest facility of every node of the network.

    Returns
    -------
    DataFrame
        One row a node, in the network's order: ``facility_id`` and ``minutes`` (missing and NaN where none is reached).
    """
    to = snap(facilities, network)
    added, limit = facility_seconds(facilities, network, to), _limit_seconds(minutes)
    rows = np.flatnonzero(to.on_network & (added <= limit))
    seconds, _, source = _search_from_all(network, to.take(rows), added[rows], limit, direction)
    seconds, source = seconds[: network.n_nodes], source[: network.n_nodes] - network.n_nodes
    found = np.isfinite(seconds)
    names = _names(facilities["facility_id"]).take(rows)
    return pd.DataFrame(
        {
            "facility_id": names.take(np.where(found, source, -1), allow_fill=True),
            "minutes": np.where(found, seconds / 60, np.nan),
        }
    )


def travel_times(
    points: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float = 30,
    direction: Direction = "to",
) -> pd.DataFrame:
    """Travel time between every point and every facility within the limit.

    Parameters
    ----------
    points, facilities
        Points with ``point_id`` (else ``demand_id``, else their index) and facilities with ``facility_id``.
    network
        The network to travel on.
    minutes
        Limit, inclusive.
    direction
        ``"to"`` the facility or ``"from"`` it.

    Returns
    -------
    DataFrame
        Long: ``point_id``, ``facility_id``, ``minutes``, ``metres``, ``snap_metres``, in the order of the points and
        then by minutes. A point that reaches nothing keeps one row with empty facility, minutes and metres.
    """
    at = snap(points, network)
    found = travel_pairs(at, facilities, network, minutes=minutes, direction=direction)
    lonely = np.setdiff1d(np.arange(len(points)), found.point)
    point = np.concatenate([found.point, lonely])
    facility = np.concatenate([found.facility, np.full(len(lonely), -1)])
    blank = np.full(len(lonely), np.nan)
    order = np.argsort(point, kind="stable")
    point, facility = point[order], facility[order]
    return pd.DataFrame(
        {
            "point_id": _names(point_names(points)).take(point),
            "facility_id": _names(facilities["facility_id"]).take(facility, allow_fill=True),
            "minutes": np.concatenate([found.seconds / 60, blank])[order],
            "metres": np.concatenate([found.metres, blank])[order],
            "snap_metres": at.metres[point],
        }
    )


def travel_pairs(
    at: Places,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float,
    direction: Direction = "to",
    block_rows: int = BLOCK_ROWS,
) -> Pairs:
    """Return all pairs of places and facilities within the limit; `block_rows` never changes the result."""
    to, limit = snap(facilities, network), _limit_seconds(minutes)
    search = _PairSearch(
        network,
        at,
        to,
        facility_seconds(facilities, network, to),
        limit,
        direction,
        ends_of(network, at, leaving=direction == "to"),
        at.metres / network.profile.access_mps,
    )
    blocks = search_blocks(network, to, search.added, limit, direction, block_rows)
    parts = [part for block in blocks for part in _block_pairs(search, block)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 4
    order = np.lexsort((columns[1], columns[2], columns[0]))
    point, facility, seconds, metres = (column[order] for column in columns)
    return Pairs(point.astype(np.int64), facility.astype(np.int64), seconds, metres)


def travel_matrix(
    points: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float,
    direction: Direction = "to",
) -> csr_array:
    """Return the travel times as a sparse (points, facilities) matrix of minutes; an absent entry is beyond the limit.

    A time of zero is kept as an explicit zero: count entries with ``indptr``, not with ``!= 0``.
    """
    found = travel_pairs(snap(points, network), facilities, network, minutes=minutes, direction=direction)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(found.point, minlength=len(points)))])
    return csr_array((found.seconds / 60, found.facility, indptr), shape=(len(points), len(facilities)))


def _names(keys: pd.Series) -> pd.api.extensions.ExtensionArray:
    """Return keys as an array of text, which is quick to take rows from."""
    return keys.astype("str").array


def point_names(points: gpd.GeoDataFrame) -> pd.Series:
    """Return the key of each point: ``point_id``, else ``demand_id``, else the index as text."""
    key = next((name for name in ("point_id", "demand_id") if name in points.columns), None)
    return pd.Series(points[key] if key else points.index.to_series().astype("str"))


def facility_seconds(facilities: gpd.GeoDataFrame, network: RoadNetwork, to: Places) -> Floats:
    """Return what each facility adds to a way: its access leg and its ``added_minutes``, in seconds."""
    own = facilities["added_minutes"].fillna(0).to_numpy(float) * 60 if "added_minutes" in facilities else 0.0
    return np.asarray(to.metres / network.profile.access_mps + own)


def _limit_seconds(minutes: float | None) -> float:
    if minutes is None:
        return float("inf")
    if not minutes > 0:
        raise UsageError(text("usage.minutes", value=minutes))
    return minutes * 60 + TOLERANCE_SECONDS


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


def _search_from_all(
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


def _search_nearest(
    network: RoadNetwork, to: Places, added: Floats, limit: float, direction: Direction, at: Places
) -> tuple[Floats, Floats, Ints]:
    """Return (seconds, metres, position of the facility or -1) for every place of a point."""
    n = network.n_nodes
    if len(to) == 0:
        return np.full(len(at), np.inf), np.full(len(at), np.inf), np.full(len(at), -1)
    reached, before, source = _search_from_all(network, to, added, limit, direction)
    edge, row = np.maximum(at.edge, 0), np.arange(len(at))
    nodes = np.stack([network.edge_u[edge], network.edge_v[edge]])
    seconds = reached[nodes] + np.stack(ends_of(network, at, leaving=direction == "to"))
    side = seconds.argmin(axis=0)
    best, which = seconds[side, row], source[nodes[side, row]] - n
    point, facility, direct = _best_direct(network, at, to, added, direction)
    better = direct < best[point]
    point, facility = point[better], facility[better]
    best[point], which[point] = direct[better], facility
    found = np.isfinite(best)
    home = np.where(found, which, 0)
    if network.uniform:
        metres = (best - added[home]) * network.profile.speed_mps + to.metres[home]
    else:
        tree = tree_metres(network, reached[None], before[None], np.arange(n), direction, to)[0]
        metres = tree[nodes[side, row]] + np.where(side == 0, at.fraction, 1 - at.fraction) * network.metres[edge]
        metres[point] = _metres_between(network, at, to, point, facility)
    total = best + at.metres / network.profile.access_mps
    return total, metres + at.metres, np.where(found & (total <= limit), which, -1)


def _best_direct(
    network: RoadNetwork,
    at: Places,
    to: Places,
    added: Floats,
    direction: Direction,
) -> tuple[Ints, Ints, Floats]:
    """Return (point, facility, seconds) of the quickest facility on each point's own edge, where there is one."""
    point, facility = same_edge(at, to)
    seconds = direct_seconds(network, at, to, point, facility, direction) + added[facility]
    order = np.lexsort((facility, seconds, point))
    first = order[np.concatenate([[True], np.diff(point[order]) > 0])] if len(order) else order
    return point[first], facility[first], seconds[first]


def _metres_between(network: RoadNetwork, at: Places, to: Places, point: Ints, facility: Ints) -> Floats:
    """Return the metres along the common edge of points and facilities, with the facility's access leg."""
    share = np.abs(at.fraction[point] - to.fraction[facility])
    return np.asarray(share * network.metres[at.edge[point]] + to.metres[facility])


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


def place_xy(network: RoadNetwork, places: Places) -> Floats:
    """Return (n, 2) a point near each place, metres: one end of its edge moved along the chord."""
    edge = np.maximum(places.edge, 0)
    u, v = network.node_xy[network.edge_u[edge]], network.node_xy[network.edge_v[edge]]
    return np.asarray(u + places.fraction[:, None] * (v - u))


def _along_curve(xy: Floats) -> Ints:
    """Return an order in which neighbours in the plane are neighbours in the list (Hilbert curve)."""
    return np.argsort(gpd.GeoSeries.from_xy(xy[:, 0], xy[:, 1]).hilbert_distance().to_numpy(), kind="stable")


def _block_pairs(search: _PairSearch, block: Block) -> Iterator[tuple[Ints, Ints, Floats, Floats]]:
    """Yield (point, facility, seconds, metres) of a block's pairs within the limit, some points at a time."""
    network = search.network
    edge = np.maximum(search.at.edge, 0)
    u, v = block.local[network.edge_u[edge]], block.local[network.edge_v[edge]]
    outside = len(block.nodes)
    around = (u < outside) | (v < outside) | np.isin(edge, search.to.edge[block.rows])
    near = np.flatnonzero(search.at.on_network & around)
    size = max(1, int(BLOCK_BYTES // (32 * len(block.rows))))
    for first in range(0, len(near), size):
        yield _pairs_of(search, block, near[first : first + size])


def _pairs_of(search: _PairSearch, block: Block, near: Ints) -> tuple[Ints, Ints, Floats, Floats]:
    """Return (point, facility, seconds, metres) of the pairs within the limit between some points and a block."""
    network, to, added = search.network, search.to.take(block.rows), search.added[block.rows]
    at, access = search.at.take(near), search.access[near]
    u, v = block.local[network.edge_u[at.edge]], block.local[network.edge_v[at.edge]]
    via_u, via_v = (block.seconds[:, end] + leg[near] + access for end, leg in zip((u, v), search.legs, strict=True))
    seconds = np.minimum(via_u, via_v)
    point, facility = same_edge(at, to)
    direct = direct_seconds(network, at, to, point, facility, search.direction) + added[facility] + access[point]
    better = direct < seconds[facility, point]
    point, facility = point[better], facility[better]
    seconds[facility, point] = direct[better]
    row, column = np.nonzero(seconds <= search.limit)
    if block.metres is None:
        metres = (seconds[row, column] - access[column] - added[row]) * network.profile.speed_mps + to.metres[row]
    else:
        by_u = (via_u <= via_v)[row, column]
        share = np.where(by_u, at.fraction[column], 1 - at.fraction[column])
        metres = block.metres[row, np.where(by_u, u[column], v[column])] + share * network.metres[at.edge[column]]
        own = np.zeros(seconds.shape, bool)
        own[facility, point] = True
        own = own[row, column]
        metres[own] = _metres_between(network, at, to, column[own], row[own])
    return near[column], block.rows[row], seconds[row, column], metres + at.metres[column]
