"""What a message says and shows, whom it reaches and when, and that a killed sender loses none."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import numpy as np
import pytest
from receivers import Received, mail_server, webhook
from service_examples import LOCATION, NOW, Gauge, Workspace, photo

from monitor.errors import SettingsError
from monitor.records import AlertState, RuleKind
from monitor.service.notification import Delivery, deliver
from monitor.service.places import add_rule
from monitor.service.routing import LOG, Notifier, QuietHours, Routing
from monitor.settings import SETTINGS_FILE, load_settings
from monitor.storage import queries, repository

pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]
RETRY = timedelta(minutes=5)


@pytest.fixture(params=["mail", "hook"])
def receiver(request: pytest.FixtureRequest) -> Iterator[tuple[Received, str]]:
    """A real mail server, then a real web server, and the URL to reach it."""
    if request.param == "mail":
        with mail_server("wall", "hunter2") as received:
            people = "from=wall@example.org&to=engineer@example.org"
            yield received, f"mailto://wall:hunter2@127.0.0.1:{received.port}/?{people}&mode=insecure&cto=1"
    else:
        with webhook() as received:
            yield received, f"json://127.0.0.1:{received.port}/alerts"


class Kept:
    """A channel that keeps what it was given."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.bodies: list[str] = []

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        self.titles.append(title)
        self.bodies.append(body)


def raise_alert(workspace: Workspace, subject: str = "max_width_mm level", new: AlertState = AlertState.FIRING) -> int:
    with workspace.database.transaction() as session:
        number = repository.record_transition(
            session,
            location_id=workspace.location_id,
            subject=subject,
            old=AlertState.OK,
            new=new,
            why="It is wide.",
            evidence={},
            now=workspace.clock(),
        )
    assert number is not None
    return number


def send(workspace: Workspace, routing: Routing) -> Delivery:
    return deliver(workspace.database, routing, "one", workspace.clock)


def routed(**channels: Notifier) -> Routing:
    return Routing(channels, tuple(channels), RETRY)


def test_a_message_says_what_where_how_sure_since_when_with_picture_and_link(
    workspace: Workspace, receiver: tuple[Received, str]
) -> None:
    received, url = receiver
    workspace.settings.notify.urls, workspace.settings.network.allow = [url], ["127.0.0.1"]
    workspace.settings.dashboard.url = "https://cracks.example.org/"
    add_rule(workspace.database, LOCATION, "max_width_px", RuleKind.LEVEL, 6.0, 5.0, NOW)
    workspace.take(photo(70, shape=(480, 640)))
    workspace.jobs(Gauge()).tick()
    (message,) = received.messages
    with workspace.database.session() as session:
        (alert,) = queries.alarms(session)
    if isinstance(message, dict):
        text, (attached,) = message["message"], message["attachments"]
        picture = base64.b64decode(attached["base64"])
    else:
        parts = {part.get_content_type(): part.get_payload(decode=True) for part in message.walk()}
        text, picture = parts["text/plain"].decode(), parts["image/jpeg"]
    for told in (
        "What: Maximum width is 7.00 px on 2025-06-01",
        f"Where: {LOCATION}, Town hall",
        "How sure: its error is not known",
        "Since: 2025-06-01 14:00 (Europe/Berlin)",
        f"Look: https://cracks.example.org/location?location={LOCATION}",
        f"Acknowledge: https://cracks.example.org/alarms?alert={alert.id}",
    ):
        assert told in text
    assert picture[:3] == b"\xff\xd8\xff", "the overlay, as JPEG"


def test_what_the_plan_asks_for_stands_in_the_message(workspace: Workspace) -> None:
    kept = Kept()
    order = {"action": "Look at it.", "owner": "Bea", "due_days": 7.0}
    with workspace.database.transaction() as session:
        repository.record_transition(
            session,
            location_id=workspace.location_id,
            subject="trigger B",
            old=AlertState.OK,
            new=AlertState.AMBER,
            why="It grows.",
            evidence={"order": order, "due_at": (NOW + timedelta(days=7)).isoformat()},
            now=NOW,
        )
    send(workspace, routed(mail=kept))
    assert kept.titles == [f"Amber: {LOCATION} (trigger plan, crack B)"]
    assert "To do: Look at it.\nBy: Bea, until 2025-06-08 14:00 (Europe/Berlin)" in kept.bodies[0]


