"""`crackmonitor location recipe`: another recipe is measured beside the one in force, compared, and switched to."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Reply, crackmonitor
from dark_classifier import save_dark_classifier
from photographs import Place

LOCATION = "north-wall"
OPENINGS_PX = np.linspace(4.0, 7.0, 6)
COMPARED = ["area_px", "max_width_px", "length_px", "area_mm2", "max_width_mm", "length_mm"]
OTHER = "CRACKMONITOR_ANALYSIS__SIZES", "mask"


def told(workspace: Path, *words: object) -> dict[str, Any]:
    return crackmonitor(*words, "--workspace", workspace, "--json").result


def reply(workspace: Path, *words: object) -> Reply:
    return crackmonitor("location", "recipe", *words, "--workspace", workspace)


def growth(workspace: Path) -> dict[str, Any]:
    return told(workspace, "growth", LOCATION)


def _without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """Two workspaces number their captures each in its own way."""
    tips = [{**tip, "captures": [seen["growth_px"] for seen in tip["captures"]]} for tip in found["tips"]]
    return {**found, "tips": tips}


@pytest.fixture(scope="session")
def measured(made: Path, tmp_path_factory: pytest.TempPathFactory, place: Place) -> Path:
    """A wall whose photos the worker has analysed under one recipe. Only to be copied."""
    folder = tmp_path_factory.mktemp("measured")
    workspace = Path(shutil.copytree(made, folder / "survey"))
    told(workspace, "site", "add", "Town")
    told(workspace, "location", "add", LOCATION, "--site", "Town", "--mm-per-px", 0.5)
    place.series(folder / "photos", OPENINGS_PX, 30.0)
    told(workspace, "ingest", folder / "photos", "--location", LOCATION)
    assert told(workspace, "worker", "--once")["analysed"] == len(OPENINGS_PX)
    return workspace


@pytest.fixture
def wall(measured: Path, here: Path) -> Path:
    return Path(shutil.copytree(measured, here / "survey"))


@pytest.fixture
def compared(wall: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings have brought another recipe since, and the worker has analysed all photos under it as well."""
    monkeypatch.setenv(*OTHER)
    told(wall, "worker", "--once")
    return wall


def test_without_another_recipe_there_is_nothing_to_compare(wall: Path) -> None:
    found = told(wall, "location", "recipe", LOCATION)
    assert (found["location"], found["other"], found["offsets"], found["switches"]) == (LOCATION, None, None, [])
    assert found["in_force"] == growth(wall)["fingerprint"]
    assert f"{LOCATION} goes by the recipe {found['in_force']}; there is no other." in reply(wall, LOCATION).out
    assert growth(wall)["notices"] == []


