"""Bare scipy.sparse.csgraph: the search kernel alone, node to node, on the shared walk graph; no polygons.

Places are moved to their nearest node. Shows what is left for everything around the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Job, Task, main, read_places
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from walkgraph import WalkGraph, read_walk_graph


def build(job: Job, _network: None = None) -> tuple[csr_matrix, cKDTree, float]:
    """Adjacency in metres (shortest of parallel edges), node index, stretch of a degree of longitude."""
    graph = read_walk_graph(job["extract"])
    stretch = np.cos(np.radians(graph.lat.mean()))
    return _matrix(graph), cKDTree(np.column_stack([graph.lon * stretch, graph.lat])), stretch


def _matrix(graph: WalkGraph) -> csr_matrix:
    low, high = np.minimum(graph.u, graph.v), np.maximum(graph.u, graph.v)
    order = np.lexsort([graph.metres, high, low])
    low, high, metres = low[order], high[order], graph.metres[order]
    first = np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])]
    return csr_matrix((metres[first], (low[first], high[first])), shape=(len(graph.lon),) * 2)


def _snap(network: Any, file: str) -> Any:
    _, tree, stretch = network
    _, lon, lat = read_places(file)
    return tree.query(np.column_stack([np.array(lon) * stretch, lat]))[1]


def _search(job: Job, network: Any, count: int | None = None) -> Any:
    nodes = _snap(network, job["facilities"])[:count]
    return dijkstra(network[0], directed=False, indices=nodes, limit=job["metres"])


def nearest(job: Job, network: Any) -> Any:
    """Metres and facility node of every node."""
    nodes = _snap(network, job["facilities"])
    return dijkstra(network[0], directed=False, indices=nodes, min_only=True, return_predecessors=True)


def many(job: Job, network: Any) -> Any:
    """Metres from 500 candidates to 5,000 points, inf beyond the limit."""
    demand = _snap(network, job["demand"])
    sources, row = np.unique(_snap(network, job["candidates"]), return_inverse=True)
    return dijkstra(network[0], directed=False, indices=sources, limit=job["metres"])[:, demand][row]


main(
    packages=["scipy", "osmium"],
    setup=build,
    tasks={
        "load": Task(build, lambda _j, _n, r: {"note": f"shared reader, {r[0].shape[0]:,} nodes"}),
        "iso1": Task(lambda j, n: _search(j, n, 1), lambda _j, _n, _r: {"note": "search only, no polygon"}),
        "iso50": Task(_search, lambda _j, _n, _r: {"note": "search only, no polygons"}),
        "nearest": Task(nearest, lambda _j, _n, r: {"note": f"{np.isfinite(r[0]).sum():,} nodes"}),
        "many": Task(many, lambda _j, _n, r: {"note": f"{np.isfinite(r).sum():,} pairs"}),
    },
)
