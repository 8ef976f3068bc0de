"""The plan file: one TOML file that says what a study reads, how it counts and where it writes.

Settings are frozen, grouped by stage, and forbid names they do not know; every problem of a file is reported at once.
Relative paths count from the folder of the plan file.
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from carecircle.errors import PlanError, Problem, problem, require_file
from carecircle.language import current_language, text
from carecircle.model import MODES, PROFILES

Datum = Literal["wgs84", "gcj02", "bd09"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


Paths = Annotated[list[Path], BeforeValidator(_as_list), Field(min_length=1)]
Minutes = Annotated[float, Field(gt=0, le=600)]


_REASONS = {
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
    "finite": "number",
    "bool": "truth",
    "string": "words",
    "path": "words",
    "list": "list",
    "dict": "table",
    "model": "table",
    "date": "date",
}
"""Sentences of the catalogue's section ``plan`` for what pydantic finds wrong, by the name (or its start) of the
error."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Roads(_Section):
    """Where the streets come from."""

    path: Path = Field(description="OSM file (.osm.pbf, .osm, .osm.gz), OSMnx GraphML, or line layer")
    boundary: Path | None = Field(None, description="polygon layer in which to read; default: the whole file")
    barriers: Path | None = Field(None, description="points, lines or polygons that close streets")
    speeds: dict[str, float] = Field(
        default_factory=dict, description="km/h by highway class, laid over the mode's table"
    )


class Facilities(_Section):
    """The facility list."""

    path: Path
    datum: Datum = Field("wgs84", description="datum of the coordinates in the file")
    sheet: str | None = None
    layer: str | None = None
    kinds: list[str] | None = Field(None, description="only these kinds count; default: all")
    count_closed: bool = Field(False, description="also count facilities that are closed or planned")


class Areas(_Section):
    """Counties, townships, communities."""

    path: Paths = Field(description="one polygon layer, or one for each level")
    level: str | None = Field(None, description="level of the layer when it has no column for it")


class Population(_Section):
    """Where people live."""

    path: Path
    bands: dict[str, int] | None = Field(None, description="band number of each people column of a GeoTIFF")
    columns: dict[str, str] | None = Field(None, description="contract column -> column of the file")
    datum: Datum = "wgs84"


class Reach(_Section):
    """How people travel and how far."""

    profile: str = Field("elder", description="one of the profiles or modes")
    speed_mps: float | None = Field(None, gt=0, lt=100, description="metres per second; default: the profile's")
    minutes: list[Minutes] = Field(default=[5, 10, 15], min_length=1, description="limits")
    served_share: float = Field(0.5, gt=0, le=1, description="share of a unit's people that makes it served")

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str) -> str:
        if value not in {*PROFILES, *MODES}:
            raise ValueError(text("usage.profile", value=value, known=", ".join((*PROFILES, "walk"))))
        return value


class Isochrones(_Section):
    """How areas are drawn."""

    reach_metres: float = Field(25, gt=0, le=1000, description="reach off the street, metres")
    min_hole_m2: float = Field(2500, ge=0, description="smaller holes are filled")


class Output(_Section):
    """What is written."""

    folder: Path = Path("results")
    tiles: Literal["none", "osm", "tianditu"] = Field(
        "none", description="background tiles of the map (need a network)"
    )
    parquet: bool = Field(True, description="also write GeoParquet")
    note: str | None = Field(None, description="note line of the map; default: for internal use")


class Plan(_Section):
    """A whole plan."""

    title: str = ""
    as_of: date | None = Field(None, description="the day the data stand for")
    fictional: bool = Field(False, description="mark every output as made-up data")
    roads: Roads
    facilities: Facilities
    areas: Areas
    population: Population
    reach: Reach = Reach()
    isochrones: Isochrones = Isochrones()
    output: Output = Output()


def load_plan(path: str | Path) -> Plan:
    """Read a plan file.

    Raises
    ------
    PlanError
        The file is not TOML, or settings are missing, unknown or out of range: every one is listed.
    """
    file = require_file(path)
    try:
        raw = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise PlanError(problem("unreadable_file", file=file, why=error.strerror or str(error))) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(problem("plan_syntax", file=file, why=str(error))) from error
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        raise PlanError([_problem(file, item) for item in error.errors()]) from error
    return _anchored(plan, file.resolve().parent)


def _problem(file: Path, item: Any) -> Problem:
    setting = ".".join(str(part) for part in item["loc"])
    kind = item["type"]
    if kind == "missing":
        return problem("plan_missing", file=file, setting=setting)
    if kind == "extra_forbidden":
        return problem("plan_unknown", file=file, setting=setting, known=", ".join(_known(item["loc"])))
    return problem("plan_setting", file=file, setting=setting, why=_why(item))


def _why(item: Any) -> str:
    """Say in the user's language what is wrong with a setting."""
    kind, given = item["type"], item.get("ctx", {})
    if kind == "value_error":
        return str(given["error"])
    key = _REASONS.get(kind) or next((key for start, key in _KINDS.items() if kind.startswith(start)), None)
    if key is None:
        return str(item["msg"])
    bound = next((given[name] for name in ("gt", "ge", "lt", "le", "expected", "min_length") if name in given), "")
    return text(f"plan.{key}", bound=f"{bound:g}" if isinstance(bound, int | float) else bound, value=item["input"])


def _known(place: tuple[Any, ...]) -> list[str]:
    """Return the settings that may stand where an unknown one was found."""
    section: Any = Plan
    for name in place[:-1]:
        section = section.model_fields[name].annotation
    return list(section.model_fields)


def _anchored(plan: Plan, folder: Path) -> Plan:
    """Make the paths of a plan absolute."""

    def anchor(section: _Section, names: tuple[str, ...]) -> Any:
        given = {name: getattr(section, name) for name in names}
        return section.model_copy(
            update={
                name: [folder / p for p in value] if isinstance(value, list) else folder / value
                for name, value in given.items()
                if value is not None
            }
        )

    return plan.model_copy(
        update={
            "roads": anchor(plan.roads, ("path", "boundary", "barriers")),
            "facilities": anchor(plan.facilities, ("path",)),
            "areas": anchor(plan.areas, ("path",)),
            "population": anchor(plan.population, ("path",)),
            "output": anchor(plan.output, ("folder",)),
            "title": plan.title or text("plan.untitled", current_language()),
        }
    )
