"""Tables without geometry: CSV, Excel and Parquet, read as the cells they hold.

Nothing is interpreted here: a table keeps its own headers and raw cells, and the number of each row in the
user's program, so that a later problem can be addressed. What the cells mean is decided by
`carecircle.sources.records`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine as calamine

from carecircle.china.headers import is_personal
from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.findings import Action, Finding, row_numbers
from carecircle.language import text

CSV_ENDINGS = (".csv", ".tsv", ".txt")
EXCEL_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PARQUET_ENDINGS = (".parquet", ".geoparquet")
TABLE_ENDINGS = (*CSV_ENDINGS, *EXCEL_ENDINGS, ".parquet")

_SEPARATORS = ",\t;，"
LISTED_PROBLEMS = 50
"""Problems of one sort that are listed; the rest is counted."""


@dataclass(frozen=True)
class SourceTable:
    """A table or layer as it stands in a file.

    Parameters
    ----------
    frame
        Raw cells (text, numbers, dates, None) under the file's own headers; a GeoDataFrame when it is a
        layer.
    rows
        Number of each row as the user's program shows it, on the frame's index.
    file, sheet
        Where it stands; None for what was never in a file.
    notes
        What was done while reading, as sentences.
    findings
        The same and more for the quality report, addressed by row and column.
    """

    frame: pd.DataFrame
    rows: pd.Series
    file: Path | None = None
    sheet: str | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_table(path: str | Path, sheet: str | None = None, encoding: str | None = None) -> SourceTable:
    """Read a table: CSV (UTF-8, UTF-16 or GB18030), Excel or Parquet; the first row with cells is its header.

    Codes that are text stay text. Columns with personal information (names of people, telephone numbers,
    identity numbers ...) are not kept; the notes name them.

    Parameters
    ----------
    path
        ``.csv .tsv .txt .xlsx .xlsm .xlsb .xls .ods .parquet``.
    sheet
        Name of the sheet; not needed when only one visible sheet has data.
    encoding
        Encoding of a CSV file, found out when not given.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        The file cannot be read, or holds no table, or more than one.
    """
    file = require_file(path)
    ending = file.suffix.lower()
    if ending in CSV_ENDINGS:
        return _from_cells(_csv_cells(file, encoding), file, None)
    if ending in EXCEL_ENDINGS:
        return _excel_table(file, sheet)
    if ending in PARQUET_ENDINGS:
        return _parquet_table(file)
    raise InputError(problem("unknown_format", file=file, suffix=ending, known=" ".join(TABLE_ENDINGS)))


def drop_personal(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the frame without its columns of personal information, and a note when there were any."""
    found = [column for column in frame.columns if is_personal(str(column))]
    if not found:
        return frame, ()
    return frame.drop(columns=found), (text("note.personal_columns", found="、".join(found)),)


def row_problems(
    key: str, wrong: pd.Series, source: SourceTable, column: str | None = None, **values: pd.Series
) -> list[Problem]:
    """Return one problem for each row marked in `wrong`, at most fifty and a last one that counts the rest.

    Parameters
    ----------
    key
        Sentence of the problem.
    wrong
        Mask on the source's index.
    source, column
        Where the rows are.
    **values
        Columns that fill the sentence's gaps.
    """
    rows = source.rows[wrong]
    listed = rows.index[:LISTED_PROBLEMS]
    found = [
        Problem(
            key,
            source.file,
            source.sheet,
            int(rows[label]),
            column,
            {gap: series[label] for gap, series in values.items()},
        )
        for label in listed
    ]
    if len(rows) > LISTED_PROBLEMS:
        more = {"count": len(rows) - LISTED_PROBLEMS}
        found.append(Problem("more_alike", source.file, source.sheet, None, column, more))
    return found


def row_findings(
    action: Action, key: str, chosen: pd.Series, source: SourceTable, column: str | None = None, **values: pd.Series
) -> tuple[Finding, ...]:
    """Return one finding for each row marked in `chosen`; arguments as for `row_problems`."""
    rows = source.rows.loc[chosen]
    return tuple(
        Finding(
            action,
            key,
            source.file,
            source.sheet,
            int(row),
            column,
            1,
            {gap: series[label] for gap, series in values.items()},
        )
        for label, row in rows.items()
    )


def column_finding(
    action: Action, key: str, chosen: pd.Series, source: SourceTable, column: str | None = None, **values: object
) -> tuple[Finding, ...]:
    """Return one finding for all rows marked in `chosen` together (gap ``rows``: their numbers), none when none is."""
    rows = source.rows.loc[chosen]
    if rows.empty:
        return ()
    gaps = {"rows": row_numbers(rows), **values}
    return (Finding(action, key, source.file, source.sheet, int(rows.min()), column, len(rows), gaps),)


def unreadable(file: Path, error: BaseException) -> InputError:
    """Return the error for a file that cannot be read, with the first line of what its library says."""
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InputError(problem("unreadable_file", file=file, why=why[:200]))


