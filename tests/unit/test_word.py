"""The Word report: its sentences follow from the numbers, its form from GB/T 9704, and nothing absent is a zero."""

import re
import runpy
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from carecircle.config import load_plan
from carecircle.datasets import demo_file
from carecircle.pipeline import make_study
from carecircle.policy import load_pack
from carecircle.policy.judge import Tally, Verdict, judge
from carecircle.policy.results import Judgement, Line, Outcome, Progress, ScheduleState
from carecircle.report.figures import Figures
from carecircle.report.suppression import published
from carecircle.report.tables.model import Head, Table
from carecircle.report.word import build, layout, sentences, write_report

town = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))["town"]
DAY = date(2026, 6, 30)
NASTY = "<w:t>&amp;\x07]]> =1+1 \u2028"


@pytest.fixture(scope="module")
def judged():
    """The demo city, judged by the packs of Yuxi and Yunnan."""
    plan = load_plan(demo_file("plan"))
    policy = plan.policy.model_copy(update={"packs": ["yuxi", "yunnan"], "inputs": None})
    return make_study(plan.model_copy(update={"policy": policy}))


@pytest.fixture(scope="module")
def report(judged, tmp_path_factory):
    return write_report(judged, tmp_path_factory.mktemp("report") / "report.docx", language="zh")


def picture(folder, name):
    path = folder / f"{name}.png"
    Image.new("RGB", (2480, 1748), "white").save(path, dpi=(300, 300))
    return path


def words_of(path):
    return [line.text for line in Document(path).paragraphs if line.text.strip()]


def judgement(*outcomes, pack="yuxi", **options):
    counties = pd.DataFrame({"area_id": ["530402"], "name": ["红塔区"]})
    return Judgement(load_pack(pack), DAY, tuple(outcomes), counties, **options)


def outcome(name, numerator, denominator=None, unverified=0, **options):
    target = load_pack("yuxi").target(name)
    tally = Tally(numerator, denominator, unverified)
    return Outcome(target, judge(target, tally, DAY), tally, **options)


# Form


def test_pages_are_a4_with_the_margins_of_the_standard(report):
    paper = Document(report)
    upright = [one for one in paper.sections if one.orientation == WD_ORIENT.PORTRAIT]
    across = [one for one in paper.sections if one.orientation == WD_ORIENT.LANDSCAPE]
    assert upright
    assert across
    first = upright[0]
    sizes = (first.page_width, first.page_height, first.top_margin, first.left_margin, first.right_margin)
    assert [round(size.mm) for size in sizes] == [210, 297, 37, 28, 26]
    assert {(round(one.page_width.mm), round(one.page_height.mm)) for one in across} == {(297, 210)}


def test_text_is_fangsong_of_the_third_size_with_fixed_lines(report):
    paper = Document(report)
    body = next(line for line in paper.paragraphs if line.text.startswith("截至2026年6月30日"))
    run = body.runs[0]
    assert run.font.size == Pt(16)
    assert run._element.rPr.rFonts.get(qn("w:eastAsia")) == "仿宋_GB2312"
    assert body.paragraph_format.line_spacing == Pt(28)
    assert body.paragraph_format.first_line_indent == Pt(32)
    title = paper.paragraphs[0]
    assert title.runs[0].font.size == Pt(22)
    assert title.runs[0]._element.rPr.rFonts.get(qn("w:eastAsia")) == "方正小标宋简体"


def test_fonts_that_machines_lack_have_substitutes(report):
    with zipfile.ZipFile(report) as book:
        table = etree.fromstring(book.read("word/fontTable.xml"))
    pairs = {
        font.get(qn("w:name")): font.find(qn("w:altName")).get(qn("w:val"))
        for font in table
        if font.find(qn("w:altName")) is not None
    }
    assert pairs.items() >= build.INSTEAD.items()


def test_pages_are_numbered_between_dashes(report):
    section = Document(report).sections[0]
    for footer in (section.footer, section.even_page_footer):
        line = footer.paragraphs[0]
        assert line.text == "—  — "[:2] + " —"
        assert " PAGE " in [code.text for code in line._p.iter(qn("w:instrText"))]


