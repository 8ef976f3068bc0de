"""Centres year by year: so many of each class in each county, and never one moved again (Yiyang's annex).

A year's number is cumulative with those before it. Two ways are worked out and shown beside each other:

* myopic: each year the best for what stands by then, and the next year on top of it;
* far-sighted: the best end state first, then, out of its sites, the best for each year in turn.

Of these the plan is the one whose end state serves more people, the far-sighted one where they are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.policy.evidence import Place
from carecircle.policy.model import Schedule, ScheduleClass
from carecircle.policy.schedule import row_of_facility
from carecircle.policy.units import counted_facilities, counted_units, level_of
from carecircle.siting.aims import PackCase
from carecircle.siting.options import SiteOptions
from carecircle.siting.reach import SiteReach
from carecircle.siting.solvers.maximum import maximum_coverage
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution

_END_SHARE = 0.5  # of the time, for the end state; the years of both ways share the rest


@dataclass(frozen=True, eq=False)
class Quota:
    """How many new centres of a class a row of the schedule asks for.

    Parameters
    ----------
    row, name, class_key, class_title
        Which row and class.
    columns
        New centres that could fill it.
    units
        The unit of each, as many as `columns`; one centre goes into a unit.
    by_year
        New ones by the end of each year, from the study's day on; cumulative.
    """

    row: str
    name: str
    class_key: str
    class_title: str
    columns: Ints
    units: NDArray[np.object_]
    by_year: tuple[int, ...]

    @property
    def room(self) -> int:
        """How many units could have one."""
        return len(set(self.units))


@dataclass(frozen=True, eq=False)
class Phase:
    """The new centres that stand by the end of a year: columns, all years before included, and how it was found."""

    year: int
    columns: Ints
    solution: Solution


@dataclass(frozen=True, eq=False)
class Phasing:
    """Both ways, and what lacks.

    Parameters
    ----------
    quotas
        What was asked.
    ways
        Phases by ``"myopic"`` and ``"far_sighted"``.
    best
        Which way the plan takes.
    end
        The end state by itself: its bound holds for both ways.
    reasons
        Quotas that cannot be filled, named.
    """

    quotas: tuple[Quota, ...]
    ways: Mapping[str, tuple[Phase, ...]]
    best: str
    end: Solution
    reasons: tuple[str, ...]


def schedule_years(schedule: Schedule, year: int) -> tuple[int, ...]:
    """Return the years of a schedule that are not over in a year; the last one where all are."""
    ahead = tuple(one for one in schedule.years if one >= year)
    return ahead or (max(schedule.years),)


def quotas_of(case: PackCase, rows: Mapping[str, str], centres: Mapping[str, str]) -> tuple[Quota, ...]:
    """Return what a pack's schedule still asks for, with the new centres that could fill it.

    Parameters
    ----------
    case
        A pack with a schedule.
    rows
        Row of the schedule for counties that are not the pack's: ``{"539902": "430903"}``.
    centres
        The kind of new centre of each class, by its key.

    Raises
    ------
    UsageError
        The pack has no schedule, or there is no such row or county.
    """
    schedule = case.pack.schedule
    if schedule is None:
        raise UsageError(text("usage.no_schedule", pack=case.pack.id))
    known = [row.code for row in schedule.rows]
    strange = sorted(set(rows.values()) - set(known))
    if strange:
        raise UsageError(text("usage.choice", option="siting.rows", value="、".join(strange), known="、".join(known)))
    counties = case.place.counties["area_id"].astype(str).tolist()
    strange = sorted(set(rows) - set(counties))
    if strange:
        raise UsageError(
            text("usage.choice", option="siting.rows", value="、".join(strange), known="、".join(counties))
        )
    where = _rows_of(case.place, schedule, rows)
    here = _rows_here(case.place, schedule, rows) | set(where.dropna())
    here |= {schedule.merges[code] for code in here & set(schedule.merges)}
    return tuple(
        quota
        for one in schedule.classes
        if one.yearly and one.key in centres
        for quota in _class_quotas(case, schedule, one, where.where(where.isin(here), None), centres[one.key], here)
    )


def _rows_here(place: Place, schedule: Schedule, rows: Mapping[str, str]) -> set[str]:
    """Return the rows of the schedule whose counties the place has, also where nothing stands and nothing could."""
    counties = place.counties["area_id"].astype(str)
    if rows:
        return {rows[one] for one in counties if one in rows}
    if not place.bound:
        return {schedule.total.code}
    codes = counties.str[:6].replace(dict(schedule.merges))
    return set(codes) & {row.code for row in schedule.rows}


def _rows_of(place: Place, schedule: Schedule, rows: Mapping[str, str]) -> pd.Series:
    """Return the row of the schedule that each facility belongs to; the total's where the place is not the pack's."""
    county = place.area_of("facilities", "county")
    if rows:
        return county.map(rows)
    if not place.bound:
        return pd.Series(schedule.total.code, index=county.index, dtype=object).where(place.within, None)
    return row_of_facility(schedule, place)


def _class_quotas(
    case: PackCase, schedule: Schedule, one: ScheduleClass, where: pd.Series, kind: str, present: set[str]
) -> Iterator[Quota]:
    """Yield the quotas of a class by row that is present; units that have such a centre already need none."""
    evidence, target = case.evidence, case.pack.target(one.target)
    facilities = case.place.evidence.facilities
    counts = counted_facilities(target, case.pack, facilities, evidence.as_of, evidence.chosen(target)).eq(True)
    if evidence.chosen(target).get("hightech_zone", evidence.readings.get("hightech_zone")) != "separate":
        where = where.replace(dict(schedule.merges))
    unit = _units_of(case, one)
    stands = np.arange(len(facilities)) < case.first
    have = set(unit[stands & counts.to_numpy(bool)].dropna())
    fits = ~stands & counts.to_numpy(bool) & unit.notna().to_numpy() & ~unit.isin(have).to_numpy()
    fits[case.first :] &= case.columns.kind == kind
    years = schedule_years(schedule, evidence.as_of.year)
    for row in (*schedule.rows, schedule.total):
        here = where.eq(row.code).to_numpy(bool)
        built = int((here & stands & counts.to_numpy(bool)).sum())
        added = dict(zip(schedule.years, row.cells[one.key][1:], strict=True))
        by_year = tuple(max(0, sum(n for y, n in added.items() if y <= year) - built) for year in years)
        if by_year[-1] and row.code in present:
            columns = np.flatnonzero(fits & here)
            names = unit.to_numpy(object)[columns]
            yield Quota(row.code, row.name, one.key, one.title.said(), columns - case.first, names, by_year)


def _units_of(case: PackCase, one: ScheduleClass) -> pd.Series:
    """Return the unit of the class's kind (street, town, community, village) in which each facility stands."""
    counted = case.pack.target(one.target).model_copy(update={"unit": one.unit, "readings": ()})
    units = set(counted_units(counted, case.place.evidence.areas)["area_id"])
    unit = case.place.area_of("facilities", level_of(counted))
    return unit.where(unit.isin(units), None)


