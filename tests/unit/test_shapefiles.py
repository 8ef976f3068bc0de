"""Shapefiles as they are passed around: encodings that lie, parts that are missing, damaged or of another layer."""

import shutil
import struct

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from carecircle.errors import InputError
from carecircle.sources.layers.encodings import Word, decoded, everyday, guess, known_encoding, share_fitting
from carecircle.sources.layers.reading import open_layer, read_layer
from carecircle.sources.layers.shapefiles import index_is_sound, read_shapefile
from carecircle.sources.layers.shapes import mended_polygons

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")

NAMES = ["玉兴街道办事处", "嶍峨古镇社区", "plain"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "user"


@pytest.fixture
def write(folder):
    """Write a shapefile of three points; gives its path."""
    folder.mkdir()

    def make(encoding="GBK", cpg=None, name="a.shp", **columns):
        columns = columns or {"名称": NAMES, "行政区划代码": ["530402001", "530402002", "530402003"], "n": [1, 2, 3]}
        count = len(next(iter(columns.values())))
        where = gpd.points_from_xy(102 + np.arange(count) / 10, 24 + np.arange(count) / 10)
        gpd.GeoDataFrame(columns, geometry=where, crs=4326).to_file(folder / name, encoding=encoding)
        beside = (folder / name).with_suffix(".cpg")
        beside.unlink()
        if cpg is not None:
            beside.write_text(cpg)
        return folder / name

    return make


def keys(call):
    with pytest.raises(InputError) as error:
        call()
    return [found.key for found in error.value.problems]


def said(source):
    return [(found.action, found.key) for found in source.findings]


def gaps(found):
    return found.values  # noqa: PD011


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Encodings


@pytest.mark.parametrize(
    "cpg",
    [
        None,
        "UTF-8",
        "GBK",
        "gb2312",
        "936",
        "ANSI 936",
        "ISO-8859-1",
        "ISO 88591",
        "1252",
        "BIG5",
        "klingon",
        "",
        "zlib",
    ],
)
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_whatever_the_cpg_says_the_text_is_read(write, encoding, cpg):
    source = read_shapefile(write(encoding, cpg))
    assert source.frame.iloc[:, 0].tolist() == NAMES
    true = {"GBK": "gb18030", "UTF-8": "utf-8"}[encoding]
    declared = known_encoding(cpg) if cpg else None
    wanted = (
        []
        if declared == true
        else ["encoding_lies"]
        if declared
        else ["encoding_nonsense"]
        if cpg
        else ["encoding_unsaid"]
    )
    assert [key for _, key in said(source) if key.startswith("encoding")] == wanted
    assert all(true.upper() in found.message() for found in source.findings if found.key.startswith("encoding"))


def test_field_names_cut_inside_a_character_lose_only_the_broken_end(write):
    # Ten bytes: five characters of GBK, three of UTF-8 and the first byte of the fourth.
    assert list(read_shapefile(write("GBK", name="a.shp")).frame.columns)[:2] == ["名称", "行政区划代"]
    source = read_shapefile(write("UTF-8", name="b.shp"))
    assert list(source.frame.columns)[:2] == ["名称", "行政区"]
    (cut,) = [found for found in source.findings if found.key == "header_cut"]
    assert gaps(cut)["found"] == "行政区"
    odd = read_shapefile(write("GBK", name="c.shp", A行政区划代码=["1"], B行政区划代码=["中"]))
    assert list(odd.frame.columns)[:2] == ["A行政区划", "B行政区划"]


def test_names_that_are_alike_once_cut_stay_apart(write):
    file = write("UTF-8", 行政区划=["甲"], 行政区别=["乙"])
    frame = read_shapefile(file).frame
    assert list(frame.columns)[:2] == ["行政区", "行政_1"]
    table = file.with_suffix(".dbf")  # as a program writes them that does not number them
    table.write_bytes(table.read_bytes().replace("行政区".encode()[:-1] + b"_1", "行政区".encode() + b"\xe7"))
    frame = read_shapefile(file).frame
    assert list(frame.columns)[:2] == ["行政区", "行政区_2"]
    assert frame.iloc[0, :2].tolist() == ["甲", "乙"]


def test_two_fields_of_one_name_are_refused(write):
    file = write(abc=["1"], abd=["2"])
    table = file.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"abd\0", b"abc\0"))
    assert keys(lambda: read_shapefile(file)) == ["repeated_headers"]


