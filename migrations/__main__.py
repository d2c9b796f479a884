"""Draft the next schema version: `python -m migrations 0002_what_changes`, then check it by hand.

Compares the tables with what the versions so far make in an empty SQLite file.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command

from monitor.storage.database import Database, migration_settings


def draft(message: str) -> None:
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        database.upgrade()
        with database.transaction() as session:
            settings = migration_settings(session.connection())
            settings.set_main_option("file_template", "%%(slug)s")
            command.revision(settings, message, rev_id=message.split("_")[0], autogenerate=True)
        database.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m migrations 0002_what_changes")
    draft(sys.argv[1])
