"""From what is known of a location to the states of its alerts; every change of state is recorded.

All of it happens in the caller's transaction. Old captures that arrive late page nobody: while nothing newer than what
the alarms had seen has been measured, they stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from monitor.growth.linear import accepted
from monitor.growth.rules import Decision, Rule, evaluate, is_fleeting, is_new, out_of_sight, overdue
from monitor.growth.triggers import TriggerDecision, evaluate_triggers, triggers_of
from monitor.records import (
    METRIC_NAMES,
    SIZED,
    AlertState,
    Grade,
    GrowthFit,
    Observation,
    RuleKind,
    Status,
    TriggerLevel,
    shows_cracks,
    to_json,
)
from monitor.settings import AlarmSettings
from monitor.storage import queries, repository
from monitor.storage.views import (
    ALL_CRACKS,
    CAMERA,
    NEW_CRACK,
    OVERDUE,
    TRIGGER,
    WORKER,
    CaptureView,
    CrackView,
    LocationStatus,
    LocationView,
    ReadingView,
    RuleView,
    Series,
    TriggerStandView,
)

Fits = Mapping[tuple[str, str], Sequence[GrowthFit]]

#: What the trigger plan looks at.
_PLANNED = "widest_mm"


@dataclass(frozen=True)
class Scene:
    """A location as its alarms see it: its histories and their fits, and how to fit one anew. `since` is the capture
    time of the newest reading they had seen before, None at the first time. `fleeting` are the cracks that come and go.
    """

    session: Session
    location: LocationView
    known: Sequence[Series]
    fits: Fits
    refit: Callable[[Series], Sequence[GrowthFit]]
    now: datetime
    channels: Sequence[str]
    since: datetime | None
    states: Mapping[str, AlertState]
    fleeting: frozenset[str]

    def stays_silent(self, series: Series, state: AlertState | TriggerLevel) -> bool:
        """Whether the history is of a crack that comes and goes: it raises nothing, what it has raised is watched."""
        return series.crack in self.fleeting and state in (AlertState.OK, TriggerLevel.GREEN)

    def record(self, subject: str, decision: Decision, rule_id: int | None = None) -> None:
        """Keep a change of state; the same state is none."""
        previous = self.states.get(subject, AlertState.OK)
        _record(self.session, self.location.id, subject, previous, decision, self.now, self.channels, rule_id)

    def fits_of(self, series: Series) -> Sequence[GrowthFit]:
        """The fits of one of the histories."""
        return self.fits[series.crack, series.metric]


def decide(
    session: Session,
    location: LocationView,
    known: Sequence[Series],
    fits: Fits,
    refit: Callable[[Series], Sequence[GrowthFit]],
    now: datetime,
    channels: Sequence[str],
    alarms: AlarmSettings,
) -> None:
    """Decide all alarms of a location from its histories."""
    since = queries.watched_until(session, location.id)
    states, fleeting = _states(session, location.id), fleeting_cracks(queries.cracks(session, location.id))
    scene = Scene(session, location, known, fits, refit, now, channels, since, states, fleeting)
    _rules(scene)
    _levels(scene)
    captures = [view for view in queries.captures(session, location.id) if _counts(view)]
    _camera(scene, captures, alarms.unusable_captures)
    _new_cracks(scene, captures, alarms.new_crack_captures)
    repository.set_watched(session, location.id, now, queries.newest_read(session, location))


def fleeting_cracks(known: Iterable[CrackView]) -> frozenset[str]:
    """The names of the cracks that come and go, but for those that a person spoke of."""
    return frozenset(view.crack.name for view in known if view.correction is None and is_fleeting(view.readings))


def _rules(scene: Scene) -> None:
    for view in queries.rules(scene.session, scene.location.id):
        watched = _watched(view.metric, scene.known)
        told = False
        for series in watched:
            subject = subject_of(view.metric, view.kind, series.crack)
            state = scene.states.get(subject, AlertState.OK)
            if scene.stays_silent(series, state):
                continue
            decision = evaluate(
                replace(_rule(view), metric=series.metric),
                series.observations,
                scene.fits_of(series),
                state,
                since=scene.since,
                refit=_refitted(scene, series),
            )
            told = told or not decision.evidence.keys().isdisjoint(("latest", "rate"))
            scene.record(subject, _named(decision, series), view.id)
        if told and all(series.metric == view.metric for series in watched):
            kept = {subject_of(view.metric, view.kind, series.crack) for series in watched}
            for subject in sorted(_subjects(subject_of(view.metric, view.kind), scene.states) - kept):
                scene.record(subject, Decision(AlertState.OK, _instead(watched)), view.id)


def _refitted(scene: Scene, series: Series) -> Callable[[Sequence[Observation]], Sequence[GrowthFit]]:
    return lambda seen: scene.refit(replace(series, observations=tuple(seen)))


def _levels(scene: Scene) -> None:
    """Where the location stands by its trigger plan, crack by crack."""
    watched = _watched(_PLANNED, scene.known)
    before = {stand.crack: stand for stand in queries.trigger_stands(scene.session, scene.location.id)}
    levels = {crack: stand.level for crack, stand in before.items()}
    stands = [
        _stand(scene, series, before.get(series.crack))
        for series in watched
        if not scene.stays_silent(series, levels.get(series.crack, TriggerLevel.GREEN))
    ]
    told = any(stand.evidence.get("rate") for stand in stands) and all(series.metric == _PLANNED for series in watched)
    if told:
        kept = {_trigger_subject(stand.crack) for stand in stands}
        for subject in sorted(_subjects(TRIGGER, scene.states) - kept):
            scene.record(subject, Decision(AlertState.OK, _instead(watched)))
    else:  # what was said of all cracks together, or of a crack that is told otherwise now, is not over yet
        now_known = {stand.crack for stand in stands}
        stands += [stand for stand in before.values() if stand.crack not in now_known and stand.level.rank > 0]
    repository.replace_trigger_stands(scene.session, scene.location.id, stands)


def _stand(scene: Scene, series: Series, before: TriggerStandView | None) -> TriggerStandView:
    """The level of one crack by the plan that was valid when its newest reading was captured."""
    session, place, subject = scene.session, scene.location.id, _trigger_subject(series.crack)
    newest = max((seen.at for seen in accepted(series.observations)), default=None)
    plan = queries.trigger_plan(session, place, newest or scene.now)
    same = before is not None and before.plan.id == plan.id
    previous = before.level if before is not None and (same or newest is None) else TriggerLevel.GREEN
    assessed_at = queries.assessed_at(session, place, subject)
    if before is not None and assessed_at is not None and assessed_at >= before.since and not before.evidence["rate"]:
        previous = TriggerLevel.GREEN  # a rate that cannot be told yet holds no level that a person has seen to
    if newest is None and before is not None:
        decision = TriggerDecision(previous, f"There is no reading to judge, so it stays {previous}.", before.evidence)
    else:
        decision = evaluate_triggers(
            series.observations,
            scene.fits_of(series),
            previous,
            triggers=triggers_of(plan.plan),
            assessed_at=assessed_at,
            known_until=before.newest_at if before is not None and same else None,
        )
    stays = before is not None and before.level is decision.level
    stand = TriggerStandView(
        location_id=place,
        crack=series.crack,
        level=decision.level,
        since=before.since if before is not None and stays else scene.now,
        why=_named(Decision(AlertState.OK, decision.why), series).why,
        evidence=decision.evidence,
        plan=plan,
        newest_at=newest,
        judged_at=scene.now,
    )
    level = stand.level
    state = AlertState.OK if level is TriggerLevel.GREEN else AlertState(level.value)
    told = {**stand.evidence, "level": level, "order": to_json(stand.order), "due_at": stand.due_at, "plan": plan.id}
    scene.record(subject, Decision(state, stand.why, told))
    return stand


def _camera(scene: Scene, captures: Sequence[CaptureView], needed: int) -> None:
    """Whether photos can still be compared: failures of the analysis itself say nothing about the camera."""
    asked = [view for view in captures if not _failed(view)]
    previous = scene.states.get(CAMERA, AlertState.OK)
    scene.record(CAMERA, out_of_sight([_trouble(view) for view in asked], needed, previous))


def _failed(view: CaptureView) -> bool:
    reading = view.reading
    if reading is None:
        return True
    return reading.status is Status.NOT_MEASURED and not shows_cracks(reading.status, reading.grading)


def _trouble(view: CaptureView) -> str | None:
    """Why a capture cannot be compared in full; None where it can."""
    reading = view.reading
    assert reading is not None, "only captures that were read are asked"
    if reading.status not in SIZED:
        return reading.reason
    return "; ".join(reading.grading.reasons) if _is_c(reading) and reading.grading is not None else None


def _is_c(reading: ReadingView) -> bool:
    return reading.grading is not None and reading.grading.grade is Grade.C


def _tells_of_cracks(view: CaptureView) -> bool:
    reading = view.reading
    return reading is not None and shows_cracks(reading.status, reading.grading) and not _is_c(reading)


def _new_cracks(scene: Scene, captures: Sequence[CaptureView], needed: int) -> None:
    """Cracks that came after the alarms of the location had seen something; all those of an archive are old news."""
    usable = {view.id for view in captures if _tells_of_cracks(view)}
    cracks = [view for view in queries.cracks(scene.session, scene.location.id) if not view.rejected]
    for view in cracks if scene.since is not None else ():
        subject = f"{NEW_CRACK} {view.crack.name}"
        readings = [reading for reading in view.readings if reading.capture in usable]
        if subject not in scene.states and is_new(readings, needed):
            why = (
                f"Crack {view.crack.name} was not there before: it has been found in the last {needed} usable"
                " captures. It stays in the inbox until somebody closes it."
            )
            latest = {"capture_id": readings[-1].capture}
            scene.record(subject, Decision(AlertState.FIRING, why, {"latest": latest, "sure": f"{needed} captures"}))
    names = {f"{NEW_CRACK} {view.crack.name}" for view in cracks}
    for subject in sorted(_subjects(NEW_CRACK, scene.states) - names):
        scene.record(subject, Decision(AlertState.OK, "This crack is not followed any more."))


def _counts(view: CaptureView) -> bool:
    return view.rejected_reason is None and view.time is not None and view.time.certain


def _watched(metric: str, known: Sequence[Series]) -> list[Series]:
    """What a rule on that metric looks at. While no crack's opening can be read, its mask's width stands in for it:
    an alarm must not be missed because of that.
    """
    own = [series for series in known if series.metric == metric]
    stand_in = metric.replace("widest", "max_width")
    if any(series.observations for series in own) or stand_in == metric:
        return own
    return [series for series in known if series.metric == stand_in]


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
    for subject in sorted(_subjects(subject_of(metric, kind), states)):
        _record(session, location_id, subject, states[subject], Decision(AlertState.OK, why), now, ())


def end_alerts_on(
    session: Session, location_id: int, crack: str, why: str, now: datetime, channels: Sequence[str] = ()
) -> None:
    """A crack raises no alarms any more, for a person said that it is none; whatever is raised on it is over."""
    states = _states(session, location_id)
    for subject in sorted(states):
        if subject.split(" ")[-1] == crack and states[subject].raised:
            _record(session, location_id, subject, states[subject], Decision(AlertState.OK, why), now, channels)
    stands = queries.trigger_stands(session, location_id)
    repository.replace_trigger_stands(session, location_id, [stand for stand in stands if stand.crack != crack])


def watch_for_overdue(session: Session, grace_days: float, now: datetime, channels: Sequence[str] = ()) -> None:
    """Say of every location whether captures keep coming: where they do not, what is known of it is stale."""
    told = queries.last_told_at(session)
    for status in queries.statuses(session):
        location = status.location
        usable_at = _last_usable_at(status, told.get(location.id))
        last_at = usable_at or location.created_at
        late = overdue(last_at, location.interval_days, grace_days, now)
        previous = AlertState.STALE if status.overdue else AlertState.OK
        why = (
            f"The last capture of {location.name} that could be used is from {last_at:%Y-%m-%d}, and one is expected "
            f"every {location.interval_days:g} days."
            if usable_at
            else f"{location.name} has no capture that could be used; one is expected "
            f"every {location.interval_days:g} days since {last_at:%Y-%m-%d}."
        )
        decision = Decision(AlertState.STALE if late else AlertState.OK, why, {"last_at": last_at.isoformat()})
        _record(session, location.id, OVERDUE, previous, decision, now, channels)


def watch_worker(session: Session, silence: timedelta, now: datetime) -> bool:
    """Whether the workers are silent: none has given a sign of life for so long. One that never ran is not missed."""
    last = max((beat.at for beat in queries.heartbeats(session)), default=None)
    states = {alert.subject: alert.state for alert in queries.alerts(session) if alert.location_id is None}
    previous = states.get(WORKER, AlertState.OK)
    silent = last is not None and now - last > silence
    if last is None:
        return False
    why = f"The last sign of life of a worker was on {last:%Y-%m-%d at %H:%M} UTC."
    if silent:
        why += " Nothing is taken in or measured until it runs again: crackmonitor worker."
    state = AlertState.FIRING if silent else AlertState.OK
    _record(session, None, WORKER, previous, Decision(state, why, {"last_at": last.isoformat()}), now, ())
    return silent


def _last_usable_at(status: LocationStatus, told_at: datetime | None) -> datetime | None:
    """When the newest capture that counts was taken (`told_at`), or one that is still to be measured; photos that show
    another place, or whose time is unknown, keep nobody from asking for a better one.
    """
    last, times = status.last_capture, [] if told_at is None else [told_at]
    if last is not None and last.reading is None and last.time is not None and last.time.certain:
        times.append(last.time.at)
    return max(times, default=None)


def _record(
    session: Session,
    location_id: int | None,
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


def _trigger_subject(crack: str) -> str:
    return TRIGGER if crack == ALL_CRACKS else f"{TRIGGER} {crack}"


def _subjects(whole: str, known: Iterable[str]) -> set[str]:
    """Those of the known subjects that are about the same: of all cracks together, or of one of them."""
    return {subject for subject in known if subject == whole or subject.startswith(f"{whole} ")}


def _states(session: Session, location_id: int) -> dict[str, AlertState]:
    return {alert.subject: alert.state for alert in queries.alerts(session, location_id)}


def _rule(view: RuleView) -> Rule:
    return Rule(view.metric, view.kind, view.fire, view.clear, view.unit, view.readings)
