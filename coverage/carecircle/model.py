"""Frozen values that travel between the stages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import geopandas as gpd
import pandas as pd

from carecircle.errors import UsageError
from carecircle.language import text

Mode = Literal["walk", "wheelchair", "bike", "e-bike", "drive"]


@dataclass(frozen=True)
class Profile:
    """Who travels: a mode and its speeds.

    Parameters
    ----------
    name
        Key of the profile.
    mode
        Which streets may be used, and in which direction (see `carecircle.traffic`).
    speed_mps
        Speed on the level in metres per second. On foot it holds for every class of street; for the other
        modes it is the fastest the vehicle goes, and the class table of `carecircle.traffic` caps it.
    access_mps
        Walking speed between a point and the nearest place on a street, metres per second.
    """

    name: str
    mode: Mode
    speed_mps: float
    access_mps: float

    def __post_init__(self) -> None:
        if not (0 < self.speed_mps < 100 and 0 < self.access_mps < 100):
            raise UsageError(text("usage.speed", value=min(self.speed_mps, self.access_mps)))

    @property
    def on_foot(self) -> bool:
        """Whether the access leg is made at the same speed as the way itself."""
        return self.mode in {"walk", "wheelchair"}


# Sources. 1.11 m/s is 1,000 m in 15 min, the planning radius of GB 50180-2018's fifteen-minute circle. 0.80 m/s
# is the headline for older people: Guizhou's 2022 notice sets 700 m for the 15-minute circle (0.78 m/s), and the
# slowest fifth of Chinese people over 60 walks below 0.70 m/s (Zeng et al., n = 5,345), which is the profile of
# the oldest. Bohannon & Andrews 2011 (41 studies): women 80-99 walk 0.94 m/s on a laboratory floor.
# Bicycle 15 km/h and light electric bicycle 25 km/h: the limits of China's Road Traffic Safety regulation, art. 58
# (15 km/h for non-motor lanes) and GB 17761-2018 (25 km/h by construction).
_PROFILES = {
    "elder": Profile("elder", "walk", 0.80, 0.80),
    "young-old": Profile("young-old", "walk", 1.00, 1.00),
    "oldest": Profile("oldest", "walk", 0.70, 0.70),
    "adult": Profile("adult", "walk", 1.11, 1.11),
    "wheelchair": Profile("wheelchair", "wheelchair", 0.50, 0.50),
    "bike": Profile("bike", "bike", 15 / 3.6, 0.80),
    "e-bike": Profile("e-bike", "e-bike", 25 / 3.6, 0.80),
    "drive": Profile("drive", "drive", 120 / 3.6, 0.80),
}
_OF_MODE = {"walk": "elder", "wheelchair": "wheelchair", "bike": "bike", "e-bike": "e-bike", "drive": "drive"}

PROFILES: tuple[str, ...] = tuple(_PROFILES)
MODES: tuple[str, ...] = tuple(_OF_MODE)


def profile(name: str | Profile = "elder", *, speed_mps: float | None = None) -> Profile:
    """Return a profile by name, or the usual one of a mode, at another speed when `speed_mps` is given.

    Parameters
    ----------
    name
        One of `PROFILES` or `MODES` (``"walk"`` is the elder profile), or a `Profile`.
    speed_mps
        Metres per second. On foot the access leg is walked at this speed too.

    Examples
    --------
    >>> profile("elder").speed_mps
    0.8
    >>> profile("walk", speed_mps=1.2)
    Profile(name='elder', mode='walk', speed_mps=1.2, access_mps=1.2)
    """
    if isinstance(name, Profile):
        found = name
    else:
        key = _OF_MODE.get(name, name)
        if key not in _PROFILES:
            raise UsageError(text("usage.profile", value=name, known=", ".join((*PROFILES, "walk"))))
        found = _PROFILES[key]
    if speed_mps is None:
        return found
    return replace(found, speed_mps=speed_mps, access_mps=speed_mps if found.on_foot else found.access_mps)


SITING_PROBLEMS = (
    "reach_target",
    "maximum_coverage",
    "set_cover",
    "backup_cover",
    "p_median",
    "p_center",
    "capacitated",
    "equity",
    "phased",
)
"""What may be asked of siting (`carecircle.siting`)."""
CANDIDATE_SOURCES = ("idle", "settlement", "residential", "uncovered", "road")
"""Where candidates come from: the user's list, and places that are proposed; of equal ones the first is taken."""


