"""What is on its way in, and the signs of life of the service's parts."""

from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from monitor.storage.tables import CaptureRow, ClaimRow, FetchedRow, HeartbeatRow, LocationRow, ReadingRow, SightingRow
from monitor.storage.views import HeartbeatView


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


def awaited(session: Session, now: datetime) -> set[int]:
    """Ids of locations of which some worker has a capture in hand that is older than what their series has read.

    What is judged without it would be judged otherwise once it is read: whoever ends it judges them.
    """
    in_hand = (
        select(CaptureRow.location_id, ClaimRow.fingerprint, func.min(CaptureRow.captured_at).label("oldest"))
        .join(ClaimRow, ClaimRow.capture_id == CaptureRow.id)
        .where(ClaimRow.token.is_not(None), ClaimRow.claimed_until > now)
        .group_by(CaptureRow.location_id, ClaimRow.fingerprint)
        .subquery()
    )
    of_series = and_(ReadingRow.fingerprint == LocationRow.fingerprint, ReadingRow.stands())
    found = (
        select(LocationRow.id)
        .join(in_hand, and_(in_hand.c.location_id == LocationRow.id, in_hand.c.fingerprint == LocationRow.fingerprint))
        .join(CaptureRow, and_(CaptureRow.location_id == LocationRow.id, CaptureRow.captured_at > in_hand.c.oldest))
        .join(ReadingRow, and_(ReadingRow.capture_id == CaptureRow.id, of_series))
    )
    return set(session.scalars(found.distinct()))


def fetched(session: Session, source: str) -> dict[str, str]:
    """Of each file of a source that was dealt with, by path: in which version."""
    found = session.scalars(select(FetchedRow).where(FetchedRow.source == source))
    return {row.path: row.version for row in found}