def test_headings_of_tables_come_again_and_rows_are_whole(report):
    tables = [
        table for table in Document(report).tables if table.rows[0]._tr.find(f".//{qn('w:tblHeader')}") is not None
    ]
    assert len(tables) >= 5
    for table in tables:
        assert all(row._tr.find(f".//{qn('w:cantSplit')}") is not None for row in table.rows)


def test_no_table_is_wider_than_its_page(report):
    body = Document(report).element.body
    room = {True: build.WIDE_MM, False: build.WIDTH_MM}
    pending = []
    for part in body:
        if part.tag == qn("w:tbl"):
            pending.append(int(part.tblPr.find(qn("w:tblW")).get(qn("w:w"))) / 1440 * 25.4)
        sections = list(part.iter(qn("w:sectPr")))
        if sections:
            across = sections[0].find(qn("w:pgSz")).get(qn("w:orient")) == "landscape"
            assert all(width <= room[across] + 0.5 for width in pending)
            pending = []


def test_verdicts_have_words_and_colours(report):
    found = {}
    for table in Document(report).tables:
        for cell in table._tbl.iter(qn("w:tc")):
            fill = cell.find(f"./{qn('w:tcPr')}/{qn('w:shd')}")
            words = "".join(part.text or "" for part in cell.iter(qn("w:t")))
            if fill is not None and words in {"达标", "未达标", "进行中", "数据不足"}:
                found.setdefault(words, set()).add(fill.get(qn("w:fill")))
    assert found == {
        "达标": {layout.VERDICT_FILLS["met"]},
        "未达标": {layout.VERDICT_FILLS["missed"]},
        "进行中": {layout.VERDICT_FILLS["in_progress"]},
        "数据不足": {layout.VERDICT_FILLS["no_data"]},
    }


def test_the_same_study_gives_the_same_bytes(judged, report, tmp_path):
    again = write_report(judged, tmp_path / "again.docx", language="zh")
    assert again.read_bytes() == report.read_bytes()
    with zipfile.ZipFile(again) as book:
        assert {entry.date_time for entry in book.infolist()} == {(2000, 1, 1, 0, 0, 0)}
        assert b"python-docx" not in book.read("docProps/core.xml")


def test_a_report_that_cannot_be_written_leaves_the_old_one(judged, tmp_path, monkeypatch):
    path = tmp_path / "report.docx"
    path.write_bytes(b"old")
    monkeypatch.setattr(build.zipfile, "ZipInfo", None)
    with pytest.raises(TypeError):
        write_report(judged, path, language="zh")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.docx"]


# Structure and words


def test_seven_parts_and_an_annex(report):
    headings = [line.text for line in Document(report).paragraphs if line.style.name == "Heading 1"]
    assert headings == [
        "一、总体进展",
        "二、主要指标完成情况",
        "三、重点任务进展",
        "四、覆盖分析",
        "五、存在问题与缺口",
        "六、下半年安排与选址建议",
        "七、需协调事项",
        "附件",
    ]


def test_the_chinese_report_has_no_english_words(judged, report):
    lines = words_of(report)
    files = set(judged.provenance["files"])
    codes = re.compile(r"[A-Z]{2}-\d+|CGCS2000|WGS 84|GCJ-02|GB ?\d+|GB18030|“(yuxi|yunnan)”")
    plain = [codes.sub("", line) for line in lines if re.sub(r"^\d+\.", "", line) not in files]
    assert [line for line in plain if re.search(r"[A-Za-z]", line)] == []


def test_the_english_report_has_no_chinese_sentences(judged, tmp_path):
    lines = words_of(write_report(judged, tmp_path / "en.docx", language="en"))
    assert "1. Overall progress" in lines
    assert [line for line in lines if re.search(r"[，。；：]", line) and "judge" in line] == []
    text = " ".join(lines)
    assert "Hard targets" in text
    assert "数据不足" not in text


