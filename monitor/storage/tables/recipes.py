"""One recipe after another at a location: how they compare, and which took the place of which."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from monitor.storage.tables.base import Base


class RecipeSwitchRow(Base):
    """A person's decision that a location goes by another recipe from then on. Rows are only ever added."""

    __tablename__ = "recipe_switch"
    __table_args__ = (CheckConstraint("old <> new", name="changes"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), index=True)
    old: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    new: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"))
    switched_at: Mapped[datetime]
    switched_by: Mapped[str | None]


class RecipeOffsetRow(Base):
    """By how much the captures of a location are read otherwise under `new` than under `old`; derived and replaced."""

    __tablename__ = "recipe_offset"
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    old: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    new: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str]
    n: Mapped[int]
    confidence: Mapped[float]
    median: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    spread: Mapped[float | None]
    message: Mapped[str | None]
