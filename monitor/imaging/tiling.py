"""Pictures cut into square patches, and per-patch values blended back into one picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from monitor.records import ByteArray


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of one picture lie.

    `shape` is the picture's (rows, cols); `origins` int64 (n, 2) the (row, col) of each patch's first pixel,
    row by row. Where the picture is smaller than a patch, the grid covers the picture extended to one patch.
    """

    shape: tuple[int, int]
    patch_px: int
    origins: NDArray[np.int64]

    @property
    def covered_shape(self) -> tuple[int, int]:
        """(rows, cols) that the patches cover: `shape`, extended to at least one patch each way."""
        return max(self.shape[0], self.patch_px), max(self.shape[1], self.patch_px)

    def __len__(self) -> int:
        return len(self.origins)


def tile(shape: tuple[int, int], patch_px: int, overlap_px: int = 0) -> PatchGrid:
    """Cover a picture of `shape` (rows, cols) with square patches that overlap by `overlap_px`.

    The last row and column of patches are moved inwards until they end with the picture, so they overlap
    more. Raises `MisuseError` for an empty picture or an overlap that is not in [0, patch_px).
    """
    if min(shape) < 1 or patch_px < 1 or not 0 <= overlap_px < patch_px:
        raise MisuseError(
            f"A picture of {shape[0]} x {shape[1]} pixels cannot be tiled with patches of {patch_px} px "
            f"overlapping by {overlap_px} px: sizes start at 1 and the overlap is smaller than the patch."
        )
    rows, cols = (_starts(size, patch_px, patch_px - overlap_px) for size in shape)
    origins = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
    return PatchGrid((shape[0], shape[1]), patch_px, origins)


def cut(image: ByteArray, grid: PatchGrid, indices: NDArray[np.int64] | None = None) -> ByteArray:
    """Patches uint8 (n, patch, patch, 3) of `image` uint8 (rows, cols, 3), in the order of `grid.origins`.

    With `indices` only those patches, in that order.
    A picture smaller than a patch is mirrored at its bottom and right edge, as often as needed.
    Raises `MisuseError` when the picture is not of the grid's shape.
    """
    if image.shape[:2] != grid.shape:
        raise MisuseError(f"The picture is {image.shape[:2]} and the patch grid {grid.shape}: tile it anew.")
    missing = [(0, covered - size) for covered, size in zip(grid.covered_shape, grid.shape, strict=True)]
    extended = np.pad(image, [*missing, (0, 0)], mode="symmetric")
    side, origins = grid.patch_px, grid.origins if indices is None else grid.origins[indices]
    patches = [extended[row : row + side, col : col + side] for row, col in origins]
    return np.array(patches, np.uint8).reshape(-1, side, side, image.shape[2])


def touching(grid: PatchGrid, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices, in order, of all patches that touch or overlap one of `indices`, those themselves among them."""
    gaps = np.abs(grid.origins[:, None] - grid.origins[None, indices]).max(axis=2)
    return np.flatnonzero((gaps <= grid.patch_px).any(axis=1))


def merge(
    patch_values: NDArray[np.float32], grid: PatchGrid, indices: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """One float32 (rows, cols) picture from the values float32 (k, patch, patch) of patches `indices`.

    Without `indices` all patches are given, in order. Overlaps are the mean of the patches weighted by
    a tent that falls towards each patch's edge, so no seam shows. A patch that is not given counts as
    zero with that same weight: a given neighbour keeps its full value wherever it lies alone and
    fades into zero across the overlap.
    """
    chosen = np.arange(len(grid)) if indices is None else indices
    if len(patch_values) != len(chosen):
        raise MisuseError(f"{len(patch_values)} patches of values were given for {len(chosen)} places.")
    side = grid.patch_px
    tent = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)).astype(np.float64)
    weight = np.outer(tent, tent)
    total, weights = np.zeros(grid.covered_shape), np.zeros(grid.covered_shape)
    for row, col in grid.origins:
        weights[row : row + side, col : col + side] += weight
    for values, (row, col) in zip(patch_values, grid.origins[chosen], strict=True):
        total[row : row + side, col : col + side] += weight * values
    return (total / weights)[: grid.shape[0], : grid.shape[1]].astype(np.float32)


def _starts(size: int, patch_px: int, step: int) -> NDArray[np.int64]:
    """First pixels along one axis: every `step`, and one that ends with the axis."""
    last = max(size - patch_px, 0)
    return np.append(np.arange(0, last, step), last).astype(np.int64)
