"""The made-up town with a siting plan made by hand, for tests of what is shown of it."""

import runpy
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carecircle.model import SitingPlan

made = runpy.run_path(str(Path(__file__).with_name("town.py")))
town, NASTY, frame = made["town"], made["NASTY"], made["frame"]
TOTAL = 21_000.0
PLACES = [(-1400.0, 300.0), (900.0, 1500.0), (1300.0, -900.0)]
NAMES = ["文林街道原第三小学", "北营镇原粮管所", None]
TEXTS = {
    "source": ["idle", "idle", "uncovered"],
    "status": ["空置校舍", "闲置办公用房", None],
    "ownership": ["国有（教体局）", "集体", None],
    "land_use": ["教育用地", "仓储用地", None],
    "conflicts": [None, "距一般地质灾害点 120 米", None],
    "county": ["示例县"] * 3,
    "township": ["城关镇", "北营镇", "西山乡"],
    "community": ["青云社区2", "大营社区3", None],
    "built_as": ["社区养老服务中心", "社区养老服务中心", None],
    "units": ["青云社区2、河湾村4", "大营社区3", ""],
    "reason": [
        "新增覆盖 1,210 人，其中青云社区2、河湾村4 原先没有任何设施；相邻的候选点 C-07 只多 310 人。",
        "新增覆盖 640 人，为北营镇唯一可用的闲置房屋。",
        "新增覆盖 150 人。",
    ],
}
NUMBERS = {
    "floor_m2": [1250.0, 480.55, np.nan],
    "cost": [180.0, np.nan, np.nan],
    "phase": [np.nan, np.nan, np.nan],
    "gain": [1210.4, 640.4, 150.4],
    "people_60": [1210.4, 640.4, 150.4],
    "units_count": [2.0, 1.0, 0.0],
}


def chosen(*, nasty=False, phased=False):
    covered = 12_000.0 + np.cumsum(NUMBERS["people_60"])
    words = {name: np.array(values, object) for name, values in TEXTS.items()}
    numbers = dict(NUMBERS)
    if phased:
        numbers["phase"] = [2025.0, 2026.0, 2027.0]
    if nasty:
        words["reason"] = np.array(NASTY[:3], object)
        words["township"] = np.array(NASTY[3:6], object)
    return frame(
        shapely.points(PLACES),
        rank=[1.0, 2.0, 3.0],
        candidate_id=["C-01", "C-02", "U-003"],
        name=np.array(NASTY[:3] if nasty else NAMES, object),
        covered=covered,
        total=[TOTAL] * 3,
        **words,
        **numbers,
    )


def curve():
    people = [12_000.0, 13_210.4, 13_850.8, 14_001.2, 14_080.0, 14_120.0]
    first = pd.DataFrame({"measure": "people_60", "sites": range(6), "covered": people, "total": TOTAL})
    second = pd.DataFrame({"measure": "YX-05", "sites": range(6), "covered": [25, 27, 28, 28, 29, 30], "total": 48})
    both = pd.concat([first.assign(threshold=np.nan), second.assign(threshold=60.0)], ignore_index=True)
    return both.assign(chosen=both["sites"] == 3)


def assignment(study):
    """Points near a site go there; minutes as the crow flies, half again."""
    at = gpd.GeoSeries(chosen().geometry).to_crs(32648)
    homes = study.demand.geometry.to_crs(32648)
    away = np.array([homes.distance(one).to_numpy() for one in at]) * 1.3 / 48
    near = away.argmin(axis=0)
    table = pd.DataFrame(
        {
            "demand_id": study.demand["demand_id"],
            "site_id": np.array(["C-01", "C-02", "U-003"])[near],
            "minutes": away.min(axis=0),
            "people": study.demand["people_60"],
        }
    )
    return table[(table["minutes"] <= 15) & (study.demand["minutes"] > 15)].reset_index(drop=True)


