"""Targets that are judged by the sheets a county fills in: tallies, verdicts, and lines by county, period and row.

* Numbers are exact and add up: the whole is the sum of the counties, never a mean of rates.
* What is unknown of a part is unknown of the whole: a county without a row in a sheet that has one row a county, and a
  row without its number. Of lists (institutions, estates, places) a county without a row is only named; a number that
  some rows of a county's institutions lack, out of one that they give, is unverified.
* Where all must pass (each estate, each institution), the tally is of the rows: those that pass, of those judged.
* A row that names no county belongs to the whole. One that names a county which is none of the place's does not count,
  and is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import pandas as pd

from carecircle.language import text
from carecircle.policy.judge import GRAVITY, Tally, Verdict
from carecircle.policy.model import Pack, SheetUse, Target
from carecircle.policy.results import Line
from carecircle.policy.sheets.documents import of_checklist
from carecircle.policy.sheets.goals import (
    UNKNOWN,
    SheetResult,
    aside,
    decide,
    everyone,
    is_above,
    judged,
    no_data,
    of_period,
    unsure,
)
from carecircle.policy.sheets.parts import Mode, Part, lacking_cells, mode_of, parts_of, sum_of
from carecircle.policy.sheets.periods import BY_PERIOD, first_day, last_day, months_up_to, period_of
from carecircle.policy.sheets.registered import of_change, of_registry
from carecircle.policy.sheets.rows import Case, Inputs, Rows, expected_counties, rows_of, title, value_of
from carecircle.policy.units import Choices, readings_of
from carecircle.policy.vocabulary import vocabulary

__all__ = ["SheetResult", "declared", "tally_sheets"]


def tally_sheets(
    target: Target,
    pack: Pack,
    inputs: Inputs,
    counties: pd.DataFrame,
    as_of: date,
    given: Choices | None = None,
    *,
    registry: pd.DataFrame | None = None,
) -> SheetResult:
    """Judge a target of check ``table``, ``document`` or ``none`` by filled-in sheets, or by the registry.

    Parameters
    ----------
    target, pack
        What is demanded.
    inputs
        Sheets from `read_inputs_book`, by name.
    counties
        ``area_id`` and ``name`` of the counties; may be empty.
    as_of
        The day.
    given
        Readings other than the defaults.
    registry
        From `read_facilities`; used where the sheet of institutions is not given and has nothing that it lacks.

    Returns
    -------
    SheetResult
        ``no_data`` with a reason that names the sheet where it is missing.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> pack = load_pack("yuxi")
    >>> cells = {"county": ["甲县", "乙县"], "kind": ["养老院"] * 2, "beds": [600.0, 400.0]}
    >>> cells["nursing_beds"] = [450.0, 250.0]
    >>> counties = pd.DataFrame({"area_id": ["530401", "530402"], "name": ["甲县", "乙县"]})
    >>> found = tally_sheets(
    ...     pack.target("YX-01"), pack, {"institutions": pd.DataFrame(cells)}, counties, date(2026, 6, 30)
    ... )
    >>> str(found.tally.numerator), str(found.tally.denominator), found.verdict.word
    ('700', '1000', 'met')
    """
    case = Case(target, pack, inputs, counties, as_of, readings_of(target, given), registry)
    if not target.data.sheets:
        return of_registry(case)
    found = [_of_use(case, use) for use in target.data.sheets]
    return found[0] if len(found) == 1 else _together(case, found)


def declared(target: Target, pack: Pack, inputs: Inputs, counties: pd.DataFrame, period: str | int) -> Tally | None:
    """Return the numerator and denominator that the sheet of ratios gives of a target for a past period.

    Rows count and add up as in every other sheet: None where one of the counties is missing, or a cell is empty.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> pack = load_pack("yuxi")
    >>> counties = pd.DataFrame({"area_id": ["530402", "530403"], "name": ["红塔区", "江川区"]})
    >>> rows = {"target": "YX-03", "county": ["红塔区", "江川区"], "period": ["2025年"] * 2}
    >>> rows |= {"numerator": [20.0, 14.0], "denominator": [30.0, 21.0], "row": [5, 6]}
    >>> found = declared(pack.target("YX-03"), pack, {"ratios": pd.DataFrame(rows)}, counties, 2025)
    >>> str(found.numerator), str(found.denominator)
    ('34', '51')
    """
    table = inputs.get("ratios")
    if table is None:
        return None
    said = [period_of(str(one)) if one is not None else "" for one in table["period"]]
    rows_then = {"ratios": table[[one == str(period) for one in said]]}
    case = Case(target, pack, rows_then, counties, last_day(str(period)), readings_of(target, None))
    rows = rows_of(case, _RATIO)
    if isinstance(rows, str) or rows.frame.empty:
        return None
    tally, _ = _Gathered(case, _RATIO, rows, "sum", ()).whole(parts_of(case, _RATIO, rows, "sum"))
    return None if tally.numerator is None or tally.denominator is None else tally


_RATIO = SheetUse(sheet="ratios", numerator=("numerator",), denominator=("denominator",))
"""How the sheet of ratios is read of any target."""


def _together(case: Case, found: Sequence[SheetResult]) -> SheetResult:
    """Return the worst of several numbers that must all pass; each is a line of its own."""
    worst = min(found, key=lambda one: GRAVITY.index(one.verdict.word))
    lines: list[Line] = []
    for use, one in zip(case.target.data.sheets, found, strict=True):
        name = _said(use)
        own = [Line(one.tally or UNKNOWN, one.verdict, item=name)]
        own += [replace(line, item=name) for line in one.lines]
        lines += own
    lines += worst.lines
    reasons = tuple(dict.fromkeys(reason for one in found for reason in one.reasons))
    return SheetResult(worst.tally, worst.verdict, tuple(lines), reasons, worst.sources)


def _said(use: SheetUse) -> str:
    """Return what a number is made of, in words: its columns, or the conditions of the rows that pass."""
    columns = vocabulary().sheets[use.sheet].columns
    if use.numerator:
        return "、".join(columns[name].title.said() for name in use.numerator)
    tests = (f"{columns[one.column].title.said()} {one.test} {value_of(one)}" for one in use.passing)
    return f"{title(use.sheet)}：{'、'.join(tests)}"


def _of_use(case: Case, use: SheetUse) -> SheetResult:
    if use.sheet == "checklist":
        return of_checklist(case)
    rows = rows_of(case, use)
    if isinstance(rows, str):
        return no_data(rows)
    found = _of_rows(case, use, rows)
    return unsure(found) if rows.strangers and rows.sources == ("inputs",) else found


def _of_rows(case: Case, use: SheetUse, rows: Rows) -> SheetResult:
    mode = mode_of(case, use)
    is_share = bool(use.denominator) or mode in {"each", "share"} or case.target.metric == "change"
    if is_share and not rows.of_kinds and rows.sources == ("registry",):
        return no_data(_registry_has_none(case, use), *rows.reasons, sources=rows.sources)
    if case.target.metric == "change":
        return of_change(case, use, rows)
    parts = parts_of(case, use, rows, mode)
    found = _Gathered(case, use, rows, mode, tuple(parts)).result()
    return replace(
        found, reasons=(*rows.reasons, *lacking_cells(case, use, rows, parts), *found.reasons), sources=rows.sources
    )


def _registry_has_none(case: Case, use: SheetUse) -> str:
    """Return the reason that a registry lists no institution of a target's kinds, so that it speaks of none."""
    known = vocabulary().with_kinds(case.pack.kinds).kinds
    kinds = "、".join(known[name].title.said() for name in case.target.kinds)
    return text("inputs.registry_has_none", kinds=kinds, sheet=title(use.sheet))


