"""Traffic rules: who may use which street, in which direction, how fast, and which gates let them through."""

import numpy as np
import pandas as pd
import pytest

from carecircle.errors import UsageError
from carecircle.language import use_language
from carecircle.model import MODES, profile
from carecircle.traffic import KEYS, maxspeed, passable, rules, table

BOTH, AHEAD, BACK, NONE = (True, True), (True, False), (False, True), (False, False)


def ask(mode, tags, speeds=None):
    found = rules(pd.DataFrame([tags]), profile(mode), speeds)
    return bool(found.forward[0]), bool(found.backward[0])


def kmh(mode, tags, speeds=None):
    return float(rules(pd.DataFrame([tags]), profile(mode), speeds).kmh[0])


@pytest.mark.parametrize(
    ("tags", "walk", "wheelchair", "bike", "drive"),
    [
        ({"highway": "residential"}, BOTH, BOTH, BOTH, BOTH),
        ({"highway": "motorway"}, NONE, NONE, NONE, AHEAD),
        ({"highway": "motorway", "oneway": "no"}, NONE, NONE, NONE, BOTH),
        ({"highway": "motorway", "oneway": "-1"}, NONE, NONE, NONE, BACK),
        ({"highway": "motorway_link"}, NONE, NONE, NONE, BOTH),
        ({"highway": "trunk", "motorroad": "yes"}, NONE, NONE, NONE, BOTH),
        ({"highway": "trunk", "motorroad": "yes", "foot": "yes"}, BOTH, BOTH, NONE, BOTH),
        ({"highway": "steps"}, BOTH, NONE, NONE, NONE),
        ({"highway": "steps", "foot": "yes"}, BOTH, NONE, NONE, NONE),
        ({"highway": "steps", "ramp:wheelchair": "yes"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "steps", "ramp:wheelchair": "yes", "wheelchair": "no"}, BOTH, NONE, NONE, NONE),
        ({"highway": "steps", "wheelchair": "limited"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "steps", "conveying": "forward"}, AHEAD, NONE, NONE, NONE),
        ({"highway": "steps", "conveying": "backward"}, BACK, NONE, NONE, NONE),
        ({"highway": "footway", "wheelchair": "no"}, BOTH, NONE, NONE, NONE),
        ({"highway": "path", "sac_scale": "hiking"}, BOTH, NONE, BOTH, NONE),
        ({"highway": "track", "smoothness": "horrible"}, BOTH, NONE, BOTH, BOTH),
        ({"highway": "track", "smoothness": "impassable"}, NONE, NONE, NONE, NONE),
        ({"highway": "footway"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "footway", "bicycle": "yes"}, BOTH, BOTH, BOTH, NONE),
        ({"highway": "pedestrian"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "pedestrian", "bicycle": "yes"}, BOTH, BOTH, BOTH, NONE),
        ({"highway": "pedestrian", "area": "yes"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "service", "area": "yes"}, BOTH, BOTH, BOTH, NONE),
        ({"highway": "residential", "foot": "no"}, NONE, NONE, BOTH, BOTH),
        ({"highway": "residential", "access": "no"}, NONE, NONE, NONE, NONE),
        ({"highway": "residential", "access": "private"}, NONE, NONE, NONE, NONE),
        ({"highway": "residential", "access": "private", "foot": "yes"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "residential", "access": "no", "bicycle": "designated"}, NONE, NONE, BOTH, NONE),
        ({"highway": "residential", "access": "destination"}, BOTH, BOTH, BOTH, BOTH),
        ({"highway": "residential", "vehicle": "no"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "residential", "vehicle": "no", "motorcar": "yes"}, BOTH, BOTH, NONE, BOTH),
        ({"highway": "residential", "bicycle": "use_sidepath"}, BOTH, BOTH, NONE, BOTH),
        ({"highway": "residential", "motor_vehicle": "no"}, BOTH, BOTH, BOTH, NONE),
        ({"highway": "service", "service": "private"}, NONE, NONE, NONE, NONE),
        ({"highway": "service", "service": "emergency_access"}, BOTH, BOTH, BOTH, NONE),
        ({"highway": "construction", "foot": "yes"}, NONE, NONE, NONE, NONE),
        ({"highway": "tertiary", "oneway": "yes"}, BOTH, BOTH, AHEAD, AHEAD),
        ({"highway": "tertiary", "oneway": "1"}, BOTH, BOTH, AHEAD, AHEAD),
        ({"highway": "tertiary", "oneway": "-1"}, BOTH, BOTH, BACK, BACK),
        ({"highway": "tertiary", "oneway": "yes", "oneway:bicycle": "no"}, BOTH, BOTH, BOTH, AHEAD),
        ({"highway": "tertiary", "oneway": "yes", "cycleway": "opposite_lane"}, BOTH, BOTH, BOTH, AHEAD),
        (
            {"highway": "tertiary", "oneway": "yes", "cycleway:left": "opposite_track"},
            BOTH,
            BOTH,
            BOTH,
            AHEAD,
        ),
        ({"highway": "tertiary", "oneway": "yes", "cycleway": "lane"}, BOTH, BOTH, AHEAD, AHEAD),
        ({"highway": "tertiary", "oneway:bicycle": "yes"}, BOTH, BOTH, AHEAD, BOTH),
        ({"highway": "tertiary", "oneway": "no", "oneway:motorcar": "yes"}, BOTH, BOTH, BOTH, AHEAD),
        ({"highway": "tertiary", "junction": "roundabout"}, BOTH, BOTH, AHEAD, AHEAD),
        ({"highway": "tertiary", "junction": "circular"}, BOTH, BOTH, AHEAD, AHEAD),
        ({"highway": "tertiary", "junction": "roundabout", "oneway": "no"}, BOTH, BOTH, BOTH, BOTH),
        ({"highway": "footway", "oneway:foot": "yes"}, AHEAD, AHEAD, NONE, NONE),
        ({"highway": "footway", "oneway:foot": "-1"}, BACK, BACK, NONE, NONE),
        ({"highway": "corridor"}, BOTH, BOTH, NONE, NONE),
        ({"highway": "trail"}, BOTH, NONE, NONE, NONE),
        ({"highway": "bus_stop"}, NONE, NONE, NONE, NONE),
        ({}, NONE, NONE, NONE, NONE),
    ],
)
def test_who_may_go_where(tags, walk, wheelchair, bike, drive):
    assert {mode: ask(mode, tags) for mode in ("walk", "wheelchair", "bike", "drive")} == {
        "walk": walk,
        "wheelchair": wheelchair,
        "bike": bike,
        "drive": drive,
    }


