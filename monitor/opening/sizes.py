"""How large the cracks of a mask are by the light across them.

A mask ends where a network gives a pixel up, and is three pixels wide where a crack is one: the camera's blur counts
for crack. So a crack's area hardly grows at first, and a rate from masks alone is too low. The gap's model knows the
blur, and how sure it is of each place: where a joint, a shadow or a crumbled lip lies beside the crack, it is not, and
such a place, often the widest of all by the mask, says nothing about the crack's width.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from monitor.opening.gaps import USUAL_GROUND, fit_gaps, ground_of, of_one_ground
from monitor.opening.stations import profiles, stations_along
from monitor.records import FloatArray, Severity
from monitor.severity.metrics import Measured
from monitor.severity.skeleton import Centrelines

#: Fewer stations than this say nothing, nor do they where less than this share of them could be fitted.
_LEAST_STATIONS, _LEAST_SHARE = 8, 0.5
#: A mean over so many says enough: of more, every second, third, ... is read.
_MOST_STATIONS = 1500
#: An opening of a larger standard error is none.
_LARGEST_ERROR_PX = 2.0
#: Sizes go by openings whose standard error is below this, or so many times that of most, or such a share of them.
_SURE_ERROR_PX, _SURE_TIMES_MEDIAN, _SURE_SHARE = 0.2, 1.5, 0.02
#: A mask this wide where the model is sure does not owe it to the blur: where openings are less than this share of it,
#: profiles found another line beside a gap whose ground is too light for them.
_WIDE_PX, _LEAST_SHARE_OF_MASK = 8.0, 0.5


def by_profiles(light: FloatArray, measured: Measured) -> Severity:
    """The severity of a mask, its area as mean opening times length and its maximum width as the largest opening, both
    of the places of which the gap's model is sure (means over 4 px of crack).

    `light` float32 (rows, cols) is the photo's. The mask's own sizes stay where too little could be fitted, or
    something else.
    """
    severity = measured.severity
    laid = stations_along(measured.centrelines)
    stations = laid.only(slice(None, None, max(-(-len(laid) // _MOST_STATIONS), 1)))
    if len(stations) < _LEAST_STATIONS:
        return severity
    across = profiles(light, np.eye(3), stations)
    freely = fit_gaps(across, stations.offsets_px)
    # Where no place is wide enough to show its ground, it is the usual one: thin gaps cannot tell blur and ground both.
    ground = ground_of([freely.only(of_one_ground([freely]))]) or USUAL_GROUND
    found = fit_gaps(across, stations.offsets_px, ground.held())
    known = np.isfinite(found.opening_px) & (found.standard_error_px < _LARGEST_ERROR_PX)
    if known.mean() < _LEAST_SHARE:
        return severity
    error_px = found.standard_error_px
    least_px = max(_SURE_ERROR_PX, _SURE_TIMES_MEDIAN * float(np.median(error_px[known])))
    sure = known & (error_px < np.maximum(least_px, _SURE_SHARE * found.opening_px))
    openings = np.clip(found.opening_px[sure], 0, severity.max_width_px)  # a mask shows the gap and its blur
    area_px = float(openings.mean()) * severity.length_px
    marked_px = float(np.median(_marked_px(measured.centrelines, stations.points[sure])))
    wide = marked_px > _WIDE_PX
    if area_px == 0 or (wide and float(np.median(openings)) < _LEAST_SHARE_OF_MASK * marked_px):
        return severity
    return replace(severity, area_px=area_px, max_width_px=float(openings.max()))


def _marked_px(centrelines: Centrelines, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How wide the mask is (n,) at points (n, 2) of its centrelines."""
    branches = centrelines.branches
    _, nearest = cKDTree(np.concatenate([branch.points for branch in branches])).query(points)
    return np.asarray(2 * np.concatenate([branch.half_width_px for branch in branches])[nearest], np.float64)
