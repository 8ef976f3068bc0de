"""The `carecircle` command."""

from __future__ import annotations

import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from carecircle import pipeline
from carecircle.config import load_plan
from carecircle.console import Session, session
from carecircle.cover import SERVED_SHARE, coverage
from carecircle.datasets import demo_file
from carecircle.errors import UsageError
from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets
from carecircle.language import text
from carecircle.model import profile
from carecircle.network import RoadNetwork, island_note, read_network
from carecircle.outputs import whole_file, write_layer
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

Roads = Annotated[Path, typer.Option("--roads", help="Roads: .osm.pbf, .osm, .osm.gz, GraphML, or a line layer.")]
FacilityFile = Annotated[
    Path, typer.Option("--facilities", help="Facilities: table with lon/lat, point layer, or OSM file.")
]
Datum = Annotated[str, typer.Option("--datum", help="Datum of facility coordinates: wgs84, gcj02 or bd09.")]
ProfileName = Annotated[
    str,
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
    told.say(text("cli.profile", profile=study.profile.name, speed=f"{study.profile.speed_mps:g}"))
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
    minutes: Annotated[float, typer.Option("--minutes", help="Limit, inclusive.")] = 30,
    nearest_only: Annotated[bool, typer.Option("--nearest", help="Only the nearest facility of each point.")] = False,
    profile_name: ProfileName = "elder",
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
    """Travel times from points to facilities within a limit.

    Columns: point_id, facility_id, minutes, metres, snap_metres. A point that reaches nothing keeps its row, empty.

    Example: [bold]carecircle times --roads roads.osm.pbf --facilities homes.csv --points people.csv --out
    times.csv[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, datum, network, closed)
        at = read_points(points)
        told.note(pipeline.snap_notes("demand", pipeline.check_near(at, network, points, key="point_id")))
        way = _choice("--direction", direction, ("to", "from"))
        table = (
            _nearest_table(at, to, network, minutes, way)
            if nearest_only
            else travel_times(at, to, network, minutes=minutes, direction=way)
        )
        with whole_file(out) as draft:
            _csv(table.round({"minutes": 6, "metres": 3, "snap_metres": 3}), draft)
        reached = int(table.loc[table["minutes"].notna(), "point_id"].nunique())
        told.say(text("cli.times", rows=len(table), reached=reached, points=len(at), minutes=f"{minutes:g}", path=out))
        told.done(
            {
                "out": str(out),
                "rows": len(table),
                "points": len(at),
                "points_reached": reached,
                "facilities": len(to),
                "minutes": minutes,
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
    profile_name: ProfileName = "elder",
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
        limits = _minutes(minutes)
        way = _choice("--direction", direction, ("to", "from"))
        options = IsochroneOptions(
            reach_metres=reach_metres,
            min_hole_m2=float("inf") if no_holes else min_hole,
            overlap=_choice("--overlap", overlap, ("overlap", "split", "merge")),
            rings=rings,
            direction=way,
        )
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, datum, network, closed)
        closing = None if barriers is None else read_layer(barriers)
        if out.suffix.lower() in {".tif", ".tiff"}:
            with whole_file(out) as draft:
                write_minutes_raster(
                    minutes_raster(to, network, minutes=max(limits), reach_metres=reach_metres, direction=way), draft
                )
            rows = 1
        else:
            frame = (
                reached_streets(to, network, minutes=limits, barriers=closing, options=options)
                if edges
                else isochrones(to, network, minutes=limits, union=union, barriers=closing, options=options)
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
    profile_name: ProfileName = "elder",
    mode: ModeName = None,
    speed: Speed = None,
    speeds: Speeds = None,
    boundary: Boundary = None,
    datum: Datum = "wgs84",
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
        limits = _minutes(minutes)
        network = _network(told, roads, profile_name, mode, speed, speeds, boundary)
        to = _facilities(told, facilities, datum, network, closed)
        places = read_areas(areas, level=level)
        people = read_population(population, areas=places if places.geometry.notna().any() else None)
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
    profile_name: str,
    mode: str | None,
    speed: float | None,
    speeds: Path | None,
    boundary: Path | None,
) -> RoadNetwork:
    traveller = profile(mode or profile_name, speed_mps=speed)
    with told.progress(1) as progress:
        progress("roads", 0, 1)
        network = read_network(roads, profile=traveller, speeds=_speed_table(speeds), boundary=boundary)
    island = island_note(network)
    told.note([*network.notes, *([island] if island else [])])
    told.say(text("cli.profile", profile=traveller.name, speed=f"{traveller.speed_mps:g}"))
    return network


def _speed_table(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(text("usage.speeds_file", path=path, why=str(error))) from error


def _facilities(told: Session, path: Path, datum: str, network: RoadNetwork, closed: bool) -> gpd.GeoDataFrame:
    found = read_facilities(path, datum=_choice("--datum", datum, ("wgs84", "gcj02", "bd09")))
    told.note(
        [*found.attrs.get("notes", []), *pipeline.snap_notes("facilities", pipeline.check_near(found, network, path))]
    )
    return found if closed else open_facilities(found).reset_index(drop=True)


def _choice(option: str, value: str, known: tuple[str, ...]) -> Any:
    """Return the value when it is one of those known, else raise `UsageError` that lists them."""
    if value not in known:
        raise UsageError(text("usage.choice", option=option, value=value, known=", ".join(known)))
    return value


def _minutes(value: str) -> list[float]:
    try:
        return sorted({float(part) for part in value.replace("，", ",").split(",")})
    except ValueError as error:
        raise UsageError(text("usage.list_of_minutes", value=value)) from error


def _nearest_table(
    at: gpd.GeoDataFrame, to: gpd.GeoDataFrame, network: RoadNetwork, minutes: float, way: Any
) -> pd.DataFrame:
    table = nearest(at, to, network, minutes=minutes, direction=way).reset_index(drop=True)
    table.insert(0, "point_id", point_names(at).to_numpy())
    return table


def _csv(table: pd.DataFrame, path: Path) -> None:
    write_csv(table, path)


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may not know every character
    app()
