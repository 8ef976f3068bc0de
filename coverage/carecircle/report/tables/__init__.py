"""表1 to 表8: the tables that civil affairs report with, as data.

`tables` gives all that a study has data for; the functions give one each. Every cell is a number or words; numbers of
parts add up to those of the line of sums, whose rates are computed anew and never averaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carecircle.language import Language, current_language
from carecircle.report.tables.attainment import attainment
from carecircle.report.tables.basis import quality_basis
from carecircle.report.tables.beds import beds
from carecircle.report.tables.counties import by_county
from carecircle.report.tables.estates import estates
from carecircle.report.tables.lacking import gap_list
from carecircle.report.tables.model import Cell, Head, Look, Table
from carecircle.report.tables.siting import site_table, sites
from carecircle.report.tables.yearly import yearly

if TYPE_CHECKING:
    from carecircle.model import Study

__all__ = [
    "Cell",
    "Head",
    "Look",
    "Table",
    "attainment",
    "beds",
    "by_county",
    "estates",
    "gap_list",
    "quality_basis",
    "site_table",
    "sites",
    "tables",
    "yearly",
]


def tables(study: Study, language: Language | None = None) -> tuple[Table, ...]:
    """Return all tables that a study has data for, in the order of their numbers; tables of packs once a pack.

    Parameters
    ----------
    study
        The study, with or without judgements.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    """
    language = language or current_language()
    packs = study.judgements
    found: list[Table | None] = [attainment(study, one, language) for one in packs]
    found += [by_county(study, language), gap_list(study, language), sites(study, language)]
    found += [part for one in packs for part in yearly(study, one, language)]
    found += [estates(study, one, language) for one in packs]
    found += [beds(study, language), quality_basis(study, language)]
    return tuple(one for one in found if one is not None)
