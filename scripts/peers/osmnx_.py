"""osmnx and networkx, as their documentation does it.

osmnx reads no PBF: the walkable ways are written out as OSM XML with pyosmium (timed as part of loading),
read with ``graph_from_xml`` and projected. Isochrones are the two recipes of osmnx's example notebook 13
("isolines and isochrones"): ``ego_graph`` and the convex hull of its nodes, and the union of its streets'
25 m buffers, filled. Facilities are moved to the nearest node (``distance.nearest_nodes``).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import osmium
import osmnx as ox
from harness import Job, Task, main, read_places
from osmium.osm import mutable
from shapely.geometry import LineString, Point, Polygon, mapping
from walkgraph import walkable_ways

EDGE_BUFFER = 25  # metres, the notebook's edge_buff; its node_buff is 0 and its infill True


def load(job: Job, _network: None = None) -> Any:
    """PBF to XML to a projected MultiDiGraph with walking seconds; kept on disk for the other tasks."""
    xml = Path(job["state"]) / "walk.osm"
    write_xml(job["extract"], xml)
    graph = ox.project_graph(ox.graph_from_xml(xml, bidirectional=True))
    for _, _, data in graph.edges(data=True):
        data["time"] = data["length"] / job["speed"]
    return graph


def write_xml(extract: str, xml: Path) -> None:
    """Write the walkable ways and their nodes as OSM XML."""
    nodes: dict[int, tuple[float, float]] = {}
    ways = []
    for way, known in walkable_ways(extract):
        nodes |= {n.ref: (n.lon, n.lat) for n in known}
        ways.append(mutable.Way(id=way.id, tags=dict(way.tags), nodes=[n.ref for n in known]))
    with osmium.SimpleWriter(str(xml), overwrite=True) as writer:
        for ref in sorted(nodes):
            writer.add_node(mutable.Node(id=ref, location=nodes[ref]))
        for line in ways:
            writer.add_way(line)


def setup(job: Job) -> Any:
    """Unpickle the graph of the loading task."""
    saved = Path(job["state"]) / "graph.pickle"
    if not saved.is_file():
        keep(job, None, load(job))
    return pickle.loads(saved.read_bytes())  # noqa: S301 - our own file, written by `keep`


def keep(job: Job, _network: None, graph: Any) -> dict[str, str]:
    """Save the graph for the other tasks."""
    (Path(job["state"]) / "graph.pickle").write_bytes(pickle.dumps(graph))
    return {"note": f"through OSM XML, {len(graph):,} nodes"}


def nearest_nodes(graph: Any, file: str, count: int | None = None) -> tuple[list[str], Any]:
    """Ids of places and their nearest nodes."""
    names, lon, lat = (column[:count] for column in read_places(file))
    at = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=4326).to_crs(graph.graph["crs"])
    return names, ox.distance.nearest_nodes(graph, at.x.to_numpy(), at.y.to_numpy())


def hull(graph: Any, centre: Any, seconds: float) -> Any:
    """Draw the notebook's convex hull of the nodes within reach."""
    within = nx.ego_graph(graph, centre, radius=seconds, distance="time")
    return (
        gpd.GeoSeries([Point(data["x"], data["y"]) for _, data in within.nodes(data=True)])
        .union_all()
        .convex_hull
    )


def buffer(graph: Any, centre: Any, seconds: float) -> Any:
    """Draw as the notebook's ``make_iso_polys`` does."""
    within = nx.ego_graph(graph, centre, radius=seconds, distance="time")
    points = {node: Point(data["x"], data["y"]) for node, data in within.nodes(data=True)}
    lines = [
        graph.get_edge_data(a, b)[0].get("geometry", LineString([points[a], points[b]]))
        for a, b in within.edges()
    ]
    around = gpd.GeoSeries(
        [*gpd.GeoSeries(list(points.values())).buffer(0), *gpd.GeoSeries(lines).buffer(EDGE_BUFFER)]
    )
    whole = around.union_all()
    return Polygon(whole.exterior) if whole.geom_type == "Polygon" else whole


def isochrones(recipe: Any, count: int | None = None) -> Task:
    """Make a task of drawing polygons around the first `count` facilities."""

    def run(job: Job, graph: Any) -> Any:
        names, centres = nearest_nodes(graph, job["facilities"], count)
        return {
            name: recipe(graph, centre, job["seconds"]) for name, centre in zip(names, centres, strict=True)
        }

    def finish(_job: Job, graph: Any, found: Any) -> dict[str, Any]:
        degrees = gpd.GeoSeries(found, crs=graph.graph["crs"]).to_crs(4326)
        return {"polygons": {str(name): mapping(shape) for name, shape in degrees.items()}}

    return Task(run, finish)


def nearest(job: Job, graph: Any) -> Any:
    """Seconds of every node to its nearest facility."""
    _, centres = nearest_nodes(graph, job["facilities"])
    return nx.multi_source_dijkstra_path_length(graph, set(centres), weight="time")


def many(job: Job, graph: Any) -> Any:
    """Seconds of the pairs within the limit."""
    _, sources = nearest_nodes(graph, job["candidates"])
    _, demand = nearest_nodes(graph, job["demand"])
    pairs = []
    for i, source in enumerate(sources):
        far = nx.single_source_dijkstra_path_length(graph, source, cutoff=job["seconds"], weight="time")
        pairs.extend((i, j, far[node]) for j, node in enumerate(demand) if node in far)
    return pairs


main(
    packages=["osmnx", "networkx"],
    setup=setup,
    tasks={
        "load": Task(load, keep),
        "iso1:hull": isochrones(hull, 1),
        "iso1:buffer": isochrones(buffer, 1),
        "iso50:hull": isochrones(hull),
        "iso50:buffer": isochrones(buffer),
        "nearest": Task(nearest, lambda _j, _n, r: {"note": f"{len(r):,} nodes, times only"}),
        "many": Task(many, lambda _j, _n, r: {"note": f"{len(r):,} pairs"}),
    },
)
