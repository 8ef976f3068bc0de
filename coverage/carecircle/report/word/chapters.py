"""The parts of the report, each written from a study into a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from docx.document import Document as Paper

from carecircle.language import Language, text
from carecircle.policy.results import Judgement
from carecircle.report import facts
from carecircle.report.figures import SITES, Figures
from carecircle.report.figures.maps import judged_units
from carecircle.report.tables import attainment, gap_list, sites, tables
from carecircle.report.word import sentences
from carecircle.report.word.build import add_body, add_heading, add_numbers, add_picture, close, turn
from carecircle.report.word.layout import add_table, without
from carecircle.report.word.sentences import numeral, said

if TYPE_CHECKING:
    from carecircle.model import Study

_SHOWN_GAPS = 20
_ANNEXED = ("definition", "source", "remark")
"""Columns of table 1 that stand in the annex: each is a paragraph."""
_NINE_TASKS = "yunnan"
"""The pack whose text has nine tasks of a pilot."""


def _write(paper: Paper, paragraphs: Iterable[str]) -> None:
    for words in paragraphs:
        if words:
            add_body(paper, close(words))


def _subheading(paper: Paper, number: int, title: str, language: Language) -> None:
    add_heading(paper, said("subheading", language, number=numeral(number, language), title=title), 2)


def _by_pack(paper: Paper, study: Study, language: Language) -> Iterable[Judgement]:
    """Give each judgement in turn, with a heading of its own where there are several."""
    if not study.judgements:
        add_body(paper, said("not_judged", language))
    for number, judgement in enumerate(study.judgements, start=1):
        turn(paper, across=False)
        if len(study.judgements) > 1:
            _subheading(paper, number, judgement.pack.title.said(language), language)
        yield judgement


def overall(paper: Paper, study: Study, language: Language) -> None:
    """Write what stands above everything: facilities, people reached, targets, and four numbers."""
    _write(paper, [sentences.facilities(study, language) + sentences.reached(study, language)])
    for one in study.judgements:
        _write(paper, [sentences.verdicts(one, language) + sentences.due(one, language)])
    if not study.judgements:
        add_body(paper, said("not_judged", language))
    add_numbers(paper, sentences.big_numbers(study, language))


def targets(paper: Paper, study: Study, language: Language) -> None:
    """Write what is missed, met and unknown, and the table of all targets."""
    for judgement in _by_pack(paper, study, language):
        _write(paper, sentences.missed(judgement, language))
        _write(paper, sentences.others(judgement, language))
        whole = attainment(study, judgement, language)
        table = without(whole, {text(f"table.{name}", language) for name in _ANNEXED})
        add_table(paper, replace(table, foot=(said("see_annex", language), *whole.foot)), language)


def tasks_title(study: Study) -> str:
    """Return the key of the title of the tasks: of nine where the only document is the pilot's."""
    return "tasks_nine" if [one.pack.id for one in study.judgements] == [_NINE_TASKS] else "tasks"


def tasks(paper: Paper, study: Study, language: Language) -> None:
    """Write what is done of the documents and tasks that a pack lists."""
    with_tasks = [one for one in study.judgements if sentences.tasks(one, language)]
    if study.judgements and not with_tasks:
        add_body(paper, said("no_tasks", language))
    for judgement in _by_pack(paper, replace(study, judgements=tuple(with_tasks) or study.judgements), language):
        _write(paper, sentences.tasks(judgement, language))


def coverage(paper: Paper, study: Study, figures: Figures, language: Language) -> None:
    """Write how far the facilities reach, and add the figures."""
    _write(paper, [sentences.by_limit(study, language), sentences.by_county(study, language)])
    if sentences.by_limit(study, language) == "":
        _write(paper, [sentences.reached(study, language)])
    _write(paper, sentences.speeds(study, language))
    for level in ("township", "community"):
        found = (judged_units(one, study.areas, level)[0] for one in study.judgements)
        states = next((one for one in found if len(one)), None)
        if states is not None:
            add_body(paper, sentences.unit_counts(states, level, language))
    if not study.provenance.get("elevation"):
        add_body(paper, said("slope", language))
    _figures(paper, figures, language)


