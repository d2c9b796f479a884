"""What is said beside a verdict: the damage class, when the next is reached, a clear break; and nothing unfounded."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.growth.fits import least_squares, seasonal, with_shared_error
from monitor.growth.remarks import remarks
from monitor.records import GrowthFit, Observation

START = datetime(2024, 1, 15, 10, tzinfo=UTC)


def history(rate: float, start: float = 1.5, readings: int = 18, step: float = 0.0) -> list[Observation]:
    rng = np.random.default_rng(1)
    years = np.arange(readings) / 12
    values = start + rate * years + step * (years > years[readings // 2]) + rng.normal(0, 0.02, readings)
    return [
        Observation(START + timedelta(days=365.25 * year), value) for year, value in zip(years, values, strict=True)
    ]


def said(observations: list[Observation], unit: str = "mm") -> str:
    fits = [fit(observations, metric=f"widest_{unit}", unit=unit) for fit in (least_squares, seasonal)]
    return " ".join(remarks(observations, fits, unit))


def test_the_damage_class_comes_with_its_source_and_caveat() -> None:
    words = said(history(0.0))
    assert "class 'slight' of BRE Digest 251" in words
    assert "no measure of damage by itself" in words


def test_steady_growth_has_a_date_for_the_next_class() -> None:
    # From 1.5 mm at 2 mm/year, 5 mm is reached after 1.75 years, four months beyond the last reading.
    words = said(history(2.0))
    assert "leaves that class at 5 mm in October 2025" in words


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_no_date_where_the_readings_do_not_reach_so_far(rate: float) -> None:
    assert "leaves that class" not in said(history(rate))


def test_a_step_is_told_and_steady_growth_is_none() -> None:
    assert "A step of +1.0" in said(history(0.0, step=1.0))
    assert "step" not in said(history(1.0))


def test_pixels_have_no_class() -> None:
    assert "class" not in said(history(2.0), "px")


def test_no_reading_nothing_said() -> None:
    assert remarks([], [], "mm") == []


def fitted(slope: float) -> GrowthFit:
    return GrowthFit("A", "widest_mm", "mm", "seasonal", 15, True, None, slope, slope - 0.1, slope + 0.2)


def test_the_scale_error_widens_intervals_of_growth_and_not_of_rest() -> None:
    still, growing = with_shared_error(fitted(0.0), 0.05), with_shared_error(fitted(2.0), 0.05)
    assert (still.low, still.high) == pytest.approx((-0.1, 0.2))
    shared = 1.645 * 0.05 * 2.0
    assert (2.0 - growing.low, growing.high - 2.0) == pytest.approx(
        (np.hypot(0.1, shared), np.hypot(0.2, shared)), rel=1e-3
    )
    assert with_shared_error(fitted(2.0), 0.0) == fitted(2.0)
