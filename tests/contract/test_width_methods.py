"""Every width method keeps the same promises."""

import numpy as np
import pytest

from monitor.errors import UnknownNameError
from monitor.severity.skeleton import centreline
from monitor.severity.width import WIDTH_METHODS, width_method


def measured(name, mask):
    return width_method(name)(mask, centreline(mask), np.random.default_rng(7))


@pytest.fixture(params=sorted(WIDTH_METHODS))
def name(request):
    return request.param


def test_an_empty_mask_has_no_width(name):
    assert measured(name, np.zeros((40, 50), bool)) == 0.0


def test_a_level_bar_has_about_its_width(name):
    mask = np.zeros((90, 210), bool)
    mask[40:48, 20:190] = True
    assert measured(name, mask) == pytest.approx(8, abs=1)
    assert measured(name, mask.T) == pytest.approx(8, abs=1)


def test_the_same_mask_and_seed_give_the_same_number(name):
    mask = np.tri(80, 120, 5, dtype=bool) & ~np.tri(80, 120, -9, dtype=bool)
    assert measured(name, mask) == measured(name, mask)


def test_the_mask_is_left_alone(name):
    mask = np.eye(70, dtype=bool) | np.eye(70, k=1, dtype=bool)
    before = mask.copy()
    assert type(measured(name, mask)) is float
    assert np.array_equal(mask, before)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="edge, published"):
        width_method("ruler")
