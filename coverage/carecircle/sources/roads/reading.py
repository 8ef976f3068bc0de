"""The one way in for roads: tells the kinds of source apart, clips to a boundary, and remembers what was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import shapely

from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.sources.layers.reading import LAYER_ENDINGS, read_layer
from carecircle.sources.roads.graphs import read_graph, read_graphml
from carecircle.sources.roads.lines import read_lines
from carecircle.sources.roads.osm import read_osm
from carecircle.sources.roads.store import recall, remember
from carecircle.sources.roads.streets import Streets, clip_streets

OSM_ENDINGS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
LINE_ENDINGS = LAYER_ENDINGS


def read_streets(
    source: str | Path | nx.MultiDiGraph | gpd.GeoDataFrame | Streets, *, boundary: Any = None, cache: bool = True
) -> Streets:
    """Read roads of any supported kind.

    Parameters
    ----------
    source
        OpenStreetMap file, GraphML file, OSMnx graph, line layer file or frame.
    boundary
        Polygon (shapely in longitude and latitude, GeoSeries, GeoDataFrame, or a file of polygons).
    cache
        Remember what was read, by the content of the file.
    """
    polygon = as_polygon(boundary)
    if isinstance(source, Streets):
        return clip_streets(source, polygon)
    if isinstance(source, nx.MultiDiGraph):
        return read_graph(source, boundary=polygon)
    if isinstance(source, gpd.GeoDataFrame):
        return read_lines(source, boundary=polygon)
    path = require_file(source)
    if path.is_dir():
        raise InputError(_unknown(path))
    found = recall(path, polygon) if cache else None
    if found is not None:
        return found
    streets = _read(path, polygon)
    if cache:
        remember(path, polygon, streets)
    return streets


def _read(path: Path, polygon: shapely.Geometry | None) -> Streets:
    name = path.name.lower()
    if name.endswith(OSM_ENDINGS):
        return read_osm(path, polygon)
    if name.endswith(".graphml"):
        return read_graphml(path, boundary=polygon)
    if name.endswith(LINE_ENDINGS):
        return read_lines(read_layer(path), boundary=polygon, file=path)
    raise InputError(_unknown(path))


def _unknown(path: Path) -> Problem:
    return problem("unknown_roads", file=path, known=" ".join((*OSM_ENDINGS, ".graphml", *LINE_ENDINGS)))


def as_polygon(boundary: Any) -> shapely.Geometry | None:
    """Return a boundary, however it was given, as one geometry in longitude and latitude."""
    if boundary is None:
        return None
    if isinstance(boundary, shapely.Geometry):
        return _polygonal(boundary, None)
    frame = read_layer(boundary) if isinstance(boundary, str | Path) else boundary
    if frame.crs is not None and frame.crs.to_epsg() not in {4326, 4490}:
        frame = frame.to_crs(4326)
    return _polygonal(
        shapely.union_all(shapely.make_valid(frame.geometry.to_numpy())),
        boundary if isinstance(boundary, str | Path) else None,
    )


def _polygonal(shape: shapely.Geometry, file: str | Path | None) -> shapely.Geometry:
    """Return a boundary that has an area, or raise `InputError`."""
    if shapely.area(shape) == 0:
        raise InputError(problem("wrong_geometry", file=file, wanted="polygon", found=type(shape).__name__))
    return shape
