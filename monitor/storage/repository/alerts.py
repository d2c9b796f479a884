"""Rules, transitions and their notifications."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, true, update
from sqlalchemy.orm import Session, aliased

from monitor.errors import MisuseError
from monitor.records import AlertState, MessageKind, RuleKind, to_json
from monitor.storage.repository.statements import existing, insert, locked_location
from monitor.storage.tables import NotificationRow, RuleRow, TransitionRow


def add_rule(
    session: Session,
    location_id: int,
    *,
    metric: str,
    kind: RuleKind,
    fire: float,
    clear: float,
    unit: str,
    now: datetime,
    readings: int = 1,
) -> int:
    """The new rule's id. It is in force from `now` on; an earlier one of the same metric and kind ends.

    It fires when so many `readings` ask for it. Raises `MisuseError` when that is none, or when `clear` lies above
    `fire`: the rule would flap.
    """
    if readings < 1:
        raise MisuseError(f"A rule needs at least one reading to fire, not {readings}.")
    if not clear <= fire:
        raise MisuseError(f"A rule that fires at {fire} {unit} cannot clear at {clear}; clear must not be higher.")
    locked_location(session, location_id)
    in_force = select(RuleRow).where(
        RuleRow.location_id == location_id,
        RuleRow.metric == metric,
        RuleRow.kind == kind,
        RuleRow.valid_to.is_(None),
    )
    for earlier in session.scalars(in_force):
        earlier.valid_to = now
    session.flush()
    rule = RuleRow(
        location_id=location_id,
        metric=metric,
        kind=kind,
        fire=fire,
        clear=clear,
        readings=readings,
        unit=unit,
        valid_from=now,
    )
    session.add(rule)
    session.flush()
    return rule.id


def retire_rule(session: Session, rule_id: int, now: datetime) -> None:
    """The rule ends without a successor; one that has ended already keeps its end."""
    rule = existing(session, RuleRow, rule_id)
    if rule.valid_to is None:
        rule.valid_to = now
    session.flush()


def record_transition(
    session: Session,
    *,
    location_id: int | None,
    subject: str,
    old: AlertState,
    new: AlertState,
    why: str,
    evidence: Mapping[str, Any],
    now: datetime,
    rule_id: int | None = None,
    channels: Sequence[str] = (),
) -> int | None:
    """The transition's id, with one notification due at once for each channel. No location: the service itself.

    Whoever sends nothing gives no channels; `queue_notifications` comes later.
    None: the state is not `old` (any more), because another worker recorded the same change first;
    nothing is written then. A subject without transitions is OK.
    """
    if old is new:
        raise MisuseError(f"'{subject}' stays {old}; only a change is recorded.")
    if location_id is not None:
        locked_location(session, location_id)
    else:
        _hold_transitions(session)
    newest = (
        select(TransitionRow.new)
        .where(TransitionRow.location_id.is_not_distinct_from(location_id), TransitionRow.subject == subject)
        .order_by(TransitionRow.id.desc())
        .limit(1)
    )
    if (session.scalar(newest) or AlertState.OK) is not old:
        return None
    transition = TransitionRow(
        location_id=location_id,
        rule_id=rule_id,
        subject=subject,
        old=old,
        new=new,
        why=why,
        evidence=to_json(dict(evidence)),
        at=now,
    )
    session.add(transition)
    session.flush()
    session.add_all(
        NotificationRow(transition_id=transition.id, channel=channel, next_attempt_at=now) for channel in channels
    )
    session.flush()
    return transition.id


def _hold_transitions(session: Session) -> None:
    """Nobody else records changes of state until this transaction ends; SQLite holds the whole database anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text("LOCK TABLE transition IN SHARE ROW EXCLUSIVE MODE"))


