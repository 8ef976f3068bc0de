"""The exact reference for polygons, and the score of a peer's polygons against it.

``python reference.py reach extract.osm.pbf facilities.csv metres reach.npz`` finds, for each facility,
the pieces of street within reach: it is joined to the nearest point of the nearest street, the way there
is walked at the same speed, and streets are cut exactly where the time is up. ``python reference.py score
extract.osm.pbf reach.npz polygons.json score.json`` measures the street inside the polygons. Shares none
of carecircle's code.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import shape
from shapely.ops import substring
from walkgraph import WalkGraph, read_walk_graph, utm_epsg

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def street_lines(graph: WalkGraph) -> tuple[NDArray[np.object_], Transformer]:
    """Draw the edges as lines in the UTM zone; also give the way there from longitude and latitude."""
    zone = Transformer.from_crs(4326, utm_epsg(graph.lon.mean(), graph.lat.mean()), always_xy=True)
    xy = np.column_stack(zone.transform(*graph.shape.T))
    edge = np.repeat(np.arange(len(graph.u)), np.diff(graph.starts))
    return shapely.linestrings(xy, indices=edge), zone


def snap(
    lines: NDArray[np.object_], graph: WalkGraph, doors: NDArray[np.object_]
) -> tuple[Ints, Floats, Floats]:
    """Nearest edge of each door, metres along it from its first node, metres walked to it."""
    (_, edge), aside = shapely.STRtree(lines).query_nearest(doors, return_distance=True, all_matches=False)
    along = shapely.line_locate_point(lines[edge], doors, normalized=True) * graph.metres[edge]
    return edge, along, aside


def node_metres(graph: WalkGraph, edge: Ints, along: Floats, aside: Floats, limit: float) -> Floats:
    """Metres (doors, nodes) from each door, inf beyond `limit`: doors are joined as nodes of their own."""
    n, doors = len(graph.lon), len(edge)
    door = np.arange(n, n + doors)
    tail = np.r_[graph.u, graph.v, door, door]
    head = np.r_[graph.v, graph.u, graph.u[edge], graph.v[edge]]
    metres = np.r_[graph.metres, graph.metres, aside + along, aside + graph.metres[edge] - along]
    order = np.lexsort(
        [metres, head, tail]
    )  # parallel edges: csr_matrix would add them up, so keep the shortest
    tail, head, metres = tail[order], head[order], np.maximum(metres[order], 1e-9)
    first = np.r_[True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])]
    matrix = csr_matrix((metres[first], (tail[first], head[first])), shape=(n + doors, n + doors))
    return np.asarray(dijkstra(matrix, indices=door, limit=limit)[:, :n])


def pieces(graph: WalkGraph, far: Floats, edge: int, along: float, aside: float, limit: float) -> Floats:
    """Rows (edge, from metre, to metre) within reach of one door, none overlapping another."""
    length = graph.metres
    ahead = np.clip(limit - far[graph.u], 0, length)
    behind = length - np.clip(limit - far[graph.v], 0, length)
    whole = (ahead >= behind) & ((ahead > 0) | (behind < length))
    front, back = ~whole & (ahead > 0), ~whole & (behind < length)
    found = [
        np.column_stack([np.flatnonzero(mask), start[mask], stop[mask]])
        for mask, start, stop in (
            (whole, 0 * length, length),
            (front, 0 * length, ahead),
            (back, behind, length),
        )
    ]
    rows = np.vstack(found)
    own = np.array([edge, max(along - (limit - aside), 0), min(along + limit - aside, length[edge])])
    if aside >= limit:
        return rows
    here = np.vstack([rows[rows[:, 0] == edge], own])
    return np.vstack([rows[rows[:, 0] != edge], _merged(here)])


def _merged(rows: Floats) -> Floats:
    """Unite the intervals of one edge."""
    rows = rows[np.argsort(rows[:, 1])]
    furthest = np.maximum.accumulate(rows[:, 2])
    new = np.r_[True, rows[1:, 1] > furthest[:-1]]
    starts = np.flatnonzero(new)
    return np.column_stack([rows[starts, 0], rows[starts, 1], np.maximum.reduceat(rows[:, 2], starts)])


def reach(extract: str, facilities: str, limit: float, out: str) -> None:
    """Find the pieces in reach of every facility and save them."""
    graph = read_walk_graph(extract)
    lines, zone = street_lines(graph)
    with Path(facilities).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    doors = shapely.points(*zone.transform([float(r["lon"]) for r in rows], [float(r["lat"]) for r in rows]))
    edge, along, aside = snap(lines, graph, doors)
    far = node_metres(graph, edge, along, aside, limit)
    found = [pieces(graph, far[i], int(edge[i]), along[i], aside[i], limit) for i in range(len(rows))]
    np.savez_compressed(
        out, ids=[r["id"] for r in rows], pieces=np.vstack(found), sizes=[len(f) for f in found]
    )


def score(extract: str, reached: str, polygons: str, out: str) -> None:
    """Street recall and over-reach, weighted by length; a missing polygon counts as an empty one."""
    graph = read_walk_graph(extract)
    lines, zone = street_lines(graph)
    tree = shapely.STRtree(lines)
    saved = np.load(reached)
    shapes = {
        name: shape(geometry) for name, geometry in json.loads(Path(polygons).read_text("utf-8")).items()
    }
    totals = np.zeros(3)  # metres reached, reached inside, inside
    for name, rows in zip(
        saved["ids"], np.split(saved["pieces"], np.cumsum(saved["sizes"])[:-1]), strict=True
    ):
        cut = _cut(lines, graph, rows)
        drawn = shapes.get(str(name), shapely.Polygon())
        area = shapely.make_valid(shapely.transform(drawn, zone.transform, interleaved=False))
        shapely.prepare(area)
        near = tree.query(area, predicate="intersects")
        totals += [shapely.length(cut).sum(), _inside(cut, area), _inside(lines[near], area)]
    reached_m, recalled, inside = totals
    found = {
        "polygons": sum(not s.is_empty for s in shapes.values()),
        "recall": 100 * recalled / reached_m,
        "over_reach": 100 * (inside - recalled) / inside if inside else 0.0,
    }
    Path(out).write_text(json.dumps(found), encoding="utf-8")


def _cut(lines: NDArray[np.object_], graph: WalkGraph, rows: Floats) -> NDArray[np.object_]:
    """Draw the pieces as lines: each edge's points between its two ends, by fractions of its length."""
    edge = rows[:, 0].astype(int)
    share = rows[:, 1:] / np.maximum(graph.metres[edge, None], 1e-9)
    whole = (share[:, 0] <= 0) & (share[:, 1] >= 1)
    part = [
        substring(line, a, b, normalized=True)
        for line, (a, b) in zip(lines[edge[~whole]], share[~whole], strict=True)
    ]
    return np.r_[lines[edge[whole]], np.array(part, dtype=object)]


def _inside(lines: NDArray[np.object_], area: shapely.Geometry) -> float:
    return float(shapely.length(shapely.intersection(lines, area)).sum())


if __name__ == "__main__":
    if sys.argv[1] == "reach":
        reach(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5])
    else:
        score(*sys.argv[2:6])
