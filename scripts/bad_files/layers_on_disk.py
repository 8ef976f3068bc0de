"""Makers of layers, roads and grids: what GDAL and osmium read."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import osmium
import pyogrio
import rasterio
import shapely
from osmium.osm.mutable import Node
from osmium.osm.mutable import Way as OsmWay

from . import town
from .case import Maker
from .writers import Change, changed, write_zip

GeoChange = Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]
DEGREES, METRES = "EPSG:4490", "EPSG:4543"
DATE = "2026-06-30"
CELL = 0.0005  # degrees, of the population grid

pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{DATE}T00:00:00Z"})


# Layers


def areas(level: str = "") -> gpd.GeoDataFrame:
    """Return the areas as polygons; `level` keeps those whose codes have so many digits (6, 9, 12)."""
    rows = [row for row in town.area_rows() if not level or len(row["代码"]) == int(level)]
    shapes = [shapely.box(*town.box_of(row["代码"])) for row in rows]
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=DEGREES)


def points(*changes: Change, people: bool = False) -> gpd.GeoDataFrame:
    """Return the facilities (or people) as points, after changes of their table."""
    table = changed(town.people() if people else town.facilities(), changes)
    shapes = gpd.points_from_xy(table.pop("经度").astype(float), table.pop("纬度").astype(float))
    return gpd.GeoDataFrame(table.convert_dtypes(), geometry=shapes, crs=DEGREES)


def streets() -> gpd.GeoDataFrame:
    """Return the streets as lines."""
    at = town.nodes()
    rows = [{"name": way.name, "class": way.highway} for way in town.ways()]
    shapes = [shapely.LineString([at[town.node_id(*node)] for node in way.nodes]) for way in town.ways()]
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=DEGREES)


def layer(frame: Callable[[], gpd.GeoDataFrame], *changes: GeoChange, name: str, **options: Any) -> Maker:
    """Return the maker of a layer; its format is what its name says."""

    def make(folder: Path) -> Path:
        table = frame()
        for change in changes:
            table = change(table)
        return write_layer(table, folder / name, **options)

    return make


def write_layer(table: gpd.GeoDataFrame, path: Path, **options: Any) -> Path:
    """Write a layer, the same bytes every time; shapefiles in GBK without a ``.cpg``, unless asked otherwise."""
    if path.suffix == ".shp":
        options = {"encoding": "GBK", "DBF_DATE_LAST_UPDATE": DATE, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names are cut, systems are missing: that is what is wanted
        pyogrio.write_dataframe(table, path, **options)
    if path.suffix == ".shp" and options["encoding"] == "GBK":
        path.with_suffix(".cpg").unlink(missing_ok=True)
    return path


def shape(code: str, change: Callable[[Any], Any]) -> GeoChange:
    """Return the change of the shape of one row, by the code (or key) in its first column."""

    def changed_(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        shapes = table.geometry.to_numpy().copy()
        at = int(np.flatnonzero(table.iloc[:, 0] == code)[0])
        shapes[at] = change(shapes[at])
        return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs))

    return changed_


def shapes(change: Callable[[Any], Any]) -> GeoChange:
    """Return the change of all shapes at once, as an array."""
    return lambda table: table.set_geometry(
        gpd.GeoSeries(change(table.geometry.to_numpy()), index=table.index, crs=table.crs)
    )


def value(code: str, column: str, new: Any) -> GeoChange:
    """Return the change of one cell of a layer."""

    def changed_(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        table.loc[table.iloc[:, 0] == code, column] = new
        return table

    return changed_


def projected(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer in metres (CGCS2000, 3 degrees, 102 E)."""
    return table.to_crs(METRES)


def without(make: Maker, *endings: str) -> Maker:
    """Return the maker of a shapefile of which some parts are lost."""

    def made(folder: Path) -> Path:
        path = make(folder)
        for ending in endings:
            path.with_suffix(ending).unlink()
        return path

    return made


def beside(make: Maker, ending: str, content: bytes | Callable[[bytes], bytes]) -> Maker:
    """Return the maker of a file with another content in the file of the same name and this ending."""

    def made(folder: Path) -> Path:
        path = make(folder)
        other = path.with_suffix(ending)
        other.write_bytes(content(other.read_bytes()) if callable(content) else content)
        return path

    return made


def zipped(*makers: Maker, name: str = "areas.zip", inside: str = "", extra: dict[str, bytes] | None = None) -> Maker:
    """Return the maker of an archive with the files of other makers, and more."""

    def make(folder: Path) -> Path:
        with tempfile.TemporaryDirectory() as place:
            for maker in makers:
                maker(Path(place))
            content = {inside + path.name: path.read_bytes() for path in sorted(Path(place).iterdir())}
        return write_zip(folder / name, {**content, **(extra or {})})

    return make


def together(*makers: Maker) -> Maker:
    """Return the maker of several files, of which the last is the one to be read."""
    return lambda folder: [maker(folder) for maker in makers][-1]


def geojson(change: Callable[[dict[str, Any]], Any], *, encoding: str = "utf-8") -> Maker:
    """Return the maker of the areas as GeoJSON, whose content is changed before it is written."""

    def make(folder: Path) -> Path:
        content = json.loads(areas("12").to_crs("EPSG:4326").to_json(drop_id=True))
        path = folder / "areas.geojson"
        path.write_bytes(json.dumps(change(content), ensure_ascii=False).encode(encoding))
        return path

    return make


