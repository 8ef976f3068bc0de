"""Tables of PostgreSQL with PostGIS, by a connection string; read only, and never any SQL of the user's.

``postgresql://user@host:5432/database?table=schema.table`` names a table; ``&geom=column`` its geometry where it has
several. The password comes from the environment (``PGPASSWORD``) or from ``~/.pgpass``, as for every program of
PostgreSQL; one that stands in the string works too and is masked wherever the string is shown.

Names given by the user are only compared with those in the database's catalogue; what is asked for is quoted by
SQLAlchemy from the catalogue's own names.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import geopandas as gpd
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from carecircle.china.headers import is_personal
from carecircle.config import DATABASE
from carecircle.errors import InputError, Problem, problem, without_secrets
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.sources.tables.reading import SourceTable

INSTALL = 'pip install "carecircle[postgis]"'
CONNECT_SECONDS, STATEMENT_SECONDS = 10, 300

"""What connection strings begin with, as libpq and SQLAlchemy have them."""

_OPTIONS = ("table", "geom", "sslmode")
_LISTED = 20
_READ_AS_THEY_ARE = {"int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "date", "timestamp",
                     "timestamptz", "bool"}  # fmt: skip
_SHAPES = {"geometry", "geography"}
_LEFT_OUT = {*_SHAPES, "raster", "bytea"}

# Spatial columns that the user may read; PostGIS keeps these views, in whatever schema it was installed in.
_POSTGIS = """
    SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'postgis'
"""
_SPATIAL = """
    SELECT f_table_schema, f_table_name, f_geometry_column::text, srid FROM {postgis}.geometry_columns
    UNION ALL
    SELECT f_table_schema, f_table_name, f_geography_column::text, srid FROM {postgis}.geography_columns
    ORDER BY 1, 2, 3
"""
_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, t.typname,
        a.attnum = ANY (SELECT unnest(i.indkey) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND (n.nspname || '.' || c.relname = :asked OR c.relname = :asked)
        AND has_table_privilege(c.oid, 'SELECT') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY n.nspname, c.relname, a.attnum
"""
_SYSTEM = "SELECT auth_name, auth_srid, srtext FROM {postgis}.spatial_ref_sys WHERE srid = :srid"


@dataclass(frozen=True)
class Address:
    """Where a table is.

    Parameters
    ----------
    user, password, host, port, database
        Of the connection; None where the environment decides.
    table
        ``schema.table`` or ``table``.
    geom
        Column of geometry, None where the table has only one.
    sslmode
        As for libpq.
    shown
        The connection string without its password.
    """

    user: str | None
    password: str | None
    host: str | None
    port: int | None
    database: str
    table: str | None
    geom: str | None
    sslmode: str | None
    shown: str

    @property
    def place(self) -> Path:
        """Name of database and host, as findings and problems show it."""
        return Path(f"{self.database}@{self.host or 'localhost'}")


@dataclass(frozen=True)
class _Table:
    """A table as the catalogue has it: its columns with their types, and those of its primary key."""

    schema: str
    name: str
    types: Mapping[str, str]
    keys: tuple[str, ...]


def is_database(source: object) -> bool:
    """Whether a source is a connection string and not a file.

    Examples
    --------
    >>> is_database("postgresql://reader@10.0.0.5/gis?table=public.homes"), is_database("homes.csv")
    (True, False)
    """
    return isinstance(source, str) and source.lower().startswith(DATABASE)


def without_password(url: str) -> str:
    """Return a connection string with its password masked.

    Examples
    --------
    >>> without_password("postgresql://reader:secret@10.0.0.5/gis?table=public.homes")
    'postgresql://reader:***@10.0.0.5/gis?table=public.homes'
    """
    return without_secrets(url)  # a password may hold "@" or "/", though it should not


def read_address(url: str) -> Address:
    """Take a connection string apart.

    Raises
    ------
    InputError
        It names no database, or has an option that there is not (``where`` among them).
    """
    shown = without_password(url)
    taken = _taken_apart(url)
    if taken is None:
        raise InputError(problem("database_address", file=shown))
    parts, port, options = taken
    unknown = [name for name in options if name not in _OPTIONS or len(options[name]) > 1]
    if unknown:
        known = "、".join(_OPTIONS)
        raise InputError(problem("database_option", file=shown, value="、".join(unknown), known=known))
    database = unquote(parts.path).strip("/")
    if not database or parts.fragment:
        raise InputError(problem("database_address", file=shown))
    given = {name: values[0] or None for name, values in options.items()}
    user, password = (None if word is None else unquote(word) for word in (parts.username, parts.password))
    named = {name: given.get(name) for name in _OPTIONS}
    return Address(user, password, parts.hostname, port, database, **named, shown=shown)


