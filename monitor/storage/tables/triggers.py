"""What was agreed for a location's levels, green, amber and red, and where it stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import TriggerLevel
from monitor.storage.tables.base import Base, words


class TriggerPlanRow(Base):
    """One version of a location's trigger plan, in force from `valid_from` until the next one. Never changed."""

    __tablename__ = "trigger_plan"
    __table_args__ = (UniqueConstraint("location_id", "valid_from"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    valid_from: Mapped[datetime]
    recorded_at: Mapped[datetime]
    agreed_by: Mapped[str]
    plan: Mapped[dict[str, Any]]


class TriggerStandRow(Base):
    """The level of one crack of a location by the plan valid then, and why; replaced at every judgement.

    `plan_id` is empty for the shipped defaults; `newest_at` is the capture time of the newest reading behind it.
    """

    __tablename__ = "trigger_stand"
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    crack: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[TriggerLevel] = mapped_column(words(TriggerLevel))
    since: Mapped[datetime]
    why: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("trigger_plan.id"))
    newest_at: Mapped[datetime | None]
    judged_at: Mapped[datetime]


class WatchedRow(Base):
    """How far a location's alarms have come: judged when, and the capture time of the newest reading they saw."""

    __tablename__ = "watched"
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    judged_at: Mapped[datetime]
    newest_at: Mapped[datetime | None]
