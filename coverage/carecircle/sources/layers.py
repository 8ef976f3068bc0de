"""Layers with geometry: Shapefile, GeoPackage, GeoJSON, FlatGeobuf and GeoParquet, in degrees.

Text of shapefiles is the usual trouble of Chinese layers: GBK without a ``.cpg`` file, or with one that lies,
and names cut in the middle of a character. It is read byte by byte and decoded here.
"""

from __future__ import annotations

import codecs
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError
from shapely.errors import ShapelyError

from carecircle.china.coordinates import Datum, to_wgs84
from carecircle.crs import GEOGRAPHIC, to_geographic
from carecircle.errors import InputError, problem, require_file
from carecircle.language import text
from carecircle.sources.tables import PARQUET_ENDINGS, SourceTable, drop_personal, unreadable

CrsLike = str | int | CRS
"""What names a coordinate system: ``"EPSG:4543"``, ``4543`` or a `pyproj.CRS`."""

LAYER_ENDINGS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", *PARQUET_ENDINGS)

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
_BYTES = "ISO-8859-1"  # every byte is one character: nothing is lost until the true encoding is known
_CHINESE = {"gbk", "gb2312", "cp936", "936", "gb18030", "hz", "euccn"}
_SAMPLE = 5000
_SURELY_UTF8 = 4  # multi-byte characters; two GBK characters can pass as UTF-8 by chance, this many do not


def read_layer(
    path: str | Path,
    layer: str | None = None,
    encoding: str | None = None,
    crs: CrsLike | None = None,
    datum: Datum = "wgs84",
) -> gpd.GeoDataFrame:
    """Read a layer into longitudes and latitudes (EPSG:4326).

    Parameters
    ----------
    path
        ``.shp .gpkg .geojson .json .fgb .parquet .geoparquet``.
    layer
        Name of the layer; not needed when the file has only one.
    encoding
        Of a shapefile's text. When not given: what its ``.cpg`` says if the text can be that, else UTF-8 if
        it can be, else GB18030.
    crs
        The coordinate system, where the file does not say or says it wrongly.
    datum
        ``"gcj02"`` or ``"bd09"`` when the coordinates are shifted; they are turned into WGS 84.

    Returns
    -------
    geopandas.GeoDataFrame
        With what was done while reading in ``attrs["notes"]``.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        The file is damaged, has several layers or no geometry, or does not say its coordinate system.
    """
    source = open_layer(path, layer=layer, encoding=encoding)
    if not isinstance(source.frame, gpd.GeoDataFrame):
        raise InputError(problem("wrong_geometry", file=path, wanted="point/line/polygon", found="-"))
    frame, notes = to_lonlat(source.frame, source.file, crs=crs, datum=datum)
    frame.attrs["notes"] = [*source.notes, *notes]
    return frame


def open_layer(path: str | Path, *, layer: str | None = None, encoding: str | None = None) -> SourceTable:
    """Read a layer as it is, in its own coordinate system; rows count from 1 as in a GIS."""
    file = require_file(path)
    ending = file.suffix.lower()
    if ending not in LAYER_ENDINGS:
        raise InputError(problem("unknown_format", file=file, suffix=ending, known=" ".join(LAYER_ENDINGS)))
    notes: tuple[str, ...] = ()
    try:
        if ending in PARQUET_ENDINGS:
            frame = gpd.read_parquet(file)
        elif ending == ".shp":
            frame, notes = _read_shapefile(file, encoding)
        else:
            frame = pyogrio.read_dataframe(file, layer=_layer(file, layer), encoding=encoding)
    except InputError:
        raise
    except _BROKEN as error:
        raise unreadable(file, error) from error
    frame, personal = drop_personal(frame.reset_index(drop=True))
    frame.attrs = {}
    rows = pd.Series(range(1, len(frame) + 1), index=frame.index)
    return SourceTable(frame, rows, file, layer, (*notes, *personal))


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
        geometry = shapely.transform(geometry, partial(_to_wgs84, datum=datum))
    notes = (*notes, *datum_note(datum))
    return frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=GEOGRAPHIC)), notes


def _to_wgs84(lonlat: NDArray[np.float64], datum: Datum) -> NDArray[np.float64]:
    """Undo a shift; equal vertices stay equal to the last bit: rings stay closed and borders shared."""
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


