"""How the service stands, counted from what is stored."""

from collections import Counter
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from monitor.records import AlertState, Status
from monitor.storage.counts import Counts
from monitor.storage.queries.alerting import alerts
from monitor.storage.queries.recipes import present_recipe
from monitor.storage.tables import CaptureRow, HeartbeatRow, LocationRow, NotificationRow, ReadingRow, SightingRow

_Statuses: TypeAlias = "dict[Status, int]"

_LATELY = timedelta(days=1)
_NEWEST = 1000


def counts(session: Session, now: datetime) -> Counts:
    """All figures, in a fixed number of statements."""
    accepted = CaptureRow.rejected_reason.is_(None)
    taken = select(accepted, func.count()).group_by(accepted)
    by_outcome = {"accepted": 0, "rejected": 0}
    by_outcome |= {"accepted" if row[0] else "rejected": row[1] for row in session.execute(taken)}
    waiting, since = _waiting(session)
    sending = select(func.count()).where(
        NotificationRow.sent_at.is_(None), NotificationRow.next_attempt_at.is_not(None)
    )
    return Counts(
        locations=session.scalar(select(func.count()).select_from(LocationRow)) or 0,
        captures=by_outcome,
        readings=_readings(session),
        waiting=waiting,
        waiting_since=since,
        inbox=session.scalar(select(func.count()).select_from(SightingRow)) or 0,
        beat_at=session.scalar(select(HeartbeatRow.at).order_by(HeartbeatRow.at.desc()).limit(1)),
        delay_seconds=_delay_seconds(session, now),
        raised=_raised(session),
        undelivered=session.scalar(sending) or 0,
    )


def _readings(session: Session) -> _Statuses:
    found = select(ReadingRow.status, func.count()).where(ReadingRow.stands()).group_by(ReadingRow.status)
    known = {row[0]: row[1] for row in session.execute(found)}
    return {status: known.get(status, 0) for status in Status}


def _waiting(session: Session) -> tuple[int, datetime | None]:
    """Accepted captures that lack a reading under the recipe in force at their location, and since when the oldest."""
    in_force = func.coalesce(LocationRow.fingerprint, LocationRow.resumes, present_recipe(session))
    read = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == in_force, ReadingRow.stands())
    found = (
        select(func.count(CaptureRow.id), func.min(CaptureRow.received_at))
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .outerjoin(ReadingRow, read)
        .where(CaptureRow.rejected_reason.is_(None), ReadingRow.id.is_(None))
    )
    number, since = session.execute(found).one()
    return number, since


def _delay_seconds(session: Session, now: datetime) -> float | None:
    found = (
        select(CaptureRow.received_at, ReadingRow.measured_at)
        .join(ReadingRow, ReadingRow.capture_id == CaptureRow.id)
        .where(CaptureRow.received_at >= now - _LATELY, ReadingRow.stands())
        .order_by(CaptureRow.id.desc())
        .limit(_NEWEST)
    )
    delays = [(measured - received).total_seconds() for received, measured in session.execute(found)]
    return sum(delays) / len(delays) if delays else None


def _raised(session: Session) -> dict[AlertState, int]:
    known = Counter(alert.state for alert in alerts(session))
    return {state: known[state] for state in AlertState if state.raised}
