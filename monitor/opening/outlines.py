"""Where the masks of all captures say that a crack runs, how wide and how long: the stations it is measured at."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.looks import Arrays, Looks, Outline
from monitor.opening.means import LEAST_STATIONS
from monitor.opening.stations import Stations, lay_stations
from monitor.opening.tracks import Track
from monitor.severity.metrics import measure
from monitor.severity.skeleton import distances_px

Floats = NDArray[np.float64]

#: Stations of a later capture nearer than this to known ones are the same place.
_SAME_PLACE_PX = 10.0
#: Masks differ a little from capture to capture: how wide a crack is counts in steps of so much, and so does how far
#: profiles have to reach, or all captures would be read anew whenever a crack has grown a little.
_WIDTH_STEP_PX = 1.0
_REACH_STEP_PX = 4.0


@dataclass(frozen=True)
class Outlined:
    """A crack by its masks: the outline in each capture, None where it was not seen; the `stations` that all of them
    give, `ends` saying after how many of them each part ends that was laid at once; and at each, `half_width_px`
    (captures, n), half of the widest that this capture and those before it show.
    """

    outlines: tuple[Outline | None, ...]
    stations: Stations
    ends: tuple[int, ...]
    half_width_px: Floats


class Outlining:
    """Measures what the masks of captures show of a crack, and only where nothing is `kept` from before."""

    def __init__(self, keys: Sequence[int], kept: Looks | None) -> None:
        self._keys, self._kept = keys, kept

    def of(self, found: Track) -> Outlined:
        """One crack's."""
        parts = {
            key: _Part.of(region, found.origin)
            for key, region in zip(self._keys, found.regions, strict=True)
            if region is not None
        }
        outlines = {
            key: Outline.of(self._known(key, f"outline {part.digest}", partial(_outline, part)))
            for key, part in parts.items()
        }
        stations, ends = _stations([_moved(outlines[key].stations, part.origin) for key, part in parts.items()])
        half = np.zeros((len(self._keys), len(stations)))
        for row, key in zip(half, self._keys, strict=True):
            if key not in parts:
                continue
            places = np.rint(stations.points - parts[key].origin).astype(np.int64)
            told = hashlib.sha256(places.tobytes()).hexdigest()
            name = f"widths {parts[key].digest} {told}"
            row[:] = self._known(key, name, partial(_half_widths, parts[key], places))["half_px"]
        shown = tuple(outlines.get(key) for key in self._keys)
        widest = np.maximum.accumulate(half, axis=0)
        return Outlined(shown, stations, ends, np.ceil(widest / _WIDTH_STEP_PX) * _WIDTH_STEP_PX)

    def _known(self, capture: int, key: str, work_out: Callable[[], Arrays]) -> Arrays:
        known = None if self._kept is None else self._kept.recall(capture, key)
        if known is None:
            known = work_out()
            if self._kept is not None:
                self._kept.keep(capture, key, known)
        return known


@dataclass(frozen=True)
class _Part:
    """What one capture marks of a crack, cut to what it takes up, from `origin` (row, col) of the frame on."""

    mask: SparseMask
    origin: tuple[int, int]
    digest: str

    @classmethod
    def of(cls, region: SparseMask, origin: tuple[int, int]) -> "_Part":
        """From a track's region."""
        rows, cols = region.box
        cut = region.within((rows, cols))
        return cls(cut, (origin[0] + rows.start, origin[1] + cols.start), cut.digest())


def _outline(part: _Part) -> Arrays:
    dense = part.mask.dense()
    return Outline(lay_stations(dense), measure(dense).length_px).arrays()


def _half_widths(part: _Part, places: NDArray[np.int64]) -> Arrays:
    """How far from the rim (px) the places (n, 2) lie, 0 beside the crack."""
    inside = np.pad(part.mask.dense().view(np.uint8), 1)
    rows, cols = (np.clip(places[:, axis] + 1, 0, inside.shape[axis] - 1) for axis in (0, 1))
    return {"half_px": distances_px(inside, rows, cols)}


def _moved(stations: Stations, by: tuple[int, int]) -> Stations:
    return replace(stations, points=stations.points + by)


def _stations(seen: Sequence[Stations]) -> tuple[Stations, tuple[int, ...]]:
    """Stations along the course as first `seen`, and on along what later captures show beyond it; and after how many
    of them each of these parts ends.
    """
    laid: list[Stations] = []
    reach = 0.0
    for stations in seen:
        reach = max(reach, stations.reach_px)
        if laid:
            known = cKDTree(np.concatenate([part.points for part in laid]))
            stations = stations.only(known.query(stations.points)[0] > _SAME_PLACE_PX)
        if len(stations) >= (LEAST_STATIONS if laid else 1):
            laid.append(stations)
    branches = np.cumsum([0, *(int(part.branch.max()) + 1 for part in laid)])
    stations = Stations(
        points=np.concatenate([part.points for part in laid] or [np.zeros((0, 2))]),
        normals=np.concatenate([part.normals for part in laid] or [np.zeros((0, 2))]),
        branch=np.concatenate(
            [part.branch + first for part, first in zip(laid, branches, strict=False)] or [np.zeros(0)]
        ),
        reach_px=float(np.ceil(reach / _REACH_STEP_PX) * _REACH_STEP_PX),
    )
    return stations, tuple(map(int, np.cumsum([len(part) for part in laid])))
