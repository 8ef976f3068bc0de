"""Compiled steps of siting with beds: people as a flow on the pairs within the limit, and the Lagrangian bound.

How many people a set of sites can serve is a largest flow. It is kept up to date while sites open and close: people
are moved along shortest alternating paths (Edmonds and Karp 1972), from site to site by way of points that both reach.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carecircle.siting.solvers.solution import Floats, Ints

Bools = NDArray[np.bool_]
TINY = 1e-9  # people: less is rounding


class Flow(NamedTuple):
    """Who is served where; changed in place.

    Parameters
    ----------
    row_start, entry_site
        Pairs by point.
    column_start, column_entry, entry_point
        The positions of the pairs of each site, and the point of each pair.
    people
        Served on each pair, (pairs,).
    left
        People of each point not served, (points,).
    free
        Beds left at each site, 0 where it is closed, (sites,).
    capacity
        Beds of each site, (sites,).
    seen, dead
        Scratch: sites that a search has come to, and from which nobody more can be served, (sites,).
    way, parent
        Scratch: the pair by which a search came to a site, and the site before, (sites,).
    queue
        Scratch, (sites,).
    """

    row_start: Ints
    entry_site: Ints
    column_start: Ints
    column_entry: Ints
    entry_point: Ints
    people: Floats
    left: Floats
    free: Floats
    capacity: Floats
    seen: Bools
    dead: Bools
    way: Ints
    parent: Ints
    queue: Ints


@njit(cache=True)
def entry_of(flow: Flow, point: int, site: int) -> int:
    """Return the pair of a point and a site (sites of a point are sorted), -1 where there is none."""
    low, high = flow.row_start[point], flow.row_start[point + 1]
    while low < high:
        middle = (low + high) // 2
        if flow.entry_site[middle] < site:
            low = middle + 1
        else:
            high = middle
    return low if low < flow.row_start[point + 1] and flow.entry_site[low] == site else -1


@njit(cache=True)
def _find_unserved(flow: Flow, start: int) -> tuple[int, int]:
    """Search from a site with free beds for a pair whose point has people left; returns it and the site reached.

    Where nobody is found, all sites searched are dead: whoever they reach is served by one of them, so that later
    searches need not come here either.
    """
    flow.queue[0], flow.seen[start] = start, True
    head, tail, found, last = 0, 1, -1, -1
    while head < tail and found < 0:
        here = flow.queue[head]
        head += 1
        for place in range(flow.column_start[here], flow.column_start[here + 1]):
            entry = flow.column_entry[place]
            if flow.left[flow.entry_point[entry]] > TINY:
                found, last = entry, here
                break
            tail = _go_on(flow, here, flow.entry_point[entry], tail)
    for place in range(tail):
        flow.seen[flow.queue[place]] = False
        if found < 0:
            flow.dead[flow.queue[place]] = True
    return found, last


@njit(cache=True)
def _go_on(flow: Flow, here: int, point: int, tail: int) -> int:
    """Put the sites that serve a point in the queue; returns its new length."""
    for other in range(flow.row_start[point], flow.row_start[point + 1]):
        site = flow.entry_site[other]
        if flow.people[other] > TINY and not flow.seen[site] and not flow.dead[site]:
            flow.seen[site] = True
            flow.way[site], flow.parent[site] = other, here
            flow.queue[tail] = site
            tail += 1
    return tail


@njit(cache=True)
def _pull(flow: Flow, start: int, entry: int, last: int) -> float:
    """Move people along the way found: the last site takes people left, each site before takes people of the next."""
    amount = float(min(flow.free[start], flow.left[flow.entry_point[entry]]))
    site = last
    while site != start:
        amount = float(min(amount, flow.people[flow.way[site]]))
        site = flow.parent[site]
    flow.left[flow.entry_point[entry]] -= amount
    flow.people[entry] += amount
    flow.free[start] -= amount
    site = last
    while site != start:
        moved, before = flow.way[site], flow.parent[site]
        flow.people[moved] -= amount
        flow.people[entry_of(flow, flow.entry_point[moved], before)] += amount
        site = before
    return amount


@njit(cache=True)
def _fill_site(flow: Flow, site: int) -> float:
    """Serve as many more people as a site's free beds allow, and return how many."""
    served = 0.0
    while flow.free[site] > TINY and not flow.dead[site]:
        entry, last = _find_unserved(flow, site)
        if entry >= 0:
            served += _pull(flow, site, entry, last)
    return served


@njit(cache=True)
def open_site(flow: Flow, site: int) -> float:
    """Open a site and return how many more people are served."""
    flow.dead[:] = False
    flow.free[site] = flow.capacity[site]
    return _fill_site(flow, site)


@njit(cache=True)
def close_site(flow: Flow, site: int) -> float:
    """Close a site, let the open sites with free beds take its people, and return how many fewer are served."""
    lost = 0.0
    for place in range(flow.column_start[site], flow.column_start[site + 1]):
        entry = flow.column_entry[place]
        lost += flow.people[entry]
        flow.left[flow.entry_point[entry]] += flow.people[entry]
        flow.people[entry] = 0.0
    flow.free[site] = 0.0
    flow.dead[:] = False
    for other in range(len(flow.free)):
        if lost > TINY:
            lost -= _fill_site(flow, other)
    return lost


@njit(cache=True)
def copy_flow(source: Flow, target: Flow) -> None:
    """Copy who is served where."""
    target.people[:] = source.people
    target.left[:] = source.left
    target.free[:] = source.free


@njit(cache=True)
def bed_values(flow: Flow, demand: Floats, cost: Floats, prices: Floats, served: Floats, out: Floats) -> None:
    """Fill `out` with what each site adds to the bound at the prices, and `served` with the people it would take.

    A site takes the people with the largest gain (price less cost) first, up to its beds: a fractional knapsack.
    """
    served[:] = 0.0
    for site in range(len(out)):
        start, end = flow.column_start[site], flow.column_start[site + 1]
        gains = np.empty(end - start)
        for place in range(start, end):
            entry = flow.column_entry[place]
            gains[place - start] = cost[entry] - prices[flow.entry_point[entry]]
        out[site] = _fill_beds(flow, demand, served, gains, site)


@njit(cache=True)
def _fill_beds(flow: Flow, demand: Floats, served: Floats, gains: Floats, site: int) -> float:
    """Take people by gain until the beds are full; returns the sum of their gains (not positive)."""
    beds, value, start = flow.capacity[site], 0.0, flow.column_start[site]
    for place in np.argsort(gains, kind="mergesort"):
        if gains[place] >= 0.0 or beds <= 0.0:
            break
        entry = flow.column_entry[start + place]
        amount = min(beds, demand[flow.entry_point[entry]])
        served[entry] = amount
        value += amount * gains[place]
        beds -= amount
    return value
