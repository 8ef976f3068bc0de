"""The fewest, or cheapest, new centres with which a policy's own targets hold, all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.model import SitingPlan
from carecircle.policy.model import Target
from carecircle.policy.vocabulary import vocabulary
from carecircle.siting.aims import Aim, PackCase, aims_of, stacked, states
from carecircle.siting.alternatives import alternatives_table, next_best
from carecircle.siting.options import SiteOptions
from carecircle.siting.problems import Asked, costs_of, plan_of
from carecircle.siting.reach import SiteReach
from carecircle.siting.second import Wishes, best_of_the_smallest
from carecircle.siting.shares import share_aim
from carecircle.siting.solvers.setcover import coverable
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution, no_rows
from carecircle.siting.solvers.targets import TargetProblem, reach_targets, targets_hold, unreachable_groups
from carecircle.siting.tables import CURVE_COLUMNS, Listing, Units, listed, people_curve, site_table

_SEARCH, _SECOND = 0.6, 0.85
"""Shares of the time: by when the search for the smallest plan ends, and that for the best of the smallest; other plans
have the rest."""


@dataclass(frozen=True, eq=False)
class Share:
    """A share of people that must be within the limit.

    Parameters
    ----------
    share
        Per cent.
    labels
        The unit of each demand point, each of which must reach it; None: all together.
    names
        Names of units by ``area_id``.
    """

    share: float
    labels: pd.Series | None = None
    names: pd.Series | None = None


@dataclass(frozen=True, eq=False)
class _Task:
    """All that must hold, and the columns that may help."""

    reach: SiteReach
    cases: Sequence[tuple[PackCase, Sequence[Target]]]
    aims: Sequence[Aim]
    problem: TargetProblem
    candidate: Ints
    kinds: Sequence[str]
    options: SiteOptions
    idle_first: bool
    line: float

    def columns(self, names: Sequence[str]) -> Ints:
        """Return all columns of candidates."""
        return np.flatnonzero(np.isin(self.candidate, self.reach.columns(names))).astype(np.int64)

    def solve(self, forced: Ints, forbidden: Ints, seconds: float) -> Solution:
        barred = np.union1d(forbidden, self.columns(self.options.forbid))
        return reach_targets(self.problem, forced=forced, forbidden=barred, seconds=seconds, seed=self.options.seed)


def reach_target(
    reach: SiteReach,
    cases: Sequence[tuple[PackCase, Sequence[Target]]] = (),
    *,
    share: Share | None = None,
    cheapest: bool = False,
    idle_first: bool = True,
    options: SiteOptions = SiteOptions(),  # noqa: B008  frozen
    units: Units | None = None,
    alternatives: int = 0,
) -> SitingPlan:
    """Choose the fewest new centres with which all targets hold, and of such choices the one that serves most people.

    Parameters
    ----------
    reach
        From `site_reach`.
    cases
        Packs with the same new centres (`carecircle.siting.aims.pack_case`) and the targets that must hold.
    share
        A share of people, beside or instead of targets.
    cheapest
        Whether the candidates' ``cost`` counts and not their number.
    idle_first
        Whether of plans of the same size those with most of the user's own list (idle property) go before those that
        serve most people.
    options
        Time and seed. A settled candidate counts with the first kind of centre that helps.
    units
        Units that become served are named, where no pack names those that pass.
    alternatives
        How many other plans are sought; of the same size they are not told apart by people.

    Returns
    -------
    SitingPlan
        `targets` are those of the packs before and after, judged as the packs judge them. Where the candidates are not
        enough the plan is ``"infeasible"`` and names which targets, and which units have no candidate.

    Raises
    ------
    UsageError
        Nothing is asked, or candidates without a cost.
    """
    task, notes = _task(reach, cases, share, options, cheapest=cheapest, idle_first=idle_first)
    if task is None:
        return _nothing_lacks(reach, cases, options, notes, cheapest=cheapest)
    clock, lost, forced = Clock(options.seconds), list(_unreachable(task)), _forced(task)
    solution = _impossible(options) if lost else task.solve(forced, no_rows(), _SEARCH * options.seconds)
    part = (_SECOND if alternatives else 1.0) * options.seconds - clock.spent()
    solution, unsettled = _with_most_people(task, solution, forced, part)
    targets = _before_after(cases, solution.chosen)
    asked = Asked(
        "reach_target",
        "min",
        solution,
        _asked(cases, share, cheapest),
        (*lost, *_not_held(targets, solution), *_past_years(cases), *notes, *unsettled),
    )
    steps = _steps(task, solution.chosen)
    listing = _listing(task, steps, _peers(task, solution.chosen)) if cases else None
    chosen = site_table(reach, task.candidate[solution.chosen], units=units, listing=listing)
    others = (
        []
        if lost or not alternatives
        else next_best(task.solve, solution, alternatives, maximise=False, forced=forced, seconds=clock.left())
    )
    plan = plan_of(
        reach,
        asked,
        options,
        chosen=chosen,
        curve=_curve(task, steps, chosen),
        alternatives=alternatives_table(reach, task.candidate, solution, others) if others else None,
    )
    return replace(plan, targets=targets, seconds=clock.spent())


def _not_held(targets: pd.DataFrame, solution: Solution) -> Iterator[str]:
    """Say of which targets a plan is none, because too little is known of them."""
    if solution.status != "infeasible" and len(targets) and not targets["holds_after"].all():
        names = text("fact.list_join").join(targets.loc[~targets["holds_after"].astype(bool), "target_id"])
        yield text("siting.part_only", targets=names)


def _past_years(cases: Sequence[tuple[PackCase, Sequence[Target]]]) -> Iterator[str]:
    """Say which targets must have held in years that are over, which no new centre can mend."""
    names = [
        target.id
        for case, targets in cases
        for target in targets
        if any(year < case.evidence.as_of.year for year in target.years)
    ]
    if names:
        yield text("siting.past_years", targets=text("fact.list_join").join(names))


def _task(
    reach: SiteReach,
    cases: Sequence[tuple[PackCase, Sequence[Target]]],
    share: Share | None,
    options: SiteOptions,
    *,
    cheapest: bool,
    idle_first: bool,
) -> tuple[_Task | None, tuple[str, ...]]:
    """Return the problem, None where nothing lacks, and what cannot be dealt with."""
    if not cases and share is None:
        raise UsageError(text("usage.no_targets"))
    aims: list[Aim] = []
    notes: list[str] = []
    columns = cases[0][0].columns if cases else None
    for case, targets in cases:
        found, said = aims_of(case, targets, reach)
        aims += found
        notes += said
    size = len(reach.candidates)
    candidate = np.arange(size) if columns is None else columns.candidate
    kinds = [""] * size if columns is None else [str(kind) for kind in columns.kind]
    people = None if share is None else share_aim(reach, share.share, share.labels, share.names)
    if people is not None:
        aims.append(replace(people, rows=csr_array(people.rows[:, candidate])))
    if not aims:
        return None, tuple(notes)
    costs = costs_of(reach)[candidate] if cheapest else np.ones(len(candidate))
    line = share.share if share is not None and share.labels is None else math.nan
    return _Task(reach, cases, aims, stacked(aims, costs), candidate, kinds, options, idle_first, line), tuple(notes)


def _asked(
    cases: Sequence[tuple[PackCase, Sequence[Target]]],
    share: Share | None,
    cheapest: bool,  # noqa: FBT001
) -> dict[str, object]:
    return {
        "targets": [target.id for _, targets in cases for target in targets],
        "share": None if share is None else share.share,
        "least": "cost" if cheapest else "sites",
    }


def _impossible(options: SiteOptions) -> Solution:
    nothing = no_rows()
    return Solution(nothing, "infeasible", np.nan, np.inf, 0.0, "proved", "presolve", options.seed)


def _with_most_people(
    task: _Task, solution: Solution, forced: Ints, seconds: float
) -> tuple[Solution, tuple[str, ...]]:
    """Return the plan of the same cost with most idle property, then people; and a note where that is not settled."""
    if solution.status == "infeasible":
        return solution, ()
    reach = task.reach
    weight = np.where(reach.near, 0.0, reach.weight)
    wishes = Wishes(_welcome(task), csr_array(reach.cover()[:, task.candidate]), weight)
    fixed = forced, task.columns(task.options.forbid)
    chosen, sure = best_of_the_smallest(
        task.problem, solution, wishes, fixed=fixed, seconds=max(0.2, seconds), seed=task.options.seed
    )
    if not targets_hold(task.problem, chosen):  # sums of floats at the edge
        chosen, sure = solution.chosen, False
    spent = math.fsum(task.problem.costs[chosen].tolist())
    better = replace(solution, chosen=chosen, objective=spent)
    return (better, ()) if sure else (replace(better, stopped="time"), (text("siting.not_settled"),))


def _welcome(task: _Task) -> NDArray[np.bool_]:
    """Return which columns are idle property, where that goes first."""
    idle = task.reach.candidates["source"].eq("idle").to_numpy(bool)[task.candidate]
    return np.asarray(idle & task.idle_first, dtype=bool)


def _forced(task: _Task) -> Ints:
    """Return one column of each settled candidate: the first kind that helps with anything, else its first."""
    helps = np.asarray(task.problem.matrix.sum(axis=0)).ravel() > 0
    found = []
    for one in task.reach.columns(task.options.force):
        own = np.flatnonzero(task.candidate == one)
        useful = own[helps[own]]
        found.append(int(useful[0] if len(useful) else own[0]))
    return np.array(found, dtype=np.int64)


def _nothing_lacks(
    reach: SiteReach,
    cases: Sequence[tuple[PackCase, Sequence[Target]]],
    options: SiteOptions,
    notes: tuple[str, ...],
    *,
    cheapest: bool,
) -> SitingPlan:
    """Return the plan with nothing but the settled sites: all that can be planned for holds, or nothing could be."""
    settled = np.unique(reach.columns(options.force))
    worth = math.fsum(costs_of(reach)[settled].tolist()) if cheapest else float(len(settled))
    targets = _before_after(cases, settled)
    holds = not notes and (targets.empty or bool(targets["holds_after"].all()))
    solution = Solution(settled, "optimal", worth, worth, 0.0, "proved", "presolve", options.seed)
    if not holds:
        solution = replace(_impossible(options), chosen=settled)
    said = (text("siting.holds"),) if holds else notes or (text("siting.nothing_dealt_with"),)
    asked = Asked("reach_target", "min", solution, _asked(cases, None, cheapest), said)
    chosen = site_table(reach, settled)
    if cases and len(settled):  # the first kind's columns come first, one a candidate
        chosen = chosen.assign(built_as=_kind_title(cases, str(cases[0][0].columns.kind[0])))
    return replace(plan_of(reach, asked, options, chosen=chosen), targets=targets)


def _unreachable(task: _Task) -> Iterator[str]:
    """Yield the groups that all candidates together cannot fulfil, with the units that have none."""
    barred = task.columns(task.options.forbid)
    problem = task.problem
    can = coverable(problem.matrix, problem.need, barred)
    owner = [(aim, place) for aim in task.aims for place in range(len(aim.required))]
    names = np.concatenate([aim.names for aim in task.aims])
    for group, most, required in unreachable_groups(problem, forbidden=barred):
        aim, place = owner[group]
        rows = problem.groups.indices[problem.groups.indptr[group] : problem.groups.indptr[group + 1]]
        yield text(
            f"siting.out_of_reach_{aim.what}",
            target=aim.target_id,
            where=aim.where[place],
            required=f"{required:,.0f}",
            most=f"{most:,.0f}",
            names=listed(names[rows[~can[rows]]]),
        )


# In order of worth


@dataclass(frozen=True, eq=False)
class _Step:
    """A new centre, and the rows that are satisfied by it and were not before."""

    column: int
    passed: Ints


def _steps(task: _Task, chosen: Ints) -> list[_Step]:
    """Return chosen columns, each the one that does most for what still lacks."""
    columns, need = csc_array(task.problem.matrix), task.problem.need
    weight, count = _share_of_need(task.problem), np.zeros(len(need), dtype=np.int64)
    rest, steps = [int(one) for one in chosen], list[_Step]()
    while rest:
        gains = [_gain(columns, need, count, weight, one) for one in rest]
        column = rest.pop(int(np.argmax(gains)))
        rows = columns.indices[columns.indptr[column] : columns.indptr[column + 1]]
        count[rows] += 1
        steps.append(_Step(column, np.sort(rows[count[rows] == need[rows]]).astype(np.int64)))
    return steps


def _listing(task: _Task, steps: Sequence[_Step], peers: Mapping[int, str]) -> Listing:
    """Return how the plan's sites are listed, with the units that pass by each and what else could stand there."""
    told = [_told(task, step.passed) for step in steps]
    order = np.array([step.column for step in steps], dtype=np.int64)
    built = [_kind_title(task.cases, task.kinds[one]) for one in order]
    return Listing(
        task.candidate[order],
        built,
        None,
        [names for names, _ in told],
        [words + peers[one] for (_, words), one in zip(told, order, strict=True)],
    )