def test_a_study_without_judgements_says_so(tmp_path):
    lines = words_of(write_report(replace(town(), judgements=(), gaps=None), tmp_path / "r.docx", language="zh"))
    assert lines.count("本次没有对照政策文件进行判定。") == 4
    assert "本次没有判定指标，没有计算缺口。" in lines
    assert not [line for line in lines if "所需数据均已取得" in line]


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (lambda study: {"facilities": study.facilities.iloc[:0]}, "共登记养老服务设施0处，其中在运营0处"),
        (lambda study: {"facilities": study.facilities.assign(status="停业")}, "其中在运营0处"),
        (lambda study: {"gaps": study.gaps.iloc[:0]}, "所判定的单元都没有缺口。"),
        (lambda _study: {"as_of": None}, "数据截止日未注明"),
        (lambda study: {"areas": study.areas.set_geometry([None] * len(study.areas))}, "未计坡度"),
    ],
)
def test_what_a_study_lacks_is_said(judged, tmp_path, lacking, words):
    lines = words_of(write_report(replace(judged, **lacking(judged)), tmp_path / "r.docx", language="zh"))
    assert any(words in line for line in lines)


def test_people_that_are_not_known_are_not_zero(tmp_path):
    study = town()
    cover = study.cover.assign(covered=float("nan"), total=float("nan"))
    lines = words_of(write_report(replace(study, cover=cover), tmp_path / "r.docx", language="zh"))
    assert any("可达人口无法计算，不作为0处理" in line for line in lines)
    assert not [line for line in lines if "0.0%" in line]


def test_figures_have_captions_and_words_for_those_who_cannot_see(judged, tmp_path):
    paths = {name: picture(tmp_path, name) for name in ("facilities", "circles")}
    drawn = Figures(paths, {"facilities": "图1\u3000甲", "circles": "图2\u3000乙"}, ("没有丙。",))
    path = write_report(judged, tmp_path / "r.docx", figures=drawn, language="zh")
    paper = Document(path)
    assert len(paper.inline_shapes) == 2
    assert [shape._inline.docPr.get("descr") for shape in paper.inline_shapes] == ["图1\u3000甲", "图2\u3000乙"]
    lines = words_of(path)
    assert "分布和覆盖情况见图1至图2。没有丙。" in lines
    assert lines.index("图1\u3000甲") < lines.index("图2\u3000乙")
    assert all(shape.width <= Mm(build.WIDTH_MM) for shape in paper.inline_shapes)


def test_no_figures_is_said_with_the_reason(judged, tmp_path):
    lines = words_of(write_report(judged, tmp_path / "r.docx", figures=Figures({}, {}, ("没有字体。",)), language="zh"))
    assert "本报告未附图。没有字体。" in lines


def test_hostile_names_stay_names(judged, tmp_path):
    gaps = judged.gaps.assign(name=NASTY, county=NASTY, nearest_name=NASTY)
    path = write_report(replace(judged, title=NASTY, gaps=gaps), tmp_path / "r.docx", language="zh")
    assert Document(path).paragraphs[0].text.startswith("<w:t>&amp;")
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            if name.endswith((".xml", ".rels")):
                etree.fromstring(book.read(name))


def test_published_reports_hold_no_small_counts(judged, tmp_path):
    public = published(judged, 10**9)
    path = write_report(public, tmp_path / "r.docx", language="zh")
    lines = words_of(path)
    assert any("不公布" in line for line in lines)
    everyone = f"{round(judged.demand['people_60'].sum()):,d}"
    assert not [line for line in lines if everyone in line]


# Sentences


def test_numbers_stand_close_to_chinese_words():
    assert build.close("共 76 处，占 12.5% 的 A 类；图 1 和 GB 50180") == "共76处，占12.5%的 A 类；图1和 GB 50180"


def test_verdicts_are_counted():
    found = judgement(outcome("YX-03", 33, 51), outcome("YX-24", 4, 5), outcome("YX-02", 2, 2))
    assert sentences.verdicts(found, "zh").endswith("共3条目标：达标1条、未达标1条、进行中1条。")
    assert "（征求意见稿）》（征求意见稿）" not in sentences.verdicts(found, "zh")


def test_nothing_due_is_not_zero_of_zero():
    assert sentences.due(judgement(outcome("YX-03", 33, 51)), "zh") == "其中没有现在就应当达到的刚性指标。"


