"""Bombs are refused before a library opens them; real files are not."""

import bz2
import gzip
import io
import shutil
import sqlite3
import struct
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import python_calamine as calamine
import rasterio
import shapely
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecircle import guards
from carecircle.errors import InputError
from carecircle.guards import archives, roads, sizes, workbooks
from carecircle.sources.roads.osm import read_osm

DATA = Path(__file__).parents[2] / "data"
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
    'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
    ' ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://'
    'schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}
ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:'
    'text:1.0"><office:body><office:spreadsheet><table:table table:name="a">{}</table:table></office:spreadsheet>'
    "</office:body></office:document-content>"
)
ODS_CELL = (
    '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="{}">'
    "<text:p>1</text:p></table:table-cell>"
)
EMPTY_CELL = '<table:table-cell table:number-columns-repeated="{}"/>'


def refused(guard, *arguments):
    with pytest.raises(InputError) as caught:
        guard(*arguments)
    (found,) = caught.value.problems
    for language in ("zh", "en"):
        assert found.message(language)
    return found.key


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def xlsx(path, rows):
    return zipped(path, {**PARTS, "xl/worksheets/sheet1.xml": SHEET.format(rows)})


def ods(path, rows):
    content = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "META-INF/manifest.xml": "<manifest/>"}
    return zipped(path, {**content, "content.xml": ODS.format(rows)})


def corners(file):
    """Return the cells of the sheets of a workbook, as the guard counts them."""
    if not archives.is_zip(file):
        return [one.cells for one in workbooks._xls_sheets(file.read_bytes()) if one.cells]
    members = archives.checked_members(file)
    found = [workbooks._sheets(info.filename, archives.unpacked(file, info)) for info in members]
    return [one.cells for sheets in found for one in sheets if one.cells]


# Zip archives


def test_a_sound_archive_passes(tmp_path):
    guards.refuse_zip_bomb(zipped(tmp_path / "a.zip", {"图层/a.shp": b"1" * 5000, "图层/a.dbf": b""}))
    guards.refuse_zip_bomb(zipped(tmp_path / "b.zip", {"a.shp": b"1" * 50}, zipfile.ZIP_STORED))


def test_what_grows_too_much(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "a.zip", {"a.dbf": bytes(110 << 20)})
    assert refused(guards.refuse_zip_bomb, bomb) == "archive_ratio"
    assert refused(guards.refuse_zip_bomb, bomb, 100 << 20) == "archive_size"
    monkeypatch.setattr(archives, "MAX_RATIO", 2000)
    guards.refuse_zip_bomb(bomb)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 20)
    zipped(tmp_path / "a.zip", {f"{number}": b"" for number in range(20)})
    guards.refuse_zip_bomb(tmp_path / "a.zip")
    zipped(tmp_path / "b.zip", {f"{number}": b"" for number in range(21)})
    assert refused(guards.refuse_zip_bomb, tmp_path / "b.zip") == "archive_members"


def test_members_that_share_their_bytes(tmp_path):
    """Two entries of the table of contents for one member: the kernel of every zip of death."""
    raw = zipped(tmp_path / "a.zip", {"a": bytes(10_000)}).read_bytes()
    at, end = raw.index(b"PK\x01\x02"), raw.index(b"PK\x05\x06")
    entry = raw[at:end]
    tail = bytearray(raw[end:])
    tail[8:16] = struct.pack("<HHI", 2, 2, 2 * len(entry))
    bomb = tmp_path / "b.zip"
    bomb.write_bytes(raw[:at] + entry + entry.replace(b"a", b"b") + tail)
    assert len(zipfile.ZipFile(bomb).namelist()) == 2
    assert refused(guards.refuse_zip_bomb, bomb) == "archive_overlap"


def lying(path, said):
    """An archive whose member is larger than `said`, with the checksum of what is said to be there."""
    raw = bytearray(zipped(path, {"a.dbf": bytes(1_000_000)}).read_bytes())
    at = raw.index(b"PK\x01\x02")
    checksum = zlib.crc32(bytes(said))
    struct.pack_into("<I", raw, 14, checksum)
    struct.pack_into("<I", raw, 22, said)
    struct.pack_into("<I", raw, at + 16, checksum)
    struct.pack_into("<I", raw, at + 24, said)
    path.write_bytes(raw)
    return path


