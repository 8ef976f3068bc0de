"""A warped street lattice: the skeleton of the urban district and, smaller, of the county town.

Rows run west-east, columns south-north. `nodes[r, c]` is the crossing of row line r and column line c. The
street from `nodes[r, c]` to `nodes[r, c + 1]` is `("h", r, c)`, to `nodes[r + 1, c]` is `("v", r, c)`. Cell
(r, c) is the block north-east of `nodes[r, c]`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from .frame import Array, centimetres

Edge = tuple[str, int, int]


@dataclass(frozen=True)
class Lattice:
    """Crossings of the lattice in local metres, shape (rows + 1, columns + 1, 2)."""

    nodes: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells: (rows, columns)."""
        return self.nodes.shape[0] - 1, self.nodes.shape[1] - 1

    def ends(self, edge: Edge) -> tuple[Array, Array]:
        """Return both end points of a street."""
        axis, r, c = edge
        return self.nodes[r, c], self.nodes[r + (axis == "v"), c + (axis == "h")]

    def along(self, edge: Edge, t: float) -> Array:
        """Return the point at the share `t` of a street."""
        start, end = self.ends(edge)
        return centimetres(start + t * (end - start))

    def inside(self, r: int, c: int, st: Array) -> Array:
        """Return points of cell (r, c) from shares `st`, shape (n, 2), of its width and height."""
        s, t = np.asarray(st, dtype=float).reshape(-1, 2).T[:, :, None]
        south = self.nodes[r, c] * (1 - s) + self.nodes[r, c + 1] * s
        north = self.nodes[r + 1, c] * (1 - s) + self.nodes[r + 1, c + 1] * s
        return centimetres(south * (1 - t) + north * t)

    def cells(self) -> np.ndarray:
        """Return the cells as polygons, an object array of shape (rows, columns)."""
        n = self.nodes
        corners = np.stack([n[:-1, :-1], n[:-1, 1:], n[1:, 1:], n[1:, :-1]], axis=2)
        return np.asarray(shapely.polygons(corners))

    def outline(self) -> shapely.Polygon:
        """Return the outer edge of the lattice as one polygon."""
        n = self.nodes
        return shapely.Polygon(np.concatenate([n[0], n[1:, -1], n[-1, -2::-1], n[-2:0:-1, 0]]))


def side(k: int, r: int, c: int) -> tuple[Edge, bool]:
    """Return the street on side `k` (0 south, 1 east, 2 north, 3 west) and whether it runs backwards."""
    edges: tuple[Edge, ...] = (("h", r, c), ("v", r, c + 1), ("h", r + 1, c), ("v", r, c))
    return edges[k], k >= 2


def facing(k: int, ab: Array) -> Array:
    """Turn shares (a along side `k`, b inwards), shape (n, 2), into the shares (s, t) of `Lattice.inside`."""
    a, b = np.asarray(ab, dtype=float).reshape(-1, 2).T
    return np.column_stack([(a, b), (1 - b, a), (1 - a, 1 - b), (b, 1 - a)][k])


def make_lattice(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    centre: tuple[float, float],
    size: tuple[float, float],
    turn: float,
    rounding: float,
    wave: float,
    jitter: float,
) -> Lattice:
    """Draw a lattice of blocks.

    Parameters
    ----------
    shape
        Number of blocks: (rows, columns).
    centre, size
        Middle and full width and height in local metres.
    turn
        Anticlockwise turn in degrees.
    rounding
        0 keeps the rectangle, 1 draws its corners in until it is an ellipse.
    wave, jitter
        Height in metres of the long bends of all streets, and of the noise of each crossing.
    """
    rows, columns = shape
    u = _shares(rng, columns)
    v = _shares(rng, rows)
    grid_u, grid_v = np.meshgrid(u, v)
    x = grid_u * np.sqrt(1 - rounding * grid_v**2 / 2) * size[0] / 2
    y = grid_v * np.sqrt(1 - rounding * grid_u**2 / 2) * size[1] / 2
    phase = rng.uniform(0, 2 * np.pi, 4)
    bend_x = wave * (np.sin(2.1 * grid_v + phase[0]) + 0.4 * np.sin(5.3 * grid_v + 2.2 * grid_u + phase[1]))
    bend_y = wave * (np.sin(2.4 * grid_u + phase[2]) + 0.4 * np.sin(4.7 * grid_u - 2.6 * grid_v + phase[3]))
    xy = np.stack([x + bend_x, y + bend_y], axis=-1) + rng.normal(0, jitter, (rows + 1, columns + 1, 2))
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return Lattice(centimetres(xy @ np.array([[cosine, sine], [-sine, cosine]]) + np.asarray(centre)))


def _shares(rng: np.random.Generator, count: int) -> Array:
    """Return `count` + 1 uneven positions from -1 to 1."""
    steps = rng.uniform(0.82, 1.18, count)
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum() * 2 - 1)
