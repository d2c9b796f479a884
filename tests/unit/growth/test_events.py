"""Known events and found breaks: where a history begins anew, and how rarely one is seen that is not there."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from growth_histories import START, after, correlated, fit, history, monthly

from monitor.growth.events import ChangeKind, find_change, since_last_event
from monitor.records import Event, EventKind, Observation


def wall(
    n: int, *, step: float = 0.0, bend: float = 0.0, at: int = 0, error: float = 0.05, seed: int = 1
) -> list[Observation]:
    """0.5 mm per year beside a season of +-0.3 mm; at the reading `at` it jumps, or gets faster."""
    years = monthly(n)
    truth = 0.5 * years + 0.3 * np.sin(2 * np.pi * years + seed)
    truth += step * (np.arange(n) >= at) + bend * np.maximum(years - years[at], 0)
    return history(years, truth + error * np.random.default_rng(seed).standard_normal(n))


@pytest.mark.parametrize("kind", EventKind)
def test_a_fit_after_the_last_event_knows_nothing_of_what_came_before(kind: EventKind) -> None:
    years = monthly(30)
    observations = history(years, np.where(np.arange(30) < 12, 7.0, 0.5 * years))
    events = [Event(after(11.5 / 12), kind, "third"), Event(after(0.2), EventKind.REPAIR), Event(after(0.5), kind)]
    rest = since_last_event(reversed(observations), events)
    assert len(rest) == 18
    assert fit("seasonal", rest).slope_per_year == pytest.approx(0.5)


def test_readings_at_the_event_count_as_after_it() -> None:
    observations = history(monthly(3), 1.0)
    assert since_last_event(observations, []) == observations
    assert since_last_event(observations, [Event(observations[1].at, EventKind.REPAINT)]) == observations[1:]
    assert since_last_event(observations, [Event(START + timedelta(days=999), EventKind.REPAINT)]) == []


@pytest.mark.parametrize("size", [0.8, -0.8])
def test_a_jump_is_found_where_it_is(size: float) -> None:
    found = find_change(wall(24, step=size, at=15))
    assert found
    assert found.change is not None
    assert (found.change.kind, found.change.at) == (ChangeKind.STEP, after(15 / 12))
    assert found.change.size == pytest.approx(size, abs=0.15)
    assert found.change.p_value < 0.01
    assert "step" in found.message


def test_a_change_of_rate_is_found_near_where_it_is() -> None:
    change = find_change(wall(30, bend=2.0, at=14)).change
    assert change is not None
    assert change.kind is ChangeKind.RATE
    assert abs(change.at - after(14 / 12)) < timedelta(days=65)
    assert change.size == pytest.approx(2.0, abs=0.4)


def test_one_wild_reading_is_no_jump_and_one_of_grade_c_is_nothing() -> None:
    observations = wall(24)
    observations[12] = replace(observations[12], value=9.0)
    found = find_change(observations).change
    assert found is None or found.kind is not ChangeKind.STEP or abs(found.size) < 3
    observations[12] = replace(observations[12], grade="C")
    assert not find_change(observations)


@pytest.mark.parametrize(
    ("observations", "reason"),
    [
        ([], "there are 0"),
        (wall(11, step=5, at=5), "there are 11"),
        (history(np.arange(20) / 365.25, range(20)), "there are 20"),
        (history([0, 1] * 8, range(16)), "too few times of the year"),
        (history(monthly(20), np.nan), "not a finite number"),
        (history(monthly(20), 1.0), "clearer than chance"),
        (history(monthly(20), 0.1 * np.arange(20)), "clearer than chance"),
        (wall(24), "clearer than chance"),
    ],
)
def test_what_shows_no_break_says_why(observations: list[Observation], reason: str) -> None:
    found = find_change(observations)
    assert not found
    assert found.change is None
    assert reason in found.message


def test_a_jump_within_the_known_reading_error_does_not_count() -> None:
    observations = wall(24, step=0.2, at=12, error=0.01)
    assert find_change(observations)
    assert not find_change(observations, resolution=0.2)
    assert not find_change([replace(seen, standard_error=0.2) for seen in observations])


def test_order_does_not_matter_and_the_answer_stays() -> None:
    observations = wall(24, step=0.4, at=10)
    assert find_change(observations) == find_change(observations[::-1])


def test_readings_taken_often_are_searched_in_reasonable_time() -> None:
    years = np.arange(500) * 2 / 365.25
    change = find_change(history(years, np.sin(2 * np.pi * years) + (years > 1.5))).change
    assert change is not None
    assert abs(change.at - after(1.5)) < timedelta(days=12)


def found_in_unbroken(n: int, memory: float, rate: float, swing: float, trials: int) -> float:
    rng = np.random.default_rng(8)
    years, found = monthly(n), 0
    for _ in range(trials):
        truth = rate * years + swing * np.sin(2 * np.pi * (years + rng.random()))
        found += bool(find_change(history(years, truth + 0.1 * correlated(rng, n, memory))))
    return found / trials


@pytest.mark.parametrize(("n", "rate", "swing"), [(15, 0.0, 0.0), (24, 0.5, 0.3), (36, 0.0, 0.3)])
def test_breaks_that_are_not_there_are_rarely_found(n: int, rate: float, swing: float) -> None:
    """Stated: 5 % at a correlation of 0.3. Of 400, more than 7.5 % would come by chance once in 100."""
    assert found_in_unbroken(n, 0.3, rate, swing, 400) < 0.075
    assert found_in_unbroken(n, 0.0, rate, swing, 200) < 0.05


def test_power_is_what_the_docstring_states() -> None:
    """A jump of 0.5 mm in 24 readings with errors of 0.1 mm: four in five."""
    rng = np.random.default_rng(9)
    found = 0
    for seed in range(200):
        change = find_change(wall(24, step=0.5, at=int(rng.integers(3, 22)), error=0.1, seed=seed)).change
        found += change is not None
    assert 0.7 < found / 200 < 0.9
