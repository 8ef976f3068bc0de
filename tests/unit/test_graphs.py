"""OSMnx graphs and GraphML files: the same travel times as the file they were made of."""

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx as ox
import pytest
import shapely

from carecircle.errors import InputError
from carecircle.model import profile
from carecircle.network import read_network
from carecircle.reach import travel_times
from carecircle.sources.roads.graphs import read_graph

ROAD = {"highway": "residential"}
TAGS = [
    "highway",
    "oneway",
    "junction",
    "maxspeed",
    "access",
    "foot",
    "bicycle",
    "motor_vehicle",
    "service",
    "area",
]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A lattice of 9 x 9 streets with bends, one-way streets, a bow beside a chord and a roundabout."""
    rng = np.random.default_rng(2)
    nodes, ways, side = {}, [], 9
    for row in range(side):
        for column in range(side):
            nodes[1 + side * row + column] = (
                102 + 0.002 * column + rng.normal(0, 2e-4),
                24 + 0.002 * row + rng.normal(0, 2e-4),
            )
    pairs = [(n, n + 1) for n in nodes if n % side] + [(n, n + side) for n in nodes if n + side in nodes]
    for number, (a, b) in enumerate(pairs):
        middle = 1000 + number
        nodes[middle] = tuple((np.array(nodes[a]) + nodes[b]) / 2 + rng.normal(0, 2e-4, 2))
        tags = {"highway": ["residential", "tertiary", "primary"][number % 3]}
        ways.append(([a, middle, b], {**tags, **({"oneway": ["yes", "-1"][number % 2]} if number % 5 == 0 else {})}))
    nodes[5000] = (102.003, 24.0032)
    ways.append(([11, 5000, 12], ROAD))
    nodes |= {6000 + n: (102.02 + 0.0003 * np.cos(n), 24.02 + 0.0003 * np.sin(n)) for n in range(6)}
    ways += [
        ([6000, 6001, 6002, 6003, 6004, 6005, 6000], {**ROAD, "junction": "roundabout", "oneway": "yes"}),
        ([81, 6000], ROAD),
    ]
    lines = [f'<node id="{k}" version="1" lon="{x:.7f}" lat="{y:.7f}"/>' for k, (x, y) in nodes.items()]
    for number, (refs, tags) in enumerate(ways, start=1):
        body = "".join(f'<nd ref="{r}"/>' for r in refs) + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        lines.append(f'<way id="{number}" version="1">{body}</way>')
    path = tmp_path_factory.mktemp("town") / "town.osm"
    path.write_text('<osm version="0.6">' + "".join(lines) + "</osm>")
    return path


def graph_of(path, *, bidirectional, simplify=True):
    before = ox.settings.useful_tags_way, ox.settings.bidirectional_network_types
    ox.settings.useful_tags_way = TAGS
    try:
        graph = ox.graph_from_xml(path, bidirectional=bidirectional, simplify=simplify, retain_all=True)
    finally:
        ox.settings.useful_tags_way, ox.settings.bidirectional_network_types = before
    return graph


def minutes_between(network, lonlat, direction="to"):
    """All travel times between places, as a square table; inf where there is no way."""
    places = gpd.GeoDataFrame(
        {"facility_id": [str(n) for n in range(len(lonlat))]},
        geometry=gpd.points_from_xy(*lonlat.T),
        crs=4326,
    )
    table = travel_times(
        places.rename(columns={"facility_id": "point_id"}), places, network, minutes=1e6, direction=direction
    )
    found = np.full((len(lonlat), len(lonlat)), np.inf)
    table = table.dropna()
    found[table["point_id"].astype(int), table["facility_id"].astype(int)] = table["minutes"]
    return found


@pytest.mark.parametrize("simplify", [True, False])
@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_graphml_gives_the_times_of_the_file_it_came_from(town, tmp_path, mode, simplify):
    graph = graph_of(town, bidirectional=mode == "elder", simplify=simplify)
    ox.save_graphml(graph, tmp_path / "town.graphml")
    direct, through = read_network(town, profile=mode), read_network(tmp_path / "town.graphml", profile=mode)
    places = np.array([(graph.nodes[n]["x"], graph.nodes[n]["y"]) for n in sorted(graph)[:81:3]])
    for direction in ("to", "from"):
        wanted, found = (
            minutes_between(direct, places, direction),
            minutes_between(through, places, direction),
        )
        np.testing.assert_array_equal(np.isinf(found), np.isinf(wanted))
        assert np.isfinite(wanted).mean() > 0.9
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert through.metres.sum() == pytest.approx(direct.metres.sum(), rel=1e-6)
    assert direct.symmetric == (mode == "elder")


def test_lengths_of_osmnx_are_within_its_sphere(town):
    """OSMnx measures on a sphere, we on the ellipsoid: at 24 degrees north up to 0.6 % apart."""
    graph, network = graph_of(town, bidirectional=True), read_network(town)
    lengths = ox.graph_to_gdfs(ox.convert.to_undirected(graph), nodes=False)["length"].sum()
    assert network.metres.sum() == pytest.approx(lengths, rel=0.006)
    assert network.metres.sum() != pytest.approx(lengths, rel=1e-4)


@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_a_live_graph_is_its_file(town, tmp_path, mode):
    graph = graph_of(town, bidirectional=mode == "elder")
    ox.save_graphml(graph, tmp_path / "town.graphml")
    live, saved = read_network(graph, profile=mode), read_network(tmp_path / "town.graphml", profile=mode)
    np.testing.assert_array_equal(live.edge_xy, saved.edge_xy)
    np.testing.assert_array_equal(live.forward_seconds, saved.forward_seconds)
    np.testing.assert_array_equal(live.way_id, saved.way_id)


def test_a_projected_graph_is_the_same_graph(town):
    graph = graph_of(town, bidirectional=True)
    plain, projected = read_network(graph), read_network(ox.project_graph(graph))
    assert plain.n_edges == projected.n_edges
    np.testing.assert_allclose(np.sort(projected.metres), np.sort(plain.metres), rtol=1e-6)


def test_streets_of_a_drive_graph_keep_their_direction(osm):
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 300), 4: (0, 300)}
    path = osm(
        nodes,
        [
            ([1, 2], {**ROAD, "oneway": "yes"}),
            ([3, 2], {**ROAD, "oneway": "-1"}),
            ([3, 4], ROAD),
            ([4, 1], ROAD),
            ([1, 3], ROAD),
        ],
    )
    network = read_network(graph_of(path, bidirectional=False, simplify=False), profile="drive")
    one_way, two_way = set(), set()
    for u, v, ahead, back in zip(
        network.node_id[network.edge_u].tolist(),
        network.node_id[network.edge_v].tolist(),
        np.isfinite(network.forward_seconds),
        np.isfinite(network.backward_seconds),
        strict=True,
    ):
        (two_way if ahead and back else one_way).add((u, v) if ahead else (v, u))
    assert one_way == {(1, 2), (2, 3)}
    assert {frozenset(pair) for pair in two_way} == {frozenset((1, 3)), frozenset((3, 4)), frozenset((4, 1))}
    merged = read_network(graph_of(path, bidirectional=False), profile="drive")  # 1-2-3 is one street, and so is 3-4-1
    assert merged.n_edges == 3
    assert (np.isfinite(merged.forward_seconds) & np.isfinite(merged.backward_seconds)).sum() == 2


def loop_graph(*, oneway):
    """A street of 100 m and a loop at its end, with the loop one-way or not, as OSMnx makes them."""
    graph = nx.MultiDiGraph(crs="EPSG:4326", simplified=True)
    graph.add_node(1, x=102.0, y=24.0)
    graph.add_node(2, x=102.001, y=24.0)
    street = shapely.LineString([(102.0, 24.0), (102.001, 24.0)])
    loop = shapely.LineString([(102.001, 24.0), (102.002, 24.0), (102.002, 24.001), (102.001, 24.0)])
    for u, v, shape in ((1, 2, street), (2, 1, street.reverse())):
        graph.add_edge(u, v, osmid=1, highway="residential", oneway=False, length=100.0, geometry=shape)
    graph.add_edge(2, 2, osmid=2, highway="residential", oneway=oneway, length=300.0, geometry=loop)
    if not oneway:
        graph.add_edge(2, 2, osmid=2, highway="residential", oneway=False, length=300.0, geometry=loop.reverse())
    return graph


@pytest.mark.parametrize("oneway", [True, False])
def test_loops_are_one_way_when_their_tags_say_so(oneway):
    network = read_network(loop_graph(oneway=oneway), profile="drive")
    loop = network.edge_u == network.edge_v
    assert loop.sum() == 1
    assert np.isfinite(network.forward_seconds[loop]).all()
    assert np.isfinite(network.backward_seconds[loop]).all() == (not oneway)
    assert network.n_edges == 2


def test_parallel_streets_stay_apart(osm):
    nodes = {1: (0, 0), 2: (300, 0), 3: (150, 200), 4: (-99, 0), 5: (400, 0)}
    path = osm(nodes, [([1, 2], ROAD), ([1, 3, 2], ROAD), ([4, 1], ROAD), ([2, 5], ROAD)])
    network = read_network(graph_of(path, bidirectional=True))
    assert network.n_edges == 4
    np.testing.assert_allclose(sorted(network.metres), [99, 100, 300, 500], atol=0.05)


def test_the_boundary(town):
    graph = graph_of(town, bidirectional=True)
    west = shapely.box(101.9, 23.9, 102.0061, 24.1)
    part = read_graph(graph, boundary=west)
    assert 0 < len(part.way_id) < len(read_graph(graph).way_id)
    with pytest.raises(InputError) as error:
        read_graph(graph, boundary=shapely.box(0, 0, 1, 1))
    assert [found.key for found in error.value.problems] == ["no_roads_in_boundary"]


@pytest.mark.parametrize("content", ["", "no xml", "<graphml></graphml>", "<html><body/></html>"])
def test_damaged_files(tmp_path, content):
    (tmp_path / "a.graphml").write_text(content)
    with pytest.raises(InputError) as error:
        read_network(tmp_path / "a.graphml")
    assert [found.key for found in error.value.problems] in (["unreadable_file"], ["no_roads"])


def test_an_empty_graph():
    with pytest.raises(InputError) as error:
        read_network(nx.MultiDiGraph(crs="EPSG:4326"))
    assert [found.key for found in error.value.problems] == ["no_roads"]


def test_the_profile_s_rules_still_hold(osm):
    nodes = {1: (0, 0), 2: (300, 0), 3: (150, 200)}
    path = osm(nodes, [([1, 2], {"highway": "steps"}), ([1, 3], ROAD), ([3, 2], {**ROAD, "access": "private"})])
    network = read_network(graph_of(path, bidirectional=True, simplify=False), profile=profile("wheelchair"))
    assert network.n_edges == 1