_SENDER = """
import sys, time
from datetime import datetime
from pathlib import Path
from monitor.service import notification, routing
from monitor.settings import load_settings
from monitor.storage.database import Database

settings, now = load_settings(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2])
stops = lambda *_, **__: time.sleep(600)
known = routing.Routing.of(settings)
known = routing.Routing(known.channels, known.usual[1:], known.retry)
if sys.argv[3] == "sent":
    notification.repository.mark_sent = stops
else:
    routing.AppriseNotifier.send = stops
notification.deliver(Database(settings.resolved_database_url), known, "killed", lambda: now)
"""


def killed(workspace: Workspace, url: str, when: str, reached: Callable[[], bool]) -> None:
    """A process sends what is due and is killed when it has reached a certain point."""
    allow = {"CRACKMONITOR_NETWORK__ALLOW": json.dumps(["127.0.0.1"])}
    environment = {**os.environ, "CRACKMONITOR_NOTIFY__URLS": json.dumps([url]), **allow}
    command = [sys.executable, "-W", "ignore", "-c", _SENDER, str(workspace.settings.workspace)]
    sender = subprocess.Popen([*command, workspace.clock().isoformat(), when], env=environment)
    deadline = time.monotonic() + 120
    while not reached():
        assert sender.poll() is None
        assert time.monotonic() < deadline, "the sender never came so far"
        time.sleep(0.05)
    sender.kill()
    sender.wait(timeout=20)


def later(workspace: Workspace, url: str) -> list[Delivery]:
    """What another sender delivers at once, when the lease is over, and a day later."""
    workspace.settings.notify.urls, workspace.settings.network.allow = [url], ["127.0.0.1"]
    routing = Routing.of(workspace.settings)
    routing = replace(routing, usual=routing.usual[1:], remind_after=None)
    found = [send(workspace, routing)]
    for minutes in (5, 24 * 60):
        workspace.clock.turn(minutes=minutes)
        found.append(send(workspace, routing))
    return found


def test_a_sender_killed_between_sending_and_recording_sends_one_message_twice_at_most(
    workspace: Workspace, receiver: tuple[Received, str]
) -> None:
    received, url = receiver
    raise_alert(workspace)
    killed(workspace, url, "sent", lambda: len(received.messages) == 1)
    assert later(workspace, url) == [Delivery(0, 0), Delivery(1, 0), Delivery(0, 0)]
    assert len(received.messages) == 2


def test_a_sender_killed_before_sending_loses_nothing(workspace: Workspace, receiver: tuple[Received, str]) -> None:
    received, url = receiver
    raise_alert(workspace)
    killed(workspace, url, "claimed", lambda: [one.attempts for one in workspace.undelivered()] == [1])
    assert later(workspace, url) == [Delivery(0, 0), Delivery(1, 0), Delivery(0, 0)]
    assert len(received.messages) == 1


def test_a_channel_that_is_down_for_a_day_gets_all_of_it_afterwards_in_order_and_once(
    workspace: Workspace, receiver: tuple[Received, str]
) -> None:
    received, url = receiver
    received.refusals = 10**6
    workspace.settings.notify.urls, workspace.settings.network.allow = [url], ["127.0.0.1"]
    routing = replace(Routing.of(workspace.settings), remind_after=timedelta(hours=6))
    number = raise_alert(workspace)
    for _ in range(24):
        send(workspace, routing)
        workspace.clock.turn(hours=1)
    with workspace.database.transaction() as session:
        repository.acknowledge_alert(session, number, by="Ada", now=workspace.clock())
    assert (received.messages, received.attempts) == ([], 24)
    received.refusals = 0
    assert send(workspace, routing) == Delivery(1, 0)
    workspace.clock.turn(days=1)
    assert send(workspace, routing) == Delivery(0, 0)
    assert len(received.messages) == 1


def test_reminders_and_the_call_for_the_boss_say_what_they_are(workspace: Workspace) -> None:
    people, boss = Kept(), Kept()
    routing = Routing(
        {"people": people, "boss": boss},
        ("people",),
        RETRY,
        escalation=("boss",),
        remind_after=timedelta(days=1),
        escalate_after=timedelta(days=1),
    )
    raise_alert(workspace)
    send(workspace, routing)
    workspace.clock.turn(days=1)
    send(workspace, routing)
    about = f"Alert: {LOCATION} (maximum width, level)"
    assert people.titles == [about, f"Reminder 1. {about}"]
    assert boss.titles == [f"Nobody answers. {about}"]
    assert "Nobody has acknowledged this yet." in boss.bodies[0]


