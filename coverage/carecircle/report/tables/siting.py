"""表4 选址建议表: where new centres should stand, in order of worth, and what each adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from carecircle.language import Language, current_language, text
from carecircle.report import facts, sitewords
from carecircle.report.sitewords import number, said, words
from carecircle.report.tables.cells import count_cell, number_cell, share_cell
from carecircle.report.tables.model import Cell, Head, Look, Table

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

_COLUMNS: dict[str, Look] = {
    "rank": "count",
    "site": "wrap",
    "position": "text",
    "land_use": "wrap",
    "ownership": "wrap",
    "state": "wrap",
    "floor": "area",
    "added_people": "count",
    "added_units": "count",
    "cumulative": "share",
    "radius": "wrap",
    "conflicts": "wrap",
    "built_as": "wrap",
    "cost": "number",
    "reason": "wrap",
    "year": "text",
}


def sites(study: Study, language: Language | None = None) -> Table | None:
    """Return 表4, None where nobody asked for sites; a plan that cannot be had is an empty table that says why."""
    return None if study.sites is None else site_table(study.sites, study, language)


def site_table(plan: SitingPlan, study: Study, language: Language | None = None) -> Table:
    """Return 表4 of a plan.

    Parameters
    ----------
    plan
        Where new centres go.
    study
        What it was made for; its traveller gives the radius.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    Table
        A row a site, in order of worth, and their sum; the year only where the plan has phases.
    """
    language = language or current_language()
    columns = [name for name in _COLUMNS if name != "year" or sitewords.years(plan)]
    found = sitewords.records(plan)
    radius = sitewords.radius(plan, study, language)
    rows = [_row(site, radius, language) for site in found]
    rows += [_total(found, language)] if found else []
    return Table(
        "4",
        said("table_4", language),
        tuple(Head(text(f"siting_report.{name}", language), look=_COLUMNS[name]) for name in columns),
        tuple(tuple(row[name] for name in columns) for row in rows),
        totals=int(bool(found)),
        foot=_foot(plan, language),
        unit=said("unit", language),
    )


def _row(site: dict[str, Any], radius: str, language: Language) -> dict[str, Cell]:
    cost = number(site["cost"])
    return {
        "rank": float(site["rank"]),
        "site": _called(site, language),
        "position": f"{site['lon']:.6f}\n{site['lat']:.6f}",
        "land_use": words(site["land_use"]),
        "ownership": words(site["ownership"]),
        "state": words(site["status"]),
        "floor": number_cell(number(site["floor_m2"]), language),
        "added_people": count_cell(number(site["people_60"]), language),
        "added_units": count_cell(number(site["units_count"]), language),
        "cumulative": share_cell(number(site["covered"]), number(site["total"]), language),
        "radius": radius,
        "conflicts": words(site["conflicts"]),
        "built_as": facts.label("kind.", words(site["built_as"]), language) if words(site["built_as"]) else "",
        "cost": "" if math.isnan(cost) else cost,
        "reason": words(site["reason"]),
        "year": sitewords.year_of(site),
    }


def _called(site: dict[str, Any], language: Language) -> str:
    """Return a site's name, and below it where it is and where it comes from."""
    source, place = sitewords.source_of(site, language), sitewords.place_of(site)
    below = said("site_place", language, place=place, source=source) if place else source
    return f"{sitewords.name_of(site)}\n{below}"


def _total(found: list[dict[str, Any]], language: Language) -> dict[str, Cell]:
    """Return the line of sums; a sum with an unknown part is unknown, and costs are left to those who fill them in."""
    people, units = (sum(number(site[name]) for site in found) for name in ("people_60", "units_count"))
    return dict.fromkeys(_COLUMNS, "") | {
        "site": said("total_sites", language, count=f"{len(found):,d}"),
        "added_people": count_cell(people, language),
        "added_units": count_cell(units, language),
        "cumulative": share_cell(number(found[-1]["covered"]), number(found[-1]["total"]), language),
    }


def _foot(plan: SitingPlan, language: Language) -> tuple[str, ...]:
    problem = facts.label("siting_report.problem_", plan.problem, language)
    remarks = () if plan.status == "infeasible" else plan.reasons
    how = said("foot_standing", language, problem=problem, standing=sitewords.standing(plan, language))
    gain = said("foot_gain", language, measure=sitewords.measure_words(plan, language))
    return (how, *remarks, gain, said("foot_blank", language), said("foot_position", language))
