"""What a person puts right about a capture: its time, its location, a measurement that failed."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import SIZED, TimeSource
from monitor.storage.repository.filings import record_filing
from monitor.storage.repository.statements import existing, forget_fits, locked_location, withdraw_readings
from monitor.storage.tables import CaptureRow, LocationRow, ReadingRow, SiteRow


def confirm_time(session: Session, capture_id: int, captured_at: datetime) -> None:
    """A person states when an accepted capture was taken; from now on its time is certain.

    Growth fits of its location are forgotten, to be made again.
    """
    capture = _accepted(session, capture_id, "its time does not matter")
    capture.captured_at = captured_at
    capture.time_source = TimeSource.PERSON
    session.flush()
    forget_fits(session, capture.location_id)


def move_capture(
    session: Session, capture_id: int, location_id: int, now: datetime, *, why: str = "", by: str | None = None
) -> None:
    """An accepted capture belongs to that location from now on, as if it had been taken in there.

    Its readings stand in the frame of the location it comes from, so they are superseded, and it becomes work again.
    A time read off the clocks of the one site is read off those of the other. Growth fits of both locations are
    forgotten, to be made again; `why` is kept. Raises `MisuseError` for a rejected capture and for a reference; moving
    a capture to where it is changes nothing.
    """
    capture = _accepted(session, capture_id, "put the photo into the inbox folder where it belongs")
    if capture.location_id == location_id:
        return
    first, second = sorted((capture.location_id, location_id))
    places = {place: locked_location(session, place) for place in (first, second)}
    source, target = places[capture.location_id], places[location_id]
    if source.reference_capture_id == capture_id:
        raise MisuseError(
            f"Capture {capture_id} ({capture.file_name}) is the reference of '{source.name}', onto which all its other"
            f" captures are laid, so it stays. Choose another first, with 'crackmonitor location reference"
            f" {source.name} PHOTO'; where others have been measured against it, start a new location for them."
        )
    if capture.time_source is TimeSource.EXIF_SITE_ZONE and capture.captured_at is not None:
        capture.captured_at = _same_clock(capture.captured_at, _zone(session, source), _zone(session, target))
    reason = why.strip() or "It shows another location."
    record_filing(session, capture, location_id, why=reason, now=now, by=by)
    capture.location_id = location_id
    session.flush()
    moved = f"The capture was moved from {source.name} to {target.name}"
    withdraw_readings(session, [capture_id], why=f"{moved}: {why.strip()}" if why.strip() else f"{moved}.", now=now)
    for place in places:
        forget_fits(session, place)


def measure_again(session: Session, capture_id: int, now: datetime) -> list[int]:
    """Make an accepted capture work again under every recipe that got no numbers from it.

    Returns the captures that had been read and are work again, by id; none where this one is waiting anyway. Those
    beside a reference are among them, because its mask decides how they are registered; its location then shows no
    series, and its alerts stay as they are, until all have been read again. Raises `MisuseError` for a rejected
    capture, and where all its readings have numbers: the same photo under the same recipe would give them again.
    """
    capture = _accepted(session, capture_id, "there is nothing to measure")
    location = locked_location(session, capture.location_id)
    of_capture = select(ReadingRow.fingerprint, ReadingRow.status).where(ReadingRow.capture_id == capture_id)
    readings = session.execute(of_capture.where(ReadingRow.stands())).all()
    failed = [fingerprint for fingerprint, status in readings if status not in SIZED]
    if readings and not failed:
        raise MisuseError(
            f"Capture {capture_id} ({capture.file_name}) has been measured, and the same photo under the same recipe"
            " gives the same numbers. Only captures that gave none can be measured again."
        )
    if location.reference_capture_id != capture_id:
        return withdraw_readings(session, [capture_id], fingerprints=failed, why="To be measured again.", now=now)
    if location.fingerprint in failed:
        location.fingerprint, location.resumes = None, location.fingerprint
        session.flush()
    forget_fits(session, location.id)
    beside = select(CaptureRow.id).where(CaptureRow.location_id == location.id)
    why = f"To be measured again together with the reference, capture {capture_id}."
    return withdraw_readings(session, beside, fingerprints=failed, why=why, now=now)


def _accepted(session: Session, capture_id: int, otherwise: str) -> CaptureRow:
    """The capture, held until the transaction ends."""
    capture = existing(session, CaptureRow, capture_id, held=True)
    if capture.rejected_reason is not None:
        raise MisuseError(f"Capture {capture_id} ({capture.file_name}) was rejected; {otherwise}.")
    return capture


def _zone(session: Session, location: LocationRow) -> ZoneInfo:
    return ZoneInfo(existing(session, SiteRow, location.site_id).time_zone)


def _same_clock(at: datetime, here: ZoneInfo, there: ZoneInfo) -> datetime:
    """When clocks there show what those here showed; the first time where they show it twice."""
    return at.astimezone(here).replace(tzinfo=there, fold=0)
