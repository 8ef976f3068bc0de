"""The tables of a siting plan that no report has: trade-off, targets, alternatives, robustness, years, the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.report import facts, sitewords
from carecircle.report.sitewords import number, said, words
from carecircle.report.siting.curve import measure_name
from carecircle.report.tables import Cell, Head, Look, Table, site_table
from carecircle.report.tables.cells import count_cell, share_cell

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

MOST_DROPPED = 5_000
"""Candidates left out that the workbook lists; all of them are in ``sites_dropped.csv``."""
MOST_REASONS = 15
"""Reasons for leaving candidates out that the page lists."""
_WORDED = {
    "measure": "fact.measure_",
    "profile": "fact.profile_",
    "way": "siting_report.phase_",
    "least": "siting_report.least_",
}
"""Things asked that are keys, and the part of the catalogue that words them."""
Heads = Sequence[tuple[str, Look]]


def every_sheet(plan: SitingPlan, study: Study, language: Language | None = None) -> tuple[Table, ...]:
    """Return 表4 and every other table that a plan has data for, how it was found last.

    Parameters
    ----------
    plan
        Where new centres go.
    study
        What it was made for.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    """
    language = language or current_language()
    parts = (trade_off, targets, alternatives, variants, phases, dropped)
    found = [part(plan, language) for part in parts]
    return (site_table(plan, study, language), *(one for one in found if one.rows), summary(plan, language))


def trade_off(plan: SitingPlan, language: Language) -> Table:
    """Return what each number of new sites reaches, by measure."""
    heads: Heads = (
        ("measure", "wrap"), ("sites_count", "count"), ("covered", "count"), ("total", "count"), ("rate", "share"),
        ("threshold", "text"), ("is_chosen", "text"),
    )  # fmt: skip
    rows = [
        (
            measure_name(plan, one["measure"], language),
            number(one["sites"]),
            *_counts(one, ("covered", "total"), language),
            share_cell(number(one["covered"]), number(one["total"]), language),
            _percent(one["threshold"]),
            said("chosen_mark", language) if one["chosen"] is True else "",
        )
        for one in _rows(plan.curve, ("measure", "sites", "covered", "total", "threshold", "chosen"))
    ]
    return _table("curve", heads, rows, language, foot=("foot_cut",))


def targets(plan: SitingPlan, language: Language) -> Table:
    """Return what becomes of a policy's targets."""
    heads: Heads = (
        ("target", "wrap"), ("before", "count"), ("after", "count"), ("denominator", "count"), ("before", "share"),
        ("after", "share"), ("target_line", "text"), ("before", "text"), ("after", "text"),
    )  # fmt: skip
    groups = ("", *("covered",) * 2, "", *("rate",) * 2, "", *("holds",) * 2)
    names = ("target_id", "title", "before", "after", "denominator", "threshold", "unit", "holds_before", "holds_after")
    rows = [
        (
            _titled(one, language),
            *_counts(one, ("before", "after", "denominator"), language),
            *(share_cell(number(one[name]), number(one["denominator"]), language) for name in ("before", "after")),
            _percent(one["threshold"]) + ("%" if one["unit"] == "percent" else ""),
            *(yes_no(one[name], language) for name in ("holds_before", "holds_after")),
        )
        for one in _rows(plan.targets, names)
    ]
    return _table("targets", heads, rows, language, groups=groups, foot=("foot_cut",))


def alternatives(plan: SitingPlan, language: Language) -> Table:
    """Return other plans close to the best."""
    heads: Heads = (
        ("rank", "count"), ("sites_count", "text"), ("objective", "number"), ("alternative_loss", "number"),
        ("alternative_added", "wrap"), ("alternative_dropped", "wrap"), ("alternative_certain", "text"),
    )  # fmt: skip
    rows = [
        (
            number(one["rank"]),
            joined(one["sites"], language),
            *(_plain_number(one[name], language) for name in ("objective", "loss")),
            *(joined(one[name], language) for name in ("added", "dropped")),
            yes_no(one["certain"], language),
        )
        for one in _rows(plan.alternatives, ("rank", "sites", "objective", "loss", "added", "dropped", "certain"))
    ]
    return _table("alternatives", heads, rows, language)


def variants(plan: SitingPlan, language: Language) -> Table:
    """Return what the plan reaches for other travellers and demand."""
    heads: Heads = (
        ("variant_profile", "wrap"), ("variant_speed", "text"), ("variant_demand", "text"), ("variant_before", "count"),
        ("variant_after", "count"), ("total", "count"), ("variant_before", "share"), ("variant_after", "share"),
    )  # fmt: skip
    groups = ("", "", "", *("covered",) * 2, "", *("rate",) * 2)
    rows = [
        (
            worded("profile", one["profile"], language),
            joined(one["speed_mps"], language),
            worded("measure", one["demand"], language),
            *_counts(one, ("before", "covered", "total"), language),
            *(share_cell(number(one[name]), number(one["total"]), language) for name in ("before", "covered")),
        )
        for one in _rows(plan.variants, ("profile", "speed_mps", "demand", "before", "covered", "total"))
    ]
    return _table("variants", heads, rows, language, groups=groups, foot=("foot_cut",))


def phases(plan: SitingPlan, language: Language) -> Table:
    """Return what stands and is reached at the end of each year, year by year and with the last year in view."""
    heads: Heads = (
        ("phase_way", "text"), ("year", "text"), ("phase_built", "wrap"), ("covered", "count"), ("total", "count"),
        ("rate", "share"),
    )  # fmt: skip
    rows = [
        (
            facts.label("siting_report.phase_", one["way"], language),
            joined(one["year"], language),
            joined(one["built"], language),
            *_counts(one, ("covered", "total"), language),
            share_cell(number(one["covered"]), number(one["total"]), language),
        )
        for one in _rows(plan.phases, ("way", "year", "built", "covered", "total"))
    ]
    return _table("phases", heads, rows, language, foot=("foot_cut",))


