"""Tables of a plan: its sites in order of worth, what each number of sites gives, who is served where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carecircle.language import text
from carecircle.schema import SITES
from carecircle.siting.reach import SLACK, SiteReach
from carecircle.siting.solvers.solution import Floats, Ints
from carecircle.siting.worth import Worth, greedy_curve, worth_of

_ABOUT = (
    "candidate_id",
    "name",
    "source",
    "status",
    "floor_m2",
    "ownership",
    "land_use",
    "cost",
    "conflicts",
    "note",
    "area_code",
    "county",
    "township",
    "community",
)
CURVE_COLUMNS = ["measure", "sites", "covered", "total", "threshold", "chosen"]
_NAMED = 8
"""How many names a reason lists."""
_MOST_STEPS = 400
"""Most sites that a curve shows."""


@dataclass(frozen=True, eq=False)
class Units:
    """The unit of each demand point, and names of units.

    Parameters
    ----------
    of_point
        (n,) position of the unit in `names`; -1 where a point is in none.
    names
        Of the units.
    served_share
        Share of a unit's people that makes it served.
    """

    of_point: Ints
    names: NDArray[np.object_]
    served_share: float


def units_of(labels: pd.Series, names: pd.Series, served_share: float) -> Units:
    """Return units from the ``area_id`` of each demand point, and names by ``area_id``."""
    codes, keys = pd.factorize(labels, sort=True)
    said = names.reindex(keys).to_numpy(object)
    return Units(codes.astype(np.int64), np.where(pd.isna(said), keys.to_numpy(object), said), served_share)


@dataclass(frozen=True, eq=False)
class Listing:
    """How sites are to be listed, where something else than people decides; one entry a site.

    Parameters
    ----------
    order
        Candidates; one that becomes two kinds of centres stands there twice.
    built_as, phase
        Kind of facility and year.
    newly
        Names of the units that pass with it and did not before.
    words
        What its reason begins with.
    """

    order: Ints
    built_as: Sequence[str] | None = None
    phase: Sequence[int] | None = None
    newly: Sequence[Sequence[str]] | None = None
    words: Sequence[str] | None = None


def site_table(
    reach: SiteReach,
    chosen: Ints,
    *,
    matrix: csr_array | None = None,
    units: Units | None = None,
    listing: Listing | None = None,
    rivals: NDArray[np.bool_] | None = None,
) -> gpd.GeoDataFrame:
    """Return chosen sites in order of worth, by the contract `carecircle.schema.SITES`.

    Parameters
    ----------
    reach
        Who reaches whom.
    chosen
        Columns of `reach`.
    matrix
        Who is served by which column; default: within the limit.
    units
        Units that become served on the way are named.
    listing
        The order and more, where something else than people decides; default: each adds most to those before it.
    rivals
        (m,) which candidates could stand in for a chosen one: reasons say what the best of them would bring. None: they
        do not, as where people are not all that counts.
    """
    cover = reach.cover() if matrix is None else matrix
    weight = np.where(reach.near, 0.0, reach.weight)
    worth = worth_of(cover, weight, np.unique(chosen), rivals)
    listing = listing or Listing(worth.order)
    columns = listing.order
    place = _positions(worth.order, columns)
    added, newly = _in_turn(reach, cover, columns, units)
    named = listing.newly if listing.newly is not None else newly
    counted = units is not None or listing.newly is not None
    reasons = _reasons(reach, worth, place, added, rivals=rivals is not None)
    given = pd.DataFrame(reach.candidates.iloc[columns]).reset_index(drop=True)
    about = given.reindex(columns=list(_ABOUT))
    start, total = float(reach.weight[reach.near].sum()), float(reach.weight.sum())
    rows = about.assign(
        rank=np.arange(1, len(columns) + 1),
        built_as=None if listing.built_as is None else list(listing.built_as),
        phase=np.nan if listing.phase is None else list(listing.phase),
        gain=added,
        people_60=added if reach.measure == "people_60" else np.nan,
        units=[text("fact.list_join").join(names) for names in named],
        units_count=[float(len(names)) for names in named] if counted else np.nan,
        covered=start + np.cumsum(added),
        total=total,
        reason=reasons
        if listing.words is None
        else ["".join(said) for said in zip(listing.words, reasons, strict=True)],
    )
    shapes = reach.candidates.geometry.to_numpy()[columns]
    return typed(gpd.GeoDataFrame(rows, geometry=shapes, crs=reach.candidates.crs))


def typed(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return sites with the columns and types of their contract."""
    kinds = {column.name: "float" if column.kind == "number" else "str" for column in SITES.columns}
    return rows.astype({**kinds, "rank": "int64"})[[*kinds, "geometry"]]


def _positions(among: Ints, wanted: Ints) -> Ints:
    """Return where each wanted value stands among others, all of which are wanted."""
    at = np.argsort(among, kind="stable")
    return np.asarray(at[np.searchsorted(among[at], wanted)], dtype=np.int64)


def _in_turn(reach: SiteReach, cover: csr_array, columns: Ints, units: Units | None) -> tuple[Floats, list[list[str]]]:
    """Return the people that each column adds to those before it, and the units that become served by it."""
    served, by_column = reach.near.copy(), cover.tocsc()
    added, newly = np.zeros(len(columns)), []
    before = _served_units(reach, served, units)
    for place, column in enumerate(columns):
        rows = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        rows = rows[~served[rows]]
        added[place] = reach.weight[rows].sum()
        served[rows] = True
        now = _served_units(reach, served, units)
        newly.append([] if units is None else [str(name) for name in units.names[now & ~before]])
        before = now
    return added, newly


