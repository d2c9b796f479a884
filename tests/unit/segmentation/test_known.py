"""Where the reference shows a crack, its repeats are believed sooner, and nowhere else."""

import numpy as np
import pytest

from monitor.segmentation.known import KnownOptions


def test_only_patches_that_show_a_known_crack_are_believed_sooner() -> None:
    options = KnownOptions(weight=1.0, least_share=0.1)
    told = options.remembered(np.array([0.5, 0.5, 0.0, 1.0]), np.array([0.05, 0.1, 0.5, 0.5]))
    assert told == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 0.0, 1.0])


def test_at_the_shipped_threshold_it_takes_what_is_not_called_clearly_sound() -> None:
    told = KnownOptions().remembered(np.array([0.34, 0.37]), np.ones(2))
    assert told[0] < 0.6 < told[1]


def test_a_reference_without_a_crack_knows_nothing() -> None:
    options = KnownOptions(near_px=2)
    assert options.around(None) is None
    assert options.around(np.zeros((9, 9), bool)) is None
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert (around := options.around(mask)) is not None
    assert around.sum() == 25
