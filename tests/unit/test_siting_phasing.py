"""Centres year by year: quotas, units, and both ways of planning ahead, against brute force on small towns."""

import runpy
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.policy import load_pack
from carecircle.siting.options import SiteOptions
from carecircle.siting.phased import phased
from carecircle.siting.phasing import Quota, phase, quotas_of, schedule_years

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
Town = made["Town"]
YIYANG = load_pack("yiyang").model_copy(update={"area_codes": ("5399",)})
OPTIONS = SiteOptions(seconds=10)
YEARS = (2026, 2027)


@pytest.fixture(scope="module")
def make(at, streets, lonlat_of):
    """A function from a seed to a town: ``make(seed, candidates)``."""
    network, areas = made["network_of"](streets), made["areas_of"](lonlat_of)

    def town(seed, candidates=8, *, pack=YIYANG, nodes=None, stands=(0,), kinds=None):
        rng = np.random.default_rng(seed)
        order = rng.permutation(32)[:candidates] if nodes is None else np.array(nodes)
        return Town(
            network,
            areas,
            made["facilities_of"](at, list(stands), kinds or ["embedded"] * len(stands)),
            made["demand_of"](at, rng.integers(0, 40, 32)),
            made["candidates_of"](at, order),
            pack,
        )

    return town


def quota(row, columns, units, *by_year, key="SQ"):
    return Quota(row, f"{row}县", key, "社区", np.array(columns, np.int64), np.array(units, object), by_year)


def random_quotas(seed, count=8):
    """Two rows of four candidates, some in the same unit."""
    rng = np.random.default_rng(seed)
    units = [f"u{k}" for k in rng.integers(0, 3, count)]
    half = count // 2
    numbers = [np.sort(rng.integers(0, 3, 2)) for _ in range(2)]
    return (
        quota("1", range(half), units[:half], *map(int, numbers[0])),
        quota("2", range(half, count), units[half:], *map(int, numbers[1])),
    )


def fits(quotas, chosen, year):
    """Whether a choice fills every quota of a year, or all units that it has, and never more; one in a unit."""
    for one in quotas:
        mine = [k for k in chosen if k in one.columns]
        units = [one.units[list(one.columns).index(k)] for k in mine]
        if len(set(units)) < len(units) or len(mine) != min(one.by_year[year], one.room):
            return False
    return True


def choices(quotas, year, within=None):
    columns = [int(k) for one in quotas for k in one.columns]
    size = sum(min(one.by_year[year], one.room) for one in quotas)
    for one in combinations(columns if within is None else sorted(within), size):
        if fits(quotas, one, year):
            yield one


def people(reach, chosen):
    served = (reach.cover().toarray()[:, list(chosen)] > 0).any(axis=1) if len(chosen) else np.zeros(32, bool)
    return float(reach.weight[served & ~reach.near].sum())


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_against_brute_force(make, seed):
    reach = make(seed).reach()
    quotas = random_quotas(seed)
    found = phase(reach, np.arange(8), quotas, YEARS, OPTIONS)
    best = max(people(reach, one) for one in choices(quotas, 1))
    far, myopic = found.ways["far_sighted"], found.ways["myopic"]
    assert people(reach, far[-1].columns) == best == found.end.objective
    assert found.end.bound >= found.end.objective
    first = max(people(reach, one) for one in choices(quotas, 0))
    assert people(reach, myopic[0].columns) == first
    before = set(myopic[0].columns.tolist())
    top = max(people(reach, one) for one in choices(quotas, 1) if before <= set(one))
    assert people(reach, myopic[1].columns) == top <= best
    within = max(people(reach, one) for one in choices(quotas, 0, far[1].columns.tolist()))
    assert people(reach, far[0].columns) == within
    assert found.best == "far_sighted"
    for phases in (far, myopic):
        assert set(phases[0].columns) <= set(phases[1].columns), "a centre that stands is never moved"
        for year, one in enumerate(phases):
            assert fits(quotas, one.columns.tolist(), year)


def test_far_sight_wins_where_the_first_year_misleads(make, at):
    """By hand: the middle of three places is the best one (11 people), and none of the best two (18)."""
    town = make(0, nodes=[1, 3, 5], stands=[31])
    people_at = np.zeros(32)
    people_at[1:6] = 4, 5, 1, 5, 4
    reach = Town(
        town.network, town.areas, town.facilities, made["demand_of"](at, people_at), town.candidates, town.pack
    ).reach()
    found = phase(reach, np.arange(3), (quota("1", range(3), list("abc"), 1, 2),), YEARS, OPTIONS)
    served = {way: [people(reach, one.columns) for one in phases] for way, phases in found.ways.items()}
    assert served == {"myopic": [11, 15], "far_sighted": [9, 18]}
    assert found.best == "far_sighted"
    assert found.ways["far_sighted"][0].columns.tolist() == [0], "of equal places the first"


