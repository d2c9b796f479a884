"""Files that arrived, and what each recipe found in them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import Grade, Status, TimeSource
from monitor.storage.tables.base import Base


class CaptureRow(Base):
    """One file, known by its sha256 wherever it turned up. A rejected file is a row with a reason."""

    __tablename__ = "capture"
    __table_args__ = (
        CheckConstraint("length(sha256) = 64", name="sha256"),
        CheckConstraint(
            "rejected_reason IS NOT NULL OR (captured_at IS NOT NULL AND time_source IS NOT NULL"
            " AND height_px > 0 AND width_px > 0)",
            name="complete_or_rejected",
        ),
        Index("ix_capture_location_id_captured_at", "location_id", "captured_at"),
        # Counting what was taken in must not read every row, nor finding the newest of it.
        Index(
            "ix_capture_accepted",
            "location_id",
            "captured_at",
            sqlite_where=text("rejected_reason IS NULL"),
            postgresql_where=text("rejected_reason IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    file_name: Mapped[str]
    media_type: Mapped[str | None]
    height_px: Mapped[int | None]
    width_px: Mapped[int | None]
    captured_at: Mapped[datetime | None]
    time_source: Mapped[TimeSource | None]
    received_at: Mapped[datetime]
    rejected_reason: Mapped[str | None]


class RecipeRow(Base):
    """Everything that decided a number, under its fingerprint.

    `brought` numbers the recipes as settings and software bring them: the highest is the present one. `out_of_reach`
    says why it cannot be run any more, where a worker found that it cannot.
    """

    __tablename__ = "recipe"
    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    options: Mapped[dict[str, Any]]
    analysis_version: Mapped[int]
    created_at: Mapped[datetime]
    brought: Mapped[int | None]
    out_of_reach: Mapped[str | None]


class ReadingRow(Base):
    """What one recipe found in one capture. Millimetre twins follow the location's present scale.

    At most one reading of a capture and recipe stands; those that no longer count stay, superseded, with the reason.
    """

    __tablename__ = "reading"
    __table_args__ = (
        Index(
            "uq_reading_standing",
            "capture_id",
            "fingerprint",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        CheckConstraint("(superseded_at IS NULL) = (superseded_why IS NULL)", name="superseded_has_reason"),
        CheckConstraint("status IN ('measured', 'no_crack') OR reason IS NOT NULL", name="failure_has_reason"),
        CheckConstraint("status <> 'measured' OR max_width_px IS NOT NULL", name="measured_has_numbers"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"))
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), index=True)
    status: Mapped[Status]
    reason: Mapped[str | None]
    crack_probability: Mapped[float | None]
    crack_count: Mapped[int | None]
    area_px: Mapped[float | None]
    max_width_px: Mapped[float | None]
    length_px: Mapped[float | None]
    area_mm2: Mapped[float | None]
    max_width_mm: Mapped[float | None]
    length_mm: Mapped[float | None]
    registration_accepted: Mapped[bool | None]
    registration_reason: Mapped[str | None]
    registration_matrix: Mapped[list[list[float]] | None]
    registration_residual_px: Mapped[float | None]
    registration_inliers: Mapped[int | None]
    registration_overlap: Mapped[float | None]
    registration_spread: Mapped[float | None]
    registration_agreement: Mapped[float | None]
    grade: Mapped[Grade | None]
    grade_reasons: Mapped[list[str]] = mapped_column(default=list)
    confidence: Mapped[float | None]
    pictures: Mapped[dict[str, str]]
    measured_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    superseded_why: Mapped[str | None]

    @classmethod
    def stands(cls) -> ColumnElement[bool]:
        """The condition that a reading counts."""
        return cls.superseded_at.is_(None)
