"""Tables of a report laid out for Word: widths by what the cells hold, merged headings, colours beside words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from itertools import groupby

from docx.document import Document as Paper

from carecircle.language import Language, text
from carecircle.report.fonts import wide
from carecircle.report.tables.model import Cell, Head, Table
from carecircle.report.word.build import (
    HEI,
    TABLE_POINTS,
    WIDE_MM,
    WIDTH_MM,
    add_caption,
    add_note,
    append,
    cell,
    cell_line,
    row_xml,
    table_xml,
    turn,
)

# Light tints that black letters stand out on; neighbours on the scale differ in lightness too.
VERDICT_FILLS = {
    "met": "CFE3F3",
    "missed": "F6C6AD",
    "in_progress": "FFF3C4",
    "to_be_verified": "E3DCEE",
    "no_data": "E4E4E4",
    "not_applicable": "F7F7F7",
    "monitored": "F7F7F7",
}
_HEAD_FILL, _SUM_FILL = "E7ECF2", "F3F3F3"
_FORMATS = {"count": "{:,.0f}", "metres": "{:,.0f}", "minutes": "{:,.1f}", "area": "{:,.1f}"}
_SIGN_MM = TABLE_POINTS * 25.4 / 72
_UNBROKEN = re.compile(r"[（(]?[A-Za-z0-9.,%/_-]+[）)]?")
_NARROWEST, _NARROW_TEXT, _PADDING = 2.0, 6.0, 0.8  # signs
_SHORT = 6.0
"""Words of no more signs than this are not broken."""


def shown(value: Cell, look: str) -> str:
    """Return a cell as it is printed; shares and the like are cut already.

    Examples
    --------
    >>> shown(0.647, "share"), shown(12345.0, "count"), shown(2.5, "number"), shown("无数据", "count")
    ('64.7%', '12,345', '2.5', '无数据')
    """
    if isinstance(value, str):
        return value
    if look == "share":
        return f"{value * 100:.1f}%"
    if look in _FORMATS:
        return _FORMATS[look].format(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def caption(table: Table, language: Language) -> str:
    """Return number and title of a table: ``表1　指标完成情况表（玉溪市…）``."""
    words = text("table.number", language, key=table.key, title=table.title)
    return text("word.of_pack", language, title=words, pack=table.pack) if table.pack else words


def without(table: Table, headings: Collection[str]) -> Table:
    """Return a table without some columns."""
    kept = [place for place, head in enumerate(table.heads) if head.heading not in headings]
    rows = tuple(tuple(row[place] for place in kept) for row in table.rows)
    verdict = kept.index(table.verdict) if table.verdict in kept else -1
    return replace(table, heads=tuple(table.heads[place] for place in kept), rows=rows, verdict=verdict)


def first_rows(table: Table, most: int) -> Table:
    """Return a table cut to some rows; sums at its end go where rows do."""
    if len(table.rows) <= most:
        return table
    return replace(table, rows=table.rows[:most], totals=0)


def add_table(paper: Paper, table: Table, language: Language, *, most: int = 200, title: str = "") -> None:
    """Add a table with its caption and notes, across where it is wide; of long ones the first rows, and it says so."""
    part = first_rows(table, most)
    cells = [[shown(value, head.look) for value, head in zip(row, part.heads, strict=True)] for row in part.rows]
    wants = _wants(part.heads, cells)
    across = sum(most for _, most in wants) * _SIGN_MM > WIDTH_MM
    turn(paper, across=across)
    widths = _widths(wants, WIDE_MM if across else WIDTH_MM)
    add_caption(paper, title or caption(table, language), above=True)
    rows = [*_head_rows(part, widths), *(_row(part, place, row, widths) for place, row in enumerate(cells))]
    append(paper, table_xml(rows, widths))
    notes = [text("word.first_rows", language, shown=most, all=len(table.rows))] if part is not table else []
    for place, words in enumerate([*notes, *table.foot]):
        add_note(paper, text("word.note", language, words=words) if place == 0 else words)


def _widths(wants: list[tuple[float, float]], room: float) -> list[float]:
    """Return widths in millimetres: what each column needs at least, and of the rest the more the longer its text."""
    least, most = ([one[place] * _SIGN_MM for one in wants] for place in (0, 1))
    if sum(most) <= room:
        return [min(1.2, room / sum(most)) * width for width in most]
    if sum(least) >= room:
        return [room * width / sum(least) for width in least]
    spare = (room - sum(least)) / (sum(most) - sum(least))
    return [low + spare * (high - low) for low, high in zip(least, most, strict=True)]


def _wants(heads: tuple[Head, ...], cells: list[list[str]]) -> list[tuple[float, float]]:
    """Return how many signs of width each column needs at least, for what is not to be broken, and at most."""
    columns = [[row[place] for row in cells] for place in range(len(heads))]
    return [_want(head.heading, column) for head, column in zip(heads, columns, strict=True)]


def _want(heading: str, column: list[str]) -> tuple[float, float]:
    lines = [line for words in column for line in words.split("\n")]
    whole = [part for line in lines for part in ([line] if wide(line) <= _SHORT else _UNBROKEN.findall(line))]
    longest = max(map(wide, lines), default=0.0)
    title = max(2.0, (wide(heading) + 1) / 2)
    least = max([_NARROW_TEXT if longest > _SHORT else _NARROWEST, title, *map(wide, whole)])
    # A text twice as long does not need twice the width: it has lines.
    most = max(least, min(longest, _SHORT + max(longest - _SHORT, 0.0) ** 0.8))
    return least + _PADDING, most + _PADDING


def _head_rows(table: Table, widths: list[float]) -> list[str]:
    if not table.grouped:
        return [
            row_xml(
                "".join(_head(one.heading, wide_) for one, wide_ in zip(table.heads, widths, strict=True)), head=True
            )
        ]
    above, below = "", ""
    for group, places in groupby(range(len(table.heads)), key=lambda place: table.heads[place].group):
        columns = list(places)
        if group:
            above += _head(group, sum(widths[place] for place in columns), span=len(columns))
            below += "".join(_head(table.heads[place].heading, widths[place]) for place in columns)
        else:
            above += "".join(_head(table.heads[place].heading, widths[place], merge="restart") for place in columns)
            below += "".join(_head("", widths[place], merge="continue") for place in columns)
    return [row_xml(above, head=True), row_xml(below, head=True)]


def _head(words: str, width: float, *, span: int = 1, merge: str = "") -> str:
    return cell(cell_line(words, HEI, align="center"), width, fill=_HEAD_FILL, span=span, merge=merge)


def _row(table: Table, place: int, cells: list[str], widths: list[float]) -> str:
    sums = place >= len(table.rows) - table.totals
    found = []
    for column, (words, width) in enumerate(zip(cells, widths, strict=True)):
        fill = VERDICT_FILLS.get(table.colours.get(place, ""), "") if column == table.verdict else ""
        align = _align(table.heads[column], table.rows[place][column], words)
        found.append(cell(cell_line(words, align=align, bold=sums), width, fill=fill or (_SUM_FILL if sums else "")))
    return row_xml("".join(found))


def _align(head: Head, value: Cell, words: str) -> str:
    """Numbers to the right, short words in the middle, sentences to the left."""
    if not isinstance(value, str):
        return "center" if head.look == "count" and wide(words) <= 2 else "right"
    return "left" if head.look == "wrap" or wide(words) > 12 else "center"
