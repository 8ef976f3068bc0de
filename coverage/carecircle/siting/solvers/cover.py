"""A maximum-coverage problem made small without loss: what cannot matter is left out, what is alike is merged.

Rows that nobody reaches, that weigh nothing or that a forced site covers are dropped, rows of the same cover set are
added up, and so are columns that another one of the same kind makes needless (dominated). The rules are those of
Chen, Chen and Wang (2023), "Presolving for maximal covering location", European Journal of Operational Research 308.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from carecircle.siting.solvers.solution import Floats, Ints

_ROUNDING = 1e-9
_MOST_PAIRS = 3e8  # of columns that share a row, counted once for each row


@dataclass(frozen=True, eq=False)
class Limits:
    """How much may be chosen: of each group, columns of at most so much cost.

    Parameters
    ----------
    groups
        Group of each column, (columns,), 0 upwards.
    costs
        Of each column, (columns,), >= 0; ones where columns are counted.
    room
        Most cost of each group, (groups,).

    Examples
    --------
    >>> Limits(np.array([0, 0, 1]), np.ones(3), np.array([1.0, 1.0])).allows(np.array([0, 2]))
    True
    """

    groups: Ints
    costs: Floats
    room: Floats

    def used(self, chosen: Ints) -> Floats:
        """Return the cost of these columns in each group."""
        return np.bincount(self.groups[chosen], self.costs[chosen], minlength=len(self.room)).astype(np.float64)

    def allows(self, chosen: Ints) -> bool:
        """Whether these columns may be chosen together; a rounding error of costs is no reason against it."""
        return bool(np.all(self.used(chosen) <= self.room + _ROUNDING * np.abs(self.room)))

    def without(self, chosen: Ints) -> Limits:
        """Return what is left once these columns are chosen."""
        return Limits(self.groups, self.costs, np.maximum(0.0, self.room - self.used(chosen)))

    def of(self, columns: Ints) -> Limits:
        """Return the limits of these columns."""
        return Limits(self.groups[columns], self.costs[columns], self.room)

    def fits(self) -> NDArray[np.bool_]:
        """Whether a column may be chosen at all, (columns,)."""
        room = self.room + _ROUNDING * np.abs(self.room)
        return np.asarray(self.costs <= room[self.groups])


@dataclass(frozen=True, eq=False)
class CoverProblem:
    """Which columns cover the most weight, within limits; nothing in it is forced or forbidden any more.

    Parameters
    ----------
    rows
        Row by column: which columns cover a row, sorted; (rows, columns), data all True.
    columns
        The same by column, sorted.
    weights
        Of the rows, > 0.
    limits
        Of the columns that are left.
    original
        Their numbers in the problem that was given, ascending.
    forced
        Columns of the given problem that are chosen in any case.
    base
        Weight that the forced ones cover.
    unreached
        Rows of the given problem, of some weight, that no allowed column reaches.
    """

    rows: csr_array
    columns: csc_array
    weights: Floats
    limits: Limits
    original: Ints
    forced: Ints
    base: float
    unreached: Ints

    def value(self, chosen: Ints) -> float:
        """Return the weight that these columns of the small problem cover, the forced ones' not counted."""
        return float(self.weights[rows_of(self.columns, chosen)].sum())

    def restore(self, chosen: Ints) -> Ints:
        """Return the columns of the given problem, forced ones included, sorted."""
        return np.union1d(self.original[chosen], self.forced).astype(np.int64)


def presolve(
    matrix: csr_array,
    weights: Floats,
    limits: Limits,
    *,
    forced: Iterable[int] = (),
    forbidden: Iterable[int] = (),
) -> CoverProblem:
    """Make the problem small; its best choice is a best choice of the problem that was given.

    Parameters
    ----------
    matrix
        Points by sites, an entry where the site covers the point; (points, sites).
    weights
        (points,), >= 0.
    limits
        For all columns; forced columns count.
    forced, forbidden
        Columns.

    Raises
    ------
    ValueError
        If the forced columns break the limits or are forbidden, or there are no such columns.
    """
    must, barred = (np.unique(np.fromiter(some, np.int64)) for some in (forced, forbidden))
    left = _limits_left(limits, must, barred)
    served = rows_of(csc_array(matrix), must)
    weight = np.asarray(weights, dtype=np.float64).copy()
    base = float(weight[served].sum())
    weight[served] = 0.0
    free = np.setdiff1d(np.flatnonzero(left.fits()), np.concatenate([must, barred]))
    small = csr_array(matrix[:, free])
    reached = np.diff(small.indptr) > 0
    unreached = np.flatnonzero(~reached & (weight > 0)).astype(np.int64)
    merged, weight = merge_rows(csr_array(small[reached & (weight > 0)]), weight[reached & (weight > 0)])
    keep = useful_columns(merged, left.of(free))
    rows, weight = merge_rows(csr_array(merged[:, keep]), weight)
    order, kept = near_rows(rows), free[keep]
    rows, weight = csr_array(rows[order]), weight[order]
    return CoverProblem(rows, _by_column(rows), weight, left.of(kept), kept, must, base, unreached)


