"""Judgements for publication: counts of people that could disclose a small group are withheld, verdicts stay.

The tallies of areas are published in steps that take all that adding and subtracting finds out into account (see
`carecircle.report.suppression`). Judgements count people in other ways: within reach of one target's facilities, at
several speeds, by other readings, and as the county filled in. Few of these are published, by rules that are simple and
err on the safe side:

- A circle publishes its values for the whole place and one age only, and of these such as differ from each other, from
  none, from all, and from the numbers of the tallies by nobody or by `below` people at least.
- Numbers of the reading "people reached" are withheld, for they are of other sets of areas.
- What the county filled in about people or households is withheld where a number, or what it leaves of its whole, is
  small; the numbers of its counties are withheld together, of all periods, when one of them is, or when what the
  counties leave of the whole is small; and so are those of all periods of the whole. What counts estates or
  institutions that pass counts no people; their own numbers are withheld together when one of them is small.
- The sheet of estates marks small ones (`SMALL`): table 6 withholds their people, households and required floor area.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd

from carecircle.policy.judge import Quantity, Tally, Verdict
from carecircle.policy.model import Target
from carecircle.policy.results import WHOLE, Judgement, Line, Outcome
from carecircle.policy.vocabulary import vocabulary
from carecircle.report.judged import EACH, WITHHELD, of_people, withheld
from carecircle.schema import LEVELS, PEOPLE

_SHEETS = ("estates", "institutions")
"""Sheets that count no people."""
_PERSONS = frozenset({"人", "户"})
"""Units of columns that count people; where there is a household there are few."""
_ROWS = (*EACH, "share_of_items")
"""Metrics whose tallies count rows that pass; the rows' own numbers may be of people."""
SMALL = "small"
"""Column of the published sheet of estates: True where its people and households are not published."""
_NOISE = 1e-6
_HIDDEN = Tally(WITHHELD, WITHHELD)


def published_judgement(judgement: Judgement, cover: pd.DataFrame, below: int) -> Judgement:
    """Return a judgement as it may be published.

    Parameters
    ----------
    judgement
        From `carecircle.policy.assessment`.
    cover
        The tallies as they are published (`carecircle.report.suppression.withhold`).
    below
        The smallest count of people that is shown.
    """
    anchors = _anchors(cover)
    return replace(
        judgement,
        outcomes=tuple(_outcome(one, anchors, below) for one in judgement.outcomes),
        inputs={name: _marked(judgement.inputs[name], below) for name in _SHEETS if name in judgement.inputs},
    )


def _marked(sheet: pd.DataFrame, below: int) -> pd.DataFrame:
    """Return a sheet with its rows of few people or households marked in the column `SMALL`."""
    counts = sheet[[name for name in ("people", "households") if name in sheet]].astype(float)
    return sheet.assign(**{SMALL: (counts.gt(0) & counts.lt(below)).any(axis=1)})


