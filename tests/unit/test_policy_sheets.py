"""Targets judged by filled-in sheets: every one of the five packs, with numbers worked out by hand."""

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carecircle.policy import built_in, load_pack, vocabulary
from carecircle.policy.judge import Tally, judge
from carecircle.policy.model import Target
from carecircle.policy.sheets.counties import names_counties, unknown_counties_note
from carecircle.policy.sheets.tallies import declared, tally_sheets

PACKS = {pack.id: pack for pack in built_in()}
OF = {target.id: (pack, target) for pack in PACKS.values() for target in pack.targets}
BY_SHEETS = [name for name, (_, target) in OF.items() if target.check not in {"circle", "units"}]
COUNTIES = pd.DataFrame({"area_id": ["530401", "530402"], "name": ["甲县", "乙区"]})
AS_OF = date(2026, 6, 30)
MONTHS = [
    f"{year}-{month:02}-01" for year, month in [(2025, m) for m in range(7, 13)] + [(2026, m) for m in range(1, 7)]
]

MONTHS_2025 = [f"2025-{month:02}-01" for month in range(1, 13)]


def sheet(key, *rows):
    """A sheet as the reader gives it: every column of the vocabulary, and the numbers of the rows."""
    columns = vocabulary().sheets[key].columns
    frame = pd.DataFrame([dict(row) for row in rows]).reindex(columns=list(columns)).astype(object)
    frame = frame.where(frame.notna(), None)
    for name, column in columns.items():
        if column.type == "number":
            frame[name] = frame[name].astype(float)
        elif column.type == "date":
            frame[name] = pd.to_datetime(frame[name])
    return frame.assign(row=np.arange(5, len(frame) + 5))


def home(county="甲县", kind="养老院", **cells):
    return {"county": county, "name": cells.pop("name", "一家"), "kind": kind, **cells}


def estate(built, county="甲县", **cells):
    return {"county": county, "name": cells.pop("name", "小区"), "built": built, **cells}


def both(**cells):
    """The same row for both counties."""
    return [{"county": county, **cells} for county in COUNTIES["name"]]


def visits(*, due=100, visited=100, last=None, months=MONTHS):
    rows = [
        {"county": name, "month": month, "due": due, "visited": visited}
        for name in COUNTIES["name"]
        for month in months
    ]
    if last is not None:
        rows[-1]["visited"] = last
    return rows


def said(name, key, *rows):
    return key, [{"target": name, **row} for row in rows]


def done(name, *items, value=True, county=None):
    return "checklist", [{"target": name, "item": item, "county": county, "done": value} for item in items]


FULL = dict.fromkeys(
    ["unified_space", "unified_functions", "unified_equipment", "unified_signs", "unified_culture"], True
)
FOUR = dict.fromkeys(["planned", "constructed", "accepted", "delivered"], True)
FACILITIES = [
    {"kind": "街道综合养老服务中心", "functions": "全托、日托、上门服务、对下指导"},
    {"kind": "街道综合养老服务中心", "functions": "日托"},
    {"kind": "街道综合养老服务中心", "functions": None},
    {"kind": "农村区域养老服务中心", "functions": "失能照护、医疗护理、康复服务、全托、日托、上门服务、对下指导"},
    {"kind": "农村区域养老服务中心", "functions": "全托"},
    {"kind": "乡镇综合养老服务中心", "functions": "全日托养、助餐、助浴、助洁、助医、助行、助急"},
    {"kind": "乡镇综合养老服务中心", "functions": "全日托养、助餐"},
    {"kind": "日间照料中心", "functions": "日托"},
    {"kind": "社区嵌入式养老服务机构", "functions": "全托"},
    {"kind": "日间照料中心", "functions": "日托", "status": "停业"},
    {"kind": "互助设施"},
    {"kind": "养老院"},
]

