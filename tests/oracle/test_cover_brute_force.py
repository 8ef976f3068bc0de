"""Coverage tallies against loops over networkx travel times and shapely points in polygons, on real streets."""

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.cover import coverage
from carecircle.snap import snap

MINUTES = (3, 8)


def slow_times(network, demand, facilities):
    """Minutes from every demand point to every facility, one networkx search a facility; same-edge ways apart."""
    graph = network.to_networkx().reverse()
    at, to = snap(demand, network), snap(facilities, network)
    speed = network.profile.access_mps
    minutes = np.full((len(demand), len(facilities)), np.inf)
    ahead, back = network.forward_seconds, network.backward_seconds
    for row, (edge, share) in enumerate(zip(to.edge.tolist(), to.fraction.tolist(), strict=True)):
        work = graph.copy()
        work.add_node("f")
        if np.isfinite(ahead[edge]):
            work.add_edge("f", int(network.edge_u[edge]), seconds=share * ahead[edge])
        if np.isfinite(back[edge]):
            work.add_edge("f", int(network.edge_v[edge]), seconds=(1 - share) * back[edge])
        seconds = nx.single_source_dijkstra_path_length(work, "f", weight="seconds")
        for point, (own, place) in enumerate(zip(at.edge.tolist(), at.fraction.tolist(), strict=True)):
            ways = [
                seconds.get(int(network.edge_u[own]), np.inf) + place * back[own],
                seconds.get(int(network.edge_v[own]), np.inf) + (1 - place) * ahead[own],
            ]
            if own == edge:
                ways.append((share - place) * ahead[own] if share >= place else (place - share) * back[own])
            legs = (at.metres[point] + to.metres[row]) / speed
            minutes[point, row] = (np.nanmin(ways) + legs) / 60
    return minutes


@pytest.fixture(scope="module")
def tessellation(network_of):
    """Four counties, each cut into four communities, over the streets of Helsinki; their codes nest."""
    west, south, east, north = network_of("elder").bounds
    x, y = np.linspace(west - 1, east + 1, 5), np.linspace(south - 1, north + 1, 5)
    rows = []
    for i in range(4):
        for j in range(4):
            code = f"53{i // 2}{j // 2}01"
            rows.append((f"{code}0010{i % 2}{j % 2}", "community", code, shapely.box(x[i], y[j], x[i + 1], y[j + 1])))
            if i % 2 == j % 2 == 0:
                rows.append((code, "county", None, shapely.box(x[i], y[j], x[i + 2], y[j + 2])))
    frame = pd.DataFrame(rows, columns=["area_id", "level", "parent_id", "geometry"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=network_of("elder").crs).assign(name=frame["area_id"])


@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_tallies_equal_loops(network_of, scattered, tessellation, mode):
    network, rng = network_of(mode), np.random.default_rng(2)
    demand = scattered(network, 150, 3, "demand_id").assign(people_60=rng.integers(0, 40, 150).astype(float))
    demand.loc[rng.random(150) < 0.1, "people_60"] = np.nan
    facilities = scattered(network, 7, 4).assign(kind=["A", "B", "A", "C", "B", None, "A"])
    minutes = MINUTES if mode == "elder" else (0.5, 1.5)
    table = coverage(demand, facilities, tessellation, network, minutes=minutes)
    times = slow_times(network, demand, facilities)
    people, where = demand["people_60"].to_numpy(), demand.geometry.to_numpy()
    checked = 0
    for kind in ("all", "A", "B", "C"):
        columns = [k for k, own in enumerate(facilities["kind"]) if kind in ("all", own)]
        for limit in minutes:
            within = times[:, columns].min(axis=1) <= limit
            for code, shape in zip(tessellation["area_id"], tessellation.geometry, strict=True):
                inside = [k for k in range(150) if shape.intersects(where[k])]
                known = [k for k in inside if not np.isnan(people[k])]
                own = table[(table["area_id"] == code) & (table["kind"] == kind) & (table["minutes"] == limit)]
                own = own[(own["unit"] == "") | (own["measure"] == "people_60")].set_index("measure")
                assert own.loc["points", ["covered", "total"]].tolist() == [sum(within[inside]), len(inside)]
                if known or not inside:
                    wanted = [sum(people[k] for k in known if within[k]), sum(people[k] for k in known)]
                    assert own.loc["people_60", ["covered", "total"]].tolist() == pytest.approx(wanted)
                else:
                    assert own.loc["people_60", ["covered", "total"]].isna().all()
                near = [c for c in columns if inside and (times[inside, c] <= limit).any()]
                assert own.loc["facilities", ["covered", "total"]].tolist() == [len(near), len(columns)]
                checked += bool(near)
    assert checked > 20
