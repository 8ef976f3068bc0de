"""What a policy pack holds: a document, its targets, and a schedule by unit and year. Frozen values; nothing computes.

Every field documents itself; `carecircle.policy.json_schema` makes the schema of a pack out of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, computed_field, field_validator, model_validator

from carecircle.policy.vocabulary import Column, Kind, Reading, reading, vocabulary
from carecircle.policy.words import Entry, Line, Number, Words, not_allowed, only_known
from carecircle.schema import AREAS, DEMAND, FACILITIES

Status = Literal["draft", "formal", "unverified"]
Force = Literal["hard", "soft", "principle", "definition"]
Check = Literal["circle", "units", "table", "document", "none"]
Unit = Literal[
    "city", "county", "street", "town", "township_level", "urban_community", "community", "village",
    "community_or_village", "facility", "estate", "site", "bed", "person", "household", "year", "half_year", "month",
    "document", "project", "place", "item", "level",
]  # fmt: skip
Metric = Literal[
    "share_of_units_with_facility",
    "facilities_per_unit",
    "share_of_units_with_document",
    "count",
    "count_per_unit",
    "count_per_period",
    "ratio",
    "ratio_of_each",
    "value_of_each",
    "share_of_items",
    "checklist",
    "functions",
    "kinds",
    "change",
    "circle",
    "monitor",
]
Comparison = Literal[">=", "=", "<=", ">", "between", "none"]
ThresholdUnit = Literal[
    "percent", "number", "items", "m2", "m2_per_person", "m2_per_100_households", "places_per_1000_people", "years",
    "none",
]  # fmt: skip
Period = Literal["once", "yearly", "half_yearly", "monthly", "throughout"]
Ownership = Literal["public", "public_private", "private_subsidised", "private", "collective"]

METRICS: dict[str, tuple[str, ...]] = {
    "circle": ("circle",),
    "units": ("share_of_units_with_facility", "facilities_per_unit", "count", "change"),
    "table": (
        "count",
        "count_per_unit",
        "count_per_period",
        "ratio",
        "ratio_of_each",
        "value_of_each",
        "share_of_items",
        "checklist",
        "functions",
        "kinds",
        "change",
        "monitor",
    ),
    "document": ("count", "count_per_period", "share_of_units_with_document", "checklist"),
    "none": ("monitor", "count_per_period", "ratio", "share_of_units_with_facility"),
}
"""Metrics that go with each way of checking."""

_TARGET_ID = r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$"
_CODE = r"^[1-8][0-9]([0-9]{2}|[0-9]{4}|[0-9]{7}|[0-9]{10})?$"
_NAME = r"^[a-z][a-z0-9_]*$"
_CAPITALS = r"^[A-Z0-9]+$"
PATTERNS = {_TARGET_ID: "YX-01", _CODE: "5304, 530402", _NAME: "yuxi", _CAPITALS: "ST"}
"""Forms that names must have, each with an example."""
Code = Annotated[str, Field(pattern=_CODE)]
TargetId = Annotated[str, Field(pattern=_TARGET_ID)]
Name = Annotated[str, Field(pattern=_NAME)]
Year = Annotated[int, Field(ge=1990, le=2100)]


def quote_parts(quote: str) -> list[str]:
    """Return the parts of a quote, which each stand in the text literally.

    Examples
    --------
    >>> quote_parts("新建…居住区…每百户不低于20平方米")
    ['新建', '居住区', '每百户不低于20平方米']
    """
    return [part for part in re.split(r"…+", quote) if part.strip()]


class Condition(Entry):
    """A condition on rows of a sheet: ``{ column = "stars", test = ">=", value = 2 }``."""

    column: str
    test: Literal["=", "!=", ">=", "<=", ">", "<", "in"] = "="
    value: bool | Number | Line | tuple[Line, ...]

    def fits(self, column: Column) -> None:
        """Raise an error that pydantic collects when a column of choices has no such choice."""
        if column.choices:
            only_known(self.value if isinstance(self.value, tuple) else [str(self.value)], column.choices)


class SheetUse(Entry):
    """Which columns of a sheet make the number that is judged.

    A share of rows with both a numerator and a denominator: a row passes when the first reaches the second.
    """

    sheet: str = Field(description="name of a sheet of the vocabulary")
    numerator: tuple[str, ...] = Field((), description="columns that are added; none: rows are counted")
    denominator: tuple[str, ...] = Field((), description="columns that are added; none: rows, or no denominator")
    rows: tuple[Condition, ...] = Field((), description="which rows count")
    rows_need: Literal["all", "any"] = Field("all", description="whether a row must meet all conditions or any")
    passing: tuple[Condition, ...] = Field((), description="which of these rows are in the numerator")

    @field_validator("sheet")
    @classmethod
    def _known_sheet(cls, value: str) -> str:
        return only_known([value], vocabulary().sheets)[0]

    @field_validator("numerator", "denominator")
    @classmethod
    def _known_columns(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        columns = _columns(info)
        return only_known(value, columns) if columns else value

    @field_validator("rows", "passing")
    @classmethod
    def _known_cells(cls, value: tuple[Condition, ...], info: ValidationInfo) -> tuple[Condition, ...]:
        columns = _columns(info)
        if columns:
            only_known([one.column for one in value], columns)
            for one in value:
                one.fits(columns[one.column])
        return value


def _columns(info: ValidationInfo) -> dict[str, Column]:
    """Return the columns of the sheet that a use names, none where its name is wrong (which is said already)."""
    return vocabulary().sheets[info.data["sheet"]].columns if "sheet" in info.data else {}


class Data(Entry):
    """What a target needs: columns of the tables of facilities, areas and people, and sheets of the workbook."""

    facilities: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    roads: bool = False
    sheets: tuple[SheetUse, ...] = Field((), description="several: each is judged, and all must pass")

    @field_validator("facilities", "areas", "people")
    @classmethod
    def _known_columns(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        table = {"facilities": FACILITIES, "areas": AREAS, "people": DEMAND}[str(info.field_name)]
        return only_known(value, [column.name for column in table.columns])


class Item(Entry):
    """A line of a checklist."""

    key: Name
    title: Words


class Target(Entry):
    """One target of a document."""

    id: TargetId
    clause: Line = Field(description="where it stands, as the document numbers it")
    quote: Line = Field(description="literal words of the text; parts left out are written …")
    title: Words = Field(description="short name of the indicator")
    description: Words = Field(description="what is demanded, in own words")
    subject: Line = Field(description="what it is about, in the words of the text")
    check: Check = Field(description="circle: travel times; units: facilities by unit; table; document; none")
    force: Force
    wording: str = Field("", description="word of the text that makes it soft: 力争, 原则上, 可以")
    kinds: tuple[str, ...] = Field((), description="kinds of facilities that count: names of the vocabulary")
    functions: tuple[str, ...] = Field((), description="functions that a facility must have")
    functions_need: Literal["all", "any"] = "all"
    stars_min: int | None = Field(None, ge=1, le=5)
    ownership: tuple[Ownership, ...] = ()
    label: str = Field("", description="word that the registry must show: 标准化, 示范性")
    unit: Unit = Field(description="what is counted")
    metric: Metric
    comparison: Comparison = "none"
    threshold: Number | None = Field(None, validate_default=True)
    upper: Number | None = Field(None, validate_default=True, description="upper end, with between only")
    threshold_unit: ThresholdUnit = "none"
    minutes: Number | None = Field(None, gt=0, validate_default=True, description="time limit of a circle")
    deadline: date | None = None
    period: Period = "once"
    years: tuple[Year, ...] = Field((), description="years that are judged one by one")
    items: tuple[Item, ...] = Field((), description="lines of a checklist")
    data: Data = Data()
    readings: tuple[Annotated[Reading, BeforeValidator(reading)], ...] = ()
    defines: tuple[TargetId, ...] = Field((), description="targets whose numerator this one defines")
    sum_of: tuple[TargetId, ...] = Field((), description="targets whose thresholds add up to this one's")
    same_as: tuple[TargetId, ...] = Field((), description="the same indicator, said again")
    similar_to: tuple[TargetId, ...] = Field((), description="nearly the same indicator")
    conflicts_with: tuple[TargetId, ...] = Field((), description="targets that cannot both be meant")
    note: Words | None = None

    @field_validator("kinds")
    @classmethod
    def _known_kinds(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Look among the vocabulary's kinds, and the pack's own, which the context holds."""
        return only_known(value, [*vocabulary().kinds, *(info.context or {}).get("kinds", ())])

    @field_validator("functions")
    @classmethod
    def _known_functions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return only_known(value, vocabulary().functions)

    @field_validator("defines", "sum_of", "same_as", "similar_to", "conflicts_with")
    @classmethod
    def _known_targets(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Look among the other targets of the pack, whose ids the context holds."""
        known = (info.context or {}).get("ids", value)
        return only_known(value, [name for name in known if name != info.data.get("id")])

    @field_validator("quote")
    @classmethod
    def _quote_has_words(cls, value: str) -> str:
        if not quote_parts(value):
            raise not_allowed("missing")
        return value

    @field_validator("metric")
    @classmethod
    def _metric_goes_with_check(cls, value: str, info: ValidationInfo) -> str:
        known = METRICS.get(info.data.get("check", ""), (value,))
        if value not in known:
            raise not_allowed("metric_error", check=info.data["check"], expected=", ".join(known))
        return value

    @field_validator("threshold")
    @classmethod
    def _threshold_goes_with_comparison(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        """Without a comparison there is none; a change is measured against the past, which has no number."""
        comparison, metric = info.data.get("comparison"), info.data.get("metric")
        if comparison is None or metric is None:
            return value
        wanted = comparison != "none" and metric != "change"
        if wanted == (value is None):
            raise not_allowed("threshold_missing" if wanted else "threshold_unwanted", comparison=comparison)
        return value

    @field_validator("upper")
    @classmethod
    def _upper_goes_with_between(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        comparison, low = info.data.get("comparison"), info.data.get("threshold")
        if comparison == "between" and low is not None and (value is None or value <= low):
            raise not_allowed("upper_missing", low=low)
        if comparison not in {"between", None} and value is not None:
            raise not_allowed("upper_unwanted")
        return value

    @field_validator("minutes")
    @classmethod
    def _circles_have_minutes(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if "check" in info.data and (info.data["check"] == "circle") == (value is None):
            raise not_allowed("minutes_error")
        return value


class ScheduleClass(Entry):
    """A class of facilities that a schedule counts, with the target that its total is."""

    key: Annotated[str, Field(pattern=_CAPITALS)]
    title: Words
    target: TargetId = Field(description="target of the pack that the city's total is")
    yearly: bool = Field(True, description="whether the schedule gives each year")
    check: Check
    unit: Unit


class ScheduleRow(Entry):
    """A unit of a schedule: for each class its total and the years, as many as the schedule has; 0 is a blank cell."""

    code: Code
    name: Line
    cells: dict[str, tuple[Annotated[int, Field(ge=0, le=10**6)], ...]]


class Cell(Entry):
    """One number of a schedule: so many by the end of `year`, in `year` alone; a total has no year."""

    id: str
    unit_code: Code
    unit_name: str
    facility_class: str
    year: int | None
    number: int
    deadline: date
    check: Check


class Schedule(Entry):
    """New facilities by unit, class and year; a year's number is what is added in that year."""

    id: TargetId = Field(description="start of the ids of the cells: YY-A")
    clause: Line
    years: tuple[Year, ...] = Field(min_length=1)
    classes: tuple[ScheduleClass, ...] = Field(min_length=1)
    rows: tuple[ScheduleRow, ...] = Field(min_length=1)
    total: ScheduleRow = Field(description="the line of sums, as printed")
    merges: dict[Code, Code] = Field(
        default_factory=dict, description="codes that have no row, and whose row they count with (hightech_zone)"
    )
    in_text: bool = Field(False, description="lines stand in the text as name | total | years ..., blank for 0")
    note: Words | None = None

    @model_validator(mode="after")
    def _every_line_is_whole(self) -> Self:
        known = {one.key: 1 + len(self.years) * one.yearly for one in self.classes}
        for row in (*self.rows, self.total):
            found = {key: len(numbers) for key, numbers in row.cells.items()}
            wrong = [key for key in {**known, **found} if found.get(key) != known.get(key)]
            if wrong:
                lengths = ", ".join(f"{key}: {count}" for key, count in known.items())
                raise not_allowed("row_error", row=row.name, wrong=", ".join(wrong), expected=lengths)
        return self

    @computed_field(description="every number that is not blank")  # type: ignore[prop-decorator]
    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of all units, then what each year adds in the city; the city's totals are targets of the pack."""
        return (
            *(cell for row in self.rows for cell in self._cells(row)),
            *(cell for cell in self._cells(self.total) if cell.year is not None),
        )

    def _cells(self, row: ScheduleRow) -> Iterator[Cell]:
        for one in self.classes:
            for year, number in zip((None, *self.years), row.cells[one.key], strict=False):
                if number:
                    yield Cell(
                        id=f"{self.id}-{row.code}-{one.key}-{year or 'T'}",
                        unit_code=row.code,
                        unit_name=row.name,
                        facility_class=one.key,
                        year=year,
                        number=number,
                        deadline=date(year or self.years[-1], 12, 31),
                        check=one.check,
                    )

    def cumulative(self, facility_class: str, code: str | None = None) -> dict[int, int]:
        """Return how many are to stand at the end of each year, in a unit or (default) in all.

        Examples
        --------
        >>> from carecircle.policy import load_pack
        >>> load_pack("yiyang").schedule.cumulative("XZ")
        {2025: 3, 2026: 10, 2027: 16}
        """
        row = next(row for row in (*self.rows, self.total) if row.code == (code or self.total.code))
        numbers = row.cells[facility_class][1:]
        return {year: sum(numbers[: place + 1]) for place, year in enumerate(self.years[: len(numbers)])}


class Pack(Entry):
    """A document and everything it demands."""

    id: Name
    title: Words
    document: Line = Field(description="full name")
    number: str = Field("", description="文号, where there is one")
    status: Status
    issued: date | None = Field(None, description="day of issue, where the text gives one")
    area_codes: tuple[Code, ...] = Field(min_length=1, description="statistical codes of the places it binds")
    source_file: str = Field("", description="name of the file with the text, for the check of quotes")
    note: Words | None = None
    kinds: dict[str, Kind] = Field(default_factory=dict, description="kinds of facilities that the vocabulary lacks")
    targets: tuple[Target, ...] = Field(min_length=1)
    schedule: Schedule | None = None

    def target(self, name: str) -> Target:
        """Return the target with an id; `KeyError` without one."""
        return {target.id: target for target in self.targets}[name]

    def target_ids(self) -> tuple[str, ...]:
        """Return the ids of all targets, then of all cells of the schedule."""
        cells = self.schedule.cells if self.schedule else ()
        return (*(target.id for target in self.targets), *(cell.id for cell in cells))
