"""Layers with geometry, in degrees: files of maps, folders of geodatabases, zip archives of them, tables of PostGIS.

A file is opened only when its content is what its ending says (`carecircle.sources.layers.formats`), and never from the
network. What is mended while reading is reported as findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NoReturn

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError
from shapely.errors import ShapelyError

from carecircle.china.coordinates import Datum, to_wgs84
from carecircle.crs import GEOGRAPHIC, to_geographic
from carecircle.errors import InputError, Problem, problem
from carecircle.findings import QualityLog
from carecircle.guards import refuse_endless_views, refuse_parquet_bomb
from carecircle.language import text
from carecircle.sources.layers.archives import ARCHIVE_ENDINGS, PACKED_LAYERS, Member, unpacked
from carecircle.sources.layers.databases import is_database, open_database
from carecircle.sources.layers.formats import (
    PACKED_ENDINGS,
    local_file,
    opened_safely,
    read_features,
    refuse_disguised,
    warnings_found,
)
from carecircle.sources.layers.markup import Read, json_layers, kml_layers, read_json, read_kml, read_mapinfo
from carecircle.sources.layers.shapefiles import read_shapefile
from carecircle.sources.layers.shapes import flat
from carecircle.sources.tables.reading import (
    PARQUET_ENDINGS,
    SourceTable,
    column_finding,
    read_table,
    unreadable,
    without_personal,
)

CrsLike = str | int | CRS
"""What names a coordinate system: ``"EPSG:4543"``, ``4543`` or a `pyproj.CRS`."""

LAYER_ENDINGS = (
    ".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml", ".tab", ".mif", ".gdb", *ARCHIVE_ENDINGS, *PARQUET_ENDINGS,
)  # fmt: skip

_BROKEN = (
    DataSourceError,
    DataLayerError,
    FeatureError,
    FieldError,
    GeometryError,
    ShapelyError,
    pa.ArrowException,
    ValueError,
    OSError,
)
_NO_LAYERS = {"layer_styles", "qgis_projects"}
"""Tables in which QGIS keeps styles and projects."""


@dataclass(frozen=True)
class _Part:
    """A layer of an archive: the name it is asked for by, the file unpacked, and the layer in that."""

    name: str
    file: Path
    layer: str | None


def read_layer(
    path: str | Path,
    layer: str | None = None,
    encoding: str | None = None,
    crs: CrsLike | None = None,
    datum: Datum = "wgs84",
    log: QualityLog | None = None,
) -> gpd.GeoDataFrame:
    """Read a layer into longitudes and latitudes (EPSG:4326).

    Parameters
    ----------
    path
        ``.shp .gpkg .geojson .json .fgb .kml .tab .mif .gdb .parquet .geoparquet``, one of these in a ``.zip`` or
        ``.kmz``, or a table of PostGIS: ``postgresql://user@host/database?table=schema.table``.
    layer
        Name of the layer; not needed when the file has only one.
    encoding
        Of a shapefile's text. When not given: what its ``.cpg`` says if the text can be that, else UTF-8 if
        it can be, else GB18030.
    crs
        The coordinate system, where the file does not say or says it wrongly.
    datum
        ``"gcj02"`` or ``"bd09"`` when the coordinates are shifted; they are turned into WGS 84.
    log
        Collects what was found.

    Returns
    -------
    geopandas.GeoDataFrame
        Rows without a shape are left out. What was done while reading is in ``attrs["notes"]``.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        The file is damaged, has several layers or no geometry, or does not say its coordinate system.
    """
    source = open_layer(path, layer=layer, encoding=encoding)
    if log is not None:
        log.add(source.findings)
    if not isinstance(source.frame, gpd.GeoDataFrame):
        raise InputError(problem("wrong_geometry", file=source.file, wanted="point/line/polygon", found="-"))
    there = source.frame.geometry.notna() & ~source.frame.geometry.is_empty
    frame, notes = to_lonlat(source.frame[there].reset_index(drop=True), source.file, crs=crs, datum=datum)
    left_out = () if there.all() else (text("note.without_shape", count=int((~there).sum())),)
    frame.attrs["notes"] = [*source.notes, *left_out, *notes]
    return frame


def open_layer(path: str | Path, *, layer: str | None = None, encoding: str | None = None) -> SourceTable:
    """Read a layer as it is, in its own coordinate system; rows count from 1 as in a GIS.

    The result has no geometry when what is asked for is a table: one of a GeoPackage, a database or an archive.
    """
    if is_database(path):
        return without_personal(flat(open_database(str(path))))
    file = _layer_file(path)
    if file.suffix.lower() in ARCHIVE_ENDINGS:
        return _from_archive(file, layer, encoding)
    try:
        return without_personal(flat(_opened(file, layer, encoding)))
    except InputError:
        raise
    except _BROKEN as error:
        raise unreadable(file, error) from error


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers of a file, those by which `open_layer` knows them."""
    file = _layer_file(path)
    try:
        if file.suffix.lower() in ARCHIVE_ENDINGS:
            with unpacked(file) as members:
                return [part.name for part in _parts(members)]
        return _names(file)
    except InputError:
        raise
    except _BROKEN as error:
        raise unreadable(file, error) from error


