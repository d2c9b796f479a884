"""What workers hold and when they were last seen."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class ClaimRow(Base):
    """A worker's lease on analysing one capture. It stays when the work is done, as its record.

    `token` is another one each time the capture is claimed, and goes when the work is done or given up: only who knows
    it may write.
    """

    __tablename__ = "claim"
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    claimed_by: Mapped[str]
    claimed_until: Mapped[datetime]
    token: Mapped[str | None] = mapped_column(String(32), index=True)
    attempts: Mapped[int]
    last_error: Mapped[str | None]


class LeaseRow(Base):
    """What one worker alone is at, by name, for instance following the cracks of a location."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32))
    held_by: Mapped[str]
    held_until: Mapped[datetime]


class SightingRow(Base):
    """An inbox file that is still watched until it stops changing; `scans` counts up to the one at `counted_at`."""

    __tablename__ = "sighting"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    scans: Mapped[int]
    counted_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class HeartbeatRow(Base):
    """The last sign of life of one part of the service."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
