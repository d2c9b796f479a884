"""What a person puts right: nothing that was found is lost, and nothing of it counts where it does not belong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from storage_examples import NOW, Place, digest, failed, measured, recipe

from monitor.errors import MisuseError
from monitor.records import Analysis, CaptureTime, GrowthFit, Scale, ScaleOrigin, Status, TimeSource
from monitor.storage import queries, repository
from monitor.storage.repository import Work
from monitor.storage.views import CaptureView, SupersededView

LATER = NOW + timedelta(days=1)
SCALE = Scale(0.2, 0.004, ScaleOrigin.TYPED)


def record(place: Place, capture_id: int, analysis: Analysis) -> None:
    with place.database.transaction() as session:
        assert repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures={}, now=NOW)


def claim(place: Place) -> Work | None:
    lease = timedelta(minutes=10)
    with place.database.transaction() as session:
        return repository.claim_next(session, fingerprint=place.fingerprint, worker="one", now=LATER, lease=lease)


def refer(place: Place, capture_id: int) -> None:
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, capture_id, NOW)


def south_wall(place: Place, time_zone: str = "Europe/Berlin") -> int:
    """Another location, of another site."""
    with place.database.transaction() as session:
        site_id = repository.add_site(session, name="Bridge", time_zone=time_zone, now=NOW)
        location_id = repository.add_location(session, site_id=site_id, name="south-wall", interval_days=7, now=NOW)
        repository.set_series(session, location_id, place.fingerprint)
        return location_id


def move(place: Place, capture_id: int, location_id: int) -> None:
    with place.database.transaction() as session:
        repository.move_capture(session, capture_id, location_id, LATER)


def measure_again(place: Place, capture_id: int) -> list[int]:
    with place.database.transaction() as session:
        return repository.measure_again(session, capture_id, LATER)


def capture(place: Place, capture_id: int) -> CaptureView:
    with place.database.session() as session:
        return queries.capture(session, capture_id)


def superseded(place: Place, location_id: int | None = None) -> list[SupersededView]:
    with place.database.session() as session:
        return queries.superseded(session, location_id or place.location_id)


def values(place: Place, location_id: int) -> list[float]:
    with place.database.session() as session:
        return [seen.value for seen in queries.series(session, location_id, "max_width_px").observations]


def test_a_moved_capture_is_work_where_it_belongs_and_its_number_counts_nowhere(place: Place) -> None:
    reference, misfiled = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    elsewhere = south_wall(place)
    record(place, reference, measured(4.0, registered=False))
    record(place, misfiled, measured(9.0))
    assert values(place, place.location_id) == [4.0, 9.0]
    move(place, misfiled, elsewhere)
    assert (values(place, place.location_id), values(place, elsewhere)) == ([4.0], [])
    with place.database.session() as session:
        assert queries.pending(session, place.fingerprint) == {elsewhere: 1}
        assert queries.fingerprints(session, elsewhere) == []
    assert superseded(place) == []
    (former,) = superseded(place, elsewhere)
    assert (former.capture_id, former.at) == (misfiled, LATER)
    assert former.why == "The capture was moved from north-wall to south-wall."
    assert former.reading.severity is not None
    assert former.reading.severity.max_width_px == 9.0
    assert claim(place) == Work(misfiled, place.fingerprint, 1, None)
    record(place, misfiled, measured(5.0))
    assert values(place, elsewhere) == [5.0]
    assert claim(place) is None


def test_what_is_in_hand_while_its_capture_is_moved_is_not_stored(place: Place) -> None:
    reference, misfiled = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    record(place, reference, measured(registered=False))
    work = claim(place)
    assert work == Work(misfiled, place.fingerprint, 1, None)
    elsewhere = south_wall(place)
    move(place, misfiled, elsewhere)
    with place.database.transaction() as session:
        assert not repository.record_reading(
            session, capture_id=misfiled, analysis=measured(), pictures={}, now=LATER, token=work.token
        )
    assert claim(place) == Work(misfiled, place.fingerprint, 1, None)


def test_fits_are_asked_for_where_readings_count_and_nowhere_else(place: Place) -> None:
    reference, misfiled = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    elsewhere = south_wall(place)
    record(place, reference, measured(registered=False))
    record(place, misfiled, measured())
    fit = GrowthFit("all", "area_px", "px²", "theil_sen", 1, success=False, message="too few")
    with place.database.transaction() as session:
        for location_id in (place.location_id, elsewhere):
            repository.replace_fits(
                session, location_id=location_id, fingerprint=place.fingerprint, fits=[fit], now=LATER
            )
    move(place, misfiled, elsewhere)
    with place.database.session() as session:
        assert [queries.fits(session, location_id) for location_id in (place.location_id, elsewhere)] == [[], []]
        assert [view.name for view in queries.unfitted(session)] == ["north-wall"]


def test_a_number_from_another_frame_does_not_tie_a_location_to_its_reference(place: Place) -> None:
    reference, misfiled = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    record(place, misfiled, measured())
    elsewhere = south_wall(place)
    first = place.capture("c", days=2)
    for capture_id in (first, misfiled):
        move(place, capture_id, elsewhere)
    with place.database.transaction() as session:
        for capture_id in (first, misfiled):
            repository.set_reference(session, elsewhere, capture_id, LATER)
    assert capture(place, misfiled).is_reference


def test_a_scale_reaches_only_readings_that_count(place: Place) -> None:
    misfiled, elsewhere = place.capture("a"), south_wall(place)
    record(place, misfiled, measured(4.0))
    move(place, misfiled, elsewhere)
    with place.database.transaction() as session:
        repository.set_scale(session, elsewhere, SCALE)
    (former,) = superseded(place, elsewhere)
    assert former.reading.severity is not None
    assert former.reading.severity.max_width_mm is None


def test_a_reference_stays_where_it_is_and_the_sentence_says_what_to_do(place: Place) -> None:
    reference, elsewhere = place.capture("a"), south_wall(place)
    refer(place, reference)
    with pytest.raises(MisuseError, match="'crackmonitor location reference north-wall PHOTO'"):
        move(place, reference, elsewhere)
    assert capture(place, reference).location_id == place.location_id
    refer(place, place.capture("b", days=1))
    move(place, reference, elsewhere)
    assert capture(place, reference).location_id == elsewhere


def test_moving_a_capture_to_where_it_is_changes_nothing(place: Place) -> None:
    capture_id = place.capture("a")
    refer(place, capture_id)
    record(place, capture_id, measured(4.0))
    move(place, capture_id, place.location_id)
    assert values(place, place.location_id) == [4.0]
    assert superseded(place) == []


@pytest.mark.parametrize(
    ("source", "hours"),
    [(TimeSource.EXIF_SITE_ZONE, 6), (TimeSource.EXIF_OFFSET, 0), (TimeSource.PERSON, 0), (TimeSource.FILE, 0)],
)
def test_only_a_time_read_off_the_clocks_of_the_site_moves_with_the_site(
    place: Place, source: TimeSource, hours: int
) -> None:
    """10:00 in Berlin is six hours before 10:00 in New York."""
    capture_id, elsewhere = place.capture("a", source=source), south_wall(place, "America/New_York")
    move(place, capture_id, elsewhere)
    assert capture(place, capture_id).time == CaptureTime(NOW + timedelta(hours=hours), source)
    move(place, capture_id, place.location_id)
    assert capture(place, capture_id).time == CaptureTime(NOW, source)


def test_a_time_that_clocks_show_twice_there_is_the_first_of_the_two(place: Place) -> None:
    """On 1 November 2026 half past one comes twice in New York and once in Berlin."""
    elsewhere = south_wall(place, "America/New_York")
    with place.database.transaction() as session:
        capture_id = repository.add_capture(
            session,
            location_id=place.location_id,
            sha256=digest("a"),
            file_name="a.jpg",
            media_type="image/jpeg",
            height_px=480,
            width_px=640,
            time=CaptureTime(datetime(2026, 11, 1, 0, 30, tzinfo=UTC), TimeSource.EXIF_SITE_ZONE),
            now=NOW,
        ).capture_id
    move(place, capture_id, elsewhere)
    moved = capture(place, capture_id)
    assert moved.time is not None
    assert moved.time.at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize("status", [Status.NOT_MEASURED, Status.NOT_REGISTERED])
def test_a_capture_without_numbers_is_measured_again_and_what_was_found_is_kept(place: Place, status: Status) -> None:
    reference, lost = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    record(place, reference, measured(4.0, registered=False))
    record(place, lost, failed(status, "The original is missing."))
    assert claim(place) is None
    assert measure_again(place, lost) == [lost]
    assert claim(place) == Work(lost, place.fingerprint, 1, None)
    record(place, lost, measured(5.0))
    assert values(place, place.location_id) == [4.0, 5.0]
    (former,) = superseded(place)
    assert (former.capture_id, former.reading.status, former.reading.reason) == (
        lost,
        status,
        "The original is missing.",
    )
    assert (former.at, former.why) == (LATER, "To be measured again.")


def test_the_tries_of_the_failed_measurement_are_not_held_against_the_next(place: Place) -> None:
    lost = place.capture("a")
    assert claim(place) == Work(lost, place.fingerprint, 1, None)
    record(place, lost, failed(Status.NOT_MEASURED, "begun 3 times"))
    measure_again(place, lost)
    assert claim(place) == Work(lost, place.fingerprint, 1, None)


@pytest.mark.parametrize("status", [Status.MEASURED, Status.NO_CRACK])
def test_a_capture_with_numbers_keeps_them(place: Place, status: Status) -> None:
    capture_id = place.capture("a")
    found = measured() if status is Status.MEASURED else Analysis(status, None, 0.0, None, None, measured().recipe)
    record(place, capture_id, found)
    with pytest.raises(MisuseError, match="gives the same numbers"):
        measure_again(place, capture_id)
    assert superseded(place) == []
    assert claim(place) is None


def test_a_capture_that_waits_may_be_asked_for_again(place: Place) -> None:
    capture_id = place.capture("a")
    assert measure_again(place, capture_id) == []
    record(place, capture_id, failed())
    assert [measure_again(place, capture_id) for _ in range(2)] == [[capture_id], []]


def test_only_the_recipe_that_failed_is_tried_again(place: Place) -> None:
    reference, capture_id = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    record(place, capture_id, failed())
    record(place, capture_id, measured(9.0, weights="second"))
    measure_again(place, capture_id)
    (former,) = superseded(place)
    assert former.reading.fingerprint == place.fingerprint
    with place.database.session() as session:
        kept = queries.capture(session, capture_id, measured(weights="second").recipe.fingerprint)
    assert kept.reading is not None


def test_with_a_reference_all_that_was_measured_beside_it_is_measured_again(place: Place) -> None:
    """Its mask decides how they are registered, and whoever has one in hand has it without that mask."""
    reference, other, in_hand = place.capture("a"), place.capture("b", days=1), place.capture("c", days=2)
    refer(place, reference)
    record(place, reference, failed(Status.NOT_MEASURED, "out of memory"))
    record(place, other, measured(9.0))
    work = claim(place)
    assert work == Work(in_hand, place.fingerprint, 1, None)
    assert measure_again(place, reference) == [reference, other]
    with place.database.session() as session:
        assert queries.location(session, "north-wall").fingerprint is None, "half a series would raise or clear alarms"
        assert queries.pending(session, place.fingerprint) == {place.location_id: 3}
        assert queries.fits(session, place.location_id) == []
    with place.database.transaction() as session:
        assert not repository.record_reading(
            session, capture_id=in_hand, analysis=measured(), pictures={}, now=LATER, token=work.token
        )
    assert [former.capture_id for former in superseded(place)] == [reference, other]
    assert claim(place) == Work(reference, place.fingerprint, 1, None)
    assert claim(place) is None


def test_a_reference_that_failed_under_another_recipe_leaves_the_series_alone(place: Place) -> None:
    reference, other = place.capture("a"), place.capture("b", days=1)
    refer(place, reference)
    for capture_id in (reference, other):
        record(place, capture_id, measured())
    second = replace(failed(Status.NOT_MEASURED, "out of memory"), recipe=recipe("second"))
    record(place, reference, second)
    record(place, other, measured(9.0, weights="second"))
    assert measure_again(place, reference) == [reference, other]
    with place.database.session() as session:
        assert queries.location(session, "north-wall").fingerprint == place.fingerprint
        assert len(queries.series(session, place.location_id, "max_width_px").observations) == 2
        assert queries.pending(session, place.fingerprint) == {}
        assert queries.pending(session, second.recipe.fingerprint) == {place.location_id: 2}


def test_rejected_files_are_neither_moved_nor_measured(place: Place) -> None:
    elsewhere = south_wall(place)
    with place.database.transaction() as session:
        rejected = repository.reject_capture(
            session, location_id=1, sha256=digest("x"), file_name="x.jpg", reason="not a picture", now=NOW
        ).capture_id
    with pytest.raises(MisuseError, match="was rejected"):
        move(place, rejected, elsewhere)
    with pytest.raises(MisuseError, match="was rejected"):
        measure_again(place, rejected)
    with pytest.raises(MisuseError, match="no capture with the id 99"):
        move(place, 99, elsewhere)
    with pytest.raises(MisuseError, match="no location with the id 99"):
        move(place, place.capture("a"), 99)
