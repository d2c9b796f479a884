"""A training in epochs: resumable, early-stopped, and keeping the weights of its best epoch.

What the loss of a batch is, and how an epoch is judged, is each network's own business.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monitor.errors import MisuseError
from monitor.networks.descent import Descent, DescentOptions, read_checkpoint, write_checkpoint


class CourseOptions(DescentOptions, Protocol):
    """The options that decide how epochs follow one another; see `EpochOptions`."""

    @property
    def epochs(self) -> int:
        """How many there are at most."""

    @property
    def patience(self) -> int:
        """After how many without a better validation loss it ends."""

    @property
    def batch_size(self) -> int:
        """Patches in a batch."""

    @property
    def one_cycle(self) -> bool:
        """Whether the learning rate rises and falls once; constant otherwise."""

    @property
    def seed(self) -> int:
        """Of everything that is drawn."""


@dataclass(frozen=True)
class EpochOptions:
    """How a network is taught in epochs, beside what its own options add; every field goes into the manifest.

    The words are those of `monitor.networks.training.TrainingOptions`.
    """

    epochs: int = 300
    patience: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    one_cycle: bool = False
    quarter_turns: bool = False
    light_jitter: float = 0.0
    weight_average: float = 0.0
    bfloat16: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """Scores after one epoch; of a classifier the balanced accuracy, too."""

    number: int
    train_loss: float
    validation_loss: float
    balanced_accuracy: float | None = None


class HasImages(Protocol):
    """Patches to teach with, whatever is known of them."""

    @property
    def images(self) -> NDArray[np.uint8]:
        """RGB (n, side, side, 3)."""


Patches = TypeVar("Patches", bound=HasImages)


class Course(ABC, Generic[Patches]):
    """The state of one training between epochs.

    `count` training patches are seen in each; `belonging` is what a checkpoint has to agree in, to be gone on from.
    """

    def __init__(
        self,
        network: nn.Module,
        options: CourseOptions,
        count: int,
        belonging: dict[str, Any],
        device: torch.device | None,
        beside: nn.Module | None = None,
    ) -> None:
        self.network = network
        self._plan = options
        steps = -(-count // options.batch_size) * options.epochs
        self.descent = Descent(network, options, steps, device, one_cycle=options.one_cycle, beside=beside)
        self.belonging = belonging
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    @abstractmethod
    def _loss(self, train: Patches, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """The loss of the `chosen` training patches."""

    @abstractmethod
    def _judged(self, network: nn.Module, validation: Patches) -> tuple[float, float | None]:
        """Validation loss and, where there is one, balanced accuracy of a network."""

    def follow(
        self,
        train: Patches,
        validation: Patches,
        checkpoint: Path,
        on_epoch: Callable[[Epoch], None],
        on_batch: Callable[[int, int], None],
    ) -> dict[str, Tensor]:
        """All epochs that are left, each written to the `checkpoint`; returns the weights of the best one.

        Raises `MisuseError` when the checkpoint is damaged or of another training, or when no epoch had a finite loss.
        """
        if checkpoint.exists():
            self.restore(checkpoint)
        while self._wants_more():
            on_epoch(self._epoch(train, validation, on_batch))
            self.save(checkpoint)
        if not np.isfinite(self.history[self._best_epoch - 1].validation_loss):
            raise MisuseError("The training diverged: no epoch has a finite loss. Use a lower learning rate.")
        return self.best

    @property
    def _best_epoch(self) -> int:
        losses = np.array([epoch.validation_loss for epoch in self.history])
        return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf))) + 1

    def _wants_more(self) -> bool:
        if len(self.history) >= self._plan.epochs:
            return False
        return not self.history or len(self.history) - self._best_epoch < self._plan.patience

    def _epoch(self, train: Patches, validation: Patches, on_batch: Callable[[int, int], None]) -> Epoch:
        number = len(self.history) + 1
        rng = np.random.default_rng([self._plan.seed, number])
        train_loss = self._pass(train, rng, on_batch)
        done = Epoch(number, train_loss, *self._judged(self.descent.averaged, validation))
        self.history.append(done)
        if self._best_epoch == number:
            self.best = {key: value.detach().cpu().clone() for key, value in self.descent.averaged.state_dict().items()}
        return done

    def _pass(self, train: Patches, rng: np.random.Generator, on_batch: Callable[[int, int], None]) -> float:
        self.network.train()
        order = rng.permutation(len(train.images))
        starts = range(0, len(order), self._plan.batch_size)
        total = 0.0
        for done, start in enumerate(starts, 1):
            chosen = order[start : start + self._plan.batch_size]
            total += self.descent.step(self._loss(train, chosen, rng)) * len(chosen)
            on_batch(done, len(starts))
        return total / len(order)

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        state = {
            **self.belonging,
            "descent": self.descent.state(),
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
            "torch_rng": torch.get_rng_state(),
        }
        write_checkpoint(path, state)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint; raises `MisuseError` when it is damaged or of another training."""
        state = read_checkpoint(path, self.belonging)
        self.descent.restore(state["descent"])
        self.best = state["best"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        torch.set_rng_state(state["torch_rng"])


def mean_loss(loss: Callable[[NDArray[np.int64]], Tensor], count: int, batch_size: int) -> float:
    """Mean over `count` validation patches of a `loss` that takes the numbers of those in a batch."""
    total = 0.0
    with torch.inference_mode():
        for start in range(0, count, batch_size):
            chosen = np.arange(start, min(start + batch_size, count))
            total += float(loss(chosen).item()) * len(chosen)
    return total / count
