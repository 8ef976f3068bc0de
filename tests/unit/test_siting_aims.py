"""Targets as rows, against the pack's own judgement of every choice of new centres on small towns."""

import runpy
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from carecircle.language import text
from carecircle.siting.aims import aims_of, kinds_needed, sited_targets, stacked, states
from carecircle.siting.options import SiteOptions
from carecircle.siting.reaching import reach_target
from carecircle.siting.shares import share_aim
from carecircle.siting.solvers.targets import targets_hold

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
Town, YUXI, subsets = made["Town"], made["YUXI"], made["subsets"]
COMMUNITIES, TOWNS, CIRCLE = YUXI.target("YX-05"), YUXI.target("YX-03"), YUXI.target("YX-20")
EMBEDDED = {"kinds": ("embedded",), "functions": ()}
OPTIONS = SiteOptions(seconds=5)


def target(name, base=COMMUNITIES, **change):
    return base.model_copy(update={"id": name, "years": (), **EMBEDDED, **change})


TARGETS = {
    one.id: one
    for one in (
        target("A-01", threshold=Decimal(50)),
        target("A-02", unit="village", threshold=Decimal(30)),
        target("A-03", TOWNS, unit="township_level", threshold=Decimal(50)),
        target("A-04", unit="county", metric="facilities_per_unit", threshold=Decimal(2), threshold_unit="number"),
        target("A-05", unit="place", metric="count", threshold=Decimal(4), threshold_unit="number"),
        target("A-06", threshold=Decimal(60)),
        target("A-07", CIRCLE),
        target("A-08", TOWNS, unit="township_level", threshold=Decimal(40)),
        target("A-09", unit="community_or_village", threshold=Decimal("37.5")),
        target("A-10", unit="place", metric="count", threshold=Decimal(3), threshold_unit="number", comparison=">"),
        target("A-11", unit="township_level", comparison=">", threshold=Decimal(50)),
    )
}
READINGS = {
    "A-03.overall": "county",
    "A-06.coverage": "people",
    "A-08.coverage": "people",
    "A-08.overall": "county",
}
TOGETHER = [("A-01", "A-02"), ("A-03", "A-04", "A-06"), ("A-05", "A-07"), ("A-01", "A-08", "A-09")]


@pytest.fixture(scope="module")
def ground(at, streets, lonlat_of):
    """What all towns share, and a function to a town: ``make(seed)``."""
    network, areas = made["network_of"](streets), made["areas_of"](lonlat_of)

    def make(seed, *, candidates=5, serves=False, **more):
        rng = np.random.default_rng(seed)
        nodes = rng.permutation(32)
        people = rng.integers(0, 40, 32) / 10
        facilities = made["facilities_of"](at, nodes[:2], ["embedded", "embedded"])
        if serves:
            facilities["serves"] = ["东镇", "西镇"]
            facilities["area_code"] = None
        return Town(
            network,
            areas,
            facilities,
            made["demand_of"](at, people),
            made["candidates_of"](at, nodes[2 : 2 + candidates], rng.choice(["idle", "road"], candidates)),
            YUXI.model_copy(update={"targets": tuple(TARGETS.values())}),
            READINGS,
            {"A-07": Decimal(60)},
            **more,
        )

    return make


@pytest.fixture(scope="module", params=[(0, 4), (3, 4)], ids=str)
def town(ground, request):
    """A town, its reach, its case, and which targets hold with which choices, as the pack judges them."""
    seed, count = request.param
    town = ground(seed, candidates=count)
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    table = {
        tuple(one): states(case, list(TARGETS.values()), one).set_index("target_id")
        for one in subsets(len(reach.candidates))
    }
    return town, reach, case, table


def fewest(table, names):
    """Return the size of the smallest choices with which targets hold, and all of that size; None where none does."""
    fit = [one for one, rows in table.items() if rows.loc[list(names), "holds"].all()]
    best = min((len(one) for one in fit), default=None)
    return best, {one for one in fit if len(one) == best}


