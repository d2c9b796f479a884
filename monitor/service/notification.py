"""Alerts on their way to people: claim an unsent row, send, record. At least once, never silently lost."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.errors import DeliveryError
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import TransitionView

log = logging.getLogger("crackmonitor.alerts")

_LEASE = timedelta(minutes=5)


class Notifier(Protocol):
    """One way to reach people."""

    def send(self, title: str, body: str) -> None:
        """Deliver one message; raises `DeliveryError` when it could not be handed over."""
        ...


class LogNotifier:
    """Writes alerts to the log."""

    def send(self, title: str, body: str) -> None:
        """Never fails."""
        log.warning("%s: %s", title, body)


class AppriseNotifier:
    """E-mail, webhooks and everything else Apprise has a URL for (https://github.com/caronc/apprise)."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, title: str, body: str) -> None:
        """Raises `DeliveryError`, for good when Apprise does not know the URL's kind."""
        import apprise

        sender = apprise.Apprise()
        with _without_log_of("apprise"):  # it would quote a URL it does not understand, passwords and all
            understood = sender.add(self._url)
        if not understood:
            raise DeliveryError(
                f"Apprise does not understand the '{_kind(self._url)}' URL. Correct 'notify.urls'.", permanent=True
            )
        if not sender.notify(body=body, title=title):
            raise DeliveryError("The channel did not take the message.")


def notifiers(urls: Iterable[str]) -> dict[str, Notifier]:
    """Channel name -> notifier for these Apprise URLs, the log always among them.

    A channel's name holds the URL's kind and a hash, never the URL: it may contain a password.
    """
    channels: dict[str, Notifier] = {"log": LogNotifier()}
    for url in urls:
        name = f"{_kind(url)}-{hashlib.sha256(url.encode()).hexdigest()[:10]}"
        channels[name] = AppriseNotifier(url)
    return channels


def _kind(url: str) -> str:
    """What stands before `://`; of anything else no part is safe to show."""
    found = re.match(r"(\w+)://", url)
    return found[1] if found else "unknown"


@contextmanager
def _without_log_of(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@dataclass(frozen=True)
class Delivery:
    """How many messages one round sent, and how many it could not."""

    sent: int
    failed: int

    def __add__(self, other: "Delivery") -> "Delivery":
        return Delivery(self.sent + other.sent, self.failed + other.failed)


def message(transition: TransitionView) -> tuple[str, str]:
    """Title and body of the message about a change of state."""
    headline = "Alert" if transition.new == "firing" else "All clear"
    title = f"{headline}: {transition.location} ({transition.subject})"
    return title, f"{transition.why}\nSince {transition.at.isoformat(timespec='minutes')}."


def deliver(
    database: Database,
    channels: dict[str, Notifier],
    worker: str,
    clock: Callable[[], datetime],
    retry: timedelta,
) -> Delivery:
    """Send whatever is due to `channels`; what fails is tried again after `retry`, unless that cannot help."""
    with database.transaction() as session:
        repository.queue_notifications(session, channels, clock())
    done = step = _send_due(database, channels, worker, clock, retry)
    while step.sent:  # others may have waited for these
        step = _send_due(database, channels, worker, clock, retry)
        done += step
    return done


def _send_due(
    database: Database,
    channels: dict[str, Notifier],
    worker: str,
    clock: Callable[[], datetime],
    retry: timedelta,
) -> Delivery:
    sent = failed = 0
    with database.session() as session:
        due = queries.due_notifications(session, clock())
    for notification in due:
        with database.transaction() as session:
            mine = repository.claim_notification(session, notification.id, worker=worker, now=clock(), lease=_LEASE)
        if not mine:
            continue
        try:
            _send(_channel(channels, notification.channel), notification.transition)
        except DeliveryError as error:
            failed += 1
            again = None if error.permanent else clock() + retry
            log.error("Notification %d over %s failed: %s", notification.id, notification.channel, error)
            with database.transaction() as session:
                repository.mark_failed(session, notification.id, error=str(error), next_attempt_at=again)
        else:
            sent += 1
            with database.transaction() as session:
                repository.mark_sent(session, notification.id, now=clock())
    return Delivery(sent, failed)


def _send(channel: Notifier, transition: TransitionView) -> None:
    try:
        channel.send(*message(transition))
    except DeliveryError:
        raise
    except Exception as error:  # one channel must not stop the others; what else it says may hold a password
        raise DeliveryError(f"The channel broke ({type(error).__name__}).") from None


def _channel(channels: dict[str, Notifier], name: str) -> Notifier:
    if name not in channels:
        raise DeliveryError(f"The channel '{name}' is no longer in 'notify.urls'.", permanent=True)
    return channels[name]
