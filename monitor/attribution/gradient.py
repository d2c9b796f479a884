"""Five methods of captum, as in Forest et al. 2024, section 3.3 (doi:10.1016/j.autcon.2024.105497).

What is explained is the crack logit. Few images go through the network at once, so that memory stays bounded whatever
the steps, the baselines or the batch size; the relevance is the same.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import captum.attr
import numpy as np
import torch
from torch import Tensor, nn

from monitor.attribution.base import Beside, in_batches
from monitor.attribution.baselines import checked, fitted, load_baselines, sha256_of
from monitor.networks.training import as_batch
from monitor.networks.vgg import Vgg11
from monitor.networks.weights import Classifier
from monitor.records import ByteArray, FloatArray

_CRACK = 1
#: So many images, four in GradientShap, are in the network at the same time (256 px, full width: below 1 GB).
AT_ONCE = 2
STEPS = 50
SAMPLES, NOISE = 4, 0.09
#: How many of the baselines the SHAP pair takes.
SAMPLE = 10
#: What GradientShap draws is the same for every patch, so that neither neighbours nor order matter.
_SEED = 0


class CaptumAttribution(ABC):
    """A method of captum on a classifier; `baselines` uint8 (n, side, side, 3), None where it needs none."""

    #: Whether a patch is explained by itself.
    one_by_one = True

    def __init__(self, classifier: Classifier, batch_size: int, baselines: ByteArray | None = None) -> None:
        self._network = classifier.network
        self._device = next(classifier.network.parameters()).device
        self.batch_size = 1 if self.one_by_one else min(batch_size, AT_ONCE)
        self._sha256 = None if baselines is None else sha256_of(baselines)
        self._baselines = None if baselines is None else as_batch(baselines).to(self._device)

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3): mean over the colours."""
        return in_batches(self._explain_batch, patches, self.batch_size)

    def as_options(self) -> dict[str, Any]:
        """Method, its numbers and the hash of its baselines, for the recipe fingerprint."""
        return {"engine": "captum", "method": type(self).__name__, "baselines_sha256": self._sha256}

    def promised_sum(self, patches: ByteArray) -> FloatArray | None:
        """What the relevance of each patch (n,), summed over pixels and colours, has to come to: the crack logit less
        the mean one of the baselines. None where a method promises nothing.
        """
        with torch.inference_mode():
            still = self._crack_logits(self._references()).mean()
            logits = [self._crack_logits(as_batch(patch[None]).to(self._device)) - still for patch in patches]
        return torch.cat(logits).cpu().numpy() if logits else np.zeros(0, np.float32)

    def _crack_logits(self, images: Tensor) -> Tensor:
        return torch.cat([self._network(part)[:, _CRACK] for part in torch.split(images, AT_ONCE)])

    def _references(self) -> Tensor:
        """The inputs (n, 3, side, side) a patch is compared with."""
        assert self._baselines is not None
        return self._baselines

    def _explain_batch(self, patches: ByteArray) -> FloatArray:
        # A single patch out of an array read backwards keeps a negative stride, which torch does not take.
        images = as_batch(patches.copy()).to(self._device).requires_grad_()
        with left_as_found(self._network):
            relevance = self._attributed(images)
        mean: FloatArray = relevance.mean(dim=1).detach().cpu().numpy().astype(np.float32)
        return mean

    @abstractmethod
    def _attributed(self, images: Tensor) -> Tensor:
        """Relevance (n, 3, side, side) of images of the same shape."""


@contextmanager
def left_as_found(network: nn.Module) -> Iterator[None]:
    """Captum announces its hooks by a warning, and leaves activations on the layers when it fails half-way."""
    before = {layer: set(vars(layer)) for layer in network.modules()}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\s*Setting forward, backward hooks")
            yield
    finally:
        for layer, names in before.items():
            for name in set(vars(layer)) - names:
                delattr(layer, name)


class InputXGradient(CaptumAttribution):
    """Gradient of the crack logit times the input (doi:10.48550/arXiv.1605.01713)."""

    one_by_one = False

    def promised_sum(self, patches: ByteArray) -> None:
        """Nothing is promised: biases take part in the logit, but not in the gradient times the input."""

    def _attributed(self, images: Tensor) -> Tensor:
        return _attributed_by(captum.attr.InputXGradient(self._network), images)


class IntegratedGradients(CaptumAttribution):
    """Gradients along the straight way from the mean baseline, 50 steps (doi:10.48550/arXiv.1703.01365)."""

    def as_options(self) -> dict[str, Any]:
        """The method's, with its number of steps."""
        return {**super().as_options(), "steps": STEPS}

    def _references(self) -> Tensor:
        return super()._references().mean(dim=0, keepdim=True)

    def _attributed(self, images: Tensor) -> Tensor:
        method = captum.attr.IntegratedGradients(self._network)
        return _attributed_by(method, images, baselines=self._references(), n_steps=STEPS, internal_batch_size=AT_ONCE)


