"""A made-up town for tests of what is shown: streets, areas, facilities, demand and rings that fit."""

from datetime import date

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely

from carecircle.model import Study, profile

LON, LAT = 102.5, 24.3
MINUTES = (5.0, 10.0, 15.0)
METRES_A_MINUTE = 48.0
NASTY = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "`${alert(3)}` {{ 7 * 7 }} {% raw %}",
    '" onmouseover="alert(4)',
    "'); alert(5); ('",
    '=HYPERLINK("x")',
    "\u2028\\u003cb\\u003e",
)


def lonlat(geometry):
    return shapely.transform(
        geometry,
        lambda xy: np.column_stack(
            [LON + xy[:, 0] / (111_320 * np.cos(np.radians(LAT))), LAT + xy[:, 1] / 110_574]
        ),
    )


def frame(geometry, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(lonlat(np.asarray(geometry, object))), crs="EPSG:4326")


def street_graph(rng):
    """A bent grid in the middle, thinning out, with a few long roads to the villages."""
    side = np.arange(-14, 15)
    grid = nx.grid_2d_graph(29, 29)
    xs, ys = np.meshgrid(side * 150.0, side * 150.0, indexing="ij")
    xs, ys = (
        xs + 22 * np.sin(ys / 420) + rng.normal(0, 12, xs.shape),
        ys + 40 * np.sin(xs / 610) + rng.normal(0, 12, ys.shape),
    )
    far = np.hypot(xs, ys)
    keep = {
        (i, j)
        for i, j in grid
        if far[i, j] < 900 + 900 * rng.random() or i in {6, 14, 22} or j in {8, 14, 21}
    }
    grid = grid.subgraph(keep)
    grid = nx.Graph(grid.subgraph(max(nx.connected_components(grid), key=len)))
    place = {node: np.array([xs[node], ys[node]]) for node in grid}
    for a, b in grid.edges:
        main = (a[0] == b[0] and a[0] in {6, 14, 22}) or (a[1] == b[1] and a[1] in {8, 14, 21})
        grid.edges[a, b].update(
            metres=float(np.hypot(*(place[a] - place[b]))),
            highway=("primary" if 14 in {a[0], a[1]} else "tertiary") if main else "residential",
        )
    return grid, place


def rings_of(graph, place, sources, limit):
    """Streets within reach, made wide: the usual look of a walking isochrone."""
    away = nx.multi_source_dijkstra_path_length(graph, sources, weight="metres")
    lines = []
    for a, b, edge in graph.edges(data=True):
        near, far = sorted((a, b), key=lambda node: away.get(node, np.inf))
        left = limit - away.get(near, np.inf)
        if left > 0:
            part = min(left / edge["metres"], 1)
            lines.append(shapely.LineString([place[near], place[near] + part * (place[far] - place[near])]))
    return (
        shapely.union_all(shapely.buffer(lines, 75)).buffer(40).buffer(-40) if lines else shapely.Polygon()
    )


def areas_of(rng):
    """48 communities in 6 townships in 1 county, as one exact tessellation."""
    outline = shapely.Polygon(
        [
            (
                2600 * (1 + 0.12 * np.sin(3 * t) + 0.06 * np.cos(7 * t)) * np.cos(t),
                2350 * (1 + 0.10 * np.cos(2 * t) + 0.05 * np.sin(9 * t)) * np.sin(t),
            )
            for t in np.linspace(0, 2 * np.pi, 160, endpoint=False)
        ]
    )
    seeds = rng.normal(0, 1300, (400, 2))
    seeds = seeds[shapely.contains_xy(outline, seeds)][:48]
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(seeds), extend_to=outline))
    cells = [shapely.intersection(cell, outline) for cell in cells]
    centres = np.array([[cell.centroid.x, cell.centroid.y] for cell in cells])
    hubs = np.vstack(
        [[0, 0], 1500 * np.column_stack([np.cos(np.arange(5) * 1.2566), np.sin(np.arange(5) * 1.2566)])]
    )
    town = np.hypot(*(centres[:, None] - hubs).transpose(2, 0, 1)).argmin(axis=1)
    return cells, town


