"""What is on its way in, and the signs of life of the service's parts."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.storage.tables import HeartbeatRow, SightingRow
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
