"""Raw intensities in the place of relevance: what thresholds alone make of a photo, without any network.

The unsupervised comparison of Forest et al. 2024, section 3.3 (doi:10.1016/j.autcon.2024.105497), also after what is
usually done against uneven light. Cracks are dark, so darkness counts. The paper gives no numbers for the
enhancements; those here stand beside them.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from monitor.attribution.base import Beside
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

#: Of the Gaussian blur.
_BLUR_PX = 2.0
#: Side of the median filter that gives the shading, as a share of the patch: wider than cracks are.
_SHADING_SHARE = 0.33
#: Adjusting ratio and margin of Min-Max grey-level discrimination, the defaults of its author.
_RATIO, _MARGIN = 1.1, 0.5

Enhancement = Callable[[ByteArray], FloatArray]


class Intensity:
    """Darkness of the enhanced grey picture; `enhance` takes uint8 (side, side) to float32 of the same shape."""

    def __init__(self, name: str, enhance: Enhancement) -> None:
        self._name, self._enhance = name, enhance

    def explain(self, patches: ByteArray) -> FloatArray:
        """Darkness float32 (n, side, side) of uint8 RGB patches (n, side, side, 3), black being 0 and white -1."""
        greys = [np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.uint8) for patch in patches]
        blank = np.zeros((0, *patches.shape[1:3]), np.float32)
        darkness = [-self._enhance(grey)[None] / np.float32(255) for grey in greys]
        return np.asarray(np.concatenate([blank, *darkness]), np.float32)

    def as_options(self) -> dict[str, Any]:
        """The enhancement and its numbers, for the recipe fingerprint."""
        numbers = {
            "blurred": {"sigma_px": _BLUR_PX},
            "shading_corrected": {"median_share": _SHADING_SHARE},
            "min_max": {"ratio": _RATIO, "margin": _MARGIN},
        }
        return {"engine": "intensity", "enhancement": self._name, **numbers.get(self._name, {})}


def unchanged(grey: ByteArray) -> FloatArray:
    """The grey values as they are."""
    return grey.astype(np.float32)


def blurred(grey: ByteArray) -> FloatArray:
    """After a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR_PX), np.float32)


def shading_corrected(grey: ByteArray) -> FloatArray:
    """Less the shading, which is the median of a wide surrounding (Lee et al. 2007)."""
    side = 2 * max(1, int(_SHADING_SHARE * min(grey.shape) / 2)) + 1
    return grey.astype(np.float32) - cv2.medianBlur(grey, side).astype(np.float32)


def min_max_discriminated(grey: ByteArray) -> FloatArray:
    """Min-Max grey-level discrimination (Hoang 2018, doi:10.1155/2018/3924120).

    Values above a margin between the least and the greatest are raised by a ratio, the others lowered by it; none
    leaves the two. The margin and the ratio are this project's choice: the paper does not give them.
    """
    values = grey.astype(np.float32)
    least, greatest = values.min(), values.max()
    bright = values > least + _MARGIN * (greatest - least)
    raised, lowered = np.minimum(greatest, values * _RATIO), np.maximum(least, values / _RATIO)
    return np.asarray(np.where(bright, raised, lowered), np.float32)


def raw(classifier: Classifier, batch_size: int, beside: Beside) -> Intensity:
    """Darkness."""
    return Intensity("none", unchanged)


def raw_blurred(classifier: Classifier, batch_size: int, beside: Beside) -> Intensity:
    """Darkness after blurring."""
    return Intensity("blurred", blurred)


def raw_shading_corrected(classifier: Classifier, batch_size: int, beside: Beside) -> Intensity:
    """Darkness after shading correction."""
    return Intensity("shading_corrected", shading_corrected)


def raw_min_max(classifier: Classifier, batch_size: int, beside: Beside) -> Intensity:
    """Darkness after Min-Max grey-level discrimination."""
    return Intensity("min_max", min_max_discriminated)
