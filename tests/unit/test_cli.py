"""The command line: every command, its files, its words, its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from typer.testing import CliRunner

from carecircle.cli import app
from carecircle.datasets import demo_file

COMMANDS = ["run", "demo", "times", "isochrones", "coverage", "check", "geocode", "fetch", "inspect", "version"]
SIDE, STEP = 11, 200


@pytest.fixture(scope="module")
def town(tmp_path_factory, lonlat_of):
    """Files of a made-up town: a mesh of 11 x 11 streets 200 m apart, 4 facilities, 30 points, 2 areas."""
    folder = tmp_path_factory.mktemp("town")
    xy = np.array([(STEP * i, STEP * j) for i in range(SIDE) for j in range(SIDE)], float)
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
    seniors = (
        '<tag k="amenity" v="social_facility"/><tag k="social_facility:for" v="senior"/><tag k="name" v="颐和苑"/>'
    )
    for number, (lon, lat) in enumerate(lonlat_of(xy).tolist(), start=1):
        lines.append(
            f'<node id="{number}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{seniors if number == 61 else ""}</node>'
        )
    runs = [range(i * SIDE + 1, i * SIDE + SIDE + 1) for i in range(SIDE)]
    runs += [range(i + 1, SIDE * SIDE + 1, SIDE) for i in range(SIDE)]
    for way, refs in enumerate(runs, start=1):
        nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        lines.append(f'<way id="{way}" version="1">{nodes}<tag k="highway" v="residential"/></way>')
    (folder / "roads.osm").write_text("\n".join([*lines, "</osm>"]), "utf-8")

    def points(*places):
        return lonlat_of(np.array(places, float)).T

    lon, lat = points((0, 0), (1000, 1000), (2000, 400), (400, 1800))
    homes = pd.DataFrame(
        {
            "机构编号": ["A1", "A2", "A3", "A4"],
            "机构名称": list("甲乙丙丁"),
            "类别": ["养老院", "助餐点", "养老院", "助餐点"],
            "运营状态": ["在营", "在营", "在营", "停业"],
            "经度": lon,
            "纬度": lat,
        }
    )
    homes.to_csv(folder / "homes.csv", index=False)
    shapes = gpd.GeoDataFrame(homes.drop(columns=["经度", "纬度"]), geometry=gpd.points_from_xy(lon, lat), crs=4326)
    shapes.to_file(folder / "homes.geojson")
    shapes.to_file(folder / "homes.gpkg")
    shapes.to_crs(4543).to_file(folder / "homes.shp", encoding="GBK")
    homes.to_excel(folder / "homes.xlsx", index=False)
    places = np.random.default_rng(1).uniform(0, 2000, (29, 2))
    lon, lat = points(*places, (4200, 0))
    pd.DataFrame({"编号": [f"p{k:02}" for k in range(30)], "lon": lon, "lat": lat, "60岁以上": 10}).to_csv(
        folder / "people.csv", index=False
    )
    (west, south), (east, north) = lonlat_of(np.array([[-10.0, -10], [5000, 2010]]))
    middle = (west + east) / 2
    gpd.GeoDataFrame(
        {"代码": ["530101001", "530101002"], "名称": ["西街道", "东街道"]},
        geometry=[shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)],
        crs=4326,
    ).to_file(folder / "areas.gpkg")
    return folder


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("CARECIRCLE_LANG", raising=False)

    def invoke(*words, code=0):
        found = CliRunner().invoke(app, [str(word) for word in words])
        assert found.exit_code == code, found.output
        assert found.exception is None or isinstance(found.exception, SystemExit)
        return found

    return invoke


@pytest.fixture
def given(town):
    return ["--roads", town / "roads.osm", "--facilities", town / "homes.csv"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(run, command):
    found = run(command, "--help").output
    assert command == "version" or f"Example: carecircle {command}" in " ".join(found.split())
    for option in ("--json", "--quiet", "--lang"):
        assert command == "version" or option in found
    assert run(command, "-h").output == found


def test_help_names_all_commands(run):
    found = run("--help").output
    assert all(command in found for command in COMMANDS)
    assert run(code=2).output.count("Usage") == 1
    run("nonsense", code=2)
    run("times", code=2)


def test_version(run):
    from importlib.metadata import version  # noqa: PLC0415

    assert run("version").stdout.strip() == version("carecircle")


def test_times(run, town, given, tmp_path):
    found = run("times", *given, "--points", town / "people.csv", "--minutes", 20, "--out", tmp_path / "new" / "t.csv")
    assert "29 个在 20 分钟内到达设施" in found.stdout or "个在 20 分钟内到达设施" in found.stdout
    assert "提示：" in found.stderr, "one point is 2.2 km from every street"
    table = pd.read_csv(tmp_path / "new" / "t.csv")
    assert list(table.columns) == ["point_id", "facility_id", "minutes", "metres", "snap_metres"]
    assert table["point_id"].is_monotonic_increasing
    assert set(table["point_id"]) == {f"p{k:02}" for k in range(30)}
    assert set(table["facility_id"].dropna()) <= {"A1", "A2", "A3"}, "a closed facility does not count"
    lost = table[table["facility_id"].isna()]
    assert "p29" in lost["point_id"].tolist()
    assert lost[["minutes", "metres"]].isna().all(axis=None)
    assert table["minutes"].max() <= 20
    reached = table.dropna()
    assert reached["metres"].to_numpy() == pytest.approx(reached["minutes"].to_numpy() * 48, abs=0.01)
    nearest = run(
        "times",
        *given,
        "--points",
        town / "people.csv",
        "--nearest",
        "--json",
        "--out",
        tmp_path / "n.csv",
        "--minutes",
        20,
    )
    said = json.loads(nearest.stdout)
    first = pd.read_csv(tmp_path / "n.csv")
    assert said["points"] == len(first) == 30
    assert said["points_reached"] == first["facility_id"].notna().sum()
    best = reached.groupby("point_id")["minutes"].min()
    assert first.dropna().set_index("point_id")["minutes"].to_dict() == pytest.approx(best.to_dict())
    closed = json.loads(
        run(
            "times", *given, "--points", town / "people.csv", "--count-closed", "--json", "--out", tmp_path / "c.csv"
        ).stdout
    )
    assert closed["facilities"] == said["facilities"] + 1


@pytest.mark.parametrize(
    ("option", "metres_a_minute"),
    [(["--profile", "adult"], 66.6), (["--speed", "1.2"], 72), (["--mode", "wheelchair"], 30)],
)
def test_who_travels(run, town, given, tmp_path, option, metres_a_minute):
    run("times", *given, "--points", town / "people.csv", *option, "--out", tmp_path / "t.csv", "--quiet")
    table = pd.read_csv(tmp_path / "t.csv").dropna()
    assert table["metres"].to_numpy() == pytest.approx(table["minutes"].to_numpy() * metres_a_minute, abs=0.01)


@pytest.mark.parametrize("name", ["homes.csv", "homes.geojson", "homes.gpkg", "homes.shp", "homes.xlsx", "roads.osm"])
def test_facilities_in_every_format(run, town, tmp_path, name):
    run(
        "times",
        "--roads",
        town / "roads.osm",
        "--facilities",
        town / name,
        "--points",
        town / "people.csv",
        "--out",
        tmp_path / "t.csv",
    )
    table = pd.read_csv(tmp_path / "t.csv").dropna()
    if name == "roads.osm":
        assert set(table["facility_id"]) == {"node/61"}
        return
    run(
        "times",
        "--roads",
        town / "roads.osm",
        "--facilities",
        town / "homes.csv",
        "--points",
        town / "people.csv",
        "--out",
        tmp_path / "u.csv",
    )
    other = pd.read_csv(tmp_path / "u.csv").dropna()
    assert table["facility_id"].tolist() == other["facility_id"].tolist()
    assert table["metres"].to_numpy() == pytest.approx(other["metres"].to_numpy(), abs=0.01)


@pytest.mark.parametrize("name", ["i.gpkg", "i.geojson", "i.shp", "i.fgb", "i.parquet"])
def test_isochrones(run, given, tmp_path, name):
    found = run("isochrones", *given, "--minutes", "10,5，15", "--union", "--out", tmp_path / name)
    assert "已写出 12 行" in found.stdout
    areas = gpd.read_parquet(tmp_path / name) if name.endswith("parquet") else gpd.read_file(tmp_path / name)
    assert len(areas) == 3 * 4
    assert set(areas["minutes"]) == {5, 10, 15}
    assert set(areas.iloc[:, 0]) == {"A1", "A2", "A3", "all"}


def test_isochrones_of_other_kinds(run, given, tmp_path):
    def layer(*words):
        run("isochrones", *given, "--minutes", 10, *words, "--out", tmp_path / "i.gpkg", "--quiet")
        return gpd.read_file(tmp_path / "i.gpkg")

    plain = layer()
    streets = layer("--edges")
    assert list(streets.columns) == ["facility_id", "minutes", "highway", "metres", "geometry"]
    assert set(streets.geom_type) <= {"LineString", "MultiLineString"}
    assert streets.groupby("facility_id")["metres"].sum().to_numpy() / 1000 == pytest.approx(
        plain["reached_km"].to_numpy()
    )
    assert layer("--overlap", "merge")["facility_id"].tolist() == ["all"]
    assert layer("--overlap", "split")["reached_km"].sum() <= plain["reached_km"].sum() + 1e-9
    assert (layer("--no-holes")["area_km2"] >= plain["area_km2"]).all()
    assert layer("--reach-metres", 60)["area_km2"].sum() > plain["area_km2"].sum()
    assert layer("--direction", "from")["reached_km"].to_numpy() == pytest.approx(plain["reached_km"].to_numpy())
    assert len(layer("--rings")) == 3


def test_barriers_close_streets_for_every_kind_of_output(run, given, tmp_path, lonlat_of):
    around = lonlat_of(np.array([(950.0, 950), (1050, 950), (1050, 1050), (950, 1050)]))
    gpd.GeoDataFrame(geometry=[shapely.LineString([*around, around[0]])], crs=4326).to_file(tmp_path / "wall.geojson")
    sizes = {}
    for name in ("i.tif", "i.gpkg"):
        for words in ((), ("--barriers", tmp_path / "wall.geojson")):
            run("isochrones", *given, "--minutes", 10, *words, "--out", tmp_path / name)
            if name == "i.tif":
                with rasterio.open(tmp_path / name) as source:
                    sizes[name, bool(words)] = float((source.read(1) != source.nodata).sum())
            else:
                sizes[name, bool(words)] = gpd.read_file(tmp_path / name)["area_km2"].sum()
    assert sizes["i.gpkg", True] < 0.8 * sizes["i.gpkg", False]
    assert sizes["i.tif", True] < 0.8 * sizes["i.tif", False]


def test_a_grid_of_minutes(run, given, tmp_path):
    run("isochrones", *given, "--minutes", "5,10", "--out", tmp_path / "i.tif")
    with rasterio.open(tmp_path / "i.tif") as source:
        values = source.read(1, masked=True)
        assert source.crs.to_epsg() == 4543
    assert 9 < values.max() <= 10
    assert values.min() >= 0


def test_coverage(run, given, town, tmp_path):
    found = run(
        "coverage",
        *given,
        "--areas",
        town / "areas.gpkg",
        "--population",
        town / "people.csv",
        "--minutes",
        "5,15",
        "--out",
        tmp_path / "c.csv",
    )
    assert "（2 个区域）" in found.stdout
    table = pd.read_csv(tmp_path / "c.csv", dtype={"area_id": str})
    people = table[(table["measure"] == "people_60") & (table["kind"] == "all") & (table["minutes"] == 15)]
    assert people["total"].tolist() == [290, 10]
    assert people["covered"].iloc[1] == 0
    assert set(table["kind"]) == {"all", "养老院", "助餐点"}
    said = json.loads(
        run(
            "coverage",
            *given,
            "--areas",
            town / "areas.gpkg",
            "--population",
            town / "people.csv",
            "--out",
            tmp_path / "d.csv",
            "--json",
        ).stdout
    )
    assert said["areas"] == 2
    assert said["demand_points"] == 30


def test_demo_run_and_what_it_says(run, tmp_path):
    found = run("demo", "--out", tmp_path / "one")
    assert "云川市（虚构）" in found.stdout
    assert "35,382 / 53,663（65.9%）" in found.stdout
    assert str(tmp_path / "one" / "map.html") in found.stdout.replace("\n", "")
    assert "提示：" in found.stderr
    english = run("run", demo_file("plan"), "--out", tmp_path / "two", "--lang", "en")
    assert "within 15 minutes 35,382 / 53,663 (65.9%)" in english.stdout
    assert "note: " in english.stderr
    assert "提示" not in english.stderr
    machine = run("demo", "--out", tmp_path / "one", "--json")
    said = json.loads(machine.stdout)
    assert machine.stderr == ""
    assert said["files"] == sorted(path.name for path in (tmp_path / "one").iterdir())
    assert said["facilities"] == 71
    assert Path(said["map"]).exists()


def test_inspect(run, town):
    found = run("inspect", town / "roads.osm", town / "homes.csv", town / "areas.gpkg").stdout
    assert all(name in found for name in ("roads.osm", "homes.csv", "areas.gpkg"))
    assert "道路 22" in found
    one = json.loads(run("inspect", town / "homes.csv", "--json").stdout)
    assert one["kind"] == "table"
    many = json.loads(run("inspect", town / "homes.csv", town / "roads.osm", "--json").stdout)
    assert [item["kind"] for item in many["files"]] == ["table", "osm"]
    (town / "strange.bin").write_bytes(b"\x00\x01")
    assert "strange.bin" in run("inspect", town / "strange.bin", code=1).output


def test_json_is_one_object_also_for_errors(run, given, town, tmp_path):
    for words in (("--points", town / "none.csv"), ("--points", town / "people.csv", "--minutes", "-3")):
        found = run("times", *given, *words, "--out", tmp_path / "t.csv", "--json", code=1)
        said = json.loads(found.stdout)
        assert set(said) == {"error", "message", "problems"}
        assert said["message"]
        assert found.stderr == ""
    assert not (tmp_path / "t.csv").exists()


def test_quiet_prints_nothing(run, given, town, tmp_path):
    for words in (
        ("times", *given, "--points", town / "people.csv", "--out", tmp_path / "t.csv"),
        ("isochrones", *given, "--out", tmp_path / "i.gpkg"),
        (
            "coverage",
            *given,
            "--areas",
            town / "areas.gpkg",
            "--population",
            town / "people.csv",
            "--out",
            tmp_path / "c.csv",
        ),
        ("inspect", town / "homes.csv"),
    ):
        assert run(*words, "--quiet").output == ""
    assert (
        "错误"
        in run("times", *given, "--points", town / "none.csv", "--out", tmp_path / "t.csv", "--quiet", code=1).stderr
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--minutes", "ten"),
        ("--minutes", "0"),
        ("--minutes", "5,-1"),
        ("--minutes", ""),
        ("--overlap", "both"),
        ("--direction", "sideways"),
        ("--profile", "granny"),
        ("--datum", "mars"),
        ("--reach-metres", "0"),
        ("--speed", "0"),
        ("--out", "i.docx"),
        ("--lang", "fr"),
        ("--speeds", "none.toml"),
    ],
)
def test_options_that_make_no_sense(run, given, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    found = run("isochrones", *given, "--out", "i.gpkg", *words, code=1)
    assert found.stderr.startswith("错误：\n")
    assert found.stdout == "" or "出行方式" in found.stdout
    assert list(tmp_path.iterdir()) == []
    for command in ("times", "coverage"):
        if words[0] == "--minutes" and words[1] != "ten" and words[1]:
            more = (
                ("--points", given[3])
                if command == "times"
                else ("--areas", given[3].parent / "areas.gpkg", "--population", given[3].parent / "people.csv")
            )
            if command == "coverage" or "," not in words[1]:
                run(command, *given, *more, *words, "--out", "x.csv", code=1)
                assert list(tmp_path.iterdir()) == []


def test_speeds(run, given, town, tmp_path):
    (tmp_path / "speeds.toml").write_text("residential = 30\n", "utf-8")
    run(
        "times",
        *given,
        "--points",
        town / "people.csv",
        "--mode",
        "drive",
        "--speeds",
        tmp_path / "speeds.toml",
        "--out",
        tmp_path / "t.csv",
    )
    fast = pd.read_csv(tmp_path / "t.csv").dropna()
    run("times", *given, "--points", town / "people.csv", "--mode", "drive", "--out", tmp_path / "u.csv")
    usual = pd.read_csv(tmp_path / "u.csv").dropna()
    assert fast["minutes"].sum() < usual["minutes"].sum()


def test_as_a_program(town, given, tmp_path):
    """Real processes: exit codes, streams, and a console that is not UTF-8."""

    def program(*words, **more):
        command = [sys.executable, "-m", "carecircle", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, env={**os.environ, **more}, check=False)

    good = program(
        "times", *given, "--points", town / "people.csv", "--out", "t.csv", LC_ALL="C", PYTHONIOENCODING="ascii"
    )
    assert good.returncode == 0
    assert "分钟内到达设施" in good.stdout.decode("utf-8")
    bad = program("times", *given, "--points", town / "none.csv", "--out", "u.csv")
    assert bad.returncode == 1
    assert "none.csv" in bad.stderr.decode("utf-8")
    assert b"Traceback" not in bad.stderr
    english = program("times", *given, "--points", town / "none.csv", "--out", "u.csv", CARECIRCLE_LANG="en")
    assert b"no such file" in english.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]
