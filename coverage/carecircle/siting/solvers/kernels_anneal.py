"""Simulated annealing for groups: a plan cheaper than the best one, its sites swapped until all groups hold again.

The energy is what the groups (and hard rows) still lack, at their prices; a swap is drawn among sites that share a row,
its worth is known before it is made, and worse ones are accepted as the temperature allows (Kirkpatrick, Gelatt and
Vecchi 1983, "Optimization by simulated annealing", Science 220).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from carecircle.siting.solvers.kernels_draw import draw, inner, uniform
from carecircle.siting.solvers.kernels_targets import Net, Search, State, add, complete, drop, gain, loss
from carecircle.siting.solvers.solution import Floats, Ints

NONE = -1


class Scratch(NamedTuple):
    """Room for the evaluation of a swap: rows of the column that goes, and how each group's held weight changes."""

    mark: Ints
    stamp: Ints
    change: Floats


def scratch_of(net: Net) -> Scratch:
    """Return empty room."""
    return Scratch(np.zeros(len(net.need), np.int64), np.zeros(1, np.int64), np.zeros(len(net.required)))


@inner
def note_slots(net: Net, slots: Floats, change: Floats, column: int, sign: float) -> None:
    """Add what a column holds or would add to the changes of its groups."""
    slot_group = net.slot_group
    for slot in range(net.col_slot[column], net.col_slot[column + 1]):
        change[slot_group[slot]] += sign * slots[slot]


@inner
def mark_rows(net: Net, mark: Ints, stamp: int, column: int) -> None:
    """Stamp the rows of a column."""
    col_row = net.col_row
    for at in range(net.col_start[column], net.col_start[column + 1]):
        mark[col_row[at]] = stamp


@inner
def shared(net: Net, state: State, scratch: Scratch, stamp: int, column: int) -> float:
    """Correct the changes for stamped rows, whose count a swap leaves as it is; return that of hard penalties."""
    col_row, times, need, hard, mark = net.col_row, state.times, net.need, net.hard, scratch.mark
    penalty = 0.0
    for at in range(net.col_start[column], net.col_start[column + 1]):
        row = col_row[at]
        if mark[row] != stamp:
            continue
        spare = times[row] - need[row]
        if hard[row]:
            penalty -= state.row_penalty[row] if spare == 0 else 0.0
        elif spare == 0:
            shift(net, scratch.change, row, 1.0)
        elif spare == -1:
            shift(net, scratch.change, row, -1.0)
    return penalty


@inner
def shift(net: Net, change: Floats, row: int, sign: float) -> None:
    """Add a row's shares to the changes of its groups."""
    for part in range(net.part_start[row], net.part_start[row + 1]):
        change[net.part_group[part]] += sign * net.share[part]


@inner
def price(net: Net, state: State, change: Floats, column: int) -> float:
    """Return what the changes of a column's groups are worth in penalty, and set them to 0: each counts once."""
    slot_group, required, held = net.slot_group, net.required, state.held
    worth = 0.0
    for slot in range(net.col_slot[column], net.col_slot[column + 1]):
        group = slot_group[slot]
        if state.active[group]:
            lack = required[group] - held[group]
            worth += state.group_penalty[group] * (max(0.0, lack - change[group]) - max(0.0, lack))
        change[group] = 0.0
    return worth


@inner
def swap_worth(net: Net, state: State, scratch: Scratch, out: int, into: int) -> float:
    """Return how much more penalty a swap brings."""
    scratch.stamp[0] += 1
    stamp = scratch.stamp[0]
    note_slots(net, state.slot, scratch.change, out, -1.0)
    note_slots(net, state.slot, scratch.change, into, 1.0)
    mark_rows(net, scratch.mark, stamp, out)
    worth = state.hard_score[out] - state.hard_score[into] + shared(net, state, scratch, stamp, into)
    worth += price(net, state, scratch.change, out)
    return float(worth + price(net, state, scratch.change, into))


@inner
def neighbour(net: Net, search: Search, column: int) -> int:
    """Draw a column, most often one that shares a row with the given one."""
    if uniform(search.random) < 0.15:
        return int(draw(search.random, len(net.cost)))
    first = net.col_start[column]
    row = net.col_row[first + draw(search.random, net.col_start[column + 1] - first)]
    first = net.row_start[row]
    return int(net.row_col[first + draw(search.random, net.row_start[row + 1] - first)])


@inner
def fits(net: Net, state: State, out: int, into: int, room: float) -> bool:
    """Whether a column may come in for another, or for none: within the room, and alone of its family."""
    left = 0.0 if out == NONE else net.cost[out]
    if net.cost[into] - left > room:
        return False
    family = net.family[into]
    return bool(family < 0 or state.taken[family] == 0 or (out != NONE and net.family[out] == family))


@inner
def cheapen(net: Net, state: State, search: Search, saving: float) -> bool:
    """While all holds: remember a plan that is better, and give up what holds least; False when nothing is left."""
    while complete(net, state):
        if state.total[0] <= search.cost[0] - saving:
            search.cost[0] = state.total[0]
            search.best[:] = state.chosen
            search.steps[1] = search.steps[0]
        least, weakest = np.inf, NONE
        for at in range(state.size[0]):
            worth = loss(net, state, state.members[at]) / net.cost[state.members[at]]
            if worth < least:
                least, weakest = worth, state.members[at]
        if weakest == NONE:
            return False
        drop(net, state, weakest)
    return True


@inner
def resize(net: Net, state: State, search: Search, room: float, heat: float) -> None:
    """Choose one more column if it fits and adds something; else maybe give one up."""
    into = draw(search.random, len(net.cost))
    if not state.chosen[into] and fits(net, state, NONE, into, room):
        if gain(net, state, into) > 0.0:
            add(net, state, into)
    elif state.size[0] > 0:
        out = state.members[draw(search.random, state.size[0])]
        if uniform(search.random) < math.exp(-loss(net, state, out) / heat):
            drop(net, state, out)


@inner
def swap(net: Net, state: State, search: Search, scratch: Scratch, room: float, heat: float) -> None:
    """Draw a swap, and make it if it is no worse or the heat allows."""
    out = state.members[draw(search.random, state.size[0])]
    into = neighbour(net, search, out)
    if state.chosen[into] or not fits(net, state, out, into, room):
        return
    worth = swap_worth(net, state, scratch, out, into)
    if worth <= 0.0 or uniform(search.random) < math.exp(-worth / heat):
        drop(net, state, out)
        add(net, state, into)


@njit(cache=True, nogil=True)
def anneal(net: Net, state: State, search: Search, scratch: Scratch, saving: float, heat: Floats, steps: int) -> None:
    """Go on for so many steps, in place.

    Parameters
    ----------
    net, state, search, scratch
        The problem, where the search stands, what it remembers, and room to count in.
    saving
        How much cheaper a plan has to be to count as better.
    heat
        The temperature, in penalty, and its factor from step to step; changed in place.
    steps
        How many; an accepted one costs the rows of two columns, another one next to nothing.
    """
    for _ in range(steps):
        search.steps[0] += 1
        heat[0] *= heat[1]
        if not cheapen(net, state, search, saving):
            return
        room = search.cost[0] - saving - state.total[0]
        if state.size[0] == 0 or uniform(search.random) < 0.03:
            resize(net, state, search, room, heat[0])
        else:
            swap(net, state, search, scratch, room, heat[0])
