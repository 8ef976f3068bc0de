"""Polygons around streets: a distance field on a fine grid, contoured.

For the eye, not for counting. The boundary follows the reached streets at about ``reach - 1.2 cells``, so that no
place in the polygon is farther than ``reach`` from a reached street and no reached street is outside.

The distance field is exact for the marked cells (squared distances are separable: the least over a row, then over the
columns, of ``d(x)**2 + d(y)**2``; Felzenszwalb & Huttenlocher 2012), cut off beyond the reach, in eight-bit integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from contourpy import FillType, contour_generator
from numpy.typing import NDArray
from shapely import GeometryType

from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.pieces import Pieces
from carecircle.sources.roads.streets import ranges

MARGIN_CELLS = 1.2
"""How far inside the stated reach the contour is drawn: half a cell's diagonal (a street is anywhere in its marked
cell) and half a cell (linear interpolation between two cells). A street point is at most half a cell from a sample
and so at most 1.2 cells from a marked centre: with cells of at most a third of the reach it is always inside."""

THINNING_ROUNDS = 2
"""How often every second spare vertex is dropped: an outline moves by at most this many tolerances."""

_FAR = 200
_ROOTS = np.sqrt(np.arange(256.0))

Cells = NDArray[np.int32]


@dataclass(frozen=True)
class Samples:
    """Points along edges, at most a cell apart.

    Parameters
    ----------
    edges
        (k,) edges that were sampled, sorted.
    first
        (k + 1,) where each edge's points begin.
    cell
        (2, s) column and row of the grid in which each point lies; the grid is fixed to the coordinate system's origin.
    fraction
        (s,) place along the edge.
    """

    edges: Ints
    first: Ints
    cell: Cells
    fraction: Floats


def sample_edges(network: RoadNetwork, edges: Ints, cell: float) -> Samples:
    """Put points on edges, at most a cell apart, the ends included."""
    counts = np.diff(network.edge_offsets)[edges]
    vertex = ranges(network.edge_offsets[:-1][edges], counts)
    last = np.cumsum(counts) - 1
    begin = np.delete(vertex, last)
    step = network.edge_xy[begin + 1] - network.edge_xy[begin]
    length = np.hypot(step[:, 0], step[:, 1])
    points = np.maximum(np.ceil(length / cell), 1).astype(np.int64)
    segment = np.repeat(np.arange(len(points)), points)
    share = ranges(np.zeros(len(points), np.int64), points) / points[segment]
    owner = np.repeat(np.arange(len(edges)), counts - 1)
    before = np.cumsum(length) - length
    first_segment = np.concatenate([[0], np.cumsum(counts - 1)])
    total = np.add.reduceat(length, first_segment[:-1])
    along = before - before[first_segment[:-1]][owner]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.nan_to_num((along[segment] + share * length[segment]) / total[owner][segment])
    xy = network.edge_xy[begin][segment] + share[:, None] * step[segment]
    # Each edge's last vertex is not the start of a segment: it is put in behind the edge's other points.
    ends = np.cumsum(np.bincount(owner, weights=points, minlength=len(edges))).astype(np.int64)
    xy = np.insert(xy, ends, network.edge_xy[vertex[last]], axis=0)
    fraction = np.insert(fraction, ends, 1.0)
    first = np.concatenate([[0], ends + np.arange(1, len(edges) + 1)])
    return Samples(edges, first, np.ascontiguousarray(np.floor(xy.T / cell).astype(np.int32)), fraction)


def piece_cells(samples: Samples, pieces: Pieces, owners: int) -> tuple[Cells, Ints]:
    """Return the cells that pieces run through, (2, s) sorted by owner, and where each owner's begin, (owners + 1,).

    A cut end is moved to the nearest sample, at most half a cell away; so a longer piece always has all the cells
    of a shorter one, and areas of larger limits contain those of smaller ones.
    """
    row = np.searchsorted(samples.edges, pieces.edge)
    low, high = samples.first[row], samples.first[row + 1] - 1
    part = np.flatnonzero((pieces.start > 0) | (pieces.end < 1))
    if len(part):
        order = samples.fraction + 2.0 * np.repeat(np.arange(len(samples.edges)), np.diff(samples.first))
        low[part], high[part] = (
            _nearest_sample(order, at[part] + 2.0 * row[part], low[part], high[part])
            for at in (pieces.start, pieces.end)
        )
    count = high - low + 1
    owned = np.bincount(pieces.owner, weights=count, minlength=owners).astype(np.int64)
    return np.take(samples.cell, ranges(low, count), axis=1), _starts(owned)


def _nearest_sample(order: Floats, place: Floats, low: Ints, high: Ints) -> Ints:
    after = np.searchsorted(order, place).clip(low, high)
    before = np.maximum(after - 1, low)
    return np.where(place - order[before] <= order[after] - place, before, after)


def one_owner(cells: Cells, starts: Ints) -> tuple[Cells, Ints]:
    """Give each cell to the first of its owners only (a share would else hold all that is nearest to a common cell)."""
    keep = np.sort(np.unique(cells[0].astype(np.int64) * 2**32 + cells[1], return_index=True)[1])
    return cells[:, keep], np.searchsorted(keep, starts)


def distance_squared(marked: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Return squared distances to the nearest cell that is 0, in cells, exact up to `cells` (at most 7).

    Parameters
    ----------
    marked
        (rows, columns), 0 on streets and 200 elsewhere.
    cells
        Greatest distance that matters.
    """
    across = marked.copy()
    for k in range(1, cells + 1):
        farther = marked + np.uint8(k * k)
        np.minimum(across[:, k:], farther[:, :-k], out=across[:, k:])
        np.minimum(across[:, :-k], farther[:, k:], out=across[:, :-k])
    down = across.copy()
    for k in range(1, cells + 1):
        farther = across + np.uint8(k * k)
        np.minimum(down[k:], farther[:-k], out=down[k:])
        np.minimum(down[:-k], farther[k:], out=down[:-k])
    return down