def queue_notifications(
    session: Session, channels: Collection[str], now: datetime, locations: Collection[int | None] | None = None
) -> None:
    """Queue for these channels, the ones there are now, whatever would otherwise reach nobody. Repeatable.

    With `locations` (None among them: the service itself) only what is about these, whose channels these are.

    That is every transition without notifications, and every transition that one of them lacks while an unsent
    notification (given up or not) names a channel that is no longer there, which is replaced. Later transitions of
    the same subject go along, so that no alert lacks its all clear. No channel gets a transition twice.
    """
    told = select(NotificationRow.id).where(NotificationRow.transition_id == TransitionRow.id)
    about = _about(locations)
    untold = session.scalars(select(TransitionRow.id).where(~told.exists(), about)).all()
    of_present = aliased(NotificationRow)
    reached = (
        select(func.count(of_present.id))
        .where(of_present.transition_id == NotificationRow.transition_id, of_present.channel.in_(channels))
        .where(of_present.kind == MessageKind.CHANGE)
        .correlate(NotificationRow)
        .scalar_subquery()
    )
    redirected = session.scalars(
        delete(NotificationRow)
        .where(NotificationRow.sent_at.is_(None), NotificationRow.channel.not_in(channels))
        .where(NotificationRow.kind == MessageKind.CHANGE)
        .where(NotificationRow.transition_id.in_(select(TransitionRow.id).where(about)))
        .where(or_(NotificationRow.claimed_until.is_(None), NotificationRow.claimed_until <= now))
        .where(reached < len(channels))
        .returning(NotificationRow.transition_id),
        execution_options={"synchronize_session": False},
    ).all()
    later = aliased(TransitionRow)
    same_place = later.location_id.is_not_distinct_from(TransitionRow.location_id)
    of_subject = and_(same_place, later.subject == TransitionRow.subject)
    following = select(later.id).join(TransitionRow, and_(of_subject, later.id > TransitionRow.id))
    followed = session.scalars(following.where(TransitionRow.id.in_(redirected))).all()
    rows = [
        {"transition_id": transition_id, "channel": channel, "next_attempt_at": now}
        for transition_id in sorted({*untold, *redirected, *followed})
        for channel in channels
    ]
    add_notifications(session, rows)


def _about(locations: Collection[int | None] | None) -> ColumnElement[bool]:
    if locations is None:
        return true()
    known = TransitionRow.location_id.in_([location for location in locations if location is not None])
    return or_(known, TransitionRow.location_id.is_(None)) if None in locations else known


def add_notifications(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Queue these messages, first ones on a change unless they say otherwise; none that there is already."""
    if rows:
        new = insert(session, NotificationRow).on_conflict_do_nothing(
            index_elements=["transition_id", "channel", "kind", "number"]
        )
        session.execute(new, [{"kind": MessageKind.CHANGE, "number": 0, **row} for row in rows])


def claim_notification(session: Session, notification_id: int, *, worker: str, now: datetime, lease: timedelta) -> bool:
    """True for exactly one worker: it alone may send, until `now + lease`. Commit before sending.

    False: sent, given up, not due yet, or another worker's. A worker that dies between sending and
    `mark_sent` lets the message go out twice: late twice is better than never.
    """
    changed = session.scalar(
        update(NotificationRow)
        .where(NotificationRow.id == notification_id, NotificationRow.sent_at.is_(None))
        .where(NotificationRow.next_attempt_at <= now)
        .where(or_(NotificationRow.claimed_until.is_(None), NotificationRow.claimed_until <= now))
        .values(claimed_by=worker, claimed_until=now + lease, attempts=NotificationRow.attempts + 1)
        .returning(NotificationRow.id),
        execution_options={"synchronize_session": False},
    )
    return changed is not None


def mark_sent(session: Session, notification_id: int, *, now: datetime) -> None:
    """The channel took it."""
    _settle(session, notification_id, sent_at=now, next_attempt_at=None, last_error=None)


def mark_failed(session: Session, notification_id: int, *, error: str, next_attempt_at: datetime | None) -> None:
    """The channel did not take it; try again at `next_attempt_at`, or never (None: a retry cannot help)."""
    _settle(session, notification_id, sent_at=None, next_attempt_at=next_attempt_at, last_error=error)


def _settle(
    session: Session,
    notification_id: int,
    *,
    sent_at: datetime | None,
    next_attempt_at: datetime | None,
    last_error: str | None,
) -> None:
    notification = existing(session, NotificationRow, notification_id)
    notification.claimed_by = notification.claimed_until = None
    notification.sent_at = sent_at
    notification.next_attempt_at = next_attempt_at
    notification.last_error = last_error
    session.flush()
