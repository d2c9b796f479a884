"""The doctor finds each thing that is broken, names it in words, and never breaks itself."""

import os
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dark_classifier import save_dark_classifier
from service_examples import LOCATION, NOW

from monitor.networks.weights import MANIFEST
from monitor.records import Recipe
from monitor.service.doctor import Finding, examine
from monitor.service.executors import build_analyser
from monitor.settings import SETTINGS_FILE, load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database

CHECKS = [
    "settings",
    "database",
    "write access to inbox",
    "write access to originals",
    "write access to pictures",
    "write access to quarantine",
    "recipes in force",
    "weights",
    "device",
    "disk",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_dark_classifier(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(made: Path, tmp_path: Path, weights: Path) -> Path:
    """A workspace in which everything works, with weights of its own."""
    found = tmp_path / "workspace"
    shutil.copytree(made, found)
    shutil.copytree(weights.parent, found / "weights")
    configure(found)
    return found


def configure(folder: Path, text: str = "") -> None:
    weights = (folder / "weights" / "dark.safetensors").as_posix()
    (folder / SETTINGS_FILE).write_text(f'{text}\n[analysis]\nweights = "{weights}"\n', encoding="utf-8")


def failures(folder: Path) -> dict[str, str]:
    return {finding.name: finding.detail for finding in examine(folder) if not finding.ok}


def test_where_everything_works_everything_is_ok_and_nothing_is_left_behind(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    findings = examine(folder)
    assert [finding.name for finding in findings] == CHECKS
    assert failures(folder) == {}
    (weights,) = [finding for finding in findings if finding.name == "weights"]
    assert "'dark', patches of 64 px, crack from 0.50 on" in weights.detail
    assert sorted(path for path in folder.rglob("*") if "crackmonitor.db" not in path.name) == [
        path for path in before if "crackmonitor.db" not in path.name
    ]


def no_database(folder: Path) -> None:
    for file in folder.glob("crackmonitor.db*"):
        file.unlink()


def foreign_database(folder: Path) -> None:
    no_database(folder)
    (folder / "crackmonitor.db").write_bytes(b"photographs, not tables " * 50)


def empty_database(folder: Path) -> None:
    no_database(folder)
    sqlite3.connect(folder / "crackmonitor.db").close()
    (folder / "crackmonitor.db").touch()


def other_schema(folder: Path) -> None:
    with sqlite3.connect(folder / "crackmonitor.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def absent_server(folder: Path) -> None:
    configure(folder, 'database_url = "postgresql://someone:hunter2@127.0.0.1:9/base?connect_timeout=1"')


def foreign_server(folder: Path) -> None:
    configure(folder, 'database_url = "mysql://someone:hunter2@host/base"')


def no_inbox(folder: Path) -> None:
    shutil.rmtree(folder / "inbox")


def file_for_a_folder(folder: Path) -> None:
    (folder / "quarantine").rmdir()
    (folder / "quarantine").touch()


def no_weights(folder: Path) -> None:
    (folder / "weights" / "dark.safetensors").unlink()


def no_manifest(folder: Path) -> None:
    (folder / "weights" / MANIFEST).unlink()


def altered_weights(folder: Path) -> None:
    (folder / "weights" / "dark.safetensors").write_bytes(b"0" * 99)


def torn_manifest(folder: Path) -> None:
    (folder / "weights" / MANIFEST).write_text("[dark", encoding="utf-8")


def incomplete_manifest(folder: Path) -> None:
    (folder / "weights" / MANIFEST).write_text("[dark]\nfile = 'dark.safetensors'\n", encoding="utf-8")


def other_architecture(folder: Path) -> None:
    manifest = folder / "weights" / MANIFEST
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("head = 2\n", "head = 3\n"), encoding="utf-8")


def absent_device(folder: Path) -> None:
    device = "cuda" if not torch.cuda.is_available() else "mps"
    path = folder / SETTINGS_FILE
    path.write_text(path.read_text(encoding="utf-8") + f'device = "{device}"\n', encoding="utf-8")


BROKEN: list[tuple[Callable[[Path], None], str, str]] = [
    (no_database, "database", "'crackmonitor db restore'"),
    (foreign_database, "database", "Do not delete it"),
    (empty_database, "database", "has no tables yet"),
    (other_schema, "database", "Install a newer version"),
    (absent_server, "database", "See that the address is right"),
    (foreign_server, "database", "'mysql' are not supported"),
    (no_inbox, "write access to inbox", "inbox"),
    (file_for_a_folder, "write access to quarantine", "quarantine"),
    (no_weights, "weights", "absent or unreadable"),
    (no_manifest, "weights", "Known: none yet"),
    (altered_weights, "weights", "sha256 differs"),
    (torn_manifest, "weights", "cannot be read"),
    (incomplete_manifest, "weights", ""),
    (other_architecture, "weights", "do not fit"),
    (absent_device, "device", "not available here"),
]


@pytest.mark.parametrize(("breaks", "name", "words"), BROKEN, ids=[entry[0].__name__ for entry in BROKEN])
def test_what_is_broken_is_found_alone_and_in_words(
    folder: Path, breaks: Callable[[Path], None], name: str, words: str
) -> None:
    breaks(folder)
    found = failures(folder)
    assert list(found) == [name]
    assert words in found[name]
    assert "hunter2" not in found[name]


def test_the_doctor_says_what_makes_masks(folder: Path) -> None:
    path = folder / SETTINGS_FILE
    path.write_text(path.read_text(encoding="utf-8") + 'mask = "refined"\n', encoding="utf-8")
    (weights,) = [finding for finding in examine(folder) if finding.name == "weights"]
    assert weights.ok
    assert weights.detail.endswith("; masks are refined")


def test_an_absent_database_is_not_made_by_looking_for_it(folder: Path) -> None:
    no_database(folder)
    examine(folder)
    assert not (folder / "crackmonitor.db").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRACKMONITOR_ANALYSIS__DEVICE", "abacus"),
        ("CRACKMONITOR_NOTIFY__URLS", "json://wall:hunter2@host"),
        ("CRACKMONITOR_INGEST", "[1"),
    ],
)
def test_a_wrong_environment_is_found_like_a_wrong_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    found = failures(folder)
    assert "settings" in found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("text", ["[analysis", "[analysis]\ndevce = 'cpu'\n", "[worker]\nscan_seconds = 0\n"])
def test_wrong_settings_are_found_and_the_rest_is_still_examined(folder: Path, text: str) -> None:
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    findings = examine(folder)
    assert not findings[0].ok
    assert [finding.name for finding in findings] == ["settings", "weights", "device", "disk"]


def test_where_there_is_no_workspace_the_doctor_says_how_to_make_one(tmp_path: Path) -> None:
    found = failures(tmp_path / "nowhere")
    assert "crackmonitor init" in found["settings"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free_gb", "ok"), [(1.9, False), (2.1, True)])
def test_a_full_disk_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, ok: bool) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, int(free_gb * 1e9)))
    assert ("disk" not in failures(folder)) is ok
    assert Finding("disk", ok, f"{free_gb} GB free at {folder}") in examine(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files_is_found(folder: Path) -> None:
    (folder / "pictures").chmod(0o500)
    assert list(failures(folder)) == ["write access to pictures"]


def test_a_recipe_in_force_that_cannot_be_run_any_more_is_found_with_its_locations(folder: Path) -> None:
    with Database(load_settings(folder).resolved_database_url).transaction() as session:
        gone = repository.record_recipe(session, Recipe({"weights": "gone", "weights_sha256": "0" * 64}), NOW)
        repository.set_series(session, queries.location(session, LOCATION).id, gone)
    found = failures(folder)
    assert list(found) == ["recipes in force"]
    assert f"the recipe {gone} of {LOCATION}" in found["recipes in force"]
    assert "its weights 'gone'" in found["recipes in force"]
    assert f"'crackmonitor location recipe {LOCATION} --switch'" in found["recipes in force"]


def test_recipes_in_force_that_can_be_run_are_counted(folder: Path) -> None:
    recipe = build_analyser(load_settings(folder).analysis).recipe
    with Database(load_settings(folder).resolved_database_url).transaction() as session:
        fingerprint = repository.record_recipe(session, recipe, NOW)
        repository.set_series(session, queries.location(session, LOCATION).id, fingerprint)
    (found,) = [finding for finding in examine(folder) if finding.name == "recipes in force"]
    assert (found.ok, found.detail[:10]) == (True, "1 in force")