def dropped(plan: SitingPlan, language: Language) -> Table:
    """Return the candidates left out, and why; of many the first ones, and it says so."""
    heads: Heads = (
        ("dropped_site", "text"), ("dropped_name", "wrap"), ("dropped_source", "text"), ("dropped_why", "wrap"),
    )  # fmt: skip
    rows = [
        (words(one["candidate_id"]), words(one["name"]), facts.label("siting_report.source_", one["source"], language),
         words(one["why"]))
        for one in _rows(plan.dropped.head(MOST_DROPPED), ("candidate_id", "name", "source", "why"))
    ]  # fmt: skip
    table = _table("dropped", heads, rows, language)
    if len(plan.dropped) <= MOST_DROPPED:
        return table
    more = said("dropped_more", language, all=f"{len(plan.dropped):,d}", shown=f"{MOST_DROPPED:,d}")
    return Table("", table.title, table.heads, table.rows, foot=(more,))


def summary(plan: SitingPlan, language: Language) -> Table:
    """Return how the plan was found, how good it is proven to be, and what was asked."""
    objective, bound = sitewords.objective(plan, language), sitewords.bound(plan, language)
    pairs = [
        (said("problem", language), facts.label("siting_report.problem_", plan.problem, language)),
        (said("status", language), sitewords.standing(plan, language)),
        objective,
        bound,
        (said("gap", language), gap(plan, language)),
        (said("stopped", language), facts.label("siting_report.stopped_", plan.stopped, language)),
        (said("solver", language), plan.solver),
        (said("seed", language), str(plan.seed)),
    ]
    remarks = [(said("remark", language, number=place), one) for place, one in enumerate(plan.reasons, start=1)]
    asked = [
        (
            said("parameter", language, name=facts.label("siting_report.parameter_", name, language)),
            worded(name, value, language),
        )
        for name, value in plan.parameters.items()
        if joined(value, language)
    ]
    heads: Heads = (("item", "wrap"), ("words", "wrap"))
    return _table("summary", heads, [*pairs, *remarks, *asked], language)


def gap(plan: SitingPlan, language: Language) -> str:
    """Return the gap in per cent rounded up, or that none is proven."""
    known = plan.status != "infeasible" and math.isfinite(plan.gap)
    return sitewords.gap_words(plan.gap) if known else said("bound_none", language)


def yes_no(value: object, language: Language) -> str:
    """Return whether a target holds, in words: what cannot be told is neither.

    Examples
    --------
    >>> yes_no(True, "zh"), yes_no(None, "zh")
    ('是', '不能判断')
    """
    if words(value) == "":
        return said("unknown", language)
    return said("yes" if bool(value) else "no", language)


def joined(value: object, language: Language) -> str:
    """Return a value, or several in one line.

    Examples
    --------
    >>> joined(("东院", "西院"), "zh"), joined(15.0, "zh"), joined(None, "zh")
    ('东院、西院', '15', '')
    """
    if isinstance(value, dict):
        value = [f"{key}: {joined(part, language)}" for key, part in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return text("fact.list_join", language).join(joined(part, language) for part in value)
    if isinstance(value, bool):
        return yes_no(value, language)
    return _bare(value)


def worded(name: str, value: object, language: Language) -> str:
    """Return what was asked in words, where it is a key.

    Examples
    --------
    >>> worded("measure", "points", "zh"), worded("sites", 3, "zh")
    ('居民点', '3')
    """
    if name in _WORDED and isinstance(value, str):
        return facts.label(_WORDED[name], value, language)
    return joined(value, language)


def _bare(value: object) -> str:
    """Return words, and a number without decimals that it does not need."""
    return f"{value:,.10g}".replace(",", "") if isinstance(value, float) and value == value else words(value)  # noqa: PLR0124


def _table(
    title: str,
    heads: Heads,
    rows: Iterable[tuple[Cell, ...]],
    language: Language,
    *,
    groups: Sequence[str] = (),
    foot: tuple[str, ...] = (),
) -> Table:
    above = [text(f"siting_report.{one}", language) if one else "" for one in groups or [""] * len(heads)]
    columns = zip(heads, above, strict=True)
    shown = tuple(Head(text(f"siting_report.{name}", language), group, look) for (name, look), group in columns)
    below = tuple(text(f"siting_report.{one}", language) for one in foot)
    return Table("", text(f"siting_report.{title}", language), shown, tuple(rows), foot=below)


def _rows(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, object]]:
    """Return the rows of a table with these columns; one that it lacks is empty."""
    wanted = frame.reindex(columns=list(names)).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in wanted]


def _counts(row: dict[str, object], names: Sequence[str], language: Language) -> list[Cell]:
    return [count_cell(number(row[name]), language) for name in names]


def _titled(row: dict[str, object], language: Language) -> str:
    title = words(row["title"])
    known = words(row["target_id"])
    return text("table.clause_id", language, clause=title, id=known) if title and known else title or known


def _percent(value: object) -> str:
    known = number(value)
    return "" if math.isnan(known) else f"{known:g}"


def _plain_number(value: object, language: Language) -> Cell:
    known = number(value)
    return text(f"fact.{facts.absence(known)}", language) if facts.absence(known) else known
