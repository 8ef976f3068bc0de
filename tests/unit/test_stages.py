"""Finished stages: found again when all that goes into them is the same, and only then; and exactly as they were."""

import dataclasses
import os
import stat
import subprocess
import sys
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from carecircle import stages
from carecircle.cover import coverage
from carecircle.isochrones import IsochroneOptions, isochrones
from carecircle.language import use_language
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.reach import nearest
from carecircle.sources.roads.store import store_folder
from carecircle.stages import Stages, digest


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("CARECIRCLE_CACHE", str(folder))
    return folder


@pytest.fixture
def town(streets):
    nodes = {4 * i + j: (200 * i, 200 * j) for i in range(4) for j in range(4)}
    ways = [(list(range(4 * i, 4 * i + 4)), {"highway": "residential"}) for i in range(4)]
    ways += [(list(range(j, 16, 4)), {"highway": "footway"}) for j in range(4)]
    return build_network(streets(nodes, ways), profile("elder"))


def same(one, other):
    """Whether two tables are the same in every respect, checked apart from `digest`."""
    assert type(one) is type(other)
    assert list(one.columns) == list(other.columns)
    assert one.dtypes.map(str).tolist() == other.dtypes.map(str).tolist()
    assert type(one.index) is type(other.index)
    assert one.index.equals(other.index)
    assert one.index.names == other.index.names
    assert one.attrs == other.attrs
    for name in one.columns:
        assert list(map(repr, one[name].astype(object))) == list(map(repr, other[name].astype(object))), name
    if isinstance(one, gpd.GeoDataFrame):
        assert one.geometry.name == other.geometry.name
        assert one.crs == other.crs
        assert one.crs is None or one.crs.to_json() == other.crs.to_json()
        for name in one.columns[one.dtypes.map(str) == "geometry"]:
            assert shapely.to_wkb(one[name].to_numpy()).tolist() == shapely.to_wkb(other[name].to_numpy()).tolist()
    return True


FRAMES = {
    "plain": pd.DataFrame({"a": [1, 2], "b": [0.1, np.nan], "c": ["x", "字"]}),
    "an index with a name": pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["甲", "乙"], name="id")),
    "a part of an index": pd.DataFrame({"a": range(9)})[3:7:2],
    "no rows": pd.DataFrame({"a": np.zeros(0), "b": pd.array([], dtype="str")}),
    "columns in another order": pd.DataFrame({"z": [1], "a": [2], "m": [3]}),
    "missing text": pd.DataFrame({"a": pd.array(["x", None], dtype="str")}),
    "mixed cells": pd.DataFrame({"a": pd.Series([None, np.nan, "nan", 1, 1.0, True, "", pd.NA], dtype=object)}),
    "lists": pd.DataFrame({"a": pd.Series([["x", 1], None, []], dtype=object)}),
    "types": pd.DataFrame(
        {
            "i8": np.array([1, -1], np.int8),
            "f4": np.array([0.1, np.inf], np.float32),
            "b": [True, False],
            "I": pd.array([1, None], dtype="Int64"),
            "B": pd.array([True, None], dtype="boolean"),
            "c": pd.Categorical(["b", "a"], categories=["b", "a", "unused"], ordered=True),
            "t": pd.to_datetime(["2026-06-30", None]),
        }
    ),
    "last digits": pd.DataFrame({"a": [0.1 + 0.2, -0.0, 5e-324, 1e308, np.pi]}),
    "shapes": gpd.GeoDataFrame(
        {"facility_id": ["a", "b", None]},
        geometry=[
            shapely.Point(102.1, 24.3),
            None,
            shapely.box(0, 0, 1, 1).difference(shapely.box(0.1, 0.1, 0.9, 0.9)),
        ],
        crs="EPSG:4326",
    ),
    "shapes in metres under another name": gpd.GeoDataFrame(
        {"n": [1], "area": gpd.GeoSeries([shapely.box(0, 0, 1, 1)], crs=4543)}, geometry="area"
    ),
    "shapes without a system": gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point()]),
    "a system in words": gpd.GeoDataFrame(
        geometry=[shapely.Point(1, 2)], crs=CRS.from_proj4("+proj=aeqd +lat_0=24 +lon_0=102 +datum=WGS84")
    ),
    "notes": pd.DataFrame({"a": [1]}),
}
FRAMES["notes"].attrs = {"notes": ["两个点离道路较远", "b"], "count": 3}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_table_comes_back_exactly(frame):
    run = Stages()
    assert run.recall("x", "key") is None
    assert run.keep("x", "key", frame)
    back = run.recall("x", "key")
    assert same(frame, back)
    assert digest(frame) == digest(back)


