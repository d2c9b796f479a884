"""A sign of life for somebody outside: told after every round, and never in the way of one."""

import socket
import threading
import time

import pytest
from service_examples import Gauge, Workspace
from test_guard import listening

from monitor.errors import StorageError
from monitor.service.heartbeat import Heartbeat
from monitor.service.ingest import Ingest
from monitor.settings import WorkerSettings

SECRET = "5f1c0de"


def test_every_round_is_told_and_a_failed_one_as_such(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as outside:
        workspace.settings.worker.heartbeat_url = f"http://127.0.0.1:{outside.port}/{SECRET}?rid=7"
        workspace.settings.network.allow = ["127.0.0.1"]
        jobs = workspace.jobs(Gauge())
        jobs.tick()

        def broken(*_given: object) -> None:
            raise StorageError("The disk is gone.")

        with monkeypatch.context() as patched:
            patched.setattr(Ingest, "scan", broken)
            with pytest.raises(StorageError):
                jobs.tick()
        jobs.tick()
    assert outside.asked == [f"/{SECRET}?rid=7", f"/{SECRET}/fail?rid=7", f"/{SECRET}?rid=7"]


def test_what_goes_wrong_is_logged_without_the_url_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with listening() as outside, listening("127.0.0.2") as elsewhere:
        url = f"http://127.0.0.1:{outside.port}/{SECRET}"
        Heartbeat(url).tell()
        assert "127.0.0.1 belongs to the inner network" in caplog.text
        assert outside.asked == []
        outside.moved = f"http://127.0.0.2:{elsewhere.port}/"
        Heartbeat(url, ["127.0.0.0/8"]).tell()
        assert "answers 307" in caplog.text
        assert (outside.asked, elsewhere.asked) == ([f"/{SECRET}"], [])
    Heartbeat(f"http://127.0.0.1:9/{SECRET}", ["127.0.0.1"]).tell()
    assert "ConnectionRefusedError" in caplog.text
    Heartbeat(f"http://name.invalid/{SECRET}").tell()
    Heartbeat("").tell()
    assert len(caplog.records) == 4
    assert SECRET not in caplog.text


def test_an_answer_that_never_ends_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    """A byte now and then, so that no time-out of a socket ever ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        enough = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not enough.wait(0.05):
                    connection.sendall(b"H")

        dripping = threading.Thread(target=drip)
        dripping.start()
        heartbeat = Heartbeat(f"http://127.0.0.1:{server.getsockname()[1]}/", ["127.0.0.1"], seconds=0.3)
        start = time.monotonic()
        heartbeat.tell()
        heartbeat.tell()
        assert time.monotonic() - start < 2
        enough.set()
        dripping.join()
    assert "no answer within 0.3 s" in caplog.text
    assert "the last one still waits" in caplog.text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "example.org/ping", "http://", "https://a b"])
def test_only_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match="heartbeat_url"):
        WorkerSettings(heartbeat_url=url)
