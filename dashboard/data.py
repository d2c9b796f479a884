"""What the pages show, read from a workspace: the only module here that touches `monitor`.

Every reading function takes the workspace's folder, keeps no transaction open, and may be ten seconds
old. All raise `CrackmonitorError`, whose text is a sentence for the person who looks at the page.
What is imported under its own name (`X as X`) is there for the pages.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import streamlit as st
from sqlalchemy.orm import Session

from dashboard.charts import Line
from dashboard.wording import State, without_path
from monitor.errors import CrackmonitorError as CrackmonitorError
from monitor.errors import UnreadableImageError
from monitor.imaging.files import read_picture
from monitor.imaging.overlays import overlay
from monitor.records import EVENT_NAMES as EVENT_NAMES
from monitor.records import METRIC_NAMES as METRIC_NAMES
from monitor.records import RATE_NEEDS_DAYS, RATE_NEEDS_N, Offset, RuleKind, Temperature
from monitor.records import ByteArray as ByteArray
from monitor.records import GrowthFit as GrowthFit
from monitor.settings import Settings, load_settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.storage.views import ALL_CRACKS as ALL_CRACKS
from monitor.storage.views import (
    CRACK_UNITS,
    MILLIMETRE_METRICS,
    FitView,
    HeartbeatView,
    LocationStatus,
    NotificationView,
    RecipeSwitchView,
    RuleView,
    TransitionView,
)
from monitor.storage.views import OVERDUE as OVERDUE
from monitor.storage.views import UNITS as UNITS
from monitor.storage.views import CaptureView as CaptureView
from monitor.storage.views import CrackView as CrackView
from monitor.storage.views import EventView as EventView
from monitor.storage.views import RateView as RateView
from monitor.storage.views import Series as Series
from monitor.storage.views import ShadowSeries as ShadowSeries
from monitor.storage.views import VerdictView as VerdictView

_FRESH = timedelta(seconds=10)
#: The fit that is shown is the first of these that succeeded.
_METHODS = ("seasonal", "temperature", "theil_sen")
#: A worker that has been silent for so many rounds, and for so long, is worth a word.
_SILENT_ROUNDS, _SILENT = 3, timedelta(minutes=5)
#: Pictures are made smaller before they go to a browser.
_LONGEST_SIDE_PX = 1600


@dataclass(frozen=True)
class Glance:
    """One location on the overview: its status, how many readings count, how many captures are still to be measured,
    what its width's history says (None: nothing was judged yet), and what there is under another recipe, if anything.
    """

    status: LocationStatus
    readings: int
    pending: int
    verdict: VerdictView | None
    shadow: ShadowSeries | None

    @property
    def state(self) -> State:
        """Where the location stands; an alert outweighs captures that stay away."""
        if any(alert.subject != OVERDUE for alert in self.status.firing):
            return State.ALERT
        if self.status.overdue:
            return State.OVERDUE
        return State.OK if self.readings else State.WAITING


@dataclass(frozen=True)
class Detail:
    """Everything about one location but the histories of its metrics. `inbox` is where its photos go; `offsets` are
    those of its shadow series, in px.
    """

    glance: Glance
    captures: tuple[CaptureView, ...]
    fits: tuple[FitView, ...]
    rules: tuple[RuleView, ...]
    transitions: tuple[TransitionView, ...]
    cracks: tuple[CrackView, ...]
    verdicts: tuple[VerdictView, ...]
    events: tuple[EventView, ...]
    temperatures: tuple[Temperature, ...]
    switches: tuple[RecipeSwitchView, ...]
    offsets: tuple[Offset, ...]
    inbox: Path

    @property
    def subjects(self) -> tuple[str, ...]:
        """What histories are of: the crack that the location's verdict is about first, all cracks together last."""
        verdict = self.glance.verdict
        first = verdict.crack if verdict is not None else ALL_CRACKS
        names = [view.crack.name for view in self.cracks]
        return *sorted(names, key=lambda name: name != first), ALL_CRACKS

    def metrics(self, crack: str = ALL_CRACKS) -> tuple[str, ...]:
        """The metrics that can have values there, the one to begin with first."""
        scaled = self.glance.status.location.scale is not None
        units = UNITS if crack == ALL_CRACKS else CRACK_UNITS
        first = f"{'max_width' if crack == ALL_CRACKS else 'widest'}_{'mm' if scaled else 'px'}"
        return first, *(name for name in units if name != first and (scaled or name not in MILLIMETRE_METRICS))

    def verdict(self, crack: str) -> VerdictView | None:
        """What was judged of one crack."""
        return next((view for view in self.verdicts if view.crack == crack), None)

    def fit(self, metric: str, crack: str = ALL_CRACKS) -> GrowthFit | None:
        """The fit to show for a metric, None before the first."""
        return _shown_fit(self.fits, metric, crack)

    def correlation(self, metric: str, crack: str = ALL_CRACKS) -> float | None:
        """Pearson's r of a metric with time, from whichever fit has it."""
        own = (view.fit for view in self.fits if (view.fit.metric, view.fit.crack) == (metric, crack))
        return next((fit.r for fit in own if fit.r is not None), None)

    def levels(self, metric: str) -> list[float]:
        """From which values of a metric on an alert fires."""
        return [rule.fire for rule in self.rules if rule.metric == metric and rule.kind is RuleKind.LEVEL]


