"""What the benchmark makes of rows: figures, intervals, the paper's own beside them, and nothing done twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_networks import tiny_classifier

from monitor.errors import MisuseError, UnknownNameError
from simulations.comparison import tables
from simulations.comparison.benchmark import Piece
from simulations.comparison.intervals import f1, figure, iou, precision, ratio, recall
from simulations.comparison.methods import DEFAULT, PAPER, Method, check_names
from simulations.comparison.published import printed, published
from simulations.comparison.report import order_of_merit
from simulations.comparison.rows import STRONGEST_PERCENT, segmentation_row
from simulations.comparison.rows import growth_row as growth_row_of
from simulations.comparison.samples import Sample, Trajectory, samples_of, trajectories
from simulations.comparison.store import Row, Store
from simulations.growth import PaperFrame

PERCENT = [str(percent) for percent in STRONGEST_PERCENT]
PAPER_TEXT = Path(__file__).parents[4] / "shared" / "paper" / "forest-2024.txt"


def row(sample: str, method: str = "lrp", counts: tuple[int, int, int] = (6, 2, 4), called: bool = True) -> Row:
    stages = {"thresholded": list(counts), "second_closing": [counts[0] + 1, *counts[1:]]}
    size = {"count": 1, "area_px": 150.0, "max_width_px": 6.0}
    truth = {"count": 2, "area_px": 100.0, "max_width_px": 4.0}
    masks = {"simple": {"stages": stages, "size": size, "seconds": 0.01}}
    return {
        "kind": "segmentation", "method": method, "sample": sample, "group": sample[0], "fingerprint": "f",
        "called": called, "probability": 0.9, "seconds": 0.4, "forward_seconds": 0.1, "sum_error": 0.2,
        "bias_share": 0.3, "strongest": {"counts": {key: list(counts) for key in PERCENT}, "half_share": 0.02},
        "truth": truth, "masks": masks,
    }  # fmt: skip


def test_pixel_scores_as_the_paper_defines_them() -> None:
    right, wrong, missed = counts = np.array([30.0, 10.0, 20.0])
    assert precision(counts) == right / (right + wrong)
    assert recall(counts) == right / (right + missed)
    assert f1(counts) == pytest.approx(2 * precision(counts) * recall(counts) / (precision(counts) + recall(counts)))
    assert iou(counts) == right / (right + wrong + missed)


def test_intervals_draw_whole_photos() -> None:
    counted = [(float(group), 1.0) for group in (1, 3, 5, 7) for _ in range(50)]
    photos = figure(counted, [str(value) for value, _ in counted], ratio)
    patches = figure(counted, [str(index) for index in range(200)], ratio)
    assert photos.value == patches.value == 4
    assert photos.groups == 4
    assert photos.low is not None
    assert patches.low is not None
    assert photos.low < patches.low - 0.5, "patches of one photo are no independent witnesses"
    assert figure([], [], ratio).value is None


def test_table_2_pools_pixels_and_shows_the_paper_beside() -> None:
    rows = [row("a1"), row("b1", counts=(0, 5, 10), called=False)]
    thresholded, closed = tables.segmentation(rows)
    assert thresholded["f1_percent"].value == pytest.approx(100 * 2 * 6 / (2 * 6 + 7 + 14))
    assert closed["f1_percent"].value > thresholded["f1_percent"].value
    assert (thresholded["f1_published"], closed["f1_published"]) == ("22.17", "37.43")
    (called, _) = tables.segmentation(rows, called_only=True)
    assert called["n"] == 1
    assert called["f1_percent"].value == pytest.approx(100 * 2 * 6 / (2 * 6 + 2 + 4))


def test_table_3_compares_on_the_same_samples() -> None:
    smooth = "lrp+augsmooth_paper"
    rows = [row("a1"), row("b1", counts=(1, 9, 9)), row("a1", smooth, (8, 2, 2))]
    line, _ = tables.smoothing(rows)
    assert line["n"] == 1
    assert line["f1_delta"].value == pytest.approx(100 * (16 / 20 - 12 / 18))
    assert line["f1_delta_published"] == "+2.04"


def test_table_4_and_figure_10() -> None:
    (line,) = tables.severity([row("a1"), row("b1")], mm_per_px=0.5)
    assert line["count_mae"].value == 1
    assert line["area_mape_percent"].value == pytest.approx(50)
    assert line["width_mape_percent"].value == pytest.approx(50)
    assert line["width_mae_mm"].value == pytest.approx(1)
    time, *_ = tables.seconds([row("a1"), row("b1")])
    assert time["forward_passes"].value == pytest.approx(4)


def test_ranking_and_sums() -> None:
    network = {**row("a1", "oracle"), "strongest": None, "sum_error": None, "bias_share": None}
    rows = [row("a1"), row("b1", counts=(0, 8, 10)), network]
    (line,) = tables.ranking(rows)
    assert (line["method"], line["n"]) == ("lrp", 2)
    assert line["f1_strongest_4_percent"].value == pytest.approx(100 * 12 / (12 + 10 + 14))
    assert line["pixels_with_half_percent"] == pytest.approx(2)
    (line,) = tables.sums(rows)
    assert (line["n"], line["error_median"], line["kept_by_biases_median"]) == (2, 0.2, 0.3)


def test_the_paper_s_order_is_judged_by_masks_and_by_ranking() -> None:
    names = ("lrp", "deep_lift_shap", "input_x_gradient", "gradient_shap")
    by_mask = [(3, 0, 9), (5, 0, 5), (4, 0, 9), (1, 9, 9)]
    rows = [row("a1", name, counts) for name, counts in zip(names, by_mask, strict=True)]
    for one, right in zip(rows, (8, 7, 2, 3), strict=True):
        one["strongest"]["counts"]["4"] = [right, 2, 2]
    told = order_of_merit(tables.segmentation(rows), tables.ranking(rows))
    claims = [line for line in told if line.startswith("LRP and DeepLiftShap")]
    assert claims == [
        "LRP and DeepLiftShap ahead of InputXGradient and GradientShap: "
        "does not hold here: lrp is behind input_x_gradient.",
        "LRP and DeepLiftShap ahead of InputXGradient and GradientShap: holds by that here.",
    ]


def test_frames_that_are_not_measured_have_no_size() -> None:
    frame = PaperFrame(np.zeros((40, 40, 3), np.uint8), np.ones((40, 40), bool))
    sure = replace(tiny_classifier(), threshold=0.0)
    for value, size in ((np.nan, None), (0.0, 0.0)):
        method = Method("taught", lambda patches, v=value: np.full((1, 40, 40), v, np.float32), sure, "f", level=0.5)
        (made,) = growth_row_of(method, Trajectory("one", (frame,)))["frames"]
        assert (made["found"] and made["found"]["area_px"]) == size


def test_a_row_ranks_pixels_by_their_relevance() -> None:
    relevance = np.zeros((40, 40), np.float32)
    relevance[3, :40] = np.linspace(1, 2, 40)
    truth = np.zeros((40, 40), bool)
    truth[3] = True
    method = Method("lrp", lambda patches: relevance[None], tiny_classifier(), "f")
    made = segmentation_row(method, Sample("a1", "a", np.zeros((40, 40, 3), np.uint8), True, truth))
    assert made["strongest"]["counts"]["1"] == [16, 0, 24]
    assert made["strongest"]["counts"]["6"] == [40, 0, 0], "what has no relevance is never among the strongest"
    assert made["strongest"]["half_share"] == pytest.approx(16 / 1600)
    assert (made["bias_share"], made["sum_error"]) == (None, None)


def growth_row(name: str, areas: list[float | None]) -> Row:
    frames = [
        {
            "probability": 0.9,
            "true": {"count": 1, "area_px": 100.0 * step, "max_width_px": 4.0 * step},
            "found": None if area is None else {"count": 1, "area_px": area, "max_width_px": 7.0},
        }
        for step, area in enumerate(areas, 1)
    ]
    return {"kind": "growth", "method": "lrp", "sample": name, "group": name, "fingerprint": "f", "frames": frames}


def test_table_5_keeps_trajectories_with_three_frames_called_cracked() -> None:
    kept = growth_row("one", [None, 400.0, 600.0, 800.0, 1000.0])
    (line,) = tables.growth([kept, growth_row("two", [None, None, None, 5.0, 6.0])])
    assert (line["trajectories"], line["kept"]) == (2, 1)
    assert line["area_r"].value == pytest.approx(1)
    assert line["area_slope_mape_percent"].value == pytest.approx(100)
    assert line["width_r"].value == 0, "a width that never changes follows nothing"
    assert line["area_slope_mape_published"] == "35.6"


def test_an_interruption_costs_one_row(tmp_path: Path) -> None:
    store = Store(tmp_path, {"seed": 0}, "piece_1_of_2")
    store.add(row("a1"))
    store.add(row("a2"))
    file = tmp_path / "rows" / "piece_1_of_2.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    again = Store(tmp_path, {"seed": 0}, "piece_1_of_2")
    assert ("segmentation", "lrp", "a1") in again
    assert ("segmentation", "lrp", "a2") not in again
    again.add(row("a2"))
    other = Store(tmp_path, {"seed": 0}, "piece_2_of_2")
    other.add(row("a3"))
    assert [one["sample"] for one in other] == ["a1", "a2", "a3"]


def test_rows_of_two_recipes_never_mix(tmp_path: Path) -> None:
    Store(tmp_path, {"seed": 0}, "all")
    with pytest.raises(MisuseError, match=r"seed: there 0, now 1.*another --out"):
        Store(tmp_path, {"seed": 1}, "all")


@pytest.mark.parametrize("text", ["0/2", "3/2", "one", "1/", "-1/2"])
def test_a_piece_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="piece"):
        Piece.parsed(text, None)


def test_unknown_methods_are_named_with_the_known_ones() -> None:
    check_names(DEFAULT)
    for wrong in ("gradcam", "oracle+augsmooth_paper", "lrp+blur"):
        with pytest.raises(UnknownNameError, match="Known: "):
            check_names([wrong])


def test_simulated_samples_come_from_the_seed_alone() -> None:
    one, two, other = (samples_of(None, fold, 64, 4, 3) for fold in ("test", "test", "val"))
    for first, second, third in zip(one, two, other, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        assert not np.array_equal(first.image, third.image)
    assert [sample.cracked for sample in one] == [True, False, True, False]
    (trajectory,) = trajectories(one, 1, 0)
    areas = [int(frame.mask.sum()) for frame in trajectory.frames]
    assert len(areas) == 5
    assert areas == sorted(set(areas))


def test_every_method_of_the_paper_has_its_published_row() -> None:
    for name in PAPER:
        threshold, morphology = ("", "") if name == "oracle" else ("gmm", "yes")
        assert printed(2, "f1_percent", method=name, threshold=threshold, morphology=morphology), name


@pytest.mark.shared_data
@pytest.mark.parametrize("table", range(1, 6))
def test_published_tables_are_as_printed(table: int) -> None:
    """Every number of a row stands in one line of the paper's table, in this order."""
    if not PAPER_TEXT.exists():
        pytest.skip(f"the paper's text is not at {PAPER_TEXT}")
    text = PAPER_TEXT.read_text(encoding="utf-8")
    start = text.index(f"Table {table}: ")
    lines = [line for line in text[start:].splitlines()[1:60] if "\t" in line]
    shown = [[word for word in _plain(line) if any(letter.isdigit() for letter in word)] for line in lines]
    for entry in published(table):
        words: list[Any] = [value for name, value in entry.items() if name.split("_")[-1] in _NUMBERS]
        assert any(words == line[-len(words) :] for line in shown), entry


_NUMBERS = {"percent", "delta", "mae", "px", "mm", "r"}


def _plain(line: str) -> list[str]:
    for mark in ("<u>", "</u>", "(", ")", "|"):
        line = line.replace(mark, " ")
    return line.split()


def test_rows_are_plain_json(tmp_path: Path) -> None:
    store = Store(tmp_path, {}, "all")
    store.add({**row("a1"), "sum_error": np.float32(0.5)})
    (kept,) = store
    assert json.loads(json.dumps(kept))["sum_error"] == 0.5
