"""Networks with some edges replaced: cut at places, or closed by barriers. The network itself is never changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.pieces import substrings
from carecircle.snap import Places, snap_xy

POINT_BARRIER_METRES = 30.0
"""A point barrier closes the nearest street within this distance."""

END_SHARE = 1e-9
"""A place this little from an end of an edge, as a share of it, is the end."""


def split_at(network: RoadNetwork, places: Places) -> tuple[RoadNetwork, Ints]:
    """Return the network with a node at each place, and the node of each place (-1 off the network)."""
    on = np.flatnonzero(places.on_network)
    edge, fraction = places.edge[on], places.fraction[on]
    inner = (fraction > 0) & (fraction < 1)
    changed, node_of = _replace(network, *_cut_pieces(edge[inner], fraction[inner]), joined=True)
    nodes = np.full(len(places), -1)
    nodes[on] = np.where(fraction <= 0, network.edge_u[edge], network.edge_v[edge])
    nodes[on[inner]] = node_of.loc[pd.MultiIndex.from_arrays([edge[inner], fraction[inner]])].to_numpy()
    return changed, nodes


def _cut_pieces(edge: Ints, fraction: Floats) -> tuple[Ints, Floats, Floats]:
    """Return (edge, start, end) of the pieces between the cuts of each edge."""
    table = pd.DataFrame({"edge": edge, "at": fraction}).drop_duplicates().sort_values(["edge", "at"])
    edges = table["edge"].unique()
    start = pd.concat([pd.DataFrame({"edge": edges, "at": 0.0}), table]).sort_values(["edge", "at"])
    end = pd.concat([table, pd.DataFrame({"edge": edges, "at": 1.0})]).sort_values(["edge", "at"])
    return start["edge"].to_numpy(np.int64), start["at"].to_numpy(), end["at"].to_numpy()


def with_barriers(network: RoadNetwork, barriers: gpd.GeoDataFrame | gpd.GeoSeries) -> RoadNetwork:
    """Return the network with streets closed by barriers.

    Parameters
    ----------
    network
        The network.
    barriers
        Points close the nearest street within `POINT_BARRIER_METRES` at that place, lines cut the streets they cross,
        polygons close the parts of streets inside them. Any reference system.
    """
    if barriers.crs is None:
        raise UsageError(text("usage.no_crs"))
    shapes = barriers.to_crs(network.crs).geometry.to_numpy()
    shapes = shapely.get_parts(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])
    dimension = shapely.get_dimensions(shapes)
    edge, fraction = _crossings(network, shapes[dimension == 1])
    places = (
        snap_xy(
            shapely.get_coordinates(shapes[dimension == 0]), network, max_metres=POINT_BARRIER_METRES, main_within=0.0
        )
        if (dimension == 0).any()
        else None
    )
    if places is not None:
        on = places.on_network
        edge, fraction = np.concatenate([edge, places.edge[on]]), np.concatenate([fraction, places.fraction[on]])
    # A cut at the very end of an edge closes the edge there, not the junction: it is moved in by a hair.
    changed, _ = _replace(network, *_cut_pieces(edge, np.clip(fraction, END_SHARE, 1 - END_SHARE)), joined=False)
    changed = _outside(changed, shapes[dimension == 2])
    if changed.n_edges == 0:
        raise UsageError(text("usage.all_closed"))
    return changed


def _crossings(network: RoadNetwork, lines: NDArray[Any]) -> tuple[Ints, Floats]:
    """Return (edge, fraction) of every place where a barrier line meets a street."""
    if len(lines) == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    streets = network.lines()
    barrier, edge = shapely.STRtree(streets).query(lines, predicate="intersects")
    points, pair = shapely.get_coordinates(shapely.intersection(lines[barrier], streets[edge]), return_index=True)
    edge = edge[pair]
    return edge, np.asarray(shapely.line_locate_point(streets[edge], shapely.points(points), normalized=True))


def _outside(network: RoadNetwork, polygons: NDArray[Any]) -> RoadNetwork:
    if len(polygons) == 0:
        return network
    closed = shapely.union_all(polygons)
    shapely.prepare(closed)
    streets = network.lines()
    touched = np.flatnonzero(shapely.intersects(closed, streets))
    left = shapely.difference(streets[touched], closed)
    parts, owner = shapely.get_parts(left, return_index=True)
    keep = ~shapely.is_empty(parts)
    parts, owner = parts[keep], touched[owner[keep]]
    # By its middle, for an end of a part of a ring street can be the ring's beginning or its end.
    centre = shapely.line_interpolate_point(parts, 0.5, normalized=True)
    middle = shapely.line_locate_point(streets[owner], centre, normalized=True)
    half = shapely.length(parts) / shapely.length(streets[owner]) / 2
    start = np.where(middle - half < END_SHARE, 0.0, middle - half)
    end = np.where(middle + half > 1 - END_SHARE, 1.0, middle + half)
    gone = np.setdiff1d(touched, owner)
    changed, _ = _replace(
        network,
        np.concatenate([owner, gone]),
        np.concatenate([start, np.zeros(len(gone))]),
        np.concatenate([end, np.zeros(len(gone))]),
        joined=False,
    )
    return changed


def _replace(
    network: RoadNetwork, edge: Ints, start: Floats, end: Floats, *, joined: bool
) -> tuple[RoadNetwork, pd.Series]:
    """Put pieces in the place of their edges; a piece without length only takes its edge away.

    Returns the network and the node of every inner end, on an index of (edge, fraction).
    """
    order = np.lexsort((start, edge))
    edge, start, end = edge[order], start[order], end[order]
    keep = np.ones(network.n_edges, bool)
    keep[edge] = False
    real = end > start
    edge, start, end = edge[real], start[real], end[real]
    lines = substrings(network.lines()[edge], start, end)
    xy, owner = shapely.get_coordinates(lines, return_index=True)
    first, last = (
        np.searchsorted(owner, np.arange(len(edge))),
        np.searchsorted(owner, np.arange(len(edge)), "right") - 1,
    )
    side = np.arange(len(edge))
    ends = pd.DataFrame(
        {
            "edge": np.tile(edge, 2),
            "at": np.concatenate([start, end]),
            "side": 0 if joined else np.concatenate([2 * side, 2 * side + 1]),
            "xy": np.concatenate([first, last]),
        }
    )
    inner = ends[(ends["at"] > 0) & (ends["at"] < 1)]
    number = inner.groupby(["edge", "at", "side"], sort=True).ngroup().to_numpy()
    fresh = inner.assign(number=number).drop_duplicates("number").sort_values("number")
    node = np.full(len(ends), -1)
    node[inner.index] = network.n_nodes + number
    tail = np.where(start <= 0, network.edge_u[edge], node[: len(edge)])
    head = np.where(end >= 1, network.edge_v[edge], node[len(edge) :])
    share = end - start
    counts = np.concatenate([np.diff(network.edge_offsets)[keep], last - first + 1])
    vertex = np.repeat(keep, np.diff(network.edge_offsets))
    with np.errstate(invalid="ignore"):
        seconds = [
            np.concatenate([old[keep], share * old[edge]])
            for old in (network.forward_seconds, network.backward_seconds)
        ]
    classes = np.asarray(network.edge_class, dtype=object)
    changed = replace(
        network,
        node_xy=np.vstack([network.node_xy, xy[fresh["xy"].to_numpy()]]),
        node_id=np.concatenate([network.node_id, np.full(len(fresh), -1)]),
        edge_u=np.concatenate([network.edge_u[keep], tail]),
        edge_v=np.concatenate([network.edge_v[keep], head]),
        metres=np.concatenate([network.metres[keep], share * network.metres[edge]]),
        forward_seconds=seconds[0],
        backward_seconds=seconds[1],
        edge_xy=np.vstack([network.edge_xy[vertex], xy]),
        edge_offsets=np.concatenate([[0], np.cumsum(counts)]),
        edge_class=pd.Categorical(np.concatenate([classes[keep], classes[edge]])),
        way_id=np.concatenate([network.way_id[keep], network.way_id[edge]]),
    )
    return changed, fresh.set_index(["edge", "at"])["number"] + network.n_nodes
