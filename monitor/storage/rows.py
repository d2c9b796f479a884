"""From rows to views: the one place where columns turn back into the records of the domain."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from monitor.records import (
    CaptureTime,
    CrackReading,
    Event,
    Grading,
    GrowthFit,
    LevelOrder,
    Offset,
    Registration,
    Scale,
    Severity,
    TriggerLevel,
    TriggerPlan,
)
from monitor.storage.tables import (
    AlertActionRow,
    CaptureRow,
    CorrectedSeverityRow,
    CrackReadingRow,
    EventRow,
    GrowthFitRow,
    LocationRow,
    NotificationRow,
    ReadingRow,
    RecipeOffsetRow,
    RecipeSwitchRow,
    RuleRow,
    SiteRow,
    TransitionRow,
    TriggerPlanRow,
    TriggerStandRow,
    VerdictRow,
)
from monitor.storage.views import (
    ActionView,
    CaptureView,
    EventView,
    LocationView,
    NotificationView,
    RateView,
    ReadingView,
    RecipeSwitchView,
    RuleView,
    SupersededView,
    TransitionView,
    TriggerPlanView,
    TriggerStandView,
    VerdictView,
)


def location_view(row: LocationRow, site: SiteRow) -> LocationView:
    """A location with the name and zone of its site."""
    return LocationView(
        id=row.id,
        site_id=row.site_id,
        site=site.name,
        time_zone=site.time_zone,
        name=row.name,
        interval_days=row.interval_days,
        reference_capture_id=row.reference_capture_id,
        scale=_scale(row),
        fingerprint=row.fingerprint,
        resumes=row.resumes,
        created_at=row.created_at,
        uses_corrections=row.uses_corrections,
    )


def _scale(row: LocationRow) -> Scale | None:
    if row.mm_per_px is None or row.scale_origin is None:
        return None
    return Scale(row.mm_per_px, row.mm_per_px_standard_error or 0.0, row.scale_origin)


def rule_view(row: RuleRow) -> RuleView:
    """One version of a rule."""
    return RuleView(**{field.name: getattr(row, field.name) for field in fields(RuleView)})


def event_view(row: EventRow, time_zone: str) -> EventView:
    """An event with the zone of its site."""
    return EventView(
        id=row.id,
        location_id=row.location_id,
        time_zone=time_zone,
        event=Event(row.at, row.kind, row.note),
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        withdrawn_at=row.withdrawn_at,
        withdrawn_why=row.withdrawn_why,
    )


#: What `capture_view` takes, in this order: of a capture, its location, its reading, and what people left of its sizes.
OF_CAPTURES = (
    *(CaptureRow.id, CaptureRow.location_id, CaptureRow.sha256, CaptureRow.file_name, CaptureRow.media_type),
    *(CaptureRow.height_px, CaptureRow.width_px, CaptureRow.captured_at, CaptureRow.time_source),
    *(CaptureRow.received_at, CaptureRow.rejected_reason, LocationRow.reference_capture_id, LocationRow.mm_per_px),
    *(ReadingRow.fingerprint, ReadingRow.status, ReadingRow.reason, ReadingRow.crack_probability),
    *(ReadingRow.confidence, ReadingRow.measured_at, ReadingRow.grade, ReadingRow.grade_reasons, ReadingRow.pictures),
    *(ReadingRow.crack_count, ReadingRow.area_px, ReadingRow.max_width_px, ReadingRow.length_px),
    *(ReadingRow.area_mm2, ReadingRow.max_width_mm, ReadingRow.length_mm),
    *(CorrectedSeverityRow.crack_count, CorrectedSeverityRow.area_px),
    *(CorrectedSeverityRow.max_width_px, CorrectedSeverityRow.length_px),
)
#: What it takes besides where registrations are wanted.
OF_REGISTRATIONS = (
    *(ReadingRow.registration_accepted, ReadingRow.registration_reason, ReadingRow.registration_matrix),
    *(ReadingRow.registration_residual_px, ReadingRow.registration_inliers, ReadingRow.registration_overlap),
    *(ReadingRow.registration_spread, ReadingRow.registration_agreement),
)


def capture_view(row: Sequence[Any]) -> CaptureView:
    """A capture with one of its readings, or none, from plain columns: pages show thousands, and looking each column up
    by its name would take twice as long.
    """
    # fmt: off
    (
        key, location_id, sha256, file_name, media_type, height_px, width_px, captured_at, time_source, received_at,
        rejected_reason, reference_id, mm_per_px, fingerprint, status, reason, crack_probability, confidence,
        measured_at, grade, grade_reasons, pictures, crack_count, area_px, max_width_px, length_px, area_mm2,
        max_width_mm, length_mm, *others,
    ) = row
    # fmt: on
    corrected, registration = others[:4], others[4:]
    reading = None
    if fingerprint is not None:
        reading = ReadingView(
            fingerprint=fingerprint,
            status=status,
            reason=reason,
            crack_probability=crack_probability,
            severity=_severity(crack_count, area_px, max_width_px, length_px, area_mm2, max_width_mm, length_mm),
            registration=_registration(*registration) if registration else None,
            grading=None if grade is None else Grading(grade, tuple(grade_reasons)),
            pictures=pictures,
            measured_at=measured_at,
            confidence=confidence,
            corrected=None if corrected[0] is None else _corrected(mm_per_px, *corrected),
        )
    return CaptureView(
        id=key,
        location_id=location_id,
        sha256=sha256,
        file_name=file_name,
        media_type=media_type,
        height_px=height_px,
        width_px=width_px,
        time=None if captured_at is None or time_source is None else CaptureTime(captured_at, time_source),
        received_at=received_at,
        rejected_reason=rejected_reason,
        is_reference=key == reference_id,
        reading=reading,
    )


def _reading_view(row: ReadingRow) -> ReadingView:
    """A reading with its severity and registration put together again."""
    sizes = (row.crack_count, row.area_px, row.max_width_px, row.length_px)
    return ReadingView(
        fingerprint=row.fingerprint,
        status=row.status,
        reason=row.reason,
        crack_probability=row.crack_probability,
        severity=_severity(*sizes, row.area_mm2, row.max_width_mm, row.length_mm),
        registration=_registration(*(getattr(row, column.key) for column in OF_REGISTRATIONS)),
        grading=None if row.grade is None else Grading(row.grade, tuple(row.grade_reasons)),
        confidence=row.confidence,
        pictures=dict(row.pictures),
        measured_at=row.measured_at,
    )


def superseded_view(row: ReadingRow) -> SupersededView:
    """A reading that no longer counts."""
    assert row.superseded_at is not None, "a reading that stands"
    assert row.superseded_why is not None, "a CHECK constraint demands a reason"
    return SupersededView(row.capture_id, _reading_view(row), row.superseded_at, row.superseded_why)


def _corrected(
    mm_per_px: float | None, crack_count: int, area_px: float, max_width_px: float, length_px: float
) -> Severity:
    """The sizes without rejected cracks, in mm as well by the location's present scale."""
    found = Severity(crack_count, area_px, max_width_px, length_px)
    if mm_per_px is None:
        return found
    return replace(
        found,
        area_mm2=area_px * mm_per_px**2,
        max_width_mm=max_width_px * mm_per_px,
        length_mm=length_px * mm_per_px,
    )


