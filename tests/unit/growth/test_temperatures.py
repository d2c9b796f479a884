"""How warm it was at a reading: between two neighbours, beside one, or not known."""

from datetime import timedelta

import numpy as np
import pytest
from growth_histories import START, after, history

from monitor.growth.fits import fits_for
from monitor.growth.temperatures import with_temperatures
from monitor.records import Observation, Temperature


def celsius(hours: float, known: dict[float, float]) -> float | None:
    """The temperature `hours` after START, from those that are known, by their hours after START."""
    told = [Temperature(START + timedelta(hours=at), value) for at, value in known.items()]
    (seen,) = with_temperatures([Observation(START + timedelta(hours=hours), 1.0)], told)
    return seen.temperature_c


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({-2: 10.0, 4: 16.0}, 12.0),
        ({-6: 10.0, 6: 20.0}, 15.0),
        ({-2: 10.0, 6.01: 90.0}, 10.0),
        ({-6.01: 90.0, 2.5: 12.0}, 12.0),
        ({-4: 10.0, 6.01: 90.0}, None),
        ({3: 7.0}, 7.0),
        ({-3: -7.0}, -7.0),
        ({3.01: 7.0}, None),
        ({-3.01: 7.0}, None),
        ({0: 5.0}, 5.0),
        ({-1: 50.0, 0: 5.0, 1: 50.0}, 5.0),
        ({-9: 1.0, -2: 10.0, 4: 16.0, 9: 1.0}, 12.0),
        ({}, None),
    ],
)
def test_a_temperature_is_between_its_neighbours_or_beside_one_of_them(
    known: dict[float, float], expected: float | None
) -> None:
    found = celsius(0, known)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_order_of_the_temperatures_does_not_matter_and_nothing_else_changes() -> None:
    observations = history([0.0, 0.2, 0.1], [1.0, 2.0, 3.0], errors=0.1, grades=["A", "B", None])
    told = [Temperature(after(years), celsius) for years, celsius in ((0.2, 9.0), (0.0, 4.0), (0.1, -2.5))]
    found = with_temperatures(observations, told)
    assert [seen.temperature_c for seen in found] == [4.0, 9.0, -2.5]
    assert found == with_temperatures(observations, told[::-1])
    assert with_temperatures(found, []) == observations


def test_a_fit_beside_these_temperatures_finds_the_growth_that_warmth_hides() -> None:
    """0.4 mm per year, and 0.05 mm per °C of a log read every two hours."""
    years = np.arange(10) * 25 / 365.25
    hours = np.arange(0, 24 * 240, 2.0)
    warmth = 10 + 8 * np.sin(hours / 300)
    at_readings = np.interp(years * 365.25 * 24, hours, warmth)
    log = [Temperature(START + timedelta(hours=hour), value) for hour, value in zip(hours, warmth, strict=True)]
    seen = with_temperatures(history(years, 2 + 0.4 * years + 0.05 * at_readings), log)
    fits = {name: fit(seen, metric="widest_mm", unit="mm") for name, fit in fits_for(seen).items()}
    assert fits["temperature"].slope_per_year == pytest.approx(0.4, abs=0.01)
    assert abs((fits["least_squares"].slope_per_year or 0.0) - 0.4) > 0.2
