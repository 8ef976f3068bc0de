"""Where the header of a sheet is, and what its columns are called: titles above, merged rows, units, numbers.

A header is looked for in the first rows, by these rules:

1. A row with one filled cell above wider rows, or whose cells all read as titles do (附件2, 单位：张), is a title.
2. The first other row begins the header; or the first row with two known headers, when only sparse rows stand above.
3. The row below belongs to it where a cell of the header is merged down into it, where it divides cells that are
   merged across, holds no number and nothing below other labels (which a record does), or where it fills exactly the
   gaps of the row above with labels (merged headers exported as text).
4. A row of nothing but units below it completes the names; a row of column numbers (甲 乙 1 2 ...) is left out.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from carecircle.china.headers import JOINED, is_known_header, is_unit
from carecircle.sources.tables.cells import as_text
from carecircle.sources.tables.sheets import Merge, Sheet

_HEAD_ROWS = 40
_JUDGED_ROWS = 200
_MOST_LEVELS = 5
_WIDE_SHARE = 0.75  # of all rows, so many at most are narrower than what counts as the table's width
_TITLE = re.compile(
    r"附件|附表|表\s*\d|^\D{0,12}[:：]|^(?:截[止至])?\s*\d{4}\s*年(?:\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?)?$"
    r"|(?:一览|统计|情况|汇总|登记)表$|台账$|名册$|名单$"
)
_TITLE_KEYS = re.compile(
    r"^(?:填报|填表|报送|制表|编制|主管|统计|上报|审核)(?:单位|日期|时间|部门|人)$|^数据截[止至](?:日|日期|时间)?$"
)
_YEAR = re.compile(r"^(?:19|20)\d{2}(?:\.0)?\s*年?$")
_LETTER = re.compile(r"[^\W\d_]")
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_DIGITS = re.compile(r"[-+]?[.,]*\d[\d.,]*%?")
_BLANKS = re.compile(r"\s+")
_LONGEST_LABEL = 60

Labels = list[str | None]


@dataclass(frozen=True)
class Heading:
    """The head of a table.

    Parameters
    ----------
    names
        Name of each column, None where there is none.
    titles
        Row numbers of titles above the header.
    rows
        Row numbers of the header, its units and its column numbers.
    units
        Row number of the units, None where there is no such row.
    numbers
        Row number of the column numbers, None where there is no such row.
    """

    names: pd.Series
    titles: tuple[int, ...]
    rows: tuple[int, ...]
    units: int | None = None
    numbers: int | None = None

    @property
    def end(self) -> int:
        """Number of the last row that belongs to the head."""
        return self.rows[-1]


def find_heading(sheet: Sheet) -> Heading:
    """Return the head of a sheet that has at least one row."""
    head = sheet.cells.head(_HEAD_ROWS)
    labels = [list(row) for row in head.apply(as_text).to_numpy().tolist()]
    merges = [merge for merge in sheet.marks.merges if merge[0] <= head.index[-1]]
    block = _Block(head, labels, merges)
    start = _start(block, float(np.quantile(sheet.there.sum(axis=1), _WIDE_SHARE)))
    levels = _levels(block, start)
    used = [bool(column.any()) for column in sheet.there[start + len(levels) :].T]
    names, below = _names(block, start, levels, used), start + len(levels)
    rows = list(head.index[start:below])
    units = numbers = None
    if _are_units(block, below, names):
        names, units = _with_units(names, block.labels[below]), int(head.index[below])
        rows, below = [*rows, units], below + 1
    if _are_numbers(sheet.cells, block, below):
        numbers = int(head.index[below])
        rows = [*rows, numbers]
    named = pd.Series(names, index=head.columns, dtype=object)
    return Heading(named, tuple(map(int, head.index[:start])), tuple(map(int, rows)), units, numbers)


@dataclass(frozen=True)
class _Block:
    """The first rows of a sheet: raw cells, their texts, and the merged ranges that begin there."""

    cells: pd.DataFrame
    labels: list[Labels]
    merges: Sequence[Merge]

    @property
    def columns(self) -> list[int]:
        """Numbers of the columns."""
        return [int(str(column)) for column in self.cells.columns]

    def number(self, row: int) -> int:
        """Return the number of a row as the user's program shows it."""
        return int(self.cells.index[row])

    def filled(self, row: int) -> list[int]:
        """Return the places of the filled cells of a row."""
        return [at for at, label in enumerate(self.labels[row]) if label is not None]

    def wide(self, row: int) -> dict[int, int]:
        """Return ``{first: last}`` place of the cells of a row that are merged across and not down."""
        number, columns = self.number(row), self.columns
        spans = [(left, right) for top, left, bottom, right in self.merges if top == bottom == number and right > left]
        return {places[0]: places[-1] for left, right in spans if (places := _places(columns, left, right))}

    def merged_down(self, start: int, row: int) -> bool:
        """Whether a cell of the rows from `start` on, but above `row`, is merged into `row`."""
        first, number = self.number(start), self.number(row)
        return any(first <= top < number <= bottom for top, _, bottom, _ in self.merges)


