"""A place of two counties with judgements made by hand, for tests of what is shown of them."""

from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carecircle.model import Study, profile
from carecircle.policy import load_pack
from carecircle.policy.judge import Tally, Verdict, judge
from carecircle.policy.results import Judgement, Line, Outcome, Progress, ScheduleState

DAY = date(2026, 6, 30)
NASTY = "</script><script>document.title='x'</script>"
COUNTIES = {"530101": "东县", "530102": "西县"}
YUXI, YIYANG, LINCANG, ZHUZHOU = (load_pack(name) for name in ("yuxi", "yiyang", "lincang", "zhuzhou"))
AREA_COLUMNS = ["area_id", "name", "level", "parent_id"]


def points(n):
    return gpd.points_from_xy(102.5 + 0.01 * np.arange(n), np.full(n, 24.3))


def facilities():
    rows = [
        ("F1", "东院", "敬老院", 100.0, 80.0, "公办", "二级", "open", "530101"),
        ("F2", "=1+1", "养老院", 50.0, 20.0, "民办", "四级", "open", "530101"),
        ("F3", NASTY, "敬老院", 60.0, 60.0, "公办", None, "open", "530102"),
        ("F4", "关了的院", "敬老院", 500.0, 500.0, "公办", None, "停业", "530102"),
        ("F5", "日间照料", "日间照料中心", 10.0, 0.0, "公办", None, "open", "530102"),
    ]
    names = ["facility_id", "name", "kind", "beds", "nursing_beds", "ownership", "stars", "status", "area_code"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=names), geometry=points(5), crs="EPSG:4326")


def areas():
    rows = [(code, name, "county", None) for code, name in COUNTIES.items()]
    rows += [("530101001", "城关街道", "township", "530101"), ("530102100", "河口镇", "township", "530102")]
    boxes = [shapely.box(102.49, 24.2, 102.515, 24.4), shapely.box(102.515, 24.2, 102.6, 24.4)] * 2
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=AREA_COLUMNS), geometry=boxes, crs="EPSG:4326")


def cover(people=((600.0, 1000.0), (199.9, 2000.0))):
    rows = [
        (code, "county", "all", limit, "people_60", "", covered * limit / 15, total)
        for code, (covered, total) in zip(COUNTIES, people, strict=True)
        for limit in (5.0, 15.0)
    ]
    names = ["area_id", "level", "kind", "minutes", "measure", "unit", "covered", "total"]
    return pd.DataFrame(rows, columns=names)


def outcome(pack, name, tally, **more):
    """Judge a target by a tally."""
    target = pack.target(name)
    verdict = more.pop("verdict", None) or judge(target, tally, DAY)
    chosen = {one.key: one.default for one in target.readings}
    return Outcome(target, verdict, tally, chosen, more.pop("lines", ()), more.pop("sources", ("registry",)), **more)


def lines(pack, name, *tallies):
    """Return lines of the counties."""
    pairs = zip(COUNTIES.items(), tallies, strict=True)
    return tuple(Line(one, judge(pack.target(name), one, DAY), code, words) for (code, words), one in pairs)


def circle():
    rows = [
        (who, speed, limit, measure, area, covered * limit / 15 * speed, total)
        for who, speed in (("elder", 0.8), ("adult", 1.11))
        for limit in (5.0, 10.0, 15.0)
        for measure, covered, total in (
            ("people_60", 1000.0, 3000.0),
            ("people_80", 100.0, 300.0),
            ("land_m2", 2e6, 9e6),
        )
        for area in ("", *COUNTIES)
    ]
    return pd.DataFrame(rows, columns=["profile", "speed_mps", "minutes", "measure", "area_id", "covered", "total"])


