"""From rows to the counterparts of the paper's tables, each line with the published figure beside it.

A *line* is a mapping; its figures are `Figure`s or plain values. Percentages where the name says so.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from simulations.comparison.intervals import PIXEL_SCORES, Figure, Floats, figure, ratio
from simulations.comparison.methods import PAPER, UNSUPERVISED
from simulations.comparison.published import printed
from simulations.comparison.rows import NO_THRESHOLD, STAGES, STRONGEST_PERCENT
from simulations.comparison.samples import FOLDS
from simulations.comparison.store import Row

Line = dict[str, Any]

_FIRST, _LAST = STAGES[0], STAGES[-1]
#: Trajectories with fewer frames that are called cracked are left out, as in the paper.
LEAST_FRAMES = 3
_THRESHOLDS = ("simple", "gmm", NO_THRESHOLD)
_GROWN = {"area": "area_px", "width": "max_width_px"}


def of_kind(rows: Iterable[Row], kind: str) -> dict[str, list[Row]]:
    """The rows of one kind by method, methods in the order of the paper's table 2, then others by name."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == kind:
            found.setdefault(row["method"], []).append(row)
    order = {name: place for place, name in enumerate(PAPER)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def classification(rows: Sequence[Row]) -> list[Line]:
    """Table 1: balanced accuracy, TPR and TNR by network and fold, at the network's own threshold."""
    lines = []
    for model, members in of_kind(rows, "classification").items():
        for fold in FOLDS:
            part = [row for row in members if row["fold"] == fold]
            if not part:
                continue
            counted = [
                (
                    row["called"] * row["cracked"],
                    row["cracked"],
                    (not row["called"]) * (not row["cracked"]),
                    not row["cracked"],
                )
                for row in part
            ]
            groups = [row["group"] for row in part]
            line: Line = {"model": model, "fold": fold, "n": len(part), "cracked": sum(row["cracked"] for row in part)}
            for name, statistic in (
                ("balanced_accuracy", lambda sums: (sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3]) / 2),
                ("tpr", ratio),
                ("tnr", lambda sums: ratio(sums[..., 2:])),
            ):
                line[f"{name}_percent"] = figure(counted, groups, statistic).scaled(100)
                line[f"{name}_published"] = printed(1, f"{name}_percent", model=model, fold=fold)
            lines.append(line)
    return lines


def segmentation(rows: Sequence[Row], called_only: bool = False) -> list[Line]:
    """Table 2: pixels of all cracked samples pooled, by method, thresholder and whether morphology follows.

    With `called_only` those samples alone that the method's classifier calls cracked.
    """
    lines = []
    for method, members in of_kind(rows, "segmentation").items():
        part = [row for row in members if row["called"] or not called_only]
        for threshold in _THRESHOLDS:
            for morphology, stage in (("no", _FIRST), ("yes", _LAST)):
                counted = _pixels(part, threshold, stage)
                if not counted:
                    continue
                line: Line = {"method": method, "threshold": threshold, "morphology": morphology, "n": len(counted)}
                if threshold == NO_THRESHOLD:
                    line["morphology"] = ""
                where = {"method": method, "threshold": threshold, "morphology": line["morphology"]}
                for name, statistic in PIXEL_SCORES.items():
                    line[f"{name}_percent"] = figure(counted, _groups(part), statistic).scaled(100)
                    line[f"{name}_published"] = printed(2, f"{name}_percent", **where) or _of_text(name, where)
                line["fingerprint"] = part[0]["fingerprint"]
                lines.append(line)
    return lines


def _of_text(name: str, where: dict[str, str]) -> str | None:
    """What section 3.4 prints of the zero baseline, simple threshold alone."""
    if (where["threshold"], where["morphology"]) != ("simple", "no"):
        return None
    return printed("text", "value", section="3.4", method=where["method"], figure=f"{name}_percent")


def _pixels(rows: Sequence[Row], threshold: str, stage: str) -> list[list[int]]:
    """Counts (n, 3) of the rows that have such a mask: all of one method, or none."""
    masks = [row["masks"][threshold]["stages"] for row in rows if threshold in row["masks"]]
    return [stages[stage] for stages in masks if stage in stages]


def _groups(rows: Sequence[Row]) -> list[str]:
    return [row["group"] for row in rows]


