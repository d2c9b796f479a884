"""One worker among several: what it holds is renewed while it lives, and its time is the one that all share."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from monitor.errors import StorageError
from monitor.storage import repository
from monitor.storage.database import Database

log = logging.getLogger("crackmonitor.worker")

#: What is held longer has got stuck: it is renewed no more, and another worker takes it over.
_LONGEST = timedelta(hours=2)
#: Clocks that are further apart are worth a word.
_APART = timedelta(seconds=5)


class Leases:
    """The tokens one worker holds. Within `with` a thread renews them three times in every `span`.

    A worker that dies renews nothing, so that others take its work over after `span`; one that was only held up and
    comes back then finds its token gone, and whatever it writes in its name is not stored.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], span: timedelta) -> None:
        self.span = span
        self._database = database
        self._clock = clock
        self._since: dict[str, float] = {}
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._done.clear()
        self._thread = threading.Thread(target=self._renew_until_done, name="leases")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        self._since.clear()  # what was left behind by an error is not renewed for ever

    def hold(self, token: str) -> None:
        """Renew this one from now on."""
        with self._guard:
            self._since[token] = time.monotonic()

    def let_go(self, token: str) -> None:
        """Renew it no more."""
        with self._guard:
            self._since.pop(token, None)

    @contextmanager
    def alone_at(self, name: str, worker: str) -> Iterator[bool]:
        """Hold the lease of that name; False, and nothing is held, while another worker has it."""
        with self._database.transaction() as session:
            token = repository.take_lease(session, name, worker=worker, now=self._clock(), lease=self.span)
        if token is None:
            yield False
            return
        self.hold(token)
        try:
            yield True
        finally:
            self.let_go(token)
            with self._database.transaction() as session:
                repository.end_lease(session, token)

    def renew(self) -> None:
        """Renew all that is held and was not held for too long; what is lost is held no more."""
        with self._guard:
            oldest = time.monotonic() - _LONGEST.total_seconds()
            due = [token for token, since in self._since.items() if since > oldest]
        if not due:
            return
        with self._database.transaction() as session:
            standing = repository.renew(session, due, self._clock() + self.span)
        for token in set(due) - standing:
            self.let_go(token)

    def _renew_until_done(self) -> None:
        while not self._done.wait(self.span.total_seconds() / 3):
            try:
                self.renew()
            except StorageError as error:  # the next one may succeed, and a lost claim stores nothing wrong
                log.warning("What is in hand could not be renewed: %s", error)


class SharedClock:
    """The database server's time, so that machines whose clocks differ agree on when a lease has run out.

    `own` is this machine's clock, which alone counts where the database is a file. The difference is measured by
    `compare`; between two measurements this machine's clock goes on from there.
    """

    def __init__(self, database: Database, own: Callable[[], datetime]) -> None:
        self._database = database
        self._own = own
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        """The present time (aware)."""
        return self._own() - self._ahead

    def compare(self) -> None:
        """Ask the server once. Where it cannot be reached, the last measurement stands."""
        try:
            theirs = self._database.time()
        except StorageError:  # whoever asks for work next is told
            return
        ahead = timedelta(0) if theirs is None else self._own() - theirs
        if abs(ahead - self._ahead) > _APART:
            seconds = ahead.total_seconds()
            log.warning("This machine's clock is %+.0f s off the database's, and the worker goes by that.", seconds)
        self._ahead = ahead
