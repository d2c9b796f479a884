"""VGG11 with a small head (VGG11-128), as in Forest et al. 2024, in any width.

Batch norm is a training aid only: `folded` merges it into the convolutions, so that the network that is
shipped and explained is the plain one LRP's rules are made for (doi:10.1016/j.autcon.2024.105497).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from monitor.errors import MisuseError

#: Channels of the convolutions at full width, and where the picture is halved.
VGG11_STEPS: tuple[int | str, ...] = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")
#: Sides of patches are multiples of this: so often do five poolings halve them.
VGG11_REDUCTION = 32


@dataclass(frozen=True)
class Vgg11Layout:
    """Architecture of one classifier.

    `width` scales every channel count (1.0 is the paper's), `patch_px` is the side of the patches it takes,
    `head` the neurons of the fully connected layers, `classes` includes the crack-free class 0.
    """

    width: float = 1.0
    patch_px: int = 256
    head: int = 128
    classes: int = 2
    batch_norm: bool = False

    def as_options(self) -> dict[str, Any]:
        """The layout as plain values, for manifests and fingerprints."""
        return asdict(self)


def scaled(channels: int, width: float) -> int:
    """So many of full width's `channels` remain at `width`; one at least."""
    return max(1, round(channels * width))


def he_started(network: nn.Module) -> None:
    """New weights for all convolutions and fully connected layers, by which signals keep their size through ReLUs, and
    no biases: deep networks without batch norm hardly learn otherwise (doi:10.1109/ICCV.2015.123).
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            turned = isinstance(layer, nn.ConvTranspose2d)  # its inputs are the first axis of its weights
            nn.init.kaiming_normal_(layer.weight, mode="fan_out" if turned else "fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Vgg11(nn.Module):
    """Patch classifier: (n, 3, patch, patch) RGB in [0, 1], not normalised, to logits (n, classes)."""

    def __init__(self, layout: Vgg11Layout) -> None:
        super().__init__()
        self.layout = layout
        layers: list[nn.Module] = []
        channels = 3
        for step in VGG11_STEPS:
            if step == "pool":
                layers.append(nn.MaxPool2d(2))
                continue
            wanted = scaled(int(step), layout.width)
            layers.append(nn.Conv2d(channels, wanted, 3, padding=1))
            if layout.batch_norm:
                layers.append(nn.BatchNorm2d(wanted))
            layers.append(nn.ReLU())
            channels = wanted
        side = max(1, layout.patch_px // VGG11_REDUCTION)
        self.features = nn.Sequential(*layers)
        self.pooling = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * side * side, layout.head),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(layout.head, layout.head),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(layout.head, layout.classes),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (n, classes) of `patches` (n, 3, patch, patch)."""
        logits: Tensor = self.classifier(self.pooling(self.features(patches)))
        return logits


def widened(network: Vgg11, width: float, seed: int = 0) -> Vgg11:
    """The same function in a wider network (as in Net2Net, arXiv:1511.05641): it has the channels of `network`, and new
    ones beside them that no channel of `network`'s own listens to yet. Training finds out what to make of them.

    Raises `MisuseError` for a width below the network's own, or batch norm in it.
    """
    if width < network.layout.width or network.layout.batch_norm:
        raise MisuseError(
            f"Only a folded network is widened, and not to less than it has: {network.layout} to {width}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wider = Vgg11(replace(network.layout, width=width)).eval()
        he_started(wider)
    with torch.no_grad():
        for target, source in zip(_convolutions(wider), _convolutions(network), strict=True):
            outputs, inputs = source.weight.shape[:2]
            target.weight[:outputs] = 0
            target.weight[:outputs, :inputs] = source.weight
            assert target.bias is not None
            assert source.bias is not None
            target.bias[:outputs] = source.bias
        heads = wider.classifier.state_dict()
        for name, value in network.classifier.state_dict().items():
            grown = torch.zeros_like(heads[name])
            grown[tuple(slice(extent) for extent in value.shape)] = value
            heads[name] = grown
        wider.classifier.load_state_dict(heads)
    return wider


def _convolutions(network: Vgg11) -> list[nn.Conv2d]:
    return [layer for layer in network.features if isinstance(layer, nn.Conv2d)]


def folded(network: Vgg11) -> Vgg11:
    """The same function without batch norm: each norm merged into the convolution before it."""
    layout = Vgg11Layout(**{**network.layout.as_options(), "batch_norm": False})
    plain = Vgg11(layout).eval()
    if not network.layout.batch_norm:
        plain.load_state_dict(network.state_dict())
        return plain
    steps = list(network.eval().features)
    merged: list[nn.Module] = []
    for index, step in enumerate(steps):
        if isinstance(step, nn.Conv2d):
            norm = steps[index + 1]
            assert isinstance(norm, nn.BatchNorm2d)
            merged.append(fuse_conv_bn_eval(step, norm))
        elif not isinstance(step, nn.BatchNorm2d):
            merged.append(step)
    with torch.no_grad():
        for target, source in zip(plain.features, merged, strict=True):
            if isinstance(target, nn.Conv2d):
                target.load_state_dict(source.state_dict())
    plain.classifier.load_state_dict(network.classifier.state_dict())
    return plain
