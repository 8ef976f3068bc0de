"""Valhalla through pyvalhalla, on tiles built by the ``valhalla_build_tiles`` of its wheel.

Valhalla reads the PBF by its own rules for people on foot, not by the shared ones, and contours a grid of
about 111 m. Pedestrian costing at the given speed, otherwise its defaults; limits on matrix size are
lifted. Tables are asked for in blocks, because one request holds its whole answer in memory; it has no
upper bound of time for a table.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness import Job, Task, main, read_places
from valhalla import Actor
from valhalla.config import get_config

BLOCK = 50  # sources of one request
HEADS = 1000  # targets of one request


def load(job: Job, _network: None = None) -> Any:
    """Build the tiles afresh and open them."""
    tiles = Path(job["state"]) / "tiles"
    shutil.rmtree(tiles, ignore_errors=True)
    tiles.mkdir(parents=True)
    config = Path(job["state"]) / "build.json"
    settings = get_config(tile_dir=tiles, tile_extract="")
    settings["service_limits"]["pedestrian"] |= {
        "max_matrix_location_pairs": 10**8,
        "max_matrix_distance": 1e7,
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    scripts = Path(sys.executable).parent  # the wheel looks for its own commands on PATH
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", "")])
    build = [str(scripts / "valhalla_build_tiles"), "-c", str(config), job["extract"]]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PATH": path})
    return Actor(config.rename(config.with_name("valhalla.json")))


def setup(job: Job) -> Any:
    """Open the tiles of the loading task."""
    config = Path(job["state"]) / "valhalla.json"
    return Actor(config) if config.is_file() else load(job)


def costing(job: Job) -> dict[str, Any]:
    """Pedestrian, at the job's speed in km/h."""
    return {"costing": "pedestrian", "costing_options": {"pedestrian": {"walking_speed": job["speed"] * 3.6}}}


def locations(file: str) -> list[dict[str, float]]:
    """Places as Valhalla wants them."""
    _, lon, lat = read_places(file)
    return [{"lon": x, "lat": y} for x, y in zip(lon, lat, strict=True)]


def isochrones(count: int | None = None) -> Task:
    """Make a task of drawing polygons around the first `count` facilities."""

    def run(job: Job, actor: Any) -> Any:
        options = {"contours": [{"time": job["seconds"] / 60}], "polygons": True, **costing(job)}
        return [
            actor.isochrone({"locations": [door], **options}) for door in locations(job["facilities"])[:count]
        ]

    def finish(job: Job, _actor: Any, found: Any) -> dict[str, Any]:
        names = read_places(job["facilities"])[0]
        shapes = {name: answer["features"] for name, answer in zip(names, found, strict=False)}
        return {"polygons": {name: features[0]["geometry"] for name, features in shapes.items() if features}}

    return Task(run, finish)


def table(job: Job, actor: Any, sources: list[Any], heads: list[Any]) -> list[Any]:
    """Seconds of all pairs, block by block."""
    blocks = []
    for i in range(0, len(sources), BLOCK):
        for j in range(0, len(heads), HEADS):
            ask = {"sources": sources[i : i + BLOCK], "targets": heads[j : j + HEADS], "verbose": False}
            blocks.append(actor.matrix(ask | costing(job))["sources_to_targets"]["durations"])
    return blocks


def nearest(job: Job, actor: Any) -> Any:
    """Seconds from every facility to every node: the nearest is the least of each column."""
    return table(job, actor, locations(job["facilities"]), locations(job["nodes"]))


def many(job: Job, actor: Any) -> Any:
    """Seconds of all pairs."""
    return table(job, actor, locations(job["candidates"]), locations(job["demand"]))


def within(job: Job, _actor: Any, blocks: Any) -> dict[str, str]:
    """How many pairs are within the limit."""
    limit = job["seconds"]
    pairs = sum(s is not None and s <= limit for block in blocks for row in block for s in row)
    return {"note": f"{pairs:,} pairs"}


main(
    packages=["pyvalhalla"],
    setup=setup,
    tasks={
        "load": Task(load, lambda _j, _n, _r: {"note": "builds its tiles"}),
        "iso1": isochrones(1),
        "iso50": isochrones(),
        "nearest": Task(
            nearest, lambda _j, _n, r: {"note": f"{sum(len(b[0]) for b in r):,} nodes, full table"}
        ),
        "many": Task(many, within),
    },
)
