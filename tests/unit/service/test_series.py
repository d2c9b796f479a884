"""The series of a location: when it begins, what it holds, in px and in mm."""

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


def test_a_location_that_is_complete_does_not_wait_for_the_others(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    workspace.drop("a.png", photo(20), "south-wall")
    workspace.drop("b.png", photo(30))
    workspace.scan()
    gauge = Gauge()
    gauge.broken = {20}
    workspace.jobs(gauge).tick()
    assert (shown(workspace), shown(workspace, "south-wall")) == (gauge.recipe.fingerprint, None)


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
