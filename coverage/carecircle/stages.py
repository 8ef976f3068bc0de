"""Finished stages of a run, kept so that the next run with the same inputs goes on behind them.

A stage is a function of tables, a network and settings. Its result is kept under the SHA-256 of all that goes into it:
the content of every table and of the network (not their files: how a file was read counts too), every setting, the
language, the code of this package and the versions of the libraries that calculate. So a result is found again exactly
when computing it would give it again, and outputs are the same bytes whether stages were taken from the store or not.

Results are kept as Parquet files in the folder ``stages`` of the store (`carecircle.sources.roads.store`); they hold
nothing that the results do not hold. One is only kept when it comes back as it was, and only taken when it is whole.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from geopandas.array import GeometryArray
from numpy.typing import NDArray
from pyproj import CRS

from carecircle.language import current_language
from carecircle.sources.roads.store import keep, store_folder, tidy, touch

FORMAT = "stage-1"
"""Changes when entries are written in another way."""

LIBRARIES = ("numpy", "pandas", "geopandas", "shapely", "pyproj", "scipy", "contourpy")
"""Libraries whose version can change a stage's result."""

Frame = TypeVar("Frame", bound=pd.DataFrame)

_META = b"carecircle"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException, shapely.errors.ShapelyError)
_MISSING = {"missing": True}


@dataclasses.dataclass
class Stages:
    """The stages of one run: takes them from the store where they are finished, else computes and keeps them.

    Parameters
    ----------
    on
        Whether to use the store at all.
    resumed
        Names of the stages that were taken from the store; grows during the run.

    Examples
    --------
    >>> stages = Stages(on=False)
    >>> stages.of("sums", pd.DataFrame.sum, pd.DataFrame({"people": [3, 4]})).to_dict(), stages.resumed
    ({'people': 7}, ())
    """

    on: bool = True
    resumed: tuple[str, ...] = ()

    def of(self, name: str, function: Callable[..., Frame], *given: Any, **options: Any) -> Frame:
        """Return ``function(*given, **options)``, from the store where an earlier run has finished it.

        Raises
        ------
        TypeError
            Something given has no content that could be compared: tables, networks, arrays and plain settings have.
        """
        if not self.on:
            return function(*given, **options)
        key = digest(FORMAT, fingerprint(), current_language(), name, given, options)
        found: Frame | None = self.recall(name, key)
        if found is None:
            found = function(*given, **options)
            self.keep(name, key, found)
        else:
            self.resumed = (*self.resumed, name)
        return found

    def keep(self, name: str, key: str, frame: pd.DataFrame) -> bool:
        """Keep a result; return whether that went well. A store that cannot be written is no reason to fail."""

        def write(draft: Path) -> None:
            _write(frame, key, draft)
            back = _read(draft, key)
            if back is None or back.attrs != frame.attrs:
                raise OSError(f"{name} does not come back as it was")

        try:
            return keep(_entry(name, key), write)
        except _DAMAGED:
            return False

    def recall(self, name: str, key: str) -> Any:
        """Return the result kept under a key, None where there is none or it is damaged."""
        entry = _entry(name, key)
        found = _read(entry, key)
        if found is not None:
            touch(entry)
        return found

    def end(self) -> None:
        """Tidy the store at the end of a run."""
        if self.on:
            tidy()


def _entry(name: str, key: str) -> Path:
    return store_folder() / "stages" / f"{name}-{key[:40]}.parquet"


@cache
def fingerprint() -> str:
    """Return a text that changes with the code of this package and the libraries that calculate."""
    code = hashlib.sha256()
    home = Path(__file__).parent
    for path in sorted(found for ending in ("*.py", "*.toml") for found in home.rglob(ending)):
        code.update(f"{path.relative_to(home).as_posix()}\0".encode() + path.read_bytes())
    libraries = [f"{name} {version(name)}" for name in LIBRARIES]
    below = f"geos {shapely.geos_version_string} proj {pyproj.proj_version_str} python {platform.python_version()}"
    return " ".join([version("carecircle"), code.hexdigest(), *libraries, below, platform.machine()])


# The content of values