# Roads


def osm_text(
    *,
    tags: Callable[[town.Way], dict[str, str]] | None = None,
    lost: frozenset[int] = frozenset(),
    head: str = "",
    more: str = "",
) -> str:
    """Return the streets as OpenStreetMap XML; `lost` nodes are not written, `head` goes before, `more` behind."""
    said = tags or (lambda way: {"highway": way.highway, "name": way.name})
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", head, '<osm version="0.6" generator="make_bad_files.py">']
    lines += [
        f'<node id="{key}" version="1" lon="{lon}" lat="{lat}"/>'
        for key, (lon, lat) in town.nodes().items()
        if key not in lost
    ]
    for number, way in enumerate(town.ways(), start=1):
        body = "".join(f'<nd ref="{town.node_id(*node)}"/>' for node in way.nodes)
        body += "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in said(way).items())
        lines.append(f'<way id="{number}" version="1">{body}</way>')
    return "\n".join([*lines, more, "</osm>"])


def osm(name: str = "roads.osm", change: Callable[[str], str] = str, **how: Any) -> Maker:
    """Return the maker of an XML file of roads, packed where its name says so."""

    def make(folder: Path) -> Path:
        content = change(osm_text(**how)).encode()
        path = folder / name
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return path

    return make


def pbf(name: str = "roads.osm.pbf", tags: Callable[[town.Way], dict[str, str]] | None = None) -> Maker:
    """Return the maker of a PBF file of roads."""
    said = tags or (lambda way: {"highway": way.highway, "name": way.name})

    def make(folder: Path) -> Path:
        header = osmium.io.Header()
        header.set("generator", "make_bad_files.py")
        with osmium.SimpleWriter(str(folder / name), header=header, overwrite=True) as writer:
            for key, where in town.nodes().items():
                writer.add_node(Node(id=key, location=where, version=1))
            for number, way in enumerate(town.ways(), start=1):
                refs = [town.node_id(*node) for node in way.nodes]
                writer.add_way(OsmWay(id=number, nodes=refs, tags=said(way), version=1))
        return folder / name

    return make


def graphml(change: Callable[[str], str] = str) -> Maker:
    """Return the maker of the streets as OSMnx keeps them."""

    def make(folder: Path) -> Path:
        path = folder / "roads.graphml"
        path.write_text(change(_graph_text()), "utf-8")
        return path

    return make


def _graph_text() -> str:
    keys = {"d0": ("graph", "crs"), "d1": ("node", "y"), "d2": ("node", "x"), "d3": ("edge", "osmid")}
    keys |= {"d4": ("edge", "highway"), "d5": ("edge", "oneway"), "d6": ("edge", "reversed"), "d7": ("edge", "length")}
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    lines += [f'<key id="{key}" for="{of}" attr.name="{name}" attr.type="string"/>' for key, (of, name) in keys.items()]
    lines += ['<graph edgedefault="directed">', '<data key="d0">epsg:4326</data>']
    for key, (lon, lat) in town.nodes().items():
        lines.append(f'<node id="{key}"><data key="d1">{lat}</data><data key="d2">{lon}</data></node>')
    for number, way in enumerate(town.ways(), start=1):
        refs = [town.node_id(*node) for node in way.nodes]
        for one, two in pairwise(refs):
            said = {"d3": number, "d4": way.highway, "d5": False, "d6": False, "d7": 250.0}
            body = "".join(f'<data key="{key}">{what}</data>' for key, what in said.items())
            lines += [f'<edge source="{a}" target="{b}" id="0">{body}</edge>' for a, b in ((one, two), (two, one))]
    return "\n".join([*lines, "</graph>", "</graphml>"])


# Grids


def grid(
    change: Callable[[np.ndarray], np.ndarray] = lambda cells: cells,
    described: tuple[str, ...] = ("people_60",),
    **how: Any,
) -> Maker:
    """Return the maker of a population grid of the town; `how` goes to rasterio."""

    def make(folder: Path) -> Path:
        west, south, east, north = town.WEST, town.SOUTH, town.WEST + 4 * town.STEP, town.SOUTH + 2 * town.STEP
        width, height = round((east - west) / CELL), round((north - south) / CELL)
        cells = np.random.default_rng([town.SEED, 3]).integers(0, 40, (1, height, width)).astype("float32")
        cells = change(cells)
        profile = {
            "driver": "GTiff",
            "dtype": cells.dtype,
            "count": len(cells),
            "height": cells.shape[1],
            "width": cells.shape[2],
            "crs": DEGREES,
            "transform": rasterio.transform.from_origin(west, north, CELL, CELL),
            "nodata": -9999.0,
            **how,
        }
        path = folder / "people.tif"
        with rasterio.open(path, "w", **profile) as opened:
            opened.write(cells)
            if described:
                opened.descriptions = described
        return path

    return make


def copied(folder: Path, *paths: Path) -> None:
    """Copy files into a folder."""
    for path in paths:
        shutil.copy(path, folder / path.name)
