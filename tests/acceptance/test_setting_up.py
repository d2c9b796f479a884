"""`crackmonitor init`, `upgrade`, `site`, `location` and `dashboard`: a place to work in, set up by command."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import crackmonitor
from marked_walls import MarkedWall
from photographs import Place
from PIL import Image

FOLDERS = ["inbox", "originals", "pictures", "quarantine"]


@pytest.fixture
def located(workspace: Path) -> Path:
    """A workspace with one site and one location."""
    assert crackmonitor("site", "add", "Town hall", "--workspace", workspace).status == 0
    assert crackmonitor("location", "add", "north-wall", "--site", "Town hall", "--workspace", workspace).status == 0
    return workspace


@pytest.fixture
def photo(here: Path, place: Place) -> Path:
    return place.series(here / "photos", np.array([4.0]), 0)[0]


@pytest.mark.parametrize("words", [("survey",), ("--workspace", "survey"), ("survey", "--workspace", "elsewhere")])
def test_init_makes_settings_database_and_folders(here: Path, words: tuple[str, ...]) -> None:
    result = crackmonitor("init", *words, "--json").result
    assert result == {"workspace": "survey", "inbox": "survey/inbox"}
    made = sorted(path.name for path in (here / "survey").iterdir())
    assert made == sorted(["crackmonitor.toml", "crackmonitor.db", *FOLDERS])
    assert crackmonitor("site", "list", "--workspace", "survey", "--json").result == {"sites": []}


def test_init_makes_the_current_folder_a_workspace(here: Path) -> None:
    assert crackmonitor("init").status == 0
    assert (here / "crackmonitor.toml").is_file()
    assert crackmonitor("site", "list").status == 0


def test_init_changes_no_workspace_that_is_there(workspace: Path) -> None:
    before = {path: path.read_bytes() for path in workspace.iterdir() if path.is_file()}
    refused = crackmonitor("init", workspace, "--json")
    assert refused.status == 2
    assert "is a workspace already" in refused.sentence
    assert {path: path.read_bytes() for path in workspace.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("nonsense", 2),
        ("mysql://root@host/base", 2),
        ('postgresql://"someone@127.0.0.1:9/base?connect_timeout=2', 1),
    ],
)
def test_init_that_failed_can_be_asked_again(here: Path, url: str, status: int) -> None:
    refused = crackmonitor("init", "survey", "--database-url", url)
    assert refused.status == status
    assert "atabase" in refused.sentence
    assert crackmonitor("init", "survey").status == 0
    assert crackmonitor("site", "list", "--workspace", "survey").status == 0


def test_init_where_no_folder_can_be(here: Path) -> None:
    (here / "file").touch()
    refused = crackmonitor("init", "file")
    assert refused.status == 1
    assert "'file'" in refused.sentence


def test_upgrade_may_be_repeated(workspace: Path) -> None:
    for _ in range(2):
        result = crackmonitor("upgrade", "--workspace", workspace, "--json").result
        assert result == {"database": f"sqlite:///{workspace / 'crackmonitor.db'}"}


def test_sites_are_made_and_listed(workspace: Path) -> None:
    add = ("site", "add", "Town hall", "--time-zone", "Europe/Berlin", "--workspace", workspace)
    assert crackmonitor(*add, "--json").result == {"site": "Town hall", "time_zone": "Europe/Berlin"}
    (site,) = crackmonitor("site", "list", "--workspace", workspace, "--json").result["sites"]
    assert (site["name"], site["time_zone"], site["locations"]) == ("Town hall", "Europe/Berlin", 0)
    assert "Town hall" in crackmonitor("site", "list", "--workspace", workspace).out
    assert "already" in crackmonitor(*add).sentence
    other = crackmonitor("site", "add", "Bridge", "--time-zone", "Mars/Base", "--workspace", workspace)
    assert (other.status, "IANA time zone" in other.sentence) == (2, True)


def test_a_location_is_made_with_reference_and_scale(workspace: Path, photo: Path) -> None:
    crackmonitor("site", "add", "Town hall", "--workspace", workspace)
    add = ("location", "add", "north-wall", "--site", "Town hall", "--interval-days", 30, "--reference", photo)
    result = crackmonitor(*add, "--mm-per-px", 0.4, "--workspace", workspace, "--json").result
    assert result["inbox"] == str(workspace / "inbox" / "north-wall")
    assert result["scale"] == {"mm_per_px": 0.4, "standard_error": pytest.approx(0.008), "origin": "typed"}
    (location,) = crackmonitor("location", "list", "--workspace", workspace, "--json").result["locations"]
    assert (location["name"], location["site"], location["captures"]) == ("north-wall", "Town hall", 1)
    assert (workspace / "inbox" / "north-wall").is_dir()


def test_the_scale_from_two_points(located: Path) -> None:
    points = ("--points", "10,20,10,520", "--distance-mm", 200)
    scale = crackmonitor("location", "scale", "north-wall", *points, "--workspace", located, "--json").result
    assert (scale["mm_per_px"], scale["origin"]) == (0.4, "two_points")
    assert 0 < scale["standard_error"] < 0.01


def test_the_scale_from_a_printed_marker(here: Path, located: Path) -> None:
    picture = np.full((300, 400), 230, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    picture[100:200, 150:250] = cv2.aruco.generateImageMarker(dictionary, 7, 100)
    Image.fromarray(picture).save(here / "marked.png")
    marker = ("--photo", here / "marked.png", "--marker-mm", 50)
    scale = crackmonitor("location", "scale", "north-wall", *marker, "--workspace", located, "--json").result
    assert scale["mm_per_px"] == pytest.approx(0.5, rel=0.02)
    assert scale["origin"] == "marker"


def marked(folder: Path, tilt_deg: float) -> Path:
    """A photo of a wall with a marker, seen at an angle."""
    path = folder / f"marked_{tilt_deg:.0f}.png"
    Image.fromarray(MarkedWall(140.0, tilt_deg).photo()).save(path)
    return path


def scale_of(workspace: Path, location: str) -> tuple[float | None, str | None]:
    with closing(sqlite3.connect(workspace / "crackmonitor.db")) as database:
        query = "SELECT mm_per_px, scale_origin FROM location WHERE name = ?"
        (found,) = database.execute(query, [location]).fetchall()
    return found


def test_a_location_whose_marker_is_seen_at_an_angle_is_made_without_a_scale(here: Path, located: Path) -> None:
    add = ("location", "add", "south-wall", "--site", "Town hall", "--workspace", located, "--marker-mm", 50)
    refused = crackmonitor(*add, "--reference", marked(here, 35))
    assert refused.status == 2
    assert "The wall is seen at about 35 degrees: 1 px is" in refused.sentence
    assert "Location south-wall is made without a scale and measures in pixels" in refused.sentence
    listed = crackmonitor("location", "list", "--workspace", located, "--json").result["locations"]
    assert [(each["name"], each["captures"]) for each in listed] == [("north-wall", 0), ("south-wall", 1)]
    assert scale_of(located, "south-wall") == (None, None)
    better = marked(here, 0)
    assert crackmonitor("location", "reference", "south-wall", better, "--workspace", located).status == 0
    marker = ("--photo", better, "--marker-mm", 50)
    assert crackmonitor("location", "scale", "south-wall", *marker, "--workspace", located).status == 0
    assert scale_of(located, "south-wall") == (pytest.approx(50 / 140, rel=0.01), "marker")


def test_a_scale_refused_leaves_the_one_there_was(here: Path, located: Path) -> None:
    crackmonitor("location", "scale", "north-wall", "--mm-per-px", 0.4, "--workspace", located)
    marker = ("--photo", marked(here, 35), "--marker-mm", 50)
    refused = crackmonitor("location", "scale", "north-wall", *marker, "--workspace", located)
    assert refused.status == 2
    assert "The wall is seen at about 35 degrees: 1 px is" in refused.sentence
    assert scale_of(located, "north-wall") == (0.4, "typed")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--mm-per-px", 0), "makes no sense: give positive numbers"),
        (("--mm-per-px", 0.5, "--marker-mm", 50), "Give one origin of the scale"),
        (("--points", "1,2,3,4"), "--distance-mm"),
        (("--points", "1,2,3", "--distance-mm", 50), "ROW,COL,ROW,COL"),
        (("--points", "1,2,3,4", "--distance-mm", 50), "too close"),
        (("--marker-mm", 50), "name the reference photo"),
        (("--marker-mm", 50, "--photo", "PHOTO"), "No marker was found"),
    ],
)
def test_a_scale_that_makes_no_sense_is_misuse(
    located: Path, photo: Path, options: tuple[object, ...], part: str
) -> None:
    given = [photo if word == "PHOTO" else word for word in options]
    refused = crackmonitor("location", "scale", "north-wall", *given, "--workspace", located)
    assert refused.status == 2
    assert part in refused.sentence


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("add", "a/b", "--site", "Town hall"), "cannot name a location"),
        (("add", "NORTH-WALL", "--site", "Town hall"), "already"),
        (("add", "south-wall", "--site", "Castle"), "Unknown site 'Castle'. Known: Town hall."),
        (("add", "south-wall", "--site", "Town hall", "--interval-days", 0), "greater than zero"),
        (("add", "south-wall", "--site", "Town hall", "--reference", "absent.jpg"), "There is no file absent.jpg"),
        (("scale", "nowhere", "--mm-per-px", 0.5), "Known: north-wall."),
        (("reference", "nowhere", "absent.jpg"), "Known: north-wall."),
        (("rule", "north-wall", "--metric", "depth", "--kind", "level", "--fire", 1), "Known: area_mm2"),
        (
            ("rule", "north-wall", "--metric", "max_width_mm", "--kind", "mood", "--fire", 1),
            "Known: change, level, rate.",
        ),
        (("rule", "north-wall", "--metric", "max_width_mm", "--kind", "rate"), "--fire VALUE, or end it with --retire"),
        (
            ("rule", "north-wall", "--metric", "max_width_mm", "--kind", "rate", "--fire", 1, "--retire"),
            "either --retire, or --fire",
        ),
        (("rule", "north-wall", "--metric", "area_mm2", "--kind", "level", "--retire"), "In force: none."),
        (("interval", "nowhere", "--days", 7), "Known: north-wall."),
        (("interval", "north-wall", "--days", 0), "greater than zero"),
        (("confirm-time", 99, "2025-04-01T10:00:00+02:00"), "no capture with the id 99"),
        (("confirm-time", 1, "yesterday"), "is no time; write one like"),
        (("confirm-time", 1, "2025-04-01T10:00:00"), "lacks its offset from UTC"),
    ],
)
def test_misuse_of_locations_changes_nothing(located: Path, words: tuple[object, ...], part: str) -> None:
    refused = crackmonitor("location", *words, "--workspace", located, "--json")
    assert refused.status == 2
    assert part in refused.sentence
    listed = crackmonitor("location", "list", "--workspace", located, "--json").result["locations"]
    assert [location["name"] for location in listed] == ["north-wall"]


def test_a_rule_is_set_with_its_clear_level(located: Path) -> None:
    rule = ("location", "rule", "north-wall", "--metric", "max_width_mm", "--kind", "level", "--fire", 2)
    result = crackmonitor(*rule, "--workspace", located, "--json").result
    assert (result["fire"], result["clear"]) == (2, pytest.approx(1.8))
    assert crackmonitor(*rule, "--clear", 1.2, "--workspace", located, "--json").result["clear"] == 1.2


def test_a_rule_is_retired(located: Path) -> None:
    rule = ("location", "rule", "north-wall", "--metric", "widest_mm", "--kind", "rate")
    assert crackmonitor(*rule, "--fire", 0.5, "--workspace", located).status == 0
    rule += ("--retire",)
    result = crackmonitor(*rule, "--workspace", located, "--json").result
    assert result == {"location": "north-wall", "metric": "widest_mm", "kind": "rate", "retired": True}
    again = crackmonitor(*rule, "--workspace", located)
    assert (again.status, "In force: none." in again.sentence) == (2, True)


def test_the_interval_is_changed(located: Path) -> None:
    interval = ("location", "interval", "north-wall", "--days", 14)
    result = crackmonitor(*interval, "--workspace", located, "--json").result
    assert result == {"location": "north-wall", "interval_days": 14}
    with closing(sqlite3.connect(located / "crackmonitor.db")) as database:
        assert database.execute("SELECT interval_days FROM location").fetchall() == [(14.0,)]


def test_the_reference_can_be_changed_before_anything_is_registered_to_it(
    here: Path, located: Path, place: Place
) -> None:
    first, second, third = place.series(here / "photos", np.array([3.0, 4.0, 5.0]), 30)
    for photo in (first, second):
        chosen = crackmonitor("location", "reference", "north-wall", photo, "--workspace", located, "--json").result
        assert chosen == {"location": "north-wall", "reference": str(photo)}
    assert crackmonitor("worker", "--once", "--workspace", located, "--json").result["analysed"] == 2
    refused = crackmonitor("location", "reference", "north-wall", third, "--workspace", located)
    assert refused.status == 2
    assert "Start a new location" in refused.sentence


def test_the_dashboard_is_served_from_the_workspace(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, call: started.append([program, *call]))
    monkeypatch.setenv("CRACKMONITOR_DASHBOARD__PORT", "8600")
    assert crackmonitor("dashboard", "--workspace", workspace).out == (
        "Dashboard: http://127.0.0.1:8600\n"
        "Nobody is asked for a password: the pages are for this machine alone, and act as its own user.\n"
    )
    result = crackmonitor("dashboard", "--workspace", workspace, "--json").result
    assert result == {"address": "http://127.0.0.1:8600", "door": "open"}
    program, *call = started[0]
    assert program == call[0] == sys.executable
    assert call[call.index("--server.address") + 1] == "127.0.0.1"
    assert call[-2:] == ["--workspace", str(workspace)]


def test_the_demonstration_touches_no_folder_of_others(workspace: Path, here: Path) -> None:
    shutil.copytree(workspace, here / "copy")
    refused = crackmonitor("demo", here / "copy", "--no-serve", "--json")
    assert refused.status == 2
    assert "was not made by the demonstration" in refused.sentence
    assert (here / "copy" / "crackmonitor.toml").read_bytes() == (workspace / "crackmonitor.toml").read_bytes()
