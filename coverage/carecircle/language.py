"""The user's language: one catalogue of strings (`texts.toml`), Chinese first.

Every sentence a planner can see is in the catalogue, keyed by what it says, in Chinese and English. The current
language is a context variable, so that two studies in one process may speak two languages; it never changes a
result, only its wording.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any, Literal

Language = Literal["zh", "en"]

_current: ContextVar[Language] = ContextVar("carecircle_language", default="zh")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All sentences, as ``{"section.key": {"zh": ..., "en": ...}}``."""
    raw = tomllib.loads(resources.files("carecircle").joinpath("texts.toml").read_text("utf-8"))
    return {f"{section}.{key}": text for section, texts in raw.items() for key, text in texts.items()}


def current_language() -> Language:
    """Return the language in force."""
    return _current.get()


@contextmanager
def use_language(language: Language) -> Iterator[None]:
    """Speak `language` inside the block.

    Examples
    --------
    >>> with use_language("en"):
    ...     text("kind.unknown")
    'unspecified'
    """
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def text(key: str, language: Language | None = None, /, **values: Any) -> str:
    """Return the sentence `key` with its gaps filled.

    Parameters
    ----------
    key
        ``section.name`` of the catalogue; an unknown key is a programming error and raises `KeyError`.
    language
        Defaults to the language in force.
    **values
        What fills the named gaps. Values are data: braces in them are never interpreted.
    """
    template = catalogue()[key][language or current_language()]
    return template.format(**values) if values else template
