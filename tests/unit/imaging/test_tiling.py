"""Patches cover the picture, and come back as the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import MisuseError
from monitor.imaging.tiling import PatchGrid, agreed, cut, merge, tile, touching


@st.composite
def grids(draw: st.DrawFn) -> PatchGrid:
    patch_px = draw(st.integers(1, 24))
    overlap_px = draw(st.integers(0, patch_px - 1))
    return tile((draw(st.integers(1, 60)), draw(st.integers(1, 60))), patch_px, overlap_px)


@given(grids(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_cut_and_merged_is_the_picture(grid: PatchGrid, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*grid.shape, 3), dtype=np.uint8)
    patches = cut(image, grid)
    assert patches.shape == (len(grid), grid.patch_px, grid.patch_px, 3)
    assert patches.dtype == np.uint8
    merged = merge(patches[..., 1].astype(np.float32), grid)
    assert merged.dtype == np.float32
    np.testing.assert_allclose(merged, image[..., 1], atol=1e-3)


@given(grids())
@settings(max_examples=150, deadline=None)
def test_patches_cover_everything_and_stay_inside(grid: PatchGrid) -> None:
    seen = np.zeros(grid.covered_shape, dtype=bool)
    for row, col in grid.origins:
        seen[row : row + grid.patch_px, col : col + grid.patch_px] = True
    assert seen.all()
    assert (grid.origins >= 0).all()
    assert (grid.origins + grid.patch_px <= grid.covered_shape).all()
    assert len(np.unique(grid.origins, axis=0)) == len(grid)


def test_patches_are_spread_evenly() -> None:
    assert tile((10, 25), 10).origins.tolist() == [[0, 0], [0, 8], [0, 15]]
    assert tile((20, 20), 10).origins.tolist() == [[0, 0], [0, 10], [10, 0], [10, 10]]
    assert tile((10, 26), 10, 4).origins[:, 1].tolist() == [0, 5, 11, 16]


def test_patches_that_see_the_same_hold_one_another_back() -> None:
    grid = tile((10, 15), 10)
    everywhere = np.arange(len(grid))
    held_back = 1 / (1 + (1 / 9) ** (1 / 3))  # log-odds of 0.9 and 0.1, the latter weighted by a half
    assert agreed(np.array([0.9, 0.1]), grid, everywhere).tolist() == pytest.approx([held_back, 0.1])
    assert agreed(np.array([1.0, 1.0]), grid, everywhere).tolist() == pytest.approx([1.0, 1.0])
    usual = tile((10, 18), 10, 2)
    assert agreed(np.array([0.9, 0.1]), usual, everywhere).tolist() == [0.9, 0.1]


def test_a_small_picture_is_mirrored() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    (patch,) = cut(image, tile((2, 3), 8))
    assert patch[:4, :, 0].tolist() == [
        [0, 1, 2, 2, 1, 0, 0, 1],
        [3, 4, 5, 5, 4, 3, 3, 4],
        [3, 4, 5, 5, 4, 3, 3, 4],
        [0, 1, 2, 2, 1, 0, 0, 1],
    ]


def test_overlaps_blend_without_a_seam() -> None:
    """Two patches of 0 and 1 overlapping by half: the largest step is one step of the ramp, not a jump."""
    grid = tile((32, 48), 32, 16)
    values = np.stack([np.zeros((32, 32)), np.ones((32, 32))]).astype(np.float32)
    line = merge(values, grid)[16]
    assert line[:16].max() == 0
    assert line[32:].min() == 1
    assert (np.diff(line) >= 0).all()
    assert np.diff(line).max() < 0.08


def test_patches_that_are_not_given_are_zero_and_fade_in_the_overlap_only() -> None:
    grid = tile((32, 80), 32, 8)
    assert grid.origins[:, 1].tolist() == [0, 24, 48]
    merged = merge(np.ones((1, 32, 32), dtype=np.float32), grid, np.array([1]))
    np.testing.assert_allclose(merged[:, 32:48], 1.0)
    assert not merged[:, :24].any()
    assert not merged[:, 56:].any()
    assert (np.diff(merged[10, 23:33]) > 0).all()
    assert not merge(np.zeros((0, 32, 32), dtype=np.float32), grid, np.array([], dtype=np.int64)).any()


@pytest.mark.parametrize(("shape", "patch_px", "overlap_px"), [((0, 5), 4, 0), ((5, 5), 0, 0), ((5, 5), 4, 4)])
def test_impossible_grids_are_misuse(shape: tuple[int, int], patch_px: int, overlap_px: int) -> None:
    with pytest.raises(MisuseError, match="cannot be tiled"):
        tile(shape, patch_px, overlap_px)


def test_another_picture_or_another_number_of_patches_is_misuse() -> None:
    grid = tile((20, 20), 10)
    with pytest.raises(MisuseError, match="tile it anew"):
        cut(np.zeros((20, 21, 3), dtype=np.uint8), grid)
    with pytest.raises(MisuseError, match="3 patches of values were given for 4 places"):
        merge(np.zeros((3, 10, 10), dtype=np.float32), grid)


def test_only_some_patches_are_cut_when_asked_for() -> None:
    grid = tile((50, 70), 20, 5)
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    some = np.array([3, 0, 7])
    np.testing.assert_array_equal(cut(image, grid, some), cut(image, grid)[some])
    assert cut(image, grid, some[:0]).shape == (0, 20, 20, 3)


@pytest.mark.parametrize("overlap_px", [0, 5])
def test_touching_patches_are_those_around(overlap_px: int) -> None:
    step = 20 - overlap_px
    grid = tile((overlap_px + 5 * step, overlap_px + 6 * step), 20, overlap_px)
    number = np.arange(len(grid)).reshape(5, 6)
    np.testing.assert_array_equal(touching(grid, number[2:3, 3]), number[1:4, 2:5].ravel())
    np.testing.assert_array_equal(touching(grid, number[0, [0, 5]]), [0, 1, 4, 5, 6, 7, 10, 11])
    assert len(touching(grid, number[0, :0])) == 0
