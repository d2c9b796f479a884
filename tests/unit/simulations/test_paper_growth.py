"""The growth protocol of the paper, and laws in millimetres."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from monitor.errors import UnknownNameError
from monitor.records import BoolArray, ByteArray
from simulations.growth import (
    FOOTPRINTS,
    accelerating,
    darkest_colour,
    paper_trajectory,
    seasonal,
    steady,
    step,
)

COLOUR = np.array([12, 34, 56], np.uint8)


@pytest.fixture
def background() -> ByteArray:
    return np.random.default_rng(0).integers(100, 250, (200, 260, 3), dtype=np.uint8)


@pytest.fixture
def crack_mask() -> BoolArray:
    """A level bar; its skeleton lies in row 100."""
    mask = np.zeros((200, 260), bool)
    mask[97:104, 60:200] = True
    return mask


@pytest.mark.parametrize(("footprint", "radius_px"), [("published", 2), ("paper", 5)])
def test_a_step_grows_the_skeleton_by_the_radius(
    background: ByteArray, crack_mask: BoolArray, footprint: str, radius_px: int
) -> None:
    heights = [frame.mask[:, 130].sum() for frame in paper_trajectory(background, crack_mask, COLOUR, footprint)]
    assert heights == [1 + 2 * radius_px * count for count in range(1, 7)]


@pytest.mark.parametrize(("footprint", "side_px", "pixels"), [("published", 5, 17), ("paper", 11, 89)])
def test_the_footprint_is_opencvs_ellipse(footprint: str, side_px: int, pixels: int) -> None:
    """`published`: 17 px of a 5 x 5 ellipse; `paper`: the text's radius 5, a side of 11."""
    dot = np.zeros((61, 61), bool)
    dot[30, 30] = True
    (frame,) = paper_trajectory(np.zeros((61, 61, 3), np.uint8), dot, COLOUR, footprint, steps=1)
    assert FOOTPRINTS[footprint] == side_px
    reach = side_px // 2
    found = frame.mask[30 - reach : 31 + reach, 30 - reach : 31 + reach]
    np.testing.assert_array_equal(found, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px)) > 0)
    assert frame.mask.sum() == found.sum() == pixels


def test_frames_show_the_mask_in_the_cracks_colour_and_the_wall_elsewhere(
    background: ByteArray, crack_mask: BoolArray
) -> None:
    before = background.copy(), crack_mask.copy()
    frames = list(paper_trajectory(background, crack_mask, COLOUR))
    assert len(frames) == 6
    for frame in frames:
        assert frame.mask.dtype == np.bool_
        assert (frame.image[frame.mask] == COLOUR).all()
        np.testing.assert_array_equal(frame.image[~frame.mask], background[~frame.mask])
    np.testing.assert_array_equal(background, before[0])
    np.testing.assert_array_equal(crack_mask, before[1])


def test_masks_only_grow(background: ByteArray, crack_mask: BoolArray) -> None:
    masks = [frame.mask for frame in paper_trajectory(background, crack_mask, COLOUR, steps=4)]
    assert len(masks) == 4
    for smaller, larger in pairwise(masks):
        assert (larger | ~smaller).all()
        assert larger.sum() > smaller.sum()


def test_an_unknown_footprint_lists_the_known_ones(background: ByteArray, crack_mask: BoolArray) -> None:
    with pytest.raises(UnknownNameError, match=r"'square'\. Known: paper, published"):
        list(paper_trajectory(background, crack_mask, COLOUR, "square"))


def test_the_darkest_colour_is_that_of_one_pixel(background: ByteArray) -> None:
    background[17, 40] = 3, 2, 1
    assert darkest_colour(background).tolist() == [3, 2, 1]


def test_laws_say_what_their_names_say() -> None:
    years = np.linspace(0, 2, 9)
    assert [steady(1.5, 2.4)(year) for year in years] == pytest.approx(1.5 + 2.4 * years)
    yearly = seasonal(2.5, 0.3, 1.2)
    assert yearly(0.25) == pytest.approx(2.5 + 0.3 + 0.3)
    assert yearly(1.4) - yearly(0.4) == pytest.approx(1.2)
    assert [step(1.0, 1.5, 0.58)(year) for year in (0, 0.57, 0.58, 2)] == [1.0, 1.0, 2.5, 2.5]
    speeding = accelerating(1.5, 0.6, 0.5)
    assert speeding(0) == 1.5
    rates = [(speeding(year + 1e-6) - speeding(year)) / 1e-6 for year in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([0.6, 1.2, 2.4], rel=1e-4)
