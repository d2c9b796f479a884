"""Millimetres per pixel, each with its standard error and where it came from."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from monitor.records import ByteArray, FloatArray, Scale, ScaleOrigin

#: Relative standard error of a typed scale whose author gave none: a tape read once.
TYPED_RELATIVE_ERROR = 0.02
#: Standard error of one marker corner along one axis after sub-pixel refinement.
CORNER_ERROR_PX = 0.3
#: Longest over shortest direction of the marker's square: from where on it counts as seen at an angle ...
TILT_NOTICED = 1.03
#: ... and from where on it gives no scale (1.10 is 25 degrees).
TILT_REFUSED = 1.10
_SMALLEST_SIDE_PX = 20.0
_DICTIONARIES = (
    cv2.aruco.DICT_APRILTAG_36h11,
    cv2.aruco.DICT_4X4_50,
    cv2.aruco.DICT_5X5_250,
    cv2.aruco.DICT_6X6_250,
    cv2.aruco.DICT_7X7_250,
    cv2.aruco.DICT_ARUCO_ORIGINAL,
)


@dataclass(frozen=True)
class MarkerScale:
    """Outcome of looking for a marker: a scale, or the reason why there is none."""

    scale: Scale | None
    reason: str | None


def scale_typed(mm_per_px: float, standard_error: float | None = None) -> Scale:
    """A scale that a person states, in mm per pixel; without a standard error 2 % of it is assumed.

    Raises `MisuseError` unless the scale is positive and the error not negative.
    """
    error = TYPED_RELATIVE_ERROR * mm_per_px if standard_error is None else standard_error
    if not (0 < mm_per_px < math.inf and 0 <= error < math.inf):
        raise MisuseError(f"A scale of {mm_per_px} ± {error} mm per pixel makes no sense: give positive numbers.")
    return Scale(mm_per_px, error, ScaleOrigin.TYPED)


def scale_from_points(
    first: tuple[float, float], second: tuple[float, float], distance_mm: float, click_error_px: float = 1.0
) -> Scale:
    """The scale from two (row, col) points a known `distance_mm` apart.

    `click_error_px` is the standard error of either click along the line between them. Raises
    `MisuseError` when the points are closer than ten click errors or the distance is not positive.
    """
    distance_px = math.dist(first, second)
    if not 0 < distance_mm < math.inf:
        raise MisuseError(f"A distance of {distance_mm} mm makes no sense: give the distance on the wall.")
    if not distance_px > 10 * click_error_px:
        raise MisuseError(
            f"The two points are only {distance_px:.1f} px apart, too close for clicks that are off by "
            f"{click_error_px:g} px. Choose points further apart."
        )
    mm_per_px = distance_mm / distance_px
    error = mm_per_px * math.sqrt(2) * click_error_px / distance_px
    return Scale(mm_per_px, error, ScaleOrigin.TWO_POINTS)


def scale_from_marker(image: ByteArray, side_mm: float) -> MarkerScale:
    """The scale from one ArUco or AprilTag 36h11 marker in `image` uint8 (rows, cols[, 3]).

    `side_mm` is the outer side of the marker's black square. mm per pixel is the side over the mean of the
    four sides in pixels; its standard error joins the scatter of the sides with the error of the corners.
    A marker more than 3 % longer one way than the other is seen at an angle: half of that excess
    is added to the error. None, several, a tiny one, or one beyond 10 %, give a reason instead of a scale.
    """
    if not 0 < side_mm < math.inf:
        raise MisuseError(f"A marker side of {side_mm} mm makes no sense: measure its black square.")
    found = _distinct(_marker_corners(image))
    if len(found) != 1:
        how_many = "No marker was" if not found else f"{len(found)} markers were"
        return MarkerScale(None, f"{how_many} found. Leave exactly one flat, sharp and wholly in the picture.")
    corners = found[0]
    sides_px = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    mean_px = float(sides_px.mean())
    if mean_px < _SMALLEST_SIDE_PX:
        return MarkerScale(None, f"The marker is only {mean_px:.0f} px wide. Go closer or print it larger.")
    tilt = _tilt(corners, sides_px)
    if tilt > TILT_REFUSED:
        return MarkerScale(
            None,
            f"The marker is {100 * (tilt - 1):.0f} % longer one way than the other, so it was seen at an "
            "angle. Photograph it straight on.",
        )
    relative_error = math.hypot(
        float(sides_px.std(ddof=1)) / 2 / mean_px,
        CORNER_ERROR_PX / math.sqrt(2) / mean_px,  # every corner moves two of the four sides, at right angles
        (tilt - 1) / 2 if tilt > TILT_NOTICED else 0.0,
    )
    mm_per_px = side_mm / mean_px
    return MarkerScale(Scale(mm_per_px, mm_per_px * relative_error, ScaleOrigin.MARKER), None)


def _marker_corners(image: ByteArray) -> list[FloatArray]:
    """Corners (4, 2) as (col, row), in order around the square, of every marker of any known dictionary."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.errorCorrectionRate = 0.0  # a wall is full of squares: only an exact code is a marker
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found: list[FloatArray] = []
    for name in _DICTIONARIES:
        detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(name), parameters)
        found.extend(corners.reshape(4, 2).astype(np.float64) for corners in detector.detectMarkers(grey)[0])
    return found


def _distinct(found: list[FloatArray]) -> list[FloatArray]:
    """One entry per place: dictionaries share codes, so the same square may answer to two of them."""
    kept: list[FloatArray] = []
    for corners in found:
        centre, side_px = corners.mean(axis=0), np.linalg.norm(corners[1] - corners[0])
        if all(np.linalg.norm(other.mean(axis=0) - centre) > side_px / 2 for other in kept):
            kept.append(corners)
    return kept


def _tilt(corners: FloatArray, sides_px: NDArray[np.float64]) -> float:
    """How much longer one way than the other, at least 1: of the sides, and of the square in any direction."""
    across = (corners[1] + corners[2] - corners[0] - corners[3]) / 2
    down = (corners[2] + corners[3] - corners[0] - corners[1]) / 2
    longest, shortest = np.linalg.svd(np.stack([across, down]), compute_uv=False)
    return max(float(longest / shortest), float(sides_px.max() / sides_px.min()))
