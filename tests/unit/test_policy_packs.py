"""Policy packs: what the five hold, what a mistake in one says, quotes in their texts, the commands, the page."""

import csv
import json
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from carecircle.cli import app
from carecircle.errors import InputError, MissingInputError, UsageError
from carecircle.language import use_language
from carecircle.policy import (
    Target,
    built_in,
    check_quotes,
    json_schema,
    load_pack,
    load_packs,
    new_pack,
    vocabulary,
)
from carecircle.policy.catalogue import UNVERIFIED
from carecircle.policy.model import Check, quote_parts
from carecircle.policy.vocabulary import reading
from carecircle.schema import AREAS, DEMAND, FACILITIES

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
PACKS = {pack.id: pack for pack in built_in()}
TARGETS = {target.id: target for pack in built_in() for target in pack.targets}
SHORT = {"circle": "G-iso", "units": "G-pip", "table": "T", "document": "D", "none": "N"}

EXAMPLE, *_PLAN = re.findall(
    r"^```toml\n(.*?)^```$", (ROOT / "docs/policy.md").read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
)


@pytest.fixture
def shared():
    if not (SHARED / "policies").is_dir():
        pytest.skip("no policy texts beside the project")
    return SHARED


@pytest.fixture
def pack_file(tmp_path):
    """A function that writes the example of the page with some of its words changed."""

    def write(*changes, content=EXAMPLE, name="mycity.toml"):
        for old, new in changes:
            assert old in content
            content = content.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(content, "utf-8")
        return path

    return write


def said(path, language="zh"):
    with use_language(language), pytest.raises(InputError) as error:
        load_pack(path)
    with use_language(language):
        return str(error.value).splitlines()


# What the packs hold


def test_counts_of_targets():
    assert {name: len(pack.targets) for name, pack in PACKS.items()} == {
        "yuxi": 29,
        "zhuzhou": 20,
        "lincang": 32,
        "yunnan": 13,
        "yiyang": 15,
    }
    assert len(TARGETS) == 109
    checks = Counter(SHORT[target.check] for target in TARGETS.values())
    assert checks == {"T": 53, "G-pip": 26, "N": 9, "D": 18, "G-iso": 3}


def test_documents():
    facts = {name: (pack.status, pack.issued, pack.number, pack.area_codes) for name, pack in PACKS.items()}
    assert facts == {
        "yuxi": ("draft", None, "", ("5304",)),
        "zhuzhou": ("draft", None, "", ("4302",)),
        "lincang": ("formal", date(2022, 3, 13), "", ("5309",)),
        "yunnan": ("formal", date(2020, 3, 5), "云民养老〔2020〕4号", ("5304", "530181", "532502", "530702")),
        "yiyang": ("formal", date(2024, 12, 20), "益政办发〔2024〕12号", ("4309",)),
    }


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.id)
def test_every_target_is_told(target):
    """What the models do not already hold: names, notes and data that a judge and a reader need."""
    assert re.search(r"[\u4e00-\u9fff]", target.title.zh + target.description.zh)
    for words in (target.title, target.description, *filter(None, [target.note])):
        assert words.en.replace("〔", "[").isascii() or re.search(r"[\u4e00-\u9fff]", words.en) is None
    assert target.description.zh != target.quote
    if target.comparison == "none":
        assert target.metric in {"monitor", "circle", "kinds"}
    if target.threshold_unit == "percent" and target.threshold is not None:
        assert 0 < target.threshold <= 100
    if target.threshold is not None:
        assert target.threshold_unit != "none"
    assert target.kinds or target.check not in {"circle", "units"}
    assert target.data.sheets or target.check in {"units", "circle", "none"} or target.force == "definition"
    assert target.data != Target.model_fields["data"].default


def test_names_of_data():
    """Every kind, function and sheet of the vocabulary that a pack names has words; every column is one of ours."""
    words = vocabulary()
    named = {kind for target in TARGETS.values() for kind in words.narrower(target.kinds)}
    assert {"care_home", "disabled_poverty_home", "day_care"} <= named <= set(words.kinds)
    columns = {table.name: {column.name for column in table.columns} for table in (FACILITIES, AREAS, DEMAND)}
    for target in TARGETS.values():
        assert set(target.data.facilities) <= columns["facilities"]
        assert set(target.data.areas) <= columns["areas"]
        assert set(target.data.people) <= columns["demand"]


