"""The main job on the demo city: stages in order, results that agree with each other, and user columns in the way."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle import pipeline, writing
from carecircle.config import load_plan
from carecircle.datasets import demo_file, demo_path
from carecircle.errors import InputError, OutputError
from carecircle.reach import nearest
from carecircle.sources import open_facilities
from carecircle.stages import Stages

FILES = [
    "areas.parquet",
    "coverage.csv",
    "coverage.xlsx",
    "demand.parquet",
    "facilities.parquet",
    "isochrones.gpkg",
    "isochrones.parquet",
    "map.html",
    "quality.csv",
    "quality.html",
    "results.gpkg",
    "study.json",
]


def hashes(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo run: (study, folder, stages told)."""
    folder, told = tmp_path_factory.mktemp("demo"), []
    study = pipeline.run(
        demo_file("plan"),
        out=folder,
        progress=lambda stage, number, of: told.append((stage, number, of)),
        resume=False,
    )
    return study, folder, told


def test_all_files_are_there_and_nothing_else(demo):
    _, folder, told = demo
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert told == [(stage, number, len(pipeline.STAGES)) for number, stage in enumerate(pipeline.STAGES)]


def test_the_same_bytes_elsewhere(demo, tmp_path):
    """A copy of the inputs, another process, working folder, time zone, language of the system, and hash seed."""
    shutil.copytree(demo_path(), tmp_path / "city")
    store = str(tmp_path / "store")
    other = {**os.environ, "TZ": "Asia/Shanghai", "LC_ALL": "C", "PYTHONHASHSEED": "7", "CARECIRCLE_CACHE": store}
    plan = f"city/{demo_file('plan').name}"
    command = [sys.executable, "-m", "carecircle", "run", plan, "--out", "deep/results", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, env=other, capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
    assert hashes(tmp_path / "deep" / "results") == hashes(demo[1])


def test_a_resumed_run_writes_the_same_bytes(demo, tmp_path, monkeypatch):
    """From a store of another process's making, and as a study in memory too."""
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "store"))
    command = [
        sys.executable,
        "-m",
        "carecircle",
        "run",
        str(demo_file("plan")),
        "--out",
        tmp_path / "first",
        "--quiet",
    ]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "8"})
    shutil.rmtree(tmp_path / "first")
    stages = Stages()
    study = pipeline.run(demo_file("plan"), out=tmp_path / "again", resume=stages)
    assert stages.resumed == ("times", "isochrones", "coverage")
    assert hashes(tmp_path / "again") == hashes(demo[1])
    for name in ("demand", "isochrones", "cover"):
        one, other = getattr(study, name), getattr(demo[0], name)
        assert type(one) is type(other)
        pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_exact=True)
    assert study.provenance == demo[0].provenance


def test_what_changes_a_stage_is_computed_anew(city, tmp_path, monkeypatch):
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "store"))
    plan = city(("minutes = [5, 10, 15]", "minutes = [5]"))
    pipeline.run(plan, out=tmp_path / "out")
    for old, new, resumed in [
        ("fictional = true", "fictional = false", ("times", "isochrones", "coverage")),
        ("minutes = [5]", "minutes = [10]", ("times",)),
        ('profile = "elder"', 'profile = "oldest"', ()),
    ]:
        plan.write_text(plan.read_text("utf-8").replace(old, new), "utf-8")
        pipeline.run(plan, out=tmp_path / "out", resume=(stages := Stages()))
        assert stages.resumed == resumed
    pipeline.run(plan, out=tmp_path / "out", resume=(stages := Stages(on=False)))
    assert stages.resumed == ()


def test_without_parquet_none_of_an_earlier_run_stays(demo, tmp_path):
    study, _, _ = demo
    plan = load_plan(demo_file("plan"))
    writing.write_results(study, plan, tmp_path / "out")
    (tmp_path / "out" / "mine.parquet").write_text("mine")
    output = plan.output.model_copy(update={"parquet": False})
    writing.write_results(study, plan.model_copy(update={"output": output}), tmp_path / "out")
    kept = [name for name in FILES if not name.endswith(".parquet")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*kept, "mine.parquet"])


@pytest.mark.parametrize("place", ["file/inner", "others"])
def test_a_folder_that_cannot_be_used_is_refused_before_the_long_work(tmp_path, place):
    (tmp_path / "file").write_text("x")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "coverage.xlsx").write_text("mine")
    with pytest.raises(OutputError, match=place):
        pipeline.run(demo_file("plan"), out=tmp_path / place, progress=lambda *_: pytest.fail("the work begins"))
    assert (tmp_path / "others" / "coverage.xlsx").read_text() == "mine"


