"""Equity as a problem: rows merged, units numbered, rates exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_equity import Rates, set_site
from carecircle.siting.solvers.pairs import Bools, column_mask, row_starts
from carecircle.siting.solvers.solution import Floats, Ints


@dataclass(frozen=True, eq=False)
class Equity:
    """An equity problem.

    Parameters
    ----------
    rows
        Merged rows that are not covered yet and can be, by sites, (rows, sites).
    weight, unit
        People and unit (position in `labels`) of each merged row, (rows,).
    labels
        Units with people, as the caller numbers them.
    people, already
        People of each unit, and those covered already, (units,).
    counted
        Units whose rate is to be raised, (units,).
    sites
        How many may be chosen, forced ones included.
    forced, allowed
        Sites, (sites,).
    """

    rows: csr_array
    weight: Floats
    unit: Ints
    labels: Ints
    people: Floats
    already: Floats
    counted: Bools
    sites: int
    forced: Bools
    allowed: Bools

    @property
    def whole(self) -> bool:
        """Whether all people are whole numbers."""
        numbers = np.concatenate((self.weight, self.people, self.already))
        return bool(np.all(numbers == np.round(numbers)))

    @property
    def reachable(self) -> Floats:
        """People of each unit that all allowed sites together cover, (units,)."""
        return self.already + np.bincount(self.unit, weights=self.weight, minlength=len(self.people))

    def covered(self, chosen: Ints) -> Floats:
        """Return the covered people of each unit, (units,)."""
        mask = column_mask(chosen, len(self.allowed)).astype(float)
        hit = (self.rows @ mask) > 0
        sums = np.zeros(len(self.people))
        order = np.argsort(self.unit[hit], kind="stable")
        groups = np.split(self.weight[hit][order], np.cumsum(np.bincount(self.unit[hit], minlength=len(sums)))[:-1])
        sums[:] = [math.fsum(group.tolist()) for group in groups]
        return self.already + sums

    def worst(self, covered: Floats) -> Fraction:
        """Return the lowest rate of the units that count, exactly; 1 when none counts."""
        pairs = zip(covered[self.counted].tolist(), self.people[self.counted].tolist(), strict=True)
        return min((Fraction(part) / Fraction(whole) for part, whole in pairs), default=Fraction(1))

    def value(self, chosen: Ints) -> tuple[Fraction, float]:
        """Return the worst rate and all people covered: the larger, the better, in this order."""
        covered = self.covered(chosen)
        return self.worst(covered), math.fsum(covered.tolist())

    def needed(self, rate: Fraction, *, above: bool = False) -> Floats:
        """Return the people that each unit must have covered for a rate, or for the next one above it, (units,).

        Whole people are counted exactly; else the last digits are given away, so that nothing is wrongly ruled out.
        """
        shares = [rate * Fraction(people) for people in self.people.tolist()]
        if self.whole:
            need = np.array([float(math.floor(share) + 1 if above else math.ceil(share)) for share in shares])
        else:
            need = np.array([float(share) for share in shares]) * (1.0 + (1e-9 if above else -1e-12))
        return np.where(self.counted, need, 0.0)


def build_equity(
    matrix: Any,
    weights: Floats,
    units: ArrayLike,
    sites: int,
    *,
    covered: Bools,
    which: tuple[Bools, Bools],
    skip: bool,
) -> Equity:
    """Return the problem; `skip` leaves units out of the worst rate that no allowed site can raise."""
    forced, allowed = which
    rows = allowed_rows(matrix, allowed)
    labels, unit = np.unique(np.asarray(units, dtype=np.int64), return_inverse=True)
    people = _sums(unit, weights, len(labels))
    already = _sums(unit, np.where(covered, weights, 0.0), len(labels))
    open_rows = ~covered & (weights > 0) & (np.diff(rows.indptr) > 0)
    raisable = np.bincount(unit[open_rows], minlength=len(labels)) > 0
    counted = (people > 0) & (raisable | (already >= people) | (not skip))
    first, group = merge_rows(rows[np.flatnonzero(open_rows)], unit[open_rows])
    merged = csr_array(rows[np.flatnonzero(open_rows)[first]])
    weight = _sums(group, weights[open_rows], len(first))
    known = people > 0
    position = np.cumsum(known) - 1
    return Equity(
        merged,
        weight,
        position[unit[open_rows][first]],
        labels[known],
        people[known],
        already[known],
        counted[known],
        min(sites, int(allowed.sum())),
        forced,
        allowed,
    )


def allowed_rows(matrix: Any, allowed: Bools) -> csr_array:
    """Return the entries of allowed sites, whatever their values (stored zeros too), all 1."""
    rows = (
        csr_array(matrix, copy=True) if not isinstance(matrix, np.ndarray) else csr_array((matrix != 0).astype(float))
    )
    rows.sum_duplicates()
    keep = allowed[rows.indices]
    point = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[keep]
    starts = row_starts(point, rows.shape[0])
    return csr_array((np.ones(len(point)), rows.indices[keep], starts), shape=rows.shape)


def _sums(keys: Ints, values: Floats, count: int) -> Floats:
    """Return exactly rounded sums by key, (count,)."""
    if np.all(values == np.round(values)):
        return np.bincount(keys, weights=values, minlength=count).astype(float)
    order = np.argsort(keys, kind="stable")
    groups = np.split(values[order], np.cumsum(np.bincount(keys, minlength=count))[:-1])
    return np.array([math.fsum(group.tolist()) for group in groups]) if count else np.empty(0)


def merge_rows(rows: csr_array, unit: Ints) -> tuple[Ints, Ints]:
    """Return the first row of each group of rows of one unit and the same sites, and the group of each row.

    Examples
    --------
    >>> first, group = merge_rows(csr_array(np.array([[1, 0], [0, 1], [1, 0]])), np.array([0, 0, 0]))
    >>> first.tolist(), group.tolist()
    ([0, 1], [0, 1, 0])
    """
    if not rows.shape[0]:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    keys = np.random.default_rng(0).integers(1 << 62, size=rows.shape[1])
    signs = np.append(keys[rows.indices], 0)
    hashes = np.add.reduceat(signs, np.minimum(rows.indptr[:-1], len(signs) - 1))
    hashes[np.diff(rows.indptr) == 0] = 0
    table = np.stack((hashes, unit, np.diff(rows.indptr)))
    _, first, group = np.unique(table, axis=1, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    if not np.array_equal(rows.indices, rows[first[group]].indices):
        raise RuntimeError("two sets of sites have the same hash")
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[group]


def new_rates(problem: Equity, chosen: Ints) -> Rates:
    """Return the state of a choice of sites for the compiled steps; units that do not count have no rate to raise."""
    columns = csr_array(problem.rows.T)
    units = len(problem.people)
    rates = Rates(
        column_start=columns.indptr.astype(np.int64),
        column_row=columns.indices.astype(np.int64),
        weight=problem.weight,
        unit=problem.unit.astype(np.int64),
        people=np.where(problem.counted, problem.people, np.inf),
        covers=np.zeros(len(problem.weight), dtype=np.int64),
        covered=problem.already.copy(),
        opened=np.zeros(len(problem.allowed), dtype=bool),
        change=np.zeros(units),
        touched=np.zeros(units, dtype=np.int64),
    )
    for site in chosen:
        set_site(rates, site, 1)
    return rates
