"""`crackmonitor ingest`, `worker --once` and `growth`: photos in, rates and a verdict out."""

import hashlib
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from command_line import crackmonitor, started
from dark_classifier import choose_weights
from photographs import FIRST_DAY, Place
from PIL import Image

from simulations.scenarios import save_photo

pillow_heif.register_heif_opener()

INTAKE = ["accepted", "duplicates", "waiting", "rejected"]
FIT = ["crack", "metric", "unit", "method", "slope_per_year", "low", "high", "r", "n"]
LOCATION = "north-wall"
OPENINGS_PX = np.linspace(4, 8, 9)
INTERVAL_DAYS = 50.0


@pytest.fixture
def located(workspace: Path) -> Path:
    """A workspace with one site and one location."""
    assert crackmonitor("site", "add", "Town hall", "--workspace", workspace).status == 0
    assert crackmonitor("location", "add", LOCATION, "--site", "Town hall", "--workspace", workspace).status == 0
    return workspace


@pytest.fixture
def photo(here: Path, place: Place) -> Path:
    return place.series(here / "photos", np.array([4.0]), 0)[0]


def ingest(workspace: Path, *words: object) -> dict[str, Any]:
    result = crackmonitor("ingest", *words, "--workspace", workspace, "--json").result
    assert list(result) == INTAKE
    return result


def work(workspace: Path) -> dict[str, Any]:
    return crackmonitor("worker", "--once", "--workspace", workspace, "--json").result


def growth(workspace: Path, location: str = LOCATION) -> dict[str, Any]:
    result = crackmonitor("growth", location, "--workspace", workspace, "--json").result
    assert {"fits", "excluded", "verdict"} <= set(result)
    assert result["verdict"] in ("dormant", "seasonal", "progressive", "accelerating", "not_enough_data")
    for fit in result["fits"]:
        assert set(FIT) <= set(fit)
    for left_out in result["excluded"]:
        assert isinstance(left_out["capture"], int)
        assert left_out["reason"]
    return result


def fits_of(result: dict[str, Any], metric: str) -> dict[str, dict[str, Any]]:
    return {fit["method"]: fit for fit in result["fits"] if fit["metric"] == metric}


def test_given_photos_are_accepted_at_once_and_stay_where_they_are(located: Path, photo: Path) -> None:
    content = photo.read_bytes()
    assert ingest(located, photo, "--location", LOCATION) == {
        "accepted": [str(photo)],
        "duplicates": [],
        "waiting": [],
        "rejected": [],
    }
    assert photo.read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    (original,) = (path for path in (located / "originals").rglob("*") if path.is_file())
    assert (original.stem, original.read_bytes()) == (sha256, content)


def test_the_same_content_is_a_duplicate_under_any_name(located: Path, photo: Path) -> None:
    copy = photo.with_name("copy.jpg")
    copy.write_bytes(photo.read_bytes())
    result = ingest(located, photo, copy, photo, "--location", LOCATION)
    assert (result["accepted"], result["duplicates"]) == ([str(photo)], [str(copy), str(photo)])
    assert ingest(located, copy, "--location", LOCATION)["duplicates"] == [str(copy)]


def test_every_format_in_a_folder_is_accepted(located: Path, here: Path, place: Place) -> None:
    folder = here / "formats"
    folder.mkdir()
    for view, name in enumerate(("a.jpg", "b.png", "c.tif", "d.webp", "e.heic")):
        Image.fromarray(place.photo(view)).save(folder / name)
    result = ingest(located, folder, "--location", LOCATION)
    assert result["accepted"] == [str(folder / name) for name in sorted(path.name for path in folder.iterdir())]
    assert len(result["accepted"]) == 5


def test_create_makes_site_location_and_inbox(workspace: Path, photo: Path) -> None:
    assert ingest(workspace, photo, "--location", "new-wall", "--create")["accepted"] == [str(photo)]
    assert (workspace / "inbox" / "new-wall").is_dir()
    (location,) = crackmonitor("location", "list", "--workspace", workspace, "--json").result["locations"]
    assert (location["name"], location["captures"]) == ("new-wall", 1)
    assert ingest(workspace, photo, "--location", "new-wall", "--create")["duplicates"] == [str(photo)]


def test_an_inbox_file_waits_until_it_is_the_same_twice(located: Path, photo: Path) -> None:
    dropped = located / "inbox" / LOCATION / "photo.jpg"
    dropped.write_bytes(photo.read_bytes()[:1000])
    assert ingest(located)["waiting"] == [str(dropped)]
    dropped.write_bytes(photo.read_bytes())
    assert ingest(located)["waiting"] == [str(dropped)]
    assert ingest(located)["accepted"] == [str(dropped)]
    assert not dropped.exists()
    assert ingest(located) == {kind: [] for kind in INTAKE}


