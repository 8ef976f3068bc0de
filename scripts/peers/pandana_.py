"""pandana: contraction hierarchies over node and edge tables.

pandana reads no PBF, so it is given the shared walk graph (its own loader downloads from the Overpass
server). `Network` builds the hierarchies. Positions are in the UTM zone, because it looks for the nearest
node in the plane, and places are moved to that node, without the way there. It has no polygons: the
isochrone is the convex hull of `nodes_in_range`, which is how its users draw one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandana
import pandas as pd
import shapely
from harness import Job, Task, main, read_places
from pyproj import Transformer
from walkgraph import read_walk_graph, utm_epsg


def build(job: Job, _network: None = None) -> Any:
    """Read the shared walk graph as a two-way pandana network in metres."""
    graph = read_walk_graph(job["extract"])
    x, y = zone(job).transform(graph.lon, graph.lat)
    return pandana.Network(
        pd.Series(x),
        pd.Series(y),
        pd.Series(graph.u),
        pd.Series(graph.v),
        pd.DataFrame({"metres": graph.metres}),
        twoway=True,
    )


def zone(job: Job) -> Transformer:
    """From longitude and latitude to the UTM zone of the first facility."""
    _, lon, lat = read_places(job["facilities"])
    return Transformer.from_crs(4326, utm_epsg(lon[0], lat[0]), always_xy=True)


def places(job: Job, kind: str, count: int | None = None) -> pd.DataFrame:
    """Positions x and y on ids."""
    names, lon, lat = (column[:count] for column in read_places(job[kind]))
    x, y = zone(job).transform(lon, lat)
    return pd.DataFrame({"x": x, "y": y}, index=names)


def isochrones(count: int | None = None) -> Task:
    """Make a task of drawing hulls around the first `count` facilities."""

    def run(job: Job, network: Any) -> Any:
        doors = places(job, "facilities", count)
        nodes = network.get_node_ids(doors.x, doors.y)
        reached = network.nodes_in_range(nodes.unique(), job["metres"]).groupby("source").destination
        xy = network.nodes_df.to_numpy()
        hulls = {node: shapely.convex_hull(shapely.multipoints(xy[ids.to_numpy()])) for node, ids in reached}
        return {name: hulls[node] for name, node in nodes.items()}

    def finish(job: Job, _network: Any, found: Any) -> dict[str, Any]:
        back = partial(zone(job).transform, direction="INVERSE")
        degrees = {name: shapely.transform(shape, back, interleaved=False) for name, shape in found.items()}
        return {"polygons": {name: shapely.geometry.mapping(shape) for name, shape in degrees.items()}}

    return Task(run, finish)


def nearest(job: Job, network: Any) -> Any:
    """Metres and facility of every node; the bound is beyond any distance in the extract."""
    doors = places(job, "facilities")
    network.set_pois("care", 1e6, 1, doors.x, doors.y)
    return network.nearest_pois(1e6, "care", include_poi_ids=True)


def many(job: Job, network: Any) -> Any:
    """Pairs within the limit: the nodes in range of each candidate, joined with the demand's nodes."""
    doors, demand = places(job, "candidates"), places(job, "demand")
    sources = network.get_node_ids(doors.x, doors.y).rename("source").rename_axis("candidate").reset_index()
    heads = network.get_node_ids(demand.x, demand.y).rename("destination").rename_axis("demand").reset_index()
    reached = network.nodes_in_range(sources.source.unique(), job["metres"])
    return reached.merge(heads, on="destination").merge(sources, on="source")


main(
    packages=["pandana", "pandas", "numpy"],
    setup=build,
    tasks={
        "load": Task(build, lambda _j, _n, r: {"note": f"shared reader, {len(r.nodes_df):,} nodes"}),
        "iso1": isochrones(1),
        "iso50": isochrones(),
        "nearest": Task(nearest, lambda _j, _n, r: {"note": f"{np.sum(r[1] < 1e6):,} nodes"}),
        "many": Task(many, lambda _j, _n, r: {"note": f"{len(r):,} pairs"}),
    },
)
