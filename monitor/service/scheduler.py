"""The worker: one round every so often, one capture at a time, a clean end on SIGTERM.

The schedule itself is never kept: it is declared again at every start, and what is to be done stands
in our tables. A round that takes longer than its interval delays the next one; none is doubled.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.errors import CrackmonitorError
from monitor.service.jobs import Jobs
from monitor.service.leases import SharedClock
from monitor.settings import Settings
from monitor.storage.database import Database

log = logging.getLogger("crackmonitor.worker")

_LOOK_SECONDS = 1.0


def now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def worker_name() -> str:
    """Tells this worker from all others: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set instead of ending the process; after the block they do as before."""
    stop = threading.Event()

    def told(signal_number: int, _frame: FrameType | None) -> None:
        log.info("Asked to stop (signal %d): finishing the capture in hand.", signal_number)
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def work_until_told(database: Database, settings: Settings) -> None:
    """Run the worker until SIGTERM or SIGINT; the capture in hand is finished first."""
    with told_to_stop() as stop:
        _work_until(stop, database, settings)
    log.info("Worker stopped.")


def _work_until(stop: threading.Event, database: Database, settings: Settings) -> None:
    # Half a round: less would let workers that share an inbox see a file twice at one moment, more would lose rounds
    # that come a little early.
    scans_apart = timedelta(seconds=settings.worker.scan_seconds) / 2
    clock = SharedClock(database, now)
    jobs = Jobs(database, settings, clock, worker_name(), stop, scans_apart=scans_apart)
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)
    scheduler.add_job(
        _round,
        "interval",
        args=(jobs, clock),
        id="round",
        seconds=settings.worker.scan_seconds,
        next_run_time=now(),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    scheduler.start()
    log.info("Worker %s started: a round every %g s.", worker_name(), settings.worker.scan_seconds)
    # A signal that the system hands to another thread is only looked at when this one comes back from waiting.
    while not stop.wait(_LOOK_SECONDS):
        pass
    scheduler.shutdown(wait=True)
    jobs.close()


def _round(jobs: Jobs, clock: SharedClock | None = None) -> None:
    try:
        if clock is not None:
            clock.compare()
        done = jobs.tick()
    except CrackmonitorError as error:
        log.error("This round failed; the next one tries again. %s", error)
        return
    except Exception:  # the next round must come whatever happened in this one; the log has the details
        log.exception("This round failed; the next one tries again.")
        return
    if done.intake.accepted or done.analysed:
        log.info("%d file(s) accepted, %d capture(s) analysed.", len(done.intake.accepted), done.analysed)
