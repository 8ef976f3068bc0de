"""Coordinates: shifted, swapped, projected, in degrees and minutes, two in one cell, or nowhere at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from carecircle.china.coordinates import wgs84_to_bd09, wgs84_to_gcj02

from .case import AREAS, FACILITIES, PEOPLE, STREETS, STUDY, At, Case, Found, reads, refused
from .layers_on_disk import layer, points, shapes
from .plans import plan, replaced
from .town import crowd, place
from .writers import cell, column, csv, dropped, homes, moved, renamed, xlsx

AUTO = FACILITIES(datum="auto", streets=STREETS, areas=AREAS)
HERE = {"lon": place("F03")[0], "lat": place("F03")[1]}
Pair = tuple[float, float]


def _gcj(lon: float, lat: float) -> Pair:
    x, y = wgs84_to_gcj02(lon, lat)
    return round(float(x), 6), round(float(y), 6)


def _baidu(lon: float, lat: float) -> Pair:
    x, y = wgs84_to_bd09(lon, lat)
    return round(float(x), 6), round(float(y), 6)


def crowded(_: Any) -> Any:
    """Return a hundred facilities instead of twelve."""
    return crowd(100)


def _metres(crs: str) -> Callable[[float, float], Pair]:
    to_metres = Transformer.from_crs("EPSG:4490", crs, always_xy=True)

    def turned(lon: float, lat: float) -> Pair:
        x, y = to_metres.transform(lon, lat)
        return round(x, 2), round(y, 2)

    return turned


def _dms(value: float, form: str = "{}°{}′{}″") -> str:
    whole = round(value * 36000)
    return form.format(whole // 36000, whole // 600 % 60, f"{whole % 600 / 10:04.1f}")


def _one_cell(form: str) -> Any:
    """Return the change to one column 坐标 with both numbers."""

    def change(table: Any) -> Any:
        pairs = [form.format(lon=lon, lat=lat) for lon, lat in zip(table["经度"], table["纬度"], strict=True)]
        return table.drop(columns=["经度", "纬度"]).assign(坐标=pairs)

    return change


def _typed(name: str, wrong: str, lon: Any, lat: Any) -> Case:
    """Return the case of a place that can be read however it is typed."""
    make = csv(cell("F03", "经度", lon), cell("F03", "纬度", lat))
    return Case(f"position-{name}", wrong, "read at its place", make, FACILITIES, reads(12, F03=HERE))


def _nowhere(name: str, wrong: str, lon: Any, lat: Any, *keys: At) -> Case:
    """Return the case of one place that cannot be."""
    make = csv(cell("F03", "经度", lon), cell("F03", "纬度", lat))
    return Case(f"position-{name}", wrong, "refused, by row", make, FACILITIES, refused(*keys))


def _by_row(table: Any) -> Any:
    said = {"F03": ("高德", _gcj), "F04": ("百度", _baidu)}
    rows = []
    for key, lon, lat in zip(table["机构编号"], table["经度"], table["纬度"], strict=True):
        word, shift = said.get(key, ("WGS84", lambda x, y: (x, y)))
        rows.append((*shift(lon, lat), word))
    moved_lon, moved_lat, words = zip(*rows, strict=True)
    return table.assign(经度=moved_lon, 纬度=moved_lat, 坐标系=words)


def _moved_points(found: Any) -> Any:
    return shapely.transform(found, lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1])))


_LON, _LAT = HERE["lon"], HERE["lat"]
_OUT = At("outside_coordinates", 4)

CASES = (
    Case(
        "datum-gcj02-auto",
        "GCJ-02 coordinates that nothing says of",
        "found out by streets and areas, and turned into WGS 84",
        csv(crowded, moved(_gcj), whole=True),
        AUTO,
        reads(100, F03={**HERE, "coordinate_source": "converted:gcj02"}),
    ),
    Case(
        "datum-bd09-auto",
        "BD-09 coordinates that nothing says of",
        "found out by streets and areas, and turned into WGS 84",
        csv(crowded, moved(_baidu), whole=True),
        AUTO,
        reads(100, F03={**HERE, "coordinate_source": "converted:bd09"}),
    ),
    Case(
        "datum-wgs84-auto",
        "WGS 84 coordinates that nothing says of",
        "found out by streets and areas, and left as they are",
        csv(crowded, whole=True),
        AUTO,
        reads(100, F03={**HERE, "coordinate_source": "given"}),
    ),
    Case(
        "datum-auto-blind",
        "the datum is to be found out, with nothing to find it by",
        "refused: the user must say",
        csv(moved(_gcj)),
        FACILITIES(datum="auto"),
        refused("datum_unclear"),
    ),
    Case(
        "datum-auto-few",
        "the datum of one point is to be found out",
        "refused: too little to be sure",
        csv(lambda table: table.iloc[:1], moved(lambda lon, lat: (lon + 0.0013, lat + 0.0009)), whole=True),
        AUTO,
        refused("datum_unclear"),
    ),
    Case(
        "datum-given-gcj02",
        "GCJ-02 coordinates, and the user says so",
        "turned into WGS 84",
        csv(moved(_gcj)),
        FACILITIES(datum="gcj02"),
        reads(12, F03={**HERE, "coordinate_source": "converted:gcj02"}),
    ),
    Case(
        "datum-column-by-row",
        "a column that says of each row whether it is from AMap or Baidu",
        "each turned by its own datum",
        csv(_by_row, whole=True),
        AUTO,
        reads(12, F03={**HERE, "coordinate_source": "converted:gcj02"}, F04={"coordinate_source": "converted:bd09"}),
    ),
    Case(
        "datum-column-unheeded",
        "a column says 高德, but the coordinates are read as WGS 84",
        "read, with a warning",
        csv(column("坐标系", "高德", after="纬度")),
        FACILITIES,
        reads(12, notes=("坐标系",)),
    ),
    Case(
        "datum-layer-lies",
        "a layer stored as EPSG:4326 that is in truth GCJ-02",
        "found out by streets and areas",
        layer(lambda: points(crowded).set_crs(4326, allow_override=True), shapes(_moved_points), name="homes.gpkg"),
        AUTO,
        reads(100, F03={**HERE, "coordinate_source": "converted:gcj02"}),
    ),
    Case(
        "swapped-headers",
        "longitudes under 纬度 and latitudes under 经度",
        "refused by row, or turned round with a finding",
        csv(renamed(经度="纬度", 纬度="经度")),
        FACILITIES,
        reads(12, Found("mended"), F03=HERE),
    ),
    Case(
        "swapped-one-row",
        "one row with longitude and latitude the wrong way round",
        "turned round with a finding by row, or refused by row",
        csv(cell("F03", "经度", _LAT), cell("F03", "纬度", _LON)),
        FACILITIES,
        reads(12, Found("mended", row=4), F03=HERE),
    ),
    Case(
        "projected-unsaid",
        "metres of a zone without its number under 经度 and 纬度",
        "refused: the zone cannot be known",
        csv(moved(_metres("EPSG:4543"))),
        FACILITIES,
        refused("not_degrees_zone_unknown"),
    ),
    Case(
        "projected-unsaid-by-streets",
        "the same, read beside the town's streets",
        "the zone is found out by them; read",
        csv(moved(_metres("EPSG:4543"))),
        FACILITIES(streets=STREETS),
        reads(12, Found("converted"), F03=HERE),
    ),
    Case(
        "projected-given",
        "the same, and the user says EPSG:4543",
        "read at their places",
        csv(moved(_metres("EPSG:4543"))),
        FACILITIES(crs="EPSG:4543"),
        reads(12, F03=HERE),
    ),
    Case(
        "projected-with-zone",
        "metres whose eastings begin with the zone, 34",
        "the zone is read from them; read",
        csv(moved(_metres("EPSG:4522"))),
        FACILITIES,
        reads(12, Found("converted"), F03=HERE),
    ),
    Case(
        "projected-wrong-zone",
        "a study with metres of 102 E that the user calls 114 E",
        "refused: they are far from every street",
        plan(
            replaced('path = "homes.csv"', 'path = "homes.csv"\ncrs = "EPSG:4547"'),
            csv(moved(_metres("EPSG:4543"))),
            files=True,
        ),
        STUDY,
        refused(At("far_point", says="F03")),
    ),
    Case(
        "projected-swapped",
        "northings under 经度 and eastings under 纬度, EPSG:4543 given",
        "turned round with a finding, or refused",
        csv(moved(_metres("EPSG:4543")), renamed(经度="纬度", 纬度="经度")),
        FACILITIES(crs="EPSG:4543"),
        reads(12, Found("mended"), F03=HERE),
    ),
    Case(
        "projected-one-row",
        "one row in metres among degrees",
        "refused, by row",
        csv(cell("F03", "经度", 553000.5), cell("F03", "纬度", 2690000.5)),
        FACILITIES,
        refused(_OUT),
    ),
    Case(
        "crs-unknown",
        "a coordinate system that nobody knows is given",
        "refused",
        csv(),
        FACILITIES(crs="EPSG:999999"),
        refused(At("unknown_crs", says="999999")),
    ),
    Case(
        "crs-beijing-1954",
        "metres of Beijing 1954",
        "refused: the shift to WGS 84 is not known",
        csv(moved(_metres("EPSG:4543"))),
        FACILITIES(crs="EPSG:2431"),
        refused(usage="datum_shift"),
    ),
    Case(
        "crs-beijing-1954-degrees",
        "degrees of Beijing 1954",
        "refused: the shift to WGS 84 is not known",
        csv(),
        FACILITIES(crs="EPSG:4214"),
        refused(usage="datum_shift"),
    ),
    _typed("dms", "degrees, minutes and seconds", _dms(_LON), _dms(_LAT)),
    _typed("dms-chinese", "度, 分 and 秒", _dms(_LON, "{}度{}分{}秒"), _dms(_LAT, "{}度{}分{}秒")),
    _typed(
        "dms-letters", "degrees, minutes and seconds with E and N", _dms(_LON, "E{}°{}'{}\""), _dms(_LAT, "N{}°{}'{}\"")
    ),
    _typed("words", "东经 and 北纬 before the numbers", f"东经{_LON}", f"北纬{_LAT}"),
    _typed("degree-sign", "a degree sign behind the numbers", f"{_LON}°", f"{_LAT}°"),
    _typed("full-width", "full-width digits", f"{_LON}".translate({48 + n: 0xFF10 + n for n in range(10)}), f"{_LAT}"),
    _typed("blanks", "blanks around and inside the numbers", f" {_LON}", f"{str(_LAT)[:3]} {str(_LAT)[3:]}"),
    Case(
        "position-one-cell",
        "both numbers in one cell: 102.5,24.3",
        "read at their places",
        csv(_one_cell("{lon},{lat}")),
        FACILITIES,
        reads(12, F03=HERE),
    ),
    Case(
        "position-one-cell-chinese",
        "both in one cell, with brackets and a full-width comma",
        "read at their places",
        csv(_one_cell("（{lon}，{lat}）")),
        FACILITIES,
        reads(12, F03=HERE),
    ),
    Case(
        "position-one-cell-lat-first",
        "both in one cell, the latitude first",
        "told apart by their size; read",
        csv(_one_cell("{lat},{lon}")),
        FACILITIES,
        reads(12, F03=HERE),
    ),
    Case(
        "position-wkt",
        "both in one cell as POINT (102.5 24.3)",
        "read at their places",
        csv(_one_cell("POINT ({lon} {lat})")),
        FACILITIES,
        reads(12, F03=HERE),
    ),
    Case(
        "position-pair-under-lon",
        "both numbers under 经度, nothing under 纬度",
        "read at their places, or refused by cell",
        csv(moved(lambda lon, lat: (f"{lon},{lat}", ""))),
        FACILITIES,
        refused(At("not_a_position", 4, "经度"), also=("empty_geometry",)),
    ),
    Case(
        "position-one-cell-half",
        "one number where two should be",
        "refused, by row",
        csv(_one_cell("{lon},{lat}"), cell("F03", "坐标", str(_LON))),
        FACILITIES,
        refused(At("not_a_pair", 4, "坐标"), also=("empty_geometry",)),
    ),
    _nowhere("zero", "0, 0 for nothing", 0, 0, _OUT),
    _nowhere("empty", "no coordinates", "", "", At("empty_geometry", 4)),
    _nowhere("half", "a longitude without a latitude", _LON, "", At("empty_geometry", 4)),
    _nowhere("words-instead", "words for a longitude", "东经一百零二度", _LAT, At("not_a_position", 4, "经度")),
    _nowhere("lost-point", "the decimal point is lost: 102546823", "102546823", "24351211", _OUT),
    _nowhere("latitude-over-90", "a latitude of 243.5", _LON, _LAT * 10, _OUT),
    _nowhere(
        "comma-decimals",
        "commas for decimal points",
        str(_LON).replace(".", ","),
        str(_LAT).replace(".", ","),
        At("not_a_position", 4, "经度"),
        At("not_a_position", 4, "纬度"),
    ),
    _nowhere("minutes-over-60", "72 minutes", "102°72′15″", _dms(_LAT), At("not_a_position", 4, "经度")),
    Case(
        "position-nan-text",
        "the text NaN for a longitude",
        "refused, by row: no coordinates",
        csv(cell("F03", "经度", "NaN")),
        FACILITIES,
        refused(At("empty_geometry", 4)),
    ),
    Case(
        "position-infinite",
        "the text inf for a longitude",
        "refused, by cell",
        csv(cell("F03", "经度", "inf")),
        FACILITIES,
        refused(At("not_a_position", 4, "经度")),
    ),
    Case(
        "position-rounded",
        "coordinates with two decimals",
        "read, with a finding: they may be a kilometre off",
        csv(moved(lambda lon, lat: (round(lon, 2), round(lat, 2)))),
        FACILITIES,
        reads(12, Found("doubtful")),
    ),
    Case(
        "position-all-alike",
        "all facilities at one place, the seat of the county",
        "read, with a finding",
        csv(moved(lambda *_: (_LON, _LAT))),
        FACILITIES,
        reads(12, Found("doubtful")),
    ),
    Case(
        "addresses-only",
        "a list of addresses without coordinates",
        "refused: how coordinates are found is said",
        xlsx(homes(dropped("经度", "纬度"))),
        FACILITIES,
        refused(At("only_addresses", says="地址")),
    ),
    Case(
        "people-datum-auto",
        "residential points in GCJ-02 that nothing says of",
        "found out and turned",
        csv(lambda _: crowd(100, people=True), moved(_gcj), people=True),
        PEOPLE(datum="auto", streets=STREETS, areas=AREAS),
        reads(100, D03={"lon": place("D03")[0], "lat": place("D03")[1], "coordinate_source": "converted:gcj02"}),
    ),
)
