"""The cracks of a location as they were found, together with what people said of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.sparse_masks import SparseMask
from monitor.imaging.station_profiles import StationProfiles
from monitor.opening.following import Following
from monitor.opening.sightings import Sighting
from monitor.records import BoolArray, Crack, CrackReading, CrackState, Severity
from monitor.severity.metrics import measure
from monitor.storage.told import CorrectionKind, CorrectionView, same_course

#: A crack that a person marked is looked for this far around the line.
_LINE_PX = 5
#: A component of a mask belongs to the courses that pass so near.
_NEAR_PX = 8


@dataclass(frozen=True)
class Corrected:
    """A location's cracks after corrections: those that were marked among them, the id of the last word on each by its
    name, and by capture the sizes of masks without rejected cracks; `profiles` as in `Following`.
    """

    cracks: tuple[Crack, ...] = ()
    readings: tuple[CrackReading, ...] = ()
    corrections: Mapping[str, int] = field(default_factory=dict)
    severities: Mapping[int, Severity] = field(default_factory=dict)
    profiles: tuple[StationProfiles, ...] = ()


def with_corrections(
    found: Following,
    words: Sequence[CorrectionView],
    sightings: Sequence[Sighting],
    follow: Callable[[Sequence[Sighting]], Following],
    width_method: str,
    severities: Mapping[int, Severity],
) -> Corrected:
    """What was `found` by `follow` in `sightings` and what people said of it; `words` are the last on each course.

    Masks are measured by `width_method` where they were made by it. `severities` are those of whole captures, by key,
    where they have one: what is left of one is as much larger or smaller than its mask says as the whole is.
    """
    cracks, readings, profiles = list(found.cracks), list(found.readings), list(found.profiles)
    marks = [word for word in words if word.kind is CorrectionKind.MARKED]
    # One that is found by now needs no second name.
    marks = [mark for mark in marks if not any(same_course(crack.course, mark.course) for crack in cracks)]
    said = {crack.name: word.id for crack in cracks for word in words if same_course(crack.course, word.course)}
    for mark in marks:
        marked = _followed(mark, sightings, follow)
        cracks += marked.cracks
        readings += marked.readings
        profiles += marked.profiles
        said |= {crack.name: mark.id for crack in marked.cracks}
    rejected = [word for word in words if word.kind is CorrectionKind.REJECTED]
    ids = {word.id for word in rejected}
    others = [crack.course for crack in cracks if said.get(crack.name) not in ids]
    corrected = {}
    for sighting in sightings if rejected else ():
        if (severity := severities.get(sighting.key)) is None:
            continue
        mask = sighting.mask.dense()
        left = _without(mask, [word.course for word in rejected], others)
        if np.count_nonzero(left) < len(sighting.mask):
            whole, rest = (measure(one, width_method, np.random.default_rng(0)) for one in (mask, left))
            corrected[sighting.key] = _scaled(rest, whole, severity)
    return Corrected(tuple(cracks), tuple(readings), said, corrected, tuple(profiles))


def _scaled(rest: Severity, whole: Severity, found: Severity) -> Severity:
    """What is left of a mask as it was `found` to be, where its own size is `whole`."""
    if whole.area_px == 0:
        return rest
    scale = found.area_px / whole.area_px
    return replace(rest, area_px=rest.area_px * scale, max_width_px=rest.max_width_px * scale)


def _followed(
    mark: CorrectionView, sightings: Sequence[Sighting], follow: Callable[[Sequence[Sighting]], Following]
) -> Following:
    """A marked line followed as a crack that every capture shows; those before the person's photo do not yet."""
    line = _line(mark.course, sightings[0].mask.shape)
    followed = follow([replace(sighting, mask=line) for sighting in sightings])
    if not followed.cracks:
        return followed
    keys = [sighting.key for sighting in sightings]
    first = keys.index(mark.capture_id) if mark.capture_id in keys else 0
    before = set(keys[:first])
    (whole, *_) = followed.cracks
    readings = [
        replace(reading, crack=mark.crack, state=CrackState.NOT_YET if reading.capture in before else reading.state)
        for reading in followed.readings
        if reading.crack == whole.name
    ]
    # The line says where the crack is, not how much of the wall it takes up.
    return Following(
        (replace(whole, name=mark.crack, first_seen=keys[first]),),
        tuple(replace(reading, length_px=None, area_px=None) for reading in readings),
        tuple(replace(shown, crack=mark.crack) for shown in followed.profiles if shown.crack == whole.name),
    )


def _line(course: NDArray[np.float64], shape: tuple[int, int]) -> SparseMask:
    drawn = np.zeros(shape, np.uint8)
    cv2.polylines(drawn, [np.rint(course[:, ::-1]).astype(np.int32)], False, 1, _LINE_PX)
    return SparseMask.of(drawn > 0)


def _without(
    mask: BoolArray, rejected: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64]]
) -> BoolArray:
    """The mask without the components along which more stations of rejected cracks lie than of others."""
    count, label = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    near = np.asarray(cv2.dilate(label.astype(np.float32), np.ones((2 * _NEAR_PX + 1, 2 * _NEAR_PX + 1))), np.int64)
    against, for_it = (_stations_on(near, courses, count) for courses in (rejected, others))
    gone = against > for_it
    gone[0] = False
    return np.asarray(mask & ~gone[label])


def _stations_on(label: NDArray[np.int64], courses: Sequence[NDArray[np.float64]], count: int) -> NDArray[np.int64]:
    """How many stations of the courses lie on each label (count,)."""
    points = np.rint(np.concatenate([np.zeros((0, 2)), *courses])).astype(np.int64)
    rows, cols = (np.clip(points[:, axis], 0, label.shape[axis] - 1) for axis in (0, 1))
    return np.asarray(np.bincount(label[rows, cols], minlength=count))
