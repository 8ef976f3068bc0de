"""The plan file: one TOML file that says what a study reads, how it counts and where it writes.

Settings are frozen, grouped by stage, and forbid names they do not know; every problem of a file is reported at once.
Relative paths count from the folder of the plan file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from carecircle.errors import PlanError, Problem, problem, require_file
from carecircle.guards import MAX_PLAN_BYTES, refuse_large
from carecircle.language import current_language, text
from carecircle.model import CANDIDATE_SOURCES, MODES, PROFILES, SITING_PROBLEMS

Datum = Literal["auto", "wgs84", "gcj02", "bd09"]
DATABASE = ("postgresql://", "postgres://", "postgresql+psycopg://")
"""How a source begins that is a table of a PostGIS database and not a file."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


def as_source(value: Any) -> Any:
    """Return a file's path, or the text of a connection string."""
    if not isinstance(value, str | Path):
        raise PydanticCustomError("path_type", "a path is text")
    return value if str(value).lower().startswith(DATABASE) else Path(value)


SourcePath = Annotated[Path | str, PlainValidator(as_source)]
"""A file, or a connection string ``postgresql://user@host/database?table=schema.table``."""
Paths = Annotated[list[SourcePath], BeforeValidator(_as_list), Field(min_length=1)]
Minutes = Annotated[float, Field(gt=0, le=600)]


_DOTTED = ("policy", "readings")
"""The table whose names may have a point in them."""
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
    "decimal": "number",
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


class Input(_Section):
    """How a table or layer is read; what is not said is found out."""

    crs: str | int | None = Field(None, description="coordinate system, where the file does not say it: EPSG:4543")
    datum: Datum = Field(
        "wgs84",
        description="datum of the coordinates; auto: judged by streets and boundaries",
        validation_alias=AliasChoices("datum", "coordinates"),
    )
    sheet: str | None = Field(None, description="sheet of a workbook with several")
    layer: str | None = Field(None, description="layer of a file with several")
    encoding: str | None = Field(None, description="text encoding of a CSV file or shapefile")
    columns: dict[str, str] = Field(default_factory=dict, description="contract column = header of the file")
    bad_rows: Literal["stop", "drop"] = Field("stop", description="stop at rows with mistakes, or leave them out")

    def options(self) -> dict[str, Any]:
        """Return what every reader takes by keyword."""
        return {name: getattr(self, name) for name in Input.model_fields}


class Facilities(Input):
    """The facility list."""

    path: SourcePath
    kinds: list[str] | None = Field(None, description="only these kinds count; default: all")
    count_closed: bool = Field(False, description="also count facilities that are closed or planned")


class Areas(Input):
    """Counties, townships, communities."""

    path: Paths = Field(description="one polygon layer, or one for each level")
    level: str | None = Field(None, description="level of the layer when it has no column for it")


class Population(Input):
    """Where people live."""

    path: SourcePath
    bands: dict[str, int] | None = Field(None, description="band number of each people column of a GeoTIFF")


def known_profile(value: str) -> str:
    """Return the name of a profile or mode; raise an error that pydantic collects where there is none."""
    if value not in {*PROFILES, *MODES}:
        raise ValueError(text("usage.profile", value=value, known=", ".join((*PROFILES, "walk"))))
    return value


class Reach(_Section):
    """How people travel and how far."""

    profile: str = Field("elder", description="one of the profiles or modes")
    speed_mps: float | None = Field(None, gt=0, lt=100, description="metres per second; default: the profile's")
    minutes: list[Minutes] = Field(default=[5, 10, 15], min_length=1, description="limits")
    served_share: float = Field(0.5, gt=0, le=1, description="share of a unit's people that makes it served")

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str) -> str:
        return known_profile(value)


class Isochrones(_Section):
    """How areas are drawn."""

    reach_metres: float = Field(25, gt=0, le=1000, description="reach off the street, metres")
    min_hole_m2: float = Field(2500, ge=0, description="smaller holes are filled")


