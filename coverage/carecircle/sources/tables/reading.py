"""Tables without geometry: text, workbooks and Parquet, read as the cells they hold.

A table keeps its own headers and raw cells, and the number of each row in the user's program, so that a later
problem can be addressed. Only what is no record is left out (`layout`), personal information is
not read, and units that are multiples (万人, 亩) are converted. What the cells mean is decided by
`carecircle.sources.records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from carecircle.china.headers import plain, scale_of, suggest_headers, words
from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.findings import Action, Finding, row_numbers
from carecircle.guards import refuse_parquet_bomb
from carecircle.language import catalogue, text
from carecircle.sources.tables.cells import CellKind, as_number, broken_formulas, is_day_number, mended_cells
from carecircle.sources.tables.delimited import decode
from carecircle.sources.tables.layout import lay_out
from carecircle.sources.tables.personal import drop_personal, masked, personal_columns
from carecircle.sources.tables.sheets import Sheet, unreadable
from carecircle.sources.tables.workbooks import EXCEL_ENDINGS, open_workbook, read_cells, sheet_names, sheets_with_data

__all__ = [
    "CSV_ENDINGS",
    "EXCEL_ENDINGS",
    "PARQUET_ENDINGS",
    "TABLE_ENDINGS",
    "SourceTable",
    "cell_findings",
    "cell_problems",
    "column_finding",
    "column_label",
    "decode",
    "drop_personal",
    "has_geometry",
    "mapping_findings",
    "open_workbook",
    "read_table",
    "row_findings",
    "row_problems",
    "sheet_names",
    "sheets_with_data",
    "unreadable",
    "without_personal",
]

CSV_ENDINGS = (".csv", ".tsv", ".txt")
PARQUET_ENDINGS = (".parquet", ".geoparquet")
TABLE_ENDINGS = (*CSV_ENDINGS, *EXCEL_ENDINGS, ".parquet")

_DAYS_FROM_1900_TO_1904 = 1462


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

    def adding(self, findings: Iterable[Finding] = (), notes: Iterable[str] = ()) -> SourceTable:
        """Return the table with more findings and notes."""
        return replace(self, findings=(*self.findings, *findings), notes=(*self.notes, *notes))


def read_table(path: str | Path, sheet: str | None = None, encoding: str | None = None) -> SourceTable:
    """Read a table: text (UTF-8, UTF-16 or GB18030), a workbook, a table in a web page, or Parquet.

    What a file is, is told by its content; its ending only says that it is meant to be a table. Of a sheet the header
    is found below titles; merged headers become ``街道_2025年``; totals, notes and headers printed again are left out.
    Codes that are text stay text. Columns with personal information (names of people, telephone numbers,
    identity numbers ...) are not kept; the notes name them. Everything done is in the findings.

    Parameters
    ----------
    path
        ``.csv .tsv .txt .xlsx .xlsm .xlsb .xls .ods .et .parquet``.
    sheet
        Name of the sheet; not needed when only one visible sheet is a table.
    encoding
        Encoding of a text, found out when not given.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        The file cannot be read, or holds no table, or more than one.
    """
    file = require_file(path)
    ending = file.suffix.lower()
    if ending not in {*TABLE_ENDINGS, *PARQUET_ENDINGS}:
        raise InputError(problem("unknown_format", file=file, suffix=ending, known=" ".join(TABLE_ENDINGS)))
    if ending in PARQUET_ENDINGS:
        return without_personal(_parquet_table(file))
    try:
        found = read_cells(file, sheet, encoding)
    except (OSError, MemoryError) as error:
        raise unreadable(file, error) from error
    table = _told_of_formulas(_plain_table(found))
    return _in_base_units(_in_days_from_1900(without_personal(table), found))


def _plain_table(sheet: Sheet) -> SourceTable:
    layout = lay_out(sheet)
    findings, notes = (*sheet.findings, *layout.findings), (*sheet.notes, *layout.notes)
    return SourceTable(layout.frame, layout.rows, sheet.file, sheet.name, notes, findings)


def without_personal(source: SourceTable) -> SourceTable:
    """Return the table without its columns of personal information and with such numbers masked in all others."""
    found = personal_columns(source.frame)
    frame, notes = drop_personal(source.frame)
    findings = [Finding("aside", "personal_column", source.file, source.sheet, None, str(name)) for name in found]
    changed = {}
    for name in frame.columns:
        cells, hidden = masked(frame[name])
        if hidden.any():
            changed[name] = cells
            findings += column_finding("aside", "personal_numbers", hidden, source, str(name))
    return replace(source, frame=frame.assign(**changed) if changed else frame).adding(findings, notes)


def _told_of_formulas(source: SourceTable) -> SourceTable:
    findings = [
        found
        for name in source.frame.columns
        for found in column_finding("doubtful", "broken_formulas", broken_formulas(source.frame[name]), source, name)
    ]
    return source.adding(findings)


def _in_days_from_1900(source: SourceTable, sheet: Sheet) -> SourceTable:
    """Return the table with bare day numbers of a workbook that counts from 1904 as all others do."""
    if not sheet.marks.date1904:
        return source
    frame, findings = source.frame.copy(), list[Finding]()
    for name in frame.columns:
        days = is_day_number(frame[name]) & bool("日期" in name or "时间" in name or "date" in name.lower())
        if days.any():
            frame[name] = frame[name].mask(days, frame[name].where(days, 0) + _DAYS_FROM_1900_TO_1904)
            findings += column_finding("mended", "days_from_1904", days, source, name)
    return replace(source, frame=frame).adding(findings)


def _in_base_units(source: SourceTable) -> SourceTable:
    """Return the table with columns in multiples of the contract's units (万人, 亩) converted, their headers too.

    What is no number there stays as it is, for the reader to refuse.
    """
    frame, findings, renamed = source.frame, list[Finding](), dict[str, str]()
    for name in frame.columns:
        scale = scale_of(name)
        numbers, _ = as_number(frame[name]) if scale else (pd.Series(dtype=float), None)
        if scale is None or scale.header in frame.columns or not numbers.notna().any():
            continue
        there = numbers.notna()
        exact = numbers[there].map(lambda number, factor=scale.factor: _times(number, factor))
        frame = frame.assign(**{name: frame[name].mask(there, exact.reindex(frame.index).astype(object))})
        renamed[name] = scale.header
        gaps = {"unit": scale.unit, "base": scale.base, "header": scale.header}
        findings += column_finding("mended", "converted_unit", there, source, name, **gaps)
    notes = [found.message() for found in findings]
    return replace(source, frame=frame.rename(columns=renamed)).adding(findings, notes)


def _times(number: float, factor: Fraction) -> float:
    """Return a product, exact in the decimals that stand in the cell: 12.3 times 10,000 is 123,000 and nothing more."""
    return float(Fraction(repr(number)) * factor)


def row_problems(
    key: str, wrong: pd.Series, source: SourceTable, column: str | None = None, **values: pd.Series
) -> list[Problem]:
    """Return one problem for each row marked in `wrong`.

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
    return [
        Problem(key, source.file, source.sheet, row, column, gaps) for row, gaps in _row_by_row(wrong, source, values)
    ]


