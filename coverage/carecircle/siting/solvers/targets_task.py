"""A target problem made small: what is still open, rows of the same kind merged, and the arrays of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.cover import same_rows
from carecircle.siting.solvers.kernels_targets import Bools, Net, State, clear
from carecircle.siting.solvers.solution import Floats, Ints

TOLERANCE = 1e-9  # relative: a required weight counts as reached this close


@dataclass(frozen=True, eq=False)
class Task:
    """Choose cheapest columns so that all hard rows are satisfied, all groups hold, and so many of the optional ones.

    Parameters
    ----------
    matrix
        Rows by columns, entries 1, sorted; (m, n).
    need
        Columns that a row needs, at least 1; (m,).
    hard
        Rows that must be satisfied; they belong to no group; (m,).
    shares
        Weights of the other rows in the groups, (m, groups).
    required
        Weight that each group needs, above 0; (groups,).
    costs
        Above 0; (n,).
    family
        Columns of the same number >= 0 exclude each other; (n,).
    options
        Sets of groups, and how many of each set must hold; groups of no set must all hold.
    """

    matrix: csr_array
    need: Ints
    hard: Bools
    shares: csr_array
    required: Floats
    costs: Floats
    family: Ints
    options: tuple[tuple[Ints, int], ...] = ()

    @property
    def optional(self) -> Bools:
        """Groups that need not hold by themselves."""
        found = np.zeros(len(self.required), dtype=bool)
        for groups, _ in self.options:
            found[groups] = True
        return found

    @property
    def whole_costs(self) -> bool:
        """Whether all costs are whole numbers, so that bounds may be rounded up."""
        return bool(np.all(self.costs == np.round(self.costs)))

    def counts(self, chosen: Bools) -> Ints:
        """Count the chosen columns of each row."""
        return np.asarray(self.matrix @ chosen.astype(np.int64), dtype=np.int64)

    def holds(self, chosen: Bools) -> bool:
        """Whether a choice does all that is asked."""
        satisfied = self.counts(chosen) >= self.need
        reached = self.shares.T @ satisfied.astype(float) >= self.required
        families = self.family[chosen & (self.family >= 0)]
        single = len(np.unique(families)) == len(families)
        enough = all(reached[groups].sum() >= number for groups, number in self.options)
        return bool(single and enough and satisfied[self.hard].all() and reached[~self.optional].all())


def merge_rows(task: Task) -> Task:
    """Make one row of all that have the same columns, the same need and the same groups; hard ones are kept once.

    A hard row whose columns hold all those of another that needs as many is no news either; see `dominance`.
    """
    if not task.matrix.shape[0]:
        return task
    label = _labels(task)
    order = np.argsort(label, kind="stable")
    first = np.unique(label, return_index=True)[1]
    into = csr_array((np.ones(len(order)), (label[order], order)), shape=(len(first), len(order)))
    shares = csr_array(into @ task.shares)
    shares.sort_indices()
    return Task(
        csr_array(task.matrix[first]),
        task.need[first],
        task.hard[first],
        shares,
        task.required,
        task.costs,
        task.family,
        task.options,
    )


def _labels(task: Task) -> Ints:
    """Return a number for the kind of each row: 0, 1, ... in the order of their first rows."""
    label = task.need * 2 + task.hard
    for kind in (same_rows(task.matrix), same_rows(task.shares)):
        label = np.unique(label, return_inverse=True)[1] * (int(kind.max()) + 1) + kind
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[label], dtype=np.int64)


def cut(task: Task, rows: Bools, columns: Bools) -> Task:
    """Keep some rows and columns."""
    return Task(
        csr_array(task.matrix[rows][:, columns]),
        task.need[rows],
        task.hard[rows],
        csr_array(task.shares[rows]),
        task.required,
        task.costs[columns],
        task.family[columns],
        task.options,
    )


def net_of(task: Task) -> Net:
    """Lay a task out for the search."""
    rows, shares = task.matrix, task.shares
    columns = csr_array(rows.T)
    columns.sort_indices()
    parts = np.diff(shares.indptr)
    per_entry = np.repeat(parts, np.diff(rows.indptr))
    slot_start = np.concatenate([[0], np.cumsum(parts * np.diff(rows.indptr))])[:-1]
    ends = np.cumsum(per_entry)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - per_entry, per_entry)
    row_of = np.repeat(np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), per_entry)
    group = shares.indices[shares.indptr[row_of] + within].astype(np.int64)
    column = np.repeat(rows.indices, per_entry).astype(np.int64)
    pairs, slot = np.unique(column * max(1, len(task.required)) + group, return_inverse=True)
    slot_column, slot_group = np.divmod(pairs, max(1, len(task.required)))
    by_group = np.argsort(slot_group, kind="stable")
    families = np.unique(task.family[task.family >= 0], return_inverse=True)
    family = np.full(len(task.costs), -1, dtype=np.int64)
    family[task.family >= 0] = families[1]
    return Net(
        row_start=_whole(rows.indptr),
        row_col=_whole(rows.indices),
        col_start=_whole(columns.indptr),
        col_row=_whole(columns.indices),
        need=_whole(task.need),
        hard=np.ascontiguousarray(task.hard),
        part_start=_whole(shares.indptr),
        part_group=_whole(shares.indices),
        share=np.ascontiguousarray(shares.data, dtype=np.float64),
        slot_start=_whole(slot_start),
        entry_slot=_whole(slot),
        col_slot=_whole(np.searchsorted(slot_column, np.arange(len(task.costs) + 1))),
        slot_group=_whole(slot_group),
        group_start=_whole(np.searchsorted(slot_group[by_group], np.arange(len(task.required) + 1))),
        group_col=_whole(slot_column[by_group]),
        required=task.required * (1 - TOLERANCE / 2),
        cost=np.maximum(task.costs, 1e-12 * max(1.0, float(task.costs.sum()))),  # the search divides by costs
        family=family,
        families=len(families[0]),
    )


def _whole(values: Any) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)


def state_of(task: Task, net: Net) -> State:
    """Return the beginning of a search: nothing chosen, equal penalties, all groups pursued."""
    rows, columns, groups = len(task.need), len(task.costs), len(task.required)
    mean = float(task.shares.data.mean()) if task.shares.nnz else 1.0
    state = State(
        chosen=np.zeros(columns, bool),
        times=np.zeros(rows, np.int64),
        hard_score=np.zeros(columns),
        slot=np.zeros(len(net.slot_group)),
        held=np.zeros(groups),
        active=np.ones(groups, bool),
        row_penalty=np.ones(rows),
        group_penalty=np.full(groups, 1 / mean),
        members=np.zeros(columns, np.int64),
        place=np.zeros(columns, np.int64),
        open_rows=np.zeros(rows, np.int64),
        open_place=np.zeros(rows, np.int64),
        taken=np.zeros(net.families, np.int64),
        size=np.zeros(2, np.int64),
        total=np.zeros(1),
    )
    clear(net, state)
    return state
