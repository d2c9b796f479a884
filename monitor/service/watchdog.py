"""Who notices that the worker is silent: another process, which looks at its last sign of life and says so.

The alarm goes the way of all alarms, so that it is raised once, whoever notices first.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from monitor.errors import CrackmonitorError
from monitor.service.alarming import watch_worker
from monitor.service.leases import SharedClock
from monitor.service.notification import deliver
from monitor.service.routing import Routing
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.database import Database

log = logging.getLogger("crackmonitor.watchdog")


def is_alive(database: Database, host: str, silence: timedelta, now: datetime) -> bool:
    """Whether a worker on the machine `host` gave a sign of life within `silence` before `now`; it changes nothing."""
    with database.session() as session:
        beats = queries.heartbeats(session)
    return any(beat.name.rpartition(":")[0] == host and now - beat.at <= silence for beat in beats)


class Watchdog:
    """Looks after the workers of a workspace from outside; `name` tells it from others that send messages."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], datetime], name: str) -> None:
        self._database = database
        self._routing = Routing.of(settings)
        self._silence = timedelta(minutes=settings.alarms.worker_silent_minutes)
        self._clock = clock
        self._name = name

    def look(self) -> bool:
        """Whether the workers are silent. Then the alarm is raised, unless it was, and what is due is sent."""
        if isinstance(self._clock, SharedClock):  # signs of life are told on the clock that all machines share
            self._clock.compare()
        with self._database.transaction() as session:
            silent = watch_worker(session, self._silence, self._clock())
        if silent:  # otherwise the worker sends it
            deliver(self._database, self._routing, self._name, self._clock)
        return silent

    @contextmanager
    def awake(self, every: timedelta) -> Iterator[None]:
        """Looks again and again in a thread, as long as the block lasts."""
        stop = threading.Event()
        looking = threading.Thread(target=self._look_until, args=(stop, every), name="watchdog")
        looking.start()
        try:
            yield
        finally:
            stop.set()
            looking.join()

    def _look_until(self, stop: threading.Event, every: timedelta) -> None:
        while not stop.wait(every.total_seconds()):
            try:
                self.look()
            except CrackmonitorError as error:
                log.error("The worker could not be looked after; it is tried again. %s", error)
            except Exception:  # it must look again whatever happened this time; the log has the details
                log.exception("The worker could not be looked after; it is tried again.")
