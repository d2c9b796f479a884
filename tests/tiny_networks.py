"""Classifiers small enough for tests, with weights that do not depend on torch's own initialisation."""

import numpy as np
import torch
from torch import nn

from monitor.attribution.base import Beside
from monitor.networks.bcos import BcosLayout, BcosVgg11
from monitor.networks.unet11 import Unet11, Unet11Layout
from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import BcosClassifier, Classifier, Explainer
from monitor.records import ByteArray

SIDE_PX = 32
BATCH = 4

# Networks as small as these lose more time to waiting for each other's threads than they gain.
torch.set_num_threads(1)


def tiny_network(seed: int = 0, *, biases: bool = True, batch_norm: bool = False, patch_px: int = SIDE_PX) -> Vgg11:
    """A `Vgg11` of 2 to 16 channels in evaluation mode, whose logits depend on all of the patch."""
    network = Vgg11(Vgg11Layout(width=1 / 32, patch_px=patch_px, head=8, batch_norm=batch_norm))
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = np.sqrt(2 / parameter[0].numel()) if parameter.ndim > 1 else 0.1 * biases
            parameter.copy_(torch.from_numpy(spread * rng.standard_normal(parameter.shape)))
    return network.eval()


def tiny_classifier(seed: int = 0, *, temperature: float = 1.0, biases: bool = True) -> Classifier:
    return Classifier("tiny", tiny_network(seed, biases=biases), temperature, threshold=0.5, sha256="0" * 64)


def tiny_bcos(seed: int = 0, classes: int = 2) -> BcosClassifier:
    torch.manual_seed(seed)
    network = BcosVgg11(BcosLayout(width=1 / 32, patch_px=SIDE_PX, head=8, classes=classes)).eval()
    return BcosClassifier("tiny", network, 1.0, 0.5, sha256="1" * 64)


def tiny_explainer(seed: int = 0, masks: int = 1) -> Explainer:
    """Of the tiny classifiers."""
    torch.manual_seed(seed)
    network = Unet11(Unet11Layout(width=1 / 32, masks=masks)).eval()
    return Explainer("tiny", network, "tiny", explains_sha256="0" * 64, sha256="2" * 64)


def tiny_beside() -> Beside:
    """All that any attribution method needs beside a tiny classifier."""
    return Beside(random_patches(3, seed=9), tiny_explainer(), tiny_bcos())


def random_patches(count: int, seed: int = 0, side_px: int = SIDE_PX) -> ByteArray:
    return np.random.default_rng(seed).integers(0, 256, (count, side_px, side_px, 3), dtype=np.uint8)


def hooks_on(network: nn.Module) -> int:
    """How many hooks of any kind hang on the network and its layers."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(layer, kind)) for layer in network.modules() for kind in kinds)
