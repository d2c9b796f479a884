"""The cracks of a location and what its captures show of each: derived, and replaced as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from monitor.records import Crack, CrackReading
from monitor.storage.repository.statements import forget_fits, insert, locked_location
from monitor.storage.tables import CrackReadingRow, CrackRow, FollowingRow


def replace_cracks(
    session: Session,
    *,
    location_id: int,
    fingerprint: str,
    cracks: Sequence[Crack],
    readings: Sequence[CrackReading],
    basis: str,
    now: datetime,
    corrections: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Put these cracks and their readings in the place of all earlier ones of this location and fingerprint.

    `basis` is the `queries.following_basis` that they were worked out from, `corrections` the id of the last word that
    a person said on a crack, by its name. Fits are forgotten, to be made again.
    """
    locked_location(session, location_id)
    series = {"location_id": location_id, "fingerprint": fingerprint}
    earlier = select(CrackRow.id).filter_by(**series)
    session.execute(delete(CrackReadingRow).where(CrackReadingRow.crack_id.in_(earlier)))
    session.execute(delete(CrackRow).filter_by(**series))
    ids = {}
    for crack in cracks:
        row = CrackRow(
            **series,
            name=crack.name,
            first_capture_id=crack.first_seen,
            widest_stations=list(crack.widest_stations),
            course=crack.course.tolist(),
            correction_id=corrections.get(crack.name),
        )
        session.add(row)
        session.flush()
        ids[crack.name] = row.id
    if readings:
        names = [field.name for field in fields(CrackReading) if field.name not in ("crack", "capture")]
        rows = [
            {"crack_id": ids[reading.crack], "capture_id": reading.capture}
            | {name: getattr(reading, name) for name in names}
            for reading in readings
        ]
        session.execute(insert(session, CrackReadingRow), rows)
    new = insert(session, FollowingRow).values(**series, basis=basis, followed_at=now)
    again = {"basis": basis, "followed_at": now}
    session.execute(new.on_conflict_do_update(index_elements=["location_id", "fingerprint"], set_=again))
    forget_fits(session, location_id, fingerprint=fingerprint)
