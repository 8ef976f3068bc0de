"""Archives, workbooks and other files that hold files: bombs, slips, locks."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

from .case import AREA_LAYER, FACILITIES, LAYER, ROADS, At, Case, reads, refused
from .layers_on_disk import areas, layer, osm_text, points, without, zipped
from .writers import Maker, compound, homes, member, named, raw, spoilt, write_zip, xlsx

SHAPES = layer(areas, name="areas.shp")
BOOK = xlsx(homes())
SHEET = "xl/worksheets/sheet1.xml"
_BLOCK = 1 << 20


def zeros(count: int, sign: bytes = b" ") -> tuple[bytes, int]:
    """Return `count` blocks of 1 MB of one sign, deflated, and their checksum; little is worked out, much is meant."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = packer.compress(sign * _BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(count):
        check = zlib.crc32(sign * _BLOCK, check)
    return once * count + packer.flush(), check


def _stored_deflated(path: Path, name: str, packed: bytes, size: int, check: int) -> None:
    """Add a member that is deflated already to an archive; `size` is what the archive says of it."""
    held = zipfile.ZipInfo(name, (2026, 6, 30, 0, 0, 0))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(held, packed)
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x03\x04" + struct.pack("<HHH", 20, 0, 0))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.rindex(name.encode()) - (30 if signature == b"PK\x03\x04" else 46)
        if signature == b"PK\x03\x04":
            at = start
        struct.pack_into("<H", content, at + offset, zipfile.ZIP_DEFLATED)
        struct.pack_into("<III", content, at + offset + 6, check, len(packed), size)
    path.write_bytes(content)


def _bomb(make: Maker, name: str, megabytes: int, said: int | None = None) -> Maker:
    """Return the maker of an archive with one more member of many megabytes of nothing."""

    def made(folder: Path) -> Path:
        path = make(folder)
        packed, check = zeros(megabytes)
        _stored_deflated(path, name, packed, megabytes * _BLOCK if said is None else said, check)
        return path

    return made


def _gzip_bomb() -> bytes:
    packed, check = zeros(512)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + packed + struct.pack("<II", check, 512 * _BLOCK)


def _far_cell(content: bytes) -> bytes:
    """Return a sheet with one more cell in its last possible row and column."""
    return content.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')


def _locked(content: bytes) -> bytes:
    """Return an archive of which every member says that it is encrypted."""
    turned = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = turned.find(signature)
        while at >= 0:
            turned[at + offset] |= 1
            at = turned.find(signature, at + 4)
    return bytes(turned)


def _turned(content: bytes) -> bytes:
    """Return an archive with sixteen bytes of its shapes turned over."""
    start = content.index(b"areas.shp") + 60
    return content[:start] + bytes(255 - byte for byte in content[start : start + 16]) + content[start + 16 :]


def _overlapping(folder: Path) -> Path:
    """Write an archive whose members share their bytes."""
    path = write_zip(folder / "areas.zip", {"a.shp": b"x" * 5000, "b.shp": b"x" * 5000}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, second + 42, 0)
    path.write_bytes(content)
    return path


def _slip(*names: str) -> Maker:
    return zipped(SHAPES, extra=dict.fromkeys(names, b"x"))


def _encrypted_workbook() -> bytes:
    info = struct.pack("<HHI", 4, 4, 0x40) + b'<?xml version="1.0"?><encryption/>'
    return compound({"EncryptionInfo": info.ljust(4200, b" "), "EncryptedPackage": bytes(range(256)) * 40})


def _nested() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("areas.shp"), b"x" * 100)
    return stream.getvalue()


def _many_members(folder: Path) -> Path:
    return write_zip(folder / "areas.zip", {f"{number}.txt": b"" for number in range(12_000)}, zipfile.ZIP_STORED)


def _in_gbk(folder: Path) -> Path:
    """Write an archive as Chinese Windows does: names in GBK that say nothing of it."""
    path = zipped(layer(areas, name="xxxx.shp"))(folder)
    path.write_bytes(path.read_bytes().replace(b"xxxx.", "社区".encode("gbk") + b"."))
    return path


