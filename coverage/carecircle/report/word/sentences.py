"""Sentences of the report, each made from the numbers that it says; what is not known is said to be so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from carecircle.gaps import KINDS
from carecircle.language import Language, text
from carecircle.policy.judge import GRAVITY
from carecircle.policy.results import Judgement, Outcome, Progress, ScheduleState
from carecircle.policy.vocabulary import vocabulary
from carecircle.report import due as dues
from carecircle.report import facts, judged, sitewords
from carecircle.report.tables.attainment import short_title
from carecircle.sources.facilities import in_operation

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

_ORDER = ("met", "missed", "in_progress", "to_be_verified", "no_data", "not_applicable", "monitored")
_TASKS = ("checklist", "share_of_units_with_document")
_PARTS = {"met": "met", "missed": "missed", "in_progress": "missed"}
"""Verdicts of parts of a task as done and not done; of all others nobody says."""
_MOST_NAMED = 20
_SHOWN_SITES = 20
Lines = Callable[[Judgement, Language], list[str]]


def numeral(number: int, language: Language) -> str:
    """Return the number of a heading: 一, 二 ... in Chinese."""
    signs = said("numerals", language)
    return signs[number - 1] if number <= len(signs) else str(number)


def said(key: str, language: Language, **values: object) -> str:
    """Return a sentence of the section ``word``."""
    return text(f"word.{key}", language, **values)


def listed(words: Iterable[str], language: Language) -> str:
    """Return words as a list: ``甲、乙、丙``."""
    return text("fact.list_join", language).join(words)


def day(value: date | None, language: Language) -> str:
    """Return a date as documents write it: ``2026年6月30日``."""
    if value is None:
        return text("fact.undated", language)
    return said("date", language, year=value.year, month=value.month, day=value.day)


# 一


def facilities(study: Study, language: Language) -> str:
    """Say how many facilities there are, and how many are in operation."""
    numbers = {"all": f"{len(study.facilities):,d}", "open": f"{int(in_operation(study.facilities).sum()):,d}"}
    if study.as_of is None:
        return said("facilities_undated", language, **numbers)
    return said("facilities", language, date=day(study.as_of, language), **numbers)


def reached(study: Study, language: Language) -> str:
    """Say how many people reach a facility in time, or why that is not known."""
    covered, total = facts.headline(study)
    state = facts.state(covered, total)
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    limit = f"{max(study.minutes):g}"
    if state != "known":
        return said(f"reached_{state}", language, measure=measure, minutes=limit)
    inside, everything, _ = (counted(study, part, language) for part in facts.whole_covered(covered, total))
    return said(
        "reached", language, measure=measure, minutes=limit, way=way(study, language), covered=inside, total=everything,
        percent=facts.percent(covered, total, language),
    )  # fmt: skip


def counted(study: Study, number: int, language: Language) -> str:
    """Return a number of what the shares of a study are of, people or points, with its counter."""
    points = facts.headline_measure(study) == "points"
    return said("points" if points else "people", language, value=f"{number:,d}")


def way(study: Study, language: Language) -> str:
    """Return how people travel in a word: on foot or not."""
    return said("on_foot" if study.profile.on_foot else "by_vehicle", language)


def verdicts(judgement: Judgement, language: Language) -> str:
    """Say how many targets of a pack came to what."""
    counts: Counter[str] = Counter(one.verdict.word for one in judgement.outcomes)
    parts = [
        said("so_many", language, word=judged.verdict_word(word, language), count=counts[word])
        for word in _ORDER
        if counts[word]
    ]
    named = document(judgement, language)
    return said("verdicts", language, document=named, count=len(judgement.outcomes), parts=listed(parts, language))


def document(judgement: Judgement, language: Language) -> str:
    """Return the name of a document with its signs, and whether it is a draft; a title inside has single signs."""
    pack = judgement.pack
    name = said("document", language, name=pack.document.replace("《", "〈").replace("》", "〉"))
    draft = pack.status == "draft" and "征求意见" not in pack.document
    return name + (said("draft", language) if draft else "")


def due(judgement: Judgement, language: Language) -> str:
    """Say what became of the hard targets that must be reached by now."""
    words = dues.due_counts(judgement)
    every, met, missed = sum(words.values()), words["met"], words["missed"]
    if not every:
        return said("none_due", language)
    rest = every - met - missed
    more = said("due_rest", language, count=rest) if rest else ""
    what = dues.what(judgement, language)
    return said("due", language, what=what, count=every, met=met, missed=missed, rest=more)


def big_numbers(study: Study, language: Language) -> list[tuple[str, str, str]]:
    """Return the four numbers that a reader sees first: number, words, and what it is of."""
    return [*_due_numbers(study, language), _reached_number(study, language), _gap_number(study, language)]


def _due_numbers(study: Study, language: Language) -> list[tuple[str, str, str]]:
    nothing = text("table.none", language)
    if not study.judgements:
        unjudged = said("not_judged_short", language)
        return [(nothing, said(f"number_{word}", language), unjudged) for word in ("met", "missed")]
    words = sum((Counter(dues.due_counts(one)) for one in study.judgements), Counter())
    what = max((dues.what(one, language) for one in study.judgements), key=len)
    every, missed = words.total(), words["missed"]
    met = f"{words['met']}/{every}" if every else nothing
    of = said("of_targets", language, what=what, missed=missed, due=every)
    return [
        (met, said("number_met", language), said("of_due", language, what=what)),
        (f"{missed}", said("number_missed", language), of),
    ]


def _reached_number(study: Study, language: Language) -> tuple[str, str, str]:
    covered, total = facts.headline(study)
    words = said("number_reached", language, minutes=f"{max(study.minutes):g}", way=way(study, language))
    if facts.state(covered, total) != "known":
        return facts.percent(covered, total, language), words, said("of_unknown", language)
    inside, everything, _ = (f"{part:,d}" for part in facts.whole_covered(covered, total))
    return facts.percent(covered, total, language), words, said("of_people", language, covered=inside, total=everything)


def _gap_number(study: Study, language: Language) -> tuple[str, str, str]:
    if study.gaps is None:
        return text("table.none", language), said("number_gaps", language), said("gaps_unknown", language)
    if not judged.any_units(study.judgements):
        return text("table.none", language), said("number_gaps", language), said("no_units", language)
    units, rows = f"{study.gaps['area_id'].nunique():,d}", f"{len(study.gaps):,d}"
    return units, said("number_gaps", language), said("of_gaps", language, rows=rows)


# 二、三


def missed(judgement: Judgement, language: Language) -> list[str]:
    """Say which hard targets and tasks are missed, each with what is short; or that none is, and what is not known."""
    counts, what = dues.due_counts(judgement), dues.what(judgement, language)
    found = [_shortfall(one, judgement.as_of, language) for one in judgement.missed()]
    found += [_late(one, judgement, language) for one in dues.missed_tasks(judgement)]
    if not found:
        unknown = counts["no_data"] + counts["to_be_verified"]
        return [said("none_missed_but" if unknown else "none_missed", language, what=what, count=unknown)]
    head = said("missed", language, what=what, count=len(found))
    return [head, *(_numbered(place, words, language) for place, words in enumerate(found, start=1))]


def _late(one: Progress, judgement: Judgement, language: Language) -> str:
    """Say of a task what was due and what stands."""
    return said(
        "missed_task", language, title=one.facility_class.title.said(language), unit=one.unit_name,
        id=dues.task_id(judgement, one), due=one.due, built=one.built, lacking=one.due - (one.built or 0),
    )  # fmt: skip


def _numbered(place: int, words: str, language: Language) -> str:
    return said("item", language, number=place, words=words)


def _value(outcome: Outcome, as_of: date, language: Language) -> str:
    """Return the value that stands in table 1, with the year that decided."""
    whole = judged.standing(outcome)
    value = judged.value(outcome.target, whole.tally, whole.verdict, language)
    return judged.with_year(value, whole.verdict, as_of, language)


def _gap(outcome: Outcome, language: Language) -> str:
    whole, people = judged.standing(outcome), judged.of_people(outcome)
    return judged.gap(outcome.target, whole.tally, whole.verdict, language, people=people)


def _shortfall(outcome: Outcome, as_of: date, language: Language) -> str:
    target = outcome.target
    words = {
        "title": target.title.said(language),
        "demanded": judged.demanded(target, language),
        "value": _value(outcome, as_of, language),
        "deadline": judged.deadline(target, language),
    }
    gap = _gap(outcome, language)
    known = gap != text("table.none", language)
    return said("shortfall" if known else "shortfall_unknown", language, gap=gap, **words)


def others(judgement: Judgement, language: Language) -> Iterator[str]:
    """Name the targets that are met, in progress, to be verified, soft ones missed, and those without data."""
    named = {one.target.id for one in judgement.missed()}
    for word in ("met", "in_progress", "to_be_verified", "missed", "no_data"):
        found = [one for one in judgement.outcomes if one.verdict.word == word and one.target.id not in named]
        if found:
            known = word not in {"to_be_verified", "no_data"}
            names = [
                _valued(one, judgement.as_of, language) if known else one.target.title.said(language) for one in found
            ]
            words = _semicolons(names, language) if known else listed(names, language)
            yield said(f"list_{word}", language, count=len(found), names=words)


def _valued(outcome: Outcome, as_of: date, language: Language) -> str:
    title = outcome.target.title.said(language)
    return said("valued", language, title=title, value=_value(outcome, as_of, language))


def tasks(judgement: Judgement, language: Language) -> list[str]:
    """Say for each target of documents and tasks what is done of it."""
    found = [one for one in judgement.outcomes if one.target.metric in _TASKS]
    words = [_task(one, judgement.as_of, language) for one in found]
    return [_numbered(place, one, language) for place, one in enumerate(words, start=1)]


def _task(outcome: Outcome, as_of: date, language: Language) -> str:
    target = outcome.target
    word = judged.with_year(judged.verdict_word(outcome.verdict.word, language), outcome.verdict, as_of, language)
    lines = [said("task", language, title=target.title.said(language), verdict=word)]
    if judged.standing(outcome).tally.numerator is not None:
        value = _value(outcome, as_of, language)
        lines = [said("task_of", language, title=target.title.said(language), verdict=word, value=value)]
    states = _parts_of_task(outcome, language)
    for state in ("met", "missed", "no_data"):
        names = [name for name, word in states if _PARTS.get(word, "no_data") == state]
        if names and len(states) > 1:
            lines.append(said(f"task_{state}", language, count=len(names), names=listed(names, language)))
    return "".join(lines)


def _parts_of_task(outcome: Outcome, language: Language) -> list[tuple[str, str]]:
    """Return the items of a checklist, or the places that have to do something, each with its verdict's word."""
    if outcome.target.metric != "checklist":
        places = [(line.area_name, line.verdict.word) for line in outcome.by_area()]
        return [*places, *((line.item, line.verdict.word) for line in outcome.by_item())]
    words = {line.item: line.verdict.word for line in outcome.by_item() if not line.area_id}
    return [(item.title.said(language), words.get(item.key, "no_data")) for item in outcome.target.items]


