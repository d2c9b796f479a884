"""`crackmonitor simulate OUT`: photographs with their truth."""

import csv
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from command_line import crackmonitor
from PIL import ExifTags, Image

from simulations.scenarios import SCENARIOS

COLUMNS = ["file", "captured_at", "opening_mm", "area_mm2", "max_width_mm", "length_mm", "mm_per_px"]


@pytest.fixture(autouse=True)
def _small_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three captures of 320 x 256 px each, so that this takes no minutes."""
    for name, scenario in SCENARIOS.items():
        monkeypatch.setitem(SCENARIOS, name, replace(scenario, captures=3, shape=(256, 320), course_mm=20.0))


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS
        return list(reader)


@pytest.mark.parametrize("name", ["growing", "crack_free"])
def test_captures_and_truth_are_written(here: Path, name: str) -> None:
    result = crackmonitor("simulate", "series", "--scenario", name, "--seed", 1, "--json").result
    assert (result["scenario"], result["seed"], result["captures"]) == (name, 1, 3)
    rows = truth(here / "series")
    assert sorted(path.name for path in (here / "series").iterdir()) == [*(row["file"] for row in rows), "truth.csv"]
    for row in rows:
        with Image.open(here / "series" / row["file"]) as photo:
            assert photo.size == (320, 256)
            taken = photo.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        at = datetime.fromisoformat(row["captured_at"])
        assert at.utcoffset() == timedelta(0)
        assert at.strftime("%Y:%m:%d %H:%M:%S") == taken
        assert float(row["mm_per_px"]) > 0
    sizes = [[float(row[column]) for column in COLUMNS[2:6]] for row in rows]
    if name == "crack_free":
        assert sizes == [[0, 0, 0, 0]] * 3
    else:
        assert all(before[0] < after[0] for before, after in pairwise(sizes))
        assert all(size > 0 for row in sizes for size in row)


def test_the_same_seed_gives_the_same_photos_and_another_one_others(here: Path) -> None:
    for folder, seed in (("one", 5), ("same", 5), ("other", 6)):
        crackmonitor("simulate", folder, "--scenario", "plaster", "--seed", seed)
    one, same, other = (
        {path.name: path.read_bytes() for path in (here / folder).iterdir()} for folder in ("one", "same", "other")
    )
    assert one == same
    assert other.keys() == one.keys()
    assert all(other[name] != content for name, content in one.items())


def test_the_scenarios_are_listed(here: Path) -> None:
    listed = crackmonitor("simulate", "--list", "--json").result["scenarios"]
    assert [scenario["name"] for scenario in listed] == list(SCENARIOS)
    assert all(scenario["description"] for scenario in listed)
    words = crackmonitor("simulate", "--list").out
    assert all(name in words for name in SCENARIOS)
    assert list(here.iterdir()) == []


def test_a_simulated_series_can_be_taken_in(here: Path, workspace: Path) -> None:
    crackmonitor("simulate", "series", "--scenario", "growing")
    photos = sorted((here / "series").glob("*.jpg"))
    taken = crackmonitor("ingest", *photos, "--location", "wall", "--create", "--workspace", workspace, "--json").result
    assert taken["accepted"] == [str(path) for path in photos]


def test_a_series_is_never_overwritten(here: Path) -> None:
    crackmonitor("simulate", "series", "--seed", 1)
    before = {path.name: path.read_bytes() for path in (here / "series").iterdir()}
    refused = crackmonitor("simulate", "series", "--seed", 2)
    assert (refused.status, "already holds a simulated series" in refused.sentence) == (2, True)
    assert {path.name: path.read_bytes() for path in (here / "series").iterdir()} == before


def test_misuse(here: Path) -> None:
    unknown = crackmonitor("simulate", "series", "--scenario", "earthquake", "--json")
    assert unknown.status == 2
    assert all(name in unknown.sentence for name in ("earthquake", *SCENARIOS))
    nowhere = crackmonitor("simulate", "--json")
    assert (nowhere.status, "crackmonitor simulate FOLDER" in nowhere.sentence) == (2, True)
    negative = crackmonitor("simulate", "series", "--seed", -1)
    assert (negative.status, "--seed" in negative.err) == (2, True)
    assert list(here.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_traceback(here: Path) -> None:
    (here / "file").write_text("not a folder", encoding="utf-8")
    refused = crackmonitor("simulate", "file", "--json")
    assert refused.status == 1
    assert "'file'" in refused.sentence
