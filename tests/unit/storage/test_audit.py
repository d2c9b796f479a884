"""Promise 6: what people decide leaves a trail that cannot be changed unseen."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text
from storage_examples import NOW, Place, measured

from monitor.errors import StorageError
from monitor.records import RuleKind
from monitor.storage import repository
from monitor.storage.audit import Trail, trail
from monitor.storage.database import Database


def read(database: Database) -> Trail:
    with database.session() as session:
        return trail(session)


def changes(database: Database) -> list[str]:
    with database.session() as session:
        return list(session.scalars(text("SELECT changes FROM audit_entry ORDER BY id")))


def agree(place: Place, fire: float) -> int:
    with place.database.transaction() as session:
        return repository.add_rule(
            session,
            place.location_id,
            metric="length_mm",
            kind=RuleKind.LEVEL,
            fire=fire,
            clear=0.5,
            unit="mm",
            now=NOW,
        )


def test_what_people_decide_leaves_an_entry_and_what_is_measured_none(place: Place) -> None:
    before = read(place.database)
    assert (before.entries, before.problem) == (1, None), "site and location were made in one transaction"
    capture = place.capture("a")
    with place.database.transaction() as session:
        repository.record_reading(session, capture_id=capture, analysis=measured(), pictures={}, now=NOW)
    assert read(place.database) == before
    rule = agree(place, 2.0)
    with place.database.transaction() as session:
        repository.retire_rule(session, rule, NOW)
    after = read(place.database)
    assert (after.entries, after.problem) == (3, None)
    _, agreed, ended = changes(place.database)
    assert '"insert rule"' in agreed
    assert '"fire": 2.0' in agreed
    assert '"update rule"' in ended


def test_what_is_undone_leaves_nothing(place: Place) -> None:
    before = read(place.database)

    def interrupted() -> None:
        with place.database.transaction() as session:
            repository.add_site(session, name="Bridge", time_zone="UTC", now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert read(place.database) == before


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET changes = '[]'", "DELETE FROM audit_entry"])
def test_the_database_itself_refuses_to_change_the_trail(place: Place, statement: str) -> None:
    before = read(place.database)
    with pytest.raises(StorageError, match="append-only"), place.database.transaction() as session:
        session.execute(text(statement))
    assert read(place.database) == before


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entry SET changes = replace(changes, '3.0', '9.0') WHERE id = 3",
        "UPDATE audit_entry SET at = '2020-01-01 00:00:00.000000' WHERE id = 3",
        "DELETE FROM audit_entry WHERE id = 3",
        "UPDATE audit_entry SET id = CASE id WHEN 3 THEN -3 ELSE id END",
    ],
)
def test_one_change_by_force_is_found(place: Place, tampering: str) -> None:
    for fire in (1.0, 3.0, 5.0):
        agree(place, fire)
    assert read(place.database).problem is None
    if place.database.file is None:
        pytest.skip("tampering is done with SQLite's own means")
    with closing(sqlite3.connect(place.database.file)) as connection:
        connection.execute("DROP TRIGGER audit_entry_no_update")
        connection.execute("DROP TRIGGER audit_entry_no_delete")
        connection.execute(tampering)
        connection.commit()
    assert "The audit trail was altered" in (read(place.database).problem or "")
