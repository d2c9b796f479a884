"""`crackmonitor doctor` says what works here, and `--help` what there is."""

import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import crackmonitor, crackmonitor_program

from monitor.cli import app
from monitor.cli.examples import EXAMPLES
from monitor.storage.database import Database

FOLDERS = ["inbox", "originals", "pictures", "quarantine"]


def every_command() -> dict[str, Any]:
    """What a person types after `crackmonitor`, and the command behind it."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        members = getattr(command, "commands", None)
        found |= {name: command} if members is None else {f"{name} {part}": one for part, one in members.items()}
    return found


COMMANDS = every_command()


def examined(*words: object) -> dict[str, dict[str, Any]]:
    """The doctor's findings by name."""
    result = crackmonitor("doctor", *words, "--json").result
    assert list(result) == ["ok", "checks"]
    assert result["ok"] is all(check["ok"] for check in result["checks"])
    assert all(check["detail"] for check in result["checks"])
    return {check["name"]: check for check in result["checks"]}


def test_in_a_workspace_everything_is_looked_at(workspace: Path) -> None:
    found = examined("--workspace", workspace)
    written = [f"write access to {name}" for name in FOLDERS]
    assert list(found) == ["settings", "database", *written, "recipes in force", "weights", "device", "disk"]
    assert all(found[name]["ok"] for name in found if name != "disk")
    assert "'dark', patches of 64 px" in found["weights"]["detail"]
    assert "GB free" in found["disk"]["detail"]


def test_the_words_say_what_works_and_what_does_not(workspace: Path) -> None:
    shutil.rmtree(workspace / "inbox")
    words = crackmonitor("doctor", "--workspace", workspace)
    assert (words.status, words.err) == (0, "")
    lines = words.out.splitlines()
    assert f"ok    settings: read from {workspace}" in lines
    (failed,) = (line for line in lines if line.startswith("FAIL"))
    assert failed.startswith("FAIL  write access to inbox: ")


def test_without_a_workspace_the_rest_is_still_looked_at(here: Path) -> None:
    found = examined()
    assert list(found) == ["settings", "weights", "device", "disk"]
    assert not found["settings"]["ok"]
    assert "crackmonitor init" in found["settings"]["detail"]
    assert found["device"]["ok"]


@pytest.mark.parametrize("name", ["CRACKMONITOR_ANALYSIS__DEVICE", "CRACKMONITOR_ANALYSIS"])
def test_settings_that_make_no_sense_are_a_finding(workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "abacus")
    for words in ((), ("--workspace", workspace)):
        found = examined(*words)
        assert list(found) == ["settings", "weights", "device", "disk"]
        assert not found["settings"]["ok"]


def test_absent_weights_are_a_finding(
    workspace: Path, here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(weights.parent, here / "weights"))
    (folder / weights.name).unlink()
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__WEIGHTS", str(folder / weights.name))
    for words in ((), ("--workspace", workspace)):
        assert "absent or unreadable" in examined(*words)["weights"]["detail"]


def test_a_device_that_is_not_here_is_a_finding(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__DEVICE", "cuda")
    device = examined("--workspace", workspace)["device"]
    assert not device["ok"]
    assert "Set 'analysis.device' to auto" in device["detail"]


def test_a_locked_database_is_a_finding(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_seconds", 0.05)
    with closing(sqlite3.connect(workspace / "crackmonitor.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        found = examined("--workspace", workspace)["database"]
    assert not found["ok"]
    assert "try again, or stop that program" in found["detail"]
    assert examined("--workspace", workspace)["database"]["ok"]


def test_an_absent_database_is_a_finding_and_is_not_made(workspace: Path) -> None:
    (workspace / "crackmonitor.db").unlink()
    found = examined("--workspace", workspace)["database"]
    assert not found["ok"]
    assert "'crackmonitor db restore'" in found["detail"]
    assert not (workspace / "crackmonitor.db").exists()


def test_a_full_disk_is_a_finding(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = shutil.disk_usage(workspace)._replace(free=500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    disk = examined("--workspace", workspace)["disk"]
    assert (disk["ok"], disk["detail"].split(" at ")[0]) == (False, "0.5 GB free")


def test_the_root_names_every_command(here: Path) -> None:
    words = crackmonitor("--help")
    assert words.status == 0
    for name in COMMANDS:
        assert name.split()[0] in words.out
    assert crackmonitor_program("--help", folder=here).status == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(name: str) -> None:
    words = crackmonitor(*name.split(), "--help")
    assert (words.status, words.err) == (0, "")
    assert f"crackmonitor {name}" in words.out
    command = COMMANDS[name]
    assert command.help.endswith(".")
    unexplained = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    assert unexplained == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_its_help_with_an_example_that_it_understands(name: str) -> None:
    command = COMMANDS[name]
    start = f"Example: crackmonitor {name} "
    assert (command.epilog or "").startswith(start)
    with command.make_context(name, shlex.split(command.epilog.removeprefix(start))) as asked:
        assert asked.params


def test_no_example_is_of_a_command_that_is_not() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_a_workspace_and_answers_in_json(name: str) -> None:
    taken = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--workspace", "--json"} <= taken


@pytest.mark.parametrize(
    "words", [("paint",), ("growth",), ("growth", "north-wall", "--colour"), ("site", "paint"), ()]
)
def test_misuse_of_the_command_line_ends_with_2(words: tuple[str, ...]) -> None:
    refused = crackmonitor(*words)
    assert refused.status == 2
    assert "Traceback" not in refused.err


def test_help_and_light_commands_do_not_wait_for_torch(workspace: Path) -> None:
    program = (
        "import sys\n"
        "from command_line import crackmonitor\n"
        f"for words in (['--help'], ['growth', '--help'], ['site', 'list', '--workspace', {str(workspace)!r}],\n"
        f"              ['ingest', '--workspace', {str(workspace)!r}]):\n"
        "    assert crackmonitor(*words).status == 0\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    folder = Path(__file__).parent
    assert subprocess.run([sys.executable, "-c", program], cwd=folder, check=False).returncode == 0
