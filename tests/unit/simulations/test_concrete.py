import cv2
import numpy as np
import pytest

from simulations.concrete import air_voids, board_marked, formwork_joint

SHAPE = (96, 128)


@pytest.fixture
def surface():
    return np.full((*SHAPE, 3), 0.6, np.float32)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("draw", [formwork_joint, air_voids, board_marked])
def test_what_is_drawn_is_a_picture_of_the_same_size(surface, draw, seed):
    found = draw(surface, np.random.default_rng(seed))

    assert found.shape == surface.shape
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.all(surface == np.float32(0.6)), "the surface itself is left as it was"


def test_joint_is_straight_and_crosses_the_picture(surface):
    """Its darkest pixels lie on one line, so far as noise and its raggedness let them."""
    straight = []
    for seed in range(12):
        grey = formwork_joint(surface, np.random.default_rng(seed)).mean(axis=2)
        rows, cols = np.nonzero(grey < 0.6 * grey.max())
        if len(rows) < 60:
            continue
        spread = np.linalg.eigvalsh(np.cov(rows, cols))
        straight.append(np.sqrt(spread[0]) < 3 and np.sqrt(spread[1]) > 15)
    assert len(straight) >= 4
    assert np.mean(straight) >= 0.8


def test_voids_are_many_dark_spots_and_no_line(surface):
    spots, longest = [], []
    for seed in range(12):
        dark = air_voids(surface, np.random.default_rng(seed)).mean(axis=2) < 0.45
        count, _, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
        spots.append(count - 1)
        longest += stats[1:, 2:4].max(axis=1).tolist()
    assert max(spots) >= 10
    assert np.quantile(longest, 0.9) <= 16


def test_the_same_seed_draws_the_same(surface):
    first, second = (board_marked(surface, np.random.default_rng(5)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
