"""Layer-wise Relevance Propagation with zennit: the reference that `monitor.attribution.lean` is held to."""

from typing import Any

from torch import nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonGammaBox, MixedComposite, NameMapComposite
from zennit.core import Composite
from zennit.rules import AlphaBeta

from monitor.attribution.base import Beside, in_batches
from monitor.attribution.rules import ALPHA, BETA, GAMMA, HIGH, LOW, Start, as_options, crack_logit
from monitor.networks.training import as_batch
from monitor.networks.vgg import Vgg11
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray


def paper_composite(network: Vgg11) -> Composite:
    """zennit's composite for a `Vgg11` without batch norm."""
    convolutions = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    lower = NameMapComposite([(convolutions[1:3], AlphaBeta(alpha=ALPHA, beta=BETA))])
    return MixedComposite([lower, EpsilonGammaBox(low=LOW, high=HIGH, gamma=GAMMA)])


class Lrp:
    """LRP of a classifier; `start` gives the relevance (n, classes) put on its logits (n, classes)."""

    def __init__(self, classifier: Classifier, batch_size: int, start: Start) -> None:
        self._network = classifier.network
        self._composite = paper_composite(classifier.network)
        self.batch_size = batch_size
        self._start = start

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3): mean over the colours."""
        return in_batches(self._explain_batch, patches, self.batch_size)

    def as_options(self) -> dict[str, Any]:
        """Engine, rules and start, for the recipe fingerprint."""
        return as_options("zennit", self._start)

    def _explain_batch(self, patches: ByteArray) -> FloatArray:
        device = next(self._network.parameters()).device
        batch = as_batch(patches).to(device).requires_grad_()
        try:
            _, relevance = Gradient(model=self._network, composite=self._composite)(batch, self._start)
        finally:
            self._composite.remove()  # zennit leaves hooks behind when putting them on fails half-way
        mean: FloatArray = relevance.mean(dim=1).detach().cpu().numpy()
        return mean


def crack_lrp(classifier: Classifier, batch_size: int, _beside: Beside | None = None) -> Lrp:
    """Explains the crack logit alone."""
    return Lrp(classifier, batch_size, crack_logit)
