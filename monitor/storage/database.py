"""The database of a workspace: opened, upgraded and checked; driver errors in plain words."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

import migrations
from monitor.errors import CrackmonitorError, MisuseError, StorageError
from monitor.storage.audit import AuditedSession

_POSTGRESQL_NAMES = ("postgresql", "postgres", "postgresql+psycopg")
#: Held on PostgreSQL while the schema is upgraded, so that only one program does it; any fixed number.
_UPGRADE_LOCK = 7_267_225
_WAL_ATTEMPTS, _WAL_PAUSE_SECONDS = 100, 0.05
_UPGRADE = "Run 'crackmonitor upgrade'."
#: What to do, by a word of the driver's message.
_ADVICE = {
    "locked": "Another program is writing to it: try again, or stop that program.",
    "readonly": "Give this user the right to write the file and its folder.",
    "read-only": "Connect to a server that accepts writes.",
    "no such table": _UPGRADE,
    "no such column": _UPGRADE,
    "does not exist": f"Make it, or if it is only its schema that is old: {_UPGRADE}",
    "not a database": "Do not delete it: find out what the file is, or put a copy back.",
    "malformed": "Do not delete it: put a copy back, or recover it with the sqlite3 program.",
}
_OTHER_ADVICE = "See that the address is right and the database within reach."


class Database:
    """One database, named by an SQLAlchemy URL: a SQLite file, or PostgreSQL (always over psycopg 3).

    Nothing is opened before it is needed, and only `upgrade` makes a SQLite file. A writer waits
    `busy_seconds` for another one on SQLite. Raises `MisuseError` for a URL it cannot use.
    """

    def __init__(self, url: str, *, busy_seconds: float = 30.0) -> None:
        self._url = _understood(url)
        self._engine = _sqlite(self._url, busy_seconds) if self.file else create_engine(self._url, pool_pre_ping=True)
        only_reads = {} if self.file else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self._engine.execution_options(**only_reads)
        self._writing = self._engine.execution_options(writes=True)
        #: Whom the audit trail names where a transaction says nothing else; None: nobody.
        self.acting: str | None = None

    @property
    def name(self) -> str:
        """The URL, without its password and its options."""
        return self._url.set(query={}).render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        if self._url.get_backend_name() == "postgresql":
            return None
        return Path((self._url.database or "").removeprefix("file:"))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that only reads, from one unchanging view; writing in it fails."""
        with self._in_words(), Session(self._reading) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that writes: committed at the end, or undone whole when anything is raised.

        On SQLite it is the only writer from its first statement on, so two never block each other.
        """
        with self._in_words(), AuditedSession(self._writing) as session, session.begin():
            session.info["by"] = self.acting
            yield session

    def upgrade(self) -> None:
        """Bring the schema to the newest version, making a SQLite file where there is none. Repeatable."""
        try:
            with self._in_words(may_be_absent=True), self._writing.connect() as connection:
                _prepare_for_upgrade(connection)
                with connection.begin():
                    _upgrade(connection)
        finally:
            self.close()

    def check(self) -> list[str]:
        """What is wrong, one sentence each: absent, locked, read-only, of another schema. Empty: nothing."""
        try:
            with self._in_words(), self._writing.connect() as connection:
                problems = _schema_problems(connection)
                if not problems:
                    # A write that changes nothing and is undone: only trying shows whether writing works.
                    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
                return [f"The database {self.name} {problem}" for problem in problems]
        except StorageError as error:
            return [str(error)]

    def time(self) -> datetime | None:
        """The server's present time (aware), which all machines share; None for a file, which one machine has."""
        if self.file:
            return None
        with self.session() as session:
            found: datetime | None = session.scalar(text("SELECT clock_timestamp()"))
        return found

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._engine.dispose()

    @contextmanager
    def _in_words(self, *, may_be_absent: bool = False) -> Iterator[None]:
        if self.file and not may_be_absent and not self.file.is_file():
            raise StorageError(
                f"There is no database file {self.file}. If it was there before, put it back ('crackmonitor db "
                "restore' takes a backup); for a new workspace, 'crackmonitor upgrade' makes an empty one."
            )
        try:
            yield
        except StatementError as error:
            if isinstance(error.orig, CrackmonitorError):
                raise error.orig from None
            raise StorageError(self._sentence(str(error.orig))) from None
        except (SQLAlchemyError, CommandError, sqlite3.Error) as error:
            raise StorageError(self._sentence(str(error))) from None

    def _sentence(self, message: str) -> str:
        first_line = " ".join(message.split("\n", 1)[0].split()).rstrip(".")
        if self._url.password:
            first_line = first_line.replace(str(self._url.password), "***")
        advice = next((advice for word, advice in _ADVICE.items() if word in first_line), _OTHER_ADVICE)
        return f"The database {self.name} could not do this: {first_line}. {advice}"


def migration_settings(connection: Connection | None = None) -> Config:
    """Alembic's configuration with the packaged migrations, to work on that connection."""
    folder = Path(migrations.__file__).parent
    settings = Config()
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _understood(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password, so it is not repeated.
        raise MisuseError(
            "The database URL cannot be understood. Write sqlite:///path/of/file.db"
            " or postgresql://user:password@host/database."
        ) from None
    if parsed.drivername in _POSTGRESQL_NAMES:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        raise MisuseError(f"Databases of the kind '{parsed.drivername}' are not supported; use sqlite or postgresql.")
    if parsed.database in (None, "", ":memory:"):
        raise MisuseError("A database in memory forgets everything; name a file: sqlite:///path/of/file.db.")
    return parsed


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    """An engine whose transactions begin where SQLAlchemy says, not at the driver's discretion."""
    engine = create_engine(url, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def opened(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {0 if writes else 1}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _prepare_for_upgrade(connection: Connection) -> None:
    """SQLite only: write-ahead log (the file remembers it), and no foreign keys while tables are remade."""
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        _use_write_ahead_log(raw)
        raw.execute("PRAGMA foreign_keys = OFF")


def _use_write_ahead_log(raw: sqlite3.Connection) -> None:
    """Switching waits for nobody, whatever the busy timeout: where another program is at it, ask again."""
    for _ in range(_WAL_ATTEMPTS):
        try:
            raw.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            time.sleep(_WAL_PAUSE_SECONDS)
    raw.execute("PRAGMA journal_mode = WAL")


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    command.upgrade(migration_settings(connection), "head")


def _schema_problems(connection: Connection) -> list[str]:
    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(migration_settings())
    if current == scripts.get_current_head():
        return []
    if current is None:
        return [f"has no tables yet. {_UPGRADE}"]
    if current in {script.revision for script in scripts.walk_revisions()}:
        return [f"has the older schema {current}. {_UPGRADE}"]
    return [f"has the schema {current}, which this version does not know. Install a newer version of the program."]
