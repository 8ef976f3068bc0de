"""A task as an integer program, and its Lagrangian: bounds that hold whatever the multipliers are.

Columns of the program: x, one for each column of the task; y, one for each row that belongs to groups (satisfied or
not); z, one for each optional group (holds or not).

    min costs @ x,  sum of x over a hard row >= need,  sum of x over another row >= need * y,
    shares' * y >= required (times z where optional),  sum of z over a set >= its number,  sum of x over a family <= 1
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_array

from carecircle.siting.solvers.milp import Milp
from carecircle.siting.solvers.solution import Floats, Ints
from carecircle.siting.solvers.targets_task import TOLERANCE, Task

_SAFE = 1e-9  # relative: what bounds give up for the rounding of sums


def program(task: Task, *, below: float = math.inf) -> Milp:
    """Write a task as an integer program.

    Parameters
    ----------
    task
        With m rows, n columns.
    below
        Highest cost of a plan that is of interest.
    """
    rows, columns, groups = len(task.need), len(task.costs), len(task.required)
    soft = np.flatnonzero(~task.hard)
    optional = np.flatnonzero(task.optional)
    wide = columns + len(soft) + len(optional)
    blocks = [
        _beside(task.matrix, _picked(rows, soft, -task.need[soft].astype(float)), csr_array((rows, len(optional)))),
        _beside(
            csr_array((groups, columns)),
            csr_array(task.shares[soft].T),
            _picked(groups, optional, -task.required[optional]),
        ),
        _sets(task, optional, columns + len(soft)),
        _families(task, wide),
        _beside(csr_array(task.costs[None, :]), csr_array((1, wide - columns)), csr_array((1, 0))),
    ]
    lower = [
        np.where(task.hard, task.need, 0).astype(float),
        np.where(task.optional, 0.0, task.required * (1 - TOLERANCE / 2)),
        np.array([number for _, number in task.options], dtype=float),
        np.full(blocks[3].shape[0], -np.inf),
        np.full(1, -np.inf),
    ]
    row_lower = np.concatenate(lower)
    row_upper = np.full(len(row_lower), np.inf)
    row_upper[len(row_lower) - 1 - blocks[3].shape[0] : -1] = 1.0
    row_upper[-1] = below
    integer = np.ones(wide, dtype=bool)
    integer[columns : columns + len(soft)] = task.need[soft] > 1
    cost = np.concatenate([task.costs, np.zeros(wide - columns)])
    matrix = csr_array(sp.vstack(blocks))
    keep = np.isfinite(row_lower) | np.isfinite(row_upper)
    matrix.sort_indices()
    return Milp(cost, np.zeros(wide), np.ones(wide), integer, csr_array(matrix[keep]), row_lower[keep], row_upper[keep])


def start_of(task: Task, chosen: Floats) -> Floats:
    """Return the values of all columns of the program for a choice of the task's columns, 0 or 1."""
    satisfied = (task.counts(chosen > 0.5) >= task.need).astype(float)
    optional = np.flatnonzero(task.optional)
    holds = (task.shares.T @ satisfied)[optional] >= task.required[optional]
    return np.concatenate([chosen, satisfied[~task.hard], holds.astype(float)])


def _beside(*parts: csr_array) -> csr_array:
    return csr_array(sp.hstack(parts))


def _picked(rows: int, at: Ints, values: Floats) -> csr_array:
    """Return a matrix with one value in each column, at the given rows."""
    return csr_array((values, (at, np.arange(len(at)))), shape=(rows, len(at)))


def _sets(task: Task, optional: Ints, start: int) -> csr_array:
    wide = start + len(optional)
    where = [start + np.searchsorted(optional, groups) for groups, _ in task.options]
    sizes = [len(one) for one in where]
    at = np.concatenate([*where, np.empty(0, np.int64)]).astype(np.int64)
    return csr_array((np.ones(len(at)), (np.repeat(np.arange(len(sizes)), sizes), at)), shape=(len(sizes), wide))


def _families(task: Task, wide: int) -> csr_array:
    members = np.flatnonzero(task.family >= 0)
    names, place = np.unique(task.family[members], return_inverse=True)
    return csr_array((np.ones(len(members)), (place, members)), shape=(len(names), wide))


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Prices of rows (m,) and of groups (groups,), and what they prove.

    Parameters
    ----------
    rows, groups
        At least 0; a row in groups costs no more than its weight at the groups' prices, over its need.
    bound
        No plan costs less.
    reduced
        What choosing a column adds to the bound, (n,); what leaving it out adds where negative.
    """

    rows: Floats
    groups: Floats
    bound: float
    reduced: Floats


def multipliers(task: Task, rows: Floats, groups: Floats) -> Multipliers:
    """Evaluate the Lagrangian at prices, clipped to what makes sense: a proven bound whatever they are.

    Relaxing all rows but families and sets (Fisher 1981, "The Lagrangian relaxation method for solving integer
    programming problems", Management Science 27(1)).
    """
    groups = np.maximum(0.0, groups)
    worth = task.shares @ groups
    rows = np.clip(rows, 0.0, np.where(task.hard, np.inf, worth / task.need))
    reduced = task.costs - task.matrix.T @ rows
    soft = np.maximum(0.0, worth - task.need * rows)[~task.hard]
    gains = rows[task.hard] * task.need[task.hard]
    terms = [gains.sum(), _asked(task, groups), -soft.sum(), _best_columns(task, reduced)]
    size = gains.sum() + abs(terms[1]) + soft.sum() + np.abs(reduced).sum() + float(task.costs.sum())
    return Multipliers(rows, groups, float(sum(terms)) - _SAFE * size, reduced)


def _asked(task: Task, prices: Floats) -> float:
    """Sum the required weights at their prices; of optional ones the cheapest that are enough."""
    worth = prices * task.required * (1 - TOLERANCE)
    total = float(worth[~task.optional].sum())
    return total + sum(float(np.sort(worth[groups])[:number].sum()) for groups, number in task.options)


def _best_columns(task: Task, reduced: Floats) -> float:
    """Sum the negative reduced costs, of each family only the lowest."""
    alone = task.family < 0
    total = float(np.minimum(0.0, reduced[alone]).sum())
    if alone.all():
        return total
    lowest = np.zeros(int(task.family.max()) + 1)
    np.minimum.at(lowest, task.family[~alone], reduced[~alone])
    return total + float(lowest.sum())


def round_up(task: Task, bound: float) -> float:
    """Return the least cost that a plan can have above a bound: the next whole number where all costs are whole."""
    return float(math.ceil(bound - 1e-6)) if task.whole_costs and math.isfinite(bound) else bound
