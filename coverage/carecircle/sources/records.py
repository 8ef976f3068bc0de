"""From the cells and shapes of a file to a table that keeps its contract.

All readers share this way: `load` the file, `interpret` its headers and cells, give it points or polygons,
`finish` by the contract's check. Problems are collected on the way and raised together, under the headers the
user knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.china.coordinates import Datum
from carecircle.china.headers import known_headers, match_headers, plain, words
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.language import text
from carecircle.schema import Column, Table, check
from carecircle.sources.cells import as_code, as_date, as_it_is, as_number, as_text
from carecircle.sources.layers import LAYER_ENDINGS, CrsLike, known_crs, open_layer, to_lonlat
from carecircle.sources.tables import (
    LISTED_PROBLEMS,
    PARQUET_ENDINGS,
    TABLE_ENDINGS,
    SourceTable,
    drop_personal,
    has_geometry,
    read_table,
    row_problems,
)

Shapes = NDArray[np.object_]
Source = str | Path | pd.DataFrame

_CODES = {"area_id", "parent_id", "area_code"}
_LON, _LAT = Column("lon", "number", "degrees"), Column("lat", "number", "degrees")


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; see `read_facilities` for what each means."""

    crs: CrsLike | None = None
    datum: Datum = "wgs84"
    layer: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


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
    problems, notes
        What has been found so far.
    """

    frame: pd.DataFrame
    source: SourceTable
    table: Table
    headers: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_layer(self) -> bool:
        """Whether the rows already have geometry."""
        return isinstance(self.frame, gpd.GeoDataFrame)

    def adding(
        self,
        frame: pd.DataFrame | None = None,
        problems: list[Problem] | tuple[Problem, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Draft:
        """Return the draft with another frame, more problems and more notes."""
        return replace(
            self,
            frame=self.frame if frame is None else frame,
            problems=(*self.problems, *problems),
            notes=(*self.notes, *notes),
        )


def load(source: Source, reading: Reading) -> SourceTable:
    """Return the raw table of a file of any kind, or of a frame in memory."""
    if isinstance(source, pd.DataFrame):
        frame, notes = drop_personal(source if source.index.is_unique else source.reset_index(drop=True))
        if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is None:
            frame = pd.DataFrame(frame)
        return SourceTable(frame, pd.Series(range(1, len(frame) + 1), index=frame.index), notes=notes)
    file = require_file(source)
    ending = file.suffix.lower()
    if ending not in {*TABLE_ENDINGS, *LAYER_ENDINGS}:
        known = " ".join(dict.fromkeys((*TABLE_ENDINGS, *LAYER_ENDINGS)))
        raise InputError(problem("unknown_format", file=file, suffix=ending, known=known))
    if ending in PARQUET_ENDINGS:
        return open_layer(file) if has_geometry(file) else read_table(file)
    if ending in TABLE_ENDINGS:
        return read_table(file, reading.sheet, reading.encoding)
    return open_layer(file, layer=reading.layer, encoding=reading.encoding)


def interpret(source: SourceTable, table: Table, reading: Reading) -> Draft:
    """Give the columns their contract's names and turn the cells into what the contract says."""
    geometry = source.frame.geometry.name if isinstance(source.frame, gpd.GeoDataFrame) else None
    kinds = {column.name: column for column in (*table.columns, Column("name", "text"))}
    if geometry is None and table.geometry:
        kinds |= {"lon": _LON, "lat": _LAT}
    headers = [str(header) for header in source.frame.columns if header != geometry]
    matched, problems = match_headers(headers, kinds, table.name, reading.columns)
    problems = [replace(found, file=source.file, sheet=source.sheet) for found in problems]
    frame = _renamed(source.frame.rename(columns=str), matched)
    for column in frame.columns:
        if column == geometry:
            continue
        if column in kinds:
            frame[column], wrong = _read_cells(frame[column], kinds[column], table, source, matched[column])
            problems += wrong
        elif geometry is None:
            frame[column] = as_it_is(frame[column])
    if geometry not in {None, "geometry"}:
        bare = gpd.GeoDataFrame(frame).drop(columns=[c for c in ["geometry"] if c in frame])
        frame = bare.rename_geometry("geometry")
    return Draft(frame, source, table, matched, tuple(problems), source.notes)


def _renamed(frame: pd.DataFrame, matched: Mapping[str, str]) -> pd.DataFrame:
    """Return a copy under the contract's names; a column that only happens to be called so is set aside."""
    taken = set(matched) - set(matched.values())
    aside = {column: f"{column} (file)" for column in frame.columns if column in taken}
    chosen = {header: column for column, header in matched.items()}
    return frame.rename(columns={**aside, **chosen}).copy()


def _read_cells(
    cells: pd.Series, column: Column, table: Table, source: SourceTable, header: str
) -> tuple[pd.Series, list[Problem]]:
    if column.kind == "number":
        values, wrong = as_number(cells)
        return values, row_problems("not_a_number", wrong, source, header, value=cells)
    if column.kind == "date":
        values, wrong = as_date(cells)
        return values, row_problems("not_a_date", wrong, source, header, value=cells)
    if column.name == table.key or column.name in _CODES:
        values, wrong = as_code(cells)
        return values, row_problems("lost_digits", wrong, source, header, value=cells)
    return as_text(cells), []


def with_keys(draft: Draft, letter: str) -> Draft:
    """Give a layer without a key column keys by its row numbers; a table without one is a problem."""
    key = draft.table.key
    if key in draft.frame.columns or any(found.column == key for found in draft.problems):
        return draft
    if not draft.is_layer:
        return draft.adding(problems=[missing_header(draft, key)])
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


