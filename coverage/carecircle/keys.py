"""Keys of map services: from the environment, or from a file that only its owner can read.

A `Key` does not show itself: not when printed, formatted, logged or pickled, and `Key.hide` takes it out of what a
server or a library says.

The keyring is a TOML file, ``~/.config/carecircle/keys.toml`` or the one that ``CARECIRCLE_KEYS`` names::

    tianditu = "..."
    amap = "..."
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from carecircle.errors import MissingInputError, UsageError, problem
from carecircle.language import text

ENVIRONMENT: Mapping[str, str] = {"amap": "CARECIRCLE_AMAP_KEY", "tianditu": "CARECIRCLE_TIANDITU_KEY"}
"""Variable of the environment that holds the key of each service."""

KEYRING = "CARECIRCLE_KEYS"
"""Variable of the environment that names the keyring file."""

_HIDDEN = "***"
_FITTING = re.compile(r"[!-~]{8,256}")  # printable ASCII without blanks: what fits into an address
_MOST_BYTES = 1 << 16


class Key:
    """A key that is used and never shown.

    Examples
    --------
    >>> key = Key("0123456789abcdef")
    >>> key, f"{key}", key.hide("refused: key=0123456789ABCDEF")
    (Key(***), '***', 'refused: key=***')
    """

    __slots__ = ("_traces", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        forms = sorted({value, quote(value, safe=""), quote_plus(value)}, key=len, reverse=True)
        self._traces = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE)

    def reveal(self) -> str:
        """Return the key, for the one request that needs it."""
        return self._value

    def hide(self, words: str) -> str:
        """Return text without the key, plain or as it stands in an address, in capitals or not."""
        return self._traces.sub(_HIDDEN, words)

    def __repr__(self) -> str:
        return f"Key({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not written down")


def keyring() -> Path:
    """Return where the keyring file is looked for."""
    named = os.environ.get(KEYRING)
    return Path(named).expanduser() if named else Path.home() / ".config" / "carecircle" / "keys.toml"


def find_key(service: str, given: str | Key | None = None) -> Key | None:
    """Return the key of a service: the one given, else the environment's, else the keyring's, else None.

    Blanks and line breaks around a key, as copying from a web page leaves them, are taken off.

    Raises
    ------
    UsageError
        The key cannot be one (blanks inside, too short or too long), or the keyring cannot be used: other users can
        read it, or it is not TOML. No message shows a key.
    MissingInputError
        ``CARECIRCLE_KEYS`` names a file that is not there.
    """
    if isinstance(given, Key):
        return given
    if given is not None:
        return _fitting(given, "key")
    variable = ENVIRONMENT[service]
    if os.environ.get(variable, "").strip():
        return _fitting(os.environ[variable], variable)
    file = keyring()
    if not file.exists():
        if os.environ.get(KEYRING):
            raise MissingInputError(problem("missing_file", file=file))
        return None
    kept = _read(file).get(service)
    return None if kept is None else _fitting(kept, f"{file}: {service}")


def _fitting(value: object, where: str) -> Key:
    bare = value.strip() if isinstance(value, str) else ""
    if not _FITTING.fullmatch(bare):
        del value, bare
        raise UsageError(text("keys.unfit", where=where))
    return Key(bare)


def _read(file: Path) -> Mapping[str, Any]:
    content, why = _content(file)
    if why:
        raise UsageError(why)
    return content


def _content(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return the keyring, or why there is none; not raised here, where the file's text could go along."""
    try:
        with file.open("rb") as stream:
            if _open_to_others(os.fstat(stream.fileno()).st_mode):
                return {}, text("keys.open_to_others", file=file)
            raw = stream.read(_MOST_BYTES)
        return tomllib.loads(raw.decode("utf-8-sig")), ""
    except OSError as error:
        return {}, text("keys.unreadable", file=file, why=error.strerror or type(error).__name__)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"line (\d+)", str(error))
        return {}, text("keys.malformed", file=file, line=line[1] if line else "-")


def _open_to_others(mode: int) -> bool:
    """Whether anybody but the owner can do anything with the file; Windows does not say it in the mode."""
    return os.name == "posix" and bool(stat.S_IMODE(mode) & 0o077)
