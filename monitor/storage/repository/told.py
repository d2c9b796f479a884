"""What people tell of patches, cracks and widths. Rows are added and never rewritten; what rests on them is derived."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import Severity
from monitor.storage.repository.statements import existing, forget_fits, insert, locked_location
from monitor.storage.tables import (
    AdaptationRow,
    CaptureRow,
    CorrectedSeverityRow,
    CorrectionRow,
    GaugeRow,
    PatchJudgementRow,
    ReadingRow,
    SiteRow,
)
from monitor.storage.told import CorrectionKind, drawn

#: A person's line gets points this far apart, as the stations of a crack are.
_STEP_PX = 4.0


def judge_patch(
    session: Session,
    capture_id: int,
    place: tuple[int, int],
    side_px: int,
    *,
    cracked: bool,
    now: datetime,
    by: str | None,
) -> int:
    """A person says whether a patch, from `place` (row, col) of the reference's frame on, shows a crack; the row's id.

    Raises `MisuseError` for a rejected capture and a place that cannot be.
    """
    capture = existing(session, CaptureRow, capture_id)
    if capture.rejected_reason is not None:
        raise MisuseError(f"Capture {capture_id} ({capture.file_name}) was rejected; it has no patches.")
    if min(place) < 0 or side_px < 1:
        raise MisuseError(f"There is no patch of {side_px} px at row {place[0]}, column {place[1]}.")
    row = PatchJudgementRow(
        capture_id=capture_id,
        row_px=place[0],
        col_px=place[1],
        side_px=side_px,
        cracked=cracked,
        judged_at=now,
        judged_by=by,
    )
    session.add(row)
    session.flush()
    return row.id


def add_adaptation(
    session: Session, site_id: int, *, patches: int, told: str, head_sha256: str | None, now: datetime, by: str | None
) -> int:
    """A trial to adapt a site's head and what came of it; a head that was kept takes the place of the one before."""
    existing(session, SiteRow, site_id, held=True)
    if head_sha256 is not None:
        undo_adaptation(session, site_id, now=now, by=by)
    row = AdaptationRow(site_id=site_id, patches=patches, told=told, head_sha256=head_sha256, made_at=now, made_by=by)
    session.add(row)
    session.flush()
    return row.id


def undo_adaptation(session: Session, site_id: int, *, now: datetime, by: str | None) -> bool:
    """The site's adapted head counts no longer; its row stays. False where there was none."""
    counting = AdaptationRow.head_sha256.is_not(None) & AdaptationRow.undone_at.is_(None)
    row = session.scalar(select(AdaptationRow).where(AdaptationRow.site_id == site_id, counting).with_for_update())
    if row is None:
        return False
    row.undone_at, row.undone_by = now, by
    session.flush()
    return True


def correct_crack(
    session: Session,
    location_id: int,
    *,
    kind: CorrectionKind,
    course: NDArray[np.float64],
    why: str,
    now: datetime,
    by: str | None,
    crack: str | None = None,
    capture_id: int | None = None,
) -> int:
    """A person accepts or rejects a crack of that course (n, 2), or marks one that was missed; returns the row's id.

    `crack` is what it is called; one that is marked gets a name. What was found is not touched: the cracks are to be
    followed anew (`queries.unfollowed` asks for it). Raises `MisuseError` without a reason, for a line of fewer than
    two points, and for a location without a reference.
    """
    if not why.strip():
        raise MisuseError("Say why; the reason is kept with the correction.")
    if course.ndim != 2 or course.shape[1] != 2 or len(course) < 2 or not np.isfinite(course).all():
        raise MisuseError("A crack is marked by a line of at least two points, each a row and a column.")
    location = locked_location(session, location_id)
    if location.reference_capture_id is None:
        raise MisuseError(f"'{location.name}' has no reference yet, in whose frame a crack could be told.")
    if kind is CorrectionKind.MARKED:
        course = drawn(course, _STEP_PX)
        earlier = select(CorrectionRow.id).filter_by(location_id=location_id, kind=CorrectionKind.MARKED)
        crack = f"M{len(session.scalars(earlier).all()) + 1}"
    if not crack:
        raise MisuseError("Say which crack is meant.")
    row = CorrectionRow(
        location_id=location_id,
        reference_capture_id=location.reference_capture_id,
        capture_id=capture_id,
        kind=kind,
        crack=crack,
        course=course.tolist(),
        why=why,
        recorded_at=now,
        recorded_by=by,
    )
    session.add(row)
    session.flush()
    forget_fits(session, location_id)
    return row.id


