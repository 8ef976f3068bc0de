"""Chinese statistical codes of places (统计用区划代码) and of organisations (统一社会信用代码).

A statistical code has two digits each for province, city and county, and three each for township and community, so
that the code of a unit begins with that of the one it belongs to. Codes padded with zeros to six, nine or twelve
digits are understood, and so are the 17 digits of the urban-rural list, whose first twelve are the code, and the nine
of Tianditu's boundaries (``gb``), which put the country's number 156 before the six digits of a county.

Sources
-------
The digits: 统计用区划代码编制规则 of the National Bureau of Statistics; GB/T 2260 (counties and wider) and GB/T 10114
(townships). Counties numbered 71 to 79 are drawn for statistics only: all 124 of them in the Bureau's list of 2023
are development zones and the like, and no other unit has such a number.
Urban-rural classes: 统计用城乡划分代码 (17 digits, the last three are the class).
Credit codes: GB 32100-2015, clause 4 and annex.

Every function takes a Series and returns one on the same index; nothing that stands in a cell makes them raise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

DIGITS_OF_LEVEL = {"city": 4, "county": 6, "township": 9, "community": 12}
"""Digits of the codes of each level of areas."""
LEVEL_OF_DIGITS = {digits: level for level, digits in DIGITS_OF_LEVEL.items()}
WIDER_DIGITS = {4: 2, 6: 4, 9: 6, 12: 9}
"""Digits of the code of the unit that one with so many digits belongs to."""

URBAN_CLASSES = {
    "111": "主城区",
    "112": "城乡结合区",
    "121": "镇中心区",
    "122": "镇乡结合区",
    "123": "特殊区域",
    "210": "乡中心区",
    "220": "村庄",
}
"""Urban-rural classes and their names; those that begin with 1 are urban."""

_UNIT_KINDS = {
    9: ((1, "街道"), (100, "镇"), (200, "乡"), (400, "类似乡级单位"), (600, None)),
    12: ((1, "居民委员会"), (200, "村民委员会"), (400, "类似居民委员会"), (500, "类似村民委员会"), (600, None)),
}
_CODE = re.compile(r"[1-8][0-9](?:[0-9]{2}|[0-9]{4}|[0-9]{7}|[0-9]{10})?")
_COUNTRY = re.compile(r"^156([1-8][0-9]{5})$")
_WITH_CLASS = re.compile(r"^([0-9]{12})[0-9]{2}(?:1[12][1-3]|2[12]0)$")
_PADDED = {12: 3, 9: 3, 6: 2, 4: 2}  # digits of a code: zeros at its end when it stands for a wider unit
_STATISTICAL_COUNTIES = r"[0-9]{4}7[1-9](?:[0-9]{3}){0,2}"
_EXACT, _LONGEST = 2.0**53, 10**18  # floats beyond the first are not exact; no code is as long as the second

CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Characters of a credit code in the order of their values 0 to 30: no I, O, S, V, Z."""
_CREDIT_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])


def significant_code(codes: pd.Series) -> pd.Series:
    """Return codes without the zeros they are padded with, None for what is no statistical code.

    Examples
    --------
    >>> significant_code(pd.Series(["530402000000", "530400", "530000", "156530402", "A1", None])).tolist()
    ['530402', '5304', '53', '530402', None, None]
    """
    return _mapped(_significant, codes)


def code_level(codes: pd.Series) -> pd.Series:
    """Return the level that each code stands for, None for a province and for what is no statistical code.

    Examples
    --------
    >>> code_level(pd.Series(["5304", "530402000000", "530402001", "53", "A1"])).tolist()
    ['city', 'county', 'township', None, None]
    """
    return _none(significant_code(codes).str.len().map(LEVEL_OF_DIGITS))


def parent_code(codes: pd.Series) -> pd.Series:
    """Return the significant code of the unit that each belongs to, None for a province or no code.

    Cities without counties (东莞, 中山 ...) number their townships under ``00``: these belong to the city.

    Examples
    --------
    >>> parent_code(pd.Series(["530402001001", "530402", "441900003", "53"])).tolist()
    ['530402001', '5304', '4419', None]
    """
    return _mapped(_parent, codes)


def padded_code(codes: pd.Series, digits: int = 12) -> pd.Series:
    """Return codes padded with zeros to `digits`, None for what is no statistical code or is longer.

    Examples
    --------
    >>> padded_code(pd.Series(["5304", "530402001"])).tolist()
    ['530400000000', '530402001000']
    """
    padded = significant_code(codes).str.pad(digits, side="right", fillchar="0")
    return _none(padded.where(padded.str.len().eq(digits)))


