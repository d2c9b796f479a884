"""Whether growth gets faster: a quadratic trend beside the season."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.growth.linear import History, accepted, seasonal_design, solve
from monitor.records import Observation

_SMALLEST_FREEDOM = 3


@dataclass(frozen=True)
class Acceleration:
    """The change of the rate, in unit per year squared, and the rate at the last reading, in unit per year.

    Each with its two-sided interval: `low` and `high` of the former, `rate_low` and `rate_high` of the latter.
    """

    per_year_squared: float
    low: float
    high: float
    rate: float
    rate_low: float
    rate_high: float

    @property
    def shows(self) -> bool:
        """Whether the interval of the change of rate excludes 0, in the direction of the present rate."""
        return self.low > 0 < self.rate or self.high < 0 > self.rate


def acceleration(
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    rate_confidence: float = 0.9,
    resolution: float = 0.0,
) -> Acceleration | None:
    """Of a history, by least squares of level, trend, its square and one yearly harmonic; None where that has no fit.

    `resolution`, in the metric's unit, bounds the reading error from below, as in `fits`. How often it is right:
    `trials.verdict_shares`. A late sudden step bends a trend too: ask `events.find_change`.
    """
    observations = accepted(observations)
    if not observations:
        return None
    history = History.of(observations, resolution)
    design = np.column_stack([seasonal_design(history), history.years**2])
    if len(observations) < design.shape[1] + _SMALLEST_FREEDOM:
        return None
    model = solve(design, history, correlated=True)
    if model is None:
        return None
    bend = np.array([0.0, 0.0, 0.0, 0.0, 2.0])
    present = np.array([0.0, 1.0, 0.0, 0.0, 2 * history.years[-1]])
    change, rate = float(bend @ model.coefficients), float(present @ model.coefficients)
    half, rate_half = model.half_width(confidence, contrast=bend), model.half_width(rate_confidence, contrast=present)
    return Acceleration(change, change - half, change + half, rate, rate - rate_half, rate + rate_half)
