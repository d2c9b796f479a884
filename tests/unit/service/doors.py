"""The machine door, open on this machine: a real server, and what knocks at it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from service_examples import Workspace

from monitor.api.admission import Throttle
from monitor.api.app import make_app
from monitor.api.tokens import give_token
from monitor.storage.tokens import TokenScope

SITE = "Town hall"


@contextmanager
def open_door(workspace: Workspace, throttle: Throttle | None = None) -> Iterator[httpx.Client]:
    """A client of the door of this workspace, which goes by the workspace's clock."""
    app = make_app(workspace.database, workspace.settings, workspace.clock, "api:test", throttle)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def token(workspace: Workspace, scope: TokenScope = TokenScope.READ, site: str | None = SITE) -> dict[str, str]:
    """The header of a new token."""
    with workspace.database.transaction() as session:
        _, secret = give_token(
            session,
            name=f"a {scope} machine",
            scope=scope,
            site=None if scope is TokenScope.METRICS else site,
            by="Ada",
            now=workspace.clock(),
        )
    return {"Authorization": f"Bearer {secret}"}
