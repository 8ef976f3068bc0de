"""The names of a table of areas, ready to be looked up: who belongs to whom, and by which names each is called."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.china.codes import DIGITS_OF_LEVEL, significant_code
from carecircle.china.names import is_word, name_keys, once_each, provinces
from carecircle.errors import InputError, UsageError, problem
from carecircle.language import text
from carecircle.schema import LEVELS

Positions = NDArray[np.int64]
Forms = dict[int, tuple[set[str], set[str]]]
"""Of each area wider than communities its whole names, and the short ones of a city or county (红塔 for 红塔区)."""

NOT_SAID, UNKNOWN_CITY = -1, -2
"""Instead of an area's position: no area was named before the rest; a city that the table does not hold was."""

_DIGITS = [DIGITS_OF_LEVEL[level] for level in LEVELS]
_CITY, _COUNTY = LEVELS.index("city"), LEVELS.index("county")
_CITY_NAME = re.compile(r"(.{2,10}?(?:市|自治州|地区|盟))(?=.)")
_TOWNSHIP_WORDS = {"街道", "镇", "乡", "苏木"}
_SHORTEST = 2  # characters of a name without its word (红塔 for 红塔区), and of what may be left of one


@dataclass(frozen=True, eq=False)
class Gazetteer:
    """Areas by position (0 ... n - 1), with their names and belongings.

    Parameters
    ----------
    areas
        `area_id`, `name`, `level`, on a range index.
    level
        Number of each area's level in `schema.LEVELS`, shape (n,).
    path
        Position of the area of each level that an area belongs to (itself at its own level), -1 where the table has
        none, shape (n, 4).
    code
        Significant statistical codes, None for other keys.
    """

    areas: pd.DataFrame
    level: Positions
    path: Positions
    code: pd.Series

    @cached_property
    def _named(self) -> tuple[pd.DataFrame, Forms]:
        return _named(self.areas["name"], self.level, self.path)

    @property
    def keys(self) -> pd.DataFrame:
        """Return the `name_keys` of each area, with its position (`area`) and whether it is the name itself (`own`).

        A name that begins with those of the areas around it has its keys without them too: 玉兴街道 beside
        红塔区玉兴街道.
        """
        return self._named[0]

    def keys_of(self, level: int) -> pd.DataFrame:
        """Return the `keys` of the areas of one level."""
        known: pd.DataFrame = self.keys[self.level[self.keys["area"]] == level]
        return known

    @cached_property
    def _by_form(self) -> dict[str, list[int]]:
        """Return the areas by each whole and short name."""
        found: dict[str, list[int]] = defaultdict(list)
        for area, (whole, short) in self._named[1].items():
            for name in sorted(whole | short):
                found[name].append(area)
        return found

    @cached_property
    def _heads(self) -> dict[str, bool]:
        """Return the names that may stand before another, and whether each is only a short one."""
        whole = set().union(*(forms[0] for forms in self._named[1].values()), _province_names(short=False))
        return {name: name not in whole for name in (*self._by_form, *provinces())}

    @cached_property
    def province(self) -> NDArray[np.object_]:
        """Return the first two digits of each area's code, "" where it has no statistical code."""
        digits: NDArray[np.object_] = self.code.str[:2].fillna("").to_numpy(dtype=object)
        return digits

    @cached_property
    def parent(self) -> Positions:
        """Return the position of the narrowest area that each one belongs to, -1 where the table has none."""
        above = np.where(np.arange(len(LEVELS)) < self.level[:, None], self.path, -1)
        last = len(LEVELS) - 1 - np.argmax(above[:, ::-1] >= 0, axis=1)
        found: Positions = above[np.arange(len(above)), last]
        return found

    def related(self, one: Positions, other: Positions) -> NDArray[np.bool_]:
        """Return where one area is the other, holds it, or belongs to it (elementwise)."""
        holds = self.path[other, self.level[one]] == one
        belongs = self.path[one, self.level[other]] == other
        related: NDArray[np.bool_] = holds | belongs
        return related

    def find_codes(self, codes: pd.Series) -> Positions:
        """Return the position of the area with each code (padded or not) or key, -1 where there is none."""
        by_key = pd.Series(self.areas.index, index=self.areas["area_id"].astype(object))
        by_key = by_key[~by_key.index.duplicated()]
        by_code = pd.Series(self.areas.index, index=self.code.astype(object))
        by_code = by_code[by_code.index.notna() & ~by_code.index.duplicated()]
        exact, padded = codes.map(by_key), significant_code(codes).map(by_code)
        return _positions(exact.where(exact.notna(), padded))

    def labels(self, positions: Positions) -> NDArray[np.object_]:
        """Return areas as a user knows them: names from the county down, and the code."""
        names = np.append(self.areas["name"].where(self.areas["name"].notna(), "").to_numpy(dtype=object), "")
        chain = names[np.where(self.path[positions] >= 0, self.path[positions], len(names) - 1)]
        narrow: NDArray[np.object_] = chain[:, _COUNTY:].sum(axis=1) if len(positions) else chain[:, 0]
        full = np.where(self.level[positions] < _COUNTY, chain[:, _CITY], narrow)
        codes = self.areas["area_id"].to_numpy(dtype=object)[positions]
        labels: NDArray[np.object_] = full + "(" + codes + ")"
        return labels

    def splits(self, texts: pd.Series) -> pd.DataFrame:
        """Return what may be left of bare names when the wider areas before it are taken away.

        Returns
        -------
        pandas.DataFrame
            `rest`, `scope` (position of the narrowest area named before it, `NOT_SAID` or `UNKNOWN_CITY`) and
            `province` ("" when none was named), on the labels of `texts`, one row for each way to split.
        """
        listed = once_each(texts, self._splits).dropna().explode().dropna()
        return pd.DataFrame(listed.tolist(), index=listed.index, columns=["rest", "scope", "province"])

    def _splits(self, name: str) -> list[tuple[str, int, str]]:
        queue = [(name, NOT_SAID, "")]
        for rest, scope, province in queue:
            queue += self._next(rest, scope, province)
        return queue[1:]

    def _next(self, rest: str, scope: int, province: str) -> Iterator[tuple[str, int, str]]:
        """Yield what is left when one more area is taken from the beginning."""
        for end in self._ends(rest):
            head, tail = rest[:end], rest[end:]
            if scope == NOT_SAID and not province and head in provinces():
                yield tail, NOT_SAID, provinces()[head]
            yield from ((tail, area, province) for area in self._by_form.get(head, ()) if self._may_follow(area, scope))
        city = _CITY_NAME.match(rest) if scope == NOT_SAID else None
        if city is not None:
            yield rest[city.end() :], UNKNOWN_CITY, province

    def _ends(self, name: str) -> list[int]:
        """Return where the names of wider areas that a name begins with end; short ones not before a thin rest."""
        ends = [end for end in self._lengths if end < len(name) and name[:end] in self._heads]
        return [end for end in ends if not self._heads[name[:end]] or not _is_thin(name[end:])]

    def _may_follow(self, area: int, scope: int) -> bool:
        if scope == NOT_SAID:
            return True
        if scope == UNKNOWN_CITY:
            return bool(self.level[area] == _COUNTY and self.path[area, _CITY] < 0)
        return bool(area != scope and self.path[area, self.level[scope]] == scope)

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted(set(map(len, self._heads)))


