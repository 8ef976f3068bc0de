"""A sheet of addresses for people to look up, and the way back into the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException
from xlsxwriter.worksheet import Worksheet

from carecircle.china.coordinates import DATUMS, Datum, to_wgs84_by_row
from carecircle.china.headers import address_header, match_headers
from carecircle.errors import InputError, OutputError, Problem, UsageError
from carecircle.findings import Finding
from carecircle.geocoding.lists import (
    AddressList,
    GeocodeResult,
    ListLike,
    datum_cells,
    read_addresses,
    require_keys,
)
from carecircle.geocoding.services import CHINA
from carecircle.language import text
from carecircle.outputs import whole_file
from carecircle.sources.positions.datums import coordinate_source, datum_of_words
from carecircle.sources.positions.written import parse_degrees
from carecircle.sources.tables.cells import as_code, as_text
from carecircle.sources.tables.reading import EXCEL_ENDINGS, SourceTable, open_workbook, read_table, row_findings

_SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
_NO_DATE = datetime(2000, 1, 1)  # noqa: DTZ001  a date without a place, as workbooks have it
_CELL_LIMIT = 32_767
_CHOICES = ("CGCS2000", "WGS84", "GCJ-02", "BD-09")
_FILL_IN = ("id", "name", "address", "lon", "lat", "datum", "remark")
_WIDTHS = (16, 28, 48, 14, 14, 12, 30)
_STEPS = ("which", "degrees", "datum", "entrance", "unknown", "merge")
_WEST, _SOUTH, _EAST, _NORTH = CHINA


def address_sheet(
    table: ListLike,
    out: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
) -> int:
    """Write the addresses without coordinates as a workbook to fill in: longitude, latitude, datum.

    Parameters
    ----------
    table
        The list: a file, a frame (such as the one `geocode` returns), or a table that is already read.
    out
        The ``.xlsx`` to write. The same list gives the same bytes.
    columns, sheet, encoding
        As for `read_addresses`.

    Returns
    -------
    int
        How many rows are to be filled in.

    Raises
    ------
    InputError
        There is no column of addresses, or the keys cannot tell the rows apart.
    UsageError
        Every row has coordinates, `out` is the list itself, or does not end in ``.xlsx``.
    OutputError
        The file cannot be written.
    """
    place = _workbook_name(out)
    if isinstance(table, str | Path) and place.exists() and Path(table).exists() and place.samefile(table):
        raise UsageError(text("usage.same_file", path=place))
    listing = read_addresses(table, columns=columns, sheet=sheet, encoding=encoding)
    require_keys(listing)
    rows = listing.cells[~listing.located]
    if rows.empty:
        raise UsageError(text("geocode.nothing_to_fill"))
    with whole_file(place) as draft, _new_workbook(draft) as book:
        _write_form(book, rows)
        _write_steps(book)
    return len(rows)


def _write_form(book: xlsxwriter.Workbook, rows: pd.DataFrame) -> None:
    sheet = book.add_worksheet(text("geocode.sheet_form"))
    words, degrees = book.add_format({"num_format": "@"}), book.add_format({"num_format": "0.000000"})
    looks = (words, words, words, degrees, degrees, words, words)
    for place, (name, width, look) in enumerate(zip(_FILL_IN, _WIDTHS, looks, strict=True)):
        sheet.set_column(place, place, width, look)
        sheet.write_string(0, place, text(f"geocode.head_{name}"), _head(book))
    for place, column in enumerate(("facility_id", "name", "address")):
        _write_words(sheet, place, rows[column], words)
    last = len(rows)
    sheet.data_validation(1, 3, last, 3, _between(_WEST, _EAST))
    sheet.data_validation(1, 4, last, 4, _between(_SOUTH, _NORTH))
    message = {"error_title": text("geocode.head_datum"), "error_message": text("geocode.choose_datum")}
    sheet.data_validation(1, 5, last, 5, {"validate": "list", "source": list(_CHOICES), **message})
    sheet.freeze_panes(1, 3)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _between(low: float, high: float) -> dict[str, object]:
    message = text("geocode.enter_degrees", low=f"{low:g}", high=f"{high:g}")
    return {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high, "error_message": message}


def _write_steps(book: xlsxwriter.Workbook) -> None:
    sheet = book.add_worksheet(text("geocode.sheet_steps"))
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 100)
    sheet.write_string(0, 0, text("geocode.head_steps"), _head(book))
    for row, name in enumerate(_STEPS, start=1):
        sheet.write_string(row, 0, f"{row}. {text(f'geocode.step_{name}')}", wrapped)


def merge_filled(
    table: ListLike,
    filled: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    datum: Datum | None = None,
) -> GeocodeResult:
    """Give the coordinates of a sheet that was filled in to the list it was made from, row by row of its key.

    What is filled in replaces what the list has. A row of the sheet is left out, with a finding, when its key is
    not in the list or stands there twice with different coordinates, when a number is none or lies outside China,
    when no datum is said, or when the list has no keys of its own and the addresses differ (rows have moved).

    Parameters
    ----------
    table, columns, sheet, encoding
        The list, as for `read_addresses`.
    filled
        The sheet that `address_sheet` wrote, filled in; or any table with a key, lon, lat and a datum.
    datum
        Datum of the rows that say none.

    Raises
    ------
    InputError
        The list or the sheet cannot be read, or has no column of keys, longitudes or latitudes.
    """
    listing = read_addresses(table, columns=columns, sheet=sheet, encoding=encoding)
    require_keys(listing)
    form = _read_form(filled)
    entries = _entries(form, datum)
    reasons = _reasons(entries, listing)
    good = entries[reasons.eq("") & entries["lon"].notna() & entries["lat"].notna()].drop_duplicates("key")
    east, north = to_wgs84_by_row(good["lon"], good["lat"], good["datum"])
    origin = coordinate_source(good["datum"])
    new = pd.DataFrame({"lon": east, "lat": north, "coordinate_source": origin}).set_axis(good["key"])
    keys = listing.cells["facility_id"]
    places = listing.cells[["lon", "lat", "coordinate_source"]].copy()
    chosen = keys.isin(new.index)
    places[chosen] = new.loc[keys[chosen]].to_numpy()
    places = places.astype({"lon": float, "lat": float})
    open_rows = places["lon"].isna()
    findings = [
        *listing.source.findings,
        *(found for reason in _SENTENCES for found in _sheet_findings(reason, entries[reasons.eq(reason)], form)),
        *row_findings("unmatched", "filled_open", open_rows, listing.source, name=keys),
    ]
    counts = {
        "rows": len(keys),
        "filled": int(chosen.sum()),
        "refused": int(reasons.ne("").sum()),
        "missing": int(open_rows.sum()),
    }
    notes = (*listing.source.notes, text("geocode.note_merged", **counts))
    frame = listing.with_places(places)
    said = [column for column in frame.columns if str(column).startswith("geocode_")]  # of the place before
    return GeocodeResult(frame.assign(**{c: frame[c].mask(chosen) for c in said}), tuple(findings), counts, notes)


_SENTENCES = ("filled_unknown", "filled_number", "filled_half", "filled_outside", "filled_datum", "filled_moved",
              "filled_twice")  # fmt: skip
"""Why a row of the sheet is not taken: keys of sentences, the first that holds is said."""


def _read_form(filled: str | Path) -> SourceTable:
    """Return the sheet to fill in of a workbook that also has a sheet of instructions."""
    file = Path(filled)
    if file.suffix.lower() in EXCEL_ENDINGS and file.exists():
        names = open_workbook(file).sheet_names
        ours = [text("geocode.sheet_form", language) for language in ("zh", "en")]
        return read_table(file, next((name for name in ours if name in names), None))
    return read_table(file)


def _entries(form: SourceTable, datum: Datum | None) -> pd.DataFrame:
    """Return the filled rows of the sheet: key, lon, lat (numbers or NaN), datum, address, and what is no number."""
    present = [str(header) for header in form.frame.columns]
    headers, problems = match_headers(present, ("facility_id", "lon", "lat"), "facilities")
    absent = [column for column in ("facility_id", "lon", "lat") if column not in headers]
    if absent:
        named = [text(f"geocode.head_{'id' if column == 'facility_id' else column}") for column in absent]
        found = {"found": "、".join(present)}
        problems += [Problem("missing_column", form.file, form.sheet, None, name, found) for name in named]
        raise InputError(problems)
    keys, _ = as_code(form.frame[headers["facility_id"]])
    (lon, wrong_lon, _), (lat, wrong_lat, _) = (parse_degrees(form.frame[headers[name]]) for name in ("lon", "lat"))
    nothing = pd.Series(None, index=form.frame.index, dtype=object)
    said, unknown = datum_of_words(datum_cells(form.frame))
    where = address_header(present)
    entries = pd.DataFrame(
        {
            "key": keys,
            "lon": lon,
            "lat": lat,
            "datum": said.where(said.notna() | unknown, datum).astype(object),
            "address": nothing if where is None else as_text(form.frame[where]),
            "wrong": wrong_lon | wrong_lat,
        }
    )
    return entries[entries["wrong"] | lon.notna() | lat.notna()]


def _reasons(entries: pd.DataFrame, listing: AddressList) -> pd.Series:
    """Return the key of the sentence that says why a row of the sheet is not taken, "" when it is."""
    known = listing.cells.set_index("facility_id")["address"]
    key, lon, lat = entries["key"], entries["lon"], entries["lat"]
    known_datum = entries["datum"].isin(DATUMS)
    east, north = to_wgs84_by_row(lon, lat, entries["datum"].where(known_datum, "wgs84"))
    in_china = (east >= _WEST) & (east <= _EAST) & (north >= _SOUTH) & (north <= _NORTH)
    moved = entries["address"].notna() & entries["address"].ne(key.map(known)) if listing.made_keys else False
    places = entries[["key", "lon", "lat", "datum"]]
    first = places.drop_duplicates("key").set_index("key")
    twice = (places[["lon", "lat"]] != first.reindex(key)[["lon", "lat"]].to_numpy()).any(axis=1)
    conditions = [
        ~key.isin(known.index),
        entries["wrong"],
        lon.isna() | lat.isna(),
        ~in_china,
        ~known_datum,
        moved & key.isin(known.index),
        key.isin(key[twice]),
    ]
    found = np.select([np.asarray(condition, dtype=bool) for condition in conditions], _SENTENCES, default="")
    return pd.Series(found, index=entries.index, dtype=object)


def _sheet_findings(reason: str, entries: pd.DataFrame, form: SourceTable) -> tuple[Finding, ...]:
    chosen = pd.Series(form.frame.index.isin(entries.index), index=form.frame.index)
    shown_lon, shown_lat = entries["lon"].map("{:g}".format), entries["lat"].map("{:g}".format)
    action = "unmatched" if reason == "filled_unknown" else "doubtful"
    return row_findings(action, reason, chosen, form, name=entries["key"], lon=shown_lon, lat=shown_lat)  # type: ignore[arg-type]


def write_list(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a list as a workbook of one sheet; text stays text whatever it begins with.

    Raises
    ------
    UsageError
        The name does not end in ``.xlsx``.
    OutputError
        The file cannot be written.
    """
    out = _workbook_name(path)
    with whole_file(out) as draft, _new_workbook(draft) as book:
        sheet = book.add_worksheet(text("geocode.sheet_list"))
        words = book.add_format({"num_format": "@"})
        head = _head(book)
        for place, name in enumerate(frame.columns):
            cells = frame[name]
            sheet.write_string(0, place, _shown(name), head)
            if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
                _write_numbers(sheet, place, cells)
            else:
                _write_words(sheet, place, as_text(cells), words)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(frame.columns) - 1, 0), 16)
        sheet.autofilter(0, 0, len(frame), max(len(frame.columns) - 1, 0))
    return out


