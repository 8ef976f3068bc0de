"""From the cells and shapes of a file to a table that keeps its contract.

All readers share this way: `load` the file, `interpret` its headers and cells, give it points or polygons,
`finish` by the contract's check. Problems are collected on the way and raised together, under the headers the
user knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.china.headers import is_weak, known_headers, match_headers
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, Problem, UsageError, problem, require_file
from carecircle.findings import Finding, Place, QualityLog
from carecircle.language import text
from carecircle.schema import Column, Table, check
from carecircle.sources.layers.databases import is_database
from carecircle.sources.layers.formats import PACKED_ENDINGS, local_file
from carecircle.sources.layers.reading import LAYER_ENDINGS, CrsLike, open_layer
from carecircle.sources.tables.cells import CellKind, as_code, as_date, as_it_is, as_number, as_text, broken_formulas
from carecircle.sources.tables.reading import (
    PARQUET_ENDINGS,
    TABLE_ENDINGS,
    SourceTable,
    cell_findings,
    cell_problems,
    has_geometry,
    mapping_findings,
    read_table,
    row_findings,
    without_personal,
)

Shapes = NDArray[np.object_]
Source = str | Path | pd.DataFrame

_NO_PLACE = {"no_place", "not_a_number", "not_a_position", "not_a_pair"}
_CODES = {"area_id", "parent_id", "area_code", "credit_code"}
POSITIONS = {name: Column(name, "text", "degrees") for name in ("lon", "lat", "lonlat")}
"""Columns of a table that say where a row is; `carecircle.sources.positions.points` reads them."""
_READERS: dict[CellKind, tuple[Callable[[pd.Series], tuple[pd.Series, pd.Series]], str]] = {
    "number": (as_number, "not_a_number"),
    "date": (as_date, "not_a_date"),
    "code": (as_code, "lost_digits"),
}


DatumChoice = Literal["auto", "wgs84", "gcj02", "bd09"]
"""A datum, or to be found out."""
BadRows = Literal["stop", "drop"]
"""What happens to rows that break the contract: the reader raises, or leaves them out and says so."""


@dataclass(frozen=True, eq=False)
class Reading:
    """How a file is to be read.

    Parameters
    ----------
    crs, datum, layer, sheet, encoding, columns
        See `read_facilities`.
    bad_rows
        ``"stop"``: a row that breaks the contract is a problem; ``"drop"``: it is left out with a finding.
    streets, areas
        What ``datum="auto"`` is judged by: streets (lines in EPSG:4326, or a `RoadNetwork`), and areas from
        `read_areas`.
    log
        Collects findings.
    """

    crs: CrsLike | None = None
    datum: DatumChoice = "wgs84"
    layer: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    bad_rows: BadRows = "stop"
    streets: Any = None
    areas: gpd.GeoDataFrame | None = None
    log: QualityLog | None = None

    def __post_init__(self) -> None:
        known = get_args(DatumChoice)
        if self.datum not in known:
            raise UsageError(text("usage.datum", value=self.datum, known="、".join(known)))


@dataclass(frozen=True)
class Draft:
    """A table on its way to the contract.

    Parameters
    ----------
    frame
        Columns under the contract's names where they are known.
    source
        Where it came from.
    table
        The contract.
    headers
        ``{contract column: the file's header}``.
    reading
        How it is read.
    problems, notes, findings
        What has been found so far.
    """

    frame: pd.DataFrame
    source: SourceTable
    table: Table
    headers: Mapping[str, str]
    reading: Reading = field(default_factory=Reading)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_layer(self) -> bool:
        """Whether the rows already have geometry."""
        return isinstance(self.frame, gpd.GeoDataFrame)

    def adding(
        self,
        frame: pd.DataFrame | None = None,
        problems: list[Problem] | tuple[Problem, ...] = (),
        notes: tuple[str, ...] = (),
        findings: tuple[Finding, ...] = (),
    ) -> Draft:
        """Return the draft with another frame, more problems, notes and findings."""
        return replace(
            self,
            frame=self.frame if frame is None else frame,
            problems=(*self.problems, *problems),
            notes=(*self.notes, *notes),
            findings=(*self.findings, *findings),
        )

    def only(self, rows: pd.Series) -> Draft:
        """Return the draft with the rows marked in `rows` (a mask on its index)."""
        return replace(
            self, frame=self.frame[rows], source=replace(self.source, rows=self.source.rows.loc[self.frame.index[rows]])
        )


def load(source: Source, reading: Reading) -> SourceTable:
    """Return the raw table of a file of any kind, or of a frame in memory."""
    if isinstance(source, pd.DataFrame):
        return _table_of_frame(source)
    if is_database(source):
        return open_layer(source)
    file = require_file(local_file(source))
    ending = file.suffix.lower()
    if ending in PACKED_ENDINGS:
        raise InputError(problem("archive_kind", file=file, suffix=ending))
    if ending not in {*TABLE_ENDINGS, *LAYER_ENDINGS}:
        known = " ".join(dict.fromkeys((*TABLE_ENDINGS, *LAYER_ENDINGS)))
        raise InputError(problem("unknown_format", file=file, suffix=ending, known=known))
    if ending in PARQUET_ENDINGS:
        return open_layer(file) if has_geometry(file) else read_table(file)
    if ending in TABLE_ENDINGS:
        return read_table(file, reading.sheet, reading.encoding)
    return open_layer(file, layer=reading.layer, encoding=reading.encoding)


def _table_of_frame(frame: pd.DataFrame) -> SourceTable:
    titles = pd.Series([str(title) for title in frame.columns])
    if titles.duplicated().any():
        raise InputError(problem("repeated_headers", found="、".join(titles[titles.duplicated()].unique())))
    kept = frame if frame.index.is_unique else frame.reset_index(drop=True)
    if isinstance(kept, gpd.GeoDataFrame) and kept.active_geometry_name is None:
        kept = pd.DataFrame(kept)
    return without_personal(SourceTable(kept, pd.Series(range(1, len(kept) + 1), index=kept.index)))


def interpret(source: SourceTable, table: Table, reading: Reading) -> Draft:
    """Give the columns their contract's names and turn the cells into what the contract says."""
    if len(source.frame) == 0:
        raise InputError(problem("empty_table", file=source.file, sheet=source.sheet))
    geometry = source.frame.geometry.name if isinstance(source.frame, gpd.GeoDataFrame) else None
    kinds = {column.name: column for column in (*table.columns, Column("name", "text"))}
    if geometry is None and table.geometry:
        kinds |= POSITIONS
    headers = [str(header) for header in source.frame.columns if header != geometry]
    matched, problems = match_headers(headers, kinds, table.name, reading.columns)
    problems = [replace(found, file=source.file, sheet=source.sheet) for found in problems]
    matched = {column: header for column, header in matched.items() if not _is_hours(column, header, source, reading)}
    findings = list(mapping_findings(source, matched, table.name))
    frame = _renamed(source.frame.rename(columns=str), matched)
    for column in frame.columns:
        if column in kinds and column not in POSITIONS:
            header = matched[column]
            kind = _cell_kind(kinds[column], table)
            findings += cell_findings(frame[column], kind, source, header, unit=kinds[column].unit)
            frame[column], wrong = _read_cells(frame[column], kind, source, header, kinds[column].unit)
            problems += wrong
        elif geometry is None and column not in POSITIONS:
            frame[column] = as_it_is(frame[column])
    if geometry not in {None, "geometry"}:
        bare = gpd.GeoDataFrame(frame).drop(columns=[c for c in ["geometry"] if c in frame])
        frame = bare.rename_geometry("geometry")
    return Draft(frame, source, table, matched, reading, tuple(problems), source.notes, (*source.findings, *findings))


def _is_hours(column: str, header: str, source: SourceTable, reading: Reading) -> bool:
    """Whether a header that may mean dates stands above other things (运营时间: 8:00-18:00) and is nobody's choice."""
    if column in reading.columns or column != "opened" or not is_weak(column, header):
        return False
    dates, wrong = as_date(source.frame[header])
    return int(wrong.sum()) * 2 > int(dates.notna().sum() + wrong.sum())


def _renamed(frame: pd.DataFrame, matched: Mapping[str, str]) -> pd.DataFrame:
    """Return a copy under the contract's names; a column that only happens to be called so is set aside."""
    taken = set(matched) - set(matched.values())
    aside = {column: f"{column} (file)" for column in frame.columns if column in taken}
    chosen = {header: column for column, header in matched.items()}
    return frame.rename(columns={**aside, **chosen}).copy()


def _cell_kind(column: Column, table: Table) -> CellKind:
    if column.kind == "text" and (column.name == table.key or column.name in _CODES):
        return "code"
    return column.kind


def _read_cells(
    cells: pd.Series, kind: CellKind, source: SourceTable, header: str, unit: str
) -> tuple[pd.Series, list[Problem]]:
    if kind == "text":
        broken = broken_formulas(cells)
        return as_text(cells).where(~broken, None), cell_problems("broken_formula", broken, source, header, cells)
    read, key = _READERS[kind]
    values, wrong = as_number(cells, unit) if kind == "number" else read(cells)
    return values, cell_problems(key, wrong, source, header, cells)


def with_keys(draft: Draft, letter: str) -> Draft:
    """Give rows without a key column keys by their numbers."""
    key = draft.table.key
    if key in draft.frame.columns or any(found.column == key for found in draft.problems):
        return draft
    keys = numbered(letter, len(draft.frame))
    if len(keys) == 0:
        return draft
    frame = draft.frame.assign(**{key: keys})
    return draft.adding(frame, notes=(text("note.made_keys", first=keys[0], last=keys[-1]),))


def numbered(letter: str, count: int) -> NDArray[np.object_]:
    """Return ``F0001 F0002 ...``, with as many digits as are needed and at least four."""
    width = max(4, len(str(count)))
    numbers = np.char.zfill(np.arange(1, count + 1).astype(str), width)
    return np.char.add(letter, numbers).astype(object)


def missing_header(draft: Draft, column: str) -> Problem:
    """Return the problem that a column is not there, with the headers that would do and those there are."""
    found = "、".join(str(header) for header in draft.source.frame.columns)
    known = "、".join(known_headers(column, draft.table.name))
    return problem(
        "missing_header", file=draft.source.file, sheet=draft.source.sheet, column=column, known=known, found=found
    )


def with_shapes(frame: gpd.GeoDataFrame, shapes: Shapes) -> gpd.GeoDataFrame:
    """Return the frame with other geometry, in longitudes and latitudes."""
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=GEOGRAPHIC))


