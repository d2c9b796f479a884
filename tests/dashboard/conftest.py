"""Workspaces for the pages to show."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from made_up_workspace import Stage, every_state
from streamlit.components.v2 import manifest_scanner


@pytest.fixture(scope="session", autouse=True)
def _look_once() -> Iterator[None]:
    """Every `AppTest` looks through all installed packages for components, which takes long; now the first alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Nothing read in one test is seen in the next."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a location in every state; only to be read."""
    stage = Stage(tmp_path_factory.mktemp("full"))
    every_state(stage)
    stage.database.close()
    return stage.settings.workspace


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An empty workspace."""
    made = Stage(tmp_path / "workspace")
    yield made
    made.database.close()
