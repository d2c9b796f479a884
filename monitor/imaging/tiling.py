"""Pictures cut into square patches, and per-patch values blended back into one picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from monitor.records import ByteArray, FloatArray

#: Patches that share so much of their area see the same.
_SEES_THE_SAME = 1 / 3


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
    """Cover a picture of `shape` (rows, cols) with as few square patches as overlap by `overlap_px` at least.

    They are spread evenly, to the pixel. Raises `MisuseError` for an empty picture or an overlap that is not in
    [0, patch_px).
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
    extended = np.pad(image, [*missing, (0, 0)], mode="symmetric") if np.any(missing) else image
    side, origins = grid.patch_px, grid.origins if indices is None else grid.origins[indices]
    patches = np.empty((len(origins), side, side, image.shape[2]), np.uint8)
    for patch, (row, col) in zip(patches, origins, strict=True):
        patch[...] = extended[row : row + side, col : col + side]
    return patches


def touching(grid: PatchGrid, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices, in order, of all patches that touch or overlap one of `indices`, those themselves among them."""
    gaps = np.abs(grid.origins[:, None] - grid.origins[None, indices]).max(axis=2)
    return np.flatnonzero((gaps <= grid.patch_px).any(axis=1))


def agreed(probability: FloatArray, grid: PatchGrid, indices: NDArray[np.int64]) -> FloatArray:
    """What patches `indices` say, (n,) in [0, 1], held back by those that see much of the same and say less.

    A patch is as sure as it is itself, but no surer than all that share at least a third of its area with it: the mean
    of their log-odds, weighted by the share. All of them see a crack; what one patch alone takes for a crack seldom is
    one. At the usual overlap no two patches share so much, in pictures of a few patches most do.
    """
    rows, cols = (np.unique(starts) for starts in grid.origins.T)
    place = np.searchsorted(rows, grid.origins[indices, 0]), np.searchsorted(cols, grid.origins[indices, 1])
    odds, given = np.zeros((len(rows), len(cols))), np.zeros((len(rows), len(cols)))
    within = np.clip(probability.astype(np.float64), 1e-12, 1 - 1e-12)
    odds[place], given[place] = np.log(within / (1 - within)), 1.0
    total, weight = np.zeros_like(odds), np.zeros_like(odds)
    for down, down_shares in _shares(rows, grid.patch_px):
        for across, across_shares in _shares(cols, grid.patch_px):
            here = _moved(len(rows), down), _moved(len(cols), across)
            there = _moved(len(rows), -down), _moved(len(cols), -across)
            shared = np.outer(down_shares, across_shares)
            shared = np.where(shared >= _SEES_THE_SAME, shared, 0) * given[there]
            total[here] += shared * odds[there]
            weight[here] += shared
    together = 1 / (1 + np.exp(-total[place] / weight[place]))
    return np.asarray(np.where(weight[place] > 1, np.minimum(probability, together), probability))


def _shares(starts: NDArray[np.int64], side: int) -> list[tuple[int, NDArray[np.float64]]]:
    """By how many places along an axis patches lie apart that share a third of it, and what share that is, pair by
    pair."""
    found = []
    for apart in range(len(starts)):
        shares = np.clip(1 - (starts[apart:] - starts[: len(starts) - apart]) / side, 0, 1)
        if shares.max() < _SEES_THE_SAME:
            break
        found += [(step, shares) for step in {apart, -apart}]
    return found


def _moved(count: int, by: int) -> slice:
    """The places along an axis that have another one `by` places before them."""
    return slice(max(by, 0), count + min(by, 0))


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
    down, across = (
        _weights(starts, tent, size) for starts, size in zip(grid.origins.T, grid.covered_shape, strict=True)
    )
    total, blended = np.zeros(grid.covered_shape), np.zeros(grid.covered_shape, np.float32)
    places = [np.s_[row : row + side, col : col + side] for row, col in grid.origins[chosen]]
    for values, place in zip(patch_values, places, strict=True):
        total[place] += weight * values
    for place in places:
        blended[place] = total[place] / np.outer(down[place[0]], across[place[1]])
    return blended[: grid.shape[0], : grid.shape[1]]


def _weights(starts: NDArray[np.int64], tent: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Weight (size,) of all patches together along one axis: those of a whole grid are the product of both axes'."""
    weights = np.zeros(size)
    for start in np.unique(starts):
        weights[start : start + len(tent)] += tent
    return weights


def _starts(size: int, patch_px: int, step: int) -> NDArray[np.int64]:
    """First pixels along one axis, at most `step` apart; the last patch ends with the axis."""
    last = max(size - patch_px, 0)
    count = -(-last // step)
    return np.array([round(last * index / max(count, 1)) for index in range(count + 1)], np.int64)
