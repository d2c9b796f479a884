"""Raw intensities: darkness, after what is usually done against uneven light."""

import numpy as np
import pytest
from tiny_networks import BATCH, random_patches, tiny_classifier

from monitor.attribution.base import attribution
from monitor.attribution.intensity import min_max_discriminated, shading_corrected
from monitor.records import ByteArray, FloatArray
from monitor.segmentation.thresholds import simple

RAW = ("raw", "raw_blurred", "raw_shading_corrected", "raw_min_max")


def explained(name: str, patch: ByteArray) -> FloatArray:
    return attribution(name, tiny_classifier(), BATCH).explain(patch[None])[0]


def wall_with_line() -> ByteArray:
    """A dark line on a grey wall."""
    patch = np.full((32, 32, 3), 160, np.uint8)
    patch[14:17] = 40
    return patch


@pytest.mark.parametrize("name", RAW)
def test_what_is_dark_is_relevant(name: str) -> None:
    found = simple(explained(name, wall_with_line())).mask
    assert found[15].all()
    assert not found[:8].any()


def test_raw_is_minus_the_grey_value() -> None:
    patch = random_patches(1)[0]
    grey = patch @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(explained("raw", patch), -grey / 255, atol=0.6 / 255)


def test_grey_levels_are_discriminated_as_defined() -> None:
    grey = random_patches(1, seed=4)[0, ..., 0]
    least, greatest = float(grey.min()), float(grey.max())
    found = min_max_discriminated(grey)
    for value, changed in zip(grey.ravel().tolist(), found.ravel().tolist(), strict=True):
        bright = value > least + 0.5 * (greatest - least)
        wanted = min(greatest, 1.1 * value) if bright else max(least, value / 1.1)
        assert changed == pytest.approx(wanted, rel=1e-5)


def test_shading_goes_and_the_crack_stays() -> None:
    shaded = np.clip(np.linspace(60, 220, 64)[None] + np.zeros((64, 1)), 0, 255).astype(np.uint8)
    shaded[30:33] -= 40
    corrected = shading_corrected(shaded)
    assert np.ptp(corrected[10, 15:-15]) <= 2
    assert (corrected[31, 15:-15] < -30).all()
