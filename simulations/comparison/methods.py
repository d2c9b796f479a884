"""The rows of the comparison: what each method needs, and whether it can be had here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monitor.analysis import Analyser, AnalysisOptions
from monitor.attribution.base import ATTRIBUTIONS, Beside, attribution
from monitor.attribution.smoothing import SMOOTHINGS
from monitor.attribution.sums import promised_sum, started_sum
from monitor.errors import UnknownNameError, WeightsError
from monitor.networks.classification import crack_probability
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import SHIPPED, Classifier, load_classifier, load_segmenter
from monitor.records import ByteArray, FloatArray, Recipe, Status

#: Those of the paper, in the order of its table 2, by their names there.
PAPER: dict[str, str] = {
    "input_x_gradient": "Input×Gradient",
    "integrated_gradients": "IntGrad",
    "deep_lift": "DeepLift",
    "deep_lift_shap": "DeepLiftShap",
    "gradient_shap": "GradientShap",
    "lrp": "LRP",
    "nn_explainer": "NN-Explainer",
    "bcos": "B-cos network",
    "raw": "Raw",
    "autoencoder": "CAE",
    "oracle": "U-Net (oracle)",
}
#: What stands beside them: other starts, the zero baseline, enhanced intensities, smoothing.
BESIDE_PAPER = (
    "lrp_both_logits",
    "deep_lift_published",
    "deep_lift_shap_published",
    "integrated_gradients_zero",
    "deep_lift_zero",
    "gradient_shap_zero",
    "raw_blurred",
    "raw_shading_corrected",
    "raw_min_max",
    "lrp+augsmooth_paper",
    "lrp+augsmooth_published",
)
#: Masks of the service, from photo to confidence gate: what ships goes last.
OURS = ("refined", "taught")
DEFAULT: tuple[str, ...] = (*PAPER, *BESIDE_PAPER, *OURS)
#: Neither explain a classifier: growth and severity are not read from them.
UNSUPERVISED = ("raw", "raw_blurred", "raw_shading_corrected", "raw_min_max", "autoencoder")
_NOT_ATTRIBUTIONS = ("autoencoder", "oracle", *OURS)


@dataclass(frozen=True)
class Method:
    """One row, ready for use.

    `explain` takes patches uint8 (n, side, side, 3) to float32 (n, side, side). `level`: from where that is a mask by
    itself, None where it is relevance that a thresholder makes one of. `judge` is the network whose word on "cracked"
    counts; `heard` takes a patch (side, side, 3) and what that network says of it to what counts. `promised` says what
    the relevance has to come to, `started` what LRP starts with.
    """

    name: str
    explain: Callable[[ByteArray], FloatArray]
    judge: Classifier
    fingerprint: str
    level: float | None = None
    heard: Callable[[ByteArray, float], float] = lambda _patch, alone: alone
    promised: Callable[[ByteArray], FloatArray | None] = lambda patches: None
    started: Callable[[ByteArray], FloatArray | None] = lambda patches: None


@dataclass(frozen=True)
class Networks:
    """Where the networks are: the classifier, and a folder for those that a single method needs."""

    classifier: Classifier
    folder: Path = SHIPPED
    device: torch.device | None = None
    baselines: ByteArray | None = None

    def bcos(self) -> Any:
        """The B-cos classifier; `WeightsError` or `UnknownNameError` where it is not there."""
        from monitor.networks.weights import load_bcos

        return load_bcos("bcos", self.folder, self.device)

    def judges(self) -> dict[str, Classifier]:
        """The classifiers there are, by the name of their row in table 1."""
        found: dict[str, Classifier] = {"classifier": self.classifier}
        try:
            found["bcos"] = self.bcos()
        except (WeightsError, UnknownNameError):
            return found
        return found


def networks(weights: str, folder: Path | None, device: torch.device, baselines: ByteArray | None) -> Networks:
    """The classifier of that name, and where the others lie (None: those that ship)."""
    return Networks(load_classifier(weights, device=device), folder or SHIPPED, device, baselines)


def check_names(names: Sequence[str]) -> None:
    """Raise `UnknownNameError` for a method that is none."""
    known = {*ATTRIBUTIONS, *_NOT_ATTRIBUTIONS}
    for name in names:
        base, plus, smoothing = name.partition("+")
        if base not in known or (plus and base in _NOT_ATTRIBUTIONS):
            raise UnknownNameError("method", name, known)
        if plus and smoothing not in SMOOTHINGS:
            raise UnknownNameError("smoothing", smoothing, SMOOTHINGS)


def prepared(names: Sequence[str], there: Networks) -> tuple[list[Method], dict[str, str]]:
    """The methods that can be had, and by name why the others cannot: their networks' weights are not there."""
    check_names(names)
    found, missing = [], {}
    for name in names:
        try:
            found.append(_method(name, there))
        except UnknownNameError as error:
            missing[name] = f"no weights shipped: {error}"
        except WeightsError as error:
            missing[name] = str(error)
    return found, missing


