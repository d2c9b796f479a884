"""Sites and locations, and the limits agreed for them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from monitor.records import RuleKind, ScaleOrigin
from monitor.storage.tables.base import Base


class SiteRow(Base):
    """A building or structure."""

    __tablename__ = "site"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    time_zone: Mapped[str]
    created_at: Mapped[datetime]


class LocationRow(Base):
    """One view of one wall. `fingerprint` names the series that is shown and judged; while there is none, `resumes`
    may name one that is being measured again.
    """

    __tablename__ = "location"
    __table_args__ = (
        CheckConstraint("interval_days > 0", name="interval"),
        CheckConstraint("mm_per_px > 0", name="scale"),
        CheckConstraint("(mm_per_px IS NULL) = (scale_origin IS NULL)", name="scale_has_origin"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    name: Mapped[str] = mapped_column(unique=True)
    interval_days: Mapped[float]
    reference_capture_id: Mapped[int | None] = mapped_column(ForeignKey("capture.id", use_alter=True))
    mm_per_px: Mapped[float | None]
    mm_per_px_standard_error: Mapped[float | None]
    scale_origin: Mapped[ScaleOrigin | None]
    fingerprint: Mapped[str | None] = mapped_column(ForeignKey("recipe.fingerprint"))
    resumes: Mapped[str | None] = mapped_column(ForeignKey("recipe.fingerprint"))
    uses_corrections: Mapped[bool] = mapped_column(insert_default=True)
    created_at: Mapped[datetime]


class RuleRow(Base):
    """An agreed limit; so many `readings` must ask for it. Never changed: a new version closes the old one."""

    __tablename__ = "rule"
    __table_args__ = (
        CheckConstraint("clear <= fire", name="clear_below_fire"),
        CheckConstraint("readings >= 1", name="readings"),
        CheckConstraint("valid_to >= valid_from", name="validity"),
        Index(
            "uq_rule_in_force",
            "location_id",
            "metric",
            "kind",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    metric: Mapped[str]
    kind: Mapped[RuleKind]
    fire: Mapped[float]
    clear: Mapped[float]
    readings: Mapped[int] = mapped_column(default=1)
    unit: Mapped[str]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