CASES = [
    # Yuxi
    (
        "YX-01",
        ("institutions", [home(beds=600, nursing_beds=450), home("乙区", beds=400, nursing_beds=250)]),
        (700, 1000),
        "met",
    ),
    ("YX-06", None, (1, None), "monitored"),
    ("YX-07", None, (5, 5), "monitored"),
    ("YX-08", ("visits", visits()), (200, 200), "met"),
    ("YX-09", said("YX-09", "ratios", *both(period="2026", numerator=6, denominator=6)), (12, 12), "met"),
    ("YX-10", ("poverty_care", both(willing=20, willing_in_care=19)), (38, 40), "missed"),
    (
        "YX-11",
        ("institutions", [home(ownership="公办", construction="新建", beds=100, nursing_beds=79)]),
        (0, 1),
        "missed",
    ),
    ("YX-12", done("YX-12", None), (1, None), "met"),
    (
        "YX-14",
        ("checklist", [*done("YX-14", None, county="甲县")[1], *done("YX-14", None, county="乙区", value=False)[1]]),
        (1, 2),
        "missed",
    ),
    (
        "YX-15",
        (
            "land",
            [{"county": "甲县", "land_m2": 1000, "people": 10000}, {"county": "乙区", "land_m2": 999, "people": 10000}],
        ),
        (1, 2),
        "missed",
    ),
    (
        "YX-16",
        (
            "estates",
            [estate("新建", households=1200, premises_m2=240), estate("新建", households=1200, premises_m2=239.9)],
        ),
        (1, 2),
        "missed",
    ),
    ("YX-17", ("estates", [estate("已建成", households=200, premises_m2=30)]), (1, 1), "met"),
    (
        "YX-18",
        ("estates", [estate("新建", accepted_in_breach=True), estate("新建", accepted_in_breach=False)]),
        (1, None),
        "missed",
    ),
    (
        "YX-19",
        ("rectification", [{"county": "甲县", "found": 10, "mended": 8}, {"county": "乙区", "found": 0, "mended": 0}]),
        (8, 10),
        "in_progress",
    ),
    ("YX-21", None, (1, 3, 1), "monitored"),
    ("YX-22", None, (2, None), "monitored"),
    ("YX-25", None, (1, 2), "monitored"),
    ("YX-26", ("checklist", done("YX-26", None, county="甲县")[1]), (1, 2, 1), "to_be_verified"),
    ("YX-27", ("staff", both(heads=10, heads_trained=10, carers=90, carers_trained=90)), (200, 200), "met"),
    ("YX-28", said("YX-28", "ratios", *both(numerator=40, denominator=50)), (80, 100), "monitored"),
    (
        "YX-29",
        (
            "lottery",
            [
                {"level": "市本级", "year": 2025, "total": 100, "for_care": 55},
                {"level": "县级", "county": "甲县", "year": 2025, "total": 9, "for_care": 0},
            ],
        ),
        (55, 100),
        "met",
    ),
    # Zhuzhou
    (
        "ZZ-01",
        said("ZZ-01", "counts", {"county": "甲县", "number": 3}, {"county": "乙区", "number": 2}),
        (1, 2),
        "missed",
    ),
    ("ZZ-08", ("poverty_care", both(willing=20, willing_in_care=19)), (38, 40), "monitored"),
    (
        "ZZ-09",
        ("estates", [estate("新建", households=1200, premises_m2=786), estate("新建", people=1000, premises_m2=249)]),
        (1, 2),
        "missed",
    ),
    (
        "ZZ-10",
        ("estates", [estate("新建", **FOUR), estate("新建", **{**FOUR, "accepted": None})]),
        (1, 2, 1),
        "to_be_verified",
    ),
    ("ZZ-11", ("estates", [estate("已建成", households=100, premises_m2=20)]), (1, 1), "met"),
    ("ZZ-12", ("estates", [estate("已建成", smallest_m2=200), estate("已建成", smallest_m2=199.5)]), (1, 2), "missed"),
    (
        "ZZ-13",
        (
            "estates",
            [estate("新建", premises_m2=300, transferred=True, used_for_care=True), estate("已建成", premises_m2=0)],
        ),
        (1, 1),
        "met",
    ),
    (
        "ZZ-14",
        ("institutions", [home(kind="敬老院", beds=40, nursing_beds=20), home(beds=100, nursing_beds=0)]),
        (20, 40),
        "met",
    ),
    (
        "ZZ-15",
        ("institutions", [home(kind="敬老院", stars=2), home(kind="特困供养", stars=0), home(stars=1)]),
        (1, 2),
        "missed",
    ),
    ("ZZ-16", ("institutions", [home(stars=3), home(stars=0)]), (1, 2), "monitored"),
    (
        "ZZ-17",
        ("institutions", [home(referral=True), home(referral=False), home(referral=None)]),
        (1, 3, 1),
        "monitored",
    ),
    ("ZZ-18", ("hazards", both(found=3, open=0)), (0, None), "met"),
    (
        "ZZ-19",
        said("ZZ-19", "counts", {"period": "2025", "number": 1}, {"period": "2026", "number": 0}),
        (0, None),
        "in_progress",
    ),
    (
        "ZZ-20",
        (
            "lottery",
            [
                {"level": "市本级", "year": 2025, "total": 100, "for_care": 60},
                *[{"level": "县级", "year": 2025, **row} for row in both(total=10, for_care=5)],
            ],
        ),
        (1, 3),
        "missed",
    ),
    # Lincang
    (
        "LC-01",
        (
            "estates",
            [
                estate("新建", name="一", households=1200, premises_m2=300, smallest_m2=300),
                estate("新建", name="二", households=1200, premises_m2=260, smallest_m2=260),
            ],
        ),
        (1, 2),
        "missed",
    ),
    ("LC-02", ("institutions", [home(beds=1000, nursing_beds=550)]), (550, 1000), "met"),
    ("LC-04", ("poverty_care", both(dependent=50, dependent_in_care=30)), (60, 100), "met"),
    ("LC-05", ("poverty_care", both(willing=5, willing_in_care=5)), (10, 10), "met"),
    (
        "LC-06",
        ("adaptations", [row for year in (2022, 2023, 2024, 2025) for row in both(year=year, households=100)]),
        (800, None),
        "missed",
    ),
    (
        "LC-07",
        ("adaptations", [row for year in (2022, 2023, 2024, 2025) for row in both(year=year, households=100)]),
        (200, None),
        "met",
    ),
    ("LC-09", said("LC-09", "counts", *both(number=4)), (8, None), "met"),
    ("LC-10", done("LC-10", None, value=False), (0, None), "missed"),
    ("LC-11", ("childcare", both(places=300, people=100000)), (600, 200000), "met"),
    ("LC-12", ("childcare", both(surveyed=100, informed=95, guided=89)), (178, 200), "missed"),
    ("LC-16", ("education", both(participants=20, people_60=100)), (40, 200), "met"),
    ("LC-17", said("LC-17", "counts", {"number": 1}), (1, None), "met"),
    (
        "LC-18",
        (
            "public_places",
            [
                {"county": "甲县", "name": "一", "floor_m2": 10000, "visitors": 5000},
                {"county": "甲县", "name": "二", "floor_m2": 10001, "visitors": 1, "nursing_room": True},
                {"county": "甲县", "name": "三", "visitors": 10001, "nursing_room": False},
            ],
        ),
        (1, 2),
        "missed",
    ),
    ("LC-19", ("estates", [estate("新建", households=1200, premises_m2=240)]), (1, 1), "met"),
    ("LC-20", ("estates", [estate("新建", smallest_m2=299.99), estate("新建", smallest_m2=300)]), (1, 2), "missed"),
    ("LC-21", ("estates", [estate("已建成", households=100, premises_m2=14.9)]), (0, 1), "missed"),
    ("LC-23", ("visits", visits(last=99, months=MONTHS_2025)), (199, 200), "missed"),
    (
        "LC-24",
        (
            "lottery",
            [
                {"level": "市本级", "year": 2025, "total": 100, "for_care": 60},
                *[{"level": "县级", "year": 2025, **row} for row in both(total=10, for_care=5)],
            ],
        ),
        (70, 120),
        "met",
    ),
    ("LC-25", None, (5, 6), "monitored"),
    ("LC-29", ("institutions", [home(improved=True)] * 48), (48, None), "met"),
    (
        "LC-30",
        ("institutions", [home(ownership="公建民营")] * 5 + [home(ownership="民办")] * 2 + [home(ownership="公办")]),
        (7, None),
        "met",
    ),
    (
        "LC-31",
        ("estates", [estate("新建", accepted_in_breach=False), estate("已建成", accepted_in_breach=True)]),
        (0, None),
        "met",
    ),
    ("LC-32", done("LC-32", "care_plan", "“十四五”托育服务发展规划"), (2, None, 1), "to_be_verified"),
    # Yunnan
    ("YN-01", done("YN-01", "玉溪市", "昆明市安宁市", "红河州开远市", "丽江市古城区"), (4, None), "met"),
    ("YN-02", said("YN-02", "counts", {"number": 2}), (2, None), "met"),
    ("YN-03", done("YN-03", *(item.title.zh for item in OF["YN-03"][1].items)), (9, None), "met"),
    (
        "YN-04",
        ("checklist", [*done("YN-04", None, county="玉溪市")[1], *done("YN-04", None, county="安宁市")[1]]),
        (2, 2),
        "met",
    ),
    (
        "YN-05",
        said("YN-05", "counts", {"period": "2025-H2", "number": 1}, {"period": "2026-H1", "number": 0}),
        (0, None),
        "missed",
    ),
    ("YN-06", done("YN-06", "已总结验收"), (1, None), "met"),
    (
        "YN-08",
        (
            "institutions",
            [
                home(opened="2020-01-01", beds=100, nursing_beds=50),
                home(opened="2026-01-01", beds=100, nursing_beds=80),
            ],
        ),
        (2, 2),
        "missed",
    ),
    ("YN-09", ("land", both(land_m2=500, people=10000)), (1000, 20000), "monitored"),
    (
        "YN-10",
        ("estates", [estate("新建", households=100, premises_m2=30), estate("已建成", households=100, premises_m2=10)]),
        (40, 200),
        "monitored",
    ),
    (
        "YN-12",
        (
            "checklist",
            [*done("YN-12", "approved", "group", county="玉溪市")[1], *done("YN-12", "approved", county="安宁市")[1]],
        ),
        (1, 2, 1),
        "to_be_verified",
    ),
    ("YN-13", done("YN-13", "density", "share", "categories", "demand"), (4, None), "met"),
    # Yiyang
    (
        "YY-01",
        ("institutions", [home(stars=4)] * 7 + [home(stars=5, status="停业"), home(stars=3)]),
        (7, None),
        "in_progress",
    ),
    ("YY-02", said("YY-02", "counts", *both(number=11)), (22, None), "met"),
    ("YY-07", None, (2, 4), "monitored"),
    ("YY-08", done("YY-08", "plan"), (1, None), "met"),
    (
        "YY-09",
        ("estates", [estate("新建", premises_m2=300, required_m2=300), estate("新建", premises_m2=300)]),
        (1, 2, 1),
        "to_be_verified",
    ),
    ("YY-10", said("YY-10", "counts", *both(number=1)), (2, 2), "met"),
    (
        "YY-11",
        ("institutions", [home(kind="敬老院", kept="保留", stars=2), home(kind="敬老院", kept="应撤并", stars=0)]),
        (1, 1),
        "met",
    ),
    (
        "YY-12",
        ("institutions", [home(kind="敬老院", kept="应撤并", status="停业"), home(kind="敬老院", kept="已撤并")]),
        (1, None),
        "missed",
    ),
    ("YY-13", None, (1, 2), "monitored"),
    (
        "YY-14",
        done("YY-14", "canteen", "common_room", "courtyard", "show_room", "medical_point"),
        (5, None, 1),
        "monitored",
    ),
    (
        "YY-15",
        (
            "institutions",
            [
                home(ownership="公办", **FULL),
                home(ownership="公办", **{**FULL, "unified_signs": False}),
                home(ownership="民办"),
            ],
        ),
        (1, 2),
        "missed",
    ),
]


