"""Concrete with hairlines: crack-free before it is painted on, half cracked after, and for training alone."""

from pathlib import Path

import numpy as np
from training_data import write_training_data

from simulations.concrete_surfaces import concrete_of, concrete_surface
from simulations.patch_pools import HAIRLINES_NAME, patches
from simulations.patches import Source

SIDE = 48


def sources() -> list[Source]:
    """Cracked photos whose sound half is dim, and a bright texture."""
    image, mask = np.full((120, 120, 3), 90, np.uint8), np.zeros((120, 120), bool)
    mask[60:] = True
    image[mask] = 5
    return [Source("uav75", [image], [mask]), Source("textures", [np.full((80, 80, 3), 220, np.uint8)], None)]


def test_concrete_is_crack_free() -> None:
    surface, rng = concrete_of(sources()), np.random.default_rng(2)
    names = set()
    for _ in range(40):
        wall = surface(SIDE, rng)
        names.add(wall.kind)
        assert wall.image.shape == (SIDE, SIDE, 3)
        if wall.kind == "uav75":
            assert wall.image.min() > 0.3
    assert names == {"uav75", "textures", "plain"}


def test_patches_of_concrete_are_shown_as_often_as_asked_and_half_of_them_cracked() -> None:
    drawn = list(patches([(1.0, None)], 120, SIDE, np.random.default_rng(3), concrete=(0.5, concrete_of(sources()))))
    labels = [cracked for _, cracked, name in drawn if name == HAIRLINES_NAME]
    assert 40 < len(labels) < 80
    assert 0.3 < np.mean(labels) < 0.7
    assert sum(cracked for _, cracked, _ in drawn) == 60
    assert all(patch.shape == (SIDE, SIDE, 3) for patch, _, _ in drawn)


def test_it_is_for_training_on_the_mixture_alone(tmp_path: Path) -> None:
    data = write_training_data(tmp_path)
    assert concrete_surface(data, "train") is not None
    assert concrete_surface(data, "train+val") is not None
    assert concrete_surface(data, "val") is None
    assert concrete_surface(data / "masonry_dais", "train") is None
