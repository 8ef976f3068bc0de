"""Files that appear whole or not at all: everything is written beside its place and then moved there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from carecircle.errors import OutputError, UsageError
from carecircle.language import text

LAYER_DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
"""Formats a layer is written in, by the ending of its name; ``.parquet`` is GeoParquet."""

_RESERVED = ("fid", "ogc_fid", "geom", "geometry")
_NO_DATE = "2000-01-01T00:00:00Z"


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a name to write to; the file takes its place under `path` when the block ends well, else it is gone."""
    target = Path(path)
    with _saying(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".carecircle-", dir=target.parent))
        try:
            draft = folder / target.name
            yield draft
            _take_places(folder, target.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to write to; its files move to `path` together when the block ends well, else nothing does."""
    target = Path(path)
    with _saying(target):
        target.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".carecircle-", dir=target))
        try:
            yield folder
            _take_places(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _take_places(drafts: Path, folder: Path) -> None:
    """Move all drafts to a folder; where one cannot take its place (it is open elsewhere), earlier files come back."""
    aside = Path(tempfile.mkdtemp(prefix=".carecircle-", dir=folder))
    begun: list[Path] = []
    try:
        for draft in sorted(drafts.iterdir()):
            place = folder / draft.name
            if place.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
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


@contextmanager
def _saying(target: Path) -> Iterator[None]:
    """Turn what the system says about a place that cannot be written into one clear message."""
    try:
        yield
    except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise OutputError(text("output.not_writable", path=target, why=error.strerror or str(error))) from error
    except OSError as error:
        if isinstance(error, OutputError) or error.errno is None:
            raise
        raise OutputError(text("output.failed", path=target, why=error.strerror or str(error))) from error


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
                **({"encoding": "UTF-8"} if ending == ".shp" else {}),
            )
    finally:
        pyogrio.set_gdal_config_options(before)


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
