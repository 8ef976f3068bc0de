"""Makers of tables: CSV in any encoding, workbooks old and new, and changes of one cell at a time."""

from __future__ import annotations

import csv as csv_module
import datetime as dt
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
import xlwt

from . import town
from .case import Maker

Change = Callable[[pd.DataFrame], pd.DataFrame]
Rows = list[list[Any]]
STAMP = dt.datetime(2026, 6, 30)  # noqa: DTZ001  workbooks know no time zones
ZIP_DATE = (2026, 6, 30, 0, 0, 0)


SELDOM = (
    "统一社会信用代码",
    "护理型床位",
    "等级",
    "运营状态",
    "建成日期",
    "建筑面积",
    "行政区划代码",
    "所属区县",
    "所属乡镇",
    "所属社区",
)
"""Columns that are left out of a list unless something is wrong with them, which is three times as quick."""


def narrow(table: pd.DataFrame) -> pd.DataFrame:
    """Return the facilities without the columns that are seldom needed and as they should be."""
    good = town.facilities()
    idle = [name for name in SELDOM if name in table and table[name].tolist() == good[name].tolist()]
    return table.drop(columns=idle)


# Changes of a table


def cell(key: str, column: str, value: Any) -> Change:
    """Return the change of one cell, in the row whose first cell is `key`."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.iloc[:, 0] == key, column] = pd.Series([value], dtype=object).to_numpy()
        return table

    return change


def column(name: str, values: Callable[[Any], Any] | Any, *, after: str | None = None) -> Change:
    """Return the change of a whole column (a function of the old cell, or one value), or a new one."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        old = table[name] if name in table else pd.Series([None] * len(table), index=table.index, dtype=object)
        new = [values(value) if callable(values) else values for value in old]
        if name not in table and after is not None:
            table.insert(list(table.columns).index(after) + 1, name, pd.Series(new, index=table.index, dtype=object))
            return table
        return table.assign(**{name: pd.Series(new, index=table.index, dtype=object)})

    return change


def renamed(**names: str) -> Change:
    """Return the change of headers."""
    return lambda table: table.rename(columns=names)


def dropped(*names: str) -> Change:
    """Return the loss of columns."""
    return lambda table: table.drop(columns=list(names))


def moved(shift: Callable[[Any, Any], tuple[Any, Any]]) -> Change:
    """Return the change of all coordinates by a function of (lon, lat)."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        pairs = [shift(lon, lat) for lon, lat in zip(table["经度"], table["纬度"], strict=True)]
        new = [pd.Series(values, index=table.index, dtype=object) for values in zip(*pairs, strict=True)]
        return table.assign(经度=new[0], 纬度=new[1])

    return change


def again(key: str, **other: Any) -> Change:
    """Return a row that stands there twice, the second time at the end with some cells changed."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        row = table[table.iloc[:, 0] == key].assign(**other)
        return pd.concat([table, row], ignore_index=True)

    return change


def only(*names: str) -> Change:
    """Return the table with these columns alone."""
    return lambda table: table[list(names)]


def changed(table: pd.DataFrame, changes: Sequence[Change]) -> pd.DataFrame:
    """Return a table after all changes."""
    for change in changes:
        table = change(table)
    return table


def rows_of(table: pd.DataFrame) -> Rows:
    """Return header and cells, None for nothing."""
    body = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return [list(table.columns), *body]


# Text tables


def text_of(rows: Rows, separator: str = ",", newline: str = "\r\n") -> str:
    """Return rows as the text of a CSV file."""
    stream = io.StringIO()
    csv_module.writer(stream, delimiter=separator, lineterminator=newline).writerows(
        [["" if value is None else value for value in row] for row in rows]
    )
    return stream.getvalue()


