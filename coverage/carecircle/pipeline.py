"""The main job, in order.

Roads, areas, facilities, people, policies -> travel times -> isochrones -> coverage -> verdicts and gaps -> results.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd

from carecircle.config import Plan, load_plan
from carecircle.cover import coverage
from carecircle.findings import QualityLog
from carecircle.folders import claimed
from carecircle.intake import read_inputs
from carecircle.isochrones import IsochroneOptions, isochrones
from carecircle.judging import judge_study
from carecircle.language import text
from carecircle.model import Profile, Study
from carecircle.network import RoadNetwork
from carecircle.reach import nearest
from carecircle.sources import open_facilities
from carecircle.sources.layers.databases import without_password
from carecircle.sources.roads.store import file_hash
from carecircle.stages import Stages
from carecircle.writing import RESULTS, SIGN, beside, write_results

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

STAGES = ("roads", "areas", "facilities", "people", "policies", "times", "isochrones", "coverage", "judge", "write")


def run(
    plan: Plan | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    resume: bool | Stages = True,
) -> Study:
    """Carry out a plan and write its results: all of them, or none.

    Stages that an earlier run with the same inputs has finished are taken from the store (`carecircle.stages`), also
    when that run was killed.

    Parameters
    ----------
    plan
        A plan or the path of a plan file.
    out
        Folder of the results; default: what the plan says.
    progress
        Called before each stage.
    resume
        False computes every stage anew. A `Stages` is used as it is, and tells afterwards what was ``resumed``.

    Returns
    -------
    Study
        What was found, and what was written.

    Raises
    ------
    InputError
        Something is wrong with the plan or a file it names; nothing is written.
    OutputError
        The folder cannot be written, or another run is writing to it; earlier results stay as they were.
    """
    settings = plan if isinstance(plan, Plan) else load_plan(plan)
    folder = Path(out) if out is not None else settings.output.folder
    stages = resume if isinstance(resume, Stages) else Stages(on=resume)
    tell = _teller(progress)
    with claimed(folder, RESULTS, SIGN):
        study = make_study(settings, progress=tell, stages=stages)
        tell("write", STAGES.index("write"), len(STAGES))
        write_results(study, settings, folder)
    stages.end()
    return study


def make_study(plan: Plan, *, progress: Progress | None = None, stages: Stages | None = None) -> Study:
    """Do everything but the writing; finished stages are taken from the store only when `stages` are given."""
    tell, stages = _teller(progress), stages or Stages(on=False)
    log = QualityLog()
    found = read_inputs(plan, log, lambda stage: tell(stage, STAGES.index(stage), len(STAGES)))
    notes = (*found.notes, *((text("note.key_in_map"),) if plan.output.tiles == "tianditu" else ()))
    network, facilities, areas, demand = found.network, found.facilities, found.areas, found.demand
    counted = facilities if plan.facilities.count_closed else open_facilities(facilities)
    tell("times", 5, len(STAGES))
    minutes = tuple(sorted(set(plan.reach.minutes)))
    demand = beside(demand, stages.of("times", nearest, demand, counted, network))
    tell("isochrones", 6, len(STAGES))
    options = IsochroneOptions(reach_metres=plan.isochrones.reach_metres, min_hole_m2=plan.isochrones.min_hole_m2)
    rings = stages.of("isochrones", isochrones, counted, network, minutes=minutes, union=True, options=options)
    tell("coverage", 7, len(STAGES))
    share = plan.reach.served_share
    cover = stages.of("coverage", coverage, demand, counted, areas, network, minutes=minutes, served_share=share)
    study = Study(
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
        log.to_frame(),
    )
    tell("judge", 8, len(STAGES))
    return judge_study(study, plan, found.policies, network, stages.of)


def _teller(progress: Progress | None) -> Progress:
    return progress or (lambda _stage, _number, _of: None)


def _streets(network: RoadNetwork) -> gpd.GeoDataFrame:
    return network.to_frame()[["highway", "geometry"]].to_crs("EPSG:4326")


def _provenance(plan: Plan, network: RoadNetwork, notes: tuple[str, ...]) -> dict[str, Any]:
    files = [plan.roads.path, plan.facilities.path, *plan.areas.path, plan.population.path]
    files += [path for path in (plan.roads.boundary, plan.roads.barriers, plan.policy.inputs) if path is not None]
    files += [path for path in plan.policy.packs if isinstance(path, Path)]
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


def _files(sources: list[Path | str]) -> dict[str, Any]:
    """Return hash and size of each file, by its name; of files with one name, by folder and name.

    A table of a database is named without its password; what it held is not hashed.
    """
    paths = [source for source in sources if isinstance(source, Path)]
    names = [path.name for path in paths]
    found: dict[str, Any] = {
        path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}": {
            "sha256": file_hash(path),
            "bytes": sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file()),
        }
        for path in paths
    }
    return found | {_bare(source): {"database": True} for source in sources if not isinstance(source, Path)}


def _bare(source: Path | str) -> str:
    """Return the name of a file without its folder, a connection string without its password."""
    return source.name if isinstance(source, Path) else without_password(source)


def _parameters(plan: Plan, traveller: Profile) -> dict[str, Any]:
    """Return the plan's settings with bare file names, so that results do not depend on where they were made."""
    given = plan.model_dump(mode="json", exclude={"output": {"folder"}})
    for section, names in {
        "roads": ("path", "boundary", "barriers"),
        "facilities": ("path",),
        "population": ("path",),
        "policy": ("inputs",),
    }.items():
        paths = {name: getattr(getattr(plan, section), name) for name in names}
        given[section].update({name: _bare(path) for name, path in paths.items() if path is not None})
    given["policy"]["packs"] = [_bare(name) if isinstance(name, Path) else name for name in plan.policy.packs]
    given["areas"]["path"] = [_bare(path) for path in plan.areas.path]
    given["reach"]["speed_mps"] = traveller.speed_mps
    given["reach"]["access_mps"] = traveller.access_mps
    return given
