"""Publishing: whoever adds, subtracts and bounds the published numbers does not find a small group of people."""

import itertools
import runpy
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from carecircle.cover import COLUMNS
from carecircle.report import facts, map_html, suppression
from carecircle.report.workbook import write_csv, write_workbook

made = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))
town = made["town"]

BELOW = 5
AGES = ("people", "people_60", "people_65", "people_80")


class Place:
    """A county of townships of communities; people differ by where they live, age, and how long each kind takes."""

    def __init__(self, tree, people, ages, limits, kinds):
        self.ages, self.limits, self.kinds = ages, limits, kinds
        self.parent = {"C": None}
        self.parent |= {f"T{t}": "C" for t in range(len(tree))}
        self.parent |= {f"T{t}V{v}": f"T{t}" for t, count in enumerate(tree) for v in range(count)}
        # Everyone lives in some leaf: a community, or the rest of a township or county outside all of them.
        self.homes = sorted(self.parent)
        rings = range(len(limits) + 1)
        self.types = [
            (age, times) for age in range(len(ages)) for times in itertools.product(rings, repeat=max(1, len(kinds)))
        ]
        size = len(self.homes) * len(self.types)
        self.people = np.resize(np.array(people, float), size)

    def inside(self, area, home):
        while home is not None and home != area:
            home = self.parent[home]
        return home == area

    def form(self, area, age, ring, kind):
        """Who is counted: 1 for each (home, type) that is."""
        return np.array([
            float(self.inside(area, home) and own >= age and self.soonest(times, kind) <= ring)
            for home in self.homes
            for own, times in self.types
        ])  # fmt: skip

    def soonest(self, times, kind):
        return min(times) if kind == "all" else times[self.kinds.index(kind)]

    def forms(self):
        """Yield (area, age, limit or None, kind, form) of every number that can be published."""
        everyone = len(self.limits)
        for area, (number, age) in itertools.product(self.parent, enumerate(self.ages)):
            yield area, age, None, "all", self.form(area, number, everyone, "all")
            for (ring, limit), kind in itertools.product(enumerate(self.limits), ["all", *self.kinds]):
                yield area, age, limit, kind, self.form(area, number, ring, kind)

    def cover(self):
        numbers = {(area, age, limit, kind): form @ self.people for area, age, limit, kind, form in self.forms()}
        rows = [
            (area, self.level(area), area, kind, limit, age, "", value, numbers[area, age, None, "all"])
            for (area, age, limit, kind), value in numbers.items()
            if limit is not None
        ]
        rows += [(area, self.level(area), area, "all", 5.0, "points", "", 3.0, 9.0) for area in self.parent]
        return pd.DataFrame(rows, columns=COLUMNS)

    def level(self, area):
        return {1: "county", 2: "township"}.get(len(area), "community")

    def areas(self):
        levels = [self.level(area) for area in self.parent]
        columns = {"area_id": list(self.parent), "level": levels, "parent_id": list(self.parent.values())}
        return gpd.GeoDataFrame(columns, geometry=[None] * len(levels), crs="EPSG:4326")

    def attack(self, below=BELOW):
        """Return (forms of the published numbers, forms of the withheld ones)."""
        found = suppression.withhold(self.cover(), self.areas(), below)
        totals = found.drop_duplicates(["area_id", "measure"]).set_index(["area_id", "measure"])["total"]
        within = found.set_index(["area_id", "measure", "minutes", "kind"])["covered"]
        seen, hidden = [], []
        for area, age, limit, kind, form in self.forms():
            value = totals[area, age] if limit is None else within[area, age, limit, kind]
            assert np.isinf(value) or value == form @ self.people
            (hidden if np.isinf(value) else seen).append(form)
        shape = (-1, len(self.people))
        return np.array(seen).reshape(shape), np.array(hidden).reshape(shape)


def counts(size):
    few = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 12), st.integers(20, 90))
    return st.lists(few, min_size=size, max_size=size)


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(counts(40), st.sampled_from([((2,), 1, 2), ((2,), 2, 1), ((0, 0), 2, 1), ((0, 0), 1, 2), ((3,), 1, 1)]))
@quick
def test_no_sum_or_difference_is_a_small_group(people, shape):
    """Brute force: every combination of the published numbers with -1, 0 and 1 that counts real people."""
    tree, ages, limits = shape
    place = Place(tree, people, AGES[1 : 1 + ages], [5.0, 10.0][:limits], [])
    seen, _ = place.attack()
    seen = np.unique(seen, axis=0)[:10]
    signs = np.array(list(itertools.product((-1, 0, 1), repeat=len(seen)))).reshape(3 ** len(seen), len(seen))
    combined = signs @ seen
    groups = combined[((combined == 0) | (combined == 1)).all(axis=1)]
    sizes = np.unique(groups @ place.people)
    assert not ((sizes > 0) & (sizes < BELOW)).any()


