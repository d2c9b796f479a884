"""The README names every command and every setting."""

import re
from pathlib import Path

import pytest
import typer

from monitor.cli import app
from monitor.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    root = typer.main.get_command(app)
    names: list[str] = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        members = getattr(command, "commands", None)
        names += [name] if members is None else [f"{name} {member}" for member in members]
    return names


def settings() -> list[str]:
    names = []
    for name, field in Settings.model_fields.items():
        members = getattr(field.annotation, "model_fields", None)
        names += [name] if members is None else [f"{name}.{member}" for member in members]
    return [name for name in names if name != "workspace"]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    group, _, member = command.partition(" ")
    lines = [line for line in README.splitlines() if line.startswith(f"| `{group}")]
    assert lines, f"README.md has no row for '{command}'"
    assert not member or any(f"`{member}`" in line or f"`{command}" in line for line in lines)


@pytest.mark.parametrize("setting", settings())
def test_every_setting_is_in_the_readme(setting: str) -> None:
    assert f"`{setting}`" in README


def test_every_file_the_readme_points_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []
