"""Quality figures and matched light."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from wall_pairs import brick_wall, texture

from monitor.errors import MisuseError
from monitor.imaging.photometry import detail, exposure, grey, light, sharpness


def wall() -> np.ndarray:
    return (brick_wall((300, 400), np.random.default_rng(0)) * 200).astype(np.uint8)


def lit(image: np.ndarray) -> np.ndarray:
    """Darker by a third on the left, brighter by a fifth on the right."""
    return (image * np.linspace(0.67, 1.2, image.shape[1])).astype(np.uint8)


def test_sharpness_falls_with_blur_and_ignores_exposure() -> None:
    figures = [sharpness(gaussian_filter(wall(), blur)) for blur in (0, 0.7, 1.5, 3)]
    assert all(after < 0.8 * before for before, after in pairwise(figures))
    assert sharpness((wall() * 0.7).astype(np.uint8)) == pytest.approx(figures[0], rel=0.05)
    assert sharpness(np.full((9, 9, 3), 7, dtype=np.uint8)) == 0.0


def test_exposure_is_the_share_of_clipped_pixels() -> None:
    image = np.full((10, 10, 3), 120, dtype=np.uint8)
    assert exposure(image) == 0.0
    image[:2], image[5] = 0, 255
    assert exposure(image) == pytest.approx(0.3)


def test_detail_does_not_see_the_light() -> None:
    plain, changed = detail(wall())[30:-30, 30:-30], detail(lit(wall()))[30:-30, 30:-30]
    assert np.corrcoef(plain.ravel(), changed.ravel())[0, 1] > 0.99
    assert np.abs(plain - changed).mean() < 0.05
    assert plain.dtype == np.float32


def test_grey_is_luma_and_refuses_floats() -> None:
    assert grey(np.array([[[255, 0, 0]]], dtype=np.uint8))[0, 0] == 76
    np.testing.assert_array_equal(grey(wall()), wall())
    with pytest.raises(MisuseError, match="uint8 grey or RGB"):
        grey(texture("brick"))  # type: ignore[arg-type]


def test_cracks_are_measured_in_green() -> None:
    found = light(np.array([[[255, 40, 9]]], dtype=np.uint8))
    assert (found.dtype, found[0, 0]) == (np.float32, 40)
    np.testing.assert_array_equal(light(wall()), wall())
    with pytest.raises(MisuseError, match="uint8 grey or RGB"):
        light(texture("brick"))  # type: ignore[arg-type]