@dataclass(frozen=True)
class Worker:
    """When any worker last gave a sign of life, and after which silence that is worth a word."""

    last_at: datetime | None
    silence: timedelta


@dataclass(frozen=True)
class Rejected:
    """A file that was not taken in."""

    location: str
    time_zone: str
    file_name: str
    reason: str
    received_at: datetime

    @property
    def kind(self) -> str:
        """The reason as files of the same fault share it."""
        return without_path(self.reason, self.file_name)


@dataclass(frozen=True)
class Service:
    """How the service itself is doing. `pending` counts captures to be measured, by location name; `shadows` are of
    the locations that have another recipe beside their own.
    """

    inbox: Path
    database: str
    problems: tuple[str, ...]
    heartbeats: tuple[HeartbeatView, ...]
    pending: Mapping[str, int]
    shadows: tuple[ShadowSeries, ...]
    watched: tuple[str, ...]
    undelivered: tuple[NotificationView, ...]


def line(fit: GrowthFit | None) -> Line | None:
    """A fit that succeeded, as a line to draw and speak of; None for any other."""
    if fit is None or not fit.success or fit.origin is None or fit.span_days is None or fit.intercept is None:
        return None
    if fit.slope_per_year is None or fit.low is None or fit.high is None:
        return None
    return Line(fit.origin, fit.span_days, fit.intercept, fit.slope_per_year, fit.low, fit.high)


def unit_of(metric: str) -> str:
    """The unit of a metric, of a crack or of all together."""
    return {**UNITS, **CRACK_UNITS}[metric]


def workspace() -> Path:
    """The folder to show: `--workspace`, else the variable CRACKMONITOR_WORKSPACE, else the present folder."""
    arguments = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    arguments.add_argument("--workspace", type=Path, default=Path(os.environ.get("CRACKMONITOR_WORKSPACE", ".")))
    chosen: Path = arguments.parse_known_args(sys.argv[1:])[0].workspace
    return chosen.resolve()


@st.cache_data(ttl=_FRESH, show_spinner=False)
def glances(folder: Path) -> tuple[Glance, ...]:
    """All locations: what needs attention first, then by name."""
    with _reading(folder) as (session, _):
        statuses = queries.statuses(session)
        pending = _pending(session, statuses)
        shadows = {shadow.location_id: shadow for shadow in queries.shadows(session)}
        seen = [_glance(session, status, pending, shadows.get(status.location.id)) for status in statuses]
    order = list(State)
    return tuple(sorted(seen, key=lambda glance: (order.index(glance.state), glance.status.location.name)))


@st.cache_data(ttl=_FRESH, show_spinner=False)
def detail(folder: Path, name: str) -> Detail:
    """One location. Raises `UnknownNameError` for a name that is none."""
    with _reading(folder) as (session, settings):
        place = queries.location(session, name).id
        statuses = [status for status in queries.statuses(session) if status.location.id == place]
        shadow = next((shadow for shadow in queries.shadows(session) if shadow.location_id == place), None)
        pair = None if shadow is None else (shadow.in_force, shadow.fingerprint)
        return Detail(
            glance=_glance(session, statuses[0], _pending(session, statuses), shadow),
            captures=tuple(queries.captures(session, place)),
            fits=tuple(queries.fits(session, place)),
            rules=tuple(queries.rules(session, place)),
            transitions=tuple(queries.transitions(session, place)),
            cracks=tuple(queries.cracks(session, place)),
            verdicts=tuple(queries.verdicts(session, place)),
            events=tuple(queries.events(session, place)),
            temperatures=tuple(queries.temperatures(session, place)),
            switches=tuple(queries.recipe_switches(session, place)),
            offsets=() if pair is None else tuple(queries.offsets(session, place, *pair)),
            inbox=settings.inbox / name,
        )


@st.cache_data(ttl=_FRESH, show_spinner=False)
def series(folder: Path, location_id: int, metric: str, crack: str = ALL_CRACKS) -> Series:
    """One metric's history, of one crack or of all cracks of a location together."""
    with _reading(folder) as (session, _):
        if crack == ALL_CRACKS:
            return queries.series(session, location_id, metric)
        return queries.crack_series(session, location_id, crack, metric)


@st.cache_data(ttl=_FRESH, show_spinner=False)
def worker(folder: Path) -> Worker:
    """The sign of life to measure the age of everything else by."""
    with _reading(folder) as (session, settings):
        seen = [view.at for view in queries.heartbeats(session)]
    return Worker(
        max(seen, default=None), max(_SILENT, _SILENT_ROUNDS * timedelta(seconds=settings.worker.scan_seconds))
    )


