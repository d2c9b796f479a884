"""Reads. Every function takes a session of `Database.session()` and returns frozen views, never rows."""

import hashlib
import json
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import Crack, CrackReading, Recipe
from monitor.storage.observing import observe, observe_crack
from monitor.storage.rows import (
    capture_view,
    crack_reading,
    growth_fit,
    location_view,
    notification_view,
    rule_view,
    superseded_view,
    transition_view,
    verdict_view,
)
from monitor.storage.tables import (
    CaptureRow,
    CrackReadingRow,
    CrackRow,
    FollowingRow,
    GrowthFitRow,
    HeartbeatRow,
    LocationRow,
    NotificationRow,
    ReadingRow,
    RecipeRow,
    RuleRow,
    SightingRow,
    SiteRow,
    TransitionRow,
    VerdictRow,
)
from monitor.storage.views import (
    CRACK_UNITS,
    UNITS,
    AlertView,
    CaptureView,
    CrackView,
    FitView,
    HeartbeatView,
    LocationStatus,
    LocationView,
    NotificationView,
    RuleView,
    Series,
    SiteView,
    SupersededView,
    TransitionView,
    VerdictView,
)


def sites(session: Session) -> list[SiteView]:
    """All sites, by name."""
    number = func.count(LocationRow.id)
    found = session.execute(
        select(SiteRow, number)
        .outerjoin(LocationRow, LocationRow.site_id == SiteRow.id)
        .group_by(SiteRow.id)
        .order_by(SiteRow.name)
    )
    return [SiteView(site.id, site.name, site.time_zone, site.created_at, count) for site, count in found]


def locations(session: Session) -> list[LocationView]:
    """All locations, by name."""
    found = session.execute(
        select(LocationRow, SiteRow).join(SiteRow, SiteRow.id == LocationRow.site_id).order_by(LocationRow.name)
    )
    return [location_view(row, site) for row, site in found]


def location(session: Session, name: str) -> LocationView:
    """The location of that name. Raises `UnknownNameError`, which lists the known ones."""
    known = {view.name: view for view in locations(session)}
    if name not in known:
        raise UnknownNameError("location", name, known)
    return known[name]


def statuses(session: Session) -> list[LocationStatus]:
    """All locations at a glance, by name, in a fixed number of statements."""
    accepted = select(CaptureRow.location_id, func.count()).where(CaptureRow.rejected_reason.is_(None))
    counts = _by_key(session, accepted.group_by(CaptureRow.location_id))
    newest, newest_read = _newest(session, read=False), _newest(session, read=True)
    present = alerts(session)
    return [
        LocationStatus(
            location=view,
            captures=counts.get(view.id, 0),
            last_capture=newest.get(view.id),
            last_read=newest_read.get(view.id),
            alerts=tuple(alert for alert in present if alert.location_id == view.id),
        )
        for view in locations(session)
    ]


def _by_key(session: Session, statement: "Select[int, int]") -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def _newest(session: Session, *, read: bool) -> dict[int, CaptureView]:
    order = (CaptureRow.captured_at.desc(), CaptureRow.id.desc())
    place = func.row_number().over(partition_by=CaptureRow.location_id, order_by=order).label("place")
    ranked = _captures(None).where(CaptureRow.rejected_reason.is_(None)).with_only_columns(CaptureRow.id, place)
    if read:
        ranked = ranked.where(ReadingRow.id.is_not(None))
    numbered = ranked.subquery()
    first = select(numbered.c.id).where(numbered.c.place == 1)
    return {view.location_id: view for view in _views(session, _captures(None).where(CaptureRow.id.in_(first)))}


