"""B-cos VGG11-128: a classifier that is, for every patch, one linear map of that patch.

Each unit answers w x |cos(x, w)|^(B - 1) with a weight w of unit length, here with B = 2, and the largest of two such
units goes on (MaxOut). There is no bias and no other activation, so that logits are W(x) [x, 1 - x] to the last
digit, and W(x) is the explanation. (B-cos: doi:10.48550/arXiv.2205.10268; MaxOut: doi:10.48550/arXiv.1302.4389; in
the form compared in doi:10.1016/j.autcon.2024.105497.)
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.networks.vgg import VGG11_REDUCTION, VGG11_STEPS, scaled

MAX_OUT = 2
#: The colours and what they lack to white.
_INPUTS = 6
_HEAD_SIDE = 7
_STABILISER = 1e-6


@dataclass(frozen=True)
class BcosLayout:
    """Architecture of one B-cos classifier; the words are those of `Vgg11Layout`."""

    width: float = 1.0
    patch_px: int = 256
    head: int = 128
    classes: int = 2

    def as_options(self) -> dict[str, Any]:
        """The layout as plain values, for manifests and fingerprints."""
        return asdict(self)


class BcosConvolution(nn.Module):
    """A convolution of `side` x `side` whose weights are MAX_OUT vectors of unit length for each output channel.

    Outputs are multiplied by a constant that leaves the mean square of random inputs as it is: the network as a whole
    is homogeneous, so that the constants only choose how steep its softmax is at the start.
    """

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs * MAX_OUT, inputs, side, side))
        self.gain = (inputs * side**2 / 3) ** 0.5

    def forward(self, values: Tensor, frozen: bool = False) -> Tensor:
        """Outputs (n, outputs, rows, cols) of `values` (n, inputs, rows, cols).

        With `frozen` the cosine is a constant to autograd, and its gradient is the linear map of these very values.
        """
        padding = self.weight.shape[-1] // 2
        unit = self.weight / torch.linalg.vector_norm(self.weight, dim=(1, 2, 3), keepdim=True)
        linear = functional.conv2d(values, unit, padding=padding)
        linear = torch.maximum(*linear.chunk(MAX_OUT, 1))
        ones = torch.ones_like(self.weight[:1, :1])
        square = functional.conv2d(values.square().sum(1, keepdim=True), ones, padding=padding)
        cosine = linear.abs() / (square + _STABILISER).sqrt()
        answers: Tensor = linear * (cosine.detach() if frozen else cosine) * self.gain
        return answers


class BcosVgg11(nn.Module):
    """Patch classifier: (n, 3, patch, patch) RGB in [0, 1], not normalised, to logits (n, classes)."""

    def __init__(self, layout: BcosLayout) -> None:
        super().__init__()
        self.layout = layout
        layers: list[nn.Module] = []
        channels = _INPUTS
        for step in VGG11_STEPS:
            if step == "pool":
                layers.append(nn.AvgPool2d(2))
                continue
            wanted = scaled(int(step), layout.width)
            layers.append(BcosConvolution(channels, wanted, 3))
            channels = wanted
        head = zip((channels, layout.head, layout.head), (layout.head, layout.head, layout.classes), strict=True)
        sides = (_HEAD_SIDE, 1, 1)
        layers += [BcosConvolution(*each, side) for each, side in zip(head, sides, strict=True)]
        self.layers = nn.ModuleList(layers)

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (n, classes) of `patches` (n, 3, patch, patch)."""
        return self.classified(encoded(patches))

    def classified(self, inputs: Tensor, frozen: bool = False) -> Tensor:
        """Logits (n, classes) of `encoded` patches: the mean over all places of the last layer."""
        if inputs.shape[-1] % VGG11_REDUCTION or inputs.shape[-2] % VGG11_REDUCTION:
            raise ValueError(f"Sides of patches are multiples of {VGG11_REDUCTION} px, not {tuple(inputs.shape[-2:])}.")
        values = inputs
        for layer in self.layers:
            values = layer(values, frozen) if isinstance(layer, BcosConvolution) else layer(values)
        return values.mean((2, 3))


def encoded(patches: Tensor) -> Tensor:
    """Patches (n, 3, rows, cols) in [0, 1] as (n, 6, rows, cols): so dark colours have a length, too."""
    return torch.cat([patches, 1 - patches], 1)


def linear_map(network: BcosVgg11, patches: Tensor, damage: int) -> tuple[Tensor, Tensor]:
    """The linear map W (n, 6, rows, cols) that gives the logit of class `damage`, and the `encoded` inputs it is to be
    multiplied with: (W * inputs).sum((1, 2, 3)) is the logit (n,).
    """
    with torch.enable_grad():
        inputs = encoded(patches.detach()).requires_grad_()
        logits = network.classified(inputs, frozen=True)[:, damage]
        (weights,) = torch.autograd.grad(logits.sum(), inputs)
    return weights, inputs.detach()
