"""What a person puts right about a capture: everything that rests on it follows, whatever happened first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo

from monitor.errors import LostOriginalError, MisuseError, UnknownNameError
from monitor.records import AlertState, RuleKind, Status, TimeSource
from monitor.service.corrections import (
    confirm_time,
    measure_again,
    move_capture,
    restore_capture,
    withdraw_capture,
)
from monitor.service.ingest import Ingest, original_path
from monitor.service.jobs import Jobs
from monitor.service.places import add_rule
from monitor.storage import queries
from monitor.storage.repository import Work

ELSEWHERE = "south-wall"
#: What was photographed where, as (level, days after NOW): the reference first.
NORTH, SOUTH = [(10, 0.0), (20, 1.0), (30, 2.0)], [(40, 0.0), (50, 1.0), (60, 2.0), (70, 3.0)]
MISFILED = (60, 2.0)


@pytest.fixture
def two_walls(workspace: Workspace) -> Workspace:
    workspace.add_location(ELSEWHERE)
    return workspace


def file(workspace: Workspace, location: str, *photos: tuple[int, float]) -> None:
    for level, days in photos:
        path = workspace.settings.workspace / f"{level}.png"
        path.write_bytes(photo(level, days=days))
        later = workspace.clock() + timedelta(days=90)
        assert Ingest(workspace.database, workspace.settings).take([path], location, later).accepted


def number(workspace: Workspace, level: int) -> int:
    """The capture of that grey level, wherever it is."""
    views = [view for name in (LOCATION, ELSEWHERE) for view in workspace.captures(name)]
    (found,) = [view.id for view in views if view.file_name == f"{level}.png"]
    return found


def values(workspace: Workspace, name: str) -> list[float]:
    with workspace.database.session() as session:
        place = queries.location(session, name)
        return [seen.value for seen in queries.series(session, place.id, "max_width_px").observations]


def move(workspace: Workspace, level: int, name: str = ELSEWHERE) -> None:
    move_capture(workspace.database, number(workspace, level), name, workspace.clock())


def states(workspace: Workspace, name: str) -> list[AlertState]:
    return [one.new for one in workspace.transitions() if one.location == name and one.subject == "max_width_px level"]


def level_rule(workspace: Workspace, name: str) -> None:
    add_rule(workspace.database, name, "max_width_px", RuleKind.LEVEL, 5.5, 5.4, workspace.clock())


Steps = list[Callable[[Workspace, Gauge], None]]


def _work(workspace: Workspace, gauge: Gauge) -> None:
    for _ in range(2):
        workspace.clock.turn(minutes=1)
        workspace.jobs(gauge).tick()


def _misfile(workspace: Workspace, _gauge: Gauge) -> None:
    file(workspace, LOCATION, *NORTH, MISFILED)


def _others(workspace: Workspace, _gauge: Gauge) -> None:
    file(workspace, ELSEWHERE, *(one for one in SOUTH if one != MISFILED))


def _move(workspace: Workspace, _gauge: Gauge) -> None:
    move(workspace, MISFILED[0])


ORDERS: dict[str, Steps] = {
    "before anything is measured": [_misfile, _others, _move, _work],
    "after all was measured": [_misfile, _others, _work, _move, _work],
    "after it was measured": [_misfile, _work, _others, _move, _work],
    "before its new neighbours were measured": [_misfile, _work, _move, _others, _work],
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_moved_capture_ends_up_as_if_it_had_been_taken_in_where_it_belongs(two_walls: Workspace, order: str) -> None:
    gauge = Gauge()
    for name in (LOCATION, ELSEWHERE):
        level_rule(two_walls, name)
    for step in ORDERS[order]:
        step(two_walls, gauge)
    assert values(two_walls, LOCATION) == [1.0, 2.0, 3.0]
    assert values(two_walls, ELSEWHERE) == [4.0, 5.0, 6.0, 7.0]
    assert gauge.seen.count((60, 40, True)) == 1, "it was measured once against its own reference"
    assert (states(two_walls, LOCATION) or [AlertState.OK])[-1] is AlertState.OK
    assert states(two_walls, ELSEWHERE)[-1] is AlertState.FIRING
    with two_walls.database.session() as session:
        assert queries.unfitted(session) == []
        for name, count in ((LOCATION, 3), (ELSEWHERE, 4)):
            place = queries.location(session, name)
            lines = [one.fit for one in queries.fits(session, place.id) if one.fit.metric == "max_width_px"]
            assert {fit.n for fit in lines} == {count}


def test_an_alert_that_a_misfiled_photo_raised_clears_as_it_goes(two_walls: Workspace) -> None:
    level_rule(two_walls, LOCATION)
    for step in (_misfile, _work):
        step(two_walls, Gauge())
    assert states(two_walls, LOCATION) == [AlertState.FIRING]
    file(two_walls, ELSEWHERE, SOUTH[0])
    move(two_walls, 60)
    assert states(two_walls, LOCATION) == [AlertState.FIRING, AlertState.OK]
    assert values(two_walls, LOCATION) == [1.0, 2.0, 3.0]


def test_an_alert_that_a_withdrawn_photo_raised_clears_and_comes_back_with_it(two_walls: Workspace) -> None:
    level_rule(two_walls, LOCATION)
    for step in (_misfile, _work):
        step(two_walls, Gauge())
    capture_id, now = number(two_walls, 60), two_walls.clock.turn(minutes=1)
    withdraw_capture(two_walls.database, capture_id, "It shows a cat.", now, by="Ada")
    assert states(two_walls, LOCATION) == [AlertState.FIRING, AlertState.OK]
    assert values(two_walls, LOCATION) == [1.0, 2.0, 3.0]
    path = two_walls.drop("again.png", photo(60, days=2))
    (refusal,) = Ingest(two_walls.database, two_walls.settings).take([path], LOCATION, two_walls.clock()).rejected
    assert f"is the same file as capture {capture_id}, which was withdrawn: It shows a cat." in refusal.reason
    assert f"'crackmonitor capture restore {capture_id}' takes it back" in refusal.reason
    path.unlink()
    restore_capture(two_walls.database, capture_id, "The cat sat beside the crack.", now, by="Ada")
    _work(two_walls, Gauge())
    assert states(two_walls, LOCATION) == [AlertState.FIRING, AlertState.OK, AlertState.FIRING]
    assert 6.0 in values(two_walls, LOCATION)


def test_a_location_that_has_nothing_to_do_with_a_move_is_not_judged_anew(two_walls: Workspace) -> None:
    two_walls.add_location("east-wall")
    for name in (LOCATION, "east-wall"):
        level_rule(two_walls, name)
    file(two_walls, LOCATION, *NORTH, MISFILED)
    file(two_walls, "east-wall", (80, 0.0), (90, 1.0))
    file(two_walls, ELSEWHERE, SOUTH[0])
    _work(two_walls, Gauge())
    with two_walls.database.session() as session:
        east = queries.location(session, "east-wall").id
        before = [view.fitted_at for view in queries.fits(session, east)]
    two_walls.clock.turn(minutes=1)
    move(two_walls, 60)
    with two_walls.database.session() as session:
        assert [view.fitted_at for view in queries.fits(session, east)] == before


def test_a_photo_moved_while_it_is_in_hand_is_measured_where_it_belongs(two_walls: Workspace) -> None:
    file(two_walls, LOCATION, *NORTH, MISFILED)
    file(two_walls, ELSEWHERE, SOUTH[0])
    gauge: Gauge

    @contextmanager
    def meanwhile() -> Iterator[None]:
        if gauge.seen[-1][:2] == (60, 10):
            move(two_walls, 60)
        yield

    gauge = Gauge(hold=meanwhile)
    two_walls.jobs(gauge).tick()
    assert [seen for seen in gauge.seen if seen[0] == 60] == [(60, 10, True), (60, 40, True)]
    assert (values(two_walls, LOCATION), values(two_walls, ELSEWHERE)) == ([1.0, 2.0, 3.0], [4.0, 6.0])


def test_work_whose_new_reference_is_not_read_yet_is_let_go(two_walls: Workspace) -> None:
    """Moved between being chosen and being claimed; without its reference's mask its number would be another."""
    file(two_walls, LOCATION, *NORTH, MISFILED)
    file(two_walls, ELSEWHERE, SOUTH[0])
    gauge = Gauge()
    jobs = two_walls.jobs(gauge)
    for with_reference in (False, True):
        if with_reference:
            jobs._choose_references()
        else:
            move(two_walls, 60)
        work = Work(number(two_walls, 60), gauge.recipe.fingerprint, attempts=1, last_error=None)
        assert jobs._begin(work, jobs.analyser) == {}
        assert gauge.seen == []
    jobs.tick()
    assert (60, 40, True) in gauge.seen


