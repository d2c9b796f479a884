"""The cracks of a location, and what following them rests on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import FOLLOWING_VERSION, Crack, CrackReading, Observation
from monitor.storage.observing import observe_crack, series_of_crack
from monitor.storage.queries.circumstances import events
from monitor.storage.queries.intake import captures
from monitor.storage.queries.places import locations
from monitor.storage.queries.told import correction, corrections_in_force, gauges
from monitor.storage.rows import OF_CRACK_READINGS, crack_reading
from monitor.storage.tables import CaptureRow, CrackReadingRow, CrackRow, FollowingRow, LocationRow, ReadingRow
from monitor.storage.told import GaugeOffset, same_course
from monitor.storage.views import CRACK_UNITS, CrackView, LocationView, Series

#: An opening this near to a gauge reading in time may be compared with it.
_BESIDE = timedelta(days=31)


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
        select(CrackReadingRow.crack_id, *OF_CRACK_READINGS)
        .join(CaptureRow, CaptureRow.id == CrackReadingRow.capture_id)
        .where(CrackReadingRow.crack_id.in_(readings), CaptureRow.location_id == location_id)
        .order_by(CaptureRow.captured_at, CaptureRow.id)
    )
    for crack_id, *values in session.execute(of_these):
        readings[crack_id].append(crack_reading(names[crack_id], values))
    return [
        CrackView(
            Crack(row.name, row.first_capture_id, tuple(row.widest_stations), np.array(row.course)),
            tuple(readings[row.id]),
            None if row.correction_id is None else correction(session, row.correction_id),
        )
        for row in found
    ]


def crack_series(session: Session, location_id: int, crack: str, metric: str, fingerprint: str | None = None) -> Series:
    """One metric's history of one crack, like `series`. Raises `UnknownNameError` for a metric not in `CRACK_UNITS`."""
    if metric not in CRACK_UNITS:
        raise UnknownNameError("metric of a crack", metric, CRACK_UNITS)
    place = next((view for view in locations(session) if view.id == location_id), None)
    if place is None:
        raise MisuseError(f"There is no location with the id {location_id}.")
    view = next((view for view in cracks(session, location_id, fingerprint) if view.crack.name == crack), None)
    offset = gauge_offset(session, location_id, fingerprint) if CRACK_UNITS[metric] == "mm" else None
    seen = captures(session, location_id, fingerprint)
    told = series_of_crack(place, seen, view, metric, offset=offset)
    return replace(told, crack=crack, fingerprint=fingerprint or place.fingerprint)


def gauge_offset(session: Session, location_id: int, fingerprint: str | None = None) -> GaugeOffset | None:
    """What the last gauge reading of a location adds to its total openings under a recipe; None without one.

    It is compared with the opening of its crack at the widest place: between the photos before and after it, or that of
    the nearest one within `_BESIDE`.
    """
    known = gauges(session, location_id)
    if not known:
        return None
    gauge = known[-1]
    since = events(session, location_id)
    if since and since[-1].event.at > gauge.at:
        return GaugeOffset(gauge, message=f"It was taken before {since[-1].name}.")
    alike = [view for view in cracks(session, location_id, fingerprint) if same_course(view.crack.course, gauge.course)]
    scale = next(view.scale for view in locations(session) if view.id == location_id)
    if not alike or scale is None:
        return GaugeOffset(gauge, message=f"Crack {gauge.crack} is not followed in mm under this recipe.")
    readings = {reading.capture: reading for reading in alike[0].readings}
    seen, _ = observe_crack(captures(session, location_id, fingerprint), readings, "widest_mm", scale)
    beside = _at(seen, gauge.at)
    if beside is None:
        days = _BESIDE / timedelta(days=1)
        return GaugeOffset(gauge, message=f"No opening of crack {gauge.crack} is known within {days:g} days of it.")
    error = float(np.hypot(gauge.standard_error_mm, beside.standard_error or 0.0))
    return GaugeOffset(gauge, gauge.width_mm - beside.value, error)


def _at(seen: Sequence[Observation], at: datetime) -> Observation | None:
    """The opening at that time: on the line between its neighbours, or its only one near enough."""
    before = max((one for one in seen if one.at <= at), key=lambda one: one.at, default=None)
    after = min((one for one in seen if one.at >= at), key=lambda one: one.at, default=None)
    near = [one for one in (before, after) if one is not None and abs(one.at - at) <= _BESIDE]
    if before is None or after is None or len(near) < 2 or before.at == after.at:
        return min(near, key=lambda one: abs(one.at - at), default=None)
    share = (at - before.at) / (after.at - before.at)
    error = max(before.standard_error or 0.0, after.standard_error or 0.0)
    return Observation(at, before.value + share * (after.value - before.value), standard_error=error)


def following_basis(session: Session, location_id: int, fingerprint: str) -> str:
    """What following the cracks of a location rests on, as a hash: its standing readings, their order and frame, what
    people corrected, where the location goes by that, and how cracks are followed.
    """
    found = (
        select(ReadingRow.id, CaptureRow.id, CaptureRow.captured_at, LocationRow.reference_capture_id)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .where(CaptureRow.location_id == location_id, ReadingRow.fingerprint == fingerprint, ReadingRow.stands())
        .order_by(CaptureRow.captured_at, CaptureRow.id)
    )
    rows = [["version", str(FOLLOWING_VERSION)]]
    rows += [[str(value) for value in row] for row in session.execute(found)]
    rows += [["correction", str(view.id)] for view in corrections_in_force(session, location_id)]
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
