"""Zip archives: workbooks and zipped layers, judged by their table of contents and by unpacking to nowhere."""

from __future__ import annotations

import mmap
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath

from carecircle.errors import InputError, problem

MAX_UNPACKED = 4 << 30
"""Bytes of all members together: a shapefile (.shp and .dbf are 2 GB each at most) just fits."""
MAX_RATIO, RATIO_FROM = 200, 100 << 20
"""How many times an archive may grow, and from how many unpacked bytes on this is asked. Workbooks of regular tables
grow 10 to 60 times; deflate can do 1,032 (https://zlib.net/zlib_tech.html), which only made-up data reach."""
MAX_MEMBERS = 10_000
"""A workbook with a thousand sheets has some 3,000 members."""
NESTED = {".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".tar"}

_ENTRY = b"PK\x01\x02"  # begins each entry of a table of contents (APPNOTE.TXT 4.3.12)
_LOCAL_HEADER = 30  # bytes before name and extra field (APPNOTE.TXT 4.3.7)
_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_LOCKED = 0x1
_CHUNK = 1 << 20


def refuse_zip_bomb(file: Path, most: int = MAX_UNPACKED) -> None:
    """Raise when a zip archive is made to exhaust memory or disk, or hides where its members go.

    Parameters
    ----------
    file
        Any file; what is no zip archive is left to its reader.
    most
        Bytes that the members may have together.

    Raises
    ------
    InputError
        Too many members, too large or growing too much when unpacked, members that overlap (a "zip of death") or are
        larger than they say, archives in the archive, an encrypted or oddly compressed member, or a name that leads
        out of the folder.
    """
    if not is_zip(file):
        return
    for info in checked_members(file, most):
        for _ in unpacked(file, info):
            pass


def is_zip(file: Path) -> bool:
    """Whether a file begins as zip archives do."""
    with file.open("rb") as stream:
        return stream.read(2) == b"PK"


def checked_members(file: Path, most: int = MAX_UNPACKED) -> list[zipfile.ZipInfo]:
    """Return the members of an archive whose table of contents is sound, or raise; none for a damaged archive."""
    if _entries(file) > MAX_MEMBERS:
        raise InputError(problem("archive_members", file=file, most=f"{MAX_MEMBERS:,d}"))
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return []
    if any(info.header_offset < 0 for info in members):
        return []
    _refuse_sizes(file, members, most)
    _refuse_overlap(file, members)
    _refuse_kinds(file, members)
    return members


def _entries(file: Path) -> int:
    """Return how many entries any table of contents in the file can have, counted to just above the limit."""
    if file.stat().st_size == 0:
        return 0
    found, at = 0, -1
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while found <= MAX_MEMBERS and (at := content.find(_ENTRY, at + 1)) >= 0:
            found += 1
    return found


def _refuse_sizes(file: Path, members: list[zipfile.ZipInfo], most: int) -> None:
    large = sum(info.file_size for info in members)
    small = max(1, min(sum(info.compress_size for info in members), file.stat().st_size))
    if large > most:
        raise InputError(problem("archive_size", file=file, size=readable(large), most=readable(most)))
    if large > RATIO_FROM and large / small > MAX_RATIO:
        raise InputError(problem("archive_ratio", file=file, ratio=f"{large / small:,.0f}", most=MAX_RATIO))


def _refuse_overlap(file: Path, members: list[zipfile.ZipInfo]) -> None:
    """Raise when members share bytes: so 46 MB become 4.5 PB (Fifield 2019, https://www.bamsoftware.com/hacks/zipbomb/)."""
    spans = sorted((info.header_offset, info.header_offset + _LOCAL_HEADER + info.compress_size) for info in members)
    end_of_file = (file.stat().st_size, 0)
    if any(end > start for (_, end), (start, _) in pairwise([*spans, end_of_file])):
        raise InputError(problem("archive_overlap", file=file))


def _refuse_kinds(file: Path, members: list[zipfile.ZipInfo]) -> None:
    for info in members:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise InputError(problem("archive_path", file=file, name=info.filename))
        if info.flag_bits & _LOCKED:
            raise InputError(problem("archive_locked", file=file, name=info.filename))
        if info.compress_type not in _READABLE:
            raise InputError(problem("archive_method", file=file, name=info.filename))
        if path.suffix.lower() in NESTED:
            raise InputError(problem("archive_nested", file=file, name=info.filename))


def unpacked(file: Path, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give a member's content piece by piece; raise when there is more of it than the table of contents says."""
    count = 0
    for piece in _pieces(file, info):
        count += len(piece)
        if count > info.file_size:
            raise InputError(problem("archive_lies", file=file, name=info.filename))
        yield piece


def _pieces(file: Path, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Inflate without `zipfile`, which stops at the size that is said and so would not see that there is more."""
    with file.open("rb") as stream:
        stream.seek(info.header_offset)
        head = stream.read(_LOCAL_HEADER)
        stream.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        left = info.compress_size
        inflate = None if info.compress_type == zipfile.ZIP_STORED else zlib.decompressobj(-zlib.MAX_WBITS)
        while left and (raw := stream.read(min(left, _CHUNK))):
            left -= len(raw)
            if inflate is None:
                yield raw
            else:
                yield from _inflated(inflate, raw)


def _inflated(inflate: zlib._Decompress, raw: bytes) -> Iterator[bytes]:
    while raw and not inflate.eof:
        try:
            yield inflate.decompress(raw, _CHUNK)
        except zlib.error:  # damaged: its reader will say so
            return
        raw = inflate.unconsumed_tail


def readable(size: float) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> readable(5 << 20), readable(4.5e9)
    ('5 MB', '4.2 GB')
    """
    mega = size / (1 << 20)
    return f"{mega / 1024:,.1f} GB" if mega >= 1024 else f"{mega:,.3g} MB"
