"""Teaching an explainer what a classifier looks at: the loss of NN-Explainer, made for damage.

Only damaged patches teach. With x the patch, F the classifier, Y the kinds of damage a patch has (1 to K), m the
largest of their masks at each pixel and n that of the others', the loss is

    L_C(F(x m)) + 0.1 L_outside(F(x (1 - m))) + 0.1 L_A + 0.1 L_TV

where L_outside is eq. 3 of Forest et al. 2024 (without the masked pixels the patch belongs to the damage-free class 0),
or eq. 2, the negative entropy of NN-Explainer as it was. (doi:10.1016/j.autcon.2024.105497, section 2.4;
doi:10.48550/arXiv.2205.11266)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.augmentation import lit, turned
from monitor.networks.epochs import Course, Epoch, EpochOptions, mean_loss
from monitor.networks.training import as_batch
from monitor.networks.unet11 import Unet11, Unet11Layout
from monitor.networks.vgg import VGG11_REDUCTION, Vgg11
from monitor.networks.weights import Classifier


@dataclass(frozen=True)
class DamagedPatches:
    """`images` uint8 (n, side, side, 3) RGB and `damages` bool (n, K): which kinds each of them shows, one at least."""

    images: NDArray[np.uint8]
    damages: NDArray[np.bool_]


@dataclass(frozen=True)
class ExplainerOptions(EpochOptions):
    """How an explainer is taught; every field goes into the manifest.

    `outside` is `negative_class` (eq. 3) or `entropy` (eq. 2). Masks are to cover between `least_area` and `most_area`
    of a patch. The paper names neither epochs nor batch size: these are its classifier's. With `from_classifier` the
    way down begins with the classifier's own convolutions.
    """

    layout: Unet11Layout = field(default_factory=Unet11Layout)
    learning_rate: float = 1e-5
    outside: str = "negative_class"
    outside_weight: float = 0.1
    area_weight: float = 0.1
    variation_weight: float = 0.1
    least_area: float = 0.001
    most_area: float = 0.15
    from_classifier: bool = False


#: `paper` is Forest et al. 2024; `twin` explains the shipped classifier and is as narrow.
EXPLAINER_PRESETS: dict[str, ExplainerOptions] = {
    "paper": ExplainerOptions(),
    "twin": ExplainerOptions(
        layout=Unet11Layout(width=0.25),
        epochs=8,
        patience=3,
        learning_rate=1e-3,
        one_cycle=True,
        quarter_turns=True,
        light_jitter=0.12,
        bfloat16=True,
        from_classifier=True,
    ),
}


def classification_loss(logits: Tensor, damages: Tensor) -> Tensor:
    """L_C: binary cross-entropy, mean over the K kinds and the patches, of the probabilities by `logits` (n, K + 1)
    against `damages` bool (n, K).
    """
    there, absent = log_probabilities(logits)
    return -torch.where(damages, there[:, 1:], absent[:, 1:]).mean()


def negative_class_loss(logits: Tensor) -> Tensor:
    """L_NC, eq. 3: cross-entropy against the damage-free class, mean over the patches, of `logits` (n, K + 1)."""
    there, absent = log_probabilities(logits)
    return -(there[:, 0] + absent[:, 1:].mean(1)).mean()


def negative_entropy_loss(logits: Tensor) -> Tensor:
    """L_E, eq. 2: mean of p log p over the K kinds of damage and the patches, of `logits` (n, K + 1)."""
    there, _ = log_probabilities(logits)
    return (there.exp() * there)[:, 1:].mean()


OUTSIDE: dict[str, Callable[[Tensor], Tensor]] = {
    "negative_class": negative_class_loss,
    "entropy": negative_entropy_loss,
}


def log_probabilities(logits: Tensor) -> tuple[Tensor, Tensor]:
    """log p and log (1 - p), both (n, classes), of the softmax of `logits` (n, classes)."""
    there = functional.log_softmax(logits, 1)
    others = there[:, None].masked_fill(torch.eye(there.shape[1], dtype=torch.bool, device=there.device), -torch.inf)
    return there, torch.logsumexp(others, 2)


def area_loss(masks: Tensor, damages: Tensor, target: Tensor, other: Tensor, least: float, most: float) -> Tensor:
    """L_A: mean area of the `target` and `other` masks (n, rows, cols), and how far each present kind's mask of `masks`
    (n, K, rows, cols) is from covering at least the share `least` and at most `most`.

    A mask's pixels are sorted: the share `least` of the largest should be 1, what comes after the share `most` 0; the
    shortfall is summed over the kinds present, mean over pixels and patches.
    """
    ranked = masks.flatten(2).sort(dim=2, descending=True).values
    pixels = ranked.shape[2]
    lacking = (1 - ranked[:, :, : int(pixels * least)]).sum(2)
    beyond = ranked[:, :, int(pixels * most) :].sum(2)
    bounds = ((lacking + beyond) / pixels * damages).sum(1).mean()
    return target.mean() + other.mean() + bounds


def variation_loss(*masks: Tensor) -> Tensor:
    """L_TV: mean absolute difference of neighbours along rows and columns, summed over the `masks` (n, rows, cols)."""
    total = masks[0].new_zeros(())
    for mask in masks:
        total = total + mask.diff(dim=1).abs().mean() + mask.diff(dim=2).abs().mean()
    return total


def merged(masks: Tensor, damages: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of the present kinds' masks and of the absent kinds' at each pixel, both (n, rows, cols), of `masks`
    (n, K, rows, cols) and `damages` bool (n, K); zero where there are none.
    """
    present = damages[:, :, None, None]
    return (masks * present).amax(1), (masks * ~present).amax(1)


