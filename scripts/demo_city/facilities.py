"""The register of elderly-care facilities, with gaps left on purpose for a report to find."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from .areas import Areas
from .frame import DATE, NOTE, Array, to_degrees, wgs84_to_gcj02
from .names import COUNTIES, TOWNSHIPS
from .roads import RoadSet

FULL = "全托、日托、上门服务、对下指导"
RURAL = "生活照护、医疗护理、康复服务、" + FULL


@dataclass(frozen=True)
class Kind:
    """A kind of facility: how it is named and what it usually has; ranges are (low, high)."""

    name: str
    ending: str
    functions: str
    beds: tuple[int, int]
    nursing: tuple[float, float]
    floor_m2: tuple[int, int]
    ownership: tuple[str, ...]


KINDS = {
    "relief": Kind(
        "兜底保障养老机构",
        "社会福利院",
        "全托、助餐、助浴、医疗护理",
        (120, 180),
        (0.60, 0.72),
        (4200, 6500),
        ("公办",),
    ),
    "disabled": Kind(
        "失能特困人员供养服务机构",
        "失能特困人员供养服务中心",
        "全托、医疗护理、康复服务、助浴",
        (80, 120),
        (0.82, 0.9),
        (3000, 4500),
        ("公办",),
    ),
    "nursing": Kind(
        "老年养护院",
        "老年养护院",
        "全托、日托、医疗护理、康复服务",
        (150, 240),
        (0.74, 0.84),
        (6000, 9800),
        ("公建民营", "民办"),
    ),
    "street": Kind(
        "街道综合养老服务中心",
        "综合养老服务中心",
        FULL + "、助餐、助浴",
        (30, 60),
        (0.5, 0.66),
        (1000, 2200),
        ("公建民营", "公办"),
    ),
    "embedded": Kind(
        "社区嵌入式养老服务机构",
        "长者之家",
        "全托、日托、上门服务、助餐",
        (10, 29),
        (0.45, 0.6),
        (450, 900),
        ("民办公助", "公建民营"),
    ),
    "day": Kind(
        "社区日间照料中心",
        "居家养老服务站",
        "日托、助餐、助浴",
        (6, 20),
        (0.0, 0.0),
        (260, 620),
        ("公办", "公建民营"),
    ),
    "meal": Kind("老年助餐点", "老年食堂", "助餐", (0, 0), (0.0, 0.0), (80, 260), ("民办公助", "公建民营")),
    "township": Kind(
        "农村区域养老服务中心",
        "区域养老服务中心",
        RURAL + "、助餐",
        (40, 80),
        (0.5, 0.7),
        (1500, 2800),
        ("公办", "公建民营"),
    ),
    "mutual": Kind(
        "农村互助养老服务设施",
        "互助养老服务站",
        "日托、助餐、文化娱乐",
        (0, 6),
        (0.0, 0.0),
        (120, 300),
        ("村集体",),
    ),
}

# (kind, community, state); communities by name. What is missing here is missing on purpose:
# 望云街道 has no street centre, 川南街道's lacks two functions, 云屏街道 has no canteen in service, 泉箐
# and 麦浪 have no township centre and 栗箐's is being built, 岚岭县's disabled people's home is planned.
PLACES = (
    [("relief", "桑园社区", ""), ("relief", "东关社区", "")]
    + [("disabled", "大塘社区", ""), ("disabled", "河滨社区", "拟建")]
    + [("nursing", "望云社区", ""), ("nursing", "东湖社区", "")]
    + [("street", name, "") for name in ("钟鼓社区", "西岸社区", "云屏社区")]
    + [("street", "川南社区", "功能不全")]
    + [
        ("embedded", name, "")
        for name in (
            "南门社区",
            "金桥社区",
            "渡口社区",
            "和顺社区",
            "新城社区",
            "学府社区",
            "松风社区",
            "文昌社区",
        )
    ]
    + [
        ("day", name, "")
        for name in ("文庙社区", "老街社区", "柳营社区", "芦花社区", "红砖厂社区", "橘园社区", "车站社区")
    ]
    + [
        ("day", name, "")
        for name in ("云锦社区", "茶亭社区", "泉水社区", "金桥社区", "稻香社区", "岚城社区", "云榻社区")
    ]
    + [("day", "石牌社区", "停业"), ("day", "北郊社区", "拟建")]
    + [
        ("meal", name, "")
        for name in ("南门社区", "钟鼓社区", "老街社区", "渡口社区", "西岸社区", "川南社区", "和顺社区")
    ]
    + [
        ("meal", name, "")
        for name in ("望云社区", "学府社区", "集贤社区", "岚城社区", "云榻社区", "麦浪社区")
    ]
    + [("meal", "泉水社区", "暂停")]
    + [("township", name, "") for name in ("稻香社区", "文昌社区", "云榻社区", "杉坪社区", "雾谷社区")]
    + [("township", "栗箐村", "在建")]
    + [
        ("mutual", name, "")
        for name in (
            "小营村",
            "上稻田村",
            "黄泥村",
            "岩脚村",
            "响水村",
            "白沙村",
            "梨园村",
            "马鞍山村",
            "羊街村",
        )
    ]
    + [
        ("mutual", name, "")
        for name in ("半坡村", "新寨村", "竹林村", "天星村", "三岔河村", "板栗园村", "豆地村", "箐口村")
    ]
)
STANDING = (
    "relief",
    "disabled",
    "nursing",
    "street",
)  # kinds that stand in town and are shown in the road data too


def make_facilities(
    rng: np.random.Generator, people: pd.DataFrame, areas: Areas, roads: RoadSet
) -> pd.DataFrame:
    """Return the register with its Chinese headers; coordinates are GCJ-02, rounded to six decimals."""
    communities = areas.communities
    number = {name: k for k, name in enumerate(communities["name"])}
    where = np.array([number[name] for _, name, _ in PLACES])
    xy = _sites(rng, where, people, areas, roads)
    gcj = np.round(wgs84_to_gcj02(to_degrees(xy)), 6)
    townships = {t.code: t.name for t in TOWNSHIPS}
    rows = []
    for k, ((key, community, state), at) in enumerate(zip(PLACES, where, strict=True)):
        code, parent = communities["code"].iloc[at], communities["parent"].iloc[at]
        kind, county, township = KINDS[key], COUNTIES[code[:6]], townships[parent]
        name = _name(key, county, township, community)
        rows.append(
            {"机构编号": f"YC{k + 1:04d}", "机构名称": name, "机构类别": kind.name}
            | _facts(rng, key, state)
            | {"所属县区": county, "所属乡镇街道": township, "所属社区村": community, "行政区划代码": code}
            | {"经度": float(gcj[k, 0]), "纬度": float(gcj[k, 1]), "坐标系": "GCJ-02"}
            | {"数据截止日": dt.date.fromisoformat(DATE), "备注": NOTE}
        )
        if key in STANDING and not state:
            tags = {
                "amenity": "social_facility",
                "social_facility": "nursing_home",
                "social_facility__for": "senior",
            }
            roads.place(xy[k], name=name, **tags)
    return pd.DataFrame(rows)


def _name(key: str, county: str, township: str, community: str) -> str:
    """Name a facility after the unit it serves."""
    if key == "nursing":
        return ("云川市" if community == "望云社区" else "晚晴") + KINDS[key].ending
    unit = {"relief": county, "disabled": county, "street": township, "township": township}.get(
        key, community
    )
    return unit + KINDS[key].ending


def _facts(rng: np.random.Generator, key: str, state: str) -> dict[str, object]:
    """Draw beds, grade, owner, date and floor area of one facility."""
    kind = KINDS[key]
    beds = int(rng.integers(kind.beds[0], kind.beds[1] + 1))
    if key not in {"day", "mutual"}:
        beds = beds // 2 * 2
    nursing = int(beds * rng.uniform(*kind.nursing))
    opened = dt.date(2012, 1, 1) + dt.timedelta(days=int(rng.integers(0, 5100)))
    status = state if state in {"停业", "暂停", "在建", "拟建"} else "在营"
    stars = str(rng.choice(["二级", "三级", "四级"])) if kind.beds[0] >= 30 else "未评"
    functions = "日托、上门服务、助餐" if state == "功能不全" else kind.functions
    return {
        "功能": functions,
        "床位数": beds,
        "护理型床位": nursing,
        "等级": stars if status == "在营" else "未评",
        "所有制": str(rng.choice(kind.ownership)),
        "运营状态": status,
        "建成日期": None if status in {"在建", "拟建"} else opened,
        "建筑面积": int(rng.integers(kind.floor_m2[0], kind.floor_m2[1] + 1)),
    }


def _sites(
    rng: np.random.Generator, where: np.ndarray, people: pd.DataFrame, areas: Areas, roads: RoadSet
) -> Array:
    """Choose a site for each facility: beside a home near the middle of its community, close to a street."""
    homes = people[["x", "y"]].to_numpy()
    streets = roads.walkable()
    shapely.prepare(streets)
    shapes = areas.communities.geometry.to_numpy()
    taken: set[int] = set()
    sites = []
    for at in where:
        own = np.flatnonzero(people["community"].to_numpy() == at)
        own = own[shapely.distance(shapely.points(homes[own]), streets) < 45]
        weight = people["people"].to_numpy()[own]
        middle = np.average(homes[own], axis=0, weights=weight)
        order = own[np.argsort(np.hypot(*(homes[own] - middle).T), kind="stable")]
        free = [int(k) for k in order if int(k) not in taken][: max(1, len(order) // 3)]
        chosen = int(rng.choice(free)) if free else int(order[0])
        taken.add(chosen)
        spots = homes[chosen] + rng.normal(0, 7, (40, 2))
        inside = shapely.contains(shapes[at], shapely.points(spots))
        sites.append(spots[np.argmax(inside)])
    return np.array(sites)
