"""Cells that several tables have: tallies as total, part and share; numbers, and the states that replace them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pandas as pd

from carecircle.language import Language, text
from carecircle.policy.judge import Tally
from carecircle.report import facts, judged
from carecircle.report.tables.model import Cell


def share_cell(covered: float, total: float, language: Language) -> Cell:
    """Return a share between 0 and 1, cut to the decimal that is shown, or the state that stands in for it."""
    known = facts.state(covered, total)
    if known != "known":
        return text(f"fact.{known}", language)
    cut = float(facts.thousandths(covered, total))
    return facts.percent(covered, total, language) if cut == 0 and covered > 0 else cut / 1000


def count_cell(value: float, language: Language) -> Cell:
    """Return a whole number, or the state that stands in for it."""
    absent = facts.absence(value)
    return text(f"fact.{absent}", language) if absent else float(facts.whole(value))


def number_cell(value: float, language: Language, digits: int = 1) -> Cell:
    """Return a number cut to the decimals that are shown, or the state that stands in for it."""
    absent = facts.absence(value)
    return text(f"fact.{absent}", language) if absent else facts.down(value, digits)


def tally_cells(tally: Tally | None, language: Language) -> tuple[Cell, Cell, Cell]:
    """Return total, part and share of a tally; where there is nothing to count the share is not applicable."""
    if tally is None or tally.denominator is None:
        return ("",) * 3 if tally is None else ("", judged.number(tally.numerator, language), "")
    total, part = judged.number(tally.denominator, language), judged.number(tally.numerator, language)
    if isinstance(total, str) or isinstance(part, str) or not total:
        state = part if isinstance(part, str) else total if isinstance(total, str) else ""
        return total, part, state or text("fact.not_applicable", language)
    cut = Fraction(tally.numerator or 0) * 1000 // Fraction(tally.denominator)
    tiny = cut == 0 and part > 0
    return total, part, facts.exact_percent(Fraction(1, 1000)) if tiny else float(cut) / 1000


def texts(values: Iterable[object]) -> list[str]:
    """Return names and words as text, "" where there are none."""
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in values]  # noqa: PLR0124


def county_names(frame: pd.DataFrame) -> dict[str, str]:
    """Return the names of counties by `area_id`, in their order."""
    return dict(zip(texts(frame["area_id"]), texts(frame["name"]), strict=True))
