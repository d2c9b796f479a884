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

from monitor.opening.looks import Arrays
from monitor.opening.stations import Stations
from monitor.records import FloatArray

Floats = NDArray[np.float64]

#: Squares of this half side are followed, at every so manieth station.
_HALF_PX = 12
_EVERY = 4
#: Squares keep this far off the lip.
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
#: What lies further off than this has no share in a blurred pixel.
_BLURRED_PX = 4
#: Refining may lead so far beyond where the square was found: a pixel a round and one more.
_REFINED_PX = _ROUNDS + 1


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


@dataclass(frozen=True)
class Squares:
    """Pairs of squares on either side of a crack, at every fourth of its stations: `half_width_px` (k,) is that of the
    crack there, from which they keep off; `moved` (k, 3) are opening, shear and standard error of `LipMovement`, NaN
    where they were not found again.
    """

    half_width_px: Floats
    moved: Floats

    def arrays(self) -> Arrays:
        """They, to keep."""
        return {"squares": np.column_stack([self.half_width_px, self.moved])}

    @classmethod
    def of(cls, arrays: Arrays) -> "Squares":
        """Those that were kept."""
        return cls(arrays["squares"][:, 0], arrays["squares"][:, 1:])

    def movement(self) -> LipMovement:
        """What those say that moved like their neighbours."""
        found = np.isfinite(self.moved[:, 0])
        table = _alike(np.column_stack([followed_stations(_EVERY * len(found))[found], self.moved[found]]))
        return LipMovement(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


class SmoothView:
    """A picture, float32 grey (rows, cols), as lips are compared in it: in the reference's frame, which is `shape`
    large, and without its finest noise; made only around the places that are asked for.

    `to_reference` (3, 3) maps the picture's (column, row, 1) to the reference; None for the reference itself.
    """

    def __init__(self, picture: FloatArray, shape: tuple[int, ...], to_reference: Floats | None = None) -> None:
        self._picture, self._shape, self._to_reference = picture, shape, to_reference

    def around(self, row: int, col: int, half: int, beyond: int = 0) -> tuple[FloatArray, int, int] | None:
        """The square of that half side around a pixel, and so much more beside it as the frame has: float32, with the
        first row and column of the frame that it shows. None where the square itself is not all in the frame.
        """
        if min(row, col) < half or row + half >= self._shape[0] or col + half >= self._shape[1]:
            return None
        rows, cols = (self._within(place, half + beyond, axis) for axis, place in enumerate((row, col)))
        wide_rows, wide_cols = (
            self._within(place, half + beyond + _BLURRED_PX, axis) for axis, place in enumerate((row, col))
        )
        smooth = cv2.GaussianBlur(self._seen(wide_rows, wide_cols), (0, 0), _BLUR_PX)
        first_row, first_col = rows.start - wide_rows.start, cols.start - wide_cols.start
        inner = smooth[first_row : first_row + rows.stop - rows.start, first_col : first_col + cols.stop - cols.start]
        return np.asarray(inner, np.float32), rows.start, cols.start

    def _within(self, place: int, half: int, axis: int) -> slice:
        return slice(max(place - half, 0), min(place + half + 1, self._shape[axis]))

    def _seen(self, rows: slice, cols: slice) -> FloatArray:
        if self._to_reference is None:
            return self._picture[rows, cols]
        shift = np.array([[1, 0, -cols.start], [0, 1, -rows.start], [0, 0, 1]], np.float64)
        size = cols.stop - cols.start, rows.stop - rows.start
        seen = cv2.warpPerspective(self._picture, shift @ self._to_reference, size, flags=cv2.INTER_CUBIC)
        return np.asarray(seen, np.float32)


def followed_stations(count: int) -> NDArray[np.int64]:
    """Which of so many stations have squares."""
    return np.arange(_EVERY // 2, count, _EVERY)


def follow_lips(
    first: SmoothView, second: SmoothView, stations: Stations, half_width_px: Floats, before: Squares | None = None
) -> Squares:
    """Follow both lips from the reference to a capture.

    `half_width_px` (n,) is that of the crack at each station, in the reference and until the capture (0 where there
    was none). What was found `before` at the same stations, or at the first of them, is taken from there wherever the
    crack was as wide.
    """
    chosen = followed_stations(len(stations))
    half = half_width_px[chosen]
    known, moved = np.zeros(len(half), bool), np.full((len(half), 3), np.nan)
    if before is not None:
        there = len(before.half_width_px)
        known[:there] = before.half_width_px == half[:there]
        moved[:there] = before.moved
    for place in np.flatnonzero(~known):
        moved[place] = _parted(first, second, stations, chosen[place], float(half[place]))
    return Squares(half, moved)


def _parted(
    first: SmoothView, second: SmoothView, stations: Stations, index: int, half_width_px: float
) -> tuple[float, float, float]:
    """Opening, shear and standard error at one station."""
    normal = stations.normals[index]
    away = half_width_px + _OFF_LIP_PX + _HALF_PX * float(np.abs(normal).sum())
    sides = [_moved(first, second, stations.points[index] + sign * away * normal) for sign in (-1, 1)]
    if sides[0] is None or sides[1] is None:
        return np.nan, np.nan, np.nan
    (low, low_variance), (high, high_variance) = sides[0], sides[1]
    moved = high - low
    tangent = normal[::-1] * (-1, 1)
    return float(moved @ normal), float(moved @ tangent), float(np.sqrt(low_variance + high_variance))


def _alike(table: Floats) -> Floats:
    """Rows whose opening and shear (columns 1 and 2) are like those around them."""
    if len(table) < _NEIGHBOURS:
        return table
    usual = median_filter(table[:, 1:3], size=(_NEIGHBOURS, 1), mode="nearest")
    return np.asarray(table[(np.abs(table[:, 1:3] - usual) <= _ALIKE_PX).all(axis=1)], np.float64)


def _moved(first: SmoothView, second: SmoothView, centre: Floats) -> tuple[Floats, float] | None:
    """Displacement (2,) as (row, col) of the square around `centre`, and its variance per axis; None if unknown."""
    row, col = (round(float(value)) for value in centre)
    shown = first.around(row, col, _HALF_PX)
    if shown is None or shown[0].std() < _LEAST_TEXTURE:
        return None
    square = shown[0]
    for search, least in _SEARCHES_PX:
        field = second.around(row, col, _HALF_PX + search, _REFINED_PX)
        if field is None:
            return None
        around, first_row, first_col = field
        searched = [place - _HALF_PX - search for place in (row - first_row, col - first_col)]
        inner = around[tuple(slice(start, start + 2 * (_HALF_PX + search) + 1) for start in searched)]
        surface = cv2.matchTemplate(inner, square, cv2.TM_CCOEFF_NORMED)
        peak = np.unravel_index(int(surface.argmax()), surface.shape)
        if surface[peak] >= least and 0 < peak[0] < 2 * search and 0 < peak[1] < 2 * search:
            start = np.array(peak, np.float64) - search
            return _refined(square, around, np.array([row - first_row, col - first_col], np.float64), start)
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
