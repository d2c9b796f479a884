"""Workspaces to work in: one on SQLite, and one that each test gets on SQLite and on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import database, postgresql_url
from service_examples import LOCATION, NOW, Workspace

from monitor.service.places import add_location, ensure_site
from monitor.service.workspace import make_workspace
from monitor.settings import load_settings
from monitor.storage.database import Database

__all__ = ["database", "postgresql_url"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CRACKMONITOR_") and not name.startswith("CRACKMONITOR_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with its location; only to be copied, because making it takes longest."""
    settings = make_workspace(tmp_path_factory.mktemp("made") / "workspace")
    database = Database(settings.resolved_database_url)
    _furnish(Workspace(settings, database))
    database.close()
    return settings.workspace


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace on SQLite."""
    folder = tmp_path / "workspace"
    shutil.copytree(made, folder)
    settings = load_settings(folder)
    found = Workspace(settings, Database(settings.resolved_database_url))
    yield found
    found.database.close()


@pytest.fixture
def shared_workspace(made: Path, tmp_path: Path, database: Database) -> Workspace:
    """A workspace on SQLite, then on PostgreSQL."""
    folder = tmp_path / "workspace"
    shutil.copytree(made, folder)
    found = Workspace(load_settings(folder), database)
    _furnish(found)
    return found


def _furnish(workspace: Workspace) -> None:
    ensure_site(workspace.database, "Town hall", "Europe/Berlin", NOW)
    add_location(workspace.database, workspace.settings, LOCATION, "Town hall", 7, NOW)
