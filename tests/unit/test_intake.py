"""All inputs of a plan read together: problems of every file at once, the report of `check`, settings of a command."""

import csv
import json
import sys
from pathlib import Path

import pandas as pd
import pyogrio
import pytest
from typer.testing import CliRunner

import carecircle as cc
from carecircle.cli import app
from carecircle.config import load_plan
from carecircle.findings import QualityLog
from carecircle.intake import read_inputs

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from bad_files.plans import plan as make_plan


@pytest.fixture
def town(tmp_path):
    """Plan and files of a small town, all of them good."""
    make_plan(files=True)(tmp_path)
    return tmp_path


def change(path, row, column, value):
    """Put a value into a cell of a CSV; `row` as Excel numbers it."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[row - 2, column] = value
    table.to_csv(path, index=False)


def run(*words, code=0):
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == code, (found.output, found.exception)
    return found


def spoil(town):
    """Spoil each of three files in its own way."""
    change(town / "homes.csv", 4, "经度", "一百零二")
    change(town / "people.csv", 6, "60岁以上", "很多")
    (town / "areas.gpkg").unlink()


def test_problems_of_all_files_come_together(town):
    spoil(town)
    with pytest.raises(cc.InputError) as caught:
        read_inputs(load_plan(town / "plan.toml"), QualityLog(), lambda _stage: None)
    found = {(Path(item.file).name, item.row, item.column) for item in caught.value.problems}
    assert found == {("areas.gpkg", None, None), ("homes.csv", 4, "经度"), ("people.csv", 6, "60岁以上")}


def test_check_of_a_good_plan(town, tmp_path):
    out = tmp_path / "checked"
    said = json.loads(run("check", town / "plan.toml", "--out", out, "--json").stdout)
    assert said["problems"] == 0
    assert said["files"] == 4
    assert {path.name for path in out.iterdir()} >= {"quality.html", "quality.csv", "quality.xlsx"}
    assert not {path.name for path in out.iterdir()} & {"map.html", "coverage.xlsx", "results.gpkg"}
    assert "quality.html" in run("check", town / "plan.toml", "--out", out).stdout  # into its own folder again


def test_check_of_a_bad_plan_writes_the_report_and_fails(town, tmp_path):
    spoil(town)
    found = run("check", town / "plan.toml", "--out", tmp_path / "checked", code=1)
    assert "一百零二" in found.stderr
    with (tmp_path / "checked" / "quality.csv").open(encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if "一百零二" in "".join(row)]
    assert len(rows) == 1
    assert {"homes.csv", "4"} <= set(rows[0])
    assert "很多" in (tmp_path / "checked" / "quality.html").read_text("utf-8")
    run("run", town / "plan.toml", "--out", tmp_path / "results", code=1)
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_rows_with_mistakes_can_be_left_out(town, tmp_path):
    change(town / "homes.csv", 4, "经度", "一百零二")
    words = ("run", town / "plan.toml", "--out", tmp_path / "results", "--json")
    run(*words, code=1)
    said = json.loads(run(*words, "--set", "facilities.bad_rows=drop").stdout)
    assert said["facilities"] == 11
    report = (tmp_path / "results" / "quality.csv").read_text("utf-8-sig")
    assert "一百零二" in report


def test_settings_of_a_command_go_before_the_plan(town, tmp_path):
    out = tmp_path / "results"
    run("run", town / "plan.toml", "--out", out, "--set", "reach.minutes=[10]", "--set", 'title="另一个"')
    table = pd.read_csv(out / "coverage.csv")
    assert set(table["minutes"].dropna()) == {10}
    assert "另一个" in (out / "map.html").read_text("utf-8")
    found = run("run", town / "plan.toml", "--out", out, "--set", "reach.minuets=[10]", code=1)
    assert "minuets" in found.stderr


def test_small_counts_can_be_withheld(town, tmp_path):
    """No number of people from 1 to below the limit is published, in any of the results."""
    people = pd.read_csv(town / "people.csv", dtype=str, keep_default_na=False)
    people = people.assign(**{"80岁以上": "1", "失能老人数": "3"})
    people.loc[3, "60岁以上"] = "9999"  # more than all people there: a finding that says so
    people.to_csv(town / "people.csv", index=False)
    words, limit = ("run", town / "plan.toml"), 20
    run(*words, "--out", tmp_path / "all")
    whole = pd.read_csv(tmp_path / "all" / "coverage.csv")
    assert whole.loc[whole["measure"] == "people_80", "covered"].between(1, limit - 1).any()
    run(*words, "--out", tmp_path / "some", "--set", f"output.suppress_below={limit}")
    table = pd.read_csv(tmp_path / "some" / "coverage.csv")
    shown = table.loc[table["measure"].str.startswith("people"), "covered"].dropna()
    assert not shown.between(1, limit - 1).any()
    assert whole["covered"].notna().sum() > table["covered"].notna().sum()
    demand = pyogrio.read_dataframe(tmp_path / "some" / "results.gpkg", layer="demand", read_geometry=False)
    assert "失能老人数" in pyogrio.read_dataframe(tmp_path / "all" / "results.gpkg", layer="demand").columns
    assert "失能老人数" not in demand.columns
    assert demand[["people_60", "people_80"]].isna().all(axis=None)
    rows = {name: (tmp_path / name / "quality.csv").read_text("utf-8-sig") for name in ("all", "some")}
    assert "（9999）" in rows["all"]
    assert "9999" not in rows["some"]


def test_inspect_beside_streets_and_areas(town):
    """The datum is judged by what lies around: a dozen places in a small town need not be enough to be sure."""
    words = ("inspect", town / "homes.csv", "--roads", town / "roads.osm.pbf", "--areas", town / "areas.gpkg")
    said = json.loads(run(*words, "--json").stdout)
    assert said["datum"]["best"] in {"wgs84", None}
    assert "75% 在所属区域内" in run(*words).stdout  # a quarter of the places would be elsewhere in GCJ-02


def test_a_table_of_areas_says_of_no_facility_that_it_is_outside(town, tmp_path):
    areas = pyogrio.read_dataframe(town / "areas.gpkg", read_geometry=False)
    areas.to_csv(town / "areas.csv", index=False)
    log = QualityLog()
    study = cc.run(load_plan(town / "plan.toml", {"areas.path": str(town / "areas.csv")}), out=tmp_path / "results")
    read_inputs(load_plan(town / "plan.toml", {"areas.path": str(town / "areas.csv")}), log, lambda _stage: None)
    assert study.quality["action"].ne("outside").all()
    assert all(found.action != "outside" for found in log.findings)


def test_a_geodatabase_is_an_input_like_any_other(town, tmp_path):
    areas = pyogrio.read_dataframe(town / "areas.gpkg")
    pyogrio.write_dataframe(areas, town / "areas.gdb", driver="OpenFileGDB")
    study = cc.run(load_plan(town / "plan.toml", {"areas.path": str(town / "areas.gdb")}), out=tmp_path / "results")
    known = study.provenance["files"]["areas.gdb"]
    assert known["bytes"] > 1000
    assert len(known["sha256"]) == 64