def plan(study, *, nasty=False, phased=False, **more):
    """Return the plan of a town."""
    said = NASTY[0] if nasty else "含已建成"
    fields = {
        "problem": "phased" if phased else "maximum_coverage",
        "chosen": chosen(nasty=nasty, phased=phased),
        "curve": curve(),
        "assignment": assignment(study),
        "status": "feasible",
        "objective": 14_001.2,
        "bound": 14_160.0,
        "gap": (14_160.0 - 14_001.2) / 14_001.2,
        "sense": "max",
        "seconds": 12.34,
        "seed": 7,
        "solver": "search+lagrange",
        "stopped": "time",
        "reasons": ("有 3 处居民点到不了任何候选点：青云社区2（2 处）、河湾村4（1 处）。",),
        "targets": pd.DataFrame({
            "target_id": ["YX-05", "YX-06"], "title": [f"社区养老服务设施覆盖率（{said}）", "街道综合中心"],
            "before": [25, 3], "after": [28, np.nan], "denominator": [48, 6], "threshold": [60.0, 100.0],
            "holds_before": [False, False], "holds_after": [False, None],
        }),
        "alternatives": pd.DataFrame({
            "rank": [1, 2], "sites": [3, 3], "objective": [14_001.2, 13_950.5], "loss": [0.0, 50.7],
            "added": ["", "R-112"], "dropped": ["", NASTY[0] if nasty else "U-003"], "certain": [True, False],
        }),
        "variants": pd.DataFrame({
            "profile": ["elder", "oldest", "elder"], "speed_mps": [0.8, 0.7, 0.8],
            "demand": ["people_60", "people_60", "people_80"],
            "before": [12_000.0, 10_400.0, 1_440.0], "covered": [14_001.2, 12_000.0, np.nan],
            "total": [TOTAL, TOTAL, 3_000.0],
        }),
        "dropped": pd.DataFrame({
            "candidate_id": ["C-03", "C-04", "R-001"], "name": ["老中学", NASTY[5] if nasty else "旧卫生院", None],
            "source": ["idle", "idle", "road"],
            "why": ["位于滑坡危险区内", "建筑面积 180 平方米，小于 300 平方米", "距现有设施 120 米"],
        }),
        "parameters": {
            "sites": 3, "minutes": 15.0, "measure": "people_60", "profile": "elder", "force": [], "seconds": 60.0,
        },
    }  # fmt: skip
    if phased:
        fields["phases"] = pd.DataFrame({
            "way": ["myopic"] * 3 + ["far_sighted"] * 3, "year": [2025, 2026, 2027] * 2, "built": [1, 2, 3] * 2,
            "covered": [13_210.4, 13_850.8, 14_001.2, 13_100.0, 13_850.8, 14_080.0], "total": TOTAL,
        })  # fmt: skip
    return SitingPlan(**(fields | more))


def rings_after(study):
    """The town's circles, and round ones about the new sites."""
    union = study.isochrones[study.isochrones["facility_id"] == "all"]
    parts = []
    for limit, shape in zip(union["minutes"], union.geometry, strict=True):
        new = frame(shapely.buffer(shapely.points(PLACES), 48 * limit * 0.75)).geometry
        parts.append(shapely.union_all([shape, *new]))
    columns = {"facility_id": "all", "minutes": union["minutes"].to_numpy()}
    return gpd.GeoDataFrame(columns, geometry=parts, crs="EPSG:4326")


def candidates(*, nasty=False, count=60):
    rng = np.random.default_rng(3)
    more = frame(
        shapely.points(rng.normal(0, 1300, (count, 2))),
        candidate_id=[f"R-{n:03d}" for n in range(count)],
        name=[NASTY[n % 7] if nasty else f"候选点{n}" for n in range(count)],
        source=["road" if n % 3 else "residential" for n in range(count)],
    )
    kept = chosen(nasty=nasty)[["candidate_id", "name", "source", "geometry"]]
    return gpd.GeoDataFrame(pd.concat([kept, more], ignore_index=True), crs="EPSG:4326")


def sited(*, nasty=False, phased=False):
    """Return (study with the plan, plan)."""
    study = town(nasty=nasty)
    found = plan(study, nasty=nasty, phased=phased)
    return replace(study, sites=found), found
