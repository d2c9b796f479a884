"""From openings at stations to what is said of a crack: means, their errors, the widest place, whether measures agree.

Stations share the texture they look at with their neighbours, and some of them look at something else than the crack.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from monitor.opening.stations import Stations
from monitor.records import CrackReading

Floats = NDArray[np.float64]

#: With fewer stations than this there is no course to measure along.
LEAST_STATIONS = 4
#: Stations that differ from their neighbours by so many usual differences are taken as their neighbours say.
_OUTLYING = 4.0
_NEIGHBOURS = 9
#: The widest place is so many stations long.
_WIDEST_STATIONS = 9
#: A station counts when its fit is at most so many times less certain than is usual.
_CLEAR = 2.0
#: Neighbouring stations look at much the same texture, so that errors fall more slowly than with their number.
_SHARED = 2.0
#: No mean opening is known better than this: lenses, walls and models are not exact.
FLOOR_PX = 0.03
#: Two measures that differ by less than this, or this share of the change, agree, whatever their errors: the wall
#: yields a little between the lip and the squares that are followed.
_AGREE_PX, _AGREE_SHARE = 0.2, 0.1
_AGREE_ERRORS = 1.64


def completed(openings: Floats, stations: Stations) -> Floats:
    """Openings (captures, n) with wild stations brought to their neighbours, and hidden ones to what the station
    usually shows, moved as the others have moved.
    """
    usual = np.nanmedian(np.where(np.isfinite(openings).any(axis=0), openings, 0.0), axis=0)
    filled = np.empty_like(openings)
    for index, row in enumerate(openings):
        known = np.isfinite(row)
        moved = float(np.median(row[known] - usual[known])) if known.any() else 0.0
        whole = np.where(known, row, usual + moved)
        smooth = smoothed_along(whole, stations)
        left = whole - smooth
        spread = 1.4826 * float(np.median(np.abs(left))) + 1e-3
        filled[index] = np.where(np.abs(left) > _OUTLYING * spread, smooth, whole)
    return filled


def smoothed_along(values: Floats, stations: Stations) -> Floats:
    """Running median along each branch."""
    smooth = np.empty_like(values)
    for branch in np.unique(stations.branch):
        inside = stations.branch == branch
        smooth[inside] = median_filter(values[inside], size=min(_NEIGHBOURS, int(inside.sum())), mode="nearest")
    return smooth


def clear_stations(errors: Floats, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which stations (n,) are measured at all, from the fits' errors (m, n) in all captures; `own` (n,) marks those
    that show the crack's own ground.

    Where profiles do not look like a gap, as beside a shaded joint or a spall, an opening is easily read too wide.
    """
    known = np.isfinite(errors).any(axis=0)
    usual = np.full(errors.shape[1], np.inf)
    usual[known] = np.nanmedian(errors[:, known], axis=0)
    limit = _CLEAR * np.median(usual[known & own]) if (known & own).any() else np.inf
    clear = (usual <= limit) & own
    return clear if clear.sum() >= LEAST_STATIONS else np.ones(len(usual), bool)


def widest_stretch(openings: Floats, stations: Stations) -> NDArray[np.int64]:
    """The stations (k,) of the stretch where the crack gapes widest, all captures (m, n) taken together."""
    usual = openings.mean(axis=0)
    count = min(_WIDEST_STATIONS, len(usual))
    stretches = [np.arange(first, first + count) for first in range(len(usual) - count + 1)]
    counted = [stretch[stations.branch[stretch] == stations.branch[stretch[0]]] for stretch in stretches]
    return max(counted, key=lambda stretch: (len(stretch) > count / 2, float(usual[stretch].mean())))


def scatter(values: Floats, stations: Stations) -> float:
    """How far stations differ from their neighbours."""
    return float(np.std(values - smoothed_along(values, stations)))


def mean_error(scatter: float, count: int) -> float:
    """Standard error of a mean over `count` stations, whose neighbours share some of their error."""
    return float(np.hypot(_SHARED * scatter / np.sqrt(count), FLOOR_PX))


def hidden_error(moved: Floats, seen: NDArray[np.bool_]) -> float:
    """What a mean over all stations may be off because only those that are `seen` (n,) say how far the crack `moved`
    (n,): the hidden ones may have moved otherwise by as much as the seen ones differ.
    """
    if seen.all() or not seen.any():
        return 0.0
    low, high = np.quantile(moved[seen], (0.05, 0.95))
    return float((high - low) * np.mean(~seen))


def winsorised(values: Floats) -> Floats:
    """Values (n,) with those further from their median than three usual differences brought in to there."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle))) + 1e-3
    return np.clip(values, middle - 3 * spread, middle + 3 * spread)


def agreeing(reading: CrackReading) -> bool | None:
    """Whether gap and lips tell the same change, None where one of them is missing."""
    if reading.change_px is None or reading.lips_px is None:
        return None
    errors = float(np.hypot(reading.change_error_px or 0.0, reading.lips_error_px or 0.0))
    allowed = max(_AGREE_PX, _AGREE_ERRORS * errors) + _AGREE_SHARE * abs(reading.change_px)
    return abs(reading.change_px - reading.lips_px) <= allowed
