"""Other plans close to the best one, ranked, so that those who decide can choose.

Lawler (1972), "A procedure for computing the K best solutions to discrete optimization problems", Management Science
18: what is not the best plan lacks one of its sites; plans that keep the first i - 1 sites and lack the i-th are a part
of their own, and the next best plan is the best of the best ones of all parts. Ranks are certain where each of these
was solved to its optimum.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from carecircle.language import text
from carecircle.siting.reach import SiteReach
from carecircle.siting.solvers.solution import Clock, Ints, Solution

Solve = Callable[[Ints, Ints, float], Solution]
"""Solves with these columns forced and forbidden, within so many seconds."""
COLUMNS = ["rank", "sites", "objective", "loss", "added", "dropped", "certain"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """A plan, and whether it is proven that no plan between it and the one before was missed."""

    plan: Solution
    certain: bool


@dataclass(order=True)
class _Part:
    """The plans that keep `kept` and lack `barred`, with the best of them."""

    cost: float
    key: tuple[int, ...]
    found: Solution = field(compare=False)
    kept: Ints = field(compare=False)
    barred: Ints = field(compare=False)


def next_best(
    solve: Solve, best: Solution, count: int, *, maximise: bool, forced: Ints, seconds: float
) -> list[Ranked]:
    """Return up to `count` other plans, the best first.

    Parameters
    ----------
    solve
        Solves the problem with columns forced and forbidden.
    best
        The plan that all are compared with.
    count
        How many.
    maximise
        Whether a large objective is good.
    forced
        Columns that all plans have.
    seconds
        For all of them together.
    """
    clock, found = Clock(seconds), list[Ranked]()
    heap: list[_Part] = []
    sign = -1.0 if maximise else 1.0
    nothing = np.empty(0, dtype=np.int64)
    parts, current = count * max(1, len(best.chosen)), _Part(0.0, (), best, forced, nothing)
    certain = best.status == "optimal"
    while len(found) < count and not clock.over():
        fresh, whole = _split(solve, current, clock, parts, sign)
        certain = certain and whole
        for part in fresh:
            heapq.heappush(heap, part)
        if not heap:
            break
        current = heapq.heappop(heap)
        found.append(Ranked(current.found, certain))
    return found


def _split(solve: Solve, part: _Part, clock: Clock, parts: int, sign: float) -> tuple[list[_Part], bool]:
    """Return the parts of all plans of a part but its best, and whether each was solved to its end."""
    free = np.setdiff1d(part.found.chosen, part.kept)
    found, whole = list[_Part](), True
    for place, column in enumerate(free):
        if clock.over():
            return found, False
        kept, barred = np.union1d(part.kept, free[:place]), np.union1d(part.barred, [column])
        other = solve(kept, barred, max(0.2, min(clock.left(), clock.limit / parts * 3)))
        whole = whole and (other.status == "optimal" or (other.status == "infeasible" and other.stopped == "proved"))
        if other.status != "infeasible":
            found.append(_Part(sign * other.objective, tuple(other.chosen.tolist()), other, kept, barred))
    return found, whole


def alternatives_table(reach: SiteReach, candidate: Ints, best: Solution, others: list[Ranked]) -> pd.DataFrame:
    """Return plans by rank, the best first, with what each has and lacks against it, and what that costs.

    `candidate` is the candidate of each column.
    """
    names = reach.names
    rows = []
    plans = [Ranked(best, certain=best.status == "optimal"), *others]
    for rank, (one, certain) in enumerate(((each.plan, each.certain) for each in plans), start=1):
        mine, base = set(candidate[one.chosen]), set(candidate[best.chosen])
        rows.append(
            {
                "rank": rank,
                "sites": len(one.chosen),
                "objective": one.objective,
                "loss": abs(one.objective - best.objective),
                "added": _said(names, mine - base),
                "dropped": _said(names, base - mine),
                "certain": certain,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _said(names: list[str], columns: set[int]) -> str:
    return text("fact.list_join").join(names[one] for one in sorted(columns))
