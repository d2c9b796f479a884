"""`crackmonitor crack`, `patch`, `site adapt` and `location gauge`: what a person says, and what becomes of it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import crackmonitor
from photographs import Place

LOCATION = "north-wall"
OPENINGS_PX = np.array([4.0, 4.6, 5.2, 5.8])


def told(workspace: Path, *words: object) -> dict[str, Any]:
    return crackmonitor(*words, "--workspace", workspace, "--json").result


def refused(workspace: Path, *words: object) -> str:
    reply = crackmonitor(*words, "--workspace", workspace, "--json")
    assert reply.status == 2
    return reply.sentence


@pytest.fixture(scope="module")
def followed(made: Path, tmp_path_factory: pytest.TempPathFactory, place: Place) -> Path:
    """A wall whose four photos the worker has analysed. Only to be copied."""
    folder = tmp_path_factory.mktemp("by-hand")
    workspace = Path(shutil.copytree(made, folder / "survey"))
    told(workspace, "site", "add", "Town", "--time-zone", "Europe/Berlin")
    told(workspace, "location", "add", LOCATION, "--site", "Town")
    place.series(folder / "photos", OPENINGS_PX, 30.0)
    told(workspace, "ingest", folder / "photos", "--location", LOCATION)
    told(workspace, "worker", "--once")
    told(workspace, "location", "scale", LOCATION, "--mm-per-px", 0.5)
    return workspace


@pytest.fixture
def wall(followed: Path, here: Path) -> Path:
    return Path(shutil.copytree(followed, here / "survey"))


def test_a_crack_is_rejected_and_accepted_again_with_who_and_why(wall: Path) -> None:
    (found,) = told(wall, "crack", "list", LOCATION)["cracks"]
    assert (found["crack"], found["correction"]) == ("A", None)
    done = told(wall, "crack", "reject", LOCATION, "A", "--why", "A cable", "--by", "Ada")
    assert (done["correction"], done["followed"]) == ("rejected", True)
    (found,) = told(wall, "crack", "list", LOCATION)["cracks"]
    assert (found["correction"], found["why"], found["by"]) == ("rejected", "A cable", "Ada")
    assert {fit["crack"] for fit in told(wall, "growth", LOCATION)["fits"]} == {"all"}
    told(wall, "crack", "accept", LOCATION, "A", "--why", "It is one")
    assert "A" in {fit["crack"] for fit in told(wall, "growth", LOCATION)["fits"]}
    listed = told(wall, "crack", "corrections", LOCATION, "--ignore")
    assert listed["used"] is False
    assert [one["kind"] for one in listed["corrections"]] == ["rejected", "accepted"]


def test_what_makes_no_sense_is_refused_in_a_sentence(wall: Path) -> None:
    assert "no crack Z" in refused(wall, "crack", "reject", LOCATION, "Z", "--why", "x")
    assert "no line" in refused(wall, "crack", "mark", LOCATION, "--line", "1,2,3", "--why", "x")
    assert "leaves the reference" in refused(wall, "crack", "mark", LOCATION, "--line", "1,2,9000,2", "--why", "x")
    assert "no place" in refused(wall, "patch", "accept", 1, "--at", "here")
    assert "no site named 'Nowhere'" in refused(wall, "site", "adapt", "Nowhere")
    assert "nothing to undo" in refused(wall, "site", "adapt", "Town", "--undo")
    assert "at least 3 of either kind" in refused(wall, "site", "adapt", "Town")
    assert "together" in refused(wall, "location", "gauge", LOCATION, "--width-mm", 2)


def test_a_gauge_reading_is_told_by_growth_until_it_is_withdrawn(wall: Path) -> None:
    words = (
        "location",
        "gauge",
        LOCATION,
        "--crack",
        "A",
        "--width-mm",
        2.5,
        "--at",
        "2025-02-10T12:00",
        "--by",
        "Ada",
    )
    done = told(wall, *words)
    offset = told(wall, "growth", LOCATION)["gauge"]
    assert offset == done["offset"]
    assert offset["gauge"]["recorded_by"] == "Ada"
    assert offset["offset_mm"] is not None
    assert offset["standard_error_mm"] >= 0.05
    number = done["gauges"][0]["id"]
    told(wall, "location", "gauge", LOCATION, "--withdraw", number, "--why", "Misread")
    assert told(wall, "growth", LOCATION)["gauge"] is None


def test_patches_are_listed_from_the_most_cracked_on_and_judged(wall: Path) -> None:
    capture = told(wall, "capture", "list", "--location", LOCATION)["captures"][1]["capture"]
    patches = told(wall, "patch", "list", capture, "--most", 5)["patches"]
    assert [one["probability"] for one in patches] == sorted((one["probability"] for one in patches), reverse=True)
    at = f"{patches[0]['row_px'] + 1},{patches[0]['col_px'] + 1}"
    judged = told(wall, "patch", "reject", capture, "--at", at, "--by", "Ada")
    assert (judged["cracked"], judged["judged_by"]) == (False, "Ada")
    again = told(wall, "patch", "list", capture, "--most", 50)["patches"]
    assert [one["judged_cracked"] for one in again if one["judged_cracked"] is not None] == [False]