def test_a_reference_is_not_moved_and_neither_history_changes(two_walls: Workspace) -> None:
    for step in (_misfile, _others, _work):
        step(two_walls, Gauge())
    with pytest.raises(MisuseError, match="is the reference of 'north-wall'"):
        move(two_walls, 10)
    with pytest.raises(UnknownNameError, match="Known: north-wall, south-wall"):
        move(two_walls, 60, "east-wall")
    assert values(two_walls, LOCATION) == [1.0, 2.0, 3.0, 6.0]


def test_a_photo_dropped_where_it_belongs_is_told_how_to_get_there(two_walls: Workspace) -> None:
    file(two_walls, LOCATION, MISFILED)
    path = two_walls.drop("again.png", photo(60, days=2), ELSEWHERE)
    two_walls.scan()
    (refusal,) = two_walls.scan().rejected
    assert f"'crackmonitor capture move {number(two_walls, 60)} --location {ELSEWHERE}'" in refusal.reason
    assert not path.exists()


def lose(workspace: Workspace, level: int) -> Callable[[], object]:
    """Put an original away; returns what puts it back."""
    capture = next(view for view in workspace.captures() if view.file_name == f"{level}.png")
    original = original_path(workspace.settings.originals, capture.sha256, "image/png")
    away = original.rename(workspace.settings.workspace / "away.png")
    return lambda: away.rename(original)