def test_an_electric_bicycle_has_a_say_of_its_own():
    assert ask("e-bike", {"highway": "cycleway", "electric_bicycle": "no"}) == NONE
    assert ask("bike", {"highway": "cycleway", "electric_bicycle": "no"}) == BOTH
    assert ask("e-bike", {"highway": "tertiary", "oneway": "yes", "oneway:electric_bicycle": "no"}) == BOTH


@pytest.mark.parametrize(
    ("tags", "open_to"),
    [
        ({"barrier": "gate"}, {"walk", "wheelchair", "bike", "e-bike", "drive"}),
        ({"barrier": "gate", "locked": "yes"}, set()),
        ({"barrier": "gate", "locked": "yes", "foot": "yes"}, {"walk", "wheelchair"}),
        ({"barrier": "gate", "access": "private"}, set()),
        ({"barrier": "gate", "access": "private", "foot": "yes"}, {"walk", "wheelchair"}),
        ({"barrier": "gate", "access": "private", "bicycle": "yes"}, {"bike", "e-bike"}),
        ({"barrier": "bollard"}, {"walk", "wheelchair", "bike", "e-bike"}),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, {"walk", "wheelchair", "bike", "e-bike", "drive"}),
        ({"barrier": "bollard", "access": "yes"}, {"walk", "wheelchair", "bike", "e-bike"}),
        ({"barrier": "stile"}, {"walk"}),
        ({"barrier": "stile", "foot": "yes"}, {"walk"}),
        ({"barrier": "kissing_gate", "foot": "yes", "wheelchair": "yes"}, {"walk", "wheelchair"}),
        ({"barrier": "wall"}, set()),
        ({"barrier": "lift_gate"}, {"walk", "wheelchair", "bike", "e-bike", "drive"}),
        ({"barrier": "kerb", "kerb": "raised"}, {"walk", "bike", "e-bike", "drive"}),
        (
            {"barrier": "kerb", "kerb": "raised", "wheelchair": "yes"},
            {"walk", "wheelchair", "bike", "e-bike", "drive"},
        ),
    ],
)
def test_gates_and_barriers(tags, open_to):
    assert {mode for mode in MODES if passable(pd.DataFrame([tags]), mode)[0]} == open_to