@pytest.mark.parametrize("names", [*((one,) for one in TARGETS), *TOGETHER], ids="+".join)
def test_the_fewest_are_those_of_brute_force(town, names):
    _, reach, case, table = town
    plan = reach_target(reach, [(case, [TARGETS[name] for name in names])], options=OPTIONS)
    best, choices = fewest(table, names)
    if best is None:
        assert plan.status == "infeasible"
        assert all(any(name in reason for reason in plan.reasons) for name in names if fewest(table, [name])[0] is None)
        assert plan.chosen.empty
        return
    assert (plan.status, len(plan.chosen), plan.objective, plan.bound) == ("optimal", best, best, best)
    assert tuple(sorted(reach.columns(plan.chosen["candidate_id"]))) in choices
    assert plan.targets["holds_after"].all()
    assert plan.targets["target_id"].tolist() == list(names)


def test_states_are_what_the_whole_judgement_says(town):
    town, reach, _, table = town
    chosen = np.array([0, 3])  # two of the candidates
    sites = [(reach.candidates["candidate_id"][one], "embedded") for one in chosen]
    names = ["A-01", "A-03", "A-04", "A-06", "A-07", "A-08", "A-11"]
    judged = town.judged(sites, names)
    rows = table[tuple(chosen)]
    for name in names:
        tally = judged[name].tally
        if TARGETS[name].metric != "facilities_per_unit":
            assert (rows.loc[name, "numerator"], rows.loc[name, "denominator"]) == (tally.numerator, tally.denominator)
        assert rows.loc[name, "holds"] == (judged[name].verdict.word == "met"), name


@pytest.mark.parametrize(("name", "people"), [("A-03", None), ("A-08", "people")])
def test_a_county_that_lacks_is_not_made_up_for_by_another(ground, at, name, people):
    """The eastern county has all it needs, and so has the city; the western one has nothing."""
    base = ground(1)
    town = Town(
        base.network,
        base.areas,
        made["facilities_of"](at, [1, 2, 17, 18], ["embedded"] * 4),
        made["demand_of"](at, np.ones(32)),
        made["candidates_of"](at, [3, 19, 5, 29]),
        base.pack,
        READINGS,
    )
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    one = TARGETS[name] if people is None else target(name, TOWNS, unit="township_level", threshold=Decimal(30))
    before = states(case, [one], np.empty(0, int)).iloc[0]
    assert 100 * before["numerator"] / before["denominator"] >= one.threshold
    assert not before["holds"]
    plan = reach_target(reach, [(case, [one])], options=OPTIONS)
    assert plan.status == "optimal"
    assert set(plan.chosen["candidate_id"]) <= {"C02", "C03"}
    assert plan.targets["holds_after"].tolist() == [True]
    (aim,), _ = aims_of(case, [one], reach)
    assert aim.where == ("西县",)


def test_a_unit_that_a_neighbour_serves_lacks_nothing(ground, at):
    base = ground(1)
    one = target("A-12", TOWNS, unit="town", threshold=Decimal(100))
    facilities = made["facilities_of"](at, [0, 4], ["embedded"] * 2, serves=["东镇", "539902001"])
    town = Town(
        base.network, base.areas, facilities, base.demand, made["candidates_of"](at, [17, 30]),
        base.pack, {"A-12.coverage": "served"},
    )  # fmt: skip
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    (aim,), notes = aims_of(case, [one], reach)
    assert (aim.names.tolist(), notes) == (["西镇"], ())
    plan = reach_target(reach, [(case, [one])], options=OPTIONS)
    assert (plan.status, plan.chosen["candidate_id"].tolist()) == ("optimal", ["C01"])
    assert plan.chosen["units"].tolist() == ["西镇"]
    assert plan.targets["holds_after"].tolist() == [True]


