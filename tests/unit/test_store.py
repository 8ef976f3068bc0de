"""The store of what was read: found again by content, and only by content."""

import dataclasses
import os
import shutil
import stat
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.sources.roads import reading as roads
from carecircle.sources.roads.reading import read_streets
from carecircle.sources.roads.store import file_hash, recall, remember, store_folder, tidy
from carecircle.sources.roads.streets import Streets


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("CARECIRCLE_CACHE", str(folder))
    return folder


@pytest.fixture
def town(osm):
    return osm(
        {1: (0, 0), 2: (100, 0), 3: (200, 50)},
        [([1, 2], {"highway": "residential", "maxspeed": "30"}), ([2, 3], {"highway": "steps"})],
        {2: {"barrier": "gate"}},
    )


@pytest.fixture
def reads(monkeypatch):
    """The files that were really read."""
    seen = []
    inner = roads._read
    monkeypatch.setattr(roads, "_read", lambda path, polygon: (seen.append(path), inner(path, polygon))[1])
    return seen


def assert_same(one: Streets, other: Streets):
    for found in dataclasses.fields(Streets):
        a, b = getattr(one, found.name), getattr(other, found.name)
        if found.name == "tags":
            pd.testing.assert_frame_equal(a, b)
        elif found.name == "notes":
            assert a == b
        else:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_the_session_has_a_store_of_its_own(monkeypatch, tmp_path):
    assert store_folder() == tmp_path / "store"
    monkeypatch.delenv("CARECIRCLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert store_folder() == tmp_path / "cache" / "carecircle"


def test_the_second_read_comes_from_the_store_and_is_the_same(helsinki, reads):
    first, second = read_streets(helsinki), read_streets(helsinki)
    assert len(reads) == 1
    assert_same(first, second)


def test_notes_survive(osm, reads):
    path = osm({1: (0, 0), 2: (9, 0), 3: (20, 0)}, [([1, 2, 3], {"highway": "path"})], missing=(3,))
    first, second = read_streets(path), read_streets(path)
    assert len(reads) == 1
    assert first.notes
    assert_same(first, second)


def test_content_counts_and_not_name_or_date(town, tmp_path, reads):
    read_streets(town)
    shutil.copy(town, tmp_path / "copy.osm")
    read_streets(tmp_path / "copy.osm")
    assert len(reads) == 1
    town.write_text(town.read_text("utf-8").replace("residential", "tertiary"), "utf-8")
    assert "tertiary" in read_streets(town).tags["highway"].to_list()
    assert len(reads) == 2


def test_the_boundary_is_part_of_the_key(town, reads, lonlat_of):
    square = shapely.Polygon(lonlat_of([(-9, -9), (9, -9), (9, 9), (-9, 9)]))
    assert len(read_streets(town).way_id) == 2
    assert len(read_streets(town, boundary=square).way_id) == 1
    assert len(read_streets(town, boundary=square).way_id) == 1
    assert len(reads) == 2


def test_no_cache_leaves_no_trace(town, store):
    read_streets(town, cache=False)
    assert not store.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: entry.write_bytes(b""),
        lambda entry: entry.write_bytes(b"nonsense"),
        lambda entry: entry.write_bytes(entry.read_bytes()[:-200]),
        lambda entry: entry.write_bytes(entry.read_bytes()[:50]),
        lambda entry: np.savez(entry, lonlat=np.zeros(3)),
    ],
)
def test_a_damaged_entry_is_ignored_and_written_anew(town, store, reads, damage):
    first = read_streets(town)
    (entry,) = store.glob("*.npz")
    damage(entry)
    assert_same(first, read_streets(town))
    assert_same(first, read_streets(town))
    assert len(reads) == 2


def test_a_store_that_cannot_be_written_is_no_failure(town, store):
    store.write_text("a file where the folder should be")
    assert_same(read_streets(town), read_streets(town))


