"""Tables as text: encodings, separators, quotes, and what exports and spreadsheet programs leave in such files."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path

from carecircle.errors import InputError, problem
from carecircle.sources.tables.sheets import Sheet, sheet_of, unreadable

_SEPARATORS = ",\t;，|"
_JUDGED_LINES = 200
_SAMPLE = 1 << 20
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOST_CONTROLS = 0.01
_SEPARATOR_LINE = re.compile(r'\A"?sep=(.)"?\r?\n?', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'\A="([^"]*)"\Z')


def decode(raw: bytes, encoding: str | None = None) -> str:
    """Return text: in the encoding given, else by its byte order mark, else UTF-8 if it is, else GB18030.

    Text in which nearly everything is UTF-8 is broken UTF-8: as GB18030 it would become other signs.

    Raises
    ------
    UnicodeDecodeError, LookupError
        It is none of them; there is no such encoding.
    """
    if encoding is not None:
        return raw.decode(encoding).removeprefix("\ufeff")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16")
    wide = _wide_encoding(raw[:_SAMPLE])
    if wide:
        return raw.decode(wide)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if _mostly_utf8(raw, error.start):
            raise
        return raw.decode("gb18030")


def _wide_encoding(raw: bytes) -> str:
    """Return the UTF-16 of text without a byte order mark, told by its zeros: every second byte, but never both."""
    zeros = [raw[parity::2].count(0) for parity in (0, 1)]
    if max(zeros) < len(raw) / 40 or min(zeros) > max(zeros) / 50:
        return ""
    return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"


def _mostly_utf8(raw: bytes, broken: int) -> bool:
    sample = raw[:_SAMPLE] + raw[max(0, broken - 1000) : broken + 1000]
    text = sample.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(count for sign, count in Counter(text).items() if sign > "\x7f" and sign != "\ufffd")
    return good > 4 * bad


def decoded(file: Path, raw: bytes, encoding: str | None) -> str:
    """Return the text of a file, or raise with the line that cannot be read."""
    try:
        return decode(raw, encoding)
    except LookupError as error:
        raise InputError(problem("unknown_encoding", file=file, value=encoding)) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(problem("broken_bytes", file=file, row=line, encoding=error.encoding)) from error
    except UnicodeError as error:
        raise unreadable(file, error) from error


def text_sheet(file: Path, content: str) -> Sheet:
    """Return the cells of a text.

    A first line such as ``sep=;`` names the separator and is no row, as in spreadsheet programs. Control signs are
    taken out, and cells such as ``="007"`` (which keep a program from making numbers of them) are read as their text.

    Raises
    ------
    InputError
        Quotes do not close, or the file is no text.
    """
    content, controls = _without_controls(content, file)
    said = _SEPARATOR_LINE.match(content)
    content = content[said.end() :] if said else content
    rows: list[list[str]] = []
    try:
        separator = said[1] if said else separator_of(content)
        rows.extend(csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True))
    except (csv.Error, TypeError, ValueError) as error:
        raise InputError(problem("broken_quotes", file=file, row=len(rows) + 1, why=error)) from error
    plain = [[_TEXT_FORMULA.sub(r"\1", cell) for cell in row] for row in rows] if '="' in content else rows
    sheet = sheet_of(plain, file)
    found = [sheet.finding("mended", "control_signs", found=controls)] if controls else []
    found += [sheet.finding("mended", "text_formulas")] if plain != rows else []
    return sheet.adding(*found)


def _without_controls(content: str, file: Path) -> tuple[str, int]:
    count = len(_CONTROLS.findall(content))
    if count > _MOST_CONTROLS * len(content):
        raise InputError(problem("not_text", file=file))
    return (_CONTROLS.sub("", content), count) if count else (content, 0)


def separator_of(content: str) -> str:
    r"""Return the sign that separates cells: the one that most lines hold equally often, the comma when none does.

    Examples
    --------
    >>> separator_of("全市一览表，单位：张\n编号;名称\n1;幸福，夕阳红\n")
    ';'
    """
    lines = [line for line in content[:_SAMPLE].splitlines()[:_JUDGED_LINES] if line.strip()]
    outside = ["".join(line.split('"')[::2]) for line in lines]
    return max(_SEPARATORS, key=lambda sign: _regularity([line.count(sign) for line in outside]))


def _regularity(counts: list[int]) -> tuple[int, int]:
    """Return how many lines hold a sign equally often, and how often; zeros are not counted."""
    found = Counter(count for count in counts if count)
    return max(((lines, count) for count, lines in found.items()), default=(0, 0))
