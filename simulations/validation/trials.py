"""One simulated series through the real analysis, its cracks followed, and what that gives beside the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.growth.fits import OPENING_SHARE, least_squares, seasonal, with_shared_error
from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.following import follow
from monitor.opening.sightings import Sighting
from monitor.records import Analysis, BoolArray, Crack, CrackReading, Grade, GrowthFit, Observation, shows_cracks
from simulations.cracks import Crack as SimulatedCrack
from simulations.scenarios import Scenario, Truth, captures
from simulations.stages import Stage

Floats = NDArray[np.float64]

#: A crack counts as the simulated one when its stations lie this near to it ...
_ON_COURSE_PX = 6.0
#: ... and at least this share of them do.
_LEAST_ON_COURSE = 0.5


@dataclass(frozen=True)
class Trial:
    """One series as the pipeline saw it, in order of time whatever order it came in."""

    kind: str
    truths: tuple[Truth, ...]
    analyses: tuple[Analysis, ...]
    cracks: tuple[Crack, ...]
    readings: tuple[CrackReading, ...]

    @property
    def years(self) -> Floats:
        """Time of each capture since the first."""
        first = self.truths[0].captured_at
        return np.array([(truth.captured_at - first).total_seconds() / 86400 / 365.25 for truth in self.truths])

    def main_crack(self) -> Crack | None:
        """The crack with most stations on the simulated course, None where it was not found."""
        truth = self.truths[-1].crack
        if truth is None:
            return None
        near = {crack.name: _distance(crack, truth) < _ON_COURSE_PX for crack in self.cracks}
        on_course = [crack for crack in self.cracks if near[crack.name].mean() > _LEAST_ON_COURSE]
        return max(on_course, key=lambda crack: int(near[crack.name].sum()), default=None)

    def grade(self, capture: int) -> Grade:
        """Of that capture's reading; C where there is none."""
        grading = self.analyses[capture].grading
        return Grade.C if grading is None else grading.grade


def _distance(crack: Crack, truth: SimulatedCrack) -> Floats:
    return np.array([float(np.hypot(*(truth.path - point).T).min()) for point in crack.course])


def run_trial(kind: str, chosen: Scenario, seed: int, analyser: Analyser, stage: Stage | None = None) -> Trial:
    """One series, of the wall `stage` or of one made for `seed`."""
    shown = list(captures(chosen, seed, stage=stage))
    reference = shown[0][1]
    first = analyser.analyse(reference)
    analysed = [(shown[0], first)]
    analysed += [(one, analyser.analyse(one[1], reference, known_cracks(first))) for one in shown[1:]]
    analysed.sort(key=lambda pair: pair[0][0].captured_at)
    photos = [photo for (_, photo, _), _ in analysed]
    sightings = [
        sighting for index, (_, analysis) in enumerate(analysed) if (sighting := _sighting(index, analysis, photos))
    ]
    following = follow(0, sightings, lambda key: photos[key])
    return Trial(
        kind,
        tuple(truth for (truth, _, _), _ in analysed),
        tuple(replace(analysis, relevance=None, aligned=None, mask=None) for _, analysis in analysed),
        following.cracks,
        following.readings,
    )


def known_cracks(reference: Analysis) -> BoolArray | None:
    """Those of the reference, as the service hands them over to the analysis of its repeats."""
    return reference.mask if shows_cracks(reference.status, reference.grading) else None


def _sighting(index: int, analysis: Analysis, photos: Sequence[NDArray[np.uint8]]) -> Sighting | None:
    """As the service has it: a mask that does not say where cracks are is blank; None for what was not registered."""
    registration = analysis.registration
    matrix = np.eye(3) if registration is None else registration.matrix
    if matrix is None or (registration is not None and not registration.accepted):
        return None
    mask = analysis.mask if shows_cracks(analysis.status, analysis.grading) else None
    blank = np.zeros(photos[0].shape[:2], bool)
    return Sighting(index, SparseMask.of(blank if mask is None else mask), photos[index].shape[:2], matrix)


@dataclass(frozen=True)
class Openings:
    """True and measured mean opening change (px) and its error, at the stations of one crack, by capture; and the
    measured mean `opening` (px) itself with its `standard_error`, which is what rates are fitted to.
    """

    captures: NDArray[np.int64]
    years: Floats
    true: Floats
    measured: Floats
    errors: Floats
    opening: Floats
    standard_error: Floats

    def slopes(self) -> tuple[float, float]:
        """True and measured growth, px per year, by least squares through the same captures."""
        return float(np.polyfit(self.years, self.true, 1)[0]), float(np.polyfit(self.years, self.measured, 1)[0])


def openings(trial: Trial) -> Openings | None:
    """Those of the simulated crack; None where it was not found, or measured in fewer than three captures."""
    crack = trial.main_crack()
    if crack is None:
        return None
    start = float(trial.truths[0].opening_px_at(crack.course).mean())
    known = [one for one in trial.readings if one.crack == crack.name and one.change_px is not None]
    rows = [
        (
            trial.years[one.capture],
            float(trial.truths[one.capture].opening_px_at(crack.course).mean()) - start,
            one.change_px,
            one.change_error_px,
            one.opening_px,
            one.opening_error_px,
        )
        for one in known
    ]
    if len(rows) < 3:
        return None
    return Openings(np.array([one.capture for one in known]), *np.array(rows, np.float64).T)


def rate(trial: Trial, opening: Openings) -> tuple[float, GrowthFit]:
    """The true growth of the mean opening, px per year, and that which the service would report: both through the
    captures whose grade lets them count.
    """
    grades = [trial.grade(capture) for capture in opening.captures.tolist()]
    counts = np.array([grade is not Grade.C for grade in grades])
    true = np.polyfit(opening.years[counts], opening.true[counts], 1)[0] if counts.sum() > 1 else 0.0
    seen = [
        Observation(trial.truths[capture].captured_at, value, standard_error=error, grade=grade)
        for capture, value, error, grade in zip(
            opening.captures.tolist(), opening.opening, opening.standard_error, grades, strict=True
        )
    ]
    return float(true), with_shared_error(least_squares(seen, metric="opening_px", unit="px"), OPENING_SHARE)


def widest(trial: Trial, crack: str, mm_per_px: float) -> list[Observation]:
    """The history of where that crack gapes widest, in mm, as the service would judge it."""
    return [
        Observation(
            trial.truths[reading.capture].captured_at,
            reading.widest_px * mm_per_px,
            standard_error=(reading.widest_error_px or 0.0) * mm_per_px,
            grade=trial.grade(reading.capture),
        )
        for reading in trial.readings
        if reading.crack == crack and reading.widest_px is not None
    ]


def fits(observations: Sequence[Observation]) -> list[GrowthFit]:
    """The two that verdicts and alarms go by."""
    made = [fit(observations, metric="widest_mm", unit="mm") for fit in (least_squares, seasonal)]
    return [with_shared_error(fit, OPENING_SHARE) for fit in made]