def _layer_file(path: str | Path) -> Path:
    """Return a local file that has the ending of a layer."""
    file = local_file(path)
    ending = file.suffix.lower()
    if ending in PACKED_ENDINGS:
        raise InputError(problem("archive_kind", file=file, suffix=ending))
    if ending not in LAYER_ENDINGS:
        raise InputError(problem("unknown_format", file=file, suffix=ending, known=" ".join(LAYER_ENDINGS)))
    if file.is_dir() and ending != ".gdb":
        raise InputError(problem("disguised_file", file=file, suffix=ending))
    return file


def _opened(file: Path, layer: str | None, encoding: str | None) -> SourceTable:
    """Read a single file of any kind."""
    ending = file.suffix.lower()
    if ending == ".shp":
        _refuse_foreign(file)
        return read_shapefile(file, encoding)
    if ending in PARQUET_ENDINGS:
        refuse_parquet_bomb(pq.read_metadata(file), file)
        pq.read_table(file).validate(full=True)
        return _table(gpd.read_parquet(file).reset_index(drop=True), file, layer)
    name = _layer(file, layer)
    with opened_safely(file) as path:
        frame, closed, notes, found = _READERS.get(ending, _read_plain)(file, path, name, encoding)
    source = _table(frame.reset_index(drop=True), file, name if layer is not None else None)
    return source.adding((*found, *column_finding("mended", "ring_closed", pd.Series(closed), source)), notes)


def _table(frame: pd.DataFrame, file: Path, layer: str | None) -> SourceTable:
    frame.attrs = {}
    return SourceTable(frame, pd.Series(range(1, len(frame) + 1), index=frame.index), file, layer)


def _read_plain(file: Path, path: Path, layer: str | None, encoding: str | None) -> Read:
    frame, closed, said = read_features(str(path), layer, encoding)
    return frame, closed, (), warnings_found(said, file, path)


_READERS: dict[str, Callable[[Path, Path, str | None, str | None], Read]] = {
    ".geojson": read_json,
    ".json": read_json,
    ".kml": read_kml,
    ".tab": read_mapinfo,
    ".mif": read_mapinfo,
}


_TEXT_LAYERS = {".geojson": json_layers, ".json": json_layers, ".kml": kml_layers}


def _refuse_foreign(file: Path) -> None:
    refuse_disguised(file)
    if file.suffix.lower() == ".gpkg":
        refuse_endless_views(file)


def _listed(file: Path) -> dict[str, bool]:
    """Return the layers and tables of a single file, and whether each has geometry."""
    ending = file.suffix.lower()
    if ending in PARQUET_ENDINGS or ending == ".shp":
        return {file.stem: True}
    _refuse_foreign(file)
    with opened_safely(file) as path:
        if ending in _TEXT_LAYERS:
            return dict.fromkeys(_TEXT_LAYERS[ending](file, path), True)
        listed = pyogrio.list_layers(path)
    return {str(name): kind is not None for name, kind in listed if name not in _NO_LAYERS}


def _names(file: Path) -> list[str]:
    """Return the names of the layers with geometry, else those of the tables."""
    listed = _listed(file)
    return [name for name, has_shapes in listed.items() if has_shapes] or list(listed)


def _layer(file: Path, layer: str | None) -> str:
    """Return the layer asked for, else the only one there is."""
    if layer is None:
        names = _names(file)
        return names[0] if len(names) == 1 else _refuse_choice(file, names)
    listed = _listed(file)
    if layer not in listed:
        raise InputError(problem("missing_layer", file=file, value=layer, found="、".join(listed)))
    return layer


def _refuse_choice(file: Path, names: list[str]) -> NoReturn:
    if names:
        raise InputError(problem("several_layers", file=file, found="、".join(names)))
    raise InputError(problem("empty_table", file=file))


# Archives


