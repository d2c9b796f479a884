"""A whole photo: the paper's way and the published scripts' against the analysis as it ships; how its cost grows."""

from collections.abc import Callable

import cv2
import numpy as np
import torch

from monitor.analysis import Analyser, AnalysisOptions
from monitor.attribution import lean, lrp
from monitor.imaging.tiling import agreed, cut, tile
from monitor.networks.classification import crack_probability
from monitor.networks.weights import Classifier, load_classifier, load_segmenter
from monitor.records import Analysis, BoolArray
from simulations.speed.attribution import BATCH, random_classifier
from simulations.speed.options import BenchOptions
from simulations.speed.photos import Scene, cracked_patches, f1, scene
from simulations.speed.postprocessing import relevance_maps
from simulations.speed.timing import Comparison, Curve, Result, Seconds, by_turns, once, threads

#: Zennit is a multiple of everything else: fewer patches of it are measured.
_ZENNIT_SHARE = 2
_SHARES_OF_MEGAPIXELS = (1 / 12, 1 / 4, 1 / 2)
_SHARES_POSITIVE = (0.05, 0.1, 0.2, 0.4, 0.8)
#: The simulated truth ends at half a pixel's coverage; masks one pixel off are right.
_TOLERANCE_PX = 1


def shipped(mask: str = "taught", attribution: str = "lrp") -> Analyser:
    """The default recipe, or one with masks made in another way."""
    options = AnalysisOptions(mask=mask, attribution=attribution)
    return Analyser(load_classifier("default"), options, load_segmenter("segmenter") if mask == "taught" else None)


