"""Who comes in: every request shows a token, and sees the token's site alone."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from monitor.api.tokens import sha256_of
from monitor.errors import StorageError
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.tokens import TokenScope, TokenView
from monitor.storage.views import LocationView

log = logging.getLogger("crackmonitor.api")

_FAILURES, _WINDOW_SECONDS, _ADDRESSES = 10, 300.0, 10_000
#: Whoever has one IPv6 address mostly has all those that begin alike.
_IPV6_PREFIX = 64

_bearer = HTTPBearer(auto_error=False, description="A token given by 'crackmonitor token add'.")


class Throttle:
    """Counts wrong tokens by address: after ten in five minutes, nothing more is looked at from there for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._turn = threading.Lock()

    def pause(self, address: str) -> int:
        """For how many seconds nothing from that address is looked at; 0: it is."""
        with self._turn:
            failures = self._failures.get(_neighbourhood(address), deque())
            while failures and failures[0] <= self._clock() - _WINDOW_SECONDS:
                failures.popleft()
            if len(failures) < _FAILURES:
                return 0
            return max(1, round(failures[0] + _WINDOW_SECONDS - self._clock()))

    def failed(self, address: str) -> None:
        """Another wrong token from there."""
        with self._turn:
            self._failures.setdefault(_neighbourhood(address), deque(maxlen=_FAILURES)).append(self._clock())
            self._failures.move_to_end(_neighbourhood(address))
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)


def _neighbourhood(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((known, _IPV6_PREFIX), strict=False)) if isinstance(known, IPv6Address) else address


@dataclass(frozen=True)
class Door:
    """What every request needs: the workspace, the time, and who has been knocking."""

    database: Database
    settings: Settings
    clock: Callable[[], datetime]
    throttle: Throttle


def door(request: Request) -> Door:
    """The door of the app that a request came to."""
    found: Door = request.app.state.door
    return found


Here = Annotated[Door, Depends(door)]


def admitted(*scopes: TokenScope) -> Callable[..., TokenView]:
    """A dependency: the token that a request shows, where it is for one of these scopes.

    Answers 401 without a token that holds, 403 where it is for something else, 429 after too many wrong ones.
    """

    def admit(
        request: Request, here: Here, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> TokenView:
        address = "" if request.client is None else request.client.host
        if pause := here.throttle.pause(address):
            sentence = f"Too many wrong tokens came from your address. Try again in {pause} s."
            raise HTTPException(429, sentence, {"Retry-After": str(pause)})
        if shown is None:
            raise _stranger("Show a token: 'Authorization: Bearer TOKEN'. 'crackmonitor token add' gives one.")
        with here.database.session() as session:
            token = queries.token_with(session, sha256_of(shown.credentials))
        if token is None or token.revoked_at is not None:
            here.throttle.failed(address)
            log.warning("A wrong token was shown from %s.", address)
            raise _stranger("This token opens nothing: it is unknown, or it was revoked.")
        if token.scope not in scopes:
            raise HTTPException(403, f"This token is to {_FOR[token.scope]}; this takes one to {_either(scopes)}.")
        _note_use(here, token)
        return token

    return admit


_FOR = {TokenScope.READ: "read", TokenScope.PUSH: "push captures", TokenScope.METRICS: "read the metrics"}


def _either(scopes: tuple[TokenScope, ...]) -> str:
    return " or ".join(_FOR[scope] for scope in scopes)


def _stranger(sentence: str) -> HTTPException:
    return HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})


def _note_use(here: Door, token: TokenView) -> None:
    """When a token was last used is good to know, and no reason to refuse anybody."""
    now = here.clock()
    if token.used_at is not None and now - token.used_at < repository.USED_WITHIN:
        return
    try:
        with here.database.transaction() as session:
            repository.use_token(session, token.id, now)
    except StorageError as error:
        log.warning("The last use of token %d was not kept. %s", token.id, error)


def place_of(session: Session, token: TokenView, name: str) -> LocationView:
    """The location of that name at the token's site. Answers 404 for any other, wherever else it may be."""
    here = [view for view in queries.locations(session) if view.site_id == token.site_id]
    for view in here:
        if view.name == name:
            return view
    known = ", ".join(view.name for view in here) or "none yet"
    raise HTTPException(404, f"There is no location of that name at {token.site}. Known there: {known}.")


Reader = Annotated[TokenView, Depends(admitted(TokenScope.READ))]
Pusher = Annotated[TokenView, Depends(admitted(TokenScope.PUSH))]
ReaderOrPusher = Annotated[TokenView, Depends(admitted(TokenScope.READ, TokenScope.PUSH))]
MetricsReader = Annotated[TokenView, Depends(admitted(TokenScope.METRICS))]
