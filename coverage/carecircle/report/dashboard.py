"""The dashboard: every verdict of every pack on one page that works with the network unplugged.

A row opens to the words of the text, the readings side by side, the counties and the reasons. The page can be chosen
from by verdict, force, county and words, sorted, and printed. All numbers are those of `carecircle.report.judged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from carecircle.language import Language, catalogue, current_language, text
from carecircle.outputs import speakable
from carecircle.policy.judge import GRAVITY, Tally, Verdict
from carecircle.policy.results import Judgement, Line, Outcome, Progress, ScheduleState
from carecircle.report import due, facts, judged, mapdata, offline
from carecircle.report.tables.attainment import short_title
from carecircle.report.tables.yearly import pace_word
from carecircle.report.verdicts import counts

if TYPE_CHECKING:
    from carecircle.model import Study

Entry = dict[str, Any]
SIGNS = {
    "met": "✓",
    "missed": "✕",
    "in_progress": "▸",
    "to_be_verified": "?",
    "no_data": "…",
    "not_applicable": "–",
    "monitored": "○",
}
"""A sign beside each verdict's word, so that no colour is needed to tell them apart."""
_FORCES = ("hard", "soft", "principle", "definition")
_SQUARE_KM = 1e6
MOST_ITEMS = 100
"""Rows of a sheet that a target lists: more make old browsers crawl. The tables have all."""


