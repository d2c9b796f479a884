"""Layer-wise Relevance Propagation of a `Vgg11`, written out: one way forward, one way back, no autograd.

For a layer with inputs a and outputs z = W a + b, relevance goes back as R_in = a * V^T (R_out / (V a + c)), where a
rule (see `monitor.attribution.rules`) says which V and c to take for W and b. What is left out has no effect:
behind a ReLU inputs are not negative, so that the rules' terms for negative ones vanish, and where z <= 0 no
relevance arrives. (doi:10.1007/978-3-030-28954-6_10)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from monitor.attribution.base import Beside, in_batches
from monitor.attribution.rules import (
    ALPHA,
    BETA,
    GAMMA,
    HIGH,
    LOW,
    STABILISER,
    Start,
    as_options,
    both_logits,
    crack_logit,
)
from monitor.errors import MisuseError
from monitor.networks.classification import calibrated, padded
from monitor.networks.training import as_batch
from monitor.networks.vgg import Vgg11
from monitor.networks.weights import Classifier
from monitor.networks.winograd import WinogradConvolution
from monitor.records import ByteArray, FloatArray

#: From so many channels on a Winograd convolution is the faster one on a CPU.
_WIDE = 64
#: More patches at once leave a CPU's cache, and more black ones are computed where few patches come.
_AT_ONCE_ON_CPU = 2

_Step = Callable[[Tensor], Tensor]


class _Rule(Protocol):
    """How relevance goes back through one convolution; all tensors are (n, channels, rows, cols).

    Relevance is split over the denominators in these `parts`, which come to 1.
    """

    parts: tuple[float, ...]

    def denominators(self, inputs: Tensor, outputs: Tensor, pooled: _Step) -> Sequence[Tensor]:
        """What the relevance of the outputs is to be divided by.

        `outputs` come after ReLU and pooling, `pooled` takes other values of the same layer where the maxima were.
        """
        ...

    def backward(self, inputs: Tensor, quotients: Sequence[Tensor]) -> Tensor:
        """Relevance of the inputs, from the outputs' relevance divided by each of the denominators."""
        ...

    def kept(self, quotients: Sequence[Tensor]) -> Tensor:
        """Of the relevance that so goes back, what biases keep: (n,)."""
        ...


class Box:
    """Inputs within [low, high]: contributions are counted from the box's most unfavourable corner."""

    parts: tuple[float, ...] = (1.0,)

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        corner = LOW * weight.clamp(min=0) + HIGH * weight.clamp(max=0)
        still = _direct(corner, bias)
        self._least = lru_cache(maxsize=1)(lambda shape: still(torch.ones(1, *shape, device=weight.device)))
        self._backward = _direct(_turned(torch.cat([weight, corner.sum(1, keepdim=True)], 1)))

    def denominators(self, inputs: Tensor, outputs: Tensor, pooled: _Step) -> Sequence[Tensor]:
        """The outputs less what they are at the corner."""
        least: Tensor = self._least(inputs.shape[1:])
        return [outputs - pooled(least.expand(len(inputs), -1, -1, -1))]

    def backward(self, inputs: Tensor, quotients: Sequence[Tensor]) -> Tensor:
        """Relevance (n, 1, rows, cols), the sum over the colours."""
        back = self._backward(quotients[0])
        return (inputs * back[:, :-1]).sum(1, keepdim=True) - back[:, -1:]

    def kept(self, quotients: Sequence[Tensor]) -> Tensor:
        """Nothing: the bias is in the outputs and at the corner alike."""
        return quotients[0].new_zeros(len(quotients[0]))


