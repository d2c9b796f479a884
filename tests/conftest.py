"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs kept outside the project; skips where it is absent."""
    folder = Path(os.environ.get("CRACKMONITOR_SHARED", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real photographs not found at {folder} (set CRACKMONITOR_SHARED)")
    return folder
