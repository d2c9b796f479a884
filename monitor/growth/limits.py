"""When growth as it is reaches a limit: a date with its interval, or the reason why none can be named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitor.growth.fits import SEASONAL_SPAN_DAYS, model_of
from monitor.growth.linear import DAYS_PER_YEAR, LinearModel, accepted
from monitor.records import GrowthFit, Observation
from monitor.wording import signed

#: No date is named further beyond the last reading than so many times the span of the readings.
HORIZON_SPANS = 1.0


@dataclass(frozen=True)
class TimeToLimit:
    """When the trend, season aside, reaches `limit` (in the fit's unit), between `early` and `late` at `confidence`.

    `early` may lie before the last reading. `late` is None where only the calendar's end bounds it. Without a date
    there is a `reason`; the record is then false.
    """

    limit: float
    confidence: float
    at: datetime | None = None
    early: datetime | None = None
    late: datetime | None = None
    reason: str | None = None

    def __bool__(self) -> bool:
        return self.at is not None


def time_to_limit(
    observations: Sequence[Observation], fit: GrowthFit, limit: float, *, resolution: float | None = None
) -> TimeToLimit:
    """Carry a season-adjusted fit of these observations on to `limit`, an upper one, in the fit's unit.

    Refused, with the reason: without a season-adjusted fit that succeeded over 300 days (before, and in a straight
    line, the season passes for growth); where the limit is reached already, by the trend or the latest reading; where
    the interval of the rate holds 0, or the trend leads away; where the date lies further beyond the last reading
    than `HORIZON_SPANS` times what the readings span, for nothing vouches that growth stays as it is.

    The interval, at the fit's confidence, holds the errors of rate and level together (Fieller 1954, J. R. Stat.
    Soc. B 16, 175). Simulated with 13 to 25 monthly readings, rates of 0.5 to 2 mm/yr beside a season and errors of
    0.1 mm, the 90 % interval covers 90 to 96 % of true dates, 83 to 93 % where neighbouring errors correlate by 0.3.
    The season itself may touch the limit earlier.
    """
    model = model_of(observations, fit, resolution=resolution)
    if model is None or fit.origin is None or not _season_adjusted(fit):
        why = fit.message or f"{fit.method.replace('_', ' ')} over {fit.span_days:.0f} days takes the season for growth"
        return TimeToLimit(limit, fit.confidence, reason=f"there is no season-adjusted rate: {why}")
    span = (fit.span_days or 0.0) / DAYS_PER_YEAR
    latest = max(accepted(observations), key=lambda seen: (seen.at, seen.value)).value
    if max(latest, _trend(model, span)) >= limit:
        return TimeToLimit(limit, fit.confidence, reason=f"{limit:g} {fit.unit} is reached already")
    reason = _astray(model, fit, limit, span)
    if reason is not None:
        return TimeToLimit(limit, fit.confidence, reason=reason)
    early, late = _fieller(model, limit, fit.confidence)
    at = _date(fit.origin, _crossing(model, limit))
    return TimeToLimit(limit, fit.confidence, at, _date(fit.origin, early), _date(fit.origin, late))


def _season_adjusted(fit: GrowthFit) -> bool:
    return fit.method in ("seasonal", "temperature") and (fit.span_days or 0.0) >= SEASONAL_SPAN_DAYS


def _trend(model: LinearModel, years: float) -> float:
    return float(model.coefficients[0] + model.slope_per_year * years)


def _crossing(model: LinearModel, limit: float) -> float:
    return float((limit - model.coefficients[0]) / model.slope_per_year)


def _astray(model: LinearModel, fit: GrowthFit, limit: float, span: float) -> str | None:
    """Why the trend of readings over `span` years does not lead to the limit; None where it does."""
    rate, half = model.slope_per_year, model.half_width(fit.confidence)
    if abs(rate) <= half:
        return f"the rate may be 0: it lies between {signed(rate - half)} and {signed(rate + half)} {fit.unit} per year"
    if rate < 0:
        return "the trend leads away from the limit"
    ahead = _crossing(model, limit) - span
    if ahead > HORIZON_SPANS * span:
        return (
            f"at the present rate it is {12 * ahead:.0f} months away; readings over {12 * span:.0f} months vouch for"
            f" no more than {12 * HORIZON_SPANS * span:.0f}"
        )
    return None


def _fieller(model: LinearModel, limit: float, confidence: float) -> tuple[float, float]:
    """The years at which the trend's own interval touches `limit`; the rate must differ from 0 at `confidence`.

    The roots t of (level + rate t - limit)² = q² var(level + rate t).
    """
    scale = model.half_width(confidence) ** 2 / model.precision[1, 1]
    (level_variance, shared), (_, rate_variance) = scale * model.precision[:2, :2]
    gap, rate = model.coefficients[0] - limit, model.slope_per_year
    square, line, plain = rate**2 - rate_variance, gap * rate - shared, gap**2 - level_variance
    spread = np.sqrt(max(line**2 - square * plain, 0.0))
    return float((-line - spread) / square), float((-line + spread) / square)


def _date(origin: datetime, years: float) -> datetime | None:
    try:
        return origin + timedelta(days=years * DAYS_PER_YEAR)
    except OverflowError:
        return None
