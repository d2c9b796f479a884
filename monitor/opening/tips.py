"""How far a crack has run: the place of either tip along its course, capture by capture.

The course is one line from tip to tip, the same for all captures, through all stations that any of them gave. A tip
lies where the mask of a capture ends along that line.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform

from monitor.opening.tracks import BRIDGED_PX
from monitor.records import BoolArray

Floats = NDArray[np.float64]

#: Crack further off the line than this belongs to another branch.
_ON_LINE_PX = 12.0
#: Beyond its last station the line goes straight on for so long.
_BEYOND_PX = 80
#: A tip nearer than this (px) to what a photo does not show may as well lie beyond; and one nearer than that where the
#: crack is known to go on beyond: the border's patches are not looked at, so that masks end before it.
_MARGIN_PX, _UNLOOKED_PX = 12, 64
_CORNERS = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
#: A course is found among so many stations at most.
_MOST_STATIONS = 2000
#: The line's ends go the way that so many px of it go.
_END_PX = 40


@dataclass(frozen=True)
class Course:
    """A crack's `line`, float64 (n, 2) of (row, col) about 1 px apart in the reference's frame; the upper tip comes
    first, or the left one of a crack that lies rather than stands.
    """

    line: Floats

    @classmethod
    def through(cls, points: Floats) -> "Course":
        """Through stations (n >= 2, 2) in any order, and straight on beyond both ends."""
        line = main_course(points)
        return cls(np.concatenate([_straight_on(line[::-1])[::-1], line, _straight_on(line)]))

    def ends(self, masked: NDArray[np.int64], gaping: NDArray[np.int64]) -> tuple[int, int] | None:
        """Between which points of the line one capture shows the crack; None where it lies nowhere on the line.

        `masked` (m,) are the `places` of its mask's pixels, `gaping` (k,) those of the stations that gape in that
        capture: a mask misses a crack's thin end, and finds it once it has opened, which is no growth in length.
        """
        masked, beyond = masked[masked >= 0], np.sort(gaping[gaping >= 0])
        if len(masked) == 0:
            return None
        first, last = int(masked.min()), int(masked.max())
        for place in beyond[beyond > last]:
            last = int(place) if place - last <= BRIDGED_PX else last
        for place in beyond[beyond < first][::-1]:
            first = int(place) if first - place <= BRIDGED_PX else first
        return first, last

    def places(self, points: Floats | NDArray[np.int64]) -> NDArray[np.int64]:
        """The point of the line (n,) nearest to each of the points (n, 2); -1 for those that lie off it."""
        if len(points) == 0:
            return np.zeros(0, np.int64)
        distance, place = cKDTree(self.line).query(points, distance_upper_bound=_ON_LINE_PX)
        return np.where(np.isfinite(distance), place, -1).astype(np.int64)

    def shown(
        self,
        ends: tuple[int, int] | None,
        known: tuple[int, int],
        shape: tuple[int, int],
        seen: Callable[[NDArray[np.int64]], BoolArray],
    ) -> tuple[float | None, float | None]:
        """Where along the line (px) these ends lie; None for one that is not shown, or leaves the picture.

        `known` are the ends of the crack by all captures together, `shape` is that of the reference, and `seen` tells
        which of its pixels (n, 2) the capture shows.
        """
        if ends is None:
            return None, None
        first, last = (
            float(end) if self._shown(end, whole, shape, seen) else None for end, whole in zip(ends, known, strict=True)
        )
        return first, last

    def _shown(
        self, place: int, whole: int, shape: tuple[int, int], seen: Callable[[NDArray[np.int64]], BoolArray]
    ) -> bool:
        def around(point: Floats, margin_px: int) -> NDArray[np.int64]:
            return np.asarray(np.rint(point).astype(np.int64) + margin_px * _CORNERS)

        near = around(self.line[place], _MARGIN_PX)
        if (near < 0).any() or (near >= shape).any() or not seen(near).all():
            return False
        goes_on = not seen(around(self.line[whole], 0)).all()
        return not goes_on or bool(seen(around(self.line[place], _UNLOOKED_PX)).all())


def main_course(points: Floats) -> Floats:
    """The line (m, 2) through stations (n >= 2, 2) in any order, from one tip to the other, about 1 px from point to
    point, the upper or left tip first; side branches are left out.
    """
    kept = points[:: -(-len(points) // _MOST_STATIONS)]
    line = _resampled(kept[_longest_path(kept)])
    span = np.abs(line[-1] - line[0])
    axis = 0 if span[0] >= span[1] else 1
    return line if line[0, axis] <= line[-1, axis] else line[::-1]


def _longest_path(points: Floats) -> NDArray[np.int64]:
    """Indices of the points along the longest way through the tree of least total length that joins them."""
    tree = minimum_spanning_tree(squareform(pdist(points) + 1e-9))
    start = int(shortest_path(tree, directed=False, indices=0).argmax())
    distance, before = shortest_path(tree, directed=False, indices=start, return_predecessors=True)
    path = [int(distance.argmax())]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path)


def _resampled(points: Floats) -> Floats:
    along = np.insert(np.cumsum(np.hypot(*np.diff(points, axis=0).T)), 0, 0.0)
    at = np.arange(0.0, along[-1], 1.0)
    return np.stack([np.interp(at, along, axis) for axis in points.T], axis=1)


def _straight_on(line: Floats) -> Floats:
    """What follows the end of the line."""
    way = line[-1] - line[max(len(line) - 1 - _END_PX, 0)]
    step = way / max(float(np.hypot(*way)), 1e-9)
    return np.asarray(line[-1] + np.arange(1, _BEYOND_PX + 1)[:, None] * step)
