"""Files that appear whole or not at all: everything is written beside its place and then moved there."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sqlite3
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FieldError, GeometryError

from carecircle.errors import CarecircleError, OutputError, UsageError
from carecircle.language import text

LAYER_DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
"""Formats a layer is written in, by the ending of its name; ``.parquet`` is GeoParquet."""

# XML 1.0 section 2.2: what is no character, but tab and line feed; and halves of pairs, which UTF-8 cannot say.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_RESERVED = ("fid", "ogc_fid", "geom", "geometry")
_NO_DATE = "2000-01-01T00:00:00Z"


_DRAFT = ".carecircle-draft-"
_STALE_SECONDS = 86_400.0
"""A draft this old was left by a command that was killed: nothing writes to one file for a day."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EBUSY)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a name to write to; the file takes its place under `path` when the block ends well, else it is gone.

    The file takes its place in one step, so that several commands may write beside each other, and to the same
    name: the last one wins. Files that belong together (a shapefile) follow each other; where one cannot take its
    place, all come back.
    """
    target = Path(path)
    with saying(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        folder = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=target.parent))
        try:
            draft = folder / target.name
            yield draft
            settle(folder)
            _take_places(folder, target.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove the drafts of commands that were killed."""
    for found in folder.glob(f"{_DRAFT}*"):
        with suppress(OSError):
            if time.time() - found.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(found, ignore_errors=True)


def settle(folder: Path) -> None:
    """Have all files of a folder on the disk, with the permissions of any new file (SQLite and others differ)."""
    probe = folder / ".carecircle-mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for found in folder.iterdir():
        found.chmod(mode)
        with found.open("r+b") as stream:
            os.fsync(stream.fileno())
    settle_names(folder)


def settle_names(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _take_places(drafts: Path, folder: Path) -> None:
    """Move all drafts to a folder; where one cannot take its place (it is open elsewhere), earlier files come back."""
    found = sorted(drafts.iterdir())
    for draft in found:
        refuse_folder(folder / draft.name)
    if len(found) == 1:
        found[0].replace(folder / found[0].name)
        return
    aside = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
    begun: list[Path] = []
    try:
        for draft in found:
            place = folder / draft.name
            if place.exists():
                place.replace(aside / place.name)
            begun.append(place)
            draft.replace(place)
    except OSError:
        for place in begun:
            place.unlink(missing_ok=True)
            if (aside / place.name).exists():
                (aside / place.name).replace(place)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_folder(place: Path) -> None:
    """Raise `IsADirectoryError` when a folder stands where a file is to go."""
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))


