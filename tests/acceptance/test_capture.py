"""`crackmonitor capture`: what became of each photo, and how what went wrong is put right."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Reply, crackmonitor
from photographs import FIRST_DAY, Place

from simulations.scenarios import save_photo

LISTED = ["capture", "file", "sha256", "captured_at", "reference", "status", "reason", "severity", "superseded"]


def told(workspace: Path, *words: object) -> dict[str, Any]:
    return crackmonitor(*words, "--workspace", workspace, "--json").result


def listed(workspace: Path, location: str) -> list[dict[str, Any]]:
    result = told(workspace, "capture", "list", "--location", location)
    assert list(result) == ["location", "captures"]
    assert result["location"] == location
    assert all(list(one) == LISTED for one in result["captures"])
    return list(result["captures"])


def states(workspace: Path, location: str) -> dict[str, str]:
    return {one["file"]: one["status"] for one in listed(workspace, location)}


@pytest.fixture
def two_walls(workspace: Path, here: Path, place: Place, another_place: Place) -> Path:
    """Two walls of two photos each, and a third photo of the second wall that was filed with the first."""
    walls = {"north-wall": place, "south-wall": another_place}
    for name, wall in walls.items():
        photos = wall.series(here / name, np.array([4.0, 5.0]), 30)
        renamed = [photo.rename(photo.with_name(f"{name}_{photo.name}")) for photo in photos]
        told(workspace, "ingest", *renamed, "--location", name, "--create")
    save_photo(here / "misfiled.jpg", another_place.photo(2, opening_px=6), FIRST_DAY + timedelta(days=60), 95)
    told(workspace, "ingest", here / "misfiled.jpg", "--location", "north-wall")
    assert told(workspace, "worker", "--once")["analysed"] == 5
    return workspace


def test_every_photo_is_listed_with_what_became_of_it_and_why(two_walls: Path, here: Path) -> None:
    (here / "letter.jpg").write_text("no photo", encoding="utf-8")
    told(two_walls, "ingest", here / "letter.jpg", "--location", "north-wall")
    found = {one["file"]: one for one in listed(two_walls, "north-wall")}
    assert {name: one["status"] for name, one in found.items()} == {
        "north-wall_capture_00.jpg": "measured",
        "north-wall_capture_01.jpg": "measured",
        "misfiled.jpg": "not_registered",
        "letter.jpg": "rejected",
    }
    first = found["north-wall_capture_00.jpg"]
    assert (first["reference"], first["reason"], first["captured_at"]) == (True, None, FIRST_DAY.isoformat())
    assert first["severity"]["max_width_px"] > 0
    assert found["misfiled.jpg"]["reason"]
    assert "accepted format" in found["letter.jpg"]["reason"]
    words = crackmonitor("capture", "list", "--location", "north-wall", "--workspace", two_walls).out
    assert words.splitlines()[0].split() == ["capture", "captured", "status", "file", "reason"]
    assert len(words.splitlines()) == 5


def test_a_misfiled_photo_is_moved_and_measured_where_it_belongs(two_walls: Path) -> None:
    (misfiled,) = [one["capture"] for one in listed(two_walls, "north-wall") if one["file"] == "misfiled.jpg"]
    move = ("capture", "move", misfiled, "--location", "south-wall")
    assert told(two_walls, *move) == {"capture": misfiled, "location": "south-wall"}
    assert states(two_walls, "south-wall")["misfiled.jpg"] == "waiting"
    assert told(two_walls, "worker", "--once")["analysed"] == 1
    assert set(states(two_walls, "north-wall").values()) == {"measured"}
    assert set(states(two_walls, "south-wall").values()) == {"measured"}
    (moved,) = [one for one in listed(two_walls, "south-wall") if one["capture"] == misfiled]
    (former,) = moved["superseded"]
    assert (former["status"], former["why"]) == (
        "not_registered",
        "The capture was moved from north-wall to south-wall.",
    )
    assert {fit["n"] for fit in told(two_walls, "growth", "south-wall")["fits"]} == {3}
    assert {fit["n"] for fit in told(two_walls, "growth", "north-wall")["fits"]} == {2}
    assert told(two_walls, *move) == {"capture": misfiled, "location": "south-wall"}
    assert told(two_walls, "worker", "--once")["analysed"] == 0


def test_a_capture_whose_lost_original_is_back_is_measured_again(two_walls: Path) -> None:
    (misfiled,) = [one for one in listed(two_walls, "north-wall") if one["file"] == "misfiled.jpg"]
    (original,) = (two_walls / "originals").rglob(f"{misfiled['sha256']}*")
    away = original.rename(two_walls / "away.jpg")
    remeasure = ("capture", "remeasure", misfiled["capture"])
    missing = crackmonitor(*remeasure, "--workspace", two_walls, "--json")
    assert (missing.status, f"Put it back as {original}" in missing.sentence) == (1, True)
    away.rename(original)
    assert told(two_walls, *remeasure) == {"captures": [misfiled["capture"]]}
    assert states(two_walls, "north-wall")["misfiled.jpg"] == "waiting"
    assert told(two_walls, *remeasure) == {"captures": []}
    assert told(two_walls, "worker", "--once")["analysed"] == 1
    (again,) = [one for one in listed(two_walls, "north-wall") if one["file"] == "misfiled.jpg"]
    assert (again["status"], again["reason"]) == ("not_registered", misfiled["reason"])
    assert [former["why"] for former in again["superseded"]] == ["To be measured again."]


def refusals(workspace: Path) -> dict[str, Reply]:
    by_name = {one["file"]: one["capture"] for name in ("north-wall", "south-wall") for one in listed(workspace, name)}
    calls: dict[str, tuple[object, ...]] = {
        "is the reference of 'north-wall'": ("move", by_name["north-wall_capture_00.jpg"], "--location", "south-wall"),
        "Known: north-wall, south-wall.": ("move", by_name["misfiled.jpg"], "--location", "nowhere"),
        "no capture with the id 99": ("move", 99, "--location", "south-wall"),
        "gives the same numbers": ("remeasure", by_name["north-wall_capture_01.jpg"]),
        "There is no capture": ("remeasure", 99),
        "Unknown location": ("list", "--location", "nowhere"),
    }
    return {part: crackmonitor("capture", *words, "--workspace", workspace) for part, words in calls.items()}


def test_misuse_changes_nothing_and_says_what_is_wrong(two_walls: Path) -> None:
    before = {name: listed(two_walls, name) for name in ("north-wall", "south-wall")}
    for part, refused in refusals(two_walls).items():
        assert refused.status == 2
        assert part in refused.sentence
    assert {name: listed(two_walls, name) for name in before} == before
