"""Where people put captures after they had arrived."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class FilingRow(Base):
    """A capture was moved `to_location_id`, or withdrawn (NULL), or restored (both locations the same), and why."""

    __tablename__ = "filing"
    __table_args__ = (CheckConstraint("length(why) > 0", name="has_reason"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), index=True)
    from_location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    to_location_id: Mapped[int | None] = mapped_column(ForeignKey("location.id"))
    why: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str | None]
