"""What can go wrong, as one tree; leaves are also the builtin a Python programmer would expect.

::

    CarecircleError
    ├── InputError (ValueError)             a file or table is not what it should be: lists every problem found
    │   ├── MissingInputError (FileNotFoundError)
    │   └── PlanError                       the plan file
    ├── UsageError (ValueError)             arguments that do not go together
    ├── OfflineError (ConnectionError)      live data asked for, nothing answers
    └── OutputError (OSError)               a result cannot be written

A user sees `str(error)`: one line per problem, in the user's language, saying where, what, and how to mend it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carecircle.language import Language, text

LISTED = 50
"""Problems of one sort that are listed; the rest is counted."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input, addressed so that the user can find it.

    Parameters
    ----------
    key
        Name of the sentence in the catalogue's section ``problem``.
    file, sheet, row, column
        The address; `row` counts as the user's program shows it (the header is row 1).
    values
        What fills the sentence's gaps.
    """

    key: str
    file: str | Path | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def where(self, language: Language | None = None) -> str:
        """Return the address as a phrase, empty when there is none."""
        parts = {"file": self.file, "sheet": self.sheet, "row": self.row, "column": self.column}
        known = [text(f"where.{name}", language, value=value) for name, value in parts.items() if value is not None]
        return text("where.join", language).join(known)

    def sentence(self, language: Language | None = None) -> str:
        """Return what is wrong and how to mend it, without the address."""
        return text(f"problem.{self.key}", language, **self.values)

    def message(self, language: Language | None = None) -> str:
        """Return address and sentence."""
        sentence = self.sentence(language)
        where = self.where(language)
        return f"{where}{text('where.colon', language)}{sentence}" if where else sentence

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        address = {"file": None if self.file is None else str(self.file), "sheet": self.sheet}
        return {"problem": self.key, **address, "row": self.row, "column": self.column, "message": self.message()}


class CarecircleError(Exception):
    """Base of all errors that are meant for the user."""


class InputError(CarecircleError, ValueError):
    """One or more problems in what the user gave.

    Attributes
    ----------
    problems
        To be shown: at most `LISTED` of a sort, and how many more there are.
    found
        All of them.
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.problems = tuple(_listed(self.found))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.message() for problem in self.problems)


def _listed(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Return the problems, at most `LISTED` of a sort in one column of a file, and the number of the rest of each."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for found in problems:
        sort = (found.key, found.file, found.sheet, found.column)
        seen[sort] += 1
        if seen[sort] <= LISTED:
            yield found
    for (_, file, sheet, column), count in seen.items():
        if count > LISTED:
            yield Problem("more_alike", file, sheet, None, column, {"count": count - LISTED})


class MissingInputError(InputError, FileNotFoundError):
    """A file that is named does not exist."""


class PlanError(InputError):
    """The plan file cannot be used."""


class UsageError(CarecircleError, ValueError):
    """Arguments that do not go together."""


class OfflineError(CarecircleError, ConnectionError):
    """Live data was asked for and nothing answers."""


class OutputError(CarecircleError, OSError):
    """A result cannot be written."""


def problem(
    key: str,
    /,
    *,
    file: str | Path | None = None,
    sheet: str | None = None,
    row: int | None = None,
    column: str | None = None,
    **values: Any,
) -> Problem:
    """Return a `Problem` with its gaps given as keywords."""
    return Problem(key, file, sheet, row, column, values)


_LOGIN = re.compile(r"([a-z][a-z0-9+.-]+:[/\\]{1,2}[^:]*:).*@", re.IGNORECASE | re.DOTALL)
_PASSWORD_OPTION = re.compile(r"([?&](?:ssl)?pass(?:word|wd|file)?=)[^&]*", re.IGNORECASE)


def without_secrets(path: str | Path) -> str:
    """Return a path or address as it may be shown: what follows ``user:`` and options of passwords are masked.

    Of an address that became a `Path` only one stroke is left (``postgresql:/u:...``).

    Examples
    --------
    >>> without_secrets("postgresql://reader:secret@10.0.0.5/gis?table=public.homes")
    'postgresql://reader:***@10.0.0.5/gis?table=public.homes'
    >>> without_secrets("lists/homes.xlsx")
    'lists/homes.xlsx'
    """
    return _LOGIN.sub(r"\1***@", _PASSWORD_OPTION.sub(r"\1***", str(path)))


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # a name that is not UTF-8 has halves of pairs in it


def require_file(path: str | Path) -> Path:
    """Return `path` as a `Path`, or raise `InputError` when nothing is there, or its name cannot be printed."""
    found = Path(path)
    if _UNPRINTABLE.search(str(path)):
        raise InputError(problem("file_name", file=_UNPRINTABLE.sub("\ufffd", without_secrets(path))))
    if not found.exists():
        raise MissingInputError(problem("missing_file", file=Path(without_secrets(found))))
    return found