def _peers(task: _Task, chosen: Ints) -> dict[int, str]:
    """Say of each chosen column which others would reach the same targets, and whom the best of them would add."""
    columns, reach = csc_array(task.problem.matrix), task.reach
    key = pd.Series([columns.indices[a:b].tobytes() for a, b in pairwise(columns.indptr)])
    cover = reach.cover()
    times = np.asarray(cover[:, task.candidate[chosen]].sum(axis=1)).ravel() + reach.near
    weight, own = reach.weight, csc_array(cover)
    adds = np.asarray(cover.T @ np.where(times == 0, weight, 0.0))
    found = {}
    open_ones = np.setdiff1d(np.arange(len(task.candidate)), task.columns(task.options.forbid))
    open_ones = open_ones[~np.isin(task.candidate[open_ones], task.candidate[chosen])]
    for one in chosen:
        rows = own.indices[own.indptr[task.candidate[one]] : own.indptr[task.candidate[one] + 1]]
        alone = np.zeros(len(weight))
        alone[rows[times[rows] == 1]] = weight[rows[times[rows] == 1]]
        others = np.intersect1d(np.flatnonzero(key == key.iloc[one]), open_ones)
        gains = (adds + cover.T @ alone)[task.candidate[others]] if len(others) else np.zeros(0)
        best = others[int(np.argmax(gains))] if len(others) else -1
        found[int(one)] = (
            text("siting.no_rival")
            if best < 0
            else text(
                "siting.peers",
                count=len(others),
                name=reach.names[task.candidate[best]],
                people=f"{gains.max():,.0f}",
            )
        )
    return found


