"""Where packs come from: those that are built in, and those that a user writes; and what a new one begins with."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from carecircle.errors import InputError, Problem, UsageError, require_file
from carecircle.guards import MAX_PLAN_BYTES, refuse_large
from carecircle.language import text
from carecircle.outputs import whole_file
from carecircle.policy.checks import check_quotes, pack_problems
from carecircle.policy.model import Pack
from carecircle.policy.problems import PackProblem, problems_of
from carecircle.policy.vocabulary import vocabulary

__all__ = ["BUILT_IN", "built_in", "check_quotes", "json_schema", "load_pack", "load_packs", "new_pack"]

BUILT_IN = ("yuxi", "zhuzhou", "lincang", "yunnan", "yiyang")
"""Packs that come with the package, compared with the texts of their documents."""
UNVERIFIED = ("national_2030",)
"""Packs that come with the package whose source is second-hand: for trials only, not among those listed."""
NAMES = (*BUILT_IN, *UNVERIFIED)
_HERE = "carecircle.policy"


def load_pack(source: str | Path) -> Pack:
    """Return a pack by the name of a built-in one, or from a TOML file.

    Raises
    ------
    InputError
        The file is not TOML, or anything in it is wrong: every problem with file, target, field and what is allowed.

    Examples
    --------
    >>> str(load_pack("yuxi").target("YX-03").threshold)
    '65'
    """
    if source in NAMES:
        return _known(str(source))
    if not Path(source).suffix and not Path(source).exists():
        raise UsageError(text("policy.no_pack", value=source, known=", ".join(NAMES)))
    return _checked(*_read(require_file(source)))


def built_in() -> tuple[Pack, ...]:
    """Return the built-in packs."""
    return tuple(_known(name) for name in BUILT_IN)


def load_packs(sources: Iterable[str | Path]) -> tuple[Pack, ...]:
    """Return several packs; what is wrong with any of them is raised together.

    Ids of packs and of targets must differ between them, so that results can be told apart.
    """
    packs: list[Pack] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            packs.append(load_pack(source))
        except InputError as error:
            problems += error.problems
    ids = Counter(name for pack in packs for name in (pack.id, *pack.target_ids()))
    again = [name for name, count in ids.items() if count > 1]
    if again:
        problems.append(PackProblem("twice", values={"ids": ", ".join(again)}))
    if problems:
        raise InputError(problems)
    return tuple(packs)


def new_pack(path: str | Path) -> Path:
    """Write the template of a pack, with comments and one example target, and return its path.

    Raises
    ------
    UsageError
        Something stands there already.
    """
    place = Path(path)
    if place.exists():
        raise UsageError(text("policy.exists", path=place))
    with whole_file(place) as draft:
        draft.write_bytes(resources.files(_HERE).joinpath("template.toml").read_bytes())
    return place


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a pack, for editors that complete and check TOML.

    It knows the form of every field; references, sums and quotes are for `load_pack` and `check_quotes`.
    """
    schema = Pack.model_json_schema()
    words, parts = vocabulary(), schema["$defs"]
    own = {"type": "string", "enum": list(words.readings)}
    parts["Target"]["properties"]["readings"]["items"] = {"anyOf": [own, {"$ref": "#/$defs/Reading"}]}
    parts["Reading"]["required"] = ["key"]
    parts["Target"]["properties"]["functions"]["items"]["enum"] = list(words.functions)
    parts["Target"]["properties"]["kinds"]["items"]["examples"] = list(words.kinds)
    parts["SheetUse"]["properties"]["sheet"]["enum"] = list(words.sheets)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _known(name: str) -> Pack:
    content = resources.files(_HERE).joinpath("packs", f"{name}.toml").read_text("utf-8")
    return _checked(_parsed(content), f"{name}.toml")


def _read(file: Path) -> tuple[dict[str, Any], Path]:
    refuse_large(file, MAX_PLAN_BYTES)
    try:
        return _parsed(file.read_text("utf-8-sig")), file
    except OSError as error:
        raise InputError(Problem("unreadable_file", file, values={"why": error.strerror or str(error)})) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InputError(PackProblem("syntax", file, values={"why": str(error)})) from error


def _parsed(content: str) -> dict[str, Any]:
    """Return the content of a pack; decimals stay what they are."""
    return tomllib.loads(content, parse_float=Decimal)


def _names(raw: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names that a pack gives itself, as far as they can be read: its kinds and the ids of its targets."""
    kinds, targets = raw.get("kinds"), raw.get("targets")
    entries = targets if isinstance(targets, list) else []
    ids = [str(entry["id"]) for entry in entries if isinstance(entry, Mapping) and "id" in entry]
    return {"kinds": list(kinds) if isinstance(kinds, Mapping) else [], "ids": ids}


def _checked(raw: dict[str, Any], file: str | Path) -> Pack:
    try:
        pack = Pack.model_validate(raw, context=_names(raw))
    except ValidationError as error:
        raise InputError(problems_of(error, raw, file)) from error
    problems = pack_problems(pack, file)
    if problems:
        raise InputError(problems)
    return pack