@dataclass(frozen=True, eq=False, repr=False)
class SitingPlan:
    """Where new centres go, how good that is proven to be, and why.

    Parameters
    ----------
    problem
        What was asked: one of `SITING_PROBLEMS`.
    chosen
        New sites in order of worth, by the contract `carecircle.schema.SITES`.
    curve
        What each number of new sites gives: ``measure`` ("people_60" or a target's id), ``sites``, ``covered``,
        ``total``, ``threshold`` (per cent, NaN where nothing is demanded), ``chosen`` (whether the plan is this one).
    assignment
        ``demand_id``, ``site_id``, ``minutes``, ``people``: who is served where; empty where nothing is assigned.
    status, objective, bound, gap, sense
        ``"optimal"``, ``"feasible"`` or ``"infeasible"``; what the plan is worth; what no plan can surpass; their
        distance as a share of the objective; ``"max"`` or ``"min"``.
    seconds, seed, solver, stopped
        Wall-clock time, the seed, what found it, and why it ended: "proved", "time" or "search".
    reasons
        Why it is infeasible, with the units named; else what a reader should know.
    targets
        ``target_id, title, before, after, denominator, threshold, holds_before, holds_after`` of a policy's targets.
    alternatives
        Other plans close to the best: ``rank, sites, objective, loss, added, dropped``.
    variants
        The same plan for other travellers and demand: ``profile, speed_mps, demand, before, covered, total``.
    phases
        ``way`` ("myopic" or "far_sighted"), ``year``, ``built``, ``covered``, ``total``.
    dropped
        Candidates left out: ``candidate_id, name, source, why``.
    parameters
        What was asked, in numbers.
    """

    problem: str
    chosen: gpd.GeoDataFrame
    curve: pd.DataFrame
    assignment: pd.DataFrame
    status: Literal["optimal", "feasible", "infeasible"]
    objective: float
    bound: float
    gap: float
    sense: Literal["max", "min"]
    seconds: float
    seed: int
    solver: str
    stopped: Literal["proved", "time", "search"]
    reasons: tuple[str, ...] = ()
    targets: pd.DataFrame = field(default_factory=pd.DataFrame)
    alternatives: pd.DataFrame = field(default_factory=pd.DataFrame)
    variants: pd.DataFrame = field(default_factory=pd.DataFrame)
    phases: pd.DataFrame = field(default_factory=pd.DataFrame)
    dropped: pd.DataFrame = field(default_factory=pd.DataFrame)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        worth = f"{self.objective:,.6g} ({self.status}, bound {self.bound:,.6g}, gap {self.gap:.2%})"
        return f"<SitingPlan {self.problem}: {len(self.chosen)} new sites, {worth}, {self.seconds:.1f} s>"


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Everything one run found out.

    Parameters
    ----------
    title, as_of, fictional
        What the study is called, the day its data stand for, and whether its place is made up.
    profile, minutes
        Who travels, and the limits.
    facilities, areas, demand
        The inputs as read; `demand` also has each point's nearest facility (``facility_id, minutes, metres,
        snap_metres``).
    isochrones
        Areas within reach, the union under ``facility_id = "all"``.
    cover
        Additive tallies (see `carecircle.cover`).
    streets
        Streets of the study area, for drawing.
    notes
        What a reader should know of the data.
    provenance
        Files with hashes, package versions, parameters.
    quality
        What was found in the inputs, one finding a row (`QualityLog.to_frame`).
    judgements
        What judging gave, a `carecircle.policy.Judgement` for each pack of the plan.
    gaps
        What is lacking, by name and rank (see `carecircle.gaps`); None where nothing was judged.
    sites
        Where new centres go; None where nobody asked.
    """

    title: str
    as_of: date | None
    fictional: bool
    profile: Profile
    minutes: tuple[float, ...]
    facilities: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    isochrones: gpd.GeoDataFrame
    cover: pd.DataFrame
    streets: gpd.GeoDataFrame
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)
    judgements: tuple[Any, ...] = ()
    gaps: gpd.GeoDataFrame | None = None
    sites: SitingPlan | None = None

    def __repr__(self) -> str:
        return (
            f"<Study {self.title}: {len(self.facilities)} facilities, {len(self.areas)} areas, "
            f"{len(self.demand)} demand points, {self.profile.name} {self.profile.speed_mps:g} m/s>"
        )

    def explore(self, **options: Any) -> Any:
        """Return an interactive map of the areas within reach; options go to ``GeoDataFrame.explore``."""
        rings = self.isochrones[self.isochrones["facility_id"] == "all"].sort_values("minutes", ascending=False)
        return rings.explore("minutes", **{"tooltip": ["minutes", "area_km2"], **options})
