"""Lists of facilities of which some or all have an address and no coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from carecircle.china.coordinates import DATUMS, Datum, to_wgs84
from carecircle.china.headers import known_headers, match_headers, normal_header, plain, words
from carecircle.errors import InputError, UsageError, problem
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.sources.records import numbered
from carecircle.sources.tables.cells import as_code, as_number, as_text
from carecircle.sources.tables.reading import SourceTable, drop_personal, read_table, row_problems

ListLike: TypeAlias = str | Path | pd.DataFrame | SourceTable

_MORE_HEADERS = (
    *("养老机构地址", "具体地址", "服务地址", "经营地址", "运营地址", "实际地址", "机构所在地", "所在地"),
    *("住所", "机构住所", "注册地址", "通讯地址", "addr"),
)
"""Headers of addresses that are looked up for want of better ones: where a body is registered it may not be."""

_WANTED = ("facility_id", "name", "address", "area_code", "county", "lon", "lat", "lonlat", "coordinate_source")
_REPLACED = ("lon", "lat", "lonlat", "coordinate_source")
_PAIR = r"^\W*(\d{1,3}(?:\.\d+)?)\s*[,;、\s]\s*(\d{1,3}(?:\.\d+)?)\W*$"
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


def address_header(headers: list[str]) -> str | None:
    """Return the best header of a column of addresses, None when there is none.

    Examples
    --------
    >>> address_header(["机构名称", "注册地址", "详细地址"])
    '详细地址'
    """
    normal = {normal_header(header): header for header in reversed(headers)}
    ranked = map(normal_header, _address_headers())
    return next((normal[name] for name in ranked if name in normal), None)


def _address_headers() -> tuple[str, ...]:
    return (*known_headers("address", "facilities"), *_MORE_HEADERS)


def is_datum_header(header: str) -> bool:
    """Whether a column of this name says the datum of each row's coordinates."""
    return plain(header) in words("datum_header")


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

    Raises
    ------
    InputError
        There is no column of addresses, or a longitude or latitude is no number.
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
    return AddressList(source, headers, cells.join(_given(source, headers, datum)), "facility_id" not in headers)


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


def as_wgs84(lon: pd.Series, lat: pd.Series, datums: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return WGS 84 longitudes and latitudes of points that are each in a datum of their own."""
    east, north = lon.to_numpy(float, copy=True), lat.to_numpy(float, copy=True)
    for name in DATUMS:
        chosen = datums.eq(name).to_numpy()
        east[chosen], north[chosen] = to_wgs84(east[chosen], north[chosen], name)
    return pd.Series(east, index=lon.index), pd.Series(north, index=lat.index)


def said_datums(cells: pd.Series) -> pd.Series:
    """Return the datum that each cell names (``wgs84 gcj02 bd09``), None where it names none that is known."""
    known = words("datums")
    return as_text(cells).map(lambda word: known.get(plain(str(word))), na_action="ignore").astype(object)


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
        known = "、".join(_address_headers())
        wrong.append(problem("missing_header", column="address", known=known, found="、".join(present)))
    if wrong:
        raise InputError([replace(found, file=source.file, sheet=source.sheet) for found in wrong])
    return headers


def _text(source: SourceTable, header: str | None) -> pd.Series:
    if header is None:
        return pd.Series(None, index=source.frame.index, dtype=object)
    return as_text(source.frame[header]).astype(object)


def _given(source: SourceTable, headers: Mapping[str, str], datum: Datum) -> pd.DataFrame:
    """Return lon and lat (WGS 84) and coordinate_source of the rows that have them."""
    lon, lat = (_degrees(source, headers.get(column)) for column in ("lon", "lat"))
    if "lonlat" in headers:
        first, second = _pair(source, headers["lonlat"])
        lon, lat = lon.fillna(first), lat.fillna(second)
    there = lon.notna() & lat.notna() & ~(lon.eq(0) & lat.eq(0))
    frame = source.frame
    origin = _text(source, headers.get("coordinate_source"))
    ready = origin.astype("string").str.contains(r"^(?:geocoded|converted):", na=False).astype(bool)
    said = next((said_datums(frame[c]) for c in frame.columns if is_datum_header(str(c))), _text(source, None))
    datums = said.where(said.notna(), datum).mask(ready, "wgs84")
    east, north = as_wgs84(lon.where(there), lat.where(there), datums)
    made = datums.map({"wgs84": "given"}).where(datums.eq("wgs84"), "converted:" + datums.astype(str))
    sources = origin.where(origin.notna(), made).astype(object).where(there, None)
    return pd.DataFrame({"lon": east, "lat": north, "coordinate_source": sources})


def _degrees(source: SourceTable, header: str | None) -> pd.Series:
    if header is None:
        return pd.Series(np.nan, index=source.frame.index)
    values, wrong = as_number(source.frame[header])
    if wrong.any():
        raise InputError(row_problems("not_a_number", wrong, source, header, value=source.frame[header]))
    return values


def _pair(source: SourceTable, header: str) -> tuple[pd.Series, pd.Series]:
    """Return longitudes and latitudes out of cells such as ``102.5,24.3``; in China the larger is the longitude."""
    cells = as_text(source.frame[header])
    parts = cells.astype("string").str.normalize("NFKC").str.extract(_PAIR).astype("float64")
    wrong = cells.notna() & parts[0].isna()
    if wrong.any():
        raise InputError(row_problems("not_a_number", wrong, source, header, value=cells))
    return parts.max(axis=1), parts.min(axis=1)
