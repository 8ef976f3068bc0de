"""Which area each row of a table belongs to: by its code, else by the names it gives.

Codes come first. Names are compared as written, then with the usual spellings of `china.names`, then without the
wider areas that stand before them in the same cell (玉溪市红塔区玉兴街道). What a row says of wider areas narrows the
choice: the same village name in two townships is ambiguous unless the township is known. Nothing is guessed: a name
that could be several areas, or none, stays without an area and is listed for the user to mend.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.errors import UsageError
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.schema import LEVELS
from carecircle.sources.matching.gazetteer import Gazetteer, Positions, gazetteer
from carecircle.sources.matching.lookup import ANY, Search, begun, narrowed, suggestions
from carecircle.sources.tables.cells import as_code, as_text
from carecircle.sources.tables.reading import SourceTable, column_finding, row_findings

How = Literal["code", "name", "variant", "ambiguous", "unmatched", "code and name disagree"]
"""How a row found its area, or why it did not; None for a row that says nothing."""

_SLOTS = (*LEVELS, ANY)
_LISTED = 5
_LONGEST_CODE = 10**18
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, eq=False)
class Matches:
    """The areas of the rows of a table.

    Parameters
    ----------
    frame
        On the index of the rows: `area_id` (None where none was found), `how` (one of `How`) and `candidates` (keys
        of the areas an ambiguous row could mean, or of those suggested for one that was not found).
    findings
        What the user should look at, row by row, and what was matched by a variant of its name, by column.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]


def match_areas(
    rows: pd.DataFrame,
    areas: pd.DataFrame | Gazetteer,
    *,
    code: str | None = None,
    names: Mapping[str, str] | None = None,
    within: str | Sequence[str] | None = None,
    source: SourceTable | None = None,
    headers: Mapping[str, str] | None = None,
) -> Matches:
    """Find the area of each row.

    Parameters
    ----------
    rows
        Any table; nothing that stands in its cells makes this raise.
    areas
        From `read_areas`, or the `gazetteer` of it when it is used several times.
    code
        Column of statistical codes (six, nine or twelve digits, padded or not) or keys of areas.
    names
        ``{level: column}``, a level of `schema.LEVELS` or ``"any"`` for names of areas of any level. By default the
        columns called like levels. The narrowest name that a row gives decides, the wider ones narrow the choice;
        levels that the table of areas does not hold are passed over.
    within
        Keys of areas: only these and what belongs to them are considered.
    source, headers
        Where the rows come from, and the file's own headers by column, for the findings.

    Returns
    -------
    Matches
        Rows whose code and names disagree keep the area of the code. A code that is wider than the names is
        narrowed by them when exactly one area fits.

    Raises
    ------
    UsageError
        There is no such level, or no such area as `within` names.

    Examples
    --------
    >>> areas = pd.DataFrame({
    ...     "area_id": ["530402", "530402001", "530402001001"],
    ...     "name": ["红塔区", "玉兴街道", "荷花社区居民委员会"],
    ...     "level": ["county", "township", "community"],
    ...     "parent_id": [None, "530402", "530402001"],
    ... })
    >>> rows = pd.DataFrame({"township": ["玉兴街道办事处", "红塔区玉兴街道", "玉兴路街道"]})
    >>> match_areas(rows, areas).frame[["area_id", "how"]].to_numpy().tolist()
    [['530402001', 'variant'], ['530402001', 'variant'], [None, 'unmatched']]
    """
    table = areas if isinstance(areas, Gazetteer) else gazetteer(areas)
    columns = _columns(rows, code, names)
    cells = pd.DataFrame({slot: _cells(rows[column], slot) for slot, column in columns.items()}, index=rows.index)
    number, queries = _different(cells)
    found = _answers(queries, table, _inside(table, within))
    origin = source or SourceTable(rows, pd.Series(range(1, len(rows) + 1), index=rows.index))
    shown = {slot: (headers or {}).get(column, column) for slot, column in columns.items()}
    per_row = _labelled(found, table).iloc[number].set_axis(rows.index)
    return Matches(per_row[["area_id", "how", "candidates"]], _findings(per_row, origin, shown))


def _columns(rows: pd.DataFrame, code: str | None, names: Mapping[str, str] | None) -> dict[str, str]:
    """Return the columns to read: the code, then the names from the widest level to the narrowest."""
    given = names if names is not None else {level: level for level in LEVELS if level in rows.columns}
    strange = sorted(set(given) - set(_SLOTS))
    if strange:
        raise UsageError(text("usage.level", value="、".join(strange), known="、".join(_SLOTS)))
    slots = {slot: given[slot] for slot in _SLOTS if slot in given}
    return slots if code is None else {"code": code, **slots}


