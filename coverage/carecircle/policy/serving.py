"""The reading "is served": which units a facility names in its column 服务乡镇列表, by code or by name."""

from __future__ import annotations

import re

import geopandas as gpd
import pandas as pd

from carecircle.china.codes import significant_code
from carecircle.policy.evidence import Place
from carecircle.sources.matching.areas import match_areas

_BETWEEN = re.compile(r"[、，,;；/／+＋|\s]+")
_AND = re.compile(r"[和及与]")
"""Signs between names that may be part of one (和平镇): they only part what is no name as a whole."""


def served(table: pd.DataFrame, units: gpd.GeoDataFrame, place: Place, counts: pd.Series) -> pd.Series:
    """Return whether each unit has a facility inside or is named by one that counts.

    Parameters
    ----------
    table
        ``found``, ``unverified``, ``elsewhere`` and ``county`` of each unit.
    units, place, counts
        The units, the place, and which facilities count (True, False, None).

    Returns
    -------
    pandas.Series
        True, False, or None where too little is known: a facility that may count is inside or names it, one of its
        county does not say whom it serves, or none says.
    """
    has = table["found"].gt(0)
    facilities = place.evidence.facilities[counts.ne(False).to_numpy()]
    if not says_whom(place.evidence.facilities, counts):
        return has.astype(object).where(has, None)
    sure = counts[counts.ne(False)].eq(True).to_numpy()
    level = str(units["level"].iloc[0]) if len(units) else "township"
    named = has | table.index.isin(named_units(facilities[sure], level, place)[0])
    may = table["unverified"].gt(0) | table["elsewhere"].gt(0)
    may |= table.index.isin(named_units(facilities[~sure], level, place)[0])
    may |= significant_code(table["county"].astype(object)).astype("string").isin(_silent(facilities)).to_numpy(bool)
    return named.astype(object).where(named | ~may, None)


def says_whom(facilities: pd.DataFrame, counts: pd.Series) -> bool:
    """Whether any facility that counts, or may, says whom it serves."""
    return "serves" in facilities and bool(facilities.loc[counts.ne(False).to_numpy(), "serves"].notna().any())


def _silent(facilities: pd.DataFrame) -> set[str]:
    """Return the counties with a facility that does not say whom it serves."""
    quiet = facilities[facilities["serves"].isna()]
    codes = quiet["area_code"] if "area_code" in quiet else pd.Series(dtype=object)
    return set(significant_code(codes.astype(object)).astype("string").str[:6].dropna())


def named_units(facilities: pd.DataFrame, level: str, place: Place) -> tuple[set[str], list[str]]:
    """Return the ``area_id`` of units of a level that facilities name in ``serves``, and the names that are nobody's.

    A name is looked for in the facility's own county, then in the place; names that facilities outside the place give
    are not looked for, codes are.
    """
    inside = place.within.reindex(facilities.index).fillna(value=False).astype(bool)
    cells = facilities["serves"].dropna().astype(str).map(_BETWEEN.split).explode().str.strip()
    cells = cells[cells != ""]
    is_code = cells.str.fullmatch(r"[0-9]{6,12}")
    cells = cells[is_code | inside.reindex(cells.index)]
    found = _found(cells, facilities, level, place)
    lost = cells[found.isna().to_numpy()]
    parts = lost[lost.str.contains(_AND)].map(_AND.split).explode()
    again = _found(parts, facilities, level, place)
    whole = lost[~lost.str.contains(_AND)].tolist() + parts[again.isna().to_numpy()].tolist()
    return set(found.dropna()) | set(again.dropna()), sorted(set(whole))


def _found(cells: pd.Series, facilities: pd.DataFrame, level: str, place: Place) -> pd.Series:
    """Return the area of each name or code, missing where there is none or several."""
    is_code = cells.str.fullmatch(r"[0-9]{6,12}").fillna(value=False).astype(bool)
    rows = pd.DataFrame(
        {
            "code": cells.where(is_code, None).to_numpy(dtype=object),
            level: cells.where(~is_code, None).to_numpy(dtype=object),
            "within": _counties(facilities).reindex(cells.index).to_numpy(dtype=object),
        }
    )
    areas = place.evidence.areas
    result = match_areas(rows, areas, code="code", names={level: level}).frame["area_id"].astype(object)
    known = set(place.counties["area_id"])
    codes = dict(zip(significant_code(place.counties["area_id"]), place.counties["area_id"], strict=True))
    for county, part in rows[~is_code.to_numpy()].groupby("within"):
        if codes.get(county) in known:
            near = match_areas(part, areas, names={level: level}, within=codes[county]).frame["area_id"]
            result = result.mask(result.index.isin(near.dropna().index), near.reindex(result.index))
    at_level = set(areas.loc[areas["level"] == level, "area_id"])
    return result.where(result.isin(at_level), None)


def _counties(facilities: pd.DataFrame) -> pd.Series:
    """Return the six digits of the county of each facility, by its own code."""
    if "area_code" not in facilities:
        return pd.Series(None, index=facilities.index, dtype=object)
    codes = significant_code(facilities["area_code"].astype(object))
    return codes.map(lambda code: str(code)[:6], na_action="ignore").astype(object)
