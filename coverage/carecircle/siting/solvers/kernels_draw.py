"""Random numbers of the searches: the same on every machine, their state in an array of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Random = NDArray[np.uint64]
Loop = TypeVar("Loop", bound=Callable[..., Any])


def inner(loop: Loop) -> Loop:
    """Compile a loop that only other compiled loops call: in half the time, since Python cannot call it."""
    compiled: Loop = njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(loop)  # type: ignore[call-overload]
    return compiled


def source(seed: int) -> Random:
    """Return the state of a generator for a seed."""
    return np.array([np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]], dtype=np.uint64)


@inner
def uniform(random: Random) -> float:
    """Draw a number of 0 <= x < 1.

    Splitmix64: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
    """
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = random[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return float(mixed >> np.uint64(11)) / 9007199254740992.0


@inner
def draw(random: Random, below: int) -> int:
    """Draw a whole number of 0..below-1."""
    return int(uniform(random) * below)
