"""From a problem as asked to a small task: what is decided already is taken out, and remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.solution import Floats, Ints
from carecircle.siting.solvers.targets_task import TOLERANCE, Task, cut, merge_rows

_PAIRS = 600_000_000  # products that a search for dominated rows or columns may cost: some seconds
_CHUNK = 4_000_000  # of which at a time


@dataclass(frozen=True, eq=False)
class Reduced:
    """A task on some of the columns, and the columns that are chosen whatever the rest does.

    Parameters
    ----------
    task
        What is left.
    columns
        The column of the problem behind each column of the task.
    taken
        Columns of the problem that are chosen already, sorted.
    """

    task: Task
    columns: Ints
    taken: Ints

    def whole(self, chosen: Bools) -> Ints:
        """Return the columns of the problem behind a choice of the task's."""
        return np.sort(np.concatenate([self.taken, self.columns[chosen]])).astype(np.int64)


def reduce_task(task: Task, *, forced: Ints, allowed: Bools) -> Reduced:
    """Take forced columns, leave out those not allowed, and repeat what follows from it until nothing does.

    Rows satisfied are gone; groups that hold are gone; rows that a group cannot do without become hard; equal rows
    become one; hard rows implied by others, and columns that another one replaces at no higher cost, are left out; a
    hard row with only as many columns as it needs takes them.

    Parameters
    ----------
    task
        The problem; costs of 0 and needs of 0 are welcome here.
    forced
        Columns that are chosen.
    allowed
        Columns that may be chosen; those forced need not be among them.
    """
    columns = np.arange(len(task.costs), dtype=np.int64)
    reduced = Reduced(task, columns, np.empty(0, dtype=np.int64))
    free = allowed & (task.costs <= 0) & (task.family < 0)
    must = free.copy()
    must[forced] = True
    reduced = _take(reduced, must, allowed)
    size = -1
    while size != reduced.task.matrix.nnz:
        size = reduced.task.matrix.nnz
        reduced = replace(reduced, task=merge_rows(_harden(_settle(reduced.task))))
        reduced = _take(reduced, _essential(reduced.task), np.ones(len(reduced.columns), dtype=bool))
        reduced = _without_dominated(replace(reduced, task=_settle(reduced.task)))
    return reduced


def _take(reduced: Reduced, must: Bools, allowed: Bools) -> Reduced:
    """Choose columns; those of the same family, and those not allowed, go."""
    task = reduced.task
    count = task.counts(must)
    families = task.family[must & (task.family >= 0)]
    rivals = np.isin(task.family, families)
    left = replace(task, need=np.maximum(0, task.need - count))
    keep = allowed & ~must & ~rivals
    taken = np.concatenate([reduced.taken, reduced.columns[must]])
    return Reduced(cut(left, np.ones(len(task.need), dtype=bool), keep), reduced.columns[keep], taken)


def _settle(task: Task) -> Task:
    """Count what is satisfied to its groups, and leave out groups that hold and rows that no one asks for."""
    done = task.need <= 0
    required = task.required - task.shares.T @ done.astype(float)
    within = _reachable(task)
    task = cut(replace(task, required=required), ~done & (task.hard | within), np.ones(len(task.costs), dtype=bool))
    return _without_groups(task, task.required <= TOLERANCE * np.maximum(1.0, np.abs(task.required)))


def _reachable(task: Task) -> Bools:
    return np.asarray(np.diff(task.matrix.indptr) >= task.need)


def _without_groups(task: Task, holds: Bools) -> Task:
    """Leave groups out that hold; sets that ask for all that is left of them ask for each."""
    options = [(groups[~holds[groups]], number - int(holds[groups].sum())) for groups, number in task.options]
    idle = holds.copy()
    for groups, number in options:
        if number <= 0:
            idle[groups] = True
    place = np.cumsum(~idle) - 1
    open_sets = tuple((place[groups], number) for groups, number in options if 0 < number < len(groups))
    shares = csr_array(task.shares[:, ~idle])
    asked = task.hard | (np.diff(shares.indptr) > 0)
    kept = replace(task, shares=shares, required=task.required[~idle], options=open_sets)
    return cut(kept, asked, np.ones(len(task.costs), dtype=bool))


def _harden(task: Task) -> Task:
    """Make hard the rows whose weight is more than a group that must hold can do without."""
    shares = task.shares
    spare = np.asarray(shares.sum(axis=0)).ravel() - task.required * (1 - TOLERANCE)
    spare[task.optional] = np.inf
    row_of = np.repeat(np.arange(len(task.need)), np.diff(shares.indptr))
    hard = task.hard.copy()
    hard[row_of[shares.data > spare[shares.indices]]] = True
    held = shares.T @ hard.astype(float)
    rest = csr_array(shares.multiply(~hard[:, None]))
    rest.eliminate_zeros()
    task = replace(task, hard=hard, shares=rest, required=task.required - held)
    return _without_groups(task, task.required <= TOLERANCE * np.maximum(1.0, held))


