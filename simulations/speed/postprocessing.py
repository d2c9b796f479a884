"""From relevance to severity: the published steps against ours, on the same relevance of cracked patches."""

from collections.abc import Callable, Mapping

import numpy as np

from monitor.attribution import lean
from monitor.networks.weights import load_classifier
from monitor.records import BoolArray, FloatArray
from monitor.segmentation import thresholds
from monitor.segmentation.morphology import Postprocessing, postprocess
from monitor.severity.metrics import measure
from monitor.severity.skeleton import centreline
from monitor.severity.width import edge_width_px
from simulations.speed.attribution import BATCH
from simulations.speed.options import BenchOptions
from simulations.speed.photos import CrackedPatches, cracked_patches, f1, iou, relevance_of, scene
from simulations.speed.timing import Comparison, Result, Seconds, by_turns, threads

_MAPS = 8
_MAPS_OF_MEGAPIXELS = 3.0
_BAR_WIDTHS_PX = (2, 4, 8, 15, 25, 35)
_BAR_ANGLES = (0, 20, 45, 70, 90)


def relevance_maps(options: BenchOptions) -> tuple[FloatArray, CrackedPatches]:
    """Relevance float32 (n, patch, patch) of cracked patches by the shipped classifier, and those patches.

    The classifier's own patches are smaller: a map is put together from several.
    """
    classifier = load_classifier("default")
    shown = scene(min(options.megapixels, _MAPS_OF_MEGAPIXELS), options.seed)
    own = min(classifier.patch_px, options.patch_px)
    patches = cracked_patches(shown.reference, shown.truth, options.patch_px, _MAPS)
    count, across = len(patches.pictures), options.patch_px // own
    parts = patches.pictures.reshape(count, across, own, across, own, 3).swapaxes(2, 3).reshape(-1, own, own, 3)
    explained = lean.crack_lrp(classifier, BATCH).explain(parts)
    return relevance_of(explained, options.patch_px, own), patches


def benchmark_post(options: BenchOptions) -> Result:
    """Every step by itself, then all from relevance to severity."""
    from simulations.speed import published

    maps, patches = relevance_maps(options)
    candidates = [thresholds.simple(each).mask for each in maps]
    masks, truths = [postprocess(each) for each in candidates], list(patches.truths)
    setting = {"threads": threads(), "patch_px": options.patch_px, "maps": len(maps), "rounds": options.rounds}

    def timed(theirs: Callable[[int], object], ours: Callable[[int], object]) -> dict[str, Seconds]:
        sides = {
            "theirs": lambda: [theirs(index) for index in range(len(maps))],
            "ours": lambda: [ours(index) for index in range(len(maps))],
        }
        return {name: each * (1 / len(maps)) for name, each in by_turns(sides, options.rounds).items()}

    def row(
        name: str, what: str, goal: float, theirs: Callable[[int], object], ours: Callable[[int], object],
        same: Mapping[str, float],
    ) -> Comparison:  # fmt: skip
        return Comparison(name, what, "the published way", goal, **timed(theirs, ours), same=same, setting=setting)

    steps = [
        row(
            "simple", "simple threshold", 6,
            lambda index: published.simple(maps[index]), lambda index: thresholds.simple(maps[index]),
            {"iou": min(iou(published.simple(each), mask) for each, mask in zip(maps, candidates, strict=True))},
        ),
        row(
            "gmm", "GMM threshold", 10,
            lambda index: published.mixture(maps[index]), lambda index: thresholds.gmm(maps[index]), _mixtures(maps),
        ),
        row(
            "morphology", "closing, area opening, closing", 1,
            lambda index: published.postprocess(candidates[index]), lambda index: postprocess(candidates[index]),
            _closings(candidates),
        ),
        row(
            "width", "maximum width of the crack itself", 30,
            lambda index: published.width_px(truths[index]),
            lambda index: edge_width_px(truths[index], centreline(truths[index])), _width_errors(),
        ),
        row(
            "severity", "positive patch: relevance to severity", 6,
            lambda index: published.severity(published.postprocess(published.simple(maps[index]))),
            lambda index: measure(postprocess(thresholds.simple(maps[index]).mask)),
            _scores(masks, [published.postprocess(published.simple(each)) for each in maps], patches.truths),
        ),
        row(
            "severity_gmm", "the same, by the GMM threshold", 6,
            lambda index: published.severity(published.postprocess(published.mixture(maps[index])[0])),
            lambda index: measure(postprocess(thresholds.gmm(maps[index]).mask)),
            _scores(
                [postprocess(thresholds.gmm(each).mask) for each in maps],
                [published.postprocess(published.mixture(each)[0]) for each in maps],
                patches.truths,
            ),
        ),
    ]  # fmt: skip
    return Result(steps)