# Sums


@dataclass(frozen=True, eq=False)
class _Gathered:
    """The parts of a target, to be added up by county and period."""

    case: Case
    use: SheetUse
    rows: Rows
    mode: Mode
    parts: tuple[Part, ...]

    @property
    def goal(self) -> Target:
        """What the whole is judged by."""
        target = self.case.target
        return everyone(target) if self.mode in {"each", "share"} else target

    @property
    def is_list(self) -> bool:
        """Whether the sheet has a row for each thing, and not for each county."""
        return "name" in vocabulary().sheets[self.use.sheet].columns

    def result(self) -> SheetResult:
        """Return tally, verdict and lines."""
        if self.case.target.metric == "count_per_unit":
            return self._per_unit()
        if self.case.target.period in BY_PERIOD and any(one.period for one in self.parts):
            return self._by_period()
        if self.use.sheet == "adaptations":
            return self._cumulative()
        return self._once()

    # One number

    def _once(self) -> SheetResult:
        parts = _latest(self.parts, self.case.as_of)
        tally, reasons = self.whole(parts)
        verdict = judged(self.goal, tally, self.case.as_of, self.case.chosen)
        lines = (*self.counties({"": parts}), *(one.own for one in parts if one.own))
        return SheetResult(tally, verdict, lines, (*reasons, *self._above(tally)))

    def _above(self, tally: Tally, name: str = "") -> tuple[str, ...]:
        target = self.case.target
        if not is_above(target, tally):
            return ()
        return (text("inputs.above", name=name, number=tally.numerator, upper=target.upper),)

    def whole(self, parts: Sequence[Part], period: str = "") -> tuple[Tally, tuple[str, ...]]:
        """Return the sum of the counties, and what is missing of it."""
        sums = {area: self.of_area(parts, area) for area in dict.fromkeys(one.area for one in parts)}
        empty = Tally(0) if self.mode == "count" or not self._is_share() else Tally(0, 0)
        tally = sum_of([*sums.values()]) if sums else empty
        missing = self.missing(parts)
        if not missing:
            return tally, ()
        key = "no_county_row" if self.is_list else "no_county"
        when = text("inputs.in_period", period=period) if period else ""
        reason = text(f"inputs.{key}", sheet=title(self.use.sheet), counties="、".join(missing), when=when)
        return (tally if self.is_list else self._without(tally, len(missing))), (reason,)

    def _is_share(self) -> bool:
        return bool(self.use.denominator or self.mode in {"each", "share"})

    def _without(self, tally: Tally, missing: int) -> Tally:
        """Return a tally that lacks counties: unknown, unless a row that fails has decided already."""
        if self.mode != "each" or tally.denominator is None or tally.numerator is None:
            return UNKNOWN
        most = Fraction(tally.numerator) + Fraction(tally.unverified)
        fails = most < Fraction(tally.denominator)
        return tally + Tally(0, missing, missing) if fails else UNKNOWN

    def of_area(self, parts: Sequence[Part], area: str) -> Tally:
        """Return the sum of a county's parts."""
        bounded = self.use.sheet == "institutions" and self.goal.threshold_unit == "percent"
        return sum_of([one.tally for one in parts if one.area == area], bounded=bounded)

    def missing(self, parts: Sequence[Part]) -> list[str]:
        """Return the names of the counties without a row, none where no row names a county."""
        if self.rows.sources != ("inputs",):
            return []
        named = self.rows.areas if self.is_list else {one.area for one in parts if one.area}
        return [name for area, name in expected_counties(self.case).items() if area not in named] if named else []

    def counties(self, periods: Mapping[str, Sequence[Part]]) -> list[Line]:
        """Return a line for each county, and one for each of its periods; a number of the whole is not judged there."""
        found, names = [], self.case.names()
        for area in sorted({one.area for parts in periods.values() for one in parts if one.area}):
            tallies = {period: self.of_area(parts, area) for period, parts in periods.items()}
            period, verdict = decide(self.goal, tallies, self.case.as_of, self.case.chosen)
            found.append(self._county(Line(tallies[period], verdict, area, names.get(area, ""))))
            each = [(one, tally) for one, tally in tallies.items() if one]
            for one, tally in each:
                verdict = of_period(self.goal, one, tally, self.case.as_of, self.case.chosen)
                found.append(self._county(Line(tally, verdict, area, names.get(area, ""), period=one)))
        return found

    def _county(self, line: Line) -> Line:
        is_demanded = self.mode != "count" or self.case.target.threshold == 0
        return line if is_demanded else replace(line, verdict=aside(line.tally))

    # Periods

    def _by_period(self) -> SheetResult:
        periods = _periods(self.case.target, self.case.chosen, self.parts, self.case.as_of)
        if not periods:
            return no_data(text("inputs.no_period", sheet=title(self.use.sheet), target=self.case.target.id))
        found = {period: self.whole(parts, period) for period, parts in periods.items()}
        tallies = {period: UNKNOWN if not periods[period] else tally for period, (tally, _) in found.items()}
        worst, verdict = decide(self.goal, tallies, self.case.as_of, self.case.chosen)
        lines = [
            Line(tally, of_period(self.goal, period, tally, self.case.as_of, self.case.chosen), period=period)
            for period, tally in tallies.items()
        ]
        lines += self.counties(periods)
        lines += [one.own for parts in periods.values() for one in parts if one.own]
        reasons = [reason for _, more in found.values() for reason in more]
        return SheetResult(tallies[worst], verdict, tuple(lines), (*_gaps(periods, self.use.sheet), *reasons))

    def _cumulative(self) -> SheetResult:
        """Return the sum over the years that count, each of which must be known when it is over."""
        first, last = _years_of(self.case)
        parts = [one for one in self.parts if one.period and first <= int(one.period[:4]) <= last]
        periods = _with_missing(_grouped(parts, 4), [str(year) for year in range(first, last + 1)], self.case.as_of)
        found = {period: self.whole(some, period) for period, some in periods.items()}
        tallies = [UNKNOWN if not periods[period] else tally for period, (tally, _) in found.items()]
        tally = sum_of(tallies) if tallies else UNKNOWN
        years = [Line(one, aside(one), period=period) for period, one in zip(found, tallies, strict=True)]
        reasons = (*_gaps(periods, self.use.sheet), *(reason for _, more in found.values() for reason in more))
        verdict = judged(self.goal, tally, self.case.as_of, self.case.chosen)
        return SheetResult(tally, verdict, (*years, *self.counties({"": parts})), reasons)

    # Each county

    def _per_unit(self) -> SheetResult:
        """Return how many counties reach the number; all must."""
        parts, names = _latest(self.parts, self.case.as_of), expected_counties(self.case)
        named = {one.area for one in parts if one.area}
        units = (list(names) or sorted(named)) if named else [""]
        sums = {area: self.of_area(parts, area) if area in {one.area for one in parts} else UNKNOWN for area in units}
        verdicts = {area: judged(self.goal, one, self.case.as_of, self.case.chosen) for area, one in sums.items()}
        word = min((one.word for one in verdicts.values()), key=GRAVITY.index)
        counts = [one.word for one in verdicts.values()]
        tally = Tally(counts.count("met"), len(counts), counts.count("no_data"))
        shortfall = None if word == "no_data" else sum(one.shortfall or 0 for one in verdicts.values())
        lines = tuple(Line(sums[area], verdicts[area], area, names.get(area, "")) for area in units if area)
        above = [reason for area, one in sums.items() for reason in self._above(one, names.get(area, ""))]
        missing = [names.get(area, "") for area, one in sums.items() if one.numerator is None and area]
        gone = text("inputs.no_county", sheet=title(self.use.sheet), counties="、".join(missing), when="")
        return SheetResult(tally, Verdict(word, None, shortfall), lines, (*([gone] if missing else []), *above))


