"""Policies in a plan: choices that are wrong, the commands' exit codes, what is written, a run that goes on."""

import json
import subprocess
import sys

import openpyxl
import pytest
from typer.testing import CliRunner

from carecircle import demo_file, load_plan, pipeline, writing
from carecircle.cli import app
from carecircle.errors import InputError
from carecircle.findings import QualityLog
from carecircle.judging import read_policies
from carecircle.language import use_language
from carecircle.report.figures import FIGURES
from carecircle.stages import Stages
from carecircle.writing import RESULTS, headline

YUXI = {"policy.packs": '["yuxi"]'}
JUDGED = ("dashboard.html", "tables.xlsx", "report.docx", "verdicts.json", "gaps.csv", "gaps.gpkg")


def plan_with(**settings):
    named = {f"policy.{name}": value for name, value in settings.items()}
    return load_plan(demo_file("plan"), {**YUXI, **named})


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The demo city judged by Yuxi's pack, with what its counties filled in."""
    folder = tmp_path_factory.mktemp("judged") / "results"
    inputs = json.dumps(str(demo_file("inputs")))
    study = pipeline.run(plan_with(inputs=inputs), out=folder)
    return study, folder


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"readings": '{ coverege = "served" }'}, ("policy.readings.coverege", "coverage")),
        ({"readings": '{ coverage = "has one" }'}, ("policy.readings.coverage", "has_one, people, served")),
        ({"readings": '{ "YX-05.overall" = "city" }'}, ("policy.readings.YX-05.overall", "urban_community")),
        ({"readings": '{ "YX-77.coverage" = "served" }'}, ("policy.readings.YX-77.coverage", "“YX-77”不可用")),
        ({"lines": '{ "YX-03" = 70 }'}, ("policy.lines.YX-03", "YX-20")),
        ({"min_floor_m2": "{ daycare = 300 }"}, ("policy.min_floor_m2.daycare", "day_care")),
        ({"packs": '["yuxy"]'}, ("yuxy",)),
    ],
)
def test_what_is_wrong_with_choices_is_said(settings, words):
    with pytest.raises(Exception, match=words[0]) as error:
        read_policies(plan_with(**settings), QualityLog())
    for word in words:
        assert word in str(error.value)


def test_all_choices_that_are_wrong_are_listed_at_once():
    plan = plan_with(readings='{ x = "y", coverage = "z" }', lines="{ A = 5 }").model_copy(update={"as_of": None})
    with use_language("en"), pytest.raises(InputError) as error:
        read_policies(plan, QualityLog())
    assert len(error.value.problems) == 4
    assert "as_of" in str(error.value)


def test_a_centre_that_is_nowhere_is_refused(tmp_path):
    given = {**YUXI, "policy.centre": '["539902001000", "530402"]'}
    with pytest.raises(InputError, match=r"policy\.centre.*530402") as error:
        pipeline.run(load_plan(demo_file("plan"), given), out=tmp_path / "out")
    assert "539902001000" not in str(error.value), "codes may be padded with zeros"


def test_a_line_is_exact_and_a_share():
    assert str(plan_with(lines='{ "YX-20" = 66.7 }').policy.lines["YX-20"]) == "66.7"
    with pytest.raises(InputError, match=r"policy\.lines"):
        plan_with(lines='{ "YX-20" = 101 }')


def test_what_the_workbook_of_inputs_loses_is_told_by_the_run(judged, tmp_path):
    book = openpyxl.load_workbook(demo_file("inputs"))
    book.create_sheet("通讯录").append(["科室", "房间"])
    book["通讯录"].append(["一", "二"])
    sheet = book["月探访"]
    sheet.append(["江州县", "2026-05", 10, 10])
    book.save(tmp_path / "inputs.xlsx")
    log, plan = QualityLog(), plan_with(inputs=json.dumps(str(tmp_path / "inputs.xlsx")))
    (note,) = read_policies(plan, log).notes
    assert "通讯录" in note
    assert "unknown_sheet" in {one.key for one in log.findings}
    notes = pipeline.make_study(plan).notes
    assert note in notes
    assert any("“月探访”" in one and "江州县" in one for one in notes)
    assert not any("通讯录" in one or "江州县" in one for one in judged[0].notes)


