"""Light on a wall's relief: rims throw shadows away from the sun, flat walls stay as they are."""

import numpy as np
import pytest

from simulations.relief import Sun, lit_relief, relief

SHAPE = (40, 60)
GREY = np.full((*SHAPE, 3), 0.5, np.float32)
ABOVE = Sun(towards=(-1.0, 0.0), rise=0.5, ambient=0.3)


def test_a_flat_wall_is_lit_evenly() -> None:
    lit = lit_relief(GREY, np.zeros(SHAPE, np.float32), ABOVE)
    np.testing.assert_allclose(lit, GREY, atol=1e-6)


def test_below_a_rim_lies_a_shadow_as_long_as_the_sun_is_low() -> None:
    height = np.zeros(SHAPE, np.float32)
    height[:20] = 4.0  # a brick above a joint 4 px deep; the sun stands above
    lit = lit_relief(GREY, height, ABOVE)[:, 30, 0]
    assert lit[22:27].max() < 0.3, "8 px of shadow at a rise of one half"
    assert lit[32:].min() > 0.45
    assert lit_relief(GREY, height, Sun((1.0, 0.0), 0.5, 0.3))[22:27, 30, 0].min() > 0.4, "not with the sun below"


@pytest.mark.parametrize("joints", [np.zeros(SHAPE, bool), np.ones(SHAPE, bool)], ids=["no joint", "nothing but joint"])
def test_walls_of_one_material_have_their_roughness_alone(joints: np.ndarray) -> None:
    height = relief(joints, np.random.default_rng(0))
    assert height.shape == SHAPE
    assert 0 < np.ptp(height) < 10


def test_mortar_lies_back() -> None:
    joints = np.zeros(SHAPE, bool)
    joints[15:25] = True
    for seed in range(5):
        height = relief(joints, np.random.default_rng(seed))
        assert np.median(height[joints]) < np.median(height[~joints])
