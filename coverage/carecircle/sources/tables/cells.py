"""Cells as people type them, turned into text, codes, numbers and dates.

Every function takes one column of raw cells (text, numbers, dates, None) and returns a column on the same
index; those that can fail return beside it a mask of the cells that cannot be read. Blank cells and the marks
for "nothing" (``—``, ``无``, ``N/A`` ...) become None, NaN or NaT: what is not known is never 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from carecircle.china.headers import is_code_header, marks_of_nothing, units_behind
from carecircle.sources.tables.sheets import texts_matching

CellKind = Literal["number", "date", "code", "text"]
"""What a column is read as."""

_DIGITS_EXACT_IN_FLOAT = 2.0**53
_CODE_DIGITS = 9  # a whole number this long is a code, not a count: township codes have nine digits
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d+)(?:\.\d*)?(?:e[+-]?\d{1,3})?|[+-]?\.\d+"
_AS_NUMBER = r"^\d+(?:\.0+|(?:\.\d*)?[eE]\+?\d+)$"
_EXPONENT = r"(\d)(?:\.(\d+))?e\+?(\d{1,2})"
_YEAR, _MONTH, _DAY = r"((?:19|20)\d{2})", r"(\d{1,2})", r"(\d{1,2})"
_LONGEST_DATE = 100  # signs; what is longer is none, and takes ever longer to look through
_TIME = r"(?:[ t]*\d{1,2}[:时][\d:.分秒]*(?:z|[+-]\d\d:?\d\d)?)?"
_DATES = (
    f"{_YEAR}年?",
    f"{_YEAR}[-/.年]{_MONTH}月?",
    f"{_YEAR}[-/.年]{_MONTH}[-/.月]{_DAY}[日号]?{_TIME}",
    r"((?:19|20)\d{2})(\d{2})(\d{2})?",
)
_FIRST_DAY = pd.Timestamp("1899-12-30")  # day 0 of spreadsheets, since they take 1900 for a leap year
_DAYS = (10_000, 73_051)  # 1927-05-18 to 2100-01-01; below they would be hours or years
_YEAR_AND_DIGIT = (19_000, 21_010)  # 20235 is a day of 1955, or May 2023: not to be guessed
_OCTOBER_OR_JANUARY = r"(?:19|20)\d{2}\.1"
_GIANT, _ENDLESS = 1 << 63, 10**4000  # Python refuses to write out longer numbers
_SURROGATES = re.compile("[\ud800-\udfff]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_QUOTES = r"^['‘’`´＇]+"
_AREA_CODE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])\d{4}(?:\d{3}(?:\d{3})?)?"
_BROKEN = r"^\s*#(?:REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!)"


def is_text(cells: pd.Series) -> pd.Series:
    """Return which cells hold text."""
    return _holds(cells, str)


def _holds(cells: pd.Series, *kinds: type) -> pd.Series:
    """Return which cells are of exactly one of these types."""
    return cells.astype(object).map(lambda cell: type(cell) in kinds).astype(bool)


def cleaned(cells: pd.Series) -> pd.Series:
    """Return the cells as objects: text without blanks or invisible signs around it, None for marks of nothing."""
    raw = cells.astype(object)
    raw = _without_giants(raw.where(raw.notna(), None))
    text = is_text(raw)
    if text.any():
        stripped = _strings(raw[text]).str.strip(_INVISIBLE).str.strip()
        raw = raw.copy()
        raw[text] = stripped.where(~stripped.str.casefold().isin(marks_of_nothing()), None).astype(object)
    return raw.where(raw.notna(), None)


def _without_giants(raw: pd.Series) -> pd.Series:
    """Return the cells with whole numbers beyond 64 bits as text, so that arithmetic need not hold them."""
    whole = raw.index[_holds(raw, int)]
    giant = pd.Index([place for place, cell in raw[whole].items() if abs(cell) >= _GIANT])
    if giant.empty:
        return raw
    result = raw.copy()
    result.loc[giant] = [str(cell) if abs(cell) < _ENDLESS else hex(cell) for cell in raw.loc[giant]]
    return result


def _strings(texts: pd.Series) -> pd.Series:
    """Return text as pandas' strings; halves of pairs, which UTF-8 cannot say, become a mark."""
    try:
        return texts.astype(str)
    except UnicodeEncodeError:
        return texts.map(lambda cell: _SURROGATES.sub("\ufffd", cell)).astype(str)