# 四


def by_limit(study: Study, language: Language) -> str:
    """Say how many people reach a facility within each limit, all areas of the widest level together."""
    level = next(iter(facts.levels(study)), "")
    if not level or facts.state(*facts.headline(study)) != "known":
        return ""
    numbers = facts.coverage_numbers(study, level)
    total = float(numbers["total"].sum(skipna=False))
    parts = []
    for limit in sorted(study.minutes):
        covered = float(numbers[f"covered_{limit:g}"].sum(skipna=False))
        inside = counted(study, facts.whole_covered(covered, total)[0], language)
        share = facts.percent(covered, total, language)
        parts.append(said("within", language, minutes=f"{limit:g}", covered=inside, percent=share))
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    return said("by_limit", language, measure=measure, way=way(study, language), parts=_semicolons(parts, language))


def speeds(study: Study, language: Language) -> list[str]:
    """Say how the share changes with the speed, from the first circle that was judged; nothing without one."""
    every = (one for judgement in study.judgements for one in judgement.outcomes)
    found = next(((one.target, one.circle) for one in every if one.circle is not None), None)
    if found is None:
        return []
    target, circle = found
    rows = circle[(circle["area_id"] == "") & (circle["measure"] == "people_60") & (circle["total"] > 0)]
    rows = rows[rows["minutes"] == rows["minutes"].max()].sort_values(["speed_mps", "profile"])
    if len(rows) < 2:
        return []
    triples = zip(rows["speed_mps"], rows["covered"].astype(float), rows["total"].astype(float), strict=True)
    parts = [
        said("at_speed", language, speed=f"{speed:.2f}", share=facts.percent(covered, total, language))
        for speed, covered, total in triples
    ]
    limit, title = f"{rows['minutes'].max():g}", target.title.said(language)
    return [said("speeds", language, title=title, minutes=limit, parts=_semicolons(parts, language))]


