"""表1 to 表8 as a workbook in the form that officials hand in: titles, merged headings, borders, print set-up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from carecircle.language import Language, current_language, text
from carecircle.report import judged
from carecircle.report.books import NO_DATE, OPTIONS, columns_of, plain, replaced
from carecircle.report.tables import Cell, Head, Table, tables

if TYPE_CHECKING:
    from carecircle.model import Study

COLOURS: Mapping[str, str] = {
    "met": "#D5E8D4",
    "missed": "#F7CFC0",
    "in_progress": "#DAE8FC",
    "to_be_verified": "#FFF2CC",
    "no_data": "#E7E6E6",
    "not_applicable": "#F5F5F5",
    "monitored": "#F5F5F5",
}
"""Fill of the cell that says a verdict: also told apart by lightness and, above all, by its word."""
_HEADING, _BODY = "宋体", "仿宋"
_NUMBERS = {"count": "#,##0", "share": "0.0%", "minutes": "0.0", "metres": "#,##0", "area": "#,##0.0"}
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]+")
_MOST_SIGNS = 31  # of the name of a sheet
_WIDTHS = {"text": (7, 14)}
_NARROW = (6, 12)
_PAGE, _WIDE_PAGE = 140.0, 170.0  # columns of width that an A4 page across holds, at 10 points and a little smaller
_SHORT = 16  # columns of width up to which words stand in the middle of a cell
_MANY = 12  # columns that need the wider page
_LINE = 13.2  # height of a line, points
_TOP = 2  # rows above the headings: title, and the line of units


@dataclass(frozen=True)
class _Page:
    """A sheet being written: the table, its formats, the widths of its columns."""

    sheet: Worksheet
    table: Table
    formats: Formats
    widths: list[float]
    long: frozenset[int]
    language: Language

    @property
    def last(self) -> int:
        return len(self.table.heads) - 1

    @property
    def first_row(self) -> int:
        return _TOP + 1 + self.table.grouped


class Formats:
    """The formats of a workbook, each made when it is first asked for."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book, self._made = book, dict[tuple[tuple[str, Any], ...], Format]()

    def of(self, **look: Any) -> Format:
        """Return the format with these properties."""
        key = tuple(sorted(look.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"valign": "vcenter", "font_name": _BODY, "font_size": 10, **look})
        return self._made[key]


def write_official(study: Study, path: str | Path, language: Language | None = None) -> Path:
    """Write the tables of a study as a workbook, a sheet each.

    Parameters
    ----------
    study
        The study.
    path
        The ``.xlsx`` file; it is replaced when the new one is complete.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

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
    return write_tables(tables(study, language), study, path, language)


def write_tables(found: tuple[Table, ...], study: Study, path: str | Path, language: Language | None = None) -> Path:
    """Write tables as a workbook, a sheet each, as `write_official` does with those of the study."""
    language = language or current_language()
    written = datetime.combine(study.as_of, time()) if study.as_of else NO_DATE

    def fill(place: Path) -> None:
        book = xlsxwriter.Workbook(str(place), OPTIONS)
        book.set_properties({"title": plain(study.title), "created": written})
        formats = Formats(book)
        for name, table in zip(sheet_names(found, language), found, strict=True):
            page = _Page(book.add_worksheet(name), table, formats, _widths(table), _long(table), language)
            _write(page, study)
        book.close()

    return replaced(Path(path), fill)


def title_of(table: Table, language: Language | None = None) -> str:
    """Return a table's number and title: 表1　指标完成情况表; the title alone where it has no number."""
    if not table.key:
        return table.title
    return text("table.number", language, key=table.key, title=table.title)


def sheet_names(found: tuple[Table, ...], language: Language | None = None) -> list[str]:
    """Return a name for each sheet: number, part and the document's short title; each once, of 31 signs at most."""
    names: list[str] = []
    for table in found:
        part = text(f"table.sheet_part_{table.part}", language) if table.part else ""
        label = table.pack or table.title
        whole = text("table.sheet", language, key=table.key, part=part, label=label) if table.key else label
        words = _SHEET_NAME.sub(" ", whole).strip(" '")
        name, again = words[:_MOST_SIGNS].strip(" '"), 2
        while name.casefold() in {known.casefold() for known in names}:
            tail = f" {again}"
            name, again = words[: _MOST_SIGNS - len(tail)] + tail, again + 1
        names.append(name)
    return names


