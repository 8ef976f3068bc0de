"""Runs that are killed: 50 times at random moments, after each stage, and two runs at once into one folder.

The runs are whole commands. Most start as a fork of a process that has loaded the program (which takes longer than the
run), the others as ``python -m carecircle``.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle import pipeline
from carecircle.stages import Stages

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork and SIGKILL")

SIDE, STEP = 8, 150
FORKED, STARTED = 46, 4
STAGES = ("times", "isochrones", "coverage")

FORGE = """
import json, os, signal, sys
from carecircle import pipeline
from carecircle.cli import main
from carecircle.config import load_plan
from carecircle.stages import Stages, fingerprint

pipeline.make_study(load_plan(sys.argv[1])), fingerprint()  # what every command would have to load first

def run(words, words_to, after):
    file = os.open(words_to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1), os.dup2(file, 2)
    sys.argv = ["carecircle", *words]
    keep = Stages.keep
    def kept(self, name, key, frame):
        keep(self, name, key, frame)
        if name == after:
            os.kill(os.getpid(), signal.SIGKILL)
    Stages.keep = kept
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(end.code or 0)

print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "wait" in asked:
        print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
        continue
    child = os.fork()
    if child == 0:
        try:
            run(asked["words"], asked["to"], asked["after"])
        finally:
            os._exit(99)
    print(child, flush=True)
"""


class Forge:
    """A process that has loaded the program and starts commands as forks of itself."""

    def __init__(self, folder, plan):
        self.said = folder / "said.txt"
        code = [sys.executable, "-c", FORGE, plan]
        self.process = subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def _ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self, *words, after=None):
        return self._ask(words=[str(word) for word in words], to=str(self.said), after=after)

    def wait(self, child):
        return self._ask(wait=child)

    def run(self, *words, **options):
        return self.wait(self.start(*words, **options))


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    """A store of this module's own, for its processes too."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARECIRCLE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def forge(tmp_path_factory, town, store):  # noqa: ARG001  the process inherits the store
    found = Forge(tmp_path_factory.mktemp("forge"), town["A"])
    yield found
    found.process.stdin.close()
    found.process.wait()


@pytest.fixture(scope="module")
def town(tmp_path_factory, lonlat_of):
    """Two plans for a town of 8 x 8 streets; they differ in pace and limits, and so in what counts."""
    folder = tmp_path_factory.mktemp("town")
    xy = [(STEP * i, STEP * j) for i in range(SIDE) for j in range(SIDE)]
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
    lines += [
        f'<node id="{number}" version="1" lon="{lon:.7f}" lat="{lat:.7f}"/>'
        for number, (lon, lat) in enumerate(lonlat_of(xy).tolist(), 1)
    ]
    runs = [range(i * SIDE + 1, i * SIDE + SIDE + 1) for i in range(SIDE)]
    runs += [range(i + 1, SIDE * SIDE + 1, SIDE) for i in range(SIDE)]
    for way, refs in enumerate(runs, 1):
        nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        lines.append(f'<way id="{way}" version="1">{nodes}<tag k="highway" v="residential"/></way>')
    (folder / "roads.osm").write_text("\n".join([*lines, "</osm>"]), "utf-8")
    rng = np.random.default_rng(5)

    def table(key, count, **columns):
        lon, lat = lonlat_of(rng.uniform(0, STEP * (SIDE - 1), (count, 2))).T
        names = [f"{key[0]}{number:04}" for number in range(count)]
        return pd.DataFrame({key: names, "lon": lon, "lat": lat, **columns})

    table("facility_id", 6, name="甲").to_csv(folder / "homes.csv", index=False)
    table("demand_id", 200, people_60=3, people=11).to_csv(folder / "people.csv", index=False)
    (west, south), (east, north) = lonlat_of([(-10, -10), (STEP * SIDE, STEP * SIDE)])
    halves = [shapely.box(west, south, (west + east) / 2, north), shapely.box((west + east) / 2, south, east, north)]
    about = {"area_id": ["530101001", "530101002"], "name": ["西街道", "东街道"], "level": "township"}
    gpd.GeoDataFrame(about, geometry=halves, crs=4326).to_file(folder / "areas.gpkg")
    parts = {"roads": "roads.osm", "facilities": "homes.csv", "areas": "areas.gpkg", "population": "people.csv"}
    plans = {}
    for name, pace, limit in (("A", 0.8, 4), ("B", 0.9, 5)):
        plans[name] = folder / f"{name}.toml"
        text = [f'title = "{name}"', *(f'[{part}]\npath = "{path}"' for part, path in parts.items())]
        plans[name].write_text("\n".join([*text, f"[reach]\nspeed_mps = {pace}\nminutes = [{limit}]"]), "utf-8")
    return plans


