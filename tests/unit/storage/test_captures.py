"""Files, work and readings: each content once, each capture measured once, no series mixed."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session
from storage_examples import NOW, Place, digest, failed, measured, recipe, registration

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import Analysis, GrowthFit, Scale, ScaleOrigin, Severity, Status, TimeSource
from monitor.storage import queries, repository
from monitor.storage.repository import Work
from monitor.storage.tables import ClaimRow
from monitor.storage.views import UNITS, RateView, VerdictView

LEASE = timedelta(minutes=10)


def record(place: Place, capture_id: int, analysis: Analysis) -> bool:
    with place.database.transaction() as session:
        return repository.record_reading(
            session, capture_id=capture_id, analysis=analysis, pictures={"mask": "ab/mask.png"}, now=NOW
        )


def claim(
    place: Place, worker: str = "one", *, minutes: float = 0, ahead: deque[tuple[int, str]] | None = None
) -> Work | None:
    with place.database.transaction() as session:
        return claim_in(session, place, worker, minutes=minutes, ahead=ahead)


def claim_in(
    session: Session,
    place: Place,
    worker: str = "one",
    *,
    minutes: float = 0,
    ahead: deque[tuple[int, str]] | None = None,
) -> Work | None:
    return repository.claim_next(
        session,
        fingerprint=place.fingerprint,
        worker=worker,
        now=NOW + timedelta(minutes=minutes),
        lease=LEASE,
        ahead=ahead,
    )


def test_the_same_content_is_one_capture_wherever_it_turns_up(place: Place) -> None:
    first = place.capture("a")
    with place.database.transaction() as session:
        elsewhere = repository.add_location(session, site_id=1, name="south-wall", interval_days=7, now=NOW)
        again = repository.reject_capture(
            session, location_id=elsewhere, sha256=digest("a"), file_name="b.jpg", reason="too small", now=NOW
        )
        assert (again.capture_id, again.is_new) == (first, False)
        found = queries.capture_with(session, digest("a"))
        assert queries.capture_with(session, digest("b")) is None
    assert found is not None
    assert (found.id, found.location_id, found.file_name, found.rejected_reason) == (first, 1, "a.jpg", None)
    assert place.capture("a") == first


def test_what_was_found_ahead_is_claimed_only_while_it_still_is_work(place: Place) -> None:
    first, *others = [place.capture(name, days=number) for number, name in enumerate("abcdef")]
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, first, NOW)
    record(place, first, measured())
    ahead: deque[tuple[int, str]] = deque()
    works = [claim(place, ahead=ahead)]
    assert [capture_id for capture_id, _ in ahead] == others[1:]
    works.append(claim(place, "two"))
    record(place, others[2], measured())
    works.append(claim(place, ahead=ahead))
    earlier = place.capture("earlier", days=0.5)
    works += [claim(place, ahead=ahead), claim(place, ahead=ahead), claim(place, ahead=ahead)]
    found = [work and work.capture_id for work in works]
    assert found == [others[0], others[1], others[3], others[4], earlier, None]


@pytest.mark.parametrize("committed", [True, False])
def test_where_others_take_all_that_was_found_it_looks_further(place: Place, committed: bool) -> None:
    """Others may claim every capture that one has just found, or be about to: it goes on to those behind them."""
    if place.database.file:
        pytest.skip("SQLite has one writer at a time")
    captures = [place.capture(str(number), days=number) for number in range(23)]
    looks: list[str] = []
    taken: list[Work | None] = []
    ahead: deque[tuple[int, str]] = deque()
    with place.database.transaction() as session, place.database.transaction() as others:

        @event.listens_for(session.connection(), "after_cursor_execute")
        def others_were_quicker(*given: object) -> None:
            if " LIMIT " in str(given[2]):
                looks.append(str(given[2]))
                if len(looks) == 1:
                    taken.extend(claim_in(others, place, "another") for _ in range(20))
                    if committed:
                        others.commit()

        found = claim_in(session, place, ahead=ahead)
    assert [work and work.capture_id for work in taken] == captures[:20]
    assert found is not None
    assert found.capture_id == captures[20]
    assert [capture_id for capture_id, _ in ahead] == captures[21:]
    assert len(looks) == 2, "one look finds twenty"
    assert [work and work.capture_id for work in (claim(place, ahead=ahead), claim(place, ahead=ahead))] == captures[
        21:
    ]


def test_a_claim_stored_at_the_last_moment_is_respected(place: Place) -> None:
    """Between finding a capture free and holding it, another may have claimed it."""
    if place.database.file:
        pytest.skip("SQLite has one writer at a time")
    taken, free = place.capture("a"), place.capture("b", days=1)
    with place.database.transaction() as session:

        @event.listens_for(session.connection(), "after_cursor_execute")
        def meanwhile(*given: object) -> None:
            if "FOR NO KEY UPDATE" in str(given[2]):
                with place.database.transaction() as other:
                    held = {"attempts": 1, "claimed_by": "two", "claimed_until": NOW + LEASE, "token": "theirs"}
                    new = repository.statements.insert(other, ClaimRow)
                    row = {"capture_id": taken, "fingerprint": place.fingerprint, **held}
                    other.execute(new.values(**row).on_conflict_do_nothing())

        found = claim_in(session, place)
    assert found == Work(free, place.fingerprint, 1, None)


def test_where_others_hold_all_there_is_it_finds_nothing(place: Place) -> None:
    if place.database.file:
        pytest.skip("SQLite has one writer at a time")
    for number in range(21):
        place.capture(str(number), days=number)
    with place.database.transaction() as others:
        assert all(claim_in(others, place, "another") for _ in range(21))
        assert claim(place) is None


def test_a_rejected_file_is_a_row_and_no_work(place: Place) -> None:
    with place.database.transaction() as session:
        stored = repository.reject_capture(
            session, location_id=1, sha256=digest("x"), file_name="x.jpg", reason="not a picture", now=NOW
        )
    with place.database.session() as session:
        (view,) = queries.captures(session, place.location_id)
        (status,) = queries.statuses(session)
        assert queries.pending(session, place.fingerprint) == {}
    assert stored.is_new
    assert (view.id, view.rejected_reason, view.time, view.reading) == (stored.capture_id, "not a picture", None, None)
    assert (status.captures, status.last_capture) == (0, None)
    assert claim(place) is None
    with pytest.raises(MisuseError, match="was rejected"):
        record(place, stored.capture_id, measured())
    with pytest.raises(MisuseError, match="was rejected"), place.database.transaction() as session:
        repository.confirm_time(session, stored.capture_id, NOW)


def seen(place: Place, size_bytes: int, seconds: float, apart: float = 0.0) -> int:
    """What a scan so many seconds after NOW counts."""
    with place.database.transaction() as session:
        files = {"north-wall/a.jpg": (size_bytes, 1_750_000_000_000_000_000)}
        at = NOW + timedelta(seconds=seconds)
        return repository.record_sightings(session, files, now=at, apart=timedelta(seconds=apart))["north-wall/a.jpg"]


def test_files_seen_together_are_counted_each_by_itself(place: Place) -> None:
    with place.database.transaction() as session:
        for sizes, counted in (((1, 1), (1, 1)), ((1, 2), (2, 1)), ((1, 2), (3, 2))):
            files = {name: (size, 0) for name, size in zip("ab", sizes, strict=True)}
            assert repository.record_sightings(session, files, now=NOW) == dict(zip("ab", counted, strict=True))
        assert repository.record_sightings(session, {}, now=NOW) == {}
        assert queries.sightings(session) == ["a", "b"]


def test_a_file_is_counted_while_it_stays_the_same(place: Place) -> None:
    assert [seen(place, *one) for one in ((10, 0), (10, 1), (2**40, 2), (2**40, 3))] == [1, 2, 1, 2]
    with place.database.transaction() as session:
        repository.forget_sightings_before(session, NOW + timedelta(seconds=3))
        assert queries.sightings(session) == ["north-wall/a.jpg"]
        repository.forget_sightings_before(session, NOW + timedelta(seconds=4))
        assert queries.sightings(session) == []
    assert seen(place, 2**40, 4) == 1
    with place.database.transaction() as session:
        repository.forget_sighting(session, "north-wall/a.jpg")
        assert queries.sightings(session) == []


def test_scans_count_once_for_each_stretch_they_are_apart(place: Place) -> None:
    at = (0, 0.1, 29.9, 30, 31, 59, 60, 200)
    assert [seen(place, 10, seconds, apart=30) for seconds in at] == [1, 1, 1, 2, 2, 2, 3, 4]
    assert seen(place, 11, 200.1, apart=30) == 1, "it has changed, and is watched anew"


def test_a_scan_that_does_not_count_keeps_the_file_from_being_forgotten(place: Place) -> None:
    for seconds in (0, 20):
        seen(place, 10, seconds, apart=30)
    with place.database.transaction() as session:
        repository.forget_sightings_before(session, NOW + timedelta(seconds=10))
        assert queries.sightings(session) == ["north-wall/a.jpg"]


def test_a_clock_that_was_put_back_holds_no_file_up(place: Place) -> None:
    assert [seen(place, 10, seconds, apart=30) for seconds in (7200, 0, 60)] == [1, 2, 3]


def test_work_comes_reference_first_and_once_it_was_read_the_oldest(place: Place) -> None:
    late, reference, early = place.capture("a", days=3), place.capture("b", days=2), place.capture("c", days=1)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, reference, NOW)
        assert queries.pending(session, place.fingerprint) == {place.location_id: 3}
    assert [claim(place) for _ in range(2)] == [Work(reference, place.fingerprint, 1, None), None]
    record(place, reference, measured(registered=False))
    assert [claim(place) for _ in range(3)] == [
        Work(early, place.fingerprint, 1, None),
        Work(late, place.fingerprint, 1, None),
        None,
    ]


def test_a_claim_that_ran_out_is_taken_over_and_counted(place: Place) -> None:
    capture_id = place.capture("a")
    assert claim(place, "one") == Work(capture_id, place.fingerprint, 1, None)
    assert claim(place, "two", minutes=9.9) is None
    assert claim(place, "two", minutes=10) == Work(capture_id, place.fingerprint, 2, None)


def test_a_failure_is_kept_and_tried_again_when_it_says(place: Place) -> None:
    capture_id = place.capture("a")
    first = claim(place, "one")
    assert first is not None

    def fail(token: str) -> bool:
        with place.database.transaction() as session:
            return repository.record_failure(
                session,
                capture_id=capture_id,
                fingerprint=place.fingerprint,
                token=token,
                error="out of memory",
                retry_at=NOW + timedelta(minutes=1),
            )

    assert not fail("another")
    assert claim(place, "two", minutes=2) is None
    assert fail(first.token)
    assert claim(place, "two", minutes=0.9) is None
    assert claim(place, "two", minutes=1) == Work(capture_id, place.fingerprint, 2, "out of memory")


def test_a_reading_ends_the_work_for_its_recipe_alone(place: Place) -> None:
    capture_id = place.capture("a")
    assert record(place, capture_id, measured(weights="second"))
    assert claim(place) == Work(capture_id, place.fingerprint, 1, None)
    assert record(place, capture_id, measured())
    assert claim(place, minutes=60) is None


def in_threads(number: int, task: Callable[[int], None]) -> None:
    workers = [threading.Thread(target=task, args=(index,)) for index in range(number)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def record_by(work: Work | None, place: Place, capture_id: int) -> bool:
    assert work is not None
    with place.database.transaction() as session:
        return repository.record_reading(
            session, capture_id=capture_id, analysis=measured(), pictures={}, now=NOW, token=work.token
        )


def test_only_the_claim_that_stands_stores_its_reading(place: Place) -> None:
    """Workers on two machines may have the same name; their claims never have the same token."""
    capture_id = place.capture("a")
    lost = claim(place, "one")
    standing = claim(place, "one", minutes=11)
    assert not record_by(lost, place, capture_id)
    assert record_by(standing, place, capture_id)
    assert not record_by(standing, place, capture_id), "it is let go with the first reading"


def test_a_reading_made_in_a_former_reference_frame_is_not_kept(place: Place) -> None:
    first, second = place.capture("a"), place.capture("b", days=1)

    def refer(capture_id: int) -> None:
        with place.database.transaction() as session:
            repository.set_reference(session, place.location_id, capture_id, NOW)

    refer(first)
    before = claim(place, "one")
    refer(second)
    assert not record_by(before, place, first)
    assert record_by(claim(place, "one"), place, second)


def test_workers_at_once_never_get_the_same_capture(place: Place) -> None:
    captures = {place.capture(str(index), days=index) for index in range(30)}
    taken: list[int] = []

    def work(index: int) -> None:
        while (got := claim(place, f"worker {index}")) is not None:
            taken.append(got.capture_id)
            record(place, got.capture_id, measured())

    in_threads(4, work)
    assert len(taken) == 30
    assert set(taken) == captures


def test_the_same_file_at_once_makes_one_capture(place: Place) -> None:
    found: list[int] = []
    in_threads(4, lambda _: found.extend(place.capture(str(index)) for index in range(5)))
    with place.database.session() as session:
        assert len(queries.captures(session, place.location_id)) == 5
    assert len(found) == 20
    assert len(set(found)) == 5


def test_a_reading_comes_back_as_it_was(place: Place) -> None:
    capture_id = place.capture("a")
    assert record(place, capture_id, measured())
    assert not record(place, capture_id, measured(9.0))
    with place.database.session() as session:
        view = queries.capture(session, capture_id)
        assert queries.recipe(session, place.fingerprint) == recipe()
    reading = view.reading
    assert reading is not None
    assert reading.severity == Severity(crack_count=2, area_px=100.0, max_width_px=4.0, length_px=50.0)
    assert (reading.fingerprint, reading.status, reading.pictures) == (
        place.fingerprint,
        Status.MEASURED,
        {"mask": "ab/mask.png"},
    )
    expected = registration()
    assert reading.registration is not None
    assert expected.matrix is not None
    np.testing.assert_array_equal(reading.registration.matrix, expected.matrix)
    assert reading.registration.residual_px == expected.residual_px
    assert reading.registration.inliers == 120


def test_a_failed_registration_comes_back_with_its_reason(place: Place) -> None:
    capture_id = place.capture("a")
    record(place, capture_id, failed())
    with place.database.session() as session:
        reading = queries.capture(session, capture_id).reading
    assert reading is not None
    assert reading.registration == registration(accepted=False)
    assert (reading.severity, reading.reason) == (None, "too few inliers")


def test_a_series_holds_values_and_says_why_the_rest_is_missing(place: Place) -> None:
    captures = [
        place.capture("measured", days=1),
        place.capture("sound", days=0),
        place.capture("moved", days=2),
        place.capture("blurred", days=3),
        place.capture("pending", days=4),
        place.capture("undated", days=5, source=TimeSource.FILE),
    ]
    with place.database.transaction() as session:
        repository.reject_capture(
            session, location_id=1, sha256=digest("x"), file_name="x.jpg", reason="not a picture", now=NOW
        )
    sound = Analysis(Status.NO_CRACK, None, 0.01, None, registration(), recipe())
    blurred = failed(Status.NOT_MEASURED, "too blurred")
    for capture_id, analysis in zip(captures[:4], [measured(4.5), sound, failed(), blurred], strict=True):
        record(place, capture_id, analysis)
    record(place, captures[5], measured(99.0))
    with place.database.session() as session:
        series = queries.series(session, place.location_id, "max_width_px")
        counts = queries.series(session, place.location_id, "crack_count")
        millimetres = queries.series(session, place.location_id, "max_width_mm")
    assert [(seen.capture_id, seen.value, seen.at) for seen in series.observations] == [
        (captures[1], 0.0, NOW),
        (captures[0], 4.5, NOW + timedelta(days=1)),
    ]
    assert {item.file_name: item.reason for item in series.excluded} == {
        "moved.jpg": "not registered: too few inliers",
        "blurred.jpg": "not measured: too blurred",
        "pending.jpg": "not measured yet",
        "undated.jpg": "time uncertain: only the file's own time is known until a person confirms it",
        "x.jpg": "rejected: not a picture",
    }
    assert (series.unit, series.fingerprint) == ("px", place.fingerprint)
    assert [seen.value for seen in counts.observations] == [0.0, 2.0]
    assert millimetres.observations == ()
    assert "no scale: the location has no millimetres per pixel yet" in {item.reason for item in millimetres.excluded}


def test_a_confirmed_time_brings_a_capture_into_the_series(place: Place) -> None:
    capture_id = place.capture("a", days=5, source=TimeSource.FILE)
    record(place, capture_id, measured())
    with place.database.transaction() as session:
        repository.confirm_time(session, capture_id, NOW - timedelta(days=2))
        (seen,) = queries.series(session, place.location_id, "area_px").observations
    assert seen.at == NOW - timedelta(days=2)


def test_recipes_never_mix_in_a_series(place: Place) -> None:
    first, second, third = (place.capture(str(index), days=index) for index in range(3))
    record(place, first, measured(1.0))
    record(place, first, measured(10.0, weights="second"))
    record(place, second, measured(2.0))
    record(place, third, measured(30.0, weights="second"))
    other = recipe("second").fingerprint
    with place.database.transaction() as session:
        shown = queries.series(session, place.location_id, "max_width_px")
        asked = queries.series(session, place.location_id, "max_width_px", other)
        assert queries.fingerprints(session, place.location_id) == [other, place.fingerprint]
        assert queries.series(session, place.location_id, "max_width_px", "0" * 16).observations == ()
        repository.set_series(session, place.location_id, other)
        assert queries.series(session, place.location_id, "max_width_px") == asked
    assert [(seen.capture_id, seen.value) for seen in shown.observations] == [(first, 1.0), (second, 2.0)]
    assert [(seen.capture_id, seen.value) for seen in asked.observations] == [(first, 10.0), (third, 30.0)]
    assert [(item.capture_id, item.reason) for item in asked.excluded] == [(second, "not measured yet")]


def test_newest_capture_and_newest_reading_are_told_apart(place: Place) -> None:
    read, unread = place.capture("a", days=1), place.capture("b", days=2)
    record(place, read, measured())
    with place.database.session() as session:
        (status,) = queries.statuses(session)
    assert status.last_capture is not None
    assert status.last_read is not None
    assert (status.captures, status.last_capture.id, status.last_read.id) == (2, unread, read)


def test_every_metric_has_a_series_once_there_is_a_scale(place: Place) -> None:
    record(place, place.capture("a"), measured(4.0))
    with place.database.transaction() as session:
        repository.set_scale(session, place.location_id, Scale(0.5, 0.0, ScaleOrigin.TYPED))
        values = {
            metric: [seen.value for seen in queries.series(session, place.location_id, metric).observations]
            for metric in UNITS
        }
    assert values == {
        "crack_count": [2.0],
        "area_px": [100.0],
        "max_width_px": [4.0],
        "length_px": [50.0],
        "area_mm2": [25.0],
        "max_width_mm": [2.0],
        "length_mm": [25.0],
    }


def test_an_unknown_metric_lists_the_known_ones(place: Place) -> None:
    with place.database.session() as session, pytest.raises(UnknownNameError, match="area_px, crack_count"):
        queries.series(session, place.location_id, "width")


def test_things_that_do_not_exist(place: Place) -> None:
    with place.database.session() as session:
        with pytest.raises(MisuseError, match="no capture with the id 5"):
            queries.capture(session, 5)
        with pytest.raises(MisuseError, match="No recipe"):
            queries.recipe(session, "0" * 16)


def verdict(evidence: str, rate: RateView | None = None, months: float | None = 4.5) -> VerdictView:
    return VerdictView("all", "max_width_mm", "not_enough_data", evidence, months, rate, NOW)


RATE = RateView(0.3, -0.2, 0.8, 0.9, "mm", season_adjusted=False, smallest_detectable_per_year=0.6)


def test_fits_and_verdicts_are_replaced_whole_and_come_back_as_they_were(place: Place) -> None:
    def fit(method: str, slope: float) -> GrowthFit:
        return GrowthFit(
            "all", "max_width_mm", "mm", method, 9, success=True, slope_per_year=slope, low=0.1, origin=NOW
        )

    def put(fits: list[GrowthFit], verdicts: list[VerdictView]) -> None:
        with place.database.transaction() as session:
            repository.replace_fits(
                session,
                location_id=place.location_id,
                fingerprint=place.fingerprint,
                fits=fits,
                verdicts=verdicts,
                now=NOW,
            )
        with place.database.session() as session:
            stored = [view.fit for view in queries.fits(session, place.location_id)]
            assert stored == sorted(fits, key=lambda one: one.method)
            assert queries.verdicts(session, place.location_id) == verdicts
            assert queries.verdicts(session, place.location_id, "0" * 16) == []

    put([fit("theil_sen", 1.0), fit("least_squares", 2.0)], [verdict("Too few.", RATE)])
    put([fit("theil_sen", 3.0)], [verdict("Nothing yet.", None, None)])
    put([], [])


def test_fits_are_asked_for_whenever_what_they_rest_on_changed(place: Place) -> None:
    def unfitted() -> list[str]:
        with place.database.session() as session:
            found = [view.name for view in queries.unfitted(session)]
            if queries.fits(session, place.location_id) == []:
                assert queries.verdicts(session, place.location_id) == [], "a verdict goes with its fits"
            return found

    def refit(days: float) -> None:
        fit = GrowthFit("all", "area_px", "px²", "theil_sen", 1, success=False, message="too few")
        made_at = NOW + timedelta(days=days)
        with place.database.transaction() as session:
            repository.replace_fits(
                session,
                location_id=place.location_id,
                fingerprint=place.fingerprint,
                fits=[fit],
                verdicts=[replace(verdict("Too few."), judged_at=made_at)],
                now=made_at,
            )

    capture_id = place.capture("a")
    assert unfitted() == []
    record(place, capture_id, measured())
    assert unfitted() == ["north-wall"]
    refit(1)
    assert unfitted() == []
    with place.database.transaction() as session:
        repository.confirm_time(session, capture_id, NOW - timedelta(days=1))
    assert unfitted() == ["north-wall"]
    refit(2)
    with place.database.transaction() as session:
        repository.set_scale(session, place.location_id, Scale(0.5, 0.0, ScaleOrigin.TYPED))
    assert unfitted() == ["north-wall"]
    refit(-1)
    assert unfitted() == ["north-wall"]


def test_a_crack_that_is_not_found_again_has_not_healed(place: Place) -> None:
    days = [place.capture(name, days=day) for day, name in enumerate(["before", "opened", "dark", "again"])]
    sound = Analysis(Status.NO_CRACK, None, 0.01, None, registration(), recipe())
    for capture_id, analysis in zip(days, [sound, measured(4.5), sound, measured(4.7)], strict=True):
        record(place, capture_id, analysis)
    with place.database.session() as session:
        series = queries.series(session, place.location_id, "max_width_px")
    assert [seen.value for seen in series.observations] == [0.0, 4.5, 4.7]
    (left,) = series.excluded
    assert left.file_name == "dark.jpg"
    assert "has not healed" in left.reason


def test_a_crack_measured_at_an_unknown_time_says_nothing_of_what_came_after(place: Place) -> None:
    undated = place.capture("undated", days=0, source=TimeSource.FILE)
    sound = place.capture("sound", days=1)
    record(place, undated, measured(4.5))
    record(place, sound, Analysis(Status.NO_CRACK, None, 0.01, None, registration(), recipe()))
    with place.database.session() as session:
        series = queries.series(session, place.location_id, "max_width_px")
    assert [seen.value for seen in series.observations] == [0.0]
