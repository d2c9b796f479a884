"""The counterparts of the paper's figures 2 and 5 to 10."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simulations.comparison.methods import Method
from simulations.comparison.rows import GROWTH_THRESHOLD, STAGES, mask_stages, thresholds_of
from simulations.comparison.samples import Sample, Trajectory
from simulations.comparison.store import Row
from simulations.comparison.tables import Line, of_kind

matplotlib.use("Agg")

_DPI = 110
_OF_FIGURE_2 = ("integrated_gradients", "lrp")
_RED = (220, 30, 30)

Picture = NDArray[Any]


def save_charts(folder: Path, rows: Sequence[Row], tables: Mapping[str, list[Line]], scores: Mapping[str, Any]) -> None:
    """Figures 2 (its curve), 8, 9 and 10 into `folder`: numbers only, no photo."""
    folder.mkdir(parents=True, exist_ok=True)
    _stage_curve(folder / "figure_02_curve.png", scores)
    _evolution(folder / "figure_08.png", rows)
    _errors(folder / "figure_09.png", tables["severity"], tables["growth"])
    _seconds(folder / "figure_10.png", tables["seconds"])


def save_pictures(
    folder: Path, methods: Sequence[Method], samples: Sequence[Sample], grown: Sequence[Trajectory]
) -> None:
    """Figures 2, 5, 6 and 7 of these samples into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {method.name: method for method in methods}
    if samples:
        _stages(folder / "figure_02.png", [by_name[name] for name in _OF_FIGURE_2 if name in by_name], samples[0])
        _baselines(folder / "figure_05.png", by_name, samples[0])
        shown = [method for method in methods if "+" not in method.name]
        for place, letter in ((0, "a"), (-1, "b")):
            _masks(folder / f"figure_06{letter}.png", shown, samples, place)
    if grown and "lrp" in by_name:
        _trajectory(folder / "figure_07.png", by_name["lrp"], grown[0])


def _saved(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})


def _stage_curve(path: Path, scores: Mapping[str, Sequence[float | None]]) -> None:
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for name in _OF_FIGURE_2:
        if name in scores:
            axes.plot(range(len(STAGES)), [np.nan if one is None else one for one in scores[name]], "o-", label=name)
    axes.set_xticks(range(len(STAGES)), [name.replace("_", " ") for name in STAGES])
    axes.set_ylabel("F1 (%), simple threshold")
    if axes.lines:
        axes.legend()
    _saved(figure, path)


def _evolution(path: Path, rows: Sequence[Row]) -> None:
    """True and found sizes along the first trajectory that LRP sees whole."""
    members = of_kind(rows, "growth").get("lrp", [])
    whole = [row for row in members if all(frame["found"] is not None for frame in row["frames"])]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, key, unit in zip(panels, ("area_px", "max_width_px"), ("area (px)", "maximum width (px)"), strict=True):
        for row in whole[:1]:
            steps = range(1, len(row["frames"]) + 1)
            axes.plot(steps, [frame["true"][key] for frame in row["frames"]], "k--", label="true")
            axes.plot(steps, [frame["found"][key] for frame in row["frames"]], "o-", label="found (lrp)")
            axes.legend()
        axes.set_xlabel("growth step")
        axes.set_ylabel(unit)
    _saved(figure, path)