def test_a_file_in_no_location_waits(located: Path, photo: Path) -> None:
    stray = located / "inbox" / "photo.jpg"
    stray.write_bytes(photo.read_bytes())
    for _ in range(3):
        assert ingest(located)["waiting"] == [str(stray)]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("PHOTO",), "--location NAME"),
        (("PHOTO", "--location", "nowhere"), "Unknown location 'nowhere'. Known: north-wall."),
        (("absent.jpg", "--location", LOCATION), "no file or folder absent.jpg"),
        (("PHOTO", "--location", "../up", "--create"), "cannot name a location"),
        (("--location", LOCATION), "Name the photos"),
        (("--create",), "Name the photos"),
    ],
)
def test_misuse_takes_nothing_in(located: Path, photo: Path, words: tuple[str, ...], part: str) -> None:
    given = [str(photo) if word == "PHOTO" else word for word in words]
    refused = crackmonitor("ingest", *given, "--workspace", located, "--json")
    assert refused.status == 2
    assert part in refused.sentence
    assert ingest(located, photo, "--location", LOCATION)["accepted"] == [str(photo)]


def test_words_for_a_person(located: Path, photo: Path) -> None:
    words = crackmonitor("ingest", photo, photo, "--location", LOCATION, "--workspace", located)
    assert words.out == "1 accepted, 1 duplicate(s), 0 waiting, 0 rejected\n"


@pytest.fixture(scope="session")
def followed(made: Path, tmp_path_factory: pytest.TempPathFactory, place: Place) -> Path:
    """A wall whose crack opens by 0.01 px a day, photographed nine times; without a scale. Only to be copied."""
    folder = tmp_path_factory.mktemp("followed")
    workspace = Path(shutil.copytree(made, folder / "survey"))
    place.series(folder / "photos", OPENINGS_PX, INTERVAL_DAYS)
    result = ingest(workspace, folder / "photos", "--location", LOCATION, "--create")
    assert len(result["accepted"]) == len(OPENINGS_PX)
    done = work(workspace)
    assert (done["analysed"], done["judged"]) == (len(OPENINGS_PX), 1)
    return workspace


@pytest.fixture
def watched(followed: Path, here: Path) -> Path:
    return Path(shutil.copytree(followed, here / "survey"))


def test_a_crack_that_opens_is_seen_to_open(watched: Path) -> None:
    result = growth(watched)
    assert result["excluded"] == []
    fits = fits_of(result, "max_width_px")
    assert set(fits) == {"least_squares", "theil_sen", "seasonal"}
    for fit in fits.values():
        assert (fit["unit"], fit["crack"], fit["n"]) == ("px", "all", len(OPENINGS_PX))
        assert fit["low"] <= fit["slope_per_year"] <= fit["high"]
        assert fit["slope_per_year"] == pytest.approx(0.01 * 365.25, rel=0.2)
    assert fits["least_squares"]["r"] > 0.95
    assert fits["theil_sen"]["r"] is None


def test_without_a_scale_nothing_is_in_mm_and_the_sentence_says_what_to_do(watched: Path) -> None:
    result = growth(watched)
    assert {fit["unit"] for fit in result["fits"]} == {"px", "px²", "cracks"}
    assert result["verdict"] == "not_enough_data"
    assert "crackmonitor location scale" in result["evidence"]
    assert "crackmonitor location scale" in crackmonitor("growth", LOCATION, "--workspace", watched).out


def test_a_scale_fills_in_the_millimetres(watched: Path) -> None:
    scale = ("location", "scale", LOCATION, "--points", "0,0,0,200", "--distance-mm", 50, "--workspace", watched)
    assert crackmonitor(*scale, "--json").result["mm_per_px"] == 0.25
    result = growth(watched)
    mm, px = (fits_of(result, metric)["least_squares"] for metric in ("max_width_mm", "max_width_px"))
    assert mm["unit"] == "mm"
    assert mm["slope_per_year"] == pytest.approx(0.25 * px["slope_per_year"])
    assert result["verdict"] == "progressive"
    assert "crackmonitor location scale" not in result["evidence"]
    words = crackmonitor("growth", LOCATION, "--workspace", watched).out
    assert words.startswith(f"{LOCATION}: progressive. ")


