"""Commands for one table or layer each: times, isochrones, coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from carecircle.arguments import (
    GRIDS,
    Boundary,
    Closed,
    Datum,
    FacilityFile,
    Json,
    Lang,
    ModeName,
    ProfileName,
    Quiet,
    Roads,
    Settings,
    Speed,
    Speeds,
    ToFrom,
    choice,
    minutes_list,
    pairs,
    reading_of,
    refuse_other_than_csv,
    refuse_overwriting,
    speed_table,
)
from carecircle.config import as_source
from carecircle.console import Session, profile_words, session
from carecircle.cover import SERVED_SHARE, coverage
from carecircle.edit import with_barriers
from carecircle.errors import UsageError
from carecircle.intake import check_near, closed_notes, snap_notes
from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets
from carecircle.language import text
from carecircle.legs import check_limits
from carecircle.model import profile
from carecircle.network import RoadNetwork, island_note, read_network
from carecircle.outputs import LAYER_DRIVERS, whole_file, write_layer
from carecircle.raster import minutes_raster, write_minutes_raster
from carecircle.reach import nearest, point_names, travel_times
from carecircle.report.workbook import write_csv
from carecircle.sources import open_facilities, read_areas, read_facilities, read_layer, read_points, read_population


def times_command(
    roads: Roads,
    facilities: FacilityFile,
    points: Annotated[
        Any,
        typer.Option(
            "--points",
            parser=as_source,
            metavar="FILE",
            help="Points: table with point_id, lon, lat, or a point layer.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Limit, inclusive; default 30, with --nearest none.")
    ] = None,
    nearest_only: Annotated[bool, typer.Option("--nearest", help="Only the nearest facility of each point.")] = False,
    profile_name: ProfileName = None,
    mode: ModeName = None,
    speed: Speed = None,
    speeds: Speeds = None,
    boundary: Boundary = None,
    direction: ToFrom = "to",
    datum: Datum = None,
    points_datum: Annotated[
        str | None, typer.Option("--points-datum", help="Datum of the points' coordinates.")
    ] = None,
    settings: Settings = None,
    closed: Closed = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Travel times from points to facilities within a limit.

    Columns: point_id, facility_id, minutes, metres, snap_metres. A point that reaches nothing keeps its row, empty.

    Example: [bold]carecircle times --roads roads.osm.pbf --facilities homes.csv --points people.csv --out
    times.csv[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        how = reading_of(settings, known=("facilities", "points"), facilities_datum=datum, points_datum=points_datum)
        refuse_overwriting(out, roads, facilities, points, boundary, speeds)
        refuse_other_than_csv(out)
        if minutes is not None:
            check_limits(minutes)
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, how["facilities"], network, closed)
        at = read_points(points, streets=network, **how["points"])
        told.note(snap_notes("demand", check_near(at, network, points, key="point_id")))
        way = choice("--direction", direction, ("to", "from"))
        limit = 30.0 if minutes is None and not nearest_only else minutes
        table = (
            _nearest_table(at, to, network, limit, way)
            if limit is None or nearest_only
            else travel_times(at, to, network, minutes=limit, direction=way)
        )
        with whole_file(out) as draft:
            write_csv(table.round({"minutes": 6, "metres": 3, "snap_metres": 3}), draft)
        reached = int(table.loc[table["minutes"].notna(), "point_id"].nunique())
        told.say(
            text(
                "cli.times",
                rows=len(table),
                reached=reached,
                points=len(at),
                minutes="∞" if limit is None else f"{limit:g}",
                path=out,
            )
        )
        told.done(
            {
                "out": str(out),
                "rows": len(table),
                "points": len(at),
                "points_reached": reached,
                "facilities": len(to),
                "minutes": limit,
                **network.summary(),
            }
        )


def isochrones_command(
    roads: Roads,
    facilities: FacilityFile,
    out: Annotated[
        Path, typer.Option("--out", help="Layer to write: .gpkg, .geojson, .shp, .fgb, .parquet, or .tif (minutes).")
    ],
    minutes: Annotated[str, typer.Option("--minutes", help="Limits, separated by commas.")] = "5,10,15",
    union: Annotated[bool, typer.Option("--union", help="Add the service area of all facilities together.")] = False,
    edges: Annotated[bool, typer.Option("--edges", help="The reached pieces of street instead of polygons.")] = False,
    overlap: Annotated[
        str, typer.Option("--overlap", help="overlap, split (by nearest facility) or merge.")
    ] = "overlap",
    rings: Annotated[bool, typer.Option("--rings", help="Rings from limit to limit instead of discs.")] = False,
    reach_metres: Annotated[float, typer.Option("--reach-metres", help="Reach off the street.")] = 25.0,
    min_hole: Annotated[
        float, typer.Option("--min-hole", help="Fill holes smaller than this, m2; 0 keeps all.")
    ] = 2500.0,
    no_holes: Annotated[bool, typer.Option("--no-holes", help="Fill all holes.")] = False,
    barriers: Annotated[
        Path | None, typer.Option("--barriers", help="Points, lines or polygons that close streets.")
    ] = None,
    profile_name: ProfileName = None,
    mode: ModeName = None,
    speed: Speed = None,
    speeds: Speeds = None,
    boundary: Boundary = None,
    direction: ToFrom = "to",
    datum: Datum = None,
    settings: Settings = None,
    closed: Closed = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Areas (or streets) from which each facility is reached within each limit.

    Example: [bold]carecircle isochrones --roads roads.osm.pbf --facilities homes.csv --out iso.gpkg --union[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        how = reading_of(settings, known=("facilities",), facilities_datum=datum)
        refuse_overwriting(out, roads, facilities, boundary, speeds, barriers)
        limits = minutes_list(minutes)
        way = choice("--direction", direction, ("to", "from"))
        if out.suffix.lower() not in {*LAYER_DRIVERS, ".parquet", *GRIDS}:
            known = " ".join((*LAYER_DRIVERS, ".parquet", *GRIDS))
            raise UsageError(text("output.unknown_layer", path=out.name, known=known))
        if out.suffix.lower() in GRIDS and (edges or union or rings or overlap != "overlap"):
            raise UsageError(text("usage.raster_options"))
        options = IsochroneOptions(
            reach_metres=reach_metres,
            min_hole_m2=float("inf") if no_holes else min_hole,
            overlap=choice("--overlap", overlap, ("overlap", "split", "merge")),
            rings=rings,
            direction=way,
        )
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, how["facilities"], network, closed)
        if barriers is not None:
            network = with_barriers(network, read_layer(barriers))
        if out.suffix.lower() in GRIDS:
            with whole_file(out) as draft:
                write_minutes_raster(
                    minutes_raster(to, network, minutes=max(limits), reach_metres=reach_metres, direction=way), draft
                )
            rows = 1
        else:
            frame = (
                reached_streets(to, network, minutes=limits, options=options)
                if edges
                else isochrones(to, network, minutes=limits, union=union, options=options)
            )
            write_layer(frame, out)
            rows = len(frame)
        told.say(text("cli.isochrones", rows=rows, facilities=len(to), path=out))
        told.done(
            {
                "out": str(out),
                "rows": rows,
                "facilities": len(to),
                "minutes": limits,
                "reach_metres": reach_metres,
                **network.summary(),
            }
        )


def coverage_command(
    roads: Roads,
    facilities: FacilityFile,
    areas: Annotated[
        list[Any],
        typer.Option(
            "--areas", parser=as_source, metavar="FILE", help="Polygon layer of areas; repeat for more levels."
        ),
    ],
    population: Annotated[
        Any,
        typer.Option(
            "--population", parser=as_source, metavar="FILE", help="People: points, polygons, table, or GeoTIFF."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    minutes: Annotated[str, typer.Option("--minutes", help="Limits, separated by commas.")] = "15",
    level: Annotated[str | None, typer.Option("--level", help="Level of the areas when no column says it.")] = None,
    served_share: Annotated[
        float, typer.Option("--served-share", help="Share of a unit's people that makes it served.")
    ] = SERVED_SHARE,
    profile_name: ProfileName = None,
    mode: ModeName = None,
    speed: Speed = None,
    speeds: Speeds = None,
    boundary: Boundary = None,
    datum: Datum = None,
    population_datum: Annotated[
        str | None, typer.Option("--population-datum", help="Datum of the people's coordinates.")
    ] = None,
    settings: Settings = None,
    people_columns: Annotated[
        list[str] | None,
        typer.Option("--people-column", help="Header of a people column: people_60=老人数; repeat for more."),
    ] = None,
    closed: Closed = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Additive coverage tallies for each area: units with a facility, units served, people and points within reach.

    Example: [bold]carecircle coverage --roads roads.osm.pbf --facilities homes.csv --areas towns.shp --population
    people.tif
    --minutes 15 --out cover.csv[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        how = reading_of(
            settings,
            known=("facilities", "population", "areas"),
            facilities_datum=datum,
            population_datum=population_datum,
        )
        refuse_overwriting(out, roads, facilities, population, *areas, boundary, speeds)
        refuse_other_than_csv(out)
        limits = minutes_list(minutes)
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, how["facilities"], network, closed)
        places = read_areas(areas, level=level, **how["areas"])
        people_how = how["population"]
        people = read_population(
            population,
            areas=places if places.geometry.notna().any() else None,
            streets=network,
            **{**people_how, "columns": {**people_how.get("columns", {}), **pairs(people_columns or [])}},
        )
        told.note(
            [
                *people.attrs.get("notes", []),
                *snap_notes("demand", check_near(people, network, population, key="demand_id")),
            ]
        )
        table = coverage(people, to, places, network, minutes=limits, served_share=served_share)
        with whole_file(out) as draft:
            write_csv(table, draft)
        told.say(text("cli.coverage", rows=len(table), areas=len(places), path=out))
        told.done(
            {
                "out": str(out),
                "rows": len(table),
                "areas": len(places),
                "demand_points": len(people),
                "facilities": len(to),
                "minutes": limits,
                **network.summary(),
            }
        )


def _network(
    told: Session,
    roads: Path,
    profile_name: str | None,
    mode: str | None,
    speed: float | None,
    speeds: Path | None,
    boundary: Path | None,
) -> RoadNetwork:
    traveller = profile(profile_name or mode or "elder", speed_mps=speed)
    if mode is not None and traveller.mode != mode:
        raise UsageError(text("usage.mode_and_profile", mode=mode, profile=profile_name))
    with told.progress(1) as progress:
        progress("roads", 0, 1)
        network = read_network(roads, profile=traveller, speeds=speed_table(speeds), boundary=boundary)
    island = island_note(network)
    told.note([*network.notes, *([island] if island else [])])
    told.say(profile_words(traveller))
    return network


def _facilities(
    told: Session, path: Path | str, how: dict[str, Any], network: RoadNetwork, closed: bool
) -> gpd.GeoDataFrame:
    found = read_facilities(path, streets=network, **how)
    told.note([*found.attrs.get("notes", []), *snap_notes("facilities", check_near(found, network, path))])
    if closed:
        return found
    told.note(closed_notes(found))
    return open_facilities(found).reset_index(drop=True)


def _nearest_table(
    at: gpd.GeoDataFrame, to: gpd.GeoDataFrame, network: RoadNetwork, minutes: float | None, way: Any
) -> pd.DataFrame:
    table = nearest(at, to, network, minutes=minutes, direction=way).reset_index(drop=True)
    table.insert(0, "point_id", point_names(at).to_numpy())
    return table