def _share_of_need(problem: TargetProblem) -> Floats:
    """Return what a row is worth: its share of what its groups need, all of them together."""
    scaled = problem.groups.multiply(1 / np.maximum(problem.required, 1e-9)[:, None])
    return np.asarray(scaled.sum(axis=0)).ravel()


def _gain(columns: csc_array, need: Ints, count: Ints, weight: Floats, column: int) -> float:
    rows = columns.indices[columns.indptr[column] : columns.indptr[column + 1]]
    rows = rows[count[rows] < need[rows]]
    return float((weight[rows] / need[rows]).sum())


def _kind_title(cases: Sequence[tuple[PackCase, Sequence[Target]]], kind: str) -> str:
    if not kind:
        return ""
    own = {name: one for case, _ in cases for name, one in case.pack.kinds.items()}
    return vocabulary().with_kinds(own).kinds[kind].title.said()


def _told(task: _Task, passed: Ints) -> tuple[list[str], str]:
    """Return the units among rows, and a sentence for each target that they help."""
    names: list[str] = []
    words = ""
    first = 0
    for aim in task.aims:
        own = passed[(passed >= first) & (passed < first + len(aim.need))] - first
        first += len(aim.need)
        if len(own) and aim.what == "units":
            named = [str(one) for one in aim.names[own]]
            names += [one for one in named if one not in names]
            words += text("siting.helps_units", target=aim.target_id, units=text("fact.list_join").join(named))
        elif len(own) and aim.what == "count":
            words += text("siting.helps_count", target=aim.target_id)
    return names, words