def test_values_cut_by_their_field_are_said(write):
    file = write("GBK", 名称=["玉兴街道", "中"])
    table = file.with_suffix(".dbf")
    raw = bytearray(table.read_bytes())
    start, width = int.from_bytes(raw[8:10], "little"), raw[32 + 16]
    assert width % 2 == 0
    raw[start + 1 : start + 1 + width] = b"a" + ("玉兴街道" * 40).encode("gbk")[: width - 2] + b"\xd3"
    table.write_bytes(raw)
    source = read_shapefile(file)
    (cut,) = [found for found in source.findings if found.key == "text_cut"]
    assert (cut.action, cut.row, cut.column) == ("doubtful", 1, "名称")
    assert set(source.frame["名称"][0]) == set("a玉兴街道")
    assert source.frame["名称"][1] == "中"


def test_a_damaged_value_is_said_and_the_others_are_read(write):
    file = write("GBK", 名称=["玉兴街道"] + [f"第{number}社区" for number in "一二三四五六七八九十百千"])
    table = file.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace("玉兴".encode("gbk"), b"\xd3\xff\xff\xcb"))
    source = read_shapefile(file)
    assert source.frame["名称"][1] == "第一社区"
    (damaged,) = [found for found in source.findings if found.key == "text_damaged"]
    assert (damaged.row, gaps(damaged)["rows"]) == (1, "1")


def test_text_that_is_no_chinese_keeps_what_is_declared(write):
    file = write("ISO-8859-1", "ISO-8859-1", name="a.shp", n=["Jyväskylä", "Töölö"])
    assert read_shapefile(file).frame["n"].tolist() == ["Jyväskylä", "Töölö"]
    file = write("UTF-8", None, name="b.shp", n=["Jyväskylä", "Töölö"])
    assert read_shapefile(file).frame["n"].tolist() == ["Jyväskylä", "Töölö"]
    file = write("ISO-8859-1", None, name="c.shp", n=["Jyväskylä", "Töölö"])
    assert keys(lambda: read_shapefile(file)) == ["encoding_unknown"]
    assert read_shapefile(file, "latin-1").frame["n"].tolist() == ["Jyväskylä", "Töölö"]


def test_the_language_driver_counts_where_there_is_no_cpg(write):
    file = write("BIG5", None, n=["臺北市大安區", "復興里"])
    table = file.with_suffix(".dbf")
    raw = bytearray(table.read_bytes())
    raw[29] = 0x4F
    table.write_bytes(raw)
    assert read_shapefile(file).frame["n"].tolist() == ["臺北市大安區", "復興里"]
    raw[29] = 0x57  # ANSI: written whatever the text is
    table.write_bytes(raw)
    doubtful = read_shapefile(file)
    assert ("doubtful", "encoding_unsure") in said(doubtful)


def test_an_encoding_asked_for_must_be_one_and_must_fit(write):
    file = write("GBK", "UTF-8")
    assert read_shapefile(file, "GB2312").frame.iloc[0, 0] == NAMES[0]
    assert keys(lambda: read_shapefile(file, "klingon")) == ["unknown_encoding"]
    with pytest.raises(InputError) as error:
        read_shapefile(file, "utf-8")
    assert error.value.problems[0].key == "other_encoding"
    assert "GB18030" in error.value.problems[0].message("zh")


@given(
    st.lists(
        st.text("街道办事处社区村民委员会玉兴荷花红塔镇乡县市区", min_size=2, max_size=12), min_size=3, max_size=20
    )
)
def test_everyday_names_are_told_apart(names):
    for encoding, other in (("gbk", "utf-8"), ("utf-8", "gbk")):
        words = [Word(name.encode(encoding)) for name in names]
        for declared in (None, encoding, other, "iso8859-1"):
            found = guess(words, known_encoding(declared) if declared else None)
            assert [word.raw.decode(found.encoding) for word in words] == names
            assert found.sure


@given(st.binary(max_size=40), st.booleans())
def test_no_bytes_break_the_guess(raw, full):
    words = [Word(raw, full)]
    found = guess(words, None)
    assert found is None or share_fitting(words, found.encoding) >= 0.9
    assert 0 <= everyday(words, "gb18030") <= 1


