"""Places on the network: every point goes to the nearest place on an *edge*, not to a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.sources.roads.streets import ranges

MAX_SNAP_METRES = 2_000.0
"""A point farther than this from every street is off the network."""

MAIN_WITHIN_METRES = 300.0
"""A point whose nearest street is an island goes to the main network instead when that is no farther than this."""

_PIECE_METRES = 25.0
_FIRST_NEIGHBOURS, _MORE = 6, 8


@dataclass(frozen=True)
class Places:
    """Places on edges, one for each of n points.

    Parameters
    ----------
    edge
        (n,) position of the edge; -1 = off the network.
    fraction
        (n,) how far along the edge, from u (0) to v (1).
    metres
        (n,) straight distance between point and place: the access leg.
    moved
        (n,) whether the point was nearer to an island and was moved to the main network.
    """

    edge: Ints
    fraction: Floats
    metres: Floats
    moved: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.edge)

    @property
    def on_network(self) -> NDArray[np.bool_]:
        """(n,) whether a point is on the network at all."""
        return self.edge >= 0

    def take(self, rows: Any) -> Places:
        """Return the places of some of the points."""
        return Places(self.edge[rows], self.fraction[rows], self.metres[rows], self.moved[rows])


class _EdgeIndex:
    """Straight pieces of street in a tree of their middles: exact nearest places, a thousand in a few milliseconds."""

    def __init__(self, network: RoadNetwork, edges: Ints) -> None:
        counts = np.diff(network.edge_offsets)[edges]
        vertex = ranges(network.edge_offsets[:-1][edges], counts)
        last = np.zeros(len(vertex), bool)
        last[np.cumsum(counts) - 1] = True
        begin = vertex[~last]
        self.edge = np.repeat(edges, counts - 1)
        a, b = network.edge_xy[begin], network.edge_xy[begin + 1]
        length = np.hypot(*(b - a).T)
        total = np.bincount(self.edge, weights=length, minlength=network.n_edges)
        before = np.cumsum(length) - length
        start = before - np.repeat(before[np.cumsum(counts - 1) - (counts - 1)], counts - 1)
        self.a, self.step, self.length = a, b - a, length
        self.start, self.total = start, total
        pieces = np.maximum(1, np.ceil(length / _PIECE_METRES)).astype(np.int64)
        self.segment = np.repeat(np.arange(len(length)), pieces)
        middle = (ranges(np.zeros(len(pieces), np.int64), pieces) + 0.5) / pieces[self.segment]
        centres = a[self.segment] + self.step[self.segment] * middle[:, None]
        self.tree = cKDTree(centres, balanced_tree=False, compact_nodes=False)

    def nearest(self, xy: Floats) -> tuple[Ints, Floats, Floats]:
        """Return (edge, fraction, metres) of the nearest place to each point, exactly.

        A piece is at most `_PIECE_METRES` long, so no piece beyond the k-th nearest middle can be nearer than that
        middle's distance less half a piece: points for which this proves nothing ask for more neighbours.
        """
        edge, fraction = np.zeros(len(xy), np.int64), np.zeros(len(xy))
        metres = np.full(len(xy), np.inf)
        open_rows, k = np.arange(len(xy)), min(_FIRST_NEIGHBOURS, len(self.segment))
        while len(open_rows):
            away, piece = self.tree.query(xy[open_rows], k=[*range(1, k + 1)], workers=-1)
            edge[open_rows], fraction[open_rows], metres[open_rows] = self._best(xy[open_rows], self.segment[piece])
            proven = metres[open_rows] <= away[:, -1] - _PIECE_METRES / 2
            open_rows = open_rows[~proven] if k < len(self.segment) else open_rows[:0]
            k = min(k * _MORE, len(self.segment))
        return edge, fraction, metres

    def _best(self, xy: Floats, segments: Ints) -> tuple[Ints, Floats, Floats]:
        step, length = self.step[segments], self.length[segments]
        offset = xy[:, None, :] - self.a[segments]
        share = np.divide((offset * step).sum(axis=2), length**2, out=np.zeros_like(length), where=length > 0).clip(
            0, 1
        )
        away = np.hypot(*np.moveaxis(offset - share[..., None] * step, -1, 0))
        # Ties (a point nearest to a shared vertex) go to the first edge, so that the order of neighbours does not
        # matter.
        near = away.min(axis=1, keepdims=True)
        column = np.where(away <= near + 1e-9, self.edge[segments], np.iinfo(np.int64).max).argmin(axis=1)
        row = np.arange(len(xy))
        best, share, away = segments[row, column], share[row, column], away[row, column]
        edge = self.edge[best]
        total = self.total[edge]
        along = np.divide(self.start[best] + share * self.length[best], total, out=np.zeros(len(edge)), where=total > 0)
        # An end is the node itself, whatever the last digit says: on a one-way street the difference is a detour.
        return edge, np.where(along < 1e-9, 0.0, np.where(along > 1 - 1e-9, 1.0, along)), away


_indexes: WeakKeyDictionary[RoadNetwork, dict[str, _EdgeIndex]] = WeakKeyDictionary()


def _index(network: RoadNetwork, which: str) -> _EdgeIndex:
    made = _indexes.setdefault(network, {})
    if which not in made:
        edges = np.arange(network.n_edges) if which == "all" else np.flatnonzero(network.on_main)
        made[which] = _EdgeIndex(network, edges)
    return made[which]


def snap(
    points: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    max_metres: float = MAX_SNAP_METRES,
    main_within: float = MAIN_WITHIN_METRES,
) -> Places:
    """Put points on the network.

    Parameters
    ----------
    points
        Points in any reference system.
    network
        The network.
    max_metres
        Points farther from every street are off the network.
    main_within
        A point nearest to an island goes to the main network when that is within this distance.
    """
    if points.crs is None:
        raise UsageError(text("usage.no_crs"))
    frame = points if points.crs == network.crs else points.to_crs(network.crs)
    return snap_xy(
        np.column_stack([frame.geometry.x, frame.geometry.y]), network, max_metres=max_metres, main_within=main_within
    )


def snap_xy(
    xy: Floats, network: RoadNetwork, *, max_metres: float = MAX_SNAP_METRES, main_within: float = MAIN_WITHIN_METRES
) -> Places:
    """Put (n, 2) points in metres of the network's system on the network; options as for `snap`."""
    usable = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
    edge, fraction, metres = _index(network, "all").nearest(np.where(usable[:, None], xy, 0.0))
    moved = np.zeros(len(xy), bool)
    astray = np.flatnonzero(usable & ~network.on_main[edge] & (metres <= max_metres))
    if len(astray) and network.on_main.any():
        other = _index(network, "main").nearest(xy[astray])
        near = other[2] <= main_within
        moved[astray[near]] = True
        edge[astray[near]], fraction[astray[near]], metres[astray[near]] = (part[near] for part in other)
    edge = np.where(usable & (metres <= max_metres), edge, -1)
    return Places(edge, fraction, np.where(usable, metres, np.nan), moved)
