"""Lists of facilities of which some or all have an address and no coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from carecircle.china.coordinates import DATUMS, Datum, to_wgs84_by_row
from carecircle.china.headers import address_header, address_headers, is_datum_header, match_headers
from carecircle.errors import InputError, Problem, UsageError, problem
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.sources.positions.datums import coordinate_source, datum_of_words
from carecircle.sources.positions.shifts import NAMES
from carecircle.sources.positions.written import parse_degrees, split_pair, swapped
from carecircle.sources.records import numbered
from carecircle.sources.tables.cells import as_code, as_text
from carecircle.sources.tables.reading import (
    SourceTable,
    column_finding,
    drop_personal,
    read_table,
    row_findings,
    row_problems,
)

ListLike: TypeAlias = str | Path | pd.DataFrame | SourceTable

_WANTED = ("facility_id", "name", "address", "area_code", "county", "lon", "lat", "lonlat", "coordinate_source")
_REPLACED = ("lon", "lat", "lonlat", "coordinate_source")
_OURS = ("lon", "lat", "datum", "coordinate_source")


@dataclass(frozen=True, eq=False)
class AddressList:
    """A list as it is read to look for coordinates.

    Parameters
    ----------
    source
        The table as it stands, without columns of personal information.
    headers
        ``{contract column: header}``.
    cells
        On the source's index: facility_id, name, address, area_code, county (text or None), lon, lat (WGS 84,
        NaN where there are none), coordinate_source.
    made_keys
        Whether the list has no keys of its own, so that its rows are numbered.
    """

    source: SourceTable
    headers: Mapping[str, str]
    cells: pd.DataFrame
    made_keys: bool

    @property
    def located(self) -> pd.Series:
        """Which rows have coordinates."""
        return self.cells["lon"].notna() & self.cells["lat"].notna()

    def with_places(self, places: pd.DataFrame, extra: Mapping[str, pd.Series] | None = None) -> pd.DataFrame:
        """Return the list with lon, lat (WGS 84), datum and coordinate_source from `places`, and extra columns.

        The list's own columns of coordinates are replaced; a list without keys gets them.
        """
        headers = {self.headers[column] for column in _REPLACED if column in self.headers}
        stale = [c for c in self.source.frame.columns if c in headers or c in _OURS or is_datum_header(str(c))]
        frame = self.source.frame.drop(columns=stale)
        if self.made_keys:
            frame = frame.assign(facility_id=self.cells["facility_id"])
        there = places["lon"].notna() & places["lat"].notna()
        return frame.assign(
            lon=places["lon"].round(7),
            lat=places["lat"].round(7),
            datum=pd.Series("wgs84", index=frame.index, dtype=object).where(there, None),
            coordinate_source=places["coordinate_source"].astype(object).where(there, None),
            **(extra or {}),
        )


@dataclass(frozen=True, eq=False)
class GeocodeResult:
    """A list with the coordinates that were found.

    Parameters
    ----------
    frame
        All rows of the list with lon, lat (WGS 84; NaN where not found), datum, coordinate_source, and after
        geocoding geocode_level, geocode_score, geocode_match and geocode_problem.
    findings
        What the user must look at, by row.
    counts
        Rows by what became of them.
    notes
        What a user of the terminal should know.
    stopped
        Why the service was not asked for all addresses, None when it was. What it had said by then is kept.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stopped: str | None = None

    @property
    def missing(self) -> pd.Series:
        """Which rows have no coordinates."""
        return self.frame["lon"].isna() | self.frame["lat"].isna()


def read_addresses(
    table: ListLike,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    datum: Datum = "wgs84",
) -> AddressList:
    """Read a list to look for coordinates.

    Parameters
    ----------
    table
        A file (CSV, Excel, Parquet), a frame, or a table that is already read.
    columns
        ``{contract column: header}`` for headers that are not known.
    sheet, encoding
        Of the file, as for `read_facilities`.
    datum
        Of the coordinates that some rows already have, where no column says it and they do not come from
        here; they are turned into WGS 84.

    Returns
    -------
    AddressList
        Coordinates are read as `read_facilities` reads them: degrees in words, pairs in one cell and swapped columns
        too; what was mended so is among the findings of its source. ``0, 0`` is no place.

    Raises
    ------
    InputError
        There is no column of addresses, or coordinates cannot be read or are not on earth.
    UsageError
        There is no such datum.
    """
    if datum not in DATUMS:
        raise UsageError(text("usage.datum", value=datum, known="、".join(DATUMS)))
    source = _source(table, sheet, encoding)
    headers = _headers(source, columns or {})
    cells = pd.DataFrame({column: _text(source, headers.get(column)) for column in _WANTED[1:5]})
    if "facility_id" in headers:
        keys, _ = as_code(source.frame[headers["facility_id"]])
    else:
        keys = pd.Series(numbered("F", len(source.frame)), index=source.frame.index, dtype=object)
    cells.insert(0, "facility_id", keys)
    source, places = _given(source, headers, datum)
    return AddressList(source, headers, cells.join(places), "facility_id" not in headers)


def require_keys(listing: AddressList) -> None:
    """Raise `InputError` when the keys of a list cannot tell its rows apart."""
    keys, source = listing.cells["facility_id"], listing.source
    header = listing.headers.get("facility_id")
    wrong = [
        *row_problems("empty_key", keys.isna(), source, header),
        *row_problems("repeated_key", keys.notna() & keys.duplicated(keep=False), source, header, value=keys),
    ]
    if wrong:
        raise InputError(wrong)


