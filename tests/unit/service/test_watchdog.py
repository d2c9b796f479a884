"""Another process notices that the worker is silent, and says so once."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from doors import open_door
from service_examples import Gauge, Workspace
from test_guard import listening

from monitor.errors import StorageError
from monitor.records import AlertState
from monitor.service.leases import SharedClock
from monitor.service.watchdog import Watchdog, is_alive
from monitor.storage import repository

# Apprise loads all its plugins, and one of them still imports this.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def watchdog(workspace: Workspace, name: str = "api") -> Watchdog:
    return Watchdog(workspace.database, workspace.settings, workspace.clock, name)


def said(workspace: Workspace) -> list[AlertState]:
    return [one.new for one in workspace.transitions() if one.subject == "worker"]


def test_a_silent_worker_is_told_once_and_its_return_as_well(shared_workspace: Workspace) -> None:
    workspace = shared_workspace
    workspace.settings.alarms.worker_silent_minutes = 30
    with listening() as hook:
        workspace.settings.notify.urls = [f"json://127.0.0.1:{hook.port}/hook"]
        workspace.settings.network.allow = ["127.0.0.1"]
        assert watchdog(workspace).look() is False  # none has ever run
        workspace.jobs(Gauge()).tick()
        workspace.clock.turn(minutes=30)
        assert watchdog(workspace).look() is False
        workspace.clock.turn(minutes=1)
        found: list[bool] = []
        dogs = [
            threading.Thread(target=lambda name=name: found.append(watchdog(workspace, name).look()))
            for name in ("api", "another", "third")
        ]
        for dog in dogs:
            dog.start()
        for dog in dogs:
            dog.join()
        assert found == [True, True, True]
        assert (said(workspace), hook.asked) == ([AlertState.FIRING], ["/hook"])
        workspace.clock.turn(minutes=5)
        watchdog(workspace).look()
        assert (len(said(workspace)), len(hook.asked)) == (1, 1)
        workspace.jobs(Gauge()).tick()
        assert watchdog(workspace).look() is False
        assert (said(workspace), len(hook.asked)) == ([AlertState.FIRING, AlertState.OK], 2)


def test_a_watchdog_whose_clock_is_off_goes_by_that_of_the_server(shared_workspace: Workspace) -> None:
    def true_time() -> datetime:
        return datetime.now(UTC)

    with shared_workspace.database.transaction() as session:
        repository.beat(session, "there:7", true_time())
    clock = SharedClock(shared_workspace.database, lambda: true_time() + timedelta(hours=2))
    silent = Watchdog(shared_workspace.database, shared_workspace.settings, clock, "api").look()
    assert silent is (shared_workspace.database.file is not None), "a file has one machine, and its clock alone"


def test_a_worker_is_alive_on_its_own_machine_for_so_long(workspace: Workspace) -> None:
    def alive(host: str) -> bool:
        return is_alive(workspace.database, host, timedelta(minutes=30), workspace.clock())

    with workspace.database.transaction() as session:
        repository.beat(session, "there:7", workspace.clock())
    assert alive("there")
    assert not any(alive(host) for host in ("ther", "there:7", "here", ""))
    workspace.clock.turn(minutes=30)
    assert alive("there")
    workspace.clock.turn(minutes=1)
    assert not alive("there")


def test_the_open_door_looks_by_itself(workspace: Workspace) -> None:
    workspace.settings.api.watch_seconds = 0.05
    workspace.jobs(Gauge()).tick()
    workspace.clock.turn(minutes=31)
    with open_door(workspace):
        deadline = time.monotonic() + 10
        while not said(workspace) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
    assert said(workspace) == [AlertState.FIRING]


@pytest.mark.parametrize("trouble", [StorageError("It is away."), RuntimeError("odd")])
def test_it_looks_again_whatever_happened(
    workspace: Workspace, trouble: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dog, looks, twice = watchdog(workspace), [0], threading.Event()

    def look() -> bool:
        looks[0] += 1
        if looks[0] > 1:
            twice.set()
        raise trouble

    monkeypatch.setattr(dog, "look", look)
    with dog.awake(timedelta(seconds=0.01)):
        assert twice.wait(10)
    assert "it is tried again" in caplog.text
