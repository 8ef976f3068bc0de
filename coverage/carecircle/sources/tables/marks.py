"""What workbooks say of their rows and cells and the reader of cells (calamine) leaves out.

That is hidden rows, failed formulas (which it reads as blank), the first day of the calendar and, in OpenDocument
files, merged ranges. Only this is taken from the bytes: ``.xlsx`` and ``.xlsm`` are zipped XML (ECMA-376, part 1,
18.3.1.4 and 18.3.1.73), ``.xls`` is a stream of records ([MS-XLS] 2.4), ``.ods`` is zipped XML (OpenDocument 1.3,
part 3, 9.1). Of ``.xlsb`` nothing is known.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from carecircle.guards.workbooks import workbook_stream
from carecircle.sources.tables.sheets import Marks, Merge

ZIP, OLE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")

# Each of these goes over a tag once, and over what follows to the next tag: hostile files take no longer than others.
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\b(?=[^<>]*?\shidden=[\"'](?:1|true)[\"'])[^<>]*>")
_ROW_NUMBER = re.compile(rb"\sr=[\"'](\d{1,7})[\"']")
_FAILED = re.compile(rb"<(?:\w+:)?c\s(?=[^<>]*?\bt=[\"']e[\"'])([^<>]*)>")
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_SHOWN = re.compile(rb"<(?:\w+:)?v>([^<]*)<|</?(?:\w+:)?c[\s/>]")  # the value of a cell, or that it has none
_LAST_ROW = 1_048_576
_BOOLERR, _FORMULA, _ROW, _DATEMODE, _BOUNDSHEET, _BOF = 0x0205, 0x0006, 0x0208, 0x0022, 0x0085, 0x0809
_FILEPASS = 0x002F
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # name of a stream ([MS-OFFCRYPTO] 2.3.4)
_ROW_IS_HIDDEN = 0x20
_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
_ODS_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def marks_of(raw: bytes, sheet: str, position: int) -> Marks | None:
    """Return what a workbook says of a sheet; None where that cannot be told.

    Parameters
    ----------
    raw
        The workbook.
    sheet, position
        Name of the sheet, and its place among all sheets, from 0.
    """
    if raw.startswith(OLE):
        return _xls_marks(workbook_stream(raw), position)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = set(archive.namelist())
            if "xl/workbook.xml" in names:
                return _xlsx_marks(archive, sheet)
            return _ods_marks(archive.read("content.xml"), sheet) if "content.xml" in names else None
    except (zipfile.BadZipFile, LookupError, ValueError, EOFError, OSError, NotImplementedError, ET.ParseError):
        return None


def _parsed(content: bytes) -> ET.Element:
    """Return parsed XML, which must not declare anything that could be expanded."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError
    return ET.fromstring(content)  # noqa: S314  nothing is declared


def _xlsx_marks(archive: zipfile.ZipFile, sheet: str) -> Marks:
    book = _parsed(archive.read("xl/workbook.xml"))
    links = {link.get("Id"): link.get("Target", "") for link in _parsed(archive.read("xl/_rels/workbook.xml.rels"))}
    entry = next(found for found in book.iterfind("{*}sheets/{*}sheet") if found.get("name") == sheet)
    link = next(value for name, value in entry.attrib.items() if name.endswith("}id"))
    part = posixpath.normpath(posixpath.join("/xl", links[link])).lstrip("/")
    content = archive.read(part)
    properties = book.find("{*}workbookPr")
    said = "0" if properties is None else properties.get("date1904", "0")
    return Marks((), tuple(_hidden_rows(content)), tuple(_failed(content)), said in {"1", "true"})


def _hidden_rows(content: bytes) -> Iterator[int]:
    rows = _HIDDEN_ROW.findall(content) if b"hidden=" in content else []
    yield from (int(found[1]) for row in rows if (found := _ROW_NUMBER.search(row)))


def _failed(content: bytes) -> Iterator[tuple[int, int, str]]:
    cells = _FAILED.finditer(content) if b't="e"' in content or b"t='e'" in content else ()
    for cell in cells:
        at, shown = _REFERENCE.search(cell[1]), _SHOWN.search(content, cell.end())
        if at and shown and shown[1] is not None and not cell[1].endswith(b"/"):
            yield int(at[2]), column_number(at[1].decode("ascii")), shown[1].decode("utf-8", "replace")