def test_words_of_kinds_are_nobody_elses():
    for table in (vocabulary().kinds, vocabulary().sheets):
        assert len(table) > 10
    every = Counter(word for kind in vocabulary().kinds.values() for word in kind.words)
    assert [word for word, count in every.items() if count > 1] == []
    for kind in vocabulary().kinds.values():
        assert set(kind.includes) <= set(vocabulary().kinds)


def test_words_of_the_demo_are_known():
    known = {word for kind in vocabulary().kinds.values() for word in kind.words}
    demo = ["农村互助养老服务设施", "社区日间照料中心", "老年助餐点", "社区嵌入式养老服务机构", "农村区域养老服务中心"]
    demo += ["街道综合养老服务中心", "兜底保障养老机构", "失能特困人员供养服务机构", "老年养护院"]
    assert set(demo) <= known
    functions = {word for one in vocabulary().functions.values() for word in one.words}
    offered = ["助餐", "日托", "全托", "助浴", "上门服务", "文化娱乐", "医疗护理", "康复服务", "对下指导", "生活照护"]
    assert set(offered) <= functions


def test_thresholds_are_exact():
    numbers = {name: TARGETS[name].threshold for name in ("YX-03", "YX-15", "ZZ-09", "ZZ-06", "LC-11", "YX-18")}
    assert numbers == {
        "YX-03": 65,
        "YX-15": Decimal("0.1"),
        "ZZ-09": Decimal("0.25"),
        "ZZ-06": 100,
        "LC-11": 3,
        "YX-18": 0,
    }
    assert (TARGETS["ZZ-01"].threshold, TARGETS["ZZ-01"].upper) == (3, 5)
    assert (TARGETS["LC-17"].threshold, TARGETS["LC-17"].upper) == (1, 2)


def test_circles_have_no_share():
    circles = [target for target in TARGETS.values() if target.check == "circle"]
    assert [target.id for target in circles] == ["YX-20", "ZZ-05", "YN-11"]
    assert {(target.minutes, target.threshold, target.force) for target in circles} == {(15, None, "principle")}


def test_what_refers_to_what():
    defines = {name: target.defines for name, target in TARGETS.items() if target.defines}
    assert defines == {
        "YX-21": ("YX-04",),
        "YX-22": ("YX-05",),
        "YX-25": ("YX-03",),
        "LC-19": ("LC-01",),
        "LC-20": ("LC-01",),
        "YY-13": ("YY-04",),
        "YY-14": ("YY-06",),
    }
    assert TARGETS["LC-08"].same_as == ("LC-14",)
    assert TARGETS["LC-14"].same_as == ("LC-08",)
    assert TARGETS["LC-06"].conflicts_with == ("LC-07",)
    assert TARGETS["YY-02"].sum_of == ("YY-03", "YY-04")


def test_functions_of_definitions():
    assert {name: len(TARGETS[name].functions) for name in ("YX-21", "YX-25", "ZZ-03", "ZZ-04", "YY-13")} == {
        "YX-21": 4,
        "YX-25": 7,
        "ZZ-03": 3,
        "ZZ-04": 6,
        "YY-13": 7,
    }
    for name in ("YX-21", "YX-25", "YY-13"):
        (target,) = TARGETS[name].defines
        assert TARGETS[target].functions == TARGETS[name].functions
        assert TARGETS[name].threshold == len(TARGETS[name].functions)


def test_checklists_are_as_long_as_they_say():
    lists = {name: one for name, one in TARGETS.items() if one.metric == "checklist"}
    assert {name for name, one in lists.items() if one.threshold != len(one.items)} == set()
    assert {"ZZ-10", "LC-32", "YN-01", "YN-03", "YN-13", "YY-08", "YY-14", "YY-15"} == set(lists)


def test_readings():
    stable = TARGETS["YX-03"]
    assert (stable.period, stable.years) == ("throughout", (2024, 2025, 2026))
    options = {one.key: tuple(one.options) for one in TARGETS["YX-05"].readings}
    assert options["coverage"] == ("has_one", "served", "people")
    assert options["urban_community"] == ("committee", "in_street", "urban_class")
    assert {one.default for one in TARGETS["YX-05"].readings if one.key == "coverage"} == {"has_one"}
    assert [one.default for one in TARGETS["LC-24"].readings] == ["total"]
    assert [one.default for one in TARGETS["ZZ-20"].readings] == ["each"]
    shares = [one for one in TARGETS.values() if one.check == "units" and one.unit == "urban_community"]
    assert all({"coverage", "urban_community"} <= {given.key for given in one.readings} for one in shares)


