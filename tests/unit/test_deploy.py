"""What is in `monitor/deploy` can be read, and asks for nothing that the program does not have."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from monitor.cli import app
from monitor.settings import SECRETS_VARIABLE, SETTINGS_FILE, ApiSettings, DashboardSettings, Settings, load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "monitor" / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
UNITS = sorted(DEPLOY.glob("*.service"))
OURS = ("worker", "dashboard", "api")
PORTS = {"dashboard": DashboardSettings().port, "api": ApiSettings().port}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CRACKMONITOR_"):
            monkeypatch.delenv(name)


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def unit(path: Path) -> dict[str, list[str]]:
    """The keys of a unit, each with all it is given."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def exists(words: list[str]) -> bool:
    """Whether the command line has such a command, with these options."""
    command: Any = typer.main.get_command(app)
    options: list[str] = []
    for word in words:
        if word.startswith("-"):
            options.append(word.split("=")[0])
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return False
            command = command.commands[word]
    known = {name for parameter in command.params for name in parameter.opts}
    return not hasattr(command, "commands") and set(options) <= known


def names_a_setting(variable: str) -> bool:
    first, *rest = variable.removeprefix("CRACKMONITOR_").lower().split("__")
    field = Settings.model_fields.get(first)
    members = getattr(getattr(field, "annotation", None), "model_fields", {})
    return field is not None and (rest == [] or (len(rest) == 1 and rest[0] in members))


def texts() -> list[Path]:
    return sorted(path for path in DEPLOY.iterdir() if path.is_file())


