"""Equal-time areas (isochrones) around facilities, and the streets reached.

Streets are cut exactly at the limit and polygons are drawn around the reached pieces. A polygon is for the eye: who is
within reach is counted from the times of the people themselves (`carecircle.cover`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from carecircle.contours import MARGIN_CELLS, Cells, contour_around, one_owner, piece_cells, polygons, sample_edges
from carecircle.crs import GEOGRAPHIC
from carecircle.edit import split_at, with_barriers
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import Direction, check_direction, check_limits
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.pieces import Pieces, merged, piece_lines, reached_pieces, share_of_edge, touched_edges
from carecircle.reach import TOLERANCE_SECONDS
from carecircle.search import facility_seconds, search_blocks
from carecircle.snap import Places, snap
from carecircle.sources.roads.streets import ranges

ALL = "all"
"""The `facility_id` of rows that stand for all facilities together."""

MOST_THINNING = 0.12
"""Most that one round of thinning moves an outline, in cells: more would use up the margin of
`contours.MARGIN_CELLS`."""

NEST_METRES = 0.05
"""By how much an area is widened where it must hold a smaller one that crosses its outline."""


COLUMNS = ["facility_id", "minutes", "reached_km", "area_km2", "shed_ratio", "note", "geometry"]
"""Columns of `isochrones`, in order."""


@dataclass(frozen=True)
class IsochroneOptions:
    """How isochrones are drawn.

    Parameters
    ----------
    reach_metres
        Reach off the street: no place in a polygon is farther than this from a reached street.
    cell_metres
        Grid step of the distance field; None = a third of the reach. A finer grid follows the reach more closely: the
        outline runs about ``reach - 1.2 x cell`` from the street.
    min_hole_m2
        Holes smaller than this are filled: 0 keeps all holes, infinity none.
    overlap
        ``"overlap"``: one area a facility, which may overlap. ``"split"``: every place belongs to the facility that is
        nearest in time. ``"merge"``: one area for all facilities.
    rings
        False: discs, the 15-minute area holds the 10-minute one. True: rings, from one limit to the next.
    direction
        ``"to"`` the facility or ``"from"`` it.
    tolerance_metres
        How far an outline may be moved to save points; never more than `MOST_THINNING` cells.
    """

    reach_metres: float = 25.0
    cell_metres: float | None = None
    min_hole_m2: float = 2_500.0
    overlap: Literal["overlap", "split", "merge"] = "overlap"
    rings: bool = False
    direction: Direction = "to"
    tolerance_metres: float = 1.0

    @property
    def cell(self) -> float:
        """Grid step, metres."""
        return self.cell_metres or self.reach_metres / 3

    @property
    def level(self) -> float:
        """Distance from the street at which the outline is drawn, metres."""
        return self.reach_metres - MARGIN_CELLS * self.cell

    @property
    def thinning(self) -> float:
        """How far one round of thinning may move an outline, metres."""
        return min(self.tolerance_metres, MOST_THINNING * self.cell)

    def __post_init__(self) -> None:
        if not (
            self.reach_metres > 0
            and self.cell > 0
            and self.reach_metres / 7 <= self.cell <= self.reach_metres / 3 * (1 + 1e-9)
        ):
            raise UsageError(text("usage.isochrone_cell", reach=self.reach_metres, cell=self.cell))


@dataclass(frozen=True)
class _Reached:
    """Reached pieces of the facilities `rows` for one limit, on a network (the given one, or a cut copy of it)."""

    network: RoadNetwork
    rows: Ints
    minutes: float
    pieces: Pieces


def isochrones(
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float | Sequence[float] = (5, 10, 15),
    union: bool = False,
    barriers: gpd.GeoDataFrame | None = None,
    options: IsochroneOptions | None = None,
) -> gpd.GeoDataFrame:
    """Draw the area from which each facility is reached within each limit.

    Parameters
    ----------
    facilities
        Points with ``facility_id``; ``added_minutes`` (optional) is taken off each limit.
    network
        The network to travel on.
    minutes
        Limits, minutes.
    union
        Add the rows of all facilities together (``facility_id`` is ``"all"``).
    barriers
        Points, lines or polygons that close streets (see `carecircle.edit.with_barriers`).
    options
        How to draw; see `IsochroneOptions`.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, one row a facility and limit, in that order: ``facility_id``, ``minutes``, ``reached_km`` (length of
        the reached streets), ``area_km2``, ``shed_ratio`` (area over that of the circle of the same limit as the crow
        flies, the pedestrian-shed ratio; of the whole disc also in rows that are rings), ``note`` (why there is no
        area, or a warning) and ``geometry``. Larger limits contain smaller ones.
    """
    options = options or IsochroneOptions()
    check_direction(options.direction)
    if (facilities["facility_id"] == ALL).any():
        raise UsageError(text("usage.reserved", column="facility_id", value=ALL))
    limits = check_limits(minutes)
    network = network if barriers is None else with_barriers(network, barriers)
    to = snap(facilities, network)
    shapes = np.full((len(facilities), len(limits)), shapely.MultiPolygon(), dtype=object)
    lengths = np.zeros(shapes.shape)
    for reached in _reached(facilities, network, to, limits, options):
        column = limits.index(reached.minutes)
        shapes[reached.rows, column] = _draw(reached, options, margin=len(limits) - 1 - column)
        lengths[reached.rows, column] = np.bincount(
            reached.pieces.owner, weights=reached.pieces.metres(reached.network), minlength=len(reached.rows)
        )
    _nest(shapes)
    frame = _frame(facilities, network, to, limits, shapes, lengths)
    if union or options.overlap == "merge":
        together = _together(frame, network, limits)
        frame = together if options.overlap == "merge" else pd.concat([frame, together], ignore_index=True)
    frame = _measured(frame, network)
    return _in_degrees((_as_rings(frame) if options.rings else frame)[COLUMNS])


def reached_streets(
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float | Sequence[float] = (5, 10, 15),
    barriers: gpd.GeoDataFrame | None = None,
    options: IsochroneOptions | None = None,
) -> gpd.GeoDataFrame:
    """Return the pieces of street from which each facility is reached within each limit.

    Returns
    -------
    GeoDataFrame
        EPSG:4326 lines, one row a piece: ``facility_id``, ``minutes``, ``highway``, ``metres``. Cut exactly at the
        limit.
    """
    options = options or IsochroneOptions()
    network = network if barriers is None else with_barriers(network, barriers)
    to = snap(facilities, network)
    names, parts = facilities["facility_id"].to_numpy(dtype=object), []
    for reached in _reached(facilities, network, to, check_limits(minutes), options):
        pieces, split = reached.pieces, reached.network
        parts.append(
            gpd.GeoDataFrame(
                {
                    "facility_id": names[reached.rows[pieces.owner]],
                    "minutes": reached.minutes,
                    "highway": np.asarray(split.edge_class, dtype=object)[pieces.edge],
                    "metres": pieces.metres(split),
                },
                geometry=piece_lines(split, pieces),
                crs=network.crs,
            )
        )
    if not parts:
        return gpd.GeoDataFrame(
            {"facility_id": [], "minutes": [], "highway": [], "metres": []}, geometry=[], crs=GEOGRAPHIC
        )
    frame = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True)).sort_values(["facility_id", "minutes"], kind="stable")
    return frame.reset_index(drop=True).to_crs(GEOGRAPHIC)


def _reached(
    facilities: gpd.GeoDataFrame, network: RoadNetwork, to: Places, limits: list[float], options: IsochroneOptions
) -> Iterator[_Reached]:
    added = facility_seconds(facilities, network, to)
    if options.overlap == "split":
        yield from _reached_split(network, to, added, limits, options)
        return
    longest = limits[-1] * 60 + TOLERANCE_SECONDS
    for block in search_blocks(network, to, added, longest, options.direction):
        for limit in limits:
            seconds = limit * 60 + TOLERANCE_SECONDS
            touched = touched_edges(network, block, seconds)
            pieces = reached_pieces(network, block, touched, to, added, seconds, options.direction)
            yield _Reached(network, block.rows, limit, pieces)


def _reached_split(
    network: RoadNetwork,
    to: Places,
    added: Floats,
    limits: list[float],
    options: IsochroneOptions,
) -> Iterator[_Reached]:
    """Yield each facility's share of the streets: those from which it is the nearest in time.

    With the facilities as nodes of a cut network, the nearest facility of every place is known from the ends of its
    edge: from u up to the place where both ways take the same time, from v beyond it.
    """
    split, nodes = split_at(network, to)
    rows = np.flatnonzero((nodes >= 0) & (added <= limits[-1] * 60))
    if len(rows) == 0:
        return
    seconds, source = _nearest_of_nodes(split, nodes[rows], added[rows], options.direction)
    toward_u, toward_v = split.backward_seconds, split.forward_seconds
    if options.direction == "from":
        toward_u, toward_v = toward_v, toward_u
    at_u, at_v = seconds[split.edge_u], seconds[split.edge_v]
    with np.errstate(invalid="ignore"):
        meet = (at_v + toward_v - at_u) / (toward_u + toward_v)
    meet = np.where(np.isfinite(at_u) & np.isfinite(toward_u), np.where(np.isfinite(meet), meet, 1.0), 0.0).clip(0, 1)
    edges = np.arange(split.n_edges)
    for limit in limits:
        left = limit * 60 + TOLERANCE_SECONDS
        upto = np.minimum(share_of_edge(left - at_u, toward_u), meet)
        beyond = np.maximum(1 - share_of_edge(left - at_v, toward_v), meet)
        owner = np.concatenate([source[split.edge_u], source[split.edge_v]])
        pieces = merged(
            owner,
            np.tile(edges, 2),
            np.concatenate([np.zeros(len(edges)), beyond]),
            np.concatenate([upto, np.ones(len(edges))]),
        )
        yield _Reached(split, rows, limit, pieces)


def _nearest_of_nodes(network: RoadNetwork, nodes: Ints, added: Floats, direction: Direction) -> tuple[Floats, Ints]:
    """Return the seconds to the nearest facility from each node and which it is (-1 none)."""
    arcs = network.arcs_to if direction == "to" else network.arcs_from
    n, k = network.n_nodes, len(nodes)
    indptr = np.concatenate([arcs.indptr, arcs.indptr[-1] + np.arange(1, k + 1)])
    graph = csr_array(
        (np.concatenate([arcs.data, added]), np.concatenate([arcs.indices, nodes]), indptr), shape=(n + k, n + k)
    )
    seconds, _, source = dijkstra(graph, indices=np.arange(n, n + k), min_only=True, return_predecessors=True)
    return seconds[:n], np.where(np.isfinite(seconds[:n]), source[:n] - n, -1)


def _draw(reached: _Reached, options: IsochroneOptions, margin: int) -> NDArray[np.object_]:
    """Return one multipolygon a facility.

    Outlines of smaller limits run a little nearer to the street (twice the tolerance a limit), so that thinning the
    points of two outlines that follow the same street cannot make them cross.
    """
    pieces, owners = reached.pieces, len(reached.rows)
    samples = sample_edges(reached.network, np.unique(pieces.edge), options.cell)
    cells, first = piece_cells(samples, pieces, owners)
    if options.overlap == "split":
        cells, first = one_owner(cells, first)
    level = max(options.level - 2 * options.thinning * margin, options.level * 2 / 3)
    bounds = _cell_bounds(cells, first) if options.overlap == "split" else np.zeros((0, 4))
    points: list[Floats] = []
    offsets: list[Ints] = []
    owner: list[int] = []
    for row in np.flatnonzero(np.diff(first)).tolist():
        begin, end = first[row], first[row + 1]
        rivals = _rivals(cells, first, bounds, row, options) if options.overlap == "split" else None
        rings, starts = contour_around(cells[:, begin:end], options.cell, level, rivals)
        points += rings
        offsets += starts
        owner += [row] * len(rings)
    return polygons(points, offsets, np.array(owner, dtype=np.int64), owners, options.min_hole_m2, options.thinning)


def _cell_bounds(cells: Cells, first: Ints) -> Floats:
    """Return (owners, 4) least column and row and greatest column and row of each owner's cells; inf without any."""
    bounds = np.tile([np.inf, np.inf, -np.inf, -np.inf], (len(first) - 1, 1))
    some = np.flatnonzero(np.diff(first))
    if len(some):
        starts = first[:-1][some]
        bounds[some, :2] = np.minimum.reduceat(cells, starts, axis=1).T
        bounds[some, 2:] = np.maximum.reduceat(cells, starts, axis=1).T
    return bounds


