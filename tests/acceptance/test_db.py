"""`crackmonitor db`: a copy, back where there is none, and what is not sound."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from command_line import crackmonitor
from PIL import Image


def _survey(workspace: Path, here: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), 120, np.uint8)).save(stream, "PNG")
    (here / "wall.png").write_bytes(stream.getvalue())
    given = ("--location", "north-wall", "--create", "--workspace", workspace)
    assert crackmonitor("ingest", here / "wall.png", *given).status == 0


def test_a_backup_comes_back_once_the_database_is_gone_and_not_before(workspace: Path, here: Path) -> None:
    _survey(workspace, here)
    made = crackmonitor("db", "backup", here / "copy.db", "--workspace", workspace, "--json").result
    assert (made["captures"], made["readings"]) == (1, 0)
    refused = crackmonitor("db", "restore", here / "copy.db", "--workspace", workspace)
    assert refused.status == 2
    assert "Move it away first" in refused.sentence
    for path in workspace.glob("crackmonitor.db*"):
        path.unlink()
    restored = crackmonitor("db", "restore", here / "copy.db", "--workspace", workspace, "--json").result
    assert (restored["captures"], restored["problems"]) == (1, [])
    listed = crackmonitor("capture", "list", "--location", "north-wall", "--workspace", workspace, "--json").result
    assert [one["file"] for one in listed["captures"]] == ["wall.png"]


def test_check_names_an_altered_original_and_ends_with_1(workspace: Path, here: Path) -> None:
    _survey(workspace, here)
    sound = crackmonitor("db", "check", "--workspace", workspace, "--json").result
    assert (sound["sound"], sound["originals"], len(sound["audit_sha256"])) == (True, 1, 64)
    assert sound["audit_entries"] > 0
    (original,) = (workspace / "originals").rglob("*.png")
    shutil.copyfile(workspace / "crackmonitor.toml", original)
    found = crackmonitor("db", "check", "--workspace", workspace, "--json")
    assert found.status == 1
    assert "was altered" in json.loads(found.out)["problems"][0]


def test_a_damaged_backup_is_refused_in_a_sentence(workspace: Path, here: Path) -> None:
    (here / "copy.db").write_bytes(b"no database")
    (workspace / "crackmonitor.db").unlink()
    refused = crackmonitor("db", "restore", here / "copy.db", "--workspace", workspace)
    assert refused.status == 1
    assert "cannot be read as a database" in refused.sentence
    assert not (workspace / "crackmonitor.db").exists()
