"""Closing, area opening and the steps of the post-processing."""

import cv2
import numpy as np
import pytest
from skimage.morphology import remove_small_objects

from monitor.segmentation.morphology import Postprocessing, area_opening, closing, postprocess, stages


@pytest.fixture
def speckled():
    return np.random.default_rng(4).random((70, 110)) > 0.93


def test_closing_is_the_one_on_an_endless_plane(speckled):
    """A wide empty margin around the mask changes nothing: borders neither eat nor attract."""
    for side_px in (5, 25):
        wide = closing(np.pad(speckled, 60), side_px)
        assert np.array_equal(closing(speckled, side_px), wide[60:-60, 60:-60])


@pytest.mark.parametrize("place", [(0, 0), (30, 40), (69, 109), (slice(10, 60, 7), slice(20, 90, 9))])
@pytest.mark.parametrize("side_px", [3, 5, 25])
def test_closing_and_opening_of_a_part_are_those_of_the_whole(place, side_px):
    """Only the box around a mask is worked on: the rest of the picture cannot matter."""
    mask = np.zeros((70, 110), bool)
    mask[place] = True
    for turned in (mask, mask.T, mask[::-1, ::2]):
        footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px))
        whole = np.pad(turned.astype(np.uint8), 60)
        whole = cv2.erode(cv2.dilate(whole, footprint), footprint)[60:-60, 60:-60] > 0
        assert np.array_equal(closing(turned, side_px), whole)
        assert not area_opening(turned, 2 * turned.size).any()
        assert np.array_equal(area_opening(turned, 1), turned)


def test_an_empty_mask_stays_empty():
    for shape in ((70, 110), (0, 5)):
        empty = np.zeros(shape, bool)
        assert closing(empty, 5).shape == area_opening(empty, 50).shape == shape
        assert not closing(empty, 5).any()


def test_closing_never_removes_pixels_even_at_the_border(speckled):
    speckled[0] = speckled[:, -1] = True
    assert closing(speckled, 25)[speckled].all()


def test_footprint_sides_are_those_of_opencv_ellipses():
    """Two bars 20 px apart join at side 25 and stay apart at side 5; the ellipse of side 25 has 477 pixels."""
    mask = np.zeros((60, 80), bool)
    mask[:, 20:25] = mask[:, 45:50] = True
    assert closing(mask, 25)[30, 35]
    assert not closing(mask, 5)[30, 35]
    assert cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25)).sum() == 477


def test_closing_of_side_one_changes_nothing(speckled):
    assert np.array_equal(closing(speckled, 1), speckled)


@pytest.mark.parametrize("min_area_px", [1, 2, 5, 1000])
def test_area_opening_equals_a_slow_one(speckled, min_area_px):
    slow = remove_small_objects(speckled, max_size=min_area_px - 1, connectivity=2)
    assert np.array_equal(area_opening(speckled, min_area_px), slow)


def test_area_opening_of_nothing_and_of_everything():
    assert not area_opening(np.zeros((9, 5), bool), 3).any()
    assert area_opening(np.ones((9, 5), bool), 3).all()


def test_stages_lead_to_the_result(speckled):
    named = dict(stages(speckled))
    assert list(named) == ["thresholded", "first_closing", "area_opening", "second_closing"]
    assert np.array_equal(named["thresholded"], speckled)
    assert np.array_equal(named["second_closing"], postprocess(speckled))
    assert all(mask.dtype == bool and mask.shape == speckled.shape for mask in named.values())


def test_options_reach_their_step(speckled):
    nothing = Postprocessing(first_closing_px=1, min_area_px=1, second_closing_px=1)
    assert np.array_equal(postprocess(speckled, nothing), speckled)
    assert not postprocess(speckled, Postprocessing(min_area_px=10**6)).any()
