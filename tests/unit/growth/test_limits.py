"""Time to a limit: a date with its interval, or a reason."""

from datetime import timedelta

import numpy as np
import pytest
from growth_histories import after, fit, history, monthly

from monitor.growth.limits import TimeToLimit, time_to_limit
from monitor.records import Observation


def wall(n: int, rate: float, *, error: float = 0.05, swing: float = 0.3, seed: int = 1) -> list[Observation]:
    """1 mm wide at first."""
    years, rng = monthly(n), np.random.default_rng(seed)
    season = swing * np.sin(2 * np.pi * (years + rng.random()))
    return history(years, 1 + rate * years + season + error * rng.standard_normal(n))


def reach(observations: list[Observation], limit: float, method: str = "seasonal") -> TimeToLimit:
    return time_to_limit(observations, fit(method, observations), limit)


def test_an_exact_line_reaches_the_limit_on_the_day() -> None:
    found = reach(history(monthly(25), 1 + monthly(25)), 4.0)
    assert found
    assert found.reason is None
    assert found.at is not None
    assert found.early is not None
    assert found.late is not None
    assert abs(found.at - after(3)) < timedelta(hours=1)
    assert found.early < found.at < found.late
    assert found.late - found.early < timedelta(days=10)
    assert (found.limit, found.confidence) == (4.0, 0.9)


@pytest.mark.parametrize(
    ("observations", "limit", "method", "reason"),
    [
        (wall(5, 1.0), 3.0, "seasonal", "a season needs 8 readings"),
        (wall(25, 1.0), 4.0, "least_squares", "least squares over 730 days takes the season for growth"),
        (wall(25, 1.0), 4.0, "theil_sen", "takes the season for growth"),
        (wall(25, 0.0), 2.0, "seasonal", "the rate may be 0"),
        (history(monthly(25), 1.0), 2.0, "seasonal", "the rate may be 0"),
        (wall(25, -1.0), 4.0, "seasonal", "leads away"),
        (wall(25, 1.0), 6.0, "seasonal", "months away; readings over 24 months vouch for no more than 24"),
        (wall(25, 1.0), 2.5, "seasonal", "2.5 mm is reached already"),
        ([], 2.5, "seasonal", "there are 0"),
    ],
)
def test_refusals_and_their_reasons(observations: list[Observation], limit: float, method: str, reason: str) -> None:
    found = reach(observations, limit, method)
    assert not found
    assert (found.at, found.early, found.late) == (None, None, None)
    assert reason in str(found.reason)


def test_the_latest_reading_beyond_the_limit_has_reached_it_whatever_the_trend() -> None:
    observations = history(monthly(25), 1 + monthly(25))
    last = history([2.05], [3.4])
    assert "reached" in str(reach(observations + last, 3.2).reason)
    assert reach(observations + history([2.05], [3.4], grades=["C"]), 3.2)


def test_a_temperature_fit_needs_most_of_a_year_too() -> None:
    def warm(n: int) -> list[Observation]:
        celsius = 10 * np.sin(9 * monthly(n))
        return history(monthly(n), 1 + monthly(n) + 0.03 * celsius, temperatures=celsius)

    assert reach(warm(13), 2.5, "temperature")
    assert "over 274 days" in str(reach(warm(10), 2.0, "temperature").reason)


def test_an_uncertain_rate_leaves_the_late_end_open() -> None:
    observations = wall(25, 1.0, error=0.2, seed=2)
    found = fit("seasonal", observations)
    assert found.slope_per_year is not None
    assert found.low is not None
    wide = fit("seasonal", observations, confidence=0.999999)
    ends = [time_to_limit(observations, one, 3.6).late for one in (found, wide)]
    assert ends[0] is not None
    assert ends[1] is None or ends[1] > ends[0]


@pytest.mark.parametrize("n", [15, 25])
def test_the_interval_holds_the_true_date_as_often_as_stated(n: int) -> None:
    truth = after((n - 1) / 12 + 0.5)
    inside = 0
    for seed in range(300):
        found = reach(wall(n, 1.0, error=0.1, seed=seed), 1 + (n - 1) / 12 + 0.5)
        if found.early is not None:
            inside += found.early <= truth and (found.late is None or truth <= found.late)
        else:
            inside += 1
    assert 0.87 <= inside / 300 <= 0.98
