"""The real server in a real browser: what no test without one can see."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE
from urllib.parse import urlsplit

import pytest
from made_up_workspace import NOW, Stage
from pypdf import PdfReader

from dashboard import data
from monitor.settings import SETTINGS_FILE
from simulations.scenarios import captures, save_photo, scenario

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
    """Where the pages of the full workspace are served."""
    with _served(full, tmp_path_factory.mktemp("server") / "log.txt") as where:
        yield where


@contextmanager
def _served(workspace: Path, log: Path) -> Iterator[str]:
    """The pages of a workspace, served as the command line does it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = Path(data.__file__).parent / "app.py"
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key != "CRACKMONITOR_WORKSPACE"}
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--", "--workspace", str(workspace)], stdout=output, stderr=output, env=environment
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


@pytest.fixture(scope="module")
def visitor(browser: "playwright.Browser") -> Iterator["playwright.BrowserContext"]:
    """Whoever opens one page after another: the browser fetches Streamlit's own files once."""
    with browser.new_context() as visit:
        visit.set_default_timeout(_PATIENCE_S * 1000)
        yield visit


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, visitor: "playwright.BrowserContext") -> Iterator["playwright.Page"]:
    """An empty page of either width; uncaught errors of scripts and requests to other machines fail the test."""
    width, height = request.param
    opened = visitor.new_page()
    opened.set_viewport_size({"width": width, "height": height})
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


@pytest.mark.parametrize("path", ["alarms", "upload", "set_up", "capture?location=growing", "validation"])
def test_every_other_page_opens_and_fits(page: "playwright.Page", address: str, path: str) -> None:
    page.goto(f"{address}/{path}")
    title = {"capture": "Capture", "set_up": "Set up"}.get(path.partition("?")[0], path.capitalize())
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    _assert_sound(page)


def _photos(folder: Path) -> list[Path]:
    """A wall whose crack opens by a third of a millimetre, a month apart, as a phone would have taken it."""
    wall = replace(scenario("growing"), captures=2, interval_days=30.0, shape=(480, 640))
    paths = []
    for number, (truth, photo, _) in enumerate(captures(wall, 3, NOW - timedelta(days=40))):
        paths.append(folder / f"photo_{number}.jpg")
        save_photo(paths[-1], photo, truth.captured_at, 95)
    return paths


_WORKER = """
import sys
import monitor.analysis  # takes longest, so before anybody asks for a round
from monitor.cli import main

for _ in sys.stdin:
    try:
        main()
    except SystemExit as end:
        print("ended", end.code or 0, flush=True)
"""


@contextmanager
def _worker(workspace: Path, log: Path) -> Iterator[Callable[[], None]]:
    """What has the real worker do one round. One process does all, because importing its networks takes seconds."""
    words = ["worker", "--once", "--workspace", str(workspace)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, *words], stdin=PIPE, stdout=PIPE, stderr=errors, text=True
        )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout

    def work() -> None:
        asked.write("\n")
        asked.flush()
        said = [""]
        while not said[-1].startswith("ended"):
            said.append(told.readline() or "ended: it has died")
        assert said[-1] == "ended 0\n", "".join(said) + log.read_text()

    try:
        yield work
    finally:
        asked.close()
        process.wait(timeout=60)
        told.close()


_STATE = "document.querySelector('[data-testid=stApp]').dataset.testScriptState"
#: By then the page's script has begun to run again; some runs are over before anybody can hear of them.
_TO_BEGIN_MS = 2000


def _fill(page: "playwright.Page", label: str, words: str) -> None:
    page.locator(f"input[aria-label='{label}']").fill(words)
    page.locator(f"input[aria-label='{label}']").press("Enter")


@pytest.mark.slow
def test_from_a_new_location_to_its_report(stage: Stage, browser: "playwright.Browser", tmp_path: Path) -> None:
    """Add a location, upload a photo, see the trend change, acknowledge an alarm, download the report."""
    workspace = stage.settings.workspace
    (workspace / SETTINGS_FILE).write_text("[ingest]\nstable_scans = 1\n", encoding="utf-8")
    stage.settings.originals.mkdir()
    old = stage.location(stage.site("Town hall", "Europe/Berlin"), "old-wall")
    stage.alert(old, "max_width_mm level", "The maximum width is 1.55 mm.", 3)
    first, second = _photos(tmp_path)
    with _worker(workspace, tmp_path / "worker.txt") as work, _served(workspace, tmp_path / "log.txt") as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        page.set_default_timeout(_PATIENCE_S * 1000)
        page.goto(f"{address}/set_up")
        _fill(page, "Name of the location", "yard")
        page.locator("input[type=file]").first.set_input_files(first)
        page.get_by_text("photo_0.jpg").wait_for()
        page.get_by_text("Typed", exact=True).click()
        _fill(page, "Millimetres per pixel", "0.5")
        page.get_by_text("mm per pixel", exact=False).last.wait_for()
        page.get_by_role("button", name="Add the location").click()
        page.get_by_test_id("stAlertContentSuccess").get_by_text("yard is set up").wait_for()  # a toast says it, too
        work()

        page.goto(f"{address}/location?location=yard")
        page.get_by_text("1 reading so far").wait_for()
        page.goto(f"{address}/upload?location=yard")
        page.locator("input[type=file]").first.set_input_files(second)
        page.get_by_role("button", name="Put into the inbox").click()
        page.get_by_text("0 of 1 file settled").wait_for()
        work()
        page.get_by_text("1 of 1 file settled").wait_for()
        page.get_by_role("link", name="See yard").click()
        page.get_by_text("2 readings so far").wait_for()
        page.locator(".js-plotly-plot .scatterlayer").first.wait_for()

        page.get_by_text("Widest: the opening where").wait_for()
        tables = page.locator("[data-testid=stDataFrame] .dvn-scroller")
        for number in range(2):
            assert tables.nth(number).evaluate("table => table.scrollWidth <= table.clientWidth"), "no column is hidden"

        _fill(page, "Prepared by", "Ada")
        # The buttons are drawn anew; one that is about to go would swallow the click.
        page.wait_for_timeout(_TO_BEGIN_MS)
        page.wait_for_function(f"{_STATE} != 'running'")
        with page.expect_download() as download:
            page.get_by_role("button", name="Report (PDF)").click()
        text = " ".join(sheet.extract_text() for sheet in PdfReader(download.value.path()).pages)
        assert download.value.suggested_filename == "yard.pdf"
        assert "Datum:" in text
        assert "Prepared by: Ada" in text

        page.goto(f"{address}/alarms")
        _fill(page, "Your name", "Ada")
        page.get_by_role("button", name="Acknowledge").first.click()
        page.get_by_text("Ada has acknowledged it").first.wait_for()
        _assert_sound(page)
        page.close()
