"""The workbook of inputs that the demo city's counties filled in: made-up sums, some missed, some left empty."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from .frame import stream

COUNTIES = ("澄溪区", "岚岭县")
INSTITUTIONS = ("兜底保障养老机构", "失能特困人员供养服务机构", "老年养护院")
MONTHS = pd.period_range("2025-07", "2026-06", freq="M")
Rows = list[dict[str, object]]


def make_inputs(seed: int, facilities: pd.DataFrame, people: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the filled-in sheets by title, with the headings that the counties' workbook has.

    Sheets on land are left out, as a county that has not delivered them would leave them: no data.
    """
    rng = stream(seed, "inputs")
    sheets: dict[str, Rows] = {
        "机构台账": _institutions(facilities),
        "居住区配建台账": _estates(rng, people),
        "月探访": _visits(rng),
        "特困人员供养": _poverty(),
        "配建清查整改": [
            {"县(市、区)": "澄溪区", "清查发现问题数": 12, "已整改数": 9},
            {"县(市、区)": "岚岭县", "清查发现问题数": 3, "已整改数": 3},
        ],
        "从业人员培训": _staff(facilities),
        "福利彩票公益金": _lottery(),
        "居家适老化改造": [
            {"县(市、区)": county, "年度": year, "当年改造户数": count}
            for county, counts in (("澄溪区", (150, 162, 170, 181)), ("岚岭县", (60, 52, 41, 45)))
            for year, count in zip(range(2022, 2026), counts, strict=True)
        ],
        "老年教育": [
            {"县(市、区)": "澄溪区", "经常性参加教育活动老年人": 9_120, "60岁及以上人口": 41_800},
            {"县(市、区)": "岚岭县", "经常性参加教育活动老年人": 1_310, "60岁及以上人口": 11_863},
        ],
        "托育": [
            {
                "县(市、区)": "澄溪区",
                "3岁以下婴幼儿托位数": 742,
                "常住人口": 210_000,
                "调查家庭(照护者)数": 400,
                "其中知晓早期发展知识": 371,
                "其中接受科学育儿指导": 352,
            },
            {
                "县(市、区)": "岚岭县",
                "3岁以下婴幼儿托位数": 96,
                "常住人口": 60_000,
                "调查家庭(照护者)数": 200,
                "其中知晓早期发展知识": 184,
                "其中接受科学育儿指导": 181,
            },
        ],
        "消防安全重大隐患": [
            {"县(市、区)": "澄溪区", "排查重大隐患数": 4, "未整改数": 0},
            {"县(市、区)": "岚岭县", "排查重大隐患数": 2, "未整改数": 1},
        ],
        "比率表": [
            {"指标编号": "YX-09", "县(市、区)": county, "时期": str(month), "分子": 1, "分母": 1}
            for county in COUNTIES
            for month in MONTHS
        ],
        "文件与事项清单": _checklist(),
    }
    return {title: pd.DataFrame(rows) for title, rows in sheets.items()}


def _institutions(facilities: pd.DataFrame) -> Rows:
    """Take the institutions out of the registry, with what only the counties know of them."""
    own = facilities[facilities["机构类别"].isin(INSTITUTIONS)]
    rows = []
    for place, one in enumerate(own.to_dict("records")):
        year = pd.Timestamp(one["建成日期"]).year if pd.notna(one["建成日期"]) else None
        rows.append(
            {
                "县(市、区)": one["所属县区"],
                "机构名称": one["机构名称"],
                "机构类别": one["机构类别"],
                "所有制": one["所有制"],
                "建设性质": "新建" if year is None or year >= 2024 else "既有",
                "运营状态": one["运营状态"],
                "建成(验收)日期": one["建成日期"],
                "床位数": one["床位数"],
                "护理型床位数": one["护理型床位"],
                "评定等级(1–5，未评填0)": {"二级": 2, "三级": 3, "四级": 4}.get(str(one["等级"]), 0),
                "双向转介通道": "是" if place % 2 == 0 else "否",
            }
        )
    return rows