def _start(block: _Block, width: float) -> int:
    rows = range(len(block.labels))
    first = next((row for row in rows if not _is_title(block, row, width)), 0)
    if first and not _is_header_like(block, first):
        return 0
    known = next((row for row in rows if sum(map(_known, block.labels[row])) > 1), first)
    if known <= first or first + len(_levels(block, first)) > known:
        return first
    most = len(block.filled(known)) / 2
    return known if all(len(block.filled(row)) <= most for row in range(first, known)) else first


def _known(label: str | None) -> bool:
    return label is not None and is_known_header(label)


def _is_title(block: _Block, row: int, width: float) -> bool:
    """Whether a row is a title of a table so many cells wide."""
    said = [block.labels[row][at] or "" for at in block.filled(row)]
    if row == len(block.labels) - 1 or width < 2:
        return False
    if len(said) == 1:
        return not _known(said[0]) and not block.merged_down(row, row + 1)
    plain = [unicodedata.normalize("NFKC", label).strip() for label in said]
    if any(map(_known, said)) or len(said) > max(2.0, width / 2):
        return False
    return all(map(_TITLE.search, plain)) or bool(_TITLE_KEYS.search(plain[0]))


def _is_header_like(block: _Block, row: int) -> bool:
    said = [block.labels[row][at] for at in block.filled(row)]
    return sum(map(_is_label, said)) * 2 >= len(said)


def _is_label(label: str | None) -> bool:
    """Whether a text can name a column: a year, or something with letters that is not too long."""
    if label is None or len(label) > _LONGEST_LABEL:
        return False
    return bool(_YEAR.match(label.strip())) or (bool(_LETTER.search(label)) and not label.lstrip()[:1].isdecimal())


def _is_sublabel(label: str | None) -> bool:
    """Whether a text can divide a merged header; it may begin with a number (60岁以上)."""
    return label is not None and (_is_label(label) or (bool(_LETTER.search(label)) and len(label) < 20))


def _levels(block: _Block, start: int) -> list[list[int]]:
    """Return for each row of the header which cells of it speak for the cells right of them, as ``parents[place]``."""
    levels = [_spread(block, start, [])]
    open_places = set(range(len(block.cells.columns)))
    while len(levels) < _MOST_LEVELS and start + len(levels) < len(block.labels) - 1:
        row = start + len(levels)
        gaps = _filled_gaps(block, row, open_places)
        if not (block.merged_down(start, row) or _divided(block, row) or gaps):
            break
        if gaps:
            levels[-1] = _spread(block, row - 1, gaps)
            open_places = {at for at, parent in enumerate(levels[-1]) if levels[-1].count(parent) > 1 and parent >= 0}
        levels.append(_spread(block, row, []))
    return levels


def _divided(block: _Block, row: int) -> bool:
    """Whether a row divides the cells of the row above that are merged across: each into two labels or more.

    A record below such a cell has numbers, or cells below the other labels too. A known header may stand below none.
    """
    wide, above, labels = block.wide(row - 1), block.labels[row - 1], block.labels[row]
    if not wide or any(map(_is_number, labels)):
        return False
    within = {at for first, last in wide.items() for at in range(first, last + 1)}
    beside = [at for at in block.filled(row) if at not in within]
    if any(above[at] is not None for at in beside) or (beside and not any(_known(labels[at]) for at in beside)):
        return False
    return all(sum(map(_is_sublabel, labels[first : last + 1])) > 1 for first, last in wide.items())


def _is_number(label: str | None) -> bool:
    """Whether a text is a number, and none of a year."""
    said = "" if label is None else unicodedata.normalize("NFKC", label).strip()
    return bool(_DIGITS.fullmatch(said)) and not _YEAR.match(said)


def _filled_gaps(block: _Block, row: int, places: set[int]) -> list[int]:
    """Return the gaps of the row above, when this row fills all of them with labels and hardly anything else.

    Right of a cell with a gap behind it, and below it, stand the parts of what was merged across; columns without
    parts are blank in this row. A row of data has its first cell filled, so that it is not taken for one. What this
    row leaves open, the next has to fill.
    """
    above, labels = block.labels[row - 1], block.labels[row]
    gaps = [at for at in sorted(places) if above[at] is None]
    named = [at for at in sorted(places) if above[at] is not None]
    parents = {named[behind - 1] if (behind := bisect_left(named, gap)) else -1 for gap in gaps}
    parts = {*gaps, *parents}
    filled = {at for at in block.filled(row) if at in places}
    if not gaps or -1 in parents or not parents <= filled <= parts or len(parts) == len(labels):
        return []
    if not all(_is_sublabel(labels[at]) for at in filled):
        return []
    full = filled == parts or (row + 1 < len(block.labels) and bool(_filled_gaps(block, row + 1, parts)))
    return gaps if full else []


