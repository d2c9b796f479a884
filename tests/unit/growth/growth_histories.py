"""Histories with a known truth."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike

from monitor.growth.fits import ALL_FITS, FITS
from monitor.growth.linear import DAYS_PER_YEAR
from monitor.records import GrowthFit, Observation

START = datetime(2024, 3, 1, 10, tzinfo=UTC)


def after(years: float) -> datetime:
    return START + timedelta(days=DAYS_PER_YEAR * years)


def history(
    years: ArrayLike,
    values: ArrayLike,
    *,
    errors: ArrayLike | None = None,
    temperatures: ArrayLike | None = None,
    grades: Sequence[str | None] | None = None,
) -> list[Observation]:
    """Observations at `years` after `START`, with what else is given for each or for all."""
    n = len(np.asarray(years))
    return [
        Observation(
            after(float(year)),
            float(value),
            standard_error=None if errors is None else float(np.broadcast_to(errors, n)[place]),
            temperature_c=None if temperatures is None else float(np.broadcast_to(temperatures, n)[place]),
            grade=None if grades is None else grades[place],
        )
        for place, (year, value) in enumerate(zip(np.asarray(years), np.broadcast_to(values, n), strict=True))
    ]


def monthly(n: int) -> np.ndarray:
    return np.arange(n) / 12


def correlated(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Errors of standard deviation 1 that correlate by `memory` between neighbours."""
    errors = rng.standard_normal(n)
    for place in range(1, n):
        errors[place] = memory * errors[place - 1] + np.sqrt(1 - memory**2) * errors[place]
    return errors


def fit(
    method: str,
    observations: list[Observation],
    unit: str = "mm",
    confidence: float = 0.9,
    resolution: float | None = None,
) -> GrowthFit:
    return ALL_FITS[method](
        observations, metric="max_width_mm", unit=unit, confidence=confidence, resolution=resolution
    )


def all_fits(observations: list[Observation], unit: str = "mm") -> list[GrowthFit]:
    return [fit(method, observations, unit) for method in FITS]
