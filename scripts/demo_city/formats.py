"""Writers of the true formats a civil-affairs office meets. The same city gives the same bytes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pyogrio
import rasterio
import shapely
import xlsxwriter
from osmium.osm.mutable import Node
from osmium.osm.mutable import Way as OsmWay

from .areas import Areas
from .frame import CITY, DATE, GEOGRAPHIC, NOTE, ORIGIN, PROJECTED, Array, to_degrees
from .people import COUNTS
from .roads import RoadSet, sparse_edges

STAMP = dt.datetime.fromisoformat(DATE).replace(tzinfo=dt.UTC)
FIELDS = {"code": "代码", "name": "名称", "level": "级别", "parent": "上级代码", "urban_class": "城乡分类"}
BUILDING_FIELDS = {
    "building_id": "编号",
    "estate": "小区名称",
    "households": "户数",
    "people": "常住人口",
    "people_60": "60岁以上",
    "people_65": "65岁以上",
    "people_80": "80岁以上",
    "lon": "经度",
    "lat": "纬度",
}
CELL, NODATA = 100.0, -9999.0


def write_areas(folder: Path, areas: Areas) -> None:
    """Write three shapefiles in GBK without a .cpg file, as older desktop systems leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    for layer in ("counties", "townships", "communities"):
        frame: gpd.GeoDataFrame = getattr(areas, layer).sort_values("code", ignore_index=True)
        columns = [column for column in FIELDS if column in frame]
        shapes = shapely.transform(frame.geometry.to_numpy(), to_degrees)
        table = frame[columns].rename(columns=FIELDS).assign(备注=NOTE)
        path = folder / f"{layer}.shp"
        gpd.GeoDataFrame(table, geometry=shapes, crs=GEOGRAPHIC).to_file(
            path, engine="pyogrio", encoding="GBK", RESIZE="YES", DBF_DATE_LAST_UPDATE=DATE
        )
        path.with_suffix(".cpg").unlink(missing_ok=True)


def write_facilities(path: Path, table: pd.DataFrame) -> None:
    """Write the register as a workbook of one sheet; codes stay text, dates are dates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    book.set_properties(
        {
            "title": f"{CITY}养老服务机构台账",
            "author": "make_demo_city.py",
            "comments": NOTE,
            "created": STAMP.replace(tzinfo=None),
        }
    )
    sheet = book.add_worksheet("机构台账")
    bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
    degrees = book.add_format({"num_format": "0.000000"})
    sheet.write_row(0, 0, table.columns, bold)
    for column, name in enumerate(table.columns):
        values = table[name].astype(object).where(table[name].notna(), None).tolist()
        sheet.write_column(1, column, values, degrees if name in {"经度", "纬度"} else None)
        longest = max(len(str(value)) for value in [name, *values])
        sheet.set_column(column, column, min(40, 2 + 1.6 * longest))
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, len(table), len(table.columns) - 1)
    book.close()


def write_inputs(path: Path, sheets: dict[str, pd.DataFrame]) -> None:
    """Write the counties' workbook, a sheet each, with a title row above the headings as people make them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    book.set_properties({"title": f"{CITY}填报表", "comments": NOTE, "created": STAMP.replace(tzinfo=None)})
    title = book.add_format({"bold": True, "font_size": 14})
    bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1})
    for name, table in sheets.items():
        sheet = book.add_worksheet(name)
        sheet.write_string(0, 0, f"{CITY}{name}（{NOTE}，截至{DATE}）", title)
        sheet.write_row(1, 0, table.columns, bold)
        for column, heading in enumerate(table.columns):
            values = table[heading].astype(object).where(table[heading].notna(), None).tolist()
            sheet.write_column(2, column, values)
            sheet.set_column(column, column, min(40, 2 + 1.6 * max(len(str(value)) for value in [heading, *values])))
        sheet.freeze_panes(2, 1)
    book.close()


HEADINGS = {"基本情况": 7, "面积": 2, "建设情况": 5, "位置": 3, "联系": 2, "备注": 1}
"""How many columns of the list of idle property stand under each heading: numbers, names and place come first."""


