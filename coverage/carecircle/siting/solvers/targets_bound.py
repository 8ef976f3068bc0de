"""Lower bounds on the cost: subgradient steps, and the linear relaxation's prices, both proven by the Lagrangian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.milp import solve_milp
from carecircle.siting.solvers.solution import Clock, Floats, Ints
from carecircle.siting.solvers.targets_model import Multipliers, multipliers, program
from carecircle.siting.solvers.targets_task import Task

_ROUNDS = 1500
_PATIENCE = 25  # rounds without a better bound after which the step is shortened
_SHORTEST = 0.0005


def ascend(task: Task, best: float, clock: Clock, start: Multipliers | None = None) -> Multipliers:
    """Raise the Lagrangian by subgradient steps (Held, Wolfe and Crowder 1974; Beasley 1990 for set covering).

    Parameters
    ----------
    task
        Any.
    best
        Cost of a plan: the steps aim at it.
    clock
        Steps stop when it is over.
    start
        Where to begin.
    """
    lone = _lone_groups(task)
    scale = np.where(lone.groups, 0.0, _scale(task))
    found = start or _at(task, lone, *_first_prices(task))
    here, length, idle = found, 1.0, 0
    for _ in range(_ROUNDS):
        if clock.over() or length < _SHORTEST or found.bound > best - 1e-6:
            break
        rows, groups = _slopes(task, here)
        size = float(rows @ rows) + float((groups * scale) @ (groups * scale))
        if size <= 1e-12:
            break
        step = length * max(best * 1.02 - here.bound, 1e-6 * abs(best)) / size
        here = _at(task, lone, here.rows + step * rows, here.groups + step * scale**2 * groups)
        if here.bound > found.bound + 1e-6 * abs(best):
            found, idle = here, 0
        else:
            idle += 1
        if idle >= _PATIENCE:
            here, length, idle = found, length / 2, 0
    return found


class _Lone(NamedTuple):
    """Groups whose best price follows from the rows' prices, and their rows and weights in the order of groups."""

    groups: Bools
    rows: Ints
    group: Ints
    weights: Floats
    ends: Ints


def _lone_groups(task: Task) -> _Lone:
    """Find groups that must hold and share no row with another one."""
    table = csc_array(task.shares)
    group = np.repeat(np.arange(len(task.required)), np.diff(table.indptr))
    shared = np.diff(task.shares.indptr)[table.indices] > 1
    lone = (np.bincount(group[shared], minlength=len(task.required)) == 0) & ~task.optional
    mine = lone[group]
    ends = np.searchsorted(group[mine], np.arange(len(lone) + 1))
    return _Lone(lone, table.indices[mine], group[mine], table.data[mine], ends)


def _at(task: Task, lone: _Lone, rows: Floats, groups: Floats) -> Multipliers:
    """Evaluate prices, those of lone groups set to their best: what the last row costs that the group needs."""
    rows = np.maximum(0.0, rows)
    groups = np.where(lone.groups, 0.0, groups)
    dear = task.need[lone.rows] * rows[lone.rows] / lone.weights
    for group in np.flatnonzero(lone.groups):
        mine = slice(lone.ends[group], lone.ends[group + 1])
        order = np.argsort(dear[mine])
        held = np.cumsum(lone.weights[mine][order])
        last = int(np.searchsorted(held, task.required[group] * (1 - 1e-12)))
        if last < len(order):
            groups[group] = dear[mine][order[last]]
    return multipliers(task, rows, groups)


def _scale(task: Task) -> Floats:
    """Return the length that a group's price is measured in: one over its typical weight."""
    count = np.maximum(1, np.diff(task.shares.tocsc().indptr))
    mean = np.asarray(task.shares.sum(axis=0)).ravel() / count
    return np.asarray(1.0 / np.maximum(mean, 1e-12))


def _first_prices(task: Task) -> tuple[Floats, Floats]:
    """Share each column's cost among its rows: the least share is a price that the column can bear."""
    size = np.maximum(1, np.diff(task.matrix.tocsc().indptr))
    share = task.costs / size
    rows = np.full(len(task.need), np.inf)
    np.minimum.at(rows, np.repeat(np.arange(len(rows)), np.diff(task.matrix.indptr)), share[task.matrix.indices])
    rows[~np.isfinite(rows)] = 0.0
    worth = np.asarray(task.shares.sum(axis=1)).ravel()
    groups = np.zeros(len(task.required))
    if task.shares.nnz:
        groups[:] = np.median(rows[~task.hard] / np.maximum(worth[~task.hard], 1e-12))
        rows = np.where(task.hard, rows, np.minimum(rows, worth * groups.max()))
    return rows, groups


def _slopes(task: Task, here: Multipliers) -> tuple[Floats, Floats]:
    """Return how far the Lagrangian's own solution misses each row and each group."""
    x = (here.reduced < 0).astype(float)
    families = task.family >= 0
    if families.any():
        order = np.lexsort((here.reduced, task.family))
        first = np.concatenate([[True], np.diff(task.family[order]) != 0])
        x[order[~first & families[order]]] = 0.0
    worth = task.shares @ here.groups
    y = (worth > task.need * here.rows).astype(float)
    rows = np.where(task.hard, task.need, task.need * y) - task.matrix @ x
    rows[(here.rows <= 0) & (rows < 0)] = 0.0
    asked = np.ones(len(task.required))
    for groups, number in task.options:
        asked[groups] = 0.0
        asked[groups[np.argsort((here.groups * task.required)[groups], kind="stable")[:number]]] = 1.0
    short = asked * task.required - task.shares.T @ y
    short[(here.groups <= 0) & (short < 0)] = 0.0
    return rows, short


def linear(task: Task, seconds: float) -> Multipliers | None:
    """Return the prices of the linear relaxation by the interior point method; None where time does not suffice."""
    model = program(task)
    result = solve_milp(model, seconds=seconds, relax=True, method="ipm")
    if result.duals is None:
        return None
    rows, groups = len(task.need), len(task.required)
    return multipliers(task, result.duals[:rows], result.duals[rows : rows + groups])