@contextmanager
def saying(target: str | Path) -> Iterator[None]:
    """Turn what systems and libraries say about a place that cannot be written into one clear `OutputError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, CarecircleError) and not isinstance(error, OutputError):
            raise
        cause = _cause(error)
        if cause is None:
            raise
        raise OutputError(_sentence(cause, target)) from error


def _cause(error: OSError) -> OSError | None:
    """Return what the system or a library said first, None when it is already in our words."""
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__) is not None:
        chain += [before, *(inner for inner in before.args if isinstance(inner, OSError))]
    plain = [found for found in chain if isinstance(found, OSError) and not isinstance(found, CarecircleError)]
    return plain[-1] if plain else None


def _sentence(cause: OSError, target: str | Path) -> str:
    why = cause.strerror or str(cause)
    if cause.errno in _FULL:
        return text("output.full", path=target, why=why)
    return text("output.not_writable" if cause.errno in _REFUSED else "output.failed", path=target, why=why)


def write_layer(
    frame: gpd.GeoDataFrame, path: str | Path, layer: str | None = None, *, as_of: date | None = None
) -> None:
    """Write one layer, in the format its name says. The same frame gives the same bytes.

    Parameters
    ----------
    frame
        What to write.
    path
        Ends in one of `LAYER_DRIVERS` or ``.parquet``.
    layer
        Name of the layer; default: the file's.
    as_of
        The date that GeoPackage writes into its table of contents (default: a fixed one, so that bytes do not change).
    """
    with whole_file(path) as draft:
        write_layers({layer or draft.stem: frame}, draft, as_of=as_of)


def write_layers(layers: dict[str, gpd.GeoDataFrame], path: Path, *, as_of: date | None = None) -> None:
    """Write layers one behind the other into a file that does not exist yet."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        frame = next(iter(layers.values())).copy()
        frame.attrs = {}
        frame.to_parquet(path, index=False)
        return
    if ending not in LAYER_DRIVERS:
        raise UsageError(text("output.unknown_layer", path=path.name, known=" ".join((*LAYER_DRIVERS, ".parquet"))))
    stamp = _NO_DATE if as_of is None else f"{as_of.isoformat()}T00:00:00Z"
    options = {"OGR_CURRENT_DATE": stamp, "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        for name, frame in layers.items():
            pyogrio.write_dataframe(
                _plain(frame),
                path,
                layer=name,
                driver=LAYER_DRIVERS[ending],
                **_special(frame, ending),
            )
        whole = _is_whole(path, layers)
    except (CRSError, FieldError, GeometryError):
        raise
    except (DataSourceError, DataLayerError, sqlite3.Error, struct.error) as error:
        why = str(error).replace(str(path), path.name)
        raise OutputError(text("output.incomplete", path=path.name, why=why)) from error
    finally:
        pyogrio.set_gdal_config_options(before)
    if not whole:
        raise OutputError(text("output.incomplete", path=path.name, why=os.strerror(errno.ENOSPC)))


def _special(frame: gpd.GeoDataFrame, ending: str) -> dict[str, str]:
    """Return options of a format. FlatGeobuf's spatial index cannot hold rows without a shape."""
    if ending == ".fgb" and (frame.geometry.isna() | frame.geometry.is_empty).any():
        return {"SPATIAL_INDEX": "NO"}
    return {"encoding": "UTF-8"} if ending == ".shp" else {}


def _is_whole(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> bool:
    """Whether a file holds all that was written: GDAL does not report what fails while it closes a file.

    On a full disk a GeoPackage silently loses its spatial index, and a shapefile the end of its ``.shx``.
    """
    ending = path.suffix.lower()
    if ending == ".gpkg":
        return all(_in_geopackage(path, name, frame) for name, frame in layers.items())
    if ending == ".shp":
        return _shapefile_is_whole(path, len(next(iter(layers.values()))))
    rows = {name: len(pyogrio.read_bounds(path, layer=name)[0]) for name in layers}
    return rows == {name: len(frame) for name, frame in layers.items()} and _ends_well(path)


def _in_geopackage(path: Path, layer: str, frame: gpd.GeoDataFrame) -> bool:
    """Whether a layer has all its rows, its spatial index all its shapes, and the contents their count."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as book:
        (column,) = book.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", [layer]
        ).fetchone()
        counted = book.execute("SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?", [layer]).fetchone()
        tables = {"rows": _quoted(layer), "shapes": _quoted(f"rtree_{layer}_{column}_rowid")}
        found = {
            name: book.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  a quoted name
            for name, table in tables.items()
        }
    shaped = int((~(frame.geometry.isna() | frame.geometry.is_empty)).sum())
    return found == {"rows": len(frame), "shapes": shaped} and counted == (len(frame),)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shapefile_is_whole(path: Path, rows: int) -> bool:
    """Whether the parts of a shapefile are as long as their headers say (ESRI's Technical Description, 1998)."""
    shape, index, table = (path.with_suffix(ending).read_bytes() for ending in (".shp", ".shx", ".dbf"))
    lengths = [2 * struct.unpack(">i", part[24:28])[0] for part in (shape, index)]
    held, head, row = struct.unpack("<IHH", table[4:12])
    return (
        lengths == [len(shape), len(index)]
        and len(index) == 100 + 8 * rows
        and held == rows
        and len(table) == head + row * rows + 1  # the mark of the end
    )


def _ends_well(path: Path) -> bool:
    """Whether a GeoJSON file is closed; other formats cannot be read when their end is missing."""
    if LAYER_DRIVERS[path.suffix.lower()] != "GeoJSON":
        return True
    with path.open("rb") as stream:
        stream.seek(-2, os.SEEK_END)
        return stream.read() == b"}\n"


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the frame with columns every format can hold.

    Names that differ only in case, and those that formats keep for themselves, get a ``_``.
    """
    lists = [name for name in frame.columns if name != frame.geometry.name and frame[name].dtype == object]
    taken = {*_RESERVED, frame.geometry.name.lower()}
    free = {}
    for name in frame.columns.drop(frame.geometry.name):
        free[name] = str(name)
        while free[name].lower() in taken:
            free[name] += "_"
        taken.add(free[name].lower())
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in lists}).rename(columns=free)


def write_json(data: Any, path: Path) -> None:
    """Write plain data as readable JSON; not-a-number becomes null."""
    path.write_text(to_json(data) + "\n", encoding="utf-8")


def to_json(data: Any) -> str:
    """Return plain data as JSON text."""
    return json.dumps(_jsonable(data), ensure_ascii=False, indent=2, sort_keys=False, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, os.PathLike | date):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value


def speakable(words: str) -> str:
    r"""Return text without what files of text and XML cannot hold: control signs and halves of pairs become a mark.

    Examples
    --------
    >>> speakable("a\x00b\r\nc")
    'a�b\nc'
    """
    return _UNSPEAKABLE.sub("\ufffd", words.replace("\r\n", "\n").replace("\r", "\n"))
