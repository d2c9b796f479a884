"""Confidence in a mask: high where classifier and segmenter are sure and agree, low where one of them is not."""

import numpy as np
import pytest

from monitor.segmentation.confidence import BesideOptions, confidence_in, sure_cracks

SHAPE = (60, 80)


def scene(
    probability: float = 0.95, seen: float = 0.9, missed_rows: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two cracks of 200 and 100 px; what looks like a gap besides lies in `missed_rows` of 60 px each."""
    mask = np.zeros(SHAPE, bool)
    mask[10:15, 10:50] = True
    mask[40:45, 10:30] = True
    gaping = np.where(mask, seen, 0.02)
    gaping[50 : 50 + missed_rows, 10:70] = 0.8
    return mask, gaping > 0.5, np.full(SHAPE, probability), gaping


def test_a_photo_is_as_sure_as_all_three_opinions_together() -> None:
    sure = confidence_in(*scene(), least_px=50)
    assert (sure.probability, sure.seen, sure.agreed) == pytest.approx((0.95, 0.9, 1.0))
    assert sure.value == pytest.approx((0.95 * 0.9) ** (1 / 3))
    assert sure.of_cracks == pytest.approx((sure.value, sure.value))


@pytest.mark.parametrize("worse", [{"probability": 0.6}, {"seen": 0.55}, {"missed_rows": 5}])
def test_each_doubt_lowers_it(worse: dict[str, float]) -> None:
    assert confidence_in(*scene(**worse), least_px=50).value < confidence_in(*scene(), least_px=50).value - 0.05


def test_a_doubtful_crack_beside_a_clear_one_is_told_apart() -> None:
    mask, gap, probability, gaping = scene()
    gaping[40:45, 10:30] = 0.5
    probability[30:] = 0.6
    large, small = confidence_in(mask, gap, probability, gaping, least_px=50).of_cracks
    assert large == pytest.approx((0.95 * 0.9) ** (1 / 3))
    assert small == pytest.approx((0.6 * 0.5) ** (1 / 3))


def test_specks_are_no_cracks_and_an_empty_mask_is_sure_of_nothing() -> None:
    mask, gap, probability, gaping = scene()
    mask[0:3, 0:3] = True
    assert len(confidence_in(mask, gap, probability, gaping, least_px=50).of_cracks) == 2
    assert confidence_in(np.zeros(SHAPE, bool), gap, probability, gaping, least_px=50).value == 0


def test_a_doubtful_crack_is_left_out_where_another_one_is_sure() -> None:
    mask, gap, probability, gaping = scene()
    gaping[40:45, 10:30] = 0.1
    mask[0:3, 0:3] = True
    sure = confidence_in(mask, gap, probability, gaping, least_px=50)
    kept, of_kept = sure_cracks(mask, sure, 0.5, least_px=50)
    np.testing.assert_array_equal(kept, scene()[0] & (np.arange(SHAPE[0])[:, None] < 30))
    assert of_kept.of_cracks == sure.of_cracks[:1]
    assert of_kept.value == sure.value


@pytest.mark.parametrize("least", [0.0, 0.99])
def test_where_all_are_sure_or_none_is_all_stay(least: float) -> None:
    mask, gap, probability, gaping = scene()
    sure = confidence_in(mask, gap, probability, gaping, least_px=50)
    assert sure_cracks(mask, sure, least, least_px=50) == (mask, sure)  # the very same


def row_of_pieces(seen: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of 30 px length and 5 px height, 20 px apart, and what the segmenter sees in each."""
    mask, gaping = np.zeros((30, 50 * len(seen)), bool), np.zeros((30, 50 * len(seen)))
    for place, value in enumerate(seen):
        mask[10:15, 50 * place : 50 * place + 30] = True
        gaping[10:15, 50 * place : 50 * place + 30] = value
    return mask, gaping


@pytest.mark.parametrize(
    ("seen", "stays"),
    [
        ((0.95, 0.5, 0.5), [True, True, True]),  # the crack goes on, piece by piece
        ((0.95, 0.1, 0.5), [True, False, False]),  # what goes on from nothing
        ((0.95, 0.9, 0.5), [True, True, True]),
        ((0.7, 0.5, 0.5), [True, True, True]),
    ],
)
def test_what_is_much_less_sure_stays_where_it_goes_on_from_a_surer_crack(
    seen: tuple[float, ...], stays: list[bool]
) -> None:
    mask, gaping = row_of_pieces(seen)
    sure = confidence_in(mask, mask, np.full(mask.shape, 0.9), gaping, least_px=50)
    kept, of_kept = sure_cracks(mask, sure, 0.5, 50, BesideOptions(least_share=0.9, near_px=25))
    assert [bool(kept[12, 50 * place + 15]) for place in range(3)] == stays
    assert len(of_kept.of_cracks) == sum(stays)


def test_what_is_much_less_sure_and_far_away_is_left_out() -> None:
    mask, gaping = row_of_pieces((0.95, 0.5, 0.9))
    sure = confidence_in(mask, mask, np.full(mask.shape, 0.9), gaping, least_px=50)
    kept, of_kept = sure_cracks(mask, sure, 0.5, 50, BesideOptions(least_share=0.9, near_px=15))
    assert [bool(kept[12, 50 * place + 15]) for place in range(3)] == [True, False, True]
    assert of_kept.of_cracks == (sure.of_cracks[0], sure.of_cracks[2])


def test_what_the_reference_shows_stays_beside_surer_cracks() -> None:
    mask, gaping = row_of_pieces((0.95, 0.5, 0.5))
    sure = confidence_in(mask, mask, np.full(mask.shape, 0.9), gaping, least_px=50)
    known = np.zeros_like(mask)
    known[12, 50:80] = True  # a fifth of the second piece
    known[10:15, 100:116] = True  # more than half of the third
    kept, of_kept = sure_cracks(mask, sure, 0.5, 50, BesideOptions(least_share=0.9, near_px=15), known)
    assert [bool(kept[12, 50 * place + 15]) for place in range(3)] == [True, False, True]
    assert len(of_kept.of_cracks) == 2
