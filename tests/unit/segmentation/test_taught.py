"""A taught network's pixels count where the explanation points, and are followed from there."""

import warnings

import numpy as np
import pytest

from monitor.records import BoolArray, FloatArray
from monitor.segmentation import taught
from monitor.segmentation.taught import TaughtOptions, mean_of_seen

SHAPE = (80, 120)
OPTIONS = TaughtOptions(follow=0.5, reach_px=5, min_share=0.3, min_area_px=50)


def lines(**values: float) -> FloatArray:
    """Probabilities of three horizontal lines 3 px thick, from column 10 to 110, in rows 10, 40 and 70."""
    found = np.zeros(SHAPE, np.float32)
    for row, name in ((10, "first"), (40, "second"), (70, "third")):
        found[row - 1 : row + 2, 10:110] = values.get(name, 0.0)
    return found


def marked(*places: tuple[int, int]) -> BoolArray:
    found = np.zeros(SHAPE, bool)
    for place in places:
        found[place] = True
    return found


def crack_mask(
    probability: FloatArray,
    level: float,
    candidates: BoolArray,
    options: TaughtOptions,
    relevance: FloatArray | None = None,
    light: FloatArray | None = None,
) -> BoolArray:
    """On a bright wall that is dark where a crack is likely, explained everywhere, unless told otherwise."""
    everywhere = np.ones(SHAPE, np.float32) if relevance is None else relevance
    wall = np.where(probability > 0, 0.2, 0.7) if light is None else light
    gap = taught.gaps(wall, probability, level, options)
    return taught.crack_mask(gap, probability, level, everywhere, candidates, options)


def test_only_what_the_explanation_points_at_is_a_crack() -> None:
    mask = crack_mask(lines(first=0.9, second=0.9), 0.5, marked((44, 50)), OPTIONS)
    np.testing.assert_array_equal(mask, lines(second=1.0) > 0)


def test_what_lies_further_off_than_the_reach_is_not_pointed_at() -> None:
    assert not crack_mask(lines(first=0.9), 0.5, marked((17, 50)), OPTIONS).any()
    assert crack_mask(lines(first=0.9), 0.5, marked((16, 50)), OPTIONS).any()


def test_where_a_crack_is_known_the_explanation_need_not_point() -> None:
    seen, known = lines(first=0.9, second=0.9, third=0.3), np.zeros(SHAPE, bool)
    known[38:, 20:30] = True
    gap = taught.gaps(np.where(seen > 0, 0.2, 0.7), seen, 0.5, OPTIONS)
    mask = taught.crack_mask(gap, seen, 0.5, np.ones(SHAPE, np.float32), marked((10, 50)), OPTIONS, known)
    np.testing.assert_array_equal(mask, lines(first=1.0, second=1.0) > 0)  # the third does not look like a gap


def test_a_crack_is_followed_down_to_a_share_of_the_level() -> None:
    seen = lines(first=0.9)
    seen[:, 60:] *= 0.3 / 0.9
    mask = crack_mask(seen, 0.5, marked((10, 20)), OPTIONS)
    np.testing.assert_array_equal(mask, lines(first=1.0) > 0)
    mask = crack_mask(seen, 0.7, marked((10, 20)), OPTIONS)
    assert not mask[:, 60:].any()
    assert mask[10, 10:60].all()


def test_a_faint_crack_does_not_begin_anywhere() -> None:
    assert not crack_mask(lines(first=0.4), 0.5, marked((10, 20)), OPTIONS).any()


def test_what_the_explanation_hardly_points_at_is_no_crack() -> None:
    relevance = np.where(np.arange(SHAPE[0])[:, None] < 25, 1.0, 0.2) * np.ones(SHAPE)
    seen, both = lines(first=0.9, second=0.9), marked((10, 50), (40, 50))
    mask = crack_mask(seen, 0.5, both, OPTIONS, np.asarray(relevance, np.float32))
    np.testing.assert_array_equal(mask, lines(first=1.0) > 0)
    assert crack_mask(seen, 0.5, both, TaughtOptions(min_share=0.1), np.asarray(relevance, np.float32))[40, 50]


def test_small_pieces_go() -> None:
    seen = np.zeros(SHAPE, np.float32)
    seen[30:33, 30:46] = 1.0
    assert not crack_mask(seen, 0.5, marked((31, 33)), OPTIONS).any()
    seen[30:33, 30:47] = 1.0
    assert crack_mask(seen, 0.5, marked((31, 33)), OPTIONS).sum() == 51


