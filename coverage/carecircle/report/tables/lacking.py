"""表3 缺口清单: what is lacking, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.report import facts, gapwords
from carecircle.report.tables.cells import count_cell, texts
from carecircle.report.tables.model import Cell, Head, Look, Table

if TYPE_CHECKING:
    from carecircle.model import Study

_COLUMNS: tuple[tuple[str, str, Look], ...] = (
    ("serial", "", "count"),
    ("county", "", "text"),
    ("township", "", "text"),
    ("community", "", "text"),
    ("code", "", "text"),
    ("gap_target", "", "wrap"),
    ("gap_kind", "", "wrap"),
    ("people_60", "gap_people", "count"),
    ("people_80", "gap_people", "count"),
    ("nearest", "gap_nearest", "wrap"),
    ("metres", "gap_nearest", "metres"),
    ("minutes", "gap_nearest", "minutes"),
    ("measure", "", "text"),
    ("office", "", "text"),
    ("year", "", "text"),
)


def gap_list(study: Study, language: Language | None = None) -> Table | None:
    """Return 表3, None where nothing was judged: units that lack something, most older people first.

    The office that is in charge is left blank: those who know fill it in.
    """
    if study.gaps is None:
        return None
    language = language or current_language()
    frame = study.gaps.sort_values(["rank", "gap_id"], kind="stable")
    titles = _titles(study, language)
    absent = gapwords.without_nearest(study, frame, language)
    records = zip(frame.to_dict("records"), absent, strict=True)
    rows = [_row(place, one, titles, no, language) for place, (one, no) in enumerate(records, start=1)]
    heads = [
        Head(text(f"table.{name}", language), text(f"table.{group}", language) if group else "", look)
        for name, group, look in _COLUMNS
    ]
    foot = [text("table.foot_gaps", language, count=f"{len(rows):,d}")]
    if not study.profile.on_foot:
        travel = facts.label("fact.profile_", study.profile.name, language)
        foot.append(text("table.foot_travel", language, profile=travel))
    return Table("3", text("table.title_3", language), tuple(heads), tuple(rows), foot=tuple(foot))


def _titles(study: Study, language: Language) -> dict[str, str]:
    return {
        one.target.id: one.target.title.said(language) for judgement in study.judgements for one in judgement.outcomes
    }


def _row(
    place: int, gap: dict[str, object], titles: dict[str, str], absent: str, language: Language
) -> tuple[Cell, ...]:
    words = dict(zip(gap, texts(gap.values()), strict=True))
    near = words["nearest_name"] or words["nearest_facility"] or absent
    return (
        float(place),
        words["county"] or (words["name"] if words["level"] == "county" else ""),
        words["township"] or (words["name"] if words["level"] == "township" else ""),
        words["community"] or (words["name"] if words["level"] == "community" else ""),
        words["area_id"],
        _targets(words, titles, language),
        _kind(gap, language),
        *(count_cell(_number(gap, name), language) for name in ("people_60", "people_80")),
        near,
        _way(_number(gap, "metres"), 0, absent),
        _way(_number(gap, "minutes"), 1, absent),
        facts.label("gap.measure_", words["measure"], language),
        "",
        words["year"].removesuffix(".0"),
    )


def _targets(words: dict[str, str], titles: dict[str, str], language: Language) -> str:
    target = words["target_id"]
    also = words.get("also", "")
    shown = text("table.clause_id", language, clause=titles.get(target, target), id=target)
    return text("table.gap_also", language, target=shown, also=also) if also else shown


def _kind(gap: dict[str, object], language: Language) -> str:
    shown = facts.label("gap.kind_", str(gap["gap"]), language)
    outside = _number(gap, "people_60_out")
    if gap["gap"] != "beyond" or facts.absence(outside):
        return shown
    return text("table.gap_beyond_people", language, kind=shown, people=facts.count(outside, language))


def _number(gap: dict[str, object], name: str) -> float:
    found = gap.get(name)
    return float("nan") if found is None or found is pd.NA else float(found)  # type: ignore[arg-type]


def _way(value: float, digits: int, absent: str) -> Cell:
    """Return a distance or time rounded up, or why there is none."""
    return absent if facts.absence(value) else facts.up(value, digits)
