"""One crack of a location: what each capture shows at its stations, and what that says of its opening.

Everything follows from the whole set of captures: the ground of a crack's gap, known from where it gapes widest,
serves the captures where it is thin.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from monitor.imaging.sparse_masks import SparseMask
from monitor.imaging.station_profiles import StationProfiles, as_grey
from monitor.opening.gaps import GROUND_SPREAD, USUAL_GROUND, Gaps, Ground, fit_gaps, ground_of, of_one_ground
from monitor.opening.lips import LipMovement, SmoothView, Squares, follow_lips, followed_stations
from monitor.opening.looks import Arrays, Look, Looks, places_key
from monitor.opening.means import (
    FLOOR_PX,
    agreeing,
    clear_stations,
    completed,
    hidden_error,
    mean_error,
    scatter,
    smoothed_along,
    widest_stretch,
    winsorised,
)
from monitor.opening.outlines import Outlined
from monitor.opening.sightings import Sighting
from monitor.opening.stations import profiles
from monitor.opening.tips import Course
from monitor.opening.tracks import Track
from monitor.records import CrackReading, CrackState, FloatArray

Floats = NDArray[np.float64]

#: A crack of which a capture shows less than this share of stations is not measured there, nor is its widest place.
_LEAST_SEEN = 0.7
#: Nor does it have a length where less than this share of its stations is shown.
_WHOLE = 0.95
#: An opening itself, other than its change, is not known better than this.
_MODEL_PX = 0.1
#: What is known of the ground counts in steps of so much of the wall's light, well below its own error.
_GROUND_STEP = 0.005
#: Beyond the end of a capture's mask the crack goes on where stations gape by so much.
_GAPES_PX = 0.5
_LEAST_LIPS = 4
#: Of so many stations of a crack people can see the profiles.
_SHOWN_STATIONS = 40


class Followed:
    """One crack with its stations, and what has been read there so far."""

    def __init__(self, found: Track, outlined: Outlined, reference: int | None) -> None:
        self.track, self.whole, self.stations = found, outlined.stations, outlined.stations
        self.looks: list[Look] = []
        #: None for the reference, which its lips have not moved since.
        self.lips: list[LipMovement | None] = []
        self._outlines = outlined.outlines
        # Lips are looked for beyond it: as wide as the crack was until then, so that what was found before stays when
        # it grows wider, and as it is in the reference.
        self._half_width_px = outlined.half_width_px
        if reference is not None:
            self._half_width_px = np.maximum(outlined.half_width_px, outlined.half_width_px[reference])
        self._ends = outlined.ends

    def key(self, sighting: Sighting, count: int) -> str:
        """What a look of that capture at the first `count` stations of this crack goes by."""
        parts = [end for end in self._ends if end <= count]
        return f"{places_key(self.whole.only(slice(count)), sighting.to_reference)} {self.whole.reach_px} {parts}"

    def squares_key(self, sighting: Sighting, count: int) -> str:
        """The same for the squares beside it."""
        return f"squares {places_key(self.whole.only(slice(count)), sighting.to_reference)}"

    def look_before(self, sighting: Sighting, kept: Looks | None) -> Look | None:
        """The look that was kept of the most stations: a crack that grows longer has more of them each time."""
        arrays = self._most(kept, sighting, self.key)
        return None if arrays is None else Look.of(arrays)

    def squares_before(self, sighting: Sighting, kept: Looks | None) -> Squares | None:
        """The same of the squares."""
        arrays = self._most(kept, sighting, self.squares_key)
        return None if arrays is None else Squares.of(arrays)

    def _most(self, kept: Looks | None, sighting: Sighting, key: Callable[[Sighting, int], str]) -> Arrays | None:
        if kept is None:
            return None
        found = (kept.recall(sighting.key, key(sighting, count)) for count in reversed(self._ends))
        return next((arrays for arrays in found if arrays is not None), None)

    def answered_by(self, look: Look | None) -> bool:
        """Whether it shows every station."""
        return look is not None and len(look.profiles) == len(self.whole)

    def followed_by(self, squares: Squares | None) -> bool:
        """Whether these are all that have to be followed."""
        half = self._half_width_now[followed_stations(len(self.whole))]
        return squares is not None and np.array_equal(squares.half_width_px, half)

    @property
    def _half_width_now(self) -> Floats:
        """That of the capture that is looked at: the next of them all."""
        return np.asarray(self._half_width_px[len(self.lips)], np.float64)

    def followed(self, reference: SmoothView, capture: SmoothView, before: Squares | None) -> Squares:
        """The squares beside the crack in one capture; `before` is what was found when it was shorter or
        narrower."""
        return follow_lips(reference, capture, self.whole, self._half_width_now, before)

    def looked(self, light: FloatArray, to_reference: Floats, before: Look | None) -> Look:
        """One capture read at every station, of which `before` knows the first; part by part, so that a crack that
        grows longer changes nothing about the rest of it.
        """
        look = before
        for part in self._parts(0 if look is None else len(look.profiles)):
            stations = self.whole.only(part)
            across = profiles(light, to_reference, stations).astype(np.float32)
            freely = _fitted(across, stations.offsets_px, None, None if look is None else look.freely)
            look = Look(across, freely) if look is None else look.with_more(across, freely)
        assert look is not None, "a crack has stations"
        return look

    def _parts(self, known: int) -> list[slice]:
        """The parts of the course beyond its first `known` stations."""
        return [slice(first, last) for first, last in pairwise((0, *self._ends)) if last > known]

    def settle(self, common: Ground | None) -> None:
        """Once every capture has been read: the openings, at those stations that can be measured at all.

        `common` is the wall's usual ground.
        """
        ground = self._ground(common)
        settled = [self._on(ground.held(), look) for look in self.looks]
        self._fresh = [now is not before for now, before in zip(settled, self.looks, strict=True)]
        self.looks = settled
        gaps = [cast(Gaps, look.settled) for look in self.looks]
        clear = clear_stations(np.stack([found.standard_error_px for found in gaps]), self._own)
        self.stations = self.stations.only(clear)
        self._measured = np.flatnonzero(clear)
        fitted = np.stack([found.opening_px[clear] for found in gaps])
        self._seen = np.isfinite(fitted)
        self._openings = completed(fitted, self.stations)
        self._ground_error = ground.standard_error
        self.widest = widest_stretch(self._openings, self.stations)

    def _on(self, ground: Ground, look: Look) -> Look:
        settled = look.settled if look.ground == ground else None
        for part in self._parts(0 if settled is None else len(settled.opening_px)):
            more = _fitted(look.profiles[part], self.whole.offsets_px, ground, settled)
            settled = more if settled is None else settled.followed_by(more)
        return look if settled is look.settled else replace(look, ground=ground, settled=settled)

    def keep(self, sightings: Sequence[Sighting], kept: Looks | None) -> None:
        """Keep what had to be worked out."""
        for sighting, look, fresh in zip(sightings, self.looks, self._fresh, strict=True):
            if kept is not None and fresh:
                kept.keep(sighting.key, self.key(sighting, len(self.whole)), look.arrays())

    def readings(self, sightings: Sequence[Sighting], reference: int | None) -> list[CrackReading]:
        """One reading a capture of the settled course; `reference` indexes the reference's own."""
        made = []
        places = np.rint(self.whole.points).astype(np.int64)
        for index, sighting in enumerate(sightings):
            state, size = self.track.states[index], self._outlines[index]
            whole = size is not None and sighting.seen(places).mean() >= _WHOLE
            reading = CrackReading(
                self.track.name,
                sighting.key,
                state,
                reason=_unmeasured(state, float(self._seen[index].mean())),
                length_px=size.length_px if size is not None and whole else None,
                **self._lip_values(index, reference),
            )
            if reading.reason is None:
                reading = replace(reading, **self._gap_values(index, reference))
                reading = replace(reading, area_px=_area(reading))
            made.append(replace(reading, agree=agreeing(reading)))
        return made

    def shown(self, keys: Sequence[int]) -> StationProfiles:
        """The profiles at some stations of the settled course, the widest place among them."""
        count = len(self.stations)
        spread = np.linspace(0, count - 1, min(count, _SHOWN_STATIONS)).round().astype(np.int64)
        chosen = np.union1d(spread, self.widest[len(self.widest) // 2])
        return StationProfiles(
            self.track.name,
            stations=chosen,
            offsets_px=self.stations.offsets_px,
            captures=np.array(keys, np.int64),
            grey=np.stack([as_grey(look.profiles[self._measured[chosen]]) for look in self.looks], axis=1),
            opening_px=self._openings[:, chosen].T.astype(np.float32),
        )

    def tip_growth(
        self, sightings: Sequence[Sighting], reference: int | None, shape: tuple[int, int]
    ) -> list[tuple[float | None, float | None]]:
        """By how much the crack has grown at its first and second tip since the reference, or since it was first seen,
        capture by capture; `shape` is the reference's. None where a tip is not shown.
        """
        course = Course.through(self.whole.points)
        marked = np.unique(np.concatenate([region.places for region in self.track.regions if region is not None]))
        box = next(region.shape for region in self.track.regions if region is not None)
        place = np.full(box[0] * box[1], -1, np.int32)
        place[marked] = course.places(SparseMask(box, marked).pixels + self.track.origin)
        on_line = course.places(self.stations.points)
        known = int(on_line[on_line >= 0].min()), int(on_line.max())
        tips: list[tuple[float | None, float | None]] = []
        for region, sighting, opening in zip(self.track.regions, sightings, self._openings, strict=True):
            if region is None:
                tips.append((None, None))
                continue
            gaping = on_line[smoothed_along(opening, self.stations) >= _GAPES_PX]
            ends = course.ends(place[region.places].astype(np.int64), gaping)
            tips.append(course.shown(ends, known, shape, sighting.seen))
        first, second = zip(*tips, strict=True)
        return list(zip(_since(first, reference, -1), _since(second, reference, 1), strict=True))

    @cached_property
    def freely_fitted(self) -> list[Gaps]:
        """The gap in every capture, with nothing known of its ground."""
        return [look.freely for look in self.looks]

    @cached_property
    def _own(self) -> NDArray[np.bool_]:
        """Which stations show the crack's own ground."""
        return of_one_ground(self.freely_fitted)

    @property
    def on_own_ground(self) -> list[Gaps]:
        """`freely_fitted` at those stations."""
        return [found.only(self._own) for found in self.freely_fitted]

    def _ground(self, common: Ground | None) -> Ground:
        """What this crack's own wide places say of its ground, else those of its neighbours, else what is usual."""
        own = ground_of(self.on_own_ground)
        others = replace(common, standard_error=np.hypot(common.standard_error, GROUND_SPREAD)) if common else None
        known = [found for found in (own, others) if found is not None]
        best = min(known, key=lambda found: found.standard_error) if known else USUAL_GROUND
        # In steps, so that fits need not be made anew whenever another capture tells the ground a little better.
        return replace(best, share=_stepped(best.share), standard_error=_stepped(best.standard_error))

    def _gap_values(self, index: int, reference: int | None) -> dict[str, Any]:
        here, usual, seen = self._openings[index], np.median(self._openings, axis=0), self._seen[index]
        spread = scatter(here - usual, self.stations)
        opening = float(here.mean())
        values = {
            "opening_px": opening,
            "opening_error_px": np.hypot(mean_error(spread, len(here)), hidden_error(here - usual, seen)),
            # The ground matters the less the wider the gap is.
            "shared_error_px": self._ground_error * abs(opening) / (1 + abs(opening) / 2) + _MODEL_PX,
        }
        if seen[self.widest].mean() >= _LEAST_SEEN:
            values |= {
                "widest_px": float(here[self.widest].mean()),
                "widest_error_px": mean_error(spread, len(self.widest)),
            }
        if reference is not None:
            change = here - self._openings[reference]
            moved = np.hypot(mean_error(scatter(change, self.stations), len(change)), hidden_error(change, seen))
            values |= {"change_px": float(change.mean()), "change_error_px": 0.0 if index == reference else moved}
        return values

    def _lip_values(self, index: int, reference: int | None) -> dict[str, Any]:
        lips = self.lips[index]
        if index == reference:
            return {"lips_px": 0.0, "lips_error_px": 0.0, "shear_px": 0.0}
        if lips is None or len(lips.station) < _LEAST_LIPS:
            return {}
        opening = winsorised(lips.opening_px)
        return {
            "lips_px": float(opening.mean()),
            "lips_error_px": float(np.hypot(opening.std() / np.sqrt(len(opening)), FLOOR_PX)),
            "shear_px": float(winsorised(lips.shear_px).mean()),
        }


def _fitted(across: NDArray[np.float32], offsets_px: Floats, ground: Ground | None, before: Gaps | None) -> Gaps:
    """The gaps of one part of a crack, with the blur that its earlier parts told."""
    blur_px = before.blur_px if before is not None and before.blur_told else None
    return fit_gaps(across.astype(np.float64), offsets_px, ground, blur_px=blur_px)


def _stepped(value: float) -> float:
    return round(value / _GROUND_STEP) * _GROUND_STEP


def _since(places: Sequence[float | None], reference: int | None, outwards: int) -> list[float | None]:
    """Growth of one tip since the reference; where the crack or tip is not known there, since it first was."""
    known = [place for place in places if place is not None]
    own = None if reference is None else places[reference]
    start = own if own is not None else known[0] if known else 0.0
    return [None if place is None else outwards * (place - start) for place in places]


def _area(reading: CrackReading) -> float | None:
    """Mean opening times length: a mask's own area counts blur for crack."""
    if reading.opening_px is None or reading.length_px is None:
        return None
    return max(reading.opening_px, 0.0) * reading.length_px


def _unmeasured(state: CrackState, seen_share: float) -> str | None:
    """Why the gap was not measured, in a sentence, or None."""
    if state is CrackState.GONE_DARK:
        return "The crack was not found in this capture. That does not mean it has closed: look at the photo."
    if state is CrackState.NOT_SHOWN or seen_share < _LEAST_SEEN:
        return "The photo does not show enough of this crack. Take it from the same position as the reference."
    return None