def test_out_of_reach_names_the_units_without_a_candidate(ground, at):
    base = ground(1)
    town = Town(
        base.network,
        base.areas,
        made["facilities_of"](at, [0], ["embedded"]),
        base.demand,
        made["candidates_of"](at, [1, 9, 4, 5, 30]),
        base.pack,
        {},
    )
    reach = town.reach()
    case = town.case(reach, ["embedded"])
    every = target("A-13", threshold=Decimal(100))
    plan = reach_target(reach, [(case, [every])], options=OPTIONS)
    assert (plan.status, len(plan.chosen)) == ("infeasible", 0)
    (reason,) = [one for one in plan.reasons if "A-13" in one]
    lost = [name for name in base.areas["name"] if name in reason]
    assert lost == ["东2社区", "东3社区", "西2社区", "西3社区"]
    forbidding = reach_target(reach, [(case, [every])], options=SiteOptions(forbid=("C02",), seconds=5))
    (reason,) = [one for one in forbidding.reasons if "A-13" in one]
    assert "西0社区" in reason


def test_what_others_list_and_the_registry_does_not_is_left_out(ground):
    town = ground(0)
    reach = town.reach()
    school = target("A-14", unit="county", kinds=("elder_school",), threshold=Decimal(100))
    case = town.case(reach, ["embedded"])
    aims, (note,) = aims_of(case, [school], reach)
    assert aims == []
    assert note == text("siting.no_registry", target="A-14")
    plan = reach_target(reach, [(case, [school, TARGETS["A-01"]])], options=OPTIONS)
    assert note in plan.reasons
    assert plan.status in {"optimal", "infeasible"}
    nothing = reach_target(reach, [(case, [school])], options=OPTIONS)
    assert (nothing.status, len(nothing.chosen), nothing.reasons) == ("infeasible", 0, (note,))


def test_a_circle_longer_than_what_was_measured_is_left_out_and_said(ground):
    town = ground(0)
    reach = town.reach(minutes=5.0)
    case = town.case(reach, ["embedded"])
    aims, (note,) = aims_of(case, [TARGETS["A-07"]], reach)
    assert aims == []
    assert note == text("siting.beyond_reach", target="A-07", minutes="15")


def test_a_target_without_a_line_is_not_sited():
    evidence = type("E", (), {"lines": {}})()
    assert "YX-20" not in {one.id for one in sited_targets(YUXI, evidence)}
    evidence.lines = {"YX-20": Decimal(80)}
    found = {one.id for one in sited_targets(YUXI, evidence)}
    assert {"YX-02", "YX-03", "YX-04", "YX-05", "YX-20"} <= found


def test_one_kind_for_several_targets_goes_before_several(ground):
    town = ground(0)
    asked = [YUXI.target("YX-23"), YUXI.target("YX-24")]
    assert kinds_needed(asked, YUXI, town.candidates.to_crs(4326), town.evidence) == ["meal_site"]
    both = [
        target("A-15", kinds=("embedded", "day_care")),
        target("A-16", kinds=("day_care", "embedded", "meal_site")),
        target("A-17", kinds=("meal_site", "day_care")),
    ]
    assert kinds_needed(both, YUXI, town.candidates.to_crs(4326), town.evidence) == ["day_care"]


@pytest.mark.parametrize("share", [50, 90, 33.3, 100])
@pytest.mark.parametrize("each", ["all", "township"])
def test_shares_of_people_hold_exactly_when_their_rows_do(ground, share, each):
    """People in tenths: sums of floats in another order must not decide."""
    town = ground(5, candidates=7)
    reach = town.reach()
    node = reach.demand["demand_id"].str[1:].astype(int)
    labels = (node % 8 // 4 * 2 + node // 16).astype(str) if each == "township" else None
    aim = share_aim(reach, share, labels, None)
    problem = stacked([aim], np.ones(7))
    cover = reach.cover().toarray() > 0
    tenths = np.round(reach.weight * 10).astype(int)
    groups = [np.ones(32, bool)] if labels is None else [labels.eq(one).to_numpy() for one in sorted(set(labels))]
    for one in subsets(7):
        served = reach.near | cover[:, one].any(axis=1)
        expected = all(
            1000 * int(tenths[mine & served].sum()) >= round(share * 10) * int(tenths[mine].sum()) for mine in groups
        )
        assert targets_hold(problem, one) == expected
