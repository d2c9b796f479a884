"""What a repeat is asked of where its reference shows a crack: less, as a crack stays where it is.

Without that a crack at the limit, or what passes for one, is marked in one photo and not in the next, and the area of
all cracks goes up and down with it. What the reference shows wrongly is shown by its repeats as well, and cancels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from monitor.records import BoolArray, FloatArray
from monitor.segmentation.morphology import grow


@dataclass(frozen=True)
class KnownOptions:
    """How much sooner a repeat's crack is believed within `near_px` of one of the reference's: `weight` is added to the
    log-odds of patches of which at least `least_share` lies there (at a threshold of 0.6 that is about what the
    classifier does not call clearly sound), the explanation need not point at what looks like a gap there, and most of
    it lying there, it stays beside surer cracks.
    """

    weight: float = 1.0
    near_px: int = 3
    least_share: float = 0.004

    def around(self, reference_mask: BoolArray | None) -> BoolArray | None:
        """Where the reference shows a crack, and a little around it (rows, cols); None where it shows none."""
        if reference_mask is None or not reference_mask.any():
            return None
        return grow(reference_mask, self.near_px)

    def remembered(self, probability: FloatArray, shares: FloatArray) -> FloatArray:
        """Crack probability (n,) of patches, higher for those of which such a share (n,) lies around known cracks."""
        raised = expit(logit(probability) + self.weight)
        return np.asarray(np.where(shares >= self.least_share, raised, probability))
