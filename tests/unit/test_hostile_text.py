"""Text that is meant to do harm, in every field of every input: what stands in the files that a run writes."""

import csv
import json
import os
import re
import runpy
import zipfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from carecircle import read_facilities
from carecircle.cli import app
from carecircle.config import load_plan
from carecircle.errors import InputError
from carecircle.language import text
from carecircle.outputs import speakable
from carecircle.report import map_html, quality_html, write_csv, write_quality, write_workbook
from carecircle.report.workbook import harmless

city = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "hostile_city.py"))
PAYLOADS, PRINTABLE = city["PAYLOADS"], city["PRINTABLE"]
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
FILES = {
    "map.html", "coverage.xlsx", "coverage.csv", "isochrones.gpkg", "results.gpkg", "study.json",
    "facilities.parquet", "areas.parquet", "demand.parquet", "isochrones.parquet",
}  # fmt: skip
NAMES = ("<img src=x onerror=alert(1)>", "=cmd|'calc'!A0", "{{7*7}} %s", "`${1}` {0.__class__}")
"""Names of files, as far as a file system takes them."""
UNSEEN = " \u200b\ufeff"
"""What readers take off the ends of a cell."""
SHEET = "=1+1<b id=pwned>{{7}}"


@pytest.fixture(scope="module")
def by_text(tmp_path_factory):
    """A run with CSV and GeoJSON, which can hold every sign."""
    return city["study"](tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def by_office(tmp_path_factory):
    """A run with workbooks and a GeoPackage under names, sheets and layers that are payloads too."""
    folder = tmp_path_factory.mktemp("office")
    options = {"names": NAMES, "endings": (".xlsx", ".gpkg"), "layer": PRINTABLE[1], "sheet": SHEET}
    return city["study"](folder, PRINTABLE, **options)


@pytest.fixture(scope="module", params=["by_text", "by_office"])
def made(request):
    return request.getfixturevalue(request.param)


def cells(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [cell for row in csv.reader(stream) for cell in row]


def is_number(cell):
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", cell) is not None


def inert(cell):
    return is_number(cell) or (not cell.startswith(STARTS) and not cell.lstrip(UNSEEN).startswith(STARTS))


def test_the_workbook_holds_text(made):
    study, folder = made
    with zipfile.ZipFile(folder / "coverage.xlsx") as archive:
        names = archive.namelist()
        sheets = b"".join(archive.read(name) for name in names if name.startswith("xl/worksheets/"))
    assert not [name for name in names if "external" in name.lower() or "/_rels/sheet" in name or "vba" in name.lower()]
    assert not re.search(rb"<f[ >/]|<hyperlink|<dde", sheets)
    book = openpyxl.load_workbook(folder / "coverage.xlsx")
    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in found} <= {"s", "n"}
    assert not [cell for cell in found if cell.hyperlink]
    shown = {str(cell.value) for cell in found}
    assert {words.strip(UNSEEN) for words in PRINTABLE} <= {words.strip(UNSEEN) for words in shown}
    assert max(map(len, shown)) <= 32_767
    assert book.properties.title.startswith("=cmd|")
    assert len(study.facilities) == len(set(study.facilities["facility_id"]))


def test_csv_holds_nothing_that_calculates(made, tmp_path):
    study, folder = made
    found = cells(folder / "coverage.csv")
    assert len(found) > 10_000
    assert [cell for cell in found if not inert(cell)] == []
    back = pd.read_csv(folder / "coverage.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert set(back["area_id"]) == {harmless(words) for words in study.areas["area_id"]}
    write_csv(study.facilities.drop(columns="geometry"), tmp_path / "facilities.csv")
    assert [cell for cell in cells(tmp_path / "facilities.csv") if not inert(cell)] == []


def test_layers_give_the_names_back(made):
    study, folder = made
    for layer, frame, key in (("facilities", study.facilities, "facility_id"), ("areas", study.areas, "area_id")):
        plain = gpd.read_parquet(folder / f"{layer}.parquet")
        assert plain[key].tolist() == frame[key].tolist()
        assert plain["name"].fillna("").tolist() == frame["name"].fillna("").tolist()
        base = gpd.read_file(folder / "results.gpkg", layer=layer)
        whole = ~frame[key].str.contains("\x00").to_numpy()  # SQLite's text ends at a NUL
        assert base.loc[whole, key].tolist() == frame.loc[whole, key].tolist()


def test_files_stay_where_they_belong(made):
    _, folder = made
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} >= FILES
    assert {path.name for path in folder.parent.iterdir()} == {"inputs", "results"}
    assert not [path for path in folder.parent.parent.rglob("*") if "pwned" in path.name and path.parent == folder]


def test_provenance_is_data(made):
    study, folder = made
    said = json.loads((folder / "study.json").read_text("utf-8"))
    assert said["title"] == study.title
    assert set(said["files"]) == {path.name for path in (folder.parent / "inputs").iterdir()} - {"plan.toml"}


def test_braces_are_never_filled(made):
    """A name with gaps, in a note, is the name."""
    study, _ = made
    assert any("{value}" in note and "{{7*7}}" in note for note in study.notes)
    assert "{value}" in text("problem.unreadable_file", why="{value} %s {0}")


@pytest.mark.parametrize("words", PAYLOADS, ids=range(len(PAYLOADS)))
def test_each_alone_as_title_note_and_finding(by_text, words, tmp_path):
    """Alone, no neighbour can take the edge off it."""
    study = replace(by_text[0], title=words, notes=(words,))
    study = replace(
        study, demand=study.demand.iloc[:2], areas=study.areas.iloc[:2], facilities=study.facilities.iloc[:2]
    )
    plain = replace(study, title="例", notes=("例",))
    page, calm = map_html(study, note=words), map_html(plain, note="例")
    found = pd.DataFrame({"action": ["far"], "file": [words], "sheet": [words], "row": [1], "column": [words],
                          "count": [1], "message": [words]})  # fmt: skip
    report = quality_html(found, title=words, basis=[(words, words)], files={words: {"sha256": words}})
    quiet = quality_html(
        found.assign(file="例", sheet="例", column="例", message="例"), title="例", basis=[("例", "例")]
    )
    for one, other in ((page, calm), (report, quiet)):
        for mark in ("<script", "</script", "<!--", "<img", "<svg", "<iframe", "<meta", "<b id", "<a href=java"):
            assert one.count(mark) <= other.count(mark), mark
        one.encode("utf-8")
    book = openpyxl.load_workbook(write_workbook(study, tmp_path / "a.xlsx", quality=found))
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    write_quality(found, tmp_path, title=words, workbook=True)
    assert all(map(inert, cells(tmp_path / "quality.csv")))


@pytest.mark.parametrize("words", ["\ud800", "a\udcffb"])
def test_halves_of_pairs(by_text, words, tmp_path):
    """Names of files in another encoding come as such halves, which UTF-8 cannot say."""
    cells = {"action": "far", "file": words, "sheet": None, "row": 1, "column": None, "count": 1, "message": words}
    found = pd.DataFrame({name: pd.Series([cell], dtype=object) for name, cell in cells.items()})
    write_quality(found, tmp_path, title=words, workbook=True)
    write_workbook(replace(by_text[0], title=words, notes=(words,)), tmp_path / "a.xlsx", quality=found)
    assert "�" in (tmp_path / "quality.html").read_text("utf-8")


def test_what_is_given_an_apostrophe():
    marked = {words for words in PAYLOADS if harmless(words) != speakable(words)}
    assert marked == {words for words in PAYLOADS if not inert(speakable(words))}
    assert len(marked) >= 10


def test_problems_name_what_they_found(tmp_path):
    """The words of a broken file stand in the message as they are, in both ways of speaking."""
    rows = [row | {"经度": words} for row, words in zip(city["facilities"](PRINTABLE), PRINTABLE, strict=True)]
    city["write_table"](tmp_path / "a.csv", rows)
    with pytest.raises(InputError) as caught:
        read_facilities(tmp_path / "a.csv")
    said = str(caught.value)
    assert "{0.__class__.__mro__}" in said
    assert "%s%n%d%(a)s" in said
    json.dumps([found.as_dict() for found in caught.value.problems])
    plan = tmp_path / "plan.toml"
    plan.write_text("[{0.__class__}]\n", "utf-8")
    shown = CliRunner().invoke(app, ["run", str(plan), "--json"])
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["error"] == "PlanError"


def test_the_key_of_a_base_map_goes_nowhere_else(tmp_path, monkeypatch):
    """A key in the environment stands in the map when its tiles are asked for, and in no other file."""
    key = "0123456789abcdef0123456789abcdef"
    monkeypatch.setenv("CARECIRCLE_TIANDITU_KEY", key)
    for tiles, holding in (("none", set()), ("osm", set()), ("tianditu", {"map.html"})):
        study, folder = city["study"](tmp_path / tiles, PRINTABLE[:3], output=(f'tiles = "{tiles}"',))
        assert any("密钥" in note for note in study.notes) == (tiles == "tianditu")
        found = {path.name for path in folder.rglob("*") if path.is_file() and key.encode() in path.read_bytes()}
        assert found == holding
    with pytest.raises(InputError, match="key"):
        load_plan(_with_key(tmp_path, key))


@pytest.mark.parametrize("name", ["a\x1b[2J.csv", os.fsdecode("表.csv".encode("gbk"))])
def test_names_of_files_that_cannot_be_shown(tmp_path, name):
    """They are refused before a terminal is told to do something, or a message cannot be written."""
    (tmp_path / name).write_text("编号,经度,纬度\nA,102.5,24.3\n", "utf-8")
    with pytest.raises(InputError) as caught:
        read_facilities(tmp_path / name)
    assert caught.value.problems[0].key == "file_name"
    shown = CliRunner().invoke(app, ["inspect", str(tmp_path / name)])
    assert "\x1b" not in shown.output
    assert "�" in shown.output


def _with_key(folder, key):
    """A plan that names a key: there is no such setting, so that none gets into a file that is passed on."""
    plan = folder / "key.toml"
    plan.write_text(f'[output]\ntianditu_key = "{key}"\n', "utf-8")
    return plan