def groups(place):
    """Return who is counted in an area, and in it within one limit, age or kind but not within another."""
    found = []
    for _, own in itertools.groupby(sorted(place.forms(), key=lambda one: one[0]), key=lambda one: one[0]):
        forms = np.unique([form for *_, form in own], axis=0)
        larger, smaller = np.nonzero((forms[:, None] >= forms[None]).all(axis=2))
        found += [forms, forms[larger] - forms[smaller]]
    return np.unique(np.concatenate(found), axis=0)


@given(
    counts(200),
    st.sampled_from([(2,), (3,), (1, 1), (2, 1), (0, 0)]),
    st.sampled_from([AGES[1:2], AGES[:2], AGES[1:3], AGES[3:], AGES[:3]]),
    st.sampled_from([[], ["a"]]),
)
@settings(max_examples=40, deadline=None)
def test_nobody_can_tell_that_a_group_is_small(people, tree, ages, kinds):
    """Linear programming: with all that is published, every small group might as well hold `below` people or more."""
    place = Place(tree, people, ages, [5.0, 10.0], kinds)
    seen, _ = place.attack()
    every = groups(place)
    sizes = every @ place.people
    small = every[(sizes > 0) & (sizes < BELOW)]
    known = {"A_eq": seen, "b_eq": seen @ place.people} if len(seen) else {}
    for form in small[:: max(1, len(small) // 8)]:
        best = linprog(-form, **known)
        assert best.status == 3 or -best.fun > BELOW - 1e-6  # 3: no bound at all


@given(counts(60), st.integers(2, 9))
@quick
def test_the_higher_the_limit_the_less_is_shown(people, below):
    place = Place((2, 2), people, AGES[1:2], [5.0, 10.0], [])
    found = suppression.withhold(place.cover(), place.areas(), below)
    shown = found[~np.isinf(found["covered"]) & (found["measure"] == "people_60")]
    rest = shown["total"] - shown["covered"]
    for numbers in (shown["covered"], rest, shown["total"]):
        assert not ((numbers > 0) & (numbers < below)).any()


def test_large_numbers_stay():
    place = Place((2, 3), [50], AGES, [5.0, 10.0], ["a", "b"])
    cover = place.cover()
    found = suppression.withhold(cover, place.areas(), BELOW)
    detail = cover["measure"].isin(["people_65", "people_80"]) & (cover["kind"] != "all")
    pd.testing.assert_frame_equal(found[~detail], cover[~detail])
    assert np.isinf(found.loc[detail, "covered"]).all()  # never published, whatever its size


def simple(*covered, total=100.0):
    """A township with communities of these counts of people within the limit."""
    rows = [("T0", "township", float(sum(covered)), total * len(covered))]
    rows += [(f"T0V{at}", "community", float(value), total) for at, value in enumerate(covered)]
    cover = pd.DataFrame([
        (area, level, area, "all", 15.0, "people_60", "", value, of) for area, level, value, of in rows
    ], columns=COLUMNS)  # fmt: skip
    parents = [None] + ["T0"] * len(covered)
    areas = gpd.GeoDataFrame(
        {"area_id": cover["area_id"], "level": cover["level"], "parent_id": parents},
        geometry=[None] * len(cover),
        crs="EPSG:4326",
    )
    return cover, areas


def shown(*covered, **options):
    found = suppression.withhold(*simple(*covered, **options), BELOW)
    return ["*" if np.isinf(value) else int(value) for value in found["covered"]]


def test_a_single_small_number_takes_another_with_it():
    """Else it would be the township's number less those of its neighbours."""
    assert shown(3, 40, 60) == [103, "*", "*", 60]
    assert shown(97, 40, 60) == [197, "*", "*", 60]  # three people that nothing reaches are as few
    assert shown(0, 40, 60) == [100, 0, 40, 60]
    assert shown(1, 1, 1) == ["*", "*", "*", "*"]
    assert shown(2, 3, 60) == [65, "*", "*", 60]  # together they are five
    assert shown(2, 2, 60) == [64, "*", "*", "*"]  # together they would be four
    assert shown(3) == ["*", "*"]


def test_small_totals_go_with_all_that_is_of_them():
    found = suppression.withhold(*simple(2, 3, 0, total=4.0), BELOW)
    assert np.isinf(found["total"]).tolist() == [False, True, True, True]


def test_what_is_not_known_stays_so():
    cover, areas = simple(3, 40, 60)
    cover.loc[2, ["covered", "total"]] = np.nan
    cover.loc[0, ["covered", "total"]] = [63.0, 200.0]
    found = suppression.withhold(cover, areas, BELOW)
    assert found["covered"].isna().tolist() == [False, False, True, False]
    assert np.isinf(found["covered"]).tolist() == [False, True, False, True]


def test_only_people_are_withheld():
    place = Place((2,), [1], AGES, [5.0], [])
    cover = place.cover()
    found = suppression.withhold(cover, place.areas(), BELOW)
    points = cover["measure"] == "points"
    pd.testing.assert_frame_equal(found[points], cover[points])
    only_points = cover[points].reset_index(drop=True)
    assert suppression.withhold(only_points, place.areas(), BELOW) is only_points


def test_tables_say_what_is_withheld(tmp_path):
    found = suppression.withhold(*simple(2, 3, 0, total=4.0), BELOW)
    back = pd.read_csv(write_csv(found, tmp_path / "cover.csv"), encoding="utf-8-sig", keep_default_na=False)
    assert list(back.columns) == [*COLUMNS, "withheld"]
    assert back["withheld"].tolist() == ["", "covered total", "covered total", "covered total"]
    assert back["covered"].tolist() == ["5.0", "", "", ""]
    plain, _ = simple(50, 60)
    assert list(pd.read_csv(write_csv(plain, tmp_path / "plain.csv")).columns) == COLUMNS


# A whole study


@pytest.fixture(scope="module")
def study():
    return town()


@pytest.fixture(scope="module")
def public(study):
    return suppression.published(study, BELOW)


def test_points_and_facilities_tell_no_people(public):
    assert np.isinf(public.demand["people_60"].dropna()).all()
    assert set(facts.served_people(public)) <= {0.0, np.inf}
    assert facts.count(facts.uncovered(public)["people_60"].iloc[0]) == "不公布"


def test_the_order_of_points_tells_nothing(public):
    keys = [key for key, people in zip(*facts.uncovered(public)[["demand_id", "people_60"]].to_numpy().T, strict=True)
            if np.isinf(people)]  # fmt: skip
    assert keys == sorted(keys)


def test_numbers_on_the_map_and_in_the_workbook_are_the_published_ones(public, tmp_path):
    page = map_html(public)
    assert "不公布" in page
    assert "Infinity" not in page
    write_workbook(public, tmp_path / "public.xlsx")
    sheets = pd.read_excel(tmp_path / "public.xlsx", sheet_name=None, engine="openpyxl")
    shown = sheets["覆盖率"].set_index("区划代码")
    cover = public.cover[(public.cover["measure"] == "people_60") & (public.cover["kind"] == "all")]
    for limit in (5, 10, 15):
        column = f"{limit} 分钟内（60 岁及以上人口）"
        own = cover[cover["minutes"] == limit].set_index("area_id")
        hidden = np.isinf(own["covered"]) & (own["total"] != 0)
        words = shown[column].set_axis(shown.index.astype(str)).reindex(own.index)
        assert (words[hidden] == "不公布").all()
        assert (words[~hidden] != "不公布").all()
    assert hidden.any()
    assert set(sheets["未覆盖"]["60 岁及以上人口"]) <= {"不公布", "无数据"}
    assert any("不公布" in str(cell) for cell in sheets["说明"].iloc[:, 1])


def test_a_headline_with_a_withheld_part_is_withheld(study):
    few = replace(study, cover=study.cover.assign(covered=np.minimum(study.cover["covered"], 3.0)))
    public = suppression.published(few, BELOW)
    covered, total = facts.headline(public)
    assert facts.percent(covered, total) == "不公布"
    assert "不公布" in map_html(public)


def test_the_notes_say_so(study, public):
    assert "少于 5 人" in public.notes[-1]
    assert public.provenance["notes"] == list(public.notes)
    assert study.notes == public.notes[:-1]


def test_layers_hold_no_infinite_number(public):
    assert not np.isinf(suppression.blanked(public.demand).select_dtypes("number").to_numpy(float)).any()
    assert suppression.blanked(public.demand)["minutes"].notna().all()
