"""Verdicts: exact, additive, monotone, and honest about what is not known."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecircle.policy import built_in, load_pack
from carecircle.policy.judge import Tally, Verdict, judge, judge_years, needed, total

BEFORE, AFTER = date(2026, 6, 30), date(2028, 1, 1)
YUXI, ZHUZHOU, LINCANG = load_pack("yuxi"), load_pack("zhuzhou"), load_pack("lincang")
TOWNS, STREETS = YUXI.target("YX-03"), YUXI.target("YX-04")
JUDGED = [
    target
    for pack in built_in()
    for target in pack.targets
    if target.comparison != "none" and target.threshold is not None and target.force != "definition"
]
counts = st.integers(0, 5000)


@pytest.mark.parametrize(
    ("share", "of", "least"),
    [(65, 51, 34), (90, 294, 265), (90, 224, 202), (70, 77, 54), (50, 75, 38), (55, 100, 55), (100, 25, 25), (0, 9, 0)],
)
def test_how_many_are_needed(share, of, least):
    """The counts of Yuxi and Lincang; 55 % of 100 are 55, which .55 * 100 is not."""
    assert needed(share, of) == least


def test_floats_have_no_place_here():
    with pytest.raises(TypeError, match="exact"):
        needed(0.55, 100)
    with pytest.raises(TypeError, match="exact"):
        judge(TOWNS, Tally(33.0, 51), BEFORE)


@pytest.mark.parametrize(
    ("tally", "as_of", "verdict"),
    [
        (Tally(34, 51), BEFORE, ("met", 0)),
        (Tally(33, 51), BEFORE, ("in_progress", 1)),
        (Tally(33, 51), date(2026, 12, 30), ("in_progress", 1)),
        (Tally(33, 51), date(2026, 12, 31), ("missed", 1)),
        (Tally(33, 51, 1), AFTER, ("to_be_verified", 1)),
        (Tally(30, 51, 3), AFTER, ("missed", 4)),
        (Tally(0, 0), AFTER, ("not_applicable", None)),
        (Tally(None, 51), AFTER, ("no_data", None)),
        (Tally(0, 51), AFTER, ("missed", 34)),
    ],
)
def test_verdicts(tally, as_of, verdict):
    found = judge(TOWNS, tally, as_of)
    assert (found.word, found.shortfall) == verdict


def test_all_of_them_and_none_of_them():
    assert judge(STREETS, Tally(25, 25), AFTER).word == "met"
    assert judge(STREETS, Tally(24, 25), AFTER) == Verdict("missed", Fraction(96), 1)
    hazards = ZHUZHOU.target("ZZ-18")
    assert judge(hazards, Tally(0), AFTER).word == "met"
    assert judge(hazards, Tally(3), AFTER) == Verdict("missed", Fraction(3), 3)


def test_a_range_is_judged_by_its_lower_end():
    leaders = ZHUZHOU.target("ZZ-01")
    assert [judge(leaders, Tally(count), AFTER).word for count in (2, 3, 5, 6)] == ["missed", "met", "met", "met"]


def test_shares_at_the_very_edge():
    assert judge(YUXI.target("YX-01"), Tally(700, 1000), AFTER).word == "met"
    assert judge(YUXI.target("YX-11"), Tally(79, 100), AFTER).word == "missed"
    assert judge(LINCANG.target("LC-02"), Tally(55, 100), AFTER).word == "met"
    assert judge(YUXI.target("YX-15"), Tally(Decimal("0.1"), 1), AFTER).word == "met"


def test_no_threshold_no_verdict():
    circle = YUXI.target("YX-20")
    assert judge(circle, Tally(3, 4), AFTER).word == "monitored"
    assert judge(YUXI.target("YX-21"), Tally(4, 4), AFTER).word == "monitored"


def test_every_year_must_hold():
    good, bad = Tally(34, 51), Tally(33, 51)
    assert judge_years(TOWNS, {2024: good, 2025: good}, BEFORE).word == "met"
    lost = judge_years(TOWNS, {2024: bad, 2025: good, 2026: good}, BEFORE)
    assert (lost.word, lost.year, lost.shortfall) == ("missed", 2024, 1)
    assert judge_years(TOWNS, {2025: good, 2026: bad}, BEFORE).word == "in_progress"
    assert judge_years(TOWNS, {2025: Tally(None, 51), 2026: good}, BEFORE).word == "no_data"
    with pytest.raises(ValueError, match="year"):
        judge_years(TOWNS, {}, BEFORE)


@given(parts=st.lists(st.tuples(counts, counts), min_size=1, max_size=9), cut=st.integers(0, 9))
def test_tallies_add_up_however_they_are_grouped(parts, cut):
    tallies = [Tally(have, have + more) for have, more in parts]
    whole = total(tallies)
    halves = [one for one in (total(tallies[:cut]), total(tallies[cut:])) if one is not None]
    assert total(halves) == whole or len(tallies) == 1
    assert whole.numerator == sum(have for have, _ in parts)
    assert whole.denominator == sum(have + more for have, more in parts)


@pytest.mark.parametrize("target", JUDGED, ids=lambda target: target.id)
@given(have=counts, more=st.integers(1, 50), of=st.integers(1, 6000))
def test_more_is_never_worse(target, have, more, of):
    """But for limits from above; and the shortfall is exactly what is missing."""
    if target.comparison in {"<=", "="} and not (target.threshold_unit == "percent" and target.threshold == 100):
        return
    order = ["missed", "met"]
    first, second = (judge(target, Tally(count, of), AFTER) for count in (have, have + more))
    assert order.index(first.word) <= order.index(second.word)
    assert judge(target, Tally(have + first.shortfall, of), AFTER).word == "met"
    if first.shortfall:
        assert judge(target, Tally(have + first.shortfall - 1, of), AFTER).word == "missed"


@given(share=st.integers(1, 100), of=st.integers(1, 10_000))
def test_needed_is_the_least(share, of):
    least = needed(share, of)
    assert 100 * least >= share * of
    assert least == 0 or 100 * (least - 1) < share * of
