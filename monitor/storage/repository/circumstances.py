"""What a person tells of a location beside its photos: events, after which its history begins anew, and temperatures.

Growth fits of the location are forgotten with each change, to be made again.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import COLDEST_C, HOTTEST_C, Event, EventKind, Temperature
from monitor.storage.repository.statements import existing, forget_fits, insert, locked_location
from monitor.storage.tables import EventRow, TemperatureRow


def add_event(session: Session, location_id: int, event: Event, *, now: datetime, by: str | None = None) -> int:
    """The new event's id; `by` says who recorded it.

    Raises `MisuseError` for one that lies in the future, and for one of kind OTHER without a note.
    """
    if event.at > now:
        raise MisuseError(f"{event.at.isoformat()} is still to come. Record an event once it has happened.")
    if event.kind is EventKind.OTHER and not event.note.strip():
        raise MisuseError("An event of the kind 'other' needs a note that says what happened.")
    locked_location(session, location_id)
    row = EventRow(
        location_id=location_id, at=event.at, kind=event.kind, note=event.note, recorded_at=now, recorded_by=by
    )
    session.add(row)
    session.flush()
    forget_fits(session, location_id)
    return row.id


def withdraw_event(session: Session, event_id: int, why: str, now: datetime) -> None:
    """The event counts no longer; it stays with the reason. Raises `MisuseError` without one, or when it was before."""
    if not why.strip():
        raise MisuseError("Say why the event is withdrawn; the reason is kept with it.")
    location_id = existing(session, EventRow, event_id).location_id
    locked_location(session, location_id)
    row = existing(session, EventRow, event_id, held=True)
    if row.withdrawn_at is not None:
        raise MisuseError(f"Event {event_id} was withdrawn already: {row.withdrawn_why}")
    row.withdrawn_at, row.withdrawn_why = now, why
    session.flush()
    forget_fits(session, location_id)


def add_temperatures(session: Session, location_id: int, temperatures: Sequence[Temperature], source: str) -> None:
    """Keep these temperatures of a location, told by `source`; of the same instant the last one stays.

    Raises `MisuseError` for one that no wall has (`COLDEST_C` to `HOTTEST_C`).
    """
    for known in temperatures:
        if not COLDEST_C <= known.celsius <= HOTTEST_C:
            raise MisuseError(f"{known.celsius} °C cannot be; it must lie between {COLDEST_C:g} and {HOTTEST_C:g}.")
    locked_location(session, location_id)
    new = insert(session, TemperatureRow)
    again = {"celsius": new.excluded.celsius, "source": new.excluded.source}
    rows = [
        {"location_id": location_id, "at": known.at, "celsius": known.celsius, "source": source}
        for known in temperatures
    ]
    if rows:
        session.execute(new.on_conflict_do_update(index_elements=["location_id", "at"], set_=again), rows)
    forget_fits(session, location_id)


def clear_temperatures(session: Session, location_id: int) -> int:
    """Forget all temperatures of a location; returns how many there were."""
    locked_location(session, location_id)
    of_location = TemperatureRow.location_id == location_id
    count = session.scalar(select(func.count()).where(of_location)) or 0
    session.execute(delete(TemperatureRow).where(of_location))
    forget_fits(session, location_id)
    return count
