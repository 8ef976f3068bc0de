"""The distance field and its outlines: against brute force, and on shapes with known answers."""

import numpy as np
import pytest
import shapely
from scipy.ndimage import distance_transform_edt

from carecircle.contours import contour_around, distance_squared, one_owner, piece_cells, polygons, sample_edges
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.pieces import merged

ROAD = {"highway": "residential"}


def drawn(cells, cell, level, *, min_hole=0.0, tolerance=0.0, rivals=None):
    rings, offsets = contour_around(
        np.asarray(cells, np.int32).T, cell, level, None if rivals is None else np.asarray(rivals, np.int32).T
    )
    return polygons(rings, offsets, np.zeros(len(rings), np.int64), 1, min_hole, tolerance)[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("reach", [1, 3, 7])
def test_distances_are_exact_up_to_the_reach(seed, reach):
    grid = np.where(np.random.default_rng(seed).random((60, 70)) < 0.01, 0, 200).astype(np.uint8)
    grid[30, 35] = 0
    exact = distance_transform_edt(grid > 0) ** 2
    found = distance_squared(grid, reach)
    near = exact <= reach**2
    assert np.array_equal(found[near], exact[near].round().astype(int))
    assert (found[~near] > reach**2).all()


def test_one_cell_is_a_disc():
    disc = drawn([(10, 20)], 2.0, 6.0)
    assert disc.centroid.coords[0] == pytest.approx((21, 41))
    assert disc.area == pytest.approx(np.pi * 36, rel=0.05)
    outline = np.hypot(*(shapely.get_coordinates(disc) - (21, 41)).T)
    assert outline.max() < 6.0 + 0.5


@pytest.mark.parametrize("seed", range(6))
def test_outlines_keep_their_distance(seed):
    rng = np.random.default_rng(seed)
    cells = np.unique(rng.integers(-40, 40, (30, 2)), axis=0)
    centres = shapely.points((cells + 0.5) * 3.0)
    shape = drawn(cells, 3.0, 9.0)
    assert shape.is_valid
    tree = shapely.STRtree(centres)
    _, away = tree.query_nearest(
        shapely.points(shapely.get_coordinates(shape.segmentize(0.5))), return_distance=True, all_matches=False
    )
    assert away.min() > 9 - 1.5
    assert away.max() < 9 + 1.5
    assert shapely.contains(shape, centres).all()


def test_small_holes_are_filled_and_large_ones_kept():
    square = [(x, y) for x in range(41) for y in range(41) if x in (0, 40) or y in (0, 40)]
    kept, filled = (drawn(square, 1.0, 3.0, min_hole=size) for size in (1000, 1200))
    assert len(kept.geoms[0].interiors) == 1
    assert shapely.Polygon(kept.geoms[0].interiors[0]).area == pytest.approx((39 - 2 * 2.5) ** 2, rel=0.06)
    assert len(filled.geoms[0].interiors) == 0
    assert filled.covers(kept)


def test_thinning_moves_an_outline_by_no_more_than_two_tolerances():
    cells = [(int(60 * np.cos(a)), int(25 * np.sin(a))) for a in np.linspace(0, 2 * np.pi, 500)]
    full = drawn(cells, 2.0, 7.0)
    for tolerance in (0.1, 0.5, 1.0):
        thin = drawn(cells, 2.0, 7.0, tolerance=tolerance)
        assert thin.is_valid
        assert shapely.hausdorff_distance(full.boundary, thin.boundary, densify=0.01) <= 2 * tolerance + 1e-9
        assert shapely.get_num_coordinates(thin) < shapely.get_num_coordinates(full)


def test_rivals_share_at_half_the_distance():
    own, other = [(x, 0) for x in range(30)], [(x, 6) for x in range(30)]
    first, second = drawn(own, 1.0, 5.0, rivals=other), drawn(other, 1.0, 5.0, rivals=own)
    assert first.intersection(second).area < 1e-6
    assert first.bounds[3] == pytest.approx(3.5)
    assert second.bounds[1] == pytest.approx(3.5)


def test_a_cell_of_two_owners_is_given_to_the_first():
    cells = np.array([[0, 1, 2, 2, 3, 1, 9, -1], [0, 0, 0, 0, 0, 0, 5, -1]], np.int32)
    kept, starts = one_owner(cells, np.array([0, 3, 5, 8]))
    assert kept.T.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [9, 5], [-1, -1]]
    assert starts.tolist() == [0, 3, 4, 6]


def test_samples_are_at_most_a_cell_apart_and_hold_both_ends(network_of):
    network = network_of("elder")
    edges = np.arange(0, network.n_edges, 7)
    samples = sample_edges(network, edges, 8.0)
    assert len(samples.first) == len(edges) + 1
    assert (samples.fraction[samples.first[:-1]] == 0).all()
    assert (samples.fraction[samples.first[1:] - 1] == 1).all()
    lines, owner = network.lines()[edges], np.repeat(np.arange(len(edges)), np.diff(samples.first))
    gaps = np.diff(samples.fraction) * shapely.length(lines)[owner[1:]]
    assert gaps[owner[1:] == owner[:-1]].max() <= 8.0 + 1e-6
    at = shapely.get_coordinates(shapely.line_interpolate_point(lines[owner], samples.fraction, normalized=True))
    low = samples.cell.T * 8.0
    assert ((at >= low - 1e-6) & (at <= low + 8 + 1e-6)).all()


def test_longer_pieces_have_all_the_cells_of_shorter_ones(streets):
    network = build_network(streets({1: (0, 0), 2: (313, 171)}, [([1, 2], ROAD)]), profile("elder"))
    samples = sample_edges(network, np.zeros(1, np.int64), 8.0)
    before = set()
    for end in np.linspace(0.001, 1, 200):
        pieces = merged(np.zeros(1, int), np.zeros(1, int), np.zeros(1), np.array([end]))
        cells, first = piece_cells(samples, pieces, 1)
        assert first.tolist() == [0, cells.shape[1]]
        now = set(map(tuple, cells.T.tolist()))
        assert before <= now
        before = now
    assert len(before) > 40


def test_no_outlines_are_no_areas():
    assert [shape.is_empty for shape in polygons([], [], np.zeros(0, np.int64), 3, 0.0, 1.0)] == [True] * 3
