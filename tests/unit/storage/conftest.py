"""Databases to test on, and a place to fill."""

import pytest
from databases import database, database_url, postgresql_url
from storage_examples import NOW, Place, recipe

from monitor.storage import repository
from monitor.storage.database import Database

__all__ = ["database", "database_url", "place", "postgresql_url"]


@pytest.fixture
def place(database: Database) -> Place:
    with database.transaction() as session:
        site_id = repository.add_site(session, name="Town hall", time_zone="Europe/Berlin", now=NOW)
        location_id = repository.add_location(session, site_id=site_id, name="north-wall", interval_days=7, now=NOW)
        fingerprint = repository.record_recipe(session, recipe(), NOW)
        repository.set_series(session, location_id, fingerprint)
    return Place(database, location_id, fingerprint)
