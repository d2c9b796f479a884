"""Size of the cracks in one mask: count, area, maximum width, length; and the only place where px become mm."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from monitor.records import BoolArray, Scale, Severity
from monitor.severity import width
from monitor.severity.skeleton import Centrelines, centreline

#: Smaller 8-connected components are specks: no crack, and neither area, width nor length.
MIN_COMPONENT_PX = 50


@dataclass(frozen=True)
class Measured:
    """The `severity` of a mask, and the `centrelines` that it was measured along."""

    severity: Severity
    centrelines: Centrelines


def measure(mask: BoolArray, width_method: str = "edge", rng: Generator | None = None) -> Severity:
    """Severity in pixels of a bool mask (rows, cols); zeros where no component has 50 px or more.

    Every figure is taken from the components that count. `width_method` is a key of `WIDTH_METHODS`
    (raises `UnknownNameError`); only `published` needs `rng`.
    """
    return measure_along(mask, width_method, rng).severity


def measure_along(mask: BoolArray, width_method: str = "edge", rng: Generator | None = None) -> Measured:
    """The same, with the centrelines in the frame of the mask."""
    method = width.width_method(width_method)
    crack_count, cracks, corner = _components_that_count(mask)
    if crack_count == 0:
        return Measured(Severity(crack_count=0, area_px=0.0, max_width_px=0.0, length_px=0.0), Centrelines(()))
    centrelines = centreline(cracks)
    severity = Severity(
        crack_count=crack_count,
        area_px=float(np.count_nonzero(cracks)),
        max_width_px=method(cracks, centrelines, rng),
        length_px=centrelines.length_px,
    )
    return Measured(severity, centrelines.moved(corner))


def with_scale(severity: Severity, scale: Scale | None) -> Severity:
    """The same severity with its millimetre twins filled in; without a scale they are None."""
    if scale is None:
        return replace(severity, area_mm2=None, max_width_mm=None, length_mm=None)
    return replace(
        severity,
        area_mm2=severity.area_px * scale.mm_per_px**2,
        max_width_mm=severity.max_width_px * scale.mm_per_px,
        length_mm=severity.length_px * scale.mm_per_px,
    )


def _components_that_count(mask: BoolArray) -> tuple[int, BoolArray, tuple[int, int]]:
    """How many 8-connected components are large enough, and the mask of those alone, cut to the box around the mask
    and as much beside it as any method looks at, and where that begins (row, col).
    """
    col, row, across, down = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    first_row, first_col = max(row - width.WINDOW_PX, 0), max(col - width.WINDOW_PX, 0)
    box = slice(first_row, row + down + width.WINDOW_PX), slice(first_col, col + across + width.WINDOW_PX)
    inside = np.ascontiguousarray(mask[box])
    if across == 0:
        return 0, inside, (first_row, first_col)
    _, label, stats, _ = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= MIN_COMPONENT_PX
    large[0] = False
    return int(large.sum()), inside if large[1:].all() else large[label], (first_row, first_col)
