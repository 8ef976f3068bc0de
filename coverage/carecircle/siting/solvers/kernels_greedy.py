"""The beginning of the search for fewest sites: greedy choice, and giving up what nothing needs."""

from __future__ import annotations

from numba import njit

from carecircle.siting.solvers.kernels_draw import inner
from carecircle.siting.solvers.kernels_targets import (
    Net,
    State,
    add,
    barred,
    complete,
    drop,
    gain,
    loss,
)

NONE = -1


@njit(cache=True)
def greedy(net: Net, state: State) -> bool:
    """Choose the column of most gain over cost until all is satisfied; False when nothing helps any more."""
    plain = len(net.slot_group) == 0
    while not complete(net, state):
        best = most_hard(net, state) if plain else most_gain(net, state)
        if best == NONE:
            best = most_progress(net, state)
        if best == NONE:
            return False
        add(net, state, best)
    return True


@inner
def most_gain(net: Net, state: State) -> int:
    """Find the column of most gain over cost, of equal ones the first."""
    best, most = NONE, 0.0
    for column in range(len(net.cost)):
        if not state.chosen[column] and not barred(net, state, column):
            worth = gain(net, state, column) / net.cost[column]
            if worth > most * (1 + 1e-12):
                best, most = column, worth
    return best


@inner
def most_hard(net: Net, state: State) -> int:
    """Find the same where there are no groups: over plain arrays, which is many times as fast."""
    score, cost, chosen, family, taken = state.hard_score, net.cost, state.chosen, net.family, state.taken
    best, most = NONE, 0.0
    for column in range(len(cost)):
        if not chosen[column] and score[column] > 0.0 and (family[column] < 0 or taken[family[column]] == 0):
            worth = score[column] / cost[column]
            if worth > most * (1 + 1e-12):
                best, most = column, worth
    return best


@inner
def most_progress(net: Net, state: State) -> int:
    """Find the column that most unsatisfied weight still waits for, where no single column satisfies a row."""
    best, most = NONE, 0.0
    for column in range(len(net.cost)):
        if not state.chosen[column] and not barred(net, state, column):
            worth = 0.0
            for at in range(net.col_start[column], net.col_start[column + 1]):
                worth += waiting(net, state, net.col_row[at])
            worth /= net.cost[column]
            if worth > most * (1 + 1e-12):
                best, most = column, worth
    return best


@inner
def waiting(net: Net, state: State, row: int) -> float:
    """Return the weight, over what it still needs, that an unsatisfied row has in groups that do not hold."""
    lack = net.need[row] - state.times[row]
    worth = 0.0
    if lack > 0:
        for part in range(net.part_start[row], net.part_start[row + 1]):
            group = net.part_group[part]
            if state.active[group] and state.held[group] < net.required[group]:
                worth += state.group_penalty[group] * net.share[part] / lack
    return worth


@njit(cache=True)
def prune(net: Net, state: State) -> None:
    """Give up columns that nothing needs any more, the most expensive first, then the lowest number."""
    while True:
        best = NONE
        for column in range(len(net.cost)):
            if state.chosen[column] and loss(net, state, column) <= 0.0:
                dearer = best == NONE or net.cost[column] > net.cost[best]
                if dearer and spares(net, state, column):
                    best = column
        if best == NONE:
            return
        drop(net, state, best)


@inner
def spares(net: Net, state: State, column: int) -> bool:
    """Whether all holds without a chosen column."""
    for at in range(net.col_start[column], net.col_start[column + 1]):
        row = net.col_row[at]
        if net.hard[row] and state.times[row] <= net.need[row]:
            return False
    for slot in range(net.col_slot[column], net.col_slot[column + 1]):
        group = net.slot_group[slot]
        if state.active[group] and state.held[group] - state.slot[slot] < net.required[group]:
            return False
    return True
