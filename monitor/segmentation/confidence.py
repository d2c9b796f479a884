"""How sure the analysis is of a mask, between 0 and 1: made to order photos and cracks by how well they are outlined.

It is no probability that a crack is there; it is the geometric mean of three opinions that err in different ways.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, FloatArray


@dataclass(frozen=True)
class Confidence:
    """Of a photo's mask: `probability`, the classifier's calibrated one that the most cracked patch is; `seen`, how
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

    `gap` marks all that looks like a gap, the mask a part of it. `probability` is the highest calibrated crack
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


def sure_cracks(mask: BoolArray, sure: Confidence, least: float, least_px: int) -> tuple[BoolArray, Confidence]:
    """The mask bool (rows, cols) without the cracks that `sure`, its `confidence_in`, is less sure of than `least`, and
    without components of fewer than `least_px` pixels, and how sure it is of the rest. All stay where it is sure of
    all, or of none.
    """
    kept = np.array(sure.of_cracks) >= least
    if kept.all() or not kept.any():
        return mask, sure
    label, order, _ = _components(mask, least_px)
    stays = np.zeros(label.max() + 1, bool)
    stays[np.array(order)[kept]] = True
    return np.asarray(stays[label]), replace(sure, of_cracks=tuple(np.array(sure.of_cracks)[kept].tolist()))


def _components(mask: BoolArray, least_px: int) -> tuple[NDArray[np.int32], list[int], NDArray[np.int32]]:
    """Labels (rows, cols) of the 8-connected components, which of them are cracks, largest first, and all sizes."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    order = [int(index) for index in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[index] >= least_px]
    return np.asarray(label, np.int32), order, np.asarray(sizes, np.int32)


def _mean(*opinions: float) -> float:
    return float(np.prod(opinions) ** (1 / len(opinions)))
