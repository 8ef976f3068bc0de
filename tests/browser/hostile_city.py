"""A tiny city in which every text of every input is made to do harm: for tests of what becomes of it."""

import csv
import json
import sqlite3
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import shapely
import xlsxwriter

from carecircle import run
from carecircle.config import load_plan

LON, LAT, SIDE, STEP = 102.5, 24.3, 8, 150.0
"""A grid of SIDE x SIDE squares, each a community, with streets STEP metres apart."""

SCRIPTS = (
    "<script>window.__pwned=1;alert(1)</script>",
    '"><img id=pwned src=x onerror=window.__pwned=1>',
    "'><svg/onload=window.__pwned=1>",
    '" onmouseover="window.__pwned=1" id="pwned',
    "javascript:window.__pwned=1",
    "</script><script>window.__pwned=1</script>",
    "</title></style></textarea></noscript><b id=pwned>",
    "<!-- policy --><!--<script>",
    "--><b id=pwned>",
    "]]><b id=pwned>",
    "');window.__pwned=1;('",
    "`${window.__pwned=1}`",
    "\\u003cb id=pwned\\u003e",
    "&lt;b id=pwned&gt;",
    "&#x3c;b id=pwned&#x3e;",
    "<iframe srcdoc='<script>parent.__pwned=1</script>'></iframe>",
    "<a href=javascript:window.__pwned=1 id=pwned>x</a>",
    "<meta http-equiv=refresh content='0;url=http://x.invalid/'>",
)
TEMPLATES = (
    "${7*7}", "{{7*7}}", "{% raw %}{{ 7*7 }}", "{# x #}", "#{7*7}", "%s%n%d%(a)s", "{0.__class__.__mro__}", "{value}",
    "{", "}{", "%%", "\\x41\\1\\g<0>", "$1$&", "__proto__", "constructor", "toString",
)  # fmt: skip
FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.invalid","x")', "+1+1", "-1+1", "@SUM(1)", "\t=1+1", " =1+1",
    "＝1+1", "\u200b=1+1", "'=1+1", "\n=1+1", ";=1+1", "http://x.invalid/a", "mailto:a@x.invalid", "internal:Sheet1!A1",
)  # fmt: skip
SIGNS = (
    "\u202egnp.exe", "a\x00b", "\x01\x08\x0b\x1f", "\x1b[2J\x07", "\ufeffb", "a\u2028b\u2029c", "a\r\nb\rc", "😀👩‍🦳",
    "_x0041_", "../../../x", "..\\..\\x", "C:\\x", "con", "长" * 40_000,
)  # fmt: skip
PAYLOADS = (*SCRIPTS, *TEMPLATES, *FORMULAS, *SIGNS)
PRINTABLE = tuple(words for words in PAYLOADS if len(words) < 30_000 and not any(sign < " " for sign in words))
"""What XML, Excel and file formats can hold at all."""
TITLE = " ".join(("=cmd|' /C calc'!A0", *PRINTABLE))


def quoted(words):
    """Return text as TOML writes it."""
    return json.dumps(words, ensure_ascii=False)


def place(column, row):
    """Return longitude and latitude of a point of the grid, in steps."""
    return LON + column * STEP / (111_320 * np.cos(np.radians(LAT))), LAT + row * STEP / 110_574


def write_roads(path, name="street"):
    """Write the streets as OpenStreetMap XML, each with a name that is meant to do harm."""
    corners = [(column, row) for row in range(SIDE + 1) for column in range(SIDE + 1)]
    number = {corner: at for at, corner in enumerate(corners, start=1)}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
    for at, corner in enumerate(corners, start=1):
        lon, lat = place(*corner)
        words = PRINTABLE[at % len(PRINTABLE)]
        care = f'<tag k="amenity" v="nursing_home"/><tag k="name" v={quoteattr(words)}/>' if at % 5 == 0 else ""
        lines.append(f'<node id="{at}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{care}</node>')
    ways = [[(at, row) for at in range(SIDE + 1)] for row in range(SIDE + 1)]
    ways += [[(column, at) for at in range(SIDE + 1)] for column in range(SIDE + 1)]
    for at, way in enumerate(ways):
        words = PRINTABLE[at % len(PRINTABLE)]
        tags = {"highway": "residential", name: words, "surface": words, "access": words if at == 3 else "yes"}
        body = "".join(f'<nd ref="{number[corner]}"/>' for corner in way)
        body += "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())
        lines.append(f'<way id="{at + 1}" version="1">{body}</way>')
    Path(path).write_text("\n".join([*lines, "</osm>"]), "utf-8")