def _spread(block: _Block, row: int, gaps: Sequence[int]) -> list[int]:
    """Return for each place of a row the place whose label holds there, -1 where none does."""
    holding = [at if label is not None else -1 for at, label in enumerate(block.labels[row])]
    for first, last in block.wide(row).items():
        holding[first : last + 1] = [first] * (last - first + 1)
    for at in gaps:
        holding[at] = holding[at - 1] if at else -1
    number, columns = block.number(row), block.columns
    for top, left, bottom, right in block.merges:
        places = _places(columns, left, right) if top == number < bottom else range(0)
        holding[places.start : places.stop] = [places.start] * len(places)
    return holding


def _places(columns: list[int], left: int, right: int) -> range:
    """Return the places of a range of columns, none where its first column is not there."""
    first = bisect_left(columns, left)
    there = first < len(columns) and columns[first] == left
    return range(first, bisect_right(columns, right)) if there else range(0)


def _names(block: _Block, start: int, levels: list[list[int]], used: list[bool]) -> Labels:
    """Return the names of the columns: the labels above each other, joined.

    A column that a label above merely spreads over has a name only when it is used, that is filled somewhere below.
    """
    names: Labels = []
    for at in range(len(block.cells.columns)):
        own = any(block.labels[start + level][at] is not None for level in range(len(levels)))
        parts = [
            tidy(block.labels[start + level][holding[at]] or "")
            for level, holding in enumerate(levels)
            if holding[at] >= 0 and (own or used[at])
        ]
        parts = [part for place, part in enumerate(parts) if part and part not in parts[:place]]
        names.append(JOINED.join(parts) or None)
    return names


def tidy(label: str) -> str:
    r"""Return a label in one line: breaks between Chinese signs fall away, others become blanks.

    Examples
    --------
    >>> tidy("床位数\n（张）"), tidy("floor\narea")
    ('床位数（张）', 'floor area')
    """
    said = label.strip()
    return " ".join(_BLANKS.sub(lambda found: _break(said, found), said).splitlines())


def _break(said: str, blanks: re.Match[str]) -> str:
    """Return what is left of blanks in a label: nothing when they are a break beside a Chinese sign."""
    beside = said[blanks.start() - 1] + said[blanks.end()]
    return blanks[0] if beside.isascii() or not {"\r", "\n"} & set(blanks[0]) else ""


def _are_units(block: _Block, row: int, names: Labels) -> bool:
    """Whether a row below the header holds units and nothing else, and none for the first column."""
    if row >= len(block.labels) - 1:
        return False
    first = next((at for at, name in enumerate(names) if name is not None), 0)
    filled = block.filled(row)
    return bool(filled) and first not in filled and all(is_unit(block.labels[row][at] or "") for at in filled)


def _with_units(names: Labels, units: Labels) -> Labels:
    stripped = [None if unit is None else unit.strip().strip("()（）") for unit in units]
    return [
        f"{name}（{unit}）" if name is not None and unit is not None and unit not in name else name
        for name, unit in zip(names, stripped, strict=True)
    ]


def _are_numbers(cells: pd.DataFrame, block: _Block, row: int) -> bool:
    """Whether a row counts the columns: 1 2 3 ..., with 甲 乙 ... before it or not.

    A row 1 2 3 can be one of data. It counts the columns only when a column holds text in all other rows.
    """
    if row >= len(block.labels) - 1:
        return False
    said = [unicodedata.normalize("NFKC", block.labels[row][at] or "").strip("() ") for at in block.filled(row)]
    letters = [label for label in said if label in _STEMS]
    counts = [int(label) for label in said[len(letters) :] if label.isascii() and label.isdecimal()]
    if len(letters) + len(counts) != len(said) or len(said) < 3 or said[: len(letters)] != list(_STEMS[: len(letters)]):
        return False
    if any(after != before + 1 for before, after in pairwise(counts)) or (counts and counts[0] != 1):
        return False
    return bool(letters) or _other_rows_are_text(cells.loc[block.number(row) :].iloc[1:])


def _other_rows_are_text(rows: pd.DataFrame) -> bool:
    looked_at = rows.head(_JUDGED_ROWS)
    texts = looked_at.map(lambda cell: isinstance(cell, str) and not cell.strip()[:1].isdecimal())
    return bool(((texts | looked_at.isna()).all(axis=0) & texts.any(axis=0)).any())
