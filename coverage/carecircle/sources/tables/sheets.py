"""A sheet as it stands in a file: cells under the numbers the user's program shows, and what is known of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from carecircle.errors import InputError, problem
from carecircle.findings import Action, Finding, row_numbers
from carecircle.guards import refuse_wide_sheet

Merge = tuple[int, int, int, int]
"""A merged range: first row, first column, last row, last column, counted from 1."""


@dataclass(frozen=True)
class Marks:
    """What a sheet says of its cells besides their values.

    Parameters
    ----------
    merges
        Merged ranges.
    hidden
        Numbers of hidden rows.
    errors
        Rows, columns and texts (``#REF!`` ...) of cells whose formula failed.
    date1904
        Whether days are counted from 1904 (workbooks of old Macintosh programs), not from 1900.
    """

    merges: tuple[Merge, ...] = ()
    hidden: tuple[int, ...] = ()
    errors: tuple[tuple[int, int, str], ...] = ()
    date1904: bool = False


@dataclass(frozen=True)
class Sheet:
    """A sheet, or a file of text, before anything is made of it.

    Parameters
    ----------
    cells
        Raw cells (text, numbers, dates, None), rows and columns under their numbers, counted from 1; blank rows
        and columns are left out.
    there
        Which cells are filled, shape (rows, columns): found once, for tables are long.
    file, name
        Where it stands; `name` is None where a file is one sheet.
    marks
        See `Marks`.
    findings, notes
        What was found, or done, while reading.
    """

    cells: pd.DataFrame
    there: NDArray[np.bool_]
    file: Path
    name: str | None = None
    marks: Marks = field(default_factory=Marks)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    def finding(self, action: Action, key: str, column: str | None = None, **values: object) -> Finding:
        """Return a finding about the sheet; `rows` (a Series of row numbers) addresses and counts it."""
        rows = values.pop("rows", None)
        if not isinstance(rows, pd.Series):
            return Finding(action, key, self.file, self.name, None, column, 1, values)
        gaps = {"rows": row_numbers(rows), **values}
        return Finding(action, key, self.file, self.name, int(rows.min()), column, len(rows), gaps)

    def adding(self, *findings: Finding, notes: tuple[str, ...] = ()) -> Sheet:
        """Return the sheet with more findings and notes."""
        return replace(self, findings=(*self.findings, *findings), notes=(*self.notes, *notes))


def sheet_of(
    rows: Sequence[Sequence[Any]],
    file: Path,
    name: str | None = None,
    *,
    first: tuple[int, int] = (1, 1),
    marks: Marks | None = None,
) -> Sheet:
    """Return a sheet of rows of cells, of which the first cell has the row and column number `first`.

    Raises
    ------
    InputError
        One row is so long, among so many, that all of them would fill the memory.
    """
    marks = marks or Marks()
    refuse_wide_sheet(file, len(rows), max(map(len, rows), default=0))
    columns = {number: _without_blanks(cells) for number, cells in enumerate(zip_longest(*rows), start=first[1])}
    cells = pd.DataFrame(columns, index=pd.RangeIndex(first[0], first[0] + len(rows)), dtype=object)
    cells = with_errors(cells, marks.errors)
    there = cells.notna().to_numpy()
    rows_there, columns_there = there.any(axis=1), there.any(axis=0)
    if not (rows_there.all() and columns_there.all()):
        cells = cells.iloc[np.flatnonzero(rows_there), np.flatnonzero(columns_there)]
        there = there[rows_there][:, columns_there]
    return Sheet(cells, there, file, name, marks)


def _without_blanks(cells: Iterable[Any]) -> NDArray[np.object_]:
    """Return cells with None for blank text."""
    kept = [cell if cell.__class__ is not str or cell.strip() else None for cell in cells]
    column = np.empty(len(kept), dtype=object)
    column[:] = kept
    return column


def with_errors(cells: pd.DataFrame, errors: tuple[tuple[int, int, str], ...]) -> pd.DataFrame:
    """Return the cells with the texts of failed formulas, which readers of workbooks leave blank."""
    if not errors:
        return cells
    listed = pd.DataFrame(list(errors), columns=["row", "column", "text"])
    rows = cells.index.union(pd.Index(listed["row"].unique()))
    columns = cells.columns.union(pd.Index(listed["column"].unique()))
    wide = cells.reindex(index=rows, columns=columns).astype(object)
    values = wide.where(wide.notna(), None).to_numpy(copy=True)
    at = rows.get_indexer(pd.Index(listed["row"])), columns.get_indexer(pd.Index(listed["column"]))
    values[at] = [said if there is None else there for said, there in zip(listed["text"], values[at], strict=True)]
    return pd.DataFrame(values, index=rows, columns=columns)


def texts_matching(cells: pd.Series, pattern: str) -> NDArray[np.bool_]:
    """Return which cells are texts that hold a pattern (of RE2, which has no look-around); quick for long columns."""
    values = cells.to_numpy()
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in {"string", "mixed", "mixed-integer"}:
        return np.zeros(len(values), dtype=bool)
    listed = values if kind == "string" else [cell if isinstance(cell, str) else None for cell in values]
    texts = pa.array(listed, pa.large_string(), from_pandas=True)
    found = pc.match_substring_regex(texts, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def unreadable(file: Path, error: BaseException) -> InputError:
    """Return the error for a file that cannot be read, with the first line of what its library says."""
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InputError(problem("unreadable_file", file=file, why=why[:200]))
