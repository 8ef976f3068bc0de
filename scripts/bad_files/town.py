"""The good town: 2 counties, 4 townships, 8 communities, 12 facilities, 30 residential points, a small grid of streets.

It is made up: names and the prefecture number 5399 belong to no real place. Streets bend and lie at uneven
distances, so that only one datum fits them; facilities and points stand beside streets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

SEED = 2026
WEST, SOUTH, STEP = 102.50, 24.30, 0.01
"""Corner of the town and side of a community, degrees."""

COUNTIES = {"539901": "白塘区", "539921": "青溪县"}
TOWNSHIPS = {"539901001": "文昌街道", "539901100": "柳河镇", "539921001": "东关街道", "539921200": "石桥乡"}
COMMUNITIES = {
    "539901001001": "文昌社区",
    "539901001002": "钟楼社区",
    "539901100001": "柳河社区",
    "539901100200": "上坝村",
    "539921001001": "东关社区",
    "539921001002": "北门社区",
    "539921200200": "石桥村",
    "539921200201": "大坪村",
}
KINDS = ("养老院", "日间照料", "助餐点")
_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_NUMBERS = ("", "第二", *(f"第{number}" for number in range(3, 20)))
_OFF_STREET = 5e-5  # degrees, about 5 m
_BEND = 7e-4  # degrees, by which crossings are moved off their lines

Box = tuple[float, float, float, float]


def box_of(code: str) -> Box:
    """Return west, south, east, north of an area of any level; a township is a column of two communities."""
    places = [place for place, known in enumerate(COMMUNITIES) if known.startswith(code)]
    columns, rows = [place // 2 for place in places], [place % 2 for place in places]
    return (
        round(WEST + STEP * min(columns), 4),
        round(SOUTH + STEP * min(rows), 4),
        round(WEST + STEP * (max(columns) + 1), 4),
        round(SOUTH + STEP * (max(rows) + 1), 4),
    )


def area_rows() -> list[dict[str, str]]:
    """Return code, name, level and parent of every area, the widest first."""
    levels = (("县", COUNTIES, 4), ("乡", TOWNSHIPS, 6), ("村", COMMUNITIES, 9))
    return [
        {"代码": code, "名称": name, "级别": _word(level, name), "上级代码": code[:parent]}
        for level, names, parent in levels
        for code, name in names.items()
    ]


def _word(level: str, name: str) -> str:
    ends = {"区": "市辖区", "县": "县", "道": "街道", "镇": "镇", "乡": "乡", "村": "村"}
    return "社区" if level == "村" and name.endswith("社区") else ends[name[-1]]


@cache
def lines() -> tuple[np.ndarray, np.ndarray]:
    """Return the longitudes of the 14 streets that run north and the latitudes of the 8 that run east."""
    rng = np.random.default_rng(SEED)
    return tuple(
        np.round(low + 0.0005 + np.cumsum(rng.dirichlet(np.full(count, 6.0)))[:-1] * (length - 0.001), 7)
        for low, length, count in ((WEST, 4 * STEP, 15), (SOUTH, 2 * STEP, 9))
    )


@dataclass(frozen=True)
class Way:
    """A street: its name, its class, and its vertices as (column, row) of the grid."""

    name: str
    highway: str
    nodes: tuple[tuple[int, int], ...]


def ways() -> list[Way]:
    """Return the streets: one for each line of the grid."""
    north, east = (range(len(found)) for found in lines())
    up = [Way(f"经{i + 1}路", "secondary" if i == 6 else "residential", tuple((i, j) for j in east)) for i in north]
    over = [Way(f"纬{j + 1}路", "primary" if j == 4 else "residential", tuple((i, j) for i in north)) for j in east]
    return [*up, *over]


def node_id(column: int, row: int) -> int:
    """Return the number of a crossing, from 1."""
    return 1 + column * len(lines()[1]) + row


@cache
def nodes() -> dict[int, tuple[float, float]]:
    """Return longitude and latitude of every crossing; streets bend, so that no other place fits as well."""
    north, east = lines()
    shift = np.random.default_rng([SEED, 4]).uniform(-_BEND, _BEND, (len(north), len(east), 2))
    return {
        node_id(i, j): (round(float(x + shift[i, j, 0]), 7), round(float(y + shift[i, j, 1]), 7))
        for i, x in enumerate(north)
        for j, y in enumerate(east)
    }


def _beside_street(rng: np.random.Generator, code: str) -> tuple[float, float]:
    """Return a place in a community, some metres off the middle part of a street."""
    west, south, east, north = box_of(code)
    at = nodes()
    while True:
        way = ways()[rng.integers(len(ways()))]
        number = rng.integers(len(way.nodes) - 1)
        (x1, y1), (x2, y2) = (at[node_id(*node)] for node in way.nodes[number : number + 2])
        part, length = rng.uniform(0.15, 0.85), float(np.hypot(x2 - x1, y2 - y1))
        lon = x1 + part * (x2 - x1) + _OFF_STREET * (y2 - y1) / length
        lat = y1 + part * (y2 - y1) - _OFF_STREET * (x2 - x1) / length
        if west < lon < east and south < lat < north:
            return round(lon, 6), round(lat, 6)


def credit_code(number: int, area: str = "539901") -> str:
    """Return a well-formed unified social credit code (GB 32100-2015), its last sign the check."""
    body = f"52{area}{number:09d}"
    total = sum(_CREDIT.index(sign) * pow(3, place, 31) for place, sign in enumerate(body))
    return body + _CREDIT[-total % 31]


@cache
def _facilities(count: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng([SEED, 1])
    codes = list(COMMUNITIES)
    rows = [_facility(number, codes[(number - 1) % 8], rng) for number in range(1, count + 1)]
    return pd.DataFrame(rows, dtype=object)


def _facility(number: int, code: str, rng: np.random.Generator) -> dict[str, object]:
    kind = KINDS[number % 3]
    community, township, county = COMMUNITIES[code], TOWNSHIPS[code[:9]], COUNTIES[code[:6]]
    lon, lat = _beside_street(rng, code)
    beds = 20 + 10 * number
    return {
        "机构编号": f"F{number:02d}",
        "机构名称": f"{community}{_NUMBERS[(number - 1) // 8]}{kind}",
        "统一社会信用代码": credit_code(number, code[:6]),
        "机构类别": kind,
        "床位数": beds,
        "护理型床位": beds // 2,
        "等级": "三星",
        "运营状态": "在营",
        "建成日期": f"20{(number + 9) % 26:02d}-05-01",
        "建筑面积": 300 + 25 * number,
        "行政区划代码": code,
        "所属区县": county,
        "所属乡镇": township,
        "所属社区": community,
        "地址": f"{county}{township}{community}经{number}路{number * 7}号",
        "经度": lon,
        "纬度": lat,
    }


def facilities() -> pd.DataFrame:
    """Return the twelve facilities F01 to F12 under the headers of a registry; row 2 of a file holds F01."""
    return _facilities().copy()


@cache
def _people(count: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng([SEED, 2])
    codes = list(COMMUNITIES)
    rows = []
    for number in range(1, count + 1):
        code = codes[(number - 1) % 8]
        lon, lat = _beside_street(rng, code)
        people = int(rng.integers(200, 900))
        rows.append(
            {
                "居民点编号": f"D{number:02d}",
                "小区名称": f"{COMMUNITIES[code]}{number}号小区",
                "户数": people // 3,
                "常住人口": people,
                "60岁以上": people // 5,
                "65岁以上": people // 7,
                "80岁以上": people // 25,
                "行政区划代码": code,
                "经度": lon,
                "纬度": lat,
            }
        )
    return pd.DataFrame(rows, dtype=object)


def people() -> pd.DataFrame:
    """Return the thirty residential points D01 to D30 with their people."""
    return _people().copy()


def crowd(count: int, *, people: bool = False) -> pd.DataFrame:
    """Return more facilities (or residential points) of the same town, the known ones first."""
    return (_people(count) if people else _facilities(count)).copy()


def place(key: str) -> tuple[float, float]:
    """Return longitude and latitude of a facility (``F03``) or residential point (``D07``)."""
    table = _facilities() if key.startswith("F") else _people()
    row = table[table.iloc[:, 0] == key].iloc[0]
    return row["经度"], row["纬度"]
