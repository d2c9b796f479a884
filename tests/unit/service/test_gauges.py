"""A width read with a gauge corrects total openings in mm, and never their change."""

from datetime import timedelta

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Workspace
from simulated_wall import OPENING, Told, file_of, shown

from monitor.errors import MisuseError
from monitor.records import Event, EventKind, Scale, ScaleOrigin
from monitor.service import gauges
from monitor.storage import queries, repository
from monitor.storage.told import GaugeOffset


@pytest.fixture
def wall(workspace: Workspace) -> Workspace:
    ids = workspace.take(*(file_of(index) for index in range(OPENING.captures)))
    with workspace.database.transaction() as session:
        repository.set_reference(session, workspace.location_id, ids[0], workspace.clock())
        repository.set_scale(session, workspace.location_id, Scale(0.5, 0.001, ScaleOrigin.TYPED))
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    return workspace


def widest(workspace: Workspace) -> list[float]:
    with workspace.database.session() as session:
        series = queries.crack_series(session, workspace.location_id, "A", "widest_mm")
    return [seen.value for seen in series.observations]


def slopes(workspace: Workspace) -> dict[str, float | None]:
    with workspace.database.session() as session:
        fits = queries.fits(session, workspace.location_id)
    return {view.fit.method: view.fit.slope_per_year for view in fits if view.fit.metric == "widest_mm"}


def offset(workspace: Workspace) -> GaugeOffset | None:
    with workspace.database.session() as session:
        return queries.gauge_offset(session, workspace.location_id)


def read(workspace: Workspace, width_mm: float, index: int = 2) -> int:
    at = shown()[index][0].captured_at.isoformat()
    return gauges.add(workspace.database, LOCATION, "A", width_mm, 0.04, at, workspace.clock(), "Ada")


def test_openings_agree_with_the_gauge_and_growth_is_untouched(wall: Workspace) -> None:
    before, grown = widest(wall), slopes(wall)
    gauge_id = read(wall, before[2] + 0.3)
    found = offset(wall)
    assert found is not None
    assert found.offset_mm == pytest.approx(0.3)
    assert found.standard_error_mm is not None
    assert found.standard_error_mm > 0.04
    np.testing.assert_allclose(widest(wall), np.array(before) + 0.3)
    assert slopes(wall) == pytest.approx(grown)
    with wall.database.session() as session:
        px = queries.crack_series(session, wall.location_id, "A", "widest_px")
    np.testing.assert_allclose([seen.value for seen in px.observations], np.array(before) / 0.5)
    gauges.withdraw(wall.database, LOCATION, gauge_id, "Of another crack.", wall.clock())
    assert offset(wall) is None
    assert widest(wall) == before


def test_between_two_photos_the_opening_lies_between_theirs(wall: Workspace) -> None:
    before = widest(wall)
    first, second = (shown()[index][0].captured_at for index in (2, 3))
    at = (first + (second - first) / 2).isoformat()
    gauges.add(wall.database, LOCATION, "A", 5.0, 0.04, at, wall.clock())
    found = offset(wall)
    assert found is not None
    assert found.offset_mm == pytest.approx(5.0 - (before[2] + before[3]) / 2)


def test_a_gauge_reading_from_before_an_event_corrects_nothing(wall: Workspace) -> None:
    before = widest(wall)
    read(wall, before[2] + 0.3)
    event = Event(shown()[4][0].captured_at, EventKind.NEW_CAMERA)
    with wall.database.transaction() as session:
        repository.add_event(session, wall.location_id, event, now=wall.clock())
    found = offset(wall)
    assert found is not None
    assert found.offset_mm is None
    assert "change of camera" in str(found.message)
    assert widest(wall) == before


def test_what_cannot_be_is_refused(wall: Workspace) -> None:
    with pytest.raises(MisuseError, match="must not be"):
        read(wall, -1.0)
    with pytest.raises(MisuseError, match="no crack Z"):
        gauges.add(wall.database, LOCATION, "Z", 1.0, 0.05, NOW.isoformat(), wall.clock())
    with pytest.raises(MisuseError, match="still to come"):
        gauges.add(
            wall.database, LOCATION, "A", 1.0, 0.05, (wall.clock() + timedelta(days=1)).isoformat(), wall.clock()
        )
    with pytest.raises(MisuseError, match="no gauge reading 7"):
        gauges.withdraw(wall.database, LOCATION, 7, "x", wall.clock())
