"""Compiled steps of equity: open and close sites while the rate of each unit is kept up to date.

What is made large is the sum over units of ``min(rate, target)``, plus a little of the total: units below the target
are raised first, those above it are left alone [1]_.

References
----------
.. [1] A. Krause, H. B. McMahan, C. Guestrin, A. Gupta (2008), Robust submodular observation selection, Journal of
   Machine Learning Research 9, 2761-2801.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carecircle.siting.solvers.solution import Floats, Ints

Bools = NDArray[np.bool_]


class Rates(NamedTuple):
    """Rows by site, and what is covered now; the last five are changed in place.

    Parameters
    ----------
    column_start, column_row
        Rows of each site.
    weight, unit
        People and unit of each row, (rows,).
    people
        Of each unit, (units,).
    covers
        How many open sites cover a row, (rows,).
    covered
        People covered of each unit, (units,).
    opened
        Whether a site is open, (sites,).
    change
        Scratch: change of each unit's covered people, zeros between calls, (units,).
    touched
        Scratch: units with a change, (units,).
    """

    column_start: Ints
    column_row: Ints
    weight: Floats
    unit: Ints
    people: Floats
    covers: Ints
    covered: Floats
    opened: Bools
    change: Floats
    touched: Ints


@njit(cache=True)
def set_site(rates: Rates, site: int, sign: int) -> None:
    """Open (1) or close (-1) a site."""
    rates.opened[site] = sign > 0
    for entry in range(rates.column_start[site], rates.column_start[site + 1]):
        row = rates.column_row[entry]
        before = rates.covers[row]
        rates.covers[row] = before + sign
        if (before == 0) != (before + sign == 0):
            rates.covered[rates.unit[row]] += sign * rates.weight[row]


@njit(cache=True)
def worth(rates: Rates, site: int, sign: int, target: float, extra: float) -> float:
    """Return what opening (1) or closing (-1) a site adds to the sum of ``min(rate, target) + extra * covered``."""
    decisive, count = (0 if sign > 0 else 1), 0
    for entry in range(rates.column_start[site], rates.column_start[site + 1]):
        row = rates.column_row[entry]
        if rates.covers[row] == decisive:
            unit = rates.unit[row]
            if rates.change[unit] == 0.0:
                rates.touched[count] = unit
                count += 1
            rates.change[unit] += rates.weight[row]
    value = 0.0
    for place in range(count):
        unit = rates.touched[place]
        before, people = rates.covered[unit], rates.people[unit]
        after = before + sign * rates.change[unit]
        value += min(after / people, target) - min(before / people, target) + extra * (after - before)
        rates.change[unit] = 0.0
    return value


@njit(cache=True)
def greedy(rates: Rates, free: Ints, count: int, target: float, extra: float) -> None:
    """Open `count` sites, always the one that adds most, ties to the lowest column; what a site adds never grows."""
    heap = [(-worth(rates, int(site), 1, target, extra), int(site)) for site in free]
    heapq.heapify(heap)
    while count > 0 and len(heap) > 0:
        site = heapq.heappop(heap)[1]
        value = worth(rates, site, 1, target, extra)
        if len(heap) == 0 or (-value, site) <= heap[0]:
            set_site(rates, site, 1)
            count -= 1
        else:
            heapq.heappush(heap, (-value, site))


@njit(cache=True)
def _best_to_close(rates: Rates, free: Ints, kept: int, target: float, extra: float) -> tuple[int, float]:
    """Return the open site, other than `kept`, whose closing costs least, and what it adds (not positive)."""
    best, closed = -np.inf, -1
    for site in free:
        if rates.opened[site] and site != kept:
            value = worth(rates, site, -1, target, extra)
            if value > best:
                best, closed = value, site
    return closed, best


@njit(cache=True)
def pass_swaps(rates: Rates, free: Ints, first: int, last: int, target: float, extra: float, least: float) -> int:
    """Try each closed site of a stretch of `free` in the place of the best open one; returns how many swaps paid."""
    paid = 0
    for place in range(first, last):
        site = free[place]
        if rates.opened[site]:
            continue
        gain = worth(rates, site, 1, target, extra)
        if gain <= least:
            continue
        set_site(rates, site, 1)
        closed, value = _best_to_close(rates, free, site, target, extra)
        if closed >= 0 and gain + value > least:
            set_site(rates, closed, -1)
            paid += 1
        else:
            set_site(rates, site, -1)
    return paid