def contour_around(
    cells: Cells,
    cell: float,
    level: float,
    rivals: Cells | None = None,
) -> tuple[list[Floats], list[Ints]]:
    """Return the outlines at `level` metres around marked cells: points and ring offsets, one pair a polygon.

    Parameters
    ----------
    cells
        (2, s) marked cells.
    cell
        Side of a cell, metres.
    level
        Distance at which to draw, metres.
    rivals
        Other marked cells: places nearer to one of these are left out.
    """
    reach = int(level / cell) + 2
    corner = cells.min(axis=1) - reach - 1
    width, height = (cells.max(axis=1) + reach + 2 - corner).tolist()
    field = _ROOTS[distance_squared(_marked(cells - corner[:, None], (height, width)), reach)]
    field *= cell
    if rivals is not None:
        near = rivals - corner[:, None]
        near = near[:, ((near >= 0) & (near < [[width], [height]])).all(axis=0)]
        other = cell * _ROOTS[distance_squared(_marked(near, (height, width)), reach)]
        field = np.maximum(field, level + (field - other) / 2)
    outlines: Any = contour_generator(z=field, fill_type=FillType.OuterOffset).filled(-1.0, level)
    return [(ring + corner + 0.5) * cell for ring in outlines[0]], [starts.astype(np.int64) for starts in outlines[1]]


def _marked(cells: Cells, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a grid with cells marked 0 and everything else far."""
    grid = np.full(shape, _FAR, np.uint8)
    grid[cells[1], cells[0]] = 0
    return grid


def polygons(
    points: list[Floats], offsets: list[Ints], owner: Ints, owners: int, min_hole_m2: float, tolerance: float
) -> NDArray[np.object_]:
    """Assemble outlines into one multipolygon an owner, without small holes.

    Parameters
    ----------
    points, offsets
        Outlines: the first ring of each is the outside, the others are holes.
    owner
        (p,) whose polygon each outline is, ascending.
    owners
        How many owners there are.
    min_hole_m2
        Holes smaller than this are filled; inf fills all.
    tolerance
        Vertices nearer than this to the line between their neighbours are dropped, metres.
    """
    if not points:
        return np.full(owners, shapely.MultiPolygon(), dtype=object)
    shapes = _assembled(points, offsets, owner, owners, min_hole_m2, tolerance)
    for row in np.flatnonzero(~shapely.is_valid(shapes)).tolist():
        # Thinning made two neighbouring outlines touch: this one keeps all its points (and may touch itself even so).
        mine = np.flatnonzero(owner == row)
        whole = _assembled(
            [points[k] for k in mine], [offsets[k] for k in mine], np.zeros(len(mine), np.int64), 1, min_hole_m2, 0.0
        )[0]
        shapes[row] = shapely.make_valid(whole, method="structure", keep_collapsed=False)
    return shapes


def _assembled(
    points: list[Floats], offsets: list[Ints], owner: Ints, owners: int, min_hole_m2: float, tolerance: float
) -> NDArray[np.object_]:
    ring_counts = np.array([len(o) - 1 for o in offsets])
    lengths = np.concatenate([np.diff(o) for o in offsets])
    outer = np.zeros(len(lengths), bool)
    outer[_starts(ring_counts)[:-1]] = True
    xy, ring = np.concatenate(points), np.repeat(np.arange(len(lengths)), lengths)
    keep_ring = outer | (np.abs(_ring_areas(xy, ring, len(lengths))) >= min_hole_m2)
    xy, ring = xy[keep_ring[ring]], ring[keep_ring[ring]]
    for _ in range(THINNING_ROUNDS if tolerance > 0 else 0):
        keep = ~_spare(xy, ring, tolerance)
        xy, ring = xy[keep], ring[keep]
    lengths = np.bincount(ring, minlength=len(lengths))[keep_ring]
    rings = np.add.reduceat(keep_ring.astype(np.int64), np.flatnonzero(outer))
    return np.asarray(
        shapely.from_ragged_array(
            GeometryType.MULTIPOLYGON,
            xy,
            (_starts(lengths), _starts(rings), _starts(np.bincount(owner, minlength=owners))),
        )
    )


def _starts(lengths: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _ring_areas(xy: Floats, ring: Ints, rings: int) -> Floats:
    """Return signed areas of closed rings (shoelace)."""
    same = ring[1:] == ring[:-1]
    cross = np.where(same, xy[:-1, 0] * xy[1:, 1] - xy[1:, 0] * xy[:-1, 1], 0.0)
    return np.bincount(ring[:-1], weights=cross, minlength=rings) / 2


def _spare(xy: Floats, ring: Ints, tolerance: float) -> NDArray[np.bool_]:
    """Return which vertices can go: every second one that lies within `tolerance` of its neighbours' chord.

    Neighbours of a dropped vertex stay, so the outline moves by at most the tolerance; a ring keeps four vertices.
    """
    spare = np.zeros(len(xy), bool)
    a, b, c = xy[:-2], xy[1:-1], xy[2:]
    chord = c - a
    length = np.hypot(chord[:, 0], chord[:, 1])
    off = np.abs(chord[:, 0] * (b - a)[:, 1] - chord[:, 1] * (b - a)[:, 0])
    flat = (off <= tolerance * length) & (ring[2:] == ring[:-2]) & (np.bincount(ring)[ring[1:-1]] > 8)
    spare[1:-1] = flat & (np.arange(1, len(xy) - 1) % 2 == 1)
    return spare