def _errors(path: Path, severity: Sequence[Line], growth: Sequence[Line]) -> None:
    """Both errors of each method; the best stand top right, as in the paper."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    of_size = {line["method"]: line for line in severity if line["threshold"] in (GROWTH_THRESHOLD, "")}
    for axes, name in zip(figure.subplots(1, 2), ("area", "width"), strict=True):
        for line in growth:
            sized = of_size.get(line["method"])
            if sized is None or line[f"{name}_slope_mape_percent"].value is None:
                continue
            point = sized[f"{name}_mape_percent"].value, line[f"{name}_slope_mape_percent"].value
            if point[0] is not None:
                axes.plot(*point, "o")
                axes.annotate(line["method"], point, textcoords="offset points", xytext=(4, 4), fontsize=7)
        axes.invert_xaxis()
        axes.invert_yaxis()
        axes.set_xlabel(f"{name}: MAPE (%)")
        axes.set_ylabel(f"{name}: slope MAPE (%)")
    _saved(figure, path)


def _seconds(path: Path, lines: Sequence[Line]) -> None:
    shown = [line for line in lines if line["forward_passes"] is not None]
    figure = Figure(figsize=(8, 0.6 + 0.3 * max(len(shown), 1)), layout="constrained")
    axes = figure.add_subplot()
    if shown:
        bars = axes.barh([line["method"] for line in shown], [line["seconds_median"] for line in shown])
        axes.bar_label(bars, [f" {line['forward_passes'].value:.1f} x forward" for line in shown], fontsize=7)
        axes.set_xscale("log")
        axes.margins(x=0.25)
        axes.invert_yaxis()
    axes.set_xlabel("seconds a sample (median)")
    _saved(figure, path)


def _grid(path: Path, pictures: Sequence[Sequence[Picture]], rows: Sequence[str], cols: Sequence[str]) -> None:
    """Pictures in rows and columns with their names; (side, side) ones in shades of grey."""
    figure = Figure(figsize=(1.3 * len(cols) + 0.6, 1.3 * len(rows) + 0.4), layout="constrained")
    panels = figure.subplots(len(rows), len(cols), squeeze=False)
    for line, name, shown in zip(panels, rows, pictures, strict=True):
        for axes, title, picture in zip(line, cols, shown, strict=True):
            axes.imshow(picture, cmap="gray" if picture.dtype == bool else "magma", interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if axes in panels[0]:
                axes.set_title(title.replace("_", "\n", 2), fontsize=6)
        line[0].set_ylabel(name.replace("_", "\n", 2), fontsize=6)
    _saved(figure, path)


def _with_truth(sample: Sample) -> Picture:
    """The photo with the outline of its crack."""
    assert sample.mask is not None
    shown = sample.image.copy()
    outlines, _ = cv2.findContours(sample.mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outlines, -1, _RED, 1)
    return shown


def _relevance(method: Method, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(method.explain(image[None])[0], np.float32)


def _stages(path: Path, methods: Sequence[Method], sample: Sample) -> None:
    pictures = []
    for method in methods:
        relevance = _relevance(method, sample.image)
        masks = [mask for _, mask in mask_stages(method, "simple", relevance)]
        pictures.append([_with_truth(sample), relevance, *masks])
    if pictures:
        _grid(path, pictures, [method.name for method in methods], ["photo", "relevance", *STAGES])


def _baselines(path: Path, by_name: Mapping[str, Method], sample: Sample) -> None:
    """DeepLift with black and with damage-free baselines."""
    names = [name for name in ("deep_lift_zero", "deep_lift") if name in by_name]
    maps = [_relevance(by_name[name], sample.image) for name in names]
    if names:
        titles = ["photo", *({"deep_lift_zero": "zero baseline", "deep_lift": "damage-free"}[name] for name in names)]
        _grid(path, [[_with_truth(sample), *maps]], ["deep_lift"], titles)


def _masks(path: Path, methods: Sequence[Method], samples: Sequence[Sample], place: int) -> None:
    """Masks of every method, after thresholding (place 0) or all post-processing (place -1)."""
    pictures = []
    for sample in samples:
        line: list[Picture] = [sample.image, _with_truth(sample)]
        for method in methods:
            masks = mask_stages(method, thresholds_of(method)[0], _relevance(method, sample.image))
            line.append(list(masks)[place][1])
        pictures.append(line)
    names = [f"example {index}" for index in range(1, len(samples) + 1)]
    _grid(path, pictures, names, ["photo", "truth", *(method.name for method in methods)])


def _trajectory(path: Path, method: Method, trajectory: Trajectory) -> None:
    pictures = []
    for frame in trajectory.frames:
        masks = [mask for _, mask in mask_stages(method, GROWTH_THRESHOLD, _relevance(method, frame.image))]
        pictures.append([frame.image, frame.mask, masks[0], masks[-1]])
    names = [f"step {index}" for index in range(1, len(pictures) + 1)]
    _grid(path, pictures, names, ["photo", "truth", "thresholded", "post-processed"])
