"""`crackmonitor analyse IMAGE`: one photo in; status, severity, registration, recipe and pictures out.

What the shipped weights find is not looked at here: hand-made ones, for which dark pixels are cracks, take their
place wherever the answer matters.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import crackmonitor, crackmonitor_program
from photographs import SHAPE, Place, furthest_corner_px
from PIL import Image

Analyse = Callable[..., dict[str, Any]]

KEYS = [
    "status",
    "reason",
    "crack_probability",
    "confidence",
    "crack_confidences",
    "severity",
    "registration",
    "recipe",
    "files",
]
SIZES = ["crack_count", "area_px", "max_width_px", "length_px"]
MILLIMETRES = ["area_mm2", "max_width_mm", "length_mm"]
FILES = ["mask", "relevance", "overlay"]


def stored(image: object, path: Path) -> Path:
    Image.fromarray(np.asarray(image)).save(path)
    return path


def assert_consistent(result: dict[str, Any]) -> None:
    """What holds for every answer, whatever was found."""
    assert list(result) == KEYS
    assert result["status"] in ("measured", "no_crack", "not_measured", "not_registered", "rejected")
    assert (result["reason"] is None) == (result["status"] in ("measured", "no_crack"))
    assert (result["severity"] is None) == (result["status"] not in ("measured", "no_crack"))
    assert (result["crack_probability"] is None) == (result["status"] in ("not_registered", "rejected"))
    assert 0 <= (result["crack_probability"] or 0.0) <= 1
    assert list(result["files"]) == FILES
    assert len(result["recipe"]["fingerprint"]) == 16
    if result["severity"] is not None:
        assert list(result["severity"]) == SIZES + MILLIMETRES
        assert isinstance(result["severity"]["crack_count"], int)


@pytest.fixture
def analyse(workspace: Path) -> Analyse:
    """The command with the hand-made weights."""

    def call(image: Path, *options: object) -> dict[str, Any]:
        result = crackmonitor("analyse", image, *options, "--workspace", workspace, "--json").result
        assert_consistent(result)
        return result

    return call


@pytest.fixture
def cracked(here: Path, place: Place) -> Path:
    """A photo of a crack that gapes by 6 px."""
    return stored(place.photo(1, opening_px=6), here / "cracked.png")


@pytest.fixture
def reference(here: Path, place: Place) -> Path:
    return stored(place.photo(opening_px=3), here / "reference.png")


def test_a_crack_is_measured_and_its_pictures_are_written(analyse: Analyse, cracked: Path, here: Path) -> None:
    result = analyse(cracked, "--mm-per-px", 0.5, "--out", here / "pictures")
    assert (result["status"], result["registration"]) == ("measured", None)
    assert result["crack_probability"] > 0.5
    assert result["severity"]["max_width_px"] == pytest.approx(6, abs=1)
    for name in FILES:
        assert Path(result["files"][name]).parent == here / "pictures"
        with Image.open(result["files"][name]) as picture:
            assert (picture.format, picture.size) == ("PNG", SHAPE[::-1])
    mask = np.asarray(Image.open(result["files"]["mask"]))
    assert (mask.dtype, mask.shape, sorted(np.unique(mask))) == (np.uint8, SHAPE, [0, 255])


def test_the_written_mask_shows_the_same_cracks(analyse: Analyse, cracked: Path, here: Path) -> None:
    """As many and as long; their area and width go by the light across them, too."""
    found = analyse(cracked, "--mm-per-px", 0.5, "--out", here)
    measured = crackmonitor("measure", found["files"]["mask"], "--mm-per-px", 0.5, "--json").result
    severity = found["severity"]
    for name in ("crack_count", "length_px", "length_mm"):
        assert measured[name] == severity[name]
    for name in ("area_px", "area_mm2", "max_width_px", "max_width_mm"):
        assert measured[name] == pytest.approx(severity[name], rel=0.1)


def test_sizes_can_go_by_the_mask_alone(
    analyse: Analyse, cracked: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__SIZES", "mask")
    found = analyse(cracked, "--mm-per-px", 0.5, "--out", here)
    measured = crackmonitor("measure", found["files"]["mask"], "--mm-per-px", 0.5, "--json").result
    assert measured == found["severity"]


def test_nothing_is_written_unasked(analyse: Analyse, cracked: Path, here: Path) -> None:
    before = sorted(here.rglob("*"))
    assert analyse(cracked)["files"] == dict.fromkeys(FILES)
    assert sorted(here.rglob("*")) == before


def test_millimetres_come_with_a_scale_only(analyse: Analyse, cracked: Path) -> None:
    without, scaled = analyse(cracked)["severity"], analyse(cracked, "--mm-per-px", 0.5)["severity"]
    assert [without[name] for name in MILLIMETRES] == [None, None, None]
    assert [scaled[name] for name in SIZES] == [without[name] for name in SIZES]
    assert scaled["max_width_mm"] == pytest.approx(0.5 * scaled["max_width_px"])
    assert scaled["length_mm"] == pytest.approx(0.5 * scaled["length_px"])
    assert scaled["area_mm2"] == pytest.approx(0.25 * scaled["area_px"])


def test_a_sound_wall_measures_zero(analyse: Analyse, place: Place, here: Path) -> None:
    image = stored(place.photo(), here / "sound.png")
    result = analyse(image, "--mm-per-px", 0.5, "--out", here)
    assert result["status"] == "no_crack"
    assert [result["severity"][name] for name in SIZES + MILLIMETRES] == [0] * 7
    assert not np.asarray(Image.open(result["files"]["mask"])).any()
    assert [analyse(image)["severity"][name] for name in MILLIMETRES] == [None, None, None]


def test_a_crack_without_a_mask_is_not_measured(analyse: Analyse, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__THRESHOLD_PROBABILITY", "0")
    result = analyse(stored(np.full((200, 200, 3), 128, np.uint8), here / "grey.png"))
    assert (result["status"], result["severity"]) == ("not_measured", None)
    assert "look cracked" in result["reason"]


def test_with_a_reference_everything_lies_in_its_frame(
    analyse: Analyse, place: Place, reference: Path, here: Path
) -> None:
    image = stored(place.photo(2, opening_px=6, shape=(240, 300)), here / "image.png")
    result = analyse(image, "--reference", reference, "--out", here / "pictures")
    assert result["status"] == "measured"
    assert result["registration"]["accepted"]
    assert furthest_corner_px(result["registration"]["matrix"], place.matrix(2)) < 0.5
    with Image.open(result["files"]["mask"]) as mask:
        assert mask.size == SHAPE[::-1]


def test_another_wall_is_not_registered(analyse: Analyse, another_place: Place, reference: Path, here: Path) -> None:
    image = stored(another_place.photo(opening_px=6), here / "image.png")
    result = analyse(image, "--reference", reference, "--out", here / "pictures")
    assert result["status"] == "not_registered"
    assert result["reason"] == result["registration"]["reason"]
    assert "same place as the reference" in result["reason"]
    assert result["registration"]["accepted"] is False
    assert result["files"] == dict.fromkeys(FILES)


def test_the_same_photo_gives_the_same_answer(analyse: Analyse, cracked: Path, reference: Path) -> None:
    first = analyse(cracked, "--reference", reference)
    analyse(reference)
    assert analyse(cracked, "--reference", reference) == first
    assert analyse(cracked)["recipe"] == first["recipe"]


def test_another_recipe_has_another_fingerprint(
    analyse: Analyse, cracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = analyse(cracked)["recipe"]
    monkeypatch.setenv("CRACKMONITOR_ANALYSIS__WIDTH_METHOD", "published")
    changed = analyse(cracked)["recipe"]
    assert changed["fingerprint"] != usual["fingerprint"]
    assert changed["width_method"] == "published"


@pytest.mark.parametrize("shape", [(1, 1), (20, 30), (12, 300)])
def test_a_picture_smaller_than_a_patch_has_an_answer(analyse: Analyse, here: Path, shape: tuple[int, int]) -> None:
    result = analyse(stored(np.full((*shape, 3), 200, np.uint8), here / "small.png"), "--out", here)
    assert result["status"] == "no_crack"
    with Image.open(result["files"]["mask"]) as mask:
        assert mask.size == shape[::-1]


def test_words_for_a_person(workspace: Path, cracked: Path) -> None:
    words = crackmonitor("analyse", cracked, "--workspace", workspace)
    assert (words.status, words.err) == (0, "")
    first, second, sure, third = words.out.splitlines()
    assert first == "measured"
    assert second.startswith("highest crack probability")
    assert sure.startswith("confidence in the mask: 0.")
    assert third.startswith("1 crack(s), area ")


def test_a_folder_that_cannot_be_made_is_no_traceback(workspace: Path, cracked: Path) -> None:
    refused = crackmonitor("analyse", cracked, "--out", cracked, "--workspace", workspace)
    assert refused.status == 1
    assert str(cracked) in refused.sentence


@pytest.mark.parametrize(
    ("setting", "value", "part"),
    [
        ("WEIGHTS", "heavy", "'heavy'. Known: autoencoder, bcos, concrete, default"),
        ("ATTRIBUTION", "guess", "'guess'. Known: bcos, deep_lift, "),
        ("THRESHOLDER", "guess", "'guess'. Known: gmm, simple"),
        ("WIDTH_METHOD", "ruler", "'ruler'. Known: edge, published"),
        ("DEVICE", "abacus", "'analysis.device': Input should be 'auto'"),
    ],
)
def test_an_unknown_name_is_misuse_and_the_known_ones_are_listed(
    cracked: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, part: str
) -> None:
    monkeypatch.setenv(f"CRACKMONITOR_ANALYSIS__{setting}", value)
    refused = crackmonitor("analyse", cracked)
    assert refused.status == 2
    assert part in refused.sentence


def test_as_a_program_of_its_own_with_the_shipped_weights(here: Path, place: Place, reference: Path) -> None:
    stored(place.photo(1, opening_px=6), here / "image.png")
    options = ("--reference", "reference.png", "--mm-per-px", 0.5, "--out", "pictures", "--json")
    result = crackmonitor_program("analyse", "image.png", *options, folder=here).result
    assert_consistent(result)
    assert result["status"] in ("measured", "no_crack", "not_measured")
    assert result["registration"]["accepted"]
    for name in FILES:
        assert (here / result["files"][name]).is_file()
    mask = np.asarray(Image.open(here / result["files"]["mask"]))
    assert set(np.unique(mask)) <= {0, 255}
    assert mask.shape == SHAPE
