"""Teaching the supervised oracle: a U-Net11 that is told by people, pixel by pixel, where the crack is.

It is there to say what masks that people drew would buy, and serves comparisons only. (Dice loss:
doi:10.1109/3DV.2016.79; as in doi:10.1016/j.autcon.2024.105497, section 3.3.)
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monitor.errors import MisuseError
from monitor.networks.augmentation import lit, turned
from monitor.networks.epochs import Course, Epoch, EpochOptions, mean_loss
from monitor.networks.segmenter_training import soft_dice
from monitor.networks.training import as_batch
from monitor.networks.unet11 import Unet11, Unet11Layout
from monitor.networks.vgg import VGG11_REDUCTION, Vgg11


@dataclass(frozen=True)
class MaskedPatches:
    """`images` uint8 (n, side, side, 3) RGB and `masks` bool (n, side, side) that people drew."""

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]


@dataclass(frozen=True)
class OracleOptions(EpochOptions):
    """How an oracle is taught; every field goes into the manifest. The paper has 100 epochs and does not stop early."""

    layout: Unet11Layout = field(default_factory=Unet11Layout)
    patch_px: int = 256
    epochs: int = 100
    patience: int = 100


#: `paper` is Forest et al. 2024; `twin` is a quarter as wide.
ORACLE_PRESETS: dict[str, OracleOptions] = {
    "paper": OracleOptions(),
    "twin": OracleOptions(
        layout=Unet11Layout(width=0.25),
        patch_px=128,
        epochs=12,
        patience=4,
        learning_rate=1e-3,
        one_cycle=True,
        quarter_turns=True,
        light_jitter=0.12,
        bfloat16=True,
    ),
}


def dice_loss(logits: Tensor, crack: Tensor) -> Tensor:
    """1 less the soft Dice coefficient of the whole batch: `logits` and `crack` (0 or 1), both (n, 1, rows, cols)."""
    return 1 - soft_dice(torch.sigmoid(logits), crack, torch.ones_like(crack))


def train_oracle(
    train: MaskedPatches,
    validation: MaskedPatches,
    options: OracleOptions,
    checkpoint: Path,
    device: torch.device | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
    start: Vgg11 | None = None,
) -> tuple[Unet11, list[Epoch]]:
    """The oracle of the best epoch and the epochs seen; with `start`, its way down begins with a classifier's.

    `checkpoint` is written after every epoch and read at the start. Raises `MisuseError` before the first epoch when
    the patches do not fit, and as `Course.follow` does.
    """
    _check(train, validation, options)
    torch.manual_seed(options.seed)
    network = Unet11(options.layout)
    if start is not None:
        network.start_from(start)
    course = _Course(network, options, len(train.images), device)
    best = course.follow(train, validation, checkpoint, on_epoch, on_batch)
    found = Unet11(options.layout)
    found.load_state_dict(best)
    return found.eval(), list(course.history)


class _Course(Course[MaskedPatches]):
    def __init__(self, network: Unet11, options: OracleOptions, count: int, device: torch.device | None) -> None:
        super().__init__(network, options, count, {"options": asdict(options), "patches": count}, device)
        self._options = options

    def _loss(self, train: MaskedPatches, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        crack = torch.from_numpy(train.masks[chosen])[:, None].float()
        images, crack = turned([as_batch(train.images[chosen]), crack], rng, self._options.quarter_turns)
        with self.descent.precision():
            logits = self.network(self.descent.placed(lit(images, self._options.light_jitter, rng)))
        return dice_loss(logits.float(), crack.to(self.descent.device))

    def _judged(self, network: nn.Module, validation: MaskedPatches) -> tuple[float, float | None]:
        network.eval()

        def loss(chosen: NDArray[np.int64]) -> Tensor:
            crack = torch.from_numpy(validation.masks[chosen])[:, None].float()
            logits = network(self.descent.placed(as_batch(validation.images[chosen])))
            return dice_loss(logits, crack.to(self.descent.device))

        return mean_loss(loss, len(validation.images), self._options.batch_size), None


def _check(train: MaskedPatches, validation: MaskedPatches, options: OracleOptions) -> None:
    side = options.patch_px
    if side % VGG11_REDUCTION:
        raise MisuseError(f"Patches of {side} px do not fit: their side is a multiple of {VGG11_REDUCTION} px.")
    if options.layout.masks != 1:
        raise MisuseError(f"An oracle marks cracks with one mask, not with {options.layout.masks}.")
    for name, patches in (("training", train), ("validation", validation)):
        shape = patches.images.shape
        if shape[1:] != (side, side, 3) or shape[:3] != patches.masks.shape or not shape[0]:
            raise MisuseError(
                f"The {name} patches are {shape} with masks {patches.masks.shape}; wanted are (n, {side}, {side}, 3) "
                f"and (n, {side}, {side}), one at least."
            )
        if not patches.masks.any():
            raise MisuseError(f"None of the {name} masks holds a crack: there is nothing to learn.")
