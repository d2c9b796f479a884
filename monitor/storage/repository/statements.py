"""What several writes need: INSERT with ON CONFLICT, rows that must exist, fits that are out of date."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.tables import Base, GrowthFitRow, LocationRow

Row = TypeVar("Row", bound=Base)


def insert(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the session's own dialect."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def existing(session: Session, table: type[Row], key: int) -> Row:
    """The row with that id. Raises `MisuseError` when there is none."""
    row = session.get(table, key)
    if row is None:
        raise MisuseError(f"There is no {table.__tablename__} with the id {key}.")
    return row


def locked_location(session: Session, location_id: int) -> LocationRow:
    """The location, held until the transaction ends, so that what follows is decided by one worker at a time.

    Captures may still be added to it meanwhile; SQLite holds the whole database anyway.
    """
    row = session.get(LocationRow, location_id, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        raise MisuseError(f"There is no location with the id {location_id}.")
    return row


def forget_fits(session: Session, location_id: int, since: datetime | None = None) -> None:
    """What the fits of a location (made `since` then) rest on has changed; `queries.unfitted` asks for new ones."""
    of_location = delete(GrowthFitRow).where(GrowthFitRow.location_id == location_id)
    session.execute(of_location if since is None else of_location.where(GrowthFitRow.fitted_at >= since))