def hashes(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def clear(store):
    """Forget the finished stages."""
    for path in (store / "stages").glob("*"):
        path.unlink()


@pytest.fixture(scope="module")
def made(town, tmp_path_factory):
    """The folders with the results of both plans, computed without the store."""
    found = {}
    for name, plan in town.items():
        found[name] = tmp_path_factory.mktemp("made") / "out"
        pipeline.run(plan, out=found[name], resume=False)
    return found


@pytest.fixture(scope="module")
def wanted(made):
    """Hashes of the results of both plans."""
    found = {name: hashes(folder) for name, folder in made.items()}
    telling = ["map.html", "coverage.xlsx", "coverage.csv", "isochrones.gpkg", "results.gpkg", "study.json"]
    assert all(found["A"][name] != found["B"][name] for name in telling)
    return found


@pytest.fixture(scope="module")
def pace(forge, town, store, tmp_path_factory):
    """Seconds a run takes until it writes, and in all."""
    folder, seconds = tmp_path_factory.mktemp("pace") / "results", []
    for _ in range(3):
        clear(store)
        started = time.perf_counter()
        child = forge.start("run", town["A"], "--out", folder, "--quiet")
        while not draft_of(folder).exists():
            time.sleep(0.0005)
        until_writing = time.perf_counter() - started
        assert forge.wait(child) == 0
        seconds.append((until_writing, time.perf_counter() - started))
    return min(seconds)


@pytest.fixture
def results(made, tmp_path):
    """A folder with the results of plan A."""
    shutil.copytree(made["A"], tmp_path / "place" / "results")
    return tmp_path / "place" / "results"


def draft_of(folder):
    return folder.with_name(f".{folder.name}.carecircle-draft")


def kill(process_id):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)


def kill_when_writing(child, folder, seconds):
    """Kill a run so many seconds after it has begun to write."""
    until = time.perf_counter() + 20
    while not draft_of(folder).exists() and time.perf_counter() < until:
        time.sleep(0.001)
    time.sleep(seconds)
    kill(child)


def test_killed_fifty_times_at_random(forge, town, wanted, results, pace, store):
    """Each time the folder holds the results of one run, complete; then a run succeeds and nothing is left over."""
    folder, (until_writing, whole) = results, pace
    rng, outcomes, other = np.random.default_rng(3), Counter(), {"A": "B", "B": "A"}
    held = "A"
    for number in range(FORKED):
        if number % 3 == 0:
            clear(store)
        child = forge.start("run", town[other[held]], "--out", folder, "--quiet")
        if number % 2:
            kill_when_writing(child, folder, rng.uniform(0, (whole - until_writing) * 1.3))
        else:
            time.sleep(rng.uniform(0, whole))
            kill(child)
        outcomes["killed" if forge.wait(child) == -signal.SIGKILL else "ended"] += 1
        found = hashes(folder)
        assert found in (wanted["A"], wanted["B"]), f"run {number}: neither all old nor all new"
        if found == wanted[other[held]]:
            held = other[held]
            outcomes["new results"] += 1
    for number in range(STARTED):
        command = [sys.executable, "-m", "carecircle", "run", town[other[held]], "--out", folder, "--quiet"]
        with subprocess.Popen(command) as process:
            if number % 2:
                kill_when_writing(process.pid, folder, rng.uniform(0, whole - until_writing))
            else:
                time.sleep(rng.uniform(0.5, 1.5))
                process.kill()
        outcomes["killed" if process.returncode else "ended"] += 1
        assert hashes(folder) in (wanted["A"], wanted["B"])
        held = "A" if hashes(folder) == wanted["A"] else "B"
    assert outcomes["killed"] > 35, outcomes
    assert outcomes["new results"] >= 1, "some were killed after the exchange, or ended before"
    stages = Stages()
    pipeline.run(town[other[held]], out=folder, resume=stages)
    assert hashes(folder) == wanted[other[held]]
    assert [path.name for path in folder.parent.iterdir()] == ["results"]
    pipeline.run(town[held], out=folder, resume=(stages := Stages()))
    pipeline.run(town[held], out=folder, resume=(stages := Stages()))
    assert stages.resumed == STAGES
    assert hashes(folder) == wanted[held]


