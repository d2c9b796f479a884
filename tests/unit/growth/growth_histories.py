"""Histories with a known truth."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike

from monitor.growth.fits import FITS
from monitor.growth.linear import DAYS_PER_YEAR
from monitor.records import GrowthFit, Observation

START = datetime(2024, 3, 1, 10, tzinfo=UTC)


def history(years: ArrayLike, values: ArrayLike) -> list[Observation]:
    return [
        Observation(START + timedelta(days=DAYS_PER_YEAR * float(year)), float(value))
        for year, value in zip(np.asarray(years), np.broadcast_to(values, np.shape(years)), strict=True)
    ]


def monthly(n: int) -> np.ndarray:
    return np.arange(n) / 12


def fit(method: str, observations: list[Observation], unit: str = "mm", confidence: float = 0.9) -> GrowthFit:
    return FITS[method](observations, metric="max_width_mm", unit=unit, confidence=confidence)


def all_fits(observations: list[Observation], unit: str = "mm") -> list[GrowthFit]:
    return [fit(method, observations, unit) for method in FITS]
