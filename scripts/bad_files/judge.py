"""Reads a case's file and says what is not as it should be."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

import carecircle as cc
from carecircle.findings import Finding, QualityLog
from carecircle.language import text
from carecircle.sources import read_layer

from .case import AREAS, STREETS, At, Beside, Case, Found, Reads, Refused, Tells
from .layers_on_disk import areas as town_areas
from .layers_on_disk import streets as town_streets

DEGREES_APART = 2e-5
"""How far a place may be from where it should be: 2 m."""
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BROKEN_WORDS = re.compile(r"Traceback|<class |object at 0x")


def _study(path: Any, **options: Any) -> None:
    """Run a plan into a folder of its own, which must stay empty when it is refused."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "results"
        try:
            cc.run(path, out=out, **options)
        except cc.CarecircleError:
            left = sorted(found.name for found in out.rglob("*")) if out.exists() else []
            if left:
                raise AssertionError(f"a refused run left {left}") from None
            raise


READERS: dict[str, Callable[..., Any]] = {
    "facilities": cc.read_facilities,
    "points": cc.read_points,
    "areas": cc.read_areas,
    "people": cc.read_population,
    "roads": lambda path, **options: cc.read_network(path, cache=False, **options),
    "layer": read_layer,
    "plan": cc.load_plan,
    "study": _study,
    "inspect": cc.inspect_file,
}
LOGGING = {"facilities", "points", "areas", "people"}
"""Readers that tell what they found to a log."""


@cache
def _town(what: str) -> Any:
    return cc.read_network(town_streets()) if what == STREETS else cc.read_areas(town_areas())


def judge(case: Case, given: Any) -> list[str]:
    """Return what is not as the case says it must be, one line each; an empty list is as it should be.

    Parameters
    ----------
    case
        The case.
    given
        What its maker returned.
    """
    folder = given if isinstance(given, Path) else None
    with _untouched(folder) as touched:
        found, error, log = _read(case, given)
        wrong = _judged(case.expect, found, error, log)
        if folder is not None:
            wrong += _looked_at(folder)
    return wrong + touched