def _latest(parts: Sequence[Part], as_of: date) -> list[Part]:
    """Return the parts of the last period that has begun, county by county; those without a period where none has."""
    begun = [one for one in parts if not one.period or first_day(one.period) <= as_of]
    last: dict[str, str] = {}
    for one in begun:
        last[one.area] = max(last.get(one.area, ""), one.period)
    return [one for one in begun if one.period == last[one.area]]


def _grouped(parts: Iterable[Part], length: int = 99) -> dict[str, list[Part]]:
    """Return the parts by the first signs of their period: 4 of a year."""
    found: dict[str, list[Part]] = {}
    for one in parts:
        found.setdefault(one.period[:length], []).append(one)
    return dict(sorted(found.items()))


def _periods(target: Target, chosen: Choices, parts: Sequence[Part], as_of: date) -> dict[str, list[Part]]:
    """Return the parts of each period that is judged; none of a period that is over says that it is not known.

    A plan that is closed is judged by the periods up to its deadline: what comes after it is not asked for.
    """
    last = min(as_of, target.deadline or as_of)
    begun = [one for one in parts if one.period and first_day(one.period) <= last]
    if target.period == "yearly":
        years = [str(year) for year in _listed_years(target, chosen)]
        found = _grouped(begun, 4)
        kept = {year: some for year, some in found.items() if year in years or not years}
        return _with_missing(kept, years, last)
    if target.period == "half_yearly":
        return _grouped(replace(one, period=_half(one.period)) for one in begun)
    months = months_up_to(last)
    if any(len(one.period) != len("2026-01") or "H" in one.period for one in begun):
        return _grouped(begun)
    recent = {month: some for month, some in _grouped(begun).items() if month >= months[0]}
    return _with_missing(recent, months, last) if recent else {}


