"""表1 指标完成情况表: one row for each target of a pack."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from carecircle.language import Language, current_language, text
from carecircle.policy.judge import Quantity
from carecircle.policy.results import Judgement, Outcome
from carecircle.report import judged
from carecircle.report.tables.model import Cell, Head, Look, Table

if TYPE_CHECKING:
    from carecircle.model import Study

_COLUMNS: tuple[tuple[str, Look], ...] = (
    ("serial", "count"),
    ("clause", "wrap"),
    ("indicator", "wrap"),
    ("definition", "wrap"),
    ("numerator", "number"),
    ("denominator", "number"),
    ("value", "text"),
    ("demanded", "wrap"),
    ("deadline", "wrap"),
    ("gap", "wrap"),
    ("verdict", "text"),
    ("force", "wrap"),
    ("source", "wrap"),
    ("remark", "wrap"),
)


def attainment(study: Study, judgement: Judgement, language: Language | None = None) -> Table:
    """Return 表1: for each target of a pack the numbers, the verdict, what is short and how it was counted.

    The cells of numerator and denominator are numbers wherever something was counted; a plain count has no denominator.
    """
    del study
    language = language or current_language()
    rows = [_row(place, one, judgement, language) for place, one in enumerate(judgement.outcomes, start=1)]
    foot = [text(f"table.foot_{name}", language) for name in ("cut", "states")]
    if judgement.pack.status == "draft":
        foot.append(text("table.foot_draft", language))
    return Table(
        "1",
        text("table.title_1", language),
        tuple(Head(text(f"table.{name}", language), "", look) for name, look in _COLUMNS),
        tuple(rows),
        foot=(*foot, *judgement.notes),
        colours={place: one.verdict.word for place, one in enumerate(judgement.outcomes)},
        verdict=[name for name, _ in _COLUMNS].index("verdict"),
        pack=short_title(judgement, language),
    )


def short_title(judgement: Judgement, language: Language | None = None) -> str:
    """Return the short title of a pack's document, without what stands in brackets."""
    said = judgement.pack.title.said(language)
    return said.split("（", maxsplit=1)[0].split(" (", maxsplit=1)[0].strip()


def _whole(outcome: Outcome, amount: Quantity | None) -> Quantity | None:
    """Return a number of people or units cut to whole ones; others, and what is absent, as they are."""
    if amount is None or judged.withheld(amount):
        return amount
    return judged.whole(outcome.target, Fraction(amount))


def _row(place: int, outcome: Outcome, judgement: Judgement, language: Language) -> tuple[Cell, ...]:
    target, whole, day = outcome.target, judged.standing(outcome), judgement.as_of
    tally, verdict = whole.tally, whole.verdict
    counts = tally.numerator is not None and tally.denominator is None
    absent = "not_applicable" if verdict.word == "not_applicable" and outcome.tally is None else "no_data"
    return (
        float(place),
        text("table.clause_id", language, clause=target.clause, id=target.id),
        target.title.said(language),
        judged.definition(outcome, language),
        judged.number(_whole(outcome, tally.numerator), language, absent=absent),
        judged.number(_whole(outcome, tally.denominator), language, absent="" if counts else absent),
        judged.with_year(judged.value(target, tally, verdict, language), verdict, day, language),
        judged.demanded(target, language),
        judged.deadline(target, language),
        judged.gap(target, tally, verdict, language, people=judged.of_people(outcome)),
        judged.with_year(judged.verdict_word(verdict.word, language), verdict, day, language),
        text(f"policy.force_{target.force}", language),
        judged.sources(outcome, day, language),
        "\n".join(judged.remarks(outcome, language)),
    )