def datum_cells(frame: pd.DataFrame) -> pd.Series:
    """Return the column that says the datum of each row (坐标系), None in every row where there is no such column."""
    saying = [column for column in frame.columns if is_datum_header(str(column))]
    return frame[saying[0]] if saying else pd.Series(None, index=frame.index, dtype=object)


def _source(table: ListLike, sheet: str | None, encoding: str | None) -> SourceTable:
    if isinstance(table, SourceTable):
        return table
    if isinstance(table, pd.DataFrame):
        frame, notes = drop_personal(table if table.index.is_unique else table.reset_index(drop=True))
        return SourceTable(pd.DataFrame(frame), pd.Series(range(1, len(frame) + 1), index=frame.index), notes=notes)
    return read_table(table, sheet, encoding)


def _headers(source: SourceTable, given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the columns that matter here, or raise `InputError` when none holds addresses."""
    present = [str(header) for header in source.frame.columns]
    headers, problems = match_headers(present, _WANTED, "facilities", given)
    best = address_header(present)
    if "address" not in headers and best is not None:
        headers["address"] = best
    wrong = [found for found in problems if found.column in given]
    if "address" not in headers:
        known = "、".join(address_headers())
        wrong.append(problem("missing_header", column="address", known=known, found="、".join(present)))
    if wrong:
        raise InputError([replace(found, file=source.file, sheet=source.sheet) for found in wrong])
    return headers


def _text(source: SourceTable, header: str | None) -> pd.Series:
    if header is None:
        return pd.Series(None, index=source.frame.index, dtype=object)
    return as_text(source.frame[header]).astype(object)


def _given(source: SourceTable, headers: Mapping[str, str], datum: Datum) -> tuple[SourceTable, pd.DataFrame]:
    """Return lon and lat (WGS 84) and coordinate_source of the rows that have them, and the source with findings."""
    source, lon, lat = _in_order(*_degrees(source, headers))
    there = lon.notna()
    origin = _text(source, headers.get("coordinate_source"))
    ready = origin.astype("string").str.contains(r"^(?:geocoded|converted):", na=False).astype(bool)
    cells = datum_cells(source.frame)
    said, unknown = datum_of_words(cells)
    strange, taken = unknown & there & ~ready, pd.Series(NAMES[datum], index=cells.index)
    found = row_findings("doubtful", "datum_unknown", strange, source, said=as_text(cells), datum=taken)
    datums = said.where(said.notna(), datum).mask(ready, "wgs84")
    east, north = to_wgs84_by_row(lon, lat, datums)
    whence = coordinate_source(datums).where(datums.ne("wgs84") | origin.isna(), origin)
    sources = whence.astype(object).where(there, None)
    places = pd.DataFrame({"lon": east, "lat": north, "coordinate_source": sources}, index=lon.index)
    return source.adding(found), places


def _degrees(source: SourceTable, headers: Mapping[str, str]) -> tuple[SourceTable, pd.Series, pd.Series]:
    """Return what the columns of coordinates hold, in degrees, and the source with what was mended."""
    x, wrong_x, found_x = _column(source, headers.get("lon"))
    y, wrong_y, found_y = _column(source, headers.get("lat"))
    lon, lat, wrong, found = _pairs(source, headers.get("lonlat"))
    if wrong_x or wrong_y or wrong:
        raise InputError([*wrong_x, *wrong_y, *wrong])
    whole = x.notna() & y.notna()
    return source.adding((*found_x, *found_y, *found)), x.where(whole, lon), y.where(whole, lat)


def _column(source: SourceTable, header: str | None) -> tuple[pd.Series, list[Problem], tuple[Finding, ...]]:
    if header is None:
        return pd.Series(np.nan, index=source.frame.index), [], ()
    cells = source.frame[header]
    values, wrong, mended = parse_degrees(cells)
    problems = row_problems("not_a_position", wrong, source, header, value=cells)
    return values, problems, column_finding("mended", "degrees_in_words", mended, source, header)


def _pairs(source: SourceTable, header: str | None) -> tuple[pd.Series, pd.Series, list[Problem], tuple[Finding, ...]]:
    if header is None:
        nothing = pd.Series(np.nan, index=source.frame.index)
        return nothing, nothing, [], ()
    cells = source.frame[header]
    lon, lat, wrong = split_pair(cells)
    problems = row_problems("not_a_pair", wrong, source, header, value=cells)
    return lon, lat, problems, column_finding("mapped", "pair_in_cell", lon.notna(), source, header)


def _in_order(source: SourceTable, x: pd.Series, y: pd.Series) -> tuple[SourceTable, pd.Series, pd.Series]:
    """Return coordinates with those in each other's place put right; NaN where there is none, or ``0, 0``.

    Raises
    ------
    InputError
        A place is not on earth: metres of a map grid, say.
    """
    turned = pd.Series(swapped(x.to_numpy(float), y.to_numpy(float)), index=x.index)
    lon, lat = x.mask(turned, y), y.mask(turned, x)
    there = lon.notna() & lat.notna() & ~(lon.eq(0) & lat.eq(0))
    off = there & ~(lon.abs().le(180) & lat.abs().le(90))
    if off.any():
        raise InputError(row_problems("outside_coordinates", off, source, lon=lon.round(6), lat=lat.round(6)))
    notes = (text("note.swapped", count=int(turned.sum())),) if turned.any() else ()
    mended = column_finding("mended", "swapped_coordinates", turned, source)
    return source.adding(mended, notes), lon.where(there), lat.where(there)
