"""Rules: hysteresis, the first year, late uploads, silence."""

import json
from datetime import timedelta

import numpy as np
import pytest
from growth_histories import START, all_fits, history, monthly
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import MisuseError
from monitor.growth.rules import Decision, Rule, evaluate, is_fleeting, is_new, out_of_sight, overdue
from monitor.growth.verdicts import VerdictRules
from monitor.records import AlertState, CrackReading, CrackState, Observation, RuleKind

OK, FIRING = AlertState.OK, AlertState.FIRING
LEVEL = Rule("max_width_mm", RuleKind.LEVEL, fire=1.0, clear=0.8, unit="mm")
RATE = Rule("max_width_mm", RuleKind.RATE, fire=0.5, clear=0.3, unit="mm")


def decide(rule: Rule, observations: list[Observation], previous: AlertState = OK) -> Decision:
    return evaluate(rule, observations, all_fits(observations), previous)


@pytest.mark.parametrize(
    ("value", "previous", "state"),
    [
        (1.0, OK, FIRING),
        (0.99, OK, OK),
        (0.99, FIRING, FIRING),
        (0.8, FIRING, FIRING),
        (0.79, FIRING, OK),
        (0.79, OK, OK),
    ],
)
def test_level_between_clear_and_fire_stays_as_it_is(value: float, previous: AlertState, state: AlertState) -> None:
    decision = decide(LEVEL, history([0, 0.5, 1], [5.0, 0.5, value]), previous)
    assert decision.state is state
    assert f"{value:.2f} mm on 2025-03-01" in decision.why
    assert "fires at 1 and clears below 0.8 mm" in decision.why


def test_a_late_upload_of_an_old_capture_neither_fires_nor_clears() -> None:
    newest_low = history([1.0, 0.5], [0.2, 7.0])
    assert decide(LEVEL, newest_low).state is OK
    newest_high = history([1.0, 0.5], [7.0, 0.2])
    assert decide(LEVEL, newest_high, FIRING).state is FIRING


@pytest.mark.parametrize("rule", [LEVEL, RATE])
@pytest.mark.parametrize("previous", [OK, FIRING])
def test_no_data_is_not_ok(rule: Rule, previous: AlertState) -> None:
    decision = decide(rule, [], previous)
    assert decision.state is previous
    assert f"stays {previous}" in decision.why


@pytest.mark.parametrize(("rate", "state"), [(1.0, FIRING), (0.4, OK), (-2.0, OK)])
def test_rate_fires_on_the_lower_bound_of_the_season_adjusted_rate(rate: float, state: AlertState) -> None:
    years = monthly(25)
    errors = np.random.default_rng(2).normal(0, 0.02, 25)
    decision = decide(RATE, history(years, rate * years + 0.3 * np.sin(2 * np.pi * years) + errors))
    assert decision.state is state
    assert "season-adjusted" in decision.why
    assert "from 25 readings" in decision.why
    assert "90 % interval" in decision.why


def test_a_high_but_uncertain_rate_does_not_fire() -> None:
    years = monthly(9)
    errors = np.tile([0.3, -0.3, 0.0], 3)
    decision = decide(RATE, history(years, 0.9 * years + errors))
    assert decision.evidence["rate"]["slope_per_year"] > 0.5
    assert decision.evidence["rate"]["low"] < 0.5
    assert decision.state is OK


def test_the_first_year_is_not_silent_and_a_season_alone_does_not_page() -> None:
    years = monthly(7)
    assert decide(RATE, history(years, 4.0 * years)).state is FIRING
    assert decide(RATE, history(years, -0.3 * np.cos(2 * np.pi * years))).state is OK


@pytest.mark.parametrize("observations", [history(monthly(5), 9 * monthly(5)), history(np.arange(8) / 40, range(8))])
@pytest.mark.parametrize("previous", [OK, FIRING])
def test_too_little_for_a_rate_keeps_the_state(observations: list[Observation], previous: AlertState) -> None:
    decision = decide(RATE, observations, previous)
    assert decision.state is previous
    assert "takes 6 over 90 days" in decision.why