@pytest.mark.parametrize("width_px", [3, 9, 41])
def test_a_gap_has_two_lips_and_the_edge_of_the_wall_has_one(width_px: int) -> None:
    seen = np.zeros(SHAPE, np.float32)
    seen[20 : 20 + width_px] = 0.9
    gap = np.where(seen > 0, 0.1, 0.6)
    beyond = np.where(np.arange(SHAPE[0])[:, None] >= 20, 0.1, 0.6) * np.ones(SHAPE)
    assert crack_mask(seen, 0.5, marked((21, 50)), OPTIONS, light=gap)[20 : 20 + width_px].all()
    assert not crack_mask(seen, 0.5, marked((21, 50)), OPTIONS, light=beyond).any()


@pytest.mark.parametrize(("width_px", "inside", "stays"), [(9, 0.1, True), (9, 0.4, False), (3, 0.4, True)])
def test_a_wide_gap_is_black_inside_and_a_joint_shows_its_mortar(width_px: int, inside: float, stays: bool) -> None:
    """Light gets into the picture of a narrow gap by blur, so that nothing can be said of it."""
    seen = np.zeros(SHAPE, np.float32)
    seen[20 : 20 + width_px] = 0.9
    light = np.where(seen > 0, inside, 0.6)
    assert crack_mask(seen, 0.5, marked((21, 50)), OPTIONS, light=light).any() == stays


def test_a_mask_that_does_not_fill_its_gap_stays() -> None:
    gap = np.where(np.abs(np.arange(SHAPE[0])[:, None] - 40) <= 3, 0.1, 0.6) * np.ones(SHAPE)
    seen = lines(second=0.9)
    np.testing.assert_array_equal(crack_mask(seen, 0.5, marked((40, 50)), OPTIONS, light=gap), seen > 0)


def test_what_a_wide_gap_encloses_is_a_part_of_it_where_it_is_as_dark() -> None:
    """A network sees nothing inside of a black gap, and gives up a hole, a notch, a whole piece of its length."""
    gap = np.abs(np.arange(SHAPE[0])[:, None] - 40) <= 10
    light = np.where(gap, 0.1, 0.6) * np.ones(SHAPE)
    stone = np.s_[36:44, 100:108]
    light[stone] = 0.5
    seen = np.where(gap, 0.9, 0.0) * np.ones(SHAPE)
    seen[stone] = 0
    whole = seen > 0
    for given_up in (np.s_[38:44, 20:28], np.s_[40:, 40:46], np.s_[:, 60:70]):
        seen[given_up] = 0
    mask = crack_mask(seen, 0.5, marked((40, 10)), OPTIONS, light=light)
    assert np.count_nonzero(mask != whole) <= 30, "only corners, of 380 px given up"


@pytest.mark.parametrize(("first_px", "last_px", "stays"), [(15, 45, False), (15, 105, True), (0, 30, True)])
def test_a_crack_is_longer_than_wide_unless_it_leaves_the_picture(first_px: int, last_px: int, stays: bool) -> None:
    light = np.full(SHAPE, 0.6)
    light[30:50, first_px:last_px] = 0.1
    mask = crack_mask((light < 0.5) * 0.9, 0.5, marked((40, 20)), OPTIONS, light=light)
    np.testing.assert_array_equal(mask, (light < 0.5) & stays)


def test_what_fills_the_whole_picture_is_no_crack() -> None:
    dark = np.full(SHAPE, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not crack_mask(np.full(SHAPE, 0.9), 0.5, marked((40, 10)), OPTIONS, light=dark).any()


def test_the_wall_beside_a_wide_gap_is_no_part_of_it() -> None:
    light = np.full(SHAPE, 0.6)
    light[30:50, :60] = light[20:60, 50:60] = 0.1
    mask = crack_mask((light < 0.5) * 0.9, 0.5, marked((40, 10)), OPTIONS, light=light)
    np.testing.assert_array_equal(mask, light < 0.5)


def test_without_candidates_the_mask_is_empty() -> None:
    assert not crack_mask(lines(first=1.0), 0.5, marked(), OPTIONS).any()


def test_the_mean_is_that_of_the_patches_seen() -> None:
    total, share = np.array([[0.0, 0.2, 0.5]], np.float32), np.array([[0.0, 0.25, 1.0]], np.float32)
    np.testing.assert_allclose(mean_of_seen(total, share), [[0.0, 0.8, 0.5]], rtol=1e-6)