def registry(rows=FACILITIES):
    frame = pd.DataFrame(rows).reindex(
        columns=["kind", "functions", "status", "opened", "beds", "nursing_beds", "stars", "ownership", "filed_beds"]
    )
    frame = (
        frame.astype(object)
        .where(frame.notna(), None)
        .assign(facility_id=[f"F{n}" for n in range(len(frame))], name="某处", area_code="530401")
    )
    extra = pd.DataFrame(rows)
    if "area_code" in extra:
        frame["area_code"] = extra["area_code"]
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy([102.5] * len(frame), [24.3] * len(frame)), crs=4326)


def judged(name, inputs=None, *, as_of=AS_OF, given=None, counties=COUNTIES, facilities=None):
    pack, target = OF[name]
    return tally_sheets(target, pack, inputs or {}, counties, as_of, given, registry=facilities)


def test_every_target_has_a_case():
    assert [name for name, *_ in CASES] == BY_SHEETS
    assert len(BY_SHEETS) == 80


@pytest.mark.parametrize(("name", "given", "tally", "word"), CASES, ids=[case[0] for case in CASES])
def test_each_target(name, given, tally, word):
    inputs = {} if given is None else {given[0]: sheet(given[0], *given[1])}
    found = judged(name, inputs, facilities=registry() if given is None else None)
    assert found.tally == Tally(*tally)
    assert found.verdict.word == word
    assert found.sources == (("registry",) if given is None else ("inputs",))


@pytest.mark.parametrize("name", [case[0] for case in CASES if case[1] is not None])
def test_without_its_sheet_there_is_no_data(name):
    found = judged(name)
    assert (found.tally, found.verdict.word) == (None, "no_data")
    titles = [vocabulary().sheets[use.sheet].title.zh for use in OF[name][1].data.sheets]
    assert any(title in reason for title in titles for reason in found.reasons)


# Beds


def test_beds_pass_exactly():
    def of(*pairs):
        return judged(
            "YX-01", {"institutions": sheet("institutions", *[home(beds=beds, nursing_beds=n) for beds, n in pairs])}
        )

    assert of((1000, 700)).verdict.word == "met"
    assert of((1000, 699)).verdict.shortfall == 1
    assert of((0, 0)).verdict.word == "not_applicable"


