"""Looking names up in a `Gazetteer`: from the widest column of names to the narrowest, and what to suggest.

A query is one set of cells, such as (红塔区, 玉兴街道, 荷花社区). At each column the areas that the name can mean are
found among those that agree with the code and with the wider names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.china.codes import parent_code, significant_code
from carecircle.china.names import name_keys
from carecircle.schema import LEVELS
from carecircle.sources.matching.gazetteer import NOT_SAID, UNKNOWN_CITY, Gazetteer, Positions
from carecircle.sources.matching.likeness import ENOUGH, alike

ANY = "any"
"""Instead of a level: the column holds names of areas of any level."""

_SUGGESTED = 3
_COUNTY = LEVELS.index("county")
_SHORTEST = 2  # characters of a stem that stands for a name without its word (云 is not 云县) or is like others


@dataclass(frozen=True, eq=False)
class Search:
    """What is known of each different set of cells (a query) on the way from the widest to the narrowest name.

    `said` is the number of the last level with candidates (-1 before any), `kept` those candidates as ``query * n +
    area``, `failed` the column whose name was not found, `last` the last one with a name.
    """

    table: Gazetteer
    inside: NDArray[np.bool_]
    code_area: Positions
    said: Positions
    kept: pd.DataFrame
    failed: NDArray[np.object_]
    last: NDArray[np.object_]

    def allows(self, pairs: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which pairs (`query`, `area`) agree with the code and the wider names of their query."""
        query, area = pairs["query"].to_numpy(np.int64), pairs["area"].to_numpy(np.int64)
        code, said = self.code_area[query], self.said[query]
        by_code = (code < 0) | self.table.related(area, np.maximum(code, 0))
        count = len(self.table.areas)
        known = self.kept["query"].to_numpy(np.int64) * count + self.kept["area"].to_numpy(np.int64)
        above = self.table.path[area, np.maximum(said, 0)]
        by_name = (said < 0) | ((above >= 0) & np.isin(query * count + above, known))
        allowed: NDArray[np.bool_] = self.inside[area] & by_code & by_name
        return allowed

    def wider(self) -> Search:
        """Return the search as if the last wider name of each query had been that of the area around it."""
        said, query = self.said - 1, self.kept["query"].to_numpy(np.int64)
        above = self.table.path[self.kept["area"].to_numpy(np.int64), np.maximum(said[query], 0)]
        kept = self.kept.assign(area=above)[(said[query] >= 0) & (above >= 0)]
        return replace(self, said=np.where(self.said >= 0, np.maximum(said, 0), self.said), kept=kept)


def begun(queries: pd.DataFrame, table: Gazetteer, inside: NDArray[np.bool_]) -> Search:
    """Return the search when only the codes have been looked up."""
    count = len(queries)
    places = table.find_codes(queries["code"]) if "code" in queries else np.full(count, -1)
    places = np.where((places >= 0) & inside[places], places, -1)
    none_kept = pd.DataFrame({"query": [], "area": [], "tier": []}, dtype=np.int64)
    nothing: NDArray[np.object_] = np.full(count, None, dtype=object)
    return Search(table, inside, places, np.full(count, NOT_SAID), none_kept, nothing, nothing)


def narrowed(search: Search, names: pd.Series, slot: str) -> Search:
    """Return the search after one more column of names."""
    levels = [LEVELS.index(level) for level in (LEVELS if slot == ANY else (slot,))]
    levels = [level for level in levels if (search.table.level == level).any()]
    asked = names[names.notna().to_numpy() & pd.isna(search.failed)]
    if asked.empty or not levels:
        return search
    found = _candidates(search, asked, levels)
    query = asked.index.to_numpy(np.int64)
    answered = np.isin(query, found["query"])
    said, failed, last = search.said.copy(), search.failed.copy(), search.last.copy()
    said[query[answered]] = levels[-1]
    failed[query[~answered]] = slot
    last[query] = slot
    kept = search.kept[~search.kept["query"].isin(query[answered])]
    return replace(search, said=said, failed=failed, last=last, kept=pd.concat([kept, found], ignore_index=True))