def _severity(
    crack_count: int | None,
    area_px: float | None,
    max_width_px: float | None,
    length_px: float | None,
    *mm: float | None,
) -> Severity | None:
    """The sizes of a mask, `mm` their millimetre twins."""
    if crack_count is None or area_px is None or max_width_px is None or length_px is None:
        return None
    return Severity(crack_count, area_px, max_width_px, length_px, *mm)


def _registration(
    accepted: bool | None,
    reason: str | None,
    matrix: list[list[float]] | None,
    residual_px: float | None,
    inliers: int | None,
    overlap: float | None,
    spread: float | None,
    agreement: float | None,
) -> Registration | None:
    if accepted is None:
        return None
    return Registration(
        accepted=accepted,
        reason=reason,
        matrix=None if matrix is None else np.asarray(matrix, dtype=np.float64),
        residual_px=residual_px,
        inliers=inliers or 0,
        overlap=overlap or 0.0,
        spread=spread or 0.0,
        agreement=agreement,
    )


#: What `crack_reading` takes besides the crack's name, in this order.
OF_CRACK_READINGS = (
    CrackReadingRow.capture_id,
    *(getattr(CrackReadingRow, field.name) for field in fields(CrackReading) if field.name not in ("crack", "capture")),
)


def crack_reading(crack: str, row: Sequence[Any]) -> CrackReading:
    """The reading of the crack of that name, as it was handed in."""
    return CrackReading(crack, *row)


