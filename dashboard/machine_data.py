"""The machine below the service: its disk, and the versions of what runs; a module that touches `monitor`."""

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamlit as st

from dashboard import data
from monitor.settings import load_settings
from monitor.storage import queries

_GB = 1e9
#: What decides numbers or pages; looked up without importing it.
_PACKAGES = ("crackmonitor", "torch", "opencv-python-headless", "numpy", "scipy", "sqlalchemy", "streamlit")


@dataclass(frozen=True)
class Disk:
    """Where the workspace lies, in 10^9 bytes; with less than `least_gb` free nothing is taken in."""

    free_gb: float
    total_gb: float
    least_gb: float


def disk(folder: Path) -> Disk:
    """How full the workspace's disk is now."""
    usage = shutil.disk_usage(folder)
    return Disk(usage.free / _GB, usage.total / _GB, load_settings(folder).ingest.least_free_gb)


@st.cache_data(ttl=60, show_spinner=False)
def versions(folder: Path) -> Mapping[str, str]:
    """By name, what runs here, and the recipe that new readings are made by."""
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    with data.reading(folder) as (session, _):
        present = queries.present_recipe(session)
        if present is not None:
            found["Recipe"] = f"{present}, analysis version {queries.recipe(session, present).analysis_version}"
    return found
