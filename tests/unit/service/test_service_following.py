"""Cracks of a real, small series followed by the worker: whenever something has changed, and only then."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from simulated_wall import OPENING, Told, file_of, shown
from soaking import times
from sqlalchemy import select

from monitor.opening.sightings import Sighting
from monitor.records import Analysis, ByteArray, CrackReading, Recipe, Status
from monitor.service import following
from monitor.service import jobs as steps
from monitor.service.corrected_cracks import Corrected
from monitor.service.corrections import confirm_time, move_capture
from monitor.service.following import follow_location
from monitor.service.ingest import Ingest, original_path
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.observing import series_of, series_of_crack
from monitor.storage.tables import FollowingRow
from monitor.storage.views import CaptureView, CrackView

ALL = range(OPENING.captures)
RECIPE = Recipe({"weights": "the truth"})


def take(workspace: Workspace, *indices: int) -> list[int]:
    return workspace.take(*(file_of(index) for index in indices))


def tick(workspace: Workspace) -> None:
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()


def cracks(workspace: Workspace, name: str = LOCATION) -> list[CrackView]:
    with workspace.database.session() as session:
        return queries.cracks(session, queries.location(session, name).id)


def readings(workspace: Workspace) -> list[CrackReading]:
    (found,) = cracks(workspace)
    return list(found.readings)


def measured(workspace: Workspace) -> list[int]:
    """The captures of which an opening is known."""
    return [reading.capture for reading in readings(workspace) if reading.opening_px is not None]


def view_of(workspace: Workspace, capture_id: int) -> CaptureView:
    with workspace.database.session() as session:
        return queries.capture(session, capture_id)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The locations that the worker follows from now on, one after the other."""
    names: list[str] = []

    def noted(database, settings, location, now):
        names.append(location.name)
        follow_location(database, settings, location, now)

    monkeypatch.setattr(steps, "follow_location", noted)
    return names


def test_the_worker_stores_a_crack_with_its_openings_and_judges_it(workspace: Workspace) -> None:
    ids = take(workspace, *ALL)
    tick(workspace)
    (found,) = cracks(workspace)
    assert (found.crack.name, found.crack.first_seen) == ("A", ids[0])
    assert [reading.capture for reading in found.readings] == ids
    true = [truth.opening_px_at(found.crack.course).mean() for truth, _, _ in shown()]
    np.testing.assert_allclose([reading.opening_px for reading in found.readings], true, atol=0.2)
    with workspace.database.session() as session:
        fits = queries.fits(session, workspace.location_id)
        verdict = queries.headline(session, workspace.location_id)
    assert {view.fit.n for view in fits if (view.fit.crack, view.fit.metric) == ("A", "widest_px")} == {len(ids)}
    assert verdict is not None
    assert (verdict.crack, verdict.metric) == ("A", "widest_px")


@pytest.mark.parametrize(("graded", "counts"), [(True, True), (False, False)])
def test_a_crack_that_a_photo_cuts_off_has_an_opening_where_it_is_shown(
    workspace: Workspace, graded: bool, counts: bool
) -> None:
    """A photo without sizes that is good enough to be graded says where cracks are; a doubtful one does not."""

    class WithoutSizes(Told):
        def analyse(self, image: ByteArray, *others: Any) -> Analysis:
            found = super().analyse(image, *others)
            if not np.array_equal(image, shown()[3][1]):
                return found
            grading = found.grading if graded else None
            return replace(found, status=Status.NOT_MEASURED, reason="cut off", severity=None, grading=grading)

    ids = take(workspace, *ALL)
    workspace.clock.turn(minutes=1)
    workspace.jobs(WithoutSizes()).tick()
    assert (ids[3] in measured(workspace)) is counts
    with workspace.database.session() as session:
        own, (crack,) = queries.location(session, LOCATION), queries.cracks(session, workspace.location_id)
        captures = queries.captures(session, own.id)
        of_crack = series_of_crack(own, captures, crack, "widest_px")
        of_photos = series_of(own, captures, "max_width_px")
    assert (ids[3] in {seen.capture_id for seen in of_crack.observations}) is counts
    assert ids[3] not in {seen.capture_id for seen in of_photos.observations}
    assert counts or any("cut off" in left_out.reason for left_out in of_crack.excluded)


