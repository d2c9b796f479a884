"""The gate before the pages, in ASGI: nobody gets by who is not logged in, be it to pages, pictures or uploads.

With accounts it asks for name and password itself. With OpenID Connect the first page must be reachable, because
Streamlit draws the login there; pictures and uploads are not. Safe headers go out with every answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from monitor.access.accounts import log_in
from monitor.access.entry import Door, door_of, is_loopback, whoever
from monitor.access.login_page import POLICY, login_form, path_within, refusal
from monitor.errors import AccessError, CrackmonitorError
from monitor.settings import Settings
from monitor.storage.database import Database

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "crackmonitor_login"
#: What holds nothing of anybody's: whether the server lives, and the scripts and styles that Streamlit ships.
_PUBLIC = ("/_stcore/health", "/static/")
#: With OpenID Connect, what has these in its path is nobody's who is not logged in.
_KEPT = ("/media", "/upload_file")
_LONGEST_FORM = 8192
_PAGES_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:{scripts}; style-src 'self' 'unsafe-inline';"
    " worker-src 'self' blob:; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:;"
    " connect-src 'self' ws: wss: data: blob:; frame-ancestors 'self'; object-src 'none'; base-uri 'self';"
    " form-action 'self'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Asked:
    """What the gate looks at in a request."""

    kind: str
    method: str
    path: str
    query: str
    host: str
    origin: str
    site: str
    cookies: Mapping[str, str]

    @classmethod
    def of(cls, scope: Scope) -> "Asked":
        """From the scope of a request or of a WebSocket."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return cls(
            kind=scope["type"],
            method=scope.get("method", "GET"),
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            host=headers.get("host", ""),
            origin=headers.get("origin", ""),
            site=headers.get("sec-fetch-site", ""),
            cookies=_cookies(headers.get("cookie", "")),
        )

    @property
    def kept(self) -> bool:
        """Whether it is for pictures, or brings some."""
        return any(part in self.path for part in _KEPT)

    @property
    def is_page(self) -> bool:
        """Whether a person may have typed it."""
        return self.kind == "http" and self.method == "GET" and not self.path.startswith("/_stcore") and not self.kept

    @property
    def changes(self) -> bool:
        """Whether it may change something: what a page of another site must not get done in somebody's name."""
        return self.kind == "websocket" or self.method not in ("GET", "HEAD", "OPTIONS")


