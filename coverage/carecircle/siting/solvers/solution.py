"""What every solver returns, and the clock that all of them look at."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Status = Literal["optimal", "feasible", "infeasible"]
Stopped = Literal["proved", "time", "search"]


def no_rows() -> Ints:
    """Return an empty array of positions."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Solution:
    """Chosen sites, and how good they are proven to be.

    Parameters
    ----------
    chosen
        Columns, sorted; forced ones included.
    status
        ``"optimal"`` only where no better choice can exist; ``"feasible"`` with a bound; ``"infeasible"``.
    objective, bound
        What the choice is worth, and what no choice can surpass (from above when maximising, from below when
        minimising); NaN and infinite where there is none.
    seconds
        Wall-clock time.
    stopped
        Why it ended: ``"proved"``, ``"time"`` (the limit struck) or ``"search"`` (the search came to its end).
    solver
        What found it.
    seed
        Of the search.
    unreached
        Rows that no allowed column reaches.
    assigned
        For each row the column that serves it, -1 for none; None where the problem assigns nothing.

    Examples
    --------
    >>> Solution(np.array([2]), "feasible", 98.0, 100.0, 0.1, "search", "search").gap
    0.02040816326530612
    """

    chosen: Ints
    status: Status
    objective: float
    bound: float
    seconds: float
    stopped: Stopped
    solver: str
    seed: int = 0
    unreached: Ints = field(default_factory=no_rows)
    assigned: Ints | None = None

    @property
    def gap(self) -> float:
        """The distance between objective and bound, as a share of the objective; 0 when optimal, NaN without one."""
        if self.status == "optimal":
            return 0.0
        if math.isnan(self.objective):
            return math.nan
        return abs(self.bound - self.objective) / max(abs(self.objective), 1e-12)


@dataclass(frozen=True)
class Clock:
    """A wall clock with a limit.

    Examples
    --------
    >>> Clock(60).left() > 59
    True
    """

    limit: float
    started: float = field(default_factory=time.monotonic)

    def spent(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds that are left, 0 when it is over."""
        return max(0.0, self.limit - self.spent())

    def over(self) -> bool:
        """Whether the limit has passed."""
        return self.spent() >= self.limit
