"""What must hold, as rows of a sparse problem: the targets of a pack, exactly as they are judged, and shares of people.

A new centre is taken as a facility of one of the kinds that a pack counts, with every function, open on the day of the
study: whether it counts for a target is asked of the code that judges facilities (`carecircle.policy.units`), and
afterwards the pack's own judgement is taken again with the chosen ones in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, vstack

from carecircle.crs import to_geographic
from carecircle.language import text
from carecircle.policy.circles import in_centre
from carecircle.policy.evidence import Evidence, Place, place_of
from carecircle.policy.judge import Tally, Verdict, judge
from carecircle.policy.model import Pack, Target
from carecircle.policy.presence import Ways, exact, people_of, tally_of, unit_table, verdict_of, worst
from carecircle.policy.units import METRICS, counted_facilities, counted_units, is_listed, level_of
from carecircle.policy.vocabulary import Vocabulary, vocabulary
from carecircle.siting.reach import SiteReach
from carecircle.siting.solvers.solution import Floats, Ints
from carecircle.siting.solvers.targets import TargetProblem

_NEW = "new:"
"""Start of the ``facility_id`` of centres that do not stand yet."""
_GROWING = (">=", ">", "=", "between")


@dataclass(frozen=True, eq=False)
class Column:
    """New centres that could be: one for each candidate and kind, in this order.

    Parameters
    ----------
    candidate
        (k,) column of the reach.
    kind
        (k,) name of the vocabulary; "" where only people count.
    facilities
        Rows as a registry would have them, k.
    """

    candidate: Ints
    kind: NDArray[np.object_]
    facilities: gpd.GeoDataFrame


@dataclass(frozen=True, eq=False)
class Aim:
    """A target as rows, columns and groups of what must hold.

    Parameters
    ----------
    target_id, title
        Which one.
    rows
        (r, k) which new centre counts for which row.
    need
        (r,) how many a row needs.
    names
        (r,) of the rows: units, or demand points.
    weight
        (r,) what a row counts when it is satisfied.
    groups
        (g, r) weights: each group holds when its satisfied rows weigh `required` together.
    required
        (g,).
    where
        (g,) names of the groups: counties, or "".
    what
        ``"units"``, ``"people"`` or ``"count"``.
    """

    target_id: str
    title: str
    rows: csr_array
    need: Ints
    names: NDArray[np.object_]
    weight: Floats
    groups: csr_array
    required: Floats
    where: tuple[str, ...]
    what: str


@dataclass(frozen=True, eq=False)
class PackCase:
    """A pack, the place it binds with the new centres in its registry, and how it is judged there today.

    Parameters
    ----------
    pack, evidence
        The pack; evidence with facilities that stand and stay.
    place
        With the new centres behind those that stand.
    columns
        The new centres.
    """

    pack: Pack
    evidence: Evidence
    place: Place
    columns: Column

    @property
    def first(self) -> int:
        """Row of the first new centre among the facilities of the place."""
        return len(self.place.evidence.facilities) - len(self.columns.kind)

    def with_chosen(self, chosen: Ints) -> Place:
        """Return the place with chosen new centres only, (c,) positions of columns."""
        rows = np.concatenate([np.arange(self.first), self.first + np.sort(chosen)])
        found = replace(
            self.place.evidence, facilities=self.place.evidence.facilities.iloc[rows].reset_index(drop=True)
        )
        within = self.place.within.iloc[rows].reset_index(drop=True)
        return Place(found, within, self.place.bound, self.place.notes)


# New centres


def new_centres(
    candidates: gpd.GeoDataFrame, kinds: Sequence[str], evidence: Evidence, words: Vocabulary, labels: str = ""
) -> Column:
    """Return each candidate as a facility of each kind, with every function, opened on the day of the evidence."""
    count = len(candidates)
    which = np.tile(np.arange(count), len(kinds))
    kind = np.repeat(np.array(kinds, dtype=object), count)
    given = to_geographic(candidates).iloc[which].reset_index(drop=True)
    said = {name: labels + words.kinds[name].words[0] for name in kinds}
    functions = "、".join(one.words[0] for one in words.functions.values())
    rows = gpd.GeoDataFrame(
        {
            "facility_id": _NEW + given["candidate_id"].astype(str) + ":" + pd.Series(kind, dtype=object),
            "name": labels,
            "kind": [said[name] for name in kind],
            "functions": functions,
            "stars": "5",
            "status": "运营",
            "opened": pd.Timestamp(evidence.as_of),
            **{name: given[name] for name in ("area_code", "county", "township", "community") if name in given},
        },
        geometry=given.geometry.to_numpy(),
        crs=given.crs,
    )
    return Column(which.astype(np.int64), kind, rows)


def kinds_needed(targets: Sequence[Target], pack: Pack, candidates: gpd.GeoDataFrame, evidence: Evidence) -> list[str]:
    """Return the fewest kinds of new centres that count for targets: for each the first that counts for it.

    A kind that counts for nothing which another counts for is not needed; kinds of one target only come last.
    """
    words = vocabulary().with_kinds(pack.kinds)
    known = [one for target in targets for one in words.narrower(target.kinds)]
    trial = new_centres(candidates.iloc[:1], list(dict.fromkeys(known)), evidence, words, labels_of(targets))
    counts = {
        target.id: counted_facilities(target, pack, trial.facilities, evidence.as_of, evidence.chosen(target)).eq(True)
        for target in targets
    }
    serves = {kind: {name for name, row in counts.items() if row.iloc[at]} for at, kind in enumerate(trial.kind)}
    chosen: list[str] = []
    left = {name for name, row in counts.items() if row.any()}
    while left:
        best = max(serves, key=lambda kind: (len(serves[kind] & left), len(serves[kind]), -list(serves).index(kind)))
        chosen.append(best)
        left -= serves[best]
    return chosen


def labels_of(targets: Sequence[Target]) -> str:
    """Return the words that a registry must show of facilities, those of all targets."""
    return "".join(dict.fromkeys(target.label for target in targets if target.label))


def pack_case(pack: Pack, evidence: Evidence, columns: Column) -> PackCase:
    """Return a pack with the place it binds, new centres among the facilities."""
    standing = to_geographic(evidence.facilities)
    both = gpd.GeoDataFrame(pd.concat([standing, columns.facilities], ignore_index=True), crs=standing.crs)
    place = place_of(pack, replace(evidence, facilities=both))
    return PackCase(pack, evidence, place, columns)


# Targets


def sited_targets(pack: Pack, evidence: Evidence) -> list[Target]:
    """Return the targets of a pack that new centres can help to reach: units, counts, and circles with a line."""
    return [
        target
        for target in pack.targets
        if (target.check == "units" and target.metric in {*METRICS, "count"} and target.comparison in _GROWING)
        or (target.check == "circle" and target.id in evidence.lines)
    ]


def aims_of(case: PackCase, targets: Sequence[Target], reach: SiteReach) -> tuple[list[Aim], tuple[str, ...]]:
    """Return what lacks of targets as rows, and sentences on those that cannot be dealt with."""
    aims: list[Aim] = []
    notes: list[str] = []
    now = case.with_chosen(np.empty(0, dtype=np.int64))
    ways = Ways(now.evidence)
    for target in targets:
        if not is_listed(target, case.pack, case.evidence.facilities):
            notes.append(text("siting.no_registry", target=target.id))
            continue
        found = _aim(case, target, now, ways, reach)
        if isinstance(found, str):
            notes.append(found)
        elif found is not None:
            aims.append(found)
    return aims, tuple(notes)


def _aim(case: PackCase, target: Target, now: Place, ways: Ways, reach: SiteReach) -> Aim | str | None:
    """Return a target's rows; None where it holds already or counts nothing; a sentence where nothing is known."""
    counts = _counting(case, target)
    if target.check == "circle":
        return _people_aim(case, target, now, ways, reach, counts)
    if target.metric == "count":
        return _count_aim(case, target, now, counts)
    chosen = case.evidence.chosen(target)
    table = unit_table(target, case.pack, now, chosen, ways)
    tally = tally_of(table, chosen)
    if len(table) and tally.numerator is None:
        return text("siting.not_known", target=target.id)
    if tally.denominator == 0:
        return None
    if chosen.get("coverage") == "people":
        return _people_aim(case, target, now, ways, reach, counts)
    return _unit_aim(case, target, table, counts)


