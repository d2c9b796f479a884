"""Printed ArUco and AprilTag 36h11 markers in a photo: where they are, to some hundredths of a pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.photometry import grey
from monitor.records import ByteArray

Numbers = NDArray[np.float64]

_DICTIONARIES = (
    cv2.aruco.DICT_APRILTAG_36h11,
    cv2.aruco.DICT_4X4_50,
    cv2.aruco.DICT_5X5_250,
    cv2.aruco.DICT_6X6_250,
    cv2.aruco.DICT_7X7_250,
    cv2.aruco.DICT_ARUCO_ORIGINAL,
)
#: How far on either side of a side its edge is looked for, and in which steps, in px.
_REACH_PX = 4.0
_STEP_PX = 0.25
#: Near the corners blur rounds the edge off: the middle share of a side is used.
_USED_SHARE = 0.8
_BLUR_PX = 0.7
#: Slopes below this share of the edge's steepest are noise.
_FLAT_SHARE = 0.3


def find_markers(image: ByteArray) -> list[Numbers]:
    """Corners (4, 2) as (col, row), clockwise, of the black square of every sharp marker.

    `image` is uint8 (rows, cols[, 3]).
    """
    brightness = grey(image)
    detected = _distinct(_detected(brightness))
    refined = [_refined(brightness, corners) for corners in detected]
    # A corner that lies further off was not seen as one.
    return [new for old, new in zip(detected, refined, strict=True) if np.abs(new - old).max() < _REACH_PX]


def _detected(brightness: ByteArray) -> list[Numbers]:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.errorCorrectionRate = 0.0  # a wall is full of squares: only an exact code is a marker
    found: list[Numbers] = []
    for name in _DICTIONARIES:
        detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(name), parameters)
        found.extend(corners.reshape(4, 2).astype(np.float64) for corners in detector.detectMarkers(brightness)[0])
    return found


def _distinct(found: list[Numbers]) -> list[Numbers]:
    """One entry per place: dictionaries share codes, so the same square may answer to two of them."""
    kept: list[Numbers] = []
    for corners in found:
        centre, side_px = corners.mean(axis=0), np.linalg.norm(corners[1] - corners[0])
        if all(np.linalg.norm(other.mean(axis=0) - centre) > side_px / 2 for other in kept):
            kept.append(corners)
    return kept


def _refined(brightness: ByteArray, corners: Numbers) -> Numbers:
    """Where lines along the four sides cross: blur rounds a corner off by some tenths of a px, but moves no edge."""
    margin = int(_REACH_PX) + 4
    first = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    last = np.ceil(corners.max(axis=0)).astype(int) + margin + 1
    part = brightness[first[1] : last[1], first[0] : last[0]].astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(part, (0, 0), _BLUR_PX), dtype=np.float32)
    inside = corners - first
    sides = [_side(smooth, inside[k], inside[(k + 1) % 4]) for k in range(4)]
    crossings = np.array([np.cross(sides[k - 1], sides[k]) for k in range(4)])
    return np.asarray(first + crossings[:, :2] / crossings[:, 2:], dtype=np.float64)


def _side(smooth: NDArray[np.float32], start: Numbers, end: Numbers) -> Numbers:
    """The line (3,), homogeneous, along the steepest rise from dark to bright across the side from start to end."""
    length_px = float(np.linalg.norm(end - start))
    outwards = np.array([end[1] - start[1], start[0] - end[0]]) / length_px
    along = np.linspace(0.5 - _USED_SHARE / 2, 0.5 + _USED_SHARE / 2, max(int(_USED_SHARE * length_px), 8))
    across = np.arange(-_REACH_PX, _REACH_PX + _STEP_PX / 2, _STEP_PX)
    feet = start + along[:, None] * (end - start)
    points = (feet[:, None] + across[:, None] * outwards).astype(np.float32)
    profiles = cv2.remap(smooth, points[..., 0], points[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    rise = np.maximum(np.diff(np.asarray(profiles, dtype=np.float64), axis=1), 0.0)
    rise = np.maximum(rise - _FLAT_SHARE * rise.max(axis=1, keepdims=True), 0.0)
    # Without any rise the edge stays where it was detected.
    offset = rise @ (across[1:] - _STEP_PX / 2) / np.maximum(rise.sum(axis=1), np.finfo(float).tiny)
    edge = (feet + offset[:, None] * outwards).astype(np.float32)
    col, row, x, y = cv2.fitLine(edge, cv2.DIST_HUBER, 0, 0.001, 0.001).ravel().astype(np.float64)
    return np.array([row, -col, col * y - row * x])
