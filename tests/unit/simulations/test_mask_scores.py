"""Masks are scored as their definitions say."""

import numpy as np
import pytest
import torch

from monitor.networks.weights import Segmenter
from monitor.records import BoolArray
from simulations.mask_scores import by_oracle, joints_marked, score_masks

SHAPE = (60, 100)


def bar(first_row: int, rows: int, first_col: int = 10, cols: int = 80) -> BoolArray:
    found = np.zeros(SHAPE, bool)
    found[first_row : first_row + rows, first_col : first_col + cols] = True
    return found


def test_the_truth_itself_scores_one() -> None:
    found = score_masks([bar(20, 4), bar(30, 6)], [bar(20, 4), bar(30, 6)])
    assert (found.n, found.empty) == (2, 0)
    assert (found.f1, found.f1_low, found.f1_high) == (1.0, 1.0, 1.0)
    assert (found.precision, found.recall, found.iou) == (1.0, 1.0, 1.0)
    assert (found.area_mape_percent, found.width_mape_percent) == (0.0, 0.0)


def test_pixels_of_all_photos_are_pooled() -> None:
    """Half of a crack of 320 px, and all of one of 640 px: 800 of 800 marked are right, of 960 px they show 800."""
    found = score_masks([bar(20, 2), bar(30, 8)], [bar(20, 4), bar(30, 8)])
    assert found.precision == 1.0
    assert found.recall == pytest.approx(800 / 960)
    assert found.iou == pytest.approx(800 / 960)
    assert found.f1 == pytest.approx(2 * 800 / (800 + 960))
    assert found.area_mape_percent == pytest.approx(25)
    assert found.f1_low < found.f1 < found.f1_high


def test_an_empty_mask_misses_everything_and_breaks_nothing() -> None:
    found = score_masks([np.zeros(SHAPE, bool)], [bar(20, 4)])
    assert (found.empty, found.f1, found.precision, found.recall) == (1, 0.0, 0.0, 0.0)
    assert (found.area_mape_percent, found.width_mape_percent) == (100.0, 100.0)


@pytest.mark.parametrize(("tolerance_px", "f1"), [(0, 0.0), (2, 0.0), (3, 1.0)])
def test_within_the_tolerance_a_line_beside_the_crack_is_right(tolerance_px: int, f1: float) -> None:
    assert score_masks([bar(23, 1)], [bar(20, 1)], tolerance_px).f1 == pytest.approx(f1)


def test_of_a_joint_that_length_counts_which_the_mask_covers() -> None:
    nothing, joint = np.zeros(SHAPE, bool), bar(20, 5)
    assert joints_marked([nothing], [joint], [nothing]) == 0
    assert joints_marked([bar(20, 5, 10, 40)], [joint], [nothing]) == pytest.approx(0.5, abs=0.05)


def test_where_a_crack_runs_along_it_a_joint_does_not_count() -> None:
    joint = bar(20, 5)
    crack = bar(22, 2, 10, 40)
    assert joints_marked([crack], [joint], [crack]) < 0.02


def test_the_oracle_marks_what_it_sees_in_the_whole_photo_but_for_specks() -> None:
    class Dark(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            return 40 * (0.4 - patches.mean(dim=1, keepdim=True)) + self.nothing

    truth, speck = bar(20, 4, 5, 90), bar(40, 3, 50, 3)
    photo = np.repeat(np.where(truth | speck, 40, 200)[..., None], 3, axis=2).astype(np.uint8)
    marked = by_oracle(Segmenter("oracle", Dark(), 0.5, "7" * 64), patch_px=32, overlap_px=8)(photo)
    np.testing.assert_array_equal(marked, truth)
