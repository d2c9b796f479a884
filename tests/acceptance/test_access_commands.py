"""`crackmonitor access`: who may come in, by the command line; and how the dashboard starts with and without it."""

import json
import os
import stat
import sys
import tomllib
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from command_line import crackmonitor
from sqlalchemy import text

from monitor.access import accounts
from monitor.settings import load_settings
from monitor.storage.database import Database

PASSWORD = "crack of dawn 7"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nnot this line\n")
    return path


def listed(workspace: Path) -> dict[str, object]:
    result = crackmonitor("access", "list", "--workspace", workspace, "--json").result
    return {one["account"]: (one["role"], one["sites"], one["password"]) for one in result["accounts"]} | {
        "door": result["door"]
    }


def test_from_nobody_to_somebody_and_back(workspace: Path, password: Path) -> None:
    assert listed(workspace) == {"door": "open"}
    assert "for this machine alone" in crackmonitor("access", "list", "--workspace", workspace).out
    crackmonitor("site", "add", "Hall", "--workspace", workspace)
    added = crackmonitor(
        "access", "add", "Ada", "--role", "admin", "--password-file", password, "--workspace", workspace
    )
    assert "From now on the pages ask everybody to log in." in added.out
    crackmonitor("access", "add", "bob@example.org", "--no-password", "--workspace", workspace)
    assert crackmonitor("access", "role", "BOB@example.org", "engineer", "--site", "Hall", "--workspace", workspace).out
    assert listed(workspace) == {
        "door": "accounts",
        "Ada": ("admin", {}, True),
        "bob@example.org": ("viewer", {"Hall": "engineer"}, False),
    }
    table = crackmonitor("access", "list", "--workspace", workspace).out
    assert "Hall: engineer" in table
    crackmonitor("access", "role", "bob@example.org", "--site", "Hall", "--workspace", workspace)
    crackmonitor("access", "role", "bob@example.org", "operator", "--workspace", workspace)
    assert listed(workspace)["bob@example.org"] == ("operator", {}, False)
    assert crackmonitor(
        "access", "password", "bob@example.org", "--password-file", password, "--workspace", workspace
    ).out
    assert listed(workspace)["bob@example.org"] == ("operator", {}, True)
    assert crackmonitor("access", "remove", "Ada", "--workspace", workspace).out == "Ada is out.\n"
    assert (
        "ask nobody for a password again"
        in crackmonitor("access", "remove", "bob@example.org", "--workspace", workspace).out
    )
    assert listed(workspace) == {"door": "open"}


def test_the_trail_says_who_gave_access_and_holds_no_hash(workspace: Path, password: Path) -> None:
    crackmonitor("access", "add", "Ada", "--password-file", password, "--workspace", workspace)
    database = Database(load_settings(workspace).resolved_database_url)
    with database.session() as session:
        (changes,) = session.scalars(text("SELECT changes FROM audit_entry")).all()
    database.close()
    assert {entry["by"] for entry in json.loads(changes)} == {f"{_user()} (command line)"}
    assert "argon2" not in changes
    assert crackmonitor("db", "check", "--workspace", workspace).status == 0


def _user() -> str:
    import getpass

    return getpass.getuser()


def test_a_password_is_asked_for_unseen_and_twice(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def prompt(what: str, **how: object) -> str:
        asked.append((what, how["hide_input"], how["confirmation_prompt"]))
        return PASSWORD

    monkeypatch.setattr("typer.prompt", prompt)
    added = crackmonitor("access", "add", "Ada", "--workspace", workspace)
    assert added.status == 0
    assert asked == [("Password of Ada", True, True)]
    assert PASSWORD not in added.out + added.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "Ada", "--password-file", "nowhere"), "There is no file nowhere"),
        (("add", "Ada", "--password-file", "short"), "at least 12"),
        (("add", " ", "--no-password"), "needs a name"),
        (("role", "bob", "admin"), "Unknown account 'bob'"),
        (("password", "bob", "--password-file", "short"), "Unknown account 'bob'"),
        (("remove", "bob"), "Unknown account 'bob'"),
    ],
)
def test_what_cannot_be_is_said(workspace: Path, here: Path, words: tuple[str, ...], why: str) -> None:
    (here / "short").write_text("123")
    refused = crackmonitor("access", *words, "--workspace", workspace)
    assert refused.status == 2
    assert why in refused.sentence
    assert listed(workspace) == {"door": "open"}


def test_a_site_that_is_none_and_a_name_that_is_taken(workspace: Path) -> None:
    crackmonitor("access", "add", "Ada", "--no-password", "--workspace", workspace)
    assert (
        "Unknown site"
        in crackmonitor("access", "role", "Ada", "admin", "--site", "x", "--workspace", workspace).sentence
    )
    assert "already" in crackmonitor("access", "add", "ADA", "--workspace", workspace).sentence


def test_openid_connect_is_set_up_without_showing_its_secret(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_CLIENT_SECRET", "hush-hush")
    words = ["access", "setup", "--client-id", "walls", "--metadata-url", "https://login.example/x"]
    done = crackmonitor(*words, "--address", "https://walls.example", "--workspace", workspace)
    assert done.status == 0, done.err
    assert "https://walls.example/oauth2callback" in done.out
    assert "Nobody has access yet" in done.out
    assert "hush-hush" not in done.out + done.err
    path = workspace / "secrets.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tomllib.loads(path.read_text())["auth"]["client_secret"] == "hush-hush"
    assert listed(workspace) == {"door": "openid"}


def started(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The program that `crackmonitor dashboard` becomes."""
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: calls.append(command))
    assert crackmonitor("dashboard", "--workspace", workspace).status == 0
    (command,) = calls
    assert command[0] == sys.executable
    return command


def test_the_dashboard_starts_behind_its_gate(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = started(workspace, monkeypatch)
    assert Path(command[4]).name == "served.py"
    options = dict(zip(command[5::2], command[6::2], strict=False))
    assert options["--server.address"] == "127.0.0.1"
    assert options["--server.enableXsrfProtection"] == options["--server.enableCORS"] == "true"
    assert options["--secrets.files"] == str((workspace / "secrets.toml").resolve())


def test_it_lies_open_to_no_other_machine(workspace: Path, password: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_DASHBOARD__HOST", "0.0.0.0")
    refused = crackmonitor("dashboard", "--workspace", workspace)
    assert refused.status == 2
    assert "crackmonitor access add NAME --role admin" in refused.sentence
    crackmonitor("access", "add", "Ada", "--password-file", password, "--workspace", workspace)
    assert "0.0.0.0" in started(workspace, monkeypatch)
