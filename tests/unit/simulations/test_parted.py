"""Walls that part along their cracks, lenses that bend, and what a crack's opening is at a given place."""

from dataclasses import replace

import numpy as np
import pytest

from monitor.errors import MisuseError
from simulations.cracks import Crack
from simulations.rendering import Halves, bent, parted
from simulations.scenarios import SCENARIOS, captures

SHAPE = (120, 160)
#: Down the middle of the picture, beyond both of its edges.
STRAIGHT = Crack(np.stack([np.arange(-20.0, 140.0), np.full(160, 80.0)], axis=1), np.ones(160))


def stripes() -> np.ndarray:
    """Bright lines along the crack at columns 40 and 120, wide enough to tell their place by their centre."""
    cols = np.arange(SHAPE[1])
    row = sum(np.exp(-((cols - middle) ** 2) / (2 * 3.0**2)) for middle in (40, 120))
    return np.repeat(np.broadcast_to(row, SHAPE)[..., None], 3, axis=2).astype(np.float32)


def centre(image: np.ndarray, columns: slice, row: int = 60) -> float:
    light = image[row, columns, 0]
    return float((light * np.arange(SHAPE[1])[columns]).sum() / light.sum())


@pytest.mark.parametrize("opening_px", [0.5, 2.0, 6.0])
def test_each_half_moves_by_half_the_opening(opening_px: float) -> None:
    halves = Halves.of(STRAIGHT.path, SHAPE, yielding_px=1e6)
    moved = parted(stripes(), halves, STRAIGHT, opening_px)
    assert centre(moved, slice(15, 65)) == pytest.approx(40 - opening_px / 2, abs=0.05)
    assert centre(moved, slice(95, 145)) == pytest.approx(120 + opening_px / 2, abs=0.05)


def test_away_from_the_crack_the_wall_yields_less() -> None:
    halves = Halves.of(STRAIGHT.path, SHAPE, yielding_px=40.0)
    left = 40 - centre(parted(stripes(), halves, STRAIGHT, 4.0), slice(15, 65))
    assert left == pytest.approx(2.0 * np.exp(-1), abs=0.15)


def test_where_the_crack_does_not_gape_nothing_moves() -> None:
    """Below its tip at row 60."""
    closed = replace(STRAIGHT, profile=(STRAIGHT.path[:, 0] < 60).astype(float))
    image = stripes()
    moved = parted(image, Halves.of(closed.path, SHAPE), closed, 4.0)
    np.testing.assert_allclose(moved[62:], image[62:], atol=1e-6)
    assert np.abs(moved[:58] - image[:58]).max() > 0.1
    np.testing.assert_allclose(parted(image, Halves.of(closed.path, SHAPE), closed, 0.0), image, atol=1e-6)


def test_a_lens_moves_the_corners_most_and_the_middle_not_at_all() -> None:
    photo = np.full((*SHAPE, 3), 100, np.uint8)
    photo[58:62, 78:82] = 255
    photo[10:14, 20:24] = 255
    assert (bent(photo, 0.0) == photo).all()

    def spot(image: np.ndarray, rows: slice, cols: slice) -> np.ndarray:
        light = image[rows, cols, 0].astype(float) - 100
        at = np.indices(light.shape) + np.array([rows.start, cols.start])[:, None, None]
        return np.asarray((light * at).sum(axis=(1, 2)) / light.sum())

    middle = (np.array(SHAPE) - 1) / 2
    for share in (0.04, -0.04):
        shown = bent(photo, share)
        np.testing.assert_allclose(spot(shown, slice(50, 70), slice(70, 90)), [59.5, 79.5], atol=0.05)
        away = spot(photo, slice(0, 25), slice(10, 35)) - middle
        radius = (away**2).sum() / (middle**2).sum()
        seen = spot(shown, slice(0, 25), slice(10, 35)) - middle
        np.testing.assert_allclose(seen, away * (1 - share * radius), atol=0.2)


def test_the_true_opening_is_that_of_the_nearest_place_of_the_course() -> None:
    small = replace(SCENARIOS["growing"], captures=2, shape=(150, 190), mm_per_px=0.5, length_share=lambda _: 1.0)
    for truth, _, _ in captures(small, 1):
        assert truth.crack is not None
        whole = truth.opening_px_at(truth.crack.path)
        np.testing.assert_allclose(whole, truth.crack.profile * truth.opening_mm / 0.5)
        assert whole.max() == pytest.approx(truth.max_width_mm / 0.5)
        widest = truth.crack.path[[truth.crack.profile.argmax()]]
        assert truth.opening_px_at(widest + 0.1) == pytest.approx(truth.opening_mm / 0.5, rel=0.1)


def test_the_papers_protocol_knows_masks_only() -> None:
    small = replace(SCENARIOS["paper"], captures=1, shape=(150, 190))
    ((truth, _, _),) = captures(small, 1)
    with pytest.raises(MisuseError, match="masks only"):
        truth.opening_px_at(np.zeros((1, 2)))
