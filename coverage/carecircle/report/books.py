"""What all workbooks share: text that stays text, widths of columns, and files that are replaced whole."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from xlsxwriter.exceptions import FileCreateError

from carecircle.errors import OutputError
from carecircle.language import text
from carecircle.outputs import speakable

NO_DATE = datetime(2000, 1, 1)  # noqa: DTZ001  a date without a place, as workbooks have it
OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
"""Nothing that is written as text becomes a formula, a link or a number."""
_CELL_LIMIT = 32_767


def plain(words: str) -> str:
    """Return text as a cell can hold it, cut where it is too long.

    Examples
    --------
    >>> len(plain("x" * 40_000))
    32767
    """
    clean = speakable(words)
    return clean if len(clean) <= _CELL_LIMIT else clean[: _CELL_LIMIT - 1] + "…"


def wide(mark: str) -> int:
    """Return how many columns a sign takes: a Chinese character is two wide."""
    return 2 if unicodedata.east_asian_width(mark) in "WF" else 1


def columns_of(words: str) -> int:
    """Return how many columns text takes in one line.

    Examples
    --------
    >>> columns_of("表1")
    3
    """
    return sum(map(wide, words))


def replaced(path: Path, write: Callable[[Path], object]) -> Path:
    """Have a file written beside its place and then moved there.

    Raises
    ------
    OutputError
        It cannot be written, as when it is open in another program.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(draft)
        draft.replace(path)
    except (OSError, FileCreateError) as error:
        raise OutputError(text("usage.not_written", file=path, why=error)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return path
