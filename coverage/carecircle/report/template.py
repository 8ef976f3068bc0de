"""The workbook that counties fill in: the sheets that targets need, prefilled as far as that is known, and how to.

`carecircle.policy.sheets.reading.read_inputs_book` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from carecircle.errors import UsageError
from carecircle.language import Language, current_language, text
from carecircle.outputs import whole_file
from carecircle.policy.model import Pack, SheetUse, Target
from carecircle.policy.sheets.cells import heading
from carecircle.policy.vocabulary import Column, Sheet, vocabulary
from carecircle.report.books import columns_of, plain

__all__ = ["columns_needed", "prefilled", "sheets_needed", "write_template"]

_BLANK_ROWS = 20
"""Empty rows with borders below those that are prefilled."""
_CHECKED_ROWS = 2000
"""Rows for which choices and numbers are checked while they are typed."""
_TOP = 3
"""Rows above the example: title, what a row is, headings."""
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "institutions": ("county", "name", "kind", "status", "opened"),
    "estates": ("county", "township", "name", "built"),
    "checklist": ("target", "item", "county", "done", "on", "evidence"),
    "counts": ("target", "county", "period", "number", "names"),
    "ratios": ("target", "county", "period", "numerator", "denominator"),
    "land": ("county", "place"),
}
"""Columns that a sheet has whatever targets use."""
_BY_TARGET = ("counts", "ratios", "checklist")
_OF_THE_CITY = ("year", "half_year", "project", "document", "item")
"""Units of targets that the city answers for, not each county."""
_SAMPLES: Mapping[str, object] = {
    "kind": "养老院",
    "township": "示例街道",
    "place": "示例单元",
    "opened": date(2020, 5, 1),
    "rated_on": date(2024, 11, 1),
    "on": date(2025, 3, 1),
    "month": date(2026, 6, 1),
    "year": 2025,
    "stars": 3,
    "beds": 120,
    "nursing_beds": 84,
    "households": 1200,
    "people": 3144,
    "premises_m2": 320,
    "smallest_m2": 320,
    "required_m2": 300,
    "land_m2": 60000,
    "due": 500,
    "visited": 500,
    "willing": 80,
    "willing_in_care": 80,
    "dependent": 60,
    "dependent_in_care": 40,
    "found": 12,
    "mended": 10,
    "open": 0,
    "heads": 15,
    "heads_trained": 15,
    "carers": 200,
    "carers_trained": 190,
    "total": 1000,
    "for_care": 580,
    "participants": 6000,
    "people_60": 25000,
    "places": 900,
    "surveyed": 400,
    "informed": 370,
    "guided": 365,
    "floor_m2": 15000,
    "visitors": 12000,
    "number": 3,
    "names": "示例名称一、示例名称二、示例名称三",
    "numerator": 11,
    "denominator": 12,
    "period": "2026",
    "evidence": "某政办发〔2025〕1号",
}
"""What the example row shows."""
_NAMES = {"institutions": "示例养老院", "estates": "示例小区", "public_places": "示例商场"}
_WIDTHS = {"text": 18.0, "number": 13.0, "date": 13.0, "yes_no": 10.0, "choice": 12.0}
_WIDE = {"county": 26.0, "name": 26.0, "item": 40.0, "evidence": 30.0, "names": 40.0, "kind": 22.0, "target": 30.0}
_PAPER = 110.0
"""Width of a sheet of A4 across, in signs."""
_FONT, _HEAD_FONT = "仿宋", "黑体"

Row = dict[str, object]


@dataclass(frozen=True)
class _Page:
    """A sheet to be written: its key, columns, the targets it serves, and its prefilled rows."""

    key: str
    columns: tuple[str, ...]
    targets: tuple[Target, ...]
    rows: tuple[Row, ...]

    @property
    def sheet(self) -> Sheet:
        return vocabulary().sheets[self.key]


def write_template(
    packs: Sequence[Pack],
    path: str | Path,
    *,
    counties: Sequence[str] | None = None,
    language: Language | None = None,
) -> Path:
    """Write the workbook that counties fill in for the targets of packs.

    Parameters
    ----------
    packs
        The packs; the sheets that their targets need are there, with the columns that they need.
    path
        The ``.xlsx`` file; it is replaced when the new one is complete.
    counties
        Names of the counties, for which rows are prefilled.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    pathlib.Path
        `path`. The same packs and counties give the same bytes.

    Raises
    ------
    UsageError
        No target of the packs needs a sheet.
    OutputError
        The file cannot be written.
    """
    language, place = language or current_language(), Path(path)
    pages = [_page(packs, key, tuple(counties or ())) for key in sheets_needed(packs)]
    if not pages:
        raise UsageError(text("inputs.no_sheets", language))
    with whole_file(place) as draft:
        book = xlsxwriter.Workbook(str(draft), {"strings_to_formulas": False, "strings_to_urls": False})
        book.set_properties({"title": text("inputs.title", language), "created": datetime(2000, 1, 1)})  # noqa: DTZ001
        formats = _formats(book)
        _write_notes(book.add_worksheet(text("inputs.notes_sheet", language)), packs, pages, formats, language)
        for page in pages:
            _write_page(book.add_worksheet(page.sheet.title.said(language)), page, formats, language)
        book.close()
    return place


# What is needed


def sheets_needed(packs: Iterable[Pack]) -> tuple[str, ...]:
    """Return the sheets that targets use, in the vocabulary's order.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> sheets_needed([load_pack("yunnan")])
    ('institutions', 'estates', 'land', 'counts', 'checklist')
    """
    used = {use.sheet for pack in packs for target in pack.targets for use in target.data.sheets}
    return tuple(key for key in vocabulary().sheets if key in used)


def columns_needed(packs: Iterable[Pack], key: str) -> tuple[str, ...]:
    """Return the columns of a sheet that targets use, and those that say what a row is about.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> columns_needed([load_pack("yuxi")], "visits")
    ('county', 'month', 'due', 'visited')
    """
    columns = vocabulary().sheets[key].columns
    used = {name for name, column in columns.items() if column.required} | set(_ALWAYS.get(key, ()))
    if "county" in columns:
        used.add("county")
    for target, use in _uses(packs, key):
        conditions = (one.column for one in (*use.rows, *use.passing))
        used |= {*use.numerator, *use.denominator, *conditions, *_implied(target, key)}
    return tuple(name for name in columns if name in used)


def _uses(packs: Iterable[Pack], key: str) -> list[tuple[Target, SheetUse]]:
    targets = (target for pack in packs for target in pack.targets)
    return [(target, use) for target in targets for use in target.data.sheets if use.sheet == key]


def _implied(target: Target, key: str) -> tuple[str, ...]:
    """Return the columns that a target needs besides those that its use names."""
    if key == "institutions":
        return (*(("ownership",) if target.ownership else ()), *(("stars",) if target.stars_min else ()))
    household = key == "estates" and any(one.key == "household_size" for one in target.readings)
    return ("households",) if household else ()


def prefilled(packs: Iterable[Pack], key: str, counties: Sequence[str]) -> tuple[Row, ...]:
    """Return the cells that are prefilled: ids, items, counties, levels and years, one row for each.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> rows = prefilled([load_pack("yuxi")], "checklist", ["红塔区", "江川区"])
    >>> [(row["target"].split()[0], row.get("county")) for row in rows][:3]
    [('YX-12', None), ('YX-14', '红塔区'), ('YX-14', '江川区')]
    """
    if key in _BY_TARGET:
        targets = [target for target, _ in _uses(packs, key)]
        return tuple(row for target in targets for row in _rows_of_target(target, key, counties))
    if "name" in vocabulary().sheets[key].columns:
        return ()
    rows: list[Row] = [{"county": county} for county in counties]
    if key == "lottery":
        own = all(any(one.column == "level" for one in use.rows) for _, use in _uses(packs, key))
        return ({"level": "市本级"}, *({"level": "县级", **row} for row in rows if not own))
    years = sorted({year for target, _ in _uses(packs, key) for year in target.years})
    if "year" in vocabulary().sheets[key].columns and years:
        return tuple({**row, "year": year} for row, year in product(rows, years))
    return tuple(rows)


def _rows_of_target(target: Target, key: str, counties: Sequence[str]) -> list[Row]:
    """Return the rows of a target: one for each county where counties answer for it, and for each item."""
    by_county = target.unit not in _OF_THE_CITY and counties
    places: list[Row] = [{"county": county} for county in counties] if by_county else [{}]
    items: list[Row] = [{"item": item.title.said()} for item in target.items] if key == "checklist" else []
    named: Row = {"target": f"{target.id} {target.title.said()}"}
    return [{**named, **item, **place} for item, place in product(items or [{}], places)]


def _page(packs: Sequence[Pack], key: str, counties: Sequence[str]) -> _Page:
    targets = tuple(dict.fromkeys(target.id for target, _ in _uses(packs, key)))
    known = {target.id: target for target, _ in _uses(packs, key)}
    return _Page(key, columns_needed(packs, key), tuple(known[one] for one in targets), prefilled(packs, key, counties))


# How it looks


def _formats(book: xlsxwriter.Workbook) -> dict[str, Format]:
    base: dict[str, Any] = {"font_name": _FONT, "font_size": 11, "valign": "vcenter"}
    box = {"border": 1, "border_color": "#7F7F7F"}
    grey = {"italic": True, "font_color": "#8C8C8C", "bg_color": "#F5F5F5"}
    looks: dict[str, dict[str, Any]] = {
        "title": {"font_name": _HEAD_FONT, "font_size": 18, "align": "center"},
        "line": {"font_size": 10, "font_color": "#404040", "text_wrap": True},
        "section": {"font_name": _HEAD_FONT, "font_size": 13},
        "rule": {"text_wrap": True, "valign": "top"},
        "head": {**box, "font_name": _HEAD_FONT, "bg_color": "#DCE6F1", "text_wrap": True, "align": "center"},
        "wrap": {**box, "text_wrap": True},
        "fixed": {**box, "text_wrap": True, "bg_color": "#F2F2F2"},
        "serial": {**box, "align": "center"},
        "text": {**box, "text_wrap": True},
        "yes_no": {**box, "align": "center"},
        "choice": {**box, "align": "center"},
        "number": {**box, "num_format": "#,##0.##"},
        "year": {**box, "num_format": "0", "align": "center"},
        "date": {**box, "num_format": "yyyy-mm-dd", "align": "center"},
        "month": {**box, "num_format": "yyyy-mm", "align": "center"},
    }
    found = {name: {**base, **look} for name, look in looks.items()}
    found |= {f"{name}_example": {**look, **grey} for name, look in found.items()}
    return {name: book.add_format(look) for name, look in found.items()}


def _print_setup(sheet: Worksheet, head: tuple[int, int] | None) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.center_horizontally()
    sheet.set_footer("&C&P / &N")
    if head:
        sheet.repeat_rows(*head)


def _write_notes(
    sheet: Worksheet, packs: Sequence[Pack], pages: Sequence[_Page], formats: dict[str, Format], language: Language
) -> None:
    """Write the first sheet: how to fill in, and which targets each sheet serves."""
    sheet.hide_gridlines(2)
    for place, width in enumerate((22, 44, 8, 70)):
        sheet.set_column(place, place, width)
    sheet.set_row(0, 34)
    sheet.merge_range(0, 0, 0, 3, text("inputs.title", language), formats["title"])
    documents = "、".join(f"《{pack.document}》" for pack in packs)
    lines = [
        (text("inputs.notes_for", language, documents=plain(documents)), "line"),
        (text("inputs.notes_unit", language), "line"),
        (text("inputs.rules_head", language), "section"),
        *((text(f"inputs.rule_{number}", language), "rule") for number in range(1, 7)),
        (text("inputs.sheets_head", language), "section"),
    ]
    for row, (words, look) in enumerate(lines, start=1):
        sheet.set_row(row, 20 * max(1, -(-columns_of(words) // 140)) + (6 if look == "section" else 2))
        sheet.merge_range(row, 0, row, 3, words, formats[look])
    _write_index(sheet, len(lines) + 1, pages, formats, language)
    _print_setup(sheet, None)


def _write_index(
    sheet: Worksheet, top: int, pages: Sequence[_Page], formats: dict[str, Format], language: Language
) -> None:
    for place, key in enumerate(("head_sheet", "head_row", "head_count", "head_targets")):
        sheet.write_string(top, place, text(f"inputs.{key}", language), formats["head"])
    sheet.set_row(top, 24)
    for row, page in enumerate(pages, start=top + 1):
        name = page.sheet.title.said(language)
        served = [
            text("inputs.target_line", language, id=one.id, title=one.title.said(language)) for one in page.targets
        ]
        words = plain(text("inputs.targets_join", language).join(served))
        sheet.set_row(
            row, 17 * max(1, -(-columns_of(words) // 66), -(-columns_of(page.sheet.row.said(language)) // 40)) + 4
        )
        sheet.write_url(row, 0, f"internal:'{name}'!A1", formats["wrap"], name)
        sheet.write_string(row, 1, page.sheet.row.said(language), formats["wrap"])
        sheet.write_number(row, 2, len(page.targets), formats["serial"])
        sheet.write_string(row, 3, words, formats["wrap"])


def _write_page(sheet: Worksheet, page: _Page, formats: dict[str, Format], language: Language) -> None:
    """Write a sheet: title, what a row is, headings with notes, the example, prefilled and empty rows."""
    last, columns, widths = len(page.columns), page.sheet.columns, _widths(page)
    sheet.set_row(0, 32)
    sheet.merge_range(0, 0, 0, last, page.sheet.title.said(language), formats["title"])
    served = "、".join(one.id for one in page.targets)
    line = text("inputs.row_line", language, row=page.sheet.row.said(language), targets=served)
    sheet.set_row(1, 18 * max(1, -(-columns_of(line) // 110)) + 2)
    sheet.merge_range(1, 0, 1, last, plain(line), formats["line"])
    sheet.set_row(2, 40)
    sheet.write_string(2, 0, text("inputs.serial", language), formats["head"])
    sheet.set_column(0, 0, 7)
    for place, name in enumerate(page.columns, start=1):
        column = columns[name]
        words = _heading(column, language)
        sheet.write_string(2, place, words, formats["head"])
        sheet.write_comment(2, place, _note(name, column, language), {"x_scale": 1.6, "font_size": 9})
        sheet.set_column(place, place, widths[place - 1])
        _validate(sheet, place, name, column)
    _write_rows(sheet, page, formats, language)
    sheet.freeze_panes(_TOP, 2)
    _print_setup(sheet, (0, _TOP - 1))


def _heading(column: Column, language: Language) -> str:
    """Return a heading with its unit in a line of its own, and a star where cells are required."""
    words = heading(column, language).replace("（", "\n（") if column.unit else heading(column, language)
    return words + ("*" if column.required else "")


def _widths(page: _Page) -> list[float]:
    """Return the widths of the columns, wider where there are few, so that a sheet of paper is filled."""
    widths = [_WIDE.get(name, _WIDTHS[page.sheet.columns[name].type]) for name in page.columns]
    return [width * min(1.6, max(1.0, _PAPER / sum(widths))) for width in widths]


def _write_rows(sheet: Worksheet, page: _Page, formats: dict[str, Format], language: Language) -> None:
    """Write the example and the rows; empty ones have no number, so that they are blank when they are read."""
    example = text("inputs.example", language)
    sheet.set_row(_TOP, 20)
    sheet.write_string(_TOP, 0, example, formats["serial_example"])
    for place, name in enumerate(page.columns, start=1):
        look = _look(name, page.sheet.columns[name])
        _write_cell(sheet, _TOP, place, _sample(name, page, example), formats[f"{look}_example"])
    blank = 2 if page.rows else _BLANK_ROWS
    for number, cells in enumerate([*page.rows, *([{}] * blank)], start=1):
        row = _TOP + number
        sheet.set_row(row, _height(cells, page))
        _write_cell(sheet, row, 0, number if cells else None, formats["serial"])
        for place, name in enumerate(page.columns, start=1):
            style = "fixed" if name in cells else _look(name, page.sheet.columns[name])
            _write_cell(sheet, row, place, cells.get(name), formats[style])


def _height(cells: Row, page: _Page) -> float:
    """Return the height of a row whose texts wrap."""
    widths = dict(zip(page.columns, _widths(page), strict=True))
    lines = [-(-columns_of(str(words)) // int(widths[name] - 1)) for name, words in cells.items()]
    return 20.0 * max([1, *lines])


def _write_cell(sheet: Worksheet, row: int, place: int, value: object, style: Format) -> None:
    if value is None:
        sheet.write_blank(row, place, None, style)
    elif isinstance(value, str):
        sheet.write_string(row, place, plain(value), style)
    elif isinstance(value, date):
        sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), style)  # noqa: DTZ001
    else:
        sheet.write_number(row, place, float(str(value)), style)


def _look(name: str, column: Column) -> str:
    return name if name in {"year", "month"} else column.type


def _sample(name: str, page: _Page, example: str) -> object:
    """Return what the example row shows in a column; what says where it belongs says that it is an example."""
    column = page.sheet.columns[name]
    if name in {"county", "target"}:
        first = page.targets[0].id if name == "target" else ""
        return f"{example}{' ' if first else ''}{first}"
    if name == "item":
        return next((item.title.said() for one in page.targets for item in one.items), example)
    if column.type == "yes_no":
        return "否" if name == "accepted_in_breach" else "是"
    if name == "name":
        return _NAMES.get(page.key, example)
    if column.type == "choice":
        return column.choices[0]
    return _SAMPLES.get(name, example)


def _note(name: str, column: Column, language: Language) -> str:
    """Return the comment on a heading."""
    own = {"county", "kind", "period", "target", "item", "stars", "year", "month"}
    key = name if name in own else column.type
    words = text(f"inputs.note_{key}", language, known="、".join(column.choices))
    return words + (text("inputs.note_required", language) if column.required else "")


def _validate(sheet: Worksheet, place: int, name: str, column: Column) -> None:
    """Let a program check what is typed; months, periods and names are free."""
    rules: dict[str, dict[str, Any]] = {
        "yes_no": {"validate": "list", "source": ["是", "否"]},
        "choice": {"validate": "list", "source": list(column.choices)},
        "date": {"validate": "date", "criteria": "between", "minimum": date(1949, 1, 1), "maximum": date(2100, 12, 31)},
        "number": {"validate": "decimal", "criteria": ">=", "value": 0},
    }
    own: dict[str, dict[str, Any]] = {
        "stars": {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": 5},
        "year": {"validate": "integer", "criteria": "between", "minimum": 1949, "maximum": 2100},
    }
    rule = own.get(name) or rules.get(column.type)
    if rule is not None:
        stop = {"ignore_blank": True, "error_type": "warning" if column.type == "date" else "stop"}
        sheet.data_validation(_TOP + 1, place, _TOP + _CHECKED_ROWS, place, {**rule, **stop})
