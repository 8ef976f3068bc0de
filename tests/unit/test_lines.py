"""Line layers that offices own: noding, bridges, Chinese words, reference systems."""

import time

import geopandas as gpd
import numpy as np
import pytest
import shapely

from carecircle.errors import InputError
from carecircle.model import profile
from carecircle.network import build_network, read_network
from carecircle.sources.roads.lines import read_lines
from carecircle.sources.roads.reading import read_streets


@pytest.fixture
def layer(plan_crs):
    """Make a layer of lines in metres on the plan: ``layer([(x, y), ...], ..., column=[...])``."""
    crs, origin = plan_crs

    def make(*lines, **columns):
        shapes = [shapely.LineString(np.asarray(line, float) + origin) for line in lines]
        return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)

    return make


def network_of_lines(frame, mode="elder"):
    return build_network(read_lines(frame), profile(mode))


def shape(frame):
    """(nodes, edges, parts) of the network of a layer."""
    network = network_of_lines(frame)
    return network.n_nodes, network.n_edges, int(network.part.max()) + 1


WEST_EAST, SOUTH_NORTH = [(0, 0), (100, 0)], [(40, -50), (40, 50)]


def test_crossing_lines_get_a_vertex(layer):
    assert shape(layer(WEST_EAST, SOUTH_NORTH)) == (5, 4, 1)
    network = network_of_lines(layer(WEST_EAST, SOUTH_NORTH))
    np.testing.assert_allclose(sorted(network.metres), [40, 50, 50, 60], atol=1e-4)


@pytest.mark.parametrize("column", ["bridge", "桥梁", "IS_BRIDGE"])
@pytest.mark.parametrize("value", ["yes", "是", 1, "T", True, "viaduct"])
def test_a_bridge_over_a_road_is_left_alone(layer, column, value):
    no = {"bool": False, "int": 0, "str": ""}[type(value).__name__]
    assert shape(layer(WEST_EAST, SOUTH_NORTH, **{column: [value, no]})) == (4, 2, 2)


def test_tunnels_and_levels(layer):
    assert shape(layer(WEST_EAST, SOUTH_NORTH, tunnel=["", "yes"])) == (4, 2, 2)
    assert shape(layer(WEST_EAST, SOUTH_NORTH, bridge=["yes", "yes"])) == (5, 4, 1)
    assert shape(layer(WEST_EAST, SOUTH_NORTH, bridge=["yes", "yes"], layer=[1, 2])) == (4, 2, 2)
    assert shape(layer(WEST_EAST, SOUTH_NORTH, layer=["1", None])) == (4, 2, 2)
    assert shape(layer(WEST_EAST, SOUTH_NORTH, bridge=["no", "0"])) == (5, 4, 1)


def test_a_bridge_and_a_road_with_a_vertex_at_one_place_stay_apart(layer):
    over, under = [(0, 0), (40, 0), (100, 0)], [(40, -50), (40, 0), (40, 50)]
    assert shape(layer(over, under, bridge=["yes", "no"])) == (4, 2, 2)
    assert shape(layer(over, under, bridge=["no", "no"])) == (5, 4, 1)


def test_a_bridge_that_ends_on_a_road_is_joined(layer):
    assert shape(layer(WEST_EAST, [(40, 0), (40, 50)], bridge=["no", "yes"])) == (4, 3, 1)
    assert shape(layer(WEST_EAST, [(100, 0), (150, 0)], bridge=["no", "yes"])) == (3, 2, 1)


