"""Where the reference shows a crack, its repeats are believed sooner; what has not changed is marked as there."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.segmentation.known import KnownOptions


def test_only_patches_that_show_a_known_crack_are_believed_sooner() -> None:
    options = KnownOptions(weight=1.0, least_share=0.1)
    told = options.remembered(np.array([0.5, 0.5, 0.0, 1.0]), np.array([0.05, 0.1, 0.5, 0.5]))
    assert told == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 0.0, 1.0])


def test_at_the_shipped_threshold_it_takes_what_is_not_called_clearly_sound() -> None:
    told = KnownOptions().remembered(np.array([0.34, 0.37]), np.ones(2))
    assert told[0] < 0.6 < told[1]


def test_a_reference_without_a_crack_knows_nothing() -> None:
    options = KnownOptions(near_px=2)
    assert options.around(None) is None
    assert options.around(np.zeros((9, 9), bool)) is None
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert (around := options.around(mask)) is not None
    assert around.sum() == 25


SHAPE = (160, 200)
BOX = (slice(60, 100), slice(50, 130))


def grainy(seed: int, level: float = 150.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.normal(0, 25, SHAPE), (0, 0), 1.2).astype(np.float32) + np.float32(level)


def photo(scene: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Of that scene, with a camera's blur and noise."""
    noise = np.random.default_rng(seed).normal(0, 2, SHAPE)
    return cv2.GaussianBlur(scene, (0, 0), 0.8) + noise.astype(np.float32)


def marked(*boxes: tuple[slice, slice]) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    for box in boxes:
        mask[box] = True
    return mask


@pytest.mark.parametrize("darkness", [0.9, 0.6, 0.4])
def test_a_wall_that_is_wet_or_in_the_shade_is_no_gap(darkness: float) -> None:
    later = grainy(0)
    later[BOX] *= darkness
    wall = KnownOptions().unchanged(marked(BOX), photo(grainy(0), 1), photo(later, 2))
    assert np.array_equal(wall, marked(BOX))


def test_a_gap_as_wide_is_one() -> None:
    later = grainy(0)
    later[BOX] = grainy(3, level=60.0)[BOX]
    wall = KnownOptions().unchanged(marked(BOX), photo(grainy(0), 1), photo(later, 2))
    assert not wall.any()


def test_what_is_thin_is_not_asked() -> None:
    before, now, thin = photo(grainy(0), 1), photo(grainy(0), 2), (slice(60, 66), slice(50, 130))
    assert not KnownOptions().unchanged(marked(thin), before, now).any()
    assert not KnownOptions().unchanged(marked(), before, now).any()


def test_each_part_is_judged_by_itself() -> None:
    other, later = (slice(20, 40), slice(20, 60)), grainy(0)
    later[BOX] = grainy(3, level=60.0)[BOX]
    wall = KnownOptions().unchanged(marked(BOX, other), photo(grainy(0), 1), photo(later, 2))
    assert np.array_equal(wall, marked(other))
