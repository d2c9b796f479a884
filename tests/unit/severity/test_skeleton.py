"""Length and centrelines against shapes drawn with a known course."""

import cv2
import numpy as np
import pytest
from drawn_shapes import arc, bar, disc, half_bar
from scipy.ndimage import distance_transform_edt

from monitor.severity.skeleton import _thin, centreline, distances_px, length_px

TOLERANCE = 0.03
ANGLES_DEG = (*np.arange(0, 180, 7.5), 0.3, 1.0, 2.0, 26.565, 44.0, 45.5, 63.435, 89.4)


@pytest.mark.parametrize("width_px", [1, 1.5, 2, 3, 5, 7, 9])
@pytest.mark.parametrize(("ends", "bar_px"), [("flat", 60), ("round", 60), ("flat", 110), ("flat", 200)])
def test_a_bar_has_its_length_at_any_angle_and_offset(width_px, ends, bar_px):
    rng = np.random.default_rng(round(10 * width_px))
    truth_px = bar_px + (width_px if ends == "round" else 0)
    errors = {}
    for angle_deg in ANGLES_DEG:
        for offset in ((0.0, 0.0), tuple(rng.uniform(-0.5, 0.5, 2))):
            errors[angle_deg, offset] = length_px(bar(width_px, bar_px, angle_deg, offset, ends)) / truth_px - 1
    worst = max(errors, key=lambda case: abs(errors[case]))
    assert abs(errors[worst]) <= TOLERANCE, f"{worst}: {errors[worst]:+.1%}"
    assert abs(np.mean(list(errors.values()))) <= 0.015


def test_branches_add_up():
    crossing = bar(5, 160, 20) | bar(5, 120, 95)
    assert length_px(crossing) == pytest.approx(280, rel=TOLERANCE)
    tee = bar(5, 160, 20) | half_bar(5, 70, 110)
    assert length_px(tee) == pytest.approx(230, rel=TOLERANCE)
    assert len(centreline(tee).branches) == 3


def test_curves_and_rings():
    assert length_px(arc(5, 80, 20, 140)) == pytest.approx(80 * np.deg2rad(120), rel=TOLERANCE)
    ring = centreline(arc(5, 80, 0, 360))
    assert ring.length_px == pytest.approx(2 * np.pi * 80, rel=TOLERANCE)
    (branch,) = ring.branches
    assert np.array_equal(branch.points[0], branch.points[-1])
    assert not branch.junction_at_start
    assert not branch.junction_at_end


def test_a_round_hole_is_as_long_as_wide():
    assert length_px(disc(30)) == pytest.approx(30, abs=6)


def test_bumps_of_the_rim_are_no_branches():
    mask = bar(9, 180, 0)
    mask[120:124, ::16] |= mask[124, ::16]
    assert len(centreline(mask).branches) == 1
    assert length_px(mask) == pytest.approx(180, rel=TOLERANCE)


def test_points_run_along_the_axis_and_half_widths_match():
    mask = bar(7, 150, 33, (0.3, -0.2))
    (branch,) = centreline(mask).branches
    axis = np.array([np.sin(np.deg2rad(33)), np.cos(np.deg2rad(33))])
    from_centre = branch.points - (128.3, 127.8)
    across = from_centre @ (axis[1], -axis[0])
    assert np.abs(across).max() <= 1.0
    assert branch.half_width_px.shape == (len(branch.points),)
    assert np.median(branch.half_width_px) == pytest.approx(3.5, abs=0.75)
    steps = np.hypot(*np.diff(branch.points, axis=0).T)
    assert steps.max() <= 1.5


def test_place_and_border_of_the_picture_do_not_matter():
    mask = np.zeros((90, 240), bool)
    mask[40:44, 30:200] = True
    assert length_px(mask) == length_px(mask[40:44, 30:200])
    assert length_px(mask) == pytest.approx(length_px(mask.T), abs=1)


def test_degenerate_masks():
    assert centreline(np.zeros((7, 9), bool)).branches == ()
    assert length_px(np.zeros((7, 9), bool)) == 0.0
    single = np.zeros((7, 9), bool)
    single[3, 4] = True
    assert length_px(single) == 1.0
    assert length_px(np.ones((1, 50), bool)) == pytest.approx(50, abs=1.5)
    assert length_px(np.ones((64, 64), bool)) > 0


def test_any_mask_gives_finite_repeatable_centrelines():
    rng = np.random.default_rng(5)
    for _ in range(60):
        mask = rng.random(rng.integers(1, 40, 2)) < rng.random()
        first, again = centreline(mask), centreline(mask)
        assert np.isfinite(first.length_px)
        assert first.length_px == again.length_px
        assert bool(first.branches) == bool(mask.any())
        assert all(len(branch.points) >= 2 for branch in first.branches)


def test_distances_are_the_same_to_the_last_digit():
    """OpenCV's own differ there from one place in memory to the next."""
    inside = disc(101) | bar(9, 160, 30)
    rows, cols = np.nonzero(inside)
    assert np.array_equal(distances_px(inside.view(np.uint8), rows, cols), distance_transform_edt(inside)[rows, cols])


def test_three_neighbours_mean_a_junction():
    """No pixel of a skeleton is the corner of a staircase, which could go without breaking anything."""
    corner = np.array([[0, 1, 0], [-1, 1, 1], [-1, -1, 0]])
    rng = np.random.default_rng(8)
    for share in np.linspace(0.2, 0.9, 40):
        skeleton = np.zeros((42, 42), np.uint8)
        inside = np.pad(rng.random((40, 40)) < share, 1).astype(np.uint8)
        skeleton.reshape(-1)[_thin(inside)] = 1
        assert not any(cv2.morphologyEx(skeleton, cv2.MORPH_HITMISS, np.rot90(corner, k)).any() for k in range(4))