def test_what_comes_back_can_be_written_to():
    Stages().keep("x", "key", FRAMES["last digits"])
    back = Stages().recall("x", "key")
    back["a"].array._ndarray[0] = 1  # what libraries do in place
    back.loc[1, "a"] = 7.0
    assert back["a"].tolist()[:2] == [1, 7]


def test_what_cannot_come_back_exactly_is_not_kept(store):
    odd = [
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": pd.Series([("tuple",)], dtype=object)}),
        pd.DataFrame({"a": pd.Series([{"missing": True}], dtype=object)}),
    ]
    for attrs in ({"notes": ("tuple",)}, {"log": object()}):
        odd.append(pd.DataFrame({"a": [1]}))
        odd[-1].attrs = attrs
    for number, frame in enumerate(odd):
        assert not Stages().keep("x", str(number), frame)
    assert list(store.rglob("*.*")) == []


def test_a_result_that_cannot_be_kept_is_computed_every_time():
    calls, run = [], Stages()
    for _ in range(2):
        run.of("odd", lambda: (calls.append(1), pd.DataFrame({"a": [object()]}))[1])
    assert len(calls) == 2
    assert run.resumed == ()


@pytest.fixture
def inputs(town, at):
    people = at((0, 0), (190, 10), (610, 590), (5000, 5000), key="demand_id", people=[1.0, 2.0, np.nan, 4.0])
    homes = at((0, 0), (400, 400), (9000, 0), kind=["养老院", None, "助餐点"])
    areas = gpd.GeoDataFrame(
        {"area_id": ["5301", "530101"], "name": ["市", None], "level": ["city", "county"]},
        geometry=[people.union_all().envelope.buffer(900)] * 2,
        crs=people.crs,
    )
    return people.to_crs(4326), homes.to_crs(4326), areas.to_crs(4326), town


def three(run, people, homes, areas, network, minutes=(5, 10)):
    """The stages that are kept, as a run has them."""
    times = run.of("times", nearest, people, homes, network)
    rings = run.of("isochrones", isochrones, homes, network, minutes=minutes, union=True, options=IsochroneOptions())
    return times, rings, run.of("coverage", coverage, people, homes, areas, network, minutes=minutes, served_share=0.5)


def test_real_stages_come_back_exactly(inputs):
    first, second = Stages(), Stages()
    found, again = three(first, *inputs), three(second, *inputs)
    assert first.resumed == ()
    assert second.resumed == ("times", "isochrones", "coverage")
    assert all(same(one, other) for one, other in zip(found, again, strict=True))
    assert all(same(one, other) for one, other in zip(found, three(Stages(on=False), *inputs), strict=True))


def test_areas_without_names(inputs):
    people, homes, areas, network = inputs
    three(Stages(), people, homes, areas.drop(columns="name"), network)
    three(second := Stages(), people, homes, areas.drop(columns="name"), network)
    assert second.resumed == ("times", "isochrones", "coverage")