class Gate:
    """`app` behind the gate. `claims` tells from the cookies what an OpenID Connect provider said of whom (empty:
    nothing); `scripts` are the sha256, in base64, of the scripts that stand in the pages themselves.
    """

    def __init__(
        self,
        app: App,
        *,
        database: Database,
        settings: Settings,
        claims: Callable[[Mapping[str, str]], Mapping[str, object]],
        scripts: Sequence[str] = (),
    ) -> None:
        self._app, self._database, self._settings, self._claims = app, database, settings, claims
        self._headers = _HEADERS | {"content-security-policy": _pages_policy(scripts)}
        self._own = urlsplit(settings.link)
        self._secure = self._own.scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let by."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked, send = Asked.of(scope), _with_headers(send, self._headers)
        if asked.path.startswith(_PUBLIC):
            await self._app(scope, receive, send)
            return
        try:
            why_not = self._from_elsewhere(asked)
            door, known = await asyncio.to_thread(self._known, asked)
            if why_not is None and door is Door.OPEN:
                why_not = self._not_this_machine(asked)
            if why_not is not None:
                await _answer(asked, send, 403, refusal(why_not))
            elif asked.path == "/login":
                await self._login(door, asked, receive, send)
            elif known or (door is Door.OPENID and not asked.kept):
                await self._app(scope, receive, send)
            elif asked.is_page:
                wanted = asked.path + (f"?{asked.query}" if asked.query else "")
                await _answer(asked, send, 303, b"", {"location": f"/login?next={quote(wanted, safe='')}"})
            else:
                await _answer(asked, send, 401, refusal("Log in first."))
        except CrackmonitorError as error:
            await _answer(asked, send, 503, refusal(str(error)))

    def _from_elsewhere(self, asked: Asked) -> str | None:
        """Why a page of another site must not do this with the login of whoever looks at it."""
        if not asked.changes:
            return None
        origin = urlsplit(asked.origin).netloc
        if (asked.origin and origin not in (asked.host, self._own.netloc)) or asked.site == "cross-site":
            return "Another site asked for this in your name. Open these pages by their own address."
        return None

    def _not_this_machine(self, asked: Asked) -> str | None:
        """Why an address is not served while nobody is asked who they are; a page elsewhere may lead its name here."""
        names = (urlsplit(f"//{asked.host}").hostname or "", self._settings.dashboard.host)
        if names[0] != self._own.hostname and not all(is_loopback(name) for name in names):
            return (
                "Access is not set up, so these pages are for this machine alone, by the address 127.0.0.1."
                " 'crackmonitor access add NAME --role admin' adds the first account."
            )
        return None

    def _known(self, asked: Asked) -> tuple[Door, bool]:
        """How people come in, and whether whoever asks has."""
        with self._database.session() as session:
            door = door_of(session, self._settings)
            claims = self._claims(asked.cookies) if door is Door.OPENID else {}
            token = asked.cookies.get(COOKIE)
            try:
                whoever(session, self._settings, token=token, claims=claims, now=datetime.now(UTC))
            except AccessError:
                return door, False
        return door, True

    async def _login(self, door: Door, asked: Asked, receive: Receive, send: Send) -> None:
        given = parse_qs(asked.query)
        if door is not Door.ACCOUNTS:
            await _answer(asked, send, 303, b"", {"location": path_within(given.get("next", ["/"])[0])})
        elif asked.method == "POST":
            await self._tried(asked, await _form(receive), send)
        else:
            await _answer(asked, send, 200, login_form(path_within(given.get("next", ["/"])[0])))

    async def _tried(self, asked: Asked, given: Mapping[str, str], send: Send) -> None:
        then, name = path_within(given.get("next", "/")), given.get("name", "")
        lasts = timedelta(hours=self._settings.dashboard.login_hours)
        now = datetime.now(UTC)
        try:
            token = await asyncio.to_thread(
                log_in, self._database, name, given.get("password", ""), now=now, lasts=lasts
            )
        except AccessError as error:
            await _answer(asked, send, 401, login_form(then, str(error), name))
            return
        kept = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts.total_seconds():.0f}"
        await _answer(asked, send, 303, b"", {"location": then, "set-cookie": kept + "; Secure" * self._secure})


def _cookies(header: str) -> dict[str, str]:
    """By name; a part that is none spoils no other."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        try:
            found |= {name: morsel.value for name, morsel in SimpleCookie(part.strip()).items()}
        except CookieError:
            continue
    return found


async def _form(receive: Receive) -> dict[str, str]:
    """The fields of a form, the first of each name; empty when it is far too long for a login."""
    body, more = b"", True
    while more and len(body) <= _LONGEST_FORM:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if len(body) > _LONGEST_FORM:
        return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _answer(asked: Asked, send: Send, status: int, body: bytes, extra: Mapping[str, str] | None = None) -> None:
    """An answer of the gate itself; a WebSocket is not opened."""
    if asked.kind == "websocket":
        await send({"type": "websocket.close", "code": 4000 + status, "reason": "Log in first."})
        return
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "content-security-policy": POLICY,
        **(extra or {}),
    }
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})


def _pages_policy(scripts: Sequence[str]) -> str:
    """No script but the server's own files, and those known by their sha256: none through a name in a page."""
    return _PAGES_POLICY.format(scripts="".join(f" 'sha256-{one}'" for one in scripts))


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """`send` that adds the safe headers to every answer which does not have its own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in present]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent
