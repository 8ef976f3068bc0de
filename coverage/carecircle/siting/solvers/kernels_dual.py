"""Compiled steps of the Lagrangian bound of maximum coverage: prices of the columns, and the way downhill."""

from __future__ import annotations

from numba import njit

from carecircle.siting.solvers.kernels import Array, Cover


@njit(cache=True, nogil=True)
def price(cover: Cover, multipliers: Array, prices: Array) -> float:
    """Add up, for each column, the multipliers of its rows; return the weight that the multipliers leave over."""
    prices[:] = 0.0
    left = 0.0
    for row in range(len(cover.weights)):
        left += cover.weights[row] - multipliers[row]
        for at in range(cover.row_start[row], cover.row_start[row + 1]):
            prices[cover.row_columns[at]] += multipliers[row]
    return left


@njit(cache=True, nogil=True)
def turn(cover: Cover, multipliers: Array, chosen: Array, direction: Array, memory: float) -> float:
    """Turn the direction towards rows that are not covered and away from rows that are covered more than once.

    Parameters
    ----------
    multipliers
        (rows,), between 0 and the weights; where they are at an end, the direction does not lead beyond it.
    chosen
        (columns,), what the relaxed problem chooses, 0 to 1.
    direction
        (rows,), changed in place.
    memory
        Share of the last direction that is kept (Crowder 1976).

    Returns
    -------
    float
        Squared length.
    """
    length = 0.0
    for row in range(len(cover.weights)):
        slope = 1.0
        for at in range(cover.row_start[row], cover.row_start[row + 1]):
            slope -= chosen[cover.row_columns[at]]
        new = memory * direction[row] + (1.0 - memory) * slope
        low, high = multipliers[row] <= 0.0, multipliers[row] >= cover.weights[row]
        direction[row] = 0.0 if (low and new < 0.0) or (high and new > 0.0) else new
        length += direction[row] * direction[row]
    return length