def gazetteer(areas: pd.DataFrame) -> Gazetteer:
    """Return the areas ready to be looked up.

    Parameters
    ----------
    areas
        From `read_areas`: `area_id`, `level`, `parent_id` and `name` (rows without a name are found by code only).
        Where the parent is not in the table, the digits of the code say who belongs to whom.
    """
    table = pd.DataFrame(areas).reset_index(drop=True)
    table = table.reindex(columns=["area_id", "name", "level", "parent_id"]).astype(object)
    table["area_id"] = table["area_id"].map(str)
    if table.empty:
        raise InputError(problem("empty_table"))
    strange = sorted(set(table["level"].map(str)) - set(LEVELS))
    if strange:
        raise UsageError(text("usage.levels", levels="、".join(strange), known="、".join(LEVELS)))
    level = _positions(table["level"].map({name: number for number, name in enumerate(LEVELS)}))
    code = significant_code(table["area_id"])
    return Gazetteer(table[["area_id", "name", "level"]], level, _path(table, level, code), code)


def _named(names: pd.Series, level: Positions, path: Positions) -> tuple[pd.DataFrame, Forms]:
    """Return the keys of all names (see `Gazetteer.keys`), and the forms in which areas stand before other names."""
    parts: list[pd.DataFrame] = []
    forms: Forms = {}
    for number, name in enumerate(LEVELS):
        own = name_keys(names[level == number], name).dropna(subset="bare")
        chains = path[own.index, :number].tolist()
        listed = [_inner(*row, forms, number) for row in zip(own["bare"], own["word"], chains, strict=True)]
        rest = pd.Series(listed, index=own.index, dtype=object).dropna()
        inner = name_keys(rest, name).assign(remark=own["remark"].reindex(rest.index), own=False)
        parts += [own.assign(own=True), inner]
        if number < len(LEVELS) - 1:
            both = pd.concat([own, inner])
            for area, bare, stem, word in zip(both.index, both["bare"], both["stem"], both["word"], strict=True):
                whole, short = forms.setdefault(area, (set(), set()))
                whole.update((bare, stem + word))
                short.update({stem} if number <= _COUNTY and len(stem) >= _SHORTEST else ())
    keys: pd.DataFrame = pd.concat(parts).rename_axis("area").reset_index()
    return keys.sort_values(["area", "own"], ascending=[True, False], ignore_index=True), forms


