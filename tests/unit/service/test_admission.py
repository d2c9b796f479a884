"""The machine door: who comes in, what each token opens, and what strangers are told."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doors import SITE, open_door, token
from service_examples import LOCATION, Workspace, photo

from monitor.api.admission import Throttle
from monitor.errors import MisuseError, UnknownNameError
from monitor.service.places import add_location, ensure_site
from monitor.storage import queries, repository
from monitor.storage.tokens import TokenScope

SHA256 = "0" * 64
READS = [
    "/v1/sites",
    "/v1/locations",
    f"/v1/locations/{LOCATION}",
    f"/v1/locations/{LOCATION}/series",
    f"/v1/locations/{LOCATION}/series/all/max_width_px",
    f"/v1/locations/{LOCATION}/fits",
    f"/v1/locations/{LOCATION}/verdicts",
    "/v1/alerts",
]


@pytest.fixture
def door(workspace: Workspace) -> Iterator[httpx.Client]:
    """The door of a workspace with a second site, the mill, that has a location of its own."""
    ensure_site(workspace.database, "Mill", "UTC", workspace.clock())
    add_location(workspace.database, workspace.settings, "mill-race", "Mill", 7, workspace.clock())
    with open_door(workspace) as client:
        yield client


def test_every_request_is_answered_by_what_the_token_is_for(door: httpx.Client, workspace: Workspace) -> None:
    asked = [
        *(("GET", path, {TokenScope.READ}) for path in READS),
        ("POST", f"/v1/locations/{LOCATION}/captures", {TokenScope.PUSH}),
        ("GET", f"/v1/locations/{LOCATION}/captures/{SHA256}", {TokenScope.READ, TokenScope.PUSH}),
        ("GET", "/metrics", {TokenScope.METRICS}),
    ]
    tokens = {scope: token(workspace, scope) for scope in TokenScope}
    for (method, path, opens), (scope, shown) in itertools.product(asked, tokens.items()):
        answer = door.request(method, path, headers=shown, content=b"x" if method == "POST" else None)
        assert (answer.status_code == 403) == (scope not in opens), (method, path, scope, answer.text)
        assert answer.status_code not in (401, 500)
    for method, path, _ in asked:
        answer = door.request(method, path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path


def test_every_path_is_among_those_tested(door: httpx.Client) -> None:
    """A new one has to be given its scope, and a test."""
    known = {path.replace(LOCATION, "{location}").replace("all/max_width_px", "{crack}/{metric}") for path in READS}
    captures = "/v1/locations/{location}/captures"
    assert set(door.get("/openapi.json").json()["paths"]) == known | {captures, captures + "/{sha256}", "/metrics"}


def test_a_token_sees_its_own_site_alone(door: httpx.Client, workspace: Workspace) -> None:
    ours, push = token(workspace), token(workspace, TokenScope.PUSH)
    for path in READS:
        answer = door.get(path, headers=ours)
        assert answer.status_code == 200, path
        assert "mill" not in answer.text.lower()
    assert [site["name"] for site in door.get("/v1/sites", headers=ours).json()] == [SITE]
    assert [place["name"] for place in door.get("/v1/locations", headers=ours).json()] == [LOCATION]
    elsewhere = [path.replace(LOCATION, "mill-race") for path in READS if LOCATION in path]
    for path in [*elsewhere, "/v1/alerts?location=mill-race", f"/v1/locations/mill-race/captures/{SHA256}"]:
        found, unknown = (door.get(path.replace("mill-race", name), headers=ours) for name in ("mill-race", "nowhere"))
        assert (found.status_code, unknown.status_code) == (404, 404), path
        assert (
            found.json()
            == unknown.json()
            == {"detail": f"There is no location of that name at {SITE}. Known there: {LOCATION}."}
        )
    assert door.post("/v1/locations/mill-race/captures", headers=push, content=photo()).status_code == 404
    assert workspace.captures("mill-race") == []


def test_alerts_of_other_sites_and_of_the_service_are_not_told(door: httpx.Client, workspace: Workspace) -> None:
    workspace.clock.turn(days=40)
    workspace.jobs(object()).watch()
    with workspace.database.session() as session:
        assert len(queries.alarms(session)) == 2
    (told,) = door.get("/v1/alerts", headers=token(workspace)).json()
    assert (told["location"], told["state"], told["name"]) == (LOCATION, "stale", "captures overdue")
    assert told["raised_at"] == "2025-07-11T14:00:00+02:00"


@pytest.mark.parametrize("shown", ["Bearer wrong", "Basic YTpi", "crackmonitor_", "Bearer \xe4"])
def test_what_is_no_token_opens_nothing(door: httpx.Client, shown: str) -> None:
    answer = door.get("/v1/sites", headers={"Authorization": shown.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["detail"].endswith(".")


def test_a_revoked_token_opens_nothing_any_more(door: httpx.Client, workspace: Workspace) -> None:
    shown = token(workspace)
    assert door.get("/v1/sites", headers=shown).status_code == 200
    with workspace.database.transaction() as session:
        repository.revoke_token(session, 1, by="Ada", now=workspace.clock())
    assert door.get("/v1/sites", headers=shown).status_code == 401
    with pytest.raises(MisuseError, match="revoked by Ada already"), workspace.database.transaction() as session:
        repository.revoke_token(session, 1, by="Ben", now=workspace.clock())


def test_the_last_use_is_kept_to_the_minute(door: httpx.Client, workspace: Workspace) -> None:
    shown = token(workspace)

    def used() -> object:
        with workspace.database.session() as session:
            return queries.tokens(session)[0].used_at

    assert used() is None
    first = workspace.clock()
    door.get("/v1/sites", headers=shown)
    workspace.clock.turn(seconds=30)
    door.get("/v1/sites", headers=shown)
    assert used() == first
    later = workspace.clock.turn(minutes=2)
    door.get("/v1/sites", headers=shown)
    assert used() == later


def test_the_secret_is_kept_nowhere(door: httpx.Client, workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = token(workspace)["Authorization"].removeprefix("Bearer ")
    door.get("/v1/sites", headers={"Authorization": f"Bearer {secret}"})
    door.get("/v1/sites", headers={"Authorization": f"Bearer {secret}x"})
    kept = [path.read_bytes() for path in Path(workspace.settings.workspace).rglob("*") if path.is_file()]
    assert any(b"a read machine" in content for content in kept)
    assert not any(secret.encode() in content for content in kept)
    assert secret not in caplog.text


def test_after_ten_wrong_tokens_an_address_waits(workspace: Workspace) -> None:
    seconds = [0.0]
    shown = token(workspace)
    with open_door(workspace, Throttle(lambda: seconds[0])) as door:
        for _ in range(10):
            assert door.get("/v1/sites", headers={"Authorization": "Bearer guess"}).status_code == 401
        held = door.get("/v1/sites", headers=shown)
        assert (held.status_code, held.headers["Retry-After"]) == (429, "300")
        seconds[0] = 299.0
        assert door.get("/v1/sites", headers=shown).status_code == 429
        seconds[0] = 300.0
        assert door.get("/v1/sites", headers=shown).status_code == 200


def test_the_throttle_tells_addresses_apart_and_remembers_a_bounded_number() -> None:
    seconds = [0.0]
    throttle = Throttle(lambda: seconds[0])
    for last in range(10):
        throttle.failed(f"2001:db8:1:2::{last:x}")
    assert throttle.pause("2001:db8:1:2::ffff") == 300
    assert throttle.pause("2001:db8:1:3::1") == throttle.pause("192.0.2.1") == throttle.pause("") == 0
    for number in range(10_001):
        throttle.failed(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert throttle.pause("2001:db8:1:2::ffff") == 0
    assert len(throttle._failures) == 10_000


@pytest.mark.parametrize("path", ["/v1/sites", "/nowhere", "/openapi.json", "/docs", "/v1/alerts?limit=0", "/metrics"])
def test_every_answer_says_that_it_is_no_page(door: httpx.Client, workspace: Workspace, path: str) -> None:
    for headers in ({}, token(workspace)):
        answer = door.get(path, headers=headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_cannot_be_understood_is_said(door: httpx.Client, workspace: Workspace) -> None:
    shown = token(workspace)
    wrong = door.get("/v1/alerts?limit=0", headers=shown)
    assert (wrong.status_code, wrong.json()["detail"][:29]) == (422, "This cannot be understood: li")
    crack = door.get(f"/v1/locations/{LOCATION}/series/Z/widest_px", headers=shown)
    assert (crack.status_code, crack.json()) == (404, {"detail": "Unknown crack 'Z'. Known: all."})
    metric = door.get(f"/v1/locations/{LOCATION}/series/all/weight_kg", headers=shown)
    assert metric.status_code == 404
    assert "max_width_px" in metric.json()["detail"]


def test_a_database_that_is_away_is_said_without_its_place(door: httpx.Client, workspace: Workspace) -> None:
    shown = token(workspace)
    file = workspace.database.file
    assert file is not None
    workspace.database.close()
    away = file.rename(file.with_name("away"))
    answer = door.get("/v1/sites", headers=shown)
    assert (answer.status_code, answer.json()) == (503, {"detail": "The database cannot be used now. Try again later."})
    away.rename(file)
    assert door.get("/v1/sites", headers=shown).status_code == 200


def test_an_unexpected_fault_tells_nothing(
    door: httpx.Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = token(workspace)

    def broken(_session: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("monitor.api.reading.queries.sites", broken)
    answer = door.get("/v1/sites", headers=shown)
    assert answer.status_code == 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "hunter2" not in answer.text


def test_tokens_are_given_for_what_there_is(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="Town hall"):
        token(workspace, site="Castle")
    with pytest.raises(MisuseError, match="for one site"):
        token(workspace, site=None)
    with workspace.database.transaction() as session, pytest.raises(MisuseError, match="name"):
        repository.add_token(
            session, name=" ", scope=TokenScope.METRICS, site_id=None, sha256=SHA256, by="Ada", now=workspace.clock()
        )


def test_the_description_names_units_and_needs_a_token_everywhere(door: httpx.Client) -> None:
    described = door.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], (method, path)
    fields = described["components"]["schemas"]["LocationAnswer"]["properties"]
    assert {"interval_days", "scale_mm_per_px"} <= set(fields)
    body = described["paths"]["/v1/locations/{location}/captures"]["post"]["requestBody"]["content"]
    assert list(body) == ["application/octet-stream"]
