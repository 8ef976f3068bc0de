"""Idle property that the counties have listed, and land on which nothing may be built: made up, partly unsuitable."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from .areas import Areas
from .frame import Array, centimetres, to_degrees, wgs84_to_gcj02
from .names import COUNTIES, TOWNSHIPS
from .roads import RoadSet

CENTRE, STREET, HOME = "农村区域养老服务中心", "街道综合养老服务中心", "社区嵌入式养老服务机构"
DAY, MUTUAL = "社区日间照料中心", "农村互助养老服务设施"
UNKNOWN = None

# (name, former use, community, floor m2, site mu, owner, land use, cost in 10,000 yuan, beds, to become, remark)
PROPERTY = (
    ("泉箐乡原中心小学", "空置校舍", "泉箐村", 1860, 6.2,
     "县教育体育局", "教育用地", 180, 48, CENTRE, "2023年撤并，主体完好"),
    ("栗箐乡原粮站", "闲置仓库", "栗箐村", 1240, 4.1,
     "县粮食和物资储备局", "仓储用地", 210, 30, CENTRE, "需变更规划用途"),
    ("麦浪乡原卫生院", "撤并卫生院", "麦浪社区", 980, 2.4, "县卫生健康局", "医疗卫生用地", 95, 30, CENTRE, ""),
    ("岔沟村原小学", "空置校舍", "岔沟村", 420, 2.0, "村集体", "教育用地", 28, 6, MUTUAL, ""),
    ("黑泥村原小学", "空置校舍", "黑泥村", 380, 1.8, "村集体", "教育用地", 26, 6, MUTUAL, "屋后为陡坡"),
    ("蕨菜坪村原村委会", "闲置办公用房", "蕨菜坪村", 260, 0.7, "村集体", "集体建设用地", 18, 4, MUTUAL, ""),
    ("阿岩村原小学", "空置校舍", "阿岩村", 510, 2.6, "村集体", "教育用地", 40, 8, MUTUAL, ""),
    ("麂子塘村原教学点", "空置校舍", "麂子塘村", 150, 0.9, "村集体", "教育用地", 12, 2, MUTUAL, "D级危房，未鉴定加固"),
    ("草海子村原小学", "空置校舍", "草海子村", 460, 2.2, "村集体", "教育用地", 33, 6, MUTUAL, ""),
    ("大坪子村原小学", "空置校舍", "大坪子村", 390, 1.9, "村集体", "教育用地", 27, 6, MUTUAL, ""),
    ("清水沟村原林管站", "闲置办公用房", "清水沟村", 310, 1.1, "县林业和草原局", "机关团体用地", 25, 4, MUTUAL, ""),
    ("雾露村原小学", "空置校舍", "雾露村", 440, 2.1, "村集体", "教育用地", 31, 6, MUTUAL, ""),
    ("杉树林村原小学", "空置校舍", "杉树林村", UNKNOWN, 2.3,
     "村集体", "教育用地", UNKNOWN, UNKNOWN, MUTUAL, "面积待测绘"),
    ("岚岭县原党校培训中心", "闲置培训中心", "文昌社区", 3650, 8.8,
     "县机关事务服务中心", "机关团体用地", 420, 90, CENTRE, ""),
    ("河滨社区原供销社", "闲置商业用房", "河滨社区", 690, 1.0, "县供销合作社", "商业用地", 75, 18, HOME, "沿河"),
    ("东关社区原印刷厂", "闲置厂房", "东关社区", 2100, 5.5, "县国有资产公司", "工业用地", 260, 50, HOME, "产权有争议"),
    ("望云街道原办事处", "闲置办公用房", "望云社区", 1580, 1.9,
     "区机关事务服务中心", "机关团体用地", 190, 40, STREET, ""),
    ("川南街道原文化站", "闲置办公用房", "川南社区", 860, 0.8, "街道办事处", "文化用地", 88, 20, STREET, ""),
    ("北郊社区原幼儿园", "空置校舍", "北郊社区", 640, 1.4, "区教育体育局", "教育用地", 60, 16, HOME, ""),
    ("石牌社区原卫生服务站", "闲置卫生用房", "石牌社区", 330, 0.4, "区卫生健康局", "医疗卫生用地", 30, 8, DAY, ""),
    ("学府社区职工培训中心", "闲置培训中心", "学府社区", 2450, 3.3, "市总工会", "科教用地", 230, 60, HOME, ""),
    ("小营村原小学", "空置校舍", "小营村", 720, 3.0, "村集体", "教育用地", 58, 12, DAY, ""),
    ("红砖厂社区厂区招待所", "闲置招待所", "红砖厂社区", 1120, 1.2, "区国有资产公司", "商业用地", 105, 28, HOME, ""),
    ("柳营社区物管用房", "闲置配套用房", "柳营社区", 96, 0.1,
     "开发企业移交街道", "住宅用地", 9, 0, DAY, "仅二层，无电梯"),
    ("下稻田村原小学", "空置校舍", "下稻田村", 480, 2.4, "村集体", "教育用地", 35, 8, MUTUAL, ""),
)  # fmt: skip


@dataclass(frozen=True)
class Zone:
    """Land to be kept free: what it is called, of what type, beside which property, and how large (metres)."""

    name: str
    type: str
    beside: str
    reach: float


ZONES = (
    Zone("黑泥滑坡隐患点", "地质灾害隐患区", "黑泥村原小学", 260.0),
    Zone("马鞍山泥石流沟", "地质灾害隐患区", "大坪子村原小学", 340.0),
    Zone("岚河二十年一遇淹没区", "洪水淹没区", "河滨社区原供销社", 300.0),
    Zone("云川江二十年一遇淹没区", "洪水淹没区", "红砖厂社区厂区招待所", 280.0),
    Zone("清水沟水源涵养红线", "生态保护红线", "清水沟村原林管站", 900.0),
)


@dataclass(frozen=True)
class Sites:
    """The list of idle property with its Chinese headers, and the zones in local metres."""

    idle: pd.DataFrame
    zones: gpd.GeoDataFrame


def make_sites(rng: np.random.Generator, people: pd.DataFrame, areas: Areas, roads: RoadSet) -> Sites:
    """Put every property beside a home of its community, near a street, and the zones beside some of them."""
    names = {name: k for k, name in enumerate(areas.communities["name"])}
    where = np.array([names[row[2]] for row in PROPERTY])
    xy = np.array([_place(rng, at, people, areas, roads) for at in where])
    places = dict(zip((row[0] for row in PROPERTY), xy, strict=True))
    return Sites(_list(xy, where, areas), _zones(rng, places))


def _place(rng: np.random.Generator, at: int, people: pd.DataFrame, areas: Areas, roads: RoadSet) -> Array:
    """Return a place a few metres from a home of the community, no farther than 60 m from a street where one is."""
    homes = people.loc[people["community"] == at, ["x", "y"]].to_numpy()
    near = homes[shapely.distance(shapely.points(homes), roads.walkable()) < 60]
    home = rng.permutation(near if len(near) else homes)[0]
    spots = home + rng.normal(0, 9, (40, 2))
    inside = shapely.contains(areas.communities.geometry.iloc[at], shapely.points(spots))
    return np.asarray(spots[np.argmax(inside)])


def _list(xy: Array, where: np.ndarray, areas: Areas) -> pd.DataFrame:
    """Return the list as the counties keep it; coordinates are GCJ-02, land is in mu."""
    gcj = np.round(wgs84_to_gcj02(to_degrees(xy)), 6)
    township = {t.code: t.name for t in TOWNSHIPS}
    rows = []
    for k, (row, at) in enumerate(zip(PROPERTY, where, strict=True)):
        name, use, community, floor, mu, owner, land, cost, beds, kind, remark = row
        code, parent = areas.communities["code"].iloc[at], areas.communities["parent"].iloc[at]
        county, town = COUNTIES[code[:6]], township[parent]
        rows.append(
            {"资产编号": f"XZ{k + 1:03d}", "资产名称": name, "现状": use}
            | {"所属县区": county, "所属乡镇街道": town, "所属社区村": community}
            | {"详细地址": f"{county}{town}{community}", "建筑面积（㎡）": floor, "占地面积（亩）": mu}
            | {"产权单位": owner, "土地用途": land, "改造费用（万元）": cost, "可设床位": beds, "拟改造为": kind}
            | {"经度": float(gcj[k, 0]), "纬度": float(gcj[k, 1]), "坐标系": "GCJ-02"}
            | {"联系人": "虚构", "联系电话": "000-0000000", "备注": remark}
        )
    return pd.DataFrame(rows)


def _zones(rng: np.random.Generator, places: dict[str, Array]) -> gpd.GeoDataFrame:
    """Draw each zone as a rounded patch that holds its property well inside."""
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    patches = []
    for zone in ZONES:
        waves = 1 + 0.12 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.08 * np.sin(5 * angle + rng.uniform(0, 6))
        ring = places[zone.beside] + zone.reach * (0.3 * rng.uniform(-1, 1, 2) + (waves * _circle(angle)).T)
        patches.append(shapely.Polygon(centimetres(ring)))
    table = {"名称": [zone.name for zone in ZONES], "类型": [zone.type for zone in ZONES]}
    return gpd.GeoDataFrame(table, geometry=patches)


def _circle(angle: Array) -> Array:
    return np.vstack([np.cos(angle), np.sin(angle)])
