"""Options that commands share, and the checks of their values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from carecircle.config import as_source, input_options
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import check_limits

GRIDS = (".tif", ".tiff")
"""Endings of the grid of minutes."""

Roads = Annotated[Path, typer.Option("--roads", help="Roads: .osm.pbf, .osm, .osm.gz, GraphML, or a line layer.")]
FacilityFile = Annotated[
    Any,
    typer.Option(
        "--facilities",
        parser=as_source,
        metavar="FILE",
        help="Facilities: table with lon/lat, point layer, OSM file, or postgresql://user@host/db?table=schema.table.",
    ),
]
Datum = Annotated[
    str | None, typer.Option("--datum", help="Datum of facility coordinates: auto, wgs84 (default), gcj02 or bd09.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="How an input is read: facilities.sheet=名单, points.crs=EPSG:4543, population.encoding=gbk, "
        "areas.columns.name=乡镇, facilities.bad_rows=drop; repeat for more.",
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Who travels: elder (0.8 m/s), young-old, oldest, adult, wheelchair, bike, e-bike, drive."
    ),
]
ModeName = Annotated[
    str | None, typer.Option("--mode", help="walk, wheelchair, bike, e-bike or drive; its usual profile.")
]
Speed = Annotated[float | None, typer.Option("--speed", help="Speed in m/s instead of the profile's.")]
Speeds = Annotated[Path | None, typer.Option("--speeds", help="TOML file with lines 'class = km/h'.")]
Boundary = Annotated[Path | None, typer.Option("--boundary", help="Polygon layer in which to read the roads.")]
ToFrom = Annotated[str, typer.Option("--direction", help="Travel 'to' the facility or 'from' it.")]
Json = Annotated[bool, typer.Option("--json", help="Print a summary for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Lang = Annotated[str, typer.Option("--lang", help="zh or en.", envvar="CARECIRCLE_LANG")]
Closed = Annotated[bool, typer.Option("--count-closed", help="Also count closed and planned facilities.")]


def refuse_overwriting(out: Path, *inputs: Path | str | None) -> None:
    """Raise `UsageError` when the file to write is one of those to read."""
    if any(isinstance(path, Path) and out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise UsageError(text("usage.same_file", path=out))


def refuse_other_than_csv(out: Path) -> None:
    """Raise `UsageError` when a table is to be written under another ending than ``.csv``."""
    if out.suffix.lower() != ".csv":
        raise UsageError(text("usage.csv_only", path=out))


def reading_of(settings: list[str] | None, *, known: tuple[str, ...], **shorthands: str | None) -> dict[str, Any]:
    """Return how each input is to be read, ``{"facilities": {"sheet": ...}}``.

    Parameters
    ----------
    settings
        ``input.name=value``, as given on the command line.
    known
        The command's inputs.
    **shorthands
        Settings that have an option of their own: ``facilities_datum="gcj02"``.
    """
    given = {name.replace("_", ".", 1): value for name, value in shorthands.items() if value is not None}
    given |= pairs(settings or [])
    wrong = [name for name in given if name.split(".")[0] not in known or "." not in name]
    if wrong:
        raise UsageError(text("usage.settings", given=", ".join(wrong), known=", ".join(f"{name}." for name in known)))
    return {**{name: {} for name in known}, **input_options(given)}


def pairs(given: list[str]) -> dict[str, str]:
    """Return ``name=value`` options as a mapping."""
    wrong = [item for item in given if "=" not in item]
    if wrong:
        raise UsageError(text("usage.pairs", given=", ".join(wrong)))
    return {name.strip(): value.strip() for name, value in (item.split("=", 1) for item in given)}


def choice(option: str, value: str, known: tuple[str, ...]) -> Any:
    """Return the value when it is one of those known, else raise `UsageError` that lists them."""
    if value not in known:
        raise UsageError(text("usage.choice", option=option, value=value, known=", ".join(known)))
    return value


def minutes_list(value: str) -> list[float]:
    """Return limits given as ``5,10,15``."""
    try:
        limits = [float(part) for part in value.replace("，", ",").split(",")]
    except ValueError as error:
        raise UsageError(text("usage.list_of_minutes", value=value)) from error
    return check_limits(limits)


def speed_table(path: Path | None) -> dict[str, float] | None:
    """Return the speeds of a TOML file, None without one."""
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(text("usage.speeds_file", path=path, why=str(error))) from error
