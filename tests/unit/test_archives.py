"""Zip archives of layers: names of every kind, choices, and archives that mean harm."""

import contextlib
import io
import os
import shutil
import stat
import tempfile
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from carecircle.errors import InputError
from carecircle.sources.layers.archives import member_name
from carecircle.sources.layers.reading import layer_names, open_layer, read_layer

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")


DRIVERS = {"a.geojson": "GeoJSON", "a.kml": "KML", "a.fgb": "FlatGeobuf"}


@pytest.fixture
def points():
    where = gpd.points_from_xy([102.5, 102.6], [24.3, 24.4])
    return gpd.GeoDataFrame({"名称": ["玉兴街道", "荷花社区"]}, geometry=where, crs=4326)


@pytest.fixture
def parts(tmp_path, points):
    """Give the parts of a shapefile in GBK without a .cpg, by ending."""
    points.to_file(tmp_path / "parts.shp", encoding="GBK")
    (tmp_path / "parts.cpg").unlink()
    return {path.suffix: path.read_bytes() for path in tmp_path.glob("parts.*")}


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path, monkeypatch):
    """Unpacked files are gone again, however it ended."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert list(place.iterdir()) == []


def pack(path, members, *, utf8=True, encoding="gbk", compression=zipfile.ZIP_DEFLATED):
    """Write an archive; names beyond ASCII with the flag of UTF-8, or as bytes of an encoding without it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            if not utf8:
                info = _Bytes(name.encode(encoding).decode("cp437"))
                info.compress_type = compression
            archive.writestr(info, content)
    return path


class _Bytes(zipfile.ZipInfo):
    """A member whose name is written as bytes of code page 437, without the flag of UTF-8."""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode("cp437"), self.flag_bits & ~0x800


def keys(call):
    with pytest.raises(InputError) as error:
        call()
    for found in error.value.problems:
        assert "carecircle-" not in found.message(), "the temporary folder is nobody's business"
    return [found.key for found in error.value.problems]


def shapefile(parts, stem):
    return {f"{stem}{ending}": content for ending, content in parts.items()}


@pytest.mark.parametrize(
    "stem", ["a", "行政区划", "数据/2023年/行政区划", "深\\层\\区划", "重要!;(1)#资料/a?b*", "A b"]
)  # "\\" as a folder's sign, as some programs write
@pytest.mark.parametrize(("utf8", "encoding"), [(True, ""), (False, "gbk"), (False, "utf-8")])
def test_a_packed_shapefile(tmp_path, parts, stem, utf8, encoding):
    junk = {"__MACOSX/._a.shp": b"junk", "数据/.DS_Store": b"junk", "说明.txt": "说明".encode("gbk")}
    file = pack(tmp_path / "a.zip", shapefile(parts, stem) | junk, utf8=utf8, encoding=encoding)
    source = open_layer(file)
    assert source.frame["名称"].tolist() == ["玉兴街道", "荷花社区"]
    assert source.frame.crs.to_epsg() == 4326
    assert source.file == file
    assert source.sheet == stem.replace("\\", "/").rpartition("/")[2]
    assert {found.file for found in source.findings} == {file}
    assert layer_names(file) == [source.sheet]
    assert len(read_layer(file, source.sheet)) == 2


def test_a_character_of_gbk_may_hold_a_backslash(tmp_path, parts):
    """誠 is B8 5C... in GBK the second byte of many characters is that of the backslash."""
    name = next(char for char in map(chr, range(0x4E00, 0x9FA5)) if char.encode("gbk", "replace").endswith(b"\\"))
    file = pack(tmp_path / "a.zip", shapefile(parts, f"{name}县"), utf8=False)
    assert open_layer(file).sheet == f"{name}县"


def test_endings_of_any_case_in_the_archive(tmp_path, parts):
    mixed = {f"Layer{ending.upper() if at % 2 else ending}": parts[ending] for at, ending in enumerate(sorted(parts))}
    assert len(open_layer(pack(tmp_path / "A.ZIP", mixed)).frame) == 2


def test_several_layers_have_to_be_chosen(tmp_path, parts):
    file = pack(tmp_path / "a.zip", shapefile(parts, "县/甲") | shapefile(parts, "乡/乙"))
    assert layer_names(file) == ["乡/乙.shp", "县/甲.shp"]
    with pytest.raises(InputError) as error:
        open_layer(file)
    assert error.value.problems[0].key == "several_layers"
    assert "县/甲.shp" in str(error.value)
    for name in ("县/甲.shp", "甲"):
        assert open_layer(file, layer=name).sheet == "县/甲.shp"
    assert keys(lambda: open_layer(file, layer="丙")) == ["missing_layer"]


