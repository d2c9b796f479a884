"""Every thresholder keeps the same promises."""

import numpy as np
import pytest

from monitor.errors import UnknownNameError
from monitor.segmentation.thresholds import THRESHOLDERS, thresholder


@pytest.fixture(params=sorted(THRESHOLDERS))
def threshold(request):
    return thresholder(request.param)


@pytest.fixture
def relevance():
    """A bright band on noise, not square."""
    rng = np.random.default_rng(2)
    values = 0.1 * rng.normal(size=(60, 90))
    values[25:32] += 1.0
    return values.astype(np.float32)


def test_the_relevant_part_is_found(threshold, relevance):
    found = threshold(relevance)
    assert found.mask.shape == (60, 90)
    assert found.mask.dtype == bool
    assert found.reason is None
    assert found.mask[25:32].mean() > 0.3
    assert found.mask[25:32].sum() > 0.95 * found.mask.sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (1e-6, 0.0), (1e4, -3.0)])
def test_size_and_origin_of_the_relevance_do_not_matter(threshold, relevance, dtype, factor, shift):
    scaled = threshold((relevance.astype(np.float64) * factor + shift).astype(dtype))
    assert (scaled.mask != threshold(relevance).mask).mean() < 0.01


def test_never_more_than_half_is_set(threshold, relevance):
    for values in (relevance, -relevance):
        assert threshold(values).mask.mean() <= 0.5


@pytest.mark.parametrize("value", [0.0, -2.5, np.nan, np.inf])
def test_a_useless_relevance_gives_an_empty_mask_and_a_reason(threshold, value):
    found = threshold(np.full((16, 24), value, np.float32))
    assert found.mask.shape == (16, 24)
    assert not found.mask.any()
    assert found.reason
    assert found.threshold is None


def test_one_bad_pixel_is_enough(threshold, relevance):
    relevance[3, 4] = np.nan
    assert "finite" in threshold(relevance).reason


def test_repeatable_and_without_side_effects(threshold, relevance):
    before = relevance.copy()
    assert np.array_equal(threshold(relevance).mask, threshold(relevance).mask)
    assert np.array_equal(relevance, before)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="gmm, simple"):
        thresholder("otsu")
