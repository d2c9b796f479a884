"""Twins of photos differ from them in nothing but the crack."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simulations.fading import with_twins, without_crack
from simulations.patch_pools import draw_pool, twins_in
from simulations.patches import Patch, Source
from simulations.pools import keep
from simulations.segmenting import CropLabels, TaughtPhotos

ROWS = slice(22, 26)


def photo() -> tuple[Patch, NDArray[np.uint8]]:
    """A crack 4 px wide across a rough wall, and a network's mask of it."""
    image = np.random.default_rng(0).integers(150, 190, (48, 64, 3), dtype=np.uint8)
    image[ROWS] = 20
    mask = np.zeros((48, 64), np.uint8)
    mask[ROWS] = 255
    return image, mask


def dark(image: Patch) -> NDArray[np.uint8]:
    """A teacher that calls dark pixels cracks."""
    return np.where(image.mean(axis=2) < 100, np.uint8(255), np.uint8(0))


def test_only_the_crack_goes_and_the_wall_goes_on_in_its_place() -> None:
    image, mask = photo()
    sound = without_crack(image, mask, np.random.default_rng(1))
    np.testing.assert_array_equal(sound[:16], image[:16])
    np.testing.assert_array_equal(sound[32:], image[32:])
    filled, beside = sound[ROWS].astype(float), image[32:].astype(float)
    assert abs(filled.mean() - beside.mean()) < 10
    assert filled.std() > 0.3 * beside.std(), "with a grain"


def test_twins_come_at_each_share_with_their_label_and_without_it() -> None:
    image, mask = photo()
    given = TaughtPhotos([image], [CropLabels(mask > 0)], [mask])
    twins = with_twins(given, dark, np.random.default_rng(1), (0.5,))
    whole = (slice(None), slice(None))
    assert [label.shows_crack(whole) for label in twins.labels] == [True, True, False]
    assert [bool(each.any()) for each in twins.masks] == [True, True, False]
    strengths = [170 - float(each[ROWS].mean()) for each in twins.images]
    assert strengths == pytest.approx([150, 75, 0], abs=8)


def test_a_crack_that_is_not_gone_makes_no_sound_twin() -> None:
    image, mask = photo()
    half_seen = mask.copy()
    half_seen[:, 20:] = 0
    given = TaughtPhotos([image], [CropLabels(mask > 0)], [half_seen])
    assert len(with_twins(given, dark, np.random.default_rng(1), ()).images) == 1


def test_pools_are_drawn_from_twins_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = photo()
    source = Source("walls", [image], [mask > 0])
    monkeypatch.setattr("simulations.patch_pools.standard_sources", lambda *_: [(1.0, source)])
    keep(twins_in(tmp_path, "walls"), {"images": np.full((1, 48, 64, 3), 7, np.uint8), "cracked": mask[None] > 0})
    alone, twins = (
        draw_pool(tmp_path / str(folder), tmp_path, "train", 6, 16, 0, zooms=(1.0, 1.2), twins=folder).images.mean()
        for folder in (None, tmp_path)
    )
    assert twins < 40 < alone