def _counting(case: PackCase, target: Target) -> NDArray[np.bool_]:
    """Return which new centres count for a target, (k,)."""
    evidence = case.evidence
    fresh = case.place.evidence.facilities.iloc[case.first :]
    counts = counted_facilities(target, case.pack, fresh, evidence.as_of, evidence.chosen(target)).eq(True)
    return np.asarray(counts.to_numpy(bool) & case.place.within.iloc[case.first :].to_numpy(bool))


def _unit_aim(case: PackCase, target: Target, table: pd.DataFrame, counts: NDArray[np.bool_]) -> Aim | None:
    """Return the units that do not pass; each needs a centre of its own, or as many as are asked for."""
    each = target.metric == "facilities_per_unit"
    least = _least(target, Fraction(target.threshold or 1)) if each else 1
    passes = table["found"].fillna(0).ge(least) if each else table["passes"].eq(True)
    table = table.assign(passes=passes.astype(bool))
    lacking = table[~table["passes"].to_numpy()]
    where = case.place.area_of("facilities", level_of(target)).iloc[case.first :]
    unit = pd.Index(lacking.index).get_indexer(pd.Index(where.where(counts, None)))
    column = np.flatnonzero(unit >= 0)
    rows = csr_array((np.ones(len(column)), (unit[column], column)), shape=(len(lacking), len(counts)))
    have = lacking["found"].fillna(0).astype(int).to_numpy() if each else np.zeros(len(lacking), dtype=int)
    share = Fraction(target.threshold or 0)
    members, required, names = [], [], []
    for name, part, lost in _parts(case, target, table, lacking):
        most = len(part) if each else _least(target, share * len(part) / 100)
        needed = most - int(part["passes"].sum())
        if needed > 0 and len(part):
            members.append(lost)
            required.append(float(needed))
            names.append(name)
    if not names:
        return None
    return Aim(
        target.id,
        target.title.said(),
        rows,
        np.maximum(least - have, 1).astype(np.int64),
        lacking["name"].fillna("").to_numpy(object),
        np.ones(len(lacking)),
        csr_array(np.array(members, dtype=float).reshape(len(members), len(lacking))),
        np.array(required),
        tuple(names),
        "units",
    )


