"""What all siting problems may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.siting.reach import SiteReach


@dataclass(frozen=True)
class SiteOptions:
    """What all problems may be told.

    Parameters
    ----------
    force, forbid
        ``candidate_id`` of sites that are settled, and of those that are out of the question.
    seconds
        Limit of wall-clock time of the search; what ends earlier is the same each time.
    seed
        Of the search.

    Raises
    ------
    UsageError
        Sites are settled and out of the question at once.

    Examples
    --------
    >>> SiteOptions(forbid=("S3",)).seconds
    60.0
    """

    force: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        both = sorted(set(self.force) & set(self.forbid))
        if both:
            raise UsageError(text("usage.forced_forbidden", names="、".join(both)))

    def of(self, reach: SiteReach) -> dict[str, Any]:
        """Return what solvers take by keyword."""
        return {
            "forced": reach.columns(self.force),
            "forbidden": reach.columns(self.forbid),
            "seconds": self.seconds,
            "seed": self.seed,
        }