class Quality(_Section):
    """What the quality report points out."""

    far_metres: float = Field(100, gt=0, le=2000, description="farther from a street than this is doubtful, metres")
    max_age_days: int = Field(366, gt=0, description="data older than this on the study's day are out of date")


class Policy(_Section):
    """Which documents the place is judged by, and how."""

    packs: list[SourcePath] = Field(default=[], description="names of built-in packs, or TOML files")
    inputs: Path | None = Field(None, description="the workbook of inputs that the county filled in")
    readings: dict[str, str] = Field(
        default_factory=dict, description='readings: coverage = "served", or "YX-05.urban_community" = "in_street"'
    )
    lines: dict[str, Annotated[Decimal, Field(ge=0, le=100)]] = Field(
        default_factory=dict, description='lines of your own for circles, per cent: "YX-20" = 80'
    )
    centre: list[str] = Field(default=[], description="codes of the areas that make the centre of the city")
    min_floor_m2: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="floor area below which a facility of a kind is too small, square metres"
    )

    @field_validator("lines", mode="before")
    @classmethod
    def _exact_lines(cls, value: Any) -> Any:
        """Take numbers as they are written: 0.1 is a tenth."""
        if not isinstance(value, dict):
            return value
        return {name: str(line) if isinstance(line, float) else line for name, line in value.items()}


class Candidates(Input):
    """The user's list of places where a centre could go: idle schools, offices, clinics."""

    path: SourcePath | None = None


class Siting(_Section):
    """Where new centres go. Without a problem nothing is sought."""

    problem: Literal[SITING_PROBLEMS] | None = Field(None, description="what is asked")  # type: ignore[valid-type]
    sites: int | None = Field(None, ge=0, description="most new centres")
    budget: float | None = Field(None, ge=0, description="most money instead, 10,000 yuan; candidates have a cost")
    share: float | None = Field(None, gt=0, le=100, description="per cent of people 60+ who must have a centre in time")
    each: Literal["city", "county", "township"] = Field("city", description="where the share must hold")
    targets: list[str] = Field(default=[], description="targets of the packs that must hold; default: all that can")
    minutes: Minutes | None = Field(None, description="limit; default: the longest of reach.minutes")
    profile: str | None = Field(None, description="choose sites for this traveller; default: reach.profile")
    sources: list[Literal[CANDIDATE_SOURCES]] = Field(  # type: ignore[valid-type]
        default=list(CANDIDATE_SOURCES), description="where candidates come from"
    )
    grid_metres: float = Field(500, gt=0, le=50_000, description="width of the grid of proposed places, metres")
    exclusions: Annotated[list[Path], BeforeValidator(_as_list)] = Field(
        default=[], description="polygons in which nothing may be built: landslides, floods, red lines"
    )
    cautions: list[str] = Field(
        default=[], description="types of such land in which building is a conflict to be named, and not forbidden"
    )
    min_floor_m2: float | None = Field(None, gt=0, description="candidates known to be smaller are left out")
    spacing_metres: float = Field(0, ge=0, description="least distance between centres, metres")
    built_as: list[str] = Field(default=[], description="kinds that new centres may be; default: what targets need")
    least: Literal["sites", "cost"] = Field("sites", description="what reach_target makes small")
    idle_first: bool = Field(
        True, description="of plans of the same size reach_target takes the one with most idle property"
    )
    rows: dict[str, str] = Field(
        default_factory=dict, description='row of a schedule for counties that it does not name: {539902 = "430903"}'
    )
    beds_per_1000: float = Field(30, gt=0, le=1000, description="beds that 1,000 people of 60 and over need")
    close: list[str] = Field(default=[], description="facility_id of facilities that will close")
    force: list[str] = Field(default=[], description="candidate_id of sites that are settled")
    forbid: list[str] = Field(default=[], description="candidate_id of sites that are out of the question")
    backup: int = Field(2, ge=2, le=5, description="how many centres each point needs, for backup_cover")
    beds: float | None = Field(None, gt=0, description="beds of a candidate that says none, for capacitated")
    seconds: float = Field(60, gt=0, le=86_400, description="time limit of the search")
    seed: int = Field(0, ge=0, description="of the search")
    alternatives: int = Field(3, ge=0, le=20, description="how many other plans are listed")

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str | None) -> str | None:
        return value if value is None else known_profile(value)


