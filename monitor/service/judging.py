"""From readings to states: refit a location's growth, evaluate its rules, record every change of state.

All of it happens in the caller's transaction, so that fits and states are never half new.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from monitor.growth.events import since_last_event
from monitor.growth.fits import fits_for, with_scale_error
from monitor.growth.remarks import remarks
from monitor.growth.rules import Decision, Rule, evaluate, overdue
from monitor.growth.temperatures import with_temperatures
from monitor.growth.verdicts import Rate, judge
from monitor.records import METRIC_NAMES, AlertState, GrowthFit, RuleKind, Scale
from monitor.storage import queries, repository
from monitor.storage.views import (
    ALL_CRACKS,
    CRACK_UNITS,
    MILLIMETRE_METRICS,
    OVERDUE,
    UNITS,
    Exclusion,
    LocationStatus,
    LocationView,
    RateView,
    RuleView,
    Series,
    VerdictView,
)


def measured_metrics(location: LocationView) -> list[str]:
    """The metrics a location can have: millimetres only with a scale."""
    return [metric for metric in UNITS if location.scale or metric not in MILLIMETRE_METRICS]


def judged_metric(location: LocationView) -> str:
    """The metric a location's verdict is about where no crack has been followed yet."""
    return "max_width_mm" if location.scale else "max_width_px"


def histories(session: Session, location: LocationView) -> list[Series]:
    """Every history of a location, as it is judged: of all cracks together by their masks, of each by its opening."""
    found = [queries.series(session, location.id, metric) for metric in measured_metrics(location)]
    metrics = [metric for metric in CRACK_UNITS if location.scale or metric not in MILLIMETRE_METRICS]
    for view in queries.cracks(session, location.id):
        found += [queries.crack_series(session, location.id, view.crack.name, metric) for metric in metrics]
    return _as_judged(session, location.id, found)


def history(session: Session, location: LocationView) -> Series:
    """The history by the masks that a location's verdict is about where no crack has been followed yet."""
    (found,) = _as_judged(session, location.id, [queries.series(session, location.id, judged_metric(location))])
    return found


def _as_judged(session: Session, location_id: int, known: Sequence[Series]) -> list[Series]:
    """The series from the location's last event on, with the temperatures known there; what lies before is excluded.

    Whatever fits, judges or raises alarms takes its readings from here, so nothing is ever said across an event.
    """
    events, temperatures = queries.events(session, location_id), queries.temperatures(session, location_id)
    names = {view.id: view.file_name for view in queries.captures(session, location_id)} if events else {}
    found = []
    for series in known:
        kept = since_last_event(series.observations, [view.event for view in events])
        captures = {seen.capture_id for seen in kept}
        before = [
            Exclusion(seen.capture_id, names[seen.capture_id], f"before {events[-1].name}")
            for seen in series.observations
            if seen.capture_id is not None and seen.capture_id not in captures
        ]
        found.append(
            replace(
                series,
                observations=tuple(with_temperatures(kept, temperatures)),
                excluded=(*before, *series.excluded),
                since=events[-1] if events else None,
            )
        )
    return found


def fit_series(series: Series, scale: Scale | None) -> list[GrowthFit]:
    """Every growth fit of one history; those in mm with the error of the location's scale in their intervals."""
    made = [
        fit(series.observations, metric=series.metric, unit=series.unit, crack=series.crack)
        for fit in fits_for(series.observations).values()
    ]
    if scale is None or series.metric not in MILLIMETRE_METRICS:
        return made
    power = 2 if series.unit == UNITS["area_mm2"] else 1
    return [with_scale_error(fit, power * scale.standard_error / scale.mm_per_px) for fit in made]


def verdict_of(session: Session, location: LocationView, now: datetime) -> VerdictView:
    """What the location's history says about growth: as it was last judged, or else as it looks now."""
    stored = queries.headline(session, location.id)
    return stored or _judged(history(session, location), [], now)


