"""Promise 2: a worker that is ended at any point loses nothing and doubles nothing; the next one brings it all to the
end that an undisturbed one comes to.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from killed_workers import LEASES, POINTS, deliver_photos, examined_here, killed, remembered, work
from service_examples import LOCATION, NOW, Workspace
from soaking import times
from sqlalchemy import text

from monitor.records import Scale, ScaleOrigin
from monitor.service import ingest
from monitor.service.places import set_scale
from monitor.settings import load_settings
from monitor.storage.database import Database

pytestmark = pytest.mark.soak


class Outcome(NamedTuple):
    stored: dict[str, list[str]]
    files: list[str]
    sent: list[str]


class Bench:
    """One workspace that is put back to where photos lie in its inbox, as often as wanted."""

    def __init__(self, made: Path, folder: Path) -> None:
        self._delivered, self._folder = folder / "delivered", folder / "workspace"
        shutil.copytree(made, self._folder)
        settings = load_settings(self._folder)
        settings.ingest.stable_scans = 1
        self.workspace = Workspace(settings, Database(settings.resolved_database_url))
        set_scale(self.workspace.database, LOCATION, Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
        deliver_photos(self.workspace)
        self.workspace.database.close()
        shutil.copytree(self._folder, self._delivered)

    def put_back(self) -> Workspace:
        shutil.rmtree(self._folder)
        shutil.copytree(self._delivered, self._folder)
        return self.workspace

    def outcome(self) -> Outcome:
        with closing(self.workspace.database) as database:
            with database.session() as session:
                assert session.scalar(text("PRAGMA integrity_check")) == "ok"
                assert session.execute(text("PRAGMA foreign_key_check")).all() == []
            stored = remembered(database)
        places = (self._folder / name for name in ("inbox", "originals", "pictures", "quarantine"))
        kept = [path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".part"]
        for path in (self._folder / "originals").rglob("*.png"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
        sent = (self._folder / "sent.txt").read_text(encoding="utf-8").splitlines()
        return Outcome(stored, sorted(str(path.relative_to(self._folder)) for path in kept), sent)


@pytest.fixture(scope="module")
def bench(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "examine", examined_here)  # each process would take longest to start its decoder
        yield Bench(made, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def undisturbed(bench: Bench) -> Outcome:
    work(bench.put_back(), NOW + LEASES)
    return bench.outcome()


def test_the_undisturbed_worker_has_something_to_lose(undisturbed: Outcome) -> None:
    counts = {name: len(rows) for name, rows in undisturbed.stored.items()}
    assert (counts["capture"], counts["reading"]) == (4, 3)
    assert min(counts[name] for name in ("growth_fit", "verdict", "transition", "notification")) > 0
    assert len(undisturbed.sent) == counts["notification"]
    assert len([name for name in undisturbed.files if name.startswith("originals")]) == 3


def kills() -> list[tuple[str, bool, int]]:
    """One at every point, by turns before and after; and more at random."""
    rng = np.random.default_rng(8)
    names = list(POINTS)
    once = [(point, bool(number % 2), 1) for number, point in enumerate(names)]
    more = times(0, 200 - len(once))
    return once + [(str(rng.choice(names)), bool(rng.integers(2)), int(rng.integers(1, 8))) for _ in range(more)]


@pytest.mark.parametrize(("point", "after", "at_call"), kills())
def test_what_a_killed_worker_began_the_next_one_ends(
    bench: Bench, undisturbed: Outcome, point: str, after: bool, at_call: int
) -> None:
    workspace = bench.put_back()
    was_killed = killed(workspace, point, after, at_call)
    assert was_killed or at_call > 1, f"the worker never came to this point: {point}"
    work(workspace, NOW + LEASES)
    found = bench.outcome()
    for table, rows in undisturbed.stored.items():
        assert found.stored[table] == rows
    assert found.files == undisturbed.files
    assert set(found.sent) == set(undisturbed.sent)
    sent_and_not_recorded = point in ("message sent", "delivery recorded", "commit")
    assert len(found.sent) - len(undisturbed.sent) in ((0, 1) if sent_and_not_recorded else (0,))
