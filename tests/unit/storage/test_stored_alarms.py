"""Who sees to an alert: once, by name, kept for good; and what goes out while nobody does."""

import threading
from datetime import datetime, timedelta

import pytest
from storage_examples import NOW, Place

from monitor.errors import MisuseError
from monitor.records import AlertState, MessageKind
from monitor.storage import queries, repository
from monitor.storage.views import AlarmView

DAY = timedelta(days=1)


def raised(place: Place, subject: str = "max_width_mm level", *channels: str) -> int:
    return _change(place, subject, AlertState.OK, AlertState.FIRING, *channels)


def _change(place: Place, subject: str, old: AlertState, new: AlertState, *channels: str) -> int:
    with place.database.transaction() as session:
        number = repository.record_transition(
            session,
            location_id=place.location_id,
            subject=subject,
            old=old,
            new=new,
            why="It is wide.",
            evidence={},
            now=NOW,
            channels=channels,
        )
    assert number is not None
    return number


def alarm(place: Place, number: int) -> AlarmView:
    with place.database.session() as session:
        return queries.alarm(session, number)


def inbox(place: Place) -> list[int]:
    with place.database.session() as session:
        return [one.id for one in queries.alarms(session, open_only=True)]


def acknowledge(place: Place, number: int, by: str = "Ada") -> None:
    with place.database.transaction() as session:
        repository.acknowledge_alert(session, number, by=by, now=NOW)


def assign(place: Place, number: int, to: str) -> None:
    with place.database.transaction() as session:
        repository.assign_alert(session, number, to=to, by="Ada", now=NOW)


def comment(place: Place, number: int, note: str) -> None:
    with place.database.transaction() as session:
        repository.comment_alert(session, number, note=note, by="Ada", now=NOW)


def close(place: Place, number: int, by: str = "Ada", action: str = "Looked at it.") -> None:
    with place.database.transaction() as session:
        repository.close_alert(session, number, action=action, by=by, now=NOW)


def test_two_people_who_acknowledge_at_once_are_one_acknowledgement_and_a_sentence(place: Place) -> None:
    number = raised(place)
    together = threading.Barrier(2)
    told: list[str] = []

    def act(by: str) -> None:
        together.wait(timeout=20)
        try:
            acknowledge(place, number, by)
        except MisuseError as error:
            told.append(str(error))

    people = [threading.Thread(target=act, args=(by,)) for by in ("Ada", "Bea")]
    for one in people:
        one.start()
    for one in people:
        one.join()
    (action,) = alarm(place, number).actions
    (sentence,) = told
    assert f"{action.by} acknowledged this alert already; nothing more is needed from you." in sentence
    assert "(Europe/" in sentence or "(UTC)" in sentence


def test_an_alert_is_kept_with_all_that_was_done_about_it(place: Place) -> None:
    number = raised(place)
    with place.database.transaction() as session:
        repository.assign_alert(session, number, to="Bea", by="Ada", now=NOW)
        repository.assign_alert(session, number, to="Cid", by="Bea", now=NOW + DAY, note="On leave.")
        repository.comment_alert(session, number, note="<b>Scaffold</b> is up.", by="Cid", now=NOW + DAY)
    close(place, number, "Cid", "Grouted.")
    found = alarm(place, number)
    assert [(one.kind, one.by, one.note) for one in found.actions] == [
        ("assigned", "Ada", ""),
        ("assigned", "Bea", "On leave."),
        ("commented", "Cid", "<b>Scaffold</b> is up."),
        ("closed", "Cid", "Grouted."),
    ]
    assert (found.assignee, found.open, found.closed == found.actions[-1]) == ("Cid", False, True)
    with pytest.raises(MisuseError, match=r"Cid closed this alert already"):
        acknowledge(place, number)
    with place.database.transaction() as session:
        repository.comment_alert(session, number, note="It held.", by="Ada", now=NOW + DAY)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda place, number: acknowledge(place, number, " "), "Say who you are"),
        (lambda place, number: close(place, number, action=" "), "Say what was done"),
        (lambda place, number: assign(place, number, to=" "), "Say whom"),
        (lambda place, number: comment(place, number, note=" "), "The comment is empty"),
        (lambda place, number: acknowledge(place, number + 99), "There is no"),
    ],
)
def test_what_says_nothing_is_refused(place: Place, act: object, words: str) -> None:
    number = raised(place)
    with pytest.raises(MisuseError, match=words):
        act(place, number)  # type: ignore[operator]
    assert alarm(place, number).actions == ()


