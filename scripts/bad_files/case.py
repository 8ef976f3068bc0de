"""What a case is: a file with one thing wrong, how it is read, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

Maker = Callable[[Path], Any]
"""Writes the files of a case into a folder of its own, and returns what is given to the reader (a path, mostly)."""

STREETS, AREAS = "the town's streets", "the town's areas"
"""Stand in a reading for the good town's network and areas, which are made once."""


@dataclass(frozen=True)
class Beside:
    """Stands in a reading for a file beside the one that is read."""

    name: str


@dataclass(frozen=True)
class Reading:
    """How a file is read: the name of a reader of `judge.READERS`, and its options."""

    reader: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, **options: Any) -> Reading:
        """Return the same reading with more options."""
        return Reading(self.reader, MappingProxyType({**self.options, **options}))


FACILITIES, POINTS, AREA_LAYER, PEOPLE = (Reading(name) for name in ("facilities", "points", "areas", "people"))
ROADS, LAYER, PLAN, STUDY, LOOK = (Reading(name) for name in ("roads", "layer", "plan", "study", "inspect"))


@dataclass(frozen=True)
class At:
    """A problem that must be reported: its key, and as much of its address and words as is said here.

    Parameters
    ----------
    key
        Section ``problem`` of the catalogue; ``a|b`` is either of two.
    row, column, sheet
        The address; None is not compared.
    says
        Words that the Chinese message must contain.
    """

    key: str
    row: int | None = None
    column: str | None = None
    sheet: str | None = None
    says: str = ""


@dataclass(frozen=True)
class Refused:
    """The file is refused with these problems, and with none of another key.

    Parameters
    ----------
    problems
        Each must be among those reported.
    usage
        A sentence of the section ``usage`` instead (its error has no problems).
    also
        Keys that may be reported besides.
    """

    problems: tuple[At, ...] = ()
    usage: str = ""
    also: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """A finding that must be given to the quality log; what is None is not compared."""

    action: str
    key: str | None = None
    row: int | None = None
    column: str | None = None


@dataclass(frozen=True)
class Reads:
    """The file is read.

    Parameters
    ----------
    rows_by_key
        ``{key of the row: {column: value}}``; ``lon`` and ``lat`` are those of the point (to 2 m), ``inside`` the area
        of a polygon in its own square degrees, None is "nothing known".
    rows
        Number of rows of the table, None where it does not matter.
    without
        Columns that the table must not have.
    findings, notes
        Findings that the log must hold; words that the notes must contain.
    """

    rows_by_key: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: int | None = None
    without: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tells:
    """`inspect_file` says this: keys of its problems, and words that its text must contain."""

    problems: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A bad file.

    Parameters
    ----------
    name
        Of the case and of its folder.
    wrong, must
        One line each: what is wrong, what must happen.
    make, read, expect
        How it is made and read, and what must come of it.
    """

    name: str
    wrong: str
    must: str
    make: Maker
    read: Reading
    expect: Refused | Reads | Tells


def refused(*keys: str | At, usage: str = "", also: tuple[str, ...] = ()) -> Refused:
    """Return that the file is refused for these reasons."""
    return Refused(tuple(At(key) if isinstance(key, str) else key for key in keys), usage, frozenset(also))


def reads(
    rows: int | None = None,
    *findings: Found,
    notes: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    **values: Mapping[str, Any],
) -> Reads:
    """Return that the file is read, with values by the key of their row: ``F03={"beds": 120}``."""
    return Reads(values, rows, without, findings, notes)