@pytest.mark.parametrize("after", STAGES)
def test_the_next_run_goes_on_behind_the_finished_stages(forge, town, wanted, results, store, after):
    folder = results
    clear(store)
    assert forge.run("run", town["B"], "--out", folder, "--quiet", after=after) == -signal.SIGKILL
    assert hashes(folder) == wanted["A"], "nothing was written"
    stages, told = Stages(), []
    pipeline.run(town["B"], out=folder, resume=stages, progress=lambda stage, *_: told.append(stage))
    assert stages.resumed == STAGES[: STAGES.index(after) + 1]
    assert tuple(told) == pipeline.STAGES
    assert hashes(folder) == wanted["B"]


def test_a_first_run_that_is_killed_leaves_nothing_that_looks_like_results(forge, town, wanted, pace, tmp_path):
    until_writing, whole = pace
    folder = tmp_path / "new" / "results"
    folder.parent.mkdir()
    for share in (0.0, 0.3, 0.6, 0.9):
        child = forge.start("run", town["A"], "--out", folder, "--quiet")
        kill_when_writing(child, folder, share * (whole - until_writing))
        if forge.wait(child) == 0 or folder.exists():
            assert hashes(folder) == wanted["A"]
    assert forge.run("run", town["A"], "--out", folder, "--quiet") == 0
    assert hashes(folder) == wanted["A"]
    assert [path.name for path in folder.parent.iterdir()] == ["results"]


# Two at once


def test_the_second_of_two_runs_is_refused_at_once(forge, town, wanted, results):
    folder = results
    with pipeline.claimed(folder, pipeline.RESULTS, pipeline.SIGN):
        started = time.perf_counter()
        assert forge.run("run", town["B"], "--out", folder) == 1
        assert time.perf_counter() - started < 5
        assert re.search(r"另一次运行正在写入 .*results。请等它结束", forge.said.read_text("utf-8"))
        assert "Traceback" not in forge.said.read_text("utf-8")
        assert forge.run("run", town["B"], "--out", folder, "--lang", "en", "--json") == 1
        assert "another run is writing" in json.loads(forge.said.read_text("utf-8"))["message"]
        assert hashes(folder) == wanted["A"]
        assert forge.run("run", town["B"], "--out", folder.with_name("beside"), "--quiet") == 0
    assert forge.run("run", town["B"], "--out", folder, "--quiet") == 0
    assert hashes(folder) == hashes(folder.with_name("beside")) == wanted["B"]


def test_a_killed_run_holds_nothing(forge, town, results):
    folder = results
    child = forge.start("run", town["B"], "--out", folder, "--quiet")
    kill_when_writing(child, folder, 0)
    assert forge.wait(child) == -signal.SIGKILL
    assert forge.run("run", town["B"], "--out", folder, "--quiet") == 0


def test_two_runs_started_at_once_do_not_mix(forge, town, wanted, results, pace, store):
    folder, whole = results, pace[1]
    ends, rng = Counter(), np.random.default_rng(7)
    for _ in range(5):
        clear(store)
        children = []
        for name in "AB":
            children.append((name, forge.start("run", town[name], "--out", folder, "--quiet")))
            time.sleep(rng.uniform(0, whole / 2))
        codes = {name: forge.wait(child) for name, child in children}
        ends.update(codes.values())
        done = [wanted[name] for name, code in codes.items() if code == 0]
        assert done
        assert hashes(folder) in done
        assert set(codes.values()) <= {0, 1}
    assert ends[1] > 0, "never were two runs at work at the same time"
