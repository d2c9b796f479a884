"""One protocol for all attribution methods, and the table that names them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from monitor.attribution.smoothing import AugSmooth
from monitor.errors import UnknownNameError
from monitor.networks.classification import crack_probability, padded
from monitor.networks.weights import BcosClassifier, Classifier, Explainer
from monitor.records import ByteArray, FloatArray


class Attribution(Protocol):
    """Explains why patches are called cracked."""

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3), one value for all colours."""
        ...

    def as_options(self) -> dict[str, Any]:
        """Everything that decides the relevance, for the recipe fingerprint."""
        ...


@runtime_checkable
class Classifying(Attribution, Protocol):
    """An attribution method that passes the classifier itself, and need not do so twice."""

    def classify_and_explain(self, patches: ByteArray, threshold: float) -> tuple[FloatArray, FloatArray]:
        """Crack probability (n,) of patches (n, side, side, 3); relevance (k, side, side) of those that reach it."""
        ...


@dataclass(frozen=True)
class Beside:
    """What some methods need beside the classifier; None stands for what ships with the project.

    `baselines` are damage-free patches uint8 (n, side, side, 3); `explainer` is one taught with this classifier; `bcos`
    a B-cos classifier that explains in its place. Where there are K kinds of damage, `damage` (1 to K) is the one that
    these two explain.
    """

    baselines: ByteArray | None = None
    explainer: Explainer | None = None
    bcos: BcosClassifier | None = None
    damage: int = 1


#: key -> module:factory; a factory takes (classifier, batch_size, beside) and returns an `Attribution`.
ATTRIBUTIONS: dict[str, str] = {
    "lrp": "monitor.attribution.lean:crack_lrp",
    "lrp_both_logits": "monitor.attribution.lean:both_logits_lrp",
    "lrp_zennit": "monitor.attribution.lrp:crack_lrp",
    "input_x_gradient": "monitor.attribution.gradient:input_x_gradient",
    "integrated_gradients": "monitor.attribution.gradient:integrated_gradients",
    "integrated_gradients_zero": "monitor.attribution.gradient:integrated_gradients_zero",
    "deep_lift": "monitor.attribution.gradient:deep_lift",
    "deep_lift_zero": "monitor.attribution.gradient:deep_lift_zero",
    "deep_lift_published": "monitor.attribution.gradient:deep_lift_published",
    "deep_lift_shap": "monitor.attribution.gradient:deep_lift_shap",
    "deep_lift_shap_published": "monitor.attribution.gradient:deep_lift_shap_published",
    "gradient_shap": "monitor.attribution.gradient:gradient_shap",
    "gradient_shap_zero": "monitor.attribution.gradient:gradient_shap_zero",
    "raw": "monitor.attribution.intensity:raw",
    "raw_blurred": "monitor.attribution.intensity:raw_blurred",
    "raw_shading_corrected": "monitor.attribution.intensity:raw_shading_corrected",
    "raw_min_max": "monitor.attribution.intensity:raw_min_max",
    "nn_explainer": "monitor.attribution.nn_explainer:explained",
    "bcos": "monitor.attribution.bcos:contributions",
}


def attribution(name: str, classifier: Classifier, batch_size: int, beside: Beside | None = None) -> Attribution:
    """The attribution method of that name for a classifier; `UnknownNameError` lists the known ones.

    `lrp+augsmooth_paper`, for example, is `lrp` smoothed (see `monitor.attribution.smoothing.SMOOTHINGS`).
    """
    key, plus, smoothing = name.partition("+")
    if key not in ATTRIBUTIONS:
        raise UnknownNameError("attribution method", key, ATTRIBUTIONS)
    module, factory = ATTRIBUTIONS[key].split(":")
    method: Attribution = getattr(import_module(module), factory)(classifier, batch_size, beside or Beside())
    return AugSmooth(method, smoothing) if plus else method


def classify_and_explain(
    method: Attribution,
    classifier: Classifier,
    patches: ByteArray,
    batch_size: int,
    threshold: float,
    judge: Callable[[FloatArray], FloatArray] = lambda probability: probability,
) -> tuple[FloatArray, FloatArray]:
    """Crack probability float64 (n,) of patches, and by `method` relevance (k, side, side) of those that reach the
    threshold; in one way forward where the method can. `judge` may change what the classifier says of each patch.
    """
    if not isinstance(method, Classifying):
        probability = judge(crack_probability(classifier, patches, batch_size))
        return probability, method.explain(patches[probability >= threshold])
    alone, explained = method.classify_and_explain(patches, threshold)
    probability = judge(alone)
    positive, known = probability >= threshold, alone >= threshold
    relevance = np.empty((int(positive.sum()), *patches.shape[1:3]), np.float32)
    relevance[known[positive]] = explained[positive[known]]
    relevance[~known[positive]] = method.explain(patches[positive & ~known])
    return probability, relevance


def in_batches(explain: Callable[[ByteArray], FloatArray], patches: ByteArray, batch_size: int) -> FloatArray:
    """Relevance of any number of patches by a method that takes batches of one size alone; the last is padded."""
    chunks = [patches[first : first + batch_size] for first in range(0, len(patches), batch_size)]
    found = [explain(padded(chunk, batch_size))[: len(chunk)] for chunk in chunks]
    return np.concatenate([np.zeros((0, *patches.shape[1:3]), np.float32), *found])
