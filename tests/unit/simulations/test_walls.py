"""Walls and what hangs on them stay pictures, whatever the seed."""

import numpy as np
import pytest

from monitor.errors import UnknownNameError
from simulations import distractors
from simulations.distractors import DISTRACTORS, distract
from simulations.walls import WALLS, Picture, wall

SHAPE = (96, 128)
SEEDS = range(6)


@pytest.fixture(params=sorted(WALLS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(DISTRACTORS))
def distractor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("shape", [SHAPE, (40, 300), (128, 128)])
def test_a_wall_is_a_picture_with_its_joints(kind: str, shape: tuple[int, int]) -> None:
    for seed in SEEDS:
        made = wall(kind, shape, np.random.default_rng(seed))
        assert made.kind == kind
        assert made.image.shape == (*shape, 3)
        assert made.image.dtype == np.float32
        assert made.image.min() >= 0
        assert made.image.max() <= 1
        assert made.image.std() > 0.003
        assert made.joints.shape == shape
        assert made.joints.dtype == np.bool_
        assert not made.joints.all()


def test_a_wall_follows_its_seed(kind: str) -> None:
    first, again, other = (wall(kind, SHAPE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_courses_have_the_size_asked_for() -> None:
    """Half as high, about twice as many bed joints."""
    counts = []
    for size_px in (100.0, 50.0):
        rows = wall("bonded", (400, 300), np.random.default_rng(0), size_px).joints.mean(axis=1) > 0.8
        counts.append(np.count_nonzero(np.diff(rows.astype(int)) == 1))
    assert counts[0] == pytest.approx(4, abs=1)
    assert counts[1] == pytest.approx(8, abs=1)


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"'hedge'\. Known: bonded, cc0_texture, plain, rubble"):
        wall("hedge", SHAPE, np.random.default_rng(0))


def bright(seed: int, shape: tuple[int, int] = SHAPE) -> Picture:
    return np.random.default_rng(seed).uniform(0.3, 0.95, (*shape, 3)).astype(np.float32)


@pytest.mark.parametrize("shape", [SHAPE, (128, 128), (64, 200)])
def test_a_distractor_keeps_range_and_shape(
    monkeypatch: pytest.MonkeyPatch, distractor: str, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr(distractors, "DISTRACTORS", {distractor: DISTRACTORS[distractor]})
    changed = []
    for seed in SEEDS:
        image = bright(seed, shape)
        before = image.copy()
        found = distract(image, np.random.default_rng(seed), chance=1.0)
        assert found.shape == image.shape
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        np.testing.assert_array_equal(image, before)
        changed.append((found != image).any())
    assert np.mean(changed) > 0.5


def test_a_distractor_follows_its_seed(distractor: str) -> None:
    first, again = (DISTRACTORS[distractor](bright(0), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()


def test_the_chance_decides_how_often_something_is_there() -> None:
    rng, image = np.random.default_rng(0), bright(0, (32, 32))
    untouched = [distract(image, rng, chance=0.3) is image for _ in range(150)]
    assert np.mean(untouched) == pytest.approx(0.7, abs=0.12)
    assert distract(image, rng, chance=0.0) is image