def _rivals(cells: Cells, first: Ints, bounds: Floats, row: int, options: IsochroneOptions) -> Cells:
    """Return the cells of all other owners whose streets come near those of one."""
    margin = int(options.reach_metres / options.cell) + 3
    own = bounds[row] + [-margin, -margin, margin, margin]
    near = (bounds[:, 0] <= own[2]) & (bounds[:, 2] >= own[0]) & (bounds[:, 1] <= own[3]) & (bounds[:, 3] >= own[1])
    near[row] = False
    others = np.flatnonzero(near)
    return np.take(cells, ranges(first[others], np.diff(first)[others]), axis=1)


def _nest(shapes: NDArray[np.object_]) -> None:
    """Make each area hold the one before it in its row, where thinning has left a sliver outside.

    It holds it with a little to spare: where outlines touch, rounding (of the union, of degrees) would let them cross.
    """
    for column in range(1, shapes.shape[1]):
        inner, outer = shapes[:, column - 1], shapes[:, column]
        astray = np.flatnonzero(~shapely.contains_properly(outer, inner) & ~shapely.is_empty(inner))
        outer[astray] = shapely.union(outer[astray], shapely.buffer(inner[astray], NEST_METRES, join_style="mitre"))


def _frame(
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    to: Places,
    limits: list[float],
    shapes: NDArray[np.object_],
    lengths: Floats,
) -> gpd.GeoDataFrame:
    names = facilities["facility_id"].to_numpy(dtype=object)
    reason = np.where(
        ~to.on_network,
        text("isochrones.off_network"),
        np.where(~network.on_main[np.maximum(to.edge, 0)], text("isochrones.island"), ""),
    )
    empty = shapely.is_empty(shapes)
    note = np.where(empty & to.on_network[:, None], text("isochrones.nothing"), reason[:, None])
    return gpd.GeoDataFrame(
        {
            "facility_id": np.repeat(names, len(limits)),
            "minutes": np.tile(limits, len(names)),
            "reached_km": lengths.ravel() / 1000,
            "note": note.ravel(),
        },
        geometry=shapes.ravel(),
        crs=network.crs,
    )


