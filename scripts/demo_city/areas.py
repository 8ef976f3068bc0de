"""Counties, townships and communities that tile one another exactly.

The land is cut once into small faces (street blocks in town, Voronoi cells in the mountains). Communities are
unions of faces, townships of communities, counties of townships, so no border is drawn twice and nothing can
overlap or gape. Which face belongs to whom is settled by growing from seats over the faces' neighbourhood
graph: crossing a main street, the river or a ridge costs more, hence borders tend to follow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from .frame import Array, Ints, centimetres
from .lattice import Lattice
from .names import CITY_CODE, COUNTIES, MOUNTAIN, RESIDENTS, TOWNSHIPS, URBAN, VILLAGES, Township
from .plan import RIVER_CELLS, line_class
from .terrain import Terrain

BLOB_CENTRE, BLOB_RADII = np.array([-11_600.0, 3300.0]), np.array([12_300.0, 10_200.0])
CROSSING_COST = {"residential": 1.0, "tertiary": 2.5, "secondary": 4.0, "primary": 6.0}


@dataclass(frozen=True)
class Areas:
    """The three layers, frames in local metres: code, name, level, parent (communities: urban_class).

    `seats` is the point (n, 2) each community grew from, in the order of `communities`.
    """

    counties: gpd.GeoDataFrame
    townships: gpd.GeoDataFrame
    communities: gpd.GeoDataFrame
    seats: Array


@dataclass(frozen=True)
class Mosaic:
    """The faces, their middles (n, 2), a neighbour list with costs, and the county each face lies in."""

    faces: np.ndarray
    middles: Array
    pairs: Ints
    costs: Array
    county: np.ndarray


def make_areas(rng: np.random.Generator, lattice: Lattice, terrain: Terrain) -> Areas:
    """Cut the land into faces, grow townships and communities, and dissolve."""
    mosaic = _cut(rng, lattice, terrain)
    label = np.full(len(mosaic.faces), -1)
    seats: list[Array] = []
    rows: list[dict[str, str]] = []
    for county in (URBAN, MOUNTAIN):
        townships = [t for t in TOWNSHIPS if t.code.startswith(county)]
        members = np.flatnonzero(mosaic.county == county)
        owner = _grow(
            mosaic, members, _nearest(mosaic.middles[members], np.array([t.seat for t in townships]))
        )
        for k, township in enumerate(townships):
            own = members[owner == k]
            points = _community_seats(rng, mosaic.middles[own], township, terrain)
            label[own] = len(rows) + _grow(mosaic, own, _nearest(mosaic.middles[own], points))
            rows += _community_rows(township, points)
            seats.append(points)
    return _dissolve(mosaic.faces, label, rows, np.concatenate(seats))


def _cut(rng: np.random.Generator, lattice: Lattice, terrain: Terrain) -> Mosaic:
    """Node street blocks and mountain cells together, so that neighbours share every vertex."""
    outline = lattice.outline()
    cells = lattice.cells().ravel()
    wild = shapely.difference(shapely.voronoi_polygons(_wild_points(rng), only_edges=True), outline)
    lines = shapely.union_all([*shapely.boundary(cells), wild], grid_size=0.01)
    faces = np.asarray(shapely.get_parts(shapely.polygonize(shapely.get_parts(lines))))
    inner = shapely.get_coordinates(shapely.point_on_surface(faces))
    order = np.lexsort((np.round(inner[:, 0], 3), np.round(inner[:, 1], 3)))
    faces, inner = faces[order], inner[order]
    block = np.full(len(faces), -1)
    found = shapely.STRtree(cells).query(shapely.points(inner), predicate="within")
    block[found[0]] = found[1]
    off = (inner - BLOB_CENTRE) / BLOB_RADII
    angle = np.arctan2(off[:, 1], off[:, 0])
    edge = 1 + 0.06 * np.sin(3 * angle + 1.0) + 0.05 * np.sin(5 * angle)
    county = np.where(block >= 0, URBAN, np.where((np.abs(off) ** 2.6).sum(axis=1) < edge, MOUNTAIN, ""))
    keep = county != ""
    faces, middles, block, county = faces[keep], shapely.centroid(faces[keep]), block[keep], county[keep]
    middles = shapely.get_coordinates(middles)
    pairs = _neighbours(faces)
    return Mosaic(faces, middles, pairs, _costs(lattice, terrain, middles, block, pairs), county)


def _wild_points(rng: np.random.Generator) -> shapely.MultiPoint:
    """Scatter the generators of the mountain cells: some 480 m apart, closer together at the county town."""
    x, y = np.meshgrid(np.arange(-26_500, 3000, 480.0), np.arange(-9500, 16_000, 480.0))
    coarse = np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-200, 200, (x.size, 2))
    seat = np.array(next(t.seat for t in TOWNSHIPS if t.code == "539921100"))
    x, y = np.meshgrid(np.arange(-1300, 1301, 160.0), np.arange(-1300, 1301, 160.0))
    fine = np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-60, 60, (x.size, 2))
    fine = fine[np.hypot(*fine.T) < 1300] + seat
    coarse = coarse[np.hypot(*(coarse - seat).T) > 1450]
    return shapely.MultiPoint(centimetres(np.concatenate([coarse, fine])))


def _neighbours(faces: np.ndarray) -> Ints:
    """Return index pairs (m, 2) of faces that share an edge; faces are noded, so shared edges are equal."""
    xy, owner = shapely.get_coordinates(shapely.get_exterior_ring(faces), return_index=True)
    same = owner[1:] == owner[:-1]
    start, end, owner = xy[:-1][same], xy[1:][same], owner[:-1][same]
    flip = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[flip], end[flip] = end[flip], start[flip].copy()
    _, key = np.unique(np.round(np.hstack([start, end]) * 100).astype(np.int64), axis=0, return_inverse=True)
    order = np.argsort(key.ravel(), kind="stable")
    key, owner = key.ravel()[order], owner[order]
    twin = np.flatnonzero(key[1:] == key[:-1])
    return np.unique(np.sort(np.column_stack([owner[twin], owner[twin + 1]]), axis=1), axis=0)


def _costs(lattice: Lattice, terrain: Terrain, middles: Array, block: Ints, pairs: Ints) -> Array:
    """Return the cost of stepping from face to face."""
    a, b = pairs.T
    length = np.hypot(*(middles[a] - middles[b]).T)
    height = terrain.height(middles)
    cost = length + 6.0 * np.abs(height[a] - height[b])
    rows, columns = lattice.shape
    row, column = np.divmod(block, columns)
    for lines, count in ((row, rows), (column, columns)):
        factor = np.array([CROSSING_COST[line_class(k)] for k in range(count + 1)])
        step = (block[a] >= 0) & (block[b] >= 0) & (lines[a] != lines[b])
        cost[step] = length[step] * factor[np.maximum(lines[a], lines[b])[step]]
    river = np.isin(block, [r * columns + c for r, c in RIVER_CELLS])
    west_bank = np.where(river[a], column[b] < column[a], column[a] < column[b])
    cost[(river[a] != river[b]) & ~west_bank] *= 40  # the river belongs to the west bank
    return np.asarray(cost)


def _nearest(points: Array, wanted: Array) -> Ints:
    """Return the index of the point nearest to each wanted point."""
    return np.asarray(np.argmin(np.hypot(*(points[:, None] - wanted[None]).transpose(2, 0, 1)), axis=0))


def _grow(mosaic: Mosaic, members: Ints, seeds: Ints) -> Ints:
    """Share the member faces among `seeds` (positions in `members`); every share is connected."""
    position = np.full(len(mosaic.faces), -1)
    position[members] = np.arange(len(members))
    inside = (position[mosaic.pairs] >= 0).all(axis=1)
    a, b = position[mosaic.pairs[inside]].T
    graph = sparse.csr_array((mosaic.costs[inside], (a, b)), shape=(len(members), len(members)))
    _, _, source = dijkstra(graph, directed=False, indices=seeds, min_only=True, return_predecessors=True)
    label = np.full(len(members), -1)
    label[seeds] = np.arange(len(seeds))
    return np.asarray(label[source])


def _community_seats(rng: np.random.Generator, middles: Array, township: Township, terrain: Terrain) -> Array:
    """Spread a township's community seats: the first at its seat, the others by a few rounds of k-means."""
    count = township.residents + township.villages
    away = np.hypot(*(middles - township.seat).T)
    urban = township.code.startswith(URBAN)
    low = terrain.height(middles)
    weight = np.exp(-away / 1800) if urban else np.exp(-(low - low.min()) / 250)
    chosen = rng.choice(len(middles), count, replace=False, p=weight / weight.sum())
    points = middles[chosen]
    fixed = _fixed_seats(township)
    points[: len(fixed)] = fixed
    for _ in range(25):
        group = np.argmin(np.hypot(*(middles[:, None] - points[None]).transpose(2, 0, 1)), axis=1)
        total = np.bincount(group, weight, count)
        moved = np.column_stack([np.bincount(group, weight * middles[:, k], count) for k in (0, 1)])
        points = np.where(total[:, None] > 0, moved / np.maximum(total, 1e-9)[:, None], points)
        points[: len(fixed)] = fixed
    return np.asarray(points)


