"""What people do about alerts, and the reminders that come while they do nothing."""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import AlertAction, AlertState, MessageKind
from monitor.storage.queries.alarms import alarm, is_unseen
from monitor.storage.repository.alerts import add_notifications, record_transition
from monitor.storage.repository.statements import existing, forget_fits, insert
from monitor.storage.tables import AlertActionRow, NotificationRow, TransitionRow
from monitor.storage.views import NEW_CRACK, TEST, TRIGGER, ActionView, AlarmView

_ONCE = text("kind IN ('acknowledged', 'closed')")


def acknowledge_alert(session: Session, alert_id: int, *, by: str, now: datetime, note: str = "") -> None:
    """Somebody has seen it: reminders stop. Raises `MisuseError`, saying who was first, when another one has."""
    _act(session, alert_id, AlertAction.ACKNOWLEDGED, by=by, now=now, note=note)


def assign_alert(session: Session, alert_id: int, *, to: str, by: str, now: datetime, note: str = "") -> None:
    """It is for somebody to see to; that may change as often as one likes until it is closed."""
    if not to.strip():
        raise MisuseError("Say whom the alert is assigned to.")
    _act(session, alert_id, AlertAction.ASSIGNED, by=by, now=now, note=note, assignee=to.strip())


def comment_alert(session: Session, alert_id: int, *, note: str, by: str, now: datetime) -> None:
    """Something worth knowing about it, also after it was closed."""
    if not note.strip():
        raise MisuseError("The comment is empty; write what the others should know.")
    _act(session, alert_id, AlertAction.COMMENTED, by=by, now=now, note=note)


def close_alert(session: Session, alert_id: int, *, action: str, by: str, now: datetime) -> None:
    """It has been dealt with, by `action`: it leaves the inbox, though what it is about may go on.

    A crack that was new is known from now on, and a jump between two captures counts as assessed (the location is
    judged anew for that). Raises `MisuseError`, saying who was first, when another one has closed it.
    """
    if not action.strip():
        raise MisuseError("Say what was done about the alert before it is closed, if only 'looked at it: no danger'.")
    found = _act(session, alert_id, AlertAction.CLOSED, by=by, now=now, note=action)
    place, subject = found.transition.location_id, found.transition.subject
    if subject.startswith(NEW_CRACK) and found.over_at is None:
        why = f"{by.strip()} closed it: {action.strip()}"
        record_transition(
            session,
            location_id=place,
            subject=subject,
            old=found.transition.new,
            new=AlertState.OK,
            why=why,
            evidence={},
            now=now,
        )
    if place is not None and subject.split(" ")[0] == TRIGGER:
        forget_fits(session, place)


def add_test_alert(session: Session, *, by: str, now: datetime) -> int:
    """The id of an alert that says it is a test: the worker sends it to every channel, and nobody has to see to it."""
    why = f"This is a test, sent by {_named(by)}. Nothing is wrong."
    transition = TransitionRow(
        location_id=None, subject=TEST, old=AlertState.OK, new=AlertState.FIRING, why=why, evidence={}, at=now
    )
    session.add(transition)
    session.flush()
    session.add(
        AlertActionRow(
            transition_id=transition.id, kind=AlertAction.CLOSED, by=_named(by), at=now, note="A test.", assignee=None
        )
    )
    session.flush()
    return transition.id


def _act(
    session: Session,
    alert_id: int,
    kind: AlertAction,
    *,
    by: str,
    now: datetime,
    note: str,
    assignee: str | None = None,
) -> AlarmView:
    transition = existing(session, TransitionRow, alert_id, held=True)
    if not transition.new.raised:
        raise MisuseError(f"Number {alert_id} is an all clear, no alert; there is nothing to do about it.")
    found = alarm(session, alert_id)
    if found.closed is not None and kind is not AlertAction.COMMENTED:
        raise MisuseError(f"{_told(found, found.closed)} closed this alert already.")
    new = insert(session, AlertActionRow).values(
        transition_id=alert_id, kind=kind, by=_named(by), at=now, note=note.strip(), assignee=assignee
    )
    if kind in (AlertAction.ACKNOWLEDGED, AlertAction.CLOSED):
        new = new.on_conflict_do_nothing(index_elements=["transition_id", "kind"], index_where=_ONCE)
    if session.scalar(new.returning(AlertActionRow.id)) is None:
        first = next(action for action in alarm(session, alert_id).actions if action.kind is kind)
        raise MisuseError(f"{_told(found, first)} {kind} this alert already; nothing more is needed from you.")
    return found


def _told(found: AlarmView, action: ActionView) -> str:
    at = action.at.astimezone(ZoneInfo(found.transition.time_zone))
    return f"On {at:%Y-%m-%d at %H:%M} ({found.transition.time_zone}), {action.by}"


def _named(by: str) -> str:
    if not by.strip():
        raise MisuseError("Say who you are; it is kept with the alert.")
    return by.strip()


def queue_reminders(session: Session, now: datetime, after: timedelta) -> None:
    """Another message to each channel whose last one on an alert that nobody has acknowledged is so old.

    Reminders that wait for alerts which somebody has meanwhile seen to, or which are over, are dropped.
    """
    _drop_needless(session, now)
    asked = (
        select(
            NotificationRow.transition_id,
            NotificationRow.channel,
            func.count().filter(NotificationRow.kind == MessageKind.REMINDER),
        )
        .join(TransitionRow, TransitionRow.id == NotificationRow.transition_id)
        .where(is_unseen())
        .group_by(NotificationRow.transition_id, NotificationRow.channel)
        .having(func.count() == func.count(NotificationRow.sent_at))
        .having(func.max(NotificationRow.sent_at) <= now - after)
    )
    rows = [
        {"transition_id": transition, "channel": channel, "kind": MessageKind.REMINDER, "number": sent + 1}
        for transition, channel, sent in session.execute(asked).all()
    ]
    add_notifications(session, [{**row, "next_attempt_at": now} for row in rows])


def queue_escalations(session: Session, now: datetime, after: timedelta, channels: Collection[str]) -> None:
    """A message to these channels about every alert that nobody has acknowledged for so long; once."""
    waiting = session.scalars(select(TransitionRow.id).where(is_unseen(), TransitionRow.at <= now - after)).all()
    rows = [
        {"transition_id": one, "channel": channel, "kind": MessageKind.ESCALATION, "next_attempt_at": now}
        for one in waiting
        for channel in channels
    ]
    add_notifications(session, rows)


def _drop_needless(session: Session, now: datetime) -> None:
    needed = select(TransitionRow.id).where(is_unseen())
    free = or_(NotificationRow.claimed_until.is_(None), NotificationRow.claimed_until <= now)
    session.execute(
        delete(NotificationRow)
        .where(NotificationRow.kind != MessageKind.CHANGE, NotificationRow.sent_at.is_(None), free)
        .where(NotificationRow.transition_id.not_in(needed)),
        execution_options={"synchronize_session": False},
    )


def postpone_notification(session: Session, notification_id: int, until: datetime) -> None:
    """Not before then: people sleep."""
    session.execute(
        update(NotificationRow)
        .where(NotificationRow.id == notification_id, NotificationRow.sent_at.is_(None))
        .values(next_attempt_at=until),
        execution_options={"synchronize_session": False},
    )
