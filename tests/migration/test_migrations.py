"""The versions in `migrations/` make exactly the tables of `monitor.storage.tables`."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

import migrations.__main__ as drafting
from monitor.storage.database import Database, migration_settings
from monitor.storage.tables import Base


def test_upgrade_makes_what_the_tables_say(database: Database) -> None:
    with database.transaction() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrade_makes_every_check(database: Database) -> None:
    """Autogenerate does not compare CHECK constraints, so their names are compared here."""
    with database.session() as session:
        made = inspect(session.connection())
        for table in Base.metadata.sorted_tables:
            wanted = {str(item.name) for item in table.constraints if isinstance(item, CheckConstraint)}
            assert {item["name"] for item in made.get_check_constraints(table.name)} == wanted, table.name


def test_upgrade_twice_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO site (name, time_zone, created_at) VALUES ('a', 'UTC', '2024-01-01')"))
    database.upgrade()
    with database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM site")) == 1
    assert database.check() == []


def test_downgrade_leaves_no_table_and_upgrade_brings_them_back(database: Database) -> None:
    with database.transaction() as session:
        command.downgrade(migration_settings(session.connection()), "base")
    with database.session() as session:
        assert inspect(session.connection()).get_table_names() == ["alembic_version"]
    assert "has no tables yet" in database.check()[0]
    database.upgrade()
    assert database.check() == []


def test_drafting_the_next_version_compares_and_numbers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drafted: list[str] = []

    def keep(settings: object, message: str, *, rev_id: str, autogenerate: bool) -> None:
        drafted.append(f"{rev_id} {message} {autogenerate}")

    monkeypatch.setattr(drafting.command, "revision", keep)
    drafting.draft("0002_what_changes")
    assert drafted == ["0002 0002_what_changes True"]
