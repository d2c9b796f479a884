"""Where people put captures after they had arrived."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from monitor.storage.tables import FilingRow, LocationRow
from monitor.storage.told import FilingView


def filings(session: Session, location_id: int) -> list[FilingView]:
    """Captures that were moved from or to a location, withdrawn from it or restored, newest first."""
    here = or_(FilingRow.from_location_id == location_id, FilingRow.to_location_id == location_id)
    source, target = aliased(LocationRow), aliased(LocationRow)
    found = (
        select(FilingRow, source.name, target.name)
        .join(source, source.id == FilingRow.from_location_id)
        .outerjoin(target, target.id == FilingRow.to_location_id)
        .where(here)
        .order_by(FilingRow.id.desc())
    )
    return [
        FilingView(row.capture_id, before, after, row.why, row.at, row.by)
        for row, before, after in session.execute(found)
    ]


def withdrawn_why(session: Session, capture_id: int) -> str | None:
    """Why a person withdrew a capture; None where it is not withdrawn."""
    last = select(FilingRow).where(FilingRow.capture_id == capture_id).order_by(FilingRow.id.desc()).limit(1)
    row = session.scalar(last)
    return row.why if row is not None and row.to_location_id is None else None
