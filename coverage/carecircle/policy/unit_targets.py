"""Targets that count units with a facility: the judged number, and beside it counties, other readings and years."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from carecircle.language import text
from carecircle.policy.evidence import Choices, Place
from carecircle.policy.judge import Tally, Verdict, judge_years
from carecircle.policy.model import Pack, Target
from carecircle.policy.presence import Ways, share_of, tally_of, unit_table, verdict_of, worst
from carecircle.policy.results import Line, Outcome
from carecircle.policy.serving import named_units
from carecircle.policy.sheets.tallies import declared
from carecircle.policy.units import counted_facilities, is_listed, kinds_of, level_of

_SHOWN = 5
"""How many names a reason lists."""


@dataclass(frozen=True, eq=False)
class _Case:
    """A target with what it is judged on."""

    target: Target
    pack: Pack
    place: Place
    ways: Ways
    chosen: Choices

    def table(self, day: date | None = None) -> pd.DataFrame:
        return unit_table(self.target, self.pack, self.place, self.chosen, self.ways, day=day)

    @property
    def as_of(self) -> date:
        return self.place.evidence.as_of


def judge_unit_target(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Judge a target that counts units with a facility, by its reading; other readings and years stand beside it.

    What must hold in every year has the tally of the year that decides.
    """
    case = _Case(target, pack, place, ways, place.evidence.chosen(target))
    table, chosen = case.table(), case.chosen
    tables = dict(_tables_by_year(case, table))
    years = tuple(_years(case, tables))
    tally, verdict = _judged(case, table, years)
    counties = tuple(by_county(target, table, place, chosen))
    if chosen.get("overall") == "county" and counties:
        verdict = _each_county(case, tables or {case.as_of.year: table}, tally)
    return Outcome(
        target,
        verdict,
        tally,
        chosen,
        (*counties, *_other_readings(case), *years),
        ("registry", "areas", *(("times",) if chosen.get("coverage") == "people" else ())),
        (*unit_reasons(target, pack, place, chosen, table), *_told_from_dates(years, case.as_of)),
        table,
    )


def _judged(case: _Case, table: pd.DataFrame, years: tuple[Line, ...]) -> tuple[Tally, Verdict]:
    """Return the judged tally and its verdict: of today, or of the year that decides."""
    if not years:
        return tally_of(table, case.chosen), verdict_of(case.target, table, case.chosen, case.as_of)
    tallies = {int(one.period): one.tally for one in years}
    verdict = judge_years(case.target, tallies, case.as_of)
    return tallies[verdict.year or max(tallies)], verdict


def _each_county(case: _Case, tables: Mapping[int, pd.DataFrame], whole: Tally) -> Verdict:
    """Return the verdict where each county must reach the target by itself, in each year that it must hold in."""
    found: dict[str, Verdict] = {}
    for county in case.place.counties["area_id"]:
        parts = {year: tally_of(_of_county(table, county), case.chosen) for year, table in tables.items()}
        found[county] = judge_years(case.target, parts, case.as_of)
    gravest = worst(found)
    return replace(gravest, value=share_of(whole), shortfall=sum(one.shortfall or 0 for one in found.values()))


def _of_county(table: pd.DataFrame, county: str) -> pd.DataFrame:
    return table[table["county"].eq(county)]


def by_county(target: Target, table: pd.DataFrame, place: Place, chosen: Choices, reading: str = "") -> Iterator[Line]:
    """Yield the number of each county."""
    for area, name in place.counties.itertuples(index=False):
        part = _of_county(table, area)
        verdict = verdict_of(target, part, chosen, place.evidence.as_of)
        yield Line(tally_of(part, chosen), verdict, area, str(name), reading)


def _other_readings(case: _Case) -> Iterator[Line]:
    """Yield the number by each other option of each reading, one changed at a time; of coverage by county, too."""
    for one in case.target.readings:
        for option in one.options:
            if option != case.chosen[one.key] and one.key not in {"overall", "hightech_zone"}:
                other = replace(case, chosen={**case.chosen, one.key: option})
                table, reading = other.table(), f"{one.key}={option}"
                tally, verdict = _judged(other, table, tuple(_years(other, dict(_tables_by_year(other, table)))))
                yield Line(tally, verdict, reading=reading)
                if one.key == "coverage":
                    yield from by_county(case.target, table, case.place, other.chosen, reading)


