"""What is in a file: for every type that can be read, and whatever is wrong with it, without ever failing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import osmium
import rasterio
import rasterio.errors
from pyproj import CRS

from carecircle.china.headers import address_header, match_headers
from carecircle.errors import CarecircleError, InputError, Problem, problem, require_file
from carecircle.guards import refuse_osm_bomb, refuse_xml_entities
from carecircle.language import text
from carecircle.schema import AREAS, DEMAND, FACILITIES, PEOPLE
from carecircle.sources.layers.databases import is_database, without_password
from carecircle.sources.layers.formats import local_file
from carecircle.sources.layers.grids import GRID_ENDINGS, band_columns, grid_crs
from carecircle.sources.layers.reading import LAYER_ENDINGS, layer_names, open_layer
from carecircle.sources.positions.datums import DatumJudgement, judge_area_datum, judge_datum
from carecircle.sources.positions.points import has_positions, in_degrees
from carecircle.sources.positions.written import layer_problem
from carecircle.sources.records import Reading, interpret
from carecircle.sources.roads.osm import DAMAGE
from carecircle.sources.roads.places import OSM_ENDINGS, count_seniors, is_osm
from carecircle.sources.tables.reading import (
    EXCEL_ENDINGS,
    PARQUET_ENDINGS,
    TABLE_ENDINGS,
    SourceTable,
    has_geometry,
    read_table,
    sheet_names,
    unreadable,
)

GRAPH_ENDINGS = (".graphml",)
ENDINGS = tuple(dict.fromkeys((*TABLE_ENDINGS, *LAYER_ENDINGS, *GRID_ENDINGS, *OSM_ENDINGS, *GRAPH_ENDINGS)))
"""Endings of all files that can be inspected."""

Bounds = tuple[float, float, float, float]
_SAYS_NOTHING = {"no_points", "nothing_near", "no_common_code"}
_OF_A_FACILITY = tuple(column.name for column in FACILITIES.columns if column.name != "name")


@dataclass(frozen=True)
class Inspection:
    """What was found in a file, or in one of its sheets or layers.

    Parameters
    ----------
    kind
        ``table``, ``layer``, ``grid``, ``osm``, ``graph``, or ``unknown`` for what cannot be read.
    file, name
        The file, and the sheet or layer.
    crs, bounds
        Coordinate system, and (west, south, east, north) in it; None where there is none or it is not said.
    rows
        Number of rows, features or cells.
    columns
        Headers or bands.
    geometry_types
        ``Point``, ``Polygon`` ...
    counts
        Other numbers: nodes, ways, roads, rows without geometry ...
    problems, notes
        What is wrong, and what a reader would do by itself.
    suggestion
        What the file can be used as.
    datum
        In which datum its coordinates are, None where there are none to judge.
    parts
        The sheets or layers, where there are several.
    """

    kind: str
    file: Path
    name: str | None = None
    crs: str | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    geometry_types: tuple[str, ...] = ()
    bounds: Bounds | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    suggestion: str = ""
    datum: DatumJudgement | None = None
    parts: tuple[Inspection, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for ``--json``."""
        plain = {name: getattr(self, name) for name in ("kind", "name", "crs", "rows", "suggestion")}
        lists = {name: list(getattr(self, name)) for name in ("columns", "geometry_types", "notes")}
        return {
            "file": str(self.file),
            **plain,
            **lists,
            "bounds": None if self.bounds is None else list(self.bounds),
            "counts": dict(self.counts),
            "datum": None if self.datum is None else self.datum.as_dict(),
            "problems": [found.as_dict() for found in self.problems],
            "parts": [part.as_dict() for part in self.parts],
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the readable text, line by line."""
        title = text(
            "inspect.part" if self.name else "inspect.title",
            file=self.file.name,
            name=self.name,
            kind=text(f"inspect.kind_{self.kind}"),
        )
        counted = "、".join(text(f"inspect.count_{key}", value=value) for key, value in self.counts.items())
        bounds = None if self.bounds is None else ", ".join(f"{value:.6g}" for value in self.bounds)
        said = {
            "rows": self.rows,
            "columns": "、".join(self.columns),
            "geometry": "、".join(self.geometry_types),
            "crs": self.crs,
            "bounds": bounds,
            "counts": counted,
            "datum": None if self.datum is None else self.datum.sentence(),
        }
        lines = [text(f"inspect.{key}", value=value) for key, value in said.items() if value not in {None, ""}]
        lines += [line for part in self.parts for line in part.lines()]
        lines += [text("inspect.note", value=note) for note in self.notes]
        lines += [text("inspect.problem", value=found.message()) for found in self.problems]
        lines += [text("inspect.suggestion", value=self.suggestion)] if self.suggestion else []
        return [title, *(f"  {line}" for line in lines)]


def _inspect_database(url: str) -> Inspection:
    try:
        return _described(open_layer(url), None)
    except InputError as error:
        bare = Path(without_password(url))
        return Inspection("unknown", bare, problems=error.problems, suggestion=text("inspect.use_none"))


@dataclass(frozen=True, eq=False)
class Beside:
    """What coordinates can be compared with: streets (a `RoadNetwork` or lines) and areas from `read_areas`."""

    streets: Any = None
    areas: gpd.GeoDataFrame | None = None


def inspect_file(path: str | Path, *, streets: Any = None, areas: gpd.GeoDataFrame | None = None) -> Inspection:
    """Say what is in a file of any supported type.

    Never raises for a bad file: what is wrong stands in `problems`.

    Parameters
    ----------
    path
        The file.
    streets, areas
        A `RoadNetwork` (or lines) and areas from `read_areas`, to judge the datum of points by. Layers of counties are
        judged without them.

    Examples
    --------
    >>> inspect_file("nowhere.csv").problems[0].key
    'missing_file'
    """
    if is_database(path):
        return _inspect_database(str(path))
    file = Path(path)
    try:
        found = _inspector(require_file(local_file(path)))(file)
        return _with_datum(found, Beside(streets, areas))
    except InputError as error:
        return Inspection("unknown", file, problems=error.problems, suggestion=text("inspect.use_none"))


def _with_datum(found: Inspection, beside: Beside) -> Inspection:
    """Return the inspection with bounds and datum of its coordinates, and a problem where they are not WGS 84."""
    if found.parts:
        return replace(found, parts=tuple(_with_datum(part, beside) for part in found.parts))
    if found.kind not in {"table", "layer"}:
        return found
    try:
        bounds, judged = _judged(found, beside)
    except InputError as error:
        new = [item for item in error.problems if item.key not in {known.key for known in found.problems}]
        return replace(found, problems=(*found.problems, *new)) if found.kind == "table" else found
    except (CarecircleError, ValueError):  # no polygons or points that could be judged
        return found
    if judged is None or judged.reason in _SAYS_NOTHING:
        return replace(found, bounds=bounds)
    shifted = judged.sure and judged.best != "wgs84"
    wrong = (problem("shifted_datum", file=found.file, datum=judged.best),) if shifted else ()
    return replace(found, bounds=bounds, datum=judged, problems=(*found.problems, *wrong))


def _judged(found: Inspection, beside: Beside) -> tuple[Bounds | None, DatumJudgement | None]:
    """Return bounds and datum of the coordinates of a table or layer, None for what has none."""
    source = _opened(found)
    if isinstance(source.frame, gpd.GeoDataFrame) and not set(found.geometry_types) <= {"Point", "MultiPoint"}:
        polygonal = bool({"Polygon", "MultiPolygon"} & set(found.geometry_types))
        return found.bounds, judge_area_datum(source.frame) if polygonal and source.frame.crs else None
    draft = interpret(source, FACILITIES, Reading(streets=beside.streets, areas=beside.areas))
    if not draft.is_layer and not has_positions(draft):
        return found.bounds, None
    frame = gpd.GeoDataFrame(in_degrees(draft).frame)
    there = frame[frame.geom_type == "Point"]
    lonlat = np.column_stack([there.geometry.x, there.geometry.y])
    codes = there.get("area_code", None)
    judged = judge_datum(lonlat, streets=beside.streets, areas=beside.areas, codes=codes)
    return found.bounds or _bounds(*there.total_bounds), judged


def _opened(found: Inspection) -> SourceTable:
    if found.kind == "layer":
        return open_layer(found.file, layer=found.name)
    return read_table(found.file, found.name)


def _inspector(file: Path) -> Callable[[Path], Inspection]:
    if file.is_dir() and file.suffix.lower() != ".gdb":
        raise InputError(problem("disguised_file", file=file, suffix=file.suffix))
    if is_osm(file):
        return _inspect_osm
    inspectors: tuple[tuple[tuple[str, ...], Callable[[Path], Inspection]], ...] = (
        (GRID_ENDINGS, _inspect_grid),
        (GRAPH_ENDINGS, _inspect_graph),
        (EXCEL_ENDINGS, _inspect_workbook),
        (PARQUET_ENDINGS, _inspect_parquet),
        (TABLE_ENDINGS, _inspect_table),
        (LAYER_ENDINGS, _inspect_layers),
    )
    ending = file.suffix.lower()
    for endings, inspector in inspectors:
        if ending in endings:
            return inspector
    raise InputError(problem("unknown_format", file=file, suffix=ending, known=" ".join(ENDINGS)))


def _inspect_table(file: Path) -> Inspection:
    return _described(read_table(file), None)


def _inspect_parquet(file: Path) -> Inspection:
    return _described(open_layer(file), None) if has_geometry(file) else _described(read_table(file), None)


def _inspect_workbook(file: Path) -> Inspection:
    names = sheet_names(file)
    if len(names) < 2:
        return _described(read_table(file), None)
    return Inspection("table", file, parts=tuple(_guarded(file, name, read_table) for name in names))


def _inspect_layers(file: Path) -> Inspection:
    names = layer_names(file)
    if len(names) < 2:
        return _described(open_layer(file), None)
    return Inspection(
        "layer",
        file,
        parts=tuple(_guarded(file, name, lambda path, layer: open_layer(path, layer=layer)) for name in names),
    )


def _guarded(file: Path, name: str, read: Callable[[Path, str], SourceTable]) -> Inspection:
    try:
        return _described(read(file, name), name)
    except InputError as error:
        return Inspection("unknown", file, name, problems=error.problems)


def _described(source: SourceTable, name: str | None) -> Inspection:
    file = source.file or Path()
    frame = source.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        columns = tuple(str(column) for column in frame.columns)
        return Inspection(
            "table", file, name, rows=len(frame), columns=columns, notes=source.notes, suggestion=_use_of_table(columns)
        )
    columns = tuple(str(column) for column in frame.columns if column != frame.geometry.name)
    shapes = tuple(sorted(set(frame.geom_type.dropna())))
    empty = int((frame.geometry.isna() | frame.geometry.is_empty).sum())
    invalid = int((~frame.geometry.is_valid & frame.geometry.notna()).sum())
    counts = {key: value for key, value in (("empty", empty), ("invalid", invalid)) if value}
    problems = (
        () if frame.crs is not None else (problem("missing_crs", file=file),),
        () if len(frame) else (problem("empty_table", file=file),),
    )
    other = layer_problem(frame.geometry, frame.crs, file)
    found = Inspection(
        "layer",
        file,
        name,
        _crs_name(frame.crs),
        len(frame),
        columns,
        shapes,
        None,
        counts,
        (*problems[0], *problems[1], *([] if other is None else [other])),
        source.notes,
        _use_of_layer(shapes, columns),
    )
    return found if empty == len(frame) else replace(found, bounds=_bounds(*frame.total_bounds))


def _crs_name(crs: object) -> str | None:
    """Return ``EPSG:4543``, or the name of a system without a code."""
    if not crs:
        return None
    known = CRS.from_user_input(crs)
    authority = known.to_authority()
    if authority:
        return ":".join(authority)
    operation = known.coordinate_operation
    return known.name if known.name != "unknown" or operation is None else str(operation.name)


def _bounds(west: float, south: float, east: float, north: float) -> Bounds:
    return float(west), float(south), float(east), float(north)


def _has(columns: tuple[str, ...], wanted: tuple[str, ...], table: str) -> bool:
    """Whether any contract column is among the headers."""
    matched, problems = match_headers(columns, wanted, table)
    return bool(matched or problems)


def _use_of_layer(shapes: tuple[str, ...], columns: tuple[str, ...]) -> str:
    plain = {shape.removeprefix("Multi") for shape in shapes}
    if plain & {"LineString", "LinearRing"}:
        return text("inspect.use_roads")
    if plain == {"Polygon"}:
        coded = _has(columns, ("area_id",), AREAS.name)
        return text(
            "inspect.use_areas" if coded or not _has(columns, PEOPLE, DEMAND.name) else "inspect.use_population"
        )
    return text("inspect.use_none") if not plain else _use_of_points(columns)


def _use_of_table(columns: tuple[str, ...]) -> str:
    located = all(_has(columns, (axis,), FACILITIES.name) for axis in ("lon", "lat"))
    if located or _has(columns, ("lonlat",), FACILITIES.name):
        return _use_of_points(columns)
    if address_header(list(columns)) is not None:
        return text("inspect.use_addresses")
    return text("inspect.use_area_table" if _has(columns, ("area_id",), AREAS.name) else "inspect.use_none")


def _use_of_points(columns: tuple[str, ...]) -> str:
    if _has(columns, (*PEOPLE, "households"), DEMAND.name):
        return text("inspect.use_population")
    telling = tuple(column for column in _OF_A_FACILITY if column not in {"facility_id", "area_code"})
    return text("inspect.use_facilities" if _has(columns, telling, FACILITIES.name) else "inspect.use_points")


def _inspect_grid(file: Path) -> Inspection:
    problems: list[Problem] = []
    try:
        with rasterio.open(file, driver="GTiff") as grid:
            for judge in (grid_crs, lambda opened, name: band_columns(opened, name, None)):
                try:
                    judge(grid, file)
                except InputError as error:
                    problems += error.problems
            bands = tuple(f"{band}={said or '-'}" for band, said in enumerate(grid.descriptions, start=1))
            counts = {"bands": grid.count, "width": grid.width, "height": grid.height}
            return Inspection(
                "grid",
                file,
                None,
                _crs_name(grid.crs),
                None,
                bands,
                (),
                _bounds(*grid.bounds),
                counts,
                tuple(problems),
                (),
                text("inspect.use_grid"),
            )
    except (rasterio.errors.RasterioError, OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from error


def _inspect_osm(file: Path) -> Inspection:
    counts = dict.fromkeys(("nodes", "ways", "highways", "relations"), 0)
    try:
        refuse_osm_bomb(file)
        with osmium.io.Reader(file) as reader:
            box = reader.header().box()
        for kind, name in (
            (osmium.osm.NODE, "nodes"),
            (osmium.osm.WAY, "ways"),
            (osmium.osm.RELATION, "relations"),
        ):
            counts[name] = sum(1 for _ in osmium.FileProcessor(file, kind))
        roads = osmium.FileProcessor(file, osmium.osm.WAY).with_filter(osmium.filter.KeyFilter("highway"))
        counts["highways"] = sum(1 for _ in roads)
        counts["seniors"] = count_seniors(file)
    except InputError:
        raise
    except DAMAGE as error:
        raise unreadable(file, error) from error
    corners = (box.bottom_left, box.top_right)
    bounds = (corners[0].lon, corners[0].lat, corners[1].lon, corners[1].lat) if box.valid() else None
    problems = () if counts["highways"] else (problem("no_roads", file=file),)
    uses = [text("inspect.use_roads")] if counts["highways"] else []
    uses += [text("inspect.use_facilities")] if counts["seniors"] else []
    return Inspection(
        "osm",
        file,
        None,
        "EPSG:4326",
        None,
        (),
        (),
        bounds,
        counts,
        problems,
        (),
        " ".join(uses) or text("inspect.use_none"),
    )


def _inspect_graph(file: Path) -> Inspection:
    """Count the nodes and edges of a GraphML file while it streams by."""
    refuse_xml_entities(file)
    counts, names, crs = {"nodes": 0, "edges": 0}, {}, None
    try:
        for _, element in ET.iterparse(file):  # noqa: S314  expat refuses to expand entities without end
            tag = element.tag.rpartition("}")[2]
            if tag == "key":
                names[element.get("id")] = element.get("attr.name")
            elif tag == "data" and names.get(element.get("key")) == "crs":
                crs = element.text
            elif tag in {"node", "edge"}:
                counts[f"{tag}s"] += 1
                element.clear()
    except (ET.ParseError, LookupError, ValueError, OSError) as error:
        raise unreadable(file, error) from error
    problems = () if counts["edges"] else (problem("no_roads", file=file),)
    columns = tuple(sorted({name for name in names.values() if name}))
    return Inspection(
        "graph",
        file,
        None,
        crs,
        None,
        columns,
        (),
        None,
        counts,
        problems,
        (),
        text("inspect.use_roads" if counts["edges"] else "inspect.use_none"),
    )