def layer_names(file: Path) -> list[str]:
    """Return the names of the layers of a file."""
    try:
        return [str(name) for name in pyogrio.list_layers(file)[:, 0]]
    except _BROKEN as error:
        raise unreadable(file, error) from error


def _layer(file: Path, layer: str | None) -> str:
    names = layer_names(file)
    if layer is None and len(names) == 1:
        return names[0]
    if layer in names:
        return str(layer)
    found = "、".join(names)
    if layer is None:
        raise InputError(
            problem("several_layers", file=file, found=found) if names else problem("empty_table", file=file)
        )
    raise InputError(problem("missing_layer", file=file, value=layer, found=found))


def _read_shapefile(file: Path, encoding: str | None) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    _refuse_cut(file)
    raw = pyogrio.read_dataframe(file, encoding=_BYTES)
    texts = [name for name in raw.columns if name != "geometry" and _holds_text(raw[name])]
    words = _sample(raw, texts)
    if not words:
        return raw, ()
    chosen = _encoding(words, file, encoding)
    decoded = raw.assign(**{name: _decoded(raw[name], chosen) for name in texts})
    names = {name: _decoded(pd.Series([name]), chosen)[0] for name in raw.columns if name != "geometry"}
    return decoded.rename(columns=names), (text("note.encoding", encoding=chosen.upper()),)


def _refuse_cut(file: Path) -> None:
    """Raise when a shapefile is shorter than its header says: its last shapes would silently be missing.

    ESRI Shapefile Technical Description (1998): the length in 16-bit words stands in bytes 24-27, big-endian.
    """
    with file.open("rb") as stream:
        wanted = 2 * int.from_bytes(stream.read(28)[24:], "big")
    there = file.stat().st_size
    if there < max(wanted, 100):
        raise InputError(problem("cut_short", file=file, wanted=max(wanted, 100), there=there))


def _holds_text(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column.dtype) or pd.api.types.is_object_dtype(column.dtype))


def _sample(raw: pd.DataFrame, texts: list[str]) -> list[bytes]:
    """Return field names and values that are not plain ASCII, some thousand at most, as bytes."""
    values = pd.concat([pd.Series(raw.columns), *(raw[name].dropna() for name in texts)]).astype(str)
    foreign = values[values.str.contains(r"[^\x00-\x7f]", regex=True)]
    return [value.encode(_BYTES) for value in foreign.drop_duplicates().head(_SAMPLE)]


def _encoding(words: list[bytes], file: Path, given: str | None) -> str:
    """Return the encoding of a shapefile's text."""
    if given is not None:
        try:
            return codecs.lookup(given).name
        except LookupError as error:
            raise InputError(problem("unknown_encoding", file=file, value=given)) from error
    declared = _declared(file)
    utf8 = all(_can_be(word, "utf-8") for word in words)
    several = sum(byte >= 0xC0 for word in words for byte in word) >= _SURELY_UTF8
    if declared == "gb18030" and utf8 and several:
        return "utf-8"
    candidates = [*([declared] if declared else []), "utf-8", "gb18030"]
    fitting = [name for name in candidates if all(_can_be(word, name) for word in words)]
    if not fitting:
        why = text("problem.unknown_encoding", value="?")
        raise InputError(problem("unreadable_file", file=file, why=why))
    return fitting[0]


def _declared(file: Path) -> str | None:
    """Return the encoding that the ``.cpg`` beside a shapefile names, when Python knows it."""
    beside = [found for ending in (".cpg", ".CPG") if (found := file.with_suffix(ending)).exists()]
    if not beside:
        return None
    name = beside[0].read_bytes()[:40].decode("ascii", "ignore").strip().lower()
    name = name.removeprefix("ansi").removeprefix("oem").strip(" _-")
    name = {"65001": "utf-8"}.get(name, f"cp{name}" if name.isdigit() else name)
    if name in _CHINESE:
        return "gb18030"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def _can_be(word: bytes, encoding: str) -> bool:
    """Whether bytes are text of this encoding, perhaps cut inside the last character."""
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(word, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(column: pd.Series, encoding: str) -> pd.Series:
    """Return text decoded from bytes read as Latin characters, without a character cut at the end."""
    known = column.notna()
    plain = column[known].astype(str).str.encode(_BYTES).str.decode(encoding, errors="replace")
    result = column.astype(object).where(known, None)
    result[known] = plain.str.rstrip("\ufffd").astype(object)
    return result
