"""From what a taught network sees in each pixel to the mask: the explanation says which of it is the crack."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, FloatArray
from monitor.segmentation.morphology import area_opening, closing, grow, hysteresis
from monitor.segmentation.refinement import relative_relevance

#: Flanks are looked for so many half widths from the axis: beside the mask, and where it does not fill the gap.
_REACHES = (1.5, 3.0)


@dataclass(frozen=True)
class TaughtOptions:
    """Options of `gaps` and `crack_mask`. `follow`: share of the network's level down to which a crack is followed
    from where it is clear. `reach_px`: so near to the explanation a crack has to be seen somewhere. `min_share`: and
    there relevance has to reach this share of the highest around. `min_area_px`: smaller components go.
    `flank_depth`, `flank_share`: so do those that lie less deep (of brightness 0 .. 1) between two flanks along more
    than the rest of their axis: a gap has two lips, a wall's dark surroundings begin at one edge. `wide_px`,
    `wide_darkness`: where they are so wide that no blur lets light in, they are darker than this share of the darker
    flank, too: a gap is black inside, a joint shows its mortar. Half way between simulated cracks (0.27 at most) and
    simulated joints (0.64 at least). `fill_darkness`: what a crack of that width encloses, or almost does, is a part of
    it where it is as dark, but for this share of the way to the light around. `least_slenderness`: components of a
    smaller area than this times the square of their width are spots, stones or voids, unless they leave the picture.
    """

    follow: float = 0.6
    reach_px: int = 5
    min_share: float = 0.06
    min_area_px: int = 50
    flank_depth: float = 0.02
    flank_share: float = 0.5
    wide_px: float = 6.0
    wide_darkness: float = 0.45
    fill_darkness: float = 0.3
    least_slenderness: float = 2.0


def gaps(light: FloatArray, probability: FloatArray, level: float, options: TaughtOptions | None = None) -> BoolArray:
    """All pixels that look like those of a gap, whatever the explanation says of them: bool, all arrays (rows, cols).

    `light` is grey in 0 .. 1. `probability` in 0 .. 1 is 0 where nothing was looked at; `level` is that from which a
    pixel counts.
    """
    options = options or TaughtOptions()
    light = np.asarray(light, np.float32)
    seen = hysteresis(probability >= options.follow * level, probability >= level)
    return _flanked(light, _filled(light, area_opening(seen, options.min_area_px), options), options)


def crack_mask(
    gap: BoolArray,
    probability: FloatArray,
    level: float,
    relevance: FloatArray,
    candidates: BoolArray,
    options: TaughtOptions | None = None,
    known: BoolArray | None = None,
) -> BoolArray:
    """The crack's pixels: those components of the `gaps` that the explanation points at, or that lie where a crack is
    `known`; bool, all (rows, cols).

    `relevance` and the `candidates` thresholded from it say what made the classifier say "cracked". Without candidates
    the mask is empty.
    """
    options = options or TaughtOptions()
    if not candidates.any():
        return np.zeros(candidates.shape, bool)
    pointed_at = grow(candidates, options.reach_px) & (relative_relevance(relevance) >= options.min_share)
    believed = pointed_at if known is None else pointed_at | known
    return hysteresis(gap, gap & (probability >= level) & believed)


def _filled(light: NDArray[np.float32], mask: BoolArray, options: TaughtOptions) -> BoolArray:
    """The mask with what its wide components enclose, or almost do, and is as dark: inside of a wide gap there is
    nothing to see, so a network gives some of it up.
    """
    if mask.all():
        return mask
    half_px = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    _, label, stats, _ = cv2.connectedComponentsWithStats((mask & (half_px > 1)).astype(np.uint8), connectivity=8)
    filled = mask.copy()
    for number in np.unique(label[half_px >= options.wide_px / 2]):
        col, row, width, height, _ = stats[number]
        around = int(np.ceil(half_px[row : row + height, col : col + width].max())) * 2 + 1
        box = (
            slice(max(row - 2 * around, 0), row + height + 2 * around),
            slice(max(col - 2 * around, 0), col + width + 2 * around),
        )
        crack, seen = label[box] == number, light[box]
        closed = closing(mask[box], around)
        ring = (cv2.dilate(closed.view(np.uint8), np.ones((around, around), np.uint8)) > 0) & ~closed
        if not ring.any():  # the crack is all that there is to see
            continue
        inside = float(np.median(seen[crack]))
        lightest = inside + options.fill_darkness * max(float(np.median(seen[ring])) - inside, 0.0)
        filled[box] |= closed & (seen <= lightest)
    return filled


def _flanked(light: NDArray[np.float32], mask: BoolArray, options: TaughtOptions) -> BoolArray:
    """The slender components of the mask that are darker than what lies on either side of them, along enough of their
    axis.
    """
    if mask.all():  # nothing lies beside it
        return np.zeros_like(mask)
    half_px = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    axis = mask & (half_px >= cv2.dilate(half_px, np.ones((3, 3), np.uint8)))
    rows, cols = np.nonzero(axis)
    smooth = np.asarray(cv2.blur(light, (3, 3)), np.float32)
    flank = np.full(len(rows), -np.inf, np.float32)
    for scale in _REACHES:
        reach = np.ceil(scale * half_px[axis]).astype(np.int64) + 2
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            sides = [_at(smooth, rows + sign * reach * down, cols + sign * reach * right) for sign in (1, -1)]
            np.maximum(flank, np.minimum(*sides), out=flank)
    inside = smooth[axis]
    lets_light_in = (2 * half_px[axis] >= options.wide_px) & (inside > options.wide_darkness * flank)
    count, label = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    deep = (flank - inside >= options.flank_depth) & ~lets_light_in
    stays = np.bincount(label[axis][deep], minlength=count) >= options.flank_share * np.bincount(
        label[axis], minlength=count
    )
    widest_px = np.zeros(count, np.float32)
    np.maximum.at(widest_px, np.asarray(label[axis], np.int64), 2 * half_px[axis])
    slender = np.bincount(label.ravel(), minlength=count) >= options.least_slenderness * widest_px**2
    for border in (label[0], label[-1], label[:, 0], label[:, -1]):
        slender[border] = True
    stays &= slender
    stays[0] = False
    return np.asarray(stays[label])


def _at(picture: NDArray[np.float32], rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.float32]:
    """Values at places (n,); beyond the picture as at its border."""
    return picture[np.clip(rows, 0, picture.shape[0] - 1), np.clip(cols, 0, picture.shape[1] - 1)]


def mean_of_seen(total: FloatArray, share: FloatArray) -> FloatArray:
    """Blended values float32 (rows, cols) of only some patches, `share` of each pixel's weight being theirs, as the
    mean of those; 0 where no patch was seen.
    """
    return np.asarray(np.divide(total, share, out=np.zeros_like(total), where=share > 0), np.float32)
