"""Several workers on one database: processes of their own, of which one is killed or held up in the middle."""

import os
import shutil
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from killed_workers import examined_here
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from soaking import times
from sqlalchemy import func, select

from monitor.errors import StorageError
from monitor.records import Scale, ScaleOrigin
from monitor.service import ingest, jobs, judging
from monitor.service.leases import Leases, SharedClock
from monitor.service.places import set_scale
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.tables import ClaimRow, LeaseRow, ReadingRow

ELSEWHERE = "south-wall"
#: Long enough for a busy machine, short enough to wait for.
LEASE = timedelta(seconds=times(2, 15))
COUNT, WORKERS = times(12, 300), times(3, 8)
#: So many analyses may be begun in vain: the struck worker's; with short leases a busy machine lets others run out.
IN_VAIN = times(WORKERS, 1)


def true_time() -> datetime:
    return datetime.now(UTC)


class Noted(Gauge):
    """Writes every analysis it begins into a file that all workers share; `strike` is called within the third."""

    def __init__(self, notes: Path, name: str, strike: Callable[[], None] = lambda: None) -> None:
        super().__init__(hold=self._begun)
        self._notes, self._name, self._strike = notes, name, strike

    @contextmanager
    def _begun(self) -> Iterator[None]:
        with self._notes.open("a", encoding="utf-8") as file:
            file.write(f"{self._name} {self.levels[-1]}\n")
        time.sleep(0.01)
        if len(self.seen) == 3:
            self._strike()
        yield


