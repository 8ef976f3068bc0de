"""A pack judged for a place: every target, clause by clause, and its schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd

from carecircle.language import text
from carecircle.policy.circles import judge_circle
from carecircle.policy.evidence import Choices, Evidence, Place, place_of
from carecircle.policy.judge import Tally, Verdict, judge, judge_years, total
from carecircle.policy.model import Pack, Target, Unit
from carecircle.policy.presence import Ways, share_of, tally_of, unit_table, verdict_of, worst
from carecircle.policy.results import Judgement, Line, Outcome
from carecircle.policy.schedule import schedule_state
from carecircle.policy.sheets.tallies import declared, tally_sheets
from carecircle.policy.units import METRICS, counted_facilities, is_listed, judge_count, units_are_known

_LEVELS: Mapping[str, Unit] = {
    "county": "county",
    "township": "township_level",
    "community": "community_or_village",
}
"""The units of each level that a matrix of levels shows (YX-07, LC-25, YY-07)."""


def assess(pack: Pack, evidence: Evidence) -> Judgement:
    """Judge every target of a pack.

    Parameters
    ----------
    pack
        The pack.
    evidence
        What is known.

    Returns
    -------
    Judgement
        One outcome for each target, in the pack's order. What cannot be judged says why.
    """
    place = place_of(pack, evidence)
    ways = Ways(place.evidence)
    found: dict[str, Outcome] = {}
    for target in pack.targets:
        found[target.id] = _outcome(target, pack, place, ways)
    outcomes = tuple(_with_sum(one, found, evidence.as_of) for one in found.values())
    return Judgement(
        pack, evidence.as_of, outcomes, place.counties, evidence.inputs, schedule_state(pack, place), place.notes
    )


def _outcome(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Judge a target in the way that its check asks for."""
    if target.check == "circle":
        return judge_circle(target, pack, place, ways)
    if target.check == "units":
        way: Callable[[Target, Pack, Place, Ways], Outcome] = (
            _units if target.metric in METRICS else {"count": _count, "change": _change}[target.metric]
        )
        return way(target, pack, place, ways)
    if target.check == "none" and target.kinds and not target.data.sheets:
        return _watched(target, pack, place, ways)
    return _sheets(target, pack, place)


def _sheets(target: Target, pack: Pack, place: Place) -> Outcome:
    """Judge a target by what the county filled in, or by the registry where that is enough."""
    evidence = place.evidence
    chosen = evidence.chosen(target)
    result = tally_sheets(
        target, pack, evidence.inputs, place.counties, evidence.as_of, chosen, registry=place.facilities
    )
    return Outcome(target, result.verdict, result.tally, chosen, result.lines, result.sources, result.reasons)


def _with_sum(outcome: Outcome, others: Mapping[str, Outcome], as_of: date) -> Outcome:
    """Fill in a target that is the sum of others where nothing else is known of it (22 = 6 + 16)."""
    parts = [others[name].tally for name in outcome.target.sum_of]
    if outcome.verdict.word != "no_data" or not parts or any(part is None for part in parts):
        return outcome
    tally = total(part for part in parts if part is not None)
    if tally is None or tally.numerator is None:
        return outcome
    verdict, words = judge(outcome.target, tally, as_of), "、".join(outcome.target.sum_of)
    return replace(
        outcome, verdict=verdict, tally=tally, sources=("registry",), reasons=(text("judge.sum_of", targets=words),)
    )


# Units


