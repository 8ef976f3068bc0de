"""The main job, in order: facilities, roads, areas and people -> travel times -> isochrones -> coverage -> results."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.config import Plan, load_plan
from carecircle.cover import coverage
from carecircle.edit import with_barriers
from carecircle.errors import InputError, problem
from carecircle.isochrones import IsochroneOptions, isochrones
from carecircle.language import current_language, text
from carecircle.model import Profile, Study, profile
from carecircle.network import RoadNetwork, island_note, read_network
from carecircle.outputs import whole_folder, write_json, write_layers
from carecircle.reach import nearest
from carecircle.report.map import map_html
from carecircle.report.workbook import write_csv, write_workbook
from carecircle.schema import LEVELS, PEOPLE
from carecircle.snap import MAX_SNAP_METRES, Places, snap
from carecircle.sources import open_facilities, read_areas, read_facilities, read_layer, read_population
from carecircle.sources.store import file_hash

FAR_METRES = 50_000.0
"""A facility this far from every road belongs to another place or another datum: the run stops and says so."""

PACKAGES = (
    "numpy",
    "pandas",
    "geopandas",
    "shapely",
    "pyproj",
    "scipy",
    "osmium",
    "osmnx",
    "networkx",
    "folium",
    "pyogrio",
    "rasterio",
    "contourpy",
)
"""Packages whose versions are part of a result's provenance."""

Progress = Callable[[str, int, int], None]
"""Told the name of each stage, its number, and how many there are."""

STAGES = ("roads", "facilities", "areas", "people", "times", "isochrones", "coverage", "write")


def run(plan: Plan | str | Path, *, out: str | Path | None = None, progress: Progress | None = None) -> Study:
    """Carry out a plan and write its results.

    Parameters
    ----------
    plan
        A plan or the path of a plan file.
    out
        Folder of the results; default: what the plan says.
    progress
        Called before each stage.

    Returns
    -------
    Study
        What was found, and what was written.

    Raises
    ------
    InputError
        Something is wrong with the plan or a file it names; nothing is written.
    """
    settings = plan if isinstance(plan, Plan) else load_plan(plan)
    tell = _teller(progress)
    study = make_study(settings, progress=tell)
    tell("write", STAGES.index("write"), len(STAGES))
    write_results(study, settings, Path(out) if out is not None else settings.output.folder)
    return study


def make_study(plan: Plan, *, progress: Progress | None = None) -> Study:
    """Do everything but the writing."""
    tell = _teller(progress)
    tell("roads", 0, len(STAGES))
    network = _network(plan)
    tell("facilities", 1, len(STAGES))
    facilities = _facilities(plan)
    tell("areas", 2, len(STAGES))
    areas = read_areas(plan.areas.path, level=plan.areas.level)
    tell("people", 3, len(STAGES))
    demand = read_population(
        plan.population.path,
        bands=plan.population.bands,
        columns=plan.population.columns,
        datum=plan.population.datum,
        areas=areas if areas.geometry.notna().any() else None,
    )
    counted = facilities if plan.facilities.count_closed else open_facilities(facilities)
    check_near(facilities, network, plan.facilities.path)
    check_near(demand, network, plan.population.path, key="demand_id")
    tell("times", 4, len(STAGES))
    minutes = tuple(sorted(set(plan.reach.minutes)))
    demand = beside(demand, nearest(demand, counted, network))
    tell("isochrones", 5, len(STAGES))
    options = IsochroneOptions(reach_metres=plan.isochrones.reach_metres, min_hole_m2=plan.isochrones.min_hole_m2)
    rings = isochrones(counted, network, minutes=minutes, union=True, options=options)
    tell("coverage", 6, len(STAGES))
    cover = coverage(demand, counted, areas, network, minutes=minutes, served_share=plan.reach.served_share)
    notes = _notes(plan, network, facilities, areas, demand)
    return Study(
        plan.title,
        plan.as_of,
        plan.fictional,
        network.profile,
        minutes,
        facilities,
        areas,
        demand,
        rings,
        cover,
        _streets(network),
        notes,
        _provenance(plan, network, notes),
    )


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


def _teller(progress: Progress | None) -> Progress:
    return progress or (lambda _stage, _number, _of: None)


def _network(plan: Plan) -> RoadNetwork:
    traveller = profile(plan.reach.profile, speed_mps=plan.reach.speed_mps)
    network = read_network(plan.roads.path, profile=traveller, boundary=plan.roads.boundary, speeds=plan.roads.speeds)
    return network if plan.roads.barriers is None else with_barriers(network, read_layer(plan.roads.barriers))


def _facilities(plan: Plan) -> gpd.GeoDataFrame:
    given = plan.facilities
    facilities = read_facilities(given.path, datum=given.datum, sheet=given.sheet, layer=given.layer)
    if given.kinds is None:
        return facilities
    known = sorted(set(facilities["kind"].dropna()))
    unknown = sorted(set(given.kinds) - set(known))
    if unknown:
        raise InputError(problem("unknown_kind", file=given.path, kinds="、".join(unknown), known="、".join(known)))
    kept = facilities[facilities["kind"].isin(given.kinds)].reset_index(drop=True)
    kept.attrs = facilities.attrs
    return kept


def _streets(network: RoadNetwork) -> gpd.GeoDataFrame:
    return network.to_frame()[["highway", "geometry"]].to_crs("EPSG:4326")


