"""A made-up town for tests of siting: a mesh of streets, two counties of a street and a town each, sixteen communities.

Columns of the mesh are 400 m apart, as are its rows: an older person walks one block in 8.3 minutes, and two in more
than 15. Communities are pairs of nodes, one above the other. Load it with ``runpy.run_path``.
"""

from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carecircle.model import profile
from carecircle.network import build_network
from carecircle.policy import assess, load_pack
from carecircle.policy.evidence import Evidence
from carecircle.policy.vocabulary import vocabulary
from carecircle.siting.aims import labels_of, new_centres, pack_case
from carecircle.siting.reach import site_reach

WIDE, HIGH, STEP = 8, 4, 400.0
DAY = date(2026, 6, 30)
YUXI = load_pack("yuxi").model_copy(update={"area_codes": ("5399",), "schedule": None})
ROAD = {"highway": "residential"}


def node_xy(number):
    """Where nodes are, metres on the plan: (n, 2)."""
    number = np.asarray(number)
    return np.stack([STEP * (number % WIDE), STEP * (number // WIDE)], axis=-1).astype(float)


def network_of(streets, traveller="elder"):
    nodes = {k: tuple(node_xy(k)) for k in range(WIDE * HIGH)}
    rows = [list(range(WIDE * j, WIDE * (j + 1))) for j in range(HIGH)]
    columns = [list(range(i, WIDE * HIGH, WIDE)) for i in range(WIDE)]
    return build_network(streets(nodes, [(run, ROAD) for run in (*rows, *columns)]), profile(traveller))


def areas_of(lonlat_of):
    """Counties, townships and communities, by the Bureau's codes."""
    rows = []

    def add(code, name, level, above, west, south, east, north):
        (left, low), (right, top) = lonlat_of(np.array([[west, south], [east, north]]) * STEP - STEP / 2)
        rows.append((code, name, level, above, shapely.box(left, low, right, top)))

    add("5399", "示例市", "city", None, 0, 0, 8, 4)
    for number, name in enumerate("东西"):
        county, west = f"53990{number + 1}", 4 * number
        add(county, f"{name}县", "county", "5399", west, 0, west + 4, 4)
        add(f"{county}001", f"{name}街道", "township", county, west, 0, west + 4, 2)
        add(f"{county}100", f"{name}镇", "township", county, west, 2, west + 4, 4)
        for k in range(4):
            add(f"{county}00100{k + 1}", f"{name}{k}社区", "community", f"{county}001", west + k, 0, west + k + 1, 2)
            add(f"{county}10020{k + 1}", f"{name}{k}村", "community", f"{county}100", west + k, 2, west + k + 1, 4)
    names = ["area_id", "name", "level", "parent_id", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=names), crs="EPSG:4326")


def facilities_of(at, nodes, kinds, **more):
    """Facilities at nodes, open since 2020 and with every function; ids F0, F1 ..."""
    words = vocabulary().kinds
    count = len(nodes)
    return at(
        *node_xy(np.array(nodes, int)),
        key="facility_id",
        **{
            "name": np.array([f"设施{k}" for k in range(count)], object),
            "kind": np.array([words[kind].words[0] for kind in kinds], object),
            "functions": np.array(["、".join(one.words[0] for one in vocabulary().functions.values())] * count, object),
            "status": np.array(["open"] * count, object),
            "opened": pd.DatetimeIndex(["2020-01-01"] * count).astype("datetime64[ns]"),
        }
        | more,
    ).assign(facility_id=[f"F{k}" for k in range(count)])


def demand_of(at, people):
    """People at all nodes, (32,)."""
    return at(*node_xy(np.arange(WIDE * HIGH)), key="demand_id", people_60=np.asarray(people, float)).assign(
        demand_id=[f"P{k:02}" for k in range(WIDE * HIGH)]
    )


def candidates_of(at, nodes, sources=None, **more):
    """Candidates at nodes; ids C00, C01 ..."""
    count = len(nodes)
    given = {"name": np.array([f"候选{k}" for k in range(count)], object)}
    given["source"] = np.array(["idle"] * count if sources is None else sources, object)
    table = at(*node_xy(np.array(nodes, int)), key="candidate_id", **given | more)
    return table.assign(candidate_id=[f"C{k:02}" for k in range(count)])


@dataclass(frozen=True)
class Town:
    """All tables of a town, its network, and a pack."""

    network: object
    areas: object
    facilities: object
    demand: object
    candidates: object
    pack: object = YUXI
    readings: object = None
    lines: object = None
    minutes: float = 15.0

    @property
    def evidence(self):
        tables = self.facilities.to_crs(4326), self.areas, self.demand.to_crs(4326)
        return Evidence(
            *tables, DAY, self.network, minutes=self.minutes, readings=self.readings or {}, lines=self.lines or {}
        )

    def reach(self, **options):
        tables = self.demand.to_crs(4326), self.candidates.to_crs(4326), self.facilities.to_crs(4326)
        return site_reach(*tables, self.network, **{"minutes": self.minutes} | options)

    def case(self, reach, kinds, targets=()):
        """A pack's case with candidates in the order of `reach`, as the pipeline makes it."""
        evidence = replace(self.evidence, demand=reach.demand)
        columns = new_centres(reach.candidates, kinds, evidence, vocabulary(), labels_of(targets))
        return pack_case(self.pack, evidence, columns)

    def judged(self, sites, target_ids):
        """The pack's own whole judgement with new centres in the registry: ``[(candidate_id, kind), ...]``."""
        words = vocabulary().kinds
        fresh = self.candidates.set_index("candidate_id").loc[[one for one, _ in sites]]
        rows = gpd.GeoDataFrame(
            {
                "facility_id": [f"N{k}" for k in range(len(sites))],
                "name": "新建",
                "kind": [words[kind].words[0] for _, kind in sites],
                "functions": "、".join(one.words[0] for one in vocabulary().functions.values()),
                "stars": "5",
                "status": "open",
                "opened": pd.Timestamp(DAY),
            },
            geometry=fresh.geometry.to_numpy(),
            crs=self.candidates.crs,
        )
        both = pd.concat([self.facilities.to_crs(4326), rows.to_crs(4326)], ignore_index=True)
        evidence = replace(self.evidence, facilities=gpd.GeoDataFrame(both, crs="EPSG:4326"))
        found = assess(self.pack, evidence)
        return {name: found.outcome(name) for name in target_ids}


def subsets(count):
    """Yield all choices of `count` columns, the smaller first."""
    for size in range(count + 1):
        for one in combinations(range(count), size):
            yield np.array(one, dtype=np.int64)


PLAN = """\
title = "示例市"
as_of = 2026-06-30
fictional = true
[roads]
path = "roads.osm"
[facilities]
path = "facilities.csv"
[areas]
path = "areas.gpkg"
[population]
path = "people.csv"
[candidates]
path = "idle.csv"
[siting]
sources = ["idle"]
seconds = 10
alternatives = 2
[isochrones]
reach_metres = 25
"""


def write_town(folder, lonlat_of, *, stands=(0, 12), idle=(1, 2, 5, 7, 9, 11, 14, 17, 20, 22, 27, 30)):
    """Write a town's files and plan: everything a user has."""
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
    lonlat = lonlat_of(node_xy(np.arange(WIDE * HIGH)))
    lines += [f'<node id="{k + 1}" version="1" lon="{x:.7f}" lat="{y:.7f}"/>' for k, (x, y) in enumerate(lonlat)]
    rows = [range(WIDE * j, WIDE * (j + 1)) for j in range(HIGH)]
    runs = [*rows, *(range(i, WIDE * HIGH, WIDE) for i in range(WIDE))]
    for way, run in enumerate(runs, start=1):
        refs = "".join(f'<nd ref="{k + 1}"/>' for k in run)
        lines.append(f'<way id="{way}" version="1">{refs}<tag k="highway" v="residential"/></way>')
    (folder / "roads.osm").write_text("\n".join([*lines, "</osm>"]), "utf-8")
    areas_of(lonlat_of).to_file(folder / "areas.gpkg")

    def table(nodes, **columns):
        x, y = lonlat[list(nodes)].T
        return pd.DataFrame({**columns, "经度": x.round(7), "纬度": y.round(7)})

    everything = "、".join(one.words[0] for one in vocabulary().functions.values())
    table(
        stands, 机构编号=[f"F{k}" for k in range(len(stands))], 机构名称=[f"设施{k}" for k in range(len(stands))],
        类别="社区嵌入式养老服务机构", 运营状态="在营", 服务功能=everything, 开业时间="2020-01-01",
    ).to_csv(folder / "facilities.csv", index=False)  # fmt: skip
    people = np.random.default_rng(1).integers(5, 60, WIDE * HIGH)
    table(range(WIDE * HIGH), 编号=[f"P{k:02}" for k in range(WIDE * HIGH)], **{"60岁以上": people}).to_csv(
        folder / "people.csv", index=False
    )
    table(
        idle, candidate_id=[f"C{k:02}" for k in range(len(idle))], name=[f"旧校舍{k}" for k in range(len(idle))],
        floor_m2=[100.0 * (k + 1) for k in range(len(idle))], cost=[10.0 + k for k in range(len(idle))],
        beds=[5.0 + k % 3 for k in range(len(idle))],
    ).to_csv(folder / "idle.csv", index=False)  # fmt: skip
    (folder / "plan.toml").write_text(PLAN, "utf-8")
    return folder / "plan.toml"