def test_a_quota_without_room_is_named_and_no_unit_gets_two(make):
    reach = make(3).reach()
    quotas = (quota("1", [0, 1, 2, 3], ["a", "a", "b", "b"], 1, 3), quota("2", [4, 5], ["c", "d"], 1, 2))
    found = phase(reach, np.arange(8), quotas, YEARS, OPTIONS)
    assert found.reasons == (text("siting.no_room", row="1县", kind="社区", year=2027, wanted=3, room=2),)
    for phases in found.ways.values():
        units = ["aabbcd"[k] for k in phases[-1].columns]
        assert sorted(units) == ["a", "b", "c", "d"]


def test_forbidden_candidates_give_no_room(make):
    reach = make(3).reach()
    quotas = (quota("1", [0, 1, 2, 3], ["a", "a", "b", "c"], 1, 3),)
    names = reach.candidates["candidate_id"]
    options = SiteOptions(forbid=(names[2],), seconds=10)
    found = phase(reach, np.arange(8), quotas, YEARS, options)
    assert found.reasons == (text("siting.no_room", row="1县", kind="社区", year=2027, wanted=3, room=2),)
    assert all(2 not in phases[-1].columns for phases in found.ways.values())


def test_settled_candidates_are_built_by_the_end_both_ways(make):
    reach = make(4).reach()
    quotas = (quota("1", range(6), list("aabbcd"), 1, 2),)
    names = reach.candidates["candidate_id"]
    for pair in combinations(range(6), 2):
        if "aabbcd"[pair[0]] == "aabbcd"[pair[1]]:
            continue
        options = SiteOptions(force=tuple(names[list(pair)]), seconds=10)
        found = phase(reach, np.arange(8), quotas, YEARS, options)
        for phases in found.ways.values():
            assert set(phases[-1].columns) == set(pair)
            assert len(phases[0].columns) == 1


def test_nothing_is_asked(make):
    reach = make(5).reach()
    none = (quota("1", [0, 1], ["a", "b"], 0, 0),)
    for quotas in (none, ()):
        found = phase(reach, np.arange(8), quotas, YEARS, OPTIONS)
        assert all(len(one.columns) == 0 for phases in found.ways.values() for one in phases)
        assert (found.reasons, found.end.objective, found.end.status) == ((), 0.0, "optimal")


# With the pack's own schedule


def small_schedule(cells, rows=("539901", "539902"), classes=("SQ",), years=YEARS):
    """Yiyang's schedule with other rows and numbers: ``{(row, class): (2026, 2027)}``."""
    schedule = YIYANG.schedule
    kept = tuple(one for one in schedule.classes if one.key in classes)
    blank = (0,) * (1 + len(years))
    lines = tuple(
        schedule.rows[0].model_copy(
            update={
                "code": row,
                "name": f"行{row[-1]}",
                "cells": {key: (sum(cells[row, key]), *cells[row, key]) for key in classes if (row, key) in cells}
                | {key: blank for key in classes if (row, key) not in cells},
            }
        )
        for row in rows
    )
    sums = {
        key: tuple(int(sum(column)) for column in zip(*(one.cells[key] for one in lines), strict=True))
        for key in classes
    }
    total = schedule.total.model_copy(update={"cells": sums})
    change = {"years": years, "classes": kept, "rows": lines, "total": total, "merges": {}}
    return YIYANG.model_copy(update={"schedule": schedule.model_copy(update=change)})


