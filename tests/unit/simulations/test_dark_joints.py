"""Walls with dark joints, and wide cracks: what can be seen of a crack in them is told from what cannot."""

import numpy as np
import pytest

from simulations import dark_joints
from simulations.dark_joints import dark_jointed, dark_patch
from simulations.wide_cracks import wide_patch

SIDE = 96


def light_beside(image: np.ndarray, inside: np.ndarray) -> float:
    """Mean light of the pixels inside, less that of all others, grey levels."""
    light = image.astype(np.float64).mean(axis=2)
    return float(light[inside].mean() - light[~inside].mean())


def test_joints_are_darker_than_what_they_join() -> None:
    rng = np.random.default_rng(0)
    walls = [dark_jointed(SIDE, rng) for _ in range(40)]
    darker = [light_beside(wall.image, wall.joints) < 0 for wall in walls if 0.02 < wall.joints.mean() < 0.98]
    assert len(darker) > 20
    assert np.mean(darker) > 0.9
    assert {wall.kind for wall in walls} == {"rubble", "bonded", "plain"}
    assert all(wall.image.dtype == np.float32 and 0 <= wall.image.min() <= wall.image.max() <= 1 for wall in walls)


def test_blotchy_joints_are_dark_here_and_light_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def spread(blotchy: float) -> float:
        monkeypatch.setattr(dark_joints, "_BLOTCHY", blotchy)
        monkeypatch.setattr(dark_joints, "_BLACK_SHARE", 1.0)
        monkeypatch.setattr(dark_joints, "_BLACK_BLOTCHES", 1.0)
        rng = np.random.default_rng(4)
        walls = [wall for wall in (dark_jointed(SIDE, rng) for _ in range(40)) if 0.02 < wall.joints.mean() < 0.98]
        masonry = [wall for wall in walls if wall.kind != "plain"]
        return float(np.median([wall.image.mean(axis=2)[wall.joints].std() for wall in masonry]))

    assert spread(1.0) > 1.5 * spread(0.0)


def test_a_gap_that_cannot_be_seen_does_not_count_and_is_no_crack() -> None:
    rng = np.random.default_rng(1)
    patches = [dark_patch(SIDE, rng, 1.0) for _ in range(40)]
    unseen = [weight == 0 for _, _, weight in patches]
    assert sum(found.any() for found in unseen) > 5
    for (image, truth, weight), hidden in zip(patches, unseen, strict=True):
        assert (image.shape, truth.shape, weight.shape) == ((SIDE, SIDE, 3), (SIDE, SIDE), (SIDE, SIDE))
        assert not (truth[hidden] > 0.5).any()
        assert set(np.unique(weight)) <= {0.0, 1.0}
    seen = [light_beside(image, truth > 0.5) for image, truth, _ in patches if np.count_nonzero(truth > 0.5) > 60]
    assert len(seen) > 20
    assert np.mean([value < 0 for value in seen]) > 0.9


def test_without_a_crack_all_counts_as_sound() -> None:
    rng = np.random.default_rng(2)
    for _, truth, weight in (dark_patch(SIDE, rng, 0.0) for _ in range(10)):
        assert not truth.any()
        assert weight.all()


def test_wide_cracks_are_dark_and_whole() -> None:
    rng = np.random.default_rng(3)
    patches = [wide_patch(SIDE, rng) for _ in range(40)]
    seen = [light_beside(image, truth > 0.5) for image, truth, _ in patches if np.count_nonzero(truth > 0.5) > 200]
    assert len(seen) > 25
    assert np.mean([value < 0 for value in seen]) > 0.9
    assert all(weight[truth > 0.5].all() for _, truth, weight in patches)