def _half(period: str) -> str:
    """Return the half-year that a month lies in; other periods as they are."""
    year, _, month = period.partition("-")
    return f"{year}-H{1 if int(month) <= 6 else 2}" if month.isdecimal() else period


def _with_missing(found: dict[str, list[Part]], wanted: Iterable[str], as_of: date) -> dict[str, list[Part]]:
    """Return the periods with those that are over and of which there is no row."""
    over: dict[str, list[Part]] = {period: [] for period in wanted if period not in found and last_day(period) <= as_of}
    return dict(sorted({**found, **over}.items()))


def _gaps(periods: Mapping[str, Sequence[Part]], sheet: str) -> tuple[str, ...]:
    empty = [period for period, parts in periods.items() if not parts]
    return (text("inputs.no_rows_for", sheet=title(sheet), periods="、".join(empty)),) if empty else ()


def _listed_years(target: Target, chosen: Choices) -> list[int]:
    """Return the years that a target names, the first of them by the reading ``start_year``."""
    start = chosen.get("start_year")
    if not (start and target.years):
        return list(target.years)
    return list(range(int(start.removeprefix("y")), max(target.years) + 1))


def _years_of(case: Case) -> tuple[int, int]:
    """Return the first and the last year that a sum over years counts."""
    start = case.chosen.get("start_year")
    issued = case.pack.issued.year if case.pack.issued else 0
    end = case.target.deadline.year if case.target.deadline else case.as_of.year
    return int(start.removeprefix("y")) if start else issued, min(end, case.as_of.year)
