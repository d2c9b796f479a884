"""What works in this place and what does not, each in a sentence."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from monitor.errors import CrackmonitorError, RecipeError, SettingsError
from monitor.settings import AnalysisSettings, Settings, load_settings, load_settings_if_any
from monitor.storage import queries
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
    if findings[0].ok:
        settings = load_settings(workspace)
        findings.append(_tried("database", lambda: _database(settings)))
        findings += [_tried(f"write access to {place.name}", partial(_write, place)) for place in _places(settings)]
        if findings[1].ok:
            findings.append(_tried("recipes in force", lambda: _recipes(settings)))
    analysis = _analysis_settings(workspace)
    findings.append(_tried("weights", lambda: _weights(analysis)))
    findings.append(_tried("device", lambda: _device(analysis)))
    findings.append(_disk(workspace))
    return findings


def _tried(name: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, attempt())
    except (CrackmonitorError, OSError, ImportError) as error:
        return Finding(name, False, str(error))


def _analysis_settings(workspace: Path) -> AnalysisSettings:
    """What an analysis here would go by; the defaults where the settings cannot be read."""
    try:
        return load_settings_if_any(workspace).analysis
    except SettingsError:
        return AnalysisSettings()


def _places(settings: Settings) -> list[Path]:
    return [settings.inbox, settings.originals, settings.pictures, settings.quarantine]


def _database(settings: Settings) -> str:
    database = Database(settings.resolved_database_url)
    with closing(database):
        problems = database.check()
    if problems:
        raise CrackmonitorError(" ".join(problems))
    return f"{database.name} answers and has the present schema"


def _recipes(settings: Settings) -> str:
    """Whether captures can still be analysed under every recipe that a location goes by."""
    from monitor.service.executors import analyser_of

    users: dict[str, list[str]] = {}
    with closing(Database(settings.resolved_database_url)) as database, database.session() as session:
        for place in queries.locations(session):
            if place.in_force is not None:
                users.setdefault(place.in_force, []).append(place.name)
        recipes = {name: queries.recipe(session, name) for name in users}
    lost = []
    for name, recipe in recipes.items():
        try:
            analyser_of(recipe, settings)
        except RecipeError as error:
            lost.append(
                f"Nothing is measured under the recipe {name} of {', '.join(users[name])} any more: {error} To switch:"
                f" 'crackmonitor location recipe {users[name][0]} --switch'."
            )
    if lost:
        raise RecipeError(" ".join(lost))
    return f"{len(recipes)} in force, and captures can be measured under all of them"


def _write(folder: Path) -> str:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor"):
        return f"{folder} takes files"


def _weights(settings: AnalysisSettings) -> str:
    from monitor.networks.weights import load_classifier, load_segmenter

    classifier = load_classifier(settings.weights)
    found = f"'{classifier.name}', patches of {classifier.patch_px} px, crack from {classifier.threshold:.2f} on"
    if settings.mask != "taught":
        return f"{found}; masks are {settings.mask}"
    segmenter = load_segmenter(settings.segmenter)
    return f"{found}; masks by '{segmenter.name}', crack from {segmenter.level:.2f} on"


def _device(settings: AnalysisSettings) -> str:
    from monitor.networks.devices import choose_device

    return f"networks run on {choose_device(settings.device)}"


def _disk(workspace: Path) -> Finding:
    there = next(folder for folder in (workspace.resolve(), *workspace.resolve().parents) if folder.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    return Finding("disk", free_gb >= _LITTLE_DISK_GB, f"{free_gb:.1f} GB free at {there}")
