"""Table contracts as data: what each table that flows through the stages holds, and the one check of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd

from carecircle.errors import InputError, Problem, problem
from carecircle.model import CANDIDATE_SOURCES

Kind = Literal["text", "number", "date"]


@dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, in which unit, and whether a table must have it."""

    name: str
    kind: Kind
    unit: str = ""
    required: bool = False
    minimum: float | None = None


@dataclass(frozen=True)
class Table:
    """The contract of a table: its key, its columns, and the kind of its geometry ("" = none needed)."""

    name: str
    key: str
    columns: tuple[Column, ...]
    geometry: Literal["", "point", "polygon"] = ""

    def column(self, name: str) -> Column | None:
        """Return the contract of a column, or None for one that is carried along untouched."""
        return next((column for column in self.columns if column.name == name), None)


PEOPLE = ("people", "people_60", "people_65", "people_80")
"""Columns of people by age: all, 60 and over, 65 and over, 80 and over."""

POINTS = Table(
    "points",
    "point_id",
    (Column("point_id", "text", required=True), Column("coordinate_source", "text")),
    "point",
)

_WHERE_DECLARED = (Column("county", "text"), Column("township", "text"), Column("community", "text"))
"""Names of the areas that a row says it belongs to."""

FACILITIES = Table(
    "facilities",
    "facility_id",
    (
        Column("facility_id", "text", required=True),
        Column("name", "text"),
        Column("kind", "text"),
        Column("functions", "text"),
        Column("beds", "number", "beds", minimum=0),
        Column("nursing_beds", "number", "beds", minimum=0),
        Column("stars", "text"),
        Column("ownership", "text"),
        Column("status", "text"),
        Column("opened", "date"),
        Column("floor_m2", "number", "m2", minimum=0),
        Column("area_code", "text"),
        *_WHERE_DECLARED,
        Column("address", "text"),
        Column("credit_code", "text"),
        Column("filing", "text"),
        Column("designed_beds", "number", "beds", minimum=0),
        Column("filed_beds", "number", "beds", minimum=0),
        Column("residents", "number", "people", minimum=0),
        Column("service_metres", "number", "m", minimum=0),
        Column("serves", "text"),
        Column("added_minutes", "number", "min", minimum=0),
        Column("data_date", "date"),
        Column("coordinate_source", "text"),
    ),
    "point",
)

AREAS = Table(
    "areas",
    "area_id",
    (
        Column("area_id", "text", required=True),
        Column("name", "text"),
        Column("level", "text", required=True),
        Column("parent_id", "text"),
        Column("urban_class", "text"),
    ),
    "polygon",
)

DEMAND = Table(
    "demand",
    "demand_id",
    (
        Column("demand_id", "text", required=True),
        *(Column(name, "number", "people", minimum=0) for name in PEOPLE),
        Column("households", "number", "households", minimum=0),
        Column("area_id", "text"),
        *_WHERE_DECLARED,
        Column("data_date", "date"),
        Column("coordinate_source", "text"),
    ),
    "point",
)

GAPS = Table(
    "gaps",
    "gap_id",
    (
        Column("gap_id", "text", required=True),
        Column("pack", "text", required=True),
        Column("target_id", "text", required=True),
        Column("also", "text"),
        Column("gap", "text", required=True),
        Column("area_id", "text", required=True),
        Column("level", "text", required=True),
        Column("name", "text"),
        *_WHERE_DECLARED,
        Column("people_60", "number", "people", minimum=0),
        Column("people_80", "number", "people", minimum=0),
        Column("people_60_out", "number", "people", minimum=0),
        Column("nearest_facility", "text"),
        Column("nearest_name", "text"),
        Column("metres", "number", "m", minimum=0),
        Column("minutes", "number", "min", minimum=0),
        Column("measure", "text", required=True),
        Column("year", "number", "year", minimum=1990),
        Column("rank", "number", required=True, minimum=1),
    ),
)
"""What `carecircle.gaps` finds: points, or nothing where a unit has neither people nor a border."""

SOURCES = CANDIDATE_SOURCES
"""Where a candidate site comes from, the most welcome first: the user's list of idle property, middles of settlements,
homes, middles of people out of reach, junctions of roads."""

CANDIDATES = Table(
    "candidates",
    "candidate_id",
    (
        Column("candidate_id", "text", required=True),
        Column("name", "text"),
        Column("source", "text", required=True),
        Column("status", "text"),
        Column("floor_m2", "number", "m2", minimum=0),
        Column("site_m2", "number", "m2", minimum=0),
        Column("ownership", "text"),
        Column("land_use", "text"),
        Column("cost", "number", "10,000 yuan", minimum=0),
        Column("beds", "number", "beds", minimum=0),
        Column("kind", "text"),
        Column("area_code", "text"),
        *_WHERE_DECLARED,
        Column("address", "text"),
        Column("note", "text"),
        Column("conflicts", "text"),
        Column("added_minutes", "number", "min", minimum=0),
        Column("coordinate_source", "text"),
    ),
    "point",
)
"""Where a new centre could go: `source` is one of `SOURCES`, `status` what stands there (空置校舍), `beds` what it
would hold, `kind` what it should become, `conflicts` what speaks against it, joined by ；."""

