"""The judge itself: with an analyser that knows the truth, its figures are near perfect, and all of them are there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitor.records import Analysis, BoolArray, ByteArray, Grade, Grading, Recipe, Registration, Status
from monitor.severity.metrics import measure
from simulations import validation
from simulations.growth import steady
from simulations.rendering import CameraView, coverage
from simulations.scenarios import Scenario, Truth, captures, scenario
from simulations.validation import Plan, Trial, as_report, as_rows, run_trial, validate

SHAPE = (240, 320)
NOTHING = Plan(large=0, small=0, amber=0, static=0, paper=0, unrelated=0, shape=SHAPE)


class Truthful:
    """Stands in for the analyser: what it answers is what was simulated last."""

    recipe = Recipe({"weights": "the truth"})

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._known: dict[bytes, tuple[Truth, CameraView]] = {}
        monkeypatch.setattr(validation, "captures", self._noted)

    def _noted(self, chosen: Scenario, seed: int) -> Iterator[tuple[Truth, ByteArray, CameraView]]:
        for truth, photo, view in captures(chosen, seed):
            self._known[photo.tobytes()] = truth, view
            yield truth, photo, view

    def analyse(self, image: ByteArray, reference: ByteArray | None = None, _mask: BoolArray | None = None) -> Analysis:
        truth, view = self._known[image.tobytes()]
        dark = image.max(axis=2) < 60  # the paper's protocol paints its cracks in the darkest colour
        gap = dark if truth.crack is None else coverage(truth.crack, truth.opening_mm / truth.mm_per_px, SHAPE) > 0.5
        registration = Registration(True, None, np.linalg.inv(view.matrix), 0.1, 200, 1.0, 0.9, 1.0)
        return Analysis(
            Status.MEASURED, None, 0.9, measure(gap), None if reference is None else registration, self.recipe, gap,
            grading=Grading(Grade.A),
        )  # fmt: skip


@pytest.fixture
def truthful(monkeypatch: pytest.MonkeyPatch) -> Truthful:
    return Truthful(monkeypatch)


def short(**changes: Any) -> Scenario:
    base = replace(scenario("growing"), shape=SHAPE, wall_kind="plain", captures=4, interval_days=120.0, mm_per_px=0.5)
    return replace(base, opening_mm=steady(1.5, 2.0), length_share=lambda _: 1.0, **changes)


def test_a_plan_without_any_trial_makes_up_no_figures(truthful: Truthful) -> None:
    result = validate(truthful, NOTHING, 1)
    assert (result["n"], result["static_alarms"], result["unrelated_accepted"]) == (0, 0, 0)
    assert result["opening_slope_mape_percent"] is None
    assert "| days until that alarm, median | - |" in as_report(result, "crackmonitor validate", 1.0, "a machine")


def test_a_few_series_give_every_figure_and_the_truth_scores_well(
    truthful: Truthful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_CAPTURES", 4)
    monkeypatch.setattr(validation, "_INTERVAL_DAYS", 142.0)
    told: list[tuple[int, int]] = []
    plan = replace(NOTHING, large=1, static=1, paper=1, unrelated=2)
    result = validate(truthful, plan, 3, lambda done, total: told.append((done, total)))
    optional = {"evolution_area_grows", "evolution_length_grows"}  # with real data only
    assert set(validation._MEANINGS) - optional <= set(result)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (result["n"], result["plan"], result["seed"]) == (3, vars(plan), 3)
    assert (result["static"], result["growing"], result["genuine"], result["unrelated"]) == (1, 1, 6, 2)
    assert (result["genuine_accepted"], result["graded_ab"]) == (1.0, 1.0)
    assert result["opening_not_measured"] == 0
    assert result["opening_slope_mape_percent"] < 15
    assert result["opening_reading_error_px_median"] < 0.3
    assert result["mask_area_r"] > 0.95
    assert (result["static_alarms"], result["unrelated_accepted"]) == (0, 0)
    names = [name for name, _ in as_rows(result)]
    assert "opening slope mape percent" in names
    assert "plan" not in names
    report = as_report(result, "crackmonitor validate --seed 3", 12.3, "2 CPU cores")
    assert all(f"| {meaning} | " in report for name, meaning in validation._MEANINGS.items() if name not in optional)
    assert "Made by `crackmonitor validate --seed 3` in 12 s on 2 CPU cores. Plan: large 1, small 0" in report


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
        refused = reference is not None and truthful._known[image.tobytes()][0].file.endswith("2.jpg")
        return replace(found, status=Status.NOT_REGISTERED, reason="too few inliers", mask=None) if refused else found

    monkeypatch.setattr(truthful, "analyse", refusing)
    trial: Trial = run_trial("large", short(), 1, truthful)
    assert {reading.capture for reading in trial.readings} == {0, 1, 3}
    assert len(trial.analyses) == len(trial.truths) == 4