def _write(page: _Page, study: Study) -> None:
    for place, width in enumerate(page.widths):
        page.sheet.set_column(place, place, width)
    _write_top(page, study)
    _write_heads(page)
    for at, row in enumerate(page.table.rows):
        _write_row(page, at, row)
    _write_foot(page)
    _set_up(page)


def _write_top(page: _Page, study: Study) -> None:
    """Write the title across the page, and under it whose table it is, the day and the units."""
    title = page.formats.of(font_name=_HEADING, font_size=16, bold=True, align="center")
    page.sheet.set_row(0, 32)
    _merge(page, 0, 0, page.last, title_of(page.table, page.language), title)
    middle = _two_thirds(page.widths)
    left = " · ".join(part for part in (study.title, page.table.pack) if part)
    if study.fictional:
        left = f"{left}（{text('map.fictional', page.language)}）"
    day = text("table.as_of", page.language, day=judged.day(study.as_of, page.language))
    right = text("table.join", page.language).join(part for part in (day, page.table.unit) if part)
    page.sheet.set_row(1, 20)
    _merge(page, 1, 0, middle, left, page.formats.of(align="left"))
    _merge(page, 1, middle + 1, page.last, right, page.formats.of(align="right"))


def _two_thirds(widths: list[float]) -> int:
    """Return the last of the columns that make two thirds of the page, one less than all at most."""
    sums = [sum(widths[: at + 1]) for at in range(len(widths))]
    found = next(at for at, width in enumerate(sums) if width >= sums[-1] * 2 / 3)
    return max(0, min(found, len(widths) - 2))


def _merge(page: _Page, row: int, first: int, last: int, words: str, style: Format) -> None:
    """Write text over several cells; over one cell there is nothing to merge."""
    if first == last:
        page.sheet.write_string(row, first, plain(words), style)
    elif first < last:
        page.sheet.merge_range(row, first, row, last, "", style)
        page.sheet.write_string(row, first, plain(words), style)


def _write_heads(page: _Page) -> None:
    """Write the headings: one row, or two where columns have groups; what has no group is merged downwards."""
    style = page.formats.of(font_name=_HEADING, bold=True, align="center", text_wrap=True, border=1, bg_color="#EAF0F6")
    place = 0
    for group, heads in groupby(page.table.heads, key=lambda head: head.group):
        columns = list(heads)
        if group:
            _merge(page, _TOP, place, place + len(columns) - 1, group, style)
        for head in columns:
            _write_head(page, place, head, style)
            place += 1
    if page.table.grouped:
        page.sheet.set_row(_TOP, _head_height(page, grouped=True))
    page.sheet.set_row(page.first_row - 1, _head_height(page, grouped=False))


def _write_head(page: _Page, place: int, head: Head, style: Format) -> None:
    if page.table.grouped and not head.group:
        page.sheet.merge_range(_TOP, place, _TOP + 1, place, "", style)
        page.sheet.write_string(_TOP, place, plain(head.heading), style)
        return
    page.sheet.write_string(page.first_row - 1, place, plain(head.heading), style)


def _head_height(page: _Page, *, grouped: bool) -> float:
    lines = [1]
    place = 0
    for group, heads in groupby(page.table.heads, key=lambda head: head.group):
        columns = list(heads)
        widths = page.widths[place : place + len(columns)]
        if grouped and group:
            lines.append(_lines(group, sum(widths)))
        if not grouped and (group or not page.table.grouped):
            lines += [_lines(head.heading, width) for head, width in zip(columns, widths, strict=True)]
        place += len(columns)
    return 8 + _LINE * max(lines)


def _lines(words: str, width: float) -> int:
    """Return how many lines text takes in a column; Excel breaks a little before a column's width is used up."""
    return sum(max(1, math.ceil(columns_of(line) / max(width - 0.5, 1))) for line in words.split("\n"))


def _write_row(page: _Page, at: int, row: tuple[Cell, ...]) -> None:
    table, number = page.table, page.first_row + at
    is_sum = at >= len(table.rows) - table.totals
    height = max(_lines(_shown(cell), width) for cell, width in zip(row, page.widths, strict=True))
    page.sheet.set_row(number, min(409, 6 + _LINE * height))
    for place, (cell, head) in enumerate(zip(row, table.heads, strict=True)):
        look: dict[str, Any] = {"border": 1} | _look(cell, head, long=place in page.long)
        if is_sum:
            look |= {"bold": True, "bg_color": "#F2F2F2"}
        if place == table.verdict and at in table.colours:
            look |= {"bold": True, "bg_color": COLOURS[table.colours[at]]}
        _write_cell(page.sheet, number, place, cell, page.formats.of(**look))


