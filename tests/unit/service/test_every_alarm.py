"""Every kind of alarm from end to end: it fires, one row is kept and one message arrives at each real receiver; while
it lasts nothing more is sent; it clears, and that is told once.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from receivers import Received, mail_server, text_of, webhook
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from test_alarming import follow

from monitor.records import AlertState, RuleKind
from monitor.service.places import add_rule
from monitor.storage import queries, repository
from monitor.storage.views import CAMERA, OVERDUE, WORKER

pytestmark = [
    # Apprise loads all its plugins, and one of them still imports this.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    # The mail server speaks to this machine only.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]
TWO_MONTHS = 61.0
#: A step of a kind: it brings about what the alarm is for, or its end, and sends what is due.
Step = Callable[[Workspace], None]


@pytest.fixture
def hook() -> Iterator[Received]:
    with webhook() as received:
        yield received


@pytest.fixture
def mailbox() -> Iterator[Received]:
    with mail_server("wall", "hunter2") as received:
        yield received


@pytest.fixture
def told(workspace: Workspace, hook: Received, mailbox: Received) -> Workspace:
    """A workspace whose alerts go to both receivers; no reminders, so that every message is of a transition."""
    people = "from=wall@example.org&to=engineer@example.org&mode=insecure&cto=1"
    urls = [f"mailto://wall:hunter2@127.0.0.1:{mailbox.port}/?{people}", f"json://127.0.0.1:{hook.port}/alerts"]
    settings = workspace.settings
    workspace.settings = settings.model_copy(
        update={
            "notify": settings.notify.model_copy(update={"urls": urls}),
            "network": settings.network.model_copy(update={"allow": ["127.0.0.1"]}),
            "alarms": settings.alarms.model_copy(update={"reminder_hours": 0.0}),
        }
    )
    return workspace


def work(workspace: Workspace, *levels: int, every_days: float = 1.0, poor: tuple[int, ...] = ()) -> None:
    gauge = Gauge()
    gauge.poor = set(poor)
    workspace.drop_and_work(gauge, *levels, every_days=every_days)


def wait(workspace: Workspace, **duration: float) -> None:
    """Time passes, and a worker does a round."""
    workspace.clock.turn(**duration)
    workspace.jobs(Gauge()).tick()


def limited(workspace: Workspace, kind: RuleKind, fire: float, clear: float) -> None:
    add_rule(workspace.database, LOCATION, "max_width_px", kind, fire, clear, workspace.clock())


def fast_growth(workspace: Workspace) -> None:
    """By 2.4 px per year."""
    limited(workspace, RuleKind.RATE, 0.5, 0.25)
    work(workspace, *range(20, 60, 4), every_days=TWO_MONTHS)


def wide_crack(workspace: Workspace) -> None:
    limited(workspace, RuleKind.LEVEL, 5.0, 4.0)
    work(workspace, 30, 31, 60)


def jump(workspace: Workspace) -> None:
    limited(workspace, RuleKind.CHANGE, 2.0, 1.0)
    work(workspace, 30, 31, 30, 31, 60)


def camera_moved(workspace: Workspace) -> None:
    work(workspace, 30, 31, 32, 33, poor=(32, 33))


def no_more_captures(workspace: Workspace) -> None:
    work(workspace, 30)
    wait(workspace, days=30)


def worker_gone(workspace: Workspace) -> None:
    """For half an hour and more; the door, which watches too, says so."""
    workspace.jobs(Gauge()).tick()
    workspace.clock.turn(minutes=31)
    look(workspace)


def look(workspace: Workspace) -> None:
    """Of something else than the worker."""
    door = workspace.jobs(Gauge(), worker="door")
    assert door.watch_worker()
    door.notify()


def close(workspace: Workspace) -> None:
    """Ada closes what is raised; the all-clear goes out."""
    with workspace.database.transaction() as session:
        (alert,) = queries.alarms(session, open_only=True)
        repository.close_alert(session, alert.id, action="It is shrinkage.", by="Ada", now=workspace.clock())
    workspace.jobs(Gauge()).tick()


def another_crack(workspace: Workspace) -> None:
    """Two captures show crack A alone, two more also B."""
    gauge, states = Gauge(), ["not_yet", "not_yet"]
    workspace.drop_and_work(gauge, 30, 31)
    for level, state in ((32, "new"), (33, "continued")):
        days = (workspace.clock.turn(days=1) - NOW) / timedelta(days=1)
        workspace.take(photo(level, days=days))
        jobs = workspace.jobs(gauge)
        jobs.analyse_pending()
        states.append(state)
        follow(workspace, gauge, states)
        jobs.judge_changed()
        jobs.notify()


#: Of each kind: its subject, its state while it lasts, what fires it, one more round of it, what ends it.
KINDS: dict[str, tuple[str, AlertState, Step, Step, Step]] = {
    "rate": (
        "max_width_px rate",
        AlertState.FIRING,
        fast_growth,
        lambda workspace: work(workspace, 60, every_days=TWO_MONTHS),
        lambda workspace: work(workspace, *range(56, 12, -4), every_days=TWO_MONTHS),
    ),
    "level": (
        "max_width_px level",
        AlertState.FIRING,
        wide_crack,
        lambda workspace: work(workspace, 61),
        lambda workspace: work(workspace, 30, 31),
    ),
    "change": (
        "max_width_px change",
        AlertState.FIRING,
        jump,
        lambda workspace: work(workspace, 61),
        lambda workspace: work(workspace, 60, 61),
    ),
    "new crack": (
        "new crack B",
        AlertState.FIRING,
        another_crack,
        lambda workspace: workspace.jobs(Gauge()).judge_changed(),
        close,
    ),
    "overdue": (
        OVERDUE,
        AlertState.STALE,
        no_more_captures,
        lambda workspace: wait(workspace, days=1),
        lambda workspace: work(workspace, 31),
    ),
    "camera": (
        CAMERA,
        AlertState.FIRING,
        camera_moved,
        lambda workspace: work(workspace, 34, poor=(34,)),
        lambda workspace: work(workspace, 30),
    ),
    "worker": (WORKER, AlertState.FIRING, worker_gone, look, lambda workspace: workspace.jobs(Gauge()).tick()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_fires_once_is_told_once_and_clears_once(
    told: Workspace, hook: Received, mailbox: Received, kind: str
) -> None:
    subject, raised, fire, go_on, end = KINDS[kind]

    def rows() -> list[AlertState]:
        assert {change.subject for change in told.transitions()} == {subject}
        return [change.new for change in told.transitions()]

    fire(told)
    assert rows() == [raised]
    (mail,), (posted,) = mailbox.messages, hook.messages
    assert posted["title"] == mail["Subject"]
    why = told.transitions()[0].why
    assert all(why in " ".join(text.split()) for text in (text_of(mail), posted["message"]))
    go_on(told)
    assert rows() == [raised]
    assert (len(mailbox.messages), len(hook.messages)) == (1, 1)
    end(told)
    assert rows() == [raised, AlertState.OK]
    assert (len(mailbox.messages), len(hook.messages)) == (2, 2)
    assert hook.messages[1]["title"] == mailbox.messages[1]["Subject"] != posted["title"]
    assert told.undelivered() == []