def smoothing(rows: Sequence[Row]) -> list[Line]:
    """Table 3: what AugSmooth changes, on the samples that both variants have."""
    lines = []
    by_method = of_kind(rows, "segmentation")
    for method, members in by_method.items():
        base = {row["sample"]: row for row in by_method.get(method.partition("+")[0], [])}
        both = [(row, base[row["sample"]]) for row in members if "+" in method and row["sample"] in base]
        for threshold in _THRESHOLDS[:2]:
            for morphology, stage in (("no", _FIRST), ("yes", _LAST)):
                smooth = _pixels([one for one, _ in both], threshold, stage)
                plain = _pixels([other for _, other in both], threshold, stage)
                if not smooth:
                    continue
                counted = np.hstack([smooth, plain]).tolist()
                groups = _groups([one for one, _ in both])
                line: Line = {"method": method, "threshold": threshold, "morphology": morphology, "n": len(both)}
                where = {"method": method, "threshold": threshold, "morphology": morphology}
                for name, statistic in PIXEL_SCORES.items():
                    line[f"{name}_percent"] = figure(smooth, groups, statistic).scaled(100)
                    line[f"{name}_delta"] = figure(
                        counted, groups, lambda sums, each=statistic: each(sums[..., :3]) - each(sums[..., 3:])
                    ).scaled(100)
                    line[f"{name}_delta_published"] = printed(3, f"{name}_delta", **where)
                lines.append(line)
    return lines


def severity(rows: Sequence[Row], mm_per_px: float | None = None) -> list[Line]:
    """Table 4: errors of count, area and maximum width after all post-processing, mean over the cracked samples.

    Percentages over samples whose truth is not zero. A sample without a mask is 100 % off.
    """
    lines = []
    for method, members in of_kind(rows, "segmentation").items():
        if method in UNSUPERVISED:
            continue
        for threshold in _THRESHOLDS:
            part = [row for row in members if threshold in row["masks"]]
            if not part:
                continue
            where = {"method": method, "threshold": threshold}
            line: Line = {**where, "n": len(part)}
            line["count_mae"] = _mean_error(part, threshold, "count", relative=False)
            line["area_mape_percent"] = _mean_error(part, threshold, "area_px", relative=True).scaled(100)
            line["width_mape_percent"] = _mean_error(part, threshold, "max_width_px", relative=True).scaled(100)
            line["width_mae_px"] = _mean_error(part, threshold, "max_width_px", relative=False)
            if mm_per_px is not None:
                line["width_mae_mm"] = line["width_mae_px"].scaled(mm_per_px)
            for name in ("count_mae", "area_mape_percent", "width_mape_percent", "width_mae_px"):
                line[f"{name.removesuffix('_percent')}_published"] = printed(4, name, **where)
            lines.append(line)
    return lines


def _mean_error(rows: Sequence[Row], threshold: str, name: str, *, relative: bool) -> Figure:
    counted, groups = [], []
    for row in rows:
        true, found = row["truth"][name], row["masks"][threshold]["size"][name]
        if not relative or true:
            counted.append((abs(found - true) / (true if relative else 1), 1.0))
            groups.append(row["group"])
    return figure(counted, groups, ratio)


def growth(rows: Sequence[Row]) -> list[Line]:
    """Table 5: mean r of a line through the found sizes, and error of its slope, over the trajectories kept.

    Where found sizes do not change at all, r is not defined: such a trajectory counts with r = 0.
    """
    lines = []
    for method, members in of_kind(rows, "growth").items():
        if method in UNSUPERVISED:
            continue
        fits = [fit for row in members if (fit := _fitted(row)) is not None]
        line: Line = {"method": method, "trajectories": len(members), "kept": len(fits)}
        groups = [str(index) for index in range(len(fits))]
        for name in _GROWN:
            line[f"{name}_r"] = figure([(fit[name][0], 1.0) for fit in fits], groups, ratio)
            line[f"{name}_slope_mape_percent"] = figure([(fit[name][1], 1.0) for fit in fits], groups, ratio).scaled(
                100
            )
            line[f"{name}_r_published"] = printed(5, f"{name}_r", method=method)
            line[f"{name}_slope_mape_published"] = printed(5, f"{name}_slope_mape_percent", method=method)
        lines.append(line)
    return lines


