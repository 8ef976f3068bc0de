"""The half-yearly progress report in Word: seven parts and an annex, as civil affairs write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from docx.document import Document as Paper

from carecircle.language import Language, current_language, text
from carecircle.report.figures import Figures
from carecircle.report.word import chapters
from carecircle.report.word.build import add_heading, add_page_break, add_title, new_paper, save, turn
from carecircle.report.word.sentences import day, numeral, said

if TYPE_CHECKING:
    from carecircle.model import Study

__all__ = ["write_report"]


def write_report(
    study: Study, path: str | Path, *, figures: Figures | None = None, language: Language | None = None
) -> Path:
    """Write the half-yearly progress report of a study as ``.docx``.

    Parameters
    ----------
    study
        With judgements and gaps; what it has not, the report says that it has not.
    path
        Where to.
    figures
        From `carecircle.report.figures.write_figures`; without any the report says that it has none.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    pathlib.Path
        `path`. The same study and figures give the same bytes.
    """
    language = language or current_language()
    title = [study.title, said("title", language)]
    paper = new_paper(" ".join(title))
    add_title(paper, title, _under_title(study, language))
    drawn = figures or Figures({}, {})
    write: dict[str, Callable[[], None]] = {
        "overall": lambda: chapters.overall(paper, study, language),
        "targets": lambda: chapters.targets(paper, study, language),
        chapters.tasks_title(study): lambda: chapters.tasks(paper, study, language),
        "coverage": lambda: chapters.coverage(paper, study, drawn, language),
        "problems": lambda: chapters.problems(paper, study, language),
        _next(study): lambda: chapters.ahead(paper, study, drawn, language),
        "needs": lambda: chapters.needs(paper, study, language),
    }
    for number, (name, chapter) in enumerate(write.items(), start=1):
        turn(paper, across=False)
        add_heading(paper, said("heading", language, number=numeral(number, language), title=said(name, language)))
        chapter()
    _annex(paper, study, language)
    save(paper, Path(path))
    return Path(path)


def _under_title(study: Study, language: Language) -> list[str]:
    date = said("as_of", language, date=day(study.as_of, language)) if study.as_of else said("undated", language)
    return [date, text("map.fictional", language)] if study.fictional else [date]


def _next(study: Study) -> str:
    """Return the title of what comes next: the second half of the year, or the next year."""
    return "next_second" if study.as_of is not None and study.as_of.month > 6 else "next_first"


def _annex(paper: Paper, study: Study, language: Language) -> None:
    turn(paper, across=False)
    add_page_break(paper)
    add_heading(paper, said("annex", language))
    chapters.methods(paper, study, language)
    chapters.annex_tables(paper, study, language)
