"""The simulator as judge: the real analysis over series whose truth is known, and how far its numbers are off.

What is validated is the code that the service runs: registration, classifier, relevance, mask, severity, stations,
fits and alarms. Every trial has its own wall, crack, light and camera, all from one seed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.growth.fits import least_squares, seasonal
from monitor.growth.triggers import TriggerLevel, evaluate_triggers
from monitor.imaging.registration import register
from monitor.opening.following import Sighting, follow
from monitor.records import Analysis, Crack, CrackReading, Grade, GrowthFit, Observation, Status
from simulations.cracks import Crack as SimulatedCrack
from simulations.growth import steady
from simulations.scenarios import Scenario, Truth, captures, scenario

Floats = NDArray[np.float64]

_CAPTURES, _INTERVAL_DAYS = 15, 30.4375
_YEARS = (_CAPTURES - 1) * _INTERVAL_DAYS / 365.25
_KINDS = ("bonded", "rubble", "plain", "cc0_texture")
_MM_PER_PX = 0.5
#: A crack counts as the simulated one when its stations lie this near to it ...
_ON_COURSE_PX = 6.0
#: ... and at least this share of them do.
_LEAST_ON_COURSE = 0.5
#: Growth of the default amber rate, doubled, in mm per year.
_TWICE_AMBER = 1.0


@dataclass(frozen=True)
class Plan:
    """How many series of each kind are simulated: growing by 4 to 8 px and by 1 to 4 px in all (log-uniform), at twice
    the amber rate, static, and under the paper's protocol; and pairs of photos of different walls.
    """

    large: int
    small: int
    amber: int
    static: int
    paper: int
    unrelated: int
    shape: tuple[int, int]

    @property
    def trials(self) -> int:
        """How many series that makes."""
        return self.large + self.small + self.amber + self.static + self.paper


QUICK = Plan(large=3, small=3, amber=2, static=3, paper=3, unrelated=20, shape=(720, 960))
FULL = Plan(large=40, small=40, amber=40, static=300, paper=100, unrelated=500, shape=(720, 960))


@dataclass(frozen=True)
class Trial:
    """One series as the pipeline saw it."""

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


def _distance(crack: Crack, truth: SimulatedCrack) -> Floats:
    return np.array([float(np.hypot(*(truth.path - point).T).min()) for point in crack.course])


def validate(
    analyser: Analyser, plan: Plan, seed: int, on_trial: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Any]:
    """Run every trial of a plan; the result's keys say what was measured and in which unit."""
    jobs = list(_scenarios(plan, np.random.default_rng(seed)))
    trials = []
    for index, (kind, chosen) in enumerate(jobs):
        trials.append(run_trial(kind, chosen, seed * 1000 + index, analyser))
        on_trial(index + 1, len(jobs))
    opening = [_opening_errors(trial) for trial in trials if trial.kind in ("large", "small", "amber", "static")]
    return {
        **_slopes(trials),
        **_readings(opening),
        **_masks(trials),
        **_alarms(trials),
        **_acceptance(trials),
        "unrelated_accepted": _unrelated_accepted(plan, seed),
        "unrelated": plan.unrelated,
        "n": len(trials),
        "plan": vars(plan),
        "seed": seed,
    }


def _scenarios(plan: Plan, rng: np.random.Generator) -> Iterator[tuple[str, Scenario]]:
    base = replace(
        scenario("growing"),
        captures=_CAPTURES,
        interval_days=_INTERVAL_DAYS,
        shape=plan.shape,
        mm_per_px=_MM_PER_PX,
        length_share=lambda _: 1.0,
        pose=3.0,
        light=2.0,
        weather=0.3,
        lens=0.002,
    )
    growths = [
        *(("large", growth) for growth in np.exp(rng.uniform(np.log(4), np.log(8), plan.large))),
        *(("small", growth) for growth in np.exp(rng.uniform(np.log(1), np.log(4), plan.small))),
        *(("amber", _TWICE_AMBER * _YEARS / _MM_PER_PX) for _ in range(plan.amber)),
        *(("static", 0.0) for _ in range(plan.static)),
    ]
    for index, (kind, growth_px) in enumerate(growths):
        law = steady(float(rng.uniform(2, 5)) * _MM_PER_PX, growth_px * _MM_PER_PX / _YEARS)
        yield kind, replace(base, name=kind, opening_mm=law, wall_kind=_KINDS[index % len(_KINDS)])
    for _ in range(plan.paper):
        yield "paper", replace(scenario("paper"), shape=plan.shape)