def _curve(task: _Task, steps: Sequence[_Step], table: pd.DataFrame) -> pd.DataFrame:
    """Return how far people and each target come with the first 0, 1, 2 ... sites of the list."""
    parts = [people_curve(task.reach, table, threshold=task.line)]
    before = {row["target_id"]: row for case, targets in task.cases for row in _rows_of(case, targets)}
    sites, first = np.arange(len(steps) + 1), 0
    for aim in task.aims:
        own = [step.passed[(step.passed >= first) & (step.passed < first + len(aim.need))] - first for step in steps]
        first += len(aim.need)
        state = before.get(aim.target_id)
        if state is None or state["denominator"] is None:
            continue
        added = np.cumsum([0.0, *(float(aim.weight[rows].sum()) for rows in own)])
        curve = {
            "measure": aim.target_id,
            "sites": sites,
            "covered": float(state["numerator"]) + added,
            "total": float(state["denominator"]),
            "threshold": float(state["threshold"]) if state["unit"] == "percent" else np.nan,
            "chosen": sites == len(steps),
        }
        parts.append(pd.DataFrame(curve)[CURVE_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _rows_of(case: PackCase, targets: Sequence[Target]) -> list[dict[Any, Any]]:
    return states(case, targets, no_rows()).to_dict("records")


def _before_after(cases: Sequence[tuple[PackCase, Sequence[Target]]], chosen: Ints) -> pd.DataFrame:
    """Return the targets before and after, as the packs judge them."""
    parts = []
    for case, targets in cases:
        before = states(case, targets, no_rows())
        after = states(case, targets, chosen)
        parts.append(
            before[["target_id", "title"]].assign(
                before=before["numerator"],
                after=after["numerator"],
                denominator=before["denominator"],
                threshold=before["threshold"],
                unit=before["unit"],
                holds_before=before["holds"],
                holds_after=after["holds"],
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