def csv(
    *changes: Change,
    encoding: str = "utf-8",
    separator: str = ",",
    people: bool = False,
    whole: bool = False,
) -> Maker:
    """Return the maker of a CSV file of the facilities (or people) after changes; `whole` keeps all columns."""

    def make(folder: Path) -> Path:
        table = changed(town.people() if people else town.facilities(), changes)
        table = table if whole or people else narrow(table)
        path = folder / ("people.csv" if people else "homes.csv")
        path.write_bytes(text_of(rows_of(table), separator).encode(encoding))
        return path

    return make


def csv_text(change: Callable[[str], str], *changes: Change, encoding: str = "utf-8", people: bool = False) -> Maker:
    """Return the maker of a CSV file whose text is changed after all."""

    def make(folder: Path) -> Path:
        table = changed(town.people() if people else town.facilities(), changes)
        table = table if people else narrow(table)
        return _written(folder / "homes.csv", change(text_of(rows_of(table))).encode(encoding))

    return make


def raw(name: str, content: bytes | str | Callable[[], bytes]) -> Maker:
    """Return the maker of a file of these bytes."""

    def make(folder: Path) -> Path:
        made = content() if callable(content) else content
        return _written(folder / name, made.encode() if isinstance(made, str) else made)

    return make


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def nothing(name: str) -> Maker:
    """Return the maker of a name under which there is nothing."""
    return lambda folder: folder / name


def directory(name: str) -> Maker:
    """Return the maker of a folder that is called like a file."""

    def make(folder: Path) -> Path:
        (folder / name).mkdir(parents=True)
        return folder / name

    return make


