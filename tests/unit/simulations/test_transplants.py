"""A crack lifted off its photo darkens another wall as it darkened its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from simulations.transplants import lifted, planted, read_transplants, write_transplants

SIDE = 96


@pytest.fixture
def photo():
    """(photo, sound, mask): a wall of 200 with a gap of a quarter of its light, 4 px wide."""
    sound = np.full((SIDE, SIDE, 3), 200, np.uint8)
    cracked, mask = sound.copy(), np.zeros((SIDE, SIDE), np.uint8)
    cracked[:, 46:50] = 50
    mask[:, 46:50] = 255
    return cracked, sound, mask


def test_another_wall_is_as_dark_in_it_and_as_it_was_beside_it(photo):
    wall = np.full((64, 64, 3), 0.4, np.float32)
    for seed in range(20):
        image, covered = planted(wall, lifted(*photo), np.random.default_rng(seed))
        inside, beside = covered > 0.99, cv2.dilate(covered, np.ones((25, 25))) == 0
        assert beside.any()
        np.testing.assert_allclose(image[beside], 0.4, atol=0.002)
        if inside.sum() > 20:
            assert np.median(image[inside]) == pytest.approx(0.1, abs=0.02)


def test_it_fades_where_the_photo_cuts_it_off(photo):
    one = lifted(*photo)
    assert one.left[0, 48].min() > one.left[6, 48].max() > one.left[48, 48].max()
    assert (one.covered[0, 48], one.covered[48, 48]) == (0, 255)


def test_too_little_of_a_crack_stays_where_it_is(photo):
    cracked, sound, mask = photo
    mask[20:] = 0
    assert lifted(cracked, sound, mask) is None


def test_they_come_back_from_a_file(photo, tmp_path: Path):
    one = lifted(*photo)
    assert read_transplants(tmp_path / "none.npz") == ()
    write_transplants([one, one], tmp_path / "kept.npz")
    kept = read_transplants(tmp_path / "kept.npz")
    assert len(kept) == 2
    np.testing.assert_array_equal(kept[1].left, one.left)
    np.testing.assert_array_equal(kept[1].covered, one.covered)