def test_a_member_larger_than_it_says(tmp_path):
    bomb = lying(tmp_path / "a.zip", 1000)
    assert len(zipfile.ZipFile(bomb).read("a.dbf")) == 1000  # Python believes it, other libraries do not
    assert refused(guards.refuse_zip_bomb, bomb) == "archive_lies"


def test_lies_are_found_early(tmp_path):
    """Unpacking stops at the first piece too many."""
    bomb = lying(tmp_path / "a.zip", 1000)
    (info,) = archives.checked_members(bomb)
    assert refused(next, archives.unpacked(bomb, info)) == "archive_lies"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("../../x.shp", "archive_path"),
        ("a/../../x.shp", "archive_path"),
        ("/etc/x.shp", "archive_path"),
        ("..\\x.shp", "archive_path"),
        ("C:\\x.shp", "archive_path"),
        ("a/b.zip", "archive_nested"),
        ("b.tar.GZ", "archive_nested"),
    ],
)
def test_names_in_an_archive(tmp_path, name, key):
    assert refused(guards.refuse_zip_bomb, zipped(tmp_path / "a.zip", {"a.shp": b"1", name: b"2"})) == key


def test_encrypted_and_odd_members(tmp_path):
    raw = bytearray(zipped(tmp_path / "a.zip", {"a.shp": b"12345678"}).read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    assert refused(guards.refuse_zip_bomb, tmp_path / "a.zip") == "archive_locked"
    odd = zipped(tmp_path / "b.zip", {"a.shp": b"12345678" * 99}, zipfile.ZIP_LZMA)
    assert refused(guards.refuse_zip_bomb, odd) == "archive_method"


def test_what_is_no_archive_is_left_to_its_reader(tmp_path):
    file = tmp_path / "a.zip"
    whole = zipped(tmp_path / "b.zip", {"a.shp": bytes(5000)}).read_bytes()
    for content in (b"", b"PK", b"PK\x03\x04", b"text", whole[:-30], whole[:40]):
        file.write_bytes(content)
        guards.refuse_zip_bomb(file)
        guards.refuse_workbook_bomb(file)


# Workbooks

STRAY = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'


@pytest.mark.parametrize(
    "rows",
    [
        STRAY,
        STRAY.replace('"', "'"),
        STRAY.replace("<c ", "<x:c ").replace(' r="X', '\n r \t=\n "X'),
        STRAY.replace("XFD1048576", "ZZZZZZ4000000000"),
        '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>2</v></c></row>',
        '<row r="1"><c r="A1"/></row><row r="1048576">' + "<c><v>1</v></c>" * 100 + "</row>",
        " " * (1 << 20) + STRAY,  # across the pieces it is unpacked in
    ],
)
def test_a_cell_far_away(tmp_path, rows):
    assert refused(guards.refuse_workbook_bomb, xlsx(tmp_path / "a.xlsx", rows)) == "sheet_size"
    assert refused(guards.refuse_workbook_bomb, xlsx(tmp_path / "a.xls", rows)) == "sheet_size"  # whatever its name


def test_a_sheet_that_only_says_it_is_large(tmp_path):
    """Many programs write a wide `dimension` for a small sheet; the reader does not go by it."""
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>'
    content = SHEET.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>').format(rows)
    path = zipped(tmp_path / "a.xlsx", {**PARTS, "xl/worksheets/sheet1.xml": content})
    guards.refuse_workbook_bomb(path)
    assert calamine.load_workbook(str(path)).get_sheet_by_index(0).height == 2


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 60)), min_size=1, max_size=8), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_corners_are_those_of_the_reader(tmp_path, cells, shared):
    """Whether cells hold numbers or text, written by xlsxwriter or openpyxl: the rectangle is what calamine holds."""
    path = tmp_path / "a.xlsx"
    if shared:
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for row, column in cells:
                sheet.write(row, column, "文字")
    else:
        book = openpyxl.Workbook()
        for row, column in cells:
            book.active.cell(row + 1, column + 1, 5)
        book.save(path)
    sheet = calamine.load_workbook(str(path)).get_sheet_by_index(0)
    rows, columns = np.array(cells).T
    wide = (int(np.ptp(rows)) + 1) * (int(np.ptp(columns)) + 1)
    assert corners(path) == [wide]
    assert len(sheet.to_python(skip_empty_area=True)) == np.ptp(rows) + 1


