"""A sparse mask is the same mask, wherever it is cut."""

import numpy as np
import pytest

from monitor.imaging.sparse_masks import SparseMask


@pytest.fixture
def mask():
    return np.random.default_rng(0).random((40, 60)) < 0.05


def test_it_comes_back_as_it_was(mask):
    sparse = SparseMask.of(mask)
    np.testing.assert_array_equal(sparse.dense(), mask)
    np.testing.assert_array_equal(sparse.pixels, np.argwhere(mask))
    assert len(sparse) == mask.sum()


def test_a_part_may_reach_beyond_the_picture(mask):
    rows, cols = slice(-3, 20), slice(45, 66)
    wanted = np.pad(mask, 10)[7:30, 55:76]
    np.testing.assert_array_equal(SparseMask.of(mask).within((rows, cols)).dense(), wanted)


def test_the_box_holds_all_of_it_and_no_more():
    mask = np.zeros((40, 60), bool)
    mask[7, 30] = mask[11, 4] = True
    box = SparseMask.of(mask).box
    assert box == (slice(7, 12), slice(4, 31))
    assert SparseMask.of(mask).within(box).box == (slice(0, 5), slice(0, 27))


def test_an_empty_one():
    empty = SparseMask.of(np.zeros((4, 5), bool))
    assert (len(empty), empty.box, empty.dense().shape) == (0, (slice(0, 0), slice(0, 0)), (4, 5))


def test_its_digest_tells_masks_and_shapes_apart(mask):
    other = mask.copy()
    other[0, 0] ^= True
    found = {SparseMask.of(one).digest() for one in (mask, mask.copy(), other, np.pad(mask, ((0, 1), (0, 0))))}
    assert len(found) == 3