def explainer_loss(
    masks: Tensor, damages: Tensor, patches: Tensor, classify: Callable[[Tensor], Tensor], options: ExplainerOptions
) -> Tensor:
    """The loss of `masks` (n, K, rows, cols) in [0, 1] for `patches` (n, 3, rows, cols) with `damages` bool (n, K)."""
    target, other = merged(masks, damages)
    inside = classify(patches * target[:, None]).float()
    outside = classify(patches * (1 - target[:, None])).float()
    area = area_loss(masks, damages, target, other, options.least_area, options.most_area)
    return (
        classification_loss(inside, damages)
        + options.outside_weight * OUTSIDE[options.outside](outside)
        + options.area_weight * area
        + options.variation_weight * variation_loss(target, other)
    )


def train_explainer(
    train: DamagedPatches,
    validation: DamagedPatches,
    classifier: Classifier,
    options: ExplainerOptions,
    checkpoint: Path,
    device: torch.device | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Unet11, list[Epoch]]:
    """The explainer of the best epoch, for `classifier`, which stays as it is; and the epochs seen.

    `checkpoint` is written after every epoch and read at the start. Raises `MisuseError` before the first epoch when
    patches, classifier and masks do not fit together, and as `Course.follow` does.
    """
    _check(train, validation, classifier.network, options)
    torch.manual_seed(options.seed)
    network = Unet11(options.layout)
    if options.from_classifier:
        network.start_from(classifier.network)
    explained = classifier.network.to(device or torch.device("cpu"))
    course = _Course(network, explained, classifier.sha256, options, len(train.images), device)
    with _still(explained):
        best = course.follow(train, validation, checkpoint, on_epoch, on_batch)
    found = Unet11(options.layout)
    found.load_state_dict(best)
    return found.eval(), list(course.history)


class _Course(Course[DamagedPatches]):
    def __init__(
        self,
        network: Unet11,
        explained: Vgg11,
        sha256: str,
        options: ExplainerOptions,
        count: int,
        device: torch.device | None,
    ) -> None:
        belonging = {"options": asdict(options), "patches": count, "classifier": sha256}
        super().__init__(network, options, count, belonging, device)
        self._options = options
        self._explained = explained

    def _loss(self, train: DamagedPatches, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        (images,) = turned([as_batch(train.images[chosen])], rng, self._options.quarter_turns)
        batch = self.descent.placed(lit(images, self._options.light_jitter, rng))
        damages = torch.from_numpy(train.damages[chosen]).to(self.descent.device)
        with self.descent.precision():
            masks = torch.sigmoid(self.network(batch).float())
            return explainer_loss(masks, damages, batch, self._explained, self._options)

    def _judged(self, network: nn.Module, validation: DamagedPatches) -> tuple[float, float | None]:
        network.eval()

        def loss(chosen: NDArray[np.int64]) -> Tensor:
            batch = self.descent.placed(as_batch(validation.images[chosen]))
            damages = torch.from_numpy(validation.damages[chosen]).to(self.descent.device)
            return explainer_loss(torch.sigmoid(network(batch)), damages, batch, self._explained, self._options)

        return mean_loss(loss, len(validation.images), self._options.batch_size), None


@contextmanager
def _still(network: Vgg11) -> Iterator[None]:
    """The classifier explains itself as it is used: not trained, and no gradients kept for its weights."""
    before = network.training, [parameter.requires_grad for parameter in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(before[0])
        for parameter, wanted in zip(network.parameters(), before[1], strict=True):
            parameter.requires_grad_(wanted)


def _check(train: DamagedPatches, validation: DamagedPatches, network: Vgg11, options: ExplainerOptions) -> None:
    if options.outside not in OUTSIDE:
        raise UnknownNameError("loss outside the mask", options.outside, OUTSIDE)
    if not 0 <= options.least_area <= options.most_area <= 1:
        raise MisuseError(f"Areas from {options.least_area} to {options.most_area} are no range of shares.")
    kinds, side = network.layout.classes - 1, network.layout.patch_px
    if options.layout.masks != kinds:
        raise MisuseError(
            f"The classifier knows {kinds} kinds of damage, the explainer has {options.layout.masks} masks."
        )
    if side % VGG11_REDUCTION:
        raise MisuseError(
            f"The classifier's patches of {side} px do not fit a U-Net11: multiples of {VGG11_REDUCTION} do."
        )
    for name, patches in (("training", train), ("validation", validation)):
        count = len(patches.images)
        if patches.images.shape[1:] != (side, side, 3) or patches.damages.shape != (count, kinds) or not count:
            raise MisuseError(
                f"The {name} patches are {patches.images.shape} with damages {patches.damages.shape}; wanted are "
                f"(n, {side}, {side}, 3) and (n, {kinds}), one patch at least."
            )
        if not patches.damages.any(1).all():
            raise MisuseError(f"Some {name} patches show no damage: they teach an explainer nothing.")
