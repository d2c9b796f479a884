"""The database counts as many readings as the series has observations, and finds the last of them."""

import pytest
from storage_examples import NOW, Place, failed, measured, recipe, registration

from monitor.records import Analysis, Status, TimeSource
from monitor.storage import queries, repository
from monitor.storage.observing import series_of

_NOTHING = Analysis(Status.NO_CRACK, None, 0.01, None, registration(), recipe())
_HISTORIES = {
    "sound": [_NOTHING, _NOTHING],
    "gone dark": [_NOTHING, measured(), _NOTHING, measured(), _NOTHING],
    "not registered": [measured(), failed(), measured()],
    "another recipe": [measured(), measured(weights="second"), None],
}


@pytest.mark.parametrize("history", _HISTORIES)
def test_as_many_as_the_series_has(place: Place, history: str) -> None:
    for day, analysis in enumerate(_HISTORIES[history]):
        capture = place.capture(f"capture {day}", days=day)
        if analysis is not None:
            record(place, capture, analysis)
    guessed = place.capture("time guessed", days=9, source=TimeSource.FILE)
    record(place, guessed, measured())
    with place.database.session() as session:
        seen = queries.series(session, place.location_id, "max_width_px").observations
        assert queries.observed(session) == {place.location_id: len(seen)}
        assert queries.observed(session, place.location_id) == queries.observed(session)
        assert queries.observed(session, place.location_id + 1) == {}
        assert queries.last_told_at(session) == {place.location_id: seen[-1].at}
        assert queries.told_of(session) == queries.told_of(session, place.location_id) == {place.location_id}
        assert queries.told_of(session, place.location_id + 1) == set()
        location, captures = queries.location(session, "north-wall"), queries.captures(session, place.location_id)
        assert series_of(location, captures, "max_width_px") == queries.series(
            session, place.location_id, "max_width_px"
        )
    assert seen


def test_where_nothing_counts_there_is_no_last(place: Place) -> None:
    record(place, place.capture("failed"), failed())
    with place.database.session() as session:
        assert queries.last_told_at(session) == {}
        assert queries.told_of(session) == set()


def record(place: Place, capture_id: int, analysis: Analysis) -> None:
    with place.database.transaction() as session:
        repository.record_recipe(session, analysis.recipe, NOW)
        repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures={}, now=NOW)
