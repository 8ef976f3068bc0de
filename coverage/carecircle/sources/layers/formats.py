"""What GDAL may open: local files whose content is what their ending says, and nothing that leads elsewhere.

GDAL judges a file by its content: one called ``a.geojson`` that holds a virtual dataset (VRT), a WFS address or a
pipeline would make it open other files or the network. pyogrio cannot restrict the drivers, so the content is checked
before.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.parsers import expat

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from carecircle.errors import InputError, problem, require_file, without_secrets
from carecircle.findings import Finding

Flags = NDArray[np.bool_]

_REMOTE = re.compile(r"^(/vsi|[A-Za-z][A-Za-z0-9+.-]+:[/\\]{1,2})", re.IGNORECASE)
_HEAD = 1 << 16
_LEADS_ELSEWHERE = re.compile(rb"<(ogrvrt|ogrwfs|vrtdataset|gdal_|ogr)|gdal_streamed_alg", re.IGNORECASE)
_OTHER_TABLES = re.compile(rb"open\s+table|\bfile\s+\"|type\s+(?!native|\s)", re.IGNORECASE)
_SPLIT_BY_PYOGRIO = set("!;")
_SQLITE, _WAL = b"SQLite format 3\0", 2
PACKED_ENDINGS = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")


def local_file(path: str | Path) -> Path:
    """Return the path of a file on this machine.

    Raises
    ------
    InputError
        It is an address of the network or a virtual path of GDAL (``/vsicurl/...``), or there is no such file.
    """
    if _REMOTE.match(str(path)):
        raise InputError(problem("not_local", file=without_secrets(path)))
    return require_file(path)


def refuse_disguised(file: Path) -> None:
    """Raise when the content of a file is not what its ending says.

    Raises
    ------
    InputError
        It is something else, or leads to other files or to the network.
    """
    ending = file.suffix.lower()
    if file.is_dir() != (ending == ".gdb"):
        raise InputError(problem("disguised_file", file=file, suffix=ending))
    if ending == ".gdb":
        sound = (file / "a00000001.gdbtable").is_file()
    else:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
        sound = _JUDGES.get(ending, _any)(head) and (ending in _BINARY or not _LEADS_ELSEWHERE.search(head))
    if not sound:
        raise InputError(problem("disguised_file", file=file, suffix=ending))


def _any(head: bytes) -> bool:  # noqa: ARG001
    return True


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    def judge(head: bytes) -> bool:
        return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(beginnings)

    return judge


def _is_json(head: bytes) -> bool:
    """Whether text begins like JSON, in UTF-8 or UTF-16."""
    return _begins(b"{", b"[", b"\x1e", b"\xff\xfe{", b"\xfe\xff\0{", b"\xff\xfe[", b"\xfe\xff\0[")(head)


def _is_tab(head: bytes) -> bool:
    return _begins(b"!table")(head) and not _OTHER_TABLES.search(head)


def _is_kml(head: bytes) -> bool:
    """Whether the first element is ``kml``, told by the parser that the library uses too."""
    roots: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _: roots.append(name)
    start = re.sub(rb'(<\?xml[^>]*?)\s+encoding\s*=\s*["\'][^"\']*["\']', rb"\1", head[:200])
    with suppress(expat.ExpatError, LookupError, ValueError):  # text in GBK ends the parser, after the first element
        parser.Parse(start + head[200:])
    return bool(roots) and roots[0].rpartition(":")[2].lower() == "kml"


_JUDGES: Mapping[str, Callable[[bytes], bool]] = {
    ".shp": lambda head: head.startswith(b"\x00\x00\x27\x0a"),
    ".gpkg": lambda head: head.startswith(_SQLITE),
    ".fgb": lambda head: head.startswith(b"fgb"),
    ".geojson": _is_json,
    ".json": _is_json,
    ".kml": _is_kml,
    ".tab": _is_tab,
    ".mif": _begins(b"version"),
}
_BINARY = {".shp", ".gpkg", ".fgb", ".parquet", ".geoparquet"}


@contextmanager
def opened_safely(file: Path) -> Iterator[Path]:
    """Give the path to hand to pyogrio: the file's own, or that of a copy in a temporary folder.

    It is absolute, so that no name is taken for the prefix of a driver.
    A copy is made when the name holds signs in which pyogrio splits it, and of a GeoPackage in write-ahead mode, which
    SQLite would change while reading.
    """
    strange = _SPLIT_BY_PYOGRIO & set(str(file.absolute()))
    if not strange and not (file.suffix.lower() == ".gpkg" and _in_wal_mode(file)):
        yield file.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="carecircle-") as folder:
        target = Path(folder) / f"layer{file.suffix.lower()}"
        if file.is_dir():
            shutil.copytree(file, target)
        for beside in [] if file.is_dir() else file.parent.glob(f"{_literal(file.stem)}.*"):
            if beside.is_file():
                shutil.copyfile(beside, Path(folder) / f"layer{beside.name[len(file.stem) :].lower()}")
        yield target


def _literal(name: str) -> str:
    """Return a name with the signs of patterns taken as they are."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _in_wal_mode(file: Path) -> bool:
    """Whether an SQLite file is in write-ahead mode (bytes 18 and 19 of its header, https://sqlite.org/fileformat.html)."""
    with file.open("rb") as stream:
        return stream.read(20)[18:] == bytes((_WAL, _WAL))


def read_features(
    path: str, layer: str | None = None, encoding: str | None = None
) -> tuple[pd.DataFrame, Flags, tuple[str, ...]]:
    """Read a layer with pyogrio; rings that are not closed are closed.

    Returns
    -------
    frame, closed, said
        The frame (indexed by the driver's feature numbers), which rows had rings that were not closed, and what GDAL
        warned of.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            frame = pyogrio.read_dataframe(path, layer=layer, encoding=encoding, fid_as_index=True)
            closed = np.zeros(len(frame), dtype=bool)
        except ShapelyError:
            frame, closed = _with_closed_rings(path, layer, encoding)
    said = dict.fromkeys(str(warning.message) for warning in caught if issubclass(warning.category, RuntimeWarning))
    return frame, closed, tuple(why for why in said if not (closed.any() and "closed ring" in why))


def _with_closed_rings(path: str, layer: str | None, encoding: str | None) -> tuple[gpd.GeoDataFrame, Flags]:
    bare = pyogrio.read_dataframe(path, layer=layer, encoding=encoding, read_geometry=False, fid_as_index=True)
    meta, _, raw, _ = pyogrio.raw.read(path, layer=layer, encoding=encoding, columns=[])
    there = np.array([shape is not None for shape in raw], dtype=bool)
    closed = there & shapely.is_missing(shapely.from_wkb(raw, on_invalid="ignore"))
    shapes = shapely.from_wkb(raw, on_invalid="fix")
    return gpd.GeoDataFrame(bare, geometry=shapes, crs=meta["crs"]), closed


def warnings_found(said: tuple[str, ...], file: Path, opened: Path) -> tuple[Finding, ...]:
    """Return what GDAL warned of as findings, under the user's name of the file."""
    told = (why.replace(str(opened), file.name).replace(str(opened.parent), "") for why in said[:3])
    return tuple(Finding("doubtful", "library_warning", file, values={"why": why[:200]}) for why in told)