def test_nothing_but_the_entry_stays(town, store):
    read_streets(town)
    assert [found.suffix for found in store.iterdir()] == [".npz"]


def test_only_the_user_can_look_into_the_store(town, store):
    read_streets(town)
    assert stat.S_IMODE(store.stat().st_mode) == 0o700


def test_a_folder_that_is_there_keeps_its_permissions(town, store):
    store.mkdir(mode=0o755)
    read_streets(town)
    assert stat.S_IMODE(store.stat().st_mode) == 0o755


def test_a_full_disk_is_no_failure_and_leaves_no_half_entry(town, store):
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    streets, before = read_streets(town, cache=False), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert_same(read_streets(town), streets)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(store.iterdir()) == []


# Tidying


def entry(store, number, *, days=0.0, size=10, kind="npz"):
    """Make an entry that was last used some days ago."""
    key = f"{number:040x}"
    path = store / f"{key}.npz" if kind == "npz" else store / "stages" / f"times-{key}.parquet"
    return aged(path, days, size)


def aged(path, days, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


@pytest.mark.parametrize("kind", ["npz", "stage"])
def test_entries_that_nobody_uses_go(store, kind):
    old, new = entry(store, 1, days=31, kind=kind), entry(store, 2, days=29, kind=kind)
    tidy()
    assert not old.exists()
    assert new.exists()


def test_the_least_recently_used_go_first(store):
    kept = [entry(store, 1, days=1, size=40), entry(store, 2, days=2, size=40, kind="stage")]
    gone = [entry(store, 3, days=3, size=40), entry(store, 4, days=4, size=1, kind="stage")]
    tidy(most_bytes=100)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)


def test_a_used_entry_counts_as_new(town, store):
    read_streets(town)
    (used,) = store.glob("*.npz")
    os.utime(used, (time.time() - 40 * 86_400,) * 2)
    read_streets(town)
    tidy()
    assert used.exists()


def test_nothing_else_is_removed(store):
    """The folder may hold files of the user's, and locks are never removed."""
    mine = [
        aged(store / name, 400) for name in ("mine.npz", "a.parquet", ".mine.draft", "locks/a.lock", "stages/a.parquet")
    ]
    tidy(days=0, most_bytes=0)
    assert all(path.exists() for path in mine)


def test_drafts_of_killed_runs_go_after_a_day(store):
    old, new = aged(store / f".{1:016x}.draft", 2), aged(store / f".{2:016x}.draft", 0.1)
    staged = aged(store / "stages" / f".{3:016x}.draft", 2)
    tidy()
    assert (old.exists(), new.exists(), staged.exists()) == (False, True, False)


def test_tidying_a_store_that_is_not_there(store):
    tidy()
    assert not store.exists()


def test_all_files_of_a_shapefile_count(tmp_path, reads):
    lines = shapely.linestrings([[(102.0, 24.0), (102.01, 24.0)], [(102.0, 24.0), (102.0, 24.01)]])
    path = tmp_path / "roads.shp"
    gpd.GeoDataFrame({"highway": ["primary", "primary"]}, geometry=lines, crs=4326).to_file(path, encoding="UTF-8")
    before = path.read_bytes(), file_hash(path)
    assert read_streets(path).tags["highway"].tolist() == ["primary"]
    gpd.GeoDataFrame({"highway": ["primary", "steps"]}, geometry=lines, crs=4326).to_file(path, encoding="UTF-8")
    assert path.read_bytes() == before[0]
    assert file_hash(path) != before[1]
    assert read_streets(path).tags["highway"].tolist() == ["primary", "steps"]
    assert len(reads) == 2
    (tmp_path / "roads.txt").write_text("a note beside it")
    read_streets(path)
    assert len(reads) == 2


def test_recall_of_nothing(town):
    assert recall(town, None) is None
    streets = read_streets(town, cache=False)
    remember(town, None, streets)
    assert_same(recall(town, None), streets)
