"""What a repeat owes to its reference: a crack stays where it is, and what has not changed is marked as before.

Without the one a crack at the limit, or what passes for one, is marked in one photo and not in the next, and the area
of all cracks goes up and down with it. What the reference shows wrongly is shown by its repeats as well, and cancels.
Without the other a wet patch, a shadow or a dark joint passes for a wide crack in one photo of many.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from monitor.records import BoolArray, FloatArray
from monitor.segmentation.morphology import grow

#: The grain of a wall is what remains of it once it is smoothed by the first (px), less what is left by the second.
_NOISE_PX, _GRAIN_PX = 0.7, 3.0


@dataclass(frozen=True)
class KnownOptions:
    """How much sooner a repeat's crack is believed within `near_px` of one of the reference's: `weight` is added to the
    log-odds of patches of which at least `least_share` lies there (at a threshold of 0.6 that is about what the
    classifier does not call clearly sound), the explanation need not point at what looks like a gap there, and most of
    it lying there, it stays beside surer cracks.

    What is at least `wide_px` wide and marked in one of the two alone is marked as in the reference where the grain of
    the wall correlates with that of the reference by at least `same_grain`: that of a wall which is wet or in the shade
    does, that of a gap which opened in the meantime does not. Where the reference lends no cracks, all this is left
    out.
    """

    weight: float = 1.0
    near_px: int = 3
    least_share: float = 0.004
    wide_px: int = 9
    same_grain: float = 0.4

    def around(self, reference_mask: BoolArray | None) -> BoolArray | None:
        """Where the reference shows a crack, and a little around it (rows, cols); None where it shows none."""
        if reference_mask is None or not reference_mask.any():
            return None
        return grow(reference_mask, self.near_px)

    def remembered(self, probability: FloatArray, shares: FloatArray) -> FloatArray:
        """Crack probability (n,) of patches, higher for those of which such a share (n,) lies around known cracks."""
        raised = expit(logit(probability) + self.weight)
        return np.asarray(np.where(shares >= self.least_share, raised, probability))

    def unchanged(self, marked: BoolArray, before: FloatArray, now: FloatArray) -> BoolArray:
        """The wide parts of what is `marked`, bool (rows, cols), in which a repeat shows the same as its reference, and
        their rims, which are too narrow to be judged by themselves.

        `before` and `now` float32 (rows, cols) are the light of the reference and of the repeat in its frame.
        """
        same = np.zeros(marked.shape, bool)
        radius = self.wide_px // 2
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        wide = cv2.morphologyEx(marked.view(np.uint8), cv2.MORPH_OPEN, disc)
        count, label, stats, _ = cv2.connectedComponentsWithStats(wide)
        for index, (left, top, across, down) in enumerate(stats[1:count, :4].tolist(), 1):
            box = slice(top, top + down), slice(left, left + across)
            part = label[box] == index
            if _correlation(_grain(before[box], part), _grain(now[box], part)) >= self.same_grain:
                same[box] |= part
        return grow(same, radius + self.near_px) & marked


def _grain(light: FloatArray, part: BoolArray) -> NDArray[np.float32]:
    """How much lighter than its surroundings each pixel of the part is (n,); nothing outside of it counts."""
    inside = part.astype(np.float32)
    fine = cv2.GaussianBlur(light, (0, 0), _NOISE_PX)
    coarse = cv2.GaussianBlur(fine * inside, (0, 0), _GRAIN_PX) / (cv2.GaussianBlur(inside, (0, 0), _GRAIN_PX) + 1e-6)
    return np.asarray((fine - coarse)[part], np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's; 0 where nothing varies."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0
