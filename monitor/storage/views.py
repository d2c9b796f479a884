"""What `queries` returns: frozen, detached from the database, times aware in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from monitor.records import (
    AlertState,
    CaptureTime,
    GrowthFit,
    Observation,
    Registration,
    RuleKind,
    Scale,
    Severity,
    Status,
)

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

#: The metrics that need a scale.
MILLIMETRE_METRICS = frozenset({"area_mm2", "max_width_mm", "length_mm"})

#: The subject of transitions that say whether captures keep coming.
OVERDUE = "overdue"


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
    """A location as it was set up. `fingerprint` is the series shown and judged, None before the first."""

    id: int
    site_id: int
    site: str
    time_zone: str
    name: str
    interval_days: float
    reference_capture_id: int | None
    scale: Scale | None
    fingerprint: str | None
    created_at: datetime


@dataclass(frozen=True)
class AlertView:
    """The present state of one subject at one location, since when and why."""

    location_id: int
    location: str
    subject: str
    state: AlertState
    since: datetime
    why: str


@dataclass(frozen=True)
class RuleView:
    """One version of a rule; `valid_to` None while in force."""

    id: int
    location_id: int
    metric: str
    kind: RuleKind
    fire: float
    clear: float
    unit: str
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True)
class ReadingView:
    """One capture's numbers under one recipe. `pictures` maps a name to a path under the pictures folder."""

    fingerprint: str
    status: Status
    reason: str | None
    crack_probability: float | None
    severity: Severity | None
    registration: Registration | None
    pictures: Mapping[str, str]
    measured_at: datetime


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
        """The alerts that are firing now."""
        return tuple(alert for alert in self.alerts if alert.state is AlertState.FIRING)

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
class Series:
    """One metric's history at one location under one recipe, by capture time; nothing is left out silently."""

    location_id: int
    metric: str
    unit: str
    fingerprint: str | None
    observations: tuple[Observation, ...]
    excluded: tuple[Exclusion, ...]


@dataclass(frozen=True)
class FitView:
    """A stored growth fit and when it was made."""

    fit: GrowthFit
    fitted_at: datetime


@dataclass(frozen=True)
class TransitionView:
    """A change of alert state."""

    id: int
    location_id: int
    location: str
    rule_id: int | None
    subject: str
    old: AlertState
    new: AlertState
    why: str
    evidence: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class NotificationView:
    """A transition on its way to one channel; given up when neither `sent_at` nor `next_attempt_at` is set."""

    id: int
    channel: str
    transition: TransitionView
    attempts: int
    sent_at: datetime | None
    next_attempt_at: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class HeartbeatView:
    """The last sign of life of one part of the service."""

    name: str
    at: datetime
    detail: Mapping[str, Any]
