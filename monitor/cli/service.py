"""Commands that run the service: init, upgrade, worker, dashboard, growth, doctor."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, progress, table

if TYPE_CHECKING:
    from monitor.service.jobs import Tick
    from monitor.settings import Settings
    from monitor.storage.database import Database
    from monitor.storage.views import CrackView


def init(
    folder: Annotated[Path | None, typer.Argument(help="Folder to make the workspace in.")] = None,
    database_url: Annotated[
        str, typer.Option(help="SQLite inside the folder, or postgresql://user@host/database.")
    ] = "sqlite:///crackmonitor.db",
    workspace: Annotated[Path, typer.Option("--workspace", help="The same, where FOLDER is left out.")] = HERE,
    json: Json = False,
) -> None:
    """Make a workspace: settings file, database, inbox, originals, pictures."""
    from monitor.service.workspace import make_workspace

    place = workspace if folder is None else folder
    settings = make_workspace(place, database_url)
    words = f"Workspace made in {place}.\nNext: crackmonitor site add, crackmonitor location add."
    answer({"workspace": str(place), "inbox": str(settings.inbox)}, json, words)


def upgrade(workspace: Workspace = HERE, json: Json = False) -> None:
    """Bring the workspace's database to this version's schema."""
    from monitor.service.workspace import upgrade_database

    name = upgrade_database(workspace)
    answer({"database": name}, json, f"{name} is up to date.")


def worker(
    once: Annotated[bool, typer.Option("--once", help="One round, then stop (for cron).")] = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Only say whether this machine's worker is alive; exit status 1 if not.")
    ] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Scan, analyse, refit, evaluate, notify; again and again until SIGTERM."""
    import logging

    if alive:
        _say_whether_alive(workspace, json)
        return
    from monitor.service.scheduler import work_until_told

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with opened(workspace) as (settings, database):
        database.acting = "the worker"
        if not once:
            work_until_told(database, settings)
            return
        tick = _one_round(database, settings, quiet=json)
    result = {
        "intake": tick.intake.as_json(),
        "analysed": tick.analysed,
        "judged": tick.judged,
        "sent": tick.delivery.sent,
        "failed": tick.delivery.failed,
    }
    words = (
        f"{len(tick.intake.accepted)} accepted, {len(tick.intake.waiting)} waiting, {len(tick.intake.rejected)} "
        f"rejected, {tick.analysed} analysed, {tick.delivery.sent} notification(s) sent"
    )
    answer(result, json, words)


def _say_whether_alive(workspace: Path, json: bool) -> None:
    """For health checks: cheap, and without a look at anything but signs of life."""
    import socket
    from datetime import UTC, datetime, timedelta

    from monitor.service.leases import SharedClock
    from monitor.service.watchdog import is_alive

    with opened(workspace) as (settings, database):
        clock = SharedClock(database, lambda: datetime.now(UTC))
        clock.compare()
        minutes = settings.alarms.worker_silent_minutes
        alive = is_alive(database, socket.gethostname(), timedelta(minutes=minutes), clock())
    words = f"A worker on this machine gave {'a' if alive else 'no'} sign of life in the last {minutes:g} minutes."
    answer({"alive": alive, "minutes": minutes}, json, words)
    if not alive:
        raise typer.Exit(1)


def _one_round(database: "Database", settings: "Settings", quiet: bool) -> "Tick":
    from monitor.service.jobs import Jobs
    from monitor.service.scheduler import now, told_to_stop, worker_name
    from monitor.storage import queries

    with database.session() as session:
        captures = sum(status.captures for status in queries.statuses(session))
    with told_to_stop() as stop, progress("Analysing captures", captures, quiet) as bar:
        jobs = Jobs(database, settings, now, worker_name(), stop, lambda _capture, _analysis: bar.advance())
        try:
            return jobs.tick()
        finally:
            jobs.close()


def dashboard(workspace: Workspace = HERE, json: Json = False) -> None:
    """Serve the pages (on 127.0.0.1 unless the settings say otherwise) until interrupted."""
    import os
    import sys

    import dashboard as pages
    from monitor.access.entry import require_guarded

    with opened(workspace) as (settings, database), database.session() as session:
        folder = Path(pages.__file__).parent
        door = require_guarded(session, settings)
    address = f"http://{settings.dashboard.host}:{settings.dashboard.port}"
    answer({"address": address, "door": door}, json, f"Dashboard: {address}\n{_DOORS[door]}")
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "served.py")]
    command += ["--server.address", settings.dashboard.host, "--server.port", str(settings.dashboard.port)]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    command += ["--server.enableXsrfProtection", "true", "--server.enableCORS", "true"]
    # Told nothing, Streamlit asks a service elsewhere for this machine's address when it is to answer on all of them.
    command += ["--browser.serverAddress", "localhost"]
    command += ["--secrets.files", str(settings.secrets.resolve())]
    os.execv(sys.executable, [*command, "--", "--workspace", str(workspace.resolve())])


