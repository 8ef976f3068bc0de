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
from numbers import Real

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import Direction, check_direction, direct_seconds, ends_of, same_edge
from carecircle.lengths import tree_metres
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.search import BLOCK_BYTES, BLOCK_ROWS, Block, facility_seconds, search_blocks, search_from_all
from carecircle.snap import Places, snap

TOLERANCE_SECONDS = 1e-6
"""A time this little over the limit is at the limit: 720 m at 0.8 m/s is 15 minutes, whatever the last digit says."""


@dataclass(frozen=True)
class Pairs:
    """Travel times within the limit, one row a pair; from `travel_pairs`, sorted by point and then by seconds.

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
    at = snap(points, network)
    seconds, metres, which = nearest_of_places(at, facilities, network, minutes=minutes, direction=direction)
    found = which >= 0
    return pd.DataFrame(
        {
            "facility_id": _names(facilities["facility_id"]).take(which, allow_fill=True),
            "minutes": np.where(found, seconds / 60, np.nan),
            "metres": np.where(found, metres, np.nan),
            "snap_metres": at.metres,
        },
        index=points.index,
    )


def nearest_of_places(
    at: Places,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float | None = None,
    direction: Direction = "to",
) -> tuple[Floats, Floats, Ints]:
    """Return (seconds, metres, position of the facility) for places already snapped; position -1 = not reached."""
    check_direction(direction)
    to, limit = snap(facilities, network), _limit_seconds(minutes)
    added = facility_seconds(facilities, network, to)
    rows = np.flatnonzero(to.on_network & (added <= limit))
    seconds, metres, which = _search_nearest(network, to.take(rows), added[rows], limit, direction, at)
    return seconds, metres, np.append(rows, -1)[which]


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
    seconds, _, source = search_from_all(network, to.take(rows), added[rows], limit, direction)
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
    chunks = pair_chunks(at, facilities, network, minutes=minutes, direction=direction, block_rows=block_rows)
    parts = [(part.point, part.facility, part.seconds, part.metres) for part in chunks]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 4
    order = np.lexsort((columns[1], columns[2], columns[0]))
    point, facility, seconds, metres = (column[order] for column in columns)
    return Pairs(point.astype(np.int64), facility.astype(np.int64), seconds, metres)


def pair_chunks(
    at: Places,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float,
    direction: Direction = "to",
    block_rows: int = BLOCK_ROWS,
) -> Iterator[Pairs]:
    """Yield the pairs within the limit, each once, some at a time and in no order: memory does not grow with them."""
    check_direction(direction)
    to, limit = snap(facilities, network), _limit_seconds(minutes)
    added = facility_seconds(facilities, network, to)
    legs = ends_of(network, at, leaving=direction == "to")
    search = _PairSearch(network, at, to, added, limit, direction, legs, at.metres / network.profile.access_mps)
    for block in search_blocks(network, to, added, limit, direction, block_rows):
        yield from _block_pairs(search, block)


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


def _limit_seconds(minutes: float | None) -> float:
    if minutes is None:
        return float("inf")
    if not isinstance(minutes, Real) or not minutes > 0:
        raise UsageError(text("usage.minutes", value=minutes))
    return float(minutes) * 60 + TOLERANCE_SECONDS


def _search_nearest(
    network: RoadNetwork, to: Places, added: Floats, limit: float, direction: Direction, at: Places
) -> tuple[Floats, Floats, Ints]:
    """Return (seconds, metres, position of the facility or -1) for every place of a point."""
    n = network.n_nodes
    if len(to) == 0:
        return np.full(len(at), np.inf), np.full(len(at), np.inf), np.full(len(at), -1)
    reached, before, source = search_from_all(network, to, added, limit, direction)
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


def _block_pairs(search: _PairSearch, block: Block) -> Iterator[Pairs]:
    """Yield a block's pairs within the limit, some points at a time."""
    network = search.network
    edge = np.maximum(search.at.edge, 0)
    u, v = block.local[network.edge_u[edge]], block.local[network.edge_v[edge]]
    outside = len(block.nodes)
    around = (u < outside) | (v < outside) | np.isin(edge, search.to.edge[block.rows])
    near = np.flatnonzero(search.at.on_network & around)
    size = max(1, int(BLOCK_BYTES // (32 * len(block.rows))))
    for first in range(0, len(near), size):
        yield _pairs_of(search, block, near[first : first + size])


def _pairs_of(search: _PairSearch, block: Block, near: Ints) -> Pairs:
    """Return the pairs within the limit between some points and a block."""
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
    return Pairs(near[column], block.rows[row], seconds[row, column], metres + at.metres[column])
