"""Siting with beds: no site serves more people than it has beds for; the people of a point may be divided.

Existing facilities with free beds take part: they are columns that are open in any case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from carecircle.siting.solvers import beds_search as search
from carecircle.siting.solvers.beds_model import Beds, Transport, join_existing, left_over, transport
from carecircle.siting.solvers.beds_proof import Told
from carecircle.siting.solvers.beds_solve import solve
from carecircle.siting.solvers.pairs import Pairs, check_sites, minutes_per_point, people_of
from carecircle.siting.solvers.solution import Clock, Floats, Solution, Status, no_rows

_Existing = tuple[Any, ArrayLike]
_NAME = "search+lagrange+highs"


@dataclass(frozen=True, eq=False)
class BedSolution(Solution):
    """A solution with beds.

    Parameters
    ----------
    people
        Served by each candidate site, (points, sites).
    elsewhere
        Served by existing facilities, (points, existing).
    waiting
        People of each point who are not served, (points,).
    """

    people: csr_array = field(default_factory=lambda: csr_array((0, 0)))
    elsewhere: csr_array = field(default_factory=lambda: csr_array((0, 0)))
    waiting: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Assignment:
    """Who is served where when all sites are open.

    Parameters
    ----------
    people
        (points, sites).
    served, people_minutes
        How many people, and the sum of their minutes.
    proved
        Whether nobody more can be served, nor the same number in fewer minutes.
    """

    people: csr_array
    served: float
    people_minutes: float
    proved: bool


def assign_beds(minutes: Any, demand: ArrayLike, capacity: ArrayLike, *, seconds: float = 60.0) -> Assignment:
    """Serve as many people as there are beds within the limit, and these in the fewest minutes.

    Parameters
    ----------
    minutes
        Sparse array (points, sites) of pairs within the limit, stored zeros being real; or dense, infinite = beyond.
    demand
        People at each point, (points,).
    capacity
        Beds of each site, (sites,).
    seconds
        Limit of wall-clock time; when it strikes, as many people as can be are served, but maybe not in the fewest
        minutes.

    Examples
    --------
    >>> told = assign_beds(np.array([[1.0, 5.0], [2.0, np.inf]]), [3, 3], [4, 2])
    >>> told.served, told.people_minutes, told.people.toarray().tolist()
    (6.0, 17.0, [[1.0, 2.0], [3.0, 0.0]])
    """
    clock = Clock(seconds)
    joined = join_existing(minutes, capacity, None)
    count = joined[2]
    problem = _problem(joined, demand, count, (range(count), ()))
    flow = search.greedy(problem, clock)
    found = transport(problem, problem.forced, clock) or Transport(flow.people, math.nan, proved=False)
    spent = math.fsum((found.people * problem.pairs.minutes).tolist())
    return Assignment(matrices(problem, found.people)[0], math.fsum(found.people.tolist()), spent, found.proved)


def capacitated_coverage(  # noqa: PLR0913  the head that all solvers of this room share
    minutes: Any,
    demand: ArrayLike,
    capacity: ArrayLike,
    sites: int,
    *,
    existing: _Existing | None = None,
    forced: ArrayLike = (),
    forbidden: ArrayLike = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> BedSolution:
    """Choose at most `sites` columns so that most people have a bed within the limit.

    Parameters
    ----------
    minutes
        Sparse array (points, sites) of pairs within the limit, stored zeros being real; or dense, infinite = beyond.
    demand
        People at each point, (points,).
    capacity
        Beds of each site, (sites,).
    sites
        How many, forced ones included.
    existing
        Minutes (points, existing) to existing facilities, and their free beds.
    forced, forbidden
        Columns that must, or must not, be chosen.
    seconds
        Limit of wall-clock time.
    seed
        Of HiGHS.

    Returns
    -------
    BedSolution
        ``objective`` is the number of people served, by existing facilities too; they are taken to their sites in
        the fewest minutes. ``unreached`` are the points that neither a column nor an existing facility reaches.

    Examples
    --------
    >>> minutes = np.array([[1.0, 1.0], [1.0, np.inf]])
    >>> capacitated_coverage(minutes, [5, 5], [6, 7], 1).objective
    6.0
    """
    clock = Clock(seconds)
    problem = _problem(join_existing(minutes, capacity, existing), demand, sites, (forced, forbidden))
    everyone = float(problem.demand[problem.must].sum())
    covering = replace(problem, cost=np.zeros_like(problem.cost), unserved=problem.must.astype(float))
    told = solve(covering, clock, seed)
    final = _fewest_minutes(problem, told, clock)
    return _result(problem, replace(told, people=final.people), (everyone, -1.0), clock)


def capacitated_median(  # noqa: PLR0913  the head that all solvers of this room share
    minutes: Any,
    demand: ArrayLike,
    capacity: ArrayLike,
    sites: int,
    *,
    existing: _Existing | None = None,
    beyond: ArrayLike | None = None,
    forced: ArrayLike = (),
    forbidden: ArrayLike = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> BedSolution:
    """Choose at most `sites` columns so that everybody has a bed, in the fewest minutes in all.

    Parameters
    ----------
    minutes, demand, capacity, sites, existing, forced, forbidden, seconds, seed
        See `capacitated_coverage`.
    beyond
        Minutes charged for a person who is not served, one number or (points,). None: everybody whom a column or an
        existing facility reaches must be served.

    Returns
    -------
    BedSolution
        ``objective`` is the sum of people times minutes. Infeasible with ``stopped`` "proved": the beds of no such
        choice are enough; with "time": none was found.

    Examples
    --------
    >>> minutes = np.array([[1.0, 4.0], [9.0, 2.0]])
    >>> capacitated_median(minutes, [5, 5], [10, 10], 1).objective
    30.0
    """
    clock = Clock(seconds)
    problem = _problem(join_existing(minutes, capacity, existing), demand, sites, (forced, forbidden))
    charge = minutes_per_point(beyond, len(problem.demand))
    unserved = np.where(problem.must | np.isfinite(charge), charge, 0.0)
    told = solve(replace(problem, unserved=unserved), clock, seed)
    return _result(problem, told, (0.0, 1.0), clock)


def _problem(
    joined: tuple[Pairs, Floats, int], demand: ArrayLike, sites: int, which: tuple[ArrayLike, ArrayLike]
) -> Beds:
    """Return the problem of serving everybody whom an open column may reach, in the fewest minutes."""
    pairs, capacity, count = joined
    forced, allowed = check_sites(count, sites, *which)
    old = np.ones(len(capacity) - count, dtype=bool)
    usable = np.concatenate((allowed, old))
    pairs, people = pairs.only(usable), people_of(demand, pairs.shape[0])
    unserved = np.where(pairs.reached() & (people > 0), np.inf, 0.0)
    every = np.concatenate((forced, old))
    return Beds(pairs, pairs.minutes, people, capacity, unserved, count, min(sites, int(allowed.sum())), every, usable)


def _fewest_minutes(problem: Beds, told: Told, clock: Clock) -> Transport:
    """Serve as many as before in the fewest minutes; as they were found when there is no time."""
    found = transport(problem, problem.opened(told.chosen), clock)
    return found or Transport(told.people, told.cost, proved=False)


def _result(problem: Beds, told: Told, scale: tuple[float, float], clock: Clock) -> BedSolution:
    """Return the solution; objective and bound are ``shift + sign * cost``."""
    shift, sign = scale
    lost = np.flatnonzero(~problem.pairs.reached())
    none = math.isnan(told.cost)
    people, elsewhere = matrices(problem, told.people)
    status: Status = "infeasible" if none else "optimal" if told.stopped == "proved" else "feasible"
    objective = shift + sign * told.cost
    return BedSolution(
        chosen=no_rows() if none else told.chosen,
        status=status,
        objective=objective,
        bound=objective if status == "optimal" else shift + sign * told.bound,
        seconds=clock.spent(),
        stopped=told.stopped,
        solver=_NAME,
        unreached=lost,
        people=people,
        elsewhere=elsewhere,
        waiting=left_over(problem, told.people),
    )


def matrices(problem: Beds, people: Floats) -> tuple[csr_array, csr_array]:
    """Return people on the pairs as (points, sites) and (points, existing), without the zeros."""
    used = people > 0
    where = problem.pairs.point[used], problem.pairs.site[used]
    every = csr_array((people[used], where), shape=problem.pairs.shape)
    return csr_array(every[:, : problem.candidates]), csr_array(every[:, problem.candidates :])