def finish(draft: Draft, table: Table | None = None) -> gpd.GeoDataFrame:
    """Return the table when it keeps its contract, with its notes, else raise every problem found.

    Rows that break the contract are left out with a finding instead where the reading says so.
    """
    draft = draft.adding(_ordered(draft.frame, table or draft.table))
    problems = [_addressed(found, draft) for found in _all_problems(draft, table or draft.table)]
    if problems and draft.reading.bad_rows == "drop":
        draft, problems = _without_bad_rows(draft, problems)
    if problems:
        raise InputError(sorted(problems, key=lambda found: found.row or 0))
    _report(draft)
    frame = draft.frame
    frame.attrs = {"notes": [*draft.notes]}
    return gpd.GeoDataFrame(frame)


def _all_problems(draft: Draft, contract: Table) -> list[Problem]:
    problems = list(draft.problems)
    try:
        check(gpd.GeoDataFrame(draft.frame), contract, draft.source.file, draft.source.rows)
    except InputError as error:
        problems += [found for found in error.found if not _known(found, problems)]
    return problems


def _without_bad_rows(draft: Draft, problems: list[Problem]) -> tuple[Draft, list[Problem]]:
    """Leave out the rows that problems point at; problems of the whole file stay, as when no row is good."""
    rows = draft.source.rows
    problems = list(_without_first_of_key(problems))
    bad = rows.isin([found.row for found in problems if found.row is not None])
    whole = [found for found in problems if found.row is None]
    if whole or bad.all():
        return draft, problems
    findings = tuple(
        Finding("dropped", "bad_row", at.file, at.sheet, at.row, at.column, 1, {"why": at.sentence()})
        for at in problems
    )
    note = text("note.dropped_rows", count=int(bad.sum()))
    return draft.only(~bad).adding(notes=(note,), findings=findings), []


