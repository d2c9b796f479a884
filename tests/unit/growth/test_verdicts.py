"""Verdicts: what may be said after how much data, and with which evidence."""

from dataclasses import replace

import numpy as np
import pytest
from growth_histories import all_fits, fit, history, monthly

from monitor.growth.acceleration import acceleration
from monitor.growth.verdicts import Outcome, Verdict, VerdictRules, judge, rate_so_far, yearly_swing
from monitor.records import Observation


def wall(n: int, *, rate: float = 0.0, swing: float = 0.0, error: float = 0.02, seed: int = 1) -> list[Observation]:
    years = monthly(n)
    errors = np.random.default_rng(seed).normal(0, error, n)
    return history(years, 1.0 + rate * years + swing * np.sin(2 * np.pi * years) + errors)


def verdict(observations: list[Observation], unit: str = "mm") -> Verdict:
    return judge(observations, all_fits(observations, unit))


@pytest.mark.parametrize(
    ("rate", "swing", "outcome", "words"),
    [
        (0.0, 0.0, Outcome.DORMANT, "within 0.2 mm per year"),
        (0.0, 0.3, Outcome.SEASONAL, "swings by ±0.29"),
        (0.0, 0.05, Outcome.DORMANT, "within 0.2 mm per year"),
        (1.0, 0.3, Outcome.PROGRESSIVE, "opens faster than 0.2 mm per year"),
        (-1.0, 0.3, Outcome.PROGRESSIVE, "closes faster than 0.2 mm per year"),
    ],
)
def test_verdict_after_two_years(rate: float, swing: float, outcome: Outcome, words: str) -> None:
    found = verdict(wall(25, rate=rate, swing=swing))
    assert found.verdict is outcome
    assert words in found.evidence
    assert "25 readings over 730 days" in found.evidence or "25 readings over 731 days" in found.evidence
    assert found.months_needed is None
    assert found.provisional_rate is not None
    assert found.provisional_rate.season_adjusted
    assert found.provisional_rate.slope_per_year == pytest.approx(rate, abs=0.05)


@pytest.mark.parametrize("rate", [0.0, 3.0])
def test_no_verdict_before_a_year_but_a_rate_and_the_months_missing(rate: float) -> None:
    found = verdict(wall(7, rate=rate))
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert found.months_needed == pytest.approx((365 - 182.625) / 30.4375, abs=0.01)
    assert found.provisional_rate is not None
    assert not found.provisional_rate.season_adjusted
    assert found.provisional_rate.low < rate < found.provisional_rate.high
    assert "The rate so far is" in found.evidence


def test_provisional_interval_is_wide_enough_for_the_declared_season() -> None:
    """A rising half-year of +-0.3 mm looks like +1.4 mm/yr; the interval must still hold 0."""
    years = monthly(7)
    observations = history(years, -0.3 * np.cos(2 * np.pi * years))
    rate = rate_so_far(observations, all_fits(observations))
    assert rate is not None
    assert rate.slope_per_year > 1.3
    assert rate.low < 0
    tight = rate_so_far(observations, all_fits(observations), VerdictRules(seasonal_allowance=0.0))
    assert tight is not None
    assert tight.low > 1.0


@pytest.mark.parametrize("observations", [[], wall(5), wall(3), history(np.arange(20) / 365.25, 1.0)])
def test_too_little_for_a_rate(observations: list[Observation]) -> None:
    found = verdict(observations)
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert found.provisional_rate is None
    assert found.months_needed is not None
    assert found.months_needed > 7


def test_noise_that_hides_the_limit_is_no_dormancy() -> None:
    found = verdict(wall(14, error=0.3))
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert "may lie on either side of 0.2" in found.evidence
    assert found.months_needed is not None
    assert 5 < found.months_needed < 60


def test_a_rate_at_the_limit_needs_more_data_of_unknown_length() -> None:
    found = verdict(wall(37, rate=0.2, error=0.01))
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert found.months_needed is None


def test_limits_in_mm_judge_nothing_else() -> None:
    found = verdict(wall(25, rate=5.0), unit="px")
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert "in mm and this history is in px" in found.evidence
    assert found.provisional_rate is not None
    assert rate_so_far(wall(7), all_fits(wall(7), "px")) is None
    assert (
        judge(wall(25, rate=5.0), all_fits(wall(25, rate=5.0), "px"), VerdictRules(unit="px")).verdict == "progressive"
    )


def test_a_year_of_few_readings_has_no_season_and_no_verdict() -> None:
    observations = history([0, 0.2, 0.4, 0.6, 0.8, 1.1], [0, 1, 2, 3, 4, 5.5])
    found = verdict(observations)
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert "No season could be fitted" in found.evidence
    assert found.provisional_rate is not None


def test_order_does_not_matter() -> None:
    observations = wall(25, rate=0.6, swing=0.2)
    backwards = observations[::-1]
    assert judge(observations, all_fits(observations)) == judge(backwards, all_fits(backwards)[::-1])


