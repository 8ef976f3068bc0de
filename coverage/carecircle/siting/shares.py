"""Shares of people as rows of a sparse problem, without a pack."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from carecircle.language import text
from carecircle.policy.presence import exact
from carecircle.siting.aims import Aim
from carecircle.siting.reach import SiteReach


def share_aim(reach: SiteReach, share: float, labels: pd.Series | None, names: pd.Series | None) -> Aim | None:
    """Return the points beyond the limit: a share of the people of each unit, or of all, must come within.

    Parameters
    ----------
    reach
        Who reaches whom; one column a candidate.
    share
        Per cent.
    labels
        The unit of each point; None: all together. Points in no unit are not counted.
    names
        Of units, by their ``area_id``.
    """
    codes, keys = (np.zeros(len(reach.weight), int), [""]) if labels is None else pd.factorize(labels, sort=True)
    total = np.bincount(codes[codes >= 0], reach.weight[codes >= 0], len(keys))
    inside = (codes >= 0) & reach.near
    have = np.bincount(codes[inside], reach.weight[inside], len(keys))
    required = np.array(
        [float(Fraction(str(share)) * exact(all_) / 100 - exact(now)) for all_, now in zip(total, have, strict=True)]
    )
    rows = np.flatnonzero((codes >= 0) & ~reach.near & (reach.weight > 0))
    lacking = np.flatnonzero(required > 0)
    if not len(lacking):
        return None
    group = np.full(len(keys), -1)
    group[lacking] = np.arange(len(lacking))
    at = group[codes[rows]]
    kept = at >= 0
    groups = csr_array((reach.weight[rows][kept], (at[kept], np.flatnonzero(kept))), shape=(len(lacking), len(rows)))
    said = [""] if labels is None else [str(one) for one in (keys if names is None else names.reindex(keys))]
    return Aim(
        "share",
        text("siting.share", share=f"{share:g}", minutes=f"{reach.limit:g}"),
        csr_array(reach.cover()[rows]),
        np.ones(len(rows), dtype=np.int64),
        reach.demand["demand_id"].astype(str).to_numpy(object)[rows],
        reach.weight[rows],
        groups,
        required[lacking],
        tuple(said[one] for one in lacking),
        "people",
    )
