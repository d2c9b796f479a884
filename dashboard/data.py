"""What the pages show, read from a workspace: beside `alarm_data` the only module here that touches `monitor`.

Every reading function takes the workspace's folder, keeps no transaction open, and may be ten seconds
old. All raise `CrackmonitorError`, whose text is a sentence for the person who looks at the page.
What is imported under its own name (`X as X`) is there for the pages.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import streamlit as st
from sqlalchemy.orm import Session

from dashboard.charts import Line
from dashboard.wording import State
from dashboard.workspace import workspace as workspace
from monitor.errors import CrackmonitorError as CrackmonitorError
from monitor.errors import UnreadableImageError
from monitor.imaging.files import read_picture
from monitor.imaging.folders import files_below
from monitor.imaging.overlays import overlay
from monitor.records import EVENT_NAMES as EVENT_NAMES
from monitor.records import METRIC_NAMES as METRIC_NAMES
from monitor.records import ByteArray as ByteArray
from monitor.records import CrackReading as CrackReading
from monitor.records import GrowthFit as GrowthFit
from monitor.records import Offset, RuleKind, Temperature
from monitor.records import Scale as Scale
from monitor.settings import Settings, load_settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.storage.observing import grading_of as grading_of
from monitor.storage.observing import series_of, series_of_crack
from monitor.storage.shown import shown_fit
from monitor.storage.told import GaugeOffset
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
from monitor.storage.views import ReadingView as ReadingView
from monitor.storage.views import Series as Series
from monitor.storage.views import ShadowSeries as ShadowSeries
from monitor.storage.views import SiteTrialView as SiteTrialView
from monitor.storage.views import TriggerStandView as TriggerStandView
from monitor.storage.views import VerdictView as VerdictView

_FRESH = timedelta(seconds=10)
#: A worker that has been silent for so many rounds, and for so long, is worth a word.
_SILENT_ROUNDS, _SILENT = 3, timedelta(minutes=5)
#: Pictures are made smaller before they go to a browser.
_LONGEST_SIDE_PX = 1600


@dataclass(frozen=True)
class Glance:
    """One location on the overview: its status, whether any of its readings counts, what its width's history says
    (None: nothing was judged yet), and what there is under another recipe, if anything. `stand` is the most urgent
    level of its trigger plan, None before the first.
    """

    status: LocationStatus
    measured: bool
    verdict: VerdictView | None
    shadow: ShadowSeries | None
    stand: TriggerStandView | None

    @property
    def state(self) -> State:
        """Where the location stands; an alert outweighs captures that stay away."""
        if any(alert.subject != OVERDUE for alert in self.status.firing):
            return State.ALERT
        if self.status.overdue:
            return State.OVERDUE
        return State.OK if self.measured else State.WAITING


@dataclass(frozen=True)
class Detail:
    """Everything about one location: so many of its readings count, so many captures are still to be measured. `inbox`
    is where its photos go; `offsets` are those of its shadow series, in px; `gauge` is what a reading by hand adds to
    its openings.
    """

    glance: Glance
    readings: int
    pending: int
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
    gauge: GaugeOffset | None
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
        return shown_fit(self.fits, metric, crack)

    def correlation(self, metric: str, crack: str = ALL_CRACKS) -> float | None:
        """Pearson's r of a metric with time, from whichever fit has it."""
        own = (view.fit for view in self.fits if (view.fit.metric, view.fit.crack) == (metric, crack))
        return next((fit.r for fit in own if fit.r is not None), None)

    def series(self, metric: str, crack: str = ALL_CRACKS) -> Series:
        """One metric's history, of one crack or of all together."""
        place = self.glance.status.location
        if crack == ALL_CRACKS:
            return series_of(place, self.captures, metric)
        view = next((view for view in self.cracks if view.crack.name == crack), None)
        return series_of_crack(place, self.captures, view, metric, offset=self.gauge)

    def levels(self, metric: str) -> list[float]:
        """From which values of a metric on an alert fires."""
        return [rule.fire for rule in self.rules if rule.metric == metric and rule.kind is RuleKind.LEVEL]


