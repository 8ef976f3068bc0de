"""Plan files: every problem in one message, names that help, and paths that count from the plan's folder."""

from datetime import date
from pathlib import Path

import pytest

from carecircle.config import Plan, input_options, load_plan
from carecircle.datasets import demo_file
from carecircle.errors import MissingInputError, PlanError
from carecircle.language import use_language

LEAST = """
[roads]
path = "roads.osm.pbf"
[facilities]
path = "list.xlsx"
[areas]
path = "areas.shp"
[population]
path = "people.csv"
"""


@pytest.fixture
def plan_file(tmp_path):
    def write(content, name="plan.toml", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def keys(error):
    return sorted(item.key for item in error.value.problems)


def test_the_least_plan(plan_file, tmp_path):
    plan = load_plan(plan_file(LEAST))
    assert plan.roads.path == tmp_path.resolve() / "roads.osm.pbf"
    assert plan.areas.path == [tmp_path.resolve() / "areas.shp"]
    assert plan.output.folder == tmp_path.resolve() / "results"
    assert plan.roads.boundary is None
    assert plan.reach.minutes == [5, 10, 15]
    assert plan.reach.profile == "elder"
    assert plan.title == "一刻钟养老服务圈"
    with use_language("en"):
        assert load_plan(plan_file(LEAST)).title == "Fifteen-minute elderly-care circle"


def test_the_demo_plan():
    plan = load_plan(demo_file("plan"))
    assert plan.fictional
    assert plan.as_of == date(2026, 6, 30)
    assert plan.facilities.datum == "gcj02"
    assert all(
        path.exists() for path in (plan.roads.path, plan.facilities.path, *plan.areas.path, plan.population.path)
    )


def test_relative_and_absolute_paths(plan_file, tmp_path, monkeypatch):
    given = LEAST.replace('"roads.osm.pbf"', '"../elsewhere/roads.osm.pbf"\nboundary = "b.shp"\nbarriers = "c.gpkg"')
    given = given.replace('"people.csv"', f"'{tmp_path / 'far' / 'people.csv'}'")
    given = given.replace('"areas.shp"', '["a.shp", "sub/b.shp"]')
    file = plan_file(given)
    monkeypatch.chdir(tmp_path.parent)
    plan = load_plan(file.relative_to(tmp_path.parent))
    here = tmp_path.resolve()
    assert plan.roads.path == here / ".." / "elsewhere" / "roads.osm.pbf"
    assert (plan.roads.boundary, plan.roads.barriers) == (here / "b.shp", here / "c.gpkg")
    assert plan.areas.path == [here / "a.shp", here / "sub" / "b.shp"]
    assert plan.population.path == tmp_path / "far" / "people.csv"


def test_a_byte_order_mark_is_no_trouble(plan_file):
    assert load_plan(plan_file(b"\xef\xbb\xbf" + LEAST.encode())).roads.path.name == "roads.osm.pbf"


def test_every_problem_of_a_plan_in_one_message(plan_file):
    bad = """
title = 3
fictional = "yes, very"
as_of = "soon"
colour = "red"
[roads]
paht = "roads.osm.pbf"
[facilities]
path = "list.xlsx"
datum = "wgs1984"
[areas]
path = []
[population]
path = 7
[reach]
profile = "granny"
minutes = [5, 0, 1000, "ten"]
served_share = 1.5
speed_mps = -1
[isochrones]
reach_metres = 0
min_hole_m2 = -1
[output]
tiles = "google"
"""
    with pytest.raises(PlanError) as error:
        load_plan(plan_file(bad))
    assert keys(error) == ["plan_missing"] + ["plan_setting"] * 15 + ["plan_unknown"] * 2
    message = str(error.value)
    assert len(message.splitlines()) == 18
    assert all("plan.toml" in line for line in message.splitlines())
    for part in (
        "缺少设置 roads.path",
        "没有 roads.paht 这项设置；可用：path, boundary",
        "没有 colour 这项设置；可用：title",
        "reach.profile 有误：没有名为“granny”的出行方式；可用：elder",
        "reach.minutes.1 有误：应大于 0，现为 0",
        "reach.minutes.2 有误：应不大于 600",
        "reach.minutes.3 有误：应为数字，现为“ten”",
        "reach.served_share 有误：应不大于 1",
        "facilities.datum 有误：“wgs1984”不可用；可用：auto, wgs84, gcj02, bd09",
        "areas.path 有误：至少要有 1 项",
        "population.path 有误：应为带引号的文字，现为 7",
        "as_of 有误：应为日期",
        "fictional 有误：应为 true 或 false",
        "title 有误：应为带引号的文字",
        "isochrones.min_hole_m2 有误：应不小于 0",
        "output.tiles 有误",
    ):
        assert part in message, part
    with use_language("en"), pytest.raises(PlanError, match="must be more than 0, not 0"):
        load_plan(plan_file(bad))


def test_sections_must_be_sections(plan_file):
    with pytest.raises(PlanError, match="facilities 有误：应为一组设置"):
        load_plan(plan_file('facilities = "list.xlsx"\n' + LEAST.replace('[facilities]\npath = "list.xlsx"\n', "")))
    with pytest.raises(PlanError) as error:
        load_plan(plan_file(""))
    assert keys(error) == ["plan_missing"] * 4


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("[roads\npath = 1", "line 1"),
        ("[roads]\npath = roads.pbf", "line 2"),
        (LEAST + "[reach]\nminutes = 5, 10", "line"),
        (LEAST + 'title = "双引号”', "end of document"),
    ],
)
def test_what_is_not_toml(plan_file, content, line):
    with pytest.raises(PlanError, match="不是有效的 TOML") as error:
        load_plan(plan_file(content))
    assert line in str(error.value)
    assert "plan.toml" in str(error.value)


