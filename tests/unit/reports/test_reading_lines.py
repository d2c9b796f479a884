"""Changes since the last reading and since the datum."""

from datetime import UTC, datetime, timedelta

from monitor.records import Event, EventKind, Grade, Observation
from monitor.reports.contents import reading_lines
from monitor.storage.views import EventView

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seen(day: float, value: float, grade: Grade = Grade.A) -> Observation:
    return Observation(START + timedelta(days=day), value, grade=grade)


def test_changes_are_told_since_the_last_that_counts_and_since_the_datum() -> None:
    lines = reading_lines([seen(60, 1.5), seen(0, 1.0), seen(30, 9.0, Grade.C), seen(90, 1.25)])
    assert [line.value for line in lines] == [1.0, 9.0, 1.5, 1.25]
    assert [line.since_last for line in lines] == [None, None, 0.5, -0.25]
    assert [line.since_datum for line in lines] == [None, None, 0.5, 0.25]
    assert [line.counts for line in lines] == [True, False, True, True]


def test_an_event_begins_a_new_datum() -> None:
    repair = Event(START + timedelta(days=10), EventKind.REPAIR)
    happened = EventView(1, 1, "UTC", repair, START, None, None, None)
    lines = reading_lines([seen(0, 5.0), seen(20, 1.0), seen(40, 1.5)], [happened])
    assert lines[0].note == "before the repair of 2026-01-11"
    assert [line.since_datum for line in lines] == [None, None, 0.5]


def test_nothing_gives_nothing() -> None:
    assert reading_lines([]) == ()
