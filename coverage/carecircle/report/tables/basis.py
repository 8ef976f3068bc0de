"""表8 数据质量与口径说明: what the numbers rest on, what the data lack, and every reading that was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carecircle.language import Language, current_language, text
from carecircle.policy.results import Judgement
from carecircle.report import facts, judged
from carecircle.report.quality import NEED, quality_summary, study_basis
from carecircle.report.tables.attainment import short_title
from carecircle.report.tables.model import Head, Table

if TYPE_CHECKING:
    from carecircle.model import Study

_SHA_DIGITS = 12
_PARAMETERS = (
    "reach__minutes",
    "reach__speed_mps",
    "reach__access_mps",
    "reach__served_share",
    "isochrones__reach_metres",
    "isochrones__min_hole_m2",
    "facilities__count_closed",
    "facilities__kinds",
    "facilities__datum",
    "population__datum",
    "areas__datum",
    "quality__far_metres",
    "quality__max_age_days",
    "policy__centre",
    "output__suppress_below",
)
"""Settings of the plan that results depend on: section, ``__``, name."""
Lines = list[tuple[str, str, str]]


def quality_basis(study: Study, language: Language | None = None) -> Table:
    """Return 表8: dates, datum and travel; files; what was doubtful in them; notes; readings; parameters."""
    language = language or current_language()
    found = [*_basis(study, language), *_files(study, language), *_quality(study, language)]
    found += [(text("table.about_notes", language), "", note) for note in study.notes]
    for one in study.judgements:
        found += _document(one, language)
    found += _parameters(study, language)
    heads = [Head(text(f"table.{name}", language), "", "wrap") for name in ("about", "about_item", "about_words")]
    return Table("8", text("table.title_8", language), tuple(heads), tuple(found))


def _basis(study: Study, language: Language) -> Lines:
    return [(text("table.about_basis", language), name, words) for name, words in _said(study, language)]


def _said(study: Study, language: Language) -> list[tuple[str, str]]:
    """Return the basis with its day as documents write it."""
    shown, written = facts.day(study.as_of, language), judged.day(study.as_of, language)
    return [(name, written if words == shown else words) for name, words in study_basis(study, language)]


def _files(study: Study, language: Language) -> Lines:
    head = text("table.about_files", language)
    files = study.provenance.get("files", {})
    return [(head, name, _file(about, language)) for name, about in files.items()]


def _file(about: dict[str, object], language: Language) -> str:
    if "sha256" not in about:
        return text("table.database", language)
    size, digest = about.get("bytes", 0), str(about["sha256"])[:_SHA_DIGITS]
    return text("table.file", language, size=f"{size:,d}", digest=digest)


def _quality(study: Study, language: Language) -> Lines:
    """Return for each kind of doubt how many there are in each file, or that there is none."""
    head = text("table.about_quality", language)
    if study.quality.empty:
        return [(head, "", text("quality.lead_none", language))]
    summary = quality_summary(study.quality)
    found = [
        (head, text(f"quality.action_{action}", language), _counts(summary[action], language))
        for action in NEED
        if summary[action].any()
    ]
    return found or [(head, "", text("quality.lead_none", language))]


def _counts(column: object, language: Language) -> str:
    named = [(name or text("quality.no_file", language), count) for name, count in column.items() if count]  # type: ignore[attr-defined]
    parts = [text("table.file_count", language, file=name, count=f"{count:,d}") for name, count in named]
    return text("table.join", language).join(parts)


def _document(judgement: Judgement, language: Language) -> Lines:
    """Return the document, what was noted, and the reading of each thing that it leaves open, with its targets."""
    head, pack = short_title(judgement, language), judgement.pack
    status = text(f"policy.status_{pack.status}", language)
    number = f"{pack.document}（{pack.number}）" if pack.number else pack.document
    found = [(head, text("table.about_document", language), text("table.join", language).join([number, status]))]
    if pack.note is not None:
        found.append((head, text("table.remark", language), pack.note.said(language)))
    found += [(head, text("table.remark", language), note) for note in judgement.notes]
    return [*found, *_readings(judgement, head, language)]


def _readings(judgement: Judgement, head: str, language: Language) -> Lines:
    chosen: dict[tuple[str, str], list[str]] = {}
    for one in judgement.outcomes:
        why = {each.key: each.explanation.said(language) for each in one.target.readings}
        for key, words in judged.readings(one, language):
            chosen.setdefault((words, why[key]), []).append(one.target.id)
    join = text("fact.list_join", language)
    return [
        (
            head,
            text("table.about_reading", language, ids=join.join(ids)),
            text("table.taken", language, words=words, why=why),
        )
        for (words, why), ids in chosen.items()
    ]


def _parameters(study: Study, language: Language) -> Lines:
    head = text("table.about_parameters", language)
    given = study.provenance.get("parameters", {})
    pairs = [name.split("__") for name in _PARAMETERS]
    found = [(f"{part}__{name}", given.get(part, {}).get(name)) for part, name in pairs]
    return [
        (head, text(f"table.parameter_{name}", language), _datum(name, value, language) or _words(value, language))
        for name, value in found
        if value not in (None, "", [], {})
    ]


def _datum(name: str, value: object, language: Language) -> str:
    """Return the name of a datum, "" for other parameters."""
    return facts.label("datum.", value, language) if name.endswith("__datum") else ""


def _words(value: object, language: Language) -> str:
    if isinstance(value, bool):
        return text("table.yes" if value else "table.no", language)
    if isinstance(value, list):
        return text("fact.list_join", language).join(_words(one, language) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
