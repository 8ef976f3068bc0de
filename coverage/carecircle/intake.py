"""All inputs of a plan, read together: every problem of every file at once, and a log of what was found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.config import Plan
from carecircle.edit import with_barriers
from carecircle.errors import InputError, Problem, problem
from carecircle.findings import Finding, QualityLog
from carecircle.judging import Policies, centre_problems, read_policies
from carecircle.language import text
from carecircle.model import profile
from carecircle.network import RoadNetwork, island_note, read_network
from carecircle.schema import PEOPLE
from carecircle.siting.screening import Exclusion, read_exclusions
from carecircle.snap import MAX_SNAP_METRES, Places, snap
from carecircle.sources import open_facilities, read_areas, read_facilities, read_layer, read_population
from carecircle.sources.candidates import read_candidates
from carecircle.sources.population import narrowest_area

FAR_METRES = 50_000.0
"""A facility this far from every road belongs to another place or another datum: the run stops and says so."""
SNAP_NOTE_METRES = 100.0

T = TypeVar("T")
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a plan names, read and checked.

    Parameters
    ----------
    network, facilities, areas, demand
        The tables and the network.
    places
        Where facilities and demand stand on the network, by ``"facilities"`` and ``"demand"``.
    notes
        What a reader should know of the data.
    log
        What was found, file by file.
    policies
        The packs and filled-in sheets.
    idle, exclusions
        The list of candidates for new centres, None without one, and land to be kept free; read where sites are asked
        for.
    """

    network: RoadNetwork
    facilities: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    places: dict[str, Places]
    notes: tuple[str, ...]
    log: QualityLog
    policies: Policies = field(default_factory=Policies)
    idle: gpd.GeoDataFrame | None = None
    exclusions: tuple[Exclusion, ...] = ()


class _Problems:
    """Gathers the problems of several files, so that the user sees all of them in one message."""

    def __init__(self) -> None:
        self._errors: list[InputError] = []

    def of(self, read: Callable[[], T]) -> T | None:
        """Return what `read` returns, or None when its input has problems."""
        try:
            return read()
        except InputError as error:
            self._errors.append(error)
            return None

    def add(self, found: Iterable[Problem]) -> None:
        """Keep problems that were found otherwise."""
        problems = list(found)
        if problems:
            self._errors.append(InputError(problems))

    def raise_any(self) -> None:
        """Raise the one error there was, or one with all problems."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise InputError([item for error in self._errors for item in error.problems])


def read_inputs(plan: Plan, log: QualityLog, tell: Tell) -> Inputs:
    """Read everything a plan names.

    Parameters
    ----------
    plan
        The plan.
    log
        Collects what was found.
    tell
        Told the name of each stage (roads, areas, facilities, people, policies).

    Raises
    ------
    InputError
        Every problem of every file.
    """
    problems = _Problems()
    tell("roads")
    network = problems.of(lambda: _network(plan))
    tell("areas")
    areas = problems.of(lambda: read_areas(plan.areas.path, level=plan.areas.level, log=log, **plan.areas.options()))
    tell("facilities")
    facilities = problems.of(lambda: _facilities(plan, network, areas, log))
    tell("people")
    demand = problems.of(lambda: _demand(plan, network, areas, log))
    tell("policies")
    policies = problems.of(lambda: read_policies(plan, log))
    idle = problems.of(lambda: _idle(plan, network, areas, log))
    exclusions = problems.of(lambda: tuple(_exclusions(plan)))
    problems.add(() if areas is None else centre_problems(plan, areas))
    places: dict[str, Places | None] = {}
    if network is not None:
        places = {
            key: problems.of(partial(check_near, frame, network, path, column))
            for key, frame, path, column in (
                ("facilities", facilities, plan.facilities.path, "facility_id"),
                ("demand", demand, plan.population.path, "demand_id"),
            )
            if frame is not None
        }
    problems.raise_any()
    if network is None or facilities is None or areas is None or demand is None:  # raised above, for the type checker
        raise AssertionError
    known = {key: place for key, place in places.items() if place is not None}
    found = Inputs(network, facilities, areas, demand, known, (), log, policies or Policies(), idle, exclusions or ())
    examine(found, plan)
    return replace(found, notes=_notes(found, plan))


def _network(plan: Plan) -> RoadNetwork:
    traveller = profile(plan.reach.profile, speed_mps=plan.reach.speed_mps)
    network = read_network(plan.roads.path, profile=traveller, boundary=plan.roads.boundary, speeds=plan.roads.speeds)
    return network if plan.roads.barriers is None else with_barriers(network, read_layer(plan.roads.barriers))


def _facilities(
    plan: Plan, network: RoadNetwork | None, areas: gpd.GeoDataFrame | None, log: QualityLog
) -> gpd.GeoDataFrame:
    given = plan.facilities
    facilities = read_facilities(given.path, streets=network, areas=areas, log=log, **given.options())
    if given.kinds is None:
        return facilities
    known = sorted(set(facilities["kind"].dropna()))
    unknown = sorted(set(given.kinds) - set(known))
    if unknown:
        raise InputError(problem("unknown_kind", file=given.path, kinds="、".join(unknown), known="、".join(known)))
    kept = facilities[facilities["kind"].isin(given.kinds)].reset_index(drop=True)
    kept.attrs = facilities.attrs
    return kept


def _demand(
    plan: Plan, network: RoadNetwork | None, areas: gpd.GeoDataFrame | None, log: QualityLog
) -> gpd.GeoDataFrame:
    given = plan.population
    shaped = areas if areas is not None and areas.geometry.notna().any() else None
    return read_population(given.path, bands=given.bands, areas=shaped, streets=network, log=log, **given.options())


def _idle(
    plan: Plan, network: RoadNetwork | None, areas: gpd.GeoDataFrame | None, log: QualityLog
) -> gpd.GeoDataFrame | None:
    given = plan.candidates
    if given.path is None or plan.siting.problem is None:
        return None
    return read_candidates(given.path, streets=network, areas=areas, log=log, **given.options())


def _exclusions(plan: Plan) -> Iterator[Exclusion]:
    """Yield land to be kept free, and land with reservations."""
    if plan.siting.problem is None:
        return
    found = [one for path in plan.siting.exclusions for one in read_exclusions(path)]
    known = sorted({one.name for one in found})
    strange = [name for name in plan.siting.cautions if name not in known]
    if strange:
        why = text("candidate.unknown_exclusion", value="、".join(strange), known="、".join(known))
        raise InputError(problem("plan_setting", setting="siting.cautions", why=why))
    yield from (replace(one, hard=one.name not in plan.siting.cautions) for one in found)


def check_near(
    points: gpd.GeoDataFrame, network: RoadNetwork, file: str | Path | None, key: str = "facility_id"
) -> Places:
    """Return the places of points, or raise `InputError` naming those that cannot belong to this network."""
    places = snap(points, network)
    far = places.metres > FAR_METRES
    if far.any():
        lonlat = np.column_stack([points.geometry.x, points.geometry.y])
        raise InputError(
            [
                problem("far_point", file=file, name=name, km=f"{metres / 1000:,.0f}", lon=f"{x:.5f}", lat=f"{y:.5f}")
                for name, metres, (x, y) in zip(
                    points[key][far].head(20), places.metres[far], lonlat[far], strict=False
                )
            ]
        )
    if not places.on_network.any():
        raise InputError(
            problem(
                "all_off_network",
                file=file,
                metres=f"{MAX_SNAP_METRES:,.0f}",
                nearest=f"{np.nanmin(places.metres):,.0f}",
            )
        )
    return places


def examine(found: Inputs, plan: Plan) -> None:
    """Put into the log what was read of the roads, and what is doubtful about places and dates of rows."""
    road_file = plan.roads.path.name
    found.log.add([Finding("read", "streets_read", road_file, count=int(found.network.summary()["edges"]))])
    for table, key, frame in (("facilities", "facility_id", found.facilities), ("demand", "demand_id", found.demand)):
        places = found.places[table]
        far = places.on_network & (places.metres > plan.quality.far_metres)
        metres = [f"{value:,.0f}" for value in places.metres[far]]
        found.log.by_row("far", "far_from_street", table, frame[key][far], metres=metres)
        found.log.by_row("far", "off_network", table, frame[key][~places.on_network], most=f"{MAX_SNAP_METRES:,.0f}")
        _examine_dates(found.log, table, frame, key, plan)
    if found.areas.geometry.isna().all():  # a table of areas says nothing of places
        return
    outside = narrowest_area(found.facilities, found.areas).isna()
    found.log.by_row("outside", "outside_areas", "facilities", found.facilities["facility_id"][outside])


def _examine_dates(log: QualityLog, table: str, frame: gpd.GeoDataFrame, key: str, plan: Plan) -> None:
    """Find rows whose data are older than the plan allows, or that open after the study's day."""
    if plan.as_of is None:
        return
    day = pd.Timestamp(plan.as_of)
    if "data_date" in frame:
        old = day - frame["data_date"] > pd.Timedelta(days=plan.quality.max_age_days)
        dates = frame.loc[old, "data_date"].dt.strftime("%Y-%m-%d")
        log.by_row("outdated", "old_data", table, frame.loc[old, key], date=dates)
    if "opened" in frame:
        later = frame["opened"] > day
        dates = frame.loc[later, "opened"].dt.strftime("%Y-%m-%d")
        log.by_row("doubtful", "opens_later", table, frame.loc[later, key], date=dates)