def with_points(draft: Draft, reading: Reading) -> Draft:
    """Give every row its point in longitudes and latitudes (polygons stay, for the check to refuse)."""
    if not draft.is_layer:
        absent = [column for column in ("lon", "lat") if column not in draft.frame.columns]
        known = {found.column for found in draft.problems}
        if absent:
            raise InputError([*draft.problems, *(missing_header(draft, c) for c in absent if c not in known)])
        draft = _points_of_columns(draft, reading)
    located = in_lonlat(draft, reading).adding(notes=_said_otherwise(draft, reading.datum))
    geometry = located.frame.geometry.to_numpy()
    parts = shapely.get_num_geometries(geometry)
    multi = shapely.get_type_id(geometry) == shapely.GeometryType.MULTIPOINT
    index = located.frame.index
    several = row_problems(
        "several_parts",
        pd.Series(multi & (parts > 1), index=index),
        located.source,
        count=pd.Series(parts, index=index),
    )
    single = np.where(multi & (parts == 1), shapely.get_geometry(geometry, 0), geometry)
    return located.adding(with_shapes(located.frame, single), several)


def _said_otherwise(draft: Draft, datum: Datum) -> tuple[str, ...]:
    """Return a note when a column of the file says another datum than the one it is read in."""
    headers, known = words("datum_header"), words("datums")
    saying = [column for column in draft.frame.columns if plain(str(column)) in headers]
    notes = []
    for column in saying:
        said = as_text(draft.frame[column]).dropna()
        other = said[~said.map(lambda word: known.get(plain(str(word)), datum)).eq(datum)]
        if len(other):
            found = "、".join(sorted(set(other)))
            notes.append(text("note.datum_said", column=column, found=found, datum=datum))
    return tuple(notes)


def with_shapes(frame: gpd.GeoDataFrame, shapes: Shapes) -> gpd.GeoDataFrame:
    """Return the frame with other geometry, in longitudes and latitudes."""
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=GEOGRAPHIC))


def _points_of_columns(draft: Draft, reading: Reading) -> Draft:
    """Turn longitude and latitude (or x and y of the system given) into points, none where one is missing."""
    lon, lat = (draft.frame[column].to_numpy(dtype=float) for column in ("lon", "lat"))
    known = np.isfinite(lon) & np.isfinite(lat)
    points: Shapes = np.full(len(lon), None, dtype=object)
    points[known] = shapely.points(lon[known], lat[known])
    crs = GEOGRAPHIC if reading.crs is None else known_crs(reading.crs, draft.source.file)
    plain = draft.frame.drop(columns=["lon", "lat"] + [c for c in ["geometry"] if c in draft.frame])
    return draft.adding(gpd.GeoDataFrame(plain, geometry=points, crs=crs))


def in_lonlat(draft: Draft, reading: Reading) -> Draft:
    """Turn the geometry into EPSG:4326 and mark the rows whose place cannot be on earth."""
    before = draft.frame.geometry
    frame, notes = to_lonlat(draft.frame, draft.source.file, crs=reading.crs, datum=reading.datum)
    west, south, east, north = shapely.bounds(frame.geometry.to_numpy()).T
    there = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    nowhere = (west == 0) & (south == 0) & (east == 0) & (north == 0)
    wrong = pd.Series(there & (~on_earth | nowhere), index=frame.index)
    shown = before.bounds.round(6)
    problems = row_problems("outside_coordinates", wrong, draft.source, lon=shown["minx"], lat=shown["miny"])
    return draft.adding(frame, problems, notes)


def finish(draft: Draft, table: Table | None = None) -> gpd.GeoDataFrame:
    """Return the table when it keeps its contract, with its notes, else raise every problem found."""
    contract = table or draft.table
    frame, problems = _ordered(draft.frame, contract), list(draft.problems)
    try:
        check(frame, contract, draft.source.file, draft.source.rows)
    except InputError as error:
        problems += [found for found in error.problems if not _known(found, problems)]
    if problems:
        raise InputError(_shortened([_addressed(found, draft) for found in problems]))
    frame.attrs = {"notes": [*draft.notes]}
    return frame


def _shortened(problems: list[Problem]) -> list[Problem]:
    """Return the problems by row, at most fifty of a sort, and the number of the rest of each."""
    seen: Counter[tuple[str, str | None]] = Counter()
    kept: list[Problem] = []
    for found in sorted(problems, key=lambda found: (found.key == "more_alike", found.row or 0)):
        seen[found.key, found.column] += 1
        if seen[found.key, found.column] <= LISTED_PROBLEMS:
            kept.append(found)
    more = {column: count - LISTED_PROBLEMS for (_, column), count in seen.items() if count > LISTED_PROBLEMS}
    at = problems[0]
    return [
        *kept,
        *(
            problem("more_alike", file=at.file, sheet=at.sheet, column=column, count=count)
            for column, count in more.items()
        ),
    ]


def _known(found: Problem, problems: list[Problem]) -> bool:
    """Whether a missing column has been reported already in better words."""
    return found.key == "missing_column" and any(other.column == found.column for other in problems)


def _addressed(found: Problem, draft: Draft) -> Problem:
    column = draft.headers.get(found.column, found.column) if found.column else None
    return replace(found, sheet=draft.source.sheet, column=column)


def _ordered(frame: gpd.GeoDataFrame, table: Table) -> gpd.GeoDataFrame:
    """Return the contract's columns first, the file's own behind them, the geometry last."""
    first = [column.name for column in table.columns if column.name in frame.columns]
    rest = [column for column in frame.columns if column not in {*first, "geometry"}]
    return frame[[*first, *rest, "geometry"]]


def filled(frame: pd.DataFrame, columns: tuple[str, ...], value: float | None = None) -> pd.DataFrame:
    """Return the frame with the columns it lacks, holding `value` (nothing known)."""
    return frame.assign(**{column: value for column in columns if column not in frame.columns})
