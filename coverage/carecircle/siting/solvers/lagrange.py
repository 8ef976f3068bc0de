"""A proven bound of maximum coverage by Lagrangian relaxation.

That a row counts only if a chosen column covers it is dropped and paid for: with a multiplier between 0 and its weight
for each row, the best choice is plain to see (the dearest columns that fit), and whatever the multipliers, its worth is
no less than the optimum (Galvao and ReVelle 1996, European Journal of Operational Research 88, 114-123). The
multipliers are improved by a deflected subgradient (Camerini, Fratta and Maffioli 1975) with Polyak's step; the least
bound equals that of the linear relaxation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from carecircle.siting.solvers.cover import CoverProblem, Limits
from carecircle.siting.solvers.kernels import Cover
from carecircle.siting.solvers.kernels_dual import price, turn
from carecircle.siting.solvers.solution import Clock, Floats

_MEMORY, _PATIENCE, _SHRINK, _SMALLEST = 0.98, 30, 0.7, 1e-4
_ITERATIONS = 20_000
_OUTWARD = 1e-9
"""By what share of itself a bound is moved outward, against errors of rounding in its sum."""


@dataclass(frozen=True, eq=False)
class Dual:
    """Multipliers and the bound that they prove.

    Parameters
    ----------
    bound
        No choice is worth more (within the small problem, forced columns not counted).
    multipliers
        Of the rows, between 0 and the weights.
    tolls
        Of the groups, for one unit of cost, >= 0.
    """

    bound: float
    multipliers: Floats
    tolls: Floats


def outward(bound: float, *, whole: bool) -> float:
    """Round a bound to the safe side: a little up, then down to a whole number where only those are possible.

    Examples
    --------
    >>> outward(12.7, whole=True)
    12.0
    """
    safe = bound + _OUTWARD * max(1.0, abs(bound))
    return float(math.floor(safe)) if whole else safe


def lagrangian(problem: CoverProblem, cover: Cover, target: float, clock: Clock) -> Dual:
    """Find multipliers that prove a small bound.

    Parameters
    ----------
    problem, cover
        The same problem twice (see `search.compiled`).
    target
        Value of a choice that was found; when the bound has come down to it, there is nothing left to do.
    clock
        When to stop at the latest.
    """
    multipliers = problem.weights / np.maximum(1, np.diff(problem.rows.indptr))
    direction, prices = np.zeros(len(multipliers)), np.zeros(len(problem.original))
    best, bound, length, since = multipliers, math.inf, 1.0, 0
    for _ in range(_ITERATIONS):
        left = price(cover, multipliers, prices)
        chosen = relaxed(prices, problem.limits)
        value = left + float(prices @ chosen)
        since = 0 if value < bound - 1e-6 * length * abs(value) or math.isinf(bound) else since + 1
        if value < bound:
            best, bound = multipliers, value
        if since >= _PATIENCE:
            multipliers, length, since = best, length * _SHRINK, 0
        size = turn(cover, multipliers, chosen, direction, _MEMORY)
        if length < _SMALLEST or size < 1e-12 or bound <= target or clock.over():
            break
        step = length * (value - target) / size
        multipliers = np.clip(multipliers + step * direction, 0.0, problem.weights)
    price(cover, best, prices)
    return Dual(bound, best, tolls_of(prices, problem.limits))


def relaxed(prices: Floats, limits: Limits) -> Floats:
    """Choose what is worth most for its cost in each group, the last one in part (Dantzig 1957); (columns,) of 0 to 1.

    Examples
    --------
    >>> relaxed(np.array([3.0, 5.0, 4.0]), Limits(np.zeros(3, int), np.ones(3), np.array([1.5])))
    array([0. , 1. , 0.5])
    """
    order, before = _queue(prices, limits)
    costs = limits.costs[order]
    left = limits.room[limits.groups[order]] - before
    share = np.where(costs > 0, left / np.where(costs > 0, costs, 1.0), 1.0)
    chosen = np.zeros(len(prices))
    chosen[order] = np.where(prices[order] > 0, np.clip(share, 0.0, 1.0), 0.0)
    return chosen


def tolls_of(prices: Floats, limits: Limits) -> Floats:
    """Find the worth of one unit of room in each group: that of the first column that does not fit whole."""
    order, before = _queue(prices, limits)
    costs, groups = limits.costs[order], limits.groups[order]
    late = (before + costs > limits.room[groups] * (1 + _OUTWARD)) & (costs > 0)
    tolls = np.zeros(len(limits.room))
    np.maximum.at(tolls, groups[late], prices[order][late] / costs[late])
    return np.maximum(tolls, 0.0)


def _queue(prices: Floats, limits: Limits) -> tuple[np.ndarray, Floats]:
    """Sort the columns by group and worth for cost; and the cost of those before each in its group."""
    worth = prices / np.maximum(limits.costs, 1e-12)
    order = np.lexsort((-worth, limits.groups))
    costs, groups = limits.costs[order], limits.groups[order]
    total = np.concatenate([[0.0], np.cumsum(costs)])[:-1]
    first = np.searchsorted(groups, np.arange(len(limits.room)))
    return order, total - np.append(total, 0.0)[np.minimum(first, len(total))][groups]
