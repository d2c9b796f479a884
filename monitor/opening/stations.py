"""Stations: fixed measuring places along a crack, and the profiles that captures show across it there.

Everything lies in the frame of the reference capture. A profile is read from the capture itself through its
registration, not from a warped copy, so that no interpolation blurs it twice.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from monitor.records import BoolArray, FloatArray
from monitor.severity.skeleton import Branch, Centrelines, arc_px, centreline

Floats = NDArray[np.float64]

SPACING_PX = 4.0
#: Samples along the profile; finer than a pixel, so that no place of the crack between pixels is favoured.
SAMPLE_PX = 0.5
#: A profile is the mean of so many across one spacing of the crack.
_LINES = 5
#: Beyond the widest lip a profile shows so much of the flank.
FLANK_PX = 8.0
#: Normals follow the course as it runs over this length (standard deviation), not its every kink.
_NORMAL_SIGMA_PX = 6.0
#: Where branches meet there is no opening of one crack: stations keep off by so many half widths of the junction.
_CLEARANCE_HALF_WIDTHS = 1.5
_CLEARANCE_PX = 4.0
#: OpenCV's remap takes 32766 rows at most.
_BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Stations:
    """Measuring places of one crack: `points` and unit `normals` float64 (n, 2) as (row, col), in order along its
    branches; `branch` int (n,) tells where one ends; profiles reach `reach_px` to both sides.
    """

    points: Floats
    normals: Floats
    branch: NDArray[np.int64]
    reach_px: float

    def __len__(self) -> int:
        return len(self.points)

    def only(self, chosen: NDArray[np.bool_] | slice) -> "Stations":
        """The same, some of the places."""
        return Stations(self.points[chosen], self.normals[chosen], self.branch[chosen], self.reach_px)

    @property
    def offsets_px(self) -> Floats:
        """Where a profile is sampled, (m,) from -`reach_px` to `reach_px`; positive along the normal."""
        count = int(np.ceil(self.reach_px / SAMPLE_PX))
        return np.asarray(np.arange(-count, count + 1) * SAMPLE_PX, np.float64)


def lay_stations(crack: BoolArray, reach_px: float | None = None) -> Stations:
    """Stations every 4 px along the centrelines of one crack's mask, bool (rows, cols).

    `reach_px` is by default the crack's largest half width and the flank beside it. Empty for an empty mask.
    """
    return stations_along(centreline(crack), reach_px)


def stations_along(centrelines: Centrelines, reach_px: float | None = None) -> Stations:
    """The same along centrelines that are known already."""
    branches = centrelines.branches
    laid = [_along(branch) for branch in branches]
    kept = [(points, normals) for points, normals in laid if len(points)]
    widest = max((float(branch.half_width_px.max()) for branch in branches), default=0.0)
    reach = widest + FLANK_PX if reach_px is None else reach_px
    if not kept:
        return Stations(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64), reach)
    return Stations(
        np.concatenate([points for points, _ in kept]),
        np.concatenate([normals for _, normals in kept]),
        np.repeat(np.arange(len(kept)), [len(points) for points, _ in kept]),
        reach,
    )


def _along(branch: Branch) -> tuple[Floats, Floats]:
    arc = arc_px(branch.points)
    meets = np.array([branch.junction_at_start, branch.junction_at_end])
    clear = meets * (_CLEARANCE_HALF_WIDTHS * branch.half_width_px[[0, -1]] + _CLEARANCE_PX)
    at = np.arange(clear[0] + SPACING_PX / 2, arc[-1] - clear[1], SPACING_PX)
    points = np.stack([np.interp(at, arc, axis) for axis in branch.points.T], axis=1)
    course = gaussian_filter1d(branch.points, _NORMAL_SIGMA_PX, axis=0, mode="nearest")
    steps = np.gradient(course, axis=0)
    along = np.stack([np.interp(at, arc, axis) for axis in steps.T], axis=1)
    length = np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return points, along[:, ::-1] * (1, -1) / length


def profiles(grey: FloatArray, to_reference: Floats, stations: Stations) -> Floats:
    """What a capture shows across the crack: float64 (n, m) at `stations.offsets_px`, NaN beyond the picture.

    `grey` float32 (rows, cols) is the capture, `to_reference` (3, 3) maps its (column, row, 1) to the reference.
    """
    tangents = stations.normals[:, ::-1] * (-1, 1)
    lines = (np.arange(_LINES) - (_LINES - 1) / 2) * SPACING_PX / _LINES
    across = stations.offsets_px[None, None, :, None] * stations.normals[:, None, None, :]
    places = stations.points[:, None, None, :] + across + lines[None, :, None, None] * tangents[:, None, None, :]
    sampled = _sampled(grey, _in_capture(places, to_reference))
    return np.asarray(sampled.mean(axis=1))


def _in_capture(places: Floats, to_reference: Floats) -> Floats:
    """(..., 2) as (row, col) of the reference, to (column, row) of the capture."""
    columns_rows = places.reshape(1, -1, 2)[..., ::-1]
    found = cv2.perspectiveTransform(columns_rows, np.linalg.inv(to_reference))
    return np.asarray(found, np.float64).reshape(places.shape)


def _sampled(grey: FloatArray, at: Floats) -> Floats:
    """Cubic samples of `grey` at (..., 2) as (column, row); NaN outside."""
    flat = at.reshape(-1, at.shape[-2], 2).astype(np.float32)
    outside = ((flat < 0) | (flat > np.array(grey.shape[::-1]) - 1)).any(axis=-1)
    blocks = np.array_split(flat, max(1, -(-len(flat) // _BLOCK_ROWS)))
    parts = [
        cv2.remap(grey, block[..., 0], block[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for block in blocks
    ]
    values = np.concatenate(parts).astype(np.float64)
    values[outside] = np.nan
    return values.reshape(at.shape[:-1])
