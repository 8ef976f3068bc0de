"""Cells of the workbook of inputs as counties write them: yes and no, choices, numbers with units, dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from carecircle.china.headers import plain
from carecircle.language import Language
from carecircle.policy.vocabulary import Column
from carecircle.sources.tables.cells import as_date, as_number, as_text, broken_formulas

Wrong = tuple[str, Any, dict[str, object]]
"""Sentence of the catalogue's section ``inputs``, label of the row, and what fills its gaps."""

WHOLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "institutions": (("nursing_beds", "beds"),),
    "estates": (("smallest_m2", "premises_m2"),),
    "visits": (("visited", "due"),),
    "poverty_care": (("willing_in_care", "willing"), ("dependent_in_care", "dependent")),
    "rectification": (("mended", "found"),),
    "staff": (("heads_trained", "heads"), ("carers_trained", "carers")),
    "lottery": (("for_care", "total"),),
    "education": (("participants", "people_60"),),
    "childcare": (("informed", "surveyed"), ("guided", "surveyed")),
    "hazards": (("open", "found"),),
    "ratios": (("numerator", "denominator"),),
}
"""Columns that hold a part, each with that of its whole."""
_YES = {
    "是",
    "√",
    "✓",
    "✔",
    "☑",
    "有",
    "1",
    "1.0",
    "已",
    "对",
    "true",
    "yes",
    "y",
    "已完成",
    "完成",
    "已出台",
    "达标",
    "v",
}
_NO = {
    "否",
    "×",
    "✗",
    "✘",
    "✕",
    "☒",
    "无",
    "0",
    "0.0",
    "未",
    "没有",
    "错",
    "false",
    "no",
    "n",
    "未完成",
    "未出台",
    "不达标",
    "x",
}
_NOTHING = {"", "-", "--", "—", "——", "/", "空", "n/a", "na", "none", "nan", "未知", "不详", "暂无"}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "公办": ("公立", "国有", "公办公营", "公建公营"),
    "公建民营": ("公办民营", "公有民营"),
    "民办公助": ("民建公助",),
    "民办": ("民营", "私营", "私立", "社会办", "民办民营"),
    "村集体": ("集体", "集体办", "村集体办"),
    "既有": ("已有", "现有", "原有", "已建"),
    "改扩建": ("改建", "扩建", "改造", "改(扩)建"),
    "在营": ("运营", "在运营", "运营中", "正在运营", "正常运营", "正常", "营业", "营业中", "开业"),
    "暂停": ("暂停运营", "停用", "暂停营业"),
    "停业": ("关闭", "关停", "注销", "歇业", "停办"),
    "在建": ("建设中", "正在建设"),
    "拟建": ("规划", "筹建", "计划"),
    "已建成": ("建成", "老旧", "老旧小区", "既有小区", "已建", "旧"),
    "新建": ("新", "新建小区"),
    "保留": ("继续保留",),
    "应撤并": ("撤并", "拟撤并", "待撤并"),
    "市本级": ("市级", "本级", "市直", "市"),
    "县级": ("县", "区级", "县区级", "县(市、区)级", "县本级"),
}
"""Words that mean a choice."""
_COUNTERS = "家|所|处|个|次|份|张|床|人|名|户|件|项|套|栋"
_STAR_WORDS = {
    "一": "1",
    "二": "2",
    "三": "3",
    "四": "4",
    "五": "5",
    "未评": "0",
    "未评定": "0",
    "无": "0",
    "未评级": "0",
}
_RANGES: Mapping[str, tuple[float, float]] = {"stars": (0, 5), "year": (1949, 2100)}


def heading(column: Column, language: Language | None = None) -> str:
    """Return the heading of a column: its title with its unit.

    Examples
    --------
    >>> from carecircle.policy.vocabulary import vocabulary
    >>> heading(vocabulary().sheets["institutions"].columns["beds"])
    '床位数（张）'
    """
    title = column.title.said(language)
    if column.unit is None:
        return title
    left, right = ("(", ")") if language == "en" else ("（", "）")
    return f"{title}{' ' if language == 'en' else ''}{left}{column.unit.said(language)}{right}"


