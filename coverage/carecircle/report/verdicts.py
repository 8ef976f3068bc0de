"""The verdicts as data for other programs: ``verdicts.json``, with exact numbers beside those that are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from carecircle.language import Language, current_language
from carecircle.policy.judge import GRAVITY, Quantity
from carecircle.policy.model import Target
from carecircle.policy.results import Judgement, Line, Outcome, Progress
from carecircle.report import due, judged

if TYPE_CHECKING:
    from carecircle.model import Study

WITHHELD = "withheld"
"""What stands in place of a number that is not published."""
Plain = int | float | str | None


def verdicts(study: Study, language: Language | None = None) -> dict[str, Any]:
    """Return what judging gave, as values that JSON can hold.

    Parameters
    ----------
    study
        The study.
    language
        Of titles, readings and reasons; defaults to the language in force.

    Returns
    -------
    dict
        ``title, as_of, fictional`` and ``packs``: for each its ``id, title, document, number, status, as_of``,
        ``counts`` of targets by verdict, ``due_hard`` (hard targets and tasks of the schedule that are due, by
        verdict: the sums of ``due_hard_targets`` and ``due_hard_tasks``; a task is met where what was due stands),
        ``missed_hard`` (ids of those missed, as many as ``due_hard`` says), ``targets``, ``schedule`` and
        ``notes``. Exact numbers are whole or text such as ``"1100/17"``; ``value`` is the number that is shown,
        cut; what is not known is null. `numerator`, `denominator`, `value` and `shortfall` of a target are of the
        year in `decided_by_year`, where one of several years decided.
    """
    language = language or current_language()
    return {
        "title": study.title,
        "as_of": study.as_of.isoformat() if study.as_of else None,
        "fictional": study.fictional,
        "packs": [_pack(one, language) for one in study.judgements],
    }


def _pack(judgement: Judgement, language: Language) -> dict[str, Any]:
    pack, state = judgement.pack, judgement.schedule
    return {
        "id": pack.id,
        "title": pack.title.said(language),
        "document": pack.document,
        "number": pack.number,
        "status": pack.status,
        "as_of": judgement.as_of.isoformat(),
        "counts": counts(judgement.outcomes),
        "due_hard": due.due_counts(judgement),
        "due_hard_targets": due.target_counts(judgement),
        "due_hard_tasks": due.task_counts(judgement),
        "missed_hard": list(judgement.missed_hard()),
        "targets": [_target(one, language) for one in judgement.outcomes],
        "schedule": [_progress(one, language) for one in state.rows] if state else [],
        "notes": list(judgement.notes),
    }


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many outcomes there are of each verdict, all verdicts named, the gravest first."""
    found = Counter(one.verdict.word for one in outcomes)
    return {word: found[word] for word in GRAVITY}


def _target(outcome: Outcome, language: Language) -> dict[str, Any]:
    target = outcome.target
    return {
        "id": target.id,
        "clause": target.clause,
        "title": target.title.said(language),
        "quote": target.quote,
        "force": target.force,
        "check": target.check,
        "threshold": exact(target.threshold),
        "upper": exact(target.upper),
        "comparison": target.comparison,
        "unit": target.threshold_unit,
        "counted": target.unit,
        "minutes": exact(target.minutes),
        "deadline": target.deadline.isoformat() if target.deadline else None,
        **_numbers(target, judged.standing(outcome)),
        "decided_by_year": outcome.verdict.year,
        "readings": dict(outcome.readings),
        "by_county": [_line(target, one) for one in outcome.by_area()],
        "by_reading": [_line(target, one) for one in outcome.by_reading()],
        "by_period": [_line(target, one) for one in outcome.by_period()],
        "same_as": list(target.same_as),
        "conflicts_with": list(target.conflicts_with),
        "sources": list(outcome.sources),
        "reasons": list(outcome.reasons),
        "notes": [target.note.said(language)] if target.note else [],
    }


def _line(target: Target, line: Line) -> dict[str, Any]:
    about = {"area_id": line.area_id, "area": line.area_name, "reading": line.reading, "period": line.period}
    numbers = _numbers(target, line)
    return (
        {key: words for key, words in about.items() if words}
        | numbers
        | ({"estimated": True} if line.estimated else {})
    )


def _numbers(target: Target, line: Line) -> dict[str, Any]:
    """Return the numbers of a line; all are of the same pair."""
    tally = line.tally
    value = judged.amount(target, tally)
    return {
        "verdict": line.verdict.word,
        "numerator": exact(tally.numerator),
        "denominator": exact(tally.denominator),
        "unverified": exact(tally.unverified),
        "value": shown(target, value),
        "value_exact": exact(value),
        "shortfall": judged.shortfall(target, tally, line.verdict),
    }


def shown(target: Target, value: Fraction | None) -> float | None:
    """Return a value with as many decimals as tables have, cut: a miss never reads as a pass."""
    if value is None:
        return None
    digits = 10 ** (2 if target.threshold_unit == "m2_per_person" else 1)
    cut = -(-value * digits // 1) if target.comparison == "<=" else value * digits // 1
    return float(Fraction(int(cut), digits))


def exact(quantity: Quantity | None) -> Plain:
    """Return an exact number as JSON can hold it: whole, or text such as ``"1100/17"``.

    Examples
    --------
    >>> exact(Fraction(1100, 17)), exact(Fraction(4, 2)), exact(None)
    ('1100/17', 2, None)
    """
    if quantity is None:
        return None
    if judged.withheld(quantity):
        return WITHHELD
    found = Fraction(quantity)
    return found.numerator if found.denominator == 1 else f"{found.numerator}/{found.denominator}"


def _progress(one: Progress, language: Language) -> dict[str, Any]:
    return {
        "unit_code": one.unit_code,
        "unit": one.unit_name,
        "class": one.facility_class.key,
        "title": one.facility_class.title.said(language),
        "built": one.built,
        "unverified": one.unverified,
        "total": one.total,
        "by_year": {str(year): number for year, number in one.by_year.items()},
        "due": one.due,
        "year_end": one.year_end,
        "pace": one.pace,
        "verdict": one.verdict.word,
        "on_pace": one.on_pace,
    }