def test_gbk_bytes(plan_file):
    with pytest.raises(PlanError, match="UTF-8"):
        load_plan(plan_file('title = "云川市"\n' + LEAST, encoding="gbk"))


def test_what_is_not_a_file(tmp_path):
    with pytest.raises(MissingInputError, match="找不到这个文件"):
        load_plan(tmp_path / "none.toml")
    with pytest.raises(PlanError, match="无法读取"):
        load_plan(tmp_path)


def test_plans_are_frozen_and_describe_themselves():
    plan = load_plan(demo_file("plan"))
    with pytest.raises(ValueError, match="frozen"):
        plan.title = "x"
    assert Path(plan.roads.path).is_absolute()
    described = Plan.model_json_schema()["$defs"]["Reach"]["properties"]
    assert all("description" in setting for setting in described.values())


def test_every_mode_is_a_profile(plan_file):
    for name in ("walk", "drive", "wheelchair", "young-old", "e-bike"):
        assert load_plan(plan_file(LEAST + f'[reach]\nprofile = "{name}"')).reach.profile == name


def test_settings_go_before_the_plan(plan_file):
    plan = load_plan(plan_file(LEAST), {"reach.profile": "adult", "reach.minutes": "[10, 15]", "title": "甲市"})
    assert (plan.reach.profile, plan.reach.minutes, plan.title) == ("adult", [10, 15], "甲市")


def test_a_wrong_setting_is_named(plan_file):
    with pytest.raises(PlanError) as error:
        load_plan(plan_file(LEAST), {"reach.profle": "adult", "title.x": "1"})
    assert keys(error) == ["plan_setting", "plan_unknown"]
    with pytest.raises(PlanError) as error:
        load_plan(plan_file('title = "a"\n' + LEAST), {"title.x": "1"})
    assert keys(error) == ["plan_unknown"]


@pytest.mark.parametrize("name", ['policy.readings."YX-03.coverage"', "policy.readings.'YX-03.coverage'"])
def test_a_name_with_a_point_in_it_is_quoted(plan_file, name):
    assert load_plan(plan_file(LEAST), {name: "served"}).policy.readings == {"YX-03.coverage": "served"}
    plan = load_plan(plan_file(LEAST), {'"reach".minutes': "[7]", "policy.readings.coverage": "served"})
    assert (plan.reach.minutes, plan.policy.readings) == ([7], {"coverage": "served"})


def test_a_name_with_a_point_that_is_not_quoted(plan_file):
    with pytest.raises(PlanError) as error:
        load_plan(plan_file(LEAST), {"policy.readings.YX-03.coverage": "served"})
    assert keys(error) == ["plan_setting"]
    assert """--set 'policy.readings."YX-03.coverage"=…'""" in str(error.value)
    with pytest.raises(PlanError, match="须加引号"):
        load_plan(plan_file(LEAST + '\n[policy.readings]\nYX-03.coverage = "served"\n'))
    with pytest.raises(PlanError, match=r"policy\.readings\.coverage 有误：应为带引号的文字"):
        load_plan(plan_file(LEAST), {"policy.readings.coverage": "3"})


@pytest.mark.parametrize("number", ["inf", "nan", "0"])
def test_a_floor_area_is_a_number(plan_file, number):
    with pytest.raises(PlanError, match=r"policy\.min_floor_m2\.day_care 有误"):
        load_plan(plan_file(LEAST), {"policy.min_floor_m2.day_care": number})


def test_how_inputs_are_read():
    found = input_options({"facilities.sheet": "名单", "points.crs": "4543", "points.columns.name": "小区"})
    assert found["facilities"]["sheet"] == "名单"
    assert found["facilities"]["datum"] == "wgs84"
    assert (found["points"]["crs"], found["points"]["columns"]) == (4543, {"name": "小区"})
    with pytest.raises(PlanError) as error:
        input_options({"facilities.shet": "名单", "points.datum": "wgs1984"})
    assert keys(error) == ["plan_setting", "plan_unknown"]
    assert "points.datum" in str(error.value)


def test_a_database_is_no_path(plan_file):
    source = "postgresql://reader@host/care?table=public.homes"
    plan = load_plan(plan_file(LEAST.replace("list.xlsx", source)))
    assert plan.facilities.path == source


def test_coordinates_is_another_word_for_the_datum(plan_file):
    given = LEAST.replace('path = "list.xlsx"', 'path = "list.xlsx"\ncoordinates = "auto"')
    assert load_plan(plan_file(given)).facilities.datum == "auto"
