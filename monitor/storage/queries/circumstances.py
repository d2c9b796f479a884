"""What is known of a location beside its photos: events and temperatures."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import Temperature
from monitor.storage.rows import event_view
from monitor.storage.tables import EventRow, LocationRow, SiteRow, TemperatureRow
from monitor.storage.views import EventView


def events(session: Session, location_id: int, *, withdrawn: bool = False) -> list[EventView]:
    """The events of a location by time; those that were `withdrawn` only on request."""
    found = _events().where(EventRow.location_id == location_id)
    if not withdrawn:
        found = found.where(EventRow.withdrawn_at.is_(None))
    return [event_view(row, time_zone) for row, time_zone in session.execute(found.order_by(EventRow.at, EventRow.id))]


def event(session: Session, event_id: int) -> EventView:
    """One event, withdrawn or not. Raises `MisuseError` when there is none with that id."""
    found = session.execute(_events().where(EventRow.id == event_id)).one_or_none()
    if found is None:
        raise MisuseError(f"There is no event with the id {event_id}.")
    return event_view(*found)


def _events() -> "Select[EventRow, str]":
    return (
        select(EventRow, SiteRow.time_zone)
        .join(LocationRow, LocationRow.id == EventRow.location_id)
        .join(SiteRow, SiteRow.id == LocationRow.site_id)
    )


def temperatures(session: Session, location_id: int) -> list[Temperature]:
    """The temperatures known at a location, by time."""
    found = select(TemperatureRow.at, TemperatureRow.celsius).where(TemperatureRow.location_id == location_id)
    return [Temperature(at, celsius) for at, celsius in session.execute(found.order_by(TemperatureRow.at))]
