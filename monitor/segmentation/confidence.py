"""How sure the analysis is of a mask, between 0 and 1: made to order photos and cracks by how well they are outlined.

It is no probability that a crack is there; it is the geometric mean of three opinions: what both networks together say
of the patch, what the segmenter sees in the pixels, and where it and the explanation agree.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, FloatArray


@dataclass(frozen=True)
class Confidence:
    """Of a photo's mask: `probability`, that the most cracked patch is cracked, the second opinion heard; `seen`, how
    clearly the segmenter sees a gap in the mask's pixels (mean); `agreed`, the share of all that looks like a gap where
    the explanation points at it, too. `of_cracks` is the confidence in each crack (8-connected component), largest
    first.
    """

    probability: float
    seen: float
    agreed: float
    of_cracks: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The photo's: the geometric mean of the three."""
        return _mean(self.probability, self.seen, self.agreed)


def confidence_in(
    mask: BoolArray, gap: BoolArray, probability: FloatArray, gaping: FloatArray, least_px: int
) -> Confidence:
    """How sure one photo's mask is, all arrays (rows, cols); zeros for an empty mask.

    `gap` marks all that looks like a gap, the mask a part of it. `probability` is the highest crack
    probability of the patches over each pixel, `gaping` what the segmenter sees there. Components of fewer than
    `least_px` pixels are no cracks.
    """
    if not mask.any():
        return Confidence(0.0, 0.0, 0.0)
    agreed = float(mask.sum() / gap.sum())
    label, order, sizes = _components(mask, least_px)
    seen = np.bincount(label[mask], gaping[mask], minlength=len(sizes)) / np.maximum(sizes, 1)
    highest = np.zeros(len(sizes))
    np.maximum.at(highest, np.asarray(label[mask], np.int64), probability[mask])
    of_cracks = tuple(_mean(float(highest[index]), float(seen[index]), agreed) for index in order)
    return Confidence(float(probability.max()), float(gaping[mask].mean()), agreed, of_cracks)


@dataclass(frozen=True)
class BesideOptions:
    """Which cracks stay beside the surest one of a photo: those that the analysis is at least `least_share` as sure of,
    and those that go on from one that stays: there are at most `near_px` to it, over others of them if need be.

    Dark joints are seen here and there in photos that show a clear crack, too.
    """

    least_share: float = 0.85
    near_px: int = 60


def sure_cracks(
    mask: BoolArray,
    sure: Confidence,
    least: float,
    least_px: int,
    beside: BesideOptions | None = None,
    known: BoolArray | None = None,
) -> tuple[BoolArray, Confidence]:
    """The mask bool (rows, cols) without the cracks that `sure`, its `confidence_in`, is less sure of than `least`,
    those that do not stay `beside` the surest (they do where half of them or more is `known`), and components of fewer
    than `least_px` pixels, and how sure it is of the rest. All stay where it is sure of all, or of none, or `least` is
    0.
    """
    confidence = np.array(sure.of_cracks)
    kept = confidence >= least
    if least == 0 or not kept.any():
        return mask, sure
    label, order, sizes = _components(mask, least_px)
    numbers, options = np.array(order), beside or BesideOptions()
    doubtful = kept & (confidence < options.least_share * confidence.max())
    if known is not None:
        known_px = np.bincount(label[known], minlength=len(sizes))
        doubtful &= 2 * known_px[numbers] < sizes[numbers]
    if doubtful.any():
        parts = _near_together(_marked(label, numbers[kept]), options.near_px)
        group = np.zeros(label.max() + 1, np.int64)
        group[label] = parts
        kept &= np.isin(group[numbers], group[numbers[kept & ~doubtful]])
    if kept.all():
        return mask, sure
    return _marked(label, numbers[kept]), replace(sure, of_cracks=tuple(confidence[kept].tolist()))


def _near_together(mask: BoolArray, within_px: float) -> NDArray[np.int32]:
    """Numbers (rows, cols) of the groups of pixels that lie so near to one another, 0 beside them."""
    away_px = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    _, label = cv2.connectedComponents((away_px <= within_px / 2).astype(np.uint8), connectivity=8)
    return np.asarray(label, np.int32)


def _marked(label: NDArray[np.int32], numbers: NDArray[np.integer]) -> BoolArray:
    """Where one of these components lies."""
    stays = np.zeros(label.max() + 1, bool)
    stays[numbers] = True
    return np.asarray(stays[label])


def _components(mask: BoolArray, least_px: int) -> tuple[NDArray[np.int32], list[int], NDArray[np.int32]]:
    """Labels (rows, cols) of the 8-connected components, which of them are cracks, largest first, and all sizes."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    order = [int(index) for index in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[index] >= least_px]
    return np.asarray(label, np.int32), order, np.asarray(sizes, np.int32)


def _mean(*opinions: float) -> float:
    return float(np.prod(opinions) ** (1 / len(opinions)))
