"""The two lips of a crack followed by the wall's own texture: how far they moved apart, and past each other.

Independent of how dark the gap is: small squares of the reference on either side of the crack are found again in
the capture, coarsely by correlation, then by least squares (Lucas and Kanade 1981). What both sides have in
common is registration error and cancels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from monitor.opening.stations import Stations
from monitor.records import FloatArray

Floats = NDArray[np.float64]

#: Squares of this half side are followed, at every so manieth station.
_HALF_PX = 12
_EVERY = 4
#: Squares keep this far off the lip as the reference shows it.
_OFF_LIP_PX = 3.0
#: Searched first this far, then, where nothing like the square was found, further; and the correlation from where on
#: it counts as found: in a larger field something alike lies by chance.
_SEARCHES_PX = ((6, 0.6), (16, 0.7), (48, 0.8))
#: Neighbours move alike: one that differs from the median of those around by more than this is a wrong match.
_ALIKE_PX = 3.0
_NEIGHBOURS = 5
_LEAST_TEXTURE = 0.5
_ROUNDS = 6
_BLUR_PX = 1.0


@dataclass(frozen=True)
class LipMovement:
    """Movement of the second lip against the first since the reference, at some stations of a crack.

    `station` int (k,) indexes `Stations`; `opening_px` (k,) along the normal, `shear_px` (k,) along the course,
    `standard_error_px` (k,) of either. Empty where the wall has no texture to follow.
    """

    station: NDArray[np.int64]
    opening_px: Floats
    shear_px: Floats
    standard_error_px: Floats


def smoothed(picture: FloatArray) -> FloatArray:
    """A picture, float32 grey (rows, cols), as `follow_lips` compares it: without its finest noise."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _BLUR_PX), np.float32)


def follow_lips(first: FloatArray, second: FloatArray, stations: Stations, half_width_px: Floats) -> LipMovement:
    """Follow both lips from the reference to a capture in its frame, both `smoothed`.

    `half_width_px` (n,) of the crack at each station, as the reference shows it (0 where there was none).
    """
    rows = []
    for index in range(_EVERY // 2, len(stations), _EVERY):
        normal = stations.normals[index]
        away = half_width_px[index] + _OFF_LIP_PX + _HALF_PX * float(np.abs(normal).sum())
        sides = [_moved(first, second, stations.points[index] + sign * away * normal) for sign in (-1, 1)]
        if sides[0] is None or sides[1] is None:
            continue
        (low, low_variance), (high, high_variance) = sides[0], sides[1]
        moved = high - low
        tangent = normal[::-1] * (-1, 1)
        rows.append((index, moved @ normal, moved @ tangent, np.sqrt(low_variance + high_variance)))
    table = _alike(np.array(rows, np.float64).reshape(-1, 4))
    return LipMovement(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


def _alike(table: Floats) -> Floats:
    """Rows whose opening and shear (columns 1 and 2) are like those around them."""
    if len(table) < _NEIGHBOURS:
        return table
    usual = median_filter(table[:, 1:3], size=(_NEIGHBOURS, 1), mode="nearest")
    return np.asarray(table[(np.abs(table[:, 1:3] - usual) <= _ALIKE_PX).all(axis=1)], np.float64)


def _moved(first: FloatArray, second: FloatArray, centre: Floats) -> tuple[Floats, float] | None:
    """Displacement (2,) as (row, col) of the square around `centre`, and its variance per axis; None if unknown."""
    row, col = (round(float(value)) for value in centre)
    square = _cut(first, row, col, _HALF_PX)
    if square is None or square.std() < _LEAST_TEXTURE:
        return None
    for search, least in _SEARCHES_PX:
        around = _cut(second, row, col, _HALF_PX + search)
        if around is None:
            return None
        surface = cv2.matchTemplate(around, square, cv2.TM_CCOEFF_NORMED)
        peak = np.unravel_index(int(surface.argmax()), surface.shape)
        if surface[peak] >= least and 0 < peak[0] < 2 * search and 0 < peak[1] < 2 * search:
            start = np.array(peak, np.float64) - search
            return _refined(square, second, np.array([row, col], np.float64), start)
    return None


def _refined(square: FloatArray, second: FloatArray, centre: Floats, start: Floats) -> tuple[Floats, float] | None:
    side = len(square)
    slopes = np.stack([np.gradient(square, axis=0), np.gradient(square, axis=1), square, np.ones_like(square)], -1)
    design = slopes.reshape(-1, 4).astype(np.float64)
    design[:, 2] -= design[:, 2].mean()
    inverse = np.linalg.pinv(design.T @ design)
    move = start
    for _ in range(_ROUNDS):
        place = centre + move
        pixels = cv2.getRectSubPix(second, (side, side), (float(place[1]), float(place[0])))
        solution = inverse @ (design.T @ pixels.ravel().astype(np.float64))
        if solution[2] < 0.2:
            return None
        step = -solution[:2] / solution[2]
        # What is seen at `place` lies `step` further on.
        move = move + np.clip(step, -1, 1)
    if np.hypot(*(move - start)) > 3:
        return None
    left = pixels.ravel() - design @ solution
    noise = float(left @ left) / len(left) * 4 * np.pi * _BLUR_PX**2
    return move, noise * float(inverse[0, 0] + inverse[1, 1]) / 2 / float(solution[2]) ** 2


def _cut(picture: FloatArray, row: int, col: int, half: int) -> FloatArray | None:
    if row < half or col < half or row + half >= picture.shape[0] or col + half >= picture.shape[1]:
        return None
    return picture[row - half : row + half + 1, col - half : col + half + 1]
