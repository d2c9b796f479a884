"""The words of the domain as frozen records: what one layer hands to the next.

Coordinates are `(row, col)` in pixels, pixel centres are integers; homographies act on
homogeneous `(column, row, 1)` because that is OpenCV's convention. Units stand in the name.
Times are always time-zone aware.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64] | NDArray[np.float32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]

#: Raised by hand, and only when the same photo and recipe give other numbers (a golden test enforces it).
ANALYSIS_VERSION = 6


#: Counts up whenever the same photos and masks give other openings: cracks are then followed anew.
FOLLOWING_VERSION = 7


class Status(StrEnum):
    """Outcome of analysing one capture. Anything but MEASURED and NO_CRACK carries a reason."""

    MEASURED = "measured"
    NO_CRACK = "no_crack"
    NOT_MEASURED = "not_measured"
    NOT_REGISTERED = "not_registered"
    REJECTED = "rejected"


#: Outcomes that say how large the cracks in a photo are.
SIZED = (Status.MEASURED, Status.NO_CRACK)


class TimeSource(StrEnum):
    """Where a capture time came from, best first; FILE is uncertain until a person confirms it."""

    PERSON = "person"
    EXIF_OFFSET = "exif_offset"
    EXIF_SITE_ZONE = "exif_site_zone"
    FILE = "file"


class ScaleOrigin(StrEnum):
    """How the millimetres per pixel became known."""

    TYPED = "typed"
    TWO_POINTS = "two_points"
    MARKER = "marker"


class AlertState(StrEnum):
    """Where a rule, a watch or a trigger plan stands; STALE: nothing recent enough is known, which is not OK."""

    OK = "ok"
    FIRING = "firing"
    STALE = "stale"
    AMBER = "amber"
    RED = "red"

    @property
    def raised(self) -> bool:
        """Whether it needs somebody."""
        return self is not AlertState.OK


class AlertAction(StrEnum):
    """What a person does about an alert."""

    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    CLOSED = "closed"


class MessageKind(StrEnum):
    """Why a message goes out: something changed, nobody has acknowledged it yet, or not for too long."""

    CHANGE = "change"
    REMINDER = "reminder"
    ESCALATION = "escalation"


class TriggerLevel(StrEnum):
    """How urgent it is, from calm to urgent."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def rank(self) -> int:
        """0 for green, 2 for red."""
        return list(TriggerLevel).index(self)


class RuleKind(StrEnum):
    """What a rule looks at: the latest value, its change per year, or its change between two captures."""

    LEVEL = "level"
    RATE = "rate"
    CHANGE = "change"


class EventKind(StrEnum):
    """What happened to a wall, or to the way it is looked at, so that its history begins anew."""

    REPAIR = "repair"
    REPAINT = "repaint"
    NEW_CAMERA = "new_camera"
    OTHER = "other"


class CrackState(StrEnum):
    """How one crack stands in one capture, compared with the captures before it."""

    NOT_YET = "not_yet"
    NEW = "new"
    CONTINUED = "continued"
    MERGED = "merged"
    BRANCHED = "branched"
    GONE_DARK = "gone_dark"
    NOT_SHOWN = "not_shown"


class Grade(StrEnum):
    """How far a reading may be trusted, best first; C neither moves a verdict nor raises an alarm."""

    A = "A"
    B = "B"
    C = "C"


#: A growth rate is worth showing from so many readings over so many days on.
RATE_NEEDS_N = 6
RATE_NEEDS_DAYS = 90.0

#: How people call the metrics of a reading.
METRIC_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_width_mm": "Maximum width",
        "max_width_px": "Maximum width",
        "length_mm": "Length",
        "length_px": "Length",
        "area_mm2": "Area",
        "area_px": "Area",
        "crack_count": "Number of cracks",
        "opening_mm": "Mean opening",
        "opening_px": "Mean opening",
        "widest_mm": "Opening at the widest place",
        "widest_px": "Opening at the widest place",
    }
)


#: How people call what happened to a wall.
EVENT_NAMES: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.REPAIR: "repair",
        EventKind.REPAINT: "repainting",
        EventKind.NEW_CAMERA: "change of camera",
        EventKind.OTHER: "event",
    }
)

#: Temperatures of the air or a wall outdoors lie between these, in °C; others are faults of the sensor.
COLDEST_C = -60.0
HOTTEST_C = 80.0


@dataclass(frozen=True)
class CaptureTime:
    """When a photo was taken (aware) and where that is known from."""

    at: datetime
    source: TimeSource

    @property
    def certain(self) -> bool:
        """False when only the file's own time was left to go by."""
        return self.source is not TimeSource.FILE


@dataclass(frozen=True)
class Scale:
    """Millimetres per pixel of the reference capture, its standard error and its origin."""

    mm_per_px: float
    standard_error: float
    origin: ScaleOrigin