def growth_fit(row: GrowthFitRow) -> GrowthFit:
    """The fit as it was handed in."""
    return GrowthFit(**{field.name: getattr(row, field.name) for field in fields(GrowthFit)})


def offset(row: RecipeOffsetRow) -> Offset:
    """The offset as it was handed in."""
    return Offset(**{field.name: getattr(row, field.name) for field in fields(Offset)})


def recipe_switch_view(row: RecipeSwitchRow) -> RecipeSwitchView:
    """A switch of a location's recipe."""
    return RecipeSwitchView(row.id, row.location_id, row.old, row.new, row.switched_at, row.switched_by)


def action_view(row: AlertActionRow) -> ActionView:
    """What somebody did about an alert."""
    return ActionView(row.kind, row.by, row.at, row.note, row.assignee)


def trigger_plan_view(location_id: int, row: TriggerPlanRow | None) -> TriggerPlanView:
    """A version of a location's trigger plan; without a row the shipped defaults."""
    if row is None:
        return TriggerPlanView(location_id, TriggerPlan())
    orders = {level.value: LevelOrder(**row.plan[level.value]) for level in TriggerLevel}
    plan = TriggerPlan(**{**row.plan, **orders})
    return TriggerPlanView(location_id, plan, row.id, row.valid_from, row.recorded_at, row.agreed_by)


def trigger_stand_view(row: TriggerStandRow, plan: TriggerPlanRow | None) -> TriggerStandView:
    """A level with the version of the plan behind it."""
    own = {field.name: getattr(row, field.name) for field in fields(TriggerStandView) if field.name != "plan"}
    return TriggerStandView(plan=trigger_plan_view(row.location_id, plan), **own)


def verdict_view(row: VerdictRow) -> VerdictView:
    """The verdict as it was handed in."""
    rate = None
    if row.rate_per_year is not None:
        rate = RateView(**{field.name: getattr(row, field.name) for field in fields(RateView)})
    own = {field.name: getattr(row, field.name) for field in fields(VerdictView) if field.name != "rate"}
    return VerdictView(rate=rate, **{**own, "remarks": tuple(row.remarks)})


def verdict_columns(view: VerdictView) -> dict[str, Any]:
    """What `verdict_view` makes a verdict of."""
    columns = asdict(view)
    columns["remarks"] = list(view.remarks)
    rate = columns.pop("rate") or dict.fromkeys(field.name for field in fields(RateView))
    return {**columns, **rate}


def transition_view(row: TransitionRow, location: str | None, site: SiteRow | None) -> TransitionView:
    """A transition with the name of its location, and its site; both None for the service itself."""
    return TransitionView(
        id=row.id,
        location_id=row.location_id,
        location=location or "Crackmonitor",
        site="" if site is None else site.name,
        time_zone="UTC" if site is None else site.time_zone,
        rule_id=row.rule_id,
        subject=row.subject,
        old=row.old,
        new=row.new,
        why=row.why,
        evidence=dict(row.evidence),
        at=row.at,
    )


def notification_view(row: NotificationRow, transition: TransitionView) -> NotificationView:
    """A notification with the transition it tells of."""
    return NotificationView(
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        number=row.number,
        transition=transition,
        attempts=row.attempts,
        sent_at=row.sent_at,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
    )