class DeepLift(CaptumAttribution):
    """Differences from the mean baseline, layer by layer, rescale rule (doi:10.48550/arXiv.1704.02685).

    Layers are spaced (see `spaced`), or relevance would not come to what it promises. One by one, since captum gives
    patches of a batch the slope of the first where a max pooling sees no difference.
    """

    def __init__(self, classifier: Classifier, batch_size: int, baselines: ByteArray | None = None) -> None:
        super().__init__(classifier, batch_size, baselines)
        self._explained: nn.Module = spaced(self._network)

    def as_options(self) -> dict[str, Any]:
        """The method's, and whether its layers are spaced."""
        return {**super().as_options(), "spaced": self._explained is not self._network}

    def _references(self) -> Tensor:
        return super()._references().mean(dim=0, keepdim=True)

    def _attributed(self, images: Tensor) -> Tensor:
        return _attributed_by(captum.attr.DeepLift(self._explained), images, baselines=self._references())


class DeepLiftShap(DeepLift):
    """The mean of DeepLift over ten baselines (doi:10.48550/arXiv.1705.07874).

    Captum's own `DeepLiftShap` takes all baselines at once: 4.4 GB for a patch of 256 px.
    """

    def _references(self) -> Tensor:
        return CaptumAttribution._references(self)[:SAMPLE]

    def _attributed(self, images: Tensor) -> Tensor:
        method, references = captum.attr.DeepLift(self._explained), self._references()
        # DeepLift puts each image and its baseline through the network together.
        parts = [
            _attributed_by(method, images.detach().requires_grad_(), baselines=reference[None]).detach()
            for reference in references
        ]
        return torch.stack(parts).mean(dim=0)


class PublishedDeepLift(DeepLift):
    """DeepLift as captum gives it for this network, and the paper has it."""

    def __init__(self, classifier: Classifier, batch_size: int, baselines: ByteArray | None = None) -> None:
        super().__init__(classifier, batch_size, baselines)
        self._explained = self._network


class PublishedDeepLiftShap(DeepLiftShap):
    """The same for DeepLiftShap."""

    def __init__(self, classifier: Classifier, batch_size: int, baselines: ByteArray | None = None) -> None:
        super().__init__(classifier, batch_size, baselines)
        self._explained = self._network


class Pause(nn.Module):
    """Passes on what it gets, as another tensor."""

    def forward(self, values: Tensor) -> Tensor:
        """The same values."""
        return values.clone()


def spaced(network: nn.Module) -> nn.Module:
    """The same function of the same layers, with a `Pause` between a ReLU and the max pooling behind it.

    Captum hooks what leaves one layer and what enters the next. Where that is one tensor, the ReLU is told the slope
    before DeepLift's rule for the pooling has changed it, so that the rule is lost.
    """
    if not isinstance(network, Vgg11):
        return network
    layers: list[nn.Module] = []
    for layer in network.features:
        layers += [Pause(), layer] if isinstance(layer, nn.MaxPool2d) else [layer]
    return nn.Sequential(*layers, network.pooling, network.classifier)


class GradientShap(CaptumAttribution):
    """Gradients at random points between four noisy copies and random baselines (doi:10.48550/arXiv.1705.07874).

    Its sum only approaches what it promises.
    """

    def as_options(self) -> dict[str, Any]:
        """The method's, with the number of copies, their noise and the seed."""
        return {**super().as_options(), "samples": SAMPLES, "noise": NOISE, "seed": _SEED}

    def _references(self) -> Tensor:
        return super()._references()[:SAMPLE]

    def _attributed(self, images: Tensor) -> Tensor:
        method = captum.attr.GradientShap(self._network)
        with seeded(_SEED, self._device):
            return _attributed_by(method, images, baselines=self._references(), n_samples=SAMPLES, stdevs=NOISE)


def _attributed_by(method: Any, images: Tensor, **options: Any) -> Tensor:
    relevance: Tensor = method.attribute(images, target=_CRACK, **options)
    return relevance


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Captum draws from the generators that numpy and torch share with everybody: both are put back."""
    before = np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=_kind(device)):
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _kind(device: torch.device) -> str:
    """`fork_rng` asks for a kind of accelerator, also where none is meant."""
    return "cuda" if device.type == "cpu" else device.type


_Factory = Callable[[Classifier, int, Beside], CaptumAttribution]


def _damage_free(kind: type[CaptumAttribution]) -> _Factory:
    def factory(classifier: Classifier, batch_size: int, beside: Beside) -> CaptumAttribution:
        sample = load_baselines() if beside.baselines is None else checked(beside.baselines)
        return kind(classifier, batch_size, fitted(sample, classifier.patch_px))

    return factory


def _zero(kind: type[CaptumAttribution]) -> _Factory:
    def factory(classifier: Classifier, batch_size: int, beside: Beside) -> CaptumAttribution:
        black = np.zeros((1, classifier.patch_px, classifier.patch_px, 3), np.uint8)
        return kind(classifier, batch_size, black)

    return factory


integrated_gradients, integrated_gradients_zero = _damage_free(IntegratedGradients), _zero(IntegratedGradients)
deep_lift, deep_lift_zero = _damage_free(DeepLift), _zero(DeepLift)
deep_lift_shap = _damage_free(DeepLiftShap)
deep_lift_published = _damage_free(PublishedDeepLift)
deep_lift_shap_published = _damage_free(PublishedDeepLiftShap)
gradient_shap, gradient_shap_zero = _damage_free(GradientShap), _zero(GradientShap)


def input_x_gradient(classifier: Classifier, batch_size: int, beside: Beside) -> InputXGradient:
    """The method needs no baselines."""
    return InputXGradient(classifier, batch_size)
