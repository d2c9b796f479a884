"""The worker's round: references, retries, and work that is done once whatever happens around it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from service_examples import Gauge, Workspace, photo

from monitor.errors import WeightsError
from monitor.records import Status
from monitor.service.ingest import Ingest, original_path
from monitor.storage import queries, repository
from monitor.storage.views import CaptureView, ReadingView


def reading(capture: CaptureView) -> ReadingView:
    assert capture.reading is not None, f"{capture.file_name} has no reading"
    return capture.reading


def states(workspace: Workspace) -> list[Status | None]:
    """What became of the captures, by capture time."""
    return [None if view.reading is None else view.reading.status for view in workspace.captures()]


def test_a_round_takes_a_photo_from_inbox_to_reading_and_gives_a_sign_of_life(workspace: Workspace) -> None:
    workspace.drop("a.png", photo(50))
    jobs = workspace.jobs(Gauge())
    assert jobs.tick().analysed == 0
    workspace.clock.turn(minutes=1)
    tick = jobs.tick()
    assert (len(tick.intake.accepted), tick.analysed, tick.judged) == (1, 1, 1)
    (capture,) = workspace.captures()
    found = reading(capture)
    assert (found.status, found.measured_at, capture.is_reference) == (Status.MEASURED, workspace.clock(), True)
    assert found.severity is not None
    assert found.severity.max_width_px == 5.0
    assert set(found.pictures) == {"aligned", "mask", "relevance", "overlay"}
    assert all((workspace.settings.pictures / name).is_file() for name in found.pictures.values())
    with workspace.database.session() as session:
        (beat,) = queries.heartbeats(session)
    assert (beat.name, beat.at, beat.detail) == ("one", workspace.clock(), {"analysed": 1, "sent": 0})
    assert jobs.tick().analysed == 0


def test_the_oldest_photo_is_the_reference_and_all_others_are_registered_to_it(workspace: Workspace) -> None:
    workspace.take(photo(30, days=3), photo(10, days=1), photo(20, days=2))
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert gauge.seen == [(10, None, False), (20, 10, True), (30, 10, True)]
    assert [capture.is_reference for capture in workspace.captures()] == [True, False, False]


def test_a_reference_lends_only_cracks_that_it_is_sure_of(workspace: Workspace) -> None:
    workspace.take(photo(30), photo(40, days=1))
    gauge = Gauge()
    gauge.doubtful = {30}
    workspace.jobs(gauge).tick()
    assert gauge.seen == [(30, None, False), (40, 30, False)]


def test_an_older_photo_that_comes_later_does_not_change_the_reference(workspace: Workspace) -> None:
    workspace.take(photo(20, days=2))
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    workspace.take(photo(10, days=1))
    workspace.jobs(gauge).tick()
    assert gauge.seen == [(20, None, False), (10, 20, True)]


def test_each_location_has_its_own_reference(workspace: Workspace) -> None:
    workspace.clock.turn(days=3)
    workspace.add_location("south-wall")
    for folder, level in (("north-wall", 10), ("south-wall", 20)):
        workspace.drop("a.png", photo(level, days=1), folder)
        workspace.drop("b.png", photo(level + 5, days=2), folder)
    workspace.scan()
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert sorted(gauge.seen) == [(10, None, False), (15, 10, True), (20, None, False), (25, 20, True)]


def test_a_location_whose_first_photo_comes_while_others_are_analysed_gets_its_reference(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    gauge: Gauge

    @contextmanager
    def meanwhile() -> Iterator[None]:
        if len(gauge.seen) == 1:
            workspace.add_location("south-wall")
            file = workspace.drop("a.png", photo(30, days=-9), "south-wall")
            Ingest(workspace.database, workspace.settings).take([file], "south-wall", workspace.clock())
        yield

    gauge = Gauge(hold=meanwhile)
    assert workspace.jobs(gauge).tick().analysed == 3
    assert sorted(gauge.seen) == [(10, None, False), (20, 10, True), (30, None, False)]


def test_a_capture_that_raises_is_tried_again_after_a_pause_and_then_becomes_a_row(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1), photo(30, days=2))
    gauge = Gauge()
    gauge.broken = {20}
    jobs = workspace.jobs(gauge)
    jobs.tick()
    assert gauge.levels == [10, 20, 30]
    views = workspace.captures(fingerprint=gauge.recipe.fingerprint)
    assert [view.reading is None for view in views] == [False, True, False]
    tries = [workspace.clock()]
    while len(gauge.levels) < 5:
        workspace.clock.turn(seconds=20)
        jobs.tick()
        if len(gauge.levels) == 3 + len(tries):
            tries.append(workspace.clock())
    assert [later - sooner for sooner, later in pairwise(tries)] == [timedelta(minutes=2), timedelta(minutes=4)]
    assert states(workspace) == [Status.MEASURED, Status.NOT_MEASURED, Status.MEASURED]
    assert reading(workspace.captures()[1]).reason == "The analysis failed: out of memory at 20"
    workspace.clock.turn(days=1)
    jobs.tick()
    assert len(gauge.levels) == 5


def test_a_capture_that_recovers_is_measured(workspace: Workspace) -> None:
    workspace.take(photo(10))
    gauge = Gauge()
    gauge.broken = {10}
    jobs = workspace.jobs(gauge)
    jobs.tick()
    gauge.broken = set()
    workspace.clock.turn(minutes=2)
    jobs.tick()
    assert states(workspace) == [Status.MEASURED]


def test_a_capture_that_keeps_killing_its_worker_is_given_up_without_another_try(workspace: Workspace) -> None:
    first, second = workspace.take(photo(10), photo(20, days=1))

    @contextmanager
    def killed() -> Iterator[None]:
        raise SystemExit
        yield

    for _ in range(3):
        dying = Gauge(hold=killed)
        with pytest.raises(SystemExit):
            workspace.jobs(dying).tick()
        assert dying.levels == [10]
        workspace.clock.turn(minutes=31)
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert gauge.levels == [20]
    lost, kept = workspace.captures()
    assert (lost.id, kept.id) == (first, second)
    assert states(workspace) == [Status.NOT_MEASURED, Status.MEASURED]
    assert "3 times" in str(reading(lost).reason)


@pytest.mark.parametrize("empty", [False, True], ids=["absent", "empty"])
def test_while_the_folder_of_the_originals_is_not_mounted_captures_wait(workspace: Workspace, empty: bool) -> None:
    workspace.take(photo(10), photo(20, days=1))
    originals = workspace.settings.originals
    away = originals.rename(originals.with_name("away"))
    if empty:
        originals.mkdir()
    gauge = Gauge()
    jobs = workspace.jobs(gauge)
    for _ in range(5):
        jobs.tick()
        assert gauge.levels == []
        workspace.clock.turn(minutes=60)
    if empty:
        originals.rmdir()
    away.rename(originals)
    jobs.tick()
    assert gauge.levels == [10, 20]
    assert states(workspace) == [Status.MEASURED, Status.MEASURED]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [(0, [Status.NOT_MEASURED] * 2), (1, [Status.MEASURED, Status.NOT_MEASURED])],
    ids=["reference", "other"],
)
def test_one_lost_original_becomes_a_row_that_says_what_to_do_and_holds_up_nothing(
    workspace: Workspace, lost: int, expected: list[Status]
) -> None:
    workspace.take(photo(10), photo(20, days=1))
    capture = workspace.captures()[lost]
    original = original_path(workspace.settings.originals, capture.sha256, "image/png")
    original.unlink()
    jobs = workspace.jobs(Gauge())
    jobs.tick()
    assert states(workspace)[lost] is None, "it is tried again first"
    for _ in range(5):
        workspace.clock.turn(minutes=60)
        jobs.tick()
    assert states(workspace) == expected
    for view in workspace.captures()[lost:]:
        assert f"The original of {capture.file_name} is missing. Put it back as {original}" in str(reading(view).reason)


def beats(workspace: Workspace) -> list[dict[str, object]]:
    with workspace.database.session() as session:
        return [dict(beat.detail) for beat in queries.heartbeats(session)]


def test_every_capture_is_a_sign_of_life(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1), photo(30, days=2))
    seen: list[object] = []

    @contextmanager
    def watched() -> Iterator[None]:
        seen.append(beats(workspace))
        yield

    workspace.jobs(Gauge(hold=watched)).tick()
    assert seen == [[{"analysed": 0, "sent": 0}], [{"analysed": 1, "sent": 0}], [{"analysed": 2, "sent": 0}]]
    assert beats(workspace) == [{"analysed": 3, "sent": 0}]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WeightsError("The weights are absent. Install them."), "The weights are absent. Install them."),
        (RuntimeError("hunter2"), "An unexpected RuntimeError; the worker's log has the details."),
    ],
)
def test_a_round_that_fails_gives_a_sign_of_life_that_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    jobs = workspace.jobs(Gauge())

    def fails(_at_most: float) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "analyse_pending", fails)
        with pytest.raises(type(error)):
            jobs.tick()
    assert beats(workspace) == [{"analysed": 0, "sent": 0, "error": words}]
    jobs.tick()
    assert beats(workspace) == [{"analysed": 0, "sent": 0}]


def test_why_a_file_waits_for_a_person_is_logged_once(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    workspace.drop("a.png", photo(10), "nowhere")
    jobs = workspace.jobs(Gauge())
    for count in (1, 1, 2):
        if count == 2:
            workspace.drop("loose.png", photo(20), ".")
        jobs.tick()
        said = [record.getMessage() for record in caplog.records if "Not taken in yet" in record.getMessage()]
        assert len(said) == count
    assert "no location 'nowhere'" in said[0]
    assert "loose.png" in said[1]


def test_of_a_long_backlog_what_is_measured_is_judged_before_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.service.jobs._AT_ONCE", 2)
    workspace.take(*(photo(level, days=level) for level in range(10, 15)))
    gauge = Gauge()
    jobs = workspace.jobs(gauge)
    judged: list[int] = []

    def judge() -> int:
        judged.append(len(gauge.seen))
        return 0

    monkeypatch.setattr(jobs, "judge_changed", judge)
    assert jobs.tick().analysed == 5
    assert judged == [2, 4, 5]


def test_limits_for_incoming_files_do_not_apply_to_what_was_accepted(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    workspace.settings.ingest.max_megapixels = 0.00001
    workspace.settings.ingest.max_file_mb = 0.00001
    workspace.jobs(Gauge()).tick()
    assert states(workspace) == [Status.MEASURED, Status.MEASURED]


def test_two_workers_analyse_each_capture_once(shared_workspace: Workspace) -> None:
    shared_workspace.take(*(photo(level, days=level) for level in range(10, 30)))
    together = threading.Barrier(2)
    gauges = [Gauge(), Gauge()]
    shared_workspace.jobs(gauges[0])._choose_references()

    def work(gauge: Gauge) -> None:
        together.wait(timeout=20)
        for _ in range(3):
            shared_workspace.jobs(gauge, worker=f"worker {id(gauge)}").analyse_pending()

    workers = [threading.Thread(target=work, args=(gauge,)) for gauge in gauges]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(gauges[0].levels + gauges[1].levels) == list(range(10, 30))
    assert set(states(shared_workspace)) == {Status.MEASURED}


def test_captures_wait_until_their_reference_was_read_so_that_its_cracks_are_known(shared_workspace: Workspace) -> None:
    """Otherwise their numbers would depend on which worker was faster."""
    shared_workspace.take(photo(10), photo(20, days=1))
    other = Gauge()

    @contextmanager
    def meanwhile() -> Iterator[None]:
        if not other.seen:
            shared_workspace.jobs(other, worker="two").analyse_pending()
        yield

    gauge = Gauge(hold=meanwhile)
    shared_workspace.jobs(gauge).tick()
    assert other.seen == []
    assert gauge.seen == [(10, None, False), (20, 10, True)]


def test_a_reference_changed_while_a_capture_is_in_hand_spoils_no_number(workspace: Workspace) -> None:
    """What was found in the old reference's frame must not stand beside numbers of the new one."""
    _, second = workspace.take(photo(10), photo(20, days=1))

    @contextmanager
    def changed() -> Iterator[None]:
        with workspace.database.transaction() as session:
            repository.set_reference(session, workspace.location_id, second, workspace.clock())
        yield

    gauge = Gauge(hold=changed)
    workspace.jobs(gauge).tick()
    assert gauge.seen == [(10, None, False), (20, None, False), (10, 20, True)]
    assert [reading(view).registration is None for view in workspace.captures()] == [False, True]


def test_a_stop_lets_the_capture_in_hand_finish_and_starts_no_other(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    stop = threading.Event()

    @contextmanager
    def told() -> Iterator[None]:
        stop.set()
        yield

    gauge = Gauge(hold=told)
    workspace.jobs(gauge, stop=stop).tick()
    assert gauge.levels == [10]
    views = workspace.captures(fingerprint=gauge.recipe.fingerprint)
    assert [view.reading is None for view in views] == [False, True]
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert gauge.levels == [20]


def test_a_stop_leaves_cracks_that_are_not_followed_yet_for_the_next_worker(workspace: Workspace) -> None:
    stop = threading.Event()
    workspace.take(photo(10), photo(20, days=1))
    jobs = workspace.jobs(Gauge(), stop=stop)
    jobs.analyse_pending()
    stop.set()
    jobs.judge_changed()
    with workspace.database.session() as session:
        assert [place.name for place in queries.unfollowed(session)] == ["north-wall"]
    workspace.jobs(Gauge()).judge_changed()
    with workspace.database.session() as session:
        assert queries.unfollowed(session) == []
