"""What a history says so far: a verdict with its evidence, or how long to wait for one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from monitor.growth.acceleration import acceleration
from monitor.growth.fits import resolution_of
from monitor.growth.linear import (
    DAYS_PER_YEAR,
    History,
    accepted,
    seasonal_design,
    slope_of_cycle,
    solve,
    straight_design,
)
from monitor.records import RATE_NEEDS_DAYS, RATE_NEEDS_N, GrowthFit, Observation
from monitor.wording import interval, signed

_DAYS_PER_MONTH = DAYS_PER_YEAR / 12


class Outcome(StrEnum):
    """What a verdict can say."""

    DORMANT = "dormant"
    SEASONAL = "seasonal"
    PROGRESSIVE = "progressive"
    ACCELERATING = "accelerating"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True)
class VerdictRules:
    """The limits behind verdicts, in `unit`. There are no universal ones: these are defaults.

    A rate whose interval lies within ±`dormant_rate` per year is dormant (or seasonal, when a yearly
    swing of at least ±`seasonal_amplitude` shows at `seasonal_confidence`); one whose interval lies
    outside is progressive. Where a rate whose interval excludes 0 gets faster at `acceleration_confidence`
    beside the season, and its interval at the last reading lies outside, it is accelerating. No verdict comes before
    `verdict_span_days`. A rate is worth showing from `smallest_n` readings over `smallest_span_days`; where no season
    could be fitted, its interval is widened by what a yearly swing of ±`seasonal_allowance` could feign at the times
    of the readings.
    """

    unit: str = "mm"
    dormant_rate: float = 0.2
    seasonal_amplitude: float = 0.1
    seasonal_confidence: float = 0.95
    acceleration_confidence: float = 0.95
    seasonal_allowance: float = 0.3
    smallest_n: int = RATE_NEEDS_N
    smallest_span_days: float = RATE_NEEDS_DAYS
    verdict_span_days: float = 365.0


DEFAULT_RULES = VerdictRules()


@dataclass(frozen=True)
class Rate:
    """A growth rate per year with its two-sided interval, and whether the season is fitted or only allowed for."""

    slope_per_year: float
    low: float
    high: float
    confidence: float
    unit: str
    season_adjusted: bool

    def __str__(self) -> str:
        how = "season-adjusted" if self.season_adjusted else "provisional, widened for the season"
        return (
            f"{signed(self.slope_per_year)} {self.unit} per year"
            f" ({interval(self.confidence, self.low, self.high)}, {how})"
        )


@dataclass(frozen=True)
class Verdict:
    """A verdict and why. `months_needed` is an estimate of the months still missing, None where unknown or none.

    `provisional_rate` is the best rate so far, given with every verdict that has one.
    """

    verdict: Outcome
    evidence: str
    months_needed: float | None = None
    provisional_rate: Rate | None = None


def rate_so_far(
    observations: Sequence[Observation], fits: Iterable[GrowthFit], rules: VerdictRules = DEFAULT_RULES
) -> Rate | None:
    """The season-adjusted rate once there is a year of readings, else the straight line's, widened for the season.

    Season-adjusted is the seasonal fit or, where it failed, that beside temperature. None below `smallest_n`
    readings or `smallest_span_days`, where neither fit succeeded, or where the straight line's unit is not the
    one the allowance is declared in.
    """
    fits, observations = list(fits), accepted(observations)
    if not _worth_showing(observations, rules):
        return None
    adjusted = _season_adjusted(fits)
    if adjusted is not None and (adjusted.span_days or 0.0) >= rules.verdict_span_days:
        return _rate(adjusted, widened_by=0.0, season_adjusted=True)
    line = next((fit for fit in fits if fit.method == "least_squares" and fit.success), None)
    if line is None or line.unit != rules.unit:
        return None
    feigned = slope_of_cycle(History.of(observations).years, rules.seasonal_allowance)
    return _rate(line, widened_by=feigned, season_adjusted=False)


def judge(
    observations: Sequence[Observation], fits: Iterable[GrowthFit], rules: VerdictRules = DEFAULT_RULES
) -> Verdict:
    """The verdict on one metric's history from its fits (of these observations, by `growth.fits`).

    The order of neither matters; readings of grade C count for nothing. A unit other than the limits' gets no
    verdict, only the rate.
    """
    fits, observations = list(fits), accepted(observations)
    if observations and all(seen.value == 0 for seen in observations):
        sentence = f"No crack was found in any of the {len(observations)} captures, so nothing can be said of growth."
        return Verdict(Outcome.NOT_ENOUGH_DATA, sentence)
    rate = rate_so_far(observations, fits, rules)
    adjusted = _season_adjusted(fits)
    missing = _missing(observations, fits, rules)
    if missing is not None or rate is None or not rate.season_adjusted or adjusted is None:
        sentence, months = missing or ("No season could be fitted, so there is no verdict yet.", None)
        shown = "" if rate is None else f" The rate so far is {rate}."
        return Verdict(Outcome.NOT_ENOUGH_DATA, sentence + shown, months, rate)
    return _verdict(observations, adjusted, rate, rules)


def _season_adjusted(fits: Iterable[GrowthFit]) -> GrowthFit | None:
    """The fit with the season taken out: by the harmonic, else by temperature."""
    known = {fit.method: fit for fit in fits if fit.success}
    return known.get("seasonal") or known.get("temperature")


def _worth_showing(observations: Sequence[Observation], rules: VerdictRules) -> bool:
    return len(observations) >= rules.smallest_n and History.of(observations).span_days >= rules.smallest_span_days


def _missing(
    observations: Sequence[Observation], fits: Sequence[GrowthFit], rules: VerdictRules
) -> tuple[str, float | None] | None:
    """What stands in the way of any verdict, and the months it takes, or None."""
    units = {fit.unit for fit in fits} - {rules.unit}
    if units:
        return f"The limits are agreed in {rules.unit} and this history is in {', '.join(sorted(units))}.", None
    n = len(observations)
    span_days = History.of(observations).span_days if n else 0.0
    months = max(rules.verdict_span_days - span_days, 0.0) / _DAYS_PER_MONTH
    if months > 0:
        return (
            f"There are {n} readings over {span_days:.0f} days; a verdict needs {rules.smallest_n} over"
            f" {rules.verdict_span_days:.0f} days, so that a whole year's season is in it.",
            months,
        )
    return None


def _verdict(observations: Sequence[Observation], fit: GrowthFit, rate: Rate, rules: VerdictRules) -> Verdict:
    detectable = fit.smallest_detectable_per_year or 0.0
    limit = rules.dormant_rate
    basis = f"The rate is {rate} from {fit.n} readings over {fit.span_days or 0:.0f} days"
    faster = _faster(observations, rate, rules)
    if faster is not None:
        return Verdict(Outcome.ACCELERATING, f"{basis}: {faster}", provisional_rate=rate)
    if rate.low > limit or rate.high < -limit:
        course = "opens" if rate.low > limit else "closes"
        sentence = f"{basis}: it {course} faster than {limit:g} {rules.unit} per year."
        return Verdict(Outcome.PROGRESSIVE, sentence, provisional_rate=rate)
    if -limit < rate.low and rate.high < limit and detectable < limit:
        return _at_rest(observations, rate, basis, detectable, rules)
    sentence = (
        f"{basis}: that may lie on either side of {limit:g} {rules.unit} per year; the smallest rate these"
        f" readings can show is {detectable:.2f}."
    )
    return Verdict(Outcome.NOT_ENOUGH_DATA, sentence, _months_until(detectable, limit, fit), rate)


def _faster(observations: Sequence[Observation], rate: Rate, rules: VerdictRules) -> str | None:
    """How it gets faster, where it does and is progressive by now.

    The whole history must have moved that way too: a bend alone is what chance makes of one in twenty walls at rest.
    """
    found = acceleration(
        observations,
        confidence=rules.acceleration_confidence,
        rate_confidence=rate.confidence,
        resolution=resolution_of(rules.unit),
    )
    if found is None or not found.shows:
        return None
    limit = rules.dormant_rate
    opens, closes = rate.low > 0 and found.rate_low > limit, rate.high < 0 and found.rate_high < -limit
    if not (opens or closes):
        return None
    return (
        f"that changes by {signed(found.per_year_squared)} {rules.unit} per year each year"
        f" ({interval(rules.acceleration_confidence, found.low, found.high)}) and is"
        f" {signed(found.rate)} by now."
    )


def _at_rest(
    observations: Sequence[Observation], rate: Rate, basis: str, detectable: float, rules: VerdictRules
) -> Verdict:
    amplitude, p_value = yearly_swing(observations)
    within = f"{basis}, within {rules.dormant_rate:g} {rules.unit} per year; readings as these show {detectable:.2f}"
    if amplitude >= rules.seasonal_amplitude and p_value < 1 - rules.seasonal_confidence:
        sentence = f"{within}. It swings by ±{amplitude:.2f} {rules.unit} with the year."
        return Verdict(Outcome.SEASONAL, sentence, provisional_rate=rate)
    return Verdict(Outcome.DORMANT, f"{within}.", provisional_rate=rate)


def _months_until(detectable: float, limit: float, fit: GrowthFit) -> float | None:
    """More readings at the same pace: the detectable rate falls with the span to the power 3/2."""
    if detectable < limit or not fit.span_days:
        return None
    return float(fit.span_days / _DAYS_PER_MONTH * ((detectable / limit) ** (2 / 3) - 1))


def yearly_swing(observations: Sequence[Observation]) -> tuple[float, float]:
    """Amplitude of the yearly harmonic beside a trend, and the p-value of the F-test for it.

    (0, 1) where the readings do not allow the fit.
    """
    history = History.of(accepted(observations))
    line = solve(straight_design(history), history)
    wave = solve(seasonal_design(history), history)
    freedom = len(history.values) - 4
    if line is None or wave is None or freedom < 1:
        return 0.0, 1.0
    amplitude = float(np.hypot(*wave.coefficients[2:]))
    left, explained = wave.residuals @ wave.residuals, line.residuals @ line.residuals
    if left <= 0:
        return amplitude, 0.0 if amplitude > 0 else 1.0
    return amplitude, float(stats.f.sf((explained - left) / 2 / (left / freedom), 2, freedom))


def _rate(fit: GrowthFit, *, widened_by: float, season_adjusted: bool) -> Rate | None:
    if fit.slope_per_year is None or fit.low is None or fit.high is None:
        return None
    return Rate(
        slope_per_year=fit.slope_per_year,
        low=fit.low - widened_by,
        high=fit.high + widened_by,
        confidence=fit.confidence,
        unit=fit.unit,
        season_adjusted=season_adjusted,
    )