def test_due_targets_add_up():
    unknown = Outcome(load_pack("yuxi").target("YX-23"), Verdict("no_data"))
    found = judgement(outcome("YX-24", 4, 5), unknown, outcome("YX-03", 33, 51))
    assert sentences.due(found, "zh").endswith("2条：达标0条，未达标1条，其余1条数据不足、待核实或者不适用。")


def test_what_is_missed_is_said_with_what_is_short():
    lines = sentences.missed(judgement(outcome("YX-24", 4, 5)), "zh")
    assert lines[0].endswith("没有达标的有1条：")
    assert lines[1] == "1.老年助餐街道全覆盖：目标100%，现状80.0%，差 20 个百分点（还需 1 个）；期限：2025年12月31日。"


def test_unknown_is_never_called_met():
    unknown = Outcome(load_pack("yuxi").target("YX-23"), Verdict("no_data"))
    assert "1条数据不足或者待核实，不能视为达标" in sentences.missed(judgement(unknown), "zh")[0]
    assert sentences.missed(judgement(outcome("YX-23", 2, 2)), "zh") == ["现在就应当达到的刚性指标中，没有未达标的。"]


def test_soft_targets_missed_are_told_from_hard_ones():
    target = load_pack("yuxi").target("YX-03")
    early = Outcome(target, Verdict("missed", None, 1, 2025), Tally(33, 51))
    other = target.model_copy(update={"force": "soft", "id": "YX-99"})
    found = judgement(early, Outcome(other, Verdict("missed", None, 1), Tally(33, 51)))
    assert "没有达标的有1条" in sentences.missed(found, "zh")[0]
    assert list(sentences.others(found, "zh")) == [
        "软约束和原则性目标中，没有达到的有1条：乡镇区域养老服务中心覆盖率：64.7%。"
    ]


def test_tasks_name_what_is_done_and_what_nobody_says():
    target = load_pack("yunnan").target("YN-03")
    words = ["met", "met", "met", "missed", "in_progress", "to_be_verified"]
    keys = [item.key for item in target.items]
    lines = tuple(Line(Tally(0), Verdict(word), item=key) for word, key in zip(words, keys, strict=False))
    found = Outcome(target, judge(target, Tally(3), DAY), Tally(3), lines=lines)
    (said,) = sentences.tasks(judgement(found, pack="yunnan"), "zh")
    assert "已完成的3个：健全养老服务体系、引导社会力量参与养老服务、完善养老服务发展政策。" in said
    assert "未完成的2个：强化城市养老服务设施布局、创新养老服务供给方式。" in said
    assert "未填报的4个：培育养老服务产业集群、" in said


def test_tasks_of_counties_name_the_counties():
    target = load_pack("yuxi").target("YX-14")
    words = {"红塔区": "met", "江川区": "missed", "澄江市": "no_data"}
    lines = tuple(Line(Tally(0, 1), Verdict(word), str(n), name) for n, (name, word) in enumerate(words.items()))
    found = Outcome(target, judge(target, Tally(1, 3), DAY), Tally(1, 3), lines=lines)
    (said,) = sentences.tasks(judgement(found), "zh")
    assert said == "1.闲置资源政策：33.3%，未达标。已完成的1个：红塔区。未完成的1个：江川区。未填报的1个：澄江市。"


def progress(built, year_end, total=16):
    one = load_pack("yiyang").schedule.classes[0]
    return Progress("4309", "合计", one, built, 0, total, {}, 0, year_end, 0, Verdict("in_progress"), None)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (progress(3, 10), "到2026年底应累计建成10个，已建成3个，还需建成7个。"),
        (progress(12, 10), "到2026年底应累计建成10个，已建成12个，任务已完成。"),
        (progress(None, 10), "到2026年底应累计建成10个，已建成数没有数据。"),
        (progress(1, 0, 8), "2026年底没有到期的任务，到2027年底应累计建成8个，已建成1个。"),
    ],
)
def test_schedule(row, words):
    state = ScheduleState(DAY, (2025, 2026, 2027), (row.facility_class,), (row,))
    (said,) = sentences.schedule(state, "zh")
    assert said.endswith(words)


