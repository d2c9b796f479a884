"""Changes of alert state, and their way to people."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import AlertState
from monitor.storage.tables.base import Base, words


class TransitionRow(Base):
    """A change of alert state. The newest one of a location and subject *is* the state."""

    __tablename__ = "transition"
    __table_args__ = (
        CheckConstraint("old <> new", name="changes"),
        Index("ix_transition_location_id_subject", "location_id", "subject"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rule.id"))
    subject: Mapped[str]
    old: Mapped[AlertState] = mapped_column(words(AlertState, "old"))
    new: Mapped[AlertState] = mapped_column(words(AlertState, "new"))
    why: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class NotificationRow(Base):
    """One transition to one channel. `next_attempt_at` is empty once sent or given up."""

    __tablename__ = "notification"
    __table_args__ = (UniqueConstraint("transition_id", "channel"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    transition_id: Mapped[int] = mapped_column(ForeignKey("transition.id"))
    channel: Mapped[str]
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(index=True)
    last_error: Mapped[str | None]