def _estates(rng: np.random.Generator, people: pd.DataFrame) -> Rows:
    """Take some estates of the city; their premises are a little over or under the rule of 20 or 15 m2."""
    homes = people.groupby("estate", sort=True)["households"].sum()
    homes = homes[homes.between(250, 1_500) & ~homes.index.str.contains("组")].head(14)
    rows: Rows = []
    for place, (name, households) in enumerate(homes.items()):
        new = place % 2 == 0
        rule = 20 if new else 15
        area = round(float(households) / 100 * rule * float(rng.choice([0.7, 1.0, 1.05, 1.3], p=[0.2, 0.1, 0.4, 0.3])))
        rows.append(
            {
                "县(市、区)": "澄溪区",
                "小区名称": name,
                "新建或已建成": "新建" if new else "已建成",
                "建成年份": 2018 + place % 8 if new else 1998 + place,
                "户数": int(households),
                "规划人口": round(float(households) * 2.9),
                "养老用房建筑面积": area,
                "最小单处建筑面积": area if place % 3 else round(area * 0.6),
                "同步规划": "是",
                "同步建设": "是",
                "同步验收": "是" if place % 5 else "否",
                "同步交付": "是" if place % 5 else "否",
                "未整改到位即竣工验收": "否" if new else "",
                "已移交乡镇(街道)": "是" if place % 4 else "否",
                "专项用于养老服务": "是" if place % 4 else "否",
            }
        )
    return rows


def _visits(rng: np.random.Generator) -> Rows:
    """Return visits of twelve months; in one of them a county missed some people."""
    rows: Rows = []
    for county, due in (("澄溪区", 1_240), ("岚岭县", 680)):
        for month in MONTHS:
            number = due + int(rng.integers(-15, 16))
            missed = 11 if (county, str(month)) == ("岚岭县", "2026-02") else 0
            rows.append({"县(市、区)": county, "月份": str(month), "应探访人数": number, "已探访人数": number - missed})
    return rows


def _poverty() -> Rows:
    names = ("县(市、区)", "有集中供养意愿人数", "其中已集中供养", "生活不能自理人数", "其中已集中供养(不能自理)")
    numbers = (("澄溪区", 214, 214, 96, 71), ("岚岭县", 131, 128, 58, 33))
    return [dict(zip(names, row, strict=True)) for row in numbers]


def _staff(facilities: pd.DataFrame) -> Rows:
    heads = facilities[facilities["机构类别"].isin(INSTITUTIONS)].groupby("所属县区").size()
    return [
        {
            "县(市、区)": county,
            "院长人数": int(heads[county]),
            "院长培训上岗人数": int(heads[county]),
            "养老护理员人数": carers,
            "护理员培训上岗人数": trained,
        }
        for county, carers, trained in (("澄溪区", 186, 186), ("岚岭县", 52, 49))
    ]


def _lottery() -> Rows:
    rows: Rows = [
        {"级次": "市本级", "县(市、区)": None, "年度": year, "公益金总额": fund, "用于养老服务": care}
        for year, fund, care in ((2024, 860, 478), (2025, 900, 501))
    ]
    rows += [
        {"级次": "县级", "县(市、区)": county, "年度": year, "公益金总额": fund, "用于养老服务": care}
        for county, year, fund, care in (
            ("澄溪区", 2024, 320, 181),
            ("澄溪区", 2025, 340, 190),
            ("岚岭县", 2024, 110, 58),
            ("岚岭县", 2025, 118, 66),
        )
    ]
    return rows


def _checklist() -> Rows:
    """Return what has been issued; one county has not said whether its planning board has civil affairs on it."""
    said = (
        ("YX-12", "已建成并承担市级失智照护", None, "否", None, ""),
        ("YX-14", "利用闲置资源的政策措施已出台", "澄溪区", "是", dt.date(2025, 3, 18), "澄政办发〔2025〕12号（虚构）"),
        ("YX-14", "利用闲置资源的政策措施已出台", "岚岭县", "否", None, ""),
        ("YX-26", "民政部门为规划委员会成员单位", "澄溪区", "是", dt.date(2024, 11, 5), "澄规委〔2024〕3号（虚构）"),
    )
    names = ("指标编号", "事项", "县(市、区)", "已完成", "完成日期", "佐证(文号、名称)")
    return [dict(zip(names, row, strict=True)) for row in said]