def test_speeds_on_wheels_are_the_least_of_class_sign_and_vehicle():
    assert kmh("drive", {"highway": "primary"}) == 65
    assert kmh("drive", {"highway": "primary", "maxspeed": "50"}) == 50
    assert kmh("drive", {"highway": "primary", "maxspeed": "90"}) == 65
    assert kmh("drive", {"highway": "primary", "maxspeed": "none"}) == 65
    assert kmh("bike", {"highway": "primary"}) == pytest.approx(15)
    assert kmh("bike", {"highway": "path"}) == 12
    assert kmh("e-bike", {"highway": "footway", "bicycle": "yes"}) == 10  # opened by a tag
    assert kmh("drive", {"highway": "motorway"}, {"motorway": 60}) == 60


def test_on_foot_the_profile_decides():
    assert kmh("elder", {"highway": "steps"}) == pytest.approx(0.8 * 3.6)
    assert kmh("elder", {"highway": "primary", "maxspeed": "1"}) == pytest.approx(0.8 * 3.6)
    assert kmh("elder", {"highway": "steps"}, {"steps": 1.5}) == 1.5
    assert kmh("elder", {"highway": "footway"}, {"steps": 1.5}) == pytest.approx(0.8 * 3.6)


@pytest.mark.parametrize("tags", [{}, {"foot": "designated"}, {"foot": "yes"}])
def test_a_speed_of_zero_closes_a_class_whatever_its_tags(tags):
    assert ask("elder", {"highway": "footway", **tags}, {"footway": 0}) == NONE
    assert ask("elder", {"highway": "path", **tags}, {"footway": 0}) == BOTH


def test_wrong_speeds_are_named():
    wrong = {"footpath": 3, "steps": -1, "primary": True, "path": "fast", "trunk": 200}
    with pytest.raises(UsageError) as error, use_language("en"):
        rules(pd.DataFrame([{"highway": "path"}]), profile("elder"), wrong)
    for name, value in wrong.items():
        assert f"{name} = {value}" in str(error.value)


def test_maxspeed_reads_numbers_and_miles():
    values = pd.Series(["50", " 30 mph", "CN:urban", "walk", "", "0", "60;40", "5.5"])
    np.testing.assert_allclose(maxspeed(values), [50, 48.28032, np.nan, np.nan, np.nan, np.nan, 60, 5.5])


def test_missing_columns_and_values_count_as_untagged():
    tags = pd.DataFrame({"highway": ["residential", None, "path"], "oneway": [None, "yes", np.nan]})
    assert rules(tags, profile("drive")).forward.tolist() == [True, False, False]


def test_every_tag_of_the_table_is_kept_while_reading():
    for mode in MODES:
        assert {*table()[mode]["keys"], *table()[mode]["oneway_keys"]} <= KEYS


def test_rows_do_not_touch_each_other():
    tags = pd.DataFrame(
        [
            {"highway": "residential", "oneway": "yes"},
            {"highway": "steps"},
            {"highway": "motorway"},
            {"highway": "path", "bicycle": "no"},
        ]
    )
    for mode in MODES:
        together = rules(tags, profile(mode))
        alone = [rules(tags.iloc[[row]], profile(mode)) for row in range(len(tags))]
        assert together.forward.tolist() == [found.forward[0] for found in alone]
        assert together.backward.tolist() == [found.backward[0] for found in alone]
