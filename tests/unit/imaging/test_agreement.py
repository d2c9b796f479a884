"""The last gate: aligned pictures of one place stand out, a bond that merely lies alike does not."""

import numpy as np
import pytest
from wall_pairs import Camera, brick_wall, photograph, shifted, texture

from monitor.imaging.agreement import compare
from monitor.imaging.registration import RegistrationOptions

SHAPE = (360, 480)
STILL = Camera(tilt_deg=0, turn_deg=0, scale=0, shift=0)
LIMIT = RegistrationOptions().most_elsewhere
EVERYWHERE = np.ones(SHAPE, dtype=bool)
KINDS = [{}, {"tone": 0.03, "grain": 0.03}, {"tone": 0.02, "grain": 0.03, "jitter_px": 0.3}, {"brick": (60, 180)}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_another_place_with_the_bond_lying_alike_fits_as_well_elsewhere(kind: dict[str, float], seed: int) -> None:
    """What feature matching would hand on if it locked onto the joints; the same place is the control."""
    wall = brick_wall((400, 1100), np.random.default_rng(seed), **kind)
    reference = photograph(wall, shifted(20, 10), SHAPE, STILL, seed)
    same = compare(reference, photograph(wall, shifted(20, 10), SHAPE, STILL, seed + 50), EVERYWHERE, EVERYWHERE)
    other = compare(reference, photograph(wall, shifted(20, 550), SHAPE, STILL, seed + 90), EVERYWHERE, EVERYWHERE)
    assert same.correlation > 0.9
    assert same.elsewhere < LIMIT * same.distinct
    assert other.correlation > 0.3  # plain correlation alone would have let it pass
    assert other.elsewhere > LIMIT * other.distinct


def test_one_brick_off_the_better_fit_is_elsewhere() -> None:
    wall = brick_wall((400, 800), np.random.default_rng(0))
    reference = photograph(wall, shifted(20, 10), SHAPE, STILL, 0)
    found = compare(reference, photograph(wall, shifted(20, 130), SHAPE, STILL, 1), EVERYWHERE, EVERYWHERE)
    assert found.elsewhere > 3 * found.distinct


def test_unrelated_surfaces_do_not_correlate() -> None:
    reference, other = (photograph(texture(name), shifted(20, 10), SHAPE, STILL, 0) for name in ("gravel", "grass"))
    assert abs(compare(reference, other, EVERYWHERE, EVERYWHERE).correlation) < 0.1


def test_only_the_wanted_and_valid_part_counts() -> None:
    reference, other = (photograph(texture(name), shifted(20, 10), SHAPE, STILL, 0) for name in ("gravel", "grass"))
    again = photograph(texture("gravel"), shifted(20, 10), SHAPE, STILL, 1)
    again[:, 300:] = other[:, 300:]
    left = np.broadcast_to(np.arange(SHAPE[1]) < 260, SHAPE)
    assert compare(reference, again, EVERYWHERE, EVERYWHERE).correlation < 0.8
    assert compare(reference, again, left, EVERYWHERE).correlation > 0.95
    assert compare(reference, again, EVERYWHERE, left).correlation > 0.95


def test_nothing_to_compare_is_zero() -> None:
    flat = np.full(SHAPE, 100, dtype=np.uint8)
    found = compare(flat, flat, EVERYWHERE, ~EVERYWHERE)
    assert (found.correlation, found.distinct, found.elsewhere) == (0.0, 0.0, 0.0)
