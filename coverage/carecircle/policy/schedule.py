"""A schedule on a day: what stands, what had to stand, and whether the building keeps pace (序时进度)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor

import pandas as pd

from carecircle.china.codes import is_statistical_only
from carecircle.cover import assign_areas
from carecircle.language import text
from carecircle.policy.evidence import Place
from carecircle.policy.judge import Verdict
from carecircle.policy.model import Pack, Schedule, ScheduleClass, ScheduleRow
from carecircle.policy.results import Progress, ScheduleState
from carecircle.policy.units import counted_facilities


@dataclass(frozen=True)
class Plan:
    """What a row of a schedule asks for in a class, on a day.

    Parameters
    ----------
    total, due, year_end, pace
        See `Progress`.
    """

    total: int
    due: int
    year_end: int
    pace: int


def schedule_state(pack: Pack, place: Place) -> ScheduleState | None:
    """Return how far a pack's schedule has come; None for a pack without one.

    Facilities count as the class's target has it (kind, functions, grade, label, state; stock or new). They belong to
    the unit whose county they stand in, or that their own code names where that is drawn for statistics only (大通湖区
    430971). What belongs to the city itself (市本级) is known by its code alone.
    """
    schedule = pack.schedule
    if schedule is None:
        return None
    unit = row_of_facility(schedule, place)
    known = set(place.counties["area_id"].astype(str).str[:6]) | set(unit.dropna())
    rows: list[Progress] = []
    for one in schedule.classes:
        choice = {"hightech_zone": place.evidence.readings.get("hightech_zone")}
        choice |= place.evidence.chosen(pack.target(one.target))
        own = unit if choice["hightech_zone"] == "separate" else unit.replace(dict(schedule.merges))
        rows += _class_rows(one, schedule, pack, place, own, known)
    order = {row.code: number for number, row in enumerate((*schedule.rows, schedule.total))}
    rows.sort(key=lambda one: (order[one.unit_code], [k.key for k in schedule.classes].index(one.facility_class.key)))
    notes = (text("judge.schedule_units"),) if not place.bound else ()
    return ScheduleState(place.evidence.as_of, schedule.years, schedule.classes, tuple(rows), notes)


def row_of_facility(schedule: Schedule, place: Place) -> pd.Series:
    """Return the code of the schedule's row that each facility belongs to; missing where there is none."""
    evidence = place.evidence
    facilities = evidence.facilities
    rows = {row.code for row in schedule.rows}
    county = assign_areas(facilities, evidence.areas[evidence.areas["level"] == "county"], "area_code")
    county = county.astype(object).where(county.notna(), None)
    if "area_code" in facilities:
        own = facilities["area_code"].astype("string").str[:6]
        by_code = own.isin(rows | set(schedule.merges)) & (
            is_statistical_only(own).fillna(value=False) | own.str.endswith("00")
        )
        county = county.mask(by_code.fillna(value=False).astype(bool) | county.isna(), own.astype(object))
    return county.where(county.isin(rows | set(schedule.merges)) & place.within, None)


def _class_rows(
    one: ScheduleClass, schedule: Schedule, pack: Pack, place: Place, unit: pd.Series, known: set[str]
) -> Iterator[Progress]:
    """Yield the progress of a class in every row, and in all."""
    evidence, target = place.evidence, pack.target(one.target)
    counts = counted_facilities(target, pack, evidence.facilities, evidence.as_of, evidence.chosen(target))
    counts = counts.where(place.within, False)
    for row in schedule.rows:
        here = unit.eq(row.code)
        plan = plan_on(schedule, one, row, evidence.as_of)
        yield _progress(one, row, schedule, plan, counts[here], known=row.code[:6] in known)
    plan = plan_on(schedule, one, schedule.total, evidence.as_of)
    yield _progress(one, schedule.total, schedule, plan, counts, known=True)


def plan_on(schedule: Schedule, one: ScheduleClass, row: ScheduleRow, day: date) -> Plan:
    """Return what a row asks for in a class on a day.

    A year's number is due on its last day. Within a year the pace grows evenly by the day (序时进度) and is cut.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> schedule = load_pack("yiyang").schedule
    >>> stations = next(one for one in schedule.classes if one.key == "CZ")
    >>> plan_on(schedule, stations, schedule.total, date(2026, 12, 31))
    Plan(total=57, due=38, year_end=38, pace=38)
    """
    total, *added = row.cells[one.key]
    years = dict(zip(schedule.years, added, strict=False)) if one.yearly else {max(schedule.years): total}
    due = sum(number for year, number in years.items() if date(year, 12, 31) <= day)
    this_year = years.get(day.year, 0) if day < date(day.year, 12, 31) else 0
    return Plan(total, due, due + this_year, due + (floor(this_year * _elapsed(day)) if one.yearly else 0))


def _elapsed(day: date) -> Fraction:
    """Return the part of its year that is over at the end of a day."""
    first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    return Fraction((day - first).days + 1, (last - first).days + 1)


def _progress(
    one: ScheduleClass, row: ScheduleRow, schedule: Schedule, plan: Plan, counts: pd.Series, *, known: bool
) -> Progress:
    built, may = (int(counts.eq(True).sum()), int(counts.isna().sum())) if known else (None, 0)
    added = row.cells[one.key][1:]
    return Progress(
        row.code,
        row.name,
        one,
        built,
        may,
        plan.total,
        dict(zip(schedule.years, added, strict=False)),
        plan.due,
        plan.year_end,
        plan.pace,
        _verdict(plan, built, may),
        None if built is None or plan.total == 0 else built >= plan.pace,
    )


def _verdict(plan: Plan, built: int | None, may: int) -> Verdict:
    """Return met (all of it stands), missed (less than had to stand), in progress, or why nothing can be said."""
    if plan.total == 0:
        return Verdict("not_applicable")
    if built is None:
        return Verdict("no_data")
    value = Fraction(built)
    if built >= plan.total:
        return Verdict("met", value, 0)
    if built + may >= plan.due > built:
        return Verdict("to_be_verified", value, plan.due - built)
    if built < plan.due:
        return Verdict("missed", value, plan.due - built)
    return Verdict("in_progress", value, max(plan.year_end, plan.due) - built if plan.year_end > built else 0)