@pytest.mark.parametrize(
    ("rows", "cells"),
    [
        ("<table:table-row>" + ODS_CELL.format(1) * 3 + "</table:table-row>", 3),
        ('<table:table-row table:number-rows-repeated="50">' + ODS_CELL.format(4) + "</table:table-row>", 200),
        (
            "<table:table-row>" + ODS_CELL.format(1) + EMPTY_CELL.format(16383) + "</table:table-row>"
            '<table:table-row table:number-rows-repeated="9">' + EMPTY_CELL.format(16384) + "</table:table-row>"
            "<table:table-row>" + EMPTY_CELL.format(2) + ODS_CELL.format(1) + "</table:table-row>"
            '<table:table-row table:number-rows-repeated="1048000">' + EMPTY_CELL.format(16384) + "</table:table-row>",
            33,
        ),
    ],
)
def test_corners_of_ods(tmp_path, rows, cells):
    path = ods(tmp_path / "a.ods", rows)
    assert corners(path) == [cells]
    guards.refuse_workbook_bomb(path)


@pytest.mark.parametrize(
    "row",
    [
        '<table:table-row table:number-rows-repeated="1048576">' + ODS_CELL.format(60) + "</table:table-row>",
        '<table:table-row table:style-name=">" table:number-rows-repeated="1048576">' + ODS_CELL.format(60) + "</x>",
        "<table:table-row>" + ODS_CELL.format(10**9) + "</table:table-row>",
    ],
)
def test_repeated_cells(tmp_path, row):
    assert refused(guards.refuse_workbook_bomb, ods(tmp_path / "a.ods", row)) == "sheet_size"


def records(*found):
    """BIFF12 records: (kind, content)."""
    return b"".join(
        (bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])) + bytes([len(content)]) + content
        for kind, content in found
    )


def xlsb_sheet(*cells):
    rows = [
        ((0, struct.pack("<II", row, 0) + bytes(9)), (5, struct.pack("<IId", column, 0, 1.0))) for row, column in cells
    ]
    return records((129, b""), (145, b""), *(one for row in rows for one in row), (146, b""), (130, b""))


def test_xlsb(tmp_path):
    small = zipped(tmp_path / "a.xlsb", {"xl/worksheets/sheet1.bin": xlsb_sheet((3, 2), (9, 5))})
    assert corners(small) == [7 * 4]
    bomb = zipped(tmp_path / "b.xlsb", {"xl/worksheets/sheet1.bin": xlsb_sheet((0, 0), (1_048_575, 16_383))})
    assert refused(guards.refuse_workbook_bomb, bomb) == "sheet_size"
    zipped(tmp_path / "c.xlsb", {"xl/printerSettings1.bin": bytes(range(256)) * 9})
    guards.refuse_workbook_bomb(tmp_path / "c.xlsb")


def biff(*cells):
    """The stream of a BIFF8 workbook: globals with one sheet, and the sheet with numbers."""

    def record(kind, content=b""):
        return struct.pack("<HH", kind, len(content)) + content

    version = struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0)
    name = struct.pack("<BB", 1, 0) + b"a"
    head = record(0x0809, version)
    start = len(head) + 4 + 6 + len(name) + 4
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 0, 0, 0))
    sheet += b"".join(record(0x0203, struct.pack("<HHHd", row, column, 0, 1.0)) for row, column in cells)
    return head + record(0x0085, struct.pack("<IH", start, 0) + name) + record(0x000A) + sheet + record(0x000A)


