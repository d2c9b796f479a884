"""The judge itself: with an analyser that knows the truth, its figures are near perfect, and all of them are there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from truthful import Truthful

from monitor.records import Analysis, BoolArray, ByteArray, Grade, Grading, Status
from simulations.growth import steady
from simulations.scenarios import Scenario, scenario
from simulations.validation import Plan, as_json, as_report, as_rows, plan, validate
from simulations.validation.report import MEANINGS
from simulations.validation.trials import Trial, openings, rate, run_trial

SHAPE = (240, 320)
NOTHING = Plan(large=0, small=0, amber=0, static=0, paper=0, poses=0, pairs=0, unrelated=0, shape=SHAPE)
#: What a script may rely on.
CONTRACT = {
    "opening_slope_mape_percent", "opening_slope_mape_percent_small", "opening_reading_error_px_median", "mask_area_r",
    "mask_width_r", "mask_area_slope_mape_percent", "mask_width_slope_mape_percent", "interval_coverage",
    "static_alarms", "growing_alarmed", "genuine_accepted", "graded_ab", "n",
}  # fmt: skip


@pytest.fixture
def truthful(monkeypatch: pytest.MonkeyPatch) -> Truthful:
    return Truthful(monkeypatch)


def short(**changes: Any) -> Scenario:
    base = replace(scenario("growing"), shape=SHAPE, wall_kind="plain", captures=4, interval_days=120.0, mm_per_px=0.5)
    return replace(base, opening_mm=steady(1.5, 2.0), length_share=lambda _: 1.0, **changes)


def test_a_plan_without_any_trial_makes_up_no_figures(truthful: Truthful) -> None:
    figures = validate(lambda: truthful, NOTHING, 1)
    result = as_json(figures, NOTHING, 1)
    assert (result["n"], result["static_alarms"], result["unrelated_accepted"]) == (0, 0, 0)
    assert result["opening_slope_mape_percent"] is None
    assert result["intervals"]["opening_slope_mape_percent"] == [None, None]
    report = as_report(figures, NOTHING, "crackmonitor validate", 1.0, "a machine")
    assert "| days until that alarm, median | - | - | 0 | reported |" in report


def test_a_few_series_give_every_figure_and_the_truth_scores_well(
    truthful: Truthful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "CAPTURES", 7)
    monkeypatch.setattr(plan, "INTERVAL_DAYS", 71.0)
    told: list[tuple[int, int]] = []
    few = replace(NOTHING, large=1, static=1, paper=1, poses=2, pairs=1, unrelated=2)
    figures = validate(lambda: truthful, few, 3, lambda done, total: told.append((done, total)))
    result = as_json(figures, few, 3)
    with_data_only = {name for name in MEANINGS if name.startswith(("evolution", "planar"))}
    assert set(MEANINGS) - with_data_only <= set(result)
    assert set(result) >= CONTRACT
    assert told == [(done, 5) for done in range(1, 6)]
    assert (result["n"], result["plan"]["large"], result["seed"]) == (5, 1, 3)
    counts = result["counts"]
    # One series of 7 captures lacks one; every capture but the first of each is a repeat.
    assert (counts["static_alarms"], counts["growing_alarmed"], counts["genuine_accepted"]) == (1, 1, 5 + 6 + 2 * 3)
    assert (result["genuine_accepted"], result["graded_ab"]) == (1.0, 1.0)
    assert result["opening_not_measured"] == 0
    assert result["opening_slope_mape_percent"] < 15
    assert result["opening_reading_error_px_median"] < 0.3
    assert (counts["poses_difference_px_rms"], result["poses_difference_px_rms"] < 0.3) == (6, True)
    assert result["registration_corner_px_median"] < 0.6
    assert result["mask_area_r"] > 0.95
    assert result["mask_width_r"] > 0.95
    assert result["mask_area_r_pooled"] > 0.95
    assert (result["static_alarms"], result["unrelated_accepted"]) == (0, 0)
    low, high = result["intervals"]["unrelated_accepted"]
    assert low == 0
    assert 1 < high < 2, "two pairs alone leave much open"
    rows = {row[0]: row for row in as_rows(figures)}
    assert rows["genuine accepted"][3] == str(counts["genuine_accepted"])
    report = as_report(figures, few, "crackmonitor validate --seed 3", 12.3, "2 CPU cores")
    assert all(f"| {MEANINGS[name][0]} | " in report for name in set(MEANINGS) - with_data_only)
    assert "Made by `crackmonitor validate --seed 3` in 12 s on 2 CPU cores. Plan: large 1, small 0" in report


def test_series_lack_captures_and_come_out_of_order_and_are_judged_by_time(truthful: Truthful) -> None:
    chosen = short(missing=(2,), shuffled=True)
    trial = run_trial("large", chosen, 1, truthful)
    assert len(trial.truths) == 3
    assert (np.diff(trial.years) > 0).all()
    assert [reading.capture for reading in trial.readings] == [0, 1, 2]


def test_a_rate_goes_by_what_readings_say_of_their_errors_and_by_photos_that_count(truthful: Truthful) -> None:
    trial = run_trial("large", short(captures=6), 1, truthful)
    opening = openings(trial)
    assert opening is not None
    true, fit = rate(trial, opening)
    assert (fit.success, fit.n) == (True, 6)
    assert fit.low is not None
    assert fit.high is not None
    assert fit.low < true < fit.high
    doubtful = replace(opening, standard_error=3 * opening.standard_error)
    wider = rate(trial, doubtful)[1]
    assert wider.low is not None
    assert wider.high is not None
    assert wider.high - wider.low > 1.5 * (fit.high - fit.low)
    last = replace(trial.analyses[-1], grading=Grading(Grade.C, ("blurred",)))
    assert rate(replace(trial, analyses=(*trial.analyses[:-1], last)), opening)[1].n == 5


def test_figures_follow_their_seed(truthful: Truthful) -> None:
    first, again, other = (run_trial("large", short(), seed, truthful).readings for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_main_crack_is_the_one_on_the_simulated_course(truthful: Truthful) -> None:
    trial = run_trial("large", short(), 1, truthful)
    main = trial.main_crack()
    assert main is not None
    beside = replace(main, name="Z", course=main.course + np.array([0.0, 150.0]))
    assert replace(trial, cracks=(beside, main)).main_crack() is main
    assert replace(trial, cracks=(beside,)).main_crack() is None
    assert replace(trial, cracks=()).main_crack() is None


def test_what_was_not_measured_is_not_followed(truthful: Truthful, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = truthful.analyse

    def refusing(image: ByteArray, reference: ByteArray | None = None, mask: BoolArray | None = None) -> Analysis:
        found = whole(image, reference, mask)
        if found.registration is None or not truthful.known[image.tobytes()][0].file.endswith("2.jpg"):
            return found
        registration = replace(found.registration, accepted=False, reason="too few inliers")
        return replace(found, status=Status.NOT_REGISTERED, registration=registration, mask=None)

    monkeypatch.setattr(truthful, "analyse", refusing)
    trial: Trial = run_trial("large", short(), 1, truthful)
    assert {reading.capture for reading in trial.readings} == {0, 1, 3}
    assert len(trial.analyses) == len(trial.truths) == 4


def test_part_of_a_plan_has_some_of_each_kind() -> None:
    part = plan.FULL.part(0.25)
    assert (part.large, part.static, part.unrelated) == (15, 80, 125)
    assert part.shape == plan.FULL.shape
    assert plan.FULL.part(1) == plan.FULL
    assert min(count for name, count in vars(plan.FULL.part(0.01)).items() if name != "shape") == 1
