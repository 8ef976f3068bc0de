"""What is wrong with a pack, said with its file, its target and its field, and what is allowed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from carecircle.errors import Problem
from carecircle.language import Language, text
from carecircle.policy.model import PATTERNS, Pack

_BOUNDS = {
    "greater_than": "more",
    "greater_than_equal": "at_least",
    "less_than": "less",
    "less_than_equal": "at_most",
    "literal_error": "one_of",
    "too_short": "empty",
}
_KINDS = {
    "float": "number",
    "int": "number",
    "decimal": "number",
    "finite": "number",
    "bool": "truth",
    "string_type": "words",
    "date": "date",
}
"""Sentences of the catalogue's section ``plan`` for what pydantic finds, by the name (or its start) of the error."""
_OWN = {
    "missing": "missing",
    "string_too_short": "missing",
    "dict": "group",
    "model": "group",
    "tuple": "list",
    "not_one_of": "not_one_of",
    "metric_error": "metric_error",
    "threshold_missing": "threshold_missing",
    "threshold_unwanted": "threshold_unwanted",
    "upper_missing": "upper_missing",
    "upper_unwanted": "upper_unwanted",
    "minutes_error": "minutes_error",
    "row_error": "row_error",
}
"""Sentences of the section ``policy``, likewise."""
_NAMES = ("id", "key", "code", "sheet", "column")
"""Fields that name an entry of a list."""
_LONGEST = 80
"""Characters of a wrong value that are shown."""
_ONE_OF_MANY = "value"
"""A field that may hold several types: what does not fit each of them is one problem."""


@dataclass(frozen=True)
class PackProblem(Problem):
    """A problem whose sentence stands in the catalogue's section ``policy``."""

    def sentence(self, language: Language | None = None) -> str:
        """Return what is wrong and what is allowed, without the file."""
        return text(f"policy.{self.key}", language, **self.values)


def at(file: str | Path | None, target: str, field: str, why: str) -> PackProblem:
    """Return the problem of a field of a target, or of the pack itself where `target` is empty."""
    if target:
        return PackProblem("at_target", file, values={"target": target, "field": field, "why": why})
    return PackProblem("at_pack", file, values={"field": field, "why": why})


def problems_of(error: ValidationError, raw: Mapping[str, Any], file: str | Path | None) -> list[PackProblem]:
    """Return what pydantic found, each problem once.

    Parameters
    ----------
    error
        What validating a pack raised.
    raw
        The content of the file, to name targets by their ids.
    file
        The pack.
    """
    items = error.errors()
    outer = {item["loc"][:depth] for item in items for depth in range(len(item["loc"]))}
    kept = [item for item in items if item["type"] != "too_short" or item["loc"] not in outer]
    found = [at(file, *_place(item["loc"], raw), _why(item)) for item in kept]
    return list({(one.values.get("target"), one.values["field"]): one for one in reversed(found)}.values())[::-1]


def _place(loc: Sequence[int | str], raw: Mapping[str, Any]) -> tuple[str, str]:
    """Return (target or "", field) for a place in the content of a pack."""
    steps = list(_steps(loc, raw))
    if loc[0] == "targets" and len(steps) > 1:
        return steps[1], _dotted(steps[2:]) or text("policy.whole")
    return "", _dotted(steps)


def _dotted(steps: Sequence[str]) -> str:
    return ".".join(steps).replace(".[", "[")


def _steps(loc: Sequence[int | str], raw: Any) -> Iterator[str]:
    for step in loc:
        raw = _under(raw, step)
        name = next((raw[key] for key in _NAMES if key in raw), None) if isinstance(raw, Mapping) else None
        yield (name if isinstance(name, str) else f"[{step + 1}]") if isinstance(step, int) else step
        if step == _ONE_OF_MANY:
            return


def _under(raw: Any, step: int | str) -> Any:
    try:
        return raw[step]
    except (KeyError, IndexError, TypeError):
        return None


def _why(item: Any) -> str:
    """Say in the user's language what is wrong with a field."""
    kind, given = item["type"], item.get("ctx", {})
    value = _brief(item["input"])
    if _ONE_OF_MANY in item["loc"]:
        return text("policy.value", value=value)
    if kind == "extra_forbidden":
        return text("policy.unknown", known=", ".join(_known(item["loc"])))
    if kind == "string_pattern_mismatch":
        return text("policy.form", value=value, example=PATTERNS[given["pattern"]])
    own = _OWN.get(kind) or next((key for start, key in _OWN.items() if kind.startswith(f"{start}_")), None)
    if own:
        return text(f"policy.{own}", **{"value": value, **given})
    key = _BOUNDS.get(kind) or next((key for start, key in _KINDS.items() if kind.startswith(start)), None)
    return text(f"plan.{key}", bound=_bound(given), value=value) if key else str(item["msg"])


def _brief(value: Any) -> str:
    said = str(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _bound(given: Mapping[str, Any]) -> str:
    bound = next((given[name] for name in ("gt", "ge", "lt", "le", "expected", "min_length") if name in given), "")
    return str(bound).replace(" or ", ", ").replace("'", "")


def _known(loc: Sequence[int | str]) -> list[str]:
    """Return the fields that may stand where an unknown one was found."""
    model: type[BaseModel] = Pack
    for step in loc[:-1]:
        if isinstance(step, str) and step in model.model_fields:
            model = _entry(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def _entry(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds: ``tuple[Target, ...]`` -> Target."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _entry(part))), None)