def _together(frame: gpd.GeoDataFrame, network: RoadNetwork, limits: list[float]) -> gpd.GeoDataFrame:
    shapes = [shapely.union_all(frame.geometry[frame["minutes"] == limit].to_numpy()) for limit in limits]
    return gpd.GeoDataFrame(
        {"facility_id": ALL, "minutes": limits, "reached_km": np.nan, "note": ""}, geometry=shapes, crs=network.crs
    )


def _as_rings(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take each area's smaller neighbour out of it; rows of a facility stand one behind the other."""
    shapes = frame.geometry.to_numpy()
    inner = np.concatenate([[False], (frame["facility_id"].to_numpy()[1:] == frame["facility_id"].to_numpy()[:-1])])
    rings = shapes.copy()
    rings[inner] = shapely.difference(shapes[inner], shapes[np.flatnonzero(inner) - 1])
    return frame.assign(area_km2=shapely.area(rings) / 1e6).set_geometry(rings, crs=frame.crs)


def _measured(frame: gpd.GeoDataFrame, network: RoadNetwork) -> gpd.GeoDataFrame:
    """Add area and pedestrian-shed ratio; there is none where nothing is reached, nor for many facilities together."""
    area = shapely.area(frame.geometry.to_numpy())
    radius = frame["minutes"].to_numpy() * 60 * network.profile.speed_mps
    ratio = np.where((area > 0) & (frame["facility_id"] != ALL), area / (np.pi * radius**2), np.nan)
    return frame.assign(area_km2=area / 1e6, shed_ratio=ratio)


def _in_degrees(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Turn areas into degrees; outlines less than a millimetre apart can come to cross on the way."""
    frame = frame.to_crs(GEOGRAPHIC)
    shapes = frame.geometry.to_numpy().copy()
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    return frame.set_geometry(shapes, crs=GEOGRAPHIC)
