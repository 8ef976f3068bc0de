"""Personal information (PIPL, articles 6 and 28): what names people or says how to reach them is never read.

Whole columns go by their headers; identity and mobile numbers that stand in other columns (备注) are masked, for
people write them there too.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from carecircle.china.headers import is_code_header, is_personal
from carecircle.language import text
from carecircle.sources.tables.sheets import texts_matching

MASK = "***"
_DIGIT = "[0-9０-９]"
_ALONE = r"(?:^|[^0-9０-９.])(?:{})(?:$|[^0-9０-９])"
_MAYBE = _ALONE.format(rf"{_DIGIT}{{3}}[ -]?{_DIGIT}{{4}}[ -]?{_DIGIT}{{4}}|{_DIGIT}{{17}}[0-9０-９XxＸｘ]")
_WIDE = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")
_NUMBER = re.compile(
    # an identity number (GB 11643-1999): area, day of birth, serial number, check digit; or a mobile number
    r"(?<![\d.])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
    r"|(?<![\d.])1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"
)


_NAMED = re.compile(r"((?:联系人|负责人|法人|家属|院长)[:：\s]*)[\u4e00-\u9fff]{2,4}?(?=[^\u4e00-\u9fff]|$)")
"""Whoever stands before a number."""


def drop_personal(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the frame without its columns of personal information, and a note when there were any."""
    found = personal_columns(frame)
    if not found:
        return frame, ()
    return frame.drop(columns=found), (text("note.personal_columns", found="、".join(map(str, found))),)


def personal_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold personal information by their headers."""
    return [column for column in frame.columns if is_personal(str(column))]


def masked(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return cells with identity and mobile numbers masked, and which cells held some; columns of codes stay.

    Examples
    --------
    >>> cells, found = masked(pd.Series(["联系 13800138000", 13800138000.0, "530402001001"], name="备注", dtype=object))
    >>> cells.tolist(), found.tolist()
    (['联系 ***', '***', '530402001001'], [True, True, False])
    """
    none = pd.Series(data=False, index=cells.index)
    if is_code_header(str(cells.name)) or not (cells.dtype == object or pd.api.types.is_string_dtype(cells.dtype)):
        return cells, none
    suspects = _suspects(cells)
    plain = suspects.map(lambda said: _NAMED.sub(rf"\1{MASK}", _NUMBER.sub(MASK, said.translate(_WIDE))))
    plain = plain[plain.ne(suspects.str.translate(_WIDE))]
    if plain.empty:
        return cells, none
    result, found = cells.copy(), none.copy()
    result[plain.index] = plain.to_numpy()
    found[plain.index] = True
    return result, found


def _suspects(cells: pd.Series) -> pd.Series:
    """Return as text the cells that may hold such a number: eleven digits in a row, and whole numbers so long."""
    said = cells[texts_matching(cells, _MAYBE)].astype(str)
    if pd.api.types.infer_dtype(cells, skipna=True) == "string":
        return said
    numbers = cells[[_is_long_number(cell) for cell in cells.to_numpy()]].map(lambda cell: str(int(cell)))
    together: pd.Series = pd.concat([said, numbers]).astype(object)
    return together


def _is_long_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and 1.3e10 <= cell < 2e10 and cell % 1 == 0
