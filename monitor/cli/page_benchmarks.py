"""Server time of the dashboard's pages over a database as large as a few years of a town's walls make it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: Every so many-th location has an alert that nobody has acknowledged yet.
_ALERT_EVERY = 10
_CRACK = "A"
#: Options of Streamlit that `dashboard/.streamlit/config.toml` has switched off for the served pages.
_OFF = ("runner.magicEnabled", "runner.postScriptGC")
_STATIONS = 60


def benchmark_dashboard(options: Any) -> Any:
    """Server time of the overview and of one location's page, as the number of readings grows, and as that of locations
    with as many readings each does; nothing is kept from before, as for the first person of the morning. `page` is the
    whole page, `data` what it reads from the database.
    """
    from simulations.speed.timing import Curve, Result, Seconds

    def timed(sites: float, readings: float) -> dict[str, Seconds]:
        with TemporaryDirectory() as folder:
            fill(Path(folder) / "ws", max(1, round(sites)), max(1, round(readings)))
            return time_pages(Path(folder) / "ws", options.photo_rounds)

    shares, sites, readings = (0.25, 0.5, 1.0), options.sites, options.readings
    whole = timed(sites, readings)
    grown = {
        "readings": [timed(sites, readings * share) for share in shares[:-1]] + [whole],
        "locations": [timed(sites * share, readings * share) for share in shares[:-1]] + [whole],
    }
    curves = [
        Curve(
            f"{name}_{what}",
            f"{what} in the database, {name.replace('_', ', ')}",
            [share * (readings if what == "readings" else sites) for share in shares],
            [point[name] for point in points],
        )
        for what, points in grown.items()
        for name in whole
    ]
    figures = {f"{name}_seconds": seconds.wall for name, seconds in whole.items()}
    figures |= {f"{name}_cpu_seconds": seconds.cpu for name, seconds in whole.items()}
    counts = {"sites": sites, "readings": readings, "rounds": options.photo_rounds}
    return Result(curves=curves, figures={**figures, **counts})


def time_pages(folder: Path, rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, each page made whole by Streamlit in this process, and what it reads alone."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    from dashboard import alarm_data, app, data
    from dashboard.beforehand import get_ready
    from simulations.speed.timing import by_turns

    def whole(page: str, **asked: str) -> Callable[[], None]:
        # One for all rounds: each new one looks through every installed package, as a server does once when it starts.
        shown = AppTest.from_file(app.__file__, default_timeout=600)
        if page != "overview":
            shown.switch_page(f"app_pages/{page}.py")
        for name, value in asked.items():
            shown.query_params[name] = value

        def make() -> None:
            st.cache_data.clear()
            data.detail.clear()
            shown.run()
            assert not shown.exception, shown.exception

        return make

    def overview() -> None:
        st.cache_data.clear()
        data.glances(folder)
        data.worker(folder)
        alarm_data.inbox(folder)

    def location() -> None:
        data.detail.clear()
        data.detail(folder, "wall-0").series("widest_mm", _CRACK)

    steps = {"overview_page": whole("overview"), "overview_data": overview}
    steps |= {"location_page": whole("location", location="wall-0"), "location_data": location}
    with _showing(folder):
        for make in steps.values():
            make()
        get_ready()
        return by_turns(steps, rounds)


class _showing:
    """The dashboard shows this workspace, whatever the command line says, and takes its scripts as they are: the served
    pages have that from `dashboard/.streamlit/config.toml`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        import os
        import sys

        from streamlit import config

        self._options = {name: config.get_option(name) for name in _OFF}
        for name in _OFF:
            config.set_option(name, False)
        self._before = sys.argv, os.environ.get("CRACKMONITOR_WORKSPACE")
        sys.argv, os.environ["CRACKMONITOR_WORKSPACE"] = sys.argv[:1], str(self._folder)

    def __exit__(self, *_error: object) -> None:
        import os
        import sys

        from streamlit import config

        for name, value in self._options.items():
            config.set_option(name, value)
        sys.argv, before = self._before
        os.environ.pop("CRACKMONITOR_WORKSPACE")
        if before is not None:
            os.environ["CRACKMONITOR_WORKSPACE"] = before