def by_county(study: Study, language: Language) -> str:
    """Say the share of each county within the largest limit; nothing where there is one county or none."""
    numbers = facts.coverage_numbers(study, "county") if "county" in facts.levels(study) else pd.DataFrame()
    if len(numbers) < 2:
        return ""
    limit = f"{max(study.minutes):g}"
    rows = zip(facts.names(numbers["name"], language), numbers[f"covered_{limit}"], numbers["total"], strict=True)
    parts = [
        said("county_share", language, name=name, share=facts.percent(covered, total, language))
        for name, covered, total in rows
    ]
    return said("by_county", language, minutes=limit, parts=_semicolons(parts, language))


def _semicolons(parts: Sequence[str], language: Language) -> str:
    return text("table.join", language).join(parts)


def unit_counts(states: pd.Series, level: str, language: Language) -> str:
    """Say how many units of a level have a facility, are served by a neighbour's, or have none."""
    counts = states.value_counts()
    kinds = ("has", "served", "unverified", "none", "no_data")
    parts = [
        said("so_many_units", language, word=text(f"figure.unit_{kind}", language), count=int(counts[kind]))
        for kind in kinds
        if kind in counts.index
    ]
    name = text(f"fact.level_{level}", language)
    return said("unit_counts", language, level=name, count=len(states), parts=listed(parts, language))


