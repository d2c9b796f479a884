"""Rules that are never rewritten, states that change once, notifications that go out once."""

import threading
from datetime import timedelta

import pytest
from storage_examples import NOW, Place

from monitor.errors import MisuseError
from monitor.records import AlertState, RuleKind
from monitor.storage import queries, repository
from monitor.storage.views import OVERDUE

OK, FIRING = AlertState.OK, AlertState.FIRING
SUBJECT = "max_width_mm rate"
LEASE = timedelta(minutes=1)


def add_rule(place: Place, fire: float, *, days: float = 0, kind: RuleKind = RuleKind.RATE) -> int:
    with place.database.transaction() as session:
        return repository.add_rule(
            session,
            place.location_id,
            metric="max_width_mm",
            kind=kind,
            fire=fire,
            clear=0.3,
            unit="mm",
            now=NOW + timedelta(days=days),
        )


def change(
    place: Place, old: AlertState, new: AlertState, *, subject: str = SUBJECT, channels: tuple[str, ...] = ()
) -> int | None:
    with place.database.transaction() as session:
        return repository.record_transition(
            session,
            location_id=place.location_id,
            subject=subject,
            old=old,
            new=new,
            why=f"it went from {old} to {new}",
            evidence={"slope": 1.5, "nothing": float("nan"), "at": NOW},
            now=NOW,
            channels=channels,
        )


def test_a_new_version_closes_the_old_rule_and_changes_nothing_else(place: Place) -> None:
    level = add_rule(place, 5.0, kind=RuleKind.LEVEL)
    first, second = add_rule(place, 0.5), add_rule(place, 1.0, days=10)
    with place.database.session() as session:
        in_force = queries.rules(session, place.location_id)
        versions = queries.rules(session, place.location_id, all_versions=True)
    assert [(rule.id, rule.fire) for rule in in_force] == [(level, 5.0), (second, 1.0)]
    assert [(rule.id, rule.fire, rule.valid_to) for rule in versions] == [
        (level, 5.0, None),
        (first, 0.5, NOW + timedelta(days=10)),
        (second, 1.0, None),
    ]


def test_a_retired_rule_keeps_its_end(place: Place) -> None:
    rule_id = add_rule(place, 0.5)
    for days in (3, 9):
        with place.database.transaction() as session:
            repository.retire_rule(session, rule_id, NOW + timedelta(days=days))
    with place.database.session() as session:
        assert queries.rules(session, place.location_id) == []
        (rule,) = queries.rules(session, place.location_id, all_versions=True)
    assert rule.valid_to == NOW + timedelta(days=3)


def test_a_rule_that_would_flap_is_refused(place: Place) -> None:
    with pytest.raises(MisuseError, match="clear must not be higher"):
        add_rule(place, 0.2)


def test_the_state_is_the_newest_transition_of_its_subject(place: Place) -> None:
    assert change(place, OK, FIRING) is not None
    assert change(place, OK, FIRING, subject=OVERDUE) is not None
    assert change(place, FIRING, OK) is not None
    with place.database.session() as session:
        states = {alert.subject: alert.state for alert in queries.alerts(session)}
        (status,) = queries.statuses(session)
        newest, *_, oldest = queries.transitions(session, place.location_id)
        assert len(queries.transitions(session, limit=2)) == 2
        assert queries.transitions(session, place.location_id + 1) == []
        assert queries.alerts(session, place.location_id + 1) == []
    assert states == {SUBJECT: OK, OVERDUE: FIRING}
    assert [alert.subject for alert in status.firing] == [OVERDUE]
    assert status.overdue
    assert (newest.old, newest.new, oldest.old, oldest.new) == (FIRING, OK, OK, FIRING)
    assert newest.evidence == {"slope": 1.5, "nothing": None, "at": NOW.isoformat()}
    assert newest.location == "north-wall"


