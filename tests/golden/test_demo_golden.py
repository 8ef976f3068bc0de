"""The demo run against golden files: what a change of the code changes in its results shows here, line by line.

Versions and hashes are scrubbed. After an intended change, write the files anew with ``CARECIRCLE_GOLDEN=write`` and
read the difference before committing it.
"""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from carecircle.cli import app
from carecircle.datasets import demo_file

HERE = Path(__file__).parent
ROUNDING = {"reached_km": 2, "area_km2": 3, "shed_ratio": 3}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of the demo run, and what was said in Chinese."""
    folder = tmp_path_factory.mktemp("demo")
    said = ["run", str(demo_file("plan")), "--out", str(folder), "--no-resume", "--lang", "zh"]
    found = CliRunner().invoke(app, said)
    assert found.exit_code == 0, found.output
    return folder, found


def compare(name, content):
    path = HERE / name
    if os.environ.get("CARECIRCLE_GOLDEN") == "write":
        path.write_text(content, "utf-8", newline="\n")
    assert content == path.read_text("utf-8"), f"{name} has changed: see the head of this file"


def test_words(demo):
    folder, found = demo
    compare("demo.words.txt", (found.stderr + found.stdout).replace(str(folder.resolve()), "FOLDER"))


def test_quality(demo):
    """The quality report: what was read as what, mended, and pointed out."""
    table = pd.read_csv(demo[0] / "quality.csv", keep_default_na=False)
    compare("demo.quality.csv", table.to_csv(index=False, lineterminator="\n"))


def test_coverage_of_counties_and_townships(demo):
    """Whole numbers: people, points, units."""
    table = pd.read_csv(demo[0] / "coverage.csv", dtype={"area_id": "str"}, keep_default_na=False)
    table = table[table["level"].isin(["county", "township"]) & (table["kind"] == "all")]
    compare("demo.coverage.csv", table.to_csv(index=False, lineterminator="\n"))


def test_coverage_of_the_city_by_kind(demo):
    table = pd.read_csv(demo[0] / "coverage.csv", dtype={"area_id": "str"}, keep_default_na=False)
    table = table[(table["level"] == "county") & (table["measure"] != "facilities")]
    numbers = table.assign(covered=table["covered"].astype(float), total=table["total"].astype(float))
    sums = numbers.groupby(["kind", "measure", "unit", "minutes"], sort=True)[["covered", "total"]].sum()
    compare("demo.kinds.csv", sums.reset_index().to_csv(index=False, lineterminator="\n"))


def test_isochrones(demo):
    """Lengths and areas, to what does not depend on the last digits of a platform."""
    areas = pd.read_parquet(demo[0] / "isochrones.parquet").drop(columns="geometry")
    name, path = "demo.isochrones.csv", HERE / "demo.isochrones.csv"
    if os.environ.get("CARECIRCLE_GOLDEN") == "write":
        areas.round(ROUNDING).to_csv(path, index=False, lineterminator="\n")
    golden = pd.read_csv(
        path, dtype={"facility_id": "str"}, keep_default_na=False, na_values={"reached_km": [""], "shed_ratio": [""]}
    )
    tolerance = {"reached_km": 0.006, "area_km2": 0.0006, "shed_ratio": 0.0006}
    for column in ("facility_id", "minutes", "note"):
        assert areas[column].fillna("").tolist() == golden[column].tolist(), name
    for column, most in tolerance.items():
        pd.testing.assert_series_equal(areas[column], golden[column], atol=most, rtol=1e-4, check_dtype=False)


def test_provenance(demo):
    said = json.loads((demo[0] / "study.json").read_text("utf-8"))
    said["carecircle"] = said["python"] = "VERSION"
    said["packages"] = sorted(said["packages"])
    for file in said["files"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", file.pop("sha256"))
        file.pop("bytes")
    compare("demo.study.json", json.dumps(said, ensure_ascii=False, indent=2) + "\n")
