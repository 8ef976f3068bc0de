"""All cases, the folder they are made in, and the page that lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import (
    codes,
    containers,
    databases,
    geojsons,
    geometry,
    grids,
    hostile,
    layers,
    layout,
    matching,
    numbers,
    people,
    plans,
    positions,
    roads,
    tables,
)
from .case import At, Case, Reads, Refused

KINDS: dict[str, tuple[Case, ...]] = {
    "Facility tables: files and encodings": tables.CASES,
    "Facility tables: layout": layout.CASES,
    "Numbers and dates": numbers.CASES,
    "Codes": codes.CASES,
    "Positions": positions.CASES,
    "Names, codes and duplicates": matching.CASES,
    "People": people.CASES,
    "Layers: files": (*layers.CASES, *geojsons.CASES),
    "Layers: geometry": geometry.CASES,
    "Archives, workbooks and other containers": containers.CASES,
    "Roads": roads.CASES,
    "Population grids": grids.CASES,
    "Plan files": plans.CASES,
    "Hostile and personal content": hostile.CASES,
    "Databases": databases.CASES,
}
CASES: tuple[Case, ...] = tuple(case for cases in KINDS.values() for case in cases)

INTRODUCTION = """\
{count} files, each with one thing wrong, and what must come of it. `scripts/make_bad_files.py` makes them out of a
tiny made-up town and writes this page; `tests/unit/test_bad_files.py` reads every one of them. What is refused ends in
a message that names the file (and sheet, row and column) and says how to mend it, in Chinese or English, with exit
code 1. The last column holds the keys of those messages in `coverage/carecircle/texts.toml`, or of what the quality
report lists. No file is changed, and nothing is written beside it.
"""


def make_all(folder: Path, chosen: tuple[Case, ...] = CASES) -> dict[str, Any]:
    """Make the files of the cases, each in a folder of its own; returns what each is read from, by name."""
    made = {}
    for case in chosen:
        place = folder / case.name
        place.mkdir(parents=True)
        made[case.name] = case.make(place)
    return made


def page() -> str:
    """Return the page that lists all cases."""
    lines = ["# Bad files", "", INTRODUCTION.format(count=len(CASES))]
    for kind, cases in KINDS.items():
        lines += ["", f"## {kind}", "", "| case | what is wrong | what must happen | keys |", "|---|---|---|---|"]
        lines += [f"| `{case.name}` | {_cell(case.wrong)} | {_cell(case.must)} | {_keys(case)} |" for case in cases]
    return "\n".join(lines) + "\n"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def _keys(case: Case) -> str:
    expect = case.expect
    if isinstance(expect, Refused):
        named = [f"`usage.{expect.usage}`"] if expect.usage else [_problem(at) for at in expect.problems]
    elif isinstance(expect, Reads):
        named = [f"{found.action} `{found.key}`" if found.key else found.action for found in expect.findings]
    else:
        named = [f"`{key}`" for key in expect.problems]
    return ", ".join(dict.fromkeys(named))


def _problem(at: At) -> str:
    where = [f"row {at.row}"] if at.row is not None else []
    where += [at.column] if at.column is not None else []
    return "`" + "` or `".join(at.key.split("|")) + "`" + (f" ({', '.join(where)})" if where else "")
