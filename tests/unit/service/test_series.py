"""Another recipe makes another series: all captures are read again before it is shown, and nothing is overwritten."""

import pytest
from service_examples import LOCATION, Gauge, Workspace, photo

from monitor.records import Scale, ScaleOrigin, Status
from monitor.service.places import set_scale
from monitor.storage import queries
from monitor.storage.views import Series


def shown(workspace: Workspace, location: str = LOCATION) -> str | None:
    with workspace.database.session() as session:
        return queries.location(session, location).fingerprint


def series(workspace: Workspace, metric: str = "max_width_px") -> Series:
    with workspace.database.session() as session:
        return queries.series(session, workspace.location_id, metric)


def values(workspace: Workspace, metric: str = "max_width_px") -> list[float]:
    return [seen.value for seen in series(workspace, metric).observations]


def test_another_recipe_reads_every_capture_again_and_keeps_what_was_read(workspace: Workspace) -> None:
    first, second = Gauge(), Gauge("second", px_per_level=0.5)
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    assert (shown(workspace), values(workspace)) == (first.recipe.fingerprint, [1.0, 2.0])
    workspace.jobs(second).tick()
    assert second.seen == [(10, None, False), (20, 10, True)]
    assert (shown(workspace), values(workspace)) == (second.recipe.fingerprint, [5.0, 10.0])
    kept = [view.reading for view in workspace.captures(fingerprint=first.recipe.fingerprint)]
    assert [None if reading is None or not reading.severity else reading.severity.max_width_px for reading in kept] == [
        1.0,
        2.0,
    ]
    with workspace.database.session() as session:
        assert set(queries.fingerprints(session, workspace.location_id)) == {shown(workspace), first.recipe.fingerprint}


def test_a_series_is_shown_only_once_every_capture_was_read(workspace: Workspace) -> None:
    first, second = Gauge(), Gauge("second", px_per_level=0.5)
    workspace.take(photo(10), photo(20, days=1), photo(30, days=2))
    workspace.jobs(first).tick()
    second.broken = {20}
    jobs = workspace.jobs(second)
    jobs.tick()
    assert (shown(workspace), values(workspace)) == (first.recipe.fingerprint, [1.0, 2.0, 3.0])
    workspace.take(photo(40, days=3))
    jobs.tick()
    assert [item.reason for item in series(workspace).excluded] == ["not measured yet"]
    assert values(workspace) == [1.0, 2.0, 3.0]
    second.broken = set()
    workspace.clock.turn(minutes=2)
    jobs.tick()
    assert (shown(workspace), values(workspace)) == (second.recipe.fingerprint, [5.0, 10.0, 15.0, 20.0])
    assert series(workspace).excluded == ()


def test_a_location_that_is_complete_does_not_wait_for_the_others(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    workspace.drop("a.png", photo(20), "south-wall")
    workspace.drop("b.png", photo(30))
    workspace.scan()
    gauge = Gauge()
    gauge.broken = {20}
    workspace.jobs(gauge).tick()
    assert (shown(workspace), shown(workspace, "south-wall")) == (gauge.recipe.fingerprint, None)


def test_fits_belong_to_the_series_that_is_shown(workspace: Workspace) -> None:
    first, second = Gauge(), Gauge("second", px_per_level=0.5)
    workspace.take(*(photo(10 + days, days=days) for days in range(5)))
    slopes = []
    for gauge in (first, second):
        assert workspace.jobs(gauge).tick().judged == 1
        with workspace.database.session() as session:
            views = [view.fit for view in queries.fits(session, workspace.location_id)]
        (line,) = [fit for fit in views if fit.metric == "max_width_px" and fit.method == "least_squares"]
        assert line.n == 5
        slopes.append(line.slope_per_year)
    assert slopes == pytest.approx([0.1 * 365.25, 0.5 * 365.25])


def test_millimetres_are_filled_in_when_the_scale_comes_later_and_when_it_is_corrected(workspace: Workspace) -> None:
    gauge = Gauge()
    workspace.take(photo(10), photo(0, days=1), photo(20, days=2))
    gauge.broken = {0}
    jobs = workspace.jobs(gauge)
    for _ in range(3):
        jobs.tick()
        workspace.clock.turn(minutes=5)
    assert values(workspace, "max_width_mm") == []
    assert {item.reason.split(":")[0] for item in series(workspace, "max_width_mm").excluded} == {
        "no scale",
        "not measured",
    }
    for mm_per_px in (0.5, 0.25):
        scale = Scale(mm_per_px, 0.01, ScaleOrigin.TYPED)
        set_scale(workspace.database, LOCATION, scale, workspace.clock())
        assert values(workspace, "max_width_mm") == [1.0 * mm_per_px, 2.0 * mm_per_px]
        assert values(workspace, "area_mm2") == [20.0 * mm_per_px**2, 40.0 * mm_per_px**2]
        assert values(workspace) == [1.0, 2.0]
        with workspace.database.session() as session:
            fitted = {view.fit.metric: view.fitted_at for view in queries.fits(session, workspace.location_id)}
        assert fitted["max_width_mm"] == fitted["max_width_px"] == workspace.clock()
    workspace.take(photo(30, days=3))
    jobs.tick()
    assert values(workspace, "max_width_mm") == [0.25, 0.5, 0.75]


def test_a_capture_without_crack_counts_as_zero_and_one_without_numbers_not_at_all(workspace: Workspace) -> None:
    gauge = Gauge()
    gauge.broken = {99}
    workspace.take(photo(0), photo(10, days=1), photo(99, days=2))
    jobs = workspace.jobs(gauge)
    for _ in range(3):
        jobs.tick()
        workspace.clock.turn(minutes=5)
    assert [view.reading.status for view in workspace.captures() if view.reading] == [
        Status.NO_CRACK,
        Status.MEASURED,
        Status.NOT_MEASURED,
    ]
    assert values(workspace) == [0.0, 1.0]
    (left_out,) = series(workspace).excluded
    assert "out of memory at 99" in left_out.reason