def test_two_rounds_without_a_change_follow_nothing_anew(workspace: Workspace, followed: list[str]) -> None:
    take(workspace, 0, 1)
    for _ in range(3):
        tick(workspace)
    assert followed == [LOCATION]
    take(workspace, 2)
    tick(workspace)
    assert followed == [LOCATION] * 2


@pytest.mark.parametrize("lost", ["original", "mask"])
def test_a_capture_whose_files_are_lost_is_left_out_and_said_so(workspace: Workspace, lost: str) -> None:
    first, second, third = take(workspace, 0, 2, 4)
    jobs = workspace.jobs(Told())
    jobs.analyse_pending()
    capture = view_of(workspace, second)
    assert capture.reading is not None
    original = original_path(workspace.settings.originals, capture.sha256, capture.media_type or "")
    (original if lost == "original" else workspace.settings.pictures / capture.reading.pictures["mask"]).unlink()
    jobs.judge_changed()
    assert measured(workspace) == [first, third]
    with workspace.database.session() as session:
        series = queries.crack_series(session, workspace.location_id, "A", "widest_px")
    assert [(one.capture_id, one.reason) for one in series.excluded] == [
        (second, "this crack has not been followed through this capture yet")
    ]


def test_while_all_originals_are_out_of_reach_known_cracks_stay(workspace: Workspace, followed: list[str]) -> None:
    """As while a network share is not mounted; once it is back, they are followed."""
    first, second = take(workspace, 0, 2)
    tick(workspace)
    before = readings(workspace)
    take(workspace, 4)
    jobs = workspace.jobs(Told())
    jobs.analyse_pending()
    aside = workspace.settings.originals.with_name("aside")
    workspace.settings.originals.rename(aside)
    jobs.judge_changed()
    assert readings(workspace) == before
    aside.rename(workspace.settings.originals)
    jobs.judge_changed()
    assert measured(workspace)[:2] == [first, second]
    assert len(measured(workspace)) == 3
    assert followed == [LOCATION] * 3