def _fixed_seats(township: Township) -> Array:
    """Return the seats that are not free to move: the township's own, and all of the county town's."""
    seat: Array = np.array(township.seat)
    if township.code != "539921100":
        return seat[None]
    return np.asarray(seat + np.array([(-200.0, 120.0), (250.0, 260.0), (100.0, -240.0), (620.0, -60.0)]))


def _community_rows(township: Township, points: Array) -> list[dict[str, str]]:
    """Name and number the communities of a township in the order of their seats."""
    away = np.hypot(*(points - township.seat).T)
    rows = []
    for k in range(township.residents + township.villages):
        village = k >= township.residents
        number = 200 + k - township.residents if village else 1 + k
        name = VILLAGES[township.code][k - township.residents] if village else RESIDENTS[township.code][k]
        rows.append(
            {
                "code": f"{township.code}{number:03d}",
                "name": name + ("村" if village else "社区"),
                "level": "村" if village else "社区",
                "parent": township.code,
                "urban_class": _urban_class(township, float(away[k]), village=village, first=k == 0),
            }
        )
    return rows


def _urban_class(township: Township, away: float, *, village: bool, first: bool) -> str:
    """Return the urban-rural class; as in real lists, it does not always agree with the committee's kind."""
    if township.level == "街道":
        return "112" if village or away > 1100 else "111"
    if township.level == "镇":
        return ("122" if away < 2000 else "220") if village else "121"
    if not village:
        return "220" if township.code == "539921204" else "210"
    return "210" if first else "220"


