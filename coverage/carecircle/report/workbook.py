"""The workbook and the CSV file: numbers that can be calculated with, text that stays text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from carecircle.language import Language, current_language, text
from carecircle.outputs import speakable
from carecircle.report import facts
from carecircle.report.books import NO_DATE, OPTIONS, columns_of, plain, replaced
from carecircle.report.suppression import tabled

if TYPE_CHECKING:
    from carecircle.model import Study

SHOWN = 500
"""How many places that no facility reaches the workbook lists."""
_ROW_LIMIT = 1_000_000
_FIXED = {"notes": 0, "quality": 0}
"""Columns that stay in sight; two where a sheet does not say."""
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
_BREAKS = ("\t", "\n")
_UNSEEN = (
    " \t\n\u00a0\u3000\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Blanks and signs without width, which may stand before a formula unseen."""
_FORMATS = {"text": "@", "count": "#,##0", "share": "0.0%", "minutes": "0.0", "metres": "#,##0", "degree": "0.000000"}

Cell = str | float


@dataclass(frozen=True)
class Column:
    """A column of a sheet: heading, cells (numbers, text, or a state in words) and how numbers look."""

    heading: str
    cells: Sequence[Cell]
    look: str = "text"


def write_workbook(
    study: Study, path: str | Path, language: Language | None = None, *, quality: pd.DataFrame | None = None
) -> Path:
    """Write the study's tables: notes, coverage of each area, facilities, the largest demand not covered, findings.

    Parameters
    ----------
    study
        The study.
    path
        The ``.xlsx`` file; it is replaced when the new one is complete.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    quality
        What was found in the inputs (`carecircle.findings.QualityLog.to_frame`), for a sheet of its own.

    Returns
    -------
    pathlib.Path
        `path`. The same study gives the same bytes.

    Raises
    ------
    OutputError
        The file cannot be written, as when it is open in another program.
    """
    language = language or current_language()
    sheets = {
        "notes": _notes(study, language),
        "coverage": _coverage(study, language),
        "facilities": _facilities(study, language),
        "uncovered": _uncovered(study, language),
    }
    if quality is not None:
        sheets["quality"] = quality_columns(quality, language)
    written = datetime.combine(study.as_of, time()) if study.as_of else NO_DATE
    return write_sheets(sheets, path, title=study.title, written=written, language=language)


def write_sheets(
    sheets: dict[str, list[Column]],
    path: str | Path,
    *,
    title: str,
    written: datetime = NO_DATE,
    language: Language | None = None,
) -> Path:
    """Write a workbook of sheets, named by their keys in the catalogue (``workbook.sheet_...``)."""

    def fill(place: Path) -> None:
        book = xlsxwriter.Workbook(str(place), OPTIONS)
        book.set_properties({"title": plain(title), "created": written})
        formats = _formats(book)
        for name, columns in sheets.items():
            _write_sheet(book.add_worksheet(text(f"workbook.sheet_{name}", language)), columns, formats, name)
        book.close()

    return replaced(Path(path), fill)


