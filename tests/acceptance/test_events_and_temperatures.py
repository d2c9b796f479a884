"""`crackmonitor location event`, `events`, `withdraw-event` and `temperature`: photos in, and what counts of them."""

import shutil
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Reply, crackmonitor
from photographs import FIRST_DAY, Place

LOCATION = "north-wall"
#: It opens by 0.02 px a day until it is repaired after the sixth of twelve photos; from then on by a quarter of that.
OPENINGS_PX = np.array([4.0, 4.6, 5.2, 5.8, 6.4, 7.0, 4.0, 4.15, 4.3, 4.45, 4.6, 4.75])
INTERVAL_DAYS = 30.0
#: The wall's crack is so long, and of one width: its area tells the rate best.
LENGTH_PX = float(np.hypot(260 - 70, 270 - 110))
#: The afternoon before the seventh photo, on clocks in Berlin.
REPAIRED_AT = "2025-07-08T15:00"
NOTE = "Filled with lime mortar"


def told(workspace: Path, *words: object) -> dict[str, Any]:
    return crackmonitor(*words, "--workspace", workspace, "--json").result


def growth(workspace: Path) -> dict[str, Any]:
    return told(workspace, "growth", LOCATION)


def fits_of(result: dict[str, Any], metric: str = "area_px") -> dict[str, dict[str, Any]]:
    found = [fit for fit in result["fits"] if (fit["metric"], fit["crack"]) == (metric, "all")]
    return {fit["method"]: fit for fit in found}


def repaired(workspace: Path, at: str = REPAIRED_AT, kind: str = "repair") -> int:
    event = told(workspace, "location", "event", LOCATION, "--at", at, "--kind", kind, "--note", NOTE, "--by", "Ada")
    assert (event["kind"], event["note"], event["recorded_by"]) == (kind, NOTE, "Ada")
    return int(event["event"])


@pytest.fixture(scope="session")
def followed(made: Path, tmp_path_factory: pytest.TempPathFactory, place: Place) -> Path:
    """A wall that was repaired, and whose photos the worker has analysed. Only to be copied."""
    folder = tmp_path_factory.mktemp("repaired")
    workspace = Path(shutil.copytree(made, folder / "survey"))
    assert crackmonitor("site", "add", "Town", "--time-zone", "Europe/Berlin", "--workspace", workspace).status == 0
    assert crackmonitor("location", "add", LOCATION, "--site", "Town", "--workspace", workspace).status == 0
    place.series(folder / "photos", OPENINGS_PX, INTERVAL_DAYS)
    assert len(told(workspace, "ingest", folder / "photos", "--location", LOCATION)["accepted"]) == len(OPENINGS_PX)
    assert told(workspace, "worker", "--once")["analysed"] == len(OPENINGS_PX)
    return workspace


@pytest.fixture
def wall(followed: Path, here: Path) -> Path:
    return Path(shutil.copytree(followed, here / "survey"))


@pytest.fixture
def log(here: Path) -> Path:
    """Temperatures of a logger, half an hour after each photo; times without offset are Berlin's."""
    path = here / "log.csv"
    hours = timedelta(hours=1.5)
    rows = [(FIRST_DAY + timedelta(days=INTERVAL_DAYS * index) + hours, 5 + index % 5) for index in range(12)]
    path.write_text("at,celsius\n" + "".join(f"{at:%Y-%m-%dT%H:%M},{celsius}\n" for at, celsius in rows))
    return path


def test_a_wall_repaired_in_the_middle_has_the_rate_of_the_part_after_it(wall: Path) -> None:
    before = growth(wall)
    whole = fits_of(before)["least_squares"]
    assert (whole["n"], before["excluded"]) == (12, [])
    assert whole["slope_per_year"] < 0.002 * 365.25 * LENGTH_PX, "the repair hides that it grows"
    event = repaired(wall)
    after = growth(wall)
    assert {fit["n"] for fit in after["fits"]} == {6}
    assert fits_of(after)["theil_sen"]["slope_per_year"] == pytest.approx(0.005 * 365.25 * LENGTH_PX, rel=0.1)
    assert [(left["file"], left["reason"]) for left in after["excluded"]] == [
        (f"capture_{index:02d}.jpg", "before the repair of 2025-07-08") for index in range(6)
    ]
    assert after["remarks"][0] == "Only readings since the repair of 2025-07-08 count."
    words = crackmonitor("growth", LOCATION, "--workspace", wall).out
    assert "(capture_05.jpg): before the repair of 2025-07-08" in words
    reasons = [one["reason"] for one in told(wall, "capture", "list", "--location", LOCATION)["captures"]]
    assert reasons == ["before the repair of 2025-07-08"] * 6 + [None] * 6
    assert told(wall, "worker", "--once")["judged"] == 0, "the command has judged already"
    assert growth(wall) == after

    withdrawn = told(wall, "location", "withdraw-event", event, "--why", "It was the south wall.")
    assert (withdrawn["event"], withdrawn["withdrawn_why"]) == (event, "It was the south wall.")
    assert growth(wall) == before
    told(wall, "worker", "--once")
    assert growth(wall) == before


