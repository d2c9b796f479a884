"""The convolutional autoencoder of Forest et al. 2024: it only ever sees sound walls, and rebuilds cracks badly.

VGG11's convolutions, a fully connected layer of 128, a bottleneck of 100 numbers, and the same way back; the error of
each pixel says how unusual it is. (doi:10.1016/j.autcon.2024.105497, after doi:10.1016/j.aei.2020.101105.)
"""

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from monitor.networks.vgg import VGG11_REDUCTION, VGG11_STEPS, he_started, scaled


@dataclass(frozen=True)
class AutoencoderLayout:
    """Architecture: `width` scales every channel count of the convolutions (1.0 is the paper's), `patch_px` is the side
    of the patches, `head` the neurons of the layer before the `bottleneck`.
    """

    width: float = 1.0
    patch_px: int = 256
    head: int = 128
    bottleneck: int = 100

    def as_options(self) -> dict[str, Any]:
        """The layout as plain values, for manifests and fingerprints."""
        return asdict(self)


class Autoencoder(nn.Module):
    """(n, 3, patch, patch) RGB in [0, 1] to the same patches rebuilt, likewise."""

    def __init__(self, layout: AutoencoderLayout) -> None:
        super().__init__()
        if layout.patch_px % VGG11_REDUCTION:
            raise ValueError(f"The side of the patches is a multiple of {VGG11_REDUCTION} px, not {layout.patch_px}.")
        self.layout = layout
        channels = [scaled(int(step), layout.width) for step in VGG11_STEPS if step != "pool"]
        side = layout.patch_px // VGG11_REDUCTION
        inner, flat = (channels[-1], side, side), channels[-1] * side**2
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        pairs = zip([3, *channels], channels, strict=False)
        for step in VGG11_STEPS:
            if step == "pool":
                encoder.append(nn.MaxPool2d(2))
                decoder.append(nn.Upsample(scale_factor=2))
                continue
            before, after = next(pairs)
            encoder += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            decoder += [nn.Sigmoid() if before == 3 else nn.ReLU(), nn.Conv2d(after, before, 3, padding=1)]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), *_layer(flat, layout.head))
        self.bottleneck = nn.Linear(layout.head, layout.bottleneck)
        back = (*_layer(layout.bottleneck, layout.head), *_layer(layout.head, flat), nn.Unflatten(1, inner))
        self.decoder = nn.Sequential(*back, *reversed(decoder))
        he_started(self)

    def forward(self, patches: Tensor) -> Tensor:
        """The patches (n, 3, patch, patch), rebuilt from their 100 numbers."""
        rebuilt: Tensor = self.decoder(self.bottleneck(self.encoder(patches)))
        return rebuilt


def _layer(before: int, after: int) -> tuple[nn.Module, nn.Module]:
    return nn.Linear(before, after), nn.ReLU()