def _inner(bare: str, word: str, chain: list[int], forms: Forms, level: int) -> str | None:
    """Return a bare name without those of the areas around it (`chain`), None where it holds none.

    Short names (湖南, 益阳) are taken from those of zones and farms only, whose names are made like that.
    """
    zone = level <= _COUNTY or (level < len(LEVELS) - 1 and word not in _TOWNSHIP_WORDS)
    rest = _cut(bare, _province_names(short=zone))
    for above in chain:
        whole, short = forms.get(above, (set(), set()))
        rest = _cut(rest, whole | short if zone else whole)
    return None if rest == bare or is_word(rest, LEVELS[level]) else rest


def _path(table: pd.DataFrame, level: Positions, code: pd.Series) -> Positions:
    """Return who belongs to whom: by the parents given, else by the digits of the codes."""
    count = len(table)
    path = np.full((count, len(LEVELS)), -1, dtype=np.int64)
    path[np.arange(count), level] = np.arange(count)
    positions = pd.Series(np.arange(count), index=table["area_id"])
    parent = table["parent_id"].map(positions[~positions.index.duplicated()])
    above = _positions(parent)
    step = above.copy()
    for _ in LEVELS[1:]:
        wider = np.flatnonzero((step >= 0) & (level[step] < level))
        path[wider, level[step[wider]]] = step[wider]
        step = np.where(step >= 0, above[step], -1)
    own = [None if known is None else known.ljust(_DIGITS[at], "0") for known, at in zip(code, level, strict=True)]
    by_code = pd.Series(np.arange(count), index=pd.Index(own, dtype=object))  # 441900, the county of city 4419
    by_code = by_code[by_code.index.notna() & ~by_code.index.duplicated()]
    for number in range(len(LEVELS)):
        found = _positions(code.str[: _DIGITS[number]].map(by_code))
        missing = (path[:, number] < 0) & (found >= 0) & (level[found] == number) & (level > number)
        path[missing, number] = found[missing]
    return path


def _positions(found: pd.Series) -> Positions:
    """Return positions as integers, -1 for none."""
    return np.asarray(found.astype(float).fillna(-1), dtype=np.int64)


def _cut(name: str, forms: set[str]) -> str:
    """Return a name without the longest of `forms` that it begins with and does not end with."""
    fitting = [form for form in forms if name.startswith(form) and len(name) - len(form) >= _SHORTEST]
    return name[max(map(len, fitting), default=0) :]


def _is_thin(name: str) -> bool:
    """Whether a name has a single character before its word: 山社区, which 红塔山社区 does not hold."""
    return len(name) < _SHORTEST or any(is_word(name[1:], level) for level in LEVELS)


@cache
def _province_names(*, short: bool) -> set[str]:
    """Return the full names of provinces, or all."""
    return {name for name in provinces() if short or name.endswith(("省", "市", "区"))}