# The annex


def test_the_annex_adds_up():
    schedule = PACKS["yiyang"].schedule
    assert len(schedule.cells) == 106
    assert {key: numbers[0] for key, numbers in schedule.total.cells.items()} == {
        "S4": 8,
        "ST": 6,
        "XZ": 16,
        "SQ": 46,
        "CZ": 57,
    }
    assert {key: list(schedule.cumulative(key).values()) for key in ("ST", "XZ", "SQ", "CZ")} == {
        "ST": [2, 5, 6],
        "XZ": [3, 10, 16],
        "SQ": [11, 29, 46],
        "CZ": [16, 38, 57],
    }
    assert schedule.cumulative("SQ", "430903") == {2025: 3, 2026: 7, 2027: 10}
    assert schedule.cumulative("S4") == {}
    assert not [cell for cell in schedule.cells if cell.unit_code == "430921" and cell.facility_class == "ST"]


def test_targets_and_cells_of_the_prepared_table(shared):
    rows = list(csv.DictReader((shared / "domain/targets.csv").read_text("utf-8-sig").splitlines()))
    main = {row["id"]: row for row in rows if "-A-" not in row["id"]}
    cells = {row["id"]: row for row in rows if "-A-" in row["id"]}
    found = {cell.id: cell for cell in PACKS["yiyang"].schedule.cells}
    assert list(found) == list(cells)
    assert {name: (str(one.number), str(one.deadline), SHORT[one.check]) for name, one in found.items()} == {
        name: (row["threshold"], row["deadline"], row["check_class"]) for name, row in cells.items()
    }
    assert list(TARGETS) == list(main)
    assert {name: SHORT[one.check] for name, one in TARGETS.items()} == {
        name: row["check_class"] for name, row in main.items()
    }
    assert {name: one.quote for name, one in TARGETS.items()} == {name: row["phrase_zh"] for name, row in main.items()}
    numbers = {name: row["threshold"] for name, row in main.items() if re.fullmatch(r"\d+(\.\d+)?", row["threshold"])}
    differ = {name for name, number in numbers.items() if TARGETS[name].threshold != Decimal(number)}
    assert differ == {"ZZ-05", "YN-11", "YN-12"}  # minutes, not a share; all four places, as a share
    dates = {name: row["deadline"] for name, row in main.items() if re.fullmatch(r"\d{4}-\d\d-\d\d", row["deadline"])}
    assert {name for name, day in dates.items() if str(TARGETS[name].deadline) != day} == set()


def test_sums_of_the_annex_are_checked(pack_file):
    (row,) = said(pack_file(("ST = [3, 1, 1, 1]", "ST = [3, 1, 1, 0]"), ("ST = [5, 1, 2, 2]", "ST = [5, 1, 2, 1]")))[:1]
    assert "schedule.甲区.ST" in row
    assert "相加得 2，应为 3" in row
    column = said(pack_file(("ST = [5, 1, 2, 2]", "ST = [5, 2, 2, 1]")), "en")
    assert [line.split(": ", 1)[1] for line in column] == [
        "schedule.ST.2025: it adds up to 1, not 2. Compare with the text.",
        "schedule.ST.2027: it adds up to 2, not 1. Compare with the text.",
    ]
    assert "schedule.total.ST" in said(pack_file(("threshold = 5\n", "threshold = 6\n")))[0]
    assert "乙县" in said(pack_file(("ST = [2, 0, 1, 1]", "ST = [2, 0, 1]")))[0]


# Quotes


def test_every_quote_stands_in_its_text(shared):
    assert [one.message() for pack in built_in() for one in check_quotes(pack, shared / "policies")] == []


def test_a_quote_that_is_not_there(shared):
    pack = PACKS["yuxi"]
    wrong = pack.targets[0].model_copy(update={"quote": "居住区…新建老旧…15平方米"})
    (found,) = check_quotes(pack.model_copy(update={"targets": (wrong,)}), shared / "policies")
    assert "目标 YX-01，quote：原文中找不到“新建老旧”" in found.message()
    other = PACKS["yiyang"].model_copy(update={"source_file": pack.source_file})
    assert len(check_quotes(other, shared / "policies")) == len(other.targets) + len(other.schedule.rows) + 1