def test_rate_clears_on_the_estimate() -> None:
    years = monthly(25)
    assert decide(RATE, history(years, 0.29 * years), FIRING).state is OK
    assert decide(RATE, history(years, 0.31 * years), FIRING).state is FIRING


def test_a_rule_in_pixels_needs_a_declared_allowance_in_its_first_year() -> None:
    rule = Rule("max_width_mm", RuleKind.RATE, fire=5, clear=3, unit="px")
    observations = history(monthly(7), 40 * monthly(7))
    fits = all_fits(observations, "px")
    assert evaluate(rule, observations, fits, OK).state is OK
    declared = VerdictRules(unit="px", seasonal_allowance=2)
    assert evaluate(rule, observations, fits, OK, declared).state is FIRING


def test_units_do_not_mix() -> None:
    observations = history(monthly(7), monthly(7))
    with pytest.raises(MisuseError, match=r"in mm, but its fits are in px"):
        evaluate(RATE, observations, all_fits(observations, "px"), OK)


@pytest.mark.parametrize("kind", RuleKind)
@pytest.mark.parametrize("clear", [1.01, float("nan")])
def test_a_rule_that_would_flap_is_refused(kind: RuleKind, clear: float) -> None:
    with pytest.raises(MisuseError, match="clear must not be higher"):
        Rule("max_width_mm", kind, fire=1.0, clear=clear, unit="mm")


@given(st.lists(st.floats(0, 2), min_size=1, max_size=12), st.sampled_from([OK, FIRING]))
def test_level_evidence_is_plain_json_and_the_state_is_settled(values: list[float], previous: AlertState) -> None:
    observations = history(np.arange(len(values)) / 12, values)
    decision = evaluate(LEVEL, observations, [], previous)
    assert json.loads(json.dumps(decision.evidence))["latest"]["value"] == values[-1]
    assert evaluate(LEVEL, observations, [], decision.state).state is decision.state


def test_overdue_counts_interval_and_grace() -> None:
    assert not overdue(START, 7, 3, START + timedelta(days=10))
    assert overdue(START, 7, 3, START + timedelta(days=10, seconds=1))


@pytest.mark.parametrize("rule", [LEVEL, RATE])
@pytest.mark.parametrize("previous", [OK, FIRING])
def test_readings_of_grade_c_neither_fire_nor_clear(rule: Rule, previous: AlertState) -> None:
    years = monthly(25)
    calm = history(years, 0.9)
    wild = history(years + 3, 9 + 5 * years, grades=["C"] * 25)
    assert evaluate(rule, calm + wild, all_fits(calm + wild), previous) == decide(rule, calm, previous)
    assert decide(rule, wild, previous).state is previous


def states_by_arrival(rule: Rule, values: list[float]) -> list[AlertState]:
    """The changes of state as the readings arrive one by one."""
    seen, state, changes = history(np.arange(len(values)) / 52, values), OK, []
    for end in range(1, len(seen) + 1):
        since = seen[end - 2].at if end > 1 else None
        new = evaluate(rule, seen[:end], [], state, since=since).state
        changes += [new] if new is not state else []
        state = new
    return changes


@pytest.mark.parametrize("readings", [1, 2, 3])
@pytest.mark.parametrize("swing", [0.05, 0.5])
def test_a_series_that_swings_round_its_threshold_100_times_is_one_alarm_and_one_clear(
    swing: float, readings: int
) -> None:
    rule = Rule("max_width_mm", RuleKind.LEVEL, fire=1.0, clear=0.9, unit="mm", readings=readings)
    assert states_by_arrival(rule, [0.2] * 3 + [1 + swing, 1 - swing] * 100 + [0.2] * 4) == [FIRING, OK]


def test_a_rule_that_wants_three_readings_is_raised_by_the_third() -> None:
    rule = Rule("max_width_mm", RuleKind.LEVEL, fire=1.0, clear=0.8, unit="mm", readings=3)
    outlier = [0.5, 1.2, 0.5, 0.5, 0.5, 1.2, 1.2, 0.5, 0.5, 0.5, 1.2, 1.2]
    assert states_by_arrival(rule, outlier) == []
    assert states_by_arrival(rule, [*outlier, 1.2, 0.5, 0.5, 0.5]) == [FIRING]
    assert states_by_arrival(rule, [*outlier, 1.2, 0.5, 0.5, 0.5, 0.5]) == [FIRING, OK]


