"""Every bad file ends in the right message or the right value: see docs/bad-files.md for the list."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local

import pytest
from typer.testing import CliRunner

from carecircle.cli import app

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from bad_files.case import Refused  # noqa: E402
from bad_files.judge import fingerprints  # noqa: E402
from bad_files.registry import CASES, KINDS, make_all, page  # noqa: E402
from bad_files.worker import Worker  # noqa: E402

NAMES = [case.name for case in CASES]
STREETS, HOMES = ("--roads", "{good}/roads.osm.pbf"), ("--facilities", "{good}/homes.csv")
PEOPLE, OUT = "{good}/people.csv", ("--out", "{out}.csv")
COMMANDS = {
    "facilities": ("times", *STREETS, "--facilities", "{file}", "--points", PEOPLE, *OUT),
    "roads": ("times", "--roads", "{file}", *HOMES, "--points", PEOPLE, *OUT),
    "areas": ("coverage", *STREETS, *HOMES, "--areas", "{file}", "--population", PEOPLE, *OUT),
    "people": ("coverage", *STREETS, *HOMES, "--areas", "{good}/areas.gpkg", "--population", "{file}", *OUT),
    "plan": ("run", "{file}", "--out", "{out}"),
    "study": ("run", "{file}", "--out", "{out}"),
}


FOUND_OUT = {"projected-unsaid"}
"""What a command finds out by the roads that it is given."""


def through_the_command(case):
    """Whether a refusal can be had through a command as it is read here: without options that only Python has."""
    plain = (
        set(case.read.options) <= {"datum", "streets", "areas"} and case.read.options.get("datum", "wgs84") == "wgs84"
    )
    return case.name not in FOUND_OUT and isinstance(case.expect, Refused) and case.read.reader in COMMANDS and plain


REFUSED = [case for case in CASES if through_the_command(case)]
SAMPLE = {case.name: case for cases in KINDS.values() for case in [c for c in cases if c in REFUSED][::6]}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """All bad files, and what each case is read from; and how they were when they were made."""
    folder = tmp_path_factory.mktemp("bad")
    given = make_all(folder)
    return folder, given, fingerprints(folder)


@pytest.fixture(scope="session")
def judged(made, request):
    """What is wrong with each case: they are judged two at a time, in processes of their own."""
    _, given, _ = made
    wanted = {
        item.callspec.params["name"] for item in request.session.items if item.name.startswith("test_a_bad_file[")
    }
    mine, workers = local(), []

    def judge(name):
        if not hasattr(mine, "worker"):
            mine.worker = Worker()
            workers.append(mine.worker)
        return mine.worker.judge(name, given[name])

    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        yield {name: pool.submit(judge, name) for name in NAMES if name in wanted}
    for worker in workers:
        worker.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file(judged, name):
    assert judged[name].result() == []


def test_there_are_enough_of_them_and_each_is_described():
    assert len(set(NAMES)) == len(NAMES) >= 140
    assert all(case.wrong and case.must and "\n" not in case.wrong + case.must for case in CASES)
    assert len({case.wrong for case in CASES}) > 0.9 * len(CASES)


def test_the_page_is_what_the_script_writes():
    assert (ROOT / "docs" / "bad-files.md").read_text("utf-8") == page(), "run scripts/make_bad_files.py --page"


def test_the_same_files_every_time(made, tmp_path):
    """Except those whose bytes say when they were made: nothing here does."""
    folder, _, before = made
    some = tuple(case for cases in KINDS.values() for case in cases[::5])
    make_all(tmp_path, some)
    again = fingerprints(tmp_path)
    assert {name: before.get(name) for name in again} == again
    assert folder.exists()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The good files of the town."""
    from bad_files.plans import plan  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("good")
    plan(files=True)(folder)
    return folder


def words(case, given, good, out):
    return [word.format(file=given[case.name], good=good, out=out) for word in COMMANDS[case.read.reader]]


@pytest.mark.parametrize("name", SAMPLE)
def test_a_command_refuses_it(made, good, tmp_path, monkeypatch, name):
    """Exit code 1, a message in Chinese and nothing else; nothing is written."""
    monkeypatch.delenv("CARECIRCLE_LANG", raising=False)
    case, (_, given, _) = SAMPLE[name], made
    found = CliRunner().invoke(app, words(case, given, good, tmp_path / "out"))
    assert found.exit_code == 1, (found.output, found.exception)
    assert isinstance(found.exception, SystemExit)
    assert "错误：" in found.stderr
    assert "Traceback" not in found.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["csv-too-many-cells", "pbf-cut-middle", "plan-many-mistakes"])
def test_a_process_never_prints_a_traceback(made, good, tmp_path, name):
    case, (_, given, _) = next(case for case in CASES if case.name == name), made
    command = [sys.executable, "-m", "carecircle", *words(case, given, good, tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "错误：" in ran.stderr


def test_the_machine_readable_answer_lists_the_problems(made, good, tmp_path):
    case, (_, given, _) = next(case for case in CASES if case.name == "key-twice"), made
    found = CliRunner().invoke(app, [*words(case, given, good, tmp_path / "out"), "--json"])
    said = json.loads(found.stdout)
    assert found.exit_code == 1
    assert {(item["problem"], item["row"]) for item in said["problems"]} == {("repeated_key", 4), ("repeated_key", 14)}


def test_the_good_town_is_good(good, tmp_path):
    """Otherwise nothing above would prove anything."""
    found = CliRunner().invoke(app, ["run", str(good / "plan.toml"), "--out", str(tmp_path / "out"), "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["facilities"] == 12


def test_zz_no_file_was_changed(made):
    """All of them are as they were made, and nothing was written beside them."""
    folder, _, before = made
    assert fingerprints(folder) == before
