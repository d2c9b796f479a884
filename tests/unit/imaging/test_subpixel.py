"""Refinement of a homography that is off by pixels."""

import cv2
import numpy as np
import pytest
from wall_pairs import Camera, brick_wall, corner_error_px, pair, texture

from monitor.imaging.subpixel import refine

SHAPE = (360, 480)
NOTHING = np.zeros(SHAPE, dtype=bool)


def disturbed(true: np.ndarray, error_px: float, seed: int) -> np.ndarray:
    """`true` with every corner of the reference moved by a normal error."""
    corners = np.array([[0, 0], [479, 0], [479, 359], [0, 359]], dtype=np.float32)
    errors = np.random.default_rng(seed).normal(0, error_px, corners.shape).astype(np.float32)
    return cv2.getPerspectiveTransform(corners, corners + errors) @ true


@pytest.mark.parametrize("error_px", [0.3, 2.0])
@pytest.mark.parametrize("name", ["brick", "gravel", "grass"])
def test_pixels_become_hundredths(name: str, error_px: float) -> None:
    for seed in range(3):
        reference, image, true = pair(texture(name), SHAPE, seed)
        found = refine(reference, image, disturbed(true, error_px, seed), NOTHING)
        assert corner_error_px(found.matrix, true, SHAPE) < 0.1
        assert found.residual_px is not None
        assert found.residual_px < 0.15
        assert found.agreeing > 0.95
        assert found.blocks > 15


def test_a_part_that_moved_on_its_own_is_outvoted() -> None:
    """A fifth of the wall slides by 3 px; the rest decides."""
    wall = brick_wall((600, 760), np.random.default_rng(0))
    reference, image, true = pair(wall, SHAPE, 0, Camera(tilt_deg=0, turn_deg=0, scale=0, shift=0))
    image[:, 380:477] = image[:, 383:480]
    found = refine(reference, image, true, NOTHING)
    error = corner_error_px(found.matrix, true, SHAPE)
    assert error < 0.5
    everywhere = np.broadcast_to(np.arange(480) >= 370, SHAPE)
    assert corner_error_px(refine(reference, image, true, everywhere).matrix, true, SHAPE) < 0.1


def test_without_texture_the_matrix_stays() -> None:
    flat = np.full(SHAPE, 90, dtype=np.uint8)
    found = refine(flat, flat, np.eye(3), NOTHING)
    np.testing.assert_array_equal(found.matrix, np.eye(3))
    assert (found.residual_px, found.agreeing, found.blocks) == (None, 0.0, 0)


def test_unrelated_pictures_do_not_agree() -> None:
    first, second = (pair(texture(name), SHAPE, 0)[0] for name in ("gravel", "grass"))
    assert refine(first, second, np.eye(3), NOTHING).agreeing < 0.1
