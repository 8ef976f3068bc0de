"""Names of administrative units and of facilities, brought into a form in which they can be compared.

A unit's name is typed in many ways: 荷花社区, 荷花社区居委会, 荷花社区居民委员会; 玉兴街道, 玉兴街道办事处; 元江县,
元江哈尼族彝族傣族自治县; 第1社区, 第一社区; with full-width letters, blanks, brackets and remarks. `plain_name`
takes away what is only typography; `name_keys` goes on to the stem of the name and the word that says what the unit
is. The spellings are data (``names.toml``). Different names stay different: 玉兴路街道 is not 玉兴街道, and 双江社区
is not 双江村.

No text makes these functions raise.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

KEYS = ("plain", "bare", "stem", "word", "remark")
"""Columns of `name_keys`."""

_NOISE = re.compile(r"[^\w()]|_|\(\)")
_REMARK = re.compile(r"\(([^()]*)\)")
_BRACKETS = str.maketrans("[{【〔〖「『〈《", "(((((((((") | str.maketrans("]}】〕〗」』〉》", ")))))))))")
_ROUNDS = 8  # folding cases can call for composing again; two rounds are the usual
_NUMERAL = re.compile("[〇零一二三四五六七八九十百千两0-9]+")
_FIGURES = str.maketrans("〇零一二三四五六七八九", "00123456789")
_ONE = "([一二三四五六七八九])"
_COUNTED = re.compile(f"(?:([一二两三四五六七八九])千)?(?:零?([一二两三四五六七八九])百)?(?:零?{_ONE}?(十))?零?{_ONE}?")
_WITH_PEOPLE = {"乡", "县", "州", "旗"}


@cache
def _lists() -> dict[str, Any]:
    """Return ``names.toml``."""
    return tomllib.loads(resources.files("carecircle.china").joinpath("names.toml").read_text("utf-8"))


@cache
def _characters() -> dict[int, int | str]:
    """Return the table of characters that are taken for others: brackets of all kinds, traditional forms."""
    table = _lists()["characters"]
    return {**str.maketrans(table["traditional"], table["simplified"]), **_BRACKETS}


def plain_name(name: str) -> str:
    """Return a name without what is only typography: blanks, signs, width, case, traditional forms, sorts of brackets.

    What stands in brackets stays, in round ones. A name without any letter or digit becomes empty.

    Examples
    --------
    >>> plain_name(" 玉溪市／紅塔區　玉興街道 "), plain_name("第１社区【东】")
    ('玉溪市红塔区玉兴街道', '第1社区(东)')
    """
    for _ in range(_ROUNDS):
        folded = unicodedata.normalize("NFKC", name).translate(_characters()).casefold()
        plain = _NOISE.sub("", folded)
        if plain == name:
            break
        name = plain
    return name


def name_keys(names: pd.Series, level: str) -> pd.DataFrame:
    """Return the parts of the names of units of a level.

    Parameters
    ----------
    names
        Text; None and anything that is not text has no parts.
    level
        One of `schema.LEVELS`, as which the names are read.

    Returns
    -------
    pandas.DataFrame
        On the index of `names`, None for what is no name:

        plain
            `plain_name`.
        bare
            The name without remarks in brackets, numbers in figures, zones by their usual names.
        stem
            `bare` without the word at its end, and without the peoples of an autonomous county or township.
        word
            What the unit is: ``村 社区``, ``街道 镇 乡``, ``县 区 市`` ...; "" when the name does not say.
        remark
            What stands in brackets.

    Examples
    --------
    >>> name_keys(pd.Series(["荷花社区居民委员会", "大村村委会", "第二社区(东)"]), "community").to_numpy().tolist()[1:]
    [['大村村委会', '大村村委会', '大', '村', ''], ['第二社区(东)', '第2社区', '第2', '社区', '东']]
    >>> name_keys(pd.Series(["元江哈尼族彝族傣族自治县", "红塔"]), "county")[["stem", "word"]].to_numpy().tolist()
    [['元江', '县'], ['红塔', '']]
    """
    found = once_each(names, lambda name: _parts(name, level))
    missing = (None,) * len(KEYS)
    rows = [missing if parts is None else parts for parts in found]
    return pd.DataFrame(rows, index=names.index, columns=list(KEYS), dtype=object)


def is_word(text: str, level: str) -> bool:
    """Whether a text is only a word for a unit of a level, no name: 社区, 居委会, 镇.

    Examples
    --------
    >>> is_word("居委会", "community"), is_word("荷花", "community")
    (True, False)
    """
    return text in _words(level)[1]


def facility_keys(names: pd.Series) -> pd.Series:
    """Return names of facilities as they are compared: `plain_name` without bracket signs, None for blanks.

    What the name says of the company's form stays: 福寿养老服务有限公司 is not 福寿养老院.

    Examples
    --------
    >>> facility_keys(pd.Series(["红塔（ 玉兴 ）老年公寓", "红塔玉兴老年公寓"])).nunique()
    1
    """
    return once_each(names, _facility_key)


@cache
def provinces() -> dict[str, str]:
    """Return the first two digits of the codes of provinces by their bare names, full and short (4川 for 四川)."""
    listed = {name: digits for digits, names in _lists()["provinces"].items() for name in names}
    return {_NUMERAL.sub(_figures, plain_name(name)): digits for name, digits in listed.items()}


def once_each(cells: pd.Series, function: Callable[[str], Any]) -> pd.Series:
    """Return the function of each text (evaluated once for equal ones), None for what is no text or empty."""
    known: dict[str, Any] = {}
    for cell in cells:
        if isinstance(cell, str) and cell not in known:
            known[cell] = function(cell)
    values = [known[cell] if isinstance(cell, str) else None for cell in cells]
    return pd.Series(values, index=cells.index, dtype=object)


def _facility_key(name: str) -> str | None:
    plain = plain_name(name)
    return plain.replace("(", "").replace(")", "") or None


def _parts(name: str, level: str) -> tuple[str, str, str, str, str] | None:
    plain = plain_name(name)
    remark = "".join(_REMARK.findall(plain))
    core = _without_brackets(_REMARK.sub("", plain))
    if not core:
        core, remark = _without_brackets(plain), ""
    if not core:
        return None
    bare = _NUMERAL.sub(_figures, core)
    for long, short in _zones().items():
        bare = bare.replace(long, short)
    return plain, bare, *_stem_and_word(bare, level), remark


def _without_brackets(text: str) -> str:
    return text.replace("(", "").replace(")", "")


def _stem_and_word(bare: str, level: str) -> tuple[str, str]:
    pattern, words = _words(level)
    found = pattern.fullmatch(bare)
    if found is None:
        return bare, ""
    stem, spelling = found.groups()
    word = words[spelling]
    if word == "村":
        return stem.rstrip("村") or stem, word
    if word in _WITH_PEOPLE:
        place = _peoples(autonomous=spelling.startswith("自治")).sub("", stem)
        return place or stem.removesuffix("族") or stem, word
    return stem, word


def _figures(found: re.Match[str]) -> str:
    """Return a number in figures; what is no number (百 and 两 alone), or may be none (八一), as it is."""
    run = found[0]
    figures = run.translate(_FIGURES)
    if figures.isdecimal() and _is_said_by_digits(found):
        return figures.lstrip("0") or "0"
    counted = _COUNTED.fullmatch(run)
    if counted is None:
        return run
    thousands, hundreds, tens, ten, ones = counted.groups()
    tens = tens or ("一" if ten else None)
    digits = "".join((digit or "零").replace("两", "二") for digit in (thousands, hundreds, tens, ones))
    return digits.translate(_FIGURES).lstrip("0")


def _is_said_by_digits(found: re.Match[str]) -> bool:
    """Whether digits one after the other are a number: 〇 is among them, 第 before them, or there is only one.

    八一社区 is named after a day (or 八 and 一), and is not 八十一社区.
    """
    run = found[0]
    ordinal = found.string[: found.start()].endswith("第")
    return run.isascii() or len(run) == 1 or ordinal or not {"〇", "零"}.isdisjoint(run)


@cache
def _zones() -> dict[str, str]:
    """Return the usual names of zones by the long ones, the longest first."""
    spelled = {long: short for short, spellings in _lists()["zones"].items() for long in spellings}
    return dict(sorted(spelled.items(), key=lambda pair: -len(pair[0])))


@cache
def _words(level: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of stem and word for the names of a level, and what each spelling of a word stands for."""
    spelled = {spelling: word for word, spellings in _lists()[level].items() for spelling in spellings}
    return re.compile(f"(.+?)({'|'.join(map(re.escape, spelled))})"), spelled


@cache
def _peoples(*, autonomous: bool) -> re.Pattern[str]:
    """Return the pattern of peoples at the end of a stem."""
    named = _lists()["peoples"]
    known = [*named["full"], *(named["bare"] if autonomous else [])]
    return re.compile(f"(?:{'|'.join(sorted(known, key=len, reverse=True))})+$")
