"""Ranked alternatives: all plans in their order, as brute force has it."""

import runpy
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from carecircle.siting.alternatives import alternatives_table, next_best
from carecircle.siting.options import SiteOptions
from carecircle.siting.problems import maximum_coverage
from carecircle.siting.solvers.solution import Solution

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))


@pytest.fixture(scope="module")
def reach_of(at, streets, lonlat_of):
    """A function from a seed to who reaches whom; each candidate alone serves somebody."""
    network, areas = made["network_of"](streets), made["areas_of"](lonlat_of)

    def make(seed, count=7):
        rng = np.random.default_rng(seed)
        nodes = rng.permutation(32)
        demand = made["demand_of"](at, rng.integers(1, 90, 32))
        candidates = made["candidates_of"](at, nodes[1 : 1 + count])
        facilities = made["facilities_of"](at, nodes[:1], ["embedded"])
        return made["Town"](network, areas, facilities, demand, candidates).reach()

    return make


def value(reach, chosen):
    served = (reach.cover().toarray()[:, list(chosen)] > 0).any(axis=1)
    return float(reach.weight[served & ~reach.near].sum())


@pytest.mark.parametrize("sites", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_ranking_is_that_of_all_plans(reach_of, seed, sites):
    reach = reach_of(seed)
    plan = maximum_coverage(reach, sites=sites, options=SiteOptions(seconds=20), alternatives=8)
    every = sorted((value(reach, one) for one in combinations(range(7), sites)), reverse=True)
    table = plan.alternatives
    assert table["rank"].tolist() == list(range(1, 10))
    assert table["objective"].tolist() == every[:9]
    assert table["loss"].tolist() == [every[0] - one for one in every[:9]]
    assert table["certain"].all()
    assert (table["sites"] == sites).all()


def test_what_each_has_and_lacks_makes_its_value(reach_of):
    reach = reach_of(9)
    plan = maximum_coverage(reach, sites=3, options=SiteOptions(seconds=20), alternatives=6)
    place = {name: column for column, name in enumerate(reach.names)}
    best = {place[name] for name in plan.chosen["name"]}
    seen = set()
    for row in plan.alternatives.itertuples():
        added = {place[name] for name in row.added.split("、") if name}
        dropped = {place[name] for name in row.dropped.split("、") if name}
        assert dropped <= best
        assert not added & best
        mine = (best - dropped) | added
        assert value(reach, mine) == row.objective
        seen.add(frozenset(mine))
    assert len(seen) == 7, "no plan comes twice"


def test_settled_and_forbidden_sites_hold_for_all_plans(reach_of):
    reach = reach_of(2)
    options = SiteOptions(force=("C05",), forbid=("C00",), seconds=20)
    table = maximum_coverage(reach, sites=3, options=options, alternatives=20).alternatives
    free = [one for one in range(7) if one not in reach.columns(["C05", "C00"])]
    kept = int(reach.columns(["C05"])[0])
    plans = [(*one, kept) for size in range(3) for one in combinations(free, size)]  # fewer sites are plans, too
    assert table["objective"].tolist() == sorted((value(reach, one) for one in plans), reverse=True)[: len(table)]
    assert len(table) == min(21, len(plans))
    names = dict(zip(reach.candidates["candidate_id"], reach.names, strict=True))
    assert not table["added"].str.contains(names["C00"]).any()
    assert not table["dropped"].str.contains(names["C05"]).any()


def test_a_plan_that_was_not_solved_to_its_end_makes_all_after_it_uncertain(reach_of):
    """A solver that proves nothing about plans without the first column."""
    weight = np.array([5.0, 4.0, 3.0, 2.0])

    def solve(forced, forbidden, _):
        free = [one for one in np.argsort(-weight) if one not in forbidden and one not in forced]
        chosen = np.sort(np.array([*forced, *free][:2]))
        status = "feasible" if 0 in forbidden else "optimal"
        return Solution(chosen, status, float(weight[chosen].sum()), 99.0, 0.0, "search", "test")

    nothing = np.empty(0, np.int64)
    best = solve(nothing, nothing, 1.0)
    others = next_best(solve, best, 3, maximise=True, forced=nothing, seconds=5)
    assert [one.plan.objective for one in others] == [8.0, 7.0, 7.0]
    table = alternatives_table(reach_of(1), np.arange(7), best, others)
    assert table["certain"].tolist() == [True, False, False, False]


def test_only_one_plan(reach_of):
    reach = reach_of(3, 2)
    table = maximum_coverage(reach, sites=2, options=SiteOptions(seconds=5), alternatives=5).alternatives
    values = sorted((value(reach, one) for n in (0, 1, 2) for one in combinations(range(2), n)), reverse=True)
    assert table["objective"].tolist() == values[: len(table)]
    assert len(table) >= 1


def test_a_part_that_the_clock_cut_off_makes_the_next_plan_uncertain():
    """The second part, which holds the better plan, is not solved any more."""
    import time  # noqa: PLC0415

    def solve(_forced, forbidden, _seconds):
        if len(forbidden):
            time.sleep(0.05)
            return Solution(np.array([2, 3]), "optimal", 5.0, 5.0, 0.0, "proved", "test")
        return Solution(np.array([0, 1]), "optimal", 9.0, 9.0, 0.0, "proved", "test")

    nothing = np.empty(0, np.int64)
    others = next_best(solve, solve(nothing, nothing, 1.0), 1, maximise=True, forced=nothing, seconds=0.01)
    assert not any(one.certain for one in others)
