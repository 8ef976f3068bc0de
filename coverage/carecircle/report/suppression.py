"""Tables for publication: counts of few people are withheld, and with them what they could be computed from.

An area publishes its numbers in steps (`_steps`): all people aged 60 and over; those within the largest limit; within
the other limits; people of all ages; both by kind of facility; then the other ages, one by one (these never by kind).
An area that stops at a step withholds everything after it, zeros too. All that adding and subtracting can find out is
then known exactly: for each step, the numbers of the parts into which the published areas cut each other (a published
area without the published areas inside it). A step is published only where in each such part every group of people
that the step tells apart (an age band between two limits) is empty or holds at least `below` people. Each step divides
the groups of the one before, so that a group known to be empty in a part tells of an area inside it only that it has
none there, or all of a group that is published. See ``docs/outputs.md``.

A number that is withheld is infinite in memory (`WITHHELD`): sums with it are withheld too, and it is neither 0 nor "no
data" (NaN). A reader of the results cannot tell the small numbers from those withheld to protect them, and is not
meant to: who knows that two numbers of sum 8 are below 5 knows both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.cover import ALL_KINDS
from carecircle.cover import parents as parents_of
from carecircle.gaps import ranked
from carecircle.language import text
from carecircle.report.disclosure import published_judgement
from carecircle.report.facts import MEASURES, WITHHELD
from carecircle.schema import DEMAND, LEVELS, PEOPLE

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

AnyFrame = TypeVar("AnyFrame", bound=pd.DataFrame)
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEAREST = ("facility_id", "minutes", "metres", "snap_metres")
"""Results of a point that do not count people."""
_TOTAL = float("inf")  # the limit of those who are within reach or not
_NOISE = 1e-6  # sums of shared-out people differ in their last digits


class _Count(NamedTuple):
    """A column of counts: people of a measure (an age) within a limit of a kind of facility."""

    measure: str
    kind: str
    minutes: float


@dataclass(frozen=True)
class _Step:
    """Counts that an area publishes together, and the groups of people told apart when they are (with all earlier)."""

    counts: tuple[_Count, ...]
    groups: Floats


def published(study: Study, below: int) -> Study:
    """Return the study as it may be published: counts of fewer than `below` people are withheld.

    The tallies of areas are treated by `withhold`, gaps by `withhold_gaps`, judgements by `published_judgement`, sites
    by `withhold_sites`. Where
    people live is not published at all: every count of people at a point is withheld, and with it what is summed over
    points, such as the people nearest to a facility; columns of the file that are not known are left out, and so are
    findings about its rows, which may name numbers of people.

    Parameters
    ----------
    study
        The study.
    below
        The smallest count of people that is shown, 2 at least.
    """
    demand = _without_own_columns(study.demand)
    for name in (*PEOPLE, "households"):
        if name in demand:
            demand[name] = demand[name].mask(demand[name].notna(), WITHHELD)
    notes = (*study.notes, text("note.withheld", below=below))
    cover = withhold(study.cover, study.areas, below)
    return replace(
        study,
        cover=cover,
        demand=demand,
        judgements=tuple(published_judgement(one, cover, below) for one in study.judgements),
        gaps=None if study.gaps is None else withhold_gaps(study.gaps, cover),
        sites=None if study.sites is None else withhold_sites(study.sites),
        quality=_without_rows_of_people(study),
        notes=notes,
        provenance={**study.provenance, "notes": list(notes)},
    )


def _without_rows_of_people(study: Study) -> pd.DataFrame:
    """Return the findings but for those on single rows of the file of people."""
    file = study.provenance.get("parameters", {}).get("population", {}).get("path")
    if file is None or study.quality.empty:
        return study.quality
    own = study.quality["file"].eq(file) & study.quality["row"].notna()
    return study.quality[~own].reset_index(drop=True)


def _without_own_columns(demand: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the points without the columns of the file itself: nobody knows what counts of people are among them."""
    known = {column.name for column in DEMAND.columns} | {"coordinate_source", *NEAREST, demand.geometry.name}
    return gpd.GeoDataFrame(demand[[name for name in demand.columns if name in known]])


