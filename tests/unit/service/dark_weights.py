"""Weights made by hand: a network of one channel that calls a patch cracked when something in it is dark."""

from pathlib import Path

import torch
from torch import nn

from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import save_classifier

PATCH_PX = 64
_DARK = 0.35


def dark_weights(folder: Path, name: str = "dark", temperature: float = 1.0) -> Path:
    """Write the weights and their manifest into `folder`; returns the file for `analysis.weights`."""
    network = Vgg11(Vgg11Layout(width=1 / 512, patch_px=PATCH_PX, head=1)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        first, *later = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        first.weight[:, :, 1, 1] = -1 / 3
        first.bias[:] = _DARK  # type: ignore[index]
        for convolution in later:
            convolution.weight[:, :, 1, 1] = 1
        *hidden, last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        for layer in hidden:
            layer.weight.fill_(1)
        last.weight[:] = torch.tensor([[-20.0], [20.0]])
        last.bias[:] = torch.tensor([2.0, -2.0])
    return save_classifier(network, name, folder, temperature, threshold=0.5, story={})