def _figures(paper: Paper, figures: Figures, language: Language) -> None:
    drawn = {name: path for name, path in figures.paths.items() if name != SITES}
    first, last = (said("figure_number", language, number=number) for number in (1, len(drawn)))
    key = "no_figures" if not drawn else "figure" if first == last else "figures"
    add_body(paper, said(key, language, first=first, last=last) + "".join(figures.notes))
    for name, path in drawn.items():
        add_picture(paper, path, figures.titles[name])


def problems(paper: Paper, study: Study, language: Language) -> None:
    """Write what is lacking, and the first of the list."""
    _write(paper, [sentences.gaps(study, language)])
    table = gap_list(study, language)
    if table is None or not table.rows:
        return
    cut = len(table.rows) > _SHOWN_GAPS
    add_body(paper, said("gaps_first" if cut else "gaps_all", language, count=_SHOWN_GAPS))
    add_table(paper, table, language, most=_SHOWN_GAPS)


def ahead(paper: Paper, study: Study, figures: Figures, language: Language) -> None:
    """Write what falls due, what the schedule asks for, and what is known of sites."""
    for judgement in study.judgements:
        if judgement.schedule is not None:
            add_body(paper, said("schedule_head", language, document=sentences.document(judgement, language)))
            _write(paper, sentences.schedule(judgement.schedule, language))
        _write(paper, [sentences.ahead(judgement, language)])
    table = sites(study, language)
    add_body(paper, said("no_sites" if table is None else "sites", language))
    if table is None or study.sites is None:
        return
    _write(paper, sentences.sites(study.sites, language))
    add_table(paper, without(table, {text("siting_report.reason", language)}), language)
    if SITES in figures.paths:
        turn(paper, across=False)
        add_picture(paper, figures.paths[SITES], figures.titles[SITES])


def needs(paper: Paper, study: Study, language: Language) -> None:
    """Write which data are needed, and which readings have to be confirmed."""
    _subheading(paper, 1, said("needs_data", language), language)
    nothing = said("needs_none" if study.judgements else "not_judged", language)
    _write(paper, _of_packs(study, sentences.needs, language) or [nothing])
    _subheading(paper, 2, said("needs_readings", language), language)
    found = _of_packs(study, sentences.readings, language)
    _write(paper, [*found, said("readings_more", language)] if found else [said("readings_none", language)])


def _of_packs(study: Study, lines_of: sentences.Lines, language: Language) -> list[str]:
    """Return the lines of all packs, each pack's under its title where there are several."""
    found = [(one.pack.title.said(language), lines_of(one, language)) for one in study.judgements]
    several = sum(bool(lines) for _, lines in found) > 1
    return [words for title, lines in found if lines for words in ([title] if several else []) + lines]


def methods(paper: Paper, study: Study, language: Language) -> None:
    """Write how everything was counted, and from which files."""
    _subheading(paper, 1, said("methods", language), language)
    traveller = facts.label("fact.profile_", study.profile.name, language)
    limits, speed = facts.limits(tuple(sorted(study.minutes)), language), facts.speed(study.profile, language)
    lines = [said("profile", language, profile=traveller, speed=speed, minutes=limits)]
    share = study.provenance.get("parameters", {}).get("reach", {}).get("served_share")
    if share is not None:
        lines.append(said("served_share", language, percent=f"{share:.0%}"))
    lines += [text("map.datum", language), said("rounding", language)]
    _write(paper, [*lines, *([said("fictional", language)] if study.fictional else [])])
    _subheading(paper, 2, said("data", language), language)
    files = list(study.provenance.get("files", {}))
    names = [said("item", language, number=place, words=name) for place, name in enumerate(files, start=1)]
    for words in [said("files", language), *names] if files else [said("no_files", language)]:
        add_body(paper, words)
    _write(paper, study.notes)


def annex_tables(paper: Paper, study: Study, language: Language) -> None:
    """Add the tables that no part of the report has, and the definitions of all targets."""
    for judgement in study.judgements:
        whole = attainment(study, judgement, language)
        kept = {text(f"table.{name}", language) for name in ("serial", "indicator", *_ANNEXED)}
        table = without(whole, {head.heading for head in whole.heads} - kept)
        title = said("methods_table", language, pack=whole.pack)
        add_table(paper, replace(table, foot=(), colours={}), language, title=title)
    for table in tables(study, language):
        if table.key in {"2", "5", "6", "7", "8"} and table.rows:
            add_table(paper, table, language)
