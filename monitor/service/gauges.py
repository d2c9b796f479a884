"""Widths that a person reads off a crack with a gauge, by which a location's total openings are put right."""

from datetime import datetime

from monitor.errors import MisuseError
from monitor.service.circumstances import time_written
from monitor.service.judging import judge_location
from monitor.storage import queries, repository
from monitor.storage.database import Database


def add(
    database: Database,
    name: str,
    crack: str,
    width_mm: float,
    standard_error_mm: float,
    at: str,
    now: datetime,
    by: str | None = None,
) -> int:
    """A gauge was read at that time (see `time_written`) where the crack gapes widest; its location is judged anew.

    Returns the id of the reading. Raises `MisuseError` for an unknown crack.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        courses = {view.crack.name: view.crack.course for view in queries.cracks(session, location.id)}
        if crack not in courses:
            raise MisuseError(f"'{name}' has no crack {crack}. Known: {', '.join(courses) or 'none yet'}.")
        found = repository.add_gauge(
            session,
            location.id,
            crack=crack,
            course=courses[crack],
            width_mm=width_mm,
            standard_error_mm=standard_error_mm,
            at=time_written(at, location.time_zone),
            now=now,
            by=by,
        )
        judge_location(session, location, now)
    return found


def withdraw(database: Database, name: str, gauge_id: int, why: str, now: datetime) -> None:
    """A gauge reading was wrong: it stays with the reason, and openings are as without it.

    Raises `MisuseError` for one of another location.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        if all(view.id != gauge_id for view in queries.gauges(session, location.id, withdrawn=True)):
            raise MisuseError(f"'{name}' has no gauge reading {gauge_id}.")
        repository.withdraw_gauge(session, gauge_id, why, now)
        judge_location(session, location, now)
