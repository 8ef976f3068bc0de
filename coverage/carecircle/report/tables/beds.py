"""表7 床位结构表: beds of institutions by county, ownership and grade."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from carecircle.cover import assign_areas
from carecircle.language import Language, current_language, text
from carecircle.policy.registry import grades_in, names_in
from carecircle.policy.results import Judgement
from carecircle.policy.sheets.rows import OWNERS as OWNER_WORDS
from carecircle.policy.sheets.rows import Case, match_counties
from carecircle.policy.units import wanted_kinds
from carecircle.policy.vocabulary import Vocabulary, vocabulary
from carecircle.report.tables.cells import count_cell, county_names, number_cell, share_cell
from carecircle.report.tables.model import Cell, Head, Table
from carecircle.sources.facilities import in_operation

if TYPE_CHECKING:
    from carecircle.model import Study

OWNERS = tuple(OWNER_WORDS.values())
"""Ownership as registries and the sheet of institutions have it; anything else is not said."""
_STARS = (5, 4, 3, 2, 1)
_OPEN_WORDS = "在营"


def beds(study: Study, language: Language | None = None) -> Table | None:
    """Return 表7, None where no institution is known: beds by county and ownership, institutions by grade.

    Institutions are those of the filled-in sheet, else those of the registry; only those in operation count.
    """
    language = language or current_language()
    found, source = institutions(study)
    if found.empty:
        return None
    places = counties(study)
    groups = {name: found[found["area_id"] == code] for code, name in places.items()}
    others = found[~found["area_id"].isin(list(places))]
    if len(others):
        groups[text("table.elsewhere", language)] = others
    rows = [_row(name, part, language) for name, part in groups.items()]
    rows.append(_row(text("table.total", language), found, language))
    return Table(
        "7",
        text("table.title_7", language),
        _heads(language),
        tuple(rows),
        totals=1,
        foot=(text("table.foot_beds", language, source=source), text("table.foot_cut_shares", language)),
        unit=text("table.unit_beds", language),
    )


def counties(study: Study) -> dict[str, str]:
    """Return the counties that tables have rows for: those of all judgements, else those of the areas; by `area_id`."""
    found = _judged_counties(study)
    if len(found):
        return county_names(found)
    return county_names(study.areas[study.areas["level"] == "county"].sort_values("area_id"))


def _judged_counties(study: Study) -> pd.DataFrame:
    """Return ``area_id, name`` of the counties of all judgements, each once, in the order of the packs."""
    found = [one.counties for one in study.judgements]
    empty = pd.DataFrame({"area_id": [], "name": []}, dtype=object)
    every: pd.DataFrame = pd.concat([empty, *found], ignore_index=True)
    return every.drop_duplicates("area_id", ignore_index=True)


def institutions(study: Study) -> tuple[pd.DataFrame, str]:
    """Return the institutions that stand on the day and are in operation, and in words where they come from.

    Kinds are those of all packs, and grades, days of opening and states are read as targets on beds read them.

    Returns
    -------
    pandas.DataFrame
        ``area_id`` (of the county; missing where it is not known), ``beds, nursing_beds`` (missing where not said),
        ``ownership`` (one of `OWNERS` or ""), ``stars`` (1 to 5, 0 for none).
    str
        The source.
    """
    judgement = next((one for one in study.judgements if "institutions" in one.inputs), None)
    if judgement is not None:
        given = judgement.inputs["institutions"]
        kept = given[_running(given) & _opened(given, judgement.as_of)]
        area = _by_name(kept, judgement, _judged_counties(study))
        return _shaped(kept, area, *_kinds(study)), text("table.from_inputs")
    frame = study.facilities[in_operation(study.facilities) & _opened(study.facilities, study.as_of)]
    where = study.areas[study.areas["level"] == "county"]
    return _shaped(frame, assign_areas(frame, where, "area_code"), *_kinds(study)), text("table.from_registry")


def _opened(frame: pd.DataFrame, day: date | None) -> pd.Series:
    """Return which institutions are there on a day; those that do not say when they opened are."""
    opened = pd.to_datetime(_column(frame, "opened"), errors="coerce")
    later: pd.Series = opened > pd.Timestamp(day if day is not None else date.max)
    return ~later


def _kinds(study: Study) -> tuple[set[str], Vocabulary]:
    """Return the kinds of institutions and what targets on beds count besides, and the words of all packs."""
    known = vocabulary()
    for judgement in study.judgements:
        known = known.with_kinds(judgement.pack.kinds)
    wanted = set(known.narrower(["institution"]))
    for judgement in study.judgements:
        for one in judgement.outcomes:
            if any(use.sheet == "institutions" and "beds" in use.denominator for use in one.target.data.sheets):
                wanted |= wanted_kinds(one.target, judgement.pack, one.readings)[0]
    return wanted, known


def _running(given: pd.DataFrame) -> pd.Series:
    """Return which rows of the sheet are in operation; those that do not say count."""
    if "status" not in given:
        return pd.Series(data=True, index=given.index)
    running: pd.Series = given["status"].isna() | given["status"].astype(str).str.strip().isin([_OPEN_WORDS, ""])
    return running


def _by_name(given: pd.DataFrame, judgement: Judgement, places: pd.DataFrame) -> pd.Series:
    """Return the county of each row of a sheet; missing where it names none that is known."""
    any_target = judgement.outcomes[0].target
    case = Case(any_target, judgement.pack, {}, places, judgement.as_of, judgement.outcomes[0].readings)
    return pd.Series(match_counties(given["county"], case), index=given.index, dtype=object).replace("", None)


def _shaped(frame: pd.DataFrame, area: pd.Series, wanted: set[str], known: Vocabulary) -> pd.DataFrame:
    named = names_in(_column(frame, "kind"), known.kinds)
    kept = frame[named.map(lambda found: bool(found and wanted & found)).astype(bool)]
    owner = _column(kept, "ownership").astype("string").str.strip()
    return pd.DataFrame(
        {
            "area_id": area.reindex(kept.index),
            "beds": pd.to_numeric(_column(kept, "beds"), errors="coerce"),
            "nursing_beds": pd.to_numeric(_column(kept, "nursing_beds"), errors="coerce"),
            "ownership": owner.where(owner.isin(OWNERS), ""),
            "stars": grades_in(_column(kept, "stars")).fillna(0).astype(int),
        }
    )


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)


def _heads(language: Language) -> tuple[Head, ...]:
    said = {name: text(f"table.{name}", language) for name in ("of_beds", "of_ownership", "of_stars", "unstated")}
    columns = [("beds", "count"), ("nursing_beds", "count"), ("nursing_share", "share"), ("beds_each", "number")]
    return (
        Head(text("table.county", language)),
        Head(text("table.institutions", language), "", "count"),
        *(Head(text(f"table.{name}", language), said["of_beds"], look) for name, look in columns),  # type: ignore[arg-type]
        *(Head(text(f"table.owner_{at}", language), said["of_ownership"], "count") for at in range(len(OWNERS))),
        Head(said["unstated"], said["of_ownership"], "count"),
        *(Head(text("table.stars", language, count=stars), said["of_stars"], "count") for stars in _STARS),
        Head(text("table.unrated", language), said["of_stars"], "count"),
    )


def _row(name: str, part: pd.DataFrame, language: Language) -> tuple[Cell, ...]:
    every, nursing = (float(part[column].sum(skipna=False)) for column in ("beds", "nursing_beds"))
    by_owner = [float(part.loc[part["ownership"] == owner, "beds"].sum(skipna=False)) for owner in (*OWNERS, "")]
    by_stars = [float((part["stars"] == stars).sum()) for stars in (*_STARS, 0)]
    mean = every / len(part) if len(part) else float("nan")
    each = number_cell(mean, language) if len(part) else text("fact.not_applicable", language)
    return (
        name,
        float(len(part)),
        *(count_cell(value, language) for value in (every, nursing)),
        share_cell(nursing, every, language),
        each,
        *(count_cell(value, language) for value in (*by_owner, *by_stars)),
    )


def bed_numbers(study: Study) -> pd.DataFrame:
    """Return beds and nursing beds by county on its `area_id`; missing where one institution does not say them."""
    found, _ = institutions(study)
    parts = {code: found[found["area_id"] == code] for code in counties(study)}
    sums = {code: part[["beds", "nursing_beds"]].sum(skipna=False) for code, part in parts.items()}
    return pd.DataFrame.from_dict(sums, orient="index", columns=["beds", "nursing_beds"])


def people_of(study: Study, area_id: str, measure: str) -> tuple[float, float]:
    """Return covered and total of an area within the largest minutes, NaN where they are not known."""
    cover = study.cover
    rows = cover[(cover["area_id"] == area_id) & (cover["kind"] == "all") & (cover["measure"] == measure)]
    rows = rows[rows["minutes"] == max(study.minutes)]
    if rows.empty:
        return float("nan"), float("nan")
    return float(rows["covered"].iloc[0]), float(rows["total"].iloc[0])
