"""表2 分县（市、区）覆盖率表: each county by the kinds of units that targets count, people within reach, and beds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.policy.judge import GRAVITY, Tally, Verdict, total
from carecircle.policy.results import Line, Outcome
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
    chosen = [column for units in _CLASSES for column in _Column.of(study, units)]
    beds = bed_numbers(study)
    rows = [_row(study, [code], name, chosen, beds, language) for code, name in places.items()]
    words: list[str | None] = [_word(code, chosen) for code in places]
    rows.append(_row(study, list(places), text("table.total", language), chosen, beds, language))
    whole = _whole(chosen)
    words.append(whole.word if whole is not None else None)
    said = [judged.verdict_word(word, language) if word else text("table.none", language) for word in words]
    if whole is not None:
        said[-1] = judged.with_year(said[-1], whole, study.as_of, language)
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


@dataclass(frozen=True, eq=False)
class _Column:
    """A group of columns: a target, and the counties that have its number (places of several packs have several)."""

    by_county: Mapping[str, Outcome]

    @classmethod
    def of(cls, study: Study, units: tuple[str, ...]) -> list[_Column]:
        """Take for each county the first target that counts such units and has a number for it; hard ones first."""
        found = [
            one
            for judgement in study.judgements
            for one in judgement.outcomes
            if one.target.metric == "share_of_units_with_facility" and one.target.unit in units
        ]
        chosen: dict[str, Outcome] = {}
        for one in sorted(found, key=lambda one: one.target.force != "hard"):
            for line in one.by_area():
                chosen.setdefault(line.area_id, one)
        targets = {id(one): one for one in chosen.values()}
        return [cls({code: own for code, own in chosen.items() if own is one}) for one in targets.values()]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The targets, each once."""
        return tuple({id(one): one for one in self.by_county.values()}.values())

    @property
    def served(self) -> bool:
        """Whether the share that is served stands beside that of units that have one (domain: 建有/服务)."""
        return any(line.area_id and line.reading == _SERVED for one in self.outcomes for line in one.lines)

    def line(self, code: str, reading: str = "") -> Line | None:
        """Return the line of a county, by another reading than that taken if one is named."""
        outcome = self.by_county.get(code)
        lines = outcome.lines if outcome is not None else ()
        own = (one for one in lines if (one.area_id, one.reading) == (code, reading) and not (one.period or one.item))
        return next(own, None)

    def sum(self, codes: list[str], reading: str = "") -> Tally | None:
        """Return the sum of counties, None where none of them has a number."""
        lines = [self.line(code, reading) for code in codes]
        return _sum([one.tally for one in lines if one is not None])


def _sum(tallies: list[Tally]) -> Tally | None:
    """Return the sum; with a part that is withheld it is withheld too."""
    if any(judged.withheld(one.numerator) or judged.withheld(one.denominator) for one in tallies):
        return Tally(judged.WITHHELD, judged.WITHHELD)
    return total(tallies)


def _heads(study: Study, chosen: list[_Column], language: Language) -> tuple[Head, ...]:
    found = [Head(text("table.county", language))]
    for one in chosen:
        group = one.outcomes[0].target.title.said(language)
        found += [
            Head(text("table.units_all", language), group, "count"),
            Head(text("table.units_with", language), group, "count"),
            Head(text("table.units_share", language), group, "share"),
        ]
        if one.served:
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
    study: Study, codes: list[str], name: str, chosen: list[_Column], beds: pd.DataFrame, language: Language
) -> tuple[Cell, ...]:
    """Return the row of a county, or of several: sums of numbers, and rates of the sums."""
    cells: list[Cell] = [name]
    for one in chosen:
        cells += _cells(one.sum(codes), language)
        if one.served:
            cells.append(_cells(one.sum(codes, _SERVED), language)[2])
    measure = facts.headline_measure(study)
    covered, people = (sum(parts) for parts in zip(*(people_of(study, code, measure) for code in codes), strict=True))
    cells += [count_cell(people, language), _reached(covered, people, language), share_cell(covered, people, language)]
    every, nursing = (float(beds.loc[codes, column].sum(skipna=False)) for column in ("beds", "nursing_beds"))
    cells += [count_cell(nursing, language), count_cell(every, language), share_cell(nursing, every, language)]
    return (*cells, _per_thousand(every, people, measure, language))


def _cells(tally: Tally | None, language: Language) -> tuple[Cell, Cell, Cell]:
    """Return total, part and share; dashes for a county that the target does not bind."""
    return tally_cells(tally, language) if tally is not None else (text("table.none", language),) * 3


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


def _word(code: str, chosen: list[_Column]) -> str | None:
    lines = [one.line(code) for one in chosen]
    return judged.gravest(line.verdict.word for line in lines if line is not None)


def _whole(chosen: list[_Column]) -> Verdict | None:
    """Return the gravest verdict on the whole of a place."""
    found = [each.verdict for one in chosen for each in one.outcomes]
    return min(found, key=lambda one: GRAVITY.index(one.word), default=None)


def _foot(chosen: list[_Column], language: Language) -> tuple[str, ...]:
    found = [text("table.foot_sums", language), text("table.foot_cut_shares", language)]
    if chosen:
        ids = text("fact.list_join", language).join(each.target.id for one in chosen for each in one.outcomes)
        found.append(text("table.foot_counties", language, ids=ids))
    return tuple(found)
