"""The page of a siting plan: how good it is, where the sites are and why, what each adds; it asks no network."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from carecircle.language import Language, catalogue, current_language, text
from carecircle.outputs import speakable
from carecircle.report import facts, judged, offline, sitewords
from carecircle.report.sitewords import number, said
from carecircle.report.siting import curve, sheets
from carecircle.report.siting.scene import Surroundings, scene
from carecircle.report.tables import Cell, Head, Table, site_table
from carecircle.report.word.layout import shown

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

_SIGNS = {"optimal": "✓", "feasible": "≈", "infeasible": "✕"}
_LONG = 30
"""Text of more signs than this has a wide column."""
_MOST_REASONS = 12
_CARD_SHEETS = (sheets.targets, sheets.phases, sheets.alternatives, sheets.variants)
Entry = dict[str, Any]


def sites_html(
    plan: SitingPlan, study: Study, around: Surroundings | None = None, *, language: Language | None = None
) -> str:
    """Return the page.

    Parameters
    ----------
    plan
        Where new centres go.
    study
        What it was made for.
    around
        What the map shows besides; without it, existing circles and the sites.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    str
        HTML without any address; the same plan gives the same text.
    """
    language = language or current_language()
    around = around or Surroundings()
    data = scene(plan, study, around, language)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(offline.own_text("templates", "sites.html"))
    page = template.render(
        w={key[14:]: one[language] for key, one in catalogue().items() if key.startswith("siting_report.")},
        language="zh-CN" if language == "zh" else "en",
        head=offline.head(clusters=data["clusters"]),
        style=offline.own_text("static", "dashboard.css") + offline.own_text("static", "sites.css"),
        script=offline.own_text("static", "sites.js"),
        data=offline.safe_json(data),
        title=study.title,
        note=around.note or text("map.internal", language),
        **_top(plan, study, language),
        **_map_words(plan, study, data, language),
        **_tables(plan, study, language),
    )
    return offline.seal(speakable(page), None)


def _top(plan: SitingPlan, study: Study, language: Language) -> Entry:
    words = sitewords.standing(replace(plan, reasons=plan.reasons[:1]), language)
    heading = "page_unreached" if plan.status == "infeasible" else "page_reasons"
    return {
        "problem": facts.label("siting_report.problem_", plan.problem, language),
        "as_of": text("table.as_of", language, day=judged.day(study.as_of, language)),
        "fictional": text("map.fictional", language) if study.fictional else "",
        "standing": {"look": plan.status, "sign": _SIGNS[plan.status], "words": words},
        "cards": [] if plan.status == "infeasible" and plan.chosen.empty else _cards(plan, study, language),
        "reasons": plan.reasons[:_MOST_REASONS],
        "no_plan": plan.status == "infeasible",
        "reasons_title": text(f"siting_report.{heading}", language),
        "notes": study.notes,
    }


def _cards(plan: SitingPlan, study: Study, language: Language) -> list[Entry]:
    """Return the numbers that stand on top: sites, people added, rates, and how far from the best there can be."""
    found = sitewords.records(plan)
    before, after = sitewords.rate_before_after(plan)
    column = "people_60" if sitewords.measure(plan) == "people_60" else "gain"
    people = sum(number(site[column]) for site in found)
    added = said("page_people", language, measure=sitewords.measure_words(plan, language))
    rates = [facts.percent(*one, language) for one in (before, after)]
    minutes = said("page_within", language, minutes=f"{sitewords.limit(plan, study):g}")
    numbers = (sitewords.objective(plan, language), sitewords.bound(plan, language))
    below = [said("page_bound", language, label=label, value=value) for label, value in numbers]
    return [
        _card(said("page_new", language), said("page_sites", language, count=f"{len(found):,d}")),
        _card(added, facts.count(people, language), minutes),
        _card(said("page_rate", language), said("page_arrow", language, before=rates[0], after=rates[1]), minutes),
        _card(said("page_gap", language), sheets.gap(plan, language), *below),
    ]


def _card(what: str, big: str, *under: str) -> Entry:
    return {"what": what, "big": big, "under": under}


def _map_words(plan: SitingPlan, study: Study, data: Entry, language: Language) -> Entry:
    profile = facts.label("fact.profile_", study.profile.name, language)
    slope = "map.with_slope" if study.provenance.get("elevation") else "map.no_slope"
    others = data["candidates"]
    drawn = len(others["name"])
    cut = said("page_candidates_cut", language, shown=f"{drawn:,d}", all=f"{others['all']:,d}")
    return {
        "themes": data["themes"],
        "any_sites": len(plan.chosen),
        "any_candidates": drawn > 0,
        "candidates_cut": cut if drawn < others["all"] else "",
        "uncovered": text("map.legend_uncovered", language),
        "north": text("map.north", language),
        "no_script": text("map.no_script", language),
        "how": [
            text("map.profile", language, profile=profile, speed=facts.speed(study.profile, language)),
            text(slope, language),
            text("map.datum", language),
        ],
    }


def _tables(plan: SitingPlan, study: Study, language: Language) -> Entry:
    others = [one(plan, language) for one in _CARD_SHEETS]
    return {
        "table": _grid(site_table(plan, study, language)),
        "curve": curve.curve_svg(plan, language),
        "keys": curve.keys(plan, language),
        "others": [_grid(one) for one in others if one.rows],
        "left_out": _grid(_left_out(plan, language)) if len(plan.dropped) else None,
        "summary": _grid(sheets.summary(plan, language)),
    }


def _left_out(plan: SitingPlan, language: Language) -> Table:
    """Return how many candidates were left out for each reason and source, most first."""
    frame = pd.DataFrame({name: plan.dropped[name].fillna("").astype(str) for name in ("why", "source")})
    counts = frame.value_counts(["why", "source"]).rename("count").reset_index()
    counts = counts.sort_values(["count", "why", "source"], ascending=[False, True, True])
    rows = [
        (one["why"], facts.label("siting_report.source_", one["source"], language), float(one["count"]))
        for one in counts.head(sheets.MOST_REASONS).to_dict("records")
    ]
    rest = float(counts["count"].iloc[sheets.MOST_REASONS :].sum())
    rows += [(said("dropped_others", language), "", rest)] if rest else []
    heads = (
        Head(said("dropped_why", language), look="wrap"),
        Head(said("dropped_source", language)),
        Head(said("dropped_count", language), look="count"),
    )
    return Table("", said("dropped", language), heads, tuple(rows), foot=(said("page_dropped", language),))


def _grid(table: Table) -> Entry:
    """Return a table as the template lays it out: every cell in words, and how it looks."""
    groups = [(group, len(list(heads))) for group, heads in groupby(table.heads, key=lambda head: head.group)]
    parts = len(table.rows) - table.totals
    return {
        "title": table.title,
        "groups": [{"words": words, "span": span} for words, span in groups] if table.grouped else [],
        "heads": [{"words": one.heading, "number": one.look not in {"text", "wrap"}} for one in table.heads],
        "rows": [
            {"cells": list(map(_cell, row, table.heads)), "total": at >= parts} for at, row in enumerate(table.rows)
        ],
        "foot": table.foot,
    }


def _cell(cell: Cell, head: Head) -> Entry:
    if not isinstance(cell, str):
        return {"words": shown(cell, head.look), "look": "number"}
    if head.look not in {"text", "wrap"}:
        return {"words": cell, "look": "state"}
    return {"words": cell, "look": "wrap long" if len(cell) > _LONG and head.look == "wrap" else head.look}
