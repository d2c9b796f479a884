"""What `queries` returns: frozen, detached from the database, times aware in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from monitor.records import (
    EVENT_NAMES,
    CaptureTime,
    Crack,
    CrackReading,
    Event,
    Grading,
    GrowthFit,
    Observation,
    Registration,
    Scale,
    Severity,
    SiteTrial,
    Status,
)
from monitor.storage.alarms import CAMERA as CAMERA
from monitor.storage.alarms import NEW_CRACK as NEW_CRACK
from monitor.storage.alarms import OVERDUE as OVERDUE
from monitor.storage.alarms import TEST as TEST
from monitor.storage.alarms import TRIGGER as TRIGGER
from monitor.storage.alarms import WORKER as WORKER
from monitor.storage.alarms import ActionView as ActionView
from monitor.storage.alarms import AlarmView as AlarmView
from monitor.storage.alarms import AlertView as AlertView
from monitor.storage.alarms import NotificationView as NotificationView
from monitor.storage.alarms import RuleView as RuleView
from monitor.storage.alarms import TransitionView as TransitionView
from monitor.storage.alarms import TriggerPlanView as TriggerPlanView
from monitor.storage.alarms import TriggerStandView as TriggerStandView
from monitor.storage.told import CorrectionKind, CorrectionView, GaugeOffset

#: The metrics a reading holds, each with its unit.
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "crack_count": "cracks",
        "area_px": "px²",
        "max_width_px": "px",
        "length_px": "px",
        "area_mm2": "mm²",
        "max_width_mm": "mm",
        "length_mm": "mm",
    }
)

#: The metrics that each crack has for itself, each with its unit.
CRACK_UNITS: Mapping[str, str] = MappingProxyType(
    {"widest_mm": "mm", "widest_px": "px", "opening_mm": "mm", "opening_px": "px"}
)

#: The metrics that need a scale.
MILLIMETRE_METRICS = frozenset({"area_mm2", "max_width_mm", "length_mm", "widest_mm", "opening_mm"})

#: What a series is of when it is not of one crack.
ALL_CRACKS = "all"


@dataclass(frozen=True)
class SiteView:
    """A site and how many locations it has."""

    id: int
    name: str
    time_zone: str
    created_at: datetime
    locations: int


@dataclass(frozen=True)
class LocationView:
    """A location as it was set up. `fingerprint` is the series shown and judged, None before the first, and while the
    one that it `resumes` is being measured again.
    """

    id: int
    site_id: int
    site: str
    time_zone: str
    name: str
    interval_days: float
    reference_capture_id: int | None
    scale: Scale | None
    fingerprint: str | None
    resumes: str | None
    created_at: datetime
    uses_corrections: bool = True

    @property
    def in_force(self) -> str | None:
        """The recipe that the location goes by; None: it gets the present one."""
        return self.fingerprint or self.resumes


@dataclass(frozen=True)
class ReadingView:
    """One capture's numbers under one recipe. `pictures` maps a name to a path under the pictures folder.

    `confidence` is how sure its mask is, None where that is not known. `corrected` are the sizes without the cracks
    that people rejected, where they did; `severity` is as it was found.
    """

    fingerprint: str
    status: Status
    reason: str | None
    crack_probability: float | None
    severity: Severity | None
    registration: Registration | None
    grading: Grading | None
    pictures: Mapping[str, str]
    measured_at: datetime
    confidence: float | None = None
    corrected: Severity | None = None

    @property
    def counted(self) -> Severity | None:
        """The sizes that histories are made of: without what people rejected, where they did."""
        return self.severity if self.corrected is None else self.corrected


@dataclass(frozen=True)
class SupersededView:
    """A reading that no longer counts: which one, since when, and why."""

    capture_id: int
    reading: ReadingView
    at: datetime
    why: str


@dataclass(frozen=True)
class CaptureView:
    """A file that arrived, with its reading under the fingerprint asked for (None: not measured yet)."""

    id: int
    location_id: int
    sha256: str
    file_name: str
    media_type: str | None
    height_px: int | None
    width_px: int | None
    time: CaptureTime | None
    received_at: datetime
    rejected_reason: str | None
    is_reference: bool
    reading: ReadingView | None


@dataclass(frozen=True)
class LocationStatus:
    """A location at a glance: its newest accepted capture, by capture time, and the newest that has a reading.

    Both come with their reading under the location's fingerprint. `alerts` holds every subject that
    ever fired, with its present state.
    """

    location: LocationView
    captures: int
    last_capture: CaptureView | None
    last_read: CaptureView | None
    alerts: tuple[AlertView, ...]

    @property
    def firing(self) -> tuple[AlertView, ...]:
        """The alerts that are raised now."""
        return tuple(alert for alert in self.alerts if alert.state.raised)

    @property
    def overdue(self) -> bool:
        """Whether captures have stopped coming, as last judged."""
        return any(alert.subject == OVERDUE for alert in self.firing)


@dataclass(frozen=True)
class Exclusion:
    """A capture that is not in a series, and why."""

    capture_id: int
    file_name: str
    reason: str


@dataclass(frozen=True)
class EventView:
    """An event at a location, who recorded it and when; `withdrawn_at` None while it counts."""

    id: int
    location_id: int
    time_zone: str
    event: Event
    recorded_at: datetime
    recorded_by: str | None
    withdrawn_at: datetime | None
    withdrawn_why: str | None

    @property
    def name(self) -> str:
        """In a sentence, with its day on the site's clocks: `the repair of 2026-03-01`."""
        day = self.event.at.astimezone(ZoneInfo(self.time_zone))
        return f"the {EVENT_NAMES[self.event.kind]} of {day:%Y-%m-%d}"


