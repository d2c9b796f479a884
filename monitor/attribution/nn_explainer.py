"""NN-Explainer: a second network, taught with the classifier, says by which pixels the classifier knows a damage.

The relevance is its mask, from 0 to 1: not signed, with a sum that is the masked area in px and promises nothing about
logits. It costs one way forward through a U-Net11 and nothing of the classifier.
(doi:10.48550/arXiv.2205.11266, with the loss of doi:10.1016/j.autcon.2024.105497, section 2.4.)
"""

from typing import Any

import torch

from monitor.attribution.base import Beside, in_batches
from monitor.errors import MisuseError
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier, Explainer, load_explainer
from monitor.records import ByteArray, FloatArray

#: The name of the explainer that ships, of the classifier that ships.
SHIPPED_NAME = "explainer"


class NnExplainer:
    """Masks of an `explainer` of this `classifier` for one kind of `damage` (1 to K).

    Raises `MisuseError` when the explainer was taught with another classifier or has no mask of that number.
    """

    def __init__(self, classifier: Classifier, batch_size: int, explainer: Explainer, damage: int = 1) -> None:
        if explainer.explains_sha256 != classifier.sha256:
            raise MisuseError(
                f"The explainer '{explainer.name}' was taught with the classifier '{explainer.explains}', not with "
                f"'{classifier.name}'. Teach one with 'crackmonitor train --network explainer --teacher NAME'."
            )
        if not 1 <= damage <= explainer.network.layout.masks:
            raise MisuseError(
                f"The explainer '{explainer.name}' has no mask of damage {damage}: it knows 1 to "
                f"{explainer.network.layout.masks}."
            )
        self._explainer = explainer
        self._damage = damage
        self.batch_size = batch_size

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3): the mask, from 0 to 1."""
        return in_batches(self._explain_batch, patches, self.batch_size)

    def as_options(self) -> dict[str, Any]:
        """Engine, weights and damage, for the recipe fingerprint."""
        return {"engine": "nn_explainer", "explainer_sha256": self._explainer.sha256, "damage": self._damage}

    @torch.inference_mode()
    def _explain_batch(self, patches: ByteArray) -> FloatArray:
        network = self._explainer.network
        batch = as_batch(patches).to(next(network.parameters()).device)
        masks: FloatArray = torch.sigmoid(network(batch)[:, self._damage - 1]).cpu().numpy()
        return masks


def explained(classifier: Classifier, batch_size: int, beside: Beside) -> NnExplainer:
    """Explains by `beside.explainer`, or by the one that ships."""
    device = next(classifier.network.parameters()).device
    explainer = beside.explainer or load_explainer(SHIPPED_NAME, device=device)
    return NnExplainer(classifier, batch_size, explainer, beside.damage)
