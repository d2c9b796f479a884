"""Trigger plans by version, where locations stand by them, and how far their alarms have come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import TriggerPlan, to_json
from monitor.storage.repository.statements import insert, locked_location
from monitor.storage.tables import TriggerPlanRow, TriggerStandRow, WatchedRow
from monitor.storage.views import TriggerStandView


def add_trigger_plan(
    session: Session, location_id: int, plan: TriggerPlan, *, agreed_by: str, valid_from: datetime, now: datetime
) -> int:
    """The id of a new version, which judges what is captured from `valid_from` on; earlier ones are never changed.

    Raises `MisuseError` where it would begin in the past or before another version, or nobody has agreed to it.
    """
    if not agreed_by.strip():
        raise MisuseError("Say who agreed to the trigger plan; without an engineer's name it is no agreement.")
    locked_location(session, location_id)
    if valid_from < now:
        raise MisuseError(
            f"A trigger plan cannot begin in the past ({valid_from:%Y-%m-%d %H:%M} UTC): what was captured then was"
            " judged by the plan of that time. Let it begin now or later."
        )
    last = session.scalar(select(func.max(TriggerPlanRow.valid_from)).where(TriggerPlanRow.location_id == location_id))
    if last is not None and last >= valid_from:
        raise MisuseError(f"A later version begins on {last:%Y-%m-%d at %H:%M} UTC; a new one can only follow it.")
    row = TriggerPlanRow(
        location_id=location_id,
        valid_from=valid_from,
        recorded_at=now,
        agreed_by=agreed_by.strip(),
        plan=to_json(plan),
    )
    session.add(row)
    session.flush()
    return row.id


def replace_trigger_stands(session: Session, location_id: int, stands: Sequence[TriggerStandView]) -> None:
    """Put these levels in the place of all earlier ones of the location."""
    session.execute(delete(TriggerStandRow).where(TriggerStandRow.location_id == location_id))
    rows: list[dict[str, Any]] = [
        {
            "location_id": location_id,
            "crack": stand.crack,
            "level": stand.level,
            "since": stand.since,
            "why": stand.why,
            "evidence": to_json(dict(stand.evidence)),
            "plan_id": stand.plan.id,
            "newest_at": stand.newest_at,
            "judged_at": stand.judged_at,
        }
        for stand in stands
    ]
    if rows:
        session.execute(insert(session, TriggerStandRow), rows)


def set_watched(session: Session, location_id: int, judged_at: datetime, newest_at: datetime | None) -> None:
    """The location's alarms have been decided, its newest reading was captured then."""
    seen = {"judged_at": judged_at, "newest_at": newest_at}
    new = insert(session, WatchedRow).values(location_id=location_id, **seen)
    session.execute(new.on_conflict_do_update(index_elements=["location_id"], set_=seen))