def test_parts_of_quotes_stand_in_order(tmp_path):
    pack = load_pack("yuxi").model_copy(update={"source_file": "a.txt"})
    one = pack.targets[0].model_copy(update={"quote": "先…后"})
    pack = pack.model_copy(update={"targets": (one,)})
    (tmp_path / "a.txt").write_text("先说，后做", "utf-8")
    assert check_quotes(pack, tmp_path) == []
    (tmp_path / "a.txt").write_text("后做，先说", "utf-8")
    assert len(check_quotes(pack, tmp_path)) == 1
    (tmp_path / "a.txt").write_bytes("先说，后做".encode("gbk"))
    assert check_quotes(pack, tmp_path)[0].key == "no_text"
    assert check_quotes(pack, tmp_path / "none")[0].key == "no_text"
    assert quote_parts("一……二…") == ["一", "二"]


# Mistakes

MISTAKES = [
    ('force = "hard"', 'force = "hrad"', "MC-01", "force", "hard, soft, principle, definition"),
    ('check = "units"', 'check = "unit"', "MC-01", "check", "circle, units, table, document, none"),
    ('"urban_community"\nmetric', '"urban_comunity"\nmetric', "MC-01", "unit", "urban_community"),
    ('"elder_inn", "day_care"', '"elder_inn", "daycare"', "MC-01", "kinds", "elder_inn"),
    ('["day", "meals"]', '["day", "meal"]', "MC-01", "functions", "meals"),
    ("deadline = 2027", "deadlin = 2027", "MC-01", "deadlin", "deadline"),
    ("threshold = 90", 'threshold = "ninety"', "MC-01", "threshold", "数字"),
    ("threshold = 90", "threshold = true", "MC-01", "threshold", "数字"),
    ("threshold = 90", "", "MC-01", "threshold", "comparison"),
    ('comparison = ">="', 'comparison = "none"', "MC-01", "threshold", ">=、=、<="),
    ('comparison = ">="', 'comparison = "between"', "MC-01", "upper", "90"),
    ("threshold = 90", "threshold = 90\nupper = 95", "MC-01", "upper", "between"),
    ("threshold = 90", "threshold = 90\nminutes = 15", "MC-01", "minutes", "circle"),
    ('"share_of_units_with_facility"', '"ratio"', "MC-01", "metric", "facilities_per_unit"),
    ("2027-12-31", '"end of 2027"', "MC-01", "deadline", "2026-06-30"),
    ('"coverage", "all', '"coverge", "all', "MC-01", "readings[1]", "coverage"),
    ('"in_street"', '"street"', "MC-01", "readings.urban_community", "committee, in_street, urban_class"),
    ('"kind", "functions"', '"kinds", "functions"', "MC-01", "data.facilities", "kind"),
    ('sheet = "land"', 'sheet = "lands"', "MC-02", "data.sheets.lands.sheet", "land"),
    ('["land_m2"]', '["land"]', "MC-02", "data.sheets.land.numerator", "land_m2"),
    ('wording = "原则上"', 'same_as = ["MC-04"]', "MC-02", "same_as", "MC-01, MC-03"),
    ('wording = "原则上"', 'same_as = ["MC-02"]', "MC-02", "same_as", "MC-01, MC-03"),
    ('wording = "原则上"', 'sum_of = ["MC-01"]', "MC-02", "sum_of", "90"),
    ('id = "MC-02"', 'id = "mc-02"', "mc-02", "id", "YX-01"),
    ('zh = "人均养老设施用地", ', "", "MC-02", "title.zh", "缺少"),
    ('quote = "建成', 'quote = "…"\nwording = "', "MC-03", "quote", "缺少"),
]


@pytest.mark.parametrize(("old", "new", "target", "field", "allowed"), MISTAKES)
def test_a_mistake_names_file_target_field_and_what_is_allowed(pack_file, old, new, target, field, allowed):
    path = pack_file((old, new))
    (line,) = said(path)
    assert line.startswith(f"文件 {path}：目标 {target}，{field}：")
    assert allowed in line.split(f"{field}：", 1)[1]
    (line,) = said(path, "en")
    assert f"target {target}, {field}: " in line
    assert re.search(r"[\u4e00-\u9fff]", line.split(f"{field}: ")[1]) is None


