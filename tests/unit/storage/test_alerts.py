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


def test_a_rule_that_asks_for_no_reading_is_refused(place: Place) -> None:
    with (
        place.database.transaction() as session,
        pytest.raises(MisuseError, match="at least one reading to fire, not 0"),
    ):
        repository.add_rule(
            session,
            place.location_id,
            metric="max_width_px",
            kind=RuleKind.LEVEL,
            fire=2.0,
            clear=1.0,
            unit="px",
            now=NOW,
            readings=0,
        )


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


def queue(place: Place, *channels: str, minutes: float = 0) -> list[tuple[str, AlertState]]:
    """Queue for these channels; all that is unsent afterwards."""
    with place.database.transaction() as session:
        repository.queue_notifications(session, channels, NOW + timedelta(minutes=minutes))
    with place.database.session() as session:
        return [(item.channel, item.transition.new) for item in queries.undelivered(session)]


def settle(place: Place, *, error: str | None = None) -> None:
    """Everything that is due was sent, or (with an error) is given up."""
    for notification_id in due(place):
        with place.database.transaction() as session:
            if error is None:
                repository.mark_sent(session, notification_id, now=NOW)
            else:
                repository.mark_failed(session, notification_id, error=error, next_attempt_at=None)


def test_a_transition_recorded_without_channels_is_queued_for_those_of_the_sender_once(place: Place) -> None:
    change(place, OK, FIRING)
    change(place, OK, FIRING, subject=OVERDUE, channels=("log",))
    for _ in range(2):
        assert queue(place, "log", "mail") == [("log", FIRING), ("mail", FIRING), ("log", FIRING)]
    settle(place)
    assert queue(place, "log", "mail") == []
    assert queue(place, "log", "mail", "more") == []


@pytest.mark.parametrize("given_up", [False, True])
def test_what_a_channel_that_is_gone_was_not_sent_goes_to_those_that_lack_it(place: Place, given_up: bool) -> None:
    change(place, OK, FIRING, channels=("sent", "wrong"))
    sent, wrong = due(place)
    with place.database.transaction() as session:
        repository.mark_sent(session, sent, now=NOW)
        if given_up:
            repository.mark_failed(session, wrong, error="not understood", next_attempt_at=None)
    assert queue(place, "sent") == [("wrong", FIRING)], "it waits for a channel that lacks it"
    for _ in range(2):
        assert queue(place, "sent", "right") == [("right", FIRING)]
    settle(place)
    assert queue(place, "sent", "right") == []
    assert queue(place, "other") == []


def test_what_another_worker_is_sending_is_not_taken_from_it(place: Place) -> None:
    claim(place, notification(place))
    assert queue(place, "right") == [("mail", FIRING)]
    assert queue(place, "right", minutes=1) == [("right", FIRING)]


def test_an_alert_for_a_new_channel_comes_with_the_all_clear_that_followed(place: Place) -> None:
    change(place, OK, FIRING, channels=("wrong",))
    settle(place, error="not understood")
    change(place, FIRING, OK, channels=("log",))
    change(place, OK, FIRING, subject=OVERDUE, channels=("log",))
    settle(place)
    assert queue(place, "log", "right") == [("log", FIRING), ("right", FIRING), ("right", OK)]


def test_workers_that_queue_at_once_queue_everything_once(place: Place) -> None:
    for index in range(10):
        change(place, OK, FIRING, subject=str(index), channels=("wrong",) if index % 2 else ())
    together = threading.Barrier(4)
    failures: list[Exception] = []

    def work() -> None:
        together.wait(timeout=20)
        try:
            queue(place, "log", "mail")
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert queue(place, "log", "mail") == [("log", FIRING), ("mail", FIRING)] * 10


def test_no_notification_overtakes_an_older_one_of_its_channel_and_subject(place: Place) -> None:
    failed = notification(place)
    claim(place, failed)
    change(place, FIRING, OK, channels=("mail", "log"))
    change(place, OK, FIRING, subject=OVERDUE, channels=("mail",))

    def waiting(minutes: float) -> list[tuple[str, AlertState]]:
        with place.database.session() as session:
            found = queries.due_notifications(session, NOW + timedelta(minutes=minutes))
        return [(item.channel, item.transition.new) for item in found]

    others = [("log", OK), ("mail", FIRING)]
    assert waiting(0) == others, "the older one is being sent"
    with place.database.transaction() as session:
        repository.mark_failed(session, failed, error="full", next_attempt_at=NOW + timedelta(minutes=5))
    assert waiting(4) == others
    assert waiting(5) == [("mail", FIRING), *others]
    with place.database.transaction() as session:
        repository.mark_failed(session, failed, error="no such address", next_attempt_at=None)
    assert waiting(5) == [("mail", OK), *others]


def test_the_last_sign_of_life_replaces_the_one_before(place: Place) -> None:
    for days in (0, 1):
        with place.database.transaction() as session:
            repository.beat(session, "worker", NOW + timedelta(days=days), {"queue": days})
    with place.database.session() as session:
        (view,) = queries.heartbeats(session)
        assert queries.heartbeat(session, "worker") == view
        assert queries.heartbeat(session, "scheduler") is None
    assert (view.at, view.detail) == (NOW + timedelta(days=1), {"queue": 1})
