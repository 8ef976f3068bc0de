"""What judging a pack gives: for each target a verdict, the numbers behind it, and the readings they were taken with.

Frozen values; they are made by `carecircle.policy.assessment` and read by gap lists and reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from carecircle.policy.judge import GRAVITY, Tally, Verdict
from carecircle.policy.model import Pack, ScheduleClass, Target

WHOLE = ""
"""The `area_id` of lines that stand for the whole place that a pack is judged for."""


@dataclass(frozen=True)
class Line:
    """A number of a target: of an area, a reading or a period.

    Parameters
    ----------
    tally, verdict
        What was counted and what it comes to.
    area_id, area_name
        The area it stands for; `WHOLE` and "" for all of them together.
    reading
        The reading that it was taken with where that is not the judged one: ``"coverage=served"``.
    period
        The year, half-year or month: ``"2025"``, ``"2026-H1"``, ``"2026-03"``; "" where there is none.
    item
        What a row of a sheet is called (an estate, an institution), or the key of a checklist's item.
    estimated
        Whether the number was told from the days on which facilities opened, and not given.
    """

    tally: Tally
    verdict: Verdict
    area_id: str = WHOLE
    area_name: str = ""
    reading: str = ""
    period: str = ""
    item: str = ""
    estimated: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one target.

    Parameters
    ----------
    target
        The target.
    verdict, tally
        The judged number for the whole place, as the readings have it.
    readings
        Option of every reading that the target names: ``{"coverage": "has_one"}``.
    lines
        Numbers beside it: by county, by other readings, by year, by row.
    sources
        Where its numbers come from: keys of the catalogue's section ``source`` (``registry``, ``inputs``, ``times``).
    reasons
        Why there is no data, or what is incomplete; worded.
    units
        For targets that count units, one row a unit on ``area_id``: ``found`` and ``unverified`` facilities,
        ``served`` (by a neighbour: True, False or missing), ``passes`` (by the judged reading; missing = unknown).
    circle
        For circles: ``profile, speed_mps, minutes, measure, area_id, covered, total`` (see `policy.circles`).
    """

    target: Target
    verdict: Verdict
    tally: Tally | None = None
    readings: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    sources: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    units: pd.DataFrame | None = None
    circle: pd.DataFrame | None = None

    def of_area(self, area_id: str) -> Line | None:
        """Return the line of an area with the judged reading, None where there is none."""
        found = (one for one in self.lines if one.area_id == area_id and not (one.reading or one.period or one.item))
        return next(found, None)

    def by_area(self) -> tuple[Line, ...]:
        """Return the lines of areas with the judged reading."""
        return tuple(one for one in self.lines if one.area_id and not (one.reading or one.period or one.item))

    def by_reading(self) -> tuple[Line, ...]:
        """Return the lines of the whole place with other readings."""
        return tuple(one for one in self.lines if one.reading and not one.area_id)

    def by_period(self) -> tuple[Line, ...]:
        """Return the lines of the whole place by year, half-year or month."""
        return tuple(one for one in self.lines if one.period and not (one.area_id or one.item))

    def by_item(self) -> tuple[Line, ...]:
        """Return the lines of single rows and items."""
        return tuple(one for one in self.lines if one.item)


@dataclass(frozen=True)
class Progress:
    """How far a class of a schedule has come in a unit.

    Parameters
    ----------
    unit_code, unit_name
        A row of the schedule, or its total.
    facility_class
        What is built.
    built
        How many stand on the day; None where nothing is known.
    unverified
        How many more may count.
    total
        How many the schedule asks for at its end.
    by_year
        What each year adds; empty where the schedule has totals only.
    due
        How many had to stand by now: a year's are due on its last day.
    year_end
        How many have to stand at the end of the current year (the total before and after the schedule's years).
    pace
        How many would stand on the day if the current year's were built evenly, cut to whole ones.
    verdict
        Met (all of it stands), missed (less than `due`), in progress, not applicable (no task), no data, or to be
        verified. Its shortfall is what lacks to `due` where that is missed, else to `year_end`.
    on_pace
        Whether `built` reaches `pace`; None where it is not known or there is no task.
    """

    unit_code: str
    unit_name: str
    facility_class: ScheduleClass
    built: int | None
    unverified: int
    total: int
    by_year: Mapping[int, int]
    due: int
    year_end: int
    pace: int
    verdict: Verdict
    on_pace: bool | None


