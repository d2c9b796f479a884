"""Changes of alert state, what people do about them, and their way to people."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import AlertAction, AlertState, MessageKind
from monitor.storage.tables.base import Base, words


class TransitionRow(Base):
    """A change of alert state, of a location or (without one) of the service itself. The newest one of a location and
    subject *is* the state.
    """

    __tablename__ = "transition"
    __table_args__ = (
        CheckConstraint("old <> new", name="changes"),
        Index("ix_transition_location_id_subject", "location_id", "subject"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("location.id"))
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rule.id"))
    subject: Mapped[str]
    old: Mapped[AlertState] = mapped_column(words(AlertState, "old"))
    new: Mapped[AlertState] = mapped_column(words(AlertState, "new"))
    why: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class AlertActionRow(Base):
    """What somebody did about the alert that a transition raised. Never changed; one acknowledges and one closes it."""

    __tablename__ = "alert_action"
    __table_args__ = (
        CheckConstraint("(assignee IS NULL) = (kind <> 'assigned')", name="assigned_to_somebody"),
        Index(
            "uq_alert_action_once",
            "transition_id",
            "kind",
            unique=True,
            sqlite_where=text("kind IN ('acknowledged', 'closed')"),
            postgresql_where=text("kind IN ('acknowledged', 'closed')"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    transition_id: Mapped[int] = mapped_column(ForeignKey("transition.id"), index=True)
    kind: Mapped[AlertAction] = mapped_column(words(AlertAction))
    by: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str]
    assignee: Mapped[str | None]


class NotificationRow(Base):
    """One message on one transition to one channel; reminders are numbered. `next_attempt_at` is empty once sent or
    given up.
    """

    __tablename__ = "notification"
    __table_args__ = (UniqueConstraint("transition_id", "channel", "kind", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    transition_id: Mapped[int] = mapped_column(ForeignKey("transition.id"))
    channel: Mapped[str]
    kind: Mapped[MessageKind] = mapped_column(words(MessageKind), default=MessageKind.CHANGE)
    number: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(index=True)
    last_error: Mapped[str | None]