def _row_by_row(
    chosen: pd.Series, source: SourceTable, values: Mapping[str, pd.Series]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the number and the values of each row marked in `chosen`."""
    rows = source.rows.loc[chosen]
    listed = {gap: list(series.loc[rows.index]) for gap, series in values.items()}
    for place, row in enumerate(rows.tolist()):
        yield int(row), {gap: said[place] for gap, said in listed.items()}


def cell_problems(key: str, wrong: pd.Series, source: SourceTable, header: str, cells: pd.Series) -> list[Problem]:
    """Return one problem for each cell that cannot be read; those of broken formulas (``#REF!``) say so.

    Parameters
    ----------
    key
        Sentence of the problem.
    wrong
        Mask of the cells, on the source's index.
    source, header
        Where the column is.
    cells
        The raw column.
    """
    broken = broken_formulas(cells)
    return [
        *row_problems("broken_formula", broken, source, header, value=cells),
        *row_problems(key, wrong & ~broken, source, header, value=cells),
    ]


def row_findings(
    action: Action, key: str, chosen: pd.Series, source: SourceTable, column: str | None = None, **values: pd.Series
) -> tuple[Finding, ...]:
    """Return one finding for each row marked in `chosen`; arguments as for `row_problems`."""
    return tuple(
        Finding(action, key, source.file, source.sheet, row, column, 1, gaps)
        for row, gaps in _row_by_row(chosen, source, values)
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


def cell_findings(
    cells: pd.Series, kind: CellKind, source: SourceTable, header: str, *, unit: str | None = ""
) -> tuple[Finding, ...]:
    """Return what reading a column mends in its cells, and what is doubtful: one finding for each sort.

    Parameters
    ----------
    cells
        The raw column.
    kind
        What it is read as: ``"number"``, ``"date"``, ``"code"`` or ``"text"``.
    source, header
        Where it stands.
    unit
        What a column of numbers counts in, as for `as_number`.
    """
    return tuple(
        finding
        for key, mask in mended_cells(cells, kind, unit).items()
        for finding in column_finding("doubtful" if key == "short_codes" else "mended", key, mask, source, header)
    )


def mapping_findings(source: SourceTable, matched: Mapping[str, str], table: str) -> tuple[Finding, ...]:
    """Return a finding for each column: what it is read as, or what it may mean when nothing is read from it.

    Parameters
    ----------
    source
        The table.
    matched
        ``{contract column: header}`` from `match_headers`.
    table
        Section of ``headers.toml``.
    """
    columns = {header: column for column, header in matched.items()}
    geometry = getattr(source.frame, "_geometry_column_name", None)
    headers = [str(header) for header in source.frame.columns if header != geometry]
    left = [header for header in headers if header not in columns]
    suggested = suggest_headers(left, table)

    def told(header: str) -> Finding:
        if header in columns:
            gaps = {"header": header, "column": columns[header], "label": column_label(columns[header])}
            return Finding("mapped", "mapped_column", source.file, source.sheet, None, header, 1, gaps)
        if plain(header) in words("datum_header"):
            return Finding("mapped", "datum_column", source.file, source.sheet, None, header)
        likely = [column for column in suggested[header] if column not in matched]
        if not likely:
            return Finding("mapped", "unmapped_column", source.file, source.sheet, None, header)
        gaps = {"found": "、".join(f"{column}（{column_label(column)}）" for column in likely)}
        return Finding("unmapped", "unmapped_similar", source.file, source.sheet, None, header, 1, gaps)

    return tuple(map(told, headers))


def column_label(column: str) -> str:
    """Return what a contract column is called in the language in force, else its own name.

    Examples
    --------
    >>> column_label("beds"), column_label("mine")
    ('床位', 'mine')
    """
    return text(f"column.{column}") if f"column.{column}" in catalogue() else column


def has_geometry(file: Path) -> bool:
    """Whether a Parquet file is a GeoParquet file."""
    try:
        return b"geo" in (pq.read_schema(file).metadata or {})
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error


def _parquet_table(file: Path) -> SourceTable:
    try:
        refuse_parquet_bomb(pq.read_metadata(file), file)
        pq.read_table(file).validate(full=True)  # text that is no UTF-8 is only found out when it is used
        frame: Any = pd.read_parquet(file)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame = frame.rename(columns=str)
    if frame.empty:
        raise InputError(problem("empty_table", file=file))
    return SourceTable(frame, pd.Series(range(2, len(frame) + 2), index=frame.index), file)