def test_decoding_keeps_what_is_nothing():
    cells = pd.Series(["中".encode("gbk").decode("latin-1"), None, "a", np.nan], dtype=object)
    whole, cut, damaged = decoded(cells, "gb18030")
    assert whole.tolist() == ["中", None, "a", None]
    assert not cut.any()
    assert not damaged.any()


# Parts


def test_a_missing_index_is_rebuilt_and_not_beside_the_users_file(write, folder):
    file = write()
    whole = read_shapefile(file)
    file.with_suffix(".shx").unlink()
    before = content(folder)
    source = read_shapefile(file)
    assert content(folder) == before
    assert source.frame.equals(whole.frame)
    assert source.frame.crs.to_epsg() == 4326
    assert ("mended", "index_rebuilt") in said(source)
    assert len(source.notes) == 2
    assert source.file == file


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "offsets", "lengths", "other"])
def test_a_damaged_index_is_rebuilt(write, folder, damage):
    file = write()
    whole = read_shapefile(file).frame
    index = file.with_suffix(".shx")
    raw = bytearray(index.read_bytes())
    if damage == "cut":
        raw = raw[:110]
    elif damage == "empty":
        raw = b""
    elif damage == "garbage":
        raw = np.random.default_rng(1).bytes(len(raw))
    elif damage == "offsets":
        raw[100:104] = struct.pack(">i", 7)
    elif damage == "lengths":
        raw[112:116] = struct.pack(">i", 4)
    else:  # the index of a layer with fewer shapes
        raw[24:28], raw = struct.pack(">i", 54), raw[:108]
    index.write_bytes(raw)
    before = content(folder)
    if damage == "other":
        # A sound index of another layer: the rows give it away.
        assert keys(lambda: read_shapefile(file)) == ["rows_differ"]
    else:
        source = read_shapefile(file)
        assert source.frame.equals(whole)
        assert ("mended", "index_damaged") in said(source)
    assert content(folder) == before


def test_an_index_in_another_order_is_sound(write):
    """A program that edits in place moves shapes to the end; only the index knows their order."""
    file = write()
    index = file.with_suffix(".shx")
    raw = index.read_bytes()
    index.write_bytes(raw[:100] + raw[108:116] + raw[100:108] + raw[116:])
    assert index_is_sound(index, file)
    assert read_shapefile(file).frame.geometry.x.round(1).tolist() == [102.1, 102.0, 102.2]


def test_without_a_table_only_the_shapes_are_read(write):
    file = write()
    file.with_suffix(".dbf").unlink()
    source = read_shapefile(file)
    assert list(source.frame.columns) == ["geometry"]
    assert len(source.frame) == 3
    assert said(source) == [("doubtful", "table_missing")]
    assert source.notes


def test_without_a_prj_the_system_has_to_be_given(write):
    file = write()
    for content_of_prj in (None, "", "nonsense", 'GEOGCS["CGCS2000",UNIT["Degree",0.017]]', "http://127.0.0.1/crs"):
        file.with_suffix(".prj").unlink(missing_ok=True)
        if content_of_prj is not None:
            file.with_suffix(".prj").write_text(content_of_prj)
        assert keys(lambda: read_layer(file)) == ["missing_crs"]
        assert read_layer(file, crs=4490).geometry.x[0] == pytest.approx(102)
    file.with_suffix(".prj").write_text('GEOGCS["CGCS2000",UNIT["Degree",0.017]]')
    (found,) = [one for one in read_shapefile(file).findings if one.key == "system_unreadable"]
    assert found.file == file.with_suffix(".prj")


@pytest.mark.parametrize("more", [True, False])
def test_rows_of_another_table_are_refused(write, more):
    file, other = write(), write(name="b.shp", n=["1", "2", "3", "4"] if more else ["1", "2"])
    shutil.copy(other.with_suffix(".dbf"), file.with_suffix(".dbf"))
    with pytest.raises(InputError) as error:
        read_shapefile(file)
    assert error.value.problems[0].key == "rows_differ"
    assert "3 shapes" in error.value.problems[0].message("en")


