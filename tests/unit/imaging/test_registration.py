"""Registration: how exact it is, that a genuine repeat is accepted, and that everything else is refused."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from wall_pairs import Camera, brick_wall, corner_error_px, pair, photograph, shifted, texture

from monitor.errors import MisuseError
from monitor.imaging.registration import RegistrationOptions, align, reference_features, register
from monitor.records import ByteArray, Registration

SHAPE = (360, 480)
STILL = Camera(tilt_deg=0, turn_deg=0, scale=0, shift=0)


def refusal(registration: Registration) -> str:
    assert not registration.accepted
    assert registration.reason is not None
    assert registration.reason.endswith(".")
    return registration.reason


def scene(name: str, seed: int) -> np.ndarray:
    if name == "faint bricks":
        return brick_wall((600, 760), np.random.default_rng(seed), tone=0.03, grain=0.03)
    if name == "bricks":
        return brick_wall((600, 760), np.random.default_rng(seed))
    return texture(name)


@pytest.fixture(scope="module")
def repeats() -> list[tuple[str, Registration, float]]:
    """Second photos from up to 10 degrees and 10 % off in other light: (scene, registration, corner error)."""
    found = []
    for name in ("brick", "gravel", "grass", "bricks", "faint bricks"):
        for seed in range(2):
            reference, image, true = pair(scene(name, seed), SHAPE, seed)
            registration = register(reference, image)
            error = np.inf if registration.matrix is None else corner_error_px(registration.matrix, true, SHAPE)
            found.append((name, registration, error))
    return found


def test_genuine_repeats_are_all_accepted(repeats: list[tuple[str, Registration, float]]) -> None:
    assert [(name, found.reason) for name, found, _ in repeats if not found.accepted] == []


def test_corners_are_right_to_a_fraction_of_a_pixel(repeats: list[tuple[str, Registration, float]]) -> None:
    errors = [error for _, _, error in repeats]
    assert np.median(errors) < 0.06
    assert np.percentile(errors, 95) < 0.15


def test_figures_of_a_registration_mean_what_they_say(repeats: list[tuple[str, Registration, float]]) -> None:
    for _, found, _ in repeats:
        assert found.residual_px is not None
        assert found.residual_px < 0.3
        assert 0.6 < found.overlap <= 1
        assert 0.3 < found.spread <= 1
        assert found.agreement is not None
        assert found.agreement > 0.6
        assert found.inliers >= 15


@pytest.mark.parametrize("name", ["brick", "faint bricks"])
def test_a_noisy_heavily_compressed_repeat_is_accepted(name: str) -> None:
    reference, image, true = pair(scene(name, 0), SHAPE, 0, Camera(noise=0.03, jpeg_quality=50))
    found = register(reference, image)
    assert found.accepted, found.reason
    assert found.matrix is not None
    assert corner_error_px(found.matrix, true, SHAPE) < 0.6


def test_identical_pictures_give_the_identity() -> None:
    image = photograph(texture("brick"), shifted(40, 10), SHAPE, STILL, 0)
    found = register(image, image.copy())
    assert found.accepted
    assert found.matrix is not None
    np.testing.assert_array_equal(found.matrix, np.eye(3))


def test_the_same_input_gives_the_same_bits() -> None:
    reference, image, _ = pair(scene("bricks", 3), SHAPE, 3)
    first = register(reference, image)
    cv2.setRNGSeed(12345)
    second = register(reference, image)
    assert first.matrix is not None
    assert second.matrix is not None
    assert first.matrix.tobytes() == second.matrix.tobytes()
    assert first.agreement == second.agreement


def test_a_reference_is_looked_at_once_as_long_as_neither_it_nor_its_crack_changes() -> None:
    reference, image, _ = pair(scene("bricks", 3), SHAPE, 3)
    crack = np.zeros(SHAPE, dtype=bool)
    crack[100:200, 100:110] = True
    reference_features.cache_clear()
    for mask, looked in ((None, 1), (None, 1), (crack, 2), (crack, 2), (None, 2)):
        register(reference, image, mask)
        assert reference_features.cache_info().misses == looked
    register(image, reference)
    assert reference_features.cache_info().misses == 3


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_turned_phone_is_accepted(quarter_turns: int) -> None:
    reference, image, _ = pair(texture("brick"), SHAPE, 1, STILL)
    found = register(reference, np.ascontiguousarray(np.rot90(image, quarter_turns)))
    assert found.accepted, found.reason
    assert found.matrix is not None
    assert abs(np.degrees(np.arctan2(found.matrix[1, 0], found.matrix[0, 0]))) == pytest.approx(
        {1: 90, 2: 180, 3: 90}[quarter_turns], abs=0.1
    )


def test_colour_and_another_size_are_accepted() -> None:
    reference, image, true = pair(texture("gravel"), SHAPE, 2, STILL)
    larger = cv2.resize(image, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    found = register(np.stack([reference] * 3, axis=-1), larger)
    assert found.accepted, found.reason
    assert found.matrix is not None
    to_image = np.array([[1 / 1.5, 0, -1 / 6], [0, 1 / 1.5, -1 / 6], [0, 0, 1]])
    assert corner_error_px(found.matrix, true @ to_image, SHAPE) < 0.1


def test_a_large_picture_is_found_on_a_small_one_and_refined_on_the_large() -> None:
    reference, image, true = pair(brick_wall((1300, 1700), np.random.default_rng(0)), (1050, 1400), 0)
    found = register(reference, image, options=RegistrationOptions(search_px=500))
    assert found.accepted, found.reason
    assert found.matrix is not None
    assert corner_error_px(found.matrix, true, (1050, 1400)) < 0.05


def test_a_crack_that_opens_does_not_move_the_wall() -> None:
    """A crack opens from 2 to 12 px; with its mask left out the wall is found as if nothing happened."""
    wall = scene("bricks", 5)
    opened = wall.copy()
    rows = np.arange(600)
    course = (380 + 25 * np.sin(rows / 40)).astype(int)
    for half, picture in ((1, wall), (6, opened)):
        for row, col in zip(rows, course, strict=True):
            picture[row, col - half : col + half] = 0.08
    to_wall = shifted(120, 140)
    reference = photograph(wall, to_wall, SHAPE, STILL, 1)
    image = photograph(opened, to_wall, SHAPE, STILL, 2)
    mask = np.zeros(SHAPE, dtype=bool)
    for row in range(SHAPE[0]):
        mask[row, course[row + 120] - 140 - 6 : course[row + 120] - 140 + 6] = True
    found = register(reference, image, mask)
    assert found.accepted, found.reason
    assert found.matrix is not None
    assert corner_error_px(found.matrix, np.eye(3), SHAPE) < 0.1


@pytest.mark.parametrize(("first", "second"), [("brick", "gravel"), ("gravel", "grass"), ("grass", "brick")])
def test_unrelated_pictures_are_refused(first: str, second: str) -> None:
    reference, image = (photograph(texture(name), shifted(20, 10), SHAPE, STILL, 0) for name in (first, second))
    assert "same place" in refusal(register(reference, image))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", [{}, {"tone": 0.03, "grain": 0.03}, {"tone": 0.02, "grain": 0.02, "jitter_px": 0.0}])
def test_two_places_of_one_brick_wall_are_refused(kind: dict[str, float], seed: int) -> None:
    """Four bricks to the right: the bond lies exactly alike, every brick is another."""
    wall = brick_wall((400, 1000), np.random.default_rng(seed), **kind)
    reference = photograph(wall, shifted(20, 10), SHAPE, STILL, 2 * seed)
    image = photograph(wall, shifted(20, 490 + seed % 2 * 13), SHAPE, STILL, 2 * seed + 1)
    refusal(register(reference, image))


def test_quarters_of_a_real_brick_wall_are_refused() -> None:
    wall = (texture("brick") * 255).astype(np.uint8)
    quarters = [wall[row : row + 256, col : col + 256] for row in (0, 256) for col in (0, 256)]
    for first in range(4):
        for second in range(first):
            refusal(register(quarters[first], quarters[second]))


def test_a_wall_that_repeats_exactly_is_refused_even_at_the_right_place() -> None:
    tile = brick_wall((160, 240), np.random.default_rng(0), tone=0.1)
    reference, image, _ = pair(np.tile(tile, (4, 4)), SHAPE, 0, Camera(tilt_deg=2, turn_deg=2, scale=0.02))
    assert "repeats" in refusal(register(reference, image))


def test_one_brick_off_is_never_reported_as_in_place() -> None:
    """The camera moved by exactly one brick: right is that shift or a refusal, wrong is no shift."""
    for seed in range(3):
        wall = brick_wall((400, 1000), np.random.default_rng(seed), tone=0.02, grain=0.02, jitter_px=0.3)
        reference = photograph(wall, shifted(20, 10), SHAPE, STILL, 10 + seed)
        image = photograph(wall, shifted(20, 130), SHAPE, STILL, 20 + seed)
        found = register(reference, image)
        if found.accepted:
            assert found.matrix is not None
            assert corner_error_px(found.matrix, shifted(0, 120), SHAPE) < 0.3


def blank() -> ByteArray:
    return np.full(SHAPE, 128, dtype=np.uint8)


def test_refusals_say_why() -> None:
    wall = texture("brick")
    whole = photograph(wall, shifted(20, 10), SHAPE, STILL, 0)
    assert "points of the reference were found again" in refusal(register(whole, blank()))
    assert "points of the reference were found again" in refusal(register(blank(), whole))
    assert refusal(register(np.zeros((1, 1), dtype=np.uint8), whole))
    strict = RegistrationOptions(scale_limits=(0.98, 1.02))
    nearer = photograph(wall, np.diag([0.8, 0.8, 1.0]), SHAPE, STILL, 1)
    assert "same distance" in refusal(register(whole, nearer, options=strict))
    aside = photograph(texture("gravel"), shifted(150, 250), SHAPE, STILL, 1)
    reference = photograph(texture("gravel"), shifted(0, 0), SHAPE, STILL, 2)
    assert "of the reference (50% is needed)" in refusal(register(reference, aside))


def test_features_bunched_in_a_corner_are_refused() -> None:
    """Only a corner shows the wall of the reference, the rest hangs behind a sheet of other texture."""
    reference = photograph(texture("gravel"), shifted(20, 10), SHAPE, STILL, 0)
    image = photograph(texture("grass"), shifted(20, 10), SHAPE, STILL, 1)
    image[:120, :130] = photograph(texture("gravel"), shifted(20, 10), SHAPE, STILL, 2)[:120, :130]
    assert "bunched" in refusal(register(reference, image))


def test_a_wall_half_hidden_is_refused() -> None:
    reference = photograph(texture("gravel"), shifted(20, 10), SHAPE, STILL, 0)
    image = photograph(texture("grass"), shifted(20, 10), SHAPE, STILL, 1)
    image[:, :200] = photograph(texture("gravel"), shifted(20, 10), SHAPE, STILL, 2)[:, :200]
    assert "look different" in refusal(register(reference, image))


def test_a_mirrored_picture_is_refused() -> None:
    reference = photograph(texture("brick"), shifted(20, 10), SHAPE, STILL, 0)
    refusal(register(reference, np.ascontiguousarray(reference[:, ::-1])))


def test_a_steep_view_is_refused() -> None:
    reference = photograph(texture("gravel"), shifted(60, 10), SHAPE, STILL, 0)
    steep = np.array([[1.0, 0.0, 10], [0.0, 1.0, 60], [0.0009, 0.0, 1.0]])
    image = photograph(texture("gravel"), steep, SHAPE, STILL, 1)
    options = RegistrationOptions(most_perspective=1.3)
    assert "steep an angle" in refusal(register(reference, image, options=options))


def test_misuse_is_an_exception() -> None:
    with pytest.raises(MisuseError, match="uint8"):
        register(np.zeros(SHAPE), blank())  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="its own mask"):
        register(blank(), blank(), np.zeros((3, 3), dtype=bool))
    with pytest.raises(MisuseError, match="cannot be aligned"):
        align(blank(), Registration(False, "no", None, None, 0, 0.0, 0.0, None), SHAPE)


def test_align_lays_the_picture_onto_the_reference() -> None:
    reference, image, true = pair(texture("grass"), SHAPE, 4, Camera(light=0, gradient=0, noise=0.0))
    known = Registration(True, None, true, 0.0, 100, 1.0, 1.0, 1.0)
    aligned, valid = align(np.stack([image] * 3, axis=-1), known, SHAPE)
    assert aligned.shape == (*SHAPE, 3)
    assert aligned.dtype == np.uint8
    assert valid.shape == SHAPE
    assert valid.dtype == np.bool_
    assert 0.7 < valid.mean() <= 1
    assert aligned[~valid].min() > 0, "no blank, whose edge would look like a crack"
    inner = cv2.erode(valid.astype(np.uint8), np.ones((9, 9))) > 0
    difference = aligned[inner][:, 0].astype(float) - reference[inner]
    assert np.corrcoef(aligned[inner][:, 0], reference[inner])[0, 1] > 0.97
    assert abs(difference.mean()) < 1


def test_align_by_whole_pixels_is_exact() -> None:
    image = (texture("gravel") * 255).astype(np.uint8)
    known = Registration(True, None, shifted(3, -5), 0.0, 100, 1.0, 1.0, 1.0)
    aligned, valid = align(image, known, image.shape)
    np.testing.assert_array_equal(aligned[3:, :-5], image[:-3, 5:])
    np.testing.assert_array_equal(valid[3:, :-5], True)
    assert not valid[:3].any()
    assert not valid[:, -5:].any()


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["adam", "boat", "graf"])
def test_planar_pairs_with_known_homography(shared_data: Path, name: str) -> None:
    """Far steeper than any monitoring photo (adam magnifies nine times more on one side than on the other)."""
    folder = shared_data / "planar_pairs" / "pairs"
    first, second = (cv2.imread(str(folder / f"{name}_{letter}.png")) for letter in "AB")
    to_second = np.loadtxt(folder / f"{name}_H_AtoB.txt")
    found = register(first, second, options=RegistrationOptions(most_perspective=10.0))
    assert found.accepted, found.reason
    assert found.matrix is not None
    points = np.loadtxt(folder / f"{name}_vpts.txt")[:, None, :2]
    back = cv2.perspectiveTransform(cv2.perspectiveTransform(points, to_second), found.matrix)
    assert np.linalg.norm(back - points, axis=2).mean() < 2.0


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["LePoint1", "LePoint2"])
def test_planar_pairs_too_far_apart_are_refused(shared_data: Path, name: str) -> None:
    folder = shared_data / "planar_pairs" / "pairs"
    first, second = (cv2.imread(str(folder / f"{name}_{letter}.png")) for letter in "AB")
    assert "found again" in refusal(register(first, second))


@pytest.mark.shared_data
def test_different_real_pictures_are_refused(shared_data: Path) -> None:
    """Crops of eight different brick walls, each against the next."""
    names = sorted((shared_data / "textures" / "ufoai_walls").glob("*bricks*.png"))[:8]
    pictures = [cv2.imread(str(name), cv2.IMREAD_GRAYSCALE) for name in names]
    for first, second in pairwise(pictures):
        if not np.array_equal(first, second):
            refusal(register(first, second))
