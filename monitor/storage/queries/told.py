"""What people told of patches, cracks and widths, and the offset that a gauge reading gives."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.storage.tables import (
    AdaptationRow,
    CaptureRow,
    CorrectionRow,
    GaugeRow,
    LocationRow,
    PatchJudgementRow,
    SiteRow,
)
from monitor.storage.told import (
    AdaptationView,
    CorrectionKind,
    CorrectionView,
    GaugeView,
    PatchJudgementView,
    same_course,
)


def patch_judgements(session: Session, site_id: int) -> list[PatchJudgementView]:
    """The last word on every patch that people judged at a site, oldest first."""
    found = (
        select(PatchJudgementRow, CaptureRow.location_id)
        .join(CaptureRow, CaptureRow.id == PatchJudgementRow.capture_id)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .where(LocationRow.site_id == site_id)
        .order_by(PatchJudgementRow.id)
    )
    last = {
        (row.capture_id, row.row_px, row.col_px, row.side_px): PatchJudgementView(
            id=row.id,
            location_id=location_id,
            capture_id=row.capture_id,
            row_px=row.row_px,
            col_px=row.col_px,
            side_px=row.side_px,
            cracked=row.cracked,
            judged_at=row.judged_at,
            judged_by=row.judged_by,
        )
        for row, location_id in session.execute(found)
    }
    return sorted(last.values(), key=lambda view: view.id)


def site_id(session: Session, name: str) -> int:
    """The id of the site of that name. Raises `MisuseError` when there is none."""
    found = session.scalar(select(SiteRow.id).where(SiteRow.name == name))
    if found is None:
        known = ", ".join(sorted(session.scalars(select(SiteRow.name)))) or "none"
        raise MisuseError(f"There is no site named '{name}'. Known: {known}.")
    return found


def adaptations(session: Session, site_id: int) -> list[AdaptationView]:
    """All trials to adapt the head to a site, oldest first."""
    found = select(AdaptationRow).where(AdaptationRow.site_id == site_id).order_by(AdaptationRow.id)
    return [
        AdaptationView(
            id=row.id,
            site_id=row.site_id,
            patches=row.patches,
            told=row.told,
            head_sha256=row.head_sha256,
            made_at=row.made_at,
            made_by=row.made_by,
            undone_at=row.undone_at,
            undone_by=row.undone_by,
        )
        for row in session.scalars(found)
    ]


def corrections(session: Session, location_id: int) -> list[CorrectionView]:
    """Everything that people said of a location's cracks, oldest first; of one course the last word counts."""
    found = select(CorrectionRow).where(CorrectionRow.location_id == location_id).order_by(CorrectionRow.id)
    return [_correction(row) for row in session.scalars(found)]


def corrections_in_force(session: Session, location_id: int) -> list[CorrectionView]:
    """The last word on each crack that people corrected, in the present reference's frame; none where the location does
    not go by them.
    """
    place = session.get(LocationRow, location_id, populate_existing=True)
    if place is None or not place.uses_corrections:
        return []
    standing: list[CorrectionView] = []
    for view in corrections(session, location_id):
        if view.reference_capture_id != place.reference_capture_id:
            continue
        same = [other for other in standing if same_course(other.course, view.course)]
        kept = [other for other in standing if other not in same]
        marked = [other for other in same if other.kind is CorrectionKind.MARKED]
        # A mark that is accepted stays a mark: there is still nothing else that shows it.
        standing = [*kept, *(marked if view.kind is CorrectionKind.ACCEPTED and marked else [view])]
    return standing


def _correction(row: CorrectionRow) -> CorrectionView:
    return CorrectionView(
        id=row.id,
        location_id=row.location_id,
        reference_capture_id=row.reference_capture_id,
        capture_id=row.capture_id,
        kind=row.kind,
        crack=row.crack,
        course=np.array(row.course, np.float64),
        why=row.why,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
    )


def correction(session: Session, correction_id: int) -> CorrectionView:
    """One correction. Raises `MisuseError` when there is none with that id."""
    row = session.get(CorrectionRow, correction_id)
    if row is None:
        raise MisuseError(f"There is no correction with the id {correction_id}.")
    return _correction(row)


def gauges(session: Session, location_id: int, *, withdrawn: bool = False) -> list[GaugeView]:
    """A location's gauge readings by time; those that were `withdrawn` only on request."""
    found = select(GaugeRow).where(GaugeRow.location_id == location_id).order_by(GaugeRow.at, GaugeRow.id)
    if not withdrawn:
        found = found.where(GaugeRow.withdrawn_at.is_(None))
    return [
        GaugeView(
            id=row.id,
            location_id=row.location_id,
            crack=row.crack,
            course=np.array(row.course, np.float64),
            width_mm=row.width_mm,
            standard_error_mm=row.standard_error_mm,
            at=row.at,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
            withdrawn_at=row.withdrawn_at,
            withdrawn_why=row.withdrawn_why,
        )
        for row in session.scalars(found)
    ]