def _judged_series(location: LocationView, known: Sequence[Series]) -> list[Series]:
    """What verdicts are about: where each crack gapes widest, or the masks' maximum width where none is followed."""
    widest = "widest_mm" if location.scale else "widest_px"
    of_cracks = [series for series in known if series.metric == widest and series.observations]
    return of_cracks or [series for series in known if series.metric == judged_metric(location)]


def _watched(metric: str, known: Sequence[Series]) -> list[Series]:
    """What a rule on that metric looks at. While no crack's opening can be read, its mask's width stands in for it:
    an alarm must not be missed because of that.
    """
    own = [series for series in known if series.metric == metric]
    stand_in = metric.replace("widest", "max_width")
    if any(series.observations for series in own) or stand_in == metric:
        return own
    return [series for series in known if series.metric == stand_in]


def _judged(series: Series, fits: Sequence[GrowthFit], now: datetime) -> VerdictView:
    found = judge(series.observations, fits)
    return VerdictView(
        crack=series.crack,
        metric=series.metric,
        outcome=found.verdict.value,
        evidence=found.evidence,
        months_needed=found.months_needed,
        rate=None if found.provisional_rate is None else _rate(found.provisional_rate, fits),
        remarks=(*_beginning(series), *remarks(series.observations, fits, series.unit)),
        judged_at=now,
    )


def _beginning(series: Series) -> list[str]:
    """What has to be said of a history that does not begin with the first reading."""
    return [] if series.since is None else [f"Only readings since {series.since.name} count."]


def _rate(rate: Rate, fits: Sequence[GrowthFit]) -> RateView:
    """The rate, and the smallest one that would show: in the fit behind it, beyond what its interval was widened by."""
    methods = ("seasonal", "temperature") if rate.season_adjusted else ("least_squares",)
    behind = next(fit for method in methods for fit in fits if fit.method == method and fit.success)
    detectable = behind.smallest_detectable_per_year
    if detectable is not None and behind.high is not None:
        detectable += rate.high - behind.high
    return RateView(
        rate_per_year=rate.slope_per_year,
        low=rate.low,
        high=rate.high,
        confidence=rate.confidence,
        unit=rate.unit,
        season_adjusted=rate.season_adjusted,
        smallest_detectable_per_year=detectable,
    )


def judge_location(session: Session, location: LocationView, now: datetime, channels: Sequence[str] = ()) -> None:
    """Fit all metrics of the location's series, store fits and verdict, and evaluate the rules in force.

    Without channels, the next worker that sends queues what changed for its own.
    """
    if location.fingerprint is None:
        return
    repository.hold_location(session, location.id)
    known = histories(session, location)
    fits = {(series.crack, series.metric): fit_series(series, location.scale) for series in known}
    repository.replace_fits(
        session,
        location_id=location.id,
        fingerprint=location.fingerprint,
        fits=[fit for group in fits.values() for fit in group],
        verdicts=[
            _judged(series, fits[series.crack, series.metric], now) for series in _judged_series(location, known)
        ],
        now=now,
    )
    states = _states(session, location.id)
    for view in queries.rules(session, location.id):
        watched = _watched(view.metric, known)
        told = False
        for series in watched:
            subject = subject_of(view.metric, view.kind, series.crack)
            previous = states.get(subject, AlertState.OK)
            rule = replace(_rule(view), metric=series.metric)
            decision = evaluate(rule, series.observations, fits[series.crack, series.metric], previous)
            told = told or not decision.evidence.keys().isdisjoint(("latest", "rate"))
            _record(session, location.id, subject, previous, _named(decision, series), now, channels, view.id)
        if told and all(series.metric == view.metric for series in watched):
            instead = Decision(AlertState.OK, _instead(watched))
            kept = {subject_of(view.metric, view.kind, series.crack) for series in watched}
            for subject in sorted(_subjects(view.metric, view.kind, states) - kept):
                _record(session, location.id, subject, states[subject], instead, now, channels, view.id)


