"""The problems of siting, as functions of who reaches whom: each gives a `carecircle.model.SitingPlan`.

Facilities that stand and stay serve as before; new centres are added to them. See ``docs/siting.md`` for what each
problem asks and how sure its answer is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.model import SitingPlan
from carecircle.siting.alternatives import Solve, alternatives_table, next_best
from carecircle.siting.options import SiteOptions
from carecircle.siting.reach import SiteReach
from carecircle.siting.solvers.beds import capacitated_coverage
from carecircle.siting.solvers.center import p_center as solve_center
from carecircle.siting.solvers.equity import equity as solve_equity
from carecircle.siting.solvers.maximum import maximum_coverage as solve_maximum
from carecircle.siting.solvers.median import p_median as solve_median
from carecircle.siting.solvers.setcover import coverable
from carecircle.siting.solvers.setcover import set_cover as solve_cover
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution, no_rows
from carecircle.siting.tables import Units, assignment_table, listed, nearest_new, people_curve, site_table

Sense = Literal["max", "min"]
_SEARCH = 0.75
"""Share of the time for the best plan where other plans are sought too."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A problem and its answer, before it is put into tables.

    Parameters
    ----------
    problem, sense
        Its name; whether large or small is good.
    solution
        From a solver.
    parameters
        What was asked.
    reasons
        What a reader should know.
    """

    problem: str
    sense: Sense
    solution: Solution
    parameters: dict[str, Any]
    reasons: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, Any]:
        """What was asked, without what was left open."""
        return {key: value for key, value in self.parameters.items() if value is not None}


def maximum_coverage(
    reach: SiteReach,
    *,
    sites: int | None = None,
    budget: float | None = None,
    options: SiteOptions = SiteOptions(),  # noqa: B008  frozen
    units: Units | None = None,
    alternatives: int = 0,
) -> SitingPlan:
    """Choose centres that serve the most people: MCLP (Church & ReVelle 1974).

    Parameters
    ----------
    reach
        From `site_reach`.
    sites, budget
        Most new centres, or most money by the candidates' ``cost``; exactly one of them.
    options
        Sites settled or out of the question, time, seed.
    units
        Units that become served are named.
    alternatives
        How many other plans are sought.

    Raises
    ------
    UsageError
        Neither or both limits; candidates without a cost; settled sites that surpass a limit by themselves.
    """
    if (sites is None) == (budget is None):
        raise UsageError(text("usage.sites_or_budget"))
    weight, matrix = np.where(reach.near, 0.0, reach.weight), reach.cover()
    limit: dict[str, Any] = {"sites": sites} if budget is None else {"costs": costs_of(reach), "budget": budget}
    _fits(options, sites)
    _affordable(reach, options, budget)

    def solve(forced: Ints, forbidden: Ints, seconds: float) -> Solution:
        return solve_maximum(
            matrix, weight, **limit, forced=forced, forbidden=forbidden, seconds=seconds, seed=options.seed
        )

    clock = Clock(options.seconds)
    first = _first(solve, reach, options, alternatives)
    asked = Asked("maximum_coverage", "max", first, {"sites": sites, "budget": budget})
    others = _others(solve, asked, reach, options, alternatives, clock)
    return plan_of(reach, asked, options, units=units, alternatives=others)


def set_cover(
    reach: SiteReach,
    *,
    backup: int = 1,
    options: SiteOptions = SiteOptions(),  # noqa: B008
    units: Units | None = None,
    alternatives: int = 0,
) -> SitingPlan:
    """Choose the fewest centres that serve every point: LSCP (Toregas et al. 1971); `backup` times with a backup.

    Points that no allowed candidate can serve so often are left out and named.
    """
    rows = np.flatnonzero((reach.weight > 0) & (reach.standing < backup))
    need = backup - reach.standing[rows]
    matrix = csr_array(reach.cover()[rows])
    can = coverable(matrix, need, reach.columns(options.forbid))
    lost, matrix, need = rows[~can], csr_array(matrix[can]), need[can].astype(np.int64)

    def solve(forced: Ints, forbidden: Ints, seconds: float) -> Solution:
        return solve_cover(matrix, need=need, forced=forced, forbidden=forbidden, seconds=seconds, seed=options.seed)

    name = "set_cover" if backup == 1 else "backup_cover"
    reasons = tuple(_left_out(reach, lost, units, backup))
    clock = Clock(options.seconds)
    asked = Asked(name, "min", _first(solve, reach, options, alternatives), {"backup": backup}, reasons)
    others = _others(solve, asked, reach, options, alternatives, clock)
    return plan_of(reach, asked, options, units=units, alternatives=others)


def p_median(
    reach: SiteReach,
    *,
    sites: int,
    options: SiteOptions = SiteOptions(),  # noqa: B008
    units: Units | None = None,
) -> SitingPlan:
    """Choose centres so that people's minutes to the nearest are fewest in all: p-median (Hakimi 1964).

    Points that reach neither a facility nor a candidate within the bound of `reach` are left out and named; those that
    no chosen centre serves count with the bound.
    """
    rows, lost = _reachable(reach)
    _fits(options, sites)
    part = _rows(reach.minutes, rows)
    solution = solve_median(
        part, reach.weight[rows], sites, base=reach.base[rows], beyond=reach.bound, **options.of(reach)
    )
    asked = Asked("p_median", "min", solution, {"sites": sites}, tuple(_left_out(reach, lost, units)))
    return plan_of(reach, asked, options, units=units, assignment=_served_at(reach, rows, solution))


def p_center(
    reach: SiteReach,
    *,
    sites: int,
    options: SiteOptions = SiteOptions(),  # noqa: B008
    units: Units | None = None,
) -> SitingPlan:
    """Choose centres so that the longest way of all is shortest: vertex p-centre (Hakimi 1965).

    Points that reach neither a facility nor a candidate within the bound of `reach` are left out and named.
    """
    rows, lost = _reachable(reach)
    _fits(options, sites)
    part = _rows(reach.minutes, rows)
    solution = solve_center(part, sites, base=reach.base[rows], **options.of(reach))
    reasons = _left_out(reach, lost, units)
    if solution.status == "infeasible":
        words = "too_few" if solution.stopped == "proved" else "none_in_time"
        reasons = [text(f"siting.{words}", sites=sites, minutes=f"{reach.bound:g}"), *reasons]
    asked = Asked("p_center", "min", solution, {"sites": sites}, tuple(reasons))
    return plan_of(reach, asked, options, units=units, assignment=_served_at(reach, rows, solution))


def equity(
    reach: SiteReach,
    *,
    sites: int,
    units: Units,
    options: SiteOptions = SiteOptions(),  # noqa: B008
) -> SitingPlan:
    """Choose centres so that the unit with the lowest rate is as high as can be, then the most people in all.

    The plan's objective and bound are the lowest rate, from 0 to 1. Units that no candidate can raise are left out of
    the comparison, and named.
    """
    inside = np.flatnonzero((units.of_point >= 0) & (reach.weight > 0))
    _fits(options, sites)
    found = solve_equity(
        csr_array(reach.cover()[inside]),
        reach.weight[inside],
        units.of_point[inside],
        sites,
        covered=reach.near[inside],
        stuck="skip",
        **options.of(reach),
    )
    said = {"share": _percent(found.worst), "bound": _percent(found.worst_bound), "covered": f"{found.objective:,.0f}"}
    reasons = [text("siting.worst", **said, units=listed(units.names[found.units_at_worst]))]
    if len(found.units_stuck):
        reasons.append(text("siting.stuck", units=listed(units.names[found.units_stuck])))
    worst = replace(found, objective=float(found.worst), bound=float(found.worst_bound))
    asked = Asked("equity", "max", worst, {"sites": sites}, tuple(reasons))
    return plan_of(reach, asked, options, units=units)


def capacitated(
    reach: SiteReach,
    facilities: gpd.GeoDataFrame,
    existing: csr_array,
    *,
    sites: int,
    beds_per_1000: float,
    beds: float | None = None,
    options: SiteOptions = SiteOptions(),  # noqa: B008
    units: Units | None = None,
) -> SitingPlan:
    """Choose centres so that most of the beds that people need are within reach, none serving more than it has.

    Parameters
    ----------
    reach
        From `site_reach`.
    facilities
        Those that stand and stay, with ``beds``.
    existing
        (n, facilities) minutes from points to them within the limit (`carecircle.travel_matrix`).
    sites
        Most new centres.
    beds_per_1000
        Beds that 1,000 people of 60 and over need.
    beds
        Of a candidate that says none.

    Raises
    ------
    UsageError
        Nothing is known of the beds of candidates or facilities.
    """
    known = reach.candidates.get("beds", pd.Series(np.nan, reach.candidates.index)).astype(float)
    capacity = known.fillna(np.nan if beds is None else beds)
    if capacity.isna().any():
        raise UsageError(text("usage.no_beds", count=int(capacity.isna().sum())))
    have = facilities.get("beds", pd.Series(np.nan, facilities.index)).astype(float)
    _fits(options, sites)
    demand = reach.weight * beds_per_1000 / 1000
    found = capacitated_coverage(
        reach.within(),
        demand,
        capacity.to_numpy(float),
        sites,
        existing=(existing, have.fillna(0.0).to_numpy(float)),
        **options.of(reach),
    )
    reasons = [text("siting.beds", served=f"{demand.sum() - found.waiting.sum():,.0f}", demand=f"{demand.sum():,.0f}")]
    if have.isna().any():
        reasons.append(text("siting.beds_unknown", count=int(have.isna().sum())))
    asked = Asked("capacitated", "max", found, {"sites": sites, "beds_per_1000": beds_per_1000}, tuple(reasons))
    return plan_of(reach, asked, options, units=units, assignment=assignment_table(reach, no_rows(), found.people))


# What all share


def _first(solve: Solve, reach: SiteReach, options: SiteOptions, alternatives: int) -> Solution:
    """Solve a problem; where other plans are sought too, they have the last part of the time."""
    seconds = options.seconds * (_SEARCH if alternatives else 1.0)
    return solve(reach.columns(options.force), reach.columns(options.forbid), seconds)


def _others(
    solve: Solve, asked: Asked, reach: SiteReach, options: SiteOptions, count: int, clock: Clock
) -> pd.DataFrame:
    """Return other plans close to the best, as many as are found in the time that is left."""
    if not count or asked.solution.status == "infeasible" or not len(asked.solution.chosen):
        return pd.DataFrame()
    barred = reach.columns(options.forbid)

    def again(forced: Ints, forbidden: Ints, seconds: float) -> Solution:
        return solve(np.union1d(forced, reach.columns(options.force)), np.union1d(forbidden, barred), seconds)

    others = next_best(
        again,
        asked.solution,
        count,
        maximise=asked.sense == "max",
        forced=reach.columns(options.force),
        seconds=clock.left(),
    )
    return alternatives_table(reach, np.arange(len(reach.candidates)), asked.solution, others)


def _fits(options: SiteOptions, sites: int | None) -> None:
    """Refuse more settled sites than may be built."""
    if sites is not None and len(set(options.force)) > sites:
        raise UsageError(text("usage.too_many_forced", forced=len(set(options.force)), sites=sites))


def _affordable(reach: SiteReach, options: SiteOptions, budget: float | None) -> None:
    """Refuse settled sites that cost more than the budget."""
    if budget is None or not options.force:
        return
    cost = math.fsum(costs_of(reach)[np.unique(reach.columns(options.force))].tolist())
    if cost > budget:
        raise UsageError(text("usage.forced_over_budget", cost=f"{cost:,.10g}", budget=f"{budget:,.10g}"))


def costs_of(reach: SiteReach) -> Floats:
    """Return what each candidate costs, (m,); `UsageError` where one does not say it."""
    costs = reach.candidates.get("cost", pd.Series(np.nan, reach.candidates.index)).astype(float)
    if costs.isna().any():
        raise UsageError(text("usage.no_costs", count=int(costs.isna().sum())))
    return np.asarray(costs, dtype=float)


def _reachable(reach: SiteReach) -> tuple[Ints, Ints]:
    """Return the points with people that reach something within the bound, and those that reach nothing."""
    some = (np.diff(reach.minutes.indptr) > 0) | np.isfinite(reach.base)
    people = reach.weight > 0
    return np.flatnonzero(people & some), np.flatnonzero(people & ~some)


def _rows(matrix: csr_array, rows: Ints) -> csr_array:
    """Return some rows; zeros stay entries."""
    counts = np.diff(matrix.indptr)[rows]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    at = np.repeat(matrix.indptr[rows] - indptr[:-1], counts) + np.arange(indptr[-1])
    return csr_array((matrix.data[at], matrix.indices[at], indptr), shape=(len(rows), matrix.shape[1]))


def _served_at(reach: SiteReach, rows: Ints, solution: Solution) -> pd.DataFrame:
    assigned = np.full(len(reach.weight), -1, dtype=np.int64)
    if solution.assigned is not None:
        assigned[rows] = solution.assigned
    return assignment_table(reach, assigned)


def _left_out(reach: SiteReach, rows: Ints, units: Units | None, backup: int = 1) -> list[str]:
    """Say how many people no candidate can serve, or too few candidates for a backup, and where they are."""
    if not len(rows):
        return []
    people = f"{reach.weight[rows].sum():,.0f}"
    names = reach.demand["demand_id"].astype(str).to_numpy(object)[rows]
    if units is not None and (units.of_point[rows] >= 0).any():
        names = units.names[np.unique(units.of_point[rows][units.of_point[rows] >= 0])]
    word = "left_out" if backup == 1 else "left_out_backup"
    return [text(f"siting.{word}", points=len(rows), people=people, names=listed(names), backup=backup)]


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.1f}%"


def _rivals(reach: SiteReach, options: SiteOptions) -> NDArray[np.bool_]:
    """Return which candidates could stand in for others."""
    allowed = np.ones(len(reach.candidates), dtype=bool)
    allowed[reach.columns(options.forbid)] = False
    return allowed


def plan_of(
    reach: SiteReach,
    asked: Asked,
    options: SiteOptions,
    *,
    units: Units | None = None,
    chosen: gpd.GeoDataFrame | None = None,
    curve: pd.DataFrame | None = None,
    assignment: pd.DataFrame | None = None,
    alternatives: pd.DataFrame | None = None,
) -> SitingPlan:
    """Return a plan with its tables; what is not given is worked out from who reaches whom."""
    solution = asked.solution
    sites = chosen
    if sites is None:
        rivals = (
            _rivals(reach, options) if asked.problem == "maximum_coverage" and "budget" not in asked.given else None
        )
        sites = site_table(reach, solution.chosen, units=units, rivals=rivals)
    reasons = asked.reasons
    if reach.unknown:
        reasons = (*reasons, text("siting.unknown_people", count=reach.unknown))
    return SitingPlan(
        problem=asked.problem,
        chosen=sites,
        curve=people_curve(reach, sites) if curve is None else curve,
        assignment=assignment_table(reach, nearest_new(reach, sites)) if assignment is None else assignment,
        status=solution.status,
        objective=solution.objective,
        bound=solution.bound,
        gap=solution.gap,
        sense=asked.sense,
        seconds=solution.seconds,
        seed=options.seed,
        solver=solution.solver,
        stopped=solution.stopped,
        reasons=reasons,
        alternatives=pd.DataFrame() if alternatives is None else alternatives,
        parameters={
            **asked.given,
            "minutes": reach.limit,
            "measure": reach.measure,
            "candidates": len(reach.candidates),
            "points": len(reach.demand),
            "seconds": options.seconds,
            "force": list(options.force),
            "forbid": list(options.forbid),
        },
    )