# 五、六


def gaps(study: Study, language: Language) -> str:
    """Say how many units lack something, and what."""
    if study.gaps is None:
        return said("gaps_not_computed", language)
    if study.gaps.empty:
        return said("gaps_none" if judged.any_units(study.judgements) else "gaps_no_units", language)
    counts = study.gaps["gap"].value_counts()
    kinds = [kind for kind in KINDS if kind in counts.index]
    parts = [
        said("so_many_gaps", language, word=text(f"gap.kind_{kind}", language), count=int(counts[kind]))
        for kind in kinds
    ]
    units, rows = study.gaps["area_id"].nunique(), len(study.gaps)
    return said("gaps", language, units=f"{units:,d}", rows=f"{rows:,d}", parts=listed(parts, language))


def schedule(state: ScheduleState, language: Language) -> list[str]:
    """Say for each class of a schedule how many stand, and how many are still to be built by the end of the year."""
    last = state.rows[-1].unit_code
    lines = [_scheduled(row, state, language) for row in state.rows if row.unit_code == last]
    return [_numbered(place, words, language) for place, words in enumerate(lines, start=1)]


def _scheduled(row: Progress, state: ScheduleState, language: Language) -> str:
    numbers = {"name": row.facility_class.title.said(language), "asked": row.year_end, "year": state.as_of.year}
    if row.built is None:
        return said("schedule_unknown", language, **numbers)
    if not row.year_end:
        return said("schedule_none", language, built=row.built, total=row.total, end=state.years[-1], **numbers)
    lacking = max(0, row.year_end - row.built)
    return said("schedule_open" if lacking else "schedule_done", language, built=row.built, lacking=lacking, **numbers)