def _taken_apart(url: str) -> tuple[SplitResult, int | None, dict[str, list[str]]] | None:
    """Return the parts, None for what is not well formed: what the library says of it may hold the password."""
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
        port = parts.port
    except ValueError:
        return None
    return parts, port, options


def open_database(url: str) -> SourceTable:
    """Read a table of a PostGIS database, in its own coordinate system; without geometry when the table has none.

    The transaction is read-only and a statement is given up after `STATEMENT_SECONDS`. Rows come in the order of the
    primary key (of all columns where there is none), so that the same data give the same result.

    Parameters
    ----------
    url
        ``postgresql://user@host:5432/database?table=schema.table&geom=column``.

    Raises
    ------
    InputError
        The extra is not installed, the database cannot be reached or refuses, or it has no such table.
    """
    address = read_address(url)
    with _connection(address) as connection:
        postgis = connection.exec_driver_sql(_POSTGIS).scalar()
        spatial = [] if postgis is None else connection.exec_driver_sql(_SPATIAL.format(postgis=postgis)).all()
        table = _table(connection, address, spatial)
        column, srid = _geometry(address, table, spatial)
        frame = _read(connection, table, column, str(postgis))
        crs = _system(connection, address, table, column, srid, str(postgis))
    sheet = f"{table.schema}.{table.name}"
    rows = pd.Series(range(1, len(frame) + 1), index=frame.index)
    source = SourceTable(frame if column is None else _shaped(frame, column, crs), rows, address.place, sheet)
    personal = [name for name in table.types if is_personal(name)]
    found = [Finding("aside", "personal_column", source.file, sheet, None, name) for name in personal]
    notes = [text("note.personal_columns", found="、".join(personal))] if personal else []
    return source.adding(found, notes)


# Connections


@contextmanager
def _connection(address: Address) -> Iterator[Any]:
    """Give a read-only connection; what goes wrong inside the block is said without the password."""
    try:
        alchemy = importlib.import_module("sqlalchemy")
        importlib.import_module("psycopg")
    except ImportError as error:
        raise InputError(problem("database_extra", file=address.shown, command=INSTALL)) from error
    where = alchemy.URL.create(
        "postgresql+psycopg", address.user, address.password, address.host, address.port, address.database
    )
    options = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s -c client_encoding=UTF8"
    wanted = {"connect_timeout": CONNECT_SECONDS, "application_name": "carecircle", "options": options}
    if address.sslmode:
        wanted["sslmode"] = address.sslmode
    engine = alchemy.create_engine(where, connect_args=wanted, poolclass=alchemy.pool.NullPool, hide_parameters=True)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as opened:
            yield opened
    except (alchemy.exc.SQLAlchemyError, UnicodeError) as error:
        raise InputError(_refused(address, error)) from None  # the cause may hold the password
    finally:
        engine.dispose()


