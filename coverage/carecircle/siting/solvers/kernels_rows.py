"""Local search for set cover: rows that are hard to satisfy weigh more and more.

Gao, Weise and Li (2015), "An efficient local search heuristic with row weighting for the unicost set covering
problem", European Journal of Operational Research 246(3): the plan is always cheaper than the best one and swaps
columns until all rows are satisfied again. Here a row may need several columns, and costs may differ (worth is
penalty over cost).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from carecircle.siting.solvers.kernels_draw import draw, inner
from carecircle.siting.solvers.kernels_targets import Net, Search, State, add, barred, drop, rescore

NONE = -1


@inner
def weakest(net: Net, state: State, search: Search) -> int:
    """Find the chosen column that holds least for its cost; of equal ones the one untouched for longest."""
    best, least = NONE, np.inf
    for at in range(state.size[0]):
        column = state.members[at]
        if search.resting[column]:
            continue
        worth = state.hard_score[column] / net.cost[column]
        if worth < least or (worth == least and search.since[column] < search.since[best]):
            best, least = column, worth
    return best


@inner
def strongest(net: Net, state: State, search: Search, row: int, room: float) -> int:
    """Find the column of a row that adds most for its cost and fits; of equal ones the one untouched for longest."""
    best, most = NONE, -1.0
    for entry in range(net.row_start[row], net.row_start[row + 1]):
        column = net.row_col[entry]
        if state.chosen[column] or search.resting[column] or net.cost[column] > room or barred(net, state, column):
            continue
        worth = state.hard_score[column] / net.cost[column]
        if worth > most or (worth == most and search.since[column] < search.since[best]):
            best, most = column, worth
    return best


@inner
def press(net: Net, state: State) -> None:
    """Raise the penalties of all rows that are not satisfied."""
    for at in range(state.size[1]):
        row = state.open_rows[at]
        state.row_penalty[row] += 1.0
        for entry in range(net.row_start[row], net.row_start[row + 1]):
            state.hard_score[net.row_col[entry]] += 1.0


@inner
def level(net: Net, state: State, share: float) -> None:
    """Bring the penalties back towards equality."""
    state.row_penalty[:] = np.floor(1.0 + share * (state.row_penalty - 1.0))
    for column in range(len(net.cost)):
        rescore(net, state, column)


@inner
def give_up(net: Net, state: State, search: Search, step: int) -> bool:
    """Give up the weakest column; False when none is left to give."""
    column = weakest(net, state, search)
    if column == NONE:
        return False
    drop(net, state, column)
    search.since[column] = step
    return True


@inner
def shrink(net: Net, state: State, search: Search, saving: float, step: int) -> bool:
    """While all rows are satisfied: remember a plan that is better, and give up a column; False when none is left."""
    while state.size[1] == 0:
        if state.total[0] <= search.cost[0] - saving:
            search.cost[0] = state.total[0]
            search.best[:] = state.chosen
            search.steps[1] = step
        if not give_up(net, state, search, step):
            if state.size[0] == 0:
                return False
            search.resting[:] = False  # all that is chosen rests: without this the search would stand still
    return True


@inner
def refill(net: Net, state: State, search: Search, saving: float, step: int) -> None:
    """Choose columns for unsatisfied rows, drawn one after another, while the plan stays better than the best."""
    search.resting[:] = False
    while state.size[1] > 0:
        row = state.open_rows[draw(search.random, state.size[1])]
        column = strongest(net, state, search, row, search.cost[0] - saving - state.total[0])
        if column == NONE:
            return
        add(net, state, column)
        search.since[column] = step
        search.resting[column] = True


@njit(cache=True, nogil=True)
def row_search(net: Net, state: State, search: Search, saving: float, steps: int) -> None:
    """Go on for so many steps, in place: give up one column, choose others, press on the rows left unsatisfied.

    Parameters
    ----------
    net, state, search
        The problem without groups, where the search stands, and what it remembers.
    saving
        How much cheaper a plan has to be to count as better.
    steps
        How many; one costs about the chosen columns and the rows of two of them.
    """
    for step in range(search.steps[0] + 1, search.steps[0] + 1 + steps):
        if not shrink(net, state, search, saving, step):
            return
        if not give_up(net, state, search, step):
            search.resting[:] = False
        refill(net, state, search, saving, step)
        press(net, state)
        if step % 10_000 == 0:
            level(net, state, 0.3)
    search.steps[0] += steps