class AlphaBeta:
    """Positive contributions count alpha times, negative ones -beta times, each divided by their own sum."""

    parts: tuple[float, ...] = (ALPHA, -BETA)

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        positive, negative = weight.clamp(min=0), weight.clamp(max=0)
        self._positive = _direct(positive, bias.clamp(min=0))
        self._biases = ALPHA * bias.clamp(min=0), -BETA * bias.clamp(max=0)
        self._backward = [_direct(_turned(each)) for each in (ALPHA * positive, -BETA * negative)]

    def denominators(self, inputs: Tensor, outputs: Tensor, pooled: _Step) -> Sequence[Tensor]:
        """The positive contributions, and the negative ones as what is left of the outputs."""
        positive = pooled(self._positive(inputs))
        return [positive, outputs - positive]

    def backward(self, inputs: Tensor, quotients: Sequence[Tensor]) -> Tensor:
        """Relevance of the inputs."""
        positive, negative = (back(each) for back, each in zip(self._backward, quotients, strict=True))
        return positive.add_(negative).mul_(inputs)

    def kept(self, quotients: Sequence[Tensor]) -> Tensor:
        """The biases' shares, positive ones and negative ones."""
        return sum((_shares(each, bias) for each, bias in zip(quotients, self._biases, strict=True)), torch.tensor(0.0))


class Gamma:
    """Positive weights count gamma times more."""

    parts: tuple[float, ...] = (1.0,)

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        weight, bias = (each + GAMMA * each.clamp(min=0) for each in (weight, bias))
        # Where there is relevance, the denominator is no less than the output. So no quotient is large, and none
        # drowns its neighbours in the error that Winograd's tiles share.
        wide = min(weight.shape[:2]) >= _WIDE and weight.device.type == "cpu"
        convolution = WinogradConvolution if wide else _direct
        self._stronger, self._backward, self._bias = convolution(weight, bias), convolution(_turned(weight)), bias

    def denominators(self, inputs: Tensor, outputs: Tensor, pooled: _Step) -> Sequence[Tensor]:
        """The outputs with the stronger weights."""
        return [pooled(self._stronger(inputs))]

    def backward(self, inputs: Tensor, quotients: Sequence[Tensor]) -> Tensor:
        """Relevance of the inputs."""
        return self._backward(quotients[0]).mul_(inputs)

    def kept(self, quotients: Sequence[Tensor]) -> Tensor:
        """The biases' share."""
        return _shares(quotients[0], self._bias)


def _shares(quotients: Tensor, bias: Tensor) -> Tensor:
    """What biases (channels,) get of relevance over denominators (n, channels, ...): (n,)."""
    return quotients.flatten(2).sum(2) @ bias


def _direct(weight: Tensor, bias: Tensor | None = None) -> _Step:
    """The convolution with weights (outputs, inputs, 3, 3), padded by 1 pixel."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    return lambda inputs: functional.conv2d(inputs, weight, bias, padding=1)


def _turned(weight: Tensor) -> Tensor:
    """The weights with which an ordinary convolution goes from outputs back to inputs."""
    return weight.flip(2, 3).transpose(0, 1)


def quotient(relevance: Tensor, denominators: Tensor) -> Tensor:
    """Relevance divided by denominators that are kept away from zero, by zennit's stabiliser."""
    return relevance / torch.copysign(torch.tensor(STABILISER), denominators).add_(denominators)


@dataclass(frozen=True)
class Winners:
    """Where in `shape` (rows, cols) the maxima of a max pooling were: `indices` (n, channels, rows / 2, cols / 2)."""

    indices: Tensor
    shape: torch.Size

    def taken(self, values: Tensor) -> Tensor:
        """The values (n, channels, rows, cols) of the winners alone."""
        return _laid_out(_flat(values).gather(1, _flat(self.indices)), self.indices.shape[2:])

    def returned(self, values: Tensor) -> Tensor:
        """The winners' values where they were, zero elsewhere, (n, channels, rows, cols)."""
        count, channels = values.shape[:2]
        blank = torch.zeros(count, self.shape.numel(), channels, device=values.device)
        return _laid_out(blank.scatter_(1, _flat(self.indices), _flat(values)), self.shape)


def _flat(values: Tensor) -> Tensor:
    """(n, channels, rows, cols) as (n, rows * cols, channels): as it lies in memory, channels last."""
    return values.permute(0, 2, 3, 1).flatten(1, 2)


def _laid_out(values: Tensor, shape: torch.Size) -> Tensor:
    """(n, rows * cols, channels) as (n, channels, rows, cols)."""
    return values.view(len(values), *shape, -1).permute(0, 3, 1, 2)


