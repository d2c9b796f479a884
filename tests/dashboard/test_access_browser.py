"""Logging in as people do: the served pages behind their gate, in a real browser."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from made_up_workspace import Stage
from oidc_provider import CLIENT, SECRET, provider
from test_browser import CHROMIUM, _wait_until_healthy, browser

from monitor.access.accounts import hashed
from monitor.access.openid import write_secrets
from monitor.storage import queries, repository
from monitor.storage.access import Role

playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found (Debian: apt-get install chromium)"),
]
__all__ = ["browser"]

PASSWORD = "crack of dawn 7"
#: A name that would run, were it obeyed anywhere.
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Stage]:
    """Names of everything that people name are HTML with a script."""
    stage = Stage(tmp_path / "workspace", (48, 64))
    place = stage.location(stage.site(EVIL, "UTC"), "wall", mm_per_px=0.2)
    for days in (40, 20, 1):
        stage.reading(place, days, 4.0)
    stage.reject(place, f"{EVIL.replace('/', '')}.jpg", "is damaged.")
    stage.alert(place, "max_width_mm level", f"It is wide. {EVIL}", 3)
    stage.fit(place)
    with stage.database.transaction() as session:
        for name, role in ((EVIL, Role.VIEWER), ("ada", Role.OPERATOR)):
            repository.add_account(session, name, role=role, now=datetime.now(UTC))
            repository.set_password(session, name, hashed(PASSWORD), datetime.now(UTC))
    yield stage
    stage.database.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gated(workspace: Path, port: int, log: Path) -> Iterator[str]:
    """The pages as `crackmonitor dashboard` serves them."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CRACKMONITOR_")}
    environment["CRACKMONITOR_DASHBOARD__PORT"] = str(port)
    program = "from monitor.cli import main; main()"
    command = [sys.executable, "-c", program, "dashboard", "--workspace", str(workspace)]
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)
    assert "Traceback" not in log.read_text()


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def log_in(page: "playwright.Page", name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def watched(browser: "playwright.Browser", width: int = 1280) -> tuple["playwright.Page", list[str]]:
    """A page, and what should not have happened in it: scripts of names, refused parts of pages, calls elsewhere."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(90_000)
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None)
    page.on("request", lambda asked: wrong.append(asked.url) if _elsewhere(asked.url) else None)
    return page, wrong


def _elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"


def test_a_login_with_a_name_and_a_password(evil: Stage, browser: "playwright.Browser", tmp_path: Path) -> None:
    with gated(evil.settings.workspace, free_port(), tmp_path / "log.txt") as address:
        page, wrong = watched(browser, 390)
        page.goto(f"{address}/location?location=wall")
        log_in(page, EVIL, "guessed")
        page.get_by_role("alert").get_by_text("Name or password is wrong.").wait_for()
        assert page.get_by_label("Name").input_value() == EVIL
        log_in(page, EVIL, PASSWORD)
        page.get_by_role("heading", name="Location").wait_for()
        assert page.url == f"{address}/location?location=wall"
        picture = str(page.locator("img[src*='/media/']").first.evaluate("image => image.src"))
        kept = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
        assert status(picture) == 401
        assert status(picture, Cookie="crackmonitor_login=guessed") == 401
        assert status(picture, Cookie=kept) == 200

        for path, title in (("", "Overview"), ("alarms", "Alarms"), ("system", "System")):
            page.goto(f"{address}/{path}")
            page.get_by_role("heading", name=title, exact=True).wait_for()
            page.get_by_text(EVIL[:20]).first.wait_for(state="attached")
            assert page.locator("img[src='x']").count() == 0
        page.goto(f"{address}/alarms")
        page.get_by_text("To answer alerts takes the role operator").wait_for()
        assert page.get_by_role("button", name="Acknowledge").count() == 0
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_text("Your login has ended").wait_for()
        assert status(picture, Cookie=kept) == 401
        page.get_by_role("link", name="Log in").click()
        page.get_by_label("Password").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wrong == []
        page.close()


def test_a_login_by_openid_connect(evil: Stage, browser: "playwright.Browser", tmp_path: Path) -> None:
    port, settings = free_port(), evil.settings
    with evil.database.transaction() as session:
        repository.add_account(session, "ada@example.org", role=Role.OPERATOR, now=datetime.now(UTC))
    with provider() as known:
        write_secrets(
            settings.secrets, client_id=CLIENT, client_secret=SECRET, address=f"http://127.0.0.1:{port}",
            metadata_url=f"{known.address}/.well-known/openid-configuration",
        )  # fmt: skip
        with gated(settings.workspace, port, tmp_path / "log.txt") as address:
            page, wrong = watched(browser)
            known.person = {"email": "bob@example.org", "email_verified": True}
            page.goto(f"{address}/alarms")
            page.get_by_text("You are not logged in").wait_for()
            assert status(f"{address}/media/{'0' * 32}.jpg") == 401
            page.get_by_role("button", name="Log in").click()
            page.get_by_text("bob@example.org is logged in, but has no account here").wait_for()
            page.get_by_role("button", name="Log out").click()
            page.get_by_text("You are not logged in").wait_for()
            known.person = {"email": "Ada@example.org", "email_verified": True}
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("heading", name="Overview").wait_for()
            page.get_by_role("link", name="Alarms").click()
            page.get_by_role("button", name="Acknowledge").first.click()
            page.get_by_text("ada@example.org has acknowledged it").wait_for()
            page.goto(f"{address}/location?location=wall")
            picture = str(page.locator("img[src*='/media/']").first.evaluate("image => image.src"))
            kept = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
            assert (status(picture), status(picture, Cookie=kept)) == (401, 200)
            assert wrong == []
            page.close()
        assert SECRET not in (tmp_path / "log.txt").read_text()
    with evil.database.session() as session:
        assert queries.alarm(session, 1).acknowledged is not None