def test_a_home_that_does_not_say_may_turn_the_verdict():
    def of(*homes):
        return judged("YX-01", {"institutions": sheet("institutions", *homes)})

    known, silent = home(beds=100, nursing_beds=70), home(beds=10)
    found = of(known, silent)
    assert found.tally == Tally(70, 110, 10)
    assert found.verdict.word == "to_be_verified"
    assert found.reasons[0] == "“机构台账”第 6 行缺：护理型床位数。"
    assert of(home(beds=100, nursing_beds=90), silent).verdict.word == "met"
    assert of(home(beds=100, nursing_beds=10), silent).verdict.word == "in_progress"
    assert of(silent).verdict.word == "no_data"
    assert of(known, home(nursing_beds=3)).verdict.word == "no_data"


def test_which_institutions_count():
    rows = [
        home(beds=10, nursing_beds=8),
        home(beds=10, nursing_beds=0, status="停业"),
        home(beds=10, nursing_beds=0, opened="2026-07-01"),
        home(beds=10, nursing_beds=0, kind="日间照料中心"),
        home(beds=10, nursing_beds=0, kind="茶馆"),
    ]
    table = {"institutions": sheet("institutions", *rows)}
    found = judged("YX-01", table)
    assert found.tally == Tally(8, 10)
    assert "以下机构类别不在词表中，没有计入：茶馆。" in found.reasons
    assert judged("YX-01", table, given={"operating": "all"}).tally == Tally(8, 20)
    assert judged("YX-01", table, given={"bed_scope": "with_community"}).tally == Tally(8, 20)


def test_beds_of_the_registry():
    homes = [
        {"kind": "养老院", "beds": 100.0, "nursing_beds": 80.0, "filed_beds": 120.0, "area_code": "530401001"},
        {"kind": "敬老院", "beds": 50.0, "nursing_beds": 20.0, "filed_beds": 50.0, "area_code": "530402001001"},
        {
            "kind": "敬老院",
            "beds": 50.0,
            "nursing_beds": 20.0,
            "filed_beds": 50.0,
            "status": "停业",
            "area_code": "530402",
        },
    ]
    found = judged("YX-01", facilities=registry(homes))
    assert (found.tally, found.sources) == (Tally(100, 150), ("registry",))
    assert {line.area_name: line.tally for line in found.lines} == {"甲县": Tally(80, 100), "乙区": Tally(20, 50)}
    assert judged("YX-01", given={"beds": "filed"}, facilities=registry(homes)).tally == Tally(100, 170)
    assert judged("ZZ-14", facilities=registry(homes)).tally == Tally(20, 50)
    filled = {"institutions": sheet("institutions", home(beds=10, nursing_beds=1))}
    assert judged("YX-01", filled, facilities=registry(homes)).sources == ("inputs",)
    without = registry(homes).drop(columns="filed_beds")
    refused = judged("YX-01", filled, given={"beds": "filed"}, facilities=without)
    assert (refused.verdict.word, refused.reasons) == (
        "no_data",
        ("按备案床位计，须在设施名单中有“备案床位”一列；机构台账只有实有床位。",),
    )
    assert judged("YX-11", facilities=registry(homes)).verdict.word == "no_data"


def test_grades_of_the_registry():
    homes = [{"kind": "敬老院", "stars": stars} for stars in ("二星级", "3", 1.0, "未评", None)]
    assert judged("ZZ-15", facilities=registry(homes)).tally == Tally(2, 5, 1)
    assert judged("YY-01", facilities=registry([{"kind": "养老院", "stars": "四星级"}])).tally == Tally(1)


def test_new_ones_only():
    rows = [home(stars=4, opened=opened) for opened in ("2020-01-01", "2025-03-01", None)]
    assert judged("YY-01", {"institutions": sheet("institutions", *rows)}, given={"built": "new"}).tally == Tally(
        1, None, 1
    )


def test_an_owner_that_is_not_said():
    rows = [home(construction="新建", beds=10, nursing_beds=1), home(construction="新建", beds=10, nursing_beds=9)]
    found = judged("YX-11", {"institutions": sheet("institutions", *rows)})
    assert (found.tally, found.verdict.word) == (Tally(1, 2, 1), "to_be_verified")


# Counties


def test_counties_add_up_and_a_missing_one_is_unknown():
    table = sheet("poverty_care", *both(willing=10, willing_in_care=9))
    found = judged("YX-10", {"poverty_care": table})
    assert {line.area_id: (line.tally, line.verdict.word) for line in found.lines} == {
        "530401": (Tally(9, 10), "missed"),
        "530402": (Tally(9, 10), "missed"),
    }
    one = judged("YX-10", {"poverty_care": table.iloc[:1]})
    assert (one.tally, one.verdict.word) == (Tally(None), "no_data")
    assert one.reasons == ("“特困人员供养”缺以下县（市、区）的数据，全市合计不详：乙区。",)
    assert [line.tally for line in one.lines] == [Tally(9, 10)]


@pytest.mark.parametrize("cell", ["甲县", "甲", "530401", "530401000000", "玉溪市甲县", " 甲　县 "])
def test_ways_to_name_a_county(cell):
    table = sheet("poverty_care", {"county": cell, "willing": 1, "willing_in_care": 1})
    (line,) = judged("YX-10", {"poverty_care": table}).lines
    assert line.area_id == "530401"


@pytest.mark.parametrize("cell", ["全市", "市本级", None])
def test_rows_of_the_whole(cell):
    found = judged(
        "YX-10", {"poverty_care": sheet("poverty_care", {"county": cell, "willing": 4, "willing_in_care": 4})}
    )
    assert (found.tally, found.verdict.word, found.lines) == (Tally(4, 4), "met", ())


def test_a_total_beside_counties_does_not_count_twice():
    rows = [*both(willing=2, willing_in_care=2), {"county": "全市", "willing": 4, "willing_in_care": 4}]
    assert judged("YX-10", {"poverty_care": sheet("poverty_care", *rows)}).tally == Tally(4, 4)
    rows[-1]["county"] = "市本级"
    assert judged("YX-10", {"poverty_care": sheet("poverty_care", *rows)}).tally == Tally(8, 8)


