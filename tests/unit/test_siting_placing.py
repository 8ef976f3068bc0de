"""The section [siting] of a plan, on a made-up town from files: what is settled, closed, left out, and refused."""

import json
import runpy
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import carecircle as cc
from carecircle import pipeline
from carecircle.config import load_plan
from carecircle.errors import CarecircleError, PlanError
from carecircle.findings import QualityLog
from carecircle.intake import read_inputs
from carecircle.language import text
from carecircle.placing import place_centres
from carecircle.policy.vocabulary import vocabulary
from carecircle.stages import Stages

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
IDLE = (1, 2, 5, 7, 9, 11, 14, 17, 20, 22, 27, 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, lonlat_of):
    folder = tmp_path_factory.mktemp("town")
    made["write_town"](folder, lonlat_of, idle=IDLE)
    return folder


@pytest.fixture(scope="module")
def made_once(folder):
    """The study of the town, and what was read for it."""
    plan = load_plan(folder / "plan.toml", {"siting.problem": "set_cover"})
    return pipeline._studied(plan, lambda _: None, Stages(on=False))


@pytest.fixture(scope="module")
def place(folder, made_once):
    """A function from settings to what is placed."""
    study, found = made_once

    def placed(problem="maximum_coverage", *, packs=(), lines=(), **siting):
        policy = {"policy.packs": list(packs), "policy.lines": dict(lines)}
        given = {"siting.problem": problem, **{f"siting.{name}": value for name, value in siting.items()}}
        asked = load_plan(folder / "plan.toml", {name: as_toml(value) for name, value in (policy | given).items()})
        read_anew = packs or "exclusions" in siting
        inputs = read_inputs(asked, QualityLog(), lambda _: None) if read_anew else found
        return place_centres(study, asked, inputs, Stages(on=False).of)

    return placed


def as_toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def area(rings):
    return rings.to_crs(4543).geometry.area.sum()


def chosen(placed):
    return placed.plan.chosen["candidate_id"].tolist()


def test_settled_and_forbidden(place):
    free = place(sites=3)
    assert free.plan.status == "optimal"
    settled = place(sites=3, force=["C11"], forbid=[chosen(free)[0]])
    assert "C11" in chosen(settled)
    assert chosen(free)[0] not in chosen(settled)
    assert settled.plan.objective <= free.plan.objective
    assert settled.plan.parameters["force"] == ["C11"]


def test_closing_takes_away_what_stands(place):
    free, closed = place(sites=0), place(sites=0, close=["F0"])
    gone = place(sites=0, close=["F0", "F1"])
    assert free.plan.curve["covered"].iloc[0] > closed.plan.curve["covered"].iloc[0] > 0
    assert gone.plan.curve["covered"].iloc[0] == 0
    assert area(gone.before) == 0 < area(closed.before) < area(free.before)
    for one in (free, closed, gone):  # who is drawn as served before is who is counted
        demand = one.study.demand
        served = demand.loc[demand["minutes"] <= one.plan.parameters["minutes"], "people_60"].sum()
        assert served == one.plan.curve["covered"].iloc[0]


def test_small_ones_are_left_out_and_told(place):
    placed = place(sites=9, min_floor_m2=300)
    assert sorted(placed.plan.dropped["candidate_id"]) == ["C00", "C01"]
    assert placed.plan.dropped["why"].str.len().gt(5).all()
    assert not {"C00", "C01"} & set(chosen(placed))
    assert not {"C00", "C01"} & set(placed.candidates["candidate_id"])


def test_a_settled_site_that_is_left_out_says_why_and_a_forbidden_one_is_out_anyway(place):
    with pytest.raises(PlanError, match=r"C00.*平方米"):
        place(sites=3, force=["C00"], min_floor_m2=300)
    same, asked = place(sites=3, min_floor_m2=300), place(sites=3, min_floor_m2=300, forbid=["C00"])
    assert chosen(asked) == chosen(same)


def test_spacing(place):
    placed = place(sites=12, spacing_metres=900)
    at = placed.plan.chosen.to_crs(4543).geometry
    apart = [a.distance(b) for i, a in enumerate(at) for b in at[:i]]
    assert min(apart) >= 900 - 1e-6
    assert len(placed.plan.dropped) > 0


