"""Grades: a photo like the reference is an A, and whatever makes it unlike takes the grade down, with a sentence."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from wall_pairs import brick_wall

from monitor.imaging.quality import DEFAULT_LIMITS, graded
from monitor.records import ByteArray, Grade, Grading, Registration

GOOD = Registration(True, None, np.eye(3), 0.3, 200, 0.98, 0.7, 0.9)
SHAPE = (240, 320)
SEEN = np.ones(SHAPE, bool)


def wall(seed: int = 0) -> ByteArray:
    grey = brick_wall(SHAPE, np.random.default_rng(seed)) * 190 + 20
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def grading(aligned: ByteArray | None = None, margin: float | None = None, **registration: float | None) -> Grading:
    found = replace(GOOD, **registration)  # type: ignore[arg-type]
    return graded(wall(), wall() if aligned is None else aligned, SEEN, found, margin)


def blurred(sigma: float) -> ByteArray:
    return np.asarray(cv2.GaussianBlur(wall(), (0, 0), sigma), np.uint8)


def darkened(share: float) -> ByteArray:
    """That share of the picture lies in black shade."""
    picture = wall()
    picture[: round(share * SHAPE[0])] = 0
    return picture


def glaring(share: float) -> ByteArray:
    picture = wall()
    picture[: round(share * SHAPE[0])] = 255
    return picture


def test_the_reference_again_is_an_a_without_any_reservation() -> None:
    assert grading() == Grading(Grade.A)
    assert grading(margin=0.4) == Grading(Grade.A)
    assert grading(residual_px=None, agreement=None) == Grading(Grade.A), "what is not known is not held against it"


def test_another_exposure_alone_takes_nothing_off() -> None:
    assert grading((wall() * 0.7).astype(np.uint8)).grade is Grade.A


@pytest.mark.parametrize(
    ("found", "grade", "words"),
    [
        (lambda: grading(residual_px=1.5), Grade.B, "its best part is 1.5 px off the reference"),
        (lambda: grading(residual_px=2.5), Grade.C, "its best part is 2.5 px off the reference"),
        (lambda: grading(overlap=0.8), Grade.B, "it shows only 80% of the reference"),
        (lambda: grading(overlap=0.6), Grade.C, "it shows only 60% of the reference"),
        (lambda: grading(agreement=0.5), Grade.B, "its light is unlike the reference's (agreement 0.50)"),
        (lambda: grading(agreement=0.3), Grade.C, "its light is unlike the reference's (agreement 0.30)"),
        (lambda: grading(blurred(1.2)), Grade.B, "it is blurred: "),
        (lambda: grading(blurred(3.0)), Grade.C, "it is blurred: "),
        (lambda: grading(darkened(0.1)), Grade.B, "10% more of it than of the reference is black or glaring"),
        (lambda: grading(glaring(0.1)), Grade.B, "10% more of it than of the reference is black or glaring"),
        (lambda: grading(glaring(0.3)), Grade.C, "30% more of it than of the reference is black or glaring"),
        (lambda: grading(margin=0.01), Grade.B, "the crack is only just told from a sound wall"),
    ],
)
def test_what_is_wrong_with_a_photo_takes_its_grade_down_and_is_said(
    found: Callable[[], Grading], grade: Grade, words: str
) -> None:
    judged = found()
    assert judged.grade is grade
    assert any(reason.startswith(words) for reason in judged.reasons), judged.reasons


def test_the_worst_counts_and_everything_is_said() -> None:
    judged = grading(residual_px=1.5, overlap=0.6, margin=0.0)
    assert judged.grade is Grade.C
    assert [reason.split()[1] for reason in judged.reasons] == ["best", "shows", "crack"]


def test_a_reference_that_is_itself_dark_is_not_held_against_the_capture() -> None:
    assert graded(darkened(0.3), darkened(0.3), SEEN, GOOD) == Grading(Grade.A)


def test_only_what_the_capture_shows_is_graded() -> None:
    """Aligned captures are black where they show nothing: that is less overlap, not shade or blur."""
    seen = SEEN.copy()
    seen[:, 280:] = False
    aligned = np.where(seen[..., None], wall(), np.uint8(0))
    assert graded(wall(), aligned, seen, GOOD) == Grading(Grade.A)
    assert graded(wall(), aligned, np.zeros_like(seen), GOOD).grade is Grade.C, "nothing at all"


@pytest.mark.parametrize(
    "worse",
    [
        lambda step: grading(blurred(0.2 + 0.3 * step)),
        lambda step: grading(glaring(0.04 * step)),
        lambda step: grading(darkened(0.04 * step)),
        lambda step: grading(residual_px=0.4 * step),
        lambda step: grading(overlap=1 - 0.06 * step),
        lambda step: grading(agreement=0.9 - 0.09 * step),
    ],
)
def test_a_worse_photo_never_gets_a_better_grade(worse: Callable[[int], Grading]) -> None:
    grades = [worse(step).grade for step in range(9)]
    assert grades == sorted(grades)
    assert set(grades) == set(Grade)


def test_the_limits_themselves_still_count_as_the_better_grade_and_stricter_ones_as_the_worse() -> None:
    at_limit = {"residual_px": 1.0, "overlap": 0.85, "agreement": 0.55}
    assert grading(**at_limit).grade is Grade.A
    assert grading(residual_px=2.0, overlap=0.7, agreement=0.4).grade is Grade.B
    lenient, strict = replace(DEFAULT_LIMITS, residual_px=(2.0, 3.0)), replace(DEFAULT_LIMITS, residual_px=(0.5, 0.9))
    grades = [
        graded(wall(), wall(), SEEN, replace(GOOD, residual_px=1.5), limits=limits).grade
        for limits in (lenient, DEFAULT_LIMITS, strict)
    ]
    assert grades == [Grade.A, Grade.B, Grade.C]


def test_b_comes_before_c_in_every_limit() -> None:
    up, down = ("residual_px", "clipped"), ("overlap", "agreement", "sharpness")
    for names, sign in ((up, 1), (down, -1)):
        for name in names:
            assert all(sign * one < sign * two for one, two in pairwise(getattr(DEFAULT_LIMITS, name))), name
