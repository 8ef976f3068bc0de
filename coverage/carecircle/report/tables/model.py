"""What a table of a report is: data that the workbook, the Word report and pages lay out, each in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Cell = str | float
"""A number that can be calculated with, or words: text, and states such as "no data" that stand in for a number."""
Look = Literal["text", "wrap", "count", "share", "minutes", "metres", "area", "number"]


@dataclass(frozen=True)
class Head:
    """A column: its heading, the merged cell above it and its neighbours of the same group, and how its cells look.

    Parameters
    ----------
    heading
        What stands over the column.
    group
        The heading above this one and its neighbours of the same group; "" where there is none.
    look
        ``text``; ``wrap``, long text; ``count``, whole numbers; ``share``, 0 to 1, shown in per cent; ``minutes`` and
        ``number`` with one decimal; ``metres`` whole; ``area``, square metres with one decimal. Shares are cut to
        what is shown already.
    """

    heading: str
    group: str = ""
    look: Look = "text"


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    key
        Its number in the report: ``"1"`` to ``"8"``; "" for tables that are not in it.
    title
        In words, without the number.
    heads, rows
        Columns, and for each row as many cells.
    totals
        How many of the last rows are sums.
    foot
        What a reader should know, in sentences.
    colours
        Verdict words of rows, whose cell in the column `verdict` is coloured.
    verdict
        The place of the column that says the verdict; -1 without one.
    pack
        Short title of the pack that it belongs to; "" where it belongs to the study.
    part
        Number of the part, where a table has several; 0 where it has not.
    unit
        What is said above the table of its units; may be "".
    """

    key: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: int = 0
    foot: tuple[str, ...] = ()
    colours: Mapping[int, str] = field(default_factory=dict)
    verdict: int = -1
    pack: str = ""
    part: int = 0
    unit: str = ""

    @property
    def grouped(self) -> bool:
        """Whether there is a second line of headings."""
        return any(head.group for head in self.heads)
