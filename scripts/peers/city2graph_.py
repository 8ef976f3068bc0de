"""city2graph: isochrones over networkx.

city2graph reads no OSM file, so it is given the shared walk graph as node and edge frames in the UTM
zone, made into its networkx form once. `create_isochrone` is run with its default (k-nearest-neighbour
concave hull of the nodes) and with ``buffer`` at 25 m. It has no call for nearest facilities or
travel-time tables.
"""

from __future__ import annotations

from typing import Any

import city2graph
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from harness import Job, Task, main, read_places
from walkgraph import read_walk_graph, utm_epsg


def build(job: Job, _network: None = None) -> Any:
    """Read the shared walk graph as city2graph's networkx graph in metres."""
    graph = read_walk_graph(job["extract"])
    zone = utm_epsg(graph.lon.mean(), graph.lat.mean())
    edge = np.repeat(np.arange(len(graph.u)), np.diff(graph.starts))
    nodes = gpd.GeoDataFrame(geometry=gpd.points_from_xy(graph.lon, graph.lat), crs=4326).to_crs(zone)
    edges = gpd.GeoDataFrame(
        {"length": graph.metres},
        geometry=shapely.linestrings(graph.shape, indices=edge),
        index=pd.MultiIndex.from_arrays([graph.u, graph.v, np.arange(len(graph.u))]),
        crs=4326,
    ).to_crs(zone)
    return city2graph.gdf_to_nx(nodes, edges, multigraph=True)


def isochrones(count: int | None = None, **options: Any) -> Task:
    """Make a task of drawing polygons around the first `count` facilities."""

    def run(job: Job, graph: Any) -> Any:
        names, lon, lat = (column[:count] for column in read_places(job["facilities"]))
        doors = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=4326).to_crs(graph.graph["crs"])
        return {
            name: city2graph.create_isochrone(
                graph, center_point=door, threshold=job["metres"], edge_attr="length", **options
            )
            for name, door in zip(names, doors, strict=True)
        }

    def finish(_job: Job, _graph: Any, found: Any) -> dict[str, Any]:
        drawn = {name: frame.to_crs(4326).geometry.iloc[0] for name, frame in found.items() if len(frame)}
        return {"polygons": {name: shapely.geometry.mapping(shape) for name, shape in drawn.items()}}

    return Task(run, finish)


BUFFER = {"method": "buffer", "buffer_distance": 25}

main(
    packages=["city2graph", "networkx"],
    setup=build,
    tasks={
        "load": Task(build, lambda _j, _n, r: {"note": f"shared reader, {len(r):,} nodes"}),
        "iso1:default": isochrones(1),
        "iso1:buffer": isochrones(1, **BUFFER),
        "iso50:default": isochrones(),
        "iso50:buffer": isochrones(**BUFFER),
    },
)