@pytest.mark.parametrize("whole", [None, "全市"])
def test_a_number_of_the_whole_beside_those_of_counties(whole):
    rows = said("LC-09", "counts", {"county": whole, "number": 5}, *both(number=4))[1]
    found = judged("LC-09", {"counts": sheet("counts", *rows)})
    assert (found.tally, found.verdict.word) == (Tally(8), "met")
    assert any("不重复计入：第 5 行" in reason for reason in found.reasons)
    alone = judged("LC-09", {"counts": sheet("counts", rows[0])})
    assert (alone.tally, alone.reasons) == (Tally(5), ())
    own = judged("LC-09", {"counts": sheet("counts", {**rows[0], "county": "市本级"}, *rows[1:])})
    assert own.tally == Tally(13)


@pytest.mark.parametrize("whole", [None, "全市"])
def test_the_whole_counts_in_periods_without_counties(whole):
    old, new = MONTHS[:6], MONTHS[6:]
    rows = visits(months=old) + [{"county": whole, "month": month, "due": 150, "visited": 150} for month in new]
    found = judged("YX-08", {"visits": sheet("visits", *rows)})
    assert (found.verdict.word, found.reasons) == ("met", ())
    assert [line.tally.numerator for line in found.lines if not line.area_id] == [200] * 6 + [150] * 6
    rows.append({"county": whole, "month": old[0], "due": 150, "visited": 0})
    again = judged("YX-08", {"visits": sheet("visits", *rows)})
    assert (again.verdict.word, len(again.reasons)) == ("met", 1)


def test_a_later_number_of_the_whole_goes_before_counties():
    rows = said("LC-09", "counts", *both(period="2024", number=4), {"period": "2025", "number": 6})[1]
    found = judged("LC-09", {"counts": sheet("counts", *rows)})
    assert (found.tally, found.verdict.word) == (Tally(6), "missed")
    rows[-1]["period"] = "2023"
    assert judged("LC-09", {"counts": sheet("counts", *rows)}).tally == Tally(8)
    rows[-1]["period"] = "2027"
    assert judged("LC-09", {"counts": sheet("counts", *rows)}).tally == Tally(8)


def test_a_year_of_the_whole_beside_those_of_counties():
    rows = [*both(year=2023, households=100), {"county": "全市", "year": 2022, "households": 500}]
    rows += [{"county": "全市", "year": 2023, "households": 900}]
    rows += [{"county": "全市", "year": year, "households": 200} for year in (2024, 2025)]
    assert judged("LC-06", {"adaptations": sheet("adaptations", *rows)}).tally == Tally(1100)


def test_homes_without_a_county_are_homes_all_the_same():
    facilities = registry([{"kind": "养老院", "beds": 10, "nursing_beds": 8}] * 2)
    facilities.loc[1, "area_code"] = None
    assert judged("YX-01", facilities=facilities).tally == Tally(16, 20)


def test_a_county_that_is_there_twice():
    rows = [*both(willing=10, willing_in_care=10), {"county": "甲", "willing": 10, "willing_in_care": 0}]
    found = judged("YX-10", {"poverty_care": sheet("poverty_care", *rows)})
    assert found.tally == Tally(20, 30)
    assert found.reasons == ("“特困人员供养”中以下县（市、区）同一时期填了多行，已相加：甲县。请核对是否重复填报。",)
    months = [*visits(), {"county": "乙区", "month": "2026-03-15", "due": 1, "visited": 1}]
    assert any("乙区 2026-03。" in reason for reason in judged("YX-08", {"visits": sheet("visits", *months)}).reasons)
    homes = [home(beds=10, nursing_beds=8), home(beds=10, nursing_beds=8), home("乙区", beds=1, nursing_beds=1)]
    assert judged("YX-01", {"institutions": sheet("institutions", *homes)}).reasons == ()
    levels = [
        {"level": level, "county": "甲县", "year": 2025, "total": 1, "for_care": 1} for level in ("县级", "市本级")
    ]
    assert not any("多行" in one for one in judged("YX-29", {"lottery": sheet("lottery", *levels)}).reasons)


def test_the_high_tech_zone_is_no_second_row():
    counties = pd.DataFrame({"area_id": ["430902", "430903"], "name": ["资阳区", "赫山区"]})
    rows = [{"target": "YY-10", "county": name, "number": 1} for name in ("资阳区", "赫山区", "益阳高新区")]
    assert not any(
        "多行" in one for one in judged("YY-10", {"counts": sheet("counts", *rows)}, counties=counties).reasons
    )


def test_a_county_of_elsewhere_does_not_count():
    rows = [home(beds=10, nursing_beds=8), home("丙县", beds=10, nursing_beds=0)]
    found = judged("YX-01", {"institutions": sheet("institutions", *rows)})
    assert found.tally == Tally(8, 10)
    assert any("丙县" in reason for reason in found.reasons)
    assert any("乙区" in reason for reason in found.reasons)
    only = judged("YX-01", {"institutions": sheet("institutions", rows[1])})
    assert (only.verdict.word, len(only.reasons)) == ("no_data", 1)


def test_a_row_of_an_unknown_county_may_turn_what_would_be_met():
    good = [home(beds=10, nursing_beds=8), home("乙区", beds=10, nursing_beds=8)]
    assert judged("YX-01", {"institutions": sheet("institutions", *good)}).verdict.word == "met"
    stranger = home("丙县", beds=100, nursing_beds=0)
    found = judged("YX-01", {"institutions": sheet("institutions", *good, stranger)})
    assert (found.tally, found.verdict.word, found.verdict.shortfall) == (Tally(16, 20), "to_be_verified", 0)
    assert any("丙县" in reason for reason in found.reasons)
    poor = [home(beds=10, nursing_beds=0), home("乙区", beds=10, nursing_beds=0), stranger]
    before = judged("YX-01", {"institutions": sheet("institutions", *poor[:2])}).verdict.word
    assert judged("YX-01", {"institutions": sheet("institutions", *poor)}).verdict.word == before != "to_be_verified"