def _notes(
    plan: Plan, network: RoadNetwork, facilities: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, demand: gpd.GeoDataFrame
) -> tuple[str, ...]:
    found = [*network.notes]
    island = island_note(network)
    found += [island] if island else []
    for frame in (facilities, areas, demand):
        found += frame.attrs.get("notes", [])
    for key, frame in (("facilities", facilities), ("demand", demand)):
        found += snap_notes(key, snap(frame, network))
    found += people_notes(demand)
    if not plan.facilities.count_closed:
        found += closed_notes(facilities)
    return tuple(dict.fromkeys(found))


def people_notes(demand: gpd.GeoDataFrame) -> list[str]:
    """Return a sentence for each column of people that is known in some places only."""
    unknown = {name: int(demand[name].isna().sum()) for name in PEOPLE if name in demand}
    return [
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
        ("snapped_far", places.on_network & (places.metres > 100)),
        ("moved", places.moved),
        ("off", ~places.on_network),
    ]
    return [text(f"note.{name}", what=what, count=int(rows.sum())) for name, rows in counts if rows.any()]


def _provenance(plan: Plan, network: RoadNetwork, notes: tuple[str, ...]) -> dict[str, Any]:
    files = [plan.roads.path, plan.facilities.path, *plan.areas.path, plan.population.path]
    files += [path for path in (plan.roads.boundary, plan.roads.barriers) if path is not None]
    return {
        "carecircle": version("carecircle"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "as_of": plan.as_of,
        "fictional": plan.fictional,
        "files": _files(files),
        "parameters": _parameters(plan, network.profile),
        "network": network.summary(),
        "elevation": None,
        "notes": list(notes),
    }


def _files(paths: list[Path]) -> dict[str, Any]:
    """Return hash and size of each file, by its name; of files with one name, by folder and name."""
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}": {
            "sha256": file_hash(path),
            "bytes": path.stat().st_size,
        }
        for path in paths
    }


def _parameters(plan: Plan, traveller: Profile) -> dict[str, Any]:
    """Return the plan's settings with bare file names, so that results do not depend on where they were made."""
    given = plan.model_dump(mode="json", exclude={"output": {"folder"}})
    for section, names in {
        "roads": ("path", "boundary", "barriers"),
        "facilities": ("path",),
        "population": ("path",),
    }.items():
        given[section].update({name: Path(given[section][name]).name for name in names if given[section][name]})
    given["areas"]["path"] = [Path(path).name for path in given["areas"]["path"]]
    given["reach"]["speed_mps"] = traveller.speed_mps
    given["reach"]["access_mps"] = traveller.access_mps
    return given


def write_results(study: Study, plan: Plan, folder: Path) -> None:
    """Write all results of a study; they appear together or not at all."""
    tiles = None if plan.output.tiles == "none" else plan.output.tiles
    page = map_html(
        study,
        language=current_language(),
        tiles=tiles,
        note=plan.output.note,
        tianditu_key=os.environ.get("CARECIRCLE_TIANDITU_KEY"),
    )
    with whole_folder(folder) as draft:
        (draft / "map.html").write_text(page, encoding="utf-8")
        write_workbook(study, draft / "coverage.xlsx", current_language())
        write_csv(study.cover, draft / "coverage.csv")
        write_layers({"isochrones": study.isochrones}, draft / "isochrones.gpkg", as_of=study.as_of)
        layers = {"facilities": study.facilities, "areas": wide_areas(study), "demand": study.demand}
        write_layers(layers, draft / "results.gpkg", as_of=study.as_of)
        if plan.output.parquet:
            for name, frame in {**layers, "isochrones": study.isochrones}.items():
                write_layers({name: frame}, draft / f"{name}.parquet")
        write_json({"title": study.title, **study.provenance, "headline": headline(study)}, draft / "study.json")
    if not plan.output.parquet:  # none of an earlier run may stand beside the new results
        for name in (*layers, "isochrones"):
            (folder / f"{name}.parquet").unlink(missing_ok=True)


def beside(frame: gpd.GeoDataFrame, results: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return a table with results on its right; the user's own columns of such names get ``given_`` before them."""
    taken = {name: f"given_{name}" for name in results.columns if name in frame.columns}
    joined = frame.rename(columns=taken).join(results)
    joined.attrs = frame.attrs
    return joined


def wide_areas(study: Study) -> gpd.GeoDataFrame:
    """Return the areas with their people and points, in all and within each limit, as columns for a GIS."""
    any_kind = study.cover[
        (study.cover["kind"] == "all") & (study.cover["unit"] == "") & (study.cover["measure"] != "facilities")
    ]
    covered = any_kind.assign(column=any_kind["measure"] + "_" + any_kind["minutes"].map("{:g}min".format))
    wide = covered.pivot(index="area_id", columns="column", values="covered")
    total = any_kind.drop_duplicates(["area_id", "measure"]).pivot(index="area_id", columns="measure", values="total")
    return beside(study.areas, total.join(wide).reindex(study.areas["area_id"]).set_index(study.areas.index))


def headline(study: Study) -> list[dict[str, Any]]:
    """Return the main numbers of a study, as (covered, total) for every limit."""
    level = next(level for level in LEVELS if (study.areas["level"] == level).any())
    rows = study.cover[(study.cover["level"] == level) & (study.cover["kind"] == "all")]
    rows = rows[rows["measure"].str.startswith("people") | rows["measure"].isin(["points", "presence", "served"])]
    sums = rows.groupby(["measure", "unit", "minutes"], dropna=False, sort=False)[["covered", "total"]].sum(min_count=1)
    return [dict(zip(map(str, row), row.values(), strict=True)) for row in sums.reset_index().to_dict("records")]