def dashboard_html(study: Study, *, language: Language | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    study
        A study with judgements; without any the page says so.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    str
        HTML without any address; its only links lead to ``map.html`` beside it and to its own rows. The same study
        gives the same text.
    """
    language = language or current_language()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(offline.own_text("templates", "dashboard.html"))
    page = template.render(
        w={key[10:]: said[language] for key, said in catalogue().items() if key.startswith("dashboard.")},
        language="zh-CN" if language == "zh" else "en",
        policy=offline.POLICY,
        style=offline.own_text("static", "dashboard.css"),
        script=offline.own_text("static", "dashboard.js"),
        title=study.title,
        as_of=text("table.as_of", language, day=judged.day(study.as_of, language)),
        fictional=text("map.fictional", language) if study.fictional else "",
        words={word: judged.verdict_word(word, language) for word in GRAVITY},
        signs=SIGNS,
        packs=[_pack(study, one, language) for one in study.judgements],
        notes=study.notes,
    )
    return offline.seal(speakable(page), None)


def _pack(study: Study, judgement: Judgement, language: Language) -> Entry:
    found = counts(judgement.outcomes)
    return {
        "id": judgement.pack.id,
        "short": short_title(judgement, language),
        "document": judgement.pack.document,
        "number": judgement.pack.number,
        "status": text(f"policy.status_{judgement.pack.status}", language),
        "cards": [
            _hard_card(judgement, language),
            _missed_card(judgement, language),
            _reach_card(study, judgement, language),
            _gap_card(study, judgement, language),
        ],
        "missed": _missed_list(judgement, language),
        "counts": [(word, found[word]) for word in GRAVITY if found[word]],
        "all": len(judgement.outcomes),
        "forces": [(one, text(f"policy.force_{one}", language)) for one in _FORCES if _has(judgement, one)],
        "counties": _counties(judgement),
        "rows": [
            _row(place, one, judgement, language) | {"on_map": one.target.id in _on_map(study)}
            for place, one in enumerate(judgement.outcomes)
        ],
        "schedule": _schedule(judgement.schedule, language) if judgement.schedule else None,
        "notes": judgement.notes,
    }


def _has(judgement: Judgement, force: str) -> bool:
    return any(one.target.force == force for one in judgement.outcomes)


def _on_map(study: Study) -> set[str]:
    """Return the targets that have gaps with a place, which the map marks."""
    return set() if study.gaps is None else set(mapdata.drawable(study.gaps)["target_id"])


def _missed_list(judgement: Judgement, language: Language) -> list[tuple[str, str]]:
    """Return what is due and missed, each with the row it leads to: a target's, "" for tasks of the schedule."""
    targets = [(one.target.id, _missed_target(one, judgement, language)) for one in judgement.missed()]
    return [*targets, *(("", _missed_task(one, judgement, language)) for one in due.missed_tasks(judgement))]


def _missed_target(outcome: Outcome, judgement: Judgement, language: Language) -> str:
    target, whole = outcome.target, judged.standing(outcome)
    value = judged.value(target, whole.tally, whole.verdict, language)
    return text(
        "dashboard.missed_target", language, title=target.title.said(language), id=target.id,
        demanded=judged.demanded(target, language),
        value=judged.with_year(value, whole.verdict, judgement.as_of, language),
    )  # fmt: skip


def _missed_task(one: Progress, judgement: Judgement, language: Language) -> str:
    return text(
        "dashboard.missed_task", language, title=one.facility_class.title.said(language), unit=one.unit_name,
        id=due.task_id(judgement, one), words=due.task_words(one, language),
    )  # fmt: skip


def _counties(judgement: Judgement) -> list[tuple[str, str]]:
    """Return the counties that any target has a number for."""
    named = {line.area_id: line.area_name for one in judgement.outcomes for line in one.by_area()}
    return sorted(named.items())


# Four numbers


def _hard_card(judgement: Judgement, language: Language) -> Entry:
    """Count what is met of all that is due: hard targets, and tasks of a schedule by unit and class."""
    words, what = due.due_counts(judgement), due.what(judgement, language)
    met, every = words["met"], sum(words.values())
    under = text("dashboard.hard_unknown", language, count=words["no_data"], what=what)
    shown = f"{met} / {every}" if every else text("table.none", language)
    return _card("hard", shown, under, "good" if met == every else "", language)


def _missed_card(judgement: Judgement, language: Language) -> Entry:
    """Count what is missed of all that is due: hard targets, and tasks of a schedule by unit and class."""
    words, what = due.due_counts(judgement), due.what(judgement, language)
    missed = words["missed"]
    under = text("dashboard.missed_of", language, missed=missed, due=sum(words.values()), what=what)
    return _card("missed", str(missed), under, "bad" if missed else "good", language)


def _reach_card(study: Study, judgement: Judgement, language: Language) -> Entry:
    """Give the people within the limit of all facilities, as all reports do; below it those of the pack's circle."""
    (covered, total), minutes = facts.headline(study), f"{max(study.minutes):g}"
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    shown = facts.percent(covered, total, language)
    known = facts.state(covered, total) == "known"
    parts = facts.share(covered, total, language).rsplit("（", 1)[0].rsplit(" (", 1)[0] if known else ""
    under = text("table.join", language).join(filter(None, (parts, _of_circle(judgement, language))))
    title = text("dashboard.card_reach", language, minutes=minutes, measure=measure)
    return {"key": "reach", "title": title, "value": shown, "under": under, "tone": ""}


def _of_circle(judgement: Judgement, language: Language) -> str:
    """Return the share of the pack's own circle, whose facilities may be fewer; "" without one."""
    circle = next((one for one in judgement.outcomes if one.target.check == "circle" and one.tally is not None), None)
    if circle is None or circle.tally is None:
        return ""
    value = facts.percent(*_floats(circle.tally), language)
    return text("dashboard.reach_circle", language, id=circle.target.id, value=value)


def _floats(tally: Tally) -> tuple[float, float]:
    """Return a tally as numbers of a frame: NaN for what is not known, infinite for what is withheld."""
    covered, total = (float("nan") if one is None else float(one) for one in (tally.numerator, tally.denominator))
    return covered, total


def _gap_card(study: Study, judgement: Judgement, language: Language) -> Entry:
    if study.gaps is None:
        return _card("gaps", text("fact.no_data", language), "", "", language)
    if not judged.any_units([judgement]):
        return _card("gaps", text("table.none", language), text("dashboard.gaps_no_units", language), "", language)
    own = study.gaps[study.gaps["pack"] == judgement.pack.id]
    lacking = set(own["area_id"])
    units = lacking.union(*(one.units.index for one in judgement.outcomes if one.units is not None))
    if own["gap"].eq("beyond").any():
        level = own.loc[own["gap"].eq("beyond"), "level"].iloc[0]
        units |= set(study.areas.loc[study.areas["level"] == level, "area_id"])
    under = text("dashboard.gaps_of", language, lacking=len(lacking), all=len(units), gaps=len(own))
    return _card("gaps", str(len(lacking)), under, "bad" if lacking else "good", language)


def _card(key: str, value: str, under: str, tone: str, language: Language) -> Entry:
    return {"key": key, "title": text(f"dashboard.card_{key}", language), "value": value, "under": under, "tone": tone}


# Targets


def _row(place: int, outcome: Outcome, judgement: Judgement, language: Language) -> Entry:
    target, verdict, day = outcome.target, outcome.verdict, judgement.as_of
    whole = judged.standing(outcome)
    return {
        "id": target.id,
        "place": place,
        "clause": target.clause,
        "title": target.title.said(language),
        "verdict": verdict.word,
        "gravity": GRAVITY.index(verdict.word),
        "force": target.force,
        "force_word": text(f"policy.force_{target.force}", language),
        "demanded": judged.demanded(target, language),
        "deadline": judged.deadline(target, language),
        "day": target.deadline.isoformat() if target.deadline else "9999",
        "values": [_of_line(outcome, line, language, day) for line in (whole, *outcome.by_area())],
        "short": float(_short(outcome)),
        "quote": target.quote,
        "description": target.description.said(language),
        "note": target.note.said(language) if target.note else "",
        "readings": _readings(outcome, language, day),
        "taken": _taken(outcome, language),
        "years": [_named(judged.period(one, language), outcome, one, language) for one in outcome.by_period()],
        "items": _items(outcome, language),
        "items_cut": _cut(len(outcome.by_item()), language),
        "remarks": outcome.reasons,
        "kin": _kin(outcome, language),
        "source": judged.sources(outcome, day, language),
        "circle": _circle(outcome.circle, language) if outcome.circle is not None else None,
    }


def _short(outcome: Outcome) -> Fraction:
    """Return how far below its threshold a target is, as a part of the threshold, for sorting; 0 where it is not."""
    target, found = outcome.target, judged.amount(outcome.target, judged.standing(outcome).tally)
    if (
        found is None
        or not target.threshold
        or target.metric in judged.EACH
        or target.comparison not in {">=", "=", ">"}
    ):
        return Fraction(0)
    return max(Fraction(0), 1 - found / Fraction(target.threshold))


def _of_line(outcome: Outcome, line: Line, language: Language, day: date | None = None) -> Entry:
    """Return a line; with a day, the year that decided stands beside value and verdict where it is another."""
    target, verdict = outcome.target, line.verdict
    year, single = judged.other_year(verdict, day), judged.is_single(target, line)
    value = judged.value(target, line.tally, verdict, language, single=single)
    people = judged.of_people(outcome, line.reading)
    return {
        "area": line.area_id,
        "name": line.area_name,
        "value": judged.with_year(value, verdict, day, language),
        "year": text("table.year_of", language, year=year) if year else "",
        "parts": _parts(outcome, line, language),
        "gap": judged.gap(target, line.tally, verdict, language, people=people, single=single),
        "verdict": line.verdict.word,
    }


def _parts(outcome: Outcome, line: Line, language: Language) -> str:
    """Return numerator and denominator, "" where there are none or the value says them already."""
    tally = line.tally
    unknown = tally.numerator is None or tally.denominator in {None, 0} or judged.withheld(tally.numerator)
    says = outcome.target.metric in judged.EACH and not judged.is_single(outcome.target, line)
    if unknown or says or judged.withheld(tally.denominator):
        return ""
    shown = [
        facts.exact(judged.whole(outcome.target, Fraction(one or 0))) for one in (tally.numerator, tally.denominator)
    ]
    return text("dashboard.parts", language, covered=shown[0], total=shown[1])


def _named(name: str, outcome: Outcome, line: Line, language: Language, day: date | None = None) -> Entry:
    return _of_line(outcome, line, language, day) | {"name": name}


def _readings(outcome: Outcome, language: Language, day: date) -> list[Entry]:
    """Return the judged number and those by other readings, side by side."""
    others = outcome.by_reading()
    if not others:
        return []
    whole, name = judged.standing(outcome), text("dashboard.judged_reading", language)
    first = _named(name, outcome, whole, language, day) | {"judged": True}
    rest = [
        _named(judged.reading_words(outcome.target, one.reading, language), outcome, one, language) | {"judged": False}
        for one in others
    ]
    return [first, *rest]


def _taken(outcome: Outcome, language: Language) -> list[tuple[str, str]]:
    """Return each reading that was taken, and why."""
    why = {one.key: one.explanation.said(language) for one in outcome.target.readings}
    return [(words, why[key]) for key, words in judged.readings(outcome, language)]


def _items(outcome: Outcome, language: Language) -> list[Entry]:
    """Return the rows and items, the gravest first; of very many not all."""
    titles = {one.key: one.title.said(language) for one in outcome.target.items}
    lines = sorted(outcome.by_item(), key=lambda one: GRAVITY.index(one.verdict.word))[:MOST_ITEMS]
    return [_named(titles.get(one.item, one.item), outcome, one, language) for one in lines]


def _cut(many: int, language: Language) -> str:
    if many <= MOST_ITEMS:
        return ""
    return text("dashboard.items_cut", language, most=MOST_ITEMS, all=f"{many:,d}")


def _kin(outcome: Outcome, language: Language) -> list[str]:
    bare = Outcome(outcome.target, Verdict(outcome.verdict.word), reasons=outcome.reasons)
    return judged.remarks(bare, language)[len(outcome.reasons) :]


# The circle


def _circle(table: pd.DataFrame, language: Language) -> Entry:
    """Return the values of the whole place: by measure and speed, one column a limit."""
    whole = table[table["area_id"] == ""]
    limits = sorted(set(whole["minutes"]))
    return {
        "limits": [text("fact.minutes", language, value=f"{limit:g}") for limit in limits],
        "rows": [
            {"measure": measure, "speed": speed, "cells": cells}
            for measure, speed, cells in _circle_rows(whole, limits, language)
        ],
    }


def _circle_rows(
    whole: pd.DataFrame, limits: list[float], language: Language
) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield the rows, measure by measure, the slowest first; a measure is named in the first of its rows."""
    for measure in dict.fromkeys(whole["measure"]):
        name = facts.label("dashboard.measure_", measure, language)
        for (speed, traveller), part in whole[whole["measure"] == measure].groupby(["speed_mps", "profile"]):
            at = part.set_index("minutes")
            cells = [_circle_cell(measure, at, limit, language) for limit in limits]
            who = facts.label("fact.profile_", traveller, language)
            yield name, text("dashboard.at_speed", language, profile=who, speed=f"{speed:.2f}"), cells
            name = ""


def _circle_cell(measure: str, at: pd.DataFrame, limit: float, language: Language) -> tuple[str, str]:
    """Return a share, and what it is of."""
    if limit not in at.index:
        return text("fact.no_data", language), ""
    covered, total = (float(at[name].loc[limit]) for name in ("covered", "total"))
    shown = facts.percent(covered, total, language)
    if facts.state(covered, total) != "known":
        return shown, ""
    if measure == "land_m2":
        parts = f"{facts.down(covered / _SQUARE_KM, 2):,.2f} / {total / _SQUARE_KM:,.2f}"
        return shown, text("dashboard.square_km", language, parts=parts)
    inside, everything, _ = facts.whole_covered(covered, total)
    return shown, f"{inside:,d} / {everything:,d}"


# The schedule


def _schedule(state: ScheduleState, language: Language) -> Entry:
    units: dict[tuple[str, str], list[Progress]] = {}
    for one in state.rows:
        units.setdefault((one.unit_code, one.unit_name), []).append(one)
    return {
        "day": judged.day(state.as_of, language),
        "classes": [one.title.said(language) for one in state.classes],
        "totals": [_progress(one, language) for one in state.rows if one.unit_code == state.rows[-1].unit_code],
        "units": [
            {"name": name, "cells": [_progress(one, language) for one in cells]} for (_, name), cells in units.items()
        ],
        "notes": state.notes,
    }


def _progress(one: Progress, language: Language) -> Entry:
    """Return how far a class is: numbers, parts of the total for the bar, and whether it is on schedule."""
    aim = one.year_end if one.facility_class.yearly else one.total
    built = text("fact.no_data", language) if one.built is None else f"{one.built:,d}"
    none = one.total == 0
    yearly = one.facility_class.yearly
    judged_pace = yearly and one.built is not None
    return {
        "title": one.facility_class.title.said(language),
        "said": "" if none else text("dashboard.built_of", language, built=built, aim=aim, total=one.total),
        "part": 0 if none or not one.built else min(100, 100 * one.built // one.total),
        "mark": 100 * one.pace // one.total if yearly and one.total else None,
        "pace": text("fact.not_applicable", language) if none else pace_word(one, language) if judged_pace else "",
        "tone": _tone(one),
        "due": due.task_words(one, language),
        "late": one.due > 0 and one.verdict.word == "missed",
    }


def _tone(one: Progress) -> str:
    if one.total == 0 or not one.facility_class.yearly:
        return "not_applicable"
    if one.on_pace is None:
        return "no_data"
    if one.on_pace:
        return "met"
    return "to_be_verified" if one.built is not None and one.built + one.unverified >= one.pace else "missed"