def test_a_checklist_of_an_unknown_county_is_not_done_for_sure():
    key, rows = done("YX-14", None, county="丙县")
    found = judged("YX-14", {key: sheet(key, *(done("YX-14", None, county=name)[1][0] for name in COUNTIES["name"]))})
    assert found.verdict.word == "met"
    every = [*rows, *(done("YX-14", None, county=name)[1][0] for name in COUNTIES["name"])]
    found = judged("YX-14", {key: sheet(key, *every)})
    assert found.verdict.word != "met"
    assert any("丙县" in reason for reason in found.reasons)


def test_one_sentence_on_all_rows_of_unknown_counties():
    inputs = {
        "institutions": sheet("institutions", home(), home("丙县"), home("甲县"), home("丁县")),
        "visits": sheet("visits", *visits()),
        "counts": sheet("counts", {"target": "YX-05", "county": "丙县"}, {"target": "LC-06", "county": "戊县"}),
    }
    (sentence,) = unknown_counties_note(inputs, COUNTIES, PACKS["yuxi"])
    assert "“机构台账”第 6, 8 行（丁县、丙县）" in sentence
    assert "戊县" not in sentence
    assert "月探访" not in sentence
    assert unknown_counties_note({"visits": inputs["visits"]}, COUNTIES, PACKS["yuxi"]) == ()
    assert unknown_counties_note(inputs, COUNTIES.iloc[:0], PACKS["yuxi"]) == ()


def test_places_of_pilots_are_no_unknown_counties():
    places = [target.id for _, target in OF.values() if not names_counties(target)]
    assert places
    for name in places:
        key, rows = done(name, None, county="某试点")
        assert unknown_counties_note({key: sheet(key, *rows)}, COUNTIES, OF[name][0]) == ()


def test_a_registry_without_any_such_institution_is_no_data():
    none = registry([{"kind": "日间照料中心", "beds": 10.0, "nursing_beds": 8.0}])
    for name in ("YX-01", "ZZ-14"):
        found = judged(name, facilities=none)
        assert (found.tally, found.verdict.word, found.sources) == (None, "no_data", ("registry",))
        assert found.reasons[0].startswith("设施名单中没有")
        assert found.reasons[0].endswith("，也没有填报“机构台账”。")
    closed = registry([{"kind": "敬老院", "beds": 10.0, "nursing_beds": 8.0, "status": "停业"}])
    assert judged("ZZ-14", facilities=closed).verdict.word == "not_applicable"
    assert judged("YY-01", facilities=none).tally == Tally(0)


def test_without_a_list_of_counties():
    none = COUNTIES.iloc[:0]
    table = {"counts": sheet("counts", *said("ZZ-01", "counts", *both(number=3))[1])}
    assert judged("ZZ-01", table, counties=none).tally == Tally(2, 2)
    assert judged(
        "YX-10", {"poverty_care": sheet("poverty_care", *both(willing=2, willing_in_care=2))}, counties=none
    ).tally == Tally(4, 4)


# Ranges, limits


def test_more_than_the_upper_end():
    table = {"counts": sheet("counts", *said("ZZ-01", "counts", *both(number=6))[1])}
    found = judged("ZZ-01", table)
    assert found.verdict.word == "met"
    assert found.reasons[0] == "甲县实有 6 个，多于原文上限 5 个。"
    binding = judged("ZZ-01", table, given={"upper_limit": "binding"})
    assert (binding.verdict.word, binding.verdict.shortfall) == ("missed", 2)


def test_none_at_all_is_not_sure_while_rows_are_silent():
    rows = [estate("新建", accepted_in_breach=False), estate("新建")]
    found = judged("YX-18", {"estates": sheet("estates", *rows)})
    assert (found.tally, found.verdict.word) == (Tally(0, None, 1), "to_be_verified")


def test_nothing_to_count():
    only_old = {"estates": sheet("estates", estate("已建成", households=100, premises_m2=1))}
    assert judged("YX-16", only_old).verdict.word == "not_applicable"
    zero = sheet("rectification", *both(found=0, mended=0))
    assert judged("YX-19", {"rectification": zero}).verdict.word == "not_applicable"


def test_a_county_that_lacks_a_count_per_unit():
    table = {"counts": sheet("counts", {"target": "YY-10", "county": "甲县", "number": 1})}
    found = judged("YY-10", table)
    assert (found.tally, found.verdict.word) == (Tally(1, 2, 1), "no_data")
    assert "乙区" in found.reasons[0]


def test_the_high_tech_zone():
    counties = pd.DataFrame({"area_id": ["430902", "430903", "430972"], "name": ["资阳区", "赫山区", "益阳高新区"]})
    rows = [("资阳区", 1), ("赫山区", 0), ("益阳高新区", 1)]
    table = {"counts": sheet("counts", *[{"target": "YY-10", "county": name, "number": n} for name, n in rows])}
    assert judged("YY-10", table, counties=counties).tally == Tally(2, 2)
    apart = judged("YY-10", table, counties=counties, given={"hightech_zone": "separate"})
    assert apart.verdict.word == "in_progress"
    assert {line.area_id for line in apart.lines} == {"430902", "430903"}


# Estates


def test_an_estate_of_1200_households():
    table = {"estates": sheet("estates", estate("新建", households=1200, premises_m2=785.9))}
    assert judged("ZZ-09", table).tally == Tally(0, 1)
    assert judged("YX-16", table).tally == Tally(1, 1)


def test_shared_premises():
    rows = [
        estate("新建", name="一", township="东街道", households=100, premises_m2=40),
        estate("新建", name="二", township="东街道", households=100, premises_m2=0),
        estate("新建", name="三", households=100, premises_m2=0),
    ]
    table = {"estates": sheet("estates", *rows)}
    assert judged("YX-16", table).tally == Tally(1, 3)
    shared = judged("YX-16", table, given={"shared_premises": "yes"})
    assert shared.tally == Tally(1, 2)
    assert [(line.item, line.tally) for line in shared.lines if line.item] == [
        ("东街道", Tally(40, 200)),
        ("三", Tally(0, 100)),
    ]
    large = [{**row, "premises_m2": area, "smallest_m2": area} for row, area in zip(rows, (300, 0, 300), strict=True)]
    assert judged("LC-01", {"estates": sheet("estates", *large)}, given={"shared_premises": "yes"}).tally == Tally(2, 3)


