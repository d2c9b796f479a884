"""What a person tells of a location beside its photos: events that break its history, and temperatures.

The history is judged anew at once. A change of state that comes of it is recorded here and sent by the worker, whose
environment has the channels.
"""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import COLDEST_C, HOTTEST_C, Event, EventKind, Temperature
from monitor.service.judging import judge_location
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import EventView, LocationView

#: The columns a file of temperatures must have; others are passed over.
COLUMNS = ("at", "celsius")
#: So many bad rows of a file are named.
_NAMED = 5


def add_event(
    database: Database, name: str, at: str, kind: EventKind, note: str, now: datetime, by: str | None = None
) -> EventView:
    """Something happened to that location; from `at` on (see `time_written`) its history begins anew."""
    with database.transaction() as session:
        location = queries.location(session, name)
        event = Event(time_written(at, location.time_zone), kind, note)
        event_id = repository.add_event(session, location.id, event, now=now, by=by)
        judge_location(session, location, now)
        return queries.event(session, event_id)


def withdraw_event(database: Database, event_id: int, why: str, now: datetime) -> EventView:
    """An event was recorded by mistake: its location's history is again as if it had never been, the event is kept."""
    with database.transaction() as session:
        repository.withdraw_event(session, event_id, why, now)
        event = queries.event(session, event_id)
        judge_location(session, _location(session, event.location_id), now)
        return event


def add_temperatures(database: Database, name: str, path: Path, now: datetime) -> int:
    """Take the temperatures in a CSV file over and return how many; nothing of a file with a bad row.

    A time that is known already gets the new temperature. Raises `MisuseError` for a file that is not as it should be.
    """
    with database.session() as session:
        time_zone = queries.location(session, name).time_zone
    temperatures = _read(path, time_zone)
    with database.transaction() as session:
        location = queries.location(session, name)
        source = os.fsencode(path.name).decode("utf-8", "backslashreplace")
        repository.add_temperatures(session, location.id, temperatures, source)
        judge_location(session, location, now)
    return len(temperatures)


def clear_temperatures(database: Database, name: str, now: datetime) -> int:
    """Forget a location's temperatures; returns how many there were."""
    with database.transaction() as session:
        location = queries.location(session, name)
        count = repository.clear_temperatures(session, location.id)
        judge_location(session, location, now)
    return count


def time_written(text: str, time_zone: str) -> datetime:
    """A time as a person wrote it (ISO 8601), in UTC; without an offset it is what the site's clocks showed.

    Where these show a time twice it is the first. Raises `MisuseError` for what is no time.
    """
    try:
        at = datetime.fromisoformat(text.strip())
        return (at.replace(tzinfo=ZoneInfo(time_zone)) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        example = "2026-03-01T10:00+01:00, or without the offset for the site's own clocks"
        raise MisuseError(f"'{text}' is no time; write one like {example}.") from None


def _location(session: Session, location_id: int) -> LocationView:
    return next(view for view in queries.locations(session) if view.id == location_id)


def _read(path: Path, time_zone: str) -> list[Temperature]:
    """The temperatures in a CSV file, by time; of the same time the last one."""
    found: dict[datetime, Temperature] = {}
    bad: list[str] = []
    for line, row in _rows(path):
        try:
            known = _temperature(row, time_zone)
        except MisuseError as error:
            bad.append(f"line {line}: {error}")
        else:
            found[known.at] = known
    if bad:
        more = f" And {len(bad) - _NAMED} more." if len(bad) > _NAMED else ""
        raise MisuseError(f"Nothing was taken over from {path}. {' '.join(bad[:_NAMED])}{more}")
    if not found:
        raise MisuseError(f"{path} holds no temperatures, only the names of its columns.")
    return [found[at] for at in sorted(found)]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV file with the number of the line each ends on, by the names of `COLUMNS`."""
    if not path.is_file():
        raise MisuseError(f"There is no file {path}. Check the name and the folder.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MisuseError(f"{path} is no text in UTF-8. Save it as 'CSV UTF-8'.") from None
    if not text.strip():
        raise MisuseError(f"{path} is empty. It needs the columns {' and '.join(COLUMNS)}, separated by a comma.")
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        head = [name.strip() for name in next(lines)]
        missing = [name for name in COLUMNS if name not in head]
        if missing:
            raise MisuseError(
                f"{path} has no column {' and no column '.join(missing)}. Its first line must name the columns, "
                f"separated by commas, {' and '.join(COLUMNS)} among them; it names: {', '.join(head)}."
            )
        for cells in lines:
            if cells:
                yield lines.line_num, dict(zip(head, cells, strict=False))
    except csv.Error as error:
        raise MisuseError(f"{path} cannot be read as CSV at line {lines.line_num}: {error}.") from None


def _temperature(row: Mapping[str, str], time_zone: str) -> Temperature:
    missing = [name for name in COLUMNS if not row.get(name, "").strip()]
    if missing:
        raise MisuseError(f"there is nothing in the column {' and '.join(missing)}.")
    at = time_written(row["at"], time_zone)
    try:
        celsius = float(row["celsius"])
    except ValueError:
        raise MisuseError(f"'{row['celsius']}' is no number; write one like 12.5.") from None
    if not COLDEST_C <= celsius <= HOTTEST_C:
        raise MisuseError(f"{row['celsius']} °C is not between {COLDEST_C:g} and {HOTTEST_C:g}.")
    return Temperature(at, celsius)
