"""OpenStreetMap files: what is read, what is clipped, and what is said of damaged ones."""

import bz2
import gzip

import numpy as np
import pytest
import shapely

from carecircle.errors import InputError, MissingInputError
from carecircle.language import use_language
from carecircle.network import read_network
from carecircle.sources.roads import osm as module
from carecircle.sources.roads.osm import read_osm
from carecircle.sources.roads.reading import read_streets

ROAD = {"highway": "residential"}
CROSS = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (100, 100), 5: (100, -100)}


def keys(error):
    return [found.key for found in error.value.problems]


def test_ways_tags_and_vertices_are_read(osm):
    path = osm(
        CROSS,
        [
            ([1, 2, 3], {**ROAD, "name": "长安街", "maxspeed": "30"}),
            ([4, 2, 5], {"highway": "steps"}),
            ([1, 4], {"waterway": "river"}),
        ],
        {2: {"barrier": "gate"}, 4: {"highway": "crossing"}},
    )
    streets = read_osm(path)
    assert streets.way_id.tolist() == [100, 101]
    frame = streets.to_frame()
    assert frame["highway"].tolist() == ["residential", "steps"]
    assert frame["maxspeed"].tolist()[0] == "30"
    assert "name" not in frame
    assert streets.vertex_id[streets.sequence].tolist() == [1, 2, 3, 4, 2, 5]
    assert streets.vertex_id[streets.barrier_vertex].tolist() == [2]
    assert streets.tags["barrier"].iloc[streets.barrier_tags].tolist() == ["gate"]
    assert streets.notes == ()


@pytest.mark.parametrize(("name", "pack"), [("a.osm.gz", gzip.compress), ("a.osm.bz2", bz2.compress)])
def test_compressed_files_read_the_same(osm, tmp_path, name, pack):
    path = osm(CROSS, [([1, 2, 3], ROAD)])
    (tmp_path / name).write_bytes(pack(path.read_bytes()))
    np.testing.assert_array_equal(read_osm(tmp_path / name).lonlat, read_osm(path).lonlat)


def test_ways_cut_at_the_border_keep_what_the_file_holds(osm):
    nodes = {n: (100 * n, 0) for n in range(1, 8)}
    streets = read_osm(osm(nodes, [([1, 2, 3, 4, 5, 6, 7], ROAD), ([1, 3], ROAD)], missing=(3, 6)))
    runs = [
        streets.vertex_id[streets.sequence[a:b]].tolist()
        for a, b in zip(streets.offsets[:-1], streets.offsets[1:], strict=True)
    ]
    assert runs == [[1, 2], [4, 5]]  # 7 is alone, and way 101 has one vertex left
    assert streets.way_id.tolist() == [100, 100]
    assert len(streets.notes) == 1
    assert "2" in streets.notes[0]


@pytest.mark.parametrize("every", [1, 2, 20_000])
def test_a_boundary_keeps_what_touches_it_whole(osm, lonlat_of, monkeypatch, every):
    monkeypatch.setattr(module, "_CLIP_EVERY", every)
    nodes = {**CROSS, 6: (5000, 0), 7: (5100, 0), 8: (-4000, 0)}
    path = osm(nodes, [([1, 2, 3], ROAD), ([6, 7], ROAD), ([1, 8], ROAD)])
    square = shapely.Polygon(lonlat_of([(-10, -10), (50, -10), (50, 10), (-10, 10)]))
    streets = read_osm(path, square)
    assert streets.way_id.tolist() == [100, 102]
    assert streets.vertex_id[streets.sequence].tolist() == [1, 2, 3, 1, 8]


def test_a_boundary_elsewhere_is_a_problem_of_the_input(osm, lonlat_of):
    path = osm(CROSS, [([1, 2, 3], ROAD)])
    with pytest.raises(InputError) as error:
        read_osm(path, shapely.Polygon(lonlat_of([(9000, 0), (9100, 0), (9100, 90)])))
    assert keys(error) == ["no_roads_in_boundary"]


def test_no_roads_and_no_file(osm, tmp_path):
    with pytest.raises(InputError) as error:
        read_osm(osm(CROSS, [([1, 2, 3], {"waterway": "river"})]))
    assert keys(error) == ["no_roads"]
    with pytest.raises(MissingInputError):
        read_network(tmp_path / "nowhere.osm.pbf")


def test_roads_that_the_mode_may_not_use(osm):
    with pytest.raises(InputError) as error:
        read_network(osm(CROSS, [([1, 2, 3], {"highway": "steps"})]), profile="drive")
    assert keys(error) == ["no_streets_for_mode"]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.97])
def test_a_truncated_pbf_is_unreadable(helsinki, tmp_path, share):
    whole = helsinki.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError) as error, use_language("en"):
        read_network(path)
    assert keys(error) in (["unreadable_file"], ["no_roads"])
    assert "cut.osm.pbf" in str(error.value)


@pytest.mark.parametrize("name", ["a.osm.pbf", "a.osm", "a.osm.gz", "a.osm.bz2"])
@pytest.mark.parametrize(
    "content", [b"", b"name,lon,lat\n\xd1\xf8\xc0\xcf,102,24\n" * 40, b"<html><body>404</body></html>"]
)
def test_what_is_not_openstreetmap_is_a_problem_of_the_input(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_network(path)
    assert keys(error) in (["unreadable_file"], ["no_roads"])
    assert str(error.value)


def test_unknown_endings_are_named(tmp_path):
    path = tmp_path / "roads.dwg"
    path.write_bytes(b"AC1032")
    with pytest.raises(InputError) as error:
        read_network(path)
    assert keys(error) == ["unknown_roads"]


def test_ids_below_zero_are_read(osm):
    """JOSM gives new nodes and ways negative numbers."""
    path = osm({-1: (0, 0), -2: (100, 0), -3: (200, 0)}, [([-1, -2], ROAD), ([-2, -3], ROAD)])
    network = read_network(path)
    assert (network.n_nodes, network.n_edges, network.part.max()) == (3, 2, 0)


def test_helsinki_is_read_whole(helsinki):
    streets = read_streets(helsinki, cache=False)
    used = np.unique(streets.sequence)
    assert np.array_equal(used, np.arange(len(streets.lonlat)))
    assert np.diff(streets.offsets).min() >= 2
    assert streets.offsets[-1] == len(streets.sequence)
    assert (np.diff(streets.vertex_id) > 0).all()
    assert streets.tags["highway"].iloc[streets.way_tags].notna().all()
    west, south, east, north = 24.9, 60.15, 25.0, 60.2
    assert ((streets.lonlat > [west, south]) & (streets.lonlat < [east, north])).all()
