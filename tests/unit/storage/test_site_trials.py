"""Simulated growth on a location's own wall is kept with it; and how far captures may be trusted beyond their photo."""

from datetime import timedelta

import pytest
from storage_examples import NOW, Place

from monitor.records import Analysis, Grade, Grading, Scale, ScaleOrigin, SiteTrial, Status, TimeSource
from monitor.storage import queries, repository
from monitor.storage.observing import grading_of

SEEN = SiteTrial(12, 31.0, "mm", 1.0, 0.98, 0.9, 1.06, 0.03, 211.5)
MISSED = SiteTrial(12, 31.0, "mm", 0.0, message="The simulated crack was not found in enough captures.")


def keep(place: Place, *trials: SiteTrial, days: float = 0.0) -> None:
    with place.database.transaction() as session:
        repository.record_site_trials(
            session,
            location_id=place.location_id,
            fingerprint=place.fingerprint,
            seed=4,
            trials=trials,
            now=NOW + timedelta(days=days),
        )


def test_what_was_kept_comes_back_whole_newest_first_and_by_growth(place: Place) -> None:
    keep(place, SEEN, MISSED)
    keep(place, SEEN, days=2)
    with place.database.session() as session:
        found = queries.site_trials(session, place.location_id)
        assert queries.site_trials(session, place.location_id + 1) == []
    assert [view.trial for view in found] == [SEEN, MISSED, SEEN]
    assert {(view.fingerprint, view.seed) for view in found} == {(place.fingerprint, 4)}
    assert [view.simulated_at - NOW for view in found] == [timedelta(days=2), timedelta(0), timedelta(0)]


MARKER = Scale(0.5, 0.005, ScaleOrigin.MARKER)


@pytest.mark.parametrize(
    ("source", "scale", "grade", "reason"),
    [
        (TimeSource.EXIF_OFFSET, None, Grade.A, None),
        (TimeSource.EXIF_OFFSET, MARKER, Grade.A, None),
        (TimeSource.EXIF_SITE_ZONE, MARKER, Grade.A, None),
        (TimeSource.FILE, MARKER, Grade.C, "only the file's own time"),
        (TimeSource.EXIF_OFFSET, Scale(0.5, 0.01, ScaleOrigin.TYPED), Grade.B, "typed"),
        (TimeSource.EXIF_OFFSET, Scale(0.5, 0.04, ScaleOrigin.TWO_POINTS), Grade.B, "only known to 8%"),
        (TimeSource.EXIF_OFFSET, Scale(0.5, 0.1, ScaleOrigin.MARKER), Grade.C, "only known to 20%"),
    ],
)
def test_time_and_scale_count_for_the_grade(
    place: Place, source: TimeSource, scale: Scale | None, grade: Grade, reason: str | None
) -> None:
    capture_id = place.capture("one", source=source)
    with place.database.session() as session:
        recipe = queries.recipe(session, place.fingerprint)
    analysis = Analysis(Status.NO_CRACK, None, 0.1, None, None, recipe, grading=Grading(Grade.A))
    with place.database.transaction() as session:
        repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures={}, now=NOW)
    with place.database.session() as session:
        found = grading_of(queries.capture(session, capture_id, place.fingerprint), scale)
    assert found is not None
    assert found.grade is grade
    assert (found.reasons == ()) if reason is None else (reason in found.reasons[0])


def test_what_was_not_graded_has_no_grade(place: Place) -> None:
    with place.database.session() as session:
        assert grading_of(queries.capture(session, place.capture("waiting")), None) is None
