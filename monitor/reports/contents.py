"""What a report on a location says, gathered from storage. Nothing is judged here that was not judged before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy.orm import Session

from monitor.records import Grade, GrowthFit, Observation, Recipe, RuleKind, Temperature, shows_cracks
from monitor.storage import queries
from monitor.storage.shown import shown_fit
from monitor.storage.told import CorrectionView, GaugeView
from monitor.storage.views import (
    ALL_CRACKS,
    AlarmView,
    CaptureView,
    CrackView,
    EventView,
    Exclusion,
    LocationView,
    RuleView,
    TriggerPlanView,
    TriggerStandView,
    VerdictView,
)


@dataclass(frozen=True)
class ReadingLine:
    """One reading of a crack, with its change since the one before and since the datum, all in the subject's unit.

    A reading that does not `count` (grade C, or before the last event) has no changes; `note` says why.
    """

    at: datetime
    value: float
    standard_error: float | None
    since_last: float | None
    since_datum: float | None
    grade: Grade | None
    capture_id: int | None
    note: str | None

    @property
    def counts(self) -> bool:
        """Whether it moves verdicts."""
        return self.note is None


@dataclass(frozen=True)
class Subject:
    """The history of one crack (`ALL_CRACKS`: of the masks), by capture time, and what was judged of it."""

    crack: str
    metric: str
    unit: str
    lines: tuple[ReadingLine, ...]
    excluded: tuple[Exclusion, ...]
    verdict: VerdictView | None
    fit: GrowthFit | None
    levels: tuple[float, ...]

    @property
    def datum(self) -> ReadingLine | None:
        """The first reading that counts: what changes are told against."""
        return next((line for line in self.lines if line.counts), None)

    @property
    def newest(self) -> ReadingLine | None:
        """The last reading that counts."""
        return next((line for line in reversed(self.lines) if line.counts), None)

    @property
    def reading_error(self) -> float | None:
        """The median standard error of a reading, in the subject's unit; None where none is known."""
        known = [line.standard_error for line in self.lines if line.counts and line.standard_error is not None]
        return median(known) if known else None


@dataclass(frozen=True)
class LocationReport:
    """All that a report on one location says, as of `made_at`."""

    location: LocationView
    made_at: datetime
    captures: tuple[CaptureView, ...]
    reference: CaptureView | None
    subjects: tuple[Subject, ...]
    headline: VerdictView | None
    cracks: tuple[CrackView, ...]
    stand: TriggerStandView | None
    plan: TriggerPlanView
    rules: tuple[RuleView, ...]
    alarms: tuple[AlarmView, ...]
    events: tuple[EventView, ...]
    temperatures: tuple[Temperature, ...]
    corrections: tuple[CorrectionView, ...]
    gauges: tuple[GaugeView, ...]
    recipe: Recipe | None

    @property
    def newest(self) -> CaptureView | None:
        """The newest capture that told of its cracks."""
        for capture in reversed(self.captures):
            reading = capture.reading
            if reading is not None and shows_cracks(reading.status, reading.grading):
                return capture
        return None


def gather(session: Session, name: str, now: datetime) -> LocationReport:
    """What there is to report on a location. Raises `UnknownNameError` for a name that is none."""
    place = queries.location(session, name)
    stands = queries.trigger_stands(session, place.id)
    headline = queries.headline(session, place.id)
    cracks = tuple(view for view in queries.cracks(session, place.id) if not view.rejected)
    events = tuple(queries.events(session, place.id))
    return LocationReport(
        location=place,
        made_at=now,
        captures=tuple(queries.captures(session, place.id)),
        reference=queries.reference(session, place.id),
        subjects=_subjects(session, place, cracks, events, headline),
        headline=headline,
        cracks=cracks,
        stand=stands[0] if stands else None,
        plan=queries.trigger_plan(session, place.id, now),
        rules=tuple(queries.rules(session, place.id)),
        alarms=tuple(queries.alarms(session, place.id)),
        events=events,
        temperatures=tuple(queries.temperatures(session, place.id)),
        corrections=tuple(queries.corrections(session, place.id)),
        gauges=tuple(queries.gauges(session, place.id)),
        recipe=None if place.fingerprint is None else queries.recipe(session, place.fingerprint),
    )


def _subjects(
    session: Session,
    place: LocationView,
    cracks: Sequence[CrackView],
    events: Sequence[EventView],
    headline: VerdictView | None,
) -> tuple[Subject, ...]:
    """The crack that the verdict is about first; the masks of all cracks where none is followed."""
    first = None if headline is None else headline.crack
    names = sorted((view.crack.name for view in cracks), key=lambda name: name != first) or [ALL_CRACKS]
    unit = "px" if place.scale is None else "mm"
    fits, rules = queries.fits(session, place.id), queries.rules(session, place.id)
    verdicts = {view.crack: view for view in queries.verdicts(session, place.id)}
    found = []
    for name in names:
        if name == ALL_CRACKS:
            metric = f"max_width_{unit}"
            series = queries.series(session, place.id, metric)
        else:
            metric = f"widest_{unit}"
            series = queries.crack_series(session, place.id, name, metric)
        found.append(
            Subject(
                crack=name,
                metric=metric,
                unit=unit,
                lines=reading_lines(series.observations, events),
                excluded=series.excluded,
                verdict=verdicts.get(name),
                fit=shown_fit(fits, metric, name),
                levels=tuple(rule.fire for rule in rules if (rule.metric, rule.kind) == (metric, RuleKind.LEVEL)),
            )
        )
    return tuple(found)


def reading_lines(observations: Sequence[Observation], events: Sequence[EventView] = ()) -> tuple[ReadingLine, ...]:
    """Observations by time, each with its change since the one that counted before it and since the first that counts
    after the last event.
    """
    since = events[-1] if events else None
    datum: float | None = None
    last: float | None = None
    lines = []
    for seen in sorted(observations, key=lambda one: one.at):
        note = None
        if since is not None and seen.at < since.event.at:
            note = f"before {since.name}"
        elif seen.grade is Grade.C:
            note = "grade C: does not count"
        change = None if note is not None or last is None else seen.value - last
        whole = None if note is not None or datum is None else seen.value - datum
        lines.append(
            ReadingLine(seen.at, seen.value, seen.standard_error, change, whole, seen.grade, seen.capture_id, note)
        )
        if note is None:
            datum, last = seen.value if datum is None else datum, seen.value
    return tuple(lines)
