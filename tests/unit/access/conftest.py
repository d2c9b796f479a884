"""Databases with two sites and a wall at each, and hashes that take no time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from databases import database, postgresql_url

from monitor.access import accounts
from monitor.storage import repository
from monitor.storage.access import Role
from monitor.storage.database import Database

__all__ = ["database", "postgresql_url"]

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PASSWORD = "crack of dawn 7"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "hasher", lambda: quick)
    accounts._nobodys_hash.cache_clear()


@dataclass(frozen=True)
class Sites:
    """Two sites with a location each; ada is engineer at the first and viewer elsewhere."""

    database: Database
    first: int
    second: int
    first_wall: int
    second_wall: int


@pytest.fixture
def sites(database: Database) -> Sites:
    return filled(database)


@pytest.fixture(scope="module")
def two_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The same, once for all tests that leave nothing behind."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('sites') / 'crackmonitor.db'}")
    database.upgrade()
    yield filled(database)
    database.close()


def filled(database: Database) -> Sites:
    with database.transaction() as session:
        ids = [repository.add_site(session, name=name, time_zone="UTC", now=NOW) for name in ("Hall", "Bridge")]
        walls = [
            repository.add_location(session, site_id=one, name=f"wall-{one}", interval_days=7, now=NOW) for one in ids
        ]
        repository.add_account(session, "Ada", role=Role.VIEWER, now=NOW)
        repository.set_role(session, "ada", Role.ENGINEER, site_id=ids[0])
        repository.set_password(session, "ada", accounts.hashed(PASSWORD), NOW)
    return Sites(database, *ids, *walls)
