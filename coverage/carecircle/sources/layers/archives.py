"""Layers packed in zip archives (.zip, .kmz): checked, then unpacked into a temporary folder that is removed again.

GDAL's own way into archives (``/vsizip/``) is not used: names inside an archive are the sender's.
"""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from carecircle.errors import InputError, problem
from carecircle.guards import refuse_zip_bomb
from carecircle.sources.layers.formats import PACKED_ENDINGS
from carecircle.sources.tables.reading import EXCEL_ENDINGS

ARCHIVE_ENDINGS = (".zip", ".kmz")
PACKED_LAYERS = (
    ".shp", ".gpkg", ".geojson", ".json", ".kml", ".fgb", ".tab", ".mif", ".gdb", ".parquet", ".geoparquet",
)  # fmt: skip
PACKED_TABLES = (".csv", ".tsv", *EXCEL_ENDINGS)

_UTF8_NAME, _LOCKED = 0x800, 0x1  # flags of a member (APPNOTE.TXT 4.4.4)
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_UNFIT = re.compile(r'[\x00-\x1f<>:"|?*]')
_PACKED_OTHERWISE = ((b"Rar!", ".rar"), (b"7z\xbc\xaf\x27\x1c", ".7z"), (b"\x1f\x8b", ".gz"))
_SHOWN = 12


@dataclass(frozen=True)
class Member:
    """A layer or table of an archive: its name inside, and where it was unpacked."""

    name: str
    file: Path


@contextmanager
def unpacked(file: Path) -> Iterator[tuple[Member, ...]]:
    """Unpack an archive for the length of the block and give its layers, or its tables when it has no layer.

    Raises
    ------
    InputError
        The archive is damaged, encrypted, no zip archive, a bomb, holds archives or names that lead out of it, or has
        neither layers nor tables.
    """
    refuse_other_archives(file)
    try:
        refuse_zip_bomb(file)
    except IndexError as error:  # a member without a name
        raise InputError(problem("archive_damaged", file=file)) from error
    with tempfile.TemporaryDirectory(prefix="carecircle-") as folder:
        names = _unpack(file, Path(folder))
        members = _chosen(names, PACKED_LAYERS) or _chosen(names, PACKED_TABLES)
        if not members:
            shown = "、".join([*names][:_SHOWN]) or "-"
            raise InputError(problem("archive_without_layer", file=file, found=shown))
        yield members


def refuse_other_archives(file: Path) -> None:
    """Raise for archives that are not zip: by their ending, or by what a ``.zip`` begins with."""
    with file.open("rb") as stream:
        head = stream.read(8)
    kind = next((ending for mark, ending in _PACKED_OTHERWISE if head.startswith(mark)), file.suffix.lower())
    if kind in PACKED_ENDINGS:
        raise InputError(problem("archive_kind", file=file, suffix=kind))
    if not zipfile.is_zipfile(file):
        raise InputError(problem("archive_damaged", file=file))


def member_name(info: zipfile.ZipInfo) -> str:
    """Return the name of a member: UTF-8 where it says so or can be, else GB 18030 (as Chinese Windows writes).

    Examples
    --------
    >>> member_name(zipfile.ZipInfo("边界.shp".encode("gbk").decode("cp437")))
    '边界.shp'
    """
    name = info.orig_filename
    if not info.flag_bits & _UTF8_NAME:
        for encoding in ("utf-8", "gb18030"):
            try:
                name = info.orig_filename.encode("cp437").decode(encoding)
                break
            except UnicodeError:
                continue
    return name.replace("\\", "/")


def _unpack(file: Path, folder: Path) -> dict[str, Path]:
    """Write the members into the folder; returns where each is, files of the system's own left out."""
    written: dict[str, Path] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = member_name(info)
                if info.is_dir() or name.endswith("/") or _JUNK.search(name):
                    continue
                target = _place(file, folder, info, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as packed, target.open("wb") as stream:
                    shutil.copyfileobj(packed, stream, 1 << 20)
                written[name] = target
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, IndexError) as error:
        raise InputError(problem("archive_damaged", file=file)) from error
    except OSError as error:
        raise InputError(problem("unreadable_file", file=file, why=error.strerror or type(error).__name__)) from error
    return written


def _place(file: Path, folder: Path, info: zipfile.ZipInfo, name: str) -> Path:
    """Return where a member is written, or raise when it is encrypted, a link, repeated, or leads out."""
    if info.flag_bits & _LOCKED:
        raise InputError(problem("archive_locked", file=file, name=name))
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or stat.S_ISLNK(info.external_attr >> 16):
        raise InputError(problem("archive_path", file=file, name=name))
    target = folder.joinpath(*(_UNFIT.sub("_", part).lower() for part in parts))
    if target.exists():
        raise InputError(problem("archive_repeated", file=file, name=name))
    return target


def _chosen(names: dict[str, Path], endings: tuple[str, ...]) -> tuple[Member, ...]:
    """Return the members with one of the endings in the order of their names; a ``.gdb`` folder is one member."""
    found = dict(_whole(name, file) for name, file in names.items())
    return tuple(Member(name, found[name]) for name in sorted(found) if found[name].suffix.lower() in endings)


def _whole(name: str, file: Path) -> tuple[str, Path]:
    """Return name and place of the ``.gdb`` folder that a member is in, else its own."""
    parts = PurePosixPath(name).parts
    depth = next((at for at, part in enumerate(parts[:-1], start=1) if part.lower().endswith(".gdb")), len(parts))
    up = len(parts) - depth
    return "/".join(parts[:depth]), file.parents[up - 1] if up else file