@dataclass(frozen=True)
class Worker:
    """When any worker last gave a sign of life, and after which silence that is worth a word."""

    last_at: datetime | None
    silence: timedelta


@dataclass(frozen=True)
class Service:
    """How the service itself is doing. `pending` counts captures to be measured, by location name; `shadows` are of
    the locations that have another recipe beside their own; `unseen` counts files in the inbox that no worker has
    looked at.
    """

    inbox: Path
    database: str
    problems: tuple[str, ...]
    heartbeats: tuple[HeartbeatView, ...]
    pending: Mapping[str, int]
    shadows: tuple[ShadowSeries, ...]
    watched: tuple[str, ...]
    unseen: int
    undelivered: tuple[NotificationView, ...]


def line(fit: GrowthFit | None) -> Line | None:
    """A fit that succeeded, as a line to draw and speak of; None for any other."""
    if fit is None or not fit.success or fit.origin is None or fit.span_days is None or fit.intercept is None:
        return None
    if fit.slope_per_year is None or fit.low is None or fit.high is None:
        return None
    season = None if fit.season_cos is None or fit.season_sin is None else (fit.season_cos, fit.season_sin)
    return Line(fit.origin, fit.span_days, fit.intercept, fit.slope_per_year, fit.low, fit.high, season)


def unit_of(metric: str) -> str:
    """The unit of a metric, of a crack or of all together."""
    return {**UNITS, **CRACK_UNITS}[metric]


@st.cache_data(ttl=_FRESH, show_spinner=False)
def glances(folder: Path) -> tuple[Glance, ...]:
    """All locations: what needs attention first, then by name."""
    with reading(folder) as (session, _):
        statuses = queries.statuses(session)
        measured = queries.told_of(session)
        verdicts = queries.headlines(session)
        shadows = {shadow.location_id: shadow for shadow in queries.shadows(session)}
        stands = _stands(queries.trigger_stands(session))
        seen = [
            Glance(
                status,
                status.location.id in measured,
                verdicts.get(status.location.id),
                shadows.get(status.location.id),
                stands.get(status.location.id),
            )
            for status in statuses
        ]
    order = list(State)
    return tuple(sorted(seen, key=lambda glance: (order.index(glance.state), glance.status.location.name)))


@st.cache_resource(ttl=_FRESH, max_entries=16, show_spinner=False)  # nobody changes it, so nobody needs a copy
def detail(folder: Path, name: str) -> Detail:
    """One location. Raises `UnknownNameError` for a name that is none."""
    with reading(folder) as (session, settings):
        place = queries.location(session, name).id
        statuses = queries.statuses(session, place)
        shadow = next(iter(queries.shadows(session, place)), None)
        stands = _stands(queries.trigger_stands(session, place))
        counted = queries.observed(session, place).get(place, 0)
        pair = None if shadow is None else (shadow.in_force, shadow.fingerprint)
        return Detail(
            glance=Glance(
                statuses[0],
                counted > 0,
                queries.headline(session, place),
                shadow,
                stands.get(place),
            ),
            readings=counted,
            pending=_pending(session, statuses)[place],
            captures=tuple(queries.captures(session, place, registered=False)),
            fits=tuple(queries.fits(session, place)),
            rules=tuple(queries.rules(session, place)),
            transitions=tuple(queries.transitions(session, place)),
            cracks=tuple(queries.cracks(session, place)),
            verdicts=tuple(queries.verdicts(session, place)),
            events=tuple(queries.events(session, place)),
            temperatures=tuple(queries.temperatures(session, place)),
            switches=tuple(queries.recipe_switches(session, place)),
            offsets=() if pair is None else tuple(queries.offsets(session, place, *pair)),
            gauge=queries.gauge_offset(session, place),
            inbox=settings.inbox / name,
        )


@st.cache_data(ttl=_FRESH, show_spinner=False)
def names(folder: Path) -> tuple[str, ...]:
    """All locations, by name."""
    with reading(folder) as (session, _):
        return tuple(queries.location_names(session))


