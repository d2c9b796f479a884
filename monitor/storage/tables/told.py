"""What people told of patches, cracks and widths. Kept beside what was found, never over it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base
from monitor.storage.told import CorrectionKind


class PatchJudgementRow(Base):
    """A person's word on one patch of a capture, in the reference's frame. Only ever added; the latest one counts."""

    __tablename__ = "patch_judgement"
    __table_args__ = (CheckConstraint("row_px >= 0 AND col_px >= 0 AND side_px > 0", name="place"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), index=True)
    row_px: Mapped[int]
    col_px: Mapped[int]
    side_px: Mapped[int]
    cracked: Mapped[bool]
    judged_at: Mapped[datetime]
    judged_by: Mapped[str | None]


class AdaptationRow(Base):
    """A trial to adapt the classifier's head to a site, and what came of it; without a head nothing was kept."""

    __tablename__ = "adaptation"
    __table_args__ = (CheckConstraint("undone_at IS NULL OR head_sha256 IS NOT NULL", name="only_kept_is_undone"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    patches: Mapped[int]
    told: Mapped[str]
    head_sha256: Mapped[str | None] = mapped_column(String(64))
    made_at: Mapped[datetime]
    made_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]


class CorrectionRow(Base):
    """A person's word on one crack. Only ever added; of the same course the latest one counts."""

    __tablename__ = "correction"
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), index=True)
    reference_capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"))
    capture_id: Mapped[int | None] = mapped_column(ForeignKey("capture.id"))
    kind: Mapped[CorrectionKind]
    crack: Mapped[str]
    course: Mapped[list[list[float]]]
    why: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str | None]


class CorrectedSeverityRow(Base):
    """The sizes of a reading's mask without the cracks that people rejected; derived, made anew with the cracks."""

    __tablename__ = "corrected_severity"
    reading_id: Mapped[int] = mapped_column(ForeignKey("reading.id"), primary_key=True)
    crack_count: Mapped[int]
    area_px: Mapped[float]
    max_width_px: Mapped[float]
    length_px: Mapped[float]


class GaugeRow(Base):
    """A width that a person read off a crack. Never deleted: a mistaken one is withdrawn, with the reason."""

    __tablename__ = "gauge"
    __table_args__ = (
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_why IS NULL)", name="withdrawn_has_reason"),
        CheckConstraint("width_mm >= 0 AND standard_error_mm >= 0", name="width"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), index=True)
    crack: Mapped[str]
    course: Mapped[list[list[float]]]
    width_mm: Mapped[float]
    standard_error_mm: Mapped[float]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_why: Mapped[str | None]