def _closings(candidates: list[BoolArray]) -> dict[str, float]:
    """Least IoU with the published mask: whole, and without what the published closing adds towards the border, which
    here belongs to a photo and not to a patch.
    """
    from simulations.speed import published

    framed = [np.pad(each, Postprocessing().second_closing_px) for each in candidates]
    return {
        "iou_to_the_border": min(iou(published.postprocess(each), postprocess(each)) for each in candidates),
        "iou": min(iou(published.postprocess(each), postprocess(each)) for each in framed),
    }


def _mixtures(maps: FloatArray) -> dict[str, float]:
    """Median IoU with scikit-learn's mask, as timed and in double precision (in single it stops before its best),
    beside that of scikit-learn with another seed; and the mean by which the log likelihood of a pixel is better under
    our fit than in double precision, over the maps and at worst.
    """
    from simulations.speed import published

    found, double, again, gains = [], [], [], []
    for relevance in maps:
        ours, exact = thresholds.gmm(relevance).mask, relevance.astype(np.float64)
        mask, fitted, values = published.mixture(exact)
        found.append(iou(published.mixture(relevance)[0], ours))
        double.append(iou(mask, ours))
        again.append(iou(mask, published.mixture(exact, seed=1)[0]))
        own = thresholds.fit_mixture(values).log_densities(values[:, 0])
        gains.append(float(np.logaddexp.reduce(own, axis=0).mean() - fitted.score(values)))
    return {
        "iou": float(np.median(found)),
        "iou_in_double_precision": float(np.median(double)),
        "iou_of_theirs_with_another_seed": float(np.median(again)),
        "likelihood_gain": float(np.mean(gains)),
        "least_likelihood_gain": min(gains),
    }


def _scores(ours: list[BoolArray], theirs: list[BoolArray], truths: BoolArray) -> dict[str, float]:
    whole = np.concatenate(list(truths))
    return {"f1_ours": f1(np.concatenate(ours), whole), "f1_theirs": f1(np.concatenate(theirs), whole)}


def _width_errors() -> dict[str, float]:
    """Mean absolute error in px over drawn bars of known width and any direction, and how many of them the published
    way cannot measure: it fits an ellipse to an outline's corners and wants five of them.
    """
    from simulations.speed import published

    bars = [(_bar(width, angle), width) for width in _BAR_WIDTHS_PX for angle in _BAR_ANGLES]
    theirs = [(published.width_px(bar), width) for bar, width in bars]
    return {
        "error_ours_px": float(np.mean([abs(edge_width_px(bar, centreline(bar)) - width) for bar, width in bars])),
        "error_theirs_px": float(np.mean([abs(found - width) for found, width in theirs if found > 0])),
        "not_measured_by_theirs": float(np.mean([found == 0 for found, _ in theirs])),
    }


def _bar(width_px: float, degrees: float) -> BoolArray:
    rows, cols = np.mgrid[-100:101, -100:101].astype(np.float64)
    angle = np.deg2rad(degrees)
    along, across = cols * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - cols * np.sin(angle)
    return np.asarray((np.abs(across) <= width_px / 2) & (np.abs(along) <= 70))
