"""Roads from line layers that offices own (Shapefile, GeoPackage, GeoJSON, Parquet), with any class column.

Lines are noded: where two lines cross or touch at the same level, they get a common vertex. Bridges and tunnels are
left alone, except where a line *ends* on another.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from carecircle.crs import metric_crs, project, to_geographic
from carecircle.errors import InputError, problem
from carecircle.language import text
from carecircle.sources.roads.graphs import distinct
from carecircle.sources.roads.streets import Ints, Streets, require_on_earth, take_ways
from carecircle.traffic import KEYS

MERGE_METRES = 0.05
"""Vertices closer than this are the same: drawn ends seldom meet to the last digit."""


@cache
def classes() -> dict[str, Any]:
    """Return the words that road layers use, `road_classes.toml`."""
    return tomllib.loads(resources.files("carecircle.sources.roads").joinpath("road_classes.toml").read_text("utf-8"))


def read_lines(
    frame: gpd.GeoDataFrame, boundary: shapely.Geometry | None = None, file: str | Path | None = None
) -> Streets:
    """Turn a line layer into streets.

    Parameters
    ----------
    frame
        Lines in any reference system. Class, direction, bridge, tunnel and level columns are found by the names in
        `road_classes.toml`; without a class column every line is a plain ``road``.
    boundary
        Polygon in longitude and latitude: lines that do not touch it are left out.
    """
    frame = _only_lines(frame, file)
    frame = to_geographic(frame)
    if boundary is not None:
        frame = frame[shapely.intersects(boundary, frame.geometry.to_numpy())]
        if frame.empty:
            raise InputError(problem("no_roads_in_boundary", file=file))
    frame = frame.reset_index(drop=True)
    tags, notes = _tags(frame)
    line_xy = shapely.get_coordinates(frame.geometry.to_numpy())
    require_on_earth(line_xy, file)
    crs = metric_crs(*np.median(line_xy, axis=0).tolist())
    counts = shapely.get_num_coordinates(frame.geometry.to_numpy())
    where, counts, place = _noded(project(line_xy, crs), counts, _level(tags))
    lonlat = _insert(line_xy, where)
    _, first, sequence = np.unique(place, return_index=True, return_inverse=True)
    combined, row = distinct(tags)
    none = np.zeros(0, dtype=np.int64)
    streets = Streets(
        lonlat[first],
        np.arange(len(first)),
        sequence.reshape(-1).astype(np.int64),
        np.concatenate([[0], np.cumsum(counts)]),
        np.arange(len(frame)),
        row,
        combined,
        none,
        none,
        notes,
    )
    return take_ways(streets, np.ones(len(frame), bool))


def _only_lines(frame: gpd.GeoDataFrame, file: str | Path | None) -> gpd.GeoDataFrame:
    if frame.crs is None:
        raise InputError(problem("missing_crs", file=file))
    kinds = frame.geometry.geom_type.dropna()
    if not kinds.str.contains("LineString").any():
        raise InputError(
            problem("wrong_geometry", file=file, wanted="line", found="、".join(sorted(set(kinds))) or "-")
        )
    frame = frame[frame.geometry.geom_type.isin(["LineString", "MultiLineString"]) & ~frame.geometry.is_empty]
    frame = frame.set_geometry(shapely.force_2d(frame.geometry.to_numpy()), crs=frame.crs)
    return frame.explode(index_parts=False)


def _column(frame: pd.DataFrame, role: str) -> pd.Series:
    """Return the text of the first column whose name plays a role, empty where there is none."""
    names = {str(name).lower(): name for name in frame.columns}
    found = next((names[alias] for alias in classes()["columns"][role] if alias in names), None)
    if found is None:
        return pd.Series("", index=frame.index)
    return frame[found].astype("str").where(frame[found].notna(), "").str.strip()


def _tags(frame: gpd.GeoDataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    words = {word: highway for highway, aliases in classes()["classes"].items() for word in [highway, *aliases]}
    given = _column(frame, "class").str.lower()
    highway = given.map(words)
    unknown = sorted(set(given[highway.isna() & (given != "")]))
    notes = (text("roads.unknown_classes", classes="、".join(unknown[:20])),) if unknown else ()
    meaning = classes()["values"]
    tags = {
        role: _column(frame, role).str.lower().map(meaning.get(role, meaning["flag"]))
        for role in ("oneway", "bridge", "tunnel")
    }
    plain = {name: frame[name] for name in frame.columns if name in KEYS and name not in {"highway", *tags}}
    level = pd.to_numeric(_column(frame, "layer"), errors="coerce").fillna(0).astype(int).astype("str")
    return pd.DataFrame({**plain, **tags, "highway": highway.fillna("road"), "layer": level}), notes


def _level(tags: pd.DataFrame) -> Ints:
    """Return the level of each line: its layer, and a bridge or tunnel on the ground's layer is one up or down."""
    layer = pd.to_numeric(tags["layer"]).to_numpy(int)
    step: Ints = (tags["bridge"] == "yes").to_numpy(int) - (tags["tunnel"] == "yes").to_numpy(int)
    return np.where(layer == 0, step, layer).astype(np.int64)