def _least(target: Target, amount: Fraction) -> int:
    """Return the least whole number that an amount asks for: more than it where the target says so."""
    return floor(amount) + 1 if target.comparison == ">" else ceil(amount)


def _parts(
    case: PackCase, target: Target, table: pd.DataFrame, lacking: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame, NDArray[np.bool_]]]:
    """Yield the name, the units, and the lacking ones, of what must reach a target: each county, or the whole."""
    if case.evidence.chosen(target).get("overall") == "county":
        for area, name in case.place.counties.itertuples(index=False):
            yield str(name), table[table["county"].eq(area)], lacking["county"].eq(area).to_numpy(bool)
    else:
        yield "", table, np.ones(len(lacking), dtype=bool)


def _count_aim(case: PackCase, target: Target, now: Place, counts: NDArray[np.bool_]) -> Aim | None:
    """Return one row that all centres of the kind are in: so many must stand in the place."""
    standing = counted_facilities(target, case.pack, now.facilities, case.evidence.as_of, case.evidence.chosen(target))
    lacking = _least(target, Fraction(target.threshold or 0)) - int(standing.eq(True).sum())
    if lacking <= 0:
        return None
    return Aim(
        target.id,
        target.title.said(),
        csr_array(counts[None, :].astype(float)),
        np.array([lacking], dtype=np.int64),
        np.array([target.title.said()], dtype=object),
        np.ones(1),
        csr_array(np.ones((1, 1))),
        np.ones(1),
        ("",),
        "count",
    )


@dataclass(frozen=True, eq=False)
class _People:
    """Whom a target counts: points of a place (n,) that count, those near, their weight, and the limit."""

    inside: NDArray[np.bool_]
    near: NDArray[np.bool_]
    weight: Floats
    minutes: float

    @property
    def tally(self) -> Tally:
        return Tally(
            exact(float(self.weight[self.inside & self.near].sum())), exact(float(self.weight[self.inside].sum()))
        )

    def lacking(self, target: Target, line: Fraction) -> Fraction:
        """Return how many more must be near; a millionth more where the target says more than a share."""
        tally = self.tally
        more = Fraction(1, 10**6) if target.comparison == ">" else 0
        return line * Fraction(tally.denominator or 0) / 100 - Fraction(tally.numerator or 0) + more


def _people_aim(
    case: PackCase, target: Target, now: Place, ways: Ways, reach: SiteReach, counts: NDArray[np.bool_]
) -> Aim | str | None:
    """Return the points beyond the limit: of them so many people must come within."""
    people = _people(case, target, now, ways)
    line = case.evidence.lines[target.id] if target.check == "circle" else target.threshold
    if line is None or not people.tally.denominator:
        return text("siting.not_known", target=target.id)
    parts = [
        (name, part, float(required))
        for name, part in _people_parts(target, now, people)
        if part.tally.denominator and (required := part.lacking(target, Fraction(line))) > 0
    ]
    if not parts:
        return None
    if people.minutes > reach.bound + 1e-9:
        return text("siting.beyond_reach", target=target.id, minutes=f"{people.minutes:g}")
    keys = now.evidence.demand["demand_id"].astype(str).to_numpy(object)
    open_points = np.flatnonzero(people.inside & ~people.near & (people.weight > 0))
    points = pd.Index(reach.demand["demand_id"].astype(str)).get_indexer(pd.Index(keys[open_points]))
    cover = csr_array(reach.cover(people.minutes)[points][:, case.columns.candidate])
    cover = csr_array(cover.multiply(counts[None, :].astype(float)))
    cover.eliminate_zeros()
    return Aim(
        target.id,
        target.title.said(),
        cover,
        np.ones(len(points), dtype=np.int64),
        keys[open_points],
        people.weight[open_points],
        csr_array(np.array([np.where(part.inside, part.weight, 0.0)[open_points] for _, part, _ in parts])),
        np.array([required for _, _, required in parts]),
        tuple(name for name, _, _ in parts),
        "people",
    )


