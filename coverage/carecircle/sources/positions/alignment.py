"""Which of several positions of the same points is the true one: the statistics behind `datums`.

Points whose datum is not known can lie in three places, a few hundred metres apart (one for each hypothesis). Where
they truly are, they lie along streets and inside the areas they belong to; a few hundred metres away they lie as it
happens. The whole cloud of points is therefore also moved in many other directions, by as much as the hypotheses lie
apart, and what the hypotheses score is compared with what these translations score.

Method
------
*Score of a position.* Each point counts by the ratio of two densities of its distance to the nearest line. When it is
well placed (probability 1 - e): gamma, with shape and mean averaged over `STREETS` or `BORDERS`, and inside its own
area. When it is placed anyhow (probability e, and every point of a wrong position): exponential, which is the
distance from a random place to the nearest line of a Poisson process of lines (Chiu, Stoyan, Kendall and Mecke,
Stochastic Geometry and its Applications, 2013); its mean is measured around each point, and inside its
area as often as the translations are. The score is the sum of the logarithms.

*How sure.* The translations score as wrong positions do, with all dependence between neighbouring points kept (random
translations as a test: Lotwick and Silverman, J. R. Stat. Soc. B 44, 1982). The scores are multiplied by the largest
factor, at most 1, for which ``exp(score)`` is 1 or less on average over the translations: then it is an e-value, a
bet against the position being a wrong one, and may be averaged over several ways to score (Vovk and Wang, Annals of
Statistics 49, 2021). With equal odds for each hypothesis, and for none of them, beforehand, the share of each in the
sum is its probability. A position that any translation outdoes is never called sure.

*Streets and areas.* Neighbours are in their areas together or not at all: what areas say counts for less than it adds
up to, nobody knows by how much, and in full it can hide what streets say, as both are scaled together. It is therefore
counted in full, by half, and not at all, and the e-values are averaged: where areas are no help they cost a factor of
three at most.

*Two datums in one file.* Two positions may fit better together than one alone, each a part of the points. Where no
translation in the place of one of the two does as well, the points are called mixed.

Assumptions: lines and areas are themselves in WGS 84; wrong positions are to the right one as any other move of that
length; points lie within some 80 m of lines as a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Model = tuple[tuple[float, float, float], ...]
"""Shape, mean in metres, and share of points that are placed anyhow: one row for each case averaged over."""

STREETS: Model = tuple((k, m, e) for k in (1, 2, 4) for m in (5, 10, 20, 40, 80) for e in (0.05, 0.2, 0.5))
BORDERS: Model = tuple((1, m, e) for m in (5, 10, 20, 40, 80, 160) for e in (0.05, 0.2, 0.5))

SURE = 0.995
"""Probability from which on a position is called sure."""
NOT_SURE = 0.99
"""The most that is said of a position that some translation outdoes."""
_DIRECTIONS, _LENGTHS = 20, (0.5, 1.5)  # of translations, for each pair of hypotheses; in parts of the way between them
_CLEAR_METRES, _CLEAR_SHARE = 250.0, 0.8  # kept clear around hypotheses; in parts of the shortest way between two
_AROUND, _RING_METRES = 6, (60.0, 200.0)  # places around each point where the density of lines is measured
STREETS_FARTHEST, BORDERS_FARTHEST = 1000.0, 2000.0
"""Metres; farther away from streets, or from borders, all distances count alike."""
AREA_PARTS = (1.0, 0.5, 0.0)
"""How much of what areas say is counted beside streets, each in its turn."""
_INSIDE_METRES = 50.0  # how far outside its area a point may lie: areas are generalised
_GAIN = 2.0  # what two positions together must gain over one to count: its logarithm of the likelihood
_SHARES = np.arange(1, 10) / 10
SEED = 20_240_601


@dataclass(frozen=True)
class Verdict:
    """What the comparison says.

    Parameters
    ----------
    probability
        (h,) of each hypothesis; what is missing to 1 is that it is none of them.
    sure
        Whether the best is above `SURE` and better than every translation.
    """

    probability: Floats
    sure: bool

    @property
    def best(self) -> int:
        """Number of the most probable hypothesis."""
        return int(self.probability.argmax())


@dataclass(frozen=True)
class Mixture:
    """Two hypotheses that together fit the points better than one.

    Parameters
    ----------
    first, second, share
        Their numbers, and the share of the first.
    """

    first: int
    second: int
    share: float


def positions(hypotheses: Floats) -> Floats:
    """Return the points under each hypothesis, and behind them under all translations.

    Parameters
    ----------
    hypotheses
        (h, n, 2) metres.

    Returns
    -------
    (h + t, n, 2) metres. The translations are the same in each run; none ends near a hypothesis, where it would score
    as if it were that one.
    """
    rng = np.random.default_rng(SEED)
    centre = hypotheses.mean(axis=1)
    start, end = (np.ravel(grid) for grid in np.meshgrid(*[np.arange(len(centre))] * 2, indexing="ij"))
    start, end = start[start != end], end[start != end]
    away = np.hypot(*(centre[end] - centre[start]).T)[:, None]
    angle = rng.uniform(0, 2 * np.pi, (len(start), 1)) + np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    length = away * rng.uniform(*_LENGTHS, angle.shape)
    move = np.stack([np.cos(angle) * length, np.sin(angle) * length], axis=-1).reshape(-1, 2)
    base = np.repeat(start, _DIRECTIONS)
    gap = centre[base] + move - centre[:, None]
    clear = min(_CLEAR_METRES, _CLEAR_SHARE * away.min())
    free = (np.hypot(gap[..., 0], gap[..., 1]) > clear).all(axis=0)
    return np.concatenate([hypotheses, hypotheses[base[free]] + move[free, None]])


def around(xy: Floats) -> Floats:
    """Return places around each of (..., 2) points, one more axis in front."""
    rng = np.random.default_rng(SEED + 1)
    angle = np.arange(_AROUND) * 2 * np.pi / _AROUND
    nearest, farthest = _RING_METRES
    length = np.sqrt(rng.uniform(nearest**2, farthest**2, _AROUND))
    ring = np.stack([np.cos(angle) * length, np.sin(angle) * length], axis=-1)
    return np.asarray(xy + ring.reshape(_AROUND, *([1] * (xy.ndim - 1)), 2))


def distances(xy: Floats, lines: shapely.STRtree) -> Floats:
    """Return metres from each of (..., 2) points to the nearest line."""
    points = np.asarray(shapely.points(xy.reshape(-1, 2)), dtype=object)
    found, metres = lines.query_nearest(points, return_distance=True, all_matches=False)
    result = np.full(len(points), np.inf)
    result[found[0]] = metres
    return result.reshape(xy.shape[:-1])


def inside(xy: Floats, areas: NDArray[np.object_]) -> Bools:
    """Return whether each of (p, n, 2) points lies in its own area, (n,) of them, or hardly outside it."""
    shapely.prepare(areas)
    return np.asarray(shapely.dwithin(areas, shapely.points(xy), _INSIDE_METRES))


def street_densities(metres: Floats, metres_around: Floats, hypotheses: int) -> tuple[Floats, Floats]:
    """Return two measures, (p, n), of how far from lines one is anyhow around each point.

    The first is taken at the place itself. The second also counts how it is under the translations: better where
    points are few and lines sparse.
    """
    local = np.minimum(metres_around, STREETS_FARTHEST).mean(axis=0) + 1.0
    region = np.minimum(metres[hypotheses:], STREETS_FARTHEST).mean(axis=0) + 1.0
    return local, np.sqrt(local * region)


def border_density(metres: Floats, hypotheses: int) -> Floats:
    """Return (p, n) how far from borders one is anyhow: borders are so sparse that only translations tell."""
    anyhow = np.minimum(metres[hypotheses:], BORDERS_FARTHEST).mean(axis=0) + 1.0
    return np.broadcast_to(anyhow, metres.shape)


def line_ratios(metres: Floats, anyhow: Floats, model: Model, farthest: float) -> Floats:
    """Return how much better each distance fits a well placed point, (g, p, n) logarithms, for each case."""
    shape, mean, _ = (column[:, None, None] for column in np.array(model, dtype=float).T)
    away = np.minimum(metres, farthest) + 1.0
    placed = shape * np.log(shape / mean) + (shape - 1) * np.log(away) - away * shape / mean - gammaln(shape)
    return np.asarray(placed + np.log(anyhow) + away / anyhow)


def area_ratios(within: Bools, hypotheses: int) -> Floats:
    """Return how much better it fits a well placed point to be in its area or not, (p, n), as logarithms."""
    trials = within[hypotheses:]
    anyhow = (trials.sum(axis=0) + 0.5) / (len(trials) + 1.0)
    return np.asarray(np.where(within, -np.log(anyhow), -np.inf))


def with_areas(streets: Sequence[Floats], areas: Floats) -> list[Floats]:
    """Return ways to count streets, (g, p, n) each, and areas, (p, n), together; both in full come first."""
    return [way + (areas * part if part else 0.0) for part in AREA_PARTS for way in streets]


def row_scores(ratios: Floats, model: Model) -> Floats:
    """Return the score of each point, (g, p, n): it is well placed, or it is placed anyhow."""
    astray = np.array(model, dtype=float)[:, 2][:, None, None]
    return np.asarray(np.logaddexp(np.log1p(-astray) + ratios, np.log(astray)))


def verdict(scores: Sequence[Floats], hypotheses: int) -> Verdict:
    """Weigh the hypotheses by one or more ways to score, each (g, p, n), averaged."""
    evidence = np.stack([_e_values(way, hypotheses) for way in scores])
    together = logsumexp(evidence, axis=0) - np.log(len(evidence))
    own, translated = together[:hypotheses], together[hypotheses:]
    probability = np.exp(own - logsumexp(np.append(own, 0.0)))
    outdone = own.max() <= translated.max()
    if outdone:
        probability = np.minimum(probability, NOT_SURE)
    return Verdict(probability, bool(probability.max() >= SURE and not outdone))


def _e_values(scores: Floats, hypotheses: int) -> Floats:
    """Return the logarithms of the e-values, (p,), of row scores (g, p, n)."""
    total = logsumexp(scores.sum(axis=2), axis=0) - np.log(len(scores))
    return np.asarray(total * _factor(total[hypotheses:]))


def _factor(translated: Floats) -> float:
    """Return the largest factor, at most 1, with which the mean of ``exp(factor * score)`` is not above 1."""

    def mean(factor: float) -> float:
        return float(logsumexp(factor * translated) - np.log(len(translated)))

    if mean(1.0) <= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) <= 0 else (low, middle)
    return low


def mixture(scores: Floats, hypotheses: int) -> Mixture | None:
    """Return the two hypotheses of which each fits a part of the points, None when one fits them all as well.

    It is also None when a translation in the place of one of the two does as well: then it may be chance.

    Parameters
    ----------
    scores
        (g, p, n) row scores.
    """
    pairs = np.column_stack(np.triu_indices(hypotheses, 1))
    joint = _mixed(scores[:, pairs[:, 0]], scores[:, pairs[:, 1]])
    if joint.max() - scores[:, :hypotheses].sum(axis=2).max() <= _GAIN:
        return None
    case, best, share = (int(place) for place in np.unravel_index(joint.argmax(), joint.shape))
    rows = scores[case]
    first, second = pairs[best].tolist()
    others = max(float(_mixed(rows[kept], rows[hypotheses:]).max()) for kept in (first, second))
    return Mixture(first, second, float(_SHARES[share])) if joint.max() > others else None


def _mixed(one: Floats, other: Floats) -> Floats:
    """Return the score, (..., s), when a share of the points is placed as `one` says and the rest as `other`."""
    return np.stack(
        [np.logaddexp(np.log(share) + one, np.log1p(-share) + other).sum(axis=-1) for share in _SHARES], axis=-1
    )