@st.cache_data(ttl=_FRESH, show_spinner=False)
def service(folder: Path) -> Service:
    """The database, the parts that run beside these pages, and what they have yet to do."""
    with _reading(folder) as (session, settings):
        statuses = queries.statuses(session)
        pending = _pending(session, statuses)
        database = _database(settings.resolved_database_url)
        return Service(
            inbox=settings.inbox,
            database=database.name,
            problems=tuple(database.check()),
            heartbeats=tuple(sorted(queries.heartbeats(session), key=lambda view: view.at, reverse=True)),
            pending={
                status.location.name: pending[status.location.id] for status in statuses if pending[status.location.id]
            },
            shadows=tuple(queries.shadows(session)),
            watched=tuple(queries.sightings(session)),
            undelivered=tuple(queries.undelivered(session)),
        )


@st.cache_data(ttl=6 * _FRESH, show_spinner=False)
def rejected(folder: Path) -> tuple[Rejected, ...]:
    """All files that were not taken in, newest first."""
    with _reading(folder) as (session, _):
        found = [
            Rejected(place.name, place.time_zone, capture.file_name, capture.rejected_reason, capture.received_at)
            for place in queries.locations(session)
            for capture in queries.captures(session, place.id)
            if capture.rejected_reason is not None
        ]
    return tuple(sorted(found, key=lambda file: file.received_at, reverse=True))


@st.cache_data(ttl=60 * _FRESH, max_entries=32, show_spinner=False)
def picture(folder: Path, relative: str | None) -> ByteArray | None:
    """A stored picture as uint8 (rows, cols, 3), its longest side at most 1600 px; None: it is not there.

    It is made smaller by averaging whole blocks, so that pictures of one size stay of one size and a thin line
    leaves a trace.
    """
    if relative is None:
        return None
    try:
        image = read_picture(load_settings(folder).pictures / relative, math.inf, math.inf).image
    except UnreadableImageError:
        return None
    factor = math.ceil(max(image.shape[:2]) / _LONGEST_SIDE_PX)
    rows, cols = image.shape[0] // factor, image.shape[1] // factor
    blocks = image[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor, 3)
    return blocks.mean(axis=(1, 3)).astype(np.uint8) if factor > 1 else image


def drawn(image: ByteArray, mask: ByteArray | None, relevance: ByteArray | None) -> ByteArray:
    """`image` with the outline of the mask and the relevance over it, each only if it is given in the same size."""
    outline = np.zeros(image.shape[:2], bool)
    if mask is not None and mask.shape == image.shape:
        outline = mask[..., 0] > 0
    glow = relevance[..., 0] if relevance is not None and relevance.shape == image.shape else None
    return overlay(image, outline, None if glow is None else glow.astype(np.float32))


@st.cache_resource(show_spinner=False)
def _database(url: str) -> Database:
    return Database(url, busy_seconds=5)


@contextmanager
def _reading(folder: Path) -> Iterator[tuple[Session, Settings]]:
    settings = load_settings(folder)
    with _database(settings.resolved_database_url).session() as session:
        yield session, settings


def _glance(
    session: Session, status: LocationStatus, pending: Mapping[int, int], shadow: ShadowSeries | None
) -> Glance:
    place = status.location.id
    metric = _headline_metric(status)
    counted = queries.series(session, place, metric).observations
    return Glance(status, len(counted), pending[place], queries.headline(session, place), shadow)


def _pending(session: Session, statuses: Sequence[LocationStatus]) -> dict[int, int]:
    """By location id, the captures without a reading in the series; all of them before there is a series."""
    fingerprints = {status.location.fingerprint for status in statuses}
    waiting = {name: queries.pending(session, name) for name in fingerprints if name is not None}
    return {
        status.location.id: waiting[status.location.fingerprint].get(status.location.id, 0)
        if status.location.fingerprint is not None
        else status.captures
        for status in statuses
    }


def _headline_metric(status: LocationStatus) -> str:
    return "max_width_px" if status.location.scale is None else "max_width_mm"


def _shown_fit(fits: Sequence[FitView], metric: str, crack: str) -> GrowthFit | None:
    """The first method that succeeded; else the last one's failure, which has a message.

    A line through too few readings, or too short a time, is not shown: it would look like knowledge.
    """
    by_method = {view.fit.method: view.fit for view in fits if (view.fit.metric, view.fit.crack) == (metric, crack)}
    candidates = [by_method[method] for method in _METHODS if method in by_method]
    shown = next((fit for fit in candidates if fit.success), candidates[-1] if candidates else None)
    if shown is None or not shown.success or (shown.n >= RATE_NEEDS_N and (shown.span_days or 0) >= RATE_NEEDS_DAYS):
        return shown
    message = f"a rate is shown from {RATE_NEEDS_N} readings over {RATE_NEEDS_DAYS:.0f} days on; there are {shown.n}"
    return replace(shown, success=False, message=f"{message} over {shown.span_days or 0:.0f}")