def test_a_geopackage_in_an_archive(tmp_path, points):
    for name in ("甲", "乙"):
        points.to_file(tmp_path / "all.gpkg", layer=name)
    content = (tmp_path / "all.gpkg").read_bytes()
    file = pack(tmp_path / "a.zip", {"x/all.gpkg": content})
    assert sorted(layer_names(file)) == ["乙", "甲"]
    assert open_layer(file, layer="乙").frame["名称"].tolist() == ["玉兴街道", "荷花社区"]
    points.to_file(tmp_path / "b.geojson")
    file = pack(tmp_path / "b.zip", {"all.gpkg": content, "b.geojson": (tmp_path / "b.geojson").read_bytes()})
    assert sorted(layer_names(file)) == ["all.gpkg/乙", "all.gpkg/甲", "b.geojson"]
    assert len(open_layer(file, layer="all.gpkg/甲").frame) == 2
    assert len(open_layer(file, layer="b").frame) == 2
    assert len(open_layer(file, layer="甲").frame) == 2


def test_a_folder_of_a_geodatabase_in_an_archive(tmp_path, points):
    points.to_file(tmp_path / "区划.gdb", driver="OpenFileGDB", layer="县")
    members = {f"数据/区划.gdb/{path.name}": path.read_bytes() for path in (tmp_path / "区划.gdb").iterdir()}
    file = pack(tmp_path / "a.zip", members)
    source = open_layer(file)
    assert source.sheet == "区划"
    assert source.frame["名称"].tolist() == ["玉兴街道", "荷花社区"]


@pytest.mark.parametrize("name", ["a.geojson", "a.kml", "a.fgb", "a.parquet"])
def test_other_layers_in_archives(tmp_path, points, name):
    file = tmp_path / name
    points.to_parquet(file) if name.endswith("parquet") else points.to_file(file, driver=DRIVERS[name])
    assert len(read_layer(pack(tmp_path / "a.zip", {f"x/{name}": file.read_bytes()}))) == 2
    if name == "a.kml":
        assert len(read_layer(pack(tmp_path / "a.kmz", {"doc.kml": file.read_bytes(), "files/icon.png": b""}))) == 2


def test_a_table_in_an_archive(tmp_path):
    content = "机构编号,机构名称\nA,玉兴养老院\n".encode("gbk")
    file = pack(tmp_path / "a.zip", {"名单.csv": content, "说明.txt": b"."}, utf8=False)
    source = open_layer(file)
    assert source.frame["机构名称"].tolist() == ["玉兴养老院"]
    assert (source.file, source.sheet, source.rows.tolist()) == (file, "名单", [2])
    assert keys(lambda: read_layer(file)) == ["wrong_geometry"]
    two = pack(tmp_path / "b.zip", {"甲.csv": content, "乙.csv": content})
    assert keys(lambda: open_layer(two)) == ["several_layers"]
    assert len(open_layer(two, layer="乙").frame) == 1


def test_problems_inside_are_addressed_in_the_archive(tmp_path, parts):
    members = shapefile(parts, "数据/区划")
    members["数据/区划.dbf"] = members["数据/区划.dbf"][:60]
    file = pack(tmp_path / "a.zip", members)
    with pytest.raises(InputError) as error:
        open_layer(file)
    (found,) = error.value.problems
    assert (found.key, found.file, found.sheet) == ("cut_short", file, "数据/区划.shp")
    members = {name: content for name, content in shapefile(parts, "a").items() if not name.endswith(".prj")}
    assert keys(lambda: read_layer(pack(tmp_path / "b.zip", members))) == ["missing_crs"]
    assert len(read_layer(tmp_path / "b.zip", crs=4490)) == 2


def test_parts_without_the_shapes(tmp_path, parts):
    members = {name: content for name, content in shapefile(parts, "a").items() if not name.endswith(".shp")}
    file = pack(tmp_path / "a.zip", members)
    with pytest.raises(InputError) as error:
        open_layer(file)
    assert error.value.problems[0].key == "archive_without_layer"
    assert "a.dbf" in str(error.value)
    assert keys(lambda: open_layer(pack(tmp_path / "b.zip", {}))) == ["archive_without_layer"]
    # Of a packed layer, too, only the index can be made again.
    members = {name: content for name, content in shapefile(parts, "a").items() if not name.endswith(".shx")}
    assert "index_rebuilt" in {found.key for found in open_layer(pack(tmp_path / "c.zip", members)).findings}


# Archives that mean harm, or are none


@pytest.mark.parametrize(
    "name", ["../a.shp", "x/../../a.shp", "/etc/a.shp", "C:/a.shp", "C:a.shp", "..\\a.shp", "\\\\host\\a.shp"]
)
def test_names_that_lead_out(tmp_path, parts, name):
    outside = set(tmp_path.rglob("*"))
    file = pack(tmp_path / "a.zip", {**shapefile(parts, "a"), name: b"evil"})
    assert keys(lambda: open_layer(file)) == ["archive_path"]
    assert set(tmp_path.rglob("*")) == outside | {file}


