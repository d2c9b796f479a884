"""Events are kept for good, temperatures one for each instant; both make fits out of date."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from storage_examples import NOW, Place, measured

from monitor.errors import CrackmonitorError, MisuseError
from monitor.records import Event, EventKind, GrowthFit, Temperature
from monitor.storage import queries, repository
from monitor.storage.views import EventView

LATER = NOW + timedelta(days=1)
BEFORE = NOW - timedelta(days=30)


def add(place: Place, event: Event, by: str | None = None) -> int:
    with place.database.transaction() as session:
        return repository.add_event(session, place.location_id, event, now=NOW, by=by)


def withdraw(place: Place, event_id: int, why: str = "It was the south wall.") -> None:
    with place.database.transaction() as session:
        repository.withdraw_event(session, event_id, why, LATER)


def events(place: Place, *, withdrawn: bool = False) -> list[EventView]:
    with place.database.session() as session:
        return queries.events(session, place.location_id, withdrawn=withdrawn)


def heat(place: Place, *told: tuple[int, float], source: str = "log.csv") -> None:
    with place.database.transaction() as session:
        known = [Temperature(NOW + timedelta(hours=hours), celsius) for hours, celsius in told]
        repository.add_temperatures(session, place.location_id, known, source)


def temperatures(place: Place) -> list[tuple[float, float]]:
    with place.database.session() as session:
        found = queries.temperatures(session, place.location_id)
    return [((known.at - NOW) / timedelta(hours=1), known.celsius) for known in found]


def fitted(place: Place) -> bool:
    """Whether fits are stored; where they are not, they are asked for."""
    with place.database.session() as session:
        stored = bool(queries.fits(session, place.location_id))
        assert stored is not bool(queries.unfitted(session))
        return stored


@pytest.fixture
def judged(place: Place) -> Place:
    """A place with a reading and a fit."""
    capture_id = place.capture("a")
    with place.database.transaction() as session:
        repository.record_reading(session, capture_id=capture_id, analysis=measured(), pictures={}, now=NOW)
    refit(place)
    return place


def refit(place: Place) -> None:
    fit = GrowthFit("all", "area_px", "px²", "theil_sen", 1, success=False, message="too few")
    with place.database.transaction() as session:
        repository.replace_fits(
            session, location_id=place.location_id, fingerprint=place.fingerprint, fits=[fit], now=LATER
        )


def test_an_event_comes_back_as_it_was_recorded_with_its_day_on_site(place: Place) -> None:
    """The site is in Berlin, where it was past midnight."""
    at = NOW.replace(hour=22, minute=30, microsecond=7) - timedelta(days=40)
    event_id = add(place, Event(at, EventKind.NEW_CAMERA, "A <b>better</b> one"), by="Ada")
    (view,) = events(place)
    assert (view.id, view.location_id, view.event) == (
        event_id,
        place.location_id,
        Event(at, EventKind.NEW_CAMERA, "A <b>better</b> one"),
    )
    assert (view.recorded_at, view.recorded_by, view.withdrawn_at, view.withdrawn_why) == (NOW, "Ada", None, None)
    assert view.name == "the change of camera of 2025-04-23"


def test_events_come_by_time_whatever_the_order_of_recording(place: Place) -> None:
    days = (3, 9, 1)
    for ago in days:
        add(place, Event(NOW - timedelta(days=ago), EventKind.REPAIR))
    assert [view.event.at for view in events(place)] == [NOW - timedelta(days=ago) for ago in sorted(days)[::-1]]


def test_a_withdrawn_event_stays_with_its_reason_and_counts_no_more(place: Place) -> None:
    first, second = add(place, Event(BEFORE, EventKind.REPAIR)), add(place, Event(NOW, EventKind.REPAINT))
    withdraw(place, first)
    assert [view.id for view in events(place)] == [second]
    kept = events(place, withdrawn=True)
    assert [view.id for view in kept] == [first, second]
    assert (kept[0].withdrawn_at, kept[0].withdrawn_why) == (LATER, "It was the south wall.")
    with pytest.raises(MisuseError, match="withdrawn already: It was the south wall"):
        withdraw(place, first, "again")
    assert events(place, withdrawn=True) == kept


@pytest.mark.parametrize("why", ["", "  "])
def test_a_withdrawal_needs_a_reason_and_an_event(place: Place, why: str) -> None:
    event_id = add(place, Event(BEFORE, EventKind.REPAIR))
    with pytest.raises(MisuseError, match="Say why"):
        withdraw(place, event_id, why)
    with pytest.raises(MisuseError, match="no event with the id 99"):
        withdraw(place, 99)
    with place.database.session() as session, pytest.raises(MisuseError, match="no event with the id 99"):
        queries.event(session, 99)
    assert [view.id for view in events(place)] == [event_id]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (Event(NOW + timedelta(seconds=1), EventKind.REPAIR), "still to come"),
        (Event(BEFORE, EventKind.OTHER, " "), "needs a note"),
    ],
)
def test_events_that_cannot_be(place: Place, event: Event, sentence: str) -> None:
    with pytest.raises(MisuseError, match=sentence):
        add(place, event)
    assert events(place, withdrawn=True) == []


def test_what_an_event_or_a_temperature_changes_is_fitted_anew(judged: Place) -> None:
    assert fitted(judged)
    event_id = add(judged, Event(BEFORE, EventKind.REPAIR))
    assert not fitted(judged)
    refit(judged)
    withdraw(judged, event_id)
    assert not fitted(judged)
    refit(judged)
    heat(judged, (0, 12.0))
    assert not fitted(judged)
    refit(judged)
    with judged.database.transaction() as session:
        repository.clear_temperatures(session, judged.location_id)
    assert not fitted(judged)


def test_of_the_same_instant_the_last_temperature_stays(place: Place) -> None:
    heat(place, (2, 14.0), (0, 12.5))
    assert temperatures(place) == [(0, 12.5), (2, 14.0)]
    heat(place, (2, -3.25), (4, 20.0), source="other.csv")
    assert temperatures(place) == [(0, 12.5), (2, -3.25), (4, 20.0)]
    with place.database.session() as session:
        sources = session.scalars(text("SELECT source FROM temperature ORDER BY at")).all()
    assert list(sources) == ["log.csv", "other.csv", "other.csv"]


def test_no_temperatures_take_none_away(place: Place) -> None:
    heat(place, (0, 12.5))
    heat(place)
    assert temperatures(place) == [(0.0, 12.5)]


def test_temperatures_are_those_of_one_location_and_can_be_cleared(place: Place) -> None:
    with place.database.transaction() as session:
        other = repository.add_location(session, site_id=1, name="south-wall", interval_days=7, now=NOW)
        repository.add_temperatures(session, other, [Temperature(NOW, 1.0)], "log.csv")
    heat(place, (0, 12.5), (1, 13.0))
    with place.database.transaction() as session:
        assert repository.clear_temperatures(session, place.location_id) == 2
        assert repository.clear_temperatures(session, place.location_id) == 0
    assert temperatures(place) == []
    with place.database.session() as session:
        assert queries.temperatures(session, other) == [Temperature(NOW, 1.0)]


@pytest.mark.parametrize("celsius", [-60.01, 80.01, float("nan"), float("inf")])
def test_temperatures_that_cannot_be_take_the_others_with_them(place: Place, celsius: float) -> None:
    heat(place, (9, -60.0), (10, 80.0))
    with pytest.raises(MisuseError, match="must lie between -60 and 80"):
        heat(place, (0, 12.0), (1, celsius))
    assert temperatures(place) == [(9, -60.0), (10, 80.0)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET kind = 'flood'",
        "UPDATE event SET withdrawn_at = recorded_at",
        "UPDATE temperature SET celsius = 99",
    ],
)
def test_the_database_itself_refuses_what_cannot_be(place: Place, statement: str) -> None:
    add(place, Event(BEFORE, EventKind.REPAIR))
    heat(place, (0, 12.0))
    with pytest.raises((IntegrityError, CrackmonitorError)), place.database.transaction() as session:
        session.execute(text(statement))
    assert (len(events(place)), temperatures(place)) == (1, [(0, 12.0)])
