"""How alike names are: what to suggest for one that was not found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

ENOUGH = 0.5
"""Likeness from which a name is worth suggesting: half of the characters of both together."""

_ROWS_AT_ONCE = 2000


def alike(names: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Return the pairs of names that share enough characters.

    The likeness is the Dice coefficient of the sets of characters, twice the shared ones over those of both (Dice
    1945, Ecology 26, 297-302): 1 for the same characters, 0 for none in common.

    Parameters
    ----------
    names, known
        Names to find others for, and those there are; text.

    Returns
    -------
    pandas.DataFrame
        `name` and `known`, labels of the two, and `likeness`, at least `ENOUGH`.

    Examples
    --------
    >>> alike(pd.Series(["莲池"]), pd.Series(["莲花池", "荷花", "新村"]))["known"].tolist()
    [0]
    """
    letters, number = np.unique(_letters(pd.concat([names, known])), return_inverse=True)
    sets = _incidence(pd.concat([names, known]), number, len(letters))
    ours, theirs = sets[: len(names)], sets[len(names) :]
    sizes = np.asarray(sets.sum(axis=1)).ravel()
    parts = [
        _pairs(ours[start : start + _ROWS_AT_ONCE], theirs, sizes[start : len(names)], sizes[len(names) :], start)
        for start in range(0, len(names), _ROWS_AT_ONCE)
    ]
    row, column, likeness = np.hstack([np.empty((3, 0)), *parts])
    found = {"name": names.index[row.astype(int)], "known": known.index[column.astype(int)], "likeness": likeness}
    return pd.DataFrame(found)


def _letters(names: pd.Series) -> NDArray[np.int64]:
    """Return the code points of all names, one after another."""
    return np.array([ord(letter) for name in names for letter in name], dtype=np.int64)


def _incidence(names: pd.Series, number: NDArray[np.int64], count: int) -> sparse.csr_array:
    """Return which characters each name has, ones in a (names, characters) matrix."""
    row = np.repeat(np.arange(len(names)), np.fromiter(map(len, names), dtype=np.int64, count=len(names)))
    found = sparse.csr_array((np.ones(len(row), dtype=np.int32), (row, number.ravel())), shape=(len(names), count))
    found.data[:] = 1
    return found


def _pairs(
    ours: sparse.csr_array,
    theirs: sparse.csr_array,
    our_sizes: NDArray[np.int64],
    their_sizes: NDArray[np.int64],
    start: int,
) -> NDArray[np.float64]:
    shared = sparse.coo_array(ours @ theirs.T)
    likeness = 2.0 * shared.data / (our_sizes[shared.row] + their_sizes[shared.col])
    enough = likeness >= ENOUGH
    return np.vstack([shared.row[enough] + start, shared.col[enough], likeness[enough]])