@given(st.text(st.sampled_from("./\\:aA~ \x00\n"), min_size=1, max_size=12), st.booleans())
def test_no_name_is_written_outside(name, utf8):
    """Whatever the names: nothing appears outside the folder, and nothing but a problem comes of it."""
    with tempfile.TemporaryDirectory() as folder:
        inside = os.path.join(folder, "in")  # noqa: PTH118
        os.mkdir(inside)  # noqa: PTH102
        try:
            file = pack(os.path.join(inside, "a.zip"), {name + ".csv": b"a,b\n1,2\n"}, utf8=utf8)  # noqa: PTH118
        except (UnicodeEncodeError, ValueError):
            return
        with contextlib.suppress(InputError):
            open_layer(file)
        assert os.listdir(folder) == ["in"]  # noqa: PTH208
        assert os.listdir(inside) == ["a.zip"]  # noqa: PTH208


def test_links_are_refused(tmp_path, parts):
    file = pack(tmp_path / "a.zip", shapefile(parts, "a"))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("b.geojson")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert keys(lambda: open_layer(file)) == ["archive_path"]


def test_two_members_of_one_name(tmp_path, parts):
    file = pack(tmp_path / "a.zip", shapefile(parts, "a"))
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.dbf", b"other")
    assert keys(lambda: open_layer(file)) == ["archive_repeated"]


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(150):
            member.write(bytes(1 << 20))
    assert file.stat().st_size < 1 << 20
    assert keys(lambda: open_layer(file)) == ["archive_ratio"]


def test_archives_in_archives(tmp_path, parts):
    inner = pack(tmp_path / "inner.zip", shapefile(parts, "a")).read_bytes()
    assert keys(lambda: open_layer(pack(tmp_path / "a.zip", {"inner.zip": inner}))) == ["archive_nested"]


def test_encrypted_members(tmp_path, parts):
    file = pack(tmp_path / "a.zip", shapefile(parts, "a"), compression=zipfile.ZIP_STORED)
    raw = bytearray(file.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags, in each head and entry
        place = raw.find(mark)
        while place >= 0:
            raw[place + at] |= 1
            place = raw.find(mark, place + 1)
    file.write_bytes(raw)
    assert keys(lambda: open_layer(file)) == ["archive_locked"]


@pytest.mark.parametrize("damage", ["cut", "content", "text", "empty"])
def test_damaged_archives(tmp_path, parts, damage):
    file = pack(tmp_path / "a.zip", shapefile(parts, "a"), compression=zipfile.ZIP_STORED)
    raw = bytearray(file.read_bytes())
    if damage == "cut":
        raw = raw[: len(raw) // 2]
    elif damage == "content":
        raw[60] ^= 0xFF
    else:
        raw = b"no archive" if damage == "text" else b""
    file.write_bytes(raw)
    assert keys(lambda: open_layer(file)) == ["archive_damaged"]


@pytest.mark.parametrize(("name", "head"), [("a.rar", b""), ("a.7z", b""), ("a.tar", b""), ("a.zip", b"Rar!\x1a\x07"),
                                            ("a.zip", b"7z\xbc\xaf\x27\x1c"), ("a.zip", b"\x1f\x8b\x08")])  # fmt: skip
def test_other_kinds_of_archives(tmp_path, name, head):
    (tmp_path / name).write_bytes(head + bytes(100))
    assert keys(lambda: open_layer(tmp_path / name)) == ["archive_kind"]


@pytest.mark.parametrize("name", ["a.geojson", "a.kml", "a.gpkg"])
def test_what_is_packed_must_be_what_it_is_called(tmp_path, name):
    vrt = b"<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
    file = pack(tmp_path / "a.zip", {name: vrt})
    assert keys(lambda: open_layer(file)) == ["disguised_file"]


def test_names_without_a_flag():
    def named(raw, flag=0):
        info = zipfile.ZipInfo("x")
        info.orig_filename = info.filename = raw
        info.flag_bits = flag
        return info

    assert member_name(named("边界.shp", 0x800)) == "边界.shp"
    assert member_name(named("边界.shp".encode("gbk").decode("cp437"))) == "边界.shp"
    assert member_name(named("边界.shp".encode().decode("cp437"))) == "边界.shp"
    assert member_name(named("x\\y.shp")) == "x/y.shp"


def test_a_full_disk_is_a_problem(tmp_path, parts, monkeypatch):
    file = pack(tmp_path / "a.zip", shapefile(parts, "a"))

    def full(*_):
        raise OSError(28, "No space left on device", "/tmp/secret")  # noqa: S108

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(InputError) as error:
        open_layer(file)
    assert "No space left" in str(error.value)
    assert "secret" not in str(error.value)


def test_reading_from_an_archive_is_reading_the_layer(tmp_path):
    rng = np.random.default_rng(3)
    boxes = [shapely.box(x, y, x + 1, y + 1) for x, y in rng.uniform([102, 24], [103, 25], (50, 2))]
    frame = gpd.GeoDataFrame({"n": range(50)}, geometry=boxes, crs=4490)
    frame.to_file(tmp_path / "a.gpkg")
    memory = io.BytesIO((tmp_path / "a.gpkg").read_bytes())
    file = pack(tmp_path / "a.zip", {"a.gpkg": memory.getvalue()})
    assert open_layer(file).frame.equals(open_layer(tmp_path / "a.gpkg").frame)
