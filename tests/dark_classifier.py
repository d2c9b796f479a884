"""Weights made by hand: a patch is a crack when it holds dark pixels, and they are what explains it.

The command is told to use them by its settings, as it would be told to use any others.
"""

from pathlib import Path

import torch
from torch import nn

from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import save_classifier

_DARK = 0.25
_BLURRED_LAYERS = 4


def save_dark_classifier(folder: Path, name: str = "dark", temperature: float = 1.0) -> Path:
    """Write the weights and their manifest; returns the file."""
    network = Vgg11(Vgg11Layout(width=1 / 64, patch_px=64, head=2))
    convolutions = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]
    pooled, passed, logits = (layer for layer in network.classifier if isinstance(layer, nn.Linear))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        convolutions[0].weight[0, :, 1, 1] = -4 / 3
        convolutions[0].bias[0] = 4 * _DARK
        for number, convolution in enumerate(convolutions[1:]):
            if number < _BLURRED_LAYERS:
                convolution.weight[0, 0] = 1 / 6
            else:
                convolution.weight[0, 0, 1, 1] = 1
        pooled.weight[0, : (network.layout.patch_px // 32) ** 2] = 1
        passed.weight[0, 0] = 1
        logits.weight[1, 0] = 8
        logits.bias[1] = -4
    story = {"recipe": "by hand: dark pixels are cracks"}
    return save_classifier(network, name, folder, temperature, threshold=0.5, story=story)


def choose_weights(workspace: Path, weights: Path) -> None:
    """Name them in the settings of a workspace fresh from `init`; small batches suit small photos."""
    settings = workspace / "crackmonitor.toml"
    chosen = f'[analysis]\nweights = "{weights}"\nthreads = 1\nbatch_size = 4\n'
    settings.write_text(settings.read_text(encoding="utf-8").replace("[analysis]\n", chosen), encoding="utf-8")
