"""Promise 1: how often, from how many hands and in which order photos arrive plays no part in what is known."""

import os
import shutil
import warnings
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killed_workers import examined_here
from service_examples import LOCATION, NOW, Gauge, Workspace, photo, pixels
from soaking import SOAKING, times
from sqlalchemy.orm import Session

from monitor.records import CaptureTime, Scale, ScaleOrigin, TimeSource
from monitor.service import ingest
from monitor.service.judging import history, judge_location
from monitor.service.places import set_scale
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database

pytestmark = pytest.mark.soak

#: A crack that begins to grow after half a year.
LEVELS = (20, 21, 20, 20, 21, 20, 26, 32, 38, 44)
INTERVAL = timedelta(days=45)
LATER = NOW + len(LEVELS) * INTERVAL


@pytest.fixture
def scaled(workspace: Workspace) -> Workspace:
    set_scale(workspace.database, LOCATION, Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
    return workspace


def test_one_file_from_four_workers_at_once_is_one_capture_with_one_reading(
    shared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, workers = shared_workspace, 4
    monkeypatch.setattr(ingest, "examine", examined_here)
    workspace.settings.ingest.stable_scans = 1
    for number in range(times(20, 100)):
        workspace.drop(f"{number}.png", photo())
    workspace.database.close()  # each worker opens its own connections
    children = [_forked(workspace, f"{number}") for number in range(workers)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * workers
    workspace.jobs(Gauge()).tick()
    (capture,) = workspace.captures(fingerprint=Gauge().recipe.fingerprint)
    assert capture.rejected_reason is None
    assert capture.reading is not None
    assert workspace.inbox_files() == workspace.quarantine_files() == []
    assert workspace.original_files() == [f"{capture.sha256[:2]}/{capture.sha256}.png"]
    with workspace.database.session() as session:
        assert len(queries.series(session, workspace.location_id, "max_width_px").observations) == 1


def _forked(workspace: Workspace, name: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, whose locks are not touched
        child = os.fork()
    if child == 0:
        status = 1
        try:
            workspace.jobs(Gauge(), worker=name).tick()
            status = 0
        finally:
            os._exit(status)
    return child


class _UndoneError(Exception):
    """So that the next order finds the database as this one did."""


def _arrive(session: Session, number: int) -> None:
    level, at = LEVELS[number], NOW + number * INTERVAL
    stored = repository.add_capture(
        session,
        location_id=queries.location(session, LOCATION).id,
        sha256=f"{number:064x}",
        file_name=f"{number}.png",
        media_type="image/png",
        height_px=16,
        width_px=24,
        time=CaptureTime(at, TimeSource.EXIF_OFFSET),
        now=LATER,
    )
    analysis = Gauge().analyse(pixels(level))
    repository.record_reading(session, capture_id=stored.capture_id, analysis=analysis, pictures={}, now=LATER)


def _known(session: Session) -> dict[str, Any]:
    place = queries.location(session, LOCATION)
    judged = queries.verdicts(session, place.id)
    stands = queries.trigger_stands(session, place.id)
    return {
        "readings": [(seen.at, seen.value) for seen in history(session, place).observations],
        "fits": sorted(repr(view.fit) for view in queries.fits(session, place.id)),
        "verdicts": [(one.outcome, one.evidence, one.rate, one.remarks) for one in judged],
        "level": [stand.level for stand in stands],
    }


def _in_order(workspace: Workspace, rounds: list[list[int]], *, judged: bool = False) -> dict[str, Any]:
    """What is known after all have arrived; where that is wanted, judged after every round."""
    known: dict[str, Any] = {}
    try:
        with workspace.database.transaction() as session:
            place = queries.location(session, LOCATION)
            repository.set_series(session, place.id, repository.record_recipe(session, Gauge().recipe, NOW))
            for arriving in rounds:
                for number in arriving:
                    _arrive(session, number)
                if judged:
                    judge_location(session, queries.location(session, LOCATION), LATER, late_holds=True)
            known.update(_known(session))
            raise _UndoneError
    except _UndoneError:
        return known


def _cut(order: list[int], places: set[int]) -> list[list[int]]:
    """The order in rounds that end at those places."""
    return [part.tolist() for part in np.split(np.array(order), sorted(places)) if len(part)]


def test_any_order_of_arrival_gives_the_same_series(scaled: Workspace) -> None:
    """Fits and verdicts are made of it alone."""
    photos = range(times(6, len(LEVELS)))
    expected = _in_order(scaled, [list(photos)])["readings"]
    assert [value for _, value in expected] == pytest.approx([0.05 * LEVELS[number] for number in photos])

    @settings(max_examples=times(200, 1000), deadline=None, derandomize=True, database=None)
    @given(st.permutations(photos))
    def arrive(order: list[int]) -> None:
        assert _in_order(scaled, [order])["readings"] == expected

    arrive()


def test_any_order_and_rounds_of_arrival_give_the_same_rates_and_verdict(scaled: Workspace) -> None:
    in_turn = list(range(len(LEVELS)))
    expected = _in_order(scaled, [in_turn], judged=True)
    assert [outcome for outcome, *_ in expected["verdicts"]] != ["not_enough_data"]
    rng = np.random.default_rng(1)
    for _ in range(times(3, 300)):
        rounds = _cut(rng.permutation(in_turn).tolist(), {int(rng.integers(1, len(LEVELS)))})
        found = _in_order(scaled, rounds, judged=True)
        for name in ("readings", "fits", "verdicts"):
            assert found[name] == expected[name], rounds


@pytest.mark.skipif(not SOAKING, reason="make soak only; test_service_following has one order through the worker")
def test_any_order_through_the_whole_worker_gives_the_same_as_one_by_one(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "examine", examined_here)
    rng = np.random.default_rng(1)
    photos = times(4, len(LEVELS))
    expected = _worked(made, tmp_path / "one by one", [[number] for number in range(photos)])
    assert len(expected["readings"]) == photos
    for number in range(times(1, 40)):
        order = [0, *(1 + rng.permutation(photos - 1)).tolist()]  # the reference comes first
        found = _worked(made, tmp_path / f"{number}", _cut(order, {1, int(rng.integers(2, photos))}))
        for name in ("readings", "fits", "verdicts"):
            assert found[name] == expected[name], order


def _worked(made: Path, folder: Path, rounds: list[list[int]]) -> dict[str, Any]:
    shutil.copytree(made, folder)
    found = load_settings(folder)
    with closing(Database(found.resolved_database_url)) as database:
        workspace = Workspace(found, database)
        set_scale(database, LOCATION, Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
        workspace.clock.at = LATER
        jobs = workspace.jobs(Gauge())
        for arriving in rounds:
            workspace.take(*(photo(LEVELS[number], days=number * INTERVAL.days) for number in arriving))
            jobs.tick()
        with database.session() as session:
            return _known(session)
