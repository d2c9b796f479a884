"""Growth fits: the rate of one metric, each method with the interval of its slope.

A year is 365.25 days. The order in which observations are handed in does not matter. What cannot be
fitted is a `GrowthFit` with `success` False and a message, never an exception.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np
from scipy import stats

from monitor.errors import MisuseError, UnknownNameError
from monitor.growth.linear import Design, History, LinearModel, Years, seasonal_design, solve, straight_design
from monitor.records import GrowthFit, Observation

SMALLEST_N = 3
#: A fit of trend and season needs at least this much.
SEASONAL_SPAN_DAYS = 300.0
SEASONAL_N = 8

_DETECTION_CONFIDENCE = 0.95


class Fit(Protocol):
    """How a method in `FITS` is called. `confidence` in (0, 1) is that of the two-sided interval."""

    def __call__(
        self,
        observations: Sequence[Observation],
        *,
        metric: str,
        unit: str,
        crack: str = "all",
        confidence: float = 0.9,
    ) -> GrowthFit:
        """Fit one metric's history; raises `MisuseError` only for a `confidence` outside (0, 1)."""
        ...


@dataclass(frozen=True)
class _Line:
    slope: float
    low: float
    high: float
    intercept: float
    r: float | None = None


def least_squares(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
) -> GrowthFit:
    """Ordinary least squares with the t-interval of the slope and Pearson's r (None for constant values).

    The interval holds for independent errors without a season; `seasonal` is for the rest.
    """
    blank = _blank("least_squares", observations, metric, unit, crack, confidence)
    return _fitted(blank, observations, _straight_line)


def _straight_line(history: History, confidence: float) -> _Line | str:
    model = solve(straight_design(history.years), history.values)
    if model is None:
        return "the readings lie too close together in time"
    varies = np.ptp(history.values) > 0
    r = float(np.corrcoef(history.years, history.values)[0, 1]) if varies else None
    return replace(_line(model, confidence), r=r)


def theil_sen(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
) -> GrowthFit:
    """The median of all pairwise slopes, doi:10.1080/01621459.1968.10480934: a few wild readings do not move it.

    Its interval is asymptotic (normal approximation of Kendall's S): rough for fewer than about ten
    readings, and it takes them as independent. `intercept` is the median value carried back to `origin`.
    """
    blank = _blank("theil_sen", observations, metric, unit, crack, confidence)
    return _fitted(blank, observations, _median_slope)


def _median_slope(history: History, confidence: float) -> _Line | str:
    if np.ptp(history.values) == 0:
        return _Line(0.0, 0.0, 0.0, float(history.values[0]))
    with np.errstate(invalid="ignore"):
        found = stats.theilslopes(history.values, history.years, alpha=confidence)
    if not np.isfinite(found.low_slope):
        return "too many readings share a time or a value to give an interval"
    return _Line(*(float(value) for value in (found.slope, found.low_slope, found.high_slope, found.intercept)))


def seasonal(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
) -> GrowthFit:
    """Ordinary least squares of a trend and one yearly harmonic; needs 300 days and 8 readings.

    The t-interval is widened for positive lag-1 autocorrelation of the residuals (see `linear.solve`).
    `intercept` is the trend at `origin`, without the season.
    """
    blank = _blank("seasonal", observations, metric, unit, crack, confidence)
    return _fitted(blank, observations, _trend_beside_season)


def _trend_beside_season(history: History, confidence: float) -> _Line | str:
    n = len(history.values)
    if n < SEASONAL_N or history.span_days < SEASONAL_SPAN_DAYS:
        return (
            f"a season needs {SEASONAL_N} readings over {SEASONAL_SPAN_DAYS:.0f} days to show;"
            f" there are {n} over {history.span_days:.0f}"
        )
    model = solve(seasonal_design(history.years), history.values, correlated=True)
    if model is None:
        return "the readings lie at too few times of the year to tell trend and season apart"
    return _line(model, confidence)


#: Every method by its key, which is also `GrowthFit.method`.
FITS: Mapping[str, Fit] = MappingProxyType(
    {"least_squares": least_squares, "theil_sen": theil_sen, "seasonal": seasonal}
)

_DESIGNS: Mapping[str, Callable[[Years], Design]] = MappingProxyType(
    {"least_squares": straight_design, "theil_sen": straight_design, "seasonal": seasonal_design}
)


def smallest_detectable_rate(
    observations: Sequence[Observation], fit: GrowthFit, *, sigma: float | None = None
) -> float | None:
    """The slope per year whose 95 % interval would just exclude standstill, at these times, in this fit's model.

    The reading error is taken from the residuals, or is `sigma` (in the fit's unit) where one is known.
    Theil-Sen is taken as a straight line by least squares. None where the fit did not succeed.
    """
    if not fit.success:
        return None
    if fit.method not in _DESIGNS:
        raise UnknownNameError("fit method", fit.method, _DESIGNS)
    history = History.of(observations)
    correlated = fit.method == "seasonal" and sigma is None
    model = solve(_DESIGNS[fit.method](history.years), history.values, correlated=correlated)
    return None if model is None else model.half_width(_DETECTION_CONFIDENCE, sigma)


def _blank(
    method: str, observations: Sequence[Observation], metric: str, unit: str, crack: str, confidence: float
) -> GrowthFit:
    if not 0 < confidence < 1:
        raise MisuseError(f"A confidence of {confidence} cannot be; it lies between 0 and 1, for example 0.9.")
    return GrowthFit(
        crack=crack,
        metric=metric,
        unit=unit,
        method=method,
        n=len(observations),
        success=False,
        confidence=confidence,
    )


def _fitted(
    blank: GrowthFit, observations: Sequence[Observation], method: Callable[[History, float], _Line | str]
) -> GrowthFit:
    message = _unusable(observations)
    if message is not None:
        return replace(blank, message=message)
    history = History.of(observations)
    line = method(history, blank.confidence)
    known = replace(blank, origin=history.origin, span_days=history.span_days)
    if isinstance(line, str):
        return replace(known, message=line)
    fit = replace(
        known,
        success=True,
        slope_per_year=line.slope,
        low=line.low,
        high=line.high,
        intercept=line.intercept,
        r=line.r,
    )
    return replace(fit, smallest_detectable_per_year=smallest_detectable_rate(observations, fit))


def _unusable(observations: Sequence[Observation]) -> str | None:
    if len(observations) < SMALLEST_N:
        return f"a rate needs {SMALLEST_N} readings; there are {len(observations)}"
    if not np.all(np.isfinite([seen.value for seen in observations])):
        return "a reading is not a finite number"
    if len({seen.at for seen in observations}) == 1:
        return "all readings were taken at the same time"
    return None


def _line(model: LinearModel, confidence: float) -> _Line:
    slope, half = model.slope_per_year, model.half_width(confidence)
    return _Line(slope, slope - half, slope + half, float(model.coefficients[0]))