def _instead(watched: Sequence[Series]) -> str:
    """Why an alert on what nobody looks at any more is over: the masks once each crack is known, or a former crack."""
    return f"Watched from now on instead: {', '.join(f'crack {series.crack}' for series in watched)}."


def _named(decision: Decision, series: Series) -> Decision:
    """The decision, saying of which crack it is."""
    if series.crack == ALL_CRACKS:
        return decision
    return replace(decision, why=f"Crack {series.crack}: {decision.why}")


def end_alert(session: Session, location_id: int, metric: str, kind: RuleKind, now: datetime) -> None:
    """Say of an alert whose rule has just been retired that nobody watches any more whether it is still true."""
    why = f"The {kind} rule on the {METRIC_NAMES[metric].lower()} was retired, so it is no longer watched."
    states = _states(session, location_id)
    for subject in sorted(_subjects(metric, kind, states)):
        _record(session, location_id, subject, states[subject], Decision(AlertState.OK, why), now, ())


def watch_for_overdue(session: Session, grace_days: float, now: datetime, channels: Sequence[str]) -> None:
    """Fire or clear the watch for captures that have stopped coming, at every location."""
    for status in queries.statuses(session):
        location = status.location
        usable_at = _last_usable_at(session, status)
        last_at = usable_at or location.created_at
        late = overdue(last_at, location.interval_days, grace_days, now)
        previous = AlertState.FIRING if status.overdue else AlertState.OK
        why = (
            f"The last capture of {location.name} that could be used is from {last_at:%Y-%m-%d}, and one is expected "
            f"every {location.interval_days:g} days."
            if usable_at
            else f"{location.name} has no capture that could be used; one is expected "
            f"every {location.interval_days:g} days since {last_at:%Y-%m-%d}."
        )
        decision = Decision(AlertState.FIRING if late else AlertState.OK, why, {"last_at": last_at.isoformat()})
        _record(session, location.id, OVERDUE, previous, decision, now, channels)


def _last_usable_at(session: Session, status: LocationStatus) -> datetime | None:
    """When the newest capture that counts was taken, or one that is still to be measured; photos that show
    another place, or whose time is unknown, keep nobody from asking for a better one.
    """
    location, last = status.location, status.last_capture
    series = queries.series(session, location.id, judged_metric(location))
    times = [seen.at for seen in series.observations]
    if last is not None and last.reading is None and last.time is not None and last.time.certain:
        times.append(last.time.at)
    return max(times, default=None)


def _record(
    session: Session,
    location_id: int,
    subject: str,
    previous: AlertState,
    decision: Decision,
    now: datetime,
    channels: Sequence[str],
    rule_id: int | None = None,
) -> None:
    if decision.state is not previous:
        repository.record_transition(
            session,
            location_id=location_id,
            subject=subject,
            old=previous,
            new=decision.state,
            why=decision.why,
            evidence=decision.evidence,
            now=now,
            rule_id=rule_id,
            channels=channels,
        )


def subject_of(metric: str, kind: RuleKind, crack: str = ALL_CRACKS) -> str:
    """What transitions of that rule are about: the metric and kind, and the crack where each has its own."""
    return f"{metric} {kind}" if crack == ALL_CRACKS else f"{metric} {kind} {crack}"


def _subjects(metric: str, kind: RuleKind, known: Iterable[str]) -> set[str]:
    """Those of the known subjects that a rule on that metric is about: all cracks together, or one of them."""
    whole = subject_of(metric, kind)
    return {subject for subject in known if subject == whole or subject.startswith(f"{whole} ")}


def _states(session: Session, location_id: int) -> dict[str, AlertState]:
    return {alert.subject: alert.state for alert in queries.alerts(session, location_id)}


def _rule(view: RuleView) -> Rule:
    return Rule(view.metric, view.kind, view.fire, view.clear, view.unit)
