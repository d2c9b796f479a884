"""Masks sorted into bins of confidence."""

from itertools import pairwise

import pytest

from simulations.reliability import BOUNDS, _Judged, binned


def test_masks_fall_into_the_bin_of_their_confidence_and_are_pooled_there() -> None:
    judged = [_Judged(0.95, 80, 100, 100), _Judged(1.0, 20, 20, 40), _Judged(0.55, 0, 50, 0)]
    made = binned(judged)
    assert [(one.low, one.high) for one in made] == list(pairwise(BOUNDS))
    assert [one.n for one in made] == [0, 1, 0, 0, 0, 2]
    best, doubtful = made[-1], made[1]
    assert best.confidence == pytest.approx(0.975)
    assert best.f1 == pytest.approx(2 * 100 / (120 + 140))
    assert best.iou == pytest.approx((80 / 120 + 20 / 40) / 2)
    assert (doubtful.iou, doubtful.f1) == (0, 0)
    assert made[0].f1 is None


def test_a_bound_belongs_to_the_bin_above_it() -> None:
    made = binned([_Judged(0.5, 1, 1, 1), _Judged(0.9, 1, 1, 1)])
    assert [one.n for one in made] == [0, 1, 0, 0, 0, 1]
