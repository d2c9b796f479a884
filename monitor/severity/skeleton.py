"""Centrelines of the cracks in a mask, and their length.

The mask is thinned to a one-pixel skeleton, the skeleton becomes a graph, spurs are cut from the graph, and
what remains between tips and junctions is smoothed to sub-pixel polylines that reach the crack's tips.
Work after thinning touches skeleton pixels only, so a long crack in a large photo stays cheap.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.morphology import skeletonize

from monitor.records import BoolArray, ByteArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.intp]

#: The eight neighbours as (row, col) steps, in reading order.
_AROUND = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])
#: A side branch shorter than this many half widths of its junction and some pixels is a bump of the rim.
_SPUR_HALF_WIDTHS = 2.0
_SPUR_PX = 2.0
#: A tip is where the bilinear mask falls below this; below one half, as thin slanting cracks have gaps.
_TIP_SHARE = 0.3
#: Into a right-angled corner a skeleton runs sqrt(2) px for each px of half width it loses; cracks taper more
#: slowly. That part of a course is replaced by a straight end.
_CORNER_STEEPNESS = 1.6
#: The degree of a vertex of a spur that was cut.
_TAKEN_OUT = -1
#: Smoothing along the course: enough to undo the staircase of pixels, more where the crack is wide.
_SMOOTHING_PX = 2.0
_SMOOTHING_HALF_WIDTHS = 0.25


@dataclass(frozen=True)
class Branch:
    """One stretch of centreline between tips and junctions.

    `points` float64 (n >= 2, 2): (row, col) about 1 px apart; a closed branch ends where it begins.
    `half_width_px` float64 (n,): distance from each point to the rim of the mask.
    `junction_at_start`, `junction_at_end`: whether other branches continue there.
    """

    points: Floats
    half_width_px: Floats
    junction_at_start: bool
    junction_at_end: bool


@dataclass
class Graph:
    """Vertices of a skeleton, numbered from 0, and how they touch.

    Most have two neighbours: of them only the sum is kept, which tells where a walk goes on from where it came from.
    `degree`: how many neighbours; `nearby`: the sum of their numbers; `lowest`: the first of them; `ends`: the
    neighbours of what was a tip or a junction at first.
    """

    degree: list[int]
    nearby: list[int]
    lowest: list[int]
    ends: dict[int, list[int]]

    def cut(self, spur: list[int], junction: int) -> None:
        """Takes the vertices of `spur`, the last of which touches `junction`, out."""
        for vertex in spur:
            self.degree[vertex] = _TAKEN_OUT
        self.degree[junction] -= 1
        self.nearby[junction] -= spur[-1]
        self.ends[junction].remove(spur[-1])


@dataclass(frozen=True)
class Centrelines:
    """All branches of all components of one mask; none when the mask is empty."""

    branches: tuple[Branch, ...]

    @property
    def length_px(self) -> float:
        """Length of all branches together."""
        return float(sum(_steps_px(branch.points).sum() for branch in self.branches))

    def moved(self, by: tuple[int, int]) -> "Centrelines":
        """The same elsewhere, by so many rows and columns."""
        return Centrelines(tuple(replace(branch, points=branch.points + by) for branch in self.branches))


def length_px(mask: BoolArray) -> float:
    """Total centreline length of a bool mask (rows, cols) from tip to tip; branches add up, empty gives 0.

    Side branches shorter than about the local width do not count. A round blob is as long as it is wide.
    """
    return centreline(mask).length_px


def distances_px(inside: ByteArray, rows: NDArray[np.integer], cols: NDArray[np.integer]) -> NDArray[np.float64]:
    """How far the pixels (n,) at `rows` and `cols` lie from the nearest one that is not `inside` (rows, cols).

    OpenCV's last digits change with where in memory it writes. A squared distance is a whole number, so rounding it
    gives the same answer every time.
    """
    found_px = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[rows, cols].astype(np.float64)
    return np.asarray(np.sqrt(np.rint(found_px * found_px)))


def centreline(mask: BoolArray) -> Centrelines:
    """Smoothed centrelines of a bool mask (rows, cols), broken at junctions and prolonged to the tips."""
    col, row, across, down = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    if across == 0:
        return Centrelines(())
    inside = np.zeros((down + 2, across + 2), np.uint8)
    inside[1:-1, 1:-1] = mask[row : row + down, col : col + across]
    positions, graph = _skeleton_graph(_thin(inside), across + 2)
    pixels = np.rint(positions).astype(np.intp)
    # The rim lies half-way between the last pixel centre inside and the first one outside.
    half_width_px = np.maximum(distances_px(inside, pixels[:, 0], pixels[:, 1]) - 0.5, 0.5)

    _prune(graph, positions, half_width_px)
    corner = np.array([row - 1, col - 1])
    branches = []
    for course in _courses(graph):
        degrees = graph.degree[course[0]], graph.degree[course[-1]]
        points, widths = _polyline(positions[course], half_width_px[course], degrees, inside)
        branches.append(Branch(points + corner, widths, degrees[0] > 2, degrees[1] > 2))
    return Centrelines(tuple(branches))


def _thin(inside: ByteArray) -> Pixels:
    """Flat places of the skeleton's pixels. This way of thinning leaves no corner of a staircase, as that could go
    without breaking anything: so three neighbours mean a junction.
    """
    return np.flatnonzero(skeletonize(inside.view(bool), method="lee"))  # type: ignore[no-untyped-call]


def _skeleton_graph(flat: Pixels, across: int) -> tuple[Floats, Graph]:
    """Vertex positions (n, 2) and who touches whom; the crowded pixels of one junction are one vertex."""
    wanted = flat[:, None] + _AROUND @ (across, 1)
    place = np.minimum(np.searchsorted(flat, wanted), flat.size - 1)
    pixel, side = np.nonzero(flat[place] == wanted)
    other = place[pixel, side]

    crowded = np.bincount(pixel, minlength=flat.size) > 2
    merged = crowded[pixel] & crowded[other]
    count, positions = flat.size, np.stack(np.divmod(flat, across), axis=1).astype(np.float64)
    if merged.any():
        links = coo_array((np.ones(merged.sum(), bool), (pixel[merged], other[merged])), shape=(flat.size, flat.size))
        count, vertex = connected_components(links, directed=False)
        # A pixel may touch two of what is one vertex now.
        edges = np.unique(vertex[pixel[~merged]] * np.int64(count) + vertex[other[~merged]])
        pixel, other = np.divmod(edges, count)
        sums = np.stack([np.bincount(vertex, axis, count) for axis in positions.T], axis=1)
        positions = sums / np.bincount(vertex, minlength=count)[:, None]
    degree = np.bincount(pixel, minlength=count)
    after = np.cumsum(degree)
    first = after - degree
    graph = Graph(
        degree.tolist(),
        np.bincount(pixel, other, count).astype(np.intp).tolist(),
        np.append(other, -1)[first].tolist(),
        {end: other[first[end] : after[end]].tolist() for end in np.flatnonzero(degree != 2).tolist()},
    )
    return positions, graph


def _courses(graph: Graph) -> Iterator[list[int]]:
    """Every stretch between vertices that are tips or junctions, once, and lone vertices; then closed loops."""
    seen: set[int] = set()
    walked: set[tuple[int, int]] = set()
    for start, near in graph.ends.items():
        if graph.degree[start] == 0:
            yield [start]
        if graph.degree[start] in (_TAKEN_OUT, 2):
            continue
        for first in near:
            if (start, first) in walked:
                continue
            course = _walk(graph, start, first)
            walked.add((course[-1], course[-2]))
            seen.update(course)
            yield course
    if len(seen) == len(graph.degree):
        return
    for start, degree in enumerate(graph.degree):
        if degree == 2 and start not in seen:
            course = _walk(graph, start, graph.ends.get(start, graph.lowest[start : start + 1])[0])
            seen.update(course)
            yield course


def _walk(graph: Graph, start: int, first: int) -> list[int]:
    """Vertices from `start` through `first` to the next tip or junction, or back to `start`."""
    degree, nearby = graph.degree, graph.nearby
    course, before, here = [start, first], start, first
    while degree[here] == 2 and here != start:
        before, here = here, nearby[here] - before
        course.append(here)
    return course


def _prune(graph: Graph, positions: Floats, half_width_px: Floats) -> None:
    """Cuts spurs until none is left; where only spurs meet, the two longest stay."""
    while spurs := _spurs(graph, positions, half_width_px):
        for *spur, junction in spurs:
            graph.cut(spur, junction)


def _spurs(graph: Graph, positions: Floats, half_width_px: Floats) -> list[list[int]]:
    """Courses from a tip to a junction too short to be a crack."""
    at_junction: dict[int, list[tuple[float, list[int]]]] = {}
    if all(graph.degree[end] < 3 for end in graph.ends):
        return []
    for course in _courses(graph):
        tip_first = course if graph.degree[course[0]] == 1 else course[::-1]
        tip, junction = tip_first[0], tip_first[-1]
        if graph.degree[tip] == 1 and graph.degree[junction] > 2:
            length = float(_steps_px(positions[tip_first]).sum())
            if length < _SPUR_HALF_WIDTHS * half_width_px[junction] + _SPUR_PX:
                at_junction.setdefault(junction, []).append((length, tip_first))
    kept = {end: 2 if len(found) == graph.degree[end] else 0 for end, found in at_junction.items()}
    return [spur for end, found in at_junction.items() for _, spur in sorted(found)[: len(found) - kept[end]]]


def _polyline(
    points: Floats, half_width_px: Floats, degrees: tuple[int, int], inside: ByteArray
) -> tuple[Floats, Floats]:
    """Smooth points of one course and their half widths; free ends (degree below 2) reach the tip."""
    if len(points) == 1:
        reach = np.array([0.0, half_width_px[0]])
        return np.stack([points[0] - reach, points[0] + reach]), np.repeat(half_width_px, 2)
    tips = points[[0, -1]]
    for degree in degrees:
        if degree == 1:
            cut = _tip_length(points, half_width_px)
            points, half_width_px = points[cut:], half_width_px[cut:]
        points, half_width_px = points[::-1], half_width_px[::-1]
    points = _smooth(points, _SMOOTHING_PX + _SMOOTHING_HALF_WIDTHS * median(half_width_px))
    for degree, tip in zip(degrees, tips, strict=True):
        if degree == 1:
            end = _straight_to_tip(points, half_width_px[0], tip, inside)
            points = np.concatenate([end, points])
            half_width_px = np.concatenate([np.full(len(end), half_width_px[0]), half_width_px])
        points, half_width_px = points[::-1], half_width_px[::-1]
    return points, half_width_px


def _tip_length(points: Floats, half_width_px: Floats) -> int:
    """How many points at the start run into a corner; at least two of the course stay, whichever end is cut."""
    wider_px = _CORNER_STEEPNESS * (half_width_px - half_width_px[0])
    # Vertices are a pixel apart, but for a junction at the far end: further along no corner is steep enough.
    near = int(wider_px.max()) + 3
    widening = np.flatnonzero(arc_px(points[:near]) < wider_px[:near])
    return min(int(widening[-1]) if widening.size else 0, (len(points) - 2) // 2)


def _smooth(points: Floats, sigma_px: float) -> Floats:
    """Gaussian smoothing along the course: ends stay where they are, a closed course stays closed."""
    if np.array_equal(points[0], points[-1]):
        ring: Floats = gaussian_filter1d(points[:-1], sigma_px, axis=0, mode="wrap")
        return np.concatenate([ring, ring[:1]])
    margin = int(4 * sigma_px) + 1
    if margin < len(points):
        before, after = (
            2 * points[end] - part for end, part in ((0, points[margin:0:-1]), (-1, points[-2 : -margin - 2 : -1]))
        )
        odd = np.concatenate([before, points, after])
    else:  # a short course is mirrored more than once
        odd = np.pad(points, ((margin, margin), (0, 0)), mode="reflect", reflect_type="odd")
    smooth: Floats = gaussian_filter1d(odd, sigma_px, axis=0)[margin:-margin]
    return smooth


def _straight_to_tip(points: Floats, half_width_px: float, tip: Floats, inside: ByteArray) -> Floats:
    """Points about 1 px apart from the rim of the mask (first) to just before `points[0]`, straight on.

    They reach at least as far as the pixel `tip`, where the skeleton ended.
    """
    back = points[min(len(points) - 1, int(4 + 2 * half_width_px))]
    direction = (points[0] - back) / np.hypot(*(points[0] - back))
    reach_px = np.arange(0, 4 * half_width_px + 8, 0.25)
    ahead = map_coordinates(inside, (points[0] + reach_px[:, None] * direction).T, order=1, output=np.float64)
    length_px = max(reach_px[np.argmin(ahead > _TIP_SHARE)], (tip - points[0]) @ direction + 0.5)
    count = max(1, round(length_px))
    steps_px = length_px / count * np.arange(count, 0, -1)
    return np.asarray(points[0] + steps_px[:, None] * direction)


def arc_px(points: Floats) -> Floats:
    """Distance along the polyline (n, 2) from its first point to each point (n,)."""
    arc = np.zeros(len(points))
    np.cumsum(_steps_px(points), out=arc[1:])
    return arc


def median(values: Floats) -> float:
    """NumPy's median of some numbers (n >= 1,), none of them NaN, in a tenth of its time; courses are many."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _steps_px(points: Floats) -> Floats:
    return np.asarray(np.hypot(*(points[1:] - points[:-1]).T))
