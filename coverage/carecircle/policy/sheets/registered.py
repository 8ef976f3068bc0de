"""What a registry shows of definitions and changes: functions that facilities have, kinds, shares a year before."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd

from carecircle.language import text
from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.model import SheetUse, Target
from carecircle.policy.results import Line
from carecircle.policy.sheets.goals import UNKNOWN, SheetResult, judged, no_data
from carecircle.policy.sheets.periods import year_before
from carecircle.policy.sheets.rows import Case, Rows, added, institutions_of, match_counties, truths
from carecircle.policy.units import counted_facilities
from carecircle.policy.vocabulary import vocabulary


def of_registry(case: Case) -> SheetResult:
    """Return the number of a target without sheets, which is watched and not judged.

    Of functions: facilities of the kinds that have all of them (by the readings), of those of the kinds; what a
    registry does not say is unverified. Of kinds: how many facilities there are of them, and of each. Of a network of
    levels: how many of its kinds there are at all.
    """
    if case.registry is None:
        return no_data(text("inputs.no_registry"))
    counts, there = _counts(case, case.target), _counts(case, case.target.model_copy(update={"functions": ()}))
    areas = match_counties(institutions_of(case.registry)["county"], case)
    names, lines = case.names(), []
    for area in sorted({area for area in areas if area}):
        inside = pd.Series([one == area for one in areas], index=counts.index)
        tally = _tally(case, counts[inside], there[inside])
        lines.append(Line(tally, _watched(case, tally), area, names.get(area, "")))
    tally = _tally(case, counts, there)
    reasons = (text("inputs.no_functions", count=tally.unverified),) if tally.unverified else ()
    return SheetResult(tally, _watched(case, tally), (*lines, *_kinds(case)), reasons, ("registry",))


def _counts(case: Case, target: Target) -> pd.Series:
    return counted_facilities(target, case.pack, case.registry, case.as_of, case.chosen)


def _tally(case: Case, counts: pd.Series, there: pd.Series) -> Tally:
    has, may = int(counts.eq(True).sum()), int(counts.isna().sum())
    if case.target.metric == "functions":
        return Tally(has, int(there.eq(True).sum()), may)
    if case.target.unit == "level":
        found = [_counts(case, case.target.model_copy(update={"kinds": (kind,)})) for kind in case.target.kinds]
        return Tally(sum(bool(one.loc[counts.index].eq(True).any()) for one in found), len(found))
    return Tally(has, None, may)


def _watched(case: Case, tally: Tally) -> Verdict:
    """Return that a number is shown and not judged, unless the text compares it."""
    if case.target.force == "definition" or case.target.comparison == "none":
        share = tally.denominator not in {None, 0} and tally.numerator is not None
        below = Fraction(tally.denominator) if share and tally.denominator is not None else Fraction(1)
        above = None if tally.denominator == 0 or tally.numerator is None else Fraction(tally.numerator) / below
        return Verdict("monitored", above)
    return judged(case.target, tally, case.as_of)


def _kinds(case: Case) -> tuple[Line, ...]:
    """Return a line for each kind of a target that says which kinds count."""
    if case.target.metric not in {"kinds", "monitor"}:
        return ()
    lines, known = [], vocabulary().with_kinds(case.pack.kinds).kinds
    for kind in case.target.kinds:
        counts = _counts(case, case.target.model_copy(update={"kinds": (kind,)}))
        tally = Tally(int(counts.eq(True).sum()), None, int(counts.isna().sum()))
        lines.append(Line(tally, Verdict("monitored", Fraction(tally.numerator or 0)), item=known[kind].title.said()))
    return tuple(lines)


# Change


def of_change(case: Case, use: SheetUse, rows: Rows) -> SheetResult:
    """Compare a share on the day with that a year before, told from the days on which institutions opened.

    What gives no day of opening stands on both days; beds are those of today. So only what opened since can change
    the share, and what closed since is not seen.
    """
    frame, before = rows.frame, year_before(case.as_of)
    opened = pd.to_datetime(frame["opened"], errors="coerce")
    if opened.isna().all():
        return no_data(*rows.reasons, text("inputs.no_opened"), sources=rows.sources)
    now, then = _share(frame, use), _share(frame[~(opened > pd.Timestamp(before))], use)
    lines = (Line(then, _shown(then), period=str(before)), Line(now, _shown(now), period=str(case.as_of)))
    reasons = (*rows.reasons, text("inputs.change", day=before))
    if opened.isna().any():
        reasons = (*reasons, text("inputs.some_opened", count=int(opened.isna().sum())))
    return SheetResult(now, _compared(case, now, then), lines, reasons, rows.sources)


def _share(frame: pd.DataFrame, use: SheetUse) -> Tally:
    if not use.numerator:
        passes = truths(frame, use.passing, use.sheet)
        return UNKNOWN if None in passes else Tally(passes.count(True), len(passes))
    above, below = (
        added(cell for row in frame[list(columns)].itertuples(index=False) for cell in row)
        for columns in (use.numerator, use.denominator)
    )
    return UNKNOWN if above is None or below is None else Tally(above, below)


def _value(tally: Tally) -> Fraction | None:
    if tally.numerator is None or not tally.denominator:
        return None
    return Fraction(tally.numerator) / Fraction(tally.denominator)


def _shown(tally: Tally) -> Verdict:
    return Verdict("no_data") if tally.numerator is None else Verdict("monitored", _value(tally))


def _compared(case: Case, now: Tally, then: Tally) -> Verdict:
    if now.numerator is None or then.numerator is None:
        return Verdict("no_data")
    value, old = _value(now), _value(then)
    if value is None or old is None:
        return Verdict("not_applicable")
    if value > old:
        return Verdict("met", value, 0)
    ahead = case.target.deadline is not None and case.as_of < case.target.deadline
    return Verdict("in_progress" if ahead else "missed", value)
