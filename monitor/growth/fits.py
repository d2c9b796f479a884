"""Growth fits: the rate of one metric, each method with the interval of its slope.

A year is 365.25 days. The order in which observations are handed in does not matter; those of grade C are left
out. What cannot be fitted is a `GrowthFit` with `success` False and a message, never an exception.

No interval is narrower than the reading error allows: residuals count as at least what the standard errors of the
readings imply or, where a reading has none, the `resolution` (in the metric's unit; else that of `RESOLUTIONS`).
Equal readings thus give a rate of 0 with the interval of a reading error of one resolution: from identical values
alone no error can be known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np
from scipy import stats

from monitor.errors import MisuseError, UnknownNameError
from monitor.growth.linear import (
    Design,
    History,
    LinearModel,
    accepted,
    seasonal_design,
    solve,
    straight_design,
    temperature_design,
)
from monitor.records import GrowthFit, Observation

SMALLEST_N = 3
#: A fit of trend and season needs at least this much.
SEASONAL_SPAN_DAYS = 300.0
SEASONAL_N = 8
#: A fit of trend and temperature needs so many readings that carry one.
TEMPERATURE_N = 8

#: The least standard error of a reading, by unit, where nothing better is known. A tenth of a pixel is what a sharp
#: photo resolves; in millimetres that depends on the scale (pass `resolution=0.1 * mm_per_px`), so that the default
#: is a calliper's. A unit that is not here has no floor.
RESOLUTIONS: Mapping[str, float] = MappingProxyType({"px": 0.1, "px²": 1.0, "mm": 0.01, "mm²": 0.1, "cracks": 0.3})

_DETECTION_CONFIDENCE = 0.95

#: The standard error of an opening's growth that all readings share, as a share of it: what a gap's model makes of the
#: light is wrong by the same factor in each. (In 40 growing series that `crackmonitor validate` simulates with seeds 1
#: and 2, 1.2 % goes best with the errors of the rates; of their 90 % intervals 88 % held the true rate without it and
#: 98 % with it.)
OPENING_SHARE = 0.02


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
        resolution: float | None = None,
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
    season: tuple[float, float] | None = None


def least_squares(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
    resolution: float | None = None,
) -> GrowthFit:
    """Least squares with the t-interval of the slope and Pearson's r (None for constant values).

    Readings that all have a standard error are weighted (see `linear.solve`). The interval holds for independent
    errors without a season; `seasonal` is for the rest.
    """
    blank = _blank("least_squares", metric, unit, crack, confidence)
    return _fitted(blank, observations, _straight_line, resolution)


def _straight_line(history: History, confidence: float) -> _Line | str:
    model = _solved("least_squares", history)
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
    resolution: float | None = None,
) -> GrowthFit:
    """The median of all pairwise slopes, doi:10.1080/01621459.1968.10480934: a few wild readings do not move it.

    Its interval is asymptotic (normal approximation of Kendall's S): rough for fewer than about ten
    readings, and it takes them as independent. `intercept` is the median value carried back to `origin`.
    Standard errors do not weigh here; they only bound the interval from below, as a straight line's.
    """
    blank = _blank("theil_sen", metric, unit, crack, confidence)
    return _fitted(blank, observations, _median_slope, resolution)


def _median_slope(history: History, confidence: float) -> _Line | str:
    if np.ptp(history.values) == 0:
        return _no_narrower(_Line(0.0, 0.0, 0.0, float(history.values[0])), history, confidence)
    with np.errstate(invalid="ignore"):
        found = stats.theilslopes(history.values, history.years, alpha=confidence)
    if not np.isfinite(found.low_slope):
        return "too many readings share a time or a value to give an interval"
    slope, low, high = float(found.slope), float(found.low_slope), float(found.high_slope)
    line = _Line(slope, low, high, float(found.intercept))
    return _no_narrower(line, history, confidence)


def _no_narrower(line: _Line, history: History, confidence: float) -> _Line:
    """The line with at least the interval that the known reading error gives a straight line."""
    model = _solved("theil_sen", replace(history, weighted=False))
    half = 0.0 if model is None else model.half_width(confidence, model.floor)
    return replace(line, low=min(line.low, line.slope - half), high=max(line.high, line.slope + half))


def seasonal(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
    resolution: float | None = None,
) -> GrowthFit:
    """Least squares of a trend and one yearly harmonic; needs 300 days and 8 readings.

    Readings that all have a standard error are weighted, and the t-interval is widened for positive lag-1
    autocorrelation of the residuals (see `linear.solve`). `intercept` is the trend at `origin`, without the season,
    which `season_cos` and `season_sin` tell.
    """
    blank = _blank("seasonal", metric, unit, crack, confidence)
    return _fitted(blank, observations, _trend_beside_season, resolution)


def _trend_beside_season(history: History, confidence: float) -> _Line | str:
    n = len(history.values)
    if n < SEASONAL_N or history.span_days < SEASONAL_SPAN_DAYS:
        return (
            f"a season needs {SEASONAL_N} readings over {SEASONAL_SPAN_DAYS:.0f} days to show;"
            f" there are {n} over {history.span_days:.0f}"
        )
    model = _solved("seasonal", history)
    if model is None:
        return "the readings lie at too few times of the year to tell trend and season apart"
    cos, sin = (float(part) for part in model.coefficients[2:])
    return replace(_line(model, confidence), season=(cos, sin))


def temperature(
    observations: Sequence[Observation],
    *,
    metric: str,
    unit: str,
    crack: str = "all",
    confidence: float = 0.9,
    resolution: float | None = None,
) -> GrowthFit:
    """Least squares of a trend and a term linear in temperature, through the readings that carry one (8 or more).

    It takes out whatever follows the temperature at once, hot days as well as summers. What lags behind the air (thick
    walls) or follows moisture stays in. Simulated with monthly readings, 0.03 mm per °C and an error of 0.1 mm, the
    90 % interval covers 92 to 94 % of true rates and is 25 to 45 % shorter than that of `seasonal`; where the wall lags
    by a month it covers 71 to 76 % before a year is full, and is three times as long as `seasonal` later.
    `intercept` is the trend at `origin` at the readings' mean temperature, `n` counts the readings with a temperature.
    Weights and interval as in `seasonal`.
    """
    blank = _blank("temperature", metric, unit, crack, confidence)
    return _fitted(blank, observations, _trend_beside_temperature, resolution)


def _trend_beside_temperature(history: History, confidence: float) -> _Line | str:
    n = len(history.values)
    if n < TEMPERATURE_N:
        return f"a temperature term needs {TEMPERATURE_N} readings that carry a temperature; there are {n}"
    model = _solved("temperature", history)
    if model is None:
        return "the temperatures do not vary, or only along with time, so that trend and temperature look alike"
    return _line(model, confidence)


#: The methods that need times and values alone, by their key, which is also `GrowthFit.method`.
FITS: Mapping[str, Fit] = MappingProxyType(
    {"least_squares": least_squares, "theil_sen": theil_sen, "seasonal": seasonal}
)

#: Every method by its key.
ALL_FITS: Mapping[str, Fit] = MappingProxyType({**FITS, "temperature": temperature})

_DESIGNS: Mapping[str, Callable[[History], Design]] = MappingProxyType(
    {
        "least_squares": straight_design,
        "theil_sen": straight_design,
        "seasonal": seasonal_design,
        "temperature": temperature_design,
    }
)
_CORRELATED = frozenset({"seasonal", "temperature"})


def with_shared_error(fit: GrowthFit, share: float) -> GrowthFit:
    """The fit with its interval widened by a standard error that is such a share of the rate, alike in all readings: no
    scatter between them shows it. That of a location's scale is one (twice that for areas), `OPENING_SHARE` another.
    """
    if not fit.success or fit.slope_per_year is None or fit.low is None or fit.high is None or share <= 0:
        return fit
    shared = float(stats.norm.ppf((1 + fit.confidence) / 2)) * share * abs(fit.slope_per_year)
    down, up = (
        float(np.hypot(fit.slope_per_year - fit.low, shared)),
        float(np.hypot(fit.high - fit.slope_per_year, shared)),
    )
    return replace(fit, low=fit.slope_per_year - down, high=fit.slope_per_year + up)


def fits_for(observations: Sequence[Observation]) -> Mapping[str, Fit]:
    """The methods worth trying on these observations: those of `FITS`, and `temperature` where enough carry one."""
    warm = _usable("temperature", observations)
    return ALL_FITS if len(warm) >= TEMPERATURE_N else FITS


def model_of(
    observations: Sequence[Observation], fit: GrowthFit, *, resolution: float | None = None
) -> LinearModel | None:
    """The least squares behind a fit that succeeded; Theil-Sen is taken as a straight line. None where there is none.

    Raises `UnknownNameError` for a method that is not in `ALL_FITS`.
    """
    if not fit.success:
        return None
    return _solved(fit.method, _history(fit, observations, resolution))


def smallest_detectable_rate(
    observations: Sequence[Observation],
    fit: GrowthFit,
    *,
    sigma: float | None = None,
    resolution: float | None = None,
) -> float | None:
    """The slope per year whose 95 % interval would just exclude standstill, at these times, in this fit's model.

    The reading error is taken from the residuals (and bounded from below as in every fit), or is `sigma`
    (in the fit's unit) of every reading where that is known.
    Theil-Sen is taken as a straight line by least squares. None where the fit did not succeed.
    """
    if not fit.success:
        return None
    if sigma is None:
        model = model_of(observations, fit, resolution=resolution)
    else:
        history = replace(_history(fit, observations, resolution), weighted=False)
        model = solve(_DESIGNS[fit.method](history), history)
    return None if model is None else model.half_width(_DETECTION_CONFIDENCE, sigma)


def unusable(observations: Sequence[Observation]) -> str | None:
    """Why nothing can be fitted to these observations, whatever the method; None where something may."""
    if len(observations) < SMALLEST_N:
        return f"a rate needs {SMALLEST_N} readings; there are {len(observations)}"
    if not np.all(np.isfinite([seen.value for seen in observations])):
        return "a reading is not a finite number"
    if not all(_sound(seen.standard_error, above=0.0) for seen in observations):
        return "the standard error of a reading is not a positive number"
    if not all(_sound(seen.temperature_c, above=-np.inf) for seen in observations):
        return "the temperature of a reading is not a finite number"
    if len({seen.at for seen in observations}) == 1:
        return "all readings were taken at the same time"
    return None


def resolution_of(unit: str, declared: float | None = None) -> float:
    """The least standard error of a reading without one: as declared, else of `RESOLUTIONS`, else 0."""
    return RESOLUTIONS.get(unit, 0.0) if declared is None else declared


def _history(fit: GrowthFit, observations: Sequence[Observation], resolution: float | None) -> History:
    if fit.method not in _DESIGNS:
        raise UnknownNameError("fit method", fit.method, _DESIGNS)
    return History.of(_usable(fit.method, observations), resolution_of(fit.unit, resolution))


def _usable(method: str, observations: Sequence[Observation]) -> list[Observation]:
    seen = accepted(observations)
    return [one for one in seen if one.temperature_c is not None] if method == "temperature" else seen


def _solved(method: str, history: History) -> LinearModel | None:
    return solve(_DESIGNS[method](history), history, correlated=method in _CORRELATED)


def _blank(method: str, metric: str, unit: str, crack: str, confidence: float) -> GrowthFit:
    if not 0 < confidence < 1:
        raise MisuseError(f"A confidence of {confidence} cannot be; it lies between 0 and 1, for example 0.9.")
    return GrowthFit(
        crack=crack,
        metric=metric,
        unit=unit,
        method=method,
        n=0,
        success=False,
        confidence=confidence,
    )


def _fitted(
    blank: GrowthFit,
    observations: Sequence[Observation],
    method: Callable[[History, float], _Line | str],
    resolution: float | None,
) -> GrowthFit:
    usable = _usable(blank.method, observations)
    blank = replace(blank, n=len(usable))
    message = unusable(usable)
    if message is not None:
        return replace(blank, message=message)
    history = _history(blank, usable, resolution)
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
        season_cos=None if line.season is None else line.season[0],
        season_sin=None if line.season is None else line.season[1],
    )
    detectable = smallest_detectable_rate(usable, fit, resolution=resolution)
    return replace(fit, smallest_detectable_per_year=detectable)


def _sound(number: float | None, *, above: float) -> bool:
    return number is None or above < number < np.inf


def _line(model: LinearModel, confidence: float) -> _Line:
    slope, half = model.slope_per_year, model.half_width(confidence)
    return _Line(slope, slope - half, slope + half, float(model.coefficients[0]))
