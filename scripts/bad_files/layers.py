"""Layers: shapefiles of which parts are missing or lie, GeoPackages, GeoJSON."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from .case import AREA_LAYER, FACILITIES, LAYER, LOOK, PEOPLE, At, Case, Tells, reads, refused
from .layers_on_disk import areas, beside, layer, points, projected, together, value, without, write_layer
from .writers import cut, named, raw, spoilt

CODE, NAME = "539901001001", "文昌社区"
SHAPES = layer(areas, name="areas.shp")
PACKAGE = layer(areas, name="areas.gpkg")


def _utf8(name: str = "areas.shp") -> Any:
    return layer(areas, name=name, encoding="UTF-8")


def _long_names() -> Any:
    """Return areas whose headers are longer than a shapefile can hold: cut to ten bytes, in the middle of a sign."""
    return layer(lambda: areas().rename(columns={"名称": "行政区划名称", "级别": "行政区划级别"}), name="areas.shp")


def _several(folder: Path) -> Path:
    path = folder / "areas.gpkg"
    write_layer(areas("9"), path, layer="乡镇")
    return write_layer(areas("12"), path, layer="社区", append=True)


def _tables_only(folder: Path) -> Path:
    with sqlite3.connect(folder / "areas.gpkg") as base:
        base.execute("CREATE TABLE 名单 (代码 TEXT)")
    base.close()
    return folder / "areas.gpkg"


def _view(folder: Path) -> Path:
    path = PACKAGE(folder)
    with sqlite3.connect(path) as base:
        base.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT x FROM n"
        )
    base.close()
    return path


def _older_crs(table: Any) -> Any:
    """Return a layer that says it is in Beijing 1954."""
    return table.to_crs("EPSG:4543").set_crs("EPSG:2431", allow_override=True)


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _swap(folder: Path) -> Path:
    (folder / "kept").replace(folder / "areas.dbf")
    return folder / "areas.shp"


CASES = (
    Case(
        "shp-gbk-no-cpg",
        "a shapefile in GBK without a .cpg",
        "read; names whole",
        SHAPES,
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-gbk-says-utf8",
        "a shapefile in GBK whose .cpg says UTF-8",
        "read; names whole",
        beside(SHAPES, ".cpg", b"UTF-8"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-utf8-says-gbk",
        "a shapefile in UTF-8 whose .cpg says GBK",
        "read; names whole",
        beside(_utf8(), ".cpg", b"GBK"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-utf8-no-cpg",
        "a shapefile in UTF-8 without a .cpg",
        "read; names whole",
        without(_utf8(), ".cpg"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-cpg-nonsense",
        "a .cpg that names no encoding",
        "read; names whole",
        beside(SHAPES, ".cpg", b"\xff\xfe???"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-cut-names",
        "headers cut to ten bytes, in the middle of a character",
        "recognised; read",
        _long_names(),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-no-prj",
        "a shapefile without a .prj",
        "refused: which coordinate system?",
        without(SHAPES, ".prj"),
        AREA_LAYER,
        refused("missing_crs"),
    ),
    Case(
        "shp-no-prj-given",
        "the same, and the user says which",
        "read",
        without(SHAPES, ".prj"),
        AREA_LAYER(crs="EPSG:4490"),
        reads(14),
    ),
    Case(
        "shp-prj-nonsense",
        "a .prj that says nothing",
        "refused: which coordinate system?",
        beside(SHAPES, ".prj", b"not a coordinate system"),
        AREA_LAYER,
        refused("missing_crs"),
    ),
    Case(
        "shp-prj-gbk",
        "a .prj whose names are Chinese in GBK",
        "read, or refused: which coordinate system?",
        beside(SHAPES, ".prj", lambda content: content.replace(b"D_China_2000", "D_国家2000".encode("gbk"))),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "shp-prj-gbk-outside",
        "a .prj whose first name is Chinese in GBK",
        "read, or refused: which coordinate system?",
        beside(SHAPES, ".prj", lambda content: content.replace(b"GCS_China_Geodetic", "大地坐标系".encode("gbk"))),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "shp-prj-beijing",
        "a shapefile of Beijing 1954",
        "refused: the shift to WGS 84 is not known",
        layer(areas, _older_crs, name="areas.shp"),
        AREA_LAYER,
        refused(usage="datum_shift"),
    ),
    Case(
        "shp-metres",
        "a shapefile in metres (CGCS2000, 102 E)",
        "read at its place",
        layer(areas, projected, name="areas.shp"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-no-shx",
        "a shapefile without a .shx",
        "read: the index is found anew",
        without(SHAPES, ".shx"),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-no-dbf",
        "a shapefile without a .dbf",
        "refused: codes and names are missing",
        without(SHAPES, ".dbf"),
        AREA_LAYER,
        refused(At("missing_header", column="area_id"), also=("missing_part",)),
    ),
    Case(
        "shp-only-dbf",
        "a .dbf without its shapefile",
        "refused, with the endings that are read",
        together(without(SHAPES, ".shp"), lambda folder: folder / "areas.dbf"),
        AREA_LAYER,
        refused("unknown_format"),
    ),
    Case(
        "shp-cut",
        "a shapefile of which the end is missing",
        "refused: how many bytes are missing",
        cut(SHAPES, keep=0.5),
        AREA_LAYER,
        refused("cut_short"),
    ),
    Case(
        "shp-head-only",
        "the first ten bytes of a shapefile",
        "refused",
        cut(SHAPES, keep=0.005),
        AREA_LAYER,
        refused("cut_short", also=("disguised_file",)),
    ),
    Case(
        "shp-dbf-cut",
        "a shapefile whose .dbf breaks off",
        "refused: rows would lose their names",
        beside(SHAPES, ".dbf", _half),
        AREA_LAYER,
        refused("cut_short", also=("unreadable_file",)),
    ),
    Case(
        "shp-dbf-short",
        "a .dbf with fewer rows than there are shapes",
        "refused",
        together(
            layer(lambda: areas("9"), name="areas.shp"),
            lambda folder: (folder / "areas.dbf").rename(folder / "kept"),
            SHAPES,
            _swap,
        ),
        AREA_LAYER,
        refused("rows_differ", also=("cut_short", "unreadable_file")),
    ),
    Case(
        "shp-shx-nonsense",
        "a .shx of another shapefile",
        "refused, or the index is found anew",
        beside(SHAPES, ".shx", lambda content: content[:100] + bytes(len(content) - 100)),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-is-text",
        "a text file called areas.shp",
        "refused: it is no shapefile",
        raw("areas.shp", "代码,名称\n" * 50),
        AREA_LAYER,
        refused("disguised_file", also=("cut_short", "unreadable_file")),
    ),
    Case(
        "shp-empty",
        "a shapefile without shapes",
        "refused: no rows",
        layer(lambda: areas().iloc[:0], name="areas.shp", geometry_type="Polygon"),
        AREA_LAYER,
        refused("empty_table"),
    ),
    Case(
        "shp-upper-case",
        "AREAS.SHP, .DBF, .PRJ in capitals",
        "read",
        together(
            SHAPES,
            lambda folder: [
                path.rename(folder / path.name.upper()) for path in sorted(folder.iterdir()) if path.is_file()
            ][-2],
        ),
        AREA_LAYER,
        reads(14, **{CODE: {"name": NAME}}),
    ),
    Case(
        "shp-no-prj-inspected",
        "a shapefile without a .prj, looked at",
        "that the system is missing is said",
        without(SHAPES, ".prj"),
        LOOK,
        Tells(problems=("missing_crs",)),
    ),
    Case(
        "gpkg-several-layers",
        "a GeoPackage with two layers and none chosen",
        "refused, both named",
        _several,
        AREA_LAYER,
        refused(At("several_layers", says="社区")),
    ),
    Case(
        "gpkg-chosen-layer",
        "the same, with one chosen",
        "that one is read",
        _several,
        AREA_LAYER(layer="社区"),
        reads(8),
    ),
    Case(
        "gpkg-missing-layer",
        "a layer that is not there is chosen",
        "refused, with the layers there are",
        _several,
        AREA_LAYER(layer="县"),
        refused(At("missing_layer", says="社区")),
    ),
    Case(
        "gpkg-empty-file",
        "a GeoPackage of no bytes",
        "refused",
        raw("areas.gpkg", b""),
        AREA_LAYER,
        refused("disguised_file", also=("unreadable_file", "empty_table")),
    ),
    Case(
        "gpkg-cut",
        "a GeoPackage of which the end is missing",
        "refused: the file is damaged",
        cut(PACKAGE, keep=0.3),
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table",)),
    ),
    Case(
        "gpkg-spoilt",
        "a GeoPackage with a page of rubbish",
        "refused: the file is damaged",
        spoilt(PACKAGE, lambda content: content[:4096] + b"\xa5" * 8192 + content[12288:]),
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table",)),
    ),
    Case(
        "gpkg-tables-only",
        "a database without any layer",
        "refused: no rows",
        _tables_only,
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table", "wrong_geometry")),
    ),
    Case(
        "gpkg-is-text",
        "a text file called areas.gpkg",
        "refused: it is no GeoPackage",
        raw("areas.gpkg", "not a database at all\n" * 40),
        AREA_LAYER,
        refused("disguised_file", also=("unreadable_file",)),
    ),
    Case(
        "gpkg-endless-view",
        "a GeoPackage with a view that has no end",
        "refused before it is read",
        _view,
        AREA_LAYER,
        refused("layer_view", also=("several_layers",)),
    ),
    Case(
        "gpkg-no-crs",
        "a GeoPackage whose coordinate system is 'undefined'",
        "refused: which coordinate system?",
        layer(lambda: areas().set_crs(None, allow_override=True), name="areas.gpkg"),
        AREA_LAYER,
        refused("missing_crs"),
    ),
    Case(
        "layer-without-code",
        "areas without codes",
        "refused, with the headers that would do",
        layer(lambda: areas().drop(columns="代码"), name="areas.gpkg"),
        AREA_LAYER,
        refused(At("missing_header", column="area_id")),
    ),
    Case(
        "layer-personal",
        "facilities with the names of their heads",
        "that column is never read",
        layer(lambda: points().assign(负责人="李四"), name="homes.gpkg"),
        FACILITIES,
        reads(12, without=("负责人",), notes=("负责人",)),
    ),
    Case(
        "layer-renamed",
        "a GeoPackage renamed .shp",
        "refused: it is no shapefile",
        named(PACKAGE, "areas.shp"),
        AREA_LAYER,
        refused("disguised_file", also=("cut_short",)),
    ),
    Case(
        "layer-wrong-crs",
        "a layer in degrees that says it is in metres",
        "refused: it is not what it says",
        layer(lambda: areas().set_crs("EPSG:4543", allow_override=True), name="areas.gpkg"),
        AREA_LAYER,
        refused("not_as_declared"),
    ),
    Case(
        "layer-text-numbers",
        "numbers of people as text in a layer",
        "read",
        layer(lambda: points(people=True).astype({"常住人口": str}), name="people.gpkg"),
        PEOPLE,
        reads(30),
    ),
    Case(
        "layer-bad-number",
        "words for a number of people in a layer",
        "refused, by row of the layer",
        layer(
            lambda: points(people=True).astype({"常住人口": str}), value("D03", "常住人口", "很多"), name="people.gpkg"
        ),
        PEOPLE,
        refused(At("not_a_number", 3, "常住人口")),
    ),
    Case(
        "layer-is-a-table",
        "a table where a layer is needed",
        "refused: no shapes",
        raw("areas.parquet", b"PAR1" + bytes(40) + b"PAR1"),
        LAYER,
        refused("unreadable_file"),
    ),
)