def write_idle(path: Path, table: pd.DataFrame) -> None:
    """Write the list of idle property with a title and two rows of headings with merged cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(path)
    title = f"{CITY}闲置资产摸排清单"
    book.set_properties({"title": title, "comments": NOTE, "created": STAMP.replace(tzinfo=None)})
    sheet = book.add_worksheet("闲置资产")
    bold = book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1, "align": "center"})
    sheet.merge_range(0, 0, 0, len(table.columns) - 1, f"{title}（{NOTE}，截至{DATE}）", bold)
    _write_headings(sheet, table, bold)
    for column, heading in enumerate(table.columns):
        values = table[heading].astype(object).where(table[heading].notna(), None).tolist()
        sheet.write_column(3, column, values)
        sheet.set_column(column, column, min(40, 2 + 1.6 * max(len(str(value)) for value in [heading, *values])))
    sheet.freeze_panes(3, 2)
    book.close()


def _write_headings(sheet: xlsxwriter.worksheet.Worksheet, table: pd.DataFrame, bold: object) -> None:
    """Write the upper headings over their columns; one that stands over a single column spans both rows."""
    start = 0
    for heading, count in HEADINGS.items():
        if count > 1:
            sheet.merge_range(1, start, 1, start + count - 1, heading, bold)
            sheet.write_row(2, start, table.columns[start : start + count], bold)
        else:
            sheet.merge_range(1, start, 2, start, table.columns[start], bold)
        start += count


def write_zones(path: Path, zones: gpd.GeoDataFrame) -> None:
    """Write land to be kept free as a GeoPackage in WGS84, dated so that its bytes are the same each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{DATE}T00:00:00.000Z"})
    shapes = shapely.transform(zones.geometry.to_numpy(), to_degrees)
    table = zones[["名称", "类型"]].assign(备注=NOTE)
    gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326").to_file(path, layer="exclusions", engine="pyogrio")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_buildings(path: Path, people: pd.DataFrame) -> None:
    """Write residential points as a GB18030 comma-separated table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = people[list(BUILDING_FIELDS)].rename(columns=BUILDING_FIELDS).assign(备注=NOTE)
    table.to_csv(path, index=False, encoding="gb18030", float_format="%.6f", lineterminator="\r\n")


def write_grid(path: Path, people: pd.DataFrame, areas: Areas) -> None:
    """Write people by 100 m cell, four bands; empty land is 0, what lies outside the city is no data."""
    city = shapely.union_all(areas.counties.geometry.to_numpy())
    west, south, east, north = np.array(city.bounds) / CELL
    west, south, east, north = np.floor(west), np.floor(south), np.ceil(east), np.ceil(north)
    shape = int(north - south), int(east - west)
    column = (np.floor(people["x"] / CELL) - west).astype(int)
    row = (north - 1 - np.floor(people["y"] / CELL)).astype(int)
    cell = np.ravel_multi_index((row, column), shape)
    x, y = np.meshgrid((west + 0.5 + np.arange(shape[1])) * CELL, (north - 0.5 - np.arange(shape[0])) * CELL)
    shapely.prepare(city)
    outside = ~shapely.contains_xy(city, x, y)
    outside.ravel()[cell] = False
    bands = np.stack([np.bincount(cell, people[count], outside.size).reshape(shape) for count in COUNTS])
    bands[:, outside] = NODATA
    corner = ORIGIN + np.array([west, north]) * CELL
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": len(COUNTS),
        "height": shape[0],
        "width": shape[1],
    }
    profile |= {
        "crs": PROJECTED,
        "transform": rasterio.transform.from_origin(*corner, CELL, CELL),
        "nodata": NODATA,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile, compress="deflate", predictor=3, zlevel=9, tiled=True) as grid:
        grid.write(bands.astype("float32"))
        grid.descriptions = COUNTS
        grid.update_tags(
            TIFFTAG_IMAGEDESCRIPTION=f"{NOTE} fictional", TIFFTAG_DATETIME=STAMP.strftime("%Y:%m:%d %H:%M:%S")
        )


def write_roads(path: Path, roads: RoadSet) -> None:
    """Write nodes, then ways, in order of their numbers; nodes on ways come before free-standing ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes, _, _ = sparse_edges(roads.ways)
    number = {tuple(xy): k for k, xy in enumerate(nodes.tolist(), start=1)}
    spots = np.array([point for point, _ in roads.places])
    lonlat = to_degrees(np.concatenate([nodes, spots]))
    tags = [roads.node_tags.get((x, y), {}) for x, y in nodes.tolist()] + [tags for _, tags in roads.places]
    with osmium.SimpleWriter(str(path), header=_header(lonlat), overwrite=True) as writer:
        for k, (location, own) in enumerate(zip(lonlat.tolist(), tags, strict=True), start=1):
            writer.add_node(Node(id=k, location=tuple(location), tags=own, version=1, timestamp=STAMP))
        for k, way in enumerate(roads.ways, start=1):
            refs = [number[tuple(xy)] for xy in way.points.tolist()]
            writer.add_way(OsmWay(id=k, nodes=refs, tags=way.tags, version=1, timestamp=STAMP))


def _header(lonlat: Array) -> osmium.io.Header:
    """Return a file header that says where the data come from and what box they fill."""
    header = osmium.io.Header()
    header.set("generator", "make_demo_city.py (fictional city, not OpenStreetMap data)")
    low, high = lonlat.min(axis=0), lonlat.max(axis=0)
    corners = (osmium.osm.Location(*low.tolist()), osmium.osm.Location(*high.tolist()))
    header.add_box(osmium.osm.Box(*corners))
    return header