@st.cache_data(ttl=_FRESH, show_spinner=False)
def site_trials(folder: Path) -> dict[str, tuple[SiteTrialView, ...]]:
    """By location, in order of name, the series simulated on its own wall, newest first."""
    with reading(folder) as (session, _):
        places = sorted(queries.locations(session), key=lambda place: place.name)
        return {place.name: tuple(queries.site_trials(session, place.id)) for place in places}


@st.cache_data(ttl=_FRESH, show_spinner=False)
def worker(folder: Path) -> Worker:
    """The sign of life to measure the age of everything else by."""
    settings = load_settings(folder)
    with reading(folder) as (session, _):
        seen = [view.at for view in queries.heartbeats(session)]
    return Worker(
        max(seen, default=None), max(_SILENT, _SILENT_ROUNDS * timedelta(seconds=settings.worker.scan_seconds))
    )


@st.cache_data(ttl=_FRESH, show_spinner=False)
def service(folder: Path) -> Service:
    """The database, the parts that run beside these pages, and what they have yet to do."""
    with reading(folder) as (session, settings):
        statuses = queries.statuses(session)
        pending = _pending(session, statuses)
        checked = database(settings.resolved_database_url)
        watched = tuple(queries.sightings(session))
        return Service(
            inbox=settings.inbox,
            database=checked.name,
            problems=tuple(checked.check()),
            heartbeats=tuple(sorted(queries.heartbeats(session), key=lambda view: view.at, reverse=True)),
            pending={
                status.location.name: pending[status.location.id] for status in statuses if pending[status.location.id]
            },
            shadows=tuple(queries.shadows(session)),
            watched=watched,
            unseen=_unseen(settings.inbox, watched),
            undelivered=tuple(queries.undelivered(session)),
        )


@st.cache_data(ttl=60 * _FRESH, max_entries=32, show_spinner=False)
def picture(folder: Path, relative: str | None) -> ByteArray | None:
    """A stored picture as uint8 (rows, cols, 3), its longest side at most 1600 px; None: it is not there.

    It is made smaller by averaging whole blocks, so that pictures of one size stay of one size and a thin line
    leaves a trace.
    """
    return None if relative is None else picture_at(settings_of(folder).pictures / relative)


def picture_at(path: Path) -> ByteArray | None:
    """The picture of that file, as `picture` gives it."""
    try:
        return reduced(read_picture(path, math.inf, math.inf).image)
    except UnreadableImageError:
        return None


def reduced(image: ByteArray) -> ByteArray:
    """uint8 (rows, cols, 3), made smaller by averaging whole blocks until its longest side is at most 1600 px."""
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
def database(url: str) -> Database:
    """The database at that address; its connections are kept."""
    return Database(url, busy_seconds=5)


@st.cache_data(ttl=_FRESH, show_spinner=False)
def settings_of(folder: Path) -> Settings:
    """The settings of the workspace, as they were a moment ago: a page asks a dozen times."""
    return load_settings(folder)


@contextmanager
def reading(folder: Path) -> Iterator[tuple[Session, Settings]]:
    """A session to read from, and the settings of the workspace."""
    settings = settings_of(folder)
    with database(settings.resolved_database_url).session() as session:
        yield session, settings


def _stands(stands: Sequence[TriggerStandView]) -> dict[int, TriggerStandView]:
    """The most urgent one of each location; they come most urgent first."""
    return {stand.location_id: stand for stand in reversed(stands)}


def _pending(session: Session, statuses: Sequence[LocationStatus]) -> dict[int, int]:
    """By location id, the captures without a reading in the series; all of them before there is a series."""
    fingerprints = {status.location.fingerprint for status in statuses}
    only = statuses[0].location.id if len(statuses) == 1 else None
    waiting = {name: queries.pending(session, name, only) for name in fingerprints if name is not None}
    return {
        status.location.id: waiting[status.location.fingerprint].get(status.location.id, 0)
        if status.location.fingerprint is not None
        else status.captures
        for status in statuses
    }


def _unseen(inbox: Path, watched: Sequence[str]) -> int:
    """How many files that the worker would look at are not watched yet."""
    return len({str(path) for path in files_below(inbox)}.difference(watched))