def test_rows_by_name():
    rows = [
        estate("新建", name="荷花苑", households=100, premises_m2=20),
        estate("新建", name="=1+1", county="乙区", households=100),
    ]
    found = judged("YX-16", {"estates": sheet("estates", *rows)})
    items = [(line.item, line.area_name, line.tally, line.verdict.word) for line in found.lines if line.item]
    assert items == [("荷花苑", "甲县", Tally(20, 100), "met"), ("=1+1", "乙区", Tally(None, 100), "to_be_verified")]
    assert {line.area_id: line.tally for line in found.lines if not line.item} == {
        "530401": Tally(1, 1),
        "530402": Tally(0, 1, 1),
    }


# Periods


def test_months():
    rows = visits()
    found = judged("YX-08", {"visits": sheet("visits", *rows)})
    assert [line.period for line in found.lines if not line.area_id] == [month[:7] for month in MONTHS]
    gone = judged("YX-08", {"visits": sheet("visits", *[row for row in rows if row["month"] != "2025-12-01"])})
    assert gone.verdict.word == "no_data"
    assert "2025-12" in gone.reasons[0]
    one = judged("YX-08", {"visits": sheet("visits", *rows[:-1])})
    assert one.verdict.word == "no_data"
    assert any("乙区" in reason and "2026-06" in reason for reason in one.reasons)
    assert judged("YX-08", {"visits": sheet("visits", *visits(last=99))}).verdict.word == "in_progress"
    after = judged("YX-08", {"visits": sheet("visits", *visits())}, as_of=date(2030, 1, 1))
    assert after.verdict.word == "no_data"
    assert any("2026-07" in reason and "2026-12" in reason and "2027" not in reason for reason in after.reasons)


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 1, 31), date(2026, 6, 30), date(2030, 1, 1)])
def test_months_of_a_closed_plan(day):
    """LC-23 is due on 2025-12-31: the twelve months up to then decide, whatever the day."""
    good = {"visits": sheet("visits", *visits(months=MONTHS_2025))}
    found = judged("LC-23", good, as_of=day)
    assert (found.verdict.word, found.reasons) == ("met", ())
    assert [line.period for line in found.lines if not line.area_id] == [month[:7] for month in MONTHS_2025]
    later = visits(months=MONTHS_2025) + visits(months=["2026-01-01"], visited=1)
    assert judged("LC-23", {"visits": sheet("visits", *later)}, as_of=day).verdict.word == "met"
    bad = {"visits": sheet("visits", *visits(last=99, months=MONTHS_2025))}
    assert judged("LC-23", bad, as_of=day).verdict.word == "missed"
    only_after = {"visits": sheet("visits", *visits(months=["2026-01-01"]))}
    assert judged("LC-23", only_after, as_of=day).verdict.word == "no_data"


def test_half_years_and_years_of_a_closed_plan():
    pack, half = OF["YN-05"]
    closed = half.model_copy(update={"deadline": date(2025, 12, 31)})
    rows = [{"target": "YN-05", "period": period, "number": n} for period, n in (("2025-H2", 1), ("2026-H1", 0))]
    inputs = {"counts": sheet("counts", *rows)}
    found = tally_sheets(closed, pack, inputs, COUNTIES, date(2026, 12, 31))
    assert ([line.period for line in found.lines], found.verdict.word) == (["2025-H2"], "met")
    pack, yearly = OF["YX-29"]
    closed = yearly.model_copy(update={"deadline": date(2025, 12, 31), "years": ()})
    rows = [{"level": "市本级", "year": year, "total": 100, "for_care": n} for year, n in ((2025, 60), (2026, 0))]
    found = tally_sheets(closed, pack, {"lottery": sheet("lottery", *rows)}, COUNTIES, date(2026, 12, 31))
    assert (found.tally, found.verdict.word) == (Tally(60, 100), "met")


def test_years():
    def lottery(*years):
        return {
            "lottery": sheet(
                "lottery", *[{"level": "市本级", "year": year, "total": 100, "for_care": n} for year, n in years]
            )
        }

    bad = judged("YX-29", lottery((2024, 54), (2025, 60)))
    assert (bad.tally, bad.verdict.word, bad.verdict.year) == (Tally(54, 100), "missed", 2024)
    assert judged("YX-29", lottery((2025, 60), (2026, 10))).verdict.word == "in_progress"
    assert judged("YX-29", lottery((2025, 60), (2027, 0))).verdict.word == "met"


def test_a_year_that_is_over_and_lacks_a_row():
    rows = [row for year in (2022, 2023, 2025) for row in both(year=year, households=500)]
    table = {"adaptations": sheet("adaptations", *rows)}
    assert judged("LC-07", table).verdict.word == "no_data"
    whole = judged("LC-06", table)
    assert (whole.tally, whole.verdict.word) == (Tally(None), "no_data")
    assert "2024" in whole.reasons[0]


def test_the_year_from_which_is_counted():
    rows = [row for year in (2021, 2022, 2023, 2024, 2025) for row in both(year=year, households=100)]
    table = {"adaptations": sheet("adaptations", *rows)}
    assert judged("LC-06", table).tally == Tally(800)
    assert judged("LC-06", table, given={"start_year": "y2021"}).verdict.word == "met"
    periods = {line.period for line in judged("LC-07", table, given={"start_year": "y2021"}).lines}
    assert periods == {"", "2021", "2022", "2023", "2024", "2025"}


def test_levels_of_the_lottery_fund():
    rows = [
        {"level": "市本级", "year": 2025, "total": 100, "for_care": 60},
        *[{"level": "县级", "year": 2025, **row} for row in both(total=10, for_care=5)],
    ]
    table = {"lottery": sheet("lottery", *rows)}
    assert judged("LC-24", table, given={"fund_level": "each"}).tally == Tally(1, 3)
    assert judged("ZZ-20", table, given={"fund_level": "total"}).tally == Tally(70, 120)
    assert judged("LC-24", {"lottery": sheet("lottery", *rows[:2])}).verdict.word == "no_data"
    assert judged("ZZ-20", {"lottery": sheet("lottery", *rows[:2])}).verdict.word == "missed"
    good = [{**row, "for_care": row["total"]} for row in rows[:2]]
    assert judged("ZZ-20", {"lottery": sheet("lottery", *good)}).verdict.word == "no_data"


