"""The worker as a process: it ends cleanly when told, loses nothing when killed, and outlives a bad round."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_examples import Gauge, Workspace, photo

from monitor.errors import StorageError, UnknownNameError
from monitor.imaging.files import PictureFile
from monitor.service import ingest, scheduler
from monitor.service.decoding import examine
from monitor.service.ingest import Intake
from monitor.service.jobs import Jobs, Tick
from monitor.service.notification import Delivery
from monitor.storage import queries
from monitor.storage.database import Database

PROGRAM = Path(__file__).with_name("slow_worker.py")


@contextmanager
def worker(workspace: Workspace, seconds: float, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A running worker; killed in the end if it has not ended itself."""
    arguments = [sys.executable, str(PROGRAM), str(workspace.settings.workspace), str(seconds), *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def wait_until_analysing(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    assert running.stdout.readline() == "analysing\n"


def levels_read(workspace: Workspace) -> list[float]:
    views = workspace.captures(fingerprint=Gauge().recipe.fingerprint)
    return [view.reading.severity.max_width_px for view in views if view.reading and view.reading.severity]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_in_the_middle_of_a_capture_it_finishes_that_one_and_ends_well(
    workspace: Workspace, number: signal.Signals
) -> None:
    workspace.take(photo(10), photo(20, days=1), photo(30, days=2))
    with worker(workspace, seconds=0.8) as running:
        wait_until_analysing(running)
        running.send_signal(number)
        output, log = running.communicate(timeout=30)
    assert running.returncode == 0, log
    assert "finishing the capture in hand" in log
    assert "Traceback" not in log
    assert output == "", "another capture was begun"
    assert levels_read(workspace) == [1.0]
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert gauge.levels == [20, 30]
    assert levels_read(workspace) == [1.0, 2.0, 3.0]


def test_the_worker_goes_on_round_after_round_until_it_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rounds: list[bool] = []
    closed: list[bool] = []

    class Counted(Jobs):
        def tick(self) -> Tick:
            rounds.append(self._stop.is_set())
            if len(rounds) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return Tick(Intake(), 0, 0, Delivery(0, 0))

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(scheduler, "Jobs", Counted)
    monkeypatch.setattr(scheduler, "_LOOK_SECONDS", 0.02)
    workspace.settings.worker.scan_seconds = 0.05
    scheduler.work_until_told(workspace.database, workspace.settings)
    assert rounds[:3] == [False] * 3
    assert closed == [True], "after the last round"
    assert "Asked to stop (signal 15)" in caplog.text
    assert caplog.messages[-1] == "Worker stopped."


def test_a_single_round_told_to_stop_finishes_the_capture_in_hand_and_ends_well(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    with worker(workspace, 0.8, "--once") as running:
        wait_until_analysing(running)
        running.send_signal(signal.SIGTERM)
        output, log = running.communicate(timeout=30)
    assert running.returncode == 0, log
    assert "finishing the capture in hand" in log
    assert "1 analysed" in output
    assert levels_read(workspace) == [1.0]


def test_what_signals_did_before_they_do_again(workspace: Workspace) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with scheduler.told_to_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
    assert signal.getsignal(signal.SIGTERM) is before


def test_killed_in_the_middle_of_a_capture_nothing_is_lost(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    kept = workspace.original_files()
    with worker(workspace, seconds=30) as running:
        wait_until_analysing(running)
        running.kill()
        assert running.wait(timeout=30) == -signal.SIGKILL
    assert (levels_read(workspace), workspace.original_files()) == ([], kept)
    workspace.clock.at = scheduler.now()
    gauge = Gauge()
    assert workspace.jobs(gauge).tick().analysed == 0, "the claim of the dead worker still stands"
    workspace.clock.turn(minutes=30)
    workspace.jobs(gauge).tick()
    assert levels_read(workspace) == [1.0, 2.0]


def test_rounds_follow_each_other_and_take_in_what_is_dropped_meanwhile(workspace: Workspace) -> None:
    settings = workspace.settings.workspace / "crackmonitor.toml"
    settings.write_text("[worker]\nscan_seconds = 0.2\n", encoding="utf-8")
    workspace.drop("a.png", photo(10))
    with worker(workspace, seconds=0) as running:
        wait_until_analysing(running)
        workspace.drop("b.png", photo(20, days=1))
        wait_until_analysing(running)
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=30)
    assert running.returncode == 0, log
    assert levels_read(workspace) == [1.0, 2.0]
    assert workspace.inbox_files() == []
    with workspace.database.session() as session:
        (beat,) = queries.heartbeats(session)
    assert beat.name.endswith(f":{running.pid}")


def test_rounds_of_workers_count_when_they_are_half_an_interval_apart(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Jobs] = []

    class Noted(Jobs):
        def tick(self) -> Tick:
            made.append(self)
            stop.set()
            return super().tick()

    stop = threading.Event()
    monkeypatch.setattr(scheduler, "Jobs", Noted)
    workspace.settings.worker.scan_seconds = 40
    scheduler._work_until(stop, workspace.database, workspace.settings)
    assert made[0]._scans_apart == timedelta(seconds=20)


def test_a_stop_during_a_scan_leaves_the_rest_in_the_inbox(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in (10, 20, 30):
        workspace.drop(f"{level}.png", photo(level, days=-level))
    workspace.scan()
    stop = threading.Event()

    def told(*given: Any) -> PictureFile:
        stop.set()
        return examine(*given)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "examine", told)
        workspace.jobs(Gauge(), stop=stop).tick()
    assert [Path(name).name for name in workspace.inbox_files()] == ["20.png", "30.png"]
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert [level for level, *_ in gauge.seen] == [30, 20, 10], "the oldest of all is the reference"


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Another program holds the database file."""
    holder = sqlite3.connect(workspace.settings.workspace / "crackmonitor.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.close()


@pytest.fixture
def impatient(workspace: Workspace) -> Iterator[Workspace]:
    """The workspace, with a database that does not wait for others."""
    found = Workspace(workspace.settings, Database(workspace.settings.resolved_database_url, busy_seconds=0.05))
    yield found
    found.database.close()


def test_a_locked_database_is_a_sentence_and_the_next_round_goes_on(
    impatient: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    impatient.drop("a.png", photo(10))
    impatient.scan()
    jobs = impatient.jobs(Gauge())
    with locked(impatient):
        scheduler._round(jobs)
    (record,) = caplog.records
    assert "locked. Another program is writing to it: try again" in record.getMessage()
    assert record.exc_info is None
    scheduler._round(jobs)
    assert levels_read(impatient) == [1.0]


def test_a_database_locked_while_a_capture_is_in_hand_loses_only_time(impatient: Workspace) -> None:
    impatient.take(photo(10), photo(20, days=1))
    with ExitStack() as until_later:

        @contextmanager
        def locking() -> Iterator[None]:
            until_later.enter_context(locked(impatient))
            yield

        with pytest.raises(StorageError, match="locked"):
            impatient.jobs(Gauge(hold=locking)).tick()
    impatient.clock.turn(minutes=30)
    impatient.jobs(Gauge()).tick()
    assert levels_read(impatient) == [1.0, 2.0]


def test_a_read_only_database_is_a_sentence_and_takes_nothing_from_the_inbox(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo())
    file = workspace.settings.workspace / "crackmonitor.db"
    read_only = Workspace(workspace.settings, Database(f"sqlite:///file:{file}?mode=ro&uri=true"))
    for _ in range(2):
        with pytest.raises(StorageError, match="Give this user the right to write the file"):
            read_only.jobs(Gauge()).tick()
    assert path.exists()
    read_only.database.close()


def test_whatever_stops_the_analysis_does_not_silence_the_alerts(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.take(photo(10))
    workspace.clock.turn(days=60)
    workspace.settings.analysis.weights = "nosuch"
    jobs = Jobs(workspace.database, workspace.settings, workspace.clock, "one")
    with pytest.raises(UnknownNameError, match="nosuch"):
        jobs.tick()
    assert "Stale: north-wall (captures overdue)" in caplog.text


def test_a_round_that_breaks_does_not_end_the_worker(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    broken = workspace.jobs(Gauge())
    broken.__dict__["scan"] = lambda: 1 / 0
    scheduler._round(broken)
    assert "This round failed; the next one tries again." in caplog.text
    assert "ZeroDivisionError" in caplog.text
    workspace.drop("a.png", photo(10))
    workspace.scan()
    scheduler._round(workspace.jobs(Gauge()))
    assert "1 file(s) accepted, 1 capture(s) analysed." in caplog.text
