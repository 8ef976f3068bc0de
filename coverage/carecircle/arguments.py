"""Options that commands share, and the checks of their values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import check_limits

GRIDS = (".tif", ".tiff")
"""Endings of the grid of minutes."""

DATUMS = ("wgs84", "gcj02", "bd09")
"""Datums that coordinates can be said to have."""

Roads = Annotated[Path, typer.Option("--roads", help="Roads: .osm.pbf, .osm, .osm.gz, GraphML, or a line layer.")]
FacilityFile = Annotated[
    Path, typer.Option("--facilities", help="Facilities: table with lon/lat, point layer, or OSM file.")
]
Datum = Annotated[str, typer.Option("--datum", help="Datum of facility coordinates: wgs84, gcj02 or bd09.")]
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


def refuse_overwriting(out: Path, *inputs: Path | None) -> None:
    """Raise `UsageError` when the file to write is one of those to read."""
    if any(path is not None and out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise UsageError(text("usage.same_file", path=out))


def refuse_other_than_csv(out: Path) -> None:
    """Raise `UsageError` when a table is to be written under another ending than ``.csv``."""
    if out.suffix.lower() != ".csv":
        raise UsageError(text("usage.csv_only", path=out))


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
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(text("usage.speeds_file", path=path, why=str(error))) from error