def _units(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Judge a target that counts units with a facility, by its reading; other readings and years stand beside it."""
    evidence, chosen = place.evidence, place.evidence.chosen(target)
    table = unit_table(target, pack, place, chosen, ways)
    tally, verdict = tally_of(table, chosen), verdict_of(target, table, chosen, evidence.as_of)
    counties = tuple(_by_county(target, table, place, chosen))
    if chosen.get("overall") == "county" and counties:
        verdict = worst({one.area_id: one.verdict for one in counties})
    years = tuple(_years(target, pack, place, ways, chosen, tally))
    if years:
        tallies = {int(one.period): one.tally for one in years}
        verdict = judge_years(target, tallies, evidence.as_of) if verdict.word != "no_data" else verdict
    return Outcome(
        target,
        verdict,
        tally,
        chosen,
        (*counties, *_other_readings(target, pack, place, ways, chosen), *years),
        ("registry", "areas", *(("times",) if chosen.get("coverage") == "people" else ())),
        (*_reasons(target, pack, place, chosen, table), *_told_from_dates(years, place)),
        table,
    )


def _told_from_dates(years: tuple[Line, ...], place: Place) -> tuple[str, ...]:
    """Say which years' numbers were told from the days of opening."""
    past = [one.period for one in years if int(one.period) < place.evidence.as_of.year and one.estimated]
    return (text("judge.estimated_years", years="、".join(past)),) if past else ()


def _by_county(target: Target, table: pd.DataFrame, place: Place, chosen: Choices) -> Iterator[Line]:
    county = pd.Series(table.index, index=table.index).map(place.county_of)
    for area, name in place.counties.itertuples(index=False):
        part = table[county.eq(area).to_numpy()]
        tally = tally_of(part, chosen)
        yield Line(tally, verdict_of(target, part, chosen, place.evidence.as_of), area, str(name))


def _other_readings(target: Target, pack: Pack, place: Place, ways: Ways, chosen: Choices) -> Iterator[Line]:
    """Yield the number by each other option of each reading, one changed at a time."""
    for one in target.readings:
        for option in one.options:
            if option != chosen[one.key] and one.key not in {"overall", "hightech_zone"}:
                other = {**chosen, one.key: option}
                table = unit_table(target, pack, place, other, ways)
                verdict = verdict_of(target, table, other, place.evidence.as_of)
                yield Line(tally_of(table, other), verdict, reading=f"{one.key}={option}")


def _years(target: Target, pack: Pack, place: Place, ways: Ways, chosen: Choices, now: Tally) -> Iterator[Line]:
    """Yield the number at the end of each year that a target must hold in (稳定在), up to the day.

    A year's own numbers, where the sheet of ratios has them, go before what can be told from the days of opening.
    """
    as_of = place.evidence.as_of
    for year in (year for year in target.years if year <= as_of.year):
        day = min(date(year, 12, 31), as_of)
        said = declared(target, place.evidence.inputs, str(year))
        estimated = said is None
        if said is None and day == as_of:
            said = now
        if said is None:
            said = tally_of(unit_table(target, pack, place, chosen, ways, day=day), chosen)
        yield Line(said, judge_years(target, {year: said}, as_of), period=str(year), estimated=estimated)


def _reasons(target: Target, pack: Pack, place: Place, chosen: Choices, table: pd.DataFrame) -> tuple[str, ...]:
    """Say why nothing, or not all, is known of the units."""
    evidence, found = place.evidence, []
    if not is_listed(target, pack, evidence.facilities):
        found.append(text("judge.not_listed"))
    if not units_are_known(target, evidence.areas, chosen):
        found.append(text("judge.no_classes"))
    if table.empty:
        found.append(text("judge.no_units", unit=text(f"policy.unit_{target.unit}")))
    if len(table) and table["unverified"].gt(0).any():
        found.append(text("judge.unverified", count=int(table["unverified"].sum())))
    if "coverage" in chosen and len(table) and table["served"].isna().any() and table["found"].notna().all():
        found.append(text("judge.no_serves"))
    return tuple(found)


def _count(target: Target, pack: Pack, place: Place, _ways: Ways) -> Outcome:
    """Judge a number of facilities in the place; what each county has stands beside it and is not judged."""
    evidence, chosen = place.evidence, place.evidence.chosen(target)
    verdict = judge_count(target, pack, place.facilities, evidence.as_of, chosen)
    if verdict.word == "no_data":
        return Outcome(target, verdict, None, chosen, sources=("registry",), reasons=(text("judge.not_listed"),))
    tally = _counted(target, pack, place, chosen, evidence)
    others = tuple(
        Line(number, judge(target, number, evidence.as_of), reading=f"{one.key}={option}")
        for one in target.readings
        for option in one.options
        if option != chosen[one.key] and one.key != "hightech_zone"
        for number in (_counted(target, pack, place, {**chosen, one.key: option}, evidence),)
    )
    return Outcome(target, verdict, tally, chosen, others, ("registry",))


def _counted(target: Target, pack: Pack, place: Place, chosen: Choices, evidence: Evidence) -> Tally:
    counts = counted_facilities(target, pack, place.facilities, evidence.as_of, chosen)
    return Tally(int(counts.eq(True).sum()), None, int(counts.isna().sum()))


def _change(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Judge a share that must grow: against that of a year before, told from the days of opening."""
    evidence, chosen = place.evidence, place.evidence.chosen(target)
    before_day = evidence.as_of - timedelta(days=365)
    table = unit_table(target, pack, place, chosen, ways)
    now = tally_of(table, chosen)
    before = tally_of(unit_table(target, pack, place, chosen, ways, day=before_day), chosen)
    verdict = growth(now, before)
    lines = (
        *(
            Line(tally, Verdict("monitored", share_of(tally)), period=str(day))
            for tally, day in ((before, before_day), (now, evidence.as_of))
        ),
        *_by_county(target.model_copy(update={"comparison": "none", "metric": METRICS[0]}), table, place, chosen),
    )
    reasons = (text("judge.change", day=before_day), *_reasons(target, pack, place, chosen, table))
    return Outcome(target, verdict, now, chosen, lines, ("registry", "areas"), reasons, table)


def growth(now: Tally, before: Tally) -> Verdict:
    """Return whether a share has grown: met, missed, to be verified where facilities do not say when they opened.

    Examples
    --------
    >>> growth(Tally(4, 7), Tally(3, 7)).word, growth(Tally(4, 7), Tally(3, 7, 1)).word
    ('met', 'to_be_verified')
    """
    if 0 in {now.denominator, before.denominator}:
        return Verdict("not_applicable")
    new, old = share_of(now), share_of(before)
    if new is None or old is None:
        return Verdict("no_data", new)
    highest = share_of(before + Tally(before.unverified, 0))
    if highest is not None and new > highest:
        return Verdict("met", new)
    return Verdict("to_be_verified" if before.unverified or now.unverified else "missed", new)


# What is only watched


def _watched(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Give the share of units with a facility, of a target without a number; for networks, level by level."""
    chosen = place.evidence.chosen(target)
    if target.unit == "level":
        lines = tuple(_by_level(target, pack, place, ways, chosen))
        known = any(one.tally.numerator is not None for one in lines)
        return Outcome(target, Verdict("monitored" if known else "no_data"), None, chosen, lines, ("registry", "areas"))
    counted = target.model_copy(update={"metric": METRICS[0]})
    table = unit_table(counted, pack, place, chosen, ways)
    tally = tally_of(table, chosen)
    verdict = Verdict("no_data") if tally.numerator is None else Verdict("monitored", share_of(tally))
    lines = tuple(_by_county(counted, table, place, chosen))
    reasons = _reasons(counted, pack, place, chosen, table)
    return Outcome(target, verdict, tally, chosen, lines, ("registry", "areas"), reasons, table)


def _by_level(target: Target, pack: Pack, place: Place, ways: Ways, chosen: Choices) -> Iterator[Line]:
    """Yield the share of units of each level with a facility of the target's kinds."""
    for level, unit in _LEVELS.items():
        counted = target.model_copy(update={"metric": METRICS[0], "unit": unit})
        tally = tally_of(unit_table(counted, pack, place, chosen, ways), chosen)
        yield Line(tally, Verdict("monitored", share_of(tally)), item=text(f"fact.level_{level}"))