def yuxi(**changes):
    """Return a judgement of the Yuxi pack: every verdict once at least; `changes` replace outcomes by id."""
    towns = YUXI.target("YX-03")
    served = Line(Tally(34, 51), judge(towns, Tally(34, 51), DAY), reading="coverage=served")
    people = Line(Tally(3, 51), judge(towns, Tally(3, 51), DAY), reading="coverage=people")
    year = Line(Tally(30, 51), Verdict("missed", 100 * Tally(30, 51).numerator / 51), period="2024", estimated=True)
    made = {
        "YX-01": outcome(YUXI, "YX-01", Tally(700, 1000), lines=lines(YUXI, "YX-01", Tally(300, 400), Tally(400, 600))),
        "YX-03": outcome(
            YUXI,
            "YX-03",
            Tally(33, 51),
            lines=(*lines(YUXI, "YX-03", Tally(1, 2), Tally(32, 49)), served, people, year),
            reasons=("有一家机构缺功能。",),
        ),
        "YX-04": outcome(YUXI, "YX-04", Tally(1, 1), lines=lines(YUXI, "YX-04", Tally(1, 1), Tally(0, 0))),
        "YX-05": outcome(YUXI, "YX-05", Tally(8, 10, 1), lines=lines(YUXI, "YX-05", Tally(8, 8), Tally(0, 2, 1))),
        "YX-13": outcome(YUXI, "YX-13", Tally(1, 2), verdict=Verdict("in_progress", None, 1)),
        "YX-19": outcome(YUXI, "YX-19", Tally(0, 0), sources=("inputs",)),
        "YX-20": outcome(YUXI, "YX-20", Tally(800, 3000), circle=circle(), sources=("registry", "times")),
        "YX-24": outcome(YUXI, "YX-24", Tally(4999, 5000), sources=("registry", "areas")),
        "YX-27": outcome(
            YUXI, "YX-27", Tally(None, 0), verdict=Verdict("no_data"), reasons=("没有填报“从业人员培训”。",)
        ),
    } | changes
    places = pd.DataFrame({"area_id": list(COUNTIES), "name": list(COUNTIES.values())})
    return Judgement(YUXI, DAY, tuple(made.values()), places)


def yiyang():
    """Return a judgement of the Yiyang pack with its schedule: half of all is built in every unit but one."""
    schedule, rows = YIYANG.schedule, []
    for row in (*schedule.rows, schedule.total):
        for one in schedule.classes:
            total, *added = row.cells[one.key]
            due, aim = sum(added[:1]), sum(added[:2])
            built = None if row.name == "南县" else total // 2
            word = "not_applicable" if total == 0 else "no_data" if built is None else "in_progress"
            pace = due + (aim - due) // 2
            on_pace = None if built is None or total == 0 else built >= pace
            years = dict(zip(schedule.years, added, strict=False))
            rows.append(
                Progress(row.code, row.name, one, built, 0, total, years, due, aim, pace, Verdict(word), on_pace)
            )
    state = ScheduleState(DAY, schedule.years, schedule.classes, tuple(rows))
    found = (outcome(YIYANG, "YY-01", Tally(3, None)),)
    places = pd.DataFrame({"area_id": list(COUNTIES), "name": list(COUNTIES.values())})
    return Judgement(YIYANG, DAY, found, places, schedule=state)


def gaps():
    rows = [
        ("YX-03.530102100", "none", "河口镇", 900.0, 80.0, np.nan, "F3", NASTY, 1234.2, 25.71, "build", 2),
        ("YX-03.530101001", "beyond", "城关街道", 950.0, np.nan, 40.4, None, None, np.inf, np.inf, "reuse", 1),
    ]
    names = (
        "gap_id gap name people_60 people_80 people_60_out nearest_facility nearest_name metres minutes measure rank"
    )
    frame = pd.DataFrame(rows, columns=names.split())
    more = {"pack": "yuxi", "target_id": "YX-03", "also": ["YX-99", ""], "level": "township", "community": None}
    code = frame["gap_id"].str[6:]
    frame = frame.assign(**more, area_id=code, county=code.str[:6].map(COUNTIES), township=frame["name"], year=2026)
    return gpd.GeoDataFrame(frame, geometry=points(2), crs="EPSG:4326")


def study(*judgements, **changes):
    """Return the study; without judgements those of Yuxi and Yiyang."""
    demand = gpd.GeoDataFrame(
        {"demand_id": ["a"], "people_60": [3.0], "minutes": [4.0], "facility_id": ["F1"]},
        geometry=points(1),
        crs="EPSG:4326",
    )
    empty = gpd.GeoDataFrame(geometry=[], crs="EPSG:4326")
    found = Study(
        "两县<b>研究</b>", DAY, True, profile("elder"), (5.0, 15.0),
        facilities(), areas(), demand, empty, cover(), empty,
        notes=("路网有一个孤岛。",),
        provenance={"parameters": {"reach": {"minutes": [5.0, 15.0], "served_share": 0.5}},
                    "files": {"台账.xlsx": {"sha256": "ab" * 32, "bytes": 1234}}},
        judgements=judgements or (yuxi(), yiyang()),
        gaps=gaps(),
    )  # fmt: skip
    return replace(found, **changes)