def _write_cell(sheet: Worksheet, row: int, place: int, cell: Cell, style: Format) -> None:
    if cell == "":
        sheet.write_blank(row, place, None, style)
    elif isinstance(cell, str):
        sheet.write_string(row, place, plain(cell), style)
    else:
        sheet.write_number(row, place, cell, style)


def _look(cell: Cell, head: Head, *, long: bool) -> dict[str, Any]:
    """Return how a cell looks: numbers to the right, states grey in the middle, long text to the left."""
    if isinstance(cell, str):
        if head.look in {"text", "wrap"}:
            return {"num_format": "@", "text_wrap": True, "align": "left" if long else "center"}
        return {"num_format": "@", "text_wrap": True, "align": "center", "font_color": "#7F7F7F"}
    whole = float(cell).is_integer()
    number = ("#,##0" if whole else "#,##0.0#") if head.look == "number" else _NUMBERS.get(head.look, "General")
    return {"num_format": number, "align": "right" if head.look != "count" or cell >= 1000 else "center"}


def _write_foot(page: _Page) -> None:
    row, width = page.first_row + len(page.table.rows), sum(page.widths)
    style = page.formats.of(font_size=9, text_wrap=True, align="left")
    for at, sentence in enumerate(page.table.foot):
        words = f"{text('table.notes', page.language) if at == 0 else ''}{sentence}"
        page.sheet.set_row(row + at, 4 + 13 * _lines(words, width * 1.05))
        _merge(page, row + at, 0, page.last, words, style)


def _set_up(page: _Page) -> None:
    """Freeze the headings and the first columns; print on A4 across, all columns on a page, headings on each."""
    names = next((at for at, head in enumerate(page.table.heads) if head.look in {"text", "wrap"}), 0)
    sheet = page.sheet
    sheet.freeze_panes(page.first_row, min(names + 1, page.last))
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.center_horizontally()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_TOP, page.first_row - 1)
    sheet.set_footer(f"&C&9{text('table.page', page.language)}")
    sheet.hide_gridlines(2)


def _shown(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:,.1f}"


def _widths(table: Table) -> list[float]:
    """Return the widths of columns: as wide as their words need, long text sharing what a page has left."""
    found = [_width(table, place, head) for place, head in enumerate(table.heads)]
    long = [place for place, head in enumerate(table.heads) if head.look == "wrap"]
    left = (_PAGE if len(table.heads) < _MANY else _WIDE_PAGE) - sum(
        width for place, width in enumerate(found) if place not in long
    )
    # The shortest first: what one does not need, the longer ones share.
    for done, place in enumerate(sorted(long, key=lambda one: _longest(table, one) / _need(table, one))):
        rest = sorted(long, key=lambda one: _longest(table, one) / _need(table, one))[done:]
        part = left * _need(table, place) / sum(_need(table, one) for one in rest)
        found[place] = min(max(part, 9.0), _longest(table, place) + 2.5)
        left -= found[place]
    return found


def _need(table: Table, place: int) -> float:
    """Return how much room long text needs: less than its length says, so that short columns are not starved."""
    lengths = [columns_of(_shown(row[place])) for row in table.rows]
    return float(max(sum(lengths) / max(len(lengths), 1), 9.0) ** 0.7)


def _long(table: Table) -> frozenset[int]:
    """Return the columns that hold sentences: they read better from the left."""
    places = (place for place, head in enumerate(table.heads) if head.look == "wrap")
    return frozenset(place for place in places if any(columns_of(_shown(row[place])) > _SHORT for row in table.rows))


def _longest(table: Table, place: int) -> float:
    lines = [line for row in table.rows for line in _shown(row[place]).split("\n")]
    return float(max([columns_of(table.heads[place].heading), *map(columns_of, lines)]))


def _width(table: Table, place: int, head: Head) -> float:
    if head.heading == text("table.serial", "zh") or head.heading == text("table.serial", "en"):
        return 5.5
    low, high = _WIDTHS.get(head.look, _NARROW)
    return min(max(low, _longest(table, place) + 2.0 if head.look in _WIDTHS else _number_width(table, place)), high)


def _number_width(table: Table, place: int) -> float:
    cells = [columns_of(_shown(row[place])) for row in table.rows]
    words = table.heads[place].heading
    # Chinese breaks anywhere, other words at blanks only.
    heading = columns_of(words) / 2 + 1 if not words.isascii() else max(map(len, words.split()), default=0) + 1
    return max([*cells, heading, 0]) + 1.5
