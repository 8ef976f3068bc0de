"""Cells as people type them, turned into text, codes, numbers and dates.

Every function takes one column of raw cells (text, numbers, dates, None) and returns a column on the same
index; those that can fail return beside it a mask of the cells that cannot be read. Blank cells and the marks
for "nothing" (``—``, ``无``, ``N/A`` ...) become None, NaN or NaT: what is not known is never 0.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from carecircle.china.headers import marks_of_nothing, words

_DIGITS_EXACT_IN_FLOAT = 2.0**53
_CODE_HEADER = re.compile(r"编号|编码|代码|code|id$", re.IGNORECASE)
_CODE_DIGITS = 9  # a whole number this long is a code, not a count: township codes have nine digits
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:e[+-]?\d{1,3})?|[+-]?\.\d+"
_EXPONENT = r"(\d)(?:\.(\d+))?e\+?(\d{1,2})"
_DATE = r"(\d{4})(?:[-/.年]?(\d{1,2})(?:[-/.月]?(\d{1,2})日?|月)?|年)?(?:[ t][\d:.]+)?"


def is_text(cells: pd.Series) -> pd.Series:
    """Return which cells hold text."""
    return _holds(cells, str)


def _holds(cells: pd.Series, *kinds: type) -> pd.Series:
    """Return which cells are of exactly one of these types."""
    return cells.astype(object).map(lambda cell: type(cell) in kinds).astype(bool)


def cleaned(cells: pd.Series) -> pd.Series:
    """Return the cells as objects: text without blanks around it, None for blanks and marks of nothing."""
    raw = cells.astype(object)
    raw = raw.where(raw.notna(), None)
    text = is_text(raw)
    if text.any():
        stripped = raw[text].astype(str).str.strip()
        raw = raw.copy()
        raw[text] = stripped.where(~stripped.str.casefold().isin(marks_of_nothing()), None).astype(object)
    return raw.where(raw.notna(), None)


def as_text(cells: pd.Series) -> pd.Series:
    """Return text: whole numbers without ``.0``, dates as ``2024-05-01``, None where there is nothing.

    Examples
    --------
    >>> as_text(pd.Series(["001", 530402001001.0, "—"], dtype=object)).tolist()
    ['001', '530402001001', None]
    """
    raw = cleaned(cells)
    number = _holds(raw, int, float, np.int64, np.int32, np.float64, np.float32)
    other = ~(number | raw.isna() | is_text(raw))
    result = raw.copy()
    if other.any():
        result[other] = raw[other].astype(str).str.removesuffix(" 00:00:00").astype(object)
    if number.any():
        values = raw[number].astype(float)
        whole = (values % 1 == 0) & (values.abs() < 2.0**63)
        exact = values.where(whole, 0).astype("int64").astype(str).astype(object)
        result[number] = exact.where(whole, values.astype(str).astype(object))
    return result.where(result.notna(), None)


def as_code(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return codes as text, and where digits are lost for good.

    ``530402001001.0`` and ``5.30402001001E+11`` are mended; ``5.304E+11``, or a number too long for a
    spreadsheet's arithmetic, has lost digits.

    Examples
    --------
    >>> codes, lost = as_code(pd.Series(["5.30402001001E+11", "5.304E+11", "007"], dtype=object))
    >>> codes.tolist(), lost.tolist()
    (['530402001001', '5.304E+11', '007'], [False, True, False])
    """
    codes = as_text(cells)
    floats = pd.to_numeric(cells.astype(object).where(_holds(cells, float, np.float64)), errors="coerce")
    lost = floats.abs().ge(_DIGITS_EXACT_IN_FLOAT).astype(bool)
    known = codes[codes.notna()].astype(str)
    known = known[known.str.contains(r"^\d[\d.]*(?:[.]0+|[eE][+]?\d+)$")]
    if known.empty:
        return codes, lost
    parts = known.str.casefold().str.extract(f"^{_EXPONENT}$")
    digits = parts[0].str.cat(parts[1].fillna(""))
    complete = digits.str.len().eq(pd.to_numeric(parts[2]) + 1).fillna(value=False).astype(bool)
    mended = known.str.replace(r"^(\d+)[.]0+$", r"\1", regex=True).mask(complete, digits)
    codes[known.index] = mended.astype(object)
    short = parts.loc[parts[2].notna() & ~complete].index
    return codes, lost | lost.index.isin(short)


