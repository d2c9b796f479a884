"""What growth would have been seen here? Known growth on a location's own wall, along its own crack.

The crack is taken out of the reference photo, what is left parts along the same course by as much as is wanted, and is
photographed anew as a person would do it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.opening.tips import main_course
from monitor.records import BoolArray, ByteArray, SiteTrial
from simulations.cracks import Crack, crack_along, crack_in
from simulations.growth import steady
from simulations.rendering import Halves
from simulations.stages import MARGIN_PX, Stage
from simulations.validation.figures import root_mean_square
from simulations.validation.judging import first_alarm_days
from simulations.validation.plan import QUICK, realistic
from simulations.validation.trials import Trial, openings, rate, run_trial
from simulations.walls import Shape, Wall

Points = NDArray[np.float64]

#: Photos are simulated no larger than this, around the middle of the crack: pixels stay as large as they are.
MOST_PX: Shape = (720, 960)
#: No crack is simulated narrower than this at first: it would not be there to be followed.
_LEAST_OPENING_PX = 1.5
#: So much around the mask is taken out with the crack, and filled in from so far around.
_RIM_PX, _FILLED_FROM_PX = 4, 5
#: Of a shorter course than this a crack of our own is simulated instead.
_LEAST_COURSE_PX = 60


@dataclass(frozen=True)
class OwnWall:
    """A location's reference `photo`, uint8 (rows, cols, 3), the `mask` of its cracks, bool (rows, cols), and the
    stations `course` (n, 2) of the crack to simulate with its mean `opening_px`; None without a crack. `mm_per_px` is
    None without a scale.
    """

    photo: ByteArray
    mask: BoolArray
    course: Points | None
    opening_px: float
    mm_per_px: float | None

    @property
    def unit(self) -> str:
        """That of growth."""
        return "px" if self.mm_per_px is None else "mm"


def simulate_here(
    wall: OwnWall,
    analyser: Analyser,
    rates: Sequence[float],
    captures: int,
    interval_days: float,
    seed: int,
    on_trial: Callable[[], None] = lambda: None,
) -> list[SiteTrial]:
    """One series for each of `rates` (of the opening where the crack gapes widest, mm per year, px without a scale)."""
    scale = wall.mm_per_px or 1.0
    shape, stage = stage_of(wall, np.random.default_rng(seed))
    chosen = replace(
        realistic(QUICK), captures=captures, interval_days=interval_days, shape=shape, mm_per_px=scale, relief_mm=0.0
    )
    start = max(wall.opening_px, _LEAST_OPENING_PX) * scale
    found = []
    for index, per_year in enumerate(rates):
        series = replace(chosen, name="own", opening_mm=steady(start, per_year))
        trial = run_trial("own", series, seed * 1000 + index, analyser, stage)
        found.append(_told(trial, per_year, wall, SiteTrial(captures, interval_days, wall.unit, per_year)))
        on_trial()
    return found


def _told(trial: Trial, per_year: float, wall: OwnWall, blank: SiteTrial) -> SiteTrial:
    opening, scale = openings(trial), wall.mm_per_px or 1.0
    # Alarms are in mm: without a scale nothing is watched, here as in the service.
    alarm = None if wall.mm_per_px is None else first_alarm_days(trial, wall.mm_per_px)
    if opening is None:
        refused = {analysis.reason for analysis in trial.analyses[1:] if analysis.reason}
        why = "; ".join(sorted(refused)) or "The simulated crack was not found in enough captures."
        return replace(blank, alarm_after_days=alarm, message=why)
    _, fit = rate(trial, opening)
    true, measured = opening.slopes()
    return replace(
        blank,
        true_per_year=true * scale,
        measured_per_year=measured * scale,
        low=None if fit.low is None else fit.low * scale,
        high=None if fit.high is None else fit.high * scale,
        reading_error_px=root_mean_square((opening.measured - opening.true)[1:]),
        alarm_after_days=alarm,
        message=fit.message,
    )


def stage_of(wall: OwnWall, rng: np.random.Generator) -> tuple[Shape, Stage]:
    """The wall without its crack, with one along the same course to be opened, and the shape of the photos to take."""
    rows, cols = wall.photo.shape[:2]
    shape = min(rows, MOST_PX[0]), min(cols, MOST_PX[1])
    line = None if wall.course is None or len(wall.course) < 2 else main_course(wall.course)
    middle = np.array([rows, cols]) / 2 if line is None else line[len(line) // 2]
    corner = [
        int(np.clip(at - side / 2, 0, whole - side))
        for at, side, whole in zip(middle, shape, (rows, cols), strict=True)
    ]
    base = Wall(
        _canvas(_without_crack(wall), corner, shape), np.zeros([side + 2 * MARGIN_PX for side in shape], bool), "own"
    )
    crack = _crack(base, None if line is None else line - corner + MARGIN_PX, rng)
    darkness = _darkness(wall, rng)
    return shape, Stage(base, crack, darkness, Halves.of(crack.path, base.joints.shape))


def _without_crack(wall: OwnWall) -> ByteArray:
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM_PX + 1, 2 * _RIM_PX + 1))
    out = cv2.dilate(wall.mask.astype(np.uint8), rim)
    return np.asarray(cv2.inpaint(wall.photo, out, _FILLED_FROM_PX, cv2.INPAINT_TELEA), np.uint8)


def _canvas(photo: ByteArray, corner: Sequence[int], shape: Shape) -> NDArray[np.float32]:
    """That part of the photo with a margin all around, mirrored where the photo ends; float32 in [0, 1]."""
    whole = cv2.copyMakeBorder(photo, *([MARGIN_PX] * 4), cv2.BORDER_REFLECT_101)
    part = whole[corner[0] : corner[0] + shape[0] + 2 * MARGIN_PX, corner[1] : corner[1] + shape[1] + 2 * MARGIN_PX]
    return np.asarray(part, np.float32) / 255


def _crack(base: Wall, line: Points | None, rng: np.random.Generator) -> Crack:
    """Along `line` as far as it lies on the canvas; else along a way of its own."""
    rows, cols = base.joints.shape
    if line is not None:
        inside = ((line >= 2) & (line <= np.array([rows, cols]) - 3)).all(axis=1)
        if inside.sum() >= _LEAST_COURSE_PX:
            return crack_along(line[inside], rng, wander_px=0.3)
    return crack_in(base, rng, (0.2 * rows, 0.35 * cols), (0.8 * rows, 0.65 * cols), joint_pull=0.0, least_share=0.0)


def _darkness(wall: OwnWall, rng: np.random.Generator) -> float:
    """The light left in the location's own crack, as a share of the whole photo's."""
    if not wall.mask.any():
        return float(rng.uniform(0.05, 0.15))
    grey = wall.photo.mean(axis=2)
    return float(np.clip(np.quantile(grey[wall.mask], 0.1) / max(grey.mean(), 1.0), 0.02, 0.5))