def _anchors(cover: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of people of the widest level that are published, ``measure, count``: sums and single areas."""
    rows = cover[cover["measure"].isin(PEOPLE) & (cover["unit"] == "")]
    level = next((one for one in LEVELS if (rows["level"] == one).any()), "")
    rows = rows[rows["level"] == level]
    sums = rows.groupby(["measure", "kind", "minutes"], dropna=False)[["covered", "total"]].sum(min_count=1)
    found = pd.concat([sums.reset_index(), rows])[["measure", "covered", "total"]]
    return found.melt("measure", value_name="count").drop(columns="variable").dropna()


def _outcome(outcome: Outcome, anchors: pd.DataFrame, below: int) -> Outcome:
    target = outcome.target
    if outcome.circle is not None:
        return _circle(outcome, anchors, below)
    lines = tuple(_hidden(one) if of_people(outcome, one.reading) else one for one in outcome.lines)
    units = None if outcome.units is None else _without_people(outcome.units)
    found = replace(outcome, lines=lines, units=units)
    if of_people(outcome):
        return replace(found, tally=_HIDDEN, verdict=_bare(outcome.verdict))
    if target.metric in _ROWS and _names_people(target):
        return _filled_in_rows(found, below)
    return _filled_in(found, below) if counts_people(target) else found


def counts_people(target: Target) -> bool:
    """Return whether a target counts people, or their households, that a county has filled in."""
    return target.unit == "person" or (target.metric not in _ROWS and _names_people(target))


def _names_people(target: Target) -> bool:
    """Return whether a target uses columns that count people or households."""
    columns = [
        vocabulary().sheets[use.sheet].columns[name]
        for use in target.data.sheets
        for name in (*use.numerator, *use.denominator)
    ]
    return any(one.unit is not None and one.unit.zh in _PERSONS for one in columns)


def _bare(verdict: Verdict) -> Verdict:
    """Return the word of a verdict, without the numbers that it rests on."""
    return Verdict(verdict.word, year=verdict.year)


def _hidden(line: Line) -> Line:
    """Return a line without its numbers; one that has none stays as it is."""
    if line.tally.numerator is None and line.tally.denominator in {None, 0}:
        return line
    return replace(line, tally=_HIDDEN, verdict=_bare(line.verdict))


def _without_people(units: pd.DataFrame) -> pd.DataFrame:
    return units.assign(
        **{name: units[name].mask(units[name].notna(), np.inf) for name in ("people", "reached") if name in units}
    )


# What was filled in


def _filled_in(outcome: Outcome, below: int) -> Outcome:
    """Withhold all where the whole is small, and together all lines of areas, or of the whole, of one reading.

    The number of an area repeats that of one of its periods, or is the sum of all of them; so are those of the whole.
    """
    small = outcome.tally is not None and is_small(outcome.tally, below)
    groups = {_group(one) for one in outcome.lines if is_small(one.tally, below)}
    groups |= {(True, reading) for reading, rest in _rests(outcome) if is_small(rest, below)}
    lines = tuple(_hidden(one) if _group(one) in groups or small else one for one in outcome.lines)
    if not small:
        return replace(outcome, lines=lines)
    return replace(outcome, tally=_HIDDEN, verdict=_bare(outcome.verdict), lines=lines)


def _filled_in_rows(outcome: Outcome, below: int) -> Outcome:
    """Withhold together the lines of single rows where one of them is small."""
    small = any(is_small(one.tally, below) for one in outcome.by_item())
    return replace(outcome, lines=tuple(_hidden(one) if one.item and small else one for one in outcome.lines))


def _group(line: Line) -> tuple[bool, str]:
    return line.area_id != WHOLE, line.reading


def _rests(outcome: Outcome) -> Iterator[tuple[str, Tally]]:
    """Yield with its reading what the areas leave of each number of the whole: what belongs to none of them."""
    wholes = [Line(outcome.tally or Tally(None), outcome.verdict), *outcome.lines]
    for whole in (one for one in wholes if one.area_id == WHOLE):
        same = (whole.reading, whole.period, whole.item)
        parts = [one for one in outcome.lines if one.area_id and (one.reading, one.period, one.item) == same]
        if parts:
            yield whole.reading, _less(whole.tally, [one.tally for one in parts])


def _less(whole: Tally, parts: Iterable[Tally]) -> Tally:
    """Return what parts leave of a whole; a number that one of them does not have is unknown."""
    every = list(parts)
    above = _difference(whole.numerator, [one.numerator for one in every])
    return Tally(above, _difference(whole.denominator, [one.denominator for one in every]))


def _difference(whole: Quantity | None, parts: Iterable[Quantity | None]) -> Fraction | None:
    known = [None if one is None or withheld(one) else Fraction(one) for one in (whole, *parts)]
    if any(one is None for one in known):
        return None
    first, *rest = (one for one in known if one is not None)
    return first - sum(rest, Fraction(0))


def is_small(tally: Tally, below: int) -> bool:
    """Return whether a numerator, a denominator, or what lies between them, is a small group of people.

    Examples
    --------
    >>> [is_small(Tally(*pair), 5) for pair in ((0, 9), (3, 9), (9, 9), (7, 9), (5, 10), (None, 3))]
    [False, True, False, True, False, True]
    """
    parts: list[Quantity | None] = [tally.numerator, tally.denominator, tally.unverified]
    if any(map(withheld, parts)):
        return False
    if tally.numerator is not None and tally.denominator is not None:
        parts.append(Fraction(tally.denominator) - Fraction(tally.numerator))
    return any(part is not None and 0 < abs(Fraction(part)) < below for part in parts)


# Circles


def _circle(outcome: Outcome, anchors: pd.DataFrame, below: int) -> Outcome:
    table = outcome.circle if outcome.circle is not None else pd.DataFrame()
    people = table["measure"].isin(PEOPLE)
    first = next((name for name in ("people_60", *PEOPLE) if (table["measure"] == name).any()), "")
    if not first:
        return outcome
    whole = people & table["area_id"].eq(WHOLE) & table["measure"].eq(first)
    known = anchors.loc[anchors["measure"] == first, "count"]
    # A number of the tallies that is withheld at the same level could be found out from one of the circle's.
    shown = _apart(table[whole], known[np.isfinite(known)], below) if np.isfinite(known).all() else []
    hide = people & ~table.index.isin(shown)
    masked = {name: table[name].mask(hide & table[name].notna(), np.inf) for name in ("covered", "total")}
    tally, verdict = outcome.tally, outcome.verdict
    if tally is not None and not _is_shown(tally, table.loc[shown]):
        tally, verdict = _HIDDEN, _bare(verdict)
    lines = tuple(map(_hidden, outcome.lines))
    return replace(outcome, tally=tally, verdict=verdict, lines=lines, circle=table.assign(**masked))


def _apart(rows: pd.DataFrame, anchors: Iterable[float], below: int) -> list[int]:
    """Return the rows whose counts differ by nobody or by `below` people at least, from anchors and from each other."""
    kept = [0.0, *anchors]
    found = []
    for label, covered, total in zip(rows.index, rows["covered"], rows["total"], strict=True):
        near = [abs(one - other) for other in (*kept, float(total)) for one in (covered, total)]
        gaps = [gap for gap in near if gap > _NOISE]
        if np.isfinite(covered) and np.isfinite(total) and all(gap >= below - _NOISE for gap in gaps):
            kept += [float(covered), float(total)]
            found.append(label)
    return found


def _is_shown(tally: Tally, rows: pd.DataFrame) -> bool:
    """Return whether a tally is one of the rows that are published."""
    if tally.numerator is None or tally.denominator is None:
        return True
    pair = float(tally.numerator), float(tally.denominator)
    return bool((np.isclose(rows["covered"], pair[0]) & np.isclose(rows["total"], pair[1])).any())