def test_ends_in_the_middle_of_a_line_meet_it_wherever_they_are(layer):
    """An end drawn on a line is on it to a float's last digit at best, on one side or on the other."""
    rng, lines = np.random.default_rng(1), []
    for number in range(200):
        a, b = rng.uniform(0, 300, (2, 2)) + 1000 * np.array([number % 15, number // 15])
        end = a + rng.uniform(0.2, 0.8) * (b - a)
        lines += [np.stack([a, b]), np.stack([end + rng.normal(size=2) * 80, end])]
    network = network_of_lines(layer(*lines))
    assert (network.n_nodes, network.part.max() + 1) == (4 * 200, 200)
    assert (network.metres > 0.06).sum() == 3 * 200


@pytest.mark.parametrize(("gap", "found"), [(0.03, (3, 2, 1)), (0.3, (4, 2, 2))])
def test_ends_that_nearly_meet_are_one(layer, gap, found):
    """Three centimetres apart, wherever they fall; thirty are too far."""
    rng, lines = np.random.default_rng(1), []
    for number in range(200):
        end = rng.uniform(0, 300, 2) + 1000 * np.array([number % 15, number // 15])
        turn = rng.uniform(-np.pi / 2, 0)
        other = end + gap * np.array([np.cos(turn), np.sin(turn)])
        lines += [np.stack([end - 100, end]), np.stack([other, other + np.array([100, -30])])]
    assert shape(layer(*lines)) == tuple(200 * count for count in found)


def test_overlapping_lines_are_noded_at_their_ends(layer):
    """0-100 and 60-160: 60-100 is there twice."""
    network = network_of_lines(layer(WEST_EAST, [(60, 0), (160, 0)]))
    assert (network.n_nodes, network.n_edges, network.part.max()) == (4, 4, 0)
    np.testing.assert_allclose(sorted(network.metres), [40, 40, 60, 60], atol=1e-3)
    slanted = network_of_lines(layer([(0, 0), (99, 33)], [(33, 11), (132, 44)]))
    assert (slanted.n_nodes, slanted.n_edges, slanted.part.max()) == (4, 4, 0)


def test_three_lines_through_one_place(layer):
    assert shape(layer([(-50, 0), (50, 0)], [(0, -50), (0, 50)], [(-40, -40), (40, 40)]))[2] == 1


def test_a_line_that_crosses_itself_and_a_ring(layer):
    assert shape(layer([(0, 0), (100, 0), (100, 50), (50, 50), (50, -50)])) == (3, 3, 1)
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0.02)]
    network = network_of_lines(layer(ring))
    assert (network.n_nodes, network.n_edges) == (1, 1)


def test_lines_beside_each_other_stay_apart(layer):
    assert shape(layer(WEST_EAST, [(0, 0.2), (100, 0.2)])) == (4, 2, 2)


def test_positions_far_down_a_large_layer_are_as_good(layer):
    """The crossing is after 60,000 other vertices."""
    rows = [[(0, 10 * n), (5, 10 * n + 3), (9, 10 * n)] for n in range(20_000)]
    network = network_of_lines(layer(*rows, [(500, 0), (600, 0)], [(540, -50), (540, 50)]))
    assert network.n_edges == 20_000 + 4


def test_multi_lines_are_taken_apart(plan_crs):
    parts = shapely.MultiLineString([np.array(line, float) + plan_crs[1] for line in (WEST_EAST, [(100, 0), (200, 0)])])
    frame = gpd.GeoDataFrame({"highway": ["steps"]}, geometry=[parts], crs=plan_crs[0])
    network = network_of_lines(frame)
    assert (network.n_nodes, network.n_edges) == (3, 2)
    assert set(network.edge_class) == {"steps"}


@pytest.mark.parametrize("column", ["道路等级", "fclass", "TYPE", "技术等级"])
def test_words_of_chinese_layers(layer, column):
    words = {
        "国道": "trunk",
        "步行街": "pedestrian",
        "高速公路": "motorway",
        "支路": "tertiary",
        "人行道": "footway",
        "台阶": "steps",
        "residential": "residential",
        "track_grade2": "track",
        " 省道 ": "primary",
    }
    frame = layer(*[[(0, 10 * n), (9, 10 * n)] for n in range(len(words))], **{column: list(words)})
    streets = read_lines(frame)
    assert streets.to_frame()["highway"].tolist() == list(words.values())
    assert streets.notes == ()


def test_unknown_words_are_plain_roads_and_are_named(layer):
    streets = read_lines(layer(WEST_EAST, SOUTH_NORTH, [(0, 9), (9, 9)], 道路等级=["神仙路", "国道", None]))
    assert streets.to_frame()["highway"].tolist() == ["road", "trunk", "road"]
    assert len(streets.notes) == 1
    assert "神仙路" in streets.notes[0]


@pytest.mark.parametrize(
    ("value", "ahead", "back"),
    [
        ("yes", True, False),
        ("单向", True, False),
        ("F", True, False),
        ("逆行", False, True),
        ("T", False, True),
        (-1, False, True),
        ("B", True, True),
        ("双向", True, True),
        (None, True, True),
        ("什么", True, True),
    ],
)
def test_words_for_one_way(layer, value, ahead, back):
    network = network_of_lines(layer(WEST_EAST, [(0, 5), (9, 5)], oneway=[value, "no"]), "drive")
    assert np.isfinite(network.forward_seconds[0]) == ahead
    assert np.isfinite(network.backward_seconds[0]) == back


def test_plain_columns_are_tags(layer):
    network = network_of_lines(layer(WEST_EAST, fclass=["primary"], maxspeed=[50.0]), "drive")
    np.testing.assert_allclose(network.metres / network.forward_seconds * 3.6, 50)


def test_no_reference_system_and_no_lines(layer, tmp_path):
    bare = gpd.GeoDataFrame(geometry=layer(WEST_EAST).geometry.to_numpy())
    with pytest.raises(InputError) as error:
        read_network(bare)
    assert [found.key for found in error.value.problems] == ["missing_crs"]
    assert "crs" in str(error.value)
    with pytest.raises(InputError) as error:
        read_network(gpd.GeoDataFrame(geometry=[shapely.Point(102, 24)], crs=4326))
    assert [found.key for found in error.value.problems] == ["wrong_geometry"]
    (tmp_path / "a.geojson").write_text("{}")
    with pytest.raises(InputError) as error:
        read_network(tmp_path / "a.geojson")
    assert [found.key for found in error.value.problems] == ["unreadable_file"]


@pytest.mark.parametrize("epsg", [4326, 4490, 4543, 4511, 3857, 32648])
def test_any_reference_system_gives_the_same_streets(layer, epsg):
    frame = layer(WEST_EAST, SOUTH_NORTH)
    network = network_of_lines(frame.to_crs(epsg))
    assert (network.n_nodes, network.n_edges) == (5, 4)
    np.testing.assert_allclose(sorted(network.metres), [40, 50, 50, 60], atol=2e-3)


def test_heights_and_empty_rows_are_left_out(layer):
    frame = layer(WEST_EAST, SOUTH_NORTH, [(0, 9), (9, 9)])
    shapes = [shapely.force_3d(frame.geometry[0], 7.0), None, shapely.LineString()]
    network = network_of_lines(frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs)))
    assert network.n_edges == 1
    assert network.edge_xy.shape == (2, 2)


