"""The dashboard's text and verdicts.json: numbers, escaping, no address, exact fractions, nothing small in public."""

import json
import re
import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.results import Line
from carecircle.report.dashboard import dashboard_html
from carecircle.report.tables.yearly import yearly
from carecircle.report.verdicts import verdicts
from carecircle.report.word import sentences

place = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "judged_place.py"))
study, outcome, YUXI = place["study"], place["outcome"], place["YUXI"]


@pytest.fixture(scope="module")
def page():
    return dashboard_html(study(), language="zh")


def card(page, key, pack="yuxi"):
    part = page.split(f'id="pack-{pack}"', 1)[1].split(f'data-card="{key}"', 1)[1].split("</div>", 1)[0]
    return re.sub(r"<[^>]+>", " ", part).strip("> ").split("  ")


def test_no_address_in_the_page(page):
    assert not re.findall(r"https?:|//[a-z]", page)
    assert set(re.findall(r'(?:href|src)="([^"#]+)', page)) == {"map.html"}


def test_what_comes_from_files_is_escaped(page):
    assert "<b>研究</b>" not in page
    assert "两县&lt;b&gt;研究&lt;/b&gt;" in page
    bad = outcome(YUXI, "YX-11", Tally(0, 1), verdict=Verdict("missed", None, 1), reasons=(place["NASTY"],))
    shown = dashboard_html(study(replace(place["yuxi"](), outcomes=(bad,))))
    assert place["NASTY"] not in shown
    assert "&lt;/script&gt;" in shown


def test_four_numbers(page):
    assert card(page, "hard")[1].startswith("0 / 1")
    assert "其中数据不足 0 项" in " ".join(card(page, "hard"))
    assert card(page, "missed")[1].startswith("1")
    assert "1 / 1（" in " ".join(card(page, "missed"))
    assert "26.6%" in " ".join(card(page, "reach"))
    assert "799 / 3,000；只计文件所指设施（YX-20）：26.6%" in " ".join(card(page, "reach"))
    assert card(page, "gaps")[1].startswith("2")
    assert card(page, "gaps", "yiyang")[1].startswith("—")


def test_tasks_of_a_schedule_that_are_behind_count_as_missed():
    judgement = place["yiyang"]()
    late = replace(judgement.schedule.rows[-1], verdict=Verdict("missed", None, 9))
    state = replace(judgement.schedule, rows=(*judgement.schedule.rows[:-1], late))
    behind = study(replace(judgement, schedule=state))
    tasks = sum(one.due > 0 for one in state.rows)
    assert f"1 / {tasks}（" in " ".join(card(dashboard_html(behind, language="zh"), "missed", "yiyang"))
    found = verdicts(behind)["packs"][0]
    assert found["missed_hard"] == ["YY-A-4309-CZ"]
    assert (found["due_hard"]["missed"], found["due_hard_targets"]["missed"], found["due_hard_tasks"]["missed"]) == (
        1, 0, 1,
    )  # fmt: skip
    assert sum(found["due_hard_tasks"].values()) == tasks
    (said,) = sentences.missed(behind.judgements[0], "zh")[1:]
    assert f"YY-A-4309-CZ）：到期应完成{late.due}个，已建{late.built}个" in said
    assert "未达标1条" in sentences.due(behind.judgements[0], "zh")
    assert sentences.big_numbers(behind, "zh")[1][0] == "1"
    page = dashboard_html(behind, language="zh")
    part = page.split('<section class="late">', 1)[1].split("</section>", 1)[0]
    assert f"YY-A-4309-CZ）：应完成 {late.due}，已建 {late.built}<" in part
    _, progress = yearly(behind, behind.judgements[0], "zh")
    assert float(late.due) in progress.rows[-1]
    assert "到期应完成" in [head.heading for head in progress.heads]