def ahead(judgement: Judgement, language: Language) -> str:
    """Name the targets that fall due this year and are not met yet."""
    year, pack = judgement.as_of.year, short_title(judgement, language)
    found = [
        one
        for one in judgement.outcomes
        if one.target.deadline is not None
        and one.target.deadline.year == year
        and one.target.deadline >= judgement.as_of
        and one.verdict.word not in {"met", "not_applicable", "monitored"}
    ]
    if not found:
        return said("nothing_ahead", language, pack=pack, year=year)
    names = [_ahead(one, language) for one in found]
    return said("ahead", language, pack=pack, year=year, count=len(found), names=_semicolons(names, language))


def _ahead(outcome: Outcome, language: Language) -> str:
    gap = _gap(outcome, language)
    title = outcome.target.title.said(language)
    if gap == text("table.none", language):
        gap = judged.verdict_word(outcome.verdict.word, language)
    return said("valued", language, title=title, value=gap)


# 七


def needs(judgement: Judgement, language: Language) -> list[str]:
    """Say which sheets have to be filled in, and for which targets; then what else there are no data for."""
    sheets: dict[str, list[str]] = {}
    rest: list[str] = []
    for one in (one for one in judgement.outcomes if one.verdict.word == "no_data"):
        title = one.target.title.said(language)
        for name in dict.fromkeys(use.sheet for use in one.target.data.sheets):
            sheets.setdefault(name, []).append(title)
        if not one.target.data.sheets:
            rest.append(_reasoned(one, language))
    lines = [
        said("need_sheet", language, sheet=_sheet(name, language), names=listed(titles, language))
        for name, titles in sheets.items()
    ]
    verify = [one.target.title.said(language) for one in judgement.outcomes if one.verdict.word == "to_be_verified"]
    lines += rest
    if verify:
        lines.append(said("need_verify", language, names=listed(verify, language)))
    return [_numbered(place, words, language) for place, words in enumerate(lines, start=1)]


def _sheet(name: str, language: Language) -> str:
    return vocabulary().sheets[name].title.said(language)


def _reasoned(outcome: Outcome, language: Language) -> str:
    title, reasons = outcome.target.title.said(language), _semicolons(outcome.reasons, language)
    if not reasons:
        return said("need_other", language, title=title)
    return said("need_reason", language, title=title, reasons=reasons.rstrip("。."))


def readings(judgement: Judgement, language: Language) -> list[str]:
    """Say which readings were taken of what the text leaves open, each once, with the targets that have numbers."""
    found: dict[tuple[str, str, str], list[str]] = {}
    counted = [one for one in judgement.outcomes if one.tally is not None and one.tally.numerator is not None]
    for one in sorted(counted, key=lambda outcome: GRAVITY.index(outcome.verdict.word)):
        for reading in one.target.readings:
            taken = one.readings.get(reading.key, reading.default)
            option = reading.options[taken].said(language)
            found.setdefault((reading.key, option, reading.explanation.said(language)), []).append(one.target.id)
    lines = [
        said("reading", language, explanation=explanation, option=option, ids=_some(ids, language))
        for (_, option, explanation), ids in found.items()
    ]
    return [_numbered(place, words, language) for place, words in enumerate(lines, start=1)]


def _some(ids: list[str], language: Language) -> str:
    words = listed(sorted(ids[:_MOST_NAMED]), language)
    return words if len(ids) <= _MOST_NAMED else said("and_more", language, words=words, count=len(ids))


def sites(plan: SitingPlan, language: Language) -> list[str]:
    """Return how good the proposed sites are proven to be, and why each of the first ones stands where it does."""
    standing = text("siting_report.foot_word", language, standing=sitewords.standing(plan, language))
    why = [
        text("siting_report.word_reason", language, rank=f"{one['rank']:.0f}", name=sitewords.name_of(one), why=reason)
        for one in sitewords.records(plan)
        if (reason := sitewords.words(one["reason"]))
    ]
    return [standing, *why[:_SHOWN_SITES]]