def _captures(fingerprint: str | None) -> "Select[CaptureRow, ReadingRow | None, int | None]":
    """Captures, each with its one reading under that fingerprint (None: its location's), or none."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    reading = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == wanted, ReadingRow.stands())
    return (
        select(CaptureRow, ReadingRow, LocationRow.reference_capture_id)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .outerjoin(ReadingRow, reading)
    )


def _views(session: Session, statement: "Select[CaptureRow, ReadingRow | None, int | None]") -> list[CaptureView]:
    return [
        capture_view(row, reading, is_reference=row.id == reference)
        for row, reading, reference in session.execute(statement)
    ]


def captures(session: Session, location_id: int, fingerprint: str | None = None) -> list[CaptureView]:
    """Captures of a location, rejected ones too, by capture time (without one: by arrival).

    Each comes with its reading under `fingerprint`, by default the location's own.
    """
    order = (func.coalesce(CaptureRow.captured_at, CaptureRow.received_at), CaptureRow.id)
    return _views(session, _captures(fingerprint).where(CaptureRow.location_id == location_id).order_by(*order))


def capture(session: Session, capture_id: int, fingerprint: str | None = None) -> CaptureView:
    """One capture, as `captures` gives it. Raises `MisuseError` when there is none with that id."""
    found = _views(session, _captures(fingerprint).where(CaptureRow.id == capture_id))
    if not found:
        raise MisuseError(f"There is no capture with the id {capture_id}.")
    return found[0]


def reference(session: Session, location_id: int, fingerprint: str | None = None) -> CaptureView | None:
    """The capture that a location's captures are laid onto, as `captures` gives it; None before it was chosen."""
    chosen = CaptureRow.id == LocationRow.reference_capture_id
    found = _views(session, _captures(fingerprint).where(LocationRow.id == location_id, chosen))
    return found[0] if found else None


def superseded(session: Session, location_id: int) -> list[SupersededView]:
    """Readings of a location's captures that no longer count, oldest first."""
    found = (
        select(ReadingRow)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .where(CaptureRow.location_id == location_id, ~ReadingRow.stands())
        .order_by(ReadingRow.id)
    )
    return [superseded_view(row) for row in session.scalars(found)]


def capture_with(session: Session, sha256: str) -> CaptureView | None:
    """The capture that holds this content, wherever it belongs, or None."""
    found = _views(session, _captures(None).where(CaptureRow.sha256 == sha256))
    return found[0] if found else None


def series(session: Session, location_id: int, metric: str, fingerprint: str | None = None) -> Series:
    """One metric's history under one recipe, by default the location's own; recipes never mix.

    `NO_CRACK` counts as 0. Every capture that gives no value stands in `excluded` with its reason.
    Raises `UnknownNameError` for a metric that is not in `UNITS`, `MisuseError` for an unknown location.
    """
    if metric not in UNITS:
        raise UnknownNameError("metric", metric, UNITS)
    row = session.get(LocationRow, location_id)
    if row is None:
        raise MisuseError(f"There is no location with the id {location_id}.")
    observations, excluded = observe(
        captures(session, location_id, fingerprint), metric, scaled=row.mm_per_px is not None
    )
    return Series(location_id, metric, UNITS[metric], fingerprint or row.fingerprint, observations, excluded)


def crack_series(session: Session, location_id: int, crack: str, metric: str, fingerprint: str | None = None) -> Series:
    """One metric's history of one crack, like `series`. Raises `UnknownNameError` for a metric not in `CRACK_UNITS`."""
    if metric not in CRACK_UNITS:
        raise UnknownNameError("metric of a crack", metric, CRACK_UNITS)
    place = next((view for view in locations(session) if view.id == location_id), None)
    if place is None:
        raise MisuseError(f"There is no location with the id {location_id}.")
    found = {view.crack.name: view for view in cracks(session, location_id, fingerprint)}
    readings = {reading.capture: reading for reading in found[crack].readings} if crack in found else {}
    observations, excluded = observe_crack(captures(session, location_id, fingerprint), readings, metric, place.scale)
    series_of = fingerprint or place.fingerprint
    return Series(location_id, metric, CRACK_UNITS[metric], series_of, observations, excluded, crack)


