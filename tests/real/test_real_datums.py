"""Real layers and cities (marker `real`): which datum they are in, with no other input."""

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely

from carecircle.china.coordinates import DATUMS, wgs84_to_bd09, wgs84_to_gcj02
from carecircle.crs import metric_crs, project, unproject
from carecircle.network import read_network
from carecircle.sources import read_areas
from carecircle.sources.positions.datums import judge_area_datum, judge_datum

pytestmark = pytest.mark.real

SHIFTS = {"wgs84": lambda lon, lat: (lon, lat), "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}
YUXI, ZHUZHOU = (102.5449, 24.3541), (113.0823, 27.8266)


def shifted(lonlat, datum):
    return np.column_stack(SHIFTS[datum](*lonlat.T))


def places(path, keys):
    """Nodes, and a point of each closed way, that carry one of these keys."""
    found = []
    for thing in osmium.FileProcessor(path).with_locations():
        if not any(key in thing.tags for key in keys):
            continue
        if thing.is_node():
            found.append((thing.lon, thing.lat))
        elif thing.is_way() and len(thing.nodes) > 3 and all(node.location.valid() for node in thing.nodes):
            ring = shapely.Polygon([(node.lon, node.lat) for node in thing.nodes])
            found.append(shapely.get_coordinates(shapely.point_on_surface(shapely.make_valid(ring)))[0])
    return np.unique(np.array(found), axis=0)


def moved(lonlat, streets, to):
    """Points and streets as they are on the ground, in another place."""
    here, there = metric_crs(*np.median(lonlat, axis=0)), metric_crs(*to)
    centre, target = project(np.median(lonlat, axis=0)[None], here), project(np.array([to]), there)

    def move(xy):
        return unproject(project(xy, here) - centre + target, there)

    return move(lonlat), shapely.transform(streets, move)


@pytest.fixture(scope="module")
def cities(real_data):
    """Points and streets of a mountain city, a large city moved to China's longitudes, and a village."""

    def streets(path):
        return read_network(path, profile="drive" if "porto" in path.name else "elder").to_frame().to_crs(4326)

    paths = {name: real_data / name / f"{name}.osm" for name in ("panzhihua", "nantong")}
    found = {name: (places(path, ("building",)), streets(path).geometry.to_numpy()) for name, path in paths.items()}
    porto = real_data / "porto" / "porto.osm.pbf"
    shops = places(porto, ("amenity", "shop", "office", "healthcare"))
    found["porto"] = moved(shops, streets(porto).geometry.to_numpy(), ZHUZHOU)
    return found


@pytest.mark.parametrize("datum", ["wgs84", "gcj02"])
def test_the_two_county_layers_are_told_apart(real_data, datum):
    layer = gpd.read_file(real_data / "china_admin" / f"counties_4cities_{datum}.gpkg")
    found = judge_area_datum(layer)
    assert (found.datum, found.sure) == (datum, True)
    assert found.confidence > 0.999


def test_every_county_of_the_shifted_layer_alone(real_data, record_property):
    """One county is less than thirty-two: it may be unclear, but the best guess is right and never surely wrong."""
    layer = gpd.read_file(real_data / "china_admin" / "counties_4cities_gcj02.gpkg")
    found = [judge_area_datum(layer.iloc[[row]]) for row in range(0, len(layer), 2)]
    assert {judgement.best for judgement in found} == {"gcj02"}
    sure = np.mean([judgement.sure for judgement in found])
    record_property("figures", f"{len(found)} single counties: {sure:.0%} sure, all right")
    assert sure > 0.5


@pytest.mark.parametrize("city", ["panzhihua", "porto"])
@pytest.mark.parametrize("datum", DATUMS)
def test_a_city_s_points_are_judged_right(cities, city, datum):
    points, streets = cities[city]
    found = judge_datum(shifted(points, datum), streets=streets)
    assert found.best == datum
    assert found.sure


@pytest.mark.parametrize("n", [3, 5, 10, 20, 50])
def test_a_few_points_are_right_or_not_sure(cities, n, record_property):
    rng = np.random.default_rng(n)
    sure = 0
    for points, streets in cities.values():
        for datum in DATUMS:
            some = points[rng.choice(len(points), n, replace=False)]
            found = judge_datum(shifted(some, datum), streets=streets)
            assert found.datum in {datum, None}
            sure += found.sure
    record_property("figures", f"{n} points: {sure} of {3 * len(cities)} sure, none wrong")


def test_outside_china_there_is_one_datum(real_data):
    path = real_data / "porto" / "porto.osm.pbf"
    found = judge_datum(places(path, ("amenity",)))
    assert (found.datum, found.reason) == ("wgs84", "not_shifted")


def test_areas_are_read_in_the_datum_that_fits(real_data):
    """The file says EPSG:4326 and is in GCJ-02; read with ``auto`` its borders lie where those of the true file lie."""
    folder = real_data / "china_admin"
    shifted = read_areas(folder / "counties_4cities_gcj02.gpkg", level="county", datum="auto")
    taken = read_areas(folder / "counties_4cities_gcj02.gpkg", level="county")
    truth = read_areas(folder / "counties_4cities_wgs84.gpkg", level="county", datum="auto").set_index("area_id")

    def apart(areas):
        at = areas.set_index("area_id").geometry.centroid
        return np.hypot(at.x - truth.geometry.centroid.x, at.y - truth.geometry.centroid.y).median() * 111_320

    assert apart(taken) > 3 * apart(shifted)
    assert any("GCJ-02" in note for note in shifted.attrs["notes"])
