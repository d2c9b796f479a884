"""Recipes beside the one in force: which is present, whose work comes first, and switches that are never forgotten."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from storage_examples import NOW, Place, failed, measured, recipe

from monitor.errors import MisuseError
from monitor.records import GrowthFit, Offset, Recipe, Status
from monitor.storage import queries, repository
from monitor.storage.views import ShadowSeries

SECOND = recipe("second")
LATER = NOW + timedelta(days=1)


def bring(place: Place, brought: Recipe = SECOND) -> str:
    with place.database.transaction() as session:
        return repository.bring_recipe(session, brought, NOW)


def record(place: Place, capture_id: int, weights: str = "first") -> None:
    with place.database.transaction() as session:
        analysis = measured(weights=weights, registered=False)
        repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures={}, now=NOW)


def claims(place: Place, *former: str, present: Recipe = SECOND) -> list[tuple[int, str]]:
    """All the work there is, in its order, as (capture, weights); nothing of it is done."""
    names = {recipe(name).fingerprint: name for name in ("first", "second")}
    found = []
    with place.database.transaction() as session:
        while work := repository.claim_next(
            session,
            fingerprint=present.fingerprint,
            former=[recipe(name).fingerprint for name in former],
            worker="one",
            now=NOW,
            lease=timedelta(minutes=10),
        ):
            found.append((work.capture_id, names[work.fingerprint]))
    return found


def shadow(place: Place) -> ShadowSeries | None:
    with place.database.session() as session:
        return next(iter(queries.shadows(session)), None)


def switch(place: Place, fingerprint: str, by: str | None = None) -> None:
    with place.database.transaction() as session:
        repository.switch_recipe(session, place.location_id, fingerprint, now=LATER, by=by)


def test_the_recipe_brought_last_is_the_present_one(place: Place) -> None:
    with place.database.session() as session:
        assert queries.present_recipe(session) is None, "it was recorded, but no worker brought it"
    for brought in (recipe(), SECOND, SECOND, recipe()):
        assert bring(place, brought) == brought.fingerprint
        with place.database.session() as session:
            assert queries.present_recipe(session) == brought.fingerprint


def test_what_the_series_lacks_comes_first_and_the_shadow_series_after_all_of_it(place: Place) -> None:
    reference, second, third = (place.capture(str(index), days=index) for index in range(3))
    bring(place)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, reference, NOW)
    record(place, reference)
    record(place, reference, "second")
    assert claims(place, "first") == [(second, "first"), (third, "first"), (second, "second"), (third, "second")]


def test_a_recipe_that_cannot_be_run_makes_no_work_and_neither_does_one_that_is_not_in_force(place: Place) -> None:
    capture = place.capture("a")
    bring(place)
    assert claims(place) == [(capture, "second")]
    with place.database.transaction() as session:
        session.execute(text("DELETE FROM claim"))
        repository.set_series(session, place.location_id, SECOND.fingerprint)
    assert claims(place, "first") == [(capture, "second")]


def test_a_location_without_a_series_waits_for_the_present_recipe_like_one_that_has_it(place: Place) -> None:
    bring(place)
    with place.database.transaction() as session:
        elsewhere = repository.add_location(session, site_id=1, name="south-wall", interval_days=7, now=NOW)
    old = place.capture("old", days=0)
    new = Place(place.database, elsewhere, SECOND.fingerprint).capture("new", days=1)
    assert claims(place, "first") == [(old, "first"), (new, "second"), (old, "second")]


def test_a_shadow_series_counts_what_is_read_under_both_pending_and_waiting(place: Place) -> None:
    first, second, _ = (place.capture(str(index), days=index) for index in range(3))
    assert shadow(place) is None
    bring(place)
    for capture_id, weights in ((first, "first"), (first, "second"), (second, "first")):
        record(place, capture_id, weights)
    found = shadow(place)
    assert found is not None
    assert (found.in_force, found.fingerprint) == (place.fingerprint, SECOND.fingerprint)
    assert (found.both, found.pending, found.waiting, found.ready, found.out_of_reach) == (1, 2, 1, False, None)
    assert len(found.notices) == 1
    assert "'crackmonitor location recipe north-wall'" in found.notices[0]
    with place.database.transaction() as session:
        repository.set_out_of_reach(session, place.fingerprint, "its weights are gone.")
    lost = shadow(place)
    assert lost is not None
    assert "its weights are gone. 1 capture(s) wait until it is switched." in lost.notices[1]
    with place.database.transaction() as session:
        repository.set_out_of_reach(session, place.fingerprint, None)
    assert shadow(place) == found


def test_a_switch_is_recorded_and_forgets_the_fits(place: Place) -> None:
    bring(place)
    record(place, place.capture("a"))
    fit = GrowthFit("all", "max_width_px", "px", "least_squares", 1, success=False, message="too few")
    with place.database.transaction() as session:
        for name in (place.fingerprint, SECOND.fingerprint):
            repository.replace_fits(session, location_id=place.location_id, fingerprint=name, fits=[fit], now=NOW)
    switch(place, SECOND.fingerprint, by="Ada")
    switch(place, place.fingerprint)
    with place.database.session() as session:
        found = queries.recipe_switches(session, place.location_id)
        assert [queries.fits(session, place.location_id, name) for name in (None, SECOND.fingerprint)] == [[], []]
        assert queries.location(session, "north-wall").fingerprint == place.fingerprint
    assert [(one.old, one.new, one.at, one.by) for one in found] == [
        (place.fingerprint, SECOND.fingerprint, LATER, "Ada"),
        (SECOND.fingerprint, place.fingerprint, LATER, None),
    ]


def test_what_is_no_switch_is_refused(place: Place) -> None:
    with pytest.raises(MisuseError, match=r"goes by the recipe .* already"):
        switch(place, place.fingerprint)
    with pytest.raises(MisuseError, match="has been recorded"):
        switch(place, "0" * 16)
    with place.database.transaction() as session:
        elsewhere = repository.add_location(session, site_id=1, name="south-wall", interval_days=7, now=NOW)
    with pytest.raises(MisuseError, match="'south-wall' has no series yet"):
        switch(Place(place.database, elsewhere, ""), place.fingerprint)
    with place.database.session() as session:
        assert queries.recipe_switches(session, place.location_id) == []


def test_a_reading_of_another_recipe_leaves_the_fits_alone(place: Place) -> None:
    capture = place.capture("a")
    record(place, capture)
    fit = GrowthFit("all", "max_width_px", "px", "least_squares", 1, success=False, message="too few")
    with place.database.transaction() as session:
        series = {"location_id": place.location_id, "fingerprint": place.fingerprint}
        repository.replace_fits(session, **series, fits=[fit], now=NOW)
    record(place, capture, "second")
    with place.database.session() as session:
        assert [view.fit for view in queries.fits(session, place.location_id)] == [fit]


def test_offsets_are_replaced_for_their_two_recipes_alone(place: Place) -> None:
    bring(place)
    few = Offset("length_px", "px", 2, 0.9, message="too few")
    found = Offset("max_width_px", "px", 9, 0.9, 0.5, 0.2, 0.8, 0.3)
    pair, back = (place.fingerprint, SECOND.fingerprint), (SECOND.fingerprint, place.fingerprint)
    with place.database.transaction() as session:
        repository.replace_offsets(session, place.location_id, *pair, [few, found])
        repository.replace_offsets(session, place.location_id, *back, [few])
        repository.replace_offsets(session, place.location_id, *pair, [found])
    with place.database.session() as session:
        assert queries.offsets(session, place.location_id, *pair) == [found]
        assert queries.offsets(session, place.location_id, *back) == [few]
    with place.database.transaction() as session:
        repository.replace_offsets(session, place.location_id, *pair, [])
        assert queries.offsets(session, place.location_id, *pair) == []
        assert queries.offsets(session, place.location_id, *back) == [few]


def test_a_series_that_is_measured_again_stays_with_its_recipe(place: Place) -> None:
    """The reference failed under the recipe in force; another has come since."""
    reference, other = place.capture("a"), place.capture("b", days=1)
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, reference, NOW)
        lost = failed(Status.NOT_MEASURED, "out of memory")
        repository.record_reading(session, capture_id=reference, analysis=lost, pictures={}, now=NOW)
    record(place, other)
    bring(place)
    record(place, reference, "second")
    record(place, other, "second")
    with place.database.transaction() as session:
        repository.measure_again(session, reference, LATER)
        view = queries.location(session, "north-wall")
    assert (view.fingerprint, view.in_force) == (None, place.fingerprint)
    assert claims(place, "first") == [(reference, "first")]
    found = shadow(place)
    assert found is not None
    assert (found.in_force, found.waiting, found.pending) == (place.fingerprint, 2, 0)
    switch(place, SECOND.fingerprint)
    with place.database.session() as session:
        assert queries.location(session, "north-wall").in_force == SECOND.fingerprint
        (row,) = queries.recipe_switches(session, place.location_id)
    assert row.old == place.fingerprint
