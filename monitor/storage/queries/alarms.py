"""Alerts as people see to them, trigger plans by version, and where locations stand by them."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from monitor.errors import MisuseError
from monitor.records import AlertAction, AlertState, TimeSource
from monitor.storage.queries.alerting import found_transitions, told_transition
from monitor.storage.queries.intake import captures
from monitor.storage.rows import action_view, trigger_plan_view, trigger_stand_view
from monitor.storage.tables import (
    AlertActionRow,
    CaptureRow,
    NotificationRow,
    ReadingRow,
    SiteRow,
    TransitionRow,
    TriggerPlanRow,
    TriggerStandRow,
    WatchedRow,
)
from monitor.storage.views import ActionView, AlarmView, LocationView, TransitionView, TriggerPlanView, TriggerStandView


def alarms(
    session: Session,
    location_id: int | None = None,
    *,
    site_id: int | None = None,
    open_only: bool = False,
    limit: int = 200,
) -> list[AlarmView]:
    """Alerts that were ever raised, newest first; `open_only` those that nobody has seen to yet (`AlarmView.open`).

    With `location_id` or `site_id` those of that one alone.
    """
    found = found_transitions(location_id).where(TransitionRow.new != AlertState.OK)
    if site_id is not None:
        found = found.where(SiteRow.id == site_id)
    if open_only:
        found = found.where(~_done(AlertAction.CLOSED), is_newest() | ~_done(AlertAction.ACKNOWLEDGED))
    rows = session.execute(found.order_by(TransitionRow.id.desc()).limit(limit)).all()
    return _alarms(session, [told_transition(row) for row in rows])


def alarm(session: Session, alert_id: int) -> AlarmView:
    """The alert that this transition raised. Raises `MisuseError` when there is none."""
    row = session.execute(found_transitions(None).where(TransitionRow.id == alert_id)).one_or_none()
    if row is None or not row[0].new.raised:
        raise MisuseError(f"There is no alert with the number {alert_id}. See 'crackmonitor alert list'.")
    return _alarms(session, [told_transition(row)])[0]


def is_newest() -> ColumnElement[bool]:
    """Whether a transition is the newest of its subject, so that it tells the present state."""
    later = aliased(TransitionRow)
    same = and_(
        later.location_id.is_not_distinct_from(TransitionRow.location_id), later.subject == TransitionRow.subject
    )
    return ~select(later.id).where(same, later.id > TransitionRow.id).exists()


def is_unseen() -> ColumnElement[bool]:
    """Whether a transition has raised an alert that still is, and that nobody has acknowledged or closed."""
    seen = _done(AlertAction.ACKNOWLEDGED, AlertAction.CLOSED)
    return and_(TransitionRow.new != AlertState.OK, is_newest(), ~seen)


def _done(*kinds: AlertAction) -> ColumnElement[bool]:
    action = select(AlertActionRow.id).where(AlertActionRow.transition_id == TransitionRow.id)
    return action.where(AlertActionRow.kind.in_(kinds)).exists()


def _alarms(session: Session, transitions: Collection[TransitionView]) -> list[AlarmView]:
    ids = [transition.id for transition in transitions]
    actions: dict[int, list[ActionView]] = defaultdict(list)
    taken = select(AlertActionRow).where(AlertActionRow.transition_id.in_(ids)).order_by(AlertActionRow.id)
    for row in session.scalars(taken):
        actions[row.transition_id].append(action_view(row))
    later = aliased(TransitionRow)
    same = and_(
        later.location_id.is_not_distinct_from(TransitionRow.location_id), later.subject == TransitionRow.subject
    )
    over = (
        select(TransitionRow.id, func.min(later.at))
        .join(later, and_(same, later.id > TransitionRow.id))
        .where(TransitionRow.id.in_(ids))
        .group_by(TransitionRow.id)
    )
    over_at = {row[0]: row[1] for row in session.execute(over)}
    waiting = select(NotificationRow.transition_id, func.count()).where(NotificationRow.sent_at.is_(None))
    unsent = session.execute(
        waiting.where(NotificationRow.transition_id.in_(ids)).group_by(NotificationRow.transition_id)
    )
    counts = {row[0]: row[1] for row in unsent}
    return [AlarmView(one, over_at.get(one.id), tuple(actions[one.id]), counts.get(one.id, 0)) for one in transitions]


def trigger_plans(session: Session, location_id: int) -> list[TriggerPlanView]:
    """All versions of a location's trigger plan, oldest first, beginning with the shipped defaults."""
    found = select(TriggerPlanRow).where(TriggerPlanRow.location_id == location_id)
    rows = session.scalars(found.order_by(TriggerPlanRow.valid_from)).all()
    return [trigger_plan_view(location_id, row) for row in (None, *rows)]