def spread(inputs: Tensor, averages: Tensor, relevance: Tensor) -> Tensor:
    """Average pooling: each input gets by its share in the averages; itself, where there was nothing to average."""
    if inputs.shape == averages.shape:
        return relevance
    down, across = (
        functional.adaptive_avg_pool1d(torch.eye(full, device=inputs.device), part)
        for full, part in zip(inputs.shape[2:], averages.shape[2:], strict=True)
    )
    return inputs * (down @ quotient(relevance, averages) @ across.T)


@dataclass
class Activations:
    """What one way forward leaves for the way back: the inputs of each convolution and of the average pooling, the
    winners of the pooling behind each convolution, and the inputs of each fully connected layer and the logits.
    """

    convolved: list[Tensor]
    winners: list[Winners | None]
    averages: Tensor
    connected: list[Tensor]

    def of(self, patches: NDArray[np.int64]) -> "Activations":
        """Those of some of the patches, by their places in the batch."""
        places = torch.from_numpy(patches).to(self.averages.device)
        return Activations(
            [_chosen(each, places) for each in self.convolved],
            [each and Winners(_chosen(each.indices, places), each.shape) for each in self.winners],
            self.averages[places],
            [each[places] for each in self.connected],
        )


def _chosen(values: Tensor, places: Tensor) -> Tensor:
    return values[places].contiguous(memory_format=torch.channels_last)


