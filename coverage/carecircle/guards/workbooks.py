"""Workbooks: a few bytes can claim a sheet of 17 billion cells, for which a reader makes room before it reads.

The reader (calamine) holds the rectangle from the first cell of a sheet to the last, 24 bytes a cell, and ends the
whole program when that cannot be had. So the corners of every sheet are found here first, in the bytes themselves
and whatever the file's ending: ``.xlsx`` and ``.xlsm`` (ECMA-376), ``.xlsb`` (MS-XLSB), ``.ods`` (OpenDocument 1.3),
``.xls`` (MS-XLS in MS-CFB).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carecircle.errors import InputError, problem
from carecircle.guards.archives import checked_members, is_zip, unpacked
from carecircle.guards.numbers import seven_bits

MAX_WORKBOOK = 2 << 30
"""Bytes of an unpacked workbook: 30 million cells of 35 bytes are 1 GB."""
MAX_SHEET_CELLS = 30_000_000
"""Cells of the rectangle that holds a sheet's cells: a full sheet (1,048,576 rows) of 28 columns; 1 GB in memory.

Text and web pages too: one long row among many short ones makes room for all of them.
"""

_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,20})(\d{1,20})[\"']")
_CELL = re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
_TAG = re.compile(
    rb"<(?:[\w.-]+:)?(table|table-row|table-cell|covered-table-cell)((?=[\s/>])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)(>|(?=<))"
)
_REPEATED = re.compile(rb"number-(?:rows|columns)-repeated\s*=\s*[\"']\s*(\d{1,20})")
_CARRIED = 1 << 16  # bytes of an unfinished tag that are kept; longer ones are no tags
_SHEET_BEGINS = b"\x81\x01"  # BrtBeginSheet, the first record of a sheet
_XLSB_ROW, _XLSB_CELLS = 0, {*range(1, 12), 62}
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_XLS_CELLS = {0x0006, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E}
_SEVERAL = 0x00BD  # MulRk: cells side by side, six bytes each
_XLS_BEGINS = {0x0009, 0x0209, 0x0409, 0x0809}


@dataclass
class _Corners:
    """Rows and columns that cells of a sheet have been seen in."""

    top: int = 1 << 62
    bottom: int = -1
    left: int = 1 << 62
    right: int = -1

    def add(self, rows: Iterable[int], columns: Iterable[int]) -> None:
        """Widen the corners."""
        rows, columns = list(rows), list(columns)
        self.top, self.bottom = min([self.top, *rows]), max([self.bottom, *rows])
        self.left, self.right = min([self.left, *columns]), max([self.right, *columns])

    @property
    def cells(self) -> int:
        """Number of cells of the rectangle."""
        return max(0, self.bottom - self.top + 1) * max(0, self.right - self.left + 1)


def refuse_workbook_bomb(file: Path) -> None:
    """Raise when a workbook of any kind is made to exhaust memory.

    Raises
    ------
    InputError
        As `refuse_zip_bomb`; or a sheet's cells span more than `MAX_SHEET_CELLS`.
    ValueError
        It is no XML where it must be.
    """
    with file.open("rb") as stream:
        ole = stream.read(len(_OLE)) == _OLE
    if ole:
        _refuse_wide(file, _xls_sheets(file.read_bytes()))
    elif is_zip(file):
        for info in checked_members(file, MAX_WORKBOOK):
            _refuse_wide(file, _sheets(info.filename, unpacked(file, info)))


def _refuse_wide(file: Path, sheets: Iterable[_Corners]) -> None:
    for corners in sheets:
        if corners.cells > MAX_SHEET_CELLS:
            refuse_wide_sheet(file, corners.bottom - corners.top + 1, corners.right - corners.left + 1)


def refuse_wide_sheet(file: Path, rows: int, columns: int) -> None:
    """Raise when a sheet, or a table in text or a web page, spans more than `MAX_SHEET_CELLS`."""
    if rows * columns > MAX_SHEET_CELLS:
        most = f"{MAX_SHEET_CELLS:,d}"
        raise InputError(problem("sheet_size", file=file, rows=f"{rows:,d}", columns=f"{columns:,d}", most=most))


def _sheets(name: str, pieces: Iterator[bytes]) -> Iterator[_Corners]:
    """Give the corners of the sheets in a member, reading it to its end whatever it is."""
    if name == "content.xml":
        yield from _ods_sheets(pieces)
    elif name.lower().endswith(".bin"):
        content = b"".join(pieces)
        if content.startswith(_SHEET_BEGINS):
            yield _xlsb_sheet(content)
    else:
        yield _xlsx_sheet(pieces)


def _xlsx_sheet(pieces: Iterator[bytes]) -> _Corners:
    """Return the corners of references such as ``r="B7"``; cells without one follow each other in their row."""
    corners, unnamed, carried = _Corners(), 0, b""
    for piece in pieces:
        content = carried + piece
        cut = content.rfind(b">") + 1
        content, carried = content[:cut], content[cut:][-_CARRIED:]
        found = _REFERENCE.findall(content)
        unnamed += len(_CELL.findall(content)) - sum(1 for letters, _ in found if letters)
        corners.add(
            {int(row) for _, row in found}, {_column(letters) for letters in {at for at, _ in found} if letters}
        )
    if unnamed > 0:
        corners.add((), (1, unnamed))
    return corners


def _column(letters: bytes) -> int:
    """Return the number of a column.

    Examples
    --------
    >>> _column(b"A"), _column(b"XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _ods_sheets(pieces: Iterator[bytes]) -> Iterator[_Corners]:
    """Give the corners of each table: rows and cells may be repeated by a number, and those at the end may be empty."""
    corners = _Corners()
    row = column = repeated = 0
    for kind, attributes in _ods_tags(pieces):
        times = max([1, *(int(found) for found in _REPEATED.findall(attributes))])
        if kind == b"table":
            yield corners
            corners, row, repeated = _Corners(), 0, 0
        elif kind == b"table-row":
            row, column, repeated = row + repeated, 0, times
        else:
            column += times
            if b"value" in attributes or not attributes.endswith(b"/"):
                corners.add((row + 1, row + repeated), (column - times + 1, column))
    yield corners


def _ods_tags(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    carried = b""
    for piece in pieces:
        content, end = carried + piece, 0
        for found in _TAG.finditer(content):
            end = found.end()
            if not found[3]:
                raise ValueError("a tag within a tag")  # readers differ in where such a tag ends
            yield found[1], found[2]
        carried = content[end:][-_CARRIED:]


def _xlsb_sheet(content: bytes) -> _Corners:
    """Return the corners of cell records: kind and length in sevens of bits, then the column; rows have their own."""
    corners, row, at = _Corners(), 0, 0
    while at < len(content):
        kind, at = seven_bits(content, at, 2)
        length, at = seven_bits(content, at, 4)
        first = int.from_bytes(content[at : at + 4], "little")
        if kind == _XLSB_ROW:
            row = first
        elif kind in _XLSB_CELLS:
            corners.add((row,), (first,))
        at += length
    return corners


def _xls_sheets(content: bytes) -> Iterator[_Corners]:
    """Give the corners of each sheet of a BIFF stream: records of kind, length, row, column ... (last column)."""
    stream, at, corners = workbook_stream(content), 0, _Corners()
    while at + 8 <= len(stream):
        kind, length, row, column = struct.unpack_from("<4H", stream, at)
        if kind in _XLS_BEGINS:
            yield corners
            corners = _Corners()
        elif kind in _XLS_CELLS:
            more = (length - 6) // 6 if kind == _SEVERAL else 0
            corners.add((row,), (column, column + more))
        at += 4 + length
    yield corners


def workbook_stream(content: bytes) -> bytes:
    """Return the stream ``Workbook`` (or ``Book``) of a compound file, b"" where it has none ([MS-CFB] 2)."""
    if len(content) < 512:
        return b""
    shift, small_shift = np.frombuffer(content, "<u2", 2, 30).tolist()
    if shift not in {9, 12} or small_shift > shift:
        return b""
    first_entry, _, cutoff, first_small, _, first_more, _ = np.frombuffer(content, "<u4", 7, 48).tolist()
    sectors = _Sectors(content[1 << shift :] if shift == 12 else content[512:], 1 << shift)
    table = _allocation(sectors, np.frombuffer(content, "<u4", 109, 76), first_more)
    entries = sectors.chain(first_entry, table)
    found = {entries[at : at + 64].decode("utf-16-le", "ignore").split("\0")[0].lower(): entries[at : at + 128]
             for at in range(0, len(entries) - 127, 128)}  # fmt: skip
    entry = found.get("workbook", found.get("book"))
    if entry is None:
        return b""
    start, size = np.frombuffer(entry, "<u4", 2, 116).tolist()
    if size >= cutoff:
        return sectors.chain(start, table)[:size]
    root = int(np.frombuffer(entries, "<u4", 1, 116)[0])
    small = _Sectors(sectors.chain(root, table), 1 << small_shift)
    return small.chain(start, np.frombuffer(sectors.chain(first_small, table), "<u4"))[:size]


@dataclass(frozen=True)
class _Sectors:
    """A compound file's content in sectors, of which a table says which follows which."""

    content: bytes
    size: int

    def one(self, number: int) -> bytes:
        """Return a sector, b"" for one that is not there."""
        return self.content[number * self.size : (number + 1) * self.size]

    def chain(self, first: int, table: NDArray[np.uint32]) -> bytes:
        """Return a stream; a chain that bites its own tail ends there."""
        parts, seen, number = [], set[int](), first
        while number not in seen and (part := self.one(number)):
            seen.add(number)
            parts.append(part)
            number = int(table[number]) if number < len(table) else 1 << 32
        return b"".join(parts)


def _allocation(sectors: _Sectors, first: NDArray[np.uint32], more: int) -> NDArray[np.uint32]:
    """Return the table of sectors; its own sectors are listed in the head and, of large files, in a chain."""
    listed, seen = [first], set[int]()
    while more not in seen and len(part := sectors.one(more)) == sectors.size:
        seen.add(more)
        numbers = np.frombuffer(part, "<u4")
        listed.append(numbers[:-1])
        more = int(numbers[-1])
    content = b"".join(map(sectors.one, np.concatenate(listed).tolist()))
    return np.frombuffer(content[: len(content) // 4 * 4], "<u4")