def column_number(letters: str) -> int:
    """Return the number of a column.

    Examples
    --------
    >>> column_number("A"), column_number("AA")
    (1, 27)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _xls_marks(stream: bytes, position: int) -> Marks:
    """Return the marks of one sheet; the part of the stream before the first sheet speaks of the whole workbook."""
    starts, date1904 = [], False
    for kind, at, length in _records(stream, 0):
        if kind == _BOUNDSHEET and length >= 4:
            starts.append(struct.unpack_from("<I", stream, at)[0])
        elif kind == _DATEMODE and length >= 2:
            date1904 = stream[at] == 1
    if position >= len(starts):
        return Marks(date1904=date1904)
    hidden: list[int] = []
    errors: list[tuple[int, int, str]] = []
    for kind, at, length in _records(stream, starts[position]):
        if kind == _ROW and length >= 14 and stream[at + 12] & _ROW_IS_HIDDEN:
            hidden.append(1 + struct.unpack_from("<H", stream, at)[0])
        elif kind in {_BOOLERR, _FORMULA} and (said := _xls_error(stream, kind, at, length)):
            row, column = struct.unpack_from("<HH", stream, at)
            errors.append((row + 1, column + 1, said))
    return Marks((), tuple(hidden), tuple(errors), date1904)


def refuse_circles(raw: bytes) -> None:
    """Raise `ValueError` for a compound file whose chains of sectors have no end ([MS-CFB] 2.2, 2.3, 2.5).

    The reader of cells would follow them until the memory is full.
    """
    shift = raw[30] if len(raw) >= 512 else 0
    if shift not in {9, 12}:
        raise ValueError("not a compound file")
    whole = raw[512 if shift == 9 else 4096 :]
    sectors = np.frombuffer(whole[: len(whole) >> shift << shift], "<u4").reshape(-1, 1 << shift >> 2)
    (first_small,), (more,) = struct.unpack_from("<I", raw, 60), struct.unpack_from("<I", raw, 68)
    listed, count = [np.frombuffer(raw, "<u4", 109, 76)], 0
    while more < len(sectors) and count <= len(sectors):
        listed.append(sectors[more][:-1])
        more, count = int(sectors[more][-1]), count + 1
    numbers = np.concatenate(listed)
    table = sectors[numbers[numbers < len(sectors)]].ravel()
    if count > len(sectors) or not _all_end(table):
        raise ValueError("a chain of sectors without an end")
    small: list[int] = []
    while first_small < min(len(sectors), len(table)):
        small.append(first_small)
        first_small = int(table[first_small])
    if not _all_end(sectors[small].ravel()):
        raise ValueError("a chain of small sectors without an end")


def _all_end(table: NDArray[np.uint32]) -> bool:
    """Whether every chain in a table of followers comes to an end, found by ever longer steps."""
    end = len(table)
    follower = np.append(np.minimum(table, end), end).astype(np.int64)
    for _ in range(end.bit_length() + 1):
        follower = follower[follower]
    return bool((follower == end).all())


def is_locked(raw: bytes) -> bool:
    """Whether a workbook can be opened with a password only: a new one in a wrapping, or records told to be locked."""
    if not raw.startswith(OLE):
        return False
    return _ENCRYPTED in raw or any(kind == _FILEPASS for kind, *_ in _records(workbook_stream(raw), 0))


def _records(stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Give kind, place and length of the records from the beginning of a part of the stream to its end."""
    at, depth, end = start, 0, len(stream)
    while at + 4 <= end:
        kind, length = struct.unpack_from("<HH", stream, at)
        if at + 4 + length > end:
            return
        depth += (kind == _BOF) - (kind == 0x000A)  # EOF
        yield kind, at + 4, length
        if depth <= 0:
            return
        at += 4 + length


def _xls_error(stream: bytes, kind: int, at: int, length: int) -> str:
    """Return what a cell of an error, or a formula whose value is one, says; "" for another value."""
    if kind == _BOOLERR and length >= 8 and stream[at + 7] == 1:
        return _ERRORS.get(stream[at + 6], "#VALUE!")
    if kind == _FORMULA and length >= 14 and stream[at + 12 : at + 14] == b"\xff\xff" and stream[at + 6] == 2:
        return _ERRORS.get(stream[at + 8], "#VALUE!")
    return ""


def _ods_marks(content: bytes, sheet: str) -> Marks:
    if b"-spanned=" not in content and b"visibility=" not in content:
        return Marks()
    merges: list[Merge] = []
    hidden: list[int] = []
    for table in _parsed(content).iter(f"{_ODS_TABLE}table"):
        if table.get(f"{_ODS_TABLE}name") != sheet:
            continue
        number = 1
        for row in table.iter(f"{_ODS_TABLE}table-row"):
            times = int(row.get(f"{_ODS_TABLE}number-rows-repeated", "1"))
            if row.get(f"{_ODS_TABLE}visibility", "visible") != "visible":
                hidden += range(number, min(number + min(times, 10_000), _LAST_ROW + 1))
            merges += _ods_merges(row, number)
            number += times
    return Marks(tuple(merges), tuple(hidden))


def _ods_merges(row: ET.Element, number: int) -> Iterator[Merge]:
    column = 1
    for cell in row:
        down = int(cell.get(f"{_ODS_TABLE}number-rows-spanned", "1"))
        across = int(cell.get(f"{_ODS_TABLE}number-columns-spanned", "1"))
        if down > 1 or across > 1:
            yield number, column, number + down - 1, column + across - 1
        column += int(cell.get(f"{_ODS_TABLE}number-columns-repeated", "1"))
