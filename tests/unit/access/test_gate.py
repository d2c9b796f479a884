"""The gate, called as a server would call it: who gets by, and what goes out with every answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from monitor.access.accounts import NAME_TRIES
from monitor.access.gate import COOKIE, Gate
from monitor.access.login_page import path_within
from monitor.settings import DashboardSettings, Settings
from monitor.storage import repository
from monitor.storage.access import Role
from monitor.storage.database import Database

HERE = "127.0.0.1:8501"
PASSWORD = "crack of dawn 7"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Client:
    """One who asks; `claims` are what a provider would have said of them."""

    database: Database
    settings: Settings
    claims: Mapping[str, object]

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        form: Mapping[str, str] | None = None,
        kind: str = "http",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """What comes back; the pages behind the gate answer 'inside'."""
        sent: list[dict[str, Any]] = []
        given = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items()}
        bare, _, query = path.partition("?")
        scope = {"type": kind, "method": method, "path": bare, "query_string": query.encode()}
        scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        content = urlencode(form).encode() if form is not None else body
        parts = [content[start : start + 5000] for start in range(0, max(len(content), 1), 5000)]
        messages = [{"body": part, "more_body": part is not parts[-1]} for part in parts]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        gate = Gate(_inside, database=self.database, settings=self.settings, claims=lambda _: self.claims)
        asyncio.run(gate(scope, receive, send))
        if kind == "websocket":
            return Answer(sent[0].get("code", 101), {}, sent[0]["type"])
        found = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(part.get("body", b"") for part in sent[1:]).decode())

    def log_in(self, name: str = "ada", password: str = PASSWORD, then: str = "/") -> Answer:
        return self.ask("/login", "POST", form={"name": name, "password": password, "next": then})

    def cookie(self) -> str:
        return self.log_in().headers["set-cookie"].split(";")[0]


async def _inside(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "code": 101})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY")]})
    await send({"type": "http.response.body", "body": b"inside"})


@pytest.fixture
def client(two_sites: Any, tmp_path: Path) -> Client:
    with two_sites.database.transaction() as session:
        repository.forget_attempts(session, "ada")
    return Client(two_sites.database, Settings(workspace=tmp_path), {})


@pytest.fixture
def empty(tmp_path: Path) -> Client:
    database = Database(f"sqlite:///{tmp_path / 'crackmonitor.db'}")
    database.upgrade()
    return Client(database, Settings(workspace=tmp_path), {})


PRIVATE = ["/", "/location?location=x", "/media/abc.jpg", "/_stcore/stream", "/_stcore/host-config", "/component/x"]


@pytest.mark.parametrize("path", PRIVATE)
def test_nobody_gets_by_without_a_login(client: Client, path: str) -> None:
    for cookie in ("", f"{COOKIE}=", f"{COOKIE}=guessed", "spoilt=\x7f; ;;=", "a=b"):
        answer = client.ask(path, cookie=cookie)
        assert answer.status in (303, 401), path
        assert "inside" not in answer.body
    assert client.ask(path, "PUT").status == 401
    assert client.ask("/_stcore/upload_file/1/2", "PUT").status == 401
    assert client.ask("/_stcore/stream", kind="websocket").body == "websocket.close"
    assert client.ask("/_stcore/health").body == "inside"


def test_who_is_logged_in_gets_by(client: Client) -> None:
    asked = client.ask("/location?location=a%26b")
    assert (asked.status, asked.headers["location"]) == (303, "/login?next=%2Flocation%3Flocation%3Da%2526b")
    form = client.ask(asked.headers["location"])
    assert (form.status, 'value="/location?location=a%26b"' in form.body) == (200, True)
    done = client.log_in(then="/location?location=a%26b")
    assert (done.status, done.headers["location"]) == (303, "/location?location=a%26b")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(done.headers["set-cookie"].split("; "))
    cookie = done.headers["set-cookie"].split(";")[0]
    for path in PRIVATE:
        assert client.ask(path, cookie=f"other=1; {cookie}").body == "inside"
    assert client.ask("/_stcore/stream", kind="websocket", cookie=cookie, origin=f"http://{HERE}").status == 101


def test_a_wrong_password_and_too_many_are_said_in_the_form(client: Client) -> None:
    for _ in range(NAME_TRIES):
        answer = client.log_in("Ada", "<script>alert(1)</script>")
        assert (answer.status, "Name or password is wrong." in answer.body) == (401, True)
    assert "Too many tries" in client.log_in().body
    with client.database.transaction() as session:
        repository.forget_attempts(session, "ada")


def test_names_are_text_in_the_form(client: Client) -> None:
    evil = '"><script>alert(1)</script>'
    body = client.log_in(evil, "wrong", then=evil).body
    assert "<script" not in body
    assert "&lt;script&gt;" in body


@pytest.mark.parametrize("body", [b"x" * 50_000, b"\xff\xfe=\x00", b""])
def test_what_is_no_form_is_a_wrong_password(client: Client, body: bytes) -> None:
    assert client.ask("/login", "POST", body=body).status == 401


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {"origin": "null"}]
)
def test_pages_of_other_sites_get_nothing_done(client: Client, headers: dict[str, str]) -> None:
    cookie = client.cookie()
    form = {"name": "ada", "password": PASSWORD}
    assert client.ask("/login", "POST", form=form, **headers).status == 403
    assert client.ask("/_stcore/upload_file/1/2", "PUT", cookie=cookie, **headers).status == 403
    assert client.ask("/_stcore/stream", kind="websocket", cookie=cookie, **headers).body == "websocket.close"
    assert client.ask("/", cookie=cookie, **headers).body == "inside", "a link from elsewhere may lead here"


def test_an_expired_login_is_none(client: Client) -> None:
    cookie = client.cookie()
    short = replace_hours(client, 1e-9)
    late = short.cookie()
    assert client.ask("/", cookie=cookie).body == "inside"
    assert client.ask("/", cookie=late).status == 303


def replace_hours(client: Client, hours: float) -> Client:
    board = client.settings.dashboard.model_copy(update={"login_hours": hours})
    return replace(client, settings=client.settings.model_copy(update={"dashboard": board}))


def test_with_tls_before_it_the_cookie_is_secure(client: Client) -> None:
    board = DashboardSettings(url="https://walls.example")
    behind = replace(client, settings=client.settings.model_copy(update={"dashboard": board}))
    assert behind.log_in().headers["set-cookie"].endswith("; Secure")
    assert not client.log_in().headers["set-cookie"].endswith("; Secure")
    assert behind.ask("/", cookie=client.cookie(), host="walls.example").body == "inside"


def test_safe_headers_go_out_with_every_answer(client: Client) -> None:
    cookie = client.cookie()
    for answer in (client.ask("/", cookie=cookie), client.ask("/"), client.ask("/login"), client.ask("/static/a.js")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "unsafe-inline" not in answer.headers["content-security-policy"].split("script-src")[-1].split(";")[0]
        assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert client.ask("/", cookie=cookie).headers["x-frame-options"] == "DENY", "what a page says itself stays"


def test_before_access_is_set_up_this_machine_alone_gets_by(empty: Client) -> None:
    for host in (HERE, "localhost:8501", "[::1]:8501"):
        assert empty.ask("/", host=host).body == "inside"
    for host in ("evil.example", "192.168.1.7:8501", "", "127.0.0.1.evil.example"):
        answer = empty.ask("/", host=host)
        assert (answer.status, "crackmonitor access add" in answer.body) == (403, True)
    assert empty.ask("/login?next=/alarms").headers["location"] == "/alarms"
    board = DashboardSettings(host="0.0.0.0")
    abroad = replace(empty, settings=empty.settings.model_copy(update={"dashboard": board}))
    assert abroad.ask("/").status == 403, "the last account went while it was served elsewhere"
    empty.database.close()


def test_with_openid_connect_pictures_are_kept_and_the_login_is_not(empty: Client) -> None:
    empty.settings.secrets.write_text("")
    now = datetime.now(UTC).timestamp()
    known = {"email": "Ada@example.org", "email_verified": True, "iat": now}
    with empty.database.transaction() as session:
        repository.add_account(session, "ada@example.org", role=Role.VIEWER, now=datetime.now(UTC))
    ada = replace(empty, claims=known)
    nobodies = [{}, known | {"email": "bob@example.org"}, known | {"email_verified": False}, known | {"email": None}]
    nobodies += [known | {"iat": now - timedelta(hours=13).total_seconds()}, known | {"iat": "yesterday"}]
    for path in ("/media/abc.jpg", "/location/media/abc.jpg", "/_stcore/upload_file/1/2"):
        assert ada.ask(path).body == "inside"
        for claims in nobodies:
            assert replace(empty, claims=claims).ask(path).status == 401, claims
    for path in ("/", "/_stcore/host-config", "/oauth2callback"):
        assert empty.ask(path).body == "inside"
    assert empty.ask("/login?next=/alarms").headers["location"] == "/alarms"
    empty.database.close()


def test_a_lost_database_is_said_and_nobody_gets_by(tmp_path: Path) -> None:
    gone = Client(Database(f"sqlite:///{tmp_path / 'gone.db'}"), Settings(workspace=tmp_path), {})
    answer = gone.ask("/", cookie=f"{COOKIE}=x")
    assert (answer.status, "There is no database file" in answer.body) == (503, True)


@pytest.mark.parametrize(
    ("wanted", "inside"),
    [
        ("/alarms?alert=3", "/alarms?alert=3"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: x=y", "/"),
        ("/a%0d%0ax", "/"),
        ("", "/"),
        ("/ü?q=a b", "/%C3%BC?q=a%20b"),
    ],
)
def test_after_the_login_one_stays_on_these_pages(wanted: str, inside: str) -> None:
    assert path_within(wanted) == inside
