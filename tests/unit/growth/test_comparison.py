"""Two recipes on the same captures: known offsets, intervals that hold, and refusal of too few."""

import numpy as np
import pytest

from monitor.growth.comparison import COMPARISON_N, compare
from monitor.records import Offset


def offset(differences: list[float], confidence: float = 0.9) -> Offset:
    """Of captures that the old recipe reads as 10, 11, ... px."""
    old = 10.0 + np.arange(len(differences))
    return compare(list(old), list(old + differences), metric="max_width_px", unit="px", confidence=confidence)


def test_offset_interval_and_spread_of_known_differences() -> None:
    """By hand: of nine, the second from either end bounds the median at 90 % (binomial: 96 %)."""
    found = offset([0.3, 0.1, 0.9, 0.5, 0.4, 0.2, 0.6, 0.8, 0.7])
    assert (found.metric, found.unit, found.n, found.confidence) == ("max_width_px", "px", 9, 0.9)
    assert (found.median, found.low, found.high) == pytest.approx((0.5, 0.2, 0.8))
    assert found.spread == pytest.approx(0.2 / 0.67449, rel=1e-4)
    assert found.message is None


def test_new_minus_old_and_nothing_where_both_read_alike() -> None:
    lower = offset([-0.5] * 6)
    assert (lower.median, lower.low, lower.high, lower.spread) == pytest.approx((-0.5, -0.5, -0.5, 0.0))
    alike = offset([0.0] * 6)
    assert (alike.median, alike.low, alike.high, alike.spread) == (0.0, 0.0, 0.0, 0.0)


def test_one_wild_reading_moves_neither_offset_nor_spread_much() -> None:
    calm = [0.3, 0.1, 0.9, 0.5, 0.4, 0.2, 0.6, 0.8, 0.7]
    wild = offset([*calm[:-1], 500.0])
    assert wild.median == pytest.approx(0.5)
    assert wild.spread is not None
    assert wild.spread < 0.5


@pytest.mark.parametrize("n", range(COMPARISON_N))
def test_too_few_captures_are_refused_with_the_number_needed(n: int) -> None:
    found = offset([0.1] * n)
    assert (found.n, found.median, found.low, found.high, found.spread) == (n, None, None, None, None)
    assert found.message == f"an offset is told from 5 captures on that are measured under both recipes; there are {n}"


def test_a_higher_confidence_needs_more_captures_and_is_wider() -> None:
    assert offset([0.1] * 7, confidence=0.99).message is not None
    few = offset(list(np.arange(8.0)), confidence=0.99)
    assert (few.low, few.high) == (0.0, 7.0)
    usual = offset(list(np.arange(8.0)))
    assert (usual.low, usual.high) == (1.0, 6.0)


@pytest.mark.parametrize("n", [5, 8, 13, 30])
def test_the_interval_holds_the_true_median_at_least_as_often_as_it_says(n: int) -> None:
    """Of skewed differences (exponential), whose median is ln 2."""
    rng = np.random.default_rng(n)
    found = [offset(list(rng.exponential(size=n))) for _ in range(1500)]
    covered = np.mean([one.low <= np.log(2) <= one.high for one in found])
    assert covered >= 0.885


def test_the_spread_is_the_standard_deviation_of_normal_differences() -> None:
    differences = np.random.default_rng(1).normal(2.0, 0.3, 4000)
    assert offset(list(differences)).spread == pytest.approx(0.3, rel=0.05)