def cracks(session: Session, location_id: int, fingerprint: str | None = None) -> list[CrackView]:
    """The cracks of a location under one recipe, by default its own, each with its readings, by name."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    found = session.scalars(
        select(CrackRow)
        .join(LocationRow, LocationRow.id == CrackRow.location_id)
        .where(LocationRow.id == location_id, CrackRow.fingerprint == wanted)
        .order_by(func.length(CrackRow.name), CrackRow.name)
    ).all()
    readings: dict[int, list[CrackReading]] = {row.id: [] for row in found}
    names = {row.id: row.name for row in found}
    of_these = (
        select(CrackReadingRow)
        .join(CaptureRow, CaptureRow.id == CrackReadingRow.capture_id)
        .where(CrackReadingRow.crack_id.in_(readings), CaptureRow.location_id == location_id)
        .order_by(CaptureRow.captured_at, CaptureRow.id)
    )
    for reading in session.scalars(of_these):
        readings[reading.crack_id].append(crack_reading(reading, names[reading.crack_id]))
    return [
        CrackView(
            Crack(row.name, row.first_capture_id, tuple(row.widest_stations), np.array(row.course)),
            tuple(readings[row.id]),
        )
        for row in found
    ]


def following_basis(session: Session, location_id: int, fingerprint: str) -> str:
    """What following the cracks of a location rests on, as a hash: its standing readings, their order and frame."""
    found = (
        select(ReadingRow.id, CaptureRow.id, CaptureRow.captured_at, LocationRow.reference_capture_id)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .where(CaptureRow.location_id == location_id, ReadingRow.fingerprint == fingerprint, ReadingRow.stands())
        .order_by(CaptureRow.captured_at, CaptureRow.id)
    )
    rows = [[str(value) for value in row] for row in session.execute(found)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def unfollowed(session: Session) -> list[LocationView]:
    """Locations whose series has changed since their cracks were last followed, by name."""
    done = {(row.location_id, row.fingerprint): row.basis for row in session.scalars(select(FollowingRow))}
    return [
        view
        for view in locations(session)
        if view.fingerprint is not None
        and done.get((view.id, view.fingerprint)) != following_basis(session, view.id, view.fingerprint)
    ]


def fingerprints(session: Session, location_id: int) -> list[str]:
    """The recipes that have readings at a location, the one that measured last first."""
    found = (
        select(ReadingRow.fingerprint)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .where(CaptureRow.location_id == location_id, ReadingRow.stands())
        .group_by(ReadingRow.fingerprint)
        .order_by(func.max(ReadingRow.id).desc())
    )
    return list(session.scalars(found))


def recipe(session: Session, fingerprint: str) -> Recipe:
    """The recipe of that fingerprint. Raises `MisuseError` when it was never recorded."""
    row = session.get(RecipeRow, fingerprint)
    if row is None:
        raise MisuseError(f"No recipe with the fingerprint '{fingerprint}' has been recorded.")
    return Recipe(options=dict(row.options), analysis_version=row.analysis_version)


def fits(session: Session, location_id: int, fingerprint: str | None = None) -> list[FitView]:
    """Stored growth fits of one recipe, by default the location's own, by metric and method."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    found = (
        select(GrowthFitRow)
        .join(LocationRow, LocationRow.id == GrowthFitRow.location_id)
        .where(LocationRow.id == location_id, GrowthFitRow.fingerprint == wanted)
        .order_by(GrowthFitRow.crack, GrowthFitRow.metric, GrowthFitRow.method)
    )
    return [FitView(growth_fit(row), row.fitted_at) for row in session.scalars(found)]


