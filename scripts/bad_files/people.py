"""People: tables and polygons with residential points."""

from __future__ import annotations

import shapely

from .case import AREAS, PEOPLE, At, Case, Found, reads, refused
from .layers_on_disk import areas, layer, points
from .writers import again, cell, column, csv, dropped, dwellings, only, renamed, xlsx

INSIDE = PEOPLE(areas=AREAS)
_COUNTS = ("常住人口", "60岁以上", "65岁以上", "80岁以上", "户数")


def _by_area(**counts: object) -> object:
    return lambda: areas("12").assign(**counts)


CASES = (
    Case(
        "people-no-counts",
        "residential points without any number of people",
        "refused, with the headers that would do",
        csv(dropped(*_COUNTS), people=True),
        PEOPLE,
        refused("missing_people"),
    ),
    Case(
        "people-half-unknown",
        "people aged 60 and over unknown at one point",
        "unknown, never 0",
        csv(cell("D03", "60岁以上", ""), people=True),
        PEOPLE,
        reads(30, D03={"people_60": None}),
    ),
    Case(
        "people-dash",
        "a dash for the number of people",
        "unknown, never 0",
        csv(cell("D03", "常住人口", "—"), people=True),
        PEOPLE,
        reads(30, D03={"people": None}),
    ),
    Case(
        "people-negative",
        "a negative number of people",
        "refused, by cell",
        csv(cell("D03", "常住人口", "-20"), people=True),
        PEOPLE,
        refused(At("below_minimum", 4, "常住人口")),
    ),
    Case(
        "people-words",
        "words for the number of people",
        "refused, by cell",
        csv(cell("D03", "常住人口", "约五百"), people=True),
        PEOPLE,
        refused(At("not_a_number", 4, "常住人口")),
    ),
    Case(
        "people-in-ten-thousands",
        "人口（万人） in the header",
        "read times 10,000, or refused: never taken as persons",
        csv(renamed(常住人口="常住人口（万人）"), column("常住人口（万人）", "0.05"), people=True),
        PEOPLE,
        reads(30, D03={"people": 500}),
    ),
    Case(
        "people-older-than-all",
        "more people aged 60 and over than people",
        "read, listed as doubtful",
        csv(cell("D03", "60岁以上", 9999), people=True),
        PEOPLE,
        reads(30, Found("doubtful", row=4)),
    ),
    Case(
        "people-80-over-60",
        "more people aged 80 and over than 60 and over",
        "read, listed as doubtful",
        csv(cell("D03", "80岁以上", 700), cell("D03", "常住人口", 900), people=True),
        PEOPLE,
        reads(30, Found("doubtful", row=4)),
    ),
    Case(
        "people-total-row",
        "a row 合计 at the end",
        "left out; nobody is counted twice",
        xlsx([*dwellings(), ["合计", None, *[9999] * 5, None, None, None]], name="people.xlsx"),
        PEOPLE,
        reads(30),
    ),
    Case(
        "people-elsewhere",
        "residential points of another city",
        "refused: none lies in the areas",
        csv(column("经度", lambda lon: lon + 3), people=True),
        INSIDE,
        refused("all_outside_areas"),
    ),
    Case(
        "people-one-outside",
        "one residential point outside the areas",
        "left out; the notes say so",
        csv(cell("D03", "经度", 102.6), people=True),
        INSIDE,
        reads(29, notes=("1 个居民点",)),
    ),
    Case(
        "people-key-twice",
        "two residential points with one key",
        "refused, both rows named",
        csv(again("D03"), people=True),
        PEOPLE,
        refused(At("repeated_key", 4), At("repeated_key", 32)),
    ),
    Case(
        "people-no-key",
        "residential points without keys",
        "read; rows are numbered, which the notes say",
        csv(dropped("居民点编号"), people=True),
        PEOPLE,
        reads(30, notes=("D0001",)),
    ),
    Case(
        "people-names-of-persons",
        "a list of persons with names, identity and telephone numbers",
        "these columns are never read",
        csv(
            column("户主姓名", "张三", after="小区名称"),
            column("身份证号", "530000194001010011", after="小区名称"),
            column("联系电话", "13800000000", after="小区名称"),
            people=True,
        ),
        PEOPLE,
        reads(30, without=("户主姓名", "身份证号", "联系电话"), notes=("姓名",)),
    ),
    Case(
        "people-only-areas",
        "people by community, without coordinates",
        "refused: a place is needed",
        csv(only("行政区划代码", "常住人口", "60岁以上"), people=True),
        PEOPLE,
        refused(
            At("missing_header", column="lon"),
            At("missing_header", column="lat"),
            also=("missing_header", "repeated_key"),
        ),
    ),
    Case(
        "people-in-polygons",
        "people in the polygons of communities",
        "a point inside each; the notes say so",
        layer(_by_area(人口=500), name="people.gpkg"),
        PEOPLE,
        reads(8, notes=("8 个面",)),
    ),
    Case(
        "people-in-broken-polygons",
        "people in polygons that cross themselves",
        "a point inside each",
        layer(
            _by_area(人口=500),
            lambda table: table.set_geometry(
                [shapely.Polygon([(102.5, 24.3), (102.51, 24.31), (102.51, 24.3), (102.5, 24.31)])] * 8, crs=table.crs
            ),
            name="people.gpkg",
        ),
        PEOPLE,
        reads(8),
    ),
    Case(
        "people-in-lines",
        "people on lines",
        "refused: points or polygons are needed",
        layer(_by_area(人口=500), lambda table: table.set_geometry(table.boundary), name="people.gpkg"),
        PEOPLE,
        refused("wrong_geometry"),
    ),
    Case(
        "people-in-facility-points",
        "the facilities where the people should be",
        "refused: no people in it",
        layer(points, name="homes.gpkg"),
        PEOPLE,
        refused("missing_people"),
    ),
)