def _without_first_of_key(problems: list[Problem]) -> Iterator[Problem]:
    """Give the problems but for the first row of each repeated key, which may stay."""
    seen = set[str]()
    for found in problems:
        key = found.sentence() if found.key == "repeated_key" else None
        if key is None or key in seen:
            yield found
        else:
            seen.add(key)


def _report(draft: Draft) -> None:
    """Give what was found, and where each row stands, to the log."""
    log, source = draft.reading.log, draft.source
    if log is None:
        return
    log.add([Finding("read", "rows_read", source.file, source.sheet, count=len(draft.frame)), *draft.findings])
    rows = pd.Series(source.rows.to_numpy(), index=draft.frame[draft.table.key].to_numpy())
    log.place(draft.table.name, Place(source.file, source.sheet, rows))


def _known(found: Problem, problems: list[Problem]) -> bool:
    """Whether a missing column, or a row without a place, has been reported already in better words."""
    if found.key == "empty_geometry":
        return any(other.row == found.row and other.key in _NO_PLACE for other in problems)
    return found.key == "missing_column" and any(other.column == found.column for other in problems)


def _addressed(found: Problem, draft: Draft) -> Problem:
    column = draft.headers.get(found.column, found.column) if found.column else None
    return replace(found, sheet=draft.source.sheet, column=column)


def _ordered(frame: gpd.GeoDataFrame, table: Table) -> gpd.GeoDataFrame:
    """Return the contract's columns first, the file's own behind them, the geometry last."""
    first = [column.name for column in table.columns if column.name in frame.columns]
    rest = [column for column in frame.columns if column not in {*first, "geometry"}]
    return frame[[*first, *rest, "geometry"]]


def larger_parts(draft: Draft, *columns: str) -> Draft:
    """Point out rows in which a part is larger than its whole: each of `columns` is a part of the next there is."""
    there = [column for column in columns if column in draft.frame.columns]
    findings: list[Finding] = []
    for part, whole in pairwise(there):
        values, totals = draft.frame[part], draft.frame[whole]
        titles = {name: draft.headers.get(column, column) for name, column in (("part", part), ("whole", whole))}
        gaps = {name: pd.Series(title, index=values.index) for name, title in titles.items()}
        gaps |= {"value": values.map("{:g}".format), "total": totals.map("{:g}".format)}
        findings += row_findings("doubtful", "part_larger", values > totals, draft.source, titles["part"], **gaps)
    return draft.adding(findings=tuple(findings))


def filled(frame: pd.DataFrame, columns: tuple[str, ...], value: float | None = None) -> pd.DataFrame:
    """Return the frame with the columns it lacks, holding `value` (nothing known)."""
    return frame.assign(**{column: value for column in columns if column not in frame.columns})