def trigger_plan(session: Session, location_id: int, at: datetime) -> TriggerPlanView:
    """The version valid at that time: it judges what was captured then."""
    versions = trigger_plans(session, location_id)
    return [view for view in versions if view.valid_from is None or view.valid_from <= at][-1]


def trigger_stands(session: Session, location_id: int | None = None) -> list[TriggerStandView]:
    """The level of every crack, of one location or of all, the most urgent first."""
    found = select(TriggerStandRow, TriggerPlanRow).outerjoin(
        TriggerPlanRow, TriggerPlanRow.id == TriggerStandRow.plan_id
    )
    if location_id is not None:
        found = found.where(TriggerStandRow.location_id == location_id)
    views = [trigger_stand_view(row, plan) for row, plan in session.execute(found)]
    return sorted(views, key=lambda view: (-view.level.rank, view.since, view.location_id, view.crack))


def assessed_at(session: Session, location_id: int, subject: str) -> datetime | None:
    """When a person last closed an alert on that subject; what was captured until then has been looked at."""
    found: datetime | None = session.scalar(
        select(func.max(AlertActionRow.at))
        .join(TransitionRow, TransitionRow.id == AlertActionRow.transition_id)
        .where(AlertActionRow.kind == AlertAction.CLOSED)
        .where(TransitionRow.location_id == location_id, TransitionRow.subject == subject)
    )
    return found


def watched_until(session: Session, location_id: int) -> datetime | None:
    """The capture time of the newest reading that a location's alarms have seen; None before the first."""
    row = session.get(WatchedRow, location_id)
    return None if row is None else row.newest_at


def only_late(session: Session, place: LocationView) -> bool:
    """Whether all that was measured since a location's alarms were last decided is older than what they had seen."""
    row = session.get(WatchedRow, place.id)
    if row is None or row.newest_at is None:
        return False
    newest = newest_read(session, place, measured_since=row.judged_at)
    return newest is not None and newest < row.newest_at


def newest_read(session: Session, place: LocationView, measured_since: datetime | None = None) -> datetime | None:
    """When the newest capture that a location's series has read (since then) was taken, among certain times."""
    found = (
        select(func.max(CaptureRow.captured_at))
        .join(ReadingRow, ReadingRow.capture_id == CaptureRow.id)
        .where(CaptureRow.location_id == place.id, CaptureRow.time_source != TimeSource.FILE)
        .where(ReadingRow.fingerprint == place.fingerprint, ReadingRow.stands())
    )
    if measured_since is not None:
        found = found.where(ReadingRow.measured_at > measured_since)
    newest: datetime | None = session.scalar(found)
    return newest


def picture_of(session: Session, transition: TransitionView) -> str | None:
    """The picture that shows best what a transition is about: the overlay of the capture that it names, or of the
    location's newest one that was read; as a path under the pictures folder.
    """
    if transition.location_id is None:
        return None
    latest = transition.evidence.get("latest")
    named = latest.get("capture_id") if isinstance(latest, dict) else None
    read = [view for view in captures(session, transition.location_id) if view.reading is not None]
    shown = next((view for view in read if view.id == named), read[-1] if read else None)
    if shown is None or shown.reading is None:
        return None
    pictures = shown.reading.pictures
    return next((pictures[name] for name in ("overlay", "aligned", "original") if name in pictures), None)