def test_packs_beside_the_plan_and_built_in(tmp_path):
    (tmp_path / "plan.toml").write_text(
        'as_of = 2026-06-30\n[roads]\npath="r"\n[facilities]\npath="f"\n[areas]\npath="a"\n[population]\npath="p"\n'
        '[policy]\npacks = ["yuxi", "city.toml"]\ninputs = "inputs.xlsx"\n',
        "utf-8",
    )
    policy = load_plan(tmp_path / "plan.toml").policy
    assert policy.packs == ["yuxi", tmp_path / "city.toml"]
    assert policy.inputs == tmp_path / "inputs.xlsx"


def test_what_a_judged_run_writes(judged):
    study, folder = judged
    names = {path.name for path in folder.iterdir()}
    assert set(JUDGED) <= names <= set(RESULTS)
    assert study.gaps is not None
    assert len(study.gaps) > 0
    told = json.loads((folder / "verdicts.json").read_text("utf-8"))
    (pack,) = told["packs"]
    assert [one["id"] for one in pack["targets"]] == [one.target.id for one in study.judgements[0].outcomes]
    found = json.loads((folder / "study.json").read_text("utf-8"))
    assert "inputs.xlsx" in found["files"]
    assert found["parameters"]["policy"]["packs"] == ["yuxi"]
    assert headline(study)


def test_every_figure_has_its_place_among_the_results():
    assert writing.FIGURES == FIGURES


def test_nothing_is_drawn_for_those_who_do_not_judge():
    """Drawing and Word are slow to load; the package itself does without."""
    code = "import sys, carecircle; sys.exit(bool({'carecircle.report.figures', 'docx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_same_judged_run_gives_the_same_bytes(judged, tmp_path):
    stages = Stages()
    inputs = json.dumps(str(demo_file("inputs")))
    pipeline.run(plan_with(inputs=inputs), out=tmp_path / "again", resume=stages)
    assert stages.resumed[:3] == ("times", "isochrones", "coverage")
    for path in judged[1].iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_next_run_without_packs_leaves_no_old_verdicts(judged, tmp_path):
    study, _ = judged
    folder = tmp_path / "out"
    pipeline.run(load_plan(demo_file("plan"), {**YUXI, "output.figures": "false"}), out=folder)
    assert (folder / "dashboard.html").exists()
    pipeline.run(load_plan(demo_file("plan")), out=folder)
    assert not [name for name in JUDGED if (folder / name).exists()]
    assert study.judgements


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_exit_codes(tmp_path):
    """YX-24 was due in 2025 and one street lacks a meal site; on the last day of 2024 it was ahead."""
    told = run(
        "run",
        demo_file("plan"),
        "--set",
        'policy.packs=["yuxi"]',
        "--out",
        tmp_path / "a",
        "--json",
        "--set",
        "output.figures=false",
    )
    assert told.exit_code == 2, told.output
    assert json.loads(told.stdout)["missed"] == {"yuxi": ["YX-03", "YX-24"]}
    plain = run("run", demo_file("plan"), "--out", tmp_path / "b", "--quiet")
    assert plain.exit_code == 0, plain.output
    wrong = run("run", demo_file("plan"), "--set", 'policy.packs=["yuxy"]', "--out", tmp_path / "c")
    assert wrong.exit_code == 1
    assert not (tmp_path / "c").exists()


def test_too_little_is_known_is_no_miss_unless_strict(judged):
    (judgement,) = judged[0].judgements
    unknown = {one.target.id for one in judgement.due() if one.verdict.word in {"no_data", "to_be_verified"}}
    assert unknown
    assert not unknown & set(judgement.missed_hard())
    assert unknown <= set(judgement.missed_hard(strict=True))


def test_the_demo_ends_well_and_says_what_is_missed(tmp_path):
    told = run("demo", "--pack", "lincang", "--out", tmp_path / "demo")
    assert told.exit_code == 0, told.output
    assert "LC-28" in told.stdout
    assert "dashboard.html" in told.stdout