def _limits_left(limits: Limits, must: Ints, barred: Ints) -> Limits:
    named = np.concatenate([must, barred])
    if np.any((named < 0) | (named >= len(limits.groups))):
        raise ValueError(f"no such columns among {len(limits.groups)}: {named.tolist()}")
    if len(both := np.intersect1d(must, barred)):
        raise ValueError(f"columns are forced and forbidden at once: {both.tolist()}")
    if not limits.allows(must):
        raise ValueError("the forced columns alone are more than the limits allow")
    return limits.without(must)


def _by_column(matrix: csr_array) -> csc_array:
    columns = csc_array(matrix)
    columns.sort_indices()
    return columns


def rows_of(columns: csc_array, chosen: Ints) -> Ints:
    """Return the rows that these columns cover, sorted, each once."""
    covered = np.zeros(columns.shape[0], dtype=bool)
    for column in chosen:
        covered[columns.indices[columns.indptr[column] : columns.indptr[column + 1]]] = True
    return np.flatnonzero(covered)


def merge_rows(matrix: csr_array, weights: Floats) -> tuple[csr_array, Floats]:
    """Add up rows of the same columns; exact: rows of the same hash are compared entry by entry.

    Returns
    -------
    csr_array, Floats
        The first row of each kind, in order, sorted by column; and the weights.

    Examples
    --------
    >>> merge_rows(csr_array(np.array([[1, 0], [0, 1], [1, 0]])), np.array([1.0, 2.0, 4.0]))[1]
    array([5., 2.])
    """
    matrix.sort_indices()
    kind = same_rows(matrix)
    first = np.unique(kind, return_index=True)[1]
    return csr_array(matrix[first]), np.bincount(kind, weights, minlength=len(first)).astype(np.float64)


def near_rows(matrix: csr_array) -> Ints:
    """Order the rows so that those of near columns stand together: what a search touches then lies close in memory.

    Columns are ranked by reverse Cuthill-McKee; the rows follow their first and last columns in that ranking.
    """
    ones = csr_matrix((np.ones(len(matrix.indices), np.int32), matrix.indices, matrix.indptr), shape=matrix.shape)
    if not matrix.nnz or _pairs(matrix) > _MOST_PAIRS:
        return np.arange(matrix.shape[0])
    order = reverse_cuthill_mckee(csr_matrix(ones.T @ ones), symmetric_mode=True)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    ranks = rank[matrix.indices]
    first, last = (extreme.reduceat(ranks, matrix.indptr[:-1]) for extreme in (np.minimum, np.maximum))
    return np.lexsort((last, first))


def _pairs(matrix: csr_array) -> float:
    return float(np.sum(np.diff(matrix.indptr).astype(np.float64) ** 2))


def same_rows(matrix: csr_array) -> Ints:
    """Give each row a number, so that rows of the same columns, sorted, have the same one, by order of the first.

    A sum of random 64-bit numbers stands for a row's columns; rows of one sum are then compared entry by entry with
    the first of it, and other numbers are drawn should two differ.
    """
    for seed in range(100):
        _, first, kind = np.unique(_hashes(matrix, seed), return_index=True, return_inverse=True)
        if _all_alike(matrix, first[kind]):
            order = np.argsort(np.argsort(first))
            return order[kind].astype(np.int64)
    raise ArithmeticError("a hundred hashes in turn took different rows for the same")


def _hashes(matrix: csr_array, seed: int) -> NDArray[np.uint64]:
    tokens = np.random.default_rng(seed).integers(1, 2**63, matrix.shape[1], dtype=np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(tokens[matrix.indices], dtype=np.uint64)])
    return np.asarray(sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]])


def _all_alike(matrix: csr_array, like: Ints) -> bool:
    """Whether each row has the columns of the row it is said to be like."""
    lengths = np.diff(matrix.indptr)
    if np.any(lengths != lengths[like]):
        return False
    shift = np.repeat(matrix.indptr[:-1][like] - matrix.indptr[:-1], lengths)
    return bool(np.all(matrix.indices == matrix.indices[np.arange(len(shift)) + shift]))


def useful_columns(matrix: csr_array, limits: Limits) -> Ints:
    """Find the columns that another one does not make needless.

    A column is needless if another one of the same group, at most as dear, covers all its rows; of two alike the lower
    number stays. Columns that cover nothing are needless too. Where most columns cover most rows, so that their
    pairs would not fit in memory, only the latter are found.
    """
    lengths = np.bincount(matrix.indices, minlength=matrix.shape[1])
    if _pairs(matrix) > _MOST_PAIRS:
        return np.flatnonzero(lengths)
    ones = csr_array((np.ones(len(matrix.indices), np.int32), matrix.indices, matrix.indptr), shape=matrix.shape)
    shared = (ones.T @ ones).tocoo()
    beaten, rival = shared.coords
    inside = (shared.data == lengths[beaten]) & (beaten != rival) & (limits.groups[beaten] == limits.groups[rival])
    beaten, rival = beaten[inside], rival[inside]
    alike = (lengths[beaten] == lengths[rival]) & (limits.costs[beaten] == limits.costs[rival])
    worse = (limits.costs[rival] <= limits.costs[beaten]) & (~alike | (rival < beaten))
    needless = lengths == 0
    needless[beaten[worse]] = True
    return np.flatnonzero(~needless)
