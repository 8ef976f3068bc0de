"""Figures of a report: maps as PNG, 300 dots an inch, A5 across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from carecircle.language import Language, current_language, text
from carecircle.outputs import whole_file
from carecircle.policy.results import Judgement
from carecircle.report import facts, mapdata
from carecircle.report.figures import maps, sites
from carecircle.report.figures.plate import Plate, make_plate, of_centre

if TYPE_CHECKING:
    from carecircle.model import Study

__all__ = ["FIGURES", "SITES", "Figures", "write_figures"]

FIGURES = (
    "facilities",
    "townships",
    "communities",
    "communities_centre",
    "circles",
    "circles_centre",
    "people",
    "people_centre",
    "gaps",
)
"""All figures of every study, in the order of their numbers; one without data is left out, the next has its number."""
SITES = "sites"
"""The figure of a siting plan, the last; studies without a plan do not miss it."""


@dataclass(frozen=True)
class Figures:
    """What was drawn.

    Parameters
    ----------
    paths
        The file of each figure by its name (`FIGURES`, `SITES`), in the order of their numbers.
    titles
        What each is called, with its number.
    notes
        Which were not drawn, and why; worded.
    """

    paths: dict[str, Path]
    titles: dict[str, str]
    notes: tuple[str, ...] = ()


_Draw = Callable[[Plate, str, Path], None]
_CENTRE = "_centre"
_LEVELS = {"townships": "township", "communities": "community"}


def write_figures(
    study: Study, folder: str | Path, *, note: str | None = None, language: Language | None = None
) -> Figures:
    """Draw all figures that a study has data for, as ``figure_facilities.png`` and so on.

    Parameters
    ----------
    study
        What is drawn.
    folder
        Where to; it is made where there is none.
    note
        The line on how the maps may be used, such as their review number; by default: for internal use only.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.

    Returns
    -------
    Figures
        Nothing is drawn where the names are Chinese and the machine has no font for them: the notes say so.
    """
    language = language or current_language()
    place = Path(folder)
    try:
        plate = make_plate(study, language, note)
    except ValueError:
        return Figures({}, {}, (text("figure.nothing", language),))
    if not plate.fonts:
        return Figures({}, {}, (text("figure.no_font", language),))
    paths: dict[str, Path] = {}
    titles: dict[str, str] = {}
    notes = []
    for name in (*FIGURES, SITES) if study.sites is not None else FIGURES:
        job = _job(plate, name)
        if job is not None:
            sheet, draw = job
            paths[name] = place / f"figure_{name}.png"
            titles[name] = _title(sheet, name, len(paths))
            with whole_file(paths[name]) as draft:
                draw(sheet, titles[name], draft)
        elif not name.endswith(_CENTRE):
            notes.append(text("figure.left_out", language, name=_short_title(plate, name)))
    return Figures(paths, titles, tuple(notes))


def _title(plate: Plate, name: str, number: int) -> str:
    """Return what a figure is called: ``图4　5、10、15 分钟步行圈``."""
    return plate.said("title", number=number, title=_short_title(plate, name))


def _short_title(plate: Plate, name: str) -> str:
    kind = name.removesuffix(_CENTRE)
    limits = facts.limits(tuple(sorted(plate.study.minutes)), plate.language)
    on_foot = "walk" if plate.study.profile.on_foot else "ride"
    key = f"title_{kind}_{on_foot}" if kind == "circles" else f"title_{kind}"
    said = text("siting_report.figure", plate.language) if kind == SITES else plate.said(key, minutes=limits)
    return plate.said("title_of", title=said, place=plate.place) if plate.place else said


def _job(plate: Plate, name: str) -> tuple[Plate, _Draw] | None:
    """Return the plate of a figure and what draws it, None where the study has nothing for it."""
    kind = name.removesuffix(_CENTRE)
    draw = _draw_of(plate, kind)
    sheet = of_centre(plate) if name.endswith(_CENTRE) and draw is not None else plate
    return None if draw is None or sheet is None else (sheet, draw)


def _draw_of(plate: Plate, kind: str) -> _Draw | None:
    if kind == SITES:
        return sites.draw_sites if sites.can_draw(plate) else None
    if kind in _LEVELS:
        judgement = _judged(plate, _LEVELS[kind])
        return None if judgement is None else partial(maps.draw_units, judgement=judgement, level=_LEVELS[kind])
    study = plate.study
    rings = mapdata.drawable(study.isochrones)
    ready = {
        "facilities": len(mapdata.drawable(study.facilities)) > 0,
        "circles": len(rings) > 0 and bool((rings["facility_id"] == "all").any()),
        "people": len(plate.areas) > 0 and _has_people(study),
        "gaps": study.gaps is not None and len(mapdata.drawable(study.gaps)) > 0,
    }
    draw: _Draw = getattr(maps, f"draw_{kind}")
    return draw if ready[kind] else None


def _judged(plate: Plate, level: str) -> Judgement | None:
    """Return the first judgement with targets that count units of a level."""
    packs = plate.study.judgements
    return next((one for one in packs if len(maps.judged_units(one, plate.areas, level)[0])), None)


def _has_people(study: Study) -> bool:
    rows = study.cover[study.cover["measure"] == "people_60"]
    return bool((rows["total"] > 0).any())
