"""Crack probability of many patches, in batches of one fixed size."""

import numpy as np
import torch
from numpy.typing import NDArray

from monitor.networks.training import as_batch
from monitor.networks.weights import BcosClassifier, Classifier
from monitor.records import ByteArray, FloatArray


def crack_probability(classifier: Classifier | BcosClassifier, patches: ByteArray, batch_size: int) -> FloatArray:
    """Calibrated crack probability float64 (n,) of uint8 patches (n, side, side, 3).

    The last batch is padded: torch picks other kernels for other batch sizes, and then the last digits of
    a patch's number would depend on how many patches came with it.
    """
    device = next(classifier.network.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(patches), batch_size):
            chunk = patches[start : start + batch_size]
            logits = classifier.network(as_batch(padded(chunk, batch_size)).to(device))[: len(chunk)]
            found.append(calibrated(logits, classifier.temperature))
    return np.concatenate(found) if found else np.zeros(0)


def calibrated(logits: torch.Tensor, temperature: float) -> NDArray[np.float64]:
    """Crack probability float64 (n,) of logits (n, classes)."""
    probability: NDArray[np.float64] = torch.softmax(logits.double() / temperature, 1)[:, 1].cpu().numpy()
    return probability


def padded(patches: ByteArray, batch_size: int) -> ByteArray:
    """The patches with black ones appended up to the fixed batch size."""
    missing = batch_size - len(patches)
    return np.pad(patches, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else patches
