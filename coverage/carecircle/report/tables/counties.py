"""表2 分县（市、区）覆盖率表: each county by the kinds of units that targets count, people within reach, and beds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.policy.judge import Tally, total
from carecircle.policy.results import Outcome
from carecircle.report import facts, judged
from carecircle.report.tables.beds import bed_numbers, counties, people_of
from carecircle.report.tables.cells import count_cell, number_cell, share_cell, tally_cells
from carecircle.report.tables.model import Cell, Head, Table

if TYPE_CHECKING:
    from carecircle.model import Study

_CLASSES = (
    ("street",),
    ("town", "township_level"),
    ("urban_community", "community", "community_or_village"),
    ("village",),
)
"""Units of targets that share a group of columns."""
_SERVED = "coverage=served"


def by_county(study: Study, language: Language | None = None) -> Table | None:
    """Return 表2, None where there are no counties: one row a county, the sums last, rates computed anew."""
    language = language or current_language()
    places = counties(study)
    if not places:
        return None
    chosen = [one for one in (_first(study, units) for units in _CLASSES) if one is not None]
    beds = bed_numbers(study)
    rows = [_row(study, [code], name, chosen, beds, language) for code, name in places.items()]
    words = [_word([code], chosen) for code in places]
    rows.append(_row(study, list(places), text("table.total", language), chosen, beds, language))
    words.append(_whole_word(chosen))
    said = [judged.verdict_word(word, language) if word else text("table.none", language) for word in words]
    heads = _heads(study, chosen, language)
    return Table(
        "2",
        text("table.title_2", language),
        heads,
        tuple((*row, word) for row, word in zip(rows, said, strict=True)),
        totals=1,
        foot=_foot(chosen, language),
        colours={place: word for place, word in enumerate(words) if word},
        verdict=len(heads) - 1,
    )


def _first(study: Study, units: tuple[str, ...]) -> Outcome | None:
    """Return the first target that counts such units and has numbers by county; hard ones first."""
    found = [
        one
        for judgement in study.judgements
        for one in judgement.outcomes
        if one.target.metric == "share_of_units_with_facility" and one.target.unit in units and any(one.by_area())
    ]
    return min(found, key=lambda one: one.target.force != "hard", default=None)


def _served(outcome: Outcome, code: str) -> Tally | None:
    lines = (one for one in outcome.lines if one.area_id == code and one.reading == _SERVED and not one.period)
    return next((one.tally for one in lines), None)


def _has_served(outcome: Outcome) -> bool:
    return any(one.area_id and one.reading == _SERVED for one in outcome.lines)


def _tally(outcome: Outcome, code: str) -> Tally:
    line = outcome.of_area(code)
    return line.tally if line is not None else Tally(None, 0)


def _sum(tallies: list[Tally]) -> Tally | None:
    """Return the sum; with a part that is withheld it is withheld too."""
    if any(judged.withheld(one.numerator) or judged.withheld(one.denominator) for one in tallies):
        return Tally(judged.WITHHELD, judged.WITHHELD)
    return total(tallies)


def _heads(study: Study, chosen: list[Outcome], language: Language) -> tuple[Head, ...]:
    found = [Head(text("table.county", language))]
    for one in chosen:
        group = one.target.title.said(language)
        found += [
            Head(text("table.units_all", language), group, "count"),
            Head(text("table.units_with", language), group, "count"),
            Head(text("table.units_share", language), group, "share"),
        ]
        if _has_served(one):
            found.append(Head(text("table.units_served", language), group, "share"))
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    limit = f"{max(study.minutes):g}"
    reach = text("table.within", language, minutes=limit)
    bed_group = text("table.of_beds", language)
    return (
        *found,
        Head(measure, reach, "count"),
        Head(text("table.reached", language), reach, "count"),
        Head(text("table.rate", language), reach, "share"),
        Head(text("table.nursing_beds", language), bed_group, "count"),
        Head(text("table.beds", language), bed_group, "count"),
        Head(text("table.nursing_share", language), bed_group, "share"),
        Head(text("table.per_thousand", language), bed_group, "number"),
        Head(text("table.whether_met", language)),
    )


def _row(
    study: Study, codes: list[str], name: str, chosen: list[Outcome], beds: pd.DataFrame, language: Language
) -> tuple[Cell, ...]:
    """Return the row of a county, or of several: sums of numbers, and rates of the sums."""
    cells: list[Cell] = [name]
    for one in chosen:
        cells += tally_cells(_sum([_tally(one, code) for code in codes]), language)
        if _has_served(one):
            served = [_served(one, code) or Tally(None, 0) for code in codes]
            cells.append(tally_cells(_sum(served), language)[2])
    measure = facts.headline_measure(study)
    covered, people = (sum(parts) for parts in zip(*(people_of(study, code, measure) for code in codes), strict=True))
    cells += [count_cell(people, language), _reached(covered, people, language), share_cell(covered, people, language)]
    every, nursing = (float(beds.loc[codes, column].sum(skipna=False)) for column in ("beds", "nursing_beds"))
    cells += [count_cell(nursing, language), count_cell(every, language), share_cell(nursing, every, language)]
    return (*cells, _per_thousand(every, people, measure, language))


def _reached(covered: float, people: float, language: Language) -> Cell:
    known = facts.state(covered, people)
    if known != "known":
        return text(f"fact.{known}", language)
    return float(facts.whole_covered(covered, people)[0])


def _per_thousand(every: float, people: float, measure: str, language: Language) -> Cell:
    """Return beds for every thousand older people; of all people it would be another indicator."""
    if measure != "people_60":
        return text("fact.no_data", language)
    known = facts.state(every, people)
    return number_cell(every / people * 1000, language) if known == "known" else text(f"fact.{known}", language)


def _word(codes: list[str], chosen: list[Outcome]) -> str | None:
    lines = [one.of_area(code) for one in chosen for code in codes]
    return judged.gravest(line.verdict.word for line in lines if line is not None)


def _whole_word(chosen: list[Outcome]) -> str | None:
    return judged.gravest(one.verdict.word for one in chosen)


def _foot(chosen: list[Outcome], language: Language) -> tuple[str, ...]:
    found = [text("table.foot_sums", language), text("table.foot_cut_shares", language)]
    if chosen:
        ids = text("fact.list_join", language).join(one.target.id for one in chosen)
        found.append(text("table.foot_counties", language, ids=ids))
    return tuple(found)