_STATES = {
    "28P01": "database_login",
    "28000": "database_login",
    "3D000": "database_missing",
    "42501": "database_denied",
    "57014": "database_slow",
}
"""Sentences for what PostgreSQL says, by its code (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
_WORDS = {
    "password": "database_login",
    "认证失败": "database_login",
    "no pg_hba.conf entry": "database_login",
    'role "': "database_login",
    'database "': "database_missing",
    "timeout": "database_unreachable",
    "refused": "database_unreachable",
    "resolve": "database_unreachable",
    "unreachable": "database_unreachable",
    "no such file": "database_unreachable",
    "拒绝": "database_unreachable",
    "超时": "database_unreachable",
}
"""The same for errors without a code: those before there is a connection, in the server's and the system's language."""


def _refused(address: Address, error: Exception) -> Problem:
    """Return the problem for what the database or the driver says."""
    cause = getattr(error, "orig", None) or error
    why = " ".join(str(cause).split()) or type(cause).__name__
    for secret in filter(None, (address.password,)):
        why = why.replace(secret, "***")
    state = getattr(cause, "sqlstate", None)
    by_word = (key for word, key in _WORDS.items() if word in why.lower())
    return problem(_STATES.get(str(state)) or next(by_word, "database_error"), file=address.shown, why=why[:300])


# Tables


def _table(connection: Any, address: Address, spatial: Sequence[Any]) -> _Table:
    """Return the table asked for, found by comparing names."""
    known = "、".join(dict.fromkeys(f"{schema}.{name}" for schema, name, *_ in spatial[:_LISTED])) or "-"
    if address.table is None:
        raise InputError(problem("database_no_table", file=address.shown, found=known))
    found = connection.execute(importlib.import_module("sqlalchemy").text(_COLUMNS), {"asked": address.table}).all()
    places = list(dict.fromkeys((schema, name) for schema, name, *_ in found))
    if not places:
        raise InputError(problem("database_other_table", file=address.shown, value=address.table, found=known))
    if len(places) > 1:
        shown = "、".join(".".join(place) for place in places)
        raise InputError(problem("database_several_tables", file=address.shown, value=address.table, found=shown))
    types = {column: kind for _, _, column, kind, _ in found}
    return _Table(*places[0], types, tuple(column for _, _, column, _, key in found if key))


def _geometry(address: Address, table: _Table, spatial: Sequence[Any]) -> tuple[str | None, int]:
    """Return the column of geometry and its declared system (0 where none is), None for a table without."""
    own = {column: int(srid) for schema, name, column, srid in spatial if (schema, name) == (table.schema, table.name)}
    found = "、".join(own) or "-"
    if address.geom is not None:
        if address.geom not in own:
            raise InputError(problem("database_other_geometry", file=address.shown, value=address.geom, found=found))
        return address.geom, own[address.geom]
    if len(own) > 1:
        raise InputError(problem("database_several_geometries", file=address.shown, found=found))
    return next(iter(own.items()), (None, 0))


def _read(connection: Any, table: _Table, column: str | None, postgis: str) -> pd.DataFrame:
    """Read the columns; those with personal information never leave the database."""
    sql = importlib.import_module("sqlalchemy")
    place = sql.table(table.name, *(sql.column(name) for name in table.types), schema=table.schema)
    plain = [name for name, kind in table.types.items() if kind not in _LEFT_OUT and not is_personal(name)]
    taken = [_cell(sql, place.c[name], table.types[name]).label(name) for name in plain]
    if column is not None:
        functions = getattr(sql.func, postgis.strip('"').replace('""', '"'))
        shape = place.c[column]
        straight = functions.ST_CurveToLine(shape) if table.types[column] == "geometry" else shape
        taken.append(functions.ST_AsBinary(straight).label(column))
    order = [place.c[name] for name in table.keys] or list(taken)
    found = connection.execute(sql.select(*taken).order_by(*order))
    return pd.DataFrame(found.all(), columns=list(found.keys()))


def _cell(sql: Any, column: Any, kind: str) -> Any:
    """Return a column as it is taken: decimal numbers as floats, and what is no number, text or date as text."""
    if kind in _READ_AS_THEY_ARE:
        return column
    return sql.cast(column, sql.Double if kind == "numeric" else sql.Text)


def _shaped(frame: pd.DataFrame, column: str, crs: CRS | None) -> gpd.GeoDataFrame:
    raw = [None if shape is None else bytes(shape) for shape in frame[column]]
    shapes = gpd.GeoSeries.from_wkb(pd.Series(raw, index=frame.index, dtype=object), crs=crs)
    return gpd.GeoDataFrame(frame.drop(columns=column), geometry=shapes)


def _system(
    connection: Any, address: Address, table: _Table, column: str | None, srid: int, postgis: str
) -> CRS | None:
    """Return the coordinate system of a column, None where it is not said (SRID 0)."""
    if column is None:
        return None
    sql = importlib.import_module("sqlalchemy")
    place = sql.table(table.name, sql.column(column), schema=table.schema)
    functions = getattr(sql.func, postgis.strip('"').replace('""', '"'))
    if srid == 0 and table.types[column] == "geometry":
        own = functions.ST_SRID(place.c[column])
        used = sorted(connection.execute(sql.select(own).where(own.is_not(None)).distinct()).scalars().all())
        if len(used) > 1:
            shown = "、".join(map(str, used))
            raise InputError(problem("database_srids", file=address.shown, column=column, found=shown))
        srid = used[0] if used else 0
    known = connection.execute(sql.text(_SYSTEM.format(postgis=postgis)), {"srid": srid}).first()
    return None if srid == 0 else _known_system(address, srid, known)


def _known_system(address: Address, srid: int, known: Any) -> CRS:
    """Return the system that the database's own list gives for a number."""
    try:
        if known is not None and known[0]:
            return CRS.from_authority(known[0], known[1])
        return CRS.from_wkt(known[2]) if known is not None and known[2] else CRS.from_epsg(srid)
    except CRSError:
        _unknown_system(address, srid)


def _unknown_system(address: Address, srid: int) -> NoReturn:
    raise InputError(problem("unknown_crs", file=address.shown, value=f"SRID {srid}"))
