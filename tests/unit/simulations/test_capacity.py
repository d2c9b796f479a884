"""Queues that are known by heart, and plans that follow from them."""

from dataclasses import replace

import numpy as np
import pytest

from simulations.capacity import (
    DEMANDS,
    Costs,
    Demand,
    Fleet,
    Prices,
    arrivals,
    most_captures,
    one_day,
    plan,
    served,
    smallest,
)

COSTS = Costs(1.0, 8.0, 0.5, 0.1, 0.01, 4.0, 10.0)
FLEET = Fleet(2, 1, 100.0)


def test_jobs_are_done_first_come_first_served_by_the_server_that_is_free_first() -> None:
    ready, service = np.array([0.0, 5.0, 1.0, 2.0]), np.array([4.0, 1.0, 4.0, 4.0])
    np.testing.assert_array_equal(served(ready, service, 1), [4, 13, 8, 12])
    np.testing.assert_array_equal(served(ready, service, 2), [4, 6, 5, 8])
    np.testing.assert_array_equal(served(ready, service, 9), ready + service)


def test_the_mean_wait_of_a_single_queue_is_the_one_of_theory() -> None:
    """Poisson arrivals and a fixed service time, half busy: Pollaczek and Khinchine say half a service time."""
    rng = np.random.default_rng(0)
    ready = np.cumsum(rng.exponential(2.0, 200_000))
    waits = served(ready, np.ones(len(ready)), 1) - ready - 1
    assert waits.mean() == pytest.approx(0.5, rel=0.05)


def test_photos_come_within_their_window_and_cameras_on_their_timers() -> None:
    rng = np.random.default_rng(0)
    daily, timed = (arrivals(demand, rng) for demand in DEMANDS)
    assert (len(daily), len(timed)) == (10_000, 144_000)
    assert daily.max() < 8 * 3600
    counts, _ = np.histogram(timed, bins=144, range=(0, 86400))
    assert set(counts) == {1000}


def test_with_too_few_cores_captures_are_late_and_the_smallest_fleet_is_just_enough() -> None:
    demand = Demand("a camera", 20, 144, 24, 1 / 6)
    found = smallest(demand, COSTS, FLEET, 0, seed=1)
    assert found.in_time >= 0.95
    fewer = replace(found.fleet, cores=found.fleet.cores - 1)
    if fewer.cores:
        assert one_day(demand, COSTS, fewer, 0, np.random.default_rng(1)).in_time < 0.95
    starved = one_day(Demand("cameras", 200, 144, 24, 1 / 6), COSTS, Fleet(1, 1, 100.0), 0, np.random.default_rng(1))
    assert starved.in_time < 0.2
    assert starved.late_hours > starved.median_hours > 1


def test_what_is_full_first_is_named_and_history_makes_following_dearer() -> None:
    demand, prices = Demand("walls", 100, 1, 8, 16), Prices(0.04, 0.02)
    young, old = (plan(demand, COSTS, FLEET, prices, days, 0) for days in (30, 365))
    assert old.busy_cores > young.busy_cores
    assert old.cost_a_month > young.cost_a_month
    assert young.busy_cores == pytest.approx(100 / (8 * 3600) * (9.5 + 3.0))
    assert (young.first, young.kept_gb_a_month) == ("cores", 30.0)
    assert plan(demand, replace(COSTS, database=60.0), FLEET, prices, 30, 0).first == "database"
    assert plan(demand, COSTS, Fleet(2, 1, 0.001), prices, 30, 0).first == "link"
    assert most_captures(COSTS, 2, 5) == pytest.approx(2 * 86400 / 10)
