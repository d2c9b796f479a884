"""From rows to views: the one place where columns turn back into the records of the domain."""

from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
from sqlalchemy import Row

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


def capture_view(
    row: "CaptureRow | Row[Any]",
    reading: "ReadingRow | Row[Any] | None",
    *,
    is_reference: bool,
    corrected: Severity | None = None,
) -> CaptureView:
    """A capture with one of its readings, or none."""
    time = None
    if row.captured_at is not None and row.time_source is not None:
        time = CaptureTime(row.captured_at, row.time_source)
    return CaptureView(
        id=row.id,
        location_id=row.location_id,
        sha256=row.sha256,
        file_name=row.file_name,
        media_type=row.media_type,
        height_px=row.height_px,
        width_px=row.width_px,
        time=time,
        received_at=row.received_at,
        rejected_reason=row.rejected_reason,
        is_reference=is_reference,
        reading=None if reading is None else reading_view(reading, corrected),
    )


def reading_view(row: "ReadingRow | Row[Any]", corrected: Severity | None = None) -> ReadingView:
    """A reading with its severity and registration put together again."""
    return ReadingView(
        fingerprint=row.fingerprint,
        status=row.status,
        reason=row.reason,
        crack_probability=row.crack_probability,
        severity=_severity(row),
        registration=_registration(row),
        grading=None if row.grade is None else Grading(row.grade, tuple(row.grade_reasons)),
        confidence=row.confidence,
        pictures=dict(row.pictures),
        measured_at=row.measured_at,
        corrected=corrected,
    )


def superseded_view(row: ReadingRow) -> SupersededView:
    """A reading that no longer counts."""
    assert row.superseded_at is not None, "a reading that stands"
    assert row.superseded_why is not None, "a CHECK constraint demands a reason"
    return SupersededView(row.capture_id, reading_view(row), row.superseded_at, row.superseded_why)


def corrected_severity(row: CorrectedSeverityRow, mm_per_px: float | None) -> Severity:
    """The sizes without rejected cracks, in mm as well by the location's present scale."""
    found = Severity(row.crack_count, row.area_px, row.max_width_px, row.length_px)
    if mm_per_px is None:
        return found
    return replace(
        found,
        area_mm2=row.area_px * mm_per_px**2,
        max_width_mm=row.max_width_px * mm_per_px,
        length_mm=row.length_px * mm_per_px,
    )


def _severity(row: "ReadingRow | Row[Any]") -> Severity | None:
    if row.crack_count is None or row.area_px is None or row.max_width_px is None or row.length_px is None:
        return None
    return Severity(
        crack_count=row.crack_count,
        area_px=row.area_px,
        max_width_px=row.max_width_px,
        length_px=row.length_px,
        area_mm2=row.area_mm2,
        max_width_mm=row.max_width_mm,
        length_mm=row.length_mm,
    )


def _registration(row: "ReadingRow | Row[Any]") -> Registration | None:
    if row.registration_accepted is None:
        return None
    matrix = row.registration_matrix
    return Registration(
        accepted=row.registration_accepted,
        reason=row.registration_reason,
        matrix=None if matrix is None else np.asarray(matrix, dtype=np.float64),
        residual_px=row.registration_residual_px,
        inliers=row.registration_inliers or 0,
        overlap=row.registration_overlap or 0.0,
        spread=row.registration_spread or 0.0,
        agreement=row.registration_agreement,
    )


def crack_reading(row: CrackReadingRow, crack: str) -> CrackReading:
    """The reading of the crack of that name, as it was handed in."""
    return CrackReading(crack=crack, capture=row.capture_id, **{name: getattr(row, name) for name in _OF_A_CRACK})


_OF_A_CRACK = [field.name for field in fields(CrackReading) if field.name not in ("crack", "capture")]


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