def _cells(cells: pd.Series, slot: str) -> pd.Series:
    """Return cells as text, None for what holds no name or code."""
    safe = pd.Series([_cell(cell) for cell in cells], dtype=object)
    number, different = pd.factorize(safe.to_numpy(dtype=object))
    listed = pd.Series([*different, None], dtype=object)
    texts = as_code(listed)[0] if slot == "code" else as_text(listed)
    return pd.Series(texts.to_numpy(dtype=object)[number], index=cells.index, dtype=object)


def _cell(cell: Any) -> str | float | None:
    if isinstance(cell, str):
        return _SURROGATES.sub("\ufffd", cell)
    if isinstance(cell, float | np.floating):
        return float(cell) if math.isfinite(cell) else None
    if isinstance(cell, int | np.integer) and not isinstance(cell, bool):
        return int(cell) if abs(int(cell)) < _LONGEST_CODE else None
    return None


def _different(cells: pd.DataFrame) -> tuple[Positions, pd.DataFrame]:
    """Return the number of each row's set of cells, and the sets."""
    if cells.columns.empty:
        return np.zeros(len(cells), dtype=np.int64), cells.iloc[:1].reset_index(drop=True)
    number = np.asarray(cells.groupby(list(cells.columns), dropna=False, sort=False).ngroup(), dtype=np.int64)
    first = pd.Series(number).drop_duplicates().index
    return number, cells.iloc[first].reset_index(drop=True)


def _inside(table: Gazetteer, within: str | Sequence[str] | None) -> NDArray[np.bool_]:
    """Return which areas are considered: those within, and those around them, whose names a row may give."""
    if within is None:
        return np.ones(len(table.areas), dtype=bool)
    wanted = pd.Series([within] if isinstance(within, str) else list(within), dtype=object)
    places = table.find_codes(wanted)
    if (places < 0).any():
        raise UsageError(text("usage.no_area", value="、".join(map(str, wanted[places < 0]))))
    everywhere = np.arange(len(table.areas))
    inside: NDArray[np.bool_] = np.any([table.related(everywhere, np.full_like(everywhere, at)) for at in places], 0)
    return inside


def _answers(queries: pd.DataFrame, table: Gazetteer, inside: NDArray[np.bool_]) -> pd.DataFrame:
    """Return for each query its `area` (position, -1 for none), `how`, `candidates`, and what to say of it.

    `slot` and `value` are the column and the cell that decided, `code` the code given, `code_found` whether it is
    in the table.
    """
    search = begun(queries, table, inside)
    for column in queries.columns.drop("code", errors="ignore"):
        search = narrowed(search, queries[column], str(column))
    named = pd.Series(search.last, dtype=object).notna()
    slot = pd.Series(search.last, dtype=object).where(named, "code")
    code = queries["code"] if "code" in queries else pd.Series(None, index=queries.index, dtype=object)
    found = pd.DataFrame({"slot": slot, "value": _cells_of(queries, slot), "code": code}, index=queries.index)
    found = found.assign(code_found=search.code_area >= 0, candidates=pd.Series([()] * len(queries), dtype=object))
    found = _decided(found, search, named.to_numpy())
    lost = found["how"].eq("unmatched")
    found.loc[lost, "candidates"] = suggestions(found[lost], search, queries)
    return found


def _cells_of(queries: pd.DataFrame, slots: pd.Series) -> pd.Series:
    """Return the cell of each query in a column of its own."""
    found = pd.Series(None, index=queries.index, dtype=object)
    for column in queries.columns:
        found = found.mask(slots.eq(column), queries[column])
    return found.where(found.notna(), None)


