"""One row for each method and sample: what a mask hits, how large its cracks are, and how long it took.

Rows hold counts and sizes only; `simulations.comparison.tables` makes figures of them.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.attribution.sums import relative_errors
from monitor.records import BoolArray, FloatArray, Severity
from monitor.segmentation.morphology import Postprocessing, stages
from monitor.segmentation.thresholds import THRESHOLDERS, thresholder
from monitor.severity.metrics import measure
from simulations.comparison.methods import Method, probability
from simulations.comparison.samples import Sample, Trajectory
from simulations.comparison.store import Row

#: The steps of the post-processing, as figure 2 has them; the first is the thresholded map, the last the mask.
STAGES = ("thresholded", "first_closing", "area_opening", "second_closing")
#: The name that stands for a mask which needs no thresholder.
NO_THRESHOLD = ""
_POSTPROCESSING = Postprocessing()
#: Pixels in per cent that a map's ranking is judged by; cracks take up about 4 % of masonry_dais.
STRONGEST_PERCENT = (1, 2, 4, 6, 10)
#: Growth is read from masks of this thresholder, as in figure 8.
GROWTH_THRESHOLD = "simple"


def segmentation_row(method: Method, sample: Sample) -> Row:
    """How well a cracked sample's mask is met, by thresholder and step of the post-processing."""
    assert sample.mask is not None
    patches = sample.image[None]
    forward_started = time.perf_counter()
    alone = probability(method.judge, sample.image)
    started = time.perf_counter()
    relevance = method.explain(patches)
    explained = time.perf_counter()
    called = method.heard(sample.image, alone)
    promised, started_with = method.promised(patches), method.started(patches)
    kept = promised is not None and started_with is not None
    return {
        "kind": "segmentation",
        "method": method.name,
        "sample": sample.name,
        "group": sample.group,
        "fingerprint": method.fingerprint,
        "probability": called,
        "called": called >= method.judge.threshold,
        "forward_seconds": started - forward_started,
        "seconds": explained - started,
        "sum_error": None if promised is None else float(relative_errors(relevance, promised)[0]),
        "bias_share": 1 - float(promised[0] / started_with[0]) if kept else None,
        "strongest": _strongest(relevance[0], sample.mask) if method.level is None and relevance.max() > 0 else None,
        "truth": _size(measure(sample.mask)),
        "masks": {name: _scored(method, name, relevance[0], sample.mask) for name in thresholds_of(method)},
    }


def thresholds_of(method: Method) -> tuple[str, ...]:
    """The thresholders a method is scored with."""
    return tuple(sorted(THRESHOLDERS, reverse=True)) if method.level is None else (NO_THRESHOLD,)


def mask_stages(method: Method, threshold: str, relevance: FloatArray) -> Iterator[tuple[str, BoolArray]]:
    """The masks of relevance (side, side) by step; a network that gives a mask itself has one step only."""
    if method.level is not None:
        yield STAGES[0], relevance >= method.level
    else:
        yield from stages(thresholder(threshold)(relevance).mask, _POSTPROCESSING)


def _scored(method: Method, threshold: str, relevance: FloatArray, truth: NDArray[np.bool_]) -> dict[str, Any]:
    started = time.perf_counter()
    masks = dict(mask_stages(method, threshold, relevance))
    seconds = time.perf_counter() - started
    final = list(masks.values())[-1]
    return {
        "stages": {name: _counts(mask, truth) for name, mask in masks.items()},
        "size": _size(measure(final)),
        "seconds": seconds,
    }


def _strongest(relevance: FloatArray, truth: NDArray[np.bool_]) -> dict[str, Any]:
    """How well relevance ranks pixels, whatever a thresholder makes of it: counts for the strongest so many per cent,
    and the share of pixels that hold half of the positive relevance.
    """
    ranked = np.sort(np.maximum(relevance, 0), axis=None)[::-1]
    held = np.cumsum(ranked, dtype=np.float64)
    counts = {}
    for percent in STRONGEST_PERCENT:
        limit = ranked[min(round(percent / 100 * ranked.size), ranked.size - 1)]
        counts[str(percent)] = _counts(np.asarray(relevance > limit), truth)
    return {"counts": counts, "half_share": float(np.searchsorted(held, held[-1] / 2) / ranked.size)}


def _counts(mask: BoolArray, truth: NDArray[np.bool_]) -> list[int]:
    """True positive, false positive and false negative pixels."""
    return [int((mask & truth).sum()), int((mask & ~truth).sum()), int((~mask & truth).sum())]


def _size(severity: Severity) -> dict[str, float]:
    return {
        "count": severity.crack_count,
        "area_px": severity.area_px,
        "max_width_px": severity.max_width_px,
    }


def growth_row(method: Method, trajectory: Trajectory) -> Row:
    """True and found sizes along a trajectory; frames not called cracked are not explained, as in the paper, and where
    the service gives no numbers there are none.
    """
    frames = []
    for frame in trajectory.frames:
        called = method.heard(frame.image, probability(method.judge, frame.image))
        found = None
        if called >= method.judge.threshold:
            relevance = method.explain(frame.image[None])[0]
            threshold = GROWTH_THRESHOLD if method.level is None else NO_THRESHOLD
            if not np.isnan(relevance).all():
                found = _size(measure(list(mask_stages(method, threshold, relevance))[-1][1]))
        frames.append({"probability": called, "true": _size(measure(frame.mask)), "found": found})
    return {
        "kind": "growth",
        "method": method.name,
        "sample": trajectory.name,
        "group": trajectory.name,
        "fingerprint": method.fingerprint,
        "frames": frames,
    }