class Output(_Section):
    """What is written."""

    folder: Path = Path("results")
    tiles: Literal["none", "osm", "tianditu"] = Field(
        "none", description="background tiles of the map (need a network)"
    )
    parquet: bool = Field(True, description="also write GeoParquet")
    figures: bool = Field(True, description="draw the maps of the report (PNG, 300 dots an inch)")
    note: str | None = Field(None, description="note line of the map; default: for internal use")
    suppress_below: int | None = Field(
        None, ge=2, le=100, description="for publication: counts of people below this are not shown"
    )


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
    quality: Quality = Quality()
    policy: Policy = Policy()
    candidates: Candidates = Candidates()
    siting: Siting = Siting()
    output: Output = Output()


def load_plan(path: str | Path, settings: Mapping[str, str] | None = None) -> Plan:
    """Read a plan file.

    Parameters
    ----------
    path
        The TOML file.
    settings
        Settings that go before the file's: ``{"reach.profile": "adult", "reach.minutes": "[10, 15]"}``, values as
        TOML writes them, text without quotes too.

    Raises
    ------
    PlanError
        The file is not TOML, or settings are missing, unknown or out of range: every one is listed.
    """
    file = require_file(path)
    refuse_large(file, MAX_PLAN_BYTES)
    try:
        raw = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise PlanError(problem("unreadable_file", file=file, why=error.strerror or str(error))) from error
    except (ValueError, RecursionError) as error:  # also what is no UTF-8, and numbers of thousands of digits
        raise PlanError(problem("plan_syntax", file=file, why=_why_not_toml(file, error))) from error
    for name, value in (settings or {}).items():
        _set(raw, name, value, file)
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        raise PlanError([_problem(file, item) for item in error.errors()]) from error
    return _anchored(plan, file.resolve().parent)


def input_options(settings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return how inputs are to be read, from settings such as ``{"facilities.sheet": "名单"}``, by input.

    Raises
    ------
    PlanError
        A setting is unknown or its value is not allowed: every one is listed.
    """
    raw: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in settings.items():
        _set(raw, name, value, None)
    found: dict[str, dict[str, Any]] = {}
    for section, given in raw.items():
        try:
            found[section] = Input.model_validate(given).options()
        except ValidationError as error:
            problems += [_problem(None, {**item, "loc": (section, *item["loc"])}, Input) for item in error.errors()]
    if problems:
        raise PlanError(problems)
    return found


def _set(raw: dict[str, Any], name: str, value: str, file: Path | None) -> None:
    """Set ``section.name`` in the raw content of a plan."""
    *sections, last = _keys(name)
    place = raw
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise PlanError(problem("plan_unknown", file=file, setting=name, known=", ".join(Plan.model_fields)))
    try:
        place[last] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        place[last] = value


def _keys(name: str) -> list[str]:
    """Return the parts of the name of a setting; one that has a point in it is quoted, as TOML has it.

    Examples
    --------
    >>> _keys("reach.minutes"), _keys('policy.readings."YX-03.coverage"')
    (['reach', 'minutes'], ['policy', 'readings', 'YX-03.coverage'])
    """
    if not _QUOTED.fullmatch(name):
        return name.split(".")
    return [part[1:-1] if part[0] in "\"'" else part for part in _KEY.findall(name)]


_KEY = re.compile(r""" "[^"]*" | '[^']*' | [^."']+ """, re.VERBOSE)
_QUOTED = re.compile(rf"(?:{_KEY.pattern})(?: \.(?:{_KEY.pattern}) )*", re.VERBOSE)


