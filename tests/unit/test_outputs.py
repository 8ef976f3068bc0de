"""Files that appear whole or not at all, and that are the same bytes every time."""

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carecircle.errors import OutputError, UsageError
from carecircle.outputs import LAYER_DRIVERS, to_json, whole_file, whole_folder, write_layer


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


def test_a_folder_keeps_what_else_is_in_it(tmp_path):
    (tmp_path / "mine.docx").write_text("mine")
    (tmp_path / "a.txt").write_text("before")
    with whole_folder(tmp_path) as draft:
        (draft / "a.txt").write_text("after")
        (draft / "b.txt").write_text("new")
    assert names(tmp_path) == ["a.txt", "b.txt", "mine.docx"]
    assert (tmp_path / "a.txt").read_text() == "after"
    with pytest.raises(RuntimeError), whole_folder(tmp_path) as draft:
        begin(draft / "a.txt", "half", RuntimeError)
    assert names(tmp_path) == ["a.txt", "b.txt", "mine.docx"]
    assert (tmp_path / "a.txt").read_text() == "after"


def test_one_file_that_cannot_take_its_place_brings_all_back(tmp_path):
    """As when a workbook is open in another program; here a folder stands in its place."""
    for name in ("a.txt", "z.txt"):
        (tmp_path / name).write_text("before")
    (tmp_path / "m.xlsx").mkdir()
    (tmp_path / "m.xlsx" / "inner").write_text("mine")
    with pytest.raises(OutputError, match="无法写入"), whole_folder(tmp_path) as draft:
        _ = [(draft / name).write_text("after") for name in ("a.txt", "b.txt", "m.xlsx", "z.txt")]
    assert names(tmp_path) == ["a.txt", "m.xlsx", "z.txt"]
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "z.txt").read_text() == "before"
    assert (tmp_path / "m.xlsx" / "inner").read_text() == "mine"


@pytest.mark.parametrize("way", [whole_file, whole_folder])
def test_a_place_that_cannot_be_written(tmp_path, way):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="无法写入") as error, way(tmp_path / "file" / "inner" / "a"):
        pytest.fail("nothing is begun")
    assert "file" in str(error.value)
    assert isinstance(error.value, OSError)
    assert names(tmp_path) == ["file"]


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


def test_json_has_no_nan():
    data = {
        "a": float("nan"),
        "b": [np.int64(3), np.float64("inf"), pd.NA, np.True_],
        "c": date(2026, 1, 2),
        4: (None, "字"),
    }
    assert json.loads(to_json(data)) == {"a": None, "b": [3, None, None, True], "c": "2026-01-02", "4": [None, "字"]}
    assert "字" in to_json(data)
