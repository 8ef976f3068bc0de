"""Rows of the sheets that a county fills in: which count for a target, in which county, with exact numbers.

Truth has three values here: what a cell does not say is neither true nor false. Numbers are exact: a cell's float is
taken as the shortest decimal that stands for it, and compared as a fraction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from carecircle.china.codes import significant_code
from carecircle.china.names import plain_name
from carecircle.findings import row_numbers
from carecircle.language import text
from carecircle.policy.model import Condition, Pack, SheetUse, Target
from carecircle.policy.registry import grades_in, names_in
from carecircle.policy.sheets.counties import HIGH_TECH, OWN_LEVEL, TOTALS, known_counties, matched_county
from carecircle.policy.sheets.periods import BY_PERIOD, first_day, last_day, overlap, period_of
from carecircle.policy.units import Choices, first_year, wanted_kinds
from carecircle.policy.vocabulary import Column, vocabulary
from carecircle.sources.facilities import in_operation

Truth = bool | None
Inputs = Mapping[str, pd.DataFrame]

OWNERS: Mapping[str, str] = {
    "public": "公办",
    "public_private": "公建民营",
    "private_subsidised": "民办公助",
    "private": "民办",
    "collective": "村集体",
}
"""Words of the column 所有制 for what targets ask for."""
IN_REGISTRY = ("county", "name", "kind", "ownership", "status", "opened", "beds", "nursing_beds", "stars")
"""Columns of the sheet of institutions that a registry has too."""
_WITH_COMMUNITY = ("day_care", "community_facility")
"""Kinds whose beds count too by the reading ``bed_scope=with_community``."""
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, eq=False)
class Case:
    """A target with all that it is judged by.

    Parameters
    ----------
    target, pack
        What is demanded.
    inputs
        Sheets from `read_inputs_book`.
    counties
        ``area_id`` and ``name``.
    as_of
        The day.
    chosen
        Option of every reading that the target names.
    registry
        From `read_facilities`; None where there is none.
    """

    target: Target
    pack: Pack
    inputs: Inputs
    counties: pd.DataFrame
    as_of: date
    chosen: Choices = field(default_factory=dict)
    registry: pd.DataFrame | None = None

    def names(self) -> dict[str, str]:
        """Return the names of the counties by their codes."""
        return dict(zip(self.counties["area_id"].astype(str), self.counties["name"].astype(str), strict=True))


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a sheet that count for a target.

    Parameters
    ----------
    frame
        Cells under the vocabulary's names; numbers are fractions or None. Besides them: ``area`` (code of a county, ""
        for the whole; where no counties are given, the name of the county), ``period`` ("" where there is none),
        ``counts`` (True, or None where the row does not say enough) and ``row``.
    sources
        Where they come from: ``("inputs",)`` or ``("registry",)``.
    reasons
        What a reader should know.
    areas
        Codes of the counties that the sheet has rows of, whether they count or not.
    strangers
        What rows that do not count call their counties, which no area is called.
    of_kinds
        Whether there may be institutions of the target's kinds, whether they count or not; of other sheets always.
    """

    frame: pd.DataFrame
    sources: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    areas: frozenset[str] = frozenset()
    strangers: tuple[str, ...] = ()
    of_kinds: bool = True


def exact(value: Any) -> Fraction | None:
    """Return a number as it was written, None where there is none.

    Examples
    --------
    >>> exact(0.1), exact(float("nan")), exact(120)
    (Fraction(1, 10), None, Fraction(120, 1))
    """
    if value is None or isinstance(value, Fraction):
        return value
    return None if pd.isna(value) else Fraction(str(value))


def added(values: Iterable[Fraction | None]) -> Fraction | None:
    """Return a sum; what is unknown of a part is unknown of the whole."""
    found = list(values)
    return None if any(one is None for one in found) else sum((one for one in found if one is not None), Fraction(0))


def all_of(truths: Iterable[Truth]) -> Truth:
    """Return whether all are true: None where it hangs on what is not known."""
    found = list(truths)
    return False if False in found else None if None in found else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """Return whether any is true: None where it hangs on what is not known."""
    found = list(truths)
    return True if True in found else None if None in found else False


def holds(cell: Any, condition: Condition, column: Column) -> Truth:
    """Return whether a cell meets a condition; None where it says nothing."""
    value = condition.value
    if cell is None or (not isinstance(cell, Fraction) and pd.isna(cell)):
        return None
    if condition.test == "in":
        return str(cell) in (value if isinstance(value, tuple) else (str(value),))
    if column.type == "number":  # 0 and 1 may have been read as truths
        return _TESTS[condition.test](cell, Fraction(value_of(condition)))
    return _TESTS[condition.test](bool(cell) if column.type == "yes_no" else str(cell), value)


