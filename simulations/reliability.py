"""How well the confidence in a mask says how good the mask is: on photos for choices, and on simulated ones."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from simulations.cracks import crack_in
from simulations.patches import masked_photos
from simulations.rendering import CameraView, coverage, paint, photograph
from simulations.walls import wall

#: Where one bin of confidence ends and the next begins.
BOUNDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SIMULATED, _SHAPE = 90, (256, 256)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """Masks of a confidence from `low` to below `high`: how many, their mean confidence and IoU, and their F1, pooled.

    Photos without a mask are in none; without masks the figures are None.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    iou: float | None
    f1: float | None


@dataclass(frozen=True)
class _Judged:
    """One mask: the confidence in it, and its pixels that are right, all of them, and those of the true crack."""

    confidence: float
    right: int
    marked: int
    cracked: int


def reliability(
    analyser: Analyser, data: Path, seed: int = 0, on_photo: Callable[[], None] = lambda: None
) -> dict[str, list[Reliability]]:
    """By set of photos: masonry_dais (val fold) and simulated ones. The analyser has to measure whatever it sees
    (`least_confidence` and `least_crack_confidence` 0), or what lies below is missing here.
    """
    real = masked_photos(data / "masonry_dais", "val")
    assert real.masks is not None, "masked photos have masks"
    sets = {"masonry_dais": zip(real.images, real.masks, strict=True), "simulated": _simulated(seed)}
    return {name: binned(_judged(analyser, photos, on_photo)) for name, photos in sets.items()}


def _judged(
    analyser: Analyser, photos: Iterator[tuple[NDArray[np.uint8], Mask]], on_photo: Callable[[], None]
) -> list[_Judged]:
    found = []
    for photo, truth in photos:
        analysis = analyser.analyse(photo)
        if analysis.mask is not None and analysis.confidence is not None:
            right = int((analysis.mask & truth).sum())
            found.append(_Judged(analysis.confidence, right, int(analysis.mask.sum()), int(truth.sum())))
        on_photo()
    return found


def binned(judged: Sequence[_Judged]) -> list[Reliability]:
    """The masks by confidence; the last bin has its upper bound in it."""
    made = []
    for low, high in pairwise(BOUNDS):
        inside = [one for one in judged if low <= one.confidence < high or one.confidence == high == BOUNDS[-1]]
        if not inside:
            made.append(Reliability(low, high, 0, None, None, None))
            continue
        counts = np.array([(one.right, one.marked, one.cracked) for one in inside], float)
        right, marked, cracked = counts.sum(axis=0)
        union = np.maximum(counts[:, 1] + counts[:, 2] - counts[:, 0], 1)
        made.append(
            Reliability(
                low,
                high,
                len(inside),
                confidence=float(np.mean([one.confidence for one in inside])),
                iou=float(np.mean(counts[:, 0] / union)),
                f1=float(2 * right / max(marked + cracked, 1)),
            )
        )
    return made


def _simulated(seed: int) -> Iterator[tuple[NDArray[np.uint8], Mask]]:
    """Photos of walls with cracks of 0.6 to 12 px, and every fifth without, in any light, blur and noise."""
    for number in range(_SIMULATED):
        rng = np.random.default_rng([seed, number])
        shown = wall(("bonded", "plain")[number % 2], _SHAPE, rng)
        crack, opening_px = crack_in(shown, rng), float(np.exp(rng.uniform(np.log(0.6), np.log(12.0))))
        gap = coverage(crack, opening_px if number % 5 else 0.0, _SHAPE)
        view = CameraView(
            np.eye(3),
            gain=float(rng.uniform(0.6, 1.3)),
            gradient=(float(rng.uniform(-0.2, 0.2)), float(rng.uniform(-0.2, 0.2))),
            blur_px=float(rng.uniform(0.4, 2.5)),
            noise=float(rng.uniform(0.004, 0.03)),
        )
        yield photograph(paint(shown.image, gap, rng), view, _SHAPE, rng), gap > 0.5
