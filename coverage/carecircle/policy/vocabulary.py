"""The words that packs may use: kinds of facilities, functions, sheets of inputs, readings (``vocabulary.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from carecircle.policy.words import Entry, Line, Words, only_known


class Kind(Entry):
    """A kind of facility, or a function: its title, what registries call it, and the kinds it is an umbrella over."""

    title: Words
    words: tuple[Line, ...] = Field(min_length=1, description="what registries call it")
    includes: tuple[str, ...] = Field((), description="names of narrower kinds that count too")
    elsewhere: bool = Field(
        default=False, description="listed by others than civil affairs: a registry without any says nothing of them"
    )
    tier: Literal["", "township"] = Field(
        default="", description="level that it serves, where that is above the community: see the reading 'nested'"
    )


class Column(Entry):
    """A column of a sheet that a county fills in."""

    title: Words
    type: Literal["text", "number", "date", "yes_no", "choice"]
    required: bool = False
    unit: Words | None = None
    choices: tuple[Line, ...] = ()


class Sheet(Entry):
    """A sheet that a county fills in."""

    title: Words
    row: Words = Field(description="what a row stands for")
    columns: dict[str, Column] = Field(min_length=1)


class Reading(Entry):
    """What a text leaves open: the options, the one that is taken, and why."""

    key: str
    options: dict[str, Words] = Field(min_length=2)
    default: str
    explanation: Words

    @model_validator(mode="after")
    def _default_is_an_option(self) -> Self:
        only_known([self.default], self.options)
        return self


class Vocabulary(Entry):
    """All words.

    Examples
    --------
    >>> vocabulary().kinds["day_care"].title.said("en")
    'day-care centre'
    """

    kinds: dict[str, Kind]
    functions: dict[str, Kind]
    sheets: dict[str, Sheet]
    readings: dict[str, Reading]

    def with_kinds(self, kinds: Mapping[str, Kind]) -> Vocabulary:
        """Return the vocabulary with the kinds of a pack."""
        return self.model_copy(update={"kinds": {**self.kinds, **kinds}})

    def narrower(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """Return kinds and all that they include, each once, in order.

        Examples
        --------
        >>> vocabulary().narrower(["poverty_home"])
        ('poverty_home', 'disabled_poverty_home')
        """
        return tuple(dict.fromkeys(self._walk(kinds, ())))

    def _walk(self, kinds: Iterable[str], above: tuple[str, ...]) -> Iterator[str]:
        for name in kinds:
            if name in self.kinds and name not in above:
                yield name
                yield from self._walk(self.kinds[name].includes, (*above, name))


def reading(given: Any) -> Any:
    """Return a reading written in full from its name, or from a table that changes a part of a known one.

    A table whose key is not known is a reading of the pack's own; a name that is not known is an error.
    """
    if isinstance(given, str):
        given = {"key": only_known([given], vocabulary().readings)[0]}
    if not isinstance(given, Mapping):
        return given
    known = vocabulary().readings.get(str(given.get("key")))
    return {**(known.model_dump() if known else {}), **given}


@cache
def vocabulary() -> Vocabulary:
    """Return ``vocabulary.toml``."""
    raw = tomllib.loads(resources.files("carecircle.policy").joinpath("vocabulary.toml").read_text("utf-8"))
    readings = {key: {"key": key, **entry} for key, entry in raw["readings"].items()}
    return Vocabulary.model_validate({**raw, "readings": readings})
