"""The benchmarks say what they timed, and that both sides gave the same."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.errors import UnknownNameError
from simulations.benchmarks import BENCHMARKS, as_csv, as_figures, as_page, benchmark
from simulations.speed import published
from simulations.speed.options import BenchOptions
from simulations.speed.photos import cracked_patches, f1, iou, scene
from simulations.speed.registering import benchmark_registration
from simulations.speed.timing import Comparison, Curve, Result, Seconds, by_turns

TINY = ("--width", "0.03", "--patch", "32", "--rounds", "1")


def made_up() -> Result:
    row = Comparison("width", "a width", "the old way", 30, Seconds(6, 4), Seconds(2, 1), {"iou": 1.0}, {"threads": 1})
    curve = Curve("photos", "photos", [1, 2, 4], [Seconds(2 * size, 3 * size) for size in (1, 2, 4)])
    return Result([row], [curve], {"peak_mb": 512.5})


def test_lrp_of_a_tiny_setting() -> None:
    found = json.loads(CliRunner().invoke(app, ["bench", "--only", "lrp", "--json", *TINY]).stdout)
    assert found["benchmark"] == "lrp"
    assert found["lrp_ratio_vs_zennit"] > 0
    assert found["pearson"] >= 0.9999
    assert found["relative_l2"] <= 1e-2
    assert found["threads"] >= 1
    assert (found["width"], found["patch_px"], found["rounds"]) == (0.03, 32, 1)
    assert found["batch_sizes"] == {"theirs": 1, "ours": 2}
    assert "CPU cores" in found["machine"]


def test_an_unknown_benchmark_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"'nosuch'\. Known: lrp"):
        benchmark("nosuch", BenchOptions())
    assert {"lrp", "post", "registration", "photo"} == set(BENCHMARKS)


def test_ratios_and_exponents() -> None:
    figures = as_figures(made_up())
    assert figures["width"]["ratio"] == 3
    assert figures["width"]["cpu_ratio"] == 4
    assert figures["curve_photos"]["exponent"] == pytest.approx(1)
    assert figures["curve_photos"]["cpu_seconds_per_unit"] == pytest.approx(3)


def test_report_and_table_hold_every_figure() -> None:
    results = {"post": made_up()}
    page, lines = as_page(results, "crackmonitor bench", "1 CPU core"), as_csv(results).splitlines()
    assert "| a width | the old way | 3.0 | 4.0 | >= 30 | 1 | iou 1 |" in page
    assert "peak_mb" in page
    assert "post,peak_mb,512.5" in lines
    assert "post,width.cpu_seconds.theirs,4" in lines
    assert "post,curve_photos.exponent,1" in lines


def test_the_sides_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    by_turns({"one": lambda: order.append("one"), "two": lambda: order.append("two")}, 2)
    assert order == ["one", "two"] * 3


def test_the_scene_shows_what_its_truth_says() -> None:
    shown = scene(0.3, 0)
    light = shown.reference.mean(axis=2)
    assert light[shown.truth].mean() < light[~shown.truth].mean() - 30
    patches = cracked_patches(shown.reference, shown.truth, 64, 5)
    assert patches.pictures.shape == (5, 64, 64, 3)
    assert (patches.truths.sum(axis=(1, 2)) >= 64).all()


def test_registration_finds_the_place_on_both_sides() -> None:
    result = benchmark_registration(BenchOptions(megapixels=0.3, photo_rounds=1))
    same = result.comparisons[0].same
    assert same["corner_error_ours_px"] < 0.5
    assert same["corner_error_theirs_px"] < 20


def ridge() -> np.ndarray:
    rows = np.abs(np.arange(96) - 48.0)[:, None] + np.zeros((96, 96))
    return np.exp(-((rows / 4) ** 2)) + 0.02 * np.random.default_rng(0).random((96, 96))


def test_the_published_thresholds_and_morphology_are_ours_done_slowly() -> None:
    from monitor.segmentation.morphology import postprocess
    from monitor.segmentation.thresholds import gmm, simple

    mask = simple(ridge()).mask
    assert np.array_equal(published.simple(ridge()), mask)
    assert np.array_equal(published.postprocess(mask), postprocess(mask))
    assert iou(published.mixture(ridge())[0], gmm(ridge()).mask) > 0.9


@pytest.mark.parametrize(("width", "angle"), [(3, 10), (9, 30), (15, 80)])
def test_the_published_width_knows_bars(width: int, angle: float) -> None:
    rows, cols = np.mgrid[-70:71, -70:71]
    turn = np.deg2rad(angle)
    across = rows * np.cos(turn) - cols * np.sin(turn)
    bar = (np.abs(across) <= width / 2) & (np.hypot(rows, cols) < 60)
    assert published.width_px(bar) == pytest.approx(width, abs=2.5)


def test_the_published_width_has_no_ellipse_for_four_corners() -> None:
    bar = np.zeros((100, 100), bool)
    bar[48:52, 20:80] = True
    assert published.severity(bar) == (1, 240, 0)


def test_f1_within_a_tolerance() -> None:
    truth = np.zeros((20, 20), bool)
    truth[10] = True
    beside = np.roll(truth, 1, axis=0)
    assert f1(truth, truth) == pytest.approx(1)
    assert f1(beside, truth) < 1e-9
    assert f1(beside, truth, 1) == pytest.approx(1)