def facilities(payloads):
    """Return rows of a registry: each payload stands in every column of text."""
    texts = ("机构名称", "机构类别", "功能", "等级", "所有制", "运营状态", "备注", *(PRINTABLE[:20]))
    rows = []
    for at, words in enumerate(payloads):
        square = (2 * at) % (SIDE * SIDE)
        lon, lat = place(square % SIDE + 0.5, square // SIDE + 0.1)
        kind = words if at < len(SCRIPTS) else "养老院"
        state = words if at % 2 else "在营"
        cells = dict.fromkeys(texts, words) | {"机构类别": kind, "运营状态": state}
        rows.append({"编号": f"{words}#{at}", "床位数": 10, "经度": lon, "纬度": lat, **cells})
    return rows


def write_table(path, rows, sheet="Sheet1"):
    """Write rows as CSV or as a workbook, by the ending of the name."""
    if Path(path).suffix == ".csv":
        with Path(path).open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        return
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet(sheet)
        for column, name in enumerate(rows[0]):
            page.write_string(0, column, name)
            for at, row in enumerate(rows, start=1):
                (page.write_string if isinstance(row[name], str) else page.write_number)(at, column, row[name])


def areas(payloads):
    """Return the squares as communities that are called and coded as the payloads, in one township and county."""
    squares = [(at % SIDE, at // SIDE) for at in range(SIDE * SIDE)]
    shapes = [shapely.Polygon([place(c, r), place(c + 1, r), place(c + 1, r + 1), place(c, r + 1)]) for c, r in squares]
    words = [payloads[at % len(payloads)] for at in range(len(squares))]
    whole = shapely.union_all(shapes)
    rows = [
        {"代码": "530402", "名称": payloads[0], "级别": "县", "上级": None},
        {"代码": "530402001", "名称": payloads[1], "级别": "乡", "上级": "530402"},
        *({"代码": f"{word}#{at}", "名称": word, "级别": "村", "上级": "530402001", "备注": word,
           PRINTABLE[at % 9]: word} for at, word in enumerate(words)),
    ]  # fmt: skip
    return rows, [whole, whole, *shapes]


def write_areas(path, payloads, layer=None):
    """Write the areas as GeoJSON, or as a GeoPackage under a layer's name."""
    rows, shapes = areas(payloads)
    if Path(path).suffix == ".geojson":
        features = [
            {"type": "Feature", "properties": row, "geometry": json.loads(shapely.to_geojson(shape))}
            for row, shape in zip(rows, shapes, strict=True)
        ]
        Path(path).write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
        return
    columns = ("代码", "名称", "级别", "上级", "备注")
    frame = gpd.GeoDataFrame(
        {name: [row.get(name) for row in rows] for name in columns}, geometry=shapes, crs="EPSG:4326"
    )
    frame.to_file(path, layer="plain")
    if layer is not None:  # GDAL takes no such name, the file does
        _rename_layer(path, layer)


def _rename_layer(path, layer):
    base = sqlite3.connect(path)
    for table, column in (
        ("gpkg_contents", "table_name"), ("gpkg_contents", "identifier"), ("gpkg_geometry_columns", "table_name"),
        ("gpkg_extensions", "table_name"), ("gpkg_ogr_contents", "table_name"),
    ):  # fmt: skip
        base.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = 'plain'", (layer,))  # noqa: S608
    base.execute("DELETE FROM gpkg_extensions")
    for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        base.execute(f'DROP TRIGGER "{trigger}"')
    base.execute("DROP TABLE IF EXISTS rtree_plain_geom")
    quotes = layer.replace('"', '""')
    base.execute(f'ALTER TABLE plain RENAME TO "{quotes}"')
    base.commit()
    base.close()


def people(payloads):
    """Return two points in every square."""
    rows = []
    for at in range(2 * SIDE * SIDE):
        words, square = payloads[at % len(payloads)], at // 2
        lon, lat = place(square % SIDE + 0.3 + 0.4 * (at % 2), square // SIDE + 0.2)
        rows.append({"编号": f"{words}#{at}", "名称": words, "60岁以上人口": 3 + at, "总人口": 20 + at, "经度": lon,
                     "纬度": lat, "备注": words, PRINTABLE[2]: words})  # fmt: skip
    return rows


def study(folder, payloads=PAYLOADS, *, names=("roads", "facilities", "areas", "people"), endings=(".csv", ".geojson"),
          layer=None, sheet="Sheet1", output=()):  # fmt: skip
    """Write the inputs and run the plan; return the study and the folder of its results."""
    folder = Path(folder)
    table, areal = endings
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    files = [inputs / f"{name}{ending}" for name, ending in zip(names, (".osm", table, areal, table), strict=True)]
    write_roads(files[0])
    write_table(files[1], facilities(payloads), sheet)
    write_areas(files[2], payloads, layer)
    write_table(files[3], people(payloads), sheet)
    said = [quoted(file.name) for file in files]
    plan = inputs / "plan.toml"
    plan.write_text(
        f"title = {quoted(TITLE)}\nas_of = 2026-06-30\n[roads]\npath = {said[0]}\n[facilities]\npath = {said[1]}\n"
        f"[areas]\npath = {said[2]}\n[population]\npath = {said[3]}\n[reach]\nminutes = [1, 2]\n"
        f"[output]\nnote = {quoted(TITLE)}\n" + "".join(f"{line}\n" for line in output),
        "utf-8",
    )
    return run(load_plan(plan), out=folder / "results"), folder / "results"
