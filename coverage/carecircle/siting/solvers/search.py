"""The search for maximum coverage: greedy, then simulated annealing by swaps, over and over until it finds no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carecircle.siting.solvers.cover import CoverProblem
from carecircle.siting.solvers.kernels import Choice, Cover, add, anneal, empty_choice, fill, keep
from carecircle.siting.solvers.solution import Clock, Ints

_CHUNK_WORK = 4e6  # steps of a call of the compiled loop, about: a call lasts less than a tenth of a second
_CHUNKS = 40  # at least so many temperatures
_HEAT = (0.2, 0.01)  # of the mean loss of a site, at the start and at the end


@dataclass(frozen=True, eq=False)
class Found:
    """A choice of the small problem: columns, sorted, what they cover, and whether the clock cut the search short."""

    chosen: Ints
    value: float
    cut: bool = False


def compiled(problem: CoverProblem) -> Cover:
    """Lay a problem out for the compiled loops."""
    return Cover(
        problem.rows.indptr.astype(np.int64),
        problem.rows.indices.astype(np.int32),
        problem.columns.indptr.astype(np.int64),
        problem.columns.indices.astype(np.int32),
        problem.weights.astype(np.float64),
        problem.limits.groups.astype(np.int64),
        problem.limits.costs.astype(np.float64),
        problem.limits.room.astype(np.float64),
    )


def choice_of(cover: Cover, chosen: Ints) -> Choice:
    """Choose these columns."""
    choice = empty_choice(cover)
    for column in chosen:
        add(cover, choice, column)
    return choice


def greedy(problem: CoverProblem, cover: Cover) -> Found:
    """Add the column of the highest gain for its cost until nothing fits; ties: the lowest number.

    Where costs differ, the better of that and of the single best column, which is at least 0.316 of the optimum
    (Khuller, Moss and Naor 1999, Information Processing Letters 70, 39-45).
    """
    choice = empty_choice(cover)
    alone = int(np.argmax(choice.gain))
    fill(cover, choice)
    ways = [np.sort(choice.members[: choice.size[0]])]
    if len(np.unique(cover.costs)) > 1:
        other = choice_of(cover, np.array([alone]))
        fill(cover, other)
        ways.append(np.sort(other.members[: other.size[0]]))
    found = [Found(way, problem.value(way)) for way in ways]
    return max(found, key=lambda one: one.value)


def annealing(problem: CoverProblem, cover: Cover, start: Found, clock: Clock, *, steps: int, seed: int) -> Found:
    """Search from a choice, cooling down over so many proposals.

    Parameters
    ----------
    problem, cover
        The same problem twice (see `compiled`).
    start
        Not empty; what is found is not worse.
    clock
        When time is short the cooling is faster (``cut`` tells).
    steps, seed
        Proposals; of the random numbers.
    """
    clock = Clock(clock.left())
    choice = choice_of(cover, start.chosen)
    best, most = np.zeros(len(cover.groups) + 1, np.int64), np.zeros(1)
    keep(choice, best, most)
    state = np.random.default_rng([seed, 7]).integers(1, 2**63, 1, dtype=np.uint64)
    hot, cold = (share * choice.value[0] / len(start.chosen) for share in _HEAT)
    chunks = max(_CHUNKS, round(steps * _work(cover) / _CHUNK_WORK))
    done, cut = 0.0, False
    while done < 1.0:
        anneal(cover, choice, best, most, state, max(hot * (cold / hot) ** done, 1e-12), max(1, steps // chunks))
        done += 1.0 / chunks
        late = clock.spent() / clock.limit
        cut = cut or late > done
        done = max(done, late)
    chosen = np.sort(best[1 : best[0] + 1])
    return Found(chosen, problem.value(chosen), cut)


def _work(cover: Cover) -> float:
    """Estimate the steps of one proposal."""
    return 50 + len(cover.column_rows) / max(1, len(cover.groups))