def value_of(condition: Condition) -> str:
    """Return the value of a condition as text; 0 and 1 may have been read as truths."""
    value = condition.value
    return str(int(value)) if isinstance(value, bool) else str(value)


def truths(frame: pd.DataFrame, conditions: Sequence[Condition], sheet: str, need: str = "all") -> list[Truth]:
    """Return for each row whether it meets conditions."""
    columns, combine = vocabulary().sheets[sheet].columns, all_of if need == "all" else any_of
    cells = [[holds(cell, one, columns[one.column]) for cell in frame[one.column]] for one in conditions]
    return [combine(row) for row in zip(*cells, strict=True)] if cells else [True] * len(frame)


def rows_of(case: Case, use: SheetUse) -> Rows | str:
    """Return the rows that count, or the reason why there is no data."""
    found = _source(case, use)
    if isinstance(found, str):
        return found
    table, sources = found
    frame, strangers, said = _placed(_exact_frame(table, use.sheet), case, use.sheet)
    counts, unknown_kinds = _counting(frame, case, use)
    kept = frame.assign(counts=pd.Series(counts, index=frame.index, dtype=object))[[one is not False for one in counts]]
    reasons = [text("inputs.unmatched", sheet=title(use.sheet), names="、".join(strangers))] if strangers else []
    if strangers and frame.empty:
        return reasons[0]
    reasons += said
    if unknown_kinds:
        reasons.append(text("inputs.unknown_kinds", names="、".join(unknown_kinds)))
    areas = frozenset(area for area in frame["area"] if area)
    return Rows(kept, sources, tuple(reasons), areas, tuple(strangers), _has_kinds(frame, case, use))


def title(sheet: str) -> str:
    """Return what a sheet is called in the language in force."""
    return vocabulary().sheets[sheet].title.said()


def lacking(frame: pd.DataFrame, columns: Iterable[str], sheet: str) -> str:
    """Return the reason that rows lack cells: their numbers and the columns."""
    known = vocabulary().sheets[sheet].columns
    names = "、".join(known[name].title.said() for name in columns)
    return text("inputs.lacking", sheet=title(sheet), rows=row_numbers(frame["row"]), columns=names)


def _source(case: Case, use: SheetUse) -> tuple[pd.DataFrame, tuple[str, ...]] | str:
    """Return the rows of a sheet, or of the registry in its place."""
    sheet = case.inputs.get(use.sheet)
    filed = use.sheet == "institutions" and case.chosen.get("beds") == "filed"
    if sheet is not None and "target" in sheet:
        sheet = sheet[sheet["target"] == case.target.id]
    if sheet is not None and len(sheet) and not filed:
        return sheet.reset_index(drop=True), ("inputs",)
    usable = set(_columns_used(use)) <= set(IN_REGISTRY) and use.sheet == "institutions"
    if case.registry is None or case.registry.empty or not usable:
        return _nothing(case, use, filed=filed)
    if filed and "filed_beds" not in case.registry:
        return text("inputs.no_filed_beds")
    return institutions_of(case.registry, filed=filed), ("registry",)


def _nothing(case: Case, use: SheetUse, *, filed: bool) -> str:
    if filed:
        return text("inputs.no_filed_beds")
    key = "no_rows" if use.sheet in case.inputs else "no_sheet"
    return text(f"inputs.{key}", sheet=title(use.sheet), target=case.target.id)


def _columns_used(use: SheetUse) -> tuple[str, ...]:
    conditions = (one.column for one in (*use.rows, *use.passing))
    return (*use.numerator, *use.denominator, *conditions)


def institutions_of(registry: pd.DataFrame, *, filed: bool = False) -> pd.DataFrame:
    """Return facilities of a registry as rows of the sheet of institutions; `row` counts them from 1.

    The county is told by the code of the area, else by its name. With `filed` the beds are those filed.
    """
    known = vocabulary().sheets["institutions"].columns
    frame = pd.DataFrame({name: registry.get(name) for name in IN_REGISTRY}, index=registry.index).astype(object)
    if filed:
        frame["beds"] = registry["filed_beds"]
    if "area_code" in registry:
        code = significant_code(registry["area_code"].astype(object)).str[:6]
        frame["county"] = code.where(code.notna(), frame["county"])
    frame["stars"] = grades_in(frame["stars"])
    frame["status"] = np.where(in_operation(registry), "在营", "停业")
    full = frame.reindex(columns=list(known)).astype(object)
    full["row"] = np.arange(1, len(full) + 1)
    return full.where(full.notna(), None).reset_index(drop=True)


