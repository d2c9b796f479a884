"""How sure the analysis is of a mask, between 0 and 1: made to order photos and cracks by how well they are outlined.

It is no probability that a crack is there; it is the geometric mean of three opinions that err in different ways.
"""

from dataclasses import dataclass

import cv2
import numpy as np

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
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    order = [index for index in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[index] >= least_px]
    seen = np.bincount(label[mask], gaping[mask], minlength=count) / np.maximum(sizes, 1)
    highest = np.zeros(count)
    np.maximum.at(highest, np.asarray(label[mask], np.int64), probability[mask])
    of_cracks = tuple(_mean(float(highest[index]), float(seen[index]), agreed) for index in order)
    return Confidence(float(probability.max()), float(gaping[mask].mean()), agreed, of_cracks)


def _mean(*opinions: float) -> float:
    return float(np.prod(opinions) ** (1 / len(opinions)))