def test_deleted_rows_leave_a_gap_in_the_numbers(write):
    file = write()
    table = file.with_suffix(".dbf")
    raw = bytearray(table.read_bytes())
    start, width = int.from_bytes(raw[8:10], "little"), int.from_bytes(raw[10:12], "little")
    raw[start + width] = ord("*")
    table.write_bytes(raw)
    source = read_shapefile(file)
    assert source.frame.iloc[:, 0].tolist() == [NAMES[0], NAMES[2]]
    assert source.rows.tolist() == [1, 3]
    assert [(found.key, found.count) for found in source.findings if found.action == "aside"] == [("rows_deleted", 1)]


@pytest.mark.parametrize("ending", [".shp", ".dbf"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_parts_that_are_cut_short_are_refused(write, ending, share):
    file = write()
    part = file.with_suffix(ending)
    raw = part.read_bytes()
    part.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError) as error:
        read_shapefile(file)
    assert error.value.problems[0].key == "cut_short"
    assert str(part) in str(error.value)


def test_endings_in_any_case(write, folder):
    file = write()
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(path.suffix.upper()))
    assert open_layer(folder / "a.SHP").frame.iloc[:, 0].tolist() == NAMES
    (folder / "a.SHP").rename(folder / "a.Shp")
    (folder / "a.DBF").rename(folder / "A.Dbf")
    (folder / "a.PRJ").rename(folder / "A.prj")
    before = content(folder)
    source = open_layer(folder / "a.Shp")
    assert source.frame.iloc[:, 0].tolist() == NAMES
    assert source.frame.crs.to_epsg() == 4326
    assert content(folder) == before
    assert not file.exists()


def test_a_part_of_the_same_name_goes_before_one_of_another_case(write, folder):
    file = write()
    (folder / "A.dbf").write_bytes(b"not a table")
    assert read_shapefile(file).frame.iloc[:, 0].tolist() == NAMES


def test_an_empty_layer_has_no_rows(write):
    file = write()
    gpd.read_file(file, encoding="GBK").iloc[:0].to_file(file, encoding="GBK")
    source = open_layer(file)
    assert len(source.frame) == 0
    assert len(read_layer(file)) == 0


def test_rows_without_a_shape_stay_for_the_contract(write):
    file = write()
    frame = gpd.read_file(file, encoding="GBK")
    frame.loc[1, "geometry"] = None
    frame.to_file(file, encoding="GBK")
    source = open_layer(file)
    assert source.frame.geometry.isna().tolist() == [False, True, False]
    (none,) = [found for found in source.findings if found.key == "no_shape"]
    assert (none.action, none.row) == ("doubtful", 2)
    layer = read_layer(file)
    assert len(layer) == 2
    assert "1 行没有图形" in layer.attrs["notes"][-1]


def test_strange_names_and_folders(write, tmp_path):
    """Names in which pyogrio would look for archives and options."""
    file = write()
    place = tmp_path / "重要!;文件 (1)#x?"
    place.mkdir()
    for path in file.parent.iterdir():
        shutil.copy(path, place / f"图层!b;c[1]{path.suffix}")
    assert open_layer(place / "图层!b;c[1].shp").frame.iloc[:, 0].tolist() == NAMES


def test_polygons_with_rings_the_wrong_way_round(folder):
    """The standard wants shells clockwise; what many programs write is read all the same."""
    folder.mkdir()
    shell = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)]
    hole = [(4, 4), (4, 6), (6, 6), (6, 4), (4, 4)]
    rings = [shell, hole]  # both reversed: the shell counter-clockwise, the hole clockwise
    body = struct.pack("<i4dii", 5, 0, 0, 10, 10, 2, 10) + struct.pack("<2i", 0, 5)
    body += b"".join(struct.pack("<2d", *vertex) for ring in rings for vertex in ring)
    length = (100 + 8 + len(body)) // 2
    head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, length) + struct.pack("<2i8d", 1000, 5, 0, 0, 10, 10, 0, 0, 0, 0)
    (folder / "a.shp").write_bytes(head + struct.pack(">2i", 1, len(body) // 2) + body)
    source = open_layer(folder / "a.shp")
    mended, found = mended_polygons(source.frame, source)
    assert mended.geometry[0].equals(shapely.Polygon(shell, [hole]))
    assert [(one.action, one.key) for one in found] == [("mended", "polygon_hole")]
