"""表6 居住区配建达标表: each estate, what it must have by the document, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.policy.judge import Word
from carecircle.policy.model import Condition, SheetUse, Target
from carecircle.policy.results import Judgement, Outcome
from carecircle.policy.sheets.parts import HOUSEHOLD, mode_of, parts_of
from carecircle.policy.sheets.rows import Case, exact, holds, rows_of
from carecircle.policy.vocabulary import vocabulary
from carecircle.report import facts, judged
from carecircle.report.disclosure import SMALL
from carecircle.report.tables.attainment import short_title
from carecircle.report.tables.cells import texts
from carecircle.report.tables.model import Cell, Head, Look, Table

if TYPE_CHECKING:
    from carecircle.model import Study

SHEET = "estates"
_FOUR = ("planned", "constructed", "accepted", "delivered")
_COUNTS = ("households", "people")
_COLUMNS: tuple[tuple[str, str, Look], ...] = (
    ("serial", "", "count"),
    ("estate", "", "text"),
    ("county", "", "text"),
    ("township", "", "text"),
    ("built", "", "text"),
    ("households", "", "count"),
    ("planned_people", "", "count"),
    ("required", "premises", "area"),
    ("actual", "premises", "area"),
    ("smallest", "premises", "area"),
    ("difference", "premises", "area"),
    ("four", "", "text"),
    ("transferred", "", "text"),
    ("use", "", "text"),
    ("whether_met", "", "text"),
)


def estates(study: Study, judgement: Judgement, language: Language | None = None) -> Table | None:
    """Return 表6 of a pack, None without a filled-in sheet of estates or without a target on them.

    What an estate must have is the larger of the rate (by households or people) and the least size of a single site, as
    the document's targets say for new and existing estates. Verdicts are those of the targets on each row; all
    comparisons are exact. What a published study marks as small is withheld, with what tells of it.
    """
    del study
    language = language or current_language()
    given, targets = judgement.inputs.get(SHEET), _targets(judgement)
    if given is None or given.empty or not targets:
        return None
    given = given.reset_index(drop=True).assign(row=range(1, len(given) + 1))
    words = _words(given, judgement)
    choices = {key: option for one in judgement.outcomes for key, option in one.readings.items()}
    found = [
        (_row(row, targets, choices, words[row["row"]], language), words[row["row"]])
        for row in given.to_dict("records")
    ]
    return Table(
        "6",
        text("table.title_6", language),
        tuple(
            Head(text(f"table.{name}", language), text(f"table.{group}", language) if group else "", look)
            for name, group, look in _COLUMNS
        ),
        tuple(row for row, _ in found),
        foot=_foot(judgement, [target.id for target, _ in targets], language),
        colours={place: word for place, (_, word) in enumerate(found)},
        verdict=len(_COLUMNS) - 1,
        pack=short_title(judgement, language),
        unit=text("table.unit_m2", language),
    )


def _targets(judgement: Judgement) -> list[tuple[Target, SheetUse]]:
    """Return the targets that say how large premises must be, with their use of the sheet."""
    sized = ("ratio_of_each", "value_of_each", "share_of_items")
    return [
        (one.target, use)
        for one in judgement.outcomes
        for use in one.target.data.sheets
        if use.sheet == SHEET and one.target.metric in sized and use.numerator
    ]


def fits(row: Mapping[Any, Any], conditions: tuple[Condition, ...]) -> bool:
    """Return whether a row of a sheet meets all conditions; an empty cell meets none."""
    columns = vocabulary().sheets[SHEET].columns
    return all(holds(row.get(one.column), one, columns[one.column]) for one in conditions)


def required(
    row: Mapping[Any, Any], targets: list[tuple[Target, SheetUse]], choices: Mapping[str, str]
) -> Fraction | None:
    """Return the floor area that an estate must have, None where it cannot be told.

    Examples
    --------
    1,200 households in a new estate of Lincang: the rate asks for 240 m2, a single site for 300.

    >>> from carecircle.policy import load_pack
    >>> pack = load_pack("lincang")
    >>> both = [(pack.target(name), pack.target(name).data.sheets[0]) for name in ("LC-19", "LC-20")]
    >>> required({"built": "新建", "households": 1200.0}, both, {})
    Fraction(300, 1)
    """
    wanted = [_wanted(row, target, use, choices) for target, use in targets if fits(row, use.rows)]
    sizes = [one for one in wanted if one is not None]
    return max(sizes) if sizes and len(sizes) == len(wanted) else None


def _wanted(row: Mapping[Any, Any], target: Target, use: SheetUse, choices: Mapping[str, str]) -> Fraction | None:
    if target.metric == "share_of_items":
        return exact(row.get(use.denominator[0])) if use.denominator else None
    threshold = Fraction(target.threshold or 0)
    if not use.denominator:
        return threshold
    base = exact(row.get(use.denominator[0]))
    if base is None and use.denominator[0] == "people":
        base = _people(row, choices)
    scale = 100 if target.threshold_unit == "m2_per_100_households" else 1
    return None if base is None else base * threshold / scale


def _people(row: Mapping[Any, Any], choices: Mapping[str, str]) -> Fraction | None:
    homes = exact(row.get("households"))
    size = HOUSEHOLD.get(choices.get("household_size", "persons_2_62"))
    return None if homes is None or size is None else homes * size


def _words(given: pd.DataFrame, judgement: Judgement) -> dict[int, Word]:
    """Return the gravest verdict on each row, as the targets judge it; estates that share premises together.

    A row that targets ask for but cannot place, such as one whose county is not known, is to be verified.
    """
    found: dict[int, list[Word]] = {row: [] for row in given["row"]}
    for one in judgement.outcomes:
        for use in (use for target, use in _targets(judgement) if target is one.target):
            words = _judged(given, one, use, judgement)
            for row in given.to_dict("records"):
                if row["row"] in words or fits(row, use.rows):
                    found[row["row"]].append(words.get(row["row"], "to_be_verified"))
    return {row: judged.gravest(words) or "not_applicable" for row, words in found.items()}


def _judged(given: pd.DataFrame, outcome: Outcome, use: SheetUse, judgement: Judgement) -> dict[int, Word]:
    """Return the verdict of a target on each row that it asks for."""
    sheets = {SHEET: given}
    case = Case(outcome.target, judgement.pack, sheets, judgement.counties, judgement.as_of, outcome.readings)
    rows = rows_of(case, use)
    parts = [] if isinstance(rows, str) else parts_of(case, use, rows, mode_of(case, use))
    return {row: part.own.verdict.word for part in parts if part.own is not None for row in part.rows}


def _foot(judgement: Judgement, ids: list[str], language: Language) -> tuple[str, ...]:
    join = text("fact.list_join", language)
    shared = [one.target.id for one in judgement.outcomes if one.readings.get("shared_premises") == "yes"]
    together = [name for name in shared if name in ids]
    found = [text("table.foot_estates", language, ids=join.join(ids)), text("table.foot_states", language)]
    return (*found, *([text("table.foot_shared", language, ids=join.join(together))] if together else []))


def _row(
    row: Mapping[Any, Any],
    targets: list[tuple[Target, SheetUse]],
    choices: Mapping[str, str],
    word: Word,
    language: Language,
) -> tuple[Cell, ...]:
    need, have, least = required(row, targets, choices), exact(row.get("premises_m2")), exact(row.get("smallest_m2"))
    named = texts(map(row.get, ("name", "county", "township", "built")))
    difference = None if need is None or have is None else have - need
    hidden = bool(row.get(SMALL, False))
    return (
        float(row["row"]),
        *named,
        *(_unless(hidden, judged.number(exact(row.get(name)), language), language) for name in _COUNTS),
        _unless(hidden, _area(need, language, upward=True), language),
        _area(have, language),
        _area(least, language),
        _unless(hidden, _area(difference, language), language),
        _yes_no([row.get(name) for name in _FOUR], language),
        *(_yes_no([row.get(name)], language) for name in ("transferred", "used_for_care")),
        judged.verdict_word(word, language),
    )


def _unless(hidden: bool, cell: Cell, language: Language) -> Cell:  # noqa: FBT001
    """Return a cell, or that it is not published."""
    return text("fact.withheld", language) if hidden else cell


def _area(value: Fraction | None, language: Language, *, upward: bool = False) -> Cell:
    """Return square metres with one decimal: what there is is cut, what is needed rounded up."""
    if value is None:
        return text("fact.no_data", language)
    return float(facts.exact(value, upward=upward).replace(",", ""))


def _yes_no(cells: list[Any], language: Language) -> str:
    """Return yes when all cells are, no when one is not, no data when one is empty."""
    if any(cell is False for cell in cells):
        return text("table.no", language)
    return (
        text("fact.no_data", language)
        if any(cell is None or pd.isna(cell) for cell in cells)
        else text("table.yes", language)
    )
