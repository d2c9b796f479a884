"""Captures with their readings."""

from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from monitor.errors import MisuseError
from monitor.storage.rows import OF_CAPTURES, OF_REGISTRATIONS, capture_view, superseded_view
from monitor.storage.tables import CaptureRow, CorrectedSeverityRow, LocationRow, ReadingRow
from monitor.storage.views import CaptureView, SupersededView

_Captures: TypeAlias = "Select[*tuple[Any, ...]]"


def captures(
    session: Session, location_id: int, fingerprint: str | None = None, *, registered: bool = True
) -> list[CaptureView]:
    """Captures of a location, rejected ones too, by capture time (without one: by arrival).

    Each comes with its reading under `fingerprint`, by default the location's own; not `registered`, for who shows
    thousands, without its registration.
    """
    order = (func.coalesce(CaptureRow.captured_at, CaptureRow.received_at), CaptureRow.id)
    found = _captures(fingerprint, registered=registered)
    return _views(session, found.where(CaptureRow.location_id == location_id).order_by(*order))


def capture(session: Session, capture_id: int, fingerprint: str | None = None) -> CaptureView:
    """One capture, as `captures` gives it. Raises `MisuseError` when there is none with that id."""
    found = _views(session, _captures(fingerprint).where(CaptureRow.id == capture_id))
    if not found:
        raise MisuseError(f"There is no capture with the id {capture_id}.")
    return found[0]


def reference(session: Session, location_id: int, fingerprint: str | None = None) -> CaptureView | None:
    """The capture that a location's captures are laid onto, as `captures` gives it; None before it was chosen."""
    chosen = CaptureRow.id == LocationRow.reference_capture_id
    found = _views(session, _captures(fingerprint).where(LocationRow.id == location_id, chosen))
    return found[0] if found else None


def superseded(session: Session, location_id: int) -> list[SupersededView]:
    """Readings of a location's captures that no longer count, oldest first."""
    found = (
        select(ReadingRow)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .where(CaptureRow.location_id == location_id, ~ReadingRow.stands())
        .order_by(ReadingRow.id)
    )
    return [superseded_view(row) for row in session.scalars(found)]


def capture_with(session: Session, sha256: str) -> CaptureView | None:
    """The capture that holds this content, wherever it belongs, or None."""
    found = _views(session, _captures(None).where(CaptureRow.sha256 == sha256))
    return found[0] if found else None


def content_of(session: Session, capture_ids: Collection[int]) -> list[tuple[str, str]]:
    """The sha256 and the media type of accepted captures, by id."""
    found = select(CaptureRow.sha256, CaptureRow.media_type).where(CaptureRow.id.in_(capture_ids))
    rows = session.execute(found.order_by(CaptureRow.id))
    return [(sha256, media_type) for sha256, media_type in rows if media_type is not None]


def pending(session: Session, fingerprint: str, location_id: int | None = None) -> dict[int, int]:
    """Accepted captures (of one location alone) without a reading under a recipe, by location id; empty: all done."""
    of_this = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == fingerprint, ReadingRow.stands())
    waiting = (
        select(CaptureRow.location_id, func.count())
        .outerjoin(ReadingRow, of_this)
        .where(CaptureRow.rejected_reason.is_(None), ReadingRow.id.is_(None), *_at(location_id))
        .group_by(CaptureRow.location_id)
    )
    return _by_key(session, waiting)


def _at(location_id: int | None) -> "tuple[ColumnElement[bool], ...]":
    return () if location_id is None else (CaptureRow.location_id == location_id,)


def accepted(session: Session, location_id: int | None = None) -> dict[int, int]:
    """Accepted captures (of one location alone), counted by location id."""
    accepted_here = (CaptureRow.rejected_reason.is_(None), *_at(location_id))
    found = select(CaptureRow.location_id, func.count()).where(*accepted_here)
    return _by_key(session, found.group_by(CaptureRow.location_id))


def any_accepted(session: Session) -> bool:
    """Whether there is any accepted capture."""
    return bool(session.scalar(select(select(CaptureRow.id).where(CaptureRow.rejected_reason.is_(None)).exists())))


def without_reference(session: Session) -> list[int]:
    """Ids of locations that have accepted captures and no reference yet."""
    any_here = select(CaptureRow.id).where(CaptureRow.location_id == LocationRow.id)
    found = select(LocationRow.id).where(LocationRow.reference_capture_id.is_(None))
    return list(session.scalars(found.where(any_here.where(CaptureRow.rejected_reason.is_(None)).exists())))


def _by_key(session: Session, statement: "Select[int, int]") -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def newest(session: Session, *, read: bool, location_id: int | None = None) -> dict[int, CaptureView]:
    """The newest accepted capture of each location (or one) that has one (`read`: one with a reading), by its id."""
    found = select(CaptureRow.id).where(CaptureRow.location_id == LocationRow.id, CaptureRow.rejected_reason.is_(None))
    if read:
        found = found.where(_reading_of(LocationRow.fingerprint).exists())
    # One look-up a location in the index by time: numbering all captures would grow with them.
    newest_first = found.order_by(CaptureRow.captured_at.desc(), CaptureRow.id.desc()).limit(1)
    first = select(newest_first.correlate(LocationRow).scalar_subquery()).select_from(LocationRow)
    if location_id is not None:
        first = first.where(LocationRow.id == location_id)
    return {view.location_id: view for view in _views(session, _captures(None).where(CaptureRow.id.in_(first)))}


def _reading_of(fingerprint: "InstrumentedAttribute[str | None]") -> "Select[int]":
    """The standing reading of the capture at hand under a recipe."""
    of_this = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == fingerprint, ReadingRow.stands())
    return select(ReadingRow.id).where(of_this).correlate(CaptureRow, LocationRow)


def _captures(fingerprint: str | None, *, registered: bool = True) -> "_Captures":
    """Captures, each with its one reading under that fingerprint (None: its location's), or none, and the reference and
    scale of its location.
    """
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    reading = and_(ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == wanted, ReadingRow.stands())
    columns: tuple[Any, ...] = (*OF_CAPTURES, *(OF_REGISTRATIONS if registered else ()))
    return (
        select(*columns)
        .select_from(CaptureRow)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .outerjoin(ReadingRow, reading)
        .outerjoin(CorrectedSeverityRow, CorrectedSeverityRow.reading_id == ReadingRow.id)
    )


def _views(session: Session, statement: "_Captures") -> list[CaptureView]:
    return [capture_view(row) for row in session.execute(statement)]
