"""Who is told of what, how, and when: channels, distribution groups, reminders, escalation, quiet hours."""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from monitor.errors import DeliveryError
from monitor.service.guard import Passage, guarded
from monitor.settings import Settings
from monitor.storage.views import LocationView

log = logging.getLogger("crackmonitor.alerts")


class Notifier(Protocol):
    """One way to reach people."""

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        """Deliver one message, with a picture where the way can carry one; raises `DeliveryError` when it could not be
        handed over.
        """
        ...


class LogNotifier:
    """Writes alerts to the log."""

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        """Never fails; leaves the picture out."""
        log.warning("%s: %s", title, body)


class AppriseNotifier:
    """E-mail, webhooks and everything else Apprise has a URL for (https://github.com/caronc/apprise).

    Of the inner network only mail servers are reached, and what `allow` names (`NetworkSettings.allow`).
    """

    def __init__(self, url: str, allow: Sequence[str] = ()) -> None:
        self._url = url
        self._allow = allow

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        """Raises `DeliveryError`, for good when Apprise does not know the URL's kind."""
        import apprise

        sender = apprise.Apprise()
        with _without_log_of("apprise"):  # it would quote a URL it does not understand, passwords and all
            understood = sender.add(self._url)
        if not understood:
            raise DeliveryError(
                f"Apprise does not understand the '{_kind(self._url)}' URL. Correct 'notify.urls'.", permanent=True
            )
        with self._passage() as passage:
            taken = sender.notify(body=body, title=title, attach=None if picture is None else str(picture))
        if not taken and passage.refused is not None:
            raise DeliveryError(f"The channel was not asked: {passage.refused}")
        if not taken:
            raise DeliveryError("The channel did not take the message.")

    def _passage(self) -> AbstractContextManager[Passage]:
        """Mail servers are in the inner network as a rule; what speaks HTTP there was not made to be spoken to."""
        return nullcontext(Passage()) if _kind(self._url) in _MAIL else guarded(self._allow)


LOG = "log"
_MAIL = ("mailto", "mailtos")


def channel_name(url: str) -> str:
    """Holds the URL's kind and a hash, never the URL: it may contain a password."""
    return f"{_kind(url)}-{hashlib.sha256(url.encode()).hexdigest()[:10]}"


def notifiers(urls: Iterable[str], allow: Sequence[str] = ()) -> dict[str, Notifier]:
    """Channel name -> notifier for these Apprise URLs, the log always among them."""
    return {LOG: LogNotifier(), **{channel_name(url): AppriseNotifier(url, allow) for url in urls}}


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
class QuietHours:
    """From `begins` to `ends` on the site's clocks, over midnight where that is the later one."""

    begins: time
    ends: time

    def until(self, now: datetime, time_zone: str) -> datetime | None:
        """When the quiet that reigns at `now` ends; None: there is none."""
        here = now.astimezone(ZoneInfo(time_zone))
        clock = here.time()
        over_midnight = self.ends <= self.begins
        quiet = clock >= self.begins or clock < self.ends if over_midnight else self.begins <= clock < self.ends
        if not quiet:
            return None
        day = here.date() + timedelta(days=1 if over_midnight and clock >= self.begins else 0)
        return datetime.combine(day, self.ends, here.tzinfo).astimezone(UTC)


@dataclass(frozen=True)
class Routing:
    """All channels by name, and which of them hear of what.

    `usual` are those of whatever no route names, `routes` those of a site or location by its name. What nobody has
    acknowledged goes out again every `remind_after`, and to `escalation` once after `escalate_after`. `link` is the
    address of the pages, `pictures` their folder (None: messages carry none).
    """

    channels: Mapping[str, Notifier]
    usual: tuple[str, ...]
    retry: timedelta
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    escalation: tuple[str, ...] = ()
    remind_after: timedelta | None = None
    escalate_after: timedelta = timedelta(days=2)
    quiet: QuietHours | None = None
    link: str = ""
    pictures: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Routing":
        """As the settings say."""
        notify, alarms = settings.notify, settings.alarms
        groups = {name: [channel_name(url) for url in urls] for name, urls in notify.groups.items()}

        def together(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(channel for name in names for channel in groups[name]))

        quiet = None
        if alarms.quiet_from and alarms.quiet_to:
            quiet = QuietHours(time.fromisoformat(alarms.quiet_from), time.fromisoformat(alarms.quiet_to))
        return cls(
            channels=notifiers(
                [*notify.urls, *(url for urls in notify.groups.values() for url in urls)], settings.network.allow
            ),
            usual=tuple(notifiers(notify.urls)),
            retry=timedelta(seconds=notify.retry_seconds),
            routes={name: (LOG, *together(names)) for name, names in notify.routes.items()},
            escalation=together(notify.escalation),
            remind_after=timedelta(hours=alarms.reminder_hours) if alarms.reminder_hours else None,
            escalate_after=timedelta(hours=alarms.escalation_hours),
            quiet=quiet,
            link=settings.link,
            pictures=settings.pictures,
        )

    def channels_of(self, place: LocationView) -> tuple[str, ...]:
        """The channels that hear of a location: its own, or its site's, or the usual ones."""
        return self.routes.get(place.name) or self.routes.get(place.site) or self.usual