def decode(raw: bytes, encoding: str | None = None) -> str:
    """Return text: in the encoding given, else by its byte order mark, else UTF-8 if it is, else GB18030.

    Raises
    ------
    UnicodeDecodeError, LookupError
        It is none of them; there is no such encoding.
    """
    if encoding is not None:
        return raw.decode(encoding).removeprefix("\ufeff")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def _csv_cells(file: Path, encoding: str | None) -> list[list[Any]]:
    try:
        content = decode(file.read_bytes(), encoding)
        separator = _separator(content)
        return list(csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True))
    except LookupError as error:
        raise InputError(problem("unknown_encoding", file=file, value=encoding)) from error
    except (UnicodeError, csv.Error, OSError) as error:
        raise unreadable(file, error) from error


def _separator(content: str) -> str:
    """Return the sign that the first line with text holds most often; the comma when it holds none."""
    first = next((line for line in content[:100_000].splitlines() if line.strip()), "")
    outside_quotes = "".join(first.split('"')[::2])
    return max(_SEPARATORS, key=outside_quotes.count)


def open_workbook(file: Path) -> calamine.CalamineWorkbook:
    """Open a workbook by its content, whatever its ending says."""
    try:
        return calamine.load_workbook(io.BytesIO(file.read_bytes()))
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise unreadable(file, error) from error


def sheets_with_data(book: calamine.CalamineWorkbook) -> list[str]:
    """Return the names of the visible sheets that have a header and at least one row."""
    names = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet and sheet.visible == calamine.SheetVisibleEnum.Visible
    ]
    return [name for name in names if book.get_sheet_by_name(name).height > 1]


def _excel_table(file: Path, sheet: str | None) -> SourceTable:
    book = open_workbook(file)
    try:
        chosen = sheet if sheet is not None else _only_sheet(book, file)
        if chosen not in book.sheet_names:
            raise InputError(problem("missing_sheet", file=file, value=chosen, found="、".join(book.sheet_names)))
        content = book.get_sheet_by_name(chosen)
        cells = content.to_python(skip_empty_area=True)
    except calamine.CalamineError as error:
        raise unreadable(file, error) from error
    return _from_cells(cells, file, chosen, first_row=1 + (content.start or (0, 0))[0])


def _only_sheet(book: calamine.CalamineWorkbook, file: Path) -> str:
    found = sheets_with_data(book)
    if len(found) > 1:
        raise InputError(problem("several_sheets", file=file, found="、".join(found)))
    if not found:
        raise InputError(problem("empty_table", file=file))
    return found[0]


def has_geometry(file: Path) -> bool:
    """Whether a Parquet file is a GeoParquet file."""
    try:
        return b"geo" in (pq.read_schema(file).metadata or {})
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error


def _parquet_table(file: Path) -> SourceTable:
    try:
        frame = pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame, notes = drop_personal(frame.rename(columns=str))
    if frame.empty:
        raise InputError(problem("empty_table", file=file))
    return SourceTable(frame, pd.Series(range(2, len(frame) + 2), index=frame.index), file, None, notes)


def _from_cells(cells: Sequence[Sequence[Any]], file: Path, sheet: str | None, first_row: int = 1) -> SourceTable:
    """Return a table from rows of cells of which the first with content is the header."""
    raw = pd.DataFrame(dict(enumerate(zip_longest(*cells), start=1)), dtype=object)
    raw = raw.where(raw.notna() & ~raw.apply(_blank), None)
    rows = pd.Series(range(first_row, first_row + len(raw)), index=raw.index)
    filled = raw.notna().any(axis=1)
    raw, rows = raw[filled], rows[filled]
    if len(raw) < 2:
        raise InputError(problem("empty_table", file=file, sheet=sheet))
    header, body, rows = raw.iloc[0], raw.iloc[1:].reset_index(drop=True), rows.iloc[1:]
    rows = rows.reset_index(drop=True)
    body = body.loc[:, header.notna() | body.notna().any()]
    source = SourceTable(body, rows, file, sheet)
    names = _headers(header[body.columns], source)
    frame, notes = drop_personal(body.set_axis(names, axis=1))
    return SourceTable(frame, rows, file, sheet, notes)


def _headers(header: pd.Series, source: SourceTable) -> list[str]:
    """Return the headers as text, or raise when cells stand beyond the last of them or two are the same.

    A column without a header between others (the row numbers that pandas writes) is called ``column 1``.
    """
    beside = header[::-1].isna().cummin()[::-1].to_numpy()
    if beside.any():
        wrong = source.frame.loc[:, beside].notna().any(axis=1)
        count = pd.Series(int((~beside).sum()), index=source.frame.index)
        raise InputError(row_problems("cells_without_header", wrong, source, count=count))
    names = [f"column {position}" if pd.isna(name) else str(name).strip() for position, name in header.items()]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(problem("repeated_headers", file=source.file, sheet=source.sheet, found="、".join(repeated)))
    return names


def _blank(cells: pd.Series) -> pd.Series:
    return cells.astype(str).str.strip().eq("")