def cover_of(areas, demand, facilities):
    """Additive tallies as `carecircle.coverage` makes them."""
    rows, inside = (
        [],
        facilities.sjoin(areas[areas["level"] == "community"][["area_id", "geometry"]])["area_id"],
    )
    for _, area in areas.iterrows():
        prefix = area["area_id"] if area["level"] != "county" else "53"
        here = demand[demand["area_id"].str.startswith(prefix)]
        for limit in MINUTES:
            for measure in ("people", "people_60", "people_65", "people_80"):
                known, total = here[measure].notna().any(), here[measure].sum()
                inside_limit = here.loc[here["minutes"] <= limit, measure].sum()
                rows.append(
                    (
                        area["area_id"],
                        area["level"],
                        limit,
                        measure,
                        "",
                        *((inside_limit, total) if known or here.empty else (np.nan, np.nan)),
                    )
                )
        if area["level"] != "community":
            units = [
                key for key in areas.loc[areas["level"] == "community", "area_id"] if key.startswith(prefix)
            ]
            rows.append(
                (
                    area["area_id"],
                    area["level"],
                    np.nan,
                    "presence",
                    "community",
                    len(set(units) & set(inside)),
                    len(units),
                )
            )
            rows.append(
                (area["area_id"], area["level"], 15.0, "served", "community", len(units) // 2, len(units))
            )
    cover = pd.DataFrame(
        rows, columns=["area_id", "level", "minutes", "measure", "unit", "covered", "total"]
    )
    cover.insert(2, "kind", "all")
    return cover


def town(*, nasty=False, facilities=26, points=900):
    """Return the study; `nasty` gives it names that try to break out of wherever they are shown."""
    rng = np.random.default_rng(7)
    graph, place = street_graph(rng)
    cells, towns = areas_of(rng)
    nodes = sorted(graph)
    xy = np.array([place[node] for node in nodes])
    central = np.exp(-np.hypot(*xy.T) / 900)
    stand = rng.choice(len(nodes), facilities, p=central / central.sum(), replace=facilities > 200)
    kinds = rng.choice(
        ["养老院", "日间照料中心", "居家养老服务中心", "幸福院", "老年食堂"],
        facilities,
        p=[0.15, 0.25, 0.3, 0.2, 0.1],
    ).astype(object)
    status = rng.choice(["open", "planned", "closed"], facilities, p=[0.8, 0.12, 0.08])
    labels = [
        f"{['翠湖', '金碧', '文林', '环城', '东风', '龙泉', '云岭', '双桥'][i % 8]}{kind}{i + 1:02d}"
        for i, kind in enumerate(kinds)
    ]
    if nasty:
        labels[: len(NASTY)] = NASTY
        kinds[:4] = NASTY[0], NASTY[1], NASTY[2], "养老院"
    ids = [f"F{i + 1:03d}" for i in range(facilities)]
    mine = frame(
        shapely.points(xy[stand] + rng.normal(0, 12, (facilities, 2))),
        facility_id=ids,
        name=labels,
        kind=kinds,
        status=status,
        beds=rng.integers(10, 200, facilities).astype(float),
        ownership="公办",
    )
    places = [f"5301{town + 1:02d}{i + 1:03d}" for i, town in enumerate(towns)]
    townships = [f"5301{i + 1:02d}" for i in range(6)]
    first = ["青云", "河湾", "大营", "石林", "柳坝", "新村", "南屏", "白塔"]
    names = [f"{first[i % 8]}{['社区', '村'][i % 3 == 0]}{i + 1}" for i in range(len(cells))]
    if nasty:
        names[:3] = NASTY[:3]
    areas = frame(
        [
            shapely.union_all(cells),
            *(
                shapely.union_all([c for c, t in zip(cells, towns, strict=True) if t == i])
                for i in range(6)
            ),
            *cells,
        ],
        area_id=["530100", *townships, *places],
        name=["示例县", "城关镇", "东川镇", "北营镇", "西山乡", "南华乡", "桥头乡", *names],
        level=["county"] + ["township"] * 6 + ["community"] * len(cells),
        parent_id=[None] + ["530100"] * 6 + [key[:6] for key in places],
    )
    around = xy[rng.choice(len(nodes), points)] + rng.normal(0, 70, (points, 2))
    home = shapely.STRtree(cells).nearest(shapely.points(around))
    people = np.round(rng.gamma(1.4, 60, points) * (0.4 + np.exp(-np.hypot(*around.T) / 1200))) + 1
    on = [i for i, word in enumerate(status) if word == "open"]
    away = {
        i: nx.single_source_dijkstra_path_length(graph, nodes[stand[i]], weight="metres") for i in on[:60]
    }
    snap = shapely.STRtree(shapely.points(xy)).nearest(shapely.points(around))
    metres = np.array([[away[i].get(nodes[s], np.inf) for i in away] for s in snap]) + 30
    nearest, best = np.array(list(away))[metres.argmin(axis=1)], metres.min(axis=1)
    sixty = np.round(people * 0.22)
    sixty[home == 5] = np.nan
    demand = frame(
        shapely.points(around),
        demand_id=[f"D{i:04d}" for i in range(points)],
        people=people,
        people_60=sixty,
        people_65=np.round(sixty * 0.7),
        people_80=np.round(sixty * 0.15),
        area_id=[places[i] for i in home],
        facility_id=[ids[i] for i in nearest],
        minutes=best / METRES_A_MINUTE,
        metres=best,
        snap_metres=30.0,
    )
    sources = {ids[i]: {nodes[stand[i]]} for i in on[:60]} | {"all": {nodes[stand[i]] for i in on[:60]}}
    shapes = [
        (key, limit, rings_of(graph, place, source, limit * METRES_A_MINUTE))
        for key, source in sources.items()
        for limit in MINUTES
    ]
    rings = frame(
        [shape for _, _, shape in shapes],
        facility_id=[key for key, _, _ in shapes],
        minutes=[limit for _, limit, _ in shapes],
    )
    lines = frame(
        [shapely.LineString([place[a], place[b]]) for a, b in graph.edges],
        highway=[edge["highway"] for *_, edge in graph.edges(data=True)],
    )
    return Study(
        title=NASTY[1] if nasty else "示例县一刻钟养老服务圈",
        as_of=date(2024, 6, 30),
        fictional=True,
        profile=profile("elder"),
        minutes=MINUTES,
        facilities=mine,
        areas=areas,
        demand=demand,
        isochrones=rings,
        cover=cover_of(areas, demand, mine),
        streets=lines,
        notes=NASTY if nasty else ("人口为按居民点估算值。", "停业与规划中的设施不计入服务圈。"),
        provenance={"roads": "made up", "elevation": None},
    )
