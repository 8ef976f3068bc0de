"""What planners see of a siting plan: a page, a workbook, tables, layers, the curve, and how it was found as JSON."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from carecircle.language import Language, current_language
from carecircle.outputs import write_json, write_layers
from carecircle.report.official import write_tables
from carecircle.report.siting.page import sites_html
from carecircle.report.siting.plot import write_curve
from carecircle.report.siting.scene import Surroundings
from carecircle.report.siting.sheets import every_sheet
from carecircle.report.suppression import blanked
from carecircle.report.workbook import write_csv
from carecircle.schema import SITES

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

__all__ = ["RESULTS", "SIGN", "Surroundings", "fill_sites", "sites_html"]

SIGN = "sites.json"
RESULTS = ("sites.html", "sites.xlsx", "sites.csv", "sites.gpkg", "sites_curve.png", "sites_dropped.csv", SIGN)
"""Names of all files that `fill_sites` may write; `SIGN` shows that a folder holds them."""


def fill_sites(
    plan: SitingPlan,
    study: Study,
    folder: Path,
    around: Surroundings | None = None,
    *,
    language: Language | None = None,
) -> None:
    """Write all results of a siting plan into an empty folder (`carecircle.writing.write_sites` puts it in its place).

    Parameters
    ----------
    plan
        Where new centres go.
    study
        What it was made for.
    folder
        Where to.
    around
        What the page shows besides; without it, existing circles and the sites.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force. The curve is drawn only where there is one and a font
        for its words.
    """
    language = language or current_language()
    around = around or Surroundings()
    page = sites_html(plan, study, around, language=language)
    (folder / "sites.html").write_text(page, encoding="utf-8", newline="\n")
    write_tables(every_sheet(plan, study, language), study, folder / "sites.xlsx", language)
    write_csv(_flat(plan.chosen), folder / "sites.csv")
    write_layers(_layers(plan, around), folder / "sites.gpkg", as_of=study.as_of)
    write_curve(plan, study, folder / "sites_curve.png", language)
    if len(plan.dropped):
        write_csv(plan.dropped, folder / "sites_dropped.csv")
    write_json(_facts(plan, study), folder / SIGN)


def _ordered(chosen: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the chosen sites in order of worth, the columns of the contract first."""
    known = [column.name for column in SITES.columns if column.name in chosen]
    more = [name for name in chosen.columns if name not in {*known, chosen.geometry.name}]
    return chosen.sort_values(["rank", "candidate_id"])[[*known, *more, chosen.geometry.name]]


def _flat(chosen: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the chosen sites as a table, with their places in degrees."""
    ordered = _ordered(chosen)
    table = pd.DataFrame(ordered.drop(columns=ordered.geometry.name))
    return table.assign(lon=ordered.geometry.x.round(6), lat=ordered.geometry.y.round(6))


def _layers(plan: SitingPlan, around: Surroundings) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of the GeoPackage: sites, candidates that were not chosen, and areas within reach."""
    found = {"sites": gpd.GeoDataFrame(blanked(_ordered(plan.chosen)))}
    candidates, rings = around.candidates, around.rings_after
    if candidates is not None and len(candidates):
        found["candidates"] = candidates[~candidates["candidate_id"].isin(plan.chosen["candidate_id"])]
    if rings is not None and len(rings):
        found["isochrones_after"] = rings
    return found


def _facts(plan: SitingPlan, study: Study) -> dict[str, Any]:
    """Return how the plan was found and how good it is, for programs."""
    names = ("problem", "status", "objective", "bound", "gap", "sense", "stopped", "solver", "seed")
    return {
        "carecircle": version("carecircle"),
        "title": study.title,
        **{name: getattr(plan, name) for name in names},
        "reasons": plan.reasons,
        "parameters": plan.parameters,
        "sites": _ordered(plan.chosen)["candidate_id"].tolist(),
    }