#: What is said of how people come in.
_DOORS = {
    "open": "Nobody is asked for a password: the pages are for this machine alone, and act as its own user.",
    "accounts": "People log in by name and password ('crackmonitor access list').",
    "openid": "People log in by OpenID Connect ('crackmonitor access list').",
}


def growth(
    location: Annotated[str, typer.Argument(help="Location.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Growth rates of a location with their intervals, what was left out and why, and the verdict."""
    from monitor.cli.corrections import gauge_json, gauge_words
    from monitor.service.judging import history, verdict_of
    from monitor.service.scheduler import now
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        view = queries.location(session, location)
        fits = [found.fit for found in queries.fits(session, view.id)]
        excluded = history(session, view).excluded
        verdict = verdict_of(session, view, now())
        notices = [notice for one in queries.shadows(session) if one.location_id == view.id for notice in one.notices]
        offset = queries.gauge_offset(session, view.id)
        tips = _tips(queries.cracks(session, view.id), None if view.scale is None else view.scale.mm_per_px)
    evidence = verdict.evidence if view.scale else f"{verdict.evidence} {_NO_SCALE}"
    result = {
        "location": location,
        "fingerprint": view.fingerprint,
        "fits": [_fit_json(fit) for fit in fits],
        "excluded": [{"capture": left.capture_id, "file": left.file_name, "reason": left.reason} for left in excluded],
        "verdict": verdict.outcome,
        "evidence": evidence,
        "months_needed": verdict.months_needed,
        "remarks": list(verdict.remarks),
        "notices": notices,
        "gauge": gauge_json(offset),
        "tips": tips,
    }
    rows = [_fit_row(fit) for fit in fits if fit.success]
    head = ("crack", "metric", "method", "per year", "per month", "90 % interval per year", "unit", "n", "r")
    lines = [f"{location}: {verdict.outcome}. {evidence}", *verdict.remarks, *notices, "", table(head, rows)]
    lines += [] if offset is None else [gauge_words(offset)]
    lines += [_tip_words(tip) for tip in tips]
    lines += [f"left out: capture {left.capture_id} ({left.file_name}): {left.reason}" for left in excluded]
    answer(result, json, "\n".join(lines))


def _tips(cracks: "list[CrackView]", mm_per_px: float | None) -> list[dict[str, Any]]:
    """How much longer each crack has grown at either tip, capture by capture where the tip is shown."""
    found = []
    for view in cracks:
        course = view.crack.course
        standing = abs(course[:, 0].max() - course[:, 0].min()) >= abs(course[:, 1].max() - course[:, 1].min())
        for name, tip in (
            ("first_tip_px", "upper" if standing else "left"),
            ("second_tip_px", "lower" if standing else "right"),
        ):
            grown = [(one.capture, getattr(one, name)) for one in view.readings if getattr(one, name) is not None]
            last = grown[-1][1] if grown else None
            found.append(
                {
                    "crack": view.crack.name,
                    "tip": tip,
                    "growth_px": last,
                    "growth_mm": None if last is None or mm_per_px is None else last * mm_per_px,
                    "captures": [{"capture": capture, "growth_px": px} for capture, px in grown],
                }
            )
    return found


def _tip_words(tip: dict[str, Any]) -> str:
    where = f"crack {tip['crack']}, {tip['tip']} tip"
    if tip["growth_px"] is None:
        return f"{where}: not shown in any photo, or it leaves the picture"
    mm = "" if tip["growth_mm"] is None else f" ({tip['growth_mm']:.1f} mm)"
    return f"{where}: longer by {tip['growth_px']:.0f} px{mm} in the last photo that shows it"


_NO_SCALE = (
    "The location has no scale, so nothing is known in mm and rules in mm are not watched: give it one with "
    "'crackmonitor location scale'."
)


def _fit_row(fit: Any) -> tuple[object, ...]:
    slope, interval = fit.slope_per_year, f"{fit.low:+.3f} to {fit.high:+.3f}"
    r = None if fit.r is None else f"{fit.r:.3f}"
    return fit.crack, fit.metric, fit.method, f"{slope:+.3f}", f"{slope / 12:+.4f}", interval, fit.unit, fit.n, r


_FIT_FIELDS = ("crack", "metric", "unit", "method", "slope_per_year", "low", "high", "r", "n", "message")


def _fit_json(fit: Any) -> dict[str, Any]:
    return {name: getattr(fit, name) for name in (*_FIT_FIELDS, "confidence", "smallest_detectable_per_year")}


def doctor(workspace: Workspace = HERE, json: Json = False) -> None:
    """Say what works here and what does not: settings, database, weights, device, write access, disk."""
    from monitor.service.doctor import examine

    findings = examine(workspace)
    words = "\n".join(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}" for finding in findings)
    result = {"ok": all(finding.ok for finding in findings), "checks": [vars(finding) for finding in findings]}
    answer(result, json, words)


COMMANDS: dict[str, Callable[..., None]] = {
    "init": init,
    "upgrade": upgrade,
    "worker": worker,
    "dashboard": dashboard,
    "growth": growth,
    "doctor": doctor,
}
