"""Files that appear whole or not at all, and that are the same bytes every time."""

import errno
import json
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from xlsxwriter.exceptions import FileCreateError

from carecircle import outputs
from carecircle.errors import OutputError, UsageError
from carecircle.outputs import LAYER_DRIVERS, saying, to_json, whole_file, write_json, write_layer, write_layers
from carecircle.report.workbook import write_csv


@pytest.fixture
def frame():
    return gpd.GeoDataFrame(
        {"名称": ["甲", None], "minutes": [5.0, np.nan], "on": [date(2026, 6, 30), None], "list": [["a", "b"], None]},
        geometry=gpd.points_from_xy([102.5, 102.6], [24.3, 24.4]),
        crs=4326,
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def begin(path, content, error):
    """Write half of a file and fail."""
    path.write_text(content)
    raise error


def test_a_file_takes_its_place_when_all_is_written(tmp_path):
    with whole_file(tmp_path / "new" / "a.txt") as draft:
        draft.write_text("one")
        assert names(tmp_path / "new") != ["a.txt"]
        assert draft.name == "a.txt"
    assert names(tmp_path / "new") == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "one"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError, ValueError])
def test_a_failure_leaves_the_earlier_file(tmp_path, error):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(error), whole_file(tmp_path / "a.txt") as draft:
        begin(draft, "half", error)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


def test_files_that_belong_together_are_moved_together(tmp_path):
    with whole_file(tmp_path / "a.shp") as draft:
        for ending in (".shp", ".dbf"):
            draft.with_suffix(ending).write_text(ending)
    assert names(tmp_path) == ["a.dbf", "a.shp"]


def test_parts_that_cannot_all_take_their_place_come_back(tmp_path):
    """As when one part of a shapefile is open in another program; here a folder stands in its place."""
    for name in ("a.dbf", "a.shx"):
        (tmp_path / name).write_text("before")
    (tmp_path / "a.shp").mkdir()
    (tmp_path / "a.shp" / "inner").write_text("mine")
    with pytest.raises(OutputError, match="无法写入"), whole_file(tmp_path / "a.shp") as draft:
        _ = [draft.with_suffix(ending).write_text("after") for ending in (".dbf", ".prj", ".shp", ".shx")]
    assert names(tmp_path) == ["a.dbf", "a.shp", "a.shx"]
    assert (tmp_path / "a.dbf").read_text() == (tmp_path / "a.shx").read_text() == "before"
    assert (tmp_path / "a.shp" / "inner").read_text() == "mine"


def test_a_part_that_is_open_elsewhere(tmp_path, monkeypatch):
    for name in ("a.dbf", "a.shp"):
        (tmp_path / name).write_text("before")
    replace = Path.replace

    def refusing(self, target):
        if self == tmp_path / "a.shp":
            raise PermissionError(errno.EACCES, "Access is denied", str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(OutputError, match="Access is denied"), whole_file(tmp_path / "a.shp") as draft:
        _ = [draft.with_suffix(ending).write_text("after") for ending in (".dbf", ".shp")]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.dbf": "before", "a.shp": "before"}


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="无法写入") as error, whole_file(tmp_path / "file" / "inner" / "a"):
        pytest.fail("nothing is begun")
    assert "file" in str(error.value)
    assert isinstance(error.value, OSError)
    assert names(tmp_path) == ["file"]