def digest(*values: Any) -> str:
    """Return the SHA-256 of the content of values, as hexadecimal text.

    Tables count with their index, column order, types, missing values and system of coordinates, but without what
    hangs on them (``attrs``).

    Examples
    --------
    >>> digest(1, "a") == digest(1, "a"), digest(1) == digest(1.0), digest(["a", "b"]) == digest(["ab"])
    (True, False, False)
    """
    state = hashlib.sha256()
    for part in _parts(values):
        state.update(part)
    return state.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    """Yield the content of a value in pieces, each led by its kind and size, so that no two values look the same."""
    kind = type(value).__qualname__
    if value is None or isinstance(value, str | bytes | int | float | np.generic):
        yield _led(kind, repr(value).encode())
    elif isinstance(value, CRS):
        yield _led(kind, value.to_wkt().encode())
    elif isinstance(value, np.ndarray):
        yield from _array(value)
    elif isinstance(value, pd.DataFrame):
        yield from _table(value)
    elif isinstance(value, pd.Categorical):
        yield _led(kind, b"")
        yield from _parts((np.asarray(value.codes), np.asarray(value.categories, dtype=object), bool(value.ordered)))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield _led(kind, b"")
        yield from _parts({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    else:
        yield from _container(value)


def _container(value: Any) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        items: list[Any] = [part for item in value.items() for part in item]
    elif isinstance(value, list | tuple):
        items = list(value)
    else:
        raise TypeError(f"no content to compare in {type(value).__qualname__}")
    yield _led(type(value).__qualname__, str(len(items)).encode())
    for item in items:
        yield from _parts(item)


def _led(kind: str, content: bytes) -> bytes:
    return f"{kind}:{len(content)}:".encode() + content


def _array(values: NDArray[Any]) -> Iterator[bytes]:
    plain = values.dtype != object
    yield _led("array", f"{values.dtype} {values.shape}".encode())
    yield np.ascontiguousarray(values).tobytes() if plain else _led("cells", _cells(values.ravel().tolist()))


def _cells(cells: list[Any]) -> bytes:
    """Return the text of cells; `repr` escapes the separator, and tells None from NaN and 1 from 1.0."""
    return "\x1e".join(map(repr, cells)).encode("utf-8", "surrogatepass")


def _table(frame: pd.DataFrame) -> Iterator[bytes]:
    about: list[Any] = [type(frame).__name__, list(frame.columns), list(frame.columns.names), len(frame)]
    about += [type(frame.index).__name__, list(frame.index.names)]
    if isinstance(frame, gpd.GeoDataFrame):
        about.append(frame._geometry_column_name)  # noqa: SLF001  `.active_geometry_name` came later
    yield from _parts(about)
    yield from _column(frame.index.to_series())
    for place in range(frame.shape[1]):
        yield from _column(frame.iloc[:, place])


def _column(column: pd.Series) -> Iterator[bytes]:
    yield _led("column", str(column.dtype).encode())
    values = column.array
    if isinstance(values, GeometryArray):
        shapes = shapely.to_wkb(np.asarray(values), include_srid=True)
        yield from _parts(values.crs)
        yield from _parts(np.array([-1 if shape is None else len(shape) for shape in shapes], dtype=np.int64))
        yield b"".join(shape for shape in shapes if shape is not None)
    elif isinstance(column.dtype, np.dtype):
        yield from _array(column.to_numpy())
    elif isinstance(values, pd.Categorical):
        yield from _parts(values)
    else:
        yield _led("cells", _cells(column.astype(object).tolist()))


# Entries


def _write(frame: pd.DataFrame, key: str, path: Path) -> None:
    """Write a table; shapes as WKB, columns of mixed cells as JSON."""
    shapes = [name for name, dtype in frame.dtypes.items() if str(dtype) == "geometry"]
    mixed = [name for name, dtype in frame.dtypes.items() if str(dtype) == "object"]
    about = {
        "key": key,
        "content": digest(frame, json.dumps(frame.attrs)),
        "shapes": {name: None if (crs := frame[name].crs) is None else crs.srs for name in shapes},
        "active": frame._geometry_column_name if isinstance(frame, gpd.GeoDataFrame) else None,  # noqa: SLF001
        "mixed": mixed,
        "attrs": frame.attrs,
    }
    plain = pd.DataFrame(frame).copy()
    plain.attrs = {}
    for name in shapes:
        plain[name] = shapely.to_wkb(frame[name].to_numpy(), include_srid=True)
    for name in mixed:
        plain[name] = [json.dumps(cell, ensure_ascii=False, default=_coded) for cell in frame[name]]
    table = pa.Table.from_pandas(plain)
    meta = {**(table.schema.metadata or {}), _META: json.dumps(about, ensure_ascii=False).encode()}
    pq.write_table(table.replace_schema_metadata(meta), path)


def _read(path: Path, key: str) -> pd.DataFrame | None:
    """Return the table of an entry, None where it is not there, damaged, another's, or not what was written."""
    with suppress(*_DAMAGED):
        with pq.ParquetFile(path) as source:
            table = source.read()
        about = json.loads(table.schema.metadata[_META])
        plain = table.to_pandas().copy()  # else some columns could not be written to
        decoded = {
            name: pd.Series([json.loads(cell, object_hook=_decoded) for cell in plain[name]], plain.index, dtype=object)
            for name in about["mixed"]
        }
        shapes = {
            name: gpd.GeoSeries.from_wkb(plain[name].to_numpy(), plain.index, crs=crs)
            for name, crs in about["shapes"].items()
        }
        frame = plain.assign(**decoded, **shapes)
        if about["active"] is not None:
            frame = gpd.GeoDataFrame(frame, geometry=about["active"])
        frame.attrs = about["attrs"]
        whole = about["key"] == key and about["content"] == digest(frame, json.dumps(frame.attrs))
        return frame if whole else None
    return None


def _coded(cell: Any) -> Any:
    if cell is pd.NA:
        return _MISSING
    raise TypeError(f"no JSON for {type(cell).__qualname__}")


def _decoded(cell: dict[str, Any]) -> Any:
    return pd.NA if cell == _MISSING else cell
