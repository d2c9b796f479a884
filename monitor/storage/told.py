"""What people told of patches and cracks, beside what was found: frozen views, and which crack is meant."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

#: Courses nearer than this to each other run along the same crack: registration and masks leave so much.
SAME_COURSE_PX = 12.0
#: So much of the shorter course has to lie along the other one.
_SAME_SHARE = 0.5


class CorrectionKind(StrEnum):
    """What a person says of a crack: it is one, it is none, or it was missed and runs here."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MARKED = "marked"


@dataclass(frozen=True)
class CorrectionView:
    """A person's word on one crack, known by its `course` float64 (n, 2), (row, col) of the reference's frame.

    `crack` is what it was called then; of a MARKED one, what it is called since. `capture_id` is the photo that the
    person looked at, None where no one photo was meant.
    """

    id: int
    location_id: int
    reference_capture_id: int
    capture_id: int | None
    kind: CorrectionKind
    crack: str
    course: NDArray[np.float64] = field(repr=False, compare=False)
    why: str
    recorded_at: datetime
    recorded_by: str | None


@dataclass(frozen=True)
class PatchJudgementView:
    """A person's word on one patch of a capture: `side_px` square from (row_px, col_px) of the reference's frame on."""

    id: int
    location_id: int
    capture_id: int
    row_px: int
    col_px: int
    side_px: int
    cracked: bool
    judged_at: datetime
    judged_by: str | None


@dataclass(frozen=True)
class AdaptationView:
    """A trial to adapt the classifier's head to a site: what came of it, in words, and from how many patches.

    `head_sha256` names the head that was kept, None where none was; `undone_at` None while it counts.
    """

    id: int
    site_id: int
    patches: int
    told: str
    head_sha256: str | None
    made_at: datetime
    made_by: str | None
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True)
class FilingView:
    """Where a person put a capture after it had arrived: `after` None for a withdrawal, the same as `before` when it
    was taken back.
    """

    capture_id: int
    before: str
    after: str | None
    why: str
    at: datetime
    by: str | None


@dataclass(frozen=True)
class GaugeView:
    """A width that a person read off a crack with a gauge where it gapes widest, in mm with its standard error."""

    id: int
    location_id: int
    crack: str
    course: NDArray[np.float64] = field(repr=False, compare=False)
    width_mm: float
    standard_error_mm: float
    at: datetime
    recorded_at: datetime
    recorded_by: str | None
    withdrawn_at: datetime | None
    withdrawn_why: str | None


@dataclass(frozen=True)
class GaugeOffset:
    """What has to be added to a location's total openings, in mm, so that they agree with its last gauge reading.

    The change of an opening is not touched by it. `standard_error_mm` comes on top of that of each opening, the same
    for all. Without an offset there is a `message` that says why.
    """

    gauge: GaugeView
    offset_mm: float | None = None
    standard_error_mm: float | None = None
    message: str | None = None


def same_course(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two courses (n, 2) and (m, 2), of stations a few px apart, run along the same crack: most of the shorter
    one lies along the other.
    """
    if not len(one) or not len(other):
        return False
    short, long = sorted((one, other), key=len)
    away = np.min(np.linalg.norm(short[:, None] - long[None], axis=2), axis=1)
    return bool(np.mean(away <= SAME_COURSE_PX) >= _SAME_SHARE)


def drawn(line: NDArray[np.float64], step_px: float) -> NDArray[np.float64]:
    """Points (m, 2) along a polyline (n, 2), at most `step_px` apart, its corners among them."""
    pieces = [line[:1]]
    for start, end in pairwise(line):
        count = max(1, int(np.ceil(np.linalg.norm(end - start) / step_px)))
        pieces.append(start + (end - start) * np.arange(1, count + 1)[:, None] / count)
    return np.concatenate(pieces)
