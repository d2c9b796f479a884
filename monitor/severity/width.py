"""Maximum width of the cracks in a mask.

A width method takes `(mask, centrelines, rng)` and gives pixels; `centrelines` are those of `mask`.
"""

from collections.abc import Callable
from pkgutil import resolve_name

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import BoolArray, ByteArray
from monitor.severity.skeleton import Branch, Centrelines, Floats, arc_px, median

WidthMethod = Callable[[BoolArray, Centrelines, Generator | None], float]

WIDTH_METHODS: dict[str, str] = {
    "edge": "monitor.severity.width:edge_width_px",
    "published": "monitor.severity.width:published_width_px",
}

#: Stations along a branch and samples across it; finer than a pixel, so that no grid direction is favoured.
_STATION_PX = 0.5
_SAMPLE_PX = 0.25
#: How far beyond its nearest rim a crack may reach at a station and still be the same crack.
_RIM_MARGIN_PX = 2.0
#: Where branches meet, the crack has no width of its own: stations keep this many half widths of the junction
#: and some pixels away from it.
_CLEARANCE_HALF_WIDTHS = 1.25
_CLEARANCE_PX = 3.0
#: A width is the mean over a stretch of crack about as long as the crack is wide, within these limits: single
#: ragged pixels do not make a maximum, and a long stretch would flatten it.
_STRETCH_PER_WIDTH = 0.75
_STRETCH_LIMITS_PX = (5.0, 15.0)
#: A rim along the pixel rows only tells that it lies between two rows. A crack contains its rim, so the
#: width leans towards the inner row: by this much, less when the rim crosses rows within a stretch.
_LEAN_PX = 0.4

#: Stations sampled at once: OpenCV takes 32766 rows at most, and memory stays small.
_BLOCK_ROWS = 8192

#: The published method: side of its window (no method looks further beside a crack), and skeleton pixels per point.
WINDOW_PX = 40
_PIXELS_PER_POINT = 20
_KMEANS_ROUNDS = 10


def width_method(name: str) -> WidthMethod:
    """The width method called `name`; raises `UnknownNameError` listing the known ones."""
    if name not in WIDTH_METHODS:
        raise UnknownNameError("width method", name, WIDTH_METHODS)
    method: WidthMethod = resolve_name(WIDTH_METHODS[name])
    return method


def edge_width_px(mask: BoolArray, centrelines: Centrelines, rng: Generator | None = None) -> float:
    """Largest width in pixels of a bool mask (rows, cols), measured across its centrelines; 0 without any.

    Deterministic (`rng` is not used). At every station the crack is measured along the normal, from rim to
    rim at sub-pixel precision; the width is averaged over a stretch of 5 to 15 px and the largest average counts.
    Stations inside junctions are left out; where that leaves none, twice the median half width is the answer.
    A drawn bar (pixel centres within w/2 of its axis) of 1 to 40 px gives w within 0.7 px.
    """
    if not centrelines.branches:
        return 0.0
    filled = mask.view(np.uint8) * np.uint8(255)
    clear = filter(None, map(_clear_of_junctions, centrelines.branches))
    widths = [_widest_stretch_px(filled, *stations) for stations in clear]
    return max(widths) if widths else _inscribed_width_px(centrelines)


def _inscribed_width_px(centrelines: Centrelines) -> float:
    return 2 * float(np.median(np.concatenate([branch.half_width_px for branch in centrelines.branches])))


def _clear_of_junctions(branch: Branch) -> tuple[Floats, Floats] | None:
    """Evenly spaced stations (n, 2) outside junctions and their half widths (n,); None if too few are left."""
    arc = arc_px(branch.points)
    meets = np.array([branch.junction_at_start, branch.junction_at_end])
    clearance_px = meets * (_CLEARANCE_HALF_WIDTHS * branch.half_width_px[[0, -1]] + _CLEARANCE_PX)
    at = np.arange(clearance_px[0], arc[-1] - clearance_px[1], _STATION_PX)
    if len(at) * _STATION_PX < (_STRETCH_LIMITS_PX[1] if meets.any() else 2 * _STATION_PX):
        return None
    stations = np.stack([np.interp(at, arc, axis) for axis in branch.points.T], axis=1)
    return stations, np.interp(at, arc, branch.half_width_px)


def _widest_stretch_px(filled: ByteArray, stations: Floats, half_width_px: Floats) -> float:
    across_px = _profile_widths_px(filled, stations, half_width_px)
    least_px, most_px = _STRETCH_LIMITS_PX
    stretch_px = min(max(2 * _STRETCH_PER_WIDTH * median(half_width_px), least_px), most_px)
    count = min(len(stations), round(stretch_px / _STATION_PX))
    mean_px = np.convolve(across_px, np.full(count, 1 / count), "valid")
    rise_px = np.minimum(*np.abs(stations[count - 1 :] - stations[: len(mean_px)]).T)
    return float((mean_px - _LEAN_PX * np.clip(2 - rise_px, 0, 1)).max())