def compound(path, stream, *, small=False):
    """A compound file with the stream ``Workbook``, in the small stream or in sectors of its own."""
    free, end, fat = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD

    def entry(name, kind, start, size, child=free):
        words = name.encode("utf-16-le")
        head = words.ljust(64, b"\0") + struct.pack("<HBB3I", len(words) + 2, kind, 1, free, free, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    body = stream.ljust(-(-len(stream) // 512) * 512 if small else max(4096, -(-len(stream) // 512) * 512), b"\0")
    count = len(body) // 512
    table = [fat, end, end, *range(4, 3 + count), end]
    smalls = ([*range(1, -(-len(stream) // 64)), end] if small else []) + [free] * 128
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6s", 0x3E, 3, 0xFFFE, 9, 6, b"")
    head += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 2, 1, end, 0, 0) + struct.pack("<108I", *[free] * 108)
    folder = entry("Root Entry", 5, 3 if small else end, len(body) if small else 0, 1)
    folder += entry("Workbook", 2, 0 if small else 3, len(stream) if small else len(body)) + bytes(256)
    sectors = struct.pack("<128I", *(table + [free] * 128)[:128]) + folder + struct.pack("<128I", *smalls[:128]) + body
    path.write_bytes(head.ljust(512, b"\0") + sectors)
    return path


@pytest.mark.parametrize("small", [False, True])
def test_xls(tmp_path, small):
    sound = compound(tmp_path / "a.xls", biff((2, 1), (9, 4)), small=small)
    sheet = calamine.load_workbook(str(sound)).get_sheet_by_index(0)
    assert sheet.to_python(skip_empty_area=True)[0][0] == 1.0
    assert corners(sound) == [8 * 4]
    guards.refuse_workbook_bomb(sound)
    bomb = compound(tmp_path / "b.xls", biff((0, 0), (65_535, 65_535)), small=small)
    assert refused(guards.refuse_workbook_bomb, bomb) == "sheet_size"


def test_the_demo_workbook_passes(tmp_path):
    guards.refuse_workbook_bomb(DATA / "facilities" / "facilities.xlsx")
    wide = tmp_path / "wide.xlsx"
    pd.DataFrame(np.zeros((2000, 60))).to_excel(wide, index=False)
    guards.refuse_workbook_bomb(wide)


# OpenStreetMap


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def member(number, value):
    """A field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(kind, content, said=None, late=False):
    parts = [member(2, len(content) if said is None else said), member(3, zlib.compress(content, 9))]
    blob = b"".join(reversed(parts) if late else parts)
    head = member(1, kind) + member(3, len(blob))
    return struct.pack(">I", len(head)) + head + blob


HEADER = block(b"OSMHeader", member(4, b"OsmSchema-V0.6") + member(4, b"DenseNodes"))


def nodes(count):
    dense = member(1, b"\x02" * count) + member(8, bytes(count)) + member(9, bytes(count))
    return member(1, member(1, b"")) + member(2, member(2, dense))


def way(references):
    strings = b"".join(member(1, word) for word in (b"", b"highway", b"residential"))
    street = member(1, 1) + member(2, b"\x01") + member(3, b"\x02") + member(8, b"\x02" * references)
    return member(1, strings) + member(2, member(3, street))


@pytest.mark.parametrize("late", [False, True])
def test_blocks_of_nothing(tmp_path, late):
    """1.3 MB of such blocks are 40 x 11 million nodes, more than 9 GB in the reader."""
    bomb = tmp_path / "a.osm.pbf"
    bomb.write_bytes(HEADER + block(b"OSMData", nodes(1_000_000), late=late))
    assert refused(guards.refuse_osm_bomb, bomb) == "osm_ratio"
    with pytest.raises(InputError, match="倍"):
        read_osm(bomb)


@pytest.mark.parametrize("said", [(32 << 20) + 1, 2**31 - 1, 2**60])
def test_blocks_beyond_the_format(tmp_path, said):
    bomb = tmp_path / "a.osm.pbf"
    bomb.write_bytes(HEADER + block(b"OSMData", nodes(10), said=said))
    assert refused(guards.refuse_pbf_bomb, bomb) == "osm_block"


def test_more_vertices_than_the_file_can_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(roads, "VERTICES_FREE", 1000)
    monkeypatch.setattr(roads, "BLOCK_RATIO_FROM", 1 << 30)
    bomb = tmp_path / "a.osm.pbf"
    bomb.write_bytes(HEADER + block(b"OSMData", nodes(200_000)) + block(b"OSMData", way(200_000)))
    with pytest.raises(InputError) as caught:
        read_osm(bomb)
    assert [found.key for found in caught.value.problems] == ["osm_vertices"]


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".osm.gz"), (bz2.compress, ".osm.bz2")])
def test_packed_nothing(tmp_path, monkeypatch, pack, ending):
    monkeypatch.setattr(roads, "TEXT_RATIO_FROM", 1 << 20)
    bomb = tmp_path / f"a{ending}"
    bomb.write_bytes(pack(b"<osm>" + b" " * (5 << 20)))
    assert refused(guards.refuse_osm_bomb, bomb) == "osm_ratio"
    bomb.write_bytes(pack(b"<osm/>")[:-9])
    guards.refuse_osm_bomb(bomb)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_guards_never_fail_on_rubbish(tmp_path, content):
    """Whatever the bytes: a refusal in words or nothing."""
    for head, name in ((b"PK\x03\x04", "a.xlsx"), (workbooks._OLE, "a.xls"), (HEADER, "a.osm.pbf"), (b"", "a.osm")):
        file = tmp_path / name
        file.write_bytes(head + content)
        for guard in (guards.refuse_workbook_bomb, guards.refuse_osm_bomb, guards.refuse_endless_views):
            with suppress(InputError):
                guard(file)


@given(st.integers(0), st.integers(0, 255), st.integers(0, 2))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_guards_never_fail_on_damage(tmp_path, place, value, which):
    source = (DATA / "facilities" / "facilities.xlsx", DATA / "roads" / "roads.osm.pbf")
    raw = bytearray(source[which].read_bytes() if which < 2 else _xls_bytes(tmp_path))
    raw[place % len(raw)] = value
    file = tmp_path / ("a.xlsx", "a.osm.pbf", "a.xls")[which]
    file.write_bytes(raw)
    with suppress(InputError):
        (guards.refuse_osm_bomb if which == 1 else guards.refuse_workbook_bomb)(file)


def _xls_bytes(folder):
    return compound(folder / "sound.xls", biff((2, 1), (9, 4))).read_bytes()


# XML

LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("name", ["a.osm", "a.graphml", "a.kml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("prolog", [LAUGHS, OUTSIDE, '<!DOCTYPE x SYSTEM "x.dtd">', f"<!-- {'x' * 70_000} -->{LAUGHS}"])
def test_document_types_are_refused(tmp_path, name, encoding, prolog):
    said = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    mark = "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    file = tmp_path / name
    file.write_bytes(f'{mark}<?xml version="1.0" encoding="{said}"?>{prolog}<x>&b;</x>'.encode(encoding))
    assert refused(guards.refuse_xml_entities, file) == "xml_doctype"


@pytest.mark.parametrize("content", ["<x/>", "<?xml version='1.0'?><!-- DOCTYPE --><x/>", "", "no xml", "<x>&b;</x>",
                                     "<x><![CDATA[<!DOCTYPE y>]]></x>"])  # fmt: skip
def test_xml_without_one_passes(tmp_path, content):
    file = tmp_path / "a.osm"
    file.write_text(content, "utf-8")
    guards.refuse_xml_entities(file)


def test_a_prolog_without_end(tmp_path):
    file = tmp_path / "a.osm"
    file.write_text("<!-- x -->" * 200_000 + LAUGHS + "<x/>", "utf-8")
    assert refused(guards.refuse_xml_entities, file) == "xml_prolog"


# Sizes


def test_large_files(tmp_path):
    file = tmp_path / "plan.toml"
    with file.open("wb") as stream:
        stream.truncate(guards.MAX_PLAN_BYTES)
    guards.refuse_large(file, guards.MAX_PLAN_BYTES)
    with file.open("ab") as stream:
        stream.write(b" ")
    assert refused(guards.refuse_large, file, guards.MAX_PLAN_BYTES) == "file_size"


def test_a_grid_of_nothing(tmp_path):
    """A million cells a side take 3 MB when no tile is written."""
    file = tmp_path / "a.tif"
    head = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326"}
    with rasterio.open(file, "w", width=1_000_000, height=1_000_000, tiled=True, sparse_ok=True, blockxsize=4096,
                       blockysize=4096, **head):  # fmt: skip
        pass
    assert file.stat().st_size < 5_000_000
    with rasterio.open(file) as grid:
        assert refused(guards.refuse_raster_bomb, grid, file) == "grid_size"
        guards.refuse_raster_bomb(grid, file, 100_000_000)


def test_a_grid_in_one_piece():
    def grid(side):
        return SimpleNamespace(width=side, height=side, count=1, block_shapes=[(side, side)])

    guards.refuse_raster_bomb(grid(8000), Path("a.tif"))
    assert refused(guards.refuse_raster_bomb, grid(9000), Path("a.tif")) == "grid_block"
    guards.refuse_many_cells(sizes.MAX_POINTS, Path("a.tif"))
    assert refused(guards.refuse_many_cells, sizes.MAX_POINTS + 1, Path("a.tif")) == "grid_size"


def test_parquet_of_one_value(tmp_path, monkeypatch):
    file = tmp_path / "a.parquet"
    pd.DataFrame({"a": np.zeros(1_000_000), "b": 1}).to_parquet(file, compression="zstd")
    guards.refuse_parquet_bomb(pq.read_metadata(file), file)
    monkeypatch.setattr(sizes, "MAX_PARQUET_BYTES", 10)
    assert refused(guards.refuse_parquet_bomb, pq.read_metadata(file), file) == "file_size"
    monkeypatch.setattr(sizes, "MAX_PARQUET_CELLS", 1_999_999)
    assert refused(guards.refuse_parquet_bomb, pq.read_metadata(file), file) == "parquet_size"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW v AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
        "CREATE VIEW v AS SELECT a.* FROM a, a b, a c, a d",
        "CREATE VIRTUAL TABLE v USING fts5(x)",
    ],
)
def test_layers_that_are_computed(tmp_path, sql):
    file = tmp_path / "图 #1?.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(102, 24)], crs="EPSG:4326").to_file(file, layer="a")
    guards.refuse_endless_views(file)
    base = sqlite3.connect(file)
    base.execute(sql)
    base.commit()
    base.close()
    assert refused(guards.refuse_endless_views, file) == "layer_view"


@pytest.mark.real
def test_no_real_file_is_refused(real_data, tmp_path):
    for file in sorted(path for path in real_data.rglob("*") if path.is_file()):
        name = file.name.lower()
        guards.refuse_workbook_bomb(file)
        if name.endswith((".osm", ".pbf", ".gz")):
            guards.refuse_osm_bomb(file)
        if file.suffix == ".gpkg":
            guards.refuse_endless_views(file)
        if file.suffix == ".parquet":
            guards.refuse_parquet_bomb(pq.read_metadata(file), file)
        if file.suffix == ".tif":
            with rasterio.open(file) as grid:
                guards.refuse_raster_bomb(grid, file)
    packed = io.BytesIO((real_data / "panzhihua" / "panzhihua.osm").read_bytes())
    with gzip.open(tmp_path / "a.osm.gz", "wb") as stream:
        shutil.copyfileobj(packed, stream)
    guards.refuse_osm_bomb(tmp_path / "a.osm.gz")


@pytest.mark.parametrize(
    "hostile", [b"<table ", b'<table "', b"<table '\"", b"<table:table-cell a='", b"\"<table '", b"r =  "]
)
def test_no_sheet_takes_long_to_look_through(hostile):
    start = time.process_time()
    with suppress(ValueError):
        list(workbooks._ods_sheets(iter([hostile * 40_000])))
    workbooks._xlsx_sheet(iter([hostile * 40_000]))
    assert time.process_time() - start < 3


def test_a_tag_within_a_tag_is_refused():
    """Readers differ in where such a tag ends, so that its repetitions could be hidden."""
    with pytest.raises(ValueError, match="tag"):
        list(workbooks._ods_sheets(iter([b'<table:table-cell <table/="1" number-columns-repeated="99999999">1'])))
    cell = b'<table:table-row><table:table-cell a="<" b=\'>\' number-columns-repeated="99999999">1'
    assert [sheet.cells for sheet in workbooks._ods_sheets(iter([cell]))] == [99_999_999]