@dataclass(frozen=True)
class Series:
    """One metric's history at one location under one recipe, by capture time; nothing is left out silently.

    `since` is the event that it begins anew with, once what lies before has been excluded for that. `offset` is what a
    gauge reading says of total openings in mm; the observations have it in them.
    """

    location_id: int
    metric: str
    unit: str
    fingerprint: str | None
    observations: tuple[Observation, ...]
    excluded: tuple[Exclusion, ...]
    crack: str = ALL_CRACKS
    since: EventView | None = None
    offset: GaugeOffset | None = None


@dataclass(frozen=True)
class ShadowSeries:
    """What a location's captures give under another recipe than the one in force; neither shown nor judged.

    Captures with a reading under `both`; `pending` are those without one under this recipe, `waiting` those without
    one under that in force. `out_of_reach` says why that one cannot be run any more, None while it can.
    """

    location_id: int
    location: str
    in_force: str
    fingerprint: str
    both: int
    pending: int
    waiting: int
    out_of_reach: str | None

    @property
    def ready(self) -> bool:
        """Whether all captures have been read under it."""
        return self.pending == 0

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of it, in sentences."""
        command = f"'crackmonitor location recipe {self.location}'"
        state = "ready" if self.ready else f"still to measure {self.pending} capture(s)"
        found = [
            f"{self.location} goes by the recipe {self.in_force}. Another one, {self.fingerprint}, is {state};"
            f" {self.both} capture(s) have been read under both. Compare and switch with {command}."
        ]
        if self.out_of_reach is not None:
            wait = f" {self.waiting} capture(s) wait until it is switched." if self.waiting else ""
            found.append(
                f"The recipe in force of {self.location} cannot be run any more: {self.out_of_reach}{wait} New captures"
                f" are measured under the other recipe alone and count once the location is switched: {command} with"
                " --switch."
            )
        return tuple(found)


@dataclass(frozen=True)
class RecipeSwitchView:
    """A location went by another recipe from `at` on, as `by` decided."""

    id: int
    location_id: int
    old: str
    new: str
    at: datetime
    by: str | None


@dataclass(frozen=True)
class CrackView:
    """One crack of a location: its course, the capture that showed it first, and its readings by capture time.

    `correction` is the last word of a person on it, where the location goes by that.
    """

    crack: Crack
    readings: tuple[CrackReading, ...]
    correction: CorrectionView | None = None

    @property
    def rejected(self) -> bool:
        """Whether a person said that it is none, and its location goes by that."""
        return self.correction is not None and self.correction.kind is CorrectionKind.REJECTED


@dataclass(frozen=True)
class SiteTrialView:
    """A series simulated on a location's own wall: with which recipe and seed, and when."""

    trial: SiteTrial
    fingerprint: str
    seed: int
    simulated_at: datetime


@dataclass(frozen=True)
class FitView:
    """A stored growth fit and when it was made."""

    fit: GrowthFit
    fitted_at: datetime


@dataclass(frozen=True)
class RateView:
    """A growth rate with its two-sided interval and the smallest rate that would have shown, all in `unit` per year.

    Not `season_adjusted`: provisional, and widened by what the season could feign.
    """

    rate_per_year: float
    low: float
    high: float
    confidence: float
    unit: str
    season_adjusted: bool
    smallest_detectable_per_year: float | None


@dataclass(frozen=True)
class VerdictView:
    """What one series says about growth, and why. `rate` is the best so far, None before there is one.

    `months_needed` estimates the months still missing, None where unknown or none. `remarks` are sentences on what
    else the series shows.
    """

    crack: str
    metric: str
    outcome: str
    evidence: str
    months_needed: float | None
    rate: RateView | None
    judged_at: datetime
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeartbeatView:
    """The last sign of life of one part of the service."""

    name: str
    at: datetime
    detail: Mapping[str, Any]