def run_trial(kind: str, chosen: Scenario, seed: int, analyser: Analyser) -> Trial:
    """One series through the analysis, and its cracks followed."""
    shown = list(captures(chosen, seed))
    reference = shown[0][1]
    first = analyser.analyse(reference)
    analyses = [first, *(analyser.analyse(photo, reference, first.mask) for _, photo, _ in shown[1:])]
    photos = [photo for _, photo, _ in shown]
    sightings = [
        sighting for index, analysis in enumerate(analyses) if (sighting := _sighting(index, analysis, photos))
    ]
    following = follow(0, sightings, lambda key: photos[key])
    kept = tuple(replace(analysis, relevance=None, aligned=None, mask=None) for analysis in analyses)
    truths = tuple(truth for truth, _, _ in shown)
    return Trial(kind, truths, kept, following.cracks, following.readings)


def _sighting(index: int, analysis: Analysis, photos: Sequence[NDArray[np.uint8]]) -> Sighting | None:
    if analysis.status not in (Status.MEASURED, Status.NO_CRACK) or analysis.mask is None:
        return None
    matrix = np.eye(3) if analysis.registration is None else analysis.registration.matrix
    if matrix is None:
        return None
    return Sighting(index, analysis.mask, photos[index].shape[:2], matrix)


@dataclass(frozen=True)
class _Openings:
    """True and measured mean opening change (px) and its error, at the stations of one crack, by capture."""

    years: Floats
    true: Floats
    measured: Floats
    errors: Floats

    def slopes(self) -> tuple[float, float]:
        return float(np.polyfit(self.years, self.true, 1)[0]), float(np.polyfit(self.years, self.measured, 1)[0])


def _opening_errors(trial: Trial) -> _Openings | None:
    crack = trial.main_crack()
    if crack is None:
        return None
    rows = []
    start = float(trial.truths[0].opening_px_at(crack.course).mean())
    for reading in trial.readings:
        if reading.crack == crack.name and reading.change_px is not None:
            true = float(trial.truths[reading.capture].opening_px_at(crack.course).mean())
            rows.append((trial.years[reading.capture], true - start, reading.change_px, reading.change_error_px))
    if len(rows) < 3:
        return None
    table = np.array(rows, np.float64)
    return _Openings(*table.T)