def _profile_widths_px(filled: ByteArray, stations: Floats, half_width_px: Floats) -> Floats:
    """Length of mask on the normal through each station."""
    along = _differences(stations)
    normals = along[:, ::-1] * (1, -1) / np.hypot(*along.T)[:, None]
    reach_px = half_width_px + _RIM_MARGIN_PX
    offsets = np.arange(-reach_px.max(), reach_px.max() + _SAMPLE_PX, _SAMPLE_PX).astype(np.float32)
    parts = []
    for first in range(0, len(stations), _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        parts.append(_block_widths_px(filled, stations[block], normals[block], reach_px[block], offsets))
    return np.concatenate(parts)


def _differences(points: Floats) -> Floats:
    """NumPy's gradient along the first axis, in a fourth of its time."""
    found = np.empty_like(points)
    found[1:-1] = (points[2:] - points[:-2]) / 2
    found[[0, -1]] = points[[1, -1]] - points[[0, -2]]
    return found


def _block_widths_px(
    filled: ByteArray, stations: Floats, normals: Floats, reach_px: Floats, offsets: NDArray[np.float32]
) -> Floats:
    """In single precision, which is a thousandth of a pixel and half the time."""
    rows, cols, down, across, reach = (
        part.astype(np.float32)[:, None] for part in (*stations.T, *normals.T, reach_px + 0.5)
    )
    inside = cv2.remap(filled, cols + offsets * across, rows + offsets * down, cv2.INTER_LINEAR).astype(np.float32)
    near = np.clip(reach - np.abs(offsets), np.float32(0), np.float32(1))
    return np.asarray(np.einsum("ij,ij->i", inside, near), np.float64) * (_SAMPLE_PX / 255)


def published_width_px(mask: BoolArray, centrelines: Centrelines, rng: Generator | None = None) -> float:
    """Largest width in pixels in the way of the seed paper's code; kept to compare with its tables.

    Per component, k-means points along the skeleton; at each, the mask is measured along the minor axis of what lies
    in a 40 x 40 px window. Saturates near 41 px and depends on `rng` (`centrelines` are not used). Unlike that code
    it takes a point for every 20 px of skeleton instead of searching for their number, and the axis from the mask's
    second moments instead of an ellipse through the corners of its outline, which a straight bar has too few of.
    Raises `MisuseError` without an `rng`.
    """
    if rng is None:
        raise MisuseError("The width method 'published' places its points at random: give it an rng.")
    count, label = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    course = np.argwhere(skeletonize(mask, method="lee"))  # type: ignore[no-untyped-call]
    owner = label[tuple(course.T)]
    widths = [0.0]
    for component in range(1, count):
        for point in _kmeans_points(course[owner == component].astype(np.float64), rng):
            widths.append(_window_width_px(label == component, point))
    return max(widths)


def _kmeans_points(course: Floats, rng: Generator) -> Floats:
    """Centres (k, 2) of skeleton pixels (n, 2), one for about every 20 pixels."""
    if len(course) == 0:
        return course
    centres = rng.choice(course, max(1, len(course) // _PIXELS_PER_POINT), replace=False)
    for _ in range(_KMEANS_ROUNDS):
        nearest = KDTree(centres).query(course)[1]
        sizes = np.bincount(nearest, minlength=len(centres))
        sums = np.stack([np.bincount(nearest, axis, len(centres)) for axis in course.T], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return np.asarray(course[KDTree(course).query(centres)[1]])


def _window_width_px(component: BoolArray, point: Floats) -> float:
    """Unbroken length of mask through `point` along the minor axis of the mask's second moments."""
    top, left = np.maximum(np.rint(point).astype(int) - WINDOW_PX // 2, 0)
    window = component[top : top + WINDOW_PX, left : left + WINDOW_PX]
    inside = np.argwhere(window)
    normal = np.linalg.eigh(np.cov(inside.T) if len(inside) > 1 else np.eye(2))[1][:, 0]
    reach_px = np.arange(0, WINDOW_PX / 2 + _SAMPLE_PX, _SAMPLE_PX)
    sides = [np.rint(point - (top, left) + sign * reach_px[:, None] * normal).astype(int) for sign in (-1, 1)]
    padded = np.pad(window, WINDOW_PX)
    lengths = [np.argmin(np.append(padded[tuple((side + WINDOW_PX).T)], False)) for side in sides]
    return float(sum(lengths) - 1) * _SAMPLE_PX