def verdicts(session: Session, location_id: int, fingerprint: str | None = None) -> list[VerdictView]:
    """Stored verdicts on one recipe's series, by default the location's own, by metric; empty before the first."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    found = (
        select(VerdictRow)
        .join(LocationRow, LocationRow.id == VerdictRow.location_id)
        .where(LocationRow.id == location_id, VerdictRow.fingerprint == wanted)
        .order_by(VerdictRow.crack, VerdictRow.metric)
    )
    return [verdict_view(row) for row in session.scalars(found)]


#: Outcomes of verdicts from the gravest on: a location is called what its gravest crack is called.
_GRAVEST = ("accelerating", "progressive", "not_enough_data", "seasonal", "dormant")


def headline(session: Session, location_id: int) -> VerdictView | None:
    """The verdict a location goes by, that on its gravest crack; None before the first."""
    found = verdicts(session, location_id)
    return min(found, key=lambda view: _GRAVEST.index(view.outcome), default=None)


def rules(session: Session, location_id: int, *, all_versions: bool = False) -> list[RuleView]:
    """The rules in force, by metric and kind; with `all_versions` the closed ones too, oldest first."""
    found = select(RuleRow).where(RuleRow.location_id == location_id)
    if not all_versions:
        found = found.where(RuleRow.valid_to.is_(None))
    return [rule_view(row) for row in session.scalars(found.order_by(RuleRow.metric, RuleRow.kind, RuleRow.id))]


def alerts(session: Session, location_id: int | None = None) -> list[AlertView]:
    """The present state of every subject that ever changed: its newest transition, by location and subject."""
    newest = select(func.max(TransitionRow.id)).group_by(TransitionRow.location_id, TransitionRow.subject)
    found = _transitions(location_id).where(TransitionRow.id.in_(newest))
    return [
        AlertView(row.location_id, name, row.subject, row.new, row.at, row.why)
        for row, name in session.execute(found.order_by(LocationRow.name, TransitionRow.subject))
    ]


def transitions(session: Session, location_id: int | None = None, *, limit: int = 100) -> list[TransitionView]:
    """Changes of alert state, newest first."""
    found = _transitions(location_id).order_by(TransitionRow.id.desc()).limit(limit)
    return [transition_view(row, name) for row, name in session.execute(found)]


def _transitions(location_id: int | None) -> "Select[TransitionRow, str]":
    found = select(TransitionRow, LocationRow.name).join(LocationRow, LocationRow.id == TransitionRow.location_id)
    return found if location_id is None else found.where(TransitionRow.location_id == location_id)


def due_notifications(session: Session, now: datetime) -> list[NotificationView]:
    """Unsent notifications that may be claimed now, oldest first.

    None overtakes an older one of its channel and subject that is still to be tried, so that an alert never
    arrives after its all clear.
    """
    free = or_(NotificationRow.claimed_until.is_(None), NotificationRow.claimed_until <= now)
    waiting, older = aliased(NotificationRow), aliased(TransitionRow)
    of_subject = and_(older.location_id == TransitionRow.location_id, older.subject == TransitionRow.subject)
    ahead = (
        select(waiting.id)
        .join(older, older.id == waiting.transition_id)
        .where(of_subject, older.id < TransitionRow.id, waiting.channel == NotificationRow.channel)
        .where(waiting.sent_at.is_(None), waiting.next_attempt_at.is_not(None))
    )
    return _notifications(session, and_(NotificationRow.next_attempt_at <= now, free, ~ahead.exists()))


def undelivered(session: Session) -> list[NotificationView]:
    """All unsent notifications, oldest first: still to be tried, or given up with `last_error`."""
    return _notifications(session, true())


def _notifications(session: Session, which: ColumnElement[bool]) -> list[NotificationView]:
    found = (
        select(NotificationRow, TransitionRow, LocationRow.name)
        .join(TransitionRow, TransitionRow.id == NotificationRow.transition_id)
        .join(LocationRow, LocationRow.id == TransitionRow.location_id)
        .where(NotificationRow.sent_at.is_(None), which)
        .order_by(TransitionRow.id, NotificationRow.id)
    )
    return [notification_view(row, transition, name) for row, transition, name in session.execute(found)]


def pending(session: Session, fingerprint: str) -> dict[int, int]:
    """Accepted captures without a reading under a recipe, counted by location id; empty: all done."""
    of_this = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == fingerprint, ReadingRow.stands())
    waiting = (
        select(CaptureRow.location_id, func.count())
        .outerjoin(ReadingRow, of_this)
        .where(CaptureRow.rejected_reason.is_(None), ReadingRow.id.is_(None))
        .group_by(CaptureRow.location_id)
    )
    return _by_key(session, waiting)


def heartbeats(session: Session) -> list[HeartbeatView]:
    """The last sign of life of every part of the service, by name."""
    found = session.scalars(select(HeartbeatRow).order_by(HeartbeatRow.name))
    return [HeartbeatView(row.name, row.at, dict(row.detail)) for row in found]


def heartbeat(session: Session, name: str) -> HeartbeatView | None:
    """The last sign of life of one part, None when it never gave one."""
    return next((view for view in heartbeats(session) if view.name == name), None)


def sightings(session: Session) -> list[str]:
    """The inbox files still watched, by path."""
    return list(session.scalars(select(SightingRow.path).order_by(SightingRow.path)))


def unfitted(session: Session) -> list[LocationView]:
    """Locations whose series has readings newer than its fits, or none yet; by name."""
    read = select(func.max(ReadingRow.measured_at)).join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
    of_series = and_(CaptureRow.location_id == LocationRow.id, ReadingRow.fingerprint == LocationRow.fingerprint)
    newest = read.where(of_series, ReadingRow.stands()).scalar_subquery()
    fitted = (
        select(func.max(GrowthFitRow.fitted_at))
        .where(GrowthFitRow.location_id == LocationRow.id, GrowthFitRow.fingerprint == LocationRow.fingerprint)
        .scalar_subquery()
    )
    found = session.execute(
        select(LocationRow, SiteRow)
        .join(SiteRow, SiteRow.id == LocationRow.site_id)
        .where(newest.is_not(None), or_(fitted.is_(None), fitted < newest))
        .order_by(LocationRow.name)
    )
    return [location_view(row, site) for row, site in found]
