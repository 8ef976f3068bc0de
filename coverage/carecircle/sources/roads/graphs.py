"""Roads from OSMnx: GraphML files and live graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox
import pandas as pd
import shapely

from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, problem
from carecircle.guards import refuse_xml_entities
from carecircle.sources.roads.streets import Ints, Streets, require_on_earth, take_ways
from carecircle.traffic import KEYS


def read_graphml(path: Path, boundary: shapely.Geometry | None = None) -> Streets:
    """Read a graph that `osmnx.save_graphml` wrote.

    Raises
    ------
    InputError
        The file is damaged or is not an OSMnx graph.
    """
    refuse_xml_entities(path)
    try:
        graph = ox.load_graphml(path)
        return read_graph(graph, boundary=boundary, file=path)
    except InputError:
        raise
    except Exception as error:
        raise InputError(problem("unreadable_file", file=path, why=str(error) or type(error).__name__)) from error


def read_graph(graph: nx.MultiDiGraph, boundary: shapely.Geometry | None = None, file: Path | None = None) -> Streets:
    """Turn an OSMnx graph into streets.

    An edge that is there in both directions becomes one two-way street; one that is there in a single direction
    becomes a one-way street, whatever its tags say, because OSMnx has applied the one-way rules of its own network
    type. (Walking ignores one-way streets, as it does everywhere.)
    """
    if graph.number_of_edges() == 0:
        raise InputError(problem("no_roads", file=file))
    nodes, edges = ox.graph_to_gdfs(graph, fill_edge_geometry=True)
    nodes, edges = nodes.to_crs(GEOGRAPHIC), edges.to_crs(GEOGRAPHIC).reset_index()
    edges = _one_row_a_street(edges)
    lengths = shapely.get_num_coordinates(edges.geometry.to_numpy())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    vertex_of = pd.Series(np.arange(len(nodes)), index=nodes.index)
    sequence = len(nodes) + np.arange(offsets[-1])
    sequence[offsets[:-1]] = vertex_of.loc[edges["u"]].to_numpy()
    sequence[offsets[1:] - 1] = vertex_of.loc[edges["v"]].to_numpy()
    lonlat = np.vstack(
        [shapely.get_coordinates(nodes.geometry.to_numpy()), shapely.get_coordinates(edges.geometry.to_numpy())]
    )
    require_on_earth(lonlat, file)
    barrier = np.flatnonzero(nodes["barrier"].notna()) if "barrier" in nodes else np.zeros(0, dtype=np.int64)
    tags, row = distinct(
        pd.concat(
            [_tags(edges), nodes.iloc[barrier][[name for name in nodes.columns if name in KEYS]]], ignore_index=True
        )
    )
    vertex_id = np.concatenate([_ids(nodes.index), -1 - np.arange(offsets[-1])])
    way_id = _ids(pd.Index(edges["osmid"].map(_first)))
    streets = Streets(lonlat, vertex_id, sequence, offsets, way_id, row[: len(edges)], tags, barrier, row[len(edges) :])
    keep = np.ones(len(edges), bool) if boundary is None else shapely.intersects(boundary, edges.geometry.to_numpy())
    if not keep.any():
        raise InputError(problem("no_roads_in_boundary", file=file))
    return take_ways(streets, keep)


def _one_row_a_street(edges: pd.DataFrame) -> pd.DataFrame:
    low, high = np.minimum(edges["u"], edges["v"]), np.maximum(edges["u"], edges["v"])
    ends = shapely.get_coordinates(shapely.centroid(edges.geometry.to_numpy())).round(7)
    street = pd.DataFrame(
        {"low": low, "high": high, "way": edges["osmid"].map(_way_name), "x": ends[:, 0], "y": ends[:, 1]}
    )
    one_way_row = (edges["u"] <= edges["v"]).groupby([street[name] for name in street])
    # A loop has no direction to be told by: it is one-way when its tags say so.
    explicit = edges["oneway"].astype(str).str.lower().isin(["true", "yes"]) if "oneway" in edges else False
    both = (one_way_row.transform("nunique") > 1) | ((edges["u"] == edges["v"]) & ~explicit)
    single = np.where(both, "no", "yes")
    return edges.assign(oneway=single)[~(street.duplicated() & both)].reset_index(drop=True)


def _tags(edges: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in edges.columns if name in KEYS]
    tags = edges[names].map(_first)
    # What OSMnx calls one-way is decided by `oneway` alone: its own graph has the last word.
    return tags.assign(highway=tags.get("highway", "road"))


def distinct(tags: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """Return the distinct rows of a tag table (text, all `KEYS` as columns) and the row number of each input row."""
    full = tags.reindex(columns=sorted(KEYS))
    full = full.astype("str").where(full.notna())
    group = full.fillna("").groupby(list(full.columns), sort=False).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    return full.iloc[first].reset_index(drop=True), group.astype(np.int64)


def _way_name(osmid: Any) -> str:
    """Return one name for a way or for several that were joined, whichever way round they are listed."""
    return " ".join(sorted(map(str, osmid))) if isinstance(osmid, list) else str(osmid)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _ids(labels: pd.Index) -> Ints:
    numbers = pd.to_numeric(pd.Series(labels), errors="coerce")
    running = pd.Series(-1 - np.arange(len(labels)))
    return np.asarray(numbers.where(numbers.notna(), running).astype("int64"))
