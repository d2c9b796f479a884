"""What several writes need: INSERT with ON CONFLICT, rows that must exist, what is out of date."""

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.tables import Base, ClaimRow, GrowthFitRow, LocationRow, ReadingRow, VerdictRow

Row = TypeVar("Row", bound=Base)


def insert(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the session's own dialect."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def existing(session: Session, table: type[Row], key: int, *, held: bool = False) -> Row:
    """The row with that id as it is by now; `held`: nobody else may change it until the transaction ends.

    Raises `MisuseError` when there is none.
    """
    hold = {"key_share": True} if held else None  # others may still refer to it
    row = session.get(table, key, with_for_update=hold, populate_existing=True)
    if row is None:
        raise MisuseError(f"There is no {table.__tablename__} with the id {key}.")
    return row


def locked_location(session: Session, location_id: int) -> LocationRow:
    """The location, held until the transaction ends, so that what follows is decided by one worker at a time.

    Captures may still be added to it meanwhile; SQLite holds the whole database anyway.
    """
    return existing(session, LocationRow, location_id, held=True)


def forget_fits(
    session: Session, location_id: int, *, fingerprint: str | None = None, since: datetime | None = None
) -> None:
    """What the fits and verdicts of a location rest on has changed (those under one recipe, made `since` then);
    `queries.unfitted` asks for new ones.
    """
    for table, made_at in ((GrowthFitRow, GrowthFitRow.fitted_at), (VerdictRow, VerdictRow.judged_at)):
        outdated = delete(table).where(table.location_id == location_id)
        if fingerprint is not None:
            outdated = outdated.where(table.fingerprint == fingerprint)
        session.execute(outdated if since is None else outdated.where(made_at >= since))


def withdraw_readings(
    session: Session,
    captures: "Collection[int] | Select[int]",
    *,
    why: str,
    now: datetime,
    fingerprints: Collection[str] | None = None,
) -> list[int]:
    """Make captures work again, under these recipes (None: all); returns those that had been read, by id.

    Their readings stay, superseded. Claims on them go, so that no worker stores what it has in hand.
    """
    claims = delete(ClaimRow).where(ClaimRow.capture_id.in_(captures))
    readings = update(ReadingRow).where(ReadingRow.capture_id.in_(captures), ReadingRow.stands())
    if fingerprints is not None:
        claims = claims.where(ClaimRow.fingerprint.in_(fingerprints))
        readings = readings.where(ReadingRow.fingerprint.in_(fingerprints))
    session.execute(claims, execution_options={"synchronize_session": False})
    withdrawn = session.scalars(
        readings.values(superseded_at=now, superseded_why=why).returning(ReadingRow.capture_id),
        execution_options={"synchronize_session": False},
    )
    return sorted(set(withdrawn))
