"""Promise 5: a backup taken during writes is whole, comes back whole, and never takes the place of anything."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from soaking import times
from sqlalchemy import insert
from storage_examples import NOW, Place, digest, measured, recipe

from monitor.errors import MisuseError, StorageError
from monitor.records import Status, TimeSource
from monitor.storage import backups, queries, repository
from monitor.storage.backups import back_up, damage, restore
from monitor.storage.database import Database
from monitor.storage.tables import CaptureRow, ReadingRow

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place on SQLite with many readings; only to be copied."""
    path = tmp_path_factory.mktemp("model") / "crackmonitor.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.transaction() as session:
        site = repository.add_site(session, name="Town hall", time_zone="Europe/Berlin", now=NOW)
        place = repository.add_location(session, site_id=site, name="north-wall", interval_days=7, now=NOW)
        fingerprint = repository.record_recipe(session, recipe(), NOW)
        repository.set_series(session, place, fingerprint)
        count = times(500, 100_000)
        session.execute(insert(CaptureRow), [_capture(number, place) for number in range(1, count + 1)])
        session.execute(insert(ReadingRow), [_reading(number, fingerprint) for number in range(1, count + 1)])
    database.close()
    return path


@pytest.fixture
def filled(model: Path, tmp_path: Path) -> Iterator[Place]:
    database = Database(f"sqlite:///{shutil.copy(model, tmp_path)}")
    with database.session() as session:
        place = queries.location(session, "north-wall")
    assert place.fingerprint is not None
    yield Place(database, place.id, place.fingerprint)
    database.close()


def _capture(number: int, place: int) -> dict[str, object]:
    known = {"media_type": "image/jpeg", "height_px": 480, "width_px": 640, "time_source": TimeSource.EXIF_OFFSET}
    at = NOW + timedelta(hours=number)
    named = {"id": number, "location_id": place, "sha256": digest(f"{number}"), "file_name": f"{number}.jpg"}
    return named | known | {"captured_at": at, "received_at": at}


def _reading(number: int, fingerprint: str) -> dict[str, object]:
    numbers = {"crack_count": 1, "area_px": 100.0, "max_width_px": 4.0 + number, "length_px": 50.0}
    found = {"capture_id": number, "fingerprint": fingerprint, "status": Status.MEASURED, "measured_at": NOW}
    return found | numbers | {"pictures": {}, "grade_reasons": []}


def _counts(database: Database) -> tuple[int, int]:
    with database.session() as session:
        return session.query(CaptureRow).count(), session.query(ReadingRow).count()


def test_all_readings_come_back_from_a_backup_in_under_a_minute(filled: Place, tmp_path: Path) -> None:
    with filled.database.session() as session:
        before = queries.series(session, filled.location_id, "max_width_px")
    made = back_up(filled.database, tmp_path / "backup.db")
    assert (made.captures, made.readings) == (len(before.observations),) * 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with closing(Database(f"sqlite:///{elsewhere / 'crackmonitor.db'}")) as restored:
        began = time.monotonic()
        restore(restored, tmp_path / "backup.db")
        assert time.monotonic() - began < 60
        assert restored.check() == damage(restored) == []
        with restored.session() as session:
            assert queries.series(session, filled.location_id, "max_width_px") == before


