"""Teaching a segmenter: resumable, and knowing nothing but batches.

Where patches and their truth come from is decided by the caller; see `simulations.segmenting`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from monitor.errors import MisuseError
from monitor.networks.augmentation import lit, turned
from monitor.networks.descent import Descent, read_checkpoint, write_checkpoint
from monitor.networks.training import as_batch
from monitor.networks.unet import UNET_STEP_PX, Unet, UnetLayout, folded_unet

#: A crack pixel weighs so many times more than another one: there are few of them.
_CRACK_WEIGHT = 3.0
_DICE_WEIGHT = 0.5


@dataclass(frozen=True)
class MarkedPatches:
    """`images` uint8 (n, rows, cols, 3) RGB; `truth` float32 (n, rows, cols), the share of each pixel that is crack;
    `weight` float32 (n, rows, cols), how much each pixel counts.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class SegmenterOptions:
    """How a segmenter is taught; every field goes into the manifest. Words as in `TrainingOptions`.

    `steps` batches of `batch_size` patches are seen; `learning_rate` is the highest of its one cycle.
    """

    layout: UnetLayout = field(default_factory=lambda: UnetLayout(width=24, batch_norm=True))
    steps: int = 3400
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    light_jitter: float = 0.12
    weight_average: float = 0.998
    bfloat16: bool = True
    seed: int = 0


@dataclass(frozen=True)
class TaughtSegmenter:
    """The folded network and its mean losses from one checkpoint to the next."""

    network: Unet
    losses: list[float]


def train_segmenter(
    batches: Callable[[np.random.Generator, int], MarkedPatches],
    options: SegmenterOptions,
    checkpoint: Path,
    origin: str,
    device: torch.device | None = None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    checkpoint_steps: int = 250,
    start: Unet | None = None,
) -> TaughtSegmenter:
    """Take `options.steps` steps, each on `batches(rng, options.batch_size)`; each step has its own `rng`.

    They begin with the weights of `start`, a finished segmenter of the options' layout, or else with new ones.
    `checkpoint` is written every `checkpoint_steps` and read at the start, so an interrupted training goes on where it
    stood; `origin` says what the batches are drawn from. Raises `MisuseError` when a batch does not fit, when the
    checkpoint is damaged, of other options or another origin, or when the loss is no number any more.
    """
    torch.manual_seed(options.seed)
    network = Unet(options.layout)
    if start is not None:
        network.load_state_dict(start.state_dict())
    descent = Descent(network, options, options.steps, device)
    belonging = {"options": asdict(options), "checkpoint_steps": checkpoint_steps, "patches": origin}
    done, losses = 0, list[float]()
    if checkpoint.exists():
        state = read_checkpoint(checkpoint, belonging)
        descent.restore(state["descent"])
        done, losses = state["done"], state["losses"]
    network.train()
    total = 0.0
    for step in range(done + 1, options.steps + 1):
        rng = np.random.default_rng([options.seed, step])
        total += descent.step(_loss(descent, batches(rng, options.batch_size), options.light_jitter, rng))
        on_step(step, options.steps)
        if step % checkpoint_steps == 0 or step == options.steps:
            losses.append(_finite(total / ((step - 1) % checkpoint_steps + 1)))
            total = 0.0
            write_checkpoint(checkpoint, {**belonging, "descent": descent.state(), "done": step, "losses": losses})
    taught = Unet(options.layout)
    taught.load_state_dict(descent.averaged.state_dict())
    return TaughtSegmenter(folded_unet(taught.eval()), losses)


def segmentation_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted cross-entropy and half a soft Dice loss (doi:10.1109/3DV.2016.79) of the whole batch, all (n, 1, rows,
    cols); pixels count as crack in both from a `truth` above one half on.
    """
    crack = (truth > 0.5).float()
    entropy = functional.binary_cross_entropy_with_logits(
        logits, truth, weight=weight * (1 + (_CRACK_WEIGHT - 1) * crack)
    )
    return entropy + _DICE_WEIGHT * (1 - soft_dice(torch.sigmoid(logits), crack, weight))


def soft_dice(probability: Tensor, crack: Tensor, weight: Tensor) -> Tensor:
    """Dice coefficient of all pixels at once, of probabilities in [0, 1] and `crack` 0 or 1; none and none makes 1."""
    shared = (probability * crack * weight).sum()
    return (2 * shared + 1) / ((probability * weight).sum() + (crack * weight).sum() + 1)


def _loss(descent: Descent, batch: MarkedPatches, light_jitter: float, rng: np.random.Generator) -> Tensor:
    """The loss of a batch, turned and in other light."""
    _check(batch)
    maps = (torch.from_numpy(part)[:, None] for part in (batch.truth, batch.weight))
    images, truth, weight = turned([as_batch(batch.images), *maps], rng, quarter_turns=True)
    with descent.precision():
        logits = descent.network(descent.placed(lit(images, light_jitter, rng)))
    return segmentation_loss(logits.float(), truth.to(descent.device), weight.to(descent.device))


def _check(batch: MarkedPatches) -> None:
    shape = batch.images.shape[:3]
    if shape != batch.truth.shape or shape != batch.weight.shape or batch.images.shape[3:] != (3,):
        raise MisuseError(
            f"A batch has images {batch.images.shape}, truth {batch.truth.shape} and weight {batch.weight.shape}, but "
            "they have to be (n, rows, cols, 3) and twice (n, rows, cols)."
        )
    if shape[1] != shape[2] or shape[1] % UNET_STEP_PX:
        raise MisuseError(f"Patches of {shape[1:]} px do not fit: they are square, of a multiple of {UNET_STEP_PX} px.")


def _finite(loss: float) -> float:
    if not np.isfinite(loss):
        raise MisuseError("The training diverged: its loss is no number any more. Use a lower learning rate.")
    return loss
