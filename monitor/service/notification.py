"""Alerts on their way to people: claim an unsent row, send, record. At least once, never silently lost."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from monitor.errors import DeliveryError
from monitor.records import AlertState
from monitor.service.messages import message, sent_picture
from monitor.service.routing import LOG, Notifier, Routing
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import TEST, NotificationView

log = logging.getLogger("crackmonitor.alerts")

_LEASE = timedelta(minutes=5)


@dataclass(frozen=True)
class Delivery:
    """How many messages one round sent, and how many it could not."""

    sent: int
    failed: int

    def __add__(self, other: "Delivery") -> "Delivery":
        return Delivery(self.sent + other.sent, self.failed + other.failed)


def deliver(database: Database, routing: Routing, worker: str, clock: Callable[[], datetime]) -> Delivery:
    """Send whatever is due; what fails is tried again after the routing's pause, unless that cannot help."""
    with database.transaction() as session:
        _queue(session, routing, clock())
    done = step = _send_due(database, routing, worker, clock)
    while step.sent:  # others may have waited for these
        step = _send_due(database, routing, worker, clock)
        done += step
    return done


def _queue(session: Session, routing: Routing, now: datetime) -> None:
    """Whatever nobody hears of yet, to those it concerns; and again what nobody has acknowledged."""
    places: dict[tuple[str, ...], list[int | None]] = defaultdict(list, {routing.usual: [None]})
    for place in queries.locations(session):
        places[routing.channels_of(place)].append(place.id)
    for channels, concerned in places.items():
        repository.queue_notifications(session, channels, now, concerned)
    if routing.remind_after is not None:
        repository.queue_reminders(session, now, routing.remind_after)
    repository.queue_escalations(session, now, routing.escalate_after, routing.escalation)


def _send_due(database: Database, routing: Routing, worker: str, clock: Callable[[], datetime]) -> Delivery:
    sent = failed = 0
    with database.session() as session:
        due = queries.due_notifications(session, clock())
    for notification in due:
        with database.transaction() as session:
            mine = not _postponed(session, notification, routing, clock()) and repository.claim_notification(
                session, notification.id, worker=worker, now=clock(), lease=_LEASE
            )
            picture = queries.picture_of(session, notification.transition) if mine else None
        if not mine:
            continue
        try:
            _send(_channel(routing, notification.channel), notification, routing, picture)
        except DeliveryError as error:
            failed += 1
            again = None if error.permanent else clock() + routing.retry
            log.error("Notification %d over %s failed: %s", notification.id, notification.channel, error)
            with database.transaction() as session:
                repository.mark_failed(session, notification.id, error=str(error), next_attempt_at=again)
        else:
            sent += 1
            with database.transaction() as session:
                repository.mark_sent(session, notification.id, now=clock())
    return Delivery(sent, failed)


def _postponed(session: Session, notification: NotificationView, routing: Routing, now: datetime) -> bool:
    """Whether it waits until people are awake; red wakes them, and the log never sleeps."""
    told = notification.transition
    if routing.quiet is None or notification.channel == LOG or told.new is AlertState.RED or told.subject == TEST:
        return False
    until = routing.quiet.until(now, told.time_zone)
    if until is None:
        return False
    repository.postpone_notification(session, notification.id, until)
    return True


def _send(channel: Notifier, notification: NotificationView, routing: Routing, picture: str | None) -> None:
    path = routing.pictures / picture if routing.pictures is not None and picture is not None else None
    try:
        with sent_picture(path) as sent:
            channel.send(*message(notification, routing.link), sent)
    except DeliveryError:
        raise
    except Exception as error:  # one channel must not stop the others; what else it says may hold a password
        raise DeliveryError(f"The channel broke ({type(error).__name__}).") from None


def _channel(routing: Routing, name: str) -> Notifier:
    if name not in routing.channels:
        raise DeliveryError(f"The channel '{name}' is no longer in 'notify.urls'.", permanent=True)
    return routing.channels[name]
