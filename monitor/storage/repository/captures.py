"""Files on their way in: watched in the inbox, then accepted or rejected, once each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, false, select
from sqlalchemy.orm import Session

from monitor.records import CaptureTime
from monitor.storage.repository.statements import insert
from monitor.storage.tables import CaptureRow, SightingRow


@dataclass(frozen=True)
class Stored:
    """The capture that holds a file's content. Not new: the same content was here before (a duplicate)."""

    capture_id: int
    is_new: bool


def add_capture(
    session: Session,
    *,
    location_id: int,
    sha256: str,
    file_name: str,
    media_type: str | None,
    height_px: int,
    width_px: int,
    time: CaptureTime,
    now: datetime,
) -> Stored:
    """An accepted file, or the accepted capture that already has this content, whatever its location.

    Content that was rejected before becomes an accepted capture: the limits it broke may have been raised.
    """
    return _store(
        session,
        CaptureRow.rejected_reason.is_not(None),
        location_id=location_id,
        sha256=sha256,
        file_name=file_name,
        media_type=media_type,
        height_px=height_px,
        width_px=width_px,
        captured_at=time.at,
        time_source=time.source,
        received_at=now,
        rejected_reason=None,
    )


def reject_capture(
    session: Session,
    *,
    location_id: int,
    sha256: str,
    file_name: str,
    reason: str,
    now: datetime,
    media_type: str | None = None,
) -> Stored:
    """A file put into quarantine with a reason; known content stays what it was."""
    return _store(
        session,
        false(),
        location_id=location_id,
        sha256=sha256,
        file_name=file_name,
        media_type=media_type,
        received_at=now,
        rejected_reason=reason,
    )


def _store(session: Session, replaces: ColumnElement[bool], *, sha256: str, **columns: Any) -> Stored:
    """A new row; where the content is known, the known row, overwritten if it `replaces` that."""
    new = insert(session, CaptureRow).values(sha256=sha256, **columns)
    stored = new.on_conflict_do_update(index_elements=["sha256"], set_=columns, where=replaces)
    capture_id = session.scalar(stored.returning(CaptureRow.id), execution_options={"populate_existing": True})
    if capture_id is not None:
        return Stored(capture_id, is_new=True)
    known = session.execute(select(CaptureRow.id).where(CaptureRow.sha256 == sha256)).scalar_one()
    return Stored(known, is_new=False)


def record_sightings(
    session: Session, seen: Mapping[str, tuple[int, int]], *, now: datetime, apart: timedelta = timedelta(0)
) -> dict[str, int]:
    """How many scans, this one included, have seen each of these inbox files with its size in bytes and time in ns,
    each so far `apart`; by path.

    A scan that comes sooner after the last one that counted, another worker's perhaps, does not count.
    """
    columns = (SightingRow.path, SightingRow.size_bytes, SightingRow.modified_ns, SightingRow.scans)
    found = select(*columns, SightingRow.counted_at).where(SightingRow.path.in_(seen))
    known = {row.path: row for row in session.execute(found)}
    rows: list[dict[str, Any]] = []
    for path, (size_bytes, modified_ns) in sorted(seen.items()):  # so that no two scans wait for each other
        scans, counted_at, last = 1, now, known.get(path)
        if last is not None and (last.size_bytes, last.modified_ns) == (size_bytes, modified_ns):
            counts = abs(now - last.counted_at) >= apart  # a clock that was put back must not hold a file up for long
            scans, counted_at = (last.scans + 1, now) if counts else (last.scans, last.counted_at)
        version = {"size_bytes": size_bytes, "modified_ns": modified_ns}
        rows.append({"path": path, "seen_at": now, "scans": scans, "counted_at": counted_at, **version})
    if rows:
        new = insert(session, SightingRow)
        kept = {name: new.excluded[name] for name in rows[0] if name != "path"}
        session.execute(new.on_conflict_do_update(index_elements=["path"], set_=kept), rows)
    return {row["path"]: row["scans"] for row in rows}


def forget_sighting(session: Session, path: str) -> None:
    """The file was taken in, or is gone."""
    session.execute(delete(SightingRow).where(SightingRow.path == path))


def forget_sightings_before(session: Session, seen_at: datetime) -> None:
    """Files no scan has seen since that time."""
    session.execute(delete(SightingRow).where(SightingRow.seen_at < seen_at))
