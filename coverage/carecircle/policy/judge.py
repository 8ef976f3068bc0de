"""Verdicts: whether a number reaches a target, by exact arithmetic, on a day.

A tally adds up (numerators and denominators, never rates); a verdict is taken of the sum. Shares are compared as
fractions: 55 of 100 are 55 %, where binary floating point would ask for 56.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Literal

from carecircle.policy.model import Target

Word = Literal["met", "missed", "in_progress", "not_applicable", "no_data", "to_be_verified", "monitored"]
"""Met; missed (its day is past, or it has none); in progress (its day is ahead); nothing to count; nothing known; it
depends on facilities of which too little is known; no threshold in the text."""
Quantity = int | Decimal | Fraction

_SCALES: Mapping[str, int] = {"percent": 100, "m2_per_100_households": 100, "places_per_1000_people": 1000}
"""What a ratio is multiplied with before it is compared; nothing with other units."""


@dataclass(frozen=True)
class Tally:
    """Something counted.

    Parameters
    ----------
    numerator
        What was found; None where nothing is known of it.
    denominator
        Out of how many, or per how much; None for a plain count, whose numerator is compared itself.
    unverified
        How much more the numerator may be: units whose facilities do not say what they must have.

    Examples
    --------
    >>> Tally(3, 7) + Tally(2, 3, 1)
    Tally(numerator=Fraction(5, 1), denominator=Fraction(10, 1), unverified=Fraction(1, 1))
    """

    numerator: Quantity | None
    denominator: Quantity | None = None
    unverified: Quantity = 0

    def __add__(self, other: Tally) -> Tally:
        """Return the sum: what is unknown of one part is unknown of the whole."""
        if (self.denominator is None) != (other.denominator is None):
            raise ValueError("a count and a share do not add up")
        unknown = self.numerator is None or other.numerator is None
        return Tally(
            None if unknown else _exact(self.numerator) + _exact(other.numerator),
            None if self.denominator is None else _exact(self.denominator) + _exact(other.denominator),
            _exact(self.unverified) + _exact(other.unverified),
        )


@dataclass(frozen=True)
class Verdict:
    """What became of a target.

    Parameters
    ----------
    word
        See `Word`.
    value
        The share or number in the target's own unit, exact; None where there is none.
    shortfall
        How many more are needed, in whole units of the numerator (areas, beds, households ...); 0 when met, None where
        nothing is compared. With a limit from above (no more than, none at all): how many are too many.
    year
        The year that decided, of a target that is judged year by year.
    """

    word: Word
    value: Fraction | None = None
    shortfall: int | None = None
    year: int | None = None


def judge(target: Target, tally: Tally, as_of: date) -> Verdict:
    """Return the verdict on a tally.

    Parameters
    ----------
    target
        What is demanded.
    tally
        What was found.
    as_of
        The day the data stand for: what is not met is in progress before its deadline, and missed from that day on.

    Returns
    -------
    Verdict
        A range (3 to 5) is judged by its lower end. What has no deadline is missed when it is not met.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> towns = load_pack("yuxi").target("YX-03")
    >>> judge(towns, Tally(33, 51), date(2026, 6, 30))
    Verdict(word='in_progress', value=Fraction(1100, 17), shortfall=1, year=None)
    >>> judge(towns, Tally(34, 51), date(2026, 6, 30)).word, judge(towns, Tally(0, 0), date(2026, 6, 30)).word
    ('met', 'not_applicable')
    """
    if target.comparison == "none" or target.threshold is None or target.force == "definition":
        return Verdict("monitored", _value(target, tally))
    if tally.denominator == 0:
        return Verdict("not_applicable")
    value = _value(target, tally)
    if value is None:
        return Verdict("no_data")
    missing = _missing(target, tally)
    if missing == 0:
        return Verdict("met", value, 0)
    if 0 < missing <= tally.unverified:
        return Verdict("to_be_verified", value, missing)
    ahead = target.deadline is not None and as_of < target.deadline
    return Verdict("in_progress" if ahead else "missed", value, missing)


def judge_years(target: Target, tallies: Mapping[int, Tally], as_of: date) -> Verdict:
    """Return the verdict on a target that must hold in every year (稳定在): the worst of the years that are given.

    A year that is over and does not reach it is missed, whatever follows; so the whole is. Of several years that are
    equally grave the last one decides.

    Raises
    ------
    ValueError
        No year is given.
    """
    found = [(year, judge(target, tally, min(as_of, date(year, 12, 31)))) for year, tally in sorted(tallies.items())]
    if not found:
        raise ValueError("no year is given")
    years = [(year, _closed(one) if date(year, 12, 31) <= as_of else one) for year, one in found]
    worst = min(reversed(years), key=lambda pair: GRAVITY.index(pair[1].word))
    return Verdict(worst[1].word, worst[1].value, worst[1].shortfall, worst[0])


GRAVITY: tuple[Word, ...] = (
    "missed", "to_be_verified", "no_data", "in_progress", "met", "not_applicable", "monitored",
)  # fmt: skip


def _closed(verdict: Verdict) -> Verdict:
    """Return the verdict on a year that is over: nothing is in progress any more."""
    return Verdict("missed", verdict.value, verdict.shortfall) if verdict.word == "in_progress" else verdict


def total(tallies: Iterable[Tally]) -> Tally | None:
    """Return the sum of tallies, None of none: a rate of the whole is never a mean of rates."""
    result: Tally | None = None
    for tally in tallies:
        result = tally if result is None else result + tally
    return result


def needed(share: Quantity, denominator: Quantity) -> int:
    """Return the least whole number that is at least `share` per cent of a denominator.

    Examples
    --------
    >>> needed(65, 51), needed(90, 294), needed(55, 100), needed(Decimal("0.5"), 400)
    (34, 265, 55, 2)
    """
    return ceil(_exact(share) * _exact(denominator) / 100)


def _exact(quantity: Quantity | None) -> Fraction:
    """Return an exact number; floats are refused, for they are not."""
    if quantity is None or isinstance(quantity, float):
        raise TypeError(f"not exact: {quantity!r}")
    return Fraction(quantity)


def _value(target: Target, tally: Tally) -> Fraction | None:
    """Return the tally in the target's unit, None where it is unknown or nothing is counted."""
    if tally.numerator is None or tally.denominator == 0:
        return None
    if tally.denominator is None:
        return _exact(tally.numerator)
    scale = _SCALES.get(target.threshold_unit, 1)
    return scale * _exact(tally.numerator) / _exact(tally.denominator)


def _missing(target: Target, tally: Tally) -> int:
    """Return by how many whole units the numerator is too small, or too large; 0 where the target is reached."""
    limit, have = _exact(target.threshold), _exact(tally.numerator)
    if tally.denominator is not None:
        limit *= _exact(tally.denominator) / _SCALES.get(target.threshold_unit, 1)
    below, above = max(0, ceil(limit - have)), max(0, ceil(have - limit))
    if target.comparison == ">":
        return below if have > limit else max(1, int(limit - have) + 1)
    if target.comparison in {">=", "between"}:
        return below
    if target.comparison == "=" and not _is_full(target):
        return below or above
    return above if target.comparison == "<=" else below


def _is_full(target: Target) -> bool:
    """Whether "equal" means all of them: a share of 100 %."""
    return target.threshold_unit == "percent" and target.threshold == 100