def _candidates(search: Search, asked: pd.Series, levels: list[int]) -> pd.DataFrame:
    """Return the areas (`query`, `area`, `tier`) that names can mean: as they stand, else behind wider areas.

    Of areas side by side, those count whose name is closest to what is written. Of areas in different places, all
    do: only what a row says of the wider areas can tell them apart, not how the table of areas spells them.
    """
    number, different = pd.factorize(asked.to_numpy())
    keys = {level: _keys(pd.Series(different, dtype=object), level) for level in levels}
    rest = pd.DataFrame({"query": asked.index.to_numpy(np.int64), "text": number})
    parts: list[pd.DataFrame] = []
    for readings in _READINGS:
        pairs = [
            look(search.table, part[part["text"].isin(rest["text"])], level).assign(tier=tier)
            for level, part in keys.items()
            for tier, look in readings.items()
        ]
        found = _allowed(search, rest, pd.concat(pairs).sort_values("tier").drop_duplicates(["text", "area"]))
        place = [found["query"], search.table.parent[found["area"]]]
        parts.append(found[found["tier"].eq(found.groupby(place)["tier"].transform("min"))])
        rest = rest[~rest["query"].isin(found["query"])]
    return pd.concat(parts)[["query", "area", "tier"]].astype(np.int64)


