"""Training a patch classifier: resumable, early-stopped, calibrated.

The loop knows arrays only. Where patches come from is decided by the caller.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.augmentation import lit, turned
from monitor.networks.dense import PLACES_STEP_PX, DenseHeads, dense_loss
from monitor.networks.descent import Descent, read_checkpoint, write_checkpoint
from monitor.networks.vgg import Vgg11, Vgg11Layout, folded


@dataclass(frozen=True)
class LabelledPatches:
    """`images` uint8 (n, side, side, 3) RGB and `labels` int64 (n,), 1 = crack.

    `places` uint8 (n, side / 8, side / 8), if known, say where a crack shows, from 0 to 255.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    places: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """How a classifier is trained; every field goes into the manifest.

    `light_jitter`: standard deviation of each patch's gain (its offset and each colour's gain vary by a third of it).
    `weight_average`: share of the running mean of the weights that a step keeps; the mean is what is validated
    and shipped (0: the last weights themselves).
    `bfloat16`: run the network's layers in bfloat16 while training (half the time or less where the processor
    has it); weights, their updates and validation stay in float32.
    `dense_weight`: weight of the loss at the training patches' places beside that of their labels (0: labels alone).
    """

    layout: Vgg11Layout = field(default_factory=Vgg11Layout)
    epochs: int = 300
    patience: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 1e-8
    one_cycle: bool = False
    label_smoothing: float = 0.0
    quarter_turns: bool = False
    light_jitter: float = 0.0
    weight_average: float = 0.0
    bfloat16: bool = False
    dense_weight: float = 0.0
    seed: int = 0


_QUARTER = TrainingOptions(
    layout=Vgg11Layout(width=0.25, patch_px=128, batch_norm=True),
    epochs=4,
    patience=3,
    batch_size=64,
    learning_rate=2e-3,
    weight_decay=0.02,
    one_cycle=True,
    label_smoothing=0.05,
    quarter_turns=True,
    light_jitter=0.12,
    weight_average=0.998,
    bfloat16=True,
)
#: `paper` is Forest et al. 2024, section 3.2; the others are narrower twins that converge on two cores, and `tuned`
#: goes on with a finished one of those.
PRESETS: dict[str, TrainingOptions] = {
    "paper": TrainingOptions(),
    "quarter": _QUARTER,
    "tuned": replace(_QUARTER, layout=replace(_QUARTER.layout, batch_norm=False), epochs=2, learning_rate=6e-4),
    "half": replace(_QUARTER, layout=replace(_QUARTER.layout, width=0.5), epochs=6, learning_rate=1.5e-3),
}


def preset(name: str) -> TrainingOptions:
    """The training options of that name; `UnknownNameError` lists the known ones."""
    if name not in PRESETS:
        raise UnknownNameError("training preset", name, PRESETS)
    return PRESETS[name]


@dataclass(frozen=True)
class Epoch:
    """Scores after one epoch."""

    number: int
    train_loss: float
    validation_loss: float
    balanced_accuracy: float


@dataclass(frozen=True)
class TrainedClassifier:
    """The folded network of the best epoch with its temperature (calibration) and the epochs seen."""

    network: Vgg11
    temperature: float
    epochs: list[Epoch]


def balanced_accuracy(probability: NDArray[np.float64], labels: NDArray[np.int64], threshold: float = 0.5) -> float:
    """Mean of true positive and true negative rate at a threshold."""
    called = probability >= threshold
    rates = [np.mean(called[labels == 1]), np.mean(~called[labels == 0])]
    return float(np.mean(rates))


def logits_of(network: nn.Module, images: NDArray[np.uint8], batch_size: int = 64) -> Tensor:
    """Logits (n, classes) of uint8 patches (n, side, side, 3), on the network's own device."""
    device = next(network.parameters()).device
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            found.append(network(as_batch(images[start : start + batch_size]).to(device)).cpu())
    return torch.cat(found)


