"""Messages reach people once, failures are tried again, and no password is seen anywhere."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from receivers import Received, mail_server, text_of, webhook
from service_examples import LOCATION, NOW, Workspace

from monitor.errors import DeliveryError
from monitor.records import AlertState
from monitor.service import routing
from monitor.service.notification import Delivery, deliver
from monitor.service.routing import AppriseNotifier, LogNotifier, Notifier, Routing
from monitor.storage import repository

pytestmark = [
    # Apprise loads all its plugins, and one of them still imports this.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    # The mail server speaks to this machine only.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]

RETRY = timedelta(seconds=300)
#: The receivers are on this machine.
notifiers = partial(routing.notifiers, allow=["127.0.0.1"])
PASSWORD = "hunter2"


@pytest.fixture
def hook() -> Iterator[Received]:
    with webhook() as received:
        yield received


@pytest.fixture
def mailbox() -> Iterator[Received]:
    with mail_server("wall", PASSWORD) as received:
        yield received


def hook_url(hook: Received) -> str:
    return f"json://wall:{PASSWORD}@127.0.0.1:{hook.port}/alerts"


def mail_url(mailbox: Received) -> str:
    people = "from=wall@example.org&to=engineer@example.org"
    return f"mailto://wall:{PASSWORD}@127.0.0.1:{mailbox.port}/?{people}&mode=insecure&cto=1"


class Silent:
    """A channel that keeps what it was given, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[str] = []

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(title)


def alert(
    workspace: Workspace,
    *channels: str,
    subject: str = "max_width_mm rate",
    old: AlertState = AlertState.OK,
    new: AlertState = AlertState.FIRING,
) -> None:
    with workspace.database.transaction() as session:
        repository.record_transition(
            session,
            location_id=workspace.location_id,
            subject=subject,
            old=old,
            new=new,
            why="The width grows by 1.2 mm per year.",
            evidence={},
            now=workspace.clock(),
            channels=channels,
        )


def send(workspace: Workspace, channels: dict[str, Notifier], worker: str = "one") -> Delivery:
    return deliver(workspace.database, Routing(channels, tuple(channels), RETRY), worker, workspace.clock)


def test_an_alert_arrives_by_mail_and_webhook_and_in_the_log_with_place_reason_and_time(
    workspace: Workspace, hook: Received, mailbox: Received, caplog: pytest.LogCaptureFixture
) -> None:
    channels = notifiers([mail_url(mailbox), hook_url(hook)])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(sent=3, failed=0)
    (posted,) = hook.messages
    (mail,) = mailbox.messages
    assert (posted["title"], mail["Subject"]) == ("Alert: north-wall (maximum width, rate)",) * 2
    assert mail["To"] == "engineer@example.org"
    for text in (posted["message"], text_of(mail), caplog.text):
        assert "The width grows by 1.2 mm per year." in text
        assert "Since: 2025-06-01 14:00 (Europe/Berlin)" in text
    assert send(workspace, channels) == Delivery(0, 0)
    assert workspace.undelivered() == []


@pytest.mark.parametrize("refusals", [1, 3])
def test_what_was_not_delivered_is_tried_again_after_the_pause_and_sent_once(
    workspace: Workspace, hook: Received, refusals: int
) -> None:
    hook.refusals = refusals
    channels = notifiers([hook_url(hook)])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(sent=1, failed=1)
    for attempt in range(1, refusals + 1):
        workspace.clock.turn(seconds=299)
        assert send(workspace, channels) == Delivery(0, 0)
        workspace.clock.turn(seconds=1)
        expected = Delivery(0, 1) if attempt < refusals else Delivery(1, 0)
        assert send(workspace, channels) == expected
    workspace.clock.turn(days=1)
    assert send(workspace, channels) == Delivery(0, 0)
    assert (len(hook.messages), hook.attempts) == (1, refusals + 1)


def test_a_mail_server_that_refuses_is_tried_again(workspace: Workspace, mailbox: Received) -> None:
    mailbox.refusals = 1
    channels = notifiers([mail_url(mailbox)])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(1, 1)
    (waiting,) = workspace.undelivered()
    assert (waiting.attempts, waiting.next_attempt_at) == (1, NOW + RETRY)
    workspace.clock.turn(minutes=5)
    assert send(workspace, channels) == Delivery(1, 0)
    assert len(mailbox.messages) == 1


def test_a_receiver_that_is_away_does_not_hold_up_the_others(workspace: Workspace, hook: Received) -> None:
    channels = notifiers(["json://127.0.0.1:9/away", hook_url(hook)])
    alert(workspace, *channels, subject="a")
    alert(workspace, *channels, subject="b")
    assert send(workspace, channels) == Delivery(sent=4, failed=2)
    assert len(hook.messages) == 2


def test_a_retry_that_cannot_help_is_not_made(workspace: Workspace) -> None:
    channels = notifiers(["carrierpigeon://roof"])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(sent=1, failed=1)
    assert send(workspace, {"log": LogNotifier()}) == Delivery(0, 0)
    workspace.clock.turn(days=30)
    assert send(workspace, channels) == Delivery(0, 0)
    (message,) = workspace.undelivered()
    assert message.last_error == "Apprise does not understand the 'carrierpigeon' URL. Correct 'notify.urls'."
    assert message.next_attempt_at is None


def test_what_waits_for_a_channel_that_is_gone_is_said_and_goes_to_the_next_new_one(workspace: Workspace) -> None:
    log = Silent()
    alert(workspace, "log", "mail-0123456789")
    assert send(workspace, {"log": log}) == Delivery(sent=1, failed=1)
    (message,) = workspace.undelivered()
    assert message.last_error == "The channel 'mail-0123456789' is no longer in 'notify.urls'."
    added = Silent()
    assert send(workspace, {"log": log, "added": added}) == Delivery(1, 0)
    assert (len(log.sent), len(added.sent), workspace.undelivered()) == (1, 1, [])


