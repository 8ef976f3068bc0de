"""Bad inputs, one by one: a clear message in Chinese with file, row and column; exit code 1; nothing half-written."""

import re
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

from carecircle.cli import app
from carecircle.datasets import demo_file, demo_path
from carecircle.sources import read_facilities, read_population

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Good files of the demo city as plain tables, to be spoilt one at a time."""
    folder = tmp_path_factory.mktemp("good")
    for key, name in (("roads", "roads.osm.pbf"),):
        shutil.copy(demo_file(key), folder / name)
    facilities = read_facilities(demo_file("facilities"), datum="gcj02").head(12)
    table = pd.DataFrame(
        {
            "机构编号": facilities["facility_id"],
            "机构名称": facilities["name"],
            "床位数": 10,
            "经度": facilities.geometry.x,
            "纬度": facilities.geometry.y,
        }
    )
    table.to_csv(folder / "homes.csv", index=False)
    people = read_population(demo_file("people")).head(200)
    pd.DataFrame(
        {
            "编号": people["demand_id"],
            "60岁以上": people["people_60"],
            "经度": people.geometry.x,
            "纬度": people.geometry.y,
        }
    ).to_csv(folder / "people.csv", index=False)
    for path in (demo_path() / "boundaries").glob("counties.*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def refuse(good, tmp_path, monkeypatch):
    """Run a command that must fail cleanly; returns what it says."""
    monkeypatch.delenv("CARECIRCLE_LANG", raising=False)
    out = tmp_path / "out"

    def invoke(command="coverage", **files):
        given = {
            "roads": good / "roads.osm.pbf",
            "facilities": good / "homes.csv",
            "areas": good / "counties.shp",
            "population": good / "people.csv",
            **files,
        }
        if command == "times":
            given["points"] = given.pop("population")
        wanted = {
            "coverage": ("roads", "facilities", "areas", "population", "boundary"),
            "times": ("roads", "facilities", "points", "boundary"),
            "isochrones": ("roads", "facilities", "boundary", "barriers"),
        }[command]
        words = [word for name in wanted if name in given for word in (f"--{name}", str(given[name]))]
        target = files.get("out", out / "result.csv" if command != "isochrones" else out / "result.gpkg")
        before = sorted(tmp_path.rglob("*"))
        found = CliRunner().invoke(app, [command, *words, "--out", str(target)])
        assert found.exit_code == 1, found.output
        assert isinstance(found.exception, SystemExit)
        message = found.stderr.split("错误：", 1)[1]
        assert CHINESE.search(message)
        assert "Traceback" not in found.output
        assert sorted(path for path in tmp_path.rglob("*") if path != out) == before, "nothing half-written"
        return message

    return invoke


def spoil(good, tmp_path, change, name="homes.csv"):
    table = change(pd.read_csv(good / name, dtype=str))
    table.to_csv(tmp_path / name, index=False)
    return tmp_path / name


def test_good_files_are_good(good, tmp_path):
    words = [
        "coverage",
        "--roads",
        good / "roads.osm.pbf",
        "--facilities",
        good / "homes.csv",
        "--areas",
        good / "counties.shp",
        "--population",
        good / "people.csv",
        "--out",
        tmp_path / "c.csv",
    ]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0


def test_a_missing_column(refuse, good, tmp_path):
    said = refuse(facilities=spoil(good, tmp_path, lambda table: table.drop(columns="纬度")))
    assert "homes.csv" in said
    assert "lat" in said or "纬度" in said
    assert "表中现有：机构编号、机构名称、床位数、经度" in said


def test_bad_cells_name_row_and_column(refuse, good, tmp_path):
    def change(table):
        table.loc[2, "经度"] = "东经一百"
        table.loc[4, "床位数"] = "-5"
        table.loc[5, "机构编号"] = table.loc[6, "机构编号"]
        return table

    said = refuse(facilities=spoil(good, tmp_path, change))
    assert "第 4 行" in said
    assert "“东经一百”不是坐标" in said
    assert "第 6 行，列“床位数”" in said
    assert "第 7 行" in said
    assert "第 8 行" in said
    assert "重复" in said


def test_a_wrong_reference_system(refuse, good, tmp_path):
    """Projected coordinates in columns of longitude and latitude; and a layer whose system is not said."""
    frame = pd.read_csv(good / "homes.csv")
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["经度"], frame["纬度"]), crs=4326).to_crs(3857)
    frame.assign(经度=points.geometry.x, 纬度=points.geometry.y).to_csv(tmp_path / "homes.csv", index=False)
    said = refuse(facilities=tmp_path / "homes.csv")
    assert "墨卡托" in said
    assert "EPSG:3857" in said
    points.drop(columns=["经度", "纬度"]).to_file(tmp_path / "homes.shp", encoding="utf-8")
    (tmp_path / "homes.prj").unlink()
    said = refuse(facilities=tmp_path / "homes.shp")
    assert "homes.shp" in said
    assert "没有注明坐标系" in said
    for path in good.glob("counties.*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "counties.prj").unlink()
    assert "没有注明坐标系" in refuse(areas=tmp_path / "counties.shp")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("homes.csv", b""),
        ("homes.csv", "机构编号,经度,纬度\n".encode()),
        ("homes.xlsx", b""),
        ("homes.geojson", b""),
        ("homes.gpkg", b""),
    ],
)
def test_an_empty_file(refuse, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    said = refuse(facilities=tmp_path / name)
    assert name in said


@pytest.mark.parametrize("size", [0, 10, 5_000, 40_000, -1])
def test_a_truncated_pbf(refuse, good, tmp_path, size):
    (tmp_path / "cut.osm.pbf").write_bytes((good / "roads.osm.pbf").read_bytes()[:size])
    said = refuse(roads=tmp_path / "cut.osm.pbf")
    assert "cut.osm.pbf" in said


def test_polygons_where_points_are_due(refuse, good):
    said = refuse(facilities=good / "counties.shp")
    assert "counties.shp" in said
    assert "需要的图形类型是" in said


def test_points_where_polygons_are_due(refuse, good, tmp_path):
    frame = pd.read_csv(good / "homes.csv")
    gpd.GeoDataFrame(
        {"代码": frame.index.map(lambda k: f"53010{k:04}")},
        geometry=gpd.points_from_xy(frame["经度"], frame["纬度"]),
        crs=4326,
    ).to_file(tmp_path / "dots.gpkg")
    said = refuse(areas=tmp_path / "dots.gpkg")
    assert "dots.gpkg" in said
    assert "图形类型" in said


def test_no_roads_in_the_boundary(refuse, tmp_path):
    gpd.GeoDataFrame(geometry=[shapely.box(120, 30, 121, 31)], crs=4326).to_file(tmp_path / "elsewhere.gpkg")
    said = refuse(boundary=tmp_path / "elsewhere.gpkg")
    assert "边界范围内没有道路" in said


def test_a_file_without_roads(refuse, good, tmp_path):
    (tmp_path / "no.osm").write_text('<osm version="0.6"><node id="1" version="1" lon="102" lat="24"/></osm>', "utf-8")
    said = refuse(roads=tmp_path / "no.osm")
    assert "no.osm" in said
    assert "没有道路" in said
    assert "homes.csv" in refuse(roads=good / "homes.csv")


def test_a_facility_500_km_away(refuse, good, tmp_path):
    def change(table):
        table.loc[3, "经度"] = "107.5"
        return table

    said = refuse("isochrones", facilities=spoil(good, tmp_path, change))
    assert "homes.csv" in said
    name = pd.read_csv(good / "homes.csv", dtype=str)["机构编号"][3]
    assert f"“{name}”（经度 107.50000" in said
    assert "公里" in said


def test_swapped_longitude_and_latitude(good, tmp_path):
    """In China they are put right; where both readings are possible they stay, far from every street."""
    spoil(good, tmp_path, lambda t: t.rename(columns={"经度": "纬度", "纬度": "经度"}))
    turned, kept = read_facilities(tmp_path / "homes.csv"), read_facilities(good / "homes.csv")
    assert turned.geometry.geom_equals(kept.geometry).all()
    assert "写反" in "".join(turned.attrs["notes"])


def test_people_of_another_city(refuse, good, tmp_path):
    def change(table):
        table["经度"] = (table["经度"].astype(float) + 0.5).astype(str)
        return table

    said = refuse("times", population=spoil(good, tmp_path, change, "people.csv"))
    assert "people.csv" in said
    assert "请检查" in said
    assert refuse(population=tmp_path / "people.csv"), "no one lives in the areas"


def test_text_called_a_workbook(good, tmp_path):
    shutil.copy(good / "homes.csv", tmp_path / "homes.xlsx")
    assert read_facilities(tmp_path / "homes.xlsx").equals(read_facilities(good / "homes.csv"))


def test_a_picture_called_a_table(refuse, tmp_path):
    (tmp_path / "homes.csv").write_bytes(bytes(range(256)) * 50)
    assert "homes.csv" in refuse(facilities=tmp_path / "homes.csv")


def test_areas_without_codes(refuse, good, tmp_path):
    areas = gpd.read_file(good / "counties.shp", encoding="GB18030")
    areas[["名称", "geometry"]].to_file(tmp_path / "areas.gpkg")
    said = refuse(areas=tmp_path / "areas.gpkg")
    assert "areas.gpkg" in said
    assert "area_id" in said or "代码" in said


def test_population_without_people(refuse, good, tmp_path):
    said = refuse(population=spoil(good, tmp_path, lambda table: table.drop(columns="60岁以上"), "people.csv"))
    assert "people.csv" in said
    assert "没有人口列" in said
    negative = spoil(good, tmp_path, lambda table: table.assign(**{"60岁以上": "-1"}), "people.csv")
    assert "第 2 行，列“60岁以上”" in refuse(population=negative)


@pytest.mark.parametrize("what", ["roads", "facilities", "areas", "population", "boundary"])
def test_missing_files(refuse, tmp_path, what):
    name = {"roads": "none.osm.pbf", "areas": "none.shp", "boundary": "none.gpkg"}.get(what, "none.csv")
    said = refuse(**{what: tmp_path / name})
    assert name in said
    assert "找不到这个文件" in said


@pytest.mark.parametrize(
    "what",
    [
        "roads",
        "facilities",
        "areas",
        "population",
    ],
)
def test_folders_where_files_are_due(refuse, tmp_path, what):
    (tmp_path / "folder").mkdir()
    assert "folder" in refuse(**{what: tmp_path / "folder"})


def test_a_barrier_file_without_shapes(refuse, good):
    assert "homes.csv" in refuse("isochrones", barriers=good / "homes.csv")


@pytest.mark.parametrize("command", ["times", "isochrones", "coverage"])
def test_an_output_under_a_file(refuse, tmp_path, command):
    (tmp_path / "file").write_text("mine")
    said = refuse(command, out=tmp_path / "file" / f"result.{'gpkg' if command == 'isochrones' else 'csv'}")
    assert "无法写入" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_that_is_a_folder(refuse, tmp_path):
    (tmp_path / "result.csv").mkdir()
    assert "无法写入" in refuse(out=tmp_path / "result.csv")


@pytest.fixture
def city(tmp_path):
    shutil.copytree(demo_path(), tmp_path / "city")
    return tmp_path / "city" / demo_file("plan").name


def run_plan(plan, out):
    found = CliRunner().invoke(app, ["run", str(plan), "--out", str(out)])
    assert found.exit_code == 1, found.output
    assert isinstance(found.exception, SystemExit)
    return found.stderr


def test_a_plan_with_an_unknown_setting(city, tmp_path):
    city.write_text(city.read_text("utf-8").replace("profile =", "profil ="), "utf-8")
    said = run_plan(city, tmp_path / "out")
    assert "没有 reach.profil 这项设置；可用：profile" in said
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(city, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert "无法写入" in run_plan(city, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_earlier_results_stay_when_a_run_fails(city, tmp_path):
    (tmp_path / "out").mkdir()
    earlier = {"coverage.csv": "earlier", "study.json": '{"carecircle": "0.1.0"}', "mine.txt": "a note"}
    for name, content in earlier.items():
        (tmp_path / "out" / name).write_text(content)
    (city.parent / "population" / "buildings.csv").write_bytes(b"")
    assert "buildings.csv" in run_plan(city, tmp_path / "out")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == earlier


def test_wrong_speeds_in_a_plan(city, tmp_path):
    city.write_text(
        city.read_text("utf-8").replace("[facilities]", "[roads.speeds]\nmotorwy = 100\n[facilities]"), "utf-8"
    )
    assert "motorwy" in run_plan(city, tmp_path / "out")


def test_many_problems_are_told_together(refuse, good, tmp_path):
    said = refuse(facilities=spoil(good, tmp_path, lambda table: table.assign(床位数="很多")))
    assert said.count("第 ") >= 10


def test_nan_coordinates(refuse, good, tmp_path):
    def change(table):
        table.loc[1, "经度"] = np.nan
        return table

    said = refuse(facilities=spoil(good, tmp_path, change))
    assert "第 3 行" in said
