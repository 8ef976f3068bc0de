"""What the facilities of a registry are, in the words of policy packs: their kinds and their functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pandas as pd

from carecircle.policy.vocabulary import Kind

_BETWEEN = re.compile(r"[、，,;；/／+＋|\s]+")

_FIGURES = str.maketrans("一二三四五１２３４５", "1234512345")

_NEGATED = re.compile(
    r"(?:[无非未不没]|没有|无法)(?:再|能|曾)?"
    r"(?:含|设|建|配|办|有|是|承担|开展|开办|开设|提供|具备|具有|设有|设置|设立|配备|配置|建有|建成|包括|包含)?$"
)
"""What stands before a word that is denied: 无全托, 非养老机构, 未开展日托; not in 非营利性养老院, 未来养老院."""

Names = frozenset[str]


def names_in(cells: pd.Series, vocabulary: Mapping[str, Kind]) -> pd.Series:
    """Return which kinds, or functions, each cell names.

    A cell may name several, with signs between. In each part the longest word decides: 农村区域养老服务中心 is a
    regional centre and not, by its end, any 养老服务中心. What a part denies does not count: 无全托, 未开展日托.

    Parameters
    ----------
    cells
        Text as registries have it.
    vocabulary
        `Vocabulary.kinds` or `Vocabulary.functions`.

    Returns
    -------
    pandas.Series
        Sets of names; empty where no word is known, None where the cell says nothing.

    Examples
    --------
    >>> from carecircle.policy.vocabulary import vocabulary
    >>> cells = pd.Series(["敬老院、老年食堂", "农村区域养老服务中心", "茶馆", None], dtype=object)
    >>> [None if found is None else sorted(found) for found in names_in(cells, vocabulary().kinds)]
    [['meal_site', 'rural_home'], ['regional_centre'], [], None]
    """
    words: dict[str, set[str]] = {}
    for name, kind in vocabulary.items():
        for word in (kind.title.zh, *kind.words):
            words.setdefault(word, set()).add(name)
    known = {cell: _names(str(cell), words) for cell in cells.dropna().unique()}
    return pd.Series([known.get(cell) for cell in cells.where(cells.notna(), None)], index=cells.index, dtype=object)


def grades_in(cells: pd.Series) -> pd.Series:
    """Return the grade (1 to 5) that each cell says, 0 where it says something else (未评), NaN where nothing.

    Grades of institutions are written as 星级 or 等级 (GB/T 37276-2018 has five), in any figures or as stars.

    Examples
    --------
    >>> grades_in(pd.Series(["四星级", "4星", "三级", "★★★★", "未评", 5, None], dtype=object)).tolist()
    [4.0, 4.0, 3.0, 4.0, 0.0, 5.0, nan]
    """
    said = cells.where(cells.notna(), None).astype("string").str.strip()
    said = said.mask(said.eq(""))
    figures = said.str.translate(_FIGURES).str.extract(r"([1-5])", expand=False)
    stars = said.str.count("[★⭐]").where(lambda count: count.between(1, 5))
    found = pd.to_numeric(figures, errors="coerce").astype("Float64").fillna(stars.astype("Float64"))
    return found.fillna(0).mask(said.isna()).astype("float64")


def _names(cell: str, words: Mapping[str, Collection[str]]) -> Names | None:
    parts = [part for part in _BETWEEN.split(cell) if part]
    return frozenset(name for part in parts for name in _longest(part, words)) if parts else None


def _longest(part: str, words: Mapping[str, Collection[str]]) -> Collection[str]:
    """Return the names of the longest word in a part of a cell, of those that it does not deny."""
    found = [(at.start(), word) for word in words for at in re.finditer(re.escape(word), part)]
    denied = [(start, start + len(word)) for start, word in found if _NEGATED.search(part[:start])]
    meant = [word for start, word in found if not any(first <= start < end for first, end in denied)]
    return words[max(meant, key=len)] if meant else ()