def test_a_change_that_was_recorded_already_is_not_recorded_again(place: Place) -> None:
    assert change(place, FIRING, OK) is None
    assert change(place, OK, FIRING, channels=("log",)) is not None
    assert change(place, OK, FIRING, channels=("log",)) is None
    with place.database.session() as session:
        assert len(queries.undelivered(session)) == 1
    with pytest.raises(MisuseError, match="stays ok"):
        change(place, OK, OK)


def test_judges_at_once_record_each_transition_once(place: Place) -> None:
    together = threading.Barrier(5)
    made: list[int | None] = []

    def judge() -> None:
        for index in range(10):
            together.wait(timeout=20)
            made.append(change(place, OK, FIRING, subject=str(index), channels=("log", "mail")))

    judges = [threading.Thread(target=judge) for _ in range(5)]
    for one in judges:
        one.start()
    for one in judges:
        one.join()
    with place.database.session() as session:
        assert len(queries.transitions(session)) == 10
        assert [item.channel for item in queries.due_notifications(session, NOW)] == ["log", "mail"] * 10
    assert sum(transition_id is not None for transition_id in made) == 10


def claim(place: Place, notification_id: int, *, minutes: float = 0) -> bool:
    with place.database.transaction() as session:
        return repository.claim_notification(
            session, notification_id, worker="one", now=NOW + timedelta(minutes=minutes), lease=LEASE
        )


def due(place: Place, *, minutes: float = 0) -> list[int]:
    with place.database.session() as session:
        return [item.id for item in queries.due_notifications(session, NOW + timedelta(minutes=minutes))]


def notification(place: Place) -> int:
    change(place, OK, FIRING, channels=("mail",))
    (notification_id,) = due(place)
    return notification_id


def test_a_notification_is_claimed_by_one_of_many_and_sent_once(place: Place) -> None:
    notification_id = notification(place)
    claims: list[bool] = []
    senders = [threading.Thread(target=lambda: claims.append(claim(place, notification_id))) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(claims) == [False] * 5 + [True]
    assert due(place) == []
    with place.database.transaction() as session:
        repository.mark_sent(session, notification_id, now=NOW)
    assert due(place, minutes=60) == []
    assert not claim(place, notification_id, minutes=60)
    with place.database.session() as session:
        assert queries.undelivered(session) == []


def test_a_sender_that_died_is_replaced_after_its_lease(place: Place) -> None:
    notification_id = notification(place)
    assert claim(place, notification_id)
    assert not claim(place, notification_id, minutes=0.9)
    assert claim(place, notification_id, minutes=1)


@pytest.mark.parametrize(("retry_minutes", "due_again"), [(5, True), (None, False)])
def test_a_failed_notification_waits_or_is_given_up(place: Place, retry_minutes: float | None, due_again: bool) -> None:
    notification_id = notification(place)
    claim(place, notification_id)
    retry_at = None if retry_minutes is None else NOW + timedelta(minutes=retry_minutes)
    with place.database.transaction() as session:
        repository.mark_failed(session, notification_id, error="mailbox full", next_attempt_at=retry_at)
    assert due(place, minutes=4.9) == []
    assert not claim(place, notification_id, minutes=4.9)
    assert due(place, minutes=5) == ([notification_id] if due_again else [])
    assert claim(place, notification_id, minutes=5) is due_again
    with place.database.session() as session:
        (item,) = queries.undelivered(session)
    assert (item.attempts, item.last_error, item.transition.subject) == (2 if due_again else 1, "mailbox full", SUBJECT)


def test_the_last_sign_of_life_replaces_the_one_before(place: Place) -> None:
    for days in (0, 1):
        with place.database.transaction() as session:
            repository.beat(session, "worker", NOW + timedelta(days=days), {"queue": days})
    with place.database.session() as session:
        (view,) = queries.heartbeats(session)
        assert queries.heartbeat(session, "worker") == view
        assert queries.heartbeat(session, "scheduler") is None
    assert (view.at, view.detail) == (NOW + timedelta(days=1), {"queue": 1})
