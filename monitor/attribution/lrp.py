"""Layer-wise Relevance Propagation with zennit, by the rules of Seibold et al. and Forest et al. 2024.

First convolution: the box rule for inputs in [0, 1]. Second and third: alpha-beta (2, 1). The rest: gamma
(0.25). Fully connected layers: epsilon. Max pooling passes relevance to the winner.
(LRP: doi:10.1371/journal.pone.0130140; rules in this order: doi:10.1016/j.autcon.2024.105497.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonGammaBox, MixedComposite, NameMapComposite
from zennit.core import Composite
from zennit.rules import AlphaBeta

from monitor.networks.classification import padded
from monitor.networks.training import as_batch
from monitor.networks.vgg import Vgg11
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

GAMMA = 0.25

Start = Callable[[Tensor], Tensor]


def paper_composite(network: Vgg11) -> Composite:
    """zennit's composite for a `Vgg11` without batch norm."""
    convolutions = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    lower = NameMapComposite([(convolutions[1:3], AlphaBeta(alpha=2, beta=1))])
    return MixedComposite([lower, EpsilonGammaBox(low=0.0, high=1.0, gamma=GAMMA)])


class Lrp:
    """LRP of a classifier; `start` gives the relevance (n, classes) put on its logits (n, classes)."""

    def __init__(self, classifier: Classifier, batch_size: int, start: Start) -> None:
        self._network = classifier.network
        self._composite = paper_composite(classifier.network)
        self._batch_size = batch_size
        self._start = start

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3): mean over the colours."""
        batches = [
            self._explain_batch(patches[first : first + self._batch_size])
            for first in range(0, len(patches), self._batch_size)
        ]
        return np.concatenate([np.zeros((0, *patches.shape[1:3]), np.float32), *batches])

    def _explain_batch(self, patches: ByteArray) -> NDArray[np.float32]:
        device = next(self._network.parameters()).device
        batch = as_batch(padded(patches, self._batch_size)).to(device).requires_grad_()
        try:
            _, relevance = Gradient(model=self._network, composite=self._composite)(batch, self._start)
        finally:
            self._composite.remove()  # zennit leaves hooks behind when putting them on fails half-way
        mean: NDArray[np.float32] = relevance.mean(dim=1)[: len(patches)].detach().cpu().numpy()
        return mean

    def as_options(self) -> dict[str, Any]:
        """Rules and start, for the recipe fingerprint."""
        return {"rules": "zbox, alpha-beta(2,1) x2, gamma, epsilon", "gamma": GAMMA, "start": self._start.__name__}


def crack_logit(logits: Tensor) -> Tensor:
    """The crack logit itself. A start of 1 would turn the sign of all relevance where that logit is negative."""
    return logits * torch.tensor([0.0, 1.0], device=logits.device)


def both_logits(logits: Tensor) -> Tensor:
    """Ones on both logits, as the published code starts."""
    return torch.ones_like(logits)


def crack_lrp(classifier: Classifier, batch_size: int) -> Lrp:
    """Explains the crack logit alone."""
    return Lrp(classifier, batch_size, crack_logit)


def both_logits_lrp(classifier: Classifier, batch_size: int) -> Lrp:
    """Explains both logits at once, as the published code does."""
    return Lrp(classifier, batch_size, both_logits)