# Workbooks


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook.

    Parameters
    ----------
    name, rows
        Its name and its cells from A1 on; None leaves a cell empty.
    merges
        (first row, first column, last row, last column) from 0, holding the cell at their first corner.
    hidden
        Whether it is hidden.
    """

    name: str
    rows: Rows
    merges: tuple[tuple[int, int, int, int], ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class Formula:
    """A cell with a formula and what it shows (None: it was never worked out)."""

    formula: str
    shown: Any = ""


@dataclass(frozen=True)
class Date:
    """A cell with a date as spreadsheets keep it: a number that is shown as a date."""

    day: dt.datetime = field(default=STAMP)


def homes(*changes: Change, whole: bool = False) -> Rows:
    """Return the facilities after changes, as rows of a sheet; `whole` keeps all columns."""
    table = changed(town.facilities(), changes)
    return rows_of(table if whole else narrow(table))


def dwellings(*changes: Change) -> Rows:
    """Return the people after changes, as rows of a sheet."""
    return rows_of(changed(town.people(), changes))


def xlsx(*sheets: Sheet | Rows, name: str = "homes.xlsx", options: dict[str, Any] | None = None) -> Maker:
    """Return the maker of a workbook."""

    def make(folder: Path) -> Path:
        book = xlsxwriter.Workbook(folder / name, options or {})
        book.set_properties({"author": "make_bad_files.py", "created": STAMP})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, given in enumerate(sheets, start=1):
            sheet = given if isinstance(given, Sheet) else Sheet(f"名单{number}" if number > 1 else "名单", given)
            _fill(book.add_worksheet(sheet.name), sheet, day)
        _first_visible(book)
        book.close()
        return folder / name

    return make


def _first_visible(book: Any) -> None:
    """Open the workbook at its first visible sheet: the sheet it opens at cannot be hidden."""
    visible = [page for page in book.worksheets() if not page.hidden]
    if visible:
        visible[0].activate()
        visible[0].set_first_sheet()


def _fill(page: Any, sheet: Sheet, day: Any) -> None:
    if sheet.hidden:
        page.hide()
    merged = {(top, left): (bottom, right) for top, left, bottom, right in sheet.merges}
    for at, row in enumerate(sheet.rows):
        for across, value in enumerate(row):
            if (at, across) in merged:
                page.merge_range(at, across, *merged[at, across], value)
            elif value is not None:
                _put(page, at, across, value, day)


def _put(page: Any, at: int, across: int, value: Any, day: Any) -> None:
    if isinstance(value, Formula):
        page.write_formula(at, across, value.formula, None, value.shown)
    elif isinstance(value, Date):
        page.write_datetime(at, across, value.day, day)
    elif isinstance(value, str):
        page.write_string(at, across, value)
    else:
        page.write(at, across, value)


def xls(rows: Rows, name: str = "homes.xls") -> Maker:
    """Return the maker of a workbook of the old kind (BIFF8)."""

    def make(folder: Path) -> Path:
        book = xlwt.Workbook(encoding="utf-8")
        page = book.add_sheet("名单")
        day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
        for at, row in enumerate(rows):
            for across, value in enumerate(row):
                if isinstance(value, Date):
                    page.write(at, across, value.day, day)
                elif value is not None:
                    page.write(at, across, value)
        book.save(str(folder / name))
        return folder / name

    return make


# Bytes


def cut(make: Maker, *, keep: float) -> Maker:
    """Return the maker of a file of which only the first part is there."""

    def made(folder: Path) -> Path:
        path = make(folder)
        content = path.read_bytes()
        return _written(path, content[: int(len(content) * keep)])

    return made


def spoilt(make: Maker, change: Callable[[bytes], bytes]) -> Maker:
    """Return the maker of a file whose bytes are changed after all."""

    def made(folder: Path) -> Path:
        path = make(folder)
        return _written(path, change(path.read_bytes()))

    return made


def named(make: Maker, name: str) -> Maker:
    """Return the maker of the same file under another name."""

    def made(folder: Path) -> Path:
        path = make(folder)
        return path.rename(folder / name)

    return made


def member(make: Maker, name: str, change: Callable[[bytes], bytes]) -> Maker:
    """Return the maker of a workbook of which one member is changed and packed again."""

    def made(folder: Path) -> Path:
        path = make(folder)
        with zipfile.ZipFile(path) as archive:
            content = {info.filename: archive.read(info) for info in archive.infolist()}
        content[name] = change(content[name])
        return write_zip(path, content)

    return made


def write_zip(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an archive of these members; names are written as UTF-8 where they are not ASCII."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in content.items():
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.compress_type = method
            archive.writestr(info, held)
    return path


_SECTOR, _FREE, _END, _TABLE = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(streams: dict[str, bytes]) -> bytes:
    """Return a compound file ([MS-CFB], version 3) with these streams of more than 4096 bytes each.

    An encrypted workbook is such a file with the streams ``EncryptionInfo`` and ``EncryptedPackage``.
    """
    chain, body, starts = [_TABLE], b"", []
    sectors = {name: -(-len(held) // _SECTOR) for name, held in streams.items()}
    for name, held in streams.items():
        starts.append(len(chain))
        chain += [*range(len(chain) + 1, len(chain) + sectors[name]), _END]
        body += held.ljust(sectors[name] * _SECTOR, b"\0")
    first_entry = len(chain)
    entries = [_entry("Root Entry", 5, _END, 0, child=1)]
    for number, (name, start) in enumerate(zip(streams, starts, strict=True), start=1):
        beside = number + 1 if number < len(streams) else _FREE
        entries.append(_entry(name, 2, start, len(streams[name]), right=beside))
    listing = b"".join(entries)
    listing = listing.ljust(-(-len(listing) // _SECTOR) * _SECTOR, b"\0")
    count = len(listing) // _SECTOR
    chain += [*range(first_entry + 1, first_entry + count), _END]
    table = struct.pack("<128I", *chain, *[_FREE] * (128 - len(chain)))
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<9I", 0, 1, first_entry, 0, 4096, _END, 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    return head + table + body + listing


def _entry(name: str, kind: int, start: int, size: int, *, child: int = _FREE, right: int = _FREE) -> bytes:
    words = name.encode("utf-16-le") + b"\0\0"
    head = words.ljust(64, b"\0") + struct.pack("<HBB3I", len(words), kind, 1, _FREE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