@contextmanager
def _untouched(path: Path | None) -> Iterator[list[str]]:
    """Give a list that says, when the block ends, what became of the files beside `path`."""
    said: list[str] = []
    before = {} if path is None else fingerprints(path.parent)
    yield said
    after = {} if path is None else fingerprints(path.parent)
    said += [
        f"{name} was changed, made or deleted"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def fingerprints(folder: Path) -> dict[str, str]:
    """Return a hash of every file under a folder, by its name."""
    if not folder.exists():
        return {}
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def _read(case: Case, given: Any) -> tuple[Any, BaseException | None, QualityLog]:
    log = QualityLog()
    options = {key: _meant(value, given) for key, value in case.read.options.items()}
    if case.read.reader in LOGGING:
        options["log"] = log
    try:
        return READERS[case.read.reader](given, **options), None, log
    except BaseException as error:  # noqa: BLE001  a panic of a Rust library is no Exception
        return None, error, log


def _meant(value: Any, given: Any) -> Any:
    if isinstance(value, Beside):
        return given.parent / value.name
    return _town(value) if value in (STREETS, AREAS) else value


def _judged(expect: Refused | Reads | Tells, found: Any, error: BaseException | None, log: QualityLog) -> list[str]:
    if error is not None and not isinstance(error, cc.CarecircleError):
        return [f"{type(error).__module__}.{type(error).__name__}: {str(error)[:300]}"]
    if isinstance(expect, Refused):
        return ["it was read"] if error is None else [*_unclear(error), *_other_reasons(expect, error)]
    if error is not None:
        return [f"refused: {_shown(error)}"]
    return _other_words(expect, found) if isinstance(expect, Tells) else _other_values(expect, found, log)


# Refusals


def _unclear(error: cc.CarecircleError) -> list[str]:
    """Return what is wrong with the words of an error: they must be there in both languages, and be whole."""
    with cc.use_language("zh"):
        chinese = str(error)
    with cc.use_language("en"):
        english = str(error)
    wrong = [f"no Chinese in: {chinese}"] if not _CHINESE.search(chinese) else []
    wrong += [f"no English in: {english}"] if not re.search(r"[a-z]{3}", english) else []
    return wrong + [f"broken words: {said}" for said in (chinese, english) if _BROKEN_WORDS.search(said)]


def _other_reasons(expect: Refused, error: cc.CarecircleError) -> list[str]:
    problems = getattr(error, "problems", ())
    if expect.usage:
        told = text(f"usage.{expect.usage}", "zh").split("{")[0][:12] or text(f"usage.{expect.usage}", "zh")[-12:]
        return [] if told in str(error) else [f"not {expect.usage}: {_shown(error)}"]
    keys = {key for at in expect.problems for key in at.key.split("|")} | expect.also
    missing = [at for at in expect.problems if not any(_is_at(found, at) for found in problems)]
    others = sorted({found.key for found in problems} - keys)
    wrong = [f"no {at}; there is {_shown(error)}" for at in missing]
    return wrong + ([f"also {others}: {_shown(error)}"] if others and not missing else [])


def _is_at(found: Any, at: At) -> bool:
    wanted = {"row": at.row, "column": at.column, "sheet": at.sheet}
    same = all(getattr(found, name) == value for name, value in wanted.items() if value is not None)
    return found.key in at.key.split("|") and same and at.says in found.message("zh")


def _shown(error: cc.CarecircleError) -> str:
    problems = getattr(error, "problems", ())
    said = [f"{found.key} (row {found.row}, {found.column}): {found.message('en')[:160]}" for found in problems[:5]]
    return "; ".join(said) or str(error)


# Tables


def _other_values(expect: Reads, found: Any, log: QualityLog) -> list[str]:
    if not isinstance(found, pd.DataFrame):
        return _other_notes(expect, getattr(found, "notes", ()))
    wrong = [f"{len(found)} rows"] if expect.rows is not None and len(found) != expect.rows else []
    wrong += [f"has {name}" for name in expect.without if name in found.columns]
    table = found.set_index(found.columns[0])
    for key, values in expect.rows_by_key.items():
        if key not in table.index:
            wrong.append(f"no {key} among {list(table.index)[:15]}")
            continue
        row = table.loc[key]
        wrong += [
            f"{key}: {name} is {_value(row, name)!r}"
            for name, value in values.items()
            if not _same(name, _value(row, name), value)
        ]
    wrong += [
        f"no {want}; there is {_said(log)}"
        for want in expect.findings
        if not any(_is_found(one, want) for one in log.findings)
    ]
    return wrong + _other_notes(expect, found.attrs.get("notes", ()))


def _other_notes(expect: Reads, notes: Any) -> list[str]:
    return [f"no note with {part!r} among {list(notes)}" for part in expect.notes if part not in " ".join(notes)]


def _value(row: pd.Series, name: str) -> Any:
    shape = row.get("geometry")
    if name in {"lon", "lat"} and shape is not None:
        return shape.x if name == "lon" else shape.y
    return shapely.area(shape) if name == "inside" else row.get(name, "no such column")


def _same(name: str, value: Any, wanted: Any) -> bool:
    if wanted is None:
        return bool(pd.isna(value))
    if isinstance(wanted, float | int) and not isinstance(wanted, bool):
        apart = {"lon": DEGREES_APART, "lat": DEGREES_APART, "inside": 1e-9}.get(name, 1e-6)
        return isinstance(value, float | int) and math.isclose(value, wanted, rel_tol=0, abs_tol=apart)
    return str(value) == str(wanted) or (hasattr(value, "strftime") and value.strftime("%Y-%m-%d") == wanted)


def _is_found(found: Finding, want: Found) -> bool:
    wanted = {"action": want.action, "key": want.key, "row": want.row, "column": want.column}
    return all(getattr(found, name) == value for name, value in wanted.items() if value is not None)


def _said(log: QualityLog) -> list[tuple[str, str, int | None, str | None]]:
    return [
        (found.action, found.key, found.row, found.column)
        for found in log.findings
        if found.action not in {"read", "mapped"}
    ]


# Inspections


def _other_words(expect: Tells, found: Any) -> list[str]:
    parts = [found, *found.parts]
    keys = {item.key for part in parts for item in part.problems}
    wrong = [f"no problem {key} among {sorted(keys)}" for key in expect.problems if key not in keys]
    said = str(found)
    return wrong + [f"does not say {words!r}: {said}" for words in expect.says if words not in said]


def _looked_at(path: Path) -> list[str]:
    """Return what is wrong with the way in which `inspect_file` tells of a file: it must never raise."""
    try:
        found = cc.inspect_file(path)
        json.dumps(found.as_dict(), ensure_ascii=False)
        said = str(found)
    except BaseException as error:  # noqa: BLE001  a panic of a Rust library is no Exception
        return [f"inspect_file raised {type(error).__name__}: {str(error)[:300]}"]
    return [f"inspect_file: broken words in {said}"] if re.search(r"Traceback|<class ", said) else []