def test_the_last_count_is_taken():
    rows = [
        {"target": "LC-09", "period": period, "number": number}
        for period, number in (("2023", 5), ("2025", 8), ("2027", 1))
    ]
    assert judged("LC-09", {"counts": sheet("counts", *rows)}).tally == Tally(8)


def test_half_years():
    rows = [{"target": "YN-05", "period": period, "number": 1} for period in ("2025-07", "2026-H1")]
    found = judged("YN-05", {"counts": sheet("counts", *rows)}, as_of=date(2026, 7, 1))
    assert found.verdict.word == "met"
    assert [line.period for line in found.lines] == ["2025-H2", "2026-H1"]
    rows[0]["number"] = 0
    assert judged("YN-05", {"counts": sheet("counts", *rows)}).verdict.word == "missed"


def ratio(county=None, name="YX-03", **cells):
    return {"target": name, "county": county, "period": "2025", **cells}


@pytest.mark.parametrize(
    ("rows", "tally"),
    [
        ([("甲县", 20, 30), ("乙区", 14, 21)], Tally(34, 51)),
        ([("甲县", 20, 30), ("乙区", 14, 21), ("全市", 34, 51)], Tally(34, 51)),
        ([("甲县", 20, 30), ("乙区", 14, 21), (None, 34, 51)], Tally(34, 51)),
        ([(None, 34, 51)], Tally(34, 51)),
        ([("全市", 34, 51)], Tally(34, 51)),
        ([("甲县", 20, 30)], None),
        ([("丙县", 20, 30)], None),
        ([("甲县", 20, 30), ("乙区", None, 21)], None),
        ([("甲县", 20, 30), ("乙区", 14, None)], None),
    ],
)
def test_declared(rows, tally):
    pack, target = OF["YX-03"]
    cells = [ratio(county, numerator=above, denominator=below) for county, above, below in rows]
    cells.append(ratio("甲县", period="2024", numerator=1, denominator=1))
    cells.append(ratio("甲县", name="YX-04", numerator=1, denominator=1))
    inputs = {"ratios": sheet("ratios", *cells)}
    assert declared(target, pack, inputs, COUNTIES, 2025) == tally
    assert declared(target, pack, inputs, COUNTIES, "2025") == tally
    assert declared(target, pack, inputs, COUNTIES, 2023) is None
    assert declared(target, pack, {}, COUNTIES, 2025) is None


# Documents


def test_done_after_the_day_is_not_done_yet():
    row = {"target": "YX-12", "item": None, "done": True, "on": "2026-09-01"}
    assert judged("YX-12", {"checklist": sheet("checklist", row)}).tally == Tally(0)
    assert judged("YX-12", {"checklist": sheet("checklist", row)}, as_of=date(2026, 9, 1)).tally == Tally(1)


def test_items_by_county():
    rows = [
        {"target": "LC-32", "item": item, "county": county, "done": value}
        for item, county, value in (
            ("care_plan", "甲县", True),
            ("care_plan", "乙区", False),
            ("solution", "甲县", True),
        )
    ]
    found = judged("LC-32", {"checklist": sheet("checklist", *rows)})
    assert found.tally == Tally(0, None, 2)
    assert {line.item: line.verdict.word for line in found.lines if line.item} == {
        "care_plan": "missed",
        "childcare_plan": "to_be_verified",
        "solution": "to_be_verified",
    }
    assert {line.area_id: line.tally for line in found.lines if line.area_id} == {
        "530401": Tally(2, None, 1),
        "530402": Tally(0, None, 2),
    }


# Registry


@pytest.mark.parametrize(("name", "number", "word"), [("LC-29", 50, "met"), ("LC-29", 47, "missed")])
def test_more_than_the_baseline_is_no_failure(name, number, word):
    homes = {"institutions": sheet("institutions", *[home(improved=True)] * number)}
    assert judged(name, homes).verdict.word == word
    owned = [home(ownership="公建民营")] * 6 + [home(ownership="民办")] * 2
    assert judged("LC-30", {"institutions": sheet("institutions", *owned)}).verdict.word == "met"
    assert judge(OF["YX-12"][1], Tally(2), AS_OF).word == "met"


def test_functions_by_reading():
    assert judged("YX-21", facilities=registry(), given={"all_functions": "no"}).tally == Tally(2, 3, 1)
    assert judged("YY-13", facilities=registry(), given={"six_aids": "day_and_any"}).tally == Tally(2, 2)
    assert judged("YX-21").verdict.word == "no_data"


def test_kinds_by_name():
    found = judged("YX-22", facilities=registry())
    assert {line.item: line.tally for line in found.lines if line.item} == {
        "社区嵌入式养老服务机构": Tally(1),
        "日间照料机构": Tally(1),
    }


def test_change():
    def of(*homes):
        return judged("YN-08", {"institutions": sheet("institutions", *homes)})

    old, new = (
        home(opened="2020-01-01", beds=100, nursing_beds=50),
        home(opened="2026-01-01", beds=100, nursing_beds=80),
    )
    found = of(old, new, home(opened="2021-01-01", beds=10, nursing_beds=0))
    assert found.verdict.word == "met"
    items = {(line.item, line.period): line.tally for line in found.lines}
    assert items["护理型床位数", "2025-06-30"] == Tally(50, 110)
    assert items["护理型床位数", ""] == Tally(130, 210)
    assert of(home(beds=1, nursing_beds=1)).verdict.word == "no_data"
    assert of(new).verdict.word == "not_applicable"


def test_a_target_of_ones_own_without_sheets():
    pack = load_pack("yuxi")
    own: Target = pack.target("YX-06").model_copy(update={"kinds": ("meal_site",)})
    assert tally_sheets(own, pack, {}, COUNTIES, AS_OF, registry=registry()).tally == Tally(0)
