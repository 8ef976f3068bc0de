"""The encoding of text in map layers: Chinese files seldom say it, often say it wrongly, and cut words in two.

Text is first read as if every byte were a character (`BYTES`), so that nothing is lost, and decoded here. An encoding
is judged by whether the bytes can be it at all, and by how much of the result is everyday Chinese: the characters of
GB/T 2312-1980, level 1 (3,755 by use) and level 2 (3,008 rarer ones). Text of one encoding read as another gives
characters that nobody uses.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd

BYTES = "ISO-8859-1"
"""Every byte is one character and comes back as it was."""

_CHINESE = {"gbk", "gb2312", "cp936", "936", "gb18030", "hz", "euccn", "euc-cn", "windows-936", "ms936"}
_REPLACED = "\ufffd"
_SAMPLE = 5000
_ENOUGH = 0.9  # share of words that fit: a few may be damaged
_SURELY_UTF8 = 4  # characters; one in six of everyday GBK can be UTF-8 by chance, so many in a row cannot
_EVERYDAY, _CLEARLY = 0.5, 0.3  # what a better guess must reach, and by how much it must be better


@dataclass(frozen=True)
class Word:
    """Some bytes of text; `full` when they fill their field, so that the last character may be cut in two."""

    raw: bytes
    full: bool = False


@dataclass(frozen=True)
class Guess:
    """An encoding, and whether it is more than a guess."""

    encoding: str
    sure: bool = True


def known_encoding(name: str) -> str | None:
    """Return an encoding under Python's name, None for what is not one.

    GBK and GB 2312 are read as GB 18030, which holds them.

    Examples
    --------
    >>> known_encoding("ANSI 936"), known_encoding("UTF8"), known_encoding("klingon")
    ('gb18030', 'utf-8', None)
    """
    plain = name.strip().strip("\ufeff\0").lower()
    plain = plain.removeprefix("ansi").removeprefix("oem").removeprefix("cp").strip(" _-:")
    plain = {"65001": "utf-8", "88591": "latin-1"}.get(plain, plain)
    if plain in _CHINESE:
        return "gb18030"
    name = f"cp{plain}" if plain.isdigit() else plain
    try:
        "".encode(name)  # what turns bytes into bytes ("zlib") is no encoding of text
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        return None


def guess(words: Sequence[Word], declared: str | None = None) -> Guess | None:
    """Return the encoding of some words, None when it cannot be found.

    What is declared holds unless the words cannot be that, are surely UTF-8, or are everyday Chinese in another
    encoding and not in this.

    Examples
    --------
    >>> guess([Word("玉兴街道".encode("gbk"))], "iso8859-1")
    Guess(encoding='gb18030', sure=True)
    """
    candidates = dict.fromkeys(name for name in (declared, "utf-8", "gb18030") if name is not None)
    fitting = {name: everyday(words, name) for name in candidates if share_fitting(words, name) >= _ENOUGH}
    if not fitting:
        return None
    if share_fitting(words, "utf-8") == 1 and _beyond_ascii(words) >= _SURELY_UTF8:
        return Guess("utf-8")
    first, best = next(iter(fitting)), max(fitting, key=lambda name: fitting[name])
    if fitting[best] >= max(_EVERYDAY, fitting[first] + _CLEARLY):
        return Guess(best)
    return Guess(first, sure=first in {declared, "utf-8"} or fitting[first] >= _EVERYDAY)


def _beyond_ascii(words: Sequence[Word]) -> int:
    """Return the number of characters beyond ASCII in words of UTF-8."""
    return sum(char > "\x7f" for word in words for char in word.raw.decode("utf-8", "ignore"))


def share_fitting(words: Sequence[Word], encoding: str) -> float:
    """Return the share of words that can be text of this encoding (1 when there are none)."""
    return sum(_fits(word, encoding) for word in words) / len(words) if words else 1.0


def _fits(word: Word, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(word.raw, final=not word.full)
    except UnicodeError:
        return False
    return True


def everyday(words: Sequence[Word], encoding: str) -> float:
    """Return how much of the words is everyday Chinese in this encoding, from 0 to 1.

    A character of level 1 counts 1, of level 2 a half, any other letter beyond ASCII nothing; signs do not count.

    Examples
    --------
    >>> everyday([Word("街道办事处".encode("gbk"))], "gb18030"), everyday([Word("Jyväskylä".encode("utf-8"))], "utf-8")
    (1.0, 0.0)
    """
    seen = Counter("".join(word.raw.decode(encoding, "ignore") for word in words))
    letters = {char: count for char, count in seen.items() if char > "\x7f" and char.isalpha()}
    first, second = _levels()
    worth = sum(count * (1 if char in first else 0.5) for char, count in letters.items() if char in first | second)
    return worth / sum(letters.values()) if letters else 0.0


@cache
def _levels() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters of GB/T 2312 by level: rows 16-55 and 56-87."""

    def rows(first: int, last: int) -> frozenset[str]:
        cells = (bytes((row, cell)) for row in range(first, last + 1) for cell in range(0xA1, 0xFF))
        return frozenset("".join(cell.decode("gb2312", "ignore") for cell in cells))

    return rows(0xB0, 0xD7), rows(0xD8, 0xF7)


def foreign(column: pd.Series) -> pd.Series:
    """Return which cells hold text beyond ASCII."""
    return column.astype("string").str.contains(r"[^\x00-\x7f]", regex=True).fillna(value=False).astype(bool)


def sample(column: pd.Series, width: int | None = None) -> list[Word]:
    """Return some thousand different cells beyond ASCII of a column of `BYTES`; `width` is that of its field."""
    texts = column[foreign(column)].astype(str).drop_duplicates().head(_SAMPLE)
    return [Word(raw, len(raw) == width) for raw in (text.encode(BYTES) for text in texts)]


def decoded(column: pd.Series, encoding: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Decode a column of `BYTES`.

    Returns
    -------
    text, cut, damaged
        The text, without a character that is cut in two at its end; which cells had one; and which hold bytes inside
        that are no text of this encoding (shown as U+FFFD).
    """
    chosen = foreign(column)
    texts = column[chosen].astype(str).str.encode(BYTES).str.decode(encoding, errors="replace").astype(object)
    whole = texts.str.rstrip(_REPLACED)
    result = column.astype(object).where(column.notna(), None)
    result[chosen] = whole
    nowhere = pd.Series(data=False, index=column.index)
    cut, damaged = nowhere.copy(), nowhere.copy()
    cut[chosen] = whole.ne(texts)
    damaged[chosen] = whole.str.contains(_REPLACED, regex=False)
    return result, cut, damaged