def _workbook_name(path: str | Path) -> Path:
    out = Path(path)
    if out.suffix.lower() != ".xlsx":
        raise UsageError(text("geocode.xlsx_only", path=out))
    return out


@contextmanager
def _new_workbook(draft: Path) -> Iterator[xlsxwriter.Workbook]:
    """Give a workbook in which nobody's text becomes a formula or a link, and write it when the block ends well."""
    book = xlsxwriter.Workbook(str(draft), _SAFE)
    book.set_properties({"created": _NO_DATE})
    yield book
    try:
        book.close()
    except XlsxWriterException as error:
        raise OutputError(text("usage.not_written", file=draft.name, why=error)) from error


def _head(book: xlsxwriter.Workbook) -> xlsxwriter.format.Format:
    return book.add_format({"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#DDE6F0", "border": 1})


def _write_words(sheet: Worksheet, place: int, cells: pd.Series, look: xlsxwriter.format.Format) -> None:
    for row, cell in enumerate(cells, start=1):
        if isinstance(cell, str):
            sheet.write_string(row, place, _shown(cell), look)


def _write_numbers(sheet: Worksheet, place: int, cells: pd.Series) -> None:
    for row, cell in enumerate(cells.to_numpy(float, na_value=np.nan), start=1):
        if np.isfinite(cell):
            sheet.write_number(row, place, cell)


def _shown(words: object) -> str:
    """Return text that a workbook can hold: no halves of characters, not longer than a cell."""
    return str(words).encode("utf-8", "replace").decode("utf-8")[:_CELL_LIMIT]