def benchmark_photo(options: BenchOptions) -> Result:
    """One photo without registration: patches of the published side are measured and counted up, ours is done whole."""
    from simulations.speed import published

    count, shown = threads(), scene(options.megapixels, options.seed)
    analyser, found = shipped(), {}
    grid = tile(shown.reference.shape[:2], options.patch_px)
    positive = len(cracked_patches(shown.reference, shown.truth, options.patch_px).pictures)
    network = random_classifier(options.width, options.patch_px, options.seed)
    zennit, engine = lrp.crack_lrp(network, 1), lean.crack_lrp(network, options.measured)
    patches = cut(shown.reference, grid, np.arange(min(options.measured, len(grid))))
    some = patches[: max(1, len(patches) // _ZENNIT_SHARE)]
    maps, _ = relevance_maps(options)

    def finished(relevance: object = maps) -> None:
        for each in maps:
            published.severity(published.postprocess(published.simple(each)))

    def ours() -> None:
        found["ours"] = analyser.analyse(shown.reference)

    sides: dict[str, Callable[[], object]] = {
        "classified": lambda: crack_probability(network, patches, len(patches)),
        "explained": lambda: zennit.explain(some),
        "finished": finished,
        "ours": ours,
        "engine": lambda: engine.classify_and_explain(patches, np.inf),
        "engine_back": lambda: engine.explain(some),
    }
    seconds = by_turns(sides, options.photo_rounds)
    a_patch = seconds["classified"] * (1 / len(patches))
    explained, ended = seconds["explained"] * (1 / len(some)), seconds["finished"] * (1 / len(maps))
    theirs = a_patch * len(grid) + (explained + ended) * positive
    scripts = (explained + ended) * len(grid)
    same_network = (
        seconds["engine"] * (len(grid) / len(patches)) + (seconds["engine_back"] * (1 / len(some)) + ended) * positive
    )
    own = _counted(analyser, shown, found["ours"])
    setting = {
        "threads": count,
        "megapixels": options.megapixels,
        "theirs_width": options.width,
        "theirs_patch_px": options.patch_px,
        "theirs_overlap_px": 0,
        "theirs_patches": len(grid),
        "theirs_positive": positive,
        **own,
        "theirs_scaled_from": f"{len(patches)} patches classified, {len(some)} by zennit, {len(maps)} maps",
        "rounds": options.photo_rounds,
    }
    scores = _scores(shown, found["ours"])
    rows = [
        Comparison(
            "photo", f"{options.megapixels:g}-megapixel photo, default recipe",
            "the paper's path: classified at full width, zennit on the positives, its post-processing and width",
            6, theirs, seconds["ours"], scores, setting,
        ),
        Comparison(
            "photo_scripts", "the same", "the published scripts: every patch explained, batch 1",
            25, scripts, seconds["ours"], scores, setting,
        ),
        Comparison(
            "photo_same_network", "the same network, patches and post-processing on both sides, lean engine",
            "the paper's path", 1, theirs, same_network, {}, setting,
        ),
    ]  # fmt: skip
    return Result(rows, _curves(options, analyser, shown))


def _counted(analyser: Analyser, shown: Scene, _analysis: Analysis) -> dict[str, object]:
    """Patches of our side, and how many of them are positive."""
    judge, options = analyser.judge, analyser.options
    classifier = judge.classifier
    grid = tile(shown.reference.shape[:2], classifier.patch_px, options.overlap_px)
    told = judge.probability(cut(shown.reference, grid), options.batch_size)
    probability = agreed(told, grid, np.arange(len(grid)))
    return {
        "ours_width": classifier.network.layout.width,
        "ours_patch_px": classifier.patch_px,
        "ours_overlap_px": options.overlap_px,
        "ours_patches": len(grid),
        "ours_positive": int((probability >= analyser.threshold_probability).sum()),
    }


def _scores(shown: Scene, ours: Analysis) -> dict[str, float]:
    """F1 of both ways of making a mask, from the shipped classifier on both sides: no full-width one is published."""
    theirs = shipped("published", "lrp_both_logits").analyse(shown.reference)
    return {
        "f1_ours": f1(_mask(ours, shown), shown.truth, _TOLERANCE_PX),
        "f1_theirs": f1(_mask(theirs, shown), shown.truth, _TOLERANCE_PX),
    }


def _mask(analysis: Analysis, shown: Scene) -> BoolArray:
    return np.zeros(shown.truth.shape, bool) if analysis.mask is None else analysis.mask


def _curves(options: BenchOptions, analyser: Analyser, shown: Scene) -> list[Curve]:
    """Cost against megapixels (parts of the photo), positive patches, and threads."""
    rows, cols = shown.truth.shape
    sizes, costs = [], []
    for share in (*_SHARES_OF_MEGAPIXELS, 1.0):
        part = shown.reference[: round(rows * share**0.5), : round(cols * share**0.5)]
        sizes.append(part.shape[0] * part.shape[1] / 1e6)
        costs.append(once(lambda part=part: analyser.analyse(part)))
    curves = [Curve("megapixels", "megapixels of a photo", sizes, costs)]
    curves.append(_positives(load_classifier("default"), shown))
    if torch.get_num_threads() > 1:
        curves.append(_threads(analyser, shown.reference[: rows // 2, : cols // 2]))
    return curves


def _positives(classifier: Classifier, shown: Scene) -> Curve:
    """The threshold is put so that a given share of 128 patches counts as cracked."""
    grid = tile(shown.reference.shape[:2], classifier.patch_px)
    patches = cut(shown.reference, grid, np.arange(min(len(grid), 128)))
    probability = np.sort(crack_probability(classifier, patches, BATCH))
    engine = lean.crack_lrp(classifier, BATCH)
    counts = [round(share * len(patches)) for share in _SHARES_POSITIVE]
    levels = [float(probability[-count]) for count in counts]
    costs = [once(lambda level=level: engine.classify_and_explain(patches, level)) for level in levels]
    return Curve("positives", f"positive patches of {len(patches)}", counts, costs)


def _threads(analyser: Analyser, part: np.ndarray) -> Curve:
    """On the wall's clock: CPU seconds do not tell."""
    most, costs = torch.get_num_threads(), []
    try:
        for count in range(1, most + 1):
            torch.set_num_threads(count)
            cv2.setNumThreads(count)
            wall = once(lambda: analyser.analyse(part)).wall
            costs.append(Seconds(wall, wall))
    finally:
        torch.set_num_threads(most)
        cv2.setNumThreads(most)
    return Curve("threads", "threads (seconds on the wall's clock)", range(1, most + 1), costs)