def write_csv(cover: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV that Excel opens as it is: UTF-8 with a mark, text that cannot act as a formula.

    Text (headings too) that begins with ``= + - @``, a tab or a line break is given an apostrophe in front;
    numbers are written as they are, absent ones as nothing, and so are those withheld from publication, which a
    column `withheld` names.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    safe = tabled(cover).rename(columns=lambda name: harmless(str(name)))
    words = [place for place, dtype in enumerate(safe.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
    for place in words:
        safe.isetitem(place, list(safe.iloc[:, place].astype(object).map(harmless, na_action="ignore")))
    write = partial(safe.to_csv, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    return replaced(Path(path), write)


def write_text(words: str, path: str | Path) -> Path:
    """Write text in UTF-8 with line feeds."""
    return replaced(Path(path), lambda place: place.write_text(words, "utf-8", newline="\n"))


def harmless(value: object) -> object:
    """Return text that a spreadsheet will not take for a formula, of signs it can hold; anything else as it is.

    Examples
    --------
    >>> harmless("=1+1"), harmless(" ＠x"), harmless("翠湖"), harmless(-3)
    ("'=1+1", "' ＠x", '翠湖', -3)
    """
    if not isinstance(value, str):
        return value
    words = speakable(value)
    return f"'{words}" if words.startswith(_BREAKS) or words.lstrip(_UNSEEN).startswith(_FORMULA_STARTS) else words


def _formats(book: xlsxwriter.Workbook) -> dict[str, Format]:
    base: dict[str, Any] = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
    looks: dict[str, dict[str, Any]] = {look: {"num_format": number} for look, number in _FORMATS.items()}
    looks["wrap"] = {"num_format": "@", "text_wrap": True}
    looks["state"] = {"num_format": "@", "align": "right", "font_color": "#7F7F7F"}
    looks["head"] = {
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": "#1F4E79",
        "text_wrap": True,
        "align": "center",
        "border": 1,
        "border_color": "#C8D0DA",
    }
    return {name: book.add_format(base | look) for name, look in looks.items()}


def _write_sheet(sheet: Worksheet, columns: list[Column], formats: dict[str, Format], name: str) -> None:
    rows = max(len(column.cells) for column in columns)
    sheet.freeze_panes(1, _FIXED.get(name, 2))
    sheet.set_row(0, 34)
    for place, column in enumerate(columns):
        shown = [column.heading, *map(_shown, column.cells)]
        sheet.set_column(place, place, _width(shown, most=90 if column.look == "wrap" else 42))
        sheet.write_string(0, place, plain(column.heading), formats["head"])
        for row, cell in enumerate(column.cells, start=1):
            style = _style(cell, column.look)
            if cell == "":
                sheet.write_blank(row, place, None, formats[style])
            elif isinstance(cell, str):
                sheet.write_string(row, place, plain(cell), formats[style])
            else:
                sheet.write_number(row, place, cell, formats[style])
    if rows and name != "notes":
        sheet.autofilter(0, 0, rows, len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&C&P / &N")


def _style(cell: Cell, look: str) -> str:
    return "state" if isinstance(cell, str) and look not in {"text", "wrap"} else look


def _shown(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:,.1f}"


def _width(cells: Iterable[str], most: int) -> float:
    # A Chinese character is two columns wide; headings wrap, so a third of a long one is enough.
    first, *others = (columns_of(cell[:200]) for cell in cells)
    return float(min(max(10, first / 2 + 3, max(others, default=0) + 2), most))


def _words(values: pd.Series) -> list[str]:
    return ["" if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]


def _numbers(values: pd.Series, language: Language, absent: str = "no_data") -> list[Cell]:
    """Return numbers, and the words for those that are absent or withheld."""
    words = {"no_data": text(f"fact.{absent}", language), "withheld": text("fact.withheld", language)}
    return [words.get(facts.absence(value), value) for value in values.astype(float)]


def _notes(study: Study, language: Language) -> list[Column]:
    within = text("fact.minutes", language, value=facts.limits(study.minutes, language))
    lines: list[tuple[str, str]] = [
        (_of("title", language), study.title),
        (_of("as_of", language), facts.day(study.as_of, language)),
        (_of("profile", language), facts.label("fact.profile_", study.profile.name, language)),
        (_of("speed", language), facts.speed(study.profile, language)),
        (_of("within", language), within),
    ]
    if study.fictional:
        lines.insert(0, (_of("warning", language), text("map.fictional", language)))
    outside = len(facts.uncovered(study))
    rules = [
        text("workbook.rule_truncate", language),
        text("workbook.rule_states", language),
        text("workbook.rule_limit", language, shown=f"{min(SHOWN, outside):,d}", all=f"{outside:,d}"),
        text("map.datum", language),
    ]
    lines += [(_of("rule", language), rule) for rule in rules]
    lines += [(_of("note", language), note) for note in study.notes]
    source = _of("provenance", language)
    lines += [(f"{source} · {key}", _as_text(value)) for key, value in sorted(study.provenance.items())]
    return [
        Column(_of("item", language), [item for item, _ in lines], "wrap"),
        Column(_of("content", language), [content for _, content in lines], "wrap"),
    ]


def _of(key: str, language: Language, **values: str) -> str:
    return text(f"workbook.{key}", language, **values)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _coverage(study: Study, language: Language) -> list[Column]:
    tables = [facts.coverage_numbers(study, level) for level in facts.levels(study)]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=["name", "level", "parent", "total"])
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    level = partial(_label, "fact.level_", language)
    columns = [
        Column(_of("area_id", language), _words(table.index.to_series())),
        Column(_of("name", language), facts.names(table["name"], language).tolist()),
        Column(_of("level", language), table["level"].map(level).tolist()),
        Column(_of("parent", language), _words(table["parent"])),
        Column(measure, _numbers(table["total"], language), "count"),
    ]
    for limit in (f"{value:g}" for value in study.minutes):
        first = _of("covered", language, minutes=limit, measure=measure)
        headings = (first, "", _of("rate", language, minutes=limit))
        columns += _share_columns(table, f"covered_{limit}", "total", language, headings)
    for column in [str(name) for name in table if f"{name}_total" in table]:
        which, unit = column.split("_", 1)
        gaps = {"level": text(f"fact.level_{unit}", language), "minutes": f"{max(study.minutes):g}"}
        first, second, third = (_of(f"{which}{part}", language, **gaps) for part in ("", "_total", "_rate"))
        columns += _share_columns(
            table, column, f"{column}_total", language, (first, second, third), absent="not_applicable"
        )  # an area holds no units as wide as itself
    return columns


def _label(section: str, language: Language, key: object) -> str:
    return facts.label(section, key, language)


def _share_columns(
    table: pd.DataFrame,
    covered: str,
    total: str,
    language: Language,
    headings: tuple[str, str, str],
    absent: facts.State = "no_data",
) -> list[Column]:
    """Return count, total where it has a heading, and share, cut to the digits that are shown; or a state."""
    found = [facts.state(*pair) for pair in zip(table[covered], table[total], strict=True)]
    states = [absent if state == "no_data" else state for state in found]
    inside = np.floor(table[covered].to_numpy(float) + 1e-9)
    numbers = [inside, table[total].to_numpy(float), facts.thousandths(table[covered], table[total]) / 1000]
    cells: list[list[Cell]] = [
        [
            float(value) if known == "known" else text(f"fact.{known}", language)
            for known, value in zip(states, values, strict=True)
        ]
        for values in numbers
    ]
    return [
        Column(heading, column, look)
        for heading, column, look in zip(headings, cells, ("count", "count", "share"), strict=True)
        if heading
    ]


def _facilities(study: Study, language: Language) -> list[Column]:
    frame = study.facilities
    columns = [Column(_of("facility_id", language), _words(frame["facility_id"]))]
    if "name" in frame:
        columns.append(Column(_of("name", language), facts.names(frame["name"], language).tolist()))
    columns += [
        Column(_of(name, language), frame[name].map(partial(_label, section, language)).tolist())
        for name, section in facts.FACILITY_WORDS.items()
        if name in frame
    ]
    columns += [
        Column(_of(name, language), _numbers(frame[name], language), "count")
        for name in facts.FACILITY_NUMBERS
        if name in frame
    ]
    columns.append(
        Column(
            _of("served_people", language, minutes=f"{max(study.minutes):g}"),
            _numbers(facts.served_people(study), language),
            "count",
        )
    )
    return [*columns, *_position(frame, language)]


def _position(frame: gpd.GeoDataFrame, language: Language) -> list[Column]:
    return [
        Column(_of("lon", language), frame.geometry.x.round(6).tolist(), "degree"),
        Column(_of("lat", language), frame.geometry.y.round(6).tolist(), "degree"),
    ]


def _uncovered(study: Study, language: Language) -> list[Column]:
    frame = facts.uncovered(study).head(SHOWN)
    named = study.areas.set_index("area_id")["name"] if len(study.areas) else pd.Series(dtype=object)
    offered = study.facilities.set_index("facility_id")
    near = frame["facility_id"].map(offered["name"]) if "name" in offered else frame["facility_id"]
    columns = [
        Column(_of("rank", language), list(range(1, len(frame) + 1)), "count"),
        Column(_of("demand_id", language), _words(frame["demand_id"])),
    ]
    if "area_id" in frame:
        columns.append(Column(_of("area", language), _words(frame["area_id"].map(named))))
    columns += [
        Column(facts.label("fact.measure_", name, language), _numbers(frame[name], language), "count")
        for name in ("people_60", "people_65", "people_80")
        if name in frame
    ]
    times, ways = (frame[name].map(partial(_up, digits)) for name, digits in (("minutes", 1), ("metres", 0)))
    columns += [
        Column(_of("nearest", language), _words(near)),
        Column(_of("minutes", language), _numbers(times, language, "not_reached"), "minutes"),
        Column(_of("metres", language), _numbers(ways, language, "not_reached"), "metres"),
    ]
    return [*columns, *_position(frame, language)]


def _up(digits: int, value: float) -> float:
    return facts.up(value, digits) if math.isfinite(value) else math.nan


def quality_columns(quality: pd.DataFrame, language: Language) -> list[Column]:
    """Return the columns of the sheet of findings, as many rows as a sheet can hold."""
    rows = quality.head(_ROW_LIMIT)
    looks = {"row": "count", "count": "count", "message": "wrap"}
    words = {name: _words(rows[name]) for name in ("file", "sheet", "column", "message")}
    cells: dict[str, Sequence[Cell]] = {
        "action": [text(f"quality.action_{action}", language) for action in rows["action"]],
        **words,
        **{name: ["" if pd.isna(number) else float(number) for number in rows[name]] for name in ("row", "count")},
    }
    order = ("action", "file", "sheet", "row", "column", "count", "message")
    return [Column(text(f"quality.{name}", language), cells[name], looks.get(name, "text")) for name in order]
