"""Cracks keep their names over time, whatever else appears, joins, branches or goes dark."""

import numpy as np
import pytest

from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.tracks import name_of, track
from monitor.records import CrackState

SHAPE = (300, 400)
WHOLE = np.ones(SHAPE, bool)


def line(start, end, width=5):
    import cv2

    canvas = np.zeros(SHAPE, np.uint8)
    cv2.line(canvas, start[::-1], end[::-1], 1, width)
    return canvas > 0


LEFT, RIGHT = line((50, 50), (250, 70)), line((40, 330), (260, 340))
NOTHING = np.zeros(SHAPE, bool)


def tracked(*masks):
    return {found.name: found for found in track([SparseMask.of(mask) for mask in masks], in_whole)}


def in_whole(_, pixels):
    return np.ones(len(pixels), bool)


def states(found):
    return list(found.states)


def test_two_cracks_keep_their_names():
    found = tracked(LEFT | RIGHT, LEFT | RIGHT, RIGHT | LEFT)
    assert set(found) == {"A", "B"}
    assert states(found["A"]) == [CrackState.NEW, CrackState.CONTINUED, CrackState.CONTINUED]


def test_a_small_shift_is_the_same_crack():
    assert set(tracked(LEFT, np.roll(LEFT, 4, axis=1), LEFT)) == {"A"}


def test_a_crack_that_appears_later_is_new_then():
    found = tracked(LEFT, LEFT | RIGHT, LEFT | RIGHT)
    assert states(found["B"]) == [CrackState.NOT_YET, CrackState.NEW, CrackState.CONTINUED]
    assert found["B"].first_seen == 1


def test_what_one_capture_of_three_shows_is_no_crack():
    assert set(tracked(LEFT, LEFT | RIGHT, LEFT)) == {"A"}


def test_the_first_capture_alone_is_believed():
    assert set(tracked(LEFT | RIGHT)) == {"A", "B"}


def test_not_seen_is_gone_dark_not_healed():
    found = tracked(LEFT, NOTHING, LEFT)
    assert states(found["A"]) == [CrackState.NEW, CrackState.GONE_DARK, CrackState.CONTINUED]
    assert found["A"].regions[1] is None


def test_a_crack_outside_the_capture_is_not_shown():
    right_half = WHOLE.copy()
    right_half[:, :200] = False
    shown = [WHOLE, right_half, WHOLE]
    masks = [SparseMask.of(mask) for mask in (LEFT | RIGHT, RIGHT, LEFT | RIGHT)]
    found = track(masks, lambda index, pixels: shown[index][tuple(pixels.T)])
    assert [each.states[1] for each in found if each.regions[1] is None] == [CrackState.NOT_SHOWN]


def test_cracks_that_meet_have_merged_and_stay_two():
    bridge = line((150, 60), (150, 335))
    found = tracked(LEFT | RIGHT, LEFT | RIGHT | bridge, LEFT | RIGHT | bridge)
    assert set(found) == {"A", "B"}
    assert {found[name].states[2] for name in "AB"} == {CrackState.MERGED}


def test_pieces_that_prove_to_be_one_crack_always_were():
    upper, lower, whole = line((40, 100), (130, 100)), line((160, 100), (260, 100)), line((40, 100), (260, 100))
    found = tracked(upper | lower, whole, whole)
    assert set(found) == {"A"}
    assert states(found["A"]) == [CrackState.NEW, CrackState.CONTINUED, CrackState.CONTINUED]


def pieces_of(course, gap_px):
    """The line with a gap in its middle."""
    import cv2

    (row, col), (last_row, last_col) = course
    hidden = cv2.circle(np.zeros(SHAPE, np.uint8), ((col + last_col) // 2, (row + last_row) // 2), gap_px // 2, 1, -1)
    return line(*course) & (hidden == 0)


def test_pieces_that_go_on_from_one_another_are_one_crack():
    """As where a crack runs below a stain, or is too thin to see for a while."""
    broken = pieces_of(((50, 50), (250, 70)), 36)
    for masks in ([broken], [broken, broken], [broken, LEFT, broken]):
        assert set(tracked(*masks)) == {"A"}


@pytest.mark.parametrize(
    "other",
    [
        line((150, 90), (290, 100)),  # beside the first one's end, and not beyond it
        line((190, 62), (190, 200)),  # beyond it, but running off to the side
        line((180, 60), (190, 61)),  # beyond it, and shorter than the gap
        line((250, 56), (290, 58)),  # too far beyond it
    ],
)
def test_pieces_that_do_not_are_two(other):
    first = line((50, 50), (150, 56))
    assert set(tracked(first | other)) == {"A", "B"}


def test_a_new_arm_makes_a_branched_crack():
    arm = line((150, 60), (120, 200))
    found = tracked(LEFT, LEFT | arm, LEFT | arm)
    assert set(found) == {"A"}
    assert states(found["A"])[1] is CrackState.BRANCHED


def test_no_crack_at_all():
    assert track([SparseMask.of(NOTHING)] * 2, in_whole) == []
    assert track([], in_whole) == []


@pytest.mark.parametrize(("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (52, "BA")])
def test_names(index, name):
    assert name_of(index) == name
