"""What a tally from sheets comes to: goals that all rows must reach, limits from above, periods, what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

from carecircle.policy.judge import GRAVITY, Tally, Verdict, judge, judge_years
from carecircle.policy.model import Target
from carecircle.policy.results import Line
from carecircle.policy.sheets.periods import last_day
from carecircle.policy.units import Choices

UNKNOWN = Tally(None)
"""Nothing is known."""


@dataclass(frozen=True)
class SheetResult:
    """What sheets say of a target.

    Parameters
    ----------
    tally, verdict
        Of the whole place; the tally is None where there is no data at all.
    lines
        By county, by period, by row or item.
    reasons
        Why there is no data, or what is incomplete; worded.
    sources
        ``("inputs",)`` or ``("registry",)``.
    """

    tally: Tally | None
    verdict: Verdict
    lines: tuple[Line, ...] = ()
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def no_data(*reasons: str, sources: tuple[str, ...] = ()) -> SheetResult:
    """Return the result where nothing is known."""
    return SheetResult(None, Verdict("no_data"), (), reasons, sources)


def unsure(result: SheetResult) -> SheetResult:
    """Return a result of which rows do not count since their counties are not known: met is only to be verified.

    What those rows say might have turned it.
    """
    if result.verdict.word != "met":
        return result
    return replace(result, verdict=replace(result.verdict, word="to_be_verified"))


def everyone(target: Target) -> Target:
    """Return the target that all rows (or units) reach it: 100 % of them.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> goal = everyone(load_pack("yuxi").target("YX-16"))
    >>> goal.comparison, str(goal.threshold), goal.threshold_unit
    ('>=', '100', 'percent')
    """
    if target.comparison == "none":
        return target
    goal = {"comparison": ">=", "threshold": Decimal(100), "upper": None, "threshold_unit": "percent"}
    return target.model_copy(update=goal)


def judged(target: Target, tally: Tally, as_of: date, chosen: Choices | None = None) -> Verdict:
    """Return the verdict on a tally, as `judge` does, with three cautions.

    * what is not known is no data, also where nothing is compared;
    * a limit from above is not kept for sure while there may be more than is counted;
    * more than the upper end of a range is a failure where the reading ``upper_limit`` is ``binding``.
    """
    if tally.numerator is None:
        return Verdict("no_data")
    verdict = judge(target, tally, as_of)
    if verdict.word == "met" and tally.unverified and _from_above(target):
        return Verdict("to_be_verified", verdict.value, 0)
    binding = (chosen or {}).get("upper_limit") == "binding" and is_above(target, tally)
    if verdict.word == "met" and binding and verdict.value is not None and target.upper is not None:
        excess = ceil(verdict.value - Fraction(target.upper))
        ahead = target.deadline is not None and as_of < target.deadline
        return Verdict("in_progress" if ahead else "missed", verdict.value, excess)
    return verdict


def _from_above(target: Target) -> bool:
    """Whether more may be too much: no more than, or none at all; not "all of them"."""
    full = target.threshold_unit == "percent" and target.threshold == 100
    return target.comparison in {"<=", "="} and not full


def is_above(target: Target, tally: Tally) -> bool:
    """Whether a number is above the upper end of a range."""
    return target.upper is not None and tally.numerator is not None and tally.numerator > target.upper


def aside(tally: Tally) -> Verdict:
    """Return the verdict on a part of a number that is demanded of the whole only: it is shown, not judged."""
    return Verdict("no_data") if tally.numerator is None else Verdict("monitored", Fraction(tally.numerator))


def dated(target: Target, period: str) -> Target:
    """Return the target with the end of a period for its day, where it has none: a year that is not over is open."""
    if target.deadline is not None or not period:
        return target
    return target.model_copy(update={"deadline": last_day(period)})


def decide(
    target: Target, tallies: Mapping[str, Tally], as_of: date, chosen: Choices | None = None
) -> tuple[str, Verdict]:
    """Return the period that decides, and the verdict: the worst of all, the last of those alike.

    Years are judged as `judge_years` does: one that is over and does not reach the target is missed.
    """
    verdicts = {period: of_period(target, period, tally, as_of, chosen) for period, tally in tallies.items()}
    worst = min(sorted(verdicts, reverse=True), key=lambda period: GRAVITY.index(verdicts[period].word))
    return worst, verdicts[worst]


def of_period(target: Target, period: str, tally: Tally, as_of: date, chosen: Choices | None = None) -> Verdict:
    """Return the verdict on the tally of a period."""
    goal = dated(target, period)
    if target.period == "yearly" and period.isdecimal() and tally.numerator is not None:
        if goal.comparison == "none" or goal.force == "definition":
            return judged(goal, tally, as_of, chosen)
        return judge_years(goal, {int(period): tally}, as_of)
    return judged(goal, tally, as_of, chosen)