def _slopes(trials: Sequence[Trial]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    missed = 0
    covered = []
    for name, kinds in (("", ("large",)), ("_small", ("small", "amber"))):
        errors = []
        for trial in trials:
            if trial.kind in kinds:
                opening = _opening_errors(trial)
                if opening is None:
                    missed += 1
                    continue
                true, measured = opening.slopes()
                errors.append(abs(measured - true) / true)
        found[f"opening_slope_mape_percent{name}"] = _percent(errors)
        found[f"opening_slope_n{name}"] = len(errors)
    for trial in trials:
        opening = None if trial.kind == "paper" else _opening_errors(trial)
        if opening is not None:
            fit = least_squares(_observations(trial, opening), metric="opening_px", unit="px")
            if fit.low is not None and fit.high is not None:
                covered.append(fit.low <= opening.slopes()[0] <= fit.high)
    return {
        **found,
        "opening_not_measured": missed,
        "interval_coverage": float(np.mean(covered)) if covered else None,
        "interval_coverage_n": len(covered),
    }


def _observations(trial: Trial, opening: _Openings) -> list[Observation]:
    first = trial.truths[0].captured_at
    return [
        Observation(first + (trial.truths[-1].captured_at - first) * (years / trial.years[-1]), value)
        for years, value in zip(opening.years, opening.measured, strict=True)
    ]


def _readings(openings: Sequence[_Openings | None]) -> dict[str, Any]:
    """How far single readings of the change since the reference are off, and their errors' claims."""
    known = [opening for opening in openings if opening is not None]
    if not known:
        names = ("error_px_median", "error_px_p95", "within_1_64_errors")
        return {**{f"opening_reading_{name}": None for name in names}, "opening_readings": 0}
    off = np.concatenate([np.abs(opening.measured - opening.true)[1:] for opening in known])
    claimed = np.concatenate([opening.errors[1:] for opening in known])
    return {
        "opening_reading_error_px_median": float(np.median(off)),
        "opening_reading_error_px_p95": float(np.quantile(off, 0.95)),
        "opening_reading_within_1_64_errors": float(np.mean(off <= 1.64 * claimed)),
        "opening_readings": len(off),
    }


def _masks(trials: Sequence[Trial]) -> dict[str, Any]:
    """Area and maximum width from the masks, as the paper scores them: r over all frames, slope by series."""
    found: dict[str, Any] = {}
    for prefix, kinds in (("mask", ("paper",)), ("mask_realistic", ("large", "small", "amber"))):
        for name, true_name, power in (("area", "area_mm2", 2), ("width", "max_width_mm", 1)):
            trues, measures, errors = [], [], []
            for trial in trials:
                if trial.kind not in kinds:
                    continue
                pairs = _mask_pairs(trial, name, true_name, power)
                if len(pairs) >= 3:
                    years, true, measured = np.array(pairs).T
                    trues.extend(true)
                    measures.extend(measured)
                    slope = np.polyfit(years, true, 1)[0]
                    errors.append(abs(np.polyfit(years, measured, 1)[0] - slope) / slope)
            found[f"{prefix}_{name}_r"] = float(np.corrcoef(trues, measures)[0, 1]) if len(trues) > 2 else None
            found[f"{prefix}_{name}_slope_mape_percent"] = _percent(errors)
    return found


def _mask_pairs(trial: Trial, name: str, true_name: str, power: int) -> list[tuple[float, float, float]]:
    pairs = []
    for years, truth, analysis in zip(trial.years, trial.truths, trial.analyses, strict=True):
        if analysis.severity is not None:
            measured = analysis.severity.area_px if name == "area" else analysis.severity.max_width_px
            pairs.append((float(years), float(getattr(truth, true_name)), measured * truth.mm_per_px**power))
    return pairs


def _alarms(trials: Sequence[Trial]) -> dict[str, Any]:
    """Whether the default plan asks for amber or red, going by where each crack gapes widest, and after how long."""
    static = [trial for trial in trials if trial.kind == "static"]
    growing = [trial for trial in trials if trial.kind in ("amber", "large")]
    delays = [_first_alarm_days(trial) for trial in growing]
    raised = [delay for delay in delays if delay is not None]
    return {
        "static_alarms": sum(_first_alarm_days(trial) is not None for trial in static),
        "static": len(static),
        "growing_alarmed": len(raised) / len(growing) if growing else None,
        "growing": len(growing),
        "alarm_delay_days_median": float(np.median(raised)) if raised else None,
    }


def _first_alarm_days(trial: Trial) -> float | None:
    first = trial.truths[0].captured_at
    days = []
    for crack in trial.cracks:
        seen = [
            Observation(
                trial.truths[reading.capture].captured_at,
                reading.widest_px * _MM_PER_PX,
                standard_error=(reading.widest_error_px or 0.0) * _MM_PER_PX,
                grade=_grade(trial.analyses[reading.capture]),
            )
            for reading in trial.readings
            if reading.crack == crack.name and reading.widest_px is not None
        ]
        level = TriggerLevel.GREEN
        for count in range(1, len(seen) + 1):
            part = seen[:count]
            level = evaluate_triggers(part, _fits(part), level).level
            if level is not TriggerLevel.GREEN:
                days.append((part[-1].at - first).total_seconds() / 86400)
                break
    return min(days, default=None)


def _grade(analysis: Analysis) -> Grade:
    return Grade.C if analysis.grading is None else analysis.grading.grade


def _fits(observations: Sequence[Observation]) -> list[GrowthFit]:
    return [fit(observations, metric="widest_mm", unit="mm") for fit in (least_squares, seasonal)]


def _acceptance(trials: Sequence[Trial]) -> dict[str, Any]:
    repeats = [analysis for trial in trials if trial.kind != "paper" for analysis in trial.analyses[1:]]
    accepted = [analysis for analysis in repeats if analysis.registration and analysis.registration.accepted]
    good = [analysis for analysis in accepted if _grade(analysis) in (Grade.A, Grade.B)]
    return {
        "genuine": len(repeats),
        "genuine_accepted": len(accepted) / len(repeats) if repeats else None,
        "graded_ab": len(good) / len(repeats) if repeats else None,
    }


def _unrelated_accepted(plan: Plan, seed: int) -> int:
    """Photos of different walls that were taken for one; every second pair is of the same kind of wall."""
    accepted = 0
    for index in range(plan.unrelated):
        pair = []
        for side in (0, 1):
            kind = _KINDS[(index + side * (index % 2)) % len(_KINDS)]
            chosen = replace(scenario("crack_free"), captures=1, shape=plan.shape, wall_kind=kind, parts=False)
            pair.append(next(iter(captures(chosen, 10_000_000 + seed * 10_000 + 2 * index + side)))[1])
        accepted += register(pair[0], pair[1]).accepted
    return accepted


def _percent(errors: Sequence[float]) -> float | None:
    return 100 * float(np.mean(errors)) if errors else None


#: What each figure means, for the report.
_MEANINGS = {
    "opening_slope_mape_percent": "slope of the mean opening, growth of 4 px and more in 14 months: mean error, %",
    "opening_slope_mape_percent_small": "the same, growth of 1 to 4 px",
    "opening_reading_error_px_median": "one reading of the change since the reference: median error, px",
    "opening_reading_error_px_p95": "the same, 95th percentile",
    "opening_reading_within_1_64_errors": "share of readings within 1.64 of their own standard errors",
    "interval_coverage": "share of 90 % intervals of the rate that hold the true one",
    "mask_area_r": "paper's protocol, masks: r of area",
    "mask_width_r": "paper's protocol, masks: r of maximum width",
    "mask_area_slope_mape_percent": "paper's protocol, masks: slope of area, mean error, %",
    "mask_width_slope_mape_percent": "paper's protocol, masks: slope of maximum width, mean error, %",
    "mask_realistic_area_slope_mape_percent": "realistic captures, masks: slope of area, mean error, %",
    "mask_realistic_width_slope_mape_percent": "realistic captures, masks: slope of maximum width, mean error, %",
    "static_alarms": "static series with any alarm",
    "growing_alarmed": "share of growing series with an alarm within 14 months",
    "alarm_delay_days_median": "days until that alarm, median",
    "genuine_accepted": "share of genuine repeats that were registered",
    "graded_ab": "share of genuine repeats graded A or B",
    "unrelated_accepted": "photos of two different walls taken for one",
    "evolution_area_grows": "real evolution of 8 pairs painted on walls: pairs whose area is seen to grow",
    "evolution_length_grows": "the same, length",
}


def as_report(result: Mapping[str, Any], command: str, seconds: float, machine: str) -> str:
    """The figures as a Markdown page, with what they were made by."""
    rows = [f"| {_MEANINGS[name]} | {_figure(result[name])} |" for name in _MEANINGS if name in result]
    plan = ", ".join(f"{name} {value}" for name, value in result["plan"].items())
    counts = ", ".join(
        f"{name.replace('_', ' ')} {result[name]}"
        for name in ("opening_readings", "interval_coverage_n", "static", "growing", "genuine", "unrelated", "n")
        if name in result
    )
    head = (
        "# Validation\n\nSimulated series of known growth through the real analysis; see `simulations/validation.py`."
    )
    made = f"Made by `{command}` in {seconds:.0f} s on {machine}. Plan: {plan}. Counts: {counts}."
    return "\n".join([head, "", made, "", "| figure | value |", "|---|---|", *rows, ""])


def _figure(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def as_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures as text for a table; settings left out."""
    return [(name.replace("_", " "), _figure(value)) for name, value in result.items() if not isinstance(value, dict)]