SITES = Table(
    "sites",
    "candidate_id",
    (
        Column("rank", "number", required=True, minimum=1),
        Column("candidate_id", "text", required=True),
        Column("name", "text"),
        Column("source", "text", required=True),
        Column("status", "text"),
        Column("floor_m2", "number", "m2", minimum=0),
        Column("ownership", "text"),
        Column("land_use", "text"),
        Column("cost", "number", "10,000 yuan", minimum=0),
        Column("conflicts", "text"),
        Column("note", "text"),
        Column("area_code", "text"),
        *_WHERE_DECLARED,
        Column("built_as", "text"),
        Column("phase", "number", "year", minimum=1990),
        Column("gain", "number"),
        Column("people_60", "number", "people", minimum=0),
        Column("units", "text"),
        Column("units_count", "number", minimum=0),
        Column("covered", "number", "people", minimum=0),
        Column("total", "number", "people", minimum=0),
        Column("reason", "text"),
    ),
    "point",
)
"""New sites of a `carecircle.model.SitingPlan`, in order of worth.

``people_60`` are those within the limit of the site and of no facility or site before it; ``covered`` of ``total`` are
within the limit of any, this site included; ``units`` are the names of the units that pass only now.
"""

LEVELS = ("city", "county", "township", "community")
"""Levels of areas, from the widest: 市, 县(市、区), 街道/镇/乡, 社区/村."""


def check(
    frame: gpd.GeoDataFrame, table: Table, file: str | Path | None = None, rows: pd.Series | None = None
) -> gpd.GeoDataFrame:
    """Return `frame` when it keeps the contract, else raise `InputError` with every breach.

    Parameters
    ----------
    frame
        The table to check; columns the contract does not name are left alone.
    table
        The contract.
    file, rows
        Where it came from: a file and, for each row, its number there (default: position + 2, under a header).
    """
    numbers = rows if rows is not None else pd.Series(range(2, len(frame) + 2), index=frame.index)
    problems = [
        problem("missing_column", file=file, column=c.name, found="、".join(map(str, frame.columns)))
        for c in table.columns
        if c.required and c.name not in frame.columns
    ]
    if len(frame) == 0:
        problems.append(problem("empty_table", file=file))
    if not problems:
        problems = [
            *_key_problems(frame, table, file, numbers),
            *_number_problems(frame, table, file, numbers),
            *_geometry_problems(frame, table, file, numbers),
        ]
    if problems:
        raise InputError(problems)
    return frame


def _key_problems(frame: pd.DataFrame, table: Table, file: str | Path | None, numbers: pd.Series) -> list[Problem]:
    key = frame[table.key]
    empty = key.isna() | (key.astype(str).str.strip() == "")
    repeated = key.duplicated(keep=False) & ~empty
    return [
        *(problem("empty_key", file=file, row=int(row), column=table.key) for row in numbers[empty]),
        *(
            problem("repeated_key", file=file, row=int(row), column=table.key, value=value)
            for row, value in zip(numbers[repeated], key[repeated], strict=True)
        ),
    ]


def _number_problems(frame: pd.DataFrame, table: Table, file: str | Path | None, numbers: pd.Series) -> list[Problem]:
    found: list[Problem] = []
    for column in table.columns:
        if column.kind != "number" or column.name not in frame.columns or column.minimum is None:
            continue
        values = frame[column.name]
        low = values < column.minimum
        found += [
            problem("below_minimum", file=file, row=int(row), column=column.name, value=value, minimum=column.minimum)
            for row, value in zip(numbers[low], values[low], strict=True)
        ]
    return found


def _geometry_problems(
    frame: gpd.GeoDataFrame, table: Table, file: str | Path | None, numbers: pd.Series
) -> list[Problem]:
    if not table.geometry:
        return []
    kinds = frame.geometry.geom_type.str.lower().str.removeprefix("multi")
    wrong = kinds.notna() & (kinds != table.geometry)
    if wrong.any():
        return [problem("wrong_geometry", file=file, wanted=table.geometry, found="、".join(sorted(set(kinds[wrong]))))]
    empty = frame.geometry.isna() | frame.geometry.is_empty
    return [problem("empty_geometry", file=file, row=int(row)) for row in numbers[empty]]
