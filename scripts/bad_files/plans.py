"""Plan files: TOML that is none, settings unknown or wrong, files that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .case import PLAN, STUDY, At, Case, reads, refused
from .layers_on_disk import areas, pbf, write_layer
from .writers import Maker, cell, column, csv, directory, moved, nothing, raw

GOOD = """\
title = "试点"
as_of = 2026-06-30
fictional = true

[roads]
path = "roads.osm.pbf"

[facilities]
path = "homes.csv"

[areas]
path = "areas.gpkg"

[population]
path = "people.csv"

[reach]
minutes = [5, 15]

[output]
parquet = false
"""


def plan(change: Callable[[str], str] = str, *more: Maker, encoding: str = "utf-8", files: bool = False) -> Maker:
    """Return the maker of a plan, with the files it names (all good, then those of `more` in their place)."""

    def make(folder: Path) -> Path:
        if files:
            pbf()(folder)
            csv(whole=True)(folder)
            csv(people=True)(folder)
            write_layer(areas(), folder / "areas.gpkg")
        for maker in more:
            maker(folder)
        path = folder / "plan.toml"
        path.write_bytes(change(GOOD).encode(encoding))
        return path

    return make


def replaced(old: str, new: str) -> Callable[[str], str]:
    """Return the change of some words of the plan."""

    def change(text: str) -> str:
        if old not in text:
            raise ValueError(old)
        return text.replace(old, new, 1)

    return change


def _giant() -> bytes:
    return (GOOD + "# " + "x" * (6 << 20)).encode()


def _wrong(name: str, wrong: str, old: str, new: str, setting: str, key: str = "plan_setting", says: str = "") -> Case:
    """Return the case of one setting that is wrong."""
    return Case(
        f"plan-{name}",
        wrong,
        f"refused: {setting} is named",
        plan(replaced(old, new)),
        PLAN,
        refused(At(key, says=says or setting)),
    )


def _syntax(name: str, wrong: str, old: str, new: str) -> Case:
    """Return the case of a plan that is no TOML."""
    return Case(
        f"plan-{name}", wrong, "refused: the line is named", plan(replaced(old, new)), PLAN, refused("plan_syntax")
    )


CASES = (
    _syntax("unclosed-quote", "a quotation mark that is not closed", '"试点"', '"试点'),
    _syntax("chinese-quotes", "Chinese quotation marks", '"试点"', "“试点”"),
    _syntax("chinese-equals", "a full-width equals sign", "title =", "title ＝"),
    _syntax("windows-path", "a Windows path with single backslashes", '"homes.csv"', '"C:\\users\\homes.csv"'),
    _syntax(
        "setting-twice", "a setting that stands there twice", "minutes = [5, 15]", "minutes = [5, 15]\nminutes = [10]"
    ),
    _syntax("section-twice", "a section that stands there twice", "[reach]", "[roads]"),
    _syntax("unquoted", "text without quotation marks", '"homes.csv"', "homes.csv"),
    _syntax("date-impossible", "the 31st of June", "2026-06-30", "2026-06-31"),
    _syntax("nul", "a byte 0 in the text", "title", "\0title"),
    Case(
        "plan-gbk",
        "a plan saved in GBK, as Chinese Notepad does",
        "refused: save it as UTF-8",
        plan(encoding="gbk"),
        PLAN,
        refused("plan_syntax"),
    ),
    Case(
        "plan-utf16",
        "a plan in UTF-16",
        "refused: save it as UTF-8",
        plan(encoding="utf-16"),
        PLAN,
        refused("plan_syntax"),
    ),
    Case("plan-bom", "a plan with a byte order mark", "read", plan(encoding="utf-8-sig"), PLAN, reads()),
    Case(
        "plan-crlf",
        "a plan with the line ends of Windows",
        "read",
        plan(lambda text: text.replace("\n", "\r\n")),
        PLAN,
        reads(),
    ),
    Case(
        "plan-empty",
        "an empty plan",
        "refused: every missing setting is listed",
        raw("plan.toml", b""),
        PLAN,
        refused(At("plan_missing", says="roads"), At("plan_missing", says="population")),
    ),
    Case(
        "plan-missing",
        "a path at which there is nothing",
        "refused: check the path",
        nothing("plan.toml"),
        PLAN,
        refused("missing_file"),
    ),
    Case(
        "plan-is-a-folder",
        "a folder called plan.toml",
        "refused",
        directory("plan.toml"),
        PLAN,
        refused("unreadable_file"),
    ),
    Case(
        "plan-giant",
        "a plan of 6 MB",
        "refused",
        raw("plan.toml", _giant),
        PLAN,
        refused("file_size"),
    ),
    Case(
        "plan-deep",
        "10,000 brackets inside each other",
        "refused",
        plan(replaced("[5, 15]", "[" * 10_000 + "]" * 10_000)),
        PLAN,
        refused("plan_syntax", also=("plan_setting",)),
    ),
    Case(
        "plan-long-number",
        "a number of 10,000 digits",
        "refused",
        plan(replaced("[5, 15]", f"[{'9' * 10_000}]")),
        PLAN,
        refused("plan_syntax", also=("plan_setting",)),
    ),
    _wrong(
        "unknown-setting",
        "a setting that nobody knows",
        "minutes = [5, 15]",
        "minuts = [5, 15]",
        "reach.minuts",
        "plan_unknown",
    ),
    _wrong("unknown-section", "a section that nobody knows", "[reach]", "[speed]", "speed", "plan_unknown"),
    _wrong("no-path", "a section without its path", 'path = "homes.csv"', "", "facilities.path", "plan_missing"),
    _wrong("minutes-words", "words for the limits", "[5, 15]", '"十五分钟"', "reach.minutes"),
    _wrong("minutes-zero", "a limit of 0 minutes", "[5, 15]", "[0, 15]", "reach.minutes"),
    _wrong("minutes-negative", "a limit below 0", "[5, 15]", "[-5]", "reach.minutes"),
    _wrong("minutes-none", "an empty list of limits", "[5, 15]", "[]", "reach.minutes"),
    _wrong("minutes-nan", "a limit that is no number", "[5, 15]", "[nan]", "reach.minutes"),
    _wrong("minutes-infinite", "a limit without end", "[5, 15]", "[inf]", "reach.minutes"),
    _wrong(
        "profile-unknown", "a traveller that nobody knows", "minutes = [5, 15]", 'profile = "老奶奶"', "reach.profile"
    ),
    _wrong("speed-negative", "a speed below 0", "minutes = [5, 15]", "speed_mps = -1.0", "reach.speed_mps"),
    _wrong(
        "share-percent", "50 for a share of one half", "minutes = [5, 15]", "served_share = 50", "reach.served_share"
    ),
    _wrong(
        "datum-unknown",
        "a datum that nobody knows",
        'path = "homes.csv"',
        'path = "homes.csv"\ndatum = "beijing54"',
        "facilities.datum",
    ),
    _wrong("as-of-words", "words for the date", "2026-06-30", '"去年"', "as_of"),
    _wrong("fictional-word", "是 for true", "fictional = true", 'fictional = "是"', "fictional"),
    _wrong("path-number", "a number for a path", '"homes.csv"', "5", "facilities.path"),
    _wrong("path-table", "a section where text should be", '"homes.csv"', "{ file = 'x' }", "facilities.path"),
    _wrong("areas-none", "an empty list of areas", '"areas.gpkg"', "[]", "areas.path"),
    _wrong("tiles-unknown", "a base map that nobody knows", "parquet = false", 'tiles = "google"', "output.tiles"),
    Case(
        "plan-section-is-text",
        "text where a section should be",
        "refused: the setting is named",
        plan(lambda text: 'reach = "elder"\n' + text.replace("[reach]\nminutes = [5, 15]\n", "")),
        PLAN,
        refused(At("plan_setting", says="reach")),
    ),
    Case(
        "plan-many-mistakes",
        "five settings wrong at once",
        "refused: all five are listed",
        plan(
            lambda text: (
                text.replace("[5, 15]", "[]")
                .replace("fictional = true", 'fictional = "是"')
                .replace("parquet = false", 'tiles = "x"\nsize = 3')
                .replace('path = "homes.csv"', 'datum = "x"')
            )
        ),
        PLAN,
        refused(
            At("plan_setting", says="reach.minutes"),
            At("plan_setting", says="fictional"),
            At("plan_setting", says="output.tiles"),
            At("plan_unknown", says="output.size"),
            At("plan_missing", says="facilities.path"),
        ),
    ),
    Case(
        "study-files-missing",
        "none of the files that the plan names is there",
        "refused: all of them are listed",
        plan(),
        STUDY,
        refused(
            At("missing_file", says="roads.osm.pbf"),
            At("missing_file", says="homes.csv"),
            At("missing_file", says="areas.gpkg"),
            At("missing_file", says="people.csv"),
        ),
    ),
    Case(
        "study-two-bad-files",
        "mistakes in two files",
        "refused: those of both are listed; nothing is written",
        plan(str, csv(cell("F03", "床位数", "许多")), csv(cell("D03", "常住人口", "-2"), people=True), files=True),
        STUDY,
        refused(At("not_a_number", 4, "床位数"), At("below_minimum", 4, "常住人口")),
    ),
    Case(
        "study-elsewhere",
        "a facility 500 km away",
        "refused: it is named; nothing is written",
        plan(str, csv(cell("F03", "经度", 107.5)), files=True),
        STUDY,
        refused(At("far_point", says="F03")),
    ),
    Case(
        "study-other-city",
        "all facilities in another city",
        "refused; nothing is written",
        plan(str, csv(moved(lambda lon, lat: (lon + 0.3, lat))), files=True),
        STUDY,
        refused("all_off_network"),
    ),
    Case(
        "study-kinds-unknown",
        "a kind of facility that no facility is of",
        "refused, with the kinds there are",
        plan(replaced('path = "homes.csv"', 'path = "homes.csv"\nkinds = ["福利院"]'), files=True),
        STUDY,
        refused(At("unknown_kind", says="福利院")),
    ),
    Case(
        "study-all-closed",
        "no facility in operation",
        "a study in which nobody is served",
        plan(str, csv(column("运营状态", "停业")), files=True),
        STUDY,
        reads(),
    ),
)
