"""Copies of a SQLite database: taken while others write, put back only where there is none, and checked page by page.

Nothing here ever replaces or repairs a database.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from monitor.errors import MisuseError, StorageError
from monitor.storage.database import Database

_WITH_ITS_OWN_MEANS = (
    "The database {name} is on PostgreSQL, which has its own means. Back up with 'pg_dump --format=custom --file FILE "
    "DATABASE', restore into an empty database with 'pg_restore --no-owner --dbname DATABASE FILE'."
)


@dataclass(frozen=True)
class Copy:
    """A whole copy of a database, checked: how many captures and readings it holds."""

    path: Path
    size_bytes: int
    captures: int
    readings: int


def back_up(database: Database, target: Path) -> Copy:
    """Copy the database as it is at one moment into the new file `target`; writers go on meanwhile.

    Raises `MisuseError` when `target` exists or the database is on PostgreSQL, `StorageError` when there is no
    database or it is damaged.
    """
    if target.exists():
        raise MisuseError(f"{target} exists, and a backup never replaces a file. Name another.")
    return _copied(_file(database), target)


def restore(database: Database, backup: Path) -> Copy:
    """Copy the backup to where the database belongs.

    Raises `MisuseError` when a database is there already, `StorageError` when the backup is absent or damaged.
    """
    target = _file(database)
    beside = [target.with_name(f"{target.name}{end}") for end in ("", "-wal", "-shm")]
    if found := [path for path in beside if path.exists()]:
        names = ", ".join(str(path) for path in found)
        raise MisuseError(f"There is a database already ({names}), and it is never replaced. Move it away first.")
    return _copied(backup, target)


def damage(database: Database) -> list[str]:
    """What is wrong with the file page by page and row by row, one sentence each; PostgreSQL sees to that itself."""
    if database.file is None:
        return []
    try:
        with _reading(database.file) as connection:
            return _damage(connection, database.file)
    except StorageError as error:
        return [str(error)]


def _file(database: Database) -> Path:
    if database.file is None:
        raise MisuseError(_WITH_ITS_OWN_MEANS.format(name=database.name))
    return database.file


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StorageError(f"There is no database file {path}. Check the name.")
    try:
        # Not "immutable": other programs may be writing.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StorageError(
            f"{path} cannot be read as a database ({error}). Keep it aside and put a backup back."
        ) from None


def _copied(source: Path, target: Path) -> Copy:
    """All or nothing: `target` appears only when its content is on disk and sound."""
    unfinished = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        with _reading(source) as reader, closing(sqlite3.connect(unfinished)) as writer:
            reader.backup(writer)  # in one step: in several, every write of another program begins it anew
            writer.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
            if problems := _damage(writer, source):
                raise StorageError(" ".join(problems))
            captures, readings = (
                int(writer.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in ("capture", "reading")
            )
        _flush(unfinished)
        os.link(unfinished, target)  # unlike a rename, this fails where somebody else has made `target` meanwhile
        _flush(target.parent)
    except FileExistsError:
        raise MisuseError(f"{target} exists, and is never replaced. Name another, or move it away.") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return Copy(target, target.stat().st_size, captures, readings)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damage(connection: sqlite3.Connection, path: Path) -> list[str]:
    found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(5)")]
    problems = [] if found == ["ok"] else [f"The database {path} is damaged: {'; '.join(found)}. Put a backup back."]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        tables = ", ".join(sorted({str(row[0]) for row in orphans}))
        problems.append(f"{len(orphans)} rows in {tables} of {path} name rows that do not exist. Put a backup back.")
    return problems
