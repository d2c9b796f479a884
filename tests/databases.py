"""Databases for tests: each test that takes one runs once on SQLite and once on PostgreSQL.

A folder's `conftest.py` imports the fixtures it needs. The PostgreSQL server is the one named by
CRACKMONITOR_TEST_POSTGRES, or a local one that trusts PGUSER; each test session makes its own
database there and drops it at the end.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import delete, make_url, text, update

from monitor.storage.database import Database
from monitor.storage.tables import Base, LocationRow

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def _server() -> str:
    user = os.environ.get("PGUSER", "postgres")
    return os.environ.get("CRACKMONITOR_TEST_POSTGRES", f"postgresql://{user}@127.0.0.1:5432/test")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of this test session's own; skips where no server is reachable."""
    name = f"crackmonitor_test_{uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(_server(), autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server (set CRACKMONITOR_TEST_POSTGRES): {error}")
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield make_url(_server()).set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crackmonitor.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    _drop_tables(url)
    return url


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database at the newest schema, without rows, closed after the test."""
    if request.param == "sqlite":
        found = Database(f"sqlite:///{tmp_path / 'crackmonitor.db'}")
        found.upgrade()
    else:
        found = _emptied(request.getfixturevalue("postgresql_url"))
    yield found
    found.close()


def _drop_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _emptied(url: str) -> Database:
    """Making all tables anew for each test would take most of its time, so they are only emptied."""
    found = Database(url)
    if found.check():
        _drop_tables(url)
        found.upgrade()
    with found._writing.begin() as connection:  # past the audit trail
        connection.execute(text("TRUNCATE audit_entry"))  # its rows cannot be deleted
        connection.execute(update(LocationRow).values(reference_capture_id=None))
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "audit_entry":
                connection.execute(delete(table))
        connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))
    return found
