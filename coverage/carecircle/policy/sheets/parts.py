"""From rows of sheets to parts that add up: shares, rows judged one by one, rows that pass, counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import pandas as pd

from carecircle.policy.judge import Tally, Verdict, total
from carecircle.policy.model import SheetUse, Target
from carecircle.policy.results import Line
from carecircle.policy.sheets.goals import UNKNOWN, everyone, judged, of_period
from carecircle.policy.sheets.rows import Case, Rows, Truth, added, all_of, lacking, rows_of, truths
from carecircle.policy.units import readings_of

Mode = Literal["sum", "each", "share", "count"]
"""How rows become a number: both columns are added; each row is judged; rows that pass; rows or numbers are counted."""

HOUSEHOLD: Mapping[str, Fraction] = {"persons_2_62": Fraction("2.62"), "persons_3_2": Fraction("3.2")}
"""People a household, by the reading ``household_size``; 2.62 is the mean of the census of 2020 (第七次全国人口普查公报
第二号: 平均每个家庭户的人口为2.62人)."""


@dataclass(frozen=True)
class Part:
    """What one row adds.

    Parameters
    ----------
    area, period
        Where it belongs; `area` is "" for the whole.
    tally
        Adds up with those of other rows.
    own
        The row by itself, where it is judged by itself.
    rows
        Numbers of the rows it is made of.
    """

    area: str
    period: str
    tally: Tally
    own: Line | None = None
    rows: tuple[int, ...] = ()


def mode_of(case: Case, use: SheetUse) -> Mode:
    """Return how rows become a number."""
    level, metric = case.chosen.get("fund_level"), case.target.metric
    if metric in {"count", "count_per_period", "count_per_unit"}:
        return "count"
    if level:
        return "each" if level == "each" else "sum"
    if metric in {"ratio_of_each", "value_of_each", "checklist"}:
        return "each"
    return "share" if metric == "share_of_items" or use.passing else "sum"


def parts_of(case: Case, use: SheetUse, rows: Rows, mode: Mode) -> list[Part]:
    """Return what each row adds."""
    frame = rows.frame
    if mode == "count":
        tallies = _counts(use, frame)
        return [Part(area, period, tally, None, (row,)) for area, period, row, tally in _where(frame, tallies)]
    if mode == "share":
        return _shares(case, use, frame)
    pairs = _pairs(case, use, frame)
    if mode == "sum":
        return [Part(area, period, tally, None, (row,)) for area, period, row, tally in _where(frame, pairs)]
    return _each(case, use, frame, pairs)


def _where(frame: pd.DataFrame, tallies: Iterable[Tally]) -> list[tuple[str, str, int, Tally]]:
    rows = [int(row) if pd.notna(row) else 0 for row in frame["row"]]
    return list(zip(frame["area"], frame["period"], rows, tallies, strict=True))


def _counts(use: SheetUse, frame: pd.DataFrame) -> list[Tally]:
    """Return the number of each row: what its columns say, else one; one more may be where it is not sure to count."""
    if not use.numerator:
        return [Tally(1) if one else Tally(0, None, 1) for one in frame["counts"]]
    return [Tally(added(row)) for row in frame[list(use.numerator)].itertuples(index=False)]


def _pairs(case: Case, use: SheetUse, frame: pd.DataFrame) -> list[Tally]:
    """Return numerator and denominator of each row; None where a cell is empty."""
    if case.target.metric == "checklist":
        return _answers(use, frame)
    above = [added(row) for row in frame[list(use.numerator)].itertuples(index=False)]
    if not use.denominator:
        return [Tally(one) for one in above]
    below = [added(row) for row in frame[list(use.denominator)].itertuples(index=False)]
    if case.chosen.get("household_size"):
        size = HOUSEHOLD[case.chosen["household_size"]]
        reckoned = [None if one is None else one * size for one in frame["households"]]
        below = [other if one is None else one for one, other in zip(below, reckoned, strict=True)]
    return [Tally(*pair) if pair[1] is not None else UNKNOWN for pair in zip(above, below, strict=True)]


def _answers(use: SheetUse, frame: pd.DataFrame) -> list[Tally]:
    """Return how many columns say yes in each row; those that say nothing are unverified."""
    cells = frame[list(use.numerator)].itertuples(index=False)
    said = [[None if one is None else bool(one) for one in row] for row in cells]
    return [Tally(row.count(True), None, row.count(None)) for row in said]


def _each(case: Case, use: SheetUse, frame: pd.DataFrame, pairs: list[Tally]) -> list[Part]:
    """Return the rows judged one by one; estates of a township together where they may share."""
    if case.chosen.get("shared_premises") == "yes" and use.sheet == "estates":
        return _shared(case, frame, pairs)
    names, found = _names(case, frame), []
    for (area, period, row, pair), name, sure in zip(_where(frame, pairs), names, frame["counts"], strict=True):
        found.append(_judged_row(case, area, period, name, pair, sure, (row,)))
    return found


def _judged_row(case: Case, area: str, period: str, name: str, pair: Tally, sure: Truth, rows: tuple[int, ...]) -> Part:
    verdict = of_period(case.target, period, pair, case.as_of)
    if verdict.word == "no_data" or (sure is None and verdict.word not in {"met", "not_applicable"}):
        verdict = Verdict("to_be_verified", verdict.value)
    words: dict[str, Tally] = {"met": Tally(1, 1), "not_applicable": Tally(0, 0), "to_be_verified": Tally(0, 1, 1)}
    own = Line(pair, verdict, area, case.names().get(area, ""), period=period, item=name)
    return Part(area, period, words.get(verdict.word, Tally(0, 1)), own, rows)


def _shared(case: Case, frame: pd.DataFrame, pairs: list[Tally]) -> list[Part]:
    """Return townships judged as one estate each; an estate that names no township stands by itself."""
    groups: dict[tuple[str, str], list[tuple[int, Tally]]] = {}
    names = [place or name for place, name in zip(frame["township"], _names(case, frame), strict=True)]
    for (area, _, row, pair), name in zip(_where(frame, pairs), names, strict=True):
        groups.setdefault((area, name), []).append((row, pair))
    return [
        _judged_row(case, area, "", name, sum_of([pair for _, pair in members]), True, tuple(row for row, _ in members))
        for (area, name), members in groups.items()
    ]


def _names(case: Case, frame: pd.DataFrame) -> list[str]:
    """Return what each row is called: its name, or its place, county or level."""
    known = [name for name in ("name", "place", "county", "level") if name in frame]
    cells = frame[known].itertuples(index=False)
    return [next((str(cell) for cell in row if cell is not None), case.target.subject) for row in cells]


def _shares(case: Case, use: SheetUse, frame: pd.DataFrame) -> list[Part]:
    """Return for each row whether it passes; what its cells do not say is unverified."""
    passes, pairs = _passing(case, use, frame)
    found = []
    for (area, period, row, pair), name, passing, sure in zip(
        _where(frame, pairs), _names(case, frame), passes, frame["counts"], strict=True
    ):
        truth = passing if sure or passing else None
        tally = Tally(int(truth is True), 1, int(truth is None))
        goal = everyone(case.target)
        verdict = Verdict("to_be_verified") if truth is None else judged(goal, tally, case.as_of)
        own = Line(pair if use.denominator else tally, verdict, area, case.names().get(area, ""), item=name)
        found.append(Part(area, period, tally, own, (row,)))
    return found


def _passing(case: Case, use: SheetUse, frame: pd.DataFrame) -> tuple[list[Truth], list[Tally]]:
    """Return which rows pass: by conditions, by a number that reaches another, or by the targets that define it."""
    if use.passing:
        found = truths(frame, use.passing, use.sheet)
        return found, [Tally(int(one is True), 1, int(one is None)) for one in found]
    if use.numerator and use.denominator:
        pairs = _pairs(case, use, frame)
        return [
            None if pair.numerator is None or pair.denominator is None else pair.numerator >= pair.denominator
            for pair in pairs
        ], pairs
    defining = [_by_definition(case, one) for one in case.pack.targets if case.target.id in one.defines]
    rows = [int(row) for row in frame["row"]]
    found = [all_of(one.get(row) for one in defining) if defining else None for row in rows]
    return found, [Tally(int(one is True), 1, int(one is None)) for one in found]


def _by_definition(case: Case, target: Target) -> dict[int, Truth]:
    """Return for each row whether it passes a target that defines another."""
    (use,) = target.data.sheets
    own = replace(case, target=target, chosen=readings_of(target, case.chosen))
    rows = rows_of(own, use)
    parts = [] if isinstance(rows, str) else parts_of(own, use, rows, mode_of(own, use))
    return {row: _truth(part.tally) for part in parts for row in part.rows}


def _truth(tally: Tally) -> Truth:
    return None if tally.unverified else tally.numerator == tally.denominator


def lacking_cells(case: Case, use: SheetUse, rows: Rows, parts: Sequence[Part]) -> list[str]:
    """Return the reason that rows lack cells which their number needs."""
    unknown = [at for at, part in enumerate(parts) if part.tally.numerator is None or part.tally.unverified]
    if not unknown or len(parts) != len(rows.frame):
        return []
    needed = (*use.numerator, *use.denominator, *(one.column for one in (*use.passing, *use.rows)))
    if case.target.ownership and use.sheet == "institutions":
        needed = (*needed, "ownership")
    frame = rows.frame.iloc[unknown]
    columns = [name for name in dict.fromkeys(needed) if frame[name].isna().any()]
    return [lacking(frame[frame[columns].isna().any(axis=1)], columns, use.sheet)] if columns else []


def sum_of(tallies: Sequence[Tally], *, bounded: bool = False) -> Tally:
    """Return a sum; unknown where a part is, unless it is a part of a known number (`bounded`): then unverified."""
    known = [one for one in tallies if one.numerator is not None]
    unknown = [one.denominator for one in tallies if one.numerator is None]
    if unknown and not (bounded and known and all(one is not None for one in unknown)):
        return UNKNOWN
    more = [Tally(0, one, one) for one in unknown if one is not None]
    return total([*known, *more]) or UNKNOWN
