"""The demonstration: three simulated walls go through the same worker as any real photo."""

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.cli.output import progress, table
from monitor.errors import MisuseError
from monitor.growth.fits import FITS
from monitor.imaging.scale import scale_typed
from monitor.records import Crack, GrowthFit, Observation
from monitor.service import places
from monitor.service.ingest import Ingest
from monitor.service.jobs import Jobs
from monitor.service.judging import verdict_of
from monitor.service.scheduler import now, worker_name
from monitor.service.workspace import make_workspace
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.wording import signed
from simulations.scenarios import Truth, scenario, write_series

WALLS = ("dormant", "seasonal", "growing")
_MARK = "made-by-crackmonitor-demo"
_METRIC = "widest_mm"


@dataclass(frozen=True)
class Outcome:
    """What the demonstration measured on one wall, beside the truth where the crack gapes widest. Rates in mm per
    year; `measured` None where no crack was followed.
    """

    location: str
    true_rate: float
    measured: GrowthFit | None
    verdict: str
    alerts: list[str]


def demonstrate(folder: Path, seed: int, quiet: bool) -> tuple[Mapping[str, Any], str]:
    """Simulate, take in, analyse, judge; returns the result for scripts and in words."""
    settings = _fresh_workspace(folder)
    with closing(Database(settings.resolved_database_url)) as database:
        outcomes = _outcomes(settings, database, seed, quiet)
    return {"workspace": str(folder), "locations": [_as_json(outcome) for outcome in outcomes]}, _in_words(outcomes)


def _fresh_workspace(folder: Path) -> Settings:
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise MisuseError(f"{folder} exists and was not made by the demonstration. Choose another folder.")
    shutil.rmtree(folder, ignore_errors=True)
    settings = make_workspace(folder)
    (folder / _MARK).touch()
    return settings


def _outcomes(settings: Settings, database: Database, seed: int, quiet: bool) -> list[Outcome]:
    places.ensure_site(database, "Demonstration", "Europe/Zurich", now())
    truths = {wall: _photographed(settings, database, wall, seed + index, quiet) for index, wall in enumerate(WALLS)}
    total = sum(len(series) for series in truths.values())
    with progress("Registering, classifying, explaining, measuring", total, quiet) as bar:
        Jobs(database, settings, now, worker_name(), on_analysed=lambda _capture, _analysis: bar.advance()).tick()
    return [_outcome(database, wall, series) for wall, series in truths.items()]


def _photographed(settings: Settings, database: Database, wall: str, seed: int, quiet: bool) -> list[Truth]:
    """Simulate one wall's photos, the last of them taken yesterday, and take them in."""
    chosen = scenario(wall)
    start = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
    start -= timedelta(days=(chosen.captures - 1) * chosen.interval_days + 4)
    photos = settings.workspace / "photos" / wall
    with progress(f"Photographing the {wall} wall", chosen.captures, quiet) as bar:
        truths = write_series(chosen, seed, photos, bar.reached, start)
    places.add_location(database, settings, wall, "Demonstration", 31.0, now())
    Ingest(database, settings).take([photos / truth.file for truth in truths], wall, now())
    places.set_scale(database, wall, scale_typed(chosen.mm_per_px, 0.005), now())
    return truths


def _outcome(database: Database, wall: str, truths: list[Truth]) -> Outcome:
    with database.session() as session:
        location = queries.location(session, wall)
        fits = [view.fit for view in queries.fits(session, location.id) if view.fit.metric == _METRIC]
        measured = next((fit for fit in fits if fit.method == "seasonal"), None)
        cracks = {view.crack.name: view.crack for view in queries.cracks(session, location.id)}
        alerts = [alert.why for alert in queries.alerts(session, location.id) if alert.state.raised]
        verdict = verdict_of(session, location, now()).outcome
    crack = None if measured is None else cracks[measured.crack]
    return Outcome(wall, _true_rate(truths, crack), measured, verdict, alerts)


def _true_rate(truths: list[Truth], crack: Crack | None) -> float:
    """The true growth rate in mm per year of the widest place that was measured, or where it truly is."""
    values = [truth.max_width_mm for truth in truths]
    if crack is not None:
        place = crack.course[list(crack.widest_stations)]
        values = [float(truth.opening_px_at(place).mean()) * truth.mm_per_px for truth in truths]
    series = [Observation(truth.captured_at, value) for truth, value in zip(truths, values, strict=True)]
    fit = FITS["seasonal"](series, metric=_METRIC, unit="mm")
    assert fit.slope_per_year is not None, "fifteen months are enough for a seasonal fit"
    return fit.slope_per_year


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "location": outcome.location,
        "true_rate_mm_per_year": outcome.true_rate,
        "measured_rate_mm_per_year": outcome.measured.slope_per_year if outcome.measured else None,
        "low": outcome.measured.low if outcome.measured else None,
        "high": outcome.measured.high if outcome.measured else None,
        "n": outcome.measured.n if outcome.measured else 0,
        "verdict": outcome.verdict,
        "alerts": outcome.alerts,
    }


def _in_words(outcomes: list[Outcome]) -> str:
    head = ("wall", "true mm/year", "measured mm/year", "90 % interval", "n", "verdict")
    rows = []
    for outcome in outcomes:
        fit = outcome.measured
        seen: tuple[object, ...] = (None,) * 3
        if fit is not None and fit.slope_per_year is not None and fit.low is not None and fit.high is not None:
            seen = (signed(fit.slope_per_year), f"{signed(fit.low)} to {signed(fit.high)}", fit.n)
        rows.append((outcome.location, signed(outcome.true_rate), *seen, outcome.verdict))
    alerts = [f"ALERT at {outcome.location}: {why}" for outcome in outcomes for why in outcome.alerts]
    return "\n".join(
        ["Growth of the opening where the crack gapes widest, season-adjusted:", table(head, rows), *alerts]
    )
