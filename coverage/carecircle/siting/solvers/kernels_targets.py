"""Counting kernels of the search for fewest sites: what a site adds, what it is still needed for.

A row counts as satisfied once `need` chosen sites hold it. Hard rows must all be satisfied; the other rows give weight
to groups, and a group asks for so much satisfied weight. All sums are kept up as sites come and go, so that a step of
the search costs what the rows of one site cost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carecircle.siting.solvers.kernels_draw import Random, inner
from carecircle.siting.solvers.solution import Floats, Ints

Bools = NDArray[np.bool_]


class Net(NamedTuple):
    """What does not change during a search; a slot is a pair of a column and a group that it can add to.

    ``row_*`` and ``col_*`` are the matrix by rows and by columns; row i holds ``share[part_start[i]:part_start[i+1]]``
    in the groups ``part_group`` (none for hard rows), and ``entry_slot[slot_start[i] + e * parts + q]`` is the slot of
    its e-th column and q-th group. Slots of a column: ``slot_group[col_slot[j]:col_slot[j+1]]``; columns of a group:
    ``group_col[group_start[g]:group_start[g+1]]``.
    """

    row_start: Ints
    row_col: Ints
    col_start: Ints
    col_row: Ints
    need: Ints
    hard: Bools
    part_start: Ints
    part_group: Ints
    share: Floats
    slot_start: Ints
    entry_slot: Ints
    col_slot: Ints
    slot_group: Ints
    group_start: Ints
    group_col: Ints
    required: Floats
    cost: Floats
    family: Ints
    families: int


class State(NamedTuple):
    """What changes: counts of rows, scores of columns, satisfied weight of groups, and the penalties.

    ``hard_score`` and ``slot`` hold what a column would add where it is not chosen, and what it alone holds where it
    is. ``members[:size[0]]`` are the chosen columns, ``open_rows[:size[1]]`` the hard rows not yet satisfied;
    ``place`` and ``open_place`` say where in these lists. ``taken`` counts the chosen columns of each family.
    """

    chosen: Bools
    times: Ints
    hard_score: Floats
    slot: Floats
    held: Floats
    active: Bools
    row_penalty: Floats
    group_penalty: Floats
    members: Ints
    place: Ints
    open_rows: Ints
    open_place: Ints
    taken: Ints
    size: Ints
    total: Floats


class Search(NamedTuple):
    """What a search remembers: its best plan and cost, the step of each column's last move, columns that rest.

    ``steps`` are the number of the last step and that of the last better plan.
    """

    best: Bools
    cost: Floats
    since: Ints
    resting: Bools
    random: Random
    steps: Ints


@njit(cache=True)
def clear(net: Net, state: State) -> None:
    """Set all to nothing chosen, keeping the penalties."""
    state.chosen[:] = False
    state.times[:] = 0
    state.held[:] = 0.0
    state.taken[:] = 0
    state.total[0] = 0.0
    state.size[0] = 0
    state.size[1] = 0
    for row in range(len(net.need)):
        if net.hard[row] and net.need[row] > 0:
            open_row(state, row)
    for column in range(len(net.cost)):
        rescore(net, state, column)


@inner
def open_row(state: State, row: int) -> None:
    """Put a hard row on the list of those not satisfied."""
    state.open_place[row] = state.size[1]
    state.open_rows[state.size[1]] = row
    state.size[1] += 1


@inner
def close_row(state: State, row: int) -> None:
    """Take a hard row from the list of those not satisfied."""
    state.size[1] -= 1
    last = state.open_rows[state.size[1]]
    state.open_rows[state.open_place[row]] = last
    state.open_place[last] = state.open_place[row]


@inner
def rescore(net: Net, state: State, column: int) -> None:
    """Count anew what one column adds or holds."""
    inside = state.chosen[column]
    state.slot[net.col_slot[column] : net.col_slot[column + 1]] = 0.0
    score = 0.0
    for at in range(net.col_start[column], net.col_start[column + 1]):
        row = net.col_row[at]
        spare = state.times[row] - net.need[row]
        if net.hard[row]:
            if spare <= (0 if inside else -1):
                score += state.row_penalty[row]
        elif spare == (0 if inside else -1):
            for part in range(net.part_start[row], net.part_start[row + 1]):
                state.slot[slot_of(net, column, net.part_group[part])] += net.share[part]
    state.hard_score[column] = score


@inner
def slot_of(net: Net, column: int, group: int) -> int:
    """Find the slot of a column and a group."""
    start, stop = net.col_slot[column], net.col_slot[column + 1]
    return int(start + np.searchsorted(net.slot_group[start:stop], group))


@njit(cache=True)
def add(net: Net, state: State, column: int) -> None:
    """Choose a column."""
    state.place[column] = state.size[0]
    state.members[state.size[0]] = column
    state.size[0] += 1
    state.total[0] += net.cost[column]
    if net.family[column] >= 0:
        state.taken[net.family[column]] += 1
    state.chosen[column] = True
    for at in range(net.col_start[column], net.col_start[column + 1]):
        row = net.col_row[at]
        spare = state.times[row] - net.need[row]
        state.times[row] += 1
        if net.hard[row]:
            add_hard(net, state, row, spare)
        elif spare == -1:
            hold(net, state, row, 1.0)
            spread(net, state, row, -1.0, 1.0)
        elif spare == -2:
            spread(net, state, row, 1.0, 0.0)
        elif spare == 0:
            spread(net, state, row, 0.0, -1.0)
    rescore(net, state, column)


@inner
def drop(net: Net, state: State, column: int) -> None:
    """Give up a chosen column."""
    state.size[0] -= 1
    last = state.members[state.size[0]]
    state.members[state.place[column]] = last
    state.place[last] = state.place[column]
    state.total[0] -= net.cost[column]
    if net.family[column] >= 0:
        state.taken[net.family[column]] -= 1
    state.chosen[column] = False
    for at in range(net.col_start[column], net.col_start[column + 1]):
        row = net.col_row[at]
        spare = state.times[row] - net.need[row]
        state.times[row] -= 1
        if net.hard[row]:
            drop_hard(net, state, row, spare)
        elif spare == 0:
            hold(net, state, row, -1.0)
            spread(net, state, row, 1.0, -1.0)
        elif spare == -1:
            spread(net, state, row, -1.0, 0.0)
        elif spare == 1:
            spread(net, state, row, 0.0, 1.0)
    rescore(net, state, column)


@inner
def add_hard(net: Net, state: State, row: int, spare: int) -> None:
    """Tell the columns of a hard row, that had so many to spare, that one more is chosen."""
    if spare == -1:
        close_row(state, row)
        spread_hard(net, state, row, False, -state.row_penalty[row])
    elif spare == 0:
        spread_hard(net, state, row, True, -state.row_penalty[row])


@inner
def drop_hard(net: Net, state: State, row: int, spare: int) -> None:
    """Tell the columns of a hard row, that had so many to spare, that one less is chosen."""
    if spare == 0:
        open_row(state, row)
        spread_hard(net, state, row, False, state.row_penalty[row])
    elif spare == 1:
        spread_hard(net, state, row, True, state.row_penalty[row])


@inner
def spread_hard(net: Net, state: State, row: int, inside: bool, change: float) -> None:  # noqa: FBT001
    """Tell the columns of a hard row, those chosen or those not, that it counts for them by so much more."""
    row_col, chosen, score = net.row_col, state.chosen, state.hard_score
    for entry in range(net.row_start[row], net.row_start[row + 1]):
        column = row_col[entry]
        if chosen[column] == inside:
            score[column] += change


@inner
def spread(net: Net, state: State, row: int, outside: float, inside: float) -> None:
    """Tell the columns of a row of groups that its shares count for them or no longer do."""
    row_col, chosen, slot, entry_slot, share = net.row_col, state.chosen, state.slot, net.entry_slot, net.share
    first, last, at = net.part_start[row], net.part_start[row + 1], net.slot_start[row]
    for entry in range(net.row_start[row], net.row_start[row + 1]):
        times = inside if chosen[row_col[entry]] else outside
        for part in range(first, last):
            slot[entry_slot[at]] += times * share[part]
            at += 1


@inner
def hold(net: Net, state: State, row: int, times: float) -> None:
    """Count a row's shares to what its groups hold, or take them away."""
    held, part_group, share = state.held, net.part_group, net.share
    for part in range(net.part_start[row], net.part_start[row + 1]):
        held[part_group[part]] += times * share[part]


