"""One target, one number: verdicts.json, 表1, the dashboard and the Word report say the same of the demo city."""

import re
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from carecircle import demo_file, load_plan, pipeline
from carecircle.language import use_language
from carecircle.report import dashboard, judged
from carecircle.report.tables import attainment
from carecircle.report.verdicts import verdicts
from carecircle.report.word import sentences

READINGS = {"defaults": {}, "others": {"coverage": "served", "overall": "county", "shared_premises": "yes"}}


@pytest.fixture(scope="module", params=READINGS)
def city(request):
    """The demo city judged by Yuxi's pack with what its counties filled in, by some readings."""
    plan = load_plan(demo_file("plan"))
    more = {"packs": ["yuxi"], "inputs": demo_file("inputs"), "readings": READINGS[request.param]}
    with use_language("zh"):
        return pipeline.make_study(plan.model_copy(update={"policy": plan.policy.model_copy(update=more)}))


def in_words(city):
    """Return by target what each report says: value, numerator, denominator, what is short, verdict."""
    (judgement,) = city.judgements
    table = attainment(city, judgement, "zh")
    at = {head.heading: place for place, head in enumerate(table.heads)}
    names = ("现状值", "分子", "分母", "差距", "判定")
    rows = dict(zip(judgement.outcomes, ([row[at[name]] for name in names] for row in table.rows), strict=True))
    page = {one["id"]: one for one in dashboard._pack(city, judgement, "zh")["rows"]}
    file = {one["id"]: one for one in verdicts(city, "zh")["packs"][0]["targets"]}
    return [(one, rows[one], page[one.target.id], file[one.target.id]) for one in judgement.outcomes]


def number(words):
    """Return the number that words begin with, None where they begin with none."""
    found = re.match(r"(?:达标 \d+/\d+（|≥|<)?(-?[\d,]+(?:\.\d+)?)", words)
    return float(found[1].replace(",", "")) if found else None


def test_many_targets_have_numbers(city):
    assert sum(number(row[0]) is not None for _, row, _, _ in in_words(city)) > 10


def test_table_and_dashboard_say_the_same(city):
    for outcome, (value, _, _, gap, verdict), page, _ in in_words(city):
        whole = page["values"][0]
        year = f"（{whole['year']}）" if whole["year"] else ""
        assert (whole["value"], whole["gap"]) == (value, gap), outcome.target.id
        assert judged.verdict_word(whole["verdict"], "zh") + year == verdict


def test_table_and_file_say_the_same(city):
    for outcome, (value, above, below, gap, verdict), _, file in in_words(city):
        name = outcome.target.id
        assert verdict.startswith(judged.verdict_word(file["verdict"], "zh")), name
        assert number(value) == (None if file["value"] is None else pytest.approx(file["value"])), name
        for cell, exact in ((above, file["numerator"]), (below, file["denominator"])):
            assert (exact is None) == isinstance(cell, str), name
            if exact is not None:
                assert int(cell) == int(Fraction(exact)), name
        short = re.search(r"(?:还需|超出) ([\d,]+)", gap)
        if short:
            assert int(short[1].replace(",", "")) == file["shortfall"], name


def test_the_value_that_is_shown_is_the_value_that_was_judged(city):
    compared = 0
    for outcome, _, _, file in in_words(city):
        value = outcome.verdict.value
        if value is None or outcome.verdict.word == "monitored" or outcome.readings.get("overall") == "county":
            continue
        compared += 1
        assert Fraction(file["value_exact"]) == value, outcome.target.id
        assert file["shortfall"] == outcome.verdict.shortfall, outcome.target.id
    assert compared > 5


def test_counties_of_dashboard_and_file_are_the_same(city):
    for outcome, _, page, file in in_words(city):
        shown = [(one["area"], one["verdict"], number(one["value"])) for one in page["values"][1:]]
        assert shown == [(one["area_id"], one["verdict"], one["value"]) for one in file["by_county"]], outcome.target.id


def test_the_word_report_says_what_the_table_says(city):
    (judgement,) = city.judgements
    rows = {outcome.target.id: row for outcome, row, _, _ in in_words(city)}
    said = "".join(sentences.missed(judgement, "zh"))
    assert judgement.missed()
    for one in judgement.missed():
        value, _, _, gap, _ = rows[one.target.id]
        assert value in said, one.target.id
        assert gap == "—" or gap in said, one.target.id


def test_a_year_that_decided_is_said_everywhere(city):
    (judgement,) = city.judgements
    years = [one for one in judgement.outcomes if judged.other_year(one.verdict, date(2099, 1, 1))]
    assert years
    later = replace(city, judgements=(replace(judgement, as_of=date(2099, 1, 1)),))
    found = {outcome.target.id: rest for outcome, *rest in in_words(later)}
    for one in years:
        row, page, file = found[one.target.id]
        year = one.verdict.year
        assert row[0].endswith(f"（{year}年）")
        assert row[4].endswith(f"（{year}年）")
        assert page["values"][0]["year"] == f"{year}年"
        assert file["decided_by_year"] == year