@pytest.mark.parametrize("name", FILES)
def test_a_disk_without_room_for_a_file_leaves_the_earlier_results(demo, tmp_path, monkeypatch, name):
    """For each file in turn there is a byte too little (for the map, which is the first, only when it is its turn)."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    study, folder, _ = demo
    shutil.copytree(folder, tmp_path / "out")
    before, limits = hashes(tmp_path / "out"), resource.getrlimit(resource.RLIMIT_FSIZE)
    if name != "map.html":
        monkeypatch.setattr(writing, "map_html", lambda *_, **__: "small")
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / name).stat().st_size - 1, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"磁盘空间不足.*原有结果未改动"):
            writing.write_results(study, load_plan(demo_file("plan")), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert hashes(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only the administrator mounts a small disk")
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8, 0.97])
def test_a_disk_that_is_really_full(demo, tmp_path, share):
    study, folder, _ = demo
    size = sum(path.stat().st_size for path in folder.iterdir())
    disk, plan = tmp_path / "disk", load_plan(demo_file("plan"))
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={int(size * (1 + share))}", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        shutil.copytree(folder, disk / "out")
        with pytest.raises(OutputError, match=r"磁盘空间不足.*原有结果未改动"):
            writing.write_results(study, plan, disk / "out")
        assert hashes(disk / "out") == hashes(folder)
        assert [path.name for path in disk.iterdir()] == ["out"]
        subprocess.run(["mount", "-o", f"remount,size={size * 3}", disk], check=True)
        writing.write_results(study, plan, disk / "out")
        assert hashes(disk / "out") == hashes(folder)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_tables_agree_with_each_other(demo):
    study, folder, _ = demo
    demand, cover = study.demand, study.cover
    counties = cover[(cover["level"] == "county") & (cover["kind"] == "all")]
    for limit in study.minutes:
        row = counties[(counties["measure"] == "people_60") & (counties["minutes"] == limit)]
        assert row["covered"].sum() == demand.loc[demand["minutes"] <= limit, "people_60"].sum()
        assert row["total"].sum() == demand["people_60"].sum() == 53_663
    by_level = cover[(cover["kind"] == "all") & (cover["unit"] == "") & (cover["measure"] != "facilities")]
    sums = by_level.groupby(["level", "measure", "minutes"])[["covered", "total"]].sum()
    pd.testing.assert_frame_equal(sums.loc["county"], sums.loc["township"])
    pd.testing.assert_frame_equal(sums.loc["county"], sums.loc["community"])
    written = pd.read_csv(
        folder / "coverage.csv",
        dtype={"area_id": "str"},
        keep_default_na=False,
        na_values={"minutes": [""], "covered": [""]},
    )
    pd.testing.assert_frame_equal(written, cover, check_dtype=False)
    back = gpd.read_file(folder / "isochrones.gpkg")
    assert len(back) == len(study.isochrones) == 3 * (66 + 1)
    layers = gpd.list_layers(folder / "results.gpkg")["name"].tolist()
    assert layers == ["facilities", "areas", "demand"]
    wide = gpd.read_file(folder / "results.gpkg", layer="areas")
    assert (
        wide.loc[wide["level"] == "county", "people_60_15min"].sum()
        == sums.loc[("county", "people_60", 15.0), "covered"]
    )


def test_times_are_those_of_open_facilities(demo):
    study, _, _ = demo
    counted = open_facilities(study.facilities)
    assert len(study.facilities) == 71
    assert len(counted) == 66
    assert set(study.demand["facility_id"].dropna()) <= set(counted["facility_id"])
    assert set(study.isochrones["facility_id"]) == {*counted["facility_id"], "all"}


def test_people_within_the_limit_are_in_the_area_drawn(demo):
    """Polygons are for the eye, but who is within the limit and near a street is inside."""
    study, _, _ = demo
    near = study.demand[study.demand["snap_metres"] <= 10]
    whole = study.isochrones[study.isochrones["facility_id"] == "all"].set_index("minutes").geometry
    for limit in study.minutes:
        inside = shapely.intersects(whole[limit], near.geometry.to_numpy())
        within = (near["minutes"] <= limit).to_numpy()
        assert inside[within].mean() > 0.99
        assert inside[~within & (near["minutes"] > limit + 3).to_numpy()].mean() < 0.05


def test_provenance(demo):
    study, folder, _ = demo
    said = json.loads((folder / "study.json").read_text("utf-8"))
    assert said["fictional"] is True
    assert said["as_of"] == "2026-06-30"
    assert set(said["files"]) == {
        "roads.osm.pbf",
        "facilities.xlsx",
        "counties.shp",
        "townships.shp",
        "communities.shp",
        "buildings.csv",
    }
    assert said["parameters"]["roads"]["path"] == "roads.osm.pbf"
    assert "folder" not in said["parameters"]["output"]
    assert str(demo_path()) not in json.dumps(said)
    assert said["notes"] == list(study.notes)
    top = {
        (row["measure"], row["minutes"]): (row["covered"], row["total"]) for row in said["headline"] if not row["unit"]
    }
    assert top["people_60", 15.0][1] == 53_663


@pytest.fixture
def city(tmp_path):
    """A copy of the demo city whose plan can be changed: ``city("old", "new")`` returns the plan file."""
    shutil.copytree(demo_path(), tmp_path / "city")
    plan = tmp_path / "city" / Path(demo_file("plan")).name

    def change(*pairs):
        content = plan.read_text("utf-8")
        for old, new in pairs:
            assert old in content
            content = content.replace(old, new)
        plan.write_text(content, "utf-8")
        return plan

    return change


def test_barriers_count_for_people_too(demo, city):
    """A line through the middle of the city: fewer people, smaller areas."""
    plan = city(('path = "roads/roads.osm.pbf"', 'path = "roads/roads.osm.pbf"\nbarriers = "cut.geojson"'))
    people = demo[0].demand
    x = people.geometry.x.median()
    line = shapely.LineString([(x, people.geometry.y.min() - 1), (x + 1e-4, people.geometry.y.max() + 1)])
    gpd.GeoDataFrame(geometry=[line], crs=4326).to_file(plan.parent / "cut.geojson")
    study = pipeline.make_study(load_plan(plan))
    assert (study.demand["minutes"].fillna(np.inf) >= people["minutes"].fillna(np.inf) - 1e-9).mean() > 0.99
    assert study.demand["minutes"].fillna(999).sum() > people["minutes"].fillna(999).sum()
    assert "cut.geojson" in study.provenance["files"]


def test_columns_of_the_user_that_are_called_like_results(city, tmp_path):
    """A point table may well hold `minutes`, `metres`, `facility_id` or `fid`; areas `people`; any of them `NAME`."""
    plan = city(
        ("population/buildings.csv", "people.csv"),
        ("facilities/facilities.xlsx", "list.csv"),
        ('datum = "gcj02"', 'datum = "wgs84"'),
    )
    points = pipeline.make_study(load_plan(demo_file("plan"))).demand.head(300)
    table = pd.DataFrame(
        {
            "demand_id": points["demand_id"],
            "lon": points.geometry.x,
            "lat": points.geometry.y,
            "people_60": points["people_60"],
            "minutes": 3,
            "metres": 4,
            "facility_id": "x",
            "fid": 7,
            "NAME": "n",
            "geom": "g",
            "points": 1,
        }
    )
    table.to_csv(plan.parent / "people.csv", index=False)
    lists = pd.DataFrame(
        {
            "facility_id": ["a", "b"],
            "lon": points.geometry.x.iloc[:2].to_numpy(),
            "lat": points.geometry.y.iloc[:2].to_numpy(),
            "name": ["甲", "乙"],
            "NAME": ["x", "y"],
            "fid": [5, 5],
            "OBJECTID": [1, 1],
        }
    )
    lists.to_csv(plan.parent / "list.csv", index=False)
    areas = gpd.read_file(plan.parent / "boundaries" / "counties.shp", encoding="GB18030")
    for name in ("people", "points", "people_60", "points_5mi"):
        areas[name] = 1
    areas.to_file(plan.parent / "boundaries" / "counties.shp", encoding="GB18030")
    study = pipeline.run(plan, out=tmp_path / "out")
    assert study.demand["minutes"].min() == 0 or study.demand["minutes"].min() > 0
    assert set(study.demand["facility_id"].dropna()) <= {"a", "b"}
    back = gpd.read_file(tmp_path / "out" / "results.gpkg", layer="demand")
    assert len(back) == 300
    wide = gpd.read_file(tmp_path / "out" / "results.gpkg", layer="areas")
    assert wide.loc[wide["level"] == "county", "people_60"].sum() == points["people_60"].sum()


def test_kinds(city):
    plan = city(('datum = "gcj02"', 'datum = "gcj02"\nkinds = ["没有这种"]'))
    with pytest.raises(InputError, match="没有这些类别：没有这种；现有"):
        pipeline.make_study(load_plan(plan))


def test_only_one_kind_and_closed_ones_counted(city, demo):
    kind = demo[0].facilities["kind"].mode()[0]
    plan = city(('datum = "gcj02"', f'datum = "gcj02"\nkinds = ["{kind}"]\ncount_closed = true'))
    study = pipeline.make_study(load_plan(plan))
    assert set(study.facilities["kind"]) == {kind}
    assert set(study.isochrones["facility_id"]) == {*study.facilities["facility_id"], "all"}
    assert not any("不计入覆盖" in note for note in study.notes)


def test_a_wrong_datum_moves_facilities_and_times(demo, city):
    """GCJ-02 read as WGS 84 is some 370 m off: the times say so."""
    study = pipeline.make_study(load_plan(city(('datum = "gcj02"', 'datum = "wgs84"'))))
    right = demo[0].facilities
    away = study.facilities.to_crs(4543).distance(right.to_crs(4543))
    assert away.between(200, 700).all()
    assert (study.demand["minutes"] - demo[0].demand["minutes"]).abs().mean() > 1


def test_nearest_of_the_study_is_nearest(demo):
    study, _, _ = demo
    from carecircle.network import read_network  # noqa: PLC0415

    network = read_network(demo_file("roads"))
    again = nearest(study.demand, open_facilities(study.facilities), network)
    pd.testing.assert_series_equal(again["minutes"], study.demand["minutes"])
