"""Training a patch classifier: resumable, early-stopped, calibrated.

The loop knows arrays only. Where patches come from is decided by the caller.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.vgg import Vgg11, Vgg11Layout, folded


@dataclass(frozen=True)
class LabelledPatches:
    """`images` uint8 (n, side, side, 3) RGB and `labels` int64 (n,), 1 = crack."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class TrainingOptions:
    """How a classifier is trained; every field goes into the manifest.

    `light_jitter`: standard deviation of each patch's gain (its offset and each colour's gain vary by a third of it).
    `weight_average`: share of the running mean of the weights that a step keeps; the mean is what is validated
    and shipped (0: the last weights themselves).
    `bfloat16`: run the network's layers in bfloat16 while training (half the time or less where the processor
    has it); weights, their updates and validation stay in float32.
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
#: `paper` is Forest et al. 2024, section 3.2; the others are narrower twins that converge on two cores.
PRESETS: dict[str, TrainingOptions] = {
    "paper": TrainingOptions(),
    "quarter": _QUARTER,
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
) -> TrainedClassifier:
    """Train until `options.epochs` or until the validation loss has not improved for `patience` epochs.

    `checkpoint` is written after every epoch and read at the start, so an interrupted training goes on
    where it stood. Raises `MisuseError` before the first epoch when the patches do not fit the layout or
    one class is missing, or when the checkpoint is damaged or of another training; and at the end when no
    epoch had a finite validation loss.
    """
    _check(train, validation, options)
    torch.manual_seed(options.seed)
    session = _Session(Vgg11(options.layout), options, len(train.images), device or torch.device("cpu"))
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


class _Session:
    """The state of one training between epochs."""

    def __init__(self, network: Vgg11, options: TrainingOptions, count: int, device: torch.device) -> None:
        self.options = options
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        steps = -(-count // options.batch_size) * options.epochs
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(self.optimiser, options.learning_rate, total_steps=steps)
            if options.one_cycle
            else torch.optim.lr_scheduler.ConstantLR(self.optimiser, factor=1.0)
        )
        self.average = (
            AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(options.weight_average), use_buffers=True)  # type: ignore[no-untyped-call]
            if options.weight_average
            else None
        )
        self.count = count
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    @property
    def _validated(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

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
        logits = logits_of(self._validated, validation.images)
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
            self.best = {key: value.detach().cpu().clone() for key, value in self._validated.state_dict().items()}
        return done

    def _pass(self, train: LabelledPatches, rng: np.random.Generator, on_batch: Callable[[int, int], None]) -> float:
        self.network.train()
        order = rng.permutation(len(train.images))
        starts = range(0, len(order), self.options.batch_size)
        total = 0.0
        for done, start in enumerate(starts, 1):
            chosen = order[start : start + self.options.batch_size]
            total += self._step(train.images[chosen], train.labels[chosen], rng) * len(chosen)
            on_batch(done, len(starts))
        return total / len(order)

    def _step(self, images: NDArray[np.uint8], labels: NDArray[np.int64], rng: np.random.Generator) -> float:
        device = next(self.network.parameters()).device
        batch = self._lit(self._turned(as_batch(images), rng), rng).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.options.bfloat16):
            logits = self.network(batch).float()
        loss = nn.functional.cross_entropy(
            logits, torch.from_numpy(labels).to(device), label_smoothing=self.options.label_smoothing
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return float(loss.item())

    def _turned(self, batch: Tensor, rng: np.random.Generator) -> Tensor:
        """Random flips of each patch (the paper's augmentation), and quarter turns of the batch if asked."""
        for axis in (2, 3):
            flip = torch.from_numpy(rng.random(len(batch)) < 0.5)
            batch[flip] = batch[flip].flip(axis)
        return torch.rot90(batch, int(rng.integers(4)), (2, 3)) if self.options.quarter_turns else batch

    def _lit(self, batch: Tensor, rng: np.random.Generator) -> Tensor:
        """Each patch in a little other light."""
        jitter = self.options.light_jitter
        if not jitter:
            return batch
        spreads = ((1, jitter), (3, jitter / 3), (1, jitter / 3))
        gain, tint, offset = (
            torch.from_numpy(rng.normal(0, spread, (len(batch), channels, 1, 1)).astype(np.float32))
            for channels, spread in spreads
        )
        return (batch * (1 + gain) * (1 + tint) + offset).clamp_(0, 1)

    def best_network(self) -> Vgg11:
        if not np.isfinite(self.history[self._best_epoch - 1].validation_loss):
            raise MisuseError("The training diverged: no epoch has a finite loss. Use a lower learning rate.")
        best = Vgg11(self.options.layout)
        best.load_state_dict(self.best)
        return folded(best.eval())

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {
            "options": asdict(self.options),
            "patches": self.count,
            "average": None if self.average is None else self.average.state_dict(),
            "network": self.network.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "torch_rng": torch.get_rng_state(),
        }
        temporary = path.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file raises anything from EOFError to UnpicklingError
            raise MisuseError(f"The checkpoint {path} cannot be read. Remove it to start anew.") from error
        if (state["options"], state["patches"]) != (asdict(self.options), self.count):
            raise MisuseError(
                f"{path} belongs to a training with other options or patches. Use another folder or remove it."
            )
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.best = state["best"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        torch.set_rng_state(state["torch_rng"])
