"""A workspace on disk: made once, opened many times."""

from pathlib import Path

import tomli_w

from monitor.errors import MisuseError, StorageError
from monitor.settings import SETTINGS_FILE, Settings, load_settings
from monitor.storage.database import Database

_TEMPLATE = """\
# Settings of this crackmonitor workspace. Every key can be overridden by an environment variable:
# CRACKMONITOR_DATABASE_URL, CRACKMONITOR_ANALYSIS__DEVICE, ... Keep passwords there, not here.

# SQLite file inside this folder, or for example "postgresql://user@host/database".
{database_url}

[analysis]
# device = "auto"            # auto, cpu, cuda, mps
# weights = "default"        # a shipped classifier, or the path of a .safetensors file
# mask = "taught"            # taught, refined, published

[ingest]
# max_megapixels = 64
# stable_scans = 2           # scans a file must stay unchanged before it is taken in

[worker]
# scan_seconds = 60
# overdue_grace_days = 3

[notify]
# Apprise URLs, for example "mailto://..." or "json://host/path"; alerts always go to the log as well.
urls = []

[dashboard]
# host = "127.0.0.1"
# port = 8501

[network]
# allow = []                 # of the inner network, what webhooks and the heartbeat may reach: "10.0.5.0/24", a name
"""


def make_workspace(folder: Path, database_url: str = "sqlite:///crackmonitor.db") -> Settings:
    """Make settings file, folders and database in `folder`.

    Raises `MisuseError` when there is a workspace already; nothing is overwritten. Where the database cannot be
    made, no settings file is left, so that the same can be asked again.
    """
    path = folder / SETTINGS_FILE
    if path.exists():
        raise MisuseError(f"{folder} is a workspace already ({SETTINGS_FILE} exists). Nothing was changed.")
    folder.mkdir(parents=True, exist_ok=True)
    line = tomli_w.dumps({"database_url": database_url}).rstrip()
    path.write_text(_TEMPLATE.format(database_url=line), encoding="utf-8")
    try:
        settings = load_settings(folder)
        for place in (settings.inbox, settings.originals, settings.pictures, settings.quarantine):
            place.mkdir(exist_ok=True)
        Database(settings.resolved_database_url).upgrade()
    except BaseException:
        path.unlink()
        raise
    return settings


def open_workspace(folder: Path) -> tuple[Settings, Database]:
    """Settings and database of an existing workspace.

    Raises `SettingsError` or `StorageError` with what is wrong and what to do.
    """
    settings = load_settings(folder)
    database = Database(settings.resolved_database_url)
    problems = database.check()
    if problems:
        database.close()
        raise StorageError(" ".join(problems))
    return settings, database


def upgrade_database(folder: Path) -> str:
    """Bring the database to the present schema; returns its name, without a password."""
    database = Database(load_settings(folder).resolved_database_url)
    database.upgrade()
    return database.name
