"""Small values that models of the policy layer share: strict entries, texts in two languages, exact numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, LiteralString, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from carecircle.language import Language, current_language

_Names = TypeVar("_Names", bound=Sequence[str])


def not_allowed(kind: LiteralString, **values: Any) -> PydanticCustomError:
    """Return an error that is said in the user's language: `kind` is a sentence of the texts' section ``policy``."""
    return PydanticCustomError(kind, "not allowed", values)


def only_known(given: _Names, known: Iterable[str]) -> _Names:
    """Return names when all are known, else raise an error with those that are not and those that are."""
    names = list(known)
    wrong = [name for name in given if name not in names]
    if wrong:
        raise not_allowed("not_one_of", value=", ".join(wrong), expected=", ".join(names))
    return given


class Entry(BaseModel):
    """A frozen table of a TOML file that forbids names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Line = Annotated[str, StringConstraints(min_length=1)]
"""Text that is not empty."""


class Words(Entry):
    """A text in Chinese and English."""

    zh: Line
    en: Line

    def said(self, language: Language | None = None) -> str:
        """Return the text in a language; default: the one in force."""
        return self.en if (language or current_language()) == "en" else self.zh


def _exact(value: Any) -> Any:
    """Return a number as it was written: a float's shortest decimal, never its binary tail."""
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "a number")
    return repr(value) if isinstance(value, float) else value


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


Number = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(allow_inf_nan=False, ge=-(10**15), le=10**15),
    PlainSerializer(_plain, return_type=int | float, when_used="json"),
]
"""An exact decimal; written to JSON as a plain number."""