def give_up(workspace: Workspace, jobs: Jobs) -> None:
    for _ in range(6):
        jobs.tick()
        workspace.clock.turn(minutes=30)


@pytest.mark.parametrize(("lost", "also_failed"), [(20, []), (10, [20, 30])], ids=["other", "reference"])
def test_a_capture_whose_lost_original_is_back_is_measured(
    two_walls: Workspace, lost: int, also_failed: list[int]
) -> None:
    file(two_walls, LOCATION, *NORTH)
    jobs = two_walls.jobs(Gauge())
    bring_back = lose(two_walls, lost)
    give_up(two_walls, jobs)
    failed = sorted(number(two_walls, level) for level in (lost, *also_failed))
    assert len(values(two_walls, LOCATION)) == 3 - len(failed)
    with pytest.raises(LostOriginalError, match=f"{lost}.png is not back yet"):
        measure_again(two_walls.database, two_walls.settings, failed[0], two_walls.clock())
    with two_walls.database.session() as session:
        assert queries.superseded(session, two_walls.location_id) == []
    bring_back()
    assert measure_again(two_walls.database, two_walls.settings, failed[0], two_walls.clock()) == failed
    jobs.tick()
    assert values(two_walls, LOCATION) == [1.0, 2.0, 3.0]
    with two_walls.database.session() as session:
        assert queries.unfitted(session) == []
        former = queries.superseded(session, two_walls.location_id)
    assert [one.capture_id for one in former] == failed
    assert {one.reading.status for one in former} == {Status.NOT_MEASURED}
    with pytest.raises(MisuseError, match="gives the same numbers"):
        measure_again(two_walls.database, two_walls.settings, failed[0], two_walls.clock())


def test_what_was_measured_beside_a_failed_reference_is_measured_again_by_the_same_worker(workspace: Workspace) -> None:
    """With its cracks known now; and no alert comes or goes for want of readings meanwhile."""
    level_rule(workspace, LOCATION)
    workspace.take(photo(10), photo(60, days=1), photo(70, days=2))
    gauge = Gauge()
    gauge.broken = {10}
    jobs = workspace.jobs(gauge)
    give_up(workspace, jobs)
    assert {seen for seen in gauge.seen if seen[0] > 10} == {(60, 10, False), (70, 10, False)}
    assert states(workspace, LOCATION) == [AlertState.FIRING]
    reference = workspace.captures()[0].id
    gauge.seen.clear()
    assert len(measure_again(workspace.database, workspace.settings, reference, workspace.clock())) == 3
    jobs.tick()
    assert values(workspace, LOCATION) == [], "the reference fails once more, and the others wait for it"
    gauge.broken = set()
    give_up(workspace, jobs)
    assert gauge.seen == [(10, None, False), (10, None, False), (60, 10, True), (70, 10, True)]
    assert values(workspace, LOCATION) == [1.0, 6.0, 7.0]
    assert states(workspace, LOCATION) == [AlertState.FIRING]


def test_a_confirmed_time_is_certain_and_an_unknown_capture_is_said(workspace: Workspace) -> None:
    (undated,) = workspace.take(photo(days=None))
    confirm_time(workspace.database, undated, NOW, workspace.clock())
    (capture,) = workspace.captures()
    assert capture.time is not None
    assert (capture.time.at, capture.time.source) == (NOW, TimeSource.PERSON)
    with pytest.raises(MisuseError, match="no capture with the id 99"):
        confirm_time(workspace.database, 99, NOW, workspace.clock())