def test_a_capture_that_is_moved_away_is_followed_no_more(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    first, second, third = take(workspace, 0, 2, 4)
    tick(workspace)
    move_capture(workspace.database, second, "south-wall", workspace.clock())
    assert measured(workspace) == [first, third], "at once"
    tick(workspace)
    assert measured(workspace) == [first, third]
    with workspace.database.session() as session:
        assert {view.fit.n for view in queries.fits(session, workspace.location_id)} == {2}
        assert queries.unfollowed(session) == []


def test_a_confirmed_time_puts_a_capture_where_it_belongs_at_the_next_round(
    workspace: Workspace, followed: list[str]
) -> None:
    first, second, third = take(workspace, 0, 2, 4)
    tick(workspace)
    confirm_time(workspace.database, third, shown()[1][0].captured_at, workspace.clock())
    tick(workspace)
    assert followed == [LOCATION] * 2
    assert [reading.capture for reading in readings(workspace)] == [first, third, second]
    confirm_time(workspace.database, third, shown()[1][0].captured_at, workspace.clock())
    tick(workspace)
    assert followed == [LOCATION] * 2, "that was known already"


def told(workspace: Workspace) -> tuple[object, ...]:
    """Everything that is said of the location's cracks, by the captures' own content."""
    names = {view.id: view.sha256 for view in workspace.captures()}
    with workspace.database.session() as session:
        place = workspace.location_id
        return (
            [(names[view.crack.first_seen], view.crack.widest_stations) for view in queries.cracks(session, place)],
            [
                (names[reading.capture], reading.state, reading.opening_px, reading.widest_error_px, reading.lips_px)
                for view in queries.cracks(session, place)
                for reading in view.readings
            ],
            [view.fit for view in queries.fits(session, place)],
            [(view.crack, view.outcome, view.evidence, view.rate) for view in queries.verdicts(session, place)],
        )


@pytest.fixture
def fresh(made: Path, tmp_path: Path) -> Iterator[Callable[[], Workspace]]:
    """Makes one workspace after the other."""
    opened: list[Workspace] = []

    def make() -> Workspace:
        folder = tmp_path / str(len(opened))
        shutil.copytree(made, folder)
        settings = load_settings(folder)
        opened.append(Workspace(settings, Database(settings.resolved_database_url)))
        return opened[-1]

    yield make
    for one in opened:
        one.database.close()


@pytest.mark.soak
def test_the_order_of_arrival_plays_no_part(fresh: Callable[[], Workspace]) -> None:
    """To the last bit. The reference comes first, because all others are laid onto it."""

    def said_after(rounds: Sequence[Sequence[int]]) -> Any:
        workspace = fresh()
        for arriving in rounds:
            take(workspace, *arriving)
            tick(workspace)
        return told(workspace)

    expected = said_after([ALL])
    assert len(expected[1]) == OPENING.captures
    assert expected[3], "there is a verdict"
    rng = np.random.default_rng(4)
    for cut in [3, *rng.integers(2, OPENING.captures, times(0, 19)).tolist()]:
        order = [0, *(1 + rng.permutation(OPENING.captures - 1)).tolist()]
        assert said_after([order[:cut], order[cut:]]) == expected, order


def test_a_location_whose_pictures_are_broken_does_not_keep_others_from_being_judged(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes first by its name."""
    workspace.add_location("a-broken-one")
    path = workspace.settings.workspace / "broken.png"
    path.write_bytes(file_of(6))
    Ingest(workspace.database, workspace.settings).take([path], "a-broken-one", workspace.clock())
    (broken,) = workspace.captures("a-broken-one")
    whole = take(workspace, 0, 2)
    jobs = workspace.jobs(Told())
    jobs.analyse_pending()
    original_path(workspace.settings.originals, broken.sha256, broken.media_type or "").write_bytes(b"no picture")
    assert jobs.judge_changed() == 2
    assert "The cracks of a-broken-one could not be followed" in caplog.text
    assert cracks(workspace, "a-broken-one") == []
    assert measured(workspace) == whole
    with workspace.database.session() as session:
        assert queries.unfitted(session) == []
        assert [view.name for view in queries.unfollowed(session)] == ["a-broken-one"], "to be tried again"


def test_a_series_without_a_reference_is_followed_to_no_crack(workspace: Workspace) -> None:
    with workspace.database.transaction() as session:
        repository.set_series(session, workspace.location_id, repository.record_recipe(session, RECIPE, NOW))
        assert [place.name for place in queries.unfollowed(session)] == [LOCATION]
        location = queries.location(session, LOCATION)
    follow_location(workspace.database, workspace.settings, location, NOW)
    assert cracks(workspace) == []
    with workspace.database.session() as session:
        assert queries.unfollowed(session) == []


def test_what_changes_while_a_location_is_followed_is_followed_at_the_next_round(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored that rests on readings which are no longer all."""
    workspace.take(photo(10), photo(20, days=1))
    jobs = workspace.jobs(Gauge())
    jobs.analyse_pending()
    measure = following._followed

    def meanwhile(*given: Any) -> Corrected:
        found = measure(*given)
        workspace.take(photo(30, days=2))
        workspace.jobs(Gauge(), worker="two").analyse_pending()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(following, "_followed", meanwhile)
        jobs.judge_changed()
    with workspace.database.session() as session:
        assert session.scalars(select(FollowingRow)).all() == []
        assert [place.name for place in queries.unfollowed(session)] == [LOCATION]
    jobs.judge_changed()
    with workspace.database.session() as session:
        assert queries.unfollowed(session) == []


def test_a_photo_without_a_mask_that_was_laid_onto_the_reference_is_looked_at_too(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    """Its mask says nothing, but the lips of known cracks may be seen in it."""

    class Unsure(Gauge):
        def analyse(self, *given: Any) -> Analysis:
            found = super().analyse(*given)
            return replace(found, status=Status.NOT_MEASURED, reason="unsure", severity=None, mask=None, relevance=None)

    _, capture_id = workspace.take(photo(10), photo(20, days=1))
    gauge = Unsure()
    workspace.jobs(gauge).analyse_pending()
    with workspace.database.session() as session:
        capture = queries.capture(session, capture_id, gauge.recipe.fingerprint)
    assert capture.reading is not None
    original = original_path(workspace.settings.originals, capture.sha256, "image/png")

    def seen() -> Sighting | None:
        return following._sighting(capture, workspace.settings, {capture_id: original})

    found = seen()
    assert found is not None
    assert (found.mask.shape, len(found.mask)) == ((16, 24), 0)
    (workspace.settings.pictures / capture.reading.pictures["aligned"]).unlink()
    assert seen() is None
    assert f"Capture {capture_id} (1.png) is not followed: its pictures are out of reach" in caplog.text
