"""Rules, changes of alert state and their notifications."""

from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from monitor.storage.rows import notification_view, rule_view, transition_view
from monitor.storage.tables import LocationRow, NotificationRow, RuleRow, SiteRow, TransitionRow
from monitor.storage.views import TEST, AlertView, NotificationView, RuleView, TransitionView


def rules(session: Session, location_id: int, *, all_versions: bool = False) -> list[RuleView]:
    """The rules in force, by metric and kind; with `all_versions` the closed ones too, oldest first."""
    found = select(RuleRow).where(RuleRow.location_id == location_id)
    if not all_versions:
        found = found.where(RuleRow.valid_to.is_(None))
    return [rule_view(row) for row in session.scalars(found.order_by(RuleRow.metric, RuleRow.kind, RuleRow.id))]


def alerts(session: Session, location_id: int | None = None) -> list[AlertView]:
    """The present state of every subject that ever changed: its newest transition, by location and subject."""
    newest = select(func.max(TransitionRow.id)).group_by(TransitionRow.location_id, TransitionRow.subject)
    found = found_transitions(location_id).where(TransitionRow.id.in_(newest), TransitionRow.subject != TEST)
    views = [told_transition(row) for row in session.execute(found.order_by(LocationRow.name, TransitionRow.subject))]
    return [AlertView(one.location_id, one.location, one.subject, one.new, one.at, one.why) for one in views]


def transitions(session: Session, location_id: int | None = None, *, limit: int = 100) -> list[TransitionView]:
    """Changes of alert state, newest first."""
    found = found_transitions(location_id).order_by(TransitionRow.id.desc()).limit(limit)
    return [told_transition(row) for row in session.execute(found)]


def found_transitions(location_id: int | None) -> "Select[TransitionRow, str | None, SiteRow | None]":
    """Transitions, of one location or of all and the service itself, each with what `told_transition` needs."""
    found = (
        select(TransitionRow, LocationRow.name, SiteRow)
        .outerjoin(LocationRow, LocationRow.id == TransitionRow.location_id)
        .outerjoin(SiteRow, SiteRow.id == LocationRow.site_id)
    )
    return found if location_id is None else found.where(TransitionRow.location_id == location_id)


def told_transition(row: "Row[TransitionRow, str | None, SiteRow | None]") -> TransitionView:
    """One row of `found_transitions`."""
    transition, location, site = row
    return transition_view(transition, location, site)


def due_notifications(session: Session, now: datetime) -> list[NotificationView]:
    """Unsent notifications that may be claimed now, oldest first.

    None overtakes an older one of its channel and subject that is still to be tried, so that an alert never
    arrives after its all clear, nor a reminder before what it reminds of.
    """
    free = or_(NotificationRow.claimed_until.is_(None), NotificationRow.claimed_until <= now)
    waiting, older = aliased(NotificationRow), aliased(TransitionRow)
    same_place = older.location_id.is_not_distinct_from(TransitionRow.location_id)
    of_subject = and_(same_place, older.subject == TransitionRow.subject)
    before = or_(older.id < TransitionRow.id, and_(older.id == TransitionRow.id, waiting.id < NotificationRow.id))
    ahead = (
        select(waiting.id)
        .join(older, older.id == waiting.transition_id)
        .where(of_subject, before, waiting.channel == NotificationRow.channel)
        .where(waiting.sent_at.is_(None), waiting.next_attempt_at.is_not(None))
    )
    return _notifications(session, and_(NotificationRow.next_attempt_at <= now, free, ~ahead.exists()))


def undelivered(session: Session) -> list[NotificationView]:
    """All unsent notifications, oldest first: still to be tried, or given up with `last_error`."""
    return _notifications(session, true())


def _notifications(session: Session, which: ColumnElement[bool]) -> list[NotificationView]:
    found = (
        select(NotificationRow, TransitionRow, LocationRow.name, SiteRow)
        .join(TransitionRow, TransitionRow.id == NotificationRow.transition_id)
        .outerjoin(LocationRow, LocationRow.id == TransitionRow.location_id)
        .outerjoin(SiteRow, SiteRow.id == LocationRow.site_id)
        .where(NotificationRow.sent_at.is_(None), which)
        .order_by(TransitionRow.id, NotificationRow.id)
    )
    return [
        notification_view(row, transition_view(transition, location, site))
        for row, transition, location, site in session.execute(found)
    ]
