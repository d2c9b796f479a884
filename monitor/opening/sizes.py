"""How large the cracks of a mask are by the light across them.

A mask ends where a network gives a pixel up, and is three pixels wide where a crack is one: the camera's blur counts
for crack. So a crack's area hardly grows at first, and a rate from masks alone is too low. The gap's model knows the
blur, and how sure it is of each place: where a joint, a shadow or a crumbled lip lies beside the crack, it is not, and
such a place, often the widest of all by the mask, says nothing about the crack's width.

Repeats are compared with their reference place by place: what lies beside a crack spoils a single photo's sizes, and
spoils them alike in all of them.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from monitor.opening.gaps import USUAL_GROUND, Gaps, Ground, fit_gaps, ground_of, of_one_ground
from monitor.opening.stations import FLANK_PX, Stations, profiles, stations_along
from monitor.records import FloatArray, Severity
from monitor.severity.metrics import Measured
from monitor.severity.skeleton import Centrelines

Floats = NDArray[np.float64]

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
#: Of the changes at a crack's places these shares at both ends count as the next ones inwards.
_TAIL = 0.02
#: What lies further from the reference's crack is no part of it, and so many stations of it are something.
_BESIDE_PX, _LEAST_BESIDE = 12.0, 3


@dataclass(frozen=True)
class Read:
    """What profiles say of one photo's mask: its `severity`, the `openings` (n,) at its `stations`, with the `ground`
    that all share, and of which of them the gap's model is `sure`. `course` (m, 2) are its centrelines, (row, col).
    """

    severity: Severity
    stations: Stations
    openings: Floats
    sure: NDArray[np.bool_]
    ground: Ground
    course: Floats


def by_profiles(light: FloatArray, measured: Measured) -> Severity:
    """The severity of a mask, its area as mean opening times length and its maximum width as the largest opening, both
    of the places of which the gap's model is sure (means over 4 px of crack).

    `light` float32 (rows, cols) is the photo's. The mask's own sizes stay where too little could be fitted, or
    something else.
    """
    found = read(light, measured)
    return measured.severity if found is None else found.severity


def read(light: FloatArray, measured: Measured) -> Read | None:
    """All that goes into `by_profiles`; None where the mask's own sizes stay."""
    severity, centrelines = measured.severity, measured.centrelines
    stations = _some(stations_along(centrelines))
    if len(stations) < _LEAST_STATIONS:
        return None
    across = profiles(light, np.eye(3), stations)
    freely = fit_gaps(across, stations.offsets_px)
    # Where no place is wide enough to show its ground, it is the usual one: thin gaps cannot tell blur and ground both.
    ground = (ground_of([freely.only(of_one_ground([freely]))]) or USUAL_GROUND).held()
    found = fit_gaps(across, stations.offsets_px, ground)
    sure = _sure(found)
    if not sure.any():
        return None
    openings = np.clip(found.opening_px, 0, severity.max_width_px)  # a mask shows the gap and its blur
    area_px = float(openings[sure].mean()) * severity.length_px
    marked_px = float(np.median(_marked_px(centrelines, stations.points[sure])))
    wide = marked_px > _WIDE_PX
    if area_px == 0 or (wide and float(np.median(openings[sure])) < _LEAST_SHARE_OF_MASK * marked_px):
        return None
    sized = replace(severity, area_px=area_px, max_width_px=float(openings[sure].max()))
    course = np.concatenate([branch.points for branch in centrelines.branches])
    return Read(sized, stations, openings, sure, ground, course)


def since(before: Read, light: FloatArray, measured: Measured) -> Severity:
    """The severity of a repeat's mask by how far each place of its reference has opened `before` and now, and by what
    lies beside these: what is wrong about a place is so in both and cancels.

    `light` float32 (rows, cols) is the repeat's, in the frame of the reference. A place that one of the two is not sure
    of moved like the others. Where the repeat is sure of none, it is sized by itself.
    """
    stations = _reaching(before.stations, measured.centrelines)
    found = fit_gaps(profiles(light, np.eye(3), stations), stations.offsets_px, before.ground)
    both = before.sure & _sure(found)
    if not both.any():
        return by_profiles(light, measured)
    change = np.clip(found.opening_px, 0, None) - before.openings
    usual = float(np.clip(change[both], *np.quantile(change[both], (_TAIL, 1 - _TAIL))).mean())
    openings = (before.openings + np.where(both, change, usual))[before.sure]
    new_area_px, new_width_px = _beside(before, light, measured)
    return replace(
        measured.severity,
        area_px=max(before.severity.area_px + usual * before.severity.length_px, 0.0) + new_area_px,
        max_width_px=max(float(openings.max()), new_width_px, 0.0),
    )


def _beside(before: Read, light: FloatArray, measured: Measured) -> tuple[float, float]:
    """Area and maximum width of what the repeat shows beside the crack of its reference; by its mask where profiles are
    sure of nothing there.
    """
    laid = stations_along(measured.centrelines)
    new = cKDTree(before.course).query(laid.points)[0] > _BESIDE_PX if len(laid) else np.zeros(0, bool)
    if new.sum() < _LEAST_BESIDE:
        return 0.0, 0.0
    severity, stations = measured.severity, _some(laid.only(new))
    found = fit_gaps(profiles(light, np.eye(3), stations), stations.offsets_px, before.ground)
    sure = _sure(found)
    openings = np.clip(found.opening_px[sure], 0, severity.max_width_px)
    if not sure.any():
        openings = _marked_px(measured.centrelines, stations.points)
    return float(openings.mean() * new.mean()) * severity.length_px, float(openings.max())


def _reaching(stations: Stations, centrelines: Centrelines) -> Stations:
    """The same, with profiles that show a flank on both sides of a crack which has opened far."""
    widest_px = max((float(branch.half_width_px.max()) for branch in centrelines.branches), default=0.0)
    if stations.reach_px >= widest_px + FLANK_PX / 2:
        return stations
    return replace(stations, reach_px=widest_px + FLANK_PX)


def _some(stations: Stations) -> Stations:
    return stations.only(slice(None, None, max(-(-len(stations) // _MOST_STATIONS), 1)))


def _sure(found: Gaps) -> NDArray[np.bool_]:
    """Of which openings the model is sure: of none where too little could be fitted."""
    error_px = found.standard_error_px
    known = np.isfinite(found.opening_px) & (error_px < _LARGEST_ERROR_PX)
    if known.mean() < _LEAST_SHARE:
        return np.zeros(len(known), bool)
    least_px = max(_SURE_ERROR_PX, _SURE_TIMES_MEDIAN * float(np.median(error_px[known])))
    return np.asarray(known & (error_px < np.maximum(least_px, _SURE_SHARE * found.opening_px)))


def _marked_px(centrelines: Centrelines, points: Floats) -> Floats:
    """How wide the mask is (n,) at points (n, 2) of its centrelines."""
    branches = centrelines.branches
    _, nearest = cKDTree(np.concatenate([branch.points for branch in branches])).query(points)
    return np.asarray(2 * np.concatenate([branch.half_width_px for branch in branches])[nearest], np.float64)
