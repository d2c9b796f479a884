"""What people tell of patches, cracks and widths: what cannot be is refused in words, and what it rests on is said."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.orm import Session
from storage_examples import NOW, Place, digest, measured

from monitor.errors import MisuseError
from monitor.records import Crack, CrackReading, CrackState, Scale, ScaleOrigin
from monitor.storage import queries, repository
from monitor.storage.told import CorrectionKind, GaugeOffset, same_course

LATER = NOW + timedelta(days=200)
COURSE = np.stack([np.arange(12) * 4.0, np.full(12, 20.0)], axis=1)


@contextmanager
def refused(place: Place, why: str) -> Iterator[Session]:
    with pytest.raises(MisuseError, match=why), place.database.transaction() as session:
        yield session


def correct(
    session: Session, place: Place, kind: CorrectionKind, crack: str | None = None, course: NDArray[np.float64] = COURSE
) -> int:
    return repository.correct_crack(
        session, place.location_id, kind=kind, course=course, why="A cable.", now=NOW, by="Ada", crack=crack
    )


@pytest.fixture
def followed(place: Place) -> Place:
    """A wall with a scale and crack A, 2 px wide in its one photo."""
    reference = place.capture("reference")
    shown = CrackReading(
        crack="A",
        capture=reference,
        state=CrackState.CONTINUED,
        opening_px=1.5,
        opening_error_px=0.05,
        change_px=0.0,
        change_error_px=0.05,
        widest_px=2.0,
        widest_error_px=0.1,
        shared_error_px=0.2,
    )
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, reference, NOW)
        repository.record_reading(session, capture_id=reference, analysis=measured(), pictures={}, now=NOW)
        repository.set_scale(session, place.location_id, Scale(0.5, 0.001, ScaleOrigin.MARKER))
        repository.replace_cracks(
            session,
            location_id=place.location_id,
            fingerprint=place.fingerprint,
            cracks=[Crack("A", reference, (2, 3, 4), COURSE)],
            readings=[shown],
            basis="",
            now=NOW,
        )
    return place


def gauge(place: Place, course: NDArray[np.float64] = COURSE, at: datetime = NOW) -> int:
    with place.database.transaction() as session:
        return repository.add_gauge(
            session,
            place.location_id,
            crack="A",
            course=course,
            width_mm=1.3,
            standard_error_mm=0.05,
            at=at,
            now=LATER,
            by="Ada",
        )


def offset(place: Place) -> GaugeOffset:
    with place.database.session() as session:
        found = queries.gauge_offset(session, place.location_id)
    assert found is not None
    return found


def test_patches_that_cannot_be(place: Place) -> None:
    capture_id = place.capture("a")
    with place.database.transaction() as session:
        rejected = repository.reject_capture(
            session, location_id=1, sha256=digest("x"), file_name="x.jpg", reason="not a picture", now=NOW
        ).capture_id

    def judge(session: Session, capture: int, at: tuple[int, int], side_px: int) -> int:
        return repository.judge_patch(session, capture, at, side_px, cracked=True, now=NOW, by="Ada")

    with refused(place, rf"Capture {rejected} \(x\.jpg\) was rejected; it has no patches") as session:
        judge(session, rejected, (0, 0), 32)
    for at, side_px in (((-1, 0), 32), ((0, 0), 0)):
        with refused(place, f"no patch of {side_px} px at row {at[0]}, column 0") as session:
            judge(session, capture_id, at, side_px)
    with place.database.transaction() as session:
        judge(session, capture_id, (0, 4), 32)
        (kept,) = queries.patch_judgements(session, 1)
    assert (kept.capture_id, kept.row_px, kept.col_px, kept.side_px, kept.cracked) == (capture_id, 0, 4, 32, True)


def test_corrections_that_cannot_be(place: Place) -> None:
    reference = place.capture("reference")
    with refused(place, "'north-wall' has no reference yet") as session:
        correct(session, place, CorrectionKind.MARKED)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, reference, NOW)
    with refused(place, "Say which crack is meant") as session:
        correct(session, place, CorrectionKind.REJECTED)
    with place.database.session() as session, pytest.raises(MisuseError, match="no correction with the id 99"):
        queries.correction(session, 99)


def test_a_word_on_a_crack_ends_with_the_frame_it_was_said_in(place: Place) -> None:
    first, second = place.capture("a"), place.capture("b", days=1)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, first, NOW)
        said = correct(session, place, CorrectionKind.REJECTED, "A")
        assert [view.id for view in queries.corrections_in_force(session, place.location_id)] == [said]
        repository.set_reference(session, place.location_id, second, NOW)
        assert queries.corrections_in_force(session, place.location_id) == []
        assert [view.id for view in queries.corrections(session, place.location_id)] == [said], "it is kept"


def test_what_has_no_course_is_the_same_as_nothing() -> None:
    nothing = np.zeros((0, 2))
    assert same_course(COURSE, COURSE + 3.0)
    assert not same_course(COURSE, nothing)
    assert not same_course(nothing, nothing)


def test_a_gauge_reading_corrects_by_what_it_differs(followed: Place) -> None:
    gauge(followed)
    found = offset(followed)
    assert found.offset_mm == pytest.approx(1.3 - 2.0 * 0.5)
    assert found.standard_error_mm == pytest.approx(np.hypot(0.05, 0.1 * 0.5))


def test_a_gauge_reading_far_from_every_photo_corrects_nothing(followed: Place) -> None:
    gauge(followed, at=NOW + timedelta(days=32))
    found = offset(followed)
    assert (found.offset_mm, found.message) == (None, "No opening of crack A is known within 31 days of it.")


def test_a_gauge_reading_of_a_crack_that_is_not_followed_any_more_corrects_nothing(followed: Place) -> None:
    gauge(followed, course=COURSE + 100.0)
    found = offset(followed)
    assert (found.offset_mm, found.message) == (None, "Crack A is not followed in mm under this recipe.")


def test_gauge_readings_that_cannot_be(place: Place) -> None:
    with pytest.raises(
        MisuseError, match=r"has no scale, so its openings are not in mm: 'crackmonitor location scale'"
    ):
        gauge(place)


def test_a_gauge_reading_is_withdrawn_once_and_for_a_reason(followed: Place) -> None:
    gauge_id = gauge(followed)
    with refused(followed, "Say why the gauge reading is withdrawn") as session:
        repository.withdraw_gauge(session, gauge_id, " ", LATER)
    with followed.database.transaction() as session:
        repository.withdraw_gauge(session, gauge_id, "Of another crack.", LATER)
        assert queries.gauge_offset(session, followed.location_id) is None
    with refused(followed, f"Gauge reading {gauge_id} was withdrawn already: Of another crack") as session:
        repository.withdraw_gauge(session, gauge_id, "Once more.", LATER)


def test_a_history_of_a_location_that_is_not_there(place: Place) -> None:
    with place.database.session() as session, pytest.raises(MisuseError, match="no location with the id 99"):
        queries.crack_series(session, 99, "A", "widest_px")
