"""A pack judged for a place: every target, clause by clause, and its schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from carecircle.language import text
from carecircle.policy.circles import judge_circle
from carecircle.policy.evidence import Choices, Evidence, Place, place_of
from carecircle.policy.judge import Tally, Verdict, judge, total
from carecircle.policy.model import Pack, Target, Unit
from carecircle.policy.presence import Ways, share_of, tally_of, unit_table
from carecircle.policy.results import Judgement, Line, Outcome
from carecircle.policy.schedule import schedule_state
from carecircle.policy.sheets.counties import unknown_counties_note
from carecircle.policy.sheets.periods import year_before
from carecircle.policy.sheets.tallies import tally_sheets
from carecircle.policy.unit_targets import by_county, judge_unit_target, unit_reasons
from carecircle.policy.units import METRICS, counted_facilities, judge_count

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
    placed = place.evidence.facilities
    return Judgement(
        pack,
        evidence.as_of,
        outcomes,
        place.counties,
        evidence.inputs,
        schedule_state(pack, place),
        (*place.notes, *unknown_counties_note(evidence.inputs, place.counties, pack)),
        placed["area_code"] if placed is not evidence.facilities and "area_code" in placed else None,
    )


def _outcome(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Judge a target in the way that its check asks for."""
    if target.check == "circle":
        return judge_circle(target, pack, place, ways)
    if target.check == "units":
        way: Callable[[Target, Pack, Place, Ways], Outcome] = (
            judge_unit_target if target.metric in METRICS else {"count": _count, "change": _change}[target.metric]
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


# Numbers, and what must grow


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
    before_day = year_before(evidence.as_of)
    table = unit_table(target, pack, place, chosen, ways)
    now = tally_of(table, chosen)
    before = tally_of(unit_table(target, pack, place, chosen, ways, day=before_day), chosen)
    verdict = growth(now, before)
    lines = (
        *(
            Line(tally, Verdict("monitored", share_of(tally)), period=str(day))
            for tally, day in ((before, before_day), (now, evidence.as_of))
        ),
        *by_county(target.model_copy(update={"comparison": "none", "metric": METRICS[0]}), table, place, chosen),
    )
    reasons = (text("judge.change", day=before_day), *unit_reasons(target, pack, place, chosen, table))
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
    lines = tuple(by_county(counted, table, place, chosen))
    reasons = unit_reasons(counted, pack, place, chosen, table)
    return Outcome(target, verdict, tally, chosen, lines, ("registry", "areas"), reasons, table)


def _by_level(target: Target, pack: Pack, place: Place, ways: Ways, chosen: Choices) -> Iterator[Line]:
    """Yield the share of units of each level with a facility of the target's kinds."""
    for level, unit in _LEVELS.items():
        counted = target.model_copy(update={"metric": METRICS[0], "unit": unit})
        tally = tally_of(unit_table(counted, pack, place, chosen, ways), chosen)
        yield Line(tally, Verdict("monitored", share_of(tally)), item=text(f"fact.level_{level}"))
