"""What one registered capture shows of the reference's frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.sparse_masks import SparseMask
from monitor.records import BoolArray

#: A place is known to so much of a pixel: the border's own pixels are shown.
_EDGE_PX = 0.01


@dataclass(frozen=True)
class Sighting:
    """One registered capture: its `key`, its crack `mask` in the reference's frame, its own `shape` (rows, cols), and
    `to_reference` (3, 3), which maps its (column, row, 1) to the reference.
    """

    key: int
    mask: SparseMask
    shape: tuple[int, int]
    to_reference: NDArray[np.float64]

    def seen(self, pixels: NDArray[np.int64]) -> BoolArray:
        """Which pixels (n, 2) of the reference's frame, (row, col), the capture shows: bool (n,)."""
        if not len(pixels):
            return np.zeros(0, bool)
        own = cv2.perspectiveTransform(pixels[None, :, ::-1].astype(np.float64), np.linalg.inv(self.to_reference))[0]
        inside = (own > -_EDGE_PX) & (own < np.array(self.shape[::-1]) - 1 + _EDGE_PX)
        return np.asarray(inside.all(axis=1))
