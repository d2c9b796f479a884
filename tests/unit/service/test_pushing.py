"""Captures pushed by machines: taken in like files by hand, and never where the sender says."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from doors import open_door, token
from service_examples import LOCATION, Gauge, Workspace, photo

from monitor.api.pushing import clear_left
from monitor.service.places import add_location, ensure_site
from monitor.storage import repository
from monitor.storage.tokens import TokenScope

PATH = f"/v1/locations/{LOCATION}/captures"


@pytest.fixture
def door(workspace: Workspace) -> Iterator[httpx.Client]:
    with open_door(workspace) as client:
        client.headers = httpx.Headers(token(workspace, TokenScope.PUSH))
        yield client


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_pushed_photo_is_measured_and_its_series_read(shared_workspace: Workspace) -> None:
    with open_door(shared_workspace) as door:
        push, read = token(shared_workspace, TokenScope.PUSH), token(shared_workspace)
        levels = (50, 60, 80)
        shared_workspace.clock.turn(days=len(levels))
        for day, level in enumerate(levels):
            answer = door.post(PATH, content=photo(level, days=day), headers=push)
            assert (answer.status_code, answer.json()["outcome"], answer.json()["capture"]) == (
                201,
                "accepted",
                day + 1,
            )
        first = f"{PATH}/{sha256(photo(50, days=0))}"
        assert door.get(first, headers=push).json()["status"] is None
        shared_workspace.jobs(Gauge()).tick()
        assert door.get(first, headers=push).json()["status"] == "measured"
        series = door.get(f"/v1/locations/{LOCATION}/series/all/max_width_px", headers=read).json()
        assert [(one["captured_at"], one["value"]) for one in series["readings"]] == [
            ("2025-06-01T14:00:00+02:00", 5.0),
            ("2025-06-02T14:00:00+02:00", 6.0),
            ("2025-06-03T14:00:00+02:00", 8.0),
        ]
        assert (series["unit"], series["recipe"], series["left_out"]) == ("px", Gauge().recipe.fingerprint, [])
        late = {"since": "2025-06-02T14:00:00+02:00", "until": "2025-06-03T12:00:00Z"}
        some = door.get(f"/v1/locations/{LOCATION}/series/all/max_width_px", params=late, headers=read).json()
        assert [one["value"] for one in some["readings"]] == [6.0]
        (place,) = door.get("/v1/locations", headers=read).json()
        assert (place["captures"], place["last_captured_at"]) == (3, "2025-06-03T14:00:00+02:00")
        assert place["verdict"]["outcome"] == "not_enough_data"
        fits = door.get(f"/v1/locations/{LOCATION}/fits", headers=read).json()
        names = door.get(f"/v1/locations/{LOCATION}/series", headers=read).json()
        assert {(name["crack"], name["metric"]) for name in names} == {(fit["crack"], fit["metric"]) for fit in fits}
        assert {("all", "max_width_px"), ("A", "widest_px")} <= {(name["crack"], name["metric"]) for name in names}


def test_the_words_are_those_of_ingest(door: httpx.Client, workspace: Workspace) -> None:
    accepted = door.post(PATH, content=photo())
    assert (accepted.status_code, accepted.json()) == (
        201,
        {"outcome": "accepted", "location": LOCATION, "sha256": sha256(photo()), "capture": 1, "reason": None},
    )
    again = door.post(PATH, content=photo())
    assert (again.status_code, again.json()["outcome"], again.json()["capture"]) == (200, "duplicate", 1)
    rejected = door.post(PATH, content=b"no picture").json()
    assert (rejected["outcome"], rejected["sha256"]) == ("rejected", sha256(b"no picture"))
    assert rejected["reason"].startswith(f"pushed-{sha256(b'no picture')[:16]} does not contain a picture")
    told = door.get(f"{PATH}/{rejected['sha256']}").json()
    assert (told["outcome"], told["reason"]) == ("rejected", rejected["reason"])
    assert str(workspace.settings.workspace) not in str([rejected, told])
    assert workspace.inbox_files() == []
    assert len(workspace.original_files()) == 1
    assert len(workspace.quarantine_files()) == 2


def test_what_cannot_be_taken_in_now_waits_and_is_taken_in_later(door: httpx.Client, workspace: Workspace) -> None:
    away = workspace.settings.originals.rename(workspace.settings.workspace / "away")
    waiting = door.post(PATH, content=photo())
    assert (waiting.status_code, waiting.json()["outcome"], waiting.json()["capture"]) == (202, "waiting", None)
    assert str(workspace.settings.workspace) not in waiting.json()["reason"]
    assert door.get(f"{PATH}/{sha256(photo())}").json()["outcome"] == "waiting"
    assert workspace.inbox_files() == [f"{LOCATION}/pushed-{sha256(photo())[:16]}"]
    away.rename(workspace.settings.originals)
    workspace.scan()
    workspace.scan()
    assert door.get(f"{PATH}/{sha256(photo())}").json()["outcome"] == "accepted"
    assert workspace.inbox_files() == []


def test_a_file_that_never_came_is_not_there(door: httpx.Client) -> None:
    assert door.get(f"{PATH}/{sha256(b'another')}").status_code == 404
    assert door.get(f"{PATH}/..%2f..%2fetc").status_code in (404, 422)
    assert door.get(f"{PATH}/{'Z' * 64}").status_code == 422


def test_too_large_is_refused_told_or_not(door: httpx.Client, workspace: Workspace) -> None:
    workspace.settings.ingest.max_file_mb = 0.1
    large = bytes(200_000)
    told = door.post(PATH, content=large)
    untold = door.post(PATH, content=iter([large[:90_000], large[90_000:]]))
    assert (told.status_code, untold.status_code) == (413, 413)
    assert "0.1 MB" in told.json()["detail"]
    assert workspace.inbox_files() == workspace.quarantine_files() == []
    assert door.post(PATH, content=photo()).status_code == 201


def test_an_empty_body_and_a_full_disk_are_said(door: httpx.Client, workspace: Workspace) -> None:
    assert door.post(PATH).status_code == 422
    workspace.settings.ingest.least_free_gb = 1e9
    full = door.post(PATH, content=photo())
    assert (full.status_code, "disk space" in full.json()["detail"]) == (507, True)
    assert workspace.inbox_files() == []


def test_what_the_sender_calls_a_file_is_no_path(door: httpx.Client, workspace: Workspace) -> None:
    names = {"Content-Disposition": 'attachment; filename="../../../evil.jpg"', "X-File-Name": "/etc/passwd"}
    assert door.post(PATH, content=photo(), headers=names).status_code == 201
    assert door.post("/v1/locations/..%2F..%2Fevil/captures", content=photo(1)).status_code == 404
    (capture,) = workspace.captures()
    assert capture.file_name == f"pushed-{sha256(photo())[:16]}"
    assert not list(workspace.settings.workspace.parent.rglob("*evil*"))


def test_a_connection_that_ends_early_leaves_nothing(door: httpx.Client, workspace: Workspace) -> None:
    pushed = workspace.settings.inbox / ".pushed"
    with socket.create_connection((door.base_url.host, door.base_url.port or 0)) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {door.headers['Authorization']}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nhalf of it".encode())
        until(lambda: pushed.is_dir() and any(pushed.iterdir()))
    until(lambda: not any(pushed.iterdir()))
    assert workspace.captures() == []


def until(found: object) -> None:
    deadline = time.monotonic() + 10
    while not found():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_photo_pushed_by_many_at_once_is_one_capture(shared_workspace: Workspace) -> None:
    with open_door(shared_workspace) as door, ThreadPoolExecutor(8) as machines:
        push = token(shared_workspace, TokenScope.PUSH)
        answers = list(machines.map(lambda _: door.post(PATH, content=photo(), headers=push).json(), range(16)))
    assert {answer["outcome"] for answer in answers} == {"accepted", "duplicate"}
    assert sum(answer["outcome"] == "accepted" for answer in answers) == 1
    assert len(shared_workspace.captures()) == 1


def test_a_photo_of_another_site_is_refused_without_saying_which(door: httpx.Client, workspace: Workspace) -> None:
    ensure_site(workspace.database, "Mill", "UTC", workspace.clock())
    add_location(workspace.database, workspace.settings, "mill-race", "Mill", 7, workspace.clock())
    theirs = token(workspace, TokenScope.PUSH, "Mill")
    assert door.post("/v1/locations/mill-race/captures", content=photo(), headers=theirs).status_code == 201
    ours = door.post(PATH, content=photo())
    assert (ours.status_code, ours.json()["capture"]) == (422, None)
    assert "another site" in ours.json()["reason"]
    assert "mill" not in ours.text.lower()
    assert door.get(f"{PATH}/{sha256(photo())}").status_code == 404


def test_a_withdrawn_photo_is_told_as_rejected(door: httpx.Client, workspace: Workspace) -> None:
    door.post(PATH, content=photo(1))
    door.post(PATH, content=photo(2))
    with workspace.database.transaction() as session:
        repository.withdraw_capture(session, 2, why="a cat", now=workspace.clock())
    told = door.get(f"{PATH}/{sha256(photo(2))}").json()
    assert (told["outcome"], "a cat" in told["reason"]) == ("rejected", True)


def test_what_dead_processes_left_is_cleared_after_a_day(workspace: Workspace) -> None:
    clear_left(workspace.settings)
    old, new = (workspace.settings.inbox / ".pushed" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"half")
    os.utime(old, (0, 0))
    clear_left(workspace.settings)
    assert (old.exists(), new.exists()) == (False, True)
    assert workspace.scan().waiting == []