def test_mistakes_of_the_pack_itself(pack_file):
    assert "status：“formel”不可用；可用：draft, formal" in said(pack_file(('"formal"', '"formel"')))[0]
    assert "area_codes[1]" in said(pack_file(('["5399"]', '["539"]')))[0]
    assert "citty：没有这一项；可用：id, title" in said(pack_file(("status", 'citty = "x"\nstatus')))[0]
    assert "编号重复：MC-01" in said(pack_file(('id = "MC-02"', 'id = "MC-01"')))[0]
    includes = pack_file(('words = ["老年驿站"', 'includes = ["inn"], words = ["老年驿站"'))
    assert "kinds.elder_inn.includes：“inn”不可用" in said(includes)[0]
    assert "TOML" in said(pack_file(("status =", "status")))[0]
    assert "targets：缺少" in said(pack_file(content=EXAMPLE.split("[[targets]]")[0]))[0]
    title = 'title = { zh = "某市养老服务三年行动", en = "My city: three-year action" }'
    assert "title：应为一组设置" in said(pack_file((title, 'title = "x"')))[0]


def test_all_mistakes_are_listed_at_once(pack_file):
    lines = said(pack_file(*[(old, new) for old, new, *_ in (MISTAKES[0], MISTAKES[2], MISTAKES[3], MISTAKES[20])]))
    assert ["force" in lines[0], "kinds" in lines[1], "unit" in lines[2], "same_as" in lines[3]] == [True] * 4
    assert len(lines) == 4


def test_files_that_are_no_packs(tmp_path):
    with pytest.raises(MissingInputError):
        load_pack(tmp_path / "none.toml")
    for number, content in enumerate([b"\xff\xfe", b"a = " + b"9" * 5000, b"[" * 5000, b"", b"targets = 1"]):
        path = tmp_path / f"{number}.toml"
        path.write_bytes(content)
        assert said(path)
    with pytest.raises(InputError):
        load_pack(tmp_path)


def test_packs_together(pack_file):
    assert [pack.id for pack in load_packs(["yuxi", pack_file()])] == ["yuxi", "mycity"]
    with pytest.raises(InputError, match="MC-01"):
        load_packs([pack_file(), pack_file(('id = "mycity"', 'id = "other"'), name="b.toml")])
    with pytest.raises(InputError) as error:
        load_packs([pack_file(MISTAKES[0][:2]), pack_file(('"formal"', '"x"'), name="b.toml")])
    assert len(error.value.problems) == 2


def test_values_are_frozen():
    with pytest.raises(ValidationError):
        TARGETS["YX-01"].threshold = Decimal(60)


def test_a_reading_of_ones_own():
    own = {"key": "mine", "default": "a", "options": {"a": {"zh": "甲", "en": "A"}, "b": {"zh": "乙", "en": "B"}}}
    assert reading(own) == own
    assert reading("beds")["default"] == "actual"
    assert reading({"key": "beds", "default": "filed"})["default"] == "filed"
    assert reading(3) == 3


# Schema, template, page


