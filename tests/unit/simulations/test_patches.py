"""Labelled patches: half cracked within every source, so that no surface stands for one answer."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import MisuseError
from simulations.patch_pools import patches
from simulations.patches import Patch, Source, masked_photos, simulated_patch, textures
from simulations.teaching import best_threshold

SIDE = 48


def photo(seed: int, tint: tuple[float, float, float]) -> Patch:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(150, 12, (140, 160, 1)) * tint, 0, 255).astype(np.uint8)


def crack_photos() -> Source:
    """Photos with a crack in their upper half only, so that windows of both labels are found."""
    images, masks = [], []
    for seed in range(3):
        image, mask = photo(seed, (1.0, 0.9, 0.8)), np.zeros((140, 160), bool)
        mask[30:35, :] = True
        image[mask] = 20
        images.append(image)
        masks.append(mask)
    return Source("crack photos", images, masks)


def sound_textures() -> Source:
    return Source("textures", [photo(seed, (0.8, 0.9, 1.0)) for seed in range(3)], None)


SOURCES = [(0.4, None), (0.3, crack_photos()), (0.3, sound_textures())]


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Patch, bool, str]]:
    return list(patches(SOURCES, 360, SIDE, np.random.default_rng(5)))


def test_patches_are_rgb_bytes_of_the_side_asked_for(drawn: list[tuple[Patch, bool, str]]) -> None:
    assert len(drawn) == 360
    for patch, _, _ in drawn:
        assert patch.shape == (SIDE, SIDE, 3)
        assert patch.dtype == np.uint8
        assert patch.flags.c_contiguous
        assert patch.std() > 0.5


def test_half_are_cracked_within_every_source(drawn: list[tuple[Patch, bool, str]]) -> None:
    """Exactly half of all, and half of every source but for chance (3.5 standard deviations)."""
    labels = defaultdict(list)
    for _, cracked, name in drawn:
        labels[name].append(cracked)
    assert sum(cracked for _, cracked, _ in drawn) == 180
    assert set(labels) == {"simulated", "crack photos", "textures"}
    for name, found in labels.items():
        assert np.mean(found) == pytest.approx(0.5, abs=3.5 * 0.5 / np.sqrt(len(found))), name


def test_sources_come_as_often_as_their_weights_say(drawn: list[tuple[Patch, bool, str]]) -> None:
    counts = Counter(name for _, _, name in drawn)
    for weight, source in SOURCES:
        name = "simulated" if source is None else source.name
        assert counts[name] / len(drawn) == pytest.approx(weight, abs=0.1)


def test_a_pool_follows_its_seed() -> None:
    first, again, other = (list(patches(SOURCES, 8, SIDE, np.random.default_rng(seed))) for seed in (1, 1, 2))
    for (patch, cracked, name), (same, label, source) in zip(first, again, strict=True):
        np.testing.assert_array_equal(patch, same)
        assert (cracked, name) == (label, source)
    assert any(not np.array_equal(patch, changed) for (patch, _, _), (changed, _, _) in zip(first, other, strict=True))


def test_cracked_windows_of_crack_photos_are_darker(drawn: list[tuple[Patch, bool, str]]) -> None:
    """The labels are not swapped: cracks are dark."""
    darkest = {True: [], False: []}  # type: ignore[var-annotated]
    for patch, cracked, name in drawn:
        if name == "crack photos":
            darkest[cracked].append(np.percentile(patch, 2) / np.median(patch))
    assert np.median(darkest[True]) < 0.6 * np.median(darkest[False])


def test_a_simulated_patch_that_shows_too_little_of_its_crack_is_none() -> None:
    rng = np.random.default_rng(0)
    found = [simulated_patch(True, 16, rng) for _ in range(60)]
    assert any(patch is None for patch in found)
    assert all(simulated_patch(False, 16, rng) is not None for _ in range(20))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of four photos in two folds, and ten textures."""
    for folder in ("images", "masks", "textures/walls"):
        (tmp_path / folder).mkdir(parents=True)
    with (tmp_path / "folds.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "fold"), ("b.jpg", "train"), ("a.jpg", "train"), ("c.jpg", "val")])
    for index, name in enumerate("abc"):
        picture = np.full((30, 40, 3), (200, 100, 40 + index), np.uint8)  # red, green, blue
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
        mask = np.zeros((30, 40), np.uint8)
        mask[index] = 255
        cv2.imwrite(str(tmp_path / "masks" / f"{name}.png"), mask)
    for index in range(10):
        cv2.imwrite(str(tmp_path / "textures/walls" / f"{index}.png"), np.full((20, 20, 3), index, np.uint8))
    return tmp_path


def test_photos_come_with_their_masks_by_fold_in_red_green_blue(data: Path) -> None:
    source = masked_photos(data, "train")
    assert source.name == data.name
    assert source.masks is not None
    assert [np.flatnonzero(mask.any(axis=1)).tolist() for mask in source.masks] == [[0], [1]]
    np.testing.assert_allclose(source.images[0][5, 5], (200, 100, 40), atol=3)
    assert len(masked_photos(data, "val").images) == 1


def test_every_fifth_texture_is_kept_for_validation(data: Path) -> None:
    train, validation = (textures(data / "textures", fold) for fold in ("train", "val"))
    assert train.masks is None
    assert [image[0, 0, 0] for image in validation.images] == [0, 5]
    assert [image[0, 0, 0] for image in train.images] == [1, 2, 3, 4, 6, 7, 8, 9]


def test_what_is_absent_is_misuse_with_a_sentence(data: Path) -> None:
    with pytest.raises(MisuseError, match="no picture of fold 'test'"):
        masked_photos(data, "test")
    with pytest.raises(MisuseError, match="no texture pictures"):
        textures(data / "masks" / "none", "train")
    (data / "images" / "a.jpg").write_bytes(b"not a picture")
    with pytest.raises(MisuseError, match=r"a\.jpg cannot be read"):
        masked_photos(data, "train")


def test_the_threshold_is_where_balanced_accuracy_is_best() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1], np.int64)
    assert best_threshold(np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9]), labels) == pytest.approx(0.45, abs=0.011)
    clear = best_threshold(np.array([0.1, 0.2, 0.8, 0.6, 0.85, 0.9]), labels)
    assert clear > 0.3


def test_the_threshold_is_a_best_one_even_where_two_are_equally_good() -> None:
    """Halfway between two good thresholds lies a bad one."""
    labels = np.array([0, 1, 0, 1], np.int64)
    probability = np.array([0.205, 0.305, 0.705, 0.805])
    chosen = best_threshold(probability, labels)
    called = probability >= chosen
    rates = [called[labels == 1].mean(), (~called[labels == 0]).mean()]
    assert np.mean(rates) == 0.75
