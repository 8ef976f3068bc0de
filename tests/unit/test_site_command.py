"""``carecircle site`` and ``run`` with a section [siting]: exit codes, files, words, the same bytes twice."""

import json
import math
import runpy
from hashlib import sha256
from pathlib import Path

import docx
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

import carecircle as cc
from carecircle.cli import app

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
FILES = {
    "sites.html", "sites.xlsx", "sites.csv", "sites.gpkg", "sites_curve.png", "sites_dropped.csv", "sites.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory, lonlat_of):
    folder = tmp_path_factory.mktemp("town")
    path = made["write_town"](folder, lonlat_of)
    own = path.read_text("utf-8").replace("[isochrones]", "min_floor_m2 = 150\n[isochrones]")
    path.write_text(own, "utf-8")
    return path


@pytest.fixture
def run(monkeypatch, plan):
    monkeypatch.delenv("CARECIRCLE_LANG", raising=False)

    def invoke(*words, code=0, command="site"):
        found = CliRunner().invoke(app, [command, str(plan), *map(str, words)])
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        assert found.exit_code == code, found.output
        return found.output

    return invoke


def strict(words):
    """Read JSON as other programs do, which know no NaN."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(words, parse_constant=refuse)


def hashes(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_what_it_writes_and_tells(run, tmp_path):
    told = strict(run("--problem", "maximum_coverage", "--sites", "3", "--json", "--out", tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert (told["problem"], told["status"], told["stopped"]) == ("maximum_coverage", "optimal", "proved")
    assert told["objective"] == told["bound"] == sum(told["gain"])
    assert (told["gap"], told["years"], told["seed"]) == (0, [None] * 3, 0)
    kept = strict((tmp_path / "sites.json").read_text("utf-8"))
    assert kept["sites"] == told["sites"]
    assert {name: kept[name] for name in ("objective", "bound", "status")} == {
        name: told[name] for name in ("objective", "bound", "status")
    }
    table = pd.read_csv(tmp_path / "sites.csv")
    assert len(table) == 3
    assert set(told["sites"]) <= set(table.astype(str).to_numpy().ravel())
    dropped = (tmp_path / "sites_dropped.csv").read_text("utf-8-sig")
    assert "C00" in dropped
    assert told["covered"] / told["total"] < 1


@pytest.mark.parametrize(
    "words",
    [
        ("--problem", "maximum_coverage", "--sites", "3"),
        ("--problem", "reach_target", "--pack", "yuxi", "--set", "siting.targets=['YX-05', 'YX-23']"),
    ],
    ids=["maximum_coverage", "reach_target"],
)
def test_the_same_bytes_twice(run, tmp_path, words):
    first, second = tmp_path / "a", tmp_path / "deep" / "b"
    run(*words, "--out", first, "--quiet", "--no-resume")
    run(*words, "--out", second, "--quiet")
    assert hashes(first) == hashes(second)


def test_every_target_in_english(run, tmp_path):
    said = run("--problem", "reach_target", "--pack", "yuxi", "--out", tmp_path, "--lang", "en")
    assert "proven optimal" in said
    assert "covered then" in said
    assert not set(said) & set("选址问题结果文件夹提示")
    book = openpyxl.load_workbook(tmp_path / "sites.xlsx", read_only=True)
    assert any("Table 4" in str(cell) for row in book.worksheets[0].iter_rows(values_only=True) for cell in row if cell)
    page = (tmp_path / "sites.html").read_text("utf-8")
    assert '<html lang="en' in page


def test_out_of_reach_ends_with_two_and_names_the_units(run, tmp_path):
    settings = ("--set", "siting.targets=['YX-05']", "--set", "policy.readings={'coverage'='has_one'}")
    forbid = ("--set", "siting.forbid=['C00', 'C01', 'C02', 'C04', 'C05']")
    words = ("--problem", "reach_target", "--pack", "yuxi", *settings, *forbid, "--out", tmp_path)
    said = run(*words, code=2)
    assert "不可行" in said
    assert "东1社区" in said
    told = strict(run(*words, "--json", code=2))
    assert (told["status"], told["objective"], told["sites"], told["covered"]) == ("infeasible", None, [], None)
    assert any("东1社区" in reason for reason in told["reasons"])
    assert (tmp_path / "sites.html").exists()


def test_year_by_year_with_quotas_that_cannot_be_filled(run, tmp_path):
    told = strict(run("--problem", "phased", "--pack", "yiyang", "--json", "--out", tmp_path, code=2))
    assert told["status"] == "infeasible"
    assert len(told["sites"]) == len(told["years"]) > 0
    assert set(told["years"]) <= {2026, 2027}
    book = openpyxl.load_workbook(tmp_path / "sites.xlsx", read_only=True)
    cells = {cell for sheet in book.worksheets for row in sheet.iter_rows(values_only=True) for cell in row}
    assert {2026, 2027} <= {int(cell) for cell in cells if str(cell).isdigit()}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "siting.problem"),
        (("--problem", "maximum_coverage"), "siting.sites"),
        (("--problem", "p_median", "--budget", "30"), "siting.sites"),
        (("--problem", "somewhere"), "somewhere"),
        (("--problem", "maximum_coverage", "--sites", "-1"), "siting.sites"),
        (("--problem", "maximum_coverage", "--sites", "2", "--set", "siting.force=['X7']"), "X7"),
        (("--problem", "maximum_coverage", "--sites", "2", "--set", "siting.close=['X7']"), "X7"),
        (("--problem", "reach_target", "--pack", "yuxi", "--set", "siting.targets=['YX-99']"), "YX-05"),
        (("--problem", "reach_target", "--pack", "nowhere"), "nowhere"),
        (("--problem", "reach_target", "--pack", "yuxi", "--set", "siting.built_as=['castle']"), "castle"),
        (("--problem", "phased", "--pack", "yuxi"), "yuxi"),
        (("--problem", "maximum_coverage", "--sites", "2", "--set", "siting.min_floor_m2=90000"), "12"),
        (("--problem", "maximum_coverage", "--sites", "2", "--set", "siting.profile='bike'"), "bike"),
    ],
)
def test_what_is_wrong_ends_with_one_and_writes_nothing(run, tmp_path, words, named):
    said = run(*words, "--out", tmp_path / "out", code=1)
    assert named in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_what_is_wrong_in_english(run, tmp_path):
    words = ("--problem", "maximum_coverage", "--set", "siting.close=['F9']", "--set", "siting.built_as=['castle']")
    said = run(*words, "--out", tmp_path, "--lang", "en", code=1)
    assert "the plan lacks the setting siting.sites" in said
    assert "no such kinds of facilities: castle" in said
    assert "no such facilities: F9" in said
    assert not set(said) & set("设置错误没有可用")


def test_a_run_with_a_problem_puts_table_4_into_the_report(run, tmp_path):
    words = ("--set", "siting.problem='maximum_coverage'", "--set", "siting.sites=3", "--set", "policy.packs=['yuxi']")
    # it ends with 2 because targets of the pack are missed today, whatever is built later
    run(*words, "--set", "output.figures=false", "--out", tmp_path, "--quiet", command="run", code=2)
    assert {path.name for path in tmp_path.iterdir()} >= FILES
    sites = strict((tmp_path / "sites.json").read_text("utf-8"))["sites"]
    names = [f"旧校舍{int(one[1:])}" for one in sites]
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx", read_only=True)
    (sheet,) = [one for one in book.sheetnames if "表4" in one or "选址" in one]
    cells = {str(cell).split("\n")[0] for row in book[sheet].iter_rows(values_only=True) for cell in row}
    assert set(names) <= cells
    document = docx.Document(tmp_path / "report.docx")
    words = "\n".join(one.text for one in document.paragraphs)
    assert "表4" in words
    (table,) = [one for one in document.tables if any("候选点" in cell.text for cell in one.rows[0].cells)]
    assert set(names) <= {cell.text.split("\n")[0] for row in table.rows for cell in row.cells}


def test_a_run_without_a_problem_seeks_nothing(run, tmp_path):
    run("--out", tmp_path, "--quiet", command="run")
    assert not FILES & {path.name for path in tmp_path.iterdir()}


def test_from_python(plan, tmp_path):
    settings = {"siting.problem": "maximum_coverage", "siting.sites": "2"}
    placed = cc.site(cc.load_plan(plan, settings), out=tmp_path)
    assert placed.plan.status == "optimal"
    assert math.isclose(placed.plan.objective, placed.plan.chosen["gain"].sum())
    assert {path.name for path in tmp_path.iterdir()} == FILES
