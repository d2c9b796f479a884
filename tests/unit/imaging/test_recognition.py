"""Uploaded photos are compared with the references of all locations; what cannot be told apart is said to be so."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from wall_pairs import Camera, brick_wall, photograph, shifted

from monitor.errors import UnreadableImageError
from monitor.imaging.recognition import Descriptors, landmarks, read_landmarks, recognise, write_landmarks
from monitor.records import ByteArray

SHAPE = (360, 480)
STEADY = Camera(light=0.0, gradient=0.0)
COURSE, BRICK = 40, 120


@dataclass(frozen=True)
class Town:
    """Two walls; LEFT and RIGHT are two places of the first that share half of their view, OTHER is the second."""

    walls: tuple[np.ndarray, np.ndarray]
    references: Mapping[int, ByteArray]

    @property
    def places(self) -> dict[int, Descriptors]:
        return {key: landmarks(image) for key, image in self.references.items()}


LEFT, RIGHT, OTHER = 1, 2, 3


@pytest.fixture(scope="module")
def town() -> Town:
    walls = (
        brick_wall((520, 1000), np.random.default_rng(3)),
        brick_wall((520, 700), np.random.default_rng(4)),
    )
    return Town(
        walls,
        {
            LEFT: photograph(walls[0], shifted(80, 40), SHAPE, STEADY, 1),
            RIGHT: photograph(walls[0], shifted(80, 200), SHAPE, STEADY, 2),
            OTHER: photograph(walls[1], shifted(80, 100), SHAPE, STEADY, 3),
        },
    )


def photo(town: Town, wall: int, rows: float, cols: float) -> ByteArray:
    return photograph(town.walls[wall], shifted(rows, cols), SHAPE, Camera(), 77)


def test_the_only_place_that_fits_is_likely(town: Town) -> None:
    asked: list[int] = []

    def reference(key: int) -> ByteArray:
        asked.append(key)
        return town.references[key]

    places = {key: found for key, found in town.places.items() if key != RIGHT}
    found = recognise(photo(town, 0, 86, 47), places, reference)
    assert found.likely == LEFT
    assert found.fitting[0].registration.overlap > 0.9
    assert asked == [LEFT], "what is nothing like it is not looked at"


def test_two_places_of_one_wall_that_both_fit_are_both_told(town: Town) -> None:
    found = recognise(photo(town, 0, 84, 110), town.places, town.references.get)
    assert {one.key for one in found.fitting} == {LEFT, RIGHT}
    assert found.likely is None


@pytest.mark.parametrize("moved", [(0, BRICK), (COURSE, BRICK / 2)])
def test_a_wall_that_only_repeats_fits_nothing(moved: tuple[float, float]) -> None:
    """One brick off on a wall without any difference between bricks: no place may be proposed."""
    wall = brick_wall((700, 1000), np.random.default_rng(5), tone=0.0, grain=0.004, jitter_px=0.0)
    reference = photograph(wall, shifted(120, 200), SHAPE, STEADY, 1)
    taken = photograph(wall, shifted(120 + moved[0], 200 + moved[1]), SHAPE, STEADY, 9)
    assert recognise(taken, {1: landmarks(reference)}, {1: reference}.get).fitting == ()


def test_another_wall_fits_nothing(town: Town) -> None:
    stranger = brick_wall((520, 700), np.random.default_rng(6))
    taken = photograph(stranger, shifted(80, 100), SHAPE, Camera(), 5)
    found = recognise(taken, town.places, town.references.get)
    assert (found.fitting, found.likely) == ((), None)


def test_a_blank_photo_and_a_lost_reference_are_no_trouble(town: Town) -> None:
    blank = np.full((*SHAPE, 3), 128, np.uint8)
    assert landmarks(blank).shape == (0, 128)
    assert recognise(blank, town.places, town.references.get).fitting == ()
    assert recognise(photo(town, 1, 85, 104), town.places, lambda _key: None).fitting == ()


def test_landmarks_come_back_as_they_were_kept(town: Town, tmp_path: Path) -> None:
    path, found = tmp_path / "deep" / "one.npy", landmarks(town.references[LEFT])
    assert len(found) > 100
    write_landmarks(path, found)
    assert np.array_equal(read_landmarks(path), found)
    assert [kept.name for kept in path.parent.iterdir()] == ["one.npy"]


@pytest.mark.parametrize("content", [b"", b"no array", np.zeros(3).tobytes()])
def test_a_damaged_file_of_landmarks_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.npy"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"holds no landmarks of a reference\. Delete it"):
        read_landmarks(path)
