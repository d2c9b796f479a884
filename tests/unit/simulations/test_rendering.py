"""The simulated camera does what its view says, and nothing else."""

import cv2
import numpy as np
import pytest

from simulations.rendering import CameraView, paint, photograph, random_view
from simulations.walls import Picture, wall

SHAPE = (90, 120)
#: No blur to speak of, no noise.
PLAIN = CameraView(np.eye(3), blur_px=0.05, noise=0.0)


@pytest.fixture
def picture() -> Picture:
    return wall("bonded", SHAPE, np.random.default_rng(0)).image


def shot(picture: Picture, view: CameraView, seed: int = 0) -> np.ndarray:
    return photograph(picture, view, SHAPE, np.random.default_rng(seed))


def test_a_square_on_view_shows_the_wall_as_it_is(picture: Picture) -> None:
    photo = shot(picture, PLAIN)
    assert photo.dtype == np.uint8
    np.testing.assert_allclose(photo, picture * 255, atol=1)


def test_the_matrix_maps_the_wall_to_the_photo(picture: Picture) -> None:
    shift = np.array([[1.0, 0, 7], [0, 1.0, -4], [0, 0, 1.0]])
    photo, still = shot(picture, CameraView(shift, blur_px=0.05, noise=0.0)), shot(picture, PLAIN)
    np.testing.assert_array_equal(photo[10:80, 20:110], still[14:84, 13:103])


def test_light_is_a_gain_and_a_gradient() -> None:
    even = np.full((*SHAPE, 3), 0.5, np.float32)
    brighter = shot(even, CameraView(np.eye(3), gain=1.1, noise=0.0))
    assert (brighter == round(0.55 * 255)).all()
    slanted = shot(even, CameraView(np.eye(3), gradient=(0.0, 0.1), noise=0.0)).mean(axis=(0, 2))
    assert slanted[0] == pytest.approx(0.45 * 255, abs=1)
    assert slanted[-1] == pytest.approx(0.55 * 255, abs=1)
    assert slanted[60] == pytest.approx(0.5 * 255, abs=1)


def test_noise_follows_its_seed_and_has_its_strength() -> None:
    even = np.full((*SHAPE, 3), 0.5, np.float32)
    noisy = CameraView(np.eye(3), noise=0.02)
    assert shot(even, noisy).std() == pytest.approx(0.02 * 255, rel=0.05)
    np.testing.assert_array_equal(shot(even, noisy, 3), shot(even, noisy, 3))
    assert (shot(even, noisy, 3) != shot(even, noisy, 4)).any()


def test_hand_held_views_differ_a_little_and_stay_flat() -> None:
    rng, corners = np.random.default_rng(0), np.array([[[0.0, 0]], [[119, 0]], [[119, 89]], [[0, 89]]])
    moved = []
    for _ in range(50):
        view = random_view(SHAPE, rng)
        moved.append(np.linalg.norm(cv2.perspectiveTransform(corners, view.matrix) - corners, axis=2).max())
        assert 0.8 < view.gain < 1.2
        assert max(np.abs(view.gradient)) <= 0.1
        assert np.linalg.det(view.matrix) > 0
    assert max(moved) < 0.12 * max(SHAPE)
    assert np.median(moved) > 1


def test_without_pose_and_light_a_view_is_square_on_and_even() -> None:
    view = random_view(SHAPE, np.random.default_rng(0), pose=0.0, light=0.0)
    np.testing.assert_allclose(view.matrix, np.eye(3), atol=1e-12)
    assert (view.gain, view.gradient) == (1.0, (0.0, 0.0))


def test_paint_darkens_the_gap_alone(picture: Picture) -> None:
    covered = np.zeros(SHAPE, np.float32)
    covered[40:44, 10:100] = 1
    before = picture.copy()
    painted = paint(picture, covered, np.random.default_rng(0), darkness=0.1)
    assert painted.dtype == np.float32
    np.testing.assert_array_equal(painted[covered == 0], picture[covered == 0])
    assert painted[covered == 1].mean() == pytest.approx(0.1 * picture.mean(), rel=0.2)
    np.testing.assert_array_equal(picture, before)