def _entities(content: bytes) -> bytes:
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    head, rest = content.split(b"?>", 1)
    return (
        head + b'?><!DOCTYPE x [<!ENTITY l0 "lol">' + laughs + b"]>" + rest.replace(b"<sheetData>", b"<sheetData>&l9;")
    )


def _with_member(folder: Path, name: str) -> Path:
    path = BOOK(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    return path


CASES = (
    Case(
        "zip-shapefile",
        "a zipped shapefile in GBK",
        "read without unpacking it beside itself",
        zipped(SHAPES),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "zip-in-folder",
        "a zipped shapefile in a folder with a Chinese name",
        "read",
        zipped(SHAPES, inside="边界数据/"),
        AREA_LAYER,
        reads(14),
    ),
    Case("zip-names-in-gbk", "a zip from Chinese Windows: names in GBK", "read", _in_gbk, AREA_LAYER, reads(14)),
    Case(
        "zip-from-a-mac",
        "a zip from a Mac, with __MACOSX shadows",
        "the shadows are passed over; read",
        zipped(
            SHAPES, extra={"__MACOSX/._areas.shp": bytes(50), "__MACOSX/._areas.dbf": bytes(50), ".DS_Store": bytes(9)}
        ),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "zip-two-layers",
        "a zip with two shapefiles and none chosen",
        "refused, both named",
        zipped(SHAPES, layer(points, name="homes.shp")),
        AREA_LAYER,
        refused("several_layers"),
    ),
    Case(
        "zip-no-layer",
        "a zip without any layer",
        "refused: what must be in it is said",
        zipped(extra={"readme.txt": b"hello"}),
        AREA_LAYER,
        refused("archive_without_layer"),
    ),
    Case(
        "zip-no-dbf",
        "a zip without the .dbf",
        "refused: codes and names are missing",
        zipped(without(SHAPES, ".dbf")),
        AREA_LAYER,
        refused(At("missing_header", column="area_id"), also=("missing_part",)),
    ),
    Case(
        "zip-geopackage", "a zipped GeoPackage", "read", zipped(layer(areas, name="areas.gpkg")), AREA_LAYER, reads(14)
    ),
    Case(
        "zip-cut",
        "a zip of which the end is missing",
        "refused: the file is damaged",
        spoilt(zipped(SHAPES), lambda content: content[: len(content) // 2]),
        AREA_LAYER,
        refused("archive_damaged"),
    ),
    Case(
        "zip-bytes-turned",
        "a zip damaged in the middle of the shapes",
        "refused: the file is damaged",
        spoilt(zipped(SHAPES), _turned),
        AREA_LAYER,
        refused("archive_damaged|unreadable_file"),
    ),
    Case(
        "zip-offset-lies",
        "a zip whose table of contents says it begins elsewhere",
        "refused: the file is damaged",
        spoilt(zipped(SHAPES), lambda content: content[:-6] + struct.pack("<I", len(content) + 5000) + content[-2:]),
        AREA_LAYER,
        refused("archive_damaged|unreadable_file"),
    ),
    Case(
        "zip-empty-file", "a zip of no bytes", "refused", raw("areas.zip", b""), AREA_LAYER, refused("archive_damaged")
    ),
    Case(
        "zip-is-rar",
        "a RAR archive renamed .zip",
        "refused: it is no zip",
        raw("areas.zip", b"Rar!\x1a\x07\x01\x00" + bytes(200)),
        AREA_LAYER,
        refused("archive_kind"),
    ),
    Case(
        "zip-locked",
        "a zip with a password",
        "refused: without a password, please",
        spoilt(zipped(SHAPES), _locked),
        AREA_LAYER,
        refused("archive_locked"),
    ),
    Case(
        "zip-slip",
        "a member ../../evil.shp",
        "refused; nothing is written outside",
        _slip("../../evil.shp"),
        AREA_LAYER,
        refused("archive_path"),
    ),
    Case(
        "zip-slip-windows",
        "a member ..\\..\\evil.shp",
        "refused; nothing is written outside",
        _slip("..\\..\\evil.shp"),
        AREA_LAYER,
        refused("archive_path"),
    ),
    Case(
        "zip-absolute",
        "a member with the path of a system file",
        "refused; nothing is written there",
        _slip("/etc/cron.d/evil"),
        AREA_LAYER,
        refused("archive_path"),
    ),
    Case(
        "zip-in-zip",
        "a zip in the zip",
        "refused: unpack it first",
        zipped(SHAPES, extra={"more.zip": _nested()}),
        AREA_LAYER,
        refused("archive_nested"),
    ),
    Case(
        "zip-bomb",
        "512 MB of nothing packed into half a megabyte",
        "refused before it is unpacked",
        _bomb(zipped(SHAPES), "more.txt", 512),
        AREA_LAYER,
        refused("archive_ratio", also=("archive_size",)),
    ),
    Case(
        "zip-bomb-that-lies",
        "the same, said to be 2 KB",
        "refused while it is unpacked",
        _bomb(zipped(SHAPES), "more.txt", 512, said=2000),
        AREA_LAYER,
        refused("archive_lies", also=("archive_ratio",)),
    ),
    Case(
        "zip-overlap", "members that share their bytes", "refused", _overlapping, AREA_LAYER, refused("archive_overlap")
    ),
    Case("zip-many-members", "12,000 members", "refused", _many_members, AREA_LAYER, refused("archive_members")),
    Case(
        "xlsx-encrypted",
        "a workbook with a password",
        "refused: without a password, please",
        raw("homes.xlsx", _encrypted_workbook),
        FACILITIES,
        refused("locked_workbook"),
    ),
    Case(
        "xlsx-bomb",
        "a workbook with 512 MB of blanks",
        "refused before it is unpacked",
        _bomb(BOOK, "xl/media/more.bin", 512),
        FACILITIES,
        refused("archive_ratio", also=("archive_size",)),
    ),
    Case(
        "xlsx-far-cell",
        "a sheet with one cell in its last row and column: 17 billion cells",
        "refused in no time",
        member(BOOK, SHEET, _far_cell),
        FACILITIES,
        refused("sheet_size"),
    ),
    Case(
        "xlsx-entities",
        "a workbook whose sheet declares entities that multiply",
        "read without them, in no time",
        member(BOOK, SHEET, _entities),
        FACILITIES,
        reads(12),
    ),
    Case(
        "xlsx-xml-encoding",
        "a workbook one of whose parts names an encoding that nobody knows",
        "read, or refused: the file is damaged",
        member(BOOK, "xl/workbook.xml", lambda content: content.replace(b"UTF-8", b"UT0-8")),
        FACILITIES,
        reads(12),
    ),
    Case(
        "xlsx-slip",
        "a workbook with a member ../evil",
        "refused; nothing is written outside",
        lambda folder: _with_member(folder, "../evil"),
        FACILITIES,
        refused("archive_path"),
    ),
    Case(
        "xlsx-no-sheet",
        "a zip renamed .xlsx",
        "refused: it is no workbook",
        named(zipped(SHAPES), "homes.xlsx"),
        FACILITIES,
        refused("unreadable_file", also=("disguised_file",)),
    ),
    Case(
        "xlsx-is-docx",
        "a document renamed .xlsx",
        "refused: it is no workbook",
        lambda folder: write_zip(
            folder / "homes.xlsx", {"word/document.xml": b"<w/>", "[Content_Types].xml": b"<Types/>"}
        ),
        FACILITIES,
        refused("unreadable_file", also=("disguised_file",)),
    ),
    Case(
        "gzip-bomb",
        "512 MB of blanks packed as roads.osm.gz",
        "refused while it is unpacked",
        raw("roads.osm.gz", _gzip_bomb),
        ROADS,
        refused("osm_ratio"),
    ),
    Case(
        "gzip-cut",
        "a .osm.gz of which the end is missing",
        "refused: the file is damaged",
        raw("roads.osm.gz", lambda: gzip.compress(osm_text().encode(), mtime=0)[:-400]),
        ROADS,
        refused("unreadable_file"),
    ),
    Case(
        "gzip-is-plain",
        "plain XML called .osm.gz",
        "read by its content",
        raw("roads.osm.gz", osm_text),
        ROADS,
        reads(),
    ),
    Case("zip-for-layer", "a zip with a layer as a boundary", "read", zipped(SHAPES), LAYER, reads(14)),
)
