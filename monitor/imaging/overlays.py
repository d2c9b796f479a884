"""Pictures for people: the mask's outline and the relevance drawn over the photo."""

import cv2
import numpy as np

from monitor.records import BoolArray, ByteArray, FloatArray

#: Okabe-Ito vermilion and sky blue: told apart by colour-blind people, and unlike any brick.
OUTLINE_RGB = (86, 180, 233)
RELEVANCE_RGB = (240, 228, 66)


def relevance_picture(relevance: FloatArray) -> ByteArray:
    """Positive relevance (rows, cols) as uint8 grey, its 99.5th percentile (of the explained part) white."""
    positive = np.maximum(relevance, 0)
    explained = positive[positive > 0]
    top = float(np.percentile(explained, 99.5)) if explained.size else 1.0
    return np.asarray(np.clip(np.round(positive / max(top, 1e-12) * 255), 0, 255), np.uint8)


def overlay(image: ByteArray, mask: BoolArray, relevance: FloatArray | None = None) -> ByteArray:
    """`image` uint8 (rows, cols, 3) with relevance glowing yellow and the mask outlined in blue, uint8."""
    painted: FloatArray = image.astype(np.float32)
    if relevance is not None:
        glow = cv2.GaussianBlur(relevance_picture(relevance), (0, 0), 2).astype(np.float32)[..., None] / 510
        painted = painted * (1 - glow) + np.array(RELEVANCE_RGB, np.float32) * glow
    drawn = np.ascontiguousarray(np.clip(painted, 0, 255).astype(np.uint8))
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, outlines, -1, OUTLINE_RGB, 1 + max(image.shape[:2]) // 1500)
    return drawn
