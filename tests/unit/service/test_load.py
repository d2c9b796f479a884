"""Load: how many captures a second are taken in, and how long readers wait while the worker writes (SQLite).

Measured by `make soak` alone, on a machine that has nothing else to do.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from killed_workers import examined_here
from service_examples import NOW, Gauge, Workspace, photo
from soaking import SOAKING

from monitor.records import Scale, ScaleOrigin
from monitor.service import ingest
from monitor.service.places import set_scale
from monitor.storage import queries
from monitor.storage.database import Database

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not SOAKING, reason="load is measured by make soak")]

A_SECOND = 100
LONGEST_WAIT = 1.0
FILES, READERS, LOCATIONS, ROUNDS = 1000, 20, 20, 10


def test_metadata_of_captures_is_taken_in_by_the_hundred_a_second(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest as it is, but for the content of files: that takes as long as photos are large."""
    picture = examined_here(workspace.drop("0.png", photo()), workspace.settings.ingest)
    monkeypatch.setattr(ingest, "examine", lambda *_: picture)
    monkeypatch.setattr(ingest, "digest", lambda path: f"{int(path.stem):064x}")
    monkeypatch.setattr(ingest, "copy_whole", lambda *_: None)
    for number in range(FILES):
        workspace.drop(f"{number}.png", b"")
    assert len(workspace.scan().waiting) == FILES
    begun, worked = time.perf_counter(), time.process_time()
    intake = workspace.scan()
    rate, cpu_rate = FILES / (time.perf_counter() - begun), FILES / (time.process_time() - worked)
    assert len(intake.accepted) == len(workspace.captures()) == FILES
    assert workspace.inbox_files() == []
    print(f"{FILES} captures: {rate:.0f} a second, {cpu_rate:.0f} for each second of the processor")
    assert rate >= A_SECOND


def test_whole_small_files_are_taken_in(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with hashes, copies that are on disk before the row is written, and a decoder in this process."""
    monkeypatch.setattr(ingest, "examine", examined_here)
    for number in range(FILES):
        workspace.drop(f"{number}.png", photo(number % 250, days=-number))
    workspace.scan()
    begun = time.perf_counter()
    assert len(workspace.scan().accepted) == len(workspace.original_files()) == FILES
    print(f"{FILES} files: {FILES / (time.perf_counter() - begun):.0f} a second")


def test_readers_wait_for_no_writer(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "examine", examined_here)
    workspace.settings.ingest.stable_scans = 1
    places = [f"wall-{number}" for number in range(LOCATIONS)]
    for name in places:
        workspace.add_location(name)
        set_scale(workspace.database, name, Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
    waits: list[float] = []
    failed: list[BaseException] = []
    ended = threading.Event()
    readers = [
        threading.Thread(target=_read, args=(workspace, places, number, ended, waits, failed))
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        analysed = sum(_a_round_of_work(workspace, places))
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert failed == []
    assert analysed == LOCATIONS * ROUNDS
    assert len(waits) >= READERS
    in_order = sorted(waits)
    median, late = in_order[len(waits) // 2], in_order[int(0.99 * len(waits))]
    print(f"{len(waits)} pages: median {median * 1e3:.0f} ms, 99 % {late * 1e3:.0f} ms, longest {max(waits):.2f} s")
    assert max(waits) < LONGEST_WAIT


def _a_round_of_work(workspace: Workspace, places: list[str]) -> Iterator[int]:
    jobs = workspace.jobs(Gauge())
    for number in range(ROUNDS):
        workspace.clock.at = NOW + timedelta(days=7 * number, hours=1)
        for place, name in enumerate(places):
            shape = (16, 24 + place)  # so that no two walls send the same file
            workspace.drop(f"{number}.png", photo(20 + number, days=7 * number, shape=shape), name)
        yield jobs.tick().analysed


def _read(
    workspace: Workspace,
    places: list[str],
    number: int,
    ended: threading.Event,
    waits: list[float],
    failed: list[BaseException],
) -> None:
    """One person: the overview and a location's page in turn, a second apart."""
    try:
        with closing(Database(workspace.settings.resolved_database_url)) as database:
            name = places[number % len(places)]
            while True:
                begun = time.perf_counter()
                with database.session() as session:
                    queries.statuses(session)
                    queries.headlines(session)
                    queries.undelivered(session)
                waits.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                with database.session() as session:
                    place = queries.location(session, name)
                    queries.statuses(session, place.id)
                    queries.captures(session, place.id, registered=False)
                    queries.fits(session, place.id)
                    queries.verdicts(session, place.id)
                    queries.cracks(session, place.id)
                waits.append(time.perf_counter() - begun)
                if ended.wait(1.0):
                    return
    except BaseException as error:
        failed.append(error)
