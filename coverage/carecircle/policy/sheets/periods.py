"""Periods that counties report for, as people write them: years, half-years and months."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

BY_PERIOD = frozenset({"yearly", "half_yearly", "monthly"})
"""Periods of targets that are judged period by period."""
_YEAR = r"((?:19|20)\d{2})"
_YEARLY = re.compile(rf"{_YEAR}(?:\.0|年度?|全年|年全年)?")
_HALF = re.compile(rf"{_YEAR}年?-?(上半年?|下半年?|h[12])", re.IGNORECASE)
_MONTH = r"(1[0-2]|0?[1-9])"
_MONTHLY = tuple(
    map(
        re.compile,
        (
            rf"{_YEAR}[-/.年]{_MONTH}(?:月份?)?",
            rf"{_YEAR}[-/.年]{_MONTH}[-/.月]\d{{1,2}}日?",
            rf"{_YEAR}(0[1-9]|1[0-2])(?:\d{{2}})?",
        ),
    )
)
"""A month, a day of it, and both without signs between."""
_SECOND = ("下", "2")


def period_of(said: str) -> str | None:
    """Return a period as it is compared: ``2025``, ``2026-H1``, ``2026-03``; "" for nothing, None for what is none.

    Examples
    --------
    >>> period_of("2025年"), period_of("2026年上半年"), period_of("2026年3月"), period_of("2026/3/1"), period_of("去年")
    ('2025', '2026-H1', '2026-03', '2026-03', None)
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", said)).removesuffix("00:00:00")
    if not plain:
        return ""
    if found := _YEARLY.fullmatch(plain):
        return found[1]
    if found := _HALF.fullmatch(plain):
        return f"{found[1]}-H{2 if any(mark in found[2] for mark in _SECOND) else 1}"
    found = next(filter(None, (pattern.fullmatch(plain) for pattern in _MONTHLY)), None)
    return f"{found[1]}-{int(found[2]):02}" if found else None


def first_day(period: str) -> date:
    """Return the day on which a period begins.

    Examples
    --------
    >>> str(first_day("2026-H2")), str(last_day("2026-02"))
    ('2026-07-01', '2026-02-28')
    """
    year, _, part = period.partition("-")
    month = {"": 1, "H1": 1, "H2": 7}.get(part) or int(part)
    return date(int(year), month, 1)


def last_day(period: str) -> date:
    """Return the day on which a period ends."""
    year, _, part = period.partition("-")
    month = {"": 12, "H1": 6, "H2": 12}.get(part) or int(part)
    return date(int(year), month, monthrange(int(year), month)[1])


def months_up_to(day: date, count: int = 12) -> tuple[str, ...]:
    """Return the last months that are over on a day, in order.

    Examples
    --------
    >>> months_up_to(date(2026, 6, 30), 2), months_up_to(date(2026, 6, 29), 2)
    (('2026-05', '2026-06'), ('2026-04', '2026-05'))
    """
    return tuple(reversed([one for one, _ in zip(_months_back(day), range(count), strict=False)]))


def _months_back(day: date) -> Iterator[str]:
    end = day if (day + timedelta(days=1)).day == 1 else day.replace(day=1) - timedelta(days=1)
    while True:
        yield f"{end.year}-{end.month:02}"
        end = end.replace(day=1) - timedelta(days=1)


def overlap(one: str, other: str) -> bool:
    """Whether two periods have days in common; no period has them with none but itself.

    Examples
    --------
    >>> overlap("2025", "2025-03"), overlap("2025-H2", "2025-03"), overlap("", "2025"), overlap("", "")
    (True, False, False, True)
    """
    if not (one and other):
        return one == other
    return first_day(one) <= last_day(other) and first_day(other) <= last_day(one)


def year_before(day: date) -> date:
    """Return the same day of the year before; of a leap day the 28th.

    Examples
    --------
    >>> str(year_before(date(2025, 2, 28))), str(year_before(date(2024, 2, 29))), str(year_before(date(2024, 12, 31)))
    ('2024-02-28', '2023-02-28', '2023-12-31')
    """
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