def _decided(found: pd.DataFrame, search: Search, named: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the queries with their areas: of the code first, narrowed by the names, else of the names."""
    by_code, failed = search.code_area, ~pd.isna(search.failed)
    several = search.kept.duplicated("query", keep=False)
    alone = search.kept[~several].set_index("query").reindex(found.index, fill_value=-1)
    single = np.where(failed, -1, alone["area"].to_numpy(np.int64))
    how = np.where(alone["tier"].to_numpy(np.int64) == 0, "name", "variant")
    narrower = (single >= 0) & (search.table.level[single] > search.table.level[by_code])
    by_name = (single >= 0) & ((by_code < 0) | narrower)
    chosen: NDArray[np.object_] = np.full(len(found), None, dtype=object)
    for case, word in (  # the last that fits holds
        (named | found["code"].notna().to_numpy(), "unmatched"),
        (named & ~failed, "ambiguous"),
        (by_code >= 0, "code"),
        (by_name, how),
        ((by_code >= 0) & failed, "code and name disagree"),
    ):
        chosen = np.where(case, word, chosen)
    listed = search.kept[search.kept["query"].isin(np.flatnonzero(chosen == "ambiguous"))].sort_values("area")
    candidates = found["candidates"].copy()
    tuples = listed.groupby("query")["area"].agg(tuple)
    candidates.loc[tuples.index] = tuples
    how_each = pd.Series(chosen, index=found.index, dtype=object)
    return found.assign(area=np.where(by_name, single, by_code), how=how_each, candidates=candidates)


def _labelled(found: pd.DataFrame, table: Gazetteer) -> pd.DataFrame:
    """Return the queries with `area_id` and `candidates` as keys, and both as a user knows them."""
    keys = np.array([*table.areas["area_id"], None], dtype=object)
    positions = found["area"].to_numpy(np.int64)
    known = found["area"].ge(0) & (found["how"].ne("name") | ~found["code_found"])
    label = pd.Series("", index=found.index, dtype=object)
    label[known] = table.labels(positions[known.to_numpy()])
    candidates = [tuple(keys[list(listed)]) for listed in found["candidates"]]
    return found.assign(
        area_id=pd.Series(keys[positions], index=found.index, dtype=object),
        candidates=pd.Series(candidates, index=found.index, dtype=object),
        label=label,
        listed=_listed(found["candidates"], table),
    )


def _listed(areas: pd.Series, table: Gazetteer) -> pd.Series:
    """Return tuples of positions as text, at most five areas of each."""
    used = np.array(sorted({place for listed in areas for place in listed[:_LISTED]}), dtype=np.int64)
    label = dict(zip(used.tolist(), table.labels(used), strict=True))
    return areas.map(
        lambda listed: "、".join(label[place] for place in listed[:_LISTED]) + (" …" if len(listed) > _LISTED else "")
    )


def _findings(per_row: pd.DataFrame, source: SourceTable, headers: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what to say of the rows, column by column."""
    found: list[Finding] = []
    for slot, header in headers.items():
        here = per_row["slot"].eq(slot)
        found += _of_code(per_row, source, header) if slot == "code" else _of_names(per_row[here], source, header)
    return tuple(found)


def _of_code(per_row: pd.DataFrame, source: SourceTable, header: str) -> tuple[Finding, ...]:
    """Return what to say of codes that are not in the table."""
    code = per_row["code"]
    unknown = code.notna() & ~per_row["code_found"]
    named = unknown & per_row["how"].isin(["name", "variant"])
    gaps = {"code": code, "value": per_row["value"], "found": per_row["label"]}
    return (
        *row_findings("unmatched", "area_code_unknown", unknown & ~named, source, header, value=code),
        *row_findings("outdated", "area_code_outdated", named, source, header, **gaps),
    )


def _of_names(rows: pd.DataFrame, source: SourceTable, header: str) -> tuple[Finding, ...]:
    """Return what to say of the names in one column, from the rows that it decided."""
    source = replace(source, rows=source.rows.loc[rows.index])
    how, some, value = rows["how"], rows["listed"].ne(""), rows["value"]
    lost, variant = how.eq("unmatched"), how.eq("variant")
    choice = {"value": value, "found": rows["listed"]}
    own = {"value": value, "found": rows["label"]}
    example = {gap: cells[variant].iloc[0] for gap, cells in own.items()} if variant.any() else {}
    disagree = how.eq("code and name disagree")
    return (
        *row_findings("unmatched", "area_unmatched", lost & some, source, header, **choice),
        *row_findings("unmatched", "area_unknown", lost & ~some, source, header, value=value),
        *row_findings("unmatched", "area_ambiguous", how.eq("ambiguous"), source, header, **choice),
        *row_findings("doubtful", "area_disagrees", disagree, source, header, code=rows["code"], **own),
        *column_finding("mapped", "area_variants", variant, source, header, **example),
    )


def outside_declared(
    points: gpd.GeoDataFrame, declared: pd.Series, areas: gpd.GeoDataFrame, source: SourceTable
) -> tuple[Finding, ...]:
    """Return a finding for each point that stands outside the polygon of the area (a key) that its row declares."""
    table = areas.set_index("area_id")
    shapes, places = declared.map(table.geometry).to_numpy(), points.geometry.to_numpy()
    there = ~(shapely.is_missing(shapes) | shapely.is_missing(places))
    outside = pd.Series(there, index=points.index)
    outside[there] = ~shapely.intersects(shapes[there], places[there])
    name = points["name"] if "name" in points else points.iloc[:, 0]
    return row_findings("doubtful", "outside_declared", outside, source, name=name, area=declared.map(table["name"]))
