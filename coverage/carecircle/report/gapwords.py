"""The gap list in words: titles of targets, and lines for people to read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.policy.results import Judgement, Outcome
from carecircle.policy.units import counted_facilities
from carecircle.report import facts

if TYPE_CHECKING:
    import geopandas as gpd

    from carecircle.model import Study


def target_titles(gaps: pd.DataFrame, judgements: Sequence[Judgement], language: Language | None = None) -> pd.Series:
    """Return the title of each gap's target, "" where its pack is not among the judgements."""
    known = {
        (judgement.pack.id, target.id): target.title.said(language or current_language())
        for judgement in judgements
        for target in judgement.pack.targets
    }
    pairs = zip(gaps["pack"], gaps["target_id"], strict=True)
    return pd.Series([known.get(pair, "") for pair in pairs], index=gaps.index, dtype=object)


def unit_places(gaps: pd.DataFrame, language: Language | None = None) -> pd.Series:
    """Return each gap's unit with the county and township around it: ``澄溪区 云济街道 钟鼓社区``."""
    own = facts.names(gaps["name"], language)
    return around(gaps).str.cat(own, sep=" ").str.strip()


def around(gaps: pd.DataFrame) -> pd.Series:
    """Return the names of the county and township around each unit, without its own."""
    found = pd.Series("", index=gaps.index, dtype=object)
    for name in ("county", "township"):
        outer = gaps[name].notna() & gaps["level"].ne(name)
        found = found.where(~outer, found + " " + gaps[name].astype(object).fillna("").astype(str))
    return found.str.strip()


def without_nearest(study: Study, gaps: gpd.GeoDataFrame, language: Language | None = None) -> pd.Series:
    """Return why a gap has no nearest facility: no place, no facility that counts anywhere, or none that is reached.

    Parameters
    ----------
    study
        The study, for its facilities and judgements.
    gaps
        Gaps of it.
    language
        Defaults to the language in force.

    Returns
    -------
    pd.Series
        Words, on the index of `gaps`; they say nothing about rows that have a nearest facility.
    """
    bare = {(one.pack.id, name) for one in study.judgements for name in _uncounted(study, one, set(gaps["target_id"]))}
    absent = [pair in bare for pair in zip(gaps["pack"], gaps["target_id"], strict=True)]
    words = pd.Series(text("fact.not_reached", language), index=gaps.index, dtype=object)
    words = words.mask(gaps.geometry.isna() | gaps.geometry.is_empty, text("table.no_place", language))
    return words.mask(pd.Series(absent, index=gaps.index, dtype=bool), text("table.no_such", language))


def _uncounted(study: Study, judgement: Judgement, names: set[str]) -> list[str]:
    """Return those targets of a judgement for which no facility counts."""
    return [
        one.target.id
        for one in judgement.outcomes
        if one.target.id in names and not _counts(study, judgement, one).eq(True).any()
    ]


def _counts(study: Study, judgement: Judgement, outcome: Outcome) -> pd.Series:
    return counted_facilities(outcome.target, judgement.pack, study.facilities, judgement.as_of, outcome.readings)


def gap_lines(
    gaps: pd.DataFrame, judgements: Sequence[Judgement], language: Language | None = None, *, most: int = 10
) -> list[str]:
    """Return the first gaps as sentences, after one that says how many there are.

    Parameters
    ----------
    gaps
        From `carecircle.gaps.find_gaps`.
    judgements
        Those that the gaps are of, for the titles of targets.
    language
        Defaults to the language in force.
    most
        How many are listed.
    """
    if gaps.empty:
        return [text("gap.none_found", language)]
    shown = gaps.head(most)
    rows = shown.assign(title=target_titles(shown, judgements, language), place=unit_places(shown, language))
    head = text("gap.found", language, count=facts.count(len(gaps), language), shown=facts.count(len(shown), language))
    return [head, *(_line(row, language) for row in rows.to_dict("records"))]


def _line(row: Mapping[Hashable, Any], language: Language | None) -> str:
    near = text("fact.not_reached", language)
    if isinstance(row["nearest_facility"], str):
        way = facts.metres(row["metres"], language)
        near = text("gap.near", language, name=_named(row["nearest_name"], language), way=way)
    number = facts.count(row["people_60"], language)
    return text(
        "gap.line",
        language,
        rank=row["rank"],
        place=row["place"],
        target=row["target_id"],
        title=row["title"],
        kind=facts.label("gap.kind_", row["gap"], language),
        people=number if facts.absence(row["people_60"]) else text("fact.people", language, value=number),
        nearest=near,
        measure=facts.label("gap.measure_", row["measure"], language),
    )


def _named(name: object, language: Language | None) -> str:
    return name if isinstance(name, str) and name.strip() else text("fact.unnamed", language)