def test_exclusions(place, folder, lonlat_of):
    (west, south), (east, north) = lonlat_of(np.array([[-200.0, -200.0], [1400.0, 600.0]]))
    land = gpd.GeoDataFrame({"类型": ["滑坡"]}, geometry=[shapely.box(west, south, east, north)], crs=4326)
    land.to_file(folder / "land.gpkg")
    placed = place(sites=12, exclusions=[str(folder / "land.gpkg")])
    inside = {f"C{k:02}" for k, node in enumerate(IDLE) if node % 8 <= 3 and node // 8 <= 1}
    assert set(placed.plan.dropped["candidate_id"]) == inside
    assert not inside & set(chosen(placed))
    caution = place(sites=12, exclusions=[str(folder / "land.gpkg")], cautions=["滑坡"])
    assert len(caution.plan.dropped) == 0
    told = caution.plan.chosen.set_index("candidate_id")["conflicts"].dropna()
    assert set(told.index) == inside & set(chosen(caution))


def test_a_budget_and_costs(place):
    placed = place(budget=25)
    assert placed.plan.chosen["cost"].sum() <= 25
    assert placed.plan.status == "optimal"
    assert placed.plan.objective <= place(sites=2).plan.objective


def test_slow_walkers(place):
    slow, usual = place(sites=3, profile="oldest", minutes=9), place(sites=3, minutes=9)
    assert slow.study.profile.name == "oldest"
    assert slow.plan.objective < usual.plan.objective, "400 m take 9.5 minutes at 0.7 m/s"
    row = slow.plan.variants.query("profile == 'oldest' and demand == 'people_60'").iloc[0]
    assert row["covered"] == slow.plan.chosen["covered"].iloc[-1]


def test_variants_are_the_plans_own_numbers(place):
    placed = place(sites=3)
    row = placed.plan.variants.query("profile == 'elder' and demand == 'people_60'").iloc[0]
    assert (row["before"], row["covered"]) == (
        placed.plan.curve["covered"].iloc[0],
        placed.plan.chosen["covered"].iloc[-1],
    )


@pytest.mark.parametrize(("each", "unit"), [("city", None), ("county", "county"), ("township", "township")])
def test_a_share_of_each(place, made_once, each, unit):
    placed = place("reach_target", share=60, each=each)
    assert placed.plan.status == "optimal"
    demand, areas = placed.study.demand, placed.study.areas
    both = ["facility_id", "geometry"]
    new = placed.plan.chosen.rename(columns={"candidate_id": "facility_id"})[both]
    stands = placed.study.facilities[both]
    places = gpd.GeoDataFrame(pd.concat([stands.to_crs(4326), new.to_crs(4326)], ignore_index=True), crs=4326)
    near = cc.nearest(demand, places, made_once[1].network, minutes=15)["minutes"].notna().to_numpy()
    part = np.zeros(len(demand)) if unit is None else cc.assign_areas(demand, areas[areas["level"] == unit]).to_numpy()
    people = demand["people_60"].to_numpy(float)
    for one in set(part):
        mine = part == one
        assert people[mine & near].sum() >= 0.6 * people[mine].sum()


def test_every_target_of_a_pack_at_once(place):
    placed = place("reach_target", packs=["yuxi"], lines={"YX-20": 60})
    plan = placed.plan
    assert plan.status == "optimal"
    assert plan.targets["holds_after"].all()
    assert not plan.targets["holds_before"].all()
    assert "YX-20" in set(plan.targets["target_id"])
    one = place("reach_target", packs=["yuxi"], targets=["YX-05"])
    assert one.plan.targets["target_id"].tolist() == ["YX-05"]
    assert len(one.plan.chosen) < len(plan.chosen)


def test_the_only_kind_that_may_be_built(place):
    placed = place("reach_target", packs=["yuxi"], targets=["YX-05"], built_as=["day_care"])
    assert placed.plan.status == "optimal"
    assert set(placed.plan.chosen["built_as"]) == {vocabulary().kinds["day_care"].title.said()}


def test_year_by_year(place):
    placed = place("phased", packs=["yiyang"], rows={"539901": "430903"})
    assert placed.plan.status == "infeasible", "Heshan's annex asks for more than so small a county has units"
    assert all("赫山区" in reason for reason in placed.plan.reasons)
    assert len(placed.plan.chosen) > 0
    last = max(placed.by_year)
    assert set(placed.by_year) == set(placed.plan.chosen["phase"].astype(int))
    assert area(placed.by_year[last]) == area(placed.after) > area(placed.before)


@pytest.mark.parametrize(
    ("problem", "settings", "words"),
    [
        ("maximum_coverage", {}, "siting.sites"),
        ("p_median", {"budget": 30}, "siting.sites"),
        ("maximum_coverage", {"budget": 30, "sites": 3}, "siting.budget"),
        ("p_center", {}, "siting.sites"),
        ("equity", {}, "siting.sites"),
        ("capacitated", {}, "siting.sites"),
        ("reach_target", {}, "siting.share"),
        ("reach_target", {"share": 50, "targets": ["YX-05"]}, "policy.packs"),
        ("phased", {}, "policy.packs"),
        ("phased", {"packs": ["yuxi"]}, "yuxi"),
        ("phased", {"packs": ["yiyang"], "rows": {"539909": "430903"}}, "539909"),
        ("phased", {"packs": ["yiyang"], "rows": {"539901": "111111"}}, "111111"),
        ("maximum_coverage", {"sites": 1, "close": ["F0", "F8", "F9"]}, "F8、F9"),
        ("maximum_coverage", {"sites": 2, "force": ["C01", "X1"]}, "X1"),
        ("maximum_coverage", {"sites": 1, "forbid": ["X2"]}, "X2"),
        ("maximum_coverage", {"sites": 1, "force": ["C01", "C02"]}, "2"),
        ("maximum_coverage", {"budget": 5, "force": ["C01", "C02"]}, "23"),
        ("reach_target", {"share": 50, "force": ["C01"], "forbid": ["C01"]}, "C01"),
        ("reach_target", {"packs": ["yuxi"], "targets": ["YX-99"]}, "YX-99.*YX-05"),
        ("reach_target", {"packs": ["yuxi"], "built_as": ["castle"]}, "castle"),
        ("maximum_coverage", {"sites": 1, "min_floor_m2": 99_999}, "12"),
        ("maximum_coverage", {"sources": ["settlement"], "budget": 5}, "settlement"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(place, problem, settings, words):
    with pytest.raises(CarecircleError, match=words):
        place(problem, **settings)


def test_several_mistakes_are_told_together(place):
    with pytest.raises(PlanError) as told:
        place("p_median", close=["F9"], built_as=["castle"])
    assert all(word in str(told.value) for word in ("siting.sites", "F9", "castle"))


def test_a_level_that_the_areas_lack(folder):
    """Townships alone: no county in which a share could hold."""
    areas = gpd.read_file(folder / "areas.gpkg")
    areas[areas["level"] == "township"].to_file(folder / "towns.gpkg")
    plan = load_plan(
        folder / "plan.toml",
        {"areas.path": str(folder / "towns.gpkg"), "siting.problem": "reach_target", "siting.share": 50,
         "siting.each": "county"},
    )  # fmt: skip
    with pytest.raises(PlanError, match=r"siting\.each"):
        pipeline.make_study(plan)


def test_what_a_reader_should_know_of_a_plan(place):
    """Settings without effect, candidates thinned out by spacing, and targets of past years are said."""
    said = place("set_cover", sites=3, spacing_metres=900, alternatives=0).plan.reasons
    assert text("siting.sites_unused", sites=3) in said
    assert any(one.startswith(text("siting.thinned", metres="900", count="").split("（")[0]) for one in said)
    assert not any("siting.spacing" in one for one in place("set_cover", alternatives=0).plan.reasons)
    years = place("reach_target", packs=["yuxi"], targets=["YX-03"], alternatives=0).plan.reasons
    assert text("siting.past_years", targets="YX-03") in years
