"""B-cos: a classifier of its own kind that explains itself by the linear map it is for a patch.

The relevance of a pixel is the length of its linear weights where its contribution is positive, and zero elsewhere;
what exceeds the 99.5th percentile of a patch is clipped to it. It is not signed, and its sum promises nothing: the
signed contributions would sum to the logit. It costs one way forward and back through the B-cos network.
(doi:10.48550/arXiv.2205.10268, as in doi:10.1016/j.autcon.2024.105497.)
"""

from typing import Any

import torch
from torch import Tensor

from monitor.attribution.base import Beside, in_batches
from monitor.errors import MisuseError
from monitor.networks.bcos import linear_map
from monitor.networks.training import as_batch
from monitor.networks.weights import BcosClassifier, Classifier, load_bcos
from monitor.records import ByteArray, FloatArray

#: The name of the B-cos classifier that ships.
SHIPPED_NAME = "bcos"
PERCENTILE = 99.5


class Bcos:
    """Explanations of a B-cos classifier for one kind of `damage` (1 to K), in batches of one size.

    Raises `MisuseError` when it knows no damage of that number.
    """

    def __init__(self, classifier: BcosClassifier, batch_size: int, damage: int = 1) -> None:
        if not 1 <= damage < classifier.network.layout.classes:
            raise MisuseError(
                f"The B-cos classifier '{classifier.name}' knows no damage {damage}: it knows 1 to "
                f"{classifier.network.layout.classes - 1}."
            )
        self._classifier = classifier
        self._damage = damage
        self.batch_size = batch_size

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3), not negative."""
        return in_batches(self._explain_batch, patches, self.batch_size)

    def as_options(self) -> dict[str, Any]:
        """Engine, weights and damage, for the recipe fingerprint."""
        return {"engine": "bcos", "bcos_sha256": self._classifier.sha256, "damage": self._damage}

    def _explain_batch(self, patches: ByteArray) -> FloatArray:
        network = self._classifier.network
        batch = as_batch(patches).to(next(network.parameters()).device)
        relevance: FloatArray = relevant(*linear_map(network, batch, self._damage)).cpu().numpy()
        return relevance


def relevant(weights: Tensor, inputs: Tensor) -> Tensor:
    """Relevance (n, rows, cols) by linear `weights` and `inputs`, both (n, 6, rows, cols)."""
    lengths = torch.linalg.vector_norm(weights, dim=1)
    lengths = torch.where((weights * inputs).sum(1) > 0, lengths, 0)
    most = torch.quantile(lengths.flatten(1), PERCENTILE / 100, dim=1)
    most = torch.where(most > 0, most, torch.inf)
    return torch.minimum(lengths, most[:, None, None])


def contributions(classifier: Classifier, batch_size: int, beside: Beside) -> Bcos:
    """Explains by `beside.bcos`, or by the B-cos classifier that ships; of `classifier` only its device matters."""
    device = next(classifier.network.parameters()).device
    return Bcos(beside.bcos or load_bcos(SHIPPED_NAME, device=device), batch_size, beside.damage)
