"""Sizes by the light across a mask: right where the mask is too wide, and the mask's own where light says nothing."""

import cv2
import numpy as np
import pytest

from monitor.opening import sizes
from monitor.opening.sizes import by_profiles, read, since
from monitor.severity.metrics import measure_along
from simulations.cracks import crack_along
from simulations.rendering import coverage

SHAPE = (240, 240)
COURSE = np.array([[20.0, 60.0], [120.0, 130.0], [220.0, 170.0]])


def crack():
    return crack_along(COURSE, np.random.default_rng(1), roughness=0.1)


def photo(opening_px, blur_px=1.0):
    """Grey wall of 150 with a gap of a tenth of its light."""
    light = 150 * (1 - 0.9 * coverage(crack(), opening_px, SHAPE))
    blurred = cv2.GaussianBlur(light.astype(np.float32), (0, 0), blur_px)
    return blurred + np.random.default_rng(2).normal(0, 2, SHAPE).astype(np.float32)


def mask(opening_px):
    """A mask is 3 px wide where the crack is thinner."""
    return coverage(crack(), max(opening_px + 1, 3.0), SHAPE) > 0.5


def joint(light, marked, dark_share):
    """The same with a shaded joint beside the crack, which is marked as well."""
    light, marked = light.copy(), marked.copy()
    light[112:124, 118:160] *= 1 - dark_share
    marked[110:126, 116:162] = True
    return light, marked


@pytest.mark.parametrize("opening_px", [1.0, 2.0, 4.0, 8.0])
def test_the_area_is_that_of_the_crack_and_not_that_of_its_blur(opening_px):
    measured = measure_along(mask(opening_px))
    found, true = by_profiles(photo(opening_px), measured), crack().area_px(opening_px)
    assert found.area_px == pytest.approx(true, rel=0.2, abs=60)
    assert abs(found.area_px - true) < abs(measured.severity.area_px - true)
    assert (found.crack_count, found.length_px) == (1, measured.severity.length_px)


def test_growth_is_not_told_too_low():
    """By masks alone it is by a third."""
    grown = [by_profiles(photo(opening), measure_along(mask(opening))) for opening in (1.0, 4.0)]
    true = crack().area_px(4.0) - crack().area_px(1.0)
    assert grown[1].area_px - grown[0].area_px == pytest.approx(true, rel=0.15)
    assert grown[1].max_width_px - grown[0].max_width_px == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize("dark_share", [0.3, 0.6])
def test_a_shaded_joint_beside_the_crack_does_not_make_it_wide(dark_share):
    """Where it is marked as well, the mask is widest; the gap's model is unsure of such a place."""
    light, marked = joint(photo(4.0), mask(4.0), dark_share)
    measured = measure_along(marked)
    assert measured.severity.max_width_px > 14
    alone = by_profiles(photo(4.0), measure_along(mask(4.0)))
    assert by_profiles(light, measured).max_width_px == pytest.approx(alone.max_width_px, rel=0.25)


def test_what_light_says_nothing_of_keeps_the_size_of_its_mask():
    speck = np.zeros(SHAPE, bool)
    speck[100:108, 100:110] = True
    for marked in (speck, np.zeros(SHAPE, bool)):
        measured = measure_along(marked)
        assert by_profiles(photo(2.0), measured) == measured.severity
    nowhere = np.full(SHAPE, np.nan, np.float32)
    measured = measure_along(mask(2.0))
    assert by_profiles(nowhere, measured) == measured.severity


@pytest.mark.parametrize("opening_px", [20.0, 24.0])
def test_a_wide_gap_with_a_light_ground_keeps_the_size_of_its_mask(opening_px):
    """Profiles hold the ground of a gap to be dark, and find a thin line beside this one."""
    covered = coverage(crack(), opening_px, SHAPE)
    light = cv2.GaussianBlur((150 * (1 - 0.4 * covered)).astype(np.float32), (0, 0), 0.5)
    light += np.random.default_rng(2).normal(0, 2, SHAPE).astype(np.float32)
    measured = measure_along(covered > 0.5)
    assert by_profiles(light, measured) == measured.severity
    dark = by_profiles(photo(opening_px, 0.5), measured)
    assert dark != measured.severity
    assert dark.area_px == pytest.approx(crack().area_px(opening_px), rel=0.05)


def test_a_mean_over_some_stations_will_do(monkeypatch):
    """Even over twenty, and they are 1500 in earnest."""
    measured = measure_along(mask(4.0))
    whole = by_profiles(photo(4.0), measured)
    monkeypatch.setattr(sizes, "_MOST_STATIONS", 20)
    assert by_profiles(photo(4.0), measured).area_px == pytest.approx(whole.area_px, rel=0.1)


def before(light, marked):
    found = read(light, measure_along(marked))
    assert found is not None
    return found


def test_the_same_photo_has_the_same_sizes():
    light, measured = photo(4.0), measure_along(mask(4.0))
    assert since(before(light, mask(4.0)), light, measured) == by_profiles(light, measured)


@pytest.mark.parametrize("marked_now", [True, False])
@pytest.mark.parametrize("shaded", [True, False])
def test_what_is_wrong_about_the_reference_cancels(shaded, marked_now):
    """A joint beside the crack is marked in the reference, and in its repeat or not: growth is nearly the same."""
    (first, marked), (second, marked_again) = (joint(photo(o), mask(o), 0.5 * shaded) for o in (3.0, 4.0))
    reference = before(first, marked)
    now = since(reference, second, measure_along(marked_again if marked_now else mask(4.0)))
    true = crack().area_px(4.0) - crack().area_px(3.0)
    assert now.area_px - reference.severity.area_px == pytest.approx(true, rel=0.15)
    assert now.max_width_px - reference.severity.max_width_px == pytest.approx(1.0, abs=0.25)


def test_a_crack_beside_that_of_the_reference_counts():
    other = crack_along(np.array([[30.0, 200.0], [210.0, 215.0]]), np.random.default_rng(3), roughness=0.1)
    both = photo(4.0) * (1 - 0.9 * cv2.GaussianBlur(coverage(other, 6.0, SHAPE), (0, 0), 1.0))
    marked = mask(4.0) | (coverage(other, 7.0, SHAPE) > 0.5)
    reference = before(photo(4.0), mask(4.0))
    now = since(reference, both.astype(np.float32), measure_along(marked))
    assert now.area_px - reference.severity.area_px == pytest.approx(other.area_px(6.0), rel=0.15)
    assert now.max_width_px == pytest.approx(6.0, abs=0.7)
    assert now.crack_count == 2


def test_a_repeat_of_which_nothing_is_known_is_sized_by_itself():
    nowhere, measured = np.full(SHAPE, np.nan, np.float32), measure_along(mask(2.0))
    assert since(before(photo(2.0), mask(2.0)), nowhere, measured) == measured.severity


@pytest.mark.parametrize("opening_px", [4.0, 8.0, 16.0, 30.0])
def test_a_crack_that_has_opened_far_is_seen_whole(opening_px):
    """Its lips lie beyond what the reference's profiles showed."""
    now = since(before(photo(2.0), mask(2.0)), photo(opening_px), measure_along(mask(opening_px)))
    alone = by_profiles(photo(opening_px), measure_along(mask(opening_px)))
    assert now.area_px == pytest.approx(crack().area_px(opening_px), rel=0.05)
    assert now.max_width_px == pytest.approx(alone.max_width_px, rel=0.1)