def test_another_recipe_changes_nothing_but_is_compared_and_mentioned(
    wall: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = growth(wall)
    monkeypatch.setenv(*OTHER)
    work = told(wall, "worker", "--once")
    assert (work["analysed"], work["judged"]) == (len(OPENINGS_PX), 0)
    after = growth(wall)
    (notice,) = after.pop("notices")
    assert before.pop("notices") == []
    assert after == before
    assert f"'crackmonitor location recipe {LOCATION}'" in notice
    assert notice in crackmonitor("growth", LOCATION, "--workspace", wall).out

    found = told(wall, "location", "recipe", LOCATION)
    assert found["in_force"] == before["fingerprint"]
    assert found["differences"] == {"sizes": {"in_force": "profiles", "other": "mask"}}
    assert (found["both"], found["pending"], found["waiting"], found["changed_status"]) == (6, 0, 0, 0)
    assert found["out_of_reach"] is None
    offsets = {offset["metric"]: offset for offset in found["offsets"]}
    assert list(offsets) == COMPARED
    assert {offset["n"] for offset in offsets.values()} == {6}
    assert offsets["length_mm"]["median"] == 0
    assert offsets["area_px"]["median"] != 0
    width = offsets["max_width_px"]
    assert width["low"] <= width["median"] <= width["high"]
    assert width["median"] != 0
    assert offsets["max_width_mm"]["median"] == pytest.approx(0.5 * width["median"])
    words = reply(wall, LOCATION).out
    for part in (
        found["other"],
        "sizes   profiles  mask",
        "0 of 6",
        "max_width_mm",
        f"{width['median']:+.3f}",
    ):
        assert part in words
    assert told(wall, "location", "recipe", "--all") == {"locations": [found]}


def test_a_switch_gives_what_the_new_recipe_gives_from_the_start_and_back_again(
    compared: Path, made: Path, here: Path
) -> None:
    before, found = growth(compared), told(compared, "location", "recipe", LOCATION)
    (done,) = told(compared, "location", "recipe", LOCATION, "--switch", "--by", "Ada")["switched"]
    assert (done["location"], done["old"], done["new"]) == (LOCATION, found["in_force"], found["other"])
    assert (done["by"], done["pending"]) == ("Ada", 0)
    switched = growth(compared)

    fresh = Path(shutil.copytree(made, here / "fresh"))
    told(fresh, "site", "add", "Town")
    told(fresh, "location", "add", LOCATION, "--site", "Town", "--mm-per-px", 0.5)
    photos = sorted((compared / "originals").rglob("*.jpg"))
    told(fresh, "ingest", *photos, "--location", LOCATION)
    told(fresh, "worker", "--once")
    assert _without_ids(switched) == _without_ids(growth(fresh))
    assert switched["fingerprint"] == found["other"]

    again = reply(compared, LOCATION, "--switch")
    assert again.status == 2
    assert f"It has readings under {found['in_force']}: name one with --to." in again.sentence
    told(compared, "location", "recipe", LOCATION, "--switch", "--to", found["in_force"])
    back = growth(compared)
    assert (back.pop("notices"), before.pop("notices")) != ([], [])
    assert back == before
    switches = told(compared, "location", "recipe", LOCATION)["switches"]
    assert [(one["old"], one["new"], one["by"]) for one in switches] == [
        (found["in_force"], found["other"], "Ada"),
        (found["other"], found["in_force"], None),
    ]


def test_all_that_are_ready_are_switched_at_once(compared: Path) -> None:
    words = reply(compared, "--all", "--switch").out
    assert words.startswith(f"{LOCATION} goes by the recipe ")
    assert reply(compared, "--all", "--switch").out.strip() == "No location has another recipe ready."
    assert told(compared, "location", "recipe", "--all", "--switch") == {"switched": []}


def test_a_recipe_whose_weights_are_gone_is_said_by_doctor_and_growth(
    wall: Path, place: Place, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings name other weights since, and those of the recipe in force are not kept."""
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__WEIGHTS", str(save_dark_classifier(here / "newer", "newer")))
    place.series(here / "more", np.append(OPENINGS_PX, 7.5), 30.0)
    told(wall, "ingest", here / "more" / "capture_06.jpg", "--location", LOCATION)
    assert told(wall, "worker", "--once")["analysed"] == 7
    found = told(wall, "location", "recipe", LOCATION)
    assert (found["both"], found["pending"], found["waiting"]) == (6, 0, 1)
    assert "its weights 'dark' (sha256" in found["out_of_reach"]
    checks = {check["name"]: check for check in told(wall, "doctor")["checks"]}
    assert not checks["recipes in force"]["ok"]
    assert LOCATION in checks["recipes in force"]["detail"]
    _, lost = growth(wall)["notices"]
    assert "1 capture(s) wait until it is switched" in lost
    reasons = [left["reason"] for left in growth(wall)["excluded"]]
    assert reasons == ["not measured yet"]
    assert reply(wall, LOCATION, "--switch").status == 0
    assert growth(wall)["excluded"] == []
    assert {check["ok"] for check in told(wall, "doctor")["checks"]} == {True}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "Name one location, or say --all."),
        ((LOCATION, "--all"), "Name one location, or say --all."),
        (("nowhere",), "Known: north-wall."),
        ((LOCATION, "--by", "Ada"), "give it together with --switch"),
        (("--all", "--to", "0" * 16), "--to names the recipe for one location"),
        ((LOCATION, "--to", "0" * 16), "No recipe with the fingerprint"),
        ((LOCATION, "--switch"), "already."),
    ],
)
def test_misuse_is_a_sentence_and_changes_nothing(wall: Path, words: tuple[str, ...], part: str) -> None:
    before = growth(wall)
    found = reply(wall, *words)
    assert (found.status, part in found.sentence) == (2, True), found.err
    assert growth(wall) == before
