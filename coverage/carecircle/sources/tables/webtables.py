"""Tables in web pages: what many systems of offices export under the ending ``.xls``.

Read with the parser of the standard library, which runs nothing and fetches nothing; of the text of a page only
what stands in cells is kept.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from carecircle.errors import InputError, problem
from carecircle.guards import refuse_wide_sheet
from carecircle.sources.tables.sheets import Marks, Merge, Sheet, sheet_of

_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|meta|table|body|div|style)\b", re.IGNORECASE)
_BLANKS = re.compile(rb"\s*")
_CHARSET = re.compile(rb"<meta[^<>]+charset\s*=[\s\"']*([\w-]+)", re.IGNORECASE)
_CHINESE = {"gb2312", "gbk", "gb_2312-80", "x-gbk"}
_MOST_COLUMNS, _MOST_ROWS = 16_384, 1_048_576  # of a sheet of Excel
_SILENT = {"script", "style", "title"}


@dataclass
class _Table:
    """A table of a page on its way: rows of texts, and the ranges that cells span."""

    rows: list[list[str | None]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    taken: dict[int, int] = field(default_factory=dict)  # column -> number of the last row that a cell above fills
    at: int = 0  # column of the open cell


class _Reader(HTMLParser):
    """Collects the tables of a page; a table in a cell of another is a table of its own."""

    def __init__(self, file: Path) -> None:
        super().__init__(convert_charrefs=True)
        self._file, self._made = file, 0
        self.tables: list[_Table] = []
        self._open: list[_Table] = []
        self._cells: list[list[str] | None] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._open.append(_Table())
            self._cells.append(None)
            self.tables.append(self._open[-1])
        elif tag in _SILENT:
            self._silent += 1
        elif not self._open:
            return
        elif tag == "tr":
            self._close_cell()
            self._begin_row()
        elif tag in {"td", "th"}:
            self._close_cell()
            self._begin_cell(dict(attrs))
        elif tag in {"br", "p", "div"} and self._cells[-1]:
            self._cells[-1].append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End a table or a cell."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in {"td", "th", "tr"} and self._open:
            self._close_cell()
        elif tag == "table" and self._open:
            self._close_cell()
            self._open.pop()
            self._cells.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text of a cell."""
        if self._cells and self._cells[-1] is not None and not self._silent:
            self._cells[-1].append(data)

    def _begin_row(self) -> None:
        self._open[-1].rows.append([])

    def _begin_cell(self, attributes: dict[str, str | None]) -> None:
        table = self._open[-1]
        if not table.rows:
            self._begin_row()
        row, first_row = table.rows[-1], len(table.rows)
        before = len(row)
        while table.taken.get(len(row), 0) >= first_row:
            row.append(None)
        across = _span(attributes.get("colspan"), _MOST_COLUMNS - len(row))
        down = _span(attributes.get("rowspan"), _MOST_ROWS)
        first_column = len(row) + 1
        self._make_room(len(row) - before + across)
        if across > 1 or down > 1:
            table.merges.append((first_row, first_column, first_row + down - 1, first_column + across - 1))
        if down > 1:
            table.taken |= dict.fromkeys(range(len(row), len(row) + across), first_row + down - 1)
        row += [None] * across
        table.at = first_column - 1
        number = attributes.get("x:num")  # what Excel shows as 5.304E+11 it keeps here in full
        row[table.at] = number or None
        self._cells[-1] = None if number else []

    def _make_room(self, cells: int) -> None:
        """Count cells before they are made: in a few bytes one can span all columns of many rows."""
        self._made += cells
        refuse_wide_sheet(self._file, len(self._open[-1].rows), -(-self._made // len(self._open[-1].rows)))

    def _close_cell(self) -> None:
        said = self._cells[-1]
        if said is not None:
            lines = "".join(said).replace("\xa0", " ").splitlines()
            self._open[-1].rows[-1][self._open[-1].at] = "\n".join(line.strip() for line in lines if line.strip())
            self._cells[-1] = None


def _span(said: str | None, most: int) -> int:
    number = int(said) if said and said.strip().isdecimal() and len(said) < 8 else 1
    return max(1, min(number, most))


def is_web_page(raw: bytes) -> bool:
    """Whether a file is a web page, whatever its ending says."""
    head = raw[:100_000].removeprefix(codecs.BOM_UTF8)
    at = _behind_blanks(head, 0)
    while head.startswith(b"<!--", at):
        end = head.find(b"-->", at + 4)
        if end < 0:
            return False
        at = _behind_blanks(head, end + 3)
    return bool(_PAGE.match(head, at))


def _behind_blanks(head: bytes, at: int) -> int:
    found = _BLANKS.match(head, at)
    return found.end() if found else at


def _in_whole_tags(content: str) -> str:
    """Return a page without comments and what is never closed, for which the parser would look again and again."""
    parts, at = list[str](), 0
    while (start := content.find("<!--", at)) >= 0:
        parts.append(content[at:start])
        end = content.find("-->", start + 4)
        at = len(content) if end < 0 else end + 3
    plain = ("".join(parts) + content[at:]).replace("<![", "<!")
    closed = plain.rfind(">") + 1
    return plain[:closed] + plain[closed:].partition("<")[0]


def page_encoding(raw: bytes) -> str | None:
    """Return the encoding that a page declares, its Chinese ones as GB18030, which holds them all."""
    said = _CHARSET.search(raw[:10_000])
    name = said[1].decode("ascii").lower() if said else ""
    return "gb18030" if name in _CHINESE else None


def page_sheet(file: Path, content: str) -> Sheet:
    """Return the largest table of a page.

    Raises
    ------
    InputError
        The page has no table with more than one row, or cells that span more than a sheet may.
    """
    reader = _Reader(file)
    reader.feed(_in_whole_tags(content) + "</td>")  # a page that ends in a cell
    reader.close()
    tables = sorted((found for found in reader.tables if len(found.rows) > 1), key=_cells, reverse=True)
    if not tables:
        raise InputError(problem("empty_table", file=file))
    last = len(tables[0].rows)
    merges = tuple((top, left, min(bottom, last), right) for top, left, bottom, right in tables[0].merges)
    sheet = sheet_of(tables[0].rows, file, marks=Marks(merges))
    others = sum(1 for found in tables[1:] if _cells(found) > 2)
    return sheet.adding(*([sheet.finding("aside", "other_tables", found=others)] if others else []))


def _cells(table: _Table) -> int:
    return sum(cell not in {None, ""} for cell in _all(table))


def _all(table: _Table) -> Iterator[str | None]:
    return (cell for row in table.rows for cell in row)
