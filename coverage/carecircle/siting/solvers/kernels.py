"""Compiled loops of the search for maximum coverage: how a choice changes, greedy adding, simulated annealing.

A choice keeps, for each row, how many chosen columns cover it and the sum of their numbers (so that the only one is
known when there is one), for each column the weight that it would add (`gain`) and for each chosen one the weight that
only it covers (`loss`). Adding or removing a column then costs the lengths of the rows that change hands, and the worth
of a swap is known before it is made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


class Cover(NamedTuple):
    """Both directions of the matrix, weights, and limits (see `cover.CoverProblem`)."""

    row_start: Array
    row_columns: Array
    column_start: Array
    column_rows: Array
    weights: Array
    groups: Array
    costs: Array
    room: Array


class Choice(NamedTuple):
    """What is chosen, and all sums that follow from it; changed in place.

    Parameters
    ----------
    place
        (columns,), where a chosen column stands in `members`, -1 for one that is not chosen.
    members
        (columns,), chosen columns first: `size[0]` of them.
    times, owners
        (rows,), how many chosen columns cover a row, and the sum of their numbers.
    gain, loss
        (columns,).
    used
        (groups,), cost.
    value
        (1,), weight covered.
    """

    place: Array
    members: Array
    size: Array
    times: Array
    owners: Array
    gain: Array
    loss: Array
    used: Array
    value: Array


@njit(cache=True, nogil=True)
def empty_choice(cover: Cover) -> Choice:
    """Choose nothing."""
    rows, columns = len(cover.weights), len(cover.groups)
    choice = Choice(
        np.full(columns, -1, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(1, np.int64),
        np.zeros(rows, np.int32),
        np.zeros(rows, np.int64),
        np.zeros(columns, np.float64),
        np.zeros(columns, np.float64),
        np.zeros(len(cover.room), np.float64),
        np.zeros(1, np.float64),
    )
    for row in range(rows):
        for at in range(cover.row_start[row], cover.row_start[row + 1]):
            choice.gain[cover.row_columns[at]] += cover.weights[row]
    return choice


@njit(cache=True, nogil=True)
def spread(cover: Cover, choice: Choice, row: int, weight: float) -> None:
    """Tell all columns of a row that it is worth so much more to them."""
    for at in range(cover.row_start[row], cover.row_start[row + 1]):
        choice.gain[cover.row_columns[at]] += weight


@njit(cache=True, nogil=True)
def add(cover: Cover, choice: Choice, column: int) -> None:
    """Choose a column."""
    choice.place[column] = choice.size[0]
    choice.members[choice.size[0]] = column
    choice.size[0] += 1
    choice.used[cover.groups[column]] += cover.costs[column]
    choice.value[0] += choice.gain[column]
    choice.loss[column] = 0.0
    for at in range(cover.column_start[column], cover.column_start[column + 1]):
        row = cover.column_rows[at]
        weight = cover.weights[row]
        if choice.times[row] == 0:
            spread(cover, choice, row, -weight)
            choice.loss[column] += weight
        elif choice.times[row] == 1:
            choice.loss[choice.owners[row]] -= weight
        choice.times[row] += 1
        choice.owners[row] += column


@njit(cache=True, nogil=True)
def remove(cover: Cover, choice: Choice, column: int) -> None:
    """Take a chosen column back."""
    last = choice.members[choice.size[0] - 1]
    choice.members[choice.place[column]] = last
    choice.place[last] = choice.place[column]
    choice.place[column] = -1
    choice.size[0] -= 1
    choice.used[cover.groups[column]] -= cover.costs[column]
    choice.value[0] -= choice.loss[column]
    for at in range(cover.column_start[column], cover.column_start[column + 1]):
        row = cover.column_rows[at]
        weight = cover.weights[row]
        choice.times[row] -= 1
        choice.owners[row] -= column
        if choice.times[row] == 0:
            spread(cover, choice, row, weight)
        elif choice.times[row] == 1:
            choice.loss[choice.owners[row]] += weight


@njit(cache=True, nogil=True)
def shared_loss(cover: Cover, choice: Choice, chosen: int, other: int) -> float:
    """Add up the weight that only `chosen` covers and that `other` would cover too (both lists are sorted)."""
    a, a_end = cover.column_start[chosen], cover.column_start[chosen + 1]
    b, b_end = cover.column_start[other], cover.column_start[other + 1]
    total = 0.0
    while a < a_end and b < b_end:
        left, right = cover.column_rows[a], cover.column_rows[b]
        if left == right:
            if choice.times[left] == 1:
                total += cover.weights[left]
            a += 1
            b += 1
        elif left < right:
            a += 1
        else:
            b += 1
    return total


@njit(cache=True, nogil=True)
def fits(cover: Cover, choice: Choice, column: int, freed: float) -> bool:
    """Whether there is room for a column once `freed` cost of its group is given back."""
    group = cover.groups[column]
    room = cover.room[group]
    return bool(choice.used[group] - freed + cover.costs[column] <= room + 1e-9 * abs(room))


@njit(cache=True, nogil=True)
def fill(cover: Cover, choice: Choice) -> None:
    """Add the column of the highest gain for its cost until none that fits adds anything; ties: the lowest number."""
    while True:
        best, most = -1, 0.0
        for column in range(len(cover.groups)):
            if choice.place[column] < 0 and choice.gain[column] > 0 and fits(cover, choice, column, 0.0):
                worth = choice.gain[column] / max(cover.costs[column], 1e-12)
                if worth > most:
                    best, most = column, worth
        if best < 0:
            return
        add(cover, choice, best)


@njit(cache=True, nogil=True)
def draw(state: Array) -> int:
    """Draw 31 random bits (xorshift64*, Vigna 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return int((x * np.uint64(2685821657736338717)) >> np.uint64(33))


@njit(cache=True, nogil=True)
def neighbour(cover: Cover, column: int, state: Array) -> int:
    """Draw a column that shares a row with this one."""
    length = cover.column_start[column + 1] - cover.column_start[column]
    row = cover.column_rows[cover.column_start[column] + draw(state) % length]
    width = cover.row_start[row + 1] - cover.row_start[row]
    return int(cover.row_columns[cover.row_start[row] + draw(state) % width])


@njit(cache=True, nogil=True)
def keep(choice: Choice, best: Array, most: Array) -> None:
    """Write down what is chosen, and its value."""
    most[0] = choice.value[0]
    best[0] = choice.size[0]
    for i in range(choice.size[0]):
        best[i + 1] = choice.members[i]


@njit(cache=True, nogil=True)
def swap(cover: Cover, choice: Choice, state: Array, heat: float) -> None:
    """Propose to replace a chosen column, half of the time by one that shares a row, else by any."""
    out = choice.members[draw(state) % choice.size[0]]
    local = draw(state) & 1
    into = neighbour(cover, out, state) if local else draw(state) % len(cover.groups)
    freed = cover.costs[out] if cover.groups[out] == cover.groups[into] else 0.0
    if choice.place[into] >= 0 or not fits(cover, choice, into, freed):
        return
    least = heat * np.log((draw(state) + 1.0) / 2147483648.0)
    change = choice.gain[into] - choice.loss[out]
    if (local or change >= least) and change + shared_loss(cover, choice, out, into) >= least:
        remove(cover, choice, out)
        add(cover, choice, into)


@njit(cache=True, nogil=True)
def drop(cover: Cover, choice: Choice, state: Array, heat: float) -> None:
    """Propose to take a chosen column back, and add what fits then."""
    out = choice.members[draw(state) % choice.size[0]]
    if choice.size[0] > 1 and heat * np.log((draw(state) + 1.0) / 2147483648.0) <= -choice.loss[out]:
        remove(cover, choice, out)
    for _ in range(4):
        column = draw(state) % len(cover.groups)
        if choice.place[column] < 0 and choice.gain[column] > 0 and fits(cover, choice, column, 0.0):
            add(cover, choice, column)


@njit(cache=True, nogil=True)
def anneal(cover: Cover, choice: Choice, best: Array, most: Array, state: Array, heat: float, steps: int) -> None:
    """Change at random at one temperature, for the worse more seldom (Kirkpatrick, Gelatt and Vecchi 1983).

    Parameters
    ----------
    choice
        Where it starts, not empty; it ends elsewhere.
    best
        (columns + 1,), how many and then which columns were chosen at the best moment; replaced when that is surpassed.
    most
        (1,), the value at the best moment.
    state
        (1,), uint64 of the random numbers, not 0.
    heat
        Temperature, in weight, > 0.
    steps
        Proposals.
    """
    even = len(cover.room) == 1 and cover.costs.min() == cover.costs.max()
    for _ in range(steps):
        if even or draw(state) % 4:
            swap(cover, choice, state, heat)
        else:
            drop(cover, choice, state, heat)
        if choice.value[0] > most[0]:
            keep(choice, best, most)
