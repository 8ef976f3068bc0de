"""Tallies from sheets: the order of rows and columns does not matter, rows of a county add up, the whole is the sum."""

from datetime import date
from fractions import Fraction

import numpy as np
import openpyxl
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecircle.policy import built_in, vocabulary
from carecircle.policy.judge import Tally
from carecircle.policy.sheets.periods import first_day, last_day, period_of
from carecircle.policy.sheets.reading import read_inputs_book
from carecircle.policy.sheets.tallies import tally_sheets

OF = {target.id: (pack, target) for pack in built_in() for target in pack.targets}
COUNTIES = pd.DataFrame({"area_id": ["530401", "530402", "530403"], "name": ["甲县", "乙区", "丙市"]})
AS_OF = date(2026, 6, 30)
counts = st.integers(0, 500)
decimals = st.integers(0, 9999).map(lambda number: number / 10)


def judged(name, key, rows, **options):
    pack, target = OF[name]
    columns = list(vocabulary().sheets[key].columns)
    frame = pd.DataFrame(rows).reindex(columns=columns).astype(object)
    table = frame.where(frame.notna(), None).assign(row=np.arange(5, len(frame) + 5))
    return tally_sheets(target, pack, {key: table}, COUNTIES, AS_OF, **options)


@st.composite
def homes(draw):
    beds = draw(st.integers(1, 300))
    return {
        "county": draw(st.sampled_from(list(COUNTIES["name"]))),
        "name": "院",
        "kind": draw(st.sampled_from(["养老院", "敬老院", "日间照料中心"])),
        "beds": float(beds),
        "nursing_beds": draw(st.one_of(st.none(), st.integers(0, beds).map(float))),
    }


@st.composite
def estates(draw):
    return {
        "county": draw(st.sampled_from(list(COUNTIES["name"]))),
        "name": "小区",
        "built": draw(st.sampled_from(["新建", "已建成"])),
        "households": draw(st.one_of(st.none(), counts)),
        "premises_m2": draw(st.one_of(st.none(), decimals)),
        "smallest_m2": draw(st.one_of(st.none(), decimals)),
    }


@given(st.lists(homes(), min_size=1, max_size=8), st.randoms())
def test_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    first, second = judged("YX-01", "institutions", rows), judged("YX-01", "institutions", shuffled)
    assert (first.tally, first.verdict) == (second.tally, second.verdict)
    assert {line.area_id: line.tally for line in first.lines} == {line.area_id: line.tally for line in second.lines}


@given(st.lists(estates(), min_size=1, max_size=8), st.sampled_from(["YX-16", "LC-01", "LC-20", "ZZ-09", "LC-21"]))
def test_the_whole_is_the_sum_of_the_counties(rows, name):
    found = judged(name, "estates", rows)
    sums = [line.tally for line in found.lines if line.area_id and not line.item]
    assert found.tally == sum(sums, Tally(0, 0))
    assert found.tally.numerator + found.tally.unverified <= found.tally.denominator
    items = [line.verdict.word for line in found.lines if line.item]
    assert items.count("met") == found.tally.numerator
    assert items.count("to_be_verified") == found.tally.unverified


@given(st.lists(counts, min_size=6, max_size=6), st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_rows_of_a_county_add_up(numbers, parts):
    """Splitting a county's row in several leaves every number as it is."""
    whole, split = [], []
    for name, due, visited, pieces in zip(COUNTIES["name"], numbers[:3], numbers[3:], parts, strict=True):
        part = min(due, visited)
        whole.append({"county": name, "willing": due, "willing_in_care": part})
        for piece in range(pieces):
            share = [value // pieces + (piece < value % pieces) for value in (due, part)]
            split.append({"county": name, "willing": share[0], "willing_in_care": share[1]})
    first, second = judged("LC-05", "poverty_care", whole), judged("LC-05", "poverty_care", split)
    assert (first.tally, first.verdict, first.lines) == (second.tally, second.verdict, second.lines)


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_exactly_at_the_threshold_is_met(households, step):
    """What is asked for, to the decimal, passes; a tenth less does not."""
    need = households * 20 / 100
    row = {"county": "甲县", "name": "一", "built": "新建", "households": float(households)}
    assert judged("YX-16", "estates", [{**row, "premises_m2": need}]).tally == Tally(1, 1)
    less = Fraction(str(need)) - Fraction(step, 10**4)
    if less >= 0:
        assert judged("YX-16", "estates", [{**row, "premises_m2": float(less)}]).tally == Tally(0, 1)


@given(st.lists(homes(), min_size=1, max_size=6))
def test_nobody_passes_by_saying_less(rows):
    """A verdict "met" stays when what is not said turns out to be nothing."""
    found = judged("YX-01", "institutions", rows)
    if found.verdict.word == "met":
        none = [{**row, "nursing_beds": row["nursing_beds"] or 0.0} for row in rows]
        assert judged("YX-01", "institutions", none).verdict.word == "met"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(homes(), min_size=2, max_size=5), st.randoms())
def test_order_of_columns(tmp_path, rows, random):
    columns = vocabulary().sheets["institutions"].columns
    names = random.sample(["county", "name", "kind", "beds", "nursing_beds"], 5)
    book = openpyxl.Workbook()
    book.active.title = "机构台账"
    book.active.append([columns[name].title.zh for name in names])
    for row in rows:
        book.active.append([row[name] for name in names])
    book.save(tmp_path / "a.xlsx")
    table = read_inputs_book(tmp_path / "a.xlsx", [OF["YX-01"][0]])["institutions"]
    assert table["row"].tolist() == list(range(2, len(rows) + 2))
    for name in names:
        assert [None if pd.isna(cell) else cell for cell in table[name]] == [row[name] for row in rows]


@given(st.dates(date(1950, 1, 1), date(2099, 12, 31)))
def test_periods_hold_their_days(day):
    half = f"{day.year}年{'上' if day.month <= 6 else '下'}半年"
    for said in (str(day.year), half, f"{day.year}年{day.month}月", f"{day:%Y/%m/%d}"):
        period = period_of(said)
        assert first_day(period) <= day <= last_day(period)
        assert period_of(period) == period
