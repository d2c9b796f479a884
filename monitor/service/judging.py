"""From readings to states: refit a location's growth, evaluate its rules, record every change of state.

All of it happens in the caller's transaction, so that fits and states are never half new.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from monitor.growth.fits import FITS
from monitor.growth.rules import Decision, Rule, evaluate, overdue
from monitor.growth.verdicts import Verdict, judge
from monitor.records import AlertState, GrowthFit
from monitor.storage import queries, repository
from monitor.storage.views import MILLIMETRE_METRICS, OVERDUE, UNITS, LocationStatus, LocationView, RuleView, Series


def measured_metrics(location: LocationView) -> list[str]:
    """The metrics a location can have: millimetres only with a scale."""
    return [metric for metric in UNITS if location.scale or metric not in MILLIMETRE_METRICS]


def judged_metric(location: LocationView) -> str:
    """The metric a location's verdict is about."""
    return "max_width_mm" if location.scale else "max_width_px"


def fit_series(series: Series, metric: str) -> list[GrowthFit]:
    """Every growth fit of one metric's history."""
    return [fit(series.observations, metric=metric, unit=UNITS[metric]) for fit in FITS.values()]


def verdict_of(session: Session, location: LocationView) -> Verdict:
    """What the location's history says about growth, from its stored fits."""
    metric = judged_metric(location)
    fits = [view.fit for view in queries.fits(session, location.id) if view.fit.metric == metric]
    return judge(queries.series(session, location.id, metric).observations, fits)


def judge_location(session: Session, location: LocationView, now: datetime, channels: Sequence[str] = ()) -> None:
    """Fit all metrics of the location's series, store the fits, and evaluate the rules in force.

    Without channels, the next worker that sends queues what changed for its own.
    """
    if location.fingerprint is None:
        return
    repository.hold_location(session, location.id)
    histories = {metric: queries.series(session, location.id, metric) for metric in measured_metrics(location)}
    fits = {metric: fit_series(series, metric) for metric, series in histories.items()}
    repository.replace_fits(
        session,
        location_id=location.id,
        fingerprint=location.fingerprint,
        fits=[fit for group in fits.values() for fit in group],
        now=now,
    )
    states = _states(session, location.id)
    for view in queries.rules(session, location.id):
        if view.metric not in histories:
            continue
        subject = f"{view.metric} {view.kind}"
        previous = states.get(subject, AlertState.OK)
        observations = histories[view.metric].observations
        decision = evaluate(_rule(view), observations, fits[view.metric], previous)
        _record(session, location.id, subject, previous, decision, now, channels, view.id)


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


def _states(session: Session, location_id: int) -> dict[str, AlertState]:
    return {alert.subject: alert.state for alert in queries.alerts(session, location_id)}


def _rule(view: RuleView) -> Rule:
    return Rule(view.metric, view.kind, view.fire, view.clear, view.unit)