def part_columns(sheet: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a part and its whole in a sheet."""
    return WHOLES.get(sheet, ())


def read_cells(cells: pd.Series, column: Column, name: str) -> tuple[pd.Series, list[Wrong]]:
    """Return the values of a column, and what is wrong.

    Parameters
    ----------
    cells
        Raw cells.
    column, name
        The column of the vocabulary, and its name.
    """
    broken = broken_formulas(cells)
    values, wrong = _READERS[column.type](cells.mask(broken, None).astype(object), column, name)
    wrong = [*wrong, *(("broken", at, {"value": cells[at]}) for at in cells.index[broken])]
    return values, [(key, at, {**gaps, "value": _shown(gaps["value"])}) for key, at, gaps in wrong]


def _shown(cell: object) -> str:
    """Return a cell as it is said; whole numbers without a point."""
    return f"{cell:.12g}" if isinstance(cell, float) else str(cell)


def _texts(cells: pd.Series, _column: Column, _name: str) -> tuple[pd.Series, list[Wrong]]:
    return as_text(cells).astype(object), []


def _dates(cells: pd.Series, _column: Column, _name: str) -> tuple[pd.Series, list[Wrong]]:
    dates, wrong = as_date(cells)
    return dates, [("date", at, {"value": cells[at]}) for at in cells.index[wrong]]


def _numbers(cells: pd.Series, column: Column, name: str) -> tuple[pd.Series, list[Wrong]]:
    said = cells.map(lambda cell: _number_words(cell, name, column) if isinstance(cell, str) else cell).astype(object)
    numbers, wrong = as_number(said.where(said.notna(), None), column.unit.en if column.unit else "")
    low, high = _RANGES.get(name, (0, float("inf")))
    found: list[Wrong] = [(_why(cells[at]), at, {"value": cells[at]}) for at in cells.index[wrong]]
    outside = numbers.notna() & ~numbers.between(low, high)
    key = "negative" if name not in _RANGES else "range"
    gaps = {"low": f"{low:g}", "high": f"{high:g}"}
    return numbers, [*found, *((key, at, {"value": cells[at], **gaps}) for at in cells.index[outside])]


def _why(cell: object) -> str:
    return "percent" if str(cell).rstrip().endswith(("%", "％")) else "number"


def _number_words(cell: str, name: str, column: Column) -> str:
    """Return what a cell says without the unit behind its number that the column counts in."""
    said = unicodedata.normalize("NFKC", cell).strip()
    if name == "stars":
        word = re.sub(r"(?:星级?|级)$", "", said)
        return _STAR_WORDS.get(word, word)
    if name == "year":
        return re.sub(r"年度?$", "", said)
    units = _COUNTERS if column.unit is None else re.escape(unicodedata.normalize("NFKC", column.unit.zh))
    return re.sub(rf"(?<=\d)\s*(?:{units})$", "", said)


def _truths(cells: pd.Series, _column: Column, _name: str) -> tuple[pd.Series, list[Wrong]]:
    said = cells.map(_word, na_action="ignore")
    values = [True if one in _YES else False if one in _NO else None for one in said]
    wrong = said.map(lambda one: isinstance(one, str) and one not in _YES | _NO | _NOTHING).astype(bool)
    return _objects(values, cells.index), [("yes_no", at, {"value": cells[at]}) for at in cells.index[wrong]]


def _objects(values: Sequence[object], index: pd.Index) -> pd.Series:
    """Return a column of objects, in which None stays None."""
    found = pd.Series([None] * len(index), index=index, dtype=object)
    found[:] = values
    return found


def _word(cell: object) -> str:
    return unicodedata.normalize("NFKC", str(cell)).strip().casefold()


def _chosen(cells: pd.Series, column: Column, _name: str) -> tuple[pd.Series, list[Wrong]]:
    said, words = as_text(cells), _words(column)
    values = [None if one is None else words.get(plain(str(one))) for one in said]
    known = "、".join(column.choices)
    wrong = [at for at, one, value in zip(cells.index, said, values, strict=True) if one is not None and value is None]
    return _objects(list(values), cells.index), [("choice", at, {"value": cells[at], "known": known}) for at in wrong]


def _words(column: Column) -> dict[str, str]:
    """Return the choice that each word means, the choices themselves first."""
    others = {plain(word): choice for choice in column.choices for word in _CHOICES.get(choice, ())}
    return {**others, **{plain(choice): choice for choice in column.choices}}


_READERS: Mapping[str, Callable[[pd.Series, Column, str], tuple[pd.Series, list[Wrong]]]] = {
    "text": _texts,
    "number": _numbers,
    "date": _dates,
    "yes_no": _truths,
    "choice": _chosen,
}