def test_a_site_or_location_has_its_own_people(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    usual, north, site = Kept(), Kept(), Kept()
    channels = {"usual": usual, "north": north, "site": site}
    raise_alert(workspace)
    send(workspace, Routing(channels, ("usual",), RETRY, routes={LOCATION: ("north",), "Town hall": ("site",)}))
    raise_alert(workspace, "other level")
    send(workspace, Routing(channels, ("usual",), RETRY, routes={"Town hall": ("site",)}))
    raise_alert(workspace, "third level")
    send(workspace, Routing(channels, ("usual",), RETRY))
    assert [len(one.titles) for one in (north, site, usual)] == [1, 1, 1]


QUIET = QuietHours(clock_time(22), clock_time(6))


@pytest.mark.parametrize(
    ("quiet", "hour", "until"),
    [
        (QUIET, 19, None),
        (QUIET, 20, 28),
        (QUIET, 27, 28),
        (QUIET, 28, None),
        (QuietHours(clock_time(12), clock_time(14)), 11, 12),
        (QuietHours(clock_time(12), clock_time(14)), 12, None),
    ],
)
def test_quiet_hours_are_those_of_the_sites_clocks(quiet: QuietHours, hour: int, until: int | None) -> None:
    """In summer Berlin is two hours ahead."""
    day = datetime(2025, 6, 1, tzinfo=UTC)
    expected = None if until is None else day + timedelta(hours=until)
    assert quiet.until(day + timedelta(hours=hour), "Europe/Berlin") == expected


def test_at_night_people_sleep_unless_it_is_red_and_hear_of_it_in_the_morning(workspace: Workspace) -> None:
    mail, log = Kept(), Kept()
    routing = Routing({"mail": mail, LOG: log}, ("mail", LOG), RETRY, quiet=QUIET)
    workspace.clock.turn(hours=9)
    raise_alert(workspace)
    raise_alert(workspace, "trigger", AlertState.RED)
    send(workspace, routing)
    assert [title.split(":")[0] for title in mail.titles] == ["Red"]
    assert len(log.titles) == 2
    workspace.clock.turn(hours=6)
    assert send(workspace, routing) == Delivery(0, 0)
    workspace.clock.turn(hours=1)
    assert send(workspace, routing) == Delivery(1, 0)
    assert [one.attempts for one in workspace.undelivered()] == []


def test_routes_come_from_the_settings_and_unknown_groups_are_named(tmp_path: Path) -> None:
    text = """
[notify]
urls = ["json://a"]
routes = {"Town hall" = ["engineers"]}
escalation = ["engineers"]
[notify.groups]
engineers = ["json://b", "json://c"]
[alarms]
quiet_from = "22:00"
quiet_to = "06:30"
"""
    (tmp_path / SETTINGS_FILE).write_text(text, encoding="utf-8")
    routing = Routing.of(load_settings(tmp_path))
    assert (len(routing.channels), len(routing.usual), len(routing.routes["Town hall"])) == (4, 2, 3)
    assert routing.escalation == routing.routes["Town hall"][1:]
    assert routing.quiet == QuietHours(clock_time(22), clock_time(6, 30))
    (tmp_path / SETTINGS_FILE).write_text(text.replace("engineers =", "others ="), encoding="utf-8")
    with pytest.raises(SettingsError, match="no group engineers"):
        load_settings(tmp_path)
    (tmp_path / SETTINGS_FILE).write_text('[alarms]\nquiet_from = "25:00"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"alarms\.quiet_from"):
        load_settings(tmp_path)


def test_a_large_picture_is_made_smaller_before_it_is_sent(tmp_path: Path) -> None:
    from monitor.imaging.files import read_picture, write_jpeg
    from monitor.service.messages import sent_picture

    write_jpeg(tmp_path / "large.jpg", np.full((1000, 3200, 3), 120, np.uint8), 90)
    with sent_picture(tmp_path / "large.jpg") as sent:
        assert sent is not None
        assert read_picture(sent, 64, 200).image.shape == (500, 1600, 3)
    assert not sent.exists()
    with sent_picture(tmp_path / "absent.jpg") as nothing:
        assert nothing is None