def _allowed(search: Search, rest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return queries with the areas of their texts (`pairs`) that agree with all that is known of the query."""
    said = search.said[rest["query"].to_numpy(np.int64)]
    parts = [rest[said < 0].merge(pairs, on="text")]
    for level in set(said[said >= 0].tolist()):
        wider = rest[said == level].merge(search.kept[["query", "area"]].rename(columns={"area": "above"}), on="query")
        above = pairs.assign(above=search.table.path[pairs["area"].to_numpy(np.int64), level])
        parts.append(wider.merge(above, on=["text", "above"]).drop(columns="above"))
    found = pd.concat(parts, ignore_index=True).astype(np.int64)
    allowed: pd.DataFrame = found[search.allows(found)]
    return allowed


def _as_written(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    return _equal(keys, table.keys_of(level), ["plain"])[["text", "area"]]


def _in_figures(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    return _equal(keys, table.keys_of(level), ["bare", "remark"])[["text", "area"]]


def _other_spelling(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    return _spelled(keys, table.keys_of(level))[["text", "area"]]


def _behind(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    return _in_scope(table, _equal(_split_keys(table, keys, level), table.keys_of(level), ["bare", "remark"]))


def _behind_other_spelling(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    return _in_scope(table, _spelled(_split_keys(table, keys, level), table.keys_of(level)))


def _keys(texts: pd.Series, level: int) -> pd.DataFrame:
    keys: pd.DataFrame = name_keys(texts, LEVELS[level]).rename_axis("text").reset_index()
    return keys[keys["bare"].notna()]


def _equal(keys: pd.DataFrame, known: pd.DataFrame, parts: list[str]) -> pd.DataFrame:
    """Return where parts of a name are those of an area's own name."""
    return keys.merge(known.loc[known["own"], ["area", *parts]], on=parts)


def _spelled(keys: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return where stems are the same and neither the words nor the remarks contradict each other.

    A name may also stand for one that has one more word behind it: 李家村 for 李家村社区.
    """
    short = keys[keys["bare"].ne(keys["stem"])].assign(stem=lambda part: part["bare"], word="")
    both = pd.concat([keys, short], ignore_index=True)
    both = both[both["word"].ne("") | both["stem"].str.len().ge(_SHORTEST)]
    pairs = both.merge(known[["area", "stem", "word", "remark"]], on="stem", suffixes=("", "_known"))
    agree = [pairs[f"{part}_known"].isin([""]) | pairs[part].eq("") | pairs[part].eq(pairs[f"{part}_known"])
             for part in ("word", "remark")]  # fmt: skip
    fitting: pd.DataFrame = pairs[agree[0] & agree[1]]
    return fitting


def _split_keys(table: Gazetteer, keys: pd.DataFrame, level: int) -> pd.DataFrame:
    """Return the keys of what is left of names without wider areas, with `scope` and `province`."""
    own = keys.set_index("text")
    splits = table.splits(own["bare"]).rename_axis("text").reset_index()
    rest = name_keys(splits["rest"], LEVELS[level])
    remarks = own["remark"].reindex(splits["text"]).to_numpy(dtype=object)
    rest = rest.assign(remark=remarks, text=splits["text"], scope=splits["scope"], province=splits["province"])
    return rest[rest["bare"].notna()]


def _in_scope(table: Gazetteer, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs whose area belongs to what was named before it."""
    area, scope = pairs["area"].to_numpy(np.int64), pairs["scope"].to_numpy(np.int64)
    named, province = pairs["province"].to_numpy(dtype=object), table.province[area]
    at = np.maximum(scope, 0)
    beneath = (scope >= 0) & (area != at) & (table.path[area, table.level[at]] == at)
    unknown_city = (scope == UNKNOWN_CITY) & (table.level[area] == _COUNTY) & (table.path[area, 0] < 0)
    only_province = (scope == NOT_SAID) & (named == province)
    fitting = (beneath | unknown_city | only_province) & ((named == "") | (province == "") | (named == province))
    found: pd.DataFrame = pairs.loc[fitting, ["text", "area"]]
    return found


_READINGS: tuple[dict[int, Callable[[Gazetteer, pd.DataFrame, int], pd.DataFrame]], ...] = (
    {0: _as_written, 1: _in_figures, 2: _other_spelling},
    {3: _behind, 4: _behind_other_spelling},
)
"""Ways to read a name, the closest first: as it stands; without the wider areas before it."""


def suggestions(lost: pd.DataFrame, search: Search, queries: pd.DataFrame) -> pd.Series:
    """Return the positions of up to three areas for each query that found none: with names alike, or of the code."""
    codes = lost["code"].where(lost["slot"].eq("code"))
    wider = search.table.find_codes(parent_code(significant_code(codes)))
    result = pd.Series([(place,) if place >= 0 else () for place in wider.tolist()], index=lost.index, dtype=object)
    for slot in set(lost["slot"]) - {"code"}:
        names = queries.loc[lost.index[lost["slot"].eq(slot)], slot]
        levels = range(len(LEVELS)) if slot == ANY else [LEVELS.index(slot)]
        pairs: pd.DataFrame = pd.concat([_alike(names, search, level) for level in levels])
        order = ["query", "likeness", "fits", "area"]
        best = pairs.sort_values(order, ascending=[True, False, False, True]).drop_duplicates(["query", "area"])
        chosen = best.groupby("query").head(_SUGGESTED).groupby("query")["area"].agg(tuple)
        result.loc[chosen.index] = chosen
    return result


def _alike(names: pd.Series, search: Search, level: int) -> pd.DataFrame:
    """Return areas with names alike that a query allows, and those with the very same stem beside them."""
    known = search.table.keys_of(level)
    number, different = pd.factorize(names.to_numpy())
    stems = name_keys(pd.Series(different, dtype=object), LEVELS[level])["stem"].dropna()
    stems = stems[stems.map(lambda stem: len(set(stem)) >= _SHORTEST)]
    found = alike(stems, known["stem"]).rename(columns={"name": "text"})
    same = stems.reindex(found["text"]).to_numpy() == known["stem"].reindex(found["known"]).to_numpy()
    found = found.assign(area=known["area"].reindex(found["known"]).to_numpy(np.int64), same=same)
    queries = pd.DataFrame({"query": names.index.to_numpy(np.int64), "text": number})
    pairs = queries.merge(found, on="text")
    anywhere = search.said[pairs["query"].to_numpy(np.int64)] < 0
    fits = search.allows(pairs) & ~(anywhere & pairs["likeness"].le(ENOUGH).to_numpy())
    beside = pairs["same"].to_numpy(bool) & search.wider().allows(pairs)
    near: pd.DataFrame = pairs.assign(fits=fits)[fits | beside]
    return near