def plain(value):
    """Return content of TOML as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def test_schema_is_valid_and_takes_the_packs(tmp_path):
    import tomllib  # noqa: PLC0415

    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    folder = ROOT / "coverage/carecircle/policy"
    for path in [*folder.glob("packs/*.toml"), folder / "template.toml"]:
        assert [error.message for error in check.iter_errors(plain(tomllib.loads(path.read_text("utf-8"))))] == []
    example = plain(tomllib.loads(EXAMPLE))
    assert check.is_valid(example)
    example["targets"][0]["force"] = "hrad"
    assert not check.is_valid(example)
    assert CliRunner().invoke(app, ["policy", "schema", str(tmp_path / "s.json")]).exit_code == 0
    assert json.loads((tmp_path / "s.json").read_text("utf-8")) == schema


def test_template_is_a_pack(tmp_path):
    path = new_pack(tmp_path / "deep" / "city.toml")
    assert [target.id for target in load_pack(path).targets] == ["MC-01"]
    with pytest.raises(UsageError):
        new_pack(path)


def test_example_of_the_page(pack_file):
    pack = load_pack(pack_file())
    assert pack.target("MC-02").threshold == Decimal("0.1")
    assert [one.default for one in pack.target("MC-01").readings] == ["has_one", "yes", "in_street"]
    assert pack.target_ids()[-4:] == (
        "MC-A-539902-ST-2027",
        "MC-A-5399-ST-2025",
        "MC-A-5399-ST-2026",
        "MC-A-5399-ST-2027",
    )
    assert pack.schedule.cumulative("ST") == {2025: 1, 2026: 3, 2027: 5}


def test_page_explains_every_field():
    page = (ROOT / "docs/policy.md").read_text("utf-8")
    words = set(re.findall(r"`([^`\n]+)`", page))
    assert set(Target.model_fields) <= words
    assert set(Check.__args__) <= words
    for pack in built_in():
        assert re.search(rf"\| `{pack.id}` \|.*\| {len(pack.targets)}\b", page)


# Commands


def run(*words, code=0):
    result = CliRunner().invoke(app, ["policy", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def test_list():
    output = run("list")
    assert all(pack.title.zh in output for pack in built_in())
    packs = {pack["id"]: pack for pack in json.loads(run("list", "--json"))["packs"]}
    ids = [target["id"] for pack in packs.values() for target in pack["targets"]]
    assert ids == list(TARGETS)
    assert len(packs["yiyang"]["schedule"]["cells"]) == 106
    (stable,) = [target for target in packs["yuxi"]["targets"] if target["id"] == "YX-03"]
    assert set(stable) == set(Target.model_fields)
    assert (stable["threshold"], stable["deadline"], stable["comparison"]) == (65, "2026-12-31", ">=")
    (land,) = [target for target in packs["yuxi"]["targets"] if target["id"] == "YX-15"]
    assert land["threshold"] == 0.1


def test_a_pack_of_unverified_source_says_so():
    """It is not among the built-in ones, which were compared with their texts; its title says what it is."""
    assert not set(UNVERIFIED) & {pack.id for pack in built_in()}
    for name in UNVERIFIED:
        pack = load_pack(name)
        assert pack.status == "unverified"
        assert "未核实" in pack.title.zh
        assert all(target.force == "soft" for target in pack.targets)
        assert name in run("list")
        assert "来源未核实" in run("show", name)


def test_list_with_a_pack(pack_file):
    assert "mycity" in run("list", pack_file())


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.id)
def test_show(pack, language):
    output = run("show", pack.id, "--lang", language)
    for target in pack.targets:
        assert target.id in output
        assert target.quote in run("show", pack.id, target.id, "--lang", language)


def test_show_says_what_is_demanded():
    assert "≥65% 期内持续" in run("show", "yuxi", "YX-03")
    assert "≥0.25㎡/人" in run("show", "zhuzhou", "ZZ-09")
    assert "3–5" in run("show", "zhuzhou", "ZZ-01")
    assert "15 分钟时限，原文无达标率" in run("show", "yuxi", "YX-20")
    assert "urban_community = committee" in run("show", "yuxi", "YX-05", "--lang", "en")
    assert "2025: 2、2026: 5、2027: 6" in run("show", "yiyang")
    assert "赫山区" in run("show", "yiyang", "YY-A-430903-ST-2025")
    assert json.loads(run("show", "yuxi", "YX-03", "--json"))["years"] == [2024, 2025, 2026]
    assert json.loads(run("show", "yuxi", "--json"))["id"] == "yuxi"


def test_show_what_is_not_there():
    assert "yuxi, zhuzhou" in run("show", "kunming", code=1)
    assert "YX-01" in run("show", "yuxi", "YX-99", code=1)


def test_check(pack_file, tmp_path):
    assert run("check").count("没有问题") == 5
    assert "mycity：3 条目标、10 个分年单元格" in run("check", pack_file())
    assert "hrad" in run("check", pack_file(MISTAKES[0][:2]), code=1)
    problems = json.loads(run("check", pack_file(MISTAKES[0][:2]), "--json", code=1))["problems"]
    assert [one["file"] for one in problems] == [str(tmp_path / "mycity.toml")]
    assert json.loads(run("check", "--json"))["cells"] == {"yiyang": 106}


def test_check_with_texts(pack_file, tmp_path, shared):
    assert run("check", "--texts", shared / "policies").count("逐字相符") == 5
    (tmp_path / "mycity.txt").write_text("城市社区养老驿站覆盖率总体达到90%。建成5个街道综合养老服务中心。", "utf-8")
    assert "目标 MC-02，quote" in run("check", pack_file(), "--texts", tmp_path, code=1)


def test_new(tmp_path):
    path = tmp_path / "city.toml"
    assert str(path) in run("new", path).replace("\n", "")
    run("check", path)
    before = path.read_bytes()
    run("new", path, code=1)
    assert path.read_bytes() == before
