"""The fewest centres for targets: which of the smallest plans is taken, settled and forbidden sites, costs, tables."""

import runpy
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carecircle.errors import UsageError
from carecircle.siting.options import SiteOptions
from carecircle.siting.reaching import Share, reach_target
from carecircle.siting.tables import units_of

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
Town, YUXI, subsets = made["Town"], made["YUXI"], made["subsets"]
COMMUNITIES = YUXI.target("YX-05")


def target(name, base=COMMUNITIES, **change):
    return base.model_copy(update={"id": name, "kinds": ("embedded",), "functions": (), **change})


HALF = target("B-01", threshold=Decimal(50))
EACH = target("B-02", unit="township_level", threshold=Decimal(75))
TWO = target("B-03", unit="county", metric="facilities_per_unit", threshold=Decimal(2), threshold_unit="number")


@pytest.fixture(scope="module")
def make(at, streets, lonlat_of):
    """A function from a seed to a town: ``make(seed, candidates)``; half of its candidates are idle property."""
    network, areas = made["network_of"](streets), made["areas_of"](lonlat_of)

    def town(seed, candidates=9, *, stands=(), nodes=None, **more):
        rng = np.random.default_rng(seed)
        order = rng.permutation(32) if nodes is None else np.array(nodes)
        candidates = len(order) if nodes is not None else candidates
        return Town(
            network,
            areas,
            made["facilities_of"](at, list(stands) or [0], ["embedded"] * max(1, len(stands))),
            made["demand_of"](at, rng.integers(0, 40, 32)),
            made["candidates_of"](at, order[:candidates], rng.choice(["idle", "road"], candidates), **more),
            YUXI.model_copy(update={"targets": (HALF, EACH, TWO)}),
        )

    return town


def share_holds(reach, share, chosen):
    served = reach.near | (reach.cover().toarray()[:, chosen] > 0).any(axis=1)
    return 100 * reach.weight[served].sum() >= share * reach.weight.sum()