def test_the_boundary_keeps_whole_lines(layer, lonlat_of):
    square = shapely.Polygon(lonlat_of([(-9, -9), (9, -9), (9, 9), (-9, 9)]))
    assert read_network(layer(WEST_EAST, SOUTH_NORTH), boundary=square).metres.sum() == pytest.approx(100, abs=1e-3)
    with pytest.raises(InputError) as error:
        read_network(layer(SOUTH_NORTH), boundary=square)
    assert [found.key for found in error.value.problems] == ["no_roads_in_boundary"]


@pytest.mark.parametrize("name", ["roads.shp", "roads.gpkg", "roads.geojson", "roads.parquet", "roads.fgb"])
def test_files_of_lines(layer, tmp_path, name):
    frame = layer(WEST_EAST, SOUTH_NORTH, 等级=["步行街", "国道"])
    frame = frame.to_crs(4326) if name.endswith("json") else frame
    if name.endswith("parquet"):
        frame.to_parquet(tmp_path / name)
    else:
        frame.to_file(tmp_path / name, encoding="UTF-8")
    network = read_network(tmp_path / name)
    assert (network.n_nodes, network.n_edges) == (5, 4)
    assert set(network.edge_class) == {"pedestrian", "trunk"}


def test_noding_by_another_hand(layer):
    """Sixty random lines: the pieces are those of shapely's own noding (a union of all lines)."""
    rng = np.random.default_rng(8)
    frame = layer(*rng.uniform(0, 1000, (60, 2, 2)))
    network = network_of_lines(frame)
    noded = shapely.get_parts(shapely.union_all(frame.geometry.to_numpy()))
    assert abs(network.n_edges - len(noded)) <= 2  # two crossings closer than MERGE_METRES to an end
    assert network.metres.sum() == pytest.approx(shapely.length(noded).sum(), rel=1e-5)


@pytest.mark.real
def test_wuhan(real_data):
    """92,667 edges of an OSMnx graph saved as lines: 99.7 % of their length hang together."""
    begun = time.perf_counter()
    network = build_network(read_streets(real_data / "wuhan" / "roads.parquet", cache=False), profile("elder"))
    assert time.perf_counter() - begun < 30
    assert 6_600_000 < network.metres.sum() < 6_800_000
    assert network.metres[network.on_main].sum() / network.metres.sum() > 0.99
    assert np.bincount(network.part).max() / network.n_nodes > 0.99
