"""scripts/gap_analysis.py as somebody runs it."""

import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

import carecircle
from carecircle.policy import load_pack
from carecircle.policy.units import tally_units

SCRIPT = Path(__file__).parents[2] / "scripts" / "gap_analysis.py"


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, encoding="utf-8",
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def lacking(table):
    return {name: set(table.loc[table["target_id"] == name, "area_id"]) for name in ("YX-03", "YX-05")}


def expected(name):
    """The units without a facility that counts, by the count of units alone."""
    plan, pack = carecircle.load_plan(carecircle.demo_file("plan")), load_pack("yuxi")
    registry = carecircle.read_facilities(carecircle.demo_file("facilities"), datum="gcj02")
    areas = carecircle.read_areas([carecircle.demo_file(level) for level in ("counties", "townships", "communities")])
    found = tally_units(pack.target(name), pack, registry, areas, plan.as_of)["found"]
    assert 0 < found.eq(0).sum() < len(found)
    return set(found.index[found.eq(0)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gaps")


def test_the_demo_city(folder):
    ran = run(carecircle.demo_file("plan"), "--pack", "yuxi", "--out", "found", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    table = pd.read_csv(folder / "found" / "gaps.csv", dtype={"area_id": str})
    layer = gpd.read_file(folder / "found" / "gaps.gpkg")
    assert lacking(table) == {name: expected(name) for name in ("YX-03", "YX-05")}
    assert table["gap_id"].tolist() == layer["gap_id"].tolist()
    assert layer.geometry.x.tolist() == pytest.approx(table["lon"].tolist())
    lines = ran.stdout.strip().splitlines()
    assert f"共 {len(table)} 处缺口" in lines[0]
    assert len(lines) == 11


@pytest.mark.parametrize("arguments", [("nowhere.toml",), (carecircle.demo_file("plan"), "--pack", "nowhere")])
def test_what_is_wrong_is_said_and_nothing_is_written(folder, arguments):
    ran = run(*arguments, "--out", "none", cwd=folder)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "nowhere" in ran.stderr
    assert not (folder / "none").exists()


def test_a_script_to_be_read():
    assert len(SCRIPT.read_text("utf-8").splitlines()) < 60