def as_text(cells: pd.Series) -> pd.Series:
    """Return text: whole numbers without ``.0``, dates as ``2024-05-01``, truths as 是 and 否, None for nothing.

    Examples
    --------
    >>> as_text(pd.Series(["001", 530402001001.0, "—"], dtype=object)).tolist()
    ['001', '530402001001', None]
    """
    raw = cleaned(cells)
    whole_number = _holds(raw, int, np.int64, np.int32)
    number = _holds(raw, float, np.float64, np.float32)
    other = ~(whole_number | number | raw.isna() | is_text(raw))
    result = raw.mask(whole_number, raw[whole_number].map(str))
    if other.any():
        said = raw[other].astype(str).str.removesuffix(" 00:00:00")
        result[other] = said.replace({"True": "是", "False": "否"}).astype(object)
    if number.any():
        values = raw[number].astype(float)
        whole = (values % 1 == 0) & (values.abs() < 2.0**63)
        exact = values.where(whole, 0).astype("int64").astype(str).astype(object)
        result[number] = exact.where(whole, values.astype(str).astype(object))
    return result.where(result.notna(), None)


def as_code(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return codes as text, and where digits are lost for good.

    ``530402001001.0`` and ``5.30402001001E+11`` are mended, as are full-width signs, an apostrophe in front and,
    in codes of areas, blanks and strokes between the digits; ``5.304E+11``, or a number too long for a
    spreadsheet's arithmetic, has lost digits.

    Examples
    --------
    >>> codes, lost = as_code(pd.Series(["5.30402001001E+11", "5.304E+11", "007"], dtype=object))
    >>> codes.tolist(), lost.tolist()
    (['530402001001', '5.304E+11', '007'], [False, True, False])
    """
    codes = _plain_codes(as_text(cells))
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


def _plain_codes(codes: pd.Series) -> pd.Series:
    """Return texts half-width, without an apostrophe in front, and codes of areas without signs between the digits."""
    known = codes[codes.notna()].astype(str)
    if known.empty or not known.str.contains(r"[^0-9A-Za-z]").any():
        return codes
    plain = known.str.translate(_FULL_WIDTH).str.strip().str.replace(_QUOTES, "", regex=True).str.strip()
    digits = plain.str.replace(r"[\s-]", "", regex=True)
    area = digits.str.fullmatch(_AREA_CODE).astype(bool) & ~plain.str.contains(r"^\d+-\d+$")
    result = codes.copy()
    result[known.index] = plain.mask(area, digits).astype(object)
    return result.where(result.notna() & result.ne(""), None)


def as_number(cells: pd.Series, unit: str | None = "") -> tuple[pd.Series, pd.Series]:
    """Return numbers (float, NaN where there is nothing), and which cells are no number.

    Full-width digits, thousands separators (commas, or single blanks) and a unit after the number are read. Any other
    blank is between two numbers, which are none: ``120 80``.

    Parameters
    ----------
    cells
        One column.
    unit
        What the column counts in (`schema.Column.unit`): only units that mean the same may stand in its cells. None:
        any known unit, where nothing is said of the column; "": no unit at all.

    Examples
    --------
    >>> cells = pd.Series(["１２０张", "1 234", "—", "约百", "120 80", "50户"], dtype=object)
    >>> numbers, wrong = as_number(cells, "beds")
    >>> numbers.tolist(), wrong.tolist()
    ([120.0, 1234.0, nan, nan, nan, nan], [False, False, False, True, True, True])
    """
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        plain_numbers = cells.astype(float)
        return plain_numbers.replace([np.inf, -np.inf], np.nan), plain_numbers.isin([np.inf, -np.inf])
    raw = cleaned(cells)
    text = is_text(raw)
    numbers = pd.to_numeric(raw, errors="coerce").astype(float).mask(_holds(raw, bool))
    left = text & numbers.isna()
    if left.any():
        plain = _number_text(raw[left], unit)
        fitting = plain.str.fullmatch(_NUMBER).astype(bool)
        together = plain.where(fitting).str.replace("[, ]", "", regex=True)
        numbers[left] = pd.to_numeric(together, errors="coerce").astype(float)
    finite = np.isfinite(numbers.to_numpy())
    return numbers.where(finite), raw.notna() & ~finite


def _number_text(text: pd.Series, unit: str | None) -> pd.Series:
    """Return text as numbers are compared: half-width, lower case, no unit behind."""
    plain = text.astype(str).str.normalize("NFKC").str.casefold().str.replace("，", ",")
    return _apart(plain, unit)[0]


def _apart(plain: pd.Series, unit: str | None) -> tuple[pd.Series, pd.Series]:
    """Return normal text without the unit behind its number, and that unit ("" where there is none)."""
    units = "|".join(sorted(map(re.escape, units_behind(unit)), key=len, reverse=True)) or "(?!)"
    behind = plain.str.extract(rf"\d\s*({units})$")[0].fillna("").astype(str)
    bare = [said[: len(said) - len(found)].rstrip() for said, found in zip(plain, behind, strict=True)]
    return pd.Series(bare, index=plain.index, dtype=str), behind


def as_date(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return dates (NaT where there is nothing), and which cells are no date.

    A year or a month stands for its first day. The day numbers of spreadsheets (44927) are read; what can be read in
    two ways (24/5/1, 2023111, the number 2024.1, 20235) is no date.

    Examples
    --------
    >>> dates, wrong = as_date(pd.Series(["2023年5月", 2019, "20200131", 44927, "去年"], dtype=object))
    >>> dates.dt.strftime("%Y-%m-%d").tolist()
    ['2023-05-01', '2019-01-01', '2020-01-31', '2023-01-01', nan]
    >>> wrong.tolist()
    [False, False, False, False, True]
    """
    text = as_text(cells)
    codes, said = pd.factorize(text)  # days repeat: each spelling is read once
    read = _days(pd.Series(said, dtype=object)).to_numpy()
    dates = pd.Series(np.append(read, np.datetime64("NaT"))[codes], index=cells.index)
    ambiguous = text.astype("string").str.fullmatch(_OCTOBER_OR_JANUARY).fillna(value=False).astype(bool)
    dates = dates.mask(ambiguous & is_whole_or_float(cells))
    return dates, (text.notna() & dates.isna()).astype(bool)


def _days(text: pd.Series) -> pd.Series:
    """Return the days that texts say, NaT where they say none."""
    plain = text.astype("string").str.normalize("NFKC").str.casefold()
    plain = plain.mask(plain.str.len().gt(_LONGEST_DATE).fillna(value=False))
    plain = plain.str.replace(r"\s*([-/.年月日])\s*", r"\1", regex=True)
    stamp = pd.Series(None, index=text.index, dtype=object)
    for pattern in _DATES:
        parts = plain.str.extract(f"^{pattern}$").reindex(columns=[0, 1, 2]).astype(object)
        found = parts[0].notna() & stamp.isna()
        said = parts[found].fillna("1").astype(str)
        stamp[found] = said[0] + "-" + said[1].str.zfill(2) + "-" + said[2].str.zfill(2)
    dates = pd.to_datetime(stamp, format="%Y-%m-%d", errors="coerce")
    days = _day_numbers(plain)
    counted = _FIRST_DAY + pd.to_timedelta(days.fillna(0), unit="D").dt.floor("D")
    return dates.where(days.isna(), counted).astype("datetime64[us]")


def _day_numbers(plain: pd.Series) -> pd.Series:
    """Return day numbers where texts are some, NaN elsewhere; five digits that begin with a year are none."""
    fitting = plain.str.fullmatch(r"\d{5}(?:\.\d+)?").fillna(value=False).astype(bool)
    days = pd.to_numeric(plain.where(fitting), errors="coerce").astype(float)
    return days.where(days.between(*_DAYS, inclusive="left") & ~days.between(*_YEAR_AND_DIGIT, inclusive="left"))


def is_day_number(cells: pd.Series) -> pd.Series:
    """Return which cells are numbers (not text) that can be the day numbers of a spreadsheet."""
    return is_whole_or_float(cells) & _day_numbers(as_text(cells).astype("string")).notna().to_numpy()


def is_whole_or_float(cells: pd.Series) -> pd.Series:
    """Return which cells hold numbers."""
    return _holds(cells, int, float, np.int64, np.int32, np.float64, np.float32)


def broken_formulas(cells: pd.Series) -> pd.Series:
    """Return which cells hold the error of a formula (``#REF!``); ``#N/A`` says that there is nothing."""
    return pd.Series(texts_matching(cells, _BROKEN), index=cells.index)


def as_it_is(cells: pd.Series) -> pd.Series:
    """Return a column the contract does not name: numbers when all are and none is a code, else text."""
    raw = cleaned(cells)
    kinds = set(raw[raw.notna()].map(type))
    if not kinds or kinds == {bool} or not kinds <= {str, int, float, bool}:
        return raw
    numbers, wrong = as_number(raw, None)
    if wrong.any() or _looks_like_codes(raw, str(cells.name)) or _counts_several_things(raw):
        return as_text(raw)
    return numbers


def _counts_several_things(raw: pd.Series) -> bool:
    """Whether there are numbers with different units in a column: 50户, 30米."""
    texts = raw[is_text(raw)].astype(str).str.normalize("NFKC").str.casefold()
    return len(set(_apart(texts, None)[1]) - {""}) > 1


def _looks_like_codes(raw: pd.Series, header: str) -> bool:
    text = as_text(raw)[raw.notna()].astype(str)
    long_or_padded = text.str.fullmatch(rf"\d{{{_CODE_DIGITS},}}|0\d+")
    return is_code_header(header) or bool(long_or_padded.any())


def mended_cells(cells: pd.Series, kind: CellKind, unit: str | None = "") -> dict[str, pd.Series]:
    """Return which cells are mended when a column is read, by what is mended; only what happens is there.

    Parameters
    ----------
    cells
        The raw column.
    kind
        What it is read as.
    unit
        What a column of numbers counts in, as for `as_number`.

    Returns
    -------
    dict
        ``{name of the sentence in the catalogue's section "finding": mask}``. ``short_codes`` is not mended but
        doubtful: zeros may be lost.

    Examples
    --------
    >>> found = mended_cells(pd.Series(["１２０张", "1,234", "—", 7], dtype=object), "number", "beds")
    >>> {key: mask.tolist() for key, mask in found.items()}
    {'units_in_cells': [True, False, False, False], 'thousands_marks': [False, True, False, False], \
'full_width': [True, False, False, False], 'nothing_marks': [False, False, True, False]}
    """
    if pd.api.types.is_numeric_dtype(cells.dtype) or kind == "text":
        return {}
    texts = cells[is_text(cells)].astype(str).str.strip()
    found = {key: judge(texts) for key, judge in _JUDGES[kind].items()}
    if kind == "number":
        doubtful = texts[found["units_in_cells"] | found["thousands_marks"]].astype(object)
        read = as_number(doubtful, unit)[0].notna().reindex(texts.index, fill_value=False)
        found |= {key: found[key] & read for key in ("units_in_cells", "thousands_marks")}
    if kind == "date":
        found["serial_dates"] = _day_numbers(as_text(cells).astype("string")).notna()
    if kind == "code":
        found["short_codes"] = _short_codes(as_text(cells))
    masks = {key: mask.reindex(cells.index, fill_value=False).astype(bool) for key, mask in found.items()}
    return {key: mask for key, mask in masks.items() if mask.any()}


def _short_codes(codes: pd.Series) -> pd.Series:
    """Return which codes are shorter numbers in a column of one width in which codes with leading zeros stand."""
    digits = codes.where(codes.astype("string").str.fullmatch(r"\d+").fillna(value=False).astype(bool))
    width = digits.str.len()
    widest = width.max()
    padded = digits[width.eq(widest)].astype(str).str.startswith("0")
    if not padded.any() or width.lt(widest).sum() > width.eq(widest).sum():
        return pd.Series(data=False, index=codes.index)
    return width.lt(widest) & ~digits.astype("string").str.startswith("0").fillna(value=False)


def _has_full_width(texts: pd.Series) -> pd.Series:
    return texts.str.contains(r"[\uff01-\uff5e]")


def _is_nothing(texts: pd.Series) -> pd.Series:
    return texts.ne("") & texts.str.casefold().isin(marks_of_nothing())


def _has_unit(texts: pd.Series) -> pd.Series:
    return texts.str.contains(r"\d") & ~texts.str.contains(r"[\d.．]\s*$")


def _has_thousands(texts: pd.Series) -> pd.Series:
    return texts.str.contains(r"\d[,，\s]\d")


def _is_part_of_date(texts: pd.Series) -> pd.Series:
    plain = texts.str.normalize("NFKC").str.replace(r"\s", "", regex=True)
    short = plain.str.fullmatch(r"(?:19|20)\d{2}(?:年|[-/.年]?\d{1,2}月?)?")
    return as_date(texts[short].astype(object))[0].notna()


_Judge = Callable[[pd.Series], pd.Series]
_JUDGES: dict[CellKind, dict[str, _Judge]] = {
    "number": {
        "units_in_cells": _has_unit,
        "thousands_marks": _has_thousands,
        "full_width": _has_full_width,
        "nothing_marks": _is_nothing,
    },
    "date": {"partial_dates": _is_part_of_date, "full_width": _has_full_width},
    "code": {
        "quoted_codes": lambda texts: texts.str.contains(_QUOTES),
        "spaced_codes": lambda texts: texts.str.contains(r"\d[\s-]+\d") & _plain_codes(texts).ne(texts),
        "scientific_codes": lambda texts: texts.str.contains(_AS_NUMBER) & ~as_code(texts)[1],
        "full_width": _has_full_width,
    },
    "text": {},
}