CHANGES = {
    "a point moves by a nanometre": lambda p, h, a, n: (p.assign(geometry=p.translate(1e-14)), h, a, n),
    "a person more": lambda p, h, a, n: (p.assign(people=[1, 2, 3, 5.0]), h, a, n),
    "another order": lambda p, h, a, n: (p[::-1], h, a, n),
    "another index": lambda p, h, a, n: (p.set_axis([4, 5, 6, 7]), h, a, n),
    "another name": lambda p, h, a, n: (p, h.assign(facility_id=["x", "f1", "f2"]), a, n),
    "another kind": lambda p, h, a, n: (p, h.assign(kind=["养老院", "nan", "助餐点"]), a, n),
    "a facility less": lambda p, h, a, n: (p, h.head(2), a, n),
    "added minutes": lambda p, h, a, n: (p, h.assign(added_minutes=[0.0, 1.0, 0.0]), a, n),
    "a slower walk": lambda p, h, a, n: (p, h, a, dataclasses.replace(n, profile=profile("oldest"))),
    "a street closed": lambda p, h, a, n: (
        p, h, a, dataclasses.replace(n, forward_seconds=np.where(np.arange(n.n_edges) == 3, np.inf, n.forward_seconds))
    ),
    "a street bent": lambda p, h, a, n: (p, h, a, dataclasses.replace(n, edge_xy=n.edge_xy + 1e-9)),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_goes_into_a_stage_counts(inputs, change):
    three(Stages(), *inputs)
    run, changed = Stages(), change(*inputs)
    found = three(run, *changed)
    assert "coverage" not in run.resumed
    assert all(same(one, other) for one, other in zip(found, three(Stages(on=False), *changed), strict=True))


@pytest.mark.parametrize(
    "options",
    [{"minutes": (5, 15)}, {"minutes": (10, 5)}, {"minutes": (5.0, 10)}, {"served_share": 0.6}, {"minutes": (5,)}],
)
def test_settings_count(inputs, options):
    people, homes, areas, network = inputs
    given_, wanted = {"minutes": (5, 10), "served_share": 0.5}, Stages()
    Stages().of("coverage", coverage, people, homes, areas, network, **given_)
    wanted.of("coverage", coverage, people, homes, areas, network, **{**given_, **options})
    assert wanted.resumed == ()


def test_options_of_drawing_count(inputs):
    _, homes, _, network = inputs
    for run, reach in ((Stages(), 25.0), (second := Stages(), 30.0)):
        options = IsochroneOptions(reach_metres=reach)
        run.of("isochrones", isochrones, homes, network, minutes=5, options=options)
    assert second.resumed == ()


def test_the_language_counts():
    """A note in a table is in somebody's language."""
    for language in ("zh", "en"):
        with use_language(language):
            (run := Stages()).of("x", lambda: pd.DataFrame({"a": [1]}))
            assert run.resumed == ()


@pytest.mark.parametrize("what", ["version", "code"])
def test_the_code_and_the_libraries_count(monkeypatch, what):
    Stages().of("x", lambda: pd.DataFrame({"a": [1]}))
    stages.fingerprint.cache_clear()
    if what == "version":
        monkeypatch.setattr(stages, "version", lambda _: "99")
    else:
        monkeypatch.setattr(stages.Path, "read_bytes", lambda _: b"other")
    (run := Stages()).of("x", lambda: pd.DataFrame({"a": [1]}))
    monkeypatch.undo()
    stages.fingerprint.cache_clear()
    assert run.resumed == ()


def test_switched_off_nothing_is_kept_or_taken(inputs, store):
    three(Stages(), *inputs)
    run = Stages(on=False)
    three(run, *inputs)
    assert run.resumed == ()
    for path in store.rglob("*.parquet"):
        path.unlink()
    three(run, *inputs)
    assert list(store.rglob("*.parquet")) == []


def test_an_argument_without_content_is_refused():
    for odd in (object(), {1, 2}, lambda: 1, iter("ab"), pd.Series([1])):
        with pytest.raises(TypeError, match="no content to compare"):
            digest(odd)


# The content of values

cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3))
plain = st.recursive(cells, lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner, inner)), max_leaves=6)


@settings(deadline=None)
@given(plain, plain)
def test_values_that_look_different_have_different_digests(one, other):
    assert (digest(one) == digest(other)) == (repr(one) == repr(other))


@settings(deadline=None, max_examples=50)
@given(st.lists(cells, min_size=1, max_size=4), st.lists(cells, min_size=1, max_size=4))
def test_so_have_tables(one, other):
    left, right = (pd.DataFrame({"a": pd.Series(column, dtype=object)}) for column in (one, other))
    assert (digest(left) == digest(right)) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.array([0.0]), np.array([-0.0])),
        (np.array(["a\x1eb"], dtype=object), np.array(["a", "b"], dtype=object)),
        (pd.Categorical(["a"]), pd.Categorical(["a"], categories=["a", "b"])),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
        (pd.DataFrame({"a": ["1"]}), pd.DataFrame({"a": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[5])),
        (CRS(4326), CRS(4490)),
        (FRAMES["shapes"], FRAMES["shapes"].set_crs(4490, allow_override=True)),
        (FRAMES["shapes"], pd.DataFrame(FRAMES["shapes"])),
        (FRAMES["shapes"], FRAMES["shapes"][["geometry", "facility_id"]]),
    ],
)
def test_small_differences_count(one, other):
    assert digest(one) != digest(other)