def _noded(xy: NDArray[np.float64], counts: Ints, level: Ints) -> tuple[NDArray[np.float64], Ints, Ints]:
    """Insert a vertex where lines meet, and say which vertices are one place.

    Returns
    -------
    where
        (m',) position of each vertex in the input sequence; fractions are new vertices between two old ones.
    counts
        Vertices of each line.
    place
        (m',) number of the place of each vertex: two lines are joined where they have a place in common.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    begin = np.flatnonzero(owner[1:] == owner[:-1])
    segments = np.asarray(shapely.linestrings(np.stack([xy[begin], xy[begin + 1]], axis=1)))
    tree = shapely.STRtree(segments)
    crossings, touches = _crossings(tree, begin, owner, level), _touches(tree, begin, owner, level, xy, counts)
    left, right = np.concatenate([crossings, touches], axis=1).round(9)
    where = np.union1d(np.arange(len(xy), dtype=float), np.concatenate([left, right]))
    joined = np.searchsorted(where, left), np.searchsorted(where, right)
    links = coo_array((np.ones(len(left), bool), joined), shape=(len(where), len(where)))
    place = connected_components(links, directed=False)[1]
    lengths = np.bincount(owner[np.floor(where).astype(int)], minlength=len(counts))
    return where, lengths.astype(np.int64), place.astype(np.int64)


def _crossings(tree: shapely.STRtree, begin: Ints, owner: Ints, level: Ints) -> NDArray[np.float64]:
    """Return (2, k) positions on two lines of one level where they cross or run over each other."""
    a, b = tree.query(tree.geometries, predicate="intersects")
    line_a, line_b = owner[begin[a]], owner[begin[b]]
    next_on_line = (line_a == line_b) & (begin[b] == begin[a] + 1)
    keep = (a < b) & ~next_on_line & (level[line_a] == level[line_b])
    a, b = a[keep], b[keep]
    meetings = shapely.intersection(tree.geometries[a], tree.geometries[b])
    points, pair = shapely.get_coordinates(meetings, return_index=True)
    return np.stack([_along(tree.geometries, begin, side[pair], points) for side in (a, b)])


def _touches(
    tree: shapely.STRtree, begin: Ints, owner: Ints, level: Ints, xy: NDArray[np.float64], counts: Ints
) -> NDArray[np.float64]:
    """Return (2, k) vertices and the positions on other lines within `MERGE_METRES` of them.

    Of two levels, only where one of the two lines ends; on the line itself, only where its own end comes back to it.
    """
    vertex, segment = tree.query(shapely.points(xy), predicate="dwithin", distance=MERGE_METRES)
    beside = (begin[segment] == vertex) | (begin[segment] + 1 == vertex)
    vertex, segment = vertex[~beside], segment[~beside]
    position = _along(tree.geometries, begin, segment, xy[vertex])
    is_end = np.zeros(len(xy), bool)
    is_end[np.concatenate([np.cumsum(counts) - counts, np.cumsum(counts) - 1])] = True
    on_vertex = position == np.floor(position)
    at_end = is_end[vertex] | (on_vertex & is_end[np.floor(position).astype(int)])
    line, other = owner[vertex], owner[begin[segment]]
    keep = np.where(line == other, is_end[vertex], at_end | (level[line] == level[other]))
    return np.stack([vertex[keep].astype(float), position[keep]])


def _along(segments: NDArray[Any], begin: Ints, segment: Ints, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fractional position of points on their segments; within `MERGE_METRES` of an end it is that end."""
    length = shapely.length(segments[segment])
    distance = shapely.line_locate_point(segments[segment], shapely.points(points))
    fraction = np.divide(distance, length, out=np.zeros_like(length), where=length > 0)
    fraction = np.where(distance <= MERGE_METRES, 0.0, np.where(length - distance <= MERGE_METRES, 1.0, fraction))
    return np.asarray(begin[segment] + fraction)


def _insert(xy: NDArray[np.float64], where: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vertices at fractional positions, by linear interpolation."""
    below = np.floor(where).astype(int)
    above = np.minimum(below + 1, len(xy) - 1)
    return np.asarray(xy[below] + (where - below)[:, None] * (xy[above] - xy[below]))
