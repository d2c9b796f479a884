"""The dark gap in profiles: known openings come back, whatever the blur, the light and the stone beside it."""

import numpy as np
import pytest
from scipy.special import ndtr

from monitor.opening.gaps import Ground, fit_gaps, ground_of, of_one_ground

OFFSETS = np.arange(-32, 33) * 0.5
DARK = Ground(0.1, 0.02)


def drawn(opening_px, blur_px=0.8, left=150.0, right=150.0, ground=0.1, middle=0.0, count=40, noise=1.0, seed=0):
    """Profiles (count, m) of a gap of that opening between two flanks, seen through a camera."""
    wall = ndtr(-(OFFSETS - middle + opening_px / 2) / blur_px), ndtr((OFFSETS - middle - opening_px / 2) / blur_px)
    light = max(left, right)
    profile = left * wall[0] + right * wall[1] + ground * light * (1 - wall[0] - wall[1])
    return profile + np.random.default_rng(seed).normal(0, noise, (count, len(OFFSETS)))


@pytest.mark.parametrize("opening_px", [0.0, 0.4, 1.0, 2.0, 3.3, 5.0, 9.7, 16.0])
@pytest.mark.parametrize("blur_px", [0.5, 0.9, 1.5])
def test_a_known_opening_comes_back(opening_px, blur_px):
    found = fit_gaps(drawn(opening_px, blur_px), OFFSETS, DARK)
    assert np.mean(found.opening_px) == pytest.approx(opening_px, abs=0.1 + 0.02 * opening_px)


@pytest.mark.parametrize("opening_px", [1.5, 4.0])
def test_brick_on_one_side_and_mortar_on_the_other_do_not_matter(opening_px):
    found = fit_gaps(drawn(opening_px, left=90, right=180, ground=0.06), OFFSETS, Ground(0.06, 0.02))
    assert np.mean(found.opening_px) == pytest.approx(opening_px, abs=0.25)


def test_light_does_not_change_the_opening():
    bright, dim = (fit_gaps(drawn(3.0, left=level, right=level), OFFSETS, DARK) for level in (200.0, 60.0))
    assert np.mean(bright.opening_px) == pytest.approx(np.mean(dim.opening_px), abs=0.05)


def test_a_gap_beside_the_course_is_found_where_it_is():
    found = fit_gaps(drawn(4.0, middle=2.3), OFFSETS, DARK)
    assert np.mean(found.middle_px) == pytest.approx(2.3, abs=0.1)


def test_the_standard_error_is_as_large_as_the_scatter():
    found = fit_gaps(drawn(4.0, count=400, noise=8.0), OFFSETS, DARK)
    assert 0.5 < np.median(found.standard_error_px) / np.std(found.opening_px) < 3


def test_the_ground_is_learnt_from_wide_places_only():
    assert ground_of([fit_gaps(drawn(1.0), OFFSETS)]) is None
    known = ground_of([fit_gaps(drawn(8.0, ground=0.22), OFFSETS)])
    assert known.share == pytest.approx(0.22, abs=0.02)


def test_a_known_ground_makes_thin_gaps_right():
    wrong = np.mean(fit_gaps(drawn(1.2, ground=0.4), OFFSETS).opening_px)
    right = np.mean(fit_gaps(drawn(1.2, ground=0.4), OFFSETS, Ground(0.4, 0.02)).opening_px)
    assert abs(right - 1.2) < 0.1 < abs(wrong - 1.2)


def test_profiles_beyond_the_picture_are_not_measured():
    profiles = drawn(3.0)
    profiles[3, :20] = np.nan
    found = fit_gaps(profiles, OFFSETS, DARK)
    assert np.isnan(found.opening_px[3])
    assert np.isfinite(np.delete(found.opening_px, 3)).all()
    assert np.isnan(fit_gaps(np.full((2, len(OFFSETS)), np.nan), OFFSETS).opening_px).all()


def test_a_dark_joint_beside_the_crack_is_not_its_ground():
    crack, joint = drawn(5.0, ground=0.05, count=30), drawn(5.0, ground=0.5, count=10)
    free = [fit_gaps(np.concatenate([crack, joint]), OFFSETS)] * 2
    np.testing.assert_array_equal(of_one_ground(free), [True] * 30 + [False] * 10)


def test_a_ground_that_varies_a_little_is_one_and_what_was_not_seen_counts():
    varied = np.concatenate([drawn(5.0, ground=ground, count=8) for ground in (0.05, 0.1, 0.15)])
    assert of_one_ground([fit_gaps(varied, OFFSETS)]).all()
    hidden = np.full((12, len(OFFSETS)), np.nan)
    assert of_one_ground([fit_gaps(hidden, OFFSETS)]).all()


def test_many_gaps_tell_a_blur_that_binds_the_rest_of_the_crack_and_few_do_not():
    many, few = (fit_gaps(drawn(4.0, 1.6, count=count), OFFSETS, DARK) for count in (60, 12))
    assert many.blur_told
    assert many.blur_px == pytest.approx(1.6, abs=0.15)
    assert not few.blur_told
    given = fit_gaps(drawn(4.0, 1.6, count=12), OFFSETS, DARK, blur_px=1.2)
    assert (given.blur_px, given.blur_told) == (1.2, True)
    unseen = fit_gaps(np.full((5, len(OFFSETS)), np.nan), OFFSETS, DARK)
    assert not unseen.blur_told


def test_gaps_followed_by_others_are_all_of_them_in_their_order():
    first, second = fit_gaps(drawn(3.0, count=50), OFFSETS, DARK), fit_gaps(drawn(6.0, count=9), OFFSETS, DARK)
    both = first.followed_by(second)
    np.testing.assert_array_equal(both.opening_px, [*first.opening_px, *second.opening_px])
    assert both.blur_px == second.blur_px