def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    before = os.umask(0o002)
    try:
        with whole_file(tmp_path / "a.gpkg") as draft:
            draft.write_text("x")
            draft.chmod(0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.gpkg").stat().st_mode) == 0o664


def test_drafts_of_killed_commands_go_after_a_day(tmp_path):
    for name, age in {".carecircle-draft-old": 90_000, ".carecircle-draft-new": 60, ".carecircle-mine": 90_000}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    with whole_file(tmp_path / "a.txt") as draft:
        draft.write_text("x")
    assert names(tmp_path) == [".carecircle-draft-new", ".carecircle-mine", "a.txt"]


def test_many_commands_write_one_name_at_once(tmp_path):
    """The last one wins, and nobody ever sees half a file."""
    words = [letter * 100_000 for letter in "abcd"]
    seen, stop = set(), threading.Event()

    def write(content):
        for _ in range(10):
            with whole_file(tmp_path / "a.txt") as draft:
                draft.write_text(content)

    def watch():
        while not stop.is_set():
            seen.add((tmp_path / "a.txt").read_text())

    write(words[0])
    watcher, writers = threading.Thread(target=watch), [threading.Thread(target=write, args=[w]) for w in words]
    for thread in (watcher, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    watcher.join()
    assert seen <= set(words)
    assert names(tmp_path) == ["a.txt"]


def test_what_goes_wrong_inside_is_not_taken_for_the_place(tmp_path):
    from carecircle.errors import require_file  # noqa: PLC0415

    with pytest.raises(FileNotFoundError, match="找不到"), whole_file(tmp_path / "a.csv"):
        require_file(tmp_path / "missing.csv")
    assert names(tmp_path) == []


@pytest.mark.parametrize("ending", [*LAYER_DRIVERS, ".parquet"])
def test_layers_come_back_and_are_the_same_bytes(tmp_path, frame, ending):
    for name in ("one", "two"):
        write_layer(frame, tmp_path / name / f"层{ending}", as_of=date(2026, 6, 30))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    read = gpd.read_parquet if ending == ".parquet" else gpd.read_file
    back = read(tmp_path / "one" / f"层{ending}")
    assert len(back) == 2
    assert "甲" in back.iloc[:, 0].tolist(), "FlatGeobuf orders rows by place"
    assert back.crs.to_epsg() == 4326


def test_endings_that_are_not_known(tmp_path, frame):
    with pytest.raises(UsageError, match=r"\.gpkg"):
        write_layer(frame, tmp_path / "a.docx")
    assert names(tmp_path) == []


def test_flatgeobuf_holds_rows_without_a_shape(tmp_path, frame):
    """Its spatial index cannot: a facility without an area would stop the command."""
    frame.loc[1, "geometry"] = None
    write_layer(frame, tmp_path / "a.fgb")
    assert gpd.read_file(tmp_path / "a.fgb").geometry.isna().tolist() == [False, True]


@pytest.mark.parametrize("ending", [*LAYER_DRIVERS, ".parquet"])
@pytest.mark.parametrize("rows", ["none", "without shapes", "some without shapes", "empty polygons"])
def test_complete_layers_are_not_taken_for_broken_ones(tmp_path, frame, ending, rows):
    if rows == "empty polygons":
        frame["geometry"] = [shapely.box(0, 0, 1, 1), shapely.Polygon()]
    if "without" in rows:
        frame.loc[1, "geometry"] = None
    part = {"none": slice(0, 0), "without shapes": slice(1, 2)}.get(rows, slice(None))
    write_layer(frame.drop(columns="list").iloc[part], tmp_path / f"a{ending}")
    assert (tmp_path / f"a{ending}").exists()


# A full disk


@contextmanager
def room_for(size):
    """Let no file grow beyond a size, to the byte: what is written after that fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(1)
    xy = rng.random((3000, 2)) + np.array([102, 24])
    words = {"name": [f"名称{number}" for number in range(3000)], "people": rng.random(3000)}
    return gpd.GeoDataFrame(words, geometry=gpd.points_from_xy(*xy.T), crs=4326)


WRITERS = {
    **dict.fromkeys((*LAYER_DRIVERS, ".parquet"), write_layer),
    ".csv": lambda frame, path: _in_one_piece(path, lambda draft: write_csv(frame.drop(columns="geometry"), draft)),
    ".js": lambda frame, path: _in_one_piece(path, lambda draft: write_json(frame["people"].tolist(), draft)),
    ".html": lambda frame, path: _in_one_piece(path, lambda draft: draft.write_text(frame.to_html(), "utf-8")),
}


def _in_one_piece(path, write):
    with whole_file(path) as draft:
        write(draft)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_full_disk_ends_in_a_message_and_leaves_what_was_there(tmp_path, large, ending):
    """At every moment: drivers do not report what fails while they close a file."""
    path, whole = tmp_path / f"a{ending}", tmp_path / "whole"
    WRITERS[ending](large, whole / path.name)
    WRITERS[ending](large.head(3), path)
    before = {found.name: found.read_bytes() for found in tmp_path.glob("a.*")}
    sizes = {found.stat().st_size for found in whole.iterdir()}
    shares = [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]
    limits = {int(max(sizes) * share) for share in shares} | {size - missing for size in sizes for missing in (1, 2)}
    for limit in sorted(limits):
        with pytest.raises(OutputError, match=r"磁盘空间不足.*原有结果未改动") as error, room_for(limit):
            WRITERS[ending](large, path)
        assert f"a{ending}" in str(error.value)
        assert {found.name: found.read_bytes() for found in tmp_path.glob("*.*")} == before, limit
        assert names(tmp_path) == sorted([*before, "whole"])
    WRITERS[ending](large, path)
    after = {found.name: found.read_bytes() for found in tmp_path.glob("a.*")}
    assert after == {found.name: found.read_bytes() for found in whole.iterdir()}


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".fgb", ".geojson"])
def test_a_layer_cut_short_is_noticed(tmp_path, large, ending):
    """What the check after writing sees, for each part of the file."""
    for part in (".gpkg",) if ending == ".gpkg" else (".shp", ".shx", ".dbf") if ending == ".shp" else (ending,):
        path = tmp_path / part[1:] / f"a{ending}"
        path.parent.mkdir()
        write_layers({"a": large}, path)
        assert outputs._is_whole(path, {"a": large})
        os.truncate(path.with_suffix(part), path.with_suffix(part).stat().st_size - 1000)
        with suppress(DataSourceError, DataLayerError, sqlite3.Error):
            assert not outputs._is_whole(path, {"a": large})


def test_a_geopackage_without_its_spatial_index_is_noticed(tmp_path, large):
    write_layers({"名称 1": large, "b": large.head(5)}, tmp_path / "a.gpkg")
    assert outputs._is_whole(tmp_path / "a.gpkg", {"名称 1": large, "b": large.head(5)})
    assert not outputs._is_whole(tmp_path / "a.gpkg", {"名称 1": large, "b": large.head(6)})
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as book:
        book.execute('DELETE FROM "rtree_名称 1_geom_rowid" WHERE rowid = 7')
        book.commit()
    assert not outputs._is_whole(tmp_path / "a.gpkg", {"名称 1": large, "b": large.head(5)})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "磁盘空间不足"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "磁盘空间不足"),
        (PermissionError(errno.EACCES, "Permission denied"), "无法写入.*Permission denied"),
        (OSError(errno.EROFS, "Read-only file system"), "无法写入.*Read-only"),
        (OSError(errno.EIO, "Input/output error"), "失败：Input/output error"),
        (OSError("in the words of a library"), "失败：in the words of a library"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_systems_say_becomes_one_message_with_the_place(error, words, wrapped):
    """Also where a writer has said it already, with the name of a draft that nobody knows."""

    def fail():
        if not wrapped:
            raise error
        raise OutputError(".draft-of-a.xlsx") from FileCreateError(error)

    with pytest.raises(OutputError, match=words) as found, saying("results"):
        fail()
    assert "results" in str(found.value)
    assert ".draft" not in str(found.value)


def test_json_has_no_nan():
    data = {
        "a": float("nan"),
        "b": [np.int64(3), np.float64("inf"), pd.NA, np.True_],
        "c": date(2026, 1, 2),
        4: (None, "字"),
    }
    assert json.loads(to_json(data)) == {"a": None, "b": [3, None, None, True], "c": "2026-01-02", "4": [None, "字"]}
    assert "字" in to_json(data)