def fill(folder: Path, sites: int, readings: int) -> None:
    """A workspace with one location a site, and as many readings of photo and crack, spread evenly, one a day up to
    now; with fits, verdicts, and alerts at every tenth location.
    """
    from monitor.records import Recipe, Scale, ScaleOrigin
    from monitor.service.workspace import make_workspace
    from monitor.storage import repository
    from monitor.storage.database import Database

    settings = make_workspace(folder)
    database, now = Database(settings.resolved_database_url), datetime.now(UTC).replace(microsecond=0)
    each = -(-readings // sites)
    with database.transaction() as session:
        fingerprint = repository.bring_recipe(session, Recipe({"weights": "made up"}), now)
        places = []
        for number in range(sites):
            site = repository.add_site(session, name=f"Site {number}", time_zone="UTC", now=now)
            place = repository.add_location(session, site_id=site, name=f"wall-{number}", interval_days=1, now=now)
            repository.set_scale(session, place, Scale(0.5, 0.004, ScaleOrigin.TYPED))
            places.append(place)
    for number, place in enumerate(places):
        with database.transaction() as session:
            _fill_place(session, place, fingerprint, range(number * each + 1, (number + 1) * each + 1), now)
            if number % _ALERT_EVERY == 0:
                _raise(session, place, now)
    database.close()


def _fill_place(session: Any, place: int, fingerprint: str, captures: range, now: datetime) -> None:
    """All of one location; `captures` are the ids of its captures, oldest first."""
    from sqlalchemy import insert

    from monitor.storage import queries, repository
    from monitor.storage.tables import CaptureRow, CrackReadingRow, CrackRow, FollowingRow, ReadingRow

    rows = [list(row) for row in zip(*_rows(place, fingerprint, captures, now), strict=True)]
    for table, values in zip((CaptureRow, ReadingRow), rows[:2], strict=True):
        session.execute(insert(table), values)
    repository.set_reference(session, place, captures[0], now)
    repository.set_series(session, place, fingerprint)
    crack = CrackRow(
        location_id=place, fingerprint=fingerprint, name=_CRACK, first_capture_id=captures[0],
        widest_stations=[0, 1], course=[[4.0 * station, 300.0] for station in range(_STATIONS)],
    )  # fmt: skip
    session.add(crack)
    session.flush()
    session.execute(insert(CrackReadingRow), [{"crack_id": crack.id, **row} for row in rows[2]])
    basis = queries.following_basis(session, place, fingerprint)
    session.add(FollowingRow(location_id=place, fingerprint=fingerprint, basis=basis, followed_at=now))
    _judge(session, place, fingerprint, len(captures), now)


def _rows(
    place: int, fingerprint: str, captures: range, now: datetime
) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Of every capture its row, its reading's and that of its crack."""
    from monitor.records import CrackState, Grade, Status, TimeSource

    for day, number in enumerate(captures):
        at, grown = now - timedelta(days=len(captures) - day), day / 1000
        capture = {
            "id": number, "location_id": place, "sha256": f"{number:064x}", "file_name": f"{number}.jpg",
            "media_type": "image/jpeg", "height_px": 960, "width_px": 1280, "captured_at": at,
            "time_source": TimeSource.EXIF_OFFSET, "received_at": at, "rejected_reason": None,
        }  # fmt: skip
        reading = {
            "capture_id": number, "fingerprint": fingerprint, "status": Status.MEASURED, "crack_probability": 0.9,
            "crack_count": 1, "area_px": 900.0 + day, "max_width_px": 4.0 + grown, "length_px": 300.0,
            "area_mm2": 225.0 + day / 4, "max_width_mm": 2.0 + grown / 2, "length_mm": 150.0,
            "registration_accepted": True, "registration_matrix": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            "registration_residual_px": 0.2, "registration_inliers": 400, "registration_overlap": 0.97,
            "registration_spread": 0.6, "registration_agreement": 0.8,
            "grade": Grade.A, "grade_reasons": [], "measured_at": at,
            "pictures": {name: f"{number}_{name}.png" for name in ("aligned", "mask", "relevance")},
        }  # fmt: skip
        crack = {
            "capture_id": number, "state": CrackState.CONTINUED, "opening_px": 3.0 + grown, "opening_error_px": 0.03,
            "change_px": grown, "change_error_px": 0.04, "widest_px": 4.0 + grown, "widest_error_px": 0.05,
            "shared_error_px": 0.1, "lips_px": grown, "lips_error_px": 0.05, "shear_px": 0.0, "agree": True,
        }  # fmt: skip
        yield capture, reading, crack


def _judge(session: Any, place: int, fingerprint: str, days: int, now: datetime) -> None:
    """Fits and verdicts of all metrics, as a worker leaves them; their numbers are made up like the rest."""
    from sqlalchemy import insert

    from monitor.storage.tables import GrowthFitRow, VerdictRow
    from monitor.storage.views import ALL_CRACKS, CRACK_UNITS, UNITS

    series = {"location_id": place, "fingerprint": fingerprint}
    metrics = [(ALL_CRACKS, *one) for one in UNITS.items()] + [(_CRACK, *one) for one in CRACK_UNITS.items()]
    rate = {"low": 0.1, "high": 0.3, "confidence": 0.9, "smallest_detectable_per_year": 0.05}
    fits = [
        {
            **series, **rate, "crack": crack, "metric": metric, "unit": unit, "method": method, "n": days,
            "success": True, "slope_per_year": 0.2, "intercept": 2.0, "r": 0.9, "span_days": float(days),
            "origin": now - timedelta(days=days), "fitted_at": now,
        }
        for crack, metric, unit in metrics
        for method in ("seasonal", "theil_sen")
    ]  # fmt: skip
    session.execute(insert(GrowthFitRow), fits)
    verdict = {"outcome": "progressive", "evidence": "It opens.", "rate_per_year": 0.2, "remarks": []}
    session.execute(
        insert(VerdictRow),
        [
            {**series, **rate, **verdict, "crack": crack, "metric": metric, "unit": "mm", "judged_at": now}
            for crack, metric in ((ALL_CRACKS, "max_width_mm"), (_CRACK, "widest_mm"))
        ],
    )


def _raise(session: Any, place: int, now: datetime) -> None:
    from monitor.records import AlertState
    from monitor.storage import repository

    repository.record_transition(
        session,
        location_id=place,
        subject="trigger A",
        old=AlertState.OK,
        new=AlertState.FIRING,
        why="Crack A opens by 0.2 mm per year, more than agreed.",
        evidence={},
        now=now,
    )