def _tables_by_year(case: _Case, now: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the units at the end of each year that a target must hold in (稳定在), up to the day."""
    for year in (year for year in case.target.years if year <= case.as_of.year):
        day = date(year, 12, 31)
        yield year, now if day >= case.as_of else case.table(day)


def _years(case: _Case, tables: Mapping[int, pd.DataFrame]) -> Iterator[Line]:
    """Yield the number of each year.

    A year's own numbers, where the sheet of ratios has them, go before what can be told from the days of opening.
    """
    for year, table in tables.items():
        said = declared(case.target, case.pack, case.place.evidence.inputs, case.place.counties, str(year))
        estimated = said is None and year < case.as_of.year
        tally = tally_of(table, case.chosen) if said is None else said
        yield Line(tally, judge_years(case.target, {year: tally}, case.as_of), period=str(year), estimated=estimated)


def _told_from_dates(years: tuple[Line, ...], as_of: date) -> tuple[str, ...]:
    """Say which years' numbers were told from the days of opening."""
    past = [one.period for one in years if int(one.period) < as_of.year and one.estimated]
    return (text("judge.estimated_years", years=text("fact.list_join").join(past)),) if past else ()


# Why nothing, or not all, is known


def unit_reasons(target: Target, pack: Pack, place: Place, chosen: Choices, table: pd.DataFrame) -> tuple[str, ...]:
    """Say why nothing, or not all, is known of the units."""
    return (
        *_of_registry(target, pack, place),
        *_of_units(target, chosen, table),
        *_of_facilities(target, table),
        *(_of_serving(target, pack, place, chosen, table) if "coverage" in chosen else ()),
    )


def _of_registry(target: Target, pack: Pack, place: Place) -> Iterator[str]:
    facilities = place.evidence.facilities
    if kinds_of(facilities, pack).isna().all():
        yield text("judge.no_kinds")
    elif not is_listed(target, pack, facilities):
        yield text("judge.not_listed")


def _of_units(target: Target, chosen: Choices, table: pd.DataFrame) -> Iterator[str]:
    absent = table[~table["known"].astype(bool)]
    if len(absent) and chosen.get("urban_community") == "urban_class":
        yield text("judge.no_classes")
    elif len(absent):
        names = "、".join(str(name) for name in absent["name"] if name) or text("fact.everywhere")
        yield text("judge.unknown_units", counties=names, level=text(f"fact.level_{level_of(target)}"))
    if table.empty:
        yield text("judge.no_units", unit=text(f"policy.unit_{target.unit}"))


def _of_facilities(target: Target, table: pd.DataFrame) -> Iterator[str]:
    if len(table) and table["unverified"].gt(0).any():
        yield text("judge.unverified", count=int(table["unverified"].sum()))
    lost = table.groupby("county", dropna=False)["elsewhere"].max().sum() if len(table) else 0
    if lost:
        yield text("judge.unplaced", count=int(lost), unit=text(f"fact.level_{level_of(target)}"))


def _of_serving(target: Target, pack: Pack, place: Place, chosen: Choices, table: pd.DataFrame) -> Iterator[str]:
    facilities = place.evidence.facilities
    if table["found"].isna().any() or not len(table):
        return
    if "serves" not in facilities or facilities["serves"].isna().all():
        if table["served"].isna().any():
            yield text("judge.no_serves")
        return
    counts = counted_facilities(target, pack, facilities, place.evidence.as_of, chosen)
    lost = named_units(facilities[counts.ne(False).to_numpy()], level_of(target), place)[1]
    if lost:
        yield text("judge.lost_names", count=len(lost), names="、".join(lost[:_SHOWN]))
    if chosen["coverage"] == "people" and table["people"].isna().any():
        yield text("judge.people_unknown")
