"""Search and bound for siting with beds: greedy and swaps on who can be served, and a Lagrangian bound.

References
----------
.. [1] H. Pirkul, D. A. Schilling (1991), The maximal covering location problem with capacities on total workload,
   Management Science 37(2), 233-248.
"""

from __future__ import annotations

import heapq

import numpy as np

from carecircle.siting.solvers import kernels_beds as kernels
from carecircle.siting.solvers.beds_model import Beds, new_flow
from carecircle.siting.solvers.kernels_beds import Flow
from carecircle.siting.solvers.pairs import Bools
from carecircle.siting.solvers.solution import Clock, Floats, Ints

_ROUNDS = 600
_PATIENCE = 15
_SMALLEST = 1e-3
_ROUNDING = 1e-10
_NEAR = 4  # open sites of each kind that a swap tries to close


def greedy(problem: Beds, clock: Clock) -> Flow:
    """Open the sites that serve most more people, one by one, ties to the lowest column.

    How many more people a site serves never grows as others open (the largest flow is submodular in the open sites),
    so that a site whose worth is up to date and tops the heap is the best.
    """
    flow, trial = new_flow(problem), new_flow(problem)
    for site in np.flatnonzero(problem.forced).tolist():
        kernels.open_site(flow, site)
    reach = np.bincount(
        problem.pairs.site, weights=problem.demand[problem.pairs.point], minlength=len(problem.capacity)
    )
    free = np.flatnonzero(problem.allowed & ~problem.forced)
    heap = [(-value, int(site)) for site, value in zip(free, np.minimum(reach, problem.capacity)[free], strict=True)]
    heapq.heapify(heap)
    for _ in range(problem.sites - int(problem.forced[: problem.candidates].sum())):
        best = _best(heap, flow, trial, clock)
        if best is None:
            break
        kernels.open_site(flow, best)
    return flow


def _best(heap: list[tuple[float, int]], flow: Flow, trial: Flow, clock: Clock) -> int | None:
    """Take the site of the largest gain off the heap; the top one as it stands when the time is over."""
    while heap:
        _, site = heapq.heappop(heap)
        if clock.over():
            return site
        kernels.copy_flow(flow, trial)
        gain = kernels.open_site(trial, site)
        if gain <= kernels.TINY:
            continue
        if not heap or (-gain, site) <= heap[0]:
            return site
        heapq.heappush(heap, (-gain, site))
    return None


def chosen_of(problem: Beds, flow: Flow) -> Ints:
    """Return the candidate sites at which somebody is served."""
    served = np.bincount(problem.pairs.site, weights=flow.people, minlength=len(problem.capacity))
    return np.flatnonzero(served[: problem.candidates] > 0)


def swap(problem: Beds, flow: Flow, clock: Clock) -> Flow:
    """Open a site and close another one where that serves more people, until no such swap is found."""
    trial, after = new_flow(problem), new_flow(problem)
    movable = problem.allowed & ~problem.forced
    opened = problem.opened(chosen_of(problem, flow))
    waiting, site = int(movable.sum()), 0
    while waiting and not clock.over():
        site = (site + 1) % problem.candidates
        if not movable[site]:
            continue
        waiting -= 1
        if not opened[site] and _swap_in(problem, (flow, trial, after), opened, site):
            waiting = int(movable.sum())
    return flow


def _swap_in(problem: Beds, flows: tuple[Flow, Flow, Flow], opened: Bools, site: int) -> bool:
    """Open a site, and close the first open one that loses less than it gains; whether there was one."""
    flow, trial, after = flows
    kernels.copy_flow(flow, trial)
    gain = kernels.open_site(trial, site)
    if gain <= 1e-6:
        return False
    for closed in _may_close(problem, trial, opened, site):
        kernels.copy_flow(trial, after)
        if kernels.close_site(after, closed) < gain - 1e-6:
            kernels.copy_flow(after, flow)
            opened[site], opened[closed] = True, False
            return True
    return False


