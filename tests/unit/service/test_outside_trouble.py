"""Promise 3: whatever disk, database or clock do, nothing is half done, and all is done once they are well."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo

from monitor.errors import StorageError
from monitor.imaging.files import PictureFile, capture_time
from monitor.records import Status
from monitor.service import ingest, jobs
from monitor.service.ingest import Ingest
from monitor.storage.database import Database

#: With how many half hours of 2024 their clocks show twice.
ZONES = {
    "Europe/Berlin": 2,
    "America/New_York": 2,
    "America/St_Johns": 2,
    "Australia/Lord_Howe": 1,
    "America/Santiago": 2,
    "Asia/Kolkata": 0,
}


class Usage(NamedTuple):
    free: float


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    """A photo waits, and the next scan would take it in."""
    workspace.drop("a.png", photo(10))
    workspace.scan()
    return workspace


def nothing_happened(workspace: Workspace) -> None:
    assert workspace.inbox_files() == [f"{LOCATION}/a.png"]
    assert workspace.captures() == []
    assert workspace.original_files() == workspace.quarantine_files() == []


def test_below_the_floor_of_free_space_nothing_is_taken_in(ready: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: Usage(0.4e9))
        (refusal,) = ready.scan().rejected
        assert "0.4 GB free, and least_free_gb in the settings wants more" in refusal.reason
        assert refusal.reason.endswith("stays where it is.")
        nothing_happened(ready)
        ready.settings.ingest.least_free_gb = 0.3
        assert len(ready.scan().accepted) == 1


def half(reader: IO[bytes], writer: IO[bytes]) -> None:
    writer.write(reader.read(20))
    raise OSError(errno.ENOSPC, "No space left on device")


def broken(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EIO, "Input/output error")


TROUBLE: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "the disk is full half way": (shutil, "copyfileobj", half),
    "the disk does not flush": (ingest.os, "fsync", broken),
    "the disk cannot rename": (Path, "replace", broken),
    "the file cannot be read": (ingest, "digest", broken),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_with_the_disk_leaves_the_file_and_nothing_half_done(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    place, name, breaks = TROUBLE[trouble]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, breaks)
        (refusal,) = ready.scan().rejected
    assert "could not be taken in (" in refusal.reason
    nothing_happened(ready)
    assert len(ready.scan().accepted) == 1


def test_a_disk_too_full_for_pictures_is_not_held_against_the_capture(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is tried."""
    workspace.take(photo(10))
    gauge = Gauge()
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "keep_pictures", broken)
        for _ in range(5):
            workspace.jobs(gauge).analyse_pending()
            workspace.clock.turn(hours=1)
        assert len(gauge.seen) == 5
    workspace.jobs(gauge).analyse_pending()
    (capture,) = workspace.captures(fingerprint=gauge.recipe.fingerprint)
    assert capture.reading is not None
    assert capture.reading.status is Status.MEASURED


def test_a_database_that_is_away_is_not_made_anew_and_all_goes_on_when_it_is_back(ready: Workspace) -> None:
    assert ready.database.file is not None
    ready.database.close()
    away = ready.database.file.rename(ready.database.file.with_name("away.db"))
    with pytest.raises(StorageError, match="There is no database file"):
        ready.scan()
    assert not ready.database.file.exists()
    assert ready.inbox_files() == [f"{LOCATION}/a.png"]
    away.rename(ready.database.file)
    assert len(ready.scan().accepted) == 1


@pytest.fixture
def impatient(ready: Workspace) -> Iterator[Database]:
    with closing(Database(ready.settings.resolved_database_url, busy_seconds=0.05)) as database:
        yield database


def test_a_locked_database_stops_a_scan_and_the_next_one_succeeds(ready: Workspace, impatient: Database) -> None:
    with ready.database.transaction() as session:
        session.connection()  # the only writer from here on
        with pytest.raises(StorageError, match="Another program is writing"):
            Ingest(impatient, ready.settings).scan(NOW + timedelta(hours=1))
    nothing_happened(ready)
    assert len(ready.scan().accepted) == 1


def test_a_clock_that_jumps_holds_no_photo_up_and_doubles_nothing(workspace: Workspace) -> None:
    workspace.drop("a.png", photo(10))
    gauge, at = Gauge(), workspace.clock.at
    for hours in (-9600, 72, -1, 0.1, 1):
        workspace.clock.at = at + timedelta(hours=hours)
        workspace.jobs(gauge).tick()
    (capture,) = workspace.captures(fingerprint=gauge.recipe.fingerprint)
    assert capture.reading is not None
    assert workspace.inbox_files() == []
    assert len(gauge.seen) == 1


@pytest.mark.parametrize(("name", "twice"), ZONES.items())
def test_through_a_year_of_half_hours_no_clock_change_breaks_a_series(name: str, twice: int, tmp_path: Path) -> None:
    """A camera that shows the site's clock, photographing every half hour: told times never run backwards, and are
    right but for the hour (on Lord Howe half of it) that the clocks show twice.
    """
    zone, began = ZoneInfo(name), datetime(2024, 1, 1, tzinfo=UTC)
    before, doubtful = None, 0
    for step in range(2 * 24 * 366):
        true = began + step * timedelta(minutes=30)
        shown = true.astimezone(zone).replace(tzinfo=None, fold=0)
        told = capture_time(PictureFile("image/jpeg", 1, 1, shown, None), tmp_path, zone).at
        if told != true:
            doubtful += 1
            assert timedelta(0) < true - told <= timedelta(hours=1)
        elif before is not None:
            assert told > before
        before = told
    assert doubtful == twice