def test_digests_are_the_same_in_another_process():
    """No hash seed, no address, no order of a set goes into them."""
    frame = "pd.DataFrame({'a': ['x', None], 'b': [0.1, float('nan')]}, index=['p', 'q'])"
    code = (
        f"import pandas as pd; from carecircle.stages import digest, fingerprint; print(digest({frame}, fingerprint()))"
    )
    seeded = {**os.environ, "PYTHONHASHSEED": "11"}
    other = subprocess.run([sys.executable, "-c", code], env=seeded, capture_output=True, text=True, check=True)
    ours = digest(pd.DataFrame({"a": ["x", None], "b": [0.1, float("nan")]}, index=["p", "q"]), stages.fingerprint())
    assert other.stdout.strip() == ours


def test_what_hangs_on_an_input_does_not_count():
    frame = FRAMES["plain"].copy()
    frame.attrs = {"log": object()}
    assert digest(frame) == digest(FRAMES["plain"])


# The store


@pytest.mark.parametrize("damage", range(8))
def test_a_damaged_entry_is_ignored_and_written_anew(inputs, store, damage):
    found = three(Stages(), *inputs)
    (entry,) = (store / "stages").glob("isochrones-*")
    whole = entry.read_bytes()
    (other,) = (store / "stages").glob("times-*")
    entry.write_bytes(
        [
            b"",
            b"nonsense",
            whole[:-1],
            whole[: len(whole) // 2],
            whole[: len(whole) // 2] + b"\0" + whole[len(whole) // 2 + 1 :],
            whole.replace(b'"attrs": {}', b'"attrs": {"notes": [1]}'),
            other.read_bytes(),
            b"PAR1" + bytes(100) + b"PAR1",
        ][damage]
    )
    run = Stages()
    assert all(same(one, again) for one, again in zip(found, three(run, *inputs), strict=True))
    assert run.resumed == ("times", "coverage")
    three(last := Stages(), *inputs)
    assert last.resumed == ("times", "isochrones", "coverage")


def test_any_single_byte_that_turns_is_noticed(store):
    frame = pd.DataFrame({"minutes": np.linspace(0, 15, 50), "facility_id": ["a", "b"] * 25})
    Stages().keep("times", "key", frame)
    (entry,) = (store / "stages").iterdir()
    whole = entry.read_bytes()
    for place in range(0, len(whole), 29):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        back = Stages().recall("times", "key")
        assert back is None or same(frame, back)


@pytest.mark.parametrize("place", ["store", "stages"])
def test_a_store_that_cannot_be_written_is_no_failure(inputs, store, place):
    if place == "stages":
        store.mkdir()
    (store if place == "store" else store / "stages").write_text("a file where the folder should be")
    run = Stages()
    three(run, *inputs)
    run.end()
    assert run.resumed == ()


def test_a_full_disk_is_no_failure_and_leaves_no_half_entry(inputs, store):
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        three(Stages(), *inputs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in store.rglob("*")] == ["stages"]


def test_only_the_user_can_look_into_the_store(inputs, store):
    three(Stages(), *inputs)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (store, store / "stages")] == [0o700, 0o700]
    assert sorted(path.name.split("-")[0] for path in (store / "stages").iterdir()) == [
        "coverage",
        "isochrones",
        "times",
    ]
    assert store_folder() == store


def test_the_end_of_a_run_tidies_and_use_keeps_alive(inputs, store):
    three(Stages(), *inputs)
    for path in (store / "stages").iterdir():
        os.utime(path, (time.time() - 40 * 86_400,) * 2)
    people, homes, _, network = inputs
    run = Stages()
    run.of("times", nearest, people, homes, network)
    run.end()
    assert run.resumed == ("times",)
    assert [path.name.split("-")[0] for path in (store / "stages").iterdir()] == ["times"]