def _notes(found: Inputs, plan: Plan) -> tuple[str, ...]:
    notes = [*found.network.notes]
    island = island_note(found.network)
    notes += [island] if island else []
    for frame in (found.facilities, found.areas, found.demand, *(() if found.idle is None else (found.idle,))):
        notes += frame.attrs.get("notes", [])
    for key, places in found.places.items():
        notes += snap_notes(key, places)
    notes += people_notes(found.demand)
    if not plan.facilities.count_closed:
        notes += closed_notes(found.facilities)
    return tuple(dict.fromkeys(notes))


def people_notes(demand: gpd.GeoDataFrame) -> list[str]:
    """Return a sentence for each column of people that is known in some places only, and when nobody's age is."""
    unknown = {name: int(demand[name].isna().sum()) for name in PEOPLE if name in demand}
    others = any(unknown.get(name, len(demand)) < len(demand) for name in PEOPLE if name != "people_60")
    ageless = [text("note.no_people_60")] if others and unknown.get("people_60", 0) == len(demand) > 0 else []
    return ageless + [
        text("note.partly_unknown", measure=text(f"fact.measure_{name}"), count=count)
        for name, count in unknown.items()
        if 0 < count < len(demand)
    ]


def closed_notes(facilities: gpd.GeoDataFrame) -> list[str]:
    """Return a sentence on facilities that do not count."""
    count = len(facilities) - len(open_facilities(facilities))
    return [text("note.not_counted", count=count)] if count else []


def snap_notes(key: str, places: Places) -> list[str]:
    """Return sentences on points far from streets, moved off islands, or off the network."""
    what = text(f"note.{key}")
    counts: list[tuple[str, NDArray[np.bool_]]] = [
        ("snapped_far", places.on_network & (places.metres > SNAP_NOTE_METRES)),
        ("moved", places.moved),
        ("off", ~places.on_network),
    ]
    return [text(f"note.{name}", what=what, count=int(rows.sum())) for name, rows in counts if rows.any()]
