"""The quality report (表8): what was read, mended, left out or is doubtful, by file and row.

It is for those who keep the files: one page that opens without a network, a CSV file, and a sheet of the workbook. The
page's rows can be searched and chosen by file and kind; of very many, those that need checking come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from carecircle.findings import ACTIONS, Action
from carecircle.language import Language, catalogue, current_language, text
from carecircle.outputs import speakable
from carecircle.report import facts, offline
from carecircle.report.workbook import quality_columns, write_csv, write_sheets, write_text
from carecircle.slopes import speed_ratio

if TYPE_CHECKING:
    from carecircle.model import Study

MOST_ROWS = 2000
"""Rows of the page: more make old browsers crawl. The CSV file and the sheet have all."""
NEED: tuple[Action, ...] = (
    "problem",
    "dropped", "unmatched", "duplicate", "outside", "far", "outdated", "doubtful", "unmapped",
)  # fmt: skip
"""Actions that ask someone to look into the source, the gravest first."""
DONE: tuple[Action, ...] = ("mended", "converted", "aside")
"""Actions that the program has taken by itself."""
_SHOWN: tuple[Action, ...] = ("read", *NEED, *DONE, "mapped")
_SHA_DIGITS = 12
_LONGEST = 1000  # signs of a cell of the page
_LAST = "\U0010ffff"  # sorts behind every name
_TEXTS = ("file", "sheet", "column", "message")

Pairs = Sequence[tuple[str, str]]


def quality_summary(quality: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows or cells each action stands for in each file.

    Parameters
    ----------
    quality
        From `carecircle.findings.QualityLog.to_frame`.

    Returns
    -------
    pandas.DataFrame
        On `file`, sorted ("" for what is of no file, at the end); one column an action, in the order of
        `carecircle.findings.ACTIONS`.

    Examples
    --------
    >>> log = pd.DataFrame({"action": ["read", "far", "far"], "file": "a.csv", "count": [9, 1, 1]})
    >>> quality_summary(log)[["read", "far", "mended"]].to_dict("index")
    {'a.csv': {'read': 9, 'far': 2, 'mended': 0}}
    """
    named = quality.assign(file=_words(quality["file"]))
    sums = named.groupby(["file", "action"])["count"].sum().unstack(fill_value=0)
    order = sorted(sums.index, key=lambda name: (name == "", name))
    return sums.reindex(index=order, columns=list(ACTIONS), fill_value=0).astype(int)


_UPHILL = 0.1
"""The slope with which the page says what leaving slopes out means."""


def study_basis(study: Study, language: Language | None = None) -> list[tuple[str, str]]:
    """Return on what a study's numbers rest, as headings and words: dates, datum, travel, limits, slopes, streets."""
    language = language or current_language()
    slope = text("map.with_slope", language)
    if not study.provenance.get("elevation"):
        ratio = f"{100 * speed_ratio(_UPHILL):.0f}%"
        slope = text("quality.no_slope", language, slope=f"{100 * _UPHILL:.0f}%", ratio=ratio)
    traveller = facts.label("fact.profile_", study.profile.name, language)
    found = [
        ("as_of", facts.day(study.as_of, language)),
        ("datum", text("quality.datum_said", language)),
        ("profile", f"{traveller} · {facts.speed(study.profile, language)}"),
        ("within", text("fact.minutes", language, value=facts.limits(study.minutes, language))),
        ("slope", slope),
    ]
    if study.fictional:
        found.append(("warning", text("map.fictional", language)))
    network = study.provenance.get("network", {})
    if {"edges", "km"} <= set(network):
        size = text("quality.network_size", language, edges=f"{network['edges']:,d}", km=f"{network['km']:,.0f}")
        found.append(("network", size))
    return [(text(f"quality.{key}", language), words) for key, words in found]


def quality_html(
    quality: pd.DataFrame,
    *,
    title: str,
    as_of: date | None = None,
    basis: Pairs = (),
    files: Mapping[str, Mapping[str, Any]] | None = None,
    language: Language | None = None,
) -> str:
    """Return the report as one page that works with the network unplugged.

    Parameters
    ----------
    quality
        From `carecircle.findings.QualityLog.to_frame`; its sentences are shown in the language they are in.
    title
        Of the study or the check.
    as_of
        The day the data stand for; shown when `basis` does not say it.
    basis
        On what the numbers rest (`study_basis`).
    files
        ``{name: {"sha256": ...}}`` of the files that were read (`Study.provenance`).
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    str
        HTML; the same findings give the same text.
    """
    language = language or current_language()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(offline.own_text("templates", "quality.html"))
    summary = quality_summary(quality)
    present = [action for action in _SHOWN if summary[action].any()]
    if not basis and as_of is not None:
        basis = [(text("quality.as_of", language), facts.day(as_of, language))]
    rows = _rows(quality)
    page = template.render(
        w={key[8:]: said[language] for key, said in catalogue().items() if key.startswith("quality.")},
        language="zh-CN" if language == "zh" else "en",
        policy=offline.POLICY,
        style=offline.own_text("static", "quality.css"),
        script=offline.own_text("static", "quality.js"),
        title=title,
        lead=_lead(summary, language),
        clean=not summary[list(NEED)].to_numpy().any(),
        basis=basis,
        summary=_summary_rows(summary, present, files or {}, language),
        present=[(action, _group(action)) for action in present],
        hints=[(action, text(f"quality.hint_{action}", language)) for action in NEED if action in present],
        hashed=any(_sha(files or {}, name) for name in summary.index),
        rows=rows.to_dict("records"),
        names=list(dict.fromkeys(rows["file"])),
        cut=_cut(len(quality), language),
        total=len(rows),
    )
    return offline.seal(speakable(page), None)


