"""The tables, as SQLAlchemy sees them. `migrations/` makes them; nothing else may.

Every time is stored in UTC and comes back aware. Words from `monitor.records` are stored as their
values, guarded by CHECK constraints. Rows never leave `monitor.storage`: `queries` returns views.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from monitor.errors import MisuseError
from monitor.records import AlertState, CrackState, Grade, RuleKind, ScaleOrigin, Status, TimeSource


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time: UTC in the database, aware UTC when read. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite keeps no zone, so all of its times are UTC by this rule."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise MisuseError(f"The time {value} has no time zone; pass an aware one.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _words(kind: type[StrEnum], column: str | None = None) -> Enum:
    """A column that holds one of the words of `kind`; name the column where a table has two of a kind."""

    def values(words: Iterable[Any]) -> list[str]:
        return [word.value for word in words]

    name = column or kind.__name__.lower()
    return Enum(kind, native_enum=False, create_constraint=True, length=32, name=name, values_callable=values)


class Base(DeclarativeBase):
    """Shared naming of constraints (needed to change them later) and mapping of Python types."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        float: Double,
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[list[float]]: JSON(none_as_null=True),
        list[str]: JSON,
        list[int]: JSON,
        CrackState: _words(CrackState),
        Grade: _words(Grade),
        RuleKind: _words(RuleKind),
        ScaleOrigin: _words(ScaleOrigin),
        Status: _words(Status),
        TimeSource: _words(TimeSource),
    }


class SiteRow(Base):
    """A building or structure."""

    __tablename__ = "site"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    time_zone: Mapped[str]
    created_at: Mapped[datetime]


class LocationRow(Base):
    """One view of one wall. `fingerprint` names the series that is shown and judged."""

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
    created_at: Mapped[datetime]


class RuleRow(Base):
    """An agreed limit. Never changed: a new version closes the old one."""

    __tablename__ = "rule"
    __table_args__ = (
        CheckConstraint("clear <= fire", name="clear_below_fire"),
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
    unit: Mapped[str]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


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
    """Everything that decided a number, under its fingerprint."""

    __tablename__ = "recipe"
    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    options: Mapped[dict[str, Any]]
    analysis_version: Mapped[int]
    created_at: Mapped[datetime]


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
    pictures: Mapped[dict[str, str]]
    measured_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    superseded_why: Mapped[str | None]

    @classmethod
    def stands(cls) -> ColumnElement[bool]:
        """The condition that a reading counts."""
        return cls.superseded_at.is_(None)


class ClaimRow(Base):
    """A worker's lease on analysing one capture. It stays when the work is done, as its record."""

    __tablename__ = "claim"
    capture_id: Mapped[int] = mapped_column(ForeignKey("capture.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    claimed_by: Mapped[str]
    claimed_until: Mapped[datetime]
    attempts: Mapped[int]
    last_error: Mapped[str | None]


class FollowingRow(Base):
    """What the cracks of a location were followed through: `basis` changes with the readings or their times."""

    __tablename__ = "following"
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(ForeignKey("recipe.fingerprint"), primary_key=True)
    basis: Mapped[str] = mapped_column(String(64))
    followed_at: Mapped[datetime]


class CrackRow(Base):
    """One crack of a location as one recipe sees it; derived, and replaced whenever its captures are followed anew.

    `course` holds its stations, (row, col) of the reference's frame; `widest_stations` index it.
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


class TransitionRow(Base):
    """A change of alert state. The newest one of a location and subject *is* the state."""

    __tablename__ = "transition"
    __table_args__ = (
        CheckConstraint("old <> new", name="changes"),
        Index("ix_transition_location_id_subject", "location_id", "subject"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"))
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rule.id"))
    subject: Mapped[str]
    old: Mapped[AlertState] = mapped_column(_words(AlertState, "old"))
    new: Mapped[AlertState] = mapped_column(_words(AlertState, "new"))
    why: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class NotificationRow(Base):
    """One transition to one channel. `next_attempt_at` is empty once sent or given up."""

    __tablename__ = "notification"
    __table_args__ = (UniqueConstraint("transition_id", "channel"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    transition_id: Mapped[int] = mapped_column(ForeignKey("transition.id"))
    channel: Mapped[str]
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(index=True)
    last_error: Mapped[str | None]


class SightingRow(Base):
    """An inbox file that is still watched until it stops changing; `scans` counts up to the one at `counted_at`."""

    __tablename__ = "sighting"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    scans: Mapped[int]
    counted_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class HeartbeatRow(Base):
    """The last sign of life of one part of the service."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