def _essential(task: Task) -> Bools:
    """Find the columns of hard rows that have no more than they need; one of each family at a time."""
    tight = task.hard & (np.diff(task.matrix.indptr) == task.need)
    found: Bools = np.asarray(task.matrix.T @ tight.astype(np.int64)) > 0
    bound = np.flatnonzero(found & (task.family >= 0))
    found[bound] = False
    found[bound[np.unique(task.family[bound], return_index=True)[1]]] = True
    return found


def _without_dominated(reduced: Reduced) -> Reduced:
    task = reduced.task
    rows = ~_implied_rows(task)
    task = cut(task, rows, np.ones(len(task.costs), dtype=bool))
    keep = (np.diff(csr_array(task.matrix.T).indptr) > 0) & ~_replaceable(task)
    return Reduced(cut(task, np.ones(len(task.need), dtype=bool), keep), reduced.columns[keep], reduced.taken)


def _implied_rows(task: Task) -> Bools:
    """Find hard rows that hold all columns of another one that needs as many."""
    found = np.zeros(len(task.need), dtype=bool)
    hard = np.flatnonzero(task.hard)
    matrix = csr_array(task.matrix[hard])
    size = np.diff(matrix.indptr)
    for inner, outer in _subsets(matrix):
        less = (size[inner] < size[outer]) | (inner < outer)
        more = task.need[hard[inner]] > task.need[hard[outer]]
        fits = more | ((task.need[hard[inner]] == task.need[hard[outer]]) & less)
        found[hard[outer[fits]]] = True
    return found


def _replaceable(task: Task) -> Bools:
    """Find columns whose rows another column of no higher cost holds too; only where no row needs two."""
    found = np.zeros(len(task.costs), dtype=bool)
    if task.need.size and task.need.max() > 1:
        return found
    columns = csr_array(task.matrix.T)
    size, cost, family = np.diff(columns.indptr), task.costs, task.family
    for inner, outer in _subsets(columns):
        same = (family[outer] < 0) | (family[outer] == family[inner])
        prefer = (size[outer] > size[inner]) | (outer < inner)
        fits = same & ((cost[outer] < cost[inner]) | ((cost[outer] == cost[inner]) & prefer))
        found[inner[fits]] = True
    return found


def _subsets(matrix: csr_array) -> list[tuple[Ints, Ints]]:
    """Find pairs (inner, outer) of rows where outer holds all entries of inner; equal ones come both ways.

    Nothing is looked for where the products would cost too much.
    """
    size = np.diff(matrix.indptr)
    other = csr_array(matrix.T)
    work = np.asarray(matrix @ np.diff(other.indptr).astype(float))
    if work.sum() > _PAIRS:
        return []
    found = []
    start = 0
    ends = np.cumsum(work)
    while start < len(size):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0.0) + _CHUNK)))
        common = csr_array(matrix[start:stop] @ other)
        inner = np.repeat(np.arange(start, stop), np.diff(common.indptr))
        outer = common.indices.astype(np.int64)
        inside = (common.data == size[inner]) & (inner != outer)
        found.append((inner[inside], outer[inside]))
        start = stop
    return found


def implied_groups(groups: csr_array, required: Floats, optional: Bools) -> Bools:
    """Find groups that hold whenever others do: parts without overlap whose weights are its own.

    A whole county's 90 % follow where each of its townships must reach 90 %.

    Parameters
    ----------
    groups
        Weights, (groups, rows).
    required, optional
        Of each group; optional ones prove nothing and are never left out.
    """
    found = np.zeros(len(required), dtype=bool)
    size = np.diff(groups.indptr)
    for whole in np.argsort(-size, kind="stable"):
        parts = np.flatnonzero(~optional & ~found & (size < size[whole]) & (size > 0))
        if optional[whole] or len(parts) < 2:
            continue
        weight = np.full(groups.shape[1], np.nan)
        mine = slice(groups.indptr[whole], groups.indptr[whole + 1])
        weight[groups.indices[mine]] = groups.data[mine]
        wrong = np.concatenate([[0], np.cumsum(groups.data != weight[groups.indices])])
        parts = parts[wrong[groups.indptr[parts + 1]] == wrong[groups.indptr[parts]]]
        found[whole] = _sum_of_parts(groups, required, parts) >= required[whole]
    return found


def _sum_of_parts(groups: csr_array, required: Floats, parts: Ints) -> float:
    """Sum what groups without overlap require, those that require most first."""
    taken = np.zeros(groups.shape[1], dtype=bool)
    total = 0.0
    for part in parts[np.argsort(-required[parts], kind="stable")]:
        mine = groups.indices[groups.indptr[part] : groups.indptr[part + 1]]
        if not taken[mine].any():
            taken[mine] = True
            total += max(0.0, float(required[part]))
    return total
