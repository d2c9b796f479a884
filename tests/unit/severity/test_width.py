"""Width methods against shapes drawn with a known width."""

import numpy as np
import pytest
from drawn_shapes import CENTRE, arc, bar, disc, half_bar, tapered

from monitor.errors import MisuseError
from monitor.severity.skeleton import centreline
from monitor.severity.width import edge_width_px, published_width_px

TOLERANCE_PX = 0.7
#: Multiples of 15 degrees, near misses of the axes and diagonals, and slopes of 1/2 and 2.
ANGLES_DEG = (*range(0, 180, 15), 0.3, 1.0, 2.0, 5.0, 22.5, 26.565, 44.0, 45.5, 63.435, 89.4, 90.2, 178.0)


def edge(mask):
    return edge_width_px(mask, centreline(mask))


def published(mask, seed=0):
    return published_width_px(mask, centreline(mask), np.random.default_rng(seed))


@pytest.mark.parametrize("width_px", [1, 2, 3, 4, 6, 9, 13, 18, 27, 33, 40])
@pytest.mark.parametrize(("ends", "length_px"), [("flat", 80), ("round", 200)])
def test_a_bar_has_its_width_at_any_angle_and_offset(width_px, ends, length_px):
    rng = np.random.default_rng(width_px)
    errors = {}
    for angle_deg in ANGLES_DEG:
        for offset in ((0.0, 0.0), (0.5, 0.5), tuple(rng.uniform(-0.5, 0.5, 2))):
            measured = edge(bar(width_px, length_px, angle_deg, offset, ends))
            errors[angle_deg, offset] = measured - width_px
    worst = max(errors, key=lambda case: abs(errors[case]))
    assert abs(errors[worst]) <= TOLERANCE_PX, f"{worst}: {errors[worst]:+.2f} px"
    assert abs(np.mean(list(errors.values()))) <= 0.15


@pytest.mark.parametrize(
    ("angle_deg", "worst_px", "bias_px"),
    [(0, 1.3, 0.6), (90, 1.3, 0.6), (7, 0.7, 0.2), (33, 0.7, 0.2), (45, 0.7, 0.2)],
)
def test_widths_between_whole_numbers_are_off_along_pixel_rows_only(angle_deg, worst_px, bias_px):
    """Along the rows a bar of any width between two odd numbers may cover the same pixels."""
    rng = np.random.default_rng(0)
    widths = rng.uniform(1, 40, 60)
    errors = [edge(bar(width, 160, angle_deg, tuple(rng.uniform(-0.5, 0.5, 2)))) - width for width in widths]
    assert np.abs(errors).max() <= worst_px
    assert abs(np.mean(errors)) <= bias_px


@pytest.mark.parametrize("width_px", [1, 3, 8, 20, 25])
@pytest.mark.parametrize("between_deg", [35, 45, 60, 90])
def test_a_junction_is_no_wider_than_its_branches(width_px, between_deg):
    rng = np.random.default_rng(width_px + between_deg)
    for angle_deg in (0.0, *rng.uniform(0, 180, 3)):
        offset = rng.uniform(-0.5, 0.5, 2)
        main = bar(width_px, 220, angle_deg, offset)
        for branch in (bar, half_bar):
            length_px = 220 if branch is bar else 110
            joined = main | branch(width_px, length_px, angle_deg + between_deg, offset)
            assert edge(joined) == pytest.approx(width_px, abs=TOLERANCE_PX), (branch.__name__, angle_deg)


@pytest.mark.parametrize(("width_px", "radius_px"), [(1, 40), (5, 40), (19, 40), (2, 80), (30, 80)])
def test_a_curved_bar_has_its_width(width_px, radius_px):
    for from_deg in (0.0, 17.0, 120.0):
        mask = arc(width_px, radius_px, from_deg, from_deg + 200)
        assert edge(mask) == pytest.approx(width_px, abs=TOLERANCE_PX)


@pytest.mark.parametrize("width_px", [6, 12, 30])
def test_a_tapered_bar_counts_where_it_is_thick(width_px):
    for angle_deg in (0.0, 31.0, 45.0, 100.0):
        measured = edge(tapered(width_px, 200, angle_deg, (0.2, -0.3)))
        averaged_away_px = width_px * 15 / 4 / 100
        assert width_px - averaged_away_px - TOLERANCE_PX <= measured <= width_px + TOLERANCE_PX


def test_a_few_ragged_pixels_are_no_width():
    mask = bar(6, 160, 90)
    mask[CENTRE, CENTRE : CENTRE + 12] = True
    assert edge(mask) <= 6 + 1.0


def test_two_parallel_cracks_are_measured_apart():
    both = bar(5, 160, 30, (0.0, -9.0)) | bar(5, 160, 30, (0.0, 9.0))
    assert edge(both) == pytest.approx(5, abs=TOLERANCE_PX)


def test_the_wider_of_two_cracks_counts():
    both = bar(3, 160, 0, (-60.0, 0.0)) | bar(11, 160, 0, (60.0, 0.0))
    assert edge(both) == pytest.approx(11, abs=TOLERANCE_PX)


def test_a_crack_cut_by_the_picture_edge_keeps_its_width():
    assert edge(bar(9, 400, 30)) == pytest.approx(9, abs=TOLERANCE_PX)


def test_a_net_without_a_clear_stretch_still_has_about_its_width():
    net = bar(6, 70, 0) | bar(6, 70, 90)
    for shift_px in (-20.0, 20.0):
        net |= bar(6, 70, 0, (shift_px, 0.0)) | bar(6, 70, 90, (0.0, shift_px))
    assert edge(net) == pytest.approx(6, abs=1.5)


def test_degenerate_masks():
    assert edge(np.zeros((20, 30), bool)) == 0.0
    assert edge(disc(20)) == pytest.approx(20, abs=3)
    assert edge(np.ones((64, 64), bool)) > 0


def test_published_agrees_on_plain_bars_and_saturates():
    """The published window is 40 px: good for thin cracks, blind beyond."""
    assert published(bar(8, 160, 30)) == pytest.approx(8, abs=1.5)
    assert published(bar(60, 200, 30)) < 45


def test_published_is_right_on_oblong_pictures():
    mask = np.zeros((80, 300), bool)
    mask[37:43, 20:280] = True
    assert published(mask) == pytest.approx(published(mask.T), abs=0.3)
    assert published(mask) == pytest.approx(6, abs=1)


def test_published_repeats_only_with_its_seed_and_needs_one():
    mask = tapered(20, 200, 20)
    assert published(mask, seed=3) == published(mask, seed=3)
    with pytest.raises(MisuseError, match="rng"):
        published_width_px(mask, centreline(mask), None)
