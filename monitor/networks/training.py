"""Training a patch classifier: resumable, early-stopped, calibrated.

The loop knows arrays only. Where patches come from is decided by the caller.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.augmentation import lit, turned
from monitor.networks.bcos import BcosLayout, BcosVgg11
from monitor.networks.dense import PLACES_STEP_PX, DenseHeads, dense_loss
from monitor.networks.epochs import Course, Epoch
from monitor.networks.vgg import VGG11_REDUCTION, Vgg11, Vgg11Layout, folded

ClassifierNetwork = Vgg11 | BcosVgg11


@dataclass(frozen=True)
class LabelledPatches:
    """`images` uint8 (n, side, side, 3) RGB and `labels` int64 (n,), 1 = crack.

    `places` uint8 (n, side / 8, side / 8), if known, say where a crack shows, from 0 to 255. `likely` float32 (n,), if
    given, are the crack probabilities that are to be learnt instead of the labels; NaN where the label counts.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    places: NDArray[np.uint8] | None = None
    likely: NDArray[np.float32] | None = None


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

    layout: Vgg11Layout | BcosLayout = field(default_factory=Vgg11Layout)
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


_QUARTER_LAYOUT = Vgg11Layout(width=0.25, patch_px=128, batch_norm=True)
_QUARTER = TrainingOptions(
    layout=_QUARTER_LAYOUT,
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
_TUNED = replace(_QUARTER, layout=replace(_QUARTER_LAYOUT, batch_norm=False), epochs=2, learning_rate=6e-4)
#: `paper` is Forest et al. 2024, section 3.2; the others are narrower twins that converge on two cores; `tuned` goes on
#: with a finished one of those, `kept` too but stays with what it says of most patches, and `widened` makes a finished
#: one half as wide as the paper's and goes on with that.
PRESETS: dict[str, TrainingOptions] = {
    "paper": TrainingOptions(),
    "quarter": _QUARTER,
    "tuned": _TUNED,
    "kept": _TUNED,
    "widened": replace(_TUNED, layout=replace(_TUNED.layout, width=0.5), epochs=4, learning_rate=1e-3),
    "half": replace(_QUARTER, layout=replace(_QUARTER_LAYOUT, width=0.5), epochs=6, learning_rate=1.5e-3),
}


#: The same for a B-cos classifier: `paper` has a tenth of the learning rate, `twin` is a quarter as wide.
BCOS_PRESETS: dict[str, TrainingOptions] = {
    "paper": TrainingOptions(layout=BcosLayout(), learning_rate=1e-5),
    "twin": replace(
        _QUARTER,
        layout=BcosLayout(width=0.25, patch_px=128),
        epochs=8,
        batch_size=32,
        learning_rate=5e-3,
        label_smoothing=0.0,
    ),
}


Options = TypeVar("Options")


def preset(name: str, presets: Mapping[str, Options]) -> Options:
    """The training options of that name; `UnknownNameError` lists the known ones."""
    if name not in presets:
        raise UnknownNameError("training preset", name, presets)
    return presets[name]


@dataclass(frozen=True)
class TrainedClassifier:
    """The folded network of the best epoch with its temperature (calibration) and the epochs seen."""

    network: ClassifierNetwork
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
    start: ClassifierNetwork | None = None,
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
    network = _new(options.layout)
    if start is not None:
        if start.layout != options.layout:
            raise MisuseError(f"The start is of the layout {start.layout}, the training of {options.layout}.")
        network.load_state_dict(start.state_dict())
    session = _Session(network, options, train, device)
    network = _new(options.layout)
    network.load_state_dict(session.follow(train, validation, checkpoint, on_epoch, on_batch))
    network.eval()
    network = folded(network) if isinstance(network, Vgg11) else network
    logits = logits_of(network, validation.images)
    return TrainedClassifier(
        network, fitted_temperature(logits, torch.from_numpy(validation.labels)), list(session.history)
    )


def _new(layout: Vgg11Layout | BcosLayout) -> ClassifierNetwork:
    return Vgg11(layout) if isinstance(layout, Vgg11Layout) else BcosVgg11(layout)


def _check(train: LabelledPatches, validation: LabelledPatches, options: TrainingOptions) -> None:
    side = options.layout.patch_px
    if isinstance(options.layout, BcosLayout):
        if side % VGG11_REDUCTION:
            raise MisuseError(f"Patches of {side} px do not fit: their side is a multiple of {VGG11_REDUCTION} px.")
        if options.dense_weight:
            raise MisuseError("A B-cos classifier is taught by labels alone: it has no dense loss.")
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


class _Session(Course[LabelledPatches]):
    """The state of one training between epochs."""

    def __init__(
        self,
        network: ClassifierNetwork,
        options: TrainingOptions,
        train: LabelledPatches,
        device: torch.device | None,
    ) -> None:
        self.options = options
        self.heads = DenseHeads(network) if options.dense_weight and isinstance(network, Vgg11) else None
        belonging = {
            "options": asdict(options),
            "patches": len(train.images),
            "places": None if self.heads is None or train.places is None else crc32(train.places.tobytes()),
            **({} if train.likely is None else {"likely": len(train.likely)}),
        }
        super().__init__(network, options, len(train.images), belonging, device, self.heads)

    def _judged(self, network: nn.Module, validation: LabelledPatches) -> tuple[float, float | None]:
        logits = logits_of(network, validation.images)
        labels = torch.from_numpy(validation.labels)
        probability = torch.softmax(logits, 1)[:, 1].double().numpy()
        loss = nn.functional.cross_entropy(logits, labels).item()
        return loss, balanced_accuracy(probability, validation.labels)

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
        wanted = _wanted(train, chosen, self.options.label_smoothing, self.options.layout.classes)
        loss = nn.functional.cross_entropy(logits.float(), wanted.to(labels.device))
        for seen in places:
            loss = loss + self.options.dense_weight * dense_loss(found, seen.to(labels.device), labels)
        return loss


def _wanted(train: LabelledPatches, chosen: NDArray[np.int64], smoothing: float, classes: int) -> Tensor:
    """The probabilities (n, classes) that the `chosen` patches are to be given: their labels, smoothed, or `likely`."""
    labels = nn.functional.one_hot(torch.from_numpy(train.labels[chosen]), classes).float()
    wanted = labels * (1 - smoothing) + smoothing / classes
    if train.likely is None:
        return wanted
    likely = torch.from_numpy(train.likely[chosen])
    return torch.where(likely.isnan()[:, None], wanted, torch.stack([1 - likely, likely], 1))
