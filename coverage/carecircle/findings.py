"""What was found in the user's files: read, mended, left out, doubtful; each by file, sheet, row and column.

A `Problem` stops a run; a `Finding` is what a run did, or what the user should mend in the source before the
next one. Readers give their findings to a `QualityLog` when they are handed one; the log becomes the quality
report (表8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from carecircle.errors import Problem
from carecircle.language import Language, text

Action = Literal[
    "problem", "read", "mapped", "unmapped", "mended", "converted", "aside", "dropped", "unmatched", "duplicate", "far",
    "outside", "outdated", "doubtful",
]  # fmt: skip
"""What was done, or what is the matter; each has its word in the catalogue (``quality.action_...``)."""

ACTIONS: tuple[Action, ...] = get_args(Action)
_LISTED_ROWS = 12


@dataclass(frozen=True)
class Finding:
    """One thing found in an input.

    Parameters
    ----------
    action
        One of `ACTIONS`.
    key
        Name of the sentence in the catalogue's section ``finding``.
    file, sheet, row, column
        The address; `row` counts as the user's program shows it (None: the whole sheet or column).
    count
        How many cells, rows or shapes it stands for.
    values
        What fills the sentence's gaps.
    """

    action: Action
    key: str
    file: str | Path | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    count: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)

    def message(self, language: Language | None = None) -> str:
        """Return the sentence: what it is, and how to mend it where it should be mended."""
        return text(f"finding.{self.key}", language, **{"count": self.count, **self.values})


def as_findings(problems: Iterable[Problem]) -> list[Finding]:
    """Return problems, which stop a run, as findings of a report about it."""
    return [
        Finding("problem", "stops", at.file, at.sheet, at.row, at.column, 1, {"why": at.sentence()}) for at in problems
    ]


def row_numbers(rows: pd.Series) -> str:
    """Return row numbers as a short list, runs joined, the rest of a long list as an ellipsis.

    Examples
    --------
    >>> row_numbers(pd.Series([4, 5, 6, 9, 12]))
    '4-6, 9, 12'
    """
    numbers = rows.sort_values().astype(int)
    runs = numbers.groupby((numbers.diff() != 1).cumsum()).agg(["first", "last"])
    said = [
        str(first) if first == last else f"{first}-{last}"
        for first, last in runs.head(_LISTED_ROWS).to_numpy().tolist()
    ]
    return ", ".join(said) + (" …" if len(runs) > _LISTED_ROWS else "")


@dataclass(frozen=True)
class Place:
    """Where the rows of a table stand: its file, its sheet, and the number of each row by the row's key."""

    file: str | Path | None
    sheet: str | None
    rows: pd.Series


class QualityLog:
    """Collects findings from readers and stages, in the order they come.

    Examples
    --------
    >>> log = QualityLog()
    >>> log.add([Finding("read", "rows_read", "a.csv", count=3)])
    >>> len(log.findings)
    1
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._places: dict[str, list[Place]] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep findings."""
        self.findings.extend(findings)

    def place(self, table: str, place: Place) -> None:
        """Keep where the rows of a table (``"facilities"``, ``"demand"`` ...) stand."""
        self._places.setdefault(table, []).append(place)

    def by_row(self, action: Action, key: str, table: str, keys: pd.Series, **values: Any) -> None:
        """Keep one finding for each of some rows of a table, addressed by file and row.

        Parameters
        ----------
        keys
            Keys of the rows (``facility_id`` ...); also fills the gap ``name``.
        **values
            What fills the other gaps; a list or Series of the same length gives each row its own.
        """
        where = self.where(table, keys)
        many = {gap: list(value) for gap, value in values.items() if isinstance(value, list | pd.Series)}
        one = {gap: value for gap, value in values.items() if gap not in many}
        each = zip(*many.values(), strict=True) if many else ((),) * len(keys)
        self.findings += [
            Finding(action, key, file, sheet, row, None, 1, {"name": name, **one, **dict(zip(many, own, strict=True))})
            for (file, sheet, row), name, own in zip(where, keys, each, strict=True)
        ]

    def where(self, table: str, keys: pd.Series) -> list[tuple[str | Path | None, str | None, int | None]]:
        """Return file, sheet and row of rows of a table by their keys; None where they are not known."""
        found: list[tuple[str | Path | None, str | None, int | None]] = [(None, None, None)] * len(keys)
        for place in self._places.get(table, []):
            position = place.rows.index.get_indexer(pd.Index(keys))
            numbers = place.rows.to_numpy()
            for at in (position >= 0).nonzero()[0]:
                found[at] = (place.file, place.sheet, int(numbers[position[at]]))
        return found

    def to_frame(self, language: Language | None = None) -> pd.DataFrame:
        """Return the findings as a table: action, file, sheet, row, column, count, message."""
        rows = [
            {
                "action": found.action,
                "file": None if found.file is None else Path(found.file).name,
                "sheet": found.sheet,
                "row": found.row,
                "column": found.column,
                "count": found.count,
                "message": found.message(language),
            }
            for found in self.findings
        ]
        columns = ["action", "file", "sheet", "row", "column", "count", "message"]
        return pd.DataFrame(rows, columns=columns).astype({"row": "Int64", "count": "Int64"})