def _method(name: str, there: Networks) -> Method:
    if name == "oracle":
        return _oracle(there)
    if name == "autoencoder":
        return _autoencoder(there)
    if name in OURS:
        return _service(name, there)
    base, judge = name.partition("+")[0], there.classifier
    beside = Beside(baselines=there.baselines)
    if base == "bcos":
        judge = there.bcos()
        beside = replace(beside, bcos=judge)
    elif base == "nn_explainer":
        from monitor.networks.weights import load_explainer

        beside = replace(beside, explainer=load_explainer("explainer", there.folder, there.device))
    method = attribution(name, there.classifier, 1, beside)
    return Method(
        name,
        method.explain,
        judge,
        _fingerprint(judge, method.as_options()),
        promised=lambda patches: promised_sum(method, patches),
        started=lambda patches: started_sum(method, there.classifier, patches),
    )


def _oracle(there: Networks) -> Method:
    from monitor.networks.weights import load_oracle

    network = load_oracle("oracle", there.folder, there.device)
    return Method(
        "oracle",
        lambda patches: crack_pixels(network, patches, 1),
        there.classifier,
        _fingerprint(there.classifier, {"sha256": network.sha256, "level": network.level}),
        level=network.level,
    )


def _autoencoder(there: Networks) -> Method:
    from monitor.networks.reconstruction import reconstruction_error
    from monitor.networks.weights import load_autoencoder

    network = load_autoencoder("autoencoder", there.folder, there.device)
    return Method(
        "autoencoder",
        lambda patches: reconstruction_error(network, patches, 1),
        there.classifier,
        _fingerprint(there.classifier, {"sha256": network.sha256}),
    )


def _service(mask: str, there: Networks) -> Method:
    """The whole analysis of one patch: empty where it sees no crack, NaN where it is not sure enough to measure."""
    segmenter = load_segmenter("segmenter", device=there.device) if mask == "taught" else None
    analyser = Analyser(there.classifier, AnalysisOptions(mask=mask, batch_size=1), segmenter)

    def masks(patches: ByteArray) -> FloatArray:
        found = []
        for analysis in map(analyser.analyse, patches):
            nothing = 0.0 if analysis.status is Status.NO_CRACK else np.nan
            told = analysis.mask if analysis.status is Status.MEASURED else None
            found.append(np.full(patches.shape[1:3], nothing) if told is None else told)
        return np.stack(found).astype(np.float32)

    def heard(patch: ByteArray, alone: float) -> float:
        if segmenter is None:
            return alone
        return float(analyser.judge.heard(np.array([alone]), lambda _: crack_pixels(segmenter, patch[None], 1))[0])

    return Method(mask, masks, there.classifier, analyser.recipe.fingerprint, level=0.5, heard=heard)


def _fingerprint(judge: Classifier, options: Mapping[str, Any]) -> str:
    return Recipe({"judge_sha256": judge.sha256, "relevance": dict(options)}).fingerprint


def probability(judge: Classifier, patch: ByteArray) -> float:
    """Crack probability of one patch uint8 (side, side, 3)."""
    return float(crack_probability(judge, patch[None], 1)[0])