def test_the_order_of_telling_plays_no_part(followed: Path, here: Path, log: Path) -> None:
    said = []
    for number, order in enumerate(permutations(["repair", "camera", "temperatures"])):
        workspace = Path(shutil.copytree(followed, here / str(number)))
        for step in order:
            if step == "temperatures":
                told(workspace, "location", "temperature", LOCATION, log)
            else:
                early = ("2025-04-01", "new_camera")
                repaired(workspace, *(early if step == "camera" else (REPAIRED_AT, "repair")))
        said.append(growth(workspace))
    assert {fit["n"] for fit in said[0]["fits"]} == {6}
    assert all(one == said[0] for one in said)


def test_photos_that_arrive_after_the_event_was_told_count_the_same(
    followed: Path, made: Path, here: Path, place: Place
) -> None:
    late = Path(shutil.copytree(followed, here / "late"))
    early = Path(shutil.copytree(made, here / "early"))
    told(early, "site", "add", "Town", "--time-zone", "Europe/Berlin")
    told(early, "location", "add", LOCATION, "--site", "Town")
    photos = place.series(here / "photos", OPENINGS_PX, INTERVAL_DAYS)
    told(early, "ingest", photos[0], "--location", LOCATION)
    repaired(early)
    for some in (photos[7:], photos[1:7]):
        told(early, "ingest", *some, "--location", LOCATION)
        told(early, "worker", "--once")
    repaired(late)
    by_arrival, by_time = growth(early), growth(late)
    assert by_arrival["fits"] == by_time["fits"]
    assert [left["file"] for left in by_arrival["excluded"]] == [left["file"] for left in by_time["excluded"]]


def test_events_are_listed_by_time_with_what_became_of_them(wall: Path) -> None:
    second, first = repaired(wall), repaired(wall, "2025-03-01", "repaint")
    told(wall, "location", "withdraw-event", first, "--why", "Never done.")
    listed = told(wall, "location", "events", LOCATION)
    assert listed["location"] == LOCATION
    assert [(one["event"], one["at"], one["withdrawn_why"]) for one in listed["events"]] == [
        (first, "2025-03-01T00:00:00+01:00", "Never done."),
        (second, "2025-07-08T15:00:00+02:00", None),
    ]
    words = crackmonitor("location", "events", LOCATION, "--workspace", wall).out.splitlines()
    assert words[0].split() == ["event", "at", "kind", "note", "by", "withdrawn", "because"]
    assert words[2].startswith(f"{second}      2025-07-08 15:00  repair")
    assert NOTE in words[2]


def test_temperatures_are_fitted_beside_and_can_be_forgotten(wall: Path, log: Path) -> None:
    before = growth(wall)
    assert told(wall, "location", "temperature", LOCATION, log) == {"location": LOCATION, "taken": 12}
    assert set(fits_of(growth(wall))) == {"least_squares", "theil_sen", "seasonal", "temperature"}
    assert fits_of(growth(wall))["temperature"]["n"] == 12
    assert told(wall, "location", "temperature", LOCATION, log)["taken"] == 12
    assert told(wall, "location", "temperature", LOCATION, "--clear") == {"location": LOCATION, "cleared": 12}
    assert growth(wall) == before


def refused(workspace: Path, *words: object) -> Reply:
    return crackmonitor("location", *words, "--workspace", workspace, "--json")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("event", "nowhere", "--at", "2025-07-01", "--kind", "repair"), "Known: north-wall."),
        (("event", LOCATION, "--at", "2025-07-01", "--kind", "flood"), "Known: new_camera, other, repaint, repair."),
        (("event", LOCATION, "--at", "soon", "--kind", "repair"), "'soon' is no time; write one like"),
        (("event", LOCATION, "--at", "2999-07-01", "--kind", "repair"), "still to come"),
        (("event", LOCATION, "--at", "2025-07-01", "--kind", "other"), "needs a note"),
        (("events", "nowhere"), "Known: north-wall."),
        (("withdraw-event", 99, "--why", "No."), "no event with the id 99"),
        (("temperature", LOCATION), "Name a CSV file"),
        (("temperature", LOCATION, "LOG", "--clear"), "Name a CSV file"),
        (("temperature", LOCATION, "absent.csv"), "There is no file absent.csv"),
        (("temperature", "nowhere", "LOG"), "Known: north-wall."),
    ],
)
def test_misuse_is_a_sentence_and_changes_nothing(wall: Path, log: Path, words: tuple[object, ...], part: str) -> None:
    before = growth(wall)
    reply = refused(wall, *(log if word == "LOG" else word for word in words))
    assert (reply.status, part in reply.sentence) == (2, True), reply.err
    assert growth(wall) == before
    assert told(wall, "location", "events", LOCATION)["events"] == []


def test_of_a_file_with_a_bad_row_nothing_is_taken_over(wall: Path, log: Path) -> None:
    log.write_text(log.read_text() + "2025-12-24T18:00,cold\n")
    reply = refused(wall, "temperature", LOCATION, log)
    assert reply.status == 2
    assert f"Nothing was taken over from {log}. line 14: 'cold' is no number" in reply.sentence
    assert told(wall, "location", "temperature", LOCATION, "--clear")["cleared"] == 0