def withhold(cover: pd.DataFrame, areas: gpd.GeoDataFrame, below: int) -> pd.DataFrame:
    """Return tallies in which counts of people that could disclose a small group are `WITHHELD`.

    Parameters
    ----------
    cover
        From `carecircle.coverage`.
    areas
        The areas it is of.
    below
        The smallest number of people that a group may have.

    Returns
    -------
    pandas.DataFrame
        The same rows; `covered`, or `covered` and `total`, are infinite where they are withheld. Rows that do not count
        people are left alone.
    """
    steps = _steps(cover)
    if not steps:
        return cover
    columns = [count for step in steps for count in step.counts]
    values = _values(cover, areas, columns)
    parent, rank = parents_of(areas), areas["level"].map({level: at for at, level in enumerate(LEVELS)}).to_numpy()
    kept = np.ones(len(areas), bool)
    shown: dict[_Count, Bools] = {}
    for step in steps:
        kept = _publishing(values[:, : len(step.groups)], parent, rank, kept, step.groups, below)
        shown |= dict.fromkeys(step.counts, kept)
    return _marked(cover, areas, shown)


def withhold_gaps(gaps: gpd.GeoDataFrame, cover: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return gaps with the people of units that the tallies publish, ranked by these alone.

    Parameters
    ----------
    gaps
        From `carecircle.gaps.find_gaps`.
    cover
        From `withhold`.

    Returns
    -------
    geopandas.GeoDataFrame
        The same gaps; `people_60` and `people_80` are `WITHHELD` where the unit's total is or where the tallies have
        none, and `people_60_out` everywhere: people beyond a target's own facilities are in no step.
    """
    rows = cover[cover["unit"] == ""].drop_duplicates(["area_id", "measure"]).set_index(["area_id", "measure"])["total"]
    hidden = {"people_60_out": pd.Series(data=True, index=gaps.index)}
    for name in ("people_60", "people_80"):
        public = rows.reindex(pd.MultiIndex.from_product([gaps["area_id"], [name]])).to_numpy(float)
        hidden[name] = pd.Series(~np.isfinite(public), index=gaps.index)
    people = {name: gaps[name].mask(which & gaps[name].notna(), WITHHELD) for name, which in hidden.items()}
    return ranked(gaps.assign(**people))


def withhold_sites(plan: SitingPlan) -> SitingPlan:
    """Return a siting plan without people at single sites: they are sums over points, and so are their differences.

    What each site adds is withheld, the running sums and all curves with it, the people of assignments, and reasons,
    which may say numbers; of a single site also what the plan is worth. Counts of units and sums of several sites stay.

    Parameters
    ----------
    plan
        The plan.
    """
    curve = plan.curve
    if len(curve):
        curve = curve.assign(covered=curve["covered"].mask(curve["covered"].notna(), WITHHELD))
    alone = plan.sense == "max" and len(plan.chosen) == 1
    return replace(
        plan,
        objective=math.nan if alone else plan.objective,
        bound=math.nan if alone else plan.bound,
        reasons=tuple(text("siting_report.reasons_withheld") for _ in plan.reasons[:1]),
        chosen=_hidden(plan.chosen, ("people_60", "gain", "covered")).assign(reason=""),
        curve=curve,
        assignment=_hidden(plan.assignment, ("people",)),
        alternatives=_hidden(plan.alternatives, ("objective", "loss")),
        variants=_hidden(plan.variants, ("before", "covered")),
        phases=_hidden(plan.phases, ("covered",)),
    )


def _hidden(frame: AnyFrame, names: tuple[str, ...]) -> AnyFrame:
    """Return a table whose known numbers in some columns are withheld."""
    return frame.assign(**{name: frame[name].mask(frame[name].notna(), WITHHELD) for name in names if name in frame})


def tabled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as a CSV file can say it: what is withheld is empty, and the column `withheld` names it.

    Examples
    --------
    >>> tabled(pd.DataFrame({"covered": [WITHHELD, 7.0], "total": 9.0})).to_dict("records")
    [{'covered': nan, 'total': 9.0, 'withheld': 'covered'}, {'covered': 7.0, 'total': 9.0, 'withheld': ''}]
    """
    numbers = table.select_dtypes("float")
    hidden = numbers.columns[np.isinf(numbers.to_numpy(float)).any(axis=0)]
    if hidden.empty:
        return table
    parts = [np.where(np.isinf(table[name]), str(name), "") for name in hidden]
    return blanked(table).assign(withheld=[" ".join(filter(None, row)) for row in zip(*parts, strict=True)])


def blanked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table or layer in which numbers withheld are absent: formats have no other way to say it."""
    numbers = frame.select_dtypes("float").columns
    return frame.assign(**{name: frame[name].mask(np.isinf(frame[name])) for name in numbers})


def _steps(cover: pd.DataFrame) -> list[_Step]:
    """Return the steps in which the counts of people are published."""
    rows = cover[cover["measure"].isin(PEOPLE) & (cover["unit"] == "")]
    known = set(rows.loc[rows["total"] > 0, "measure"])
    first = next((measure for measure in (*MEASURES, *PEOPLE) if measure in known), None)
    if first is None:
        return []
    kinds, limits = sorted(set(rows["kind"]) - {ALL_KINDS}), sorted(set(rows["minutes"]))
    ages = [name for name in PEOPLE if name in set(rows["measure"])]
    wide = [name for name in (first, "people") if name in ages][: 1 + (first == "people_60")]
    whole = {name: [_Count(name, ALL_KINDS, limit) for limit in (_TOTAL, *reversed(limits))] for name in (*wide, *ages)}
    blocks = [whole[first][:1], whole[first][1:2], whole[first][2:], *(whole[name] for name in wide[1:])]
    blocks.append([_Count(name, kind, limit) for name in wide for kind in kinds for limit in limits])
    blocks += [whole[name] for name in ages if name not in wide]
    blocks = [block for block in blocks if block]
    return [
        _Step(tuple(block), _groups([count for one in blocks[: at + 1] for count in one]))
        for at, block in enumerate(blocks)
    ]


def _groups(counts: list[_Count]) -> Floats:
    """Return what must not be small as combinations of counts, one a column, (counts, groups).

    Within a kind: people between two limits or beyond the last, of an age and over and of the ages between two such.
    Between kinds: those of an age, or between two, who reach some facility but none of the kind.
    """
    place = {count: at for at, count in enumerate(counts)}
    ages = [name for name in PEOPLE if any(count.measure == name for count in counts)]
    bands = [*((age, None) for age in ages), *pairwise(ages)]
    kinds = list(dict.fromkeys(count.kind for count in counts))
    found = [_within(place, band, kind) for band in bands for kind in kinds]
    rings = [np.diff(within, axis=0, prepend=0) for within in found]
    others = [_within(place, band, ALL_KINDS, kind) for band in bands for kind in kinds[1:]]
    return np.unique(np.concatenate([*rings, *others]), axis=0).T


def _within(place: dict[_Count, int], band: tuple[str, str | None], kind: str, without: str | None = None) -> Floats:
    """Return the people of a band within each limit at which all that is needed is published, (limits, counts)."""
    limits = sorted({count.minutes for count in place if without is None or count.minutes != _TOTAL})
    rows = []
    for limit in limits:
        terms = {_Count(band[0], _kind(kind, limit), limit): 1.0}
        terms |= {_Count(band[1], _kind(kind, limit), limit): -1.0} if band[1] else {}
        if without is not None:
            terms |= {count._replace(kind=without): -sign for count, sign in terms.items()}
        if set(terms) <= set(place):
            row = np.zeros(len(place))
            row[[place[count] for count in terms]] = list(terms.values())
            rows.append(row)
    return np.array(rows).reshape(-1, len(place))


def _kind(kind: str, limit: float) -> str:
    return ALL_KINDS if limit == _TOTAL else kind


def _values(cover: pd.DataFrame, areas: gpd.GeoDataFrame, columns: list[_Count]) -> Floats:
    """Return the counts of each area, (areas, columns); what is not known adds nothing."""
    rows = cover[cover["measure"].isin(PEOPLE) & (cover["unit"] == "")]
    index = pd.MultiIndex.from_frame(rows[["area_id", "measure", "kind", "minutes"]])
    covered = pd.Series(rows["covered"].to_numpy(float), index=index)
    total = rows.drop_duplicates(["area_id", "measure"]).set_index(["area_id", "measure"])["total"].astype(float)
    ids = areas["area_id"].to_numpy(dtype=object)
    parts = [
        total.reindex(pd.MultiIndex.from_product([ids, [one.measure]]))
        if one.minutes == _TOTAL
        else covered.reindex(pd.MultiIndex.from_product([ids, [one.measure], [one.kind], [one.minutes]]))
        for one in columns
    ]
    values: Floats = np.nan_to_num(np.column_stack([part.to_numpy(float) for part in parts]))
    return values


def _publishing(
    values: Floats, parent: NDArray[np.int64], rank: NDArray[np.int64], may: Bools, groups: Floats, below: int
) -> Bools:
    """Return which of the areas that may publish a step do.

    As long as a part is unsafe, the smallest published area inside it joins it, or, where there is none, the area
    itself is withheld, so that its part joins that of the next wider published area. The narrowest areas come first.
    """
    kept = may.copy()
    while True:
        holder = _holders(parent, kept)
        inside = np.flatnonzero(kept & (holder >= 0))
        parts = np.where(kept[:, None], values, 0.0)
        np.subtract.at(parts, holder[inside], values[inside])
        unsafe = kept & _small(parts @ groups, below).any(axis=1)
        if not unsafe.any():
            return kept
        unsafe &= rank == rank[unsafe].max()
        kept[_leaving(values, holder, inside, unsafe)] = False


def _small(people: Floats, below: int) -> Bools:
    size = np.abs(people)
    return (size > _NOISE) & (size < below - _NOISE)


def _holders(parent: NDArray[np.int64], kept: Bools) -> NDArray[np.int64]:
    """Return the next wider published area of each area, -1 where there is none."""
    holder = parent.copy()
    for _ in LEVELS:
        over = (holder >= 0) & ~kept[np.maximum(holder, 0)]
        holder = np.where(over, parent[np.maximum(holder, 0)], holder)
    return np.where((holder >= 0) & kept[np.maximum(holder, 0)], holder, -1)


def _leaving(values: Floats, holder: NDArray[np.int64], inside: NDArray[np.int64], unsafe: Bools) -> NDArray[np.int64]:
    """Return for each unsafe area the smallest one inside that has people, or itself."""
    able = inside[unsafe[holder[inside]] & (values[inside] > _NOISE).any(axis=1)]
    order = able[np.lexsort((able, values[able, 0], holder[able]))]
    _, first = np.unique(holder[order], return_index=True)
    smallest = order[first]
    alone = np.setdiff1d(np.flatnonzero(unsafe), holder[smallest])
    return np.concatenate([smallest, alone])


def _marked(cover: pd.DataFrame, areas: gpd.GeoDataFrame, shown: dict[_Count, Bools]) -> pd.DataFrame:
    """Return tallies with `WITHHELD` in place of the counts of people that an area does not publish."""
    found = cover.copy()
    people = (cover["measure"].isin(PEOPLE) & (cover["unit"] == "")).to_numpy()
    pairs = [(count, area) for count, kept in shown.items() for area in areas["area_id"].to_numpy()[kept]]
    public = pd.MultiIndex.from_tuples(
        [(area, *count) for count, area in pairs], names=["area_id", "measure", "kind", "minutes"]
    )
    for name, limits in (("covered", cover["minutes"]), ("total", pd.Series(_TOTAL, index=cover.index))):
        kinds = cover["kind"] if name == "covered" else pd.Series(ALL_KINDS, index=cover.index)
        rows = pd.MultiIndex.from_arrays([cover["area_id"], cover["measure"], kinds, limits])
        found[name] = cover[name].mask(people & ~rows.isin(public) & cover[name].notna().to_numpy(), WITHHELD)
    return found
