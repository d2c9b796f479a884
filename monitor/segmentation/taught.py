"""From what a taught network sees in each pixel to the mask: the explanation says which of it is the crack."""

from dataclasses import dataclass

import numpy as np

from monitor.records import BoolArray, FloatArray
from monitor.segmentation.morphology import area_opening, grow, hysteresis
from monitor.segmentation.refinement import relative_relevance


@dataclass(frozen=True)
class TaughtOptions:
    """Options of `crack_mask`. `follow`: share of the network's level down to which a crack is followed from where
    it is clear. `reach_px`: so near to the explanation a crack has to be seen somewhere. `min_share`: and there
    relevance has to reach this share of the highest around. `min_area_px`: smaller components go.
    """

    follow: float = 0.6
    reach_px: int = 5
    min_share: float = 0.06
    min_area_px: int = 50


def crack_mask(
    probability: FloatArray,
    level: float,
    relevance: FloatArray,
    candidates: BoolArray,
    options: TaughtOptions | None = None,
) -> BoolArray:
    """The crack's pixels as a bool mask, all arrays (rows, cols).

    `probability` in 0 .. 1 is 0 where nothing was looked at; `level` is that from which a pixel counts;
    `relevance` and the `candidates` thresholded from it say what made the classifier say "cracked". Without
    candidates the mask is empty.
    """
    options = options or TaughtOptions()
    if not candidates.any():
        return np.zeros(candidates.shape, bool)
    pointed_at = grow(candidates, options.reach_px) & (relative_relevance(relevance) >= options.min_share)
    backed = (probability >= level) & pointed_at
    return area_opening(hysteresis(probability >= options.follow * level, backed), options.min_area_px)


def mean_of_seen(total: FloatArray, share: FloatArray) -> FloatArray:
    """Blended values float32 (rows, cols) of only some patches, `share` of each pixel's weight being theirs, as the
    mean of those; 0 where no patch was seen.
    """
    return np.asarray(np.divide(total, share, out=np.zeros_like(total), where=share > 0), np.float32)