def _why_not_toml(file: Path, error: Exception) -> str:
    """Say what makes a file no plan, as far as it can be told."""
    raw = file.read_bytes()
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return text("plan.is_workbook")
    if isinstance(error, UnicodeDecodeError):
        return text("plan.not_utf8", line=raw[: error.start].count(b"\n") + 1)
    found = re.search(r"at line (\d+)", str(error))
    line = int(found[1]) if found else 0
    words = (raw.decode("utf-8-sig").splitlines() or [""])[line - 1 if line else 0]
    keys = {"[“”‘’＝＃]": "wide_signs", r"\\": "backslash"}
    key = next((key for signs, key in keys.items() if line and re.search(signs, words)), None)
    return text(f"plan.{key}", line=line) if key else str(error)


def _problem(file: Path | None, item: Any, known_in: type[BaseModel] | None = None) -> Problem:
    setting = ".".join(str(part) for part in item["loc"])
    kind = item["type"]
    if kind == "missing":
        return problem("plan_missing", file=file, setting=setting)
    if kind == "extra_forbidden":
        return problem(
            "plan_unknown",
            file=file,
            setting=setting,
            known=", ".join(known_in.model_fields if known_in else _known(item["loc"])),
        )
    return problem("plan_setting", file=file, setting=setting, why=_why(item))


def _why(item: Any) -> str:
    """Say in the user's language what is wrong with a setting."""
    kind, given = item["type"], item.get("ctx", {})
    if item["loc"][:2] == _DOTTED and isinstance(item["input"], dict) and len(item["loc"]) > len(_DOTTED):
        name = f"{item['loc'][-1]}.{next(iter(item['input']), '')}"
        return text("plan.quoted", setting=".".join(_DOTTED), name=name)
    if kind == "value_error":
        return str(given["error"])
    key = _REASONS.get(kind) or next((key for start, key in _KINDS.items() if kind.startswith(start)), None)
    if key is None:
        return str(item["msg"])
    bound = next((given[name] for name in ("gt", "ge", "lt", "le", "expected", "min_length") if name in given), "")
    bound = bound.replace(" or ", ", ").replace("'", "") if isinstance(bound, str) else bound
    return text(f"plan.{key}", bound=f"{bound:g}" if isinstance(bound, int | float) else bound, value=item["input"])


def _known(place: tuple[Any, ...]) -> list[str]:
    """Return the settings that may stand where an unknown one was found."""
    section: Any = Plan
    for name in place[:-1]:
        section = section.model_fields[name].annotation
    return list(section.model_fields)


def _beside(folder: Path, source: Path | str) -> Path | str:
    return folder / source if isinstance(source, Path) else source


def _pack(folder: Path, name: Path | str) -> Path | str:
    """Return a pack's file beside the plan's, or the name of a built-in one (which has no ending)."""
    return folder / name if Path(name).suffix else str(name)


def _anchored(plan: Plan, folder: Path) -> Plan:
    """Make the paths of a plan absolute."""

    def anchor(section: _Section, names: tuple[str, ...]) -> Any:
        given = {name: getattr(section, name) for name in names}
        return section.model_copy(
            update={
                name: [_beside(folder, p) for p in value] if isinstance(value, list) else _beside(folder, value)
                for name, value in given.items()
                if value is not None
            }
        )

    packs = [_pack(folder, name) for name in plan.policy.packs]
    policy = anchor(plan.policy, ("inputs",)).model_copy(update={"packs": packs})
    return plan.model_copy(
        update={
            "policy": policy,
            "roads": anchor(plan.roads, ("path", "boundary", "barriers")),
            "facilities": anchor(plan.facilities, ("path",)),
            "areas": anchor(plan.areas, ("path",)),
            "population": anchor(plan.population, ("path",)),
            "candidates": anchor(plan.candidates, ("path",)),
            "siting": anchor(plan.siting, ("exclusions",)),
            "output": anchor(plan.output, ("folder",)),
            "title": plan.title or text("plan.untitled", current_language()),
        }
    )