def _from_archive(file: Path, layer: str | None, encoding: str | None) -> SourceTable:
    """Read a layer, or the only table, of an archive; addresses name the archive."""
    with unpacked(file) as members:
        try:
            part = _part(file, _parts(members), layer)
            if part.layer is None:
                found = read_table(part.file, None, encoding)
            else:
                found = open_layer(part.file, layer=part.layer, encoding=encoding)
        except InputError as error:
            raise InputError(_addressed(wrong, file, members) for wrong in error.problems) from error
        except _BROKEN as error:
            raise unreadable(file, error) from error
        findings = tuple(replace(one, file=file, sheet=part.name) for one in found.findings)
        return replace(found, file=file, sheet=part.name, findings=findings)


def _addressed(wrong: Problem, file: Path, members: Iterable[Member]) -> Problem:
    """Return a problem of a file that was unpacked under the archive's name and that of the member."""
    stem = Path(wrong.file or file).with_suffix("")
    inside = next((member.name for member in members if member.file.with_suffix("") == stem), None)
    return replace(wrong, file=file, sheet="/".join(filter(None, (inside, wrong.sheet))) or None)


def _parts(members: Iterable[Member]) -> list[_Part]:
    """Return the layers of all members; a name is as short as it can be: the layer's own where one file holds all."""
    found = [(member, _names_inside(member)) for member in members]
    alone = len(found) == 1
    return [
        _Part(_title(member, name, names, alone=alone), member.file, name) for member, names in found for name in names
    ]


def _names_inside(member: Member) -> list[str | None]:
    return [*_names(member.file)] if member.file.suffix.lower() in PACKED_LAYERS else [None]


def _title(member: Member, name: str | None, names: Sequence[str | None], *, alone: bool) -> str:
    if alone:
        return name if name is not None and len(names) > 1 else PurePosixPath(member.name).stem
    return f"{member.name}/{name}" if len(names) > 1 else member.name


def _part(file: Path, parts: list[_Part], layer: str | None) -> _Part:
    """Return the layer asked for: by its name, or by the name of its file or layer alone when that is clear."""
    if layer is None:
        return parts[0] if len(parts) == 1 else _refuse_choice(file, [part.name for part in parts])
    for known in (lambda part: part.name, lambda part: PurePosixPath(part.name).stem, lambda part: part.layer):
        fitting = [part for part in parts if known(part) == layer]
        if len(fitting) == 1:
            return fitting[0]
    raise InputError(problem("missing_layer", file=file, value=layer, found="、".join(part.name for part in parts)))


# Coordinate systems


def to_lonlat(
    frame: gpd.GeoDataFrame, file: Path | None, *, crs: CrsLike | None = None, datum: Datum = "wgs84"
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the frame in EPSG:4326 without the shift of `datum` and without heights, and what was done."""
    frame, notes = _with_crs(frame, file, crs)
    try:
        frame = to_geographic(frame)
    except ProjError as error:
        raise unreadable(file or Path(), error) from error
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    if datum != "wgs84":
        geometry = shapely.transform(geometry, partial(unshifted, datum=datum))
    notes = (*notes, *datum_note(datum))
    return frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=GEOGRAPHIC)), notes


def unshifted(lonlat: NDArray[np.float64], datum: Datum) -> NDArray[np.float64]:
    """Return (n, 2) coordinates without the shift of a datum.

    Equal vertices stay equal to the last bit: rings stay closed and borders shared.
    """
    places, place = np.unique(lonlat[:, 0] + 1j * lonlat[:, 1], return_inverse=True)
    return np.column_stack(to_wgs84(places.real, places.imag, datum))[place.ravel()]


def datum_note(datum: Datum) -> tuple[str, ...]:
    """Return the note that coordinates were turned from `datum` into WGS 84, none when they were not."""
    names = {"gcj02": "GCJ-02", "bd09": "BD-09"}
    return (text("note.datum", datum=names[datum]),) if datum in names else ()


def known_crs(value: CrsLike, file: Path | None = None) -> CRS:
    """Return the coordinate system the user names, or raise."""
    try:
        return CRS.from_user_input(value)
    except CRSError as error:
        raise InputError(problem("unknown_crs", file=file, value=value)) from error


def _with_crs(
    frame: gpd.GeoDataFrame, file: Path | None, crs: CrsLike | None
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    if crs is None:
        if frame.crs is None:
            raise InputError(problem("missing_crs", file=file))
        return frame, ()
    given = known_crs(crs, file)
    if frame.crs is None or frame.crs == given:
        return frame.set_crs(given), ()
    note = text("note.crs_replaced", found=frame.crs.name, given=given.name)
    return frame.set_crs(given, allow_override=True), (note,)