def _people_parts(target: Target, now: Place, people: _People) -> Iterator[tuple[str, _People]]:
    """Yield the name and the people of what must reach a target: each county, or the whole."""
    if target.check == "circle" or now.evidence.chosen(target).get("overall") != "county":
        yield "", people
        return
    county = now.area_of("demand", level_of(target)).map(now.county_of.to_dict())
    for area, name in now.counties.itertuples(index=False):
        yield str(name), replace(people, inside=people.inside & county.eq(area).to_numpy(bool))


def _people(case: PackCase, target: Target, now: Place, ways: Ways) -> _People:
    """Return whom a target counts: those in the units that it names, or in the centre that a circle is about."""
    evidence = now.evidence
    chosen = evidence.chosen(target)
    counts = counted_facilities(target, case.pack, evidence.facilities, evidence.as_of, chosen).eq(True)
    if target.check == "circle":
        minutes = float(target.minutes or evidence.minutes)
        inside = in_centre(evidence)
    else:
        minutes = evidence.minutes
        units = counted_units(target, evidence.areas, chosen)["area_id"]
        inside = now.area_of("demand", level_of(target)).isin(set(units)).to_numpy(bool)
    weight = people_of(evidence.demand).fillna(0.0).to_numpy(float)
    return _People(inside, ways.within(counts, minutes), weight, minutes)


# All together


def stacked(aims: Sequence[Aim], costs: Floats) -> TargetProblem:
    """Return all aims as one problem: their rows below each other, their groups side by side."""
    rows = csr_array(vstack([one.rows for one in aims], format="csr"))
    groups = csr_array(block_diag([one.groups for one in aims], format="csr"))
    need = np.concatenate([one.need for one in aims])
    return TargetProblem(rows, need, costs, groups, np.concatenate([one.required for one in aims]))


# Before and after


def states(case: PackCase, targets: Sequence[Target], chosen: Ints) -> pd.DataFrame:
    """Return what targets come to with chosen new centres in the registry, as the pack judges them: one row a target.

    Columns: ``target_id, title, numerator, denominator, threshold, holds``; exact numbers are Python objects.
    """
    place = case.with_chosen(chosen)
    ways = Ways(place.evidence)
    rows = []
    for target in targets:
        tally, verdict = _judged(case, target, place, ways)
        line = case.evidence.lines.get(target.id) if target.check == "circle" else target.threshold
        rows.append(
            {
                "target_id": target.id,
                "title": target.title.said(),
                "numerator": tally.numerator,
                "denominator": tally.denominator,
                "threshold": line,
                "unit": "percent" if target.check == "circle" else target.threshold_unit,
                "holds": verdict.word == "met",
            }
        )
    return pd.DataFrame(rows)


def _judged(case: PackCase, target: Target, place: Place, ways: Ways) -> tuple[Tally, Verdict]:
    """Return what a target comes to in a place today, whatever its years were."""
    evidence, chosen = place.evidence, place.evidence.chosen(target)
    if target.check == "circle":
        tally = _people(case, target, place, ways).tally
        change = {"threshold_unit": "percent", "comparison": ">=", "threshold": evidence.lines[target.id]}
        return tally, judge(target.model_copy(update=change), tally, evidence.as_of)
    if target.metric == "count":
        counts = counted_facilities(target, case.pack, place.facilities, evidence.as_of, chosen)
        tally = Tally(int(counts.eq(True).sum()), None, int(counts.isna().sum()))
        return tally, judge(target, tally, evidence.as_of)
    table = unit_table(target, case.pack, place, chosen, ways)
    verdict = verdict_of(target, table, chosen, evidence.as_of)
    if chosen.get("overall") == "county" and len(place.counties):
        each = {
            one: verdict_of(target, table[table["county"].eq(one)], chosen, evidence.as_of)
            for one in place.counties["area_id"]
        }
        verdict = worst(each)
    return tally_of(table, chosen), verdict