def _may_close(problem: Beds, flow: Flow, opened: Bools, site: int) -> list[int]:
    """Return the open sites that serve fewest people, and those that share most people with a site."""
    served = np.bincount(problem.pairs.site, weights=flow.people, minlength=len(opened))
    columns = np.flatnonzero(opened & problem.allowed & ~problem.forced)
    shared = _shared(flow, site, len(opened))
    fewest = columns[np.argsort(served[columns], kind="stable")][:_NEAR]
    nearest = columns[np.argsort(-shared[columns], kind="stable")][:_NEAR]
    return [int(one) for one in dict.fromkeys(np.concatenate((fewest, nearest)).tolist())]


def _shared(flow: Flow, site: int, count: int) -> Floats:
    """Return at how many of a site's points each site is within the limit too, (sites,)."""
    points = flow.entry_point[flow.column_entry[flow.column_start[site] : flow.column_start[site + 1]]]
    entries = [np.arange(flow.row_start[point], flow.row_start[point + 1]) for point in points[:200]]
    sites = flow.entry_site[np.concatenate(entries)] if entries else np.empty(0, dtype=np.int64)
    return np.bincount(sites, minlength=count).astype(float)


def raise_bound(problem: Beds, best: float, clock: Clock) -> tuple[float, Ints]:
    """Return a lower bound on the cost, and the sites it likes.

    That each point is served once is relaxed, at a price; then every site fills its beds with the people of the
    largest gain, and the best sites are taken [1]_. The prices go up where nobody serves and down where many do.

    Parameters
    ----------
    problem
        The problem.
    best
        Cost of the best choice known, infinite without one.
    clock
        The limit.
    """
    flow, pairs = new_flow(problem), problem.pairs
    prices, values = _first_prices(problem), np.zeros(len(problem.capacity))
    served, direction = np.zeros(len(pairs.point)), np.zeros(len(prices))
    bound, kept, likes, share, idle = -np.inf, prices, np.empty(0, dtype=np.int64), 1.0, 0
    for _ in range(_ROUNDS):
        kernels.bed_values(flow, problem.demand, problem.cost, prices, served, values)
        chosen = _cheapest(problem, values)
        value = float(prices @ problem.demand) + float(values[chosen].sum())
        idle += 1
        if value > bound:
            bound, kept, likes, idle = value, prices.copy(), np.flatnonzero(chosen[: problem.candidates]), 0
        if idle >= _PATIENCE:
            share, idle, prices, direction = share / 2, 0, kept.copy(), np.zeros(len(prices))
        if share < _SMALLEST or clock.over() or bound >= best - 1e-9 * abs(best):
            break
        taken = np.bincount(pairs.point, weights=served * chosen[pairs.site], minlength=len(prices))
        top = best if np.isfinite(best) else value + 0.1 * abs(value) + 1.0
        prices, direction = _step(problem, prices, 0.6 * direction + problem.demand - taken, share * (top - value))
    return bound - _ROUNDING * max(1.0, abs(bound)), likes


def _first_prices(problem: Beds) -> Floats:
    """Half of what leaving a person costs, or, where that is not allowed, the cheapest pair's cost."""
    cheapest = np.full(len(problem.demand), np.inf)
    np.minimum.at(cheapest, problem.pairs.point, problem.cost)
    prices = np.where(problem.must, cheapest, 0.5 * np.where(problem.must, 0.0, problem.unserved))
    return np.where(np.isfinite(prices), prices, 0.0)


def _cheapest(problem: Beds, values: Floats) -> Bools:
    """Return what is open in any case and the sites that lower the bound most, ties to the lowest column."""
    open_ones = problem.forced.copy()
    free = np.flatnonzero(problem.allowed & ~problem.forced)
    count = problem.sites - int(problem.forced[: problem.candidates].sum())
    open_ones[free[np.argsort(values[free], kind="stable")][:count]] = True
    return open_ones


def _step(problem: Beds, prices: Floats, direction: Floats, target: float) -> tuple[Floats, Floats]:
    """Return the next prices, never negative nor above what leaving a person costs."""
    size = float(direction @ direction)
    if size <= 0.0:
        return prices, direction
    return np.clip(prices + max(target, 1e-9) / size * direction, 0.0, problem.unserved), direction