def test_a_corrected_url_gets_what_the_wrong_one_did_not_understand(workspace: Workspace, hook: Received) -> None:
    wrong, right = notifiers([hook_url(hook).replace("json", "jsno")]), notifiers([hook_url(hook)])
    alert(workspace, *wrong)
    assert send(workspace, wrong) == Delivery(sent=1, failed=1)
    assert send(workspace, right) == Delivery(1, 0)
    assert send(workspace, right) == Delivery(0, 0)
    assert (len(hook.messages), workspace.undelivered()) == (1, [])


def test_an_all_clear_waits_for_its_alert_and_follows_at_once(workspace: Workspace) -> None:
    channel = Silent(DeliveryError("Nobody there."))
    alert(workspace, "mail")
    assert send(workspace, {"mail": channel}) == Delivery(0, 1)
    channel.error = None
    alert(workspace, "mail", old=AlertState.FIRING, new=AlertState.OK)
    assert send(workspace, {"mail": channel}) == Delivery(0, 0)
    workspace.clock.turn(minutes=5)
    assert send(workspace, {"mail": channel}) == Delivery(2, 0)
    assert [title.split(":")[0] for title in channel.sent] == ["Alert", "All clear"]


@pytest.mark.parametrize("error", [DeliveryError("Nobody there."), RuntimeError(f"user wall:{PASSWORD}")])
def test_a_channel_that_breaks_is_tried_again_and_the_others_go_on(workspace: Workspace, error: Exception) -> None:
    broken, sound = Silent(error), Silent()
    channels: dict[str, Notifier] = {"broken": broken, "sound": sound}
    alert(workspace, "broken", "sound")
    assert send(workspace, channels) == Delivery(sent=1, failed=1)
    broken.error = None
    workspace.clock.turn(minutes=5)
    assert send(workspace, channels) == Delivery(1, 0)
    assert len(broken.sent) == len(sound.sent) == 1


def test_two_workers_at_once_send_each_message_once(shared_workspace: Workspace) -> None:
    sound = Silent()
    subjects = [f"rule-{number}" for number in range(12)]
    for subject in subjects:
        alert(shared_workspace, "sound", subject=subject)
    together = threading.Barrier(2)
    done: list[Delivery] = []

    def work(worker: str) -> None:
        together.wait(timeout=20)
        done.append(send(shared_workspace, {"sound": sound}, worker))

    workers = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(sound.sent) == sorted(f"Alert: {LOCATION} ({subject})" for subject in subjects)
    assert sum(delivery.sent for delivery in done) == len(subjects)


def test_a_worker_that_died_while_sending_is_replaced(workspace: Workspace) -> None:
    alert(workspace, "sound")
    with pytest.raises(KeyboardInterrupt):
        send(workspace, {"sound": Dying()})
    sound = Silent()
    assert send(workspace, {"sound": sound}, "two") == Delivery(0, 0)
    workspace.clock.turn(minutes=5)
    assert send(workspace, {"sound": sound}, "two") == Delivery(1, 0)


class Dying:
    """A channel whose process is ended in the middle."""

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        raise KeyboardInterrupt


WRONG = [
    f"user:{PASSWORD}@host",
    PASSWORD,
    f"mailto//user {PASSWORD}@host/path",
    f"mailto://user:{PASSWORD}@",
    f"carrierpigeon://user:{PASSWORD}@roof/{PASSWORD}",
    f"json://user:{PASSWORD}@[::1",
    f"json://user:{PASSWORD}@127.0.0.1:9/{PASSWORD}",
]


@pytest.mark.parametrize("url", WRONG)
def test_no_part_of_a_url_that_may_be_secret_is_seen_anywhere(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    caplog.set_level(logging.INFO)
    channels = notifiers([url])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(1, 1)
    assert PASSWORD not in str(list(channels))
    assert PASSWORD not in caplog.text
    (message,) = workspace.undelivered()
    assert PASSWORD not in f"{message.channel} {message.last_error}"


def test_a_wrong_password_is_not_repeated(
    workspace: Workspace, mailbox: Received, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    channels = notifiers([mail_url(mailbox).replace(PASSWORD, "swordfish")])
    alert(workspace, *channels)
    assert send(workspace, channels) == Delivery(1, 1)
    assert "swordfish" not in caplog.text + str(workspace.undelivered())
    assert mailbox.messages == []


def test_channels_have_names_of_their_own_that_stay_the_same() -> None:
    urls = ["json://a/x", "json://a/y", "mailto://u:p@a"]
    names = list(notifiers(urls))
    assert names[0] == "log"
    assert [name.split("-")[0] for name in names[1:]] == ["json", "json", "mailto"]
    assert len(set(names)) == 4
    assert list(notifiers(reversed(urls)))[1:] == names[:0:-1]
    assert list(notifiers([])) == ["log"]


def test_the_log_takes_every_message(caplog: pytest.LogCaptureFixture) -> None:
    LogNotifier().send("Alert: 100 % of north-wall", "It grows.")
    assert "Alert: 100 % of north-wall: It grows." in caplog.text


def test_an_error_says_whether_a_retry_helps() -> None:
    with pytest.raises(DeliveryError) as wrong:
        AppriseNotifier("carrierpigeon://roof").send("t", "b")
    with pytest.raises(DeliveryError) as away:
        AppriseNotifier("json://127.0.0.1:9").send("t", "b")
    assert (wrong.value.permanent, away.value.permanent) == (True, False)
