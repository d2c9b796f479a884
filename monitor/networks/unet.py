"""A small U-Net that says of each pixel whether a crack gapes there.

It is taught by simulated cracks and by masks that explanations gave, never by masks that people drew. It works on
blocks of 2 x 2 pixels (and answers for each of the four), which makes it four times cheaper at the same reach.
(U-Net: doi:10.1007/978-3-319-24574-4_28; blocks to channels and back: doi:10.1109/CVPR.2016.207.)
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Sides of the pictures it takes are multiples of this.
UNET_STEP_PX = 16
_BLOCK = 2
_DEPTHS = (1, 2, 3, 4)


@dataclass(frozen=True)
class UnetLayout:
    """Architecture of one segmenter: `width` channels at the finest of its four levels."""

    width: int = 16
    batch_norm: bool = False

    def as_options(self) -> dict[str, Any]:
        """The layout as plain values, for manifests and fingerprints."""
        return asdict(self)


class Unet(nn.Module):
    """(n, 3, rows, cols) RGB in [0, 1] to logits (n, 1, rows, cols); rows and cols are multiples of 16."""

    def __init__(self, layout: UnetLayout) -> None:
        super().__init__()
        self.layout = layout
        channels = [layout.width * depth for depth in _DEPTHS]
        down = zip([3 * _BLOCK**2, *channels], channels, strict=False)
        self.down = nn.ModuleList(_twice(before, after, layout.batch_norm) for before, after in down)
        up = list(zip(channels[1:], channels, strict=False))[::-1]
        self.up = nn.ModuleList(_twice(below + here, here, layout.batch_norm) for below, here in up)
        self.out = nn.Conv2d(channels[0], _BLOCK**2, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, 1, rows, cols) of `pictures` (n, 3, rows, cols)."""
        seen = self.down[0](functional.pixel_unshuffle(pictures, _BLOCK))
        kept = [seen]
        for level in self.down[1:]:
            kept.append(level(functional.max_pool2d(kept[-1], 2)))
        answer = kept.pop()
        for level in self.up:
            answer = level(torch.cat([functional.interpolate(answer, scale_factor=2.0), kept.pop()], 1))
        return functional.pixel_shuffle(self.out(answer), _BLOCK)


def _twice(before: int, after: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers.append(nn.Conv2d(channels, after, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def folded_unet(network: Unet) -> Unet:
    """The same function without batch norm: each norm merged into the convolution before it."""
    if not network.layout.batch_norm:
        return network
    plain = Unet(UnetLayout(network.layout.width)).eval()
    plain.out.load_state_dict(network.out.state_dict())
    for target, source in zip((*plain.down, *plain.up), (*network.eval().down, *network.up), strict=True):
        layers = list(source)
        merged = [fuse_conv_bn_eval(conv, norm) for conv, norm in pairwise(layers) if isinstance(norm, nn.BatchNorm2d)]
        convolutions = [layer for layer in target if isinstance(layer, nn.Conv2d)]
        for layer, fused in zip(convolutions, merged, strict=True):
            layer.load_state_dict(fused.state_dict())
    return plain
