"""Opening, locking and checking databases; what people read when one cannot be used."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from storage_examples import NOW

from monitor.errors import MisuseError, StorageError
from monitor.storage import database as stored
from monitor.storage import queries, repository
from monitor.storage.database import Database


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    with database.transaction() as session:
        repository.add_site(session, name="kept", time_zone="UTC", now=NOW)
    with pytest.raises(MisuseError, match="already"), database.transaction() as session:  # noqa: PT012
        repository.add_site(session, name="undone", time_zone="UTC", now=NOW)
        repository.add_site(session, name="kept", time_zone="UTC", now=NOW)
    with database.session() as session:
        assert [site.name for site in queries.sites(session)] == ["kept"]


def test_times_come_back_aware_and_to_the_microsecond(database: Database) -> None:
    with database.transaction() as session:
        repository.add_site(session, name="a", time_zone="UTC", now=NOW)
    with database.session() as session:
        found = queries.sites(session)[0].created_at
    assert found == NOW
    assert found.utcoffset() is not None


def test_a_time_without_zone_is_refused(database: Database) -> None:
    with pytest.raises(MisuseError, match="no time zone"), database.transaction() as session:
        repository.add_site(session, name="a", time_zone="UTC", now=datetime(2025, 1, 1))  # noqa: DTZ001


def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match=r"read-?only"), database.session() as session:
        repository.add_site(session, name="a", time_zone="UTC", now=NOW)
    with database.transaction() as session:
        repository.add_site(session, name="a", time_zone="UTC", now=NOW)


def test_a_reading_session_sees_one_state(database: Database) -> None:
    with database.session() as session:
        assert queries.sites(session) == []
        with database.transaction() as other:
            repository.add_site(other, name="a", time_zone="UTC", now=NOW)
        assert queries.sites(session) == []


def test_many_writers_neither_deadlock_nor_lose_a_write(database: Database) -> None:
    """Each reads, then writes on what it read: a deferred SQLite transaction would fail here."""

    def count_up() -> None:
        for _ in range(10):
            with database.transaction() as session:
                session.execute(text("SELECT count(*) FROM sighting")).scalar_one()
                session.execute(text("UPDATE sighting SET scans = scans + 1"))

    with database.transaction() as session:
        repository.record_sightings(session, {"a": (1, 1)}, now=NOW)
    workers = [threading.Thread(target=count_up) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with database.session() as session:
        assert session.execute(text("SELECT scans FROM sighting")).scalar_one() == 41


def test_two_programs_may_upgrade_at_once(database_url: str) -> None:
    failures: list[BaseException] = []

    def upgrade() -> None:
        try:
            Database(database_url).upgrade()
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=upgrade) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    database = Database(database_url)
    assert (failures, database.check()) == ([], [])
    database.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url with hunter2", "cannot be understood"),
        ("mysql://root:hunter2@host/base", "'mysql' are not supported"),
        ("sqlite://", "in memory forgets everything"),
        ("sqlite:///:memory:", "in memory forgets everything"),
    ],
)
def test_urls_that_cannot_be_used(url: str, sentence: str) -> None:
    with pytest.raises(MisuseError, match=sentence) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_goes_over_psycopg_and_hides_its_password(scheme: str) -> None:
    database = Database(f"{scheme}://someone:hunter2@127.0.0.1:9/base?connect_timeout=2")
    assert database.name.startswith("postgresql+psycopg://someone:***@127.0.0.1:9/base")
    problems = database.check()
    assert len(problems) == 1
    assert "See that the address is right" in problems[0]
    assert "hunter2" not in problems[0]


def test_an_absent_file_is_reported_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "absent.db"
    database = Database(f"sqlite:///{file}")
    (told,) = database.check()
    assert told.startswith(f"There is no database file {file}.")
    assert told.index("'crackmonitor db restore'") < told.index("'crackmonitor upgrade'"), (
        "an empty one is the last thing"
    )
    with pytest.raises(StorageError, match="no database file"), database.transaction():
        pass
    assert not file.exists()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open database file"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}").upgrade()


def test_a_locked_file_is_reported(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    Database(url).upgrade()
    database = Database(url, busy_seconds=0.05)
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "locked. Another program is writing to it" in database.check()[0]
    with database.session() as session:
        assert queries.sites(session) == []
    holder.close()
    assert database.check() == []
    database.close()


def test_a_read_only_file_is_reported_but_can_be_read(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'a.db'}").upgrade()
    database = Database(f"sqlite:///file:{tmp_path / 'a.db'}?mode=ro&uri=true")
    assert "readonly database. Give this user the right to write" in database.check()[0]
    with database.session() as session:
        assert queries.sites(session) == []
    database.close()


@pytest.mark.postgres
def test_a_read_only_server_is_reported(postgresql_url: str) -> None:
    Database(postgresql_url).upgrade()
    database = Database(f"{postgresql_url}?options=-c%20default_transaction_read_only%3Don")
    assert "read-only transaction. Connect to a server that accepts writes." in database.check()[0]
    database.close()


@pytest.mark.postgres
def test_a_database_the_server_does_not_have(postgresql_url: str) -> None:
    database = Database(postgresql_url.rsplit("/", 1)[0] + "/nowhere")
    assert 'database "nowhere" does not exist. Make it' in database.check()[0]


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("9999", "does not know. Install a newer version"), (None, "has no tables yet. Run 'crackmonitor upgrade'.")],
)
def test_another_schema_is_reported(database: Database, version: str | None, sentence: str) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM alembic_version"))
        if version is not None:
            session.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    assert sentence in database.check()[0]


def test_an_older_schema_is_reported(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.session() as session:
        version = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    revisions = [SimpleNamespace(revision=one) for one in ("9999", version)]
    newer = SimpleNamespace(get_current_head=lambda: "9999", walk_revisions=lambda: revisions)
    monkeypatch.setattr(stored, "ScriptDirectory", SimpleNamespace(from_config=lambda _: newer))
    assert f"has the older schema {version}. Run 'crackmonitor upgrade'." in database.check()[0]


def test_an_upgrade_waits_for_another_program_that_is_at_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself waits for nobody where the log is switched."""
    path = tmp_path / "crackmonitor.db"
    database = Database(f"sqlite:///{path}", busy_seconds=0.1)
    monkeypatch.setattr(stored, "_WAL_PAUSE_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with monkeypatch.context() as patch:
            patch.setattr(stored, "_WAL_ATTEMPTS", 2)
            with pytest.raises(StorageError, match=r"locked\. Another program is writing to it"):
                database.upgrade()
        ended: list[float] = []
        monkeypatch.setattr(stored.time, "sleep", lambda seconds: ended.append(seconds) or other.execute("ROLLBACK"))
        database.upgrade()
    assert ended == [0.01]
    assert database.check() == []
    database.close()


def test_a_newer_schema_is_not_upgraded(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="9999"):
        database.upgrade()


def test_missing_tables_name_the_remedy(database_url: str) -> None:
    database = Database(database_url)
    if database_url.startswith("sqlite"):
        sqlite3.connect(database_url.removeprefix("sqlite:///")).execute("CREATE TABLE other (a)").connection.close()
    with pytest.raises(StorageError, match="Run 'crackmonitor upgrade'"), database.session() as session:
        queries.sites(session)
    database.close()


def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"photographs, not tables " * 50)
    database = Database(f"sqlite:///{file}")
    assert "not a database. Do not delete it" in database.check()[0]
    with pytest.raises(StorageError, match="Do not delete it"):
        database.upgrade()
    assert file.read_bytes() == b"photographs, not tables " * 50


def test_storage_imports_without_torch() -> None:
    program = (
        "import sys; from monitor.storage import database, queries, repository;"
        " sys.exit(sum(name in sys.modules for name in ('torch', 'cv2', 'skimage', 'fastapi', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