@pytest.fixture
def walls(shared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two walls with photos that nobody has analysed yet."""
    monkeypatch.setattr(ingest, "examine", examined_here)
    return _furnished(shared_workspace)


def _furnished(workspace: Workspace) -> Workspace:
    workspace.settings.worker.lease_minutes = LEASE / timedelta(minutes=1)
    workspace.clock.at = true_time()
    workspace.add_location(ELSEWHERE)
    for name in (LOCATION, ELSEWHERE):
        set_scale(workspace.database, name, Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
    _deliver(workspace, 0)
    return workspace


def _deliver(workspace: Workspace, first: int) -> None:
    """Photos of a crack that opens, by turns of either wall; each has a level of its own."""
    folder = workspace.settings.workspace / "by hand"
    folder.mkdir(exist_ok=True)
    for number in range(first, first + COUNT):
        path = folder / f"{number}.png"
        # the time it was taken tells photos of the same level apart
        path.write_bytes(photo(10 + number % 240, days=-2 * (900 - number), shape=(16, 24)))
        place = (LOCATION, ELSEWHERE)[number % 2]
        assert ingest.Ingest(workspace.database, workspace.settings).take([path], place, true_time()).accepted


def _forked(work: Callable[[], None]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, whose locks are not touched
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def _between_renewals(strike: Callable[[], None]) -> Callable[[], None]:
    """For a worker's own process. Stopped within a transaction, it would keep the lock of a SQLite file, and all others
    with it for as long.
    """
    quiet, renew = threading.Lock(), Leases.renew

    def renew_in_turn(leases: Leases) -> None:
        with quiet:
            renew(leases)

    def struck() -> None:
        with quiet:
            strike()

    Leases.renew = renew_in_turn  # type: ignore[method-assign]
    return struck


def _work_until_all_is_read(workspace: Workspace, gauge: Gauge, name: str) -> None:
    worker = workspace.jobs(gauge, worker=name)
    worker._clock = worker._leases._clock = true_time
    ends = time.monotonic() + times(120, 1200)
    while time.monotonic() < ends:
        worker.tick()
        with workspace.database.session() as session:
            unfinished = queries.pending(session, gauge.recipe.fingerprint) or queries.unfitted(session)
        if not unfinished:
            return
        time.sleep(0.1)
    raise TimeoutError


def _crowd(workspace: Workspace, strike: Callable[[], None]) -> tuple[Path, list[int]]:
    """Several workers at once, the first of which is struck; the processes' ids, that one's first."""
    notes = workspace.settings.workspace / "notes.txt"
    notes.unlink(missing_ok=True)
    workspace.database.close()  # each process opens its own connections

    def work(number: int) -> None:
        gauge = Noted(notes, f"worker{number}", _between_renewals(strike) if number == 0 else lambda: None)
        # So that there is something in the struck hand, and others do not end everything before it is struck.
        while number and (not notes.exists() or len(_begun(notes)) < 3):
            time.sleep(0.01)
        _work_until_all_is_read(workspace, gauge, f"worker{number}")

    return notes, [_forked(lambda number=number: work(number)) for number in range(WORKERS)]  # type: ignore[misc]


def _end_state(workspace: Workspace) -> dict[str, Any]:
    """What is known in the end, without ids and times of measuring."""
    found: dict[str, Any] = {}
    with workspace.database.session() as session:
        for place in queries.locations(session):
            readings = queries.captures(session, place.id, Gauge().recipe.fingerprint)
            transitions = [one for one in queries.transitions(session) if one.location_id == place.id]
            found[place.name] = {
                "readings": [
                    (view.sha256, view.reading and (view.reading.status, view.reading.severity, view.reading.pictures))
                    for view in readings
                ],
                "series": place.fingerprint,
                "fits": sorted(repr(view.fit) for view in queries.fits(session, place.id)),
                "verdicts": [(one.outcome, one.evidence, one.rate) for one in queries.verdicts(session, place.id)],
                "levels": [stand.level for stand in queries.trigger_stands(session, place.id)],
                "history": [(seen.at, seen.value) for seen in judging.history(session, place).observations],
                "alerts": sorted((one.subject, one.old, one.new) for one in transitions),
            }
    return found


def _begun(notes: Path) -> list[tuple[str, str]]:
    return [(line.split()[0], line.split()[1]) for line in notes.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def alone(made: Path, tmp_path: Path, walls: Workspace) -> dict[str, Any]:
    """What one undisturbed worker comes to with the same photos."""
    folder = tmp_path / "alone"
    shutil.copytree(made, folder)
    settings = load_settings(folder)
    with closing(Database(settings.resolved_database_url)) as database:
        workspace = _furnished(Workspace(settings, database))
        _work_until_all_is_read(workspace, Gauge(), "alone")
        return _end_state(workspace)


def _each_is_read_once(workspace: Workspace, captures: int) -> None:
    with workspace.database.session() as session:
        standing = select(func.count()).select_from(ReadingRow).where(ReadingRow.stands())
        assert session.scalar(standing) == captures
        assert session.scalar(standing.with_only_columns(func.count(ReadingRow.capture_id.distinct()))) == captures
        assert session.scalar(select(func.count()).select_from(ClaimRow).where(ClaimRow.token.is_not(None))) == 0


@pytest.mark.soak
def test_of_several_workers_one_is_killed_and_every_capture_is_measured_once(
    walls: Workspace, alone: dict[str, Any]
) -> None:
    notes, children = _crowd(walls, lambda: os.kill(os.getpid(), signal.SIGKILL))
    status = [os.waitpid(child, 0)[1] for child in children]
    assert os.WTERMSIG(status[0]) == signal.SIGKILL
    assert [os.waitstatus_to_exitcode(one) for one in status[1:]] == [0] * (WORKERS - 1)
    begun = _begun(notes)
    last = [level for name, level in begun if name == "worker0"][-1]
    again = [name for name, level in begun if level == last]
    assert COUNT < len(begun) <= COUNT + IN_VAIN, "what was in the dead worker's hand was begun once more"
    assert len(again) >= 2
    assert len({name for name, _ in begun}) > 1, "nobody shared the work"
    _each_is_read_once(walls, COUNT)
    assert _end_state(walls) == alone


@pytest.mark.soak
def test_a_worker_that_was_held_up_longer_than_its_lease_writes_no_second_reading(
    walls: Workspace, alone: dict[str, Any]
) -> None:
    notes, children = _crowd(walls, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    held_up, status = os.waitpid(children[0], os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children[1:]]
    assert ended == [0] * (WORKERS - 1), "the others did its work as well"
    with walls.database.session() as session:
        before = session.execute(select(ReadingRow.id, ReadingRow.measured_at).order_by(ReadingRow.id)).all()
    walls.database.close()
    os.kill(held_up, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(os.waitpid(held_up, 0)[1]) == 0
    with walls.database.session() as session:
        assert session.execute(select(ReadingRow.id, ReadingRow.measured_at).order_by(ReadingRow.id)).all() == before
    assert COUNT < len(_begun(notes)) <= COUNT + IN_VAIN
    _each_is_read_once(walls, COUNT)
    assert _end_state(walls) == alone


def _impatient(workspace: Workspace, gauge: Gauge, name: str) -> jobs.Jobs:
    worker = workspace.jobs(gauge, worker=name)
    worker._clock = worker._leases._clock = true_time
    worker._leases.span = timedelta(seconds=0.3)
    return worker


def test_what_takes_longer_than_a_lease_is_renewed_and_left_alone(shared_workspace: Workspace) -> None:
    shared_workspace.take(photo(10))
    other = Gauge()

    @contextmanager
    def meanwhile() -> Iterator[None]:
        time.sleep(1.2)
        _impatient(shared_workspace, other, "two").analyse_pending()
        yield

    _impatient(shared_workspace, Gauge(hold=meanwhile), "one").analyse_pending()
    assert other.seen == []
    (view,) = shared_workspace.captures(fingerprint=other.recipe.fingerprint)
    assert view.reading is not None


def test_what_was_lost_is_renewed_no_more_and_what_got_stuck_neither(
    shared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = shared_workspace
    leases = Leases(workspace.database, workspace.clock, timedelta(minutes=10))
    with leases.alone_at("following 1", "one") as alone:
        assert alone
        with Leases(workspace.database, workspace.clock, timedelta(minutes=10)).alone_at("following 1", "two") as also:
            assert not also
        workspace.clock.turn(minutes=9)
        leases.renew()
        workspace.clock.turn(minutes=9)
        with Leases(workspace.database, workspace.clock, timedelta(minutes=10)).alone_at("following 1", "two") as also:
            assert not also, "it was renewed"
        monkeypatch.setattr("monitor.service.leases._LONGEST", timedelta(0))
        leases.renew()
        workspace.clock.turn(minutes=2)
        with Leases(workspace.database, workspace.clock, timedelta(minutes=10)).alone_at("following 1", "two") as also:
            assert also, "it got stuck"
            monkeypatch.undo()
            leases.renew()
            assert leases._since == {}
    with workspace.database.session() as session:
        assert session.scalars(select(LeaseRow)).all() == []


def test_a_location_waits_for_an_older_capture_that_another_worker_has_in_hand(shared_workspace: Workspace) -> None:
    """Judged without it, alarms would call it late once it is read, and never look at it."""
    workspace = shared_workspace
    workspace.drop_and_work(Gauge(), 10)
    workspace.take(photo(20, days=2), photo(30, days=3))
    first, second = Gauge(), Gauge()
    judged: list[int] = []

    @contextmanager
    def meanwhile() -> Iterator[None]:
        if not judged:
            worker = workspace.jobs(second, worker="two")
            judged.extend((worker.analyse_pending(), worker.judge_changed()))
        yield

    first._hold = meanwhile
    done = workspace.jobs(first, worker="one").tick()
    assert (first.levels, second.levels) == ([20], [30])
    assert judged == [1, 0]
    assert done.judged == 1
    with workspace.database.session() as session:
        assert max(view.fit.n for view in queries.fits(session, workspace.location_id)) == 3


def test_workers_go_by_the_clock_of_their_server(
    shared_workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = shared_workspace.database
    clock = SharedClock(database, lambda: true_time() + timedelta(minutes=5))
    clock.compare()
    ahead = clock() - true_time()
    if database.file:
        assert abs(ahead - timedelta(minutes=5)) < timedelta(seconds=2)
        assert caplog.text == ""
        return
    assert abs(ahead) < timedelta(seconds=2)
    assert "+300 s off the database's" in caplog.text

    def gone() -> datetime:
        raise StorageError("The database is gone.")

    monkeypatch.setattr(database, "time", gone)
    clock.compare()
    assert abs(clock() - true_time()) < timedelta(seconds=2)


def test_leases_that_cannot_be_renewed_now_are_renewed_as_soon_as_they_can(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leases = Leases(workspace.database, true_time, timedelta(seconds=0.06))
    renewed, tries = threading.Event(), [0]
    renew = leases.renew

    def away_at_first() -> None:
        tries[0] += 1
        if tries[0] < 3:
            raise StorageError("The database is gone.")
        renew()
        renewed.set()

    monkeypatch.setattr(leases, "renew", away_at_first)
    with leases:
        assert renewed.wait(20)
    assert caplog.text.count("What is in hand could not be renewed: The database is gone.") == 2


def test_many_claims_at_once_pass_each_other_by(shared_workspace: Workspace) -> None:
    """None waits until another's transaction ends: on PostgreSQL a row in another's hands is passed over."""
    workspace = shared_workspace
    workspace.take(photo(10))
    workspace.jobs(Gauge()).tick()
    workspace.take(photo(20, days=1), photo(30, days=2))
    if workspace.database.file:
        pytest.skip("SQLite has one writer at a time")

    def claim(session: Any, name: str) -> repository.Work | None:
        now, lease = workspace.clock(), timedelta(minutes=10)
        fingerprint = Gauge().recipe.fingerprint
        return repository.claim_next(session, fingerprint=fingerprint, worker=name, now=now, lease=lease)

    found: list[repository.Work | None] = []
    with workspace.database.transaction() as session:
        first = claim(session, "one")

        def other() -> None:
            with workspace.database.transaction() as own:
                found.append(claim(own, "two"))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)
    thread.join()
    assert first is not None
    assert found[0] is not None
    assert found[0].capture_id != first.capture_id
