"""Compiled steps of the p-median search: interchange on sparse costs, and the Lagrangian bound.

A point is served by the cheapest open site, else at its fallback cost. For each point the cheapest and the second
cheapest open site are kept, so that the worth of a swap is known without looking at the other sites [1]_, and the
work of a step is what the step touches [2]_.

References
----------
.. [1] R. Whitaker (1983), A fast algorithm for the greedy interchange for large-scale clustering and median location
   problems, INFOR 21(2), 95-108.
.. [2] M. G. C. Resende, R. F. Werneck (2007), A fast swap-based local search procedure for location problems, Annals
   of Operations Research 150, 205-230.
.. [3] J. E. Beasley (1985), A note on solving large p-median problems, European Journal of Operational Research 21,
   270-273.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carecircle.siting.solvers.solution import Floats, Ints

Small = NDArray[np.int32]
Bools = NDArray[np.bool_]

HEAD, LENGTH, WORK, RANDOM, LOGGED = 0, 1, 2, 3, 4  # places in State.numbers


class Costs(NamedTuple):
    """What it costs that a site serves a point, by point (cheapest first) and by site.

    Parameters
    ----------
    row_start, row_site, row_cost
        Entries by point, each point's sorted by cost, then by site.
    column_start, column_point, column_cost
        The same entries by site.
    fallback
        Of a point that no open site serves, (points,).
    """

    row_start: Ints
    row_site: Small
    row_cost: Floats
    column_start: Ints
    column_point: Small
    column_cost: Floats
    fallback: Floats


class State(NamedTuple):
    """Which sites are open, and who serves whom; changed in place.

    Parameters
    ----------
    first, second
        Cost of the cheapest and of the second cheapest open site of a point, at most its fallback, (points,).
    first_site, second_site
        These sites, -1 = the fallback.
    loss
        What closing an open site costs, (sites,).
    place
        Position of a site among the open ones, -1 when closed, (sites,).
    opened
        The open sites, in any order, (number of sites to open,).
    movable
        Sites that may be opened and closed, (sites,).
    queue, queued
        Sites whose worth may have changed (a ring), and whether a site is among them, (sites,).
    spare
        Scratch for `_best_swap`, (sites,), zeros between calls.
    log
        Swaps since the log was emptied, (most, 2): opened, closed.
    total
        Cost of all points, one number.
    numbers
        Head and length of the ring, work done, state of the random numbers, length of the log.
    """

    first: Floats
    second: Floats
    first_site: Small
    second_site: Small
    loss: Floats
    place: Ints
    opened: Ints
    movable: Bools
    queue: Ints
    queued: Bools
    spare: Floats
    log: Ints
    total: Floats
    numbers: Ints


@njit(cache=True)
def _draw(numbers: Ints, below: int) -> int:
    """Return a random whole number from 0 to ``below - 1`` (Lehmer's generator, Park and Miller 1988)."""
    numbers[RANDOM] = (numbers[RANDOM] * 48271) % 2147483647
    return int(numbers[RANDOM] % below)


@njit(cache=True)
def _ask(state: State, site: int) -> None:
    """Put a site in the queue."""
    if state.queued[site] or not state.movable[site]:
        return
    numbers = state.numbers
    state.queue[(numbers[HEAD] + numbers[LENGTH]) % len(state.queue)] = site
    numbers[LENGTH] += 1
    state.queued[site] = True


@njit(cache=True)
def _next(state: State) -> int:
    """Take a site out of the queue."""
    numbers = state.numbers
    site = int(state.queue[numbers[HEAD]])
    numbers[HEAD] = (numbers[HEAD] + 1) % len(state.queue)
    numbers[LENGTH] -= 1
    state.queued[site] = False
    return site


@njit(cache=True)
def ask_all(state: State) -> None:
    """Put all movable sites in the queue."""
    for site in range(len(state.movable)):
        _ask(state, site)


@njit(cache=True)
def _forget(state: State) -> None:
    """Empty the queue."""
    while state.numbers[LENGTH] > 0:
        _next(state)


@njit(cache=True)
def _ask_around(costs: Costs, state: State, point: int, most: float) -> None:
    """Put in the queue the sites that serve the point for less than `most`."""
    for entry in range(costs.row_start[point], costs.row_start[point + 1]):
        if costs.row_cost[entry] >= most:
            break
        state.numbers[WORK] += 1
        _ask(state, costs.row_site[entry])


@njit(cache=True)
def _scan(costs: Costs, state: State, point: int) -> None:
    """Find the two cheapest open sites of a point."""
    state.first[point] = state.second[point] = costs.fallback[point]
    state.first_site[point] = state.second_site[point] = -1
    found = 0
    for entry in range(costs.row_start[point], costs.row_start[point + 1]):
        state.numbers[WORK] += 1
        site = costs.row_site[entry]
        if state.place[site] < 0:
            continue
        if found == 1:
            state.second[point], state.second_site[point] = costs.row_cost[entry], site
            break
        state.first[point], state.first_site[point] = costs.row_cost[entry], site
        found = 1


@njit(cache=True)
def _count_loss(state: State, point: int, sign: float) -> None:
    """Add what the point loses when its site closes, or take it away."""
    if state.first_site[point] >= 0:
        state.loss[state.first_site[point]] += sign * (state.second[point] - state.first[point])


@njit(cache=True)
def refresh(costs: Costs, state: State) -> float:
    """Work out first, second and loss anew (no rounding is left of earlier steps); returns the total cost."""
    state.loss[:] = 0.0
    total = 0.0
    for point in range(len(costs.fallback)):
        _scan(costs, state, point)
        _count_loss(state, point, 1.0)
        total += state.first[point]
    state.total[0] = total
    return total


@njit(cache=True)
def _open(costs: Costs, state: State, site: int, place: int) -> None:
    """Open a site at a place of the list; who gains or has a new second choice is updated."""
    state.opened[place] = site
    state.place[site] = place
    for entry in range(costs.column_start[site], costs.column_start[site + 1]):
        point, cost = costs.column_point[entry], costs.column_cost[entry]
        state.numbers[WORK] += 1
        if cost >= state.second[point]:
            continue
        before = state.second[point]
        _count_loss(state, point, -1.0)
        if cost < state.first[point]:
            state.total[0] += cost - state.first[point]
            state.second[point], state.second_site[point] = state.first[point], state.first_site[point]
            state.first[point], state.first_site[point] = cost, site
        else:
            state.second[point], state.second_site[point] = cost, site
        _count_loss(state, point, 1.0)
        _ask_around(costs, state, point, before)


@njit(cache=True)
def _close(costs: Costs, state: State, site: int) -> None:
    """Close a site; its points turn to their next open sites."""
    state.place[site] = -1
    for entry in range(costs.column_start[site], costs.column_start[site + 1]):
        point = costs.column_point[entry]
        state.numbers[WORK] += 1
        if state.first_site[point] != site and state.second_site[point] != site:
            continue
        _count_loss(state, point, -1.0)
        state.total[0] -= state.first[point]
        _scan(costs, state, point)
        state.total[0] += state.first[point]
        _count_loss(state, point, 1.0)
        _ask_around(costs, state, point, state.second[point])
    state.loss[site] = 0.0
    _ask(state, site)


@njit(cache=True)
def _swap(costs: Costs, state: State, site: int, closed: int) -> None:
    """Open one site in the place of another."""
    place = state.place[closed]
    _open(costs, state, site, place)
    _close(costs, state, closed)
    numbers = state.numbers
    if numbers[LOGGED] < len(state.log):
        state.log[numbers[LOGGED], 0], state.log[numbers[LOGGED], 1] = site, closed
    numbers[LOGGED] += 1


@njit(cache=True)
def _gain(costs: Costs, state: State, site: int) -> float:
    """Return what opening a site saves; `spare` receives what it saves of the losses of the open ones."""
    gain = 0.0
    for entry in range(costs.column_start[site], costs.column_start[site + 1]):
        point, cost = costs.column_point[entry], costs.column_cost[entry]
        if cost >= state.second[point]:
            continue
        first = state.first[point]
        if cost < first:
            gain += first - cost
        if state.first_site[point] >= 0:
            state.spare[state.first_site[point]] += state.second[point] - max(cost, first)
    state.numbers[WORK] += costs.column_start[site + 1] - costs.column_start[site] + len(state.opened)
    return gain


@njit(cache=True)
def _best_swap(costs: Costs, state: State, site: int) -> tuple[float, int]:
    """Return the profit of opening a site in the best one's place, and that one (-1: none may close)."""
    gain = _gain(costs, state, site)
    best, closed = np.inf, -1
    for other in state.opened:
        loss = state.loss[other] - state.spare[other]
        state.spare[other] = 0.0
        if state.movable[other] and (loss < best or (loss == best and other < closed)):
            best, closed = loss, other
    return gain - best, closed


@njit(cache=True)
def descend(costs: Costs, state: State, least: float, work: int) -> bool:
    """Swap while that pays more than `least`, until the queue is empty (True) or `work` steps are done."""
    limit = state.numbers[WORK] + work
    while state.numbers[LENGTH] > 0:
        if state.numbers[WORK] > limit:
            return False
        site = _next(state)
        if state.place[site] >= 0:
            continue
        profit, closed = _best_swap(costs, state, site)
        if closed >= 0 and profit > least:
            _swap(costs, state, site, closed)
    return True


@njit(cache=True)
def _shake(costs: Costs, state: State, free: Ints, strength: int) -> None:
    """Open a few random sites close together, each in the place of a random site that serves near it."""
    site = free[_draw(state.numbers, len(free))]
    for _ in range(strength):
        if state.place[site] < 0:
            closed = _neighbour(costs, state, site)
            if closed >= 0:
                _swap(costs, state, site, closed)
        site = _beside(costs, state, site)


@njit(cache=True)
def _beside(costs: Costs, state: State, site: int) -> int:
    """Return a random site among those that serve a random point of a site."""
    start, end = costs.column_start[site], costs.column_start[site + 1]
    if start == end:
        return site
    point = costs.column_point[start + _draw(state.numbers, end - start)]
    first, last = costs.row_start[point], costs.row_start[point + 1]
    other = costs.row_site[first + _draw(state.numbers, min(last - first, 12))]
    return other if state.movable[other] else site


@njit(cache=True)
def _neighbour(costs: Costs, state: State, site: int) -> int:
    """Return the open site that serves a random point of a site, or any open one; -1 when it must stay."""
    start, end = costs.column_start[site], costs.column_start[site + 1]
    closed = -1
    if end > start and _draw(state.numbers, 4) > 0:
        closed = state.first_site[costs.column_point[start + _draw(state.numbers, end - start)]]
    if closed < 0:
        closed = state.opened[_draw(state.numbers, len(state.opened))]
    return closed if state.movable[closed] else -1


@njit(cache=True)
def _undo(costs: Costs, state: State) -> None:
    """Take back the swaps of the log, the last first."""
    for number in range(state.numbers[LOGGED] - 1, -1, -1):
        site, closed = state.log[number, 0], state.log[number, 1]
        _swap(costs, state, closed, site)
    state.numbers[LOGGED] = 0


@njit(cache=True)
def iterate(costs: Costs, state: State, free: Ints, least: float, rounds: int, work: int) -> tuple[int, int]:
    """Shake and descend again and again; keep what is no worse (iterated local search).

    Returns
    -------
    tuple of int
        Rounds done, and the last of them that paid (0 = none).
    """
    limit = state.numbers[WORK] + work
    best, paid = state.total[0], 0
    for number in range(1, rounds + 1):
        state.numbers[LOGGED] = 0
        _shake(costs, state, free, 1 + _draw(state.numbers, 3))
        descend(costs, state, least, 1 << 60)
        total = state.total[0]
        if total > best + least and state.numbers[LOGGED] <= len(state.log):
            _undo(costs, state)
        elif total < best - least:
            paid = number
        best = min(best, total) if state.numbers[LOGGED] <= len(state.log) else total
        _forget(state)
        if state.numbers[WORK] > limit:
            return number, paid
    return rounds, paid


@njit(cache=True)
def reduced_costs(costs: Costs, prices: Floats, out: Floats) -> float:
    """Fill `out` with each site's ``sum of min(0, cost - price)``; returns the sum of the prices."""
    out[:] = 0.0
    total = 0.0
    for point in range(len(prices)):
        price = prices[point]
        total += price
        for entry in range(costs.row_start[point], costs.row_start[point + 1]):
            if costs.row_cost[entry] >= price:
                break
            out[costs.row_site[entry]] += costs.row_cost[entry] - price
    return total


@njit(cache=True)
def step_prices(costs: Costs, prices: Floats, chosen: Bools, direction: Floats, target: float) -> None:
    """Move the prices along a smoothed subgradient: up where nobody serves, down where many do.

    The subgradient of a point is 1 minus the number of chosen sites that serve it for less than its price [3]_; it is
    smoothed with the steps before (Camerini, Fratta and Maffioli 1975). `target` is the wished growth of the bound.
    """
    size = 0.0
    for point in range(len(prices)):
        slope = 1.0
        for entry in range(costs.row_start[point], costs.row_start[point + 1]):
            if costs.row_cost[entry] >= prices[point]:
                break
            if chosen[costs.row_site[entry]]:
                slope -= 1.0
        if slope > 0.0 and prices[point] >= costs.fallback[point]:
            slope = 0.0
        direction[point] = slope + 0.6 * direction[point]
        size += direction[point] * direction[point]
    if size > 0.0:
        for point in range(len(prices)):
            price = prices[point] + target / size * direction[point]
            prices[point] = min(max(price, 0.0), costs.fallback[point])


@njit(cache=True)
def greedy(costs: Costs, forced: Ints, allowed: Bools, count: int) -> Ints:
    """Open `count` sites, forced ones first, then always the one that saves most; ties go to the lowest column.

    What a site saves never grows, so that a site whose worth is up to date and tops the heap is the best (Minoux 1978).
    """
    first = costs.fallback.copy()
    opened = np.empty(count, np.int64)
    for place in range(len(forced)):
        opened[place] = forced[place]
        _saving(costs, first, forced[place], keep=True)
    heap = [(-_saving(costs, first, site, keep=False), site) for site in range(len(allowed)) if allowed[site]]
    heapq.heapify(heap)
    place = len(forced)
    while place < count:
        site = heapq.heappop(heap)[1]
        saving = _saving(costs, first, site, keep=False)
        if len(heap) == 0 or (-saving, site) <= heap[0]:
            _saving(costs, first, site, keep=True)
            opened[place] = site
            place += 1
        else:
            heapq.heappush(heap, (-saving, site))
    return opened


@njit(cache=True)
def _saving(costs: Costs, first: Floats, site: int, keep: bool) -> float:  # noqa: FBT001  compiled
    """Return what a site saves of the costs so far; `keep` takes them down."""
    saving = 0.0
    for entry in range(costs.column_start[site], costs.column_start[site + 1]):
        point, cost = costs.column_point[entry], costs.column_cost[entry]
        if cost < first[point]:
            saving += first[point] - cost
            if keep:
                first[point] = cost
    return saving
