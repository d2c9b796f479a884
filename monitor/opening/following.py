"""All cracks of one location followed through all of its captures.

Everything follows from the whole set of captures, so that it does not matter in which order they arrived. Only what a
single capture shows at given stations is kept from one time to the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from monitor.imaging.photometry import light
from monitor.imaging.station_profiles import StationProfiles
from monitor.opening.followed import Followed
from monitor.opening.gaps import ground_of
from monitor.opening.lips import SmoothView
from monitor.opening.looks import Looks
from monitor.opening.means import LEAST_STATIONS
from monitor.opening.outlines import Outlining
from monitor.opening.sightings import Sighting
from monitor.opening.tracks import track
from monitor.records import ByteArray, Crack, CrackReading, FloatArray


@dataclass(frozen=True)
class Following:
    """The cracks of one location and what each capture shows of each of them, in order of capture time; `profiles` are
    the light across them, for people to look at.
    """

    cracks: tuple[Crack, ...] = ()
    readings: tuple[CrackReading, ...] = ()
    profiles: tuple[StationProfiles, ...] = ()


def follow(
    reference: int,
    sightings: Sequence[Sighting],
    picture: Callable[[int], ByteArray],
    kept: Looks | None = None,
) -> Following:
    """Follow every crack through `sightings`, in order of capture time.

    `reference` is the key of the capture in whose frame all is told; `picture` gives a capture's picture, uint8
    (rows, cols, 3), by its key, and is asked once for each that `kept` does not know well enough. The same comes out
    with and without `kept`.
    """
    tracks = track([sighting.mask for sighting in sightings], lambda index, pixels: sightings[index].seen(pixels))
    outlining = Outlining([sighting.key for sighting in sightings], kept)
    keys = [sighting.key for sighting in sightings]
    own = keys.index(reference) if reference in keys else None
    courses = [Followed(found, outlining.of(found), own) for found in tracks]
    courses = [course for course in courses if len(course.stations) >= LEAST_STATIONS]
    if not courses:
        return Following()
    looking = _Looking(reference, sightings[0].mask.shape, picture, kept)
    for sighting in sightings:
        looking.look(sighting, courses)
    common = ground_of([gaps for course in courses for gaps in course.on_own_ground])
    readings: list[CrackReading] = []
    for course in courses:
        course.settle(common)
        course.keep(sightings, kept)
        grown = course.tip_growth(sightings, own, sightings[0].mask.shape)
        readings.extend(
            replace(reading, first_tip_px=first, second_tip_px=second)
            for reading, (first, second) in zip(course.readings(sightings, own), grown, strict=True)
        )
    cracks = tuple(
        Crack(course.track.name, keys[course.track.first_seen], tuple(map(int, course.widest)), course.stations.points)
        for course in courses
    )
    return Following(cracks, tuple(readings), tuple(course.shown(keys) for course in courses))


class _Looking:
    """Looks at captures, and only where no look is `kept` from before; `shape` is the reference's."""

    def __init__(
        self, reference: int, shape: tuple[int, int], picture: Callable[[int], ByteArray], kept: Looks | None
    ) -> None:
        self._reference, self._shape, self._picture, self._kept = reference, shape, picture, kept

    @cached_property
    def _base(self) -> FloatArray:
        return light(self._picture(self._reference))

    def look(self, sighting: Sighting, courses: Sequence[Followed]) -> None:
        """Have every course look at one capture, or know what it saw there before."""
        own = sighting.key == self._reference
        looks = [course.look_before(sighting, self._kept) for course in courses]
        squares = [None if own else course.squares_before(sighting, self._kept) for course in courses]
        enough = [
            course.answered_by(look) and (own or course.followed_by(found))
            for course, look, found in zip(courses, looks, squares, strict=True)
        ]
        shown = None
        if not all(enough):
            shown = self._base if own else light(self._picture(sighting.key))
        for course, look, found in zip(courses, looks, squares, strict=True):
            if shown is not None:
                look = course.looked(shown, sighting.to_reference, look)
                if not own and not course.followed_by(found):
                    view = SmoothView(shown, self._shape, sighting.to_reference)
                    found = course.followed(SmoothView(self._base, self._shape), view, found)
                    if self._kept is not None:
                        self._kept.keep(sighting.key, course.squares_key(sighting, len(course.whole)), found.arrays())
            assert look is not None, "what is not known has been looked at"
            course.looks.append(look)
            course.lips.append(None if found is None else found.movement())