def test_a_schedule_by_county(make):
    """One community in 2026 and another in 2027 in the east, two at once in the west."""
    pack = small_schedule({("539901", "SQ"): (1, 1), ("539902", "SQ"): (0, 2)})
    town = make(1, pack=pack, nodes=[1, 2, 3, 9, 4, 5, 6, 7, 20])
    reach = town.reach()
    plan = phased(reach, pack, town.evidence, options=OPTIONS)
    assert (plan.status, len(plan.chosen)) == ("optimal", 4)
    county = plan.chosen.to_crs(4326).geometry.x.lt(town.areas.geometry[1].bounds[2])
    numbers = {(year, bool(east)): len(part) for (year, east), part in plan.chosen.groupby(["phase", county])}
    assert numbers == {(2026, True): 1, (2027, True): 1, (2027, False): 2}
    assert plan.objective == plan.chosen["gain"].sum() <= plan.bound
    where = [made["node_xy"](node)[0] // 400 for node in (1, 2, 3, 9, 4, 5, 6, 7, 20)]
    best = 0.0
    for east, west in product(combinations(range(4), 2), combinations(range(4, 8), 2)):
        if len({where[k] for k in east}) == 2:
            names = [f"C{k:02}" for k in (*east, *west)]
            best = max(best, people(reach, reach.columns(names)))
    assert plan.objective == best
    table = plan.phases.set_index(["way", "year"])
    assert table["built"].to_dict() == {(w, y): n for w in ("myopic", "far_sighted") for y, n in ((2026, 1), (2027, 4))}
    served = reach.near | (reach.cover().toarray()[:, reach.columns(plan.chosen["candidate_id"])] > 0).any(axis=1)
    assert table.loc[("far_sighted", 2027), "covered"] == reach.weight[served].sum()
    assert plan.chosen["covered"].iloc[-1] == reach.weight[served].sum()


def test_what_stands_counts_and_its_unit_needs_none(make):
    """A community centre was built in the east in 2025: of two that are asked one is left, elsewhere."""
    pack = small_schedule({("539901", "SQ"): (1, 1)})
    town = make(1, pack=pack, nodes=[0, 8, 2])
    facilities = town.facilities.assign(kind="标准化社区居家养老服务中心", opened=np.datetime64("2026-02-01", "ns"))
    town = Town(town.network, town.areas, facilities, town.demand, town.candidates, pack)
    plan = phased(town.reach(), pack, town.evidence, options=OPTIONS)
    assert (plan.status, plan.chosen["candidate_id"].tolist()) == ("optimal", ["C02"])
    assert plan.chosen["phase"].tolist() == [2027]


def test_all_that_is_asked_stands(make):
    pack = small_schedule({("539901", "SQ"): (1, 0)})
    town = make(1, pack=pack, nodes=[0, 8, 2])
    facilities = town.facilities.assign(kind="标准化社区居家养老服务中心", opened=np.datetime64("2026-02-01", "ns"))
    town = Town(town.network, town.areas, facilities, town.demand, town.candidates, pack)
    plan = phased(town.reach(), pack, town.evidence, options=OPTIONS)
    assert (plan.status, len(plan.chosen), plan.objective) == ("optimal", 0, 0)


def test_a_county_without_a_candidate_is_named(make):
    """The west has neither a facility nor a candidate, and a quota all the same."""
    pack = small_schedule({("539901", "SQ"): (1, 0), ("539902", "SQ"): (1, 1)})
    town = make(1, pack=pack, nodes=[1, 2])
    plan = phased(town.reach(), pack, town.evidence, options=OPTIONS)
    assert (plan.status, len(plan.chosen)) == ("infeasible", 1)
    (reason,) = [one for one in plan.reasons if "行2" in one]
    title = next(one for one in YIYANG.schedule.classes if one.key == "SQ").title.said()
    assert reason == text("siting.no_room", row="行2", kind=title, year=2026, wanted=1, room=0)


def test_rows_of_the_schedule_for_counties_of_another_place(make):
    pack = small_schedule({("430903", "SQ"): (1, 1)}, rows=("430903", "430921"))
    pack = pack.model_copy(update={"area_codes": ("4309",)})
    town = make(1, pack=pack, nodes=[1, 2, 3, 5, 6])
    reach = town.reach()
    plan = phased(reach, pack, town.evidence, rows={"539902": "430903"}, options=OPTIONS)
    assert plan.status == "optimal"
    assert sorted(plan.chosen["candidate_id"]) == ["C03", "C04"]
    sums = phased(reach, pack, town.evidence, options=OPTIONS)
    assert len(sums.chosen) == 2
    assert text("siting.sums_of_rows") in sums.reasons
    with pytest.raises(UsageError, match="430999"):
        phased(reach, pack, town.evidence, rows={"539902": "430999"}, options=OPTIONS)


def test_a_pack_without_a_schedule(make):
    town = make(1)
    pack = YIYANG.model_copy(update={"schedule": None})
    reach = town.reach()
    case = Town(town.network, town.areas, town.facilities, town.demand, town.candidates, pack).case(reach, ["embedded"])
    with pytest.raises(UsageError, match=YIYANG.id):
        quotas_of(case, {}, {})


@pytest.mark.parametrize(("day", "years"), [(2024, (2025, 2026, 2027)), (2026, (2026, 2027)), (2031, (2027,))])
def test_years_that_are_not_over(day, years):
    assert schedule_years(YIYANG.schedule, day) == years
