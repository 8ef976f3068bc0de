"""The `carecircle` command."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from carecircle import pipeline
from carecircle.arguments import (
    DATUMS,
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
    Speed,
    Speeds,
    ToFrom,
    choice,
    minutes_list,
    pairs,
    refuse_other_than_csv,
    refuse_overwriting,
    speed_table,
)
from carecircle.config import load_plan
from carecircle.console import Session, session
from carecircle.cover import SERVED_SHARE, coverage
from carecircle.datasets import demo_file
from carecircle.edit import with_barriers
from carecircle.errors import UsageError
from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets
from carecircle.language import text
from carecircle.legs import check_limits
from carecircle.model import profile
from carecircle.network import RoadNetwork, island_note, read_network
from carecircle.outputs import LAYER_DRIVERS, whole_file, write_layer
from carecircle.raster import minutes_raster, write_minutes_raster
from carecircle.reach import nearest, point_names, travel_times
from carecircle.report import facts
from carecircle.report.workbook import write_csv
from carecircle.sources import (
    inspect_file,
    open_facilities,
    read_areas,
    read_facilities,
    read_layer,
    read_points,
    read_population,
)
from carecircle.sources.live import fetch_roads

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fifteen-minute elderly-care circles along real roads 一刻钟养老服务圈",
)


@app.command("run")
def run_plan(
    plan: Annotated[Path, typer.Argument(help="The plan file (TOML).")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; default: what the plan says.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Carry out a whole plan and write the results folder.

    Example: [bold]carecircle run plan.toml --out results[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        _run(told, plan, out)


@app.command("demo")
def run_demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("results/demo"),
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Run the built-in, made-up demo city.

    Example: [bold]carecircle demo --out results/demo[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        _run(told, demo_file("plan"), out)


def _run(told: Session, plan_file: Path, out: Path | None) -> None:
    started = time.perf_counter()
    plan = load_plan(plan_file)
    folder = out if out is not None else plan.output.folder
    with told.progress(len(pipeline.STAGES)) as progress:
        study = pipeline.run(plan, out=folder, progress=progress)
    told.note(list(study.notes))
    covered, total = facts.headline(study)
    limit = max(study.minutes)
    told.say(
        text(
            "cli.headline",
            title=study.title,
            minutes=f"{limit:g}",
            share=facts.percent(covered, total),
            covered=facts.count(covered),
            total=facts.count(total),
            measure=facts.label("fact.measure_", facts.headline_measure(study)),
        )
    )
    told.say(text("cli.profile", profile=study.profile.name, speed=f"{study.profile.speed_mps:.2f}"))
    told.say(text("cli.folder", folder=folder.resolve()))
    told.say(text("cli.map", path=(folder / "map.html").resolve()))
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    told.done(
        {
            "folder": str(folder),
            "map": str(folder / "map.html"),
            "files": files,
            "title": study.title,
            "minutes": list(study.minutes),
            "profile": study.profile.name,
            "speed_mps": study.profile.speed_mps,
            "facilities": len(study.facilities),
            "areas": len(study.areas),
            "demand_points": len(study.demand),
            "headline": pipeline.headline(study),
            "notes": list(study.notes),
            "seconds": round(time.perf_counter() - started, 3),
        }
    )


@app.command("times")
def times_command(
    roads: Roads,
    facilities: FacilityFile,
    points: Annotated[Path, typer.Option("--points", help="Points: table with point_id, lon, lat, or a point layer.")],
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
    datum: Datum = "wgs84",
    points_datum: Annotated[str, typer.Option("--points-datum", help="Datum of the points' coordinates.")] = "wgs84",
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
        refuse_overwriting(out, roads, facilities, points, boundary, speeds)
        refuse_other_than_csv(out)
        if minutes is not None:
            check_limits(minutes)
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, datum, network, closed)
        at = read_points(points, datum=choice("--points-datum", points_datum, DATUMS))
        told.note(pipeline.snap_notes("demand", pipeline.check_near(at, network, points, key="point_id")))
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


@app.command("isochrones")
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
    datum: Datum = "wgs84",
    closed: Closed = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Areas (or streets) from which each facility is reached within each limit.

    Example: [bold]carecircle isochrones --roads roads.osm.pbf --facilities homes.csv --out iso.gpkg --union[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
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
        to = _facilities(told, facilities, datum, network, closed)
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


@app.command("coverage")
def coverage_command(
    roads: Roads,
    facilities: FacilityFile,
    areas: Annotated[list[Path], typer.Option("--areas", help="Polygon layer of areas; repeat for more levels.")],
    population: Annotated[Path, typer.Option("--population", help="People: points, polygons, table, or GeoTIFF.")],
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
    datum: Datum = "wgs84",
    population_datum: Annotated[
        str, typer.Option("--population-datum", help="Datum of the people's coordinates.")
    ] = "wgs84",
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
        refuse_overwriting(out, roads, facilities, population, *areas, boundary, speeds)
        refuse_other_than_csv(out)
        limits = minutes_list(minutes)
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, datum, network, closed)
        places = read_areas(areas, level=level)
        people = read_population(
            population,
            areas=places if places.geometry.notna().any() else None,
            datum=choice("--population-datum", population_datum, DATUMS),
            columns=pairs(people_columns or []),
        )
        told.note(
            [
                *people.attrs.get("notes", []),
                *pipeline.snap_notes("demand", pipeline.check_near(people, network, population, key="demand_id")),
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


@app.command("fetch")
def fetch_command(
    out: Annotated[Path, typer.Option("--out", help="File to write: .osm.pbf, .osm or .graphml.")],
    place: Annotated[
        str | None, typer.Option("--place", help="Name of a place, as OpenStreetMap's Nominatim knows it.")
    ] = None,
    boundary: Annotated[Path | None, typer.Option("--boundary", help="Polygon layer instead of a name.")] = None,
    overpass_url: Annotated[str | None, typer.Option("--overpass-url", help="Another Overpass server.")] = None,
    nominatim_url: Annotated[str | None, typer.Option("--nominatim-url", help="Another Nominatim server.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Fetch the roads of a place from OpenStreetMap (needs a network; everything else works without).

    Example: [bold]carecircle fetch --place "红塔区, 玉溪市" --out roads.osm.pbf[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        if (place is None) == (boundary is None):
            raise UsageError(text("usage.place_or_boundary"))
        result = fetch_roads(
            place=place,
            boundary=boundary,
            out=out,
            overpass_url=overpass_url,
            nominatim_url=nominatim_url,
            quiet=quiet or as_json,
        )
        told.note(list(result.notes))
        told.say(text("cli.fetch", ways=result.ways, nodes=result.nodes, path=result.path))
        told.done(
            {
                "out": str(result.path),
                "ways": result.ways,
                "nodes": result.nodes,
                "from_cache": result.from_cache,
                "seconds": round(result.seconds, 3),
                "notes": list(result.notes),
            }
        )


@app.command("inspect")
def inspect_command(
    files: Annotated[list[Path], typer.Argument(help="Files to look into.")],
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Say what a file is: kind, reference system, columns, counts, problems.

    Example: [bold]carecircle inspect facilities.xlsx roads.osm.pbf[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        found = [inspect_file(path) for path in files]
        for item in found:
            told.say(str(item))
        plain = [item.as_dict() for item in found]
        told.done(plain[0] if len(plain) == 1 else {"files": plain})
        if any(item.kind == "unknown" for item in found):
            raise typer.Exit(1)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    typer.echo(version("carecircle"))


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
    told.say(text("cli.profile", profile=traveller.name, speed=f"{traveller.speed_mps:.2f}"))
    return network


def _facilities(told: Session, path: Path, datum: str, network: RoadNetwork, closed: bool) -> gpd.GeoDataFrame:
    found = read_facilities(path, datum=choice("--datum", datum, DATUMS))
    told.note(
        [*found.attrs.get("notes", []), *pipeline.snap_notes("facilities", pipeline.check_near(found, network, path))]
    )
    if closed:
        return found
    told.note(pipeline.closed_notes(found))
    return open_facilities(found).reset_index(drop=True)


def _nearest_table(
    at: gpd.GeoDataFrame, to: gpd.GeoDataFrame, network: RoadNetwork, minutes: float | None, way: Any
) -> pd.DataFrame:
    table = nearest(at, to, network, minutes=minutes, direction=way).reset_index(drop=True)
    table.insert(0, "point_id", point_names(at).to_numpy())
    return table


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may not know every character
    app()