def test_working_again_changes_nothing(watched: Path) -> None:
    before = growth(watched)
    assert work(watched)["analysed"] == 0
    assert growth(watched) == before


def test_a_threshold_that_is_passed_is_an_alert_and_is_sent_once(watched: Path) -> None:
    rule = ("location", "rule", LOCATION, "--metric", "max_width_px", "--kind", "level", "--fire", 6)
    assert crackmonitor(*rule, "--workspace", watched).status == 0
    assert [work(watched)["sent"] for _ in range(2)] == [1, 0]
    (location,) = crackmonitor("location", "list", "--workspace", watched, "--json").result["locations"]
    assert "max_width_px level" in location["alerts"].split(", ")


def test_what_gives_no_reading_is_excluded_with_its_reason(
    located: Path, here: Path, place: Place, another_place: Place
) -> None:
    place.series(here / "good", np.array([4.0, 5.0]), 30)
    save_photo(here / "elsewhere.jpg", another_place.photo(opening_px=5), FIRST_DAY + timedelta(days=80), 95)
    (here / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    Image.fromarray(place.photo(3, opening_px=6)).save(here / "undated.png")
    given = [here / name for name in ("good", "elsewhere.jpg", "broken.jpg", "undated.png")]
    intake = ingest(located, *given, "--location", LOCATION)
    assert (len(intake["accepted"]), [refusal["file"] for refusal in intake["rejected"]]) == (4, [str(given[2])])
    assert work(located)["analysed"] == 4
    result = growth(located)
    reasons = {left_out["file"]: left_out["reason"] for left_out in result["excluded"]}
    assert set(reasons) == {"elsewhere.jpg", "broken.jpg", "undated.png"}
    assert reasons["elsewhere.jpg"].startswith("not registered: ")
    assert reasons["broken.jpg"].startswith("rejected: ")
    assert reasons["undated.png"].startswith("time uncertain: ")
    assert {fit["n"] for fit in result["fits"]} == {2}

    undated = next(left_out["capture"] for left_out in result["excluded"] if left_out["file"] == "undated.png")
    confirm = ("location", "confirm-time", undated, "2025-04-01T10:00:00+02:00", "--workspace", located, "--json")
    assert crackmonitor(*confirm).result == {"capture": undated, "captured_at": "2025-04-01T10:00:00+02:00"}
    after = growth(located)
    assert "undated.png" not in {left_out["file"] for left_out in after["excluded"]}
    assert {fit["n"] for fit in after["fits"]} == {3}


def test_the_worker_works_until_it_is_told_to_stop(located: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_WORKER__SCAN_SECONDS", "0.2")
    dropped = located / "inbox" / LOCATION / "letter.jpg"
    dropped.write_text("no photo", encoding="utf-8")
    with started("worker", "--workspace", located) as program:
        try:
            until = time.monotonic() + 90
            while dropped.exists() and time.monotonic() < until:
                time.sleep(0.05)
            program.send_signal(signal.SIGTERM)
            _, log = program.communicate(timeout=90)
        finally:
            program.kill()
    assert program.returncode == 0
    assert not dropped.exists()
    assert len(list((located / "quarantine" / LOCATION).glob("*letter.jpg"))) == 1
    assert "Worker stopped." in log
    assert "Traceback" not in log


def test_a_location_without_captures_has_no_verdict_yet(located: Path) -> None:
    result = growth(located)
    assert (result["fits"], result["excluded"], result["verdict"]) == ([], [], "not_enough_data")
    assert work(located)["analysed"] == 0


def test_an_unknown_location_is_misuse_and_the_known_ones_are_listed(located: Path) -> None:
    refused = crackmonitor("growth", "nowhere", "--workspace", located, "--json")
    assert refused.status == 2
    assert refused.sentence == f"Unknown location 'nowhere'. Known: {LOCATION}."


@pytest.mark.postgres
def test_all_of_it_works_on_postgresql(here: Path, weights: Path, place: Place, postgresql_url: str) -> None:
    workspace = here / "survey"
    assert crackmonitor("init", workspace, "--database-url", postgresql_url).status == 0
    choose_weights(workspace, weights)
    photos = place.series(here / "photos", np.array([4.0, 5.0, 6.0]), 40)
    assert len(ingest(workspace, *photos, "--location", LOCATION, "--create")["accepted"]) == 3
    assert work(workspace)["analysed"] == 3
    assert fits_of(growth(workspace), "max_width_px")["least_squares"]["n"] == 3
    assert not list(workspace.glob("*.db"))
