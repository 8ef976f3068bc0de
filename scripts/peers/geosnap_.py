"""geosnap: isochrones over pandarm (a fork of pandana), which also answers the other tasks.

geosnap's own loader downloads through osmnx, so pandarm is given the shared walk graph with its street
shapes, in the UTM zone. `isochrones_from_gdf` runs with its defaults: a concave hull (ratio 0.2) of the
streets whose both ends are within reach. Facilities that share a node come back as one row, which is
given to each of them.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandarm
import pandas as pd
import shapely
from geosnap.analyze import isochrones_from_gdf, pdna_to_adj
from harness import Job, Task, main, read_places
from walkgraph import read_walk_graph, utm_epsg


def build(job: Job, _network: None = None) -> Any:
    """Read the shared walk graph as a two-way pandarm network in metres with street shapes."""
    graph = read_walk_graph(job["extract"])
    zone = utm_epsg(graph.lon.mean(), graph.lat.mean())
    edge = np.repeat(np.arange(len(graph.u)), np.diff(graph.starts))
    nodes = gpd.GeoSeries(gpd.points_from_xy(graph.lon, graph.lat), crs=4326).to_crs(zone)
    return pandarm.Network(
        node_x=nodes.x,
        node_y=nodes.y,
        edge_from=pd.Series(graph.u),
        edge_to=pd.Series(graph.v),
        edge_weights=pd.DataFrame({"metres": graph.metres}),
        edge_geom=gpd.GeoSeries(shapely.linestrings(graph.shape, indices=edge), crs=4326).to_crs(zone),
        crs=zone,
        twoway=True,
    )


def places(network: Any, file: str, count: int | None = None) -> gpd.GeoDataFrame:
    """Points on ids, in the network's zone."""
    names, lon, lat = (column[:count] for column in read_places(file))
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat, crs=4326), index=names).to_crs(network.crs)


def isochrones(count: int | None = None) -> Task:
    """Make a task of drawing polygons around the first `count` facilities."""

    def run(job: Job, network: Any) -> Any:
        doors = places(network, job["facilities"], count)
        found = isochrones_from_gdf(doors, job["metres"], network, reindex=False)
        nodes = network.get_node_ids(doors.geometry.x, doors.geometry.y)
        return found.geometry.reindex(nodes.to_numpy()).set_axis(doors.index)

    def finish(_job: Job, network: Any, found: Any) -> dict[str, Any]:
        degrees = found.set_crs(network.crs, allow_override=True).to_crs(4326).dropna()
        return {"polygons": {name: shapely.geometry.mapping(shape) for name, shape in degrees.items()}}

    return Task(run, finish)


def nearest(job: Job, network: Any) -> Any:
    """Metres and facility of every node, by pandarm."""
    doors = places(network, job["facilities"])
    network.set_pois("care", 1e6, 1, doors.geometry.x, doors.geometry.y)
    return network.nearest_pois(1e6, "care", include_poi_ids=True)


def many(job: Job, network: Any) -> Any:
    """Pairs within the limit: geosnap's adjacency list of each candidate, joined with the demand's nodes."""
    doors, demand = places(network, job["candidates"]), places(network, job["demand"])
    doors["origin"] = network.get_node_ids(doors.geometry.x, doors.geometry.y)
    demand["destination"] = network.get_node_ids(demand.geometry.x, demand.geometry.y)
    once = doors.drop_duplicates("origin")
    reached = pdna_to_adj(once, network, job["metres"], reindex=False, drop_nonorigins=False)
    heads = demand["destination"].rename_axis("demand").reset_index()
    return reached.merge(heads, on="destination").merge(
        doors["origin"].rename_axis("candidate").reset_index()
    )


main(
    packages=["geosnap", "pandarm"],
    setup=build,
    tasks={
        "load": Task(build, lambda _j, _n, r: {"note": f"shared reader, {len(r.nodes_df):,} nodes"}),
        "iso1": isochrones(1),
        "iso50": isochrones(),
        "nearest": Task(nearest, lambda _j, _n, r: {"note": f"{np.sum(r[1] < 1e6):,} nodes, by pandarm"}),
        "many": Task(many, lambda _j, _n, r: {"note": f"{len(r):,} pairs, by pandarm"}),
    },
)
