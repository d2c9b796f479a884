"""Dense targets beside a classifier's label: while it is taught, its features also have to say where the crack is.

Without them a label alone can be learnt from whatever comes with cracks. The heads that read the places off the
features serve the teaching only and are dropped afterwards (deep supervision: doi:10.48550/arXiv.1409.5185).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.networks.vgg import Vgg11

#: Places are given at 1 / 8 of a patch's side: the finer of the two depths at which features are read.
PLACES_STEP_PX = 8
#: A cracked patch counts from this place on; where none is seen, nothing is known of where its crack is.
_SEEN_FROM = 0.3
#: A place that shows the crack weighs so many times more than one that does not: there are few of them.
_CRACK_WEIGHT = 3.0


class DenseHeads(nn.Module):
    """Two 1 x 1 convolutions that read off a classifier's features, at strides of 8 and 16 px, where a crack shows."""

    def __init__(self, network: Vgg11) -> None:
        super().__init__()
        self._depths = [index for index, step in enumerate(network.features) if isinstance(step, nn.MaxPool2d)][-2:]
        channels = [_channels_before(network, depth) for depth in self._depths]
        self.heads = nn.ModuleList(nn.Conv2d(count, 1, 1) for count in channels)

    def forward(self, network: Vgg11, patches: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The classifier's own logits (n, classes) of `patches` (n, 3, patch, patch), and those of the places
        (n, 1, patch / 8, patch / 8) and (n, 1, patch / 16, patch / 16).
        """
        seen, found, start = patches, [], 0
        for depth, head in zip(self._depths, self.heads, strict=True):
            seen = network.features[start:depth](seen)
            found.append(head(seen))
            start = depth
        return network.classifier(network.pooling(network.features[start:](seen))), found


def dense_loss(found: list[Tensor], places: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the places `found`, summed over both depths, against `places` (n, 1, k, k) in [0, 1].

    Crack-free patches (label 0) show a crack nowhere, whatever their places say; cracked ones that show none do not
    count.
    """
    cracked = labels > 0
    wanted = places * cracked[:, None, None, None]
    counted = (~cracked | (wanted.amax((1, 2, 3)) >= _SEEN_FROM)).float()
    total = torch.zeros((), device=places.device)
    for logits in found:
        target = functional.adaptive_max_pool2d(wanted, logits.shape[-2:])
        each = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        mean = (each * (1 + (_CRACK_WEIGHT - 1) * target)).mean((1, 2, 3))
        total = total + (mean * counted).sum() / counted.sum().clamp(min=1)
    return total


def _channels_before(network: Vgg11, depth: int) -> int:
    convolutions = [step for step in network.features[:depth] if isinstance(step, nn.Conv2d)]
    return convolutions[-1].out_channels
