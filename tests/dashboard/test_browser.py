"""The real server in a real browser: what no test without one can see."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dashboard import data

playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found (Debian: apt-get install chromium)"),
]
_QUIETLY = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def address(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages of the full workspace are served, as the command line starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = Path(data.__file__).parent / "app.py"
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    environment = {key: value for key, value in os.environ.items() if key != "CRACKMONITOR_WORKSPACE"}
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--", "--workspace", str(full)], stdout=output, stderr=output, env=environment
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not answer within {_PATIENCE_S} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    """A Chromium that calls nobody."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=list(_QUIETLY))
        yield opened
        opened.close()


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: "playwright.Browser") -> Iterator["playwright.Page"]:
    """An empty page of either width; uncaught errors of scripts and requests to other machines fail the test."""
    width, height = request.param
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(_PATIENCE_S * 1000)
    failures: list[str] = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    opened.on("request", lambda asked: failures.extend(_elsewhere(asked.url)))
    yield opened
    opened.close()
    assert failures == []


def _elsewhere(url: str) -> list[str]:
    parts = urlsplit(url)
    return [url] if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1" else []


def _assert_sound(page: "playwright.Page") -> None:
    """No exception box, and nothing to scroll sideways for."""
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_overview_leads_to_a_location(page: "playwright.Page", address: str) -> None:
    page.goto(address)
    page.get_by_role("heading", name="Overview").wait_for()
    page.get_by_text("2 of 7 locations need attention").wait_for()
    # Names are text: had the HTML been obeyed, the heading would not hold its tags.
    page.get_by_role("heading", name="Town <b>hall</b> *A*").wait_for()
    _assert_sound(page)
    page.get_by_role("link", name="growing").click()
    page.get_by_role("heading", name="Location").wait_for()
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    assert page.url.endswith("location?location=growing")


def test_a_link_opens_its_location_with_chart_and_pictures(page: "playwright.Page", address: str) -> None:
    page.goto(f"{address}/location?location=growing")
    page.get_by_role("heading", name="Location").wait_for()
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for()
    page.get_by_text("Rate per year").wait_for()
    page.get_by_text("Both, one over the other").wait_for()
    page.wait_for_function("[...document.images].filter(image => image.naturalWidth > 0).length >= 3")
    _assert_sound(page)


def test_system_opens(page: "playwright.Page", address: str) -> None:
    page.goto(f"{address}/system")
    page.get_by_role("heading", name="Files not taken in").wait_for()
    _assert_sound(page)