def phase(
    reach: SiteReach, candidate: Ints, quotas: Sequence[Quota], years: Sequence[int], options: SiteOptions
) -> Phasing:
    """Choose new centres year by year.

    Parameters
    ----------
    reach
        Who reaches which candidate.
    candidate
        Candidate of each column that quotas name.
    quotas
        From `quotas_of`.
    years
        As many as the quotas have.
    options
        Time and seed; forced and forbidden candidates hold for all their columns.
    """
    clock = Clock(options.seconds)
    barred = np.isin(candidate, reach.columns(options.forbid))
    quotas = [_without(one, barred) for one in quotas]
    task = _task(reach, candidate, quotas, options, len(years))
    last = len(years) - 1
    end = task.solve(last, task.nothing, task.all_columns, clock.limit * _END_SHARE)
    each = clock.limit * (1 - _END_SHARE) / max(1, 2 * len(years) - 1)
    far = tuple(_years(task, years, np.isin(task.all_columns, end.chosen), each, end))
    myopic = tuple(_years(task, years, np.ones(len(task.all_columns), bool), each, None))
    ends = {way: task.people(phases[-1].columns) for way, phases in (("myopic", myopic), ("far_sighted", far))}
    best = "myopic" if ends["myopic"] > ends["far_sighted"] else "far_sighted"
    ways = {"myopic": _named(task, myopic), "far_sighted": _named(task, far)}
    return Phasing(
        tuple(quotas),
        ways,
        best,
        task.in_people(end),
        (*_reasons(quotas, years), *_forced_out(reach, candidate, ways[best], options)),
    )


def _without(quota: Quota, barred: NDArray[np.bool_]) -> Quota:
    """Return a quota without columns that are out of the question."""
    kept = ~barred[quota.columns]
    return replace(quota, columns=quota.columns[kept], units=quota.units[kept])


