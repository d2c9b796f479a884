"""`crackmonitor register REF IMAGE`: where the photo was taken from, or why that cannot be said."""

from pathlib import Path

import numpy as np
import pytest
from command_line import crackmonitor, crackmonitor_program
from photographs import SHAPE, Place, furthest_corner_px
from PIL import Image

PROMISED = ["accepted", "reason", "matrix", "residual_px", "inliers", "overlap"]


def stored(image: object, path: Path) -> Path:
    Image.fromarray(np.asarray(image)).save(path)
    return path


@pytest.fixture
def reference(here: Path, place: Place) -> Path:
    return stored(place.photo(), here / "reference.png")


@pytest.mark.parametrize("view", [1, 2, 3])
def test_the_matrix_maps_the_image_to_the_reference(here: Path, place: Place, reference: Path, view: int) -> None:
    image = stored(place.photo(view), here / "image.png")
    found = crackmonitor("register", reference, image, "--json").result
    assert set(PROMISED) <= set(found)
    assert (found["accepted"], found["reason"]) == (True, None)
    assert furthest_corner_px(found["matrix"], place.matrix(view)) < 0.5
    assert found["matrix"][2][2] == 1
    assert 0 <= found["residual_px"] < 0.5
    assert isinstance(found["inliers"], int)
    assert found["inliers"] >= 15
    assert 0.8 < found["overlap"] <= 1


def test_the_reference_comes_first(here: Path, place: Place, reference: Path) -> None:
    image = stored(place.photo(1), here / "image.png")
    swapped = crackmonitor("register", image, reference, "--json").result
    assert furthest_corner_px(swapped["matrix"], np.linalg.inv(place.matrix(1))) < 0.5


def test_the_image_may_have_another_size(here: Path, place: Place, reference: Path) -> None:
    rows, cols = SHAPE[0] * 3 // 2, SHAPE[1] * 3 // 2
    image = Image.fromarray(place.photo()).resize((cols, rows), Image.Resampling.BICUBIC)
    image.save(here / "larger.png")
    # Pixel centres are integers, so an image of 1.5 times the size begins a sixth of a pixel further in.
    true = np.array([[1 / 1.5, 0, 0.5 / 1.5 - 0.5], [0, 1 / 1.5, 0.5 / 1.5 - 0.5], [0, 0, 1]])
    found = crackmonitor("register", reference, here / "larger.png", "--json").result
    assert furthest_corner_px(found["matrix"], true, (rows, cols)) < 0.5


def test_a_photo_maps_onto_itself_unchanged(reference: Path) -> None:
    found = crackmonitor("register", reference, reference, "--json").result
    assert found["accepted"]
    assert found["matrix"] == np.eye(3).tolist()
    assert (found["residual_px"], found["overlap"]) == (0, 1)


def test_another_wall_is_refused_with_a_reason(here: Path, another_place: Place, reference: Path) -> None:
    image = stored(another_place.photo(), here / "image.png")
    found = crackmonitor("register", reference, image, "--json").result
    assert found["accepted"] is False
    assert "same place as the reference" in found["reason"]


@pytest.mark.parametrize("side_px", [1, 2, 9, 40])
def test_a_picture_too_small_to_compare_is_refused_with_a_reason(here: Path, reference: Path, side_px: int) -> None:
    image = stored(np.full((side_px, side_px, 3), 128, np.uint8), here / "image.png")
    for pair in ((reference, image), (image, reference)):
        found = crackmonitor("register", *pair, "--json").result
        assert (found["accepted"], found["matrix"]) == (False, None)
        assert found["reason"]


def test_words_for_a_person(here: Path, place: Place, another_place: Place, reference: Path) -> None:
    same, other = stored(place.photo(1), here / "same.png"), stored(another_place.photo(), here / "other.png")
    assert crackmonitor("register", reference, same).out.startswith("accepted: residual ")
    assert crackmonitor("register", reference, other).out.startswith("refused: ")


def test_as_a_program_of_its_own(here: Path, place: Place, reference: Path) -> None:
    image = stored(place.photo(2), here / "image.png")
    there = crackmonitor_program("register", "reference.png", "image.png", "--json", folder=here)
    assert there.result == crackmonitor("register", reference, image, "--json").result
