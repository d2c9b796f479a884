"""`crackmonitor api` and `token`: a camera pushes photos, the worker measures them, a program reads the series."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from command_line import crackmonitor, started
from photographs import Place

LOCATION = "north-wall"
SITE = "Town hall"


def given(workspace: Path, scope: str, *words: str) -> dict[str, str]:
    """The header of a token that the command gave."""
    found = crackmonitor("token", "add", f"a {scope}", "--scope", scope, *words, "--workspace", workspace, "--json")
    return {"Authorization": f"Bearer {found.result['secret']}"}


@pytest.fixture
def door(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The door of a workspace with one location, in a process of its own."""
    assert crackmonitor("site", "add", SITE, "--time-zone", "Europe/Berlin", "--workspace", workspace).status == 0
    add = ("location", "add", LOCATION, "--site", SITE, "--mm-per-px", 0.5, "--workspace", workspace)
    assert crackmonitor(*add).status == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("CRACKMONITOR_API__PORT", str(port))
    process = started("api", "--workspace", workspace, "--json")
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, process.communicate()[1]
        assert json.loads(first) == {"address": f"http://127.0.0.1:{port}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 30
            while not answers(client):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").status_code == 200
    except httpx.TransportError:
        return False


def test_photos_come_in_by_the_door_and_their_series_goes_out(
    door: httpx.Client, workspace: Path, here: Path, place: Place
) -> None:
    push, read, metrics = (
        given(workspace, "push", "--site", SITE),
        given(workspace, "read", "--site", SITE),
        given(workspace, "metrics"),
    )
    photos = [path.read_bytes() for path in place.series(here / "photos", np.array([4.0, 6.0, 8.0]), 30)]
    for photo in photos:
        answer = door.post(f"/v1/locations/{LOCATION}/captures", content=photo, headers=push)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "accepted"), answer.text
    assert "crackmonitor_queue_captures 3.0" in door.get("/metrics", headers=metrics).text
    worked = crackmonitor("worker", "--once", "--workspace", workspace, "--json").result
    assert worked["analysed"] == 3
    assert "crackmonitor_queue_captures 0.0" in door.get("/metrics", headers=metrics).text

    path = f"/v1/locations/{LOCATION}/series"
    cracks = {name["crack"] for name in door.get(path, headers=read).json()}
    assert cracks == {"A", "all"}
    series = door.get(f"{path}/A/widest_mm", headers=read).json()
    assert [one["captured_at"] for one in series["readings"]] == [
        "2025-01-10T10:30:00+01:00",
        "2025-02-09T10:30:00+01:00",
        "2025-03-11T10:30:00+01:00",
    ]
    assert np.diff([one["value"] for one in series["readings"]]) == pytest.approx([1.0, 1.0], abs=0.15)
    assert all(one["standard_error"] > 0 and one["grade"] in "ABC" for one in series["readings"])
    assert (series["unit"], len(series["recipe"])) == ("mm", 16)
    growth = crackmonitor("growth", LOCATION, "--workspace", workspace, "--json").result
    (location,) = door.get("/v1/locations", headers=read).json()
    assert location["verdict"]["outcome"] == growth["verdict"]
    assert len(door.get(f"/v1/locations/{LOCATION}/fits", headers=read).json()) == len(growth["fits"])


def test_tokens_are_listed_without_their_secret_and_revoked(door: httpx.Client, workspace: Path) -> None:
    read = given(workspace, "read", "--site", SITE, "--by", "Ada")
    assert door.get("/v1/sites", headers=read).json() == [{"name": SITE, "time_zone": "Europe/Berlin", "locations": 1}]
    listed = crackmonitor("token", "list", "--workspace", workspace, "--json")
    (one,) = listed.result["tokens"]
    assert (one["name"], one["site"], one["created_by"], one["used_at"] is not None) == ("a read", SITE, "Ada", True)
    assert read["Authorization"].removeprefix("Bearer ") not in listed.out
    assert crackmonitor("token", "revoke", 1, "--by", "Ben", "--workspace", workspace).status == 0
    assert door.get("/v1/sites", headers=read).status_code == 401
    assert crackmonitor("token", "list", "--workspace", workspace).out == "No machine has a token.\n"
    assert "revoked by Ben" in crackmonitor("token", "list", "--all", "--workspace", workspace).out
    again = crackmonitor("token", "revoke", 1, "--workspace", workspace)
    assert (again.status, "revoked by Ben already" in again.sentence) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "write", "--site", SITE], "Unknown scope 'write'. Known: metrics, push, read."),
        (["--scope", "read", "--site", "Castle"], "Unknown site 'Castle'. Known: none yet."),
        (["--scope", "push"], "Tokens to read or push are for one site; a token for metrics is for none."),
    ],
)
def test_a_token_for_what_is_not_there_is_misuse(workspace: Path, words: list[str], said: str) -> None:
    refused = crackmonitor("token", "add", "camera", *words, "--workspace", workspace)
    assert (refused.status, refused.sentence) == (2, said)
