"""The results folder: all files of a study, written together or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from carecircle.config import Plan
from carecircle.folders import whole_folder
from carecircle.language import current_language
from carecircle.model import SitingPlan, Study
from carecircle.outputs import write_json, write_layers
from carecircle.report.dashboard import dashboard_html
from carecircle.report.map import map_html
from carecircle.report.official import write_official
from carecircle.report.quality import study_basis, write_quality
from carecircle.report.suppression import blanked, published
from carecircle.report.verdicts import verdicts
from carecircle.report.workbook import write_csv, write_workbook
from carecircle.schema import LEVELS

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
"""Figures of the report (`carecircle.report.figures`, which is only loaded by runs that draw them)."""
LAYERS = ("facilities", "areas", "demand", "isochrones")
"""Layers of the results."""

SIGN = "study.json"
RESULTS = (
    "map.html",
    "coverage.xlsx",
    "coverage.csv",
    "quality.html",
    "quality.csv",
    "isochrones.gpkg",
    "results.gpkg",
    *(f"{name}.parquet" for name in LAYERS),
    "dashboard.html",
    "tables.xlsx",
    "report.docx",
    "verdicts.json",
    "gaps.csv",
    "gaps.gpkg",
    *(f"figure_{name}.png" for name in (*FIGURES, "sites")),
    SIGN,
)
"""Names of all files that a run may write: in a folder of results (`SIGN` shows that it is one) these are ours, and no
others. A name that is no longer written stays in this list, so that an old file does not outlive the next run."""


def write_results(study: Study, plan: Plan, folder: Path) -> None:
    """Write all results of a study; they appear together or not at all."""
    below = plan.output.suppress_below
    study = study if below is None else published(study, below)
    tiles = None if plan.output.tiles == "none" else plan.output.tiles
    page = map_html(
        study,
        language=current_language(),
        tiles=tiles,
        note=plan.output.note,
        tianditu_key=os.environ.get("CARECIRCLE_TIANDITU_KEY"),
    )
    with whole_folder(folder, RESULTS, SIGN) as draft:
        (draft / "map.html").write_text(page, encoding="utf-8")
        write_workbook(study, draft / "coverage.xlsx", current_language(), quality=study.quality)
        write_quality(
            study.quality,
            draft,
            title=study.title,
            as_of=study.as_of,
            basis=study_basis(study),
            files=study.provenance["files"],
        )
        write_csv(study.cover, draft / "coverage.csv")
        layers = {"facilities": study.facilities, "areas": wide_areas(study), "demand": study.demand}
        layers = {name: blanked(frame) for name, frame in layers.items()}
        write_layers({"isochrones": study.isochrones}, draft / "isochrones.gpkg", as_of=study.as_of)
        write_layers(layers, draft / "results.gpkg", as_of=study.as_of)
        if plan.output.parquet:
            for name, frame in {**layers, "isochrones": study.isochrones}.items():
                write_layers({name: frame}, draft / f"{name}.parquet")
        if study.judgements:
            _write_judged(study, plan, draft)
        write_json({"title": study.title, **study.provenance, "headline": headline(study)}, draft / SIGN)


def write_sites(
    plan: SitingPlan,
    study: Study,
    folder: str | Path,
    *,
    rings_before: gpd.GeoDataFrame | None = None,
    rings_after: gpd.GeoDataFrame | None = None,
    rings_by_year: Mapping[int, gpd.GeoDataFrame] | None = None,
    candidates: gpd.GeoDataFrame | None = None,
    note: str | None = None,
) -> tuple[Path, ...]:
    """Write all results of a siting plan (``sites.html``, ``sites.xlsx`` ...); they appear together or not at all.

    Parameters
    ----------
    plan
        Where new centres go.
    study
        What it was made for.
    folder
        Where to; it may be the folder of the study's own results, which stay.
    rings_before, rings_after
        Areas within reach of existing facilities (default: the study's), and of the new sites too: ``facility_id``
        ("all" for the union), ``minutes``, geometry.
    rings_by_year
        Areas within reach at the end of each year of a phased plan.
    candidates
        All candidates; those not chosen are small grey points of the map.
    note
        The line on how the map may be used; by default: for internal use only.

    Returns
    -------
    tuple of pathlib.Path
        What was written.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    # Drawing takes half a second to load, which only runs that ask for sites should wait for.
    from carecircle.report import siting  # noqa: PLC0415

    around = siting.Surroundings(rings_before, rings_after, rings_by_year or {}, candidates, note)
    with whole_folder(folder, siting.RESULTS, siting.SIGN) as draft:
        siting.fill_sites(plan, study, draft, around)
        written = [name for name in siting.RESULTS if (draft / name).exists()]
    return tuple(Path(folder) / name for name in written)


def _write_judged(study: Study, plan: Plan, draft: Path) -> None:
    """Write what officials hand in: dashboard, tables, report with its figures, verdicts, and the list of gaps."""
    # Drawing and Word take half a second to load, which only runs that judge should wait for.
    from carecircle.report.figures import write_figures  # noqa: PLC0415
    from carecircle.report.word import write_report  # noqa: PLC0415

    figures = write_figures(study, draft, note=plan.output.note) if plan.output.figures else None
    (draft / "dashboard.html").write_text(dashboard_html(study), encoding="utf-8")
    write_official(study, draft / "tables.xlsx")
    write_report(study, draft / "report.docx", figures=figures)
    write_json(verdicts(study), draft / "verdicts.json")
    if study.gaps is not None:
        places = study.gaps.geometry
        table = study.gaps.drop(columns="geometry").assign(lon=places.x.round(6), lat=places.y.round(6))
        write_csv(table, draft / "gaps.csv")
        write_layers({"gaps": blanked(study.gaps)}, draft / "gaps.gpkg", as_of=study.as_of)


def beside(frame: gpd.GeoDataFrame, results: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return a table with results on its right; the user's own columns of such names get ``given_`` before them."""
    taken = {name: f"given_{name}" for name in results.columns if name in frame.columns}
    joined = frame.rename(columns=taken).join(results)
    joined.attrs = frame.attrs
    return joined


def wide_areas(study: Study) -> gpd.GeoDataFrame:
    """Return the areas with their people and points, in all and within each limit, as columns for a GIS."""
    any_kind = study.cover[
        (study.cover["kind"] == "all") & (study.cover["unit"] == "") & (study.cover["measure"] != "facilities")
    ]
    covered = any_kind.assign(column=any_kind["measure"] + "_" + any_kind["minutes"].map("{:g}min".format))
    wide = covered.pivot(index="area_id", columns="column", values="covered")
    total = any_kind.drop_duplicates(["area_id", "measure"]).pivot(index="area_id", columns="measure", values="total")
    return beside(study.areas, total.join(wide).reindex(study.areas["area_id"]).set_index(study.areas.index))


def headline(study: Study) -> list[dict[str, Any]]:
    """Return the main numbers of a study, as (covered, total) for every limit."""
    level = next(level for level in LEVELS if (study.areas["level"] == level).any())
    rows = study.cover[(study.cover["level"] == level) & (study.cover["kind"] == "all")]
    rows = rows[rows["measure"].str.startswith("people") | rows["measure"].isin(["points", "presence", "served"])]
    sums = rows.groupby(["measure", "unit", "minutes"], dropna=False, sort=False)[["covered", "total"]].sum(min_count=1)
    return [dict(zip(map(str, row), row.values(), strict=True)) for row in sums.reset_index().to_dict("records")]