def unit_kind(codes: pd.Series) -> pd.Series:
    """Return what the last three digits of a township or community say it is, None where they say nothing.

    Townships: 001-099 街道, 100-199 镇, 200-399 乡, 400-599 类似乡级单位 (farms, development zones ...). Communities:
    001-199 居民委员会, 200-399 村民委员会, 400-499 类似居民委员会, 500-599 类似村民委员会.

    Examples
    --------
    >>> unit_kind(pd.Series(["530402001", "530402001001", "530402101", "530402"])).tolist()
    ['街道', '居民委员会', '镇', None]
    """
    own = significant_code(codes)
    number = pd.to_numeric(own.str[-3:], errors="coerce")
    kind = pd.Series([None] * len(own), index=own.index, dtype=object)
    for digits, steps in _UNIT_KINDS.items():
        for first, word in steps:
            kind = kind.mask(own.str.len().eq(digits) & number.ge(first), word)
    return _none(kind)


def is_statistical_only(codes: pd.Series) -> pd.Series:
    """Return which codes stand for a county that is drawn for statistics only, or for a unit of one.

    Such units (development zones, farms) have a number from 71 to 79 and are no administrative division: 430971
    大通湖管理区, 430972 湖南益阳高新技术产业园区. Registries file their places under the county around them.

    Examples
    --------
    >>> is_statistical_only(pd.Series(["430971", "430972001", "430981", None])).tolist()
    [True, True, False, False]
    """
    return _none(significant_code(codes)).str.fullmatch(_STATISTICAL_COUNTIES).eq(other=True)


def is_urban(classes: pd.Series) -> pd.Series:
    """Return whether urban-rural classes (three digits) are urban, None for what is no class.

    The class says how a place is built, not whether a residents' or a villagers' committee runs it: a 村委会 may be
    111 and a 居委会 220.

    Examples
    --------
    >>> is_urban(pd.Series(["111", 220, "?"], dtype=object)).tolist()
    [True, False, None]
    """
    known = {code: code.startswith("1") for code in URBAN_CLASSES}
    return pd.Series([known.get(_text(cell) or "") for cell in classes], index=classes.index, dtype=object)


def credit_code(cells: pd.Series) -> pd.Series:
    """Return credit codes as they are compared: capitals, half-width, no blanks or hyphens; None for blanks.

    Examples
    --------
    >>> credit_code(pd.Series([" 52530402mj000000-0x ", "５２", None])).tolist()
    ['52530402MJ0000000X', '52', None]
    """
    plain = _mapped(_text, cells).str.upper().str.replace(r"[^0-9A-Z]+", "", regex=True)
    return _none(plain.where(plain.ne("")))


def is_credit_code(codes: pd.Series) -> pd.Series:
    """Return which codes are credit codes by form and check character.

    18 characters of `CREDIT_CHARACTERS`, the third to eighth digits (the code of the registering office's place).
    With :math:`C_i` the value of the i-th character and the weights :math:`W_i = 3^{i-1} mod 31` = 1, 3, 9, 27, 19,
    26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, the last character has the value :math:`31 - (sum C_i W_i mod
    31)`, 0 for 31 (GB 32100-2015).

    Examples
    --------
    >>> is_credit_code(pd.Series(["91350100M000100Y43", "91350100M000100Y4Z", None])).tolist()
    [True, False, False]
    """
    form = rf"[{CREDIT_CHARACTERS}]{{2}}[0-9]{{6}}[{CREDIT_CHARACTERS}]{{10}}"
    plain = credit_code(codes)
    fitting = plain.str.fullmatch(form).eq(other=True)
    found = fitting.to_numpy(dtype=bool).copy()
    if found.any():
        letters = np.array(plain[fitting].tolist(), dtype="U18").view("U1").reshape(-1, 18)
        values = np.searchsorted(np.array(list(CREDIT_CHARACTERS)), letters)
        found[found] = (values[:, :17] @ _CREDIT_WEIGHTS + values[:, 17]) % 31 == 0
    return pd.Series(found, index=codes.index)


def _mapped(function: Callable[[Any], str | None], cells: pd.Series) -> pd.Series:
    return pd.Series([function(cell) for cell in cells], index=cells.index, dtype=object)


def _significant(cell: Any) -> str | None:
    code = _WITH_CLASS.sub(r"\1", _COUNTRY.sub(r"\1", _text(cell) or ""))
    if not _CODE.fullmatch(code):
        return None
    for digits, zeros in _PADDED.items():
        if len(code) == digits and code.endswith("0" * zeros):
            code = code[: digits - zeros]
    return code


def _parent(cell: Any) -> str | None:
    own = _significant(cell)
    return None if own is None else _significant(own[: WIDER_DIGITS.get(len(own), 0)])


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return unicodedata.normalize("NFKC", cell).strip()
    if isinstance(cell, float | np.floating):
        return str(int(cell)) if cell.is_integer() and abs(float(cell)) < _EXACT else None
    if isinstance(cell, int | np.integer) and not isinstance(cell, bool):
        return str(cell) if abs(int(cell)) < _LONGEST else None
    return None


def _none(cells: pd.Series) -> pd.Series:
    """Return objects with None for what is missing."""
    objects = cells.astype(object)
    return objects.where(objects.notna(), None)
