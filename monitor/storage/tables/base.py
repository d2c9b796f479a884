"""What all tables share: aware times, words with their CHECK, names of constraints."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Double, Enum, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from monitor.errors import MisuseError
from monitor.records import CrackState, EventKind, Grade, RuleKind, ScaleOrigin, Status, TimeSource
from monitor.storage.access import Role
from monitor.storage.told import CorrectionKind


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


def words(kind: type[StrEnum], column: str | None = None) -> Enum:
    """A column that holds one of the words of `kind`; name the column where a table has two of a kind."""

    def values(members: Iterable[Any]) -> list[str]:
        return [member.value for member in members]

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
        CorrectionKind: words(CorrectionKind),
        CrackState: words(CrackState),
        EventKind: words(EventKind),
        Grade: words(Grade),
        Role: words(Role),
        RuleKind: words(RuleKind),
        ScaleOrigin: words(ScaleOrigin),
        Status: words(Status),
        TimeSource: words(TimeSource),
    }
