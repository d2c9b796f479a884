"""The cracks of a location, followed through its captures: derived."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import CrackState
from monitor.storage.tables.base import Base


class FollowingRow(Base):
    """What the cracks of a location were followed through: `basis` changes with the readings or their times."""

    __tablename__ = "following"
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    basis: Mapped[str] = mapped_column(String(64))
    followed_at: Mapped[datetime]


class CrackRow(Base):
    """One crack of a location as one recipe sees it; derived, and replaced whenever its captures are followed anew.

    `course` holds its stations, (row, col) of the reference's frame; `widest_stations` index it. `correction_id` is the
    last word that a person said on it.
    """

    __tablename__ = "crack"
    __table_args__ = (UniqueConstraint("location_id", "fingerprint", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    name: Mapped[str]
    first_capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"))
    widest_stations: Mapped[list[int]]
    course: Mapped[list[list[float]]]
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))


class CrackReadingRow(Base):
    """What one capture shows of one crack; replaced together with it. What was not measured is NULL, with a reason."""

    __tablename__ = "crack_reading"
    __table_args__ = (
        UniqueConstraint("crack_id", "capture_id"),
        CheckConstraint("(opening_px IS NULL) = (widest_px IS NULL)", name="measured_together"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    crack_id: Mapped[int] = mapped_column(ForeignKey("crack.id"))
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), index=True)
    state: Mapped[CrackState]
    reason: Mapped[str | None]
    opening_px: Mapped[float | None]
    opening_error_px: Mapped[float | None]
    change_px: Mapped[float | None]
    change_error_px: Mapped[float | None]
    widest_px: Mapped[float | None]
    widest_error_px: Mapped[float | None]
    shared_error_px: Mapped[float | None]
    lips_px: Mapped[float | None]
    lips_error_px: Mapped[float | None]
    shear_px: Mapped[float | None]
    agree: Mapped[bool | None]
    length_px: Mapped[float | None]
    area_px: Mapped[float | None]
    first_tip_px: Mapped[float | None]
    second_tip_px: Mapped[float | None]