def _served_units(reach: SiteReach, served: NDArray[np.bool_], units: Units | None) -> NDArray[np.bool_]:
    """Return which units have the share of their people within the limit that makes them served."""
    if units is None:
        return np.zeros(0, dtype=bool)
    inside, size = units.of_point >= 0, len(units.names)
    all_people = np.bincount(units.of_point[inside], reach.weight[inside], size)
    reached = np.bincount(units.of_point[inside & served], reach.weight[inside & served], size)
    return np.asarray((all_people > 0) & (reached >= units.served_share * all_people))


def _reasons(reach: SiteReach, worth: Worth, place: Ints, added: Floats, *, rivals: bool) -> list[str]:
    """Say of each site what it adds, what only it reaches, and what the best other place would bring instead."""
    said = reach.names
    measure = text(f"fact.measure_{reach.measure}")
    found = []
    for gain, at in zip(added, place, strict=True):
        if gain <= 0:
            found.append(text("siting.adds_nobody", measure=measure, minutes=f"{reach.limit:g}"))
            continue
        words = text("siting.why", people=_count(gain), own=_count(worth.own[at]), measure=measure)
        rival = worth.rival[at]
        if rivals and rival >= 0:
            words += text("siting.rival", name=said[rival], people=_count(worth.rival_gain[at]))
        elif rivals:
            words += text("siting.no_rival")
        found.append(words)
    return found


def _count(people: float) -> str:
    return f"{people:,.0f}"


def listed(given: Iterable[object]) -> str:
    """Return the first few of some names, and how many there are where there are more."""
    names = [str(one) for one in given]
    first = text("fact.list_join").join(names[:_NAMED])
    return first + (text("siting.and_more", count=len(names)) if len(names) > _NAMED else "")


def people_curve(
    reach: SiteReach, plan: gpd.GeoDataFrame, *, threshold: float = np.nan, matrix: csr_array | None = None
) -> pd.DataFrame:
    """Return how many people 0, 1, 2 ... new sites serve when each is the best after those before it.

    The plan's own number of sites has the plan's own value (``chosen``), which a greedy choice cannot better.
    """
    cover = reach.cover() if matrix is None else matrix
    start, total = float(reach.weight[reach.near].sum()), float(reach.weight.sum())
    values = start + greedy_curve(cover, np.where(reach.near, 0.0, reach.weight), _MOST_STEPS)
    sites = np.arange(len(values))
    curve = pd.DataFrame({"sites": sites, "covered": values, "chosen": False})
    if len(plan):
        own = pd.DataFrame({"sites": [len(plan)], "covered": [plan["covered"].iloc[-1]], "chosen": True})
        curve = pd.concat([curve[curve["sites"] != len(plan)], own]).sort_values("sites", ignore_index=True)
    return curve.assign(measure=reach.measure, total=total, threshold=threshold)[CURVE_COLUMNS]


def nearest_new(reach: SiteReach, plan: gpd.GeoDataFrame) -> Ints:
    """Return the nearest new site of each point within the limit, (n,) columns of `reach`; -1 for none."""
    columns = np.unique(reach.columns(plan["candidate_id"].astype(str).tolist()))
    part = reach.minutes[:, columns].tocoo() if len(columns) else csr_array((len(reach.weight), 1)).tocoo()
    near = part.data <= reach.limit + SLACK
    row, column, minutes = part.row[near], part.col[near], part.data[near]
    found = np.full(len(reach.weight), -1, dtype=np.int64)
    order = np.lexsort((column, minutes))[::-1]  # the nearest is written last
    found[row[order]] = columns[column[order]] if len(columns) else -1
    return found


def assignment_table(reach: SiteReach, assigned: Ints, people: csr_array | None = None) -> pd.DataFrame:
    """Return who is served where: ``demand_id``, ``site_id``, ``minutes``, ``people``.

    Parameters
    ----------
    reach
        Who reaches whom.
    assigned
        (n,) column of each point, -1 for none.
    people
        (n, m) people served, where points are shared among sites; goes before `assigned`.
    """
    if people is not None:
        found = people.tocoo()
        row, column, count = found.row, found.col, found.data
    else:
        row = np.flatnonzero(assigned >= 0)
        column, count = assigned[row], reach.weight[row]
    return pd.DataFrame(
        {
            "demand_id": reach.demand["demand_id"].astype(str).to_numpy(object)[row],
            "site_id": reach.candidates["candidate_id"].astype(str).to_numpy(object)[column],
            "minutes": _minutes(reach, row, column),
            "people": count,
        }
    ).sort_values(["demand_id", "minutes", "site_id"], ignore_index=True)


def _minutes(reach: SiteReach, row: Ints, column: Ints) -> Floats:
    """Return the minutes of pairs, NaN where a pair is beyond the bound."""
    matrix = reach.minutes
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    wanted = np.asarray(row, dtype=np.int64) * matrix.shape[1] + column
    if not len(keys):
        return np.full(len(wanted), np.nan)
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order][at] == wanted, matrix.data[order][at], np.nan)
