"""Captures that people withdraw and take back: nothing is lost, and why is kept."""

import pytest
from storage_examples import NOW, Place, measured

from monitor.errors import MisuseError
from monitor.storage import queries, repository


@pytest.fixture
def two(place: Place) -> list[int]:
    """The reference and another capture, both measured."""
    ids = [place.capture("first"), place.capture("second")]
    with place.database.transaction() as session:
        repository.set_reference(session, place.location_id, ids[0], NOW)
        for capture_id in ids:
            repository.record_reading(session, capture_id=capture_id, analysis=measured(), pictures={}, now=NOW)
    return ids


def test_a_withdrawn_capture_counts_no_longer_and_comes_back_as_work(place: Place, two: list[int]) -> None:
    with place.database.transaction() as session:
        repository.withdraw_capture(session, two[1], why=" It shows a cat. ", now=NOW, by="Ada")
    with place.database.session() as session:
        assert queries.capture(session, two[1]).rejected_reason == "withdrawn by Ada: It shows a cat."
        assert queries.withdrawn_why(session, two[1]) == "It shows a cat."
        assert len(queries.series(session, place.location_id, "max_width_px").observations) == 1
        (gone,) = queries.superseded(session, place.location_id)
        assert gone.why == "The capture was withdrawn: It shows a cat."
        assert queries.pending(session, place.fingerprint) == {}
    with place.database.transaction() as session:
        repository.restore_capture(session, two[1], why="A cat before the wall.", now=NOW)
    with place.database.session() as session:
        assert queries.capture(session, two[1]).rejected_reason is None
        assert queries.withdrawn_why(session, two[1]) is None
        assert queries.pending(session, place.fingerprint) == {place.location_id: 1}
        assert [told.after for told in queries.filings(session, place.location_id)] == ["north-wall", None]


def test_references_and_captures_that_do_not_count_are_not_withdrawn(place: Place, two: list[int]) -> None:
    with place.database.transaction() as session, pytest.raises(MisuseError, match="is the reference of 'north-wall'"):
        repository.withdraw_capture(session, two[0], why="No.", now=NOW)
    with place.database.transaction() as session, pytest.raises(MisuseError, match="Say why"):
        repository.withdraw_capture(session, two[1], why=" ", now=NOW)
    with place.database.transaction() as session, pytest.raises(MisuseError, match="Say why the capture is taken back"):
        repository.restore_capture(session, two[1], why=" ", now=NOW)
    with place.database.transaction() as session, pytest.raises(MisuseError, match="was not withdrawn"):
        repository.restore_capture(session, two[1], why="Yes.", now=NOW)
    with place.database.transaction() as session:
        repository.withdraw_capture(session, two[1], why="No.", now=NOW)
        with pytest.raises(MisuseError, match="does not count anyway"):
            repository.withdraw_capture(session, two[1], why="No.", now=NOW)
