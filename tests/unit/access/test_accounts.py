"""Accounts, passwords and logins, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from monitor.access.accounts import ALL_TRIES, NAME_TRIES, WINDOW, account_of, hashed, hasher, log_in, log_out
from monitor.errors import AccessError, MisuseError, UnknownNameError
from monitor.storage import queries, repository
from monitor.storage.access import AccountView, Role
from monitor.storage.database import Database

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
PASSWORD, LASTS = "crack of dawn 7", timedelta(hours=12)


def login(database: Database, name: str = "ada", password: str = PASSWORD, now: datetime = NOW) -> str:
    return log_in(database, name, password, now=now, lasts=LASTS)


def whose(database: Database, token: str | None, now: datetime = NOW) -> AccountView:
    with database.session() as session:
        return account_of(session, token, now)


def test_the_shipped_hash_is_argon2id_with_a_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kept = hasher().hash(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert hasher().memory_cost >= 19 * 1024
    assert hasher().hash(PASSWORD) != kept


@pytest.mark.parametrize(("password", "why"), [("short", "at least 12"), ("x" * 2000, "longer than 1024")])
def test_passwords_that_are_not_taken(password: str, why: str) -> None:
    with pytest.raises(MisuseError, match=why):
        hashed(password)


def test_a_login_is_somebodys_until_it_expires(sites: Any) -> None:
    token = login(sites.database, " ADA ")
    found = whose(sites.database, token)
    assert (found.name, found.role, found.role_at(sites.first)) == ("Ada", Role.VIEWER, Role.ENGINEER)
    assert whose(sites.database, token, NOW + LASTS - timedelta(seconds=1)).name == "Ada"
    with pytest.raises(AccessError, match="expired"):
        whose(sites.database, token, NOW + LASTS)
    with pytest.raises(AccessError, match="not logged in"):
        whose(sites.database, None)
    log_out(sites.database, token)
    with pytest.raises(AccessError, match="has ended"):
        whose(sites.database, token)


def test_neither_password_nor_token_is_kept(sites: Any) -> None:
    token = login(sites.database)
    with sites.database.session() as session:
        tables = ("account", "password", "login", "login_attempt", "audit_entry")
        kept = str([session.execute(text(f"SELECT * FROM {table}")).all() for table in tables])
        trail = str(session.execute(text("SELECT changes FROM audit_entry")).all())
    assert token not in kept
    assert PASSWORD not in kept
    assert "argon2" in kept
    assert "argon2" not in trail
    assert "password_set_at" in trail


@pytest.mark.parametrize("name", ["ada", "nobody", "", "x" * 400, "' OR 1=1 --"])
def test_wrong_is_said_alike_whether_or_not_there_is_such_an_account(sites: Any, name: str) -> None:
    for password in ("wrong", "", "\udcff", "y" * 3000):
        with pytest.raises(AccessError, match=r"^Name or password is wrong\.$"):
            login(sites.database, name, password)


def test_tries_are_counted_for_one_name_and_forgotten_by_the_right_password(sites: Any) -> None:
    for _ in range(NAME_TRIES - 1):
        with pytest.raises(AccessError, match="wrong"):
            login(sites.database, password="wrong")
    login(sites.database)
    for _ in range(NAME_TRIES):
        with pytest.raises(AccessError, match="wrong"):
            login(sites.database, "ADA", "wrong")
    restarted = Database(sites.database._url.render_as_string(hide_password=False))
    with pytest.raises(AccessError, match="Too many tries"):
        login(restarted)
    login(restarted, now=NOW + WINDOW + timedelta(seconds=1))
    restarted.close()


def test_tries_are_counted_for_all_names_together(sites: Any) -> None:
    for number in range(ALL_TRIES):
        with pytest.raises(AccessError, match="wrong"):
            login(sites.database, f"guess {number}", "wrong")
    with pytest.raises(AccessError, match="Too many tries"):
        login(sites.database)


def test_tries_at_once_are_all_counted(sites: Any) -> None:
    def told(_: int) -> str:
        with pytest.raises(AccessError) as refused:
            login(sites.database, password="wrong")
        return str(refused.value)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(told, range(16)))
    assert sum("wrong" in answer for answer in answers) == NAME_TRIES


def test_a_new_password_and_a_removal_end_logins(sites: Any) -> None:
    token = login(sites.database)
    with sites.database.transaction() as session:
        repository.set_password(session, "ada", hashed("another long one"), NOW)
    with pytest.raises(AccessError, match="has ended"):
        whose(sites.database, token)
    token = login(sites.database, password="another long one")
    with sites.database.transaction() as session:
        repository.remove_account(session, "ada", NOW)
        assert not queries.any_account(session)
    for attempt in (lambda: whose(sites.database, token), lambda: login(sites.database, password="another long one")):
        with pytest.raises(AccessError):
            attempt()
    with sites.database.transaction() as session:
        repository.add_account(session, "ada", role=Role.OPERATOR, now=NOW)
        view = queries.account(session, "ada")
    assert (view.role, dict(view.sites), view.has_password) == (Role.OPERATOR, {}, False)


def test_misuse_of_accounts(sites: Any) -> None:
    with sites.database.transaction() as session:
        for name, why in (("  ", "needs a name"), ("ADA", "already")):
            with pytest.raises(MisuseError, match=why):
                repository.add_account(session, name, role=Role.VIEWER, now=NOW)
        with pytest.raises(UnknownNameError, match="Known: Ada"):
            repository.set_role(session, "bob", Role.ADMIN)
        with pytest.raises(MisuseError, match="some role"):
            repository.set_role(session, "ada", None)
        repository.set_role(session, "ada", Role.OPERATOR)
        view = queries.account(session, "ada")
        assert (view.role, view.role_at(sites.second)) == (Role.OPERATOR, Role.OPERATOR)
        assert view.role_at(sites.first) is Role.ENGINEER, "what was given at one site stays"
        with pytest.raises(MisuseError, match="There is no capture with the id 99"):
            queries.site_of(session, "capture_id", 99)
        repository.set_role(session, "ada", Role.ADMIN, site_id=sites.second)
        repository.set_role(session, "ada", Role.OPERATOR, site_id=sites.second)
        repository.set_role(session, "ada", None, site_id=sites.first)
        repository.set_role(session, "ada", None, site_id=sites.first)
        assert dict(queries.account(session, "ada").sites) == {sites.second: Role.OPERATOR}
        assert [view.name for view in queries.accounts(session)] == ["Ada"]