@dataclass(frozen=True)
class Registration:
    """How a capture maps onto its location's reference capture.

    `matrix` (3, 3) float64 maps (column, row, 1) of the capture to the reference; None when
    none was found. `residual_px` is the RMS distance of inliers after mapping, in reference pixels;
    `overlap` the share of the reference that the capture covers; `spread` the share of the reference
    spanned by the inliers' convex hull; `agreement` the correlation of the two pictures after alignment.
    """

    accepted: bool
    reason: str | None
    matrix: NDArray[np.float64] | None
    residual_px: float | None
    inliers: int
    overlap: float
    spread: float
    agreement: float | None


@dataclass(frozen=True)
class Grading:
    """A grade, and what about the photo keeps it from being an A, in words that end a sentence."""

    grade: Grade
    reasons: tuple[str, ...] = ()


def shows_cracks(status: Status, grading: Grading | None) -> bool:
    """Whether a photo's mask says where its cracks are. It does without sizes, too, in a photo that is good enough to
    be graded: it does not show all of a crack, and where it does, that can be followed.
    """
    return status in SIZED or grading is not None


@dataclass(frozen=True)
class Severity:
    """Size of the cracks in one mask. Millimetre twins are None without a scale."""

    crack_count: int
    area_px: float
    max_width_px: float
    length_px: float
    area_mm2: float | None = None
    max_width_mm: float | None = None
    length_mm: float | None = None


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a number, named: methods, options, weights, versions.

    `fingerprint` is what readings are keyed by; two readings are comparable only when it is equal.
    """

    options: Mapping[str, Any]
    analysis_version: int = ANALYSIS_VERSION

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the sha256 over the sorted options and the version."""
        canonical = json.dumps(
            {"analysis_version": self.analysis_version, "options": dict(self.options)}, sort_keys=True
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def differences(self, other: "Recipe") -> dict[str, tuple[Any, Any]]:
        """What is otherwise in `other`, by name (a part's option as `part.option`): (here, there), None for absent."""
        here, there = _flat(self.options), _flat(other.options)
        here["analysis_version"], there["analysis_version"] = self.analysis_version, other.analysis_version
        names = sorted(here.keys() | there.keys())
        return {name: (here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name)}


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose parts have been taken apart, as plain JSON values."""
    found: dict[str, Any] = {}
    for name, value in to_json(options).items():
        parts = {f"{name}.{part}": item for part, item in _flat(value).items()} if isinstance(value, dict) else {}
        found |= parts or {name: value}
    return found


@dataclass(frozen=True)
class Analysis:
    """What the analysis of one capture found, in the reference's frame (or its own without one).

    `mask` bool (rows, cols); `relevance` float32 (rows, cols), zero where nothing was explained;
    `aligned` uint8 (rows, cols, 3), the capture warped onto the reference, black beyond the capture.
    `grading` tells how far the photo may be trusted; None where nothing in it counts. `confidence` in [0, 1] is how
    sure the mask is, `crack_confidences` that of each crack in it, largest first; None where no segmenter made it.
    """

    status: Status
    reason: str | None
    crack_probability: float | None
    severity: Severity | None
    registration: Registration | None
    recipe: Recipe
    mask: BoolArray | None = field(default=None, repr=False)
    relevance: FloatArray | None = field(default=None, repr=False)
    aligned: ByteArray | None = field(default=None, repr=False)
    grading: Grading | None = None
    confidence: float | None = None
    crack_confidences: tuple[float, ...] = ()


@dataclass(frozen=True)
class Crack:
    """One crack of a location, under the same `name` for good; `course` float64 (n, 2) are its stations, (row, col)
    of the reference's frame, `first_seen` the capture that showed it first. `widest_stations` index the
    stations whose mean stands for the place where it gapes widest.
    """

    name: str
    first_seen: int
    widest_stations: tuple[int, ...]
    course: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class CrackReading:
    """What one capture shows of one crack, in pixels of the reference.

    `opening_px` is the mean over the crack's stations, from the dark gap; `change_px` how far that is from the
    reference's; `widest_px` the opening where the crack gapes widest, always at the same place. `lips_px` is how
    far the lips moved since the reference by their texture, an independent measure, and `shear_px` how far past
    each other; `agree` tells whether both measures do. Each `_error_px` is the standard error with which the same
    opening would be read again; `shared_error_px` comes on top where the opening itself is asked for and not its
    change, for all captures of a crack share it. `first_tip_px` and `second_tip_px` are how much longer the crack
    has grown at either end since the reference, or since it was first seen: the first is the upper tip, or the left one
    of a crack that lies rather than stands. What could not be measured is None, and `reason` says why of an opening; of
    a tip: it is not shown, or leaves the picture.
    """

    crack: str
    capture: int
    state: CrackState
    reason: str | None = None
    opening_px: float | None = None
    opening_error_px: float | None = None
    change_px: float | None = None
    change_error_px: float | None = None
    widest_px: float | None = None
    widest_error_px: float | None = None
    shared_error_px: float | None = None
    lips_px: float | None = None
    lips_error_px: float | None = None
    shear_px: float | None = None
    agree: bool | None = None
    length_px: float | None = None
    area_px: float | None = None
    first_tip_px: float | None = None
    second_tip_px: float | None = None


@dataclass(frozen=True)
class Observation:
    """One value of one metric at one time, as growth fits take it.

    `standard_error` in the unit of `value`; `temperature_c` of the wall or the air beside it; `grade` is how far
    the reading may be trusted: A, B, or C (kept and shown, but neither fitted nor judged). None: not known.
    """

    at: datetime
    value: float
    capture_id: int | None = None
    standard_error: float | None = None
    temperature_c: float | None = None
    grade: Grade | None = None


@dataclass(frozen=True)
class GrowthFit:
    """A straight line through one metric's history.

    `slope_per_year` in `unit` per year of 365.25 days; `low` and `high` bound the two-sided interval at
    `confidence`; `intercept` is the fitted value at `origin`. `span_days` lies between first and last
    observation; `smallest_detectable_per_year` is the rate these observations could just tell from
    standstill; `season_cos` and `season_sin` add a yearly cycle that is 0 in phase at `origin`, where it was fitted.
    `success` False carries a `message` and NaN-free None values.
    """

    crack: str
    metric: str
    unit: str
    method: str
    n: int
    success: bool
    message: str | None = None
    slope_per_year: float | None = None
    low: float | None = None
    high: float | None = None
    intercept: float | None = None
    r: float | None = None
    confidence: float = 0.9
    origin: datetime | None = None
    span_days: float | None = None
    smallest_detectable_per_year: float | None = None
    season_cos: float | None = None
    season_sin: float | None = None


@dataclass(frozen=True)
class SiteTrial:
    """One simulated series on a location's own wall: what growth it showed, and what was read of it.

    `true_per_year` and `measured_per_year` (with the 90 % interval from `low` to `high`) are of the mean opening, in
    `unit` per year; `reading_error_px` is the root mean square error of a reading; `alarm_after_days` is None without
    an alarm. What was not measured is None, and `message` says why.
    """

    captures: int
    interval_days: float
    unit: str
    true_per_year: float
    measured_per_year: float | None = None
    low: float | None = None
    high: float | None = None
    reading_error_px: float | None = None
    alarm_after_days: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class Offset:
    """By how much a recipe reads a metric otherwise than another: the median over `n` captures of new minus old.

    `low` and `high` bound it at `confidence`; `spread` is the robust standard deviation of the differences, all in
    `unit`. Without a median there is a `message` that says why.
    """

    metric: str
    unit: str
    n: int
    confidence: float
    median: float | None = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class Event:
    """Something known that breaks a location's history at `at`; readings from then on count as after it."""

    at: datetime
    kind: EventKind
    note: str = ""


@dataclass(frozen=True)
class LevelOrder:
    """What a trigger level asks for: an action, who sees to it, and within how many days."""

    action: str
    owner: str
    due_days: float


@dataclass(frozen=True)
class TriggerPlan:
    """From where a location is amber or red, and what to do then; None: that limit is not watched.

    The defaults are no engineering: an engineer agrees a location's own before monitoring starts. `amber_rate` and
    `red_rate` are in mm per year, `red_change` in mm between two captures; `guide` names the damage classes whose
    next one is amber.
    """

    amber_rate: float | None = 0.5
    red_rate: float | None = 2.0
    red_change: float | None = 1.0
    guide: str | None = "bre_digest_251"
    green: LevelOrder = LevelOrder("Go on taking photos as planned.", "who takes the photos", 31.0)
    amber: LevelOrder = LevelOrder("Take another photo, and have an engineer look at the trend.", "the engineer", 7.0)
    red: LevelOrder = LevelOrder("Inspect on site and decide on safety measures.", "the engineer", 1.0)

    def order(self, level: TriggerLevel) -> LevelOrder:
        """What that level asks for."""
        found: LevelOrder = getattr(self, level.value)
        return found


@dataclass(frozen=True)
class Temperature:
    """How warm the wall, or the air beside it, was at an aware time, in °C."""

    at: datetime
    celsius: float


def to_json(record: Any) -> Any:
    """A record, or a mapping that holds some, as plain JSON values: arrays become lists, times ISO 8601, NaN None."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return plain(value.tolist())
        if isinstance(value, np.generic):
            return plain(value.item())
        if isinstance(value, float):
            return value if np.isfinite(value) else None
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
        return value

    return plain(record)