def test_false_verdicts_on_a_quiet_wall_are_rare() -> None:
    """200 walls with +-0.3 mm of season, 0.05 mm of reading error and no growth, after 18 months."""
    outcomes = [verdict(wall(19, swing=0.3, error=0.05, seed=seed)).verdict for seed in range(200)]
    assert outcomes.count(Outcome.PROGRESSIVE) == 0
    assert outcomes.count(Outcome.SEASONAL) > 150


def test_yearly_swing_of_too_few_readings() -> None:
    assert yearly_swing(wall(4, swing=0.3)) == (0.0, 1.0)
    assert yearly_swing(history(monthly(20), 1.0)) == (0.0, 1.0)
    amplitude, p_value = yearly_swing(wall(25, swing=0.3))
    assert amplitude == pytest.approx(0.3, abs=0.03)
    assert p_value < 1e-6


def test_where_no_crack_was_ever_found_nothing_is_certified() -> None:
    found = verdict(history(monthly(20), np.zeros(20)))
    assert found.verdict is Outcome.NOT_ENOUGH_DATA
    assert "No crack was found in any of the 20 captures" in found.evidence
    assert found.provisional_rate is None


@pytest.mark.parametrize(("n", "adjusted"), [(12, False), (14, True)])
def test_a_rate_counts_as_season_adjusted_from_a_whole_year_on(n: int, adjusted: bool) -> None:
    observations = wall(n, rate=1.0)
    rate = rate_so_far(observations, all_fits(observations))
    assert rate is not None
    assert rate.season_adjusted is adjusted


def bending(rate: float, gain: float, n: int = 25) -> list[Observation]:
    """A rate of `rate` that rises by `gain` each year, beside a season."""
    years = monthly(n)
    errors = np.random.default_rng(4).normal(0, 0.02, n)
    return history(years, 9 + rate * years + gain / 2 * years**2 + 0.3 * np.sin(2 * np.pi * years) + errors)


@pytest.mark.parametrize(
    ("rate", "gain", "outcome"),
    [
        (0.3, 1.0, Outcome.ACCELERATING),
        (-0.3, -1.0, Outcome.ACCELERATING),
        (3.0, -1.0, Outcome.PROGRESSIVE),
        (1.0, 0.0, Outcome.PROGRESSIVE),
        # It gets faster, but is not fast by now.
        (-0.02, 0.08, Outcome.SEASONAL),
        # Opening after closing as much: nobody knows where it goes.
        (-1.0, 1.0, Outcome.NOT_ENOUGH_DATA),
    ],
)
def test_accelerating_is_growth_that_gets_faster(rate: float, gain: float, outcome: Outcome) -> None:
    found = verdict(bending(rate, gain))
    assert found.verdict is outcome
    assert ("each year" in found.evidence) is (outcome is Outcome.ACCELERATING)


def test_accelerating_says_by_how_much() -> None:
    found = verdict(bending(0.3, 1.0))
    assert "changes by +0.99 mm per year each year" in found.evidence
    assert "is +2.30 by now" in found.evidence
    bend = acceleration(bending(0.3, 1.0))
    assert bend is not None
    assert bend.low < 1.0 < bend.high
    assert bend.rate_low < 2.3 < bend.rate_high
    assert bend.shows


def test_an_exact_line_does_not_get_faster_by_rounding() -> None:
    for rate in (0.3, 1.0, 1 / 3):
        observations = history(monthly(25), 0.1 + rate * monthly(25))
        assert verdict(observations).verdict is Outcome.PROGRESSIVE


@pytest.mark.parametrize("observations", [[], wall(7), history([0, 1] * 8, range(16))])
def test_acceleration_of_too_little(observations: list[Observation]) -> None:
    assert acceleration(observations) is None


def test_readings_of_grade_c_move_no_verdict() -> None:
    calm = wall(25)
    wild = [replace(seen, value=9.0 + place, grade="C") for place, seen in enumerate(wall(25, rate=5.0))]
    assert verdict(calm + wild) == verdict(calm)
    assert rate_so_far(wild, all_fits(calm)) is None
    assert yearly_swing(calm + wild) == yearly_swing(calm)
    zeros = [replace(seen, value=0.0) for seen in calm]
    assert verdict(zeros + wild).verdict is Outcome.NOT_ENOUGH_DATA


def test_where_no_season_could_be_fitted_temperature_takes_its_place() -> None:
    """Four visits in each of two springs and autumns: too few times of the year for a harmonic."""
    years = np.array([0, 0.5, 1, 1.5] * 2)
    celsius = np.tile([5, 20, 9, 25, 7, 23, 4, 22], 1)
    observations = history(years, 1 + years + 0.03 * celsius, temperatures=celsius)
    assert not fit("seasonal", observations).success
    fits = [*all_fits(observations), fit("temperature", observations)]
    found = judge(observations, fits)
    assert found.verdict is Outcome.PROGRESSIVE
    assert found.provisional_rate is not None
    assert found.provisional_rate.season_adjusted
    assert found.provisional_rate.slope_per_year == pytest.approx(1.0)
    assert judge(observations, all_fits(observations)).verdict is Outcome.NOT_ENOUGH_DATA
