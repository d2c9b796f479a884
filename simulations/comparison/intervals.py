"""Figures with intervals over photos: photos are drawn anew, with all that was cut from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE, RESAMPLED = 0.9, 1000

Floats = NDArray[np.float64]
#: Takes sums (..., k) of what was counted to a figure (...).
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Figure:
    """A value and its 90 % interval over `groups` photos; None where there was nothing to make one of."""

    value: float | None
    low: float | None
    high: float | None
    groups: int

    def scaled(self, factor: float) -> "Figure":
        """The same in another unit."""
        one, two, three = (None if part is None else part * factor for part in (self.value, self.low, self.high))
        return Figure(one, two, three, self.groups)


def figure(counted: Sequence[Sequence[float]], groups: Sequence[str], statistic: Statistic, seed: int = 0) -> Figure:
    """The statistic of all that was `counted` (n, k), summed; its interval by drawing whole `groups` (n,) anew."""
    if not len(counted):
        return Figure(None, None, None, 0)
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    table = np.asarray(counted, np.float64)
    sums = np.zeros((place.max() + 1, table.shape[1]))
    np.add.at(sums, place, table)
    chosen = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLED, len(sums)))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(statistic(sums.sum(axis=0)))
        drawn = statistic(sums[chosen].sum(axis=1))
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not drawn.size:
        return Figure(None, None, None, len(sums))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Figure(value, float(low), float(high), len(sums))


def ratio(sums: Floats) -> Floats:
    """The first sum divided by the second."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def f1(sums: Floats) -> Floats:
    """Of true positives, false positives and false negatives: 2 TP / (2 TP + FP + FN)."""
    right, wrong, missed = np.moveaxis(sums, -1, 0)[:3]
    return np.asarray(2 * right / (2 * right + wrong + missed))


def precision(sums: Floats) -> Floats:
    """TP / (TP + FP)."""
    return np.asarray(sums[..., 0] / (sums[..., 0] + sums[..., 1]))


def recall(sums: Floats) -> Floats:
    """TP / (TP + FN)."""
    return np.asarray(sums[..., 0] / (sums[..., 0] + sums[..., 2]))


def iou(sums: Floats) -> Floats:
    """TP / (TP + FP + FN)."""
    return np.asarray(sums[..., 0] / sums[..., :3].sum(axis=-1))


PIXEL_SCORES: dict[str, Statistic] = {"f1": f1, "precision": precision, "recall": recall, "iou": iou}