def test_needs_are_asked_for_once_a_sheet():
    pack = load_pack("yuxi")
    unknown = [Outcome(pack.target(name), Verdict("no_data")) for name in ("YX-16", "YX-17", "YX-27")]
    lines = sentences.needs(judgement(*unknown), "zh")
    assert (
        lines[0]
        == "1.请各县（市、区）和有关部门填报“居住区配建台账”，用于判定：新建居住区养老用房、老旧居住区养老用房。"
    )
    assert len(lines) == 2


def test_readings_are_those_of_targets_with_numbers():
    silent = Outcome(load_pack("yuxi").target("YX-16"), Verdict("no_data"), None, {"shared_premises": "no"})
    known = outcome("YX-24", 4, 5, readings={"coverage": "served", "operating": "operating"})
    lines = sentences.readings(judgement(silent, known), "zh")
    assert len(lines) == 2
    assert "服务覆盖率：被某设施服务范围（含邻近辐射）覆盖的单元占比（YX-24）" in lines[0]


# Tables


def test_short_columns_keep_their_width_and_long_ones_share_the_rest():
    sign = build.TABLE_POINTS * 25.4 / 72
    widths = layout._widths([(3, 3), (4, 80), (4, 42)], 150.0)
    assert widths[0] == pytest.approx(3 * sign)
    assert sum(widths) == pytest.approx(150)
    assert (widths[1] - 4 * sign) / (widths[2] - 4 * sign) == pytest.approx(2)


@given(
    st.lists(
        st.tuples(st.floats(2, 12), st.floats(0, 40)).map(lambda one: (one[0], sum(one))), min_size=1, max_size=16
    ),
    st.sampled_from([build.WIDTH_MM, build.WIDE_MM]),
)
def test_widths_never_pass_the_room(wants, room):
    widths = layout._widths(wants, room)
    assert sum(widths) <= room + 1e-6
    assert min(widths) > 0
    sign = build.TABLE_POINTS * 25.4 / 72
    if sum(least for least, _ in wants) * sign < room:
        assert all(width >= least * sign - 1e-6 for width, (least, _) in zip(widths, wants, strict=True))


def test_long_tables_say_that_they_are_cut(tmp_path):
    table = Table(
        "3", "缺口清单", (Head("序号", "", "count"), Head("名称")), tuple((float(n), "甲") for n in range(30))
    )
    paper = build.new_paper("t")
    layout.add_table(paper, table, "zh", most=20)
    build.save(paper, tmp_path / "t.docx")
    assert len(Document(tmp_path / "t.docx").tables[0].rows) == 21
    assert "注：共30行，只列前20行，全部内容见附带的工作簿。" in words_of(tmp_path / "t.docx")


def test_groups_of_headings_are_merged(tmp_path):
    heads = (Head("县"), Head("总数", "床位", "count"), Head("占比", "床位", "share"), Head("判定"))
    table = Table("2", "t", heads, (("甲", 3.0, 0.5, "达标"),), colours={0: "met"}, verdict=3)
    paper = build.new_paper("t")
    layout.add_table(paper, table, "zh")
    build.save(paper, tmp_path / "t.docx")
    rows = Document(tmp_path / "t.docx").tables[0].rows
    assert [cell.text for cell in rows[0].cells] == ["县", "床位", "床位", "判定"]
    assert [cell.text for cell in rows[1].cells] == ["县", "总数", "占比", "判定"]
    assert [cell.text for cell in rows[2].cells] == ["甲", "3", "50.0%", "达标"]


def test_columns_are_left_out_with_their_cells():
    table = Table("1", "t", (Head("a"), Head("b"), Head("c")), (("1", "2", "3"),), verdict=2, colours={0: "met"})
    found = layout.without(table, {"b"})
    assert found.rows == (("1", "3"),)
    assert found.verdict == 1
    assert layout.without(table, {"c"}).verdict == -1


def test_numbers_of_cells_are_not_rounded_to_a_pass():
    assert layout.shown(0.999, "share") == "99.9%"
    assert layout.shown(float(Decimal("2.0")), "number") == "2"
