"""What each chosen site adds: in order of worth, in people, in units, and beside the best other place for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from carecircle.siting.solvers.maximum import order_of_worth
from carecircle.siting.solvers.solution import Floats, Ints


@dataclass(frozen=True, eq=False)
class Worth:
    """Chosen columns in order of worth; arrays of one entry a site.

    Parameters
    ----------
    order
        Columns: each adds most of what those before it left.
    gain
        What it adds.
    own
        What it alone reaches when all others stand: what would be lost without it.
    rival, rival_gain
        The column that would lose least in its place (-1: none), and what that one would bring.
    """

    order: Ints
    gain: Floats
    own: Floats
    rival: Ints
    rival_gain: Floats


def worth_of(matrix: csr_array, weight: Floats, chosen: Ints, allowed: NDArray[np.bool_] | None = None) -> Worth:
    """Return what chosen columns add to open rows.

    Parameters
    ----------
    matrix
        Rows by columns; an entry means that the column serves the row.
    weight
        (rows,); 0 for rows that are served already.
    chosen
        Columns.
    allowed
        (columns,) which may stand in for a chosen one; default: all that are not chosen.

    Returns
    -------
    Worth
        Ties go to the lower column.

    Examples
    --------
    >>> matrix = csr_array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    >>> found = worth_of(matrix, np.array([5.0, 1.0, 2.0]), np.array([0, 2]))
    >>> found.order.tolist(), found.gain.tolist(), found.rival.tolist(), found.rival_gain.tolist()
    ([0, 2], [6.0, 2.0], [1, -1], [5.0, 0.0])
    """
    columns = csc_array(matrix)
    chosen = np.sort(np.asarray(chosen, dtype=np.int64))
    order, gain = order_of_worth(matrix, weight, chosen)
    times = np.bincount(np.concatenate([_rows(columns, one) for one in order] or [chosen]), minlength=len(weight))
    open_weight = np.where(times == 0, weight, 0.0)
    free = np.ones(matrix.shape[1], bool) if allowed is None else allowed.copy()
    free[order] = False
    base = np.asarray(matrix.T @ open_weight)  # what each column would add beside all chosen ones
    own, rival, rival_gain = np.zeros(len(order)), np.full(len(order), -1), np.zeros(len(order))
    for place, column in enumerate(order):
        alone = _rows(columns, column)
        alone = alone[times[alone] == 1]
        own[place] = weight[alone].sum()
        brings = base + np.bincount(
            *_spread(matrix, alone, weight[alone]),
            minlength=matrix.shape[1],
        )
        brings = np.where(free, brings, 0.0)
        best = int(brings.argmax()) if len(brings) else -1
        if best >= 0 and brings[best] > 0:
            rival[place], rival_gain[place] = best, brings[best]
    return Worth(order, gain, own, rival, rival_gain)


def _rows(columns: csc_array, column: int) -> Ints:
    return np.asarray(columns.indices[columns.indptr[column] : columns.indptr[column + 1]], dtype=np.int64)


def _spread(matrix: csr_array, rows: Ints, weight: Floats) -> tuple[Ints, Floats]:
    """Return the columns of some rows, and for each entry the weight of its row."""
    counts = np.diff(matrix.indptr)[rows]
    starts = np.repeat(matrix.indptr[rows] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return np.asarray(matrix.indices[starts + np.arange(counts.sum())], dtype=np.int64), np.repeat(weight, counts)


def greedy_curve(matrix: csr_array, weight: Floats, most: int) -> Floats:
    """Return what the best 0, 1, 2 ... columns reach when each is chosen for what those before it left.

    It ends where nothing more is added, or at `most` columns.

    Examples
    --------
    >>> greedy_curve(csr_array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]), np.array([5.0, 1.0, 2.0]), 9).tolist()
    [0.0, 6.0, 8.0]
    """
    columns = csc_array(matrix)
    left = weight.astype(float).copy()
    adds = np.asarray(matrix.T @ left)
    found = [0.0]
    least = 1e-9 * max(left.sum(), 1.0)  # what is left of sums that cancel
    while len(found) <= most and len(adds) and adds.max() > least:
        best = int(adds.argmax())
        found.append(found[-1] + float(adds[best]))
        rows = _rows(columns, best)
        rows = rows[left[rows] > 0]
        adds = adds - np.bincount(*_spread(matrix, rows, left[rows]), minlength=len(adds))
        adds[best] = 0.0
        left[rows] = 0.0
    return np.array(found)