def _exact_frame(table: pd.DataFrame, sheet: str) -> pd.DataFrame:
    """Return the rows with numbers as fractions, and every column of the sheet."""
    columns = vocabulary().sheets[sheet].columns
    frame = table.reindex(columns=[*columns, "row"]).astype(object)
    for name, column in columns.items():
        if column.type == "number":
            frame[name] = pd.Series([exact(cell) for cell in frame[name]], index=frame.index, dtype=object)
        else:
            frame[name] = frame[name].where(frame[name].notna(), None)
    return frame


def _periods(frame: pd.DataFrame, sheet: str) -> list[str]:
    """Return the period of each row, "" where the sheet has none."""
    if "month" in frame:
        return ["" if day is None else f"{day.year}-{day.month:02}" for day in frame["month"]]
    if "period" in frame:
        return [period_of(str(said)) or "" if said is not None else "" for said in frame["period"]]
    if "year" in frame and sheet != "estates":
        return ["" if year is None else str(int(year)) for year in frame["year"]]
    return [""] * len(frame)


# Counties


def _placed(frame: pd.DataFrame, case: Case, sheet: str) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the rows with their county's code in ``area``, the names that are not known, and what to tell of the rest.

    Rows whose county is not known do not count, and what is said of all counties together does not count beside what
    they say themselves.
    """
    cells = frame["county"] if "county" in frame else pd.Series(None, index=frame.index, dtype=object)
    areas = pd.Series(match_counties(cells, case), index=frame.index, dtype=object)
    periods = pd.Series(_periods(frame, sheet), index=frame.index, dtype=object)
    placed = frame.assign(area=areas, period=periods, whole=_of_all_counties(frame, cells, sheet))
    known = areas.notna()
    strangers = sorted({str(cells[at]) for at in frame.index[~known]})
    placed = placed[known]
    kept = _not_twice(placed, case, sheet)
    reasons = [_left_out(placed[~kept], sheet)] if not kept.all() else []
    reasons += _repeated(placed[kept], case, sheet)
    return placed[kept].drop(columns="whole").reset_index(drop=True), strangers, reasons


def _of_all_counties(frame: pd.DataFrame, cells: pd.Series, sheet: str) -> pd.Series:
    """Return which rows stand for all counties together: so named, or without a county where a row is a county.

    In lists (of institutions, estates, places) a row without a county is one more of them, and the city's own lottery
    fund is none of the counties'.
    """
    is_list = "name" in vocabulary().sheets[sheet].columns
    whole = cells.map(lambda said: not is_list if said is None else plain_name(str(said)) in TOTALS).astype(bool)
    return whole & ~frame["level"].isin(OWN_LEVEL) if "level" in frame else whole


def _not_twice(frame: pd.DataFrame, case: Case, sheet: str) -> pd.Series:
    """Return which rows count, where some stand for all counties together and others for one.

    By period, counties go before the whole in every period of which they have rows. Of a target that is counted once
    the whole counts where it is the later one, and then it is all that counts.
    """
    whole, counties = frame["whole"], frame["area"].ne("")
    if case.target.period in BY_PERIOD or sheet == "adaptations":
        theirs = set(frame.loc[counties, "period"])
        return ~(whole & frame["period"].map(lambda one: any(overlap(one, other) for other in theirs)).astype(bool))
    ends = frame["period"].map(lambda one: last_day(one) if one else date.min)
    begun = frame["period"].map(lambda one: not one or first_day(one) <= case.as_of).astype(bool)
    if not (whole & begun).any() or not (counties & begun).any():
        return pd.Series(data=True, index=frame.index)
    last = ends[whole & begun].max()
    return ends >= last if last > ends[counties & begun].max() else ~whole


def _left_out(frame: pd.DataFrame, sheet: str) -> str:
    """Return the reason that rows are left out because others say the same."""
    return text("inputs.left_out", sheet=title(sheet), rows=row_numbers(frame["row"].dropna()))


def _repeated(frame: pd.DataFrame, case: Case, sheet: str) -> list[str]:
    """Return the reason that a county has several rows of a period in a sheet that has one row a county."""
    columns = vocabulary().sheets[sheet].columns
    if not {"name", "place"}.isdisjoint(columns) or "county" not in columns or frame.empty:
        return []
    apart = replace(case, chosen={})  # the high-tech zone and the county with which it counts are two
    own = pd.Series(match_counties(frame["county"], apart), index=frame.index, dtype=object)
    keys = frame.assign(own=own)[["own", "whole", "period", *(["level"] if "level" in columns else [])]]
    again = frame[keys.duplicated() & (frame["area"].ne("") | frame["whole"])]
    names = {"": text("inputs.whole"), **case.names()}
    pairs = again[["area", "period"]].itertuples(index=False)
    found = dict.fromkeys(f"{names.get(area, area)} {period}".rstrip() for area, period in pairs)
    return [text("inputs.repeated", sheet=title(sheet), counties="、".join(found))] if found else []


def match_counties(cells: pd.Series, case: Case) -> list[str | None]:
    """Return the code of the county that each cell names, "" where it names none, None where the name is not known.

    Where no counties are given, a name stands for itself.
    """
    known, names = known_counties(case.counties), {}
    for said in {str(cell) for cell in cells if cell is not None}:
        names[said] = _county(said, known, case)
    return ["" if cell is None else names[str(cell)] for cell in cells]


def _county(said: str, known: Mapping[str, str], case: Case) -> str | None:
    found = matched_county(said, known, merged=case.chosen.get("hightech_zone") == "merged")
    return said.strip() if found is None and case.counties.empty else found


def expected_counties(case: Case) -> dict[str, str]:
    """Return code and name of the counties that must be known of; the high-tech zone is none of them."""
    zone = "hightech_zone" in case.chosen
    return {area: name for area, name in case.names().items() if not (zone and area[:6] == HIGH_TECH[0])}


# Which rows count


def _counting(frame: pd.DataFrame, case: Case, use: SheetUse) -> tuple[list[Truth], list[str]]:
    """Return which rows count, and the kinds of institutions that no list knows."""
    found = [truths(frame, use.rows, use.sheet, use.rows_need)]
    unknown: list[str] = []
    if use.sheet == "institutions":
        kinds, unknown = _of_kinds(frame, case)
        found += [kinds, _owned(frame, case), _there(frame, case, use), _graded(frame, case), _new(frame, case)]
    return [all_of(row) for row in zip(*found, strict=True)], unknown


def _has_kinds(frame: pd.DataFrame, case: Case, use: SheetUse) -> bool:
    """Whether there may be institutions of a target's kinds, in whatever state; of other sheets always."""
    return use.sheet != "institutions" or any(one is not False for one in _of_kinds(frame, case)[0])


