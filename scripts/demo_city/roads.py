"""A road data set in the making: ways are rows of points with tags, and equal points are one node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import shapely

from .frame import Array, Ints, centimetres

Tags = dict[str, str]
Point = tuple[float, float]
WALKABLE = frozenset(
    {"primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "service"}
    | {"pedestrian", "footway", "path", "steps", "track", "cycleway"}
)


@dataclass(frozen=True)
class Way:
    """Points in local metres, shape (n, 2), n >= 2, and OSM tags."""

    points: Array
    tags: Tags


@dataclass
class RoadSet:
    """Ways, tags of nodes on ways (gates), and free-standing tagged points (places, facilities)."""

    ways: list[Way] = field(default_factory=list)
    node_tags: dict[Point, Tags] = field(default_factory=dict)
    places: list[tuple[Point, Tags]] = field(default_factory=list)

    def add(self, points: Array | list[Array], **tags: str) -> None:
        """Append a way; keyword `foot_` style names end in an underscore, `__` stands for a colon."""
        xy = centimetres(np.asarray(points, dtype=float).reshape(-1, 2))
        keep = np.append(True, (np.diff(xy, axis=0) != 0).any(axis=1))
        if keep.sum() > 1:
            self.ways.append(
                Way(xy[keep], {key.replace("__", ":"): value for key, value in tags.items() if value})
            )

    def tag(self, point: Array, **tags: str) -> None:
        """Tag a node that lies on a way."""
        x, y = centimetres(point)
        self.node_tags[float(x), float(y)] = tags

    def place(self, point: Array, **tags: str) -> None:
        """Add a free-standing tagged point."""
        x, y = centimetres(point)
        self.places.append(((float(x), float(y)), {k.replace("__", ":"): v for k, v in tags.items()}))

    def walkable(self) -> shapely.MultiLineString:
        """Return every way open to walkers as one geometry."""
        lines = [way.points for way in self.ways if way.tags.get("highway") in WALKABLE]
        return shapely.MultiLineString([shapely.LineString(points) for points in lines])


def share_crossings(ways: list[Way]) -> list[Way]:
    """Give ways that meet on the ground a common node where they meet (bridges and tunnels excepted)."""
    lines = np.array([shapely.LineString(way.points) for way in ways])
    flat = np.array(["bridge" not in way.tags and "tunnel" not in way.tags for way in ways])
    first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
    pair = (first < second) & flat[first] & flat[second]
    met = shapely.intersection(lines[first[pair]], lines[second[pair]])
    xy, which = shapely.get_coordinates(met, return_index=True)
    xy = centimetres(xy)
    inserts: dict[int, list[Array]] = {}
    for point, a, b in zip(xy, first[pair][which], second[pair][which], strict=True):
        inserts.setdefault(int(a), []).append(point)
        inserts.setdefault(int(b), []).append(point)
    return [_insert(way, inserts.get(k, [])) for k, way in enumerate(ways)]


def _insert(way: Way, extra: Iterable[Array]) -> Way:
    """Return the way with further points put in at their places along it."""
    known = {tuple(point) for point in way.points.tolist()}
    new = sorted({tuple(point.tolist()) for point in extra} - known)
    if not new:
        return way
    line = shapely.LineString(way.points)
    at = shapely.line_locate_point(line, shapely.points(np.array(new)))
    own = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way.points, axis=0).T))])
    points = np.concatenate([way.points, np.array(new)])
    order: Ints = np.argsort(np.concatenate([own, at]), kind="stable")
    return Way(points[order], way.tags)


def sparse_edges(ways: list[Way]) -> tuple[Array, Ints, Ints]:
    """Return distinct nodes (n, 2) in local metres, and the end numbers of every stretch between two."""
    xy = np.concatenate([way.points for way in ways])
    keys, node = np.unique(np.round(xy * 100).astype(np.int64), axis=0, return_inverse=True)
    node = node.ravel()
    last = np.cumsum([len(way.points) for way in ways])[:-1] - 1
    inner = np.ones(len(xy) - 1, dtype=bool)
    inner[last] = False
    return keys / 100, node[:-1][inner], node[1:][inner]