class LeanLrp:
    """LRP of a classifier; `start` gives the relevance (n, classes) put on its logits (n, classes).

    The rules' weights are made once, from those the network has now.
    """

    def __init__(self, classifier: Classifier, batch_size: int, start: Start) -> None:
        network = classifier.network
        if network.layout.batch_norm:
            raise MisuseError("The rules of LRP are made for networks without batch norm: fold it into them first.")
        self._start, self._temperature, self._together = start, classifier.temperature, batch_size
        self._pooling = network.pooling
        convolutions = [_parameters(layer) for layer in network.features if isinstance(layer, nn.Conv2d)]
        self._connected = [_parameters(layer) for layer in network.classifier if isinstance(layer, nn.Linear)]
        self._forward = [_direct(*each) for each in convolutions]
        self._pooled = _pooled(network)
        rules: list[Callable[[Tensor, Tensor], _Rule]] = [Box, AlphaBeta, AlphaBeta]
        rules += [Gamma] * (len(convolutions) - len(rules))
        self._rules = [rule(*each) for rule, each in zip(rules, convolutions, strict=True)]
        self._device = convolutions[0][0].device
        self.batch_size = min(batch_size, _AT_ONCE_ON_CPU) if self._device.type == "cpu" else batch_size

    def explain(self, patches: ByteArray) -> FloatArray:
        """Relevance float32 (n, side, side) of uint8 RGB patches (n, side, side, 3): mean over the colours."""
        return in_batches(self._explain_batch, patches, self.batch_size)

    @torch.inference_mode()
    def classify_and_explain(self, patches: ByteArray, threshold: float) -> tuple[FloatArray, FloatArray]:
        """Crack probability float64 (n,) of uint8 RGB patches (n, side, side, 3), and relevance float32
        (k, side, side) of those that reach the threshold: the way back goes on from the way forward that told them.
        """
        probability: list[NDArray[np.float64]] = [np.zeros(0)]
        relevance = [np.zeros((0, *patches.shape[1:3]), np.float32)]
        for first in range(0, len(patches), self._together):
            chunk = patches[first : first + self._together]
            passed = self.forward(as_batch(padded(chunk, self._together)).to(self._device))
            probability.append(calibrated(passed.connected[-1][: len(chunk)], self._temperature))
            positive = np.flatnonzero(probability[-1] >= threshold)
            for place in range(0, len(positive), self.batch_size):
                chosen = positive[place : place + self.batch_size]
                back = self.backward(passed.of(np.resize(chosen, self.batch_size)))  # one size, so one result
                relevance.append(back[: len(chosen)].cpu().numpy())
        return np.concatenate(probability), np.concatenate(relevance)

    def as_options(self) -> dict[str, Any]:
        """Engine, rules and start, for the recipe fingerprint."""
        return as_options("lean", self._start)

    @torch.inference_mode()
    def promised_sum(self, patches: ByteArray) -> FloatArray:
        """What relevance comes to, summed over pixels and colours, (n,): the start, less what stays on the way."""
        promised = [np.zeros(0, np.float32)]
        for patch in patches:
            passed = self.forward(as_batch(patch[None]).to(self._device))
            kept: list[Tensor] = []
            self.backward(passed, kept)
            start = self._start(passed.connected[-1]).sum(1)
            promised.append((start - torch.stack(kept).sum(0)).cpu().numpy())
        return np.concatenate(promised)

    @torch.inference_mode()
    def _explain_batch(self, patches: ByteArray) -> FloatArray:
        activations = self.forward(as_batch(patches).to(self._device))
        relevance: FloatArray = self.backward(activations).cpu().numpy()
        return relevance

    def forward(self, values: Tensor) -> Activations:
        """The classification of patches (n, 3, side, side), layer by layer."""
        convolved, winners = [values], list[Winners | None]()
        for convolution, pooled in zip(self._forward, self._pooled, strict=True):
            outputs = convolution(values)
            found = None
            if pooled:
                shape = outputs.shape[2:]
                outputs, indices = functional.max_pool2d(outputs, 2, return_indices=True)
                found = Winners(indices, shape)
            values = outputs.relu_()
            convolved.append(values)
            winners.append(found)
        averages = self._pooling(values)
        connected = [averages.flatten(1)]
        for weight, bias in self._connected:
            connected.append(functional.linear(connected[-1].clamp(min=0), weight, bias))
        return Activations(convolved, winners, averages, connected)

    def backward(self, passed: Activations, kept: list[Tensor] | None = None) -> Tensor:
        """Relevance (n, side, side) of the patches' pixels, mean over the colours; to `kept` is added, layer by layer,
        what of it biases keep, and rules where nothing speaks against, say, so that one part goes nowhere: (n,).
        """
        relevance = self._start(passed.connected[-1])
        for (weight, bias), (inputs, outputs) in reversed(
            list(zip(self._connected, pairwise(passed.connected), strict=True))
        ):
            through = quotient(relevance, outputs)
            if kept is not None:
                kept.append(through @ bias)
            relevance = inputs.clamp(min=0) * (through @ weight)
        relevance = spread(passed.convolved[-1], passed.averages, relevance.view_as(passed.averages))
        layers = zip(self._rules, pairwise(passed.convolved), passed.winners, strict=True)
        for rule, (inputs, outputs), winners in reversed(list(layers)):
            denominators = rule.denominators(inputs, outputs, winners.taken if winners else lambda values: values)
            divided = [quotient(relevance, each) for each in denominators]
            quotients = [winners.returned(each) for each in divided] if winners else divided
            if kept is not None:
                gone = zip(rule.parts, divided, denominators, strict=True)
                stuck = relevance - sum(part * each * denominator for part, each, denominator in gone)
                kept.append(rule.kept(quotients) + stuck.flatten(1).sum(1))
            relevance = rule.backward(inputs, quotients)
        return relevance.squeeze(1) / 3


def _parameters(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    assert layer.bias is not None
    return layer.weight.detach(), layer.bias.detach()


def _pooled(network: Vgg11) -> list[bool]:
    """Of each convolution whether max pooling follows before the next."""
    kinds = [type(layer) for layer in network.features if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    return [after is nn.MaxPool2d for kind, after in pairwise(kinds) if kind is nn.Conv2d]


def crack_lrp(classifier: Classifier, batch_size: int, _beside: Beside | None = None) -> LeanLrp:
    """Explains the crack logit alone."""
    return LeanLrp(classifier, batch_size, crack_logit)


def both_logits_lrp(classifier: Classifier, batch_size: int, _beside: Beside | None = None) -> LeanLrp:
    """Explains both logits at once, as the published code does."""
    return LeanLrp(classifier, batch_size, both_logits)