def test_a_backup_taken_during_writes_holds_one_moment(filled: Place, tmp_path: Path) -> None:
    """A capture and its reading are always written together."""
    stop = threading.Event()
    written = list(range(1))

    def write() -> None:
        while not stop.is_set():
            with filled.database.transaction() as session:
                at, known = NOW + timedelta(days=-len(written)), digest(f"late {len(written)}")
                row = _capture(10**6 + len(written), filled.location_id) | {"sha256": known, "captured_at": at}
                session.execute(insert(CaptureRow), [row])
                repository.record_reading(
                    session, capture_id=10**6 + len(written), analysis=measured(), pictures={}, now=NOW
                )
            written.append(len(written))

    at_first = _counts(filled.database)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [back_up(filled.database, tmp_path / f"backup {number}.db") for number in range(times(3, 20))]
    finally:
        stop.set()
        writer.join()
    assert len(written) > 2, "there were writes meanwhile"
    at_last = _counts(filled.database)
    for copy in made:
        assert copy.captures == copy.readings
        assert at_first <= (copy.captures, copy.readings) <= at_last
        with closing(sqlite3.connect(copy.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == sorted(copy.path.name for copy in made)


def test_nothing_is_ever_replaced(filled: Place, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    kept.write_bytes(b"something dear")
    with pytest.raises(MisuseError, match="never replaces a file"):
        back_up(filled.database, kept)
    back_up(filled.database, tmp_path / "backup.db")
    with pytest.raises(MisuseError, match=r"There is a database already .*Move it away first"):
        restore(filled.database, tmp_path / "backup.db")
    with closing(Database(f"sqlite:///{kept}")) as database, pytest.raises(MisuseError, match="already"):
        restore(database, tmp_path / "backup.db")
    assert kept.read_bytes() == b"something dear"


def test_a_file_made_at_the_last_moment_is_not_replaced_either(
    filled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flush = tmp_path / "backup.db", backups._flush

    def meanwhile(path: Path) -> None:
        target.write_bytes(b"of another")
        flush(path)

    monkeypatch.setattr(backups, "_flush", meanwhile)
    with pytest.raises(MisuseError, match="never replaced"):
        back_up(filled.database, target)
    assert target.read_bytes() == b"of another"
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(200), b"no database" * 99])
def test_what_is_no_backup_is_not_restored(tmp_path: Path, content: bytes) -> None:
    backup = tmp_path / "backup.db"
    backup.write_bytes(content)
    target = tmp_path / "crackmonitor.db"
    with closing(Database(f"sqlite:///{target}")) as database, pytest.raises(StorageError, match="put a backup back"):
        restore(database, backup)
    assert not target.exists()
    assert list(tmp_path.glob(".*.part")) == []


def test_a_damaged_page_is_found_and_not_copied_into_a_backup(filled: Place, tmp_path: Path) -> None:
    copy = back_up(filled.database, tmp_path / "copy.db").path
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xff" * 4096
    copy.write_bytes(content)
    with closing(Database(f"sqlite:///{copy}")) as damaged:
        assert "ut a backup back" in damage(damaged)[0]
        with pytest.raises(StorageError):
            back_up(damaged, tmp_path / "worse.db")
    assert not (tmp_path / "worse.db").exists()


def test_rows_that_name_no_row_are_found(filled: Place) -> None:
    assert filled.database.file is not None
    with closing(sqlite3.connect(filled.database.file)) as connection:
        connection.execute("DELETE FROM capture WHERE id < 3")
        connection.commit()
    assert "2 rows in reading" in damage(filled.database)[0]


def test_what_lacks_rows_is_not_copied_into_a_backup(filled: Place, tmp_path: Path) -> None:
    assert filled.database.file is not None
    with closing(sqlite3.connect(filled.database.file)) as connection:
        connection.execute("DELETE FROM capture WHERE id < 3")
        connection.commit()
    with pytest.raises(StorageError, match=r"2 rows in reading of .* name rows that do not exist"):
        back_up(filled.database, tmp_path / "worse.db")
    assert list(tmp_path.glob("*worse*")) == []


def test_a_backup_that_is_not_there_is_said(tmp_path: Path) -> None:
    target = tmp_path / "crackmonitor.db"
    with closing(Database(f"sqlite:///{target}")) as database:
        with pytest.raises(StorageError, match=r"There is no database file .*nosuch\.db\. Check the name"):
            restore(database, tmp_path / "nosuch.db")
        assert "There is no database file" in damage(database)[0]
    assert not target.exists()


def test_postgresql_is_sent_to_its_own_means(tmp_path: Path) -> None:
    with closing(Database("postgresql://wall:secret@127.0.0.1:1/none")) as database:
        with pytest.raises(MisuseError, match=r"pg_dump") as caught:
            back_up(database, tmp_path / "backup.db")
        assert "secret" not in str(caught.value)
        assert damage(database) == []
