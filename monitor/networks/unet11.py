"""U-Net11: VGG11's convolutions on the way down, and a mask for each kind of damage at full size on the way up.

In any width, and with as many masks as there are kinds of damage, it is the explainer of NN-Explainer
(doi:10.48550/arXiv.2205.11266); with one mask, and taught by masks that people drew, the supervised oracle of Forest et
al. 2024 (doi:10.1016/j.autcon.2024.105497). (U-Net11: doi:10.48550/arXiv.1801.05746.)
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.errors import MisuseError
from monitor.networks.vgg import VGG11_REDUCTION, VGG11_STEPS, Vgg11, he_started, scaled

#: Channels (before, between, after) of the blocks on the way up at full width, beside those that come across.
_UP = ((512, 512, 256), (256, 512, 256), (256, 512, 128), (128, 256, 64), (64, 128, 32))
_LAST = 32


@dataclass(frozen=True)
class Unet11Layout:
    """Architecture: `width` scales every channel count (1.0 is the paper's), `masks` counts the kinds of damage."""

    width: float = 1.0
    masks: int = 1

    def as_options(self) -> dict[str, Any]:
        """The layout as plain values, for manifests and fingerprints."""
        return asdict(self)


class Unet11(nn.Module):
    """(n, 3, rows, cols) RGB in [0, 1] to logits (n, masks, rows, cols); rows and cols are multiples of 32."""

    def __init__(self, layout: Unet11Layout) -> None:
        super().__init__()
        self.layout = layout
        levels: list[list[int]] = [[]]
        for step in VGG11_STEPS:
            if step == "pool":
                levels.append([])
            else:
                levels[-1].append(scaled(int(step), layout.width))
        self.down = nn.ModuleList()
        before = 3
        for level in levels[:-1]:
            self.down.append(_convolutions(before, *level))
            before = level[-1]
        across = [0, *(level[-1] for level in levels[-2::-1])]
        self.up = nn.ModuleList()
        for kept, channels in zip(across, _UP, strict=False):
            entering, between, after = (scaled(each, layout.width) for each in channels)
            self.up.append(_raised(entering + kept, between, after))
        last = scaled(_LAST, layout.width)
        self.last = _convolutions(last + across[-1], last)
        self.out = nn.Conv2d(last, layout.masks, 1)
        he_started(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, masks, rows, cols) of `pictures` (n, 3, rows, cols)."""
        if pictures.shape[-1] % VGG11_REDUCTION or pictures.shape[-2] % VGG11_REDUCTION:
            raise ValueError(f"Sides are multiples of {VGG11_REDUCTION} px, not {tuple(pictures.shape[-2:])}.")
        kept, seen = [], pictures
        for level in self.down:
            kept.append(level(seen))
            seen = functional.max_pool2d(kept[-1], 2)
        answer = self.up[0](seen)
        for level in self.up[1:]:
            answer = level(torch.cat([answer, kept.pop()], 1))
        logits: Tensor = self.out(self.last(torch.cat([answer, kept.pop()], 1)))
        return logits

    def start_from(self, classifier: Vgg11) -> None:
        """Take over a classifier's convolutions, which look for the same things; raises `MisuseError` when it has other
        ones.
        """
        mine = [layer for layer in self.down.modules() if isinstance(layer, nn.Conv2d)]
        theirs = [layer for layer in classifier.features if isinstance(layer, nn.Conv2d)]
        if [each.weight.shape for each in mine] != [each.weight.shape for each in theirs]:
            raise MisuseError(
                f"A U-Net11 of width {self.layout.width:g} cannot start from the convolutions of a classifier of width "
                f"{classifier.layout.width:g}. Choose a classifier of that width."
            )
        for target, source in zip(mine, theirs, strict=True):
            target.load_state_dict(source.state_dict())


def _convolutions(before: int, *channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for after in channels:
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        before = after
    return nn.Sequential(*layers)


def _raised(before: int, between: int, after: int) -> nn.Sequential:
    """A convolution, and one that doubles rows and columns."""
    up = nn.ConvTranspose2d(between, after, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(*_convolutions(before, between), up, nn.ReLU())
