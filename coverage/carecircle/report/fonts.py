"""Fonts that can show Chinese: those that this machine has, by the names that they go by."""

from __future__ import annotations

import unicodedata
from functools import cache

from matplotlib import font_manager

# Sans first, for small words on maps. Chinese shapes of the signs before Japanese ones, which old versions of
# matplotlib are limited to: they read only the first face of a collection.
FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
    "Source Han Serif CN",
    "SimSun",
    "NSimSun",
    "FangSong",
    "FangSong_GB2312",
    "STSong",
    "STFangsong",
    "KaiTi",
    "Noto Sans CJK JP",
    "Noto Serif CJK JP",
)
"""Families that hold the signs of Chinese, the best for maps first."""
_PLAIN = "DejaVu Sans"
"""The family that matplotlib brings along."""
_FIRST_CHINESE = "\u2e80"


@cache
def chinese_family() -> str | None:
    """Return the best family for Chinese that this machine has, None where it has none."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in FAMILIES if name in installed), None)


def families(words: str) -> tuple[str, ...]:
    """Return the families to set words in, the first one first; none where Chinese is needed and no font has it.

    Examples
    --------
    >>> families("Helsinki")[-1]
    'DejaVu Sans'
    """
    chinese = chinese_family()
    if chinese is None:
        return () if needs_chinese(words) else (_PLAIN,)
    return (chinese, _PLAIN)


def needs_chinese(words: str) -> bool:
    """Whether words hold signs that only a font for Chinese has.

    Examples
    --------
    >>> needs_chinese("翠湖 Lake"), needs_chinese("Töölö")
    (True, False)
    """
    return any(sign >= _FIRST_CHINESE for sign in words)


def wide(words: str) -> float:
    """Return about how many signs of Chinese words are as wide as.

    Examples
    --------
    >>> wide("翠湖 AB")
    3.8
    """
    narrow = sum(unicodedata.east_asian_width(sign) not in "WF" for sign in words)
    return round(len(words) - 0.4 * narrow, 6)