def test_the_inbox_holds_what_is_raised_and_what_nobody_saw_before_it_was_over(place: Place) -> None:
    seen, unseen, open_one = (raised(place, name) for name in ("a level", "b level", "c level"))
    acknowledge(place, seen)
    assert inbox(place) == [open_one, unseen, seen]
    for name in ("a level", "b level"):
        over = _change(place, name, AlertState.FIRING, AlertState.OK)
    assert inbox(place) == [open_one, unseen]
    assert alarm(place, unseen).over_at == NOW
    with pytest.raises(MisuseError, match="all clear"):
        acknowledge(place, over)
    close(place, open_one)
    assert inbox(place) == [unseen]


def sent(place: Place, at: datetime) -> list[tuple[str, str, int]]:
    """Remind after a day, tell the boss after two; what is due then is sent."""
    with place.database.transaction() as session:
        repository.queue_reminders(session, at, DAY)
        repository.queue_escalations(session, at, 2 * DAY, ["boss"])
    with place.database.session() as session:
        due = queries.due_notifications(session, at)
    with place.database.transaction() as session:
        for one in due:
            repository.mark_sent(session, one.id, now=at)
    return [(one.channel, one.kind.value, one.number) for one in due]


def test_reminders_come_until_somebody_acknowledges_and_the_boss_hears_once(place: Place) -> None:
    number = raised(place, "a level", "mail")
    assert sent(place, NOW) == [("mail", "change", 0)]
    assert sent(place, NOW + 0.9 * DAY) == []
    assert sent(place, NOW + DAY) == [("mail", "reminder", 1)]
    assert sent(place, NOW + DAY) == []
    assert sorted(sent(place, NOW + 2 * DAY)) == [("boss", "escalation", 0), ("mail", "reminder", 2)]
    acknowledge(place, number)
    assert sent(place, NOW + 9 * DAY) == []


def test_no_reminder_piles_up_behind_a_message_that_has_not_arrived(place: Place) -> None:
    raised(place, "a level", "mail")
    for days in range(1, 5):
        with place.database.transaction() as session:
            repository.queue_reminders(session, NOW + days * DAY, DAY)
    with place.database.session() as session:
        assert [one.kind for one in queries.undelivered(session)] == [MessageKind.CHANGE]


def test_a_reminder_on_its_way_is_dropped_when_the_alert_is_over(place: Place) -> None:
    raised(place, "a level", "mail")
    sent(place, NOW)
    with place.database.transaction() as session:
        repository.queue_reminders(session, NOW + DAY, DAY)
    _change(place, "a level", AlertState.FIRING, AlertState.OK)
    assert sent(place, NOW + DAY) == []


def test_a_test_is_sent_and_needs_nobody(place: Place) -> None:
    with place.database.transaction() as session:
        number = repository.add_test_alert(session, by="Ada", now=NOW)
        repository.queue_notifications(session, ["mail"], NOW)
        assert [one.transition.id for one in queries.due_notifications(session, NOW)] == [number]
        assert queries.alerts(session) == []
    assert inbox(place) == []
    assert sent(place, NOW + 9 * DAY) == [("mail", "change", 0)]


def test_what_is_no_alert_cannot_be_asked_for(place: Place) -> None:
    clear = _change(place, "max_width_mm level", AlertState.FIRING, AlertState.OK) if raised(place) else 0
    for number in (clear, 99):
        with pytest.raises(MisuseError, match=f"There is no alert with the number {number}. See 'crackmonitor alert"):
            alarm(place, number)