def worth(reach, chosen, *, idle_first=True):
    """What is compared between plans of one size: idle property, then people."""
    idle = int(reach.candidates["source"].iloc[list(chosen)].eq("idle").sum())
    served = reach.near | (reach.cover().toarray()[:, list(chosen)] > 0).any(axis=1)
    return (idle if idle_first else 0, reach.weight[served].sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("idle_first", [True, False])
def test_of_the_smallest_plans_the_one_with_most_idle_property_and_then_most_people(make, seed, idle_first):
    reach = make(seed, 10).reach()
    plan = reach_target(reach, share=Share(50.0), idle_first=idle_first, options=SiteOptions(seconds=5))
    fit = [tuple(one) for one in subsets(10) if share_holds(reach, 50, one)]
    if not fit:
        assert plan.status == "infeasible"
        return
    fewest = min(map(len, fit))
    assert (plan.status, len(plan.chosen), plan.objective) == ("optimal", fewest, fewest)
    best = max(worth(reach, one, idle_first=idle_first) for one in fit if len(one) == fewest)
    assert worth(reach, reach.columns(plan.chosen["candidate_id"]), idle_first=idle_first) == best


@pytest.mark.parametrize("seed", range(3))
def test_of_the_smallest_plans_for_units_too(make, seed):
    """Half of the urban communities: which candidates do it is told by where they stand."""
    town = make(seed, 12)
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    plan = reach_target(reach, [(case, [HALF])], options=SiteOptions(seconds=5))
    where = case.place.area_of("facilities", "community").iloc[case.first :].to_numpy(object)
    urban = np.array([isinstance(one, str) and one[6:9] == "001" and one[9] == "0" for one in where])
    lacking = 4 - 1  # one of the eight has what stands at the first node
    choices = [
        one
        for one in combinations(np.flatnonzero(urban & (where != "539901001001")), lacking)
        if len({where[k] for k in one}) == lacking
    ]
    if not choices:
        assert plan.status == "infeasible"
        return
    assert (plan.status, len(plan.chosen)) == ("optimal", lacking)
    assert worth(reach, reach.columns(plan.chosen["candidate_id"])) == max(worth(reach, one) for one in choices)


@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_is_that_of_brute_force(make, seed):
    cost = np.random.default_rng(seed + 50).integers(1, 30, 9) / 10
    reach = make(seed, 9, cost=cost).reach()
    plan = reach_target(reach, share=Share(50.0), cheapest=True, options=SiteOptions(seconds=5))
    costs = reach.candidates["cost"].to_numpy()
    fit = [costs[one].sum() for one in subsets(9) if share_holds(reach, 50, one)]
    assert plan.status == ("optimal" if fit else "infeasible")
    if fit:
        assert plan.objective == pytest.approx(min(fit))
        assert plan.chosen["cost"].sum() == pytest.approx(min(fit))


@pytest.mark.parametrize("seed", range(3))
def test_settled_sites_are_in_and_forbidden_ones_out(make, seed):
    reach = make(seed, 9).reach()
    options = SiteOptions(force=("C03",), forbid=("C00", "C05"), seconds=5)
    plan = reach_target(reach, share=Share(45.0), options=options, alternatives=3)
    out, given = reach.columns(["C00", "C05"]), reach.columns(["C03"])[0]
    fit = [one for one in subsets(9) if given in one and not set(out) & set(one) and share_holds(reach, 45, one)]
    assert plan.status == ("optimal" if fit else "infeasible")
    if fit:
        assert len(plan.chosen) == min(map(len, fit))
        assert "C03" in set(plan.chosen["candidate_id"])
        assert not {"C00", "C05"} & set(plan.chosen["candidate_id"])


def test_where_nothing_lacks_only_what_is_settled_is_built(make):
    town = make(1, 6, stands=[0, 1, 2, 3])
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    nothing = reach_target(reach, [(case, [HALF])], options=SiteOptions(seconds=5))
    assert (nothing.status, nothing.objective, nothing.bound, len(nothing.chosen)) == ("optimal", 0, 0, 0)
    assert nothing.targets["holds_before"].tolist() == nothing.targets["holds_after"].tolist() == [True]
    settled = reach_target(reach, [(case, [HALF])], options=SiteOptions(force=("C04",), seconds=5))
    assert settled.chosen["candidate_id"].tolist() == ["C04"]
    assert (settled.status, settled.objective) == ("optimal", 1)


def test_both_settled_and_forbidden_is_refused(make):
    reach = make(1, 6).reach()
    with pytest.raises(UsageError, match="C01"):
        reach_target(reach, share=Share(50.0), options=SiteOptions(force=("C01",), forbid=("C01", "C02")))


def test_nothing_asked_is_refused(make):
    with pytest.raises(UsageError):
        reach_target(make(1, 6).reach())


def test_sites_are_told_with_the_units_that_pass(make):
    """By hand: three communities of the east lack one, of four in all; two counties need two centres each."""
    town = make(2, nodes=[1, 2, 3, 5, 6, 20])
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    full = HALF.model_copy(update={"threshold": Decimal("62.5")})  # five of eight
    plan = reach_target(reach, [(case, [full, TWO])], options=SiteOptions(seconds=5))
    assert (plan.status, len(plan.chosen)) == ("optimal", 4)
    said = "、".join(plan.chosen["units"])
    passed = [name for name in town.areas["name"] if name in said]
    assert len([name for name in passed if name.endswith("社区")]) == 4
    assert {"东县", "西县"} <= set(passed)
    assert set(plan.chosen["built_as"]) == {"社区嵌入式养老服务机构"}
    served = reach.near | (reach.cover().toarray()[:, reach.columns(plan.chosen["candidate_id"])] > 0).any(axis=1)
    assert plan.chosen["covered"].iloc[-1] == reach.weight[served].sum()
    assert plan.chosen["gain"].sum() == reach.weight[served & ~reach.near].sum()
    curve = plan.curve[plan.curve["measure"] == "B-01"]
    assert curve["covered"].tolist()[0] == 1
    assert curve["covered"].tolist()[-1] == plan.targets.set_index("target_id").loc["B-01", "after"] == 5
    assert curve["chosen"].tolist() == [False] * 4 + [True]


def test_one_place_as_two_kinds_is_two_rows(make):
    town = make(3, nodes=[17, 18])
    reach = town.reach()
    meals = target("B-04", kinds=("meal_site",), unit="village", threshold=Decimal(10))
    care = target("B-05", unit="village", threshold=Decimal(10))
    case = town.case(reach, ["embedded", "meal_site"])
    options = SiteOptions(forbid=("C01",), seconds=5)
    plan = reach_target(reach, [(case, [meals, care])], options=options)
    assert (plan.status, plan.objective) == ("optimal", 2)
    assert plan.chosen["candidate_id"].tolist() == ["C00", "C00"]
    assert sorted(plan.chosen["built_as"]) == ["社区嵌入式养老服务机构", "老年助餐点"]
    assert plan.chosen["rank"].tolist() == [1, 2]
    new = reach.weight[~reach.near & (reach.cover().toarray()[:, reach.columns(["C00"])[0]] > 0)].sum()
    assert sorted(plan.chosen["gain"]) == [0, new]
    assert plan.targets["holds_after"].all()
    assert len(plan.assignment) == plan.assignment["demand_id"].nunique()


@pytest.mark.parametrize("each", ["all", "county"])
def test_a_share_has_its_line_in_the_curve(make, each):
    reach = make(4, 12).reach()
    east = reach.demand["demand_id"].str[1:].astype(int) % 8 < 4
    labels = None if each == "all" else pd.Series(np.where(east, "E", "W"))
    names = pd.Series({"E": "东县", "W": "西县"})
    plan = reach_target(reach, share=Share(40.0, labels, names), options=SiteOptions(seconds=5))
    assert plan.status == "optimal"
    line = plan.curve.loc[plan.curve["measure"] == "people_60", "threshold"]
    assert (line == 40).all() if each == "all" else line.isna().all()
    served = reach.near | (reach.cover().toarray()[:, reach.columns(plan.chosen["candidate_id"])] > 0).any(axis=1)
    for part in [np.ones(32, bool)] if each == "all" else [east.to_numpy(), ~east.to_numpy()]:
        assert reach.weight[part & served].sum() >= 0.4 * reach.weight[part].sum()


def test_counties_out_of_reach_are_named(make):
    reach = make(4, nodes=[1, 2, 3, 8]).reach()
    east = reach.demand["demand_id"].str[1:].astype(int) % 8 < 4
    labels = pd.Series(np.where(east, "E", "W"))
    share = Share(30.0, labels, pd.Series({"E": "东县", "W": "西县"}))
    plan = reach_target(reach, share=share, options=SiteOptions(seconds=5))
    assert plan.status == "infeasible"
    assert any("西县" in one for one in plan.reasons)
    assert not any("东县" in one for one in plan.reasons)


def test_other_plans_are_as_good_as_brute_force_says(make):
    reach = make(5, 9).reach()
    plan = reach_target(reach, share=Share(45.0), options=SiteOptions(seconds=10), alternatives=4)
    sizes = sorted(len(one) for one in subsets(9) if share_holds(reach, 45, one))
    found = plan.alternatives
    assert found["certain"].all()
    assert found["objective"].tolist()[0] == sizes[0]
    assert found["objective"].is_monotonic_increasing
    same = sizes.count(sizes[0])
    assert (found["objective"] == sizes[0]).sum() >= min(same, len(found))


def test_units_that_become_served_are_named_without_a_pack(make):
    reach = make(6, 10).reach()
    node = reach.demand["demand_id"].str[1:].astype(int)
    labels = pd.Series((node % 8).astype(str))
    units = units_of(labels, pd.Series({str(k): f"第{k}列" for k in range(8)}), 0.5)
    plan = reach_target(reach, share=Share(60.0), options=SiteOptions(seconds=5), units=units)
    assert plan.status == "optimal"
    served = reach.near.copy()
    for row in plan.chosen.itertuples():
        before = {k for k in range(8) if _rate(reach, served, node, k) >= 0.5}
        served |= reach.cover().toarray()[:, reach.columns([row.candidate_id])[0]] > 0
        after = {k for k in range(8) if _rate(reach, served, node, k) >= 0.5}
        assert row.units == "、".join(f"第{k}列" for k in sorted(after - before))
        assert row.units_count == len(after - before)
        assert row.covered == reach.weight[served].sum()


def _rate(reach, served, node, column):
    mine = (node % 8 == column).to_numpy()
    return reach.weight[mine & served].sum() / reach.weight[mine].sum()

