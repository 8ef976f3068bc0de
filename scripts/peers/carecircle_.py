"""carecircle, through its public calls alone."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
from harness import Job, Task, main, read_places
from shapely.geometry import mapping

import carecircle


def load(job: Job, _network: None = None) -> Any:
    """Read the extract, without the cache."""
    return carecircle.read_network(
        job["extract"], profile=carecircle.profile("adult", speed_mps=job["speed"]), cache=False
    )


def places(file: str, key: str, count: int | None = None) -> gpd.GeoDataFrame:
    """Points in longitude and latitude under the key that carecircle's tables use."""
    names, lon, lat = (column[:count] for column in read_places(file))
    return gpd.GeoDataFrame({key: names}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def isochrones(count: int | None = None) -> Task:
    """Make a task of drawing polygons around the first `count` facilities."""

    def run(job: Job, network: Any) -> Any:
        doors = places(job["facilities"], "facility_id", count)
        return carecircle.isochrones(doors, network, minutes=(job["seconds"] / 60,))

    def finish(_job: Job, _network: Any, found: Any) -> dict[str, Any]:
        shapes = found.to_crs(4326).set_index("facility_id").geometry
        return {"polygons": {str(name): mapping(shape) for name, shape in shapes.items()}}

    return Task(run, finish)


def nearest(job: Job, network: Any) -> Any:
    """Minutes and facility of every node of the walk graph, the facilities snapped to edges."""
    return carecircle.nearest_to_nodes(places(job["facilities"], "facility_id"), network)


def many(job: Job, network: Any) -> Any:
    """Minutes of the pairs within the limit."""
    doors, demand = places(job["candidates"], "facility_id"), places(job["demand"], "point_id")
    return carecircle.travel_times(demand, doors, network, minutes=job["seconds"] / 60)


main(
    packages=["carecircle"],
    setup=load,
    tasks={
        "load": Task(load, lambda _j, _n, _r: {"note": "no cache"}),
        "iso1": isochrones(1),
        "iso50": isochrones(),
        "nearest": Task(nearest, lambda _j, _n, r: {"note": f"{r.minutes.notna().sum():,} nodes, edge snap"}),
        "many": Task(many, lambda _j, _n, r: {"note": f"{len(r):,} pairs, edge snap"}),
    },
)