def as_batch(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (n, side, side, 3) to float32 (n, 3, side, side) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The one factor by which logits are divided so that validation likelihood is best
    (Guo et al. 2017, arXiv:1706.04599).
    """
    grid = torch.logspace(-1, 1, 201)
    losses = [nn.functional.cross_entropy(logits / value, labels).item() for value in grid]
    return float(grid[int(np.argmin(losses))])


def train_classifier(
    train: LabelledPatches,
    validation: LabelledPatches,
    options: TrainingOptions,
    checkpoint: Path,
    device: torch.device | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
    start: Vgg11 | None = None,
) -> TrainedClassifier:
    """Train until `options.epochs` or until the validation loss has not improved for `patience` epochs.

    Training begins with the weights of `start`, a finished classifier of the options' layout, or else with new ones.
    `checkpoint` is written after every epoch and read at the start, so an interrupted training goes on
    where it stood. Raises `MisuseError` before the first epoch when the patches do not fit the layout, one class
    is missing or the places are that `dense_weight` needs, or when the checkpoint is damaged or of another
    training; and at the end when no epoch had a finite validation loss.
    """
    _check(train, validation, options)
    torch.manual_seed(options.seed)
    network = Vgg11(options.layout)
    if start is not None:
        if start.layout != options.layout:
            raise MisuseError(f"The start is of the layout {start.layout}, the training of {options.layout}.")
        network.load_state_dict(start.state_dict())
    session = _Session(network, options, train, device)
    if checkpoint.exists():
        session.restore(checkpoint)
    while session.wants_more():
        on_epoch(session.epoch(train, validation, on_batch))
        session.save(checkpoint)
    network = session.best_network()
    logits = logits_of(network, validation.images)
    return TrainedClassifier(
        network, fitted_temperature(logits, torch.from_numpy(validation.labels)), list(session.history)
    )


def _check(train: LabelledPatches, validation: LabelledPatches, options: TrainingOptions) -> None:
    side = options.layout.patch_px
    for name, patches in (("training", train), ("validation", validation)):
        if patches.images.shape[1:] != (side, side, 3):
            raise MisuseError(
                f"The {name} patches are {patches.images.shape[1:]}, the network takes ({side}, {side}, 3)."
            )
        if len(patches.labels) != len(patches.images):
            raise MisuseError(f"The {name} patches are {len(patches.images)} images with {len(patches.labels)} labels.")
        if set(np.unique(patches.labels)) != set(range(options.layout.classes)):
            raise MisuseError(f"The {name} patches do not hold every one of the {options.layout.classes} classes.")
    wanted = (len(train.images), side // PLACES_STEP_PX, side // PLACES_STEP_PX)
    if options.dense_weight and (train.places is None or train.places.shape != wanted):
        found = None if train.places is None else train.places.shape
        raise MisuseError(f"A dense loss needs places of the training patches, {wanted}; given are {found}.")


class _Session:
    """The state of one training between epochs."""

    def __init__(
        self, network: Vgg11, options: TrainingOptions, train: LabelledPatches, device: torch.device | None
    ) -> None:
        self.options = options
        self.network = network
        self.heads = DenseHeads(network) if options.dense_weight else None
        steps = -(-len(train.images) // options.batch_size) * options.epochs
        self.descent = Descent(network, options, steps, device, one_cycle=options.one_cycle, beside=self.heads)
        self.belonging = {
            "options": asdict(options),
            "patches": len(train.images),
            "places": None if self.heads is None or train.places is None else crc32(train.places.tobytes()),
        }
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    @property
    def _best_epoch(self) -> int:
        losses = np.array([epoch.validation_loss for epoch in self.history])
        return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf))) + 1

    def wants_more(self) -> bool:
        if len(self.history) >= self.options.epochs:
            return False
        return not self.history or len(self.history) - self._best_epoch < self.options.patience

    def epoch(self, train: LabelledPatches, validation: LabelledPatches, on_batch: Callable[[int, int], None]) -> Epoch:
        number = len(self.history) + 1
        rng = np.random.default_rng([self.options.seed, number])
        train_loss = self._pass(train, rng, on_batch)
        logits = logits_of(self.descent.averaged, validation.images)
        labels = torch.from_numpy(validation.labels)
        probability = torch.softmax(logits, 1)[:, 1].double().numpy()
        done = Epoch(
            number,
            train_loss,
            nn.functional.cross_entropy(logits, labels).item(),
            balanced_accuracy(probability, validation.labels),
        )
        self.history.append(done)
        if self._best_epoch == number:
            self.best = {key: value.detach().cpu().clone() for key, value in self.descent.averaged.state_dict().items()}
        return done

    def _pass(self, train: LabelledPatches, rng: np.random.Generator, on_batch: Callable[[int, int], None]) -> float:
        self.network.train()
        order = rng.permutation(len(train.images))
        starts = range(0, len(order), self.options.batch_size)
        total = 0.0
        for done, start in enumerate(starts, 1):
            chosen = order[start : start + self.options.batch_size]
            total += self.descent.step(self._loss(train, chosen, rng)) * len(chosen)
            on_batch(done, len(starts))
        return total / len(order)

    def _loss(self, train: LabelledPatches, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """The loss of the `chosen` patches, turned and in other light."""
        parts = [as_batch(train.images[chosen])]
        if self.heads is not None and train.places is not None:
            parts.append(as_batch(train.places[chosen][..., None]))
        images, *places = turned(parts, rng, self.options.quarter_turns)
        batch = self.descent.placed(lit(images, self.options.light_jitter, rng))
        labels = torch.from_numpy(train.labels[chosen]).to(self.descent.device)
        with self.descent.precision():
            logits, found = (self.network(batch), []) if self.heads is None else self.heads(self.network, batch)
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=self.options.label_smoothing)
        for seen in places:
            loss = loss + self.options.dense_weight * dense_loss(found, seen.to(labels.device), labels)
        return loss

    def best_network(self) -> Vgg11:
        if not np.isfinite(self.history[self._best_epoch - 1].validation_loss):
            raise MisuseError("The training diverged: no epoch has a finite loss. Use a lower learning rate.")
        best = Vgg11(self.options.layout)
        best.load_state_dict(self.best)
        return folded(best.eval())

    def save(self, path: Path) -> None:
        state = {
            **self.belonging,
            "descent": self.descent.state(),
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
            "torch_rng": torch.get_rng_state(),
        }
        write_checkpoint(path, state)

    def restore(self, path: Path) -> None:
        state = read_checkpoint(path, self.belonging)
        self.descent.restore(state["descent"])
        self.best = state["best"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        torch.set_rng_state(state["torch_rng"])
