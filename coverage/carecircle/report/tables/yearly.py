"""表5 年度目标分解表: what a schedule asks of each unit in each year, and how far it has come."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from carecircle.language import Language, current_language, text
from carecircle.policy.model import ScheduleClass
from carecircle.policy.results import Judgement, Progress, ScheduleState
from carecircle.report import judged
from carecircle.report.tables.attainment import short_title
from carecircle.report.tables.cells import share_cell
from carecircle.report.tables.model import Cell, Head, Table

if TYPE_CHECKING:
    from carecircle.model import Study


def yearly(study: Study, judgement: Judgement, language: Language | None = None) -> tuple[Table, ...]:
    """Return 表5 in two parts, tasks and progress; none where the document has no schedule by years.

    The last line of a schedule is its printed sum, whose task is that of the document.
    """
    del study
    state = judgement.schedule
    if state is None:
        return ()
    language = language or current_language()
    units = [list(rows) for _, rows in groupby(state.rows, key=lambda one: (one.unit_code, one.unit_name))]
    return (_tasks(judgement, state, units, language), _progress(judgement, state, units, language))


def _tasks(judgement: Judgement, state: ScheduleState, units: list[list[Progress]], language: Language) -> Table:
    heads = [Head(text("table.unit", language))]
    for one in state.classes:
        names = [text("table.in_all", language)]
        if one.yearly:
            names += [text("table.year_of", language, year=year) for year in state.years]
        heads += [Head(name, one.title.said(language), "count") for name in names]
    rows = [
        (rows[0].unit_name, *(cell for one in rows for cell in _numbers(one, state.years, language))) for rows in units
    ]
    foot = (text("table.foot_tasks", language), *state.notes)
    return _table(judgement, 1, heads, rows, foot, language)


def _numbers(one: Progress, years: tuple[int, ...], language: Language) -> list[Cell]:
    """Return what is asked in all and in each year; a dash where nothing is, as such annexes leave it blank."""
    found = [one.total, *(one.by_year.get(year, 0) for year in years if one.facility_class.yearly)]
    return [float(count) if count else text("table.none", language) for count in found]


def _progress(judgement: Judgement, state: ScheduleState, units: list[list[Progress]], language: Language) -> Table:
    heads = [Head(text("table.unit", language))]
    for one in state.classes:
        heads += _progress_heads(one, state, language)
    rows = [(rows[0].unit_name, *(cell for one in rows for cell in _done(one, state, language))) for rows in units]
    day = judged.day(state.as_of, language)
    due = (text("table.foot_due", language),) if any(_is_due(one, state) for one in state.classes) else ()
    foot = (text("table.foot_progress", language, day=day), *due, text("table.foot_cut_shares", language))
    return _table(judgement, 2, heads, rows, foot, language)


def _is_due(kind: ScheduleClass, state: ScheduleState) -> bool:
    """Return whether anything of a class had to stand by now, in any unit."""
    return any(one.due > 0 for one in state.rows if one.facility_class.key == kind.key)


def _progress_heads(one: ScheduleClass, state: ScheduleState, language: Language) -> list[Head]:
    group = one.title.said(language)
    due = (("due_now", "count"),) if _is_due(one, state) else ()
    looks = (*due, ("done", "count"), ("asked", "count"), ("done_share", "share"), ("on_pace", "text"))
    return [Head(text(f"table.{name}", language), group, look) for name, look in looks]


def _done(one: Progress, state: ScheduleState, language: Language) -> list[Cell]:
    """Return what was due, where anything is of its class, and how far it is."""
    due: list[Cell] = [float(one.due) if one.due else text("table.none", language)]
    return [*(due if _is_due(one.facility_class, state) else ()), *_standing(one, language)]


def _standing(one: Progress, language: Language) -> list[Cell]:
    """Return what stands, what has to stand at the end of the year, the share, and whether it is on schedule.

    A class without numbers by year has its total as its aim, and no schedule.
    """
    none = text("table.none", language)
    if one.verdict.word == "not_applicable" or one.total == 0:
        return [none, none, text("fact.not_applicable", language), none]
    built: Cell = judged.number(one.built, language)
    aim = one.year_end if one.facility_class.yearly else one.total
    share = share_cell(float("nan") if one.built is None else one.built, aim, language)
    return [built, float(aim), share, pace_word(one, language) if one.facility_class.yearly else none]


def pace_word(one: Progress, language: Language | None = None) -> str:
    """Return whether a class is on schedule: yes, no, to be verified, or no data."""
    if one.on_pace is None:
        return text("fact.no_data", language)
    if not one.on_pace and one.built is not None and one.built + one.unverified >= one.pace:
        return judged.verdict_word("to_be_verified", language)
    return text("table.yes" if one.on_pace else "table.no", language)


def _table(
    judgement: Judgement,
    part: int,
    heads: list[Head],
    rows: list[tuple[Cell, ...]],
    foot: tuple[str, ...],
    language: Language,
) -> Table:
    return Table(
        "5",
        text("table.title_5", language) + text(f"table.part_of_{part}", language),
        tuple(heads),
        tuple(rows),
        totals=1,
        foot=foot,
        pack=short_title(judgement, language),
        part=part,
        unit=text("table.unit_count", language),
    )