def write_quality(
    quality: pd.DataFrame, folder: str | Path, *, title: str, workbook: bool = False, **about: Any
) -> list[Path]:
    """Write ``quality.html`` and ``quality.csv`` into a folder that exists; options go to `quality_html`.

    Parameters
    ----------
    quality, title
        As for `quality_html`.
    workbook
        Also write ``quality.xlsx``, where no workbook of a study holds the sheet.

    Returns
    -------
    list of pathlib.Path
        What was written. The same findings give the same bytes.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    language = about.get("language") or current_language()
    folder = Path(folder)
    worded = quality.assign(action=[text(f"quality.action_{action}", language) for action in quality["action"]])
    written = [
        write_text(quality_html(quality, title=title, **about), folder / "quality.html"),
        write_csv(worded, folder / "quality.csv"),
    ]
    if workbook:
        sheets = {"quality": quality_columns(quality, language)}
        written.append(write_sheets(sheets, folder / "quality.xlsx", title=title, language=language))
    return written


def _words(cells: pd.Series) -> pd.Series:
    """Return text that a file can hold, "" where there is none."""
    return cells.astype(object).where(cells.notna(), "").map(lambda cell: speakable(str(cell))).astype(object)


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _group(action: str) -> str:
    return "need" if action in NEED else "done" if action in DONE else "read"


def _lead(summary: pd.DataFrame, language: Language) -> list[str]:
    """Return the report in two sentences."""
    if summary.empty:
        return [text("quality.lead_nothing", language)]
    need, done, read = (int(summary[list(names)].to_numpy().sum()) for names in (NEED, DONE, ("read",)))
    first = text("quality.lead_need", language, need=f"{need:,d}") if need else text("quality.lead_none", language)
    if not done:
        return [first, text("quality.lead_read", language, read=f"{read:,d}")]
    return [first, text("quality.lead_done", language, read=f"{read:,d}", done=f"{done:,d}")]


def _summary_rows(
    summary: pd.DataFrame, present: list[Action], files: Mapping[str, Mapping[str, Any]], language: Language
) -> list[dict[str, Any]]:
    """Return a row for each file, and one for all where there are several."""
    found = [
        {
            "name": str(name),
            "sha": _sha(files, str(name)),
            "counts": [_counted(summary.loc[name, one]) for one in present],
            "all": False,
        }
        for name in summary.index
    ]
    if len(found) > 1:
        sums = [_counted(int(summary[one].sum())) for one in present]
        found.append({"name": text("quality.all_files", language), "sha": "", "counts": sums, "all": True})
    return found


def _counted(number: int) -> str:
    return f"{number:,d}" if number else ""


def _sha(files: Mapping[str, Mapping[str, Any]], name: str) -> str:
    return str(files.get(name, {}).get("sha256", ""))[:_SHA_DIGITS]


def _cut(count: int, language: Language) -> str:
    if count <= MOST_ROWS:
        return ""
    return text("quality.cut", language, all=f"{count:,d}", most=f"{MOST_ROWS:,d}")


def _rows(quality: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the page: those that need checking, then the rest; by file, sheet and row."""
    gravity = quality["action"].map({action: at for at, action in enumerate((*NEED, *DONE))}).fillna(len(ACTIONS))
    chosen = quality.reset_index(drop=True).loc[gravity.reset_index(drop=True).sort_values(kind="stable").index]
    chosen = chosen.head(MOST_ROWS)
    place = chosen.assign(
        file=_words(chosen["file"]).replace("", _LAST),
        sheet=_words(chosen["sheet"]),
        action=chosen["action"].map({action: at for at, action in enumerate(_SHOWN)}),
        later=~chosen["action"].isin(NEED),
    )
    order = place.sort_values(["later", "file", "sheet", "row", "action"], kind="stable", na_position="first").index
    rows = chosen.loc[order]
    words = {name: _words(rows[name]).map(_short) for name in _TEXTS}
    looks = {"row": "{:d}", "count": "{:,d}"}
    numbers = {name: rows[name].map(look.format, na_action="ignore").astype(object) for name, look in looks.items()}
    numbers = {name: shown.where(shown.notna(), "") for name, shown in numbers.items()}
    return rows[["action"]].assign(group=rows["action"].map(_group), **words, **numbers)
