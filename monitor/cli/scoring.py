"""What 'evaluate' scores on request beside classifiers and masks: each part as values for a script and as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.analysis import Analyser
    from monitor.networks.second_opinion import Judge
    from simulations.width_calibration import WidthBias

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def adapted(judge: "Judge", data: Path, final: bool, on_wall: Callable[[], None]) -> tuple[Any, Table]:
    """Balanced accuracy on brickwork, wall by wall, after a few judged patches of it."""
    from simulations.adaptation_scores import evaluate_adaptation

    found = evaluate_adaptation(judge, data, final, on_wall=on_wall)
    head: tuple[str, ...] = (
        "wall",
        "n",
        "patches judged",
        "draws",
        "photos left",
        "balanced, shipped",
        "balanced, adapted",
        "spread",
    )
    rows: list[tuple[str, ...]] = [
        (
            wall,
            str(one.n),
            str(one.judged),
            str(one.repeats),
            f"{one.left:.1f}",
            f"{one.shipped:.3f}",
            f"{one.adapted:.3f}",
            f"{one.spread:.3f}",
        )
        for wall, one in found.items()
    ]
    return found, (head, rows)


def reliable(analyser: "Analyser", data: Path, seed: int, on_photo: Callable[[], None]) -> tuple[Any, Table]:
    """Confidence in a mask against its IoU and F1; the analyser has to measure whatever it sees."""
    from simulations.reliability import reliability

    found = reliability(analyser, data, seed, on_photo)
    head: tuple[str, ...] = ("photos", "confidence", "masks", "mean confidence", "mean IoU", "F1, pooled")
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{one.low:g} to {one.high:g}",
            str(one.n),
            *("-" if value is None else f"{value:.2f}" for value in (one.confidence, one.iou, one.f1)),
        )
        for name, bins in found.items()
        for one in bins
    ]
    return found, (head, rows)


def widths(
    analyser: "Analyser", folder: Path, seed: int, made: str, on_photo: Callable[[], None]
) -> tuple[list["WidthBias"], Table]:
    """The bias of widths by width and blur, written into the folder as widths.csv and widths.md."""
    from simulations.width_calibration import as_page, as_table, width_biases, write_csv

    found = width_biases(analyser, _PHOTOS_A_WIDTH, seed, on_photo)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(found, folder / "widths.csv")
    (folder / "widths.md").write_text(as_page(found, made), encoding="utf-8")
    return found, as_table(found)


_PHOTOS_A_WIDTH = 8
