"""What works in this place and what does not, each in a sentence."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from monitor.errors import CrackmonitorError
from monitor.settings import Settings, load_settings
from monitor.storage.database import Database

_LITTLE_DISK_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was tried."""

    name: str
    ok: bool
    detail: str


def examine(workspace: Path) -> list[Finding]:
    """Try everything the service needs; never raises for what it finds."""
    findings = [_tried("settings", lambda: f"read from {load_settings(workspace).workspace.resolve()}")]
    settings = load_settings(workspace) if findings[0].ok else Settings(workspace=workspace)
    if findings[0].ok:
        findings.append(_tried("database", lambda: _database(settings)))
        findings += [_tried(f"write access to {place.name}", partial(_write, place)) for place in _places(settings)]
    findings.append(_tried("weights", lambda: _weights(settings)))
    findings.append(_tried("device", lambda: _device(settings)))
    findings.append(_disk(workspace))
    return findings


def _tried(name: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, attempt())
    except (CrackmonitorError, OSError, ImportError) as error:
        return Finding(name, False, str(error))


def _places(settings: Settings) -> list[Path]:
    return [settings.inbox, settings.originals, settings.pictures, settings.quarantine]


def _database(settings: Settings) -> str:
    database = Database(settings.resolved_database_url)
    problems = database.check()
    if problems:
        raise CrackmonitorError(" ".join(problems))
    return f"{database.name} answers and has the present schema"


def _write(folder: Path) -> str:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor"):
        return f"{folder} takes files"


def _weights(settings: Settings) -> str:
    from monitor.networks.weights import load_classifier

    classifier = load_classifier(settings.analysis.weights)
    return f"'{classifier.name}', patches of {classifier.patch_px} px, crack from {classifier.threshold:.2f} on"


def _device(settings: Settings) -> str:
    from monitor.networks.devices import choose_device

    return f"networks run on {choose_device(settings.analysis.device)}"


def _disk(workspace: Path) -> Finding:
    there = next(folder for folder in (workspace.resolve(), *workspace.resolve().parents) if folder.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    return Finding("disk", free_gb >= _LITTLE_DISK_GB, f"{free_gb:.1f} GB free at {there}")
