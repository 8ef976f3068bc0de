"""Workbooks: Excel and WPS files of every kind, opened by what they are and not by what they are called."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine as calamine

from carecircle.china.headers import is_known_header
from carecircle.errors import InputError, problem
from carecircle.guards import MAX_TABLE_BYTES, refuse_large, refuse_workbook_bomb
from carecircle.sources.tables.delimited import decoded, separator_of, text_sheet
from carecircle.sources.tables.marks import OLE, ZIP, is_locked, marks_of, refuse_circles
from carecircle.sources.tables.sheets import Marks, Sheet, sheet_of, unreadable
from carecircle.sources.tables.webtables import is_web_page, page_encoding, page_sheet

EXCEL_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".et")
_OTHER_KINDS = {b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"Rar!": "RAR", b"7z\xbc\xaf": "7z",
                b"\x1f\x8b": "gzip", b"{\\rtf": "RTF"}  # fmt: skip
_XML_WORKBOOK = re.compile(rb"urn:schemas-microsoft-com:office:spreadsheet", re.IGNORECASE)
_WEB_ARCHIVE = re.compile(rb"\A\s*MIME-Version:", re.IGNORECASE)
_NOTES_SHEET = re.compile("说明|须知|填写|目录|封面|要求|readme|notes?$", re.IGNORECASE)
_PEEKED_ROWS = 20


def read_cells(file: Path, sheet: str | None, encoding: str | None) -> Sheet:
    """Return the cells of a table file of any kind, told by its first bytes.

    Raises
    ------
    InputError
        It is no table, is locked by a password, or holds several and none is chosen.
    """
    refuse_large(file, MAX_TABLE_BYTES)
    raw = file.read_bytes()
    if raw.startswith((ZIP, OLE)) or (file.suffix.lower() in EXCEL_ENDINGS and _is_old_excel(raw)):
        return _workbook_sheet(file, raw, sheet)
    _refuse_other_kinds(file, raw)
    if is_web_page(raw):
        found = page_sheet(file, decoded(file, raw, encoding or page_encoding(raw)))
        return found.adding(found.finding("read", "as_web_page", suffix=file.suffix))
    if file.suffix.lower() not in EXCEL_ENDINGS:
        return text_sheet(file, decoded(file, raw, encoding))
    return _text_called_workbook(file, raw, encoding)


def _is_old_excel(raw: bytes) -> bool:
    """Whether a file is a bare stream of records, as Excel 2 to 4 wrote ([MS-XLS] 2.4.21)."""
    return raw[:2] in {b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08"}


def _refuse_other_kinds(file: Path, raw: bytes) -> None:
    for start, kind in _OTHER_KINDS.items():
        if raw.startswith(start):
            raise InputError(problem("not_a_table", file=file, kind=kind))
    if _XML_WORKBOOK.search(raw[:5000]):
        raise InputError(problem("save_as_xlsx", file=file, kind="XML 2003"))
    if _WEB_ARCHIVE.match(raw[:200]):
        raise InputError(problem("save_as_xlsx", file=file, kind="MHTML"))


def _text_called_workbook(file: Path, raw: bytes, encoding: str | None) -> Sheet:
    """Return the cells of text under a workbook's ending, as exports name it; what has no separator is no table."""
    try:
        content = decoded(file, raw, encoding)
        sheet = text_sheet(file, content)
    except InputError as error:
        raise InputError(problem("not_a_workbook", file=file, suffix=file.suffix)) from error
    if sheet.cells.shape[1] < 2 or separator_of(content) not in content:
        raise InputError(problem("not_a_workbook", file=file, suffix=file.suffix))
    return sheet.adding(sheet.finding("read", "as_text", suffix=file.suffix))


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn what calamine raises into problems, also the panics of its Rust code, which are no `Exception`."""
    try:
        yield
    except InputError:
        raise
    except calamine.PasswordError as error:
        raise InputError(problem("locked_workbook", file=file)) from error
    except (calamine.CalamineError, OSError, ValueError, OverflowError, IndexError) as error:  # names of zip members
        raise _not_opened(file, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _not_opened(file, error) from None


def _not_opened(file: Path, error: BaseException) -> InputError:
    if file.suffix.lower() == ".et":
        return InputError(problem("save_as_xlsx", file=file, kind="WPS .et"))
    return unreadable(file, error)


def open_workbook(file: Path) -> calamine.CalamineWorkbook:
    """Open a workbook by its content, whatever its ending says."""
    with _reading(file):
        refuse_large(file, MAX_TABLE_BYTES)
        return _opened(file, file.read_bytes())


def _opened(file: Path, raw: bytes) -> calamine.CalamineWorkbook:
    with _reading(file):
        if raw.startswith(OLE):
            refuse_circles(raw)
        if is_locked(raw):
            raise InputError(problem("locked_workbook", file=file))
        refuse_workbook_bomb(file)
        return calamine.load_workbook(io.BytesIO(raw))


def sheets_with_data(book: calamine.CalamineWorkbook) -> list[str]:
    """Return the names of the visible sheets that have a header and at least one row, without sheets of mere notes."""
    return list(_tables_of(book))


def sheet_names(file: Path) -> list[str]:
    """Return the names of a file's sheets with data, none for a file that is no workbook (text, a web page)."""
    with file.open("rb") as stream:
        if not stream.read(8).startswith((ZIP, OLE)):
            return []
    with _reading(file):
        return sheets_with_data(open_workbook(file))