def test_readings_that_arrive_together_are_gone_through_one_by_one() -> None:
    seen = history([0, 0.1, 0.2, 0.3], [0.5, 1.2, 0.9, 0.9])
    assert evaluate(LEVEL, seen, [], OK, since=seen[0].at).state is FIRING
    assert evaluate(LEVEL, seen, [], OK, since=seen[1].at).state is OK


def test_a_rate_must_be_over_in_two_fits_before_it_clears() -> None:
    years = monthly(25)
    slow = history(years, np.where(np.arange(25) < 24, 0.31 * years, 0.0))
    assert decide(RATE, slow, FIRING).state is OK, "without earlier fits the latest decides"
    assert evaluate(RATE, slow, all_fits(slow), FIRING, refit=all_fits).state is FIRING
    calm = history(years, 0.1 * years)
    assert evaluate(RATE, calm, all_fits(calm), FIRING, refit=all_fits).state is OK


@pytest.mark.parametrize(("jump", "state"), [(0.4, OK), (1.2, FIRING), (-1.2, FIRING)])
def test_a_change_between_two_captures_fires_either_way(jump: float, state: AlertState) -> None:
    rule = Rule("widest_mm", RuleKind.CHANGE, fire=1.0, clear=0.5, unit="mm")
    seen = history(np.arange(12) / 12, [*([3.0, 3.02] * 5), 3.0, 3.0 + jump])
    decision = evaluate(rule, seen, [], OK)
    assert decision.state is state
    assert f"{jump:+.2f} mm between".replace("-", "−") in decision.why
    after = history(np.arange(14) / 12, [*([3.0, 3.02] * 5), 3.0, 3.0 + jump, 3.0 + jump, 3.0 + jump])
    assert evaluate(rule, after, [], state).state is OK


def test_what_the_readings_error_could_make_is_no_change() -> None:
    rule = Rule("widest_mm", RuleKind.CHANGE, fire=1.0, clear=0.5, unit="mm")
    assert evaluate(rule, history([0, 0.1], [3.0, 4.1], errors=[0.5, 0.5]), [], OK).state is OK


def test_a_camera_is_lost_after_so_many_useless_captures_and_found_by_one() -> None:
    assert out_of_sight([None, "dark"], 2, OK).state is OK
    lost = out_of_sight([None, "dark", "3 features agree"], 2, OK)
    assert (lost.state, "3 features agree" in lost.why) == (FIRING, True)
    assert out_of_sight(["dark", "dark", None], 2, FIRING).state is OK
    assert out_of_sight([None, "dark"], 2, FIRING).state is FIRING
    assert out_of_sight([], 2, FIRING).state is FIRING


@pytest.mark.parametrize(
    ("states", "new"),
    [
        ("not_yet new continued", True),
        ("not_yet new", False),
        ("not_yet new gone_dark", False),
        ("not_yet new not_shown continued", True),
        ("new continued continued", False),
    ],
)
def test_a_crack_is_new_once_it_was_found_twice_where_there_was_none(states: str, new: bool) -> None:
    readings = [CrackReading("B", number, CrackState(state)) for number, state in enumerate(states.split())]
    assert is_new(readings, 2) is new


@pytest.mark.parametrize(
    ("states", "fleeting"),
    [
        ("new gone_dark", False),
        ("new gone_dark gone_dark", True),
        ("not_yet not_yet not_yet new gone_dark", False),
        ("new not_shown not_shown not_shown", False),
        ("new gone_dark gone_dark merged branched", False),
        ("", False),
    ],
)
def test_a_crack_that_is_missed_more_often_than_found_is_fleeting(states: str, fleeting: bool) -> None:
    readings = [CrackReading("B", number, CrackState(state)) for number, state in enumerate(states.split())]
    assert is_fleeting(readings) is fleeting
