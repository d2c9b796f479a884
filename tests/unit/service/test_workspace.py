"""A workspace is made whole or not at all, and says what is wrong when it cannot be opened."""

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from monitor.errors import CrackmonitorError, MisuseError, SettingsError, StorageError
from monitor.service.workspace import make_workspace, open_workspace, upgrade_database
from monitor.settings import SETTINGS_FILE, Settings, load_settings
from monitor.storage.database import Database


def test_a_workspace_has_all_its_places_and_can_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "survey"
    made = make_workspace(folder)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [
        "inbox",
        "originals",
        "pictures",
        "quarantine",
    ]
    settings, database = open_workspace(folder)
    assert settings == made
    assert database.check() == []
    database.close()


def test_a_workspace_is_never_made_over_another(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    (tmp_path / SETTINGS_FILE).write_text("[worker]\nscan_seconds = 5\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(MisuseError, match="is a workspace already"):
        make_workspace(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "url", ["mysql://root@host/base", "nonsense", "postgresql://a@127.0.0.1:9/b?connect_timeout=1"]
)
def test_a_database_that_cannot_be_used_leaves_no_half_made_workspace(tmp_path: Path, url: str) -> None:
    with pytest.raises(CrackmonitorError):
        make_workspace(tmp_path / "survey", url)
    make_workspace(tmp_path / "survey")
    _, database = open_workspace(tmp_path / "survey")
    database.close()


@pytest.mark.parametrize("name", ['the "north" wall.db', "back\\slash.db", "Wände \U0001f9f1.db"])
def test_any_file_name_survives_the_settings_file(tmp_path: Path, name: str) -> None:
    make_workspace(tmp_path, f"sqlite:///{name}")
    assert load_settings(tmp_path).database_url == f"sqlite:///{name}"
    assert (tmp_path / name).is_file()


@pytest.mark.postgres
def test_a_workspace_can_live_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    make_workspace(tmp_path, postgresql_url)
    _, database = open_workspace(tmp_path)
    assert database.check() == []
    database.close()


def test_what_the_settings_file_offers_in_comments_exists_and_names_the_defaults(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    path = tmp_path / SETTINGS_FILE
    offered, count = re.subn(r"^# (\w+ = )", r"\1", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count >= 6
    path.write_text(offered, encoding="utf-8")
    assert load_settings(tmp_path) == Settings(workspace=tmp_path)


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is not a workspace.*crackmonitor init"):
        open_workspace(tmp_path)
    with pytest.raises(SettingsError, match="is not a workspace"):
        upgrade_database(tmp_path / "nowhere")


def test_an_absent_database_is_said_and_made_by_an_upgrade(tmp_path: Path) -> None:
    settings = make_workspace(tmp_path)
    for file in tmp_path.glob("crackmonitor.db*"):
        file.unlink()
    with pytest.raises(StorageError, match=r"no database file.*crackmonitor upgrade"):
        open_workspace(tmp_path)
    name = upgrade_database(tmp_path)
    assert name.endswith("/crackmonitor.db")
    assert Database(settings.resolved_database_url).check() == []


def test_another_schema_is_said(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    _, database = open_workspace(tmp_path)
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StorageError, match="Install a newer version"):
        open_workspace(tmp_path)


def test_a_workspace_may_be_moved(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    settings, database = open_workspace(tmp_path / "second")
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'second' / 'crackmonitor.db'}"
    database.close()
