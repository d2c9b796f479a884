"""What readings say of growth: derived, and made anew whenever they change."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class GrowthFitRow(Base):
    """A fit through one series; derived, and replaced at every refit."""

    __tablename__ = "growth_fit"
    __table_args__ = (UniqueConstraint("location_id", "fingerprint", "crack", "metric", "method"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    crack: Mapped[str]
    metric: Mapped[str]
    unit: Mapped[str]
    method: Mapped[str]
    n: Mapped[int]
    success: Mapped[bool]
    message: Mapped[str | None]
    slope_per_year: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    intercept: Mapped[float | None]
    r: Mapped[float | None]
    confidence: Mapped[float]
    origin: Mapped[datetime | None]
    span_days: Mapped[float | None]
    smallest_detectable_per_year: Mapped[float | None]
    season_cos: Mapped[float | None]
    season_sin: Mapped[float | None]
    fitted_at: Mapped[datetime]


class VerdictRow(Base):
    """What one series says about growth so far; derived, and replaced at every refit together with its fits."""

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("location_id", "fingerprint", "crack", "metric"),
        CheckConstraint("low <= rate_per_year AND rate_per_year <= high", name="rate_in_interval"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    crack: Mapped[str]
    metric: Mapped[str]
    outcome: Mapped[str]
    evidence: Mapped[str]
    months_needed: Mapped[float | None]
    rate_per_year: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    confidence: Mapped[float | None]
    unit: Mapped[str | None]
    season_adjusted: Mapped[bool | None]
    smallest_detectable_per_year: Mapped[float | None]
    remarks: Mapped[list[str]] = mapped_column(default=list)
    judged_at: Mapped[datetime]
