"""What the READMEs and docs/ say is tried: commands, Python, the plan, settings and columns."""

import os
import re
import shlex
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

import carecircle
from carecircle.cli import app
from carecircle.config import Plan
from carecircle.model import PROFILES
from carecircle.writing import RESULTS

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def words(name):
    return (ROOT / name).read_text("utf-8")


def fences(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", words(name), flags=re.DOTALL | re.MULTILINE)


def commands(name):
    return [line for block in fences(name, "sh") for line in block.splitlines() if line.startswith("carecircle ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the tour, with the files of the demo city, as the current one."""
    path, before = tmp_path_factory.mktemp("tour"), Path.cwd()
    for found in [*(ROOT / "data").glob("*/*.???"), *(ROOT / "data").glob("*/*.xlsx")]:
        shutil.copy(found, path)
    (path / "plan.toml").write_text(fences("README.md", "toml")[0], "utf-8")
    os.chdir(path)
    yield path
    os.chdir(before)


@pytest.mark.parametrize("line", commands("README.md"))
def test_commands_work(folder, line):
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    judged = "policy.packs" in line  # the made-up city misses targets, as the page says
    assert result.exit_code == (2 if judged else 0), result.output
    if "--out" in line:
        assert (folder / line.split("--out ")[1].split()[0]).exists()


@pytest.mark.usefixtures("folder")
def test_python_works(capsys):
    (code,) = fences("README.md", "python")
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert 0 < float(capsys.readouterr().out) < 1


def test_both_readmes_say_the_same():
    plain = [[line.replace(" --lang en", "") for line in commands(name)] for name in READMES]
    assert plain[0] == plain[1]
    assert len(plain[0]) == 13
    for language in ("python", "toml", "bat"):
        assert fences(READMES[0], language) == fences(READMES[1], language)


@pytest.mark.parametrize("name", DOCS)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", words(name))
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


def settings(section=Plan, prefix=""):
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{name}.")
        else:
            yield f"{prefix}{name}", field


def test_every_setting_is_explained():
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", words("docs/plan.md"), flags=re.MULTILINE))
    known = dict(settings())
    assert set(rows) - set(PROFILES) == set(known)
    required = {name for name, field in known.items() if field.is_required()}
    assert {name for name, default in rows.items() if default == "*required*"} == required
    numbers = [name for name, field in known.items() if isinstance(field.default, bool | float | int)]
    shown = {name: rows[name].strip("`") for name in numbers}
    assert shown == {name: str(known[name].default).lower() for name in shown}


def test_every_profile_is_explained():
    rows = re.findall(r"^\| `([\w-]+)` \| [\d.]+ km/h \| ([\d.]+) \|", words("docs/plan.md"), flags=re.MULTILINE)
    speeds = {name: f"{carecircle.profile(name).speed_mps:.2f}" for name in PROFILES if name != "drive"}
    assert dict(rows) == speeds


def test_every_output_is_explained(folder):
    results = folder / "results"
    if not results.exists():
        carecircle.run(folder / "plan.toml", out=results)
    explained = set(re.findall(r"`([^`\s]+)`", words("docs/outputs.md")))
    assert {path.name for path in results.iterdir()} <= explained
    assert set(RESULTS) <= explained
    columns = set(pd.read_csv(results / "coverage.csv", nrows=5).columns)
    measures = set(pd.read_csv(results / "coverage.csv", usecols=["measure"])["measure"])
    for file in ("isochrones.gpkg", "results.gpkg"):
        for layer, _ in pyogrio.list_layers(results / file):
            assert layer in explained
            columns |= set(gpd.read_file(results / file, layer=layer, rows=1).columns)
    own = {name for name in columns if name.isascii() and not re.search(r"_\d+min$", name)}
    assert (own | measures) - explained == {"geometry"}
