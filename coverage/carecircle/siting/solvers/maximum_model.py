"""Maximum coverage as programs for HiGHS: with tolls for the sites, or with limits on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from carecircle.siting.solvers.cover import Limits
from carecircle.siting.solvers.milp import Milp
from carecircle.siting.solvers.solution import Floats, Ints


def toll_model(rows: csr_array, weights: Floats, toll: Floats) -> Milp:
    """Write a program: covered weight less tolls, a row being covered if one of its columns is chosen.

    Parameters
    ----------
    rows, weights
        (rows, columns) and (rows,).
    toll
        What choosing a column costs, in weight, (columns,).

    Returns
    -------
    Milp
        The columns, whole, then the rows' coverage, 0 to 1.
    """
    count, columns = rows.shape
    matrix = csr_array(hstack([-rows.astype(np.float64), eye_array(count)]))
    none, whole = np.zeros(columns + count), np.arange(columns + count) < columns
    cost = np.concatenate([-toll, weights])
    return Milp(cost, none, none + 1.0, whole, matrix, np.full(count, -np.inf), np.zeros(count), maximise=True)


def limited_model(rows: csr_array, weights: Floats, limits: Limits) -> Milp:
    """Write a program: covered weight within limits (those of these columns)."""
    count, columns = rows.shape
    free = toll_model(rows, weights, np.zeros(columns))
    shape = (len(limits.room), columns + count)
    sums = csr_array((limits.costs, (limits.groups, np.arange(columns))), shape=shape)
    return replace(
        free,
        matrix=csr_array(vstack([free.matrix, sums])),
        row_lower=np.full(count + len(limits.room), -np.inf),
        row_upper=np.concatenate([np.zeros(count), limits.room]),
    )


def start_of(rows: csr_array, chosen: Ints) -> Floats:
    """Write a choice as a solution to begin with."""
    x = np.zeros(rows.shape[1])
    x[chosen] = 1.0
    return np.concatenate([x, np.minimum(1.0, rows.astype(np.float64) @ x)])
