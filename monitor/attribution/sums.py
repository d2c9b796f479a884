"""What relevance adds up to, and how far it misses that.

Methods that compare a patch with baselines promise that the relevance of all pixels and colours comes to the
difference of the logits (*completeness*), LRP that it comes to the relevance it starts with, less what the biases on
the way keep (*conservation*).
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from monitor.attribution.base import Attribution
from monitor.attribution.rules import both_logits, crack_logit
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

_STARTS = {start.__name__: start for start in (crack_logit, both_logits)}


@runtime_checkable
class Promises(Protocol):
    """A method that says what its relevance has to come to."""

    def promised_sum(self, patches: ByteArray) -> FloatArray | None:
        """Sum (n,) over pixels and colours; None where nothing is promised."""
        ...


def promised_sum(method: Attribution, patches: ByteArray) -> FloatArray | None:
    """What the relevance of each patch, summed over pixels and colours, has to come to (n,); None: nothing promised."""
    return method.promised_sum(patches) if isinstance(method, Promises) else None


def started_sum(method: Attribution, classifier: Classifier, patches: ByteArray) -> FloatArray | None:
    """The relevance (n,) that LRP starts with; None for other methods."""
    options: dict[str, Any] = method.as_options()
    if "smoothing" in options or options.get("start") not in _STARTS:
        return None
    device = next(classifier.network.parameters()).device
    with torch.inference_mode():
        logits = [classifier.network(as_batch(patch[None]).to(device)) for patch in patches]
        found = [_STARTS[options["start"]](each).sum(dim=1) for each in logits]
    return torch.cat(found).cpu().numpy() if found else np.zeros(0, np.float32)


def relative_errors(relevance: FloatArray, promised: FloatArray) -> FloatArray:
    """By which share of what was promised each map's sum misses it: float64 (n,).

    `relevance` (n, side, side) is the mean over three colours, `promised` (n,) the sum over them.
    """
    sums = 3 * relevance.sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(np.abs(sums - promised) / np.maximum(np.abs(promised), 1e-12))
