"""Teaching an autoencoder to rebuild sound walls, by the mean squared error; it never sees a crack.

(doi:10.1016/j.autcon.2024.105497, section 3.3, after doi:10.1016/j.aei.2020.101105.)
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from monitor.errors import MisuseError
from monitor.networks.augmentation import lit, turned
from monitor.networks.autoencoder import Autoencoder, AutoencoderLayout
from monitor.networks.epochs import Course, Epoch, EpochOptions, mean_loss
from monitor.networks.training import as_batch


@dataclass(frozen=True)
class SoundPatches:
    """`images` uint8 (n, side, side, 3) RGB, all without damage."""

    images: NDArray[np.uint8]


@dataclass(frozen=True)
class AutoencoderOptions(EpochOptions):
    """How an autoencoder is taught; every field goes into the manifest. The paper names no epochs, batch size or
    learning rate: the first two are its classifier's, the last is the published code's.
    """

    layout: AutoencoderLayout = field(default_factory=AutoencoderLayout)
    learning_rate: float = 1e-5


#: `paper` is Forest et al. 2024; `twin` is a quarter as wide.
AUTOENCODER_PRESETS: dict[str, AutoencoderOptions] = {
    "paper": AutoencoderOptions(),
    "twin": AutoencoderOptions(
        layout=AutoencoderLayout(width=0.25, patch_px=128),
        epochs=12,
        patience=4,
        learning_rate=1e-3,
        one_cycle=True,
        quarter_turns=True,
        bfloat16=True,
    ),
}


def train_autoencoder(
    train: SoundPatches,
    validation: SoundPatches,
    options: AutoencoderOptions,
    checkpoint: Path,
    device: torch.device | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Autoencoder, list[Epoch]]:
    """The autoencoder of the best epoch, and the epochs seen.

    `checkpoint` is written after every epoch and read at the start. Raises `MisuseError` before the first epoch when
    the patches do not fit, and as `Course.follow` does.
    """
    side = options.layout.patch_px
    for name, patches in (("training", train), ("validation", validation)):
        if patches.images.shape[1:] != (side, side, 3) or not len(patches.images):
            raise MisuseError(
                f"The {name} patches are {patches.images.shape}; wanted are (n, {side}, {side}, 3), one at least."
            )
    torch.manual_seed(options.seed)
    course = _Course(Autoencoder(options.layout), options, len(train.images), device)
    best = course.follow(train, validation, checkpoint, on_epoch, on_batch)
    found = Autoencoder(options.layout)
    found.load_state_dict(best)
    return found.eval(), list(course.history)


class _Course(Course[SoundPatches]):
    def __init__(
        self, network: Autoencoder, options: AutoencoderOptions, count: int, device: torch.device | None
    ) -> None:
        super().__init__(network, options, count, {"options": asdict(options), "patches": count}, device)
        self._options = options

    def _loss(self, train: SoundPatches, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        (images,) = turned([as_batch(train.images[chosen])], rng, self._options.quarter_turns)
        batch = self.descent.placed(lit(images, self._options.light_jitter, rng))
        with self.descent.precision():
            rebuilt = self.network(batch)
        return functional.mse_loss(rebuilt.float(), batch)

    def _judged(self, network: nn.Module, validation: SoundPatches) -> tuple[float, float | None]:
        network.eval()

        def loss(chosen: NDArray[np.int64]) -> Tensor:
            batch = self.descent.placed(as_batch(validation.images[chosen]))
            return functional.mse_loss(network(batch), batch)

        return mean_loss(loss, len(validation.images), self._options.batch_size), None
