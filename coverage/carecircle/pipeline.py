"""The main job, in order.

Roads, areas, facilities, people, policies -> travel times -> isochrones -> coverage -> verdicts and gaps -> new
centres -> results.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from carecircle.config import Plan, load_plan
from carecircle.cover import coverage
from carecircle.errors import PlanError, problem
from carecircle.findings import QualityLog
from carecircle.folders import claimed
from carecircle.intake import Inputs, read_inputs
from carecircle.isochrones import IsochroneOptions, isochrones
from carecircle.judging import judge_study
from carecircle.language import text
from carecircle.model import Profile, Study
from carecircle.network import RoadNetwork
from carecircle.reach import nearest
from carecircle.report.suppression import published
from carecircle.sources import open_facilities
from carecircle.sources.layers.databases import without_password
from carecircle.sources.roads.store import file_hash
from carecircle.stages import Stages
from carecircle.writing import RESULTS, SIGN, beside, write_results, write_sites

if TYPE_CHECKING:
    from carecircle.placing import Placed

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
    "highspy",
    "numba",
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
    names = stages_of(settings)
    tell = _teller(progress)
    with claimed(folder, RESULTS, SIGN):
        study, placed = _made(settings, tell, stages, judge=True)
        tell("write", names.index("write"), len(names))
        write_results(study, settings, folder)
        if placed is not None:
            _write_placed(placed, settings, folder)
    stages.end()
    return study


def site(
    plan: Plan | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    resume: bool | Stages = True,
) -> Placed:
    """Carry out the section ``[siting]`` of a plan and write its results: all of them, or none.

    The plan is not judged as a whole; the targets that new centres must reach are.

    Parameters
    ----------
    plan, out, progress, resume
        As for `run`. Results of a run in the same folder stay.

    Returns
    -------
    Placed
        The plan for new centres, and what was drawn with it.

    Raises
    ------
    InputError
        Something is wrong with the plan or a file it names; nothing is written.
    OutputError
        The folder cannot be written.
    """
    settings = plan if isinstance(plan, Plan) else load_plan(plan)
    if settings.siting.problem is None:
        raise PlanError(problem("plan_missing", setting="siting.problem"))
    folder = Path(out) if out is not None else settings.output.folder
    stages = resume if isinstance(resume, Stages) else Stages(on=resume)
    names = stages_of(settings)
    tell = _teller(progress)
    placed = _made(settings, tell, stages, judge=False)[1]
    if placed is None:  # a problem is asked, for the type checker
        raise AssertionError
    tell("write", names.index("write"), len(names))
    _write_placed(placed, settings, folder)
    stages.end()
    return placed


def _write_placed(placed: Placed, plan: Plan, folder: Path) -> None:
    below = plan.output.suppress_below
    study = replace(placed.study, sites=placed.plan)
    study = study if below is None else published(study, below)
    write_sites(
        study.sites or placed.plan,
        study,
        folder,
        rings_before=placed.before,
        rings_after=placed.after,
        rings_by_year=placed.by_year,
        candidates=placed.candidates,
        note=plan.output.note,
    )


def stages_of(plan: Plan) -> tuple[str, ...]:
    """Return the stages of a plan: new centres are sought only where a problem is asked."""
    return STAGES if plan.siting.problem is None else (*STAGES[:-1], "sites", STAGES[-1])


def make_study(plan: Plan, *, progress: Progress | None = None, stages: Stages | None = None) -> Study:
    """Do everything but the writing; finished stages are taken from the store only when `stages` are given."""
    return _made(plan, _teller(progress), stages or Stages(on=False), judge=True)[0]


def _made(plan: Plan, tell: Progress, stages: Stages, *, judge: bool) -> tuple[Study, Placed | None]:
    """Return the study, judged if it is to be, and where new centres go if that is asked."""
    names = stages_of(plan)

    def said(stage: str) -> None:
        tell(stage, names.index(stage), len(names))

    study, found = _studied(plan, said, stages)
    said("judge")
    if judge:
        study = judge_study(study, plan, found.policies, found.network, stages.of)
    if plan.siting.problem is None:
        return study, None
    said("sites")
    # Compiled searches take a second to load, which only runs that ask for sites should wait for.
    from carecircle.placing import place_centres  # noqa: PLC0415

    placed = place_centres(study, plan, found, stages.of)
    return replace(study, sites=placed.plan), placed


def _studied(plan: Plan, tell: Callable[[str], None], stages: Stages) -> tuple[Study, Inputs]:
    """Return the study before it is judged, and what was read."""
    log = QualityLog()
    found = read_inputs(plan, log, tell)
    notes = (*found.notes, *((text("note.key_in_map"),) if plan.output.tiles == "tianditu" else ()))
    network, facilities, areas, demand = found.network, found.facilities, found.areas, found.demand
    counted = facilities if plan.facilities.count_closed else open_facilities(facilities)
    tell("times")
    minutes = tuple(sorted(set(plan.reach.minutes)))
    demand = beside(demand, stages.of("times", nearest, demand, counted, network))
    tell("isochrones")
    options = IsochroneOptions(reach_metres=plan.isochrones.reach_metres, min_hole_m2=plan.isochrones.min_hole_m2)
    rings = stages.of("isochrones", isochrones, counted, network, minutes=minutes, union=True, options=options)
    tell("coverage")
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
    return study, found


def _teller(progress: Progress | None) -> Progress:
    return progress or (lambda _stage, _number, _of: None)


def _streets(network: RoadNetwork) -> gpd.GeoDataFrame:
    return network.to_frame()[["highway", "geometry"]].to_crs("EPSG:4326")


def _provenance(plan: Plan, network: RoadNetwork, notes: tuple[str, ...]) -> dict[str, Any]:
    files = [plan.roads.path, plan.facilities.path, *plan.areas.path, plan.population.path]
    files += [path for path in (plan.roads.boundary, plan.roads.barriers, plan.policy.inputs) if path is not None]
    if plan.siting.problem is not None:
        listed = [] if plan.candidates.path is None else [plan.candidates.path]
        files += [*listed, *plan.siting.exclusions]
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
        "candidates": ("path",),
    }.items():
        paths = {name: getattr(getattr(plan, section), name) for name in names}
        given[section].update({name: _bare(path) for name, path in paths.items() if path is not None})
    given["policy"]["packs"] = [_bare(name) if isinstance(name, Path) else name for name in plan.policy.packs]
    given["siting"]["exclusions"] = [_bare(path) for path in plan.siting.exclusions]
    given["areas"]["path"] = [_bare(path) for path in plan.areas.path]
    given["reach"]["speed_mps"] = traveller.speed_mps
    given["reach"]["access_mps"] = traveller.access_mps
    return given