def _of_kinds(frame: pd.DataFrame, case: Case) -> tuple[list[Truth], list[str]]:
    known = vocabulary().with_kinds(case.pack.kinds)
    wanted, barred = wanted_kinds(case.target, case.pack, case.chosen)
    if case.chosen.get("bed_scope") == "with_community":
        wanted |= set(known.narrower(_WITH_COMMUNITY))
    named = names_in(frame["kind"], known.kinds)
    unknown = sorted(
        {str(said) for said, kinds in zip(frame["kind"], named, strict=True) if kinds is not None and not kinds}
    )
    fits: list[Truth] = [
        None if kinds is None else (bool(wanted & kinds) and not barred & kinds) or not case.target.kinds
        for kinds in named
    ]
    if case.target.label:
        said = [f"{name or ''}{kind or ''}" for name, kind in zip(frame["name"], frame["kind"], strict=True)]
        fits = [all_of((fit, case.target.label in words)) for fit, words in zip(fits, said, strict=True)]
    return fits, unknown


def _owned(frame: pd.DataFrame, case: Case) -> list[Truth]:
    wanted = {OWNERS[one] for one in case.target.ownership}
    return [True if not wanted else None if said is None else said in wanted for said in frame["ownership"]]


def _there(frame: pd.DataFrame, case: Case, use: SheetUse) -> list[Truth]:
    """Return which institutions stand on the day and are in operation.

    Whether a home is to be kept or closed (撤并) is asked of all, in whatever state they are.
    """
    any_state = case.chosen.get("operating") == "all" or "kept" in _columns_used(use)
    open_ = [any_state or said in {None, "在营"} for said in frame["status"]]
    return [state and not later for state, later in zip(open_, _later(frame["opened"], case.as_of), strict=True)]


def _later(opened: pd.Series, day: date) -> list[bool]:
    days = pd.to_datetime(opened, errors="coerce")
    return [bool(one) for one in days > pd.Timestamp(day)]


def _graded(frame: pd.DataFrame, case: Case) -> list[Truth]:
    """Return which have the grade that counts; in a share the grade is what makes them pass."""
    least = case.target.stars_min
    if least is None or case.target.metric == "share_of_items":
        return [True] * len(frame)
    return [None if stars is None else stars >= least for stars in frame["stars"]]


def _new(frame: pd.DataFrame, case: Case) -> list[Truth]:
    """Return which were opened in the years of the plan, where only those count."""
    if case.chosen.get("built") != "new":
        return [True] * len(frame)
    years = pd.to_datetime(frame["opened"], errors="coerce").dt.year
    first = first_year(case.pack)
    return [None if pd.isna(year) else bool(year >= first) for year in years]
