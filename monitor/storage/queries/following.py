"""The cracks of a location, and what following them rests on."""

import hashlib
import json

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import Crack, CrackReading
from monitor.storage.observing import observe_crack
from monitor.storage.queries.intake import captures
from monitor.storage.queries.places import locations
from monitor.storage.rows import crack_reading
from monitor.storage.tables import CaptureRow, CrackReadingRow, CrackRow, FollowingRow, LocationRow, ReadingRow
from monitor.storage.views import CRACK_UNITS, CrackView, LocationView, Series


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