def test_cards_of_dashboard_and_report_say_the_same():
    one = replace(study(), judgements=study().judgements[:1])
    page, numbers = dashboard_html(one, language="zh"), sentences.big_numbers(one, "zh")
    for key, (number, words, _) in zip(("hard", "missed", "reach"), numbers, strict=False):
        title, shown = card(page, key)[0], card(page, key)[1].split(" ", 1)[0]
        assert (shown if key != "hard" else "".join(card(page, key)[1].split(" ")[:3])) == number
        assert key == "reach" or title.rsplit(">", 1)[-1].strip() == words
    assert "全部在运营设施" in numbers[2][1]
    assert "全部在运营设施" in card(page, "reach")[0]


def test_only_targets_with_gaps_on_the_map_lead_to_it(page):
    marked = set(re.findall(r'map.html#target=([^"]+)"', page))
    gaps = study().gaps
    assert marked == set(gaps.loc[gaps.geometry.notna(), "target_id"])
    nowhere = dashboard_html(replace(study(), gaps=gaps.set_geometry([None] * len(gaps))), language="zh")
    assert "map.html#" not in nowhere


def test_a_pack_without_judged_units_has_no_number_of_gaps():
    bare = replace(study(place["yiyang"]()), gaps=place["gaps"]().iloc[:0])
    assert "没有判定单元" in " ".join(card(dashboard_html(bare, language="zh"), "gaps", "yiyang"))
    assert sentences.gaps(bare, "zh").startswith("本次没有判定到单元的指标")


def test_a_miss_by_a_hair_is_not_a_pass(page):
    row = page.split('id="YX-24"', 1)[1].split("</tbody>", 1)[0]
    assert "99.9%" in row
    assert "100.0%" not in row
    assert 'data-verdict="missed"' in row.split(">", 1)[0]


def test_the_schedule_of_a_pack(page):
    part = page.split('id="pack-yiyang"', 1)[1]
    assert "年度任务进度" in part
    assert "年度任务进度" not in page.split('id="pack-yiyang"', 1)[0]
    assert "23 / 29（46）" in part


def test_english_page_has_no_chinese_words_of_its_own():
    judgement = replace(place["yuxi"](), outcomes=tuple(one for one in place["yuxi"]().outcomes if not one.reasons))
    bare = study(judgement, title="Two counties", notes=(), gaps=place["gaps"]().iloc[:0])
    shown = dashboard_html(bare, language="en")
    script = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", shown, flags=re.DOTALL)
    own = re.sub(
        r"<blockquote>.*?</blockquote>|<h2>.*?</h2>|<td class=\"clause\">.*?</td>", "", script, flags=re.DOTALL
    )
    own = re.sub(r"\S*[东西]县\S*|民发〔2024〕20号", "", own)
    assert not re.findall(r"[一-鿿]+", own)


def test_without_judgements_the_page_says_so():
    assert "没有按政策文件判定" in dashboard_html(replace(study(), judgements=()), language="zh")


def test_the_same_study_gives_the_same_page(page):
    assert dashboard_html(study(), language="zh") == page


def test_circle_by_limit_speed_and_measure(page):
    part = page.split('id="YX-20"', 1)[1].split("</tbody>", 2)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", "".join(part[:2])))
    assert "老年人步行 0.80 米/秒 8.8% 266 / 3,000 17.7% 533 / 3,000 26.6% 800 / 3,000" in words
    assert "1.60 / 9.00 平方公里" in words


def cells(page, name):
    row = page.split(f'id="{name}"', 1)[1].split("</tr>", 1)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip()


def test_the_year_that_decided_stands_beside_value_and_verdict():
    late = Verdict("missed", Fraction(1000, 17), 4, 2024)
    past = Line(Tally(30, 51), late, period="2024")
    found = study(
        replace(place["yuxi"](), outcomes=(outcome(YUXI, "YX-03", Tally(34, 51), verdict=late, lines=(past,)),))
    )
    row = cells(dashboard_html(found, language="zh"), "YX-03")
    assert "58.8%（2024年）" in row
    assert "30 / 51" in row
    assert row.endswith("未达标 2024年")
    target = verdicts(found, "zh")["packs"][0]["targets"][0]
    assert (target["numerator"], target["denominator"], target["value"]) == (30, 51, 58.8)
    assert (target["shortfall"], target["decided_by_year"]) == (4, 2024)


