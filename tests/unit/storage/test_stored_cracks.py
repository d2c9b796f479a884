"""Cracks and what captures show of them: replaced as a whole, followed anew when they have to be, read as series."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from storage_examples import NOW, Place, digest, failed, measured

from monitor.errors import UnknownNameError
from monitor.records import (
    Analysis,
    Crack,
    CrackReading,
    CrackState,
    Grade,
    Grading,
    GrowthFit,
    Scale,
    ScaleOrigin,
    Status,
    TimeSource,
)
from monitor.storage import queries, repository
from monitor.storage.views import ALL_CRACKS, Series, VerdictView

LATER = NOW + timedelta(days=1)
SCALE = Scale(0.2, 0.004, ScaleOrigin.TYPED)


def record(place: Place, capture_id: int, analysis: Analysis | None = None) -> int:
    with place.database.transaction() as session:
        found = analysis or measured()
        repository.record_reading(session, capture_id=capture_id, analysis=found, pictures={}, now=NOW)
    return capture_id


def crack(name: str, first_seen: int, stations: int = 12) -> Crack:
    course = np.stack([np.arange(stations) * 4.0 + 1 / 3, np.full(stations, 20.0)], axis=1)
    return Crack(name, first_seen, (2, 3, 4), course)


def reading(name: str, capture_id: int, opening_px: float = 2.0, **changes: object) -> CrackReading:
    """Measured both ways, with standard errors that differ."""
    whole = CrackReading(
        crack=name,
        capture=capture_id,
        state=CrackState.CONTINUED,
        opening_px=opening_px,
        opening_error_px=0.05,
        change_px=opening_px - 2.0,
        change_error_px=0.06,
        widest_px=1.5 * opening_px,
        widest_error_px=0.1,
        shared_error_px=0.2,
        lips_px=opening_px - 2.1,
        lips_error_px=0.07,
        shear_px=-0.02,
        agree=True,
        length_px=44.0,
        area_px=90.0,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def unread(name: str, capture_id: int, state: CrackState, reason: str) -> CrackReading:
    return CrackReading(name, capture_id, state, reason)


def follow(place: Place, cracks: list[Crack], readings: list[CrackReading], now: datetime = NOW) -> None:
    with place.database.transaction() as session:
        repository.replace_cracks(
            session,
            location_id=place.location_id,
            fingerprint=place.fingerprint,
            cracks=cracks,
            readings=readings,
            basis=queries.following_basis(session, place.location_id, place.fingerprint),
            now=now,
        )


def basis(place: Place) -> str:
    with place.database.session() as session:
        return queries.following_basis(session, place.location_id, place.fingerprint)


def unfollowed(place: Place) -> list[str]:
    with place.database.session() as session:
        return [view.name for view in queries.unfollowed(session)]


def elsewhere(place: Place) -> int:
    with place.database.transaction() as session:
        (site,) = queries.sites(session)
        return repository.add_location(session, site_id=site.id, name="south-wall", interval_days=7, now=NOW)


def series(place: Place, metric: str, name: str = "A") -> Series:
    with place.database.session() as session:
        return queries.crack_series(session, place.location_id, name, metric)


def test_cracks_come_back_as_they_were_stored_and_readings_by_capture_time(place: Place) -> None:
    late, early = (record(place, place.capture(name, days=days)) for name, days in (("late", 2), ("early", 1)))
    gone = unread("B", late, CrackState.GONE_DARK, "The crack was not found.")
    names = ["B", "A", "AA"]  # beyond Z, names have two letters and come last
    follow(place, [crack(name, early) for name in names], [reading("A", late, 3.0), reading("A", early), gone])
    with place.database.session() as session:
        found = queries.cracks(session, place.location_id)
    assert [view.crack.name for view in found] == ["A", "B", "AA"]
    assert found[0].readings == (reading("A", early), reading("A", late, 3.0))
    assert found[1].readings == (gone,)
    assert found[0].crack.first_seen == early
    assert found[0].crack.widest_stations == (2, 3, 4)
    np.testing.assert_array_equal(found[0].crack.course, crack("A", early).course)


def test_cracks_are_replaced_as_a_whole_and_fits_are_forgotten(place: Place) -> None:
    first, second = (record(place, place.capture(name)) for name in ("a", "b"))
    follow(place, [crack("A", first), crack("B", first)], [reading("A", first), reading("B", first)])
    fit = GrowthFit("A", "widest_px", "px", "least_squares", 1, False, "too few")
    with place.database.transaction() as session:
        repository.replace_fits(
            session, location_id=place.location_id, fingerprint=place.fingerprint, fits=[fit], verdicts=[], now=NOW
        )
    follow(place, [crack("A", second)], [reading("A", second)], LATER)
    with place.database.session() as session:
        (found,) = queries.cracks(session, place.location_id)
        assert queries.fits(session, place.location_id) == []
        assert [view.name for view in queries.unfitted(session)] == ["north-wall"]
    assert (found.crack.first_seen, found.readings) == (second, (reading("A", second),))
    follow(place, [], [])
    with place.database.session() as session:
        assert queries.cracks(session, place.location_id) == []


def test_cracks_of_another_recipe_stay(place: Place) -> None:
    capture_id = record(place, place.capture("a"))
    follow(place, [crack("A", capture_id)], [reading("A", capture_id)])
    other = measured(weights="second").recipe
    with place.database.transaction() as session:
        fingerprint = repository.record_recipe(session, other, NOW)
        whole = {"location_id": place.location_id, "fingerprint": fingerprint, "basis": "none", "now": NOW}
        repository.replace_cracks(session, cracks=[], readings=[], **whole)
        assert len(queries.cracks(session, place.location_id)) == 1
        assert queries.cracks(session, place.location_id, fingerprint) == []


def _add(place: Place, _first: int, _second: int) -> None:
    record(place, place.capture("c", days=2))


def _supersede(place: Place, _first: int, second: int) -> None:
    with place.database.transaction() as session:
        assert repository.measure_again(session, second, NOW) == [second]


def _move(place: Place, _first: int, second: int) -> None:
    there = elsewhere(place)
    with place.database.transaction() as session:
        repository.move_capture(session, second, there, NOW)


def _confirm(place: Place, _first: int, second: int) -> None:
    with place.database.transaction() as session:
        repository.confirm_time(session, second, NOW - timedelta(days=9))


def _other_reference(place: Place, _first: int, second: int) -> None:
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, second, NOW)


def _nothing(_place: Place, _first: int, _second: int) -> None:
    pass


def _confirm_the_same_time(place: Place, _first: int, second: int) -> None:
    with place.database.transaction() as session:
        repository.confirm_time(session, second, NOW + timedelta(days=1))


def _await_a_reading(place: Place, _first: int, _second: int) -> None:
    place.capture("waiting", days=3)


def _read_under_another_recipe(place: Place, first: int, _second: int) -> None:
    record(place, first, measured(weights="second"))


def _photograph_elsewhere(place: Place, _first: int, _second: int) -> None:
    there = replace(place, location_id=elsewhere(place))
    record(there, there.capture("elsewhere"))


def _give_a_scale(place: Place, _first: int, _second: int) -> None:
    with place.database.transaction() as session:
        repository.set_scale(session, place.location_id, SCALE)


Step = Callable[[Place, int, int], None]
FOLLOWED_ANEW: list[Step] = [_add, _supersede, _move, _confirm, _other_reference]
LEFT_ALONE: list[Step] = [
    _nothing, _confirm_the_same_time, _await_a_reading, _read_under_another_recipe, _photograph_elsewhere, _give_a_scale
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "changes"), [*((step, True) for step in FOLLOWED_ANEW), *((step, False) for step in LEFT_ALONE)]
)
def test_a_location_is_followed_anew_when_its_readings_their_times_or_frame_change_and_only_then(
    place: Place, step: Step, changes: bool
) -> None:
    """The second reading gave no numbers, because only such a one can be superseded without being moved."""
    first, second = record(place, place.capture("a")), place.capture("b", days=1)
    record(place, second, failed())
    assert unfollowed(place) == ["north-wall"], "it has a series and was never followed"
    follow(place, [crack("A", first)], [reading("A", first)])
    assert unfollowed(place) == []
    before = basis(place)
    step(place, first, second)
    assert (basis(place) != before) is changes
    assert unfollowed(place) == ["north-wall"] * changes


def test_all_are_followed_anew_once_cracks_are_followed_otherwise(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(place, place.capture("a"))
    follow(place, [crack("A", first)], [reading("A", first)])
    assert unfollowed(place) == []
    monkeypatch.setattr("monitor.storage.queries.following.FOLLOWING_VERSION", 999)
    assert unfollowed(place) == ["north-wall"]


def test_a_location_without_a_series_is_not_to_be_followed(place: Place) -> None:
    elsewhere(place)
    assert unfollowed(place) == ["north-wall"]


def test_a_series_is_in_pixels_or_by_the_scale_in_millimetres_with_its_standard_errors(place: Place) -> None:
    first, second = (record(place, place.capture(name, days=days)) for name, days in (("a", 0), ("b", 1)))
    follow(place, [crack("A", first)], [reading("A", first), reading("A", second, 3.0)])
    opening = series(place, "opening_px")
    assert (opening.metric, opening.unit, opening.crack, opening.fingerprint) == (
        "opening_px", "px", "A", place.fingerprint
    )  # fmt: skip
    assert [(seen.value, seen.standard_error) for seen in opening.observations] == [(2.0, 0.05), (3.0, 0.05)]
    assert [seen.at for seen in opening.observations] == [NOW, LATER]
    assert [seen.capture_id for seen in opening.observations] == [first, second]
    in_mm = series(place, "widest_mm")
    assert (in_mm.unit, in_mm.observations) == ("mm", ())
    assert {one.reason.split(":")[0] for one in in_mm.excluded} == {"no scale"}
    _give_a_scale(place, first, second)
    found = [(seen.value, seen.standard_error) for seen in series(place, "widest_mm").observations]
    np.testing.assert_allclose(found, [(0.6, 0.02), (0.9, 0.02)])
    assert series(place, "opening_px") == opening


def test_a_series_says_of_every_capture_that_gives_no_value_why(place: Place) -> None:
    good = record(place, place.capture("good"))
    dark = record(place, place.capture("dark", days=1), replace(measured(), status=Status.NO_CRACK))
    cut = record(place, place.capture("cut", days=2))
    undated = record(place, place.capture("undated", days=3, source=TimeSource.FILE))
    lost = record(place, place.capture("lost", days=4), failed())
    waiting = place.capture("waiting", days=5)
    unfollowed = record(place, place.capture("unfollowed", days=6))
    with place.database.transaction() as session:
        rejected = repository.reject_capture(
            session, location_id=1, sha256=digest("x"), file_name="x.jpg", reason="not a picture", now=NOW
        ).capture_id
    follow(
        place,
        [crack("A", good)],
        [
            reading("A", good),
            unread("A", dark, CrackState.GONE_DARK, "The crack was not found in this capture."),
            unread("A", cut, CrackState.NOT_SHOWN, "The photo does not show enough of this crack."),
            reading("A", undated),
        ],
    )
    found = series(place, "widest_px")
    assert [seen.capture_id for seen in found.observations] == [good]
    reasons = {one.capture_id: one.reason for one in found.excluded}
    assert {key: reason for key, reason in reasons.items() if key in (dark, cut)} == {
        dark: "The crack was not found in this capture.",
        cut: "The photo does not show enough of this crack.",
    }
    begins = {
        undated: "time uncertain", lost: "not registered: too few inliers", waiting: "not measured yet",
        rejected: "rejected: not a picture", unfollowed: "this crack has not been followed",
    }  # fmt: skip
    assert set(reasons) == {dark, cut, *begins}
    assert all(reasons[key].startswith(words) for key, words in begins.items())
    assert len(series(place, "widest_px", "Z").excluded) == 8, "of a crack unknown here nothing can be said"


def test_a_series_carries_the_grades_of_its_photos(place: Place) -> None:
    ids = []
    for days, grade in enumerate([Grade.A, Grade.C, None]):
        grading = None if grade is None else Grading(grade, ("it is blurred",) if grade is Grade.C else ())
        ids.append(record(place, place.capture(f"{days}", days=days), replace(measured(), grading=grading)))
    follow(place, [crack("A", ids[0])], [reading("A", capture_id) for capture_id in ids])
    assert [seen.grade for seen in series(place, "opening_px").observations] == ["A", "C", None]
    with place.database.session() as session:
        of_masks = queries.series(session, place.location_id, "max_width_px")
        gradings = [view.reading.grading for view in queries.captures(session, place.location_id) if view.reading]
    assert [seen.grade for seen in of_masks.observations] == ["A", "C", None]
    assert gradings == [Grading(Grade.A), Grading(Grade.C, ("it is blurred",)), None]


def test_a_moved_capture_is_gone_from_the_series_before_anything_is_followed_anew(place: Place) -> None:
    first, second = (record(place, place.capture(name, days=days)) for name, days in (("a", 0), ("b", 1)))
    follow(place, [crack("A", first)], [reading("A", first), reading("A", second)])
    _move(place, first, second)
    with place.database.session() as session:
        assert queries.cracks(session, place.location_id)[0].readings == (reading("A", first),)
    found = series(place, "opening_px")
    assert ([seen.capture_id for seen in found.observations], found.excluded) == ([first], ())


def test_a_metric_that_no_crack_has_is_refused_with_those_it_has(place: Place) -> None:
    with pytest.raises(UnknownNameError, match="widest_mm"):
        series(place, "crack_count")


@pytest.mark.parametrize(
    ("outcomes", "gravest"),
    [
        ({"A": "dormant", "B": "progressive", "C": "not_enough_data"}, "B"),
        ({"A": "progressive", "B": "accelerating"}, "B"),
        ({"A": "seasonal", "B": "dormant"}, "A"),
        ({"A": "dormant", "B": "not_enough_data"}, "B"),  # nobody knows whether it is at rest
        ({"A": "dormant", "B": "dormant"}, "A"),
        ({ALL_CRACKS: "seasonal"}, ALL_CRACKS),
        ({}, None),
    ],
)
def test_a_location_goes_by_its_gravest_crack(place: Place, outcomes: dict[str, str], gravest: str | None) -> None:
    verdicts = [
        VerdictView(name, "widest_mm", outcome, "because", None, None, NOW) for name, outcome in outcomes.items()
    ]
    with place.database.transaction() as session:
        repository.replace_fits(
            session,
            location_id=place.location_id,
            fingerprint=place.fingerprint,
            fits=[],
            verdicts=verdicts[::-1],
            now=NOW,
        )
        found = queries.headline(session, place.location_id)
    assert (None if found is None else found.crack) == gravest
