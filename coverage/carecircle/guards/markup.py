"""XML files (OpenStreetMap, GraphML, KML): document types and entities are refused before a library reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from carecircle.errors import InputError, problem

MAX_PROLOG = 1 << 20
"""Bytes before the first element in which a document type is looked for; a real prolog has some hundred."""
_CHUNK = 1 << 16


class _Elements(Exception):  # noqa: N818  not an error: the prolog has ended
    """The first element has begun: no declaration can follow."""


def refuse_xml_entities(file: Path) -> None:
    """Raise when an XML file declares a document type, the only place where entities can be declared.

    Entities can name files of the machine (XXE) or multiply without end ("billion laughs",
    https://cwe.mitre.org/data/definitions/776.html). No format read here needs them. The file's head is read by the
    same parser that the readers use (expat), so that encodings such as UTF-16 hide nothing.

    Raises
    ------
    InputError
        There is a document type, or no element within `MAX_PROLOG` bytes.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = _stop
    parser.StartDoctypeDeclHandler = _refuse(file)
    with file.open("rb") as stream:
        try:
            for _ in range(0, MAX_PROLOG, _CHUNK):
                raw = stream.read(_CHUNK)
                parser.Parse(raw, not raw)
                if not raw:
                    return
        except InputError:
            raise
        except (expat.ExpatError, LookupError, ValueError, _Elements):  # what is not XML is left to its reader
            return
    raise InputError(problem("xml_prolog", file=file))


def _stop(*_: object) -> None:
    raise _Elements


def _refuse(file: Path) -> Callable[..., None]:
    def found(*_: object) -> None:
        raise InputError(problem("xml_doctype", file=file))

    return found