def _fitted(row: Row) -> dict[str, tuple[float, float]] | None:
    """r and relative error of the slope, for area and width; None with too few frames called cracked."""
    called = [(step, frame) for step, frame in enumerate(row["frames"]) if frame["found"] is not None]
    if len(called) < LEAST_FRAMES:
        return None
    steps = np.array([step for step, _ in called], np.float64)
    fit = {}
    for name, key in _GROWN.items():
        true = np.array([frame["true"][key] for _, frame in called], np.float64)
        found = np.array([frame["found"][key] for _, frame in called], np.float64)
        slope = _slope(steps, true)
        fit[name] = (_r(steps, found), abs(_slope(steps, found) - slope) / abs(slope))
    return fit


def _slope(steps: Floats, values: Floats) -> float:
    return float(np.polyfit(steps, values, 1)[0])


def _r(steps: Floats, values: Floats) -> float:
    return float(np.corrcoef(steps, values)[0, 1]) if np.ptp(values) > 0 else 0.0


def seconds(rows: Sequence[Row]) -> list[Line]:
    """Figure 10: seconds a sample takes, and how many forward passes of its classifier that is."""
    lines = []
    for method, members in of_kind(rows, "segmentation").items():
        counted = [(row["seconds"], row["forward_seconds"]) for row in members]
        lines.append(
            {
                "method": method,
                "n": len(members),
                "seconds_median": float(np.median([row["seconds"] for row in members])),
                "forward_passes": figure(counted, _groups(members), ratio),
                "seconds_published": printed("text", "value", method=method, figure="seconds_per_image"),
            }
        )
    thresholded = [row["masks"] for members in of_kind(rows, "segmentation").values() for row in members]
    for threshold in _THRESHOLDS[:2]:
        taken = [masks[threshold]["seconds"] for masks in thresholded if threshold in masks]
        if taken:
            lines.append(
                {
                    "method": f"thresholding {threshold} and morphology",
                    "n": len(taken),
                    "seconds_median": float(np.median(taken)),
                    "forward_passes": None,
                    "seconds_published": printed("text", "value", method=threshold, figure="seconds_per_image"),
                }
            )
    return lines


def ranking(rows: Sequence[Row]) -> list[Line]:
    """F1 of each map's strongest pixels, whatever thresholders make of it, and how few of them hold half of it."""
    lines = []
    for method, members in of_kind(rows, "segmentation").items():
        part = [row for row in members if row["strongest"] is not None]
        if not part:
            continue
        line: Line = {"method": method, "n": len(part)}
        for percent in STRONGEST_PERCENT:
            counted = [row["strongest"]["counts"][str(percent)] for row in part]
            line[f"f1_strongest_{percent}_percent"] = figure(counted, _groups(part), PIXEL_SCORES["f1"]).scaled(100)
        line["pixels_with_half_percent"] = 100 * float(np.median([row["strongest"]["half_share"] for row in part]))
        lines.append(line)
    return lines


def sums(rows: Sequence[Row]) -> list[Line]:
    """How far the relevance of each sample misses what it has to come to, as a share of it, and what biases keep."""
    lines = []
    for method, members in of_kind(rows, "segmentation").items():
        errors = [row["sum_error"] for row in members if row["sum_error"] is not None]
        kept = [row["bias_share"] for row in members if row["bias_share"] is not None]
        if errors:
            low, median, high = map(float, np.quantile(errors, [0.05, 0.5, 0.95]))
            line: Line = {"method": method, "n": len(errors)}
            line |= {"error_p05": low, "error_median": median, "error_p95": high}
            lines.append(line | {"kept_by_biases_median": float(np.median(kept)) if kept else None})
    return lines


def stage_scores(rows: Sequence[Row], threshold: str = "simple") -> dict[str, list[float | None]]:
    """Figure 2: F1 in per cent after each step of the post-processing, by method."""
    found = {}
    for method, members in of_kind(rows, "segmentation").items():
        if any(threshold in row["masks"] for row in members):
            scores = [
                figure(_pixels(members, threshold, stage), _groups(members), PIXEL_SCORES["f1"]) for stage in STAGES
            ]
            found[method] = [score.scaled(100).value for score in scores]
    return found