def test_an_unknown_command_option_or_setting_would_be_found() -> None:
    assert exists(["worker", "--once"])
    assert not exists(["worker", "--twice"])
    assert not exists(["labour"])
    assert not exists(["site"])
    assert names_a_setting("CRACKMONITOR_API__HOST")
    assert not names_a_setting("CRACKMONITOR_API__HOSTS")


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.name)
def test_every_setting_named_exists(path: Path) -> None:
    named = set(re.findall(r"CRACKMONITOR_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) - {SECRETS_VARIABLE}
    assert [name for name in named if not names_a_setting(name)] == []


def test_every_command_the_readme_names_exists() -> None:
    blocks = re.findall(r"^    .*$", (DEPLOY / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line.split("#")[0] for line in blocks]
    after = [
        re.search(r"(?:--rm (?:--volume \S+ )?worker|bin/crackmonitor|\$CRACKMONITOR) (.*)", line) for line in lines
    ]
    commands = [re.sub(r'"[^"]*"', "text", found[1]).split() for found in after if found]
    assert len(commands) > 5
    assert [words for words in commands if not exists(words)] == []


def test_the_image_runs_as_nobody_special_and_starts_a_worker() -> None:
    given = dict(instructions())  # of each, the last
    assert given["USER"].split(":")[0].isdigit()
    assert int(given["USER"].split(":")[0]) >= 1000
    assert re.findall(r"--uid (\d+)", CONTAINERFILE) == [given["USER"].split(":")[0]]
    assert given["EXPOSE"].split() == [str(port) for port in PORTS.values()]
    assert (given["ENTRYPOINT"], given["CMD"]) == ('["crackmonitor"]', '["worker"]')
    assert given["WORKDIR"] == given["VOLUME"] == "/workspace"
    check = given["HEALTHCHECK"].split(" CMD ")[1]
    assert yaml.safe_load(check)[0] == "crackmonitor"
    assert exists(yaml.safe_load(check)[1:])


def test_what_the_image_copies_is_there_and_let_through() -> None:
    copied = [words.split()[:-1] for name, words in instructions() if name == "COPY" and "--from" not in words]
    names = {name.rstrip("/") for group in copied for name in group}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert names == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in names)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= names


@pytest.mark.parametrize("name", OURS)
def test_every_service_is_shut_in(name: str) -> None:
    service = COMPOSE["services"][name]
    user = next(words for kind, words in reversed(instructions()) if kind == "USER")
    assert service["user"] == user
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["workspace:/workspace"]
    assert service["secrets"] == ["crackmonitor"]
    assert service["depends_on"]["database"]["condition"] == "service_healthy"
    assert service["command"] == [name]
    assert exists(service["command"])


@pytest.mark.parametrize("name", PORTS)
def test_ports_are_the_programs_own_and_open_to_this_machine_alone(name: str) -> None:
    service, port = COMPOSE["services"][name], PORTS[name]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/" in service["healthcheck"]["test"][-1]


def test_the_settings_in_containers_make_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / SETTINGS_FILE).write_text("")
    (tmp_path / "secrets").write_text("CRACKMONITOR_DATABASE_URL=postgresql://crackmonitor@database/crackmonitor\n")
    for name in OURS:
        for variable, value in COMPOSE["services"][name]["environment"].items():
            monkeypatch.setenv(variable, str(tmp_path / "secrets") if variable == SECRETS_VARIABLE else value)
    settings = load_settings(tmp_path)
    assert (settings.dashboard.host, settings.api.host) == ("0.0.0.0", "0.0.0.0")
    assert settings.database_url == "postgresql://crackmonitor@database/crackmonitor"


def test_the_database_is_kept_and_reached_from_inside_alone() -> None:
    database = COMPOSE["services"]["database"]
    assert database["volumes"][0].split(":")[0] in COMPOSE["volumes"]
    assert "ports" not in database
    assert [COMPOSE["networks"][name]["internal"] for name in database["networks"]] == [True]
    assert database["environment"]["POSTGRES_PASSWORD_FILE"].rpartition("/")[2] in database["secrets"]


def test_secrets_are_files_that_stay_out_of_git_and_image() -> None:
    files = [secret["file"] for secret in COMPOSE["secrets"].values()]
    assert all(name.startswith("./secrets/") for name in files)
    assert "/secrets/" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "monitor/deploy" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for path in texts():
        found = re.findall(r"://[^\s/:@]+:([^\s@]+)@", path.read_text(encoding="utf-8"))
        assert [password for password in found if not password.startswith("$")] == [], path.name


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_unit_is_shut_in(path: Path) -> None:
    given = unit(path)
    last = {key: values[-1] for key, values in given.items()}
    assert last["User"] not in ("", "root", "0")
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "ProtectKernelModules", "RestrictSUIDSGID"):
        assert last[key] == "yes"
    assert last["ProtectSystem"] == "strict"
    assert last["CapabilityBoundingSet"] == ""
    assert last["ReadWritePaths"] == last["WorkingDirectory"] == f"/var/lib/{last['StateDirectory']}"
    assert last["Restart"] == "on-failure"
    words = last["ExecStart"].split()
    assert words[1:] == [path.stem.removeprefix("crackmonitor-")]
    assert exists(words[1:])


def test_there_is_a_unit_for_each_and_the_worker_has_time_to_finish() -> None:
    assert {path.stem for path in UNITS} == {f"crackmonitor-{name}" for name in OURS}
    given = unit(DEPLOY / "crackmonitor-worker.service")
    assert (given["TimeoutStopSec"], given["KillMode"]) == (["2min"], ["mixed"])
    assert COMPOSE["services"]["worker"]["stop_grace_period"] == "2m"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = shutil.which("true")
    copies = [tmp_path / path.name for path in UNITS]
    for path, copy in zip(UNITS, copies, strict=True):
        text = path.read_text(encoding="utf-8")
        copy.write_text(text.replace("/opt/crackmonitor/bin/crackmonitor", str(program)), encoding="utf-8")
    found = verified(copies)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
    copies[0].write_text(copies[0].read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in verified(copies).stderr


def verified(units: list[Path]) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {**os.environ, "SYSTEMD_LOG_COLOR": "0"}
    return subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", PORTS)
def test_health_checks_tell_a_server_that_is_away(name: str) -> None:
    """Nobody listens on that port but in a container: the check ends with an error."""
    _, program, *arguments = COMPOSE["services"][name]["healthcheck"]["test"]
    assert program == "python"
    arguments[-1] = arguments[-1].replace(f":{PORTS[name]}/", ":9/")
    found = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "refused" in found.stderr
