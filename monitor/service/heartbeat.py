"""A sign of life for somebody outside: a URL that is asked for after every round of the worker.

Whoever waits for it (https://healthchecks.io and its like) notices what no program on a dead machine can say.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from monitor.service.guard import guarded

log = logging.getLogger("crackmonitor.worker")


class Heartbeat:
    """Asks for `url` (empty: none) for at most `seconds`; of the inner network only for what `allow` names.

    The URL may hold a secret, so that it is never logged.
    """

    def __init__(self, url: str, allow: Sequence[str] = (), seconds: float = 10.0) -> None:
        self._url = url
        self._allow = allow
        self._seconds = seconds
        self._asking: threading.Thread | None = None

    def tell(self, *, failed: bool = False) -> None:
        """Say that a round is over. Never raises, and never takes longer: what goes wrong is logged alone."""
        if not self._url:
            return
        if self._asking is not None and self._asking.is_alive():
            log.warning("The heartbeat was not told: the last one still waits for its answer.")
            return
        # In a thread, because a server that answers a byte at a time keeps every other limit.
        self._asking = threading.Thread(target=self._ask, args=(failed,), daemon=True, name="heartbeat")
        self._asking.start()
        self._asking.join(self._seconds)
        if self._asking.is_alive():
            log.warning("The heartbeat was told, but there was no answer within %g s.", self._seconds)

    def _ask(self, failed: bool) -> None:
        try:
            with guarded(self._allow) as passage:
                try:
                    with build_opener(_NoRedirect).open(_told(self._url, failed), timeout=self._seconds):
                        pass
                except HTTPError as error:
                    log.warning("The heartbeat was refused: the server answers %d.", error.code)
                    error.close()
        except Exception as error:  # what it says may hold the URL
            why = passage.refused or f"the server cannot be asked ({_kind(error)})."
            log.warning("The heartbeat was not told: %s", why)


class _NoRedirect(HTTPRedirectHandler):
    """Whoever is asked answers; nobody else is asked instead."""

    def redirect_request(self, *_given: Any, **_named: Any) -> None:
        """None: the redirect is the answer, an error."""


def _told(url: str, failed: bool) -> str:
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rstrip("/") + "/fail").geturl() if failed else url


def _kind(error: Exception) -> str:
    return type(getattr(error, "reason", None) or error).__name__
