"""Post-processing of a thresholded relevance: closing, area opening, closing.

Section 2.3 of doi:10.1016/j.autcon.2024.105497.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from monitor.records import BoolArray, ByteArray


@dataclass(frozen=True)
class Postprocessing:
    """Options of `postprocess`: sides of the elliptic footprints and the smallest component that stays.

    A side of 5 is the paper's "radius" 5: its code builds footprints of that side.
    """

    first_closing_px: int = 5
    min_area_px: int = 50
    second_closing_px: int = 25


def postprocess(mask: BoolArray, options: Postprocessing | None = None) -> BoolArray:
    """The bool mask (rows, cols) after closing, area opening and second closing."""
    return deque(stages(mask, options), maxlen=1)[0][1]


def stages(mask: BoolArray, options: Postprocessing | None = None) -> Iterator[tuple[str, BoolArray]]:
    """Every step of `postprocess` by name, the untouched mask first (figure 2 of the paper)."""
    options = options or Postprocessing()
    yield "thresholded", mask
    mask = closing(mask, options.first_closing_px)
    yield "first_closing", mask
    mask = area_opening(mask, options.min_area_px)
    yield "area_opening", mask
    yield "second_closing", closing(mask, options.second_closing_px)


def closing(mask: BoolArray, side_px: int) -> BoolArray:
    """Closing with an elliptic footprint of odd side `side_px`; 1 changes nothing.

    The mask is taken as empty outside the image, so that no bridge is built towards the border. A closing never
    leaves the box around what it closes, so nothing else is looked at.
    """
    box, closed = box_around(mask), np.zeros_like(mask)
    footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px))
    inside = mask[box].view(np.uint8)
    padded: ByteArray = np.zeros((inside.shape[0] + 2 * side_px, inside.shape[1] + 2 * side_px), np.uint8)
    padded[side_px:-side_px, side_px:-side_px] = inside
    whole = cv2.erode(cv2.dilate(padded, footprint), footprint)
    closed[box] = whole[side_px:-side_px, side_px:-side_px].view(bool)
    return closed


def box_around(mask: BoolArray) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that hold a pixel of the mask; empty slices without any."""
    col, row, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return slice(row, row + height), slice(col, col + width)


def area_opening(mask: BoolArray, min_area_px: int) -> BoolArray:
    """The mask without its 8-connected components of fewer than `min_area_px` pixels."""
    box, opened = box_around(mask), np.zeros_like(mask)
    inside = np.ascontiguousarray(mask[box])
    if inside.size == 0:
        return opened
    _, label, stats, _ = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=8)
    stays = stats[:, cv2.CC_STAT_AREA] >= min_area_px
    stays[0] = False
    opened[box] = inside if stays[1:].all() else stays[label]
    return opened


def hysteresis(weak: BoolArray, strong: BoolArray) -> BoolArray:
    """8-connected components of `weak` that hold a pixel of `strong`."""
    count, label = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    stays = np.bincount(label[strong & weak], minlength=count) > 0
    stays[0] = False
    return np.asarray(stays[label])


def grow(mask: BoolArray, radius_px: int) -> BoolArray:
    """Dilation by a square, which OpenCV does in the same time for any radius."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius_px + 1,) * 2, np.uint8)) > 0)