@inner
def gain(net: Net, state: State, column: int) -> float:
    """Return the penalties that choosing a column takes away; weight beyond what a group asks for counts nothing."""
    worth = float(state.hard_score[column])
    for slot in range(net.col_slot[column], net.col_slot[column + 1]):
        group = net.slot_group[slot]
        lack = net.required[group] - state.held[group]
        if lack > 0 and state.active[group]:
            worth += state.group_penalty[group] * min(lack, state.slot[slot])
    return worth


@inner
def loss(net: Net, state: State, column: int) -> float:
    """Return the penalties that giving up a chosen column brings."""
    worth = float(state.hard_score[column])
    for slot in range(net.col_slot[column], net.col_slot[column + 1]):
        group = net.slot_group[slot]
        if state.active[group]:
            spare = max(0.0, state.held[group] - net.required[group])
            worth += state.group_penalty[group] * max(0.0, state.slot[slot] - spare)
    return worth


@inner
def complete(net: Net, state: State) -> bool:
    """Whether all hard rows are satisfied and all active groups hold."""
    if state.size[1] > 0:
        return False
    for group in range(len(net.required)):
        if state.active[group] and state.held[group] < net.required[group]:
            return False
    return True


@inner
def barred(net: Net, state: State, column: int) -> bool:
    """Whether a column may not be chosen since another of its family is."""
    family = net.family[column]
    return bool(family >= 0 and state.taken[family] > 0)
