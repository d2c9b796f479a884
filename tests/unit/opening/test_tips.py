"""How far a crack has run: both tips, along one course, and nothing where a tip is not to be seen."""

from dataclasses import replace

import numpy as np
import pytest

from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.following import follow
from monitor.opening.sightings import Sighting
from monitor.opening.tips import Course, main_course
from simulations.rendering import coverage
from simulations.scenarios import captures, scenario

SHAPE = (480, 640)
WHOLE = (400, 400)
#: Points of the course that no test asks for.
KNOWN = (0, 1)


NOWHERE = np.zeros(0, np.int64)


def all_seen(pixels):
    return np.ones(len(pixels), bool)


def above(row):
    return lambda pixels: pixels[:, 0] < row


def rectangle(first, last):
    """Pixels of a crack that stands in column 200."""
    return np.stack([np.arange(first, last), np.full(last - first, 200)], axis=1)


def bar(course, first, last):
    """Where on the course they lie."""
    return course.places(rectangle(first, last))


@pytest.fixture
def course():
    rows = np.arange(100.0, 300.0, 4)
    return Course.through(np.stack([rows, np.full(len(rows), 200.0)], axis=1))


def test_the_main_course_leaves_side_branches_out_and_starts_above():
    rng = np.random.default_rng(0)
    trunk = np.stack([np.arange(20, 220, 4), np.full(50, 100)], axis=1)
    arm = np.stack([np.full(10, 120), np.arange(104, 144, 4)], axis=1)
    line = main_course(rng.permutation(np.concatenate([trunk, arm])).astype(float))
    assert np.abs(line[:, 1] - 100).max() < 4
    assert (line[0, 0], line[-1, 0]) == pytest.approx((20, 216), abs=2)


def test_tips_move_by_as_much_as_the_mask_is_longer(course):
    before, after = (course.ends(bar(course, *rows), NOWHERE) for rows in ((120, 260), (110, 290)))
    assert (before[0] - after[0], after[1] - before[1]) == (10, 30)


def test_a_thin_end_that_the_mask_missed_is_no_growth(course):
    gaping = bar(course, 120, 290)[::4]
    first, last = course.ends(bar(course, 120, 220), gaping)
    whole = course.ends(bar(course, 120, 287), NOWHERE)
    assert (first, last) == pytest.approx(whole, abs=4)
    far = bar(course, 260, 290)[::4]  # not connected with what the mask shows
    assert course.ends(bar(course, 120, 220), far)[1] == course.ends(bar(course, 120, 220), NOWHERE)[1]


def test_another_branch_is_not_on_the_line(course):
    aside = rectangle(120, 260) + np.array([0, 60])
    assert course.ends(course.places(aside), NOWHERE) is None
    assert course.shown(None, KNOWN, WHOLE, all_seen) == (None, None)


def test_a_tip_that_leaves_the_picture_or_is_not_shown_is_none(course):
    ends = course.ends(bar(course, 120, 260), NOWHERE)
    assert None not in course.shown(ends, ends, WHOLE, all_seen)
    assert course.shown(ends, ends, (265, 400), all_seen)[1] is None

    first, last = course.shown(ends, ends, WHOLE, above(200))
    assert (first is None, last is None) == (False, True)


def test_where_a_mask_ends_before_the_photo_does_is_no_tip_of_a_crack_that_goes_on(course):
    """The border's patches are not looked at."""
    ends, known = (course.ends(bar(course, *rows), NOWHERE) for rows in ((120, 220), (120, 260)))
    assert course.shown(ends, known, WHOLE, above(250)) == (ends[0], None)
    assert course.shown(ends, ends, WHOLE, above(250)) == ends, "as far as is known it ends there"
    far = course.ends(bar(course, 120, 160), NOWHERE)
    assert course.shown(far, known, WHOLE, above(250)) == far, "it may have been shorter then"


def test_growth_at_both_tips_of_a_simulated_crack():
    chosen = replace(
        scenario("tip_growth"), captures=4, interval_days=122.0, shape=SHAPE, mm_per_px=1.0, wall_kind="plain"
    )
    shown = list(captures(chosen, 3))
    sightings = [
        Sighting(
            key, SparseMask.of(coverage(truth.crack, truth.opening_mm, SHAPE) > 0.5), SHAPE, np.linalg.inv(view.matrix)
        )
        for key, (truth, _, view) in enumerate(shown)
    ]
    readings = follow(0, sightings, lambda key: shown[key][1]).readings
    far = [truth.crack.tips for truth, _, _ in shown]
    grown = [np.hypot(*(far[-1][end] - far[0][end])) for end in (0, 1)]
    measured = sorted([readings[-1].first_tip_px, readings[-1].second_tip_px])
    assert (readings[0].first_tip_px, readings[0].second_tip_px) == (0, 0)
    # Over its last 25 px it tapers to nothing, and shows as far as it gapes enough.
    assert measured == pytest.approx(sorted(grown), abs=25)
