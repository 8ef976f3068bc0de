"""Real extracts beside the project (marker `real`): the verbs end to end on cities nobody made up."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

import carecircle as cc
from carecircle.cli import app

pytestmark = pytest.mark.real


def rectangle(network, code="530101"):
    """One area that holds the whole network."""
    west, south, east, north = network.bounds
    box = gpd.GeoSeries([shapely.box(west, south, east, north).buffer(3000)], crs=network.crs).to_crs(4326)
    return gpd.GeoDataFrame({"代码": [code], "名称": ["全部"]}, geometry=box)


def scattered_points(network, n, seed, key):
    rng = np.random.default_rng(seed)
    node = rng.integers(0, network.n_nodes, n)
    xy = network.node_xy[node] + rng.normal(0, 20, (n, 2))
    frame = gpd.GeoDataFrame(
        {key: [f"{key[0]}{k}" for k in range(n)]}, geometry=gpd.points_from_xy(*xy.T), crs=network.crs
    )
    return frame.to_crs(4326)


def test_panzhihua_with_the_facilities_of_openstreetmap(real_data, tmp_path, record_property):
    roads = real_data / "panzhihua" / "panzhihua.osm"
    network = cc.read_network(roads)
    facilities = cc.read_facilities(roads)
    assert len(facilities) == 3
    assert facilities["kind"].notna().all()
    demand = scattered_points(network, 400, 1, "demand_id").assign(people_60=10.0)
    areas = cc.read_areas(rectangle(network))
    found = cc.nearest(demand, facilities, network)
    table = cc.coverage(demand, facilities, areas, network, minutes=(5, 15, 30))
    people = table[(table["measure"] == "people_60") & (table["kind"] == "all")]
    assert people["covered"].tolist() == [
        10 * int((found["minutes"] <= limit + 1e-6 / 60).sum()) for limit in (5, 15, 30)
    ]
    assert people["covered"].is_monotonic_increasing
    rings = cc.isochrones(facilities, network, minutes=(5, 15), union=True)
    assert len(rings) == 8
    assert rings.geometry.is_valid.all()
    demand.to_crs(4326).assign(lon=lambda t: t.geometry.x, lat=lambda t: t.geometry.y).drop(columns="geometry").to_csv(
        tmp_path / "people.csv", index=False
    )
    rectangle(network).to_file(tmp_path / "area.gpkg")
    words = [
        "coverage",
        "--roads",
        roads,
        "--facilities",
        roads,
        "--areas",
        tmp_path / "area.gpkg",
        "--population",
        tmp_path / "people.csv",
        "--minutes",
        "5,15,30",
        "--out",
        tmp_path / "cover.csv",
    ]
    ran = CliRunner().invoke(app, list(map(str, words)))
    assert ran.exit_code == 0, ran.output
    written = pd.read_csv(tmp_path / "cover.csv")
    people = written[(written["measure"] == "people_60") & (written["kind"] == "all")]
    assert people["total"].tolist() == [4000.0] * 3
    record_property("figures", people[["minutes", "covered", "total"]].to_dict("records"))


def test_porto_is_read_and_searched_in_seconds(real_data, record_property):
    started = time.perf_counter()
    network = cc.read_network(real_data / "porto" / "porto.osm.pbf", cache=False)
    read = time.perf_counter() - started
    assert network.n_edges > 50_000
    facilities, points = (
        scattered_points(network, 100, 2, "facility_id"),
        scattered_points(network, 20_000, 3, "point_id"),
    )
    started = time.perf_counter()
    found = cc.nearest(points, facilities, network, minutes=15)
    searched = time.perf_counter() - started
    started = time.perf_counter()
    rings = cc.isochrones(facilities, network, minutes=(5, 10, 15))
    drawn = time.perf_counter() - started
    record_property(
        "figures",
        f"Porto {network}: read {read:.1f} s, 20,000 points {searched:.1f} s, 100 isochrones of 3 limits {drawn:.1f} s",
    )
    assert read < 60
    assert searched < 30
    assert drawn < 60
    assert 0.05 < found["minutes"].notna().mean() < 1
    shapes = rings.geometry.to_numpy().reshape(100, 3)
    assert shapely.is_valid(shapes).all()
    held = shapely.covers(shapes[:, 1:], shapes[:, :-1]) | shapely.is_empty(shapes[:, :-1])
    assert held.all()


def test_porto_alegre_with_its_hexagons(real_data, tmp_path, record_property):
    """The grid's CSV (`id, lon, lat, population, ...`) is read as it stands; 812,935 people."""
    folder = real_data / "porto_alegre"
    network = cc.read_network(folder / "porto_alegre.osm.pbf")
    people = cc.read_population(folder / "population_hexgrid.csv")
    assert people["people"].sum() == 812_935
    assert people["people_60"].isna().all()
    rectangle(network).to_file(tmp_path / "area.gpkg")
    words = [
        "coverage",
        "--roads",
        folder / "porto_alegre.osm.pbf",
        "--facilities",
        folder / "points_of_interest.csv",
        "--areas",
        tmp_path / "area.gpkg",
        "--population",
        folder / "population_hexgrid.csv",
        "--minutes",
        "15,60",
        "--out",
        tmp_path / "cover.csv",
    ]
    ran = CliRunner().invoke(app, list(map(str, words)))
    assert ran.exit_code == 0, ran.output
    table = pd.read_csv(tmp_path / "cover.csv")
    own = table[table["measure"] == "people"]
    assert own["total"].tolist() == [812_935] * 2
    assert 0 < own["covered"].iloc[0] < own["covered"].iloc[1] < 812_935
    assert table.loc[table["measure"] == "people_60", ["covered", "total"]].isna().all(axis=None), "unknown, not 0"
    facilities = cc.read_facilities(folder / "points_of_interest.csv")
    times = cc.nearest(people, facilities, network)["minutes"]
    assert own["covered"].tolist() == [people["people"][times <= limit].sum() for limit in (15, 60)]
    record_property("figures", own[["minutes", "covered", "total"]].to_dict("records"))


def test_andorra_walks_and_drives(real_data, record_property):
    for mode in ("elder", "drive"):
        network = cc.read_network(real_data / "andorra" / "andorra.osm.gz", profile=mode)
        facilities, points = (
            scattered_points(network, 10, 4, "facility_id"),
            scattered_points(network, 500, 5, "point_id"),
        )
        there, back = (cc.nearest(points, facilities, network, direction=way)["minutes"] for way in ("to", "from"))
        if mode == "elder":
            assert there.to_numpy() == pytest.approx(back.to_numpy(), nan_ok=True)
        rings = cc.isochrones(facilities, network, minutes=(5, 15))
        assert rings.geometry.is_valid.all()
        raster = cc.minutes_raster(facilities, network, minutes=15, cell_metres=25)
        assert np.nanmax(raster.minutes) <= 15
        record_property(
            mode,
            f"median {there.median():.1f} min, reached {there.notna().mean():.1%}, "
            f"mean 15-minute area {rings['area_km2'][1::2].mean():.2f} km2",
        )