def _tables_of(book: calamine.CalamineWorkbook) -> dict[str, list[list[Any]]]:
    """Return the first rows of the visible sheets that may be tables, by name."""
    names = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet and sheet.visible == calamine.SheetVisibleEnum.Visible
    ]
    sheets = {name: book.get_sheet_by_name(name) for name in names}
    peeked = {name: sheet.to_python(nrows=_PEEKED_ROWS) for name, sheet in sheets.items() if sheet.height > 1}
    return {name: rows for name, rows in peeked.items() if not _is_notes(name, rows)}


def _is_notes(name: str, rows: list[list[Any]]) -> bool:
    """Whether a sheet explains rather than lists: no headers that are known, and sentences or a name that says so."""
    if _known(rows) > 0:
        return False
    widest = max(sum(cell != "" for cell in row) for row in rows)
    sentences = any(isinstance(cell, str) and len(cell) > 12 for row in rows for cell in row)
    return bool(_NOTES_SHEET.search(name)) or (widest == 1 and sentences)


def _known(rows: list[list[Any]]) -> int:
    """Return how many known headers stand in one of the rows at most."""
    return max(sum(isinstance(cell, str) and is_known_header(cell) for cell in row) for row in rows)


def _only_sheet(book: calamine.CalamineWorkbook, file: Path) -> str:
    """Return the one sheet that is a table, or the one among several whose headers are known."""
    tables = _tables_of(book)
    known = {name: _known(rows) for name, rows in tables.items()} if len(tables) > 1 else {}
    telling = [name for name, count in known.items() if count > 0]
    if len(telling) == 1 and known[telling[0]] > 1:
        return telling[0]
    if len(tables) > 1:
        raise InputError(problem("several_sheets", file=file, found="、".join(tables)))
    if not tables:
        raise InputError(problem("empty_table", file=file))
    return next(iter(tables))


def _workbook_sheet(file: Path, raw: bytes, sheet: str | None) -> Sheet:
    book = _opened(file, raw)
    with _reading(file):
        chosen = sheet if sheet is not None else _only_sheet(book, file)
        if chosen not in book.sheet_names:
            raise InputError(problem("missing_sheet", file=file, value=chosen, found="、".join(book.sheet_names)))
        content = book.get_sheet_by_name(chosen)
        rows, (top, left) = content.to_python(skip_empty_area=True), content.start or (0, 0)
        merges = tuple((a + 1, b + 1, c + 1, d + 1) for (a, b), (c, d) in content.merged_cell_ranges or ())
    said = marks_of(raw, chosen, book.sheet_names.index(chosen))
    marks = said or Marks()
    marks = Marks(merges or marks.merges, marks.hidden, marks.errors, marks.date1904)
    found = sheet_of(rows, file, chosen, first=(top + 1, left + 1), marks=marks)
    return _told(found, book, known=said is not None)


def _told(sheet: Sheet, book: calamine.CalamineWorkbook, *, known: bool) -> Sheet:
    """Return the sheet with findings on the other sheets and on its hidden rows."""
    others = [name for name in book.sheet_names if name != sheet.name]
    hidden = pd.Series(sheet.cells.index[sheet.cells.index.isin(sheet.marks.hidden)])
    found = [sheet.finding("aside", "other_sheets", found="、".join(others))] if others else []
    found += [sheet.finding("doubtful", "hidden_rows", rows=hidden)] if len(hidden) else []
    found += [] if known else [sheet.finding("doubtful", "unknown_marks")]
    return sheet.adding(*found)