@dataclass(frozen=True, eq=False)
class _Task:
    """Rows: points beyond the limit, then units; a unit weighs more than all people, so that none gets two centres."""

    matrix: csr_array
    weight: Floats
    bonus: float
    column: Ints
    unit: Ints
    group: Ints
    by_year: NDArray[np.int64]
    forced: Ints
    options: SiteOptions
    reach: SiteReach

    @property
    def nothing(self) -> Ints:
        return np.empty(0, dtype=np.int64)

    @property
    def all_columns(self) -> Ints:
        return np.arange(len(self.column))

    def solve(self, year: int, standing: Ints, allowed: Ints, seconds: float) -> Solution:
        """Return the best choice by the end of a year, on top of what stands, out of the allowed columns."""
        barred = np.setdiff1d(self.all_columns, np.union1d(allowed, standing))
        quotas = np.maximum(self.by_year[:, year], np.bincount(self.group[standing], minlength=len(self.by_year)))
        wanted = np.setdiff1d(np.intersect1d(self.forced, allowed), standing)
        wanted = wanted[~np.isin(self.unit[wanted], self.unit[standing])]
        wanted = wanted[np.unique(self.unit[wanted], return_index=True)[1]]
        room = quotas - np.bincount(self.group[standing], minlength=len(quotas))
        wanted = wanted[_first(self.group[wanted], room)]
        return maximum_coverage(
            self.matrix,
            self.weight,
            groups=self.group,
            quotas=quotas,
            forced=np.union1d(standing, wanted),
            forbidden=barred,
            seconds=max(0.5, seconds),
            seed=self.options.seed,
        )

    def people(self, columns: Ints) -> float:
        """Return the people whom columns newly serve."""
        served = np.asarray(self.matrix[:, columns].sum(axis=1)).ravel() > 0
        return float(self.weight[served & (self.weight < self.bonus)].sum())

    def in_people(self, solution: Solution) -> Solution:
        """Return a solution whose objective and bound are people, without the weight of units."""
        people = self.people(solution.chosen)
        return replace(solution, objective=people, bound=people + max(0.0, solution.bound - solution.objective))


def _first(groups: Ints, room: Ints) -> NDArray[np.bool_]:
    """Return which of some columns still fit into their groups, the first ones first."""
    order = pd.Series(groups).groupby(groups).cumcount().to_numpy() if len(groups) else groups
    return np.asarray(order < room[groups], dtype=bool)


def _task(reach: SiteReach, candidate: Ints, quotas: Sequence[Quota], options: SiteOptions, years: int) -> _Task:
    """Return the problem; a quota asks for no more than it has units, so that none gets two centres."""
    column = np.concatenate([one.columns for one in quotas]) if quotas else np.empty(0, dtype=np.int64)
    group = np.repeat(np.arange(len(quotas)), [len(one.columns) for one in quotas])
    keys = [f"{one.row}:{one.class_key}:{unit}" for one in quotas for unit in one.units]
    unit, _ = pd.factorize(pd.Series(keys, dtype=object), sort=True)
    open_points = np.flatnonzero(~reach.near & (reach.weight > 0))
    people = csr_array(reach.cover()[open_points][:, candidate[column]])
    size = int(unit.max()) + 1 if len(unit) else 0
    units = csr_array((np.ones(len(unit)), (unit, np.arange(len(unit)))), shape=(size, len(column)))
    weight = reach.weight[open_points]
    bonus = float(np.ceil(weight.sum())) + 1
    matrix = csr_array(vstack([people, units], format="csr"))
    forced = np.flatnonzero(np.isin(candidate[column], reach.columns(options.force)))
    asked = [[min(number, one.room) for number in one.by_year] for one in quotas]
    by_year = np.array(asked, dtype=np.int64).reshape(len(quotas), years)
    return _Task(
        matrix,
        np.concatenate([weight, np.full(size, bonus)]),
        bonus,
        column,
        unit,
        group,
        by_year,
        forced,
        options,
        reach,
    )


def _years(
    task: _Task, years: Sequence[int], allowed: NDArray[np.bool_], seconds: float, end: Solution | None
) -> Iterator[Phase]:
    """Yield each year's choice on top of the one before; with an end state, its last year is just that."""
    standing = task.nothing
    for place, year in enumerate(years):
        if end is not None and place == len(years) - 1:
            yield Phase(year, end.chosen, end)
            return
        found = task.solve(place, standing, np.flatnonzero(allowed), seconds)
        standing = np.union1d(standing, found.chosen)
        yield Phase(year, standing, found)


def _named(task: _Task, phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """Return phases with the columns of the case, and solutions in people."""
    return tuple(
        replace(one, columns=task.column[one.columns], solution=task.in_people(one.solution)) for one in phases
    )


def _forced_out(reach: SiteReach, candidate: Ints, phases: Sequence[Phase], options: SiteOptions) -> Iterator[str]:
    """Yield the settled sites that no quota or unit has room for."""
    placed = set(candidate[phases[-1].columns])
    lost = [reach.names[one] for one in reach.columns(options.force) if one not in placed]
    if lost:
        yield text("siting.forced_out", names=text("fact.list_join").join(lost))


def _reasons(quotas: Sequence[Quota], years: Sequence[int]) -> Iterator[str]:
    """Yield the quotas that the units with candidates cannot fill."""
    for one in quotas:
        for year, wanted in zip(years, one.by_year, strict=True):
            if wanted > one.room:
                yield text(
                    "siting.no_room", row=one.name, kind=one.class_title, year=year, wanted=wanted, room=one.room
                )
                break
