"""Facts about the documents and the field, worked out beforehand and kept as a list; each is a test here."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest

from carecircle.china.coordinates import gcj02_to_wgs84, wgs84_to_gcj02
from carecircle.china.units import denominators
from carecircle.model import profile
from carecircle.policy import built_in, load_pack
from carecircle.policy.judge import Tally, judge, needed, total
from carecircle.policy.sheets.tallies import tally_sheets
from carecircle.slopes import speed_ratio

TARGETS = {target.id: (target, pack) for pack in built_in() for target in pack.targets}
DAY = date(2026, 6, 30)
NOWHERE = pd.DataFrame({"area_id": [], "name": []})


def filled(target, sheet, *rows):
    """What a target comes to when its sheet has these rows."""
    one, pack = TARGETS[target]
    table = pd.DataFrame(rows).assign(row=range(2, len(rows) + 2), county=None)
    return tally_sheets(one, pack, {sheet: table}, NOWHERE, DAY, {})


def test_1_the_annex_of_yiyang():
    schedule = load_pack("yiyang").schedule
    for key, numbers in schedule.total.cells.items():
        columns = list(zip(*(row.cells[key] for row in schedule.rows), strict=True))
        assert [sum(column) for column in columns] == list(numbers), key
        for row in (*schedule.rows, schedule.total):
            assert len(row.cells[key]) == 1 or row.cells[key][0] == sum(row.cells[key][1:]), (row.name, key)
    assert schedule.total.cells["ST"][0] + schedule.total.cells["XZ"][0] == 22
    assert [TARGETS[name][0].threshold for name in ("YY-01", "YY-02", "YY-05", "YY-06")] == [8, 22, 46, 57]


@pytest.mark.parametrize(
    ("city", "columns", "count", "share", "least"),
    [
        ("5304", ["镇", "乡"], 51, 65, 34),
        ("5304", ["居委会"], 294, 90, 265),
        ("5304", ["街道内居委会"], 224, 90, 202),
        ("5309", ["街道", "镇", "乡"], 77, 70, 54),
        ("5309", ["镇", "乡"], 75, 50, 38),
    ],
)
def test_2_how_many_units_are_needed(city, columns, count, share, least):
    assert denominators([city])[columns].to_numpy().sum() == count
    assert needed(share, count) == least


def test_3_nothing_to_count_is_not_applicable():
    assert judge(TARGETS["LC-22"][0], Tally(0, 0), DAY).word == "not_applicable"


def test_4_floats_would_ask_for_one_too_many():
    """0.55 x 100 is 55.00000000000001 in binary: 56 instead of 55; exact arithmetic never does that."""
    assert ceil(0.55 * 100) == 56
    assert needed(55, 100) == 55
    shares = {int(one.threshold) for one, _ in TARGETS.values() if one.threshold_unit == "percent" and one.threshold}
    wrong = [
        (share, of) for share in sorted(shares) for of in range(1, 400) if ceil(share / 100 * of) != needed(share, of)
    ]
    assert len(wrong) == 7
    for share, of in wrong:
        assert ceil(share / 100 * of) == needed(share, of) + 1


def test_5_datums():
    """Red Tower in Yuxi and Tianyuan in Zhuzhou: 362 and 671 m; there and back within a centimetre."""
    lon, lat = np.array([102.54, 113.08]), np.array([24.35, 27.83])
    there = wgs84_to_gcj02(lon, lat)
    back = gcj02_to_wgs84(*there)
    metres = 111_320 * np.hypot((back[0] - lon) * np.cos(np.radians(lat)), back[1] - lat)
    assert metres.max() < 0.01
    moved = 111_320 * np.hypot((there[0] - lon) * np.cos(np.radians(lat)), there[1] - lat)
    assert moved == pytest.approx([362, 671], rel=0.02)


def test_6_an_estate_of_1200_households():
    """20 m2 for 100 households are 240 m2; Lincang wants 300 m2 in one place; Zhuzhou 0.25 m2 a person of 2.62 each."""
    for area, words in (
        (239, ("missed", "missed", "missed")),
        (240, ("met", "missed", "missed")),
        (300, ("met", "met", "missed")),
        (786, ("met", "met", "met")),
    ):
        estate = {
            "name": "新苑",
            "built": "新建",
            "households": 1200.0,
            "premises_m2": float(area),
            "smallest_m2": float(area),
            "people": np.nan,
            "year": 2025.0,
            "township": None,
        }
        found = tuple(filled(target, "estates", estate).verdict.word for target in ("YX-16", "LC-01", "ZZ-09"))
        assert found == words, area
    assert Fraction("2.62") * 1200 * Fraction("0.25") == 786


def test_7_beds():
    home = {
        "name": "养老院",
        "kind": "养老院",
        "ownership": "公办",
        "construction": "新建",
        "status": "在营",
        "opened": pd.Timestamp(2025, 1, 1),
    }
    assert filled("YX-01", "institutions", {**home, "beds": 1000.0, "nursing_beds": 700.0}).verdict.word == "met"
    assert (
        filled("YX-01", "institutions", {**home, "beds": 1000.0, "nursing_beds": 699.0}).verdict.word == "in_progress"
    )
    assert filled("YX-11", "institutions", {**home, "beds": 100.0, "nursing_beds": 79.0}).verdict.word == "missed"
    assert filled("YX-11", "institutions", {**home, "beds": 100.0, "nursing_beds": 80.0}).verdict.word == "met"


def test_8_no_less_than_is_at_least():
    words = ("不低于", "以上", "达到", "不少于", "至少")
    for one, pack in TARGETS.values():
        if any(word in one.quote for word in words) and one.comparison != "none":
            assert one.comparison in {">=", "=", "between"}, (pack.id, one.id, one.quote)


def test_9_a_total_is_no_mean_of_rates():
    counties = [Tally(9, 10), Tally(10, 100)]
    whole = total(counties)
    assert Fraction(whole.numerator) / Fraction(whole.denominator) == Fraction(19, 110)
    assert Fraction(19, 110) != (Fraction(9, 10) + Fraction(10, 100)) / 2


def test_10_what_a_slope_takes():
    assert speed_ratio(0.10) == pytest.approx(0.705, abs=0.0005)
    flat = profile("elder").speed_mps * 15 * 60
    assert flat == 720
    assert flat * speed_ratio(0.10) == pytest.approx(508, abs=1)
    assert [round(speed_ratio(slope), 2) for slope in (0.05, 0.083, 0.15, 0.20)] == [0.84, 0.75, 0.59, 0.5]


def test_thresholds_are_decimals():
    assert all(one.threshold is None or isinstance(one.threshold, Decimal) for one, _ in TARGETS.values())
