"""A p-median problem as costs, a choice of sites as a state of the compiled search, and what is known so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from carecircle.siting.solvers import kernels_median as kernels
from carecircle.siting.solvers.kernels_median import Costs, State
from carecircle.siting.solvers.pairs import Bools, Pairs, row_starts
from carecircle.siting.solvers.solution import Floats, Ints

_LOG = 8192  # swaps of one round that can be taken back


@dataclass(frozen=True, eq=False)
class Median:
    """A p-median problem in costs.

    Parameters
    ----------
    costs
        People times minutes, and what a point costs that nobody serves (`penalty` where somebody must).
    must
        Points that a chosen site must serve, (points,).
    penalty
        More than any choice costs.
    sites
        How many may be chosen, forced ones included.
    forced, allowed
        Sites, (sites,); forced ones are allowed.
    whole
        Whether all costs are whole numbers.
    """

    costs: Costs
    must: Bools
    penalty: float
    sites: int
    forced: Bools
    allowed: Bools
    whole: bool

    @property
    def least(self) -> float:
        """What a better choice must save: less is rounding."""
        return 0.5 if self.whole else 1e-13 * self.penalty


@dataclass(frozen=True, eq=False)
class Bound:
    """The best Lagrangian bound, and the prices that give it.

    Parameters
    ----------
    value
        No choice costs less, but for rounding.
    prices
        Of the points, (points,); empty before the first.
    reduced
        What opening each site adds at these prices, (sites,), never positive.
    """

    value: float = -math.inf
    prices: Floats = field(default_factory=lambda: np.empty(0))
    reduced: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Found:
    """The best choice so far, its cost (at least the penalty when a point is left out), and what is proven.

    Parameters
    ----------
    opened, total
        Columns, and their cost.
    bound
        The best Lagrangian bound.
    proven
        No choice costs less: the bound rounded, or what HiGHS proved.
    """

    opened: Ints
    total: float
    bound: Bound = field(default_factory=Bound)
    proven: float = -math.inf

    def better(self, opened: Ints, total: float, least: float) -> Found:
        """Return this or, if it costs less, the other choice."""
        return replace(self, opened=opened.copy(), total=total) if total < self.total - least else self


def closed(problem: Median, found: Found) -> bool:
    """Whether nothing better can exist."""
    return found.proven >= found.total - (0.5 if problem.whole else 1e-9 * abs(found.total))


def build_median(pairs: Pairs, people: Floats, spare: Floats, sites: int, which: tuple[Bools, Bools]) -> Median:
    """Return the problem in costs.

    Parameters
    ----------
    pairs
        Allowed pairs.
    people
        At each point, (points,).
    spare
        Minutes of each point without any new site, infinite where a new one must serve it, (points,).
    sites
        How many may be chosen.
    which
        Forced and allowed sites.
    """
    forced, allowed = which
    must = np.isinf(spare) & pairs.reached() & (people > 0)
    worst = np.zeros(len(people))
    np.maximum.at(worst, pairs.point, people[pairs.point] * pairs.minutes)
    free = np.where(np.isfinite(spare), spare, 0.0) * people
    penalty = math.ceil(1.0 + float(worst[must].sum()) + float(free.sum()))
    costs = _costs(pairs, people, np.where(must, float(penalty), free))
    whole = bool(np.all(costs.row_cost == np.round(costs.row_cost)) and np.all(free == np.round(free)))
    return Median(costs, must, penalty, min(sites, int(allowed.sum())), forced, allowed, whole)


def _costs(pairs: Pairs, people: Floats, fallback: Floats) -> Costs:
    """Return the costs of the pairs that are better than a point's fallback, by point and by site."""
    cost = people[pairs.point] * pairs.minutes
    useful = cost < fallback[pairs.point]
    point, site, cost = pairs.point[useful], pairs.site[useful], cost[useful]
    by_point, by_site = np.lexsort((site, cost, point)), np.lexsort((point, site))
    points, sites = pairs.shape
    return Costs(
        row_starts(point, points),
        site[by_point].astype(np.int32),
        cost[by_point],
        row_starts(site, sites),
        point[by_site].astype(np.int32),
        cost[by_site],
        fallback,
    )


def new_state(problem: Median, opened: Ints, seed: int = 0) -> State:
    """Return the state of a choice of sites, every movable site waiting in the queue."""
    costs = problem.costs
    points, sites = len(costs.fallback), len(costs.column_start) - 1
    place = np.full(sites, -1, dtype=np.int64)
    place[opened] = np.arange(len(opened))
    state = State(
        first=np.empty(points),
        second=np.empty(points),
        first_site=np.empty(points, dtype=np.int32),
        second_site=np.empty(points, dtype=np.int32),
        loss=np.zeros(sites),
        place=place,
        opened=opened.astype(np.int64),
        movable=problem.allowed & ~problem.forced,
        queue=np.zeros(max(sites, 1), dtype=np.int64),
        queued=np.zeros(sites, dtype=bool),
        spare=np.zeros(sites),
        log=np.zeros((_LOG, 2), dtype=np.int64),
        total=np.zeros(1),
        numbers=np.array([0, 0, 0, 1 + seed % 2147483646, 0], dtype=np.int64),
    )
    kernels.refresh(costs, state)
    kernels.ask_all(state)
    return state
