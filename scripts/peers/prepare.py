"""Draw the places every peer is given, once per extract: ``python prepare.py extract.osm.pbf out_dir``.

Places lie along the streets (any metre of street as likely as another), up to `OFFSET` metres aside, as
doors do. Writes ``facilities.csv`` (50), ``candidates.csv`` (500), ``demand.csv`` (5,000), ``nodes.csv``
(every street node) and ``extract.json`` (size of the walk graph).
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from walkgraph import WGS84_A, WalkGraph, ellipsoid_metres, read_walk_graph

SEED = 20250101
OFFSET = 40.0
DRAWS = {"facilities": 50, "candidates": 500, "demand": 5000}


def draw(graph: WalkGraph, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Longitudes and latitudes (count, 2) of places along the streets."""
    a, b = graph.shape[:-1], graph.shape[1:]
    steps = ellipsoid_metres(a, b)
    steps[graph.starts[1:-1] - 1] = 0.0  # from one edge's last point to the next edge's first is no street
    at = random.choice(len(steps), count, p=steps / steps.sum())
    along = random.random((count, 1))
    street = a[at] + along * (b[at] - a[at])
    angle, aside = random.uniform(0, 2 * np.pi, count), OFFSET * random.random(count)
    degrees = np.degrees(aside / WGS84_A)
    east = degrees * np.cos(angle) / np.cos(np.radians(street[:, 1]))
    return street + np.column_stack([east, degrees * np.sin(angle)])


def write_places(path: Path, places: NDArray[np.float64]) -> None:
    """Write a CSV of ids, longitudes and latitudes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "lon", "lat"])
        writer.writerows((f"{path.stem[0]}{i}", f"{x:.7f}", f"{y:.7f}") for i, (x, y) in enumerate(places))


def main(extract: str, out: Path) -> None:
    """Draw and write."""
    graph = read_walk_graph(extract)
    random = np.random.default_rng(SEED)
    for name, count in DRAWS.items():
        write_places(out / f"{name}.csv", draw(graph, count, random))
    write_places(out / "nodes.csv", np.column_stack([graph.lon, graph.lat]))
    size = {"nodes": len(graph.lon), "edges": len(graph.u), "street_km": float(graph.metres.sum() / 1e3)}
    (out / "extract.json").write_text(json.dumps(size), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
