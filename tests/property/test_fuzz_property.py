"""Bytes of any kind under every ending: they are read or refused, and nothing but `CarecircleError` comes out.

The same files every time (derandomised). scripts/fuzz does this for minutes, in processes of their own.
"""

import random
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import carecircle as cc

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from bad_files.judge import READERS
from bad_files.mutations import blind
from bad_files.targets import TARGETS, attempt, seeds

ENDINGS = (
    ".csv",
    ".tsv",
    ".txt",
    ".xlsx",
    ".xls",
    ".xlsm",
    ".ods",
    ".xlsb",
    ".parquet",
    ".geoparquet",
    ".shp",
    ".gpkg",
    ".geojson",
    ".json",
    ".fgb",
    ".zip",
    ".kml",
    ".tif",
    ".osm",
    ".osm.gz",
    ".osm.bz2",
    ".osm.pbf",
    ".graphml",
    ".toml",
    ".docx",
    "",
)
STARTS = (
    b"",
    b"PK\x03\x04",
    bytes.fromhex("d0cf11e0a1b11ae1"),
    b"SQLite format 3\0",
    b"\0\0\x27\x0a",
    b"II*\0",
    b"{",
    b"<osm>",
    b"\x1f\x8b",
    b"PAR1",
    b"\0\0\0\x0d\x0a\x09OSMHeader",
    b"fgb\x03fgb\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    "编号,经度,纬度\n".encode(),
)
READ = ("facilities", "points", "areas", "people", "roads", "layer", "plan")
FEW = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
BY_KIND = {"plan": 60, "csv": 25, "pbf": 40, "osm": 25, "geojson": 25, "excel": 20, "xls": 20}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(FEW, max_examples=60)
@given(
    ending=st.sampled_from(ENDINGS),
    start=st.sampled_from(STARTS),
    rest=st.binary(max_size=300),
    reader=st.sampled_from(READ),
)
@example(ending=".osm", start=b"<osm>", rest=b"\xff\xff\xff\xff", reader="roads")
@example(ending=".toml", start=b"", rest=b"a = " + b"[" * 2000, reader="plan")
@example(ending=".toml", start=b"", rest=b"a = " + b"9" * 5000, reader="plan")
def test_any_bytes_under_any_ending(place, ending, start, rest, reader):
    path = place / f"file{ending}"
    path.write_bytes(start + rest)
    assert str(cc.inspect_file(path))
    try:
        READERS[reader](path)
    except cc.CarecircleError as refusal:
        said = str(refusal)
    else:
        said = "read"
    assert said


@pytest.fixture(scope="module")
def pool():
    """Good files by kind, made once."""
    return {kind: seeds(kind) for kind in TARGETS}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_good_file_that_is_changed(place, pool, kind):
    folder = place / kind
    folder.mkdir()

    @settings(FEW, max_examples=BY_KIND.get(kind, 15))
    @given(seed=st.integers(0, 2**32), knowing=st.booleans())
    def changed(seed, knowing):
        rng = random.Random(seed)  # noqa: S311  no secret
        content = (TARGETS[kind].mutate if knowing else blind)(rng.choice(pool[kind]), rng)
        error, _ = attempt(kind, content, READERS, folder)
        if error is not None:
            raise error

    changed()


@settings(FEW, max_examples=100)
@given(
    header=st.lists(
        st.sampled_from(
            ["机构编号", "经度", "纬度", "床位数", "建成日期", "坐标", "行政区划代码", "坐标系", "", "备注"]
        ),
        max_size=6,
    ),
    cells=st.lists(st.lists(st.text(max_size=12), max_size=7), max_size=6),
)
def test_any_text_in_the_cells_of_a_table(place, header, cells):
    """Cells of any text at all, quotes and surrogates left out: the reader of facilities reads or refuses them."""
    path = place / "cells.csv"
    clean = [[cell.replace('"', "'") for cell in row] for row in cells]
    lines = [",".join(f'"{cell}"' for cell in row) for row in [header, *clean]]
    path.write_bytes("\r\n".join(lines).encode("utf-8", "ignore"))
    try:
        found = cc.read_facilities(path, bad_rows="drop")
    except cc.CarecircleError:
        return
    assert found["facility_id"].is_unique
    assert found.geometry.notna().all()
