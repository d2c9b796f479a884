"""The trigger plan: green, amber, red, and what neither raises nor clears it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from growth_histories import after, all_fits, history, monthly

from monitor.errors import MisuseError
from monitor.growth.triggers import (
    DEFAULT_TRIGGERS,
    ChangeTrigger,
    ClassTrigger,
    RateTrigger,
    TriggerDecision,
    TriggerLevel,
    evaluate_triggers,
    reading_errors,
    triggers_of,
)
from monitor.records import Observation, TriggerPlan

GREEN, AMBER, RED = TriggerLevel
ONLY_CLASS, ONLY_CHANGE = [ClassTrigger(AMBER)], [ChangeTrigger(RED, 1.0)]


def decide(observations: list[Observation], previous: TriggerLevel = GREEN, **options: object) -> TriggerDecision:
    return evaluate_triggers(observations, all_fits(observations), previous, **options)  # type: ignore[arg-type]


def growing(rate: float, n: int = 19, first: float = 2.0, seed: int = 1) -> list[Observation]:
    """Beside a season of +-0.3 mm, read to 0.05 mm."""
    years = monthly(n)
    errors = np.random.default_rng(seed).normal(0, 0.05, n)
    return history(years, first + rate * years + 0.3 * np.sin(2 * np.pi * years) + errors)


@pytest.mark.parametrize(("rate", "level"), [(0.0, GREEN), (0.4, GREEN), (1.0, AMBER), (3.0, RED), (-3.0, GREEN)])
def test_the_rate_raises_its_level(rate: float, level: TriggerLevel) -> None:
    decision = decide(growing(rate, first=9.0))
    assert decision.level is level
    assert decision.why
    assert ("season-adjusted" in decision.why) is (level is not GREEN)
    assert json.loads(json.dumps(decision.evidence, allow_nan=False)) == decision.evidence


def test_the_first_year_may_alarm_and_a_season_alone_does_not() -> None:
    years = monthly(7)
    assert decide(history(years, 7 + 4 * years)).level is RED
    assert decide(history(years, 7 - 0.3 * np.cos(2 * np.pi * years))).level is GREEN


@pytest.mark.parametrize(
    ("rate", "previous", "level"),
    [(0.4, AMBER, AMBER), (0.4, RED, AMBER), (0.1, AMBER, GREEN), (1.2, RED, RED), (0.9, RED, AMBER)],
)
def test_a_rate_holds_its_level_until_it_is_clearly_over(
    rate: float, previous: TriggerLevel, level: TriggerLevel
) -> None:
    years = monthly(25)
    assert decide(history(years, 7 + rate * years), previous).level is level


@pytest.mark.parametrize("previous", TriggerLevel)
def test_silence_is_not_green(previous: TriggerLevel) -> None:
    for observations in ([], history(monthly(3), 2.0)):
        decision = decide(observations, previous)
        assert decision.level is previous
        assert (previous is GREEN) is ("asks for more than green" in decision.why)


@pytest.mark.parametrize("change", [1.0, -1.0])
def test_a_jump_between_two_captures_is_red_and_calm_afterwards_does_not_undo_it(change: float) -> None:
    years = monthly(15)
    observations = history(years, 8 + change * (np.arange(15) >= 6))
    decision = decide(observations, triggers=ONLY_CHANGE)
    assert decision.level is RED
    assert f"changed by {change:+.2f} mm between 2024-07-31 and 2024-08-31".replace("by -", "by −") in decision.why
    assert decide(observations[:7], triggers=ONLY_CHANGE).level is RED
    assert decide(observations[:2], triggers=ONLY_CHANGE).level is GREEN
    assert decide(observations, triggers=ONLY_CHANGE, assessed_at=after(7 / 12)).level is GREEN
    assert decide(observations, triggers=ONLY_CHANGE, assessed_at=after(5.5 / 12)).level is RED
    assert decide(observations[7:], triggers=ONLY_CHANGE).level is GREEN


def test_a_change_just_below_or_within_the_reading_error_is_none() -> None:
    steps = np.where(np.arange(15) >= 6, 0.99, 0.0)
    assert decide(history(monthly(15), steps), triggers=ONLY_CHANGE).level is GREEN
    rough = history([0, 0.1], [2.0, 3.2], errors=0.4)
    assert decide(rough, triggers=ONLY_CHANGE).level is GREEN
    assert decide(history([0, 0.1], [2.0, 3.2], errors=0.2), triggers=ONLY_CHANGE).level is RED
    assert decide(history([0, 0.1], [2.0, 3.2]), triggers=ONLY_CHANGE).level is RED


def test_a_width_that_enters_the_next_class_is_amber_from_the_second_reading_on() -> None:
    widths = [0.8] * 8 + [1.3, 1.3, 1.3, 1.05, 0.95]
    observations = history(monthly(13), widths)
    level, seen = GREEN, []
    for n in range(1, 14):
        level = decide(observations[:n], level, triggers=ONLY_CLASS).level
        seen.append(level)
    assert seen == [GREEN] * 9 + [AMBER] * 3 + [GREEN]
    assert "it began as very slight" in decide(observations[:10], triggers=ONLY_CLASS).why
    assert "slight" in decide(observations[:10], triggers=ONLY_CLASS).why


def test_a_width_that_began_in_its_class_is_no_news() -> None:
    assert decide(history(monthly(13), 7.0), triggers=ONLY_CLASS).level is GREEN
    assert decide(history(monthly(13), np.linspace(30, 40, 13)), triggers=ONLY_CLASS).level is GREEN


def test_few_readings_enter_a_class_only_with_standard_errors() -> None:
    widths = [0.8, 0.8, 0.8, 1.3, 1.3]
    assert decide(history(monthly(5), widths), triggers=ONLY_CLASS).level is GREEN
    assert decide(history(monthly(5), widths, errors=0.05), triggers=ONLY_CLASS).level is AMBER
    assert decide(history(monthly(5), widths, errors=0.15), triggers=ONLY_CLASS).level is GREEN


def test_readings_of_grade_c_raise_and_clear_nothing() -> None:
    calm = history(monthly(15), 0.8, grades=["A"] * 15)
    wild = [replace(seen, at=after(2 + place), value=5.0, grade="C") for place, seen in enumerate(calm)]
    assert decide(calm + wild).level is GREEN
    assert decide(calm + wild) == decide(calm)
    assert decide(wild, AMBER).level is AMBER


def test_order_does_not_matter() -> None:
    observations = growing(1.0)
    assert decide(observations) == decide(observations[::-1])


def test_only_millimetres() -> None:
    observations = growing(1.0)
    with pytest.raises(MisuseError, match="in mm"):
        evaluate_triggers(observations, all_fits(observations, "px"))


def test_a_trigger_that_would_flap_is_refused() -> None:
    with pytest.raises(MisuseError, match="cannot clear"):
        RateTrigger(AMBER, fire=0.5, clear=0.6)


def test_the_shipped_plan() -> None:
    assert (
        RateTrigger(AMBER, 0.5, 0.25),
        ClassTrigger(AMBER, "bre_digest_251"),
        RateTrigger(RED, 2.0, 1.0),
        ChangeTrigger(RED, 1.0),
    ) == DEFAULT_TRIGGERS
    assert [level.rank for level in (GREEN, AMBER, RED)] == [0, 1, 2]


def test_reading_errors_are_told_from_the_scatter_whatever_trend_season_or_jump() -> None:
    rng = np.random.default_rng(1)
    years = np.sort(rng.random(60) * 5)
    values = 2 * years + 0.3 * np.sin(2 * np.pi * years) + 3 * (years > 2) + rng.normal(0, 0.1, 60)
    assert reading_errors(history(years, values), "mm") == pytest.approx(0.1, rel=0.35)
    assert np.all(np.isnan(reading_errors(history(years[:7], values[:7]), "mm")))
    assert reading_errors(history(years[:7], values[:7], errors=0.2), "mm") == pytest.approx(0.2)
    assert reading_errors(history(monthly(9), 1.0), "mm") == pytest.approx(0.01)
    assert len(reading_errors([], "mm")) == 0


def test_a_plan_is_watched_as_far_as_it_has_limits() -> None:
    assert triggers_of(TriggerPlan()) == DEFAULT_TRIGGERS
    assert triggers_of(TriggerPlan(None, None, None, None)) == ()
    assert triggers_of(TriggerPlan(0.3, None, 2.0, None)) == (RateTrigger(AMBER, 0.3, 0.15), ChangeTrigger(RED, 2.0))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (TriggerPlan(amber_rate=0.0), "greater than zero"),
        (TriggerPlan(red_change=float("nan")), "greater than zero"),
        (TriggerPlan(amber_rate=2.0), "must lie above amber"),
        (TriggerPlan(guide="aci_224r"), "no damage classes"),
        (TriggerPlan(guide="hearsay"), "bre_digest_251"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: TriggerPlan, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        triggers_of(plan)


def test_a_jump_that_an_old_capture_brings_to_light_raises_nothing() -> None:
    years = monthly(12)
    calm = history(years, 3.0 + 0.01 * np.tile([1, -1], 6))
    late = history([years[5] + 0.02], [6.0])
    together = sorted([*calm, *late], key=lambda one: one.at)
    assert decide(together, triggers=ONLY_CHANGE).level is RED
    assert decide(together, triggers=ONLY_CHANGE, known_until=calm[-1].at).level is GREEN
    assert decide(together, RED, triggers=ONLY_CHANGE, known_until=calm[-1].at).level is RED, "what was raised holds"
    new = [*together, *history([years[-1] + 0.1], [6.0])]
    assert decide(new, triggers=ONLY_CHANGE, known_until=calm[-1].at).level is RED
