"""The machine door as one application: its rooms, what it says when something is wrong, and how it is served."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor import __version__
from monitor.api import metrics, pushing, reading
from monitor.api.admission import Door, Throttle
from monitor.errors import CrackmonitorError, MisuseError, StorageError, UnknownNameError
from monitor.service.watchdog import Watchdog
from monitor.settings import Settings
from monitor.storage.database import Database

log = logging.getLogger("crackmonitor.api")

_AT_ONCE = 100
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ABOUT = (
    "Push photos of watched walls, read what was found. Every request shows a token of one site: "
    "`Authorization: Bearer TOKEN`. Times are ISO 8601 with their offset; refusals are sentences in `detail`."
)


def make_app(
    database: Database,
    settings: Settings,
    clock: Callable[[], datetime],
    name: str,
    throttle: Throttle | None = None,
) -> FastAPI:
    """The application on one workspace. While it is served, it also looks after the worker (`Watchdog`, as `name`)."""
    watchdog = Watchdog(database, settings, clock, name)

    @asynccontextmanager
    async def open_hours(_app: FastAPI) -> AsyncIterator[None]:
        pushing.clear_left(settings)
        with watchdog.awake(timedelta(seconds=settings.api.watch_seconds)):
            yield

    # No pages for people: those would load scripts from elsewhere. `/openapi.json` says all there is.
    app = FastAPI(
        title="Crackmonitor",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=open_hours,
        redirect_slashes=False,
    )
    app.state.door = Door(database, settings, clock, throttle or Throttle())
    for room in (pushing, reading, metrics):
        app.include_router(room.router)
    app.add_exception_handler(CrackmonitorError, _in_words)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(_SafeHeaders)
    return app


def serve(database: Database, settings: Settings, clock: Callable[[], datetime], name: str) -> None:
    """Serve the door until SIGTERM or SIGINT; `name` tells this process from others that send messages."""
    if not _is_local(settings.api.host):
        log.warning("The machine door is open beyond this machine, without TLS: put a proxy that has it before it.")
    uvicorn.run(
        make_app(database, settings, clock, name),
        host=settings.api.host,
        port=settings.api.port,
        log_config=None,
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=30,
    )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _in_words(_request: Request, error: Exception) -> JSONResponse:
    """What stands in the way, as a person would be told; the state of the database is nobody's business out there."""
    if isinstance(error, StorageError):
        log.error("The machine door could not answer. %s", error)
        return JSONResponse({"detail": "The database cannot be used now. Try again later."}, 503, {"Retry-After": "30"})
    if isinstance(error, MisuseError):
        return JSONResponse({"detail": str(error)}, 404 if isinstance(error, UnknownNameError) else 400)
    log.error("The machine door could not answer. %s", error)
    return JSONResponse({"detail": "This could not be done; the log of the service says why."}, 500)


async def _misunderstood(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"detail": f"This cannot be understood: {'; '.join(wrong)}."}, 422)


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """What it says may hold a secret; the server logs it."""
    return JSONResponse({"detail": "This could not be done; the log of the service says why."}, 500, _HEADERS)


class _SafeHeaders:
    """Every answer says that it is no page, and that nobody is to keep it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, with_headers)
