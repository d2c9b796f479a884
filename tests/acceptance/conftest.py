"""A place without settings, and workspaces to give commands in."""

import os
import shutil
from pathlib import Path

import pytest
from command_line import crackmonitor
from dark_classifier import choose_weights, save_dark_classifier
from databases import postgresql_url
from photographs import Place

__all__ = ["postgresql_url"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is no workspace. Nothing is set from outside, and no program takes this one's place."""
    for name in list(os.environ):
        if name.startswith("CRACKMONITOR_") and not name.startswith("CRACKMONITOR_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "execv", lambda *call: pytest.fail(f"a program was started: {call}"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hand-made weights, for which dark pixels are cracks."""
    return save_dark_classifier(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A workspace with the hand-made weights in its settings; only to be copied."""
    folder = tmp_path_factory.mktemp("made") / "survey"
    assert crackmonitor("init", folder).status == 0
    choose_weights(folder, weights)
    return folder


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A workspace without any location."""
    return Path(shutil.copytree(made, tmp_path / "survey"))


@pytest.fixture(scope="session")
def place() -> Place:
    """The wall that is watched."""
    return Place(seed=3)


@pytest.fixture(scope="session")
def another_place() -> Place:
    """Any other wall."""
    return Place(seed=4)
