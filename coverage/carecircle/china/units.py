"""Counties, townships and communities of four cities and three pilot counties, and how many there are of each kind.

A target such as "90 % of the urban communities" needs the number of communities. The numbers here are counted from
the National Bureau of Statistics' list of 2023-06-30; ``units_2023.md`` beside this file says where it comes from.

Sources
-------
The kind of a unit stands in its code (统计用区划代码编制规则 of the Bureau). Townships, digits 7 to 9: 001-099 街道,
100-199 镇, 200-399 乡, 400-599 类似乡级 (farms, development zones). Communities, digits 10 to 12: 001-199 居委会,
200-399 村委会, 400-499 类似居委会, 500-599 类似村委会. `carecircle.china.codes.unit_kind` holds the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import pandas as pd
import pyarrow.parquet as pq

from carecircle.china.codes import is_statistical_only, significant_code, unit_kind
from carecircle.errors import UsageError
from carecircle.language import text

CITIES = {"4302": "株洲市", "4309": "益阳市", "5304": "玉溪市", "5309": "临沧市"}
"""Cities that the list holds as a whole."""
PILOT_COUNTIES = {"530181": "安宁市", "530702": "古城区", "532502": "开远市"}
"""Counties that the list holds without the rest of their cities: the pilots of the Yunnan notice of 2020."""

TOWNSHIP_KINDS = ("街道", "镇", "乡", "类似乡级")
COMMUNITY_KINDS = ("居委会", "村委会", "类似居委会", "类似村委会")
SHORT_KINDS = {
    "类似乡级单位": "类似乡级",
    "居民委员会": "居委会",
    "村民委员会": "村委会",
    "类似居民委员会": "类似居委会",
    "类似村民委员会": "类似村委会",
}
"""What `unit_kind` says, as the headers of tables have it; what is not here is short already."""

WITHIN = {
    "街道内居委会": ("居委会", ("街道",)),
    "乡镇内居委会": ("居委会", ("镇", "乡", "类似乡级")),
    "街道内村委会": ("村委会", ("街道",)),
}
"""Communities counted by the township they are in: their kind, and the kinds of the township."""
COUNTS = (*TOWNSHIP_KINDS, *COMMUNITY_KINDS, *WITHIN)
"""Columns of counts of `denominators`."""

_COUNTY = 6  # digits of its code


def kind_of(codes: pd.Series) -> pd.Series:
    """Return what the code of a township or community says it is, in short; "" for a county.

    Examples
    --------
    >>> kind_of(pd.Series(["530402", "530402001", "530402001001", "430223450"])).tolist()
    ['', '街道', '居委会', '类似乡级']
    """
    return unit_kind(codes).replace(SHORT_KINDS).fillna("")


def units(codes: Sequence[str] = ()) -> pd.DataFrame:
    """Return counties, townships and communities as the Bureau lists them on 2023-06-30.

    Parameters
    ----------
    codes
        Codes of cities, counties, townships or communities, padded with zeros or not: these and what belongs to them.
        None: all of `CITIES` and `PILOT_COUNTIES`.

    Returns
    -------
    pandas.DataFrame
        One row a unit, by code: area_id (6, 9 or 12 digits), name, level ("county", "township", "community"), kind
        (`TOWNSHIP_KINDS`, `COMMUNITY_KINDS`, "" for a county), parent_id (of a county: its city, which has no row).

    Raises
    ------
    UsageError
        Codes that are not in the list. It has nothing of other places, and it has no whole cities but `CITIES`.

    Examples
    --------
    >>> units(["530402001"]).iloc[1].tolist()
    ['530402001001', '荷花社区居民委员会', 'community', '居委会', '530402001']
    >>> units(["530400000000"])["level"].value_counts().to_dict()
    {'community': 718, 'township': 76, 'county': 9}
    """
    listed = _listed()
    wanted = _known([codes] if isinstance(codes, str) else codes)
    found = listed[listed["area_id"].str.startswith(wanted)] if wanted else listed
    return found.reset_index(drop=True)


def denominators(codes: Sequence[str] = ()) -> pd.DataFrame:
    """Return how many townships and communities of each kind there are in each county.

    Parameters
    ----------
    codes
        As for `units`. Of a county that is named by some of its townships only, these are counted.

    Returns
    -------
    pandas.DataFrame
        One row a county, by code: area_id, name, parent_id (the city), statistical_only (True: drawn for statistics,
        no administrative division), and the `COUNTS`. They add up: over counties, and over any parts of a county.
        居委会 are counted in all and, by the kind of their township, as 街道内居委会 and 乡镇内居委会.

    Raises
    ------
    UsageError
        Codes that are not in the list.

    Examples
    --------
    >>> yuxi = denominators(["5304"])
    >>> yuxi[["街道", "镇", "乡", "居委会", "街道内居委会", "村委会"]].sum().tolist()
    [25, 25, 26, 294, 224, 424]
    >>> denominators(["430971", "430972"])["statistical_only"].tolist()
    [True, True]
    """
    found = units(codes)
    county = found["area_id"].str[:_COUNTY]
    flags = pd.DataFrame({name: found["kind"].eq(name) for name in (*TOWNSHIP_KINDS, *COMMUNITY_KINDS)})
    around = found["parent_id"].map(_listed().set_index("area_id")["kind"])
    for name, (kind, townships) in WITHIN.items():
        flags[name] = found["kind"].eq(kind) & around.isin(townships)
    counts = flags[list(COUNTS)].groupby(county).sum().astype("int64").rename_axis("area_id").reset_index()
    named = _listed()[["area_id", "name", "parent_id"]]
    named = named.assign(statistical_only=is_statistical_only(named["area_id"]))
    return named.merge(counts, on="area_id", validate="one_to_one")


@cache
def _listed() -> pd.DataFrame:
    """Return the whole list; callers must not change it."""
    file = resources.files("carecircle.china").joinpath("units_2023.parquet")
    with resources.as_file(file) as path:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
    return table.rename(columns={"code": "area_id", "parent": "parent_id"})


def _known(codes: Sequence[str]) -> tuple[str, ...]:
    """Return codes without the zeros they are padded with, when the list has them all."""
    given = pd.Series(list(codes), dtype=object)
    significant = significant_code(given)
    strange = given[~significant.isin({*_listed()["area_id"], *CITIES})]
    if len(strange):
        raise UsageError(text("finding.area_code_unknown", value="、".join(map(str, strange))))
    return tuple(significant)
