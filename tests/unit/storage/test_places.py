"""Sites, locations, scales and references."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from storage_examples import NOW, Place, failed, measured

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import GrowthFit, Scale, ScaleOrigin, Status
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.repository.places import _LOCATION_NAME

#: What is refused before the database is asked needs none.
UNBOUND = Session()
SCALE = Scale(0.2, 0.01, ScaleOrigin.TWO_POINTS)


def test_a_new_location_as_it_was_set_up(place: Place) -> None:
    with place.database.session() as session:
        (site,) = queries.sites(session)
        found = queries.location(session, "north-wall")
        (status,) = queries.statuses(session)
    assert (site.name, site.time_zone, site.locations) == ("Town hall", "Europe/Berlin", 1)
    assert (found.site, found.time_zone, found.interval_days, found.created_at) == (
        "Town hall",
        "Europe/Berlin",
        7,
        NOW,
    )
    assert (found.scale, found.reference_capture_id, found.fingerprint) == (None, None, place.fingerprint)
    assert (status.location, status.captures, status.last_capture, status.overdue) == (found, 0, None, False)


def test_all_locations_are_named_in_order(place: Place) -> None:
    with place.database.transaction() as session:
        repository.add_location(session, site_id=1, name="a-wall", interval_days=7, now=NOW)
        assert queries.location_names(session) == ["a-wall", "north-wall"]


def test_an_unknown_site_lists_the_known_ones(place: Place) -> None:
    with place.database.session() as session:
        assert queries.site_id(session, "Town hall") == 1
        with pytest.raises(MisuseError, match=r"There is no site named 'Bridge'\. Known: Town hall\."):
            queries.site_id(session, "Bridge")


def test_an_unknown_location_lists_the_known_ones(place: Place) -> None:
    with place.database.session() as session, pytest.raises(UnknownNameError, match="Known: north-wall"):
        queries.location(session, "north-wal")


@pytest.mark.parametrize("name", ["", "a b", "../a", "-a", "_a", ".a", "a/b", "a\n", "ä", "a" * 65])
def test_a_location_name_must_do_as_a_folder_name(name: str) -> None:
    with pytest.raises(MisuseError, match="its folder is called the same"):
        repository.add_location(UNBOUND, site_id=1, name=name, interval_days=7, now=NOW)


@given(st.text(max_size=70))
def test_accepted_names_stay_inside_their_folder(name: str) -> None:
    if _LOCATION_NAME.fullmatch(name):
        assert name.isascii()
        assert not set(name) & set("/\\. :\0\n")


def test_names_are_unique_and_those_of_locations_whatever_their_case(place: Place) -> None:
    with place.database.transaction() as session:
        for name in ("north-wall", "North-Wall"):
            with pytest.raises(MisuseError, match="already"):
                repository.add_location(session, site_id=1, name=name, interval_days=7, now=NOW)
        with pytest.raises(MisuseError, match="already"):
            repository.add_site(session, name="Town hall", time_zone="UTC", now=NOW)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": " ", "time_zone": "UTC"}, "needs a name"),
        ({"name": "a", "time_zone": "Berlin"}, "no IANA time zone"),
        ({"name": "a", "time_zone": "../etc/passwd"}, "no IANA time zone"),
        ({"name": "a", "time_zone": ""}, "no IANA time zone"),
    ],
)
def test_sites_that_cannot_be(arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(MisuseError, match=sentence):
        repository.add_site(UNBOUND, now=NOW, **arguments)


@pytest.mark.parametrize("interval_days", [0, -1, float("nan")])
def test_intervals_are_positive(interval_days: float) -> None:
    with pytest.raises(MisuseError, match="greater than zero"):
        repository.set_interval(UNBOUND, 1, interval_days)
    with pytest.raises(MisuseError, match="greater than zero"):
        repository.add_location(UNBOUND, site_id=1, name="a", interval_days=interval_days, now=NOW)


def test_an_interval_can_be_changed(place: Place) -> None:
    with place.database.transaction() as session:
        repository.set_interval(session, place.location_id, 30)
    with place.database.session() as session:
        assert queries.location(session, "north-wall").interval_days == 30


def test_things_that_do_not_exist(database: Database) -> None:
    with pytest.raises(MisuseError, match="no site with the id 5"), database.transaction() as session:
        repository.add_location(session, site_id=5, name="a", interval_days=7, now=NOW)
    with pytest.raises(MisuseError, match="no location with the id 5"), database.transaction() as session:
        repository.set_scale(session, 5, SCALE)
    with pytest.raises(MisuseError, match="no location with the id 5"), database.session() as session:
        queries.series(session, 5, "area_px")


def test_an_unknown_recipe_cannot_be_shown(place: Place) -> None:
    with pytest.raises(MisuseError, match="No recipe"), place.database.transaction() as session:
        repository.set_series(session, place.location_id, "0" * 16)


def test_a_scale_given_late_reaches_old_and_new_readings(place: Place) -> None:
    first, second = place.capture("a"), place.capture("b", days=1)
    with place.database.transaction() as session:
        repository.record_reading(session, capture_id=first, analysis=measured(4.0), pictures={}, now=NOW)
        repository.set_scale(session, place.location_id, SCALE)
        repository.record_reading(session, capture_id=second, analysis=measured(5.0), pictures={}, now=NOW)
    with place.database.session() as session:
        assert queries.location(session, "north-wall").scale == SCALE
        series = queries.series(session, place.location_id, "max_width_mm")
        reading = queries.capture(session, first).reading
    assert [seen.value for seen in series.observations] == pytest.approx([0.8, 1.0])
    assert reading is not None
    assert reading.severity is not None
    assert reading.severity.area_mm2 == pytest.approx(100 * 0.04)
    assert reading.severity.length_mm == pytest.approx(10)
    assert reading.severity.max_width_px == 4.0


def test_a_scale_given_while_a_reading_is_being_stored_is_not_lost(place: Place) -> None:
    capture_id = place.capture("a")

    def give_scale() -> None:
        with place.database.transaction() as session:
            repository.set_scale(session, place.location_id, SCALE)

    giver = threading.Thread(target=give_scale)
    with place.database.transaction() as session:
        repository.record_reading(session, capture_id=capture_id, analysis=measured(4.0), pictures={}, now=NOW)
        giver.start()
        giver.join(timeout=0.3)
        assert giver.is_alive(), "it has to wait for the reading"
    giver.join()
    with place.database.session() as session:
        (seen,) = queries.series(session, place.location_id, "max_width_mm").observations
    assert seen.value == pytest.approx(0.8)


@pytest.mark.parametrize("scale", [Scale(0, 0, ScaleOrigin.TYPED), Scale(0.1, -1, ScaleOrigin.TYPED)])
def test_scales_that_cannot_be(scale: Scale) -> None:
    with pytest.raises(MisuseError, match="must be greater than zero"):
        repository.set_scale(UNBOUND, 1, scale)


def test_a_reference_is_an_accepted_capture_of_its_location(place: Place) -> None:
    with place.database.transaction() as session:
        other = repository.add_location(session, site_id=1, name="south-wall", interval_days=7, now=NOW)
    capture_id = place.capture("a")
    strange = pytest.raises(MisuseError, match="not an accepted capture of location 'south-wall'")
    with strange, place.database.transaction() as session:
        repository.set_reference(session, other, capture_id, NOW)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, capture_id, NOW)
    with place.database.session() as session:
        assert queries.location(session, "north-wall").reference_capture_id == capture_id
        assert queries.capture(session, capture_id).is_reference


def test_a_bad_reference_can_be_replaced_while_nothing_was_registered_to_it(place: Place) -> None:
    first, second = place.capture("a"), place.capture("b", days=1)
    fit = GrowthFit("all", "area_px", "px²", "theil_sen", 0, success=False, message="too few")
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, first, NOW)
        repository.set_scale(session, place.location_id, SCALE)
        repository.record_reading(session, capture_id=first, analysis=measured(registered=False), pictures={}, now=NOW)
        repository.record_reading(session, capture_id=second, analysis=failed(), pictures={}, now=NOW)
        repository.replace_fits(
            session, location_id=place.location_id, fingerprint=place.fingerprint, fits=[fit], now=NOW
        )
        assert queries.pending(session, place.fingerprint) == {}
        repository.set_reference(session, place.location_id, second, NOW)
        assert queries.pending(session, place.fingerprint) == {place.location_id: 2}
        assert [(former.capture_id, former.why) for former in queries.superseded(session, place.location_id)] == [
            (first, "The reference of north-wall was changed."),
            (second, "The reference of north-wall was changed."),
        ]
        assert queries.fits(session, place.location_id) == []
        assert queries.location(session, "north-wall").scale is None


def test_a_reference_others_are_measured_against_stays(place: Place) -> None:
    first, second = place.capture("a"), place.capture("b", days=1)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, first, NOW)
        repository.record_reading(session, capture_id=second, analysis=measured(), pictures={}, now=NOW)
        repository.set_reference(session, place.location_id, first, NOW)
    with pytest.raises(MisuseError, match="Start a new location"), place.database.transaction() as session:
        repository.set_reference(session, place.location_id, second, NOW)
    with place.database.session() as session:
        reading = queries.capture(session, second).reading
    assert reading is not None
    assert reading.status is Status.MEASURED