def _dissolve(faces: np.ndarray, label: Ints, rows: list[dict[str, str]], seats: Array) -> Areas:
    """Unite faces into communities, communities into townships, townships into counties."""
    shapes = [shapely.coverage_union_all(faces[label == k]) for k in range(len(rows))]
    communities = gpd.GeoDataFrame(rows, geometry=_single(shapes))
    townships = _upwards(communities, [{"code": t.code, "name": t.name, "level": t.level} for t in TOWNSHIPS])
    names = [{"code": code, "name": name, "level": "县"} for code, name in COUNTIES.items()]
    townships["parent"] = townships["code"].str[:6]
    counties = _upwards(townships, names)
    counties["parent"] = CITY_CODE
    return Areas(counties, townships, communities, seats)


def _upwards(lower: gpd.GeoDataFrame, names: list[dict[str, str]]) -> gpd.GeoDataFrame:
    """Unite the areas of the level below by their parent code."""
    parents = lower["parent"].to_numpy()
    shapes = [shapely.coverage_union_all(lower.geometry.to_numpy()[parents == row["code"]]) for row in names]
    return gpd.GeoDataFrame(names, geometry=_single(shapes))


def _single(shapes: Sequence[shapely.Geometry]) -> list[shapely.Polygon]:
    """Unwrap unions that must have come out in one piece."""
    parts = [shapely.get_parts(shape) for shape in shapes]
    if any(len(part) != 1 for part in parts):
        raise ValueError("an area fell into several pieces; choose another seed")
    return [part[0] for part in parts]
