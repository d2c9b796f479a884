"""What is known of a location beside its photos."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import COLDEST_C, HOTTEST_C, EventKind
from monitor.storage.tables.base import Base


class EventRow(Base):
    """Something after which a location's history begins anew. Never deleted: a mistaken one is withdrawn, with the
    reason.
    """

    __tablename__ = "event"
    __table_args__ = (CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_why IS NULL)", name="withdrawn_has_reason"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[EventKind]
    note: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_why: Mapped[str | None]


class TemperatureRow(Base):
    """The temperature at a location at one time, and the name of the file that told it."""

    __tablename__ = "temperature"
    __table_args__ = (CheckConstraint(f"celsius BETWEEN {COLDEST_C:g} AND {HOTTEST_C:g}", name="celsius"),)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    celsius: Mapped[float]
    source: Mapped[str]