def use_corrections(session: Session, location_id: int, *, use: bool) -> None:
    """Whether a location's measurements go by what people corrected; its cracks are then to be followed anew."""
    locked_location(session, location_id).uses_corrections = use
    session.flush()
    forget_fits(session, location_id)


def replace_corrected(session: Session, location_id: int, fingerprint: str, severities: Mapping[int, Severity]) -> None:
    """Put these sizes, by capture id, in the place of all earlier ones of this location under that recipe."""
    readings = (
        select(ReadingRow.id, ReadingRow.capture_id)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .where(CaptureRow.location_id == location_id, ReadingRow.fingerprint == fingerprint)
    )
    every = select(readings.subquery().c.id)
    session.execute(
        delete(CorrectedSeverityRow).where(CorrectedSeverityRow.reading_id.in_(every)),
        execution_options={"synchronize_session": False},
    )
    standing = {capture_id: key for key, capture_id in session.execute(readings.where(ReadingRow.stands()))}
    rows = [
        {"reading_id": standing[capture_id]} | {name: asdict(size)[name] for name in _SIZES}
        for capture_id, size in severities.items()
        if capture_id in standing
    ]
    if rows:
        session.execute(insert(session, CorrectedSeverityRow), rows)


_SIZES = ("crack_count", "area_px", "max_width_px", "length_px")


def add_gauge(
    session: Session,
    location_id: int,
    *,
    crack: str,
    course: NDArray[np.float64],
    width_mm: float,
    standard_error_mm: float,
    at: datetime,
    now: datetime,
    by: str | None,
) -> int:
    """A width that a person read off a crack where it gapes widest; returns the row's id. The last one by `at` counts.

    Raises `MisuseError` for a width or an error that cannot be, a time to come, and a location without a scale.
    """
    if not 0 <= width_mm < float("inf") or not 0 < standard_error_mm < float("inf"):
        raise MisuseError(
            f"A gauge reading of {width_mm} mm with an error of {standard_error_mm} mm cannot be: the width must not be"
            " negative, the error greater than zero."
        )
    if at > now:
        raise MisuseError(f"{at.isoformat()} is still to come. Record a gauge reading once it has been taken.")
    location = locked_location(session, location_id)
    if location.mm_per_px is None:
        raise MisuseError(
            f"'{location.name}' has no scale, so its openings are not in mm: 'crackmonitor location scale'."
        )
    row = GaugeRow(
        location_id=location_id,
        crack=crack,
        course=course.tolist(),
        width_mm=width_mm,
        standard_error_mm=standard_error_mm,
        at=at,
        recorded_at=now,
        recorded_by=by,
    )
    session.add(row)
    session.flush()
    forget_fits(session, location_id)
    return row.id


def withdraw_gauge(session: Session, gauge_id: int, why: str, now: datetime) -> int:
    """The gauge reading counts no longer; it stays with the reason. Returns its location's id.

    Raises `MisuseError` without a reason, or when it was withdrawn before.
    """
    if not why.strip():
        raise MisuseError("Say why the gauge reading is withdrawn; the reason is kept with it.")
    location_id = existing(session, GaugeRow, gauge_id).location_id
    locked_location(session, location_id)
    row = existing(session, GaugeRow, gauge_id, held=True)
    if row.withdrawn_at is not None:
        raise MisuseError(f"Gauge reading {gauge_id} was withdrawn already: {row.withdrawn_why}")
    row.withdrawn_at, row.withdrawn_why = now, why
    session.flush()
    forget_fits(session, location_id)
    return location_id
