"""Simulated growth on a location's own wall, and what was read of it."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class SiteTrialRow(Base):
    """One simulated series; a `SiteTrial` with what it was made of: location, recipe and seed. Never changed."""

    __tablename__ = "site_trial"
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), index=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    seed: Mapped[int]
    simulated_at: Mapped[datetime]
    captures: Mapped[int]
    interval_days: Mapped[float]
    unit: Mapped[str]
    true_per_year: Mapped[float]
    measured_per_year: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    reading_error_px: Mapped[float | None]
    alarm_after_days: Mapped[float | None]
    message: Mapped[str | None]