def test_a_row_of_a_sheet_shows_its_own_ratio():
    one = Line(Tally(40, 60), Verdict("missed", Fraction(200, 3), 8), item="甲院")
    found = outcome(YUXI, "YX-11", Tally(0, 1), verdict=Verdict("missed", None, 1), lines=(one,))
    page = dashboard_html(study(replace(place["yuxi"](), outcomes=(found,))), language="zh")
    row = page.split(">甲院<", 1)[1].split("</tr>", 1)[0]
    assert re.findall(r">([^<>]*\d[^<>]*)<", row) == ["66.6%", "40 / 60", "还需 8 张"]


# verdicts.json


@pytest.fixture(scope="module")
def found():
    return verdicts(study(), "zh")


def test_verdicts_are_json_and_the_same(found):
    words = json.dumps(found, ensure_ascii=False, allow_nan=False)
    assert json.loads(words) == found
    assert verdicts(study(), "zh") == found


def test_counts_of_verdicts(found):
    first = found["packs"][0]
    assert sum(first["counts"].values()) == len(first["targets"]) == 9
    assert first["counts"]["missed"] == 1
    assert first["due_hard"]["missed"] == 1
    assert found["as_of"] == first["as_of"] == "2026-06-30"


def test_numbers_are_exact_and_what_is_shown_is_cut(found):
    towns = next(one for one in found["packs"][0]["targets"] if one["id"] == "YX-03")
    assert (towns["numerator"], towns["denominator"], towns["value"], towns["value_exact"]) == (33, 51, 64.7, "1100/17")
    assert (towns["threshold"], towns["comparison"], towns["unit"], towns["shortfall"]) == (65, ">=", "percent", 1)
    assert [(one["area"], one["value_exact"]) for one in towns["by_county"]] == [("东县", 50), ("西县", "3200/49")]
    assert [one["reading"] for one in towns["by_reading"]] == ["coverage=served", "coverage=people"]
    assert towns["by_period"][0]["period"] == "2024"
    assert towns["by_period"][0]["estimated"] is True
    assert towns["reasons"] == ["有一家机构缺功能。"]


def test_what_is_not_known_is_null(found):
    staff = next(one for one in found["packs"][0]["targets"] if one["id"] == "YX-27")
    assert (staff["verdict"], staff["numerator"], staff["value"], staff["shortfall"]) == ("no_data", None, None, None)
    south = next(one for one in found["packs"][1]["schedule"] if one["unit"] == "南县" and one["class"] == "SQ")
    assert (south["built"], south["on_pace"], south["total"]) == (None, None, 8)


def test_infinite_numbers_never_reach_the_file():
    hidden = replace(study(), cover=study().cover.assign(covered=np.inf))
    json.dumps(verdicts(hidden), allow_nan=False)


def test_of_very_many_rows_those_that_fail_come_first():
    rows = [Line(Tally(1, 1), Verdict("met"), item=f"好{n}") for n in range(200)]
    rows += [Line(Tally(0, 1), Verdict("missed"), item=f"差{n}") for n in range(5)]
    many = outcome(YUXI, "YX-11", Tally(200, 205), verdict=Verdict("missed", None, 5), lines=tuple(rows))
    shown = dashboard_html(study(replace(place["yuxi"](), outcomes=(many,))), language="zh")
    names = re.findall(r'<th scope="row">([好差]\d+)</th>', shown)
    assert names[:5] == [f"差{n}" for n in range(5)]
    assert len(names) == 100
    assert "共 205 项" in shown
