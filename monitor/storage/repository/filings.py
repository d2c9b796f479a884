"""Captures that a person withdraws, because they should never have arrived, and takes back."""

from datetime import datetime

from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.queries.filings import withdrawn_why
from monitor.storage.repository.statements import existing, forget_fits, locked_location, withdraw_readings
from monitor.storage.tables import CaptureRow, FilingRow


def withdraw_capture(session: Session, capture_id: int, *, why: str, now: datetime, by: str | None = None) -> None:
    """An accepted capture counts no longer, as if it had been rejected with that reason; nothing of it is deleted.

    Its readings are superseded and growth fits of its location forgotten, to be made again. Raises `MisuseError`
    without a reason, for a rejected capture and for a reference.
    """
    if not why.strip():
        raise MisuseError("Say why the capture is withdrawn; the reason is kept with it.")
    capture = existing(session, CaptureRow, capture_id, held=True)
    if capture.rejected_reason is not None:
        raise MisuseError(
            f"Capture {capture_id} ({capture.file_name}) does not count anyway: {capture.rejected_reason}"
        )
    place = locked_location(session, capture.location_id)
    if place.reference_capture_id == capture_id:
        raise MisuseError(
            f"Capture {capture_id} ({capture.file_name}) is the reference of '{place.name}', onto which all its other"
            " captures are laid, so it stays. Choose another reference first, or start a new location."
        )
    capture.rejected_reason = f"withdrawn by {by or 'a person'}: {why.strip()}"
    record_filing(session, capture, None, why=why, now=now, by=by)
    withdraw_readings(session, [capture_id], why=f"The capture was withdrawn: {why.strip()}", now=now)
    forget_fits(session, capture.location_id)


def restore_capture(session: Session, capture_id: int, *, why: str, now: datetime, by: str | None = None) -> None:
    """A withdrawn capture counts again, and becomes work. Raises `MisuseError` for any other, and without a reason."""
    if not why.strip():
        raise MisuseError("Say why the capture is taken back; the reason is kept with it.")
    capture = existing(session, CaptureRow, capture_id, held=True)
    if withdrawn_why(session, capture_id) is None:
        raise MisuseError(f"Capture {capture_id} ({capture.file_name}) was not withdrawn.")
    capture.rejected_reason = None
    record_filing(session, capture, capture.location_id, why=why, now=now, by=by)
    forget_fits(session, capture.location_id)


def record_filing(
    session: Session, capture: CaptureRow, to_location_id: int | None, *, why: str, now: datetime, by: str | None
) -> None:
    """Keep where a capture, which still is where it was, is put by whom and why."""
    row = FilingRow(
        capture_id=capture.id,
        from_location_id=capture.location_id,
        to_location_id=to_location_id,
        why=why.strip(),
        at=now,
        by=by,
    )
    session.add(row)
    session.flush()