@dataclass(frozen=True)
class ScheduleState:
    """A schedule on a day: one `Progress` for each unit and class, the total last."""

    as_of: date
    years: tuple[int, ...]
    classes: tuple[ScheduleClass, ...]
    rows: tuple[Progress, ...]
    notes: tuple[str, ...] = ()

    def of(self, unit_code: str, key: str) -> Progress:
        """Return the progress of a unit in a class; `KeyError` where the schedule has none."""
        return {(one.unit_code, one.facility_class.key): one for one in self.rows}[unit_code, key]


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """A pack judged for a place on a day.

    Parameters
    ----------
    pack, as_of
        The document and the day.
    outcomes
        One for each target, in the pack's order.
    counties
        ``area_id`` and ``name`` of the counties of the place, which lines stand for.
    inputs
        The filled-in sheets by name, as read (`carecircle.policy.read_inputs_book`); those not given are not there.
    schedule
        For packs with a yearly schedule.
    notes
        What a reader should know: the place is not the pack's, units were taken from a list ...
    placed
        The code of the unit of each facility, on the registry's index, where units were taken from the Bureau's list
        and facilities matched with them.
    """

    pack: Pack
    as_of: date
    outcomes: tuple[Outcome, ...]
    counties: pd.DataFrame
    inputs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    schedule: ScheduleState | None = None
    notes: tuple[str, ...] = ()
    placed: pd.Series | None = None

    def __repr__(self) -> str:
        counts = pd.Series([one.verdict.word for one in self.outcomes]).value_counts()
        return f"<Judgement {self.pack.id} {self.as_of}: {', '.join(f'{n} {word}' for word, n in counts.items())}>"

    def outcome(self, name: str) -> Outcome:
        """Return what became of a target; `KeyError` without one."""
        return {one.target.id: one for one in self.outcomes}[name]

    def due(self) -> tuple[Outcome, ...]:
        """Return the outcomes of hard targets that must be reached by now.

        Their day is over, or they have none, or they are missed already (what must hold in every year, in a past one).
        """
        return tuple(one for one in self.outcomes if one.target.force == "hard" and self._is_due(one))

    def _is_due(self, outcome: Outcome) -> bool:
        deadline = outcome.target.deadline
        return deadline is None or deadline <= self.as_of or outcome.verdict.word == "missed"

    def counts(self) -> dict[str, int]:
        """Return how many targets there are of each verdict, verdicts in the order of `judge.GRAVITY`."""
        words = [one.verdict.word for one in self.outcomes]
        return {word: words.count(word) for word in GRAVITY if word in words}

    def missed_hard(self, *, strict: bool = False) -> tuple[str, ...]:
        """Return the ids of hard targets due that are missed, and of a schedule's rows that are behind what was due.

        Parameters
        ----------
        strict
            Of hard targets due, those without data and those to be verified are missed, too.
        """
        bad = {"missed", "no_data", "to_be_verified"} if strict else {"missed"}
        rows = self.schedule.rows if self.schedule else ()
        late = (one for one in rows if one.due and one.verdict.word in bad)
        start = self.pack.schedule.id if self.pack.schedule else ""
        cells = (f"{start}-{one.unit_code}-{one.facility_class.key}" for one in late)
        return (*(one.target.id for one in self.due() if one.verdict.word in bad), *cells)

    def missed(self) -> tuple[Outcome, ...]:
        """Return the hard targets due that are missed; a schedule's year that is missed is one too."""
        return tuple(one for one in self.due() if one.verdict.word == "missed")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a target and county (and one for the whole place, ``area_id`` ""), numbers exact.

        Columns: ``pack, target_id, area_id, area_name, numerator, denominator, unverified, value, threshold,
        comparison, shortfall, verdict, force, deadline``; fractions and decimals are Python objects.
        """
        return pd.DataFrame(
            {
                "pack": self.pack.id,
                "target_id": one.target.id,
                "area_id": line.area_id,
                "area_name": line.area_name,
                "numerator": line.tally.numerator,
                "denominator": line.tally.denominator,
                "unverified": line.tally.unverified,
                "value": line.verdict.value,
                "threshold": one.target.threshold,
                "comparison": one.target.comparison,
                "shortfall": line.verdict.shortfall,
                "verdict": line.verdict.word,
                "force": one.target.force,
                "deadline": one.target.deadline,
            }
            for one in self.outcomes
            for line in (Line(one.tally or Tally(None, None), one.verdict), *one.by_area())
        )