def as_number(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return numbers (float, NaN where there is nothing), and which cells are no number.

    Full-width digits, thousands separators and a unit after the number are read.

    Examples
    --------
    >>> numbers, wrong = as_number(pd.Series(["１２０张", "1,234", "—", "约百"], dtype=object))
    >>> numbers.tolist(), wrong.tolist()
    ([120.0, 1234.0, nan, nan], [False, False, False, True])
    """
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        plain_numbers = cells.astype(float)
        return plain_numbers.replace([np.inf, -np.inf], np.nan), plain_numbers.isin([np.inf, -np.inf])
    raw = cleaned(cells)
    text = is_text(raw)
    numbers = pd.to_numeric(raw, errors="coerce").astype(float).mask(_holds(raw, bool))
    left = text & numbers.isna()
    if left.any():
        plain = _number_text(raw[left])
        fitting = plain.str.fullmatch(_NUMBER).astype(bool)
        numbers[left] = pd.to_numeric(plain.where(fitting).str.replace(",", ""), errors="coerce").astype(float)
    finite = np.isfinite(numbers.to_numpy())
    return numbers.where(finite), raw.notna() & ~finite


def _number_text(text: pd.Series) -> pd.Series:
    """Return text as numbers are compared: half-width, lower case, no blanks, no unit behind."""
    units = "|".join(sorted(map(re.escape, words("units")), key=len, reverse=True))
    plain = text.astype(str).str.normalize("NFKC").str.casefold().str.replace(r"\s", "", regex=True)
    return plain.str.replace("，", ",").str.replace(f"(?<=\\d)(?:{units})$", "", regex=True)


def as_date(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return dates (NaT where there is nothing), and which cells are no date.

    A year or a month stands for its first day.

    Examples
    --------
    >>> dates, wrong = as_date(pd.Series(["2023年5月", 2019, "20200131", "去年"], dtype=object))
    >>> dates.dt.strftime("%Y-%m-%d").tolist(), wrong.tolist()
    (['2023-05-01', '2019-01-01', '2020-01-31', nan], [False, False, False, True])
    """
    text = as_text(cells)
    plain = text.astype("string").str.normalize("NFKC").str.casefold()
    parts = plain.str.extract(f"^{_DATE}$")
    stamp = parts[0] + "-" + parts[1].fillna("1").str.zfill(2) + "-" + parts[2].fillna("1").str.zfill(2)
    dates = pd.to_datetime(stamp.astype(object), format="%Y-%m-%d", errors="coerce")
    return dates, (text.notna() & dates.isna()).astype(bool)


def as_it_is(cells: pd.Series) -> pd.Series:
    """Return a column the contract does not name: numbers when all are and none is a code, else text."""
    raw = cleaned(cells)
    kinds = set(raw[raw.notna()].map(type))
    if not kinds or kinds == {bool} or not kinds <= {str, int, float, bool}:
        return raw
    numbers, wrong = as_number(raw)
    if wrong.any() or _looks_like_codes(raw, str(cells.name)):
        return as_text(raw)
    return numbers


def _looks_like_codes(raw: pd.Series, header: str) -> bool:
    text = as_text(raw)[raw.notna()].astype(str)
    long_or_padded = text.str.fullmatch(rf"\d{{{_CODE_DIGITS},}}|0\d+")
    return bool(_CODE_HEADER.search(header)) or bool(long_or_padded.any())
