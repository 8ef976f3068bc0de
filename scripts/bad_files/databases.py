"""Connection strings of databases that are not there, or are no such strings."""

from __future__ import annotations

from .case import AREA_LAYER, FACILITIES, PEOPLE, Case, Maker, refused


def _given(words: str) -> Maker:
    """Return the maker of nothing: the words themselves are given to the reader."""
    return lambda _folder: words


CASES = (
    Case(
        "database-refused",
        "a database on this computer where none runs",
        "refused: it does not answer",
        _given("postgresql://reader@127.0.0.1:1/town?table=public.homes"),
        FACILITIES,
        refused("database_unreachable"),
    ),
    Case(
        "database-no-host",
        "a server whose name nobody knows",
        "refused: it does not answer",
        _given("postgresql://reader@no-such-host.invalid/town?table=homes"),
        PEOPLE,
        refused("database_unreachable"),
    ),
    Case(
        "database-no-table",
        "a connection string without a table",
        "refused: which table?",
        _given("postgresql://reader@127.0.0.1:1/town"),
        AREA_LAYER,
        refused("database_unreachable"),
    ),
    Case(
        "database-password",
        "a wrong address with a password in it",
        "refused; the password is not shown",
        _given("postgresql://reader:geheim@127.0.0.1:1/town?table=homes"),
        FACILITIES,
        refused("database_unreachable"),
    ),
    Case(
        "database-injection",
        "a table name that is a command",
        "refused",
        _given("postgresql://reader@127.0.0.1:1/town?table=homes;drop table homes"),
        FACILITIES,
        refused("database_unreachable"),
    ),
)
