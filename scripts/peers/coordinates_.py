"""A million points from GCJ-02 and from BD-09 to WGS 84, by carecircle and by packages that do the same.

The peers take one point at a time, as they offer it. What a result is off by is the distance between the point it
started from and the result shifted again with the published formula (``published``, one point at a time, shares no
code with any of them).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Job, Task, main

Points = tuple[Any, Any]
METRES = 111_320.0
CHECKED = 2000


def points(_job: Job) -> Points:
    """Draw the points, as shifted coordinates."""
    rng = np.random.default_rng(1)
    return rng.uniform(74, 135, 1_000_000), rng.uniform(18, 53, 1_000_000)


def one_by_one(load: Callable[[], Callable[[float, float], tuple[float, float]]]) -> Callable[[Job, Points], Any]:
    """Make a task of a package's call for one point (longitude, latitude)."""

    def run(_job: Job, given: Points) -> Any:
        call = load()
        return np.array([call(lon, lat) for lon, lat in zip(given[0].tolist(), given[1].tolist(), strict=True)]).T

    return run


def carecircle(name: str) -> Callable[[Job, Points], Any]:
    """Make a task of carecircle's call for arrays."""

    def run(_job: Job, given: Points) -> Any:
        from carecircle.china import coordinates  # noqa: PLC0415  one environment holds one of the packages

        return getattr(coordinates, name)(*given)

    return run


def evil(name: str) -> Callable[[], Any]:
    """Eviltransform, which takes latitude first."""

    def load() -> Any:
        import eviltransform  # noqa: PLC0415

        call = getattr(eviltransform, name)
        return lambda lon, lat: call(lat, lon)[::-1]

    return load


def convert(name: str) -> Callable[[], Any]:
    """coord-convert."""

    def load() -> Any:
        from coord_convert import transform  # noqa: PLC0415

        return getattr(transform, name)

    return load


def rust(kind: str, name: str) -> Callable[[], Any]:
    """geocoordinates-rs, a Rust library called point by point."""

    def load() -> Any:
        import geocoordinates_ffi as library  # noqa: PLC0415

        record, call = getattr(library, kind), getattr(library, name)

        def one(lon: float, lat: float) -> tuple[float, float]:
            found = call(record(lat=lat, lon=lon))
            return found.lon, found.lat

        return one

    return load


def published(lon: float, lat: float) -> tuple[float, float]:
    """WGS 84 to GCJ-02, as published in 2013."""
    x, y, pi, square = lon - 105.0, lat - 35.0, math.pi, 0.00669342162296594323
    ripple = 20.0 * math.sin(6.0 * pi * x) + 20.0 * math.sin(2.0 * pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    for factor, of_y, of_x in ((1, 20, 20), (3, 40, 40), (12, 160, 150), (30, 320, 300)):
        north += of_y * math.sin(pi * y / factor) * 2 / 3
        east += of_x * math.sin(pi * x / factor) * 2 / 3
    north, east = north + ripple * 2 / 3, east + ripple * 2 / 3
    magic = 1 - square * math.sin(math.radians(lat)) ** 2
    return (
        lon + math.degrees(east / (6378245.0 / math.sqrt(magic) * math.cos(math.radians(lat)))),
        lat + math.degrees(north / (6378245.0 * (1 - square) / magic**1.5)),
    )


def baidu(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02 to BD-09, as published."""
    frequency = math.pi * 3000 / 180
    radius = math.hypot(lon, lat) + 2e-5 * math.sin(lat * frequency)
    angle = math.atan2(lat, lon) + 3e-6 * math.cos(lon * frequency)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006


def off(*shifts: Callable[[float, float], tuple[float, float]]) -> Callable[[Job, Points, Any], dict[str, str]]:
    """Say how far the results are off, in metres of latitude and longitude, among the first points."""

    def finish(_job: Job, given: Points, found: Any) -> dict[str, str]:
        there = [(float(lon), float(lat)) for lon, lat in zip(found[0][:CHECKED], found[1][:CHECKED], strict=True)]
        for shift in shifts:
            there = [shift(*place) for place in there]
        gap = np.abs(np.array(there) - np.column_stack(given)[:CHECKED]).max() * METRES
        return {"note": f"off by at most {gap:.1g} m"}

    return finish


GCJ, BD = off(published), off(published, baidu)
CALLS = {
    "gcj02": {
        "carecircle": carecircle("gcj02_to_wgs84"),
        "eviltransform": one_by_one(evil("gcj2wgs_exact")),
        "coord-convert": one_by_one(convert("gcj2wgs")),
        "geocoordinates-rs": one_by_one(rust("Gcj02", "gcj02_to_wgs84_refined")),
    },
    "bd09": {
        "carecircle": carecircle("bd09_to_wgs84"),
        "eviltransform": one_by_one(evil("bd2wgs")),
        "coord-convert": one_by_one(convert("bd2wgs")),
        "geocoordinates-rs": one_by_one(rust("Bd09", "bd09_to_wgs84_refined")),
    },
}

if __name__ == "__main__":
    main(
        packages=[],
        setup=points,
        tasks={
            f"{task}:{name}": Task(call, GCJ if task == "gcj02" else BD)
            for task, calls in CALLS.items()
            for name, call in calls.items()
        },
    )
